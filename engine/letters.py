"""Papers of a case: lembar disposisi and nota dinas, numbered, kept as PDF and DOCX, and verified by whoever holds one.

A paper is issued in two transactions. The first takes the number and writes what the paper says; the files are made of that
outside any transaction, and the second makes them documents of the case and chains them into the archive. Where it ends in
between, issuing again goes on from there: no number is lost, and none is given twice.
"""

import datetime as dt
import re
import secrets
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from bpmn import model
from bpmn.errors import N_, Conflict, NotFound
from bpmn.sop import PAPERS
from engine import access, archive, files, letter_content, letter_docx, letter_pdf, letterhead, load, media, numbering, settings, values
from engine.archive import case_of
from engine.ids import new_id
from engine.migration_plan import places
from engine.process_engine import Actor, ProcessEngine
from engine.store import read, record, run
from engine.tables import activity, document, letter, process_instance, tenant

VARIABLE = "naskah"  # of a document that is a paper
PDF, DOCX = "application/pdf", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{22}")  # 128 random bits
_l, _a, _d = letter.c, activity.c, document.c


@dataclass(frozen=True)
class Papers:
    """A case's papers: those issued ({id, task_id, kind, number, token, issued_at, issued_by, pdf, docx, …}), those that the actor may
    issue ({task_id, kind, task}), and the letter that the case came with (`letter_content.source`)."""

    issued: list[dict[str, Any]]
    open: list[dict[str, Any]]
    request: dict[str, str]


# Issuing --------------------------------------------------------------------------------------------------------------

def issue(pe: ProcessEngine, actor: Actor, now: dt.datetime, task_id: str, kind: str, *, base_url: str = "") -> dict[str, Any]:
    """Issue the paper of a completed task and return its row; asked again, the same paper.

    By whoever completed the task, the members of the groups that it was for, and admins. NotFound where the actor does not see the
    case, or the model says of no such paper; Conflict while the task is open. `base_url`: where the verification page is reached,
    unless BASE_URL says so.
    """
    with read(pe) as db:
        task = _task(db, actor, task_id)
        element = _element(db, task)
        if element.properties.get("naskah") != kind or kind not in PAPERS:
            raise NotFound(N_("Naskah ini tidak ada pada tugas ini."))
        if task["ended_at"] is None:
            raise Conflict(N_("Naskah dibuat setelah tugasnya selesai."))
        if task["canceled"]:
            raise Conflict(N_("Tugas ini berakhir tanpa diselesaikan, jadi tidak ada naskahnya."))
        access.require(_may_issue(actor, task, element))
        found = _of_task(db, task_id, kind)
        content = {} if found else letter_content.gather(db, task, element, kind)
    if not found:
        address = str(pe.config.get("BASE_URL") or base_url).rstrip("/")
        found = run(pe, lambda db: _number(db, actor, now, task, kind, content, address))
    if not _is_filed(pe, found):
        _file(pe, found, now)
    return found


def _number(db: sa.Connection, actor: Actor, now: dt.datetime, task: sa.RowMapping, kind: str, content: dict[str, Any],
            address: str) -> dict[str, Any]:
    """Write the paper under the next number; the one that is there, where somebody was faster."""
    db.execute(sa.select(_a.id).where(_a.id == task["id"]).with_for_update())  # one at a time for a task
    if found := _of_task(db, task["id"], kind):
        return found
    day = now.astimezone(ZoneInfo(content["zone"])).date()
    pattern = settings.of(db, actor.tenant)["numbering"][kind]
    number = numbering.written(pattern, numbering.take(db, actor.tenant, kind, day.year), day)
    token = secrets.token_urlsafe(16)
    row = {"id": new_id(now), "tenant_id": actor.tenant, "instance_id": task["instance_id"], "task_id": task["id"], "kind": kind,
           "number": number, "token": token, "pdf": new_id(now), "docx": new_id(now), "issued_at": now, "issued_by": actor.id or None,
           "content": {**content, "number": number, "date": day.isoformat(), "address": f"{address}/surat/{token}"}}
    db.execute(sa.insert(letter), row)
    record(db, actor, now, "letter.issued", instance_id=task["instance_id"], activity_instance_id=task["id"],
           data={"kind": kind, "number": number})
    return row


