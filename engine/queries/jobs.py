"""Jobs and incidents."""

from typing import Any

import sqlalchemy as sa

from bpmn.errors import N_, NotFound
from engine import access
from engine.process_engine import Actor, ProcessEngine
from engine.queries.paging import Page, fetch
from engine.queries.sight import definitions_seen
from engine.store import read
from engine.tables import incident as incident_table
from engine.tables import job as job_table
from engine.tables import process_instance

_j, _n, _i = job_table.c, incident_table.c, process_instance.c
_JOB = (_j.id, _j.instance_id, _j.definition_id, _j.activity_instance_id, _j.activity_id, _j.type, _j.topic, _j.state, _j.due_at,
        _j.retries, _j.attempts, _j.leased_until, _j.error, _j.created_at, _j.ended_at)
_INCIDENT = (_n.id, _n.instance_id, _n.definition_id, _n.activity_id, _n.job_id, _n.type, _n.message, _n.opened_at, _n.resolved_at,
             _n.resolved_by, _n.annotation, _i.title, _i.business_key)


def jobs(pe: ProcessEngine, actor: Actor, *, instance_id: str | None = None, state: str | None = None, after: str | None = None,
         limit: int = 50) -> Page:
    """Jobs of cases that the actor may see (those of no case: who oversees), oldest first. Without their payload."""
    query = sa.select(*_JOB).where(*_seen(actor, job_table))
    if instance_id is not None:
        query = query.where(_j.instance_id == instance_id)
    if state is not None:
        # Written out, so that a partial index serves it.
        query = query.where(_j.state == (sa.literal_column(f"'{state}'") if state in ("open", "failed") else state))
    with read(pe) as db:
        return fetch(db, query, (_j.id,), after=after, limit=limit)


def job(pe: ProcessEngine, actor: Actor, job_id: str) -> dict[str, Any]:
    """One job: the columns of `jobs`."""
    with read(pe) as db:
        row = db.execute(sa.select(*_JOB).where(_j.id == job_id, *_seen(actor, job_table))).mappings().first()
    if row is None:
        raise NotFound(N_("Pekerjaan tidak ditemukan."))
    return dict(row)


def incidents(pe: ProcessEngine, actor: Actor, *, open: bool | None = True, instance_id: str | None = None, after: str | None = None,
              limit: int = 50) -> Page:
    """Incidents, newest first, with the case's title and business_key. `open=None`: the resolved ones too."""
    query = sa.select(*_INCIDENT).outerjoin(process_instance, _i.id == _n.instance_id).where(*_seen(actor, incident_table))
    if open is not None:
        query = query.where(_n.resolved_at.is_(None) if open else _n.resolved_at.is_not(None))
    if instance_id is not None:
        query = query.where(_n.instance_id == instance_id)
    with read(pe) as db:
        return fetch(db, query, (_n.opened_at, _n.id), after=after, limit=limit, descending=True)


def _seen(actor: Actor, table: sa.Table) -> list[sa.ColumnElement[bool]]:
    own = table.c.tenant_id == actor.tenant
    if access.sees_every_case(actor):
        return [own]
    return [own, table.c.instance_id.is_not(None), table.c.definition_id.in_(definitions_seen(actor))]
