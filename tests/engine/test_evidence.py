"""The analyst's figures: over a history whose every figure is known, over histories counted in any order, and over a case that was run."""

import datetime as dt
import random
import statistics
from collections import Counter
from itertools import pairwise

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from bpmn.errors import Conflict, Forbidden, Invalid, NotFound
from engine import settings, standings
from engine.evidence import behind, cells, facts, figures, output, reasons, rollup, sample
from engine.evidence.behind import Which
from engine.evidence.figures import Scope
from engine.process_engine import Actor
from engine.store import read, run
from engine.tables import evidence_case, evidence_cell, evidence_return, evidence_variant, evidence_wording, process_instance, tenant
from tests.conftest import on_databases

NOW = dt.datetime(2026, 11, 2, 1, 0, tzinfo=dt.timezone.utc)
ANALYST = Actor("analis", "contoh", frozenset({"analyst"}))
ADMIN = Actor("admin", "contoh", frozenset({"admin"}))
KEY = sample.KEY


@pytest.fixture
def known(pe):
    """Made-up cases, counted: what was planned."""
    made: list = []
    sample.make(pe, NOW, "contoh", cases=90, years=1, seed=7, told=made.extend)
    while rollup.count_some(pe, "contoh", limit=50):
        pass
    return made


def versions(pe):
    return {each["version"]: each["id"] for each in figures.choices(pe, ANALYST, KEY).versions}


# A known history ------------------------------------------------------------------------------------------------------

def day(plan):
    return plan.end.astimezone(dt.timezone(dt.timedelta(hours=7))).date()


def scopes(pe, known):
    """Scopes of every sort, each with the cases that are in it."""
    of, days = versions(pe), sorted(day(p) for p in known)
    since, until = days[22].replace(day=9), days[-15].replace(day=20)
    yield Scope(KEY), known, None
    yield Scope(KEY, since, until), [p for p in known if since <= day(p) <= until], None
    yield Scope(KEY, since.replace(day=1), None), [p for p in known if day(p) >= since.replace(day=1)], None
    yield Scope(KEY, None, until, versions=(of[2],)), [p for p in known if day(p) <= until and p.version == 2], None
    yield Scope(KEY, since, None, kind="laporan-keuangan"), [p for p in known if day(p) >= since and p.kind == "laporan-keuangan"], None
    yield Scope(KEY, since, until, unit="hukum"), [p for p in known if since <= day(p) <= until], "hukum"
    yield Scope(KEY, unit="sub-bagian", kind="pengumuman"), [p for p in known if p.kind == "pengumuman"], "sub-bagian"
    yield Scope(KEY, dt.date(2001, 1, 1), dt.date(2001, 2, 3)), [], None


@on_databases
def test_every_figure_is_the_known_one(pe, known):
    for scope, plans, unit in scopes(pe, known):
        check_steps(pe, scope, plans, unit)
        check_cases(pe, scope, plans, unit)


def check_steps(pe, scope, plans, unit):
    activities, flows = figures.heat(pe, ANALYST, scope, *cells.TIMES)
    steps = [s for p in plans for s in p.steps if unit in (None, s.unit)]
    assert {name for name in activities if name in sample.STANDARD and activities[name]["count"]} == {s.activity_id for s in steps}
    for name in {s.activity_id for s in steps}:
        check(activities[name], [s for s in steps if s.activity_id == name])
    assert {id: m["count"] for id, m in flows.items() if m["count"]} == Counter(
        flow for p in plans for flow, by in p.flows if unit in (None, by))
    for flow in ("f_tidak", "f_periksa"):
        into = [s for s in steps if s.flow == flow] if unit is None else []
        if into:
            assert flows[flow]["overdue"] == sum(s.overdue for s in into)
            assert flows[flow]["cost_seconds"] == sum(60 * s.work for s in into)
            assert flows[flow].quantile("lead", 0.5) == pytest.approx(statistics.median(s.lead for s in into), rel=0.002)


