"""Standing in: the lane's rights from the moment that it begins to the moment that it ends, in whose stead is written, no more."""

import datetime as dt
from functools import partial

import pytest
import sqlalchemy as sa

from bpmn.errors import Conflict, Forbidden, Invalid, NotFound
from engine import access, api_tokens, commands, queries, substitutions
from engine import people as accounts
from engine.process_engine import Actor
from engine.store import read, run
from engine.tables import event, tenant
from tests.conftest import on_databases
from tests.engine.small import END, START, chain, deploy, diagram, open_tasks, user_task
from tests.engine.test_concurrency import at_once

DAY = dt.timedelta(days=1)
STEAD = {"kind": "plh", "group": "ketua-divisi", "name": "Ketua Demo", "title": "Ketua Divisi", "decree": "SP 12/2026"}
LANES = diagram(chain(START, user_task("putuskan", "ketua-divisi"), user_task("periksa", "sub-bagian"), END))


@pytest.fixture
def appoint(pe, people, admin, now):
    """A function that has kasubbag stand in for ketua from tomorrow for two days, unless it is told otherwise."""
    def make(acting=admin, at=now, **changed):
        values = {"kind": "plh", "group_id": "ketua-divisi", "substitute_id": "kasubbag", "absent_id": "ketua", "decree": "SP 12/2026",
                  "starts_at": now + DAY, "ends_at": now + 3 * DAY} | changed
        return substitutions.appoint(pe, acting, at, **values)
    return make


@pytest.fixture
def task(pe, people, pemilik, ketua, now):
    """The open task `putuskan`, for the Ketua Divisi."""
    deploy(pe, pemilik, now, LANES)
    commands.start(pe, ketua, now, key="p")
    return open_tasks(pe, ketua)["putuskan"]


def as_of(pe, at, user="kasubbag"):
    """The actor that somebody is at a moment."""
    return accounts.actor(pe, user, now=at)


def claimable(pe, actor):
    return [row["id"] for row in queries.tasks(pe, actor, candidate=True).rows]


def events_of(pe, type):
    with read(pe) as db:
        return [row.data for row in db.execute(sa.select(event.c.data).where(event.c.type == type).order_by(event.c.id))]


@on_databases
def test_the_rights_begin_and_end_by_the_clock(pe, appoint, task, now):
    appoint()
    tick = dt.timedelta(microseconds=1)
    for at, stands in ((now + DAY - tick, False), (now + DAY, True), (now + 3 * DAY - tick, True), (now + 3 * DAY, False)):
        actor = as_of(pe, at)
        assert ("ketua-divisi" in actor.groups) is stands
        assert claimable(pe, actor) == ([task] if stands else [])
        assert queries.task_counts(pe, actor, at)["group"] == stands
    actor = as_of(pe, now + DAY)
    assert actor.groups == {"sub-bagian", "ketua-divisi"} and actor.heads == frozenset()
    assert accounts.account(pe, "kasubbag", now + DAY)["groups"] == {"sub-bagian"}  # what they are in themselves stays apart
    with pytest.raises(Forbidden):
        commands.claim(pe, as_of(pe, now), now, task)


@on_databases
def test_what_a_substitute_does_says_in_whose_stead(pe, appoint, task, now, admin):
    appoint()
    at = now + DAY
    actor = as_of(pe, at)
    commands.claim(pe, actor, at, task)
    row = queries.task(pe, actor, task)
    assert (row["assignee"], row["in_stead_of"], row["in_stead"]) == ("kasubbag", STEAD, STEAD)
    commands.complete(pe, actor, at, task)
    assert queries.task(pe, admin, task)["in_stead_of"] == STEAD
    assert [data["in_stead_of"] for type in ("task.claimed", "task.completed") for data in events_of(pe, type)] == [STEAD, STEAD]
    own = open_tasks(pe, actor)["periksa"]  # their own lane's: in their own right
    commands.claim(pe, actor, at, own)
    commands.complete(pe, actor, at, own)
    assert queries.task(pe, admin, own)["in_stead_of"] is None and "in_stead_of" not in events_of(pe, "task.completed")[1]


