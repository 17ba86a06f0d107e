"""The printed SOP: from the shipped diagram, the office's own document; from any other, pages that can be read and opened."""

import io
import re
import zipfile
from pathlib import Path

import docx
import pypdf
import pytest

from bpmn import model
from bpmn.errors import Invalid, NotFound
from bpmn.printed.flowchart import PENTAGON
from engine import sop_docx, sop_paper
from tests.bpmn import office_sop
from tests.bpmn.lanes import diagram, end, gateway, start, task

MODELS = Path(__file__).parents[2] / "bpmn/models"
W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
WPS = "{http://schemas.microsoft.com/office/word/2010/wordprocessingShape}"
HOSTILE = '#panic("x") $x^2$ @ref <label> *tebal* _miring_ `raw` \\ & < > " \' ]] {{ }} #read("/etc/passwd") \u202e\u200b\ufffd'


def shipped(key="penerbitan-informasi"):
    return (MODELS / key / f"{key}.bpmn").read_bytes()


@pytest.fixture(scope="module")
def paper():
    return sop_paper.lay_out(sop_paper.process_in(shipped()))


@pytest.fixture(scope="module")
def document():
    return docx.Document(io.BytesIO(sop_docx.docx_of(shipped(), "penerbitan-informasi")))


def words_of(pdf):
    return [office_sop.squeezed(page.extract_text()) for page in pypdf.PdfReader(io.BytesIO(pdf)).pages]


def bare(text):
    """Without marks and blanks: a PDF's lines break where they like."""
    return "".join(re.sub("</?i>", "", text).split())


def marked(paragraphs):
    """The paragraphs of a cell or page as text, with <i>…</i>."""
    lines = ["".join(f"<i>{run.text}</i>" if run.italic else run.text for run in paragraph.runs) for paragraph in paragraphs]
    return "\n".join(office_sop.squeezed(line.replace("</i><i>", "")) for line in lines if line.strip())


def drawn(cell):
    """What stands in the shapes of a cell: words, and names of the shapes."""
    words, shapes = [], []
    for shape in cell._tc.iter(f"{WPS}wsp"):
        geometry = next(e.get("prst") for e in shape.iter() if e.tag.endswith("}prstGeom"))
        text = "".join(t.text for t in shape.iter(f"{W}t"))
        if geometry.startswith("flowChart"):
            shapes.append((geometry.removeprefix("flowChart"), text))
        elif text:
            words.append(text)
    return shapes, words


# The office's own document ---------------------------------------------------------------------------------------------

def test_every_cell_of_the_flowchart_is_the_offices(document):
    tables = document.tables[1:]
    assert len(tables) == len(office_sop.pages()) == 3
    for table, page in zip(tables, office_sop.pages(), strict=True):
        rows = [row.cells for row in table.rows][3:]
        assert len(rows) == len(page)
        for cells, office in zip(rows, page, strict=True):
            assert len(cells) == len(office) == office_sop.COLUMNS
            for at in (0, 1, 5, 6, 7, 8):
                assert marked(cells[at].paragraphs) == office[at].text
            for at in (2, 3, 4):
                shapes, words = drawn(cells[at])
                said = [text for name, text in shapes if name != "OffpageConnector" and text != "SELESAI"] + words
                assert [text for text in said if text] == ([office[at].text] if office[at].text else [])
                assert not office[at].symbol or shapes  # the text lost the symbols of rows 4 to 7


def test_symbols_stand_where_the_sop_has_its_activities(document):
    # the lanes of steps 4 to 7, whose pictures the text lost, and SELESAI at step 7, as domain.md has read them on the paper
    expected = [("Terminator", 2, "MULAI"), ("Process", 1, ""), ("Process", 0, ""), ("Process", 1, ""), ("Decision", 2, ""), ("Process", 1, ""),
                ("Terminator", 0, "SELESAI")]
    found = [(name, at, text) for table in document.tables[1:] for row in list(table.rows)[3:] for at, cell in enumerate(row.cells[2:5])
             for name, text in drawn(cell)[0] if name != "OffpageConnector"]
    assert found == expected


def test_the_arrows_are_those_of_the_sop(paper):
    number = {row.activity_id: row.number for row in paper.chart.rows}
    assert [(number[a.source], number[a.target], a.label) for a in paper.chart.arrows] == [
        ("1", "2", ""), ("2", "3", ""), ("3", "4", ""), ("4", "5", ""), ("5", "6", ""), ("5", "4", "TIDAK"), ("6", "7", "")]
    letters = [[s.text for s in page.symbols if s.kind == PENTAGON] for page in paper.pages]
    assert letters == [["A"], ["A", "B"], ["B"]]


