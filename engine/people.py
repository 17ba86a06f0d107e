"""Who works here: accounts, their groups, passwords and API tokens.

A password is kept as an argon2id hash, a token as the SHA-256 of its 256 random bits. An account is a plain dict
`{id, tenant, name, title, email, locale, active, stamp, created_at, second_factor, totp_at, has_password, groups: frozenset,
heads: frozenset, stands_in: tuple}`
(`heads`: the groups whose head they are; `stands_in`: whom they stand in for at the moment that was asked about, see
`engine.substitutions`); its `stamp` changes with its password, second factor and activity, so that cached checks made
under the old one end; its sessions (`engine.sessions`) end with it.
"""

import datetime as dt
import hashlib
import re
import secrets
import unicodedata
from collections.abc import Iterable, Sequence

import argon2
from sqlalchemy import Connection, RowMapping, Select, bindparam, delete, func, insert, or_, select, update

from bpmn.errors import N_, Conflict, Invalid, NotFound
from engine import passwords
from engine.access import ADMIN, OVERSEERS, may_administer, require
from engine.ids import new_id
from engine.process_engine import DEFAULT_TENANT, Actor, ProcessEngine, StandIn
from engine.store import read, record, run
from engine.tables import UtcDateTime, api_token, membership, password_link, substitution, tenant, user, web_session
from engine.tables import group as group_table

GROUPS = {
    "pelaksana": N_("Pelaksana"),
    "sub-bagian": N_("Sub Bagian"),
    "ketua-divisi": N_("Ketua Divisi"),
    "web-admin": N_("Web Admin"),
    "process-owner": N_("Pemilik proses"),
    "admin": N_("Administrator"),
    "analyst": N_("Analis"),
}
DEMO_TENANT = (DEFAULT_TENANT, "KPU Kab. Adm. Kepulauan Seribu")
DEMO_PASSWORD = "terbit-demo"
DEMO_PEOPLE = (  # id, name, title, groups
    ("ketua", "Ketua Demo", "Ketua Divisi", ("ketua-divisi",)),
    ("kasubbag", "Kasubbag Demo", "Kepala Sub Bagian", ("sub-bagian",)),
    ("penulis", "Penulis Demo", "Fungsional umum", ("pelaksana",)),
    ("webadmin", "Web Admin Demo", "Web Admin", ("pelaksana", "web-admin")),
    ("pemilik", "Pemilik Demo", "Pemilik proses", ("process-owner",)),
    ("admin", "Admin Demo", "Administrator", ("admin",)),
    ("analis", "Analis Demo", "Analis", ("analyst",)),
)
MOST_TOKENS = 50  # of one account
SCOPES = {  # what a token may, of what its account may: see `webui.rest.declare`
    "read": N_("Membaca"),
    "tasks": N_("Memulai berkas dan mengerjakan tugas"),
    "deploy": N_("Menerapkan prosedur dan memindahkan berkas ke versi lain"),
    "admin": N_("Memperbaiki dan membatalkan berkas, menjalankan ulang pekerjaan"),
}
USED_EXACTLY = dt.timedelta(hours=1)  # when a token was used last is written down no more often
LOCAL_PASSWORDS = ("everyone", "admin", "nobody")  # who may sign in by one, where an OpenID provider is there too
USER_ID = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")

_hasher = argon2.PasswordHasher()  # argon2id with RFC 9106's second recommendation; old hashes are renewed at sign-in
_ACCOUNT = (user.c.id, user.c.tenant_id.label("tenant"), user.c.name, user.c.title, user.c.email, user.c.locale,
            user.c.active, user.c.stamp, user.c.created_at, user.c.totp.is_not(None).label("second_factor"), user.c.totp_at,
            (user.c.password_hash != "").label("has_password"))
_s, _absent, _at = substitution.c, user.alias("absent"), bindparam("now", type_=UtcDateTime)
_STAND_IN = (_s.kind, _s.group_id.label("group"), group_table.c.name.label("group_name"), _absent.c.name.label("absent_name"),
             _absent.c.title.label("absent_title"), _s.decree, _s.ends_at, _s.is_head)
