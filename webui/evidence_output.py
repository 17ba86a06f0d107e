"""What was put out: how each channel fared, and the Daftar Informasi Publik as CSV."""

import datetime as dt
from collections.abc import Iterable, Iterator
from typing import Any

from flask import Blueprint, Response, render_template, request, stream_with_context

from engine import access, channels, reports
from engine.evidence import output
from webui import actor, now, pe
from webui.audit import csv_line, joined
from webui.evidence import asked_for, of_office, period
from webui.evidence_out import file_name
from webui.view import zone

blueprint = Blueprint("evidence_output", __name__, url_prefix="/reports")
blueprint.context_processor(of_office)


@blueprint.before_request
def _only_overseers():
    access.require(access.may_see_reports(actor()))


@blueprint.get("/terbitan")
def index():
    """Each channel's publications by what became of them."""
    procedures = reports.keys(pe(), actor())
    if not procedures:
        return render_template("analyst/empty.html")
    asked = asked_for(procedures)
    found, is_more = output.channels(pe(), actor(), asked.scope, zone())
    return render_template("evidence/output.html", procedures=procedures, asked=asked, period=period(asked.scope), share=output.share,
                           found=found, most=output.MOST if is_more else None, names=channels.channel_names(pe(), actor()),
                           classes=output.CLASSES)


@blueprint.get("/terbitan.csv")
def listed():
    """The list of what stands published, of one class where one is asked for."""
    asked, of_class = asked_for(reports.keys(pe(), actor()) or [{"key": ""}]), request.args.get("class", "")[:40]
    rows = output.export(pe(), actor(), now(), asked.scope, zone(), of_class)
    response = Response(stream_with_context(joined(_lines(rows))), mimetype="text/csv")
    name = f"terbit-dip-{of_class or 'semua'}-{file_name(asked)}.csv"
    response.headers.set("Content-Disposition", "attachment", filename=name)
    return response


def _lines(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    yield "\ufeff" + csv_line(list(output.COLUMNS))
    for row in rows:
        yield csv_line([_text(row[name]) for name in output.COLUMNS])


def _text(value: Any) -> Any:
    return value.astimezone(zone()).isoformat(timespec="seconds") if isinstance(value, dt.datetime) else "" if value is None else value
