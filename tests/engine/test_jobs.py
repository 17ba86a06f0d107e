"""Jobs: leased, done once, retried, given up, taken up again."""

import datetime as dt
import time

import pytest
import sqlalchemy as sa

from bpmn.errors import Conflict, Forbidden, Invalid, NotFound
from connectors import Failure, NotYet
from engine import commands, handlers, jobs, queries
from engine.commands.jobs import MOST_ATTEMPTS
from engine.handlers import BpmnError
from engine.store import read
from engine.tables import job as job_table
from tests.conftest import on_databases
from tests.engine.small import END, START, catch, chain, deploy, diagram, do, flows, open_tasks, service_task, timer, user_task

SERVICE = chain(START, service_task("s", "uji"), user_task("b"), END)
CAUGHT = SERVICE + (
    '<boundaryEvent id="gagal" attachedToRef="s"><errorEventDefinition errorRef="e"/></boundaryEvent>' + user_task("tangan")[1]
    + flows("gagal tangan", "tangan end"))


def with_error(body: str) -> bytes:
    return diagram(body).replace(b"<process", b'<error id="e" errorCode="gagal"/><process', 1)


@pytest.fixture
def handler(monkeypatch):
    """A function that sets what the topic `uji` does."""
    monkeypatch.setattr(handlers, "_handlers", dict(handlers._handlers))
    return handlers.handler("uji")


@pytest.fixture
def case(pe, pemilik, admin, now):
    deploy(pe, pemilik, now, diagram(SERVICE))
    return commands.start(pe, admin, now, key="p", variables={"x": 1})


def the_job(pe, admin):
    [row] = queries.jobs(pe, admin).rows
    return row


def run_at(pe, moment, limit=100):
    return jobs.run_due(pe, lambda: moment, limit=limit)


@on_databases
def test_a_job_is_done_with_its_input_and_its_result_goes_on(pe, case, handler, penulis, admin, now):
    seen = []
    handler(lambda pe, job, now: seen.append(job) or {"hasil": job.payload["x"] + 1})
    assert run_at(pe, now) == 1 and run_at(pe, now) == 0
    [job] = seen
    assert (job.instance_id, job.activity_id, job.attempts, job.topic, job.payload) == (case.id, "s", 1, "uji", {"x": 1})
    assert queries.instance_variables(pe, admin, case.id) == {"x": 1, "hasil": 2}
    assert the_job(pe, admin)["state"] == "done" and list(open_tasks(pe, penulis)) == ["b"]
    assert "job.done" in [row["type"] for row in queries.events(pe, admin, case.id).rows]


def test_a_handler_runs_outside_any_transaction(pe, case, handler, admin, now):
    handler(lambda pe, job, now: commands.set_variables(pe, admin, now, job.instance_id, {"dari": "penangan"}))
    assert run_at(pe, now) == 1
    assert queries.instance_variables(pe, admin, case.id)["dari"] == "penangan"


@on_databases
def test_a_leased_job_is_nobody_elses_until_the_lease_ends(pe, case, handler, now):
    handler(lambda pe, job, now: {})
    [id] = commands.fetch_due(pe, now)
    assert commands.lease_job(pe, now, id, "satu", 60)
    assert commands.fetch_due(pe, now + dt.timedelta(seconds=59)) == []
    assert commands.lease_job(pe, now + dt.timedelta(seconds=59), id, "dua", 60) is None
    assert commands.renew_lease(pe, now + dt.timedelta(seconds=59), id, "satu", 60)
    later = now + dt.timedelta(seconds=119)
    assert commands.lease_job(pe, later, id, "dua", 60).attempts == 2
    for late in (lambda: commands.finish_job(pe, later, id, "satu", {}), lambda: commands.fail_job(pe, later, id, "satu", "x"),
                 lambda: commands.throw_bpmn_error(pe, later, id, "satu", "x"), lambda: commands.postpone_job(pe, later, id, "satu", 5)):
        with pytest.raises(Conflict):
            late()
    assert not commands.renew_lease(pe, later, id, "satu", 60)
    commands.finish_job(pe, later, id, "dua", {})
    with pytest.raises(Conflict):
        commands.finish_job(pe, later, id, "dua", {})


@on_databases
def test_a_temporary_failure_is_tried_again_and_then_becomes_an_incident(pe, case, handler, admin, now):
    @handler
    def _fail(pe, job, now):
        raise Failure("server sibuk", "temporary")

    moment, waits = now, []
    while the_job(pe, admin)["state"] == "open":
        assert run_at(pe, moment) == 1
        row = the_job(pe, admin)
        if row["state"] == "open":
            waits.append((row["due_at"] - moment).total_seconds())
            assert run_at(pe, row["due_at"] - dt.timedelta(seconds=1)) == 0
        moment = row["due_at"]
    assert len(waits) == 4 and all(7.5 * 3**n <= wait <= 10 * 3**n for n, wait in enumerate(waits))
    [incident] = queries.incidents(pe, admin).rows
    assert (incident["type"], incident["message"], incident["activity_id"]) == ("failedJob", "server sibuk", "s")
    assert queries.instances(pe, admin, with_incident=True).rows[0]["incidents"] == 1
    assert run_at(pe, now + dt.timedelta(days=9)) == 0


