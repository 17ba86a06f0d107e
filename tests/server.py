"""A real `terbit up` in processes of its own, for tests of the whole."""

import base64
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil

ROOT = Path(__file__).parent.parent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Up:
    """`terbit up` on a port of its own; its output is in `log`."""

    def __init__(self, folder: Path, *arguments: str, port: int = 0, **environment: str):
        self.folder, self.port = folder, port or free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.log = folder.parent / f"up-{self.port}.log"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "webui.cli", "up", "--instance", str(folder), "--port", str(self.port), *arguments],
            cwd=ROOT, stdout=self.log.open("a"), stderr=subprocess.STDOUT, start_new_session=True, env={**os.environ, **environment})
        self.family = psutil.Process(self.process.pid)

    def get(self, path: str = "/sign-in") -> bytes:
        return urllib.request.urlopen(f"{self.address}{path}", timeout=5).read()

    def wait_until_it_answers(self, seconds: float = 60) -> bytes:
        deadline = time.monotonic() + seconds
        while True:
            try:
                return self.get()
            except urllib.error.HTTPError:
                raise
            except OSError:
                assert self.process.poll() is None, self.log.read_text()
                assert time.monotonic() < deadline, self.log.read_text()
                time.sleep(0.1)

    def child(self, command: str) -> psutil.Process | None:
        """The living `terbit web` or `terbit worker`."""
        for child in self.family.children():
            with contextlib.suppress(psutil.NoSuchProcess):  # which a zombie is, too
                if command in child.cmdline():
                    return child
        return None

    def rest(self, method: str, path: str, body: object = None, user: str = "admin", timeout: float = 10) -> tuple[int, object]:
        """Status and JSON of one REST call; OSError when the server is away."""
        request = urllib.request.Request(f"{self.address}/engine-rest{path}", method=method, headers={
            "Authorization": "Basic " + base64.b64encode(f"{user}:terbit-demo".encode()).decode(), "Content-Type": "application/json"},
            data=None if body is None else json.dumps(body).encode())
        try:
            with urllib.request.urlopen(request, timeout=timeout) as response:
                status, text = response.status, response.read()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read()
        return status, json.loads(text) if text else None

    def stop(self) -> int:
        """Stop it as a service manager does, and return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def clean(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def gone(processes: list[psutil.Process], seconds: float = 15) -> bool:
    """Whether all of them end within that time."""
    deadline = time.monotonic() + seconds
    while any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
