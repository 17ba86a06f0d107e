"""The history's seals: whatever is done to an event behind Terbit's back is found and named."""

import concurrent.futures
import datetime as dt

import pytest
import sqlalchemy as sa

from engine import audit_chain
from engine.process_engine import Actor
from engine.store import read, record, run
from engine.tables import audit_seal, event
from tests.conftest import on_databases


def write(pe, now, number, first=1):
    run(pe, lambda db: [record(db, Actor.system(), now, "channel.tested", data={"channel": f"kanal-{n}", "ok": True})
                        for n in range(first, first + number)])


@pytest.fixture
def sealed(pe, now):
    """Twelve events under two seals, none protected by the database any more."""
    write(pe, now, 10)
    assert audit_chain.seal(pe, now) == 10
    write(pe, now, 2, first=11)
    assert audit_chain.seal(pe, now) == 2
    unprotect(pe)
    with read(pe) as db:
        return list(db.scalars(sa.select(event.c.id).order_by(event.c.id)))


def unprotect(pe):
    with pe.db.begin() as db:
        if db.dialect.name == "sqlite":
            for name in db.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").scalars().all():
                db.exec_driver_sql(f"DROP TRIGGER {name}")
        else:
            db.exec_driver_sql("ALTER TABLE event DISABLE TRIGGER USER")
            db.exec_driver_sql("ALTER TABLE audit_seal DISABLE TRIGGER USER")


def tamper(pe, statement, **values):
    with pe.db.begin() as db:
        db.execute(sa.text(statement), values)


def found(pe, known=None):
    return [(problem.code, problem.number) for problem in audit_chain.verify(pe, known)]


@on_databases
def test_what_is_sealed_is_whole_and_sealing_again_does_nothing(pe, now, sealed):
    assert found(pe) == []
    assert audit_chain.seal(pe, now) == 0
    with read(pe) as db:
        last = audit_chain.head(db)
        first = db.scalar(sa.select(audit_seal.c.hash).where(audit_seal.c.number == 1))
    assert (last.number, last.last_id) == (2, sealed[-1])
    assert found(pe, {1: first, 2: last.hash}) == []
    assert found(pe, {1: first, 2: "0" * 64}) == [("rewritten", 2)]


@on_databases
def test_a_changed_event_is_named(pe, sealed):
    tamper(pe, "UPDATE event SET actor = 'ketua' WHERE id = :id", id=sealed[3])
    tamper(pe, """UPDATE event SET data = '{"channel": "kanal-11", "ok": false}' WHERE id = :id""", id=sealed[10])
    assert found(pe) == [("changed-event", sealed[3]), ("changed-event", sealed[10])]


@pytest.mark.parametrize("column", ["at", "type", "tenant_id", "instance_id", "activity_instance_id", "data"])
def test_a_damaged_column_is_named_even_where_it_cannot_be_read(pe, sealed, column):
    with pe.db.begin() as db:
        db.exec_driver_sql("PRAGMA foreign_keys=OFF")
        db.exec_driver_sql(f"UPDATE event SET {column} = 'bukan apa-apa' WHERE id = {sealed[0]}")
    assert found(pe) == [("changed-event", sealed[0])]


@on_databases
def test_a_removed_an_inserted_and_moved_events_are_named(pe, sealed):
    tamper(pe, "DELETE FROM event WHERE id = :id", id=sealed[4])
    tamper(pe, "INSERT INTO event (id, tenant_id, type, at, data) VALUES (:id, 'kpu', 'user.created', '2026-03-02 01:00:00.000000', '{}')",
           id=sealed[4])
    assert found(pe) == [("changed-event", sealed[4])]
    tamper(pe, "DELETE FROM event WHERE id = :id", id=sealed[4])
    assert found(pe) == [("removed-event", sealed[4])]
    tamper(pe, "DELETE FROM event WHERE id = :id", id=sealed[11])
    assert found(pe) == [("removed-event", sealed[4]), ("removed-event", sealed[11])]
    tamper(pe, "INSERT INTO event (id, tenant_id, type, at, data) VALUES (:id, 'kpu', 'user.created', '2026-03-02 01:00:00.000000', '{}')",
           id=sealed[0] - 1)
    assert ("inserted-event", sealed[0] - 1) in found(pe)


