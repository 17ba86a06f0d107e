"""The calendar of what is to be published: a month, a week or a day of it, and the form by which an entry is moved.

One list of days serves all: on a desk a month's is drawn as a grid, on a phone as what it is.
"""

import calendar as months
import datetime as dt
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import format_date

from bpmn.errors import N_, Conflict, Invalid
from engine import access, channels, commands, embargo, queries, settings
from engine.commands import Planned
from engine.queries.schedule import MOST
from webui import actor, hours, now, pe
from webui.errors import message_of, status_of
from webui.view import next_morning, zone

blueprint = Blueprint("schedule", __name__, url_prefix="/publications/calendar")

SHOWN = {"month": 4, "week": 12, "day": MOST}  # entries of a day, by view; the others are a link away
YEARS = (2001, 2998)


@blueprint.get("")
def index():
    """The `view` (a month, unless told) in which `day` (today, unless told) lies, of all channels or one."""
    view = request.args.get("view") if request.args.get("view") in SHOWN else "month"
    channel = request.args.get("channel", "").replace("\0", "")[:80]
    day = _day(request.args.get("day", ""))
    dates = _dates(view, day)
    found = queries.schedule(pe(), actor(), now(), [_begin(each) for each in [*dates, dates[-1] + dt.timedelta(1)]], channel_id=channel)
    windows = [each for each in _windows() if not channel or not each["channels"] or channel in each["channels"]]
    days = [_shown(each, number, found, windows, view, day) for number, each in enumerate(dates)]
    return render_template(
        "publications/calendar.html", view=view, day=day, days=days, title=_title(view, dates, day), found=found, channel=channel or None,
        names=channels.channel_names(pe(), actor()), weekdays=[format_date(each, "EEE") for each in dates[:7]],
        steps=_steps(view, day), today=_today(), moved=_moved(found), may_hold=access.may_administer(actor()))


@blueprint.get("/<instance_id>")
def show(instance_id: str):
    """The form by which a case is moved; `to` a day, at its time of the day, where one is named."""
    planned = commands.plan(pe(), actor(), now(), instance_id)
    at = planned.at.astimezone(zone()) if planned.at else dt.datetime.fromisoformat(next_morning())
    day = _day(request.args["to"]) if request.args.get("to") else at.date()
    return _form(planned, f"{day}T{at:%H:%M}")


@blueprint.post("/<instance_id>")
def move(instance_id: str):
    """Move the case, and go to where it stands now; what is wrong is told at its field (400, 409)."""
    form = request.form
    try:
        was = _moment(form["was"]) if form.get("was") else None
        moved = commands.reschedule(pe(), actor(), now(), instance_id, _moment(form.get("at", "")), form.get("reason", ""), was)
    except (Invalid, Conflict) as problem:
        where = str(problem.where.get("field", "")) if isinstance(problem, Invalid) else ""
        return _form(commands.plan(pe(), actor(), now(), instance_id), form.get("at", ""), {where: message_of(problem)}), status_of(problem)
    day = moved.at.astimezone(zone()).date()
    return redirect(url_for("schedule.index", day=day, view=form.get("view") or None, channel=form.get("channel") or None,
                            moved=instance_id, was=was.isoformat() if was and moved.changed else None), 303)


# Inside ---------------------------------------------------------------------------------------------------------------

def _today() -> dt.date:
    return now().astimezone(zone()).date()


def _day(text: str) -> dt.date:
    try:
        day = dt.date.fromisoformat(text) if text else _today()
        if not YEARS[0] <= day.year <= YEARS[1]:
            raise ValueError(text)
        return day
    except ValueError as error:
        raise Invalid(N_("Tanggal atau waktu tidak dapat dibaca."), field="day") from error


def _moment(text: str) -> dt.datetime:
    try:
        moment = dt.datetime.fromisoformat(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=zone())
        if not YEARS[0] <= moment.year <= YEARS[1]:
            raise ValueError(text)
        return moment
    except ValueError as error:
        raise Invalid(N_("Tanggal atau waktu tidak dapat dibaca."), field="at") from error


def _begin(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), zone()).astimezone(dt.timezone.utc)


def _dates(view: str, day: dt.date) -> list[dt.date]:
    """The days that a view shows: of a month whole weeks, from Monday on."""
    if view == "month":
        return list(months.Calendar().itermonthdates(day.year, day.month))
    first = day - dt.timedelta(day.weekday()) if view == "week" else day
    return [first + dt.timedelta(number) for number in range(7 if view == "week" else 1)]


def _steps(view: str, day: dt.date) -> tuple[dt.date, dt.date]:
    """A day of the view before, and of the view after."""
    if view == "month":
        first = day.replace(day=1)
        return first - dt.timedelta(1), first + dt.timedelta(31)
    step = dt.timedelta(7 if view == "week" else 1)
    return day - step, day + step


def _title(view: str, dates: list[dt.date], day: dt.date) -> str:
    if view == "month":
        return format_date(day, "MMMM y")
    if view == "week":
        return f"{format_date(dates[0], 'd MMM')} – {format_date(dates[-1], 'd MMM y')}"
    return format_date(day, "EEEE, d MMMM y")


def _windows() -> list[dict[str, Any]]:
    found = settings.get(pe(), actor().tenant)["embargo"]["windows"]
    return [{**each, "begins": embargo.span(each)[0], "ends": embargo.span(each)[1]} for each in found]


def _shown(date: dt.date, number: int, found: queries.Schedule, windows: list[dict[str, Any]], view: str, day: dt.date) -> dict[str, Any]:
    begin, end = _begin(date), _begin(date + dt.timedelta(1))
    entries = [each for each in found.entries if begin <= each["at"] < end]
    return {"date": date, "entries": entries[:SHOWN[view]], "rest": max(0, len(entries) - SHOWN[view]), "count": len(entries),
            "published": found.published.get(number, 0), "holiday": hours.calendar().why_off(date),
            "free": not hours.calendar().spans(date), "outside": view == "month" and date.month != day.month,
            "held": [each for each in windows if each["begins"] < end and each["ends"] > begin], "past": end <= now(),
            "today": date == _today()}


def _moved(found: queries.Schedule) -> dict[str, Any] | None:
    """The entry that was just moved, how it would be moved back, and what holds it longer."""
    entry = next((each for each in found.entries if each["instance_id"] == request.args.get("moved")), None)
    if entry is None:
        return None
    try:
        was = _moment(request.args.get("was", ""))
    except Invalid:
        was = None
    return {**entry, "was": was if was and was > now() else None, "held": _held([each["id"] for each in entry["channels"]], entry["at"])}


def _held(ids: list[str], at: dt.datetime) -> embargo.Embargo | None:
    """What holds one of the channels at a time: that which ends last."""
    windows = settings.get(pe(), actor().tenant)["embargo"]["windows"]
    return max((each for id in ids if (each := embargo.of(windows, id, at))), key=lambda each: each.until, default=None)


def _form(planned: Planned, at: str, errors: dict[str, str] | None = None) -> str:
    try:
        held = _held([id for id, _ in planned.channels], _moment(at))
    except Invalid:
        held = None
    return render_template("publications/move.html", planned=planned, at=at, held=held, errors=errors or {}, typed=request.values,
                           problem=message_of(planned.problem) if planned.problem else "")
