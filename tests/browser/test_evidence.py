"""The analyst's evidence in a browser: charts and heat are drawn from the tables beside them, at both widths, light and dark."""

import datetime as dt
import re

import pytest
import sqlalchemy as sa
from playwright.sync_api import expect

from engine.evidence import rollup, sample
from engine.store import read, run
from engine.tables import publication, publication_standing, user
from tests.browser.conftest import DESK, PHONE


@pytest.fixture
def known(pe, people):
    made: list = []
    sample.make(pe, dt.datetime.now(dt.timezone.utc), "kpu", cases=60, years=0.5, seed=11, told=made.extend)
    rollup.work(pe, seconds=60)
    return made


def test_the_evidence_is_drawn_and_read_without_colour(known, open_page, audit, audit_both):
    page = open_page("analis", viewport=DESK)
    for path, drawn in (("mutu-baku", 4), ("peta", 0), ("tidak", 4), ("jalur", 1)):
        page.set_viewport_size(DESK)
        page.goto(f"/reports/{path}?since=")
        for chart in page.locator("[data-chart][data-ready]").all()[:drawn]:
            expect(chart.locator("svg")).to_be_visible()
            assert chart.get_attribute("aria-label"), path
        expect(page.locator("[data-chart][data-ready]")).to_have_count(drawn)
        if path in ("peta", "jalur"):
            page.locator("[data-diagram]").scroll_into_view_if_needed()
            page.locator("[data-diagram][data-ready]").wait_for()
        if path == "peta":  # the number on the diagram is the table's, and leads where it leads
            badge = page.locator(".heat-badge.is-activity", has_text=re.compile(r"^\d+$")).first
            cell = page.locator("[data-heat-row=tugaskan] [data-level] a")
            expect(badge).to_have_text(cell.inner_text())
            assert badge.get_attribute("href") == page.evaluate("e => e.href", cell.element_handle())
        if path == "jalur":
            expect(page.locator(".follows-arc")).not_to_have_count(0)
        assert audit(page) == []
        page.set_viewport_size(PHONE)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.goto("/reports/jalur?since=&compare=1&version=1&version2=2")
    expect(page.locator("#beda [data-chart][data-ready] svg")).to_have_count(3)
    assert audit_both(page) == []
    assert page.locator("#beda .table-scroll").evaluate_all("all => all.every(box => box.scrollWidth <= box.clientWidth)")  # on a phone, too
    page.locator("#beda tbody a").first.click()
    expect(page.locator("table tbody tr")).not_to_have_count(0)
    page.goto("/reports/mutu-baku?since=")
    page.keyboard.press("Tab")
    page.get_by_role("link", name=re.compile(r"^\d+$")).first.press("Enter")  # a number of the table, by keyboard
    page.wait_for_url("**/reports/di-balik?**")
    expect(page.locator("table tbody tr")).not_to_have_count(0)
    assert audit(page) == []


def drift(pe):
    """Let two posts of a case not stand as approved any more: one differs, one is gone. Return the case."""
    p, at = publication.c, dt.datetime.now(dt.timezone.utc)
    with read(pe) as db:
        many = sa.select(p.instance_id).where(p.state == "published").group_by(p.instance_id).having(sa.func.count() > 1).limit(1)
        posts = db.execute(sa.select(publication).where(p.instance_id == many.scalar_subquery(), p.state == "published")).mappings().all()
    rows = [{"publication_id": post["id"], "tenant_id": "kpu", "channel_id": post["channel_id"], "state": state, "since": at, "seen": state,
             "seen_at": at, "found": "0" * 64, "stood_at": at} for post, state in zip(posts, ("changed", "gone"), strict=False)]

    def write(db):
        db.execute(sa.delete(publication_standing).where(publication_standing.c.publication_id.in_([row["publication_id"] for row in rows])))
        db.execute(sa.insert(publication_standing), rows)

    run(pe, write)
    return posts[0]["instance_id"]


def test_what_was_put_out_how_it_stands_and_reports_by_mail_in_both_languages(pe, known, open_page, audit_both):
    case = drift(pe)
    page = open_page("admin", viewport=DESK)
    for language in ("id", "en"):
        run(pe, lambda db, language=language: db.execute(sa.update(user).where(user.c.id == "admin").values(locale=language)))
        page.goto("/reports/terbitan?since=")
        expect(page.locator("html")).to_have_attribute("lang", language)
        expect(page.locator("[data-chart][data-ready] svg")).to_have_count(3)
        assert audit_both(page) == []
        page.locator("a[href*='/reports/terbitan/daftar']").last.click()
        expect(page.locator("#entries .row-item")).not_to_have_count(0)
        assert audit_both(page) == []
        page.goto(f"/cases/{case}")
        for details in page.locator("details.mend-details").all():
            details.locator("summary").press("Enter")
        assert audit_both(page) == []
        page.goto("/reports/jadwal")
        for box in page.locator("[name=recipients]:checked").all():
            box.uncheck()
        page.locator("form[action$='/reports/jadwal'] button").click()
        expect(page.locator(".notice-danger")).to_be_visible()
        page.problems.clear()  # the browser itself tells of the 400
        assert audit_both(page) == []
        page.locator("[name=recipients]").first.check()
        page.locator("form[action$='/reports/jadwal'] button").click()
        expect(page.locator("#subscriptions .row-item")).to_have_count(1)
        assert audit_both(page) == []
        page.locator("#subscriptions form[action$='/end'] button").click()
        expect(page.locator("#subscriptions")).to_have_count(0)
