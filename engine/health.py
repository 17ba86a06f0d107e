"""How the channels are: whether they would take a post now, until when their credentials hold, and how much is still allowed.

A look (`connectors.Connector.check`) is the worker's to make, daily, soon after something went wrong, and when somebody opens
a decision (`ask`): pages only read what the last one showed. One look at a time runs in an installation, for 20 seconds at most,
so that it never holds up more than one of the worker's processes. Admins are told of what they must mend, once for each spell.
"""

import datetime as dt
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

import connectors
from bpmn.errors import N_, NotFound
from connectors import watching
from engine import access, channels, notices, tokens
from engine.handlers import Job
from engine.process_engine import Actor, ProcessEngine
from engine.store import read, record, run
from engine.tables import channel, channel_health, membership

Clock = Callable[[], dt.datetime]
EVERY = dt.timedelta(days=1)
AGAIN = {"denied": dt.timedelta(hours=1), "broken": dt.timedelta(hours=1), "unreachable": dt.timedelta(minutes=10)}
FRESH = dt.timedelta(minutes=5)  # a look that young is not made again because somebody opens a task
BLIP = dt.timedelta(minutes=30)  # a platform that is away for less is nobody's business
SECONDS = 20.0  # for all calls of a look
LEASE = dt.timedelta(seconds=60)
ROUND = 10.0  # seconds after which a worker turns to other things
WARN_DAYS = (14, 3, 1, 0)  # before credentials end
TO_MEND = ("denied", "expired", "broken", "unreachable", "expiring", "spent")  # what an admin should see
_c, _h = channel.c, channel_health.c


@dataclass(frozen=True)
class Status:
    """How a channel is now. `state`: 'ready', 'manual' (published to by hand), 'paused', 'unknown' (not looked at yet), or one of TO_MEND:
    'denied' (the credentials are refused), 'expired', 'spent' (nothing more is allowed `until`), 'broken' (it would not work, until
    something is changed), 'unreachable', 'expiring' (within WARN_DAYS, `until`)."""

    id: str
    name: str
    state: str
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    message: str = ""  # a msgid, filled from `params`
    params: Mapping[str, Any] = field(default_factory=dict)
    checked_at: dt.datetime | None = None
    looking: bool = False  # a look is due, or being made
    expires_at: dt.datetime | None = None
    by_sign_in: bool = False  # `expires_at` is that of the sign-in: signing in again mends it
    quotas: tuple[connectors.Quota, ...] = ()


# Commands -------------------------------------------------------------------------------------------------------------

def test_channel(pe: ProcessEngine, actor: Actor, now: dt.datetime, channel_id: str) -> dict[str, Any]:
    """Look at a channel at once, having changed nothing outside: {ok, message (a msgid), params}. By an admin.

    The call runs outside any transaction.
    """
    access.require(access.may_administer(actor))
    found = _look(pe, actor.tenant, channel_id, now)
    run(pe, lambda db: record(db, actor, now, "channel.tested", data={"channel": channel_id, "ok": found.state == "ready"}))
    return {"ok": found.state == "ready", "message": found.message, "params": dict(found.params)}


test_channel.__test__ = False  # type: ignore[attr-defined]  # a command, whatever pytest makes of its name


def ask(pe: ProcessEngine, tenant: str, now: dt.datetime, channel_ids: Collection[str]) -> bool:
    """Have the worker look at these channels soon, those that were not looked at just now. True where any is."""
    stale = sa.and_(_h.tenant_id == tenant, _h.channel_id.in_(channel_ids), _h.check_at > now,
                    sa.or_(_h.checked_at.is_(None), _h.checked_at < now - FRESH))
    with read(pe) as db:
        if db.execute(sa.select(_h.channel_id).where(stale).limit(1)).first() is None:
            return False
    return run(pe, lambda db: db.execute(sa.update(channel_health).where(stale).values(check_at=now))).rowcount > 0


