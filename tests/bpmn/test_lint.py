"""The lint that thinks: each kind of finding with a diagram that has it and one that has it not, and the token game as its judge."""

import json
import random
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpmn import advice, findings
from bpmn.lint import lint
from tests.bpmn.test_check import around
from tests.conftest import PEOPLE
from tests.engine.diagrams import Diagram, Tangle
from tests.engine.drive import diagram, extension, io
from tests.engine.token_game import Game

MODELS = Path(findings.__file__).parent / "models"
LANE = 'camunda:candidateGroups="pelaksana"'


def gate(kind, *names, default=""):
    given = f' default="{default}"' if default else ""
    return "\n".join(f'<{kind}Gateway id="{n}" name="{n}"{given}/>' for n in names)


def tasks(*names):
    return "\n".join(f'<userTask id="{n}" name="Memeriksa {n}" {LANE}/>' for n in names)


def form(*components, ident="isian"):
    return json.dumps({"id": ident, "components": [{"label": c.get("key", ""), **c} for c in components]}).encode()


def select(key, *values, kind="select"):
    return {"type": kind, "key": key, "validate": {"required": True}, "values": [{"value": v, "label": v} for v in values]}


def found(body, files=None, top="", attributes="", **known):
    content = body if isinstance(body, bytes) else diagram(body, top, attributes=attributes)
    return lint({"p.bpmn": content, **(files or {})}, (), **known)


def codes(*given, **known):
    return {(f.element, f.code) for f in found(*given, **known)}


SPLIT = f'<startEvent id="s"/><endEvent id="e"/>\n{tasks("a", "b")}\ns -> x\ny -> e\n'
XOR = 'x -> a : ${k == 1}\n<sequenceFlow id="fb" sourceRef="x" targetRef="b"/>\na -> y\nb -> y'
AND = "x -> a -> y\nx -> b -> y"


@pytest.mark.parametrize("split, join, flows, expected", [
    ("exclusive", "parallel", XOR, ("y", "deadlock", "error")), ("inclusive", "parallel", XOR, ("y", "deadlock", "error")),
    ("parallel", "exclusive", AND, None), ("parallel", "parallel", AND, None), ("parallel", "inclusive", AND, None),
    ("inclusive", "inclusive", XOR, None), ("exclusive", "exclusive", XOR, None), ("exclusive", "inclusive", XOR, None),
])
def test_a_parallel_join_must_get_all_that_it_waits_for(split, join, flows, expected):
    default = "" if split == "parallel" else "fb"
    seen = [f for f in found(SPLIT + gate(split, "x", default=default) + "\n" + gate(join, "y") + "\n" + flows) if f.code == "deadlock"]
    assert [(f.element, f.code, f.severity) for f in seen] == ([expected] if expected else [])


def test_a_deadlock_says_what_is_waited_for_and_after_which_choice():
    body = SPLIT + gate("exclusive", "x", default="fb") + "\n" + gate("parallel", "y") + "\n" + XOR
    finding = next(f for f in found(body) if f.code == "deadlock")
    assert finding.params == {"name": "y", "missing": "Memeriksa b", "choices": "x → Memeriksa a"}
    assert finding.why and "paralel dengan paralel" in finding.mend


def test_two_tokens_at_an_exclusive_merge_do_what_follows_twice():
    body = f'<startEvent id="s"/><endEvent id="e"/>\n{tasks("a", "b", "c")}\n' + gate("parallel", "x") + gate("exclusive", "m") + """
        s -> x -> a -> m
        x -> b -> m -> c -> e"""
    assert ("m", "twice") in codes(body)
    assert "twice" not in {c for _, c in codes(SPLIT + gate("exclusive", "x", default="fb") + gate("exclusive", "y") + "\n" + XOR)}


def test_two_ways_into_the_end_are_no_doubling():
    body = f'<startEvent id="s"/><endEvent id="e"/>\n{tasks("a", "b")}\n' + gate("parallel", "x") + "\ns -> x -> a -> e\nx -> b -> e"
    assert codes(body) == set()


def test_what_a_loop_sends_out_beside_itself_is_meant():
    body = f'<startEvent id="s"/><endEvent id="e"/>\n{tasks("a", "b")}\n' + gate("exclusive", "m") + gate("parallel", "x") + \
        "\ns -> m -> a -> x -> m\nx -> b -> e"
    assert codes(body) == set()


