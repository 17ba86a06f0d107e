"""Timers, messages, signals, errors, escalations: on the way, at borders, in event subprocesses, at the end."""

import datetime as dt

import pytest

from engine import spec
from tests.engine.drive import NOW, Case, diagram, extension, io

SIGNAL = '<signal id="sg" name="darurat"/>'
MESSAGE = '<message id="m" name="kabar"/>'
ERROR = '<error id="er" errorCode="gagal"/><error id="er2" errorCode="lain"/>'
ESCALATION = '<escalation id="es" escalationCode="lambat"/>'


def at(**difference):
    return NOW + dt.timedelta(**difference)


# Timers -----------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("timer", "due"), [
    ("<timeDuration>PT2H</timeDuration>", at(hours=2)),
    ("<timeDuration>${'PT' + str(n) + 'H'}</timeDuration>", at(hours=3)),
    ("<timeDuration>P1M</timeDuration>", at(days=31)),
    ("<timeDuration>'PT5M'</timeDuration>", at(minutes=5)),
    ("<timeDate>2026-02-01T10:00:00+07:00</timeDate>", dt.datetime(2026, 2, 1, 3, tzinfo=dt.timezone.utc)),
    ("<timeDate>2026-02-01T10:00:00</timeDate>", dt.datetime(2026, 2, 1, 10, tzinfo=dt.timezone.utc)),
    ("<timeDate>${when}</timeDate>", dt.datetime(2026, 3, 1, tzinfo=dt.timezone.utc)),
    ("<timeDate>${now() + duration('P1D')}</timeDate>", at(days=1)),
    ("<timeCycle>R3/PT10M</timeCycle>", at(minutes=10)),
    ("<timeCycle>R/2026-02-01T00:00:00Z/P1D</timeCycle>", dt.datetime(2026, 2, 1, tzinfo=dt.timezone.utc)),
    ("<timeCycle>R3/PT1H/2026-02-01T00:00:00Z</timeCycle>", dt.datetime(2026, 1, 31, 22, tzinfo=dt.timezone.utc)),
])
def test_a_timer_is_due_when_it_says(timer, due):
    case = Case(f'<startEvent id="s"/><intermediateCatchEvent id="c"><timerEventDefinition>{timer}</timerEventDefinition>'
                f'</intermediateCatchEvent>'
                '<endEvent id="e"/>\ns -> c -> e', {"n": 3, "when": "2026-03-01"})
    assert (case.job("c").type, case.job("c").due_at) == ("timer", due)
    assert case.fire("c").ended


def border(definition, cancels="true", inside='<userTask id="a"/>'):
    return (f'<startEvent id="s"/>{inside}<userTask id="b"/><endEvent id="e"/><endEvent id="e2"/>'
            f'<boundaryEvent id="x" attachedToRef="a" cancelActivity="{cancels}">{definition}</boundaryEvent>\ns -> a -> e\nx -> b -> e2')


def test_a_timer_at_the_border_interrupts():
    case = Case(border("<timerEventDefinition><timeDuration>PT1H</timeDuration></timerEventDefinition>"))
    assert case.job("x").activity_instance_id == case.ids("a")[0]
    assert case.fire("x").open == ["b"] and case.canceled() == ["a"] and not case.jobs
    assert case.complete("b").ended


def test_a_completed_activity_needs_its_timer_no_more():
    case = Case(border("<timerEventDefinition><timeDuration>PT1H</timeDuration></timerEventDefinition>"))
    assert case.complete("a").ended and not case.jobs


def test_a_cycle_fires_as_often_as_it_says():
    case = Case(border("<timerEventDefinition><timeCycle>R2/PT10M</timeCycle></timerEventDefinition>", "false"))
    first = case.job("x")
    case.fire("x")
    assert case.open == ["a", "b"] and case.job("x").due_at == at(minutes=20) and case.job("x").id != first.id
    case.fire("x")
    assert case.open == ["a", "b", "b"] and not case.jobs


