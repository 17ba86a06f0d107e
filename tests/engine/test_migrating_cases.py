"""Running cases brought to another version: dry run, batches, who may, what stops it, and what is left of it."""

import datetime as dt

import pytest
import sqlalchemy as sa

from bpmn.errors import Conflict, Forbidden, Invalid, NotFound
from engine import commands, jobs, notices, queries
from engine import people as accounts
from engine.commands import batches, migrating
from engine.migration_plan import Plan
from engine.process_engine import Actor
from engine.store import read, run
from engine.tables import activity, batch_item, candidate, event, incident, job, notice, process_instance, subscription
from tests.conftest import on_databases
from tests.engine.small import END, START, catch, chain, deploy, diagram, flows, message, open_tasks, service_task, timer, user_task
from tests.engine.test_concurrency import at_once
from tests.engine.test_crash import killed_after

ONE = diagram(chain(START, user_task("a"), user_task("b"), END), properties={"label": "${judul}"})
TWO = diagram(chain(START, user_task("a", "sub-bagian"), user_task("baru"), user_task("b"), END), properties={"label": "Perihal ${judul}"})
SAME = {"a": "a", "b": "b"}


@pytest.fixture
def versions(pe, people, pemilik, now):
    """Deploy diagrams one after the other; give their definitions' ids."""
    def make(*contents):
        return [deploy(pe, pemilik, now, content).definitions[0]["id"] for content in contents]
    return make


def start(pe, actor, now, definition_id, count=1, **variables):
    return [commands.start(pe, actor, now, definition_id=definition_id, variables=variables).id for _ in range(count)]


def rows(pe, table, **where):
    query = sa.select(table).where(*(table.c[name] == value for name, value in where.items())).order_by(*table.primary_key.columns)
    with read(pe) as db:
        return [dict(row) for row in db.execute(query).mappings()]


def states(pe, migration_id):
    return [row["state"] for row in rows(pe, batch_item, batch_id=migration_id)]


def move_all(pe, actor, now, source, target, plan, **rest):
    id = migrating.start_migration(pe, actor, now, source, target, Plan(plan), why="SOP baru", **rest)
    batches.work(pe, lambda: now)
    return id


# A case ---------------------------------------------------------------------------------------------------------------

@on_databases
def test_a_case_goes_on_in_the_other_version_with_its_task(pe, versions, penulis, kasubbag, pemilik, admin, now):
    one, two = versions(ONE, TWO)
    with pytest.raises(Conflict):
        migrating.start_migration(pe, pemilik, now, one, two, Plan(SAME), why="SOP baru")
    [case] = start(pe, penulis, now, one, judul="Rapat")
    task = open_tasks(pe, admin, case)["a"]
    due = rows(pe, activity, id=task)[0]["due_at"]
    id = move_all(pe, pemilik, now, one, two, SAME)
    assert queries.batch(pe, pemilik, id)["counts"]["done"] == queries.batch(pe, pemilik, id)["total"] == 1
    assert queries.batch(pe, pemilik, id)["state"] == "done"
    [row] = rows(pe, process_instance, id=case)
    assert (row["definition_id"], row["title"], row["version"]) == (two, "Perihal Rapat", 2)
    [held] = rows(pe, activity, id=task)
    assert (held["definition_id"], held["due_at"], held["ended_at"]) == (two, due, None)
    assert [(c["kind"], c["name"]) for c in rows(pe, candidate, task_id=task)] == [("group", "sub-bagian")]
    [happened] = rows(pe, event, type="instance.migrated")
    assert happened["actor"] == "pemilik" and happened["data"] == {
        "from": one, "to": two, "from_version": 1, "to_version": 2, "reason": "SOP baru", "mapping": {"a": "a"}, "migration": id}
    commands.complete(pe, kasubbag, now, task)
    assert list(open_tasks(pe, admin, case)) == ["baru"]
    finished = rows(pe, activity, instance_id=case, activity_id="start")
    assert finished[0]["definition_id"] == one, "what was done before stays with the version it was done in"