@on_databases
def test_events_in_another_order_are_named(pe, sealed):
    for old, new in ((sealed[1], 9999), (sealed[2], sealed[1]), (9999, sealed[2])):
        tamper(pe, "UPDATE event SET id = :new WHERE id = :old", old=old, new=new)
    problems = list(audit_chain.verify(pe))
    assert [(each.code, each.params) for each in problems] == [
        ("moved-event", {"number": sealed[1], "was": sealed[2]}), ("moved-event", {"number": sealed[2], "was": sealed[1]})]


def test_seals_that_were_changed_removed_or_cut_are_named(pe, now, sealed):
    tamper(pe, "UPDATE audit_seal SET events = x'00' WHERE number = 1")
    assert ("changed-seal", 1) in found(pe)
    tamper(pe, "DELETE FROM audit_seal WHERE number = 1")
    assert found(pe) == [("missing-seal", 1)]


def test_a_chain_that_was_written_anew_is_not_the_one_that_was_noted(pe, now, sealed):
    tamper(pe, "UPDATE event SET actor = 'ketua' WHERE id = :id", id=sealed[0])
    tamper(pe, "DELETE FROM audit_seal")
    assert found(pe) == [("cut", 1)]  # the first is noted in the folder
    audit_chain.seal(pe, now)  # as the worker does: all of it again, as it is now
    assert found(pe) == [("rewritten", 1)]


def test_the_chains_end_is_noted_hourly(pe, now, sealed):
    noted = (pe.folder / audit_chain.ANCHORS).read_text().splitlines()
    assert len(noted) == 1
    write(pe, now, 1)
    audit_chain.seal(pe, now + dt.timedelta(hours=1))
    with read(pe) as db:
        last = audit_chain.head(db)
    assert (pe.folder / audit_chain.ANCHORS).read_text().splitlines()[1].startswith(f"3 {last.hash} ")
    tamper(pe, "DELETE FROM audit_seal WHERE number > 1")
    assert found(pe) == [("cut", 3)]


@on_databases
def test_the_database_refuses_to_change_what_happened(pe, now):
    write(pe, now, 2)
    audit_chain.seal(pe, now)
    refused = ["UPDATE event SET actor = 'x'", "DELETE FROM event", "UPDATE audit_seal SET hash = 'x'", "DELETE FROM audit_seal"]
    for statement in refused + (["TRUNCATE event CASCADE"] if pe.db.dialect.name == "postgresql" else []):
        with pytest.raises(sa.exc.DBAPIError, match="append-only"):
            tamper(pe, statement)
    assert found(pe) == []


@pytest.mark.service
@pytest.mark.parametrize("pe", ["postgres"], indirect=True)
def test_an_event_that_is_committed_late_is_never_missed(pe, now):
    """Its id lies below those of others that were committed, and sealed, before it."""
    with pe.db.connect() as slow:
        record(slow, Actor.system(), now, "channel.tested", data={"channel": "lambat", "ok": True})
        write(pe, now, 3)
        assert audit_chain.seal(pe, now) == 0  # somebody still writes below them
        slow.commit()
    assert audit_chain.seal(pe, now) == 4
    assert found(pe) == []


@on_databases
def test_two_workers_seal_while_others_write(pe, now):
    def seal(_number):
        return audit_chain.seal(pe, now)

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        writing = [pool.submit(write, pe, now, 5) for _ in range(20)]
        count = sum(pool.map(seal, range(12)))
        for each in writing:
            each.result()
    count += seal(0)
    assert count == 100
    assert found(pe) == []
    with read(pe) as db:
        assert audit_chain.unsealed(db, audit_chain.head(db)) == 0
