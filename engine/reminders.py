"""Telling people of their tasks' due times: before, at, and, to the head of the lane, after. It never decides anything.

A task's row says when the next word is due (`remind_at`, see `engine.deadlines`); the worker looks for those now and
then. The row moves on in the transaction that puts the notices into the outbox, and a notice's key names the task,
what is told and the due time it is about: nothing is told twice, however many workers look.
"""

import datetime as dt
from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy import bindparam

from engine import deadlines, notices, settings
from engine.process_engine import ProcessEngine
from engine.store import read, run
from engine.tables import activity, candidate, membership, process_instance, substitution

BATCH = 100  # tasks looked at in one transaction
ESCALATION = "escalation"

_a, _i = activity.c, process_instance.c
_select = sa.select(
    _a.id, _a.tenant_id, _a.instance_id, _a.activity_id, _a.name, _a.assignee, _a.started_at, _a.due_at, _a.remind_at,
    _i.title, _i.business_key,
).join(process_instance, _i.id == _a.instance_id).where(
    _a.remind_at <= bindparam("now"), _a.remind_at.is_not(None), _a.ended_at.is_(None), ~_i.suspended,
).order_by(_a.remind_at, _a.id).limit(bindparam("limit"))
_move_on = sa.update(activity).where(
    _a.id == bindparam("_id"), _a.remind_at == bindparam("_was"), _a.ended_at.is_(None)).values(remind_at=bindparam("_next"))
_candidates = sa.select(candidate.c.kind, candidate.c.name).where(candidate.c.task_id == bindparam("id"))


def tell_due(pe: ProcessEngine, now: dt.datetime, *, limit: int = BATCH) -> int:
    """Put into the outbox what is to be told by now, of so many tasks at most. Return of how many it was."""
    with read(pe) as db:
        found = db.execute(_select, {"now": now, "limit": limit}).all()
    if not found:
        return 0
    return run(pe, lambda db: sum(_tell(db, now, row) for row in found))


def _tell(db: sa.Connection, now: dt.datetime, row: sa.Row) -> bool:
    """Tell what is due of one task, and say when the next word is; nothing, where somebody was faster."""
    calendar, rules = settings.calendar(db, row.tenant_id), settings.rules(db, row.tenant_id)
    later = deadlines.next_reminder(calendar, rules, row.started_at, row.due_at, after=now)
    if db.execute(_move_on, {"_id": row.id, "_was": row.remind_at, "_next": later}).rowcount != 1:
        return False
    due = [kind for kind, at in deadlines.moments(calendar, rules, row.started_at, row.due_at) if row.remind_at <= at <= now]
    of_person = [kind for kind in due if kind != ESCALATION][-1:]  # of two that come late, the later one says it all
    candidates = [(kind, name) for kind, name in db.execute(_candidates, {"id": row.id})]
    for kind in of_person + [kind for kind in due if kind == ESCALATION]:
        to = heads(db, row.tenant_id, now, candidates) - {row.assignee} if kind == ESCALATION else (
            {row.assignee} if row.assignee else doers(db, row.tenant_id, now, candidates))
        data = {"name": row.name or row.activity_id, "title": row.title, "business_key": row.business_key, "due_at": row.due_at.isoformat()}
        notices.tell(db, row.tenant_id, now, user_ids=sorted(to), kind=kind, task_id=row.id, instance_id=row.instance_id, data=data,
                     key=f"{row.id}:{kind}:{row.due_at.isoformat()}")
    return True


def doers(db: sa.Connection, tenant: str, now: dt.datetime, candidates: Collection[tuple[str, str]]) -> set[str]:
    """Return everybody who may take a task with these candidates, as (kind, name): members, and who stands in for one now."""
    groups = [name for kind, name in candidates if kind == "group"]
    m, s = membership.c, substitution.c
    members = sa.select(m.user_id).where(m.tenant_id == tenant, m.group_id.in_(groups))
    standing_in = sa.select(s.substitute_id).where(s.tenant_id == tenant, s.group_id.in_(groups), s.starts_at <= now, s.ends_at > now)
    found = set(db.scalars(members.union(standing_in))) if groups else set()
    return found | {name for kind, name in candidates if kind == "user"}


def heads(db: sa.Connection, tenant: str, now: dt.datetime, candidates: Collection[tuple[str, str]]) -> set[str]:
    """Return the heads of a task's groups; where none has a head, everybody in them."""
    groups = [name for kind, name in candidates if kind == "group"]
    m = membership.c
    led = set(db.scalars(sa.select(m.user_id).where(m.tenant_id == tenant, m.group_id.in_(groups), m.is_head))) if groups else set()
    return led or doers(db, tenant, now, candidates)
