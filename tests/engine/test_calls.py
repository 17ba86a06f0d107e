"""Exactly once, whatever happens to a call: looked at again, asked of a person, never repeated; the platform's pace is kept by all."""

import datetime as dt

import pytest
import sqlalchemy as sa

import connectors
from connectors import Failure, NotYet, Quota, Result, Throttled, watching
from engine import calls, channels, jobs
from engine.publication import publish
from engine.store import read, run
from engine.tables import channel, event, incident
from engine.tables import job as job_table
from engine.tables import publication as table
from engine.tables import publication_progress as progress
from tests.conftest import on_databases
from tests.engine.a_case import content, make_case, make_definition, make_job

UNKNOWN = Failure("Jawaban tidak sampai.", "unknown")
SECOND = dt.timedelta(seconds=1)


class Board:
    """A platform without idempotency: each call that comes through is a post more."""

    name, title, fields, pace = "board", "Board", (), 0.0
    can: frozenset = frozenset({"text", "find"})
    posts: list = []
    lost, hidden = False, False  # the answer does not come; the post is not to be seen
    fail: Exception | None = None

    def __init__(self, config, secrets, context):
        pass

    def publish(self, request):
        if Board.fail:
            raise Board.fail
        return self.result(request.progress.once("post", lambda: self.post(request)))

    def post(self, request):
        Board.posts.append(request.key)
        if Board.lost:
            raise UNKNOWN
        return len(Board.posts)

    def result(self, number):
        return Result(f"https://papan.example/{number}", str(number), dt.datetime(2026, 3, 2, tzinfo=dt.timezone.utc))

    def find(self, request):
        return self.result(1) if Board.posts and not Board.hidden else None


@pytest.fixture(autouse=True)
def board(monkeypatch):
    for name, value in (("posts", []), ("lost", False), ("hidden", False), ("fail", None), ("pace", 0.0),
                        ("can", frozenset({"text", "find"}))):
        monkeypatch.setattr(Board, name, value)
    monkeypatch.setattr(connectors, "find", {"site": Board, "manual": connectors.find("manual")}.__getitem__)
    return Board


@pytest.fixture
def case(pe, now, people):
    make_definition(pe, now)
    channels.seed_channels(pe, now, "kpu")
    return make_case(pe, now)


@pytest.fixture
def job(pe, now, case):
    return make_job(pe, now, case, "publikasi", content())


def state(pe):
    with read(pe) as db:
        return db.scalar(sa.select(table.c.state))


def notes(pe):
    with read(pe) as db:
        return db.execute(sa.select(progress)).mappings().all()


def put_off(pe, job, now):
    """Seconds after which it is looked at again."""
    with pytest.raises(NotYet) as caught:
        publish(pe, job, now)
    return caught.value.retry_after


@on_databases
def test_what_is_not_known_is_found_by_looking_again(pe, now, job, board):
    board.lost, board.hidden = True, True
    assert put_off(pe, job, now) == 60 and state(pe) == "unknown"
    assert [put_off(pe, job, now) for _ in calls.LOOKS[1:]] == list(calls.LOOKS[1:])
    board.hidden = False
    assert publish(pe, job, now)["url"] == "https://papan.example/1"
    assert (len(board.posts), state(pe), notes(pe)) == (1, "published", [])


def test_who_looks_again_knows_what_was_noted_and_the_page_that_was_linked(pe, now, case, job, board, admin, monkeypatch):
    channels.save_channel(pe, admin, now, id="lain", name="Lain", connector="site", config={})
    publish(pe, job, now)
    other, seen = make_job(pe, now, case, "publikasi", content(kanal="lain")), []
    board.lost = board.hidden = True
    put_off(pe, other, now)
    monkeypatch.setattr(board, "find", lambda self, request: seen.append(request) or self.result(2))
    publish(pe, other, now)
    assert [(dict(request.progress), request.link) for request in seen] == [({"post": {}}, "https://papan.example/1")]


def test_what_is_never_found_is_a_persons_and_is_sent_again_only_by_their_order(pe, now, job, board):
    board.lost = board.hidden = True
    for _ in calls.LOOKS:
        put_off(pe, job, now)
    with pytest.raises(Failure, match="4 kali") as caught:
        publish(pe, job, now)
    assert (caught.value.kind, len(board.posts)) == ("unknown", 1)
    board.lost = False
    publish(pe, job, now)  # as a person orders it: a first attempt again
    assert (len(board.posts), state(pe)) == (2, "published")


def test_a_persons_order_looks_once_more_before_it_sends(pe, now, job, board):
    board.lost = board.hidden = True
    for _ in calls.LOOKS:
        put_off(pe, job, now)
    with pytest.raises(Failure):
        publish(pe, job, now)
    board.hidden = False
    publish(pe, job, now)
    assert (len(board.posts), state(pe)) == (1, "published")


def test_where_nothing_can_be_read_back_a_person_is_asked_at_once(pe, now, job, board):
    board.can, board.lost = frozenset({"text"}), True
    with pytest.raises(Failure) as caught:
        publish(pe, job, now)
    assert (caught.value.kind, state(pe), len(board.posts)) == ("unknown", "unknown", 1)


def test_a_worker_that_dies_in_the_call_leaves_it_unknown(pe, now, job, board, monkeypatch):
    class Killed(BaseException):
        pass

    def die(self, request):
        board.posts.append(request.key)
        raise Killed

    board.hidden = True
    with monkeypatch.context() as patched:
        patched.setattr(Board, "post", die)
        with pytest.raises(Killed):
            publish(pe, job, now)
    assert b"post" not in notes(pe)[0]["notes"]  # kept encrypted
    assert put_off(pe, job, now) == 60 and len(board.posts) == 1


