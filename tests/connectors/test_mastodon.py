"""Mastodon: the contract against a server of the tests' own, and the same connector against `mastodon-mock`, a server of others'."""

import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import fake_server
import pytest
from mastodon_server import TOKEN
from publications import NOW

from connectors import Context, Correction, Denied, Failure, Progress, Throttled, http
from connectors.mastodon import Mastodon
from connectors.testing import Contract, proxy


@pytest.fixture(scope="module")
def server():
    with fake_server.running("mastodon_server") as server:
        yield server


def connect(url, context, token=TOKEN):
    return Mastodon({"url": url}, {"token": token}, context)


class TestContract(Contract):
    secrets = (TOKEN,)
    images = 2
    steps = 6

    @pytest.fixture
    def platform(self, server):
        return server

    def connect(self, url, context):
        return connect(url, context)

    def throttles(self):
        reset = (http.datetime.now(http.UTC) + timedelta(seconds=200)).isoformat()
        limits = f"X-RateLimit-Limit: 300\r\nX-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: {reset}"
        return [(proxy.status(429, limits, body=b'{"error": "Too many requests"}'), 150)]


class TestThread(Contract):
    secrets = (TOKEN,)
    images = 1
    steps, samples = 4, 2
    refusals, breakdowns = (401, 404), (500, 503)

    @pytest.fixture
    def platform(self, server):
        return server

    def connect(self, url, context):
        return Mastodon({"url": url, "thread": True}, {"token": TOKEN}, context)

    def ask(self, key, word="Pengumuman"):
        return replace(super().ask(key, word), body=f"Rapat pleno {key} terbuka untuk umum. " * 9)


@pytest.fixture
def context(server, tmp_path):
    return Context(tmp_path, "", frozenset({server.host}))


@pytest.fixture
def mastodon(server, context, monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    return connect(server.url, context)


def test_after_the_hour_of_its_key_it_is_looked_for_by_its_words(mastodon, server, ask):
    progress = Progress()
    request = ask("jam", link="https://kpu.example/jadwal?a=1&b=2", images=[], progress=progress, now=http.datetime.now(http.UTC))
    first = mastodon.publish(request)
    progress["sent"] = {}  # as if its answer had been lost
    later = ask("jam", link=request.link, images=[], progress=progress, now=request.now + timedelta(hours=3))
    assert mastodon.publish(later).platform_id == first.platform_id
    mastodon.withdraw(first.platform_id, first.url, "jam")
    with pytest.raises(Failure) as caught:
        mastodon.publish(later)
    assert caught.value.kind == "unknown" and first.platform_id not in server.posts()


def test_a_correction_is_said_in_the_post(mastodon, server, ask):
    first = mastodon.publish(ask("ralat", images=[]))
    mastodon.update(ask("ralat-2", images=[], corrections=(Correction(NOW, "Semula Senin."),)), first.platform_id, first.url)
    assert server.posts()[first.platform_id].startswith("Ralat, 24 November 2026: Semula Senin.")


def test_its_health(mastodon, server, context):
    health = mastodon.check(NOW)
    assert health.message % health.params == f"Tersambung ke {server.url} sebagai @kpu_seribu."
    with pytest.raises(Denied):
        connect(server.url, context, "salah").check(NOW)
    with pytest.raises(http.Refused, match="https"):
        connect("http://mastodon.example", context).check(NOW)


def test_the_servers_own_limit_is_kept(tmp_path, ask):
    limits = b'{"configuration": {"statuses": {"max_characters": 40}}}'
    with proxy.faulty() as between:
        between.fault = proxy.status(200, body=limits)
        with pytest.raises(Failure, match="Paling banyak 40"):
            connect(between.url, Context(tmp_path, "", frozenset({between.host}))).publish(ask())
        assert between.seen == ["GET /api/v2/instance"]


def test_told_to_wait_is_not_taken_for_begun(tmp_path, server, ask):
    with proxy.faulty(server.url) as between:
        between.fault, between.when = proxy.status(429, "Retry-After: 9"), lambda method, path: path == "/api/v1/statuses"
        progress = Progress()
        with pytest.raises(Throttled):
            connect(between.url, Context(tmp_path, "", frozenset({between.host}))).publish(ask("batas", images=[], progress=progress))
    assert "sent" not in progress


@pytest.fixture
def others(tmp_path):
    """`mastodon-mock`: stateful, written by others after Mastodon's documentation."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [Path(sys.executable).with_name("mastodon_mock"), "serve", "--in-memory", "--port", str(port), "--log-level", "error"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    for _ in range(200):
        try:
            urllib.request.urlopen(f"{url}/api/v2/instance", timeout=5).close()
            break
        except OSError:
            time.sleep(0.1)
    yield url
    process.kill()
    process.wait()


@pytest.mark.service
def test_a_server_of_others_takes_it_once_changes_it_and_lets_it_go(others, tmp_path, ask):
    host = others.removeprefix("http://")
    there = connect(others, Context(tmp_path, "", frozenset({host})), "mock_token")
    assert there.check(NOW).params["user"] == "testuser"
    now = http.datetime.now(http.UTC)
    request = ask("lain", now=now, link="https://kpu.example/jadwal")
    first = there.publish(request)
    assert there.publish(ask("lain", now=now, link=request.link)).platform_id == first.platform_id  # the worker died, and its notes with it
    assert there.find(ask("lain", now=now, link=request.link)).platform_id == first.platform_id
    changed = there.update(ask("lain-2", title="Ralat jadwal", now=now), first.platform_id, first.url)
    assert (changed.platform_id, changed.url) == (first.platform_id, first.url)
    with urllib.request.urlopen(f"{others}/api/v1/statuses/{first.platform_id}", timeout=10) as answer:
        said = http.json.load(answer)
    assert "Ralat jadwal" in said["content"] and [file["description"] for file in said["media_attachments"]] == ["Dermaga di waktu pagi"]
    for _ in range(2):
        there.withdraw(first.platform_id, first.url, "lain")
    assert there.find(ask("lain", now=now, link=request.link)) is None
