"""What people do with their tasks."""

import datetime as dt
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam

from bpmn.errors import N_, Conflict, Invalid, NotFound
from engine import access, apply, documents, ids, load, notices, people, step, values
from engine.intents import Entered, Left, Outcome
from engine.load import Definition, Loaded
from engine.process_engine import Actor, ProcessEngine
from engine.store import attempt, event_row, read, record, run
from engine.tables import activity, candidate, draft, process_instance


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
    held: access.Held
    ended: bool
    began: dt.datetime
    definition: Definition
    instance: Loaded

    @property
    def assignee(self) -> str | None:
        return self.held.assignee

    @property
    def candidates(self) -> Collection[tuple[str, str]]:
        return self.held.candidates


_candidates = sa.select(sa.func.aggregate_strings(candidate.c.kind + ":" + candidate.c.name, "\n")).where(
    candidate.c.task_id == activity.c.id).scalar_subquery()
_HELD = (activity.c.assignee, activity.c.owner, activity.c.delegation, activity.c.in_stead_of, _candidates.label("candidates"))
_select_task = sa.select(
    activity.c.id, activity.c.activity_id, activity.c.ended_at, activity.c.started_at, *_HELD, *load.INSTANCE_COLUMNS,
).join(process_instance, process_instance.c.id == activity.c.instance_id).where(
    activity.c.id == bindparam("id"), activity.c.tenant_id == bindparam("tenant"), activity.c.is_task)
