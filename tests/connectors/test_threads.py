"""Threads: the contract against an API of the tests' own, and what is particular to it."""

from datetime import UTC, datetime

import fake_server
import pytest
from meta_contract import MetaContract, Served, connect, context_of, signed_in
from publications import PHOTO

from connectors import Attachment, Denied, Failure, NotByMachine, NotYet, Progress
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
    lost = ask("a", title="Dicari", images=[], link="https://kpu.example/baru", progress=Progress({**progress, "post": {}}))
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
