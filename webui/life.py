"""The life of a version on the web: from when it is in force and who approved it, revoking it, and its reviews."""

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from bpmn.errors import N_, Invalid, TerbitError
from engine import access, commands, overviews, queries, reviews
from engine.version_life import KEEP, LONGEST, REVOKE, Change, PutInForce
from webui import actor, hours, now, pe, view
from webui.errors import message_of, status_of

blueprint = Blueprint("life", __name__, url_prefix="/definitions")

MOST_SHOWN = 20  # running cases on the page of a revocation; all are counted
STATES = {  # of a version: words, colour and icon of its badge
    "announced": (_l("Diumumkan"), "info", "calendar-event"), "in_force": (_l("Berlaku"), "success", "circle-check"),
    "superseded": (_l("Digantikan"), "neutral", "history"), "never": (_l("Tidak pernah berlaku"), "neutral", "history"),
    "revoked": (_l("Dicabut"), "danger", "ban"),
}
QUESTIONS = {  # as the form of `tinjauan-sop` asks them
    "dilaksanakan": _l("Prosedur dilaksanakan sebagaimana tertulis"), "waktu_sesuai": _l("Waktu mutu baku dapat dipenuhi"),
    "output_sesuai": _l("Kelengkapan dan output setiap langkah sesuai mutu baku"),
    "pelaksana_sesuai": _l("Pembagian pelaksana masih tepat"), "aturan_sesuai": _l("Dasar hukum dan keterkaitan masih berlaku"),
}


@blueprint.before_request
def _only_owners():
    access.require(access.may_deploy(actor()))


@blueprint.app_template_global()
def version_states() -> dict[str, tuple]:
    return STATES


@blueprint.app_template_global()
def review_questions() -> dict[str, Any]:
    return QUESTIONS


@blueprint.app_template_global()
def first_day() -> str:
    """The first day that the date field offers; the server looks again, by the office's own zone, which costs a statement."""
    return now().astimezone(view.zone()).date().isoformat()


def _zone() -> ZoneInfo:
    return ZoneInfo(hours.calendar().zone)


def _today() -> dt.date:
    return now().astimezone(_zone()).date()


def how_sent() -> PutInForce:
    """How a version is to be put in force, as a form said; a day begins at midnight in the office's zone, and today is at once."""
    essential = request.form.get("essential", "")
    return PutInForce(_day_sent(), request.form.get("approved_as", "")[:LONGEST + 1], essential if essential in (KEEP, REVOKE) else None)


def _day_sent() -> dt.datetime | None:
    sent = request.form.get("from", "").strip()
    if not sent:
        return None
    try:
        day = dt.date.fromisoformat(sent)
        return None if day == _today() else dt.datetime.combine(day, dt.time(), _zone()).astimezone(dt.timezone.utc)
    except (ValueError, OverflowError):
        raise Invalid(N_("Tanggal mulai berlaku tidak dapat dibaca."), field="from") from None


def shown_changes(changes: list[Change]) -> list[dict[str, str]]:
    """Changes of scope or person in charge as a page lists them."""
    return [{"what": _(each.what), "before": each.before or "–", "after": each.after or "–"} for each in changes]


# Revoking -------------------------------------------------------------------------------------------------------------

@blueprint.route("/<id>/revoke", methods=["GET", "POST"])
def revoke(id: str):
    """Revoke a version or its whole procedure, and say what becomes of the cases that run."""
    definition = queries.definition(pe(), actor(), id)
    problem: TerbitError | None = None
    if request.method == "POST":
        try:
            commands.revoke(pe(), actor(), now(), definition["id"], reason=request.form.get("reason", ""),
                            running=request.form.get("running", ""), whole=request.form.get("whole", "yes") == "yes")
            return redirect(url_for("definitions.show", id=definition["id"]), 303)
        except TerbitError as error:
            problem = error
    lives = overviews.lives(pe(), actor(), now(), definition["key"])
    life = next(each for each in lives if each["id"] == definition["id"])
    standing = queries.standing(pe(), actor(), definition["key"])
    cases = queries.instances(pe(), actor(), state="running", definition_key=definition["key"], limit=MOST_SHOWN).rows
    older = [each for each in lives if each["state"] == "superseded"] if life["state"] == "in_force" else []
    page = render_template(
        "owner/revoke.html", definition=definition, life=life, running=standing, cases=cases,
        total=sum(row["running"] for row in standing), again=older[0] if older else None,
        sent=request.form, problem=problem and message_of(problem), field=problem and problem.where.get("field", ""))
    return page, status_of(problem) if problem else 200


# Reviews --------------------------------------------------------------------------------------------------------------

@blueprint.post("/<key>/review")
def review(key: str):
    """Begin a review before it falls due, and stand at its task."""
    started = reviews.start(pe(), actor(), now(), key)
    for row in queries.tasks(pe(), actor(), instance_id=started.id, mine=True, candidate=True, limit=1).rows:
        return redirect(url_for("task.show", task_id=row["id"]), 303)
    return redirect(url_for("cases.show", id=started.id), 303)