def test_a_worker_that_dies_before_it_could_ask_sends_nothing_twice(pe, now, case, board):
    board.can, board.lost = frozenset({"text"}), True
    first = make_job(pe, now, case, "publikasi", content())
    with pytest.raises(Failure):
        publish(pe, first, now)
    with pytest.raises(Failure) as caught:  # its lease ended, and no incident had been opened
        publish(pe, make_job(pe, now, case, "publikasi", content(), attempts=2), now)
    assert (caught.value.kind, len(board.posts)) == ("unknown", 1)


# The channel's turn ---------------------------------------------------------------------------------------------------

def test_a_throttled_channel_waits_for_all_workers_and_others_do_not(pe, now, case, job, board, admin):
    channels.save_channel(pe, admin, now, id="lain", name="Lain", connector="site", config={})
    board.fail = Throttled(90)
    assert put_off(pe, job, now) == 90
    board.fail = None
    assert put_off(pe, job, now + 30 * SECOND) == 60 and board.posts == []
    publish(pe, make_job(pe, now, case, "publikasi", content(kanal="lain")), now)
    publish(pe, job, now + 91 * SECOND)
    assert len(board.posts) == 2
    with read(pe) as db:
        assert [row["channel"] for row in db.scalars(sa.select(event.c.data).where(event.c.type == "channel.held"))] == ["website"]


def test_when_nothing_is_left_of_the_quota_nobody_calls_until_it_resets(pe, now, case, job, board, monkeypatch):
    left = Quota("Panggilan API", 300, 0, now + 600 * SECOND)

    def post(self, request):
        watching._current.get().quotas["Panggilan API"] = left
        return 1

    monkeypatch.setattr(Board, "post", post)
    publish(pe, job, now)
    assert put_off(pe, make_job(pe, now, case, "publikasi", content(revisi=2)), now + SECOND) == 599


@on_databases
def test_a_channel_with_a_pace_is_called_by_one_worker_a_turn(pe, now, case, job, board):
    board.pace = 2.0
    publish(pe, job, now)
    second = make_job(pe, now, case, "publikasi", content(revisi=2))
    assert put_off(pe, second, now + SECOND) == 1
    publish(pe, second, now + 2 * SECOND)
    with read(pe) as db:
        assert db.scalar(sa.select(channel.c.not_before).where(channel.c.id == "website")) == now + 4 * SECOND


def test_a_post_for_later_waits_here_where_the_platform_cannot(pe, now, case, board):
    assert put_off(pe, make_job(pe, now, case, "publikasi", content(terbit_pada=(now + 3600 * SECOND).isoformat())), now) == 3600
    assert board.posts == []


def test_a_post_waits_for_the_page_that_it_links_to(pe, now, case, job, board, admin, monkeypatch):
    channels.save_channel(pe, admin, now, id="lain", name="Lain", connector="site", config={})
    seen = []
    monkeypatch.setattr(Board, "post", lambda self, request: seen.append(request.link) or 1)
    board.can = frozenset({"text", "link"})
    other = make_job(pe, now, case, "publikasi", content(kanal="lain"))
    assert put_off(pe, other, now) == 3
    publish(pe, job, now)
    publish(pe, other, now)
    assert seen == ["", "https://papan.example/1"]


def test_what_stays_doubtful_is_asked_of_a_person_and_not_done_by_hand(pe, now, case, board):
    """A connector that may call again has used up its tries: it may stand there all the same."""
    with pytest.raises(Failure) as caught:
        connectors.repeatable(lambda: (_ for _ in ()).throw(UNKNOWN))
    board.fail = caught.value
    owed = make_job(pe, now, case, "publikasi", content())
    for number in range(5):
        assert jobs.run_job(pe, owed.id, lambda number=number: now + number * dt.timedelta(hours=2))
    with read(pe) as db:
        assert db.scalar(sa.select(incident.c.type)) == "unknownOutcome"


def test_a_post_for_later_is_linked_too_and_a_paused_website_holds_nobody_up(pe, now, case, board, admin, monkeypatch):
    channels.save_channel(pe, admin, now, id="lain", name="Lain", connector="site", config={})
    seen = []
    monkeypatch.setattr(Board, "post", lambda self, request: seen.append(request.link) or 1)
    board.can, at = frozenset({"text", "link"}), now + dt.timedelta(days=2)
    website, other = (make_job(pe, now, case, "publikasi", content(kanal=kanal, terbit_pada=at.isoformat())) for kanal in ("website", "lain"))
    assert put_off(pe, other, now) == put_off(pe, website, now) == 2 * 86_400
    run(pe, lambda db: db.execute(sa.update(job_table).values(due_at=at)))
    assert put_off(pe, other, at) == 3
    channels.pause_channel(pe, admin, at, "website", "Perawatan")
    publish(pe, other, at)
    assert seen == [""]


@on_databases
def test_a_worker_that_stood_still_while_another_did_its_job_posts_nothing(pe, now, job, board, monkeypatch):
    """A machine that slept: its lease ended, another worker published and settled, then it wakes before its own call."""
    asleep, publish = [True], Board.publish

    def wakes_late(self, request):
        if asleep:
            asleep.clear()
            assert jobs.run_job(pe, job.id, lambda: now + dt.timedelta(hours=1))
            assert state(pe) == "published"
        return publish(self, request)

    monkeypatch.setattr(Board, "publish", wakes_late)
    assert jobs.run_job(pe, job.id, lambda: now)
    assert len(Board.posts) == 1 and state(pe) == "published"