def work(pe: ProcessEngine, clock: Clock) -> int:
    """Look at the channels that are due, for some seconds: the worker's turn. Return at how many."""
    query = sa.select(_h.tenant_id, _h.channel_id).where(_h.check_at <= sa.bindparam("now")).order_by(_h.check_at).limit(1)
    looked, until = 0, time.monotonic() + ROUND
    while time.monotonic() < until:
        now = clock()
        with read(pe) as db:
            due = db.execute(query, {"now": now}).first()
        if due is None or not _take(pe, due.tenant_id, due.channel_id, now):
            break
        looked += 1
    return looked


@contextmanager
def noting(pe: ProcessEngine, job: Job, watch: watching.Watch, clock: Clock) -> Iterator[None]:
    """What a call to a channel shows of it by the way: that credentials are refused, how much is still allowed."""
    failure: connectors.Failure | None = None
    try:
        yield
    except connectors.Failure as error:
        failure = error
        raise
    finally:
        kanal = job.payload.get("kanal")
        if isinstance(kanal, str) and kanal:
            _note(pe, job.tenant, kanal, clock(), failure, watch)


# Queries --------------------------------------------------------------------------------------------------------------

def statuses(pe: ProcessEngine, tenant: str, now: dt.datetime, channel_ids: Collection[str] | None = None) -> list[Status]:
    """The channels of an office, or these of them, in their order; for everybody in the office. One statement."""
    query = sa.select(_c.id, _c.name, _c.connector, _c.enabled, _c.paused_at, _c.pause_reason, _c.expires_on,
                      _c.sign_in_ends_at, channel_health).outerjoin(
        channel_health, (_h.tenant_id == _c.tenant_id) & (_h.channel_id == _c.id)).where(_c.tenant_id == tenant)
    if channel_ids is not None:
        query = query.where(_c.id.in_(channel_ids))
    with read(pe) as db:
        return [_status(row, now, pe.timezone) for row in db.execute(query.order_by(_c.position, _c.id)).mappings()]


def ends(row: Mapping[Any, Any], zone: dt.tzinfo) -> dt.datetime | None:
    """When a channel's credentials end: as the platform says, when what it was signed in with cannot be renewed any more, or at the end of
    the day that an admin typed; whichever is soonest."""
    typed = dt.datetime.combine(row["expires_on"] + dt.timedelta(days=1), dt.time(), zone) if row["expires_on"] else None
    return min(filter(None, (row["expires_at"], row["sign_in_ends_at"], typed)), default=None)


def _status(row: Mapping[Any, Any], now: dt.datetime, zone: dt.tzinfo) -> Status:
    end, quotas = ends(row, zone), _quotas(row["quotas"])
    spent = [quota for quota in quotas if quota.remaining == 0 and (quota.resets_at or (row["checked_at"] or now) + FRESH) > now]
    since, until, message, params, told = row["since"], None, row["message"] or "", row["params"] or {}, row["state"] or "unknown"
    if not row["enabled"] or row["connector"] == "manual":
        state, since, message = "manual", None, ""
    elif row["paused_at"]:
        state, since, message, params = "paused", row["paused_at"], row["pause_reason"] or "", {}
    elif told == "denied":
        state = told
    elif end and end <= now:
        state, since = "expired", end
    elif spent:
        state, until = "spent", max((quota.resets_at for quota in spent if quota.resets_at), default=None)
    elif told in AGAIN:
        state = told
    elif end and end <= now + dt.timedelta(days=max(WARN_DAYS)):
        state, until = "expiring", end
    else:
        state = told
    looking = bool(row["check_at"] and row["check_at"] <= now or row["leased_until"] and row["leased_until"] > now)
    looking = looking and state != "manual"
    return Status(row["id"], row["name"], state, since, until, message, params, row["checked_at"], looking, end,
                  _is_sign_in(row, end), quotas)


def _is_sign_in(row: Mapping[Any, Any], end: dt.datetime | None) -> bool:
    return end is not None and end == row["sign_in_ends_at"]