@on_databases
def test_a_case_that_a_substitute_starts_says_in_whose_stead(pe, appoint, pemilik, ketua, admin, now):
    deploy(pe, pemilik, now, diagram(chain(START, user_task("putuskan", "sub-bagian"), END), attributes='camunda:candidateStarterGroups="ketua-divisi"'))
    appoint()
    at = now + DAY
    made = [commands.start(pe, who, at, key="p").id for who in (as_of(pe, at), ketua, as_of(pe, at, "admin"))]
    assert [queries.instance(pe, admin, id)["started_in_stead_of"] for id in made] == [STEAD, None, None]
    assert [data.get("in_stead_of") for data in events_of(pe, "instance.started")] == [STEAD, None, None]


def test_a_member_is_never_in_stead(pe, appoint, task, admin, now):
    appoint()
    accounts.set_groups(pe, admin, now, "kasubbag", ["sub-bagian", "ketua-divisi"])
    actor = as_of(pe, now + DAY)
    assert actor.stands_in == () and "ketua-divisi" in actor.groups
    commands.complete(pe, actor, now + DAY, task)
    assert queries.task(pe, admin, task)["in_stead_of"] is None


@on_databases
def test_what_is_held_when_it_ends_goes_back_to_the_lane(pe, appoint, task, ketua, now):
    appoint()
    at, over = now + DAY, now + 3 * DAY
    commands.claim(pe, as_of(pe, at), at, task)
    assert substitutions.release_ended(pe, at) == 0
    late = as_of(pe, over)
    assert queries.tasks(pe, late, mine=True).rows == [] and queries.task_counts(pe, late, over)["mine"] == 0
    assert not queries.task(pe, late, task)["may_complete"]
    for act in (commands.complete, commands.unclaim, partial(commands.defer, until=over + DAY), partial(commands.delegate, user_id="penulis")):
        with pytest.raises(Forbidden):
            act(pe, late, over, task)
    assert substitutions.release_ended(pe, over) == 1 and substitutions.release_ended(pe, over) == 0
    assert claimable(pe, ketua) == [task]
    assert events_of(pe, "task.unclaimed")[0]["from"] == "kasubbag"


@on_databases
def test_it_is_revoked_at_once(pe, appoint, task, admin, now):
    id = appoint()
    at = now + DAY
    commands.claim(pe, as_of(pe, at), at, task)
    substitutions.revoke(pe, admin, at, id)
    assert "ketua-divisi" not in as_of(pe, at).groups
    with pytest.raises(Conflict):
        substitutions.revoke(pe, admin, at, id)
    [past] = substitutions.find(pe, admin, at, state="past").rows
    assert (past["revoked_by"], past["ends_at"], past["substitute_name"], past["absent_name"]) == ("admin", at, "Kasubbag Demo", "Ketua Demo")
    assert events_of(pe, "substitution.revoked")[0]["was_to_end_at"] == (now + 3 * DAY).isoformat()
    appoint(at=at, starts_at=at, ends_at=at + DAY)  # and again by another decree
    assert "ketua-divisi" in as_of(pe, at).groups


def test_one_to_come_is_taken_back_and_leaves_room(pe, appoint, admin, now):
    id = appoint()
    assert [row["id"] for row in substitutions.find(pe, admin, now, state="coming").rows] == [id]
    substitutions.revoke(pe, admin, now, id)
    appoint()
    assert len(substitutions.find(pe, admin, now, state="coming").rows) == len(substitutions.find(pe, admin, now, state="past").rows) == 1
    assert "ketua-divisi" in as_of(pe, now + DAY).groups


