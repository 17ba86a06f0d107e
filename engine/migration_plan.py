"""A plan by which running cases go from one version of their process to another: proposed, and checked.

A plan maps *places*: element ids, and `key:id` for what stands in a process that is called. The rules are Camunda 7's
(user guide, "Process Instance Migration"): what waits is mapped to something of its kind, a scope's inside stays inside
it, embedded subprocesses may be added and taken away around what waits, several instances stay several.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from bpmn.errors import N_
from bpmn.findings import Finding
from bpmn.model import Element
from engine import gateways, loops, subprocesses, tasks, waits
from engine.nodes import Node
from engine.spec import Spec

UNMAPPED = N_("“%(name)s” belum dipetakan: berkas yang berdiri di sini tidak dapat dipindahkan.")
UNKNOWN_SOURCE = N_("“%(name)s” tidak ada di versi asal.")
UNKNOWN_TARGET = N_("“%(target)s” tidak ada di versi tujuan.")
OTHER_KIND = N_("“%(name)s” dan “%(target)s” berbeda jenis.")
OTHER_LOOP = N_("“%(name)s” dan “%(target)s” berbeda cara berulangnya.")
OTHER_SCOPE = N_("“%(name)s” tidak dapat menjadi “%(target)s”: letaknya dalam subproses yang lain.")
OTHER_HOST = N_("“%(name)s” dan “%(target)s” tidak menempel pada kegiatan yang sama.")
OTHER_TOPIC = N_("“%(name)s” sedang memanggil layanan yang lain daripada “%(target)s”.")
TWO_JOINS = N_("Dua gerbang tidak dapat menjadi satu: “%(target)s”.")
NO_LONGER = N_("“%(name)s” tidak dipetakan: yang sedang ditunggunya tidak ditunggu lagi.")
MORE_FLOWS = N_("Gerbang “%(target)s” menunggu lebih banyak alur; berkas yang sudah melewati percabangannya mungkin ditolak.")
WHICH_FLOW = N_("Tidak jelas lewat alur mana berkas sampai di gerbang “%(target)s”.")
FOR_EVER = N_("Gerbang “%(target)s” akan menunggu alur yang tidak akan datang.")

WAITED = ("timer", "message", "signal", "conditional")


@dataclass(frozen=True)
class Plan:
    """Which place becomes which. The times of `renew` begin anew: a task's due time, a timer's; all others are kept."""

    activities: Mapping[str, str]
    renew: frozenset[str] = frozenset()

    def dump(self) -> dict[str, Any]:
        return {"activities": dict(self.activities), "renew": sorted(self.renew)}

    @staticmethod
    def load(value: Mapping[str, Any]) -> "Plan":
        return Plan(dict(value["activities"]), frozenset(value.get("renew", ())))


@dataclass(frozen=True)
class Proposal:
    """A plan as the two diagrams suggest it; `guesses` are the places that only look alike."""

    plan: Plan
    guesses: frozenset[str]


@dataclass(frozen=True, eq=False)
class Place:
    """Where a token can stand. `node` is what it stands on, of a looped activity its body; `scopes` are the subprocesses around,
    the outermost first."""

    ref: str
    node: Node
    process: str
    scopes: tuple[str, ...]

    @property
    def element(self) -> Element:
        return self.node.element

    @property
    def label(self) -> str:
        return " ".join(self.element.name.split()) or self.element.id

    @property
    def inner(self) -> Node:
        return self.node.turn if isinstance(self.node, loops.Body) else self.node

    @property
    def kind(self) -> str:
        return kind_of(self.inner)

    @property
    def loop(self) -> str:
        return self.element.loop.kind if self.element.loop else ""

    @property
    def listens(self) -> bool:
        """Whether it waits beside something else: at its border, or as an event subprocess's start."""
        return isinstance(self.node, waits.Boundary | waits.StartEvent)

    @property
    def may_vanish(self) -> bool:
        """Whether it is a scope that may be added or taken away around what waits."""
        return type(self.node) is subprocesses.SubProcess

    @property
    def waits(self) -> bool:
        """Whether a token, or one that listens, can rest here."""
        node = self.inner
        if isinstance(node, waits.StartEvent):
            return node.sub is not None and node.trigger.kind in WAITED
        if isinstance(node, waits.Boundary):
            return node.trigger.kind in WAITED
        if isinstance(node, waits.CatchEvent):
            return node.trigger.kind != "link"
        if isinstance(node, gateways.Join):
            return len(node.incoming) > 1
        return isinstance(node, tasks.UserTask | tasks.ExternalTask | gateways.EventGateway | subprocesses.SubProcess)


