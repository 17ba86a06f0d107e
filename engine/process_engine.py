"""The process engine of one installation: its database, its folder, its config. Built once, handed to every command and query.

There is no global: two engines can live in one process, and tests make one each.
"""

import base64
import datetime as dt
import functools
import os
import secrets
import tempfile
import threading
import tomllib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

DEFAULT_TENANT = "kpu"
BUSY_MS = 15_000  # how long a writer waits for SQLite's one write lock


@dataclass(frozen=True)
class StandIn:
    """A substitution in force: in whose stead its bearer does a group's tasks, and until when."""

    kind: str  # 'plh', 'plt'
    group: str
    group_name: str
    name: str  # of the absent one; '' where the post is vacant
    title: str  # of their post
    decree: str
    ends_at: dt.datetime
    is_head: bool = False

    @property
    def record(self) -> dict[str, str]:
        """What is written with each claim and decision: {kind, group, name, title, decree}."""
        return {"kind": self.kind, "group": self.group, "name": self.name, "title": self.title or self.group_name, "decree": self.decree}


@dataclass(frozen=True)
class Actor:
    """Who asks: a person with their groups, or Terbit itself (`Actor.system`), which may do everything in one tenant."""

    id: str
    tenant: str
    groups: frozenset[str] = frozenset()
    name: str = ""
    is_system: bool = False
    heads: frozenset[str] = frozenset()  # the groups among them whose head they are
    stands_in: tuple[StandIn, ...] = ()  # for groups that they are not in themselves; `groups` and `heads` hold these, too

    @classmethod
    def system(cls, tenant: str = DEFAULT_TENANT) -> "Actor":
        """Return the worker's and the command line's own actor; its events carry no name."""
        return cls(id="", tenant=tenant, is_system=True)


@dataclass(frozen=True, eq=False)
class ProcessEngine:
    """What commands and queries work on."""

    db: sa.Engine
    folder: Path
    config: dict[str, Any] = field(default_factory=dict)
    send: Callable[[Sequence[str]], None] | None = None  # replaces the broker's wake-ups (tests)
    along: Callable[[sa.Connection], None] | None = None  # done first in each transaction, or there is none: `commands.batches`

    @functools.cached_property
    def commands(self) -> AbstractContextManager[object]:
        """What a command holds while it runs: see `store.attempt`."""
        return threading.RLock() if self.db.dialect.name == "sqlite" else nullcontext()

    def wake(self, job_ids: Sequence[str]) -> None:
        """Tell a worker to look at jobs. Never fails and never blocks long: a wake-up lost is made good by the sweep."""
        if not job_ids:
            return
        if self.send:
            self.send(job_ids)
        else:
            from engine import worker  # here, since a process that makes no jobs needs no Celery

            worker.send_wake_ups(self, job_ids)

    @property
    def timezone(self) -> ZoneInfo:
        """The zone in which times are shown where no tenant is known."""
        return ZoneInfo(self.config.get("TIMEZONE", "Asia/Jakarta"))

    @property
    def broker_url(self) -> str:
        """Celery's broker; the filesystem one in the instance folder where none is configured."""
        return self.config.get("BROKER_URL") or "filesystem://localhost"

    @functools.cached_property
    def _secret(self) -> bytes:
        return _secret_key(self.folder)

    def secret(self, purpose: str) -> bytes:
        """Return 32 bytes made for one purpose ('flask', 'channels', …) from `secret.key`; the same for ever."""
        return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=purpose.encode()).derive(self._secret)

    def fernet_key(self, purpose: str) -> bytes:
        """Return `secret(purpose)` in the form that `cryptography.fernet.Fernet` takes."""
        return base64.urlsafe_b64encode(self.secret(purpose))

    def close(self) -> None:
        """Close the pooled database connections."""
        self.db.dispose()


def open_engine(folder: str | os.PathLike, *, send: Callable[[Sequence[str]], None] | None = None, **config: Any) -> ProcessEngine:
    """Open the installation in `folder`, making the folder if it is new. The schema is `engine.migrations.upgrade`'s.

    Config comes from `folder/config.toml`, then from the environment (`TERBIT_DATABASE_URL` …), then from the
    keyword arguments; later ones win. `send(job_ids)` replaces the broker's wake-ups (tests).
    """
    folder = Path(folder).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    config = {**_read_config(folder), **config}
    url = config.get("DATABASE_URL") or f"sqlite:///{folder / 'terbit.sqlite3'}"
    return ProcessEngine(db=make_db(url), folder=folder, config=config, send=send)


def _read_config(folder: Path) -> dict[str, Any]:
    path = folder / "config.toml"
    config = tomllib.loads(path.read_text("utf-8")) if path.exists() else {}
    prefix = "TERBIT_"
    return {**config, **{k.removeprefix(prefix): v for k, v in os.environ.items() if k.startswith(prefix)}}


def make_db(url: str) -> sa.Engine:
    """Return a SQLAlchemy engine as the store wants it: SQLite in WAL mode with full syncs, or PostgreSQL through psycopg."""
    if url.startswith(("postgresql://", "postgres://")):
        url = "postgresql+psycopg://" + url.split("://", 1)[1]
    db = sa.create_engine(
        url, pool_size=10, max_overflow=10, pool_pre_ping=not url.startswith("sqlite"), query_cache_size=2000,
        hide_parameters=True)  # an error's text may be logged and shown: no variables in it
    if db.dialect.name == "sqlite":
        sa.event.listen(db, "connect", _prepare_sqlite)
        sa.event.listen(db, "begin", _begin_sqlite)
    return db


def _prepare_sqlite(connection, _record) -> None:
    connection.isolation_level = None  # the driver begins nothing by itself; `_begin_sqlite` does
    for pragma in (f"busy_timeout={BUSY_MS}", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "temp_store=MEMORY"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: sa.Connection) -> None:
    # A writer takes the lock at once: a reader that becomes a writer fails when somebody wrote in between.
    # A reader needs no transaction: each of its statements sees one state.
    options = connection.get_execution_options()
    if options.get("schema"):  # SQLite changes a table by copying it and dropping the old one, to which others refer
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
    if options.get("write"):
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _secret_key(folder: Path) -> bytes:
    """Return the bytes of `secret.key`; make it, once, readable by its owner only. Two processes at once make one."""
    path = folder / "secret.key"
    if not path.exists():
        handle, temporary = tempfile.mkstemp(dir=folder, prefix=".secret-")  # mode 0600
        try:
            with os.fdopen(handle, "w") as file:
                file.write(secrets.token_hex(32))
                file.flush()
                os.fsync(file.fileno())
            os.link(temporary, path)  # fails if another process was first: then its key is the one
        except FileExistsError:
            pass
        finally:
            os.unlink(temporary)
    return bytes.fromhex(path.read_text().strip())
