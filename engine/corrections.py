"""Ordering a ralat (correction) or a penurunan (takedown) of what is published, and what a case's page says of them.

Each is a process of its own about the case that published (`process_instance.about_id`), always the first one: a ralat
of a ralat is about the same case again. What it takes over is said here, in `_taken_over`, and nowhere else.
"""

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from bpmn.errors import N_, Conflict, NotFound
from engine import access, documents, load, revisions, version_life
from engine.commands.instances import Instance, find_definition, run_unique, start_in
from engine.load import Definition
from engine.process_engine import Actor, ProcessEngine
from engine.queries.instances import started_in_stead_of
from engine.store import attempt, read
from engine.tables import process_definition, process_instance
from engine.values import checked

RALAT, PENURUNAN = "ralat", "penurunan"
KINDS = (RALAT, PENURUNAN)
CONTENT = ("judul", "ringkasan", "isi", "gambar", "lampiran", "jenis", "klasifikasi", "teks_kanal", "teks_facebook", "teks_instagram",
           "teks_x", "teks_youtube", "teks_tiktok", "teks_telegram")
_i = process_instance.c


@dataclass(frozen=True)
class Family:
    """What belongs together: of a ralat or penurunan the case that it is `about`; of a case its `orders`, oldest first,
    the `last` publication of each channel over all of them, and which kinds of order the actor `may_order` now."""

    about: dict[str, Any] | None = None  # id, business_key, title; and reason, why it was ordered
    orders: list[dict[str, Any]] = field(default_factory=list)  # id, definition_key, business_key, started_*, ended_at, end_reason
    last: dict[str, Any] = field(default_factory=dict)
    may_order: tuple[str, ...] = ()


def order(pe: ProcessEngine, actor: Actor, now: dt.datetime, first_id: str, *, key: str, variables: dict[str, Any],
          request_id: str | None = None) -> Instance:
    """Start the process `key` (of KINDS) about a published case, with the values of its start form; as `commands.start`.

    Conflict while the case still runs or another order about it does, and where it stands on no channel.
    """
    given = checked(variables)

    def write(db: sa.Connection) -> tuple[Instance, list[str]]:
        definition = find_definition(db, actor, now, key=key)
        access.require(access.may_start(actor, definition.groups, definition.starter_groups))
        return start_in(db, actor, now, definition, business_key=None, about_id=first_id, request_id=request_id,
                        variables=lambda: given | _taken_over(db, actor, now, key, first_id))

    instance, due = attempt(pe, lambda: run_unique(pe, write))
    pe.wake(due)
    return instance


def _taken_over(db: sa.Connection, actor: Actor, now: dt.datetime, key: str, first_id: str) -> dict[str, Any]:
    """What an order begins with: where the information stands and, of a ralat, what it says there now."""
    if not load.instance(db, actor.tenant, first_id).ended:
        raise Conflict(N_("Penerbitan berkas ini belum selesai."))
    stands = revisions.standing(db, first_id)
    if not stands:
        raise Conflict(N_("Informasi berkas ini tidak sedang terbit di kanal mana pun."))
    newest = max(stands.values(), key=lambda row: row["revision"])
    content = load.instance(db, actor.tenant, newest["instance_id"]).live.variables.get("", {})
    where = {"kanal": list(stands), "tautan_kanal": {id: row["url"] for id, row in stands.items()},
             "revisi": revisions.following(db, first_id)}
    if key == PENURUNAN:
        return {"judul": content.get("judul"), "jenis": content.get("jenis"), **where}
    return documents.entered_anew(db, actor, now, {name: content.get(name) for name in CONTENT}) | where | {
        "ralat_sebelumnya": _notes(content), "catatan_ralat": None, "segel": None}


def _notes(content: dict[str, Any]) -> list[dict[str, Any]]:
    own = [{"pada": content.get("diralat_pada"), "catatan": content["catatan_ralat"]}] if content.get("catatan_ralat") else []
    return [*(content.get("ralat_sebelumnya") or []), *own]


def family(pe: ProcessEngine, actor: Actor, now: dt.datetime, instance_id: str) -> Family:
    """What belongs to a case, for who may see it, and what they may order about it now."""
    with read(pe) as db:
        case = db.execute(sa.select(_i.definition_id, _i.definition_key, _i.about_id, _i.ended_at).where(
            _i.id == instance_id, _i.tenant_id == actor.tenant)).first()
        if case is None or not access.may_see_case(actor, load.definition(db, case.definition_id).groups):
            raise NotFound(N_("Berkas tidak ditemukan."))
        if case.about_id:
            about = db.execute(sa.select(_i.id, _i.business_key, _i.title).where(_i.id == case.about_id)).mappings().one()
            said = load.instance(db, actor.tenant, instance_id).live.variables.get("", {})
            return Family(about={**about, "reason": said.get("alasan_ralat") or said.get("alasan_penurunan") or ""})
        if not case.ended_at:
            return Family()
        orders = [dict(row) for row in db.execute(sa.select(
            _i.id, _i.definition_key, _i.business_key, _i.started_at, _i.started_by, _i.ended_at, _i.end_reason, started_in_stead_of,
        ).where(_i.about_id == instance_id).order_by(_i.started_at, _i.id)).mappings()]
        last = revisions.last(db, [instance_id])[instance_id]
        free = any(row["state"] in revisions.STANDS for row in last.values()) and all(order["ended_at"] for order in orders)
        may = tuple(d.key for d in _orders(db, actor, now) if free and case.definition_key in _subjects(db, d))
        return Family(None, orders, last, may)


def may_order(pe: ProcessEngine, actor: Actor, now: dt.datetime) -> frozenset[str]:
    """The kinds of order that the actor may give at all."""
    with read(pe) as db:
        return frozenset(definition.key for definition in _orders(db, actor, now))


def _orders(db: sa.Connection, actor: Actor, now: dt.datetime) -> list[Definition]:
    """The definitions of KINDS that are in force and that the actor may start."""
    d = process_definition.c
    ids = db.scalars(sa.select(d.id).where(d.tenant_id == actor.tenant, d.key.in_(KINDS), ~d.suspended, version_life.may_run(now),
                                           version_life.is_current(now)))
    allowed = [each for each in (load.definition(db, id) for id in ids) if access.may_start(actor, each.groups, each.starter_groups)]
    return sorted(allowed, key=lambda each: KINDS.index(each.key))


def _subjects(db: sa.Connection, definition: Definition) -> str:
    return load.process(db, definition).properties.get("tentang", "")
