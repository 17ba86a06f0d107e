"""The control room's figures: what they count, what they cost, and that they read from indexes."""

import datetime as dt
import uuid

import pytest
import sqlalchemy as sa

from bpmn.errors import Forbidden
from engine import commands, control, queries
from engine.store import read, run
from engine.tables import activity, event, incident, job, process_definition, process_instance, publication
from tests.conftest import on_databases
from tests.engine.small import END, START, chain, deploy, diagram, service_task, user_task

MANY = 3000
DAY = dt.timedelta(days=1)


@pytest.fixture
def definition(pe, pemilik, now):
    deploy(pe, pemilik, now, diagram(chain(START, user_task("t"), service_task("s", "uji"), END)))
    with read(pe) as db:
        return db.scalar(sa.select(process_definition.c.id))


@pytest.fixture
def crowd(pe, definition, now):
    """Some thousands of cases of long ago with all that belongs to them, and a few of now."""
    def write(db):
        old = now - dt.timedelta(days=300)
        for n in range(0, MANY, 500):
            ids = [str(uuid.uuid4()) for _ in range(500)]
            db.execute(sa.insert(process_instance), [
                {"id": id, "tenant_id": "kpu", "definition_id": definition, "definition_key": "p", "business_key": f"L-{n + k}", "version": 1,
                 "variables": "{}", "started_at": old, "ended_at": old + DAY, "end_reason": "completed"} for k, id in enumerate(ids)])
            db.execute(sa.insert(activity), [
                {"id": str(uuid.uuid4()), "tenant_id": "kpu", "instance_id": id, "definition_id": definition, "activity_id": "t",
                 "type": "userTask", "is_task": True, "started_at": old, "ended_at": old, "due_order": old} for id in ids])
            db.execute(sa.insert(job), [
                {"id": id, "tenant_id": "kpu", "instance_id": id, "definition_id": definition, "activity_id": "s", "type": "external",
                 "topic": "uji", "payload": {}, "state": "done", "due_at": old, "retries": 0, "created_at": old} for id in ids])
            db.execute(sa.insert(incident), [
                {"id": id, "tenant_id": "kpu", "instance_id": id, "definition_id": definition, "activity_id": "s", "type": "failedJob",
                 "message": "x", "opened_at": old, "resolved_at": old} for id in ids])
            db.execute(sa.insert(publication), [
                {"id": id, "tenant_id": "kpu", "instance_id": id, "channel_id": "website", "connector": "site", "state": "published",
                 "content_sha256": "0" * 64, "published_at": old, "updated_at": old} for id in ids])
            db.execute(sa.insert(event), [
                {"tenant_id": "kpu", "instance_id": id, "type": "instance.started", "at": old, "data": {}} for id in ids])
    run(pe, write)


def overdue(pe, now, **values):
    run(pe, lambda db: db.execute(sa.update(activity).where(activity.c.ended_at.is_(None)).values(
        due_at=now - DAY, due_order=now - DAY, **values)))


@on_databases
def test_what_stands_where_and_the_cases_behind_each_number(pe, admin, people, definition, now):
    for _ in range(3):
        commands.start(pe, admin, now, key="p")
    overdue(pe, now)
    late = commands.start(pe, admin, now, key="p")
    task = queries.tasks(pe, admin, instance_id=late.id).rows[0]["id"]
    commands.complete(pe, admin, now, task, {})
    stuck = queries.jobs(pe, admin, instance_id=late.id, state="open").rows[0]
    commands.lease_job(pe, now, stuck["id"], "uji")
    commands.fail_job(pe, now, stuck["id"], "uji", "401", "permanent")
    assert control.standing(pe, admin, now, definition) == {
        "t": {"running": 3, "incidents": 0, "overdue": 3}, "s": {"running": 1, "incidents": 1, "overdue": 0}}
    assert {row["activity_id"] for row in control.cases_at(pe, admin, now, definition, "running").rows} == {"t", "s"}
    assert len(control.cases_at(pe, admin, now, definition, "overdue", activity_id="t").rows) == 3
    assert [row["id"] for row in control.cases_at(pe, admin, now, definition, "incidents", activity_id="s").rows] == [late.id]
    found = control.overview(pe, admin, now)
    assert [(each["running"], each["incidents"], each["overdue"]) for each in found["versions"]] == [(4, 1, 3)]
    assert (found["load"]["running"], found["load"]["incidents"], found["load"]["overdue"], found["load"]["failed"]) == (4, 1, 3, 1)
    pages = control.cases_at(pe, admin, now, definition, "running", limit=3)
    assert len(pages.rows) == 3 and len(control.cases_at(pe, admin, now, definition, "running", after=pages.next).rows) == 1


