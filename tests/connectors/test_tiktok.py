"""TikTok: the contract against an API of the tests' own, and what is particular to it."""

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import fake_server
import pytest
from publications import NOW, PHOTO
from tiktok_server import KEY, SECRET

from connectors import Attachment, Context, Denied, Failure, NotByMachine, NotYet, Progress, Throttled, abilities, pieces, tiktok
from connectors.testing import KeptTokens, Killed, SignedInContract, proxy
from connectors.tiktok import TikTok

VIDEO = Attachment("rapat.mp4", "video/mp4", b"\0\0\0\x18ftypmp42" + bytes(200))
LONG = Attachment("pleno.mp4", "video/mp4", hashlib.shake_256(b"pleno").digest(1_000) * 20_000)  # 20 MB: two pieces and what is left


def shown(server, result):
    """The post, as the platform has it."""
    return server.get("/_state")["shown"][result.platform_id]


@pytest.fixture(scope="module")
def process():
    with fake_server.running("tiktok_server") as server:
        yield server


@pytest.fixture
def server(process):
    yield process
    process.get("/_say")


def connect(url, context, public=lambda image: f"https://kantor.example/media/{image.name}", **config):
    return TikTok({"client_id": KEY, "api": url, **config}, {"client_secret": SECRET}, replace(context, public=public))


def refused(status, code):
    return proxy.status(status, body=json.dumps({"data": {}, "error": {"code": code, "message": code, "log_id": "1"}}).encode())


class TestVideo(SignedInContract):
    secrets = (SECRET, "act.akses", "rft.segar")
    images = 0
    samples = 3
    steps = 4  # all but the creator's settings, which are only read

    @pytest.fixture
    def platform(self, process):
        return process

    def tokens(self, platform):
        return platform.get("/_state")

    def connect(self, url, context):
        return connect(url, context)

    def ask(self, key, word="Pengumuman"):
        return replace(super().ask(key, word), attachments=[VIDEO])


class TestPhotos(TestVideo):
    images = 2
    samples = 2
    steps = 2  # the call that posts, and a status

    def ask(self, key, word="Pengumuman"):
        return SignedInContract.ask(self, key, word)


@pytest.fixture
def context(server, tmp_path):
    return Context(tmp_path, "", frozenset({server.host}), tokens=KeptTokens(server.get("/_state")))


@pytest.fixture
def account(server, context):
    return connect(server.url, context)


@pytest.fixture
def through(server, tmp_path):
    """The connector behind a proxy, and that proxy."""
    with proxy.faulty(upstream=server.url) as between:
        yield connect(between.url, Context(tmp_path, "", frozenset({between.host}), tokens=KeptTokens(server.get("/_state")))), between


def settled(account, request, most=8):
    """As the worker goes on where it is told to wait."""
    for _ in range(most):
        try:
            return account.publish(request)
        except NotYet:
            continue
    raise AssertionError("it never ends")


def sent(monkeypatch, at=None):
    """The ranges that are sent; a worker that would send from byte `at` on dies."""
    ranges, send = [], tiktok.http.request

    def noted(method, url, **options):
        if part := (options.get("headers") or {}).get("Content-Range"):
            if at is not None and part.startswith(f"bytes {at}-"):
                raise Killed
            ranges.append(part)
        return send(method, url, **options)

    monkeypatch.setattr(tiktok.http, "request", noted)
    return ranges


def test_a_video_stands_under_the_accounts_name_with_its_caption(account, server, ask):
    result = settled(account, ask("a", attachments=[VIDEO], progress=Progress()))
    assert result.url == f"https://www.tiktok.com/@kpuseribu/video/{result.platform_id}"
    post = shown(server, result)
    assert post["text"].startswith(ask().title) and post["sha256"] == hashlib.sha256(VIDEO.content).hexdigest()
    assert post["info"]["privacy_level"] == "PUBLIC_TO_EVERYONE" and post["info"]["brand_content_toggle"] is False
    assert not {"edit", "delete", "schedule"} & abilities(account)


