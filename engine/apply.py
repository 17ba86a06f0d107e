"""Writing what a step decided. There is no BPMN here: intents become rows, in a transaction that somebody else opened."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam

from bpmn.errors import N_, Invalid
from engine import deadlines, ids, planned, settings, values
from engine.intents import Dropped, Entered, JobWanted, Left, Live, Outcome, SubscriptionWanted, TaskDetails, Thrown
from engine.load import Loaded, Title
from engine.prepared import Prepared
from engine.process_engine import Actor
from engine.store import Stale, event_row
from engine.tables import activity, candidate, event, incident, job, process_instance, subscription

MESSAGE_RETRIES = 5  # of the job that delivers a thrown message

# Statements are made once.
_update_instance = Prepared(sa.update(process_instance).where(
    process_instance.c.id == bindparam("_id"), process_instance.c.version == bindparam("_version"),
    process_instance.c.ended_at.is_(None),
).values(version=bindparam("_version") + 1, state=bindparam("_state"), variables=bindparam("_variables"), title=bindparam("_title"),
         search=bindparam("_search"), publish_at=bindparam("_publish_at"), publish_on=bindparam("_publish_on"),
         ended_at=bindparam("_ended_at"), end_reason=bindparam("_end_reason"), working_seconds=bindparam("_working_seconds")))
_touch_instance = sa.update(process_instance).where(
    process_instance.c.id == bindparam("_id"), process_instance.c.version == bindparam("_version"), process_instance.c.ended_at.is_(None),
).values(version=bindparam("_version") + 1)
_insert_instance = sa.insert(process_instance)
_insert_activities = Prepared(sa.insert(activity))
_leave_activities = Prepared(sa.update(activity).where(activity.c.id == bindparam("_id"), activity.c.ended_at.is_(None)).values(
    ended_at=bindparam("_ended_at"), canceled=bindparam("_canceled"), completed_by=bindparam("_by"),
    working_seconds=bindparam("_worked"), in_stead_of=bindparam("_stead", type_=activity.c.in_stead_of.type),
    assignee=sa.func.coalesce(activity.c.assignee, bindparam("_by"))))
_insert_candidates = Prepared(sa.insert(candidate))
_delete_candidates = Prepared(sa.delete(candidate).where(candidate.c.task_id == bindparam("_id")))
_insert_jobs = Prepared(sa.insert(job))
_insert_subscriptions = Prepared(sa.insert(subscription))
_insert_events = Prepared(sa.insert(event))
_delete_subscriptions = Prepared(sa.delete(subscription).where(subscription.c.id == bindparam("_id")))
_cancel_jobs = Prepared(sa.update(job).where(  # two conditions, for IN takes no list of rows
    job.c.id == bindparam("_id"), (job.c.state == "open") | (job.c.state == "failed"),
).values(
    state="cancelled", ended_at=bindparam("_now")))
_resolve_incidents = Prepared(sa.update(incident).where(incident.c.job_id == bindparam("_id"), incident.c.resolved_at.is_(None)).values(
    resolved_at=bindparam("_now")))


@dataclass(frozen=True)
class Completion:
    """Who completed a task, when it had begun, and in whose stead it was done (`StandIn.record`)."""

    by: str | None
    began: dt.datetime
    in_stead_of: Mapping[str, Any] | None = None


def create(db: sa.Connection, actor: Actor, now: dt.datetime, instance: Loaded, outcome: Outcome, title: Title,
           about_id: str | None = None, in_stead_of: Mapping[str, Any] | None = None) -> list[str]:
    """Write a new instance, whose `live` is not looked at, and its first step. Return the ids of jobs that are due.

    `in_stead_of`: in whose stead it was started (`StandIn.record`).
    """
    state, variables = _dumped(outcome)
    db.execute(_insert_instance, {
        "id": instance.id, "tenant_id": instance.tenant, "definition_id": instance.definition_id,
        "definition_key": instance.definition_key, "business_key": instance.business_key, "title": values.text(title.shown, 500),
        "search": values.text(title.search, 500),
        "version": 1, "state": state, "variables": variables, "started_at": now, "started_by": actor.id or None,
        "about_id": about_id, **_ending(db, now, instance, outcome), **planned.columns(outcome.live.variables.get("", {}))})
    started = event_row(actor, now, "instance.started", instance.id, data={
        **changes(outcome), **({"in_stead_of": in_stead_of} if in_stead_of else {})})
    return _write_intents(db, actor, now, instance, outcome, [started])


def write(db: sa.Connection, actor: Actor, now: dt.datetime, instance: Loaded, outcome: Outcome, *, title: Title,
          events: Sequence[dict[str, Any]] = (), completed: Mapping[str, Completion] | None = None) -> list[str]:
    """Write one step of an instance as it was loaded; Stale if somebody changed it since. Return the ids of jobs that are due.

    `completed`: the tasks that somebody completed. `events` are rows of `event_row`.
    """
    state, variables = _dumped(outcome)
    done = _update_instance(db, [{
        "_id": instance.id, "_version": instance.version, "_state": state, "_variables": variables,
        "_title": values.text(title.shown, 500), "_search": values.text(title.search, 500),
        **{f"_{k}": v for k, v in _ending(db, now, instance, outcome).items()},
        **{f"_{k}": v for k, v in planned.columns(outcome.live.variables.get("", {})).items()}}])
    if done is None or done.rowcount != 1:
        raise Stale
    return _write_intents(db, actor, now, instance, outcome, events, completed or {})


def touch(db: sa.Connection, instance: Loaded) -> None:
    """Raise an instance's version, for a command that changes rows beside it; Stale if somebody changed it since it was loaded."""
    if db.execute(_touch_instance, {"_id": instance.id, "_version": instance.version}).rowcount != 1:
        raise Stale


