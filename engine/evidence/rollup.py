"""Counting ended cases into the evidence, each once: a sweep of the worker takes those that are not counted yet.

That a case is counted is said on its own row, in the transaction that adds it to the sums, so neither the order in which
transactions commit nor a crash makes it count twice or not at all. An ended case does not change any more. What is counted depends
on nothing but the history and the diagrams, so that counting all anew (`rebuild`) gives the same numbers: a test does.
"""

import datetime as dt
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam

from engine import load, working_time
from engine.evidence import facts
from engine.evidence.cells import ALL, TIMES, Measures
from engine.process_engine import ProcessEngine
from engine.store import Stale, read, run
from engine.tables import (
    activity,
    event,
    evidence_case,
    evidence_cell,
    evidence_kept,
    evidence_return,
    evidence_variant,
    evidence_wording,
    membership,
    process_instance,
    publication,
    tenant,
)

BATCH = 200  # cases counted in one transaction
TURN = 2.0  # seconds that one turn of the worker may take
IN = 500  # values in one IN
_LOCK = 0x7E2B18  # PostgreSQL's advisory lock: one at a time adds to the sums
_a, _c, _e, _i, _p = activity.c, evidence_cell.c, event.c, process_instance.c, publication.c
_ACTIVITY = (_a.id, _a.instance_id, _a.activity_id, _a.type, _a.scope_id, _a.loop_counter, _a.started_at, _a.ended_at, _a.canceled,
             _a.is_task, _a.assignee, _a.completed_by, _a.claimed_at, _a.due_at, _a.extensions, _a.working_seconds, _a.in_stead_of)
_CASE = (_i.id, _i.tenant_id, _i.definition_id, _i.definition_key, _i.variables, _i.started_at, _i.started_by, _i.ended_at,
         _i.end_reason, _i.working_seconds, _i.about_id)
_PUBLICATION = (_p.instance_id, _p.channel_id, _p.state, _p.connector, _p.published_at)
UNCOUNTED = sa.text("ended_at IS NOT NULL AND NOT counted")  # as the index has it
_mark = sa.update(process_instance).where(_i.id.in_(bindparam("ids", expanding=True)), UNCOUNTED).values(counted=True)
Cell = tuple[str, str, str, str, str, str, dt.date, str, str]  # tenant, key, what, element, definition, grain, day, kind, group


def work(pe: ProcessEngine, seconds: float = TURN, clock: Callable[[], float] = time.monotonic) -> int:
    """Count what has ended since, for so long. Return how many cases were counted."""
    until, counted = clock() + seconds, 0
    while True:
        taken = count_some(pe)
        counted += taken
        if taken < BATCH or clock() >= until:
            return counted


def rebuild(pe: ProcessEngine, tenant_id: str, told: Callable[[int], None] = lambda counted: None) -> int:
    """Forget an office's sums and count all its ended cases anew; `told` hears how many are counted. What was put into categories stays,
    and so does what was kept of cases that were disposed of."""
    def forget(db: sa.Connection) -> None:
        lock(db)
        k, r, v, w = evidence_case.c, evidence_return.c, evidence_variant.c, evidence_wording.c
        kept = sa.select(k.instance_id).where(k.tenant_id == tenant_id, k.kept)
        db.execute(sa.delete(evidence_case).where(k.tenant_id == tenant_id, ~k.kept))
        db.execute(sa.delete(evidence_return).where(r.tenant_id == tenant_id, r.instance_id.not_in(kept)))
        db.execute(sa.delete(evidence_variant).where(v.tenant_id == tenant_id, v.id.not_in(sa.select(k.variant).where(
            k.tenant_id == tenant_id))))
        db.execute(sa.delete(evidence_cell).where(_c.tenant_id == tenant_id))
        db.execute(sa.insert(evidence_cell).from_select(
            [column.name for column in evidence_kept.c], sa.select(evidence_kept).where(evidence_kept.c.tenant_id == tenant_id)))
        db.execute(sa.delete(evidence_wording).where(w.tenant_id == tenant_id, w.category_id == ""))
        db.execute(sa.update(evidence_wording).where(w.tenant_id == tenant_id).values(count=0))
        db.execute(sa.update(process_instance).where(_i.tenant_id == tenant_id, _i.counted).values(counted=False))

    run(pe, forget)
    counted = 0
    while taken := count_some(pe, tenant_id, limit=BATCH * 5):
        counted += taken
        told(counted)
    return counted


