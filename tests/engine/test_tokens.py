"""Tokens of channels: encrypted, renewed before they end by one worker at a time, and not lost in a race."""

import datetime as dt
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from bpmn.errors import Forbidden
from connectors import Denied, Failure, masking
from engine import channels, tokens
from engine.process_engine import Actor, open_engine
from engine.store import read, run
from engine.tables import channel, event
from tests.conftest import on_databases

HOUR = dt.timedelta(hours=1)


class Platform:
    """Gives a new refresh token with each renewal, and forgets the old one."""

    def __init__(self):
        self.number, self.lock, self.fail = 1, threading.Lock(), None

    def given(self):
        return {"access_token": f"akses-{self.number}", "refresh_token": f"segar-{self.number}", "expires_in": 3600}

    def renew(self, kept):
        if self.fail:
            raise self.fail
        with self.lock:
            if kept["refresh_token"] != f"segar-{self.number}":
                raise Denied("Refresh token sudah dipakai.")
            time.sleep(0.05)
            self.number += 1
            return self.given()


@pytest.fixture
def platform(pe, now, people, admin):
    channels.seed_channels(pe, now, "kpu")
    platform = Platform()
    tokens.keep(pe, admin, now, "x", platform.given())
    return platform


def at(pe, moment):
    return tokens.ChannelTokens(pe, "kpu", "x", clock=lambda: moment)


def test_a_token_is_used_until_shortly_before_it_ends(pe, now, platform):
    assert at(pe, now).access(platform.renew) == "akses-1"
    assert at(pe, now + HOUR * 0.9).access(platform.renew) == "akses-1"
    assert at(pe, now + HOUR * 0.95).access(platform.renew) == "akses-2"
    assert at(pe, now + HOUR).expires_at() == now + HOUR * 1.95


@pytest.mark.parametrize("seconds", [None, float("inf"), float("nan"), 1e300])
def test_a_new_token_that_says_no_end_is_not_renewed_again_and_again(pe, now, platform, seconds):
    told = {"access_token": "baru"} | ({} if seconds is None else {"expires_in": seconds})
    assert at(pe, now + HOUR).access(lambda kept: told) == "baru"
    assert at(pe, now + 2 * HOUR).access(platform.renew) == "baru" and platform.number == 1


@on_databases
def test_an_admins_new_sign_in_outlives_a_renewal_that_was_under_way(pe, now, platform, admin):
    def renew(kept):
        tokens.keep(pe, admin, now, "x", {"access_token": "masuk-lagi"})
        return {"access_token": "dari-yang-lama"}

    at(pe, now).access(renew, refused="akses-1")
    assert at(pe, now).access(platform.renew) == "masuk-lagi"


@on_databases
def test_many_workers_at_once_renew_once(pe, now, platform):
    engines = [open_engine(pe.folder, send=lambda ids: None, **pe.config) for _ in range(3)]
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda n: at(engines[n % 3], now).access(platform.renew, refused="akses-1"), range(6)))
    for engine in engines:
        engine.close()
    assert found == ["akses-2"] * 6 and platform.number == 2


def test_a_worker_that_dies_while_it_renews_holds_the_others_up_for_a_while(pe, now, platform, monkeypatch):
    monkeypatch.setattr(tokens, "LOOKS", 2)
    monkeypatch.setattr(tokens, "LOOK_EVERY", 0)
    run(pe, lambda db: db.execute(sa.update(channel).where(channel.c.id == "x").values(renewing_until=now + tokens.CLAIM)))
    with pytest.raises(Failure) as caught:
        at(pe, now).access(platform.renew, refused="akses-1")
    assert caught.value.kind == "temporary"
    assert at(pe, now + tokens.CLAIM).access(platform.renew, refused="akses-1") == "akses-2"


