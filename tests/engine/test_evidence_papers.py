"""Reports: their numbers are the planned ones, in each form; who may have Tabel 7's answers; what people wrote is obeyed nowhere."""

import datetime as dt
import io
import zipfile
from collections import Counter
from zoneinfo import ZoneInfo

import docx
import pytest
from lxml import etree
from pypdf import PdfReader

from bpmn.errors import Forbidden, Invalid
from engine import reviews
from engine.evidence import paper_files, papers, rollup, sample
from engine.evidence.figures import Scope
from engine.process_engine import Actor
from tests.conftest import on_databases
from tests.engine.test_reviews import judge, later, office  # noqa: F401  the scene of a review

NOW = dt.datetime(2026, 11, 2, 1, 0, tzinfo=dt.timezone.utc)
ANALYST = Actor("analis", "contoh", frozenset({"analyst"}))
WIB = ZoneInfo("Asia/Jakarta")


@pytest.fixture
def known(pe):
    made: list = []
    sample.make(pe, NOW, "contoh", cases=40, years=1, seed=5, told=made.extend)
    rollup.work(pe, seconds=60)
    return made


def report(pe, name, since=dt.date(2026, 1, 1), until=dt.date(2026, 6, 30), actor=ANALYST):
    return papers.report(pe, actor, NOW, name, Scope(sample.KEY, since, until), "pdf")


def within(known, since=dt.date(2026, 1, 1), until=dt.date(2026, 6, 30)):
    return [p for p in known if since <= p.end.astimezone(WIB).date() <= until]


@on_databases
def test_the_numbers_of_the_reports_are_the_known_ones(pe, known):
    mine = within(known)
    recap = report(pe, "rekap")
    assert recap.period == "Semester I 2026" and recap.title.endswith("(data contoh)")
    channels = Counter(c for p in mine for c in p.channels)
    assert recap.tables[0].rows[-1] == ["Jumlah", channels["website"], channels["facebook"], sum(channels.values())]
    worked = {row[0]: row[1:] for row in recap.tables[1].rows}
    for kind in ("pengumuman", "berita"):
        of = [p for p in mine if p.kind == kind]
        assert worked[papers.KINDS[kind]][:3] == [len(of), 0, sum(s.returned is not None for p in of for s in p.steps)]
    assert worked["Jumlah"][0] == len(mine)
    steps = {row[0]: row for row in report(pe, "mutu-baku").tables[0].rows}
    done = [s for p in mine for s in p.steps if s.activity_id == "periksa"]
    row = steps["4. Memeriksa bahan informasi"]
    assert (row[2], row[3], row[8], row[9]) == (
        30, len(done), sum(s.overdue for s in done), round(100 * (1 - sum(s.overdue for s in done) / len(done))))
    review = report(pe, "tinjauan")
    assert dict(review.facts)["Berkas yang berakhir"] == str(len(mine))
    assert [row[2] for row in review.tables[-1].rows] == [""] * 8  # to be filled in by hand: the answers are not an analyst's to see


def test_tabel_7_holds_the_answers_for_who_may_see_them(pe, office, now):  # noqa: F811
    reviews.start_due(pe, later(now, 6))
    judge(pe, office["pemilik"], later(now, 6), catatan_penilaian="Baik sekali")
    scope = Scope("p", now.date(), later(now, 7).date())
    paper = papers.report(pe, office["pemilik"], later(now, 7), "tinjauan", scope, "pdf")
    assert "TINJAUAN-p-2026-1" in paper.tables[-1].title
    assert [row[2] for row in paper.tables[-1].rows] == ["Berjalan baik"] * 5 + ["Baik sekali", "", "Tetap"]
    blank = papers.report(pe, office["analis"], later(now, 7), "tinjauan", scope, "pdf")
    assert [row[2] for row in blank.tables[-1].rows] == [""] * 8


@pytest.mark.parametrize("since, until, words", [
    ((2026, 7, 1), (2026, 9, 30), "Triwulan III 2026"), ((2026, 7, 1), (2026, 12, 31), "Semester II 2026"),
    ((2026, 2, 1), (2026, 4, 30), "1 Februari 2026 s.d. 30 April 2026"), (None, (2026, 12, 31), "sampai 31 Desember 2026"),
    (None, None, "seluruh masa")])
def test_periods_have_names(since, until, words):
    assert papers.period(since and dt.date(*since), until and dt.date(*until)) == words


def test_each_form_says_the_same_and_obeys_nothing(pe, known):
    paper = report(pe, "rekap")
    evil = papers.Table("#panic() \x0b", ["=1+1", "n"], [["=cmd|'/c calc'!A1", 1234], ["#read(\"x\")", None]], "*x*")
    paper = papers.Paper(paper.title, paper.office, paper.about, paper.period, paper.made, paper.made_at, paper.facts, [*paper.tables, evil])
    text = "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(paper_files.pdf(paper))).pages)
    book = docx.Document(io.BytesIO(paper_files.docx_of(paper)))
    words = [cell.text for table in book.tables for row in table.rows for cell in row.cells]
    sheets = zipfile.ZipFile(io.BytesIO(paper_files.xlsx(paper)))
    names = [name for name in sheets.namelist() if name.startswith("xl/worksheets/")]
    assert len(names) == 4 and not any(list(etree.fromstring(sheets.read(name)).iter("{*}f")) for name in names)
    strings = sheets.read("xl/sharedStrings.xml").decode()
    for said in ("Pengumuman", "=cmd", "Website"):
        assert said in text and any(said in each for each in words) and said in strings
    assert "1.234" in text and "1.234" in words
    assert paper_files.pdf(paper) == paper_files.pdf(paper)


def test_a_report_of_nothing_is_empty_and_it_is_for_overseers(pe, known):
    for name in papers.REPORTS:
        paper = report(pe, name, dt.date(2001, 1, 1), dt.date(2001, 3, 31))
        assert all(make(paper) for make in paper_files.MAKE.values())
        with pytest.raises(Forbidden):
            report(pe, name, actor=Actor("ketua", "contoh", frozenset({"ketua-divisi"})))
    with pytest.raises(Invalid):
        report(pe, "gaji")
