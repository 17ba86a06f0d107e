"""Where variables live, several instances, loops, calls, and that what is over leaves nothing behind."""

import json

import pytest

from bpmn.errors import Invalid
from engine import step
from tests.engine.drive import Case, diagram, extension, io

PARALLEL = ('<startEvent id="s"/><parallelGateway id="g"/><userTask id="a"/><userTask id="b"/><parallelGateway id="h"/><userTask id="c"/>\n'
            "s -> g\ng -> a -> h\ng -> b -> h\nh -> c")


def several(loop, inside="", element="userTask", rest=""):
    return f'<startEvent id="s"/><{element} id="a">{inside}{loop}</{element}><userTask id="z"/><endEvent id="e"/>{rest}\ns -> a -> z -> e'


def loop(kind="parallel", cardinality="", collection="", variable="", condition="", more=""):
    attributes = f' isSequential="{"true" if kind == "sequential" else "false"}"'
    attributes += f' camunda:collection="{collection}"' if collection else ""
    attributes += f' camunda:elementVariable="{variable}"' if variable else ""
    inner = f"<loopCardinality>{cardinality}</loopCardinality>" if cardinality else ""
    inner += f"<completionCondition>{condition}</completionCondition>" if condition else ""
    return f"<multiInstanceLoopCharacteristics{attributes}>{more}{inner}</multiInstanceLoopCharacteristics>"


SUB = '<startEvent id="s1"/><userTask id="u"/><userTask id="v"/><endEvent id="e1"/>\ns1 -> u -> v -> e1\n'


# Scopes -------------------------------------------------------------------------------------------------------------------

def test_parallel_branches_see_each_other_s_variables():
    case = Case(PARALLEL, {"x": 1})
    case.complete("a", x=2, y="a")
    assert case.seen("b") == {"x": 2, "y": "a"}
    case.complete("b", x=3)
    assert case.seen("c") == {"x": 3, "y": "a"} and list(case.live.variables) == [""]


def test_what_is_written_in_a_subprocess_is_the_instance_s():
    case = Case(several("", SUB, "subProcess"))
    case.complete("u", x=1)
    assert case.variables == {"x": 1}


def test_input_parameters_do_not_leak():
    inside = extension(io({"x": "${get('k') or 'lokal'}"}))
    case = Case(several("", inside))
    assert case.seen("a") == {"x": "lokal"} and case.variables == {}
    case.complete("a", y=1)
    assert case.seen("z") == {"y": 1}


def test_turns_of_a_subprocess_keep_their_variables_apart():
    case = Case(several(loop(collection="kanal", variable="saluran"), SUB, "subProcess"), {"kanal": ["web", "fb"]})
    assert case.open == ["u", "u"]
    assert case.seen("u")["saluran"] == "web" and case.seen("u", 1)["saluran"] == "fb"
    case.complete("u", url="1", kanal=["web", "fb", "ig"])
    assert case.seen("v")["url"] == "1" and "url" not in case.seen("u")
    assert case.variables == {"kanal": ["web", "fb", "ig"]}, "what exists outside is written outside"
    case.complete("u", url="2")
    case.complete("v")
    case.complete("v")
    assert case.open == ["z"] and case.live.variables == {"": {"kanal": ["web", "fb", "ig"]}}


def test_the_form_of_a_looped_task_goes_to_the_instance():
    case = Case(several(loop(cardinality="2")))
    case.complete("a", x=1)
    assert case.variables == {"x": 1}


def test_the_numbers_of_several_instances():
    case = Case(several(loop(cardinality="${n}")), {"n": 3})
    bodies = [e for e in case.entered.values() if e.type == "multiInstanceBody"]
    assert [e.activity_id for e in bodies] == ["a#multiInstanceBody"]
    assert [e.loop_counter for e in case.entered.values() if e.activity_id == "a"] == [0, 1, 2]
    assert all(e.scope_id == bodies[0].id for e in case.entered.values() if e.activity_id == "a")
    assert case.seen("a", 1) == {"n": 3, "nrOfInstances": 3, "nrOfActiveInstances": 3, "nrOfCompletedInstances": 0, "loopCounter": 1}
    case.complete("a")
    assert (case.seen("a")["nrOfActiveInstances"], case.seen("a")["nrOfCompletedInstances"]) == (2, 1)


