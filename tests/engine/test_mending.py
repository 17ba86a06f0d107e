"""What an admin mends: each in one transaction, with its reason in the history, by nobody else."""

import datetime as dt
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from bpmn.errors import Conflict, Forbidden, Invalid, NotFound
from connectors import Failure, NotYet
from engine import channels, commands, handlers, jobs, load, queries, tables
from engine.modification import BEFORE, CANCEL, Instruction
from engine.store import read
from tests.conftest import actor_of, on_databases
from tests.engine.small import END, START, catch, chain, deploy, diagram, do, open_tasks, service_task, timer, user_task

THREE = diagram(chain(START, user_task("a"), user_task("b", "sub-bagian"), user_task("c"), END))
CALL = diagram(chain(START, service_task("s", "uji"), user_task("b"), END))
TIMED = diagram(chain(START, catch("t", timer("timeDuration", "PT2H")), user_task("b"), END))
WHY = "Salah dikirim"
MOVE = (Instruction(CANCEL, "b"), Instruction(BEFORE, "a"))


@pytest.fixture
def three(pe, people, pemilik, penulis, now):
    deploy(pe, pemilik, now, THREE)
    case = commands.start(pe, penulis, now, key="p", variables={"judul": "Satu"})
    do(pe, penulis, now, "a", judul="Dua")
    return case


@pytest.fixture
def failed(pe, people, pemilik, admin, now, monkeypatch):
    """A case whose call failed for good."""
    monkeypatch.setattr(handlers, "_handlers", dict(handlers._handlers))

    @handlers.handler("uji")
    def fail(pe, job, now):
        raise Failure("rusak", "permanent")

    deploy(pe, pemilik, now, CALL)
    case = commands.start(pe, admin, now, key="p", variables={"x": 1})
    jobs.run_due(pe, lambda: now)
    return case


def last(pe, admin, case, type):
    return [row for row in queries.events(pe, admin, case.id, limit=200).rows if row["type"] == type][-1]


def everything(pe):
    """All rows that a case is made of."""
    with read(pe) as db:
        return [db.execute(sa.select(t).order_by(*t.primary_key)).all() for t in (
            tables.process_instance, tables.activity, tables.candidate, tables.job, tables.incident, tables.event)]


# Tokens ---------------------------------------------------------------------------------------------------------------

@on_databases
def test_a_token_is_moved_and_the_history_says_who_why_before_and_after(pe, three, penulis, admin, now):
    effect = commands.preview(pe, admin, now, three.id, MOVE)
    assert [r["activity_id"] for r in effect.canceled] == ["b"] and not effect.ended
    assert [(r["activity_id"], r["groups"]) for r in effect.started] == [("a", ("pelaksana",))]
    assert commands.modify(pe, admin, now, three.id, MOVE, WHY) is False
    assert list(open_tasks(pe, penulis)) == ["a"]
    told = last(pe, admin, three, "instance.modified")
    assert told["actor"] == "admin" and told["data"]["reason"] == WHY
    assert (told["data"]["before"], told["data"]["after"]) == ({"b": 1}, {"a": 1})
    assert told["data"]["instructions"] == [{"type": "cancel", "activity_id": "b"}, {"type": "startBeforeActivity", "activity_id": "a"}]
    do(pe, penulis, now, "a")
    [b] = [r for r in queries.activities(pe, admin, three.id) if r["activity_id"] == "b" and r["ended_at"] is None]
    assert b["is_task"]


