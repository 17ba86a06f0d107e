"""Names for ids, read by the web itself through Flask-SQLAlchemy: what pages show where rows hold ids."""

from collections.abc import Iterable

import sqlalchemy as sa
from flask_babel import gettext as _

from engine import tables
from webui import actor, db


def people(ids: Iterable[str | None]) -> dict[str, str]:
    """id -> name of the office's people among `ids`; one statement, none for no ids."""
    wanted = sorted({id for id in ids if id})
    if not wanted:
        return {}
    query = sa.select(tables.user.c.id, tables.user.c.name).where(
        tables.user.c.tenant_id == actor().tenant, tables.user.c.id.in_(wanted[:500]))
    return {row.id: row.name for row in db.session.execute(query)}


def groups() -> dict[str, str]:
    """id -> name of the office's groups, in the reader's language; one statement."""
    query = sa.select(tables.group.c.id, tables.group.c.name).where(tables.group.c.tenant_id == actor().tenant)
    return {id: _(name) for id, name in db.session.execute(query)}


def members(*groups: str) -> dict[str, str]:
    """id -> name of the active people of these groups, by name; one statement."""
    query = sa.select(tables.user.c.id, tables.user.c.name).join(
        tables.membership, sa.and_(tables.membership.c.user_id == tables.user.c.id,
                                   tables.membership.c.tenant_id == tables.user.c.tenant_id)).where(
        tables.user.c.tenant_id == actor().tenant, tables.membership.c.group_id.in_(groups), tables.user.c.active.is_(True),
    ).distinct().order_by(tables.user.c.name).limit(500)
    return {row.id: row.name for row in db.session.execute(query)}


def candidates(task_ids: Iterable[str]) -> dict[str, list[tuple[str, str]]]:
    """task id -> its candidates as (kind, name); one statement. For tasks that the reader is known to see."""
    wanted = sorted(set(task_ids))
    found: dict[str, list[tuple[str, str]]] = {}
    if wanted:
        query = sa.select(tables.candidate.c.task_id, tables.candidate.c.kind, tables.candidate.c.name).where(
            tables.candidate.c.tenant_id == actor().tenant, tables.candidate.c.task_id.in_(wanted[:500])).order_by(tables.candidate.c.name)
        for task_id, kind, name in db.session.execute(query):
            found.setdefault(task_id, []).append((kind, name))
    return found
