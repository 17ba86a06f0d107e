"""The analyst's figures, counted by hand over rows written by hand."""

import datetime as dt
from pathlib import Path

import pytest
import sqlalchemy as sa

from bpmn.errors import Forbidden, NotFound
from engine import reports
from engine.reports import Scope
from engine.store import run
from engine.tables import activity, deployment, process_definition, process_instance, resource
from tests.conftest import on_databases

DIAGRAM = (Path(__file__).parent.parent / "webui" / "kecil.bpmn").read_bytes()
HOUR = 3600.0


class History:
    """Writes finished and running cases as the engine would have."""

    def __init__(self, pe, now):
        self.pe, self.now, self.n = pe, now, 0

        def write(db):
            db.execute(sa.insert(deployment), {"id": "d1", "tenant_id": "kpu", "name": "x", "deployed_at": now})
            db.execute(sa.insert(resource), {"id": "r1", "deployment_id": "d1", "name": "kecil.bpmn", "sha256": "0" * 64, "content": DIAGRAM})
            db.execute(sa.insert(process_definition), {
                "id": "kecil:1:d1", "tenant_id": "kpu", "key": "kecil", "version": 1, "name": "Proses kecil", "deployment_id": "d1",
                "resource_name": "kecil.bpmn", "content_hash": "h", "calls": {}, "groups": ["pelaksana"], "starter_groups": [], "deployed_at": now})

        run(pe, write)

    def case(self, *hours, start=0, running=False):
        """A case whose step `siapkan` took these hours, turn after turn; the last is open when `running`."""
        self.n += 1
        begin = self.now + dt.timedelta(hours=start)
        rows, at = [], begin
        for number, taken in enumerate(hours):
            open_ = running and number == len(hours) - 1
            end = at + dt.timedelta(hours=taken)
            rows.append({"id": f"a{self.n}-{number}", "tenant_id": "kpu", "instance_id": f"i{self.n}", "definition_id": "kecil:1:d1",
                         "activity_id": "siapkan", "name": "Siapkan", "type": "userTask", "is_task": True, "started_at": at,
                         "ended_at": None if open_ else end, "due_at": at + dt.timedelta(hours=1), "canceled": False})
            at = end

        def write(db):
            db.execute(sa.insert(process_instance), {
                "id": f"i{self.n}", "tenant_id": "kpu", "definition_id": "kecil:1:d1", "definition_key": "kecil", "business_key": f"K-{self.n}",
                "version": 1, "variables": "{}", "started_at": begin, "ended_at": None if running else at,
                "end_reason": None if running else "completed"})
            db.execute(sa.insert(activity), rows)

        run(self.pe, write)


@pytest.fixture
def history(pe, now):
    return History(pe, now)


@on_databases
def test_each_step_is_measured_beside_its_mutu_baku(pe, history, analis, now):
    history.case(0.5)
    history.case(2, 1)
    history.case(3, running=True)
    (step,) = reports.steps(pe, analis, now + dt.timedelta(hours=2), Scope("kecil"))
    assert (step.name, step.standard, step.count, step.running, step.overdue) == ("Siapkan", HOUR, 3, 1, 1)
    assert step.median == pytest.approx(HOUR, abs=0.01)
    assert step.mean == pytest.approx(3.5 * HOUR / 3, abs=0.01)
    assert step.longest == pytest.approx(2 * HOUR, abs=0.01)
    assert step.share == pytest.approx(2 / 3)
    assert step.repeats == 1


@on_databases
def test_the_median_of_an_even_number_lies_between_the_middle_two(pe, history, analis, now):
    for hours in (1, 2, 4, 9):
        history.case(hours)
    assert reports.steps(pe, analis, now, Scope("kecil"))[0].median == pytest.approx(3 * HOUR, abs=0.01)
    assert reports.summary(pe, analis, Scope("kecil")).median == pytest.approx(3 * HOUR, abs=0.01)


@on_databases
def test_a_summary_counts_cases_and_how_often_they_were_sent_back(pe, history, analis, now):
    history.case(1)
    history.case(1, 1, 1)
    history.case(1, 1, running=True)
    found = reports.summary(pe, analis, Scope("kecil"))
    assert (found.started, found.running, found.completed, found.cancelled) == (3, 1, 2, 0)
    assert (found.returned, found.loops) == (2, 3)
    assert reports.loops(pe, analis, ["i1", "i2", "i3"]) == {"i2": 2, "i3": 1}


@on_databases
def test_a_period_counts_the_cases_that_were_started_in_it(pe, history, analis, now):
    history.case(1, start=0)
    history.case(1, start=24)
    history.case(1, start=48)
    day = Scope("kecil", now + dt.timedelta(hours=24), now + dt.timedelta(hours=48))
    assert reports.summary(pe, analis, day).started == 1
    assert reports.steps(pe, analis, now, day)[0].count == 1


@on_databases
def test_an_empty_scope_gives_noughts_not_an_error(pe, history, analis, now):
    assert reports.summary(pe, analis, Scope("kecil")) == reports.Summary(0, 0, 0, 0, None, None, 0, 0)
    (step,) = reports.steps(pe, analis, now, Scope("kecil"))
    assert (step.count, step.median, step.share) == (0, None, None)


def test_only_overseers_see_reports_and_only_of_what_exists(pe, history, analis, ketua, now):
    with pytest.raises(Forbidden):
        reports.summary(pe, ketua, Scope("kecil"))
    with pytest.raises(NotFound):
        reports.steps(pe, analis, now, Scope("tidak-ada"))
    assert reports.keys(pe, analis) == [{"key": "kecil", "name": "Proses kecil"}]
