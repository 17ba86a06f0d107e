"""What stands in a diagram: BPMN 2.0 with Camunda 7's extension attributes, as plain values. Pure; cached by content."""

import hashlib
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

from lxml import etree

from bpmn import xml
from bpmn.errors import N_, Invalid

BPMN = "http://www.omg.org/spec/BPMN/20100524/MODEL"
CAMUNDA = "http://camunda.org/schema/1.0/bpmn"
ACTIVITIES = {"task", "userTask", "manualTask", "scriptTask", "serviceTask", "sendTask", "receiveTask", "businessRuleTask",
              "callActivity", "subProcess", "transaction", "adHocSubProcess"}
GATEWAYS = {"exclusiveGateway", "inclusiveGateway", "parallelGateway", "eventBasedGateway", "complexGateway"}
EVENTS = {"startEvent", "endEvent", "intermediateCatchEvent", "intermediateThrowEvent", "boundaryEvent"}
NODES = ACTIVITIES | GATEWAYS | EVENTS
SCOPES = {"subProcess", "transaction", "adHocSubProcess"}


@dataclass(frozen=True)
class Lane:
    id: str
    name: str
    group: str  # the candidate group of its tasks: camunda:property `group`, else its id with - for _
    nodes: frozenset[str]


@dataclass(frozen=True)
class Value:
    """What a camunda:inputParameter or outputParameter holds."""

    kind: str  # 'text', 'list', 'map', 'script'
    content: Any  # str; tuple[Value]; tuple[(str, Value)]; str
    format: str = ""  # of a script


@dataclass(frozen=True)
class Trigger:
    """An event definition: what an event waits for or throws."""

    kind: str  # 'message', 'signal', 'timer', 'error', 'escalation', 'terminate', 'cancel', 'conditional', 'link', 'compensate'
    name: str = ""  # of a message, signal or link
    code: str | None = None  # of an error or escalation; None catches any
    timer: str = ""  # 'date', 'duration', 'cycle'
    expression: str = ""  # of a timer or condition
    code_variable: str = ""
    message_variable: str = ""
    error_message: str = ""
    correlation: tuple[tuple[str, str], ...] = ()  # of a message: (property, expression)
    line: int = 0
    missing: str = ""  # the messageRef, signalRef, … that points nowhere


@dataclass(frozen=True)
class Loop:
    kind: str  # 'parallel', 'sequential', 'standard'
    cardinality: str = ""
    collection: str = ""
    element: str = ""  # the variable that holds an item in its turn
    condition: str = ""  # completionCondition, or a standard loop's loopCondition
    test_before: bool = False
    maximum: int | None = None  # -1: not a number
    output: str = ""  # loopDataOutputRef: the list that collects
    output_item: str = ""  # outputDataItem: what is collected from each turn
    line: int = 0


@dataclass(frozen=True)
class Flow:
    id: str
    source: str
    target: str
    condition: str | None
    name: str = ""
    line: int = 0
    parent: str = ""
    language: str = ""
    properties: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Element:
    """A flow node. `camunda` are its camunda: attributes, `parent` the id of the (sub)process that it stands in."""

    id: str
    type: str  # the BPMN tag: 'userTask', …
    name: str
    parent: str
    line: int
    documentation: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    camunda: dict[str, str] = field(default_factory=dict)
    properties: dict[str, str] = field(default_factory=dict)
    inputs: tuple[tuple[str, Value], ...] = ()
    outputs: tuple[tuple[str, Value], ...] = ()
    lane: Lane | None = None
    triggers: tuple[Trigger, ...] = ()
    loop: Loop | None = None
    script: str = ""
    mappings: tuple[dict[str, str], ...] = ()  # camunda:in and camunda:out, each with 'direction'
    extensions: frozenset[str] = frozenset()  # local names of what stands in extensionElements

    @property
    def is_event_subprocess(self) -> bool:
        return self.attributes.get("triggeredByEvent") == "true"

    @property
    def interrupting(self) -> bool:
        return self.attributes.get("cancelActivity", self.attributes.get("isInterrupting", "true")) != "false"

    @property
    def candidate_groups(self) -> str:
        """Return the candidate groups as written (may hold `${…}`), else the lane's when no candidate is named."""
        if self.camunda.get("candidateGroups") or self.camunda.get("candidateUsers"):
            return self.camunda.get("candidateGroups", "")
        return self.lane.group if self.lane else ""

    @property
    def form_key(self) -> str | None:
        return self.camunda.get("formRef") or self.camunda.get("formKey")

    @property
    def decision_ref(self) -> str:
        return self.camunda.get("decisionRef", "")

    @property
    def topic(self) -> str:
        return self.camunda.get("topic", "") if self.camunda.get("type") == "external" else ""


