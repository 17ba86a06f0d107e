"""The publication board: over all cases that a person may see, what became of each on each channel."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import gettext as _

from bpmn.errors import N_, Invalid
from engine import access, channels, drift, queries, standings
from webui import actor, now, pe
from webui.view import zone

blueprint = Blueprint("publications", __name__, url_prefix="/publications")

STATES = {  # what is chosen: the states of the table that it means
    "published": ("published",), "failed": ("failed",), "unknown": ("unknown",), "planned": ("planned",), "scheduled": ("scheduled",),
    "held": ("held",), "manual": ("manual",), "waiting": ("attempted",), "withdrawn": ("withdrawn",)}
STANDINGS = {"drifted": standings.DRIFTED, "unseen": ("unreachable",)}  # what looks at the posts showed


@blueprint.get("")
def index():
    """The board; `state`, `channel`, `since` and `until` (days, both included, in the office's zone) choose from it."""
    asked = {name: request.args.get(name, "").replace("\0", "").strip()[:80] for name in ("state", "channel", "since", "until")}
    until = _day(asked["until"], "until")
    page = queries.publication_board(
        pe(), actor(), states=STATES.get(asked["state"], ()), standing=STANDINGS.get(asked["state"], ()),
        channel_id=asked["channel"], since=_day(asked["since"], "since"),
        before=until + dt.timedelta(days=1) if until else None, after=request.args.get("after") or None)
    timed = queries.waiting_for_their_time(pe(), actor(), now()) if asked["state"] == "planned" and not request.args.get("after") else []
    return render_template("publications/index.html", page=page, timed=timed, asked={name: value or None for name, value in asked.items()},
                           names=channels.channel_names(pe(), actor()),
                           may_mend=access.may_administer(actor()), may_settle=access.may_settle_drift(actor()), at=now())


@blueprint.post("/<id>/accept")
def accept(id: str):
    """What stands there instead of what was approved is right so."""
    return _back(drift.accept(pe(), actor(), now(), id, request.form.get("reason", "")))


@blueprint.post("/<id>/look")
def look(id: str):
    """Have the worker look at a post now."""
    return _back(drift.ask(pe(), actor(), now(), id))


def _back(instance_id: str):
    board = request.form.get("back") == "board"
    return redirect(url_for("publications.index", state="drifted") if board else url_for("cases.show", id=instance_id), 303)


@blueprint.app_template_filter("standing_text")
def standing_text(row: Mapping[str, Any]) -> str:
    """What the last look at a post showed, in words."""
    message, params = row["standing_message"], row["standing_params"]
    return (_(message) % params if params else _(message)) if message else ""


def _day(text: str, field: str) -> dt.datetime | None:
    """The moment at which a day begins in the office's zone."""
    if not text:
        return None
    try:
        day = dt.date.fromisoformat(text)
        if not 2000 <= day.year <= 2999:
            raise ValueError(text)
        return dt.datetime.combine(day, dt.time(), zone()).astimezone(dt.timezone.utc)
    except ValueError as error:
        raise Invalid(N_("Tanggal atau waktu tidak dapat dibaca."), field=field) from error
