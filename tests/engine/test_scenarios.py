"""Scenarios: trial runs that are kept, run again on later versions, and asked before a version is put in force."""

import datetime as dt

import pytest

from bpmn.errors import Conflict, Forbidden, Invalid, NotFound, worded
from engine import commands, queries, scenarios, trials
from engine.working_time import WorkingCalendar
from tests.conftest import on_databases
from tests.engine.drive import diagram

NOW = dt.datetime(2026, 3, 2, 1, tzinfo=dt.timezone.utc)
TASKS = '<userTask id="a" camunda:candidateGroups="pelaksana"/><userTask id="b" camunda:candidateGroups="pelaksana"/>'
GOOD = {"p.bpmn": diagram(f'<startEvent id="s"/><endEvent id="selesai"/>\n{TASKS}\ns -> a -> b -> selesai')}
SHORT = {"p.bpmn": diagram('<startEvent id="s"/><endEvent id="selesai"/>\n<userTask id="a" camunda:candidateGroups="pelaksana"/>\n'
                           "s -> a -> selesai")}
OTHER = {"p.bpmn": diagram(f'<startEvent id="s"/><endEvent id="lain"/>\n{TASKS}\ns -> a -> b -> lain')}
STEPS = [{"do": "start"}, {"do": "complete", "task": "a", "variables": {"nomor": 7}}, {"do": "complete", "task": "b"}]
STUCK = {"p.bpmn": diagram('<startEvent id="s"/><exclusiveGateway id="x" default="d"/><parallelGateway id="j"/><endEvent id="e"/>'
                           '<task id="t"/><task id="u"/>\ns -> x\nx -> t : ${1 == 1}\n<sequenceFlow id="d" sourceRef="x" targetRef="u"/>\n'
                           "t -> j\nu -> j\nj -> e")}


def play(resources, steps):
    return trials.run(resources, steps, NOW, WorkingCalendar(), key="p")


def recorded(steps=STEPS, variables=("nomor",)):
    return scenarios.recorded(steps, play(GOOD, steps), variables)


def differences(kept, resources):
    (result,) = scenarios.check_scenarios([{"id": "1", "name": "x", "steps": kept}], resources, "p", NOW, WorkingCalendar())
    return [worded(d.message, d.params, str) for d in result.differences]


def test_what_is_recorded_says_what_was_open_and_how_it_ended():
    kept = recorded()
    assert [each.get("expect") for each in kept] == [["a"], ["b"], [], None]
    assert kept[-1] == {"do": "end", "ended": True, "ends": ["selesai"], "variables": {"nomor": 7}}
    assert scenarios.plain(kept) == STEPS


def test_the_same_goes_as_it_should():
    assert differences(recorded(), GOOD) == []


def test_a_step_that_leads_elsewhere_and_an_end_that_is_another():
    assert differences(recorded(), SHORT) == [
        "Yang terbuka seharusnya b; sekarang –", "Langkah ini tidak dapat dilakukan: Berkas percobaan ini sudah berakhir."]
    assert differences(recorded(), OTHER) == ["Selesai seharusnya di selesai; sekarang di lain"]
    assert differences(recorded(STEPS[:2]), SHORT)[-1] == "Berkas seharusnya masih berjalan, tetapi selesai"


def test_a_variable_that_is_another():
    kept = recorded()
    kept[-1] = {**kept[-1], "variables": {"nomor": 8}}
    assert differences(kept, GOOD) == ["“nomor” seharusnya 8; sekarang 7"]


def test_a_diagram_that_cannot_run_fails_all():
    assert differences(recorded(), {"p.bpmn": diagram('<startEvent id="s"/><serviceTask id="a"/>\ns -> a')})[0].startswith("Tidak dapat dijalankan")


def test_a_trial_that_failed_is_no_scenario():
    with pytest.raises(Conflict):
        scenarios.recorded(STEPS, play(SHORT, STEPS))
    with pytest.raises(Invalid):
        recorded(variables=("tak_ada",))


