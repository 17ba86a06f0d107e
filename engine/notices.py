"""Telling people: what is written into the outbox (`notice`), in the transaction of what it tells of.

One row for each person and each way they chose. Its key says what it tells of, to whom and how, so the same is
never told twice, however often it is written. `engine.sending` sends what is due.

That a task has opened is told later than it happens: `complete` only marks the task's own row (`to_tell`), which
costs it nothing, and the worker finds by it whom to tell.
"""

import datetime as dt
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from engine import ids, settings
from engine.process_engine import Actor, ProcessEngine
from engine.store import read, run
from engine.tables import activity, candidate, event, membership, notice, substitution, user

CHANNELS = ("email", "telegram")
EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
AT_ONCE, DIGEST, NONE = "now", "digest", "none"
REPORT = "report"  # it brings a report along: see `engine.evidence.subscriptions`
LINKS = ("password", "invitation")  # they carry a link to set a password: see `engine.password_links`
DEFAULTS: dict[str, Any] = {
    "email": AT_ONCE, "telegram": AT_ONCE, "quiet_from": "", "quiet_until": "", "digest_at": "07:30",  # local times
    "chat": None,  # of Telegram, linked by a code
}
MOST_LOOKED_AT = 50  # completed steps, for who wrote the content
MOST_AT_ONCE = 200  # newly opened tasks that one look takes up


@dataclass(frozen=True)
class News:
    """Something to tell these people. `key` is what it is, the same however often it is told."""

    user_ids: frozenset[str]
    kind: str  # 'task', 'due-soon', 'overdue', 'escalation', 'mention', 'published', 'test', …: see `engine.wording`
    key: str
    task_id: str | None = None
    instance_id: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


def tell(db: sa.Connection, tenant: str, now: dt.datetime, *, user_ids: Iterable[str], kind: str, key: str,
         task_id: str | None = None, instance_id: str | None = None, data: Mapping[str, Any] | None = None) -> None:
    """Tell active people of the office something, by their own choice of ways and times; at most two statements."""
    tell_all(db, tenant, now, [News(frozenset(user_ids), kind, key, task_id, instance_id, data or {})])


def tell_all(db: sa.Connection, tenant: str, now: dt.datetime, news: Iterable[News]) -> None:
    """`tell`, of several things at once; at most two statements."""
    news = list(news)
    wanted = frozenset().union(*(each.user_ids for each in news))
    if not wanted:
        return
    people = {row.id: row for row in db.execute(sa.select(user.c.id, user.c.email, user.c.notices).where(
        user.c.tenant_id == tenant, user.c.active, user.c.id.in_(sorted(wanted))))}
    zone, new_id = ZoneInfo(settings.calendar(db, tenant).zone), ids.source(now)
    rows = [
        {"id": new_id(), "tenant_id": tenant, "key": _key(each, person.id, channel), "user_id": person.id, "channel": channel,
         "kind": each.kind, "task_id": each.task_id, "instance_id": each.instance_id, "data": dict(each.data), "state": "open",
         "due_at": due_at}
        for each in news for person in (people[id] for id in sorted(each.user_ids) if id in people)
        for channel, due_at in ways(person.email, person.notices, now, zone, each.kind).items()]
    if rows:
        insert = (postgresql if db.dialect.name == "postgresql" else sqlite).insert(notice)
        db.execute(insert.on_conflict_do_nothing(index_elements=["key"]), rows)


def ways(email: str, choice: Mapping[str, Any], now: dt.datetime, zone: ZoneInfo, kind: str = "") -> dict[str, dt.datetime]:
    """By which ways a person is told, and when. A trial goes out at once, by every way that there is; a link to set a password,
    and a report, at once and by e-mail alone, whatever they chose."""
    if kind in (*LINKS, REPORT):
        return {"email": now} if email else {}
    choice = {**DEFAULTS, **(choice or {})}
    reached = {"email": bool(email), "telegram": bool(choice["chat"])}
    found = {channel: now if kind == "test" else when(choice, choice[channel], now, zone) for channel in CHANNELS if reached[channel]}
    return {channel: moment for channel, moment in found.items() if moment is not None}


def when(choice: Mapping[str, Any], how: str, now: dt.datetime, zone: ZoneInfo) -> dt.datetime | None:
    """When a person is told: now, after their quiet hours, or at the hour of their digest; None: not at all."""
    if how == NONE:
        return None
    local = now.astimezone(zone)
    if how == DIGEST:
        return _next(local, choice["digest_at"])
    start, end = choice["quiet_from"], choice["quiet_until"]
    clock = f"{local:%H:%M}"
    is_quiet = bool(start and end) and (start <= clock < end if start < end else clock >= start or clock < end)
    return _next(local, end) if is_quiet and start != end else now