def test_retry_after_is_kept(pe, case, handler, admin, now):
    @handler
    def _fail(pe, job, now):
        raise Failure("pelan-pelan", "temporary", retry_after=1234)

    run_at(pe, now)
    assert the_job(pe, admin)["due_at"] == now + dt.timedelta(seconds=1234)


def test_waiting_for_its_time_is_no_failed_attempt(pe, case, handler, admin, now):
    @handler
    def _wait(pe, job, now):
        raise NotYet(retry_after=40 * 86400)

    for n in range(10):
        assert run_at(pe, now + dt.timedelta(days=40 * n)) == 1
    row = the_job(pe, admin)
    assert (row["state"], row["retries"], row["attempts"], row["due_at"]) == ("open", 5, 0, now + dt.timedelta(days=400))


@on_databases
def test_retry_resolves_the_incident_and_the_case_goes_on(pe, case, handler, penulis, admin, now):
    outcome = [Failure("salah kata sandi", "permanent")]

    @handler
    def _once(pe, job, now):
        if outcome:
            raise outcome.pop()
        return {}

    run_at(pe, now)
    id = the_job(pe, admin)["id"]
    with pytest.raises(Forbidden):
        commands.set_job_retries(pe, penulis, now, id, 1)
    with pytest.raises(NotFound):
        commands.set_job_retries(pe, admin, now, "tak ada", 1)
    for bad in (0, -1, 10**6, True, "1"):
        with pytest.raises(Invalid):
            commands.set_job_retries(pe, admin, now, id, bad)
    commands.set_job_retries(pe, admin, now, id, 3)
    assert queries.incidents(pe, admin).rows == []
    assert queries.incidents(pe, admin, open=None).rows[0]["resolved_by"] == "admin"
    assert run_at(pe, now) == 1
    assert list(open_tasks(pe, penulis)) == ["b"]
    with pytest.raises(Conflict):
        commands.set_job_retries(pe, admin, now, id, 3)


@pytest.mark.parametrize(("failure", "type"), [
    (Failure("tidak pasti", "unknown"), "unknownOutcome"), (Failure("ditolak", "permanent"), "failedJob"),
    (BpmnError("lain", "x"), "failedJob"),
])
def test_what_nothing_catches_is_an_incident(pe, case, handler, admin, now, failure, type):
    @handler
    def _fail(pe, job, now):
        raise failure

    run_at(pe, now)
    assert [row["type"] for row in queries.incidents(pe, admin).rows] == [type]


@pytest.mark.parametrize("failure", [Failure("ditolak", "permanent"), BpmnError("gagal", "ditolak", {"kegagalan": "ditolak"})])
def test_a_final_failure_goes_to_a_person_where_the_diagram_says_so(pe, pemilik, penulis, handler, admin, now, failure):
    @handler
    def _fail(pe, job, now):
        raise failure

    deploy(pe, pemilik, now, with_error(CAUGHT))
    case = commands.start(pe, admin, now, key="p")
    run_at(pe, now)
    assert list(open_tasks(pe, penulis)) == ["tangan"] and queries.incidents(pe, admin).rows == []
    assert queries.task_variables(pe, penulis, open_tasks(pe, penulis)["tangan"])["kegagalan"] == "ditolak"
    assert the_job(pe, admin)["state"] == "done"
    assert do(pe, penulis, now, "tangan", case.id).ended


def test_an_unknown_outcome_is_never_caught(pe, pemilik, handler, admin, now):
    @handler
    def _fail(pe, job, now):
        raise Failure("tidak pasti", "unknown")

    deploy(pe, pemilik, now, with_error(CAUGHT))
    commands.start(pe, admin, now, key="p")
    run_at(pe, now)
    assert [row["type"] for row in queries.incidents(pe, admin).rows] == ["unknownOutcome"]


def test_a_handlers_bug_is_retried_and_then_an_incident(pe, case, handler, admin, now):
    handler(lambda pe, job, now: 1 / 0)
    for hour in range(6):
        run_at(pe, now + dt.timedelta(hours=hour))
    [incident] = queries.incidents(pe, admin).rows
    assert incident["message"] == "ZeroDivisionError: division by zero"


def test_a_result_that_cannot_be_kept_is_an_incident(pe, case, handler, admin, now):
    handler(lambda pe, job, now: {"x": object()})
    run_at(pe, now)
    assert [row["type"] for row in queries.incidents(pe, admin).rows] == ["expression"]


def test_an_error_whose_path_fails_in_turn_is_an_incident(pe, pemilik, handler, admin, now):
    @handler
    def _fail(pe, job, now):
        raise BpmnError("gagal", "x")

    broken = CAUGHT.replace('camunda:candidateGroups="pelaksana"/><', 'camunda:candidateGroups="pelaksana" camunda:assignee="${1/0}"/><')
    deploy(pe, pemilik, now, with_error(broken))
    commands.start(pe, admin, now, key="p")
    run_at(pe, now)
    assert [row["type"] for row in queries.incidents(pe, admin).rows] == ["expression"]
    assert run_at(pe, now + dt.timedelta(days=1)) == 0


