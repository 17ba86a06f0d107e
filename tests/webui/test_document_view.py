"""A document looked at in place, by whoever may open it."""

import io

import pytest

from engine.documents import store_upload

PDF = b"%PDF-1.4\n"


@pytest.fixture
def paper(pe, people, now, case_at):
    task = case_at("siapkan")
    return store_upload(pe, people["penulis"], now, stream=io.BytesIO(PDF), name="a <b>.pdf", variable="lampiran", task_id=task)["document"]


def test_a_pdf_is_framed_and_can_be_opened(signed_in, paper):
    browser = signed_in("penulis")
    whole, piece = browser.get(f"/documents/{paper}/view"), browser.get(f"/documents/{paper}/view", headers={"HX-Request": "true"})
    assert f'<iframe class="doc-frame" src="/documents/{paper}"' in piece.text and "<html" not in piece.text and "<html" in whole.text
    assert "a b.pdf" in piece.text and browser.get(f"/documents/{paper}").headers["X-Frame-Options"] == "SAMEORIGIN"


def test_who_may_not_open_it_may_not_look_at_it(signed_in, paper):
    assert signed_in("ketua").get(f"/documents/{paper}/view").status_code == 404
