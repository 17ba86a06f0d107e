"""The database: how to read, and the one place that commits."""

import datetime as dt
import fcntl
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import sqlalchemy as sa

from bpmn.errors import N_, Conflict
from engine import tables
from engine.process_engine import Actor, ProcessEngine

T = TypeVar("T")
ATTEMPTS = 5  # how often a command is tried while others change the same rows


class Stale(Exception):
    """A guarded UPDATE met a row that somebody else changed since it was read: load again, decide again."""


@contextmanager
def read(pe: ProcessEngine) -> Iterator[sa.Connection]:
    """Give a connection for SELECTs. Each statement sees what is committed when it runs; nothing is locked."""
    with pe.db.connect() as db:
        if db.dialect.name == "postgresql":
            db = db.execution_options(isolation_level="AUTOCOMMIT")  # saves BEGIN's and ROLLBACK's round trips
        yield db


def run(pe: ProcessEngine, fn: Callable[[sa.Connection], T]) -> T:
    """Call `fn` in one transaction and return what it returns; committed when this returns, rolled back when it raises.

    `fn` may be called again when the database asks for it (lock time-out, deadlock), so it must have no
    effect but its statements. SQLite's write lock is held from the first statement: compute before, write here.
    """
    for attempt in range(ATTEMPTS):
        try:
            with _turn(pe), pe.db.connect() as db:
                db = db.execution_options(write=True)
                if pe.along:
                    pe.along(db)
                result = fn(db)
                db.commit()  # the one commit of the code base
                return result
        except sa.exc.OperationalError as error:
            if attempt == ATTEMPTS - 1 or not _is_transient(error):
                raise
            _pause(attempt)
    raise AssertionError("unreachable")


_writing = threading.local()  # whether this thread is inside `run`


@contextmanager
def _turn(pe: ProcessEngine) -> Iterator[None]:
    """Let the threads and processes of this machine write one after the other on SQLite.

    It takes one writer at a time anyway, but those that wait there look again after ever longer sleeps, and some of
    them wait for seconds. A file's lock wakes the next at once, and is let go when its process dies.
    """
    if getattr(_writing, "now", False):
        raise RuntimeError("run inside run: a transaction is open already")
    _writing.now = True
    try:
        if pe.db.dialect.name != "sqlite" or not pe.db.url.database:
            yield
            return
        file = os.open(f"{pe.db.url.database}-turn", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        finally:
            os.close(file)
    finally:
        _writing.now = False


def attempt(pe: ProcessEngine, command: Callable[[], T], times: int = ATTEMPTS) -> T:
    """Call a whole command (load, step, apply) again while it meets `Stale`, a bounded number of times, then Conflict.

    On SQLite one command runs at a time in a process: its writes would wait for one another anyway, and a thread that
    holds the write lock while others compute gets its turn at the interpreter too rarely (half the throughput).
    """
    for number in range(times):
        try:
            with pe.commands:
                return command()
        except Stale:
            _pause(number)
    raise Conflict(N_("Berkas ini sedang diubah oleh orang lain. Silakan coba lagi."))


def _pause(attempt: int) -> None:
    time.sleep(random.uniform(0, min(0.01 * 2 ** attempt, 0.3)))


def _is_transient(error: sa.exc.OperationalError) -> bool:
    """Whether the database rolled back for reasons of concurrency only, so that the same may succeed now."""
    if getattr(error.orig, "sqlstate", None) in ("40001", "40P01", "55P03"):  # serialization, deadlock, lock not available
        return True
    return "database is locked" in str(error.orig)  # SQLITE_BUSY: another process held the lock longer than busy_timeout


_insert_event = sa.insert(tables.event)


def record(db: sa.Connection, actor: Actor, now: dt.datetime, type: str, *, instance_id: str | None = None,
           activity_instance_id: str | None = None, data: dict[str, Any] | None = None) -> None:
    """Append one event to the history: who did what, when. `data` is JSON."""
    db.execute(_insert_event, event_row(actor, now, type, instance_id, activity_instance_id, data))


def event_row(actor: Actor, now: dt.datetime, type: str, instance_id: str | None = None,
              activity_instance_id: str | None = None, data: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the row that `record` writes, for those who write several at once."""
    return {"tenant_id": actor.tenant, "instance_id": instance_id, "activity_instance_id": activity_instance_id,
            "type": type, "at": now, "actor": actor.id or None, "data": data or {}}
