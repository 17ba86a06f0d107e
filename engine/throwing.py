"""Events that are thrown: along the flow, at an end, or by a job that failed with a BPMN error."""

from typing import Any

from SpiffWorkflow.util.task import TaskState

from bpmn.model import Trigger
from engine.intents import Thrown
from engine.nodes import Node
from engine.run import Run, Token
from engine.subprocesses import SubProcess
from engine.waits import correlation


class ThrowEvent(Node):
    """An intermediate throw event, a send task, or an end event that throws something which need not end anything."""

    trigger: Trigger

    def _run_hook(self, my_task):
        self.enter(my_task)
        if self.trigger.kind:
            THROW[self.trigger.kind](my_task, self.trigger)
        return True if my_task._state == TaskState.READY else None  # what it threw may have ended it

    def thrown_name(self, token: Token) -> str:
        run = token.workflow
        return str(run.interpolate(self.trigger.name, run.names(token), self.bpmn_id))


def _message(token: Token, trigger: Trigger) -> None:
    run = token.workflow
    payload = {name: run.store.variables[token.id][name] for name, _ in token.task_spec.element.inputs}
    keys = correlation(token.task_spec, token, run.names(token))
    run.intents.append(Thrown("message", token.task_spec.thrown_name(token), payload, keys))


def _signal(token: Token, trigger: Trigger) -> None:
    """Throw a signal outward, and to all that wait for it in this instance now."""
    run, name = token.workflow, token.task_spec.thrown_name(token)
    mappings = [m for m in token.task_spec.element.mappings if m["direction"] == "in"]
    payload = {n: run.store.variables[token.id][n] for n, _ in token.task_spec.element.inputs}
    for mapping in mappings:
        seen = run.names(token)
        if mapping.get("variables") == "all":
            payload |= seen.merged()
        elif "target" in mapping:
            source = mapping.get("sourceExpression")
            payload[mapping["target"]] = (run.interpolate(source, seen, token.task_spec.bpmn_id) if source
                                          else run.evaluate(f"get({mapping['source']!r})", seen, token.task_spec.bpmn_id))
    run.intents.append(Thrown("signal", name, payload))
    waiting = [(t, w) for t in run.tasks.values() for w in t.waits if w["k"] == "signal" and w.get("n") == name]
    for holder, wait in waiting:
        if holder.is_live and wait in holder.waits:
            holder.task_spec.catch(holder, wait, payload)


def _escalation(token: Token, trigger: Trigger) -> None:
    found = find_catcher(token, "escalation", trigger.code)
    if found:
        holder, node = found
        node.caught(holder, None, code_variables(node, trigger.code, ""))


def _error(token: Token, trigger: Trigger) -> None:
    found = find_catcher(token, "error", trigger.code)
    if found:
        token.workflow.leave(token)
        token._set_state(TaskState.COMPLETED)
        holder, node = found
        message = str(token.workflow.interpolate(trigger.error_message, token.workflow.names(holder), token.task_spec.bpmn_id))
        node.caught(holder, None, code_variables(node, trigger.code, message))


def _terminate(token: Token, trigger: Trigger) -> None:
    for other in token.parent.children:
        if other is not token:
            other.cancel()


def _cancel(token: Token, trigger: Trigger) -> None:
    """End the transaction around this, and go on at its cancel boundary event if it has one."""
    found, scope = find_catcher(token, "cancel", None), token.parent
    token.workflow.leave(token)
    token._set_state(TaskState.COMPLETED)
    if found:
        holder, node = found
        node.caught(holder, None, {})
        return
    for child in scope.children:
        child.cancel()
    scope.task_spec.child_left(scope)


def _link(token: Token, trigger: Trigger) -> None:
    """Nothing: the link is one of its flows."""


THROW = {"message": _message, "signal": _signal, "escalation": _escalation, "error": _error, "terminate": _terminate,
         "cancel": _cancel, "link": _link}


def find_catcher(thrower: Token, kind: str, code: str | None) -> tuple[Token, Node] | None:
    """Return the nearest event that catches an error, escalation or cancel from `thrower`, and the token it is on.

    At each level first the border of the activity, then the event subprocesses beside it; one that names the code goes
    before one that catches any.
    """
    token: Token | None = thrower
    while token is not None:
        node = _match(token.task_spec.boundary, kind, code)
        if node:
            return token, node
        scope = token.parent
        if scope is not None and isinstance(scope.task_spec, SubProcess):
            starts = [s for s in scope.task_spec.event_starts() if s.sub is not token.task_spec]
            node = _match(starts, kind, code)
            if node:
                return scope, node
        token = scope
    return None


def _match(events, kind: str, code: str | None) -> Node | None:
    fitting = [e for e in events if e.trigger.kind == kind and e.trigger.code in (None, code)]
    return next((e for e in fitting if e.trigger.code is not None), fitting[0] if fitting else None)


def code_variables(node: Any, code: str | None, message: str) -> dict[str, Any]:
    """Return the variables in which the catching event wants the code and the message."""
    trigger, values = node.trigger, {}
    if trigger.code_variable:
        values[trigger.code_variable] = code
    if trigger.message_variable:
        values[trigger.message_variable] = message
    return values


def throw_error(run: Run, token: Token, code: str, message: str, variables: dict[str, Any]) -> bool:
    """Throw a BPMN error from a waiting activity. False, and nothing changed, when nothing catches it."""
    found = find_catcher(token, "error", code)
    if not found:
        return False
    holder, node = found
    node.caught(holder, None, {**variables, **code_variables(node, code, message)})
    return True


def throw_escalation(run: Run, token: Token, code: str, variables: dict[str, Any]) -> bool:
    """Throw an escalation from a waiting activity. False, and nothing changed, when nothing catches it."""
    found = find_catcher(token, "escalation", code)
    if not found:
        return False
    holder, node = found
    node.caught(holder, None, {**variables, **code_variables(node, code, "")})
    return True