def check(m, steps):
    claimed = [s for s in steps if s.wait is not None]
    assert m["count"] == m["promised"] == len(steps)
    assert m["overdue"] == sum(s.overdue for s in steps)
    assert (m["repeats"], m["extended"]) == (sum(s.again for s in steps), sum(s.extended > 0 for s in steps))
    assert (m["decided"], m["returned"]) == (sum(s.decided for s in steps), sum(s.returned is not None for s in steps))
    assert m["claimed"] == len(claimed)
    assert m["lead_seconds"] == 60 * sum(s.lead for s in steps)
    assert m["wait_seconds"] == 60 * sum(s.wait for s in claimed)
    assert m["work_seconds"] == 60 * sum(s.work for s in claimed)
    assert m["cost_seconds"] == 60 * sum(s.work for s in steps)
    assert m["again_seconds"] == 60 * sum(s.work for s in steps if s.again)
    assert m.quantile("lead", 0.5) == pytest.approx(statistics.median(s.lead for s in steps), rel=0.002)
    assert m.quantile("lead", 0.9) == pytest.approx(percentile([s.lead for s in steps], 0.9), rel=0.002)
    if claimed:
        assert m.quantile("wait", 0.5) == pytest.approx(statistics.median(s.wait for s in claimed), rel=0.002)
        assert m.quantile("work", 0.5) == pytest.approx(statistics.median(s.work for s in claimed), rel=0.002)


def percentile(values, share):
    """By hand: the value that `share` of the others do not exceed, the mean of two where it falls between them."""
    values, at = sorted(values), share * len(values)
    return values[int(at)] if at != int(at) else (values[int(at) - 1] + values[int(at)]) / 2


def check_cases(pe, scope, plans, unit):
    mine = [p for p in plans if unit in (None, p.unit)]
    found, ways = figures.cases(pe, ANALYST, scope), figures.paths(pe, ANALYST, scope)
    m = found.total
    returns = [sum(s.returned is not None for s in p.steps) for p in mine]
    decided = [any(s.decided for s in p.steps) for p in mine]
    assert m["count"] == len(mine) and m["canceled"] == sum(p.cancelled for p in mine)
    assert m["decided"] == sum(decided) and m["returned"] == sum(returns)
    assert m["clean"] == sum(d and not r for d, r in zip(decided, returns, strict=True))
    assert (m["moved"], m["manual"]) == (sum(p.moved for p in mine), sum(p.manual for p in mine))
    assert m["extended"] == sum(any(s.extended for s in p.steps) for p in mine)
    assert m["again_seconds"] == sum(60 * s.work for p in mine for s in p.steps if s.again)
    assert m["lead_seconds"] == 60 * sum(p.lead for p in mine)
    assert found.rounds == Counter(returns)
    assert {kind: each["count"] for kind, each in found.kinds.items()} == Counter(p.kind for p in mine)
    assert {name: each["returned"] for name, each in found.units.items()} == {
        name: sum(r for p, r in zip(mine, returns, strict=True) if p.unit == name) for name in {p.unit for p in mine}}
    assert {month: each["count"] for month, each in found.months.items()} == Counter(day(p).replace(day=1) for p in mine)
    assert Counter({tuple(v["path"]): v["measures"]["count"] for v in ways.variants}) == Counter(tuple(p.path) for p in mine)
    assert ways.number == len({tuple(p.path) for p in mine})
    assert ways.follows == Counter(pair for p in mine for pair in pairwise(p.path))
    assert sum(each["count"] for each in figures.reasons(pe, ANALYST, scope).values()) == sum(returns)


def test_standards_stand_beside_what_was_month_by_month(pe, known):
    steps = {s.activity_id: s for s in figures.standards(pe, ANALYST, NOW, Scope(KEY, versions=(versions(pe)[1],)))}
    mine = [s for p in known if p.version == 1 for s in p.steps if s.activity_id == "periksa"]
    assert (steps["periksa"].standard, steps["siapkan"].standard, steps["siapkan"].langkah) == (60, 300, "3")
    assert steps["periksa"].share == pytest.approx(1 - sum(s.overdue for s in mine) / len(mine))
    assert sum(m["count"] for m in steps["periksa"].months.values()) == len(mine)
    assert list(steps)[:4] == ["tugaskan", "perintahkan", "siapkan", "periksa"]
    assert {s.activity_id: s.standard for s in figures.standards(pe, ANALYST, NOW, Scope(KEY))}["periksa"] == 30  # the version in force


