"""What becomes of each thing that a case can stand on when it goes to another version of its process."""

import datetime as dt

import pytest

from bpmn.errors import Invalid
from engine import migrating, spec
from engine.intents import Dropped, JobWanted
from engine.migration_plan import Plan, check, propose
from tests.engine.drive import Case, diagram

MESSAGES = '<message id="m_a" name="Balas"/><message id="m_b" name="Jawab"/><error id="gagal" errorCode="gagal"/>'
TIMER = '<timerEventDefinition><timeDuration>{}</timeDuration></timerEventDefinition>'
MESSAGE = '<messageEventDefinition messageRef="m_a"/>'


def compiled(body, called=None):
    return spec.compile({"p.bpmn": body if isinstance(body, bytes) else diagram(body, MESSAGES)}, called)


def move(case: Case, body, changes: dict | None = None, *, renew=(), called=None, after: int = 0) -> migrating.Migrated:
    """Bring a case to another version by what is proposed, with changes (None: left out); the case goes on there."""
    target = compiled(body, called)
    plan = {**propose(case.spec, target).plan.activities, **(changes or {})}
    plan = Plan({a: b for a, b in plan.items() if b}, frozenset(renew))
    errors = [f.text for f in check(plan, case.spec, target) if f.severity == "error"]
    assert errors == []
    case.now += dt.timedelta(hours=after)
    done = migrating.migrate(case.spec, target, case.live, plan, case.now, case.new_id)
    case.spec = target
    for kept in done.kept:
        book = case.jobs if kept.id in case.jobs else case.subscriptions
        changes = {"activity_id": kept.activity_id} | ({"name": kept.name} if kept.name is not None else {})
        book[kept.id] = type(book[kept.id])(**{**book[kept.id].__dict__, **changes})
    case.take(done.outcome)
    return done


def errors_of(body, other, plan: dict) -> list[str]:
    return [f.text for f in check(Plan(plan), compiled(body), compiled(other)) if f.severity == "error"]


def refusal(case: Case, body, plan: dict, called=None) -> Invalid:
    with pytest.raises(Invalid) as caught:
        migrating.migrate(case.spec, compiled(body, called), case.live, Plan(plan), case.now, case.new_id)
    return caught.value


ONE = """<startEvent id="s"/><userTask id="a" name="Tulis"/><userTask id="b" name="Periksa"/><endEvent id="e"/>
s -> a -> b -> e"""


# Tasks ----------------------------------------------------------------------------------------------------------------

def test_a_task_keeps_its_id_and_goes_on_through_a_step_that_is_new():
    case = Case(ONE)
    task = case.ids("a")
    done = move(case, ONE.replace('name="Tulis"', 'name="Tulis naskah"').replace(
        '<endEvent id="e"/>', '<userTask id="baru"/><endEvent id="e"/>').replace("a -> b", "a -> baru -> b"))
    assert case.ids("a") == task
    [moved] = done.moved
    assert (moved.id, moved.activity_id, moved.name, moved.scope_id) == (task[0], "a", "Tulis naskah", None)
    assert not done.goes_on and not done.outcome.intents
    assert case.complete("a").open == ["baru"]
    assert case.complete("baru").complete("b").ended


def test_a_task_that_is_gone_is_refused_until_the_plan_says_where_to():
    case = Case(ONE).complete("a")
    without = '<startEvent id="s"/><userTask id="a" name="Tulis"/><endEvent id="e"/>\ns -> a -> e'
    problem = refusal(case, without, {"a": "a"})
    assert problem.where == {"element": "b"} and "Periksa" in str(problem)
    move(case, without, {"b": "a"})
    assert case.open == ["a"] and case.complete("a").ended


def test_who_may_do_it_and_how_urgent_it_is_are_the_new_version_s():
    case = Case(ONE, {"tim": "humas"})
    done = move(case, ONE.replace('id="a" name="Tulis"', 'id="a" name="Tulis" camunda:candidateGroups="${tim}" camunda:priority="70"'))
    assert done.moved[0].task.candidate_groups == ("humas",) and done.moved[0].task.priority == 70


