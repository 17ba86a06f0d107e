"""Why work is sent back: the notes of TIDAK, each wording once, put into categories by hand. They belong to the procedure's key."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from bpmn.errors import N_, Conflict, Invalid, NotFound
from engine import access
from engine.evidence import rollup
from engine.ids import new_id
from engine.process_engine import Actor, ProcessEngine
from engine.queries.paging import Page, fetch
from engine.store import read, record, run
from engine.tables import evidence_category, evidence_return, evidence_wording, process_definition

LONGEST = 100
MOST = 50  # categories of a procedure
MOST_AT_ONCE = 200
_d, _k, _w, _r = process_definition.c, evidence_category.c, evidence_wording.c, evidence_return.c


def categories(pe: ProcessEngine, actor: Actor, key: str) -> list[dict[str, Any]]:
    """The categories of a procedure by name: {id, name}."""
    access.require(access.may_see_reports(actor))
    with read(pe) as db:
        return [dict(row) for row in db.execute(sa.select(_k.id, _k.name).where(
            _k.tenant_id == actor.tenant, _k.key == key).order_by(_k.name)).mappings()]


def wordings(pe: ProcessEngine, actor: Actor, key: str, category_id: str = "", *, after: str | None = None, limit: int = 50) -> Page:
    """The wordings in a category ('': those in none), the rarest last. Rows: id, note, count. One statement."""
    access.require(access.may_see_reports(actor))
    query = sa.select(_w.id, _w.note, _w["count"]).where(_w.tenant_id == actor.tenant, _w.key == key, _w.category_id == category_id)
    with read(pe) as db:
        return fetch(db, query, (_w["count"], _w.id), after=after, limit=limit, descending=True)


def create(pe: ProcessEngine, actor: Actor, now: dt.datetime, key: str, name: str) -> str:
    """Make a category and return its id. Invalid for no good name, Conflict for one that is there."""
    access.require(access.may_see_reports(actor))
    name = _name(name)
    _readable(key)
    id = new_id(now)

    def write(db: sa.Connection) -> None:
        rollup.lock(db)
        if db.scalar(sa.select(_d.id).where(_d.tenant_id == actor.tenant, _d.key == key).limit(1)) is None:
            raise NotFound(N_("Prosedur %(key)s tidak ditemukan."), key=key)
        names = list(db.scalars(sa.select(_k.name).where(_k.tenant_id == actor.tenant, _k.key == key)))
        if name.casefold() in (each.casefold() for each in names):
            raise Conflict(N_("Kategori ini sudah ada."), field="name")
        if len(names) >= MOST:
            raise Invalid(N_("Paling banyak %(most)s kategori."), field="name", most=MOST)
        db.execute(sa.insert(evidence_category), {"id": id, "tenant_id": actor.tenant, "key": key, "name": name})
        record(db, actor, now, "evidence.category_created", data={"key": key, "category": id, "name": name})

    run(pe, write)
    return id


def delete(pe: ProcessEngine, actor: Actor, now: dt.datetime, key: str, category_id: str) -> None:
    """Take a category away; what is in it is in none then."""
    access.require(access.may_see_reports(actor))
    _readable(key, category_id)

    def write(db: sa.Connection) -> None:
        rollup.lock(db)
        name = _category(db, actor, key, category_id)
        for table in (evidence_wording, evidence_return):
            c = table.c
            inside = (c.tenant_id == actor.tenant, c.key == key, c.category_id == category_id)
            db.execute(sa.update(table).where(*inside).values(category_id=""))
        db.execute(sa.delete(evidence_category).where(_k.id == category_id))
        record(db, actor, now, "evidence.category_deleted", data={"key": key, "category": category_id, "name": name})

    run(pe, write)


def put(pe: ProcessEngine, actor: Actor, now: dt.datetime, key: str, category_id: str, wording_ids: Sequence[str]) -> int:
    """Put wordings, with every TIDAK that has them, into a category ('': into none). Return how many wordings there were."""
    access.require(access.may_see_reports(actor))
    if not wording_ids or len(wording_ids) > MOST_AT_ONCE:
        raise Invalid(N_("Pilih satu sampai %(most)s catatan."), field="wording", most=MOST_AT_ONCE)
    _readable(key, category_id, *wording_ids)

    def write(db: sa.Connection) -> int:
        rollup.lock(db)
        if category_id:
            _category(db, actor, key, category_id)
        of = (_w.tenant_id == actor.tenant, _w.key == key, _w.id.in_(wording_ids))
        found = list(db.scalars(sa.select(_w.id).where(*of)))
        if not found:
            raise NotFound(N_("Catatan ini tidak ditemukan."))
        db.execute(sa.update(evidence_wording).where(*of).values(category_id=category_id))
        db.execute(sa.update(evidence_return).where(
            _r.tenant_id == actor.tenant, _r.key == key, _r.wording.in_(found)).values(category_id=category_id))
        record(db, actor, now, "evidence.sorted", data={"key": key, "category": category_id, "wordings": sorted(found)})
        return len(found)

    return run(pe, write)


def _category(db: sa.Connection, actor: Actor, key: str, category_id: str) -> str:
    name = db.scalar(sa.select(_k.name).where(_k.tenant_id == actor.tenant, _k.key == key, _k.id == category_id))
    if name is None:
        raise NotFound(N_("Kategori ini tidak ditemukan."))
    return name


def _readable(*texts: str) -> None:
    """Refuse what no row can be called: not every database takes the question."""
    if any("\0" in text for text in texts):
        raise NotFound(N_("Catatan ini tidak ditemukan."))


def _name(name: str) -> str:
    name = " ".join(name.split())
    if not name or len(name) > LONGEST or not name.isprintable():
        raise Invalid(N_("Isikan nama, paling banyak %(most)s karakter."), field="name", most=LONGEST)
    return name