def test_the_cases_behind_each_figure_are_as_many_as_it_says(pe, known, monkeypatch):
    monkeypatch.setattr(behind, "CHUNK", 7)
    monkeypatch.setattr(behind, "MOST_READ", 40)
    for scope, plans, unit in scopes(pe, known):
        mine = [(p, [s for s in p.steps if unit in (None, s.unit)]) for p in plans]
        for what, element, measure, wanted in (
                ("activity", "periksa", "overdue", [p.key for p, steps in mine if any(s.activity_id == "periksa" and s.overdue for s in steps)]),
                ("activity", "putuskan", "returned", [p.key for p, steps in mine if any(s.returned is not None for s in steps)]),
                ("flow", "f_tidak", "count", [p.key for p in plans if any(f == "f_tidak" and unit in (None, by) for f, by in p.flows)]),
                ("follows", "siapkan\nterbitkan", "count", [
                    p.key for p in plans if ("siapkan", "terbitkan") in pairwise(p.path) and unit in (None, p.unit)])):
            assert keys(pe, scope, Which(what=what, element=element, measure=measure)) == Counter(wanted)
        again = figures.heat(pe, ANALYST, scope)[0].get("periksa", cells.Measures())  # more often than there are cases
        assert keys(pe, scope, Which(what="activity", element="periksa"), "times").total() == again["count"]
        assert keys(pe, scope, Which(category=""), "times").total() == figures.reasons(pe, ANALYST, scope)[""]["count"]
        total = figures.cases(pe, ANALYST, scope).total
        for which, measure in (("all", "count"), ("decided", "decided"), ("clean", "clean"), ("cancelled", "canceled"), ("moved", "moved"),
                               ("manual", "manual"), ("extended", "extended"), ("repeats", "repeats")):
            assert keys(pe, scope, Which(which)).total() == total[measure], which
        for variant in figures.paths(pe, ANALYST, scope).variants[:3]:
            assert keys(pe, scope, Which(variant=variant["id"])).total() == variant["measures"]["count"]


def keys(pe, scope, which, times=None):
    """The cases behind a figure, each once, or as often as their column says."""
    found, after = Counter(), None
    while True:
        page = behind.cases(pe, ANALYST, scope, which, after=after, limit=9)
        found.update({row["business_key"]: row[times] if times else 1 for row in page.rows})
        after = page.next
        if not after:
            return found


# Once, in any order, and anew -------------------------------------------------------------------------------------------

def everything(pe):
    with read(pe) as db:
        sums = {row["id"]: (row["count"], cells.Measures.of(dict(row))) for row in db.execute(sa.select(evidence_cell)).mappings()}
        return [sums, *({tuple(row) for row in db.execute(sa.select(*(c for c in table.c if c.name != "path")))}
                        for table in (evidence_case, evidence_return, evidence_variant, evidence_wording))]


@on_databases
def test_counted_in_any_order_and_counted_anew_the_numbers_are_the_same(pe):
    sample.make(pe, NOW, "contoh", cases=40, years=0.5, seed=3)
    rng = random.Random(5)
    with read(pe) as db:
        ids = list(db.scalars(sa.select(process_instance.c.id)))
    rng.shuffle(ids)
    run(pe, lambda db: db.execute(sa.update(process_instance).values(counted=True)))
    while ids:  # as if they had ended, and their transactions had become visible, in this order
        more = [ids.pop() for _ in range(min(len(ids), rng.randint(1, 12)))]
        run(pe, lambda db, more=more: db.execute(
            sa.update(process_instance).where(process_instance.c.id.in_(more)).values(counted=False)))
        assert rollup.work(pe) == len(more)
    counted = everything(pe)
    assert len(counted[1]) == 40 and rollup.work(pe) == 0
    assert rollup.rebuild(pe, "contoh") == 40
    assert everything(pe) == counted


