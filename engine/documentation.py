"""The topic `dokumentasikan`: what was published, where, by whose approval, and how it stood there.

In two steps, each of which is one transaction that happens once per job: `_collect` chains what is known and seen into the
archive; `_file_sheet` prints it on the lembar dokumentasi and chains that. A crash between them loses and doubles nothing.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from bpmn import sop
from bpmn.errors import N_
from bpmn.expressions import canonical, sha256
from connectors import Failure, http
from engine import archive, files, links, sheet
from engine.archive import Entry
from engine.channels import context
from engine.documents import documents_of, variable_of
from engine.handlers import Job, handler
from engine.ids import new_id
from engine.process_engine import Actor, ProcessEngine
from engine.publication import publications_of, record_manual, sealed
from engine.queries.instances import started_in_stead_of
from engine.store import read, record, run
from engine.tables import archive_entry, document, event, process_definition, process_instance, resource, tenant, user

TOPIC = "dokumentasikan"
VARIABLE = "lembar_dokumentasi"
ORDERED = ("alasan_ralat", "catatan_ralat", "dasar_penurunan", "alasan_penurunan")  # what an order says, and a correction's note
TRIES = 3  # how often a page that cannot be reached now is waited for, before that itself is what is recorded
MAX_PAGE = 20 << 20  # bytes


@handler(TOPIC)
def document_case(pe: ProcessEngine, job: Job, now: dt.datetime) -> dict[str, Any]:
    """Archive the case's documents, publications and pages, and its one-page PDF: {lembar_dokumentasi: the document}.

    Run again for the same job, it adds nothing and returns the same. Raises Failure (temporary) while a page cannot be
    reached, at most TRIES - 1 times.
    """
    run(pe, lambda db: record_manual(db, job.tenant, now, job.instance_id))
    with read(pe) as db:
        entries = _entries_of(db, job)
        shown = publications_of(db, job.instance_id)
    if not entries:
        pages = {row["id"]: _page(pe, job, row, now) for row in shown}
        text = files.keep_bytes(pe.folder, _text(job).encode())
        entries = run(pe, lambda db: _collect(db, job, now, shown, pages, text))
    done = next((entry for entry in entries if entry["kind"] == "documentation"), None)
    if done is None:
        with read(pe) as db:
            facts = _facts(db, job, now, entries)
        pdf = files.keep_bytes(pe.folder, sheet.render(facts))
        return {VARIABLE: run(pe, lambda db: _file_sheet(db, job, now, pdf, facts))}
    return {VARIABLE: done["content"]["document"]}


# What is seen ---------------------------------------------------------------------------------------------------------

def _page(pe: ProcessEngine, job: Job, row: Mapping[str, Any], now: dt.datetime) -> dict[str, Any]:
    """The page of a publication as it stands: {url, fetched_at, status, sha256, size, media_type, holds_title}, or {error}."""
    if not row["url"]:
        return {"error": N_("tidak ada alamat halaman")}
    if row["state"] == "scheduled":
        return {"error": N_("belum waktunya terbit")}
    seen: dict[str, Any] = {"fetched_at": now.isoformat()}
    try:
        response = http.get(row["url"], allowed_private_hosts=context(pe).allowed_private_hosts, max_bytes=MAX_PAGE, deadline=45)
        if not response.ok and not (row["state"] == "withdrawn" and response.status in links.GONE):
            raise http.failure(response)
    except Failure as failure:
        if failure.kind == "temporary" and job.attempts < TRIES:
            raise
        return seen | {"error": str(failure)}
    kept = files.keep_bytes(pe.folder, response.body)
    return seen | {
        "url": response.url, "status": response.status, "sha256": kept.sha256, "size": kept.size,
        "media_type": response.headers.get("Content-Type", "")[:200],
        "holds_title": http.contains_title(response.text(), job.payload.get("judul") or "")}


def _text(job: Job) -> str:
    """What was approved, word for word: its SHA-256 is the seal."""
    return canonical([job.payload.get(name) for name in sealed(job.payload)])


def _approval(db: sa.Connection, job: Job) -> dict[str, Any]:
    """Who set the seal: {user, name, title, at, activity_id}, and in_stead_of where it was done so; empty where nobody did."""
    rows = db.execute(sa.select(event.c.actor, event.c.at, event.c.data).where(
        event.c.instance_id == job.instance_id, event.c.type == "task.completed").order_by(event.c.id.desc()))
    seal = job.payload.get("segel")
    for row in rows:
        if seal and row.data.get("variables", {}).get("segel") == seal:
            return {**_person(db, row.actor), "at": row.at.isoformat(), "activity_id": row.data.get("activity_id", ""), **_stead(row.data)}
    return {}


def _about(db: sa.Connection, job: Job) -> dict[str, Any]:
    """Of a correction or takedown: the case that it is about, the hash of what was documented of it last, and who ordered it
    why. Empty for any other case."""
    own = db.execute(sa.select(
        process_instance.c.about_id, process_instance.c.started_by, process_instance.c.started_at, started_in_stead_of).where(
        process_instance.c.id == job.instance_id)).one()
    if own.about_id is None:
        return {}
    first = db.execute(sa.select(process_instance.c.business_key, process_instance.c.title).where(
        process_instance.c.id == own.about_id)).one()
    family = sa.select(process_instance.c.id).where(process_instance.c.id != job.instance_id, sa.or_(
        process_instance.c.id == own.about_id, process_instance.c.about_id == own.about_id))
    entry = db.execute(sa.select(archive_entry.c.number, archive_entry.c.hash).where(
        archive_entry.c.tenant_id == job.tenant, archive_entry.c.instance_id.in_(family), archive_entry.c.kind == "documentation",
    ).order_by(archive_entry.c.number.desc()).limit(1)).first()
    said = {name: job.payload[name] for name in ORDERED if job.payload.get(name)}
    return {"instance": own.about_id, "business_key": first.business_key, "title": first.title, **said,
            "entry": entry.number if entry else None, "hash": entry.hash if entry else None,
            "ordered_by": _person(db, own.started_by) | _stead({"in_stead_of": own.started_in_stead_of}),
            "ordered_at": own.started_at.isoformat()}


def _person(db: sa.Connection, user_id: str | None) -> dict[str, Any]:
    found = db.execute(sa.select(user.c.name, user.c.title).where(user.c.id == user_id)).first()
    return {"user": user_id, "name": found.name if found else user_id or "", "title": found.title if found else ""}


def _stead(data: Mapping[str, Any]) -> dict[str, Any]:
    return {"in_stead_of": data["in_stead_of"]} if data.get("in_stead_of") else {}


# Into the chain -------------------------------------------------------------------------------------------------------

def _entries_of(db: sa.Connection, job: Job) -> list[dict[str, Any]]:
    return [entry for entry in archive.entries_of(db, job.instance_id) if entry["content"].get("job") == job.id]


def _collect(db: sa.Connection, job: Job, now: dt.datetime, shown: Sequence[Mapping[str, Any]], pages: Mapping[str, dict[str, Any]],
             text: files.Received) -> list[dict[str, Any]]:
    """Chain the case's documents (those not yet in the archive), the approved text, and every publication with its page;
    where another run of the job was first, its entries they are."""
    archive.lock(db, job.tenant)
    if theirs := _entries_of(db, job):
        return theirs
    known = {entry["content"].get("document") for entry in archive.entries_of(db, job.instance_id) if entry["kind"] == "document"}
    entries = [_document_entry(job, row) for row in documents_of(db, job.instance_id) if row["id"] not in known]
    approval, about = _approval(db, job), _about(db, job)
    if "isi" in job.payload or not about:  # a takedown says nothing new
        entries.append(_text_entry(job, text, approval))
    entries += [_publication_entry(db, job, row, pages[row["id"]], approval, about) for row in shown]
    archive.append_all(db, job.tenant, now, job.instance_id, entries)
    return _entries_of(db, job)


def _text_entry(job: Job, text: files.Received, approval: dict[str, Any]) -> Entry:
    names, seal = sealed(job.payload), job.payload.get("segel")
    content = {"job": job.id, "variable": "segel", "name": "naskah.json", "of": list(names), "approved_sha256": seal,
               "as_approved": sha256([job.payload.get(name) for name in names]) == seal, "approved_by": approval}
    return Entry("document", content, [{"name": "naskah.json", "sha256": text.sha256, "size": text.size}])


def _document_entry(job: Job, row: Mapping[str, Any]) -> Entry:
    content = {"job": job.id, "document": row["id"], **{key: row[key] for key in ("variable", "name", "media_type", "uploaded_by")},
               "uploaded_at": row["uploaded_at"].isoformat()}
    return Entry("document", content, [{key: row[key] for key in ("name", "sha256", "size")}])


def _publication_entry(db: sa.Connection, job: Job, row: Mapping[str, Any], page: dict[str, Any], approval: dict[str, Any],
                       about: dict[str, Any]) -> Entry:
    content = {
        "job": job.id, "publication": row["id"], "channel_name": row["channel"],
        **{key: row[key] for key in ("channel_id", "revision", "connector", "state", "url", "platform_id", "error")},
        "by_hand": row["by_hand"], "unchecked": row["unchecked"],
        "published_at": row["published_at"].isoformat() if row["published_at"] else None,
        "published_by": _person(db, row["by"]) | _stead(row) if row["by_hand"] else None,
        "approved_by": approval, "approved_sha256": row["content_sha256"], "page": page,
        **({"about": about} if about else {}), **({"gone": row["gone"]} if row["gone"] else {})}
    name = f"halaman-{row['channel_id']}.html" if "html" in page.get("media_type", "") else f"halaman-{row['channel_id']}"
    return Entry("publication", content, [{"name": name, "sha256": page["sha256"], "size": page["size"]}] if "sha256" in page else [])


def _file_sheet(db: sa.Connection, job: Job, now: dt.datetime, pdf: files.Received, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Make the PDF a document of the case and chain it; where another run of the job was first, its document it is."""
    archive.lock(db, job.tenant)
    for entry in _entries_of(db, job):
        if entry["kind"] == "documentation":
            return entry["content"]["document"]
    row = {"id": new_id(now), "tenant_id": job.tenant, "instance_id": job.instance_id, "task_id": None, "variable": VARIABLE,
           "name": f"lembar-dokumentasi-{facts['business_key']}.pdf".replace("/", "-"), "media_type": "application/pdf",
           "size": pdf.size, "sha256": pdf.sha256, "uploaded_by": None, "uploaded_at": now}
    db.execute(sa.insert(document), row)
    content = {"job": job.id, "document": variable_of(row)} | ({"about": facts["about"]} if facts["about"] else {})
    archive.append(db, job.tenant, now, "documentation", job.instance_id, content,
                   [{key: row[key] for key in ("name", "sha256", "size")}])
    record(db, Actor.system(job.tenant), now, "document.added", instance_id=job.instance_id,
           activity_instance_id=job.activity_instance_id or None, data={"variable": VARIABLE, **variable_of(row)})
    return variable_of(row)


