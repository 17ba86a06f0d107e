"""What an admin does to a single stuck thing of a case: an incident, a timer, a task's due time. Each says why."""

import datetime as dt
from typing import Any

import sqlalchemy as sa

from bpmn.errors import N_, Conflict, Invalid, NotFound
from engine import access, apply, deadlines, documents, ids, load, modification, retiming, settings, step
from engine.commands.instances import visible_instance
from engine.commands.jobs import _for_admin, _is_free, _lost, _resolve_incident
from engine.commands.tasks import _open_task
from engine.found import Found, required
from engine.found import write as write_found
from engine.handlers import GAGAL
from engine.intents import Outcome
from engine.process_engine import Actor, ProcessEngine
from engine.spec import Spec
from engine.store import attempt, event_row, read, record, run
from engine.tables import activity, incident, job, process_instance
from engine.values import checked, reason, text


def resolve_incident(pe: ProcessEngine, actor: Actor, now: dt.datetime, incident_id: str, why: str,
                     variables: dict[str, Any] | None = None, found: Found | None = None) -> None:
    """Take what failed as done by hand: the case goes on as though its job had brought these variables. By an admin.

    Of a publication or withdrawal it must be said what was `found` on the channel. It is not done: then the case goes the way of
    its failure (`gagal`), where the diagram has one, so that a person takes over.
    A message that could not be delivered is let go; a post that its platform would not move counts as moved there by hand.
    Conflict where the incident was resolved already, and for the timer that starts cases, which can only be tried again.
    """
    why, variables = reason(why), checked(variables)

    def write(db: sa.Connection) -> list[str]:
        row, instance = _incident(db, actor, incident_id)
        if row["resolved_at"] is not None:
            raise Conflict(N_("Masalah ini sudah diselesaikan."))
        stuck = db.execute(sa.select(job).where(job.c.id == row["job_id"])).mappings().first()
        if stuck is None or stuck["type"] == "timer-start":
            raise Conflict(N_("Masalah ini hanya dapat diselesaikan dengan mencoba lagi."))
        seen = required(stuck, found)
        over = sa.update(job).where(job.c.id == stuck["id"], job.c.state == "failed").values(
            state="cancelled" if stuck["type"] == "message" else "done", ended_at=now)
        if db.execute(over).rowcount != 1:
            raise _lost()
        _resolve_incident(db, actor, now, stuck["id"])
        said = {"incident": row["id"], "job": stuck["id"], "activity_id": row["activity_id"], "type": row["type"],
                "message": row["message"], "reason": why,
                **({"found": seen.done, "url": seen.url or None} if seen else {})}
        if stuck["activity_instance_id"] is not None:
            return _go_on(db, actor, now, instance, stuck, variables, seen, said)
        if stuck["topic"] == retiming.TOPIC:  # nothing goes on from it: a time that a platform was told, a thrown message
            retiming.settle(db, actor, now, stuck["payload"])
        record(db, actor, now, "incident.resolved", instance_id=row["instance_id"], data=said)
        return []

    pe.wake(attempt(pe, lambda: run(pe, write)))


def annotate_incident(pe: ProcessEngine, actor: Actor, now: dt.datetime, incident_id: str, note: str | None) -> None:
    """Note something about an incident, in place of what was noted before; None takes it away. By an admin."""
    said = text(note or "", 4000).strip() or None

    def write(db: sa.Connection) -> None:
        row, _instance = _incident(db, actor, incident_id)
        db.execute(sa.update(incident).where(incident.c.id == incident_id).values(annotation=said))
        record(db, actor, now, "incident.annotated", instance_id=row["instance_id"], data={
            "incident": row["id"], "activity_id": row["activity_id"], "before": row["annotation"], "reason": said})

    run(pe, write)


def _incident(db: sa.Connection, actor: Actor, incident_id: str) -> tuple[Any, Any]:
    """An incident that an admin may mend, and its instance, where it has one."""
    row = db.execute(sa.select(incident).where(incident.c.id == incident_id, incident.c.tenant_id == actor.tenant)).mappings().first()
    if row is None:
        raise NotFound(N_("Masalah ini tidak ditemukan."))
    instance = visible_instance(db, actor, row["instance_id"], access.may_administer) if row["instance_id"] else None
    access.require(access.may_administer(actor))
    return row, instance


def _go_on(db: sa.Connection, actor: Actor, now: dt.datetime, instance: load.Loaded, stuck: Any, variables: dict[str, Any],
           seen: Found | None, said: dict[str, Any]) -> list[str]:
    """Let a case go on from the job that was stuck; returns the jobs to wake."""
    instance.require_active()
    spec, why = load.spec(db, instance.definition_id), said["reason"]
    given = documents.bind(db, actor, now, instance.id, variables)
    if seen:
        given = write_found(db, actor, now, stuck, seen, why) | given
    if stuck["type"] == "timer":
        outcome = step.trigger(spec, instance.live, stuck["id"], now, ids.source(now))
    else:
        failed = _fail(spec, instance, stuck, why, now) if seen and not seen.done else None
        outcome = failed or step.complete(spec, instance.live, stuck["activity_instance_id"], given, now, ids.source(now))
    happened = event_row(actor, now, "incident.resolved", instance.id, stuck["activity_instance_id"], {**said, **apply.changes(outcome)})
    return apply.write(db, actor, now, instance, outcome, title=load.title(spec, instance, outcome), events=[happened])


