"""The analyst's figures, read from the evidence's sums: as quick over a million cases as over a thousand.

All are about cases that have **ended**, by the day on which they did, so what was reported once does not change any more. A period is
read as whole months and the days at its two ends, so that a question reads a bounded number of rows, however many cases there were.
"""

import calendar
import datetime as dt
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import sqlalchemy as sa

from bpmn import sop
from bpmn.errors import N_, NotFound
from engine import access, load, settings, version_life
from engine.evidence import rollup
from engine.evidence.cells import ALL, TIMES, Measures
from engine.process_engine import Actor, ProcessEngine
from engine.store import read
from engine.tables import evidence_category, evidence_cell, evidence_return, evidence_variant, process_definition, process_instance

MOST_VARIANTS = 50
PENDING = 1000  # uncounted cases counted, at most
_c, _d, _r = evidence_cell.c, process_definition.c, evidence_return.c


@dataclass(frozen=True)
class Scope:
    """What is asked about: cases of a procedure that ended from `since` to `until` (days that count both; None: open), on these versions
    (empty: all), of a kind, and by a group (None: all; '' is that of what has none). Of steps and flows the group is who worked on them,
    of cases who wrote."""

    key: str
    since: dt.date | None = None
    until: dt.date | None = None
    versions: tuple[str, ...] = ()
    kind: str | None = None
    unit: str | None = None


class Row(NamedTuple):
    """One sum."""

    element: str
    definition_id: str
    day: dt.date
    kind: str
    unit: str
    measures: Measures

    @property
    def month(self) -> dt.date:
        return self.day.replace(day=1)


@dataclass
class Step:
    """One activity beside its standard, and what it was month by month."""

    activity_id: str
    name: str
    langkah: str = ""
    pelaksana: str = ""
    standard: float | None = None  # minutes of working time, in the version that is shown
    measures: Measures = field(default_factory=Measures)
    months: dict[dt.date, Measures] = field(default_factory=dict)

    @property
    def share(self) -> float | None:
        """The part that was done within its due time, 0 to 1."""
        return within(self.measures)


def within(m: Measures) -> float | None:
    return 1 - m["overdue"] / m["promised"] if m["promised"] else None


def clean(m: Measures) -> float | None:
    """First-pass yield: the part of the cases with a decision that had no TIDAK."""
    return m["clean"] / m["decided"] if m["decided"] else None


# What can be asked ----------------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Choices:
    """What a procedure's figures can be narrowed to: versions (newest first, {id, version, name}), kinds and groups that occur."""

    versions: list[dict[str, Any]]
    kinds: list[str]
    units: list[str]
    first: dt.date | None  # the month of the first case that ended
    pending: int  # ended and not counted yet, among the next PENDING


def choices(pe: ProcessEngine, actor: Actor, key: str) -> Choices:
    """Return what can be asked of a procedure, by four statements; NotFound where there is none of that key."""
    access.require(access.may_see_reports(actor))
    here = (_c.tenant_id == actor.tenant, _c.key == key, _c.grain == "m")
    waiting = sa.select(process_instance.c.definition_key).where(  # the order makes the planner take the index of what is not counted
        rollup.UNCOUNTED, process_instance.c.tenant_id == actor.tenant).order_by(process_instance.c.id).limit(PENDING).subquery()
    with read(pe) as db:
        versions = [dict(row) for row in db.execute(sa.select(_d.id, _d.version, _d.name).where(
            _d.tenant_id == actor.tenant, _d.key == key).order_by(_d.version.desc()).limit(200)).mappings()]
        if not versions:
            raise NotFound(N_("Prosedur %(key)s tidak ditemukan."), key=key)
        kinds = db.execute(sa.select(_c.kind, sa.func.min(_c.day)).where(*here, _c.what == "case", _c.unit == ALL).group_by(_c.kind)).all()
        units = set(db.scalars(sa.select(_c.unit).where(*here, _c.what.in_(("activity", "case")), _c.kind == ALL).distinct()))
        pending = db.scalar(sa.select(sa.func.count()).select_from(waiting).where(waiting.c.definition_key == key)) or 0
    return Choices(versions, sorted(kind for kind, _ in kinds if kind not in (ALL, "")), sorted(units - {ALL, ""}),
                   min((day for _, day in kinds), default=None), pending)


# Reading --------------------------------------------------------------------------------------------------------------

