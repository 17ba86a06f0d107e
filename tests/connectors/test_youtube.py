"""YouTube: the contract against an API of the tests' own, and what is particular to it."""

import hashlib
import itertools
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import fake_server
import pytest
from publications import PHOTO
from youtube_server import CLIENT, SECRET, UNIT

from connectors import Attachment, Context, Denied, Failure, NotByMachine, NotYet, Progress, Throttled, abilities, pieces, youtube
from connectors.testing import KeptTokens, Killed, SignedInContract, proxy
from connectors.youtube import SCOPE, YouTube

VIDEO = Attachment("rapat.mp4", "video/mp4", b"\0\0\0\x18ftypmp42" + bytes(200))
LONG = Attachment("pleno.mp4", "video/mp4", hashlib.shake_256(b"pleno").digest(3 * UNIT + 1000))


def made(server, result):
    """The video, as the platform has it."""
    return server.get("/_state")["videos"][result.platform_id.partition(":")[0]]


@pytest.fixture(scope="module")
def server():
    with fake_server.running("youtube_server") as server:
        yield server


def connect(url, context, **config):
    return YouTube({"client_id": CLIENT, "api": url, **config}, {"client_secret": SECRET}, context)


def reasoned(status, reason):
    body = json.dumps({"error": {"code": status, "message": reason, "errors": [{"domain": "youtube.quota", "reason": reason}]}}).encode()
    return proxy.status(status, body=body)


class TestContract(SignedInContract):
    secrets = (SECRET, "ya29.akses", "1//segar")
    samples = 4

    @pytest.fixture
    def platform(self, server):
        return server

    def tokens(self, platform):
        return platform.get("/_state")

    def connect(self, url, context):
        return connect(url, context)

    def ask(self, key, word="Pengumuman"):
        return replace(super().ask(key, word), attachments=[VIDEO])

    def throttles(self):
        return [(proxy.status(429, "Retry-After: 7"), 7), (reasoned(403, "rateLimitExceeded"), 60)]


@pytest.fixture
def context(server, tmp_path):
    return Context(tmp_path, "", frozenset({server.host}), tokens=KeptTokens(server.get("/_state")))


@pytest.fixture
def channel(server, context):
    return connect(server.url, context)


@pytest.fixture
def through(server, tmp_path):
    """The connector behind a proxy, and that proxy."""
    with proxy.faulty(upstream=server.url) as between:
        yield connect(between.url, Context(tmp_path, "", frozenset({between.host}), tokens=KeptTokens(server.get("/_state")))), between


@pytest.fixture
def small_pieces(monkeypatch):
    monkeypatch.setattr(pieces, "SIZE", UNIT)


def ranges(between):
    return [line.decode().partition(": ")[2] for raw in between.raw for line in raw.split(b"\r\n\r\n")[0].split(b"\r\n")
            if line.lower().startswith(b"content-range")]


def test_a_video_says_what_was_approved_and_bears_its_tags(channel, server, ask):
    result = channel.publish(ask("a", attachments=[VIDEO], link="https://kpu.example/jadwal", summary="Rapat #Pleno #pemilu2029 #Pleno."))
    video = made(server, result)
    assert result.url == f"https://www.youtube.com/watch?v={video['id']}" and video["sha256"] == hashlib.sha256(VIDEO.content).hexdigest()
    assert video["snippet"]["title"] == ask().title and video["snippet"]["description"].endswith("https://kpu.example/jadwal")
    assert video["snippet"]["tags"][1:] == ["Pleno", "pemilu2029"] and video["snippet"]["categoryId"] == "25"
    assert video["status"] == {"privacyStatus": "public", "selfDeclaredMadeForKids": False}
    assert server.get("/_state")["thumbnails"][video["id"]] == 1


def test_an_upload_goes_on_at_the_byte_that_is_confirmed(through, server, ask, small_pieces):
    channel, between = through
    progress = Progress()
    request = ask("a", attachments=[LONG], images=[], progress=progress)
    between.when = lambda method, path: method == "PUT"
    between.begin(proxy.lost_after, step=2)  # the second piece arrives, and its answer does not
    with pytest.raises(NotYet):
        channel.publish(request)
    server.get(f"/_keep?bytes={UNIT // 2}")  # of the third, one half arrives
    with pytest.raises(Failure) as caught:
        channel.publish(request)
    assert caught.value.kind == "temporary"
    result = channel.publish(request)
    size = len(LONG.content)
    assert ranges(between) == [
        f"bytes 0-{UNIT - 1}/{size}", f"bytes {UNIT}-{2 * UNIT - 1}/{size}",
        f"bytes */{size}", f"bytes {2 * UNIT}-{3 * UNIT - 1}/{size}",
        f"bytes */{size}", f"bytes {2 * UNIT + UNIT // 2}-{size - 1}/{size}"]
    assert made(server, result)["sha256"] == hashlib.sha256(LONG.content).hexdigest()


