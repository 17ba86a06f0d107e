"""The life of a version: in force by the clock, superseded, revoked; what that means for whoever starts a case."""

import datetime as dt
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from bpmn.errors import Conflict, Forbidden, Invalid
from engine import commands, corrections, jobs, overviews, queries, version_life
from engine.commands import revoking
from engine.listing import find
from engine.process_engine import Actor
from engine.queries_rest import DEFINITIONS
from engine.store import read
from engine.tables import event, job, process_definition, process_instance, subscription
from engine.version_life import REVOKE, PutInForce, ScopeChanged
from tests.conftest import on_databases
from tests.engine.small import END, START, catch, chain, diagram, message, timer, user_task

DAY = dt.timedelta(days=1)


def simple(name="a", key="p", **more):
    return diagram(chain(START, user_task(name), END), key, **more)


def put(pe, actor, now, content, *, from_=None, **more):
    made = commands.deploy(pe, actor, now, name="x", resources={"p.bpmn": content}, how=PutInForce(from_, **more))
    return made.definitions[0]["id"]


def started(pe, actor, now, key="p", **more):
    return commands.start(pe, actor, now, key=key, **more).definition_id


def events(pe, type):
    with read(pe) as db:
        return [row.data for row in db.execute(sa.select(event.c.data).where(event.c.type == type).order_by(event.c.id))]


def states(pe, now, key="p"):
    with read(pe) as db:
        rows = db.execute(sa.select(process_definition).where(process_definition.c.key == key)).mappings().all()
    return {life.version: life.state for life in version_life.lives(rows, now)}


@on_databases
def test_an_announced_version_comes_into_force_by_itself_at_its_time(pe, people, now):
    pemilik, penulis = people["pemilik"], people["penulis"]
    first = put(pe, pemilik, now, simple("a"))
    second = put(pe, pemilik, now, simple("b"), from_=now + 3 * DAY)
    just_before, at = now + 3 * DAY - dt.timedelta(microseconds=1), now + 3 * DAY
    assert [started(pe, penulis, t) for t in (now, just_before, at, at + DAY)] == [first, first, second, second]
    assert (states(pe, now), states(pe, at)) == ({1: "in_force", 2: "announced"}, {1: "superseded", 2: "in_force"})
    for t, expected in ((just_before, first), (at, second)):
        assert [row["id"] for row in queries.definitions(pe, penulis, at=t, startable=True).rows] == [expected]
        assert queries.definition(pe, penulis, "p", t)["id"] == expected
        assert [row["id"] for row in find(pe, pemilik, DEFINITIONS, {"key": "p", "latestVersion": True}, now=t)] == [expected]
        assert [row["id"] for row in overviews.catalogue(pe, pemilik, t).rows] == [expected]
    with pytest.raises(Conflict, match="baru mulai berlaku"):
        commands.start(pe, penulis, just_before, definition_id=second)
    assert started(pe, penulis, at, key=None, definition_id=first) == first  # an old version may be named, as in Camunda


@on_databases
def test_of_many_starts_at_the_moment_each_gets_the_version_of_its_own_time(pe, people, now):
    first, second = put(pe, people["pemilik"], now, simple("a")), put(pe, people["pemilik"], now, simple("b"), from_=now + DAY)
    times = [now + DAY + dt.timedelta(microseconds=n) for n in (-2, -1, 0, 1)] * 3
    with ThreadPoolExecutor(6) as pool:
        got = list(pool.map(lambda t: started(pe, people["penulis"], t), times))
    assert got == [first, first, second, second] * 3


def test_a_version_of_an_older_database_has_no_date_and_is_in_force_since_its_deployment(pe, people, now):
    first = put(pe, people["pemilik"], now, simple())
    with read(pe) as db:
        row = db.execute(sa.select(process_definition).where(process_definition.c.id == first)).mappings().one()
    assert row["in_force_from"] is None
    [life] = version_life.lives([row], now + DAY)
    assert (life.state, life.since, life.until) == ("in_force", now, None) and started(pe, people["penulis"], now + DAY) == first


def test_a_later_version_at_once_passes_an_announced_one_over(pe, people, now):
    put(pe, people["pemilik"], now, simple("a"))
    put(pe, people["pemilik"], now, simple("b"), from_=now + 3 * DAY)
    third = put(pe, people["pemilik"], now + DAY, simple("c"))
    assert started(pe, people["penulis"], now + 4 * DAY) == third
    assert states(pe, now + 4 * DAY) == {1: "superseded", 2: "never", 3: "in_force"}