def test_the_head_is_the_offices_on_every_page(document):
    for table, head in zip(document.tables[1:], office_sop.heads(), strict=True):
        rows = list(table.rows)[:3]
        assert all(row._tr.trPr.find(f"{W}tblHeader") is not None for row in rows)
        for row, office in zip(rows, head, strict=True):
            assert [cell.text for cell, said in zip(row.cells, office, strict=True) if said] == [said for said in office if said]
        cells = rows[0].cells  # what a wide cell covers
        assert cells[2]._tc is cells[4]._tc and cells[5]._tc is cells[7]._tc and cells[1]._tc is rows[1].cells[1]._tc


def test_the_identity_page_is_the_offices(document, paper):
    rows = [row.cells for row in document.tables[0].rows]
    assert rows[0][0].text.split() == office_sop.unit().split()
    fields = [(marked(r[1].paragraphs), marked(r[3].paragraphs)) for r in rows[:4]]
    assert fields == office_sop.fields() and {r[2].text for r in rows[:4]} == {":"}
    found = {}
    for cell in dict.fromkeys(cell for row in rows[4:] for cell in row):
        title, *items = [marked([p]) for p in cell.paragraphs]
        found[title] = [re.sub(r"^\d\. ", "", item) for item in items]
    assert found == office_sop.blocks()


def test_cover_and_approval_are_the_offices(document):
    lines = [marked([p]) for p in document.paragraphs if p.text.strip()]
    at = lines.index("PENGESAHAN")
    assert lines[:at] == office_sop.cover()
    said = [re.sub(r"^\d\. ", "", line) for line in lines[at + 1:at + 6]]
    assert said == office_sop.clauses()
    assert lines[at + 6:at + 12] == [f"Disahkan di{office_sop.signature()[0]}", *office_sop.signature()[1:]]
    assert " ".join(lines[at + 12:]) == office_sop.heading()


def test_the_pdf_says_the_same_on_the_same_pages():
    pages = [bare(page) for page in words_of(sop_paper.pdf(shipped(), "penerbitan-informasi"))]
    assert len(pages) == 6
    identity = [item for title, items in office_sop.blocks().items() for item in (title, *items)] + [x for field in office_sop.fields() for x in field]
    for page, said in zip(pages, (office_sop.cover(), office_sop.clauses(), identity, [office_sop.heading()]), strict=False):
        assert [text for text in said if bare(text) not in page] == []
    for page, rows, head in zip(pages[3:], office_sop.pages(), office_sop.heads(), strict=True):
        said = [text for line in head for text in line] + [cell.text for row in rows for cell in row]
        assert [text for text in said if bare(text) not in page] == []
    assert "MULAI" in pages[3] and "TIDAK" in pages[4] and "SELESAI" in pages[5]


def test_the_pdf_is_a4_landscape_and_the_same_every_time():
    made = sop_paper.pdf(shipped(), "penerbitan-informasi")
    assert all((round(p.mediabox.width), round(p.mediabox.height)) == (842, 595) for p in pypdf.PdfReader(io.BytesIO(made)).pages)
    sop_paper.pdf.cache_clear()
    assert sop_paper.pdf(shipped(), "penerbitan-informasi") == made


# Any other diagram -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("key", ["ralat", "penurunan"])
def test_the_other_shipped_procedures_are_printed(key):
    pages = words_of(sop_paper.pdf(shipped(key), key))
    assert "PELAKSANA" in pages[-1] and "SELESAI" in pages[-1] and "30 Menit" in pages[-1]
    assert len(docx.Document(io.BytesIO(sop_docx.docx_of(shipped(key), key))).tables) == 2


def sixty():
    nodes = [start(), *(task(f"t{at}", at * 7 % 15, f"Melakukan kegiatan ke {at} menurut petunjuk pelaksanaannya.") for at in range(60)), end(14)]
    gates = [gateway(f"g{at}", at * 7 % 15) for at in range(5, 60, 6)]
    flows = [("start", "t0")]
    for at in range(60):
        after = f"t{at + 1}" if at < 59 else "end"
        if at % 6 == 5:
            flows += [(f"t{at}", f"g{at}"), (f"g{at}", after, "YA"), (f"g{at}", f"t{max(0, at - 9)}", "TIDAK")]
        else:
            flows.append((f"t{at}", after))
    return diagram([*nodes, *gates], flows, [f"Pejabat Fungsional {at}" for at in range(15)])


