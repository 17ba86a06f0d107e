"""Camunda's delegation: somebody else works on a task, its owner completes it."""

import datetime as dt
import io
import json
from functools import partial

import pytest
import sqlalchemy as sa

from bpmn.errors import Conflict, Forbidden, Invalid
from engine import commands, documents, drafts, notices, queries, substitutions
from engine import people as accounts
from engine.process_engine import Actor
from engine.store import read
from engine.tables import document, event, notice
from tests.conftest import on_databases
from tests.engine.small import END, START, chain, deploy, diagram, open_tasks, user_task
from tests.engine.test_concurrency import at_once

TWO = diagram(chain(START, user_task("a", "sub-bagian"), user_task("b", "sub-bagian"), END))


@pytest.fixture
def task(pe, people, pemilik, kasubbag, now):
    """A task that kasubbag has taken."""
    deploy(pe, pemilik, now, TWO)
    commands.start(pe, kasubbag, now, key="p")
    task = open_tasks(pe, kasubbag)["a"]
    commands.claim(pe, kasubbag, now, task)
    return task


@pytest.fixture
def outsider():
    """Somebody who sees neither the case nor its tasks."""
    return Actor("penulis", "kpu", frozenset({"pelaksana"}))


def state(pe, actor, task):
    row = queries.task(pe, actor, task)
    return row["assignee"], row["owner"], row["delegation"]


@on_databases
def test_a_task_is_delegated_resolved_and_completed(pe, task, kasubbag, outsider, admin, now):
    commands.delegate(pe, kasubbag, now, task, "penulis")
    assert state(pe, outsider, task) == ("penulis", "kasubbag", "pending")
    assert [row["id"] for row in queries.tasks(pe, outsider, mine=True).rows] == [task]
    for actor in (outsider, kasubbag, admin):  # Camunda: a delegated task cannot be completed, but should be resolved
        with pytest.raises((Conflict, Forbidden)):
            commands.complete(pe, actor, now, task)
    row = queries.task(pe, outsider, task)
    assert (row["may_work"], row["may_complete"], row["may_resolve"], row["may_delegate"]) == (True, False, True, False)
    commands.resolve(pe, outsider, now, task, {"konsep": "selesai"})
    assert state(pe, kasubbag, task) == ("kasubbag", "kasubbag", "resolved")
    assert queries.task_variables(pe, kasubbag, task) == {"konsep": "selesai"}
    with pytest.raises((Forbidden, Conflict)):
        commands.complete(pe, Actor("ketua", "kpu", frozenset({"sub-bagian"})), now, task)
    commands.complete(pe, kasubbag, now, task)
    assert queries.task(pe, kasubbag, task)["completed_by"] == "kasubbag"
    with read(pe) as db:
        types = db.execute(sa.select(event.c.type).where(event.c.activity_instance_id == task).order_by(event.c.id)).scalars().all()
    assert types == ["task.claimed", "task.delegated", "variables.set", "task.resolved", "task.completed"]


def test_who_may_not_delegate(pe, task, kasubbag, outsider, now, people):
    with pytest.raises(Conflict):
        commands.resolve(pe, kasubbag, now, task)
    other = Actor("analis", "kpu", frozenset({"sub-bagian"}))
    with pytest.raises(Forbidden):
        commands.delegate(pe, other, now, task, "penulis")
    for user in ("kasubbag", "tidak-ada", "x\0"):
        with pytest.raises(Invalid) as refused:
            commands.delegate(pe, kasubbag, now, task, user)
        assert refused.value.where["field"] == "userId"
    commands.unclaim(pe, kasubbag, now, task)
    with pytest.raises(Conflict):
        commands.delegate(pe, kasubbag, now, task, "penulis")  # nobody has it


def test_a_delegate_gives_it_back_to_nobody_else(pe, task, kasubbag, outsider, now):
    commands.delegate(pe, kasubbag, now, task, "penulis")
    for act in (partial(commands.delegate, user_id="webadmin"), commands.unclaim):
        with pytest.raises(Conflict):
            act(pe, outsider, now, task)
    with pytest.raises(Forbidden):
        commands.assign(pe, outsider, now, task, None)
    with pytest.raises(Forbidden):
        commands.resolve(pe, Actor("webadmin", "kpu", frozenset({"sub-bagian"})), now, task)
    commands.resolve(pe, kasubbag, now, task)  # the owner takes it back
    assert state(pe, kasubbag, task) == ("kasubbag", "kasubbag", "resolved")