def test_what_is_announced_already_is_nothing_new_and_may_still_be_brought_forward(pe, people, now):
    put(pe, people["pemilik"], now, simple("a"))
    put(pe, people["pemilik"], now, simple("b"), from_=now + 3 * DAY)
    again = commands.deploy(pe, people["pemilik"], now, name="x", resources={"p.bpmn": simple("b")}, how=PutInForce(now + 5 * DAY))
    assert again.definitions == []
    assert put(pe, people["pemilik"], now, simple("b")).startswith("p:3:")


@pytest.mark.parametrize("wrong, field", [
    (PutInForce(dt.datetime(2020, 1, 1, tzinfo=dt.timezone.utc)), "from"),
    (PutInForce(dt.datetime(2090, 1, 1, tzinfo=dt.timezone.utc)), "from"),
    (PutInForce(approved_as="x" * 301), "approved_as")])
def test_a_date_that_has_passed_and_too_long_a_name_are_refused(pe, people, now, wrong, field):
    with pytest.raises(Invalid) as refused:
        commands.deploy(pe, people["pemilik"], now, name="x", resources={"p.bpmn": simple()}, how=wrong)
    assert refused.value.where["field"] == field


def test_who_approved_it_is_said_or_else_read_from_the_identity_page(pe, people, now):
    said = put(pe, people["pemilik"], now, simple("a"), approved_as="  Ani,  Sekretaris ")
    read_ = put(pe, people["pemilik"], now, simple("b", properties={"disahkan_nama": "Budi", "disahkan_jabatan": "Ketua"}), essential="keep")
    with read(pe) as db:
        names = dict(db.execute(sa.select(process_definition.c.id, process_definition.c.approved_as)).all())
    assert (names[said], names[read_]) == ("Ani, Sekretaris", "Budi, Ketua")


# Start events ---------------------------------------------------------------------------------------------------------

def by_message(name):
    return diagram(chain(catch("start", message("go"), "startEvent"), user_task(name), END), messages=["go"])


@on_databases
def test_a_message_starts_the_version_of_its_time_only(pe, people, now):
    pemilik, penulis = people["pemilik"], people["penulis"]
    first = put(pe, pemilik, now, by_message("a"))
    second = put(pe, pemilik, now, by_message("b"), from_=now + DAY)

    def sent(at):
        [id] = commands.correlate_message(pe, penulis, at, "go")
        return queries.instance(pe, penulis, id)["definition_id"]

    assert [sent(now), sent(now + DAY)] == [first, second]
    commands.revoke(pe, pemilik, now + 2 * DAY, second, reason="keliru besar", running="finish", whole=False)
    assert sent(now + 2 * DAY) == first
    with read(pe) as db:
        assert db.scalar(sa.select(sa.func.count()).select_from(subscription).where(subscription.c.instance_id.is_(None))) == 1


def test_a_start_timer_of_an_announced_version_counts_from_its_day_and_the_old_one_stops(pe, people, now):
    def daily(name):
        return diagram(chain(catch("start", timer("timeCycle", "R/P1D"), "startEvent"), user_task(name), END))

    first = put(pe, people["pemilik"], now, daily("a"))
    second = put(pe, people["pemilik"], now, daily("b"), from_=now + 2 * DAY + dt.timedelta(hours=1))
    for hours in range(1, 97):
        at = now + dt.timedelta(hours=hours)
        for id in commands.fetch_due(pe, at):
            jobs.run_job(pe, id, lambda at=at: at)
    with read(pe) as db:
        rows = db.execute(sa.select(process_instance.c.definition_id, process_instance.c.started_at).order_by(
            process_instance.c.started_at)).all()
        open_ = db.scalars(sa.select(job.c.definition_id).where(job.c.type == "timer-start", job.c.state == "open")).all()
    hours = [((row.started_at - now) / dt.timedelta(hours=1), row.definition_id) for row in rows]
    assert hours == [(24, first), (48, first), (73, second)] and open_ == [second]


# Revoking -------------------------------------------------------------------------------------------------------------