# Onto the sheet -------------------------------------------------------------------------------------------------------

def _facts(db: sa.Connection, job: Job, now: dt.datetime, entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """All that the sheet says, from the chain's entries and the case."""
    of = process_definition.c
    case = db.execute(sa.select(
        process_instance.c.business_key, process_instance.c.title, process_instance.c.started_at, of.version, of.key,
        resource.c.content, tenant.c.name.label("office"), tenant.c.timezone,
    ).join(process_definition, of.id == process_instance.c.definition_id)
     .join(resource, sa.and_(resource.c.deployment_id == of.deployment_id, resource.c.name == of.resource_name))
     .join(tenant, tenant.c.id == process_instance.c.tenant_id)
     .where(process_instance.c.id == job.instance_id)).mappings().one()
    procedure = sop.read(bytes(case["content"]), case["key"])
    text = next((entry["content"] for entry in entries if entry["content"].get("variable") == "segel"), None)
    about = _about(db, job)
    return {
        "office": case["office"], "timezone": case["timezone"], "business_key": case["business_key"],
        "title": job.payload.get("judul") or case["title"], "kind": job.payload.get("jenis") or "",
        "letter": job.payload.get("nomor_surat") or "", "procedure": procedure.name, "unit": procedure.identity.get("unit", ""),
        "number": procedure.identity.get("nomor", ""), "version": case["version"], "started_at": case["started_at"], "made_at": now,
        "approval": text["approved_by"] if text else about["ordered_by"] | {"at": about["ordered_at"]},
        "approved_sha256": text["approved_sha256"] or "" if text else "", "as_approved": text["as_approved"] if text else True,
        "about": about,
        "publications": [entry["content"] for entry in entries if entry["kind"] == "publication"],
        "documents": [file for entry in entries if entry["kind"] == "document" for file in entry["files"]],
        "first": entries[0]["number"], "last": entries[-1]["number"], "hash": entries[-1]["hash"]}
