"""What was put out: how each channel fared, and the list of it (Daftar Informasi Publik) with class and time from approval."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from bpmn.errors import N_, Invalid
from engine import access, settings
from engine.evidence import facts
from engine.evidence.figures import Scope
from engine.process_engine import Actor, ProcessEngine
from engine.store import read, record, run
from engine.tables import event, process_instance, publication
from engine.values import load as read_variables

BATCH = 200
MOST = 2000  # publications that the page counts: what grows with the past is counted up to a limit
CLASSES = ("berkala", "serta-merta", "setiap-saat")  # UU 14/2008, pasal 9 to 11; what is excluded is not published
COLUMNS = ("nomor", "judul", "jenis", "klasifikasi", "kanal", "ralat_ke", "terbit", "alamat", "disetujui", "menit_kerja_sejak_disetujui")
_e, _i, _p = event.c, process_instance.c, publication.c


def _within(actor: Actor, scope: Scope, zone: dt.tzinfo, column: sa.ColumnElement) -> list[sa.ColumnElement[bool]]:
    where = [_p.tenant_id == actor.tenant]
    where += [column >= dt.datetime.combine(scope.since, dt.time(), zone)] if scope.since else []
    where += [column < dt.datetime.combine(scope.until + dt.timedelta(1), dt.time(), zone)] if scope.until else []
    return where + ([_p.kind == scope.kind] if scope.kind is not None else [])


def channels(pe: ProcessEngine, actor: Actor, scope: Scope, zone: dt.tzinfo) -> tuple[dict[str, dict[str, int]], bool]:
    """By channel: how many publications, of all procedures, that changed last in the scope's days are in each state; and whether there are
    more than the last MOST, which are counted. One statement."""
    access.require(access.may_see_reports(actor))
    newest = sa.select(_p.channel_id, _p.state).where(*_within(actor, scope, zone, _p.updated_at)).order_by(
        _p.updated_at.desc(), _p.id.desc()).limit(MOST + 1).subquery().c
    found: dict[str, dict[str, int]] = defaultdict(dict)
    with read(pe) as db:
        for row in db.execute(sa.select(newest.channel_id, newest.state, sa.func.count().label("n")).group_by(
                newest.channel_id, newest.state)):
            found[row.channel_id][row.state] = row.n
    return dict(sorted(found.items())), sum(sum(each.values()) for each in found.values()) > MOST


def share(states: dict[str, int]) -> float | None:
    """The part of what was tried to the end that went out (or had gone out, and was withdrawn since)."""
    out = states.get("published", 0) + states.get("withdrawn", 0)
    tried = out + states.get("failed", 0) + states.get("unknown", 0)
    return out / tried if tried else None


def export(pe: ProcessEngine, actor: Actor, now: dt.datetime, scope: Scope, zone: dt.tzinfo,
           of_class: str = "") -> Iterator[dict[str, Any]]:
    """What stands published, by when it went out, as rows of COLUMNS; two statements for each 200. That it was taken away is recorded."""
    access.require(access.may_see_reports(actor))
    if of_class not in ("", *CLASSES):
        raise Invalid(N_("Klasifikasi ini tidak dikenal."), field="class")
    run(pe, lambda db: record(db, actor, now, "evidence.exported", data={"form": "csv", "what": "publications", "class": of_class}))
    return _export(pe, actor, scope, zone, of_class)


def _export(pe: ProcessEngine, actor: Actor, scope: Scope, zone: dt.tzinfo, of_class: str) -> Iterator[dict[str, Any]]:
    calendar = settings.calendar_of(pe, actor.tenant)
    query = sa.select(_p.id, _p.instance_id, _p.channel_id, _p.revision, _p.kind, _p.published_at, _p.url, _i.business_key, _i.title,
                      _i.variables).join(process_instance, _i.id == _p.instance_id).where(
        *_within(actor, scope, zone, _p.published_at), _p.state == "published", _p.published_at.is_not(None)).order_by(
        _p.published_at, _p.id).limit(BATCH)
    last = None
    while True:
        with read(pe) as db:
            after = sa.true() if last is None else sa.tuple_(_p.published_at, _p.id) > sa.tuple_(
                sa.bindparam(None, last["published_at"], type_=_p.published_at.type), last["id"])
            batch = db.execute(query.where(after)).mappings().all()
            approved = _approvals(db, {row["instance_id"] for row in batch}) if batch else {}
        for row in batch:
            named = read_variables(row["variables"]).get("", {}).get("klasifikasi")
            if not of_class or named == of_class:
                at = max((at for at in approved.get(row["instance_id"], ()) if at <= row["published_at"]), default=None)
                yield {"nomor": row["business_key"], "judul": row["title"], "jenis": row["kind"] or "",
                       "klasifikasi": named if isinstance(named, str) else "", "kanal": row["channel_id"], "ralat_ke": row["revision"] - 1,
                       "terbit": row["published_at"], "alamat": row["url"] or "", "disetujui": at,
                       "menit_kerja_sejak_disetujui": at and round(calendar.between(at, row["published_at"]).total_seconds() / 60)}
        if len(batch) < BATCH:
            return
        last = batch[-1]


def _approvals(db: sa.Connection, ids: set[str]) -> dict[str, list[dt.datetime]]:
    """When decisions of these cases were SESUAI."""
    found: dict[str, list[dt.datetime]] = defaultdict(list)
    for row in db.execute(sa.select(_e.instance_id, _e.at, _e.data).where(_e.instance_id.in_(ids), _e.type == "task.completed")):
        choice = facts.values_said(row.data).get("keputusan")
        if isinstance(choice, str) and choice and choice.casefold() != "tidak":
            found[row.instance_id].append(row.at)
    return found
