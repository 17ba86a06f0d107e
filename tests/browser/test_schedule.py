"""The calendar in the browser: an entry is dragged to another day, or moved by the keyboard; at both widths, empty and very full."""

from engine import settings
from tests.browser.conftest import DESK, PHONE
from tests.webui.test_schedule import DAY, MAY, NEXT, THURSDAY, case, wait  # noqa: F401 - fixtures


def test_an_entry_is_dragged_or_moved_by_the_keyboard_and_all_is_looked_at(pe, people, now, case, wait, open_page, audit_both, audit):  # noqa: F811
    page = open_page("webadmin")
    page.goto(MAY)
    entry, there = page.locator(f"[data-move*='{case}']"), page.locator(f"[data-day='{THURSDAY:%Y-%m-%d}']")
    entry.drag_to(there)
    page.locator("#at").wait_for()
    assert page.locator("#at").input_value() == f"{THURSDAY:%Y-%m-%d}T10:00" and audit_both(page) == []
    page.locator("#reason").fill("Menunggu foto.")
    page.get_by_role("button", name="Pindahkan").click()
    page.get_by_text("Urungkan").wait_for()
    assert there.locator(entry).count() == 1 and audit_both(page) == []

    page.locator(f"a.plan-move[href*='{case}']").focus()  # as from one link to the next by Tab
    page.keyboard.press("Enter")
    page.locator("#at").wait_for()
    page.locator("#at").fill(f"{NEXT:%Y-%m-%d}T13:30")
    page.locator("#reason").fill("Sesudah istirahat.")
    page.locator("#reason").press("Tab")
    page.keyboard.press("Enter")
    page.get_by_text("13.30 WIB").first.wait_for()
    assert page.locator(f"[data-day='{NEXT:%Y-%m-%d}']").locator(entry).count() == 1

    wait(40, title="Pengumuman hasil seleksi calon anggota panitia pemungutan suara di Kelurahan Pulau Untung Jawa nomor")
    settings.change(pe, people["admin"], now, "embargo", {"windows": [
        {"from": (NEXT + DAY).isoformat(), "to": (NEXT + 3 * DAY).isoformat(), "reason": "Masa tenang Pemilihan", "channels": []}]})
    for view in ("month", "week", "day"):
        page.goto(f"{MAY}&view={view}")
        assert audit_both(page) == [], view
    page.goto(f"{MAY}&channel=tiktok")
    for size in (PHONE, DESK):
        page.set_viewport_size(size)
        assert audit(page) == []