# One row for each group and each substitution that is in force, or one without. Built once: on every request, building
# them would cost more than running them.
_with_groups = select(*_ACCOUNT, membership.c.group_id, membership.c.is_head, *(c.label(f"s_{c.name}") for c in _STAND_IN)).outerjoin(
    membership, (membership.c.user_id == user.c.id) & (membership.c.tenant_id == user.c.tenant_id)).outerjoin(
    substitution, (_s.substitute_id == user.c.id) & (_s.tenant_id == user.c.tenant_id)
    & (_s.ends_at > _at) & (_s.starts_at <= _at)).outerjoin(
    _absent, (_absent.c.id == _s.absent_id) & (_absent.c.tenant_id == _s.tenant_id)).outerjoin(
    group_table, (group_table.c.tenant_id == _s.tenant_id) & (group_table.c.id == _s.group_id))
_by_id = _with_groups.where(user.c.id == bindparam("id"))
_by_id_in_office = _by_id.where(user.c.tenant_id == bindparam("tenant"))
_by_token = _with_groups.add_columns(api_token.c.id.label("token"), api_token.c.scopes, api_token.c.used_at).join(
    api_token, api_token.c.user_id == user.c.id).where(
    user.c.active, api_token.c.digest == bindparam("digest"), or_(api_token.c.expires_at.is_(None), api_token.c.expires_at > _at))


# Reading --------------------------------------------------------------------------------------------------------------

def account(pe: ProcessEngine, user_id: str, now: dt.datetime | None = None) -> dict | None:
    """The account with its groups, by one statement; None when there is none. An inactive one is given, too.

    Whom they stand in for at `now` is in it; without `now`, nobody.
    """
    with read(pe) as db:
        return _account(db, _by_id, id=user_id, now=now)


def actor(pe: ProcessEngine, user_id: str, stamp: str | None = None, now: dt.datetime | None = None) -> Actor | None:
    """The actor that an active account is, by one statement; None when unknown, inactive, or `stamp` is no longer its."""
    found = account(pe, user_id, now)
    if found is None or not found["active"] or stamp is not None and stamp != found["stamp"]:
        return None
    return actor_of(found)


def actor_of(found: dict) -> Actor:
    """The actor of an account that was read already, with the rights of the groups that they stand in for."""
    stands_in = found["stands_in"]
    return Actor(found["id"], found["tenant"], found["groups"].union(each.group for each in stands_in), found["name"],
                 heads=found["heads"].union(each.group for each in stands_in if each.is_head), stands_in=stands_in)


def users(pe: ProcessEngine, acting: Actor, *, search: str = "", group: str | None = None, active: bool | None = None,
          after: str | None = None, limit: int = 200) -> list[dict]:
    """The office's accounts with their groups, by id, those after the id `after`; two statements."""
    if not all(text.isprintable() for text in (search, group or "", after or "")):
        return []  # no account is called so, and not every database takes the question
    query = select(*_ACCOUNT).where(user.c.tenant_id == acting.tenant)
    if search:
        query = query.where(or_(user.c.id.contains(search, autoescape=True), user.c.name.icontains(search, autoescape=True)))
    if group is not None:
        query = query.where(user.c.id.in_(select(membership.c.user_id).where(
            membership.c.tenant_id == acting.tenant, membership.c.group_id == group)))
    if active is not None:
        query = query.where(user.c.active.is_(active))
    if after is not None:
        query = query.where(user.c.id > after)
    with read(pe) as db:
        rows = db.execute(query.order_by(user.c.id).limit(min(limit, 200))).mappings().all()
        members = db.execute(select(membership.c.user_id, membership.c.group_id).where(
            membership.c.tenant_id == acting.tenant, membership.c.user_id.in_([row["id"] for row in rows]))).all()
    return [dict(row, groups=frozenset(g for u, g in members if u == row["id"])) for row in rows]


def get_user(pe: ProcessEngine, acting: Actor, user_id: str) -> dict:
    """One account of the actor's own office, else NotFound."""
    with read(pe) as db:
        return _of_office(db, acting, user_id)