def count_some(pe: ProcessEngine, tenant_id: str | None = None, limit: int = BATCH) -> int:
    """Count some cases that are not counted yet, in one transaction; return how many. None where another worker was at them."""
    with read(pe) as db:
        query = sa.select(*_CASE).where(UNCOUNTED).order_by(_i.tenant_id, _i.id).limit(limit)
        query = query if tenant_id is None else query.where(_i.tenant_id == tenant_id)
        cases = [dict(row) for row in db.execute(query).mappings()]
        found = list(_facts(db, cases)) if cases else []

    def write(db: sa.Connection) -> int:
        lock(db)
        marked = sum(db.execute(_mark, {"ids": part}).rowcount for part in parts([f.row["instance_id"] for f in found], IN))
        if marked != len(found):
            raise Stale
        _write(db, found)
        return marked

    try:
        return run(pe, write) if found else 0
    except Stale:
        return 0


def lock(db: sa.Connection) -> None:
    """Wait until nobody else adds to the sums; SQLite has one writer at a time anyway."""
    if db.dialect.name == "postgresql":
        db.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))


# Reading --------------------------------------------------------------------------------------------------------------

def facts_of(db: sa.Connection, ids: Sequence[str]) -> list[facts.Facts]:
    """Return what some ended cases show, in the order in which they are named."""
    cases = {row["id"]: dict(row) for row in db.execute(sa.select(*_CASE).where(_i.id.in_(ids))).mappings()}
    return list(_facts(db, [cases[id] for id in ids if id in cases]))


def _facts(db: sa.Connection, cases: Sequence[Mapping[str, Any]]) -> Iterator[facts.Facts]:
    of: dict[str, tuple[list, list, list]] = {case["id"]: ([], [], []) for case in cases}
    for part in parts(of, IN):
        for row in db.execute(sa.select(*_ACTIVITY).where(_a.instance_id.in_(part))).mappings():
            of[row["instance_id"]][0].append(row)
        for row in db.execute(sa.select(_e.id, _e.instance_id, _e.activity_instance_id, _e.type, _e.data).where(
                _e.instance_id.in_(part), _e.type.in_(("task.completed", *facts.MOVED)))).mappings():
            of[row["instance_id"]][1].append(row)
        for row in db.execute(sa.select(*_PUBLICATION).where(_p.instance_id.in_(part)).order_by(_p.id)).mappings():
            of[row["instance_id"]][2].append(row)
    offices = {tenant_id: office(db, tenant_id) for tenant_id in {case["tenant_id"] for case in cases}}
    diagrams = {id: diagram(db, id) for id in {case["definition_id"] for case in cases}}
    for case in cases:
        activities, events, publications = of[case["id"]]
        yield facts.read(case, activities, events, diagrams[case["definition_id"]], offices[case["tenant_id"]], publications)


def diagram(db: sa.Connection, definition_id: str) -> facts.Diagram:
    """Return what a version says of flows and groups."""
    of = load.definition(db, definition_id)
    return facts.Diagram.of([load.process(db, of)], of.groups)


def office(db: sa.Connection, tenant_id: str) -> facts.Office:
    """Return what an office was when, from its history; three statements.

    Before somebody's groups were first written down, they are in none; who is in groups of which the history says nothing (the
    demo's people) was always in them.
    """
    past = db.execute(sa.select(_e.type, _e.at, _e.data).where(
        _e.tenant_id == tenant_id, _e.instance_id.is_(None), _e.type.in_(("settings.changed", "user.created", "user.groups_set")),
    ).order_by(_e.id)).all()
    groups: dict[str, list[tuple[dt.datetime, frozenset[str]]]] = defaultdict(list)
    calendars: list[tuple[dt.datetime, dict]] = []
    for row in past:
        if row.type != "settings.changed":
            groups[row.data["user"]].append((row.at, frozenset(row.data["groups"])))
        elif row.data["section"] == "calendar":
            calendars += [(_BEFORE, row.data["from"] or {})] if not calendars else []
            calendars.append((row.at, row.data["to"]))
    now: dict[str, set[str]] = defaultdict(set)
    for user, group in db.execute(sa.select(membership.c.user_id, membership.c.group_id).where(membership.c.tenant_id == tenant_id)):
        now[user].add(group)
    here = db.execute(sa.select(tenant.c.timezone, tenant.c.settings).where(tenant.c.id == tenant_id)).one()
    calendars = calendars or [(_BEFORE, here.settings.get("calendar") or {})]
    return facts.Office([(since, working_time.from_json({"zone": here.timezone, **each})) for since, each in calendars],
                        {**{user: [(_BEFORE, frozenset(each))] for user, each in now.items()}, **groups})


_BEFORE = dt.datetime(1, 1, 1, tzinfo=dt.timezone.utc)


# Writing --------------------------------------------------------------------------------------------------------------

