"""What a sign-in asks of a platform: tokens, of its token endpoint (RFC 6749, 3.2), others when they end (6), and to forget them again
(RFC 7009); and the calls that are made with such a token."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from connectors import N_, Denied, Failure, SignIn, Tokens, http, masking

LONGEST_ANSWER = 1 << 20  # bytes
SECONDS = 20.0  # of one call
HIDDEN = ("code", "code_verifier", "refresh_token", "fb_exchange_token", "token")
Renew = Callable[[Mapping[str, Any]], Mapping[str, Any]]  # as `Tokens.access` wants it
PASSING = ("temporarily_unavailable", "server_error", "slow_down")  # errors after which the same may go


@dataclass(frozen=True)
class Client:
    """The office's app at the platform. One without a secret is a public client."""

    id: str
    secret: str = field(default="", repr=False)


def granted(sign_in: SignIn, client: Client, allowed: frozenset[str], **grant: str) -> dict[str, Any]:
    """What the token endpoint gives for a grant (its type and parameters): a JSON object without an `error`.

    Raises Denied where it refuses, Failure (temporary) where it does not answer as it must. Nothing is published by this: that nobody
    knows whether it was taken is for who asks no more than having failed.
    """
    answer = _post(sign_in, client, allowed, sign_in.token_endpoint, grant)
    said = answer.json()
    if not isinstance(said, dict):
        raise _unreadable(answer) if answer.ok else _refusal(answer, {})
    if not answer.ok or said.get("error") not in (None, "", "ok"):
        raise _refusal(answer, said)
    masking.hide(value for name, value in said.items() if isinstance(value, str) and masking.is_credential(name) and name != "token_type")
    return said


def call(tokens: Tokens | None, renew: Renew, send: Callable[[str], http.Response]) -> http.Response:
    """What `send(access token)` answers; after a 401, with another token: it ended before its time, or an admin signed in anew."""
    if tokens is None:
        raise Denied(N_("Kanal ini belum masuk; admin perlu masuk di halaman Kanal."))
    token = tokens.access(renew)
    response = send(token)
    return send(tokens.access(renew, refused=token)) if response.status == 401 else response


def renewed(sign_in: SignIn, client: Client, allowed: frozenset[str], kept: Mapping[str, Any]) -> dict[str, Any]:
    """What is given for a refresh token (RFC 6749, 6), as `Tokens.access` wants it of `renew`. Raises Failure, as `granted` does."""
    if not kept.get("refresh_token"):
        ended(kept)
    try:
        given = granted(sign_in, client, allowed, grant_type="refresh_token", refresh_token=str(kept["refresh_token"]))
    except Denied as refused:
        raise Denied(N_("%(host)s tidak memperbarui izin kanal ini lagi (%(said)s). Admin perlu masuk lagi di halaman Kanal."),
                     **refused.params) from refused
    token = given.get("access_token")
    if not isinstance(token, str) or not token or not token.isprintable():
        raise Failure(N_("Jawaban %(host)s tidak dapat dibaca."), "temporary", host=urlsplit(sign_in.token_endpoint).hostname)
    return given


def ended(kept: Mapping[str, Any]) -> Mapping[str, Any]:
    """The `renew` of tokens that are not renewed."""
    raise Denied(N_("Izin kanal ini sudah berakhir; admin perlu masuk lagi di halaman Kanal."))


def token(tokens: Tokens | None, by_hand: str, renew: Renew = ended) -> str:
    """The access token of a channel that is signed in, else the one that an admin has entered."""
    if tokens is not None and tokens.signed_in():
        return tokens.access(renew)
    if not by_hand:
        raise Denied(N_("Kanal ini belum masuk; admin perlu masuk di halaman Kanal, atau mengisi token di sana."))
    return by_hand


def revoke(sign_in: SignIn, client: Client, allowed: frozenset[str], token: str, kind: str) -> None:
    """Let the platform forget a token (`kind`: access_token or refresh_token). Raises Failure where it does not say that it has."""
    answer = _post(sign_in, client, allowed, sign_in.revocation_endpoint, {"token": token, "token_type_hint": kind})
    if not answer.ok:
        raise _refusal(answer, answer.json())


def _post(sign_in: SignIn, client: Client, allowed: frozenset[str], address: str, form: Mapping[str, str]) -> http.Response:
    http.demand_tls(address, allowed)
    masking.hide([client.secret, *(value for name, value in form.items() if name in HIDDEN)])
    basic = sign_in.client_auth == "basic" and client.secret
    who = {} if basic else {sign_in.client_id_name: client.id, **({"client_secret": client.secret} if client.secret else {})}
    try:
        return http.post(address, data={**form, **who}, auth=(client.id, client.secret) if basic else None, max_bytes=LONGEST_ANSWER,
                         headers={"Accept": "application/json"}, allowed_private_hosts=allowed, deadline=SECONDS)
    except Failure as failure:
        if failure.kind != "unknown":
            raise
        raise Failure(failure.message, "temporary", **failure.params) from failure


def _refusal(answer: http.Response, said: Any) -> Failure:
    said = said if isinstance(said, dict) else {}
    words = _words(said)
    if answer.status in (408, 425, 429) or answer.status >= 500:
        return http.failure(answer, words)
    if said.get("error") in PASSING:
        return _unreadable(answer)
    return Denied(N_("%(host)s menolak: %(said)s"), host=urlsplit(answer.url).hostname, said=words or str(answer.status))


def _unreadable(answer: http.Response) -> Failure:
    return Failure(N_("Jawaban %(host)s tidak dapat dibaca."), "temporary", host=urlsplit(answer.url).hostname)


def _words(said: Mapping[str, Any]) -> str:
    """Why, as the platform says it: RFC 6749's two fields (5.2), or Meta's object."""
    error = said.get("error")
    if isinstance(error, dict):
        return str(error.get("message") or error.get("code") or "")[:300]
    return ": ".join(str(part) for part in (error, said.get("error_description") or said.get("error_message")) if part)[:300]
