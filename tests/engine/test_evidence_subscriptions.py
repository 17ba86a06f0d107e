"""Reports by e-mail: once for each period, with the rights that who gets them has when it is sent, until they want it no more."""

import datetime as dt

import pytest
import sqlalchemy as sa

from bpmn.errors import Forbidden, Invalid, NotFound
from engine import installation, sending
from engine.evidence import subscriptions
from engine.store import read, run
from engine.tables import event, membership, notice, report_delivery, user
from tests.conftest import on_databases
from tests.engine.test_notices import box  # noqa: F401 - a mail server

KEY = "penerbitan-informasi"
DAY = dt.timedelta(days=1)
MORNING = dt.datetime(2026, 3, 31, 22, 0, tzinfo=dt.timezone.utc)  # 1 April, 05.00 in Jakarta


@pytest.fixture
def office(pe, people, now):
    installation.deploy_shipped(pe, now, installation.MODELS / KEY, "kpu")
    run(pe, lambda db: db.execute(sa.update(user).where(user.c.id.in_(("analis", "admin"))).values(email=user.c.id + "@kpu.example")))
    return people


@pytest.fixture
def quarterly(pe, office, now):
    return subscriptions.subscribe(pe, office["analis"], now, report="rekap", key=KEY, every="quarter", form="pdf", recipients=["analis", "admin"])


def events(pe):
    with read(pe) as db:
        return list(db.scalars(sa.select(event.c.type).where(event.c.type.like("report.%")).order_by(event.c.id)))


def count(pe, table):
    with read(pe) as db:
        return db.scalar(sa.select(sa.func.count()).select_from(table))


def test_periods_begin_and_end_where_an_office_thinks():
    for day, every, first, final in ((dt.date(2026, 3, 4), "week", dt.date(2026, 3, 2), dt.date(2026, 3, 8)),
                                     (dt.date(2026, 2, 28), "month", dt.date(2026, 2, 1), dt.date(2026, 2, 28)),
                                     (dt.date(2026, 12, 31), "quarter", dt.date(2026, 10, 1), dt.date(2026, 12, 31)),
                                     (dt.date(2026, 7, 1), "semester", dt.date(2026, 7, 1), dt.date(2026, 12, 31))):
        assert subscriptions.beginning(day, every) == first and subscriptions.last(first, every) == final


@on_databases
def test_a_period_that_is_over_is_sent_once_with_its_report(pe, quarterly, box):  # noqa: F811
    assert subscriptions.work(pe, MORNING - dt.timedelta(seconds=1)) == 0
    assert subscriptions.work(pe, MORNING) == 1 and subscriptions.work(pe, MORNING) == 0
    assert sending.work(pe, lambda: MORNING) == 2 and sending.work(pe, lambda: MORNING + DAY) == 0
    for message in box.messages:
        assert "Triwulan I 2026" in message.get_body(("plain",)).get_content() and "/reports/jadwal" in message["List-Unsubscribe"]
        [file] = list(message.iter_attachments())
        assert file.get_filename() == "terbit-rekap-2026-01-01-2026-03-31.pdf" and file.get_content().startswith(b"%PDF")
    assert sorted(box.recipients) == [["admin@kpu.example"], ["analis@kpu.example"]]
    assert events(pe) == ["report.subscribed", "report.due", "report.exported", "report.exported"]
    assert subscriptions.work(pe, MORNING + 200 * DAY) == 2  # the worker was away for two quarters: each is sent
    assert count(pe, report_delivery) == 3 and count(pe, notice) == 6


def test_killed_while_it_is_told_of_nothing_is_told_or_all_is(pe, quarterly, monkeypatch):
    class Killed(BaseException):
        pass

    def die(*_args, **_more):
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(subscriptions, "record", die)
        with pytest.raises(Killed):
            subscriptions.work(pe, MORNING)
    assert count(pe, notice) == count(pe, report_delivery) == 0
    assert subscriptions.work(pe, MORNING) == 1 and count(pe, notice) == 2


def test_a_server_that_is_away_or_a_report_that_breaks_is_waited_for(pe, quarterly, box, monkeypatch):  # noqa: F811
    subscriptions.work(pe, MORNING)
    box.answer = "451 nanti"
    sending.work(pe, lambda: MORNING)
    box.answer, box.messages = "250 OK", []
    with monkeypatch.context() as patched:
        patched.setattr(subscriptions.papers, "report", lambda *_: 1 / 0)
        assert sending.work(pe, lambda: MORNING + DAY) == 0
    assert sending.work(pe, lambda: MORNING + 2 * DAY) == 2 and len(box.messages) == 2


def test_who_may_not_see_it_any_more_left_or_is_gone_gets_nothing(pe, office, quarterly, now, box):  # noqa: F811
    subscriptions.work(pe, MORNING)
    run(pe, lambda db: db.execute(sa.delete(membership).where(membership.c.user_id == "analis")))
    subscriptions.leave(pe, office["admin"], now, quarterly)
    assert sending.work(pe, lambda: MORNING) == 0 and box.messages == []
    with read(pe) as db:
        assert set(db.scalars(sa.select(notice.c.state))) == {"dropped"}
    with pytest.raises(NotFound):
        subscriptions.leave(pe, office["admin"], now, quarterly)
    subscriptions.end(pe, office["admin"], now, quarterly)
    assert subscriptions.work(pe, MORNING + 400 * DAY) == 0 and subscriptions.subscriptions(pe, office["admin"]) == []
    assert events(pe) == ["report.subscribed", "report.due", "report.unsubscribed", "report.subscription_ended"]


def test_only_overseers_subscribe_and_only_they_can_be_sent_it(pe, office, now):
    good = {"report": "rekap", "key": KEY, "every": "week", "form": "xlsx", "recipients": ["analis"]}
    with pytest.raises(Forbidden):
        subscriptions.subscribe(pe, office["penulis"], now, **good)
    for wrong in ({"report": "x"}, {"key": "x"}, {"every": "day"}, {"form": "exe"}, {"recipients": []}, {"recipients": ["penulis"]},
                  {"recipients": ["a@b.example"]}):
        with pytest.raises(Invalid) as problem:
            subscriptions.subscribe(pe, office["analis"], now, **good | wrong)
        assert problem.value.where["field"] == next(iter(wrong))
