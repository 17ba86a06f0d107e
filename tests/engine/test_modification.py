"""Where a case stands, changed by hand: the step alone, in each kind of scope, and what is refused and why."""

import pytest

from bpmn.errors import Conflict, Invalid
from engine import modification
from engine.modification import AFTER, ALONG, BEFORE, CANCEL, Instruction
from tests.engine.drive import NOW, Case, diagram

SIMPLE = '<startEvent id="s"/><userTask id="a" name="A"/><userTask id="b" name="B"/><userTask id="c"/><endEvent id="e"/>\ns -> a -> b -> c -> e'
INSIDE = ('<startEvent id="s"/><userTask id="a"/><subProcess id="sub"{several}>{loop}<startEvent id="is"/><userTask id="ia"/><userTask id="ib"/>'
          '<endEvent id="ie"/><sequenceFlow id="i1" sourceRef="is" targetRef="ia"/><sequenceFlow id="i2" sourceRef="ia" targetRef="ib"/>'
          '<sequenceFlow id="i3" sourceRef="ib" targetRef="ie"/></subProcess>'
          '<boundaryEvent id="late" attachedToRef="sub"><timerEventDefinition><timeDuration>PT1H</timeDuration></timerEventDefinition>'
          '</boundaryEvent><endEvent id="e"/><endEvent id="e2"/>\ns -> a -> sub -> e\nlate -> e2')
PLAIN = INSIDE.format(several="", loop="")
TWICE = INSIDE.format(several="", loop='<multiInstanceLoopCharacteristics><loopCardinality>2</loopCardinality></multiInstanceLoopCharacteristics>')


def change(case: Case, *instructions: Instruction) -> Case:
    return case.take(modification.modify(case.spec, case.live, instructions, NOW, case.new_id))


def refusal(case: Case, *instructions: Instruction) -> Invalid | Conflict:
    with pytest.raises((Invalid, Conflict)) as caught:
        change(case, *instructions)
    return caught.value


def test_a_token_goes_back_and_forth():
    case = Case(SIMPLE, {"x": 1}).complete("a")
    change(case, Instruction(CANCEL, "b"), Instruction(BEFORE, "a", variables={"x": 2}))
    assert case.open == ["a"] and case.canceled() == ["b"] and case.variables == {"x": 2}
    change(case, Instruction(AFTER, "b"), Instruction(CANCEL, "a"))
    assert case.open == ["c"]
    assert case.complete("c").ended


def test_along_a_flow_and_to_the_end():
    case = Case(SIMPLE)
    change(case, Instruction(CANCEL, token=case.ids("a")[0]), Instruction(ALONG, "f1_1"))
    assert case.open == ["b"]
    change(case, Instruction(CANCEL, "b"), Instruction(AFTER, "c"))
    assert case.ended


def test_a_step_in_a_subprocess_opens_it_with_its_border_and_the_last_to_go_closes_it():
    case = Case(PLAIN)
    change(case, Instruction(CANCEL, "a"), Instruction(BEFORE, "ib"))
    assert case.open == ["ib"] and [j.activity_id for j in case.jobs.values()] == ["late"]
    first = case.live.state["t"][1]["i"]
    change(case, Instruction(CANCEL, "ib"), Instruction(BEFORE, "ia"))
    assert case.live.state["t"][1]["i"] == first, "the subprocess that holds both goes on"
    change(case, Instruction(BEFORE, "a"), Instruction(CANCEL, "ia"))
    assert case.open == ["a"] and not case.jobs and case.canceled() == ["a", "ia", "ib", "sub"]


def test_a_turn_is_added_with_its_own_and_one_is_taken():
    several = ('<startEvent id="s"/><userTask id="t"><multiInstanceLoopCharacteristics camunda:collection="${orang}" '
               'camunda:elementVariable="siapa"/></userTask><userTask id="z"/><endEvent id="e"/>\ns -> t -> z -> e')
    case = Case(several, {"orang": ["ani", "budi"]})
    change(case, Instruction(BEFORE, "t", variables={"siapa": "cici"}))
    assert [case.seen("t", n)["siapa"] for n in range(3)] == ["ani", "budi", "cici"]
    assert case.seen("t")["nrOfInstances"] == 3 and case.seen("t")["nrOfActiveInstances"] == 3
    change(case, Instruction(CANCEL, token=case.ids("t")[1]))
    assert case.seen("t")["nrOfActiveInstances"] == 2
    assert case.complete("t").complete("t").open == ["z"]


