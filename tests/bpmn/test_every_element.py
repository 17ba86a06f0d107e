"""Every kind of node that BPMN 2.0 has, in every place and repetition that it may take: it runs, or the check says why not.

The set follows the standard's own tables (BPMN 2.0.2: tasks in 10.3.3, event definitions in 10.5.5, loops in 10.3.8), not
Terbit's: what is expected to run is written down below, so that support that is lost or gained shows here.
"""

import datetime as dt
import itertools

import pytest

from bpmn import check
from engine import ids, step
from engine import spec as specs
from tests.engine.small import END, START, chain, diagram, flows

NOW = dt.datetime(2026, 3, 2, 1, 0, tzinfo=dt.timezone.utc)
FORMAL = 'xsi:type="tFormalExpression"'
TASKS = {
    "task": "", "userTask": "", "manualTask": "", "sendTask": 'messageRef="m_m"', "receiveTask": 'messageRef="m_m"',
    "serviceTask": 'camunda:type="external" camunda:topic="t"', "businessRuleTask": 'camunda:decisionRef="d" camunda:mapDecisionResult="singleEntry" camunda:resultVariable="y"', "scriptTask": 'scriptFormat="python"',
    "callActivity": 'calledElement="other"',
}
INSIDE = {"scriptTask": "<script>x = 1</script>"}
DEFINITIONS = {
    "none": "", "message": '<messageEventDefinition messageRef="m_m"/>', "signal": '<signalEventDefinition signalRef="s_s"/>',
    "timer": f"<timerEventDefinition><timeDuration {FORMAL}>PT1H</timeDuration></timerEventDefinition>",
    "cycle": f"<timerEventDefinition><timeCycle {FORMAL}>R3/PT1H</timeCycle></timerEventDefinition>",
    "date": f"<timerEventDefinition><timeDate {FORMAL}>2026-03-02T09:00:00+07:00</timeDate></timerEventDefinition>",
    "conditional": f"<conditionalEventDefinition><condition {FORMAL}>${{get('x') == 1}}</condition></conditionalEventDefinition>",
    "error": "<errorEventDefinition/>", "escalation": "<escalationEventDefinition/>", "compensate": "<compensateEventDefinition/>",
    "cancel": "<cancelEventDefinition/>", "terminate": "<terminateEventDefinition/>", "link": '<linkEventDefinition name="l"/>',
}
EVENTS = ("startEvent", "intermediateCatchEvent", "intermediateThrowEvent", "endEvent")
LOOPS = {
    "standard": f'<standardLoopCharacteristics><loopCondition {FORMAL}>${{false}}</loopCondition></standardLoopCharacteristics>',
    **{("sequential" if sequential == "true" else "parallel"):
       f'<multiInstanceLoopCharacteristics isSequential="{sequential}"><loopCardinality {FORMAL}>2</loopCardinality>'
       "</multiInstanceLoopCharacteristics>" for sequential in ("true", "false")},
}
GATEWAYS = ("exclusiveGateway", "parallelGateway", "inclusiveGateway", "eventBasedGateway", "complexGateway")
SUBPROCESSES = ("subProcess", "transaction", "adHocSubProcess")


def node(tag, inside="", attributes=""):
    return "n", f'<{tag} id="n" {attributes}>{INSIDE.get(tag, "")}{inside}</{tag}>'


def inner():
    return chain(("a", '<startEvent id="a"/>'), ("b", '<userTask id="b" camunda:candidateGroups="g"/>'), ("c", '<endEvent id="c"/>'))


