"""The admin's pages of people: who works here, how they sign in and where, and what stays open when they leave.

Groups, import and who sees which procedure: `webui.people_groups`, `webui.people_import`.
"""

from flask import Blueprint, current_app, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext

from bpmn.errors import Conflict, Invalid, NotFound, TerbitError
from engine import (
    access,
    api_tokens,
    commands,
    credentials,
    oidc_accounts,
    password_links,
    passwords,
    people,
    queries,
    second_factor,
    sessions,
)
from webui import actor, names, now, pe
from webui.errors import message_of, status_of

blueprint = Blueprint("people", __name__, url_prefix="/people")

SHOWN = 50  # accounts on a page
TASKS = 200  # given back at once


@blueprint.before_request
def _only_admins():
    access.require(access.may_administer(actor()))


@blueprint.get("")
def index():
    search, group = request.args.get("q", "").strip()[:100], request.args.get("group") or None
    state = request.args.get("state", "active")
    active = {"active": True, "inactive": False}.get(state)
    rows = people.users(pe(), actor(), search=search, group=group, active=active, after=request.args.get("after") or None, limit=SHOWN + 1)
    shown = rows[:SHOWN]
    page = {"rows": shown, "next": shown[-1]["id"] if len(rows) > SHOWN else None}
    return render_template("admin/people.html", page=page, q=search, group=group or "", state=state, groups=names.groups())


@blueprint.route("/new", methods=["GET", "POST"])
def new():
    """Make an account; without a password the person sets one by a link, which is sent or handed over."""
    if request.method == "GET":
        return _form(None, {"groups": [], "heads": []})
    given = _given()
    try:
        if given["password"] != request.form.get("again", ""):
            raise Invalid(_("Kedua kata sandi tidak sama."), field="again")
        made = people.create_user(pe(), actor(), now(), id=given["id"], name=given["name"], password=given["password"] or None,
                                  groups=given["groups"], heads=given["heads"], title=given["title"], email=given["email"])
    except (Invalid, Conflict) as problem:
        return _form(None, given, problem)
    if not given["password"] and credentials.may_use_password(pe(), made["groups"]):
        return _form(made, made, link=password_links.create(pe(), actor(), now(), made["id"]))
    return redirect(url_for("people.show", id=made["id"], saved=1), 303)


@blueprint.route("/<id>", methods=["GET", "POST"])
def show(id: str):
    """One account: its name, title, e-mail and groups can be changed here."""
    account = people.get_user(pe(), actor(), id)
    if request.method == "GET":
        return _form(account, account)
    given = _given()
    try:
        if (given["groups"], given["heads"]) != (sorted(account["groups"]), sorted(account["heads"])):
            people.set_groups(pe(), actor(), now(), id, given["groups"], given["heads"])  # first: it may be refused
        changed = {key: given[key] for key in ("name", "title", "email") if given[key] != account[key]}
        if changed:
            people.update_user(pe(), actor(), now(), id, **changed)
    except (Invalid, Conflict) as problem:
        return _form(account, given | {"id": id}, problem)
    return redirect(url_for("people.show", id=id, saved=1), 303)


@blueprint.post("/<id>/password")
def password(id: str):
    """Set somebody else's new password; whoever is signed in with the old one is signed out."""
    account = people.get_user(pe(), actor(), id)
    try:
        if request.form.get("password", "") != request.form.get("again", ""):
            raise Invalid(_("Kedua kata sandi tidak sama."), field="again")
        credentials.set_password(pe(), actor(), now(), id, request.form.get("password", ""), and_tokens="tokens" in request.form)
    except Invalid as problem:
        return _form(account, account, problem)
    return redirect(url_for("people.show", id=id, saved=1), 303)


@blueprint.post("/<id>/link")
def link(id: str):
    """Make a link by which they set a password, and show it on this answer alone; or have it sent."""
    account = people.get_user(pe(), actor(), id)
    try:
        if request.form.get("send"):
            password_links.send(pe(), actor(), now(), id)
            return redirect(url_for("people.show", id=id, sent=1), 303)
        made = password_links.create(pe(), actor(), now(), id)
    except Conflict as problem:
        return _form(account, account, problem)
    return _form(account, account, link=made)


