"""The files of a case: taken in with a task, kept for ever in their original form (SOP: "naskah asli elektronik").

An upload belongs to its task until the form is completed; `bind` then ties what the form names to the case. Only
then others see it. A document never changes: a better version is another document that `replaces` it, and the older
one stays with the case.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import sqlalchemy as sa

from bpmn.errors import N_, Conflict, Invalid, NotFound
from engine import access, files, load, media
from engine.archive import case_of
from engine.ids import new_id
from engine.process_engine import Actor, ProcessEngine
from engine.store import read, record, run
from engine.tables import activity, candidate, document

MAX_UPLOAD_BYTES = 50 << 20  # unless configured
MAX_FILES = 50  # that one person may leave unused with one task (or start form)


# Taking in ------------------------------------------------------------------------------------------------------------

def store_upload(pe: ProcessEngine, actor: Actor, now: dt.datetime, *, stream: BinaryIO, name: str, media_type_claimed: str = "",
                 task_id: str | None = None, variable: str, replaces: str | None = None, id: str | None = None,
                 also: Callable[[sa.Connection], Any] = lambda db: None) -> dict[str, Any]:
    """Keep an upload and return its document: what a form's variable holds, {document, name, media_type, size, sha256}.

    Only who may complete the task may upload for it; without a task it is for the start form of a case to be.
    Invalid, with `field` = `variable`, where it is empty, too large or not of a kind that is taken (`engine.media`).
    `media_type_claimed` is not believed. `replaces`: the document that this is a newer version of, see `check_replaces`.
    `also` is written in the same transaction.
    """
    def check(db: sa.Connection) -> None:
        may_upload(db, actor, task_id)
        check_replaces(db, actor, task_id, variable, replaces)

    with read(pe) as db:
        check(db)
    with files.received(pe.folder, _bounded(stream, most_bytes(pe), variable)) as file:
        if not file.size:
            raise Invalid(N_("Dokumen kosong."), field=variable)
        try:
            media_type = media.sniff(file.path, name)
        except Invalid as error:
            raise Invalid(error.message, field=variable, **error.params) from error
        files.keep(pe.folder, file)
    row = {"id": id or new_id(now), "tenant_id": actor.tenant, "task_id": task_id, "variable": variable[:255],
           "name": media.clean_name(name, media_type), "media_type": media_type, "size": file.size, "sha256": file.sha256,
           "uploaded_by": actor.id or None, "uploaded_at": now, "replaces": replaces}

    def insert(db: sa.Connection) -> None:
        check(db)
        db.execute(sa.insert(document), row)
        also(db)

    run(pe, insert)
    return variable_of(row)


def most_bytes(pe: ProcessEngine) -> int:
    """How large one file may be."""
    return int(pe.config.get("MAX_UPLOAD_BYTES", MAX_UPLOAD_BYTES))


def variable_of(row: Any) -> dict[str, Any]:
    """A document as the JSON value of a process variable."""
    return {"document": row["id"], **{key: row[key] for key in ("name", "media_type", "size", "sha256")}}


def _bounded(stream: BinaryIO, limit: int, variable: str) -> Iterator[bytes]:
    """The stream's chunks; Invalid as soon as it is longer than `limit` bytes, so that no more than that is ever written."""
    size = 0
    for chunk in files.chunks(stream):
        size += len(chunk)
        if size > limit:
            raise Invalid(N_("Dokumen terlalu besar: paling banyak %(megabytes)d MB."), field=variable, megabytes=limit >> 20)
        yield chunk


def may_upload(db: sa.Connection, actor: Actor, task_id: str | None) -> None:
    """Refuse who may not work on the task, a task that has ended, and whoever left too many files unused with it."""
    if task_id is not None:
        task = _task(db, actor, task_id)
        held = access.Held(task["assignee"], _candidates(db, task_id), task["owner"], task["delegation"], task["in_stead_of"])
        if not access.may_see_task(actor, held, load.definition(db, task["definition_id"]).groups):
            raise NotFound(N_("Tugas tidak ditemukan."))
        access.require(access.may_work(actor, held))
        if task["ended_at"] is not None:
            raise Conflict(N_("Tugas ini sudah selesai."))
    unused = sa.select(sa.func.count()).select_from(document).where(
        document.c.tenant_id == actor.tenant, document.c.uploaded_by == (actor.id or None),
        document.c.instance_id.is_(None), document.c.task_id == task_id)
    if (db.scalar(unused) or 0) >= MAX_FILES:
        raise Conflict(N_("Terlalu banyak dokumen diunggah untuk satu formulir."))


def check_replaces(db: sa.Connection, actor: Actor, task_id: str | None, variable: str, replaces: str | None) -> None:
    """Refuse to make a file a newer version of a document that is not the task's case's own, or the actor's own for the
    same form, and of the same variable. A new row names an older one, so versions run in no circle."""
    if replaces is None:
        return
    old = db.execute(sa.select(document).where(document.c.id == replaces, document.c.tenant_id == actor.tenant)).mappings().first()
    its_case = None if task_id is None else _task(db, actor, task_id)["instance_id"]
    is_the_cases = bool(old and old["instance_id"] and old["instance_id"] == its_case)
    is_own = bool(old and not old["instance_id"] and old["uploaded_by"] == actor.id and old["task_id"] == task_id)
    if old is None or old["variable"] != variable or not (is_the_cases or is_own):
        raise Invalid(N_("Dokumen yang diganti tidak dikenal."), field=variable)


