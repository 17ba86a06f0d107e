"""Tasks: the inbox, one task, its form."""

import datetime as dt
from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from bpmn.errors import N_, NotFound
from engine import access, load, logs, step
from engine.process_engine import Actor, ProcessEngine
from engine.queries.definitions import find_form
from engine.queries.paging import Page, fetch
from engine.queries.sight import candidate_tasks, held_by, tasks_seen
from engine.store import read
from engine.tables import activity, candidate, process_instance

_a, _i = activity.c, process_instance.c
_COLUMNS = (_a.id, _a.instance_id, _a.definition_id, _i.definition_key, _a.activity_id, _a.name, _a.assignee, _a.claimed_at,
            _a.started_at, _a.due_at, _a.extensions, _a.follow_up_at, _a.priority, _a.form_key, _a.description, _a.scope_id,
            _a.loop_counter, _a.owner, _a.delegation, _a.in_stead_of, _i.suspended, _i.title, _i.business_key)
_open = sa.and_(_a.ended_at.is_(None), _a.is_task)


def tasks(pe: ProcessEngine, actor: Actor, *, mine: bool | None = None, candidate: bool | None = None, assignee: str | None = None,
          unassigned: bool | None = None, group: str | None = None, instance_id: str | None = None, definition_key: str | None = None,
          task_definition_key: str | None = None, business_key: str | None = None, search: str = "",
          ids: Collection[str] | None = None, due_before: dt.datetime | None = None, deferred: bool | None = None,
          now: dt.datetime | None = None, after: str | None = None, limit: int = 50) -> Page:
    """Open tasks that the actor may see: overdue first, then due soonest, then oldest. One statement.

    `mine`: assigned to the actor. `candidate`: unassigned, and the actor or a group of theirs may claim it. Both: either.
    `group`: unassigned ones whose candidate that group is. `search`: in title, letter number, business key and name.
    `deferred`: those put off beyond `now`, or (False) those that are not.
    Rows: id, instance_id, definition_id, definition_key, activity_id, name, assignee, claimed_at, started_at, due_at, follow_up_at,
    priority, form_key, description, scope_id, loop_counter, owner, delegation, in_stead_of, suspended, title, business_key.
    """
    query = sa.select(*_COLUMNS).join(process_instance, _i.id == _a.instance_id).where(_a.tenant_id == actor.tenant, _open)
    query = query.where(*_of_whom(actor, mine, candidate))
    exact = ((_a.assignee, assignee), (_a.instance_id, instance_id), (_i.definition_key, definition_key),
             (_a.activity_id, task_definition_key), (_i.business_key, business_key))
    query = query.where(*(column == value for column, value in exact if value is not None))
    if unassigned is not None:
        query = query.where(_a.assignee.is_(None) if unassigned else _a.assignee.is_not(None))
    if group is not None:
        query = query.where(_a.assignee.is_(None), _a.id.in_(_tasks_of_group(actor, group)))
    if ids is not None:
        query = query.where(_a.id.in_(sorted(set(ids))))
    if due_before is not None:
        query = query.where(_a.due_at < due_before)
    if deferred is not None:
        query = query.where(_deferred(now) if deferred else sa.not_(_deferred(now)))
    with read(pe) as db:
        return fetch(db, query.where(_found(search)), (_a.due_order, _a.id), after=after, limit=limit)


def done_tasks(pe: ProcessEngine, actor: Actor, *, search: str = "", after: str | None = None, limit: int = 50) -> Page:
    """The tasks that the actor completed, the last first. One statement. Rows: the columns of `tasks`, and ended_at."""
    query = sa.select(*_COLUMNS, _a.ended_at).join(process_instance, _i.id == _a.instance_id).where(
        _a.tenant_id == actor.tenant, _a.completed_by == actor.id, _a.ended_at.is_not(None), _found(search))
    with read(pe) as db:
        return fetch(db, query, (_a.ended_at, _a.id), after=after, limit=limit, descending=True)


def _found(search: str) -> sa.ColumnElement[bool]:
    places = (_i.title, _i.business_key, _i.search, _a.name)
    return sa.or_(*(column.icontains(search, autoescape=True) for column in places)) if search else sa.true()


def _deferred(now: dt.datetime | None) -> sa.ColumnElement[bool]:
    return sa.and_(_a.follow_up_at.is_not(None), _a.follow_up_at > now) if now else sa.false()


def _of_whom(actor: Actor, mine: bool | None, candidate: bool | None) -> list[sa.ColumnElement[bool]]:
    own = held_by(actor)
    claimable = sa.and_(_a.assignee.is_(None), _a.id.in_(candidate_tasks(actor)))
    if mine and candidate:
        return [sa.or_(own, claimable)]
    if mine or candidate:
        return [own if mine else claimable]
    return [tasks_seen(actor)]


def _tasks_of_group(actor: Actor, group: str) -> sa.Select:
    c = candidate.c
    return sa.select(c.task_id).where(c.tenant_id == actor.tenant, c.kind == "group", c.name == group)