def _file(pe: ProcessEngine, row: dict[str, Any], now: dt.datetime) -> None:
    """Make both files of what the paper says, documents of the case; where another was faster, theirs stay."""
    logo = letterhead.logo_of(pe, row["content"]["letterhead"])
    made = [("pdf", PDF, letter_pdf.render(row["kind"], row["content"], row["issued_at"], logo)),
            ("docx", DOCX, letter_docx.render(row["kind"], row["content"], row["issued_at"], logo))]
    name = f"{PAPERS[row['kind']]} {row['number']}".replace("/", "-")
    rows = []
    for ending, media_type, content in made:
        kept = files.keep_bytes(pe.folder, content)
        rows.append({
            "id": row[ending], **{key: row[key] for key in ("tenant_id", "instance_id", "task_id")}, "variable": VARIABLE,
            "name": media.clean_name(f"{name}.{ending}", media_type), "media_type": media_type, "size": kept.size,
            "sha256": kept.sha256, "uploaded_by": row["issued_by"], "uploaded_at": now})

    def write(db: sa.Connection) -> None:
        archive.lock(db, row["tenant_id"])
        if db.scalar(sa.select(_d.id).where(_d.id == row["pdf"])):
            return
        db.execute(sa.insert(document), rows)
        said = {key: row[key] for key in ("id", "kind", "number", "token", "content")} | {"documents": [row["pdf"], row["docx"]]}
        archive.append(db, row["tenant_id"], now, "letter", row["instance_id"], said,
                       [{key: each[key] for key in ("name", "sha256", "size")} for each in rows])

    run(pe, write)


def _is_filed(pe: ProcessEngine, row: dict[str, Any]) -> bool:
    with read(pe) as db:
        return db.scalar(sa.select(_d.id).where(_d.id == row["pdf"])) is not None


# Reading --------------------------------------------------------------------------------------------------------------

def papers(pe: ProcessEngine, actor: Actor, instance_id: str) -> Papers:
    """The papers of a case, for who may see it; of a task that was done several times, only the last may be issued from here."""
    with read(pe) as db:
        case = case_of(db, actor, instance_id)
        done = db.execute(_select_done, {"instance": instance_id}).mappings().all()
        last = {(task["definition_id"], task["activity_id"]): task for task in done}
        mine = [(task, element) for task in last.values() if (element := _element(db, task)).properties.get("naskah") in PAPERS
                and _may_issue(actor, task, element)]
    issued = sorted((dict(row) for row in done if row["sha256"]), key=lambda row: row["id"])
    have = {(row["task_id"], row["kind"]) for row in issued}
    offered = [{"task_id": task["task_id"], "kind": element.properties["naskah"], "task": task["name"]} for task, element in mine
               if (task["task_id"], element.properties["naskah"]) not in have]
    variables = values.load(case["variables"]).get("", {})
    return Papers(issued, offered, letter_content.source(variables))


def offered(pe: ProcessEngine, actor: Actor, task_id: str) -> str | None:
    """The kind of paper that the actor may issue for this completed task, and that is not there yet."""
    with read(pe) as db:
        try:
            task = _task(db, actor, task_id)
        except NotFound:
            return None
        if task["ended_at"] is None or task["canceled"]:
            return None
        element = _element(db, task)
        kind = element.properties.get("naskah", "")
        if kind not in PAPERS or not _may_issue(actor, task, element):
            return None
        filed = db.execute(sa.select(_l.id).join(document, _d.id == _l.pdf).where(_l.task_id == task_id, _l.kind == kind)).first()
    return None if filed else kind


