"""The admin's pages of groups: their people, heads and second factor; and who sees and starts which procedure."""

from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for

from bpmn.errors import N_, Conflict, Invalid, NotFound, TerbitError
from engine import access, groups, reach
from engine.people import GROUPS
from webui import actor, names, now, pe
from webui.errors import message_of, status_of

blueprint = Blueprint("people_groups", __name__, url_prefix="/people/-")  # no account is called so

ROLES: dict[str, str] = {  # what a group may, whatever the procedures say
    "admin": N_("Memantau dan memperbaiki semua berkas; mengatur pengguna, kanal, dan kantor"),
    "process-owner": N_("Mengubah dan menerapkan prosedur; melihat semua berkas dan laporan"),
    "analyst": N_("Melihat semua berkas dan laporan"),
}
LANE = N_("Mengerjakan tugas bagiannya; melihat berkas dari prosedur yang menyebut bagiannya")


@blueprint.before_request
def _only_admins():
    access.require(access.may_administer(actor()))


@blueprint.get("/groups")
def index():
    return _index()


@blueprint.post("/groups")
def create():
    try:
        groups.create(pe(), actor(), now(), request.form.get("id", ""), request.form.get("name", ""))
    except (Invalid, Conflict) as problem:
        return _index(problem)
    return redirect(url_for("people_groups.index", saved=1), 303)


@blueprint.get("/groups/<id>")
def show(id: str):
    return _show(id)


@blueprint.post("/groups/<id>")
def change(id: str):
    """Name it, and say whether it asks for a second factor."""
    try:
        groups.change(pe(), actor(), now(), id, name=request.form.get("name", ""), second_factor="second_factor" in request.form)
    except (Invalid, Conflict) as problem:
        return _show(id, problem)
    return redirect(url_for("people_groups.show", id=id, saved=1), 303)


def _index(problem: TerbitError | None = None):
    page = render_template("admin/groups.html", rows=groups.overview(pe(), actor()), roles=ROLES, lane=LANE, values=request.form,
                           errors=_errors(problem), saved="saved" in request.args)
    return page, status_of(problem) if problem else 200


def _show(id: str, problem: TerbitError | None = None):
    found = groups.get(pe(), actor(), id)
    page = render_template("admin/group.html", group=found, standard=id in GROUPS, role=ROLES.get(id, LANE),
                           page=groups.members(pe(), actor(), id, after=request.args.get("after")),
                           values=request.form if problem else found, errors=_errors(problem), saved="saved" in request.args)
    return page, status_of(problem) if problem else 200


def _errors(problem: TerbitError | None) -> dict[str, str]:
    return {str(problem.where.get("field", "")): message_of(problem)} if problem else {}


# Who sees and starts which procedure ----------------------------------------------------------------------------------

@blueprint.get("/access")
def procedures():
    return render_template("admin/reach.html", rows=reach.overview(pe(), actor(), now()), groups=names.groups(),
                           overseers=sorted(access.OVERSEERS), saved=request.args.get("saved"))


@blueprint.route("/access/<key>", methods=["GET", "POST"])
def procedure(key: str):
    found = next((row for row in reach.overview(pe(), actor(), now()) if row["key"] == key), None)
    if found is None:
        raise NotFound(N_("Definisi proses tidak ditemukan."))
    if request.method == "GET":
        return _procedure(found)
    starts = None if request.form.get("who") == "diagram" else request.form.getlist("starts")
    try:
        reach.change(pe(), actor(), now(), key, sees=request.form.getlist("sees"), starts=starts)
    except Invalid as problem:
        return _procedure({**found, "sees": request.form.getlist("sees"), "starts": starts}, problem)
    return redirect(url_for("people_groups.procedures", saved=key), 303)


def _procedure(row: dict[str, Any], problem: Invalid | None = None):
    listed = {id: name for id, name in names.groups().items() if id not in access.OVERSEERS}
    return render_template("admin/reach_of.html", row=row, groups=names.groups(), listed=listed,
                           errors=_errors(problem)), 400 if problem else 200
