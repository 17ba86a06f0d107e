"""What Terbit's engine can run: rules for each kind of element, by which `bpmn.check` refuses the rest."""

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import cached_property

from bpmn import expressions, sop, timers
from bpmn.errors import N_, Invalid
from bpmn.findings import Finding, error, of_invalid, warning
from bpmn.model import ACTIVITIES, Element, Flow, Process, Trigger, Value

EXTENSIONS = {"properties", "inputOutput", "in", "out"}
IGNORED_EXTENSIONS = {"failedJobRetryTimeCycle", "constraint", "potentialStarter"}
LISTENERS = {"executionListener", "taskListener"}
CODE = ("class", "delegateExpression", "expression", "variableMappingClass", "variableMappingDelegateExpression", "resource", "caseRef",
        "formHandlerClass")
INTERPOLATED = ("assignee", "candidateUsers", "candidateGroups", "dueDate", "followUpDate", "priority", "topic", "formKey", "formRef")
HARMLESS = {"documentation", "extensionElements", "laneSet", "incoming", "outgoing", "multiInstanceLoopCharacteristics",
            "standardLoopCharacteristics", "dataObject", "dataObjectReference", "dataStoreReference", "textAnnotation", "association",
            "group", "ioSpecification", "property", "dataInputAssociation", "dataOutputAssociation", "auditing", "monitoring",
            "potentialOwner", "humanPerformer", "performer", "resourceRole", "correlationSubscription", "supports"}
TRIGGERS = {
    "startEvent": {"message", "signal", "timer"},
    "intermediateCatchEvent": {"message", "signal", "timer", "conditional", "link"},
    "boundaryEvent": {"message", "signal", "timer", "conditional", "error", "escalation", "cancel"},
    "intermediateThrowEvent": {"message", "signal", "escalation", "link"},
    "endEvent": {"message", "signal", "error", "escalation", "terminate", "cancel"},
    "sendTask": {"message"}, "receiveTask": {"message"},
}
EVENT_SUBPROCESS = {"message", "signal", "timer", "conditional", "error", "escalation"}
Where = tuple[str, int, str]  # file, line, element
MAPPINGS = {"", "singleEntry", "singleResult", "collectEntries", "resultList"}


@dataclass(frozen=True)
class Context:
    """What an element's check may look at beside the element."""

    file: str
    process: Process
    own: frozenset[str]  # keys of the executable processes in the deployment
    called: Collection[str] | None  # keys of those elsewhere; None: not known
    decisions: frozenset[str]
    forms: frozenset[str]

    @cached_property
    def incoming(self) -> dict[str, list[Flow]]:
        return _by(self.process.flows, lambda f: f.target)

    @cached_property
    def outgoing(self) -> dict[str, list[Flow]]:
        return _by(self.process.flows, lambda f: f.source)


def _by(flows, key) -> dict[str, list[Flow]]:
    found: dict[str, list[Flow]] = {}
    for flow in flows:
        found.setdefault(key(flow), []).append(flow)
    return found


def process(context: Context) -> Iterator[Finding]:
    """Give what the process itself asks for that cannot be."""
    found = context.process
    where = (context.file, found.line, found.key)
    yield from _extensions(found.extensions, where)
    for tag, ident, line, _ in found.strangers:
        if tag not in HARMLESS:
            yield error(context.file, line, ident, "unsupported", N_("Elemen %(type)s tidak didukung"), type=tag)
    if found.properties.get("label"):
        label = found.properties["label"]
        yield from _tried(context, found.line, found.key, expressions.check_interpolated if "{" in label else expressions.check, label)


def element(context: Context, e: Element) -> Iterator[Finding]:
    """Give what one element asks for that cannot be."""
    where = (context.file, e.line, e.id)
    if e.type in ("complexGateway", "adHocSubProcess"):
        yield error(*where, "unsupported", N_("Elemen %(type)s tidak didukung"), type=e.type)
        return
    if e.attributes.get("isForCompensation") == "true":
        yield error(*where, "unsupported", N_("Kompensasi tidak didukung"))
    if e.attributes.get("instantiate") == "true":
        yield error(*where, "unsupported", N_("Elemen yang memulai proses (instantiate) tidak didukung; pakai peristiwa mulai"))
    for name in CODE:
        if name in e.camunda:
            yield error(*where, "code", N_("camunda:%(name)s tidak didukung; pakai camunda:type=\"external\" dengan topic"), name=name)
    yield from _extensions(e.extensions, where)
    yield from _events(context, e)
    yield from _loop(context, e)
    yield from _texts(context, e)
    yield from _paper(context, e)
    yield from KINDS.get(e.type, _nothing)(context, e)


