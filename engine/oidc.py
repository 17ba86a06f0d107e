"""Signing in by an OpenID provider: the authorization code flow with PKCE, state and nonce (OpenID Connect Core 1.0).

Where the provider is, stands in config.toml only. Its metadata are found by discovery; every address in them must be of
the issuer's host, or of one in OIDC_HOSTS, and by TLS unless the issuer itself is on this machine. Whose account it
leads to: `engine.oidc_accounts`.
"""

import datetime as dt
import hmac
import io
import json
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

import requests
import structlog

from bpmn.errors import N_, Conflict, Invalid
from engine.credentials import LOCAL_PASSWORDS
from engine.process_engine import DEFAULT_TENANT, ProcessEngine

KEPT_SECONDS = 3600.0  # metadata and keys
AWAY_SECONDS = 10.0  # for which a provider that did not answer is not asked again: strangers can have it asked
ASKED_AGAIN_SECONDS = 60.0  # for keys, where a token names one that is not known
TIMEOUT = (5, 10)  # seconds to connect, and between bytes
LEEWAY = 60  # seconds that clocks may differ by
LONGEST_ANSWER = 1 << 20  # bytes
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")  # no none, no HMAC
LOOPBACK = ("127.0.0.1", "localhost", "::1")
FIRST_SIGN_IN = ("refuse", "link", "create")

log = structlog.get_logger()


@dataclass(frozen=True)
class Provider:
    """What config.toml says of it."""

    issuer: str
    client_id: str
    client_secret: str
    name: str  # on the button
    scope: str
    user_claim: str  # whose value is the account's name, when it is first seen
    groups_claim: str
    groups: Mapping[str, tuple[str, ...]]  # the provider's group -> groups here
    first: str  # who gets in at the first time: see FIRST_SIGN_IN
    hosts: frozenset[str]  # host[:port] of its endpoints, beside the issuer's own
    tenant: str


@dataclass
class _Known:
    metadata: dict[str, Any] = field(default_factory=dict)
    keys: Any = None
    until: float = 0.0
    away_until: float = 0.0
    keys_asked: float = 0.0


_known: dict[str, _Known] = {}
_lock = threading.Lock()


def settings_of(pe: ProcessEngine) -> Provider | None:
    """The provider of this installation; None where there is none."""
    config = pe.config
    issuer = str(config.get("OIDC_ISSUER") or "")
    if not issuer:
        return None
    groups, hosts = config.get("OIDC_GROUPS") or {}, config.get("OIDC_HOSTS") or ()
    groups = json.loads(groups) if isinstance(groups, str) else groups  # from the environment each is one string
    hosts = hosts.split(",") if isinstance(hosts, str) else hosts
    return Provider(
        issuer=issuer, client_id=str(config.get("OIDC_CLIENT_ID", "")), client_secret=str(config.get("OIDC_CLIENT_SECRET", "")),
        name=str(config.get("OIDC_NAME") or urlsplit(issuer).hostname or issuer),
        scope=str(config.get("OIDC_SCOPE", "openid profile email")),
        user_claim=str(config.get("OIDC_USER_CLAIM", "preferred_username")), groups_claim=str(config.get("OIDC_GROUPS_CLAIM", "groups")),
        groups={theirs: (ours,) if isinstance(ours, str) else tuple(ours) for theirs, ours in groups.items()},
        first=str(config.get("OIDC_FIRST_SIGN_IN", "link")), hosts=frozenset(hosts), tenant=str(config.get("OIDC_TENANT", DEFAULT_TENANT)))


def problems(pe: ProcessEngine) -> list[str]:
    """What is wrong with what config.toml says, in English, for who runs the installation; asks the provider."""
    provider, who = settings_of(pe), pe.config.get("LOCAL_PASSWORDS", "everyone")
    found = [] if who in LOCAL_PASSWORDS else [f"LOCAL_PASSWORDS is {who!r}; it can be {', '.join(LOCAL_PASSWORDS)}"]
    if provider is None:
        return found + (["LOCAL_PASSWORDS closes passwords, but there is no OIDC_ISSUER: nobody may sign in"] if who == "nobody" else [])
    if provider.first not in FIRST_SIGN_IN:
        found.append(f"OIDC_FIRST_SIGN_IN is {provider.first!r}; it can be {', '.join(FIRST_SIGN_IN)}")
    if not provider.client_id or not provider.client_secret:
        found.append("OIDC_CLIENT_ID or OIDC_CLIENT_SECRET is missing")
    try:
        with _session(provider, "") as session:
            metadata = _metadata(provider, session)
            for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
                _endpoint(provider, metadata, name)
    except (Invalid, Conflict):
        found.append(f"{provider.issuer} does not answer as it must; the log says why (oidc.refused, oidc.away)")
    return found


