"""Words of due times: to whom, when, once; moved with the due time; never a decision."""

import datetime as dt
import threading

import pytest
import sqlalchemy as sa

from engine import commands, queries, reminders, settings
from engine.store import read
from engine.tables import membership, notice, substitution, user
from tests.conftest import on_databases
from tests.engine.small import END, START, chain, deploy, diagram, do, open_tasks
from tests.engine.test_deadlines import EVENING, MORE, jakarta, task_xml

SOON, DUE, LATE = (jakarta(f"2026-11-25T{clock}") for clock in ("07:48", "08:00", "09:00"))
GROUP = ["penulis", "webadmin"]  # 'pelaksana'


@pytest.fixture
def task(pe, people):
    """A task of an hour that began half an hour before the office closed."""
    with pe.db.begin() as db:
        db.execute(sa.update(user).values(email=user.c.id + "@kpu.example"))
    deploy(pe, people["admin"], EVENING, diagram(chain(START, task_xml("a", more=MORE), END)))
    commands.start(pe, people["admin"], EVENING, key="p")
    return open_tasks(pe, people["admin"])["a"]


def told(pe):
    """Whom each kind was told, in the order in which it was."""
    with read(pe) as db:
        rows = db.execute(sa.select(notice.c.kind, notice.c.user_id).order_by(notice.c.due_at, notice.c.id)).all()
    found: dict[str, set] = {}
    for kind, person in rows:
        found.setdefault(kind, set()).add(person)
    return {kind: sorted(people) for kind, people in found.items()}


def lead(pe, *people):
    with pe.db.begin() as db:
        db.execute(sa.update(membership).where(membership.c.user_id.in_(people)).values(is_head=True))


@on_databases
def test_before_at_and_after_due_each_is_told_once(pe, people, task):
    commands.claim(pe, people["penulis"], EVENING, task)
    lead(pe, "webadmin")
    assert reminders.tell_due(pe, SOON - dt.timedelta(seconds=1)) == 0 and told(pe) == {}
    seen = []
    for moment in (SOON, SOON, DUE, DUE, LATE, LATE, LATE + dt.timedelta(days=9)):
        reminders.tell_due(pe, moment)
        seen.append(sorted(told(pe)))
    assert told(pe) == {"due-soon": ["penulis"], "overdue": ["penulis"], "escalation": ["webadmin"]}
    assert [len(kinds) for kinds in seen] == [1, 1, 2, 2, 3, 3, 3]
    assert queries.task(pe, people["penulis"], task)["assignee"] == "penulis", "nobody decided anything"


def test_the_notice_says_of_what(pe, people, task):
    reminders.tell_due(pe, SOON)
    with read(pe) as db:
        row = db.execute(sa.select(notice).limit(1)).one()
    assert (row.task_id, row.state, row.data["name"], row.data["due_at"]) == (task, "open", "a", "2026-11-25T01:00:00+00:00")
    assert row.instance_id == queries.task(pe, people["admin"], task)["instance_id"]


def test_what_nobody_took_is_told_to_all_who_may(pe, people, task):
    reminders.tell_due(pe, SOON)
    assert told(pe) == {"due-soon": GROUP}


def test_without_a_head_the_whole_group_hears_of_a_late_task_but_not_its_holder_twice(pe, people, task):
    commands.claim(pe, people["penulis"], EVENING, task)
    reminders.tell_due(pe, LATE)
    assert told(pe) == {"overdue": ["penulis"], "escalation": ["webadmin"]}


def test_who_stands_in_is_told_while_they_do(pe, people, task):
    with pe.db.begin() as db:
        for number, (person, until) in enumerate((("kasubbag", LATE), ("ketua", EVENING))):
            db.execute(sa.insert(substitution).values(
                id=str(number), tenant_id="kpu", kind="plh", group_id="pelaksana", absent_id="penulis", substitute_id=person,
                decree="1", starts_at=EVENING - dt.timedelta(days=1), ends_at=until, created_at=EVENING))
    reminders.tell_due(pe, SOON)
    assert told(pe) == {"due-soon": sorted([*GROUP, "kasubbag"])}


def test_after_an_outage_only_the_last_word_is_told(pe, people, task):
    assert reminders.tell_due(pe, jakarta("2026-11-25T08:30")) == 1
    assert told(pe) == {"overdue": GROUP}


def test_more_time_moves_the_words(pe, people, task):
    reminders.tell_due(pe, SOON)
    commands.extend(pe, people["penulis"], SOON, task, minutes=60, reason="x")
    reminders.tell_due(pe, DUE)
    assert told(pe) == {"due-soon": GROUP}
    reminders.tell_due(pe, jakarta("2026-11-25T09:00"))
    assert told(pe) == {"due-soon": GROUP, "overdue": GROUP}


def test_another_calendar_moves_the_words(pe, people, task):
    settings.change(pe, people["admin"], EVENING, "calendar", {"days": {"2026-11-25": {"name": "Pilkada", "spans": []}}})
    assert reminders.tell_due(pe, LATE) == 0
    assert reminders.tell_due(pe, jakarta("2026-11-26T07:48")) == 1


def test_other_rules_hold_for_open_tasks_and_tell_nothing_again(pe, people, task):
    reminders.tell_due(pe, SOON)
    settings.change(pe, people["admin"], SOON, "reminders", {"before_percent": 80, "at_due": False, "escalate_minutes": None})
    reminders.tell_due(pe, LATE)
    assert told(pe) == {"due-soon": GROUP}
    with read(pe) as db:
        assert db.scalar(sa.select(sa.func.count()).select_from(notice)) == len(GROUP)
    settings.change(pe, people["admin"], LATE, "reminders", {"before_percent": 0, "at_due": False, "escalate_minutes": 0})
    reminders.tell_due(pe, LATE)
    assert told(pe) == {"due-soon": GROUP, "escalation": GROUP}


def test_a_task_that_is_done_or_suspended_is_quiet(pe, people, task):
    instance = queries.task(pe, people["admin"], task)["instance_id"]
    commands.suspend_instance(pe, people["admin"], EVENING, instance)
    assert reminders.tell_due(pe, SOON) == 0
    commands.activate_instance(pe, people["admin"], SOON, instance)
    do(pe, people["penulis"], SOON, "a")
    assert reminders.tell_due(pe, LATE) == 0 and told(pe) == {}


@on_databases
def test_two_workers_at_once_tell_once(pe, people, task):
    start, results = threading.Barrier(4), []

    def look():
        start.wait()
        results.append(reminders.tell_due(pe, DUE))

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sum(results) == 1 and told(pe) == {"overdue": GROUP}


def test_a_look_with_nothing_due_is_one_statement_by_an_index(pe, people, task):
    asked = []
    sa.event.listen(pe.db, "before_cursor_execute", lambda *a: asked.append((a[2], a[3])))
    assert reminders.tell_due(pe, EVENING) == 0
    assert len(asked) == 1
    with pe.db.connect() as db:
        plan = " ".join(row[3] for row in db.exec_driver_sql("EXPLAIN QUERY PLAN " + asked[0][0], asked[0][1]))
    assert "ix_activity_instance_remind" in plan