@on_databases
def test_a_job_that_waits_is_one_that_a_worker_could_begin(pe, admin, definition, people, now):
    from engine import handlers

    started = commands.start(pe, admin, now, key="p")
    commands.complete(pe, admin, now, queries.tasks(pe, admin).rows[0]["id"], {})

    def waits():
        load = control.overview(pe, admin, now + DAY)["load"]
        return load["waiting"], load["oldest"] is not None, load["jobs"]
    handlers.handler("uji")(lambda *_: {})
    try:
        assert waits() == (1, True, 1)
        commands.suspend_instance(pe, admin, now, started.id)
        assert waits() == (0, False, 1)
    finally:
        del handlers._handlers["uji"]
    commands.activate_instance(pe, admin, now, started.id)
    assert waits() == (0, False, 1)  # of a topic that somebody else's worker does


@on_databases
def test_cases_of_each_day(pe, admin, definition, people, now):
    for days in (0, 0, 2):
        case = commands.start(pe, admin, now - days * DAY, key="p")
    commands.cancel(pe, admin, now - DAY, case.id, "uji")
    midnights = [now.replace(hour=0, minute=0) - DAY * n for n in (2, 1, 0, -1)]
    assert [(each["started"], each["ended"]) for each in control.days(pe, admin, midnights)] == [(1, 0), (0, 1), (2, 0)]


@pytest.mark.parametrize("who", ["ketua", "analis", "pemilik"])
def test_only_an_admin_looks_at_the_figures(pe, actor, who, definition, now):
    for ask, rest in ((control.overview, (now,)), (control.standing, (now, definition)), (control.days, ([now, now],)),
                      (control.cases_at, (now, definition, "running"))):
        with pytest.raises(Forbidden):
            ask(pe, actor(who), *rest)


def test_another_offices_version_shows_nothing(pe, admin, definition, people, now):
    from engine.process_engine import Actor

    commands.start(pe, admin, now, key="p")
    other = Actor("admin", "lain", frozenset({"admin"}))
    assert control.standing(pe, other, now, definition) == {} and not control.cases_at(pe, other, now, definition, "running").rows


@on_databases
def test_among_thousands_nothing_is_scanned(pe, admin, people, crowd, definition, now):
    for _ in range(5):
        commands.start(pe, admin, now, key="p")
    if pe.db.dialect.name == "postgresql":
        with pe.db.connect().execution_options(isolation_level="AUTOCOMMIT") as db:
            db.exec_driver_sql("VACUUM ANALYZE")
    else:
        run(pe, lambda db: db.exec_driver_sql("ANALYZE"))
    asked = []

    def note(conn, cursor, statement, parameters, context, many):
        asked.append((statement, parameters))
    sa.event.listen(pe.db, "before_cursor_execute", note)
    control.overview(pe, admin, now)
    control.days(pe, admin, [now - DAY * n for n in range(14, -1, -1)])
    control.standing(pe, admin, now, definition)
    for kind in control.KINDS:
        control.cases_at(pe, admin, now, definition, kind, activity_id="t")
    queries.jobs(pe, admin, state="failed")
    sa.event.remove(pe.db, "before_cursor_execute", note)
    asked = [each for each in asked if each[0].startswith("SELECT") and "pragma" not in each[0]]
    assert len(asked) <= 16
    big = ("process_instance", "activity_instance", "job", "incident", "publication", "event")
    with pe.db.connect() as db:
        for statement, parameters in asked:
            explain = "EXPLAIN QUERY PLAN " if db.dialect.name == "sqlite" else "EXPLAIN "
            plan = [str(row[-1]) for row in db.exec_driver_sql(explain + statement, parameters)]
            scans = [line for line in plan for table in big
                     if f"Seq Scan on {table}" in line or (line.startswith("SCAN") and table in line and "INDEX" not in line)]
            assert not scans, (statement, plan)