def test_it_ends_when_an_admin_or_head_assigns(pe, task, kasubbag, admin, now):
    commands.delegate(pe, kasubbag, now, task, "penulis")
    commands.assign(pe, admin, now, task, "webadmin")
    assert state(pe, admin, task) == ("webadmin", None, None)


@on_databases
def test_of_many_delegations_at_once_one_is_made(pe, task, kasubbag, now):
    results = at_once(*(partial(commands.delegate, pe, kasubbag, now, task, user) for user in ("penulis", "webadmin", "ketua", "analis")))
    assert sorted(type(result).__name__ for result in results) == ["Conflict", "Conflict", "Conflict", "NoneType"]
    [winner] = [user for user, result in zip(("penulis", "webadmin", "ketua", "analis"), results, strict=True) if result is None]
    assert state(pe, kasubbag, task) == (winner, "kasubbag", "pending")


def test_each_is_told_when_it_comes_to_them(pe, task, kasubbag, outsider, people, now):
    for user in ("kasubbag", "penulis"):
        accounts.update_user(pe, people["admin"], now, user, email=f"{user}@kpu.test")
    notices.tell_of_tasks(pe, now)

    def told():
        notices.tell_of_tasks(pe, now)
        with read(pe) as db:
            return set(db.execute(sa.select(notice.c.user_id, notice.c.key).where(notice.c.task_id == task, notice.c.kind == "task")))

    before = told()
    commands.delegate(pe, kasubbag, now, task, "penulis")
    assert [user for user, _ in told() - before] == ["penulis"]
    before = told()
    commands.resolve(pe, outsider, now + dt.timedelta(minutes=1), task)
    assert [user for user, _ in told() - before] == ["kasubbag"]


@on_databases
def test_what_the_delegate_typed_is_offered_to_the_owner(pe, task, kasubbag, outsider, now):
    drafts.save(pe, kasubbag, now, task, [("v-x", "lama")], 0)
    commands.delegate(pe, kasubbag, now, task, "penulis")
    version = drafts.save(pe, outsider, now, task, [("v-x", "baru")], 0)
    commands.resolve(pe, outsider, now, task)
    kept = drafts.get(pe, kasubbag, task)
    assert kept["fields"] == [["v-x", "baru"]] and kept["version"] > version
    assert drafts.get(pe, outsider, task) is None


def test_the_owner_goes_on_with_the_delegates_files(pe, task, kasubbag, outsider, now):
    def upload(name):
        return documents.store_upload(pe, outsider, now, stream=io.BytesIO(b"%PDF-1.4\n"), name=name, variable="v", task_id=task)

    commands.delegate(pe, kasubbag, now, task, "penulis")
    kept, left_out = upload("dipakai.pdf"), upload("dilepas.pdf")
    drafts.save(pe, outsider, now, task, [("v-v-kept", json.dumps(kept))], 0)
    commands.resolve(pe, outsider, now, task)
    commands.complete(pe, kasubbag, now, task, {"v": [kept]})
    with read(pe) as db:
        tied = dict(db.execute(sa.select(document.c.id, document.c.instance_id)).all())
        [added] = db.execute(sa.select(event.c.actor, event.c.data).where(event.c.type == "document.added")).all()
    assert tied[kept["document"]] and tied[left_out["document"]] is None
    assert (added.actor, added.data["name"]) == ("penulis", "dipakai.pdf")


def test_what_is_held_in_stead_stays_so_and_ends_so(pe, task, kasubbag, ketua, outsider, admin, now):
    over = now + dt.timedelta(days=1)
    substitutions.appoint(pe, admin, now, kind="plh", group_id="sub-bagian", substitute_id="ketua", absent_id="kasubbag", decree="SP 1",
                          starts_at=now, ends_at=over)
    stand_in = accounts.actor(pe, "ketua", now=now)
    commands.complete(pe, kasubbag, now, task)
    task = open_tasks(pe, stand_in)["b"]
    commands.claim(pe, stand_in, now, task)
    commands.delegate(pe, stand_in, now, task, "penulis")
    assert queries.task(pe, outsider, task)["may_work"] and queries.task(pe, stand_in, task)["in_stead_of"]["decree"] == "SP 1"
    assert substitutions.release_ended(pe, now) == 0
    commands.resolve(pe, outsider, now, task)
    assert state(pe, stand_in, task) == ("ketua", "ketua", "resolved")
    assert not queries.task(pe, admin, task)["may_resolve"]
    assert substitutions.release_ended(pe, over) == 1
    assert state(pe, admin, task) == (None, None, None)
