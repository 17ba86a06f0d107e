"""The contract that every connector keeps, as tests: subclass `Contract` in a test module of your package, with a server of your own.

    class TestBoard(Contract):
        @pytest.fixture
        def platform(self): ...                     # the server: `url`, and `posts()` -> {platform id: what visitors read}

        def connect(self, url, context): ...        # your connector, talking to `url`

Between the two stands a proxy (`connectors.testing.proxy`) that refuses, breaks, throttles, stalls and cuts at any request and any byte.
Each run goes on as Terbit's worker does: again after a temporary failure, from what was noted after a crash, and with a look (`find`)
or a question to a person where nobody knows. Whatever happens, there is one post, or none and that is said, or a person is asked.
"""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from itertools import product
from pathlib import Path
from typing import Any, ClassVar, Protocol

import pytest
from PIL import Image

from connectors import (
    Attachment,
    Context,
    Denied,
    Failure,
    NotByMachine,
    NotYet,
    Progress,
    Request,
    Result,
    Throttled,
    Unfinished,
    abilities,
    http,
)
from connectors.testing import proxy
from connectors.testing.public import public as public  # for contexts of one's own

NOW = datetime(2026, 11, 24, 2, 30, tzinfo=UTC)
MOST_TRIES = 8
MOST_NOTES = 65_536
MOST_POSTS = 100  # that a platform is let gather
LONG_BODY, EDGE = 2_000, 100  # bytes: of a longer one its edges are cut everywhere, its middle at every hundredth
STALLS = (proxy.silent, proxy.silent_after)
AGAIN: tuple[proxy.Fault | None, ...] = (None, proxy.lost_after, proxy.gateway_timeout_after, proxy.status(503))


class Platform(Protocol):
    url: str

    def posts(self) -> dict[str, str]:
        """{platform id: text} of what visitors see now."""
        ...


class Killed(BaseException):
    """The worker died here."""


@dataclass
class Outcome:
    """How a publication ended: `published`, `failed` (permanent: a person takes over), `asked` (unknown: a person looks),
    `by hand`, or `waiting` (still only temporary failures)."""

    state: str
    result: Result | None = None
    notes: dict[str, Any] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)


def picture(colour: str = "teal") -> bytes:
    """A PNG of few bytes, for each of them costs a run where every one is cut at."""
    out = BytesIO()
    Image.new("RGB", (64, 48), colour).save(out, "PNG")
    return out.getvalue()


