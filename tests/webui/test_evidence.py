"""The analyst's evidence pages: their numbers are those of a history that is known, they ask few statements, and bad input is a clear 4xx."""

import datetime as dt
import re
from collections import Counter
from itertools import pairwise

import pytest
import sqlalchemy as sa
from flask import g

from engine.evidence import figures, rollup, sample
from engine.process_engine import Actor
from engine.store import run
from engine.tables import evidence_case, evidence_cell, evidence_return, tenant
from webui import evidence

NOW = dt.datetime(2026, 11, 2, 1, 0, tzinfo=dt.timezone.utc)
KEY = sample.KEY
PAGES = ("mutu-baku", "peta", "tidak", "jalur", "di-balik")


@pytest.fixture
def known(pe):
    made: list = []
    sample.make(pe, NOW, "kpu", cases=45, years=1, seed=11, told=made.extend)
    rollup.work(pe, seconds=60)
    return made


@pytest.fixture
def analis(signed_in):
    return signed_in("analis")


def row(page, name):
    """The cells of the table row with this heading, as text."""
    found = re.search(rf"<tr[^>]*><th[^>]*>{re.escape(name)}</th>(.*?)</tr>", page, re.S)
    assert found, name
    return [re.sub(r"<[^>]+>", "", cell).strip() for cell in re.findall(r"<td[^>]*>(.*?)</td>", found[1], re.S)]


def test_the_numbers_on_the_pages_are_the_known_ones(known, analis):
    steps = [s for p in known for s in p.steps if s.activity_id == "periksa"]
    cells = row(analis.get("/reports/mutu-baku?since=").text, "Memeriksa bahan informasi")
    assert cells[0] == "30 menit" and cells[4:7] == [str(len(steps)), str(sum(s.overdue for s in steps)), str(sum(s.again for s in steps))]
    assert cells[3] == f"{100 * (1 - sum(s.overdue for s in steps) / len(steps)):.0f}%"
    assert row(analis.get("/reports/peta?since=").text, "Memeriksa bahan informasi")[0] == str(len(steps))
    flow = row(analis.get("/reports/peta?since=").text, "Sesuai? → Memeriksa bahan informasi (TIDAK)")
    assert flow[0] == str(sum(f == "f_tidak" for p in known for f, _ in p.flows))
    for version in (1, 2):
        mine = [s for p in known if p.version == version for s in p.steps if s.activity_id == "periksa"]
        page = analis.get("/reports/peta?since=&compare=1&version=1&version2=2&measure=count").text
        assert row(page, "Memeriksa bahan informasi")[version - 1] == str(len(mine))
    page = analis.get("/reports/tidak?since=").text
    decided = [[s.returned for s in p.steps if s.decided] for p in known if any(s.decided for s in p.steps)]
    assert f">{100 * sum(not any(each) for each in decided) / len(decided):.0f}%</span>" in page
    assert row(page, "belum dikelompokkan")[0] == str(sum(s.returned is not None for p in known for s in p.steps))
    unit = [p for p in known if p.unit == "teknis"]
    assert row(page, "Subbag Teknis (contoh)")[0] == str(len(unit))
    page = analis.get("/reports/jalur?since=").text
    assert f'<span class="figure">{len({tuple(p.path) for p in known})}</span>' in page
    assert row(page, "Memutuskan penerbitan")[1].isdigit()


