"""Signing a channel in from an admin's browser: OAuth 2.0's authorization code with PKCE (RFC 6749, 4.1; RFC 7636; RFC 9700).

What the way there and back needs is a row, sealed: the browser knows the `state` alone, and that is good once, for ten minutes, for
this admin in this session. A step takes its row's content away before it calls out, so that of two returns with one code (a double
click) only one reaches the platform, which would take back what it gave if it saw the code twice (RFC 6749, 4.1.2). Where there are
several accounts to choose from, their tokens wait in the same row.

One address is returned to from every platform. So that one of them cannot have another's code sent to itself, an answer that names its
issuer (RFC 9207) must name the one that was asked.
"""

import datetime as dt
import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
import structlog
from cryptography.fernet import Fernet, InvalidToken

import connectors
from bpmn.errors import N_, Conflict, Invalid, NotFound, TerbitError
from connectors import http, masking, signing_in, watching
from engine import access, channels, tokens
from engine.process_engine import Actor, ProcessEngine
from engine.store import read, record, run
from engine.tables import channel_sign_in

WITHIN = dt.timedelta(minutes=10)
SECONDS = 40.0  # for all calls of one step
LONGEST_TOKEN = 20_000  # characters
MOST_ACCOUNTS = 500
REVOKED = ("refresh_token", "access_token")  # in that order: without the first no other is got
UNTRUE = N_("Jawaban platform tidak seperti yang seharusnya (%(what)s). Coba lagi; bila tetap begini, hubungi pembuat konektornya.")
_s = channel_sign_in.c
log = structlog.get_logger()


@dataclass(frozen=True)
class Step:
    """How far it came: the channel is signed in, or an account of several is to be chosen (`choices`)."""

    channel_id: str
    choose: bool


# Commands -------------------------------------------------------------------------------------------------------------

def begin(pe: ProcessEngine, actor: Actor, now: dt.datetime, session: str, channel_id: str, redirect_uri: str) -> str:
    """The platform's address to send the admin's browser to. `session`: of the browser, nobody else comes back with it.

    Raises NotFound where the channel is not signed in to so, Invalid and Conflict, told plainly.
    """
    access.require(access.may_administer(actor))
    with _told(pe, actor, now, channel_id):
        serving = _serving(pe, actor, channel_id)
        sign_in, client = serving.connector.sign_in(), _client(serving, redirect_uri)
        http.demand_tls(sign_in.authorization_endpoint, serving.allowed)
    state, verifier, address = _authorization(sign_in, client, redirect_uri)
    id = _digest(state)
    flow = {"verifier": verifier, "client": [client.id, client.secret], "mark": serving.mark, "redirect_uri": redirect_uri}

    def write(db: sa.Connection) -> None:
        mine = (_s.tenant_id == actor.tenant, _s.channel_id == channel_id, _s.user_id == actor.id)
        db.execute(sa.delete(channel_sign_in).where(sa.or_(sa.and_(*mine), _s.until <= now)))
        db.execute(sa.insert(channel_sign_in), {"id": id, "tenant_id": actor.tenant, "channel_id": channel_id, "user_id": actor.id,
                                                "session": session, "until": now + WITHIN, "sealed": _seal(pe, id, flow)})
        record(db, actor, now, "channel.sign_in_begun", data={"channel": channel_id})

    run(pe, write)
    return address


