"""The attempts at a case's jobs, and what each sent and got."""

import datetime as dt
from typing import Any

import sqlalchemy as sa

from engine import access
from engine.process_engine import Actor, ProcessEngine
from engine.queries.sight import instance_definition
from engine.store import read
from engine.tables import job, job_attempt, job_exchange

SHOWN = 100  # attempts of a case, the newest
_a, _x = job_attempt.c, job_exchange.c


def attempts(pe: ProcessEngine, actor: Actor, instance_id: str, now: dt.datetime) -> list[dict[str, Any]]:
    """The jobs of a case that were taken up, the latest first: {id, activity_id, topic, state, error, attempts: [{id, started_at, ended_at,
    outcome ('died' where its worker did, 'running'), error, channel_id, exchanges (how many)}]}, at most SHOWN attempts. Two statements."""
    access.require(access.may_administer(actor))
    exchanges = sa.select(sa.func.count()).where(_x.attempt_id == _a.id).correlate(job_attempt).scalar_subquery()
    query = sa.select(
        _a.id, _a.job_id, _a.started_at, _a.ended_at, _a.outcome, _a.error, _a.channel_id, exchanges.label("exchanges"), job.c.activity_id,
        job.c.topic, job.c.state, job.c.error.label("job_error"), job.c.leased_by, job.c.leased_until,
    ).join(job, job.c.id == _a.job_id).where(_a.instance_id == instance_id).order_by(_a.started_at.desc(), _a.id).limit(SHOWN)
    found: dict[str, dict[str, Any]] = {}
    with read(pe) as db:
        instance_definition(db, actor, instance_id)
        for row in db.execute(query).mappings():
            of = found.setdefault(row["job_id"], {
                "id": row["job_id"], "activity_id": row["activity_id"], "topic": row["topic"], "state": row["state"],
                "error": row["job_error"], "attempts": []})
            of["attempts"].append({**{name: row[name] for name in ("id", "started_at", "ended_at", "error", "channel_id", "exchanges")},
                                   "outcome": row["outcome"] or _unended(row, now)})
    return list(found.values())


def exchanges(pe: ProcessEngine, actor: Actor, instance_id: str, attempt_id: str) -> list[dict[str, Any]]:
    """What an attempt of a case sent and got, in order: the table's columns. For an admin."""
    access.require(access.may_administer(actor))
    with read(pe) as db:
        instance_definition(db, actor, instance_id)
        return [dict(row) for row in db.execute(sa.select(job_exchange).where(
            _x.attempt_id == attempt_id, _x.instance_id == instance_id).order_by(_x.number)).mappings()]


def _unended(row: Any, now: dt.datetime) -> str:
    is_held = row["leased_by"] == row["id"] and row["leased_until"] is not None and row["leased_until"] > now
    return "running" if is_held else "died"
