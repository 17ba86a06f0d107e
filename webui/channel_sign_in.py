"""Signing a channel in, in the admin's browser: to its platform, back from it, choosing an account, and out again.

Leaving is a POST, since it changes something; but a form that a redirect answers may, by the policy's `form-action`, lead to no other site,
nor may any redirect that the platform makes on the way (https://w3c.github.io/webappsec-csp/#form-action-pre-navigate). So it is
answered by a page that goes on by itself, which is a navigation of its own, and the policy stays as it is.
"""

from flask import Blueprint, redirect, render_template, request, url_for
from flask_limiter.util import get_remote_address
from flask_login import current_user

import connectors
from bpmn.errors import Conflict, Invalid, TerbitError
from engine import access, channel_sign_in, channels
from webui import actor, auth, now, oidc, pe
from webui.errors import message_of, status_of
from webui.security import limiter

blueprint = Blueprint("channel_sign_in", __name__)


@blueprint.post("/channels/<id>/sign-in")
def leave(id: str):
    """To the platform."""
    access.require(access.may_administer(actor()))
    try:
        address = channel_sign_in.begin(pe(), actor(), now(), current_user.session, id, return_address())
    except (Invalid, Conflict) as problem:
        return _refused(problem)
    channel = channels.channel_of(pe(), actor(), id)
    page = render_template("admin/channel_leave.html", channel=channel, address=address, kind=connectors.find(channel["connector"]))
    return page, 200, {"Refresh": f"0; url={address}"}


@blueprint.get("/admin/channels/sign-in/return")
@auth.public
@limiter.limit("30 per minute", key_func=lambda: f"channel-sign-in|{get_remote_address()}")
def back():
    """Back from the platform. Whoever is not signed in is asked to, and what came with them is not kept in any address."""
    if not current_user.is_authenticated:
        return redirect(url_for("auth.sign_in", next=url_for("channels.index")), 303)
    access.require(access.may_administer(actor()))
    try:
        step = channel_sign_in.finish(pe(), actor(), now(), current_user.session, request.args)
    except (Invalid, Conflict) as problem:
        return _refused(problem)
    target = ".accounts" if step.choose else "channels.show"
    return redirect(url_for(target, id=step.channel_id, **({} if step.choose else {"signed": "in"})), 303)


@blueprint.route("/channels/<id>/sign-in/accounts", methods=["GET", "POST"])
def accounts(id: str):
    """Which of the accounts that were signed in for."""
    channel = channels.channel_of(pe(), actor(), id)
    try:
        names = channel_sign_in.choices(pe(), actor(), now(), current_user.session, id)
        if request.method == "GET":
            return render_template("admin/channel_accounts.html", channel=channel, names=names, error="")
        channel_sign_in.choose(pe(), actor(), now(), current_user.session, id, request.form.get("account", -1, type=int))
    except (Invalid, Conflict) as problem:
        if problem.where.get("field"):
            return render_template("admin/channel_accounts.html", channel=channel, names=names, error=message_of(problem)), 400
        problem.where["channel"] = id
        return _refused(problem)
    return redirect(url_for("channels.show", id=id, signed="in"), 303)


@blueprint.post("/channels/<id>/sign-out")
def sign_out(id: str):
    """Forget the tokens."""
    told = channel_sign_in.sign_out(pe(), actor(), now(), id)
    return redirect(url_for("channels.show", id=id, signed="out" if told else "out-here"), 303)


def return_address() -> str:
    """Where every platform sends the browser back to: it is entered there exactly so."""
    return oidc.own("channel_sign_in.back")


def about(channel: dict) -> dict | None:
    """What a channel's page says of signing in; None where it is not signed in to, or has another connector until this one is saved."""
    if not hasattr(connectors.find(channel["connector"]), "sign_in"):
        return None
    if channels.channel_of(pe(), actor(), channel["id"])["connector"] != channel["connector"]:
        return None
    is_ready, where = channel_sign_in.where_to_register(pe(), actor(), channel["id"])
    return {"is_ready": is_ready, "where": where, "address": return_address()}


def _refused(problem: TerbitError):
    id = problem.where.get("channel")
    channel = channels.channel_of(pe(), actor(), str(id)) if id else None
    return render_template("admin/channel_refused.html", channel=channel, message=message_of(problem)), status_of(problem)
