"""How long ended cases are kept: the diagram's camunda:historyTimeToLive, an admin's own rule, holds; and what is due to go.

Where neither says anything a case is kept for ever: the law's schedule (jadwal retensi arsip) decides, not Terbit.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from bpmn import keeping
from bpmn.errors import N_, Conflict, Invalid, NotFound
from engine import access, ids, sessions, values
from engine.process_engine import Actor, ProcessEngine
from engine.queries.paging import Page, fetch
from engine.store import read, record, run
from engine.tables import (
    channel_sign_in,
    document,
    incident,
    job,
    legal_hold,
    notice,
    process_definition,
    process_instance,
    publication,
    resource,
    retention,
    tenant,
    web_session,
)

MOST_DAYS = 36_500
UP = ("published", "scheduled", "manual", "attempted", "unknown")  # publications that are up, or may be
WHY = {  # why an ended case stays
    "running": N_("masih berjalan"), "early": N_("belum waktunya"), "held": N_("ditahan"), "incident": N_("ada masalah yang terbuka"),
    "owes": N_("masih ada pekerjaan Terbit"), "referred": N_("dirujuk berkas lain (ralat, penurunan)"),
    "published": N_("masih terbit"), "uncounted": N_("belum dihitung dalam laporan"), "vanished": N_("sudah tidak ada"),
}
NOTICES = dt.timedelta(days=90)  # of notices that went out
SWEPT = 500  # rows of one kind at a time

_d, _h, _i, _r = process_definition.c, legal_hold.c, process_instance.c, retention.c


@dataclass(frozen=True)
class Rule:
    """How long an ended case of one version is kept. `days`: None for ever. `published`: whether also what is still up may go."""

    days: int | None
    published: bool = False
    own: bool = False  # the office's, not the diagram's


# Rules ----------------------------------------------------------------------------------------------------------------

_in_diagrams: dict[tuple[str, str], int | None] = {}  # (content hash, key) -> days: diagrams are not read again for each look


def rules(db: sa.Connection, tenant_id: str) -> dict[str, Rule]:
    """The rule of every version of every procedure, by definition id; two statements, once the diagrams are known."""
    own = {row.key: Rule(row.days, row.published, own=True) for row in db.execute(
        sa.select(_r.key, _r.days, _r.published).where(_r.tenant_id == tenant_id))}
    versions = [dict(row) for row in db.execute(sa.select(_d.id, _d.key, _d.content_hash).where(_d.tenant_id == tenant_id)).mappings()]
    in_diagrams = diagram_days(db, [row for row in versions if row["key"] not in own])
    return {row["id"]: own.get(row["key"]) or Rule(in_diagrams[row["id"]]) for row in versions}


def diagram_days(db: sa.Connection, versions: Sequence[Mapping[str, Any]]) -> dict[str, int | None]:
    """What the diagrams of these say, rows with `id`, `key` and `content_hash`, by id; no statement, once they are known."""
    definitions = [row["id"] for row in versions if (row["content_hash"], row["key"]) not in _in_diagrams]
    for n in range(0, len(definitions), 200):
        diagrams = sa.select(_d.key, _d.content_hash, resource.c.content).join(
            resource, (resource.c.deployment_id == _d.deployment_id) & (resource.c.name == _d.resource_name)).where(
            _d.id.in_(definitions[n:n + 200]))
        _in_diagrams.update({(row.content_hash, row.key): keeping.days(row.content, row.key) for row in db.execute(diagrams)})
    return {row["id"]: _in_diagrams[row["content_hash"], row["key"]] for row in versions}


def set_rule(pe: ProcessEngine, actor: Actor, now: dt.datetime, key: str, *, days: int | None, published: bool, reason: str) -> None:
    """Keep a procedure's ended cases so many days (None: for ever) instead of what its diagrams say; with a reason. An admin's."""
    access.require(access.may_administer(actor))
    why = values.reason(reason)
    if days is not None and not 1 <= days <= MOST_DAYS:
        raise Invalid(N_("Masa simpan 1 sampai %(most)d hari."), field="days", most=MOST_DAYS)

    def write(db: sa.Connection) -> None:
        _require_key(db, actor, key)
        _let_disposal_end(db, actor)
        before = db.execute(sa.select(_r.days, _r.published).where(*_mine(actor, key))).mappings().first()
        db.execute(sa.delete(retention).where(*_mine(actor, key)))
        after = {"days": days, "published": published}
        db.execute(sa.insert(retention), {"tenant_id": actor.tenant, "key": key, **after, "reason": why, "set_at": now,
                                          "set_by": actor.id or None})
        record(db, actor, now, "retention.set", data={"key": key, "reason": why, "before": dict(before) if before else {}, "after": after})

    run(pe, write)


def remove_rule(pe: ProcessEngine, actor: Actor, now: dt.datetime, key: str, reason: str) -> None:
    """Go by what the diagrams say again."""
    access.require(access.may_administer(actor))
    why = values.reason(reason)

    def write(db: sa.Connection) -> None:
        if db.execute(sa.delete(retention).where(*_mine(actor, key))).rowcount != 1:
            raise NotFound(N_("Aturan ini tidak ada."))
        record(db, actor, now, "retention.removed", data={"key": key, "reason": why})

    run(pe, write)


def _mine(actor: Actor, key: str) -> tuple[sa.ColumnElement[bool], ...]:
    return _r.tenant_id == actor.tenant, _r.key == key


def _let_disposal_end(db: sa.Connection, actor: Actor) -> None:
    """Wait until the cases that are just being disposed of are gone: the next ones are looked at when this is committed."""
    db.execute(sa.select(tenant.c.id).where(tenant.c.id == actor.tenant).with_for_update(key_share=True))


def _require_key(db: sa.Connection, actor: Actor, key: str) -> None:
    if "\0" in key or not db.scalar(sa.select(_d.id).where(_d.tenant_id == actor.tenant, _d.key == key).limit(1)):
        raise NotFound(N_("Prosedur %(key)s tidak ditemukan."), key=key[:100].replace("\0", ""))


def require_key(pe: ProcessEngine, actor: Actor, key: str) -> None:
    """NotFound unless the office has a procedure of this key."""
    with read(pe) as db:
        _require_key(db, actor, key)


# Holds ----------------------------------------------------------------------------------------------------------------

def hold(pe: ProcessEngine, actor: Actor, now: dt.datetime, *, case: str = "", key: str = "", reason: str) -> str:
    """Let nothing of a case (by its business key), or of a whole procedure, go until this is lifted; return the hold's id."""
    access.require(access.may_administer(actor))
    why = values.reason(reason)
    if bool(case) == bool(key):
        raise Invalid(N_("Pilih satu berkas atau satu prosedur."), field="case")

    def write(db: sa.Connection) -> str:
        instance_id = None
        if key:
            _require_key(db, actor, key)
            _let_disposal_end(db, actor)
        else:  # its row is locked: a disposal at the same moment comes before or after
            instance_id = None if "\0" in case else db.scalar(sa.select(_i.id).where(
                _i.tenant_id == actor.tenant, _i.business_key == case).with_for_update(key_share=True))
            if instance_id is None:
                raise Invalid(N_("Berkas tidak ditemukan."), field="case")
        hold_id = ids.new_id(now)
        db.execute(sa.insert(legal_hold), {"id": hold_id, "tenant_id": actor.tenant, "instance_id": instance_id, "key": key or None,
                                           "reason": why, "set_at": now, "set_by": actor.id or None})
        record(db, actor, now, "hold.set", instance_id=instance_id, data={"hold": hold_id, "key": key, "case": case, "reason": why})
        return hold_id

    return run(pe, write)


