"""Data out: what is read back from an export is what was planned and what the pages show, in flat memory, and without names."""

import csv
import datetime as dt
import io
import json
import statistics
import subprocess
import sys
import tracemalloc
import zipfile
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from lxml import etree

from bpmn.errors import Forbidden, Invalid, NotFound
from engine import settings
from engine.evidence import figures, out, out_files, rollup, sample, xes
from engine.evidence.figures import Scope
from engine.process_engine import Actor
from engine.store import read, run
from engine.tables import event, process_instance
from tests.conftest import on_databases

NOW = dt.datetime(2026, 11, 2, 1, 0, tzinfo=dt.timezone.utc)
ANALYST = Actor("analis", "contoh", frozenset({"analyst"}))
ADMIN = Actor("admin", "contoh", frozenset({"admin"}))
NAMES = ("contoh-ketua", "contoh-kasubbag", "contoh-webadmin", "contoh-teknis", "contoh-hukum", "contoh-sdm")
XES = f"{{{xes.XES}}}"


@pytest.fixture
def known(pe):
    made: list = []
    sample.make(pe, NOW, "contoh", cases=60, years=1, seed=7, told=made.extend)
    while rollup.count_some(pe, "contoh", limit=50):
        pass
    return made


def taken(pe, form, what="activities", actor=ANALYST, **scope):
    found = out.export(pe, actor, NOW, Scope(**{"key": sample.KEY, **scope}), form, what)
    return b"".join(out_files.pieces(found, form, what))


def said(element):
    """The attributes of a trace or an event."""
    return {each.get("key"): each.get("value") for each in element if each.get("key")}


def lines(data):
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))


@on_databases
def test_an_event_log_has_the_variants_and_durations_of_the_pages(pe, known):
    log = etree.fromstring(taken(pe, "xes"))
    assert log.tag == f"{XES}log" and [each.get("prefix") for each in log.iter(f"{XES}extension")] == ["concept", "time", "lifecycle", "org"]
    ways, leads, whole, cases = Counter(), {}, [], {p.key: p for p in known}
    for trace in log.iter(f"{XES}trace"):
        case, events = said(trace), [said(each) for each in trace.iter(f"{XES}event")]
        assert [e["time:timestamp"] for e in events] == sorted(e["time:timestamp"] for e in events)
        done = [e for e in events if e["lifecycle:transition"] == "complete"]
        assert [e["id_langkah"] for e in done] == cases[case["concept:name"]].path
        ways[tuple(e["id_langkah"] for e in done)] += 1
        whole.append(int(case["detik_kerja"]))
        for e in done:
            leads.setdefault(e["id_langkah"], []).append(int(e["detik_kerja"]))
        stood = {e["concept:instance"]: e for e in events if e["lifecycle:transition"] == "schedule"}
        for step, e in zip(cases[case["concept:name"]].steps, [e for e in done if e["id_langkah"] in sample.STANDARD], strict=True):
            assert (int(e["detik_kerja"]), e.get("detik_menunggu")) == (
                60 * step.lead, None if step.wait is None else str(60 * step.wait))
            assert stood[e["concept:instance"]]["time:timestamp"] <= e["time:timestamp"] and e["org:group"] == step.unit
    paths = figures.paths(pe, ANALYST, Scope(sample.KEY))
    assert Counter({tuple(v["path"]): v["measures"]["count"] for v in paths.variants}) == ways and paths.number == len(ways)
    assert paths.total["lead_seconds"] == sum(whole)
    steps, _ = figures.heat(pe, ANALYST, Scope(sample.KEY), "lead")
    for name, values in leads.items():
        assert (steps[name]["count"], steps[name]["lead_seconds"]) == (len(values), sum(values))
        assert steps[name].quantile("lead", 0.5) == pytest.approx(statistics.median(values) / 60, rel=0.002, abs=0.5)


