"""The process owner's pages: procedures and their versions, the modeler, checking and putting in force."""

from flask import Blueprint, Response, jsonify, redirect, render_template, request, url_for
from flask_babel import gettext as _

from bpmn import check, sop, xml
from bpmn.errors import Invalid, TerbitError, worded
from engine import access, commands, overviews, queries
from webui import actor, deployed, now, pe
from webui.errors import message_of, status_of
from webui.security import POLICY

blueprint = Blueprint("definitions", __name__, url_prefix="/definitions")

# The modeler's properties panel and its menus set `style` attributes on what they draw; script and style sheets stay ours.
MODELER_POLICY = f"{POLICY}; style-src-attr 'unsafe-inline'"
UNPROCESSABLE = 422
KINDS = {"bpmn": "application/xml", "dmn": "application/xml", "form": "application/json"}
MAX_NOTE = 200  # characters


@blueprint.get("")
def index():
    search = request.args.get("q", "").strip()[:100]
    page = overviews.catalogue(pe(), actor(), search=search, after=request.args.get("after") or None)
    return render_template("owner/index.html", page=page, q=search)


@blueprint.get("/<id>")
def show(id: str):
    """One version (by its id), or the newest (by its key)."""
    access.require(access.may_deploy(actor()))
    definition = queries.definition(pe(), actor(), id)
    versions = overviews.versions(pe(), actor(), definition["key"], after=request.args.get("after") or None)
    newest = queries.definition(pe(), actor(), definition["key"])
    resources = queries.deployment_resources(pe(), actor(), definition["deployment_id"])
    return render_template("owner/show.html", definition=definition, versions=versions, newest=newest,
                           sop=deployed.standard(definition["id"]), resources=sorted(resources, key=lambda r: r["name"]))


@blueprint.get("/<id>/xml")
def diagram(id: str):
    """The diagram as it was deployed, byte for byte; for whoever may see the procedure or a case of it."""
    definition = queries.definition(pe(), actor(), id)
    response = _file(deployed.diagram(definition["id"]), definition["resource_name"], download="download" in request.args)
    if id == definition["id"]:  # a version never changes; what a key stands for does
        response.headers["Cache-Control"] = "private, max-age=31536000, immutable"
    return response


@blueprint.get("/<id>/resources/<path:name>")
def resource(id: str, name: str):
    access.require(access.may_deploy(actor()))
    content = queries.definition_resource(pe(), actor(), queries.definition(pe(), actor(), id)["id"], name)
    return _file(content, name, download=True)


# Changing -------------------------------------------------------------------------------------------------------------

@blueprint.get("/<id>/modeler")
def modeler(id: str):
    """The diagram of this version in the modeler; what is put in force becomes the newest version."""
    access.require(access.may_deploy(actor()))
    definition = queries.definition(pe(), actor(), id)
    newest = queries.definition(pe(), actor(), definition["key"])
    response = Response(render_template("owner/modeler.html", definition=definition, newest=newest))
    response.headers["Content-Security-Policy"] = MODELER_POLICY
    return response


@blueprint.post("/<id>/check")
def check_diagram(id: str):
    """What is wrong with the diagram that was sent, together with the forms of this procedure: JSON `{findings: […]}`."""
    access.require(access.may_deploy(actor()))
    try:
        resources = _with_diagram(queries.definition(pe(), actor(), id), _sent_diagram())
        return jsonify(findings=_shown(check.check(resources)))
    except TerbitError as problem:
        return _refused(problem)


@blueprint.post("/<id>/versions")
def put_in_force(id: str):
    """Make the diagram that was sent the newest version; running cases stay on theirs. JSON: 201 with `location`.

    409 when somebody put a version in force since `base` was opened, 422 with findings when the check finds errors.
    """
    access.require(access.may_deploy(actor()))
    try:
        newest = queries.definition(pe(), actor(), queries.definition(pe(), actor(), id)["key"])
        resources = _with_diagram(newest, _sent_diagram())
        findings = check.check(resources)
        if any(f.severity == "error" for f in findings):
            return jsonify(findings=_shown(findings)), UNPROCESSABLE
        made = commands.deploy(pe(), actor(), now(), name=_note(newest), resources=resources, source="modeler",
                               based_on=request.form.get("base", ""))
    except TerbitError as problem:
        return _refused(problem)
    if not made.definitions:
        return jsonify(message=_("Diagram ini sama dengan versi yang sedang berlaku; tidak ada yang perlu diberlakukan.")), 409
    return jsonify(location=url_for("definitions.show", id=newest["key"]), version=made.definitions[0]["version"]), 201