def require_active(pe: ProcessEngine, acting: Actor, user_id: str, now: dt.datetime | None = None) -> dict:
    """Return this account; Invalid unless it is an active one of the actor's own office."""
    found = account(pe, user_id, now) if USER_ID.fullmatch(user_id) else None
    if found is None or not found["active"] or found["tenant"] != acting.tenant:
        raise Invalid(N_("Pengguna %(user)s tidak ada atau tidak aktif."), field="userId", user=user_id[:80])
    return found


def groups(pe: ProcessEngine, acting: Actor) -> list[dict]:
    """The office's groups as `{id, name}`, by id."""
    with read(pe) as db:
        return [dict(row) for row in db.execute(select(group_table.c.id, group_table.c.name).where(
            group_table.c.tenant_id == acting.tenant).order_by(group_table.c.id)).mappings()]


# Signing in -----------------------------------------------------------------------------------------------------------

def authenticate(pe: ProcessEngine, user_id: str, password: str, now: dt.datetime | None = None) -> dict | None:
    """The active account whose password this is, else None; also where it may not sign in by one (LOCAL_PASSWORDS).

    One hash is computed whether or not the account exists, so that the time taken does not tell which ids do.
    A hash made with older parameters is renewed. A second factor is not asked for here: `second_factor`.
    """
    user_id = user_id.strip().lower()
    with read(pe) as db:
        kept = None if not USER_ID.fullmatch(user_id) else db.execute(select(user.c.password_hash).where(user.c.id == user_id)).scalar()
    if not kept:
        _hash(password)  # the same work as a verification
        return None
    if not _verify(kept, password):
        return None
    if now and _hasher.check_needs_rehash(kept):
        renewed = _hash(password)
        run(pe, lambda db: _renew_hash(db, user_id, kept, renewed, now))
    found = account(pe, user_id, now)
    return found if found and found["active"] and may_use_password(pe, found["groups"]) else None


def may_use_password(pe: ProcessEngine, groups: Iterable[str]) -> bool:
    """Whether somebody in these groups may sign in by a password that Terbit keeps."""
    who = pe.config.get("LOCAL_PASSWORDS", "everyone")
    return who == "everyone" or who == "admin" and ADMIN in groups


def authenticate_token(pe: ProcessEngine, secret: str, now: dt.datetime) -> dict | None:
    """The active account that the token speaks for, else None (unknown, expired, revoked)."""
    found = bearer(pe, secret, now)
    return found[0] if found else None


def bearer(pe: ProcessEngine, secret: str, now: dt.datetime) -> tuple[dict, frozenset[str]] | None:
    """The active account that a token speaks for and what the token may, by one statement; once an hour by a second, which notes it."""
    with read(pe) as db:
        rows = db.execute(_by_token, {"digest": digest(secret), "now": now}).mappings().all()
    if not rows:
        return None
    used_at, token = rows[0]["used_at"], rows[0]["token"]
    if used_at is None or now - used_at > USED_EXACTLY:
        run(pe, lambda db: db.execute(update(api_token).where(
            api_token.c.id == token, or_(api_token.c.used_at.is_(None), api_token.c.used_at <= now - USED_EXACTLY)).values(used_at=now)))
    return _account_in(rows), frozenset(rows[0]["scopes"].split())


def is_password_of(pe: ProcessEngine, acting: Actor, password: str) -> bool:
    """Whether this is the actor's own password, asked once more before something grave."""
    with read(pe) as db:
        kept = db.execute(select(user.c.password_hash).where(user.c.id == acting.id, user.c.active)).scalar()
    return bool(kept) and _verify(str(kept), password)


# Accounts -------------------------------------------------------------------------------------------------------------