def _nothing(context: Context, e: Element) -> Iterator[Finding]:
    return iter(())


def _extensions(names: frozenset[str], where: Where) -> Iterator[Finding]:
    for name in sorted(names - EXTENSIONS):
        if name in IGNORED_EXTENSIONS:
            yield warning(*where, "ignored", N_("camunda:%(name)s tidak dibaca"), name=name)
        elif name in LISTENERS:
            yield error(*where, "listener", N_("Listener (camunda:%(name)s) tidak didukung"), name=name)
        else:
            yield error(*where, "extension", N_("camunda:%(name)s tidak didukung"), name=name)


def _tried(context: Context, line: int, ident: str, function: Callable, text: str) -> Iterator[Finding]:
    try:
        function(text, file=context.file, line=line, element=ident)
    except Invalid as problem:
        yield of_invalid(problem, context.file, "expression", line, ident)


# Texts and expressions ------------------------------------------------------------------------------------------------

def _texts(context: Context, e: Element) -> Iterator[Finding]:
    for text in [e.name, e.documentation if e.type in ("userTask", "manualTask") else "", *(e.camunda.get(n, "") for n in INTERPOLATED)]:
        yield from _tried(context, e.line, e.id, expressions.check_interpolated, text)
    for name, value in (*e.inputs, *e.outputs):
        if not name:
            yield error(context.file, e.line, e.id, "parameter", N_("Parameter tanpa nama"))
        yield from _value(context, e, value)
    for mapping in e.mappings:
        yield from _tried(context, e.line, e.id, expressions.check_interpolated, mapping.get("sourceExpression", ""))
        if not ("businessKey" in mapping or mapping.get("variables") == "all" or (
                mapping.get("target") and (mapping.get("source") or mapping.get("sourceExpression")))):
            yield error(context.file, e.line, e.id, "mapping", N_("camunda:%(direction)s tidak lengkap"), direction=mapping["direction"])


def _paper(context: Context, e: Element) -> Iterator[Finding]:
    """Give what is wrong with the paper that a task leads to, see `bpmn.sop`."""
    kind = e.properties.get("naskah", "")
    if kind and kind not in sop.PAPERS:
        yield error(context.file, e.line, e.id, "paper", N_("Naskah %(kind)s tidak dikenal; yang ada: %(known)s"),
                    kind=kind, known=", ".join(sop.PAPERS))
    if kind and e.type != "userTask":
        yield error(context.file, e.line, e.id, "paper", N_("Hanya tugas pengguna yang dapat menghasilkan naskah"))
    for name in ("naskah_kepada", "naskah_isi"):
        yield from _tried(context, e.line, e.id, expressions.check_interpolated, e.properties.get(name, ""))


def _value(context: Context, e: Element, value: Value) -> Iterator[Finding]:
    if value.kind == "script":
        if value.format.lower() not in ("", "python", "feel"):
            yield error(context.file, e.line, e.id, "language", N_("Bahasa skrip %(language)s tidak didukung"), language=value.format)
        else:
            yield from _tried(context, e.line, e.id, expressions.check, value.content)
    elif value.kind == "text":
        yield from _tried(context, e.line, e.id, expressions.check_interpolated, value.content)
    else:
        for part in value.content:
            yield from _value(context, e, part[1] if value.kind == "map" else part)


# Events ---------------------------------------------------------------------------------------------------------------

def _events(context: Context, e: Element) -> Iterator[Finding]:
    if len(e.triggers) > 1:
        yield error(context.file, e.line, e.id, "multiple", N_("Peristiwa dengan lebih dari satu pemicu tidak didukung"))
    parent = context.process.elements.get(e.parent)
    allowed = TRIGGERS.get(e.type, set())
    if e.type == "startEvent" and parent is not None:
        allowed = EVENT_SUBPROCESS if parent.is_event_subprocess else set()
    for trigger in e.triggers:
        where = (context.file, trigger.line or e.line, e.id)
        if trigger.kind not in allowed:
            yield error(*where, "trigger", N_("Pemicu %(kind)s tidak didukung pada %(type)s"), kind=trigger.kind, type=e.type)
        if trigger.kind in ("error", "cancel") and e.type in ("startEvent", "boundaryEvent") and not e.interrupting:
            yield error(*where, "non-interrupting", N_("Galat dan pembatalan selalu memutus kegiatannya"))
        yield from _trigger(context, e, trigger, where)
    if not e.triggers and e.type in ("intermediateCatchEvent", "boundaryEvent"):
        yield error(context.file, e.line, e.id, "no-trigger", N_("Peristiwa ini tidak menunggu apa pun"))
    if e.type == "boundaryEvent":
        yield from _boundary(context, e)


