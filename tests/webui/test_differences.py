"""Two versions compared in the browser: what is marked, what is said, the memo; and an old version brought back."""

import io
import json
import re
from html import unescape

import docx
import pypdf
import pytest

from engine import commands, installation, model_drafts, queries
from tests.engine.test_amendment import DIAGRAM, KEY, SENTENCES, changed

PAGE = f"/definitions/{KEY}/compare"


@pytest.fixture
def two(pe, people, sop, now):
    """SOP 06/2022 and a second version of it; the ids of both, the older first."""
    first = queries.definition(pe, people["pemilik"], KEY)["id"]
    made = commands.deploy(pe, people["pemilik"], now, name="Percepatan", resources=changed())
    return first, made.definitions[0]["id"]


@pytest.fixture
def owner(two, signed_in):
    return signed_in("pemilik")


def marks(page):
    return [json.loads(unescape(found)) for found in re.findall(r'data-marks="([^"]*)"', page.text)]


def words(page):
    return " ".join(unescape(re.sub(r"<[^>]+>", "", page.text)).split())


def test_both_diagrams_are_marked_with_what_the_sentences_say(owner, two):
    page = owner.get(PAGE)
    assert page.status_code == 200
    assert marks(page) == [{"siapkan": "changed", "putuskan": "moved"}] * 2
    for sentence in SENTENCES:
        assert sentence in words(page)
    for id in two:
        assert f'data-diagram="/definitions/{id}/xml"' in page.text
    assert [json.loads(unescape(e)) for e in re.findall(r'data-elements="([^"]*)"', page.text)] == [["siapkan"], ["putuskan"]]
    assert "Ditambahkan" in page.text and "Percepatan" in page.text  # the legend, and the choice of versions


def test_backwards_and_the_same(owner):
    assert "waktu 7 jam menjadi 5 jam" in words(owner.get(f"{PAGE}?from=2&to=1"))
    assert "Tidak ada perubahan di antara kedua versi ini" in words(owner.get(f"{PAGE}?from=1&to=1"))


def test_the_reader_s_language_is_kept_and_the_memo_is_indonesian(owner):
    said = pypdf.PdfReader(io.BytesIO(owner.get(f"{PAGE}/memo.pdf").data)).pages[0].extract_text()
    assert SENTENCES[0].replace(" ", "") in said.replace("\n", "").replace(" ", "")


def test_statements(owner, statements):
    owner.get(PAGE)
    with statements() as found:
        assert owner.get(PAGE).status_code == 200
    own = [s for s in found if "process_definition" in s or "model_draft" in s or "resource" in s]
    assert len(own) <= 3, own  # the versions, the draft, the two that were chosen
    with statements() as found:
        owner.get(f"{PAGE}/memo.pdf")
    assert len(found) <= 8, found


def test_memo_files(owner):
    pdf, word = owner.get(f"{PAGE}/memo.pdf?from=1&to=2"), owner.get(f"{PAGE}/memo.docx?from=1&to=2")
    assert pdf.mimetype == "application/pdf" and pdf.data.startswith(b"%PDF")
    assert word.headers["Content-Disposition"].startswith("attachment") and "versi 1" in unescape(word.headers["Content-Disposition"])
    assert SENTENCES[1] in "\n".join(p.text for p in docx.Document(io.BytesIO(word.data)).paragraphs)
    assert owner.get(f"{PAGE}/memo.exe").status_code == 404