def test_an_expression_of_the_new_version_that_fails_refuses_the_case():
    problem = refusal(Case(ONE), ONE.replace('id="a"', 'id="a" camunda:candidateGroups="${belum}"'), {"a": "a"})
    assert problem.where["element"] == "a"


# Proposing and checking -----------------------------------------------------------------------------------------------

def test_what_has_another_id_is_guessed_by_its_name_and_said_to_be_a_guess():
    found = propose(compiled(ONE), compiled(ONE.replace('"a"', '"tulis"').replace("-> a", "-> tulis")))
    assert found.plan.activities == {"a": "tulis", "b": "b"} and found.guesses == {"a"}


def test_two_of_a_name_are_not_guessed():
    twice = ONE.replace('"a"', '"x"').replace('"b" name="Periksa"', '"y" name="Tulis"').replace("a -> b", "x -> y")
    assert propose(compiled(ONE), compiled(twice)).plan.activities == {}


@pytest.mark.parametrize(("body", "other", "plan", "said"), [
    (ONE, ONE, {"zz": "a"}, "“zz” tidak ada di versi asal."),
    (ONE, ONE, {"a": "zz"}, "“zz” tidak ada di versi tujuan."),
    (ONE, ONE.replace('<userTask id="a" name="Tulis"/>', '<receiveTask id="a" name="Tulis" messageRef="m_a"/>'), {"a": "a"}, "berbeda jenis"),
    (ONE, ONE.replace('name="Tulis"/>', 'name="Tulis"><multiInstanceLoopCharacteristics><loopCardinality>2</loopCardinality>'
                      '</multiInstanceLoopCharacteristics></userTask>'), {"a": "a"}, "berbeda cara berulangnya"),
])
def test_a_plan_that_cannot_be_is_said_so(body, other, plan, said):
    [text] = errors_of(body, other, plan)
    assert said in text


def test_what_stands_at_or_in_what_becomes_nothing_is_no_error_of_its_own():
    body = bordered(MESSAGE)
    found = check(Plan({"lewat": "lewat"}), compiled(body), compiled(body))
    assert {(f.severity, f.element) for f in found} == {("warning", "a"), ("warning", "x")}
    [text] = errors_of(body, bordered(MESSAGE).replace('attachedToRef="a"', 'attachedToRef="x"'), {"a": "a", "lewat": "lewat"})
    assert "tidak menempel" in text


# Subprocesses ---------------------------------------------------------------------------------------------------------

INSIDE = """<startEvent id="s"/><subProcess id="sub" name="Bagian"><startEvent id="s2"/><userTask id="a" name="Tulis"/>
<userTask id="b" name="Periksa"/><endEvent id="e2"/>
<sequenceFlow id="i1" sourceRef="s2" targetRef="a"/><sequenceFlow id="i2" sourceRef="a" targetRef="b"/>
<sequenceFlow id="i3" sourceRef="b" targetRef="e2"/></subProcess>
<boundaryEvent id="lewat" attachedToRef="sub">""" + TIMER.format("PT2H") + """</boundaryEvent><userTask id="telat"/><endEvent id="e"/><endEvent id="e3"/>
s -> sub -> e
lewat -> telat -> e3"""


def test_a_subprocess_may_be_added_around_what_waits():
    case = Case(ONE)
    done = move(case, INSIDE)
    [scope] = [i for i, e in case.entered.items() if e.activity_id == "sub"]
    assert done.moved[0].scope_id == scope, "the task is in it now"
    assert [j.activity_id for j in case.jobs.values()] == ["lewat"], "and its boundary timer runs from now"
    assert case.complete("a").complete("b").ended


def test_a_subprocess_may_be_taken_away_around_what_waits():
    case = Case(INSIDE)
    done = move(case, ONE)
    assert case.canceled() == ["sub"] and not case.jobs and done.moved[0].scope_id is None
    assert case.complete("a").complete("b").ended