@on_databases
def test_what_is_refused_leaves_every_row_as_it_was(pe, three, penulis, admin, now):
    before = everything(pe)
    for told, why in (([Instruction(CANCEL, "b")], WHY), ([Instruction(BEFORE, "x")], WHY), (MOVE, "  "), ([], WHY),
                      ([*MOVE, Instruction(CANCEL, "c")], WHY), ([Instruction(BEFORE, "a", variables={"x": {"document": "d1"}})], WHY)):
        with pytest.raises((Invalid, Conflict)):
            commands.modify(pe, admin, now, three.id, told, why)
    with pytest.raises(Forbidden):
        commands.modify(pe, penulis, now, three.id, MOVE, WHY)
    with pytest.raises(Forbidden):
        commands.preview(pe, penulis, now, three.id, MOVE)
    with pytest.raises(NotFound):
        commands.modify(pe, actor_of("admin", "lain"), now, three.id, MOVE, WHY)
    assert everything(pe) == before


class Killed(Exception):
    pass


@contextmanager
def killed_at(pe, number):
    """Raise Killed before the write statement with this number."""
    seen = []

    def stop(conn, cursor, statement, *rest):
        if statement.split()[0] in ("UPDATE", "INSERT", "DELETE"):
            seen.append(statement)
            if len(seen) > number:
                raise Killed

    sa.event.listen(pe.db, "before_cursor_execute", stop)
    try:
        yield
    finally:
        sa.event.remove(pe.db, "before_cursor_execute", stop)


@pytest.mark.parametrize("moment", range(4))
def test_killed_at_any_statement_there_is_never_half_a_change(pe, three, admin, now, moment):
    before = everything(pe)
    with pytest.raises(Killed), killed_at(pe, moment):
        commands.modify(pe, admin, now, three.id, MOVE, WHY)
    assert everything(pe) == before
    commands.modify(pe, admin, now, three.id, MOVE, WHY)


@pytest.mark.parametrize("pe", [pytest.param("postgres", marks=pytest.mark.service)], indirect=True)
def test_what_somebody_does_meanwhile_is_seen(pe, three, admin, now, monkeypatch):
    plain, reads = load.instance, []

    def slow(db, *rest):
        found = plain(db, *rest)
        reads.append(found.version)
        if len(reads) == 1:
            with pe.db.connect() as other:  # as though another process had committed in between
                other.execute(sa.update(tables.process_instance).values(version=tables.process_instance.c.version + 1))
                other.commit()
        return found

    monkeypatch.setattr(load, "instance", slow)
    commands.modify(pe, admin, now, three.id, MOVE, WHY)
    assert len(reads) == 2 and reads[1] == reads[0] + 1


def test_a_call_that_is_being_made_is_not_cancelled(pe, people, pemilik, admin, now):
    deploy(pe, pemilik, now, CALL)
    case = commands.start(pe, admin, now, key="p")
    [job] = queries.jobs(pe, admin).rows
    commands.lease_job(pe, now, job["id"], "l1")
    told = [Instruction(CANCEL, "s"), Instruction(BEFORE, "b")]
    with pytest.raises(Conflict):
        commands.modify(pe, admin, now, case.id, told, WHY)
    commands.modify(pe, admin, now + dt.timedelta(minutes=5), case.id, told, WHY)  # its worker is dead
    assert queries.job(pe, admin, job["id"])["state"] == "cancelled"


def test_a_suspended_case_is_mended_and_stays_suspended(pe, three, penulis, admin, now):
    commands.suspend_instance(pe, admin, now, three.id, "Menunggu keputusan")
    assert last(pe, admin, three, "instance.suspended")["data"] == {"reason": "Menunggu keputusan"}
    commands.modify(pe, admin, now, three.id, MOVE, WHY)
    with pytest.raises(Conflict):
        do(pe, penulis, now, "a")
    commands.activate_instance(pe, admin, now, three.id)
    do(pe, penulis, now, "a")


# Once more ------------------------------------------------------------------------------------------------------------