def test_a_duration_at_the_border_that_does_not_interrupt_fires_once():
    case = Case(border("<timerEventDefinition><timeDuration>PT1H</timeDuration></timerEventDefinition>", "false"))
    assert case.fire("x").open == ["a", "b"] and not case.jobs


def test_an_endless_cycle_goes_on():
    case = Case(border("<timerEventDefinition><timeCycle>R/P1D</timeCycle></timerEventDefinition>", "false"))
    for day in range(2, 6):
        assert case.fire("x").job("x").due_at == at(days=day)


# Messages and signals -----------------------------------------------------------------------------------------------------

def test_a_message_at_the_border_that_does_not_interrupt_may_come_again():
    case = Case(border('<messageEventDefinition messageRef="m"/>', "false"), top=MESSAGE)
    case.fire("x", k=1)
    assert case.open == ["a", "b"] and case.variables == {"k": 1}
    assert case.fire("x").open == ["a", "b", "b"]
    assert case.complete("a").open == ["b", "b"] and not case.subscriptions


def test_what_a_message_correlates_by_is_evaluated_when_it_is_waited_for():
    top = MESSAGE + ('<correlationProperty id="cp" name="nomor"><correlationPropertyRetrievalExpression messageRef="m">'
                     "<messagePath>nomor_surat</messagePath></correlationPropertyRetrievalExpression></correlationProperty>")
    case = Case(border('<messageEventDefinition messageRef="m"/>'), {"nomor_surat": "7"}, top=top)
    assert [s.correlation for s in case.subscriptions.values()] == [{"nomor": "7"}]
    throwing = Case('<startEvent id="s"/><sendTask id="a" messageRef="m"/><endEvent id="e"/>\ns -> a -> e', {"nomor_surat": "8"}, top=top)
    assert throwing.thrown[0].correlation == {"nomor": "8"}


def test_a_signal_thrown_reaches_who_waits_in_the_same_case():
    body = ('<startEvent id="s"/><parallelGateway id="g"/><userTask id="a"/><userTask id="w"/><intermediateThrowEvent id="t">'
            '<signalEventDefinition signalRef="sg"/></intermediateThrowEvent><intermediateCatchEvent id="c">'
            '<signalEventDefinition signalRef="sg"/></intermediateCatchEvent><userTask id="b"/><userTask id="d"/>'
            '<boundaryEvent id="x" attachedToRef="w"><signalEventDefinition signalRef="sg"/></boundaryEvent><userTask id="h"/>'
            "\ns -> g\ng -> a\ng -> c\ng -> w\na -> t -> b\nc -> d\nx -> h")
    case = Case(body, top=SIGNAL)
    case.complete("a")
    assert case.open == ["b", "d", "h"] and [t.name for t in case.thrown] == ["darurat"] and not case.subscriptions


def test_a_signal_may_end_its_own_thrower():
    inside = ('<subProcess id="a"><startEvent id="s1"/><userTask id="u"/><endEvent id="e1">'
              '<signalEventDefinition signalRef="sg"/></endEvent>'
              "\ns1 -> u -> e1\n</subProcess>")
    case = Case(border('<signalEventDefinition signalRef="sg"/>', inside=inside), top=SIGNAL)
    assert case.complete("u").open == ["b"]


def test_the_name_of_a_signal_may_be_an_expression():
    top = '<signal id="sg" name="darurat-${unit}"/>'
    case = Case(border('<signalEventDefinition signalRef="sg"/>'), {"unit": "x"}, top=top)
    assert [s.name for s in case.subscriptions.values()] == ["darurat-x"]


