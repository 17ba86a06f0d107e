"""The process owner's studio: a draft of a procedure, its diagram, forms and tables in their editors, checked, put in force.

The editors save by `save`, which answers 409 with who was faster where somebody was; nothing is ever overwritten unseen.
"""

import json
from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Blueprint, Response, jsonify, redirect, render_template, request, url_for
from flask_babel import gettext as _

from bpmn import blank, forms, package, xml
from bpmn.errors import N_, Invalid, NotFound, TerbitError
from engine import access, channels, model_drafts, people, queries
from engine.scenarios import ScenariosFail
from engine.version_life import ScopeChanged
from webui import actor, element_templates, life, now, pe, trials, view
from webui import forms as pages
from webui.errors import message_of, status_of
from webui.model_files import EDITOR_POLICY, MAX_NOTE, UNPROCESSABLE, problems_of, response_of, sent, shown

blueprint = Blueprint("studio", __name__, url_prefix="/definitions")

EDITORS = {"bpmn": "studio/diagram.html", "form": "studio/form.html", "dmn": "studio/decision.html"}
FRAMED = ("default-src 'none'; style-src 'self'; img-src 'self'; font-src 'self'; frame-ancestors 'self'; form-action 'none'; "
          "base-uri 'none'")


@blueprint.before_request
def _only_owners():
    access.require(access.may_deploy(actor()))


def answers(page: Callable[..., Any]) -> Callable[..., Any]:
    """Let an editor's request be answered by JSON, also when it is refused: message, findings, and of a conflict `saved`."""
    @wraps(page)
    def answered(*args, **kwargs):
        try:
            return page(*args, **kwargs)
        except TerbitError as problem:
            body: dict[str, Any] = {"message": message_of(problem)}
            if isinstance(problem, Invalid):
                body["findings"] = shown(problems_of(problem))
            if isinstance(problem, ScenariosFail):
                body["failing"] = trials.shown_results(problem.failing)
            if isinstance(problem, ScopeChanged):
                body["essential"] = life.shown_changes(problem.changes)
            if isinstance(problem, model_drafts.Newer):
                body["conflict"] = _of_saved(problem.saved)
            return jsonify(body), UNPROCESSABLE if isinstance(problem, Invalid) and problem.problems else status_of(problem)
    return answered


def _of_saved(saved: dict[str, Any] | None) -> dict[str, Any]:
    """Whose save it was, as the conflict panel shows it; {} where the file is gone."""
    if saved is None:
        return {}
    return {"name": saved["name"], "version": saved["version"], "person": saved["person"] or saved["by"] or "Terbit",
            "at": view.moment(saved["at"]), "mine": saved["by"] == actor().id}


# Drafts ---------------------------------------------------------------------------------------------------------------

@blueprint.route("/new", methods=["GET", "POST"])
def new():
    """Begin a new procedure from an empty diagram with lanes."""
    problem = None
    if request.method == "POST":
        try:
            key = model_drafts.create(pe(), actor(), now(), key=request.form.get("key", ""), name=request.form.get("name", ""),
                                      lanes=request.form.getlist("lanes")[:50])
            return redirect(url_for("studio.show", key=key), 303)
        except TerbitError as error:
            problem = error
    page = render_template("studio/new.html", groups=people.groups(pe(), actor()), sent=request.form, chosen=request.form.getlist("lanes"),
                           problem=problem and message_of(problem), field=problem and problem.where.get("field", ""))
    return page, status_of(problem) if problem else 200


@blueprint.post("/<id>/draft")
def begin(id: str):
    """Begin a draft from this version, or go on with the one that is there."""
    definition = queries.definition(pe(), actor(), id)
    key = model_drafts.begin(pe(), actor(), now(), definition["id"])
    return redirect(url_for("studio.open_diagram", key=key), 303)


@blueprint.get("/<key>/draft")
def show(key: str):
    """The draft: its files, what came and goes as a whole, and what is wrong with it."""
    draft = model_drafts.get(pe(), actor(), key)
    checked = model_drafts.check_draft(pe(), actor(), draft["id"])
    return render_template("studio/show.html", draft=draft, findings=shown(checked.findings), state=checked.state,
                           versions=_versions(draft), done=request.args.getlist("done"))


@blueprint.get("/<key>/draft/diagram")
def open_diagram(key: str):
    """Lead to the diagram of the procedure, or to the draft's page where it has none or several."""
    diagrams = [f["name"] for f in model_drafts.get(pe(), actor(), key)["files"] if f["name"].endswith(".bpmn")]
    target = url_for("studio.edit", key=key, name=diagrams[0]) if len(diagrams) == 1 else url_for("studio.show", key=key)
    return redirect(target, 303)