def test_a_worker_killed_in_the_middle_is_followed_by_one_that_goes_on(through, server, ask, small_pieces, monkeypatch):
    channel, between = through
    kept, send = {}, youtube.http.request

    def dies(method, url, **options):
        if (options.get("headers") or {}).get("Content-Range", "").startswith(f"bytes {2 * UNIT}-"):
            raise Killed
        return send(method, url, **options)

    monkeypatch.setattr(youtube.http, "request", dies)
    with pytest.raises(Killed):
        channel.publish(ask("a", attachments=[LONG], images=[], progress=Progress(save=kept.update)))
    monkeypatch.setattr(youtube.http, "request", send)
    before, sessions = set(server.posts()), server.get("/_state")["sessions"]
    result = channel.publish(ask("a", attachments=[LONG], images=[], progress=Progress(json.loads(json.dumps(kept)))))
    assert set(server.posts()) - before == {result.platform_id} and server.get("/_state")["sessions"] == sessions
    assert ranges(between)[2:4] == [f"bytes */{len(LONG.content)}", f"bytes {2 * UNIT}-{3 * UNIT - 1}/{len(LONG.content)}"]
    assert made(server, result)["sha256"] == hashlib.sha256(LONG.content).hexdigest()


def test_the_lost_answer_of_the_last_piece_is_asked_for_again(through, server, ask):
    channel, between = through
    before, request = set(server.posts()), ask("a", attachments=[VIDEO], progress=Progress())
    between.when = lambda method, path: method == "PUT"
    between.begin(proxy.lost_after, step=1)
    with pytest.raises(Failure) as caught:
        channel.publish(request)
    assert caught.value.kind == "temporary" and caught.value.doubtful
    assert {channel.publish(request).platform_id} == set(server.posts()) - before


def test_a_session_that_is_gone_is_begun_anew_where_nothing_can_have_come_of_it(channel, server, ask, small_pieces, monkeypatch):
    monkeypatch.setattr(pieces, "SECONDS", -1.0)
    progress = Progress()
    request = ask("a", attachments=[LONG], images=[], progress=progress)
    with pytest.raises(NotYet):
        channel.publish(request)
    server.get("/_lose")
    with pytest.raises(Failure, match="diulang dari awal"):
        channel.publish(request)
    monkeypatch.undo()
    assert channel.publish(request).platform_id in server.posts()


def test_a_session_that_is_gone_after_the_last_piece_is_looked_for_and_then_a_persons_question(through, server, ask):
    channel, between = through
    progress = Progress()
    request = ask("hilang", attachments=[VIDEO], images=[], progress=progress)
    between.when = lambda method, path: method == "PUT"
    between.begin(proxy.lost_after, step=1)
    with pytest.raises(Failure):
        channel.publish(request)
    server.get("/_lose")
    with pytest.raises(Failure) as caught:
        channel.publish(request)
    assert caught.value.kind == "unknown"
    found = channel.find(request)
    assert found.platform_id in server.posts() and channel.find(ask("lain", attachments=[VIDEO])) is None
    progress.forget_begun()  # had it not been found, and a person ordered it again
    with pytest.raises(Failure, match="diulang dari awal"):
        channel.publish(request)
    assert channel.publish(request).platform_id != found.platform_id


def test_one_turn_of_a_worker_takes_no_longer_than_its_lease(channel, server, ask, small_pieces, monkeypatch):
    seconds = itertools.count(0, 40)  # passed at each look at the clock
    monkeypatch.setattr(pieces, "time", SimpleNamespace(monotonic=lambda: next(seconds)))
    request = ask("a", attachments=[LONG], images=[], progress=Progress())
    with pytest.raises(NotYet):
        channel.publish(request)
    assert made(server, channel.publish(request))["sha256"] == hashlib.sha256(LONG.content).hexdigest()


def test_youtube_keeps_a_video_until_its_time_and_it_can_be_moved_until_then(channel, server, context, ask):
    now = datetime.now(UTC).replace(microsecond=0)
    result = channel.publish(ask("a", attachments=[VIDEO], now=now, publish_at=now + timedelta(hours=2)))
    assert result.scheduled and result.published_at == now + timedelta(hours=2)
    assert made(server, result)["status"]["privacyStatus"] == "private"
    assert channel.find(ask("a", attachments=[VIDEO], now=now)) == result
    for _ in range(2):
        channel.reschedule(ask("a"), result.platform_id, now + timedelta(days=2))
    assert datetime.fromisoformat(made(server, result)["status"]["publishAt"]) == now + timedelta(days=2)
    shown = channel.publish(ask("b", attachments=[VIDEO]))
    with pytest.raises(Failure, match="tidak lagi menunggu"):
        channel.reschedule(ask("b"), shown.platform_id, now + timedelta(days=2))
    unlisted = connect(server.url, context, privacy="unlisted")
    assert "schedule" in abilities(channel) and "schedule" not in abilities(unlisted)
    assert made(server, unlisted.publish(ask("c", attachments=[VIDEO])))["status"]["privacyStatus"] == "unlisted"


