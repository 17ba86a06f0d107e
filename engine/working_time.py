"""Working time: when an office works, what falls due when, and how long something took in office hours.

Pure: a calendar is a value, and every moment is an argument. Hours are Perpres 21/2023's (37.5 h a week, in Ramadan
32.5 h), public holidays and cuti bersama are those of the package `holidays`, Ramadan's first day is `hijridate`'s
(Umm al-Qura); all of them can be changed by an office, for a day or for good.
"""

import datetime as dt
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import holidays
from hijridate import Hijri

from bpmn.errors import N_, Invalid

Spans = tuple[tuple[dt.time, dt.time], ...]  # of one day, in order, local time; () is a day off
NEVER = 1500  # days looked ahead: a calendar with no working day in four years has no due time

NO_RAMADAN = (dt.date.max, dt.date.min)

_t = dt.time.fromisoformat
MONDAY_TO_THURSDAY: Spans = ((_t("07:30"), _t("12:00")), (_t("13:00"), _t("16:00")))
FRIDAY: Spans = ((_t("07:30"), _t("11:30")), (_t("13:00"), _t("16:30")))
RAMADAN_MONDAY_TO_THURSDAY: Spans = ((_t("08:00"), _t("12:00")), (_t("12:30"), _t("15:00")))
RAMADAN_FRIDAY: Spans = ((_t("08:00"), _t("11:30")), (_t("12:30"), _t("15:30")))
WEEK: tuple[Spans, ...] = (*(MONDAY_TO_THURSDAY,) * 4, FRIDAY, (), ())
RAMADAN_WEEK: tuple[Spans, ...] = (*(RAMADAN_MONDAY_TO_THURSDAY,) * 4, RAMADAN_FRIDAY, (), ())