def test_two_versions_stand_beside_each_other(known, analis):
    steps = {n: [s for p in known if p.version == n for s in p.steps if s.activity_id == "periksa"] for n in (1, 2)}
    page = analis.get("/reports/mutu-baku?since=&compare=1&version=1&version2=2").text
    cells = row(page[page.index('id="beda"'):], "Memeriksa bahan informasi")
    assert (cells[9], cells[10]) == tuple(str(len(steps[n])) for n in (1, 2)) and len(cells) == 12
    share = {n: 1 - sum(s.overdue for s in steps[n]) / len(steps[n]) for n in (1, 2)}
    assert (cells[6], cells[7]) == tuple(f"{100 * share[n]:.0f}%" for n in (1, 2))
    assert cells[8].lstrip("+−") in ("sama", f"{100 * abs(share[2] - share[1]):.0f} poin")
    page = analis.get("/reports/tidak?since=&compare=1&version=1&version2=2").text
    cells = row(page[page.index('id="beda"'):], "Semua")
    for n in (1, 2):
        decided = [[s.returned for s in p.steps if s.decided] for p in known if p.version == n and any(s.decided for s in p.steps)]
        assert cells[n - 1] == f"{100 * sum(not any(each) for each in decided) / len(decided):.0f}%"
        assert (cells[n + 2], cells[n + 8]) == (str(sum(s is not None for each in decided for s in each)), str(len(decided)))
    assert 'id="beda"' not in analis.get("/reports/mutu-baku?since=").text
    for path in ("mutu-baku", "tidak", "jalur"):
        assert analis.get(f"/reports/{path}?compare=1&since2=x").status_code == 400
        assert analis.get(f"/reports/{path}?compare=1&since2=2001-01-01&until2=2001-01-02").status_code == 200


def test_the_ways_of_two_versions_stand_beside_each_other(known, analis):
    of = {n: [p for p in known if p.version == n] for n in (1, 2)}
    ways = {n: Counter(tuple(p.path) for p in of[n]) for n in (1, 2)}
    page = analis.get("/reports/jalur?since=&compare=1&version=1&version2=2").text
    page = page[page.index('id="beda"'):page.index("Jalur menurut seringnya")]
    shared, alone = ways[1].keys() & ways[2].keys(), [len(ways[n].keys() - ways[3 - n].keys()) for n in (1, 2)]
    assert f"{len(shared)} jalur ditempuh di keduanya, {alone[0]} hanya di yang pertama, {alone[1]} hanya di yang kedua" in page
    found = {}
    for name, body in re.findall(r"<tr><th[^>]*>(.*?)</th>(.*?)</tr>", page, re.S):
        found[re.sub(r"<[^>]+>", "|", name).strip("|")] = re.findall(r'<td[^>]*>(?:<a href="([^"]+)">)?([^<]*)', body)
    most = ways[1].most_common(1)[0][1]
    way = next(cells for name, cells in found.items() if name.startswith("Jalur 1|"))
    assert way[0][1] == f"{100 * most / len(of[1]):.0f}%" and way[3][1] == str(most)
    for label, mark in (("Dipindahkan langkahnya", "moved"), ("Diterbitkan dengan tangan", "manual"), ("Dibatalkan", "cancelled")):
        cells = [text for _, text in found[label]]
        counts = [sum(getattr(p, mark) for p in of[n]) for n in (1, 2)]
        assert cells[:2] == [f"{100 * count / len(of[n]):.0f}%" for n, count in zip((1, 2), counts, strict=True)], label
        assert cells[3:5] == [str(count) for count in counts]
    pairs = {n: Counter(pair for p in of[n] for pair in pairwise(p.path)) for n in (1, 2)}
    after = {n: sum(count for (one, _), count in pairs[n].items() if one == "periksa") for n in (1, 2)}
    cells = found["Memeriksa bahan informasi → Memutuskan penerbitan"]
    mine = {n: pairs[n]["periksa", "putuskan"] for n in (1, 2)}
    assert [text for _, text in cells][:2] == [f"{100 * mine[n] / len(of[n]):,.0f}" for n in (1, 2)]
    assert [text for _, text in cells][3:5] == [f"{100 * mine[n] / after[n]:.0f}%" for n in (1, 2)]
    assert [text for _, text in cells][6:8] == [str(mine[n]) for n in (1, 2)]
    for n, (address, _text) in zip((1, 2), way[3:5], strict=True):  # each side's figure leads to its own cases
        if address:
            behind = set(re.findall(r"CONTOH-\d{4}-\d{6}", analis.get(address.replace("&amp;", "&")).text))
            assert behind == {p.key for p in of[n] if tuple(p.path) == ways[1].most_common(1)[0][0]} and behind
    long = next(cells for name, cells in found.items() if name.startswith("Lebih lama dari"))
    for address, text in long[3:5]:
        behind = analis.get(address.replace("&amp;", "&")).text if address else ""
        assert len(set(re.findall(r"CONTOH-\d{4}-\d{6}", behind))) == int(text)