def _task(db: sa.Connection, actor: Actor, task_id: str) -> sa.RowMapping:
    row = db.execute(sa.select(
        activity.c.instance_id, activity.c.assignee, activity.c.owner, activity.c.delegation, activity.c.in_stead_of, activity.c.ended_at,
        activity.c.definition_id).where(
        activity.c.id == task_id, activity.c.is_task, activity.c.tenant_id == actor.tenant)).mappings().first()
    if row is None:
        raise NotFound(N_("Tugas tidak ditemukan."))
    return row


def _candidates(db: sa.Connection, task_id: str) -> list[tuple[str, str]]:
    return [(kind, name) for kind, name in db.execute(sa.select(candidate.c.kind, candidate.c.name).where(candidate.c.task_id == task_id))]


# Tying to a case ------------------------------------------------------------------------------------------------------

def names_any(variables: dict[str, Any]) -> bool:
    """Whether a variable names a document, so that `bind` has something to do."""
    return any(True for value in variables.values() for _ in named(value))


def bind(db: sa.Connection, actor: Actor, now: dt.datetime, instance_id: str, variables: dict[str, Any]) -> dict[str, Any]:
    """Tie every document that the variables name to the case, and return the variables with each as the archive knows it.

    A client can therefore neither name somebody else's file nor another hash: Invalid, with the variable as `field`,
    unless a document is the case's already, or was uploaded by the actor and is still free.
    """
    wanted = sorted({id for value in variables.values() for id in named(value)})
    if not wanted:
        return variables
    rows = {row["id"]: row for row in db.execute(
        sa.select(document).where(document.c.id.in_(wanted), document.c.tenant_id == actor.tenant)).mappings()}
    for variable, value in variables.items():
        for id in named(value):
            if id not in rows or not _may_use(actor, rows[id], instance_id):
                raise Invalid(N_("Dokumen tidak dikenal. Unggah sekali lagi."), field=variable)
    rows |= _earlier(db, actor, instance_id, rows)
    free = sorted(id for id, row in rows.items() if row["instance_id"] is None)
    if free:
        still_free = sa.update(document).where(document.c.id.in_(free), document.c.instance_id.is_(None))
        bound = db.execute(still_free.values(instance_id=instance_id))
        if bound.rowcount != len(free):
            raise Conflict(N_("Dokumen ini baru saja dipakai untuk berkas lain."))
        for id in free:
            record(db, actor, now, "document.added", instance_id=instance_id, activity_instance_id=rows[id]["task_id"],
                   data={"variable": rows[id]["variable"], **variable_of(rows[id]),
                         **({"replaces": rows[id]["replaces"]} if rows[id]["replaces"] else {})})
    return {variable: _rebuilt(value, rows) for variable, value in variables.items()}


def hand_in(db: sa.Connection, actor: Actor, now: dt.datetime, instance_id: str, task_id: str, uploader: str, typed: str) -> None:
    """Make the free files that somebody uploaded for a task, and that `typed` still names, the case's: others go on with them."""
    mine = sa.select(document).where(document.c.task_id == task_id, document.c.uploaded_by == uploader, document.c.instance_id.is_(None),
                                     document.c.tenant_id == actor.tenant)
    for row in db.execute(mine).mappings().all():
        if row["id"] in typed:
            bind(db, replace(actor, id=uploader), now, instance_id, {row["variable"]: [variable_of(row)]})


def _earlier(db: sa.Connection, actor: Actor, instance_id: str, rows: dict[str, Any]) -> dict[str, Any]:
    """The versions before these that are not the case's yet: who hands on the newest hands on them all.

    Invalid where one is of another case, or somebody else's: a document uploaded for one case is no version in another.
    """
    found: dict[str, Any] = {}
    newer = [row for row in rows.values() if row["instance_id"] is None and row["replaces"]]
    while newer:
        wanted = {row["replaces"]: row["variable"] for row in newer if row["replaces"] not in rows and row["replaces"] not in found}
        more = {row["id"]: row for row in db.execute(sa.select(document).where(
            document.c.id.in_(sorted(wanted)), document.c.tenant_id == actor.tenant)).mappings()} if wanted else {}
        for id, variable in wanted.items():
            if id not in more or not _may_use(actor, more[id], instance_id):
                raise Invalid(N_("Dokumen yang diganti tidak dikenal."), field=variable)
        newer = [row for row in more.values() if row["instance_id"] is None and row["replaces"]]
        found |= {id: row for id, row in more.items() if row["instance_id"] is None}
    return found