def test_a_completion_condition_ends_the_rest():
    case = Case(several(loop(cardinality="3", condition="${suara == 'tidak'}")))
    case.complete("a", suara="ya")
    assert case.open == ["a", "a"]
    case.complete("a", suara="tidak")
    assert case.open == ["z"] and case.canceled() == ["a"]


def test_sequential_instances_come_one_after_the_other():
    case = Case(several(loop("sequential", collection="kanal", variable="saluran")), {"kanal": ["web", "fb"]})
    assert case.open == ["a"] and case.seen("a")["saluran"] == "web"
    case.complete("a", kanal=[])
    assert case.open == ["a"] and case.seen("a")["saluran"] == "fb" and case.seen("a")["loopCounter"] == 1
    assert case.complete("a").open == ["z"]


@pytest.mark.parametrize("given", [{"cardinality": "0"}, {"collection": "kosong", "variable": "x"}])
@pytest.mark.parametrize("kind", ["parallel", "sequential"])
def test_no_instance_at_all_is_passed(kind, given):
    assert Case(several(loop(kind, **given)), {"kosong": []}).open == ["z"]


@pytest.mark.parametrize(("given", "variables"), [
    ({"cardinality": "-1"}, {}), ({"cardinality": "100000"}, {}), ({"cardinality": "n"}, {"n": "banyak"}), ({"collection": "n"}, {"n": 3}),
    ({"collection": "tiada"}, {}), ({"cardinality": "n"}, {"n": True})])
def test_a_wrong_number_of_instances_is_an_error(given, variables):
    with pytest.raises(Invalid):
        Case(several(loop(**given)), variables)


@pytest.mark.parametrize("kind", ["parallel", "sequential"])
def test_results_of_instances_are_collected(kind):
    more = '<loopDataOutputRef>hasil</loopDataOutputRef><outputDataItem id="o" name="suara"/>'
    case = Case(several(loop(kind, cardinality="2", more=more)))
    case.complete("a", suara="x")
    case.complete("a", suara="y")
    assert case.variables["hasil"] == ["x", "y"]


def test_a_border_interrupts_all_instances():
    rest = '<userTask id="b"/><boundaryEvent id="x" attachedToRef="a"><timerEventDefinition><timeDuration>P1D</timeDuration>' \
           "</timerEventDefinition></boundaryEvent>\nx -> b"
    case = Case(several(loop(cardinality="2"), rest=rest))
    assert len(case.jobs) == 1
    case.fire("x")
    assert case.open == ["b"] and case.canceled() == ["a", "a", "a#multiInstanceBody"]


def test_too_many_at_once_is_an_error():
    many = loop(cardinality="1000")
    inner = f'<startEvent id="s1"/><userTask id="u">{many}</userTask>\ns1 -> u\n'
    with pytest.raises(Invalid):
        Case(several(many, inner, "subProcess"))


def test_a_standard_loop_turns_while_its_condition_holds():
    def body(before, maximum=""):
        return several(f'<standardLoopCharacteristics testBefore="{before}" {maximum}><loopCondition>${{lagi}}</loopCondition>'
                       "</standardLoopCharacteristics>")
    case = Case(body("false"), {"lagi": False})
    assert case.complete("a").open == ["z"]
    assert Case(body("true"), {"lagi": False}).open == ["z"]
    case = Case(body("true", 'loopMaximum="2"'), {"lagi": True})
    assert case.complete("a").open == ["a"] and case.seen("a")["loopCounter"] == 1
    assert case.complete("a").open == ["z"]


# Calls ----------------------------------------------------------------------------------------------------------------------

CHILD = diagram('<startEvent id="s"/><userTask id="u"/><scriptTask id="k"><script>hasil = masuk + 1\nrahasia = 1</script></scriptTask>'
                '<endEvent id="e"/>\ns -> u -> k -> e', key="anak")


