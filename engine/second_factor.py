"""A second factor by TOTP (RFC 6238): set up by its person, asked for when they sign in by password, asked of whole groups by an admin.

Its secret is encrypted under a key that lies in the instance folder, and bound to its account. A code counts once: the
half minute of the last one is kept. Recovery codes are kept as keyed digests, each good once.
"""

import datetime as dt
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

import pyotp
import sqlalchemy as sa
from cryptography.fernet import Fernet, InvalidToken

from bpmn.errors import N_, Conflict, Invalid
from engine import credentials, passwords, people
from engine.access import may_administer, require
from engine.process_engine import Actor, ProcessEngine
from engine.store import read, record, run
from engine.tables import group, recovery_code, user

NAME = "Terbit"
STEP = 30  # seconds of one code
DRIFT = 1  # steps that a phone's clock may be wrong by
OFFER_SECONDS = 900  # within which a new secret is confirmed
RECOVERY_CODES = 10
ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # no I, O, 0, 1
RECOVERY_LETTERS = 12  # 60 bits
LONGEST_REASON = 500
_u, _r = user.c, recovery_code.c


@dataclass(frozen=True)
class Offer:
    """A new secret, not kept anywhere: `sealed` comes back with the first code."""

    secret: str
    uri: str  # what the QR code holds
    sealed: str


def is_required(pe: ProcessEngine, account: Mapping) -> bool:
    """Whether a group of theirs asks for a second factor, or an admin had it set up anew; one statement."""
    if account["totp_at"] and not account["second_factor"]:
        return True
    with read(pe) as db:
        return _is_asked(db, account)


def may_use_password_alone(pe: ProcessEngine, account: Mapping) -> bool:
    """Whether name and password are enough, as for HTTP Basic; at most one statement."""
    return not account["second_factor"] and not is_required(pe, account)


# Setting it up --------------------------------------------------------------------------------------------------------

def offer(pe: ProcessEngine, acting: Actor) -> Offer:
    """Make a new secret for one's phone; nothing is kept until `enrol` brings a code of it."""
    secret = pyotp.random_base32()
    sealed = _seal(pe, acting.id, secret)
    return Offer(secret, pyotp.TOTP(secret, interval=STEP).provisioning_uri(name=acting.id, issuer_name=NAME), sealed.decode())


def opened(pe: ProcessEngine, acting: Actor, sealed: str) -> Offer:
    """The offer again, for the page that shows it again; Invalid where it is too old, or not this person's."""
    secret = _open(pe, acting.id, sealed.encode("utf-8", "replace"), OFFER_SECONDS)
    if secret is None:
        raise Invalid(N_("Halaman ini sudah terlalu lama terbuka. Pindai kode QR yang baru."), field="sealed")
    return Offer(secret, pyotp.TOTP(secret, interval=STEP).provisioning_uri(name=acting.id, issuer_name=NAME), sealed)


def enrol(pe: ProcessEngine, acting: Actor, now: dt.datetime, sealed: str, code: str) -> list[str]:
    """Take the offered secret into use once a code of it came, and return the recovery codes, which are not to be had again.

    All sessions of the account end.
    """
    secret = opened(pe, acting, sealed).secret
    step = _step_of(secret, code, now)
    if step is None:
        raise Invalid(N_("Kode tidak cocok. Periksa jam ponsel, lalu isikan kode yang sedang tampil."), field="code")
    codes = [_new_code() for _ in range(RECOVERY_CODES)]

    def write(db: sa.Connection) -> None:
        done = db.execute(sa.update(user).where(_u.id == acting.id, _u.active, _u.totp.is_(None)).values(
            totp=_seal(pe, acting.id, secret), totp_at=now, totp_step=step))
        if done.rowcount != 1:
            raise Conflict(N_("Verifikasi dua langkah sudah aktif."))
        _put_codes(pe, db, acting.id, codes)
        people.end_everything(db, acting.id)
        record(db, acting, now, "second_factor.set", data={"user": acting.id})

    run(pe, write)
    return codes


def renew_recovery_codes(pe: ProcessEngine, acting: Actor, now: dt.datetime) -> list[str]:
    """Give the person new recovery codes; the old ones are void."""
    codes = [_new_code() for _ in range(RECOVERY_CODES)]

    def write(db: sa.Connection) -> None:
        if db.scalar(sa.select(_u.totp).where(_u.id == acting.id)) is None:
            raise Conflict(N_("Verifikasi dua langkah belum aktif."))
        _put_codes(pe, db, acting.id, codes)
        record(db, acting, now, "second_factor.codes_renewed", data={"user": acting.id})

    run(pe, write)
    return codes


def recovery_codes_left(pe: ProcessEngine, acting: Actor) -> int:
    with read(pe) as db:
        return db.scalar(sa.select(sa.func.count()).select_from(recovery_code).where(_r.user_id == acting.id)) or 0


# Taking it away -------------------------------------------------------------------------------------------------------

def remove(pe: ProcessEngine, acting: Actor, now: dt.datetime, password: str) -> None:
    """Do without it again: by its person, who knows their password, where no group asks for it and the password is long enough alone."""
    account = people.get_user(pe, acting, acting.id)
    if not credentials.is_password_of(pe, acting, password):
        raise Invalid(N_("Kata sandi tidak cocok."), field="password")
    least = passwords.shortest(pe, False)
    if len(password) < least:
        raise Conflict(N_("Tanpa verifikasi dua langkah kata sandi harus paling sedikit %(least)s karakter. Ganti kata sandi dahulu."),
                       least=least)

    def write(db: sa.Connection) -> None:
        if _is_asked(db, account):
            raise Conflict(N_("Grup Anda mewajibkan verifikasi dua langkah."))
        db.execute(sa.update(user).where(_u.id == acting.id).values(totp=None, totp_at=None, totp_step=None))
        db.execute(sa.delete(recovery_code).where(_r.user_id == acting.id))
        people.end_everything(db, acting.id)
        record(db, acting, now, "second_factor.removed", data={"user": acting.id})

    run(pe, write)


