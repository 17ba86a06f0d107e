"""Working time: when an office works, what falls due when, and how long something took in office hours.

Pure: a calendar is a value, and every moment is an argument. Hours are Perpres 21/2023's (37.5 h a week, in Ramadan
32.5 h), public holidays and cuti bersama are those of the package `holidays`, Ramadan's first day is `hijridate`'s
(Umm al-Qura); all of them can be changed by an office, for a day or for good.
"""

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import holidays
from hijridate import Hijri

Spans = tuple[tuple[dt.time, dt.time], ...]  # of one day, in order, local time; () is a day off
NEVER = 1500  # days looked ahead: a calendar with no working day in four years has no due time

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

    def spans(self, day: dt.date) -> Spans:
        """Return the spans in which the office works on a day."""
        if day in self.days:
            return self.days[day][0]
        if day in public_holidays(day.year):
            return ()
        first, last = ramadan(day.year)
        return (self.ramadan_week if first <= day <= last else self.week)[day.weekday()]

    def why_off(self, day: dt.date) -> str:
        """Return why a day differs: a local change's name, else the holiday's; '' on an ordinary day."""
        return self.days[day][1] if day in self.days else public_holidays(day.year).get(day, "")

    def add(self, start: dt.datetime, amount: dt.timedelta) -> dt.datetime:
        """Return when `amount` of working time after `start` has passed, in UTC.

        Nothing to wait for is due at once. Raises `OverflowError` where the office never works that long.
        """
        left = amount
        if left <= dt.timedelta():
            return start.astimezone(dt.UTC)
        for opened, closed in self._working(start, NEVER):
            if closed - opened >= left:
                return opened + left
            left -= closed - opened
        raise OverflowError("the calendar has too little working time")

    def between(self, start: dt.datetime, end: dt.datetime) -> dt.timedelta:
        """Return the working time from `start` to `end`; negative when `end` comes first."""
        if end < start:
            return -self.between(end, start)
        total = dt.timedelta()
        for opened, closed in self._working(start, (end - start).days + 2):
            if opened >= end:
                break
            total += min(closed, end) - opened
        return total

    def is_open(self, moment: dt.datetime) -> bool:
        """Tell whether the office works at a moment."""
        return any(opened <= moment < closed for opened, closed in self._of(moment.astimezone(ZoneInfo(self.zone)).date()))

    def _working(self, start: dt.datetime, days: int) -> Iterator[tuple[dt.datetime, dt.datetime]]:
        """Give each working span of so many days from `start` on, in UTC, the first one cut where it began before."""
        day = start.astimezone(ZoneInfo(self.zone)).date()
        for offset in range(days):
            for opened, closed in self._of(day + dt.timedelta(offset)):
                if closed > start:
                    yield max(opened, start.astimezone(dt.UTC)), closed

    def _of(self, day: dt.date) -> Iterator[tuple[dt.datetime, dt.datetime]]:
        zone = ZoneInfo(self.zone)
        for opened, closed in self.spans(day):
            yield tuple(dt.datetime.combine(day, t, zone).astimezone(dt.UTC) for t in (opened, closed))


@lru_cache(maxsize=64)
def public_holidays(year: int) -> Mapping[dt.date, str]:
    """Return Indonesia's public holidays and cuti bersama of a year, by date, named in Indonesian."""
    return dict(holidays.Indonesia(years=year, categories=("public", "government"), language="id"))


@lru_cache(maxsize=64)
def ramadan(year: int) -> tuple[dt.date, dt.date]:
    """Return Ramadan's first and last day, the one that begins in a year first (2030 has two).

    The last day is the one before Idul Fitri as the government keeps it, where `holidays` knows that.
    """
    for hijri_year in range(year - 580, year - 576):
        try:
            first = dt.date(*Hijri(hijri_year, 9, 1).to_gregorian().datetuple())
        except OverflowError:  # outside of Umm al-Qura's tables: 1343 to 1500 AH
            break
        if first.year == year:
            last = dt.date(*Hijri(hijri_year, 10, 1).to_gregorian().datetuple()) - dt.timedelta(1)
            return first, last
    return dt.date.max, dt.date.min


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
