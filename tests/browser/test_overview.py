"""The admin's overview in the browser: it updates by itself, and a number on the diagram leads to the cases behind it."""

import datetime as dt

import pytest
from playwright.sync_api import expect

from engine import commands, workers
from tests.browser.conftest import LOOKS
from tests.browser.test_cases_admin_analyst import stuck  # noqa: F401 - a fixture


@pytest.fixture
def alive(pe):
    moment = dt.datetime.now(dt.timezone.utc) + dt.timedelta(minutes=5)
    me = workers.Worker("terbit-i-1@mesin-1", "mesin-1", 1, 2)
    workers.begin(pe, moment, me)
    workers.swept(pe, moment, me.id)
    return me


@LOOKS
def test_the_overview_and_the_cases_behind_a_number(open_page, audit, case_at, stuck, alive, viewport):  # noqa: F811
    case_at("periksa")
    page = open_page("admin", viewport=viewport)
    page.goto("/admin")
    page.locator(".diagram").scroll_into_view_if_needed()
    page.locator(".diagram[data-ready]").wait_for()
    badge = page.locator(".diagram a.standing-badge.is-overdue")
    expect(badge.first).to_be_visible()
    assert audit(page) == []
    badge.first.click()
    expect(page.get_by_role("heading", level=1, name="Berkas yang terlambat")).to_be_visible()
    expect(page.locator(".row-item")).to_have_count(1)
    assert audit(page) == []


def test_in_english_too(open_page, audit, stuck):  # noqa: F811
    page = open_page("admin")
    page.click(".sidebar [name=locale][value=en]")
    page.goto("/admin")
    page.locator(".diagram").scroll_into_view_if_needed()
    page.locator(".diagram[data-ready]").wait_for()
    assert page.locator("html").get_attribute("lang") == "en"
    assert audit(page) == []


def test_what_changes_is_seen_without_a_click(pe, people, open_page, case_at, alive, now):
    task = case_at("periksa")
    page = open_page("admin")
    page.goto("/admin")
    page.locator(".diagram").scroll_into_view_if_needed()
    page.locator("#days-summary").click()
    expect(page.locator(".diagram [data-container-id=periksa] .standing-badge.is-running")).to_have_text("1")
    expect(page.get_by_text("Tidak ada pekerja yang hidup")).to_have_count(0)
    workers.end(pe, alive.id)
    case_at("periksa")
    commands.cancel(pe, people["admin"], now, _instance(pe, people, task), "uji")
    case_at("periksa")
    expect(page.get_by_text("Tidak ada pekerja yang hidup")).to_be_visible(timeout=15_000)
    expect(page.locator(".diagram [data-container-id=periksa] .standing-badge.is-running")).to_have_text("2")
    assert page.locator("#days-table").get_attribute("open") is not None  # what was opened stays so
    assert page.problems == []


def _instance(pe, people, task):
    from engine import queries

    return queries.task(pe, people["admin"], task)["instance_id"]
