"""The cases behind a figure, newest first: each figure of each chart can be looked into.

What is known of a case as a whole stands on its row. What is about a step, a flow or what followed what is found by the same reading of
the history that counted it (`evidence.facts`), on the days of which the sums say that there is something to find.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import sqlalchemy as sa

from bpmn.errors import N_, Forbidden, Invalid
from engine import access, settings
from engine.evidence import facts, rollup
from engine.evidence.cells import ALL, Measures, middle
from engine.evidence.figures import Scope
from engine.process_engine import Actor, ProcessEngine
from engine.queries.paging import Page, fetch
from engine.store import read
from engine.tables import evidence_case, evidence_cell, evidence_return, process_instance

LIMIT = 50
CHUNK = 50  # cases whose history is read at once
MOST_READ = 300  # cases whose history one page reads; the next page goes on
ELEMENTS = ("activity", "flow", "follows", "channel", "class")
MEASURES = ("count", "canceled", "repeats", "promised", "overdue", "within", "extended", "claimed", "decided", "returned",
            "out", "failed", "unknown", "manual", "withdrawn", "posts")
_e, _c, _r, _i = evidence_case.c, evidence_cell.c, evidence_return.c, process_instance.c
_ROW = (_e.instance_id.label("id"), _i.business_key, _i.title, _i.started_at, _e.ended_at, _e.kind, _e.unit, _e.working_seconds,
        _e.returned, _e.again_seconds, _e.cancelled, _e.moved, _e.manual, _e.extended)
CASES = {  # what is known of a case as a whole, by name
    "all": sa.true(), "decided": _e.decisions > 0, "clean": (_e.decisions > 0) & (_e.returned == 0), "returned": _e.returned > 0,
    "repeats": _e.again_seconds > 0, "cancelled": _e.cancelled, "moved": _e.moved, "manual": _e.manual, "extended": _e.extended,
    "left": sa.text("(cancelled OR moved OR manual OR extended)"),
}


@dataclass(frozen=True)
class Which:
    """Which cases: by a name of CASES (`which`), how often they were sent back (`rounds`), the way they took (`variant`), the category of
    a TIDAK, the writer, how long they took (more than so many `minutes`); or by something that happened in them: an element of a kind in
    ELEMENTS (`what`), counted as `measure`, and of a channel taking from `least` to less than `most` minutes."""

    which: str = "all"
    rounds: int | None = None
    variant: str | None = None
    category: str | None = None
    writer: str | None = None
    minutes: int | None = None
    what: str | None = None
    element: str = ""
    measure: str = "count"
    least: int | None = None
    most: int | None = None


def cases(pe: ProcessEngine, actor: Actor, scope: Scope, of: Which, *, after: str | None = None, limit: int = LIMIT) -> Page:
    """The cases of a scope, newest first. Rows: id, business_key, title, started_at, ended_at, kind, unit, working_seconds, returned,
    again_seconds, cancelled, moved, manual, extended; of a category and of what happened in a case `times`, how often it did. Of the
    latter a page may hold few rows and still have a next one: see MOST_READ."""
    access.require(access.may_see_reports(actor))
    _check(of)
    if of.writer is not None and not settings.get(pe, actor.tenant)["evidence"]["persons"]:
        raise Forbidden(N_("Perbandingan antarorang tidak diizinkan di kantor ini."))
    with read(pe) as db:
        if of.what in ELEMENTS:
            return _by_history(db, actor, scope, of, after, limit)
        times = [] if of.category is None else [sa.select(sa.func.count()).where(
            _r.instance_id == _e.instance_id, _r.category_id == of.category).scalar_subquery().label("times")]
        query = sa.select(*_ROW, *times).join(process_instance, _i.id == _e.instance_id).where(
            *within(actor, scope, unit=True), *_conditions(of))
        return fetch(db, query, (_e.ended_at, _e.instance_id), after=after, limit=limit, descending=True)


def _check(of: Which) -> None:
    wrong = of.which not in CASES or of.what not in (None, *ELEMENTS) or of.measure not in MEASURES or "\0" in of.element
    if wrong or any("\0" in (text or "") for text in (of.variant, of.category, of.writer)):
        raise Invalid(N_("Angka ini tidak dikenal."), field="which")


def within(actor: Actor, scope: Scope, unit: bool) -> list[sa.ColumnElement[bool]]:
    """Return the conditions on `evidence_case` of a scope; with `unit` its group too."""
    where = [_e.tenant_id == actor.tenant, _e.key == scope.key]
    where += [_e.day >= scope.since] if scope.since else []
    where += [_e.day <= scope.until] if scope.until else []
    if scope.since:  # what the index is ordered by; a day's zone is at most 14 hours off
        where.append(_e.ended_at >= dt.datetime.combine(scope.since, dt.time(), dt.timezone.utc) - dt.timedelta(hours=15))
    if scope.until:
        where.append(_e.ended_at < dt.datetime.combine(scope.until, dt.time(), dt.timezone.utc) + dt.timedelta(hours=39))
    where += [_e.kind == scope.kind] if scope.kind is not None else []
    where += [_e.definition_id.in_(scope.versions)] if scope.versions else []
    return where + ([_e.unit == scope.unit] if unit and scope.unit is not None else [])


def _conditions(of: Which) -> list[Any]:
    where = [CASES[of.which]]
    where += [_e.returned == of.rounds] if of.rounds is not None else []
    where += [_e.variant == of.variant] if of.variant is not None else []
    where += [_e.writer == of.writer] if of.writer is not None else []
    where += [_e.working_seconds >= of.minutes * 60 + 30] if of.minutes is not None else []  # as `cells.minutes` rounds
    if of.category is not None:
        where.append(sa.exists().where(_r.instance_id == _e.instance_id, _r.category_id == of.category))
    return where


# By what happened in them ---------------------------------------------------------------------------------------------

def _by_history(db: sa.Connection, actor: Actor, scope: Scope, of: Which, after: str | None, limit: int) -> Page:
    last = _cursor(after)
    if last:
        until = dt.date.fromisoformat(last[0])
        scope = Scope(scope.key, scope.since, min(until, scope.until or until), scope.versions, scope.kind, scope.unit)
    found: dict[str, int] = {}  # how often it happened in each case
    looked_at = 0
    for month in _months(db, actor, scope, of):
        for part in rollup.parts(_on(db, actor, scope, of, month, last), CHUNK):
            looked_at += len(part)
            found |= {f.row["instance_id"]: times for f in rollup.facts_of(db, [id for _, id in part]) if (times := _times(f, scope, of))}
            if len(found) >= limit or looked_at >= MOST_READ:
                found = dict(islice(found.items(), limit))
                day, id = next(each for each in part if each[1] == list(found)[-1]) if len(found) == limit else part[-1]
                return Page(_rows(db, found), f"{day.isoformat()},{id}")
    return Page(_rows(db, found), None)


def _cursor(after: str | None) -> tuple[str, str] | None:
    if not after:
        return None
    day, _, id = after.partition(",")
    try:
        dt.date.fromisoformat(day)
    except ValueError as problem:
        raise Invalid(N_("Halaman ini tidak dikenal."), field="after") from problem
    return day, id[:36].replace("\0", "")


def _months(db: sa.Connection, actor: Actor, scope: Scope, of: Which) -> list[dt.date]:
    """The months in which it happened, newest first."""
    bounds = ([_c.day >= scope.since.replace(day=1)] if scope.since else []) + ([_c.day <= scope.until] if scope.until else [])
    return _having(db, actor, scope, of, "m", bounds, ALL)


def _on(db: sa.Connection, actor: Actor, scope: Scope, of: Which, month: dt.date,
        last: tuple[str, str] | None) -> list[tuple[dt.date, str]]:
    """The cases, as (day, id), that ended on the days of a month on which it happened; newest first, those after the cursor."""
    first = max(month, scope.since or month)
    end = (month.replace(day=28) + dt.timedelta(4)).replace(day=1) - dt.timedelta(1)
    end = min(end, scope.until or end)
    days = _having(db, actor, scope, of, "d", [_c.day >= first, _c.day <= end], None)
    query = sa.select(_e.day, _e.instance_id).where(
        *within(actor, Scope(scope.key, first, end, scope.versions, scope.kind), unit=False), _e.day.in_(days))
    if last:
        day = dt.date.fromisoformat(last[0])
        query = query.where((_e.day < day) | ((_e.day == day) & (_e.instance_id < last[1])))
    return [(row.day, row.instance_id) for row in db.execute(query.order_by(_e.day.desc(), _e.instance_id.desc()).limit(MOST_READ))]


def _having(db: sa.Connection, actor: Actor, scope: Scope, of: Which, grain: str, bounds: list, everything: str | None) -> list[dt.date]:
    where = [_c.tenant_id == actor.tenant, _c.key == scope.key, _c.what == of.what, _c.element == of.element, _c.grain == grain, *bounds]
    where += [_c.definition_id.in_(scope.versions)] if scope.versions else []
    for column, wanted in ((_c.kind, scope.kind), (_c.unit, scope.unit)):
        wanted = everything if wanted is None else wanted
        where += [column == wanted] if wanted is not None else []
    rows = db.execute(sa.select(_c.day, _c.measures).where(*where)).mappings()
    return sorted({row["day"] for row in rows if _value(Measures.of(dict(row)), of)}, reverse=True)


def _value(m: Measures, of: Which) -> int:
    return m["promised"] - m["overdue"] if of.measure == "within" else m[of.measure]


def _times(f: facts.Facts, scope: Scope, of: Which) -> int:
    """How often it happened in a case."""
    return sum(_value(m, of) if of.least is None else _took(m, of) for (what, element, unit), m in f.measures.items()
               if what == of.what and element == of.element and (scope.unit is None or unit == scope.unit))


def _took(m: Measures, of: Which) -> int:
    least, most = of.least or 0, of.most or float("inf")
    return sum(number for bucket, number in m.times.get("lead", {}).items() if least <= middle(bucket) < most)


def _rows(db: sa.Connection, times: Mapping[str, int]) -> list[dict[str, Any]]:
    query = sa.select(*_ROW).join(process_instance, _i.id == _e.instance_id).where(_e.instance_id.in_(list(times)))
    known = {row["id"]: dict(row) for row in db.execute(query).mappings()} if times else {}
    return [{**known[id], "times": number} for id, number in times.items() if id in known]