def test_a_fork_back_into_its_own_loop_makes_ever_more_tokens():
    body = f'<startEvent id="s"/>\n{tasks("a")}\n' + gate("exclusive", "m") + gate("parallel", "x") + "\ns -> m -> a -> x -> m\nx -> m"
    assert ("m", "twice") in codes(body)


@pytest.mark.parametrize("body, expected", [
    (f'<startEvent id="s"/><endEvent id="e"/>\n{tasks("a", "b")}\ns -> a -> e\ns -> b', ("b", "dead-end")),
    (f'<startEvent id="s"/><endEvent id="e"/>\n{tasks("a", "b", "c")}\ns -> a -> e\nb -> c -> b', ("b", "unreachable")),
    (f'<startEvent id="s"/>\n{tasks("a", "b")}\n{gate("exclusive", "m")}\ns -> m -> a -> b -> m', ("m", "never-ends")),
    ('<startEvent id="s"/>\n' + gate("exclusive", "m") + '<task id="t"/>\ns -> m -> t -> m', ("m", "endless")),
    ('<startEvent id="s"/><endEvent id="e"/>\n' + gate("exclusive", "m", "x") + '<scriptTask id="t"><script>n = 1</script></scriptTask>\n'
     "s -> m -> t -> x -> m : ${n == 1}\nx -> e : ${n != 1}", ("m", "endless")),
])
def test_what_the_drawing_tells(body, expected):
    assert expected in codes(body)


def test_a_round_without_any_rest_and_without_a_way_out_is_refused():
    body = '<startEvent id="s"/>\n' + gate("exclusive", "m") + '<task id="t"/>\ns -> m -> t -> m'
    assert [f.severity for f in found(body) if f.code == "endless"] == ["error"]


def test_what_errors_are_found_by_structure_come_alone():
    assert [f.code for f in found('<startEvent id="s"/>\n<serviceTask id="a"/>\ns -> a')] == ["no-topic"]


# Sound and unsound diagrams by the thousand ---------------------------------------------------------------------------

class Sound(Diagram):
    """Blocks in blocks, without those that let two tokens through what follows, or none."""

    def merge(self, depth):
        return self.task(depth)

    def leaky(self, block):
        return block


def deadlocks(content):
    return [f for f in found(content) if f.code in ("deadlock", "uncertain", "twice")]


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32), depth=st.integers(1, 4))
def test_sound_blocks_have_no_deadlock(seed, depth):
    # the largest may be too large to be played out, and are said to be
    assert [f.code for f in deadlocks(Sound(random.Random(seed), depth).build()) if f.code != "uncertain"] == []


@pytest.mark.parametrize("seed", range(20))
def test_sound_blocks_of_an_offices_size_are_certain(seed):
    assert deadlocks(Sound(random.Random(seed), 2).build()) == []


class Planted(Sound):
    """The same with one block in it whose parallel join waits for a branch that was not chosen."""

    def build(self):
        self.planted, self.fatal = False, None
        return super().build()

    def side_end(self, definition, start):
        """Nothing: an end that ends all frees what is stuck."""

    def level(self, block, depth):
        if not self.planted:
            self.planted = True
            bad = self.bad()
            self.flow(block[1], bad[0])
            block = block[0], bad[1]
        super().level(block, depth)

    def bad(self):
        split, join, default = self.new("a"), self.new("z"), self.new("f")
        self.fatal = join
        self.xml.append(f'<exclusiveGateway id="{split}" default="{default}"/><parallelGateway id="{join}"/>')
        one, two = self.task(), self.task()
        self.flow(split, one[0], "pick % 2 == 0")
        self.flow(split, two[0], ident=default)
        self.flow(one[1], join)
        self.flow(two[1], join)
        return split, join


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32), depth=st.integers(1, 4))
def test_a_planted_deadlock_is_found_and_no_other(seed, depth):
    made = Planted(random.Random(seed), depth)
    assert {f.element for f in deadlocks(made.build())} == {made.fatal}


def gets_stuck(content, rnd):
    """Play a tangle; whether it comes to where nothing can go on, and yet it has not ended."""
    game = Game(content, {"pick": rnd.randint(0, 5)})
    for _ in range(60):
        open_tasks = sorted(game.open_tasks(), key=str)
        if not open_tasks:
            return not game.ended
        game.complete(rnd.choice(open_tasks), {"pick": rnd.randint(0, 5)})
    return False


