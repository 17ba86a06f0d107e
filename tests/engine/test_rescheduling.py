"""An approved case is moved to another time: at its timer, as a call, or kept by a platform; once, by who may, and said to be."""

import datetime as dt

import pytest
import sqlalchemy as sa

import connectors
from bpmn.errors import Conflict, Forbidden, Invalid, NotFound
from connectors import Failure, Result
from engine import channels, commands, handlers, installation, jobs, planned, queries, settings
from engine.store import read
from engine.tables import event, incident, process_instance
from engine.tables import job as job_table
from engine.tables import publication as table
from tests.conftest import on_databases
from tests.engine.a_case import content
from tests.engine.small import END, START, chain, deploy, diagram, service_task, user_task
from tests.engine.test_concurrency import at_once
from tests.webui.scenes import ASKED, DRAFT

HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
WHY = "Bersamaan dengan rapat."


class Wall:
    """A platform that shows what it was given at its time."""

    name, title, fields = "site", "Wall", ()
    can: frozenset = frozenset({"text", "schedule", "reschedule"})
    schedule_window = (dt.timedelta(minutes=10), 30 * DAY)
    posts: dict = {}  # key: when it is shown
    fail: list = []

    def __init__(self, config, secrets, context):
        pass

    def publish(self, request):
        Wall.posts.setdefault(request.key, request.publish_at or request.now)
        return Result(f"https://dinding.example/{len(Wall.posts)}", request.key, Wall.posts[request.key], bool(request.publish_at))

    def reschedule(self, request, platform_id, at):
        if Wall.fail:
            raise Wall.fail.pop()
        assert platform_id in Wall.posts and request.title
        Wall.posts[platform_id] = at
        return Result("https://dinding.example/baru", platform_id, at, True) if at.day % 2 else None


@pytest.fixture(autouse=True)
def wall(monkeypatch):
    handlers.load()
    monkeypatch.setattr(Wall, "posts", {})
    monkeypatch.setattr(Wall, "fail", [])
    monkeypatch.setattr(Wall, "can", Wall.can)
    monkeypatch.setattr(connectors, "find", {"site": Wall, "manual": connectors.find("manual")}.__getitem__)
    return Wall


@pytest.fixture
def case(pe, people, now):
    """An approved case of the SOP that waits at its timer for tomorrow."""
    channels.seed_channels(pe, now, "kpu")
    installation.deploy_shipped(pe, now, installation.MODELS / "penerbitan-informasi")
    id = commands.start(pe, people["ketua"], now, key="penerbitan-informasi").id
    for who, values in (("ketua", ASKED | {"kanal": ["website"]}), ("kasubbag", {"penulis": None, "arahan": ""}),
                        ("penulis", DRAFT | {"jenis": "berita"}), ("webadmin", {"terbit_pada": (now + DAY).isoformat()})):
        commands.complete(pe, people[who], now, queries.tasks(pe, people["admin"], instance_id=id).rows[0]["id"], values)
    return id


@pytest.fixture
def kept(pe, people, now):
    """A case whose post its platform keeps until tomorrow: it has ended already."""
    channels.seed_channels(pe, now, "kpu")
    deploy(pe, people["pemilik"], now, diagram(chain(START, user_task("a", "web-admin"), service_task("publikasi", "publikasi"), END)))
    id = commands.start(pe, people["admin"], now, key="p", variables=content(terbit_pada=(now + DAY).isoformat())).id
    commands.complete(pe, people["admin"], now, queries.tasks(pe, people["admin"], instance_id=id).rows[0]["id"], {})
    jobs.run_due(pe, lambda: now)
    assert row(pe).state == "scheduled" and one(pe, process_instance.c.ended_at)
    return id


def one(pe, column, *where):
    with read(pe) as db:
        return db.scalar(sa.select(column).where(*where))


def row(pe):
    with read(pe) as db:
        return db.execute(sa.select(table)).one()


def told(pe):
    with read(pe) as db:
        return db.scalars(sa.select(event.c.data).where(event.c.type == "publication.rescheduled")).all()


def hold(pe, admin, now, start, end):
    settings.change(pe, admin, now, "embargo", {"windows": [
        {"from": start.isoformat(), "to": end.isoformat(), "reason": "Masa tenang", "channels": []}]})


def work(pe, at):
    while jobs.run_due(pe, lambda: at):
        pass