def test_what_is_in_a_subprocess_stays_in_what_that_becomes():
    both = INSIDE.replace('<userTask id="telat"/>', '<userTask id="telat"/><userTask id="luar" name="Luar"/>').replace("-> telat", "-> telat -> luar")
    [text] = errors_of(INSIDE, both, {"sub": "sub", "a": "luar"})
    assert "subproses yang lain" in text
    problem = refusal(Case(INSIDE), both, {"sub": "sub", "a": "luar"})
    assert problem.where == {"element": "a"}


# Multi-instance -------------------------------------------------------------------------------------------------------

def several(mode: str, name: str = "a", inside: str = "") -> str:
    return f"""<startEvent id="s"/><userTask id="{name}" name="Tulis {name}"><multiInstanceLoopCharacteristics isSequential="{mode}" camunda:collection="orang"
camunda:elementVariable="siapa"><completionCondition>${{nrOfCompletedInstances &gt;= 3}}</completionCondition></multiInstanceLoopCharacteristics></userTask>{inside}<endEvent id="e"/>
s -> {name} -> e"""


@pytest.mark.parametrize("mode", ["true", "false"])
def test_several_turns_go_on_with_what_each_has(mode):
    case = Case(several(mode), {"orang": ["x", "y", "z", "w"]}).complete("a")
    move(case, several(mode, "tulis"), {"a": "tulis"})
    assert case.seen("tulis")["siapa"] == "y" and case.seen("tulis")["nrOfCompletedInstances"] == 1
    assert case.complete("tulis").complete("tulis").ended, "three of four are enough, as before"


def test_parallel_and_sequential_are_not_the_same():
    assert "berulangnya" in errors_of(several("true"), several("false"), {"a": "a"})[0]
    case = Case(several("true"), {"orang": ["x", "y"]})
    assert "berulangnya" in str(refusal(case, several("false"), {"a": "a"}))


# Events ---------------------------------------------------------------------------------------------------------------

def bordered(border: str, name: str = "lewat", cancel: str = "false") -> str:
    return f"""<startEvent id="s"/><userTask id="a" name="Tulis"/><boundaryEvent id="{name}" attachedToRef="a" cancelActivity="{cancel}">{border}</boundaryEvent>
<userTask id="x"/><endEvent id="e"/><endEvent id="e2"/>
s -> a -> e
{name} -> x -> e2"""


def test_a_timer_keeps_its_due_time_unless_the_plan_says_otherwise():
    case = Case(bordered(TIMER.format("PT5H")))
    [before] = case.jobs.values()
    move(case, bordered(TIMER.format("PT9H"), "batas"), after=2)
    [job] = case.jobs.values()
    assert (job.id, job.due_at, job.activity_id) == (before.id, before.due_at, "batas")
    assert case.fire("batas").open == ["a", "x"]
    other = Case(bordered(TIMER.format("PT5H")))
    done = move(other, bordered(TIMER.format("PT9H")), renew=["lewat"], after=2)
    assert [type(i) for i in done.outcome.intents] == [Dropped, JobWanted]
    assert [j.due_at for j in other.jobs.values()] == [other.now + dt.timedelta(hours=9)]


def test_a_border_s_timer_that_fired_does_not_begin_again():
    case = Case(bordered(TIMER.format("PT5H"))).fire("lewat").complete("x")
    assert not case.jobs
    move(case, bordered(TIMER.format("PT5H")))
    assert not case.jobs and case.complete("a").ended


def test_a_border_event_is_added_and_dropped():
    plain = '<startEvent id="s"/><userTask id="a" name="Tulis"/><endEvent id="e"/>\ns -> a -> e'
    case = Case(plain)
    move(case, bordered(MESSAGE, cancel="true"))
    assert [s.name for s in case.subscriptions.values()] == ["Balas"]
    move(case, plain)
    assert not case.subscriptions and case.complete("a").ended


