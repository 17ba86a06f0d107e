"""A newer version of a document that the case holds already, put in its place without completing a task.

What was approved is not touched: while a seal stands, what it covers is changed by nobody here. (And were it, what is
published would no longer be what the seal says: `engine.publication` refuses that.)
"""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from bpmn.errors import N_, Conflict, Forbidden, NotFound
from engine import access, apply, documents, ids, load, step
from engine.commands.instances import visible_instance
from engine.process_engine import Actor, ProcessEngine
from engine.publication import REMARKS, SEALED
from engine.store import attempt, event_row, read, run
from engine.tables import activity, candidate, document, process_instance
from engine.values import load as read_variables

_a = activity.c
_open = sa.select(_a.id, _a.assignee, _a.owner, _a.delegation, _a.in_stead_of).where(
    _a.tenant_id == sa.bindparam("tenant"), _a.instance_id == sa.bindparam("instance"), _a.is_task, _a.ended_at.is_(None)).order_by(_a.id)


def replaceable(variables: Mapping[str, Any]) -> set[str]:
    """The ids of the documents that the case's own variables hold and no approval covers."""
    sealed = (*SEALED, *REMARKS) if variables.get("segel") else ()
    return {id for name, value in variables.items() if name not in sealed for id in documents.named(value)}


def replaceable_by(pe: ProcessEngine, actor: Actor, instance_id: str) -> set[str]:
    """The same of a case, for who may work on one of its open tasks; nothing for anybody else. Three statements at most."""
    with read(pe) as db:
        if _task(db, actor, instance_id) is None:
            return set()
        text = db.scalar(sa.select(process_instance.c.variables).where(
            process_instance.c.id == instance_id, process_instance.c.tenant_id == actor.tenant, process_instance.c.ended_at.is_(None)))
    return replaceable(read_variables(text).get("", {})) if text else set()


def task_for(pe: ProcessEngine, actor: Actor, document_id: str) -> tuple[dict[str, Any], str]:
    """A case's document and the open task by which the actor may put a newer version in its place.

    NotFound where they may not see it, Forbidden where no open task of the case is theirs to do.
    """
    row, _ = documents.open_document(pe, actor, document_id)
    if row["instance_id"] is None:
        raise NotFound(N_("Berkas tidak ditemukan."))
    with read(pe) as db:
        task_id = _task(db, actor, row["instance_id"])
    if task_id is None:
        raise Forbidden(N_("Anda tidak berhak melakukan ini."))
    return row, task_id


def replace(pe: ProcessEngine, actor: Actor, now: dt.datetime, document_id: str) -> None:
    """Put an uploaded document, the actor's own, in the place of the one that it `replaces`, in whatever variable holds that.

    Put there already: nothing happens. Conflict where the older one is held by no variable any more, or was approved.
    """
    def command() -> list[str]:
        def write(db: sa.Connection) -> list[str]:
            new = db.execute(sa.select(document).where(
                document.c.id == document_id, document.c.tenant_id == actor.tenant, document.c.uploaded_by == actor.id)).mappings().first()
            old = new and db.execute(sa.select(document).where(document.c.id == new["replaces"])).mappings().first()
            if new is None or old is None or old["instance_id"] is None:
                raise NotFound(N_("Berkas tidak ditemukan."))
            if new["instance_id"] is not None:
                return []
            task_id = _task(db, actor, old["instance_id"])
            access.require(task_id is not None)
            instance = visible_instance(db, actor, old["instance_id"], lambda actor: True)
            instance.require_active()
            held = instance.live.variables.get("", {})
            changed = {name: after for name, value in held.items() if (after := _with(value, old["id"], new)) != value}
            if not changed:
                raise Conflict(N_("Dokumen ini sudah tidak dipakai dalam berkas."))
            if old["id"] not in replaceable(held):
                raise Conflict(N_("Dokumen ini termasuk isi yang sudah disetujui, jadi tidak dapat diganti."))
            spec = load.spec(db, instance.definition_id)
            bound = documents.bind(db, actor, now, instance.id, changed)
            outcome = step.set_variables(spec, instance.live, "", bound, now, ids.source(now))
            event = event_row(actor, now, "variables.set", instance.id, task_id, {**apply.changes(outcome), "deleted": []})
            return apply.write(db, actor, now, instance, outcome, title=load.title(spec, instance, outcome), events=[event])

        return run(pe, write)

    pe.wake(attempt(pe, command))


def _with(value: Any, old_id: str, new: Any) -> Any:
    """A variable's value with the new document in the old one's place; its words for who does not see it stay."""
    if isinstance(value, dict):
        if value.get("document") == old_id:
            return documents.variable_of(new) | ({"alt": value["alt"]} if "alt" in value else {})
        return {key: _with(inner, old_id, new) for key, inner in value.items()}
    return [_with(inner, old_id, new) for inner in value] if isinstance(value, list) else value


def _task(db: sa.Connection, actor: Actor, instance_id: str) -> str | None:
    """An open task of the case that the actor may do."""
    rows = db.execute(_open, {"tenant": actor.tenant, "instance": instance_id}).all()
    who: dict[str, list[tuple[str, str]]] = {}
    if rows:
        for each in db.execute(sa.select(candidate.c.task_id, candidate.c.kind, candidate.c.name).where(
                candidate.c.task_id.in_([row.id for row in rows]))):
            who.setdefault(each.task_id, []).append((each.kind, each.name))
    return next((row.id for row in rows if access.may_work(
        actor, access.Held(row.assignee, who.get(row.id, []), row.owner, row.delegation, row.in_stead_of))), None)