def _next(local: dt.datetime, clock: str) -> dt.datetime:
    today = dt.datetime.combine(local.date(), dt.time.fromisoformat(clock), local.tzinfo)
    return (today if today > local else today + dt.timedelta(1)).astimezone(dt.timezone.utc)


def _key(news: News, user_id: str, channel: str) -> str:
    key = f"{news.key}:{user_id}:{channel}"
    return key if len(key) <= 255 else f"{hashlib.sha256(key.encode()).hexdigest()}:{channel}"


def tell_of_return(db: sa.Connection, actor: Actor, now: dt.datetime, instance_id: str, task_id: str, said: Mapping[str, Any]) -> None:
    """Tell whoever wrote the content first that it was sent back, where a completed task `said` so (`keputusan` = 'tidak').

    In the task's own transaction; a completion that sends nothing back costs nothing.
    """
    if said.get("keputusan") != "tidak":
        return
    e = event.c
    written = sa.select(e.actor, e.data).where(
        e.instance_id == instance_id, e.type == "task.completed").order_by(e.id).limit(MOST_LOOKED_AT)
    author = next((row.actor for row in db.execute(written) if "isi" in (row.data.get("variables") or {})), None)
    if author and author != actor.id:
        tell(db, actor.tenant, now, user_ids=[author], kind="returned", key=f"returned:{task_id}", instance_id=instance_id,
             data={"by": actor.name or actor.id, "text": str(said.get("catatan") or "")[:500]})


# Tasks that have opened -----------------------------------------------------------------------------------------------

_a = activity.c
_opener = sa.select(event.c.actor).where(
    event.c.instance_id == _a.instance_id, event.c.at == _a.started_at, event.c.type.in_(["task.completed", "instance.started"]),
).limit(1).scalar_subquery()
_to_tell = sa.select(
    _a.id, _a.tenant_id, _a.instance_id, _a.assignee, _a.claimed_at, _a.ended_at, _opener.label("opener"),
).where(_a.to_tell).order_by(_a.id).limit(MOST_AT_ONCE).with_for_update(skip_locked=True, of=activity)


def tell_of_tasks(pe: ProcessEngine, now: dt.datetime) -> int:
    """Tell of the tasks that have opened, or were given to somebody by another, since the last look. Return how many there were.

    A task's assignee is told, or all who may claim it; not who opened it by completing the one before: they are led to it.
    """
    def write(db: sa.Connection) -> int:
        rows = db.execute(_to_tell).all()
        if rows:
            members = _members(db, now, [row.id for row in rows if not row.assignee and not row.ended_at])
            for tenant in sorted({row.tenant_id for row in rows}):
                tell_all(db, tenant, now, [_opened(row, members) for row in rows if row.tenant_id == tenant and not row.ended_at])
            db.execute(sa.update(activity).where(_a.id.in_([row.id for row in rows])).values(to_tell=False))
        return len(rows)

    with read(pe) as db:  # mostly there is nothing, and then no lock is asked for
        if db.execute(sa.select(_a.id).where(_a.to_tell).limit(1)).first() is None:
            return 0
    return run(pe, write)


def _opened(row: Any, members: Mapping[str, set[str]]) -> News:
    people = {row.assignee} if row.assignee else members.get(row.id, set())
    given = row.claimed_at.isoformat() if row.assignee and row.claimed_at else ""  # to somebody, by another
    return News(frozenset(people if given else people - {row.opener}), "task", f"task:{row.id}:{given}", row.id, row.instance_id)


def _members(db: sa.Connection, now: dt.datetime, task_ids: list[str]) -> dict[str, set[str]]:
    """Who may claim these tasks, whoever stands in for a group included; one statement."""
    found: dict[str, set[str]] = {}
    if task_ids:
        c, m, s = candidate.c, membership.c, substitution.c
        by_name = sa.select(c.task_id, c.name).where(c.task_id.in_(task_ids), c.kind == "user")
        by_group = sa.select(c.task_id, m.user_id).join(membership, (m.tenant_id == c.tenant_id) & (m.group_id == c.name)).where(
            c.task_id.in_(task_ids), c.kind == "group")
        by_decree = sa.select(c.task_id, s.substitute_id).join(substitution, (s.tenant_id == c.tenant_id) & (s.group_id == c.name)).where(
            c.task_id.in_(task_ids), c.kind == "group", s.starts_at <= now, s.ends_at > now)
        for task_id, user_id in db.execute(by_name.union(by_group, by_decree)):
            found.setdefault(task_id, set()).add(user_id)
    return found
