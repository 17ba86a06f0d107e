"""The admin's page of when nothing is published: embargoes and masa tenang."""

import datetime as dt

from flask import Blueprint, redirect, render_template, request, url_for

from bpmn.errors import N_, Invalid
from engine import access, channels, embargo, settings
from webui import actor, now, pe
from webui.errors import message_of
from webui.view import zone

blueprint = Blueprint("embargo", __name__, url_prefix="/publications/embargo")


@blueprint.before_request
def _only_admins():
    access.require(access.may_administer(actor()))


@blueprint.get("")
def index():
    return _page()


@blueprint.post("")
def add():
    """Hold publication from a moment to another, on the ticked channels, or on all where none is ticked."""
    form = request.form
    try:
        known = channels.channel_names(pe(), actor())
        window = {"from": _moment("from").isoformat(), "to": _moment("to").isoformat(), "reason": form.get("reason", ""),
                  "channels": [id for id in form.getlist("channels") if id in known]}
        _keep([*_windows(), window])
    except Invalid as problem:
        return _page({str(p.where.get("field", "")): message_of(p) for p in problem.problems or [problem]}), 400
    return redirect(url_for("embargo.index", saved=1), 303)


@blueprint.post("/remove")
def remove():
    """Take one window away: that which begins and ends so, for this reason. One that is gone already changes nothing."""
    asked = tuple(request.form.get(name, "") for name in ("from", "to", "reason"))
    kept = [each for each in _windows() if (each["from"], each["to"], each["reason"]) != asked]
    if len(kept) < len(_windows()):
        _keep(kept)
    return redirect(url_for("embargo.index", saved=1), 303)


def _windows() -> list[dict]:
    return settings.get(pe(), actor().tenant)["embargo"]["windows"]


def _keep(windows: list[dict]) -> None:
    settings.change(pe(), actor(), now(), "embargo", {"windows": windows})


def _moment(field: str) -> dt.datetime:
    try:
        return dt.datetime.fromisoformat(request.form.get(field, "")[:16]).replace(tzinfo=zone())
    except ValueError as error:
        raise Invalid(N_("Tanggal atau waktu tidak dapat dibaca."), field=field) from error


def _page(errors: dict[str, str] | None = None):
    shown = [{**each, "begins": embargo.span(each)[0], "ends": embargo.span(each)[1]} for each in _windows()]
    return render_template("publications/embargo.html", windows=shown, names=channels.channel_names(pe(), actor()), errors=errors or {},
                           typed=request.form, saved="saved" in request.args, at=now())
