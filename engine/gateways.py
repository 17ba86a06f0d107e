"""Gateways, as BPMN 2.0 clause 13.4 defines them: one token per incoming flow and turn.

SpiffWorkflow's own joins count finished joins of earlier turns. These count only tokens that wait: a token that has come
to a join is a WAITING task which remembers its flow.
"""

from collections.abc import Iterable, Mapping

from SpiffWorkflow.util.task import TaskState

from engine.nodes import Node, Out
from engine.run import Run, Token
from engine.scopes import Names


class ExclusiveGateway(Node):
    def select(self, run: Run, names: Names) -> list[Out]:
        for flow in self.flows:
            if flow.id != self.default and (not flow.condition or self.holds(run, flow, names)):
                return [flow]
        taken = [f for f in self.flows if f.id == self.default]
        if not taken:
            raise self.stuck()
        return taken


class Join(Node):
    """A gateway at which tokens of several flows become one."""

    def waiting(self, scope: Token) -> dict[str, Token]:
        """Return the first token that waits here on each flow."""
        first: dict[str, Token] = {}
        for token in scope.children:
            if token.task_spec is self and token._state == TaskState.WAITING:
                first.setdefault(token.flow, token)
        return first

    def merge(self, tokens: dict[str, Token]) -> None:
        """Go on with the last of these tokens; the others end here."""
        *gone, last = tokens.values()
        for token in gone:
            token.workflow.leave(token)
        last._ready()

    def _run_hook(self, my_task):
        if not my_task.entered:
            self.enter(my_task)
        return True

    def stay(self, token: Token) -> None:
        self.enter(token)
        token._set_state(TaskState.WAITING)


class ParallelGateway(Join):
    """Waits for a token on each incoming flow (13.4.1); sends one along each outgoing flow."""

    def _update_hook(self, my_task):
        if len(self.incoming) < 2:
            return True
        self.stay(my_task)
        waiting = self.waiting(my_task.parent)
        if len(waiting) == len(self.incoming):
            self.merge(waiting)
        return False

    def select(self, run, names):
        return self.flows


class InclusiveGateway(Join):
    """Waits until no token elsewhere in its scope could still come on a flow that has none (13.4.3)."""

    waits_for_others = True
    reach: dict[Node, frozenset[str]] = {}  # node -> the incoming flows that a token there can come to, without passing here

    def _update_hook(self, my_task):
        if len(self.incoming) < 2:
            return True
        self.stay(my_task)
        return False

    def try_to_join(self, token: Token) -> bool:
        """Merge the tokens that wait here, if nothing more can come."""
        scope = token.parent
        waiting = self.waiting(scope)
        full = waiting.keys()
        for other in scope.children:
            if other.task_spec is not self:
                flows = self.reach.get(other.task_spec, frozenset())
                if flows - full and not flows & full:
                    return False
        self.merge(waiting)
        return True

    def select(self, run, names):
        taken = [f for f in self.flows if f.id != self.default and (not f.condition or self.holds(run, f, names))]
        if not taken:
            taken = [f for f in self.flows if f.id == self.default]
        if not taken:
            raise self.stuck()
        return taken


class EventGateway(Node):
    """Waits for the first of the events that follow it."""

    def _run_hook(self, my_task):
        self.enter(my_task)
        for flow in self.flows:
            flow.target.wait_on(my_task)

    def listener(self, token, wait):
        return self

    def caught(self, holder, wait, payload):
        holder.internal_data["next"] = wait["e"], payload
        holder.complete()

    def condition_rose(self, token, wait):
        return next(f.target for f in self.flows if f.target.name == wait["e"]).condition_rose(token, wait)

    def go_on(self, token, scope):
        name, payload = token.internal_data["next"]
        flow = next(f for f in self.flows if f.target.name == name)
        event = scope._add_child(flow.target)
        event.flow = flow.id
        flow.target.enter(event)
        flow.target.receive(event, payload)


def predecessors(nodes: Iterable[Node]) -> dict[Node, list[Node]]:
    """Return, for each node of a level, those from which a token comes to it. One in an activity can also leave by a boundary event."""
    into: dict[Node, list[Node]] = {}
    for node in nodes:
        for flow in node.flows:
            into.setdefault(flow.target, []).append(node)
        for event in node.boundary:
            into.setdefault(event, []).append(node)
    return into


def reachable(gateway: Node, into: Mapping[Node, list[Node]]) -> dict[Node, frozenset[str]]:
    """Return, for each node, the incoming flows of `gateway` that a token there can come to without visiting it."""
    found: dict[Node, set[str]] = {}
    for source in dict.fromkeys(into.get(gateway, ())):
        before = _before(source, into, gateway)
        for flow in source.flows:
            if flow.target is gateway:
                for node in before:
                    found.setdefault(node, set()).add(flow.id)
    return {node: frozenset(flows) for node, flows in found.items()}


def _before(node: Node, into: Mapping[Node, list[Node]], gateway: Node) -> set[Node]:
    """Return `node` and all that lead to it, not through `gateway`."""
    seen: set[Node] = set()
    stack = [node]
    while stack:
        here = stack.pop()
        if here is not gateway and here not in seen:
            seen.add(here)
            stack.extend(into.get(here, ()))
    return seen