def begin(provider: Provider, redirect_uri: str) -> tuple[str, dict[str, str]]:
    """Return the provider's address to send the browser to, and what its answer is held against, which stays with the browser's session."""
    flow = {"state": secrets.token_urlsafe(32), "nonce": secrets.token_urlsafe(32), "verifier": secrets.token_urlsafe(48)}
    with _session(provider, redirect_uri) as session:
        metadata = _metadata(provider, session)
        address, _ = session.create_authorization_url(_endpoint(provider, metadata, "authorization_endpoint"), state=flow["state"],
                                                      nonce=flow["nonce"], code_verifier=flow["verifier"])
    return address, flow


def finish(provider: Provider, flow: Mapping[str, str], answer: Mapping[str, str], redirect_uri: str, now: dt.datetime) -> dict[str, Any]:
    """Return the claims about whoever came back from the provider. Invalid, told plainly, for whatever is not as it must be."""
    if not flow or not hmac.compare_digest(flow["state"].encode(), answer.get("state", "").encode("utf-8", "replace")):
        raise Invalid(N_("Proses masuk ini tidak dikenal atau sudah lewat. Mulailah lagi dari halaman masuk."))
    with _session(provider, redirect_uri) as session:
        metadata = _metadata(provider, session)
        named = answer.get("iss")  # RFC 9207: who answers
        if named != provider.issuer and (named or metadata.get("authorization_response_iss_parameter_supported")):
            raise _refused("issuer", "the answer names another issuer")
        if answer.get("error"):
            if answer["error"] == "access_denied":
                raise Invalid(N_("Masuk lewat %(provider)s dibatalkan."), provider=provider.name)
            raise _refused("answer", answer["error"][:100])
        tokens = _exchange(provider, session, metadata, answer.get("code", ""), flow["verifier"])
        claims = _checked(provider, session, metadata, tokens, flow["nonce"], now)
        return claims | _user_info(provider, session, metadata, claims)


def logout_address(provider: Provider, back: str) -> str | None:
    """Where one signs out of the provider too (RP-initiated logout 1.0); None where it has no such page."""
    with _session(provider, "") as session:
        metadata = _metadata(provider, session)
    if not metadata.get("end_session_endpoint"):
        return None
    address = _endpoint(provider, metadata, "end_session_endpoint")
    return f"{address}{'&' if '?' in address else '?'}" + urlencode({"client_id": provider.client_id, "post_logout_redirect_uri": back})


# Inside ---------------------------------------------------------------------------------------------------------------

def _refused(what: str, why: object) -> Invalid:
    log.warning("oidc.refused", what=what, why=str(why)[:300])
    return Invalid(N_("Jawaban penyedia akun tidak dapat dipercaya (%(what)s). Coba lagi; bila tetap begini, hubungi administrator."),
                   what=what)


def _away(provider: Provider, why: object) -> Conflict:
    log.warning("oidc.away", why=str(why)[:300])
    return Conflict(N_("%(provider)s tidak dapat dihubungi. Coba lagi nanti."), provider=provider.name)


def _session(provider: Provider, redirect_uri: str) -> Any:
    from authlib.integrations.requests_client import OAuth2Session  # here, since few installations have a provider

    session = OAuth2Session(provider.client_id, provider.client_secret, scope=provider.scope, redirect_uri=redirect_uri,
                            code_challenge_method="S256")
    guard = _Guard(provider)
    session.mount("https://", guard)
    session.mount("http://", guard)
    return session


class _Guard(requests.adapters.HTTPAdapter):
    """Sends nothing to hosts that are not the provider's, whatever its metadata or redirects say."""

    def __init__(self, provider: Provider):
        super().__init__()
        self.provider = provider

    def send(self, request, *args, **kwargs):
        _allow(self.provider, request.url or "")
        response = super().send(request, *args, **{**kwargs, "timeout": TIMEOUT, "stream": True})
        body = response.raw.read(LONGEST_ANSWER + 1, decode_content=True)  # whatever its length is said to be
        if len(body) > LONGEST_ANSWER:
            response.close()
            raise requests.exceptions.ContentDecodingError("the answer is too long")
        response.raw = io.BytesIO(body)
        return response


def _allow(provider: Provider, address: str) -> None:
    parts, issuer = urlsplit(address), urlsplit(provider.issuer)
    on_this_machine = issuer.scheme == "http" and issuer.hostname in LOOPBACK  # for trying out
    if parts.scheme != ("http" if on_this_machine else "https") or parts.netloc not in {issuer.netloc, *provider.hosts}:
        raise _refused("address", f"{parts.scheme}://{parts.netloc} is not allowed")


