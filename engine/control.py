"""The control room's figures: what runs, what waits, what is stuck and where, and whether the machinery lives.

Every statement reads from an index, and only what is open or recent: what ended long ago costs nothing here.
"""

import datetime as dt
import itertools
import shutil
import time
from typing import Any

import sqlalchemy as sa

from engine import access, backup, handlers, standings, tallies, workers
from engine.batches import CONTAINERS
from engine.process_engine import Actor, ProcessEngine
from engine.queries.paging import Page, fetch
from engine.store import read
from engine.tables import (
    activity,
    channel,
    incident,
    job,
    notice,
    process_definition,
    process_instance,
    publication,
    standing_tally,
    tally,
    tenant,
)

LATE = dt.timedelta(minutes=2)  # a due job that nobody took for so long
MANY = 500  # due jobs that wait: more than a sweep or two takes
SMALL = 1 << 30  # bytes free on a disk, below which files may be refused
DAY = dt.timedelta(days=1)
KINDS = ("running", "incidents", "overdue")
UNDONE = ("attempted", "planned", "held", "scheduled", "manual", "failed", "unknown")  # publications of which something is still to be seen
_a, _d, _i, _j, _n, _p = activity.c, process_definition.c, process_instance.c, job.c, incident.c, publication.c


def _is(column: sa.ColumnElement, value: str) -> sa.ColumnElement[bool]:
    return column == sa.literal_column(f"'{value}'")  # written out, so that a partial index serves it


def _count(table: sa.Table, *where: Any) -> sa.ScalarSelect:
    return sa.select(sa.func.count()).select_from(table).where(*where).correlate(tenant, process_definition).scalar_subquery()


def waiting(now: dt.datetime) -> list[sa.ColumnElement[bool]]:
    """Jobs that a worker of ours could begin now and that none has begun. (Beside the tenant.)"""
    paused = sa.or_(sa.exists().where(_i.id == _j.instance_id, _i.suspended),
                    sa.and_(_j.type == "timer-start", sa.exists().where(_d.id == _j.definition_id, _d.suspended)))
    return [_is(_j.state, "open"), _j.due_at <= now, sa.or_(_j.leased_until.is_(None), _j.leased_until <= now), ~paused,
            sa.or_(_j.type != "external", _j.topic.in_(sorted(handlers.topics())))]


def figures(db: sa.Connection, now: dt.datetime, office: str | None = None) -> list[dict[str, Any]]:
    """For each office, or for one: {office, running, started, ended (both within a day), tasks, overdue, jobs, waiting, failed, oldest
    (when the longest waiting job was due, or None), incidents, notices, notices_failed, published (within a day), drifted,
    and `publication_…` for each of UNDONE}; one statement."""
    t = tenant.c.id
    is_open = (_a.tenant_id == t, _a.ended_at.is_(None), _a.due_order.is_not(None))
    columns = {
        "running": _count(process_instance, _i.tenant_id == t, _i.ended_at.is_(None)),
        "started": _count(process_instance, _i.tenant_id == t, _i.started_at >= now - DAY),
        "ended": _count(process_instance, _i.tenant_id == t, _i.ended_at >= now - DAY),
        "tasks": _count(activity, *is_open),
        "overdue": _count(activity, *is_open, _a.due_order < now),
        "jobs": _count(job, _j.tenant_id == t, _is(_j.state, "open")),
        "waiting": _count(job, _j.tenant_id == t, *waiting(now)),
        "failed": _count(job, _j.tenant_id == t, _is(_j.state, "failed")),
        "oldest": sa.select(sa.func.min(_j.due_at)).where(_j.tenant_id == t, *waiting(now)).correlate(tenant).scalar_subquery(),
        "incidents": _count(incident, _n.tenant_id == t, _n.resolved_at.is_(None)),
        "notices": _count(notice, notice.c.tenant_id == t, _is(notice.c.state, "open")),
        "notices_failed": _count(notice, notice.c.tenant_id == t, _is(notice.c.state, "failed")),
        "drifted": sa.select(sa.func.coalesce(sa.func.sum(standing_tally.c["count"]), 0)).where(
            standing_tally.c.tenant_id == t, standing_tally.c.state.in_(standings.DRIFTED)).correlate(tenant).scalar_subquery(),
        "published": _count(publication, _p.tenant_id == t, _p.state == "published", _p.published_at >= now - DAY),
        **{f"publication_{state}": _count(publication, _p.tenant_id == t, _p.state == state) for state in UNDONE},
    }
    query = sa.select(t.label("office"), *(column.label(name) for name, column in columns.items())).order_by(t)
    return [dict(row) for row in db.execute(query if office is None else query.where(t == office)).mappings()]


