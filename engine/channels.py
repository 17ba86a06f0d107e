"""Channels: which connector serves `website`, `facebook`, …, and with which settings.

Secrets are encrypted at rest (Fernet; the key is derived from `secret.key` in the instance folder, outside the
database), go in and never come out: queries and the history only say which are set.
"""

import datetime as dt
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
from cryptography.fernet import Fernet, InvalidToken

import connectors
from bpmn.errors import N_, Conflict, Invalid, NotFound
from connectors import masking, slugs
from engine import access, public_files, tokens, values
from engine.process_engine import DEFAULT_TENANT, Actor, ProcessEngine
from engine.store import read, record, run
from engine.tables import channel, channel_health
from engine.tables import tenant as tenant_table

FRESH = (  # what a new office starts with: (id, name, connector)
    ("website", "Website", "site"),
    ("facebook", "Facebook", "manual"),
    ("instagram", "Instagram", "manual"),
    ("x", "X", "manual"),
    ("youtube", "YouTube", "manual"),
    ("tiktok", "TikTok", "manual"),
    ("telegram", "Telegram", "manual"),
)
PAUSE_SECONDS = 60.0  # after which a job looks again whether its channel is resumed
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


# Commands -------------------------------------------------------------------------------------------------------------

def seed_channels(pe: ProcessEngine, now: dt.datetime, tenant: str) -> None:
    """Give a fresh office its channels; one that has any is left as it is."""
    def insert(db: sa.Connection) -> None:
        if db.scalar(sa.select(channel.c.id).where(channel.c.tenant_id == tenant).limit(1)) is None:
            db.execute(sa.insert(channel), [
                {"tenant_id": tenant, "id": id, "name": name, "connector": connector, "config": {}, "position": position}
                for position, (id, name, connector) in enumerate(FRESH)])
            db.execute(sa.insert(channel_health), [_unseen(tenant, id, now) for id, _, _ in FRESH])
            record(db, Actor.system(tenant), now, "channels.seeded", data={"channels": [id for id, _, _ in FRESH]})

    run(pe, insert)


def save_channel(pe: ProcessEngine, actor: Actor, now: dt.datetime, *, id: str, name: str, connector: str, config: dict[str, Any],
                 secrets: dict[str, str | None] | None = None, enabled: bool = True, position: int | None = None,
                 expires_on: dt.date | None = None) -> dict[str, Any]:
    """Make a channel, or change it; returns it as `channels` does. `expires_on`: the last day of its credentials, where one is known.

    `config` and `secrets` are checked against the connector's fields: Invalid holds one problem per field. A secret
    that is not given, or empty, stays as it was; None removes it. With another connector the old secrets are gone.
    """
    access.require(access.may_administer(actor))
    kind = _find(connector)
    problems = [] if _ID.fullmatch(id) else [Invalid(N_("Pakai huruf kecil, angka, dan tanda hubung (paling banyak 40)."), field="id")]
    if not name.strip():
        problems.append(Invalid(N_("Isi nama kanal."), field="name"))
    clean, wrong = _checked_config(kind, config)
    problems += wrong

    def save(db: sa.Connection) -> dict[str, Any]:
        old = db.execute(sa.select(channel).where(_one(actor.tenant, id)).with_for_update()).mappings().first()
        kept = _kept(pe, old) if old and old["connector"] == connector else {}
        merged, wrong = _checked_secrets(kind, kept, secrets or {})
        if problems or wrong:
            raise Invalid(N_("Kanal ini belum dapat disimpan."), problems=problems + wrong)
        row = {"name": name.strip(), "connector": connector, "config": clean, "secrets": _seal(pe, actor.tenant, id, merged),
               "enabled": enabled, "position": position if position is not None else old["position"] if old else len(FRESH),
               "expires_on": expires_on}
        if old and old["connector"] != connector:
            row |= {"not_before": None}  # that was the other platform's
        if old and (old["connector"] != connector or _moved(kind, old["config"], clean)):
            row |= tokens.SIGNED_OUT  # and what it gave goes to no other
        if old:
            db.execute(sa.update(channel).where(_one(actor.tenant, id)).values(row))
        else:
            db.execute(sa.insert(channel), {"tenant_id": actor.tenant, "id": id, **row})
        if old is None or any(old[name] != row[name] for name in ("connector", "config", "expires_on")) or kept != merged:
            look_anew(db, actor.tenant, id, now)
        record(db, actor, now, "channel.saved", data={
            "channel": id, "name": row["name"], "connector": connector, "config": clean, "enabled": enabled,
            "expires_on": expires_on.isoformat() if expires_on else None,
            "secrets_changed": sorted(key for key in merged.keys() | kept.keys() if merged.get(key) != kept.get(key))})
        return _shown({"id": id, **row}, merged)

    try:
        return run(pe, save)
    except sa.exc.IntegrityError:
        raise Conflict(N_("Kanal ini baru saja dibuat oleh orang lain.")) from None


