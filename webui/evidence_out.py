"""What an analyst takes along: the data for other tools."""

import tempfile
from typing import Any

from flask import Blueprint, Response, render_template, send_file, stream_with_context

from engine import access, reports, settings
from engine.evidence import out
from webui import actor, now, pe
from webui.evidence import asked_for, of_office, period

blueprint = Blueprint("evidence_out", __name__, url_prefix="/reports")
blueprint.context_processor(of_office)

TYPES = {"csv": "text/csv", "xes": "application/xml",
         "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}


@blueprint.before_request
def _only_overseers():
    access.require(access.may_see_reports(actor()))


@blueprint.get("/unduh")
def index():
    """The data of a period in every form."""
    procedures = reports.keys(pe(), actor())
    if not procedures:
        return render_template("analyst/empty.html")
    asked = asked_for(procedures)
    return render_template("evidence/out.html", procedures=procedures, asked=asked, period=period(asked.scope),
                           persons=settings.get(pe(), actor().tenant)["evidence"]["persons"])


@blueprint.get("/data/<any(cases, activities):what>.<any(csv, xlsx, xes):form>")
def data(what: str, form: str):
    """Ended cases, or what was done in them: CSV and XES as they are read, XLSX once it is written whole."""
    asked = asked_for(reports.keys(pe(), actor()) or [{"key": ""}])
    found = out.export(pe(), actor(), now(), asked.scope, form, what)
    name = f"terbit-{'berkas' if what == 'cases' else 'langkah'}-{file_name(asked)}.{form}"
    if form == "xlsx":
        book = tempfile.TemporaryFile()  # noqa: SIM115 - send_file closes it when it is sent
        out.write(book, found, form, what)
        book.seek(0)
        return send_file(book, mimetype=TYPES[form], as_attachment=True, download_name=name)
    response = Response(stream_with_context(out.pieces(found, form, what)), mimetype=TYPES[form])
    response.headers.set("Content-Disposition", "attachment", filename=name)
    return response


def file_name(asked: Any) -> str:
    """The procedure and the period, as a file's name says them."""
    key = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "_" for c in asked.scope.key)
    return f"{key}-{asked.scope.since or 'awal'}-{asked.scope.until or 'kini'}"
