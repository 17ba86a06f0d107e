"""X: the contract against an API of the tests' own, and what is particular to it."""

from datetime import UTC, datetime, timedelta

import fake_server
import pytest
from x_server import KEYS

from connectors import Context, Denied, Failure, NotByMachine, Progress, http
from connectors.testing import Contract
from connectors.x import X


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


@pytest.fixture
def x(server, tmp_path):
    return connect(server.url, Context(tmp_path, "", frozenset({server.host})))


def test_a_post_shows_the_link_within_what_x_counts(x, server, ask):
    result = x.publish(ask("a", link="https://kpu.example/jadwal", body="x" * 5000))
    assert result.url == f"https://x.com/i/status/{result.platform_id}"
    assert server.posts()[result.platform_id].endswith("https://kpu.example/jadwal")
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
