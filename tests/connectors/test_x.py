"""X: the contract against an API of the tests' own, and what is particular to it."""

import hashlib
import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import fake_server
import pytest
import x_document
from PIL import Image
from x_server import KEYS

from connectors import Attachment, Context, Denied, Failure, NotByMachine, NotYet, Progress, Unfinished, http
from connectors.testing import Contract, proxy
from connectors.x import X

VIDEO = Attachment("rapat.mp4", "video/mp4", bytes(range(256)) + bytes(144))


def long(word, times=15):
    """So many sentences that no other test posts: three posts."""
    return f"Rapat pleno {word} terbuka untuk umum. " * times


@pytest.fixture(scope="module")
def server():
    with fake_server.running("x_server") as server:
        yield server


def connect(url, context, **keys):
    return X({"api": url}, KEYS | keys, context)


class TestContract(Contract):
    secrets = (KEYS["consumer_secret"], KEYS["access_secret"])
    images = 1
    samples = 4

    @pytest.fixture
    def platform(self, server):
        return server

    def connect(self, url, context):
        return connect(url, context)


class TestThreadWithVideo(Contract):
    secrets = (KEYS["consumer_secret"], KEYS["access_secret"])
    images = 0
    samples = 2
    steps = 3
    refusals, breakdowns = (401, 404), (500, 503)

    @pytest.fixture
    def platform(self, server):
        return server

    def connect(self, url, context):
        return in_small_segments(url, context)

    def ask(self, key, word="Pengumuman"):
        return replace(super().ask(key, word), body=long(key, 4), attachments=[VIDEO])


def in_small_segments(url, context):
    x = X({"api": url, "thread": True}, KEYS, context)
    x.segment = 240
    return x


@pytest.fixture
def threading(server, tmp_path):
    return in_small_segments(server.url, Context(tmp_path, "", frozenset({server.host})))


@pytest.fixture
def x(server, tmp_path):
    return connect(server.url, Context(tmp_path, "", frozenset({server.host})))


def test_a_post_shows_the_link_within_what_x_counts(x, server, ask):
    result = x.publish(ask("a", link="https://kpu.example/jadwal", body="x" * 5000))
    assert result.url == f"https://x.com/i/status/{result.platform_id}"
    assert server.posts()[result.platform_id].split("\n#")[0].endswith("https://kpu.example/jadwal")
    with pytest.raises(Failure, match="terlalu panjang"):
        x.publish(ask("b", text="x" * 281))


def test_the_same_words_again_are_a_persons_question(x, ask):
    x.publish(ask("a", text="Kata yang sama."))
    with pytest.raises(Failure) as caught:
        x.publish(ask("b", text="Kata yang sama."))
    assert caught.value.kind == "unknown"


def test_a_post_is_found_by_its_words_though_x_shortens_addresses(x, ask):
    now = datetime.now(UTC)
    request = ask("a", text="Tahapan & jadwal <baru>: https://kpu.example/1", now=now, progress=Progress({"since": now.timestamp()}))
    assert x.find(request) is None
    posted = x.publish(ask("a", text=request.text, now=now))
    assert x.find(request).platform_id == posted.platform_id
    older = Progress({"since": (now + timedelta(hours=1)).timestamp()})
    assert x.find(ask("a", text=request.text, now=now, progress=older)) is None


def test_its_health_names_the_account(x, server, tmp_path):
    health = x.check(datetime.now(UTC))
    assert health.message % health.params == "Tersambung ke X sebagai @kpuseribu."
    with pytest.raises(Denied) as denied:
        connect(server.url, Context(tmp_path, "", frozenset({server.host})), access_secret="bukan-itu").check(datetime.now(UTC))
    assert "bukan-itu" not in str(denied.value)


def test_the_keys_go_by_tls_only(context, ask):
    with pytest.raises(http.Refused):
        connect("http://x.example", context).publish(ask("a"))


def test_only_what_x_numbered_is_withdrawn(x):
    with pytest.raises(NotByMachine):
        x.withdraw("../users/me", "", "a")


def test_a_thread_that_broke_off_goes_on_with_its_next_part_and_goes_as_a_whole(threading, server, ask):
    request = ask("utas", title="Utas yang putus", body=long("putus"), images=[], now=datetime.now(UTC), progress=Progress())
    threading.publish(request)
    noted = dict(request.progress)
    whole = ",".join(noted.pop(name)["result"] for name in ("sent", "sent-2", "sent-3"))
    threading.withdraw(whole.split(",")[2], "", "utas")  # as if it had never been sent
    for begun in ({"sent": {"result": whole.split(",")[0]}, "sent-2": {}}, {"sent": {}, "sent-2": {}}):
        half = replace(request, progress=Progress({**noted, **begun}))
        with pytest.raises(Unfinished):
            threading.find(half)
        assert threading.find(replace(request, progress=Progress({**noted, **begun, "sent-3": {}}))) is None
        assert threading.find(replace(request, progress=Progress(noted))) is None
        done = threading.publish(half)
        assert done.platform_id.startswith(whole.rsplit(",", 1)[0]) and server.posts()[done.platform_id]
        assert threading.find(half) == replace(done, published_at=threading.find(half).published_at)
        threading.withdraw(done.platform_id.split(",")[2], "", "utas")
    threading.withdraw(whole, "", "utas")
    assert not any("Utas yang putus" in text for text in server.posts().values())


