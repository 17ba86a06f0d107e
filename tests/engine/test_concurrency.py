"""Many at once: one wins, the others are told so, nothing is lost or doubled."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from bpmn.errors import Conflict
from engine import commands, handlers, jobs, queries
from engine.process_engine import Actor
from tests.conftest import on_databases
from tests.engine.small import END, START, catch, chain, deploy, diagram, flows, message, open_tasks, service_task, user_task

TWO = diagram(chain(START, user_task("a"), user_task("b"), END))
CLERKS = [Actor(f"p{n}", "kpu", frozenset({"pelaksana"})) for n in range(20)]


def at_once(*acts):
    """Call all at the same moment, and return what each gave or raised."""
    gate = threading.Barrier(len(acts))

    def go(act):
        gate.wait()
        try:
            return act()
        except Exception as error:
            return error

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(go, acts))


@on_databases
def test_of_twenty_who_complete_a_task_at_once_one_wins(pe, pemilik, penulis, admin, now):
    deploy(pe, pemilik, now, TWO)
    for round_ in range(3):
        case = commands.start(pe, penulis, now, key="p")
        task = open_tasks(pe, penulis, case.id)["a"]
        results = at_once(*(partial(commands.complete, pe, clerk, now, task, {"oleh": clerk.id}) for clerk in CLERKS))
        assert Counter(type(result).__name__ for result in results) == {"Completed": 1, "Conflict": 19}, (round_, results)
        [winner] = [clerk.id for clerk, result in zip(CLERKS, results, strict=True) if not isinstance(result, Exception)]
        assert queries.instance_variables(pe, admin, case.id) == {"oleh": winner}
        assert sorted(row["activity_id"] for row in queries.activities(pe, admin, case.id)) == ["a", "b", "start"]
        assert queries.task(pe, admin, task)["completed_by"] == winner


@on_databases
def test_of_twenty_who_claim_a_task_at_once_one_gets_it(pe, pemilik, penulis, now):
    deploy(pe, pemilik, now, TWO)
    commands.start(pe, penulis, now, key="p")
    task = open_tasks(pe, penulis)["a"]
    results = at_once(*(lambda clerk=clerk: commands.claim(pe, clerk, now, task) for clerk in CLERKS))
    assert Counter(type(result).__name__ for result in results) == {"NoneType": 1, "Conflict": 19}
    [winner] = [clerk.id for clerk, result in zip(CLERKS, results, strict=True) if result is None]
    assert queries.task(pe, penulis, task)["assignee"] == winner


@on_databases
def test_twenty_starts_at_once_are_numbered_without_gap(pe, pemilik, penulis, admin, now):
    deploy(pe, pemilik, now, TWO)
    results = at_once(*[lambda: commands.start(pe, penulis, now, key="p").business_key] * 20)
    assert sorted(results, key=str) == [f"P-2026-{n:04}" for n in range(1, 21)]


@on_databases
def test_one_request_made_ten_times_at_once_starts_one_case(pe, pemilik, penulis, admin, now):
    deploy(pe, pemilik, now, TWO)
    results = at_once(*[lambda: commands.start(pe, penulis, now, key="p", request_id="one click")] * 10)
    assert len({result.id for result in results}) == len(queries.instances(pe, admin).rows) == 1


@on_databases
def test_a_given_key_wanted_by_ten_at_once_is_given_once(pe, pemilik, penulis, admin, now):
    deploy(pe, pemilik, now, TWO)
    results = at_once(*[lambda: commands.start(pe, penulis, now, key="p", business_key="K-1")] * 10)
    assert Counter(type(result).__name__ for result in results) == {"Instance": 1, "Conflict": 9}
    assert len(queries.instances(pe, admin).rows) == 1


@on_databases
def test_parallel_branches_completed_at_once_all_count(pe, pemilik, penulis, admin, now):
    branches = [f"t{n}" for n in range(8)]
    body = START[1] + '<parallelGateway id="g"/><parallelGateway id="j"/><endEvent id="end"/>' + flows("start g", "j end") + "".join(
        user_task(name)[1] + flows(f"g {name}", f"{name} j") for name in branches)
    deploy(pe, pemilik, now, diagram(body))
    case = commands.start(pe, penulis, now, key="p")
    waiting = open_tasks(pe, penulis, case.id)
    while waiting:  # who loses five times in a row is told to try again, and does
        results = at_once(*(lambda id=id: commands.complete(pe, penulis, now, id, {}) for id in waiting.values()))
        assert all(isinstance(result, commands.Completed | Conflict) for result in results), results
        waiting = open_tasks(pe, penulis, case.id)
    assert queries.instance(pe, admin, case.id)["end_reason"] == "completed"
    ended = Counter(row["activity_id"] for row in queries.activities(pe, admin, case.id) if row["ended_at"])
    assert ended == dict.fromkeys(["start", "g", *branches, "end"], 1) | {"j": ended["j"]}


@on_databases
def test_workers_at_once_do_each_job_once(pe, pemilik, admin, now, monkeypatch):
    monkeypatch.setattr(handlers, "_handlers", {})
    done = Counter()
    lock = threading.Lock()

    @handlers.handler("uji")
    def _count(pe, job, now):
        with lock:
            done[job.id] += 1
        return {"oleh": threading.current_thread().name}

    deploy(pe, pemilik, now, diagram(chain(START, service_task("s", "uji"), END)))
    for _ in range(12):
        commands.start(pe, admin, now, key="p")
    results = at_once(*[lambda: jobs.run_due(pe, lambda: now)] * 6)
    assert sum(results) == 12 and set(done.values()) == {1} and len(done) == 12
    assert {row["state"] for row in queries.jobs(pe, admin).rows} == {"done"}
    assert len(queries.instances(pe, admin, state="ended").rows) == 12


@on_databases
def test_a_case_cancelled_while_it_is_worked_on_is_either(pe, pemilik, penulis, admin, now):
    deploy(pe, pemilik, now, TWO)
    for _ in range(5):
        case = commands.start(pe, penulis, now, key="p")
        task = open_tasks(pe, penulis, case.id)["a"]
        results = at_once(lambda case=case: commands.cancel(pe, admin, now, case.id),
                          lambda task=task: commands.complete(pe, penulis, now, task, {}))
        assert results[0] is None and isinstance(results[1], commands.Completed | Conflict)
        assert queries.open_activities(pe, admin, case.id) == [] and open_tasks(pe, penulis, case.id) == {}


@on_databases
def test_a_message_sent_by_many_at_once_is_taken_once(pe, pemilik, penulis, admin, now):
    deploy(pe, pemilik, now, diagram(chain(START, user_task("a"), catch("w", message("m")), user_task("b"), END), messages=["m"]))
    case = commands.start(pe, penulis, now, key="p")
    commands.complete(pe, penulis, now, open_tasks(pe, penulis)["a"], {})
    results = at_once(*[lambda: commands.correlate_message(pe, admin, now, "m")] * 8)
    assert [result for result in results if not isinstance(result, Exception)] == [[case.id]]
    assert {type(result).__name__ for result in results} <= {"list", "NotFound", "Conflict"}
    assert list(open_tasks(pe, penulis)) == ["b"]