def call(*mappings, looped=""):
    body = several(looped, extension(*mappings), "callActivity").replace('id="a"', 'id="a" calledElement="anak"')
    return lambda variables: Case(body, variables, called={"anak": {"anak.bpmn": CHILD}})


def test_a_call_passes_only_what_is_named():
    case = call('<camunda:in source="x" target="masuk"/>', '<camunda:in sourceExpression="${x * 10}" target="kali"/>',
                '<camunda:in businessKey="#{execution.processBusinessKey}"/>', '<camunda:out source="hasil" target="y"/>')({"x": 1, "z": 2})
    assert case.open == ["u"] and case.seen("u") == {"masuk": 1, "kali": 10}
    case.complete("u", baru=1)
    assert case.open == ["z"] and case.variables == {"x": 1, "z": 2, "y": 2}


def test_a_call_may_pass_all():
    case = call('<camunda:in variables="all"/>', '<camunda:out variables="all"/>')({"masuk": 1})
    case.complete("u", baru=1)
    assert case.variables == {"masuk": 1, "hasil": 2, "rahasia": 1, "baru": 1}


def test_a_call_may_be_looped():
    case = call('<camunda:in source="x" target="masuk"/>', looped=loop(collection="xs", variable="x"))({"xs": [5, 6]})
    assert [case.seen("u", i)["masuk"] for i in (0, 1)] == [5, 6]
    assert "xs" not in case.seen("u")
    case.complete("u")
    assert case.complete("u").open == ["z"]


def test_a_process_may_call_itself():
    body = ('<startEvent id="s"/><exclusiveGateway id="g" default="f2_0"/><userTask id="u"/><callActivity id="a" calledElement="p">'
            + extension('<camunda:in sourceExpression="${n - 1}" target="n"/>') + '</callActivity><endEvent id="e"/>\n'
            "s -> g\ng -> u -> e\ng -> a : n > 0\na -> e")
    case = Case(body, {"n": 3})
    assert case.open == ["u"] and len(case.live.state["t"]) == 5
    assert case.complete("u").ended


def test_a_process_that_calls_itself_for_ever_is_stopped():
    body = '<startEvent id="s"/><callActivity id="a" calledElement="p"/><endEvent id="e"/>\ns -> a -> e'
    with pytest.raises(Invalid):
        Case(body)


# Bounds ---------------------------------------------------------------------------------------------------------------------

def test_the_state_is_as_large_after_a_thousand_turns_as_after_two():
    """A review by two in parallel, with several instances, borders and timers, inside a TIDAK loop."""
    body = ('<startEvent id="s"/><exclusiveGateway id="m"/><parallelGateway id="g"/><userTask id="a"/><userTask id="b">'
            + loop("sequential", cardinality="2") + '</userTask><parallelGateway id="h"/><inclusiveGateway id="i"/>'
                                                    '<inclusiveGateway id="j"/>'
            '<userTask id="c"/><userTask id="d"/><exclusiveGateway id="x" default="fx"/><endEvent id="e"/>'
            '<boundaryEvent id="t" attachedToRef="a" '
            'cancelActivity="false"><timerEventDefinition><timeCycle>R/PT1H</timeCycle></timerEventDefinition></boundaryEvent>'
            '<endEvent id="e2"/><sequenceFlow id="fx" sourceRef="x" targetRef="m"/>\n'
            "s -> m -> g\ng -> a -> h\ng -> b -> h\nh -> i\ni -> c -> j : true\ni -> d -> j : true\nj -> x\nx -> e : selesai\nt -> e2")
    case = Case(body, {"selesai": False})
    sizes = []
    for turn in range(1_000):
        sizes.append(len(json.dumps(case.live.state)) + len(json.dumps(case.live.variables)))
        for task in ("a", "b", "b", "c", "d"):
            case.complete(task)
        case.entered.clear()
        case.left.clear()
        case.changed.clear()
        case.entered.update(dict.fromkeys(step.open_activities(case.live)))
        case.entered.update({t["i"]: None for t in case.live.state["t"]})
        assert case.open == ["a", "b"], turn
    assert max(sizes) == min(sizes), "not one byte more"


