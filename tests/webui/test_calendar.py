"""The working calendar's page, due times in words, and more time for a task."""

import datetime as dt
import re

import pytest
import sqlalchemy as sa
import time_machine

from engine import commands, queries, reports, settings
from engine.store import read
from engine.tables import activity
from tests.webui.scenes import SOP
from webui import hours
from webui import now as web_now

OPEN = {"kind": "work", "name": "Lembur pilkada", "date": "2026-11-28", "from": "08:00", "to": "12:00"}


def jakarta(text):
    return dt.datetime.fromisoformat(f"{text}+07:00")


@pytest.fixture
def admin(signed_in, sop):
    return signed_in("admin")


def stored(pe):
    return settings.get(pe, "kpu")["calendar"]


def typed(page_text):
    """The hours form as the page holds it."""
    inputs = re.findall(r'<input[^>]*type="time" name="((?:ramadan_)?week-[^"]+)" value="([^"]*)"', page_text)
    return dict(inputs) | {"zone": "Asia/Jakarta"}


# The page -------------------------------------------------------------------------------------------------------------

def test_the_page_shows_the_hours_and_the_years_days_off(admin):
    page = admin.get("/calendar?year=2026").text
    assert "37 jam 30 menit seminggu" in page and "32 jam 30 menit seminggu" in page
    assert "Hari Kemerdekaan Republik Indonesia" in page and "Ramadan: 18 Februari 2026" in page
    assert page.count('<table class="month"') == 12 and len(typed(page)) == 57


def test_saving_what_is_shown_changes_no_hours(pe, admin):
    before = settings.calendar_of(pe, "kpu")
    assert admin.post("/calendar/hours", typed(admin.get("/calendar").text)).status_code == 303
    assert settings.calendar_of(pe, "kpu") == before


def test_changed_hours_count_at_once(pe, admin):
    form = typed(admin.get("/calendar").text)
    form |= {"week-4-in": "", "week-4-pause": "", "week-4-back": "", "week-4-out": "",  # Friday off
             "week-0-pause": "", "week-0-back": "", "week-0-out": "15:00", "zone": "Asia/Jayapura"}
    assert "saved=hours" in admin.post("/calendar/hours", form).headers["Location"]
    calendar = settings.calendar_of(pe, "kpu")
    assert calendar.zone == "Asia/Jayapura" and calendar.week[4] == () and len(calendar.week[0]) == 1
    assert "Tersimpan" in admin.get("/calendar?saved=hours").text


@pytest.mark.parametrize("wrong, field", [
    ({"week-0-out": "06:00"}, "week-0"), ({"week-0-pause": ""}, "week-0"), ({"week-2-in": "25:00"}, "week-2"),
    ({"ramadan_week-1-back": "07:00"}, "ramadan_week-1"), ({"zone": "Bulan/Tenang"}, "zone"),
    ({f"week-{day}-{part}": "" for day in range(7) for part in ("in", "pause", "back", "out")}, "week-0"),
])
def test_wrong_hours_are_told_at_their_day_and_what_was_typed_stays(pe, admin, wrong, field):
    answer = admin.post("/calendar/hours", typed(admin.get("/calendar").text) | wrong)
    assert answer.status_code == 400 and f'id="{field}-error"' in answer.text and stored(pe) == {}
    for name, value in wrong.items():
        if name != "zone":
            assert f'name="{name}" value="{value}"' in answer.text


def test_a_day_off_and_a_working_day_are_added_and_removed(pe, admin):
    off = {"date": "2026-11-25", "name": "Pilkada", "kind": "off", "from": "07:30", "to": "x"}
    assert admin.post("/calendar/days", off).status_code == 303
    assert admin.post("/calendar/days", OPEN).status_code == 303
    assert stored(pe)["days"] == {"2026-11-25": {"name": "Pilkada", "spans": []},
                                  "2026-11-28": {"name": "Lembur pilkada", "spans": [["08:00", "12:00"]]}}
    page = admin.get("/calendar?year=2026").text
    assert "Pilkada" in page and "08.00–12.00" in page and "day is-own-off" in page and "day is-own-on" in page
    assert admin.post("/calendar/days/2026-11-25/remove").status_code == 303
    assert admin.post("/calendar/days/2026-11-25/remove").status_code == 303
    assert list(stored(pe)["days"]) == ["2026-11-28"]


@pytest.mark.parametrize("wrong, field", [
    ({"date": "2026-02-30"}, "date"), ({"date": ""}, "date"), ({"date": "9999-01-01"}, "date"), ({"name": "  "}, "name"),
    ({"name": "x" * 201}, "name"), ({"from": "12:00", "to": "08:00"}, "from"), ({"from": "kapan"}, "from")])
def test_a_wrong_day_is_told_at_its_field(pe, admin, wrong, field):
    answer = admin.post("/calendar/days", OPEN | wrong)
    assert answer.status_code == 400 and f'id="{field}-error"' in answer.text and stored(pe) == {}


def test_a_name_is_never_markup(admin):
    admin.post("/calendar/days", OPEN | {"name": '"><script>alert(1)</script>'})
    assert "<script>alert" not in admin.get("/calendar?year=2026").text


def test_when_people_are_reminded(pe, admin):
    assert admin.post("/calendar/reminders", {"before_percent": "50", "escalate_minutes": ""}).status_code == 303
    assert settings.get(pe, "kpu")["reminders"] == {"before_percent": 50, "at_due": False, "escalate_minutes": None}
    answer = admin.post("/calendar/reminders", {"before_percent": "banyak", "escalate_minutes": "99999999"})
    assert answer.status_code == 400 and 'id="before_percent-error"' in answer.text and 'id="escalate_minutes-error"' in answer.text


