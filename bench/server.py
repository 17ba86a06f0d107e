"""`python -m bench.server KIND FOLDER PORT`: one of the measured applications behind Terbit's own gunicorn settings."""

import sys
from pathlib import Path

from bench import apps
from webui import create_app, serve


def main() -> None:
    kind, folder, port = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    serve.stop_with_supervisor()
    make = create_app if kind == "terbit" else getattr(apps, kind)
    serve.serve_web(lambda: make(folder), "127.0.0.1", port)


if __name__ == "__main__":
    main()