def test_looking_at_variables_from_a_scope():
    case = Case(several(loop(cardinality="2"), SUB, "subProcess"), {"k": 1})
    body = next(e.id for e in case.entered.values() if e.type == "multiInstanceBody")
    assert step.visible(case.live, body)["nrOfInstances"] == 2
    assert step.visible(case.live, "") == step.visible(case.live, "tiada") == {"k": 1}
    assert len(step.open_activities(case.live)) == 2


def test_variables_are_set_in_the_scope_that_is_named():
    case = Case(several(loop(cardinality="2"), SUB, "subProcess"), {"k": 1})
    turn = next(e.id for e in case.entered.values() if e.loop_counter == 1)
    case.set(turn, k=2)
    assert case.variables == {"k": 1} and sorted(case.seen("u", i)["k"] for i in (0, 1)) == [1, 2]
    outcome = step.set_variables(case.spec, case.live, "", {}, case.now, case.new_id, deletions=("k",))
    assert outcome.live.variables[""] == {} and case.variables == {"k": 1}


def test_an_event_in_a_called_process_knows_and_changes_only_that_process():
    child = diagram('<startEvent id="s"/><userTask id="u"/><subProcess id="es" triggeredByEvent="true">'
                    '<startEvent id="s1" isInterrupting="false">'
                    '<messageEventDefinition messageRef="m"/></startEvent><userTask id="v"/>\ns1 -> v\n</subProcess>\ns -> u',
                    '<message id="m" name="kabar-${get(\'x\', 0)}"/>', key="anak")
    body = ('<startEvent id="s"/><callActivity id="a" calledElement="anak"><extensionElements>'
            '<camunda:out source="x" target="y"/></extensionElements>'
            '</callActivity><boundaryEvent id="t" attachedToRef="a" cancelActivity="false"><timerEventDefinition>'
            '<timeDuration>PT${x}H</timeDuration>'
            '</timerEventDefinition></boundaryEvent><userTask id="z"/>\ns -> a -> z')
    case = Case(body, {"x": 5}, called={"anak": {"anak.bpmn": child}})
    assert [s.name for s in case.subscriptions.values()] == ["kabar-0"] and (case.job("t").due_at - case.now).seconds == 5 * 3600
    case.fire("s1", x=1)
    assert case.variables == {"x": 5} and case.open == ["u", "v"] and case.seen("v") == {"x": 1}
    case.complete("u")
    case.complete("v")
    assert case.variables == {"x": 5, "y": 1}


def test_a_looped_call_may_end_early():
    case = call(looped=loop(cardinality="3", condition="nrOfCompletedInstances == 1"))({})
    case.set(next(i for i, e in case.entered.items() if e.activity_id == "a"), masuk=1)
    assert case.complete("u").open == ["z"]


def test_a_called_process_decides_by_its_own_tables():
    def table(answer):
        return (f'<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/"><decision id="d"><decisionTable>'
                f'<output name="o"/><rule>'
                f"<outputEntry><text>'{answer}'</text></outputEntry></rule></decisionTable></decision></definitions>").encode()
    rule = '<businessRuleTask id="r" camunda:decisionRef="d" camunda:resultVariable="{}" camunda:mapDecisionResult="singleEntry"/>'
    child = diagram(f'<startEvent id="s"/>{rule.format("dalam")}\ns -> r', key="anak")
    passed = extension('<camunda:out variables="all"/>')
    body = f'<startEvent id="s"/>{rule.format("luar")}<callActivity id="a" calledElement="anak">{passed}</callActivity>\ns -> r -> a'
    case = Case(body, files={"d.dmn": table("punya luar")}, called={"anak": {"anak.bpmn": child, "d.dmn": table("punya dalam")}})
    assert case.ended and case.variables == {"luar": "punya luar", "dalam": "punya dalam"}
