"""The publication board: over all cases that a person may see, what became of each on each channel."""

import datetime as dt

from flask import Blueprint, render_template, request

from bpmn.errors import N_, Invalid
from engine import access, channels, queries
from webui import actor, now, pe
from webui.view import zone

blueprint = Blueprint("publications", __name__, url_prefix="/publications")

STATES = {  # what is chosen: the states of the table that it means
    "published": ("published",), "failed": ("failed",), "unknown": ("unknown",), "planned": ("planned",), "scheduled": ("scheduled",),
    "held": ("held",), "manual": ("manual",), "waiting": ("attempted",), "withdrawn": ("withdrawn",)}


@blueprint.get("")
def index():
    """The board; `state`, `channel`, `since` and `until` (days, both included, in the office's zone) choose from it."""
    asked = {name: request.args.get(name, "").replace("\0", "").strip()[:80] for name in ("state", "channel", "since", "until")}
    until = _day(asked["until"], "until")
    page = queries.publication_board(
        pe(), actor(), states=STATES.get(asked["state"], ()), channel_id=asked["channel"], since=_day(asked["since"], "since"),
        before=until + dt.timedelta(days=1) if until else None, after=request.args.get("after") or None)
    timed = queries.waiting_for_their_time(pe(), actor(), now()) if asked["state"] == "planned" and not request.args.get("after") else []
    return render_template("publications/index.html", page=page, timed=timed, asked={name: value or None for name, value in asked.items()},
                           names=channels.channel_names(pe(), actor()), may_mend=access.may_administer(actor()), at=now())


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
