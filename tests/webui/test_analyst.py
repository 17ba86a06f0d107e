"""The analyst's list of the cases that were started in a period."""

import datetime as dt

import pytest

from engine import commands, queries
from tests.webui.scenes import SOP
from webui.audit import harmless


@pytest.fixture
def analis(signed_in, sop):
    return signed_in("analis")


def test_a_period_without_cases_says_so(analis, case_at):
    case_at("periksa")
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


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1", "=cmd|'/c calc'!A1"])
def test_no_cell_is_a_formula(cell):
    assert harmless(cell) == "'" + cell
    assert harmless("biasa") == "biasa" and harmless(-1.5) == -1.5


@pytest.mark.parametrize("query", ["since=kemarin", "until=2026-13-01", "since=0001-01-01", "until=9999-12-31"])
def test_a_wrong_date_is_a_clear_4xx(analis, query):
    assert analis.get(f"/reports/cases?{query}").status_code == 400


def test_before_any_procedure_the_page_is_empty_not_broken(signed_in):
    analis = signed_in("analis")
    assert "Belum ada prosedur" in analis.get("/reports/cases").text


def test_reports_are_for_overseers(signed_in, sop, stranger):
    assert signed_in("ketua").get("/reports/cases").status_code == 403
    assert signed_in("pemilik").get("/reports/cases").status_code == 200
    assert stranger.get("/reports/cases").status_code == 303


def test_the_page_asks_few_statements(analis, returned, statements):
    with statements() as cases:
        analis.get("/reports/cases?since=")
    assert len(cases) <= 5
