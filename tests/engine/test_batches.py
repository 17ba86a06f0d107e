"""Many at once: the list is frozen, each item is one command with its mark, and what looks otherwise by then is left alone."""

import datetime as dt
import itertools
import re

import pytest
import sqlalchemy as sa
from alembic import command

from bpmn.errors import Conflict, Forbidden, Invalid, NotFound
from engine import commands, migrations, queries
from engine.batches import Choice
from engine.commands import batch_types as types
from engine.commands import batches
from engine.process_engine import Actor, open_engine
from engine.store import read, run
from engine.tables import activity, batch, batch_item, event, incident, job, process_instance
from tests.conftest import on_databases
from tests.engine.small import END, START, catch, chain, deploy, diagram, open_tasks, service_task, timer, user_task
from tests.engine.test_concurrency import at_once
from tests.engine.test_crash import eventually, kill_group, killed_after, start_worker

TASKS = diagram(chain(START, user_task("a"), user_task("b"), END), properties={"label": "${judul}"})
CALL = diagram(chain(START, service_task("kirim", "uji"), user_task("b"), END), "q")
ALL = Choice(state="running")
leases = itertools.count()


@pytest.fixture
def cases(pe, people, pemilik, penulis, now):
    """Start so many cases of a diagram; give their ids."""
    def make(content=TASKS, count=3, **variables):
        deploy(pe, pemilik, now, content)
        key = re.search(rb'process id="(\w+)"', content)[1].decode()
        return [commands.start(pe, penulis, now, key=key, variables={"judul": f"Rapat {n}", **variables}).id for n in range(count)]
    return make


@pytest.fixture
def stuck(pe, cases, now):
    """Cases whose call has failed."""
    def make(count=3, kind="permanent"):
        made = cases(CALL, count)
        for row in rows(pe, job, state="open"):
            fail(pe, now, row["id"], kind)
        return made
    return make


def fail(pe, now, job_id, kind="permanent"):
    lease = str(next(leases))
    assert commands.lease_job(pe, now, job_id, lease)
    commands.fail_job(pe, now, job_id, lease, "mati", kind)


def rows(pe, table, **where):
    query = sa.select(table).where(*(table.c[name] == value for name, value in where.items())).order_by(*table.primary_key.columns)
    with read(pe) as db:
        return [dict(row) for row in db.execute(query).mappings()]


def begun(pe, admin, now, type, choice=ALL, data=None, why="Uji"):
    id = commands.create_batch(pe, admin, now, type, choice, data)
    commands.start_batch(pe, admin, now, id, why)
    return id


def done(pe, admin, now, *args, **rest):
    id = begun(pe, admin, now, *args, **rest)
    batches.work(pe, lambda: now)
    return id


def counts(pe, admin, id):
    return {state: number for state, number in queries.batch(pe, admin, id)["counts"].items() if number}


def why_not(pe, admin, id, state="failed"):
    return {row["problem"]["message"] for row in queries.batch_items(pe, admin, id, state=state).rows}


# What can be done to many ---------------------------------------------------------------------------------------------

def test_failed_jobs_are_tried_again_and_the_worker_is_told(pe, stuck, admin, now):
    made = stuck()
    told = []
    object.__setattr__(pe, "send", told.extend)
    id = done(pe, admin, now, types.RETRY, Choice(with_incident=True), {"retries": 2})
    assert counts(pe, admin, id) == {"done": 3} and queries.batch(pe, admin, id)["state"] == "done"
    assert {(row["state"], row["retries"]) for row in rows(pe, job)} == {("open", 2)} and sorted(told) == [row["id"] for row in rows(pe, job)]
    assert all(row["resolved_at"] for row in rows(pe, incident))
    happened = rows(pe, event, type="job.retries_set")
    assert {(row["instance_id"], row["actor"], row["data"]["reason"]) for row in happened} == {(case, "admin", "Uji") for case in made}