@pytest.mark.parametrize("changed, field", [
    ({"kind": "plx"}, "kind"), ({"decree": "  "}, "decree"), ({"decree": "x" * 201}, "decree"), ({"decree": "a\0"}, "decree"),
    ({"ends_at": dt.datetime(2026, 3, 3, 1, tzinfo=dt.timezone.utc)}, "ends_at"),  # as it starts
    ({"starts_at": dt.datetime(2026, 2, 1, tzinfo=dt.timezone.utc), "ends_at": dt.datetime(2026, 3, 2, 1, tzinfo=dt.timezone.utc)}, "ends_at"),
    ({"ends_at": dt.datetime(2028, 3, 2, tzinfo=dt.timezone.utc)}, "ends_at"),
    ({"group_id": "admin"}, "group_id"), ({"group_id": "process-owner"}, "group_id"), ({"group_id": "analyst"}, "group_id"),
    ({"group_id": "tidak-ada"}, "group_id"), ({"group_id": "a\0"}, "group_id"),
    ({"substitute_id": "ketua"}, "substitute_id"), ({"substitute_id": "tidak-ada"}, "substitute_id"), ({"substitute_id": "x\0"}, "substitute_id"),
    ({"substitute_id": "jauh"}, "substitute_id"), ({"absent_id": "jauh"}, "absent_id"), ({"absent_id": "penulis"}, "absent_id"),
])
def test_what_is_wrong_is_told_at_its_field(pe, appoint, elsewhere, now, changed, field):
    with pytest.raises(Invalid) as refused:
        appoint(**changed)
    assert [problem.where["field"] for problem in refused.value.problems] == [field]
    assert substitutions.find(pe, Actor.system(), now, state="coming").rows == []


def test_nobody_oversees_by_standing_in_even_with_such_a_row(pe, appoint, people, now):
    appoint()
    run(pe, lambda db: db.execute(sa.update(substitutions.substitution).values(group_id="admin")))
    actor = as_of(pe, now + DAY)
    assert actor.groups == {"sub-bagian"} and not access.may_administer(actor)


@pytest.mark.parametrize("changed, field", [
    ({"absent_id": None}, "substitute_id"), ({}, "substitute_id"), ({"substitute_id": "penulis"}, "absent_id")])
def test_two_at_a_time_are_refused(pe, appoint, now, changed, field):
    appoint()
    with pytest.raises(Conflict) as refused:
        appoint(starts_at=now + 2 * DAY, ends_at=now + 9 * DAY, **changed)
    assert refused.value.where["field"] == field
    appoint(starts_at=now + 3 * DAY, ends_at=now + 9 * DAY, **changed)  # one after the other


@on_databases
def test_of_two_appointments_at_once_one_is_made(pe, appoint, now):
    results = at_once(*(partial(appoint, substitute_id=user) for user in ("kasubbag", "penulis", "webadmin")))
    assert sorted(type(result).__name__ for result in results) == ["Conflict", "Conflict", "str"]


@pytest.fixture
def elsewhere(pe, people, now):
    """Another office with a person in it, and its admin."""
    run(pe, lambda db: db.execute(sa.insert(tenant), {"id": "lain", "name": "KPU Lain"}))
    accounts.seed_groups(pe, "lain")
    boss = Actor("bos", "lain", frozenset({"admin"}))
    accounts.create_user(pe, Actor.system("lain"), now, id="jauh", name="Jauh", password="kata-sandi-panjang", groups=["ketua-divisi"])
    return boss


def test_another_office_sees_and_ends_nothing(pe, appoint, elsewhere, now):
    id = appoint()
    assert substitutions.find(pe, elsewhere, now, state="coming").rows == []
    with pytest.raises(NotFound):
        substitutions.revoke(pe, elsewhere, now, id)
    run(pe, lambda db: db.execute(sa.update(substitutions.substitution).values(tenant_id="lain")))
    assert as_of(pe, now + DAY).groups == {"sub-bagian"}  # a row of another office gives nothing here


def test_the_head_appoints_for_their_lane_and_the_substitute_does_not(pe, appoint, admin, now, people):
    accounts.set_groups(pe, admin, now, "ketua", ["ketua-divisi"], ["ketua-divisi"])
    ketua = as_of(pe, now, "ketua")
    with pytest.raises(Forbidden):
        appoint(acting=as_of(pe, now, "penulis"))
    with pytest.raises(Forbidden):
        appoint(acting=ketua, group_id="sub-bagian", absent_id="kasubbag", substitute_id="penulis")
    appoint(acting=ketua)
    stand_in = as_of(pe, now + DAY)
    assert stand_in.heads == {"ketua-divisi"}  # as the absent one leads it
    assert substitutions.lanes(pe, ketua).keys() == {"ketua-divisi"} and substitutions.lanes(pe, stand_in) == {}
    with pytest.raises(Forbidden):
        appoint(acting=stand_in, substitute_id="penulis", starts_at=now + 4 * DAY, ends_at=now + 5 * DAY)
    assert "admin" not in substitutions.lanes(pe, admin)


