"""Who works here: accounts and their groups. Their passwords: `engine.credentials`; their tokens: `engine.api_tokens`.

An account is a plain dict
`{id, tenant, name, title, email, locale, active, stamp, created_at, second_factor, totp_at, has_password, groups: frozenset,
heads: frozenset, stands_in: tuple}`
(`heads`: the groups whose head they are; `stands_in`: whom they stand in for at the moment that was asked about, see
`engine.substitutions`); its `stamp` changes with its password, second factor and activity, so that cached checks made
under the old one end; its sessions (`engine.sessions`) end with it.
"""

import datetime as dt
import re
import secrets
from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, RowMapping, Select, bindparam, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from bpmn.errors import N_, Conflict, Invalid, NotFound
from engine import passwords
from engine.access import OVERSEERS, may_administer, require
from engine.process_engine import Actor, ProcessEngine, StandIn
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
USER_ID = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")

_ACCOUNT = (user.c.id, user.c.tenant_id.label("tenant"), user.c.name, user.c.title, user.c.email, user.c.locale,
            user.c.active, user.c.stamp, user.c.created_at, user.c.totp.is_not(None).label("second_factor"), user.c.totp_at,
            (user.c.password_hash != "").label("has_password"))
_s, _absent, _at = substitution.c, user.alias("absent"), bindparam("now", type_=UtcDateTime)
_STAND_IN = (_s.kind, _s.group_id.label("group"), group_table.c.name.label("group_name"), _absent.c.name.label("absent_name"),
             _absent.c.title.label("absent_title"), _s.decree, _s.ends_at, _s.is_head)
# One row for each group and each substitution that is in force, or one without. Built once: on every request, building
# them would cost more than running them.
with_groups = select(*_ACCOUNT, membership.c.group_id, membership.c.is_head, *(c.label(f"s_{c.name}") for c in _STAND_IN)).outerjoin(
    membership, (membership.c.user_id == user.c.id) & (membership.c.tenant_id == user.c.tenant_id)).outerjoin(
    substitution, (_s.substitute_id == user.c.id) & (_s.tenant_id == user.c.tenant_id)
    & (_s.ends_at > _at) & (_s.starts_at <= _at)).outerjoin(
    _absent, (_absent.c.id == _s.absent_id) & (_absent.c.tenant_id == _s.tenant_id)).outerjoin(
    group_table, (group_table.c.tenant_id == _s.tenant_id) & (group_table.c.id == _s.group_id))
_by_id = with_groups.where(user.c.id == bindparam("id"))
_by_id_in_office = _by_id.where(user.c.tenant_id == bindparam("tenant"))


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
        return of_office(db, acting, user_id)


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
    check_texts(name=name, title=title, email=email, locale=locale)
    hashed = "" if password is None else passwords.hashed(passwords.check(
        pe, password, about=(id, name, email.partition("@")[0], office_name(pe, acting.tenant))))

    def write(db: Connection) -> dict:
        if db.execute(select(user.c.id).where(user.c.id == id)).scalar() is not None:
            raise Conflict(N_("Nama pengguna %(user)s sudah dipakai."), field="id", user=id)
        db.execute(insert(user).values(id=id, tenant_id=acting.tenant, name=name, title=title, email=email, locale=locale,
                                       password_hash=hashed, stamp=new_stamp(), active=True, created_at=now))
        put_groups(db, acting.tenant, id, groups, led)
        record(db, acting, now, "user.created", data={"user": id, "groups": sorted(groups), "heads": sorted(led)})
        return of_office(db, acting, id)

    try:
        return run(pe, write)
    except IntegrityError as error:  # somebody else took it in the same moment
        raise Conflict(N_("Nama pengguna %(user)s sudah dipakai."), field="id", user=id) from error