def test_an_event_gateway_goes_where_the_first_event_leads():
    body = ('<startEvent id="s"/><eventBasedGateway id="g"/><intermediateCatchEvent id="c"><messageEventDefinition messageRef="m"/>'
            '</intermediateCatchEvent><intermediateCatchEvent id="t"><timerEventDefinition><timeDuration>P1D</timeDuration>'
            '</timerEventDefinition>'
            '</intermediateCatchEvent><receiveTask id="r" messageRef="m"/><userTask id="a"/><userTask id="b"/><endEvent id="e"/>'
            "\ns -> g\ng -> c\ng -> t\ng -> r\nc -> a -> e\nt -> b\nr -> b")
    case = Case(body, top=MESSAGE)
    assert case.open == ["g"] and len(case.subscriptions) == 2 and case.job("t").due_at == at(days=1)
    case.fire("c", k=1)
    assert case.open == ["a"] and case.variables == {"k": 1} and not case.jobs and not case.subscriptions
    assert case.trail() == ["s", "g", "c", "a"]
    assert Case(body, top=MESSAGE).fire("t").open == ["b"]
    assert Case(body, top=MESSAGE).fire("r").open == ["b"]


def test_a_message_starts_a_process():
    body = ('<startEvent id="s"/><startEvent id="sm"><messageEventDefinition messageRef="m"/></startEvent><startEvent id="st">'
            '<timerEventDefinition>'
            '<timeCycle>R/P1D</timeCycle></timerEventDefinition></startEvent><userTask id="a"/><userTask id="b"/>\ns -> a'
            '\nsm -> b\nst -> b')
    assert Case(body, top=MESSAGE).open == ["a"]
    case = Case(body, {"k": 1}, top=MESSAGE, start_event="sm")
    assert case.open == ["b"] and case.entered[next(iter(case.entered))].type == "messageStartEvent"
    starts = {s.activity_id: s for s in spec.start_events(case.spec)}
    assert (starts["sm"].kind, starts["sm"].name) == ("message", "kabar")
    assert starts["st"].schedule(NOW).due == at(days=1)


def test_a_link_goes_on_at_its_other_end():
    body = ('<startEvent id="s"/><intermediateThrowEvent id="t"><linkEventDefinition name="L"/></intermediateThrowEvent>'
            '<intermediateCatchEvent id="c"><linkEventDefinition name="L"/></intermediateCatchEvent><userTask id="a"/>\ns -> t\nc -> a')
    assert Case(body).open == ["a"]


# Errors and escalations -----------------------------------------------------------------------------------------------------

def test_a_job_s_error_is_caught_at_its_border():
    task = '<serviceTask id="a" camunda:type="external" camunda:topic="t"/>'
    catch = '<errorEventDefinition errorRef="er" camunda:errorMessageVariable="kegagalan" camunda:errorCodeVariable="kode"/>'
    case = Case(border(catch, inside=task), top=ERROR)
    assert case.error("a", "lain") is None
    case.error("a", "gagal", "pesan", url="u")
    assert case.open == ["b"] and case.variables == {"kegagalan": "pesan", "kode": "gagal", "url": "u"} and not case.jobs


def test_an_error_event_without_a_code_catches_any_but_one_that_names_it_goes_first():
    task = '<serviceTask id="a" camunda:type="external" camunda:topic="t"/>'
    body = border("<errorEventDefinition/>", inside=task)
    assert Case(body, top=ERROR).error("a", "apa saja").open == ["b"]
    both = body.replace("\ns ->", '<userTask id="c"/><boundaryEvent id="y" attachedToRef="a"><errorEventDefinition errorRef="er"/>'
                        "</boundaryEvent>\ny -> c\ns ->")
    assert Case(both, top=ERROR).error("a", "gagal").open == ["c"]


def test_an_error_end_leaves_its_subprocess_and_all_in_it():
    inside = ('<subProcess id="a"><startEvent id="s1"/><parallelGateway id="g"/><userTask id="u"/><userTask id="v"/><endEvent id="e1">'
              '<errorEventDefinition errorRef="er"/></endEvent>\ns1 -> g\ng -> u -> e1\ng -> v\n</subProcess>')
    case = Case(border('<errorEventDefinition errorRef="er"/>', inside=inside), top=ERROR)
    case.complete("u")
    assert case.open == ["b"] and case.canceled() == ["a", "v"]


def test_an_error_that_nobody_catches_ends_its_path():
    case = Case('<startEvent id="s"/><userTask id="a"/><endEvent id="e"><errorEventDefinition errorRef="er"/></endEvent>'
                '\ns -> a -> e', top=ERROR)
    assert case.complete("a").ended


