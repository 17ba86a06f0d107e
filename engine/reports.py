"""Figures over many cases: how long each step took beside its mutu baku, and how often work was sent back.

A report is about the cases of one process definition key that were *started* in a period, with all their steps,
whichever version they run on. What was promised to a step is its task's due time, as it was set when it began:
so every case is measured by the mutu baku of its own version. Due times and what a task took are working time, on the
calendar of then; what Terbit itself did (service tasks) took the time that it took.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from bpmn import sop
from bpmn.errors import N_, NotFound
from engine import access, settings, version_life
from engine.process_engine import Actor, ProcessEngine
from engine.store import read
from engine.tables import activity, process_definition, process_instance, resource

STEPS = tuple(sorted(sop.ACTIVITIES))


@dataclass(frozen=True)
class Scope:
    """What a report is about: a process definition key, and when its cases were started (from `since`, before `until`)."""

    key: str
    since: dt.datetime | None = None
    until: dt.datetime | None = None

    def cases(self, actor: Actor) -> list[sa.ColumnElement[bool]]:
        """Return the conditions that the cases fulfil."""
        i = process_instance.c
        bounds = [i.tenant_id == actor.tenant, i.definition_key == self.key]
        bounds += [i.started_at >= self.since] if self.since else []
        return bounds + ([i.started_at < self.until] if self.until else [])


@dataclass(frozen=True)
class Step:
    """One activity of the version in force, or one that older versions had (then without `standard`). Times in seconds of work."""

    activity_id: str
    name: str
    langkah: str  # the SOP's number, or ''
    pelaksana: str
    standard: float | None  # the mutu baku's waktu in the version in force
    count: int = 0  # finished
    running: int = 0
    overdue: int = 0  # of those running
    mean: float | None = None
    median: float | None = None
    longest: float | None = None
    promised: int = 0  # finished, and had a due time
    within: int = 0  # of those, finished by it
    repeats: int = 0  # how often it was done again in the same case
    extended: int = 0  # of all, those that were given more time

    @property
    def share(self) -> float | None:
        """The part of the finished ones that kept the mutu baku, 0 to 1."""
        return self.within / self.promised if self.promised else None


@dataclass(frozen=True)
class Summary:
    """All cases of a scope in a few figures. Times in seconds of work, from start to end of the ended ones."""

    started: int
    running: int
    completed: int
    cancelled: int
    mean: float | None
    median: float | None
    returned: int  # cases in which at least one step was done again
    loops: int  # how often in all


class seconds(FunctionElement):
    """`seconds(later, earlier)`: the time between two of our columns."""

    type = sa.Float()
    name = "seconds"
    inherit_cache = True


@compiles(seconds, "sqlite")
def _seconds_sqlite(element, compiler, **kw):
    later, earlier = (compiler.process(c, **kw) for c in element.clauses)
    return f"((julianday({later}) - julianday({earlier})) * 86400.0)"


@compiles(seconds)
def _seconds(element, compiler, **kw):
    later, earlier = (compiler.process(c, **kw) for c in element.clauses)
    return f"CAST(EXTRACT(EPOCH FROM ({later} - {earlier})) AS DOUBLE PRECISION)"


def keys(pe: ProcessEngine, actor: Actor) -> list[dict[str, Any]]:
    """Every process definition key with the name of its newest version: {key, name}, by name."""
    access.require(access.may_see_reports(actor))
    d = process_definition.c
    newest = sa.select(d.key, sa.func.max(d.version).label("version")).where(d.tenant_id == actor.tenant).group_by(d.key).subquery()
    is_newest = (newest.c.key == d.key) & (newest.c.version == d.version)
    query = sa.select(d.key, d.name).join(newest, is_newest).where(d.tenant_id == actor.tenant)
    with read(pe) as db:
        return [dict(row) for row in db.execute(query.order_by(d.name, d.key)).mappings()]


def summary(pe: ProcessEngine, actor: Actor, scope: Scope) -> Summary:
    """The cases of the scope in figures, by two statements."""
    access.require(access.may_see_reports(actor))
    i = process_instance.c
    taken = _ranked(_taken(process_instance), i.end_reason == "completed")
    ranked = sa.select(i.ended_at, i.end_reason, *taken).where(*scope.cases(actor)).subquery()
    r = ranked.c
    query = sa.select(
        sa.func.count().label("started"), _count(r.ended_at.is_(None)).label("running"),
        _count(r.end_reason == "completed").label("completed"),
        _count(r.ended_at.is_not(None) & (r.end_reason != "completed")).label("cancelled"), *_middle(r))
    again = _again(scope.cases(actor)).subquery().c
    with read(pe) as db:
        figures = db.execute(query).mappings().one()
        loops = db.execute(sa.select(_count(again.loops > 0), sa.func.coalesce(sa.func.sum(again.loops), 0))).one()
    return Summary(**{name: figures[name] for name in ("started", "running", "completed", "cancelled", "mean", "median")},
                   returned=loops[0], loops=loops[1])


def steps(pe: ProcessEngine, actor: Actor, now: dt.datetime, scope: Scope) -> list[Step]:
    """Each step in the diagram's order, by two statements; those that only older versions have come last."""
    access.require(access.may_see_reports(actor))
    a = activity.c
    finished = a.ended_at.is_not(None) & ~a.canceled
    turn = a.instance_id + ":" + sa.func.coalesce(a.scope_id, "") + ":" + sa.func.coalesce(sa.cast(a.loop_counter, sa.String), "")
    ranked = sa.select(
        a.activity_id, a.name, a.started_at, a.ended_at, a.due_at, a.extensions, turn.label("turn"),
        *_ranked(_taken(activity), finished, a.activity_id),
    ).join(process_instance, process_instance.c.id == a.instance_id).where(*scope.cases(actor), a.type.in_(STEPS)).subquery()
    r = ranked.c
    query = sa.select(
        r.activity_id, sa.func.max(r.name).label("name"),
        _count(r.finished == 1).label("count"), _count(r.ended_at.is_(None)).label("running"),
        _count(r.ended_at.is_(None) & (r.due_at < now)).label("overdue"), *_middle(r),
        sa.func.max(sa.case((r.finished == 1, r.taken))).label("longest"),
        _count((r.finished == 1) & r.due_at.is_not(None)).label("promised"),
        _count((r.finished == 1) & (r.ended_at <= r.due_at)).label("within"),
        (sa.func.count() - sa.func.count(sa.distinct(r.turn))).label("repeats"),
        _count(r.extensions > 0).label("extended"),
    ).group_by(r.activity_id)
    with read(pe) as db:
        said, day = _sop(db, actor, now, scope.key), settings.calendar(db, actor.tenant)
        figures = {row["activity_id"]: dict(row) for row in db.execute(query).mappings()}
    known = [Step(**{"activity_id": s.activity_id, "count": 0} | figures.pop(s.activity_id, {}) | {"name": s.name}, langkah=s.langkah,
                  pelaksana=s.pelaksana, standard=day.length(*s.allowed).total_seconds() if s.allowed else None)
             for s in said.steps.values()]
    return known + [Step(**rest, langkah="", pelaksana="", standard=None) for rest in figures.values()]


