"""Posts counted while somebody types, and what changed, in a real browser."""

import re

import pytest

from tests.browser.conftest import DESK, PHONE


def test_the_counter_follows_the_server_while_one_types(open_page, case_at):
    page = open_page("penulis", viewport=PHONE)
    page.goto(f"/tasks/{case_at('siapkan', kanal=['website', 'x', 'telegram'])}")
    count = page.locator("[data-field=teks_x] .field-count")
    assert count.inner_text().startswith("Teks otomatis: ")
    page.fill("[name=v-teks_x]", "👨‍👩‍👧‍👦" * 100 + " https://kpu.go.id/alamat/yang/panjang/sekali")
    page.get_by_text("224 / 280").first.wait_for()
    page.fill("[name=v-teks_x]", "日本" * 100)
    page.get_by_text("400 / 280. Kelebihan 120.").wait_for()
    page.get_by_role("tab", name=re.compile("^X belum muat")).click()
    assert page.locator("#channel-x .post-text").inner_text() == "日本" * 100
    page.fill("[name=v-judul]", "Judul yang baru diketik")
    page.get_by_role("tab", name="Telegram").click()
    page.locator("#channel-telegram", has_text="Judul yang baru diketik").wait_for()
    assert page.locator("#channel-x").is_hidden()  # the tab that was chosen stays
    assert page.problems == []


def test_a_refused_text_that_fits_again_is_no_longer_marked(open_page, case_at):
    page = open_page("penulis")
    page.goto(f"/tasks/{case_at('siapkan', kanal=['x'])}")
    for key, value in (("judul", "Judul yang cukup"), ("isi", "Isi."), ("teks_x", "a" * 300)):
        page.fill(f"[name=v-{key}]", value)
    page.select_option("[name=v-jenis]", "pengumuman")
    page.select_option("[name=v-klasifikasi]", "berkala")
    page.click("text=Selesaikan")
    page.locator("#v-teks_x-error").wait_for()
    page.fill("[name=v-teks_x]", "a" * 280)
    page.locator("#v-teks_x-error").wait_for(state="detached")
    assert page.get_attribute("[name=v-teks_x]", "aria-invalid") is None


def test_the_tabs_work_by_keyboard(open_page, case_at):
    page = open_page("ketua")
    page.goto(f"/tasks/{case_at('putuskan', kanal=['website', 'facebook', 'x'])}")
    page.get_by_role("tab", name="Website").focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.textContent") == "Facebook" and page.locator("#channel-facebook").is_visible()
    page.keyboard.press("End")
    assert page.get_by_role("tab", name="X").get_attribute("aria-selected") == "true" and page.locator("#channel-website").is_hidden()
    page.keyboard.press("ArrowRight")
    frame = page.frame_locator("#channel-website iframe")
    assert frame.locator("h1").evaluate("e => getComputedStyle(e).fontFamily").startswith("ui-serif") or \
        "serif" in frame.locator("h1").evaluate("e => getComputedStyle(e).fontFamily")  # the website's own style came along
    assert page.problems == []


@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
def test_before_and_after_stand_side_by_side_or_one_above_the_other(pe, people, now, open_page, returned, viewport):
    from engine import commands, queries
    from tests.webui.scenes import CHECKS, DRAFT

    case = queries.task(pe, people["kasubbag"], returned)["instance_id"]
    commands.complete(pe, people["kasubbag"], now, returned, {**CHECKS, **DRAFT, "judul": "Sosialisasi di Pulau Tidung"})
    page = open_page("ketua", viewport=viewport)
    page.goto(f"/tasks/{queries.tasks(pe, people['admin'], instance_id=case).rows[0]['id']}")
    before, after = (page.locator(f".changes {tag}").bounding_box() for tag in ("del", "ins"))
    assert (before["y"] == after["y"]) is (viewport is DESK)
    assert page.locator(".changes ins").inner_text() == "Tidung"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
