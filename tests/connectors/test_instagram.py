"""Instagram: the contract against an API of the tests' own, and what is particular to it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import fake_server
import pytest
from meta_contract import MetaContract, Served, connect, context_of, signed_in
from publications import PHOTO, picture

from connectors import Attachment, Denied, Failure, NotYet, Progress, Throttled, abilities, meta
from connectors.instagram import Instagram

VIDEO = Attachment("video.mp4", "video/mp4", b"\0\0\0\x18ftypmp42" + b"v" * 5_000, "Rapat pleno")
PORTRAIT = Attachment("tegak.png", "image/png", picture((300, 900), "PNG"), "Baliho")


@pytest.fixture(scope="module")
def server():
    with fake_server.running("instagram_server") as server:
        yield Served(server)


class TestContract(MetaContract):
    images = 1
    samples = 3

    @pytest.fixture
    def platform(self, server):
        server.set(looks=1)
        yield server
        server.set(looks=0)

    def connect(self, url, context):
        return connect(Instagram, url, context)


@pytest.fixture
def instagram(server, tmp_path):
    return connect(Instagram, server.url, context_of(server, tmp_path))


@pytest.fixture
def behaving(server):
    """Change how the server behaves, for one test."""
    yield server.set
    server.get("/_reset")


def made(server):
    return len(server.get("/_state")["containers"])


def test_a_picture_goes_out_with_its_words_and_what_it_shows(instagram, server, ask):
    result = instagram.publish(ask("a"))
    assert result.url == f"https://www.instagram.com/p/{result.platform_id}" and result.published_at.tzinfo
    assert server.shown(result)["parts"] == [["IMAGE", "Dermaga di waktu pagi"]]


def test_several_are_a_carousel_each_in_the_format_that_it_takes(instagram, server, ask):
    shown = server.shown(instagram.publish(ask("a", images=[PHOTO, PORTRAIT], attachments=[VIDEO])))
    assert (shown["kind"], shown["parts"]) == ("CAROUSEL", [["IMAGE", PHOTO.alt], ["IMAGE", "Baliho"], ["VIDEO", ""]])


def test_a_video_alone_is_a_reel(instagram, server, ask):
    assert server.shown(instagram.publish(ask("a", images=[], attachments=[VIDEO])))["kind"] == "REELS"


def test_nothing_goes_out_without_a_picture_or_with_too_many_hashtags(instagram, server, ask):
    before = made(server)
    for different in ({"images": []}, {"text": " ".join(f"#t{n}" for n in range(31))}, {"text": "x" * 2201}):
        with pytest.raises(Failure) as caught:
            instagram.publish(ask("a", **different))
        assert caught.value.kind == "permanent" and made(server) == before


def test_what_meta_works_at_is_waited_for_without_holding_up_anybody(instagram, server, ask, behaving):
    behaving(looks=2)
    request, before = ask("a", images=[PHOTO, PHOTO], progress=Progress()), made(server)
    waits = 0
    while True:
        try:
            result = instagram.publish(request)
            break
        except NotYet as not_yet:
            waits += 1
            assert not_yet.retry_after == 30
    assert waits == 6 and made(server) == before + 3 and server.shown(result)["kind"] == "CAROUSEL"  # of each container two looks were early


def test_what_is_never_ready_is_made_anew(instagram, server, ask, behaving):
    behaving(looks=1_000)
    request = ask("a", progress=Progress())
    with pytest.raises(NotYet):
        instagram.publish(request)
    with pytest.raises(Failure, match="terlalu lama") as caught:
        instagram.publish(replace(request, now=request.now + timedelta(hours=2)))
    assert caught.value.kind == "temporary" and "container" not in request.progress
    behaving(looks=0)
    assert instagram.publish(request).platform_id in server.posts()


def test_what_it_will_not_publish_though_it_is_ready_is_not_waited_for_without_end(instagram, server, ask, behaving):
    request = ask("a", progress=Progress())
    for later, expected in ((timedelta(), NotYet), (timedelta(hours=2), meta.UsedUp)):
        behaving(refuses=2207027)
        with pytest.raises(expected):
            instagram.publish(replace(request, now=request.now + later))
    assert instagram.publish(request).platform_id in server.posts()


@pytest.mark.parametrize("outcome, why, kind", [
    ("EXPIRED", "", "temporary"), ("ERROR", "Error: Media upload has failed with error code 2207053", "temporary"),
    ("ERROR", "Error: Media upload has failed with error code 2207026", "permanent"), ("SOMETHING", "", "temporary")])
def test_a_container_that_comes_to_nothing(instagram, server, ask, behaving, outcome, why, kind):
    behaving(looks=1, outcome=outcome, why=why)
    request = ask("a", progress=Progress())
    with pytest.raises(NotYet):
        instagram.publish(request)
    with pytest.raises(Failure) as caught:
        instagram.publish(request)
    assert caught.value.kind == kind and not isinstance(caught.value, NotYet)
    assert ("container" in request.progress) == (outcome == "SOMETHING")  # of all others nothing comes: ordered again, it is made anew


def test_a_container_that_meta_does_not_know_any_more_is_made_anew(instagram, server, ask):
    request = ask("a", progress=Progress({"container": "17", "made": ask().now.isoformat(), "since": 1, "link": "", "thread": False}))
    with pytest.raises(meta.UsedUp):
        instagram.publish(request)
    assert instagram.publish(request).platform_id in server.posts()


def test_a_picture_that_it_cannot_fetch_is_said_so_and_tried_again(server, tmp_path, ask):
    blind = connect(Instagram, server.url, context_of(server, tmp_path, public=lambda file: "http://127.0.0.1:9/media/x.jpg"))
    with pytest.raises(Failure, match="tidak dapat mengambil gambar") as caught:
        blind.publish(ask("a"))
    assert caught.value.kind == "temporary"


def test_without_an_address_on_the_internet_it_says_what_is_missing(server, tmp_path, ask, now):
    closed = connect(Instagram, server.url, context_of(server, tmp_path, public=None))
    for use in (lambda: closed.publish(ask("a")), lambda: closed.check(now)):
        with pytest.raises(Failure, match="BASE_URL") as caught:
            use()
        assert caught.value.kind == "permanent"


@pytest.mark.parametrize("subcode, kind, throttled, forgotten", [
    (2207042, "temporary", True, False), (2207051, "permanent", False, False), (2207020, "temporary", False, True),
    (2207008, "temporary", False, True), (2207001, "unknown", False, False)])
def test_what_its_subcodes_mean_when_it_publishes(instagram, server, ask, behaving, subcode, kind, throttled, forgotten):
    behaving(refuses=subcode)
    request = ask("a", progress=Progress())
    with pytest.raises(Failure) as caught:
        instagram.publish(request)
    assert (caught.value.kind, isinstance(caught.value, Throttled)) == (kind, throttled)
    assert ("container" not in request.progress) == forgotten
    if kind == "temporary":
        assert instagram.publish(request).platform_id in server.posts()


def test_what_was_published_and_not_answered_is_known_by_its_container(instagram, server, ask, behaving):
    server.get("/_reset")
    request = ask("a", now=datetime.now(UTC), progress=Progress())
    behaving(rewrites=f"{request.title} Rapat pleno dibuka untuk umum, kata Meta")
    posted = instagram.publish(request)
    lost = replace(request, progress=Progress({**request.progress, "sent": {}}))
    assert instagram.find(lost).platform_id == posted.platform_id
    with pytest.raises(Failure) as caught:
        instagram.publish(lost)
    assert caught.value.kind == "unknown"
    lost.progress.forget_begun()  # a person saw nothing and orders it again, but the container says that it was published
    assert instagram.publish(lost).platform_id == posted.platform_id and len(server.posts()) == 1
    instagram.publish(ask("b", title="Lain", now=request.now))
    lost.progress.note(sent={})
    assert instagram.find(lost) is None  # of two with other words, nobody can tell which it is


def test_a_persons_own_post_of_that_moment_is_not_taken_for_the_lost_one(instagram, server, ask, behaving):
    server.get("/_reset")
    now = datetime.now(UTC)
    request = ask("a", now=now, progress=Progress())
    instagram.publish(request)
    container = request.progress["container"]
    server.get("/_hide")  # it is published, and the list does not show it yet
    instagram.publish(ask("b", title="Selamat ulang tahun", summary="Bu Sekretaris", body="Kue!", now=now))
    assert instagram.find(replace(request, progress=Progress({**request.progress, "sent": {}}))) is None and container


def test_what_was_not_published_is_not_found_whatever_looks_like_it(instagram, server, ask, behaving):
    now = datetime.now(UTC)
    instagram.publish(ask("a", title="Serupa", now=now))
    behaving(refuses=2207042)
    request = ask("b", title="Serupa", now=now, progress=Progress())
    with pytest.raises(Throttled):
        instagram.publish(request)
    assert instagram.find(request) is None


def test_its_health_names_the_account_and_what_is_left(instagram, server, tmp_path, now, ask, behaving):
    health = instagram.check(now)
    assert health.message % health.params == "Tersambung ke Instagram sebagai @kpuseribu."
    assert [(quota.limit, quota.remaining) for quota in health.quotas] == [(1_000_000, 1_000_000 - len(server.posts())), (100, 72)]
    behaving(total=0)
    assert instagram.check(now).quotas[0].remaining == 0
    with pytest.raises(Throttled):
        instagram.publish(ask("a"))
    for wrong in ("1", ""):
        with pytest.raises(Denied):
            connect(Instagram, server.url, context_of(server, tmp_path), account=wrong).check(now)
    with pytest.raises(Denied):
        connect(Instagram, server.url, context_of(server, tmp_path, tokens=None)).check(now)


def test_signing_in_ends_with_a_token_of_sixty_days_and_the_account(instagram, server, tmp_path):
    sign_in = Instagram({}, {}, context_of(server, tmp_path)).sign_in()
    assert (sign_in.token_endpoint, sign_in.pkce, sign_in.separator) == ("https://api.instagram.com/oauth/access_token", False, ",")
    kept, accounts = signed_in(instagram)
    assert kept["expires_in"] == 5_184_000
    assert [(account.name, account.config) for account in accounts] == [("@kpuseribu", {"account": instagram.account})]
    with pytest.raises(Denied):
        instagram.complete_sign_in({"access_token": "palsu"})


def test_a_post_is_neither_changed_nor_taken_away_by_machine_but_looked_at(instagram, server, ask):
    assert not {"edit", "delete"} & abilities(instagram)
    request = ask("a")
    result = instagram.publish(request)
    assert instagram.verify(request, result.platform_id, result.url).state == "stands"
    assert instagram.verify(ask("a", title="Lain"), result.platform_id, result.url).state == "changed"
    assert instagram.verify(request, "999", result.url).state == "gone"
