"""Comments on a case: by whoever sees it, people named by @id told once, nothing written becoming markup."""

import datetime as dt
import re

import pytest
import sqlalchemy as sa

from engine import comments, queries, tables
from engine.people import create_user
from engine.store import read


def case_of(pe, people, task):
    return queries.task(pe, people["admin"], task)["instance_id"]


def test_who_is_named_is_told_and_the_words_are_shown_as_written(pe, people, signed_in, case_at):
    task = case_at("periksa")
    case, browser = case_of(pe, people, task), signed_in("kasubbag")
    text = "Tolong lihat @ketua. <b>Bukan</b> a@ketua, bukan @nihil, bukan saya: @kasubbag."
    answer = browser.post(f"/cases/{case}/comments", {"text": text, "task_id": task})
    assert (answer.status_code, answer.location) == (303, f"/tasks/{task}#comments")
    for page in (signed_in("penulis").get(f"/tasks/{task}").text, signed_in("ketua").get(f"/cases/{case}").text):
        assert '<span class="mention" title="@ketua">@Ketua Demo</span>. &lt;b&gt;Bukan&lt;/b&gt; a@ketua, bukan @nihil' in page
    assert comments.comments(pe, people["ketua"], case).rows[0]["mentions"] == ["kasubbag", "ketua"]
    with read(pe) as db:
        event = db.execute(sa.select(tables.event.c.data).where(tables.event.c.type == "comment.created")).scalar_one()
    assert event["mentions"] == ["kasubbag", "ketua"]


def test_who_is_named_is_told_once(pe, people, now, case_at):
    create_user(pe, people["admin"], now, id="surel", name="Surel", password="terbit-demo", email="surel@kpu.example", groups=["pelaksana"])
    create_user(pe, people["admin"], now, id="tamu", name="Tamu", password="terbit-demo", email="tamu@kpu.example")
    case = case_of(pe, people, case_at("periksa"))
    ids = {comments.add(pe, people["ketua"], now, case, " @surel @tamu tolong ") for _ in range(3)}  # a double click
    assert len(ids) == 1
    with read(pe) as db:
        told = [(row.user_id, row.data["by"]) for row in db.execute(sa.select(tables.notice).where(tables.notice.c.kind == "mention"))]
    assert told == [("surel", people["ketua"].name)]  # who does not see the case is not told of it


def test_who_does_not_see_the_case_sees_and_writes_nothing(pe, people, now, signed_in, case_at):
    create_user(pe, people["admin"], now, id="tamu", name="Tamu", password="terbit-demo")
    case, browser = case_of(pe, people, case_at("periksa")), signed_in("tamu")
    assert browser.post(f"/cases/{case}/comments", {"text": "Halo"}).status_code == 404
    assert browser.get(f"/cases/{case}/comments").status_code == browser.get(f"/cases/{case}/people").status_code == 404
    assert signed_in("penulis").post(f"/cases/{case}/comments", {"text": "Halo", "task_id": "x"}).status_code == 404


@pytest.mark.parametrize("text", ["", "  \n", "x" * 4001])
def test_no_words_or_too_many_are_refused(pe, people, signed_in, case_at, text):
    case = case_of(pe, people, case_at("periksa"))
    assert signed_in("penulis").post(f"/cases/{case}/comments", {"text": text}).status_code == 400


def test_the_people_that_can_be_named(pe, people, now, signed_in, case_at):
    create_user(pe, people["admin"], now, id="tamu", name="Ketua Tamu", password="terbit-demo")
    case, browser = case_of(pe, people, case_at("periksa")), signed_in("penulis")
    assert browser.get(f"/cases/{case}/people?q=ketua").json == [{"id": "ketua", "name": "Ketua Demo"}]
    assert browser.get(f"/cases/{case}/people?q=%25").json == [] and len(browser.get(f"/cases/{case}/people").json) > 3


def test_earlier_comments_are_a_page_away(pe, people, now, signed_in, case_at, statements):
    case = case_of(pe, people, case_at("periksa"))
    for n in range(23):
        comments.add(pe, people["ketua"], now + dt.timedelta(seconds=n), case, f"Kata ke-{n} @penulis")
    browser, seen, url = signed_in("penulis"), [], f"/cases/{case}/comments"
    while url:
        with statements() as few:
            page = browser.get(url).text
        assert len(few) <= 8, few
        seen += re.findall(r"Kata ke-(\d+)", page)
        url = (re.search(r'<a href="([^"]*after=[^"]*)"', page) or [None, None])[1]
    assert seen == [str(n) for n in reversed(range(23))]