def test_what_cannot_be_renewed_now_is_used_while_it_is_good(pe, now, platform):
    platform.fail = Failure("Server menjawab 503.", "temporary")
    assert at(pe, now + HOUR * 0.95).access(platform.renew) == "akses-1"
    with pytest.raises(Failure):
        at(pe, now + HOUR * 2).access(platform.renew)
    platform.fail = None
    assert at(pe, now + HOUR * 2).access(platform.renew) == "akses-2"


def test_a_renewal_that_fails_is_not_tried_at_each_call_and_later_and_later(pe, now, platform):
    tries = []

    def renew(kept):
        tries.append(kept)
        return platform.renew(kept)

    platform.fail = Failure("Server menjawab 503.", "temporary")
    begun, days = now - 9 * 24 * HOUR, 24 * 3600  # of the last ten days that a token of Meta's holds
    tokens.keep(pe, Actor("admin", "kpu", frozenset({"admin"})), begun, "x", {
        "access_token": "lama", "expires_in": 10 * days, "renewed_by": "access_token"})
    for quarter in range(4 * 24):  # a call each quarter of an hour, by workers that know nothing of each other
        assert at(pe, begun + quarter * HOUR / 4).access(renew, margin=10 * days) == "lama"
    assert 8 <= len(tries) <= 12
    with read(pe) as db:
        assert db.scalar(sa.select(channel.c.sign_in_ends_at).where(channel.c.id == "x")) == begun + 240 * HOUR  # of which admins are told
        assert list(db.scalars(sa.select(event.c.type))).count("channel.token_not_renewed") == len(tries)
    platform.fail = None
    new = {"access_token": "baru", "expires_in": 60 * days}
    assert at(pe, begun + 30 * HOUR).access(lambda kept: new, margin=10 * days) == "baru"
    with read(pe) as db:
        assert db.scalar(sa.select(channel.c.sign_in_ends_at).where(channel.c.id == "x")) is None


def test_a_token_that_still_holds_is_used_though_its_renewal_is_refused_for_good(pe, now, platform):
    platform.fail = Denied("Izin dicabut.")
    assert at(pe, now + HOUR * 0.95).access(platform.renew) == "akses-1"
    platform.fail = AssertionError("not again")
    assert at(pe, now + HOUR * 0.96).access(platform.renew) == "akses-1"
    platform.fail = Denied("Izin dicabut.")
    with pytest.raises(Denied):  # it has ended
        at(pe, now + HOUR).access(platform.renew)


def test_what_is_refused_for_good_asks_for_a_new_sign_in(pe, now, platform, admin):
    platform.fail = Denied("Izin dicabut.")
    with pytest.raises(Denied):
        at(pe, now).access(platform.renew, refused="akses-1")
    with pytest.raises(Denied, match="masuk"):
        tokens.ChannelTokens(pe, "kpu", "facebook").access(platform.renew)
    channels.save_channel(pe, admin, now, id="x", name="X", connector="site", config={})  # another platform: the old tokens are gone
    with pytest.raises(Denied, match="masuk"):
        at(pe, now).access(platform.renew)


def test_a_refusal_that_quotes_a_token_is_shown_without_it(pe, now, platform):
    with masking.hiding():
        at(pe, now).access(platform.renew, refused="akses-1")
        for quoted in ("akses-1", "segar-1", "akses-2", "segar-2"):
            told = Denied("Platform menolak: %(said)s", said=f"Malformed access token {quoted}.")
            assert quoted not in str(told) and quoted not in repr(told.params)


def test_tokens_stand_nowhere_in_the_clear(pe, now, platform, people):
    at(pe, now).access(platform.renew, refused="akses-1")
    with read(pe) as db:
        rows = [*db.execute(sa.select(channel)), *db.execute(sa.select(event.c.type, event.c.data))]
        assert [row for row in db.scalars(sa.select(event.c.type)) if "token" in row or "signed" in row] == [
            "channel.signed_in", "channel.token_renewed"]
    assert "akses-" not in repr(rows) and "segar-" not in repr(rows)
    with pytest.raises(Forbidden):
        tokens.keep(pe, people["penulis"], now, "x", {"access_token": "a"})