@blueprint.post("/<id>/second-factor/reset")
def reset_second_factor(id: str):
    account = people.get_user(pe(), actor(), id)
    try:
        second_factor.reset(pe(), actor(), now(), id, request.form.get("reason", ""))
    except (Invalid, Conflict) as problem:
        return _form(account, account, problem)
    return redirect(url_for("people.show", id=id, saved=1), 303)


@blueprint.post("/<user_id>/sessions/<id>/end")
def end_session(user_id: str, id: str):
    people.get_user(pe(), actor(), user_id)
    sessions.end(pe(), actor(), now(), id)
    return redirect(url_for("people.show", id=user_id, saved=1) + "#sessions", 303)


@blueprint.post("/<id>/tasks/return")
def return_tasks(id: str):
    """Give back to their lanes what somebody holds; each task for itself, so one that somebody works on stops no other."""
    account = people.get_user(pe(), actor(), id)
    done, left = 0, 0
    for task in queries.tasks(pe(), actor(), assignee=account["id"], limit=TASKS).rows:
        try:
            commands.assign(pe(), actor(), now(), task["id"], None, reason=_("Dikembalikan dari %(name)s", name=account["name"]))
            done += 1
        except (Conflict, NotFound):
            left += 1
    return redirect(url_for("people.show", id=id, returned=done, left=left or None) + "#tasks", 303)


@blueprint.post("/<user_id>/tokens/<id>/revoke")
def revoke_token(user_id: str, id: str):
    people.get_user(pe(), actor(), user_id)
    api_tokens.revoke(pe(), actor(), now(), id)
    return redirect(url_for("people.show", id=user_id, saved=1), 303)


@blueprint.post("/<id>/deactivate")
def deactivate(id: str):
    return _switch(id, people.deactivate)


@blueprint.post("/<id>/activate")
def activate(id: str):
    return _switch(id, people.activate)


def _switch(id: str, command):
    try:
        command(pe(), actor(), now(), id, request.form.get("reason", ""))
    except (Invalid, Conflict) as problem:
        account = people.get_user(pe(), actor(), id)
        return _form(account, account, problem)
    return redirect(url_for("people.show", id=id), 303)


def _given() -> dict:
    form = request.form
    groups = set(form.getlist("groups"))
    return {"id": form.get("id", "").strip(), "name": form.get("name", "").strip(),
            "title": form.get("title", "").strip()[:200],
            "email": form.get("email", "").strip()[:200], "password": form.get("password", ""),
            "groups": sorted(groups), "heads": sorted(groups & set(form.getlist("heads")))}


def _form(account: dict | None, values: dict, problem: TerbitError | None = None, link: str = ""):
    field = problem.where.get("field", "") if problem else ""
    more = _about(account) if account else {}
    base = current_app.config["BASE_URL"].rstrip("/") or request.host_url.rstrip("/")
    page = render_template(
        "admin/person.html", account=account, values=values, groups=names.groups(), link=base + password_links.path(link) if link else "",
        least=passwords.shortest(pe(), bool(account and account["second_factor"])), can_send=password_links.can_be_sent(pe()),
        errors={field: message_of(problem)} if problem else {}, saved="saved" in request.args, sent="sent" in request.args,
        returned=_returned(), **more)
    return page, status_of(problem) if problem else 200


def _about(account: dict) -> dict:
    id = account["id"]
    return {"tokens": api_tokens.of(pe(), actor(), id), "sessions": sessions.of(pe(), actor(), now(), id),
            "identities": oidc_accounts.of(pe(), actor(), id), "may_use_password": credentials.may_use_password(pe(), account["groups"]),
            "tasks": queries.tasks(pe(), actor(), assignee=id, limit=20)}


def _returned() -> str:
    done, left = (request.args.get(name, 0, type=int) for name in ("returned", "left"))
    words = [ngettext("%(num)d tugas dikembalikan ke bagiannya.", "%(num)d tugas dikembalikan ke bagiannya.", done)] if done else []
    if left:
        words.append(ngettext("%(num)d sedang dikerjakan; coba lagi.", "%(num)d sedang dikerjakan; coba lagi.", left))
    return " ".join(words)
