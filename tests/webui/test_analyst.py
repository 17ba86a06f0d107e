"""The analyst's page and its CSV."""

import csv
import datetime as dt
import io

import pytest

from engine import commands, queries
from tests.webui.scenes import SOP
from webui.analyst import harmless


@pytest.fixture
def analis(signed_in, sop):
    return signed_in("analis")


def lines(answer):
    return list(csv.reader(io.StringIO(answer.text.lstrip("\ufeff"))))


def test_each_step_stands_beside_its_mutu_baku(pe, people, analis, returned, now):
    page = analis.get("/reports?since=").text
    for words in ("Menyiapkan bahan informasi", "mutu baku 5 jam", "kali TIDAK, pada 1 berkas", "Dalam mutu baku", "100%"):
        assert words in page, words


def test_a_period_without_cases_says_so(analis, case_at):
    case_at("periksa")
    assert "Tidak ada berkas dalam masa ini" in analis.get("/reports?since=2001-01-01&until=2001-12-31").text
    assert "Tidak ada berkas dalam masa ini" in analis.get("/reports/cases?since=2001-01-01&until=2001-12-31").text


def test_the_last_day_of_a_period_counts_in_the_offices_own_zone(pe, people, analis, sop):
    evening = dt.datetime(2026, 3, 2, 16, 59, tzinfo=dt.timezone.utc)  # 23.59 in Jakarta
    night = evening + dt.timedelta(minutes=2)
    keys = [commands.start(pe, people["ketua"], at, key=SOP).business_key for at in (evening, night)]
    page = analis.get("/reports/cases?since=2026-03-02&until=2026-03-02").text
    assert keys[0] in page and keys[1] not in page


def test_the_cases_behind_the_figures_are_listed_with_their_tidak(pe, people, analis, returned, now):
    instance = queries.instance(pe, people["admin"], queries.task(pe, people["admin"], returned)["instance_id"])
    page = analis.get("/reports/cases?since=").text
    assert instance["business_key"] in page
    assert '<td class="num">1</td>' in page
    assert instance["business_key"] not in analis.get("/reports/cases?since=&state=ended").text
    assert instance["business_key"] in analis.get("/reports/cases?since=&q=pramuka").text


def test_the_csv_holds_every_step_of_every_case(pe, people, analis, returned):
    answer = analis.get("/reports/steps.csv?since=")
    assert answer.mimetype == "text/csv" and "attachment" in answer.headers["Content-Disposition"]
    head, *rows = lines(answer)
    assert len(rows) == 6  # tugaskan, perintahkan, siapkan, periksa, putuskan, periksa again
    periksa = [dict(zip(head, row, strict=True)) for row in rows if row[3] == "periksa"]
    assert [row["keadaan"] for row in periksa] == ["selesai", "berjalan"]
    assert periksa[0]["mutu baku (menit)"] == "60.0" and periksa[0]["dalam mutu baku"] == "ya" and periksa[0]["petugas"] == "kasubbag"


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1", "=cmd|'/c calc'!A1"])
def test_no_cell_is_a_formula(cell):
    assert harmless(cell) == "'" + cell
    assert harmless("biasa") == "biasa" and harmless(-1.5) == -1.5


def test_a_title_that_is_a_formula_comes_out_harmless(analis, case_at):
    case_at("periksa", judul='=HYPERLINK("http://jahat.example")')
    cells = [cell for row in lines(analis.get("/reports/steps.csv?since=")) for cell in row]
    assert any(cell.startswith("'=HYPERLINK") for cell in cells)
    assert not any(cell.startswith(("=", "@", "+")) for cell in cells)


def test_the_csv_is_sent_as_it_is_read(pe, people, analis, sop, now, monkeypatch, statements):
    from engine import reports

    monkeypatch.setattr(reports, "BATCH", 10)
    monkeypatch.setattr("webui.analyst.CHUNK", 5)
    for _ in range(35):
        commands.start(pe, people["ketua"], now, key=SOP)
    with statements() as first:  # the client runs the application up to the first piece that it sends
        answer = analis.get("/reports/steps.csv?since=", buffered=False)
    assert 2 + 2 <= len(first) <= 2 + 2 + 3  # the mutu baku is read once a version
    answer.close()
    with statements() as whole:
        assert len(lines(analis.get("/reports/steps.csv?since="))) == 36
    assert len(whole) <= 4 + 2 * 4  # who asks, the procedures, two for each ten cases


@pytest.mark.parametrize("query", ["since=kemarin", "until=2026-13-01", "since=0001-01-01", "until=9999-12-31"])
def test_a_wrong_date_is_a_clear_4xx(analis, query):
    for path in ("/reports", "/reports/cases", "/reports/steps.csv"):
        assert analis.get(f"{path}?{query}").status_code == 400


def test_an_unknown_procedure_is_not_found(analis):
    assert analis.get("/reports?key=tidak-ada").status_code == 404


def test_before_any_procedure_the_page_is_empty_not_broken(signed_in):
    analis = signed_in("analis")
    assert "Belum ada prosedur" in analis.get("/reports").text
    assert analis.get("/reports/steps.csv").status_code == 200


def test_reports_are_for_overseers(signed_in, sop, stranger):
    for path in ("/reports", "/reports/cases", "/reports/steps.csv"):
        assert signed_in("ketua").get(path).status_code == 403
        assert signed_in("pemilik").get(path).status_code == 200
        assert stranger.get(path).status_code == 303


def test_the_page_asks_few_statements(analis, returned, statements):
    with statements() as page:
        analis.get("/reports?since=")
    assert len(page) <= 7, "\n".join(page)
    with statements() as cases:
        analis.get("/reports/cases?since=")
    assert len(cases) <= 5
