"""What a deployment is refused for: each with the element, the line and a reason."""

import itertools

import pytest

from bpmn import check, expressions, model, xml
from bpmn.errors import Invalid
from engine import spec
from tests.engine.drive import NS, diagram, extension, io

TOP = ('<message id="m" name="kabar"/><signal id="sg" name="darurat"/><error id="er" errorCode="gagal"/><error id="er0"/>'
       '<escalation id="es" escalationCode="lambat"/>')


def around(element, ident="a"):
    return f'<startEvent id="s"/>\n{element}\n<endEvent id="e"/>\ns -> {ident} -> e'


def found(body, severity="error", files=None, called=None):
    content = body if isinstance(body, bytes) else diagram(body, TOP)
    return [f for f in check.check({"p.bpmn": content, **(files or {})}, called) if f.severity == severity]


def event(tag, ident, definition, more=""):
    return f'<{tag} id="{ident}" {more}>{definition}</{tag}>'


def timer(kind, text):
    return f"<timerEventDefinition><{kind}>{text}</{kind}></timerEventDefinition>"


def parameter(value):
    given = f'<camunda:inputOutput><camunda:inputParameter name="x">{value}</camunda:inputParameter></camunda:inputOutput>'
    return around(f'<userTask id="a">{extension(given)}</userTask>')


def catch(definition, ident="a"):
    return around(event("intermediateCatchEvent", ident, definition))


def paper(kind, element="userTask", attributes="", **more):
    said = "".join(f'<camunda:property name="{k}" value="{v}"/>' for k, v in {"naskah": kind, **more}.items())
    return around(f'<{element} id="a" {attributes}>{extension(f"<camunda:properties>{said}</camunda:properties>")}</{element}>')


WRONG_COMPLETION = "<loopCardinality>2</loopCardinality><completionCondition>a._b</completionCondition>"
SOURCE_ONLY = '<camunda:in source="x"/>'


def loop(inner="", attributes=""):
    return f"<multiInstanceLoopCharacteristics {attributes}>{inner}</multiInstanceLoopCharacteristics>"