@on_databases
def test_each_kind_of_mending_is_done_to_many(pe, cases, stuck, penulis, admin, now):
    def of(*keys):
        return [rows(pe, process_instance, id=case)[0][key] for case in made for key in keys]

    made = cases(count=2)
    assert counts(pe, admin, done(pe, admin, now, types.VARIABLES, data={"variables": {"judul": "Lain"}})) == {"done": 2}
    assert of("title") == ["Lain"] * 2
    done(pe, admin, now, types.ASSIGN, data={"user": "penulis", "activity": "a"})
    done(pe, admin, now, types.DUE, data={"due": "2026-03-09T08:00:00+00:00"})
    assert {(row["assignee"], row["due_at"].isoformat()) for row in rows(pe, activity, is_task=True)} == {("penulis", "2026-03-09T08:00:00+00:00")}
    done(pe, admin, now, types.SUSPENSION, data={"suspended": True})
    assert of("suspended") == [True] * 2
    done(pe, admin, now, types.SUSPENSION, data={"suspended": False})
    done(pe, admin, now, types.MODIFY, data={"instructions": [
        {"kind": "startBeforeActivity", "element": "b"}, {"kind": "cancel", "element": "a"}]})
    assert [list(open_tasks(pe, admin, case)) for case in made] == [["b"]] * 2
    done(pe, admin, now, types.CANCEL)
    assert of("end_reason") == ["cancelled"] * 2
    done(pe, admin, now, types.RESTART, Choice(state="ended"), {"activities": ["b"]})
    assert len(open_tasks(pe, admin)) == 1 and len(queries.instances(pe, admin, state="running").rows) == 2
    assert {row["data"].get("reason") for row in rows(pe, event) if row["actor"] == "admin" and row["type"].startswith("instance.")} == {"Uji", None}, "a case that is started anew is, besides, started"
    cases(diagram(chain(START, catch("nanti", timer("timeDuration", "PT5H")), user_task("b"), END), "r"), 2)
    later = now + dt.timedelta(days=2)
    assert counts(pe, admin, done(pe, admin, now, types.TIMERS, Choice(definition_key="r"), {"due": later.isoformat()})) == {"done": 2}
    assert {row["due_at"] for row in rows(pe, job)} == {later}
    done(pe, admin, now, types.TIMERS, Choice(definition_key="r"))
    assert {row["due_at"] for row in rows(pe, job)} == {now}
    held = stuck(2)
    id = done(pe, admin, now, types.RESOLVE, Choice(ids=tuple(held)))
    assert counts(pe, admin, id) == {"done": 2} and [list(open_tasks(pe, admin, case)) for case in held] == [["b"]] * 2


# The list -------------------------------------------------------------------------------------------------------------

@on_databases
def test_what_cannot_be_done_is_told_before_and_what_is_not_in_the_list_is_never_touched(pe, cases, stuck, admin, now):
    fine, unsure, ended = stuck(1), stuck(1, "unknown"), cases(count=1)
    commands.cancel(pe, admin, now, ended[0])
    [nothing] = cases(count=1)
    id = commands.create_batch(pe, admin, now, types.RETRY, Choice(ids=(*fine, *unsure, *ended, nothing, "tidak-ada")))
    assert counts(pe, admin, id) == {"open": 1, "refused": 3} and queries.batch(pe, admin, id)["total"] == 1
    assert why_not(pe, admin, id, "refused") == {types.UNSURE, types.ENDED, types.NOT_STUCK}
    shown = queries.batch_items(pe, admin, id, state="open").rows
    assert [(row["instance_id"], row["activity_id"]) for row in shown] == [(fine[0], "kirim")]
    assert batches.work(pe, lambda: now) == 0, "nothing is begun by looking"
    [late] = stuck(1)
    commands.start_batch(pe, admin, now, id, "Jaringan pulih")
    assert batches.work(pe, lambda: now) == 1
    assert {row["instance_id"] for row in rows(pe, incident) if row["resolved_at"] is None} == {unsure[0], late}
    with pytest.raises(Conflict):
        commands.start_batch(pe, admin, now, id, "sekali lagi")


@on_databases
def test_what_changed_since_is_told_as_a_failure_and_can_be_listed_anew(pe, cases, stuck, penulis, admin, now):
    moved, gone, same = cases()
    id = begun(pe, admin, now, types.CANCEL)
    commands.complete(pe, penulis, now, open_tasks(pe, penulis, moved)["a"])
    commands.cancel(pe, admin, now, gone)
    batches.work(pe, lambda: now)
    assert counts(pe, admin, id) == {"done": 1, "failed": 2} and why_not(pe, admin, id) == {types.CHANGED, types.ENDED}
    assert rows(pe, process_instance, id=moved)[0]["ended_at"] is None
    again = commands.create_batch(pe, admin, now, types.CANCEL, Choice(failed_in=id))
    assert counts(pe, admin, again) == {"open": 1, "refused": 1}

    [case] = stuck(1)
    id = begun(pe, admin, now, types.RETRY, Choice(ids=(case,)))
    [failed] = rows(pe, job, state="failed")
    commands.set_job_retries(pe, admin, now, failed["id"], 1)  # somebody else was faster, and it failed again
    fail(pe, now, failed["id"])
    batches.work(pe, lambda: now)
    assert why_not(pe, admin, id) == {types.CHANGED}, "what stands there now is another incident"

    id = begun(pe, admin, now, types.ASSIGN, Choice(ids=(moved,)), {"user": "webadmin"})
    commands.claim(pe, penulis, now, open_tasks(pe, penulis, moved)["b"])
    batches.work(pe, lambda: now)
    assert why_not(pe, admin, id) == {types.CHANGED} and rows(pe, activity, instance_id=moved, activity_id="b")[0]["assignee"] == "penulis"


