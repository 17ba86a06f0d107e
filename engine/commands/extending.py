"""More time for a task whose step allows it, with a reason that stays in the history."""

import datetime as dt

import sqlalchemy as sa
from sqlalchemy import bindparam

from bpmn import sop
from bpmn.errors import N_, Conflict, Invalid
from engine import access, apply, deadlines, load, settings
from engine.commands.tasks import _open_task, _Task
from engine.load import Definition
from engine.process_engine import Actor, ProcessEngine
from engine.store import attempt, read, record, run
from engine.tables import activity
from engine.values import text

MOST_MINUTES = 60 * 24 * 30  # of working time, at once
LONGEST_REASON = 1000

_select = sa.select(activity.c.started_at, activity.c.due_at, activity.c.allowed_seconds).where(activity.c.id == bindparam("id"))
_extend = sa.update(activity).where(activity.c.id == bindparam("_id"), activity.c.ended_at.is_(None)).values(
    due_at=bindparam("_due"), due_order=bindparam("_due"), allowed_seconds=bindparam("_allowed"), remind_at=bindparam("_remind"),
    extensions=activity.c.extensions + 1)


def may_be_extended(db: sa.Connection, of: Definition, activity_id: str) -> bool:
    """Tell whether a step's diagram lets whoever does it take more time (its property `dapat_diperpanjang`)."""
    step = sop.read(load.resources(db, of.deployment_id)[of.resource_name], of.key).steps.get(activity_id)
    return step is not None and step.dapat_diperpanjang


def extend(pe: ProcessEngine, actor: Actor, now: dt.datetime, task_id: str, *, minutes: int | None = None, due: dt.datetime | None = None,
           reason: str, was: dt.datetime | None = None) -> dt.datetime:
    """Give a task more time: so many minutes of working time after its due time (or now, where that is past), or until `due`.

    By whoever may do it, or the head of a group that may. `was` is the due time that the asker saw: Conflict where
    it is another by now, so that what is asked twice is done once. Returns the new due time.
    """
    reason = text(reason if isinstance(reason, str) else "", LONGEST_REASON).strip()
    _check(minutes, due, now, reason)

    def command() -> dt.datetime:
        with read(pe) as db:
            task = _open_task(db, actor, task_id)
            _require(db, actor, task)
            row = db.execute(_select, {"id": task_id}).one()
            calendar, rules = settings.calendar(db, actor.tenant), settings.rules(db, actor.tenant)
        if was is not None and was != row.due_at:
            raise Conflict(N_("Batas waktunya sudah diubah. Muat ulang halaman ini."))
        new = due or deadlines.due_at(calendar, max(row.due_at or now, now), dt.timedelta(minutes=minutes or 0))
        if new is None or (row.due_at and new <= row.due_at):
            raise Invalid(N_("Batas waktu yang baru harus sesudah yang lama."), field="due")
        allowed = None if row.allowed_seconds is None else round(calendar.between(row.started_at, new).total_seconds())
        values = {"_id": task.id, "_due": new, "_allowed": allowed,
                  "_remind": deadlines.next_reminder(calendar, rules, row.started_at, new, after=now)}
        data = {"activity_id": task.activity_id, "from": row.due_at.isoformat() if row.due_at else None, "to": new.isoformat(),
                "reason": reason}

        def write(db: sa.Connection) -> None:
            apply.touch(db, task.instance)
            db.execute(_extend, values)
            record(db, actor, now, "task.extended", instance_id=task.instance.id, activity_instance_id=task.id, data=data)

        run(pe, write)
        return new

    return attempt(pe, command)


def _check(minutes: int | None, due: dt.datetime | None, now: dt.datetime, reason: str) -> None:
    problems = []
    if not reason:
        problems.append(Invalid(N_("Sebutkan alasannya."), field="reason"))
    if (minutes is None) == (due is None):
        problems.append(Invalid(N_("Isikan tambahan waktunya."), field="minutes"))
    elif minutes is not None and not 1 <= minutes <= MOST_MINUTES:
        problems.append(Invalid(N_("Isikan 1 sampai %(most)s menit."), field="minutes", most=MOST_MINUTES))
    elif due is not None and not now < due < now + deadlines.FORESEEN:
        problems.append(Invalid(N_("Batas waktu yang baru harus di masa depan, paling lama empat tahun."), field="due"))
    if problems:
        raise Invalid(N_("Perpanjangan belum benar."), problems=problems)


def _require(db: sa.Connection, actor: Actor, task: _Task) -> None:
    """Refuse who may not do the task nor leads a group that may, and a step that has its time and no more."""
    access.require(access.may_work(actor, task.held) or access.may_assign(actor, task.candidates))
    if not may_be_extended(db, task.definition, task.activity_id):
        raise Conflict(N_("Waktu langkah ini tidak dapat diperpanjang."))
