"""The admin's page of when the office works: hours, Ramadan's hours, days off and on, and when people are reminded."""

import calendar as months
import datetime as dt
from collections.abc import Iterator
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import format_date
from flask_babel import gettext as _

from bpmn.errors import Invalid
from engine import access, settings, working_time
from engine.working_time import WorkingCalendar
from webui import actor, hours, now, pe
from webui.errors import message_of

blueprint = Blueprint("calendar", __name__, url_prefix="/calendar")

ZONES = {"Asia/Jakarta": "WIB", "Asia/Makassar": "WITA", "Asia/Jayapura": "WIT"}
PARTS = ("in", "pause", "back", "out")  # the times of a day, as the form names them: week-0-in
YEARS = (2000, 2099)
HALF_DAY = ("07:30", "12:00")  # offered for a working day that is added


@blueprint.before_request
def _only_admins():
    access.require(access.may_administer(actor()))


@blueprint.get("")
def index():
    return _page()


@blueprint.post("/hours")
def set_hours():
    """Keep the week's hours, Ramadan's, and the zone; what is wrong is told at its day (400)."""
    week, ramadan = ([_spans(f"{part}-{day}") for day in range(7)] for part in ("week", "ramadan_week"))
    value = _stored() | {"zone": request.form.get("zone", ""), "week": week, "ramadan_week": ramadan}
    return _change("calendar", value, "hours", typed=request.form)


@blueprint.post("/days")
def add_day():
    """Let one day differ: off, or a working day with hours of its own."""
    form, days = request.form, dict(_stored().get("days") or {})
    works = form.get("kind") == "work"
    day, spans = form.get("date", ""), [[form.get("from", ""), form.get("to", "")]] if works else []
    days[day] = {"name": form.get("name", ""), "spans": spans}
    return _change("calendar", _stored() | {"days": days}, "days", typed=form, year=day[:4], rename={f"day-{day}": "from"})


@blueprint.post("/days/<day>/remove")
def remove_day(day: str):
    """Let a day be again as the week and the holidays have it; that of an unknown day changes nothing."""
    days = {key: change for key, change in (_stored().get("days") or {}).items() if key != day}
    return _change("calendar", _stored() | {"days": days}, "days", year=day[:4])


@blueprint.post("/reminders")
def set_reminders():
    form = request.form
    value = {"before_percent": _number(form.get("before_percent") or "0"), "at_due": form.get("at_due") == "1",
             "escalate_minutes": _number(form["escalate_minutes"]) if form.get("escalate_minutes") else None}
    return _change("reminders", value, "reminders", typed=form)


# Inside ---------------------------------------------------------------------------------------------------------------

def _stored() -> dict[str, Any]:
    return settings.get(pe(), actor().tenant)["calendar"]


def _number(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else text


def _spans(name: str) -> list[list[str]]:
    """What the form says of one day: nothing, from in to out, or with a break between. What is half said is wrong, and stays so."""
    start, pause, back, end = (request.form.get(f"{name}-{part}", "").strip() for part in PARTS)
    if not any((start, pause, back, end)):
        return []
    return [[start, pause], [back, end]] if pause or back else [[start, end]]


def _change(section: str, value: dict[str, Any], part: str, *, typed: Any = None, year: str = "", rename: dict[str, str] | None = None):
    try:
        settings.change(pe(), actor(), now(), section, value)
    except Invalid as problem:
        rename = rename or {}
        fields = {str(p.where.get("field", "")): message_of(p) for p in problem.problems or [problem]}
        errors = {rename.get(field, field): message for field, message in fields.items()}
        return _page(errors=errors, typed=typed, part=part), 400
    return redirect(url_for("calendar.index", saved=part, year=year if year.isdigit() else None, _anchor=part), 303)


def _page(errors: dict[str, str] | None = None, typed: Any = None, part: str = ""):
    calendar = hours.calendar()
    year = min(max(request.args.get("year", now().astimezone(dt.timezone.utc).year, type=int), YEARS[0]), YEARS[1])
    return render_template(
        "admin/calendar.html", calendar=calendar, year=year, years=YEARS, zones=ZONES, errors=errors or {}, typed=typed if typed else {},
        part=part, saved=request.args.get("saved", ""), half_day=HALF_DAY, reminders=settings.get(pe(), actor().tenant)["reminders"],
        week=_week("week", calendar.week, typed if part == "hours" else None), day_names=_day_names(), months=list(_months(calendar, year)),
        ramadan_week=_week("ramadan_week", calendar.ramadan_week, typed if part == "hours" else None), days=_listed(calendar, year),
        ramadan=working_time.ramadan(year), weekly=[_sum(calendar.week), _sum(calendar.ramadan_week)])


def _day_names() -> list[str]:
    return [_("Senin"), _("Selasa"), _("Rabu"), _("Kamis"), _("Jumat"), _("Sabtu"), _("Minggu")]


def _week(part: str, week: tuple[working_time.Spans, ...], typed: Any) -> list[dict[str, str]]:
    """The times of each day as the form shows them; after a mistake, as they were typed."""
    found = []
    for number, spans in enumerate(week):
        first, last = (spans[0], spans[-1]) if spans else (("", ""), ("", ""))
        held = {"in": _clock(first[0]), "out": _clock(last[1])}
        held |= {"pause": _clock(first[1]), "back": _clock(last[0])} if len(spans) > 1 else {"pause": "", "back": ""}
        found.append({name: typed.get(f"{part}-{number}-{name}", "") for name in PARTS} if typed else held)
    return found


def _clock(time: dt.time | str) -> str:
    return time.strftime("%H:%M") if isinstance(time, dt.time) else time


def _sum(week: tuple[working_time.Spans, ...]) -> str:
    """How long a week is: '37 jam 30 menit'."""
    minutes = int(WorkingCalendar(week=week).length(sum(1 for day in week if day)).total_seconds() // 60)
    return _("%(hours)d jam %(minutes)d menit", hours=minutes // 60, minutes=minutes % 60)


def _listed(calendar: WorkingCalendar, year: int) -> list[dict[str, Any]]:
    """The year's days that differ from the week, by date: public holidays, and the office's own changes."""
    known = working_time.public_holidays(year)
    own = {day: change for day, change in calendar.days.items() if day.year == year}
    return [{"date": day, "on": format_date(day, "EEE, d MMM"), "name": own[day][1] if day in own else known[day], "own": day in own,
             "covered": known.get(day, "") if day in own else "", "spans": calendar.spans(day)} for day in sorted({*known, *own})]


def _months(calendar: WorkingCalendar, year: int) -> Iterator[dict[str, Any]]:
    """Each month of a year as weeks of days: (number, kind, what it is called); the days of other months are None."""
    for month in range(1, 13):
        weeks = [[_cell(calendar, day) if day.month == month else None for day in week]
                 for week in months.Calendar().monthdatescalendar(year, month)]
        yield {"name": format_date(dt.date(year, month, 1), "MMMM"), "weeks": weeks}


def _cell(calendar: WorkingCalendar, day: dt.date) -> dict[str, Any]:
    works, name = bool(calendar.spans(day)), calendar.why_off(day)
    if day in calendar.days:
        kind = "own-on" if works else "own-off"
    else:
        kind = "holiday" if name else "ramadan" if works and working_time.is_ramadan(day) else "work" if works else "free"
    return {"number": day.day, "kind": kind, "name": name}
