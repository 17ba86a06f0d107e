"""The archive: a chain of entries per tenant, each of whose hashes covers the entry before it.

What is recorded cannot be changed, removed or put in another order without `verify` naming it. The last hash of each
append also stands in the history ('archive.appended') and on the printed lembar dokumentasi, so that even a
chain that was cut short, or written anew as a whole, is found out.
"""

import datetime as dt
import hashlib
import json
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import sqlalchemy as sa

from bpmn.errors import N_, NotFound
from bpmn.expressions import canonical
from engine import access, files, load
from engine.process_engine import Actor, ProcessEngine
from engine.store import read, record, run
from engine.tables import archive_entry, disposal_file, document, event, process_instance, tenant

START = "0" * 64  # what the first entry has before it
PAGE = 500  # rows read at once: an archive is verified in bounded memory


@dataclass(frozen=True)
class Entry:
    """What is to be recorded: `content` is JSON, `files` are [{name, sha256, size}] whose bytes are kept already."""

    kind: str  # 'document', 'publication', 'page', 'documentation'
    content: dict[str, Any]
    files: Sequence[dict[str, Any]] = ()


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with an archive: `code` for machines, `message` (a msgid with `params`) for people."""

    tenant: str
    number: int  # of the entry; 0: none
    code: str  # 'missing-entry', 'changed-entry', 'broken-chain', 'cut', 'missing-file', 'changed-file'
    message: str
    params: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.tenant}: {self.message % self.params}"


# Writing --------------------------------------------------------------------------------------------------------------

def append(db: sa.Connection, tenant_id: str, now: dt.datetime, kind: str, instance_id: str | None,
           content: dict[str, Any], files: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    """Record one entry at the end of the tenant's chain, within the caller's transaction; returns its row."""
    return append_all(db, tenant_id, now, instance_id, [Entry(kind, content, files)])[0]


def append_all(db: sa.Connection, tenant_id: str, now: dt.datetime, instance_id: str | None,
               entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Record entries one after the other. Appends of one tenant wait for each other, so numbers have no gap and no double."""
    if not entries:
        return []
    lock(db, tenant_id)
    number, previous = head(db, tenant_id)
    rows = []
    for entry in entries:
        number += 1
        row = {"tenant_id": tenant_id, "number": number, "instance_id": instance_id, "kind": entry.kind, "at": now,
               "content": canonical(entry.content), "files": list(entry.files), "previous": previous}
        previous = row["hash"] = hash_of(row)
        rows.append(row)
    db.execute(sa.insert(archive_entry), rows)
    record(db, Actor.system(tenant_id), now, "archive.appended", instance_id=instance_id, data={"number": number, "hash": previous})
    return rows


def lock(db: sa.Connection, tenant_id: str) -> None:
    """Be alone with the tenant's chain until the transaction ends. What decides whether to append is read after this."""
    # SQLite's writer is alone anyway; elsewhere the tenant's row is the lock (not against foreign keys: NO KEY UPDATE).
    db.execute(sa.select(tenant.c.id).where(tenant.c.id == tenant_id).with_for_update(key_share=True))


def head(db: sa.Connection, tenant_id: str) -> tuple[int, str]:
    """The number and hash of the tenant's last entry; (0, START) while there is none."""
    last = db.execute(sa.select(archive_entry.c.number, archive_entry.c.hash).where(archive_entry.c.tenant_id == tenant_id)
                      .order_by(archive_entry.c.number.desc()).limit(1)).first()
    return (last.number, last.hash) if last else (0, START)


def hash_of(row: Any) -> str:
    """The SHA-256 that an entry must have: over all that it says, its place, and the hash of the entry before it."""
    at = row["at"].astimezone(dt.timezone.utc).isoformat(timespec="microseconds")
    covered = [row["tenant_id"], row["number"], row["instance_id"], row["kind"], at, row["content"], row["files"], row["previous"]]
    return hashlib.sha256(canonical(covered).encode()).hexdigest()


# Checking -------------------------------------------------------------------------------------------------------------