def _endpoint(provider: Provider, metadata: Mapping[str, Any], name: str) -> str:
    address = metadata.get(name)
    if not isinstance(address, str):
        raise _refused(name, "missing in the metadata")
    _allow(provider, address)
    return address


def _get(provider: Provider, session: Any, address: str, **more: Any) -> dict[str, Any]:
    try:
        response = session.get(address, **more)
        response.raise_for_status()
        found = response.json()
    except (requests.exceptions.RequestException, ValueError) as problem:
        raise _away(provider, problem) from None
    if not isinstance(found, dict):
        raise _refused("metadata", "not an object")
    return found


def _metadata(provider: Provider, session: Any) -> dict[str, Any]:
    with _lock:
        known = _known.setdefault(provider.issuer, _Known())
    if known.until < time.monotonic():
        if known.away_until > time.monotonic():
            raise _away(provider, "it did not answer a moment ago")
        known.away_until = time.monotonic() + AWAY_SECONDS  # also for those who ask while we wait
        found = _get(provider, session, provider.issuer.rstrip("/") + "/.well-known/openid-configuration", withhold_token=True)
        known.away_until = 0.0
        if found.get("issuer") != provider.issuer:
            raise _refused("issuer", f"the metadata are of {found.get('issuer')}")
        known.metadata, known.keys, known.until = found, None, time.monotonic() + KEPT_SECONDS
    return known.metadata


def _keys(provider: Provider, session: Any, metadata: Mapping[str, Any], again: bool = False) -> Any:
    from joserfc.errors import JoseError
    from joserfc.jwk import KeySet

    known = _known[provider.issuer]
    if not known.keys or again and known.keys_asked + ASKED_AGAIN_SECONDS < time.monotonic():
        known.keys = _get(provider, session, _endpoint(provider, metadata, "jwks_uri"), withhold_token=True)
        known.keys_asked = time.monotonic()
    try:
        return KeySet.import_key_set(known.keys)
    except (JoseError, ValueError, KeyError, TypeError) as problem:
        raise _refused("keys", problem) from None


def _exchange(provider: Provider, session: Any, metadata: Mapping[str, Any], code: str, verifier: str) -> dict[str, Any]:
    from authlib.integrations.base_client.errors import OAuthError

    if not code:
        raise _refused("answer", "no code")
    methods = metadata.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    session.token_endpoint_auth_method = "client_secret_basic" if "client_secret_basic" in methods else "client_secret_post"
    try:
        return dict(session.fetch_token(_endpoint(provider, metadata, "token_endpoint"), code=code, code_verifier=verifier))
    except OAuthError as problem:
        raise _refused("token", problem) from None
    except (requests.exceptions.RequestException, ValueError) as problem:
        raise _away(provider, problem) from None


def _checked(provider: Provider, session: Any, metadata: Mapping[str, Any], tokens: Mapping[str, Any], nonce: str,
             now: dt.datetime) -> dict[str, Any]:
    from authlib.oidc.core import CodeIDToken
    from joserfc import jwt
    from joserfc.errors import InvalidKeyIdError, JoseError
    from joserfc.jws import JWSRegistry

    supported = metadata.get("id_token_signing_alg_values_supported") or ["RS256"]
    registry = JWSRegistry(algorithms=[name for name in ALGORITHMS if name in supported], strict_check_header=False)
    text = tokens.get("id_token")
    if not isinstance(text, str):
        raise _refused("id_token", "missing")
    try:
        try:
            token = jwt.decode(text, _keys(provider, session, metadata), registry=registry)
        except InvalidKeyIdError:  # the provider has changed its keys
            token = jwt.decode(text, _keys(provider, session, metadata, again=True), registry=registry)
        claims = CodeIDToken(
            token.claims, token.header,
            {"iss": {"essential": True, "value": provider.issuer}, "aud": {"essential": True, "value": provider.client_id},
             "sub": {"essential": True}},
            {"nonce": nonce, "client_id": provider.client_id, "access_token": tokens.get("access_token")})
        claims.validate(int(now.timestamp()), LEEWAY)
    except (JoseError, ValueError, KeyError, TypeError) as problem:
        raise _refused("id_token", problem) from None
    return dict(claims)


def _user_info(provider: Provider, session: Any, metadata: Mapping[str, Any], claims: Mapping[str, Any]) -> dict[str, Any]:
    """What the ID token does not say of the claims that are needed, where the provider has a page for them."""
    wanted = {provider.user_claim, "name", "email", *([provider.groups_claim] if provider.groups else [])} - claims.keys()
    if not wanted or not metadata.get("userinfo_endpoint"):
        return {}
    found = _get(provider, session, _endpoint(provider, metadata, "userinfo_endpoint"))
    if found.get("sub") != claims["sub"]:
        raise _refused("userinfo", "about somebody else")
    return {key: value for key, value in found.items() if key not in claims}
