"""What stands behind the inbox: putting off, what one has done, search, marks, filters, and heads who hand tasks out."""

import datetime as dt

import pytest

from bpmn.errors import Forbidden, Invalid, NotFound
from engine import commands, filters, marks, queries
from engine.process_engine import Actor
from engine.store import read
from tests.conftest import on_databases
from tests.engine.small import END, START, chain, deploy, diagram, do, user_task
from tests.engine.test_queries import Statements, all_pages

ONE = diagram(chain(START, user_task("a"), END), properties={"label": "${judul}", "cari": "surat"})
HOUR = dt.timedelta(hours=1)


@pytest.fixture
def one(pe, people, pemilik, now):
    deploy(pe, pemilik, now, ONE)


def begin(pe, actor, now, judul="x", **variables):
    """Start a case and return the id of its task."""
    case = commands.start(pe, actor, now, key="p", variables={"judul": judul, **variables})
    return queries.tasks(pe, actor, instance_id=case.id).rows[0]["id"]


def ids(page):
    return [row["id"] for row in page.rows]


@on_databases
def test_a_task_that_is_put_off_comes_back_by_itself(pe, one, penulis, now):
    task, other = begin(pe, penulis, now - HOUR), begin(pe, penulis, now)
    for each in (task, other):
        commands.claim(pe, penulis, now, each)
    commands.defer(pe, penulis, now, task, now + HOUR)

    def lists(at):
        return [ids(queries.tasks(pe, penulis, mine=True, deferred=deferred, now=at)) for deferred in (False, True)]

    assert lists(now) == [[other], [task]]
    assert queries.task_counts(pe, penulis, now) == {"mine": 1, "later": 1, "group": 0, "overdue": 0}
    assert lists(now + HOUR) == [[task, other], []]
    assert queries.task_counts(pe, penulis, now + HOUR)["mine"] == 2
    commands.defer(pe, penulis, now, task, None)
    assert lists(now) == [[task, other], []]
    said = [row["data"] for row in queries.events(pe, penulis, queries.task(pe, penulis, task)["instance_id"]).rows
            if row["type"] == "task.deferred"]
    assert sorted(event["until"] or "" for event in said) == ["", (now + HOUR).isoformat()]


def test_only_its_assignee_puts_a_task_off_and_only_into_the_future(pe, one, penulis, webadmin, kasubbag, now):
    task = begin(pe, penulis, now)
    with pytest.raises(Forbidden):
        commands.defer(pe, penulis, now, task, now + HOUR)  # nobody's yet
    commands.claim(pe, penulis, now, task)
    with pytest.raises(Forbidden):
        commands.defer(pe, webadmin, now, task, now + HOUR)
    with pytest.raises(NotFound):
        commands.defer(pe, kasubbag, now, task, now + HOUR)
    for until in (now, now - HOUR, now + dt.timedelta(days=400)):
        with pytest.raises(Invalid):
            commands.defer(pe, penulis, now, task, until)


def test_whoever_gets_a_task_has_not_put_it_off(pe, one, penulis, webadmin, admin, now):
    task = begin(pe, penulis, now)
    commands.claim(pe, penulis, now, task)
    commands.defer(pe, penulis, now, task, now + HOUR)
    commands.assign(pe, admin, now, task, "webadmin")
    assert ids(queries.tasks(pe, webadmin, mine=True, deferred=False, now=now)) == [task]


@on_databases
def test_what_i_have_done_is_listed_newest_first(pe, one, penulis, webadmin, now):
    mine = []
    for n in range(7):
        mine.append(begin(pe, penulis, now, f"berita {n}"))
        commands.complete(pe, penulis, now + n * HOUR, mine[-1])
    commands.complete(pe, webadmin, now, begin(pe, webadmin, now, "bukan saya"))
    begin(pe, penulis, now, "masih terbuka")
    found = all_pages(lambda **page: queries.done_tasks(pe, penulis, **page), 3)
    assert [row["id"] for row in found] == mine[::-1]
    assert ids(queries.done_tasks(pe, penulis, search="BERITA 4")) == [mine[4]]


@on_databases
def test_a_task_is_found_by_its_letter(pe, one, penulis, now):
    task = begin(pe, penulis, now, surat="123/PL.02-SD/3101/2026")
    begin(pe, penulis, now, surat="124/PL.02-SD/3101/2026")
    assert ids(queries.tasks(pe, penulis, candidate=True, search="123/pl.02")) == [task]
    do_at = queries.task(pe, penulis, task)["instance_id"]
    commands.set_variables(pe, Actor.system(), now, do_at, {"surat": "999/X"})
    assert ids(queries.tasks(pe, penulis, candidate=True, search="999/x")) == [task]
    do(pe, penulis, now, "a", do_at)
    assert ids(queries.done_tasks(pe, penulis, search="999/X")) == [task]


