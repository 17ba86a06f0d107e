"""Content as each channel will show it. For the website: the very templates that publish, around what is not published yet."""

from pathlib import PurePosixPath
from typing import Any

from flask import Blueprint, Response, render_template, request, send_file, url_for
from flask_babel import gettext as _

from connectors import content
from connectors.site import pages
from engine import queries, revisions
from webui import actor, deployed, forms, now, pe, posts

blueprint = Blueprint("preview", __name__)
POLICY = ("default-src 'none'; img-src 'self'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; "
          "sandbox allow-same-origin")


@blueprint.get("/preview/tasks/<string(length=36):task_id>/")
def of_task(task_id: str):
    """The content that the task's variables hold."""
    task = queries.task(pe(), actor(), task_id)
    return _page(queries.task_variables(pe(), actor(), task_id), task["business_key"])


@blueprint.post("/preview/form/")
def of_form():
    """The content as a form holds it, before it is sent."""
    values = {key: request.form.get(forms.PREFIX + key, "")[:200_000] for key in ("judul", "ringkasan", "isi", "jenis", "catatan_ralat")}
    values |= {key: forms._kept(forms.PREFIX + key, request.form) for key in ("gambar", "lampiran")}
    return _page(values, "")


@blueprint.post("/preview/tasks/<string(length=36):task_id>/channels")
def of_channels(task_id: str):
    """A post per channel as the form holds it, a piece of the task page: counted and checked by the rules that will refuse it."""
    task = queries.task(pe(), actor(), task_id)
    schema = deployed.form(task["definition_id"], task["form_key"])
    values = forms.submitted(schema, request.form) if schema else {}
    preview = posts.preview(values, queries.task_variables(pe(), actor(), task_id), task["business_key"], schema)
    return render_template("preview_channels.html", preview=preview, task=task, website="", piece=True)


@blueprint.get("/preview/<any('gaya.css', 'ikon.svg'):name>")
@blueprint.get("/preview/tasks/<any('gaya.css', 'ikon.svg'):name>")
def asset(name: str):
    """What the site's pages name beside them."""
    return send_file(pages.TEMPLATES / name, mimetype="text/css" if name == "gaya.css" else "image/svg+xml", max_age=3600)


def _page(values: dict[str, Any], business_key: str) -> Response:
    body = content.clean(str(values.get("isi") or ""))
    record = {
        "slug": "", "title": content.clean(str(values.get("judul") or "")) or _("Tanpa judul"),
        "summary": content.clean(str(values.get("ringkasan") or "")) or content.excerpt(body),
        "kind": str(values.get("jenis") or ""), "business_key": business_key, "published_at": now().isoformat(),
        "corrections": [{"at": each.at.isoformat(), "note": content.clean(each.note)}
                        for each in revisions.corrections(values, pe().timezone, now())],
        "images": [_image(v) for v in values.get("gambar") or []], "attachments": [_file(v) for v in values.get("lampiran") or []]}
    response = Response(pages.post(posts.site().look, record, body), mimetype="text/html")
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    return response


def _image(value: dict[str, Any]) -> dict[str, Any]:
    return _file(value) | {"alt": value.get("alt", ""), "width": "", "height": ""}


def _file(value: dict[str, Any]) -> dict[str, Any]:
    name = str(value.get("name", ""))
    return {"file": url_for("documents.download", document_id=value["document"]), "name": name, "size": value.get("size", 0),
            "type": PurePosixPath(name).suffix.lstrip(".").upper()}
