"""The admin's pages of channels: which connector serves each, with which settings; secrets go in and never come out."""

import datetime as dt

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import gettext as _

import connectors
from bpmn.errors import Invalid, NotFound
from engine import access, channels, health
from webui import actor, channel_sign_in, now, pe, readiness
from webui.errors import message_of

blueprint = Blueprint("channels", __name__, url_prefix="/channels")


@blueprint.before_request
def _only_admins():
    access.require(access.may_administer(actor()))


@blueprint.get("")
def index():
    search = request.args.get("q", "").strip()[:100]
    rows = [c for c in channels.channels(pe(), actor()) if search.lower() in f"{c['id']} {c['name']}".lower()]
    states = {each.id: (each, readiness.words(each)) for each in health.statuses(pe(), actor().tenant, now())}
    return render_template("admin/channels.html", channels=rows, q=search, kinds=connectors.all_connectors(), states=states)


@blueprint.route("/new", methods=["GET", "POST"])
def new():
    return _edit({"id": "", "name": "", "connector": "manual", "config": {}, "enabled": True, "secrets_set": []}, is_new=True)


@blueprint.route("/<id>", methods=["GET", "POST"])
def show(id: str):
    return _edit(channels.channel_of(pe(), actor(), id), is_new=False)


@blueprint.post("/<id>/test")
def test(id: str):
    """Let the connector try its settings; the answer is a notice, alone for htmx, else on the channel's page."""
    found = health.test_channel(pe(), actor(), now(), id)
    result = {"ok": found["ok"], "message": _(found["message"]) % found["params"] if found["params"] else _(found["message"])}
    if request.headers.get("HX-Request"):
        return render_template("admin/channel_test.html", id=id, result=result)
    channel = channels.channel_of(pe(), actor(), id)
    return _page(channel, is_new=False, result=result)


@blueprint.post("/<id>/enable")
def enable(id: str):
    channels.enable_channel(pe(), actor(), now(), id)
    return redirect(url_for("channels.show", id=id), 303)


@blueprint.post("/<id>/disable")
def disable(id: str):
    channels.disable_channel(pe(), actor(), now(), id)
    return redirect(url_for("channels.show", id=id), 303)


@blueprint.post("/<id>/pause")
def pause(id: str):
    channels.pause_channel(pe(), actor(), now(), id, request.form.get("reason", ""))
    return redirect(url_for("channels.show", id=id), 303)


@blueprint.post("/<id>/resume")
def resume(id: str):
    channels.resume_channel(pe(), actor(), now(), id)
    return redirect(url_for("channels.show", id=id), 303)


def _edit(channel: dict, *, is_new: bool):
    kind = request.values.get("connector") or channel["connector"]
    if kind not in connectors.all_connectors():
        raise NotFound(_("Konektor ini tidak terpasang."))
    if request.method == "GET":
        return _page(channel | {"connector": kind}, is_new=is_new)
    given = _given(channel, kind, is_new)
    try:
        given["expires_on"] = _date(request.form.get("expires_on", ""))
        if is_new and given["id"] in {c["id"] for c in channels.channels(pe(), actor())}:
            raise Invalid(_("Kanal dengan ID ini sudah ada."), field="id")
        saved = channels.save_channel(pe(), actor(), now(), id=given["id"], name=given["name"], connector=kind, config=given["config"],
                                      secrets=given["secrets"], enabled=channel["enabled"], expires_on=given["expires_on"])
    except Invalid as problem:
        errors = {p.where.get("field", ""): message_of(p) for p in problem.problems or [problem]}
        return _page(channel | given | {"connector": kind}, is_new=is_new, errors=errors), 400
    return redirect(url_for("channels.show", id=saved["id"], saved=1), 303)


def _given(channel: dict, kind: str, is_new: bool) -> dict:
    """What the form said, by the connector's declared fields; an empty secret stays as it was."""
    form, fields = request.form, connectors.find(kind).fields
    config = {f.name: form.get(f"c-{f.name}") == "1" if f.type == "boolean" else form.get(f"c-{f.name}", "")
              for f in fields if f.type != "secret"}
    secrets = {f.name: None if form.get(f"remove-{f.name}") else form.get(f"s-{f.name}", "") for f in fields if f.type == "secret"}
    return {"id": form.get("id", "").strip() if is_new else channel["id"], "name": form.get("name", "").strip()[:200],
            "config": config, "secrets": secrets}


def _date(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text) if text.strip() else None
    except ValueError as error:
        raise Invalid(_("Tanggal atau waktu tidak dapat dibaca."), field="expires_on") from error


def _page(channel: dict, *, is_new: bool, errors: dict | None = None, result: dict | None = None):
    status = None if is_new else health.statuses(pe(), actor().tenant, now(), [channel["id"]])[0]
    return render_template("admin/channel.html", channel=channel, is_new=is_new, kinds=connectors.all_connectors(), result=result,
                           kind=connectors.find(channel["connector"]), errors=errors or {}, saved="saved" in request.args,
                           signing=None if is_new else channel_sign_in.about(channel), signed=request.args.get("signed"),
                           status=status, said=readiness.words(status) if status else None)
