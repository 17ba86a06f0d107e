"""Serves an instance's site as the web does: by `resolve`, with the site's own headers."""

import mimetypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

from connectors.site import HEADERS, resolve


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The base URL under which `/situs/` is served."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = unquote(urlsplit(self.path).path)
            file = resolve(folder, path.removeprefix("/situs/")) if path.startswith("/situs/") else None
            self.send_response(200 if file else 404)
            for name, value in HEADERS.items():
                self.send_header(name, value)
            body = file.read_bytes() if file else b""
            self.send_header("Content-Type", mimetypes.guess_type(file.name)[0] or "application/octet-stream" if file else "text/plain")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