def lift(pe: ProcessEngine, actor: Actor, now: dt.datetime, hold_id: str, reason: str) -> None:
    """End a hold, with a reason. Conflict where it is lifted already."""
    access.require(access.may_administer(actor))
    why = values.reason(reason)

    def write(db: sa.Connection) -> None:
        row = db.execute(sa.select(legal_hold).where(_h.id == hold_id, _h.tenant_id == actor.tenant)).mappings().first()
        if row is None:
            raise NotFound(N_("Penahanan tidak ditemukan."))
        done = db.execute(sa.update(legal_hold).where(_h.id == hold_id, _h.lifted_at.is_(None)).values(
            lifted_at=now, lifted_by=actor.id or None, lift_reason=why))
        if done.rowcount != 1:
            raise Conflict(N_("Penahanan ini sudah dicabut."))
        record(db, actor, now, "hold.lifted", instance_id=row["instance_id"], data={"hold": hold_id, "key": row["key"], "reason": why})

    run(pe, write)


def holds(pe: ProcessEngine, actor: Actor, *, after: str | None = None, limit: int = 50) -> Page:
    """Holds, the newest first, lifted ones too. Rows: the table's columns, business_key and title of the case; one statement."""
    access.require(access.may_administer(actor))
    query = sa.select(legal_hold, _i.business_key, _i.title).outerjoin(process_instance, _i.id == _h.instance_id).where(
        _h.tenant_id == actor.tenant)
    with read(pe) as db:
        return fetch(db, query, (_h.set_at, _h.id), after=after, limit=limit, descending=True)


# What is due ----------------------------------------------------------------------------------------------------------

