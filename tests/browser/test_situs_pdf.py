"""A PDF of the public site, in Chromium's own viewer."""

import io

import pytest
import typst
from PIL import Image

from tests.conftest import launch

RED_PAGE = '#rect(fill: rgb("#ff0000"), width: 8cm, height: 8cm)'


@pytest.fixture
def chromium(playwright):
    """The whole browser: its headless shell has no viewer."""
    with launch(playwright, "chromium") as browser:
        yield browser


def red(page):
    """How many pixels of the window are red."""
    colours = Image.open(io.BytesIO(page.screenshot())).convert("RGB").getcolors(1 << 24)
    return sum(many for many, (r, g, b) in colours if r > 200 and g < 90 and b < 90)


def test_a_pdf_is_shown_by_the_browser_itself(pe, open_page, tmp_path):
    (tmp_path / "merah.typ").write_text(RED_PAGE)
    folder = pe.folder / "situs" / "judul-a"
    folder.mkdir(parents=True)
    (folder / "surat.pdf").write_bytes(typst.compile(tmp_path / "merah.typ"))
    page = open_page()
    answer = page.goto("/situs/judul-a/surat.pdf", wait_until="commit")
    assert (answer.headers["content-type"], answer.headers["x-content-type-options"]) == ("application/pdf", "nosniff")
    for _ in range(50):  # the viewer says nothing when it has drawn
        if red(page) > 10_000:
            break
        page.wait_for_timeout(200)
    assert red(page) > 10_000
    assert [said for said in page.problems if "404" not in said] == []  # Chromium asks for a favicon