def test_what_an_item_s_own_command_refuses_is_its_failure(pe, cases, admin, now, monkeypatch):
    cases(count=2)
    data = {"instructions": [{"kind": "startBeforeActivity", "element": "tidak-ada"}]}
    id = done(pe, admin, now, types.MODIFY, data=data)
    [row, _] = queries.batch_items(pe, admin, id, state="failed").rows
    assert row["problem"]["params"] == {"name": "tidak-ada"} and "tidak ada di diagram" in row["problem"]["message"]
    monkeypatch.setattr(types.instances.apply, "close", lambda *args: 1 / 0)
    id = done(pe, admin, now, types.CANCEL)
    assert counts(pe, admin, id) == {"failed": 2} and "Terbit tidak dapat membaca" in next(iter(why_not(pe, admin, id)))


def test_choosing_by_filter_and_by_what_stands_where(pe, cases, stuck, penulis, admin, now):
    made, held = cases(), stuck(2)
    commands.complete(pe, penulis, now, open_tasks(pe, penulis, made[0])["a"])
    version = rows(pe, process_instance, id=made[0])[0]["definition_id"]

    def chosen(**wanted):
        id = commands.create_batch(pe, admin, now, types.CANCEL, Choice(**wanted))
        return {row["instance_id"] for row in queries.batch_items(pe, admin, id).rows}

    assert chosen(state="running") == {*made, *held}
    assert chosen(with_incident=True) == set(held)
    assert chosen(search="rapat 1", definition_key="p") == {made[1]}
    assert chosen(definition_id=version, standing="running", activity_id="b") == {made[0]}
    failing = rows(pe, process_instance, id=held[0])[0]["definition_id"]
    assert chosen(definition_id=failing, standing="incidents", activity_id="kirim") == set(held)
    with pytest.raises(Conflict):
        chosen(search="tidak ada")
    with pytest.raises(Conflict):
        chosen(definition_id=version, standing="overdue")
    assert queries.chosen_versions(pe, admin, now, ALL)[0] == {"id": version, "key": "p", "number": 3}
    assert queries.chosen_steps(pe, admin, now, ALL, "tasks") == [{"activity_id": "a", "number": 2}, {"activity_id": "b", "number": 1}]


def test_thousands_are_frozen_by_one_statement_and_each_takes_as_many_as_one(pe, cases, admin, now):
    [case] = cases(count=1)
    [row] = rows(pe, process_instance, id=case)
    copies = [{**row, "id": f"{n:036}", "business_key": f"K-{n}"} for n in range(4_999)]
    run(pe, lambda db: db.execute(sa.insert(process_instance), copies))
    said = []
    sa.event.listen(pe.db, "before_cursor_execute", lambda *args: said.append(args[2]))
    id = commands.create_batch(pe, admin, now, types.SUSPENSION, ALL, {"suspended": True})
    assert sum("INSERT INTO batch_item" in each for each in said) == 1 and len(said) < 8
    assert counts(pe, admin, id) == {"open": 5_000}
    commands.start_batch(pe, admin, now, id, "x")
    said.clear()
    ticking = iter(now + dt.timedelta(seconds=n) for n in range(100))
    settled = batches.work(pe, lambda: next(ticking), seconds=40)
    assert 15 <= settled <= 25 and len(said) <= 8 * settled, said[:20]
    said.clear()
    queries.batches(pe, admin, open=True)
    queries.batch_items(pe, admin, id)
    assert len(said) == 2


# Stopping, two at once, and what is killed ----------------------------------------------------------------------------

