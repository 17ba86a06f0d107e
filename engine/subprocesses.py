"""Scopes in which tokens move: the process, subprocesses of both kinds, and calls of other processes."""

from collections.abc import Collection
from typing import Any

from SpiffWorkflow.util.task import TaskState

from bpmn.errors import N_, Invalid
from engine.nodes import Node, read_parameters
from engine.run import Run, Token
from engine.scopes import Names

MAX_DEPTH = 50  # of scopes in scopes, so that a process that calls itself ends some time


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