def _quotas(kept: Any) -> tuple[connectors.Quota, ...]:
    return tuple(connectors.Quota(each["name"], each["limit"], each["remaining"],
                                  dt.datetime.fromisoformat(each["resets_at"]) if each["resets_at"] else None) for each in kept or ())


# Within ---------------------------------------------------------------------------------------------------------------

def _one(tenant: str, id: str) -> tuple[Any, Any]:
    return _h.tenant_id == tenant, _h.channel_id == id


def _take(pe: ProcessEngine, tenant: str, id: str, now: dt.datetime) -> bool:
    """Make a look that is due; False where somebody else is making one."""
    if not run(pe, lambda db: _lease(db, tenant, id, now)):
        return False
    try:
        _look(pe, tenant, id, now)
    except NotFound:  # its channel is gone
        run(pe, lambda db: db.execute(sa.delete(channel_health).where(*_one(tenant, id))))
    return True


def _lease(db: sa.Connection, tenant: str, id: str, now: dt.datetime) -> bool:
    """Take a look that is due, so that nobody else makes it, nor another beside it."""
    if db.execute(sa.select(_h.channel_id).where(_h.leased_until > now).limit(1)).first():
        return False
    due = sa.update(channel_health).where(*_one(tenant, id), _h.check_at <= now, sa.or_(_h.leased_until.is_(None), _h.leased_until <= now))
    return db.execute(due.values(leased_until=now + LEASE)).rowcount == 1


@dataclass(frozen=True)
class _Look:
    state: str
    message: str
    params: Mapping[str, Any]
    expires_at: dt.datetime | None = None
    quotas: tuple[connectors.Quota, ...] = ()


def _look(pe: ProcessEngine, tenant: str, id: str, now: dt.datetime) -> _Look:
    """Ask the connector, and write down what it said; not where its settings are others by then: they are looked at anew."""
    with read(pe) as db:
        asked = _settings(db, tenant, id)
    with watching.watching(seconds=SECONDS) as watch:
        try:
            found = channels.connector_for(pe, tenant, id, disabled_too=True).check(now)
            # The access token's end is no alarm: it is renewed, or stands in `sign_in_ends_at`.
            ends_at = found.expires_at if found.expires_at != tokens.ChannelTokens(pe, tenant, id).expires_at() else None
            look = _Look("ready", found.message, found.params, ends_at,
                         tuple({quota.name: quota for quota in (*watch.quotas.values(), *found.quotas)}.values()))
        except connectors.Failure as failure:
            look = _failed(failure, watch)
        except NotFound:
            raise
        except Exception as error:  # noqa: BLE001 - a connector is foreign code; its words may hold a secret, so only its kind is said
            look = _Look("broken", N_("Konektor berhenti karena galat %(error)s."), {"error": type(error).__name__})
    run(pe, lambda db: _save(db, pe, tenant, id, now, look) if _settings(db, tenant, id) == asked else None)
    return look


def _settings(db: sa.Connection, tenant: str, id: str) -> Any:
    return db.execute(sa.select(_c.connector, _c.config, _c.secrets, _c.expires_on, _c.signed_in_at).where(
        _c.tenant_id == tenant, _c.id == id)).first()


def _failed(failure: connectors.Failure, watch: watching.Watch) -> _Look:
    state = "denied" if isinstance(failure, connectors.Denied) else "unreachable" if failure.kind == "temporary" else "broken"
    return _Look(state, failure.message, failure.params, quotas=tuple(watch.quotas.values()))