def update_user(pe: ProcessEngine, acting: Actor, now: dt.datetime, user_id: str, **values: str) -> None:
    """Change `name`, `title`, `email` or `locale`: of oneself, or an admin of anyone."""
    if acting.id != user_id:
        require(may_administer(acting))
    if unknown := set(values) - {"name", "title", "email", "locale"}:
        raise TypeError(f"an account has no {', '.join(sorted(unknown))} to change")
    check_texts(**values)

    def write(db: Connection) -> None:
        hold(db, acting.tenant, [user_id])
        before = of_office(db, acting, user_id)
        db.execute(update(user).where(user.c.id == user_id).values(**values))
        if values.get("email", before["email"]) != before["email"]:
            end_sent_links(db, user_id)
        record(db, acting, now, "user.updated", data={"user": user_id, "before": {name: before[name] for name in sorted(values)},
                                                      "after": {name: values[name] for name in sorted(values)}})

    run(pe, write)


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
        hold(db, acting.tenant, [user_id])
        before = of_office(db, acting, user_id)
        heads = before["heads"] & groups if led is None else led
        put_groups(db, acting.tenant, user_id, groups, heads)
        keep_an_admin(db, acting)
        end_sessions_without_second_factor(db, acting.tenant, [user_id])
        record(db, acting, now, "user.groups_set", data={
            "user": user_id, "groups": sorted(groups), "heads": sorted(heads),
            "before": {"groups": sorted(before["groups"]), "heads": sorted(before["heads"])}})

    run(pe, write)


def deactivate(pe: ProcessEngine, acting: Actor, now: dt.datetime, user_id: str, reason: str = "") -> None:
    """Bar the account from everything, at once; nothing of what it did is lost. Not the office's last admin.

    Its sessions and links end, and so do its API tokens: `activate` brings none of them back.
    """
    _set_active(pe, acting, now, user_id, False, reason)


def activate(pe: ProcessEngine, acting: Actor, now: dt.datetime, user_id: str, reason: str = "") -> None:
    """Let a deactivated account in again."""
    _set_active(pe, acting, now, user_id, True, reason)


def seed_groups(pe: ProcessEngine, tenant_id: str) -> None:
    """Make the office's standard groups where they are missing."""
    run(pe, lambda db: put_standard_groups(db, tenant_id))


# For the modules about accounts ---------------------------------------------------------------------------------------

def hold(db: Connection, tenant_id: str, user_ids: Sequence[str]) -> None:
    """Let nobody else change these accounts until the transaction is over; what is read of them after this is what they are."""
    for at in range(0, len(user_ids), 500):
        db.execute(select(user.c.id).where(user.c.tenant_id == tenant_id, user.c.id.in_(user_ids[at:at + 500])).order_by(
            user.c.id).with_for_update())


def of_office(db: Connection, acting: Actor, user_id: str) -> dict:
    """An account of the actor's own office, else NotFound; in an open transaction."""
    found = _account(db, _by_id_in_office, id=user_id, tenant=acting.tenant, now=None)
    if found is None:
        raise NotFound(N_("Pengguna %(user)s tidak ditemukan."), user=user_id)
    return found


def account_in(rows: Sequence[RowMapping]) -> dict:
    """The account that rows of `with_groups` are."""
    groups = frozenset(row["group_id"] for row in rows if row["group_id"])
    heads = frozenset(row["group_id"] for row in rows if row["is_head"])
    return {column.name: rows[0][column.name] for column in _ACCOUNT} | {"groups": groups, "heads": heads,
                                                                         "stands_in": _stands_in(rows, groups)}


def put_groups(db: Connection, tenant_id: str, user_id: str, wanted: frozenset[str], heads: frozenset[str] = frozenset()) -> None:
    """Put an account into exactly these groups; Invalid for one that there is not."""
    known = set(db.execute(select(group_table.c.id).where(group_table.c.tenant_id == tenant_id)).scalars())
    for unknown in sorted(wanted - known):
        raise Invalid(N_("Grup %(group)s tidak ada."), field="groups", group=unknown)
    db.execute(delete(membership).where(membership.c.tenant_id == tenant_id, membership.c.user_id == user_id))
    if wanted:
        db.execute(insert(membership), [{"tenant_id": tenant_id, "group_id": g, "user_id": user_id, "is_head": g in heads}
                                        for g in sorted(wanted)])


