"""kill -9 of a worker at each request that it makes to a platform, over HTTP: one post, or a person is asked; never two."""

import datetime as dt
import hashlib
import multiprocessing
import os
import signal
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

sys.path.insert(0, str(Path(__file__).parents[1] / "connectors"))

import fake_server
import mastodon_server
import telegram_server
import youtube_server

from connectors import pieces
from connectors.testing import proxy
from engine import channels, documents, handlers, jobs, tokens
from engine.process_engine import open_engine
from engine.store import read, run
from engine.tables import incident
from engine.tables import publication as table
from tests.engine.a_case import content, make_case, make_definition, make_job, upload

handlers.load()
fork = multiprocessing.get_context("fork")
LEASE = dt.timedelta(minutes=2)


def work(folder, config, job_id, now):
    """A worker's process: engine and connections are its own."""
    jobs.run_job(open_engine(folder, send=lambda ids: None, **config), job_id, lambda: now)


def killed_at(pe, job, now, between, step, fault):
    """Let a process work on the job, and kill it while it waits for the answer to that request."""
    between.begin(fault, step)
    process = fork.Process(target=work, args=(pe.folder, pe.config, job.id, now), daemon=True)
    process.start()
    assert reached.wait(30)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    between.begin()


reached = multiprocessing.Event()


def waits(after):
    def fault(exchange):
        if after:
            exchange.pass_on()
        reached.set()
        proxy.silent(exchange)

    return fault


@pytest.fixture
def between(pe, now, people, admin, request):
    kind = request.param
    with fake_server.running(f"{kind}_server") as server, proxy.faulty(server.url) as between:
        pe.config["ALLOWED_PRIVATE_HOSTS"] = [between.host]
        make_definition(pe, now)
        config = {"telegram": {"chat": "@kpu_seribu", "api": between.url}, "mastodon": {"url": between.url}}[kind]
        token = {"telegram": telegram_server.TOKEN, "mastodon": mastodon_server.TOKEN}[kind]
        channels.save_channel(pe, admin, now, id="sosial", name="Sosial", connector=kind, config=config, secrets={"token": token})
        between.posts = server.posts
        yield between


def standing(pe):
    """How the publication stands, and whether a person was asked. (The case is of rows alone, and goes no further.)"""
    with read(pe) as db:
        return db.scalar(sa.select(table.c.state)), db.scalar(sa.select(incident.c.type)) == "unknownOutcome"


@pytest.mark.parametrize(("between", "step", "after", "state", "asked", "posts"), [
    ("telegram", 0, False, "unknown", True, 0), ("telegram", 0, True, "unknown", True, 1),
    ("mastodon", 0, False, "published", False, 1), ("mastodon", 1, False, "published", False, 1), ("mastodon", 1, True, "published", False, 1),
], indirect=["between"])
def test_a_worker_is_killed(pe, now, between, step, after, state, asked, posts):
    reached.clear()
    job = make_job(pe, now, make_case(pe, now), "publikasi", content(kanal="sosial"))
    killed_at(pe, job, now, between, step, waits(after))
    assert standing(pe) == ("attempted", False)
    jobs.run_job(pe, job.id, lambda: now + LEASE)
    assert (*standing(pe), len(between.posts())) == (state, asked, posts)


def test_a_worker_is_killed_in_the_middle_of_a_video(pe, now, people, admin, penulis, monkeypatch):
    unit = youtube_server.UNIT
    monkeypatch.setattr(pieces, "SIZE", unit)  # in the worker's process too
    make_definition(pe, now)
    case, video = make_case(pe, now), b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + hashlib.shake_256(b"pleno").digest(3 * unit)
    brought = upload(pe, penulis, now, video, "pleno.mp4")
    paper = run(pe, lambda db: documents.bind(db, penulis, now, case, {"x": brought}))["x"]
    with fake_server.running("youtube_server") as server, proxy.faulty(server.url) as between:
        pe.config["ALLOWED_PRIVATE_HOSTS"] = [between.host]
        channels.save_channel(pe, admin, now, id="video", name="Video", connector="youtube", secrets={"client_secret": youtube_server.SECRET},
                              config={"client_id": youtube_server.CLIENT, "api": between.url})
        ended = {"access_token": "habis", "refresh_token": youtube_server.REFRESH, "expires_in": 1}
        tokens.keep(pe, admin, dt.datetime.now(dt.timezone.utc), "video", ended)
        job = make_job(pe, now, case, "publikasi", content(kanal="video", lampiran=[paper]))
        reached.clear()
        killed_at(pe, job, now, between, 3, waits(after=True))  # a token, a session, the first piece, and the second, which is taken
        assert standing(pe) == ("attempted", False) and server.posts() == {}
        between.seen.clear()
        jobs.run_job(pe, job.id, lambda: now + LEASE)
        assert [seen.split()[0] for seen in between.seen] == ["PUT"] * 3  # how far it came, and the two pieces that were left
        videos = server.get("/_state")["videos"].values()
    assert standing(pe) == ("published", False)
    assert [each["sha256"] for each in videos] == [hashlib.sha256(video).hexdigest()]
