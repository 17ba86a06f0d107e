"""Due times and durations in office hours: nights, breaks, Fridays, Ramadan, holidays, local changes."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.working_time import WorkingCalendar, from_json, ramadan

JAKARTA = ZoneInfo("Asia/Jakarta")
OFFICE = WorkingCalendar()


def at(text, zone=JAKARTA):
    return dt.datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize("start, minutes, due", [
    ("2026-11-24T08:00", 10, "2026-11-24T08:10"),  # a Tuesday
    ("2026-11-24T11:55", 10, "2026-11-24T13:05"),  # over the break
    ("2026-11-24T15:30", 60, "2026-11-25T08:00"),  # over the night
    ("2026-11-24T06:00", 5, "2026-11-24T07:35"),  # before the office opens
    ("2026-11-24T15:00", 60, "2026-11-24T16:00"),  # to the last minute
    ("2026-11-27T11:00", 60, "2026-11-27T13:30"),  # Friday's longer break
    ("2026-11-27T16:00", 60, "2026-11-30T08:00"),  # over the week-end
    ("2026-11-28T10:00", 5, "2026-11-30T07:35"),  # begun on a Saturday
    ("2026-12-23T15:30", 60, "2026-12-28T08:00"),  # cuti bersama, Christmas and a week-end
    ("2026-02-23T14:30", 60, "2026-02-24T08:30"),  # Ramadan's hours
    ("2026-11-24T08:00", 470, "2026-11-25T08:20"),  # the SOP's 7 h 50 min do not fit into a day
    ("2026-11-24T20:00", 0, "2026-11-24T20:00"),
])
def test_a_due_time_counts_office_hours_only(start, minutes, due):
    assert OFFICE.add(at(start), dt.timedelta(minutes=minutes)) == at(due)


def test_the_weeks_are_as_long_as_the_regulation_says():
    assert OFFICE.between(at("2026-11-23T00:00"), at("2026-11-30T00:00")) == dt.timedelta(hours=37.5)
    assert OFFICE.between(at("2026-02-23T00:00"), at("2026-03-02T00:00")) == dt.timedelta(hours=32.5)


def test_an_office_further_east_opens_earlier_in_utc():
    due = WorkingCalendar(zone="Asia/Jayapura").add(at("2026-11-24T06:00", ZoneInfo("Asia/Jayapura")), dt.timedelta(minutes=30))
    assert due == at("2026-11-24T08:00", ZoneInfo("Asia/Jayapura")) == at("2026-11-24T06:00")


def test_a_local_change_goes_before_the_week_and_the_holidays():
    changed = from_json({"days": {"2026-11-25": {"spans": [], "name": "Pilkada"}, "2026-11-28": {"spans": [["08:00", "12:00"]], "name": "Lembur"}}})
    assert changed.add(at("2026-11-24T15:30"), dt.timedelta(hours=1)) == at("2026-11-26T08:00")
    assert changed.is_open(at("2026-11-28T09:00")) and not OFFICE.is_open(at("2026-11-28T09:00"))
    assert changed.why_off(dt.date(2026, 11, 25)) == "Pilkada"


def test_a_holiday_says_which():
    assert OFFICE.why_off(dt.date(2026, 8, 17)) == "Hari Kemerdekaan Republik Indonesia"


def test_ramadan_is_where_it_was():
    assert ramadan(2024)[0] == dt.date(2024, 3, 11)
    first, last = ramadan(2026)
    assert first == dt.date(2026, 2, 18) and dt.date(2026, 3, 18) <= last <= dt.date(2026, 3, 20)


def test_an_office_that_never_works_has_no_due_time():
    with pytest.raises(OverflowError):
        WorkingCalendar(week=((),) * 7, ramadan_week=((),) * 7).add(at("2026-11-24T08:00"), dt.timedelta(minutes=1))


MOMENTS = st.datetimes(dt.datetime(2024, 1, 1), dt.datetime(2029, 12, 31), timezones=st.just(dt.UTC))


@settings(max_examples=200, deadline=None)
@given(MOMENTS, st.integers(1, 5000))
def test_what_is_added_is_what_lies_between(start, minutes):
    amount = dt.timedelta(minutes=minutes)
    due = OFFICE.add(start, amount)
    assert OFFICE.between(start, due) == amount and OFFICE.between(due, start) == -amount


@settings(max_examples=100, deadline=None)
@given(MOMENTS, MOMENTS, MOMENTS)
def test_durations_add_up(a, b, c):
    a, b, c = sorted((a, b, c))
    assert OFFICE.between(a, b) + OFFICE.between(b, c) == OFFICE.between(a, c)


@pytest.mark.parametrize(("day", "opens"), [
    ("2026-03-02", "2026-03-03"),  # a Monday
    ("2026-03-06", "2026-03-09"),  # a Friday
    ("2026-12-24", "2026-12-28"),  # a cuti bersama before Christmas, on Thursday, and the weekend behind it
])
def test_the_office_opens_on_its_next_working_day(day, opens):
    calendar = WorkingCalendar()
    found = calendar.next_opening(dt.date.fromisoformat(day)).astimezone(ZoneInfo("Asia/Jakarta"))
    assert found.date().isoformat() == opens and calendar.is_open(found)
    assert not calendar.is_open(found - dt.timedelta(minutes=1))


def test_an_office_that_never_opens_has_no_next_day():
    assert WorkingCalendar(week=((),) * 7, ramadan_week=((),) * 7).next_opening(dt.date(2026, 3, 2)) is None
