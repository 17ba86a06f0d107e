"""Files sent piece by piece, by tus 1.0.0 (https://tus.io/protocols/resumable-upload): its core, and its extensions
creation, expiration and termination, under the names of its headers.

    POST   /tasks/<task>/uploads                  Upload-Length, Upload-Metadata: filename, variable, replaces -> 201, Location
    HEAD   /tasks/<task>/uploads/<id>             -> Upload-Offset, Upload-Length
    PATCH  /tasks/<task>/uploads/<id>             Upload-Offset, the bytes -> 204, Upload-Offset; 409 where they begin elsewhere
    DELETE /tasks/<task>/uploads/<id>             -> 204
    POST   /tasks/<task>/uploads/<id>/finish      -> 200: a list item of the form; 400: why the file is not taken

The last is Terbit's own: what is whole becomes a document, checked as every other, and comes back as the form holds it.
Errors are JSON, {message}. A form that is sent with its files, without scripts, needs nothing of this.
"""

import base64
import binascii
from email.utils import format_datetime

from flask import Blueprint, Response, jsonify, render_template, request, url_for

from bpmn.errors import N_, Invalid, TerbitError
from engine import documents, queries, uploads
from webui import actor, deployed, errors, forms, now, pe

blueprint = Blueprint("uploads", __name__)
VERSION = "1.0.0"
PIECE = "application/offset+octet-stream"


@blueprint.before_request
def _same_version():
    if request.method != "OPTIONS" and request.endpoint != "uploads.finish" and request.headers.get("Tus-Resumable") != VERSION:
        return Response(status=412, headers={"Tus-Version": VERSION})


@blueprint.after_request
def _version(response: Response) -> Response:
    response.headers["Tus-Resumable"] = VERSION
    return response


@blueprint.errorhandler(TerbitError)
def _refused(problem: TerbitError):
    response = jsonify({"message": errors.message_of(problem)})
    response.status_code = 413 if isinstance(problem, uploads.TooLarge) else errors.status_of(problem)
    if isinstance(problem, uploads.Elsewhere):
        response.headers["Upload-Offset"] = str(problem.offset)
    return response


@blueprint.route("/tasks/<task_id>/uploads", methods=["OPTIONS"], provide_automatic_options=False)
def options(task_id: str):
    return "", 204, {"Tus-Version": VERSION, "Tus-Extension": "creation,expiration,termination",
                     "Tus-Max-Size": str(documents.most_bytes(pe()))}


@blueprint.post("/tasks/<task_id>/uploads")
def create(task_id: str):
    said = _metadata(request.headers.get("Upload-Metadata", ""))
    field = _field(task_id, said.get("variable", ""))
    id = uploads.create(pe(), actor(), now(), task_id=task_id, variable=field.key, name=said.get("filename", ""),
                        size=_number("Upload-Length"), replaces=said.get("replaces") or None)
    return "", 201, {"Location": url_for("uploads.append", task_id=task_id, id=id), **_head(task_id, id)}


@blueprint.route("/tasks/<task_id>/uploads/<id>", methods=["HEAD"])
def head(task_id: str, id: str):
    return "", 200, {**_head(task_id, id), "Cache-Control": "no-store"}


@blueprint.patch("/tasks/<task_id>/uploads/<id>")
def append(task_id: str, id: str):
    """Take a piece, whole or not at all. It is read before anything is locked, so a slow line holds up nobody."""
    if request.mimetype != PIECE:
        return {"message": errors.message_of(Invalid(N_("Isi permintaan tidak lengkap atau rusak.")))}, 415
    if (request.content_length or 0) > uploads.MOST_PIECE:
        raise uploads.TooLarge(N_("Potongan ini terlalu besar."))
    piece = request.stream.read(uploads.MOST_PIECE)
    offset = uploads.append(pe(), actor(), now(), task_id, id, _number("Upload-Offset"), piece)
    return "", 204, {"Upload-Offset": str(offset)}


@blueprint.delete("/tasks/<task_id>/uploads/<id>")
def cancel(task_id: str, id: str):
    uploads.cancel(pe(), actor(), now(), task_id, id)
    return "", 204


@blueprint.post("/tasks/<task_id>/uploads/<id>/finish")
def finish(task_id: str, id: str):
    field = _field(task_id, uploads.state(pe(), actor(), now(), task_id, id)["variable"])
    value = forms.fitting(field, uploads.finish(pe(), actor(), now(), task_id, id))
    return render_template("upload.html", field=field, value=value, name=forms.PREFIX + field.key)


# Inside ---------------------------------------------------------------------------------------------------------------

def _field(task_id: str, variable: str):
    task = queries.task(pe(), actor(), task_id)
    return forms.file_field(deployed.form(task["definition_id"], task["form_key"]), variable)


def _head(task_id: str, id: str) -> dict[str, str]:
    found = uploads.state(pe(), actor(), now(), task_id, id)
    until = {"Upload-Expires": format_datetime(found["expires"], usegmt=True)} if found["expires"] else {}
    return {"Upload-Offset": str(found["offset"]), "Upload-Length": str(found["size"]), **until}


def _number(header: str) -> int:
    text = request.headers.get(header, "")
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise Invalid(N_("Isi permintaan tidak lengkap atau rusak."))
    return int(text)


def _metadata(text: str) -> dict[str, str]:
    """'filename Zm90by5qcGc=,variable Z2FtYmFy' as it is meant; what is not Base64 of UTF-8 is refused."""
    pairs = [part.strip().partition(" ") for part in text.split(",") if part.strip()]
    try:
        return {name: base64.b64decode(value, validate=True).decode() for name, _, value in pairs}
    except (binascii.Error, UnicodeDecodeError) as error:
        raise Invalid(N_("Isi permintaan tidak lengkap atau rusak.")) from error
