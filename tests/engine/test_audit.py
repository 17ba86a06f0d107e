"""Searching the history: by each of its filters, from an index, in one statement."""

import datetime as dt

import pytest
import sqlalchemy as sa

from bpmn.errors import Forbidden, Invalid
from engine import audit
from engine.audit import TERBIT, Wanted
from engine.process_engine import Actor
from engine.store import record, run
from engine.tables import event, process_instance
from tests.conftest import on_databases
from tests.engine.a_case import make_case, make_definition

HOUR = dt.timedelta(hours=1)


@pytest.fixture
def past(pe, now, ketua, kasubbag):
    """Two hours in which three did something; a case with two events."""
    make_definition(pe, now)
    case = make_case(pe, now)

    def write(db):
        record(db, ketua, now, "channel.paused", data={"channel": "website", "reason": "Server Dipindah 100%"})
        record(db, kasubbag, now + HOUR, "instance.suspended", instance_id=case, data={"reason": "menunggu surat"})
        record(db, Actor.system(), now + 2 * HOUR, "instance.activated", instance_id=case, data={})
        record(db, Actor.system("lain"), now, "channel.paused", data={"reason": "Server dipindah"})

    with pe.db.begin() as db:
        db.execute(sa.text("INSERT INTO tenant (id, name) VALUES ('lain', 'Lain')"))
    run(pe, write)
    return case


def found(pe, admin, **wanted):
    return [row["type"] for row in audit.search(pe, admin, Wanted(**wanted)).rows if row["type"] != "instance.started"]


@on_databases
def test_each_filter_finds_what_it_says(pe, now, admin, past):
    with pe.db.connect() as db:
        business_key, key = db.execute(sa.select(process_instance.c.business_key, process_instance.c.definition_key)).one()
    everything = ["instance.activated", "instance.suspended", "channel.paused"]
    assert found(pe, admin) == everything
    assert found(pe, admin, who="kasubbag") == ["instance.suspended"]
    assert found(pe, admin, who=TERBIT) == ["instance.activated"]
    assert found(pe, admin, kind="channel.paused") == ["channel.paused"]
    assert found(pe, admin, case=business_key) == everything[:2]
    assert found(pe, admin, key=key) == everything[:2]
    assert found(pe, admin, since=now + HOUR, until=now + 2 * HOUR) == ["instance.suspended"]
    assert found(pe, admin, words="dipindah 100%") == ["channel.paused"]
    assert found(pe, admin, words="1_0%") == []
    for hostile in ("\0", "' OR 1=1", "%"):
        assert found(pe, admin, who=hostile, kind=hostile, case=hostile, key=hostile, words=hostile) == []


def test_pages_go_on_where_the_last_ended(pe, admin, past):
    first = audit.search(pe, admin, Wanted(), limit=2)
    second = audit.search(pe, admin, Wanted(), after=first.next, limit=2)
    ids = [row["id"] for row in first.rows + second.rows]
    assert len(ids) == 3 and ids == sorted(ids, reverse=True)
    with pytest.raises(Invalid):
        audit.search(pe, admin, Wanted(), after="nonsense")


def test_only_admins_look(pe, pemilik, now, past):
    with pytest.raises(Forbidden):
        audit.search(pe, pemilik, Wanted())
    with pytest.raises(Forbidden):
        audit.export(pe, pemilik, now, Wanted(), "csv")


def test_an_export_is_recorded_before_it_begins(pe, now, admin, past):
    rows = audit.export(pe, admin, now, Wanted(who="ketua", since=now), "jsonl")
    told = audit.search(pe, admin, Wanted(kind="audit.exported")).rows
    assert [row["data"] for row in told] == [{"form": "jsonl", "who": "ketua", "since": now.isoformat()}]
    assert [row["type"] for row in rows] == ["channel.paused"]


@on_databases
def test_every_search_is_one_statement_that_reads_an_index(pe, now, admin):
    with pe.db.begin() as db:
        db.execute(sa.insert(event), [
            {"tenant_id": "kpu", "type": f"kind.{n % 50}", "at": now + dt.timedelta(minutes=n), "actor": f"orang{n % 40}", "data": {}}
            for n in range(6000)])
    with pe.db.connect() as db:
        db.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("ANALYZE")
    for wanted in (Wanted(), Wanted(who="orang3"), Wanted(kind="kind.3"), Wanted(who="orang3", since=now + HOUR),
                   Wanted(since=now + HOUR, until=now + 2 * HOUR), Wanted(since=now, until=now + HOUR, words="surat"),
                   Wanted(since=now, until=now + HOUR, key="x")):
        said: list[tuple] = []

        def note(conn, cursor, statement, parameters, context, many, said=said):
            said.append((statement, parameters))

        sa.event.listen(pe.db, "before_cursor_execute", note)
        audit.search(pe, admin, wanted)
        sa.event.remove(pe.db, "before_cursor_execute", note)
        said = [each for each in said if not each[0].startswith("BEGIN")]
        assert len(said) == 1
        with pe.db.connect() as db:
            explain = "EXPLAIN QUERY PLAN " if db.dialect.name == "sqlite" else "EXPLAIN "
            plan = "\n".join(str(row[-1]) for row in db.exec_driver_sql(explain + said[0][0], said[0][1]))
        assert "ix_event_" in plan and "SCAN event" not in plan.replace("SCAN event USING", "") and "Seq Scan on event" not in plan, plan
