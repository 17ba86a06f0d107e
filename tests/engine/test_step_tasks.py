"""Tasks of every kind, and what they do to variables."""

import datetime as dt
import hashlib

import pytest

from bpmn.errors import Conflict, Invalid
from engine import step
from tests.engine.drive import NOW, Case, extension, io

LINE = '<startEvent id="s"/>{}<endEvent id="e"/>\ns -> a -> e'


def test_a_user_task_waits_and_its_form_goes_to_the_instance():
    case = Case(LINE.format('<userTask id="a" name="Tugas ${n}" camunda:assignee="${who}" camunda:candidateGroups="x, ${g}" '
                            'camunda:dueDate="P1D" camunda:priority="70" camunda:formRef="f">'
                            '<documentation>Kerjakan ${n}</documentation></userTask>'),
                {"n": 3, "who": "ani", "g": "y"}, files={"f.form": b'{"components": [], "id": "f"}'})
    assert case.open == ["a"] and not case.ended
    entered = case.entered[case.ids("a")[0]]
    assert (entered.name, entered.type, entered.scope_id) == ("Tugas 3", "userTask", None)
    task = entered.task
    assert (task.assignee, task.candidate_groups, task.priority, task.form_key) == ("ani", ("x", "y"), 70, "f")
    assert task.due_at == NOW + dt.timedelta(days=1) and task.description == "Kerjakan 3"
    case.complete("a", judul="J")
    assert case.ended and case.variables["judul"] == "J"
    assert case.changed[-1] == {"": {"judul": "J"}}
    assert case.trail() == ["s", "a", "e"]


def test_a_double_completion_is_a_conflict():
    case = Case(LINE.format('<manualTask id="a"/>'))
    before, ident = case.live, case.ids("a")[0]
    case.complete("a")
    with pytest.raises(Conflict):
        step.complete(case.spec, case.live if case.live.state else step.Live({"t": [{"i": "", "e": "p"}]}, {}), ident, {}, NOW, case.new_id)
    assert step.complete(case.spec, before, ident, {}, NOW, case.new_id).ended, "what it began with is unchanged"


def test_the_standard_time_of_the_mutu_baku_is_the_due_time():
    properties = extension('<camunda:properties><camunda:property name="waktu" value="PT5H"/></camunda:properties>')
    case = Case(LINE.format(f'<userTask id="a">{properties}</userTask>'))
    task = case.entered[case.ids("a")[0]].task
    assert (task.due_at, task.allowed) == (None, (0, dt.timedelta(hours=5)))  # whose calendar counts it, the step does not know


def test_a_lane_is_the_default_candidate_group():
    lanes = ('<laneSet id="ls"><lane id="sub_bagian" name="Sub Bagian"><flowNodeRef>a</flowNodeRef>'
             '<flowNodeRef>sp</flowNodeRef></lane></laneSet>')
    inner = '<subProcess id="sp"><startEvent id="s2"/><userTask id="b"/><endEvent id="e2"/>\ns2 -> b -> e2\n</subProcess>'
    case = Case(f'{lanes}<startEvent id="s"/><userTask id="a"/><endEvent id="e"/>\n{inner}\ns -> a -> sp -> e')
    assert case.entered[case.ids("a")[0]].task.candidate_groups == ("sub-bagian",)
    case.complete("a")
    assert case.entered[case.ids("b")[0]].task.candidate_groups == ("sub-bagian",), "of what is inside, too"


def test_a_service_task_is_a_job_whose_payload_is_its_inputs():
    case = Case(LINE.format('<serviceTask id="a" camunda:type="external" camunda:topic="t-${k}">'
                            + extension(io({"x": "${k}", "y": "teks ${k}", "z": "tetap"})) + "</serviceTask>"), {"k": 1, "lain": 2})
    job = case.job("a")
    assert (job.type, job.topic, job.payload, job.due_at) == ("external", "t-1", {"x": 1, "y": "teks 1", "z": "tetap"}, NOW)
    assert job.activity_instance_id == case.ids("a")[0]
    case.complete("a", url="u")
    assert case.ended and case.variables == {"k": 1, "lain": 2, "url": "u"} and not case.jobs


def test_without_inputs_a_job_gets_all_that_is_visible():
    case = Case(LINE.format('<serviceTask id="a" camunda:type="external" camunda:topic="t"/>'), {"k": 1})
    assert case.job("a").payload == {"k": 1}