def test_a_message_s_subscription_takes_the_new_name():
    waiting = """<startEvent id="s"/><intermediateCatchEvent id="c">""" + MESSAGE + """</intermediateCatchEvent><endEvent id="e"/>
s -> c -> e"""
    case = Case(diagram(waiting, MESSAGES))
    [before] = case.subscriptions
    done = move(case, waiting.replace("m_a", "m_b"))
    assert [(k.id, k.activity_id, k.name) for k in done.kept] == [(before, "c", "Jawab")]
    assert case.fire("c").ended


GATE = """<startEvent id="s"/><eventBasedGateway id="g"/><intermediateCatchEvent id="c1">""" + MESSAGE + """</intermediateCatchEvent>
<intermediateCatchEvent id="{0}">{1}</intermediateCatchEvent><userTask id="t1"/><userTask id="t2"/><endEvent id="e"/>
s -> g -> c1 -> t1 -> e
g -> {0} -> t2 -> e"""


def test_an_event_based_gateway_goes_on_waiting_for_what_is_mapped():
    case = Case(diagram(GATE.format("c2", TIMER.format("PT1H")), MESSAGES))
    [job] = case.jobs
    move(case, GATE.format("nanti", TIMER.format("PT3H")), {"c2": "nanti"}, after=1)
    assert list(case.jobs) == [job] and case.fire("nanti").open == ["t2"] and not case.subscriptions
    other = Case(diagram(GATE.format("c2", TIMER.format("PT1H")), MESSAGES))
    move(other, GATE.format("lain", '<messageEventDefinition messageRef="m_b"/>'))
    assert not other.jobs and sorted(s.name for s in other.subscriptions.values()) == ["Balas", "Jawab"]
    assert other.fire("lain").open == ["t2"]


def beside(interrupting: str, extra: str = "") -> str:
    return f"""<startEvent id="s"/><userTask id="a" name="Tulis"/><endEvent id="e"/>
<subProcess id="es" triggeredByEvent="true"><startEvent id="es_s" isInterrupting="{interrupting}">{MESSAGE}</startEvent><userTask id="x" name="Jawab"/><endEvent id="es_e"/>
<sequenceFlow id="i1" sourceRef="es_s" targetRef="x"/><sequenceFlow id="i2" sourceRef="x" targetRef="es_e"/></subProcess>{extra}
s -> a -> e"""


MORE = """<subProcess id="es2" triggeredByEvent="true"><startEvent id="es2_s"><messageEventDefinition messageRef="m_b"/></startEvent><endEvent id="es2_e"/>
<sequenceFlow id="k1" sourceRef="es2_s" targetRef="es2_e"/></subProcess>"""


def test_an_event_subprocess_goes_on_and_a_new_one_is_waited_for():
    case = Case(diagram(beside("false"), MESSAGES)).fire("es_s")
    move(case, beside("false", MORE))
    assert case.open == ["a", "x"] and sorted(s.activity_id for s in case.subscriptions.values()) == ["es2_s", "es_s"]
    assert case.complete("x").fire("es_s").open == ["a", "x"], "it can begin again"


def test_a_scope_that_was_interrupted_waits_for_nothing_more():
    case = Case(diagram(beside("true"), MESSAGES)).fire("es_s")
    move(case, beside("true", MORE))
    assert case.open == ["x"] and not case.subscriptions and case.complete("x").ended


# Joins ----------------------------------------------------------------------------------------------------------------

FORK = """<startEvent id="s"/><parallelGateway id="f"/><userTask id="a" name="A"/><userTask id="b" name="B"/><parallelGateway id="j"/>
<userTask id="z"/><endEvent id="e"/>
s -> f -> a -> j -> z -> e
f -> b -> j"""


def test_a_token_that_came_to_a_join_has_come_there_in_the_new_version():
    case = Case(FORK).complete("a")
    move(case, FORK.replace('"j"/>', '"temu"/>').replace("-> j", "-> temu"), {"j": "temu"})
    assert case.open == ["b", "temu"] and case.complete("b").open == ["z"]


def test_a_token_is_taken_to_have_passed_a_step_put_in_behind_it():
    case = Case(FORK).complete("a")
    move(case, FORK.replace('<userTask id="z"/>', '<userTask id="z"/><userTask id="baru"/>').replace("f -> a -> j", "f -> a -> baru -> j"))
    assert case.complete("b").open == ["z"]