def rows(db: sa.Connection, actor: Actor, scope: Scope, what: str, *times: str, by: str = "") -> Iterator[Row]:
    """Give the sums of a scope, with these histograms; with `by` 'kind' or 'unit' each of these apart. Few and bounded: months, and
    the days at the ends."""
    columns = (_c.element, _c.definition_id, _c.day, _c.kind, _c.unit, _c.measures, *(_c[name] for name in times))
    here = [_c.tenant_id == actor.tenant, _c.key == scope.key, _c.what == what]
    here += [_c.definition_id.in_(scope.versions)] if scope.versions else []
    months, days = spans(scope.since, scope.until)
    narrowed = {"kind": scope.kind, "unit": scope.unit}
    monthly = [_c[name] != ALL if name == by and wanted is None else _c[name] == (ALL if wanted is None else wanted)
               for name, wanted in narrowed.items()]
    daily = [_c[name] == wanted for name, wanted in narrowed.items() if wanted is not None]
    queries = []
    if months:
        bounds = [_c.day >= months[0]] if months[0] else []
        bounds += [_c.day <= months[1]] if months[1] else []
        queries.append(sa.select(*columns).where(*here, _c.grain == "m", *bounds, *monthly))
    queries += [sa.select(*columns).where(*here, _c.grain == "d", _c.day >= first, _c.day <= last, *daily) for first, last in days]
    for query in queries:
        for row in db.execute(query).mappings():
            yield Row(row["element"], row["definition_id"], row["day"], row["kind"], row["unit"], Measures.of(dict(row)))


Months = tuple[dt.date | None, dt.date | None]


def spans(since: dt.date | None, until: dt.date | None) -> tuple[Months | None, list[tuple[dt.date, dt.date]]]:
    """Part a period into whole months (the firsts of the first and last; None: open) and the spans of days at its ends."""
    if since and until and since > until:
        return None, []
    first, last, days = since, until, []
    if since and since.day > 1:
        end = _end(since) if not until else min(_end(since), until)
        days.append((since, end))
        first = end + dt.timedelta(1)
    if until and until != _end(until) and (first is None or first <= until):
        days.append((until.replace(day=1), until))
        last = until.replace(day=1) - dt.timedelta(1)
    if first and last and first > last:
        return None, days
    return (first, last.replace(day=1) if last else None), days


def _end(day: dt.date) -> dt.date:
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])


def totals(found: Iterator[Row] | Sequence[Row]) -> dict[str, Measures]:
    """Add up by element."""
    sums: dict[str, Measures] = defaultdict(Measures)
    for row in found:
        sums[row.element].add(row.measures)
    return dict(sums)


# Figures --------------------------------------------------------------------------------------------------------------

def heat(pe: ProcessEngine, actor: Actor, scope: Scope, *times: str) -> tuple[dict[str, Measures], dict[str, Measures]]:
    """Measures of each activity, and of each flow, with these histograms; two or a few statements."""
    access.require(access.may_see_reports(actor))
    with read(pe) as db:
        return totals(rows(db, actor, scope, "activity", *times)), totals(rows(db, actor, scope, "flow", *times))


def standards(pe: ProcessEngine, actor: Actor, now: dt.datetime, scope: Scope) -> list[Step]:
    """Each activity of the version that is shown, in the diagram's order, beside its standard; then what only other versions have."""
    access.require(access.may_see_reports(actor))
    with read(pe) as db:
        said, day = shown(db, actor, now, scope)[1], settings.calendar(db, actor.tenant)
        found = list(rows(db, actor, scope, "activity", *TIMES))
    steps = {s.activity_id: Step(s.activity_id, s.name, s.langkah, s.pelaksana,
                                 day.length(*s.allowed).total_seconds() / 60 if s.allowed else None) for s in said.steps.values()}
    for row in found:
        step = steps.setdefault(row.element, Step(row.element, row.element))
        step.measures.add(row.measures)
        step.months.setdefault(row.month, Measures()).add(row.measures)
    return list(steps.values())


def diagram(pe: ProcessEngine, actor: Actor, now: dt.datetime, scope: Scope) -> str:
    """Return the id of the version whose diagram a scope is shown on."""
    access.require(access.may_see_reports(actor))
    with read(pe) as db:
        return shown(db, actor, now, scope)[0]


def shown(db: sa.Connection, actor: Actor, now: dt.datetime, scope: Scope) -> tuple[str, sop.Sop]:
    """The version whose diagram a scope is shown on (the one asked for, else the one in force), and what it says as an SOP."""
    query = sa.select(_d.id).where(_d.tenant_id == actor.tenant, _d.key == scope.key)
    query = query.where(_d.id.in_(scope.versions)) if scope.versions else query
    found = db.scalar(query.order_by(*([_d.version.desc()] if scope.versions else version_life.best_first(now))).limit(1))
    if found is None:
        raise NotFound(N_("Prosedur %(key)s tidak ditemukan."), key=scope.key)
    of = load.definition(db, found)
    return found, sop.read(load.resources(db, of.deployment_id)[of.resource_name], of.key)