@on_databases
def test_whoever_has_the_task_keeps_it_with_its_candidates(pe, versions, penulis, pemilik, admin, now):
    one, two = versions(ONE, TWO)
    [case] = start(pe, penulis, now, one)
    task = open_tasks(pe, penulis, case)["a"]
    commands.claim(pe, penulis, now, task)
    move_all(pe, pemilik, now, one, two, SAME)
    assert rows(pe, activity, id=task)[0]["assignee"] == "penulis"
    assert [c["name"] for c in rows(pe, candidate, task_id=task)] == ["pelaksana"]
    commands.complete(pe, penulis, now, task)


def test_due_times_are_kept_or_counted_anew_from_the_task_s_start(pe, versions, penulis, pemilik, admin, now):
    def timed(waktu):
        return diagram(chain(START, ("a", '<userTask id="a" camunda:candidateGroups="pelaksana"><extensionElements><camunda:properties>'
                                     f'<camunda:property name="waktu" value="{waktu}"/></camunda:properties></extensionElements></userTask>'), END))
    one, two, three = versions(timed("PT1H"), timed("PT2H"), timed("PT3H"))
    [case] = start(pe, penulis, now, one)
    task = open_tasks(pe, penulis, case)["a"]
    before = rows(pe, activity, id=task)[0]
    later = now + dt.timedelta(hours=1)
    migrating.migrate_now(pe, pemilik, later, one, two, Plan({"a": "a"}), [case], why="SOP baru")
    assert rows(pe, activity, id=task)[0]["due_at"] == before["due_at"]
    migrating.migrate_now(pe, pemilik, later, two, three, Plan({"a": "a"}, frozenset({"a"})), [case], why="SOP baru")
    after = rows(pe, activity, id=task)[0]
    assert after["due_at"] == before["due_at"] + dt.timedelta(hours=2) and after["allowed_seconds"] == 3 * 3600


@on_databases
def test_the_people_whose_task_it_becomes_are_told_and_nobody_twice(pe, versions, penulis, kasubbag, pemilik, admin, now):
    def told():
        notices.tell_of_tasks(pe, now)
        return {(row["user_id"], row["task_id"]) for row in rows(pe, notice, kind="task")}

    for person in (penulis, kasubbag):
        accounts.update_user(pe, admin, now, person.id, email=f"{person.id}@kpu.example")
    one, two, three = versions(ONE, TWO, ONE)
    cases = start(pe, admin, now, one, 2)
    tasks = [open_tasks(pe, penulis, case)["a"] for case in cases]
    commands.claim(pe, penulis, now, tasks[1])
    before = told()
    assert before == {("penulis", task) for task in tasks}
    migrating.migrate_now(pe, pemilik, now, one, three, Plan(SAME), cases, why="SOP baru")
    assert told() == before, "for the same people as before: nothing to say"
    migrating.migrate_now(pe, pemilik, now, three, two, Plan(SAME), cases, why="SOP baru")
    assert told() - before == {("kasubbag", tasks[0])}, "one has become theirs; the other its holder keeps"