def enable_channel(pe: ProcessEngine, actor: Actor, now: dt.datetime, channel_id: str) -> None:
    """Let it be published to again."""
    _set_enabled(pe, actor, now, channel_id, True)


def disable_channel(pe: ProcessEngine, actor: Actor, now: dt.datetime, channel_id: str) -> None:
    """From now on what is meant for it goes to a person's hand; cases keep it in their list."""
    _set_enabled(pe, actor, now, channel_id, False)


def pause_channel(pe: ProcessEngine, actor: Actor, now: dt.datetime, channel_id: str, why: str) -> None:
    """From now on what is to be published there waits, without an attempt, until it is resumed."""
    _set_paused(pe, actor, now, channel_id, now, values.reason(why))


def resume_channel(pe: ProcessEngine, actor: Actor, now: dt.datetime, channel_id: str) -> None:
    """Let what waits be published, within a minute."""
    _set_paused(pe, actor, now, channel_id, None, None)


# Queries --------------------------------------------------------------------------------------------------------------

def channels(pe: ProcessEngine, actor: Actor) -> list[dict[str, Any]]:
    """Every channel in its order, for an admin: {id, name, connector, config, secrets_set: [names], enabled, position}."""
    access.require(access.may_administer(actor))
    with read(pe) as db:
        query = sa.select(channel).where(channel.c.tenant_id == actor.tenant).order_by(channel.c.position, channel.c.id)
        return [_shown(row, _kept(pe, row)) for row in db.execute(query).mappings()]


def channel_of(pe: ProcessEngine, actor: Actor, channel_id: str) -> dict[str, Any]:
    """One channel, as `channels` gives it."""
    access.require(access.may_administer(actor))
    with read(pe) as db:
        row = _row(db, actor.tenant, channel_id)
        return _shown(row, _kept(pe, row))


def channel_names(pe: ProcessEngine, actor: Actor) -> dict[str, str]:
    """{id: name} of the enabled channels in their order, for everybody in the office."""
    with read(pe) as db:
        rows = db.execute(sa.select(channel.c.id, channel.c.name).where(channel.c.tenant_id == actor.tenant, channel.c.enabled)
                          .order_by(channel.c.position, channel.c.id))
        return {row.id: row.name for row in rows}


def rules_names(pe: ProcessEngine, actor: Actor) -> dict[str, tuple[str, str, bool]]:
    """{id: (name, the name of its rules in `connectors.rules`, whether long texts become threads)} of the enabled channels, for everybody
    in the office: the rules of the platform that its connector speaks to, else those of its id (a person's hand publishes to `facebook`
    what fits Facebook)."""
    with read(pe) as db:
        rows = db.execute(sa.select(channel.c.id, channel.c.name, channel.c.connector, channel.c.config).where(
            channel.c.tenant_id == actor.tenant, channel.c.enabled).order_by(channel.c.position, channel.c.id)).all()
    installed = connectors.all_connectors()
    return {row.id: (row.name, getattr(installed.get(row.connector), "rules", "") or row.id, bool(row.config.get("thread")))
            for row in rows}


