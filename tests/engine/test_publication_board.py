"""The publication board: each case on each channel, for who sees the case; in pages, with few statements."""

import datetime as dt

import pytest
import sqlalchemy as sa

from bpmn.errors import Invalid
from engine import channels, queries
from engine.ids import new_id
from engine.store import run
from engine.tables import incident, job, job_attempt
from engine.tables import publication as table
from tests.conftest import on_databases
from tests.engine.a_case import content, make_case, make_definition, make_job

MINUTE = dt.timedelta(minutes=1)


def publication(pe, at, case, channel="website", state="published", **more):
    run(pe, lambda db: db.execute(sa.insert(table), {
        "id": new_id(at), "tenant_id": "kpu", "instance_id": case, "channel_id": channel, "revision": 1, "connector": "site",
        "state": state, "content_sha256": "0" * 64, "updated_at": at, **more}))


@pytest.fixture
def case(pe, people, now):
    make_definition(pe, now)
    channels.seed_channels(pe, now, "kpu")
    return make_case(pe, now)


def stuck(pe, now, case, channel="facebook"):
    """A job that failed, after two attempts, with its incident."""
    made = make_job(pe, now, case, "publikasi", content(kanal=channel))

    def write(db):
        db.execute(sa.update(job).where(job.c.id == made.id).values(state="failed"))
        db.execute(sa.insert(job_attempt), [{"id": f"{made.id}-{n}", "tenant_id": "kpu", "job_id": made.id, "instance_id": case,
                                             "channel_id": channel, "started_at": now} for n in range(2)])
        db.execute(sa.insert(incident), {"id": new_id(now), "tenant_id": "kpu", "instance_id": case, "job_id": made.id,
                                         "type": "unknownOutcome", "message": "?", "opened_at": now})

    run(pe, write)
    return made.id


@on_databases
def test_each_channel_stands_with_its_own_job_and_attempts(pe, now, people, case):
    publication(pe, now, case, url="https://kpu.example/1", published_at=now)
    publication(pe, now + MINUTE, case, "facebook", "unknown", error="Jawaban tidak sampai.")
    failed = stuck(pe, now, case)
    first, second = queries.publication_board(pe, people["admin"]).rows
    assert (first["channel"], first["state"], first["attempts"], first["business_key"]) == ("Facebook", "unknown", 2, "INF-2026-0001")
    assert (first["job"]["id"], first["job"]["state"], first["job"]["type"]) == (failed, "failed", "unknownOutcome")
    assert (second["url"], second["attempts"], second["job"]) == ("https://kpu.example/1", 0, None)


@on_databases
def test_it_is_chosen_from_and_comes_in_pages(pe, now, people, case):
    for n, (channel, state) in enumerate((("website", "published"), ("facebook", "planned"), ("x", "held"), ("tiktok", "manual"))):
        publication(pe, now + n * MINUTE, case, channel, state)

    def found(**asked):
        return [row["channel_id"] for row in queries.publication_board(pe, people["admin"], **asked).rows]

    assert found(states=("planned", "held")) == ["x", "facebook"]
    assert found(channel_id="tiktok") == ["tiktok"] and found(channel_id="tiktok", states=("held",)) == []
    assert found(since=now + MINUTE, before=now + 3 * MINUTE) == ["x", "facebook"]
    page = queries.publication_board(pe, people["admin"], limit=3)
    assert [row["channel_id"] for row in page.rows] == ["tiktok", "x", "facebook"]
    assert found(after=page.next) == ["website"]
    with pytest.raises(Invalid):
        found(after="bukan penanda")


def test_who_does_not_see_the_case_does_not_see_its_publications(pe, now, people, case):
    publication(pe, now, case)
    for who, count in (("admin", 1), ("analis", 1), ("pemilik", 1), ("webadmin", 0)):  # nobody's groups are written for this definition
        assert len(queries.publication_board(pe, people[who]).rows) == count


def test_the_statements_do_not_grow_with_the_rows(pe, now, people):
    make_definition(pe, now)
    seen: list[str] = []
    sa.event.listen(pe.db, "before_cursor_execute", lambda conn, cursor, statement, *rest: seen.append(statement))
    for n in range(30):
        case = make_case(pe, now, f"INF-2026-{n:04}")
        publication(pe, now, case)
        stuck(pe, now, case, "website")
    seen.clear()
    assert len(queries.publication_board(pe, people["admin"]).rows) == 30
    assert len([each for each in seen if each.startswith("SELECT")]) == 3