class Contract:
    secrets: tuple[str, ...] = ()  # those that `connect` gives to the connector: they are looked for in all that it says
    images = 1  # that the tried publication has
    samples = 12  # at how many bytes of each way the connection is cut; TERBIT_EVERY_BYTE=1: at every one
    steps: int | None = None  # how many of a publication's requests each fault is tried at; None: all
    refusals: tuple[int, ...] = (400, 401, 403, 404, 422)
    breakdowns: tuple[int, ...] = (500, 502, 503)
    over_http = True

    def connect(self, url: str, context: Context) -> Any:
        raise NotImplementedError

    def ask(self, key: str, word: str = "Pengumuman") -> Request:
        """What is published; the platform shows `word` in it."""
        pictures = [Attachment(f"foto{n}.png", "image/png", picture(("teal", "navy")[n % 2]), f"Foto {n}") for n in range(self.images)]
        return Request(key=key, title=f"{word} {key}", summary="Rapat pleno dibuka untuk umum.", body="Rapat **terbuka**.",
                       kind="pengumuman", now=NOW, images=pictures, business_key="INF-2026-0001")

    def throttles(self) -> list[tuple[proxy.Fault, float]]:
        """Answers by which the platform asks to wait, and for how many seconds at least."""
        reset = f"X-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: {time.time() + 90}"
        return [(proxy.status(429, "Retry-After: 7"), 7), (proxy.status(429, reset), 60)]

    # The scene --------------------------------------------------------------------------------------------------------

    @pytest.fixture
    def scene(self, platform: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator["Scene"]:
        yield from _scenes(self, platform, tmp_path, monkeypatch)

    # What is promised -------------------------------------------------------------------------------------------------

    def test_it_publishes_once_and_says_where(self, scene: "Scene") -> None:
        request = scene.ask("berhasil")
        outcome = scene.run(request)
        if outcome.state == "by hand":
            return
        result = outcome.result
        assert result is not None and result.platform_id and (result.scheduled or result.url.startswith(("http://", "https://")))
        assert result.published_at.tzinfo and json.dumps(result.details)
        shown = scene.platform.posts()[result.platform_id]
        assert not shown or request.title.split()[0] in shown
        again = scene.run(request, notes=outcome.notes, posts=0)  # the worker died before it could write that down
        assert again.result is not None and again.result.platform_id == result.platform_id

    def test_an_address_inside_is_not_called(self, scene: "Scene") -> None:
        if self.over_http:
            inside = self.connect(scene.between.url, replace(scene.context, allowed_private_hosts=frozenset()))
            with pytest.raises(Failure):
                inside.publish(scene.ask("dalam"))
            assert scene.between.seen == []

    def test_a_redirect_takes_nothing_elsewhere(self, scene: "Scene") -> None:
        with proxy.faulty() as elsewhere:
            for step in scene.steps():
                scene.run(scene.ask(f"alih-{step}"), fault=proxy.redirect(elsewhere.url + "/"), step=step)
            assert elsewhere.seen == []

    def test_refused(self, scene: "Scene") -> None:
        for status, step in product(self.refusals, scene.steps()):
            outcome = scene.run(scene.ask(f"tolak-{status}-{step}"), fault=proxy.status(status, body=b'{"error": "no"}'), step=step)
            assert outcome.state != "waiting"

    def test_broken_for_a_moment(self, scene: "Scene") -> None:
        for status, step in product(self.breakdowns, scene.steps()):
            outcome = scene.run(scene.ask(f"rusak-{status}-{step}"), fault=proxy.status(status), step=step)
            assert outcome.state in ("published", "asked", "by hand")

    def test_a_gateway_that_gives_up_after_it_was_accepted(self, scene: "Scene") -> None:
        for fault in (proxy.gateway_timeout_after, proxy.error_after):
            for step in scene.steps():
                outcome = scene.run(scene.ask(f"gerbang-{fault.__name__}-{step}"), fault=fault, step=step)
                assert outcome.state in ("published", "asked", "by hand")

    def test_asked_to_wait(self, scene: "Scene") -> None:
        for fault, seconds in self.throttles():
            for step in scene.steps():
                outcome = scene.run(scene.ask(f"tunggu-{seconds}-{step}"), fault=fault, step=step)
                told = [failure for failure in outcome.failures if isinstance(failure, Throttled)]
                assert outcome.state in ("published", "by hand")
                assert [(failure.retry_after or 0) >= seconds for failure in told] == [True] * bool(scene.between.seen)

    def test_asked_to_wait_and_not_for_how_long(self, scene: "Scene") -> None:
        for step in scene.steps():
            assert scene.run(scene.ask(f"tunggu-saja-{step}"), fault=proxy.status(429), step=step).state in ("published", "by hand")

    def test_no_answer_and_not_accepted(self, scene: "Scene") -> None:
        for fault in (proxy.reset, proxy.silent):
            for step in scene.steps(1 if fault is proxy.silent else None):
                scene.run(scene.ask(f"diam-{fault.__name__}-{step}"), fault=fault, step=step)

    def test_no_answer_though_accepted(self, scene: "Scene") -> None:
        for fault in (proxy.lost_after, proxy.silent_after):
            for step in scene.steps(1 if fault is proxy.silent_after else None):
                outcome = scene.run(scene.ask(f"hilang-{fault.__name__}-{step}"), fault=fault, step=step)
                assert outcome.state in ("published", "asked", "by hand")

    def test_an_answer_that_cannot_be_read(self, scene: "Scene") -> None:
        for fault in (proxy.unreadable_after, proxy.empty_after):
            for step in scene.steps():
                scene.run(scene.ask(f"kacau-{fault.__name__}-{step}"), fault=fault, step=step)

    def test_cut_at_any_byte(self, scene: "Scene") -> None:
        for way in scene.measured()[1]:
            for number, at in enumerate(scene.places(way)):
                if number % MOST_POSTS == 0:
                    scene.forget()
                scene.run(scene.ask(f"putus-{way}-{at:06}"), cut=(way, at))

    def test_killed_at_any_step(self, scene: "Scene") -> None:
        for at in range(scene.measured()[2]):
            scene.run(scene.ask(f"mati-{at}"), kill=at)

    def test_a_post_is_changed_at_its_address(self, scene: "Scene") -> None:
        if "edit" not in abilities(scene.connector()) or not self.over_http:
            return
        for number, fault in enumerate(AGAIN):
            first, changed = scene.published(scene.ask(f"ubah-{number}")), scene.ask(f"ubah-{number}-2", "Ralat")

            def update(connector: Any, first: Result = first, changed: Request = changed) -> Result:
                return connector.update(changed, first.platform_id, first.url)

            scene.between.begin(fault, 0)
            before = set(scene.platform.posts())
            result = scene.persist(update)
            assert scene.persist(update).platform_id == result.platform_id and set(scene.platform.posts()) == before
            shown = scene.platform.posts()[result.platform_id]
            assert not shown or "Ralat" in shown

    def test_a_post_is_withdrawn(self, scene: "Scene") -> None:
        if "delete" not in abilities(scene.connector()) or not self.over_http:
            return
        for number, fault in enumerate(AGAIN):
            result = scene.published(scene.ask(f"turun-{number}"))

            def withdraw(connector: Any, result: Result = result, key: str = f"turun-{number}") -> None:
                connector.withdraw(result.platform_id, result.url, key)

            scene.between.begin(fault, 0)
            for _ in range(2):
                scene.persist(withdraw)
            assert result.platform_id not in scene.platform.posts()


class SignedInContract(Contract):
    """Besides, for a connector whose channel is signed in to (`context.tokens`): tokens that end, also while two workers use them.

    The platform gives what `tokens` is; `expire()` lets it refuse every access token that it has given so far, `renewals()` counts the
    renewals that it has granted. Its refresh tokens are good once, as the strictest platforms' are. Of a platform that renews access
    tokens by themselves, `end` lets what is kept be near its end instead, and `take_back` lets the platform refuse it.
    """

    def tokens(self, platform: Any) -> dict[str, Any]:
        raise NotImplementedError

    def end(self, scene: "Scene") -> None:
        """The access token that is kept is to be renewed before it is used again."""
        scene.platform.expire()

    def take_back(self, scene: "Scene") -> None:
        """Nothing that is kept is of use any more."""
        scene.context.tokens.kept["refresh_token"] = "dicabut"  # type: ignore[union-attr]
        scene.platform.expire()

    @pytest.fixture
    def scene(self, platform: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator["Scene"]:
        yield from _scenes(self, platform, tmp_path, monkeypatch, KeptTokens(self.tokens(platform)))

    def test_a_token_that_has_ended_is_renewed_and_it_is_published(self, scene: "Scene") -> None:
        before = scene.platform.renewals()
        self.end(scene)
        assert scene.run(scene.ask("habis")).state == "published" and scene.platform.renewals() == before + 1

    def test_two_workers_renew_once(self, scene: "Scene") -> None:
        before = scene.platform.renewals()
        self.end(scene)
        with ThreadPoolExecutor(4) as pool:
            outcomes = list(pool.map(lambda request: scene.settle(request, {}), [scene.ask(f"lomba-{n}") for n in range(4)]))
        assert [outcome.state for outcome in outcomes] == ["published"] * 4 and scene.platform.renewals() == before + 1

    def test_signed_out_is_said_so(self, scene: "Scene") -> None:
        self.take_back(scene)
        outcome = scene.run(scene.ask("keluar"))
        assert outcome.state == "failed" and isinstance(outcome.failures[-1], Denied)


class KeptTokens:
    """`connectors.Tokens` as the installation has them, in memory."""

    def __init__(self, kept: dict[str, Any]):
        self.kept = dict(kept)
        self.lock = threading.Lock()

    def access(self, renew: Callable[[Mapping[str, Any]], Mapping[str, Any]], refused: str = "", margin: float = 300) -> str:
        with self.lock:
            ends = self.expires_at()
            if self.kept["access_token"] == refused or (ends and ends <= datetime.now(UTC) + timedelta(seconds=margin)):
                self.kept.pop("expires_at", None)  # how long the old one held says nothing of the new one
                self.kept |= renew(dict(self.kept))
            return str(self.kept["access_token"])

    def expires_at(self) -> datetime | None:
        return datetime.fromisoformat(self.kept["expires_at"]) if self.kept.get("expires_at") else None

    def signed_in(self) -> bool:
        return True


def _scenes(contract: Contract, platform: Any, folder: Path, monkeypatch: pytest.MonkeyPatch, tokens: Any = None) -> Iterator["Scene"]:
    with proxy.faulty(upstream=platform.url) as between:
        context = Context(folder, "http://kantor.example", frozenset({between.host}), tokens=tokens, public=public)
        scene = Scene(contract, platform, between, context)
        monkeypatch.setattr(http, "request", scene.request)
        asleep, main = time.sleep, threading.main_thread()
        monkeypatch.setattr(time, "sleep", lambda seconds: None if threading.current_thread() is main else asleep(seconds))
        yield scene


@dataclass
class Scene:
    """One test's platform, the proxy before it, and a worker that goes on as Terbit's does."""

    contract: Contract
    platform: Any
    between: proxy.FaultyServer
    context: Context
    kill: int | None = None
    passed: int = 0  # moments at which a worker may die, since the run began
    _request: Callable[..., http.Response] = http.request
    asked: ClassVar[int] = 10_000  # of one length for all
    # Of a publication, by the contract's class.
    sizes: ClassVar[dict[type, tuple[int, dict[str, int], int, dict[str, list[range]]]]] = {}

    def ask(self, key: str, word: str = "Pengumuman") -> Request:
        """A request that no other scene makes: the platform may be an older one's too."""
        Scene.asked += 1
        return self.contract.ask(f"{key}-{os.getpid()}-{Scene.asked}", word)

    def forget(self) -> None:
        """Empty a platform that can be: thousands of posts would slow each look at it down."""
        getattr(self.platform, "forget", lambda: None)()

    def connector(self) -> Any:
        return self.contract.connect(self.between.url, self.context)

    def request(self, method: str, url: str, **options: Any) -> http.Response:
        """`http.request`, which a worker may die before or after, and that waits for a short while where it would wait in vain."""
        self.moment()
        if self.between.fault in STALLS:
            options["read_timeout"] = 0.4
        answer = self._request(method, url, **options)
        self.moment()
        return answer

    def moment(self) -> None:
        if self.kill == self.passed:
            self.kill = None
            raise Killed
        self.passed += 1

    def run(self, request: Request, fault: proxy.Fault | None = None, step: int | None = None, cut: tuple[str, int] | None = None,
            kill: int | None = None, notes: dict[str, Any] | None = None, posts: int = 1) -> Outcome:
        """Publish, with this going wrong, until it is settled; and see that there are no more posts than there may be."""
        before = set(self.platform.posts())
        self.between.begin(fault, step, cut)
        self.between.seen.clear()
        self.kill, self.passed = kill, 0
        outcome = self.settle(request, dict(notes or {}))
        self.between.begin()
        after = set(self.platform.posts())
        new = after - before
        most = posts if outcome.state in ("published", "asked") else 0
        assert len(new) <= most and (outcome.state != "published" or len(new) == posts), (
            f"{request.key}: {outcome.state}, {len(new)} posts; {[str(failure) for failure in outcome.failures]}; {self.between.seen}")
        if posts and outcome.state == "published" and outcome.result:  # where a platform gives no number, the key is the post's
            assert outcome.result.platform_id in {*after, request.key}
        self.keeps_secrets(outcome)
        return outcome

    def settle(self, request: Request, notes: dict[str, Any]) -> Outcome:
        outcome = Outcome("waiting", notes=notes)

        def save(values: dict[str, Any]) -> None:
            self.moment()
            outcome.notes = json.loads(json.dumps(values))
            assert len(json.dumps(values)) <= MOST_NOTES
            self.moment()

        for _ in range(MOST_TRIES):
            asked = replace(request, progress=Progress(json.loads(json.dumps(outcome.notes)), save))
            try:
                outcome.result, outcome.state = self.connector().publish(asked), "published"
                return outcome
            except Killed:
                continue
            except NotByMachine:
                outcome.state = "by hand"
                return outcome
            except Failure as failure:
                outcome.failures.append(failure)
                if failure.kind == "permanent":
                    outcome.state = "failed"
                    return outcome
                if failure.kind == "unknown":
                    try:
                        outcome.result = self.look(asked)
                    except Unfinished:
                        continue
                    outcome.state = "published" if outcome.result else "asked"
                    return outcome
        return outcome

    def look(self, request: Request) -> Result | None:
        """As on the schedule of `engine.calls`: the fault is over by then."""
        self.between.begin()
        connector = self.connector()
        return connector.find(request) if "find" in abilities(connector) else None

    def published(self, request: Request) -> Result:
        """Where it stands: nothing goes wrong."""
        result = self.run(request).result
        assert result is not None
        return result

    def persist(self, use: Callable[[Any], Any]) -> Any:
        """What comes of a call that is made again while it fails for now."""
        for _ in range(MOST_TRIES):
            try:
                return use(self.connector())
            except NotYet:
                continue
            except Failure as failure:
                assert failure.kind == "temporary", f"{failure.kind}: {failure}"
        raise AssertionError("it never succeeds")

    def keeps_secrets(self, outcome: Outcome) -> None:
        said = [*(f"{failure} {failure.params}" for failure in outcome.failures), json.dumps(outcome.notes), repr(outcome.result)]
        for secret in self.contract.secrets:
            assert not any(secret in text for text in said), f"{secret} is told in {said}"

    def measured(self) -> tuple[int, dict[str, int], int, dict[str, list[range]]]:
        """Of a publication without a fault: how many requests, bytes each way, moments at which a worker may die, and where bodies are."""
        kind = type(self.contract)
        if kind not in Scene.sizes:
            self.between.begin()
            self.kill, self.passed = None, 0
            outcome = self.settle(self.ask("putus-requests-000000"), {})  # as long a key as those that are cut
            assert outcome.state in ("published", "by hand"), [str(failure) for failure in outcome.failures]
            Scene.sizes[kind] = self.between.count, self.between.passed, self.passed, self.between.bodies
        return Scene.sizes[kind]

    def places(self, way: str) -> list[int]:
        """The bytes to cut at: `samples`, or every one, apart from the middle of a body that is long."""
        _, sizes, _, bodies = self.measured()
        if not os.environ.get("TERBIT_EVERY_BYTE"):
            return list(range(0, sizes[way], max(1, sizes[way] // self.contract.samples)))
        alike = {at for body in bodies[way] if len(body) > LONG_BODY for at in body[EDGE:-EDGE] if (at - body.start) % EDGE}
        return [at for at in range(sizes[way]) if at not in alike]

    def steps(self, most: int | None = None) -> list[int]:
        """The requests to try a fault at."""
        count, wanted = self.measured()[0], most or self.contract.steps
        if not wanted or count <= wanted:
            return list(range(count))
        return sorted({count - 1 - n * count // wanted for n in range(wanted)})


@dataclass(frozen=True)
class Served:
    """A `platform` made of an address and a function."""

    url: str
    posts: Callable[[], dict[str, str]]
