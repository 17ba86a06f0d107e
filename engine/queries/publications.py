"""The publication board: what became of each case on each channel, over all cases."""

import datetime as dt
from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from engine import standings
from engine.process_engine import Actor, ProcessEngine
from engine.queries.paging import Page, fetch
from engine.queries.sight import instances_seen
from engine.store import read
from engine.tables import activity, channel, incident, job, job_attempt, process_instance, publication, publication_standing

TOPIC = "publikasi"
_a, _i, _j, _p = job_attempt.c, process_instance.c, job.c, publication.c
_COLUMNS = (_p.id, _p.instance_id, _p.channel_id, _p.revision, _p.state, _p.url, _p.published_at, _p.waits_until, _p.error, _p.updated_at,
            _i.title, _i.business_key, _i.ended_at, sa.func.coalesce(channel.c.name, _p.channel_id).label("channel"),
            *standings.COLUMNS)


def publication_board(pe: ProcessEngine, actor: Actor, *, states: Collection[str] = (), standing: Collection[str] = (),
                      channel_id: str = "", since: dt.datetime | None = None, before: dt.datetime | None = None,
                      after: str | None = None, limit: int = 50) -> Page:
    """Publications of cases that the actor may see, the latest changed first; three statements.

    Rows: some of the table's columns, `title`, `business_key` and `ended_at` of the case, `channel` (its name), `attempts` (how
    often its job was taken up), and, while that is not done, `job`: {id, state, due_at, incident (its id, where one is open), type}.
    `since` and `before` are about the last change. `standing`: of `standings.DRIFTED` and 'unreachable', what a look showed.
    """
    its_channel = sa.and_(channel.c.tenant_id == _p.tenant_id, channel.c.id == _p.channel_id)
    query = sa.select(*_COLUMNS).select_from(publication).join(process_instance, _i.id == _p.instance_id).outerjoin(
        channel, its_channel).outerjoin(publication_standing, publication_standing.c.publication_id == _p.id).where(
        _p.tenant_id == actor.tenant, instances_seen(actor))
    if states:
        query = query.where(_p.state.in_(sorted(states)))
    if standing:
        query = query.where(standings.IS_DRIFTED, publication_standing.c.tenant_id == actor.tenant,
                            publication_standing.c.state.in_(sorted(standing)))
    if channel_id:
        query = query.where(_p.channel_id == channel_id)
    if since is not None:
        query = query.where(_p.updated_at >= since)
    if before is not None:
        query = query.where(_p.updated_at < before)
    with read(pe) as db:
        page = fetch(db, query, (_p.updated_at, _p.id), after=after, limit=limit, descending=True)
        ids = sorted({row["instance_id"] for row in page.rows})
        owed, tried = (_owed(db, ids), _tried(db, ids)) if ids else ({}, {})
    return Page([{**row, "job": owed.get(_place(row)), "attempts": tried.get(_place(row), 0)} for row in page.rows], page.next)


def waiting_for_their_time(pe: ProcessEngine, actor: Actor, now: dt.datetime, limit: int = 50) -> list[dict[str, Any]]:
    """Cases that the actor may see which stand at a timer on their way, the earliest first: {instance_id, title, business_key, name
    (the timer's), due_at}. The shipped procedure waits so for the time of its publication, which has no row until then. One statement."""
    query = sa.select(_j.instance_id, _j.due_at, _i.title, _i.business_key, activity.c.name).join(
        process_instance, _i.id == _j.instance_id).join(activity, activity.c.id == _j.activity_instance_id)
    query = query.where(_j.tenant_id == actor.tenant, _j.state == sa.literal_column("'open'"), _j.due_at > now, _j.type == "timer",
                        activity.c.type == "intermediateTimer", instances_seen(actor)).order_by(_j.due_at, _j.id).limit(limit)
    with read(pe) as db:
        return [dict(row) for row in db.execute(query).mappings()]


def _place(row: Any) -> tuple[str, str]:
    return row["instance_id"], row["channel_id"]


def _owed(db: sa.Connection, ids: list[str]) -> dict[tuple[str, str], dict[str, Any]]:
    """{(case, channel): its job that is not done}."""
    its_incident = sa.and_(incident.c.job_id == _j.id, incident.c.resolved_at.is_(None))
    rows = db.execute(
        sa.select(_j.id, _j.instance_id, _j.payload["kanal"].as_string().label("channel_id"), _j.state, _j.due_at,
                  incident.c.id.label("incident"), incident.c.type)
        .outerjoin(incident, its_incident)
        .where(_j.instance_id.in_(ids), _j.topic == TOPIC, _j.state.in_(("open", "failed"))).order_by(_j.id)).mappings()
    return {_place(row): {name: row[name] for name in ("id", "state", "due_at", "incident", "type")} for row in rows}


def _tried(db: sa.Connection, ids: list[str]) -> dict[tuple[str, str], int]:
    """{(case, channel): how often its job was taken up}."""
    rows = db.execute(
        sa.select(_a.instance_id, _a.channel_id, sa.func.count().label("count")).join(job, _j.id == _a.job_id)
        .where(_a.instance_id.in_(ids), _j.topic == TOPIC).group_by(_a.instance_id, _a.channel_id)).mappings()
    return {_place(row): row["count"] for row in rows}