def _trigger(context: Context, e: Element, trigger: Trigger, where: Where) -> Iterator[Finding]:
    if trigger.missing and not e.topic:
        yield error(*where, "reference", N_("Acuan %(ref)s tidak menunjuk apa pun"), ref=trigger.missing)
    if trigger.kind == "timer":
        yield from _timer(context, e, trigger, where)
    elif trigger.kind == "conditional":
        yield from _tried(context, where[1], e.id, expressions.check, trigger.expression)
    elif trigger.kind in ("error", "escalation") and e.type in ("endEvent", "intermediateThrowEvent") and not trigger.code:
        yield error(*where, "code-missing", N_("Yang dilempar di sini harus punya kode"))
    yield from _partner(context, e, trigger, where)
    for text in (trigger.name, trigger.error_message):
        yield from _tried(context, where[1], e.id, expressions.check_interpolated, text)
    for _, expression in trigger.correlation:
        yield from _tried(context, where[1], e.id, expressions.check, expression)
    for name in (trigger.code_variable, trigger.message_variable):
        if name and not name.isidentifier():
            yield error(*where, "variable-name", N_("%(name)s bukan nama variabel"), name=name)


def _partner(context: Context, e: Element, trigger: Trigger, where: Where) -> Iterator[Finding]:
    """A cancel needs its transaction, a link its other end."""
    if trigger.kind == "cancel":
        inside = context.process.elements.get(e.parent if e.type == "endEvent" else e.attributes.get("attachedToRef", ""))
        if inside is None or inside.type != "transaction":
            yield error(*where, "cancel", N_("Pembatalan (cancel) hanya ada pada transaksi"))
    elif trigger.kind == "link" and e.type == "intermediateThrowEvent":
        targets = [t for t in context.process.inside(e.parent) if t.type == "intermediateCatchEvent"
                   and any(x.kind == "link" and x.name == trigger.name for x in t.triggers)]
        if len(targets) != 1:
            yield error(*where, "link", N_("Tautan %(name)s harus punya tepat satu tujuan"), name=trigger.name)


def _timer(context: Context, e: Element, trigger: Trigger, where: Where) -> Iterator[Finding]:
    if not trigger.timer or not trigger.expression:
        yield error(*where, "timer", N_("Pewaktu tanpa waktu"))
    elif "{" in trigger.expression:
        yield from _tried(context, where[1], e.id, expressions.check_interpolated, trigger.expression)
        if e.type == "startEvent" and e.parent == context.process.key:
            yield error(*where, "timer", N_("Pewaktu mulai tidak dapat memakai ekspresi: belum ada variabel"))
    else:
        try:
            timers.check(trigger.timer, trigger.expression.strip("'\""), e.id)
        except Invalid as problem:
            yield of_invalid(problem, context.file, "timer", where[1], e.id)


def _boundary(context: Context, e: Element) -> Iterator[Finding]:
    where = (context.file, e.line, e.id)
    host = context.process.elements.get(e.attributes.get("attachedToRef", ""))
    if host is None or host.parent != e.parent or host.type not in ACTIVITIES or host.is_event_subprocess:
        yield error(*where, "attached", N_("Peristiwa batas tidak melekat pada sebuah kegiatan"))


# Loops ----------------------------------------------------------------------------------------------------------------

def _loop(context: Context, e: Element) -> Iterator[Finding]:
    loop = e.loop
    if loop is None:
        return
    where = (context.file, loop.line or e.line, e.id)
    if e.type not in ACTIVITIES or e.is_event_subprocess:
        yield error(*where, "loop", N_("Elemen ini tidak dapat diulang"))
    if loop.kind == "standard" and loop.maximum is None and not loop.condition:
        yield error(*where, "loop", N_("Pengulangan tanpa syarat dan tanpa batas"))
    if loop.maximum == -1:
        yield error(*where, "loop", N_("loopMaximum harus bilangan bulat"))
    if loop.kind != "standard" and not loop.cardinality and not loop.collection:
        yield error(*where, "loop", N_("Pengulangan tanpa jumlah (loopCardinality) dan tanpa koleksi (camunda:collection)"))
    if loop.element and not loop.collection:
        yield warning(*where, "loop", N_("Variabel elemen tanpa koleksi"))
    if bool(loop.output) != bool(loop.output_item):
        yield error(*where, "loop", N_("Hasil pengulangan tidak lengkap (loopDataOutputRef dan outputDataItem)"))
    for text in (loop.cardinality, loop.collection, loop.condition):
        if text:
            yield from _tried(context, where[1], e.id, expressions.check, text)


# Kinds of element -----------------------------------------------------------------------------------------------------