def finish(pe: ProcessEngine, actor: Actor, now: dt.datetime, session: str, answer: Mapping[str, str]) -> Step:
    """Take what the platform sent back with the browser. Raises Invalid and Conflict, told plainly, with the channel in `params`
    where it is known; then nothing is changed but that this answer is taken."""
    access.require(access.may_administer(actor))
    row, flow = _take(pe, actor, now, session, _digest(answer.get("state", "")), "verifier")
    with _told(pe, actor, now, row.channel_id):
        serving = _serving(pe, actor, row.channel_id)
        if serving.mark != flow["mark"]:
            raise Conflict(N_("Pengaturan kanal ini baru saja diubah. Mulai masuk sekali lagi."))
        sign_in, client = serving.connector.sign_in(), signing_in.Client(*flow["client"])
        code = _code(answer, sign_in)
        verifier = {"code_verifier": flow["verifier"]} if sign_in.pkce else {}
        given = signing_in.granted(sign_in, client, serving.allowed, grant_type="authorization_code", code=code,
                              redirect_uri=flow["redirect_uri"], **verifier)
        accounts = _accounts(serving.connector, sign_in, given)
        if hasattr(serving.connector, "register"):  # the app is of this sign-in alone, and is needed to end it
            for account in accounts:
                account["tokens"]["client"] = flow["client"]
        found = {"accounts": accounts, "mark": flow["mark"]}
        if len(accounts) == 1:
            _keep(pe, actor, now, row.channel_id, found, 0)
    if len(accounts) == 1:
        return Step(row.channel_id, False)
    one = sa.update(channel_sign_in).where(_s.id == row.id)
    run(pe, lambda db: db.execute(one.values(sealed=_seal(pe, row.id, found), until=now + WITHIN)))
    return Step(row.channel_id, True)


def choose(pe: ProcessEngine, actor: Actor, now: dt.datetime, session: str, channel_id: str, number: int) -> None:
    """Sign the channel in as the account of that number of `choices`."""
    access.require(access.may_administer(actor))
    waiting = _waiting(pe, actor, now, session, channel_id)
    if not 0 <= number < len(_open(pe, waiting)["accounts"]):
        raise Invalid(N_("Pilih salah satu."), field="account")
    _row, found = _take(pe, actor, now, session, waiting.id, "accounts")
    with _told(pe, actor, now, channel_id):
        _keep(pe, actor, now, channel_id, found, number)


def sign_out(pe: ProcessEngine, actor: Actor, now: dt.datetime, channel_id: str) -> bool:
    """Forget a channel's tokens, and let the platform do so. False where the platform was not told: an admin may do it there."""
    kept = tokens.forget(pe, actor, now, channel_id)
    run(pe, lambda db: channels.look_anew(db, actor.tenant, channel_id, now))
    with watching.watching(seconds=SECONDS):
        try:
            serving = _serving(pe, actor, channel_id)
            sign_in = serving.connector.sign_in()
            if not sign_in.revocation_endpoint:
                return False
            client = signing_in.Client(*kept["client"]) if "client" in kept else _given(serving)
            told = [_revoked(sign_in, client, serving.allowed, kept[kind], kind) for kind in REVOKED if kept.get(kind)]
        except (connectors.Failure, TerbitError) as problem:
            log.warning("channel.sign_out", channel=channel_id, why=str(problem)[:300])
            told = []
    run(pe, lambda db: record(db, actor, now, "channel.sign_in_revoked", data={"channel": channel_id, "ok": any(told)}))
    return any(told)


# Queries --------------------------------------------------------------------------------------------------------------

def choices(pe: ProcessEngine, actor: Actor, now: dt.datetime, session: str, channel_id: str) -> list[str]:
    """The names of the accounts that the admin may choose from. Conflict where there is nothing to choose (any more)."""
    access.require(access.may_administer(actor))
    return [account["name"] for account in _open(pe, _waiting(pe, actor, now, session, channel_id))["accounts"]]


def where_to_register(pe: ProcessEngine, actor: Actor, channel_id: str) -> tuple[bool, str]:
    """Of a channel that can be signed in to: whether it can be now, and where its platform is told Terbit's address (a msgid, or "")."""
    access.require(access.may_administer(actor))
    try:
        with masking.hiding():
            serving = _serving(pe, actor, channel_id)
            where = serving.connector.sign_in().where
    except connectors.Failure:
        return False, ""
    return hasattr(serving.connector, "register") or bool(serving.settings.get("client_id")), where


# Within ---------------------------------------------------------------------------------------------------------------

@contextmanager
def _told(pe: ProcessEngine, actor: Actor, now: dt.datetime, channel_id: str) -> Iterator[None]:
    """Calls are bounded in time, and what fails is an event, and an error that says which channel."""
    with watching.watching(seconds=SECONDS):
        try:
            yield
        except TerbitError as problem:
            refused = problem
        except connectors.Failure as failure:
            kind = Conflict if failure.kind == "temporary" else Invalid
            refused = kind(failure.message, **masking.hidden(failure.params))
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:  # what it says is not what the connector expects
            refused = Invalid(UNTRUE, what=type(error).__name__)
        else:
            return
        why = masking.hidden(str(refused))[:300]
    run(pe, lambda db: record(db, actor, now, "channel.sign_in_refused", data={"channel": channel_id, "why": why}))
    refused.where["channel"] = channel_id
    raise refused


