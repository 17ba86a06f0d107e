"""Plh. and Plt.: who stands in for whom, now, to come and before; appointed and revoked by an admin or the head of the lane."""

import datetime as dt

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import gettext as _

from bpmn.errors import Conflict, Forbidden, Invalid, TerbitError
from engine import substitutions
from webui import actor, names, now, pe
from webui.errors import message_of, status_of
from webui.view import zone

blueprint = Blueprint("substitutions", __name__, url_prefix="/substitutions")


@blueprint.get("")
def index():
    """What stands now, what is to come, or what is over."""
    lanes = _lanes()
    state = request.args.get("state", "current")
    state = state if state in substitutions.STATES else "current"
    page = substitutions.find(pe(), actor(), now(), state=state, after=request.args.get("after") or None)
    return render_template("substitutions/index.html", page=page, state=state, lanes=lanes, kinds=substitutions.KINDS,
                           saved="saved" in request.args)


@blueprint.route("/new", methods=["GET", "POST"])
def new():
    """Appoint somebody; what is wrong is told at its field."""
    lanes = _lanes()
    if request.method == "GET":
        return _form(lanes, {"kind": "plh", "absent_id": request.args.get("absent", ""), "group_id": request.args.get("group", "")})
    given = {key: request.form.get(key, "").strip()[:300]
             for key in ("kind", "group_id", "absent_id", "substitute_id", "decree", "starts_on", "ends_on")}
    try:
        starts_at, ends_at = _days(given["starts_on"], given["ends_on"])
        substitutions.appoint(
            pe(), actor(), now(), kind=given["kind"], group_id=given["group_id"], substitute_id=given["substitute_id"],
            absent_id=given["absent_id"] or None, decree=given["decree"], starts_at=starts_at, ends_at=ends_at,
            as_head="as_head" in request.form)
    except Forbidden:
        return _form(lanes, given, Invalid(_("Pilih bagiannya."), field="group_id"))
    except (Invalid, Conflict) as problem:
        return _form(lanes, given, problem)
    return redirect(url_for("substitutions.index", state="coming" if starts_at > now() else "current", saved=1), 303)


@blueprint.post("/<id>/revoke")
def revoke(id: str):
    substitutions.revoke(pe(), actor(), now(), id)
    return redirect(url_for("substitutions.index", state="past"), 303)


def _lanes() -> dict[str, str]:
    """The lanes that the reader may appoint for; Forbidden where there is none."""
    found = substitutions.lanes(pe(), actor())
    if not found:
        raise Forbidden(_("Anda tidak berhak melakukan ini."))
    return {id: _(name) for id, name in found.items()}


def _days(first: str, last: str) -> tuple[dt.datetime, dt.datetime]:
    """From the first moment of a day to the last of another, in the office's time."""
    moments, problems = [], []
    for field, text, after in (("starts_on", first, 0), ("ends_on", last, 1)):
        try:
            day = dt.date.fromisoformat(text) + dt.timedelta(after)
            moments.append(dt.datetime.combine(day, dt.time(), zone()).astimezone(dt.timezone.utc))
        except (ValueError, OverflowError):
            problems.append(Invalid(_("Isikan tanggalnya."), field=field))
    if problems:
        raise Invalid(_("Penunjukan belum benar."), problems=problems)
    return moments[0], moments[1]


def _form(lanes: dict[str, str], values: dict, problem: TerbitError | None = None):
    fields = {"starts_at": "starts_on", "ends_at": "ends_on"}
    errors = {fields.get(p.where.get("field", ""), p.where.get("field", "")): message_of(p)
              for p in (getattr(problem, "problems", None) or [problem])} if problem else {}
    page = render_template("substitutions/form.html", lanes=lanes, values=values, errors=errors, people=names.everybody(),
                           kinds=substitutions.KINDS)
    return page, status_of(problem) if problem else 200