def test_a_change_of_less_than_a_minute_is_none(app, people):
    with app.test_request_context():
        g.account_actor = people["analis"]
        assert [evidence.shown_change(n, "lead") for n in (0.9, -0.4)] == ["sama", "sama"]
        assert [evidence.shown_change(n, "lead") for n in (1, -31)] == ["+1 menit", "−31 menit"]


def test_behind_a_number_stand_its_cases(known, analis):
    late = {p.key for p in known if any(s.activity_id == "periksa" and s.overdue for s in p.steps)}
    page = analis.get("/reports/di-balik?since=&what=activity&element=periksa&measure=overdue").text
    assert "Berkas yang terlambat pada Memeriksa bahan informasi" in page
    assert set(re.findall(r"CONTOH-\d{4}-\d{6}", page)) == late
    cancelled = analis.get("/reports/di-balik?since=&which=cancelled").text
    assert set(re.findall(r"CONTOH-\d{4}-\d{6}", cancelled)) == {p.key for p in known if p.cancelled}


def follow(analis, page):
    """(number, how many cases stand behind it, how often it happened in them) of each number of a page that leads to its cases."""
    found = {}
    for address, text in re.findall(r'<a href="(/reports/di-balik\?[^"]+)"[^>]*>(?:<span class="figure">)?(\d+)<', page):
        behind = analis.get(address.replace("&amp;", "&")).text
        times = "Berapa kali" in re.findall(r'<th scope="col">(.*?)</th>', behind)
        cells = [re.findall(r"<td[^>]*>(.*?)</td>", each, re.S) for each in re.findall(r'<tr><th scope="row".*?</tr>', behind, re.S)]
        found[address] = int(text), sum(int(each[1]) for each in cells) if times else len(cells)
    return found


def test_each_number_is_that_of_the_cases_behind_it(pe, known, analis, monkeypatch):
    monkeypatch.setattr(figures, "MOST_VARIANTS", 3)
    run(pe, lambda db: [db.execute(sa.update(table).where(table.c.kind == "laporan-keuangan").values(kind=""))
                        for table in (evidence_case, evidence_cell, evidence_return)])  # as of a procedure that knows no `jenis`
    for query in ("since=2026-03-10&until=2026-08-19", "since=&kind=*&version=1", "since=&unit=hukum"):
        page = analis.get(f"/reports/jalur?{query}").text
        found = follow(analis, page[:page.index("data-follows")])
        assert found and all(one == two for one, two in found.values()), found
    page = analis.get("/reports/tidak?since=").text
    page = page[page.index("Menurut jenis"):page.index('id="catatan"')]
    found = {address: pair for address, pair in follow(analis, page).items() if "which=returned" not in address}
    assert all(one == two for one, two in found.values()), found
    none = [p for p in known if p.kind == "laporan-keuangan"]
    assert next(pair for address, pair in found.items() if "kind=*" in address) == (len(none), len(none))
    assert '<option value="*" selected>tanpa jenis</option>' in analis.get("/reports/tidak?since=&kind=*").text
    assert '<option value="lama" selected>lama</option>' in analis.get("/reports/tidak?since=&kind=lama").text  # not silently ignored


def test_persons_are_compared_within_what_is_asked_for(known, analis, signed_in):
    signed_in("admin").post("/reports/persons", {"persons": "y", "key": KEY}, token_from="/reports/tidak?since=")
    mine = [p for p in known if p.writer == "contoh-hukum" and p.kind == "pengumuman"]
    page = analis.get("/reports/tidak?since=&kind=pengumuman").text
    assert row(page[page.index("Menurut penulis"):], "Hukum (contoh)")[0] == str(len(mine)) and mine


def test_what_is_compared_has_a_period_of_its_own(known, analis):
    page = analis.get("/reports/mutu-baku?compare=1&since2=2026-03-01&until2=2026-03-31").text
    assert 'name="since2" value="2026-03-01"' in page and "since=2026-03-01&amp;until=2026-03-31" in page