def _serving(pe: ProcessEngine, actor: Actor, channel_id: str) -> channels.Serving:
    serving = channels.serving(pe, actor.tenant, channel_id)
    if not hasattr(serving.connector, "sign_in"):
        raise NotFound(N_("Kanal ini tidak dimasuki lewat peramban."))
    return serving


def _client(serving: channels.Serving, redirect_uri: str) -> signing_in.Client:
    if hasattr(serving.connector, "register"):
        made = serving.connector.register(redirect_uri)
        return signing_in.Client(_text(made, "client_id"), _text(made, "client_secret"))
    client = _given(serving)
    if not client.id:
        raise Invalid(N_("Isi dahulu ID aplikasi (client ID) pada pengaturan kanal ini, lalu simpan."))
    return client


def _given(serving: channels.Serving) -> signing_in.Client:
    return signing_in.Client(*(str(serving.settings.get(name) or "").strip() for name in ("client_id", "client_secret")))


def _authorization(sign_in: connectors.SignIn, client: signing_in.Client, redirect_uri: str) -> tuple[str, str, str]:
    from authlib.common.security import generate_token  # here, since few requests need it
    from authlib.common.urls import add_params_to_uri
    from authlib.oauth2.rfc7636 import create_s256_code_challenge

    state, verifier = generate_token(48), generate_token(64)
    asked = {"response_type": "code", sign_in.client_id_name: client.id, "redirect_uri": redirect_uri, "state": state,
             "scope": sign_in.separator.join(sign_in.scopes), **sign_in.params}
    if sign_in.pkce:
        asked |= {"code_challenge": create_s256_code_challenge(verifier), "code_challenge_method": "S256"}
    return state, verifier, add_params_to_uri(sign_in.authorization_endpoint, list(asked.items()))


def _code(answer: Mapping[str, str], sign_in: connectors.SignIn) -> str:
    named = answer.get("iss")
    if named and _origin(named) != _origin(sign_in.authorization_endpoint):
        raise Invalid(UNTRUE, what="iss")
    if answer.get("error"):
        said = ": ".join(part for part in (answer["error"], answer.get("error_description", "")) if part)[:300]
        if answer["error"] in ("access_denied", "user_cancelled_login", "user_cancelled_authorize"):
            raise Invalid(N_("Izin tidak diberikan di platform itu. Tidak ada yang berubah."))
        raise Invalid(N_("Platform itu menolak: %(said)s"), said=said)
    if not answer.get("code"):
        raise Invalid(UNTRUE, what="code")
    masking.hide([answer["code"]])
    return answer["code"]


def _origin(address: str) -> tuple[str, str]:
    try:
        parts = urlsplit(address)
    except ValueError:
        return "", ""
    return parts.scheme, parts.netloc