@pytest.mark.parametrize("first", range(0, 400, 100))
def test_whatever_gets_stuck_in_the_token_game_was_foretold(first):
    stuck = 0
    for seed in range(first, first + 100):
        content = Tangle(random.Random(seed)).build()
        foretold = deadlocks(content)
        for turn in range(4):
            if gets_stuck(content, random.Random(turn)):
                stuck += 1
                assert foretold, f"seed {seed}, turn {turn}"
    assert stuck > 10  # else this has tested nothing


def test_a_diagram_past_all_counting_says_that_it_is_not_sure():
    """Twelve inclusive branches, each of which may come or not: more markings than are looked at."""
    names = [f"t{i}" for i in range(14)]
    body = f'<startEvent id="s"/><endEvent id="e"/>\n{tasks(*names)}\n' + gate("parallel", "x", "y") + "\ns -> x\ny -> e\n"
    for number, name in enumerate(names):
        body += f'<boundaryEvent id="b{number}" attachedToRef="{name}" cancelActivity="false">' \
                f'<timerEventDefinition><timeDuration>PT1H</timeDuration></timerEventDefinition></boundaryEvent>\n{tasks(f"u{number}")}\n' \
                f"x -> {name} -> y\nb{number} -> u{number} -> w\n"
    body += gate("inclusive", "w") + "\nw -> y"
    seen = {f.code for f in found(body)}
    assert "uncertain" in seen


# Conditions and forms -------------------------------------------------------------------------------------------------

ASKED = f'<startEvent id="s"/><endEvent id="e"/><endEvent id="f"/>\n<userTask id="t" {LANE} camunda:formRef="isian"/>\n'


def chosen(*flows, default=""):
    return ASKED + gate("exclusive", "x", default=default) + "\ns -> t -> x\n" + "\n".join(flows)


def test_an_option_that_no_flow_takes_is_named():
    files = {"isian.form": form(select("jenis", "berita", "peraturan", "lain"))}
    seen = found(chosen("x -> e : ${jenis == 'berita'}", "x -> f : ${jenis == 'peraturan'}"), files)
    assert [(f.element, f.code) for f in seen] == [("x", "option-untaken")]
    assert "“lain”" in seen[0].text


def test_options_that_are_all_taken_need_no_default():
    files = {"isian.form": form(select("jenis", "berita", "lain"), {"type": "checkbox", "key": "segera"})}
    assert codes(chosen("x -> e : ${jenis == 'berita' or segera}", "x -> f : ${jenis != 'berita' and not segera}"), files) == set()


@pytest.mark.parametrize("component, condition, code", [
    (select("v", "a", "b"), "v == 'c'", "no-such-option"), (select("v", "a", "b"), "v in ['a', 'd']", "no-such-option"),
    (select("v", "a", "b", kind="checklist"), "'c' in v", "no-such-option"), (select("v", "a", "b", kind="checklist"), "v == 'a'", "compare-type"),
    ({"type": "number", "key": "v"}, "v > '5'", "compare-type"), ({"type": "checkbox", "key": "v"}, "v == 'ya'", "compare-type"),
    ({"type": "textfield", "key": "v"}, "v == 5", "compare-type"), (select("v", "a", "b"), "v == 'c' and true", "never-taken"),
    ({"type": "number", "key": "v"}, "v > 5", None), (select("v", "a", "b"), "v == 'a'", None), ({"type": "checkbox", "key": "v"}, "v", None),
    (select("v", "a", "b", kind="checklist"), "'a' in v", None), ({"type": "textfield", "key": "v"}, "v == 'x'", None),
])
def test_a_comparison_fits_the_field(component, condition, code):
    body = chosen(f"x -> e : ${{{condition}}}", '<sequenceFlow id="d" sourceRef="x" targetRef="f"/>', default="d")
    seen = {c for _, c in codes(body, {"isian.form": form(component)})}
    assert code in seen if code else seen == set()


def test_a_variable_that_a_script_sets_too_is_not_judged_by_its_form():
    body = ASKED + '<scriptTask id="k"><script>v = 5</script></scriptTask>\n' + gate("exclusive", "x", default="d") + \
        '\ns -> t -> k -> x\nx -> e : ${v == 5}\n<sequenceFlow id="d" sourceRef="x" targetRef="f"/>'
    assert codes(body, {"isian.form": form(select("v", "a"))}) == set()