def test_pm4py_finds_the_variants_durations_and_neighbours_of_the_pages(pe, known, tmp_path):
    (tmp_path / "log.xes").write_bytes(taken(pe, "xes"))
    reader = subprocess.run([sys.executable, Path(__file__).with_name("read_event_log.py"), tmp_path / "log.xes"],
                            check=True, capture_output=True, timeout=120)
    found = json.loads(reader.stdout.splitlines()[-1])
    paths = figures.paths(pe, ANALYST, Scope(sample.KEY))
    assert {tuple(path): count for path, count in found["variants"]} == {tuple(v["path"]): v["measures"]["count"] for v in paths.variants}
    assert {(one, two): count for one, two, count in found["follows"]} == paths.follows
    assert found["begin"] == Counter(p.path[0] for p in known) and found["end"] == Counter(p.path[-1] for p in known)
    assert found["seconds"] == {p.key: pytest.approx((p.end - p.start).total_seconds(), abs=0.002) for p in known}
    assert found["working_seconds"] == {p.key: 60 * p.lead for p in known}
    steps, _ = figures.heat(pe, ANALYST, Scope(sample.KEY))
    assert found["steps"] == {name: m["lead_seconds"] for name, m in steps.items() if m["count"]}
    assert sum(found["working_seconds"].values()) == paths.total["lead_seconds"]


def test_lines_are_one_for_each_case_and_each_activity_of_the_period(pe, known):
    days = sorted(p.end.astimezone(dt.timezone(dt.timedelta(hours=7))).date() for p in known)
    since, until = days[10], days[-10]
    mine = {p.key: p for p in known if since <= p.end.astimezone(dt.timezone(dt.timedelta(hours=7))).date() <= until}
    cases = lines(taken(pe, "csv", "cases", since=since, until=until))
    assert {row["nomor"] for row in cases} == mine.keys() and len(cases) == len(mine)
    for row in cases:
        plan = mine[row["nomor"]]
        assert (int(row["detik_kerja"]), int(row["tidak"])) == (60 * plan.lead, sum(s.returned is not None for s in plan.steps))
        assert (row["jenis"], row["kelompok"], row["versi"]) == (plan.kind, plan.unit, str(plan.version))
        assert dt.datetime.fromisoformat(row["mulai"]) == plan.start.replace(microsecond=0)
    activities = lines(taken(pe, "csv", since=since, until=until))
    done = Counter(row["id_langkah"] for row in activities if row["keadaan"] == "selesai")
    assert done == Counter(step for p in mine.values() for step in p.path)
    late = Counter(row["id_langkah"] for row in activities if row["dalam_mutu_baku"] == "tidak")
    assert late == Counter(s.activity_id for p in mine.values() for s in p.steps if s.overdue)
    assert lines(taken(pe, "csv", "cases", since=dt.date(2001, 1, 1), until=dt.date(2001, 2, 2))) == []


def test_persons_are_pseudonyms_until_an_admin_lets_them_be_compared(pe, known):
    everything = [taken(pe, "xes"), taken(pe, "csv", "cases"), taken(pe, "csv")]
    assert not any(name.encode() in each for each in everything for name in NAMES)
    of = {row["kelompok"]: row["penulis"] for row in lines(everything[1])}
    assert len(set(of.values())) == len(of) and of["hukum"] in everything[0].decode()  # the same in each export
    settings.change(pe, ADMIN, NOW, "evidence", {"persons": True})
    assert {row["penulis"] for row in lines(taken(pe, "csv", "cases"))} <= set(NAMES)


def test_an_export_is_for_overseers_and_is_recorded(pe, known):
    for actor, error, wrong in ((Actor("ketua", "contoh", frozenset({"ketua-divisi"})), Forbidden, {}),
                                (ANALYST, Invalid, {"form": "exe"}), (ANALYST, Invalid, {"what": "passwords"})):
        with pytest.raises(error):
            taken(pe, **{"form": "csv", "actor": actor, **wrong})
    with pytest.raises(NotFound):
        taken(pe, "csv", key="tidak-ada")
    with read(pe) as db:
        assert not db.scalar(sa.select(sa.func.count()).where(event.c.type == "evidence.exported"))
    taken(pe, "xes", since=dt.date(2026, 1, 1), kind="berita")
    with read(pe) as db:
        row = db.execute(sa.select(event.c.actor, event.c.data).where(event.c.type == "evidence.exported")).one()
    assert (row.actor, row.data["form"], row.data["since"], row.data["kind"]) == ("analis", "xes", "2026-01-01", "berita")
    elsewhere = Actor("analis", "kpu", frozenset({"analyst"}))
    with pytest.raises(NotFound):
        taken(pe, "csv", actor=elsewhere)


