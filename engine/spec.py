"""A deployed diagram, ready to run: SpiffWorkflow specs of Terbit's own nodes, linked once and shared by all instances."""

import datetime as dt
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from SpiffWorkflow.specs.WorkflowSpec import WorkflowSpec

from bpmn import check, decisions, model, timers
from bpmn.errors import N_, Invalid, NotFound
from bpmn.model import Element, Process, Trigger
from engine import gateways, loops, nodes, subprocesses, tasks, throwing, waits

Resources = Mapping[str, bytes]


@dataclass(frozen=True, eq=False)
class Spec:
    """One process that can be run, with all that it calls. `starts` are the start events of its own level."""

    key: str
    process: Process
    root: subprocesses.Root
    starts: frozenset[waits.StartEvent]
    has_conditions: bool
    calls: tuple[str, ...] = field(default=())  # keys of the processes that it calls


@dataclass(frozen=True)
class Start:
    """A start event that something outside must trigger, for the definition's own subscriptions and timers."""

    activity_id: str
    kind: str  # 'message', 'signal', 'timer'
    name: str = ""
    timer: str = ""  # 'date', 'duration', 'cycle'
    expression: str = ""

    def schedule(self, now: dt.datetime) -> timers.Schedule:
        """Return when a timer start event is due first; `timers.following` gives the firings after that."""
        return timers.schedule(self.timer, self.expression.strip("'\""), now, self.activity_id)


def compile(resources: Resources, called: Mapping[str, Resources] | None = None, key: str | None = None) -> Spec:
    """Return the spec of process `key` (may be left out when there is only one executable) in `resources`.

    `called` holds the resources of processes that it calls and that are not among its own, by key, also those called
    further on. Cached by content. Raises Invalid, with all problems, when the diagram holds what cannot be run.
    """
    called = called or {}
    digest = content_hash(resources, called, key)
    if digest not in _cache:
        while len(_cache) >= 256:
            _cache.pop(next(iter(_cache)), None)
        _cache[digest] = _compile(resources, called, key)
    return _cache[digest]


_cache: dict[str, Spec] = {}