# Variables ------------------------------------------------------------------------------------------------------------

def read(expression):
    return f"<scriptTask id='r'><script>hasil = {expression}</script></scriptTask>"


def test_a_name_that_nothing_sets_and_the_one_that_may_be_meant():
    seen = [f for f in found(ASKED + read("judull") + "\ns -> t -> r -> e", {"isian.form": form({"type": "textfield", "key": "judul"})})
            if f.element == "r"]
    assert [(f.code, f.params) for f in seen] == [("never-set", {"variable": "judull", "near": "judul"})]


@pytest.mark.parametrize("expression", ["get('lain')", "lain if get('lain') else 1", "judul or lain2 if judul else 0", "[x for x in judul]",
                                        "judul.strip()", "now()", "true and judul"])
def test_reading_with_care_is_no_fault(expression):
    seen = codes(ASKED + read(expression) + "\ns -> t -> r -> e", {"isian.form": form({"type": "textfield", "key": "judul"})})
    assert ("r", "maybe-unset") not in seen and ("r", "unset-yet") not in seen
    assert (("r", "never-set") in seen) == ("lain2" in expression)


def test_what_only_one_branch_sets_may_be_missing_behind_both():
    body = f"""<startEvent id="s"/><endEvent id="e"/>\n{gate("exclusive", "x", default="d")}{gate("exclusive", "y")}
        <scriptTask id="k"><script>ada = 1</script></scriptTask><task id="z"/>{read("ada")}
        s -> x
        x -> k : ${{1 == 1}}
        <sequenceFlow id="d" sourceRef="x" targetRef="z"/>
        k -> y -> r -> e
        z -> y"""
    assert codes(body) == {("r", "maybe-unset")}
    assert codes(body.replace("exclusive", "parallel").replace(' default="d"', "").replace(" : ${1 == 1}", "")) == set()


def test_what_is_set_later_is_not_there_yet():
    body = f'<startEvent id="s"/><endEvent id="e"/>\n{read("nanti")}<scriptTask id="k"><script>nanti = 1</script></scriptTask>\ns -> r -> k -> e'
    assert codes(body) == {("r", "unset-yet")}


def test_a_decision_table_reads_its_inputs_and_a_form_what_shows_its_fields():
    table = (b'<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="d" name="d" namespace="n"><decision id="tabel" name="t">'
             b'<decisionTable id="dt"><input id="i"><inputExpression id="ie" typeRef="string"><text>jenis_surat</text></inputExpression></input>'
             b'<output id="o" name="hasil" typeRef="string"/><rule id="r"><inputEntry id="e1"><text>"a"</text></inputEntry>'
             b'<outputEntry id="e2"><text>"b"</text></outputEntry></rule></decisionTable></decision></definitions>')
    rule = ('<businessRuleTask id="k" camunda:decisionRef="tabel" camunda:mapDecisionResult="singleEntry" camunda:resultVariable="hasil"/>')
    shown = {"type": "textfield", "key": "catatan", "conditional": {"hide": '=keputusn = "a"'}}
    files = {"isian.form": form(select("jenis", "a"), shown), "d.dmn": table}
    body = ASKED.replace('<endEvent id="f"/>', "") + rule + read("hasil") + "\ns -> t -> k -> r -> e"
    assert codes(body, files) == {("k", "never-set"), ("t", "never-set")}
    good = {"isian.form": form(select("jenis_surat", "a"), {**shown, "conditional": {"hide": '=jenis_surat = "a"'}}), "d.dmn": table}
    assert codes(body, good) == set()


def test_a_loop_back_does_not_make_a_variable_certain():
    body = ASKED + gate("exclusive", "m") + gate("exclusive", "x", default="d") + read("judul") + \
        "\ns -> m -> r -> t -> x -> m : ${judul == 'a'}\n<sequenceFlow id='d' sourceRef='x' targetRef='e'/>"
    assert ("r", "maybe-unset") in codes(body, {"isian.form": form({"type": "textfield", "key": "judul"})})


