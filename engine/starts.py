"""What the start events of a definition wait for: messages, signals and times.

Those of the version in force wait, and of one that is announced: nothing of it starts before its time (see `engine.version_life`).
"""

import datetime as dt
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from bpmn import timers
from engine import ids
from engine.load import Definition
from engine.spec import Spec, start_events
from engine.tables import job, process_definition, subscription

RETRIES = 5


def renew(db: sa.Connection, now: dt.datetime, definition: Definition, spec: Spec) -> None:
    """Let the start events of the version that is in force now wait, and those of all lower versions no longer."""
    retire(db, now, _of_key(definition, process_definition.c.version <= definition.version))
    wait(db, now, definition, spec, now)


def retire(db: sa.Connection, now: dt.datetime, definition_ids: sa.Select) -> None:
    """Let the start events of these versions wait no longer."""
    db.execute(sa.delete(subscription).where(subscription.c.instance_id.is_(None), subscription.c.definition_id.in_(definition_ids)))
    db.execute(sa.update(job).where(
        job.c.type == "timer-start", job.c.state == "open", job.c.definition_id.in_(definition_ids)).values(
        state="cancelled", ended_at=now))


def wait(db: sa.Connection, now: dt.datetime, definition: Definition, spec: Spec, since: dt.datetime) -> None:
    """Let the start events of a version wait that is in force from `since` on."""
    new_id = ids.source(now)
    for start in start_events(spec):
        if start.kind == "timer":
            schedule = start.schedule(since)
            first = replace(schedule, due=max(schedule.due, since)) if since > now else schedule
            db.execute(sa.insert(job), job_row(definition, start.activity_id, first, new_id(), now))
        elif start.kind in ("message", "signal"):
            db.execute(sa.insert(subscription), {
                "id": new_id(), "tenant_id": definition.tenant, "definition_id": definition.id, "activity_id": start.activity_id,
                "kind": start.kind, "name": start.name, "correlation": {}, "created_at": now})


def _of_key(definition: Definition, *which: sa.ColumnElement[bool]) -> sa.Select:
    return sa.select(process_definition.c.id).where(
        process_definition.c.tenant_id == definition.tenant, process_definition.c.key == definition.key, *which)


def following(payload: dict[str, Any], due_at: dt.datetime) -> timers.Schedule | None:
    """Return when a start timer fires after the time at `due_at`; None when that was the last."""
    return timers.following(due_at, payload["left"], payload["every"])


def job_row(definition: Definition, activity_id: str, schedule: timers.Schedule, id: str, now: dt.datetime) -> dict[str, Any]:
    """Return the job that starts a case at a time."""
    return {
        "id": id, "tenant_id": definition.tenant, "definition_id": definition.id, "activity_id": activity_id, "type": "timer-start",
        "topic": "", "payload": {"left": schedule.left, "every": schedule.every}, "state": "open", "due_at": schedule.due,
        "retries": RETRIES, "created_at": now,
    }