def test_a_start_timer_of_a_suspended_definition_waits(pe, pemilik, admin, now):
    starting = diagram(chain(catch("t", timer("timeDuration", "PT1H"), "startEvent"), user_task("a"), END))
    definition = deploy(pe, pemilik, now, starting).definitions[0]["id"]
    commands.suspend_definition(pe, admin, now, definition, "uji")
    assert run_at(pe, now + dt.timedelta(hours=2)) == 0
    commands.activate_definition(pe, admin, now, definition, "uji")
    assert run_at(pe, now + dt.timedelta(hours=3)) == 1 and len(queries.instances(pe, admin).rows) == 1


def test_a_failing_output_is_an_incident_and_the_call_is_not_made_again(pe, pemilik, handler, admin, now):
    calls = []
    handler(lambda pe, job, now: calls.append(job.id) or {"hasil": 0})
    output = ('<extensionElements><camunda:inputOutput><camunda:outputParameter name="y">${1 / hasil}</camunda:outputParameter>'
              "</camunda:inputOutput></extensionElements>")
    deploy(pe, pemilik, now, diagram(chain(START, service_task("s", "uji", output), END)))
    commands.start(pe, admin, now, key="p")
    for hour in range(3):
        run_at(pe, now + dt.timedelta(hours=hour))
    assert len(calls) == 1 and [row["type"] for row in queries.incidents(pe, admin).rows] == ["expression"]


def test_a_job_of_a_cancelled_case_is_dropped_when_it_comes_back(pe, case, handler, admin, now):
    handler(lambda pe, job, now: commands.cancel(pe, admin, now, job.instance_id, "sementara itu") or {"x": 2})
    assert run_at(pe, now) == 1
    assert the_job(pe, admin)["state"] == "cancelled" and queries.incidents(pe, admin).rows == []
    assert queries.instance_variables(pe, admin, case.id) == {"x": 1}


def test_a_suspended_cases_jobs_wait(pe, case, handler, admin, now):
    handler(lambda pe, job, now: {})
    commands.suspend_instance(pe, admin, now, case.id)
    assert commands.fetch_due(pe, now) == []
    assert commands.lease_job(pe, now, the_job(pe, admin)["id"], "x") is None
    commands.activate_instance(pe, admin, now, case.id)
    assert run_at(pe, now) == 1


def test_cancelling_a_case_resolves_its_incidents(pe, case, handler, admin, now):
    @handler
    def _fail(pe, job, now):
        raise Failure("x", "permanent")

    run_at(pe, now)
    commands.cancel(pe, admin, now, case.id)
    assert queries.incidents(pe, admin).rows == [] and the_job(pe, admin)["state"] == "cancelled"


def test_a_job_whose_workers_keep_dying_is_shown_to_a_person(pe, case, handler, admin, now):
    handler(lambda pe, job, now: {})
    id = the_job(pe, admin)["id"]
    for n in range(MOST_ATTEMPTS):
        assert commands.lease_job(pe, now + dt.timedelta(seconds=61 * n), id, f"lease {n}")
    assert commands.lease_job(pe, now + dt.timedelta(days=1), id, "last") is None
    assert [row["type"] for row in queries.incidents(pe, admin).rows] == ["failedJob"]


def test_a_long_call_keeps_its_lease(pe, case, handler, admin, now):
    object.__setattr__(pe, "config", {"LEASE_SECONDS": 0.3})
    started = time.monotonic()

    def clock():
        return now + dt.timedelta(seconds=time.monotonic() - started)

    taken = []

    @handler
    def _slow(pe, job, _now):
        for _ in range(8):
            time.sleep(0.1)
            taken.append(commands.lease_job(pe, clock(), job.id, "thief"))

    assert jobs.run_due(pe, clock) == 1
    assert taken == [None] * 8 and the_job(pe, admin)["state"] == "done"


def test_wake_ups_name_the_jobs_that_are_due(pe, pemilik, admin, now):
    sent = []
    object.__setattr__(pe, "send", sent.extend)
    deploy(pe, pemilik, now, diagram(SERVICE))
    commands.start(pe, admin, now, key="p")
    with read(pe) as db:
        assert sent == list(db.execute(sa.select(job_table.c.id)).scalars())


def test_due_jobs_come_in_a_bounded_batch_the_oldest_first(pe, pemilik, handler, admin, now):
    handler(lambda pe, job, now: {})
    deploy(pe, pemilik, now, diagram(SERVICE))
    for minute in range(5):
        commands.start(pe, admin, now - dt.timedelta(minutes=minute), key="p")
    ids = commands.fetch_due(pe, now, limit=3)
    due = {row["id"]: row["due_at"] for row in queries.jobs(pe, admin).rows}
    assert [due[id] for id in ids] == [now - dt.timedelta(minutes=minute) for minute in (4, 3, 2)]
