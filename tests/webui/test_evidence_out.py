"""What the analyst takes along: the page, its files, who may not, and wrong questions."""

import csv
import re
import zipfile
from collections import Counter
from io import BytesIO, StringIO

import pytest
from lxml import etree

from engine.evidence import output, sample
from engine.evidence.xes import XES
from tests.webui.test_evidence import analis, known, row  # noqa: F401  the same history


def test_the_data_comes_in_each_form(known, analis):  # noqa: F811
    page = analis.get("/reports/unduh?since=").text
    assert "nama samaran" in page and page.count("/reports/data/a") + page.count("/reports/data/c") == 7
    log = analis.get("/reports/data/activities.xes?since=")
    assert log.mimetype == "application/xml" and 'filename=terbit-langkah-penerbitan-informasi-awal-kini.xes' in log.headers["Content-Disposition"]
    assert len(list(etree.fromstring(log.data).iter(f"{{{XES}}}trace"))) == len(known)
    assert analis.get("/reports/data/cases.csv?since=").text.count("CONTOH-") == len(known)
    book = analis.get("/reports/data/cases.xlsx?since=&kind=berita")
    rows = list(etree.fromstring(zipfile.ZipFile(BytesIO(book.data)).read("xl/worksheets/sheet1.xml")).iter("{*}row"))
    assert len(rows) == 1 + sum(p.kind == "berita" for p in known)


def test_how_far_an_export_came_is_told_to_who_takes_it(known, analis, signed_in):  # noqa: F811
    name = "0123456789abcdef" * 2
    assert analis.get(f"/reports/data/kemajuan/{name}").status_code == 404
    for form in ("csv", "xlsx", "parquet"):
        answer = analis.get(f"/reports/data/activities.{form}?since=&progress={name}")
        assert answer.status_code == 200 and len(answer.data) > 1000
        assert analis.get(f"/reports/data/kemajuan/{name}").json == {"state": "done", "count": len(known), "total": len(known)}
    assert signed_in("admin").get(f"/reports/data/kemajuan/{name}").status_code == 404  # another's
    assert analis.get("/reports/data/cases.csv?since=&progress=../x").status_code == 200  # no name: told nowhere
    assert analis.get("/reports/data/kemajuan/x").status_code == 404
    broken = analis.get(f"/reports/data/activities.xes?since=&progress={name[::-1]}", buffered=False)
    next(broken.iter_encoded())
    broken.close()
    assert analis.get(f"/reports/data/kemajuan/{name[::-1]}").json["state"] in ("broken", "done")


def test_each_report_comes_in_each_form(known, analis):  # noqa: F811
    page = analis.get("/reports/unduh").text
    assert page.count("/reports/laporan/") == 9 and "Triwulan lalu" in page
    for path, start in (("rekap.pdf", b"%PDF"), ("tinjauan.docx", b"PK"), ("mutu-baku.xlsx", b"PK")):
        answer = analis.get(f"/reports/laporan/{path}?since=2026-01-01&until=2026-06-30")
        assert answer.status_code == 200 and answer.data.startswith(start)
        assert f"-2026-01-01-2026-06-30.{path[-4:].strip('.')}" in answer.headers["Content-Disposition"]


def test_what_was_put_out_is_counted_and_listed_by_class(known, analis, statements):  # noqa: F811
    out = [p for p in known if p.channels]
    page = analis.get("/reports/terbitan?since=").text
    posts = sum("facebook" in p.channels for p in out)
    assert row(page, "Facebook")[:3] == [str(posts)] * 3 and row(page, "Facebook")[6] == "100%"
    assert row(page, "Website")[:3] == [str(len(out)), str(len(out)), "0"]
    took = sorted(p.since_approval["website"] for p in out if p.since_approval)
    assert row(page, "kurang dari 30 menit")[0] == str(sum(t < 30 for t in took))
    assert "least=30&amp;most=60" in page and "channel=facebook" in page
    quick = analis.get("/reports/di-balik?since=&what=channel&element=website&measure=out&least=0&most=30").text
    assert "Berkas yang terbit di Website" in quick and len(set(re.findall(r"CONTOH-\d{4}-\d{6}", quick))) == sum(t < 30 for t in took)
    of = {kind: sample.CLASSES.get(kind, "berkala") for kind in sample.KINDS}
    counts = Counter(of[p.kind] for p in out)
    assert row(page, "Jumlah") == [str(counts[name]) for name in output.CLASSES if counts[name]]
    found = analis.get("/reports/terbitan/daftar?since=&class=setiap-saat").text
    assert set(re.findall(r"CONTOH-\d{4}-\d{6}", found)) == {p.key for p in out if of[p.kind] == "setiap-saat"} and "contoh.invalid" in found
    with statements() as seen:
        analis.get("/reports/terbitan?since=")
    assert len(seen) <= 14, "\n".join(seen)
    lines = list(csv.DictReader(StringIO(analis.get("/reports/terbitan.csv?since=&class=berkala").data.decode("utf-8-sig"))))
    assert len(lines) == sum(len(p.channels) for p in out if of[p.kind] == "berkala") and {line["klasifikasi"] for line in lines} == {"berkala"}
    plan = next(p for p in out if of[p.kind] == "berkala" and p.since_approval and p.channels == ("website",))
    [line] = [each for each in lines if each["nomor"] == plan.key]
    assert line["menit_kerja_sejak_disetujui"] == str(plan.since_approval["website"])
    assert analis.get("/reports/terbitan/daftar?class=%00").status_code == 400
    assert analis.get("/reports/terbitan.csv?class=rahasia").status_code == 400


def test_taking_data_is_for_overseers_and_wrong_questions_are_a_clear_4xx(sop, analis, signed_in, stranger):  # noqa: F811
    for page in ("unduh", "data/cases.csv", "laporan/rekap.pdf", "terbitan", "terbitan/daftar", "terbitan.csv"):
        assert signed_in("ketua").get(f"/reports/{page}").status_code == 403
        assert stranger.get(f"/reports/{page}").status_code == 303
    for wrong in ("cases.csv?key=tidak-ada", "cases.csv?since=kemarin", "cases.exe", "passwords.csv", "cases.csv?kind=%00", "activities.xes?version=99"):
        assert analis.get(f"/reports/data/{wrong}").status_code in (400, 404), wrong
    for wrong in ("rekap.exe", "gaji.pdf", "rekap.pdf?key=tidak-ada", "rekap.pdf?until=2026-13-01"):
        assert analis.get(f"/reports/laporan/{wrong}").status_code in (400, 404), wrong


@pytest.mark.parametrize("page", ["unduh", "data/cases.csv", "laporan/rekap.pdf", "terbitan", "terbitan.csv"])
def test_before_any_procedure_nothing_breaks(analis, page):  # noqa: F811
    assert analis.get(f"/reports/{page}").status_code in (200, 404)
