"""Bringing a running case to another version of its process, as a plan says: the step itself, pure as `engine.step` is.

Every token keeps its id, and so its task, its draft and its comments. A half-arrived join is followed flow by flow, and
what would leave a join waiting for ever is refused.
"""

import copy
import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from SpiffWorkflow.util.task import TaskState

from bpmn.errors import Invalid
from engine import gateways, loops, state, subprocesses, tasks, waits
from engine.intents import Dropped, Left, Live, Outcome, TaskDetails
from engine.migration_plan import (
    FOR_EVER,
    OTHER_KIND,
    OTHER_LOOP,
    OTHER_SCOPE,
    OTHER_TOPIC,
    UNMAPPED,
    WHICH_FLOW,
    Place,
    Plan,
    kind_of,
    places,
    ref_of,
)
from engine.nodes import Node
from engine.run import Run, Token
from engine.spec import Spec
from engine.step import NewId


@dataclass(frozen=True)
class Moved:
    """An open activity instance that keeps its id and stands for something else now. `renew`: its due time is counted anew."""

    id: str
    was: str  # the activity id that it had
    activity_id: str
    name: str
    type: str
    scope_id: str | None
    task: TaskDetails | None = None
    renew: bool = False


@dataclass(frozen=True)
class Kept:
    """A job or subscription that stays, by its id. `name` and `correlation` are of a subscription whose event names another message."""

    id: str
    activity_id: str
    name: str | None = None
    correlation: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Migrated:
    """What a migration decided. `goes_on`: something moved at once, since nothing holds it in the new version."""

    outcome: Outcome
    moved: tuple[Moved, ...]
    kept: tuple[Kept, ...]
    goes_on: bool


def migrate(source: Spec, target: Spec, live: Live, plan: Plan, now: dt.datetime, new_id: NewId) -> Migrated:
    """Bring a case to another version. Invalid, with the place as `element`, where it stands where the plan does not lead."""
    return _Migration(source, target, live, plan, now, new_id).go()


