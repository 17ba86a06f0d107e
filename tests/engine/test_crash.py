"""kill -9 at random moments, of processes that complete tasks and of workers: nothing gone, nothing twice."""

import datetime as dt
import itertools
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
import sqlalchemy as sa

from engine import commands, jobs, queries
from engine.process_engine import Actor, open_engine
from engine.store import read
from engine.tables import activity, event, job, process_instance
from tests.conftest import on_databases
from tests.engine.small import END, START, chain, deploy, diagram, open_tasks, service_task, user_task

ADMIN = Actor("admin", "kpu", frozenset({"admin"}))
TASKS = diagram(chain(START, *(user_task(f"t{n}") for n in range(5)), END))
CALLS = diagram(chain(START, service_task("s1", "uji"), service_task("s2", "uji"), END))
fork = multiprocessing.get_context("fork")  # a fresh interpreter for each of a hundred moments would take minutes


def clock():
    return dt.datetime.now(dt.timezone.utc)


def again(pe):
    """Return an engine of this process's own on the same database: nothing may be shared over a fork."""
    return open_engine(pe.folder, send=lambda ids: None, **pe.config)


def kill_after(seconds, target, *args):
    """Run `target` in a process of its own, and kill it so many seconds after it says that it works. Return its pipe."""
    ours, theirs = fork.Pipe(duplex=False)
    process = fork.Process(target=target, args=(theirs, *args), daemon=True)
    process.start()
    theirs.close()
    assert ours.poll(20)
    time.sleep(seconds)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    return ours


def said(pipe):
    """Everything that a killed process had time to say."""
    lines = []
    try:
        while True:
            lines.append(pipe.recv())
    except EOFError:
        return lines


def keep_completing(pipe, pe):
    """Start cases and complete their tasks, and tell of each completion that was confirmed."""
    pe = again(pe)
    while True:
        case = commands.start(pe, ADMIN, clock(), key="p")
        pipe.send(("started", case.id))
        for n in range(5):
            task = open_tasks(pe, ADMIN, case.id)[f"t{n}"]
            commands.complete(pe, ADMIN, clock(), task, {f"v{n}": n})
            pipe.send(("completed", task))


@on_databases
def test_what_was_confirmed_is_there_after_kill_9_at_any_moment(pe, pemilik, now):
    deploy(pe, pemilik, now, TASKS)
    confirmed = []
    for _ in range(30):
        confirmed += said(kill_after(random.uniform(0, 0.08), keep_completing, pe))
    with read(pe) as db:
        cases = db.execute(sa.select(process_instance.c.id, process_instance.c.business_key, process_instance.c.ended_at)).all()
        completed = set(db.execute(sa.select(event.c.activity_instance_id).where(event.c.type == "task.completed")).scalars())
        rows = db.execute(sa.select(activity.c.instance_id, activity.c.id, activity.c.activity_id, activity.c.ended_at)).all()
    started = {id for kind, id in confirmed if kind == "started"}
    done = {id for kind, id in confirmed if kind == "completed"}
    assert started <= {case.id for case in cases} and done <= completed
    assert len(cases) - len(started) + len(completed) - len(done) <= 30  # each killed process had one thing under way at most
    year = clock().astimezone(pe.timezone).year
    assert sorted(case.business_key for case in cases) == [f"P-{year}-{n:04}" for n in range(1, len(cases) + 1)]
    for case in cases:
        own = [row for row in rows if row.instance_id == case.id and row.activity_id.startswith("t")]
        assert [row.activity_id for row in sorted(own, key=lambda row: row.id)] == [f"t{n}" for n in range(len(own))]
        assert all((row.id in completed) == (row.ended_at is not None) for row in own)
        assert sum(row.ended_at is None for row in own) == (0 if case.ended_at else 1)
    if pe.db.dialect.name == "sqlite":
        with read(pe) as db:
            assert db.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"


