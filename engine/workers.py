"""Which workers live. Each says so itself: its beat process, that it is there; its children, that a message reached them.

The two differ where the broker stopped: the processes are there, and nothing comes through.
"""

import datetime as dt
import os
import socket
import threading
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import sqlalchemy as sa
import structlog

from engine.process_engine import ProcessEngine, open_engine
from engine.store import run
from engine.tables import worker

SAYS_EVERY = 3.0  # seconds
SILENT = dt.timedelta(seconds=15)  # who said nothing for so long is dead, or cut off
FORGOTTEN = dt.timedelta(days=1)
_w = worker.c
log = structlog.get_logger()


@dataclass(frozen=True)
class Worker:
    """A worker process as it names itself."""

    id: str
    host: str
    pid: int
    processes: int


def this_one(folder_name: str, pid: int, processes: int = 0) -> Worker:
    """The worker whose main process has this id, on this machine; Celery knows it by the same name."""
    host = socket.gethostname()
    return Worker(f"terbit-{folder_name}-{pid}@{host}", host, pid, processes)


def begin(pe: ProcessEngine, now: dt.datetime, me: Worker) -> None:
    """Say that a worker started. It takes the place of those of its machine that died, and of those long forgotten."""
    def write(db: sa.Connection) -> None:
        others = db.execute(sa.select(_w.id, _w.pid).where(_w.host == me.host, _w.id != me.id)).all()
        gone = [other.id for other in others if not _lives(other.pid)]
        db.execute(sa.delete(worker).where(sa.or_(_w.id.in_([*gone, me.id]), _w.seen_at < now - FORGOTTEN)))
        db.execute(sa.insert(worker).values(id=me.id, host=me.host, pid=me.pid, processes=me.processes,
                                            version=metadata.version("terbit"), started_at=now, seen_at=now))

    run(pe, write)


def say(pe: ProcessEngine, now: dt.datetime, id: str) -> None:
    """Say that a worker is there."""
    run(pe, lambda db: db.execute(sa.update(worker).where(_w.id == id).values(seen_at=now)))


def swept(pe: ProcessEngine, now: dt.datetime, id: str) -> None:
    """Say that a message reached a child of this worker."""
    run(pe, lambda db: db.execute(sa.update(worker).where(_w.id == id).values(swept_at=now)))


def end(pe: ProcessEngine, id: str) -> None:
    """A worker that was stopped in good order is not missed."""
    run(pe, lambda db: db.execute(sa.delete(worker).where(_w.id == id)))


def found(db: sa.Connection, now: dt.datetime) -> list[dict[str, Any]]:
    """The workers, of the whole installation, the living first: the table's columns, and `lives`; a hundred at most."""
    rows = db.execute(sa.select(worker).order_by(_w.seen_at.desc(), _w.id).limit(100)).mappings()
    return [{**row, "lives": row["seen_at"] >= now - SILENT} for row in rows]


def keep_saying(folder: str, me: Worker, clock: Any) -> threading.Thread:
    """Say it for as long as this process lives, from a thread with connections of its own. A database that is away is waited for."""
    def work() -> None:
        pe, begun, told = open_engine(folder), False, threading.Event()
        while True:
            try:
                say(pe, clock(), me.id) if begun else begin(pe, clock(), me)
                begun = True
            except sa.exc.SQLAlchemyError as error:
                log.warning("worker.unsaid", error=type(error).__name__)
            told.wait(SAYS_EVERY)  # nobody sets it: a sleep

    thread = threading.Thread(target=work, name="worker-says", daemon=True)
    thread.start()
    return thread


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
