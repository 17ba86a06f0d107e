"""Calls with a token that ends, and getting another (RFC 6749, 6): what connectors that are signed in to have in common."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from connectors import N_, Denied, Failure, SignIn, Tokens, http
from connectors.signing_in import Client, granted

Renew = Callable[[Mapping[str, Any]], Mapping[str, Any]]


def call(tokens: Tokens | None, renew: Renew, send: Callable[[str], http.Response]) -> http.Response:
    """What `send(access token)` answers; after a 401, with another token: it ended before its time, or an admin signed in anew."""
    if tokens is None:
        raise Denied(N_("Kanal ini belum masuk; admin perlu masuk di halaman Kanal."))
    token = tokens.access(renew)
    response = send(token)
    return send(tokens.access(renew, refused=token)) if response.status == 401 else response


def renewed(sign_in: SignIn, client: Client, allowed: frozenset[str], kept: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the platform gives for the refresh token that is kept. Raises Failure, as `signing_in.granted` does."""
    said = granted(sign_in, client, allowed, grant_type="refresh_token", refresh_token=str(kept.get("refresh_token") or ""))
    if not said.get("access_token"):
        raise Failure(N_("Jawaban %(host)s tidak dapat dibaca."), "temporary", host=urlsplit(sign_in.token_endpoint).hostname)
    return said