def test_with_outputs_only_those_leave_a_service_task():
    case = Case(LINE.format('<serviceTask id="a" camunda:type="external" camunda:topic="t">'
                            + extension(io({"x": "${k}"}, {"hasil": "${url + x}"})) + "</serviceTask>"), {"k": "!"})
    case.complete("a", url="u")
    assert case.variables == {"k": "!", "hasil": "u!"}


def test_a_user_task_gives_its_form_and_its_outputs():
    outputs = {"segel": "${sha256([judul, catatan])}"}
    task = f'<userTask id="a">{extension(io({"catatan": "${null}"}, outputs))}</userTask><userTask id="b"/>'
    case = Case(f'<startEvent id="s"/>{task}<endEvent id="e"/>\ns -> a -> b -> e')
    assert case.seen("a") == {"catatan": None}
    case.complete("a", judul="J", catatan="C")
    assert case.variables["judul"] == "J" and case.variables["catatan"] == "C"
    assert case.variables["segel"] == hashlib.sha256(b'["J","C"]').hexdigest()
    assert list(case.live.variables) == [""]


def test_inputs_may_be_lists_maps_and_scripts():
    parameters = ('<camunda:inputOutput><camunda:inputParameter name="l"><camunda:list><camunda:value>a</camunda:value>'
                  '<camunda:value>${k}</camunda:value></camunda:list></camunda:inputParameter>'
                  '<camunda:inputParameter name="m"><camunda:map><camunda:entry key="x">${k + 1}</camunda:entry></camunda:map>'
                  '</camunda:inputParameter><camunda:inputParameter name="s"><camunda:script scriptFormat="python">m.x * 2</camunda:script>'
                  "</camunda:inputParameter></camunda:inputOutput>")
    case = Case(LINE.format(f'<serviceTask id="a" camunda:type="external"'
                            f' camunda:topic="t">{extension(parameters)}</serviceTask>'), {"k": 1})
    assert case.job("a").payload == {"l": ["a", 1], "m": {"x": 2}, "s": 4}


def test_a_script_assigns_line_by_line():
    case = Case(LINE.format('<scriptTask id="a" scriptFormat="python"><script>x = k * 2\n# catatan\ny = x + 1\nk = 0</script>'
                            '</scriptTask>'), {"k": 2})
    assert case.ended and case.variables == {"k": 0, "x": 4, "y": 5}


def test_a_script_with_a_result_variable_is_one_expression():
    case = Case(LINE.format('<scriptTask id="a" camunda:resultVariable="r"><script>[n for n in k if n > 1]</script>'
                            '</scriptTask>'), {"k": [1, 2, 3]})
    assert case.variables["r"] == [2, 3]


def test_a_failing_expression_names_its_element_and_nothing_happened():
    with pytest.raises(Invalid) as caught:
        Case(LINE.format('<scriptTask id="a"><script>x = tiada + 1</script></scriptTask>'))
    assert caught.value.where["element"] == "a" and "tiada" in str(caught.value)


def test_a_receive_task_takes_a_message_or_a_completion():
    top, body = '<message id="m" name="jawaban"/>', LINE.format('<receiveTask id="a" messageRef="m"/>')
    case = Case(body, top=top)
    assert [(s.kind, s.name, s.activity_id) for s in case.subscriptions.values()] == [("message", "jawaban", "a")]
    case.fire("a", isi="ya")
    assert case.ended and case.variables == {"isi": "ya"} and not case.subscriptions
    assert Case(body, top=top).complete("a", isi="x").variables == {"isi": "x"}


def test_a_send_task_throws_its_message():
    case = Case(LINE.format(f'<sendTask id="a" messageRef="m">{extension(io({"isi": "${k}"}))}</sendTask>'), {"k": 1},
                top='<message id="m" name="kabar"/>')
    assert case.ended and [(t.kind, t.name, t.payload) for t in case.thrown] == [("message", "kabar", {"isi": 1})]
    assert Case(LINE.format('<sendTask id="a" camunda:type="external" camunda:topic="kirim"/>')).job("a").topic == "kirim"


def test_a_none_task_is_passed():
    assert Case(LINE.format('<task id="a"/>')).ended