def test_a_case_is_counted_once_though_two_workers_are_at_it(pe, monkeypatch):
    sample.make(pe, NOW, "contoh", cases=20, years=0.5, seed=3)
    once = rollup._facts

    def overtaken(db, cases):
        monkeypatch.setattr(rollup, "_facts", once)
        found = list(once(db, cases))
        assert rollup.count_some(pe) == 20  # the other one, between this one's reading and its writing
        return found

    monkeypatch.setattr(rollup, "_facts", overtaken)
    assert rollup.count_some(pe) == 0
    assert figures.cases(pe, ANALYST, Scope(KEY)).total["count"] == 20


@given(st.lists(st.integers(0, 200_000), min_size=1, max_size=60), st.integers(1, 4))
def test_a_histogram_tells_medians_and_percentiles_to_a_fifth_of_a_per_cent(values, pieces):
    merged = cells.Measures()
    for number in range(pieces):
        piece = cells.Measures()
        for value in values[number::pieces]:
            piece.time("lead", value * 60)
        merged.add(cells.Measures.of(piece.row()))
    assert merged.quantile("lead", 0.5) == pytest.approx(statistics.median(values), rel=0.002)
    assert merged.quantile("lead", 0.9) == pytest.approx(percentile(values, 0.9), rel=0.002)
    assert merged.mean("lead") == pytest.approx(statistics.mean(values))


def test_the_spans_of_a_period_are_its_days_each_once():
    first = dt.date(2026, 1, 1)
    rng = random.Random(1)
    for _ in range(300):
        since, length = first + dt.timedelta(rng.randrange(400)), rng.randrange(200)
        until = since + dt.timedelta(length)
        months, days = figures.spans(since, until)
        found = [a + dt.timedelta(n) for a, b in days for n in range((b - a).days + 1)]
        month = months and months[0]
        while month and month <= months[1]:
            found += [month + dt.timedelta(n) for n in range((figures._end(month) - month).days + 1)]
            month = figures._end(month) + dt.timedelta(1)
        assert sorted(found) == [since + dt.timedelta(n) for n in range(length + 1)]


# Made up, and said to be ------------------------------------------------------------------------------------------------

def test_the_same_seed_makes_the_same_history(pe):
    one, two = (list(sample.plans(random.Random(4), NOW - dt.timedelta(days=300), NOW, 30)) for _ in range(2))
    assert one == two and one != list(sample.plans(random.Random(5), NOW - dt.timedelta(days=300), NOW, 30))
    sample.make(pe, NOW, "contoh", cases=5, years=0.5)
    with read(pe) as db:
        assert all(row.business_key.startswith("CONTOH-") and row.title.startswith("[Contoh]") for row in db.execute(
            sa.select(process_instance.c.business_key, process_instance.c.title)))
        assert db.scalar(sa.select(tenant.c.settings).where(tenant.c.id == "contoh"))["sample"]
    assert settings.get(pe, "contoh")["sample"]


def test_cases_times_days_may_be_more_than_a_timedelta_holds():
    """As a million cases in five years are; here 1,500 in two thousand."""
    *_, last = sample.plans(random.Random(4), dt.datetime(2, 1, 1, tzinfo=dt.timezone.utc), NOW, 1500)
    assert last.number == 1500 and dt.timedelta(days=45) < NOW - last.start < dt.timedelta(days=1600)


def test_an_office_with_real_cases_gets_no_made_up_ones(pe, people, now):
    from tests.engine import a_case

    a_case.make_definition(pe, now)
    a_case.make_case(pe, now)
    with pytest.raises(Conflict):
        sample.make(pe, NOW, "kpu", cases=1)


# Why ------------------------------------------------------------------------------------------------------------------

