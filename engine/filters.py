"""A person's saved filters of the inbox: a name for a query string."""

import datetime as dt
from typing import Any

import sqlalchemy as sa

from bpmn.errors import N_, Invalid, NotFound
from engine.ids import new_id
from engine.process_engine import Actor, ProcessEngine
from engine.store import read, record, run
from engine.tables import saved_filter

MOST = 20  # of one person
_f = saved_filter.c


def filters(pe: ProcessEngine, actor: Actor) -> list[dict[str, Any]]:
    """The actor's own, the oldest first, as `{id, name, query}`; one statement."""
    with read(pe) as db:
        query = sa.select(_f.id, _f.name, _f.query).where(_f.user_id == actor.id).order_by(_f.id)
        return [dict(row) for row in db.execute(query).mappings()]


def save(pe: ProcessEngine, actor: Actor, now: dt.datetime, name: str, query: str) -> str:
    """Keep a filter and return its id. One of the same name is replaced; more than MOST are refused."""
    name = " ".join(name.split())
    if not 1 <= len(name) <= 60 or not name.isprintable():
        raise Invalid(N_("Nama saringan 1 sampai 60 karakter."), field="name")
    if len(query) > 500 or not query.isprintable():
        raise Invalid(N_("Saringan ini terlalu panjang."), field="query")

    def write(db: sa.Connection) -> str:
        kept = {row.name: row.id for row in db.execute(sa.select(_f.name, _f.id).where(_f.user_id == actor.id))}
        if name in kept:
            db.execute(sa.update(saved_filter).where(_f.id == kept[name]).values(query=query))
            record(db, actor, now, "filter.saved", data={"name": name})
            return kept[name]
        if len(kept) >= MOST:
            raise Invalid(N_("Paling banyak %(most)d saringan; hapus dahulu yang tidak dipakai."), field="name", most=MOST)
        made = new_id(now)
        db.execute(sa.insert(saved_filter).values(
            id=made, tenant_id=actor.tenant, user_id=actor.id, name=name, query=query, created_at=now))
        record(db, actor, now, "filter.saved", data={"name": name})
        return made

    return run(pe, write)


def delete(pe: ProcessEngine, actor: Actor, now: dt.datetime, filter_id: str) -> None:
    """Forget one of the actor's own; NotFound where it is not."""
    def write(db: sa.Connection) -> None:
        if db.execute(sa.delete(saved_filter).where(_f.id == filter_id, _f.user_id == actor.id)).rowcount == 0:
            raise NotFound(N_("Saringan tidak ditemukan."))
        record(db, actor, now, "filter.deleted", data={"filter": filter_id})

    run(pe, write)
