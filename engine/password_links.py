"""Links by which somebody sets a password without knowing an old one: a new colleague's first, a forgotten one's next.

A link is good once and for a time; only its SHA-256 is kept. What is sent by e-mail is made when it is sent, so that the
outbox holds no secret. Setting a password by any way ends all of them (`credentials.put_password`).
"""

import datetime as dt
import secrets

import sqlalchemy as sa

from bpmn.errors import N_, Conflict, NotFound
from engine import credentials, notices, passwords, people
from engine.access import may_administer, require
from engine.process_engine import Actor, ProcessEngine
from engine.store import read, record, run
from engine.tables import password_link, user

FORGOTTEN, INVITATION = "password", "invitation"  # kinds of notices
LASTS = {FORGOTTEN: dt.timedelta(hours=1), INVITATION: dt.timedelta(days=7)}
ASKED_AGAIN = dt.timedelta(minutes=10)  # one e-mail within it, however often it is asked for
MOST_ASKED = 3  # accounts with the same address
_l = password_link.c


def can_be_sent(pe: ProcessEngine) -> bool:
    """Whether there is a mail server to send them by."""
    return bool(pe.config.get("SMTP_URL"))


def create(pe: ProcessEngine, acting: Actor, now: dt.datetime, user_id: str) -> str:
    """Make a link for somebody, as an admin who hands it over; return its secret part, which is not to be had again."""
    require(may_administer(acting) and acting.id != user_id)
    secret = secrets.token_urlsafe(32)

    def write(db: sa.Connection) -> str:
        found = people.of_office(db, acting, user_id)
        if not found["active"]:
            raise Conflict(N_("Akun ini nonaktif."))
        put(db, found, now, secret, LASTS[INVITATION], acting.id)
        record(db, acting, now, "user.password_link_made", data={"user": user_id})
        return secret

    return run(pe, write)


def send(pe: ProcessEngine, acting: Actor, now: dt.datetime, user_id: str) -> None:
    """Have a link sent to somebody's address, as an admin. Conflict where they have none."""
    require(may_administer(acting) and acting.id != user_id)

    def write(db: sa.Connection) -> None:
        found = people.of_office(db, acting, user_id)
        if not found["active"] or not found["email"]:
            raise Conflict(N_("Akun ini nonaktif atau tidak memiliki alamat surel."))
        invite(db, acting, now, [user_id])
        record(db, acting, now, "user.invited", data={"user": user_id})

    run(pe, write)


def ask(pe: ProcessEngine, now: dt.datetime, name_or_address: str) -> None:
    """Send a link to whom this sign-in name or e-mail address belongs; nobody learns whether there is one."""
    wanted = name_or_address.strip().lower()
    if not wanted or len(wanted) > 200 or not wanted.isprintable():
        return
    with read(pe) as db:
        found = db.execute(sa.select(user.c.id, user.c.tenant_id).where(
            user.c.active, user.c.email != "", (user.c.id == wanted) | (sa.func.lower(user.c.email) == wanted),
        ).order_by(user.c.id).limit(MOST_ASKED)).all()
    allowed = [row for row in found if credentials.may_use_password(pe, (people.account(pe, row.id) or {"groups": ()})["groups"])]

    def write(db: sa.Connection) -> None:
        turn = int(now.timestamp() // ASKED_AGAIN.total_seconds())
        for row in allowed:
            notices.tell(db, row.tenant_id, now, user_ids=[row.id], kind=FORGOTTEN, key=f"{FORGOTTEN}:{row.id}:{turn}")
            record(db, Actor("", row.tenant_id, is_system=True), now, "user.password_forgotten", data={"user": row.id})

    if allowed:
        run(pe, write)


def invite(db: sa.Connection, acting: Actor, now: dt.datetime, user_ids: list[str]) -> None:
    """Have links sent to these, in an open transaction."""
    notices.tell_all(db, acting.tenant, now, [notices.News(frozenset([id]), INVITATION, f"{INVITATION}:{id}:{now.isoformat()}")
                                              for id in user_ids])


def for_message(pe: ProcessEngine, user_id: str, kind: str, now: dt.datetime) -> str:
    """Make the link that a notice of this kind carries, when it is sent; return its path."""
    secret = secrets.token_urlsafe(32)
    found = people.account(pe, user_id)
    assert found is not None  # a notice has an account

    def write(db: sa.Connection) -> None:
        put(db, found, now, secret, LASTS[kind], None)
        record(db, Actor.system(found["tenant"]), now, "user.password_link_sent", data={"user": user_id})

    run(pe, write)
    return path(secret)


def path(secret: str) -> str:
    return f"/set-password/{secret}"


def find(pe: ProcessEngine, secret: str, now: dt.datetime) -> dict:
    """The account whose password a link sets; NotFound for one that is unknown, used or over."""
    with read(pe) as db:
        owner = db.scalar(sa.select(_l.user_id).where(_l.digest == passwords.digest(secret), _l.expires_at > now))
    found = people.account(pe, owner) if owner else None
    if found is None or not found["active"] or not credentials.may_use_password(pe, found["groups"]):
        raise NotFound(N_("Tautan ini tidak berlaku lagi: sudah dipakai, diganti, atau lewat waktunya. Mintalah yang baru."))
    return found


def use(pe: ProcessEngine, secret: str, now: dt.datetime, password: str, *, and_tokens: bool = False) -> dict:
    """Set the password and return the account; the link, all others, and the account's sessions end; its API tokens with `and_tokens`."""
    found = find(pe, secret, now)
    hashed = credentials.hashed_for(pe, found, password)

    def write(db: sa.Connection) -> None:
        if db.execute(sa.delete(password_link).where(_l.digest == passwords.digest(secret), _l.expires_at > now)).rowcount != 1:
            raise NotFound(N_("Tautan ini tidak berlaku lagi: sudah dipakai, diganti, atau lewat waktunya. Mintalah yang baru."))
        ended = credentials.put_password(db, found["id"], hashed, and_tokens)
        record(db, Actor(found["id"], found["tenant"]), now, "user.password_set_by_link", data={"user": found["id"], **ended})

    run(pe, write)
    return found


def put(db: sa.Connection, account: dict, now: dt.datetime, secret: str, lasts: dt.timedelta, by: str | None) -> None:
    """Keep a link within a transaction; those of the account that are over go."""
    db.execute(sa.delete(password_link).where(_l.user_id == account["id"], _l.expires_at <= now))
    db.execute(sa.insert(password_link), {"digest": passwords.digest(secret), "tenant_id": account["tenant"], "user_id": account["id"],
                                          "created_at": now, "created_by": by, "expires_at": now + lasts})
