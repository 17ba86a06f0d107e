"""Telegram: the contract against a Bot API of the tests' own, and what is particular to it."""

import json

import fake_server
import pytest
from publications import LETTER, NOW, PHOTO, picture
from telegram_server import CHAT, TOKEN

from connectors import Attachment, Context, Correction, Denied, Failure, NotByMachine, Throttled
from connectors.http import Refused
from connectors.telegram import Telegram
from connectors.testing import Contract, proxy


@pytest.fixture(scope="module")
def server():
    with fake_server.running("telegram_server") as server:
        yield server


def connect(url, context, **config):
    return Telegram({"chat": "@kpu_seribu", "api": url} | config, {"token": TOKEN}, context)


class TestContract(Contract):
    secrets = (TOKEN,)
    images = 2

    @pytest.fixture
    def platform(self, server):
        return server

    def connect(self, url, context):
        return connect(url, context)

    def throttles(self):
        body = {"ok": False, "error_code": 429, "description": "Too Many Requests: retry after 7", "parameters": {"retry_after": 7}}
        return [(proxy.status(429, body=json.dumps(body).encode()), 7), (proxy.status(429, "Retry-After: 7"), 7)]


@pytest.fixture
def telegram(server, tmp_path):
    return connect(server.url, Context(tmp_path, "", frozenset({server.host})))


def test_one_picture_and_the_link_stand_in_the_channel(telegram, server, ask):
    result = telegram.publish(ask("a", link="https://kpu.example/jadwal", body="x" * 5000))
    assert result.url.startswith("https://t.me/kpu_seribu/") and result.platform_id.startswith(f"{CHAT}:")
    shown = server.posts()[result.platform_id]
    assert shown.startswith('Pengumuman "Jadwal"') and shown.endswith("https://kpu.example/jadwal")


def test_the_token_goes_nowhere_without_tls(tmp_path):
    with pytest.raises(Refused, match="https"):
        connect("http://bot.example", Context(tmp_path, "", frozenset())).check(NOW)


def test_a_video_goes_among_the_pictures(telegram, server, ask):
    video = Attachment("kegiatan.mp4", "video/mp4", b"\0\0\0\x18ftypmp42" + bytes(100))
    assert telegram.publish(ask("a", images=[], attachments=[LETTER, video])).platform_id.count(",") == 0
    assert telegram.publish(ask("b", attachments=[video])).platform_id.count(",") == 1


def test_a_picture_that_telegram_does_not_take_becomes_a_jpeg(telegram, server, ask):
    gif = Attachment("bendera.gif", "image/gif", picture(kind="GIF"))
    assert telegram.publish(ask("a", images=[gif])).platform_id in server.posts()


def test_a_correction_says_so_at_the_same_place(telegram, server, ask):
    first = telegram.publish(ask("a", images=[], attachments=[]))
    telegram.update(ask("b", images=[], attachments=[], corrections=(Correction(NOW, "Semula Senin."),)), first.platform_id, first.url)
    assert server.posts()[first.platform_id].startswith("Ralat, 24 November 2026: Semula Senin.\n\nPengumuman")
    with pytest.raises(NotByMachine):
        telegram.update(ask("c", images=[PHOTO, PHOTO]), first.platform_id, first.url)


def test_what_was_written_for_the_channel_goes_as_it_is(telegram, server, ask):
    result = telegram.publish(ask("a", text="Khusus Telegram.", images=[]))
    assert server.posts()[result.platform_id] == "Khusus Telegram."
    with pytest.raises(Failure, match="terlalu panjang"):
        telegram.publish(ask("b", text="x" * 1025))


def test_its_health_names_the_channel_and_the_bot(telegram, server, tmp_path):
    health = telegram.check(NOW)
    assert health.message % health.params == "Tersambung ke KPU Kepulauan Seribu sebagai @terbit_bot."
    wrong = Telegram({"chat": "@kpu_seribu", "api": server.url}, {"token": "1:salah"}, Context(tmp_path, "", frozenset({server.host})))
    with pytest.raises(Denied) as denied:
        wrong.check(NOW)
    assert "1:salah" not in str(denied.value)


def test_the_wait_is_telegrams_own(server, tmp_path, ask):
    with proxy.faulty() as between:
        between.fault = proxy.status(429, body=b'{"ok": false, "parameters": {"retry_after": 35}}')
        with pytest.raises(Throttled) as caught:
            connect(between.url, Context(tmp_path, "", frozenset({between.host}))).publish(ask(images=[]))
    assert caught.value.retry_after == 35