def close(db: sa.Connection, now: dt.datetime, instance_id: str) -> None:
    """End whatever is still open in an instance: activities, candidates, jobs, subscriptions, incidents.

    What no activity of it waits for is still done: messages that it threw, a post that a platform is to show at another time.
    """
    still_open = sa.select(activity.c.id).where(activity.c.instance_id == instance_id, activity.c.ended_at.is_(None))
    db.execute(sa.delete(candidate).where(candidate.c.task_id.in_(still_open)))
    db.execute(sa.update(activity).where(activity.c.instance_id == instance_id, activity.c.ended_at.is_(None)).values(
        ended_at=now, canceled=True))
    db.execute(sa.update(job).where(job.c.instance_id == instance_id, job.c.state.in_(["open", "failed"]),
                                    job.c.activity_instance_id.is_not(None)).values(
        state="cancelled", ended_at=now))
    db.execute(sa.delete(subscription).where(subscription.c.instance_id == instance_id))
    gone = sa.select(job.c.id).where(job.c.instance_id == instance_id, job.c.state == "cancelled")
    db.execute(sa.update(incident).where(incident.c.instance_id == instance_id, incident.c.resolved_at.is_(None),
                                         incident.c.job_id.is_(None) | incident.c.job_id.in_(gone)).values(resolved_at=now))


def _write_intents(db: sa.Connection, actor: Actor, now: dt.datetime, instance: Loaded, outcome: Outcome,
                   events: Iterable[dict[str, Any]], completed: Mapping[str, Completion] | None = None) -> list[str]:
    of = _sorted(outcome)
    left = {intent.id: intent for intent in of[Left]}
    dropped = {intent.id for intent in of[Dropped]}
    _write_activities(db, now, instance, of[Entered], left, completed or {})
    jobs = [_job_row(now, instance, wanted) for wanted in of[JobWanted] if wanted.id not in dropped]
    new_id = ids.source(now)
    jobs += [_message_row(now, instance, thrown, new_id()) for thrown in of[Thrown]]
    _insert_jobs(db, jobs)
    _insert_subscriptions(db, [_subscription_row(now, instance, w) for w in of[SubscriptionWanted] if w.id not in dropped])
    _drop(db, now, dropped - {wanted.id for kind in (JobWanted, SubscriptionWanted) for wanted in of[kind]})
    events = list(events)
    if outcome.ended:
        close(db, now, instance.id)
        events.append(event_row(actor, now, "instance.ended", instance.id, data={"reason": "completed"}))
    _insert_events(db, events)
    return [row["id"] for row in jobs if row["due_at"] <= now]


def _sorted(outcome: Outcome) -> dict[type, list[Any]]:
    of: dict[type, list[Any]] = {kind: [] for kind in (Entered, Left, JobWanted, SubscriptionWanted, Dropped, Thrown)}
    for intent in outcome.intents:
        of[type(intent)].append(intent)
    return of


def _write_activities(db: sa.Connection, now: dt.datetime, instance: Loaded, entered: list[Entered], left: dict[str, Left],
                      completed: Mapping[str, Completion]) -> None:
    new = {intent.id for intent in entered}
    gone = [{"_id": intent.id, "_ended_at": now, "_canceled": intent.canceled, **_completion(db, now, instance, completed.get(intent.id))}
            for intent in left.values() if intent.id not in new]
    _leave_activities(db, gone)
    _delete_candidates(db, [{"_id": row["_id"]} for row in gone])
    _insert_activities(db, [_activity_row(db, now, instance, intent, left.get(intent.id)) for intent in entered])
    _insert_candidates(db, [
        {"task_id": intent.id, "kind": kind, "name": name, "tenant_id": instance.tenant}
        for intent in entered if intent.task and intent.id not in left
        for kind, names in (("group", intent.task.candidate_groups), ("user", intent.task.candidate_users))
        for name in dict.fromkeys(" ".join(values.text(name, 255).split()) for name in names)])  # lists of them are split at line ends