def put_standard_groups(db: Connection, tenant_id: str) -> None:
    """`seed_groups`, in an open transaction."""
    known = set(db.execute(select(group_table.c.id).where(group_table.c.tenant_id == tenant_id)).scalars())
    missing = [{"tenant_id": tenant_id, "id": id, "name": name} for id, name in GROUPS.items() if id not in known]
    if missing:
        db.execute(insert(group_table), missing)


def keep_an_admin(db: Connection, acting: Actor) -> None:
    """Conflict where no active administrator would be left."""
    db.execute(select(tenant.c.id).where(tenant.c.id == acting.tenant).with_for_update())  # two admins removing one another
    query = select(user.c.id).join(membership, membership.c.user_id == user.c.id).where(
        membership.c.tenant_id == acting.tenant, membership.c.group_id == "admin", user.c.active).limit(1)
    if not acting.is_system and db.execute(query).scalar() is None:  # Terbit itself (the command line) may, and can repair it
        raise Conflict(N_("Harus tetap ada paling sedikit satu administrator yang aktif."))


def check_texts(**texts: str) -> None:
    """Invalid, with the field, for what is longer than 200 characters or not printable; a name must not be empty."""
    for field, text in texts.items():
        if len(text) > 200 or not text.isprintable():
            raise Invalid(N_("Paling panjang 200 karakter, tanpa karakter kendali."), field=field)
        if field == "name" and not text.strip():
            raise Invalid(N_("Nama wajib diisi."), field=field)


def new_stamp() -> str:
    """What an account's stamp becomes."""
    return secrets.token_urlsafe(16)


def end_everything(db: Connection, user_id: str) -> None:
    """End an account's sessions, its links, and what processes remember of it; its API tokens stay (`end_tokens`)."""
    db.execute(update(user).where(user.c.id == user_id).values(stamp=new_stamp()))
    db.execute(delete(web_session).where(web_session.c.user_id == user_id))
    db.execute(delete(password_link).where(password_link.c.user_id == user_id))


def end_tokens(db: Connection, user_id: str) -> dict[str, int]:
    """Revoke all of an account's API tokens; returns what an event says of it: `{"tokens": number}`, empty where there were none."""
    ended = db.execute(delete(api_token).where(api_token.c.user_id == user_id)).rowcount
    return {"tokens": ended} if ended else {}


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
        db.execute(update(user).where(user.c.id.in_(without)).values(stamp=new_stamp()))
        db.execute(delete(web_session).where(web_session.c.user_id.in_(without)))


def office_name(pe: ProcessEngine, tenant_id: str) -> str:
    with read(pe) as db:
        return db.execute(select(tenant.c.name).where(tenant.c.id == tenant_id)).scalar() or ""


# Inside ---------------------------------------------------------------------------------------------------------------

def _account(db: Connection, statement: Select, **parameters) -> dict | None:
    rows = db.execute(statement, parameters).mappings().all()
    return account_in(rows) if rows else None


def _stands_in(rows: Sequence[RowMapping], groups: frozenset[str]) -> tuple[StandIn, ...]:
    """The substitutions among an account's rows: none for a group that it is in itself, none for one that oversees."""
    found = {row["s_group"]: StandIn(row["s_kind"], row["s_group"], row["s_group_name"] or row["s_group"], row["s_absent_name"] or "",
                                     row["s_absent_title"] or "", row["s_decree"], row["s_ends_at"], row["s_is_head"])
             for row in rows if row["s_group"] and row["s_group"] not in groups | OVERSEERS}
    return tuple(found[group] for group in sorted(found))


def _set_active(pe: ProcessEngine, acting: Actor, now: dt.datetime, user_id: str, active: bool, reason: str) -> None:
    require(may_administer(acting))
    check_texts(reason=reason)
    said = {"reason": reason.strip()} if reason.strip() else {}

    def write(db: Connection) -> None:
        of_office(db, acting, user_id)
        db.execute(update(user).where(user.c.id == user_id).values(active=active))
        end_everything(db, user_id)
        ended = {} if active else end_tokens(db, user_id)
        keep_an_admin(db, acting)
        record(db, acting, now, "user.activated" if active else "user.deactivated", data={"user": user_id, **said, **ended})

    run(pe, write)
