"""Drift: what was published is looked at again and again; two looks that say otherwise are believed, told, and settled by a person."""

import datetime as dt

import pytest
import sqlalchemy as sa

from bpmn.errors import Conflict, Forbidden, Invalid, NotFound
from connectors import Standing
from connectors.site import Site
from engine import channels, control, drift, publication, queries, standings
from engine.ids import new_id
from engine.process_engine import Actor
from engine.publication import publish
from engine.store import read, run
from engine.tables import channel, event, notice, publication_standing, user
from engine.tables import publication as table
from tests.conftest import on_databases
from tests.engine import web_page
from tests.engine.a_case import content, make_case, make_definition, make_job

HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)


@pytest.fixture
def case(pe, now, people):
    make_definition(pe, now)
    channels.seed_channels(pe, now, "kpu")
    run(pe, lambda db: db.execute(sa.update(user).where(user.c.id.in_(("admin", "webadmin", "ketua"))).values(email="x@kpu.example")))
    return make_case(pe, now)


@pytest.fixture
def page(pe, now, case):
    """The page of what was published on the office's own site."""
    done = publish(pe, make_job(pe, now, case, "publikasi", content()), now)
    return pe.folder / "situs" / done["id"] / "index.html"


def look(pe, now):
    return drift.work(pe, lambda: now)


def standing(pe):
    with read(pe) as db:
        return db.execute(sa.select(publication_standing)).mappings().one()


def told(pe, kind="publication.%"):
    with read(pe) as db:
        rows = db.execute(sa.select(event).where(event.c.type.like(kind)).order_by(event.c.id)).all()
        return [(row.type.partition(".")[2], row.actor) for row in rows]


@on_databases
def test_it_is_looked_at_daily_then_weekly_then_monthly(pe, now, page):
    assert look(pe, now) == 0 and look(pe, now + HOUR) == 1 and look(pe, now + HOUR) == 0
    assert (standing(pe)["state"], standing(pe)["stood_at"]) == ("stands", now + HOUR)
    assert look(pe, now + DAY) == 0 and look(pe, now + DAY + HOUR) == 1
    for age, often in ((29, 1), (30, 7), (364, 7), (365, 30), (3000, 30)):
        assert drift.interval(age * DAY) == often * DAY
    assert standings.tally(pe, Actor("a", "kpu", frozenset({"analyst"}))) == {"website": {"stands": 1}}


@on_databases
def test_two_looks_an_hour_apart_are_believed_and_told_and_that_it_stands_again_at_once(pe, now, people, case, page):
    whole = page.read_text()
    look(pe, now + HOUR)
    page.write_text(whole.replace("Pengumuman Rapat", "Pembatalan Rapat"))
    at = now + DAY + HOUR
    assert look(pe, at) == 1 and standing(pe)["state"] == "stands"  # one look is a blink
    assert look(pe, at + HOUR - dt.timedelta(seconds=1)) == 0 and look(pe, at + HOUR) == 1
    found = standing(pe)
    assert (found["state"], found["since"], found["seen"]) == ("changed", at + HOUR, None) and "Pembatalan" in found["params"]["now"]
    with read(pe) as db:
        assert {(row.user_id, row.kind) for row in db.execute(sa.select(notice))} == {("admin", "drifted"), ("webadmin", "drifted")}
    [row] = queries.publication_board(pe, people["admin"], standing=standings.DRIFTED).rows
    assert (row["standing"], row["channel_id"], row["stood_at"]) == ("changed", "website", now + HOUR)
    assert control.overview(pe, people["admin"], at)["load"]["drifted"] == 1
    assert publication.publications(pe, people["admin"], case)[0]["standing"] == "changed"
    page.unlink()  # and then it goes altogether
    assert look(pe, at + DAY + HOUR) == 1 and standing(pe)["state"] == "changed"
    assert look(pe, at + DAY + 2 * HOUR) == 1 and standing(pe)["state"] == "gone"
    page.write_text(whole)
    assert look(pe, at + 3 * DAY) == 1 and standing(pe)["state"] == "stands"
    assert told(pe) == [("published", None), ("drifted", None), ("drifted", None), ("stands_again", None)]
    assert queries.publication_board(pe, people["admin"], standing=standings.DRIFTED).rows == []
    assert_counted(pe, {"website": {"stands": 1}})


def assert_counted(pe, expected):
    analyst = Actor("analis", "kpu", frozenset({"analyst"}))
    assert standings.tally(pe, analyst) == expected
    run(pe, lambda db: standings.recount(db, "kpu"))
    assert standings.tally(pe, analyst) == expected


@on_databases
def test_what_a_person_says_is_right_so_is_told_no_more_until_it_changes_again(pe, now, people, case, page):
    whole, id = page.read_text(), standing(pe)["publication_id"]
    with pytest.raises(Conflict):
        drift.accept(pe, people["admin"], now, id, "Memang begitu.")
    for number, word in enumerate(("Pembatalan", "Penundaan")):
        page.write_text(whole.replace("Pengumuman Rapat", f"{word} Rapat"))
        at = now + (10 * number + 1) * DAY
        assert look(pe, at) == look(pe, at + HOUR) == 1 and standing(pe)["state"] == "changed"
        for who, reason, wrong in (("penulis", "x", Forbidden), ("admin", " ", Invalid)):
            with pytest.raises(wrong):
                drift.accept(pe, people[who], at, id, reason)
        assert drift.accept(pe, people["webadmin"], at + HOUR, id, "Disepakati Ketua.") == case
        assert standing(pe)["state"] == "accepted" and look(pe, at + 3 * DAY) == 1 and standing(pe)["state"] == "accepted"
    assert told(pe)[1:] == [("drifted", None), ("drift_accepted", "webadmin")] * 2
    with pytest.raises(NotFound):
        drift.accept(pe, Actor("admin", "lain", frozenset({"admin"})), now, id, "x")
    assert_counted(pe, {"website": {"accepted": 1}})
    drift.ask(pe, people["webadmin"], now + 20 * DAY, id)
    assert look(pe, now + 20 * DAY) == 1