def _accounts(connector: Any, sign_in: connectors.SignIn, given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the admin may choose from: {name, config, tokens} each; at least one."""
    complete, accounts = getattr(connector, "complete_sign_in", None), getattr(connector, "accounts", None)
    got = dict(complete(given) if complete else given)
    _check(got)
    if not accounts:
        return [{"name": None, "config": {}, "tokens": _marked(got, sign_in)}]
    found: list[dict[str, Any]] = [
        {"name": str(account.name)[:200], "config": dict(account.config), "tokens": _marked(account.tokens or got, sign_in)}
        for account in accounts(got)[:MOST_ACCOUNTS]]
    if not found:
        raise Invalid(N_("Akun yang Anda pakai di platform itu tidak mengelola apa pun yang dapat dipakai di sini."))
    for account in found:
        _check(account["tokens"])
    return found


def _marked(got: Mapping[str, Any], sign_in: connectors.SignIn) -> dict[str, Any]:
    return dict(got) if sign_in.renewed_by == "refresh_token" else {**got, "renewed_by": sign_in.renewed_by}


def _check(got: Mapping[str, Any]) -> None:
    """Tokens as they can be used (RFC 6749, 5.1 and 7.1)."""
    _text(got, "access_token")
    if got.get("refresh_token") is not None:
        _text(got, "refresh_token")
    if str(got.get("token_type") or "bearer").lower() != "bearer":
        raise Invalid(UNTRUE, what="token_type")


def _text(got: Mapping[str, Any], name: str) -> str:
    value = got.get(name)
    if not isinstance(value, str) or not value or not value.isprintable() or len(value) > LONGEST_TOKEN:
        raise Invalid(UNTRUE, what=name)
    masking.hide([value])
    return value


def _keep(pe: ProcessEngine, actor: Actor, now: dt.datetime, channel_id: str, found: Mapping[str, Any], number: int) -> None:
    account = found["accounts"][number]

    def write(db: sa.Connection) -> None:
        config = channels.add_settings(db, actor, channel_id, found["mark"], account["config"])
        tokens.write(db, pe, actor, now, channel_id, account["tokens"], account["name"], config)
        channels.look_anew(db, actor.tenant, channel_id, now)

    run(pe, write)


def _revoked(sign_in: connectors.SignIn, client: signing_in.Client, allowed: frozenset[str], token: str, kind: str) -> bool:
    try:
        signing_in.revoke(sign_in, client, allowed, token, kind)
    except connectors.Failure as failure:
        log.warning("channel.revoke", why=str(failure)[:300])
        return False
    return True


# The rows -------------------------------------------------------------------------------------------------------------

def _take(pe: ProcessEngine, actor: Actor, now: dt.datetime, session: str, id: str, what: str) -> tuple[Any, dict[str, Any]]:
    """A row and what it holds, if that is `what` is wanted: taken by one, once."""
    with read(pe) as db:
        row = db.execute(sa.select(channel_sign_in).where(_s.id == id, *_mine(actor, session, now))).first()
    found = _open(pe, row) if row and row.sealed else {}
    problem: TerbitError | None = None
    if row is None or found and what not in found:
        problem = Invalid(N_("Jawaban ini tidak dikenal atau sudah lewat. Mulai masuk sekali lagi dari halaman kanal."))
    else:
        one = sa.update(channel_sign_in).where(_s.id == id, _s.sealed == row.sealed).values(sealed=None)
        if not found or run(pe, lambda db: db.execute(one)).rowcount != 1:
            problem = Conflict(N_("Jawaban ini sudah dipakai. Lihat di halaman kanal apakah kanalnya sudah masuk."))
    if problem is None:
        return row, found
    channel = {"channel": row.channel_id} if row else {}
    run(pe, lambda db: record(db, actor, now, "channel.sign_in_refused", data={**channel, "why": str(problem)}))
    problem.where |= channel
    raise problem


def _waiting(pe: ProcessEngine, actor: Actor, now: dt.datetime, session: str, channel_id: str) -> Any:
    query = sa.select(channel_sign_in).where(_s.channel_id == channel_id, _s.sealed.is_not(None), *_mine(actor, session, now))
    with read(pe) as db:
        row = db.execute(query).first()
    if row is None or "accounts" not in _open(pe, row):
        raise Conflict(N_("Waktu untuk memilih sudah lewat, atau sudah dipilih. Mulai masuk sekali lagi dari halaman kanal."))
    return row


def _mine(actor: Actor, session: str, now: dt.datetime) -> tuple[Any, ...]:
    return _s.tenant_id == actor.tenant, _s.user_id == actor.id, _s.session == session, _s.until > now


def _digest(state: str) -> str:
    return hashlib.sha256(state.encode("utf-8", "replace")).hexdigest()


def _seal(pe: ProcessEngine, id: str, what: Mapping[str, Any]) -> bytes:
    return Fernet(pe.fernet_key("tokens")).encrypt(json.dumps({"of": id, **what}).encode())


def _open(pe: ProcessEngine, row: Any) -> dict[str, Any]:
    try:
        found = json.loads(Fernet(pe.fernet_key("tokens")).decrypt(row.sealed))
    except InvalidToken:
        return {}
    return found if found["of"] == row.id else {}
