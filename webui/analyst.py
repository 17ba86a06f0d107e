"""The analyst's pages: each step's time beside its mutu baku, how often work was sent back, the cases behind it, and CSV."""

import csv
import datetime as dt
import io
from collections.abc import Iterable, Iterator
from typing import Any

from flask import Blueprint, Response, render_template, request, stream_with_context
from flask_babel import gettext as _

from bpmn.errors import Invalid
from engine import access, queries, reports
from webui import actor, deployed, hours, now, pe
from webui.view import zone

blueprint = Blueprint("analyst", __name__, url_prefix="/reports")

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # what makes a spreadsheet run a cell
PERIODS = (30, 90, 365)  # days offered in one click
CHUNK = 200  # lines sent at once


@blueprint.before_request
def _only_overseers():
    access.require(access.may_see_reports(actor()))


@blueprint.get("")
def index():
    """Figures of one procedure in a period, as bars and as a table."""
    procedures = reports.keys(pe(), actor())
    if not procedures:
        return render_template("analyst/empty.html")
    scope, asked = _scope(procedures)
    return render_template(
        "analyst/index.html", procedures=procedures, asked=asked, summary=reports.summary(pe(), actor(), scope),
        steps=_drawn(reports.steps(pe(), actor(), now(), scope)), periods=_periods())


@blueprint.get("/cases")
def cases():
    """The cases that the figures are made of, with how often each was sent back."""
    procedures = reports.keys(pe(), actor())
    if not procedures:
        return render_template("analyst/empty.html")
    scope, asked = _scope(procedures)
    state = request.args.get("state") if request.args.get("state") in ("running", "ended") else None
    page = queries.instances(pe(), actor(), state=state, search=asked["q"], definition_key=scope.key, started_after=scope.since,
                             started_before=scope.until, after=request.args.get("after") or None)
    loops = reports.loops(pe(), actor(), [row["id"] for row in page.rows]) if page.rows else {}
    return render_template("analyst/cases.html", procedures=procedures, asked=asked | {"state": state}, page=page, loops=loops)


@blueprint.get("/steps.csv")
def steps_csv():
    """Every step of every case of the period, one a line; sent as it is read, however many there are."""
    scope, asked = _scope(reports.keys(pe(), actor()))
    head = [_("nomor"), _("judul"), _("definisi"), _("id langkah"), _("langkah"), _("mulai"), _("selesai"), _("menit kerja"),
            _("mutu baku (menit)"), _("jatuh tempo"), _("dalam mutu baku"), _("diperpanjang"), _("petugas"), _("keadaan")]
    words = {True: _("ya"), False: _("tidak"), "done": _("selesai"), "open": _("berjalan"), "canceled": _("dibatalkan")}
    rows = (_line(row, words) for row in reports.export(pe(), actor(), now(), scope))
    return _csv(head, rows, f"terbit-langkah-{scope.key}-{asked['since'] or 'awal'}-{asked['until'] or 'kini'}.csv")


# What is asked for ----------------------------------------------------------------------------------------------------

def _scope(procedures: list[dict]) -> tuple[reports.Scope, dict[str, Any]]:
    """The scope that the address names; `until` is the last day that counts. Without one, the last 90 days."""
    today = now().astimezone(zone()).date()
    untouched = not request.args.keys() & {"since", "until"}
    since = today - dt.timedelta(days=PERIODS[1]) if untouched else _day("since")
    until = _day("until")
    key = request.args.get("key") or (procedures[0]["key"] if procedures else "")
    asked = {"key": key, "since": since.isoformat() if since else "", "until": until.isoformat() if until else "",
             "q": request.args.get("q", "").strip()[:100]}
    return reports.Scope(key, _midnight(since), _midnight(until + dt.timedelta(days=1) if until else None)), asked


def _day(name: str) -> dt.date | None:
    given = request.args.get(name, "")
    try:
        day = dt.date.fromisoformat(given) if given else None
        if day and not 1900 < day.year < 9000:
            raise ValueError(given)
    except ValueError as problem:
        raise Invalid(_("Tanggal “%(value)s” tidak dapat dibaca.", value=given[:30]), field=name) from problem
    return day


def _midnight(day: dt.date | None) -> dt.datetime | None:
    return dt.datetime.combine(day, dt.time(), zone()) if day else None


def _periods() -> list[tuple[str, str]]:
    today = now().astimezone(zone()).date()
    return [(_("%(days)d hari", days=days), (today - dt.timedelta(days=days)).isoformat()) for days in PERIODS]


# Bars -----------------------------------------------------------------------------------------------------------------

def _drawn(steps: list[reports.Step]) -> list[dict[str, Any]]:
    """Each step with its median in per cent of its mutu baku (`ratio`); the bar ends at 200."""
    found = []
    for step in steps:
        ratio = None if step.median is None or not step.standard else round(100 * step.median / step.standard)
        found.append({"step": step, "ratio": ratio, "bar": max(1, min(ratio or 0, 200)),
                      "late": step.share is not None and step.share < 0.5,  # the due time knows office hours
                      "share": None if step.share is None else round(100 * step.share)})
    return found


# CSV ------------------------------------------------------------------------------------------------------------------

def _line(row: dict[str, Any], words: dict) -> list[Any]:
    ended, due = row["ended_at"], row["due_at"]
    allowed = hours.standard(deployed.standard(row["definition_id"]).steps.get(row["activity_id"]))
    state = "open" if ended is None else "canceled" if row["canceled"] else "done"
    return [row["business_key"], row["title"], row["definition_id"], row["activity_id"], row["name"],
            _local(row["started_at"]), _local(ended),
            _minutes(_worked(row)) if ended else "", _minutes(allowed) if allowed else "", _local(due),
            words[ended <= due] if state == "done" and due else "", row["extensions"] or "",
            row["completed_by"] or row["assignee"] or "", words[state]]


def _local(value: dt.datetime | None) -> str:
    return value.astimezone(zone()).strftime("%Y-%m-%d %H:%M:%S") if value else ""


def _worked(row: dict[str, Any]) -> dt.timedelta:
    """What a finished step took: working time of what a person did, plain time of what Terbit did."""
    if row["working_seconds"] is not None:
        return dt.timedelta(seconds=row["working_seconds"])
    return row["ended_at"] - row["started_at"]


def _minutes(value: dt.timedelta) -> float:
    return round(value.total_seconds() / 60, 1)


def harmless(value: Any) -> Any:
    """The value as a cell that no spreadsheet takes for a formula; numbers of our own stay numbers."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def _csv(head: list[str], rows: Iterable[list[Any]], name: str) -> Response:
    response = Response(stream_with_context(_lines(head, rows)), mimetype="text/csv")
    response.headers.set("Content-Disposition", "attachment", filename=name)
    return response


def _lines(head: list[str], rows: Iterable[list[Any]]) -> Iterator[str]:
    buffer = io.StringIO()
    buffer.write("\ufeff")  # by which Excel knows UTF-8
    writer = csv.writer(buffer)
    writer.writerow(head)
    for number, row in enumerate(rows, 1):
        writer.writerow([harmless(value) for value in row])
        if number % CHUNK == 0:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()
