"""Due times in working time: when a task begins, when the calendar changes, and when it is given more time."""

import dataclasses
import datetime as dt

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from bpmn import timers
from bpmn.errors import Conflict, Forbidden, Invalid, NotFound
from engine import commands, deadlines, queries, settings
from engine.deadlines import Rules
from engine.intents import TaskDetails
from engine.store import read
from engine.tables import activity, event, process_instance
from engine.working_time import WorkingCalendar
from tests.conftest import actor_of, on_databases
from tests.engine.small import END, START, chain, deploy, diagram, do, open_tasks

OFFICE = WorkingCalendar()


def task_xml(name, waktu="PT1H", attributes="", more=""):
    properties = f'<camunda:property name="waktu" value="{waktu}"/>{more}'
    return name, (f'<userTask id="{name}" name="{name}" camunda:candidateGroups="pelaksana" {attributes}><extensionElements>'
                  f"<camunda:properties>{properties}</camunda:properties></extensionElements></userTask>")


def jakarta(text):
    return dt.datetime.fromisoformat(f"{text}+07:00")


MORE = '<camunda:property name="dapat_diperpanjang" value="true"/>'
EVENING = jakarta("2026-11-24T15:30")  # a Tuesday, half an hour before the office closes


def started(pe, people, at, *tasks):
    deploy(pe, people["admin"], at, diagram(chain(START, *(tasks or (task_xml("a", more=MORE),)), END)))
    return commands.start(pe, people["admin"], at, key="p")


def row_of(pe, task_id):
    with read(pe) as db:
        return db.execute(sa.select(activity).where(activity.c.id == task_id)).one()


def the_task(pe, people, at, *tasks):
    started(pe, people, at, *tasks)
    return next(iter(open_tasks(pe, people["admin"]).values()))


# When a task begins ---------------------------------------------------------------------------------------------------

@on_databases
def test_a_task_begun_before_the_office_closes_is_due_the_next_morning(pe, people):
    row = row_of(pe, the_task(pe, people, EVENING))
    assert row.due_at == row.due_order == jakarta("2026-11-25T08:00") and row.allowed_seconds == 3600
    assert row.remind_at == jakarta("2026-11-25T07:48")  # 80 per cent of an hour: 48 minutes


def test_the_offices_own_calendar_counts(pe, people):
    settings.change(pe, people["admin"], EVENING, "calendar", {"days": {"2026-11-25": {"name": "Pilkada", "spans": []}}})
    assert row_of(pe, the_task(pe, people, EVENING)).due_at == jakarta("2026-11-26T08:00")


def test_a_due_date_in_the_diagram_goes_before_the_mutu_baku_and_is_a_moment(pe, people):
    row = row_of(pe, the_task(pe, people, EVENING, task_xml("a", attributes='camunda:dueDate="2026-11-28T10:00:00+07:00"')))
    assert row.due_at == jakarta("2026-11-28T10:00") and row.allowed_seconds is None


def test_a_task_without_either_is_never_due(pe, people):
    row = row_of(pe, the_task(pe, people, EVENING, ("a", '<userTask id="a" camunda:candidateGroups="pelaksana"/>')))
    assert (row.due_at, row.remind_at, row.allowed_seconds) == (None, None, None) and row.due_order == deadlines.END_OF_TIME


def test_a_day_of_a_mutu_baku_is_a_working_day(pe, people):
    row = row_of(pe, the_task(pe, people, jakarta("2026-11-24T07:30"), task_xml("a", "P2DT1H")))
    assert row.due_at == jakarta("2026-11-26T08:30") and row.allowed_seconds == 16 * 3600


@pytest.mark.parametrize("text, found", [
    ("PT10M", (0, dt.timedelta(minutes=10))), ("P1D", (1, dt.timedelta())), ("P2W", (14, dt.timedelta())),
    ("PT30H", (0, dt.timedelta(hours=30))),
    ("P1M", None), ("-PT1H", None), ("PT0S", None), ("2026-01-01", None), ("", None), ("besok", None)])
def test_what_a_mutu_baku_says(text, found):
    assert timers.working(text) == found


ANY_TIME = st.datetimes(dt.datetime(2024, 1, 1), dt.datetime(2028, 12, 31), timezones=st.just(dt.timezone.utc))
RULES = st.builds(Rules, st.integers(0, 99), st.booleans(), st.none() | st.integers(0, 3000))