REFUSED = {
    # elements
    "complex gateway": (around('<complexGateway id="a"/>'), "a", "unsupported"),
    "ad hoc subprocess": (around('<adHocSubProcess id="a"><startEvent id="s1"/></adHocSubProcess>'), "a", "unsupported"),
    "unknown element": (around('<callChoreography id="x"/><task id="a"/>'), "x", "unsupported"),
    "compensation": (around('<task id="a" isForCompensation="true"/>'), "a", "unsupported"),
    "compensation event": (around(event("intermediateThrowEvent", "a", "<compensateEventDefinition/>")), "a", "trigger"),
    "instantiating receive task": (around('<receiveTask id="a" messageRef="m" instantiate="true"/>'), "a", "unsupported"),
    "instantiating event gateway": (around('<eventBasedGateway id="a" instantiate="true"/>'), "a", "unsupported"),
    # papers
    "unknown paper": (paper("surat-cinta"), "a", "paper"),
    "paper of no task": (paper("nota-dinas", "serviceTask", 'camunda:type="external" camunda:topic="t"'), "a", "paper"),
    "paper to nobody sane": (paper("nota-dinas", naskah_kepada="${a._b}"), "a", "expression"),
    # implementations
    "class": (around('<serviceTask id="a" camunda:class="x.Y"/>'), "a", "code"),
    "delegate expression": (around('<serviceTask id="a" camunda:delegateExpression="${x}"/>'), "a", "code"),
    "expression": (around('<serviceTask id="a" camunda:expression="${x.y()}"/>'), "a", "code"),
    "no topic": (around('<serviceTask id="a" camunda:type="external"/>'), "a", "no-topic"),
    "no implementation": (around('<serviceTask id="a"/>'), "a", "no-topic"),
    "connector": (around(f'<serviceTask id="a" camunda:type="external"'
                         f' camunda:topic="t">{extension("<camunda:connector/>")}</serviceTask>'),
                  "a", "extension"),
    "execution listener": (around(f'<task id="a">{extension("<camunda:executionListener/>")}</task>'), "a", "listener"),
    "task listener": (around(f'<userTask id="a">{extension("<camunda:taskListener/>")}</userTask>'), "a", "listener"),
    "form fields": (around(f'<userTask id="a">{extension("<camunda:formData/>")}</userTask>'), "a", "extension"),
    "field injection": (around(f'<serviceTask id="a" camunda:type="external"'
                               f' camunda:topic="t">{extension("<camunda:field/>")}</serviceTask>'),
                        "a", "extension"),
    # texts
    "javascript": (around('<scriptTask id="a" scriptFormat="javascript"><script>x = 1</script></scriptTask>'), "a", "language"),
    "groovy": (around('<scriptTask id="a" scriptFormat="groovy"><script>x = 1</script></scriptTask>'), "a", "language"),
    "external script": (around('<scriptTask id="a" camunda:resource="x.py"/>'), "a", "code"),
    "no script": (around('<scriptTask id="a"/>'), "a", "no-script"),
    "wrong script": (around("<scriptTask id='a'><script>import os</script></scriptTask>"), "a", "expression"),
    "dangerous script": (around("<scriptTask id='a'><script>x = ().__class__</script></scriptTask>"), "a", "expression"),
    "dangerous result": (around("<scriptTask id='a' camunda:resultVariable='r'><script>a.__class__</script></scriptTask>"), "a",
    "expression"),
    "dangerous input": (around(f'<userTask id="a">{extension(io({"x": "${().__class__}"}))}</userTask>'), "a", "expression"),
    "dangerous output": (around(f'<userTask id="a">{extension(io({}, {"x": "a ${b._c}"}))}</userTask>'), "a", "expression"),
    "dangerous assignee": (around('<userTask id="a" camunda:assignee="${open(1)}"/>'), "a", "expression"),
    "dangerous name": (around('<userTask id="a" name="${x.__class__}"/>'), "a", "expression"),
    "dangerous due": (around('<userTask id="a" camunda:dueDate="${lambda: 1}"/>'), "a", "expression"),
    "input in javascript": (parameter('<camunda:script scriptFormat="javascript">1</camunda:script>'), "a", "language"),
    "a list with danger in it": (parameter("<camunda:list><camunda:value>${a._b}</camunda:value></camunda:list>"), "a", "expression"),
    "wrong condition": (around('<exclusiveGateway id="a" default="f9"/><endEvent id="y"/>'
                               '<sequenceFlow id="f9" sourceRef="a" targetRef="y"/>')
                        + " : k ==", "f3_1", "expression"),
    "wrong label": (extension('<camunda:properties><camunda:property name="label" value="a.__b"/>'
                              '</camunda:properties>') + around('<task id="a"/>'),
                    "p", "expression"),
    # flows
    "dangling flow": (around('<task id="a"/>') + "\na -> tiada", "f4_0", "dangling-flow"),
    "flow into a subprocess": (around('<task id="a"/><subProcess id="sp"><startEvent id="s1"/><task id="t1"/>\ns1 -> t1\n</subProcess>')
                               + "\na -> t1", "f6_0", "crossing-flow"),
    "no condition": (around('<exclusiveGateway id="a"/><endEvent id="e2"/>') + "\na -> e2", "f4_0", "no-condition"),
    "wrong default": (around('<exclusiveGateway id="a" default="x"/>'), "a", "default"),
    "flow into a start": (around('<task id="a"/>') + "\na -> s", "s", "incoming"),
    "flow out of an end": (around('<task id="a"/>') + "\ne -> a", "e", "outgoing"),
    "doubled id": (around('<task id="a"/><task id="a"/>'), "a", "duplicate-id"),
    # starts
    "no start": ('<task id="a"/>', "p", "no-start"),
    "two plain starts": (around('<task id="a"/><startEvent id="s2"/>'), "p", "many-starts"),
    "subprocess without a start": (around('<subProcess id="a"><task id="t"/></subProcess>'), "a", "no-start"),
    "subprocess with two starts": (around('<subProcess id="a"><startEvent id="x"/><startEvent id="y"/></subProcess>'), "a", "many-starts"),
    "subprocess with a timer start": (around(f'<subProcess id="a">{event("startEvent", "x", timer("timeDuration", "P1D"))}</subProcess>'),
                                      "a", "plain-start"),
    "plain event subprocess": (around('<task id="a"/><subProcess id="es" triggeredByEvent="true"><startEvent id="x"/></subProcess>'), "es",
                               "event-start"),
    "conditional start": (around(event("startEvent", "x",
    "<conditionalEventDefinition><condition>a</condition></conditionalEventDefinition>")
                                 + '<task id="a"/>'), "x", "trigger"),
    # events
    "two triggers": (catch('<messageEventDefinition messageRef="m"/><signalEventDefinition signalRef="sg"/>'), "a", "multiple"),
    "nothing to wait for": (around('<intermediateCatchEvent id="a"/>'), "a", "no-trigger"),
    "unknown message": (catch('<messageEventDefinition messageRef="x"/>'), "a", "reference"),
    "no message": (catch("<messageEventDefinition/>"), "a", "reference"),
    "unknown signal": (around(event("intermediateThrowEvent", "a", '<signalEventDefinition signalRef="x"/>')), "a", "reference"),
    "unknown error": (around(event("endEvent", "a", '<errorEventDefinition errorRef="x"/>')), "a", "reference"),
    "error without a code": (around('<task id="a"/>' + event("endEvent", "x", '<errorEventDefinition'
                                                                              ' errorRef="er0"/>')), "x", "code-missing"),
    "escalation without a code": (around(event("intermediateThrowEvent", "a", "<escalationEventDefinition/>")), "a", "code-missing"),
    "timer without a time": (catch("<timerEventDefinition/>"), "a", "timer"),
    "wrong duration": (catch(timer("timeDuration", "1 jam")), "a", "timer"),
    "cron": (catch(timer("timeCycle", "0 0/5 * * * ?")), "a", "timer"),
    "cycle of nothing": (catch(timer("timeCycle", "R/PT0S")), "a", "timer"),
    "starting timer with a variable": (around(event("startEvent", "x", timer("timeDate", "${k}")) + '<task id="a"/>'), "x", "timer"),
    "cancel without a transaction": (around(event("endEvent", "x", "<cancelEventDefinition/>") + '<task id="a"/>'), "x", "cancel"),
    "border of nothing": (around('<task id="a"/>' + event("boundaryEvent", "x", '<signalEventDefinition signalRef="sg"/>',
                                                         'attachedToRef="tiada"')), "x", "attached"),
    "border of a gateway": (around('<exclusiveGateway id="a"/>' + event("boundaryEvent", "x", '<signalEventDefinition signalRef="sg"/>',
                                                                         'attachedToRef="a"')), "x", "attached"),
    "error that does not interrupt": (around('<task id="a"/>' + event("boundaryEvent", "x", '<errorEventDefinition errorRef="er"/>',
                                                                       'attachedToRef="a" cancelActivity="false"')), "x",
                                                                       "non-interrupting"),
    "event subprocess of an error that does not interrupt": (
        around('<task id="a"/><subProcess id="es" triggeredByEvent="true"><startEvent id="x" isInterrupting="false">'
               '<errorEventDefinition errorRef="er"/></startEvent></subProcess>'), "x", "non-interrupting"),
    "link to nowhere": (around(event("intermediateThrowEvent", "x", '<linkEventDefinition name="L"/>') + '<task id="a"/>'), "x", "link"),
    "task after an event gateway": (around('<eventBasedGateway id="a"/>'), "e", "event-gateway"),
    "event gateway to nothing": (around('<task id="a"/><eventBasedGateway id="g"/>') + "\na -> g", "g", "event-gateway"),
    # tasks
    "missing form": (around('<userTask id="a" camunda:formRef="tiada"/>'), "a", "form-missing"),
    "missing start form": ('<startEvent id="s" camunda:formKey="camunda-forms:deployment:x.form"/><endEvent id="e"/>\ns -> e', "s",
    "form-missing"),
    "wrong standard time": (around('<userTask id="a">' + extension('<camunda:properties><camunda:property name="waktu" value="5 jam"/>'
                                                                   "</camunda:properties>") + "</userTask>"), "a", "waktu"),
    "wrong due date": (around('<userTask id="a" camunda:dueDate="besok"/>'), "a", "due"),
    "send task without a message": (around('<sendTask id="a"/>'), "a", "no-message"),
    "receive task without a message": (around('<receiveTask id="a"/>'), "a", "no-message"),
    "missing decision": (around('<businessRuleTask id="a" camunda:decisionRef="x"/>'), "a", "decision-missing"),
    "call of nothing": (around('<callActivity id="a"/>'), "a", "called"),
    "call by an expression": (around('<callActivity id="a" calledElement="${x}"/>'), "a", "called"),
    "mapping without a target": (around(f'<callActivity id="a" calledElement="p">{extension(SOURCE_ONLY)}</callActivity>'), "a", "mapping"),
    # loops
    "loop of unknown length": (around(f'<task id="a">{loop()}</task>'), "a", "loop"),
    "loop of who knows how many turns": (around('<task id="a"><standardLoopCharacteristics loopMaximum="${n}"/></task>'), "a", "loop"),
    "endless loop": (around('<task id="a"><standardLoopCharacteristics/></task>'), "a", "loop"),
    "wrong cardinality": (around(f'<task id="a">{loop("<loopCardinality>1 +</loopCardinality>")}</task>'), "a", "expression"),
    "wrong completion": (around(f'<task id="a">{loop(WRONG_COMPLETION)}</task>'), "a", "expression"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_run_is_refused(name):
    body, element, code = REFUSED[name]
    problems = found(body)
    assert (element, code) in [(f.element, f.code) for f in problems], problems
    for finding in problems:
        assert finding.file == "p.bpmn" and finding.line > 0 and finding.text and "%(" not in finding.text
    with pytest.raises(Invalid) as caught:
        spec.compile({"p.bpmn": diagram(body, TOP)}, {}, "p")
    assert caught.value.problems, "the engine refuses it as well"


def test_the_line_is_the_element_s_own():
    content = diagram(around('<task id="x"/>\n<complexGateway id="a"/>'), TOP)
    line = next(i for i, text in enumerate(content.decode().splitlines(), 1) if "complexGateway" in text)
    assert [f.line for f in found(content)] == [line]


RETRIES = "<camunda:failedJobRetryTimeCycle>R3/PT1M</camunda:failedJobRetryTimeCycle>"
WARNED = {
    "unreachable": (around('<task id="a"/><task id="b"/>'), "b", "unreachable"),
    "border without a way out": (around('<task id="a"/>' + event("boundaryEvent", "x", '<signalEventDefinition signalRef="sg"/>',
                                                                'attachedToRef="a"')), "x", "no-way-out"),
    "no default": (around('<exclusiveGateway id="a"/><endEvent id="e2"/>') + " : k\na -> e2 : not k", "a", "no-default"),
    "ignored condition": (around('<parallelGateway id="a"/>') + " : k", "a", "condition-ignored"),
    "call of who knows what": (around('<callActivity id="a" calledElement="lain"/>'), "a", "called"),
    "retries": (around(f'<task id="a">{extension(RETRIES)}</task>'), "a", "ignored"),
}


@pytest.mark.parametrize("name", WARNED)
def test_what_is_hardly_meant_is_a_warning(name):
    body, element, code = WARNED[name]
    assert found(body) == [] and (element, code) in [(f.element, f.code) for f in found(body, "warning")]


def test_a_called_process_must_exist():
    body = around('<callActivity id="a" calledElement="lain"/>')
    assert found(body, called={"lain"}) == [] and [f.code for f in found(body, called=set())] == ["called"]


def test_a_sound_diagram_has_no_findings():
    body = around('<userTask id="a" camunda:formRef="isian"/>')
    assert check.check({"p.bpmn": diagram(body), "x.form": b'{"id": "isian", "components": []}'}) == []


@pytest.mark.parametrize(("files", "code"), [
    ({}, "no-diagram"), ({"p.bpmn": b"x"}, "file"), ({"p.bpmn": b"<a/>"}, "file"), ({"p.bpmn": b""}, "file"),
    ({"p.bpmn": f"<definitions {NS}/>".encode()}, "no-process"),
    ({"p.bpmn": f'<definitions {NS}><process id="p"><startEvent id="s"/></process></definitions>'.encode()}, "no-process"),
    ({"p.bpmn": diagram('<startEvent id="s"/>'), "q.bpmn": diagram('<startEvent id="s"/>')}, "duplicate-process"),
    ({"p.bpmn": diagram('<startEvent id="s"/>'), "x.form": b"{"}, "form"),
    ({"p.bpmn": diagram('<startEvent id="s"/>'), "x.dmn": b"<x"}, "file"),
])
def test_files_that_are_not_what_they_say(files, code):
    assert code in [f.code for f in check.check(files) if f.severity == "error"]


@pytest.mark.parametrize("entry", ['"a', "().__class__", "[1..", "> ", "a._b", "not("])
def test_a_wrong_decision_table_is_refused(entry):
    table = (f'<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/"><decision id="d"><decisionTable><input>'
             f'<inputExpression><text>x'
             f"</text></inputExpression></input><output name='o'/><rule><inputEntry><text><![CDATA[{entry}]]></text>"
             f"</inputEntry><outputEntry><text>1"
             "</text></outputEntry></rule></decisionTable></decision></definitions>").encode()
    assert [f.code for f in check.check({"p.bpmn": diagram('<startEvent id="s"/>'), "d.dmn": table})] == ["file"]


# XML --------------------------------------------------------------------------------------------------------------------------

LAUGHS = "<!DOCTYPE l [<!ENTITY a 'ha'>" + "".join(f"<!ENTITY {b} '&{a};&{a};&{a};&{a};&{a};&{a};&{a};&{a};&{a};&{a};'>" for a, b in
                                                     itertools.pairwise("abcdefghij")) + "]><l>&j;</l>"


@pytest.mark.parametrize("content", [
    LAUGHS.encode(), b"<!DOCTYPE l SYSTEM 'file:///etc/passwd'><l/>", b"<!DOCTYPE l [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><l>&x;</l>",
    b"<!DOCTYPE l [<!ENTITY % x SYSTEM 'http://127.0.0.1:1/x'> %x;]><l/>", b"<!DOCTYPE l><l/>", b"<l>", b"", b"\xff\xfe",
    b"<l a='1' a='2'/>",
    b"<?xml version='1.0' encoding='tiada'?><l/>", b"<l/><l/>", b"<l>" * 5_000 + b"</l>" * 5_000, b"x" * (xml.MAX_BYTES + 1), b"<l>\0</l>",
    b"&x;",
])
def test_harmful_xml_is_refused(content):
    with pytest.raises(Invalid):
        xml.parse(content, "p.bpmn")


def test_xml_says_file_and_line():
    with pytest.raises(Invalid) as caught:
        xml.parse(b"<a>\n<b>\n</a>", "p.bpmn")
    assert caught.value.where == {"file": "p.bpmn", "line": 3}


def test_comments_and_instructions_are_harmless():
    assert xml.parse(b"<?xml version='1.0'?><?pi x?><!-- c --><a><!-- d --><b/></a>").tag == "a"


# The model --------------------------------------------------------------------------------------------------------------------

def test_what_a_diagram_says():
    task = ('<userTask id="a" name="Tugas" camunda:assignee="${x}" camunda:formKey="camunda-forms:deployment:a.form">'
            '<documentation>Teks</documentation>'
            + extension('<camunda:properties><camunda:property name="waktu" value="PT1H"/></camunda:properties>',
            io({"i": "1"}, {"o": "${i}"}))
            + "</userTask>")
    process, = model.read(diagram(around(task) + " : k == 1", attributes='name="P" camunda:candidateStarterGroups="x, y"'))
    element = process.elements["a"]
    assert (process.key, process.name, process.starter_groups) == ("p", "P", ("x", "y"))
    assert (element.name, element.documentation, element.properties, element.candidate_groups) == ("Tugas", "Teks", {"waktu": "PT1H"}, "")
    assert [n for n, _ in element.inputs] == ["i"] and element.outputs[0][1] == model.Value("text", "${i}")
    assert [f.condition for f in process.flows] == ["k == 1", "k == 1"]
    assert expressions.check(process.flows[0].condition) == {"k"}
