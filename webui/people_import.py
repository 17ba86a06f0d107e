"""The admin's pages to bring many people in from a CSV file, and to take them out again as one."""

from flask import Blueprint, Response, current_app, redirect, render_template, request, url_for
from flask_babel import gettext as _

from bpmn.errors import Conflict, Invalid, TerbitError, Told
from engine import access, password_links, people_import
from webui import actor, names, now, pe
from webui.errors import message_of, status_of

blueprint = Blueprint("people_import", __name__, url_prefix="/people/-")  # no account is called so

SHOWN = 200  # rows of each kind on the page; the numbers are of all


@blueprint.before_request
def _only_admins():
    access.require(access.may_administer(actor()))


@blueprint.get("/import")
def start():
    return render_template("admin/import.html", error="")


@blueprint.get("/import/template.csv")
def template():
    return _file(people_import.template(), "templat-pengguna.csv")


@blueprint.get("/export.csv")
def export():
    return _file(people_import.export(pe(), actor()), "pengguna.csv")


@blueprint.post("/import")
def look():
    """Look a file through: what would be done with each row. Nothing is changed."""
    given = request.files.get("file")
    try:
        if given is None or not given.filename:
            raise Invalid(_("Pilih sebuah file CSV."))
        text = people_import.decode(given.read(people_import.MOST_BYTES + 1))
        found = people_import.plan(pe(), actor(), text)
    except Invalid as problem:
        return _refused(problem)
    return _plan(found, text)


@blueprint.post("/import/do")
def do():
    """Do what was shown, in one transaction; the links of new people are on this answer alone."""
    text = request.form.get("text", "")
    try:
        links = people_import.do(pe(), actor(), now(), text, request.form.get("mark", ""), send_links="send" in request.form)
    except Conflict as problem:
        return _plan(people_import.plan(pe(), actor(), text), text, problem)
    except Invalid as problem:
        return _refused(problem)
    if not links:
        return redirect(url_for("people.index", imported=1), 303)
    base = current_app.config["BASE_URL"].rstrip("/") or request.host_url.rstrip("/")
    return render_template("admin/imported.html", links={id: base + path for id, path in links.items()})


def _plan(found: people_import.Plan, text: str, problem: TerbitError | None = None):
    rows: list = []
    for state in (people_import.WRONG, people_import.NEW, people_import.CHANGED):
        rows += [row for row in found.rows if row.state == state][:SHOWN]
    counts = {state: found.count(state) for state in (people_import.NEW, people_import.CHANGED, people_import.SAME, people_import.WRONG)}
    page = render_template(
        "admin/import_plan.html", rows=rows, counts=counts, total=len(found.rows), mark=found.mark, text=text, groups=names.groups(),
        said=lambda each: message_of(Told(each.message, **each.params)), can_send=password_links.can_be_sent(pe()),
        error=message_of(problem) if problem else "")
    return page, status_of(problem) if problem else 200


def _refused(problem: TerbitError):
    return render_template("admin/import.html", error=message_of(problem)), status_of(problem)


def _file(text: str, name: str) -> Response:
    return Response(text, mimetype="text/csv", headers={"Content-Disposition": f'attachment; filename="{name}"'})
