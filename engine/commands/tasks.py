"""What people do with their tasks."""

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam

from bpmn.errors import N_, Conflict, Invalid, NotFound
from engine import access, apply, documents, ids, load, people, step, values
from engine.intents import Entered, Left, Outcome
from engine.load import Definition, Loaded
from engine.process_engine import Actor, ProcessEngine
from engine.store import attempt, event_row, read, record, run
from engine.tables import activity, candidate, process_instance


@dataclass(frozen=True)
class Completed:
    """What `complete` led to: `tasks` are the ids of the case's tasks now open that the actor may do."""

    instance_id: str
    tasks: list[str]
    ended: bool = False


@dataclass(frozen=True)
class _Task:
    id: str
    activity_id: str
    assignee: str | None
    ended: bool
    began: dt.datetime
    candidates: list[tuple[str, str]]  # (kind, name)
    definition: Definition
    instance: Loaded


_candidates = sa.select(sa.func.aggregate_strings(candidate.c.kind + ":" + candidate.c.name, "\n")).where(
    candidate.c.task_id == activity.c.id).scalar_subquery()
_select_task = sa.select(
    activity.c.id, activity.c.activity_id, activity.c.assignee, activity.c.ended_at, activity.c.started_at, _candidates.label("candidates"),
    *load.INSTANCE_COLUMNS,
).join(process_instance, process_instance.c.id == activity.c.instance_id).where(
    activity.c.id == bindparam("id"), activity.c.tenant_id == bindparam("tenant"), activity.c.is_task)
_assign = sa.update(activity).where(activity.c.id == bindparam("_id"), activity.c.ended_at.is_(None)).values(
    assignee=bindparam("_assignee"), claimed_at=bindparam("_claimed_at"), to_tell=activity.c.to_tell | bindparam("_to_tell"),
    follow_up_at=None)  # whoever has it now has not put it off


def claim(pe: ProcessEngine, actor: Actor, now: dt.datetime, task_id: str) -> None:
    """Make the actor the assignee of a task that has none. Again by the same person: nothing happens."""
    def command() -> None:
        with read(pe) as db:
            task = _open_task(db, actor, task_id)
        if task.assignee == actor.id:
            return
        if task.assignee:
            raise Conflict(N_("Tugas ini sudah diambil oleh %(user)s."), user=task.assignee)
        access.require(access.may_claim(actor, task.candidates))
        _set_assignee(pe, actor, now, task, actor.id, "task.claimed")

    attempt(pe, command)


def unclaim(pe: ProcessEngine, actor: Actor, now: dt.datetime, task_id: str) -> None:
    """Give a task back to its candidates."""
    def command() -> None:
        with read(pe) as db:
            task = _open_task(db, actor, task_id)
        if task.assignee is None:
            return
        access.require(access.may_administer(actor) or task.assignee == actor.id)
        _set_assignee(pe, actor, now, task, None, "task.unclaimed")

    attempt(pe, command)


def assign(pe: ProcessEngine, actor: Actor, now: dt.datetime, task_id: str, user_id: str | None) -> None:
    """Make `user_id` (an active account) the assignee, or nobody.

    By an admin; by the head of a group that the task is for, to one of its candidates; oneself, as by `claim` and `unclaim`.
    """
    def command() -> None:
        with read(pe) as db:
            task = _open_task(db, actor, task_id)
        if task.assignee == (user_id or None):
            return
        to_self = user_id == actor.id and not task.assignee and access.may_claim(actor, task.candidates)
        from_self = not user_id and task.assignee == actor.id
        access.require(to_self or from_self or access.may_assign(actor, task.candidates))
        if user_id and not to_self:
            found = people.require_active(pe, actor, user_id)
            if not access.may_administer(actor) and not access.is_candidate(people.actor_of(found), task.candidates):
                raise Invalid(N_("Tugas ini bukan untuk %(name)s."), field="userId", name=found["name"])
        _set_assignee(pe, actor, now, task, user_id or None, "task.assigned")

    attempt(pe, command)