@blueprint.post("/<key>/draft/discard")
def discard(key: str):
    draft = model_drafts.get(pe(), actor(), key)
    model_drafts.discard(pe(), actor(), now(), _draft_id(), request.form.get("state", ""))
    return redirect(url_for("definitions.show", id=key) if draft["newest_id"] else url_for("definitions.index"), 303)


@blueprint.post("/<key>/draft/rebase")
def rebase(key: str):
    """Go on upon the version that was put in force meanwhile."""
    model_drafts.rebase(pe(), actor(), now(), _draft_id(), request.form.get("definition", ""))
    return redirect(url_for("studio.show", key=key), 303)


@blueprint.post("/<key>/draft/check")
@answers
def check(key: str):
    """What deployment would say, with the file `name` as it was sent in the place of the saved one: {findings, state, files}.
    `files`: who saved each last, and its version, by name."""
    changed = {request.form["name"]: _sent("content")} if request.form.get("name") else None
    checked = model_drafts.check_draft(pe(), actor(), _draft_id(), changed)
    return jsonify(findings=shown(checked.findings), state=checked.state, files={row["name"]: _of_saved(row) for row in checked.files})


@blueprint.post("/<key>/draft/force")
@answers
def put_in_force(key: str):
    """Make the draft the newest version; 201 with `location`. 422 with findings, 409 where somebody was faster,
    with `failing` where kept scenarios go another way now, until `accept_failing` says yes, or with `essential` where
    scope or person in charge changed, until that says what becomes of the versions before."""
    note = request.form.get("note", "").strip()[:MAX_NOTE]
    made = model_drafts.put_in_force(pe(), actor(), now(), _draft_id(), note=note, seen=request.form.get("state", ""),
                                     accept_failing=request.form.get("accept_failing") == "yes", how=life.how_sent())
    return jsonify(location=url_for("definitions.show", id=key), version=made.definitions[0]["version"]), 201


# Files ----------------------------------------------------------------------------------------------------------------

@blueprint.get("/<key>/draft/files/<name>")
def edit(key: str, name: str):
    """A file of the draft in its editor."""
    draft = model_drafts.get(pe(), actor(), key)
    file = next((f for f in draft["files"] if f["name"] == name), None)
    template = EDITORS.get(name.rpartition(".")[2])
    if file is None or template is None:
        raise NotFound(N_("File %(name)s tidak ditemukan."), name=name)
    page = Response(render_template(template, draft=draft, file=file, groups=people.groups(pe(), actor()), urls=_urls(key, name)))
    page.headers["Content-Security-Policy"] = EDITOR_POLICY
    return page


def _urls(key: str, name: str) -> dict[str, str]:
    of_file = {page: url_for(f"studio.{page}", key=key, name=name) for page in ("content", "save", "copy")}
    return of_file | {name: url_for(f"studio.{page}", key=key) for name, page in (
        ("check", "check"), ("force", "put_in_force"), ("templates", "templates"), ("forms", "form_ids"), ("preview", "preview"),
        ("draft", "show"))}


@blueprint.get("/<key>/draft/files/<name>/content")
def content(key: str, name: str):
    """The file as it is saved; its version is in the header `X-Version`."""
    found = model_drafts.file(pe(), actor(), model_drafts.get(pe(), actor(), key)["id"], name)
    response = response_of(found["content"], name, download="download" in request.args)
    response.headers["X-Version"] = str(found["version"])
    return response


@blueprint.post("/<key>/draft/files/<name>")
@answers
def save(key: str, name: str):
    """Keep what was sent: {version, at}. 409 with `conflict` where somebody saved since `version`."""
    version = model_drafts.save(pe(), actor(), now(), _draft_id(), name, _sent("content"), _version())
    return jsonify(version=version, at=view.clock(now()))


@blueprint.post("/<key>/draft/files/<name>/copy")
@answers
def copy(key: str, name: str):
    """Keep what was sent as a file of its own, beside the one that somebody else saved: {location}, 201."""
    stem, __, kind = name.rpartition(".")
    made = _free_name(model_drafts.get(pe(), actor(), key), " ".join((stem, _("salinan"), actor().id)), kind)
    model_drafts.add(pe(), actor(), now(), _draft_id(), made, _sent("content"))
    return jsonify(location=url_for("studio.edit", key=key, name=made), name=made), 201


@blueprint.post("/<key>/draft/files")
def add(key: str):
    """Add an empty form or decision table, and lead to its editor."""
    kind, name = request.form.get("kind", ""), request.form.get("name", "").strip()
    stem = name.removesuffix(f".{kind}")
    ident = "".join(c if c.isalnum() and c.isascii() else "_" for c in stem).strip("_") or kind
    ident = ident if ident[0].isalpha() else f"{kind}_{ident}"
    if kind not in ("form", "dmn"):
        raise Invalid(N_("Pilih formulir atau tabel keputusan."), field="kind")
    fresh = blank.form(ident) if kind == "form" else blank.decision(ident, stem)
    model_drafts.add(pe(), actor(), now(), _draft_id(), f"{stem}.{kind}", fresh)
    return redirect(url_for("studio.edit", key=key, name=package.check_name(f"{stem}.{kind}")), 303)