def test_parameters_loops_and_scopes_are_seen():
    inner = ('<multiInstanceLoopCharacteristics camunda:collection="[1, 2]" camunda:elementVariable="satu"/><startEvent id="s1"/>'
             '<scriptTask id="k"><script>dua = satu + loopCounter + masuk</script></scriptTask><endEvent id="e1"/>'
             '<sequenceFlow id="i1" sourceRef="s1" targetRef="k"/><sequenceFlow id="i2" sourceRef="k" targetRef="e1"/>')
    body = (f'<startEvent id="s"/><endEvent id="e"/>\n<subProcess id="sp">{extension(io({"masuk": "${1}"}))}{inner}</subProcess>\n'
            f'{read("dua")}\ns -> sp -> r -> e')
    assert codes(body) == {("r", "unset-yet")}  # each turn kept its own


def test_after_a_message_nothing_is_doubted():
    catch = '<intermediateCatchEvent id="c"><messageEventDefinition messageRef="m"/></intermediateCatchEvent>'
    body = f'<startEvent id="s"/><endEvent id="e"/>\n{catch}{read("dari_pesan")}\ns -> c -> r -> e'
    assert codes(body, top='<message id="m" name="kabar"/>') == set()


def test_what_a_case_is_started_with_is_named_by_the_process():
    body = f'<startEvent id="s"/><endEvent id="e"/>\n{read("nomor")}\ns -> r -> e'
    assert codes(body) == {("r", "never-set")}
    prop = extension('<camunda:properties><camunda:property name="masukan" value="nomor, lain"/></camunda:properties>')
    assert codes(prop + body) == set()


# People and rules -----------------------------------------------------------------------------------------------------

def test_tasks_of_nobody_and_groups_and_topics_that_do_not_exist():
    body = around(f'<userTask id="a"/>\n<userTask id="b" {LANE}/>\n<serviceTask id="c" camunda:type="external" camunda:topic="pos"/>')
    body += "\na -> b -> c"
    assert codes(body, groups={"sub-bagian"}, topics={"publikasi"}) >= {("a", "nobody"), ("b", "unknown-group"), ("c", "topic-unknown")}
    assert not codes(body, groups={"pelaksana"}, topics={"pos"}) & {("b", "unknown-group"), ("c", "topic-unknown")}
    assert not {c for _, c in codes(body)} & {"unknown-group", "topic-unknown"}


def step(ident, number, name="Memeriksa", more="", **said):
    properties = {"langkah": number, "kelengkapan": "Konsep", "waktu": "PT1H", "output": "Nota", **said}
    inside = "".join(f'<camunda:property name="{k}" value="{v}"/>' for k, v in properties.items() if v is not None)
    return f'<userTask id="{ident}" name="{name}" {LANE}>{extension(f"<camunda:properties>{inside}</camunda:properties>")}{more}</userTask>'


@pytest.mark.parametrize("steps, expected", [
    (step("a", "1") + step("b", "2"), None), (step("a", "1") + step("b", "3"), ("p", "sop-number")),
    (step("a", "1") + step("b", "2", waktu=""), ("b", "sop-standard")), (step("a", "1") + step("b", "2", output=None), ("b", "sop-standard")),
    (step("a", "1") + step("b", "dua"), ("b", "sop-number")), (step("a", "1", "Berkas diperiksa") + step("b", "2", "Naskah"), ("b", "sop-verb")),
    (step("a", "2") + step("b", "1"), ("fback", "sop-back")),
])
def test_the_rules_of_an_sop(steps, expected):
    body = f'<startEvent id="s"/><endEvent id="e"/>\n{steps}\ns -> a\n<sequenceFlow id="fback" sourceRef="a" targetRef="b"/>\nb -> e'
    seen = codes(body)
    assert expected in seen if expected else seen == set()


@pytest.mark.parametrize("folder", sorted(p.name for p in MODELS.iterdir() if p.is_dir()))
def test_the_shipped_procedures_are_free_of_findings(folder):
    files = {p.name: p.read_bytes() for p in (MODELS / folder).iterdir() if p.is_file()}
    groups = {group for several in PEOPLE.values() for group in several}
    assert lint(files, (), groups=groups, topics={"publikasi", "turunkan", "dokumentasikan"}) == []


def test_every_kind_of_finding_says_why_and_how_to_mend_it():
    folder = Path(findings.__file__).parent
    source = "".join(p.read_text() for p in [*(folder / "lint").glob("*.py"), folder / "check.py", folder / "support.py"])
    used = set(re.findall(r'(?:error|warning|make)\([^"]*?"([a-z-]+)"', source)) - {"deadlock"}
    assert used - advice.ADVICE.keys() == set()
    assert len(used) > 50
    assert all(why and mend for why, mend in advice.ADVICE.values())