def _user_task(context: Context, e: Element) -> Iterator[Finding]:
    form = e.form_key
    if form and "{" not in form and form.rpartition(":")[2] not in context.forms:
        yield error(context.file, e.line, e.id, "form-missing", N_("Formulir %(form)s tidak ada di antara file"), form=form)
    standard = e.properties.get("waktu")
    if standard:
        try:
            timers.check("duration", standard, e.id)
        except Invalid as problem:
            yield of_invalid(problem, context.file, "waktu", e.line, e.id)
    for name in ("dueDate", "followUpDate"):
        text = e.camunda.get(name, "")
        if text and "{" not in text:
            try:
                timers.check("duration", text, e.id)
            except Invalid as problem:
                yield of_invalid(problem, context.file, "due", e.line, e.id)


def _start_event(context: Context, e: Element) -> Iterator[Finding]:
    form = e.form_key
    if form and form.rpartition(":")[2] not in context.forms:
        yield error(context.file, e.line, e.id, "form-missing", N_("Formulir %(form)s tidak ada di antara file"), form=form)


def _service_task(context: Context, e: Element) -> Iterator[Finding]:
    if not e.topic and not any(n in e.camunda for n in CODE):
        yield error(context.file, e.line, e.id, "no-topic", N_("Tugas layanan harus camunda:type=\"external\" dengan topic"))


def _send_task(context: Context, e: Element) -> Iterator[Finding]:
    if not e.topic and not e.triggers and not any(n in e.camunda for n in CODE):
        yield error(context.file, e.line, e.id, "no-message", N_("Tugas kirim harus punya pesan atau topic"))


def _receive_task(context: Context, e: Element) -> Iterator[Finding]:
    if not e.triggers:
        yield error(context.file, e.line, e.id, "no-message", N_("Tugas terima harus punya pesan"))


def _script_task(context: Context, e: Element) -> Iterator[Finding]:
    language = e.attributes.get("scriptFormat", "")
    if language.lower() not in ("", "python", "feel"):
        yield error(context.file, e.line, e.id, "language", N_("Bahasa skrip %(language)s tidak didukung"), language=language)
    elif not e.script:
        yield error(context.file, e.line, e.id, "no-script", N_("Tugas skrip tanpa skrip"))
    else:
        check = expressions.check if e.camunda.get("resultVariable") else expressions.check_script
        yield from _tried(context, e.line, e.id, check, e.script)


def _rule_task(context: Context, e: Element) -> Iterator[Finding]:
    where = (context.file, e.line, e.id)
    if e.topic or any(n in e.camunda for n in CODE):
        return
    if not e.decision_ref or e.decision_ref not in context.decisions:
        yield error(*where, "decision-missing", N_("Tabel keputusan %(ref)s tidak ada di antara file"), ref=e.decision_ref or "?")
    if e.camunda.get("mapDecisionResult", "") not in MAPPINGS:
        yield error(*where, "decision-result", N_("mapDecisionResult %(name)s tidak dikenal"), name=e.camunda["mapDecisionResult"])


def _call_activity(context: Context, e: Element) -> Iterator[Finding]:
    where, key = (context.file, e.line, e.id), e.attributes.get("calledElement", "")
    if not key or re.search(r"[$#]\{", key):
        yield error(*where, "called", N_("Proses yang dipanggil harus disebut dengan kuncinya"))
    elif key not in context.own and (context.called is None or key not in context.called):
        make = warning if context.called is None else error
        yield make(*where, "called", N_("Proses %(key)s, yang dipanggil, tidak ada"), key=key)


def _event_gateway(context: Context, e: Element) -> Iterator[Finding]:
    targets = [context.process.elements.get(f.target) for f in context.outgoing.get(e.id, [])]
    if not targets:
        yield error(context.file, e.line, e.id, "event-gateway", N_("Gerbang peristiwa tanpa peristiwa sesudahnya"))
    for target in targets:
        if target is None:
            continue
        waits = target.type == "receiveTask" or target.type == "intermediateCatchEvent" and all(t.kind != "link" for t in target.triggers)
        if not waits or target.loop:
            yield error(context.file, target.line, target.id, "event-gateway",
                        N_("Sesudah gerbang peristiwa hanya boleh ada peristiwa yang menunggu"))
        elif len(context.incoming.get(target.id, [])) > 1:
            yield error(context.file, target.line, target.id, "event-gateway",
                        N_("Peristiwa sesudah gerbang peristiwa hanya boleh punya satu alur masuk"))


KINDS = {
    "userTask": _user_task, "manualTask": _user_task, "startEvent": _start_event, "serviceTask": _service_task, "sendTask": _send_task,
    "receiveTask": _receive_task, "scriptTask": _script_task, "businessRuleTask": _rule_task, "callActivity": _call_activity,
    "eventBasedGateway": _event_gateway,
}