def test_sixty_rows_and_fifteen_pelaksana_go_over_pages_with_head_and_lettered_connectors():
    content = sixty()
    laid = sop_paper.lay_out(sop_paper.process_in(content))
    pages = words_of(sop_paper.pdf(content, "p"))[1:]
    assert len(pages) == len(laid.pages) > 5 and laid.upright
    assert all("PELAKSANA" in page and "MUTU BAKU" in page and "KETERANGAN" in page for page in pages)
    assert [n for page in pages for n in range(60) if f"kegiatan ke {n} menurut" in page] == list(range(60))
    letters = {}
    for at, page in enumerate(laid.pages):
        for symbol in page.symbols:
            if symbol.kind == PENTAGON:
                letters.setdefault(symbol.text, set()).add(at)
    assert len(letters) > len(pages) - 1 and all(len(on) >= 2 for on in letters.values())
    tables = docx.Document(io.BytesIO(sop_docx.docx_of(content, "p"))).tables[1:]
    assert [len(t.rows) - 3 for t in tables] == [len(page.rows) for page in laid.pages]


def test_what_a_diagram_says_is_never_obeyed():
    nodes = [start(), task("a", 0, HOSTILE, keterangan=HOSTILE, kelengkapan=HOSTILE, output=HOSTILE, waktu=HOSTILE), gateway("g"),
             task("b", 1, "x" * 900), end(1, HOSTILE)]
    flows = [("start", "a"), ("a", "g"), ("g", "b", '#x "<&'), ("g", "a", HOSTILE), ("b", "end")]
    content = diagram(nodes, flows, [HOSTILE, "A" * 200], dict.fromkeys((
        "nomor", "unit", "nama_sop", "dasar_hukum", "judul_sampul", "pengesahan", "pengesahan_jabatan", "disahkan_nama", "judul_flowchart",
        "kaki_halaman", "tempat", "tanggal_pengesahan", "istilah_asing", "keterkaitan", "peringatan"), HOSTILE))
    pages = "".join(words_of(sop_paper.pdf(content, "p")))
    assert '#panic("x")' in pages and '#read("/etc/passwd")' in pages and "*tebal*" in pages and "root:" not in pages
    made = docx.Document(io.BytesIO(sop_docx.docx_of(content, "p")))
    assert any(HOSTILE in cell.text for row in made.tables[1].rows for cell in row.cells)


def test_what_cannot_stand_in_xml_is_left_out():
    process = sop_paper.process_in(diagram([start(), task("a", 0), end()], [("start", "a"), ("a", "end")], ["A"]))
    said = {**process.properties, "nomor": "1\x00\x1b[2J\ufffe", "unit": "\x08x"}
    object.__setattr__(process, "properties", said)
    made = docx.Document(io.BytesIO(sop_docx.render(sop_paper.lay_out(process))))
    assert made.tables[0].rows[0].cells[3].text == "1[2J" and made.tables[0].rows[0].cells[0].text == "x"


def test_words_too_long_for_a_page_are_set_smaller_and_then_refused():
    def of(words):
        return diagram([start(), task("a", 0, words), end()], [("start", "a"), ("a", "end")], ["A"])

    small = sop_paper.lay_out(sop_paper.process_in(of("Memeriksa kelengkapan berkas. " * 70)))
    assert small.size < sop_paper.SIZES[0] and len(small.pages) == 1
    with pytest.raises(Invalid, match="tidak muat di satu halaman"):
        sop_paper.lay_out(sop_paper.process_in(of("Memeriksa kelengkapan berkas. " * 900)))


def test_no_lanes_is_said():
    content = diagram([start(None), task("a", None), end(None)], [("start", "a"), ("a", "end")], [])
    with pytest.raises(Invalid, match="lajur"):
        sop_paper.pdf(content, "p")
    with pytest.raises(NotFound):
        sop_paper.pdf(content, "q")


def test_the_docx_is_well_formed_with_a_group_of_shapes_in_each_drawn_cell():
    with zipfile.ZipFile(io.BytesIO(sop_docx.docx_of(shipped(), "penerbitan-informasi"))) as package:
        body = package.read("word/document.xml").decode()
    ids = re.findall(r'<wp:docPr id="(\d+)"', body) + re.findall(r'<wps:cNvPr id="(\d+)"', body)
    assert len(ids) == len(set(ids)) and body.count("<wpg:wgp>") == body.count('descr="') > 10


def test_the_logo_stands_on_the_identity_page():
    from PIL import Image

    written = io.BytesIO()
    Image.new("RGB", (40, 40), "red").save(written, "PNG")
    made = pypdf.PdfReader(io.BytesIO(sop_paper.pdf(shipped(), "penerbitan-informasi", written.getvalue())))
    assert [len(page.images) for page in made.pages] == [0, 0, 1, 0, 0, 0]
    assert len(docx.Document(io.BytesIO(sop_docx.docx_of(shipped(), "penerbitan-informasi", written.getvalue()))).inline_shapes) == 1


def test_a_diagrams_process_is_found_by_its_key():
    assert isinstance(sop_paper.process_in(shipped(), "penerbitan-informasi"), model.Process)