def test_made_up_data_is_called_so_on_every_page_and_real_data_is_not(pe, known, analis):
    for page in PAGES:
        assert "Data contoh" in analis.get(f"/reports/{page}").text, page
    run(pe, lambda db: db.execute(sa.update(tenant).values(settings={})))
    from engine import settings
    settings.forget(pe, "kpu")
    assert "Data contoh" not in analis.get("/reports/mutu-baku").text


def test_notes_are_sorted_by_hand(known, analis):
    page = analis.get("/reports/tidak?since=").text
    wording = re.search(r'name="wording" value="([^"]+)"> <span>([^<]+)<', page)
    data = {"wording": wording[1], "new": "Bahasa", "f-since": ""}
    answer = analis.post(f"/reports/tidak/{KEY}/sort", data, token_from="/reports/tidak?since=")
    assert answer.status_code == 303
    number = sum(s.returned == wording[2] for p in known for s in p.steps)
    page = analis.get("/reports/tidak?since=").text
    assert row(page, "Bahasa")[0] == str(number)
    id = re.search(r'<option value="([^"]+)">Bahasa', page)[1]
    assert analis.post(f"/reports/tidak/{KEY}/category/{id}/delete", {}, token_from="/reports/tidak?since=").status_code == 303
    assert ">Bahasa<" not in analis.get("/reports/tidak?since=").text
    for wrong in ({}, {"wording": "x"}, {"wording": "x" * 5000, "category": "y"}, {"wording": wording[1], "new": "n" * 101},
                  {"wording": "\0"}, {"wording": wording[1], "category": "\0"}):
        assert analis.post(f"/reports/tidak/{KEY}/sort", wrong, token_from="/reports/tidak?since=").status_code in (400, 404)


def test_only_an_admin_lets_persons_be_compared(known, analis, signed_in):
    assert analis.post("/reports/persons", {"persons": "y", "key": KEY}, token_from="/reports/tidak?since=").status_code == 403
    assert "Menurut penulis" not in analis.get("/reports/tidak?since=").text
    assert signed_in("admin").post("/reports/persons", {"persons": "y", "key": KEY}, token_from="/reports/tidak?since=").status_code == 303
    assert row(analis.get("/reports/tidak?since=").text, "Hukum (contoh)")[0] == str(sum(p.writer == "contoh-hukum" for p in known))


@pytest.mark.parametrize("query", [
    "since=kemarin", "until=2026-13-01", "since=0001-01-01", "version=x", "version=99", "kind=%00", "key=%00", "since2=x&compare=1", "key=tidak-ada"])
def test_a_wrong_question_is_a_clear_4xx(sop, analis, query):
    page = analis.get(f"/reports/peta?{query}")
    assert page.status_code in (400, 404) and "Traceback" not in page.text


@pytest.mark.parametrize("query", ["which=x", "rounds=-1", "rounds=²", "minutes=1e9", "measure=x&what=flow", "what=x", "after=x", "element=%00&what=flow",
                                   "what=flow&element=f_tidak&after=x,y", "variant=%00"])
def test_a_figure_that_is_none_is_a_clear_400(sop, analis, query):
    assert analis.get(f"/reports/di-balik?{query}").status_code == 400


def test_the_pages_are_for_overseers_and_empty_where_nothing_ended(sop, signed_in, stranger, analis):
    for page in PAGES:
        assert signed_in("ketua").get(f"/reports/{page}").status_code == 403
        assert stranger.get(f"/reports/{page}").status_code == 303
        assert "Tidak ada" in analis.get(f"/reports/{page}").text


def test_before_any_procedure_the_pages_are_empty_not_broken(analis):
    for page in PAGES:
        assert "Belum ada prosedur" in analis.get(f"/reports/{page}").text


