"""The worker with a broker: a dead one, a full one, doubled messages; and the real brokers."""

import datetime as dt
import json
import os
import socket
import time

import pytest
import redis

from engine import commands, folder_broker, handlers, jobs, queries, worker
from engine.process_engine import Actor, open_engine
from tests.engine.small import END, START, chain, deploy, diagram, service_task
from tests.engine.test_crash import clock, effects, eventually, kill_group, start_worker

ADMIN = Actor("admin", "kpu", frozenset({"admin"}))
RABBITMQ = os.environ.get("TEST_RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:5672//")
REDIS = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/9")
CALL = diagram(chain(START, service_task("s", "uji"), END))


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.mark.parametrize("broker", ["amqp://guest:guest@127.0.0.1:{}//", "redis://127.0.0.1:{}/0"])
@pytest.mark.parametrize("answers", [False, True], ids=["refuses", "says nothing"])
def test_a_dead_broker_holds_nobody_up_and_loses_nothing(pe, pemilik, now, broker, answers):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        if answers:
            silent.listen()  # accepts, and never says a word
        pe = open_engine(pe.folder, BROKER_URL=broker.format(silent.getsockname()[1] if answers else free_port()))
        deploy(pe, pemilik, now, CALL)
        started = time.monotonic()
        for _ in range(5):
            commands.start(pe, ADMIN, now, key="p")
        assert time.monotonic() - started < 4  # the first one waits a little, the others are not made to
    assert len(queries.jobs(pe, ADMIN, state="open").rows) == 5
    pe.close()


def test_a_broker_that_came_back_is_used_again(pe, now, monkeypatch):
    pe = open_engine(pe.folder, BROKER_URL=f"redis://127.0.0.1:{free_port()}/0")
    moment = [now]
    monkeypatch.setattr(worker, "clock", lambda: moment[0])
    worker.send_wake_ups(pe, ["x"])
    object.__setattr__(pe, "config", {})  # its broker is the folder again
    worker.send_wake_ups(pe, ["x"])
    assert not list(pe.folder.glob("broker/*.msg"))
    moment[0] += dt.timedelta(seconds=11)
    worker.send_wake_ups(pe, ["x"])
    assert len(list((pe.folder / "broker").glob("*.msg"))) == 1
    pe.close()


def test_a_wake_up_holds_a_job_id_and_nothing_of_the_case(pe, pemilik, now):
    pe = open_engine(pe.folder)
    deploy(pe, pemilik, now, CALL)
    commands.start(pe, ADMIN, now, key="p", variables={"rahasia": "hunter2"})
    [message] = (pe.folder / "broker").glob("*.msg")
    assert "hunter2" not in message.read_text() and json.loads(message.read_text())["headers"]["task"] == "terbit.look_at"
    pe.close()


def test_a_folder_that_nobody_reads_does_not_grow_for_ever(pe, monkeypatch):
    monkeypatch.setattr(worker, "MOST_WAITING", 20)
    pe = open_engine(pe.folder)
    for n in range(60):
        pe.wake([f"job {n}"])
    assert len(list((pe.folder / "broker").glob("*.msg"))) <= 22
    pe.close()


def test_a_doubled_wake_up_does_nothing_more(pe, pemilik, now, monkeypatch):
    monkeypatch.setattr(handlers, "_handlers", {})
    calls = []
    handlers.handler("uji")(lambda pe, job, now: calls.append(job.id))
    deploy(pe, pemilik, now, CALL)
    commands.start(pe, ADMIN, now, key="p")
    [job] = queries.jobs(pe, ADMIN).rows
    assert [jobs.run_job(pe, job["id"], lambda: now) for _ in range(3)] == [True, False, False]
    assert jobs.run_job(pe, "no such job", lambda: now) is False
    assert calls == [job["id"]]


def test_the_sweep_finds_what_no_wake_up_told_of(pe, pemilik, now, monkeypatch):
    monkeypatch.setattr(handlers, "_handlers", {"uji": lambda pe, job, now: {}})
    deploy(pe, pemilik, now, CALL)
    commands.start(pe, ADMIN, now, key="p")  # `pe` wakes nobody
    sent = []
    object.__setattr__(pe, "send", sent.extend)
    monkeypatch.setattr(worker, "clock", lambda: now)
    assert worker.sweep_once(pe) == 1
    assert sent == [row["id"] for row in queries.jobs(pe, ADMIN).rows]


@pytest.mark.service
@pytest.mark.parametrize("broker", ["", RABBITMQ, REDIS], ids=["folder", "rabbitmq", "redis"])
def test_a_real_worker_does_jobs_with_and_without_wake_ups(pe, pemilik, now, broker):
    (pe.folder / "config.toml").write_text(f'BROKER_URL = "{broker}"\nBROKER_QUEUE = "terbit-test-{time.time_ns()}"\n')
    pe = open_engine(pe.folder)
    deploy(pe, pemilik, now, CALL)
    processes = [start_worker(pe), start_worker(pe)]  # two on one machine, which a broker must tell apart
    try:
        for quiet in (None, lambda ids: None):  # told, and untold
            object.__setattr__(pe, "send", quiet)
            case = commands.start(pe, ADMIN, clock(), key="p")
            for _ in range(3):
                pe.wake([row["id"] for row in queries.jobs(pe, ADMIN, instance_id=case.id).rows])  # doubled
            eventually(lambda case=case: queries.instance(pe, ADMIN, case.id)["ended_at"])
        assert set(effects(pe).values()) == {1} and len(effects(pe)) == 2
        for process in processes:
            process.terminate()
        assert [process.wait(20) for process in processes] == [0, 0]
    finally:
        for process in processes:
            if process.poll() is None:
                kill_group(process)
        with worker.make_app(pe).connection_for_write() as connection:  # leave no queue behind on a broker that others use
            connection.default_channel.queue_delete(worker.queue(pe))
            connection.default_channel.exchange_delete(worker.queue(pe))
        if broker == REDIS:
            store = redis.Redis.from_url(REDIS)
            store.delete(*store.keys(f"*{worker.queue(pe)}*") or ["nothing"])
    pe.close()


def test_a_message_appears_in_the_folder_whole(pe, monkeypatch):
    seen = []
    real = folder_broker.os.replace

    def look(part, whole):
        seen.append([entry.name for entry in os.scandir(pe.folder / "broker") if entry.name.endswith(".msg")])
        real(part, whole)

    monkeypatch.setattr(folder_broker.os, "replace", look)
    app = worker.make_app(pe)
    app.send_task("terbit.look_at", ("x",))
    assert seen == [[]], "nothing is there under its name before it is written"
    with app.connection_for_read() as connection:
        queue = connection.SimpleQueue(worker.queue(pe))
        assert queue.get(timeout=5).payload[0] == ["x"]
        queue.close()