def test_a_vacant_post_leads_where_an_admin_says_so(pe, appoint, admin, now):
    accounts.set_groups(pe, admin, now, "penulis", ["pelaksana"], ["pelaksana"])
    appoint(kind="plt", absent_id=None, as_head=True)
    stand_in = as_of(pe, now + DAY)
    assert stand_in.heads == {"ketua-divisi"} and substitutions.in_words(stand_in.stands_in[0].record) == "Plt. Ketua Divisi, SP 12/2026"
    appoint(acting=as_of(pe, now, "penulis"), group_id="pelaksana", absent_id=None, as_head=True)  # a head gives no headship away
    assert as_of(pe, now + DAY).heads == {"ketua-divisi"}
    assert substitutions.in_words(STEAD) == "Plh. Ketua Divisi, menggantikan Ketua Demo, SP 12/2026"


def test_a_token_brings_the_rights_along(pe, appoint, now):
    appoint()
    secret = api_tokens.create(pe, as_of(pe, now), now, name="skrip")["token"]
    for at, stands in ((now, False), (now + DAY, True), (now + 3 * DAY, False)):
        actor = accounts.actor_of(api_tokens.authenticate(pe, secret, at))
        assert ("ketua-divisi" in actor.groups) is stands


def test_an_account_is_read_by_one_statement(pe, appoint, now):
    appoint()
    seen = []
    sa.event.listen(pe.db, "before_cursor_execute", lambda *args: seen.append(args[2]))
    assert as_of(pe, now + DAY).stands_in
    assert len(seen) == 1


@on_databases
def test_a_lane_is_seen_by_its_head_with_who_holds_what(pe, appoint, task, admin, ketua, now, people):
    with pytest.raises(Forbidden):
        queries.lane_tasks(pe, ketua, "ketua-divisi")
    accounts.set_groups(pe, admin, now, "ketua", ["ketua-divisi"], ["ketua-divisi"])
    appoint()
    at, head = now + DAY, as_of(pe, now, "ketua")
    for _ in range(2):
        commands.start(pe, ketua, at, key="p")  # later: the order is by age
    commands.claim(pe, as_of(pe, at), at, task)
    assert [(row["id"], row["open"]) for row in queries.lane_load(pe, head, at, "ketua-divisi")] == [("", 2), ("kasubbag", 1), ("ketua", 0)]
    page = queries.lane_tasks(pe, head, "ketua-divisi", limit=2)
    rows = page.rows + queries.lane_tasks(pe, head, "ketua-divisi", after=page.next).rows
    assert [(row["id"] == task, row["holder_name"]) for row in rows] == [(True, "Kasubbag Demo"), (False, None), (False, None)]
    assert [row["id"] for row in queries.lane_tasks(pe, head, "ketua-divisi", holder="kasubbag").rows] == [task]
    assert len(queries.lane_tasks(pe, head, "ketua-divisi", holder="").rows) == 2
    commands.assign(pe, head, at, task, "ketua")  # taken from who holds it
    assert queries.task(pe, head, task)["in_stead_of"] is None
    commands.assign(pe, as_of(pe, at), at, task, "kasubbag")  # the substitute of a head is one
    assert queries.task(pe, head, task)["in_stead_of"] == STEAD
    with pytest.raises(Forbidden):
        queries.lane_tasks(pe, head, "sub-bagian")
    with pytest.raises(Invalid):
        commands.assign(pe, head, at, task, "penulis")


def test_a_head_hands_on_nothing_of_another_lane(pe, task, admin, now, people, ketua):
    accounts.set_groups(pe, admin, now, "ketua", ["ketua-divisi"], ["ketua-divisi"])
    commands.complete(pe, ketua, now, task)
    other = open_tasks(pe, ketua)["periksa"]
    with pytest.raises(Forbidden):
        commands.assign(pe, as_of(pe, now, "ketua"), now, other, "ketua")


def test_the_approver_on_the_sheet_stands_in(pe, now):
    from engine import sheet

    person = {"name": "Budi", "title": "Kepala Sub Bagian", "in_stead_of": STEAD | {"name": "Ani"}}
    assert sheet._who(person) == "Budi (Plh. Ketua Divisi, menggantikan Ani, SP 12/2026)"