def test_an_error_goes_through_a_call_to_the_caller():
    child = diagram('<startEvent id="s1"/><userTask id="u"/><endEvent id="e1"><errorEventDefinition errorRef="er"/></endEvent>'
                    '\ns1 -> u -> e1',
                    ERROR, key="anak")
    caller = border('<errorEventDefinition errorRef="er"/>', inside='<callActivity id="a" calledElement="anak"/>')
    case = Case(caller, top=ERROR, called={"anak": {"anak.bpmn": child}})
    assert case.complete("u").open == ["b"]


def test_an_escalation_may_let_go_on_what_threw_it():
    inside = ('<subProcess id="a"><startEvent id="s1"/><intermediateThrowEvent id="t"><escalationEventDefinition escalationRef="es"/>'
              '</intermediateThrowEvent><userTask id="u"/><endEvent id="e1"/>\ns1 -> t -> u -> e1\n</subProcess>')
    catch = '<escalationEventDefinition escalationRef="es"/>'
    assert Case(border(catch, "false", inside), top=ESCALATION).open == ["b", "u"]
    assert Case(border(catch, "true", inside), top=ESCALATION).open == ["b"]
    assert Case(border('<signalEventDefinition signalRef="sg"/>', "true", inside), top=ESCALATION + SIGNAL).open == ["u"]


def test_a_terminate_end_ends_its_scope_only():
    inside = ('<subProcess id="a"><startEvent id="s1"/><parallelGateway id="g"/><userTask id="u"/><userTask id="v"/><endEvent id="e1">'
              "<terminateEventDefinition/></endEvent>\ns1 -> g\ng -> u -> e1\ng -> v\n</subProcess>")
    body = f'<startEvent id="s"/>{inside}<userTask id="b"/><userTask id="c"/><endEvent id="e"/>\ns -> a -> b\ns -> c\nb -> e'
    case = Case(body)
    assert case.complete("u").open == ["b", "c"] and case.canceled() == ["v"]


def test_a_transaction_is_cancelled():
    inside = ('<transaction id="a"><startEvent id="s1"/><parallelGateway id="g"/><userTask id="u"/><userTask id="v"/><endEvent id="e1">'
              "<cancelEventDefinition/></endEvent>\ns1 -> g\ng -> u -> e1\ng -> v\n</transaction>")
    assert Case(border("<cancelEventDefinition/>", inside=inside)).complete("u").open == ["b"]
    plain = f'<startEvent id="s"/>{inside}<userTask id="b"/>\ns -> a -> b'
    assert Case(plain).complete("u").open == ["b"]


# Event subprocesses ---------------------------------------------------------------------------------------------------------

def with_event_subprocess(definition, interrupts, rest=""):
    return ('<startEvent id="s"/><userTask id="a"/><endEvent id="e"/><subProcess id="es" triggeredByEvent="true">'
            f'<startEvent id="s1" isInterrupting="{interrupts}">{definition}</startEvent><userTask id="u"/><endEvent id="e1"/>'
            f"\ns1 -> u -> e1\n</subProcess>{rest}\ns -> a -> e")


def test_an_event_subprocess_that_does_not_interrupt_runs_beside():
    case = Case(with_event_subprocess('<messageEventDefinition messageRef="m"/>', "false"), top=MESSAGE)
    assert [s.activity_instance_id for s in case.subscriptions.values()] == [None]
    case.fire("s1", k=1)
    case.fire("s1")
    assert case.open == ["a", "u", "u"] and case.variables == {"k": 1}
    case.complete("a")
    assert not case.ended and case.subscriptions, "it may come again while the case goes on"
    case.complete("u")
    assert case.complete("u").ended and not case.subscriptions


def test_an_event_subprocess_that_interrupts_takes_over():
    case = Case(with_event_subprocess('<messageEventDefinition messageRef="m"/>', "true"), top=MESSAGE)
    case.fire("s1")
    assert case.open == ["u"] and case.canceled() == ["a"] and not case.subscriptions
    assert case.complete("u").ended


