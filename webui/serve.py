"""How Terbit is served: gunicorn for the pages, and the supervisor that keeps web and worker alive together.

The supervisor's children are ordinary `terbit web` and `terbit worker` processes in its own process group, so that
Ctrl-C in a terminal reaches all of them, and each can as well be run alone under systemd.
"""

import atexit
import contextlib
import gc
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from gunicorn.app.base import BaseApplication

STOP_SECONDS = 20  # for a clean stop, before a child is killed
COUNTS = "PROMETHEUS_MULTIPROC_DIR"  # prometheus_client's own name for it
SUPERVISOR = "TERBIT_SUPERVISOR"  # the environment variable in which a child finds its supervisor's process id


class Web(BaseApplication):
    """gunicorn with threads; every worker process makes its own application, and with it its own database."""

    def __init__(self, make_app: Callable, **settings):
        self.make_app = make_app
        self.settings = settings
        super().__init__()

    def load_config(self):
        for name, value in self.settings.items():
            self.cfg.set(name, value)

    def load(self):
        app = self.make_app()
        gc.collect()
        gc.freeze()  # what is there now stays: the collector need not look through it again and again
        return app


def serve_web(make_app: Callable, host: str, port: int, *, workers: int = 2, threads: int = 8, **settings) -> None:
    """Serve the application until SIGTERM or SIGINT; does not return."""
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    shared_memory = Path("/dev/shm")  # heartbeats there touch no disk
    Web(make_app, **{
        "bind": address,
        "workers": workers,
        "threads": threads,
        "worker_class": "gthread",
        "keepalive": 30,
        "timeout": 120,
        "graceful_timeout": STOP_SECONDS // 2,
        "loglevel": "warning",
        "proc_name": "terbit-web",
        "worker_tmp_dir": str(shared_memory) if os.access(shared_memory, os.W_OK) else None,
        **({"child_exit": _forget} if COUNTS in os.environ else {}),
        **settings,
    }).run()


def share_counts() -> None:
    """Have this process's children count for /metrics together, each in files of its own. Before prometheus_client is imported."""
    folder = tempfile.mkdtemp(prefix="terbit-counts-")
    os.environ[COUNTS] = folder
    atexit.register(_remove_if_mine, folder, os.getpid())


def _forget(_server, worker) -> None:
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)


def _remove_if_mine(folder: str, pid: int) -> None:
    if os.getpid() == pid:  # a forked worker that ends leaves it to the others
        shutil.rmtree(folder, ignore_errors=True)


# The supervisor -------------------------------------------------------------------------------------------------------

@dataclass
class Child:
    """One process that is to run for as long as the supervisor does."""

    name: str
    command: list[str]
    process: subprocess.Popen | None = None
    started: float = 0.0
    failures: int = 0
    due: float = field(default=0.0)

    def start(self) -> None:
        self.started = time.monotonic()
        self.process = subprocess.Popen(self.command, env={**os.environ, SUPERVISOR: str(os.getpid())}, stdin=subprocess.DEVNULL)

    def died(self, code: int) -> None:
        """Note a death, and when the next start is due: soon, then later and later up to ten seconds."""
        now = time.monotonic()
        self.process = None
        self.failures = 1 if now - self.started > 5 else self.failures + 1
        self.due = now + min(10.0, 0.1 * 2 ** self.failures)
        reason = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        say(f"{self.name} {reason}; it is started again in {self.due - now:.1f} s")


def say(text: str) -> None:
    print(f"terbit: {text}", file=sys.stderr, flush=True)


def supervise(commands: dict[str, list[str]], ready: Callable[[], bool], on_ready: Callable[[], None]) -> int:
    """Run every command, start again what dies, and stop all of them cleanly on SIGTERM, SIGINT or SIGHUP.

    Calls `on_ready` once, as soon as `ready()` holds. Returns the exit code: 0 when all stopped cleanly, 1 when one
    had to be killed.
    """
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stopping.set())
    children = [Child(name, command) for name, command in commands.items()]
    told = False
    while not stopping.is_set():
        for child in children:
            if child.process is None and time.monotonic() >= child.due:
                child.start()
            elif child.process is not None and (code := child.process.poll()) is not None:
                child.died(code)
        if not told and ready():
            told = True
            on_ready()
        stopping.wait(0.1)
    return _stop([child.process for child in children if child.process is not None])


def _stop(processes: list[subprocess.Popen]) -> int:
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
    deadline = time.monotonic() + STOP_SECONDS
    killed = False
    for process in processes:
        try:
            process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            killed = True
    return 1 if killed else 0


def stop_with_supervisor() -> None:
    """Make this process stop when its supervisor is gone, however it died, so that it never holds the port alone."""
    supervisor = os.environ.get(SUPERVISOR)
    if supervisor is None:
        return

    def watch():
        while os.getppid() == int(supervisor):
            time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True, name="stop-with-supervisor").start()


def port_is_free(host: str, port: int, patience: float = 3.0) -> bool:
    """Whether the port can be listened on; waits a little for one that an instance killed just now still holds."""
    deadline = time.monotonic() + patience
    while True:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
                return True
            except OSError:
                if time.monotonic() >= deadline:
                    return False
        time.sleep(0.2)


def port_answers(host: str, port: int) -> bool:
    """Whether something accepts connections there."""
    target = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    try:
        socket.create_connection((target, port), timeout=1).close()
        return True
    except OSError:
        return False