def why_not(now: dt.datetime, rules: Mapping[str, Rule]) -> sa.ColumnElement:
    """A column beside `process_instance`: which of WHY keeps the case; NULL where nothing does. `rules` of its version must be in it."""
    early = [(sa.and_(_i.definition_id == id, _i.ended_at >= now - dt.timedelta(days=rule.days)), "early")
             for id, rule in rules.items() if rule.days is not None]
    for_ever = [id for id, rule in rules.items() if rule.days is None]
    may_be_up = [id for id, rule in rules.items() if rule.published]
    other = process_instance.alias("other")
    held = sa.exists().where(_h.lifted_at.is_(None), _h.instance_id == _i.id) | sa.exists().where(
        _h.lifted_at.is_(None), _h.tenant_id == _i.tenant_id, _h.key == _i.definition_key)
    up = sa.exists().where(publication.c.instance_id == _i.id, publication.c.state.in_(UP))
    return sa.case(
        (_i.ended_at.is_(None), "running"), (_i.definition_id.in_(for_ever) | _i.definition_id.not_in(list(rules)), "early"), *early,
        (held, "held"),
        (sa.exists().where(incident.c.instance_id == _i.id, incident.c.resolved_at.is_(None)), "incident"),
        (sa.exists().where(job.c.instance_id == _i.id, job.c.state == "open"), "owes"),
        (sa.exists().where(other.c.about_id == _i.id), "referred"),
        (_i.definition_id.not_in(may_be_up) & up, "published"),
        (~_i.counted, "uncounted"), else_=None)


def past_their_time(now: dt.datetime, rules: Mapping[str, Rule]) -> sa.ColumnElement[bool]:
    """A condition on `process_instance`: ended so long ago that only `why_not` keeps it. From the index of each version's ends, which are
    one office's as the rules are."""
    ended = [sa.and_(_i.definition_id == id, _i.ended_at < now - dt.timedelta(days=rule.days))
             for id, rule in rules.items() if rule.days is not None]
    return sa.or_(sa.false(), *ended)


def due(pe: ProcessEngine, actor: Actor, now: dt.datetime) -> list[dict[str, Any]]:
    """For each procedure: {key, name, days (of its newest version; None: for ever), own, published, reason, set_by, due (how many may
    go now), oldest (when the first of them ended), bytes (of their documents), kept ({one of WHY: how many past their time stay})}.
    Six statements at most."""
    access.require(access.may_administer(actor))
    with read(pe) as db:
        of = rules(db, actor.tenant)
        why = why_not(now, of)
        past = past_their_time(now, of)
        counts = db.execute(sa.select(_i.definition_key, why.label("why"), sa.func.count().label("number"),
                                      sa.func.min(_i.ended_at).label("oldest")).where(past).group_by(_i.definition_key, why)).all()
        sizes = {row.definition_key: row.bytes for row in db.execute(
            sa.select(_i.definition_key, sa.func.sum(document.c.size).label("bytes")).join(document, document.c.instance_id == _i.id).where(
                past, why.is_(None)).group_by(_i.definition_key))}
        own = {row["key"]: row for row in db.execute(sa.select(retention).where(_r.tenant_id == actor.tenant)).mappings()}
        newest = {row.key: row for row in db.execute(sa.select(_d.id, _d.key, _d.name).where(
            _d.tenant_id == actor.tenant).order_by(_d.version))}
    found = []
    for key, row in sorted(newest.items(), key=lambda item: (item[1].name or item[0])):
        mine = [each for each in counts if each.definition_key == key]
        goes = next((each for each in mine if each.why is None), None)
        rule = of[row.id]
        found.append({"key": key, "name": row.name or key, "days": rule.days, "own": rule.own, "published": rule.published,
                      "reason": own[key]["reason"] if key in own else "", "set_by": own[key]["set_by"] if key in own else None,
                      "due": goes.number if goes else 0, "oldest": goes.oldest if goes else None, "bytes": int(sizes.get(key) or 0),
                      "kept": {each.why: each.number for each in mine if each.why is not None}})
    return found


# What needs no rule ---------------------------------------------------------------------------------------------------

def sweep(pe: ProcessEngine, now: dt.datetime) -> int:
    """Delete old notices that went out or were dropped, sessions that are over, and what signing a channel in left behind, a bounded number
    of each; return how many."""
    old = (notice.c.id < _first_id(now - NOTICES), notice.c.state.in_(("sent", "dropped", "failed")))
    return (_delete(pe, now, "notices", notice, *old) +
            _delete(pe, now, "sessions", web_session, web_session.c.created_at <= now - sessions.limits(pe)[1]) +
            _delete(pe, now, "sign_ins", channel_sign_in, channel_sign_in.c.until <= now))


def _delete(pe: ProcessEngine, now: dt.datetime, name: str, table: sa.Table, *old: sa.ColumnElement[bool]) -> int:
    with read(pe) as db:
        found = db.execute(sa.select(table.c.id, table.c.tenant_id).where(*old).order_by(table.c.id).limit(SWEPT)).all()
    if not found:
        return 0

    def write(db: sa.Connection) -> None:
        db.execute(sa.delete(table).where(table.c.id.in_([row.id for row in found]), *old))
        for office in sorted({row.tenant_id for row in found}):
            record(db, Actor.system(office), now, "sweep.done", data={name: sum(row.tenant_id == office for row in found)})

    run(pe, write)
    return len(found)


def _first_id(at: dt.datetime) -> str:
    """What every id made since then is at or above: ids begin with their milliseconds."""
    digits = f"{int(at.timestamp() * 1000):012x}"
    return f"{digits[:8]}-{digits[8:]}"