_assign = sa.update(activity).where(activity.c.id == bindparam("_id"), activity.c.ended_at.is_(None)).values(
    assignee=bindparam("_assignee"), claimed_at=bindparam("_claimed_at"), to_tell=activity.c.to_tell | bindparam("_to_tell"),
    owner=bindparam("_owner"), delegation=bindparam("_delegation"), in_stead_of=bindparam("_stead", type_=activity.c.in_stead_of.type),
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
        _set_assignee(pe, actor, now, task, actor.id, "task.claimed", in_stead_of=access.in_stead(actor, task.candidates))

    attempt(pe, command)


def unclaim(pe: ProcessEngine, actor: Actor, now: dt.datetime, task_id: str) -> None:
    """Give a task back to its candidates."""
    def command() -> None:
        with read(pe) as db:
            task = _open_task(db, actor, task_id)
        if task.assignee is None:
            return
        access.require(access.may_administer(actor) or access.holds(actor, task.held))
        if task.held.delegation == access.PENDING and not access.may_administer(actor):
            raise Conflict(N_("Tugas ini didelegasikan kepada Anda. Serahkan kembali kepada pemiliknya."))
        _set_assignee(pe, actor, now, task, None, "task.unclaimed")

    attempt(pe, command)


def assign(pe: ProcessEngine, actor: Actor, now: dt.datetime, task_id: str, user_id: str | None, reason: str = "") -> None:
    """Make `user_id` (an active account) the assignee, or nobody.

    By an admin; by the head of a group that the task is for, to one of its candidates; oneself, as by `claim` and `unclaim`.
    A delegation ends by it.
    """
    def command() -> None:
        with read(pe) as db:
            task = _open_task(db, actor, task_id)
        if task.assignee == (user_id or None):
            return
        to_self = user_id == actor.id and not task.assignee and access.may_claim(actor, task.candidates)
        from_self = not user_id and access.holds(actor, task.held) and task.held.delegation != access.PENDING
        access.require(to_self or from_self or access.may_assign(actor, task.candidates))
        given = actor if to_self else None
        if user_id and not to_self:
            found = people.require_active(pe, actor, user_id, now)
            given = people.actor_of(found)
            if not access.may_administer(actor) and not access.is_candidate(given, task.candidates):
                raise Invalid(N_("Tugas ini bukan untuk %(name)s."), field="userId", name=found["name"])
        _set_assignee(pe, actor, now, task, user_id or None, "task.assigned",
                      in_stead_of=access.in_stead(given, task.candidates) if given else None, reason=reason)

    attempt(pe, command)


def delegate(pe: ProcessEngine, actor: Actor, now: dt.datetime, task_id: str, user_id: str) -> None:
    """Have somebody else of the office work on a task for its assignee, who stays its owner and gets it back by `resolve`.

    By its assignee, or an admin. Conflict where nobody has it, or it is delegated already.
    """
    def command() -> None:
        with read(pe) as db:
            task = _open_task(db, actor, task_id)
        if task.held.delegation == access.PENDING:
            raise Conflict(N_("Tugas ini sudah didelegasikan kepada %(user)s."), user=task.assignee)
        if not task.assignee:
            raise Conflict(N_("Ambil tugas ini dahulu."))
        access.require(access.may_delegate(actor, task.held))
        if user_id == task.assignee:
            raise Invalid(N_("Pilih orang lain daripada pemegang tugas ini."), field="userId")
        people.require_active(pe, actor, user_id)
        _set_assignee(pe, actor, now, task, user_id, "task.delegated", owner=task.assignee, delegation=access.PENDING,
                      in_stead_of=task.held.in_stead_of)

    attempt(pe, command)


def resolve(pe: ProcessEngine, actor: Actor, now: dt.datetime, task_id: str, variables: dict[str, Any] | None = None) -> None:
    """Give a delegated task back to its owner, who completes it; `variables` become the case's, a draft becomes the owner's.

    By whom it was delegated to, by its owner (who takes it back), or an admin. Conflict where it is not delegated.
    """
    variables = values.checked(variables)

    def command() -> list[str]:
        with read(pe) as db:
            task = _open_task(db, actor, task_id)
            spec = load.spec(db, task.instance.definition_id)
        if task.held.delegation != access.PENDING:
            raise Conflict(N_("Tugas ini tidak sedang didelegasikan."))
        access.require(access.may_resolve(actor, task.held))
        due: list[str] = []

        def keep(db: sa.Connection) -> None:
            bound = documents.bind(db, actor, now, task.instance.id, variables)
            outcome = step.set_variables(spec, task.instance.live, "", bound, now, ids.source(now))
            changed = event_row(actor, now, "variables.set", task.instance.id, task.id, {**apply.changes(outcome), "deleted": []})
            due[:] = apply.write(db, actor, now, task.instance, outcome, title=load.title(spec, task.instance, outcome), events=[changed])

        _set_assignee(pe, actor, now, task, task.held.owner, "task.resolved", owner=task.held.owner, delegation=access.RESOLVED,
                      in_stead_of=task.held.in_stead_of, guard=keep if variables else None)
        return due

    pe.wake(attempt(pe, command))


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
        access.require(access.may_work(actor, task.held))
        if task.held.delegation == access.PENDING:
            raise Conflict(N_("Tugas ini didelegasikan: serahkan kembali kepada pemiliknya, yang menyelesaikannya."))
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
    stead = access.in_stead(actor, task.candidates)
    data = {"activity_id": task.activity_id, **apply.changes(outcome), **({"in_stead_of": stead} if stead else {})}
    completed = event_row(actor, now, "task.completed", task.instance.id, task.id, data)
    due = apply.write(db, actor, now, task.instance, outcome, title=load.title(spec, task.instance, outcome), events=[completed],
                      completed={task.id: apply.Completion(actor.id or None, task.began, stead)})
    notices.tell_of_return(db, actor, now, task.instance.id, task.id, data["variables"])
    return due


def _open_task(db: sa.Connection, actor: Actor, task_id: str) -> _Task:
    """Return the task in an active instance, for who may see it; Conflict where it has ended."""
    row = db.execute(_select_task, {"id": task_id, "tenant": actor.tenant}).first()
    if row is None:
        raise NotFound(N_("Tugas tidak ditemukan."))
    task = _Task(row.id, row.activity_id, _held(row), row.ended_at is not None, row.started_at,
                 load.definition(db, row.i_definition_id), load.loaded(row))
    if not access.may_see_task(actor, task.held, task.definition.groups):
        raise NotFound(N_("Tugas tidak ditemukan."))
    if task.ended:
        raise Conflict(N_("Tugas ini sudah selesai."))
    task.instance.require_active()
    return task


def _hand_draft_back(db: sa.Connection, actor: Actor, now: dt.datetime, task: _Task) -> None:
    """What the delegate typed is offered to the owner, in place of what they had typed themselves; its files are the case's now."""
    of = draft.c.task_id == task.id
    row = db.execute(sa.select(draft.c.version, draft.c.fields).where(of, draft.c.user_id == task.assignee)).first()
    if row and task.assignee and task.held.owner and task.assignee != task.held.owner:
        typed = row.version
        documents.hand_in(db, actor, now, task.instance.id, task.id, task.assignee, " ".join(value for _, value in row.fields))
        own = db.execute(sa.select(draft.c.version).where(of, draft.c.user_id == task.held.owner)).scalar() or 0
        db.execute(sa.delete(draft).where(of, draft.c.user_id == task.held.owner))
        db.execute(sa.update(draft).where(of, draft.c.user_id == task.assignee).values(
            user_id=task.held.owner, version=max(own, typed) + 1))  # a page of the owner's that is still open knows an older one


def _held(row: Any) -> access.Held:
    return access.Held(row.assignee, _split(row.candidates), row.owner, row.delegation, row.in_stead_of)


def _set_assignee(pe: ProcessEngine, actor: Actor, now: dt.datetime, task: _Task, user_id: str | None, event: str, *,
                  owner: str | None = None, delegation: str | None = None, in_stead_of: Mapping[str, Any] | None = None,
                  guard: Callable[[sa.Connection], None] | None = None, reason: str = "") -> None:
    """Write who has the task now. `guard` is what raises the instance's version, where more changes than that."""
    acting = access.in_stead(actor, task.candidates)

    def write(db: sa.Connection) -> None:
        if guard:
            guard(db)
        else:
            apply.touch(db, task.instance)
        if delegation == access.RESOLVED:
            _hand_draft_back(db, actor, now, task)
        db.execute(_assign, {"_id": task.id, "_assignee": user_id, "_claimed_at": now if user_id else None,
                             "_to_tell": bool(user_id) and user_id != actor.id, "_owner": owner, "_delegation": delegation,
                             "_stead": in_stead_of})
        record(db, actor, now, event, instance_id=task.instance.id, activity_instance_id=task.id,
               data={"activity_id": task.activity_id, "from": task.assignee, "to": user_id}
               | ({"in_stead_of": acting} if acting else {}) | ({"reason": values.text(reason, values.LONGEST_REASON)} if reason else {}))

    run(pe, write)


def _tasks_of(pe: ProcessEngine, actor: Actor, task: _Task, outcome: Outcome) -> list[str]:
    """The ids of tasks now open that the actor may do: from the step alone where nothing else was open."""
    left = {intent.id for intent in outcome.intents if isinstance(intent, Left)}
    new = {intent.id: intent for intent in outcome.intents if isinstance(intent, Entered) and intent.id not in left}
    mine = [id for id, intent in new.items() if intent.task and access.may_work(
        actor, access.Held(intent.task.assignee, _pairs(intent.task.candidate_groups, intent.task.candidate_users)))]
    if outcome.ended or set(step.open_activities(outcome.live)) <= new.keys():
        return mine
    with read(pe) as db:
        rows = db.execute(_select_open_tasks, {"instance": task.instance.id}).all()
    return [row.id for row in rows if access.may_work(actor, _held(row))]


_select_open_tasks = sa.select(activity.c.id, *_HELD).where(
    activity.c.instance_id == bindparam("instance"), activity.c.is_task, activity.c.ended_at.is_(None)).order_by(activity.c.id)


def _pairs(groups: Collection[str], users: Collection[str]) -> list[tuple[str, str]]:
    return [("group", name) for name in groups] + [("user", name) for name in users]


def _split(candidates: str | None) -> list[tuple[str, str]]:
    lines = (candidates or "").split("\n")
    return [(kind, name) for kind, _, name in (line.partition(":") for line in lines) if name]