# The overview ---------------------------------------------------------------------------------------------------------

def overview(pe: ProcessEngine, actor: Actor, now: dt.datetime) -> dict[str, Any]:
    """All of the overview but diagrams and days, by nine statements: {load (see `figures`), versions, channels, sign_ins, workers,
    database, disk, archive, backup}. The broker is `worker.broker_state`'s."""
    access.require(access.may_administer(actor))
    with read(pe) as db:
        began = time.perf_counter()
        size = _database_size(pe, db)
        database = {"kind": db.dialect.name, "seconds": time.perf_counter() - began, "bytes": size}
        return {"load": figures(db, now, actor.tenant)[0], "versions": _versions(db, actor, now), "channels": _failing(db, actor),
                "sign_ins": _sign_ins(db, actor, now), "workers": workers.found(db, now), "database": database,
                "disk": _disk(pe), "archive": _archive(db), "backup": backup.last_in(pe, db, actor, now)}


def _versions(db: sa.Connection, actor: Actor, now: dt.datetime) -> list[dict[str, Any]]:
    """The versions on which something runs, and the newest of each procedure: {id, key, version, name, running, incidents, overdue}."""
    newer = process_definition.alias()
    is_newest = ~sa.exists().where(newer.c.tenant_id == _d.tenant_id, newer.c.key == _d.key, newer.c.version > _d.version)
    running = _count(process_instance, _i.definition_id == _d.id, _i.ended_at.is_(None))
    overdue = _count(activity, _a.definition_id == _d.id, _a.ended_at.is_(None), _a.due_order < now)
    rows = db.execute(sa.select(_d.id, _d.key, _d.version, _d.name, running.label("running"), overdue.label("overdue")).where(
        _d.tenant_id == actor.tenant, sa.or_(is_newest, sa.exists().where(_i.definition_id == _d.id, _i.ended_at.is_(None))),
    ).order_by(_d.name, _d.key, _d.version.desc()).limit(200)).mappings().all()
    stuck = {row.definition_id: row.number for row in db.execute(sa.select(_n.definition_id, sa.func.count().label("number")).where(
        _n.tenant_id == actor.tenant, _n.resolved_at.is_(None)).group_by(_n.definition_id))}
    return [{**row, "incidents": stuck.get(row["id"], 0)} for row in rows]


def _failing(db: sa.Connection, actor: Actor) -> list[dict[str, Any]]:
    """The channels to which something running could not be published, the worst first: {id, name, connector, enabled, number, error}."""
    query = sa.select(
        _p.channel_id.label("id"), channel.c.name, channel.c.connector, channel.c.enabled, sa.func.count().label("number"),
        sa.func.max(_p.error).label("error"),
    ).join(process_instance, _i.id == _p.instance_id).outerjoin(
        channel, (channel.c.tenant_id == _p.tenant_id) & (channel.c.id == _p.channel_id)).where(
        _p.tenant_id == actor.tenant, _p.state.in_(("failed", "unknown")), _i.ended_at.is_(None),
        sa.exists().where(_n.instance_id == _p.instance_id, _n.resolved_at.is_(None)))
    grouped = query.group_by(_p.channel_id, channel.c.name, channel.c.connector, channel.c.enabled)
    return [dict(row) for row in db.execute(grouped.order_by(sa.desc("number"), _p.channel_id).limit(20)).mappings()]


def _sign_ins(db: sa.Connection, actor: Actor, now: dt.datetime) -> list[dict[str, Any]]:
    """Failed sign-ins of the last day, for each account of the office and together for names that nobody has ('')."""
    t = tally.c
    query = sa.select(t.subject, sa.func.sum(t.value).label("number")).where(
        t.name == tallies.FAILED, t.hour > now - DAY, sa.or_(t.tenant_id == actor.tenant, t.tenant_id.is_(None)))
    return [{"subject": row.subject, "number": int(row.number)} for row in db.execute(
        query.group_by(t.subject).order_by(sa.desc("number"), t.subject).limit(20))]


def _database_size(pe: ProcessEngine, db: sa.Connection) -> int:
    if db.dialect.name == "postgresql":
        return db.scalar(sa.select(sa.func.pg_database_size(sa.func.current_database()))) or 0
    pages, size = db.execute(sa.text("SELECT page_count, page_size FROM pragma_page_count(), pragma_page_size()")).one()
    return pages * size