def test_photos_are_fetched_from_where_they_can_be(account, server, context, ask):
    result = settled(account, ask("a", attachments=[], progress=Progress()))
    assert result.url == f"https://www.tiktok.com/@kpuseribu/photo/{result.platform_id}"
    assert shown(server, result)["addresses"] == ["https://kantor.example/media/gambar.jpg"]
    before = server.get("/_state")["publishes"]
    for connector, images in ((connect(server.url, context, public=None), [PHOTO]), (account, [])):
        with pytest.raises(NotByMachine):
            connector.publish(ask("b", attachments=[], images=images))
    with pytest.raises(Failure, match="URL property"):
        connect(server.url, context, public=lambda image: "https://lain.example/1.jpg").publish(ask("c", attachments=[]))
    assert server.get("/_state")["publishes"] == before


def test_a_worker_killed_in_the_middle_is_followed_by_one_that_goes_on(account, server, ask, monkeypatch):
    kept, size = {}, len(LONG.content)
    with monkeypatch.context() as patch:
        ranges = sent(patch, at=pieces.SIZE)
        with pytest.raises(Killed):
            account.publish(ask("a", attachments=[LONG], progress=Progress(save=kept.update)))
    ranges += (more := sent(monkeypatch))
    result = settled(account, ask("a", attachments=[LONG], progress=Progress(json.loads(json.dumps(kept)))))
    assert ranges + more == [f"bytes 0-{pieces.SIZE - 1}/{size}", f"bytes {pieces.SIZE}-{2 * pieces.SIZE - 1}/{size}", f"bytes {2 * pieces.SIZE}-{size - 1}/{size}"]
    assert shown(server, result)["sha256"] == hashlib.sha256(LONG.content).hexdigest()


def test_a_lost_answer_sends_no_byte_twice(through, server, ask, monkeypatch):
    monkeypatch.setattr(pieces, "SIZE", 5_000_000)  # as small as TikTok takes them
    account, between = through
    ranges, before = sent(monkeypatch), set(server.posts())
    between.when = lambda method, path: method == "PUT"
    between.begin(proxy.lost_after, step=3)  # of the last of two pieces, after the creator's settings and the beginning
    request = ask("a", attachments=[replace(LONG, content=LONG.content[:10_000_500])], progress=Progress())
    with pytest.raises(Failure) as caught:
        account.publish(request)
    assert isinstance(caught.value, NotYet)  # the first arrived
    result = settled(account, request)
    assert set(server.posts()) - before == {result.platform_id} and len(ranges) == 2


def test_an_address_that_has_expired_is_asked_for_anew_where_nothing_can_have_come_of_it(account, server, ask, monkeypatch):
    request = ask("a", attachments=[LONG], progress=Progress())
    with monkeypatch.context() as patch:
        patch.setattr(pieces, "SECONDS", -1.0)
        with pytest.raises(NotYet):
            account.publish(request)
    server.get("/_lose")
    with pytest.raises(Failure, match="diulang dari awal"):
        account.publish(request)
    assert settled(account, request).platform_id in server.posts()


def test_photos_whose_beginning_nobody_knows_are_a_persons_question(through, server, ask):
    account, between = through
    before, request = set(server.posts()), ask("a", attachments=[], progress=Progress())
    between.when = lambda method, path: "content/init" in path
    between.begin(proxy.lost_after)
    for _ in range(2):
        with pytest.raises(Failure) as caught:
            account.publish(request)
        assert caught.value.kind == "unknown"
    assert account.find(request) is None and len(set(server.posts()) - before) == 1
    request.progress.forget_begun()  # a person has looked and orders it again
    between.begin()
    assert settled(account, request).platform_id in server.posts()


@pytest.mark.parametrize(("reason", "kind", "said"), [
    ("frame_rate_check_failed", "permanent", "23 sampai 60"), ("spam_risk", "permanent", "spam_risk"), ("internal", "temporary", "internal"),
    ("auth_removed", "permanent", "masuk lagi"), ("spam_risk_too_many_posts", "temporary", "waktunya"),
])
def test_a_post_that_failed_is_begun_anew_when_it_is_tried_again(account, server, ask, reason, kind, said):
    server.get(f"/_say?fail={reason}")
    request = ask("a", attachments=[VIDEO], progress=Progress())
    with pytest.raises(Failure, match=said) as caught:
        account.publish(request)
    assert caught.value.kind == kind and not request.progress
    server.get("/_say")
    assert settled(account, request).platform_id in server.posts()