def complete(pe: ProcessEngine, actor: Actor, now: dt.datetime, task_id: str, variables: dict[str, Any] | None = None) -> Completed:
    """Complete a task with these variables; an unassigned one becomes the actor's by it. Completed already: Conflict.

    The step is computed before the write lock is taken, except where the variables name documents: those are
    tied to the case in the same transaction, and the step sees them as the archive knows them.
    """
    variables = values.checked(variables)

    def command() -> tuple[Completed, list[str]]:
        with read(pe) as db:
            task = _open_task(db, actor, task_id)
            spec = load.spec(db, task.instance.definition_id)
        access.require(access.may_work(actor, task.assignee, task.candidates))
        if documents.names_any(variables):
            def write(db: sa.Connection) -> tuple[Outcome, list[str]]:
                bound = documents.bind(db, actor, now, task.instance.id, variables)
                outcome = _step(spec, task, bound, now)
                return outcome, _write(db, actor, now, spec, task, outcome)
            outcome, due = run(pe, write)
        else:
            outcome = _step(spec, task, variables, now)
            due = run(pe, lambda db: _write(db, actor, now, spec, task, outcome))
        return Completed(task.instance.id, _tasks_of(pe, actor, task, outcome), outcome.ended), due

    completed, due = attempt(pe, command)
    pe.wake(due)
    return completed


def _step(spec: Any, task: _Task, variables: dict[str, Any], now: dt.datetime) -> Outcome:
    return step.complete(spec, task.instance.live, task.id, variables, now, ids.source(now))


def _write(db: sa.Connection, actor: Actor, now: dt.datetime, spec: Any, task: _Task, outcome: Outcome) -> list[str]:
    data = {"activity_id": task.activity_id, **apply.changes(outcome)}
    completed = event_row(actor, now, "task.completed", task.instance.id, task.id, data)
    return apply.write(db, actor, now, task.instance, outcome, title=load.title(spec, task.instance, outcome), events=[completed],
                       completed={task.id: apply.Completion(actor.id or None, task.began)})


def _open_task(db: sa.Connection, actor: Actor, task_id: str) -> _Task:
    """Return the task in an active instance, for who may see it; Conflict where it has ended."""
    row = db.execute(_select_task, {"id": task_id, "tenant": actor.tenant}).first()
    if row is None:
        raise NotFound(N_("Tugas tidak ditemukan."))
    candidates = _split(row.candidates)
    task = _Task(row.id, row.activity_id, row.assignee, row.ended_at is not None, row.started_at, candidates,
                 load.definition(db, row.i_definition_id), load.loaded(row))
    if not access.may_see_task(actor, task.assignee, candidates, task.definition.groups):
        raise NotFound(N_("Tugas tidak ditemukan."))
    if task.ended:
        raise Conflict(N_("Tugas ini sudah selesai."))
    task.instance.require_active()
    return task


def _set_assignee(pe: ProcessEngine, actor: Actor, now: dt.datetime, task: _Task, user_id: str | None, event: str) -> None:
    def write(db: sa.Connection) -> None:
        apply.touch(db, task.instance)
        db.execute(_assign, {"_id": task.id, "_assignee": user_id, "_claimed_at": now if user_id else None,
                             "_to_tell": bool(user_id) and user_id != actor.id})
        record(db, actor, now, event, instance_id=task.instance.id, activity_instance_id=task.id,
               data={"activity_id": task.activity_id, "from": task.assignee, "to": user_id})

    run(pe, write)


def _tasks_of(pe: ProcessEngine, actor: Actor, task: _Task, outcome: Outcome) -> list[str]:
    """The ids of tasks now open that the actor may do: from the step alone where nothing else was open."""
    left = {intent.id for intent in outcome.intents if isinstance(intent, Left)}
    new = {intent.id: intent for intent in outcome.intents if isinstance(intent, Entered) and intent.id not in left}
    mine = [id for id, intent in new.items() if intent.task and access.may_work(
        actor, intent.task.assignee, _pairs(intent.task.candidate_groups, intent.task.candidate_users))]
    if outcome.ended or set(step.open_activities(outcome.live)) <= new.keys():
        return mine
    with read(pe) as db:
        rows = db.execute(_select_open_tasks, {"instance": task.instance.id}).all()
    return [row.id for row in rows if access.may_work(actor, row.assignee, _split(row.candidates))]


_select_open_tasks = sa.select(activity.c.id, activity.c.assignee, _candidates.label("candidates")).where(
    activity.c.instance_id == bindparam("instance"), activity.c.is_task, activity.c.ended_at.is_(None)).order_by(activity.c.id)


def _pairs(groups: Collection[str], users: Collection[str]) -> list[tuple[str, str]]:
    return [("group", name) for name in groups] + [("user", name) for name in users]


def _split(candidates: str | None) -> list[tuple[str, str]]:
    lines = (candidates or "").split("\n")
    return [(kind, name) for kind, _, name in (line.partition(":") for line in lines) if name]
