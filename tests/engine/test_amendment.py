"""The amendment memo: both files say the same, as an office writes it; and what people wrote is never obeyed."""

import datetime as dt
import io

import docx
import pypdf
import pytest

from bpmn.errors import Forbidden, Invalid, NotFound
from engine import amendment, comparing, installation, model_drafts, queries
from engine.commands import deploy
from engine.process_engine import Actor
from tests.conftest import on_databases

KEY, DIAGRAM = "penerbitan-informasi", "penerbitan-informasi.bpmn"
FOLDER = installation.MODELS / KEY
MOVED = (b"<bpmn:flowNodeRef>putuskan</bpmn:flowNodeRef>", b"<bpmn:flowNodeRef>periksa</bpmn:flowNodeRef>")


def changed():
    """SOP 06/2022 with step 5 at the Sub Bagian, and two hours more for step 3."""
    files = {path.name: path.read_bytes() for path in FOLDER.iterdir()}
    content = files[DIAGRAM].replace(MOVED[0], b"").replace(MOVED[1], b"".join(MOVED)).replace(b'value="PT5H"', b'value="PT7H"')
    return files | {DIAGRAM: content}


@pytest.fixture
def pemilik(pe, people, now):
    installation.deploy_shipped(pe, now, FOLDER)
    return people["pemilik"]


@pytest.fixture
def two(pe, pemilik, now):
    """Two versions."""
    deploy(pe, pemilik, now + dt.timedelta(days=1), name="Percepatan", resources=changed())
    return pemilik


def memo(pe, actor, before=1, after=2):
    return amendment.words(pe, actor, comparing.compare(pe, actor, KEY, before, after))


def text_of_pdf(content):
    return " ".join(" ".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(content)).pages).split())


def text_of_docx(content):
    paper = docx.Document(io.BytesIO(content))
    cells = [cell.text for table in paper.tables for row in table.rows for cell in row.cells]
    return " ".join(" ".join([*(p.text for p in paper.paragraphs), *cells]).split())


APPROVER = "MUH. DOUGLAS A. ONDANG, SEKRETARIS KOMISI PEMILIHAN UMUM KAB. ADM. KEPULAUAN SERIBU"
SENTENCES = ("Langkah 3, “Menyiapkan bahan informasi”: waktu 5 jam menjadi 7 jam.",
             "Langkah 5, “Memutuskan penerbitan”: pindah dari Ketua Divisi ke Sub Bagian.")


@on_databases
def test_the_memo_says_who_when_and_what(pe, two):
    said = memo(pe, two)
    assert [f"{i['subject']}: {i['said']}" for part in said["parts"] for i in part["items"]] == list(SENTENCES)
    assert said["after"] == [("Berlaku sejak", "3 Maret 2026, 08.00 WIB"), ("Disahkan oleh", APPROVER),
                             ("Diberlakukan oleh", "Pemilik Demo"), ("Catatan", "Percepatan")]
    assert said["table"][0] == ["Langkah 3, “Menyiapkan bahan informasi”", "waktu", "5 jam", "7 jam"]


def test_pdf_and_docx_say_the_same(pe, two):
    said = memo(pe, two)
    for text in (text_of_pdf(amendment.pdf(said, None)), text_of_docx(amendment.as_docx(said, None))):
        for words in (*SENTENCES, "MEMO PERUBAHAN SOP", "Versi 1 → Versi 2", "Percepatan", "3 Maret 2026, 08.00 WIB", "Sebelum dan sesudah",
                      "KOMISI PEMILIHAN UMUM"):
            assert words in text, words


def test_the_same_memo_is_the_same_bytes(pe, two):
    one, other = memo(pe, two), memo(pe, two)
    assert amendment.digest(one, None) == amendment.digest(other, None) != amendment.digest(memo(pe, two, 2, 1), None)
    amendment._pdf.cache_clear()
    first = amendment.pdf(one, None)
    amendment._pdf.cache_clear()
    assert amendment.pdf(other, None) == first


def test_nothing_changed_is_said(pe, two):
    said = memo(pe, two, 1, 1)
    assert said["parts"] == said["table"] == []
    for text in (text_of_pdf(amendment.pdf(said, None)), text_of_docx(amendment.as_docx(said, None))):
        assert "Tidak ada perubahan di antara kedua versi ini." in text


def test_the_draft_is_compared_as_it_is_at_the_moment(pe, two, now):
    with pytest.raises(NotFound):
        comparing.compare(pe, two, KEY, 2, None)
    model_drafts.begin(pe, two, now, queries.definition(pe, two, KEY)["id"])
    assert comparing.compare(pe, two, KEY, 2, None).found.parts == ()
    draft = model_drafts.get(pe, two, KEY)
    file = model_drafts.file(pe, two, draft["id"], DIAGRAM)
    model_drafts.save(pe, two, now, draft["id"], DIAGRAM, file["content"].replace(b"PT7H", b"PT8H"), file["version"])
    said = memo(pe, two, 2, None)
    assert said["parts"][0]["items"][0]["said"] == "waktu 7 jam menjadi 8 jam."
    assert said["after_name"] == "Rancangan" and "belum berlaku" in said["after"][0][1]
    version = model_drafts.file(pe, two, draft["id"], DIAGRAM)["version"]
    model_drafts.save(pe, two, now, draft["id"], DIAGRAM, file["content"].replace(b'"penerbitan-informasi"', b'"lain"'), version)
    with pytest.raises(Invalid):
        comparing.compare(pe, two, KEY, 2, None)


def test_hostile_words_are_printed_and_not_obeyed(pe, pemilik, now):
    words = "#panic() $x$ \\end{document} <w:p> @label `code` \u202e" + "W" * 300
    files = {path.name: path.read_bytes() for path in FOLDER.iterdir()}
    attribute = words.replace("<", "&lt;").replace(">", "&gt;").encode()
    files[DIAGRAM] = files[DIAGRAM].replace(b'name="Memutuskan penerbitan"', b'name="%s"' % attribute)
    deploy(pe, pemilik, now, name="#let x = [jahat]", resources=files)
    said = memo(pe, pemilik)
    for text in (text_of_pdf(amendment.pdf(said, None)), text_of_docx(amendment.as_docx(said, None))):
        assert "#panic()" in text and "<w:p>" in text and "#let x = [jahat]" in text


@on_databases
def test_only_owners_of_the_office_compare(pe, two, people):
    for ask in (lambda who: comparing.compare(pe, who, KEY, 1, 2), lambda who: comparing.versions(pe, who, KEY)):
        with pytest.raises(Forbidden):
            ask(people["ketua"])
        with pytest.raises(NotFound):
            ask(Actor("x", "lain", frozenset({"process-owner"}), "X"))
    with pytest.raises(NotFound):
        comparing.compare(pe, two, KEY, 1, 9)
    assert [row["version"] for row in comparing.versions(pe, two, KEY)] == [2, 1]
