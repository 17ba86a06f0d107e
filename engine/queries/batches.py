"""Batches: what is under way and what was, how far one is, and what became of each item."""

import datetime as dt
from typing import Any

import sqlalchemy as sa

from bpmn.errors import N_, NotFound
from engine import access
from engine.batches import CONTAINERS, MIGRATION, Choice
from engine.process_engine import Actor, ProcessEngine
from engine.queries.paging import Page, fetch
from engine.store import read
from engine.tables import activity, incident, job, process_instance, user
from engine.tables import batch as batch_table
from engine.tables import batch_item as item_table

STATES = ("open", "done", "failed", "ended", "refused")  # of items
_b, _item, _i = batch_table.c, item_table.c, process_instance.c


def seen(actor: Actor) -> sa.ColumnElement[bool]:
    """A batch row that the actor may look at; Forbidden for who may look at none."""
    access.require(access.may_do_batch(actor, is_migration=True))
    own = _b.tenant_id == actor.tenant
    return own if access.may_do_batch(actor, is_migration=False) else sa.and_(own, _b.type == MIGRATION)


def _batches(actor: Actor) -> sa.Select:
    return sa.select(batch_table, user.c.name.label("person")).outerjoin(user, user.c.id == _b.created_by).where(seen(actor))


def batch(pe: ProcessEngine, actor: Actor, batch_id: str) -> dict[str, Any]:
    """A batch and how far it is: its columns, person, and `counts` of its items by state; two statements."""
    with read(pe) as db:
        row = db.execute(_batches(actor).where(_b.id == batch_id)).mappings().first()
        if row is None:
            raise NotFound(N_("Daftar pekerjaan ini tidak ditemukan."))
        found = db.execute(sa.select(_item.state, sa.func.count().label("number")).where(_item.batch_id == batch_id).group_by(_item.state))
        counts = {each.state: each.number for each in found}
    return {**row, "counts": {state: counts.get(state, 0) for state in STATES}}


def stuck_again(pe: ProcessEngine, actor: Actor, batch_id: str) -> int:
    """Of the jobs that a batch had tried again, how many have failed again; one statement."""
    query = sa.select(sa.func.count()).select_from(item_table).join(batch_table, _b.id == _item.batch_id).join(
        incident, incident.c.job_id == _item.subject_id).where(
        _item.batch_id == batch_id, _item.state == "done", incident.c.resolved_at.is_(None), seen(actor))
    with read(pe) as db:
        return db.scalar(query) or 0


def batches(pe: ProcessEngine, actor: Actor, *, open: bool, after: str | None = None, limit: int = 50) -> Page:
    """Those under way (and frozen lists that were not begun), or those that ended, newest first; one statement.

    Rows: the batch's columns, person, and how many items are `left` and `failed`.
    """
    def number(state: str) -> sa.ScalarSelect:
        of = sa.select(sa.func.count()).where(_item.batch_id == _b.id, _item.state == state)
        return of.correlate(batch_table).scalar_subquery()

    query = _batches(actor).add_columns(number("open").label("left"), number("failed").label("failed"))
    query = query.where(_b.ended_at.is_(None) if open else _b.ended_at.is_not(None))
    with read(pe) as db:
        return fetch(db, query, (_b.created_at, _b.id), after=after, limit=limit, descending=True)


def batch_items(pe: ProcessEngine, actor: Actor, batch_id: str, *, state: str = "", after: str | None = None, limit: int = 50) -> Page:
    """The items of a batch, oldest subject first: subject_id, instance_id, business_key, title (both None of a case that is no more),
    activity_id (the step that a job or task is at, else None), state, problem, at; one statement."""
    query = sa.select(
        _item.subject_id, _item.instance_id, _i.business_key, _i.title, _item.state, _item.problem, _item.at,
        sa.func.coalesce(job.c.activity_id, activity.c.activity_id, incident.c.activity_id).label("activity_id"),
    ).join(batch_table, _b.id == _item.batch_id).outerjoin(process_instance, _i.id == _item.instance_id).outerjoin(
        job, job.c.id == _item.subject_id).outerjoin(activity, activity.c.id == _item.subject_id).outerjoin(
        incident, incident.c.id == _item.subject_id).where(
        _item.batch_id == batch_id, seen(actor))
    if state:
        query = query.where(_item.state == state)
    with read(pe) as db:
        return fetch(db, query, (_item.subject_id,), after=after, limit=limit)


# Before one -----------------------------------------------------------------------------------------------------------

def chosen_versions(pe: ProcessEngine, actor: Actor, now: dt.datetime, choice: Choice) -> list[dict[str, Any]]:
    """The versions on which the chosen cases run or ran, the one with most of them first: {id, key, number}; one statement. By an admin."""
    access.require(access.may_administer(actor))
    number = sa.func.count()
    query = sa.select(_i.definition_id.label("id"), _i.definition_key.label("key"), number.label("number")).where(
        _i.tenant_id == actor.tenant, *choice.where(now)).group_by(_i.definition_id, _i.definition_key)
    with read(pe) as db:
        return [dict(row) for row in db.execute(query.order_by(number.desc(), _i.definition_id).limit(50)).mappings()]


def chosen_steps(pe: ProcessEngine, actor: Actor, now: dt.datetime, choice: Choice, of: str) -> list[dict[str, Any]]:
    """Where the chosen cases stand: {activity_id, number}, most first; one statement. By an admin.

    `of`: 'tasks' or 'timers' that are open, or 'places', whatever is open and has no other inside it.
    """
    access.require(access.may_administer(actor))
    a = activity.c
    found: dict[str, tuple[Any, list[sa.ColumnElement[bool]]]] = {
        "tasks": (a, [a.is_task, a.ended_at.is_(None)]), "timers": (job.c, [job.c.state == "open", job.c.type == "timer"]),
        "places": (a, [a.type.not_in(CONTAINERS), a.ended_at.is_(None)])}
    row, open_ = found[of]
    number = sa.func.count()
    query = sa.select(row.activity_id, number.label("number")).join(process_instance, _i.id == row.instance_id).where(
        _i.tenant_id == actor.tenant, *open_, *choice.where(now)).group_by(row.activity_id)
    with read(pe) as db:
        return [dict(each) for each in db.execute(query.order_by(number.desc(), row.activity_id).limit(200)).mappings()]
