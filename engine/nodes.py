"""What each BPMN element does when a token comes to it: SpiffWorkflow task specs of Terbit's own.

A node's life is SpiffWorkflow's: `_update_hook` decides whether it may run, `_run_hook` runs it (True: done, None: it
waits), `_on_complete_hook` goes on. Specs are shared by all runs and never changed after `engine.spec` linked them.
"""

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from SpiffWorkflow.bpmn.specs.mixins import BpmnSpecMixin
from SpiffWorkflow.util.task import TaskState

from bpmn import expressions, timers
from bpmn.decisions import Decision
from bpmn.errors import N_, Invalid
from bpmn.model import Element, Value, names
from engine.intents import JobWanted, TaskDetails
from engine.run import Run, Token
from engine.scopes import Names

if TYPE_CHECKING:
    from engine.waits import Boundary


MAX_DEPTH = 50  # of scopes in scopes, so that a process that calls itself ends some time


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


# Tasks ----------------------------------------------------------------------------------------------------------------

class UserTask(Node):
    """A user or manual task: a person completes it."""

    def enter(self, token):
        run = token.workflow
        if self.element.inputs:
            run.set_local(token, read_parameters(run, self.element.inputs, run.names(token), self.bpmn_id))
        run.enter(token, self.details(run, token))

    def _run_hook(self, my_task):
        self.enter(my_task)
        self.listen(my_task)

    def finish(self, token, variables):
        run = token.workflow
        run.write(token.parent, variables)
        hidden = {k: v for k, v in variables.items() if k in run.store.variables.get(token.id, ())}
        run.set_local(token, hidden)  # an output parameter means what was just filled in
        token.complete()

    def details(self, run: Run, token: Token) -> TaskDetails:
        element, seen = self.element, run.names(token)
        camunda = element.camunda

        def text(value):
            found = run.interpolate(value, seen, self.bpmn_id) if value else None
            return found if found is None or isinstance(found, str) else str(found)

        def several(value):
            found = run.interpolate(value, seen, self.bpmn_id) if value else None
            return tuple(str(f) for f in found) if isinstance(found, list) else names(found or "")

        def when(value):
            found = text(value)
            return timers.schedule("duration", found, run.now, self.bpmn_id).due if found else None

        priority = run.interpolate(camunda.get("priority", "50"), seen, self.bpmn_id)
        return TaskDetails(
            assignee=text(camunda.get("assignee")), candidate_groups=several(element.candidate_groups),
            candidate_users=several(camunda.get("candidateUsers")),
            due_at=when(camunda.get("dueDate")) or self.standard_due(run.now), follow_up_at=when(camunda.get("followUpDate")),
            priority=int(priority) if str(priority).lstrip("-").isdigit() else 50, form_key=text(element.form_key),
            description=text(element.documentation) or None)

    def standard_due(self, now: dt.datetime) -> dt.datetime | None:
        """Return when the mutu baku's `waktu` is over, in elapsed time."""
        standard = self.element.properties.get("waktu")
        return timers.schedule("duration", standard, now, self.bpmn_id).due if standard else None


class ExternalTask(Node):
    """A service, send or business rule task (or a thrown message) that a worker does: `camunda:type="external"`."""

    def enter(self, token):
        """The inputs are the job's payload; they are kept as variables only for output parameters to read."""
        if self.element.outputs:
            super().enter(token)
        else:
            token.workflow.enter(token)

    def _run_hook(self, my_task):
        run, element = my_task.workflow, self.element
        self.enter(my_task)
        seen = run.names(my_task)
        payload = read_parameters(run, element.inputs, seen, self.bpmn_id) if element.inputs else seen.merged()
        run.wait(my_task, {"k": "job", "e": self.name}, JobWanted, activity_id=self.bpmn_id, type="external", due_at=run.now,
                 topic=str(run.interpolate(element.topic, seen, self.bpmn_id)), payload=payload)
        self.listen(my_task)

    def finish(self, token, variables):
        run = token.workflow
        if self.element.outputs:
            run.set_local(token, variables)
        else:
            run.write(token.parent, variables)
        token.complete()


class ScriptTask(Node):
    """Assignments `name = expression`, or one expression with a camunda:resultVariable."""

    def _run_hook(self, my_task):
        self.enter(my_task)
        run, element = my_task.workflow, self.element
        result, seen = element.camunda.get("resultVariable"), run.names(my_task)
        if result:
            values = {result: run.evaluate(element.script, seen, self.bpmn_id)}
        else:
            values = expressions.run_script(element.script, seen, run.now, element=self.bpmn_id)
        self.give(my_task, values)
        return True

    def give(self, token: Token, values: dict[str, Any]) -> None:
        """Write a result to where the activity stands, or, when it has output parameters, keep it for them."""
        if self.element.outputs:
            token.workflow.set_local(token, values)
        else:
            token.workflow.write(token.parent, values)


