"""API tokens: by what a program speaks for an account, with as much of its rights as the token's scopes give.

Of a token its SHA-256 is kept. It ends when its time is over, when its owner or an admin revokes it, and when the account is made inactive.
"""

import datetime as dt
import secrets
from collections.abc import Iterable

from sqlalchemy import Connection, bindparam, delete, func, insert, or_, select, update

from bpmn.errors import N_, Conflict, Invalid, NotFound
from engine import passwords, people
from engine.access import may_administer, require
from engine.ids import new_id
from engine.process_engine import Actor, ProcessEngine
from engine.store import read, record, run
from engine.tables import UtcDateTime, api_token, user

MOST = 50  # of one account
SCOPES = {  # what a token may, of what its account may: see `webui.rest.declare`
    "read": N_("Membaca"),
    "tasks": N_("Memulai berkas dan mengerjakan tugas"),
    "deploy": N_("Menerapkan prosedur dan memindahkan berkas ke versi lain"),
    "admin": N_("Memperbaiki dan membatalkan berkas, menjalankan ulang pekerjaan"),
}
USED_EXACTLY = dt.timedelta(hours=1)  # when a token was used last is written down no more often
_at = bindparam("now", type_=UtcDateTime)
_by_token = people.with_groups.add_columns(api_token.c.id.label("token"), api_token.c.scopes, api_token.c.used_at).join(
    api_token, api_token.c.user_id == user.c.id).where(
    user.c.active, api_token.c.digest == bindparam("digest"), or_(api_token.c.expires_at.is_(None), api_token.c.expires_at > _at))


def create(pe: ProcessEngine, acting: Actor, now: dt.datetime, *, name: str, user_id: str | None = None,
           expires_at: dt.datetime | None = None, scopes: Iterable[str] = tuple(SCOPES)) -> dict:
    """Make an API token for oneself, or an admin for anyone: `{id, token}`. The token is not to be had again."""
    owner = user_id or acting.id
    if acting.id != owner:
        require(may_administer(acting))
    people.check_texts(name=name)
    if expires_at is not None and expires_at <= now:
        raise Invalid(N_("Masa berlaku token harus di masa depan."), field="expires_at")
    scopes = [scope for scope in SCOPES if scope in frozenset(scopes)]
    if not scopes:
        raise Invalid(N_("Pilih paling sedikit satu kewenangan."), field="scopes")
    token_id, secret = new_id(now), f"terbit_{secrets.token_urlsafe(32)}"

    def write(db: Connection) -> dict:
        people.of_office(db, acting, owner)
        if db.execute(select(func.count()).select_from(api_token).where(api_token.c.user_id == owner)).scalar_one() >= MOST:
            raise Conflict(N_("Paling banyak %(most)s token. Cabut yang tidak dipakai lagi."), most=MOST)
        db.execute(insert(api_token).values(id=token_id, tenant_id=acting.tenant, user_id=owner, name=name.strip(),
                                            digest=passwords.digest(secret), scopes=" ".join(scopes), created_at=now,
                                            expires_at=expires_at))
        record(db, acting, now, "token.created", data={"user": owner, "token": token_id, "name": name.strip(), "scopes": scopes,
                                                       "expires_at": expires_at.isoformat() if expires_at else None})
        return {"id": token_id, "token": secret}

    return run(pe, write)


def of(pe: ProcessEngine, acting: Actor, user_id: str | None = None) -> list[dict]:
    """An account's tokens without their secrets, newest first: one's own, or an admin anyone's."""
    owner = user_id or acting.id
    if acting.id != owner:
        require(may_administer(acting))
    with read(pe) as db:
        return [dict(row) for row in db.execute(
            select(api_token.c.id, api_token.c.name, api_token.c.scopes, api_token.c.created_at, api_token.c.expires_at,
                   api_token.c.used_at)
            .where(api_token.c.tenant_id == acting.tenant, api_token.c.user_id == owner)
            .order_by(api_token.c.id.desc())).mappings()]


def revoke(pe: ProcessEngine, acting: Actor, now: dt.datetime, token_id: str) -> None:
    """End a token at once: one's own, or an admin anyone's."""
    def write(db: Connection) -> None:
        owner = db.execute(select(api_token.c.user_id).where(
            api_token.c.id == token_id, api_token.c.tenant_id == acting.tenant)).scalar()
        if owner is None or owner != acting.id and not may_administer(acting):
            raise NotFound(N_("Token tidak ditemukan."))
        db.execute(delete(api_token).where(api_token.c.id == token_id))
        record(db, acting, now, "token.revoked", data={"user": owner, "token": token_id})

    run(pe, write)


def bearer(pe: ProcessEngine, secret: str, now: dt.datetime) -> tuple[dict, frozenset[str]] | None:
    """The active account that a token speaks for and what the token may, by one statement; once an hour by a second, which notes it."""
    with read(pe) as db:
        rows = db.execute(_by_token, {"digest": passwords.digest(secret), "now": now}).mappings().all()
    if not rows:
        return None
    used_at, token = rows[0]["used_at"], rows[0]["token"]
    if used_at is None or now - used_at > USED_EXACTLY:
        run(pe, lambda db: db.execute(update(api_token).where(
            api_token.c.id == token, or_(api_token.c.used_at.is_(None), api_token.c.used_at <= now - USED_EXACTLY)).values(used_at=now)))
    return people.account_in(rows), frozenset(rows[0]["scopes"].split())


def authenticate(pe: ProcessEngine, secret: str, now: dt.datetime) -> dict | None:
    """The active account that the token speaks for, else None (unknown, expired, revoked)."""
    found = bearer(pe, secret, now)
    return found[0] if found else None