@on_databases
def test_a_case_at_its_timer_is_moved_and_appears_then_once(pe, people, now, case, wall):
    at = now + 3 * DAY
    moved = commands.reschedule(pe, people["webadmin"], now, case, at, WHY, was=now + DAY)
    assert (moved.at, moved.held, moved.changed) == (at, [], True)
    assert one(pe, process_instance.c.publish_at) == at and one(pe, process_instance.c.publish_on) == "website"
    assert not commands.reschedule(pe, people["webadmin"], now, case, at, WHY, was=now + DAY).changed  # a second click
    [said] = told(pe)
    assert (said["from"], said["to"], said["reason"], said["channels"]) == ((now + DAY).isoformat(), at.isoformat(), WHY, ["website"])
    work(pe, at - HOUR)
    assert wall.posts == {}
    work(pe, at)
    assert list(wall.posts.values()) == [at] and row(pe).state == "published"
    with pytest.raises(Conflict, match="menunggu"):
        commands.reschedule(pe, people["webadmin"], at, case, at + DAY, WHY)


@on_databases
def test_a_move_and_the_worker_at_once_publish_once_and_lose_nothing(pe, people, now, case, wall):
    due, at = now + DAY, now + 3 * DAY
    for turn in range(4):
        move, _ = at_once(lambda due=due, at=at: commands.reschedule(pe, people["webadmin"], due, case, at, WHY),
                          lambda due=due: work(pe, due))
        if isinstance(move, Conflict):
            work(pe, due)
            assert len(wall.posts) == 1, turn
            return
        work(pe, at - HOUR)
        assert move.changed and wall.posts == {}, turn
        due, at = at, at + DAY
    work(pe, due)
    assert list(wall.posts.values()) == [due]


@on_databases
def test_calls_that_wait_are_moved_and_not_while_a_worker_is_at_one(pe, people, now, case, wall):
    due, admin = now + DAY, people["admin"]
    hold(pe, admin, due, due, due + DAY)
    work(pe, due)
    assert row(pe).state == "held"
    [job] = [each["id"] for each in queries.jobs(pe, admin, state="open").rows]
    moved = commands.reschedule(pe, people["kasubbag"], due, case, due + HOUR, WHY)
    assert [(id, held.until) for id, held in moved.held] == [("website", due + DAY)]
    assert (row(pe).state, row(pe).waits_until) == ("planned", due + HOUR) and one(pe, job_table.c.due_at, job_table.c.id == job) == due + HOUR
    assert commands.lease_job(pe, due + 2 * HOUR, job, "worker")
    with pytest.raises(Conflict, match="Sedang diterbitkan"):
        commands.reschedule(pe, people["kasubbag"], due + 2 * HOUR, case, due + 3 * DAY, WHY)
    commands.postpone_job(pe, due + 2 * HOUR, job, "worker", 60)
    commands.reschedule(pe, people["kasubbag"], due + 2 * HOUR, case, due + 3 * DAY, WHY)
    work(pe, due + 2 * DAY)
    assert wall.posts == {}
    work(pe, due + 3 * DAY)
    assert list(wall.posts.values()) == [due + 3 * DAY]


def test_who_moves_it_and_whereto(pe, people, now, case):
    for who in ("penulis", "analis", "pemilik"):
        with pytest.raises(Forbidden):
            commands.reschedule(pe, people[who], now, case, now + 2 * DAY, WHY)
    for wrong in (now, now - DAY, now + 3000 * DAY):
        with pytest.raises(Invalid) as caught:
            commands.reschedule(pe, people["ketua"], now, case, wrong, WHY)
        assert caught.value.where["field"] == "at"
    with pytest.raises(Invalid):
        commands.reschedule(pe, people["ketua"], now, case, now + 2 * DAY, " ")
    with pytest.raises(NotFound):
        commands.reschedule(pe, people["ketua"], now, "bukan", now + 2 * DAY, WHY)
    with pytest.raises(Conflict, match="baru saja"):
        commands.reschedule(pe, people["ketua"], now, case, now + 2 * DAY, WHY, was=now + HOUR)
    for who, days in (("ketua", 2), ("kasubbag", 3), ("admin", 4)):
        assert commands.reschedule(pe, people[who], now, case, now + days * DAY, WHY).changed
    commands.suspend_instance(pe, people["admin"], now, case)
    with pytest.raises(Conflict, match="ditangguhkan"):
        commands.reschedule(pe, people["ketua"], now, case, now + 5 * DAY, WHY)


def test_a_timer_that_an_admin_moved_alone_is_where_it_is_and_is_moved_on(pe, people, now, case):
    [timer] = [each["id"] for each in queries.jobs(pe, people["admin"], state="open").rows]
    commands.set_job_due(pe, people["admin"], now, timer, now + 4 * DAY, WHY)
    assert one(pe, process_instance.c.publish_at) == commands.plan(pe, people["ketua"], now, case).at == now + 4 * DAY
    assert commands.reschedule(pe, people["ketua"], now, case, now + DAY, WHY, was=now + 4 * DAY).changed
    assert one(pe, job_table.c.due_at, job_table.c.id == timer) == one(pe, process_instance.c.publish_at) == now + DAY


