"""Files that come in piece by piece, so that a broken line costs one piece: see `webui.uploads` for how they are sent.

A piece is written and synced to `<folder>/uploads/<id>` under a lock of that file, and only then does the row say that
it is there (`received`). So the row never speaks of bytes that are not on the disk; bytes that the row does not know
of, after a crash in between, are written over. The offset at which to go on is the smaller of both.

Once whole, a file goes the way of every other upload (`documents.store_upload`), and its document has the upload's id:
finished twice, it is the same document.
"""

import datetime as dt
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bpmn.errors import N_, Conflict, Invalid, NotFound
from engine import documents
from engine.ids import new_id
from engine.process_engine import Actor, ProcessEngine
from engine.store import read, run
from engine.tables import document, upload

MOST_OPEN = 20  # of one person
MOST_PIECE = 4 << 20  # bytes that are taken at once
KEPT = dt.timedelta(hours=24)  # of a file that never becomes whole
MOST_SWEPT = 200

_u = upload.c


class TooLarge(Invalid):
    """More bytes than are taken."""


class Elsewhere(Conflict):
    """The piece does not begin where the file ends: it was taken before, or one before it is missing."""

    def __init__(self, offset: int):
        super().__init__(N_("Unggahan dilanjutkan dari tempat yang salah."))
        self.offset = offset


def create(pe: ProcessEngine, actor: Actor, now: dt.datetime, *, task_id: str, variable: str, name: str, size: int,
           replaces: str | None = None) -> str:
    """Make room for a file of so many bytes for a task that the actor may work on; returns the upload's id.

    TooLarge at once, before any byte is sent; Invalid for an empty one; Conflict for more than MOST_OPEN at a time.
    """
    if size > documents.most_bytes(pe):
        raise TooLarge(N_("Dokumen terlalu besar: paling banyak %(megabytes)d MB."), field=variable,
                       megabytes=documents.most_bytes(pe) >> 20)
    if size < 1:
        raise Invalid(N_("Dokumen kosong."), field=variable)
    id = new_id(now)
    row = {"id": id, "tenant_id": actor.tenant, "user_id": actor.id, "task_id": task_id, "variable": variable[:255],
           "name": name[:500], "size": size, "received": 0, "replaces": replaces, "created_at": now}

    def write(db: sa.Connection) -> None:
        documents.may_upload(db, actor, task_id)
        documents.check_replaces(db, actor, task_id, variable, replaces)
        is_open = sa.select(sa.func.count()).select_from(upload).where(
            _u.tenant_id == actor.tenant, _u.user_id == actor.id, _u.created_at > now - KEPT)
        if (db.scalar(is_open) or 0) >= MOST_OPEN:
            raise Conflict(N_("Terlalu banyak unggahan yang belum selesai. Selesaikan atau batalkan dahulu."))
        db.execute(sa.insert(upload), row)

    run(pe, write)
    return id


def state(pe: ProcessEngine, actor: Actor, now: dt.datetime, task_id: str, id: str) -> dict[str, Any]:
    """The actor's own upload: {variable, offset, size, expires}; of what is kept as a document already, all its bytes. Else NotFound."""
    with read(pe) as db:
        kept = _kept(db, actor, id)
        if kept:
            return {"variable": kept["variable"], "offset": kept["size"], "size": kept["size"], "expires": None}
        row = _own(db, actor, now, task_id, id)
    return {"variable": row["variable"], "offset": _offset(pe, row), "size": row["size"], "expires": row["created_at"] + KEPT}


def append(pe: ProcessEngine, actor: Actor, now: dt.datetime, task_id: str, id: str, offset: int, piece: bytes) -> int:
    """Add a piece that begins at `offset`, and return where the next one does.

    Elsewhere where it begins anywhere but at the end of what is there: nothing changes then, so a piece that is
    sent twice is taken once. TooLarge where it would be more than was said at first.
    """
    with read(pe) as db:
        documents.may_upload(db, actor, task_id)
        _own(db, actor, now, task_id, id)
    with _locked(_path(pe, id)) as file:
        with read(pe) as db:
            row = _own(db, actor, now, task_id, id)
        there = min(row["received"], os.fstat(file).st_size)
        if offset != there:
            raise Elsewhere(there)
        if there + len(piece) > row["size"]:
            raise TooLarge(N_("Unggahan lebih panjang daripada yang disebutkan."), field=row["variable"])
        os.ftruncate(file, there)
        _write(file, piece, there)
        os.fsync(file)
        received = there + len(piece)
        done = run(pe, lambda db: db.execute(sa.update(upload).where(_u.id == id).values(received=received)).rowcount)
    if not done:  # cancelled meanwhile
        raise NotFound(N_("Unggahan ini sudah tidak ada."))
    return received