@on_databases
def test_every_tab_is_one_statement_read_through_an_index(pe, one, penulis, now):
    for n in range(200):
        task = begin(pe, penulis, now + n * dt.timedelta(minutes=1))
        if n % 2:
            commands.complete(pe, penulis, now + n * HOUR, task)
        elif n % 4:
            commands.claim(pe, penulis, now, task)
    with read(pe) as db:
        db.exec_driver_sql("ANALYZE")
        if db.dialect.name == "postgresql":
            db.exec_driver_sql("SET enable_seqscan = off")  # so few rows would be scanned: can the index be used?
        asked = {
            "ix_activity_instance_assignee": lambda: queries.tasks(pe, penulis, mine=True, deferred=False, now=now),
            "ix_candidate_name": lambda: queries.tasks(pe, penulis, candidate=True, group="pelaksana"),
            "ix_activity_instance_done": lambda: queries.done_tasks(pe, penulis),
        }
        for index, query in asked.items():
            with Statements(pe) as statements:
                query()
            assert len(statements) == 1
            explain = "EXPLAIN QUERY PLAN " if db.dialect.name == "sqlite" else "EXPLAIN "
            plan = "\n".join(str(row[-1]) for row in db.exec_driver_sql(explain + statements.sent[0][0], statements.sent[0][1]))
            if db.dialect.name == "sqlite":
                assert index in plan, plan
            else:  # which of the indexes that fit, PostgreSQL decides by what so few rows cost
                assert "Seq Scan on activity_instance" not in plan and "Index" in plan, plan
            if "done" in index and db.dialect.name == "sqlite":  # PostgreSQL rather sorts so few
                assert "TEMP B-TREE" not in plan, plan


def test_a_head_hands_a_task_to_their_own_people_only(pe, people, one, penulis, webadmin, kasubbag, now):
    task = begin(pe, penulis, now)
    head = Actor("webadmin", "kpu", webadmin.groups, heads=frozenset({"pelaksana"}))
    with pytest.raises(Forbidden):
        commands.assign(pe, webadmin, now, task, "penulis")
    with pytest.raises(Invalid):
        commands.assign(pe, head, now, task, "kasubbag")
    commands.assign(pe, head, now, task, "penulis")
    assert queries.task(pe, penulis, task)["assignee"] == "penulis"
    commands.assign(pe, head, now, task, None)
    assert queries.task(pe, penulis, task)["assignee"] is None


@on_databases
def test_a_head_stays_head_while_in_the_group(pe, people, admin, now):
    from engine import people as accounts

    accounts.set_groups(pe, admin, now, "webadmin", ["pelaksana", "web-admin"], heads=["web-admin"])
    assert accounts.actor(pe, "webadmin").heads == {"web-admin"}
    accounts.set_groups(pe, admin, now, "webadmin", ["web-admin"])
    assert accounts.account(pe, "webadmin")["heads"] == {"web-admin"}
    accounts.set_groups(pe, admin, now, "webadmin", ["pelaksana"])
    accounts.set_groups(pe, admin, now, "webadmin", ["pelaksana", "web-admin"])
    assert accounts.actor(pe, "webadmin").heads == frozenset()
    with pytest.raises(Invalid):
        accounts.set_groups(pe, admin, now, "webadmin", ["pelaksana"], heads=["web-admin"])


@on_databases
def test_a_task_is_new_until_it_is_opened(pe, people, one, penulis, webadmin, now):
    task, other = begin(pe, penulis, now), begin(pe, penulis, now)
    marks.see_task(pe, penulis, now, task)
    marks.see_task(pe, penulis, now, task)
    assert marks.seen_tasks(pe, penulis, [task, other]) == {task}
    assert marks.seen_tasks(pe, webadmin, [task, other]) == set()
    with Statements(pe) as statements:
        marks.see_task(pe, penulis, now, task)
    assert len(statements) == 1  # it is read, and not written again


def test_filters_are_ones_own_and_not_without_end(pe, people, penulis, webadmin, now):
    kept = filters.save(pe, penulis, now, "  Pemilu   ini ", "tab=group&q=pemilu")
    assert filters.save(pe, penulis, now, "Pemilu ini", "tab=mine") == kept
    assert filters.filters(pe, penulis) == [{"id": kept, "name": "Pemilu ini", "query": "tab=mine"}]
    assert filters.filters(pe, webadmin) == []
    with pytest.raises(NotFound):
        filters.delete(pe, webadmin, now, kept)
    for name in ("", " ", "x" * 61, "a\nb\0"):
        with pytest.raises(Invalid):
            filters.save(pe, penulis, now, name, "")
    for n in range(filters.MOST - 1):
        filters.save(pe, penulis, now, f"S{n}", "")
    with pytest.raises(Invalid):
        filters.save(pe, penulis, now, "satu lagi", "")
    filters.delete(pe, penulis, now, kept)
    assert filters.save(pe, penulis, now, "satu lagi", "")