def every():
    """(name, body of the process) of each diagram."""
    people = {"userTask": 'camunda:candidateGroups="g"', "manualTask": 'camunda:candidateGroups="g"'}
    for tag, attributes in TASKS.items():
        attributes = f"{attributes} {people.get(tag, '')}"
        yield tag, chain(START, node(tag, attributes=attributes), END)
        for loop, inside in LOOPS.items():
            yield f"{tag} {loop}", chain(START, node(tag, inside, attributes), END)
    for tag, (kind, definition) in itertools.product(EVENTS, DEFINITIONS.items()):
        between = [node(tag, definition)] if tag.startswith("intermediate") else []
        first = node(tag, definition) if tag == "startEvent" else START
        last = node(tag, definition) if tag == "endEvent" else END
        yield f"{tag} {kind}", chain(first, *between, ("u", '<userTask id="u" camunda:candidateGroups="g"/>'), last)
    for (kind, definition), interrupting in itertools.product(DEFINITIONS.items(), ("true", "false")):
        host = '<subProcess id="h">' + inner() + "</subProcess>"
        boundary = f'<boundaryEvent id="n" attachedToRef="h" cancelActivity="{interrupting}">{definition}</boundaryEvent>'
        yield f"boundary {kind} {interrupting}", chain(START, ("h", host), END) + boundary + '<endEvent id="e"/>' + flows("n e")
        start = f'<startEvent id="n" isInterrupting="{interrupting}">{definition}</startEvent>'
        event = '<subProcess id="h" triggeredByEvent="true">' + chain(("n", start), ("c", '<endEvent id="c"/>')) + "</subProcess>"
        yield f"event subprocess {kind} {interrupting}", chain(START, ("u", '<userTask id="u" camunda:candidateGroups="g"/>'), END) + event
    for tag in SUBPROCESSES:
        for loop, inside in {"once": "", **LOOPS}.items():
            yield f"{tag} {loop}", chain(START, node(tag, inside + inner()), END)
    for tag in GATEWAYS:
        catch = f'<intermediateCatchEvent id="{{}}">{DEFINITIONS["timer"]}</intermediateCatchEvent>'
        ways = "".join(catch.format(name) for name in "xy") if tag == "eventBasedGateway" else \
            "".join(f'<userTask id="{name}" camunda:candidateGroups="g"/>' for name in "xy")
        joined = "exclusiveGateway" if tag in ("eventBasedGateway", "exclusiveGateway") else tag
        default = 'default="f_n_y"' if tag in ("exclusiveGateway", "inclusiveGateway") else ""
        condition = " get('k') == 1" if default else ""
        yield tag, (f'<startEvent id="start"/><{tag} id="n" {default}/>{ways}<{joined} id="j"/><endEvent id="end"/>'
                    + flows("start n", f"n x{condition}", "n y", "x j", "y j", "j end"))


DIAGRAMS = dict(every())


DMN = b"""<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="dd" name="dd" namespace="t"><decision id="d" name="d">
 <decisionTable id="dt"><output id="o" name="y" typeRef="number"/><rule id="r"><outputEntry id="e"><text>1</text></outputEntry></rule>
 </decisionTable></decision></definitions>"""
CODES = b'<error id="er" errorCode="E"/><escalation id="es" escalationCode="E"/>'
REFUSED = {  # what no engine of Camunda 7's kind runs, or what the standard itself has not: everything else must run
    "unsupported": {"adHocSubProcess once", "adHocSubProcess standard", "adHocSubProcess sequential", "adHocSubProcess parallel",
                    "complexGateway"},
    "no-trigger": {"intermediateCatchEvent none", "boundary none true", "boundary none false"},
    "event-start": {"event subprocess none true", "event subprocess none false"},
    "non-interrupting": {"boundary error false", "event subprocess error false"},
    "link": {"intermediateThrowEvent link"},  # nothing catches it
    "cancel": {"boundary cancel true", "boundary cancel false", "endEvent cancel"},  # outside a transaction
    "trigger": {f"{place} {kind}" for place, kinds in {
        "startEvent": "conditional error escalation compensate cancel terminate link",
        "intermediateCatchEvent": "error escalation compensate cancel terminate",
        "intermediateThrowEvent": "timer cycle date conditional error compensate cancel terminate",
        "endEvent": "timer cycle date conditional compensate link"}.items() for kind in kinds.split()}
    | {f"{place} {kind} {interrupting}" for place, kinds in {
        "boundary": "compensate terminate link", "event subprocess": "compensate cancel terminate link"}.items()
       for kind in kinds.split() for interrupting in ("true", "false")},
}
CODE_OF = {name: code for code, names in REFUSED.items() for name in names}


def resources(name):
    content = diagram(DIAGRAMS[name], messages=["m"], signals=["s"]).replace(b"<process ", CODES + b"<process ", 1)
    if name.startswith(("intermediateThrowEvent", "endEvent")):
        content = content.replace(b"<errorEventDefinition/>", b'<errorEventDefinition errorRef="er"/>')
        content = content.replace(b"<escalationEventDefinition/>", b'<escalationEventDefinition escalationRef="es"/>')
    return {"p.bpmn": content, "d.dmn": DMN}


def test_the_set_is_whole():
    assert set(CODE_OF) <= set(DIAGRAMS) and len(DIAGRAMS) > 150


@pytest.mark.parametrize("name", DIAGRAMS)
def test_it_runs_or_says_why_not(name):
    found = [finding for finding in check.check(resources(name)) if finding.severity == "error"]
    if name in CODE_OF:
        assert CODE_OF[name] in {finding.code for finding in found}
        assert all(finding.element and finding.line and finding.message for finding in found)
        return
    assert found == []
    spec = specs.compile(resources(name), {"other": {"other.bpmn": diagram(inner(), key="other")}})
    [first] = specs.start_events(spec) or [None]
    outcome = step.start(spec, {"k": 0}, NOW, ids.source(NOW), start_event=first and first.activity_id)
    assert outcome.intents