@pytest.mark.parametrize("status, reason", [(403, "quotaExceeded"), (400, "uploadLimitExceeded"), (403, "userRateLimitExceeded")])
def test_a_quota_holds_what_it_is_about(through, server, ask, status, reason):
    channel, between = through
    before = set(server.posts())
    between.begin(reasoned(status, reason))
    with pytest.raises(NotYet) as caught:
        channel.publish(ask("a", attachments=[VIDEO]))
    assert isinstance(caught.value, Throttled) == (reason != "uploadLimitExceeded")  # which holds no correction and no withdrawal
    assert 0 < caught.value.retry_after <= 25 * 3600 and set(server.posts()) == before


def test_the_day_of_the_quota_ends_at_midnight_in_california():
    assert youtube._until_midnight(datetime(2026, 11, 24, 7, 0, tzinfo=UTC)) == 3600 + 60
    assert youtube._until_midnight(datetime(2026, 7, 24, 7, 0, tzinfo=UTC)) == 24 * 3600 + 60


def test_a_thumbnail_that_youtube_does_not_take_fails_nothing(through, server, ask):
    channel, between = through
    between.when = lambda method, path: "thumbnails" in path
    between.begin(reasoned(403, "quotaExceeded"))  # until midnight: the video stands, and a picture is not worth the wait
    first = channel.publish(ask("a", attachments=[VIDEO]))
    between.begin(proxy.status(403))
    assert channel.publish(ask("b", attachments=[VIDEO])).platform_id in server.posts()
    assert first.platform_id in server.posts()
    between.begin(proxy.status(500))
    request = ask("c", attachments=[VIDEO], progress=Progress())
    with pytest.raises(Failure):
        channel.publish(request)
    assert channel.publish(request).platform_id in server.posts()
    broken = Attachment("rusak.jpg", "image/jpeg", b"bukan gambar")
    between.begin()
    assert channel.publish(ask("d", attachments=[VIDEO], images=[broken])).platform_id in server.posts()


def test_a_correction_changes_words_and_another_video_is_a_persons_work(channel, server, ask):
    result = channel.publish(ask("a", attachments=[VIDEO]))
    channel.update(ask("a:2", title="Ralat", attachments=[VIDEO], images=[PHOTO]), result.platform_id, result.url)
    assert made(server, result)["snippet"]["title"] == "Ralat" and made(server, result)["status"]["privacyStatus"] == "public"
    for other in (replace(VIDEO, content=VIDEO.content + b"!"), None):
        with pytest.raises(NotByMachine):
            channel.update(ask("a:3", attachments=[other] if other else []), result.platform_id, result.url)
    with pytest.raises(NotByMachine):
        channel.withdraw("../channels", "", "a")


def test_what_youtube_would_refuse_is_refused_before_anything_is_sent(channel, server, ask):
    sessions = server.get("/_state")["sessions"]
    for different in ({"title": "J" * 101}, {"title": "a <b>"}, {"text": "é" * 2501}):
        with pytest.raises(Failure) as caught:
            channel.publish(ask("a", attachments=[VIDEO], **different))
        assert caught.value.kind == "permanent"
    with pytest.raises(NotByMachine):
        channel.publish(ask("a"))
    assert server.get("/_state")["sessions"] == sessions


def test_what_is_uploaded_goes_to_google_only(through, ask):
    channel, between = through
    between.begin(proxy.status(200, "Location: https://penyadap.example/upload?upload_id=1"))
    with pytest.raises(Failure, match=r"penyadap\.example bukan milik") as caught:
        channel.publish(ask("a", attachments=[VIDEO]))
    assert caught.value.kind == "permanent" and len(between.seen) == 1
    between.begin(proxy.status(200, "Location: http://www.googleapis.com/upload?upload_id=1"))
    with pytest.raises(Failure, match="bukan milik"):
        channel.publish(ask("a", attachments=[VIDEO]))


def test_signing_in_asks_for_a_token_that_can_be_renewed(channel, server, context, ask):
    asked, given = channel.sign_in(), {"access_token": server.get("/_state")["access_token"], "refresh_token": "x", "scope": SCOPE}
    assert (asked.params["access_type"], asked.params["prompt"], asked.pkce) == ("offline", "consent", True)
    assert YouTube({}, {}, context).sign_in().token_endpoint == "https://oauth2.googleapis.com/token"
    assert channel.complete_sign_in(given) == given and [each.name for each in channel.accounts(given)] == ["KPU Kepulauan Seribu"]
    for lacking in ({**given, "scope": "openid"}, {**given, "refresh_token": None}):
        with pytest.raises(Failure, match="semua izin"):
            channel.complete_sign_in(lacking)


def test_its_health_names_the_channel(channel, server, context):
    health = channel.check(datetime.now(UTC))
    assert health.message % health.params == "Tersambung ke kanal YouTube KPU Kepulauan Seribu."
    server.expire()
    with pytest.raises(Denied):
        YouTube({"client_id": CLIENT, "api": server.url}, {"client_secret": "bukan-itu"}, context).check(datetime.now(UTC))
    with pytest.raises(Denied):
        connect(server.url, replace(context, tokens=None)).check(datetime.now(UTC))
