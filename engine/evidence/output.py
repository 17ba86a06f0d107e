"""What was put out: how each channel fared, and the list of it (Daftar Informasi Publik) with class and time from approval."""

import datetime as dt
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from bpmn.errors import N_, Invalid
from engine import access, settings
from engine.evidence import facts, figures
from engine.evidence.cells import Measures, middle
from engine.evidence.figures import Scope
from engine.process_engine import Actor, ProcessEngine
from engine.store import read, record, run
from engine.tables import event, process_instance, publication, publication_standing
from engine.values import load as read_variables

BATCH = 200
BINS = (0, 30, 60, 120, 240, 450, 900, 2250)  # minutes; a working day has 450
CLASSES = ("berkala", "serta-merta", "setiap-saat")  # UU 14/2008, pasal 9 to 11; what is excluded is not published
COLUMNS = ("nomor", "judul", "jenis", "klasifikasi", "kanal", "ralat_ke", "terbit", "alamat", "disetujui", "menit_kerja_sejak_disetujui")
_e, _i, _p = event.c, process_instance.c, publication.c


def _within(actor: Actor, scope: Scope, zone: dt.tzinfo, column: sa.ColumnElement) -> list[sa.ColumnElement[bool]]:
    where = [_p.tenant_id == actor.tenant]
    where += [column >= dt.datetime.combine(scope.since, dt.time(), zone)] if scope.since else []
    where += [column < dt.datetime.combine(scope.until + dt.timedelta(1), dt.time(), zone)] if scope.until else []
    return where + ([_p.kind == (scope.kind or None)] if scope.kind is not None else [])


@dataclass
class Output:
    """What was put out by the cases of a scope: by channel, in all and month by month; and as pieces of information, by class (those of
    CLASSES, then what is called otherwise, '' what is not called), in all and month by month."""

    channels: dict[str, Measures]
    months: dict[dt.date, dict[str, Measures]]
    classes: dict[str, Measures]
    class_months: dict[dt.date, dict[str, Measures]]


def found(pe: ProcessEngine, actor: Actor, scope: Scope) -> Output:
    """Return it from the sums, by two statements and one or two for the days at each end of the scope: as many for a million cases."""
    access.require(access.may_see_reports(actor))
    with read(pe) as db:
        channels, months = _added(figures.rows(db, actor, scope, "channel", "lead"))
        classes, class_months = _added(figures.rows(db, actor, scope, "class"))
    order = {name: number for number, name in enumerate(CLASSES)}
    return Output(dict(sorted(channels.items())), months,
                  dict(sorted(classes.items(), key=lambda each: (order.get(each[0], len(order)), each[0]))), class_months)


def _added(rows: Iterator[figures.Row]) -> tuple[dict[str, Measures], dict[dt.date, dict[str, Measures]]]:
    total: dict[str, Measures] = defaultdict(Measures)
    months: dict[dt.date, dict[str, Measures]] = defaultdict(lambda: defaultdict(Measures))
    for row in rows:
        total[row.element].add(row.measures)
        months[row.month][row.element].add(row.measures)
    return total, dict(sorted(months.items()))


def share(m: Measures) -> float | None:
    """The part of what was tried to the end that went out."""
    tried = m["out"] + m["failed"] + m["unknown"]
    return m["out"] / tried if tried else None


def spread(m: Measures) -> list[int]:
    """How many took from each of BINS to less than the next, in minutes of working time from the approval until they went out."""
    counts = [0] * len(BINS)
    for bucket, number in m.times.get("lead", {}).items():
        counts[bisect_right(BINS, middle(bucket)) - 1] += number
    return counts


def addresses(pe: ProcessEngine, actor: Actor, ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """{case: [{channel_id, url, published_at, state, standing}]} of what these cases put out; one statement."""
    access.require(access.may_see_reports(actor))
    s = publication_standing.c
    of: dict[str, list[dict[str, Any]]] = {id: [] for id in ids}
    with read(pe) as db:
        query = sa.select(_p.instance_id, _p.channel_id, _p.url, _p.published_at, _p.state, s.state.label("standing")).outerjoin(
            publication_standing, s.publication_id == _p.id).where(
            _p.tenant_id == actor.tenant, _p.instance_id.in_(list(ids)), _p.state.in_(facts.OUT))
        for row in db.execute(query.order_by(_p.id)).mappings():
            of[row["instance_id"]].append(dict(row))
    return of


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
        if facts.approves(row.data):
            found[row.instance_id].append(row.at)
    return found