def reset(pe: ProcessEngine, acting: Actor, now: dt.datetime, user_id: str, reason: str) -> None:
    """Take away that of somebody who lost it, by an admin who says why. They are signed out, and set up a new one when they sign in."""
    require(may_administer(acting) and acting.id != user_id)
    reason = reason.strip()
    if not reason or len(reason) > LONGEST_REASON or not reason.isprintable():
        raise Invalid(N_("Isikan alasannya, paling panjang 500 karakter."), field="reason")

    def write(db: sa.Connection) -> None:
        if not people.of_office(db, acting, user_id)["second_factor"]:
            raise Conflict(N_("Verifikasi dua langkah belum aktif."))
        db.execute(sa.update(user).where(_u.id == user_id).values(totp=None, totp_at=now, totp_step=None))
        db.execute(sa.delete(recovery_code).where(_r.user_id == user_id))
        people.end_everything(db, user_id)
        record(db, acting, now, "second_factor.reset", data={"user": user_id, "reason": reason})

    run(pe, write)


# Asking for it --------------------------------------------------------------------------------------------------------

def check(pe: ProcessEngine, account: Mapping, code: str, now: dt.datetime) -> bool:
    """Whether this is the account's code of now, used for the first time, or one of its recovery codes, which is used up by it."""
    code = re.sub(r"[\s-]+", "", code).upper()[:64]
    if re.fullmatch(r"[0-9]{6}", code):
        return _use_step(pe, account["id"], code, now)
    return len(code) == RECOVERY_LETTERS and _use_recovery_code(pe, account, code, now)


def _use_step(pe: ProcessEngine, user_id: str, code: str, now: dt.datetime) -> bool:
    with read(pe) as db:
        sealed = db.scalar(sa.select(_u.totp).where(_u.id == user_id, _u.active))
    secret = _open(pe, user_id, sealed) if sealed else None
    step = _step_of(secret, code, now) if secret else None
    if step is None:
        return False
    used = sa.update(user).where(_u.id == user_id, _u.totp == sealed, _u.totp_step.is_(None) | (_u.totp_step < step)).values(totp_step=step)
    return run(pe, lambda db: db.execute(used).rowcount) == 1


def _use_recovery_code(pe: ProcessEngine, account: Mapping, code: str, now: dt.datetime) -> bool:
    this = _r.user_id == account["id"], _r.digest == _digest(pe, account["id"], code)
    with read(pe) as db:
        if db.scalar(sa.select(_r.user_id).where(*this)) is None:
            return False

    def write(db: sa.Connection) -> bool:
        if db.execute(sa.delete(recovery_code).where(*this)).rowcount != 1:
            return False  # somebody was faster
        record(db, Actor(account["id"], account["tenant"]), now, "second_factor.recovery_code_used", data={"user": account["id"]})
        return True

    return run(pe, write)


# Inside ---------------------------------------------------------------------------------------------------------------

def _is_asked(db: sa.Connection, account: Mapping) -> bool:
    return db.scalar(sa.select(group.c.id).where(
        group.c.tenant_id == account["tenant"], group.c.id.in_(sorted(account["groups"])), group.c.second_factor).limit(1)) is not None


def _step_of(secret: str, code: str, now: dt.datetime) -> int | None:
    """The half minute whose code this is, of those around now."""
    at, found = int(now.timestamp()) // STEP, None
    totp = pyotp.TOTP(secret, interval=STEP)
    for step in range(at - DRIFT, at + DRIFT + 1):
        if hmac.compare_digest(totp.generate_otp(step).encode(), code.strip().encode("utf-8", "replace")):
            found = step
    return found


def _new_code() -> str:
    text = "".join(secrets.choice(ALPHABET) for _ in range(RECOVERY_LETTERS))
    return "-".join(text[at:at + 4] for at in range(0, RECOVERY_LETTERS, 4))


def _put_codes(pe: ProcessEngine, db: sa.Connection, user_id: str, codes: list[str]) -> None:
    db.execute(sa.delete(recovery_code).where(_r.user_id == user_id))
    db.execute(sa.insert(recovery_code), [{"user_id": user_id, "digest": _digest(pe, user_id, code.replace("-", ""))} for code in codes])


def _digest(pe: ProcessEngine, user_id: str, code: str) -> str:
    return hmac.digest(pe.secret("recovery-codes"), f"{user_id}:{code}".encode(), hashlib.sha256).hex()


def _seal(pe: ProcessEngine, user_id: str, secret: str) -> bytes:
    return Fernet(pe.fernet_key("second-factor")).encrypt(json.dumps({"of": user_id, "secret": secret}).encode())


def _open(pe: ProcessEngine, user_id: str, sealed: bytes, ttl: int | None = None) -> str | None:
    try:
        found = json.loads(Fernet(pe.fernet_key("second-factor")).decrypt(sealed, ttl=ttl))
    except InvalidToken:
        return None
    return found["secret"] if found["of"] == user_id else None
