"""Names for ids, read by the web itself through Flask-SQLAlchemy: what pages show where rows hold ids."""

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from flask_babel import gettext as _

from engine import tables
from engine.substitutions import KINDS
from webui import actor, db, now


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
    """id -> name of the active people of these groups, and of who stands in for them now, by name; one statement."""
    u, m, s, tenant = tables.user.c, tables.membership.c, tables.substitution.c, actor().tenant
    query = sa.select(u.id, u.name).where(u.tenant_id == tenant, u.active.is_(True), sa.or_(
        u.id.in_(sa.select(m.user_id).where(m.tenant_id == tenant, m.group_id.in_(groups))),
        u.id.in_(sa.select(s.substitute_id).where(
            s.tenant_id == tenant, s.group_id.in_(groups), s.starts_at <= now(), s.ends_at > now())))).order_by(u.name).limit(500)
    return {row.id: row.name for row in db.session.execute(query)}


def everybody() -> dict[str, str]:
    """id -> name of the office's active people, by name; one statement."""
    u = tables.user.c
    return {row.id: row.name for row in db.session.execute(
        sa.select(u.id, u.name).where(u.tenant_id == actor().tenant, u.active.is_(True)).order_by(u.name, u.id).limit(1000))}


def in_stead(name: str, in_stead_of: Mapping[str, Any] | None) -> str:
    """A name, and whose post they held: 'Budi (Plh. Ketua Divisi, menggantikan Ani, SP 12/2026)'."""
    return f"{name} ({post(in_stead_of)})" if in_stead_of else name


def post(in_stead_of: Mapping[str, Any]) -> str:
    """Whose post somebody held: 'Plh. Ketua Divisi, menggantikan Ani, SP 12/2026'."""
    of = in_stead_of
    held = f"{KINDS.get(of['kind'], of['kind'])} {_(of['title'])}"
    absent = _("menggantikan %(name)s", name=of["name"]) if of["name"] else ""
    return ", ".join(part for part in (held, absent, of["decree"]) if part)


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
