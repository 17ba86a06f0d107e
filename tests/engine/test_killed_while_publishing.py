"""kill -9 of a worker at each request that it makes to a platform, over HTTP: one post, or a person is asked; never two."""

import datetime as dt
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

from connectors.testing import proxy
from engine import channels, handlers, jobs
from engine.process_engine import open_engine
from engine.store import read
from engine.tables import incident
from engine.tables import publication as table
from tests.engine.a_case import content, make_case, make_definition, make_job

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
