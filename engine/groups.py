"""An office's groups: who is in them, who leads them, and whether they ask for a second factor. For admins."""

import datetime as dt
import re

import sqlalchemy as sa

from bpmn.errors import N_, Conflict, Invalid, NotFound
from engine import people
from engine.access import may_administer, require
from engine.process_engine import Actor, ProcessEngine
from engine.queries.paging import Page, fetch
from engine.store import read, record, run
from engine.tables import group, membership, user

ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
MOST_HEADS = 5  # that a list names
_g, _m = group.c, membership.c


def overview(pe: ProcessEngine, actor: Actor) -> list[dict]:
    """Every group as `{id, name, second_factor, members, heads: [name]}`, by id; two statements. `members`: the active ones."""
    require(may_administer(actor))
    counts = sa.select(_m.group_id, sa.func.count().label("members")).join(user, user.c.id == _m.user_id).where(
        _m.tenant_id == actor.tenant, user.c.active).group_by(_m.group_id).subquery()
    query = sa.select(_g.id, _g.name, _g.second_factor, sa.func.coalesce(counts.c.members, 0).label("members")).outerjoin(
        counts, counts.c.group_id == _g.id).where(_g.tenant_id == actor.tenant).order_by(_g.id)
    heads = sa.select(_m.group_id, user.c.name).join(user, user.c.id == _m.user_id).where(
        _m.tenant_id == actor.tenant, _m.is_head, user.c.active).order_by(user.c.name)
    with read(pe) as db:
        rows, led = db.execute(query).mappings().all(), db.execute(heads).all()
    return [{**row, "heads": [name for id, name in led if id == row["id"]][:MOST_HEADS]} for row in rows]


def get(pe: ProcessEngine, actor: Actor, group_id: str) -> dict:
    """One group as `{id, name, second_factor}`, else NotFound."""
    require(may_administer(actor))
    with read(pe) as db:
        return _get(db, actor, group_id)


def members(pe: ProcessEngine, actor: Actor, group_id: str, *, after: str | None = None, limit: int = 50) -> Page:
    """The active people of a group by id: id, name, title, is_head, second_factor; one statement."""
    require(may_administer(actor))
    query = sa.select(user.c.id, user.c.name, user.c.title, _m.is_head, user.c.totp.is_not(None).label("second_factor")).join(
        membership, _m.user_id == user.c.id).where(_m.tenant_id == actor.tenant, _m.group_id == group_id, user.c.active)
    with read(pe) as db:
        return fetch(db, query, (user.c.id,), after=after, limit=limit)


def create(pe: ProcessEngine, actor: Actor, now: dt.datetime, id: str, name: str) -> None:
    """Make a group: a lane that diagrams may name. Invalid for a bad id or name, Conflict for a taken one."""
    require(may_administer(actor))
    id, name = id.strip().lower(), name.strip()
    if not ID.fullmatch(id):
        raise Invalid(N_("Hanya huruf kecil, angka, dan tanda hubung."), field="id")
    people.check_texts(name=name)

    def write(db: sa.Connection) -> None:
        if db.scalar(sa.select(_g.id).where(_g.tenant_id == actor.tenant, _g.id == id)) is not None:
            raise Conflict(N_("Grup %(group)s sudah ada."), field="id", group=id)
        db.execute(sa.insert(group).values(tenant_id=actor.tenant, id=id, name=name))
        record(db, actor, now, "group.created", data={"group": id, "name": name})

    run(pe, write)


def change(pe: ProcessEngine, actor: Actor, now: dt.datetime, group_id: str, *, name: str, second_factor: bool) -> None:
    """Name a group, and say whether its people must have a second factor.

    Where that is new, those who have none are signed out: they set one up when they sign in again.
    """
    require(may_administer(actor))
    name = name.strip()
    people.check_texts(name=name)

    def write(db: sa.Connection) -> None:
        before = _get(db, actor, group_id)
        after = {"name": name, "second_factor": second_factor}
        db.execute(sa.update(group).where(_g.tenant_id == actor.tenant, _g.id == group_id).values(**after))
        if second_factor and not before["second_factor"]:
            inside = db.scalars(sa.select(_m.user_id).where(_m.tenant_id == actor.tenant, _m.group_id == group_id)).all()
            people.end_sessions_without_second_factor(db, actor.tenant, inside)
        record(db, actor, now, "group.changed", data={"group": group_id, "from": {key: before[key] for key in after}, "to": after})

    run(pe, write)


def _get(db: sa.Connection, actor: Actor, group_id: str) -> dict:
    row = db.execute(sa.select(_g.id, _g.name, _g.second_factor).where(
        _g.tenant_id == actor.tenant, _g.id == group_id)).mappings().first() if group_id.isprintable() else None
    if row is None:
        raise NotFound(N_("Grup %(group)s tidak ada."), group=group_id[:80])
    return dict(row)
