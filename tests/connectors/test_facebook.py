"""Facebook: the contract against a Graph API of the tests' own, and what is particular to it."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import fake_server
import pytest
from facebook_server import PAGE, TOKEN
from publications import PHOTO, picture

from connectors import Attachment, Context, Denied, Failure, NotByMachine, NotYet, Progress, Throttled
from connectors.facebook import Facebook
from connectors.testing import Contract, proxy


@pytest.fixture(scope="module")
def server():
    with fake_server.running("facebook_server") as server:
        yield server


def connect(url, context, token=TOKEN):
    return Facebook({"page": PAGE, "api": url}, {"token": token}, context)


class TestContract(Contract):
    secrets = (TOKEN,)
    images = 2
    samples = 4

    @pytest.fixture
    def platform(self, server):
        return server

    def connect(self, url, context):
        return connect(url, context)

    def throttles(self):
        body = json.dumps({"error": {"message": "(#4) Application request limit reached", "type": "OAuthException", "code": 4}}).encode()
        usage = '{"546": [{"type": "pages", "call_count": 100, "estimated_time_to_regain_access": 3}]}'
        return [(proxy.status(400, f"X-Business-Use-Case-Usage: {usage}", body=body), 180), (proxy.status(400, body=body), 300)]


VIDEO = Attachment("rapat.mp4", "video/mp4", bytes(range(256)) + bytes(144))


class TestVideo(Contract):
    secrets = (TOKEN,)
    images = 0
    samples, steps = 2, 3
    refusals, breakdowns = (400, 404), (500, 503)

    @pytest.fixture
    def platform(self, server):
        return server

    def connect(self, url, context):
        return in_small_segments(url, context)

    def ask(self, key, word="Pengumuman"):
        return replace(super().ask(key, word), attachments=[VIDEO])

    throttles = TestContract.throttles


def in_small_segments(url, context):
    facebook = connect(url, context)
    facebook.segment = 240
    return facebook


@pytest.fixture
def facebook(server, tmp_path):
    return connect(server.url, Context(tmp_path, "", frozenset({server.host})))


def test_a_post_without_pictures_shows_its_link(facebook, server, ask):
    result = facebook.publish(ask("a", images=[], link="https://kpu.example/jadwal"))
    assert result.url == f"https://www.facebook.com/{result.platform_id.rstrip(':')}"
    assert "https://kpu.example/jadwal" in server.posts()[result.platform_id]


def test_pictures_are_uploaded_once_however_often_it_is_tried(facebook, server, ask):
    progress = Progress()
    first = facebook.publish(ask("a", images=[PHOTO], progress=progress))
    noted = dict(progress)
    del progress["sent"]
    second = facebook.publish(ask("a", images=[PHOTO], progress=progress))
    assert first.platform_id != second.platform_id and {**progress, "sent": noted["sent"]} == noted


def test_facebook_keeps_a_post_until_its_time_where_it_keeps_it_that_long(facebook, ask):
    now = datetime.now(UTC)
    result = facebook.publish(ask("a", images=[], now=now, publish_at=now + timedelta(hours=2)))
    assert result.scheduled and result.published_at == now + timedelta(hours=2)
    for ahead, wait in ((timedelta(minutes=5), 300), (timedelta(days=40), 10 * 86400)):
        with pytest.raises(NotYet) as caught:
            facebook.publish(ask("b", images=[], now=now, publish_at=now + ahead))
        assert wait <= caught.value.retry_after <= wait + 300


def test_a_post_that_facebook_keeps_is_moved_until_it_is_shown(facebook, server, ask):
    now = datetime.now(UTC)
    kept = facebook.publish(ask("a", images=[], now=now, publish_at=now + timedelta(hours=2)))
    count, later = len(server.posts()), now + timedelta(days=3)
    for _ in range(2):
        assert facebook.reschedule(ask("a"), kept.platform_id, later) == replace(kept, published_at=later)
    assert len(server.posts()) == count
    with pytest.raises(Failure, match="invalid"):
        facebook.reschedule(ask("a"), kept.platform_id, now + timedelta(days=90))
    shown = facebook.publish(ask("b", images=[]))
    with pytest.raises(Failure, match="sudah terbit"):
        facebook.reschedule(ask("b"), shown.platform_id, later)


def test_a_post_is_found_by_its_words_and_not_an_older_one(facebook, ask):
    now = datetime.now(UTC)
    request = ask("a", title="Dicari", images=[], now=now, progress=Progress({"since": now.timestamp()}))
    assert facebook.find(request) is None
    assert facebook.find(ask("a", title="Dicari", images=[], now=now, progress=Progress({"since": now.timestamp() - 5}))) is None
    posted = facebook.publish(ask("a", title="Dicari", images=[], now=now))
    assert facebook.find(request).platform_id == posted.platform_id
    later = Progress({"since": now.timestamp() + 3600})
    assert facebook.find(ask("a", title="Dicari", images=[], now=now, progress=later)) is None


def test_a_lost_post_is_looked_for_with_the_link_that_it_has_and_not_one_of_later(facebook, ask):
    progress = Progress()
    posted = facebook.publish(ask("a", title="Tanpa tautan", images=[], now=datetime.now(UTC), progress=progress))
    lost = ask("a", title="Tanpa tautan", images=[], link="https://kpu.example/baru", progress=Progress({**progress, "sent": {}}))
    assert facebook.find(lost).platform_id == posted.platform_id


def test_other_pictures_are_a_persons_work(facebook, ask):
    first = facebook.publish(ask("a", images=[PHOTO]))
    other = Attachment("lain.jpg", "image/jpeg", picture(colour="red"))
    with pytest.raises(NotByMachine):
        facebook.update(ask("b", images=[other]), first.platform_id, first.url)


def test_its_health_names_the_page_and_what_is_left(facebook, server, tmp_path):
    health = facebook.check(datetime.now(UTC))
    assert health.message % health.params == "Tersambung ke halaman KPU Kepulauan Seribu."
    assert [(quota.limit, quota.remaining) for quota in health.quotas] == [(100, 72)]
    context = Context(tmp_path, "", frozenset({server.host}))
    for wrong in (connect(server.url, context, "salah"), Facebook({"page": "1", "api": server.url}, {"token": TOKEN}, context)):
        with pytest.raises(Denied):
            wrong.check(datetime.now(UTC))


@pytest.mark.parametrize("code, kind", [(506, "unknown"), (1, "unknown"), (368, "permanent"), (200, "permanent")])
def test_what_facebooks_codes_mean(server, tmp_path, ask, code, kind):
    with proxy.faulty() as between:
        between.fault = proxy.status(400, body=json.dumps({"error": {"message": "no", "code": code}}).encode())
        with pytest.raises(Failure) as caught:
            connect(between.url, Context(tmp_path, "", frozenset({between.host}))).publish(ask(images=[]))
    assert caught.value.kind == kind and not isinstance(caught.value, Throttled)


def test_a_video_goes_on_where_it_broke_off_and_is_kept_until_its_time(server, tmp_path, ask):
    progress, now = Progress(), datetime.now(UTC)
    request = ask("video", images=[], attachments=[VIDEO], now=now, publish_at=now + timedelta(hours=2), progress=progress)
    with proxy.faulty(server.url) as between:
        between.fault, between.when = proxy.reset, lambda method, path: len(between.seen) == 3
        context = Context(tmp_path, "", frozenset({between.host}))
        with pytest.raises(NotYet):
            in_small_segments(between.url, context).publish(request)
        assert progress["film"]["at"] == 240
        between.fault = None
        result = in_small_segments(between.url, context).publish(request)
        assert result.scheduled and result.platform_id in server.posts() and len(between.seen) == 5
    progress["film"]["session"] = "0"
    del progress["sent"]
    progress["film"]["at"] = 0
    with pytest.raises(Failure) as caught:  # Facebook has forgotten it
        in_small_segments(server.url, Context(tmp_path, "", frozenset({server.host}))).publish(request)
    assert caught.value.kind == "temporary" and "film" not in progress
