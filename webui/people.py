"""The admin's pages of people: who works here, in which groups, and their passwords."""

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import gettext as _

from bpmn.errors import Conflict, Invalid, TerbitError
from engine import access, people
from webui import actor, names, now, pe
from webui.errors import message_of, status_of

blueprint = Blueprint("people", __name__, url_prefix="/people")

SHOWN = 50  # accounts on a page


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
    """Make an account, with a first password that the admin hands over."""
    if request.method == "GET":
        return _form(None, {"groups": [], "heads": []})
    given = _given()
    try:
        if given["password"] != request.form.get("again", ""):
            raise Invalid(_("Kedua kata sandi tidak sama."), field="again")
        made = people.create_user(pe(), actor(), now(), id=given["id"], name=given["name"], password=given["password"],
                                  groups=given["groups"], heads=given["heads"], title=given["title"], email=given["email"])
    except (Invalid, Conflict) as problem:
        return _form(None, given, problem)
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
        people.set_password(pe(), actor(), now(), id, request.form.get("password", ""))
    except Invalid as problem:
        return _form(account, account, problem)
    return redirect(url_for("people.show", id=id, saved=1), 303)


@blueprint.post("/<user_id>/tokens/<id>/revoke")
def revoke_token(user_id: str, id: str):
    people.get_user(pe(), actor(), user_id)
    people.revoke_token(pe(), actor(), now(), id)
    return redirect(url_for("people.show", id=user_id, saved=1), 303)


@blueprint.post("/<id>/deactivate")
def deactivate(id: str):
    return _switch(id, people.deactivate)


@blueprint.post("/<id>/activate")
def activate(id: str):
    return _switch(id, people.activate)


def _switch(id: str, command):
    try:
        command(pe(), actor(), now(), id)
    except Conflict as problem:
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


def _form(account: dict | None, values: dict, problem: TerbitError | None = None):
    field = problem.where.get("field", "") if problem else ""
    page = render_template("admin/person.html", account=account, values=values, groups=names.groups(),
                           tokens=people.tokens(pe(), actor(), account["id"]) if account else [],
                           errors={field: message_of(problem)} if problem else {}, saved="saved" in request.args)
    return page, status_of(problem) if problem else 200