@pytest.mark.parametrize("query", ["year=2050", "year=-1", "year=99999", "year=kapan", "saved=<b>"])
def test_any_year_is_shown_or_the_nearest(admin, query):
    assert admin.get(f"/calendar?{query}").status_code == 200


def test_the_calendar_is_for_admins(signed_in, sop):
    for user in ("ketua", "pemilik", "analis"):
        browser = signed_in(user)
        assert browser.get("/calendar").status_code == 403
        for path in ("/calendar/hours", "/calendar/days", "/calendar/days/2026-01-01/remove", "/calendar/reminders"):
            assert browser.post(path, OPEN).status_code == 403


def test_the_page_asks_few_statements(admin, statements):
    with statements() as page:
        admin.get("/calendar")
    assert len(page) <= 4, "\n".join(page)


# Words ----------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("at, due, text, colour", [
    ("2026-11-24T08:00", "2026-11-24T08:40", "Sisa 40 menit kerja", "warning"),
    ("2026-11-24T15:40", "2026-11-25T08:00", "Sisa 50 menit kerja", "warning"),  # over the night
    ("2026-11-24T22:00", "2026-11-25T08:30", "Sisa 1 jam kerja", "neutral"),  # at night
    ("2026-11-24T08:00", "2026-11-25T08:20", "Sisa 7 jam 50 menit kerja", "neutral"),  # not "1 day": that is two days' work
    ("2026-11-24T08:00", "2026-11-30T09:00", "Sisa 4 hari 1 jam kerja", "neutral"),
    ("2026-11-25T10:00", "2026-11-25T08:00", "Lewat 2 jam kerja", "danger"),
    ("2026-11-24T20:00", "2026-11-24T16:00", "Lewat waktunya", "danger"),  # no office hour has passed since
    ("2026-12-25T10:00", "2026-12-23T15:00", "Lewat 1 jam kerja", "danger"),  # on a holiday
    ("2026-11-24T08:00", "2035-01-01T00:00", "Sisa 9", "neutral"),
])
def test_what_is_left_is_told_in_working_time(app, people, at, due, text, colour):
    from flask import g

    with app.test_request_context(), time_machine.travel(jakarta(at), tick=False):
        g.account_actor = people["penulis"]
        assert web_now() == jakarta(at)
        mark = hours.due(jakarta(due))
    assert mark.text.startswith(text) and mark.colour == colour


# More time ------------------------------------------------------------------------------------------------------------

@pytest.fixture
def writing(pe, case_at):
    return case_at("siapkan")


def row_of(pe, task):
    with read(pe) as db:
        return db.execute(sa.select(activity).where(activity.c.id == task)).one()


def test_whoever_writes_asks_for_more_time_and_all_see_why(pe, signed_in, writing):
    writer = signed_in("penulis")
    assert f"/tasks/{writing}/extend" in writer.get(f"/tasks/{writing}").text
    page = writer.get(f"/tasks/{writing}/extend").text
    was = re.search(r'name="was" value="([^"]+)"', page)[1]
    form = {"minutes": "120", "reason": "Narasumber <b>belum</b> menjawab", "was": was}
    answer = writer.post(f"/tasks/{writing}/extend", form, token_from=f"/tasks/{writing}/extend")
    assert answer.status_code == 303 and row_of(pe, writing).extensions == 1
    assert writer.post(f"/tasks/{writing}/extend", form, token_from=f"/tasks/{writing}/extend").status_code == 409, "a second click"
    assert row_of(pe, writing).extensions == 1
    for page in (writer.get(f"/tasks/{writing}").text, signed_in("admin").get(f"/cases/{row_of(pe, writing).instance_id}").text):
        assert "Narasumber &lt;b&gt;belum&lt;/b&gt; menjawab" in page and "Diperpanjang sampai" in page


@pytest.mark.parametrize("wrong, field", [
    ({"reason": " "}, "reason"), ({"minutes": "0"}, "minutes"), ({"minutes": "banyak"}, "minutes"), ({"due": "besok"}, "due"),
    ({"due": "2001-01-01T00:00"}, "due")])
def test_a_wrong_extension_is_told_at_its_field(pe, signed_in, writing, wrong, field):
    writer = signed_in("penulis")
    answer = writer.post(f"/tasks/{writing}/extend", {"minutes": "60", "reason": "x"} | wrong, token_from=f"/tasks/{writing}/extend")
    assert answer.status_code == 400 and f'id="{field}-error"' in answer.text and row_of(pe, writing).extensions == 0


def test_a_step_without_it_offers_no_more_time(signed_in, case_at):
    task = case_at("periksa")
    browser = signed_in("kasubbag")
    assert "/extend" not in browser.get(f"/tasks/{task}").text
    assert browser.get(f"/tasks/{task}/extend").status_code == 409


def test_who_may_not_see_a_task_finds_no_page_for_it(pe, people, signed_in, now, sop):
    commands.start(pe, people["ketua"], now, key=SOP)
    task = queries.tasks(pe, people["ketua"], mine=True, candidate=True).rows[0]["id"]
    assert signed_in("webadmin").get("/tasks/tidak-ada/extend").status_code == 404
    assert signed_in("webadmin").post(f"/tasks/{task}/extend", {"minutes": "60", "reason": "x"}).status_code in (403, 409)


def test_a_review_counts_what_was_extended(pe, people, writing):
    commands.extend(pe, people["penulis"], jakarta("2026-03-02T09:00"), writing, minutes=60, reason="x")
    steps = reports.steps(pe, people["analis"], jakarta("2026-03-02T10:00"), reports.Scope(SOP))
    assert {step.activity_id: step.extended for step in steps if step.extended} == {"siapkan": 1}