class _Migration:
    """One case on its way: tokens as they were in `old`, as they become in `new`, scopes before what is in them."""

    def __init__(self, source: Spec, target: Spec, live: Live, plan: Plan, now: dt.datetime, new_id: NewId):
        self.source, self.target, self.plan = source, target, plan
        self.before, self.after = places(source), places(target)
        self.old = state.load(source, live, now, new_id)
        self.new = Run(target, live, now, new_id)
        self.become: dict[str, Token] = {}  # a token's id -> the one in which what is in it goes on
        self.process: dict[str, str] = {}  # a scope's id -> the key of the process inside it
        self.position: dict[str, tuple[str, str]] = {}  # of the new scopes: (process key, place of the subprocess or '')
        self.added: dict[tuple[str, str], Token] = {}
        self.moved: list[Moved] = []
        self.kept: list[Kept] = []
        self.flows: dict[tuple[Node, Node], dict[str, str]] = {}

    def go(self) -> Migrated:
        for token in list(self.old.tasks.values()):
            if token._parent is None:
                self._root(token)
            else:
                self._token(token)
        self._refuse_starving()
        self._fire_joins()
        self.new.settle()
        outcome = self.new.outcome(state.dump(self.new))
        return Migrated(outcome, tuple(self.moved), tuple(self.kept), self.new.passed > 0)

    def _root(self, token: Token) -> None:
        new = Token(self.new, self.target.root, None, token._state, token.id)
        self.process[token.id], self.position[new.id] = self.source.key, (self.target.key, "")
        self.become[token.id] = new
        self._listen(token, new)

    def _token(self, token: Token) -> None:
        above = self.become[token._parent]
        process = self.process[token._parent]
        here = self.before[ref_of(self.source.key, process, token.task_spec.bpmn_id)]
        self.process[token.id] = token.task_spec.called.bpmn_id if isinstance(token.task_spec, subprocesses.CallActivity) else process
        if here.ref not in self.plan.activities and here.may_vanish:
            self._vanish(token, above)
            return
        there = self._target(here)
        if isinstance(token.parent.task_spec, loops.Body):
            node = above.task_spec.turn
        else:
            node, above = there.node, self._inside(above, here, there)
        new = Token(self.new, node, above, token._state, token.id)
        new.entered, new.internal_data = True, copy.deepcopy(token.internal_data)
        self._keep_loop(new)
        new.flow = self._flow(token, here, there)
        self.become[token.id] = new
        self.position[new.id] = (node.called.bpmn_id, "") if isinstance(node, subprocesses.CallActivity) else (there.process, there.ref)
        self._keep_own(token, new, here, there)
        self._listen(token, new)
        self.moved.append(self._moved(new, here, token.task_spec.name))

    def _target(self, here: Place) -> Place:
        there = self.after.get(self.plan.activities.get(here.ref, ""))
        if there is None:
            raise self._refused(UNMAPPED, here)
        if here.kind != there.kind:
            raise self._refused(OTHER_KIND, here, there)
        if here.loop != there.loop:
            raise self._refused(OTHER_LOOP, here, there)
        return there

    def _refused(self, message: str, here: Place | None, there: Place | None = None) -> Invalid:
        params: dict[str, Any] = {"name": here.label} if here else {}
        if there:
            params["target"] = there.label
        place = here or there
        return Invalid(message, element=place.ref if place else "", **params)

    # Scopes -------------------------------------------------------------------------------------------------------

    def _vanish(self, token: Token, above: Token) -> None:
        """What is in a subprocess that the plan leaves out goes on outside it."""
        self.become[token.id] = above
        self.new.store.drop(token.id)
        self.new.intents.append(Left(token.id, canceled=True))
        self.new.intents.extend(Dropped(w["i"]) for w in token.waits if w["k"] != "conditional")

    def _inside(self, above: Token, here: Place, there: Place) -> Token:
        """Return the scope for a token: the one that it is in, or new ones in that."""
        process, ref = self.position[above.id]
        if isinstance(above.task_spec, loops.Body) or process != there.process or (ref and ref not in there.scopes):
            raise self._refused(OTHER_SCOPE, here, there)
        for scope in there.scopes[there.scopes.index(ref) + 1 if ref else 0:]:
            if (above.id, scope) not in self.added:
                if not self.after[scope].may_vanish:
                    raise self._refused(OTHER_SCOPE, here, there)
                self.added[above.id, scope] = self._add(above, self.after[scope])
            above = self.added[above.id, scope]
        return above

    def _add(self, above: Token, place: Place) -> Token:
        new = above._add_child(place.node, TaskState.STARTED)
        place.node.enter(new)
        place.node.listen(new)
        for event in place.node.starts.values():
            event.wait_on(new)
        self.position[new.id] = (place.process, place.ref)
        return new

    def _keep_loop(self, new: Token) -> None:
        node, data = new.task_spec, new.internal_data
        if isinstance(node, loops.MultiInstance) and node.loop.output and "out" not in data:
            data["out"] = [None] * data["n"]

    # What is waited for -------------------------------------------------------------------------------------------

    def _keep_own(self, token: Token, new: Token, here: Place, there: Place) -> None:
        """Keep the call, timer, message or signal that a token itself waits for."""
        for wait in token.waits:
            if wait["k"] == "job":
                if here.element.topic != there.element.topic:
                    raise self._refused(OTHER_TOPIC, here, there)
                new.waits.append({**wait, "e": new.task_spec.name})
                self.kept.append(Kept(wait["i"], there.element.id))
            elif isinstance(token.task_spec, waits.CatchEvent) and wait["e"] == token.task_spec.name:
                self._keep(wait, token.task_spec, new.task_spec, new, here.ref)

    def _listen(self, token: Token, new: Token) -> None:
        """Keep what is waited for beside a token as far as the plan maps it, drop the rest, and begin to wait for what is new."""
        events = {(mark, event.name): event for mark, event in _events(new.task_spec)}
        mapped: dict[tuple[str, str], tuple[Any, str, Any]] = {}  # what is waited for: its event, that one's place, its counterpart
        for mark, event in _events(token.task_spec):
            scope = token.id if mark == "start" else token._parent
            ref = ref_of(self.source.key, self.process[scope], event.bpmn_id)
            to = self.after.get(self.plan.activities.get(ref, ""))
            other = events.get((mark, to.element.id)) if to else None
            mapped[mark, event.name] = event, ref, other if other and kind_of(other) == kind_of(event) else None
        for wait in token.waits:
            for (mark, name), (event, ref, other) in mapped.items():
                if name == wait["e"] and (mark == "start") == ("s" in wait):
                    self._keep(wait, event, other, new, ref)
        known = [other for _, _, other in mapped.values()]  # what the case knows and does not wait for has fired
        interrupted = _is_interrupted(token)
        for (mark, _), event in events.items():
            if event not in known and not (mark == "start" and interrupted):
                event.wait_on(new)

    def _keep(self, wait: dict, event: Any, other: Any, new: Token, ref: str) -> None:
        kind = wait["k"]
        if other is None or (kind == "timer" and ref in self.plan.renew):
            self.new.intents.extend([Dropped(wait["i"])] if kind != "conditional" else ())
            if other is not None:
                other.wait_on(new)
            return
        renamed = {**wait, "e": other.name}
        new.waits.append(renamed)
        if kind == "timer":
            self.kept.append(Kept(wait["i"], other.bpmn_id))
        elif kind in ("message", "signal"):
            if (event.trigger.name, event.trigger.correlation) == (other.trigger.name, other.trigger.correlation):
                self.kept.append(Kept(wait["i"], other.bpmn_id))
            else:
                renamed["n"] = other.event_name(new)
                keys = waits.correlation(other, new, other.view(new)) if kind == "message" else {}
                self.kept.append(Kept(wait["i"], other.bpmn_id, renamed["n"], keys))

    # Joins --------------------------------------------------------------------------------------------------------

    def _flow(self, token: Token, here: Place, there: Place) -> str | None:
        """Return the flow by which a token came, in the new version; at a join it counts."""
        node, other = here.node, there.node
        if not isinstance(node, gateways.Join) or token.flow is None:
            return token.flow if token.flow in other.incoming else None
        if (node, other) not in self.flows:
            self.flows[node, other] = self._join_flows(node, other, here, there)
        flow = self.flows[node, other].get(token.flow)
        if flow is None:
            raise self._refused(WHICH_FLOW, here, there)
        return flow

    def _join_flows(self, node: Node, other: Node, here: Place, there: Place) -> dict[str, str]:
        """Return which flow into a join becomes which: by what it comes from, its id, the only way from there, the only one left."""
        old, new = _sources(node), _sources(other)
        level = {place.ref: place.node for place in self.after.values() if place.node._wf_spec is other._wf_spec}
        came: dict[str, Any] = {flow: level.get(self._counterpart(here, source)) for flow, source in old.items()}
        found: dict[str, str] = {}

        def free(flows: Iterable[str]) -> list[str]:
            return [flow for flow in flows if flow not in found.values()]

        for flow in node.incoming:
            same = free(f for f in other.incoming if came[flow] is not None and new[f] is came[flow])
            if same:
                found[flow] = flow if flow in same else same[0]
        for flow in node.incoming:
            if flow not in found and flow in free(other.incoming):
                found[flow] = flow
        reach = gateways.reachable(other, gateways.predecessors(level.values()))
        for flow in node.incoming:
            ways = free(f for f in other.incoming if flow not in found and f in reach.get(came[flow], ()))
            if len(ways) == 1:
                found[flow] = ways[0]
        left, rest = [f for f in node.incoming if f not in found], free(other.incoming)
        if len(left) == len(rest) == 1:
            found[left[0]] = rest[0]
        return found

    def _counterpart(self, here: Place, node: Node) -> str:
        ref = ref_of(self.source.key, here.process, node.bpmn_id)
        return self.plan.activities.get(ref, ref)

    def _fire_joins(self) -> None:
        """Let parallel joins go on that wait for no more: one whose last missing flow is gone from the new version."""
        waiting = {(token._parent, token.task_spec): token.parent for token in self.new.tasks.values()
                   if token._state == TaskState.WAITING and isinstance(token.task_spec, gateways.ParallelGateway)}
        for (_, node), scope in waiting.items():
            while len(tokens := node.waiting(scope)) >= max(len(node.incoming), 1):
                node.merge(tokens)

    def _refuse_starving(self) -> None:
        """Refuse to leave a parallel join behind that can never have all its tokens, unless it could not before."""
        hungry = {(scope, self.plan.activities.get(ref, ref)) for scope, ref in self._starving(self.old, self.source, self.before)}
        for scope, ref in self._starving(self.new, self.target, self.after):
            if (scope, ref) not in hungry:
                raise self._refused(FOR_EVER, None, self.after[ref])

    def _starving(self, run: Run, spec: Spec, of: dict[str, Place]) -> set[tuple[str, str]]:
        """Return (scope, place) of the parallel joins to which a token can come, but not one by each flow."""
        found: set[tuple[str, str]] = set()
        inside: dict[str, list[Token]] = {}
        for token in run.tasks.values():
            if token._parent is not None and not isinstance(token.parent.task_spec, loops.Body):
                inside.setdefault(token._parent, []).append(token)
        for scope, tokens in inside.items():
            for join, reach in _joins(tokens[0].task_spec._wf_spec):
                there = {t.flow for t in tokens if t.task_spec is join and t._state == TaskState.WAITING}
                ahead = {flow for t in tokens if t.task_spec is not join for flow in reach.get(t.task_spec, ())}
                if (there or ahead) and not set(join.incoming) <= there | ahead:
                    found.update((scope, ref) for ref, place in of.items() if place.node is join)
        return found

    # The rows -----------------------------------------------------------------------------------------------------

    def _moved(self, new: Token, here: Place, was: str) -> Moved:
        node, run = new.task_spec, self.new
        name = node.bpmn_name or ""
        if "{" in name:
            name = str(run.interpolate(name, run.names_around(new), node.bpmn_id))
        details = node.details(run, new) if isinstance(node, tasks.UserTask) else None
        return Moved(new.id, was, node.name, name, node.type, new._parent or None, details, here.ref in self.plan.renew)


