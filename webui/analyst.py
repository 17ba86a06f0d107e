"""The cases that were started in a period, those that still run among them, with how often each was sent back."""

import datetime as dt
from typing import Any

from flask import Blueprint, render_template, request
from flask_babel import gettext as _

from bpmn.errors import Invalid
from engine import access, queries, reports
from webui import actor, now, pe
from webui.view import zone

blueprint = Blueprint("analyst", __name__, url_prefix="/reports")

RECENT = 90  # days that are looked at where none are asked for


@blueprint.before_request
def _only_overseers():
    access.require(access.may_see_reports(actor()))


@blueprint.get("/cases")
def cases():
    """The cases of the period, newest first; a page of them."""
    procedures = reports.keys(pe(), actor())
    if not procedures:
        return render_template("analyst/empty.html")
    scope, asked = _scope(procedures)
    state = request.args.get("state") if request.args.get("state") in ("running", "ended") else None
    page = queries.instances(pe(), actor(), state=state, search=asked["q"], definition_key=scope.key, started_after=scope.since,
                             started_before=scope.until, after=request.args.get("after") or None)
    loops = reports.loops(pe(), actor(), [row["id"] for row in page.rows]) if page.rows else {}
    return render_template("analyst/cases.html", procedures=procedures, asked=asked | {"state": state}, page=page, loops=loops)


# What is asked for ----------------------------------------------------------------------------------------------------

def _scope(procedures: list[dict]) -> tuple[reports.Scope, dict[str, Any]]:
    """The scope that the address names; `until` is the last day that counts. Without one, the last 90 days."""
    today = now().astimezone(zone()).date()
    untouched = not request.args.keys() & {"since", "until"}
    since = today - dt.timedelta(days=RECENT) if untouched else _day("since")
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
