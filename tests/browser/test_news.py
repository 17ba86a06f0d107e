"""From a published piece of news to its ralat and its takedown, in a real browser before a real server."""

import pytest

from tests.browser.conftest import LOOKS, PHONE
from tests.webui.scenes import DRAFT
from tests.webui.test_news import procedures, publish, work  # noqa: F401  the scenes are the same

NOTE = "Semula tertulis Pulau Pramuka, seharusnya Pulau Panggang."


@pytest.fixture
def readable(pe, server):
    """The site stands where the application is served, so that it is looked at when it is documented."""
    pe.config["BASE_URL"] = server


@LOOKS
def test_the_pages_of_published_news(open_page, audit, readable, publish, viewport):  # noqa: F811
    case = publish()
    publish(judul="Berita kedua dengan judul yang panjang sekali tentang kunjungan ke Pulau Panggang dan sekitarnya")
    page = open_page("ketua", viewport=viewport)
    page.goto("/news")
    page.get_by_text("Baca seluruhnya").first.click()
    assert audit(page) == []
    page.get_by_role("button", name="Sudah saya lihat").first.click()
    page.get_by_text("1 berita belum Anda lihat.").wait_for()
    for kind in ("ralat", "penurunan"):
        page.goto(f"/cases/{case}/order/{kind}")
        assert audit(page) == []
    page.goto(f"/cases/{case}")
    assert page.get_by_role("link", name="Perintahkan ralat").is_visible()
    assert audit(page) == []


def test_the_ketua_lets_news_be_corrected_and_then_taken_down(open_page, audit, readable, publish, work, server):  # noqa: F811
    publish()
    ketua = open_page("ketua", viewport=PHONE)
    ketua.locator(".count[data-count=news]", has_text="1").first.wait_for(state="attached")
    ketua.goto("/news")
    with ketua.expect_popup() as opened:
        ketua.get_by_role("link", name="Website").click()
    address = opened.value.url
    assert address.startswith(f"{server}/situs/")
    ketua.get_by_role("link", name="Ralat").click()
    ketua.fill("[name=v-alasan_ralat]", "Nama pulaunya keliru.")
    ketua.get_by_role("button", name="Perintahkan ralat").dblclick()
    ketua.get_by_text("Tentang berkas lain").wait_for()
    ralat = ketua.url

    penulis = open_page("penulis")
    penulis.get_by_role("link", name="Menyiapkan perbaikan").click()
    assert penulis.get_by_text("Nama pulaunya keliru.").first.is_visible()
    assert audit(penulis) == []
    penulis.fill("[name=v-yang_keliru]", "Nama pulau")
    penulis.fill("[name=v-catatan_ralat]", NOTE)
    penulis.fill("[name=v-isi]", "Kami mengundang pemilih pemula ke **Pulau Panggang**.")
    penulis.get_by_role("button", name="Selesaikan").click()
    penulis.wait_for_url("**/?done=*")

    kasubbag = open_page("kasubbag")
    kasubbag.get_by_role("link", name="Memeriksa perbaikan").click()
    kasubbag.check("[name=v-kebenaran_diperiksa]")
    kasubbag.check("[name=v-catatan_ralat_diperiksa]")
    kasubbag.locator("#task-form .form-end button").first.click()
    kasubbag.wait_for_url("**/?done=*")

    ketua.goto("/")
    ketua.get_by_role("link", name="Memutuskan ralat").click()
    assert ketua.get_by_text("Nama pulaunya keliru.").first.is_visible()
    assert audit(ketua) == []
    ketua.click("text=Setujui")
    ketua.locator(".just-done").wait_for()
    work()
    ketua.goto(ralat)
    assert ketua.get_by_text("Selesai", exact=True).first.is_visible()

    public = open_page()
    assert public.goto(address).status == 200
    assert public.get_by_text(NOTE).is_visible() and public.get_by_text("Pulau Panggang").first.is_visible()

    ketua.goto("/news")
    ketua.get_by_role("link", name="Turunkan").click()
    ketua.select_option("[name=v-dasar_penurunan]", "tidak-benar")
    ketua.fill("[name=v-alasan_penurunan]", "Acaranya tidak jadi diadakan.")
    ketua.get_by_role("button", name="Perintahkan penurunan").click()
    ketua.get_by_text("Tentang berkas lain").wait_for()
    work()
    assert public.goto(address).status == 410
    assert public.get_by_text("Informasi ini telah ditarik").first.is_visible()
    for path in ("/situs/", "/situs/feed.xml"):
        assert DRAFT["judul"] not in public.request.get(path).text()
