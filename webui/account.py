"""A person's own account: their password, and the tokens by which programs call REST in their name."""

import datetime as dt

from flask import Blueprint, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from flask_login import login_user

from bpmn.errors import Conflict, Invalid, TerbitError
from engine import people
from webui import actor, now, pe
from webui.auth import Person
from webui.errors import message_of, status_of
from webui.security import limiter

blueprint = Blueprint("account", __name__, url_prefix="/account")

WRONG_PASSWORDS = "10 per minute; 30 per hour"  # whoever sits down at an open session must not guess on
LIFETIMES = ("30", "90", "365", "")  # days; "": until it is revoked


@blueprint.get("")
def mine():
    return _page()


@blueprint.post("/password")
@limiter.limit(WRONG_PASSWORDS, key_func=lambda: f"password|{actor().tenant}|{actor().id}",
               deduct_when=lambda response: response.status_code == 403)
def password():
    """Change it, knowing the old one. Every session ends but this one, which begins anew."""
    old, new = request.form.get("old", ""), request.form.get("password", "")
    try:
        if new != request.form.get("again", ""):
            raise Invalid(_("Kedua kata sandi tidak sama."), field="again")
        changed = people.change_password(pe(), actor(), now(), old, new)
    except (Invalid, Conflict) as problem:
        page, status = _page(problem)
        return page, 403 if problem.where.get("field") == "old" else status
    session.clear()
    session.permanent = True
    login_user(Person(changed))
    return redirect(url_for("account.mine", saved="password"), 303)


@blueprint.post("/tokens")
def make_token():
    """Make a token and show it on this answer alone: it is kept nowhere, neither here nor in the browser."""
    days = request.form.get("days", "")
    try:
        if days not in LIFETIMES:
            raise Invalid(_("Pilih salah satu."), field="days")
        expires_at = now() + dt.timedelta(days=int(days)) if days else None
        made = people.create_token(pe(), actor(), now(), name=request.form.get("name", ""), expires_at=expires_at)
    except (Invalid, Conflict) as problem:
        return _page(problem)
    return _page(made=made["token"])


@blueprint.post("/tokens/<id>/revoke")
def revoke_token(id: str):
    people.revoke_token(pe(), actor(), now(), id)
    return redirect(url_for("account.mine", saved="revoked") + "#tokens", 303)


def _page(problem: TerbitError | None = None, made: str = ""):
    field = problem.where.get("field", "") if problem else ""
    page = render_template("account/mine.html", tokens=people.tokens(pe(), actor()), made=made, lifetimes=LIFETIMES,
                           errors={field: message_of(problem)} if problem else {}, values=request.form, saved=request.args.get("saved"))
    return page, status_of(problem) if problem else 200
