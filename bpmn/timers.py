"""Timers: when a timer event is due, from ISO 8601 text. In UTC; a time without a zone is taken as UTC."""

import datetime as dt
import functools
import re
from dataclasses import dataclass

import isodate

from bpmn.errors import N_, Invalid

FOREVER = -1
_CYCLE = re.compile(r"R(\d*)/(.+?)(?:/(.+))?")


@dataclass(frozen=True)
class Schedule:
    """When a timer fires next, how often after that, and how far apart."""

    due: dt.datetime
    left: int = 0
    every: str = ""

_DAYS = re.compile(r"P([0-9]+)([DW])")


def schedule(kind: str, text: str, now: dt.datetime, element: str = "") -> Schedule:
    """Return when a timer ('date', 'duration' or 'cycle') with this text is due, set at `now`. Raises Invalid."""
    try:
        if kind == "date":
            return Schedule(_date(text))
        if kind == "duration":
            return Schedule(_add(now, text) if text.startswith(("P", "-P")) else _date(text))
        return _cycle(text, now)
    except (ValueError, TypeError, OverflowError, AttributeError) as error:  # isodate.ISO8601Error is a ValueError
        raise Invalid(N_("Waktu %(text)s tidak dapat dibaca (ISO 8601)"), element=element, text=str(text)[:100]) from error


@functools.lru_cache(1024)
def working(text: str) -> tuple[int, dt.timedelta] | None:
    """Return a duration of working time (a mutu baku's `waktu`) as working days and the rest; None for anything else.

    'P2D' is two working days, however long the office works on one; 'PT10H' is ten hours of work.
    """
    try:
        value = isodate.parse_duration(text)
    except (ValueError, TypeError, OverflowError):  # isodate.ISO8601Error is a ValueError
        return None
    if not isinstance(value, dt.timedelta) or value <= dt.timedelta():
        return None
    days = _DAYS.match(text)
    whole = (7 if days[2] == "W" else 1) * int(days[1]) if days else 0
    return whole, value - dt.timedelta(days=whole)


def following(due: dt.datetime, left: int, every: str) -> Schedule | None:
    """Return the next firing of a cycle after the one at `due`; None when that was the last."""
    if left == 0 or not every:
        return None
    return Schedule(_add(due, every), left if left == FOREVER else left - 1, every)


def check(kind: str, text: str, element: str = "") -> None:
    """Raise Invalid unless the text, which holds no `${…}`, can be read."""
    schedule(kind, text, dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc), element)


def _cycle(text: str, now: dt.datetime) -> Schedule:
    match = _CYCLE.fullmatch(text)
    if match is None:
        raise ValueError(text)
    times = int(match[1]) if match[1] else FOREVER
    first, second = match[2], match[3]
    if times == 0 or (second and first.startswith("P") == second.startswith("P")):
        raise ValueError(text)
    every = first if first.startswith("P") else second or ""
    if not every or isodate.parse_duration(every) <= dt.timedelta(0) if not _has_months(every) else False:
        raise ValueError(text)
    if second is None:
        due = _add(now, every)
    elif first.startswith("P"):  # R3/PT10M/END: the last falls on the end
        due = _date(second)
        for _ in range(min(max(times - 1, 0), 10_000)):
            due = _add(due, "-" + every)
    else:
        due = _date(first)
    return Schedule(due, times if times == FOREVER else times - 1, every)


def _has_months(text: str) -> bool:
    return isinstance(isodate.parse_duration(text), isodate.Duration)


def _add(when: dt.datetime, duration: str) -> dt.datetime:
    return when + isodate.parse_duration(duration)


def _date(text: str) -> dt.datetime:
    if "T" not in text and re.fullmatch(r"\d{4}-\d\d-\d\d \d\d.*", text):
        text = text.replace(" ", "T", 1)
    value = isodate.parse_datetime(text) if "T" in text else dt.datetime.combine(isodate.parse_date(text), dt.time())
    return (value if value.tzinfo else value.replace(tzinfo=dt.timezone.utc)).astimezone(dt.timezone.utc)
