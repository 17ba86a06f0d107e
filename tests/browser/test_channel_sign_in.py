"""An admin signs a channel in at its platform, in a browser: on desk and phone."""

import os

from playwright.sync_api import expect

from tests.browser.conftest import PHONE
from tests.webui.test_channel_sign_in import platform, served, sosial  # noqa: F401 - fixtures


def test_an_admin_signs_a_channel_in_and_chooses_the_account(sosial, platform, open_page, audit_both, audit):  # noqa: F811
    """The policy lets the browser go there and back; what it comes back with publishes."""
    page = open_page("admin", viewport=PHONE)
    page.goto("/channels/medsos")
    card = page.locator("#sign-in")
    expect(card.get_by_label("Alamat kembali (redirect URI)")).to_have_value(page.url.replace("/channels/medsos", "/admin/channels/sign-in/return"))
    assert audit_both(page) == []
    _look(page, "kosong")
    platform.set(deny="access_denied")
    card.get_by_role("button", name="Masuk ke Sosial").click()
    expect(page.get_by_text("Izin tidak diberikan di platform itu.")).to_be_visible()
    assert [said for said in audit_both(page) if "400" not in said] == []
    _look(page, "ditolak")
    page.problems.clear()
    platform.set()
    page.get_by_role("link", name="Ke halaman kanal").click()
    card.get_by_role("button", name="Masuk ke Sosial").click()
    expect(page.get_by_role("heading", name="Pilih akun")).to_be_visible()
    assert audit_both(page) == []
    _look(page, "akun")
    page.get_by_label("KPU Kepulauan Seribu <Humas>").check()
    page.get_by_role("button", name="Pakai akun ini").click()
    expect(page.get_by_text("Sudah masuk.")).to_be_visible()
    expect(card.get_by_text("KPU Kepulauan Seribu <Humas>")).to_be_visible()
    page.get_by_role("button", name="Uji kanal").click()
    expect(page.get_by_text("Tersambung sebagai 12.")).to_be_visible()
    assert audit_both(page) == []
    _look(page, "masuk")
    card.get_by_role("button", name="Keluar").click()
    expect(page.get_by_text("Token dihapus di sini dan dicabut di platformnya.")).to_be_visible()


def _look(page, name):
    folder = os.environ.get("LOOKS")
    for scheme in ("light", "dark") if folder else ():
        page.emulate_media(color_scheme=scheme)
        for width in (390, 1280):
            page.set_viewport_size({"width": width, "height": 900})
            page.screenshot(path=f"{folder}/{name}-{scheme}-{width}.png", full_page=True)
    if folder:
        page.emulate_media(color_scheme="light")