def create_user(pe: ProcessEngine, acting: Actor, now: dt.datetime, *, id: str, name: str, password: str | None,
                groups: Iterable[str] = (), heads: Iterable[str] = (), title: str = "", email: str = "", locale: str = "id") -> dict:
    """Make an account in the actor's office and return it. Invalid for a bad id or password, Conflict for a taken id.

    Without a password the person sets one by a link (`engine.password_links`), or signs in by OpenID.
    """
    require(may_administer(acting))
    id, name, groups = id.strip().lower(), name.strip(), frozenset(groups)
    led = groups & frozenset(heads)
    if not USER_ID.fullmatch(id):
        raise Invalid(N_("Nama pengguna hanya boleh berisi huruf kecil, angka, titik, garis, dan @."), field="id")
    _check_texts(name=name, title=title, email=email, locale=locale)
    hashed = "" if password is None else _hash(passwords.check(
        pe, password, about=(id, name, email.partition("@")[0], office_name(pe, acting.tenant))))

    def write(db: Connection) -> dict:
        if db.execute(select(user.c.id).where(user.c.id == id)).scalar() is not None:
            raise Conflict(N_("Nama pengguna %(user)s sudah dipakai."), field="id", user=id)
        db.execute(insert(user).values(id=id, tenant_id=acting.tenant, name=name, title=title, email=email, locale=locale,
                                       password_hash=hashed, stamp=_stamp(), active=True, created_at=now))
        _put_groups(db, acting.tenant, id, groups, led)
        record(db, acting, now, "user.created", data={"user": id, "groups": sorted(groups), "heads": sorted(led)})
        return _of_office(db, acting, id)

    return run(pe, write)


def update_user(pe: ProcessEngine, acting: Actor, now: dt.datetime, user_id: str, **values: str) -> None:
    """Change `name`, `title`, `email` or `locale`: of oneself, or an admin of anyone."""
    if acting.id != user_id:
        require(may_administer(acting))
    if unknown := set(values) - {"name", "title", "email", "locale"}:
        raise TypeError(f"an account has no {', '.join(sorted(unknown))} to change")
    _check_texts(**values)

    def write(db: Connection) -> None:
        before = _of_office(db, acting, user_id)
        db.execute(update(user).where(user.c.id == user_id).values(**values))
        if values.get("email", before["email"]) != before["email"]:
            end_sent_links(db, user_id)
        record(db, acting, now, "user.updated", data={"user": user_id, "before": {name: before[name] for name in sorted(values)},
                                                      "after": {name: values[name] for name in sorted(values)}})

    run(pe, write)


def set_password(pe: ProcessEngine, acting: Actor, now: dt.datetime, user_id: str, password: str) -> None:
    """Set somebody else's password, as an admin. Ends the account's sessions; its API tokens stay."""
    require(may_administer(acting) and acting.id != user_id)  # one's own asks for the old one: `change_password`
    hashed = hashed_for(pe, get_user(pe, acting, user_id), password)

    def write(db: Connection) -> None:
        _of_office(db, acting, user_id)
        put_password(db, user_id, hashed)
        record(db, acting, now, "user.password_set", data={"user": user_id})

    run(pe, write)


def change_password(pe: ProcessEngine, acting: Actor, now: dt.datetime, old: str, new: str) -> dict:
    """Change one's own password and return the account with its new stamp. Ends all its sessions; its API tokens stay.

    Invalid with the field `old` when that is not the password, Conflict when it was changed meanwhile.
    """
    mine = user.c.id == acting.id, user.c.tenant_id == acting.tenant, user.c.active
    with read(pe) as db:
        kept = db.execute(select(user.c.password_hash).where(*mine)).scalar()
    if kept is None or not _verify(kept, old):
        raise Invalid(N_("Kata sandi lama tidak cocok."), field="old")
    hashed = hashed_for(pe, get_user(pe, acting, acting.id), new)

    def write(db: Connection) -> dict:
        if db.execute(update(user).where(*mine, user.c.password_hash == kept).values(password_hash=hashed)).rowcount != 1:
            raise Conflict(N_("Kata sandi baru saja diubah dari tempat lain."))
        put_password(db, acting.id, hashed)
        record(db, acting, now, "user.password_changed", data={"user": acting.id})
        return _of_office(db, acting, acting.id)

    return run(pe, write)


def set_groups(pe: ProcessEngine, acting: Actor, now: dt.datetime, user_id: str, groups: Iterable[str],
               heads: Iterable[str] | None = None) -> None:
    """Put the account into exactly these groups, as head of those in `heads`; without it they stay head of what they were.

    Conflict when the office would be left without an admin, Invalid for the head of a group that they are not in.
    """
    require(may_administer(acting))
    groups, led = frozenset(groups), None if heads is None else frozenset(heads)
    if led is not None and not led <= groups:
        raise Invalid(N_("Kepala sebuah grup harus anggotanya."), field="groups")

    def write(db: Connection) -> None:
        before = _of_office(db, acting, user_id)
        heads = before["heads"] & groups if led is None else led
        _put_groups(db, acting.tenant, user_id, groups, heads)
        _keep_an_admin(db, acting)
        end_sessions_without_second_factor(db, acting.tenant, [user_id])
        record(db, acting, now, "user.groups_set", data={
            "user": user_id, "groups": sorted(groups), "heads": sorted(heads),
            "before": {"groups": sorted(before["groups"]), "heads": sorted(before["heads"])}})

    run(pe, write)


