"""What is disposed of stays in the sums; its writer, number and words are in nobody's hands any more."""

import datetime as dt

import pytest
import sqlalchemy as sa

from engine import disposal, keeping
from engine.evidence import behind, cells, figures, reasons, rollup, sample
from engine.evidence.figures import Scope
from engine.store import read, run
from engine.tables import evidence_case, evidence_cell, evidence_kept
from tests.conftest import on_databases
from tests.engine.test_evidence_out import ADMIN, ANALYST, NOW, lines, taken

KEY = Scope(sample.KEY)


@pytest.fixture
def known(pe, monkeypatch):
    monkeypatch.setattr(sample, "NOTES", {f"Catatan nomor {number}": 1 for number in range(40)})
    made = []
    sample.make(pe, NOW, "contoh", cases=40, years=1, seed=7, told=made.extend)
    while rollup.count_some(pe, "contoh", limit=50):
        pass
    return made


def sums(pe):
    cases, paths = figures.cases(pe, ANALYST, KEY), figures.paths(pe, ANALYST, KEY)
    return (cases.total, cases.kinds, cases.units, cases.rounds, paths.follows, figures.heat(pe, ANALYST, KEY, "lead", "wait", "work"),
            figures.reasons(pe, ANALYST, KEY))


def let_go(pe):
    keeping.set_rule(pe, ADMIN, NOW - dt.timedelta(days=1), sample.KEY, days=200, published=True, reason="JRA 2026")
    disposal.start(pe, ADMIN, NOW, disposal.freeze(pe, ADMIN, NOW), "Masa simpan habis")
    while disposal.work(pe, lambda: NOW, seconds=1):
        pass


def everything(pe):
    """All sums but those by writer, whose names go; and those."""
    with read(pe) as db:
        rows = [(row["what"], (row["what"], row["element"], row["id"]), (row["count"], cells.Measures.of(dict(row))))
                for row in db.execute(sa.select(evidence_cell)).mappings()]
    return ({key: value for what, key, value in rows if what != "writer"}, {key: value for what, key, value in rows if what == "writer"})


@on_databases
@pytest.mark.parametrize("spoilt", [False, True])
def test_counting_anew_begins_with_what_was_kept_of_disposed_cases(pe, known, spoilt):
    before, (all_sums, by_writer), ways = sums(pe), everything(pe), figures.paths(pe, ANALYST, KEY)
    gone = {p.key for p in known if p.end < NOW - dt.timedelta(days=200)}
    let_go(pe)
    without_theirs = everything(pe)[1]
    assert without_theirs != by_writer and all(count > 0 for count, _ in without_theirs.values())
    if spoilt:
        run(pe, lambda db: db.execute(sa.update(evidence_cell).values(measures="{}", count=7, lead="")))
        run(pe, lambda db: db.execute(sa.delete(evidence_cell).where(evidence_cell.c.what == "activity")))
    for _ in range(2):
        assert rollup.rebuild(pe, "contoh") == len(known) - len(gone) and gone
        assert sums(pe) == before and everything(pe) == (all_sums, without_theirs) and figures.paths(pe, ANALYST, KEY) == ways
    with read(pe) as db:
        assert db.scalar(sa.select(sa.func.count()).select_from(evidence_case)) == len(known)
        assert db.scalar(sa.text("SELECT count(*) FROM bi_case WHERE disposed")) == len(gone)
        kept = db.execute(sa.select(evidence_kept)).mappings().all()
    assert {row["element"] for row in kept if row["what"] == "writer"} == {""}
    assert not any(word in str(dict(row)) for row in kept for word in ("contoh-hukum", "Catatan nomor"))


@on_databases
def test_sums_stay_and_persons_and_words_go(pe, known):
    gone = {p.key for p in known if p.end < NOW - dt.timedelta(days=200)}
    said = {True: set(), False: set()}
    for p in known:
        said[p.key in gone] |= {s.returned for s in p.steps if s.returned}
    assert said[True] - said[False] and {row["note"] for row in reasons.wordings(pe, ANALYST, sample.KEY).rows} == said[True] | said[False]
    before = sums(pe)
    let_go(pe)
    assert sums(pe) == before
    left = {row["nomor"] for row in lines(taken(pe, "csv", "cases"))}
    assert left == {p.key for p in known} - gone and gone
    assert not gone & {row["business_key"] for row in behind.cases(pe, ANALYST, KEY, behind.Which(), limit=100).rows}
    with read(pe) as db:
        writers = db.execute(sa.select(evidence_case.c.writer, evidence_case.c.instance_id)).all()
        view = db.execute(sa.text("SELECT count(*) AS n, sum(working_seconds) AS lead FROM bi_case WHERE disposed")).one()
    assert sum(row.writer is None for row in writers) == len(gone) == view.n and len(writers) == len(known)
    assert view.lead == sum(60 * p.lead for p in known if p.key in gone)
    counts = {row["note"]: row["count"] for row in reasons.wordings(pe, ANALYST, sample.KEY).rows}
    assert counts.keys() == said[False]
    assert sum(counts.values()) == sum(s.returned is not None for p in known if p.key not in gone for s in p.steps)