@dataclass(frozen=True)
class Process:
    """One process of a diagram; `elements` and `flows` are of all depths, in the diagram's order."""

    key: str
    name: str
    executable: bool
    line: int
    documentation: str
    camunda: dict[str, str]
    properties: dict[str, str]
    lanes: tuple[Lane, ...]
    elements: dict[str, Element]
    flows: tuple[Flow, ...]
    extensions: frozenset[str] = frozenset()
    strangers: tuple[tuple[str, str, int, str], ...] = ()  # (tag, id, line, parent) of what is neither flow node nor flow
    ids: tuple[str, ...] = ()  # of flow nodes and flows, with doubles, which `elements` cannot hold

    def inside(self, parent: str) -> list[Element]:
        """Return what stands directly in the process or a subprocess."""
        return self._inside.get(parent, [])

    @cached_property
    def _inside(self) -> dict[str, list[Element]]:
        found: dict[str, list[Element]] = {}
        for element in self.elements.values():
            found.setdefault(element.parent, []).append(element)
        return found

    @property
    def starter_groups(self) -> tuple[str, ...]:
        return names(self.camunda.get("candidateStarterGroups", ""))

    @property
    def groups(self) -> tuple[str, ...]:
        """Return every group that sees its cases: the candidate groups that are written out in it, and those that its
        property `pembaca` names, who have no task in it."""
        found = {g for e in self.elements.values() if e.type in ("userTask", "manualTask") for g in names(e.candidate_groups)}
        found.update(names(self.properties.get("pembaca", "")))
        return tuple(sorted(g for g in found if "{" not in g))


def names(text: str) -> tuple[str, ...]:
    """Return the parts of a comma-separated list."""
    return tuple(p.strip() for p in text.split(",") if p.strip())


def read(content: bytes, file: str = "") -> tuple[Process, ...]:
    """Return the processes of a .bpmn file. Raises Invalid when it is no BPMN at all."""
    return _read(hashlib.sha256(content).digest(), file, _Bytes(content))


class _Bytes:
    """Content that a cache does not hash: its digest stands beside it."""

    def __init__(self, content):
        self.content = content

    def __eq__(self, other):
        return isinstance(other, _Bytes)

    def __hash__(self):
        return 0


@lru_cache(256)
def _read(_digest: bytes, file: str, content: _Bytes) -> tuple[Process, ...]:
    root = xml.parse(content.content, file)
    if root.tag != _tag("definitions"):
        raise Invalid(N_("Bukan diagram BPMN 2.0"), file=file, line=root.sourceline or 0)
    reader = _Reader(root)
    return tuple(reader.process(p) for p in root.iterchildren(_tag("process")))


def _tag(name: str) -> str:
    return f"{{{BPMN}}}{name}"


def _camunda(element) -> dict[str, str]:
    prefix = f"{{{CAMUNDA}}}"
    return {k[len(prefix):]: v for k, v in element.attrib.items() if k.startswith(prefix)}


def _plain(element) -> dict[str, str]:
    return {k: v for k, v in element.attrib.items() if not k.startswith("{")}


def _child_text(element, name: str) -> str:
    child = element.find(_tag(name))
    return "".join(child.itertext()).strip() if child is not None else ""


def _extension(element):
    return element.find(_tag("extensionElements"))


def _properties(element) -> dict[str, str]:
    extension = _extension(element)
    if extension is None:
        return {}
    return {p.get("name", ""): p.get("value", "") for p in extension.iterfind(f"{{{CAMUNDA}}}properties/{{{CAMUNDA}}}property")}