def test_it_is_stopped_and_resumed_and_ended(pe, cases, admin, now):
    cases(count=4)
    id = begun(pe, admin, now, types.SUSPENSION, data={"suspended": True})
    ticking = iter(now + dt.timedelta(seconds=n) for n in range(100))
    assert batches.work(pe, lambda: next(ticking), seconds=3) == 2
    commands.suspend_batch(pe, admin, now, id)
    assert batches.work(pe, lambda: now) == 0 and counts(pe, admin, id) == {"done": 2, "open": 2}
    commands.activate_batch(pe, admin, now, id)
    assert batches.work(pe, lambda: now) == 2 and queries.batch(pe, admin, id)["state"] == "done"
    commands.activate_batch(pe, admin, now, id)
    assert queries.batch(pe, admin, id)["state"] == "done", "what is done is done"
    id = begun(pe, admin, now, types.SUSPENSION, data={"suspended": False})
    commands.delete_batch(pe, admin, now, id)
    assert batches.work(pe, lambda: now) == 0 and queries.batch(pe, admin, id)["state"] == "stopped"
    assert [row["type"] for row in rows(pe, event) if row["type"].startswith("batch.")] == [
        "batch.created", "batch.started", "batch.suspended", "batch.activated", "batch.done", "batch.created", "batch.started",
        "batch.stopped"]


def test_stopping_holds_the_next_item_of_a_turn_that_is_under_way(pe, cases, admin, now, monkeypatch):
    cases(count=4)
    id = begun(pe, admin, now, types.SUSPENSION, data={"suspended": True})
    real = batches.batch_types.do

    def stop_after(*args):
        real(*args)
        commands.suspend_batch(pe, admin, now, id)

    monkeypatch.setattr(batches.batch_types, "do", stop_after)
    assert batches.work(pe, lambda: now) == 1 and counts(pe, admin, id) == {"done": 1, "open": 3}


@on_databases
def test_two_workers_do_no_item_twice_and_leave_none_out(pe, stuck, admin, now):
    stuck(12)
    id = begun(pe, admin, now, types.RETRY)
    results = at_once(*[lambda: batches.work(pe, lambda: now)] * 3)
    assert sum(results) == 12 and counts(pe, admin, id) == {"done": 12}
    assert len(rows(pe, event, type="job.retries_set")) == 12


@pytest.mark.parametrize("moment", range(4))
def test_killed_at_any_statement_each_item_is_wholly_done_or_not(pe, cases, admin, now, moment):
    cases(count=5)
    id = begun(pe, admin, now, types.CANCEL)
    killed_after(pe, 5 + 8 * moment, lambda own: batches.work(own, lambda: now))
    for item in rows(pe, batch_item):
        [row] = rows(pe, process_instance, id=item["instance_id"])
        assert (item["state"] == "done") == (row["ended_at"] is not None)
    batches.work(pe, lambda: now)
    assert counts(pe, admin, id) == {"done": 5} and len(rows(pe, event, type="instance.cancelled")) == 5


@pytest.mark.service
def test_a_real_worker_killed_on_the_way_and_its_follower_do_all_of_it(pe, cases, admin, now):
    cases(count=60)
    id = begun(pe, admin, now, types.SUSPENSION, data={"suspended": True})
    first = start_worker(pe)
    eventually(lambda: counts(pe, admin, id).get("done"))
    kill_group(first)
    second = start_worker(pe)
    try:
        eventually(lambda: queries.batch(pe, admin, id)["state"] == "done")
    finally:
        kill_group(second)
    assert counts(pe, admin, id) == {"done": 60} and len(rows(pe, event, type="instance.suspended")) == 60


# Who may, and what is no list -----------------------------------------------------------------------------------------

def test_only_an_admin_and_only_within_their_office(pe, cases, pemilik, penulis, admin, now):
    cases(count=1)
    for actor in (penulis, pemilik):
        with pytest.raises(Forbidden):
            commands.create_batch(pe, actor, now, types.CANCEL, ALL)
    id = commands.create_batch(pe, admin, now, types.CANCEL, ALL)
    stranger = Actor("x", "lain", frozenset({"admin"}))
    for actor, error in ((pemilik, Forbidden), (stranger, NotFound)):
        for do in (commands.suspend_batch, commands.activate_batch, commands.delete_batch):
            with pytest.raises(error):
                do(pe, actor, now, id)
        with pytest.raises(error):
            commands.start_batch(pe, actor, now, id, "x")
        with pytest.raises(NotFound):
            queries.batch(pe, actor, id)
    with pytest.raises(Forbidden):
        queries.batches(pe, penulis, open=True)
    assert queries.batches(pe, pemilik, open=True).rows == [], "a process owner sees migrations"


