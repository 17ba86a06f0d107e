"""Threads: the contract against an API of the tests' own, and what is particular to it."""

from dataclasses import replace
from datetime import UTC, datetime

import fake_server
import pytest
from meta_contract import MetaContract, Served, connect, context_of, signed_in
from publications import PHOTO

from connectors import Attachment, Denied, Failure, NotByMachine, NotYet, Progress, Throttled, Unfinished, rules
from connectors.testing import proxy
from connectors.threads import Threads

VIDEO = Attachment("video.mp4", "video/mp4", b"\0\0\0\x18ftypmp42" + b"v" * 5_000, "Rapat pleno")


@pytest.fixture(scope="module")
def server():
    with fake_server.running("threads_server") as server:
        yield Served(server)


class TestContract(MetaContract):
    images = 2
    samples = 2
    steps = 4

    def connect(self, url, context):
        return connect(Threads, url, context)


class TestThread(MetaContract):
    images = 1
    samples, steps = 2, 4
    refusals, breakdowns = (401, 404), (500, 503)

    def connect(self, url, context):
        return threading(url, context)

    def ask(self, key, word="Pengumuman"):
        return replace(super().ask(key, word), body=long(key, 9))


def long(word, times=20):
    """So many sentences that no other test posts: three posts."""
    return f"Rapat pleno {word} terbuka untuk umum bagi semua warga. " * times


def threading(url, context):
    return connect(Threads, url, context, thread=True)


@pytest.fixture
def utas(server, tmp_path):
    server.get("/_reset")
    yield threading(server.url, context_of(server, tmp_path))
    server.get("/_reset")


@pytest.fixture
def threads(server, tmp_path):
    return connect(Threads, server.url, context_of(server, tmp_path))


def test_words_alone_show_their_link(threads, server, ask):
    result = threads.publish(ask("a", images=[], link="https://kpu.example/jadwal"))
    shown = server.shown(result)
    assert (shown["kind"], shown["link"]) == ("TEXT", "https://kpu.example/jadwal") and "https://kpu.example/jadwal" in shown["text"]
    assert result.url == f"https://www.threads.com/@kpuseribu/post/{result.platform_id}"


def test_a_lost_post_is_looked_for_with_the_link_that_it_has_and_not_one_of_later(threads, server, ask):
    progress = Progress()
    posted = threads.publish(ask("a", title="Dicari", images=[], progress=progress, now=datetime.now(UTC)))
    threads.publish(ask("b", title="Lain", images=[], now=datetime.now(UTC)))
    lost = ask("a", title="Dicari", images=[], link="https://kpu.example/baru", progress=Progress({**progress, "sent": {}}))
    assert threads.find(lost).platform_id == posted.platform_id


def test_pictures_and_videos_tell_what_they_show(threads, server, ask):
    assert server.shown(threads.publish(ask("a", attachments=[VIDEO])))["parts"] == [["IMAGE", PHOTO.alt], ["VIDEO", "Rapat pleno"]]
    assert server.shown(threads.publish(ask("a", images=[], attachments=[VIDEO])))["kind"] == "VIDEO"


def test_too_long_a_text_is_no_post(threads, ask):
    with pytest.raises(Failure) as caught:
        threads.publish(ask("a", text="x" * 501))
    assert caught.value.kind == "permanent"


@pytest.mark.parametrize("why, kind", [("FAILED_DOWNLOADING_VIDEO", "temporary"), ("INVALID_DURATION", "permanent")])
def test_why_a_video_came_to_nothing(threads, server, ask, why, kind):
    server.set(looks=1, outcome="ERROR", why=why)
    request = ask("a", images=[], attachments=[VIDEO], progress=Progress())
    with pytest.raises(NotYet):
        threads.publish(request)
    with pytest.raises(Failure, match=why) as caught:
        threads.publish(request)
    assert caught.value.kind == kind
    server.set(looks=0, outcome="FINISHED", why="")


def test_only_what_it_numbered_is_taken_away_or_looked_at(threads, ask):
    result = threads.publish(ask("a"))
    assert threads.verify(ask("a"), result.platform_id, result.url).state == "stands"
    threads.withdraw(result.platform_id, result.url, "a")
    assert threads.verify(ask("a"), result.platform_id, result.url).state == "gone"
    for use in (lambda: threads.withdraw("../me", "", "a"), lambda: threads.verify(ask("a"), "me", "")):
        with pytest.raises(NotByMachine):
            use()


def test_signing_in_ends_with_a_token_of_sixty_days_and_the_account(threads, now):
    kept, accounts = signed_in(threads)
    assert kept["expires_in"] == 5_184_000 and accounts[0].config == {"account": threads.account}
    with pytest.raises(Denied):
        threads.renew({"access_token": "dicabut"})
    assert threads.check(now).message % {"platform": "Threads", "user": "kpuseribu"} == "Tersambung ke Threads sebagai @kpuseribu."


