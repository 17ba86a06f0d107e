"""`python -m webui.cli`, as the processes of `terbit up` are called."""

import os

from webui.cli import main

if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    main(prog_name="terbit")
