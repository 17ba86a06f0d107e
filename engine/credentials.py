"""Passwords of accounts: signing in by one, and changing it. What a good one is says `engine.passwords`."""

import datetime as dt
from collections.abc import Iterable

from sqlalchemy import Connection, select, update

from bpmn.errors import N_, Conflict, Invalid
from engine import passwords, people
from engine.access import ADMIN, may_administer, require
from engine.process_engine import Actor, ProcessEngine
from engine.store import read, record, run
from engine.tables import user

LOCAL_PASSWORDS = ("everyone", "admin", "nobody")  # who may sign in by one, where an OpenID provider is there too


def authenticate(pe: ProcessEngine, user_id: str, password: str, now: dt.datetime | None = None) -> dict | None:
    """The active account whose password this is, else None; also where it may not sign in by one (LOCAL_PASSWORDS).

    One hash is computed whether or not the account exists, so that the time taken does not tell which ids do.
    A hash made with older parameters is renewed. A second factor is not asked for here: `second_factor`.
    """
    user_id = user_id.strip().lower()
    with read(pe) as db:
        kept = db.scalar(select(user.c.password_hash).where(user.c.id == user_id)) if people.USER_ID.fullmatch(user_id) else None
    if not kept:
        passwords.hashed(password)  # the same work as a verification
        return None
    if not passwords.verify(kept, password):
        return None
    if now and passwords.is_outdated(kept):
        renewed = passwords.hashed(password)
        run(pe, lambda db: _renew_hash(db, user_id, kept, renewed, now))
    found = people.account(pe, user_id, now)
    return found if found and found["active"] and may_use_password(pe, found["groups"]) else None


def may_use_password(pe: ProcessEngine, groups: Iterable[str]) -> bool:
    """Whether somebody in these groups may sign in by a password that Terbit keeps."""
    who = pe.config.get("LOCAL_PASSWORDS", "everyone")
    return who == "everyone" or who == "admin" and ADMIN in groups


def is_password_of(pe: ProcessEngine, acting: Actor, password: str) -> bool:
    """Whether this is the actor's own password, asked once more before something grave."""
    with read(pe) as db:
        kept = db.execute(select(user.c.password_hash).where(user.c.id == acting.id, user.c.active)).scalar()
    return bool(kept) and passwords.verify(str(kept), password)


def set_password(pe: ProcessEngine, acting: Actor, now: dt.datetime, user_id: str, password: str, *, and_tokens: bool = False) -> None:
    """Set somebody else's password, as an admin. Ends the account's sessions; its API tokens only with `and_tokens`."""
    require(may_administer(acting) and acting.id != user_id)  # one's own asks for the old one: `change_password`
    hashed = hashed_for(pe, people.get_user(pe, acting, user_id), password)

    def write(db: Connection) -> None:
        people.of_office(db, acting, user_id)
        ended = put_password(db, user_id, hashed, and_tokens)
        record(db, acting, now, "user.password_set", data={"user": user_id, **ended})

    run(pe, write)


def change_password(pe: ProcessEngine, acting: Actor, now: dt.datetime, old: str, new: str, *, and_tokens: bool = False) -> dict:
    """Change one's own password and return the account with its new stamp. Ends all its sessions; its API tokens only with `and_tokens`.

    Invalid with the field `old` when that is not the password, Conflict when it was changed meanwhile.
    """
    mine = user.c.id == acting.id, user.c.tenant_id == acting.tenant, user.c.active
    with read(pe) as db:
        kept = db.execute(select(user.c.password_hash).where(*mine)).scalar()
    if kept is None or not passwords.verify(kept, old):
        raise Invalid(N_("Kata sandi lama tidak cocok."), field="old")
    hashed = hashed_for(pe, people.get_user(pe, acting, acting.id), new)

    def write(db: Connection) -> dict:
        if db.execute(update(user).where(*mine, user.c.password_hash == kept).values(password_hash=hashed)).rowcount != 1:
            raise Conflict(N_("Kata sandi baru saja diubah dari tempat lain."))
        ended = put_password(db, acting.id, hashed, and_tokens)
        record(db, acting, now, "user.password_changed", data={"user": acting.id, **ended})
        return people.of_office(db, acting, acting.id)

    return run(pe, write)


def hashed_for(pe: ProcessEngine, found: dict, password: str) -> str:
    """The hash of an account's new password; Invalid on the field `password` where it is not a good one."""
    about = (found["id"], found["name"], found["email"].partition("@")[0], people.office_name(pe, found["tenant"]))
    return passwords.hashed(passwords.check(pe, password, second_factor=found["second_factor"], about=about))


def put_password(db: Connection, user_id: str, hashed: str, and_tokens: bool) -> dict[str, int]:
    """Set a password within a transaction: sessions, links and what processes remember of the old one end; returns as `end_tokens`."""
    db.execute(update(user).where(user.c.id == user_id).values(password_hash=hashed))
    people.end_everything(db, user_id)
    return people.end_tokens(db, user_id) if and_tokens else {}


def _renew_hash(db: Connection, user_id: str, kept: str, renewed: str, now: dt.datetime) -> None:
    changed = update(user).where(user.c.id == user_id, user.c.password_hash == kept).values(password_hash=renewed)
    office = db.execute(changed.returning(user.c.tenant_id)).scalar()
    if office is not None:  # else the password was set anew meanwhile, and that one stays
        record(db, Actor.system(office), now, "user.password_hash_renewed", data={"user": user_id})