def test_a_memo_that_one_has_is_not_sent_or_made_again(owner, monkeypatch):
    first = owner.get(f"{PAGE}/memo.pdf?from=1&to=2")
    monkeypatch.setattr("webui.differences.MAKERS", {})
    with pytest.raises(KeyError):  # it would be made
        owner.get(f"{PAGE}/memo.pdf?from=1&to=2")
    monkeypatch.undo()
    again = owner.get(f"{PAGE}/memo.pdf?from=1&to=2", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304 and not again.data
    assert owner.get(f"{PAGE}/memo.pdf?from=2&to=1", headers={"If-None-Match": first.headers["ETag"]}).status_code == 200


@pytest.mark.parametrize("query", ["from=9&to=2", "from=1&to=9", "from=x", "to=-1", "to=draft", "from=99999999999", "to=²"])
def test_what_is_not_there_is_not_found(owner, query):
    assert owner.get(f"{PAGE}?{query}").status_code == 404
    assert owner.get(f"{PAGE}/memo.pdf?{query}").status_code == 404


def test_only_owners(two, signed_in, stranger):
    for who in ("ketua", "kasubbag", "analis"):
        browser = signed_in(who)
        assert browser.get(PAGE).status_code == 403
        assert browser.get(f"{PAGE}/memo.pdf").status_code == 403
        assert browser.post(f"/definitions/{two[0]}/restore").status_code == 403
    assert stranger.get(PAGE).status_code in (302, 303)
    assert signed_in("pemilik").get("/definitions/tidak-ada/compare").status_code == 404


def test_the_draft_against_what_it_began_from(owner, pe, people, two, now):
    pemilik = people["pemilik"]
    model_drafts.begin(pe, pemilik, now, two[1])
    assert "Tidak ada perubahan" in words(owner.get(PAGE))
    draft = model_drafts.get(pe, pemilik, KEY)
    file = model_drafts.file(pe, pemilik, draft["id"], DIAGRAM)
    model_drafts.save(pe, pemilik, now, draft["id"], DIAGRAM, file["content"].replace(b"PT7H", b"P1D"), file["version"])
    page = owner.get(PAGE)
    assert "waktu 7 jam menjadi 1 hari" in words(page) and "belum berlaku" in page.text
    assert f"/definitions/{KEY}/draft/files/{DIAGRAM}/content" in page.text
    assert owner.get(f"{PAGE}/memo.docx?from=2&to=draft").status_code == 200
    broken = model_drafts.file(pe, pemilik, draft["id"], DIAGRAM)
    model_drafts.save(pe, pemilik, now, draft["id"], DIAGRAM, b"<a/>", broken["version"])
    page = owner.get(PAGE)
    assert page.status_code == 400 and "Bukan diagram BPMN 2.0" in page.text


def test_an_old_version_is_restored_and_its_changes_shown(owner, pe, people, two):
    page = owner.get(f"/definitions/{two[0]}")
    assert "Pulihkan versi ini" in page.text and "Pulihkan versi ini" not in owner.get(f"/definitions/{two[1]}").text
    answer = owner.post(f"/definitions/{two[0]}/restore", token_from=f"/definitions/{two[0]}")
    assert answer.status_code == 303 and answer.location == PAGE
    assert "waktu 7 jam menjadi 5 jam" in words(owner.get(answer.location))
    assert "dipulihkan dari versi 1" in owner.get(f"/definitions/{KEY}/draft").text
    assert "Pulihkan versi ini" not in owner.get(f"/definitions/{two[0]}").text
    assert owner.post(f"/definitions/{two[0]}/restore", token_from=f"/definitions/{two[0]}").status_code == 409
    state = model_drafts.check_draft(pe, people["pemilik"], model_drafts.get(pe, people["pemilik"], KEY)["id"]).state
    made = owner.post(f"/definitions/{KEY}/draft/force", {"draft": model_drafts.get(pe, people["pemilik"], KEY)["id"], "state": state,
                                                          "note": "", "accept_failing": "yes"}, token_from=f"/definitions/{KEY}/draft")
    assert made.status_code == 201
    assert "Dipulihkan dari versi 1" in owner.get(f"/definitions/{KEY}").text


def test_pages_lead_to_it(owner):
    page = owner.get(f"/definitions/{KEY}").text
    assert page.count(f"{PAGE}?to=2") == 2  # above, and at the version in the list


def test_an_old_version_is_compared_with_the_newest(owner, two):
    assert f"{PAGE}?to=2&amp;from=1" in owner.get(f"/definitions/{two[0]}").text


def test_hostile_words_stay_words(pe, people, sop, signed_in, now):
    files = {path.name: path.read_bytes() for path in (installation.MODELS / KEY).iterdir()}
    files[DIAGRAM] = files[DIAGRAM].replace(b'name="Sesuai?"', b'name="&lt;img src=x onerror=alert(1)&gt;%(x)s"')
    commands.deploy(pe, people["pemilik"], now, name="<b>x</b>", resources=files)
    page = signed_in("pemilik").get(PAGE)
    assert page.status_code == 200 and "<img src=x" not in page.text and "<b>x</b>" not in page.text
    assert "<img src=x onerror=alert(1)>%(x)s" in words(page)
