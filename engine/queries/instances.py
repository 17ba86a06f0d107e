"""Process instances and their history."""

import datetime as dt
from typing import Any

import sqlalchemy as sa

from bpmn.errors import N_, Invalid, NotFound
from engine import access, load, logs
from engine.batches import Choice, has_incident
from engine.process_engine import Actor, ProcessEngine
from engine.queries.paging import Page, fetch
from engine.queries.sight import instance_definition, instances_seen
from engine.store import read
from engine.tables import activity, event, incident, process_instance

_i = process_instance.c
_open_incidents = sa.select(sa.func.count()).where(
    incident.c.instance_id == _i.id, incident.c.resolved_at.is_(None)).correlate(process_instance).scalar_subquery()
started_in_stead_of = sa.select(event.c.data["in_stead_of"]).where(
    event.c.instance_id == _i.id, event.c.type == "instance.started").order_by(event.c.id).limit(1).correlate(
    process_instance).scalar_subquery().label("started_in_stead_of")
_COLUMNS = (_i.id, _i.definition_id, _i.definition_key, _i.business_key, _i.title, _i.suspended, _i.started_at, _i.started_by,
            _i.ended_at, _i.end_reason, _open_incidents.label("incidents"))


def instances(pe: ProcessEngine, actor: Actor, *, state: str | None = None, search: str = "", definition_key: str | None = None,
              definition_id: str | None = None, business_key: str | None = None, with_incident: bool | None = None,
              started_after: dt.datetime | None = None, started_before: dt.datetime | None = None,
              after: str | None = None, limit: int = 50) -> Page:
    """Cases that the actor may see, newest first. `state`: 'running', 'ended' or None. `search`: in title, business key and letter number.

    Rows: id, definition_id, definition_key, business_key, title, suspended, started_at, started_by, ended_at, end_reason,
    incidents (how many are open). One statement.
    """
    if state not in (None, "running", "ended"):
        raise Invalid(N_("Keadaan berkas tidak dikenal."), field="state")
    chosen = Choice(state=state or "", search=search, definition_key=definition_key or "", with_incident=bool(with_incident))
    query = sa.select(*_COLUMNS).where(_i.tenant_id == actor.tenant, instances_seen(actor), *chosen.where())
    exact = ((_i.definition_id, definition_id), (_i.business_key, business_key))
    query = query.where(*(column == value for column, value in exact if value is not None))
    if with_incident is False:
        query = query.where(~has_incident())
    if started_after is not None:
        query = query.where(_i.started_at >= started_after)
    if started_before is not None:
        query = query.where(_i.started_at < started_before)
    with read(pe) as db:
        return fetch(db, query, (_i.started_at, _i.id), after=after, limit=limit, descending=True)


def instance(pe: ProcessEngine, actor: Actor, instance_id: str) -> dict[str, Any]:
    """One case: the columns of `instances`, definition_name, definition_version, and in whose stead it was started: started_in_stead_of."""
    query = sa.select(*_COLUMNS, started_in_stead_of).where(_i.id == instance_id, _i.tenant_id == actor.tenant)
    with read(pe) as db:
        row = db.execute(query).mappings().first()
        if row is None:
            raise NotFound(N_("Berkas tidak ditemukan."))
        definition = load.definition(db, row["definition_id"])
    if not access.may_see_case(actor, definition.groups):
        raise NotFound(N_("Berkas tidak ditemukan."))
    logs.bind(instance=instance_id)
    return {**row, "definition_name": definition.name, "definition_version": definition.version}


def scoped_variables(pe: ProcessEngine, actor: Actor, instance_id: str) -> dict[str, dict[str, Any]]:
    """The variables of a case by scope, as they are or were at its end: '' its own, else the id of the activity instance that has them;
    for admin and process owner."""
    with read(pe) as db:
        instance_definition(db, actor, instance_id)
        access.require(access.may_see_variables(actor))
        return {scope: values for scope, values in load.instance(db, actor.tenant, instance_id).live.variables.items() if values}


def instance_variables(pe: ProcessEngine, actor: Actor, instance_id: str) -> dict[str, Any]:
    """The variables of a case's own scope, as they are or were at its end; for admin and process owner."""
    with read(pe) as db:
        instance_definition(db, actor, instance_id)
        access.require(access.may_see_variables(actor))
        return load.instance(db, actor.tenant, instance_id).live.variables.get("", {})


def activities(pe: ProcessEngine, actor: Actor, instance_id: str) -> list[dict[str, Any]]:
    """Every activity instance of a case in the order in which they began, at most 10,000 of the newest. Rows: the table's columns."""
    newest = sa.select(activity).where(activity.c.instance_id == instance_id).order_by(
        activity.c.started_at.desc(), activity.c.id.desc()).limit(10_000)
    with read(pe) as db:
        instance_definition(db, actor, instance_id)
        return [dict(row) for row in reversed(db.execute(newest).mappings().all())]


def events(pe: ProcessEngine, actor: Actor, instance_id: str, after: str | None = None, limit: int = 50) -> Page:
    """The history of a case, oldest first. Rows: id, activity_instance_id, type, at, actor, data."""
    e = event.c
    query = sa.select(e.id, e.activity_instance_id, e.type, e.at, e.actor, e.data).where(e.instance_id == instance_id)
    with read(pe) as db:
        instance_definition(db, actor, instance_id)
        return fetch(db, query, (e.id,), after=after, limit=limit)


def open_activities(pe: ProcessEngine, actor: Actor, instance_id: str) -> list[dict[str, Any]]:
    """Where the tokens are: dicts of activity_id and count."""
    a = activity.c
    query = sa.select(a.activity_id, sa.func.count().label("count")).where(
        a.instance_id == instance_id, a.ended_at.is_(None)).group_by(a.activity_id).order_by(a.activity_id)
    with read(pe) as db:
        instance_definition(db, actor, instance_id)
        return [dict(row) for row in db.execute(query).mappings()]