@blueprint.post("/<key>/draft/files/<name>/rename")
def rename(key: str, name: str):
    wanted = request.form.get("name", "").strip()
    kind = name.rpartition(".")[2]
    model_drafts.rename(pe(), actor(), now(), _draft_id(), name, wanted if wanted.endswith(f".{kind}") else f"{wanted}.{kind}", _version())
    return redirect(url_for("studio.show", key=key), 303)


@blueprint.post("/<key>/draft/files/<name>/delete")
def delete(key: str, name: str):
    model_drafts.delete(pe(), actor(), now(), _draft_id(), name, _version())
    return redirect(url_for("studio.show", key=key), 303)


@blueprint.get("/<key>/draft/export")
def export(key: str):
    """All files of the draft as a ZIP."""
    draft = model_drafts.get(pe(), actor(), key)
    response = Response(package.pack(model_drafts.contents(pe(), actor(), draft["id"])), mimetype="application/zip")
    response.headers.set("Content-Disposition", "attachment", filename=f"{key}.zip")
    return response


@blueprint.post("/<key>/draft/import")
def bring_in(key: str):
    """Bring files or a ZIP into the draft, all or none."""
    files, left_out = sent("files")
    done = model_drafts.bring_in(pe(), actor(), now(), _draft_id(), files, _known_versions())
    said = [f"{kind}:{name}" for kind, names in {**done, "left": left_out}.items() for name in names][:300]
    return redirect(url_for("studio.show", key=key, done=said), 303)


# What the editors ask for ---------------------------------------------------------------------------------------------

@blueprint.get("/<key>/draft/templates.json")
def templates(key: str):
    """Element templates for the modeler, in the reader's language."""
    return jsonify(element_templates.templates(channels.by_connector(pe(), actor()), _))


@blueprint.get("/<key>/draft/forms.json")
def form_ids(key: str):
    """The forms of the draft, as a task may ask for them: [{id, name, url}]."""
    draft = model_drafts.get(pe(), actor(), key)
    found = model_drafts.contents(pe(), actor(), draft["id"])
    return jsonify([{"id": _form_id(content) or name.removesuffix(".form"), "name": name, "url": url_for("studio.edit", key=key, name=name)}
                    for name, content in sorted(found.items()) if name.endswith(".form")])


@blueprint.post("/<key>/draft/preview")
def preview(key: str):
    """The form that was sent, as the server will show it to whoever does the task: a page for a frame without scripts."""
    every = request.form.get("all") == "1"
    try:
        schema = forms.read(package.check_content("pratinjau.form", _sent("content")), "")
        form = pages.page(schema, forms.initial(schema, {}), by_buttons=True)
        if every:
            form.shown = {f.key for f in schema.fields()}
        page, status = render_template("studio/preview.html", form=form, problem=""), 200
    except Invalid as problem:
        page, status = render_template("studio/preview.html", form=None, problem=message_of(problem)), UNPROCESSABLE
    response = Response(page, status)
    response.headers["Content-Security-Policy"] = FRAMED
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    return response


# Within ---------------------------------------------------------------------------------------------------------------

def _draft_id() -> str:
    """The draft that a page was made for: its key may belong to another by now."""
    return request.form.get("draft", "")


def _version() -> int:
    known = request.form.get("version", "")
    return int(known) if known.isascii() and known.isdigit() and len(known) < 10 else 0


def _versions(draft: dict[str, Any]) -> str:
    return json.dumps({file["name"]: file["version"] for file in draft["files"]})


def _known_versions() -> dict[str, int]:
    try:
        known = json.loads(request.form.get("versions", "{}"))
    except (ValueError, RecursionError):
        return {}
    return {str(name): version for name, version in known.items() if isinstance(version, int)} if isinstance(known, dict) else {}


def _sent(name: str) -> bytes:
    """What an editor sent: a file, or a field of that name."""
    file = request.files.get(name)
    return file.stream.read(xml.MAX_BYTES + 1) if file else request.form.get(name, "").encode()


def _free_name(draft: dict[str, Any], stem: str, kind: str) -> str:
    taken = {file["name"].casefold() for file in draft["files"]}
    names = (f"{stem[:90]}{f' {number}' if number > 1 else ''}.{kind}" for number in range(1, package.MOST_FILES + 2))
    return next(name for name in names if name.casefold() not in taken)


def _form_id(content: bytes) -> str:
    try:
        return str(json.loads(content).get("id") or "")
    except (ValueError, AttributeError, RecursionError):
        return ""