@on_databases
def test_an_ended_case_begins_once_more_from_a_step(pe, three, kasubbag, penulis, admin, now):
    with pytest.raises(Conflict):
        commands.restart(pe, admin, now, three.id, ["c"], WHY)
    do(pe, kasubbag, now, "b")
    do(pe, penulis, now, "c")
    with pytest.raises(Forbidden):
        commands.restart(pe, penulis, now, three.id, ["c"], WHY)
    with pytest.raises(Invalid):
        commands.restart(pe, admin, now, three.id, ["nowhere"], WHY)
    new = commands.restart(pe, admin, now, three.id, ["c"], WHY)
    assert new.business_key != three.business_key and new.definition_id == three.definition_id
    assert queries.instance_variables(pe, admin, new.id) == {"judul": "Dua"}
    assert list(open_tasks(pe, penulis, new.id)) == ["c"]
    assert last(pe, admin, three, "instance.restarted")["data"] == {
        "reason": WHY, "activities": ["c"], "as": new.id, "business_key": new.business_key}
    assert last(pe, admin, new, "instance.restarted_from")["data"]["from"] == three.id


# Incidents, jobs, times -----------------------------------------------------------------------------------------------

@on_databases
def test_what_failed_is_taken_as_done_by_hand(pe, failed, penulis, admin, now):
    [incident] = queries.incidents(pe, admin).rows
    with pytest.raises(Forbidden):
        commands.resolve_incident(pe, penulis, now, incident["id"], WHY)
    with pytest.raises(Invalid):
        commands.resolve_incident(pe, admin, now, incident["id"], "")
    commands.resolve_incident(pe, admin, now, incident["id"], WHY, {"hasil": 7})
    assert list(open_tasks(pe, penulis)) == ["b"] and not queries.incidents(pe, admin).rows
    assert queries.instance_variables(pe, admin, failed.id) == {"x": 1, "hasil": 7}
    assert queries.job(pe, admin, incident["job_id"])["state"] == "done"
    told = last(pe, admin, failed, "incident.resolved")["data"]
    assert (told["reason"], told["message"], told["variables"]) == (WHY, "rusak", {"hasil": 7})
    with pytest.raises(Conflict):
        commands.resolve_incident(pe, admin, now, incident["id"], WHY)
    with pytest.raises(NotFound):
        commands.resolve_incident(pe, actor_of("admin", "lain"), now, incident["id"], WHY)


def test_a_failed_call_is_made_again_with_what_was_edited(pe, failed, admin, now, monkeypatch):
    [job] = queries.jobs(pe, admin, state="failed").rows
    commands.set_variables(pe, admin, now, failed.id, {"x": 2}, reason=WHY)
    told = last(pe, admin, failed, "variables.set")["data"]
    assert (told["before"], told["variables"], told["reason"]) == ({"x": 1}, {"x": 2}, WHY)
    commands.set_job_retries(pe, admin, now, job["id"], 1, WHY)
    said = last(pe, admin, failed, "job.retries_set")["data"]
    assert (said["reason"], said["error"]) == (WHY, "rusak")


@on_databases
def test_a_failed_call_reads_what_was_edited(pe, failed, penulis, admin, now):
    [job] = queries.jobs(pe, admin, state="failed").rows
    seen = []
    handlers._handlers["uji"] = lambda pe, job, now: seen.append(job.payload) or {"hasil": 1}
    commands.set_variables(pe, admin, now, failed.id, {"x": 2}, reason=WHY)
    with pytest.raises(Forbidden):
        commands.renew_job(pe, penulis, now, job["id"], WHY)
    with pytest.raises(Invalid):
        commands.renew_job(pe, admin, now, job["id"], " ")
    commands.renew_job(pe, admin, now, job["id"], WHY)
    told = last(pe, admin, failed, "job.renewed")["data"]
    assert (told["changed"], told["reason"], told["error"]) == (["x"], WHY, "rusak") and not queries.incidents(pe, admin).rows
    assert jobs.run_due(pe, lambda: now) == 1 and seen == [{"x": 2}] and list(open_tasks(pe, penulis)) == ["b"]
    with pytest.raises(Conflict):
        commands.renew_job(pe, admin, now, job["id"], WHY)


