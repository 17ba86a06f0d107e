"""What is to be published when, and how much was: the calendar. Found by indexes on the times, never by looking into cases."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from engine import access
from engine.process_engine import Actor, ProcessEngine
from engine.queries.sight import instances_seen
from engine.store import read
from engine.tables import channel, definition_group, process_instance, publication

MOST = 500  # entries that are read of a period
MOST_COUNTED = 5000  # publications of the past
UNSETTLED = (None, "attempted", "failed")  # what a channel's row says while it is still to come, where it has no time of its own
_i, _p = process_instance.c, publication.c
_CASE = (_i.id, _i.title, _i.business_key)


@dataclass(frozen=True)
class Schedule:
    """`entries`, by time: {instance_id, title, business_key, at, may_move, channels: [{id, name, state, error, moving_to}]}; a state is
    'waiting' (for its case), 'planned', 'held', 'scheduled', 'attempted' or 'failed' (tried again). `more`: not all of them are here.
    `published`: {number of a day: how many were published on it}, as far as `counted_all`."""

    entries: list[dict[str, Any]]
    more: bool
    published: dict[int, int]
    counted_all: bool


def schedule(pe: ProcessEngine, actor: Actor, now: dt.datetime, days: Sequence[dt.datetime], *, channel_id: str = "",
             limit: int = MOST) -> Schedule:
    """What cases that the actor may see are to publish from `now` on, and have published, in the days that begin at these moments;
    the last of these is where the last day ends. Five statements, however much there is."""
    with read(pe) as db:
        cases = db.execute(_cases(actor, max(days[0], now), days[-1]).limit(limit + 1)).mappings().all()
        there = [row for query in _publications(actor, now, days[0], days[-1], channel_id)
                 for row in db.execute(query.limit(limit + 1)).mappings().all()]
        states = _states(db, [row["id"] for row in cases])
        names = {row.id: row.name for row in db.execute(sa.select(channel.c.id, channel.c.name).where(channel.c.tenant_id == actor.tenant))}
        counted = {row.day: row.many for row in db.execute(_counts(actor, now, days, channel_id))}
    entries = _entries([*_of_cases(cases, states, channel_id), *map(dict, there)], names)
    return Schedule(entries[:limit], len(entries) > limit or len(cases) > limit or len(there) > limit, counted,
                    sum(counted.values()) < MOST_COUNTED)


def _cases(actor: Actor, start: dt.datetime, end: dt.datetime) -> sa.Select:
    return sa.select(*_CASE, _may_move(actor), _i.publish_at.label("at"), _i.publish_on).where(
        _i.tenant_id == actor.tenant, _i.publish_at >= start, _i.publish_at < end, _i.ended_at.is_(None),
        instances_seen(actor)).order_by(_i.publish_at, _i.id)


def _publications(actor: Actor, now: dt.datetime, start: dt.datetime, end: dt.datetime, channel_id: str) -> Iterable[sa.Select]:
    """Those that Terbit has planned or holds, and those that their platforms keep: each is read from its own index."""
    waiting = _p.state.in_([sa.literal_column("'planned'"), sa.literal_column("'held'")])  # written out: a partial index serves it
    for at, since, which in ((_p.waits_until, start, sa.and_(waiting, _i.ended_at.is_(None))),
                             (_p.published_at, max(start, now), _p.state == "scheduled")):
        yield sa.select(*_CASE, _may_move(actor), at.label("at"), _p.channel_id, _p.state, _p.error,
                        sa.case((_p.state == "scheduled", _p.waits_until)).label("moving_to")).join(
            process_instance, _i.id == _p.instance_id).where(
            _p.tenant_id == actor.tenant, which, at >= since, at < end, *_of_channel(channel_id), instances_seen(actor)).order_by(at, _p.id)


def _of_channel(channel_id: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (_p.channel_id == channel_id,) if channel_id else ()


def _may_move(actor: Actor) -> sa.Label[bool]:
    """`access.may_reschedule` in SQL."""
    if access.may_administer(actor):
        return sa.true().label("may_move")
    mine = sorted(access.SCHEDULERS & actor.groups)
    own = sa.select(definition_group.c.definition_id).where(definition_group.c.sees, definition_group.c.group_id.in_(mine))
    return (_i.definition_id.in_(own) if mine else sa.false()).label("may_move")


def _states(db: sa.Connection, ids: list[str]) -> dict[str, dict[str, str]]:
    """{case: {channel: what its publication says}}."""
    found: dict[str, dict[str, str]] = {}
    if ids:
        for row in db.execute(sa.select(_p.instance_id, _p.channel_id, _p.state).where(_p.instance_id.in_(ids)).order_by(_p.id)):
            found.setdefault(row.instance_id, {})[row.channel_id] = row.state
    return found


def _of_cases(cases: Iterable[Mapping[Any, Any]], states: Mapping[str, Mapping[str, str]], channel_id: str) -> Iterable[dict[str, Any]]:
    """A row for each channel that waits for the case; one without a channel where the case names none."""
    for case in cases:
        known = states.get(case["id"], {})
        for id in (case["publish_on"] or "").split() or [""]:
            if known.get(id) in UNSETTLED and channel_id in ("", id):
                yield {**case, "channel_id": id, "state": known.get(id) or "waiting", "error": None, "moving_to": None}


def _entries(rows: Iterable[Mapping[str, Any]], names: Mapping[str, str]) -> list[dict[str, Any]]:
    found: dict[tuple[dt.datetime, str], dict[str, Any]] = {}
    for row in rows:
        entry = found.setdefault((row["at"], row["id"]), {
            "instance_id": row["id"], "title": row["title"], "business_key": row["business_key"], "at": row["at"],
            "may_move": row["may_move"], "channels": []})
        if row["channel_id"]:
            entry["channels"].append({"id": row["channel_id"], "name": names.get(row["channel_id"], row["channel_id"]),
                                      **{name: row[name] for name in ("state", "error", "moving_to")}})
    return [found[key] for key in sorted(found)]


def _counts(actor: Actor, now: dt.datetime, days: Sequence[dt.datetime], channel_id: str) -> sa.Select:
    day = sa.case(*((_p.published_at < end, number) for number, end in enumerate(days[1:])))
    query = sa.select(day.label("day")).where(
        _p.tenant_id == actor.tenant, _p.state.in_(("published", "scheduled")), _p.published_at >= days[0],
        _p.published_at < min(days[-1], now), *_of_channel(channel_id))
    if not access.sees_every_case(actor):
        # Asked of each publication by its case's key: joined, PostgreSQL would rather read all cases.
        seen = sa.select(sa.literal(1)).select_from(process_instance).where(_i.id == _p.instance_id, instances_seen(actor))
        query = query.where(seen.correlate(publication).scalar_subquery() == 1)
    each = query.limit(MOST_COUNTED).subquery()
    return sa.select(each.c.day, sa.func.count().label("many")).group_by(each.c.day)
