"""A lane as its head looks at it: its open tasks with who holds them, and how much each person has."""

import datetime as dt
from typing import Any

import sqlalchemy as sa

from engine import access
from engine.process_engine import Actor, ProcessEngine
from engine.queries.paging import Page, fetch
from engine.queries.tasks import _COLUMNS, _a, _i, _open, _tasks_of_group
from engine.store import read
from engine.tables import activity, membership, process_instance, substitution, user

NOBODY = ""  # as a holder: the tasks that nobody has taken


def lane_tasks(pe: ProcessEngine, actor: Actor, group: str, *, holder: str | None = None, after: str | None = None,
               limit: int = 50) -> Page:
    """The open tasks that are for a group, whoever holds them: overdue first, then due soonest. One statement.

    For its head or an admin, else Forbidden. `holder`: only those that this person holds, or NOBODY. Rows: the columns of
    `queries.tasks`, and holder_name.
    """
    access.require(access.leads(actor, group))
    query = sa.select(*_COLUMNS, user.c.name.label("holder_name")).join(process_instance, _i.id == _a.instance_id).outerjoin(
        user, (user.c.id == _a.assignee) & (user.c.tenant_id == _a.tenant_id)).where(
        _a.tenant_id == actor.tenant, _open, _a.id.in_(_tasks_of_group(actor, group)))
    if holder is not None:
        query = query.where(_a.assignee == holder if holder else _a.assignee.is_(None))
    with read(pe) as db:
        return fetch(db, query, (_a.due_order, _a.id), after=after, limit=limit)


def lane_load(pe: ProcessEngine, actor: Actor, now: dt.datetime, group: str) -> list[dict[str, Any]]:
    """How much of a group's open tasks each person has: {id, name, open, overdue}, the most loaded first; two statements.

    Everybody of the group is there, whoever stands in for it, and whoever holds a task of it; the tasks that nobody has are
    the row whose id is NOBODY, the first. For its head or an admin, else Forbidden.
    """
    access.require(access.leads(actor, group))
    m, s = membership.c, substitution.c
    counts = sa.select(
        sa.func.coalesce(_a.assignee, NOBODY), sa.func.count(), sa.func.count(sa.case((_a.due_at < now, 1))),
    ).select_from(activity).where(_a.tenant_id == actor.tenant, _open, _a.id.in_(_tasks_of_group(actor, group))).group_by(_a.assignee)
    with read(pe) as db:
        found = {id: {"open": open, "overdue": overdue} for id, open, overdue in db.execute(counts)}
        there = sa.or_(
            user.c.id.in_(sorted(found)),
            sa.and_(user.c.active, sa.or_(
                user.c.id.in_(sa.select(m.user_id).where(m.tenant_id == actor.tenant, m.group_id == group)),
                user.c.id.in_(sa.select(s.substitute_id).where(
                    s.tenant_id == actor.tenant, s.group_id == group, s.starts_at <= now, s.ends_at > now)))))
        people = db.execute(sa.select(user.c.id, user.c.name).where(user.c.tenant_id == actor.tenant, there).order_by(user.c.name)).all()
    none = {"open": 0, "overdue": 0}
    rows = [{"id": id, "name": name, **found.get(id, none)} for id, name in people]
    return [{"id": NOBODY, "name": "", **found.get(NOBODY, none)}, *sorted(rows, key=lambda row: -row["open"])]
