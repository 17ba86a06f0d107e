"""Files in and out: uploads of a form's file field, and the download of a case's documents."""

import io

from flask import Blueprint, redirect, render_template, request, send_file, url_for

from bpmn.errors import N_, Invalid, NotFound
from engine import documents, docx, media, queries, versions
from webui import actor, auth, deployed, errors, forms, now, pe

blueprint = Blueprint("documents", __name__)
OPENED = {"application/pdf", "image/jpeg", "image/png", "image/webp", "image/gif"}  # shown in the browser; all else is saved
# Whatever a file holds, nothing in it may run or be framed by others. Chromium's own PDF viewer does not work in a sandbox.
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
POLICY = ("default-src 'none'; img-src 'self'; object-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'self'; base-uri 'none'; "
          "form-action 'none'")


@blueprint.post("/uploads")
def upload():
    """Keep one file for the field `variable` of a task's form (or a start form): a list item that holds it, or 400 with why not."""
    task_id, variable, file = request.form.get("task_id") or None, request.form.get("variable", ""), request.files.get("file")
    if task_id:
        task = queries.task(pe(), actor(), task_id)
        schema = deployed.form(task["definition_id"], task["form_key"])
    else:
        definition = queries.definition(pe(), actor(), request.form.get("definition_id", ""))
        schema = forms.start_form(definition["id"])
    field = forms.file_field(schema, variable)
    if file is None or not file.filename:
        raise NotFound(N_("Isian dokumen ini tidak ada."))
    try:
        value = forms.take_file(field, file, task_id, request.form.get("replaces") or None)
    except Invalid as problem:
        return {"message": errors.message_of(problem)}, 400
    return render_template("upload.html", field=field, value=value, name=forms.PREFIX + field.key)


@blueprint.get("/documents/<document_id>")
def download(document_id: str):
    """A document's own bytes, under its own name and type; only a picture or a PDF opens in the browser.

    `clean`: as it is published, without what a camera noted in it (who posts by hand takes the file from here).
    """
    row, path = documents.open_document(pe(), actor(), document_id)
    opened = row["media_type"] in OPENED and "download" not in request.args
    clean = "clean" in request.args and row["media_type"].startswith("image/")
    content = io.BytesIO(media.without_notes(path.read_bytes(), row["media_type"])) if clean else path
    response = send_file(content, mimetype=row["media_type"], as_attachment=not opened, download_name=row["name"], conditional=True,
                         etag=row["sha256"] + ("-clean" if clean else ""), max_age=0)
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    response.headers["Cache-Control"] = "private, max-age=0, must-revalidate"
    return response


@blueprint.get("/documents/<document_id>/view")
def view(document_id: str):
    """The document to look at in place: a picture, a PDF, the words of a DOCX; or that it cannot be shown here."""
    row, path = documents.open_document(pe(), actor(), document_id)
    kind, paragraphs, problem = "", [], ""
    if row["media_type"] in OPENED:
        kind = "pdf" if row["media_type"] == "application/pdf" else "image"
    elif row["media_type"] == DOCX:
        try:
            kind, paragraphs = "text", docx.paragraphs(path)
        except Invalid as unreadable:
            kind, problem = "", errors.message_of(unreadable)
    return render_template("document_view.html", row=row, kind=kind, paragraphs=paragraphs, problem=problem)


@blueprint.post("/documents/<document_id>/versions")
def replace(document_id: str):
    """Put a newer version of a case's document in its place, and stand where the list was."""
    old, task_id = versions.task_for(pe(), actor(), document_id)
    file = request.files.get("file")
    if file is None or not file.filename:
        raise Invalid(N_("Pilih dahulu dokumennya."), field="file")
    new = documents.store_upload(pe(), actor(), now(), stream=file.stream, name=file.filename, task_id=task_id,  # type: ignore[arg-type]
                                 variable=old["variable"], replaces=document_id)
    field = _field_of(old)
    versions.replace(pe(), actor(), now(), forms.fitting(field, new)["document"] if field else new["document"])
    came_from = auth.parts_of(request.referrer)
    back = came_from.path if came_from.netloc == request.host and came_from.path.startswith(("/tasks/", "/cases/")) else ""
    return redirect(f"{back}#documents" if back else url_for("cases.show", id=old["instance_id"]), 303)


def _field_of(row: dict):
    """The form field that a document came with."""
    task = queries.task(pe(), actor(), row["task_id"]) if row["task_id"] else None
    schema = deployed.form(task["definition_id"], task["form_key"]) if task else None
    return next((f for f in schema.fields() if f.key == row["variable"] and f.type == "filepicker"), None) if schema else None