def by_connector(pe: ProcessEngine, actor: Actor) -> dict[str, list[tuple[str, str]]]:
    """(id, name) of every enabled channel by its connector's name, for who draws processes that publish. One statement."""
    access.require(access.may_deploy(actor))
    query = sa.select(channel.c.connector, channel.c.id, channel.c.name).where(
        channel.c.tenant_id == actor.tenant, channel.c.enabled).order_by(channel.c.id)
    found: dict[str, list[tuple[str, str]]] = {}
    with read(pe) as db:
        for row in db.execute(query):
            found.setdefault(row.connector, []).append((row.id, row.name))
    return found


def connector_for(pe: ProcessEngine, tenant: str, channel_id: str, *, disabled_too: bool = False) -> connectors.Connector:
    """The connector that serves a channel, with its settings. NotFound where there is no such channel;
    connectors.Failure where it is paused (NotYet), disabled (NotByMachine) or its connector or key is gone (permanent)."""
    with read(pe) as db:
        row = _row(db, tenant, channel_id)
    if row["paused_at"] and not disabled_too:
        raise connectors.NotYet(PAUSE_SECONDS)
    if not row["enabled"] and not disabled_too:
        raise connectors.NotByMachine(N_("Kanal ini sedang dimatikan."))
    return _connector(pe, row, _opened(pe, row))


@dataclass(frozen=True, repr=False)  # secrets are in it
class Serving:
    """What serves a channel, whether that is switched on or not."""

    connector: Any  # a `connectors.Connector`
    settings: Mapping[str, Any]  # by their fields' names
    allowed: frozenset[str]  # "host:port" that may be called though private
    mark: str  # others' changes to the settings change it


def serving(pe: ProcessEngine, tenant: str, channel_id: str) -> Serving:
    """As `connector_for`, with what an admin has filled in."""
    with read(pe) as db:
        row = _row(db, tenant, channel_id)
    secrets = _opened(pe, row)
    return Serving(_connector(pe, row, secrets), {**row["config"], **secrets}, context(pe, tenant).allowed_private_hosts, _mark(row))


