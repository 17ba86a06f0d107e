"""How channels are: looked at by the worker, told to who must mend them, shown to who is about to approve."""

import datetime as dt
import json
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

import connectors
from connectors import Denied, Failure, Health, NotYet, Quota, masking
from engine import channels, commands, handlers, health, jobs
from engine.store import read, run
from engine.tables import notice, user
from engine.wording import Item, Reader, compose
from tests.conftest import on_databases
from tests.engine.small import END, START, chain, deploy, diagram, service_task, user_task

SECRET = "rahasia-123-cms"
DAY = dt.timedelta(days=1)


class Cms:
    name, title = "cms", "CMS"
    fields = (connectors.Field("url", "Alamat", "url", True), connectors.Field("password", "Kata sandi", "secret", True))
    looks: list = []
    answer: object = Health("Tersambung.")

    def __init__(self, config, secrets, context):
        self.secrets = secrets

    def check(self, now):
        self.looks.append(now)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def cms(pe, people, admin, now, monkeypatch):
    monkeypatch.setattr(connectors, "find", lambda name: Cms)
    monkeypatch.setattr(Cms, "looks", [])
    monkeypatch.setattr(Cms, "answer", Health("Tersambung."))
    channels.save_channel(pe, admin, now, id="website", name="Situs web", connector="cms", config={"url": "https://kantor.example"},
                          secrets={"password": SECRET})
    run(pe, lambda db: db.execute(sa.update(user).where(user.c.id == "admin").values(email="admin@kantor.example")))
    return Cms


def status(pe, now):
    [found] = health.statuses(pe, "kpu", now, ["website"])
    return found


def work(pe, now):
    return health.work(pe, lambda: now)


def told(pe):
    with read(pe) as db:
        return [(row.kind, row.data) for row in db.execute(sa.select(notice).order_by(notice.c.id))]


@on_databases
def test_a_channel_is_looked_at_once_it_is_saved_and_then_daily(pe, cms, now):
    assert status(pe, now).state == "unknown" and status(pe, now).looking
    assert work(pe, now) == 1 and work(pe, now) == 0
    assert (status(pe, now).state, status(pe, now).checked_at, status(pe, now).looking) == ("ready", now, False)
    assert work(pe, now + DAY - dt.timedelta(minutes=1)) == 0 and work(pe, now + DAY) == 1
    assert told(pe) == []


@on_databases
def test_refused_credentials_are_told_once_with_since_when_until_they_are_mended(pe, cms, admin, now):
    work(pe, now)
    cms.answer = Denied("Menolak %(said)s.", said=SECRET)
    first, second = now + DAY, now + DAY + dt.timedelta(hours=1)
    with masking.hiding():
        assert work(pe, first) == 1 and work(pe, second) == 1
    found = status(pe, second)
    assert (found.state, found.since, found.checked_at) == ("denied", first, second)
    [(kind, data)] = told(pe)
    assert (kind, data["channel"], data["path"]) == ("channel-broken", "Situs web", "/channels/website")
    with read(pe) as db:
        assert [row.data["to"] for row in db.execute(sa.text("SELECT data FROM event WHERE type = 'channel.health_changed'").columns(
            data=sa.JSON))] == ["denied"]
    cms.answer = Health("Tersambung.")
    channels.save_channel(pe, admin, second, id="website", name="Situs web", connector="cms", config={"url": "https://kantor.example"},
                          secrets={"password": "yang-baru-1"})
    assert work(pe, second) == 1 and status(pe, second).state == "ready"


def test_what_the_platform_says_of_a_secret_is_masked_in_what_is_kept(pe, cms, now, monkeypatch):
    def refuse(self, at):
        raise Denied("Menolak %(said)s.", said=f"sandi {SECRET}")

    monkeypatch.setattr(cms, "check", refuse)
    work(pe, now)
    assert status(pe, now).params == {"said": "sandi •••"} and SECRET not in json.dumps(told(pe))


def test_a_look_at_settings_that_were_changed_meanwhile_counts_for_nothing(pe, cms, admin, now, monkeypatch):
    def check(self, at):
        channels.save_channel(pe, admin, now, id="website", name="Situs web", connector="cms", config={"url": "https://lain.example"})
        return Health("Tersambung.")

    monkeypatch.setattr(cms, "check", check)
    assert health.test_channel(pe, admin, now, "website")["ok"]
    assert status(pe, now).state == "unknown" and status(pe, now).looking


def test_a_notice_names_the_channel_and_leads_to_it(pe, cms, now):
    cms.answer = Denied("Kata sandi %(user)s ditolak.", user="webadmin")
    work(pe, now)
    [(kind, data)] = told(pe)
    reader = Reader("id", ZoneInfo("Asia/Jakarta"), "KPU", "https://terbit.example")
    message = compose([Item(kind, None, None, "", "", "", None, data)], reader)
    assert message.subject == "Kanal Situs web tidak siap menerbitkan" and "Kata sandi webadmin ditolak." in message.text
    assert "https://terbit.example/channels/website" in message.text and "Buka kanal" in message.html


def test_a_platform_that_is_away_is_told_of_only_after_a_while(pe, cms, now):
    cms.answer = Failure("Tidak dapat dihubungi.", "temporary")
    for minutes in (0, 10, 20):
        assert work(pe, now + dt.timedelta(minutes=minutes)) == 1
    assert status(pe, now).state == "unreachable" and told(pe) == []
    work(pe, now + dt.timedelta(minutes=31))
    assert [kind for kind, _ in told(pe)] == ["channel-broken"]


