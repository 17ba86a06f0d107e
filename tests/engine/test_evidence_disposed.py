"""What is disposed of stays in the sums; its writer, number and words are in nobody's hands any more."""

import datetime as dt

import pytest
import sqlalchemy as sa

from engine import disposal, keeping
from engine.evidence import behind, figures, reasons, rollup, sample
from engine.evidence.figures import Scope
from engine.store import read
from engine.tables import evidence_case
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


@on_databases
def test_sums_stay_and_persons_and_words_go(pe, known):
    gone = {p.key for p in known if p.end < NOW - dt.timedelta(days=200)}
    said = {True: set(), False: set()}
    for p in known:
        said[p.key in gone] |= {s.returned for s in p.steps if s.returned}
    assert said[True] - said[False] and {row["note"] for row in reasons.wordings(pe, ANALYST, sample.KEY).rows} == said[True] | said[False]
    before = sums(pe)
    keeping.set_rule(pe, ADMIN, NOW - dt.timedelta(days=1), sample.KEY, days=200, published=True, reason="JRA 2026")
    disposal.start(pe, ADMIN, NOW, disposal.freeze(pe, ADMIN, NOW), "Masa simpan habis")
    while disposal.work(pe, lambda: NOW, seconds=1):
        pass
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