@dataclass
class Cases:
    """All cases of a scope: in all, by month, by kind, by group, by how often they were sent back, and (where allowed) by writer."""

    total: Measures
    months: dict[dt.date, Measures]
    kinds: dict[str, Measures]
    units: dict[str, Measures]
    rounds: dict[int, int]
    writers: dict[str, Measures] | None


def cases(pe: ProcessEngine, actor: Actor, scope: Scope) -> Cases:
    """Return it; writers only where the office's admin lets persons be compared."""
    access.require(access.may_see_reports(actor))
    months: dict[dt.date, Measures] = defaultdict(Measures)
    total = Measures()
    by: dict[str, dict[str, Measures]] = {"kind": defaultdict(Measures), "unit": defaultdict(Measures)}
    with read(pe) as db:
        for row in rows(db, actor, scope, "case"):
            months[row.month].add(row.measures)
            total.add(row.measures)
        for name, found in by.items():
            for row in rows(db, actor, scope, "case", by=name):
                found[row.kind if name == "kind" else row.unit].add(row.measures)
        rounds = {int(element): m["count"] for element, m in totals(rows(db, actor, scope, "rounds")).items()}
        compared = settings.of(db, actor.tenant)["evidence"]["persons"]
        writers = totals(rows(db, actor, scope, "writer")) if compared else None
    return Cases(total, dict(sorted(months.items())), dict(by["kind"]), dict(by["unit"]), dict(sorted(rounds.items())), writers)


def cases_of(pe: ProcessEngine, actor: Actor, scope: Scope) -> int:
    """How many cases a scope has."""
    access.require(access.may_see_reports(actor))
    with read(pe) as db:
        return sum(row.measures["count"] for row in rows(db, actor, scope, "case"))


def reasons(pe: ProcessEngine, actor: Actor, scope: Scope) -> dict[str, dict[str, Any]]:
    """How often each category of TIDAK was the reason, by its id ('' is what nobody has sorted yet): {name, count}; two statements."""
    access.require(access.may_see_reports(actor))
    k = evidence_category.c
    where = [_r.tenant_id == actor.tenant, _r.key == scope.key]
    where += [_r.day >= scope.since] if scope.since else []
    where += [_r.day <= scope.until] if scope.until else []
    where += [_r.kind == scope.kind] if scope.kind is not None else []
    where += [_r.unit == scope.unit] if scope.unit is not None else []
    where += [_r.definition_id.in_(scope.versions)] if scope.versions else []
    with read(pe) as db:
        names = {"": "", **{row.id: row.name for row in db.execute(sa.select(k.id, k.name).where(
            k.tenant_id == actor.tenant, k.key == scope.key).order_by(k.name))}}
        counts = {row.category_id: row.n for row in db.execute(
            sa.select(_r.category_id, sa.func.count().label("n")).where(*where).group_by(_r.category_id))}
    return {id: {"name": name, "count": counts.get(id, 0)} for id, name in names.items()}


@dataclass
class Paths:
    """The ways that cases took: the most frequent ones (each {id, path, length, measures}), the measures of all of them by id, and what
    followed what."""

    variants: list[dict[str, Any]]
    sums: dict[str, Measures]
    follows: dict[tuple[str, str], int]
    total: Measures

    @property
    def number(self) -> int:
        """How many ways there were."""
        return len(self.sums)


def paths(pe: ProcessEngine, actor: Actor, scope: Scope) -> Paths:
    """Return it, by a few statements."""
    access.require(access.may_see_reports(actor))
    v = evidence_variant.c
    with read(pe) as db:
        sums = totals(rows(db, actor, scope, "variant", "lead"))
        total = Measures()
        for measures in sums.values():
            total.add(measures)
        most = sorted(sums, key=lambda id: (-sums[id]["count"], id))[:MOST_VARIANTS]
        known = {row.id: row for row in db.execute(sa.select(v.id, v.path, v.length).where(v.tenant_id == actor.tenant, v.id.in_(most)))}
        follows = {tuple(element.split("\n", 1)): m["count"] for element, m in totals(rows(db, actor, scope, "follows")).items()}
    return Paths([{"id": id, "path": known[id].path, "length": known[id].length, "measures": sums[id]} for id in most if id in known],
                 sums, follows, total)  # type: ignore[arg-type]