@on_databases
def test_of_what_is_revoked_as_a_whole_nothing_starts_and_what_runs_goes_on(pe, people, now):
    pemilik, penulis = people["pemilik"], people["penulis"]
    first = put(pe, pemilik, now, simple("a"))
    case = commands.start(pe, penulis, now, key="p").id
    second = put(pe, pemilik, now, simple("b"))
    commands.revoke(pe, pemilik, now + DAY, second, reason="Diganti peraturan baru", running="finish", whole=True)
    for how in ({"key": "p"}, {"definition_id": first}, {"definition_id": second}):
        with pytest.raises(Conflict, match="dicabut"):
            commands.start(pe, penulis, now + DAY, **how)
    assert queries.definitions(pe, penulis, at=now + DAY, startable=True).rows == []
    assert states(pe, now + DAY) == {1: "revoked", 2: "revoked"}
    assert revoking.work(pe, lambda: now + DAY) == 0
    [task] = queries.tasks(pe, penulis, instance_id=case).rows
    assert commands.complete(pe, penulis, now + DAY, task["id"], {})
    assert queries.instance(pe, penulis, case)["end_reason"] == "completed"
    [said] = events(pe, "definition.revoked")
    assert (said["reason"], said["running"], said["cases"], len(said["definitions"])) == ("Diganti peraturan baru", "finish", 1, 2)
    with pytest.raises(Conflict, match="sudah dicabut"):
        commands.revoke(pe, pemilik, now + DAY, first, reason="sekali lagi", running="finish", whole=True)
    third = put(pe, pemilik, now + 2 * DAY, simple("b"))  # the same again is new: only so does it come back
    assert started(pe, penulis, now + 2 * DAY) == third


@on_databases
def test_running_cases_are_cancelled_by_the_workers_where_that_was_decided(pe, people, now):
    pemilik, penulis = people["pemilik"], people["penulis"]
    first = put(pe, pemilik, now, simple())
    other = put(pe, pemilik, now, simple(key="q"))
    cases = [commands.start(pe, penulis, now, key="p").id for _ in range(7)]
    kept = commands.start(pe, penulis, now, definition_id=other).id
    commands.revoke(pe, pemilik, now, first, reason="Tidak dipakai lagi", running="cancel", whole=True)
    with ThreadPoolExecutor(2) as pool:
        counts = list(pool.map(lambda _: revoking.work(pe, lambda: now), range(2)))
    assert sum(counts) == 7 and revoking.work(pe, lambda: now) == 0
    assert {queries.instance(pe, pemilik, id)["end_reason"] for id in cases} == {"cancelled"}
    assert queries.instance(pe, pemilik, kept)["ended_at"] is None
    with read(pe) as db:
        said = db.execute(sa.select(event.c.actor, event.c.data).where(event.c.type == "instance.cancelled")).all()
    assert len(said) == 7 and {(row.actor, row.data["reason"]) for row in said} == {("pemilik", "Tidak dipakai lagi")}


def test_of_a_version_alone_the_one_before_is_in_force_again(pe, people, now):
    first, second = put(pe, people["pemilik"], now, simple("a")), put(pe, people["pemilik"], now, simple("b"))
    commands.revoke(pe, people["pemilik"], now, second, reason="Salah lajur", running="finish", whole=False)
    assert started(pe, people["penulis"], now) == first and states(pe, now) == {1: "in_force", 2: "revoked"}


def test_revoking_asks_for_a_reason_and_a_decision_and_is_the_owners(pe, people, now):
    first = put(pe, people["pemilik"], now, simple())
    for wrong, field in (({"reason": " x "}, "reason"), ({"running": "maybe"}, "running")):
        with pytest.raises(Invalid) as refused:
            commands.revoke(pe, people["pemilik"], now, first, **{"reason": "alasan", "running": "finish", "whole": True, **wrong})
        assert refused.value.where["field"] == field
    with pytest.raises(Forbidden):
        commands.revoke(pe, people["penulis"], now, first, reason="alasan", running="finish", whole=True)
    with pytest.raises(Exception, match="tidak ditemukan"):
        commands.revoke(pe, Actor("x", "lain", frozenset({"admin"})), now, first, reason="alasan", running="finish", whole=True)