@on_databases
def test_what_waits_beside_the_case_goes_along(pe, versions, penulis, pemilik, admin, now):
    def waiting(name, msg):
        return diagram(chain(START, user_task("a"), END) + catch(
            f"{name}_m", message(msg), "boundaryEvent", 'attachedToRef="a" cancelActivity="false"')[1] + catch(
            f"{name}_t", timer("timeDuration", "PT5H"), "boundaryEvent", 'attachedToRef="a" cancelActivity="false"')[1]
            + "".join(user_task(f"{name}_{n}")[1] for n in "xy") + flows(f"{name}_m {name}_x", f"{name}_t {name}_y"), messages=[msg])
    one, two = versions(waiting("satu", "Balas"), waiting("dua", "Jawab"))
    [case] = start(pe, penulis, now, one)
    [before], [waits] = rows(pe, job, instance_id=case), rows(pe, subscription, instance_id=case)
    move_all(pe, pemilik, now + dt.timedelta(hours=1), one, two, {"a": "a", "satu_m": "dua_m", "satu_t": "dua_t"})
    [after], [now_waits] = rows(pe, job, instance_id=case), rows(pe, subscription, instance_id=case)
    assert (after["id"], after["due_at"], after["activity_id"], after["definition_id"]) == (before["id"], before["due_at"], "dua_t", two)
    assert (now_waits["id"], now_waits["name"], now_waits["activity_id"], now_waits["definition_id"]) == (waits["id"], "Jawab", "dua_m", two)
    commands.correlate_message(pe, admin, now, "Jawab", instance_id=case)
    assert jobs.run_job(pe, after["id"], lambda: after["due_at"])
    assert sorted(open_tasks(pe, admin, case)) == ["a", "dua_x", "dua_y"]


@on_databases
def test_a_failed_job_and_its_incident_go_along_and_are_done_there(pe, versions, penulis, pemilik, admin, now):
    one, two = versions(*(diagram(chain(START, service_task(name, "uji"), user_task("b"), END)) for name in ("kirim", "terbit")))
    [case] = start(pe, penulis, now, one)
    [waiting] = rows(pe, job, instance_id=case)
    commands.lease_job(pe, now, waiting["id"], "l")
    commands.fail_job(pe, now, waiting["id"], "l", "mati", "permanent")
    assert rows(pe, incident)[0]["activity_id"] == "kirim"
    move_all(pe, pemilik, now, one, two, {"kirim": "terbit", "b": "b"})
    assert [(i["activity_id"], i["definition_id"], i["resolved_at"]) for i in rows(pe, incident)] == [("terbit", two, None)]
    commands.set_job_retries(pe, admin, now, waiting["id"], 1)
    commands.lease_job(pe, now, waiting["id"], "m")
    commands.finish_job(pe, now, waiting["id"], "m")
    assert list(open_tasks(pe, admin, case)) == ["b"] and rows(pe, incident)[0]["resolved_at"] is not None


@on_databases
def test_a_case_whose_job_is_being_done_waits_its_turn(pe, versions, penulis, pemilik, admin, now):
    one, two = versions(*(diagram(chain(START, service_task("kirim", "uji"), user_task(name), END)) for name in ("x", "y")))
    [case] = start(pe, penulis, now, one)
    [waiting] = rows(pe, job, instance_id=case)
    commands.lease_job(pe, now, waiting["id"], "l", 60)
    id = migrating.start_migration(pe, pemilik, now, one, two, Plan({"kirim": "kirim"}), why="SOP baru")
    assert "gilirannya" in queries.dry_run(pe, pemilik, now, one, two, Plan({"kirim": "kirim"})).rows[0]["problem"]["message"]
    assert batches.work(pe, lambda: now) == 0 and states(pe, id) == ["open"]
    assert queries.batch(pe, pemilik, id)["state"] == "running"
    later = now + dt.timedelta(seconds=61)
    assert batches.work(pe, lambda: later) == 1 and states(pe, id) == ["done"]
    commands.finish_job(pe, later, waiting["id"], "l")  # the worker was only slow: what it did counts in the new version
    assert list(open_tasks(pe, admin, case)) == ["y"]