@dataclass(frozen=True)
class WorkingCalendar:
    """When an office works.

    `week` and `ramadan_week` hold Monday to Sunday; `days` the days that differ, by date, with what they are called.
    """

    zone: str = "Asia/Jakarta"
    week: tuple[Spans, ...] = WEEK
    ramadan_week: tuple[Spans, ...] = RAMADAN_WEEK
    days: Mapping[dt.date, tuple[Spans, str]] = field(default_factory=dict, hash=False)
    _years: dict[int, "_Year"] = field(default_factory=dict, init=False, compare=False, repr=False)

    def spans(self, day: dt.date) -> Spans:
        """Return the spans in which the office works on a day."""
        if day in self.days:
            return self.days[day][0]
        if day in public_holidays(day.year):
            return ()
        return (self.ramadan_week if is_ramadan(day) else self.week)[day.weekday()]

    def why_off(self, day: dt.date) -> str:
        """Return why a day differs: a local change's name, else the holiday's; '' on an ordinary day."""
        return self.days[day][1] if day in self.days else public_holidays(day.year).get(day, "")

    def add(self, start: dt.datetime, amount: dt.timedelta) -> dt.datetime:
        """Return when `amount` of working time after `start` has passed, in UTC.

        Nothing to wait for is due at once. Raises `OverflowError` where the office does not work that long in years.
        """
        if amount <= dt.timedelta():
            return start.astimezone(dt.UTC)
        first = start.astimezone(ZoneInfo(self.zone)).year
        left = amount + self._year(first).until(start)
        for year in range(first, first + NEVER // 365 + 1):
            if left <= self._year(year).total:
                return self._year(year).when(left)
            left -= self._year(year).total
        raise OverflowError("the calendar has too little working time")

    def between(self, start: dt.datetime, end: dt.datetime) -> dt.timedelta:
        """Return the working time from `start` to `end`; negative when `end` comes first."""
        if end < start:
            return -self.between(end, start)
        first, last = (moment.astimezone(ZoneInfo(self.zone)).year for moment in (start, end))
        whole = sum((self._year(year).total for year in range(first, last)), dt.timedelta())
        return whole + self._year(last).until(end) - self._year(first).until(start)

    def length(self, days: int, rest: dt.timedelta = dt.timedelta()) -> dt.timedelta:
        """Return how much working time so many working days, of usual length, and the rest are."""
        spans = [_length(day) for day in self.week if day]
        return rest + days * sum(spans, dt.timedelta()) / len(spans) if spans else rest + dt.timedelta(days=days)

    def is_open(self, moment: dt.datetime) -> bool:
        """Tell whether the office works at a moment."""
        return any(opened <= moment < closed for opened, closed in self._of(moment.astimezone(ZoneInfo(self.zone)).date()))

    def next_opening(self, day: dt.date) -> dt.datetime | None:
        """Return when the office opens on the first working day after a day, in UTC; None where there is none within a year."""
        for n in range(1, 367):
            spans = list(self._of(day + dt.timedelta(n)))
            if spans:
                return spans[0][0]
        return None

    def _year(self, year: int) -> "_Year":
        if year not in self._years:
            first = dt.date(year, 1, 1)
            days = (dt.date(year + 1, 1, 1) - first).days if year < dt.MAXYEAR else 365
            self._years[year] = _Year([span for n in range(days) for span in self._of(first + dt.timedelta(n))])
        return self._years[year]

    def _of(self, day: dt.date) -> Iterator[tuple[dt.datetime, dt.datetime]]:
        zone = ZoneInfo(self.zone)
        for opened, closed in self.spans(day):
            yield dt.datetime.combine(day, opened, zone).astimezone(dt.UTC), dt.datetime.combine(day, closed, zone).astimezone(dt.UTC)


class _Year:
    """The working spans of one year in UTC, in order, and how much was worked when each began and ended."""

    def __init__(self, spans: list[tuple[dt.datetime, dt.datetime]]):
        self._opened, self._began, self._ended = [opened for opened, _ in spans], [], []
        self.total = dt.timedelta()
        for opened, closed in spans:
            self._began.append(self.total)
            self.total += closed - opened
            self._ended.append(self.total)

    def until(self, moment: dt.datetime) -> dt.timedelta:
        """Return how much was worked before a moment."""
        number = bisect_right(self._opened, moment) - 1
        return min(self._began[number] + (moment - self._opened[number]), self._ended[number]) if number >= 0 else dt.timedelta()

    def when(self, worked: dt.timedelta) -> dt.datetime:
        """Return the first moment at which so much, which is more than nothing, was worked."""
        number = bisect_left(self._ended, worked)
        return self._opened[number] + (worked - self._began[number])


def _length(spans: Spans) -> dt.timedelta:
    day = dt.date(2000, 1, 1)
    return sum((dt.datetime.combine(day, closed) - dt.datetime.combine(day, opened) for opened, closed in spans), dt.timedelta())


@lru_cache(maxsize=64)
def public_holidays(year: int) -> Mapping[dt.date, str]:
    """Return Indonesia's public holidays and cuti bersama of a year, by date, named in Indonesian."""
    return dict(holidays.Indonesia(years=year, categories=("public", "government"), language="id"))


@lru_cache(maxsize=64)
def ramadan(year: int) -> tuple[dt.date, dt.date]:
    """Return the first and the last day of the first Ramadan that begins in a year (2030 has two)."""
    return next((span for span in map(_ramadan_of, range(year - 580, year - 576)) if span[0].year == year), NO_RAMADAN)


def is_ramadan(day: dt.date) -> bool:
    """Tell whether a day is one of Ramadan, by Umm al-Qura, as far as its tables go (1924 to 2077)."""
    return any(first <= day <= last for first, last in map(_ramadan_of, range(day.year - 580, day.year - 576)))


@lru_cache(maxsize=256)
def _ramadan_of(hijri_year: int) -> tuple[dt.date, dt.date]:
    try:
        first, after = (dt.date(*Hijri(hijri_year, month, 1).to_gregorian().datetuple()) for month in (9, 10))
    except OverflowError:  # outside of the tables: 1343 to 1500 AH
        return NO_RAMADAN
    return first, after - dt.timedelta(1)


def from_json(data: Mapping[str, Any]) -> WorkingCalendar:
    """Read a calendar as it is stored: {zone, week, ramadan_week, days: {date: {spans, name}}}, all optional."""
    def spans(value) -> Spans:
        return tuple((_t(a), _t(b)) for a, b in value)

    return WorkingCalendar(
        zone=data.get("zone", "Asia/Jakarta"),
        week=tuple(spans(d) for d in data["week"]) if data.get("week") else WEEK,
        ramadan_week=tuple(spans(d) for d in data["ramadan_week"]) if data.get("ramadan_week") else RAMADAN_WEEK,
        days={dt.date.fromisoformat(day): (spans(d["spans"]), d["name"]) for day, d in data.get("days", {}).items()},
    )


# What may be kept -----------------------------------------------------------------------------------------------------

MOST_DAYS = 2000  # local changes
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_PARTS = {"zone", "week", "ramadan_week", "days"}


def checked(data: Any) -> dict[str, Any]:
    """Return a calendar as it is stored; Invalid, with a problem per field ('week-0', 'day-2026-11-25', 'zone'), where it cannot be."""
    if not isinstance(data, dict) or not data.keys() <= _PARTS:
        raise Invalid(N_("Kalender kerja tidak dapat dibaca."))
    problems: list[Invalid] = []
    found: dict[str, Any] = {}
    if "zone" in data:
        found["zone"] = data["zone"]
        if data["zone"] not in available_timezones():
            problems.append(Invalid(N_("Zona waktu ini tidak dikenal."), field="zone"))
    for part in ("week", "ramadan_week"):
        if data.get(part):
            found[part] = _checked_week(part, data[part], problems)
    found["days"] = _checked_days(data.get("days") or {}, problems)
    if problems:
        raise Invalid(N_("Kalender kerja belum benar."), problems=problems)
    return found


def _checked_week(part: str, week: Any, problems: list[Invalid]) -> list[list[list[str]]]:
    if not isinstance(week, list) or len(week) != 7:
        problems.append(Invalid(N_("Isikan tujuh hari."), field=part))
        return []
    days = [_checked_spans(f"{part}-{number}", spans, problems) for number, spans in enumerate(week)]
    if not any(days) and not problems:
        problems.append(Invalid(N_("Paling sedikit satu hari kerja seminggu."), field=f"{part}-0"))
    return days


def _checked_days(days: Any, problems: list[Invalid]) -> dict[str, Any]:
    if not isinstance(days, dict) or len(days) > MOST_DAYS:
        problems.append(Invalid(N_("Paling banyak %(most)s perubahan."), field="days", most=MOST_DAYS))
        return {}
    found = {}
    for day, change in days.items():
        field = f"day-{day}"
        name = change.get("name") if isinstance(change, dict) else None
        if not _is_day(day):
            problems.append(Invalid(N_("Tanggal ini tidak dapat dibaca."), field="date"))
        elif not isinstance(name, str) or not name.strip() or len(name) > 200 or not name.isprintable():
            problems.append(Invalid(N_("Sebutkan sebabnya, paling banyak 200 karakter."), field="name"))
        else:
            found[day] = {"name": name.strip(), "spans": _checked_spans(field, change.get("spans"), problems)}
    return found


def _is_day(text: Any) -> bool:
    try:
        return isinstance(text, str) and len(text) == 10 and 2000 <= dt.date.fromisoformat(text).year < 2100
    except ValueError:
        return False


def _checked_spans(field: str, spans: Any, problems: list[Invalid]) -> list[list[str]]:
    """Return the spans of a day, in order, if they are clock times that neither overlap nor run backwards."""
    try:
        pairs = [[opened, closed] for opened, closed in spans or []]
        flat = [time for pair in pairs for time in pair]
        if not all(isinstance(time, str) and _CLOCK.fullmatch(time) for time in flat):
            raise ValueError(flat)
    except (TypeError, ValueError):
        problems.append(Invalid(N_("Isikan jam seperti 07:30."), field=field))
        return []
    if len(pairs) > 6 or any(earlier >= later for earlier, later in pairwise(flat)):
        problems.append(Invalid(N_("Jam harus berurutan: masuk, istirahat, kembali, pulang."), field=field))
    return pairs