def test_notes_are_put_into_categories_by_hand_and_stay_there(pe, known):
    said = Counter(s.returned for p in known for s in p.steps if s.returned)
    page = reasons.wordings(pe, ANALYST, KEY)
    assert {row["note"]: row["count"] for row in page.rows} == said and page.rows[0]["count"] == max(said.values())
    language = reasons.create(pe, ANALYST, NOW, KEY, "  Bahasa ")
    wanted = [row["id"] for row in page.rows if "bahasa" in row["note"]]
    assert reasons.put(pe, ANALYST, NOW, KEY, language, wanted) == 1
    number = said["Perbaiki bahasa dan ejaan."]
    expected = {"": {"name": "", "count": said.total() - number}, language: {"name": "Bahasa", "count": number}}
    assert figures.reasons(pe, ANALYST, Scope(KEY)) == expected
    rollup.rebuild(pe, "contoh")
    assert figures.reasons(pe, ANALYST, Scope(KEY)) == expected
    assert keys(pe, Scope(KEY), Which(category=language)).total() == sum(
        any(s.returned == "Perbaiki bahasa dan ejaan." for s in p.steps) for p in known)
    with pytest.raises(Conflict):
        reasons.create(pe, ANALYST, NOW, KEY, "bahasa")
    reasons.delete(pe, ANALYST, NOW, KEY, language)
    assert figures.reasons(pe, ANALYST, Scope(KEY)) == {"": {"name": "", "count": said.total()}}


def test_persons_are_compared_only_where_an_admin_allows_it(pe, known):
    assert figures.cases(pe, ANALYST, Scope(KEY)).writers is None
    with pytest.raises(Forbidden):
        behind.cases(pe, ANALYST, Scope(KEY), Which(writer="contoh-hukum"))
    with pytest.raises(Forbidden):
        settings.change(pe, ANALYST, NOW, "evidence", {"persons": True})
    settings.change(pe, ADMIN, NOW, "evidence", {"persons": True})
    writers = figures.cases(pe, ANALYST, Scope(KEY)).writers
    assert {id: m["count"] for id, m in writers.items()} == Counter(p.writer for p in known)
    with pytest.raises(Invalid):
        settings.change(pe, ADMIN, NOW, "evidence", {"persons": "ya"})


def test_only_overseers_ask_and_only_of_what_there_is(pe, known):
    staff = Actor("penulis", "contoh", frozenset({"pelaksana"}))
    for ask in (figures.choices, reasons.categories):
        with pytest.raises(Forbidden):
            ask(pe, staff, KEY)
    for ask in (figures.heat, figures.cases, figures.paths, figures.reasons):
        with pytest.raises(Forbidden):
            ask(pe, staff, Scope(KEY))
    with pytest.raises(Forbidden):
        behind.cases(pe, staff, Scope(KEY), Which())
    for ask in (lambda: figures.choices(pe, ANALYST, "tidak-ada"), lambda: reasons.create(pe, ANALYST, NOW, "tidak-ada", "Bahasa"),
                lambda: reasons.put(pe, ANALYST, NOW, KEY, "tidak-ada", ["x"]), lambda: reasons.delete(pe, ANALYST, NOW, "\0", "x")):
        with pytest.raises(NotFound):
            ask()
    for wrong in (Which("x"), Which(what="x"), Which(what="flow", measure="x"), Which(what="flow", element="\0")):
        with pytest.raises(Invalid):
            behind.cases(pe, ANALYST, Scope(KEY), wrong)
    other = Actor("analis", "kpu", frozenset({"analyst"}))
    assert figures.heat(pe, other, Scope(KEY)) == ({}, {})
    assert behind.cases(pe, other, Scope(KEY), Which()).rows == []


def test_the_same_words_are_one_wording_whatever_their_spaces():
    assert facts.wording(" Perbaiki  bahasa. ") == facts.wording("perbaiki bahasa") != facts.wording("perbaiki")


@on_databases
def test_what_is_to_be_counted_is_found_by_its_index(pe):
    with pe.db.connect() as db:
        if db.dialect.name == "postgresql":
            db.execute(sa.text("SET enable_seqscan = off"))
        explain = "EXPLAIN" if db.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
        query = str(sa.select(process_instance.c.id).where(rollup.UNCOUNTED).order_by(
            process_instance.c.tenant_id, process_instance.c.id).limit(1).compile(db, compile_kwargs={"literal_binds": True}))
        assert "ix_process_instance_uncounted" in str(db.execute(sa.text(f"{explain} {query}")).all())


# What was put out -----------------------------------------------------------------------------------------------------

