"""Signing in by an OpenID provider: to it, back from it, and out of it."""

from flask import Blueprint, current_app, redirect, request, session, url_for
from flask_limiter.util import get_remote_address

from bpmn.errors import N_, Conflict, Invalid, NotFound
from engine import oidc, oidc_accounts, tallies
from webui import auth, now, pe
from webui.errors import message_of
from webui.security import limiter

blueprint = Blueprint("oidc", __name__)


def _provider() -> oidc.Provider:
    found = oidc.settings_of(pe())
    if found is None:
        raise NotFound(N_("Di sini orang tidak masuk lewat penyedia akun."))
    return found


def own(endpoint: str, **values) -> str:
    """A page's address as people type it, which a provider must know."""
    base = current_app.config["BASE_URL"].rstrip("/")
    return base + url_for(endpoint, **values) if base else url_for(endpoint, _external=True, **values)


@blueprint.get("/sign-in/oidc")
@auth.public
@limiter.limit("30 per minute", key_func=lambda: f"oidc|{get_remote_address()}")
def leave():
    """To the provider; what its answer is held against stays in the session."""
    provider = _provider()
    try:
        address, flow = oidc.begin(provider, own("oidc.back"))
    except (Invalid, Conflict) as problem:
        return auth.sign_in_refused(message_of(problem), 503)
    session["oidc"] = {**flow, "next": auth._safe(request.args.get("next"))}
    return redirect(address, 303)


@blueprint.get("/sign-in/oidc/back")
@auth.public
@limiter.limit("30 per minute", key_func=lambda: f"oidc|{get_remote_address()}")
def back():
    """Back from the provider."""
    provider, flow = _provider(), session.pop("oidc", None) or {}  # an answer is taken once
    try:
        claims = oidc.finish(provider, flow, request.args, own("oidc.back"), now())
        account = oidc_accounts.sign_in(pe(), provider, claims, now())
    except (Invalid, Conflict) as problem:
        tallies.sign_in_failed(pe(), now(), "")
        return auth.sign_in_refused(message_of(problem), 400)
    if oidc_accounts.has_second_factor(claims):
        auth.begin(account, "oidc", has_second=True)
        return auth.after(flow["next"])
    return auth.first_step_done(account, "oidc", flow["next"])


@blueprint.get("/sign-out/oidc")
@auth.public
def sign_out():
    """Out of the provider as well, after one is out of Terbit."""
    try:
        address = oidc.logout_address(_provider(), own("auth.sign_in"))
    except (Invalid, Conflict) as problem:
        return auth.sign_in_refused(message_of(problem), 503)
    return redirect(address or url_for("auth.sign_in"), 303)