def test_flows_out_of_a_task_may_have_conditions():
    body = ('<startEvent id="s"/><userTask id="a" default="f3_0"/><userTask id="b"/><userTask id="c"/><userTask id="d"/>\n'
            "s -> a\na -> b : k > 1\na -> d")
    assert Case(body, {"k": 2}).complete("a").open == ["b"]
    assert Case(body, {"k": 0}).complete("a").open == ["d"]
    both = '<startEvent id="s"/><userTask id="a"/><userTask id="b"/><userTask id="c"/>\ns -> a\na -> b\na -> c'
    assert Case(both).complete("a").open == ["b", "c"]


def test_two_flows_between_the_same_two_carry_two_tokens():
    case = Case('<startEvent id="s"/><parallelGateway id="g"/><userTask id="a"/><endEvent id="e"/>\ns -> g\ng -> a\ng -> a\na -> e')
    assert case.open == ["a", "a"]
    joined = Case('<startEvent id="s"/><parallelGateway id="g"/><parallelGateway id="h"/><userTask id="a"/>\ns -> g\ng -> h'
                  '\ng -> h\nh -> a')
    assert joined.open == ["a"]


def test_an_exclusive_gateway_without_a_way_is_an_error():
    body = '<startEvent id="s"/><exclusiveGateway id="g"/><userTask id="a"/><userTask id="b"/>\ns -> g\ng -> a : k == 1\ng -> b : k == 2'
    assert Case(body, {"k": 2}).open == ["b"]
    with pytest.raises(Invalid) as caught:
        Case(body, {"k": 3})
    assert caught.value.where == {"element": "g"}


def test_a_loop_without_a_rest_is_stopped():
    body = '<startEvent id="s"/><exclusiveGateway id="g"/><task id="a"/><endEvent id="e"/>\ns -> a -> g\ng -> a : k\ng -> e : not k'
    with pytest.raises(Invalid, match="tanpa henti"):
        Case(body, {"k": True})


def test_the_label_is_lenient_about_what_is_not_there_yet():
    def labelled(text):
        properties = extension(f'<camunda:properties><camunda:property name="label" value="{text}"/></camunda:properties>')
        return Case(properties + LINE.format('<userTask id="a"/>'), {"perihal": "P"})
    for text in ("judul or perihal", "${judul or perihal}", "${get('judul') or get('perihal')}"):
        case = labelled(text)
        assert step.label(case.spec, case.live) == "P"
    assert step.label(labelled("judul.x").spec, labelled("judul.x").live) == ""


def test_a_business_rule_task_decides():
    table = b"""<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="d" namespace="n"><decision id="batas">
      <decisionTable id="t" hitPolicy="FIRST"><input id="i1"><inputExpression><text>jenis</text></inputExpression></input>
      <input id="i2"><inputExpression><text>nilai</text></inputExpression></input><output id="o" name="siapa"/><output id="o2" name="hari"/>
      <rule id="r1"><inputEntry id="a"><text>"surat","berita"</text></inputEntry><inputEntry id="b"><text>[1..5]</text></inputEntry>
        <outputEntry id="c"><text>"ketua"</text></outputEntry><outputEntry id="c2"><text>nilai * 2</text></outputEntry></rule>
      <rule id="r2"><inputEntry id="f"><text>not("surat")</text></inputEntry><inputEntry id="g"><text>&gt; 5</text></inputEntry>
        <outputEntry id="h"><text>"kasubbag"</text></outputEntry><outputEntry id="h2"><text>1</text></outputEntry></rule>
      <rule id="r3"><inputEntry id="j"><text>-</text></inputEntry><inputEntry id="k"><text></text></inputEntry>
        <outputEntry id="l"><text>"siapa saja"</text></outputEntry><outputEntry id="l2"><text></text></outputEntry></rule>
      </decisionTable></decision></definitions>"""

    def decide(mapping, **variables):
        task = f'<businessRuleTask id="a" camunda:decisionRef="batas" camunda:resultVariable="r" {mapping}/>'
        return Case(LINE.format(task), variables, files={"batas.dmn": table}).variables["r"]

    single = 'camunda:mapDecisionResult="singleEntry"'
    assert decide(single, jenis="berita", nilai=5) == "ketua"
    assert decide(single, jenis="berita", nilai=6) == "kasubbag"
    assert decide(single, jenis="surat", nilai=6) == "siapa saja"
    assert decide('camunda:mapDecisionResult="singleResult"', jenis="surat", nilai=2) == {"siapa": "ketua", "hari": 4}
    assert decide('camunda:mapDecisionResult="collectEntries"', jenis="surat", nilai=2) == ["ketua"]
    assert decide("", jenis="surat", nilai=2) == [{"siapa": "ketua", "hari": 4}]
