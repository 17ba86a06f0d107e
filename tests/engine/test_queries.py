"""Queries: what one sees, in which order, page by page, at which cost."""

import base64
import datetime as dt
import json

import pytest
import sqlalchemy as sa

from bpmn.errors import Forbidden, Invalid, NotFound
from engine import commands, queries
from engine.process_engine import Actor
from engine.queries import paging
from engine.store import read
from tests.conftest import on_databases
from tests.engine.small import END, START, chain, deploy, diagram, do, open_tasks, user_task

DUE = ('<userTask id="{0}" name="{0}" camunda:candidateGroups="{1}" camunda:dueDate="${{get(\'due\')}}"/>')
TWO = diagram(chain(START, ("a", DUE.format("a", "pelaksana")), user_task("b", "sub-bagian"), END), properties={"label": "${judul}"})
FORM = b'{"id": "isian", "components": []}'


@pytest.fixture
def two(pe, pemilik, now):
    return commands.deploy(pe, pemilik, now, name="dua", resources={
        "p.bpmn": TWO.replace(b'<userTask id="a"', b'<userTask id="a" camunda:formRef="isian"'), "lain.form": FORM})


def begin(pe, actor, now, judul, **variables):
    return commands.start(pe, actor, now, key="p", variables={"judul": judul, **variables})


class Statements:
    """Counts and keeps what is sent to the database."""

    def __init__(self, pe):
        self.pe, self.sent = pe, []

    def _note(self, _conn, _cursor, statement, parameters, _context, _many):
        self.sent.append((statement, parameters))

    def __enter__(self):
        sa.event.listen(self.pe.db, "before_cursor_execute", self._note)
        return self

    def __exit__(self, *_):
        sa.event.remove(self.pe.db, "before_cursor_execute", self._note)

    def __len__(self):
        return len(self.sent)


def all_pages(query, limit):
    rows, after = [], None
    while True:
        page = query(after=after, limit=limit)
        assert len(page.rows) <= limit
        rows += page.rows
        after = page.next
        if after is None:
            return rows


# Lists ----------------------------------------------------------------------------------------------------------------

@on_databases
@pytest.mark.parametrize("limit", [1, 2, 3, 50])
def test_tasks_come_overdue_first_then_due_soonest_then_oldest(pe, two, penulis, now, limit):
    due = {"telat": -2, "besok": 24, "baru saja telat": -1, "nanti": 48, "tanpa": None, "tanpa juga": None, "sama": 24}
    for minute, (judul, hours) in enumerate(due.items()):
        at = None if hours is None else (now + dt.timedelta(hours=hours)).isoformat()
        begin(pe, penulis, now + dt.timedelta(minutes=minute), judul, due=at)
    rows = all_pages(lambda **page: queries.tasks(pe, penulis, **page), limit)
    assert [row["title"] for row in rows] == ["telat", "baru saja telat", "besok", "sama", "nanti", "tanpa", "tanpa juga"]
    assert rows[0]["due_at"] == now - dt.timedelta(hours=2) and rows[-1]["due_at"] is None