@on_databases
def test_what_was_put_out_is_known_by_channel_class_and_month(pe, known):
    for scope, plans, unit in scopes(pe, known):
        mine = [p for p in plans if p.channels and unit in (None, p.unit)]
        shown = output.found(pe, ANALYST, scope)
        assert {id: m["out"] for id, m in shown.channels.items()} == Counter(c for p in mine for c in p.channels)
        assert {id: m["manual"] for id, m in shown.channels.items() if m["manual"]} == Counter(c for p in mine for c in p.channels if c == "facebook")
        for id, m in shown.channels.items():
            took = [p.since_approval[id] for p in mine if id in p.since_approval]
            assert m["count"] == m["out"] and output.share(m) == 1 and sum(output.spread(m)) == sum(m.times.get("lead", {}).values()) == len(took)
            if took:
                assert m["lead_seconds"] == 60 * sum(took)
                assert m.quantile("lead", 0.5) == pytest.approx(statistics.median(took), rel=0.002)
                assert m.quantile("lead", 0.9) == pytest.approx(percentile(took, 0.9), rel=0.002)
                assert output.spread(m)[:3] == [sum(low <= t < high for t in took) for low, high in ((0, 30), (30, 60), (60, 120))]
        of = {kind: sample.CLASSES.get(kind, "berkala") for kind in sample.KINDS}
        assert {name: m["count"] for name, m in shown.classes.items()} == Counter(of[p.kind] for p in mine)
        assert sum(m["posts"] for m in shown.classes.values()) == sum(len(p.channels) for p in mine)
        assert {(month, name): m["count"] for month, each in shown.class_months.items() for name, m in each.items()} == Counter(
            (day(p).replace(day=1), of[p.kind]) for p in mine)
        assert {(month, id): m["out"] for month, each in shown.months.items() for id, m in each.items()} == Counter(
            (day(p).replace(day=1), c) for p in mine for c in p.channels)
        for name, m in shown.classes.items():
            assert keys(pe, scope, Which(what="class", element=name)).total() == m["count"]
        quick = [p.key for p in mine if 30 <= p.since_approval.get("website", -1) < 60]
        assert keys(pe, scope, Which(what="channel", element="website", measure="out", least=30, most=60)) == Counter(quick)


def test_what_failed_is_unknown_was_withdrawn_or_is_about_another_counts_for_what_it_is(pe, known):
    with read(pe) as db:
        id = db.scalar(sa.select(process_instance.c.id).where(process_instance.c.business_key == next(p for p in known if p.channels).key))
        case = dict(db.execute(sa.select(*rollup._CASE).where(process_instance.c.id == id)).mappings().one())
        diagram, office = rollup.diagram(db, case["definition_id"]), rollup.office(db, "contoh")
    posts = [{"channel_id": "x", "state": state, "connector": "x", "published_at": NOW if state == "scheduled" else None}
             for state in ("scheduled", "failed", "unknown", "withdrawn", "planned", "manual")]
    shown = facts.read(case, [], [], diagram, office, posts)
    [m] = [m for (what, _, _), m in shown.measures.items() if what == "channel"]
    assert m.sums == {"count": 6, "out": 1, "failed": 1, "unknown": 1, "withdrawn": 1} and output.share(m) == 1 / 3 and "lead" not in m.times
    assert [m.sums for (what, _, _), m in shown.measures.items() if what == "class"] == [{"count": 1, "posts": 1}]
    ralat = facts.read({**case, "about_id": id}, [], [], diagram, office, posts)
    assert not any(what == "class" for what, _, _ in ralat.measures)


def test_the_page_of_output_asks_as_many_statements_for_many_cases_as_for_few(pe, known):
    asked = []
    sa.event.listen(pe.db, "before_cursor_execute", lambda c, cursor, text, values, *_: asked.append((text, values)))
    output.found(pe, ANALYST, Scope(KEY)), standings.tally(pe, ANALYST)
    assert len([text for text, _ in asked if text.startswith("SELECT")]) == 3
    with pe.db.connect() as db:
        for text, values in [each for each in asked if each[0].startswith("SELECT")]:
            plan = " ".join(str(row) for row in db.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values))
            assert "SCAN" not in plan and "publication " not in plan, f"{text}\n{plan}"