def kind_of(node: Node) -> str:
    """Return what must be the same for one node's token to stand on another."""
    if isinstance(node, tasks.UserTask):
        return "userTask"
    if isinstance(node, tasks.ExternalTask):
        return "externalTask"
    if isinstance(node, subprocesses.EventSubProcess):
        return "eventSubProcess"
    return node.type


@lru_cache(64)
def places(spec: Spec) -> dict[str, Place]:
    """Return every place of a process and of those that it calls, in the diagrams' order."""
    found: dict[str, Place] = {}
    todo, seen = [spec.root], {spec.key}
    while todo:
        root = todo.pop(0)
        for node, scopes in _nodes(root, spec.key, root.bpmn_id, ()):
            ref = ref_of(spec.key, root.bpmn_id, node.bpmn_id)
            found[ref] = Place(ref, node, root.bpmn_id, scopes)
            inner = found[ref].inner
            if isinstance(inner, subprocesses.CallActivity) and inner.called.bpmn_id not in seen:
                seen.add(inner.called.bpmn_id)
                todo.append(inner.called)
    return found


def _nodes(scope: subprocesses.SubProcess, main: str, process: str, scopes: tuple[str, ...]) -> Iterator[tuple[Node, tuple[str, ...]]]:
    of: dict[str, Node] = {}
    for node in scope.inner.task_specs.values():
        if isinstance(node, Node) and (node.bpmn_id not in of or isinstance(node, loops.Body)):
            of[node.bpmn_id] = node
    for node in of.values():
        yield node, scopes
        inner = node.turn if isinstance(node, loops.Body) else node
        if isinstance(inner, subprocesses.SubProcess) and not isinstance(inner, subprocesses.CallActivity):
            yield from _nodes(inner, main, process, (*scopes, ref_of(main, process, node.bpmn_id)))


def ref_of(main: str, process: str, element: str) -> str:
    """Return the name of an element's place: its id, and before it the process's key where that is called."""
    return element if process == main else f"{process}:{element}"


# Proposing ------------------------------------------------------------------------------------------------------------

def propose(source: Spec, target: Spec, *, guess: bool = True) -> Proposal:
    """Return the plan that the diagrams suggest: what kept its id and kind, then what looks alike and only so."""
    before, after = places(source), places(target)
    pairs = {ref: ref for ref, place in before.items() if place.waits and ref in after and _alike(place, after[ref])}
    guesses: set[str] = set()
    for same in (_by_name_and_lane, _by_name, _by_place) if guess else ():
        found = _matched(same, before, after, pairs)
        pairs |= found
        guesses |= found.keys()
    wrong = {f.element for f in check(Plan(pairs), source, target) if f.severity == "error"}
    pairs = {a: b for a, b in pairs.items() if a not in wrong}
    return Proposal(Plan(pairs), frozenset(guesses & pairs.keys()))


def _alike(a: Place, b: Place) -> bool:
    return b.waits and a.kind == b.kind and a.loop == b.loop


def _matched(same: Callable[[Place, Mapping[str, str] | None], Any], before: dict[str, Place], after: dict[str, Place],
             pairs: dict[str, str]) -> dict[str, str]:
    """Return what is left over on both sides and alone there with what `same` gives of it."""
    into = {b: a for a, b in pairs.items()}
    left = _alone({ref: same(p, pairs) for ref, p in before.items() if p.waits and ref not in pairs})
    right = _alone({ref: same(p, None) for ref, p in after.items() if p.waits and ref not in into})
    return {left[key]: right[key] for key in left.keys() & right.keys() if key is not None}


def _alone(keys: dict[str, Any]) -> dict[Any, str]:
    values = list(keys.values())
    return {key: ref for ref, key in keys.items() if key is not None and values.count(key) == 1}


def _by_name_and_lane(place: Place, pairs: Mapping[str, str] | None) -> Any:
    by_name = _by_name(place, pairs)
    return by_name and (*by_name, place.element.lane.group if place.element.lane else "")