def test_a_post_is_shown_once_moderation_is_over(account, server, ask):
    server.get("/_say?numbers=0")
    request = ask("a", attachments=[VIDEO], progress=Progress())
    for wait in (tiktok.PROCESSING, tiktok.MODERATING, tiktok.MODERATING):
        with pytest.raises(NotYet) as caught:
            account.publish(request)
        assert caught.value.retry_after == wait
    late = account.publish(replace(request, now=NOW + timedelta(hours=4)))
    assert late.url == "https://www.tiktok.com/@kpuseribu" and late.platform_id == request.progress["publish"]
    server.get("/_say")
    assert account.publish(request).url.startswith("https://www.tiktok.com/@kpuseribu/video/7")
    assert account.find(request).url == account.publish(request).url


def test_what_tiktok_does_not_finish_in_a_day_is_a_persons_question(account, ask):
    request = ask("a", attachments=[VIDEO], progress=Progress())
    with pytest.raises(NotYet):
        account.publish(request)
    request.progress.note(publish="v_pub_file~v2-1.hilang")
    with pytest.raises(Failure) as caught:
        account.publish(request)
    assert caught.value.kind == "unknown"
    request.progress.forget_begun()
    with pytest.raises(Failure, match="diulang dari awal"):
        account.publish(request)
    settled(account, request)


def test_only_who_the_office_chose_sees_it(server, context, ask):
    own = connect(server.url, context, privacy="SELF_ONLY")
    result = settled(own, ask("a", attachments=[VIDEO], progress=Progress()))
    assert result.url == "https://www.tiktok.com/@kpuseribu"  # what nobody else sees has no number
    assert "akun itu sendiri" in own.check(NOW).message
    followers = connect(server.url, context, privacy="FOLLOWER_OF_CREATOR")
    for use in (lambda: followers.check(NOW), lambda: followers.publish(ask("b", attachments=[VIDEO]))):
        with pytest.raises(Failure, match="tidak menawarkan"):
            use()


@pytest.mark.parametrize(("status", "code", "kind"), [
    (403, "spam_risk_too_many_posts", "temporary"), (200, "reached_active_user_cap", "temporary"), (429, "rate_limit_exceeded", "temporary"),
    (403, "unaudited_client_can_only_post_to_private_accounts", "permanent"), (401, "scope_not_authorized", "permanent")])
def test_what_tiktoks_codes_mean(through, server, ask, status, code, kind):
    account, between = through
    before = server.get("/_state")["publishes"]
    between.when = lambda method, path: "oauth" not in path
    between.begin(refused(status, code))
    with pytest.raises(Failure) as caught:
        account.publish(ask("a", attachments=[VIDEO]))
    assert caught.value.kind == kind and isinstance(caught.value, NotYet) == (kind == "temporary")
    assert isinstance(caught.value, Throttled) == (status == 429) and isinstance(caught.value, Denied) == (status == 401)
    assert server.get("/_state")["publishes"] == before


def test_what_is_uploaded_goes_to_tiktok_only(through, ask):
    account, between = through
    between.when = lambda method, path: "video/init" in path
    body = {"data": {"publish_id": "v1", "upload_url": "https://tiktokapis.com.penyadap.example/video/"}, "error": {"code": "ok"}}
    between.begin(proxy.status(200, body=json.dumps(body).encode()))
    with pytest.raises(Failure, match="bukan milik") as caught:
        account.publish(ask("a", attachments=[VIDEO]))
    assert caught.value.kind == "permanent"
    assert pieces.place("https://upload.us.tiktokapis.com/video/?a=1", "https://open.tiktokapis.com", "tiktokapis.com")


def test_signing_in_names_the_account(account, server, context):
    asked = TikTok({}, {}, context).sign_in()
    assert (asked.separator.join(asked.scopes), asked.client_id_name) == ("user.info.basic,video.publish", "client_key")
    assert asked.token_endpoint == "https://open.tiktokapis.com/v2/oauth/token/"
    given = {"access_token": server.get("/_state")["access_token"], "scope": "user.info.basic,video.publish"}
    assert account.complete_sign_in(given) == given and [each.name for each in account.accounts(given)] == ["@kpuseribu"]
    with pytest.raises(Failure, match="semua izin"):
        account.complete_sign_in({**given, "scope": "user.info.basic"})


def test_its_health_names_the_account(account, server, context):
    health = account.check(datetime.now(UTC))
    assert health.message % health.params == "Tersambung ke TikTok sebagai @kpuseribu."
    server.expire()
    with pytest.raises(Denied):
        TikTok({"client_id": KEY, "api": server.url}, {"client_secret": "bukan-itu"}, context).check(NOW)