@hypothesis_settings(max_examples=150, deadline=None)
@given(ANY_TIME, st.integers(1, 60 * 60), RULES)
def test_what_is_allowed_is_the_working_time_until_due_and_reminders_come_in_order(now, minutes, rules):
    columns = deadlines.columns(OFFICE, rules, now, TaskDetails(allowed=(0, dt.timedelta(minutes=minutes))))
    due = columns["due_at"]
    assert due > now and OFFICE.between(now, due) == dt.timedelta(minutes=minutes) == dt.timedelta(seconds=columns["allowed_seconds"])
    local = due.astimezone(dt.timezone(dt.timedelta(hours=7)))
    assert any(opened < local.time() <= closed for opened, closed in OFFICE.spans(local.date()))  # in office hours of a working day
    found = deadlines.moments(OFFICE, rules, now, due)
    assert [at for _, at in found] == sorted(at for _, at in found)
    assert columns["remind_at"] == (found[0][1] if found else None)
    assert all(at <= due for kind, at in found if kind == "due-soon") and all(at >= due for kind, at in found if kind == "escalation")


@hypothesis_settings(max_examples=100, deadline=None)
@given(ANY_TIME, st.integers(1, 3000), st.sets(st.dates(dt.date(2024, 1, 1), dt.date(2029, 6, 1)), max_size=5))
def test_a_day_off_never_makes_a_task_due_earlier(now, minutes, days):
    fewer = WorkingCalendar(days=dict.fromkeys(days, ((), "Libur")))
    amount = dt.timedelta(minutes=minutes)
    assert fewer.add(now, amount) >= OFFICE.add(now, amount)


# What it took ---------------------------------------------------------------------------------------------------------

@on_databases
def test_what_a_task_and_a_case_took_is_kept_in_working_time(pe, people):
    case = started(pe, people, EVENING, task_xml("a"), task_xml("b"))
    do(pe, people["penulis"], jakarta("2026-11-25T08:15"), "a")
    do(pe, people["penulis"], jakarta("2026-11-25T21:00"), "b")
    with read(pe) as db:
        took = dict(db.execute(sa.select(activity.c.activity_id, activity.c.working_seconds).where(activity.c.is_task)).all())
        whole = db.scalar(sa.select(process_instance.c.working_seconds).where(process_instance.c.id == case.id))
    assert took == {"a": 75 * 60, "b": (7.5 * 60 - 45) * 60} and whole == 8 * 3600


# When the calendar changes --------------------------------------------------------------------------------------------

@on_databases
def test_another_calendar_moves_what_is_open_and_leaves_moments_and_what_is_done(pe, people, now):
    started(pe, people, EVENING, task_xml("z"), task_xml("a"))
    done = open_tasks(pe, people["admin"])["z"]
    do(pe, people["penulis"], EVENING, "z")
    fixed = task_xml("b", attributes='camunda:dueDate="2026-11-25T10:00:00+07:00"')
    deploy(pe, people["admin"], EVENING, diagram(chain(START, fixed, END), key="q"))
    commands.start(pe, people["admin"], EVENING, key="q")
    tasks = open_tasks(pe, people["admin"])
    settings.change(pe, people["admin"], EVENING, "calendar", {"days": {"2026-11-25": {"name": "Pilkada", "spans": []}}})
    moved = row_of(pe, tasks["a"])
    assert moved.due_at == moved.due_order == jakarta("2026-11-26T08:00") and moved.remind_at == jakarta("2026-11-26T07:48")
    assert row_of(pe, tasks["b"]).due_at == jakarta("2026-11-25T10:00")
    assert row_of(pe, done).due_at == jakarta("2026-11-25T08:00")


def test_an_office_that_never_works_again_has_no_due_times_until_it_does(pe, people):
    days = {(dt.date(2026, 1, 1) + dt.timedelta(n)).isoformat(): {"name": "Tutup", "spans": []} for n in range(1999)}
    task = the_task(pe, people, EVENING)
    settings.change(pe, people["admin"], EVENING, "calendar", {"days": days})
    row = row_of(pe, task)
    assert (row.due_at, row.remind_at) == (None, None) and row.due_order == deadlines.END_OF_TIME
    settings.change(pe, people["admin"], EVENING, "calendar", {})
    assert row_of(pe, task).due_at == jakarta("2026-11-25T08:00")


# More time ------------------------------------------------------------------------------------------------------------

@on_databases
def test_more_time_counts_from_the_due_time_moves_the_reminder_and_is_told(pe, people):
    task = the_task(pe, people, EVENING)
    due = commands.extend(pe, people["penulis"], EVENING, task, minutes=90, reason=" Menunggu narasumber. ")
    row = row_of(pe, task)
    assert due == row.due_at == row.due_order == jakarta("2026-11-25T09:30") and row.extensions == 1
    assert row.allowed_seconds == 150 * 60 and row.remind_at == jakarta("2026-11-25T09:00")  # 80 per cent of 2 h 30 min
    with read(pe) as db:
        told = db.execute(sa.select(event).where(event.c.type == "task.extended")).one()
    assert (told.actor, told.activity_instance_id) == ("penulis", task)
    assert told.data == {"activity_id": "a", "from": "2026-11-25T01:00:00+00:00", "to": "2026-11-25T02:30:00+00:00",
                         "reason": "Menunggu narasumber."}


