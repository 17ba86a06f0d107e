"""What each BPMN element does when a token comes to it: SpiffWorkflow task specs of Terbit's own.

A node's life is SpiffWorkflow's: `_update_hook` decides whether it may run, `_run_hook` runs it (True: done, None: it
waits), `_on_complete_hook` goes on. Specs are shared by all runs and never changed after `engine.spec` linked them.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from SpiffWorkflow.bpmn.specs.mixins import BpmnSpecMixin

from bpmn import expressions
from bpmn.errors import N_, Invalid
from bpmn.model import Element, Value
from engine.run import Run, Token
from engine.scopes import Names

if TYPE_CHECKING:
    from engine.waits import Boundary


@dataclass(frozen=True)
class Out:
    """An outgoing sequence flow (or a link)."""

    id: str
    condition: str | None
    target: "Node"


class Node(BpmnSpecMixin):
    """A flow node. On its own it lets a token pass."""

    waits_for_others = False  # an inclusive join
    isolates = False  # the chain of scopes ends here
    turns_own_variables = False  # a subprocess in it owns what is written in it

    def __init__(self, wf_spec, element: Element, type: str, name: str | None = None):
        super().__init__(wf_spec, name or element.id, bpmn_name=element.name)
        self.bpmn_id, self.bpmn_name = element.id, element.name
        self.element, self.type = element, type
        self.flows: list[Out] = []
        self.incoming: list[str] = []
        self.default: str | None = element.attributes.get("default")
        self.boundary: list[Boundary] = []
        self.starts: dict[str, Node] = {}  # of a scope: the start events of its event subprocesses

    # SpiffWorkflow's hooks ----------------------------------------------------------------------------------------

    def test(self):
        """Nothing: what could be wrong was refused when the diagram was deployed."""

    def _update_hook(self, my_task: Token) -> bool:
        return True

    def _on_ready_hook(self, my_task: Token) -> None:
        my_task.workflow.agenda.append(my_task)

    def _run_hook(self, my_task: Token) -> bool | None:
        self.enter(my_task)
        return True

    def _on_complete_hook(self, my_task: Token) -> None:
        scope = my_task.parent
        self.hand_over(my_task)
        scope.task_spec.child_leaving(scope, my_task)
        my_task.workflow.leave(my_task)
        self.go_on(my_task, scope)

    # Coming and going ---------------------------------------------------------------------------------------------

    def arrive(self, scope: Token, flow: str | None = None) -> Token:
        """Put a token here, in `scope`."""
        token = scope._add_child(self)
        token.flow = flow
        self._update(token)
        return token

    def enter(self, token: Token) -> None:
        if self.element.inputs:
            names = token.workflow.names(token)
            token.workflow.set_local(token, read_parameters(token.workflow, self.element.inputs, names, self.bpmn_id))
        token.workflow.enter(token)

    def hand_over(self, token: Token) -> None:
        """Write the camunda:outputParameters, evaluated in the activity, to where it stands."""
        if self.element.outputs:
            run = token.workflow
            run.write(token.parent, read_parameters(run, self.element.outputs, run.names(token), self.bpmn_id))

    def go_on(self, token: Token, scope: Token) -> None:
        """Send a token along each flow that is taken."""
        if not self.flows:
            return
        if len(self.flows) == 1 and not self.flows[0].condition:
            taken = self.flows
        else:
            taken = self.select(token.workflow, token.workflow.names(scope))
        for flow in taken:
            flow.target.arrive(scope, flow.id)

    def select(self, run: Run, names: Names) -> list[Out]:
        """Return the flows to take: an activity's unconditional ones, and those whose condition holds, else the default."""
        taken = [f for f in self.flows if f.id != self.default and (not f.condition or self.holds(run, f, names))]
        if not any(f.condition for f in taken):
            taken += [f for f in self.flows if f.id == self.default]
        if not taken:
            raise self.stuck()
        return taken

    def holds(self, run: Run, flow: Out, names: Names) -> bool:
        return bool(expressions.evaluate(flow.condition or "true", names, run.now, element=flow.id))

    def stuck(self) -> Invalid:
        return Invalid(N_("Tidak ada alur keluar yang syaratnya terpenuhi"), element=self.bpmn_id)

    # What scopes do more ------------------------------------------------------------------------------------------

    def child_leaving(self, scope: Token, child: Token) -> None:
        """A child completed and is about to be taken out."""

    def child_left(self, scope: Token) -> None:
        """A child is gone."""

    def owns_variables(self, token: Token) -> bool:
        return False

    def finish(self, token: Token, variables: dict[str, Any]) -> None:
        """Complete a waiting activity from outside."""
        raise Invalid(N_("Elemen ini tidak dapat diselesaikan dari luar"), element=self.bpmn_id)

    def listen(self, token: Token) -> None:
        """Wait for what the boundary events catch."""
        for event in self.boundary:
            event.wait_on(token)

    def listener(self, token: Token, wait: dict) -> "Node":
        """Return the node that a wait of this node's token belongs to."""
        if wait.get("s"):
            return self.starts[wait["e"]]
        return next((b for b in self.boundary if b.name == wait["e"]), self)

    def catch(self, token: Token, wait: dict, payload: dict[str, Any]) -> None:
        """What `wait` waited for has come."""
        self.listener(token, wait).caught(token, wait, payload)

    def caught(self, holder: Token, wait: dict | None, payload: dict[str, Any]) -> None:
        raise NotImplementedError

    def became_true(self, token: Token, wait: dict) -> bool:
        return self.listener(token, wait).condition_rose(token, wait)


# Parameters -----------------------------------------------------------------------------------------------------------

def read_parameters(run: Run, parameters: tuple[tuple[str, Value], ...], names: Names, element: str) -> dict[str, Any]:
    """Return the values of camunda:inputParameters or outputParameters; each sees those before it."""
    values: dict[str, Any] = {}
    inner = names.inner(values)
    for name, value in parameters:
        values[name] = _value(run, value, inner, element)
    return values


def _value(run: Run, value: Value, names: Names, element: str) -> Any:
    if value.kind == "list":
        return [_value(run, v, names, element) for v in value.content]
    if value.kind == "map":
        return {k: _value(run, v, names, element) for k, v in value.content}
    if value.kind == "script":
        return run.evaluate(value.content, names, element)
    return run.interpolate(value.content, names, element)