@on_databases
def test_a_suspended_case_goes_and_stays_suspended_unless_it_would_move(pe, versions, penulis, pemilik, admin, now):
    one, two = versions(ONE, TWO)
    [case] = start(pe, penulis, now, one)
    commands.suspend_instance(pe, admin, now, case)
    id = move_all(pe, pemilik, now, one, two, SAME)
    assert states(pe, id) == ["done"] and rows(pe, process_instance, id=case)[0]["suspended"]

    def forked(*branches):
        inner = "".join(user_task(name)[1] for name in branches) + user_task("z")[1]
        gates = '<parallelGateway id="f"/><parallelGateway id="j"/>' + START[1] + END[1]
        return diagram(gates + inner + flows("start f", "j z", "z end", *(f"f {n}" for n in branches), *(f"{n} j" for n in branches)), "q")
    three, four = (deploy(pe, pemilik, now, forked(*names)).definitions[0]["id"] for names in ("xyw", "xy"))
    [other] = start(pe, penulis, now, three)
    for name in "xy":
        commands.complete(pe, penulis, now, open_tasks(pe, penulis, other)[name])
    commands.suspend_instance(pe, admin, now, other)
    plan = {"x": "x", "y": "y", "w": "x", "j": "j", "z": "z"}  # the join has all it waits for there
    id = move_all(pe, pemilik, now, three, four, plan)
    assert "ditangguhkan" in rows(pe, batch_item, batch_id=id)[0]["problem"]["message"]
    commands.activate_instance(pe, admin, now, other)
    move_all(pe, pemilik, now, three, four, plan)
    assert sorted(open_tasks(pe, admin, other)) == ["x", "z"]


# Many -----------------------------------------------------------------------------------------------------------------

@on_databases
def test_what_would_fail_is_said_before_and_is_what_fails(pe, versions, penulis, pemilik, now):
    one, two = versions(ONE, diagram(chain(START, user_task("a"), END)))
    cases = start(pe, penulis, now, one, 5, judul="x")
    for case in cases[:2]:
        commands.complete(pe, penulis, now, open_tasks(pe, penulis, case)["a"])
    first = queries.dry_run(pe, pemilik, now, one, two, Plan({"a": "a"}), limit=3)
    rest = queries.dry_run(pe, pemilik, now, one, two, Plan({"a": "a"}), after=first.next, limit=3)
    assert len(first.rows) == 3 and len(rest.rows) == 2 and rest.next is None
    tried = {row["id"]: row for row in first.rows + rest.rows}
    assert {id for id, row in tried.items() if row["problem"]} == set(cases[:2])
    assert tried[cases[0]]["at"] == ["b"] and tried[cases[0]]["problem"]["element"] == "b" and tried[cases[0]]["title"] == "x"
    assert not rows(pe, event, type="instance.migrated"), "nothing was written"
    id = move_all(pe, pemilik, now, one, two, {"a": "a"})
    found = {row["instance_id"]: row for row in queries.batch_items(pe, pemilik, id).rows}
    assert {id for id, row in found.items() if row["state"] == "failed"} == set(cases[:2])
    assert found[cases[0]]["problem"] == tried[cases[0]]["problem"]
    assert [row["instance_id"] for row in queries.batch_items(pe, pemilik, id, state="failed").rows] == sorted(cases[:2])
    assert len(open_tasks(pe, penulis, cases[0])) == 1, "a case that cannot go is as it was"
    assert queries.migrations(pe, pemilik, "p").rows[0]["id"] == id


@on_databases
def test_stopped_it_goes_no_further_and_those_that_went_stay(pe, versions, penulis, pemilik, admin, now):
    one, two = versions(ONE, TWO)
    start(pe, penulis, now, one, 4)
    id = migrating.start_migration(pe, pemilik, now, one, two, Plan(SAME), why="SOP baru")
    ticking = iter(now + dt.timedelta(seconds=n) for n in range(100))
    assert batches.work(pe, lambda: next(ticking), seconds=3) == 2
    commands.delete_batch(pe, pemilik, now, id)
    assert batches.work(pe, lambda: now) == 0
    assert sorted(states(pe, id)) == ["done", "done", "open", "open"]
    assert queries.batch(pe, pemilik, id)["state"] == "stopped"
    assert sorted(row["definition_id"] for row in rows(pe, process_instance)) == sorted([one, one, two, two])
    with pytest.raises(NotFound):
        commands.delete_batch(pe, pemilik, now, "0")