def _disk(pe: ProcessEngine) -> dict[str, int]:
    usage = shutil.disk_usage(pe.folder)
    return {"free": usage.free, "total": usage.total}


def _archive(db: sa.Connection) -> dict[str, Any] | None:
    """How large the archive was when it was last measured: {bytes, files, at}; None where it never was."""
    t = tally.c
    rows = db.execute(sa.select(t.name, t.value, t.hour).where(t.name.in_((tallies.ARCHIVE, tallies.FILES)), t.subject == "")
                      .order_by(t.hour.desc()).limit(2)).all()
    found = {row.name: row.value for row in rows}
    return {"bytes": found.get(tallies.ARCHIVE, 0), "files": found.get(tallies.FILES, 0), "at": rows[0].hour} if rows else None


# Days -----------------------------------------------------------------------------------------------------------------

def days(pe: ProcessEngine, actor: Actor, midnights: list[dt.datetime]) -> list[dict[str, Any]]:
    """How many cases began and ended between each two of these moments: [{since, started, ended}]; one statement."""
    access.require(access.may_administer(actor))
    spans = list(itertools.pairwise(midnights))
    columns = [_count(process_instance, _i.tenant_id == actor.tenant, column >= since, column < until)
               for since, until in spans for column in (_i.started_at, _i.ended_at)]
    with read(pe) as db:
        found = db.execute(sa.select(*columns)).one()
    return [{"since": since, "started": found[2 * n], "ended": found[2 * n + 1]} for n, (since, _until) in enumerate(spans)]


# One version ----------------------------------------------------------------------------------------------------------

def standing(pe: ProcessEngine, actor: Actor, now: dt.datetime, definition_id: str) -> dict[str, dict[str, int]]:
    """What stands on each activity of a version: {activity id: {running, incidents, overdue}}; two statements."""
    access.require(access.may_administer(actor))
    found: dict[str, dict[str, int]] = {}
    late = sa.func.sum(sa.case((_a.due_order < now, 1), else_=0))
    mine = sa.exists().where(_d.id == definition_id, _d.tenant_id == actor.tenant)
    with read(pe) as db:
        for row in db.execute(sa.select(_a.activity_id, sa.func.count().label("running"), late.label("overdue")).where(
                _a.definition_id == definition_id, _a.ended_at.is_(None), _a.type.not_in(CONTAINERS), mine).group_by(_a.activity_id)):
            found[row.activity_id] = {"running": row.running, "incidents": 0, "overdue": int(row.overdue)}
        for row in db.execute(sa.select(_n.activity_id, sa.func.count().label("number")).where(
                _n.tenant_id == actor.tenant, _n.resolved_at.is_(None), _n.definition_id == definition_id).group_by(_n.activity_id)):
            found.setdefault(row.activity_id, {"running": 0, "incidents": 0, "overdue": 0})["incidents"] = row.number
    return found


def cases_at(pe: ProcessEngine, actor: Actor, now: dt.datetime, definition_id: str, kind: str, *, activity_id: str | None = None,
             after: str | None = None, limit: int = 50) -> Page:
    """The running cases behind one of `standing`'s numbers (or, without an activity, of a whole version), the oldest token or incident
    first; one statement. `kind`: one of KINDS.

    Rows: id, business_key, title, suspended, started_at, activity_id, since, due_at (None of what has none), assignee.
    """
    access.require(access.may_administer(actor))
    case = (_i.id, _i.business_key, _i.title, _i.suspended, _i.started_at)
    if kind == "incidents":
        query = sa.select(*case, _n.activity_id, _n.opened_at.label("since"), sa.null().label("due_at"), sa.null().label("assignee")).join(
            process_instance, _i.id == _n.instance_id).where(
            _n.tenant_id == actor.tenant, _n.resolved_at.is_(None), _n.definition_id == definition_id)
        of, key = _n, (_n.opened_at, _n.id)
    else:
        query = sa.select(*case, _a.activity_id, _a.started_at.label("since"), _a.due_at, _a.assignee).join(
            process_instance, _i.id == _a.instance_id).where(
            _a.tenant_id == actor.tenant, _a.definition_id == definition_id, _a.ended_at.is_(None), _a.type.not_in(CONTAINERS))
        if kind == "overdue":
            query = query.where(_a.due_order < now)
        of, key = _a, (_a.started_at, _a.id)
    if activity_id is not None:
        query = query.where(of.activity_id == activity_id)
    with read(pe) as db:
        return fetch(db, query, key, after=after, limit=limit)