def _extension_names(*elements) -> frozenset[str]:
    return frozenset(xml.local(c) for e in elements if e is not None and _extension(e) is not None
                     for c in _extension(e) if isinstance(c.tag, str) and etree.QName(c).namespace == CAMUNDA)


def _parameters(element, kind: str) -> tuple[tuple[str, Value], ...]:
    extension = _extension(element)
    if extension is None:
        return ()
    found = extension.iterfind(f"{{{CAMUNDA}}}inputOutput/{{{CAMUNDA}}}{kind}")
    return tuple((p.get("name", ""), _value(p)) for p in found)


def _value(holder) -> Value:
    if xml.local(holder) == "script":
        return Value("script", holder.text or "", holder.get("scriptFormat", ""))
    for child in holder:
        name = xml.local(child)
        if name == "script":
            return _value(child)
        if name == "list":
            return Value("list", tuple(_value(c) for c in child))
        if name == "map":
            return Value("map", tuple((c.get("key", ""), _value(c)) for c in child))
    return Value("text", holder.text or "")


class _Reader:
    """Reads processes with the messages, signals, errors and escalations that the file defines."""

    def __init__(self, root) -> None:
        def table(name, attribute):
            return {e.get("id"): e.get(attribute) for e in root.iterchildren(_tag(name))}
        self.messages, self.signals = table("message", "name"), table("signal", "name")
        self.errors, self.escalations = table("error", "errorCode"), table("escalation", "escalationCode")
        self.error_messages = {e.get("id"): _camunda(e).get("errorMessage", "") for e in root.iterchildren(_tag("error"))}
        self.correlations: dict[str, list[tuple[str, str]]] = {}
        for prop in root.iter(_tag("correlationProperty")):
            for retrieval in prop.iterchildren(_tag("correlationPropertyRetrievalExpression")):
                path = "".join("".join(c.itertext()) for c in retrieval).strip()
                self.correlations.setdefault(retrieval.get("messageRef", ""), []).append((prop.get("name") or prop.get("id"), path))

    def process(self, node) -> Process:
        lanes = tuple(self._lanes(node))
        elements: dict[str, Element] = {}
        flows: list[Flow] = []
        strangers: list = []
        self._inside(node, {n: lane for lane in lanes for n in lane.nodes}, elements, flows, strangers)
        return Process(
            key=node.get("id", ""), name=node.get("name", ""), executable=node.get("isExecutable", "false") == "true",
            line=node.sourceline or 0, documentation=_child_text(node, "documentation"), camunda=_camunda(node),
            properties=_properties(node), lanes=lanes, elements=elements, flows=tuple(flows),
            ids=tuple(n.get("id", "") for n in node.iter(*(_tag(t) for t in (*NODES, "sequenceFlow")))),
            extensions=_extension_names(node), strangers=tuple(strangers))

    def _lanes(self, node):
        for lane in node.iter(_tag("lane")):
            refs = frozenset((r.text or "").strip() for r in lane.iterchildren(_tag("flowNodeRef")))
            ident = lane.get("id", "")
            yield Lane(ident, lane.get("name", ""), _properties(lane).get("group") or ident.replace("_", "-"), refs)

    def _inside(self, node, lane_of, elements, flows, strangers, lane=None):
        for child in node:
            if not isinstance(child.tag, str) or etree.QName(child).namespace != BPMN:
                continue
            name = xml.local(child)
            if name in NODES:
                element = self._element(child, name, node.get("id", ""), lane_of.get(child.get("id"), lane))
                elements[element.id] = element
                if name in SCOPES:
                    self._inside(child, lane_of, elements, flows, strangers, element.lane)
            elif name == "sequenceFlow":
                flows.append(self._flow(child, node.get("id", "")))
            else:
                strangers.append((name, child.get("id", ""), child.sourceline or 0, node.get("id", "")))

    def _flow(self, node, parent) -> Flow:
        condition = node.find(_tag("conditionExpression"))
        return Flow(node.get("id", ""), node.get("sourceRef", ""), node.get("targetRef", ""),
                    None if condition is None else (condition.text or "").strip(), node.get("name", ""), node.sourceline or 0, parent,
                    "" if condition is None else condition.get("language", ""), _properties(node))

    def _element(self, node, kind, parent, lane) -> Element:
        definitions = [c for c in node if isinstance(c.tag, str) and xml.local(c).endswith("EventDefinition")]
        camunda = {**{k: v for d in definitions for k, v in _camunda(d).items() if k in ("type", "topic")}, **_camunda(node)}
        if kind in ("sendTask", "receiveTask") and node.get("messageRef"):
            triggers: tuple[Trigger, ...] = (self._message(node, node.get("messageRef")),)
        else:
            triggers = tuple(self._trigger(d) for d in definitions)
        mapped = [p for holder in (node, *definitions) for p in _parameters(holder, "inputParameter")]
        return Element(
            id=node.get("id", ""), type=kind, name=node.get("name", ""), parent=parent, line=node.sourceline or 0,
            documentation=_child_text(node, "documentation"), attributes=_plain(node), camunda=camunda, properties=_properties(node),
            inputs=tuple(mapped), outputs=_parameters(node, "outputParameter"), lane=lane, triggers=triggers, loop=self._loop(node),
            script=_child_text(node, "script"), mappings=tuple(_mappings(node)), extensions=_extension_names(node, *definitions))

    def _message(self, node, ref) -> Trigger:
        name = self.messages.get(ref)
        return Trigger("message", name or "", correlation=tuple(self.correlations.get(ref, ())), line=node.sourceline or 0,
                       missing="" if name else ref or "messageRef")

    def _trigger(self, node) -> Trigger:
        kind = xml.local(node).removesuffix("EventDefinition")
        line, camunda = node.sourceline or 0, _camunda(node)
        if kind == "message":
            return self._message(node, node.get("messageRef"))
        if kind == "signal":
            ref = node.get("signalRef", "")
            return Trigger(kind, self.signals.get(ref) or "", line=line, missing="" if self.signals.get(ref) else ref or "signalRef")
        if kind in ("error", "escalation"):
            ref, table = node.get(kind + "Ref"), self.errors if kind == "error" else self.escalations
            return Trigger(kind, code=table.get(ref) if ref else None, line=line, missing="" if not ref or ref in table else ref,
                           code_variable=camunda.get(kind + "CodeVariable", ""), message_variable=camunda.get("errorMessageVariable", ""),
                           error_message=self.error_messages.get(ref, ""))
        if kind == "timer":
            for tag, timer in (("timeDate", "date"), ("timeDuration", "duration"), ("timeCycle", "cycle")):
                if node.find(_tag(tag)) is not None:
                    return Trigger(kind, timer=timer, expression=_child_text(node, tag), line=line)
            return Trigger(kind, line=line)
        if kind == "conditional":
            return Trigger(kind, expression=_child_text(node, "condition"), line=line)
        return Trigger(kind, name=node.get("name", ""), line=line)

    def _loop(self, node) -> Loop | None:
        found = node.find(_tag("standardLoopCharacteristics"))
        if found is not None:
            maximum = found.get("loopMaximum")
            return Loop("standard", condition=_child_text(found, "loopCondition"), test_before=found.get("testBefore") == "true",
                        maximum=None if maximum is None else int(maximum) if maximum.isdigit() else -1, line=found.sourceline or 0)
        found = node.find(_tag("multiInstanceLoopCharacteristics"))
        if found is None:
            return None
        camunda = _camunda(found)
        item, out = found.find(_tag("inputDataItem")), found.find(_tag("outputDataItem"))
        return Loop(
            "sequential" if found.get("isSequential") == "true" else "parallel", cardinality=_child_text(found, "loopCardinality"),
            collection=camunda.get("collection") or _child_text(found, "loopDataInputRef"),
            element=camunda.get("elementVariable") or (item.get("name") or item.get("id", "") if item is not None else ""),
            condition=_child_text(found, "completionCondition"), output=_child_text(found, "loopDataOutputRef"),
            output_item=out.get("name") or out.get("id", "") if out is not None else "", line=found.sourceline or 0)


def _mappings(node):
    extension = _extension(node)
    for child in () if extension is None else extension:
        if isinstance(child.tag, str) and child.tag in (f"{{{CAMUNDA}}}in", f"{{{CAMUNDA}}}out"):
            yield {**_plain(child), "direction": xml.local(child)}