def deactivate(pe: ProcessEngine, acting: Actor, now: dt.datetime, user_id: str, reason: str = "") -> None:
    """Bar the account from everything, at once; nothing of what it did is lost. Not the office's last admin."""
    _set_active(pe, acting, now, user_id, False, reason)


def activate(pe: ProcessEngine, acting: Actor, now: dt.datetime, user_id: str, reason: str = "") -> None:
    """Let a deactivated account in again."""
    _set_active(pe, acting, now, user_id, True, reason)


# Tokens ---------------------------------------------------------------------------------------------------------------

def create_token(pe: ProcessEngine, acting: Actor, now: dt.datetime, *, name: str, user_id: str | None = None,
                 expires_at: dt.datetime | None = None, scopes: Iterable[str] = tuple(SCOPES)) -> dict:
    """Make an API token for oneself, or an admin for anyone: `{id, token}`. The token is not to be had again."""
    owner = user_id or acting.id
    if acting.id != owner:
        require(may_administer(acting))
    _check_texts(name=name)
    if expires_at is not None and expires_at <= now:
        raise Invalid(N_("Masa berlaku token harus di masa depan."), field="expires_at")
    scopes = [scope for scope in SCOPES if scope in frozenset(scopes)]
    if not scopes:
        raise Invalid(N_("Pilih paling sedikit satu kewenangan."), field="scopes")
    token_id, secret = new_id(now), f"terbit_{secrets.token_urlsafe(32)}"

    def write(db: Connection) -> dict:
        _of_office(db, acting, owner)
        if db.execute(select(func.count()).select_from(api_token).where(api_token.c.user_id == owner)).scalar_one() >= MOST_TOKENS:
            raise Conflict(N_("Paling banyak %(most)s token. Cabut yang tidak dipakai lagi."), most=MOST_TOKENS)
        db.execute(insert(api_token).values(id=token_id, tenant_id=acting.tenant, user_id=owner, name=name.strip(),
                                            digest=digest(secret), scopes=" ".join(scopes), created_at=now,
                                            expires_at=expires_at))
        record(db, acting, now, "token.created", data={"user": owner, "token": token_id, "name": name.strip(), "scopes": scopes,
                                                       "expires_at": expires_at.isoformat() if expires_at else None})
        return {"id": token_id, "token": secret}

    return run(pe, write)


def tokens(pe: ProcessEngine, acting: Actor, user_id: str | None = None) -> list[dict]:
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


def revoke_token(pe: ProcessEngine, acting: Actor, now: dt.datetime, token_id: str) -> None:
    """End a token at once: one's own, or an admin anyone's."""
    def write(db: Connection) -> None:
        owner = db.execute(select(api_token.c.user_id).where(
            api_token.c.id == token_id, api_token.c.tenant_id == acting.tenant)).scalar()
        if owner is None or owner != acting.id and not may_administer(acting):
            raise NotFound(N_("Token tidak ditemukan."))
        db.execute(delete(api_token).where(api_token.c.id == token_id))
        record(db, acting, now, "token.revoked", data={"user": owner, "token": token_id})

    run(pe, write)


# Seeds ----------------------------------------------------------------------------------------------------------------

def seed_groups(pe: ProcessEngine, tenant_id: str) -> None:
    """Make the office's standard groups where they are missing."""
    run(pe, lambda db: _seed_groups(db, tenant_id))


