"""More time for a task whose step allows it: a page of its own, with a reason that stays in the case."""

import datetime as dt

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import gettext as _

from bpmn.errors import Conflict, Invalid
from engine import commands, queries
from webui import actor, deployed, hours, now, pe
from webui.errors import message_of
from webui.view import zone

blueprint = Blueprint("extending", __name__)

MINUTES = (30, 60, 120, 240)  # offered, besides whole working days
DAYS = (1, 2, 3, 5)


@blueprint.get("/tasks/<task_id>/extend")
def show(task_id: str):
    return _page(queries.task(pe(), actor(), task_id))


@blueprint.post("/tasks/<task_id>/extend")
def extend(task_id: str):
    """Give the task more time, and go back to it; what is wrong is told at its field (400)."""
    task = queries.task(pe(), actor(), task_id)
    form = request.form
    try:
        until = form.get("due", "")
        commands.extend(pe(), actor(), now(), task_id, reason=form.get("reason", ""), due=_moment(until) if until else None,
                        minutes=None if until else _number(form.get("minutes", "")), was=_seen(form.get("was", "")))
    except Invalid as problem:
        errors = {str(p.where.get("field", "")): message_of(p) for p in problem.problems or [problem]}
        return _page(task, errors), 400
    return redirect(url_for("task.show", task_id=task_id), 303)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else None


def _moment(text: str) -> dt.datetime:
    try:
        return dt.datetime.fromisoformat(text[:16]).replace(tzinfo=zone())
    except ValueError as error:
        raise Invalid(_("Tanggal atau waktu tidak dapat dibaca."), field="due") from error


def _seen(text: str) -> dt.datetime | None:
    """The due time that the page showed, so that a second click asks for what is over."""
    try:
        seen = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return seen if seen.tzinfo else None


def _page(task: dict, errors: dict[str, str] | None = None):
    step = deployed.standard(task["definition_id"]).steps.get(task["activity_id"])
    if task["ended_at"] or step is None or not step.dapat_diperpanjang:
        raise Conflict(_("Waktu langkah ini tidak dapat diperpanjang."))
    day = hours.calendar().length(1)
    choices = [(minutes, hours.work(dt.timedelta(minutes=minutes))) for minutes in MINUTES]
    choices += [(int(days * day / dt.timedelta(minutes=1)), _("%(num)d hari kerja", num=days)) for days in DAYS]
    return render_template("extend.html", task=task, step=step, choices=choices, errors=errors or {}, typed=request.form)