def test_titles_that_are_formulas_or_no_xml_do_no_harm(pe, known):
    run(pe, lambda db: db.execute(sa.update(process_instance).where(process_instance.c.business_key == known[0].key).values(
        title="=cmd|'/c calc'!A1 \x0b<&\ud7ff")))
    row = next(row for row in lines(taken(pe, "csv", "cases")) if row["nomor"] == known[0].key)
    assert row["judul"].startswith("'=cmd")
    trace = next(t for t in etree.fromstring(taken(pe, "xes")).iter(f"{XES}trace") if said(t)["concept:name"] == known[0].key)
    assert said(trace)["judul"] == "=cmd|'/c calc'!A1 <&\ud7ff"
    file = io.BytesIO()
    out_files.xlsx_to(file, out.export(pe, ANALYST, NOW, Scope(sample.KEY), "xlsx", "cases"), "cases")
    sheet = etree.fromstring(zipfile.ZipFile(file).read("xl/worksheets/sheet1.xml"))
    cells = list(sheet.iter("{*}c"))
    assert len(cells) >= len(known) * 10 and not list(sheet.iter("{*}f"))
    assert "=cmd|'/c calc'!A1 <&\ud7ff" in [text.text for text in sheet.iter("{*}t")]
    assert sum(cell.get("t") is None and len(cell) for cell in cells) > 0  # numbers and dates are such


def test_parquet_has_the_lines_of_csv_with_their_real_types(pe, known, monkeypatch):
    monkeypatch.setattr(out_files, "GROUP", 100)
    for what in out.WHAT:
        file = pq.ParquetFile(io.BytesIO(taken(pe, "parquet", what)))
        assert file.num_row_groups > 1 or what == "cases"
        table = file.read()
        assert tuple(table.column_names) == out.head(what)
        types = {field.name: str(field.type) for field in table.schema}
        assert types["selesai"] == "timestamp[ms, tz=Asia/Jakarta]" and types["detik_kerja"] == types["versi"] == "int64"
        assert types["jenis"].startswith("dictionary<values=string") and types["nomor"] == "string"
        assert types["dipindahkan" if what == "cases" else "dalam_mutu_baku"] == "bool"
        plain = lines(taken(pe, "csv", what))
        zone = table["selesai"][0].as_py().tzinfo

        def said_so(value, zone=zone):
            return "" if value is None else out_files.text(value, zone) if not isinstance(value, int) or isinstance(value, bool) else str(value)

        assert [{name: said_so(value) for name, value in row.items()} for row in table.to_pylist()] == plain
    assert pq.ParquetFile(io.BytesIO(taken(pe, "parquet", since=dt.date(2001, 1, 1), until=dt.date(2001, 1, 2)))).metadata.num_rows == 0


def test_an_export_tells_how_many_of_how_many_cases_it_has_read(pe, known, monkeypatch):
    monkeypatch.setattr(out, "BATCH", 25)
    heard = []
    found = out.export(pe, ANALYST, NOW, Scope(sample.KEY), "csv", "cases", lambda *each: heard.append(each))
    assert found.total == len(known) and not heard
    assert len(list(out_files.pieces(found, "csv", "cases"))) and heard == [(25, 60), (50, 60), (60, 60)]


def test_memory_stays_flat_over_20000_events(pe):
    """The second half of a log takes no more of it than the first did."""
    sample.make(pe, NOW, "contoh", cases=820, years=2, seed=3)
    while rollup.count_some(pe, "contoh", limit=1000):
        pass
    found = out.export(pe, ANALYST, NOW, Scope(sample.KEY), "xes")
    events, peaks = 0, []
    tracemalloc.start()
    try:
        for piece in xes.xes_of(found):
            events += piece.count(b"<event>")
            if events > 10_000 and not peaks:
                peaks.append(tracemalloc.get_traced_memory()[1])
                tracemalloc.reset_peak()
        peaks.append(tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()
    assert events > 20_000 and peaks[1] < 1.1 * peaks[0] < 20_000_000, (events, peaks)