@pytest.mark.parametrize(("type", "data"), [
    ("tidak-ada", {}), (types.RETRY, {"retries": 0}), (types.VARIABLES, {}), (types.VARIABLES, {"variables": {"": 1}}),
    (types.MODIFY, {"instructions": []}), (types.MODIFY, {"instructions": [{"kind": "lain", "element": "a"}]}),
    (types.ASSIGN, {"user": "tidak-ada"}), (types.DUE, {"due": "besok"}), (types.TIMERS, {"due": "9999-01-01T00:00:00+00:00"}),
    (types.RESTART, {"activities": []}),
])
def test_what_cannot_be_meant(pe, cases, admin, now, type, data):
    cases(count=1)
    with pytest.raises(Invalid):
        commands.create_batch(pe, admin, now, type, ALL, data)
    assert rows(pe, batch) == []


@on_databases
def test_too_many_and_none_are_refused(pe, cases, admin, now, monkeypatch):
    cases(count=3)
    monkeypatch.setattr(batches, "MOST", 2)
    with pytest.raises(Invalid):
        commands.create_batch(pe, admin, now, types.CANCEL, ALL)
    with pytest.raises(Conflict):
        commands.create_batch(pe, admin, now, types.CANCEL, Choice(search="tidak ada"))
    assert rows(pe, batch) == []


@on_databases
def test_what_no_database_takes_is_refused_before_it_is_asked(pe, people, admin, now):
    with pytest.raises(Invalid):
        commands.create_batch(pe, admin, now, types.CANCEL, Choice(ids=tuple(map(str, range(70_000)))))
    with pytest.raises(Invalid):
        commands.create_batch(pe, admin, now, types.ASSIGN, Choice(ids=("x",)), {"activity": "a\0"})
    for choice in (Choice(search="a\0"), Choice(definition_key="\0"), Choice(definition_id="x", standing="running", activity_id="\0")):
        with pytest.raises(Conflict):
            commands.create_batch(pe, admin, now, types.CANCEL, choice)
        assert queries.chosen_versions(pe, admin, now, choice) == []


def test_a_reason_is_asked_and_a_list_that_was_not_begun_is_forgotten(pe, cases, admin, now):
    cases(count=1)
    id = commands.create_batch(pe, admin, now, types.CANCEL, ALL)
    with pytest.raises(Invalid):
        commands.start_batch(pe, admin, now, id, "  ")
    commands.delete_batch(pe, admin, now, id)
    commands.create_batch(pe, admin, now, types.CANCEL, ALL)
    kept = commands.create_batch(pe, admin, now + dt.timedelta(hours=20), types.CANCEL, ALL)
    batches.sweep(pe, now + dt.timedelta(hours=25))
    assert [row["id"] for row in rows(pe, batch)] == [kept] and {row["batch_id"] for row in rows(pe, batch_item)} == {kept}


def test_migrations_of_before_are_batches_now(tmp_path, now):
    pe = open_engine(tmp_path)
    with pe.db.connect() as db:
        db = db.execution_options(write=True)
        command.upgrade(migrations.config(db), "0003")
        for table, row in [
                ("tenant (id, name)", "'kpu', 'KPU'"), ("deployment (id, tenant_id, name, deployed_at)", "'d', 'kpu', 'd', '2026-01-01'"),
                *(("process_definition (id, tenant_id, key, version, deployment_id, resource_name, content_hash, calls, groups, starter_groups, "
                   "deployed_at)", f"'p:{n}', 'kpu', 'p', {n}, 'd', 'p', 'h', '{{}}', '[]', '[]', '2026-01-01'") for n in (1, 2)),
                ("process_instance (id, tenant_id, definition_id, definition_key, business_key, version, variables, started_at)",
                 "'i', 'kpu', 'p:1', 'p', 'P-1', 1, '{}', '2026-01-01'"),
                ("migration VALUES", "'m', 'kpu', 'p', 'p:1', 'p:2', '{\"activities\": {}}', 'stopped', 1, '2026-01-02', 'pemilik', '2026-01-03'"),
                ("migration_item VALUES", "'m', 'i', 'refused', '{\"message\": \"x\"}', '2026-01-02'")]:
            db.exec_driver_sql(f"INSERT INTO {table.removesuffix(' VALUES')} VALUES ({row})")
        db.commit()
    migrations.upgrade(pe)
    [row], [item] = rows(pe, batch), rows(pe, batch_item)
    assert (row["id"], row["type"], row["state"], row["data"], row["target_id"]) == ("m", "instance-migration", "stopped", {"activities": {}}, "p:2")
    assert (item["batch_id"], item["subject_id"], item["instance_id"], item["state"], item["problem"]) == ("m", "i", "i", "failed", {"message": "x"})
    pe.close()