def _fail(spec: Spec, instance: load.Loaded, stuck: Any, why: str, now: dt.datetime) -> Outcome | None:
    """The way of a failed call, where the diagram has one."""
    return step.throw_error(spec, instance.live, stuck["activity_instance_id"], GAGAL, why, now, ids.source(now), {"kegagalan": why})


def renew_job(pe: ProcessEngine, actor: Actor, now: dt.datetime, job_id: str, why: str, retries: int = 3) -> None:
    """Make a failed call again, with its input read anew from the variables as they are now; by an admin."""
    why = reason(why)

    def write(db: sa.Connection) -> list[str]:
        row = _for_admin(db, actor, job_id)
        if row["state"] != "failed" or row["type"] != "external" or row["activity_instance_id"] is None:
            raise Conflict(N_("Pekerjaan ini bukan panggilan yang gagal."))
        instance = visible_instance(db, actor, row["instance_id"], access.may_administer)
        instance.require_active()
        spec = load.spec(db, instance.definition_id)
        outcome, payload = modification.renew(spec, instance.live, row["activity_instance_id"], now, ids.source(now))
        again = sa.update(job).where(job.c.id == job_id, job.c.state == "failed").values(
            state="open", due_at=now, attempts=0, retries=retries, payload=payload)
        if db.execute(again).rowcount != 1:
            raise _lost()
        _resolve_incident(db, actor, now, job_id)
        differs = sorted(name for name in payload.keys() | row["payload"].keys() if payload.get(name) != row["payload"].get(name))
        happened = event_row(actor, now, "job.renewed", instance.id, row["activity_instance_id"], {
            "job": job_id, "activity_id": row["activity_id"], "error": row["error"], "changed": differs, "reason": why,
            **apply.changes(outcome)})
        return [job_id, *apply.write(db, actor, now, instance, outcome, title=load.title(spec, instance, outcome), events=[happened])]

    pe.wake(attempt(pe, lambda: run(pe, write)))


def set_job_due(pe: ProcessEngine, actor: Actor, now: dt.datetime, job_id: str, due_at: dt.datetime, why: str) -> None:
    """Put a timer or call off to another moment, or bring it forward; by an admin. Conflict where it failed or is being done."""
    why = reason(why)
    if not now - deadlines.FORESEEN < due_at < now + deadlines.FORESEEN:
        raise Invalid(N_("Waktunya paling jauh empat tahun dari sekarang."), field="due")

    def write(db: sa.Connection) -> list[str]:
        row = _for_admin(db, actor, job_id)
        free = sa.update(job).where(job.c.id == job_id, job.c.state == "open", _is_free)
        if row["state"] != "open" or db.execute(free.values(due_at=due_at), {"_now": now}).rowcount != 1:
            raise Conflict(N_("Pekerjaan ini sedang dikerjakan, atau sudah gagal."))
        planned = process_instance.c.id == row["instance_id"], process_instance.c.publish_at == row["due_at"]
        db.execute(sa.update(process_instance).where(*planned).values(publish_at=due_at))  # what waits for this is in the calendar
        record(db, actor, now, "job.due_set", instance_id=row["instance_id"], activity_instance_id=row["activity_instance_id"], data={
            "job": job_id, "activity_id": row["activity_id"], "type": row["type"], "from": row["due_at"].isoformat(),
            "to": due_at.isoformat(), "reason": why})
        return [job_id] if due_at <= now else []

    pe.wake(run(pe, write))


_due_of = sa.select(activity.c.started_at, activity.c.due_at, activity.c.allowed_seconds).where(activity.c.id == sa.bindparam("id"))


def set_due(pe: ProcessEngine, actor: Actor, now: dt.datetime, task_id: str, due_at: dt.datetime | None, why: str) -> None:
    """Set when an open task falls due, earlier or later, or that it never does; by an admin."""
    why = reason(why)
    if due_at is not None and not now - deadlines.FORESEEN < due_at < now + deadlines.FORESEEN:
        raise Invalid(N_("Waktunya paling jauh empat tahun dari sekarang."), field="due")

    def command() -> None:
        with read(pe) as db:
            task = _open_task(db, actor, task_id)
            access.require(access.may_administer(actor))
            row = db.execute(_due_of, {"id": task_id}).one()
            calendar, rules = settings.calendar(db, actor.tenant), settings.rules(db, actor.tenant)
        counted = row.allowed_seconds is not None and due_at is not None
        allowed = max(0, round(calendar.between(row.started_at, due_at).total_seconds())) if counted and due_at else None
        values = {"due_at": due_at, "due_order": due_at or deadlines.END_OF_TIME, "allowed_seconds": allowed,
                  "remind_at": deadlines.next_reminder(calendar, rules, row.started_at, due_at, after=now)}

        def write(db: sa.Connection) -> None:
            apply.touch(db, task.instance)
            db.execute(sa.update(activity).where(activity.c.id == task_id, activity.c.ended_at.is_(None)).values(values))
            record(db, actor, now, "task.due_set", instance_id=task.instance.id, activity_instance_id=task.id, data={
                "activity_id": task.activity_id, "from": row.due_at.isoformat() if row.due_at else None,
                "to": due_at.isoformat() if due_at else None, "reason": why})

        run(pe, write)

    attempt(pe, command)
