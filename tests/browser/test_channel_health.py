"""Channels before an approval, what a call sent and got, and what a person found: in a browser, on desk and phone."""

import datetime as dt

from playwright.sync_api import expect

from connectors import Denied, Health, Quota
from engine import commands, health, queries
from tests.browser.conftest import PHONE
from tests.webui.test_channel_health import ADMIN, clock, cms, publish  # noqa: F401 - a fixture


def test_the_approver_sees_a_broken_channel_and_that_it_was_mended(pe, cms, open_page, audit, case_at):  # noqa: F811
    """The page asks again by itself until the worker has looked; no page makes the call."""
    ketua, admin = open_page("ketua"), open_page("admin")
    cms.answer = Denied("Kata sandi ditolak.")
    ketua.goto(f"/tasks/{case_at('putuskan', kanal=['website', 'facebook'])}")
    state = ketua.locator("#readiness")
    expect(state.get_by_text("sedang diperiksa…")).to_be_visible()
    expect(state.get_by_text("belum diperiksa")).to_be_visible()
    health.work(pe, clock)
    expect(state.get_by_text("sandi ditolak sejak")).to_be_visible()
    expect(state.get_by_text("sedang diperiksa…")).to_have_count(0)
    assert audit(ketua) == []
    ketua.set_viewport_size(PHONE)
    assert audit(ketua) == []

    admin.goto("/admin")
    admin.get_by_text("Kanal Situs web: sandi ditolak sejak").wait_for()
    admin.get_by_role("link", name="Buka kanal").first.click()
    cms.answer = Health("Tersambung.", quotas=(Quota("Kiriman", 25, 7, clock() + dt.timedelta(hours=1)),))
    admin.get_by_label("Kata sandi").fill("yang-baru-9")
    admin.get_by_label("Sandi berlaku sampai tanggal").fill((clock() + dt.timedelta(days=5)).date().isoformat())
    admin.get_by_role("button", name="Simpan").click()
    admin.get_by_role("button", name="Uji kanal").click()
    expect(admin.get_by_text("Tersambung.")).to_be_visible()
    admin.goto("/channels/website")
    expect(admin.locator("#state").get_by_text("siap; sandi berakhir")).to_be_visible()
    assert audit(admin) == []
    admin.set_viewport_size(PHONE)
    assert audit(admin) == []

    ketua.reload()
    expect(ketua.locator("#readiness").get_by_text("siap; sandi berakhir")).to_be_visible()


def test_a_call_is_looked_into_and_its_outcome_said_by_hand(pe, people, cms, open_page, audit, case_at, now):  # noqa: F811
    case = publish(pe, people, case_at("terbitkan", kanal=["website"]), now)
    commands.set_variables(pe, ADMIN, now, case, {"catatan_admin": "x"}, reason="uji")
    page = open_page("admin")
    page.goto(f"/cases/{case}")
    page.locator(".diagram[data-ready]").wait_for()
    assert audit(page) == []
    page.locator("#jobs .attempts a").first.click()
    for each in page.locator(".exchange summary").all():
        each.click()
    expect(page.get_by_text("Sosialisasi di Pulau Pramuka").last).to_be_visible()
    assert audit(page) == []
    page.set_viewport_size(PHONE)
    assert audit(page) == []
    page.goto(f"/cases/{case}/mend#var-judul")
    expect(page.locator("#var-judul").get_by_role("textbox", name="Nilai")).to_be_visible()  # opened by its link
    page.get_by_text("Sudah diselesaikan di luar Terbit…").click()
    page.get_by_label("Sudah terbit di sana").check()
    page.get_by_label("Alamatnya, bila sudah terbit").fill("https://kantor.example/1")
    resolve = page.locator("form", has=page.get_by_role("button", name="Anggap selesai"))
    resolve.get_by_label("Alasan").fill("Saya lihat sendiri")
    assert audit(page) == []
    page.get_by_role("button", name="Anggap selesai").click()
    expect(page.get_by_text("Sudah dilakukan.")).to_be_visible()
    assert not queries.incidents(pe, people["admin"], instance_id=case).rows
    page.goto(f"/cases/{case}")
    expect(page.locator("a[href='https://kantor.example/1']")).to_be_visible()