def _completion(db: sa.Connection, now: dt.datetime, instance: Loaded, done: Completion | None) -> dict[str, Any]:
    if done is None:
        return {"_by": None, "_worked": None, "_stead": None}
    return {"_by": done.by, "_worked": _worked(db, instance, done.began, now), "_stead": done.in_stead_of}


def _worked(db: sa.Connection, instance: Loaded, began: dt.datetime, now: dt.datetime) -> int:
    """Return the office's working seconds between two moments; none where the clock went back in between."""
    return max(0, round(settings.calendar(db, instance.tenant).between(began, now).total_seconds()))


def _drop(db: sa.Connection, now: dt.datetime, dropped: set[str]) -> None:
    """Cancel these jobs, with their incidents, and delete these subscriptions; which is which, the rows know."""
    rows = [{"_id": id, "_now": now} for id in sorted(dropped)]
    _delete_subscriptions(db, [{"_id": row["_id"]} for row in rows])
    _cancel_jobs(db, rows)
    _resolve_incidents(db, rows)


def _deadline(db: sa.Connection, now: dt.datetime, instance: Loaded, task: TaskDetails) -> dict[str, Any]:
    return deadlines.columns(settings.calendar(db, instance.tenant), settings.rules(db, instance.tenant), now, task)


def _activity_row(db: sa.Connection, now: dt.datetime, instance: Loaded, intent: Entered, left: Left | None) -> dict[str, Any]:
    task = intent.task
    return {
        "id": intent.id, "tenant_id": instance.tenant, "instance_id": instance.id, "definition_id": instance.definition_id,
        "activity_id": intent.activity_id, "name": values.text(intent.name), "type": intent.type, "scope_id": intent.scope_id,
        "loop_counter": intent.loop_counter, "started_at": now, "ended_at": now if left else None,
        "canceled": left.canceled if left else False, "is_task": task is not None,
        "to_tell": task is not None and left is None,
        "assignee": values.text(task.assignee, 255) if task and task.assignee else None,
        **(_deadline(db, now, instance, task) if task else deadlines.NO_COLUMNS),
        "follow_up_at": task.follow_up_at if task else None, "priority": task.priority if task else 50,
        "form_key": task.form_key if task else None,
        "description": values.text(task.description) if task and task.description else None,
    }


def _job_row(now: dt.datetime, instance: Loaded, wanted: JobWanted) -> dict[str, Any]:
    return {
        "id": wanted.id, "tenant_id": instance.tenant, "instance_id": instance.id, "definition_id": instance.definition_id,
        "activity_instance_id": wanted.activity_instance_id, "activity_id": wanted.activity_id, "type": wanted.type,
        "topic": values.text(wanted.topic, 255), "payload": wanted.payload, "state": "open", "due_at": wanted.due_at,
        "retries": wanted.retries, "created_at": now,
    }


def _message_row(now: dt.datetime, instance: Loaded, thrown: Thrown, id: str) -> dict[str, Any]:
    payload = {"kind": thrown.kind, "name": thrown.name, "variables": thrown.payload, "correlation": thrown.correlation}
    return {
        "id": id, "tenant_id": instance.tenant, "instance_id": instance.id, "definition_id": instance.definition_id,
        "activity_instance_id": None, "activity_id": "", "type": "message", "topic": "", "payload": payload, "state": "open",
        "due_at": now, "retries": MESSAGE_RETRIES, "created_at": now,
    }


def _subscription_row(now: dt.datetime, instance: Loaded, wanted: SubscriptionWanted) -> dict[str, Any]:
    return {
        "id": wanted.id, "tenant_id": instance.tenant, "instance_id": instance.id, "definition_id": instance.definition_id,
        "activity_instance_id": wanted.activity_instance_id, "activity_id": wanted.activity_id, "kind": wanted.kind,
        "name": values.text(wanted.name, 255), "correlation": wanted.correlation, "created_at": now,
    }


def changes(outcome: Outcome) -> dict[str, Any]:
    """What a step changed, as an event's data: the instance's own variables, and apart those of inner scopes."""
    inner = {scope: changed for scope, changed in outcome.changed.items() if scope and changed}
    return {"variables": outcome.changed.get("", {})} | ({"scopes": inner} if inner else {})


def _ending(db: sa.Connection, now: dt.datetime, instance: Loaded, outcome: Outcome) -> dict[str, Any]:
    if not outcome.ended:
        return {"ended_at": None, "end_reason": None, "working_seconds": None}
    return {"ended_at": now, "end_reason": "completed", "working_seconds": _worked(db, instance, instance.started_at, now)}


def _dumped(outcome: Outcome) -> tuple[str | None, str]:
    live: Live = outcome.live
    try:
        return None if outcome.ended else values.dump(live.state), values.dump(live.variables)
    except (TypeError, ValueError) as error:
        raise Invalid(N_("Sebuah ekspresi memberi nilai yang tidak dapat disimpan sebagai JSON.")) from error
