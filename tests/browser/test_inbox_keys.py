"""The inbox by keyboard alone, many tasks at once, and how every tab of it looks."""

import pytest

from engine import commands, queries
from engine.people import set_groups
from tests.browser.conftest import LOOKS


@pytest.fixture
def waiting(pe, people, now, sop):
    """Three tasks of the Ketua Divisi's group, as the inbox lists them."""
    for _ in range(3):
        commands.start(pe, people["ketua"], now, key=sop)
    return [row["id"] for row in queries.tasks(pe, people["ketua"], candidate=True).rows]


def focused(page):
    return page.evaluate("document.activeElement.getAttribute('href')")


def test_the_inbox_by_keyboard_alone(open_page, audit, pe, people, waiting):
    page = open_page("ketua")
    press = page.keyboard.press
    press("j")
    assert focused(page) == f"/tasks/{waiting[0]}"
    press("ArrowDown")
    press("j")
    press("j")  # there is no fourth
    assert focused(page) == f"/tasks/{waiting[2]}"
    press("x")
    press("k")
    press("x")
    assert page.locator(".row-check:checked").count() == 2
    press("?")
    assert page.locator("#keys").is_visible()
    assert audit(page) == []
    press("Escape")
    press("/")
    assert page.evaluate("document.activeElement.name") == "q"
    page.keyboard.type("jx?")  # only text
    assert page.locator("#keys").is_hidden() and page.locator(".row-check:checked").count() in (0, 2)
    page.get_by_text("Tidak ada tugas yang cocok").wait_for()
    press("Control+a")
    page.keyboard.type("INF")
    page.locator(".row-title").first.wait_for()
    press("Tab")
    page.locator("h1").click()
    press("j")
    press("c")
    page.wait_for_url(f"**/tasks/{waiting[0]}")
    page.goto("/?tab=group")
    press("1")
    page.wait_for_url("**tab=mine**")
    press("j")
    press("Enter")
    page.wait_for_url(f"**/tasks/{waiting[0]}")
    assert queries.task(pe, people["ketua"], waiting[0])["assignee"] == "ketua"


def test_one_letter_shortcuts_can_be_put_off(open_page, waiting):
    page = open_page("ketua")
    page.keyboard.press("?")
    page.locator("[data-keys-on]").uncheck()
    page.keyboard.press("Escape")
    page.reload()
    page.keyboard.press("j")
    assert focused(page) is None


def test_many_tasks_are_taken_at_once(open_page, audit, pe, people, waiting):
    page = open_page("ketua")
    page.get_by_label("Pilih semua").check()
    page.locator(".row-check").first.uncheck()
    page.get_by_role("button", name="Ambil yang dipilih").click()
    page.get_by_role("heading", name="Ambil 2 tugas?").wait_for()
    assert audit(page) == []
    page.get_by_role("button", name="Ya, ambil semuanya").click()
    page.locator("#results").wait_for()
    assert page.get_by_text("2 dari 2 tugas diambil").is_visible()
    assert audit(page) == []
    assert queries.task_counts(pe, people["ketua"])["mine"] == 2


def test_the_lists_come_up_to_date_by_themselves_but_not_under_ones_hands(open_page, pe, people, now, sop):
    page = open_page("ketua")
    page.get_by_text("Tidak ada tugas untuk Anda").wait_for()
    page.wait_for_load_state("networkidle")
    page.goto("/?tab=group")
    page.wait_for_load_state("networkidle")
    commands.start(pe, people["ketua"], now, key=sop)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.locator(".row-title").wait_for()
    assert page.locator(".tab [data-count=group]").inner_text() == "1"
    page.locator(".row-check").check()
    page.locator("h1").click()
    commands.start(pe, people["ketua"], now, key=sop)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.locator(".tab [data-count=group]:text-is('2')").wait_for()
    assert page.locator(".row-title").count() == 1 and page.locator(".row-check:checked").count() == 1


@LOOKS
def test_every_tab_of_the_inbox(open_page, audit, pe, people, now, waiting, viewport):
    set_groups(pe, people["admin"], now, "ketua", ["ketua-divisi", "sub-bagian"], heads=["ketua-divisi"])
    commands.claim(pe, people["ketua"], now, waiting[0])
    page = open_page("ketua", viewport=viewport)
    page.goto(f"/tasks/{waiting[0]}")
    page.get_by_text("Tunda…").click()
    assert audit(page) == []
    page.get_by_role("button", name="Tunda", exact=True).click()
    page.wait_for_url("**tab=mine")
    for tab in ("mine", "group", "later", "done"):
        page.goto(f"/?tab={tab}")
        assert audit(page) == [], tab
    page.goto("/?tab=group")
    page.locator(".saved summary").click()
    page.fill("#filter-name", "Punya bagian")
    assert audit(page) == []
    page.get_by_role("button", name="Simpan").click()
    page.wait_for_load_state()
    page.locator(".saved summary").click()
    assert page.get_by_role("link", name="Punya bagian").is_visible()
    assert audit(page) == []
    page.locator(".row-check").first.check()
    page.get_by_role("button", name="Serahkan yang dipilih").click()
    page.locator("#user_id").wait_for()
    assert audit(page) == []