def test_who_calls_a_revoked_procedure_cannot_be_started_nor_put_in_force(pe, people, now):
    pemilik = people["pemilik"]
    called = put(pe, pemilik, now, simple(key="inner"))
    calling = diagram(chain(START, ("c", '<callActivity id="c" calledElement="inner"/>'), END), "outer")
    put(pe, pemilik, now, calling)
    running = commands.start(pe, people["penulis"], now, key="outer").id
    commands.revoke(pe, pemilik, now, called, reason="Tidak dipakai", running="finish", whole=True)
    with pytest.raises(Conflict, match="dipanggil"):
        commands.start(pe, people["penulis"], now, key="outer")
    with pytest.raises(Invalid, match="dicabut"):
        put(pe, pemilik, now, calling.replace(b'id="c"', b'id="c2"').replace(b"_c", b"_c2").replace(b'"c"', b'"c2"'))
    assert queries.tasks(pe, people["penulis"], instance_id=running).rows
    renewed = put(pe, pemilik, now, simple("a2", key="inner"))
    put(pe, pemilik, now, calling)
    assert started(pe, people["penulis"], now, key="outer").startswith("outer:2:") and renewed


# Change of scope ------------------------------------------------------------------------------------------------------

def test_another_scope_or_person_in_charge_asks_and_the_decision_is_kept(pe, people, now):
    pemilik = people["pemilik"]
    first = put(pe, pemilik, now, simple(properties={"disahkan_nama": "Ani", "ruang_lingkup": "Kabupaten"}))
    changed = diagram(chain(START, user_task("a", "sub-bagian"), END), properties={"disahkan_nama": "Budi", "ruang_lingkup": "Provinsi"})
    with pytest.raises(ScopeChanged) as asked:
        put(pe, pemilik, now, changed, essential=None)
    assert [(c.what, c.before, c.after) for c in asked.value.changes] == [
        ("Ruang lingkup", "Kabupaten", "Provinsi"), ("Disahkan oleh (nama)", "Ani", "Budi"), ("Pelaksana", "pelaksana", "sub-bagian")]
    second = put(pe, pemilik, now, changed, from_=now + DAY, essential=REVOKE)
    assert events(pe, "deployment.created")[-1]["essential"] == REVOKE
    assert started(pe, people["penulis"], now) == first and started(pe, people["kasubbag"], now + DAY) == second
    assert states(pe, now + DAY) == {1: "revoked", 2: "in_force"}
    with pytest.raises(Conflict, match="dicabut"):
        commands.start(pe, people["penulis"], now + DAY, definition_id=first)
    assert put(pe, pemilik, now, changed.replace(b'name="a"', b'name="A"'), essential=None)  # nothing of that kind changed


def test_calling_an_announced_version_off_leaves_what_it_would_have_revoked(pe, people, now):
    first = put(pe, people["pemilik"], now, simple(properties={"ruang_lingkup": "A"}))
    second = put(pe, people["pemilik"], now, simple(properties={"ruang_lingkup": "B"}), from_=now + DAY, essential=REVOKE)
    commands.revoke(pe, people["pemilik"], now, second, reason="Belum jadi", running="finish", whole=False)
    assert started(pe, people["penulis"], now + 2 * DAY) == first


# Deleting -------------------------------------------------------------------------------------------------------------

def test_what_is_in_force_is_not_deleted_for_an_older_one_but_what_is_announced_may_be(pe, people, now):
    pemilik = people["pemilik"]
    put(pe, pemilik, now, simple("a"))
    second = put(pe, pemilik, now, simple("b"))
    third = put(pe, pemilik, now, simple("c"), from_=now + DAY)
    with pytest.raises(Conflict, match="sedang berlaku"):
        commands.delete_deployment(pe, pemilik, now, second.split(":")[2])
    commands.delete_deployment(pe, pemilik, now, third.split(":")[2])
    assert states(pe, now + DAY) == {1: "superseded", 2: "in_force"}


def test_orders_about_a_case_are_of_what_is_in_force(pe, people, now):
    ordered = diagram(chain(START, user_task("a"), END), "ralat", attributes='camunda:candidateStarterGroups="ketua-divisi"')
    put(pe, people["pemilik"], now, ordered, from_=now + DAY)
    assert corrections.may_order(pe, people["ketua"], now) == frozenset()
    assert corrections.may_order(pe, people["ketua"], now + DAY) == {"ralat"}


def test_a_start_costs_no_more_statements_than_before(pe, people, now):
    put(pe, people["pemilik"], now, simple())
    started(pe, people["penulis"], now)
    found = []
    listen = lambda conn, cursor, statement, *rest: found.append(statement)  # noqa: E731
    sa.event.listen(pe.db, "before_cursor_execute", listen)
    try:
        started(pe, people["penulis"], now)
    finally:
        sa.event.remove(pe.db, "before_cursor_execute", listen)
    assert sum("process_definition" in statement for statement in found) == 2  # which version, and whether it may start
