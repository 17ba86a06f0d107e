"""A worker says that it lives: itself by its beat, its children by the messages that reach them."""

import datetime as dt
import os
import signal

import pytest

from engine import worker, workers
from engine.process_engine import open_engine
from engine.store import read
from tests.conftest import on_databases
from tests.engine.test_crash import clock, eventually, kill_group, start_worker

MINUTE = dt.timedelta(minutes=1)


def living(pe, now):
    with read(pe) as db:
        return {row["pid"]: row["lives"] for row in workers.found(db, now)}


@on_databases
def test_who_says_nothing_is_dead_and_who_ends_in_order_is_not_missed(pe, now):
    one, two = (workers.Worker(f"terbit-i-{pid}@mesin-{pid}", f"mesin-{pid}", pid, 2) for pid in (11, 12))
    for each in (one, two):
        workers.begin(pe, now, each)
    workers.say(pe, now + MINUTE, two.id)
    assert living(pe, now + MINUTE) == {12: True, 11: False}
    workers.end(pe, one.id)
    assert living(pe, now + MINUTE) == {12: True}


@on_databases
def test_a_new_worker_takes_the_place_of_the_dead_of_its_machine_only(pe, now):
    mine = workers.this_one("i", os.getpid(), 2)
    dead = workers.Worker("terbit-i-mati", mine.host, 2 ** 22 + 1, 2)  # no process has so high an id
    elsewhere = workers.Worker("terbit-i-jauh", "lain", 2 ** 22 + 1, 2)
    for each in (dead, elsewhere):
        workers.begin(pe, now, each)
    workers.begin(pe, now + MINUTE, mine)
    assert living(pe, now + MINUTE) == {mine.pid: True, elsewhere.pid: False}
    workers.begin(pe, now + dt.timedelta(days=2), mine)
    assert living(pe, now + dt.timedelta(days=2)) == {mine.pid: True}  # and twice is once


@pytest.mark.service
def test_a_real_worker_says_so_hears_of_its_messages_and_says_goodbye(pe):
    pe = open_engine(pe.folder)
    process = start_worker(pe)
    try:
        def row():
            with read(pe) as db:
                return next(iter(workers.found(db, clock())), None)
        eventually(lambda: row() and row()["swept_at"])
        assert row()["lives"] and row()["pid"] == process.pid and row()["processes"] == 2
        process.send_signal(signal.SIGTERM)
        eventually(lambda: row() is None)
        process.wait(30)
    finally:
        if process.poll() is None:
            kill_group(process)
        pe.close()


@pytest.mark.parametrize("broker", ["amqp://guest:guest@127.0.0.1:1//", "redis://127.0.0.1:1/0"])
def test_a_broker_that_is_down_is_seen(pe, broker):
    pe = open_engine(pe.folder, BROKER_URL=broker)
    state = worker.broker_state(pe)
    assert not state["ok"] and state["error"]
    pe.close()


@pytest.mark.service
@pytest.mark.parametrize("broker", ["amqp://guest:guest@127.0.0.1:5672//", "redis://127.0.0.1:6379/9", None])
def test_the_messages_that_wait_are_counted(pe, broker):
    queue = f"uji-{os.getpid()}"
    pe = open_engine(pe.folder, BROKER_QUEUE=queue, **({"BROKER_URL": broker} if broker else {}))
    assert worker.broker_state(pe)["waiting"] == 0
    worker.send_wake_ups(pe, ["a", "b", "c"])
    app = worker.make_app(pe)
    try:
        assert worker.broker_state(pe) == {"ok": True, "kind": (broker or "filesystem").partition(":")[0],
                                           "waiting": 3, "full": False, "error": ""}
    finally:
        with app.connection_for_write() as connection:
            connection.default_channel.queue_delete(queue)
        pe.close()