def add_settings(db: sa.Connection, actor: Actor, channel_id: str, mark: str, more: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a channel with these in it, for who writes them in the same transaction. Conflict where they are others than at
    the time of `mark`, Invalid where its connector does not take these."""
    row = db.execute(sa.select(channel).where(_one(actor.tenant, channel_id)).with_for_update()).mappings().first()
    if row is None or _mark(row) != mark:
        raise Conflict(N_("Pengaturan kanal ini baru saja diubah. Mulai masuk sekali lagi."))
    fields = {field.name: field for field in _find(row["connector"]).fields if field.type != "secret"}
    try:
        return {**row["config"], **{name: _value(fields[name], value) for name, value in more.items()}}
    except (KeyError, ValueError, TypeError, OverflowError):
        raise Invalid(N_("Akun ini tidak dapat dipakai: jawaban platformnya tidak seperti yang seharusnya.")) from None


def look_anew(db: sa.Connection, tenant: str, channel_id: str, now: dt.datetime) -> None:
    """What was found of a channel holds no more: the worker looks at it soon."""
    db.execute(sa.delete(channel_health).where(channel_health.c.tenant_id == tenant, channel_health.c.channel_id == channel_id))
    db.execute(sa.insert(channel_health), _unseen(tenant, channel_id, now))


def context(pe: ProcessEngine, tenant: str = DEFAULT_TENANT, office: str = "") -> connectors.Context:
    """What the installation gives to every connector. Its own address may always be called: `site` is read back from it."""
    base_url = str(pe.config.get("BASE_URL", "http://127.0.0.1:8000")).rstrip("/")
    parts = urlsplit(base_url)
    own = f"{parts.hostname}:{parts.port or {'https': 443}.get(parts.scheme, 80)}"
    allowed = pe.config.get("ALLOWED_PRIVATE_HOSTS") or []
    allowed = allowed.split(",") if isinstance(allowed, str) else allowed  # from the environment it is one string
    return connectors.Context(pe.folder, base_url, frozenset({own, *(host.strip() for host in allowed)}), office, _place(tenant),
                              public=public_files.publisher(pe, base_url))


def _place(tenant: str) -> str:
    """An office's own corner of what all share; the installation's first office has the whole. No two offices get the same."""
    if tenant == DEFAULT_TENANT:
        return ""
    plain = slugs.slug(tenant, 60)
    return f"kantor/{plain}/" if plain == tenant else f"kantor/{plain}-{hashlib.sha256(tenant.encode()).hexdigest()[:12]}/"


# Within ---------------------------------------------------------------------------------------------------------------

def _one(tenant: str, id: str) -> Any:
    return sa.and_(channel.c.tenant_id == tenant, channel.c.id == id)


def _row(db: sa.Connection, tenant: str, id: str) -> sa.RowMapping:
    query = sa.select(channel, tenant_table.c.name.label("office")).join(tenant_table, tenant_table.c.id == channel.c.tenant_id)
    row = db.execute(query.where(_one(tenant, id))).mappings().first()
    if row is None:
        raise NotFound(N_("Kanal tidak ditemukan."))
    return row


def _set_enabled(pe: ProcessEngine, actor: Actor, now: dt.datetime, channel_id: str, enabled: bool) -> None:
    access.require(access.may_administer(actor))

    def update(db: sa.Connection) -> None:
        if _row(db, actor.tenant, channel_id)["enabled"] != enabled:
            db.execute(sa.update(channel).where(_one(actor.tenant, channel_id)).values(enabled=enabled))
            record(db, actor, now, "channel.enabled" if enabled else "channel.disabled", data={"channel": channel_id})

    run(pe, update)


def _set_paused(pe: ProcessEngine, actor: Actor, now: dt.datetime, channel_id: str, since: dt.datetime | None, why: str | None) -> None:
    access.require(access.may_administer(actor))

    def update(db: sa.Connection) -> None:
        if bool(_row(db, actor.tenant, channel_id)["paused_at"]) != bool(since):
            db.execute(sa.update(channel).where(_one(actor.tenant, channel_id)).values(paused_at=since, pause_reason=why))
            record(db, actor, now, "channel.paused" if since else "channel.resumed", data={"channel": channel_id, "reason": why})

    run(pe, update)


def _opened(pe: ProcessEngine, row: Any) -> dict[str, str]:
    """The channel's secrets, hidden from now on in all that is written down. Raises Failure."""
    try:
        secrets = _open(pe, row)
    except InvalidToken:
        raise connectors.Failure(N_("Rahasia kanal ini tidak dapat dibuka; isi sekali lagi di halaman Kanal."), "permanent") from None
    masking.hide(secrets.values())
    return secrets


def _connector(pe: ProcessEngine, row: Any, secrets: dict[str, str]) -> connectors.Connector:
    tenant = row["tenant_id"]
    given = replace(context(pe, tenant, row["office"]), tokens=tokens.ChannelTokens(pe, tenant, row["id"]))
    return connectors.find(row["connector"])(row["config"], secrets, given)


def _mark(row: Any) -> str:
    settings = json.dumps([row["connector"], row["config"]], sort_keys=True).encode()
    return hashlib.sha256(settings + (row["secrets"] or b"")).hexdigest()


def _moved(kind: type[connectors.Connector], old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether another server is meant from now on."""
    return any(old.get(field.name) != new.get(field.name) for field in kind.fields if field.type == "url")


def _unseen(tenant: str, id: str, now: dt.datetime) -> dict[str, Any]:
    """A channel that is to be looked at: see `engine.health`."""
    return {"tenant_id": tenant, "channel_id": id, "state": "unknown", "since": now, "check_at": now}


def _find(connector: str) -> type[connectors.Connector]:
    try:
        return connectors.find(connector)
    except connectors.Failure as failure:
        raise Invalid(failure.message, field="connector", **failure.params) from failure


def _shown(row: Any, secrets: dict[str, str]) -> dict[str, Any]:
    return {**{key: row[key] for key in ("id", "name", "connector", "config", "enabled", "position")},
            **{key: row.get(key) for key in ("expires_on", "paused_at", "pause_reason")},
            **{key: row.get(key) for key in ("signed_in_at", "signed_in_as", "sign_in_ends_at")}, "secrets_set": sorted(secrets)}


def _checked_config(kind: type[connectors.Connector], config: dict[str, Any]) -> tuple[dict[str, Any], list[Invalid]]:
    fields = {field.name: field for field in kind.fields if field.type != "secret"}
    problems = [Invalid(N_("Pengaturan %(name)s tidak dikenal."), field=name, name=name) for name in config if name not in fields]
    clean = {}
    for field in fields.values():
        value = config.get(field.name)
        value = value.strip() if isinstance(value, str) else value
        if value in (None, ""):
            if field.required:
                problems.append(Invalid(N_("Wajib diisi."), field=field.name))
            continue
        try:
            clean[field.name] = _value(field, value)
        except (ValueError, TypeError, OverflowError):
            problems.append(Invalid(_WRONG[field.type], field=field.name))
    return clean, problems


_WRONG = {
    "text": N_("Isi dengan teks, paling banyak 2000 huruf."),
    "lines": N_("Isi dengan teks, paling banyak 20.000 huruf."),
    "url": N_("Isi dengan alamat lengkap, diawali http:// atau https://."),
    "number": N_("Isi dengan angka."),
    "boolean": N_("Pilih ya atau tidak."),
    "select": N_("Pilih salah satu."),
}


def _value(field: connectors.Field, value: Any) -> Any:
    """The setting as its type has it; ValueError or TypeError where it is not one."""
    if field.type == "boolean":
        if isinstance(value, bool) or value in ("true", "false", "1", "0", "on"):
            return value in (True, "true", "1", "on")
        raise ValueError(value)
    if field.type == "number":
        number = float(value)
        if number != number or abs(number) == float("inf") or isinstance(value, bool):
            raise ValueError(value)
        return int(number) if number.is_integer() else number
    if not isinstance(value, str) or len(value) > (20_000 if field.type == "lines" else 2000):
        raise ValueError(value)
    if field.type == "url" and not (re.fullmatch(r"https?://[^\s\\@]+", value) and urlsplit(value).hostname):
        raise ValueError(value)
    if field.type == "select" and value not in {option for option, _ in field.options}:
        raise ValueError(value)
    return value


def _checked_secrets(kind: type[connectors.Connector], kept: dict[str, str],
                     given: dict[str, str | None]) -> tuple[dict[str, str], list[Invalid]]:
    fields = {field.name: field for field in kind.fields if field.type == "secret"}
    problems = [Invalid(N_("Pengaturan %(name)s tidak dikenal."), field=name, name=name) for name in given if name not in fields]
    merged = {name: value for name, value in kept.items() if name in fields and given.get(name, "") is not None}
    merged |= {name: value for name, value in given.items() if name in fields and isinstance(value, str) and value}
    problems += [Invalid(N_("Wajib diisi."), field=name) for name, field in fields.items() if field.required and name not in merged]
    return merged, problems


def _seal(pe: ProcessEngine, tenant: str, id: str, secrets: dict[str, str]) -> bytes | None:
    """The secrets, readable only with this installation's key and only as this channel's."""
    sealed = {"of": [tenant, id], "secrets": secrets}
    return Fernet(pe.fernet_key("channels")).encrypt(json.dumps(sealed).encode()) if secrets else None


def _kept(pe: ProcessEngine, row: Any) -> dict[str, str]:
    """The channel's secrets; none where they cannot be opened any more, so that an admin can enter them anew."""
    try:
        return _open(pe, row)
    except InvalidToken:
        return {}


def _open(pe: ProcessEngine, row: Any) -> dict[str, str]:
    if not row["secrets"]:
        return {}
    sealed = json.loads(Fernet(pe.fernet_key("channels")).decrypt(row["secrets"]))
    if sealed["of"] != [row["tenant_id"], row["id"]]:
        raise InvalidToken
    return sealed["secrets"]