def test_an_error_event_subprocess_catches_what_its_scope_throws():
    task = '<serviceTask id="a" camunda:type="external" camunda:topic="t"/>'
    body = with_event_subprocess('<errorEventDefinition errorRef="er"'
                                 ' camunda:errorMessageVariable="m"/>', "true").replace('<userTask id="a"/>', task)
    case = Case(body, top=ERROR).error("a", "gagal", "pesan")
    assert case.open == ["u"] and case.variables == {"m": "pesan"}
    inner = case.error("u", "gagal")
    assert inner is None, "what is thrown in it is not for itself"


def test_a_timer_of_an_event_subprocess_is_cancelled_with_its_scope():
    body = with_event_subprocess("<timerEventDefinition><timeCycle>R/PT1H</timeCycle></timerEventDefinition>", "false")
    case = Case(body)
    case.fire("s1")
    assert case.open == ["a", "u"] and case.job("s1").due_at == at(hours=2)
    case.complete("u")
    assert case.complete("a").ended and not case.jobs


# Conditions -------------------------------------------------------------------------------------------------------------------

def test_a_conditional_event_fires_when_its_condition_becomes_true():
    catch = "<conditionalEventDefinition><condition>get('k', 0) &gt; 5</condition></conditionalEventDefinition>"
    case = Case(border(catch, "false"))
    assert case.set(k=3).open == ["a"]
    assert case.set(k=6).open == ["a", "b"]
    assert case.set(k=7).open == ["a", "b"], "it was true already"
    case.set(k=1)
    assert case.set(k=9).open == ["a", "b", "b"]
    assert Case(border(catch), {"k": 6}).open == ["b"], "true from the beginning"


def test_conditions_behind_an_event_gateway_and_of_an_event_subprocess():
    condition = "<conditionalEventDefinition><condition>${k &gt; 5}</condition></conditionalEventDefinition>"
    body = (f'<startEvent id="s"/><eventBasedGateway id="g"/><intermediateCatchEvent id="c">{condition}</intermediateCatchEvent>'
            '<intermediateCatchEvent id="t"><timerEventDefinition><timeDuration>P1D</timeDuration></timerEventDefinition>'
            '</intermediateCatchEvent>'
            '<userTask id="a"/>\ns -> g\ng -> c\ng -> t\nc -> a')
    case = Case(body, {"k": 1})
    assert case.open == ["g"] and case.set(k=6).open == ["a"] and not case.jobs
    case = Case(with_event_subprocess(condition, "true"), {"k": 1})
    assert case.open == ["a"] and case.set(k=6).open == ["u"]


def test_an_intermediate_condition_is_waited_for():
    body = ('<startEvent id="s"/><userTask id="a"/><intermediateCatchEvent id="c"><conditionalEventDefinition>'
            '<condition>${siap}</condition>'
            '</conditionalEventDefinition></intermediateCatchEvent><endEvent id="e"/><userTask id="b"/>\ns -> c -> e\ns -> b')
    case = Case(body, {"siap": False})
    assert case.open == ["b", "c"]
    assert case.complete("b", siap=True).ended


def test_a_message_end_event_may_be_a_job():
    body = ('<startEvent id="s"/><endEvent id="e"><messageEventDefinition messageRef="m" camunda:type="external" camunda:topic="kirim"/>'
            "</endEvent>\ns -> e")
    case = Case(body, top=MESSAGE)
    assert case.job("e").topic == "kirim" and not case.thrown
    assert case.complete("e").ended


def test_a_thrown_message_carries_its_inputs():
    body = (f'<startEvent id="s"/><intermediateThrowEvent id="t">{extension(io({"isi": "${k}"}))}<messageEventDefinition messageRef="m"/>'
            "</intermediateThrowEvent>\ns -> t")
    assert [(t.name, t.payload) for t in Case(body, {"k": 1}, top=MESSAGE).thrown] == [("kabar", {"isi": 1})]
