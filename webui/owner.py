"""The process owner's pages: procedures and their versions; files made elsewhere put in force. Changing them: `webui.studio`."""

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import gettext as _

from bpmn import sop, xml
from bpmn.errors import N_, Invalid, NotFound, TerbitError
from engine import access, commands, linting, model_drafts, overviews, queries, reviews
from engine.scenarios import ScenariosFail
from engine.version_life import ScopeChanged
from webui import actor, deployed, life, now, pe, trials
from webui.errors import message_of, status_of
from webui.model_files import MAX_NOTE, UNPROCESSABLE, problems_of, response_of, sent, shown

blueprint = Blueprint("definitions", __name__, url_prefix="/definitions")


@blueprint.get("")
def index():
    search = request.args.get("q", "").strip()[:100]
    page = overviews.catalogue(pe(), actor(), now(), search=search, after=request.args.get("after") or None)
    return render_template("owner/index.html", page=page, q=search, drafts={d["key"]: d for d in model_drafts.drafts(pe(), actor())})


@blueprint.get("/<id>")
def show(id: str):
    """One version (by its id), or that which is in force (by its key)."""
    access.require(access.may_deploy(actor()))
    definition = queries.definition(pe(), actor(), id, now())
    versions = overviews.versions(pe(), actor(), definition["key"], after=request.args.get("after") or None)
    lives = {each["id"]: each for each in overviews.lives(pe(), actor(), now(), definition["key"])}
    current = next((each for each in lives.values() if each["state"] == "in_force"), next(iter(lives.values())))
    resources = queries.deployment_resources(pe(), actor(), definition["deployment_id"])
    draft = model_drafts.find(pe(), actor(), definition["key"])
    return render_template("owner/show.html", definition=definition, versions=versions, current=current, draft=draft,
                           lives=lives, reviews=reviews.history(pe(), actor(), definition["key"]), review_key=reviews.KEY,
                           sop=deployed.standard(definition["id"]), resources=sorted(resources, key=lambda r: r["name"]))


@blueprint.get("/<id>/xml")
def diagram(id: str):
    """The diagram as it was deployed, byte for byte; for whoever may see the procedure or a case of it."""
    definition = queries.definition(pe(), actor(), id, now())
    response = response_of(deployed.diagram(definition["id"]), definition["resource_name"], download="download" in request.args)
    if id == definition["id"]:  # a version never changes; what a key stands for does
        response.headers["Cache-Control"] = "private, max-age=31536000, immutable"
    return response


@blueprint.get("/<id>/resources/<path:name>")
def resource(id: str, name: str):
    access.require(access.may_deploy(actor()))
    content = queries.definition_resource(pe(), actor(), queries.definition(pe(), actor(), id, now())["id"], name)
    return response_of(content, name, download=True)


# Changing -------------------------------------------------------------------------------------------------------------

@blueprint.route("/upload", methods=["GET", "POST"])
def upload():
    """Put files in force that were made elsewhere: diagrams, forms, decision tables."""
    access.require(access.may_deploy(actor()))
    if request.method == "GET":
        return render_template("owner/upload.html", findings=[], problem="", note="", failing=[], essential=[])
    note = request.form.get("name", "").strip()[:MAX_NOTE]
    findings: list = []
    failing: list = []
    essential: list = []
    try:
        files = sent("files").files
        if not any(name.endswith(".bpmn") for name in files):
            raise Invalid(N_("Pilih paling sedikit satu file diagram (.bpmn)."), field="files")
        resources = _completed(files)
        findings = linting.findings(pe(), actor(), resources)
        if not any(f.severity == "error" for f in findings):
            made = commands.deploy(pe(), actor(), now(), name=note or _("Unggahan"), resources=resources, source="unggahan",
                                   accept_failing=request.form.get("accept_failing") == "yes", how=life.how_sent())
            key = made.definitions[0]["key"] if made.definitions else None
            return redirect(url_for("definitions.show", id=key) if key else url_for("definitions.index"), 303)
        problem, status = _("Belum diberlakukan: perbaiki dahulu kesalahan di bawah ini."), UNPROCESSABLE
    except ScenariosFail as error:
        problem, status, failing = message_of(error), status_of(error), trials.shown_results(error.failing)
    except ScopeChanged as error:
        problem, status, essential = message_of(error), status_of(error), life.shown_changes(error.changes)
    except TerbitError as error:
        problem, status, findings = message_of(error), status_of(error), findings or problems_of(error)
    return render_template("owner/upload.html", findings=shown(findings), problem=problem, note=note, failing=failing,
                           essential=essential), status


@blueprint.post("/<id>/suspend")
def suspend(id: str):
    commands.suspend_definition(pe(), actor(), now(), id, request.form.get("reason", ""))
    return redirect(url_for("definitions.show", id=id), 303)


@blueprint.post("/<id>/activate")
def activate(id: str):
    commands.activate_definition(pe(), actor(), now(), id, request.form.get("reason", ""))
    return redirect(url_for("definitions.show", id=id), 303)


# Within ---------------------------------------------------------------------------------------------------------------

def _completed(files: dict[str, bytes]) -> dict[str, bytes]:
    """The files, and of procedures that exist already the forms and tables that were not sent again."""
    for name in [n for n in files if n.endswith(".bpmn")]:
        for key in _processes(files[name], name):
            try:
                known = queries.definition(pe(), actor(), key)
            except NotFound:
                continue
            files = {n: c for n, c in _resources(known).items() if not n.endswith(".bpmn")} | files
    return files


def _resources(definition: dict) -> dict[str, bytes]:
    names = [r["name"] for r in queries.deployment_resources(pe(), actor(), definition["deployment_id"])]
    return {name: queries.definition_resource(pe(), actor(), definition["id"], name) for name in names}


def _processes(content: bytes, file: str) -> list[str]:
    return [p.get("id", "") for p in xml.parse(content, file).iter(sop.BPMN + "process")]