def test_a_part_that_is_refused_takes_the_others_back_and_where_it_cannot_a_person_is_asked(server, tmp_path, ask):
    request = ask("tolak", title="Utas yang ditolak", body=long("tolak"), images=[])
    with proxy.faulty(server.url) as between:
        threading = in_small_segments(between.url, Context(tmp_path, "", frozenset({between.host})))
        between.fault, between.when = proxy.status(400), lambda method, path: method == "POST" and len(between.seen) == 3
        with pytest.raises(Failure) as caught:
            threading.publish(replace(request, progress=Progress()))
        assert caught.value.kind == "permanent" and not any("Utas yang ditolak" in text for text in server.posts().values())
        between.when = lambda method, path: len(between.seen) >= 8  # the second part, and that the first goes
        noted = Progress()
        for _ in range(2):
            with pytest.raises(Failure) as caught:
                threading.publish(replace(request, progress=noted))
            assert caught.value.kind == "unknown" and noted["stuck"]
        between.fault = None
        assert threading.find(replace(request, progress=noted)) is None  # a person decides; whose order goes on with it
        assert threading.publish(replace(request, progress=noted)).platform_id.count(",") == 2


def test_a_thread_still_stands_where_every_part_does(threading, ask):
    request = ask("berdiri", title="Utas yang berdiri", body=long("berdiri"), images=[])
    done = threading.publish(request)
    assert threading.verify(request, done.platform_id, done.url).state == "stands"
    threading.withdraw(done.platform_id.split(",")[1], "", "berdiri")
    assert threading.verify(request, done.platform_id, done.url).state == "gone"


def test_a_video_is_put_together_of_its_segments_though_the_worker_died(threading, server, tmp_path, ask):
    progress = Progress()
    with proxy.faulty(server.url) as between:
        between.fault, between.when = proxy.reset, lambda method, path: path.endswith("append") and len(between.seen) == 3
        broken = in_small_segments(between.url, Context(tmp_path, "", frozenset({between.host})))
        with pytest.raises(NotYet):  # the first segment arrived: that is no failed try
            broken.publish(ask("video", attachments=[VIDEO], title="Video", progress=progress))
        assert progress["upload"]["next"] == 1
    request = ask("video", attachments=[VIDEO], title="Video", progress=progress)
    with pytest.raises(NotYet) as caught:
        threading.publish(request)
    assert caught.value.retry_after == 3
    id = threading.publish(request).platform_id
    assert hashlib.sha256(VIDEO.content).hexdigest() in server.posts()[id]


def test_a_video_that_x_cannot_process_is_said(tmp_path, ask):
    with proxy.faulty() as between:
        between.fault = proxy.status(200, body=b'{"data": {"id": "1", "processing_info": {"state": "failed", "error": {"message": "codec"}}}}')
        with pytest.raises(Failure, match="codec") as caught:
            in_small_segments(between.url, Context(tmp_path, "", frozenset({between.host}))).publish(ask(attachments=[VIDEO]))
    assert caught.value.kind == "permanent"


def test_an_upload_that_x_has_forgotten_is_begun_anew(threading, server, ask):
    request = ask("lupa", attachments=[VIDEO], title="Terlupa", progress=Progress({"upload": {"id": "77", "next": 1}}))
    with pytest.raises(Failure) as caught:
        threading.publish(request)
    assert caught.value.kind == "temporary" and "upload" not in request.progress


def test_a_gif_that_moves_stands_alone_and_moves(threading, server, ask):
    frames, out = [Image.new("RGB", (20, 20), colour) for colour in ("red", "white")], io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    gif = Attachment("a.gif", "image/gif", out.getvalue(), "Bendera")
    request = ask("gif", images=[gif], attachments=[], title="Bergerak", progress=Progress())
    with pytest.raises(NotYet):
        threading.publish(request)
    id = threading.publish(request).platform_id
    shown = server.posts()[id]
    assert hashlib.sha256(gif.content).hexdigest() in shown and shown.endswith("Bendera")
    id = threading.publish(ask("diam", images=[gif, gif], attachments=[], title="Diam")).platform_id
    still = server.posts()[id]
    assert still.count("\n#") == 2 and hashlib.sha256(gif.content).hexdigest() not in still


@pytest.mark.parametrize(("method", "path", "query", "fields"), [
    ("POST", "/2/tweets", {}, {"text": "a", "media": {"ids": ["1"]}}), ("POST", "/2/tweets", {}, {"text": "a", "replyto": "1"}),
    ("POST", "/2/tweets", {}, {"text": 5}), ("PUT", "/2/tweets", {}, {}), ("GET", "/2/users/1/tweets", {"tweet.fields": "text"}, {}),
    ("GET", "/2/users/1/tweets", {"post.fields": "text,teks"}, {}), ("GET", "/2/users/me", {}, {"a": 1}), ("POST", "/2/media/unggah", {}, {}),
    ("POST", "/2/media/upload/initialize", {}, {"media_category": "video"}),
])
def test_the_document_allows_nothing_else(method, path, query, fields):
    with pytest.raises(x_document.Violation):
        x_document.check_request(method, path, query, fields, {})


def test_pictures_that_x_does_not_keep_any_more_are_uploaded_anew_when_it_is_ordered_again(server, tmp_path, ask):
    request = ask("lama", title="Gambar lama", progress=Progress())
    with proxy.faulty(server.url) as between:
        context = Context(tmp_path, "", frozenset({between.host}))
        between.fault, between.when = proxy.status(503), lambda method, path: path == "/2/tweets"
        with pytest.raises(Failure):
            connect(between.url, context).publish(request)
        between.fault = proxy.status(400, body=b'{"detail": "One or more of the media IDs is invalid."}')
        with pytest.raises(Failure, match="invalid") as caught:
            connect(between.url, context).publish(request)
        assert caught.value.kind == "permanent"
        between.fault, before = None, len(between.seen)
        assert connect(between.url, context).publish(request).platform_id in server.posts()
        assert "POST /2/media/upload" in between.seen[before:]