def create_demo_people(pe: ProcessEngine, now: dt.datetime) -> None:
    """Make the demo office's accounts where they are missing; an account that exists is left as it is."""
    tenant_id, tenant_name = DEMO_TENANT
    hashed = _hash(DEMO_PASSWORD)  # one hash for all: the password is known to everyone anyway

    def write(db: Connection) -> None:
        if db.execute(select(tenant.c.id).where(tenant.c.id == tenant_id)).scalar() is None:
            db.execute(insert(tenant).values(id=tenant_id, name=tenant_name))
        _seed_groups(db, tenant_id)
        there = set(db.execute(select(user.c.id).where(user.c.id.in_([p[0] for p in DEMO_PEOPLE]))).scalars())
        for user_id, name, title, member_of in DEMO_PEOPLE:
            if user_id not in there:
                db.execute(insert(user).values(id=user_id, tenant_id=tenant_id, name=name, title=title, created_at=now,
                                               password_hash=hashed, stamp=_stamp(), active=True))
                _put_groups(db, tenant_id, user_id, frozenset(member_of))

    run(pe, write)


# For the modules about accounts ---------------------------------------------------------------------------------------

def hashed_for(pe: ProcessEngine, found: dict, password: str) -> str:
    """The hash of an account's new password; Invalid on the field `password` where it is not a good one."""
    about = (found["id"], found["name"], found["email"].partition("@")[0], office_name(pe, found["tenant"]))
    return _hash(passwords.check(pe, password, second_factor=found["second_factor"], about=about))


def put_password(db: Connection, user_id: str, hashed: str) -> None:
    """Set a password within a transaction: sessions, links and what processes remember of the old one end."""
    db.execute(update(user).where(user.c.id == user_id).values(password_hash=hashed))
    end_everything(db, user_id)


def end_everything(db: Connection, user_id: str) -> None:
    """End an account's sessions, its links, and what processes remember of it."""
    db.execute(update(user).where(user.c.id == user_id).values(stamp=_stamp()))
    db.execute(delete(web_session).where(web_session.c.user_id == user_id))
    db.execute(delete(password_link).where(password_link.c.user_id == user_id))


def end_sent_links(db: Connection, user_id: str) -> None:
    """End the links that went to an account's address, which is another now: who reads the old one sets no password."""
    db.execute(delete(password_link).where(password_link.c.user_id == user_id, password_link.c.created_by.is_(None)))


def end_sessions_without_second_factor(db: Connection, tenant_id: str, user_ids: Sequence[str]) -> None:
    """Where a group asks for a second factor, those who have none are asked to set one up when they sign in again: so they have to."""
    m, g = membership.c, group_table.c
    asked = select(m.user_id).join(group_table, (g.tenant_id == m.tenant_id) & (g.id == m.group_id)).where(
        m.tenant_id == tenant_id, m.user_id.in_(user_ids), g.second_factor)
    without = set(db.execute(select(user.c.id).where(user.c.id.in_(asked), user.c.totp.is_(None))).scalars())
    if without:
        db.execute(update(user).where(user.c.id.in_(without)).values(stamp=_stamp()))
        db.execute(delete(web_session).where(web_session.c.user_id.in_(without)))


def office_name(pe: ProcessEngine, tenant_id: str) -> str:
    with read(pe) as db:
        return db.execute(select(tenant.c.name).where(tenant.c.id == tenant_id)).scalar() or ""


# Inside ---------------------------------------------------------------------------------------------------------------

def _account(db: Connection, statement: Select, **parameters) -> dict | None:
    rows = db.execute(statement, parameters).mappings().all()
    return _account_in(rows) if rows else None


def _account_in(rows: Sequence[RowMapping]) -> dict:
    groups = frozenset(row["group_id"] for row in rows if row["group_id"])
    heads = frozenset(row["group_id"] for row in rows if row["is_head"])
    return {column.name: rows[0][column.name] for column in _ACCOUNT} | {"groups": groups, "heads": heads,
                                                                         "stands_in": _stands_in(rows, groups)}


def _stands_in(rows: Sequence[RowMapping], groups: frozenset[str]) -> tuple[StandIn, ...]:
    """The substitutions among an account's rows: none for a group that it is in itself, none for one that oversees."""
    found = {row["s_group"]: StandIn(row["s_kind"], row["s_group"], row["s_group_name"] or row["s_group"], row["s_absent_name"] or "",
                                     row["s_absent_title"] or "", row["s_decree"], row["s_ends_at"], row["s_is_head"])
             for row in rows if row["s_group"] and row["s_group"] not in groups | OVERSEERS}
    return tuple(found[group] for group in sorted(found))