def verify(pe: ProcessEngine, tenant_id: str | None = None) -> list[Problem]:
    """Recompute every hash of every entry and file, of one tenant or of all; an empty list says that all is as it was."""
    with read(pe) as db:
        tenants = [tenant_id] if tenant_id else list(db.scalars(sa.select(tenant.c.id).order_by(tenant.c.id)))
        return [problem for id in tenants for problem in _problems(pe, db, id)]


def _problems(pe: ProcessEngine, db: sa.Connection, tenant_id: str) -> Iterator[Problem]:
    anchors = _anchors(db, tenant_id)
    seen: dict[str, str | None] = {}  # a file is hashed once, however many entries name it
    expected, previous = 1, START
    for row in _rows(db, tenant_id):
        for missing in range(expected, min(row["number"], expected + 100)):
            yield Problem(tenant_id, missing, "missing-entry", N_("entri %(number)d hilang"), {"number": missing})
        if row["number"] == expected and row["previous"] != previous:
            yield Problem(tenant_id, row["number"], "broken-chain", N_("entri %(number)d tidak menyambung ke entri sebelumnya"),
                          {"number": row["number"]})
        if row["hash"] != hash_of(row) or anchors.pop(row["number"], row["hash"]) != row["hash"]:
            yield Problem(tenant_id, row["number"], "changed-entry", N_("entri %(number)d diubah"), {"number": row["number"]})
        gone = _disposed(db, row)
        for file in row["files"]:
            if file["sha256"] not in gone:
                yield from _file_problems(pe, tenant_id, row["number"], file, seen)
        expected, previous = row["number"] + 1, row["hash"]
    for number in sorted(number for number in anchors if number >= expected):
        yield Problem(tenant_id, number, "cut", N_("rantai terpotong: entri %(number)d pernah dicatat, kini tidak ada"),
                      {"number": number})
    for file in _documents(db, tenant_id):
        yield from _file_problems(pe, tenant_id, 0, file, seen)


def _disposed(db: sa.Connection, row: sa.RowMapping) -> set[str]:
    """The files of an entry whose bytes went with its case: named in a disposal's list, while the case is there no more."""
    named = [file["sha256"] for file in row["files"]]
    if not named or row["instance_id"] is None or db.scalar(sa.select(process_instance.c.id).where(
            process_instance.c.id == row["instance_id"])):
        return set()
    return set(db.scalars(sa.select(disposal_file.c.sha256).where(disposal_file.c.sha256.in_(named))))


def _file_problems(pe: ProcessEngine, tenant_id: str, number: int, file: Any, seen: dict[str, str | None]) -> Iterator[Problem]:
    sha256 = file["sha256"]
    new = sha256 not in seen
    if new:
        seen[sha256] = files.fault(pe.folder, sha256)
    if seen[sha256] is None or not (new or number):
        return
    params = {"number": number, "name": file["name"], "sha256": sha256}
    if seen[sha256] == "missing":
        yield Problem(tenant_id, number, "missing-file", N_("dokumen %(name)s (%(sha256)s) hilang"), params)
    else:
        yield Problem(tenant_id, number, "changed-file", N_("dokumen %(name)s (%(sha256)s) diubah"), params)


def _rows(db: sa.Connection, tenant_id: str) -> Iterator[sa.RowMapping]:
    last = -1
    while page := db.execute(sa.select(archive_entry).where(archive_entry.c.tenant_id == tenant_id, archive_entry.c.number > last)
                             .order_by(archive_entry.c.number).limit(PAGE)).mappings().all():
        yield from page
        last = page[-1]["number"]


def _anchors(db: sa.Connection, tenant_id: str) -> dict[int, str]:
    """What the history says of the chain: {number: hash}."""
    appended = event.c.type == sa.literal_column("'archive.appended'")  # written out, so that the partial index serves it
    found = db.scalars(sa.select(event.c.data).where(event.c.tenant_id == tenant_id, appended))
    return {data["number"]: data["hash"] for data in found}


def _documents(db: sa.Connection, tenant_id: str) -> Iterator[sa.RowMapping]:
    last = ""
    while page := db.execute(sa.select(document.c.id, document.c.name, document.c.sha256).where(
            document.c.tenant_id == tenant_id, document.c.id > last).order_by(document.c.id).limit(PAGE)).mappings().all():
        yield from page
        last = page[-1]["id"]


