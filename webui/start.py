"""Starting a case: which procedures the person may start, and the start form where there is one."""

import secrets

from flask import Blueprint, redirect, render_template, request, url_for

from bpmn import forms as rules
from bpmn.errors import N_, Invalid, NotFound
from engine import access, commands, queries, reviews
from webui import actor, deployed, errors, forms, now, pe

blueprint = Blueprint("start", __name__)


@blueprint.get("/start")
def index():
    """Every procedure in force that may be started by this person."""
    found = queries.definitions(pe(), actor(), at=now(), startable=True, limit=100).rows
    return render_template("start.html", once=secrets.token_hex(8), definitions=[
        (row, deployed.standard(row["id"]), forms.start_form(row["id"]) is not None, in_stead(row))
        for row in found if not _is_about_a_case(row)])


@blueprint.route("/start/<key>", methods=["GET", "POST"])
def start(key: str):
    """Start a case and stand at its first task, where that is one's own."""
    definition = _startable(key)
    schema = forms.start_form(definition["id"])
    if request.method == "GET":
        return _page(definition, schema, rules.initial(schema, {}) if schema else {})
    values: dict = {}
    if schema:
        values = forms.submitted(schema, request.form)
        try:
            refused = forms.take_files(schema, request.files, values, None)
            checked = forms.checked(schema, values, refused)
        except Invalid as problem:
            return _page(definition, schema, values, problem), 400
        values = checked
    once = request.form.get("once", "")[:32]  # a form sent twice leads to its case, not to another
    started = commands.start(pe(), actor(), now(), definition_id=definition["id"], variables=values, request_id=once or None)
    return redirect(_first_task(started.id), 303)


def in_stead(definition: dict) -> dict | None:
    """In whose stead the person would start a case of a row of `queries.definitions`."""
    return access.starts_in_stead(actor(), definition["groups"], definition["starter_groups"])


def _startable(key: str) -> dict:
    for row in queries.definitions(pe(), actor(), key=key, at=now(), startable=True, limit=1).rows:
        if not _is_about_a_case(row):
            return row
    raise NotFound(N_("Prosedur ini tidak ada, atau tidak dapat Anda mulai."))


def _is_about_a_case(definition: dict) -> bool:
    """Whether it starts from the page of what it is about, and only there (see `webui.news`, `webui.life`)."""
    return definition["key"] == reviews.KEY or bool(deployed.standard(definition["id"]).identity.get("tentang"))


def _page(definition: dict, schema: rules.Form | None, values: dict, problem: Invalid | None = None):
    return render_template("start_form.html", definition=definition, sop=deployed.standard(definition["id"]), once=secrets.token_hex(8),
                           in_stead=in_stead(definition), form=forms.page(schema, values, problem=problem) if schema else None,
                           problem=errors.message_of(problem) if problem else "")


def _first_task(instance_id: str) -> str:
    for row in queries.tasks(pe(), actor(), instance_id=instance_id, mine=True, candidate=True, limit=1).rows:
        return url_for("task.show", task_id=row["id"])
    return url_for("inbox.inbox")