@on_databases
def test_two_workers_at_once_bring_each_case_over_once(pe, versions, penulis, pemilik, admin, now):
    one, two = versions(ONE, TWO)
    start(pe, penulis, now, one, 12)
    id = migrating.start_migration(pe, pemilik, now, one, two, Plan(SAME), why="SOP baru")
    for _ in range(3):  # who lost a race five times leaves the case to the next turn
        results = at_once(*[lambda: batches.work(pe, lambda: now)] * 3)
        assert all(isinstance(result, int) for result in results), results
    assert states(pe, id) == ["done"] * 12
    assert len(rows(pe, event, type="instance.migrated")) == 12


@on_databases
def test_somebody_who_completes_meanwhile_is_not_lost(pe, versions, penulis, pemilik, admin, now, monkeypatch):
    one, two = versions(ONE, TWO)
    [case] = start(pe, penulis, now, one)
    task, real, calls = open_tasks(pe, penulis, case)["a"], migrating.decide, []

    def slow(*args):
        done = real(*args)
        if not calls:
            calls.append(commands.complete(pe, penulis, now, task))
        return done

    monkeypatch.setattr(migrating, "decide", slow)
    id = migrating.start_migration(pe, pemilik, now, one, two, Plan(SAME), why="SOP baru")
    with_lock = pe.db.dialect.name  # on both: the decision was made on a state that is no more, so it is made again
    batches.work(pe, lambda: now)
    assert calls and states(pe, id) == ["done"], with_lock
    assert list(open_tasks(pe, admin, case)) == ["b"], "it stood on b when it went"


def test_a_case_that_ended_before_its_turn_is_left_alone(pe, versions, penulis, pemilik, admin, now):
    one, two = versions(ONE, TWO)
    [case, other] = start(pe, penulis, now, one, 2)
    id = migrating.start_migration(pe, pemilik, now, one, two, Plan(SAME), why="SOP baru")
    commands.cancel(pe, admin, now, case)
    migrating.migrate_now(pe, pemilik, now, one, two, Plan(SAME), [other], why="SOP baru")
    batches.work(pe, lambda: now)
    assert sorted(states(pe, id)) == ["ended", "failed"]
    [problem] = [row["problem"] for row in rows(pe, batch_item, state="failed")]
    assert "tidak berjalan pada versi asal" in problem["message"]


def test_ten_thousand_are_set_down_in_one_statement(pe, versions, penulis, pemilik, now):
    one, two = versions(ONE, TWO)
    [case] = start(pe, penulis, now, one)
    [row] = rows(pe, process_instance, id=case)
    copies = [{**row, "id": f"{n:036}", "business_key": f"K-{n}"} for n in range(9_999)]
    run(pe, lambda db: db.execute(sa.insert(process_instance), copies))
    said = []
    sa.event.listen(pe.db, "before_cursor_execute", lambda *args: said.append(args[2]))
    id = migrating.start_migration(pe, pemilik, now, one, two, Plan(SAME), why="SOP baru")
    assert sum("INSERT INTO batch_item" in statement for statement in said) == 1
    assert queries.batch(pe, pemilik, id)["counts"]["open"] == 10_000
    said.clear()
    queries.dry_run(pe, pemilik, now, one, two, Plan(SAME), limit=200)
    assert len(said) <= 4, said


@pytest.mark.parametrize("moment", range(6))
def test_killed_at_any_statement_each_case_is_wholly_here_or_there(pe, versions, penulis, pemilik, admin, now, moment):
    one, two = versions(ONE, TWO)
    cases = start(pe, penulis, now, one, 6)
    id = migrating.start_migration(pe, pemilik, now, one, two, Plan(SAME), why="SOP baru")
    killed_after(pe, 7 + 9 * moment, lambda own: batches.work(own, lambda: now))
    for row in rows(pe, process_instance):
        [item] = rows(pe, batch_item, instance_id=row["id"])
        opened = [a for a in rows(pe, activity, instance_id=row["id"]) if a["ended_at"] is None]
        assert {a["definition_id"] for a in opened} == {row["definition_id"]}
        assert (item["state"] == "done") == (row["definition_id"] == two)
    batches.work(pe, lambda: now)
    assert states(pe, id) == ["done"] * 6
    assert len(rows(pe, event, type="instance.migrated")) == 6
    for case in cases:
        assert list(open_tasks(pe, admin, case)) == ["a"]