@on_databases
def test_cases_come_newest_first_page_by_page(pe, two, penulis, now):
    for n in range(7):
        begin(pe, penulis, now + dt.timedelta(hours=n // 2), f"K{n}")  # some at the same time
    rows = all_pages(lambda **page: queries.instances(pe, penulis, **page), 2)
    assert sorted(row["title"] for row in rows) == [f"K{n}" for n in range(7)]
    assert [row["started_at"] for row in rows] == sorted((row["started_at"] for row in rows), reverse=True)


def test_a_page_stays_right_when_rows_come_in_between(pe, two, penulis, now):
    for n in range(4):
        begin(pe, penulis, now + dt.timedelta(hours=n), f"K{n}")
    first = queries.instances(pe, penulis, limit=2)
    begin(pe, penulis, now + dt.timedelta(hours=9), "baru")
    assert [row["title"] for row in queries.instances(pe, penulis, limit=2, after=first.next).rows] == ["K1", "K0"]


@pytest.mark.parametrize("cursor", ["x", "!!!", "W10", "AAAA", "é", "x" * 10_000, *(
    base64.urlsafe_b64encode(json.dumps(value).encode()).decode() for value in (
        None, 1, [1, 2], ["2026-01-01T00:00:00", "x"], ["2026-01-01T00:00:00+00:00"], ["2026-01-01T00:00:00+00:00", 7],
        ["0001-01-01T00:00:00+14:00", "x"], ["2026-01-01T00:00:00+00:00", "\0"], [["t"], {}]))])
def test_a_cursor_that_is_not_ours_is_invalid(pe, admin, cursor):
    with pytest.raises(Invalid):
        queries.instances(pe, admin, after=cursor)
    with pytest.raises(Invalid):
        queries.tasks(pe, admin, after=cursor)


def test_a_limit_is_bounded(pe, two, penulis, now):
    begin(pe, penulis, now, "a")
    begin(pe, penulis, now, "b")
    for limit in (0, -5, 10**9):
        assert len(queries.instances(pe, penulis, limit=limit).rows) in (1, 2)
    assert paging.LIMIT == 200


@on_databases
@pytest.mark.parametrize(("search", "found"), [
    ("PLENO", {"Rapat pleno 100%"}), ("100%", {"Rapat pleno 100%"}), ("%", {"Rapat pleno 100%"}), ("0001", {"Rapat pleno 100%"}),
    ("_", {"a_b"}),
    ("p-2026", {"Rapat pleno 100%", "a_b", "axb"}), ("\\", set()), ("' OR 1=1", set()),
])
def test_search_takes_signs_as_they_are(pe, two, penulis, now, search, found):
    for judul in ("Rapat pleno 100%", "a_b", "axb"):
        begin(pe, penulis, now, judul)
    assert {row["title"] for row in queries.instances(pe, penulis, search=search).rows} == found
    assert {row["title"] for row in queries.tasks(pe, penulis, search=search).rows} == found


@on_databases
def test_the_inbox_is_mine_and_my_groups(pe, two, penulis, webadmin, kasubbag, now):
    for judul in ("milik saya", "milik dia", "bebas"):
        begin(pe, penulis, now, judul)
    by_title = {row["title"]: row["id"] for row in queries.tasks(pe, penulis).rows}
    commands.claim(pe, penulis, now, by_title["milik saya"])
    commands.claim(pe, webadmin, now, by_title["milik dia"])

    def titles(**filters):
        return {row["title"] for row in queries.tasks(pe, penulis, **filters).rows}

    assert titles(mine=True) == {"milik saya"}
    assert titles(candidate=True) == titles(unassigned=True) == titles(group="pelaksana") == {"bebas"}
    assert titles(mine=True, candidate=True) == {"milik saya", "bebas"}
    assert titles(assignee="webadmin") == {"milik dia"} and titles(unassigned=False) == {"milik saya", "milik dia"}
    assert titles(task_definition_key="b") == titles(definition_key="x") == titles(group="sub-bagian") == set()
    assert queries.task_counts(pe, penulis, now) == {"mine": 1, "later": 0, "group": 1, "overdue": 0}
    assert queries.task_counts(pe, kasubbag, now) == {"mine": 0, "later": 0, "group": 0, "overdue": 0}


def test_overdue_counts_what_is_mine_or_could_be(pe, two, penulis, webadmin, now):
    for n in range(3):
        begin(pe, penulis, now, f"K{n}", due=(now + dt.timedelta(hours=1)).isoformat())
    commands.claim(pe, webadmin, now, queries.tasks(pe, penulis).rows[0]["id"])
    assert queries.task_counts(pe, penulis, now + dt.timedelta(hours=2))["overdue"] == 2
    assert queries.task_counts(pe, webadmin, now + dt.timedelta(hours=2))["overdue"] == 3


def test_the_states_of_cases(pe, two, penulis, kasubbag, admin, now):
    old, new = begin(pe, penulis, now, "lama"), begin(pe, penulis, now, "baru")
    do(pe, penulis, now, "a", old.id)
    do(pe, kasubbag, now, "b", old.id)

    def titles(**filters):
        return [row["title"] for row in queries.instances(pe, admin, **filters).rows]

    assert titles(state="ended") == ["lama"] and titles(state="running") == ["baru"] and len(titles()) == 2
    assert titles(business_key=new.business_key) == ["baru"] and titles(definition_key="x") == titles(with_incident=True) == []
    assert titles(started_after=now + dt.timedelta(1)) == titles(started_before=now) == [] and len(titles(with_incident=False)) == 2
    with pytest.raises(Invalid):
        titles(state="x")


# One thing ------------------------------------------------------------------------------------------------------------

def test_a_task_says_who_may_do_it_and_where_it_belongs(pe, two, penulis, kasubbag, analis, admin, now):
    case = begin(pe, penulis, now, "Judul")
    row = queries.task(pe, penulis, open_tasks(pe, penulis)["a"])
    assert (row["candidate_groups"], row["candidate_users"], row["may_claim"], row["may_complete"]) == (["pelaksana"], [], True, True)
    assert row["instance"]["id"] == case.id and row["instance"]["definition_version"] == 1 and row["instance"]["started_by"] == "penulis"
    assert not queries.task(pe, analis, row["id"])["may_complete"]
    do(pe, penulis, now, "a")
    assert not queries.task(pe, penulis, row["id"])["may_complete"] and queries.task(pe, penulis, row["id"])["ended_at"] == now


def test_forms_are_found_by_file_and_by_id(pe, two, penulis, admin, now):
    begin(pe, penulis, now, "x")
    assert queries.task_form(pe, penulis, open_tasks(pe, penulis)["a"]) == FORM
    assert queries.start_form(pe, penulis, two.definitions[0]["id"]) is None
    do(pe, penulis, now, "a")
    assert queries.task_form(pe, admin, open_tasks(pe, admin)["b"]) is None


def test_definitions_as_one_may_see_them(pe, two, pemilik, penulis, ketua, now):
    deploy(pe, pemilik, now, TWO.replace(b'name="b"', b'name="B"'))
    assert [row["version"] for row in queries.definitions(pe, pemilik, key="p").rows] == [1, 2]
    assert [row["version"] for row in queries.definitions(pe, penulis, at=now).rows] == [2]
    assert [row["version"] for row in queries.definitions(pe, penulis, at=now, startable=True).rows] == [2]
    assert queries.definitions(pe, ketua).rows == []
    first = two.definitions[0]["id"]
    assert queries.definition(pe, penulis, "p")["version"] == 2 and queries.definition(pe, penulis, first)["version"] == 1
    assert queries.definition_xml(pe, penulis, first).startswith(b"<definitions")
    assert queries.definition_resource(pe, penulis, first, "lain.form") == FORM
    assert [row["name"] for row in queries.deployment_resources(pe, pemilik, two.id)] == ["lain.form", "p.bpmn"]
    for hidden in (lambda: queries.definition(pe, ketua, "p"), lambda: queries.definition_resource(pe, penulis, first, "x"),
                   lambda: queries.definition(pe, penulis, "tak ada"), lambda: queries.definition(pe, penulis, "p:9:x")):
        with pytest.raises(NotFound):
            hidden()


def test_raw_variables_are_for_admins_and_owners(pe, two, penulis, pemilik, ketua, now):
    case = begin(pe, penulis, now, "x")
    assert queries.instance_variables(pe, pemilik, case.id)["judul"] == "x"
    with pytest.raises(Forbidden):
        queries.instance_variables(pe, penulis, case.id)
    with pytest.raises(NotFound):
        queries.instance_variables(pe, ketua, case.id)


def test_history_is_for_who_sees_the_case(pe, two, penulis, ketua, now):
    case = begin(pe, penulis, now, "x")
    for query in (queries.activities, queries.events, queries.open_activities, queries.instance):
        assert query(pe, penulis, case.id)
        with pytest.raises(NotFound):
            query(pe, ketua, case.id)


def test_what_one_sees_in_lists_is_what_one_sees_alone(pe, people, two, penulis, kasubbag, ketua, admin, now):
    for n in range(3):
        begin(pe, penulis, now, f"K{n}")
    commands.assign(pe, admin, now, queries.tasks(pe, admin).rows[0]["id"], "ketua")
    outsider = Actor("luar", "kpu", frozenset({"tamu"}))
    for actor in (penulis, kasubbag, ketua, admin, outsider):
        listed = {row["id"] for row in queries.tasks(pe, actor).rows}
        alone = set()
        for row in queries.tasks(pe, admin).rows:
            try:
                alone.add(queries.task(pe, actor, row["id"])["id"])
            except NotFound:
                pass
        assert listed == alone, actor


# Costs ----------------------------------------------------------------------------------------------------------------

def test_a_completion_is_seven_statements_and_one_commit(pe, two, penulis, now):
    case = begin(pe, penulis, now, "x")
    begin(pe, penulis, now, "y")
    task = open_tasks(pe, penulis, case.id)["a"]
    commits = []
    sa.event.listen(pe.db, "commit", commits.append)
    with Statements(pe) as statements:
        commands.complete(pe, penulis, now, task, {"judul": "z"})
    assert [sql.split()[0] for sql, _ in statements.sent] == ["SELECT", "BEGIN", "UPDATE", "UPDATE", "DELETE", "INSERT", "INSERT", "INSERT"]
    assert len(commits) == 1


def test_lists_cost_the_same_however_long(pe, two, penulis, admin, now):
    def cost():
        counts = []
        for query in (queries.tasks, queries.instances, queries.jobs, queries.incidents, queries.definitions):
            for actor in (penulis, admin):
                with Statements(pe) as statements:
                    query(pe, actor)
                counts.append(len(statements))
        return counts

    begin(pe, penulis, now, "x")
    before = cost()
    for _ in range(20):
        begin(pe, penulis, now, "x")
    assert cost() == before == [1] * len(before)


def plan(pe, statements):
    with read(pe) as db:
        return "\n".join(row[3] for sql, parameters in statements.sent
                         for row in db.exec_driver_sql("EXPLAIN QUERY PLAN " + sql, parameters))


def test_the_inbox_and_the_lists_are_read_through_indexes(pe, two, penulis, admin, now):
    for n in range(300):
        begin(pe, penulis, now + dt.timedelta(minutes=n), "x")
    with read(pe) as db:
        db.exec_driver_sql("ANALYZE")
    asked = {
        "mine": (lambda: queries.tasks(pe, penulis, mine=True), "ix_activity_instance_assignee"),
        "group": (lambda: queries.tasks(pe, penulis, candidate=True), "ix_candidate_name"),
        "all": (lambda: queries.tasks(pe, admin), "ix_activity_instance_open"),
        "cases": (lambda: queries.instances(pe, admin), "ix_process_instance_list"),
        # all of them run here, so that the index of all and that of what runs are one to the planner: see test_large_office
        "running": (lambda: queries.instances(pe, admin, state="running"), "ix_process_instance_"),
        "history": (lambda: queries.events(pe, admin, queries.instances(pe, admin).rows[0]["id"]), "ix_event_of"),
    }
    for name, (query, index) in asked.items():
        with Statements(pe) as statements:
            query()
        found = plan(pe, statements)
        assert index in found and (name not in ("cases", "running") or "TEMP B-TREE" not in found), (name, found)
        assert "SCAN activity_instance\n" not in found and "SCAN process_instance\n" not in found, (name, found)
