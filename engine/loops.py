"""Multi-instance and standard loops: a body with one token in it for each turn.

The body's token has the boundary events and the variables nrOfInstances, nrOfActiveInstances and
nrOfCompletedInstances; each turn has loopCounter and the collection's element as variables of its own.
"""

from typing import Any

from SpiffWorkflow.util.task import TaskState

from bpmn.errors import N_, Invalid
from bpmn.model import Element
from engine.nodes import Node
from engine.run import Run, Token

MAX_TURNS = 1_000


class Body(Node):
    """The body of a looped activity. `turn` is the activity itself, without its flows and boundary events."""

    def __init__(self, wf_spec, element: Element, turn: Node):
        super().__init__(wf_spec, element, "multiInstanceBody", f"{element.id}#multiInstanceBody")
        self.turn: Node = turn
        self.loop: Any = element.loop  # bpmn.model.Loop

    def child_spec(self, name: str) -> Node:
        return self.turn

    def enter(self, token):
        token.workflow.enter(token)

    def hand_over(self, token):
        """Nothing: the turns did."""

    def child_left(self, scope):
        if scope._state == TaskState.STARTED and not scope._children:
            self.next(scope)

    def next(self, body: Token) -> None:
        """A sequential body goes on, a parallel one is done."""
        body.complete()

    def begin(self, body: Token, counter: int, values: dict[str, Any]) -> None:
        token = body._add_child(self.turn)
        token.internal_data["c"] = counter
        body.workflow.set_local(token, {"loopCounter": counter, **values})
        self.turn._update(token)

    def condition_holds(self, token: Token) -> bool:
        run = token.workflow
        return bool(run.evaluate(self.loop.condition, run.names_around(token), self.bpmn_id))


class MultiInstance(Body):
    """Turns in parallel, or one after the other."""

    turns_own_variables = True

    def _run_hook(self, my_task):
        run, loop = my_task.workflow, self.loop
        self.enter(my_task)
        items, count = self.items(run, my_task)
        if count == 0:
            run.set_local(my_task, {"nrOfInstances": 0, "nrOfActiveInstances": 0, "nrOfCompletedInstances": 0})
            self.collect_into(my_task, [])
            return True
        my_task._set_state(TaskState.STARTED)
        data = my_task.internal_data
        data["n"], data["done"] = count, 0
        if loop.kind == "sequential" and items is not None:
            data["items"] = items
        if loop.output:
            data["out"] = [None] * count
        run.set_local(my_task, {"nrOfInstances": count, "nrOfCompletedInstances": 0,
                                "nrOfActiveInstances": 1 if loop.kind == "sequential" else count})
        self.listen(my_task)
        for i in range(1 if loop.kind == "sequential" else count):
            self.begin(my_task, i, self.element_of(items, i))

    def items(self, run: Run, token: Token) -> tuple[list | None, int]:
        """Return the collection, if there is one, and how many turns there are."""
        loop, names = self.loop, run.names(token)
        items: Any = None
        if loop.collection:
            items = run.evaluate(loop.collection, names, self.bpmn_id)
            items = list(items) if isinstance(items, list | dict) else items
            if not isinstance(items, list):
                raise Invalid(N_("Koleksi %(name)s bukan daftar"), element=self.bpmn_id, name=loop.collection)
        count = run.evaluate(loop.cardinality, names, self.bpmn_id) if loop.cardinality else len(items)
        if isinstance(count, str) and count.isdigit():
            count = int(count)
        if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count <= MAX_TURNS:
            raise Invalid(N_("Jumlah pengulangan harus bilangan bulat 0 sampai %(most)d"), element=self.bpmn_id, most=MAX_TURNS)
        return items, count if items is None else min(count, len(items))

    def element_of(self, items: list | None, i: int) -> dict[str, Any]:
        return {self.loop.element: items[i]} if self.loop.element and items is not None else {}

    def child_leaving(self, scope, child):
        run, data = scope.workflow, scope.internal_data
        data["done"] += 1
        active = len(scope._children) - 1 if self.loop.kind == "parallel" else int(data["done"] < data["n"])
        run.set_local(scope, {"nrOfCompletedInstances": data["done"], "nrOfActiveInstances": active})
        if self.loop.output:
            data["out"][child.internal_data["c"]] = run.evaluate(f"get({self.loop.output_item!r})", run.names(child), self.bpmn_id)
        if self.loop.condition and self.condition_holds(child):
            data["stop"] = True

    def child_left(self, scope):
        if scope._state != TaskState.STARTED:
            return
        if scope.internal_data.get("stop"):
            for child in scope.children:
                child.cancel()
        if not scope._children:
            self.next(scope)

    def next(self, body):
        data = body.internal_data
        if self.loop.kind == "sequential" and data["done"] < data["n"] and not data.get("stop"):
            self.begin(body, data["done"], self.element_of(data.get("items"), data["done"]))
        else:
            self.collect_into(body, data.get("out", []))
            body.complete()

    def collect_into(self, body: Token, values: list) -> None:
        if self.loop.output:
            body.workflow.write(body.parent, {self.loop.output: values})


class StandardLoop(Body):
    """Turns while the loopCondition holds, at most loopMaximum of them."""

    def _run_hook(self, my_task):
        self.enter(my_task)
        my_task.internal_data["done"] = 0
        if self.loop.test_before and not self.again(my_task, my_task):
            return True
        my_task._set_state(TaskState.STARTED)
        self.listen(my_task)
        self.begin(my_task, 0, {})

    def again(self, body: Token, seen_from: Token) -> bool:
        maximum = self.loop.maximum
        if maximum is not None and body.internal_data["done"] >= maximum:
            return False
        return not self.loop.condition or self.condition_holds(seen_from)

    def child_leaving(self, scope, child):
        scope.internal_data["done"] += 1
        if not self.again(scope, child):
            scope.internal_data["stop"] = True

    def next(self, body):
        if body.internal_data.get("stop"):
            body.complete()
        else:
            self.begin(body, body.internal_data["done"], {})


def body_of(wf_spec, element: Element, turn: Node) -> Body:
    """Return the body for a looped activity."""
    return (StandardLoop if element.loop and element.loop.kind == "standard" else MultiInstance)(wf_spec, element, turn)
