"""What the start events of a definition wait for: messages, signals and times. Only the newest version's wait."""

import datetime as dt
from typing import Any

import sqlalchemy as sa

from bpmn import timers
from engine import ids
from engine.load import Definition
from engine.spec import Spec, start_events
from engine.tables import job, process_definition, subscription

RETRIES = 5


def renew(db: sa.Connection, now: dt.datetime, definition: Definition, spec: Spec) -> None:
    """Let the start events of a new version wait, and those of its older versions no longer."""
    older = sa.select(process_definition.c.id).where(
        process_definition.c.tenant_id == definition.tenant, process_definition.c.key == definition.key,
        process_definition.c.id != definition.id)
    db.execute(sa.delete(subscription).where(subscription.c.instance_id.is_(None), subscription.c.definition_id.in_(older)))
    db.execute(sa.update(job).where(job.c.type == "timer-start", job.c.state == "open", job.c.definition_id.in_(older)).values(
        state="cancelled", ended_at=now))
    new_id = ids.source(now)
    for start in start_events(spec):
        if start.kind == "timer":
            db.execute(sa.insert(job), job_row(definition, start.activity_id, start.schedule(now), new_id(), now))
        elif start.kind in ("message", "signal"):
            db.execute(sa.insert(subscription), {
                "id": new_id(), "tenant_id": definition.tenant, "definition_id": definition.id, "activity_id": start.activity_id,
                "kind": start.kind, "name": start.name, "correlation": {}, "created_at": now})


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
