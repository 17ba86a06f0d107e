"""`connectors.Context.public` for tests: what a connector gives is served from this machine, for a platform of the tests' own to fetch."""

import hashlib
import threading
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from connectors import Attachment

_shown: dict[str, Attachment] = {}  # by the path of its address


def public(file: Attachment) -> str:
    """An address at which these bytes are fetched (GET or HEAD) until the tests are over."""
    path = f"/{hashlib.sha256(file.content).hexdigest()}.{file.media_type.rpartition('/')[2]}"
    _shown[path] = file
    return _server() + path


@cache
def _server() -> str:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        file = _shown.get(self.path)
        self.send_response(200 if file else 404)
        self.send_header("Content-Type", file.media_type if file else "text/plain")
        self.send_header("Content-Length", str(len(file.content) if file else 0))
        self.end_headers()
        if file and self.command == "GET":
            self.wfile.write(file.content)

    do_HEAD = do_GET

    def log_message(self, *args: object) -> None:
        pass