# At once, and who may -------------------------------------------------------------------------------------------------

@on_databases
def test_at_once_all_go_or_none(pe, versions, penulis, pemilik, now):
    one, two = versions(ONE, diagram(chain(START, user_task("a"), END)))
    cases = start(pe, penulis, now, one, 2)
    commands.complete(pe, penulis, now, open_tasks(pe, penulis, cases[1])["a"])
    with pytest.raises(Invalid) as refused:
        migrating.migrate_now(pe, pemilik, now, one, two, Plan({"a": "a"}), cases, why="SOP baru")
    assert [(p.where["field"], p.where["element"]) for p in refused.value.problems] == [(cases[1], "b")]
    assert {row["definition_id"] for row in rows(pe, process_instance)} == {one}
    assert queries.migrations(pe, pemilik, "p").rows == []
    migrating.migrate_now(pe, pemilik, now, one, two, Plan({"a": "a"}), cases[:1], why="SOP baru")
    assert rows(pe, process_instance, id=cases[0])[0]["definition_id"] == two
    [kept] = queries.migrations(pe, pemilik, "p").rows
    assert (kept["state"], kept["total"]) == ("done", 1)


def test_what_a_case_ran_on_before_is_kept(pe, versions, penulis, pemilik, now):
    one, two = versions(ONE, TWO)
    cases = start(pe, penulis, now, one)
    migrating.migrate_now(pe, pemilik, now, one, two, Plan(SAME), cases, why="SOP baru")
    with pytest.raises(Conflict):
        commands.delete_deployment(pe, pemilik, now, one.split(":")[2])


def test_only_owner_and_admin_and_only_within_their_office(pe, versions, penulis, pemilik, admin, analis, now):
    one, two = versions(ONE, TWO)
    start(pe, penulis, now, one)
    for actor in (penulis, analis):
        with pytest.raises(Forbidden):
            migrating.start_migration(pe, actor, now, one, two, Plan(SAME), why="SOP baru")
        with pytest.raises(Forbidden):
            queries.dry_run(pe, actor, now, one, two, Plan(SAME))
    stranger = Actor("x", "lain", frozenset({"admin"}))
    with pytest.raises(NotFound):
        queries.between(pe, stranger, one, two)
    id = migrating.start_migration(pe, admin, now, one, two, Plan(SAME), why="SOP baru")
    with pytest.raises(NotFound):
        queries.batch(pe, stranger, id)
    with pytest.raises(NotFound):
        commands.delete_batch(pe, stranger, now, id)
    assert queries.batch_items(pe, stranger, id).rows == []


def test_what_cannot_begin(pe, versions, penulis, pemilik, now):
    one, two = versions(ONE, TWO)
    other = deploy(pe, pemilik, now, diagram(chain(START, user_task("a"), END), "lain")).definitions[0]["id"]
    with pytest.raises(Conflict):
        migrating.start_migration(pe, pemilik, now, one, two, Plan(SAME), why="SOP baru")  # no case runs
    assert queries.migrations(pe, pemilik, "p").rows == []
    start(pe, penulis, now, one)
    for target in (one, other):
        with pytest.raises(Invalid):
            migrating.start_migration(pe, pemilik, now, one, target, Plan(SAME), why="SOP baru")
    with pytest.raises(Invalid) as wrong:
        migrating.start_migration(pe, pemilik, now, one, two, Plan({"a": "zz"}), why="SOP baru")
    assert [p.where["element"] for p in wrong.value.problems] == ["a"]