def test_what_is_late_is_given_time_from_now_on(pe, people):
    task = the_task(pe, people, EVENING)
    late = jakarta("2026-11-25T10:00")
    assert commands.extend(pe, people["penulis"], late, task, minutes=60, reason="x") == jakarta("2026-11-25T11:00")
    assert commands.extend(pe, people["penulis"], late, task, due=jakarta("2026-11-28T09:00"), reason="x") == jakarta("2026-11-28T09:00")
    assert row_of(pe, task).extensions == 2


def test_a_day_off_declared_later_keeps_what_was_given(pe, people):
    task = the_task(pe, people, EVENING)
    commands.extend(pe, people["penulis"], EVENING, task, minutes=60, reason="x")
    settings.change(pe, people["admin"], EVENING, "calendar", {"days": {"2026-11-25": {"name": "Pilkada", "spans": []}}})
    assert row_of(pe, task).due_at == jakarta("2026-11-26T09:00")


def test_asked_twice_more_time_is_given_once(pe, people):
    task = the_task(pe, people, EVENING)
    seen = row_of(pe, task).due_at
    commands.extend(pe, people["penulis"], EVENING, task, minutes=60, reason="x", was=seen)
    with pytest.raises(Conflict):
        commands.extend(pe, people["penulis"], EVENING, task, minutes=60, reason="x", was=seen)
    assert row_of(pe, task).extensions == 1


@pytest.mark.parametrize("wrong, field", [
    ({"minutes": 0}, "minutes"), ({"minutes": 10**9}, "minutes"), ({}, "minutes"), ({"minutes": 1, "due": EVENING}, "minutes"),
    ({"due": EVENING}, "due"), ({"due": EVENING + dt.timedelta(minutes=5)}, "due"), ({"due": jakarta("2999-01-01T00:00")}, "due"),
    ({"minutes": 60, "reason": "  "}, "reason")])
def test_more_time_that_makes_no_sense_is_refused(pe, people, wrong, field):
    task = the_task(pe, people, EVENING)
    with pytest.raises(Invalid) as caught:
        commands.extend(pe, people["penulis"], EVENING, task, **({"reason": "x"} | wrong))
    assert [p.where["field"] for p in caught.value.problems or [caught.value]] == [field]
    assert row_of(pe, task).extensions == 0


def test_who_may_not_do_a_task_gives_it_no_time_but_the_head_of_its_lane_does(pe, people):
    task = the_task(pe, people, EVENING)
    commands.claim(pe, people["penulis"], EVENING, task)
    with pytest.raises(Forbidden):  # of the same group, and not the assignee
        commands.extend(pe, people["webadmin"], EVENING, task, minutes=60, reason="x")
    with pytest.raises(NotFound):
        commands.extend(pe, actor_of("ketua"), EVENING, task, minutes=60, reason="x")
    commands.extend(pe, dataclasses.replace(people["webadmin"], heads=frozenset({"pelaksana"})), EVENING, task, minutes=60, reason="x")
    assert row_of(pe, task).extensions == 1


def test_a_step_that_the_diagram_does_not_open_for_it_keeps_its_time(pe, people):
    task = the_task(pe, people, EVENING, task_xml("a"))
    with pytest.raises(Conflict):
        commands.extend(pe, people["penulis"], EVENING, task, minutes=60, reason="x")


def test_what_is_done_gets_no_more_time(pe, people):
    task = the_task(pe, people, EVENING)
    do(pe, people["penulis"], EVENING, "a")
    with pytest.raises(Conflict):
        commands.extend(pe, people["penulis"], EVENING, task, minutes=60, reason="x")


def test_the_inbox_is_sorted_by_the_moved_due_time(pe, people):
    started(pe, people, EVENING)
    first = open_tasks(pe, people["penulis"])["a"]
    commands.start(pe, people["admin"], EVENING + dt.timedelta(minutes=5), key="p")
    commands.extend(pe, people["penulis"], EVENING, first, minutes=60, reason="x")
    assert [row["id"] for row in queries.tasks(pe, people["penulis"], candidate=True).rows][1] == first


def test_completing_asks_the_settings_once_in_a_while(pe, people):
    started(pe, people, EVENING, task_xml("a"), task_xml("b"))
    asked = []
    sa.event.listen(pe.db, "before_cursor_execute", lambda *a: asked.append(a[2]))
    do(pe, people["penulis"], EVENING, "a")
    assert not [sql for sql in asked if "tenant.settings" in sql]
