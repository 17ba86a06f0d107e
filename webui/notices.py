"""How a person wants to be told, on their own page; whether notices go out, on the admin's; and sharing by WhatsApp."""

import datetime as dt
from urllib.parse import quote

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user

from bpmn.errors import Conflict, Invalid
from engine import access, outbox, preferences, telegram
from webui import account, actor, now, pe
from webui.errors import message_of

blueprint = Blueprint("notices", __name__)


def whatsapp(title: str, url: str = "") -> str:
    """The address that opens WhatsApp with a text to send to a group: the title, and where it stands."""
    return "https://wa.me/?text=" + quote("\n".join(part for part in (title, url) if part), safe="")


@blueprint.app_template_global("whatsapp")
def _whatsapp(title: str, url: str = "") -> str:
    return whatsapp(title, url)


# One's own ------------------------------------------------------------------------------------------------------------

@blueprint.route("/preferences/notices", methods=["GET", "POST"])
@account.asks_password
def mine():
    """By which ways, and when. Another address asks for one's password: links to set a new one are sent there."""
    if request.method == "GET":
        return _mine()
    given = {name: request.form.get(name, "") for name in ("address", "email", "telegram", "quiet_from", "quiet_until", "digest_at")}
    try:
        if given["address"].strip() != current_user.account["email"]:
            account.require_password()
        preferences.choose(pe(), actor(), now(), **given)
    except Invalid as problem:
        return _mine(given, problem), 403 if problem.where.get("field") == "password" else 400
    return redirect(url_for("notices.mine", saved=1), 303)


@blueprint.post("/preferences/notices/test")
def try_out():
    """Send a trial by every way that there is, as everything is sent."""
    try:
        preferences.try_out(pe(), actor(), now())
    except Invalid as problem:
        return _mine(problem=problem), 400
    return redirect(url_for("notices.mine", tried=1) + "#recent", 303)


@blueprint.get("/preferences/notices/recent")
def recent():
    """The latest notices and how they went: a piece of page, which asks again while one is on its way."""
    return _recent("recent.html")


@blueprint.post("/preferences/notices/telegram")
def link():
    """Give a code to send to the office's bot."""
    try:
        telegram.start_linking(pe(), actor(), now())
    except Conflict as problem:
        return _mine(problem=problem), 409
    return redirect(url_for("notices.mine") + "#telegram", 303)


@blueprint.get("/preferences/notices/telegram")
def linking():
    """How the linking stands: a piece of page, which asks again while a code waits."""
    choice = preferences.choice_of(pe(), actor())
    return render_template("notices/telegram.html", choice=choice, bot=telegram.bot_name(pe(), actor().tenant), code=_code(choice))


@blueprint.post("/preferences/notices/telegram/unlink")
def unlink():
    telegram.unlink(pe(), actor(), now())
    return redirect(url_for("notices.mine") + "#telegram", 303)


def _mine(given: dict | None = None, problem: Invalid | Conflict | None = None):
    choice = preferences.choice_of(pe(), actor())
    errors = {p.where.get("field", ""): message_of(p) for p in getattr(problem, "problems", None) or [problem]} if problem else {}
    return _recent("mine.html", choice={**choice, **(given or {})}, bot=telegram.bot_name(pe(), actor().tenant), code=_code(choice),
                   errors=errors, saved="saved" in request.args)


def _recent(template: str, **values):
    rows = preferences.recent(pe(), actor())
    soon = now() + dt.timedelta(seconds=30)
    asked = min(request.args.get("asked", 0, type=int), 1000)
    waits = asked < 40 and any(row["state"] == "open" and row["due_at"] < soon for row in rows)
    return render_template(f"notices/{template}", rows=rows, waits=waits, asked=asked, **values)


def _code(choice: dict) -> str:
    code = choice.get("code") or ""
    return code if code and dt.datetime.fromisoformat(choice["code_until"]) > now() else ""


# The admin's ----------------------------------------------------------------------------------------------------------

@blueprint.get("/admin/notices")
def overview():
    """Whether notices go out, and those that did not."""
    return _overview()


@blueprint.post("/admin/notices/bot")
def bot():
    """Keep the token of the office's Telegram bot, or take it away."""
    token = "" if request.form.get("remove") else request.form.get("token", "").strip()
    try:
        if not token and not request.form.get("remove"):
            raise Invalid(_("Isikan token dari @BotFather."), field="token")
        telegram.set_token(pe(), actor(), now(), token)
    except Invalid as problem:
        access.require(access.may_administer(actor()))
        return _overview(message_of(problem)), 400
    return redirect(url_for("notices.overview"), 303)


@blueprint.post("/admin/notices/test/<any(email, telegram):channel>")
def test(channel: str):
    """Ask the server whether it knows us; nothing is sent."""
    found = outbox.test_server(pe(), actor(), channel)
    result = {"ok": found["ok"], "message": _(found["message"]) % found["params"] if found["params"] else _(found["message"])}
    if request.headers.get("HX-Request"):
        return render_template("admin/channel_test.html", id=channel, result=result)
    return _overview(result=result, tested=channel)


@blueprint.post("/admin/notices/<notice_id>/again")
def again(notice_id: str):
    """Send one that failed once more."""
    outbox.send_again(pe(), actor(), now(), notice_id)
    return redirect(url_for("notices.overview"), 303)


def _overview(error: str = "", result: dict | None = None, tested: str = ""):
    page = outbox.failed(pe(), actor(), after=request.args.get("after") or None)
    return render_template("admin/notices.html", health=outbox.health(pe(), actor(), now()), page=page, error=error, result=result,
                           tested=tested)
