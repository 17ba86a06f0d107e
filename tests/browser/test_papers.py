"""A case's papers, how the office writes, and the public page of a paper, in a real browser before a real server."""

import pytest

from engine import commands, documents, letters, queries
from tests.browser.conftest import DESK, PHONE
from tests.webui.scenes import ASKED

LOOKS = pytest.mark.parametrize("viewport, scheme", [(PHONE, "light"), (DESK, "dark")], ids=["phone-light", "desk-dark"])


@pytest.fixture
def done(pe, people, case_at, now):
    task = case_at("tugaskan")
    commands.complete(pe, people["ketua"], now, task, ASKED | {"nomor_surat": "12/SP/2026", "nomor_srikandi": "SRK-99"})
    return task


@LOOKS
def test_a_paper_is_made_from_the_notice_of_what_was_done(open_page, audit, pe, people, done, viewport, scheme):
    page = open_page("ketua", viewport=viewport, scheme=scheme)
    page.goto(f"/?done={done}")
    assert audit(page) == []
    page.get_by_role("button", name="Buat Lembar disposisi").dblclick()
    page.wait_for_url("**/cases/*#papers")
    card = page.locator("#papers")
    assert card.get_by_text("Lembar disposisi 1/LD/").is_visible() and card.get_by_role("button").count() == 0
    assert page.get_by_role("region", name="Surat permohonan").get_by_text("SRK-99").is_visible()
    assert audit(page) == []


@LOOKS
@pytest.mark.parametrize("language", ["id", "en"])
def test_a_stranger_compares_a_paper(open_page, audit, pe, people, now, done, tmp_path, server, viewport, scheme, language):
    row = letters.issue(pe, people["ketua"], now, done, "lembar-disposisi", base_url="https://terbit.example")
    pdf = documents.open_document(pe, people["ketua"], row["pdf"])[1]
    changed = tmp_path / "naskah.pdf"
    changed.write_bytes(pdf.read_bytes() + b" ")
    page = open_page(viewport=viewport, scheme=scheme)
    page.context.add_cookies([{"name": "terbit_locale", "value": language, "url": server}])
    page.goto(f"/surat/{row['token']}")
    assert page.locator("html").get_attribute("lang") == language and page.get_by_text(ASKED["perihal"]).is_visible()
    assert audit(page) == []
    for file, outcome in ((changed, ".notice-danger"), (pdf, ".paper-check form")):
        page.set_input_files("#file", file)
        page.locator(".paper-check form button").click()
        page.locator(outcome).wait_for()
    assert page.locator(".notice-success").count() == 2 and audit(page) == []
    assert page.goto("/surat/AAAAAAAAAAAAAAAAAAAAAA").status == 404
    page.problems.clear()  # the browser itself tells of the 404
    assert audit(page) == []


@LOOKS
def test_the_admin_sets_how_the_office_writes(open_page, audit, sop, viewport, scheme, tmp_path):
    page = open_page("admin", viewport=viewport, scheme=scheme)
    page.goto("/office")
    assert audit(page) == []
    page.fill("#nota-dinas", "{nomor:3}/HM.02-ND/{tahun}")
    page.get_by_text("Contoh: 007/HM.02-ND/").wait_for()
    page.fill("#nota-dinas", "{nomer}/{tahun}")
    page.get_by_text("yang tidak dikenal").wait_for()
    page.get_by_role("button", name="Simpan pola nomor").click()
    page.locator("#nota-dinas-error").wait_for()
    page.problems.clear()  # the browser itself tells of the 400
    assert audit(page) == []
    page.fill("#nota-dinas", "{nomor}/ND/{tahun}")
    page.get_by_role("button", name="Simpan pola nomor").click()
    page.get_by_text("Tersimpan.").wait_for()
    logo = tmp_path / "logo.png"
    page.screenshot(path=logo)
    page.set_input_files("#logo", logo)
    page.fill("#place", "Pulau Pramuka")
    page.get_by_role("button", name="Simpan kop").click()
    page.locator(".office-logo").wait_for()
    assert page.input_value("#place") == "Pulau Pramuka" and audit(page) == []
    pdf = page.request.get(page.get_by_role("link", name="Nota dinas (PDF)").get_attribute("href"))
    assert pdf.ok and pdf.body().startswith(b"%PDF-")


def test_a_task_that_is_over_offers_its_paper(open_page, audit, pe, people, done):
    page = open_page("ketua", viewport=PHONE)
    page.goto(f"/tasks/{done}")
    assert audit(page) == []
    page.get_by_role("button", name="Buat Lembar disposisi").click()
    page.locator("#papers").wait_for()
    assert letters.papers(pe, people["ketua"], queries.task(pe, people["ketua"], done)["instance_id"]).issued