def _write(db: sa.Connection, found: Sequence[facts.Facts]) -> None:
    db.execute(sa.insert(evidence_case), [each.row for each in found])
    write_cells(db, cells(found))
    variants = {(f.row["tenant_id"], f.row["variant"]): {
        "tenant_id": f.row["tenant_id"], "id": f.row["variant"], "key": f.row["key"], "path": f.path[:facts.MOST_STEPS],
        "length": len(f.path)} for f in found}
    v = evidence_variant.c
    known = {tuple(row) for part in parts(variants, IN // 2) for row in db.execute(
        sa.select(v.tenant_id, v.id).where(sa.tuple_(v.tenant_id, v.id).in_(part)))}
    _many(db, sa.insert(evidence_variant), [row for key, row in variants.items() if key not in known])
    _write_returns(db, found)


def cells(found: Iterable[facts.Facts]) -> dict[Cell, Measures]:
    """Add up what cases show: each day by kind and group, and each month also over all kinds, all groups, and both."""
    base: dict[tuple, Measures] = {}
    for f in found:
        for (what, element, unit), measures in f.measures.items():
            key = (f.row["tenant_id"], f.row["key"], what, element, f.row["definition_id"], f.row["day"], f.row["kind"], unit)
            base.setdefault(key, Measures()).add(measures)
    sums: dict[Cell, Measures] = {}
    for (tenant_id, key, what, element, definition_id, day, kind, unit), measures in base.items():
        of, month = (tenant_id, key, what, element, definition_id), day.replace(day=1)
        sums[(*of, "d", day, kind, unit)] = measures
        for k, u in ((kind, unit), (kind, ALL), (ALL, unit), (ALL, ALL)):
            sums.setdefault((*of, "m", month, k, u), Measures()).add(measures)
    return sums


def write_cells(db: sa.Connection, sums: Mapping[Cell, Measures], table: sa.Table = evidence_cell) -> None:
    """Add to the sums of `evidence_cell`, or of another table of its columns."""
    c = table.c
    by_id = {facts.digest(*map(str, cell)): (cell, measures) for cell, measures in sums.items()}
    there = []
    for part in parts(by_id, IN):
        for row in db.execute(sa.select(c.id, c.measures, *(c[name] for name in TIMES)).where(c.id.in_(part))).mappings():
            by_id[row["id"]][1].add(Measures.of(dict(row)))
            there.append(row["id"])
    more = sa.update(table).where(c.id == bindparam("_id")).values({name: bindparam(f"_{name}") for name in ("count", "measures", *TIMES)})
    _many(db, more, [{"_id": id, **{f"_{name}": value for name, value in by_id[id][1].row().items()}} for id in there])
    for id in there:
        del by_id[id]
    names = ("tenant_id", "key", "what", "element", "definition_id", "grain", "day", "kind", "unit")
    _many(db, sa.insert(table), [
        {"id": id, **dict(zip(names, cell, strict=True)), **measures.row()}
        for id, (cell, measures) in by_id.items()])


def _write_returns(db: sa.Connection, found: Sequence[facts.Facts]) -> None:
    rows: list[dict[str, Any]] = []
    notes: dict[tuple[str, str, str], dict[str, Any]] = {}
    for f in found:
        for each in f.returns:
            id = facts.wording(each.note)
            known = notes.setdefault((f.row["tenant_id"], f.row["key"], id), {"note": each.note, "count": 0})
            known["count"] += 1
            rows.append({"id": each.id, "instance_id": f.row["instance_id"], "activity_id": each.activity_id, "wording": id,
                         **{name: f.row[name] for name in ("tenant_id", "key", "definition_id", "day", "kind", "unit")}})
    w = evidence_wording.c
    there = {(row.tenant_id, row.key, row.id): row for part in parts(notes, IN // 3) for row in db.execute(
        sa.select(w.tenant_id, w.key, w.id, w.category_id).where(sa.tuple_(w.tenant_id, w.key, w.id).in_(part)))}
    for row in rows:
        sorted_into = there.get((row["tenant_id"], row["key"], row["wording"]))
        row["category_id"] = sorted_into.category_id if sorted_into else ""
    _many(db, sa.insert(evidence_return), rows)
    _many(db, _count_wording, [{"_tenant": key[0], "_key": key[1], "_id": key[2], "_more": notes[key]["count"]} for key in there])
    _many(db, sa.insert(evidence_wording), [{"tenant_id": key[0], "key": key[1], "id": key[2], **each}
                                            for key, each in notes.items() if key not in there])


_w = evidence_wording.c
_count_wording = sa.update(evidence_wording).where(
    _w.tenant_id == bindparam("_tenant"), _w.key == bindparam("_key"), _w.id == bindparam("_id"),
).values(count=_w["count"] + bindparam("_more"))


def parts(values: Iterable[Any], size: int) -> Iterator[tuple[Any, ...]]:
    """Give the values, so many at a time."""
    each = iter(values)
    while part := tuple(islice(each, size)):
        yield part


def _many(db: sa.Connection, statement: sa.Executable, rows: list[dict[str, Any]]) -> None:
    if rows:
        db.execute(statement, rows)
