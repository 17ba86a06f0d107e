"""The site in a real browser: nothing that a strict policy forbids, no finding by axe, nothing wider than a phone."""

from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from publications import NOW, PHOTO
from static_server import serving

from connectors import Context
from connectors.site import Site

pytestmark = pytest.mark.browser

SIZES = {"phone": (360, 740), "desk": (1280, 900)}
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
WIDE = "| Kelurahan | Alamat | Jumlah |\n|-|-|-:|\n| Pulau Panggang | https://kantor.example/sangat/panjang/sekali/tanpa/putus | 4.102 |"


@pytest.fixture
def served(tmp_path, ask):
    with serving(tmp_path) as url:
        site = Site({"address": "Jalan Uji 1"}, {}, Context(tmp_path, url))
        for n in range(14):
            body = f"Isi **tebal**.\n\n## Rincian\n\n{WIDE}\n\n> kutipan\n\n`kode` " + "A" * 80
            site.publish(ask(str(n), body=body, images=[PHOTO] * (n % 3), now=NOW + timedelta(hours=n)))
        last = site.publish(ask("13"))
        yield url, last.url


@pytest.mark.parametrize("size", SIZES)
def test_the_site_is_accessible_and_fits_its_screen(chromium, served, size):
    url, post = served
    width, height = SIZES[size]
    page = chromium.new_page(viewport={"width": width, "height": height})
    complaints, failed = [], []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("response", lambda response: failed.append(response.url) if response.status >= 400 else None)
    for address in (f"{url}/situs/", post, f"{url}/situs/halaman/2/", f"{url}/situs/jenis/berita/"):
        page.goto(address)
        page.wait_for_load_state("networkidle")
        assert page.evaluate("getComputedStyle(document.querySelector('.masthead')).backgroundColor") != "rgba(0, 0, 0, 0)"
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate("[...document.images].filter(i => i.loading != 'lazy').every(i => i.naturalWidth > 0)")
        for scheme, rules in (("dark", ["color-contrast"]), ("light", RULES)):
            page.emulate_media(color_scheme=scheme)
            found = Axe().run(page, options={"runOnly": rules, "resultTypes": ["violations"]}).response["violations"]
            assert [(v["id"], [n["html"][:120] for n in v["nodes"]]) for v in found] == [], scheme
    page.close()
    assert (complaints, failed) == ([], [])


def test_the_site_can_be_walked_by_keyboard(chromium, served):
    page = chromium.new_page()
    page.goto(f"{served[0]}/situs/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Langsung ke isi"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/pengumuman-jadwal-*/")
    assert page.locator("h1").inner_text().startswith("Pengumuman")
    page.close()
