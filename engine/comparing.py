"""Two versions of a procedure, or its draft and a version, set side by side: see `bpmn.differences` for what differs."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from bpmn import differences
from bpmn.errors import N_, NotFound
from engine import access, load, model_drafts
from engine.load import Cache
from engine.process_engine import Actor, ProcessEngine
from engine.store import read
from engine.tables import deployment, model_draft, process_definition, user

MOST = 500  # versions that can be chosen from; older ones can still be named

_p, _d = process_definition.c, model_draft.c
_kept: Cache[differences.Differences] = Cache(64)  # versions never change, and a draft is known by all its content


@dataclass(frozen=True)
class Side:
    """A version, or the draft (`number` None). `since` is when it came into force, or was last changed; `diagram` its file."""

    number: int | None
    id: str  # of the definition, or the draft
    since: dt.datetime
    person: str  # who put it in force
    approved_as: str  # 'name, post'
    note: str
    diagram: str
    state: str  # the same for the same content
    revoked_at: dt.datetime | None = None


@dataclass(frozen=True)
class Comparison:
    key: str
    name: str
    before: Side
    after: Side
    found: differences.Differences


def versions(pe: ProcessEngine, actor: Actor, key: str) -> list[dict[str, Any]]:
    """What of a procedure can be compared, newest first: rows of id, version, since, note. NotFound where there is none. One statement."""
    access.require(access.may_deploy(actor))
    query = sa.select(_p.id, _p.version, sa.func.coalesce(_p.in_force_from, _p.deployed_at).label("since"), deployment.c.name.label("note"))
    with read(pe) as db:
        rows = db.execute(query.join(deployment, deployment.c.id == _p.deployment_id).where(
            _p.tenant_id == actor.tenant, _p.key == key).order_by(_p.version.desc()).limit(MOST)).mappings().all()
    if not rows:
        raise NotFound(N_("Prosedur %(key)s tidak ditemukan."), key=key)
    return [dict(row) for row in rows]


def compare(pe: ProcessEngine, actor: Actor, key: str, before: int, after: int | None) -> Comparison:
    """Compare two versions by their numbers; `after` None is the draft. NotFound where one is not there.

    Invalid where the draft has no diagram that can be read. One statement for the versions and one for a draft's files, beside what is
    in memory after the first time.
    """
    access.require(access.may_deploy(actor))
    with read(pe) as db:
        rows = {row["version"]: row for row in db.execute(_wanted(actor, key, {before, after} - {None})).mappings()}
        sides = [_version(rows, number) if number is not None else _draft(db, actor, key) for number in (before, after)]
        old, new = (load.resources(db, rows[side.number]["deployment_id"]) if side.number is not None else
                    model_drafts.contents_of(db, side.id) for side in sides)
    one, two = sides[0], sides[1] if after is not None else _seen(sides[1], new)
    found = _kept.get(f"{one.state}|{two.state}", lambda: differences.compare(old, new, key))
    return Comparison(key, rows[before]["name"] or key, one, two, found)


# Within ---------------------------------------------------------------------------------------------------------------

def _wanted(actor: Actor, key: str, numbers: set) -> sa.Select:
    return sa.select(
        _p.id, _p.version, _p.name, _p.deployment_id, _p.resource_name, _p.deployed_at, _p.in_force_from, _p.approved_as, _p.revoked_at,
        deployment.c.name.label("note"), deployment.c.deployed_by, user.c.name.label("person"),
    ).join(deployment, deployment.c.id == _p.deployment_id).outerjoin(user, user.c.id == deployment.c.deployed_by).where(
        _p.tenant_id == actor.tenant, _p.key == key, _p.version.in_(sorted(numbers)))


def _version(rows: dict[int, Any], number: int) -> Side:
    if number not in rows:
        raise NotFound(N_("Versi %(version)d tidak ditemukan."), version=number)
    row = rows[number]
    return Side(number, row["id"], row["in_force_from"] or row["deployed_at"], row["person"] or row["deployed_by"] or "Terbit",
                row["approved_as"] or "", row["note"], row["resource_name"], row["id"], row["revoked_at"])


def _draft(db: sa.Connection, actor: Actor, key: str) -> Side:
    row = db.execute(sa.select(_d.id, _d.updated_at, user.c.name.label("person"), _d.created_by).outerjoin(
        user, user.c.id == _d.created_by).where(_d.tenant_id == actor.tenant, _d.key == key)).mappings().first()
    if row is None:
        raise NotFound(N_("Rancangan ini tidak ada lagi: sudah diberlakukan atau dibuang."))
    return Side(None, row["id"], row["updated_at"], row["person"] or row["created_by"] or "Terbit", "", "", "", "")


def _seen(side: Side, files: dict[str, bytes]) -> Side:
    """The draft as it is at this moment."""
    diagram = next((name for name in sorted(files) if name.endswith((".bpmn", ".bpmn20.xml"))), "")
    return Side(None, side.id, side.since, side.person, "", "", diagram, model_drafts.state_of(files))
