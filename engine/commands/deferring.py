"""Putting one's own task off: it leaves the list until a moment, and comes back by itself."""

import datetime as dt

import sqlalchemy as sa
from sqlalchemy import bindparam

from bpmn.errors import N_, Invalid
from engine import access, apply
from engine.commands.tasks import _open_task
from engine.process_engine import Actor, ProcessEngine
from engine.store import attempt, read, record, run
from engine.tables import activity

LONGEST = dt.timedelta(days=366)

_defer = sa.update(activity).where(activity.c.id == bindparam("_id"), activity.c.ended_at.is_(None)).values(
    follow_up_at=bindparam("_until"))


def defer(pe: ProcessEngine, actor: Actor, now: dt.datetime, task_id: str, until: dt.datetime | None) -> None:
    """Put a task off until a moment within a year, or (None) take it back. By its assignee; its due time stays as it is."""
    if until is not None and not now < until <= now + LONGEST:
        raise Invalid(N_("Tunda sampai waktu di masa depan, paling lama setahun."), field="until")

    def command() -> None:
        with read(pe) as db:
            task = _open_task(db, actor, task_id)
        access.require(access.may_administer(actor) or access.holds(actor, task.held))

        def write(db: sa.Connection) -> None:
            apply.touch(db, task.instance)
            db.execute(_defer, {"_id": task.id, "_until": until})
            record(db, actor, now, "task.deferred", instance_id=task.instance.id, activity_instance_id=task.id,
                   data={"activity_id": task.activity_id, "until": until.isoformat() if until else None})

        run(pe, write)

    attempt(pe, command)
