"""Whose account somebody has whom an OpenID provider vouches for, and in which groups they are by it.

An account is bound to the provider's issuer and subject for good; its name and address there may change. At the first
sign-in OIDC_FIRST_SIGN_IN says who gets in: nobody that is not bound yet ("refuse"), who has an account here of the name
in OIDC_USER_CLAIM ("link"), or whoever is in a mapped group there too ("create").
"""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from bpmn.errors import N_, Invalid
from engine import people
from engine.access import ADMIN
from engine.notices import EMAIL
from engine.oidc import Provider
from engine.process_engine import Actor, ProcessEngine
from engine.store import read, record, run
from engine.tables import identity, membership, user

_i = identity.c


def sign_in(pe: ProcessEngine, provider: Provider, claims: Mapping[str, Any], now: dt.datetime) -> dict:
    """Return the active account of whoever the claims are about, made or brought up to date; Invalid where they have none."""
    acting = Actor.system(provider.tenant)
    subject, wanted = str(claims["sub"])[:255], _groups(provider, claims)

    def write(db: sa.Connection) -> str:
        key = {"issuer": provider.issuer[:255], "subject": subject}
        owner = db.scalar(sa.select(_i.user_id).where(_i.issuer == key["issuer"], _i.subject == subject, _i.tenant_id == provider.tenant))
        if owner is None:
            owner = _first(db, acting, provider, claims, wanted, now)
            db.execute(sa.insert(identity), {**key, "tenant_id": provider.tenant, "user_id": owner, "created_at": now})
            record(db, acting, now, "user.identity_linked", data={"user": owner, **key})
        people.hold(db, acting.tenant, [owner])
        found = people.of_office(db, acting, owner)
        if not found["active"]:
            raise Invalid(N_("Akun %(user)s di Terbit nonaktif. Hubungi administrator."), user=owner)
        _put_groups(db, acting, provider, found, wanted, now)
        return owner

    owner = run(pe, write)
    found = people.account(pe, owner, now)
    assert found is not None
    return found


def has_second_factor(claims: Mapping[str, Any]) -> bool:
    """Whether the provider says that it asked for more than one factor (RFC 8176)."""
    named = claims.get("amr")
    return isinstance(named, list) and "mfa" in named


def of(pe: ProcessEngine, acting: Actor, user_id: str) -> list[dict]:
    """As whom providers know an account: `{issuer, subject, created_at}`; for who may see the account."""
    with read(pe) as db:
        return [dict(row) for row in db.execute(sa.select(_i.issuer, _i.subject, _i.created_at).where(
            _i.user_id == user_id, _i.tenant_id == acting.tenant).order_by(_i.created_at)).mappings()]


def _groups(provider: Provider, claims: Mapping[str, Any]) -> frozenset[str]:
    """The groups here that the provider's lead to."""
    given = claims.get(provider.groups_claim) or []
    given = given.replace(",", " ").split() if isinstance(given, str) else given
    theirs = [each for each in given if isinstance(each, str)] if isinstance(given, list) else []
    return frozenset(ours for each in theirs for ours in provider.groups.get(each, ()))


def _first(db: sa.Connection, acting: Actor, provider: Provider, claims: Mapping[str, Any], wanted: frozenset[str],
           now: dt.datetime) -> str:
    """The account that somebody gets who was not here before. An administrator's is given by its name only where the provider itself
    says that they are one: at some providers people choose their names."""
    name = str(claims.get(provider.user_claim) or "").strip().lower()
    if not people.USER_ID.fullmatch(name):
        raise Invalid(N_("%(provider)s tidak menyebut nama pengguna yang dapat dipakai di sini."), provider=provider.name)
    there = db.execute(sa.select(user.c.id, user.c.tenant_id).where(user.c.id == name)).first()
    bound = there and db.scalar(sa.select(_i.subject).where(_i.user_id == name, _i.issuer == provider.issuer[:255]))
    is_admin = there and db.scalar(sa.select(membership.c.user_id).where(membership.c.user_id == name, membership.c.group_id == ADMIN))
    is_barred = bound or (there and there.tenant_id != acting.tenant) or (is_admin and ADMIN not in wanted)
    if provider.first not in ("link", "create") or is_barred:
        raise Invalid(N_("Akun %(user)s belum boleh masuk lewat %(provider)s. Hubungi administrator."), user=name, provider=provider.name)
    if there:
        return name
    if provider.first != "create" or not wanted:
        raise Invalid(N_("Akun %(user)s belum terdaftar di Terbit. Hubungi administrator."), user=name)
    full, email = str(claims.get("name") or name), str(claims.get("email") or "")
    is_good = len(email) <= 200 and EMAIL.fullmatch(email) and claims.get("email_verified") is not False
    db.execute(sa.insert(user).values(
        id=name, tenant_id=acting.tenant, name="".join(c for c in full if c.isprintable())[:200].strip() or name,
        email=email if is_good else "", password_hash="", stamp=people.new_stamp(), active=True, created_at=now))
    record(db, acting, now, "user.created", data={"user": name, "groups": [], "heads": [], "by": provider.issuer})
    return name


def _put_groups(db: sa.Connection, acting: Actor, provider: Provider, found: dict, wanted: frozenset[str], now: dt.datetime) -> None:
    """Of the groups that the mapping names, exactly the wanted ones; all others, and who is head, stay. The last admin stays one."""
    mapped = frozenset(ours for each in provider.groups.values() for ours in each)
    groups = found["groups"] - mapped | wanted
    if ADMIN in found["groups"] - groups and _is_last_admin(db, acting, found["id"]):
        groups |= {ADMIN}
    if groups == found["groups"]:
        return
    people.put_groups(db, acting.tenant, found["id"], groups, found["heads"] & groups)
    people.end_sessions_without_second_factor(db, acting.tenant, [found["id"]])
    record(db, acting, now, "user.groups_set", data={"user": found["id"], "groups": sorted(groups), "from": sorted(found["groups"]),
                                                     "by": provider.issuer})


def _is_last_admin(db: sa.Connection, acting: Actor, user_id: str) -> bool:
    return db.scalar(sa.select(membership.c.user_id).join(user, user.c.id == membership.c.user_id).where(
        membership.c.tenant_id == acting.tenant, membership.c.group_id == ADMIN, user.c.active, user.c.id != user_id).limit(1)) is None