@pytest.mark.parametrize("error, state", [
    (Failure("Bukan WordPress."), "broken"), (ZeroDivisionError("rahasia"), "broken"), (Failure("503", "temporary"), "unreachable")])
def test_whatever_a_connector_does_the_look_ends(pe, cms, now, error, state):
    cms.answer = error
    assert work(pe, now) == 1 and status(pe, now).state == state
    assert "rahasia" not in status(pe, now).message + str(status(pe, now).params)


@on_databases
def test_admins_are_warned_days_before_credentials_end(pe, cms, admin, now):
    end = now + 20 * DAY
    cms.answer = Health("Tersambung.", expires_at=end)
    for day in range(22):
        work(pe, now + day * DAY)
    kinds = [(kind, data["until"]) for kind, data in told(pe)]
    assert kinds == [("channel-expiring", end.isoformat())] * 3 + [("channel-expired", end.isoformat())]  # 14, 3, 1 days, and the end
    assert status(pe, now + 10 * DAY).state == "expiring" and status(pe, now + 21 * DAY).state == "expired"


def test_an_end_that_an_admin_typed_counts_to_the_end_of_that_day(pe, cms, admin, now):
    channels.save_channel(pe, admin, now, id="website", name="Situs web", connector="cms", config={"url": "https://kantor.example"},
                          expires_on=dt.date(2026, 3, 10))
    work(pe, now)
    assert status(pe, now).expires_at == dt.datetime(2026, 3, 10, 17, tzinfo=dt.timezone.utc)  # midnight in Jakarta
    assert status(pe, dt.datetime(2026, 3, 10, 16, 59, tzinfo=dt.timezone.utc)).state == "expiring"
    assert status(pe, dt.datetime(2026, 3, 10, 17, tzinfo=dt.timezone.utc)).state == "expired"


def test_who_opens_a_decision_asks_for_a_look_unless_one_was_just_made(pe, cms, now):
    work(pe, now)
    assert not health.ask(pe, "kpu", now + dt.timedelta(minutes=1), ["website"])
    later = now + dt.timedelta(minutes=6)
    assert health.ask(pe, "kpu", later, ["website", "tidak-ada"]) and status(pe, later).looking
    assert not health.ask(pe, "kpu", later, ["website"])  # it is asked for already
    assert not health.ask(pe, "lain", later, ["website"])
    assert cms.looks == [now]  # nobody who asks makes the call
    assert work(pe, later) == 1 and not status(pe, later).looking


@on_databases
def test_one_look_at_a_time_and_a_worker_that_died_looking_is_followed(pe, cms, admin, now):
    channels.save_channel(pe, admin, now, id="kedua", name="Kedua", connector="cms", config={"url": "https://b.example"},
                          secrets={"password": SECRET})
    assert run(pe, lambda db: health._lease(db, "kpu", "kedua", now))  # and then its worker dies
    assert work(pe, now) == 0 and status(pe, now).looking
    assert work(pe, now + dt.timedelta(seconds=61)) == 2


def test_a_paused_or_disabled_channel_says_so_and_nobody_is_told(pe, cms, admin, now):
    cms.answer = Denied("Menolak.")
    channels.pause_channel(pe, admin, now, "website", "Server diganti")
    work(pe, now)
    assert (status(pe, now).state, status(pe, now).message, told(pe)) == ("paused", "Server diganti", [])
    channels.resume_channel(pe, admin, now, "website")
    assert status(pe, now).state == "denied"
    channels.disable_channel(pe, admin, now, "website")
    assert status(pe, now).state == "manual"


@pytest.fixture
def call(pe, cms, pemilik, admin, now, monkeypatch):
    """Make a call to the channel that ends as it is told."""
    monkeypatch.setattr(handlers, "_handlers", dict(handlers._handlers))
    deploy(pe, pemilik, now, diagram(chain(START, service_task("s", "uji"), user_task("b"), END)))
    work(pe, now)

    def make(at, error=None):
        def act(*_):
            if error:
                raise error

        handlers.handler("uji")(act)
        commands.start(pe, admin, at, key="p", variables={"kanal": "website"})
        jobs.run_due(pe, lambda: at)
    return make


def test_a_call_that_fails_shows_at_once_how_the_channel_is(pe, cms, call, now):
    call(now, NotYet(60))
    call(now)
    assert not status(pe, now).looking
    call(now, Denied("Menolak."))
    assert status(pe, now).state == "denied" and len(told(pe)) == 1
    call(now)  # it goes after all
    assert status(pe, now).looking and work(pe, now) == 1 and status(pe, now).state == "ready"
    call(now, Failure("503", "temporary"))
    assert status(pe, now).looking


def test_what_is_still_allowed_is_kept_and_said_when_nothing_is_left(pe, cms, now):
    resets = now + dt.timedelta(hours=2)
    cms.answer = Health("Tersambung.", quotas=(Quota("Kiriman", 25, 0, resets), Quota("Panggilan API", 300, 299)))
    work(pe, now)
    found = status(pe, now)
    assert (found.state, found.until) == ("spent", resets) and found.quotas == cms.answer.quotas
    assert status(pe, resets).state == "ready"