def test_what_is_not_approved_has_no_time_yet(pe, people, now, case):
    commands.set_variables(pe, people["admin"], now, case, {"segel": None})
    assert one(pe, process_instance.c.publish_at) is None
    with pytest.raises(Invalid, match="belum disetujui"):
        commands.reschedule(pe, people["ketua"], now, case, now + 2 * DAY, WHY)
    assert "belum disetujui" in str(commands.plan(pe, people["ketua"], now, case).problem)


@on_databases
def test_what_a_platform_keeps_is_moved_there_though_the_case_has_ended(pe, people, now, kept, wall):
    at = now + 5 * DAY
    assert commands.plan(pe, people["webadmin"], now, kept).at == now + DAY
    assert commands.reschedule(pe, people["webadmin"], now, kept, at, WHY).changed
    assert (row(pe).published_at, row(pe).waits_until) == (now + DAY, at)
    assert not commands.reschedule(pe, people["webadmin"], now, kept, at, WHY).changed
    wall.fail.append(Failure("Terputus.", "unknown"))  # it may have been taken: it is said again
    work(pe, now)
    assert row(pe).error == "Terputus." and row(pe).waits_until == at
    work(pe, now + HOUR)
    assert list(wall.posts.values()) == [at] and len(told(pe)) == 1
    assert (row(pe).state, row(pe).published_at, row(pe).waits_until, row(pe).url) == ("scheduled", at, None, "https://dinding.example/baru")
    assert one(pe, sa.func.count(incident.c.id)) == 0


def test_a_platform_that_refuses_is_a_persons_and_the_next_move_takes_the_place(pe, people, now, kept, wall):
    wall.fail.append(Failure("Sudah terbit di sana."))
    commands.reschedule(pe, people["webadmin"], now, kept, now + 5 * DAY, WHY)
    work(pe, now)
    assert row(pe).error == "Sudah terbit di sana." and one(pe, incident.c.type) == "failedJob"
    commands.reschedule(pe, people["webadmin"], now, kept, now + 6 * DAY, WHY)
    assert one(pe, incident.c.resolved_at)
    work(pe, now)
    assert list(wall.posts.values()) == [now + 6 * DAY] and row(pe).url.endswith("/1")  # where it was


def test_what_was_moved_on_the_platform_by_hand_counts_as_moved(pe, people, now, kept, wall):
    wall.fail.append(Failure("Tidak berhak."))
    commands.reschedule(pe, people["webadmin"], now, kept, now + 5 * DAY, WHY)
    work(pe, now)
    commands.resolve_incident(pe, people["admin"], now, one(pe, incident.c.id), "Sudah saya pindahkan di sana.")
    assert (row(pe).published_at, row(pe).waits_until, row(pe).error) == (now + 5 * DAY, None, None)


def test_what_a_platform_does_not_take_is_said_before(pe, people, now, kept, wall):
    admin = people["admin"]
    for at in (now + 40 * DAY, now + dt.timedelta(minutes=5)):
        with pytest.raises(Invalid, match="hanya menjadwalkan antara"):
            commands.reschedule(pe, admin, now, kept, at, WHY)
    hold(pe, admin, now, now + 2 * DAY, now + 4 * DAY)
    with pytest.raises(Invalid, match="tidak dapat ditahan"):
        commands.reschedule(pe, admin, now, kept, now + 3 * DAY, WHY)
    wall.can = frozenset({"text", "schedule"})
    with pytest.raises(Conflict, match="hanya di sana"):
        commands.reschedule(pe, admin, now, kept, now + 5 * DAY, WHY)
    assert told(pe) == []


@pytest.mark.parametrize("own, found", [
    ({}, None), ({"terbit_pada": "2026-03-05T10:00:00+07:00"}, None),
    ({"terbit_pada": "2026-03-05T10:00:00+07:00", "segel": "x"}, "2026-03-05T03:00:00+00:00"),
    ({"terbit_pada": "2026-03-05T10:00:00", "segel": "x"}, "2026-03-05T10:00:00+00:00"),
    *[({"terbit_pada": wrong, "segel": "x"}, None) for wrong in (None, "", "besok", 7, "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00")]])
def test_when_a_case_is_to_appear_is_read_as_its_timer_reads_it(own, found):
    assert planned.columns(own)["publish_at"] == (dt.datetime.fromisoformat(found) if found else None)
    assert planned.columns({**own, "kanal": ["x", 7, "a b", "", "website"]})["publish_on"] == ("x website" if found else None)
