"""A case as it was at each moment is what it was then."""

import datetime as dt

import pytest

from bpmn.errors import Forbidden, NotFound
from engine import commands, past, queries
from engine.modification import BEFORE, CANCEL, Instruction
from tests.conftest import on_databases
from tests.engine.small import END, START, chain, deploy, diagram, do, open_tasks, user_task

SEVERAL = ('<userTask id="t" camunda:candidateGroups="pelaksana"><multiInstanceLoopCharacteristics camunda:collection="${orang}" '
           'camunda:elementVariable="siapa"/></userTask>')


@on_databases
def test_each_moment_is_as_it_was(pe, people, pemilik, penulis, kasubbag, admin, now):
    deploy(pe, pemilik, now, diagram(chain(START, user_task("a"), ("t", SEVERAL), user_task("b", "sub-bagian"), END)))
    seen = {}
    clock = now

    def after(act):
        nonlocal clock
        clock += dt.timedelta(minutes=1)
        made = act(clock)
        running = queries.instance(pe, admin, case.id if seen else made.id)
        stands = [] if running["ended_at"] else commands.standing(pe, admin, running["id"])[1]
        seen[clock] = (queries.instance_variables(pe, admin, running["id"]), sorted(r["id"] for r in stands))
        return made

    case = after(lambda at: commands.start(pe, penulis, at, key="p", variables={"x": 1, "lama": "ada"}))
    after(lambda at: do(pe, penulis, at, "a", orang=["ani", "budi"], x=2))
    after(lambda at: commands.set_variables(pe, admin, at, case.id, {"y": [1, {"z": None}]}, ["lama"], reason="Salah"))
    turn = next(r["id"] for r in commands.standing(pe, admin, case.id)[1] if r["loop_counter"] == 1)
    after(lambda at: commands.set_variables(pe, admin, at, case.id, {"siapa": "cici"}, scope_id=turn, reason="Ganti"))
    after(lambda at: do(pe, penulis, at, "t", x=3))
    after(lambda at: commands.modify(pe, admin, at, case.id, [Instruction(CANCEL, "t"), Instruction(BEFORE, "b", variables={"x": 9})], "Cukup"))
    after(lambda at: do(pe, kasubbag, at, "b", selesai=True))

    history = past.history(pe, admin, case.id)
    assert history.moments == list(seen)
    for moment, (variables, stands) in seen.items():
        was = history.at(moment)
        assert (was.variables[""], sorted(row["id"] for row in was.open)) == (variables, stands), moment
    assert history.at(history.moments[3]).variables[turn]["siapa"] == "cici"
    assert [(c.value, c.deleted, c.event["reason"], c.event["actor"]) for c in history.of("x")] == [
        (9, False, "Cukup", "admin"), (3, False, "", "penulis"), (2, False, "", "penulis"), (1, False, "", "penulis")]
    assert history.of("lama")[0].deleted
    with pytest.raises(NotFound):
        history.at(now)
    with pytest.raises(Forbidden):
        past.history(pe, kasubbag, case.id)
    assert not open_tasks(pe, penulis)