def test_which_of_two_turns_must_be_said():
    case = Case(TWICE).complete("a")
    turns = [t["i"] for t in case.live.state["t"] if t["e"] == "sub" and "c" in t.get("d", {})]
    assert refusal(case, Instruction(BEFORE, "ib")).where["element"] == "ib"
    change(case, Instruction(BEFORE, "ib", within=turns[1]))
    assert case.open == ["ia", "ia", "ib"]


def test_a_token_put_before_a_join_is_one_that_came():
    case = Case('<startEvent id="s"/><parallelGateway id="f"/><userTask id="a"/><userTask id="b"/><parallelGateway id="j"/>'
                '<userTask id="z"/><endEvent id="e"/>\ns -> f -> a -> j -> z -> e\nf -> b -> j').complete("a")
    change(case, Instruction(CANCEL, "b"), Instruction(BEFORE, "j"))
    assert case.open == ["z"]


def test_inside_a_called_process():
    called = {"anak": {"c.bpmn": diagram('<startEvent id="s"/><userTask id="x"/><userTask id="y"/><endEvent id="e"/>\ns -> x -> y -> e',
                                         key="anak")}}
    case = Case('<startEvent id="s"/><userTask id="a"/><callActivity id="c" calledElement="anak"/><endEvent id="e"/>\ns -> a -> c -> e',
                called=called)
    assert refusal(case, Instruction(BEFORE, "anak:y")).where["element"] == "anak:y"
    case.complete("a")
    change(case, Instruction(CANCEL, "anak:x"), Instruction(BEFORE, "anak:y"))
    assert case.open == ["y"] and case.complete("y").ended


@pytest.mark.parametrize("body, instruction, said", [
    (SIMPLE, Instruction(CANCEL, "a"), modification.NOTHING_LEFT),
    (SIMPLE, Instruction(CANCEL, "b"), modification.NOT_OPEN),
    (SIMPLE, Instruction(BEFORE, "nowhere"), modification.NO_PLACE),
    (SIMPLE, Instruction(ALONG, "nowhere"), modification.NO_PLACE),
    (SIMPLE, Instruction(AFTER, "e"), modification.NOTHING_AFTER),
    (PLAIN, Instruction(BEFORE, "late"), modification.NO_START),
    (TWICE, Instruction(BEFORE, "ia"), modification.NO_SCOPE),
])
def test_what_is_refused_and_why(body, instruction, said):
    assert refusal(Case(body), instruction).message == said


def test_a_failing_expression_names_its_element_and_nothing_happened():
    case = Case('<startEvent id="s"/><userTask id="a"/><scriptTask id="x"><script>y = tidak_ada + 1</script></scriptTask>'
                '<endEvent id="e"/>\ns -> a -> x -> e')
    before = case.live
    assert refusal(case, Instruction(CANCEL, "a"), Instruction(BEFORE, "x")).where["element"] == "x"
    assert case.live == before and case.open == ["a"]


def test_a_call_in_a_turn_reads_its_input_anew_and_keeps_what_is_the_turn_s():
    call = ('<serviceTask id="k" camunda:type="external" camunda:topic="t"><extensionElements><camunda:inputOutput>'
            '<camunda:inputParameter name="isi">${isi + siapa}</camunda:inputParameter>'
            '<camunda:outputParameter name="terkirim">${isi}</camunda:outputParameter></camunda:inputOutput></extensionElements>'
            '<multiInstanceLoopCharacteristics camunda:collection="${orang}" camunda:elementVariable="siapa"/></serviceTask>')
    case = Case(f'<startEvent id="s"/>{call}<userTask id="z"/><endEvent id="e"/>\ns -> k -> z -> e', {"orang": ["ani"], "isi": "a "})
    assert case.job("k").payload == {"isi": "a ani"}
    case.set(isi="b ")
    outcome, payload = modification.renew(case.spec, case.live, case.ids("k")[0], NOW, case.new_id)
    assert payload == {"isi": "b ani"}
    assert case.take(outcome).seen("k")["isi"] == "b ani" and case.seen("k")["siapa"] == "ani"


def test_a_case_begun_in_the_middle_waits_for_what_its_process_waits_for():
    case = Case(SIMPLE)
    outcome = modification.begin(case.spec, {"x": 5}, [Instruction(BEFORE, "b")], NOW, case.new_id, "INF-2")
    assert [t["e"] for t in outcome.live.state["t"][1:]] == ["b"] and outcome.live.variables[""] == {"x": 5}
    assert outcome.live.state["k"] == "INF-2"