@on_databases
def test_kept_renamed_and_deleted_by_owners_of_the_office_only(pe, people, now):
    pemilik = people["pemilik"]
    made = scenarios.save(pe, pemilik, now, "p", " Jalur  biasa ", recorded())
    (row,) = scenarios.scenarios(pe, pemilik, "p")
    assert (row["id"], row["name"], row["steps"]) == (made, "Jalur biasa", recorded())
    with pytest.raises(Conflict):
        scenarios.save(pe, pemilik, now, "p", "Jalur biasa", recorded())
    scenarios.save(pe, pemilik, now, "q", "Jalur biasa", recorded())
    with pytest.raises(Invalid):
        scenarios.save(pe, pemilik, now, "p", "", recorded())
    with pytest.raises(Invalid):
        scenarios.save(pe, pemilik, now, "p", "Rusak", [{"do": "x"}])
    scenarios.rename(pe, pemilik, now, made, "Jalur lain")
    assert scenarios.get(pe, pemilik, "p", made)["name"] == "Jalur lain"
    for act in (lambda: scenarios.scenarios(pe, people["ketua"], "p"), lambda: scenarios.delete(pe, people["ketua"], now, made)):
        with pytest.raises(Forbidden):
            act()
    scenarios.delete(pe, pemilik, now, made)
    assert scenarios.scenarios(pe, pemilik, "p") == []
    with pytest.raises(NotFound):
        scenarios.delete(pe, pemilik, now, made)


@on_databases
def test_a_version_whose_scenarios_fail_is_put_in_force_only_by_who_says_so(pe, people, now):
    pemilik = people["pemilik"]
    commands.deploy(pe, pemilik, now, name="satu", resources=GOOD)
    scenarios.save(pe, pemilik, now, "p", "Jalur biasa", recorded())
    commands.deploy(pe, pemilik, now, name="sama", resources=GOOD, changed_only=False, accept_failing=False)
    with pytest.raises(scenarios.ScenariosFail) as refused:
        commands.deploy(pe, pemilik, now, name="pendek", resources=SHORT, accept_failing=False)
    assert [each.name for each in refused.value.failing] == ["Jalur biasa"]
    assert queries.definition(pe, pemilik, "p")["version"] == 2
    commands.deploy(pe, pemilik, now, name="pendek", resources=SHORT, accept_failing=True)
    assert queries.definition(pe, pemilik, "p")["version"] == 3
    assert _last_deployment(pe)["failing_scenarios"] == ["Jalur biasa"]


def _last_deployment(pe):
    import sqlalchemy as sa

    from engine.store import read
    from engine.tables import event

    with read(pe) as db:
        return db.scalar(sa.select(event.c.data).where(event.c.type == "deployment.created").order_by(event.c.id.desc()).limit(1))


def test_what_would_get_stuck_is_not_put_in_force(pe, pemilik, now):
    with pytest.raises(Invalid) as refused:
        commands.deploy(pe, pemilik, now, name="macet", resources=STUCK)
    assert [p.where["element"] for p in refused.value.problems] == ["j"]


def test_scenarios_of_a_calling_process_run_with_what_it_calls(pe, people, now):
    pemilik = people["pemilik"]
    commands.deploy(pe, pemilik, now, name="dalam", resources={"q.bpmn": diagram(
        '<startEvent id="s"/><userTask id="u" camunda:candidateGroups="pelaksana"/>\ns -> u', key="q")})
    caller = {"p.bpmn": diagram('<startEvent id="s"/><callActivity id="c" calledElement="q"/><endEvent id="e"/>\ns -> c -> e')}
    kept = [{"do": "start", "expect": ["u"]}, {"do": "complete", "task": "u", "expect": []}, {"do": "end", "ended": True, "ends": ["e"]}]
    scenarios.save(pe, pemilik, now, "p", "Memanggil", kept)
    assert scenarios.failing(pe, pemilik, now, caller) == []
