"""What an analyst takes along: reports as papers, and the data for other tools."""

import datetime as dt
import tempfile
from typing import Any

from flask import Blueprint, Response, render_template, request, send_file, stream_with_context
from flask_babel import gettext as _

from engine import access, reports, settings
from engine.evidence import figures, out, out_files, paper_files, papers
from webui import actor, exporting, now, pe
from webui.evidence import asked_for, of_office, period
from webui.view import zone

blueprint = Blueprint("evidence_out", __name__, url_prefix="/reports")
blueprint.context_processor(of_office)

TYPES = {"csv": "text/csv", "xes": "application/xml", "parquet": "application/vnd.apache.parquet", "pdf": "application/pdf",
         "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
         "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}


@blueprint.before_request
def _only_overseers():
    access.require(access.may_see_reports(actor()))


@blueprint.get("/unduh")
def index():
    """The reports and the data of a period in every form."""
    procedures = reports.keys(pe(), actor())
    if not procedures:
        return render_template("analyst/empty.html")
    asked = asked_for(procedures)
    return render_template("evidence/out.html", procedures=procedures, asked=asked, period=period(asked.scope),
                           total=figures.cases_of(pe(), actor(), asked.scope),
                           quick=_quick(now().astimezone(zone()).date()), persons=settings.get(pe(), actor().tenant)["evidence"]["persons"])


@blueprint.get("/laporan/<any(rekap, tinjauan, \"mutu-baku\"):name>.<any(pdf, docx, xlsx):form>")
def paper(name: str, form: str):
    """A report, in Indonesian whatever the reader's language, as an official paper is."""
    asked = asked_for(reports.keys(pe(), actor()) or [{"key": ""}])
    made = paper_files.MAKE[form](papers.report(pe(), actor(), now(), name, asked.scope, form))
    response = Response(made, mimetype=TYPES[form])
    response.headers.set("Content-Disposition", "attachment", filename=f"terbit-{name}-{file_name(asked)}.{form}")
    return response


@blueprint.get("/data/<any(cases, activities):what>.<any(csv, xlsx, parquet, xes):form>")
def data(what: str, form: str):
    """Ended cases, or what was done in them, as they are read; XLSX once it is written whole. How far it came is told under the name that
    the page gave it (`progress`)."""
    asked = asked_for(reports.keys(pe(), actor()) or [{"key": ""}])
    progress = exporting.Progress.of(pe().folder, actor(), request.args.get("progress", ""))
    found = out.export(pe(), actor(), now(), asked.scope, form, what, progress.told)
    name = f"terbit-{'berkas' if what == 'cases' else 'langkah'}-{file_name(asked)}.{form}"
    if form == "xlsx":
        book = tempfile.TemporaryFile()  # noqa: SIM115 - send_file closes it when it is sent
        with progress:
            out_files.write(book, found, form, what)
        book.seek(0)
        return send_file(book, mimetype=TYPES[form], as_attachment=True, download_name=name)
    response = Response(stream_with_context(progress.around(out_files.pieces(found, form, what))), mimetype=TYPES[form])
    response.headers.set("Content-Disposition", "attachment", filename=name)
    return response


@blueprint.get("/data/kemajuan/<name>")
def progress(name: str):
    """How far an export of one's own came, for the page to ask again and again."""
    return exporting.Progress.of(pe().folder, actor(), name).read()


def file_name(asked: Any) -> str:
    """The procedure and the period, as a file's name says them."""
    key = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "_" for c in asked.scope.key)
    return f"{key}-{asked.scope.since or 'awal'}-{asked.scope.until or 'kini'}"


def _quick(today: dt.date) -> list[tuple[str, str, str]]:
    """Periods in one click, as (label, since, until): the last quarter and semester that are over, and those that run."""
    found = []
    for months, label, before in ((3, _("Triwulan ini"), _("Triwulan lalu")), (6, _("Semester ini"), _("Semester lalu"))):
        first = today.replace(month=(today.month - 1) // months * months + 1, day=1)
        last = first - dt.timedelta(1)
        earlier = last.replace(month=last.month - months + 1, day=1)
        found += [(before, earlier.isoformat(), last.isoformat()), (label, first.isoformat(), papers.end(first, months).isoformat())]
    return found
