"""Who is signed in to the pages, and where: each session is a row, and ends with it.

The cookie holds 256 random bits, the row their SHA-256. A session ends when it was not used for SESSION_IDLE_HOURS, in
any case after SESSION_HOURS, when its person or an admin ends it, and with the account's password, second factor or activity.
"""

import datetime as dt
import secrets
from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy import bindparam

from bpmn.errors import N_, NotFound
from engine import passwords, people
from engine.access import may_administer, require
from engine.process_engine import Actor, ProcessEngine
from engine.store import read, record, run
from engine.tables import UtcDateTime, user, web_session

IDLE_HOURS, HOURS = 8.0, 24.0
SEEN_EXACTLY = dt.timedelta(minutes=5)  # when a session was seen last is written down no more often
SHOWN = 100
_w = web_session.c
_columns = (_w.id.label("session"), _w.method, _w.limited, _w.created_at.label("session_at"), _w.seen_at)
_by_secret = people.with_groups.add_columns(*_columns).join(web_session, _w.user_id == user.c.id).where(
    user.c.active, _w.id == bindparam("digest"), _w.seen_at > bindparam("idle_since", type_=UtcDateTime),
    _w.created_at > bindparam("begun_since", type_=UtcDateTime))


def limits(pe: ProcessEngine) -> tuple[dt.timedelta, dt.timedelta]:
    """How long a session lasts unused, and at all."""
    return (dt.timedelta(hours=float(pe.config.get("SESSION_IDLE_HOURS", IDLE_HOURS))),
            dt.timedelta(hours=float(pe.config.get("SESSION_HOURS", HOURS))))


def begin(pe: ProcessEngine, account: Mapping, now: dt.datetime, *, method: str, limited: bool = False, browser: str = "",
          address: str = "") -> str:
    """Sign an account in and return what its cookie holds. `limited`: it may only set up a second factor. What is over goes."""
    secret = secrets.token_urlsafe(32)
    idle, longest = limits(pe)
    acting = Actor(account["id"], account["tenant"])
    row = {"id": passwords.digest(secret), "tenant_id": account["tenant"], "user_id": account["id"], "method": method, "limited": limited,
           "browser": "".join(c for c in browser if c.isprintable())[:300], "address": address[:64], "created_at": now, "seen_at": now}

    def write(db: sa.Connection) -> str:
        db.execute(sa.delete(web_session).where(
            _w.user_id == account["id"], (_w.seen_at <= now - idle) | (_w.created_at <= now - longest)))
        db.execute(sa.insert(web_session), row)
        record(db, acting, now, "session.begun", data={"user": account["id"], "method": method, "address": row["address"]})
        return secret

    return run(pe, write)


def find(pe: ProcessEngine, secret: str, now: dt.datetime) -> dict | None:
    """The account of a live session, by one statement, with `session` (its id), `method`, `limited` and `seen_at`; else None."""
    idle, longest = limits(pe)
    with read(pe) as db:
        rows = db.execute(_by_secret, {"digest": passwords.digest(secret), "now": now, "idle_since": now - idle,
                                       "begun_since": now - longest}).mappings().all()
    return people.account_in(rows) | {key: rows[0][key] for key in ("session", "method", "limited", "seen_at")} if rows else None


def seen(pe: ProcessEngine, account: Mapping, now: dt.datetime) -> None:
    """Note that a session (of `find`) is in use; a statement every few minutes."""
    if now - account["seen_at"] > SEEN_EXACTLY:
        run(pe, lambda db: db.execute(sa.update(web_session).where(
            _w.id == account["session"], _w.seen_at <= now - SEEN_EXACTLY).values(seen_at=now)))


def of(pe: ProcessEngine, acting: Actor, now: dt.datetime, user_id: str | None = None) -> list[dict]:
    """An account's live sessions, the last seen first: one's own, or an admin anyone's. One statement."""
    owner, (idle, longest) = user_id or acting.id, limits(pe)
    require(owner == acting.id or may_administer(acting))
    with read(pe) as db:
        return [dict(row) for row in db.execute(
            sa.select(_w.id, _w.method, _w.browser, _w.address, _w.created_at, _w.seen_at).where(
                _w.user_id == owner, _w.tenant_id == acting.tenant, _w.seen_at > now - idle, _w.created_at > now - longest,
            ).order_by(_w.seen_at.desc(), _w.id).limit(SHOWN)).mappings()]


def end(pe: ProcessEngine, acting: Actor, now: dt.datetime, session_id: str) -> None:
    """End a session at once: one's own, or an admin anyone's of the office."""
    def write(db: sa.Connection) -> None:
        owner = db.scalar(sa.select(_w.user_id).where(_w.id == session_id, _w.tenant_id == acting.tenant))
        if owner is None or owner != acting.id and not may_administer(acting):
            raise NotFound(N_("Sesi ini sudah berakhir."))
        db.execute(sa.delete(web_session).where(_w.id == session_id))
        record(db, acting, now, "session.ended", data={"user": owner})

    run(pe, write)


def end_all(pe: ProcessEngine, acting: Actor, now: dt.datetime, user_id: str | None = None, *, but: str = "") -> int:
    """End all of an account's sessions, except the one with the id `but`; one's own, or an admin anyone's. Return how many."""
    owner = user_id or acting.id
    require(owner == acting.id or may_administer(acting))

    def write(db: sa.Connection) -> int:
        ended = db.execute(sa.delete(web_session).where(
            _w.user_id == owner, _w.tenant_id == acting.tenant, _w.id != but)).rowcount
        if ended:
            record(db, acting, now, "session.ended", data={"user": owner, "number": ended})
        return ended

    return run(pe, write)