def test_the_pages_ask_few_statements(known, analis, statements):
    for page, most in (("mutu-baku", 12), ("peta", 12), ("tidak", 20), ("jalur", 14), ("di-balik?which=returned", 11),
                       ("mutu-baku?compare=1", 19), ("peta?compare=1", 19), ("tidak?compare=1", 28), ("jalur?compare=1", 22), ("unduh", 10),
                       ("di-balik?what=activity&element=periksa&measure=overdue", 75)):  # some for each month of the year
        analis.get(f"/reports/{page}")
        with statements() as seen:
            assert analis.get(f"/reports/{page}").status_code == 200
        assert len(seen) <= most, f"{page}: {len(seen)}\n" + "\n".join(seen)


def test_every_question_to_the_sums_is_answered_from_an_index(pe, known):
    analyst = Actor("analis", "kpu", frozenset({"analyst"}))
    asked = []
    sa.event.listen(pe.db, "before_cursor_execute", lambda c, cursor, text, values, *_: asked.append((text, values)))
    scope = figures.Scope(KEY, dt.date(2026, 1, 9), dt.date(2026, 7, 9), kind="pengumuman", unit="teknis")
    figures.choices(pe, analyst, KEY)
    figures.heat(pe, analyst, scope), figures.cases(pe, analyst, scope), figures.paths(pe, analyst, scope), figures.reasons(pe, analyst, scope)
    with pe.db.connect() as db:
        for text, values in [each for each in asked if "evidence_" in each[0] or "NOT counted" in each[0]]:
            plan = " ".join(str(row) for row in db.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values))
            assert "SCAN evidence_" not in plan, f"{text}\n{plan}"
            assert "NOT counted" not in text or "ix_process_instance_uncounted" in plan


def test_a_case_that_was_run_counts_as_it_went(pe, people, returned, now):
    """The case of `returned`, sent back once at `now`: claimed an hour later, done another hour later, and not published in the end."""
    from engine import commands, queries

    case = queries.task(pe, people["admin"], returned)["instance_id"]

    def open_task():
        return queries.tasks(pe, people["admin"], instance_id=case).rows[0]["id"]

    hours = [now + dt.timedelta(hours=n) for n in range(4)]  # Monday from 08.00
    commands.claim(pe, people["kasubbag"], hours[1], returned)
    commands.complete(pe, people["kasubbag"], hours[2], returned, {"klasifikasi": "dikecualikan", "dasar_pengecualian": "Pasal 17"})
    assert rollup.work(pe) == 0  # it runs
    commands.complete(pe, people["ketua"], hours[3], open_task(), {"keputusan": "sesuai"})
    assert (rollup.work(pe), rollup.work(pe)) == (1, 0)
    analyst = Actor("analis", "kpu", frozenset({"analyst"}))
    steps, flows = figures.heat(pe, analyst, figures.Scope(KEY, kind="pengumuman"), "wait", "work", "lead")
    assert {id: m["count"] for id, m in steps.items()} == {
        "tugaskan": 1, "perintahkan": 1, "siapkan": 1, "periksa": 2, "putuskan": 2}
    assert {id: m["count"] for id, m in flows.items()} == dict.fromkeys(
        ("f_mulai", "f_perintahkan", "f_siapkan", "f_jenis", "f_periksa", "f_tidak", "f_kecuali"), 1) | {"f_putuskan": 2, "f_sesuai": 2}
    m = steps["periksa"]
    assert (m["repeats"], m["overdue"], m["claimed"], m["wait_seconds"], m["work_seconds"]) == (1, 1, 1, 3600, 3600)
    into = flows["f_tidak"]["wait_seconds"] + flows["f_periksa"]["wait_seconds"]  # both were taken in the instant `now`
    assert m.times["wait"] == {60: 1} and into == 3600
    assert (steps["putuskan"]["decided"], steps["putuskan"]["returned"]) == (2, 1)
    total = figures.cases(pe, analyst, figures.Scope(KEY)).total
    assert (total["count"], total["clean"], total["returned"], total["lead_seconds"]) == (1, 0, 1, 3 * 3600)
    assert total["again_seconds"] == 3600 + 3600  # checked again, decided again
    assert [row["count"] for row in figures.reasons(pe, analyst, figures.Scope(KEY, unit="pelaksana")).values()] == [1]