def entered_anew(db: sa.Connection, actor: Actor, now: dt.datetime, variables: dict[str, Any]) -> dict[str, Any]:
    """The variables, with every document that they name entered once more, by the actor and still free: for a case that
    goes on with another's files. The bytes are the same; who may see the other case is to be asked before."""
    wanted = sorted({id for value in variables.values() for id in named(value)})
    rows = db.execute(sa.select(document).where(document.c.id.in_(wanted), document.c.tenant_id == actor.tenant)).mappings()
    anew = {row["id"]: {**row, "id": new_id(now), "instance_id": None, "task_id": None, "replaces": None,
                        "uploaded_by": actor.id or None, "uploaded_at": now} for row in rows}
    if anew:
        db.execute(sa.insert(document), list(anew.values()))
    return {name: _rebuilt(value, anew) for name, value in variables.items()}


def _may_use(actor: Actor, row: Any, instance_id: str) -> bool:
    if row["instance_id"] is not None:
        return row["instance_id"] == instance_id
    return actor.is_system or row["uploaded_by"] == actor.id


def named(value: Any) -> Iterator[str]:
    """The ids of all documents that a variable's value names, however deep."""
    if isinstance(value, dict):
        if isinstance(value.get("document"), str):
            yield value["document"]
        else:
            for inner in value.values():
                yield from named(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from named(inner)


def _rebuilt(value: Any, rows: dict[str, Any]) -> Any:
    if isinstance(value, dict):
        if isinstance(value.get("document"), str):
            alt = {"alt": value["alt"]} if isinstance(value.get("alt"), str) else {}  # what a picture shows: the person's own words
            return variable_of(rows[value["document"]]) | alt
        return {key: _rebuilt(inner, rows) for key, inner in value.items()}
    return [_rebuilt(inner, rows) for inner in value] if isinstance(value, list) else value


# Reading --------------------------------------------------------------------------------------------------------------

def documents(pe: ProcessEngine, actor: Actor, instance_id: str) -> list[dict[str, Any]]:
    """The case's documents, oldest first, for who may see the case."""
    with read(pe) as db:
        case_of(db, actor, instance_id)
        return documents_of(db, instance_id)


def documents_of(db: sa.Connection, instance_id: str) -> list[dict[str, Any]]:
    """As `documents`, for Terbit itself."""
    query = sa.select(document).where(document.c.instance_id == instance_id).order_by(document.c.uploaded_at, document.c.id)
    return [dict(row) for row in db.execute(query).mappings()]


@dataclass(frozen=True)
class Versions:
    """A document with the older ones that it took the place of. `row` is the newest; `older`: newest first."""

    row: dict[str, Any]
    older: list[dict[str, Any]]


def versions(rows: Iterable[Mapping[str, Any]]) -> list[Versions]:
    """A case's documents, each that nothing replaces with all that it replaces, by the time of the newest, oldest first.

    Each row carries `version` and `of`: 'versi 2 dari 3'. Two that replace the same one (made at the same time by two
    people) are versions of one document, in the order in which they came.
    """
    rows = sorted(rows, key=lambda row: (row["uploaded_at"], row["id"]))
    first: dict[str, str] = {}  # document -> the first of its family
    families: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        first[row["id"]] = first.get(row["replaces"] or "", row["id"])
        families.setdefault(first[row["id"]], []).append(row)
    found = []
    for family in families.values():
        numbered = [{**row, "version": number, "of": len(family)} for number, row in enumerate(family, 1)]
        found.append(Versions(numbered[-1], numbered[-2::-1] if len(numbered) > 1 else []))
    return sorted(found, key=lambda each: (each.row["uploaded_at"], each.row["id"]))


def open_document(pe: ProcessEngine, actor: Actor, document_id: str) -> tuple[dict[str, Any], Path]:
    """A document's row and where its bytes lie: for who may see its case; while it has none, for who uploaded it.

    NotFound, too, where the bytes are gone. To be sent with the row's `media_type` and `nosniff`.
    """
    with read(pe) as db:
        row = db.execute(sa.select(document).where(document.c.id == document_id, document.c.tenant_id == actor.tenant)).mappings().first()
        if row is None:
            raise NotFound(N_("Berkas tidak ditemukan."))
        if row["instance_id"] is not None:
            _may_see(db, actor, row)
        elif not actor.is_system and row["uploaded_by"] != actor.id:
            raise NotFound(N_("Berkas tidak ditemukan."))
    path = files.path(pe.folder, row["sha256"])
    if not path.is_file():
        raise NotFound(N_("Dokumen %(name)s tidak ada di arsip. Hubungi administrator."), name=row["name"])
    return dict(row), path


def _may_see(db: sa.Connection, actor: Actor, row: Any) -> None:
    """As for the case; also for who has a task of it without seeing the case (an assignee from outside its groups)."""
    mine = sa.select(activity.c.id).where(
        activity.c.instance_id == row["instance_id"], activity.c.is_task, activity.c.ended_at.is_(None), activity.c.assignee == actor.id)
    if actor.is_system or db.execute(mine.limit(1)).first() is None:
        case_of(db, actor, row["instance_id"])