def test_a_text_that_is_too_long_becomes_a_thread_as_it_was_shown(utas, server, ask):
    request = ask("utas", title="Utas", body=long("panjang"), attachments=[], link="https://kpu.example/jadwal", summary="Ringkas. " * 70)
    result = utas.publish(request)
    posts = [server.shown(replace(result, platform_id=id)) for id in result.platform_id.split(",")]
    texts = rules.parts("threads", rules.of_request(request, request.link), thread=True)
    assert [post["text"] for post in posts] == texts and len(texts) == 2 and texts[1].endswith("https://kpu.example/jadwal\n\n2/2")
    assert [post["parent"] for post in posts] == [None, posts[0]["id"]] and [len(post["parts"]) for post in posts] == [1, 1]
    assert [post["kind"] for post in posts] == ["IMAGE", "TEXT"] and posts[0]["permalink"] == result.url
    assert utas.verify(request, result.platform_id, result.url).state == "stands"
    utas.withdraw(posts[1]["id"], "", "utas")
    assert utas.verify(request, result.platform_id, result.url).state == "gone"
    for _ in range(2):
        utas.withdraw(result.platform_id, "", "utas")
    assert not server.posts()


def test_a_thread_that_broke_off_goes_on_with_its_next_part(utas, server, ask):
    request = ask("utas", title="Utas yang putus", body=long("putus"), images=[], now=datetime.now(UTC), progress=Progress())
    whole = utas.publish(request).platform_id.split(",")
    assert len(whole) == 3
    noted = {name: value for name, value in request.progress.items() if name[-1] != "3"}  # as if the third had never been begun
    utas.withdraw(whole[2], "", "utas")
    for begun in ({"sent-2": {}}, {"sent": {}, "sent-2": {}}):
        half = replace(request, progress=Progress({**noted, **begun}))
        with pytest.raises(Unfinished):
            utas.find(half)
        assert utas.find(replace(request, progress=Progress({**noted, **begun, "sent-3": {}}))) is None  # which is not to be seen
        done = utas.publish(half)
        assert done.platform_id.split(",")[:2] == whole[:2] and set(server.posts()) == {done.platform_id} and utas.find(half) == done
        utas.withdraw(done.platform_id.split(",")[2], "", "utas")
    ordered = replace(request, progress=Progress({**noted, "sent-2": {}}))  # a person sees nothing and orders it again
    ordered.progress.forget_begun()
    assert utas.publish(ordered).platform_id.split(",")[:2] == whole[:2] and len(server.posts()) == 1


def test_a_part_that_is_refused_takes_the_others_back(server, tmp_path, ask):
    request = ask("tolak", title="Utas yang ditolak", body=long("tolak"), images=[], progress=Progress())
    with proxy.faulty(server.url) as between:
        behind = threading(between.url, replace(context_of(server, tmp_path), allowed_private_hosts=frozenset({between.host})))
        between.fault = proxy.status(400, body=b'{"error": {"message": "no", "code": 100}}')
        between.when = lambda method, path: method == "POST" and sum(each.startswith("POST") for each in between.seen) == 3
        with pytest.raises(Failure) as caught:
            behind.publish(request)
        assert caught.value.kind == "permanent" and not any("Utas yang ditolak" in text for text in server.posts().values())
        between.fault = None  # a person mends it, and orders it again
        assert behind.publish(request).platform_id in server.posts()


def test_nothing_of_a_thread_goes_out_where_the_rest_could_not(utas, server, ask, now):
    request = ask("izin", body=long("izin"), images=[])
    for replies, refused in ((-1, Denied), (1, Throttled)):
        server.set(replies=replies)
        with pytest.raises(refused):
            utas.publish(replace(request, progress=Progress()))
        assert not server.posts()
    with pytest.raises(Denied):
        server.set(replies=-1)
        utas.check(now)
    server.set(replies=2)
    assert [(quota.name, quota.remaining) for quota in utas.check(now).quotas[:2]] == [("Kiriman", 1_000_000), ("Kiriman sambungan", 2)]
    assert utas.publish(request).platform_id in server.posts()
    assert "threads_manage_replies" in utas.sign_in().scopes


def test_a_part_before_that_meta_does_not_know_yet_is_waited_for(utas, server, ask):
    request = ask("lekas", body=long("lekas"), images=[], progress=Progress())
    utas.publish(request)
    first = request.progress["sent"]["result"]
    early = Progress({name: value for name, value in request.progress.items() if name[-2:] not in ("-2", "-3")})
    utas.withdraw(first, "", "lekas")
    with pytest.raises(Failure) as caught:
        utas.publish(replace(request, progress=early))
    assert caught.value.kind == "temporary" and "container-2" not in early


def test_without_an_address_on_the_internet_words_still_go_out(server, tmp_path, ask, now):
    closed = connect(Threads, server.url, context_of(server, tmp_path, public=None))
    health = closed.check(now)
    assert "hanya untuk teks" in health.message and "@kpuseribu" in health.message % health.params
    assert closed.publish(ask("a", images=[])).platform_id in server.posts()
    with pytest.raises(Failure, match="BASE_URL"):
        closed.publish(ask("b"))
