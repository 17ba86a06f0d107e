"""Embargo and masa tenang: what is due in a window waits for its end, is said to wait, and goes out once when it may."""

import datetime as dt

import pytest
import sqlalchemy as sa

from bpmn.errors import Forbidden, Invalid
from connectors import NotYet
from engine import channels, embargo, jobs, settings
from engine.publication import publish
from engine.store import read
from engine.tables import event
from engine.tables import job as job_table
from engine.tables import publication as table
from tests.conftest import on_databases
from tests.engine.a_case import content, make_case, make_definition, make_job

HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)


def window(start, end, *channels, reason="Masa tenang Pemilihan"):
    return {"from": start.isoformat(), "to": end.isoformat(), "reason": reason, "channels": list(channels)}


@pytest.fixture
def hold(pe, people, now):
    """A function that sets the office's windows."""
    def keep(*windows, at=now):
        settings.change(pe, people["admin"], at, "embargo", {"windows": list(windows)})
    return keep


@pytest.fixture
def case(pe, now, people):
    make_definition(pe, now)
    channels.seed_channels(pe, now, "kpu")
    return make_case(pe, now)


def row(pe):
    with read(pe) as db:
        return db.execute(sa.select(table.c.state, table.c.waits_until)).one()


def due(pe, job):
    with read(pe) as db:
        return db.scalar(sa.select(job_table.c.due_at).where(job_table.c.id == job.id))


@on_databases
def test_what_is_due_in_a_window_waits_for_its_end_and_is_published_then(pe, now, case, hold):
    hold(window(now - HOUR, now + 3 * DAY))
    job = make_job(pe, now, case, "publikasi", content())
    assert jobs.run_job(pe, job.id, lambda: now)
    assert row(pe) == ("held", now + 3 * DAY) and abs(due(pe, job) - (now + 3 * DAY)) < dt.timedelta(seconds=2)
    with read(pe) as db:
        told = db.scalars(sa.select(event.c.data).where(event.c.type == "publication.held")).all()
    assert told == [{"channel": "website", "until": (now + 3 * DAY).isoformat(), "reason": "Masa tenang Pemilihan"}]
    with pytest.raises(NotYet):
        publish(pe, job, now + 3 * DAY - HOUR)
    assert publish(pe, job, now + 3 * DAY)["url"] and row(pe)[0] == "published"


@on_databases
def test_taking_the_window_away_lets_what_waits_go_soon(pe, now, case, hold):
    hold(window(now - HOUR, now + 3 * DAY))
    held, other = make_job(pe, now, case, "publikasi", content()), make_job(pe, now + 9 * DAY, case, "publikasi", content(kanal="x"))
    jobs.run_job(pe, held.id, lambda: now)
    later = due(pe, other)
    hold(at=now + HOUR)
    assert due(pe, held) == now + HOUR + embargo.SOON and due(pe, other) == later
    assert publish(pe, held, now + HOUR + embargo.SOON)["url"]


def test_a_window_for_other_channels_holds_nothing(pe, now, case, hold):
    hold(window(now - HOUR, now + DAY, "facebook", "x"))
    assert publish(pe, make_job(pe, now, case, "publikasi", content()), now)["url"]


def test_what_is_planned_for_a_window_waits_for_the_windows_end(pe, now, case, hold):
    job = make_job(pe, now, case, "publikasi", content(terbit_pada=(now + DAY).isoformat()))
    with pytest.raises(NotYet):
        publish(pe, job, now)
    assert row(pe) == ("planned", now + DAY)
    hold(window(now + DAY - HOUR, now + 2 * DAY))
    with pytest.raises(NotYet) as caught:
        publish(pe, job, now + HOUR)
    assert row(pe) == ("held", now + 2 * DAY) and caught.value.retry_after == (2 * DAY - HOUR).total_seconds()
    assert publish(pe, job, now + 2 * DAY)["url"]


def test_windows_that_touch_or_overlap_are_one(now):
    windows = [window(now + 2 * DAY, now + 4 * DAY), window(now, now + DAY, reason="Embargo"), window(now + DAY, now + 3 * DAY, "x")]
    assert embargo.of(windows, "x", now) == embargo.Embargo(now + 4 * DAY, "Embargo")
    assert embargo.of(windows, "website", now) == embargo.Embargo(now + DAY, "Embargo")
    assert embargo.of(windows, "website", now + DAY) is None and embargo.of(windows, "x", now + 4 * DAY) is None


@pytest.mark.parametrize("wrong, field", [
    ({"from": "kemarin"}, "from"), ({"from": "2026-03-01T00:00:00"}, "from"), ({"from": None}, "from"), ({"to": "2020-01-01T00:00:00+07:00"}, "to"),
    ({"to": "2999-01-01T00:00:00+07:00"}, "to"), ({"reason": " "}, "reason"), ({"reason": "a\nb"}, "reason"), ({"reason": 7}, "reason"),
    ({"channels": "x"}, "channels"), ({"channels": [7]}, "channels"), ({"more": 1}, "from")])
def test_what_is_no_window_is_refused_at_its_field(pe, people, now, wrong, field):
    with pytest.raises(Invalid) as caught:
        settings.change(pe, people["admin"], now, "embargo", {"windows": [window(now, now + DAY) | wrong]})
    assert caught.value.where["field"] == field


def test_only_an_admin_sets_them_and_no_more_than_there_can_be(pe, people, now, hold):
    with pytest.raises(Forbidden):
        settings.change(pe, people["ketua"], now, "embargo", {"windows": []})
    with pytest.raises(Invalid):
        hold(*[window(now, now + DAY)] * (embargo.MOST + 1))
