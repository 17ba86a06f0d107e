"""A process owner tries the shipped SOP before it counts: a TIDAK, time moved forward, a channel that fails, a scenario kept."""

import pytest

from engine import scenarios
from tests.browser.conftest import LOOKS, PHONE
from tests.engine.test_trials import APPROVED, TO_DECIDE, play

KEY = "penerbitan-informasi"


def drawn(page):
    """The diagram is loaded when it is looked at."""
    page.locator(".diagram").scroll_into_view_if_needed()
    page.locator(".diagram[data-ready]").wait_for()


@pytest.fixture
def kept(pe, people, sop, now):
    """A scenario that is one whole way to the channels, and one that expects what never comes."""
    steps = [*APPROVED, {"do": "time", "next": True}]
    made = scenarios.save(pe, people["pemilik"], now, KEY, "Sampai ke kanal", scenarios.recorded(steps, play(steps)))
    wrong = [{**TO_DECIDE[0], "expect": ["siapkan"]}]
    scenarios.save(pe, people["pemilik"], now, KEY, "Langsung disiapkan", wrong)
    return made


@LOOKS
def test_a_trial_from_the_start_to_a_kept_scenario(open_page, audit, sop, viewport):
    page = open_page("pemilik", viewport=viewport)
    page.goto(f"/definitions/{KEY}")
    page.get_by_role("link", name="Coba dulu").click()
    drawn(page)
    assert audit(page) == []
    page.get_by_role("button", name="Mulai percobaan").click()
    page.get_by_label("Perihal").fill("Rapat pleno terbuka")
    page.select_option("[name=v-sumber]", "nota-dinas")
    page.get_by_label("Facebook").check()
    page.locator("[name=v-perihal]").press("Enter")  # the keyboard alone goes on
    page.locator(".trial-pick[aria-current]", has_text="Memerintahkan penyiapan bahan").wait_for()
    page.get_by_role("button", name="Mundur satu langkah").click()
    page.locator(".trial-pick[aria-current]", has_text="Menugaskan Kasubbag").wait_for()
    assert page.get_by_label("Perihal").input_value() == ""
    page.get_by_role("button", name="Selesaikan tugas ini").click()  # an empty form is refused where it is filled in
    page.locator("#form-errors").wait_for()
    assert [each for each in audit(page) if "400 (BAD REQUEST)" not in each] == []
    page.problems.clear()
    page.get_by_label("Perihal").fill("Rapat pleno terbuka")
    page.select_option("[name=v-sumber]", "nota-dinas")
    page.get_by_label("Website").check()
    page.get_by_role("button", name="Selesaikan tugas ini").click()
    page.locator(".trial-pick[aria-current]", has_text="Memerintahkan penyiapan bahan").wait_for()
    page.get_by_label("Nama skenario").fill("Ditugaskan")
    page.get_by_role("button", name="Simpan skenario").click()
    page.get_by_text("Skenario “Ditugaskan” disimpan.").wait_for()
    drawn(page)
    assert page.locator(".terbit-here").count() > 0
    assert audit(page) == []


@LOOKS
def test_what_the_channels_would_get_and_a_person_who_takes_over(open_page, audit, kept, viewport):
    page = open_page("pemilik", viewport=viewport)
    page.goto(f"/definitions/{KEY}/try?scenario={kept}")
    website = page.locator("[data-job]").filter(has_text="Menerbitkan di Website")
    assert website.get_by_text("Isi lengkap.").is_visible()
    drawn(page)
    assert audit(page) == []
    facebook = page.locator("[data-job]").filter(has_text="Menerbitkan di Facebook")
    assert facebook.get_by_label("Gagal tetap").is_checked(), "a channel by hand is what the connector refuses"
    facebook.get_by_role("button", name="Lanjutkan").click()
    page.locator(".trial-pick[aria-current]", has_text="Menerbitkan dengan tangan").wait_for()
    website.get_by_role("button", name="Lanjutkan").click()
    website.wait_for(state="detached")
    page.get_by_label("Alamat halaman (URL)").fill("https://facebook.com/kpu/1")
    page.get_by_role("button", name="Selesaikan tugas ini").click()
    page.locator("[data-job=dokumentasikan]").get_by_role("button", name="Lanjutkan").click()
    page.get_by_text("Berkas percobaan ini selesai di").wait_for()
    drawn(page)
    assert audit(page) == []


@LOOKS
def test_scenarios_are_green_or_red_with_what_differs(open_page, audit, kept, viewport):
    page = open_page("pemilik", viewport=viewport)
    page.goto(f"/definitions/{KEY}/try/scenarios")
    red = page.locator("[data-scenario='Langsung disiapkan']")
    assert red.get_by_text("Yang terbuka seharusnya siapkan; sekarang tugaskan").is_visible()
    assert page.locator("[data-scenario='Sampai ke kanal']").get_by_text("Lulus", exact=True).is_visible()
    assert audit(page) == []


def test_a_field_that_another_one_shows(open_page, sop, pe, people, now):
    made = scenarios.save(pe, people["pemilik"], now, KEY, "Sampai diputuskan", TO_DECIDE)
    page = open_page("pemilik", viewport=PHONE)
    page.goto(f"/definitions/{KEY}/try?scenario={made}")
    note = page.get_by_label("Catatan untuk Kasubbag")
    assert not note.is_visible()
    page.get_by_label("TIDAK, kembalikan kepada Kasubbag").check()
    note.fill("Nama tempat keliru.")
    page.get_by_role("button", name="Selesaikan tugas ini").click()
    page.locator(".trial-pick[aria-current]", has_text="Memeriksa bahan informasi").wait_for()
    assert page.problems == []