def _events(node: Node) -> Iterator[tuple[str, Node]]:
    """Give what is waited for beside a node's token: at its border, by event subprocesses in it, behind an event-based gateway."""
    for event in node.boundary:
        yield "border", event
    if isinstance(node, subprocesses.SubProcess):
        for event in node.event_starts():
            yield "start", event
    if isinstance(node, gateways.EventGateway):
        for flow in node.flows:
            yield "gate", flow.target


def _is_interrupted(scope: Token) -> bool:
    """Whether an event subprocess has interrupted a scope, which then waits for no other."""
    return any(start.element.interrupting for child in scope.children if isinstance(child.task_spec, subprocesses.EventSubProcess)
               for start in child.task_spec.inner.task_specs.values() if isinstance(start, waits.StartEvent))


def _sources(node: Node) -> dict[str, Node]:
    """Return where each flow into a node comes from."""
    return {flow.id: source for source in node._wf_spec.task_specs.values() if isinstance(source, Node)
            for flow in source.flows if flow.target is node}


@lru_cache(256)
def _joins(level: Any) -> list[tuple[gateways.ParallelGateway, dict[Node, frozenset[str]]]]:
    """Return a level's parallel joins, each with the flows into it that a token at each node can come to."""
    nodes = [node for node in level.task_specs.values() if isinstance(node, Node)]
    into = gateways.predecessors(nodes)
    return [(node, gateways.reachable(node, into)) for node in nodes
            if isinstance(node, gateways.ParallelGateway) and len(node.incoming) > 1]