def _renew_hash(db: Connection, user_id: str, kept: str, renewed: str, now: dt.datetime) -> None:
    changed = update(user).where(user.c.id == user_id, user.c.password_hash == kept).values(password_hash=renewed)
    office = db.execute(changed.returning(user.c.tenant_id)).scalar()
    if office is not None:  # else the password was set anew meanwhile, and that one stays
        record(db, Actor.system(office), now, "user.password_hash_renewed", data={"user": user_id})


def _of_office(db: Connection, acting: Actor, user_id: str) -> dict:
    found = _account(db, _by_id_in_office, id=user_id, tenant=acting.tenant, now=None)
    if found is None:
        raise NotFound(N_("Pengguna %(user)s tidak ditemukan."), user=user_id)
    return found


def _set_active(pe: ProcessEngine, acting: Actor, now: dt.datetime, user_id: str, active: bool, reason: str) -> None:
    require(may_administer(acting))
    _check_texts(reason=reason)
    said = {"reason": reason.strip()} if reason.strip() else {}

    def write(db: Connection) -> None:
        _of_office(db, acting, user_id)
        db.execute(update(user).where(user.c.id == user_id).values(active=active))
        end_everything(db, user_id)
        _keep_an_admin(db, acting)
        record(db, acting, now, "user.activated" if active else "user.deactivated", data={"user": user_id, **said})

    run(pe, write)


def _put_groups(db: Connection, tenant_id: str, user_id: str, wanted: frozenset[str], heads: frozenset[str] = frozenset()) -> None:
    known = set(db.execute(select(group_table.c.id).where(group_table.c.tenant_id == tenant_id)).scalars())
    for unknown in sorted(wanted - known):
        raise Invalid(N_("Grup %(group)s tidak ada."), field="groups", group=unknown)
    db.execute(delete(membership).where(membership.c.tenant_id == tenant_id, membership.c.user_id == user_id))
    if wanted:
        db.execute(insert(membership), [{"tenant_id": tenant_id, "group_id": g, "user_id": user_id, "is_head": g in heads}
                                        for g in sorted(wanted)])


def _keep_an_admin(db: Connection, acting: Actor) -> None:
    db.execute(select(tenant.c.id).where(tenant.c.id == acting.tenant).with_for_update())  # two admins removing one another
    query = select(user.c.id).join(membership, membership.c.user_id == user.c.id).where(
        membership.c.tenant_id == acting.tenant, membership.c.group_id == "admin", user.c.active).limit(1)
    if not acting.is_system and db.execute(query).scalar() is None:  # Terbit itself (the command line) may, and can repair it
        raise Conflict(N_("Harus tetap ada paling sedikit satu administrator yang aktif."))


def _seed_groups(db: Connection, tenant_id: str) -> None:
    known = set(db.execute(select(group_table.c.id).where(group_table.c.tenant_id == tenant_id)).scalars())
    missing = [{"tenant_id": tenant_id, "id": id, "name": name} for id, name in GROUPS.items() if id not in known]
    if missing:
        db.execute(insert(group_table), missing)


def _check_texts(**texts: str) -> None:
    """Invalid, with the field, for what is longer than 200 characters or not printable; a name must not be empty."""
    for field, text in texts.items():
        if len(text) > 200 or not text.isprintable():
            raise Invalid(N_("Paling panjang 200 karakter, tanpa karakter kendali."), field=field)
        if field == "name" and not text.strip():
            raise Invalid(N_("Nama wajib diisi."), field=field)


def _canonical(password: str) -> bytes:
    bounded = password[:passwords.LONGEST + 1]  # a stranger chooses its length
    return unicodedata.normalize("NFKC", bounded).encode("utf-8", "surrogatepass")


def _hash(password: str) -> str:
    return _hasher.hash(_canonical(password))


def _verify(hashed: str, password: str) -> bool:
    try:
        return _hasher.verify(hashed, _canonical(password))
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
        return False


def digest(secret: str) -> str:
    """What is kept of a secret of 256 random bits."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _stamp() -> str:
    return secrets.token_urlsafe(16)