def loops(pe: ProcessEngine, actor: Actor, instance_ids: Sequence[str]) -> dict[str, int]:
    """How often work was sent back in each of these cases (the SOP's TIDAK); one statement."""
    access.require(access.may_see_reports(actor))
    query = _again([process_instance.c.tenant_id == actor.tenant, process_instance.c.id.in_(instance_ids)])
    with read(pe) as db:
        return {row.instance_id: row.loops for row in db.execute(query)}


def _sop(db: sa.Connection, actor: Actor, now: dt.datetime, key: str) -> sop.Sop:
    d = process_definition.c
    diagram = db.execute(sa.select(resource.c.content).join(
        process_definition, (d.deployment_id == resource.c.deployment_id) & (d.resource_name == resource.c.name)).where(
        d.tenant_id == actor.tenant, d.key == key).order_by(*version_life.best_first(now)).limit(1)).scalar()
    if diagram is None:
        raise NotFound(N_("Prosedur %(key)s tidak ditemukan."), key=key)
    return sop.read(diagram, key)


def _again(cases: list) -> sa.Select:
    """Per case with a step done more than once: how many more times, by the step that was repeated most."""
    a = activity.c
    turns = sa.select(a.instance_id, (sa.func.count() - 1).label("more")).join(
        process_instance, process_instance.c.id == a.instance_id).where(*cases, a.is_task).group_by(
        a.instance_id, a.activity_id, a.scope_id, a.loop_counter).having(sa.func.count() > 1).subquery().c
    return sa.select(turns.instance_id, sa.func.max(turns.more).label("loops")).group_by(turns.instance_id)


def _taken(table: sa.Table) -> sa.ColumnElement:
    """The working time of what people did, the plain time of what Terbit did (and of what ended before it counted working time)."""
    return sa.func.coalesce(table.c.working_seconds, seconds(table.c.ended_at, table.c.started_at))


def _count(condition) -> sa.ColumnElement:
    return sa.func.coalesce(sa.func.sum(sa.case((condition, 1), else_=0)), 0)


def _ranked(taken, finished, *partition) -> list[sa.ColumnElement]:
    """Columns that `_middle` needs: the time taken, whether finished, its rank among the finished, and how many those are."""
    flag = sa.case((finished, 1), else_=0)
    group = [*partition, flag]
    return [taken.label("taken"), flag.label("finished"), sa.func.row_number().over(partition_by=group, order_by=taken).label("rank"),
            sa.func.count().over(partition_by=group).label("of")]


def _middle(r) -> list[sa.ColumnElement]:
    """Mean and median of the finished ones."""
    done = r.finished == 1
    return [sa.func.avg(sa.case((done, r.taken))).label("mean"),
            sa.func.avg(sa.case((done & (r.rank * 2 >= r.of) & (r.rank * 2 <= r.of + 2), r.taken))).label("median")]