def test_a_variable_of_one_step_is_set_there_and_only_there(pe, three, admin, now):
    [(element, scope)] = [(r["element"], r["id"]) for r in commands.standing(pe, admin, three.id)[1]]
    assert element == "b"
    commands.set_variables(pe, admin, now, three.id, {"judul": "Lokal"}, scope_id=scope, reason=WHY)
    assert queries.instance_variables(pe, admin, three.id) == {"judul": "Dua"}
    assert last(pe, admin, three, "variables.set")["data"]["scope"] == scope
    with pytest.raises(NotFound):
        commands.set_variables(pe, admin, now, three.id, {"x": 1}, scope_id="nowhere", reason=WHY)


@on_databases
def test_a_timer_is_put_off_and_fired(pe, people, pemilik, penulis, admin, now):
    deploy(pe, pemilik, now, TIMED)
    case = commands.start(pe, admin, now, key="p")
    [job] = queries.jobs(pe, admin).rows
    later = now + dt.timedelta(days=1)
    with pytest.raises(Invalid):
        commands.set_job_due(pe, admin, now, job["id"], now + dt.timedelta(days=4000), WHY)
    with pytest.raises(Forbidden):
        commands.set_job_due(pe, penulis, now, job["id"], later, WHY)
    commands.set_job_due(pe, admin, now, job["id"], later, WHY)
    assert jobs.run_due(pe, lambda: now + dt.timedelta(hours=3)) == 0
    told = last(pe, admin, case, "job.due_set")["data"]
    assert (told["from"], told["to"], told["reason"]) == (job["due_at"].isoformat(), later.isoformat(), WHY)
    commands.execute_job(pe, admin, now, job["id"], WHY)
    assert last(pe, admin, case, "job.executed")["data"]["reason"] == WHY
    assert jobs.run_due(pe, lambda: now) == 1 and list(open_tasks(pe, penulis)) == ["b"]
    with pytest.raises(Conflict):
        commands.set_job_due(pe, admin, now, job["id"], later, WHY)


@on_databases
def test_a_task_s_due_time_is_set_and_taken_away(pe, three, kasubbag, penulis, admin, now):
    task = open_tasks(pe, admin, three.id)["b"]
    due = now + dt.timedelta(hours=5)
    with pytest.raises(Forbidden):
        commands.set_due(pe, kasubbag, now, task, due, WHY)
    commands.set_due(pe, admin, now, task, due, WHY)
    assert queries.task(pe, admin, task)["due_at"] == due
    assert last(pe, admin, three, "task.due_set")["data"] == {"activity_id": "b", "from": None, "to": due.isoformat(), "reason": WHY}
    commands.set_due(pe, admin, now, task, None, WHY)
    assert queries.task(pe, admin, task)["due_at"] is None


def test_who_gets_a_task_instead_is_told_why(pe, three, admin, now):
    commands.assign(pe, admin, now, open_tasks(pe, admin, three.id)["b"], "kasubbag", WHY)
    assert last(pe, admin, three, "task.assigned")["data"]["reason"] == WHY


# Channels -------------------------------------------------------------------------------------------------------------

@on_databases
def test_a_paused_channel_lets_its_jobs_wait(pe, people, penulis, admin, now):
    channels.seed_channels(pe, now, admin.tenant)
    with pytest.raises(Invalid):
        channels.pause_channel(pe, admin, now, "website", " ")
    with pytest.raises(Forbidden):
        channels.pause_channel(pe, penulis, now, "website", WHY)
    channels.pause_channel(pe, admin, now, "website", WHY)
    assert channels.channel_of(pe, admin, "website")["pause_reason"] == WHY
    with pytest.raises(NotYet):
        channels.connector_for(pe, admin.tenant, "website")
    channels.resume_channel(pe, admin, now, "website")
    channels.connector_for(pe, admin.tenant, "website")
    assert channels.channel_of(pe, admin, "website")["paused_at"] is None
