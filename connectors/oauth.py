"""Calls with a token that ends, and getting another (RFC 6749, 6): what connectors that are signed in to have in common."""

from collections.abc import Callable, Mapping
from typing import Any

from connectors import N_, Denied, Failure, Tokens, http

Renew = Callable[[Mapping[str, Any]], Mapping[str, Any]]
PASSING = {"temporarily_unavailable", "server_error", "slow_down", "rate_limit_exceeded", "internal_error"}


def call(tokens: Tokens | None, renew: Renew, send: Callable[[str], http.Response]) -> http.Response:
    """What `send(access token)` answers; after a 401, with another token: it ended before its time, or an admin signed in anew."""
    if tokens is None:
        raise Denied(N_("Kanal ini belum masuk; admin perlu masuk di halaman Kanal."))
    token = tokens.access(renew)
    response = send(token)
    return send(tokens.access(renew, refused=token)) if response.status == 401 else response


def token(endpoint: str, allowed: frozenset[str], platform: str, **form: str) -> Mapping[str, Any]:
    """What a token endpoint gives for this form. Raises Denied where it gives nothing any more, else Failure (temporary): asked again, it
    gives another."""
    http.demand_tls(endpoint, allowed)
    try:
        response = http.post(endpoint, data=form, allowed_private_hosts=allowed, stay=True, deadline=30)
    except Failure as failure:
        if failure.kind != "unknown":
            raise
        raise Failure(failure.message, "temporary", **failure.params) from failure
    said = response.json()
    said = said if isinstance(said, dict) else {}
    if response.ok and isinstance(said.get("access_token"), str) and said["access_token"]:
        return said
    error = str(said.get("error") or "")
    if error and error not in PASSING and response.status < 500 and response.status != 429:
        words = str(said.get("error_description") or error)[:300]
        raise Denied(N_("%(platform)s tidak lagi memberi izin; admin perlu masuk di halaman Kanal: %(said)s"),
                     platform=platform, said=words)
    if not response.ok:
        raise http.failure(response)
    raise Failure(N_("Jawaban %(platform)s tidak dapat dibaca."), "temporary", platform=platform)