def _save(db: sa.Connection, pe: ProcessEngine, tenant: str, id: str, now: dt.datetime, look: _Look) -> None:
    its = db.execute(sa.select(channel).where(_c.tenant_id == tenant, _c.id == id)).mappings().one()
    before = db.execute(sa.select(channel_health).where(*_one(tenant, id)).with_for_update()).mappings().first()
    same = before is not None and before["state"] == look.state
    since = before["since"] if before is not None and same else now
    row = {"tenant_id": tenant, "channel_id": id, "state": look.state, "since": since, "message": look.message,
           "params": {name: value if isinstance(value, int | float | str) else str(value) for name, value in look.params.items()},
           "checked_at": now, "check_at": now + AGAIN.get(look.state, EVERY), "leased_until": None, "expires_at": look.expires_at,
           "quotas": [_kept(quota) for quota in look.quotas] or (before["quotas"] if before else [])}
    if look.state in AGAIN and before:  # that it could not be asked does not change when it ends
        row["expires_at"] = before["expires_at"]
    insert = (postgresql if db.dialect.name == "postgresql" else sqlite).insert(channel_health)
    db.execute(insert.on_conflict_do_update(index_elements=["tenant_id", "channel_id"], set_=row), row)
    if not same and (look.state in AGAIN or (before is not None and before["state"] in AGAIN)):
        record(db, Actor.system(tenant), now, "channel.health_changed", data={
            "channel": id, "from": before["state"] if before else None, "to": look.state, "message": look.message, "params": row["params"]})
    if its["enabled"] and not its["paused_at"]:
        _tell(db, pe, now, {**its, **row})


def _tell(db: sa.Connection, pe: ProcessEngine, now: dt.datetime, row: Mapping[Any, Any]) -> None:
    """Tell the admins what they must mend: nothing is told twice, for its key names the spell."""
    which, news = f"{row['tenant_id']}:{row['channel_id']}", []
    if row["state"] in ("denied", "broken") or (row["state"] == "unreachable" and now - row["since"] >= BLIP):
        text = row["message"] % row["params"] if row["params"] else row["message"]
        news.append(("channel-broken", f"channel:{which}:{row['state']}:{row['since'].isoformat()}", {"text": text}))
    end = ends(row, pe.timezone)
    days = [days for days in WARN_DAYS if end and end - now <= dt.timedelta(days=days)]
    if end and days:
        kind = ("sign-in-" if _is_sign_in(row, end) else "channel-") + ("expired" if end <= now else "expiring")
        news.append((kind, f"channel-ends:{which}:{end.isoformat()}:{min(days)}", {"until": end.isoformat()}))
    if news:
        admins = db.scalars(sa.select(membership.c.user_id).where(
            membership.c.tenant_id == row["tenant_id"], membership.c.group_id == access.ADMIN)).all()
        notices.tell_all(db, row["tenant_id"], now, [notices.News(frozenset(admins), kind, key, data={
            "channel": row["name"], "path": f"/channels/{row['id']}", **data}) for kind, key, data in news])


def _note(pe: ProcessEngine, tenant: str, id: str, now: dt.datetime, failure: connectors.Failure | None, watch: watching.Watch) -> None:
    if isinstance(failure, connectors.Denied):
        look = _failed(failure, watch)
        with read(pe) as db:
            known = db.execute(sa.select(_c.id).where(_c.tenant_id == tenant, _c.id == id)).first()
        if known:
            run(pe, lambda db: _save(db, pe, tenant, id, now, look))
        return
    with read(pe) as db:
        row = db.execute(sa.select(channel_health).where(*_one(tenant, id))).mappings().first()
    if row is None:
        return
    changed: dict[str, Any] = {}
    tried = not isinstance(failure, connectors.NotYet | connectors.NotByMachine)
    if tried and (failure is None) == (row["state"] in AGAIN):  # it is not as the last look showed it
        changed["check_at"] = now
    if watch.quotas:
        kept = {each["name"]: each for each in row["quotas"]} | {quota.name: _kept(quota) for quota in watch.quotas.values()}
        changed["quotas"] = list(kept.values())
    if changed:
        run(pe, lambda db: db.execute(sa.update(channel_health).where(*_one(tenant, id)).values(changed)))


def _kept(quota: connectors.Quota) -> dict[str, Any]:
    return {"name": quota.name, "limit": quota.limit, "remaining": quota.remaining,
            "resets_at": quota.resets_at.isoformat() if quota.resets_at else None}