def finish(pe: ProcessEngine, actor: Actor, now: dt.datetime, task_id: str, id: str) -> dict[str, Any]:
    """Keep the whole file as a document, checked as every other upload; again, the same document and nothing more.

    Invalid for a file that is not taken: it is gone then. Conflict where bytes are missing.
    """
    with read(pe) as db:
        kept = _kept(db, actor, id)
        if kept:
            return documents.variable_of(kept)
        row = _own(db, actor, now, task_id, id)
    if _offset(pe, row) != row["size"]:
        raise Conflict(N_("Unggahan belum lengkap."))
    try:
        with _path(pe, id).open("rb") as stream:
            value = documents.store_upload(
                pe, actor, now, stream=stream, name=row["name"], task_id=task_id, variable=row["variable"], replaces=row["replaces"], id=id,
                also=lambda db: db.execute(sa.delete(upload).where(_u.id == id)))
    except Invalid:
        _remove(pe, [id])
        raise
    except (sa.exc.IntegrityError, FileNotFoundError):  # the same, asked for twice at once
        with read(pe) as db:
            kept = _kept(db, actor, id)
        if kept is None:
            raise
        return documents.variable_of(kept)
    _path(pe, id).unlink(missing_ok=True)
    return value


def cancel(pe: ProcessEngine, actor: Actor, now: dt.datetime, task_id: str, id: str) -> None:
    """Give an upload up; what is a document already stays."""
    with read(pe) as db:
        _own(db, actor, now, task_id, id)
    _remove(pe, [id])


def sweep(pe: ProcessEngine, now: dt.datetime) -> int:
    """Remove what never became whole, and files that no row knows of (left by a crash), a bounded number; return how many."""
    with read(pe) as db:
        old = db.scalars(sa.select(_u.id).where(_u.created_at <= now - KEPT).limit(MOST_SWEPT)).all()
        names = [each.name for each in _folder(pe).glob("*") if each.stat().st_mtime < (now - KEPT).timestamp()][:MOST_SWEPT]
        known = set(db.scalars(sa.select(_u.id).where(_u.id.in_(names)))) if names else set()
    gone = {*old, *(name for name in names if name not in known)}
    if gone:
        _remove(pe, sorted(gone))
    return len(gone)


# Inside ---------------------------------------------------------------------------------------------------------------

def _folder(pe: ProcessEngine) -> Path:
    return pe.folder / "uploads"


def _path(pe: ProcessEngine, id: str) -> Path:
    """Where the bytes lie; `id` is a row's, never what a client says."""
    return _folder(pe) / id


def _own(db: sa.Connection, actor: Actor, now: dt.datetime, task_id: str, id: str) -> sa.RowMapping:
    mine = (_u.tenant_id == actor.tenant) & (_u.user_id == actor.id) & (_u.created_at > now - KEPT)
    row = db.execute(sa.select(upload).where(_u.id == id, _u.task_id == task_id, mine)).mappings().first()
    if row is None:
        raise NotFound(N_("Unggahan ini sudah tidak ada."))
    return row


def _kept(db: sa.Connection, actor: Actor, id: str) -> sa.RowMapping | None:
    return db.execute(sa.select(document).where(
        document.c.id == id, document.c.tenant_id == actor.tenant, document.c.uploaded_by == actor.id)).mappings().first()


def _offset(pe: ProcessEngine, row: sa.RowMapping) -> int:
    try:
        return min(row["received"], _path(pe, row["id"]).stat().st_size)
    except FileNotFoundError:
        return 0


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    """The open file, while no other process or thread writes to it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o640)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file
    finally:
        os.close(file)


def _write(file: int, piece: bytes, offset: int) -> None:
    view = memoryview(piece)
    while view:
        written = os.pwrite(file, view, offset)
        view, offset = view[written:], offset + written


def _remove(pe: ProcessEngine, ids: list[str]) -> None:
    run(pe, lambda db: db.execute(sa.delete(upload).where(_u.id.in_(ids))))
    for id in ids:
        _path(pe, id).unlink(missing_ok=True)