def test_a_branch_that_is_new_and_nobody_is_on_is_refused_and_before_the_fork_it_is_not():
    third = FORK.replace('<userTask id="z"/>', '<userTask id="z"/><userTask id="c"/>') + "\nf -> c -> j"
    plan = {"a": "a", "b": "b", "j": "j", "z": "z"}
    problem = refusal(Case(FORK).complete("a"), third, plan)
    assert "tidak akan datang" in str(problem) and problem.where["element"] == "j"
    assert "tidak akan datang" in str(refusal(Case(FORK), third, plan)), "both are on their way, the third never will be"
    waiting = FORK.replace("s -> f", "s -> awal -> f").replace('<userTask id="z"/>', '<userTask id="z"/><userTask id="awal"/>')
    case = Case(waiting)
    move(case, waiting.replace('<userTask id="z"/>', '<userTask id="z"/><userTask id="c"/>') + "\nf -> c -> j")
    assert case.complete("awal").open == ["a", "b", "c"]


def test_a_join_whose_missing_branch_is_gone_lets_the_case_go_on():
    single = """<startEvent id="s"/><userTask id="a" name="A"/><userTask id="x" name="X"/><parallelGateway id="f"/><parallelGateway id="j"/><userTask id="z"/><endEvent id="e"/>
s -> f -> a -> j -> z -> e
f -> x -> j"""
    three = """<startEvent id="s"/><userTask id="a" name="A"/><userTask id="x" name="X"/><userTask id="y" name="Y"/><parallelGateway id="f"/><parallelGateway id="j"/><userTask id="z"/><endEvent id="e"/>
s -> f -> a -> j -> z -> e
f -> x -> j
f -> y -> j"""
    case = Case(three).complete("a").complete("x")
    assert "belum dipetakan" in str(refusal(case, single, {"a": "a", "x": "x", "j": "j"}))
    assert move(case, single, {"y": "x"}).goes_on
    assert case.open == ["x", "z"]


# Calls and jobs -------------------------------------------------------------------------------------------------------

CALL = """<startEvent id="s"/><callActivity id="panggil" calledElement="anak"/><endEvent id="e"/>
s -> panggil -> e"""


def child(task: str) -> dict:
    return {"anak": {"anak.bpmn": diagram(f'<startEvent id="s"/><userTask id="{task}" name="Isi"/><endEvent id="e"/>\ns -> {task} -> e', key="anak")}}


def test_a_call_goes_on_inside_the_version_that_the_new_one_calls():
    case = Case(CALL, called=child("isi"))
    task = case.ids("isi")
    move(case, CALL, called=child("isi"))
    assert case.ids("isi") == task and case.complete("isi").ended


def test_where_the_called_process_changed_the_plan_names_its_steps_by_its_key():
    case = Case(CALL, called=child("isi"))
    found = propose(case.spec, compiled(CALL, child("lengkapi")))
    assert found.plan.activities == {"panggil": "panggil", "anak:isi": "anak:lengkapi"} and found.guesses == {"anak:isi"}
    problem = refusal(case, CALL, {"panggil": "panggil"}, child("lengkapi"))
    assert problem.where == {"element": "anak:isi"}
    move(case, CALL, called=child("lengkapi"))
    assert case.complete("lengkapi").ended


def service(topic: str, name: str = "kirim") -> str:
    return f"""<startEvent id="s"/><serviceTask id="{name}" name="Kirim" camunda:type="external" camunda:topic="{topic}"/><endEvent id="e"/>
s -> {name} -> e"""


def test_a_call_that_waits_keeps_its_job_and_another_service_is_refused():
    case = Case(service("publikasi"))
    [job] = case.jobs
    assert "layanan yang lain" in str(refusal(case, service("surat"), {"kirim": "kirim"}))
    move(case, service("publikasi", "terbit"), {"kirim": "terbit"})
    assert case.job("terbit").id == job and case.complete("terbit").ended

