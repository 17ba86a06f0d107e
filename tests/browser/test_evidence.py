"""The analyst's evidence in a browser: charts and heat are drawn from the tables beside them, at both widths, light and dark."""

import datetime as dt
import re

import pytest
from playwright.sync_api import expect

from engine.evidence import rollup, sample
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
