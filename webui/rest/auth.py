"""Who calls: HTTP Basic or a bearer token, never a session's cookie (so there is nothing to forge across sites).

A password that was right is remembered for a while, so that it is hashed once and not on every request: under an HMAC
with a key that only this process has, and bound to the account's stamp, so that a changed password or a deactivated
account ends it at once.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
import threading
import time
from collections import OrderedDict

from flask import Response, request
from limits import parse, parse_many

from engine import api_tokens, credentials, people, second_factor, tallies
from engine.process_engine import Actor, ProcessEngine
from webui.rest.errors import reply
from webui.security import STRANGER_LIMIT, limiter

FAILURES = parse_many("10 per minute; 100 per hour")  # failed sign-ins, per address and name
GUESSES = parse("60 per minute")  # failed sign-ins of whatever names, per address: more than one forgotten password in a script
STRANGERS = parse(STRANGER_LIMIT)  # calls without a good sign-in, per address
REMEMBERED_SECONDS, REMEMBERED_MOST = 300, 2048


class Refused(Exception):
    """The call is not signed in, or has failed too often: `response` says so."""

    def __init__(self, response: Response):
        self.response = response


class Remembered:
    """Passwords that were right: keyed digest -> (stamp, until when). Bounded, and for many threads."""

    def __init__(self, seconds: float = REMEMBERED_SECONDS, most: int = REMEMBERED_MOST):
        self._seconds, self._most = seconds, most
        self._key = secrets.token_bytes(32)
        self._lock = threading.Lock()
        self._known: OrderedDict[bytes, tuple[str, float]] = OrderedDict()

    def stamp(self, user_id: str, password: str, at: float) -> str | None:
        """The stamp of the account when this password was right for it, if that is still remembered."""
        with self._lock:
            stamp, until = self._known.get(self._digest(user_id, password), (None, 0.0))
        return stamp if at < until else None

    def add(self, user_id: str, password: str, stamp: str, at: float) -> None:
        """Remember that the password is right; forget the oldest where it gets too much."""
        with self._lock:
            self._known[self._digest(user_id, password)] = (stamp, at + self._seconds)
            while len(self._known) > self._most:
                self._known.popitem(last=False)

    def _digest(self, user_id: str, password: str) -> bytes:
        return hmac.digest(self._key, f"{len(user_id)}:{user_id}{password}".encode("utf-8", "surrogatepass"), hashlib.sha256)


remembered = Remembered()


def identify(pe: ProcessEngine, now, scope: str) -> Actor:
    """The actor that the request's Authorization header speaks for; Refused with 401, or 429 after too many failures.

    Refused with 403 where it is a token that is not good for `scope`.
    """
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    address = request.remote_addr or ""
    if scheme.lower() == "bearer":
        found = api_tokens.bearer(pe, value.strip(), now)
        if found is None:
            return _fail(address)
        account, scopes = found
        if scope not in scopes:
            raise Refused(reply(403, "AuthorizationException", f"This token is not good for it: it needs the scope '{scope}'"))
        return people.actor_of(account)
    user_id, password = _basic(scheme, value)
    if user_id is None:
        return _fail(address)
    stamp = remembered.stamp(user_id, password, time.monotonic())
    if stamp and (actor := people.actor(pe, user_id, stamp, now)):
        return actor
    return _sign_in(pe, user_id, password, address, now)


def limit_strangers() -> None:
    """Count a call that nobody signed; Refused with 429 where there were too many from its address."""
    if not limiter.limiter.hit(STRANGERS, "rest-stranger", request.remote_addr or ""):
        raise Refused(_too_many(STRANGERS, "rest-stranger", request.remote_addr or ""))


def _sign_in(pe: ProcessEngine, user_id: str, password: str, address: str, now) -> Actor:
    limits = [(each, ("rest-failure", address, user_id[:64])) for each in FAILURES] + [(GUESSES, ("rest-guess", address))]
    for each, key in limits:
        if not limiter.limiter.test(each, *key):
            raise Refused(_too_many(each, *key))
    account = credentials.authenticate(pe, user_id, password, now)
    if account is None or not second_factor.may_use_password_alone(pe, account):  # no word about which: it would say that it was right
        for each, key in limits:
            limiter.limiter.hit(each, *key)
        tallies.sign_in_failed(pe, now, user_id)
        return _fail(address)
    remembered.add(user_id, password, account["stamp"], time.monotonic())
    return people.actor_of(account)


def _basic(scheme: str, value: str) -> tuple[str, str] | tuple[None, str]:
    if scheme.lower() != "basic":
        return None, ""
    try:
        user_id, colon, password = base64.b64decode(value.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return None, ""
    return (user_id.strip().lower(), password) if colon and "\0" not in user_id else (None, "")


def _fail(address: str) -> Actor:
    limit_strangers()
    response = reply(401, "RestException", "Sign in with HTTP Basic or with a bearer token (with a second factor: with a token)")
    response.headers["WWW-Authenticate"] = 'Basic realm="Terbit", charset="UTF-8", Bearer realm="Terbit"'
    raise Refused(response)


def _too_many(limit, *key: str) -> Response:
    reset, _ = limiter.limiter.get_window_stats(limit, *key)
    response = reply(429, "RestException", "Too many attempts; try again later")
    response.headers["Retry-After"] = str(max(1, int(reset - time.time()) + 1))
    return response
