"""A person's own account: password, second factor, where they are signed in, and the tokens by which programs call REST in their name."""

import datetime as dt

import segno
from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user
from markupsafe import Markup

from bpmn.errors import Conflict, Invalid, TerbitError
from engine import api_tokens, credentials, oidc_accounts, passwords, people, second_factor, sessions
from webui import actor, auth, now, pe
from webui.errors import message_of, status_of
from webui.security import limiter

blueprint = Blueprint("account", __name__, url_prefix="/account")

WRONG_PASSWORDS = "10 per minute; 30 per hour"  # whoever sits down at an open session must not guess on
LIFETIMES = ("30", "90", "365", "")  # days; "": until it is revoked


def asks_password(view):
    """Limit how often a wrong password may be given on a page that asks for one's own again."""
    return limiter.limit(WRONG_PASSWORDS, key_func=lambda: f"password|{actor().tenant}|{actor().id}", methods=["POST"],
                         deduct_when=lambda response: response.status_code == 403)(view)


@blueprint.get("")
def mine():
    return _page()


@blueprint.post("/password")
@asks_password
def password():
    """Change it, knowing the old one. Every session ends but this one, which begins anew."""
    old, new = request.form.get("old", ""), request.form.get("password", "")
    try:
        if new != request.form.get("again", ""):
            raise Invalid(_("Kedua kata sandi tidak sama."), field="again")
        changed = credentials.change_password(pe(), actor(), now(), old, new, and_tokens="tokens" in request.form)
    except (Invalid, Conflict) as problem:
        page, status = _page(problem)
        return page, 403 if problem.where.get("field") == "old" else status
    _begin_anew(changed)
    return redirect(url_for("account.mine", saved="password"), 303)


# Sessions -------------------------------------------------------------------------------------------------------------

@blueprint.post("/sessions/<id>/end")
def end_session(id: str):
    sessions.end(pe(), actor(), now(), id)
    return redirect(url_for("account.mine", saved="ended") + "#sessions", 303)


@blueprint.post("/sessions/end")
def end_sessions():
    """All but this one."""
    sessions.end_all(pe(), actor(), now(), but=current_user.session)
    return redirect(url_for("account.mine", saved="ended") + "#sessions", 303)


# Second factor --------------------------------------------------------------------------------------------------------

@blueprint.get("/second-factor")
def ask_second_factor():
    """Show what to scan, or, where there is a second factor, what can be done about it."""
    return _second_factor()


@blueprint.post("/second-factor")
@asks_password
def set_second_factor():
    """Take it into use, with its first code; show the recovery codes on this answer alone."""
    try:
        if not current_user.is_limited:  # who is, gave it a moment ago
            require_password()
        codes = second_factor.enrol(pe(), actor(), now(), request.form.get("sealed", ""), request.form.get("code", ""))
    except (Invalid, Conflict) as problem:
        return _second_factor(problem)
    _begin_anew(people.get_user(pe(), actor(), actor().id))
    return render_template("account/recovery_codes.html", codes=codes)


@blueprint.post("/second-factor/codes")
@asks_password
def renew_codes():
    try:
        require_password()
        codes = second_factor.renew_recovery_codes(pe(), actor(), now())
    except (Invalid, Conflict) as problem:
        return _second_factor(problem)
    return render_template("account/recovery_codes.html", codes=codes)


@blueprint.post("/second-factor/remove")
@asks_password
def remove_second_factor():
    try:
        second_factor.remove(pe(), actor(), now(), request.form.get("password", ""))
    except (Invalid, Conflict) as problem:
        return _second_factor(problem)
    _begin_anew(people.get_user(pe(), actor(), actor().id))
    return redirect(url_for("account.mine", saved="second_factor"), 303)


def require_password() -> None:
    """Invalid unless the form brings one's own password; who has none signed in otherwise."""
    if current_user.account["has_password"] and not credentials.is_password_of(pe(), actor(), request.form.get("password", "")):
        raise Invalid(_("Kata sandi tidak cocok."), field="password")


def _begin_anew(account: dict) -> None:
    """The account's sessions have ended; this browser gets a new one."""
    auth.begin(account, current_user.account["method"], has_second=account["second_factor"])


def _second_factor(problem: TerbitError | None = None):
    account = people.get_user(pe(), actor(), actor().id)
    field = problem.where.get("field", "") if problem else ""
    offered = None
    if not account["second_factor"]:
        try:
            offered = second_factor.opened(pe(), actor(), request.form["sealed"]) if problem and "sealed" in request.form else None
        except Invalid:
            pass  # too old
        offered = offered or second_factor.offer(pe(), actor())
    page = render_template("account/second_factor.html", account=account, offered=offered,
                           required=second_factor.is_required(pe(), account),
                           qr=Markup(segno.make(offered.uri, error="m").svg_inline(omitsize=True, border=0)) if offered else "",
                           left=second_factor.recovery_codes_left(pe(), actor()) if account["second_factor"] else 0,
                           errors={field: message_of(problem)} if problem else {}, limited=current_user.is_limited)
    return page, 200 if not problem else 403 if field == "password" else status_of(problem)


# Tokens ---------------------------------------------------------------------------------------------------------------

@blueprint.post("/tokens")
def make_token():
    """Make a token and show it on this answer alone: it is kept nowhere, neither here nor in the browser."""
    days = request.form.get("days", "")
    try:
        if days not in LIFETIMES:
            raise Invalid(_("Pilih salah satu."), field="days")
        expires_at = now() + dt.timedelta(days=int(days)) if days else None
        made = api_tokens.create(pe(), actor(), now(), name=request.form.get("name", ""), expires_at=expires_at,
                                   scopes=request.form.getlist("scopes"))
    except (Invalid, Conflict) as problem:
        return _page(problem)
    return _page(made=made["token"])


@blueprint.post("/tokens/<id>/revoke")
def revoke_token(id: str):
    api_tokens.revoke(pe(), actor(), now(), id)
    return redirect(url_for("account.mine", saved="revoked") + "#tokens", 303)


def _page(problem: TerbitError | None = None, made: str = ""):
    field = problem.where.get("field", "") if problem else ""
    account = current_user.account
    page = render_template(
        "account/mine.html", tokens=api_tokens.of(pe(), actor()), made=made, lifetimes=LIFETIMES, scopes=api_tokens.SCOPES,
        sessions=sessions.of(pe(), actor(), now()), identities=oidc_accounts.of(pe(), actor(), actor().id),
        least=passwords.shortest(pe(), account["second_factor"]),
        has_local=account["has_password"] and credentials.may_use_password(pe(), actor().groups),
        errors={field: message_of(problem)} if problem else {}, values=request.form, saved=request.args.get("saved"))
    return page, status_of(problem) if problem else 200