# Reading --------------------------------------------------------------------------------------------------------------

def case_of(db: sa.Connection, actor: Actor, instance_id: str) -> sa.RowMapping:
    """The case's row, for who may see it; NotFound for everybody else."""
    row = db.execute(sa.select(process_instance).where(
        process_instance.c.id == instance_id, process_instance.c.tenant_id == actor.tenant)).mappings().first()
    if row is None or not access.may_see_case(actor, load.definition(db, row["definition_id"]).groups):
        raise NotFound(N_("Berkas tidak ditemukan."))
    return row


def entries(pe: ProcessEngine, actor: Actor, instance_id: str) -> list[dict[str, Any]]:
    """The case's archive entries in the chain's order, `content` as JSON value, for who may see the case."""
    with read(pe) as db:
        case_of(db, actor, instance_id)
        return entries_of(db, instance_id)


def entries_of(db: sa.Connection, instance_id: str) -> list[dict[str, Any]]:
    """As `entries`, for Terbit itself."""
    return [{**row, "content": json.loads(row["content"])} for row in _rows_of(db, instance_id)]


def _rows_of(db: sa.Connection, instance_id: str) -> Sequence[sa.RowMapping]:
    query = sa.select(archive_entry).where(archive_entry.c.instance_id == instance_id).order_by(archive_entry.c.number)
    return db.execute(query).mappings().all()


def open_file(pe: ProcessEngine, actor: Actor, instance_id: str, sha256: str) -> tuple[str, Path]:
    """The name and place of a file that the case's entries name, e.g. a page as it was fetched. It is a stranger's: to be sent
    as a download, never to be shown as a page of ours. NotFound for who may not see the case, and where it is none of its files."""
    with read(pe) as db:
        case_of(db, actor, instance_id)
        named = next((file["name"] for row in _rows_of(db, instance_id) for file in row["files"] if file["sha256"] == sha256), None)
    if named is None or files.fault(pe.folder, sha256):
        raise NotFound(N_("Berkas tidak ditemukan."))
    return named, files.path(pe.folder, sha256)


def export(pe: ProcessEngine, actor: Actor, now: dt.datetime, instance_id: str, stream: BinaryIO) -> None:
    """Write the case's archive to `stream` as a ZIP: every file once, `arsip.json` (the entries) and `SHA256SUMS`.

    `sha256sum -c SHA256SUMS` checks it anywhere. A file that is missing or changed is not passed over: NotFound,
    before anything is written. `stream` need not be seekable. That it was taken away is recorded.
    """
    with read(pe) as db:
        case = case_of(db, actor, instance_id)
        rows = _rows_of(db, instance_id)
        loose = db.execute(sa.select(document.c.name, document.c.sha256).where(document.c.instance_id == instance_id)
                           .order_by(document.c.id)).mappings().all()
    named = _names([file for row in rows for file in row["files"]] + list(loose))
    for sha256, name in named.items():
        if files.fault(pe.folder, sha256):
            raise NotFound(N_("Dokumen %(name)s tidak utuh di arsip. Hubungi administrator."), name=name)
    chain = [{**row, "at": row["at"].isoformat(timespec="microseconds")} for row in rows]
    about = {"business_key": case["business_key"], "title": case["title"], "entries": chain}
    listing = json.dumps(about, ensure_ascii=False, indent=1).encode()
    sums = {**named, hashlib.sha256(listing).hexdigest(): "arsip.json"}
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as package:
        for sha256, name in named.items():
            package.write(files.path(pe.folder, sha256), name)
        package.writestr("arsip.json", listing)
        package.writestr("SHA256SUMS", "".join(f"{sha256}  {name}\n" for sha256, name in sums.items()))
    run(pe, lambda db: record(db, actor, now, "archive.exported", instance_id=instance_id, data={"files": len(named)}))


def _names(found: Sequence[Any]) -> dict[str, str]:
    """{sha256: a path in the ZIP}, each file once and no path twice."""
    names: dict[str, str] = {}
    for file in found:
        if file["sha256"] not in names:
            names[file["sha256"]] = f"berkas/{len(names) + 1:03}-{file['name']}"
    return names