def keep_working(pipe, pe):
    """Do jobs as a worker does, with a handler that leaves a trace of each call."""
    from tests.engine import worker_process  # noqa: F401 - registers the handler

    pe = again(pe)
    pipe.send("working")
    while True:
        if not jobs.run_due(pe, clock):
            time.sleep(0.01)


def effects(pe):
    path = pe.folder / "effects"
    return Counter(path.read_text().split()) if path.exists() else Counter()


def assert_each_job_once(pe, cases):
    """Every case ended, every job's call was made, and what it led to is there exactly once."""
    assert [row["end_reason"] for row in queries.instances(pe, ADMIN, limit=200).rows] == ["completed"] * cases
    with read(pe) as db:
        all_jobs = db.execute(sa.select(job.c.id, job.c.state, job.c.leased_by)).all()
        done = Counter(data["job"] for data in db.execute(sa.select(event.c.data).where(event.c.type == "job.done")).scalars())
        names = Counter(db.execute(sa.select(activity.c.activity_id).where(activity.c.ended_at.is_not(None))).scalars())
    assert len(all_jobs) == 2 * cases and {(row.state, row.leased_by) for row in all_jobs} == {("done", None)}
    assert set(effects(pe)) == {row.id for row in all_jobs}  # none missing; a call cut short was made again, under the same key
    assert set(done.values()) == {1} and set(done) == {row.id for row in all_jobs}
    assert names == {"start": cases, "s1": cases, "s2": cases, "end": cases}


@on_databases
def test_each_job_is_done_once_after_kill_9_of_its_worker_at_any_moment(pe, pemilik, now):
    pe.config["LEASE_SECONDS"] = 0.3
    deploy(pe, pemilik, now, CALLS)
    for _ in range(20):
        for _ in range(2):
            commands.start(pe, ADMIN, clock(), key="p")
        kill_after(random.uniform(0, 0.15), keep_working, pe).close()
    deadline = time.monotonic() + 30
    _ours, theirs = fork.Pipe()
    survivor = fork.Process(target=keep_working, args=(theirs, pe), daemon=True)
    survivor.start()
    try:
        while queries.instances(pe, ADMIN, state="running", limit=1).rows and time.monotonic() < deadline:
            time.sleep(0.05)
    finally:
        survivor.kill()
        survivor.join()
    assert_each_job_once(pe, 40)


def start_worker(pe):
    """Start a real Celery worker: its parent, two children and the beat, in a process group of their own."""
    log = (pe.folder / "worker.log").open("a")
    return subprocess.Popen([sys.executable, "-m", "tests.engine.worker_process", str(pe.folder)], start_new_session=True,
                            stdout=log, stderr=log, cwd=Path(__file__).parents[2])


def kill_group(process):
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def killed_after(pe, statements, act):
    """Have another process do `act(pe)`, and kill it in the instant in which it has made so many statements."""
    pe.db.dispose()

    def dies():
        own, count = again(pe), itertools.count()

        def after(*_args):
            if next(count) == statements:
                os.kill(os.getpid(), signal.SIGKILL)

        sa.event.listen(own.db, "after_cursor_execute", after)
        act(own)

    process = fork.Process(target=dies)
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL


def eventually(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@pytest.mark.service
def test_a_real_worker_killed_again_and_again_does_each_job_once(pe, pemilik, now):
    (pe.folder / "config.toml").write_text("LEASE_SECONDS = 0.5\n")
    pe = open_engine(pe.folder)  # with wake-ups, through the folder broker
    deploy(pe, pemilik, now, CALLS)
    for _ in range(4):
        before = len(effects(pe))
        worker = start_worker(pe)
        try:
            for _ in range(10):
                commands.start(pe, ADMIN, clock(), key="p")
            eventually(lambda before=before: len(effects(pe)) > before)
            time.sleep(random.uniform(0, 0.2))
        finally:
            kill_group(worker)
    worker = start_worker(pe)
    try:
        eventually(lambda: not queries.instances(pe, ADMIN, state="running", limit=1).rows)
    finally:
        kill_group(worker)
    assert_each_job_once(pe, 40)
    pe.close()
