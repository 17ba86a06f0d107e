"""A website of the tests' own, on loopback: what it answers is set as it runs."""

import contextlib
import http.server
import threading


class Site:
    """`pages` maps a path to (status, headers, body); everything else is 404."""

    def __init__(self):
        self.pages = {}
        self.requests = []

    def page(self, path, body, status=200, **headers):
        self.pages[path] = (status, {"Content-Type": "text/html; charset=utf-8", **headers}, body.encode())
        return self.url + path


@contextlib.contextmanager
def serve():
    """Give a running site; its `url` has no slash at the end, its `host` is host:port."""
    site = Site()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            site.requests.append(self.path)
            status, headers, body = site.pages.get(self.path, (404, {}, b""))
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site.host = f"127.0.0.1:{server.server_port}"
    site.url = f"http://{site.host}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