class BusinessRuleTask(ScriptTask):
    """A decision table's result, mapped as camunda:mapDecisionResult says."""

    decision: Decision  # set by engine.spec

    def _run_hook(self, my_task):
        self.enter(my_task)
        run, camunda = my_task.workflow, self.element.camunda
        result = self.decision.decide(run.names(my_task), run.now, camunda.get("mapDecisionResult", "resultList"), self.bpmn_id)
        if camunda.get("resultVariable"):
            self.give(my_task, {camunda["resultVariable"]: result})
        return True


# Scopes ---------------------------------------------------------------------------------------------------------------

class SubProcess(Node):
    """An embedded subprocess or transaction: a scope in which tokens move."""

    inner: Any = None  # the WorkflowSpec of what is inside
    start: Any = None  # its none start event

    def _run_hook(self, my_task):
        self.enter(my_task)
        my_task._set_state(TaskState.STARTED)
        self.listen(my_task)
        self.open(my_task)

    def open(self, token: Token, start: "Node | None" = None) -> None:
        """Begin inside: wait for the event subprocesses' events, put a token on the start event."""
        if token.depth > MAX_DEPTH:
            raise Invalid(N_("Proses terlalu dalam bersarang atau memanggil dirinya tanpa henti"), element=self.bpmn_id)
        for event in self.starts.values():
            event.wait_on(token)
        (start or self.start).arrive(token)

    def child_left(self, scope):
        if not scope._children and scope._state == TaskState.STARTED:
            scope.complete()

    def owns_variables(self, token):
        return token.parent.task_spec.turns_own_variables

    def child_spec(self, name: str) -> Node:
        return self.inner.task_specs[name]

    def event_starts(self) -> Collection[Node]:
        return self.starts.values()


class EventSubProcess(SubProcess):
    """Opened at the start event that was triggered."""

    def _run_hook(self, my_task):
        self.enter(my_task)
        my_task._set_state(TaskState.STARTED)
        for event in self.starts.values():
            event.wait_on(my_task)
        self.inner.task_specs[my_task.internal_data.pop("s")].arrive(my_task)


class Root(SubProcess):
    """The process itself. Its token is the instance."""

    def owns_variables(self, token):
        return True

    def _on_complete_hook(self, my_task):
        my_task.workflow.stop_waiting(my_task)
        my_task.workflow._mark_complete(my_task)


class CallActivity(SubProcess):
    """Another process, run inside this instance, with variables of its own: only what camunda:in and camunda:out name passes."""

    called: Root
    isolates = True

    @property
    def inner(self):
        return self.called.inner

    def event_starts(self):
        return self.called.starts.values()

    def owns_variables(self, token):
        return True

    def listener(self, token, wait):
        return self.called.starts[wait["e"]] if wait.get("s") else super().listener(token, wait)

    def _run_hook(self, my_task):
        run = my_task.workflow
        outer = run.store.names([my_task.id, *my_task.parent.chain()])  # its turn's variables too, when it is one of several
        given = read_parameters(run, self.element.inputs, outer, self.bpmn_id)
        passed = self.mapped(run, "in", outer.inner(given))
        run.enter(my_task)
        my_task._set_state(TaskState.STARTED)
        self.listen(my_task)
        run.store.drop(my_task.id)
        run.set_local(my_task, passed)
        self.called.open(my_task)

    def hand_over(self, token):
        run = token.workflow
        inside = Names([run.store.variables.get(token.id, {})])
        back = self.mapped(run, "out", inside)
        outputs = read_parameters(run, self.element.outputs, run.names(token.parent).inner(back), self.bpmn_id)
        run.write(token.parent, {**back, **outputs})

    def mapped(self, run: Run, direction: str, seen: Names) -> dict[str, Any]:
        """Return what camunda:in or camunda:out passes, under its target's name."""
        values: dict[str, Any] = {}
        for mapping in self.element.mappings:
            if mapping["direction"] != direction or "businessKey" in mapping:  # the call is part of this instance, and has its key
                continue
            if mapping.get("variables") == "all":
                values.update(seen.merged())
            elif "sourceExpression" in mapping:
                values[mapping["target"]] = run.interpolate(mapping["sourceExpression"], seen, self.bpmn_id)
            else:
                values[mapping["target"]] = run.evaluate(f"get({mapping['source']!r})", seen, self.bpmn_id)
        return values