def test_what_came_after_it_is_looked_at_in_its_place(pe, now, case, page):
    look(pe, now + HOUR)
    run(pe, lambda db: db.execute(sa.insert(table), {
        "id": new_id(now), "tenant_id": "kpu", "instance_id": case, "channel_id": "website", "revision": 2, "connector": "site",
        "state": "withdrawn", "content_sha256": "0" * 64, "published_at": now + DAY, "updated_at": now + DAY}))
    page.unlink()
    assert look(pe, now + 2 * DAY) == 1 and (standing(pe)["state"], standing(pe)["check_at"]) == ("over", None)
    assert told(pe) == [("published", None)]
    assert_counted(pe, {})


def test_the_public_page_of_what_a_person_published_is_looked_at(pe, now, case, monkeypatch):
    with web_page.serve() as web:
        pe.config["ALLOWED_PRIVATE_HOSTS"] = [web.host]
        url = web.page("/1", "<h1>Selamat datang</h1>")
        make_job(pe, now, case, "publikasi", content(kanal="facebook"))
        run(pe, lambda db: (db.execute(sa.insert(table), {
            "id": "p", "tenant_id": "kpu", "instance_id": case, "channel_id": "facebook", "revision": 1, "connector": "manual",
            "state": "published", "content_sha256": "0" * 64, "url": url, "published_at": now, "updated_at": now}),
            standings.watch(db, "kpu", "p", "facebook", now)))
        assert look(pe, now + HOUR) == look(pe, now + 2 * HOUR) == 1
        assert standing(pe)["state"] == "unreachable"  # it never showed it to us, so it proves nothing
        web.page("/1", "<h1>Pengumuman Rapat Pleno</h1>")
        assert look(pe, now + 3 * DAY) == 1 and standing(pe)["state"] == "stands"
        web.page("/1", "<h1>Selamat datang</h1>")
        assert look(pe, now + 5 * DAY) == look(pe, now + 5 * DAY + HOUR) == 1 and standing(pe)["state"] == "changed"
        web.page("/1", "", status=403)
        assert look(pe, now + 7 * DAY) == look(pe, now + 9 * DAY) == 1 and standing(pe)["state"] == "changed"  # nobody can tell otherwise
        del web.pages["/1"]
        assert look(pe, now + 11 * DAY) == look(pe, now + 11 * DAY + HOUR) == 1 and standing(pe)["state"] == "gone"


def test_a_channel_that_is_to_be_left_alone_is(pe, now, case, page, monkeypatch):
    monkeypatch.setattr(Site, "verify", lambda *_: pytest.fail("it was called"))
    run(pe, lambda db: db.execute(sa.update(channel).where(channel.c.id == "website").values(not_before=now + 5 * HOUR)))
    assert look(pe, now + HOUR) == 1 and standing(pe)["check_at"] == now + 5 * HOUR and standing(pe)["state"] == "new"


def test_a_look_under_way_is_nobody_else_s_and_a_dead_worker_s_is_made_again(pe, now, page, monkeypatch):
    class Killed(BaseException):
        pass

    def die(*_):
        assert look(pe, now + HOUR) == 0
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(Site, "verify", die)
        with pytest.raises(Killed):
            look(pe, now + HOUR)
    assert look(pe, now + HOUR) == 0 and look(pe, now + HOUR + drift.LEASE) == 1 and standing(pe)["state"] == "stands"


def test_a_connector_that_breaks_and_a_lease_that_was_lost_change_nothing_known(pe, now, page, monkeypatch):
    look(pe, now + HOUR)
    monkeypatch.setattr(Site, "verify", lambda *_: 1 / 0)
    assert look(pe, now + 2 * DAY) == look(pe, now + 2 * DAY + HOUR) == 1
    assert (standing(pe)["state"], standing(pe)["params"]) == ("unreachable", {"error": "ZeroDivisionError"})

    def slow(*_):
        run(pe, lambda db: db.execute(sa.update(publication_standing).values(leased_until=now + 30 * DAY)))
        return Standing("gone", "x", {}, "gone")

    monkeypatch.setattr(Site, "verify", slow)
    look(pe, now + 10 * DAY)
    assert standing(pe)["seen"] is None and told(pe) == [("published", None)]


def test_a_turn_is_bounded_and_what_is_due_is_found_by_an_index(pe, now, case, page, monkeypatch):
    monkeypatch.setattr(drift, "MOST", 1)
    job = make_job(pe, now, case, "publikasi", content(revisi=1, kanal="website"))
    assert job and look(pe, now + HOUR) == 1
    asked = []
    sa.event.listen(pe.db, "before_cursor_execute", lambda c, cursor, text, values, *_: asked.append((text, values)))
    look(pe, now + 3 * DAY)
    queries.publication_board(pe, Actor("admin", "kpu", frozenset({"admin"})), standing=standings.DRIFTED)
    assert len([text for text, _ in asked if text.startswith("UPDATE publication_standing")]) == 2  # leased, and written down
    with pe.db.connect() as db:
        for text, values in asked:
            if text.startswith("SELECT") and "publication_standing" in text:
                plan = " ".join(str(row) for row in db.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values))
                assert "SCAN publication" not in plan, f"{text}\n{plan}"