@blueprint.route("/upload", methods=["GET", "POST"])
def upload():
    """Put files in force that were made elsewhere: diagrams, forms, decision tables."""
    access.require(access.may_deploy(actor()))
    if request.method == "GET":
        return render_template("owner/upload.html", findings=[], problem="", note="")
    note = request.form.get("name", "").strip()[:MAX_NOTE]
    findings: list = []
    try:
        resources = _completed(_sent_files())
        findings = check.check(resources)
        if not any(f.severity == "error" for f in findings):
            made = commands.deploy(pe(), actor(), now(), name=note or _("Unggahan"), resources=resources, source="unggahan")
            key = made.definitions[0]["key"] if made.definitions else None
            return redirect(url_for("definitions.show", id=key) if key else url_for("definitions.index"), 303)
        problem, status = _("Belum diberlakukan: perbaiki dahulu kesalahan di bawah ini."), UNPROCESSABLE
    except TerbitError as error:
        problem, status, findings = message_of(error), status_of(error), findings or _problems(error)
    return render_template("owner/upload.html", findings=_shown(findings), problem=problem, note=note), status


@blueprint.post("/<id>/suspend")
def suspend(id: str):
    commands.suspend_definition(pe(), actor(), now(), id)
    return redirect(url_for("definitions.show", id=id), 303)


@blueprint.post("/<id>/activate")
def activate(id: str):
    commands.activate_definition(pe(), actor(), now(), id)
    return redirect(url_for("definitions.show", id=id), 303)


# Within ---------------------------------------------------------------------------------------------------------------

def _sent_diagram() -> bytes:
    sent = request.files.get("diagram")
    content = sent.stream.read(xml.MAX_BYTES + 1) if sent else b""
    if not content:
        raise Invalid(_("Tidak ada diagram yang dikirim."), field="diagram")
    return content


def _sent_files() -> dict[str, bytes]:
    files = {f.filename.replace("\\", "/").rsplit("/", 1)[-1]: f.stream.read(xml.MAX_BYTES + 1)
             for f in request.files.getlist("files") if f.filename}
    if not any(name.endswith(".bpmn") for name in files):
        raise Invalid(_("Pilih paling sedikit satu file diagram (.bpmn)."), field="files")
    return files


def _with_diagram(definition: dict, content: bytes) -> dict[str, bytes]:
    """All resources of the definition's deployment, with its diagram replaced; Invalid where the process is another."""
    if definition["key"] not in _processes(content, definition["resource_name"]):
        raise Invalid(_("ID proses harus tetap “%(key)s”: dengan ID lain, ini prosedur lain.", key=definition["key"]),
                      file=definition["resource_name"])
    return _resources(definition) | {definition["resource_name"]: content}


def _completed(files: dict[str, bytes]) -> dict[str, bytes]:
    """The files, and of procedures that exist already the forms and tables that were not sent again."""
    for name in [n for n in files if n.endswith(".bpmn")]:
        for key in _processes(files[name], name):
            known = queries.definitions(pe(), actor(), key=key, latest=True, limit=1).rows
            if known:
                files = {n: c for n, c in _resources(known[0]).items() if not n.endswith(".bpmn")} | files
    return files


def _resources(definition: dict) -> dict[str, bytes]:
    names = [r["name"] for r in queries.deployment_resources(pe(), actor(), definition["deployment_id"])]
    return {name: queries.definition_resource(pe(), actor(), definition["id"], name) for name in names}


def _processes(content: bytes, file: str) -> list[str]:
    return [p.get("id", "") for p in xml.parse(content, file).iter(sop.BPMN + "process")]


def _note(newest: dict) -> str:
    return request.form.get("name", "").strip()[:MAX_NOTE] or _("Perubahan atas versi %(version)d", version=newest["version"])


def _shown(findings) -> list[dict]:
    """Findings as a page or the modeler shows them, errors first."""
    found = [{"severity": f.severity, "file": f.file, "line": f.line or 0, "element": f.element or "",
              "message": worded(f.message, f.params, _)} for f in findings]
    return sorted(found, key=lambda f: (f["severity"] != "error", f["line"]))


def _problems(problem: TerbitError) -> list:
    return [check.Finding(severity="error", file=p.where.get("file", ""), line=p.where.get("line", 0), element=p.where.get("element", ""),
                          code="", message=p.message, params=p.params) for p in getattr(problem, "problems", None) or [problem]]


def _refused(problem: TerbitError):
    found = _shown(_problems(problem)) if isinstance(problem, Invalid) else []
    return jsonify(message=message_of(problem), **({"findings": found} if found else {})), status_of(problem)


def _file(content: bytes, name: str, *, download: bool) -> Response:
    response = Response(content, mimetype=KINDS.get(name.rsplit(".", 1)[-1], "application/octet-stream"))
    response.headers.set("Content-Disposition", "attachment" if download else "inline", filename=name.rsplit("/", 1)[-1])
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"  # a person's XML, looked at as a page, does nothing
    return response