def verify(pe: ProcessEngine, token: str) -> dict[str, Any]:
    """What anybody may know who holds a paper's address: {kind, number, date, office, subject (None where it is secret), name, post,
    decree, signed_at, sha256, docx_sha256}. NotFound for a token that no paper has."""
    if not _TOKEN.fullmatch(token):
        raise NotFound(N_("Naskah ini tidak dikenal."))
    word = sa.alias(document)
    with read(pe) as db:
        row = db.execute(sa.select(_l.kind, _l.number, _l.content, _d.sha256, word.c.sha256.label("docx_sha256"),
                                   process_instance.c.variables).join(document, _d.id == _l.pdf).join(word, word.c.id == _l.docx)
                         .join(process_instance, process_instance.c.id == _l.instance_id).where(_l.token == token)).mappings().first()
    if row is None:
        raise NotFound(N_("Naskah ini tidak dikenal."))
    said, now = row["content"], values.load(row["variables"]).get("", {})  # it may have become secret since
    secret = said["nature"] == letter_content.NATURES[letter_content.SECRET] or letter_content.is_secret(now)
    return {"kind": row["kind"], "number": row["number"], "date": dt.date.fromisoformat(said["date"]), "office": said["office"],
            "subject": None if secret else said["subject"], "name": said["signer"]["name"], "post": said["signer"]["post"],
            "decree": said["signer"]["decree"], "signed_at": dt.datetime.fromisoformat(said["signer"]["at"]),
            "sha256": row["sha256"], "docx_sha256": row["docx_sha256"]}


def sample(pe: ProcessEngine, actor: Actor, now: dt.datetime, kind: str, *, base_url: str = "") -> bytes:
    """A PDF of invented content, with the office's letterhead and numbering as they are kept: to look at. An admin's."""
    access.require(access.may_administer(actor))
    with read(pe) as db:
        kept = settings.of(db, actor.tenant)
        office, zone = db.execute(sa.select(tenant.c.name, tenant.c.timezone).where(tenant.c.id == actor.tenant)).one()
    day = now.astimezone(ZoneInfo(zone)).date()
    content = letter_content.cleaned({
        **letter_content.SAMPLE, "office": office, "zone": zone, "letterhead": kept["letterhead"], "date": day.isoformat(),
        "number": numbering.written(kept["numbering"][kind], 7, day), "signer": {**letter_content.SAMPLE["signer"], "at": now.isoformat()},
        "address": f"{str(pe.config.get('BASE_URL') or base_url).rstrip('/')}/surat/contoh"})
    return letter_pdf.render(kind, content, now, letterhead.logo_of(pe, kept["letterhead"]))


# Inside ---------------------------------------------------------------------------------------------------------------

_select_done = sa.select(  # a case's completed tasks, each with its paper where that is whole
    _a.id.label("task_id"), _a.definition_id, _a.activity_id, _a.name, _a.completed_by, _l.id, _l.kind, _l.number, _l.token, _l.issued_at,
    _l.issued_by, _l.pdf, _l.docx, _d.sha256,
).outerjoin(letter, _l.task_id == _a.id).outerjoin(document, _d.id == _l.pdf).where(
    _a.instance_id == sa.bindparam("instance"), _a.type == "userTask", _a.ended_at.is_not(None), _a.canceled.is_(False)
).order_by(_a.ended_at, _a.id)


def _of_task(db: sa.Connection, task_id: str, kind: str) -> dict[str, Any] | None:
    row = db.execute(sa.select(letter).where(_l.task_id == task_id, _l.kind == kind)).mappings().first()
    return dict(row) if row else None


def _task(db: sa.Connection, actor: Actor, task_id: str) -> sa.RowMapping:
    row = db.execute(sa.select(activity, process_instance.c.title, process_instance.c.business_key).join(
        process_instance, process_instance.c.id == _a.instance_id).where(
        _a.id == task_id, _a.is_task, _a.tenant_id == actor.tenant)).mappings().first()
    if row is None:
        raise NotFound(N_("Tugas tidak ditemukan."))
    case_of(db, actor, row["instance_id"])
    return row


def _element(db: sa.Connection, task: Any) -> model.Element:
    """What a task stands on in the diagram of its process, or of one that is called in it."""
    of, id = load.definition(db, task["definition_id"]), task["activity_id"]
    own = load.process(db, of).elements.get(id)
    return own or next(place.element for place in places(load.spec(db, of.id)).values() if place.element.id == id)


def _may_issue(actor: Actor, task: Any, element: model.Element) -> bool:
    groups = model.names(element.candidate_groups)
    return access.may_administer(actor) or task["completed_by"] == actor.id or not actor.groups.isdisjoint(groups)