def content_hash(resources: Resources, called: Mapping[str, Resources] | None = None, key: str | None = None) -> str:
    """Return the SHA-256 over all that a spec is made of."""
    digest = hashlib.sha256((key or "").encode())
    for group, files in [("", resources), *sorted((called or {}).items())]:
        for name, content in sorted(files.items()):
            if name.endswith((".bpmn", ".bpmn20.xml", ".dmn", ".form")):  # a form is checked, too
                digest.update(f"\0{group}\0{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def processes(resources: Resources) -> dict[str, Process]:
    """Return the executable processes of a deployment, by key."""
    found = {}
    for name, content in resources.items():
        if name.endswith((".bpmn", ".bpmn20.xml")):
            found.update({p.key: p for p in model.read(content, name) if p.executable})
    return found


def start_events(spec: Spec) -> list[Start]:
    """Return the start events of a process that messages, signals or timers trigger."""
    return [Start(e.bpmn_id, e.trigger.kind, e.trigger.name, e.trigger.timer, e.trigger.expression)
            for e in sorted(spec.starts, key=lambda e: e.bpmn_id) if e.trigger.kind]


def _compile(resources, called, key) -> Spec:
    findings = [f for f in check.check(resources, called=frozenset(called)) if f.severity == "error"]
    if findings:
        problems = [Invalid(f.message, file=f.file, line=f.line, element=f.element, **f.params) for f in findings]
        raise Invalid(N_("Diagram tidak dapat dijalankan: %(count)d masalah"), problems=problems, count=len(problems))
    own = processes(resources)
    if key is None and len(own) == 1:
        key = next(iter(own))
    if key not in own:
        raise NotFound(N_("Proses %(key)s tidak ada di dalam file"), key=key)
    return _Library({"": resources, **called}).spec(key)


class _Library:
    """Builds processes, each once, so that they may call each other and themselves."""

    def __init__(self, groups: Mapping[str, Resources]):
        self.processes: dict[str, Process] = {}
        self.decisions: dict[str, dict[str, decisions.Decision]] = {}  # process key -> the decisions deployed with it
        for group, files in groups.items():
            for key, process in processes(files).items():
                if key not in self.processes and (group in ("", key)):
                    self.processes[key], self.decisions[key] = process, decisions.read_all(files)
        self.roots: dict[str, subprocesses.Root] = {}
        self.has_conditions = False

    def spec(self, key: str) -> Spec:
        root = self.root(key)
        starts = frozenset(n for n in root.inner.task_specs.values() if isinstance(n, waits.StartEvent))
        calls = {e.attributes.get("calledElement", "") for k in self.roots for e in self.processes[k].elements.values()
                 if e.type == "callActivity"}
        return Spec(key, self.processes[key], root, starts, self.has_conditions, tuple(sorted(calls)))

    def root(self, key: str) -> subprocesses.Root:
        if key not in self.roots:
            process = self.processes.get(key)
            if process is None:
                raise NotFound(N_("Proses %(key)s, yang dipanggil, tidak ada"), key=key)
            element = Element(process.key, "process", process.name, "", process.line)
            root = self.roots[key] = subprocesses.Root(WorkflowSpec("instance"), element, "process")
            self.fill(root, process, process.key)
        return self.roots[key]

    def fill(self, scope: subprocesses.SubProcess, process: Process, parent: str) -> None:
        """Make and link the nodes that stand in a (sub)process."""
        scope.inner = WorkflowSpec(parent)
        places: dict[str, nodes.Node] = {}  # element id -> where a flow leads to
        for element in process.inside(parent):
            places[element.id] = self.place(scope.inner, process, element)
        link(process, parent, places)
        for element in process.inside(parent):
            node = places[element.id]
            if isinstance(node, waits.StartEvent) and not node.trigger.kind:
                scope.start = node
            if isinstance(node, subprocesses.EventSubProcess):
                for start in node.inner.task_specs.values():
                    if isinstance(start, waits.StartEvent):
                        start.sub = node
                        scope.starts[start.name] = start

    def place(self, wf_spec: WorkflowSpec, process: Process, element: Element) -> nodes.Node:
        """Make an element's node, and a body around it when it is looped."""
        self.has_conditions |= any(t.kind == "conditional" for t in element.triggers)
        node = make(wf_spec, element)
        if isinstance(node, subprocesses.CallActivity):
            node.called = self.root(element.attributes["calledElement"])
        elif isinstance(node, subprocesses.SubProcess):
            self.fill(node, process, element.id)
        elif isinstance(node, tasks.BusinessRuleTask):
            node.decision = self.decisions[process.key][element.decision_ref]
        return loops.body_of(wf_spec, element, node) if element.loop else node


NOTHING = Trigger("")  # of an event that neither waits for nor throws anything

SIMPLE = {
    "userTask": tasks.UserTask, "manualTask": tasks.UserTask, "task": nodes.Node, "scriptTask": tasks.ScriptTask,
    "subProcess": subprocesses.SubProcess, "transaction": subprocesses.SubProcess, "callActivity": subprocesses.CallActivity,
    "exclusiveGateway": gateways.ExclusiveGateway, "parallelGateway": gateways.ParallelGateway,
    "inclusiveGateway": gateways.InclusiveGateway, "eventBasedGateway": gateways.EventGateway,
    "serviceTask": tasks.ExternalTask, "businessRuleTask": tasks.BusinessRuleTask, "sendTask": throwing.ThrowEvent,
    "receiveTask": waits.CatchEvent, "startEvent": waits.StartEvent, "intermediateCatchEvent": waits.CatchEvent,
    "boundaryEvent": waits.Boundary, "intermediateThrowEvent": throwing.ThrowEvent, "endEvent": throwing.ThrowEvent,
}


def make(wf_spec: WorkflowSpec, element: Element) -> nodes.Node:
    """Return the node for an element, alone."""
    cls = SIMPLE[element.type]
    if element.topic and element.type in ("sendTask", "businessRuleTask", "intermediateThrowEvent", "endEvent"):
        cls = tasks.ExternalTask
    elif element.is_event_subprocess:
        cls = subprocesses.EventSubProcess
    node = cls(wf_spec, element, activity_type(element))
    if isinstance(node, waits.Catching | throwing.ThrowEvent):
        node.trigger = element.triggers[0] if element.triggers else NOTHING
    return node


def link(process: Process, parent: str, places: dict[str, nodes.Node]) -> None:
    """Connect the nodes of one level: flows, links, boundary events, and what inclusive joins look out for."""
    for flow in process.flows:
        if flow.parent == parent:
            _connect(places[flow.source], places[flow.target], flow.id, flow.condition)
    catches = {n.trigger.name: n for n in places.values() if isinstance(n, waits.CatchEvent) and n.trigger.kind == "link"}
    for node in places.values():
        if isinstance(node, throwing.ThrowEvent) and node.trigger.kind == "link":
            _connect(node, catches[node.trigger.name], f"{node.name}→{node.trigger.name}", None)
        if isinstance(node, waits.Boundary):
            places[node.element.attributes["attachedToRef"]].boundary.append(node)
    into = gateways.predecessors(places.values())
    for node in places.values():
        if isinstance(node, gateways.InclusiveGateway) and len(node.incoming) > 1:
            node.reach = gateways.reachable(node, into)


def _connect(source: nodes.Node, target: nodes.Node, id: str, condition: str | None) -> None:
    source.connect(target)
    source.flows.append(nodes.Out(id, condition, target))
    target.incoming.append(id)


def activity_type(element: Element) -> str:
    """Return Camunda 7's name for the type of an activity instance."""
    trigger = element.triggers[0].kind if element.triggers else "none"
    kind = trigger.capitalize()
    if element.type == "startEvent":
        return {"none": "startEvent", "timer": "startTimerEvent"}.get(trigger, f"{trigger}StartEvent")
    if element.type == "endEvent":
        return f"{trigger}EndEvent"
    if element.type == "boundaryEvent":
        return f"boundary{kind}"
    if element.type == "intermediateThrowEvent":
        return f"intermediate{kind}Throw" + ("Event" if kind in ("None", "Message", "Escalation") else "")
    if element.type == "intermediateCatchEvent":
        return f"intermediate{kind}" + ("Catch" if kind in ("Message", "Signal", "Link") else "")
    return element.type