def _by_name(place: Place, pairs: Mapping[str, str] | None) -> Any:
    name = place.label.casefold()
    return (place.process, place.kind, place.loop, name) if place.element.name else None


def _by_place(place: Place, pairs: Mapping[str, str] | None) -> Any:
    """The only one of its kind at its activity, or in its lane. `pairs`: None for a place that is in the target already."""
    host = place.element.attributes.get("attachedToRef") or (place.element.parent if place.listens else "")
    if host:
        at = _beside(place, host) if pairs is None else pairs.get(_beside(place, host))
        return at and (place.kind, at)
    lane = place.element.lane
    return (place.process, place.kind, place.loop, lane.group) if lane else None


# Checking -------------------------------------------------------------------------------------------------------------

def check(plan: Plan, source: Spec, target: Spec) -> list[Finding]:
    """Return what is wrong with a plan (errors: it cannot be used) and what it leaves out (warnings), by source place."""
    before, after = places(source), places(target)
    found = []
    for ref, to in plan.activities.items():
        a, b = before.get(ref), after.get(to)
        params = {"name": a.label if a else ref, "target": b.label if b else to}
        for severity, message in _problems(plan, source, target, a, b):
            found.append(Finding(severity, "", a.element.line if a else 0, ref, "migration", message, params))
    for ref, a in before.items():
        if a.waits and ref not in plan.activities and not a.may_vanish:
            found.append(Finding("warning", "", a.element.line, ref, "migration", NO_LONGER if a.listens else UNMAPPED, {"name": a.label}))
    return found


def _problems(plan: Plan, source: Spec, target: Spec, a: Place | None, b: Place | None) -> Iterator[tuple[str, str]]:
    if a is None:
        yield "error", UNKNOWN_SOURCE
    elif b is None:
        yield "error", UNKNOWN_TARGET
    elif a.waits and a.kind != b.kind:
        yield "error", OTHER_KIND
    elif a.waits:
        yield from _misfits(plan, source, target, a, b)


def _misfits(plan: Plan, source: Spec, target: Spec, a: Place, b: Place) -> Iterator[tuple[str, str]]:
    """Two of a kind: whether they repeat in the same way, stand in the same scope, and what they wait for."""
    if a.loop != b.loop:
        yield "error", OTHER_LOOP
    if a.listens:
        if not _same_host(plan, a, b):
            yield "error", OTHER_HOST
    elif not _same_scope(plan, source, target, a, b):
        yield "error", OTHER_SCOPE
    if a.kind == "externalTask" and a.element.topic != b.element.topic:
        yield "warning", OTHER_TOPIC
    if isinstance(a.node, gateways.Join):
        if list(plan.activities.values()).count(b.ref) > 1:
            yield "error", TWO_JOINS
        if len(b.node.incoming) > len(a.node.incoming):
            yield "warning", MORE_FLOWS


def _same_host(plan: Plan, a: Place, b: Place) -> bool:
    """Whether two that listen do so at activities, or in scopes, of which one becomes the other. Where that becomes nothing it is all the
    same: a case there is refused, or goes on without."""
    if isinstance(a.node, waits.Boundary):
        one, other = (_beside(p, p.element.attributes["attachedToRef"]) for p in (a, b))
    else:
        one, other = a.scopes[-1], b.scopes[-1]  # a start event: its event subprocess
    return plan.activities.get(one, other) == other


def _beside(place: Place, element: str) -> str:
    return f"{place.process}:{element}" if ":" in place.ref else element


def _same_scope(plan: Plan, source: Spec, target: Spec, a: Place, b: Place) -> bool:
    before, after = places(source), places(target)
    around = ""
    for scope in reversed(a.scopes):
        around = plan.activities.get(scope, "")
        if not around and not before[scope].may_vanish:
            return True  # it becomes nothing: a case in there is refused in any event
        if around:
            break
    else:  # up to the process itself; of one that is called, whether it is the same is seen at the call
        return (a.process == source.key) == (b.process == target.key) and all(after[s].may_vanish for s in b.scopes)
    return around in b.scopes and all(after[s].may_vanish for s in b.scopes[b.scopes.index(around) + 1:])