def task(pe: ProcessEngine, actor: Actor, task_id: str) -> dict[str, Any]:
    """One task, open or ended: the columns of `tasks`, ended_at, completed_by, canceled, candidate_groups, candidate_users, `instance`.

    `may_claim`, `may_complete`, `may_delegate`, `may_resolve`: what the actor may do with it now; `may_work`: as `may_complete`,
    and also while it is delegated to them. `in_stead`: in whose stead they would do it. `instance`: id, title, business_key,
    definition_id, definition_key, definition_version, suspended, started_at, started_by, ended_at.
    """
    with read(pe) as db:
        row, candidates = _seen(db, actor, task_id)
        definition = load.definition(db, row["definition_id"])
    logs.bind(instance=row["instance_id"])
    case = {name.removeprefix("case_"): row[name] for name in row if name.startswith("case_")}
    is_open, held = row["ended_at"] is None and not row["suspended"], _held(row, candidates)
    return {
        **{name: value for name, value in row.items() if not name.startswith("case_")},
        "candidate_groups": [name for kind, name in candidates if kind == "group"],
        "candidate_users": [name for kind, name in candidates if kind == "user"],
        "may_claim": is_open and row["assignee"] is None and access.may_claim(actor, candidates),
        "may_work": is_open and access.may_work(actor, held),
        "may_complete": is_open and held.delegation != access.PENDING and access.may_work(actor, held),
        "may_delegate": is_open and access.may_delegate(actor, held),
        "may_resolve": is_open and access.may_resolve(actor, held),
        "in_stead": access.in_stead(actor, candidates) if is_open else None,
        "instance": {"id": row["instance_id"], "title": row["title"], "business_key": row["business_key"], "definition_id": definition.id,
                     "definition_key": definition.key, "definition_version": definition.version, "suspended": row["suspended"], **case},
    }


_select_task = sa.select(
    *_COLUMNS, _a.ended_at, _a.completed_by, _a.canceled, _i.started_at.label("case_started_at"), _i.started_by.label("case_started_by"),
    _i.ended_at.label("case_ended_at"),
).join(process_instance, _i.id == _a.instance_id).where(
    _a.id == sa.bindparam("id"), _a.tenant_id == sa.bindparam("tenant"), _a.is_task)
_select_candidates = sa.select(candidate.c.kind, candidate.c.name).where(candidate.c.task_id == sa.bindparam("id")).order_by(
    candidate.c.kind, candidate.c.name)


def _seen(db: sa.Connection, actor: Actor, task_id: str) -> tuple[sa.RowMapping, list[tuple[str, str]]]:
    """Return a task's row and its candidates, for who may see it."""
    row = db.execute(_select_task, {"id": task_id, "tenant": actor.tenant}).mappings().first()
    if row is not None:
        candidates = [(kind, name) for kind, name in db.execute(_select_candidates, {"id": task_id})]
        if access.may_see_task(actor, _held(row, candidates), load.definition(db, row["definition_id"]).groups):
            return row, candidates
    raise NotFound(N_("Tugas tidak ditemukan."))


def _held(row: sa.RowMapping, candidates: list[tuple[str, str]]) -> access.Held:
    return access.Held(row["assignee"], candidates, row["owner"], row["delegation"], row["in_stead_of"])


def task_counts(pe: ProcessEngine, actor: Actor, now: dt.datetime | None = None) -> dict[str, int]:
    """How many open tasks: `mine`, `later` (mine, but put off), `group` (to be claimed by me), `overdue` (of all these). One statement.

    Without `now` none is put off, and none overdue.
    """
    own = held_by(actor)
    late, later = _a.due_at < now if now else sa.false(), _deferred(now)
    either = sa.or_(own, sa.and_(_a.assignee.is_(None), _a.id.in_(candidate_tasks(actor))))
    query = sa.select(
        sa.func.count(sa.case((sa.and_(own, sa.not_(later)), 1))).label("mine"),
        sa.func.count(sa.case((sa.and_(own, later), 1))).label("later"),
        sa.func.count(sa.case((_a.assignee.is_(None), 1))).label("group"),
        sa.func.count(sa.case((late, 1))).label("overdue"),
    ).where(_a.tenant_id == actor.tenant, _open, either)
    with read(pe) as db:
        return dict(db.execute(query).mappings().one())


def task_form(pe: ProcessEngine, actor: Actor, task_id: str) -> bytes | None:
    """The form-js schema of a task; None where it has no form."""
    with read(pe) as db:
        row, _ = _seen(db, actor, task_id)
        definition = load.definition(db, row["definition_id"])
        return find_form(load.resources(db, definition.deployment_id), row["form_key"])


def task_variables(pe: ProcessEngine, actor: Actor, task_id: str) -> dict[str, Any]:
    """The variables that can be seen from a task; of an ended one, the case's own."""
    with read(pe) as db:
        row, _ = _seen(db, actor, task_id)
        instance = load.instance(db, actor.tenant, row["instance_id"])
    is_open = row["ended_at"] is None and not instance.ended
    return step.visible(instance.live, task_id) if is_open else instance.live.variables.get("", {})
