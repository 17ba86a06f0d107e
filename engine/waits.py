"""Events that are caught: by an event on the way, at the border of an activity, or by an event subprocess."""

import datetime as dt
from typing import Any

from bpmn import timers
from bpmn.errors import Invalid
from bpmn.model import Trigger
from engine.intents import JobWanted, SubscriptionWanted
from engine.nodes import Node
from engine.run import Run, Token
from engine.scopes import Names
from engine.subprocesses import EventSubProcess


class Catching(Node):
    """What all catching events share: how they wait."""

    trigger: Trigger

    def wait_on(self, holder: Token) -> None:
        """Let `holder` wait for this event. Errors, escalations and cancels are not waited for: who throws them looks for them."""
        kind = self.trigger.kind
        wait = {"k": kind, "e": self.name, **self.mark}
        if kind == "timer":
            names = self.view(holder)
            text = read_text(holder.workflow, self.trigger.expression, names, self.bpmn_id)
            self._set_timer(holder, wait, timers.schedule(self.trigger.timer, text, holder.workflow.now, self.bpmn_id))
        elif kind in ("message", "signal"):
            holder.workflow.wait(
                holder, {**wait, "n": self.event_name(holder)}, SubscriptionWanted, activity_id=self.bpmn_id, kind=kind,
                name=self.event_name(holder), correlation=correlation(self, holder, self.view(holder)) if kind == "message" else {},
                activity_instance_id=self.instance_id(holder))
        elif kind == "conditional":
            holder.workflow.wait(holder, wait)
            holder.workflow.unsettled = True

    mark: dict[str, Any] = {}  # what a wait of this class of event has besides

    def instance_id(self, holder: Token) -> str | None:
        return holder.id

    def view(self, holder: Token) -> Names:
        """Return the variables that the event's expressions read."""
        return holder.workflow.names_around(holder)

    def event_name(self, holder: Token) -> str:
        run = holder.workflow
        return str(run.interpolate(self.trigger.name, self.view(holder), self.bpmn_id))

    def _set_timer(self, holder: Token, wait: dict, schedule: timers.Schedule) -> None:
        wait = {k: v for k, v in wait.items() if k in ("k", "e", "s")}
        if schedule.every:
            wait |= {"due": schedule.due.isoformat(), "left": schedule.left, "every": schedule.every}
        holder.workflow.wait(holder, wait, JobWanted, activity_id=self.bpmn_id, type="timer", due_at=schedule.due,
                             activity_instance_id=self.instance_id(holder) or "")

    def stop_or_repeat(self, holder: Token, wait: dict) -> None:
        """After a firing that does not interrupt: messages and signals go on being waited for, a timer as often as it says."""
        if wait["k"] != "timer":
            return
        holder.workflow.stop_waiting(holder, lambda w: w is wait)
        if "every" in wait:
            again = timers.following(dt.datetime.fromisoformat(wait["due"]), wait["left"], wait["every"])
            if again:
                self._set_timer(holder, wait, again)

    def condition_rose(self, token: Token, wait: dict) -> bool:
        run = token.workflow
        before, wait["v"] = wait.get("v", False), bool(run.evaluate(self.trigger.expression, self.view(token), self.bpmn_id))
        return wait["v"] and not before


def read_text(run: Run, text: str, names, element: str) -> str:
    """Return a timer's text: as written, of a `${…}`, or of a quoted Python text."""
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    value = run.interpolate(text, names, element)
    return value if isinstance(value, str) else str(value)


def correlation(node: Any, token: Token, names: Names) -> dict[str, Any]:
    """Return the message's correlation properties as this instance knows them; what it does not know yet is left out."""
    values = {}
    for name, expression in node.trigger.correlation:
        try:
            values[name] = token.workflow.evaluate(expression, names, node.bpmn_id)
        except Invalid:
            continue
    return values


class CatchEvent(Catching):
    """An intermediate catch event or a receive task."""

    def _run_hook(self, my_task):
        self.enter(my_task)
        if self.trigger.kind == "link":
            return True
        self.wait_on(my_task)
        self.listen(my_task)
        return None

    def caught(self, holder, wait, payload):
        self.receive(holder, payload)

    def receive(self, token: Token, payload: dict[str, Any]) -> None:
        if self.element.outputs:
            token.workflow.set_local(token, payload)
        else:
            token.workflow.write(token.parent, payload)
        token.complete()

    def finish(self, token, variables):
        self.receive(token, variables)


class Boundary(Catching):
    """An event at the border of an activity, of which its token is the holder."""

    @property
    def interrupting(self) -> bool:
        return self.element.interrupting

    def caught(self, holder, wait, payload):
        run, scope = holder.workflow, holder.parent
        if self.interrupting:
            holder.cancel()
        elif wait is not None:
            self.stop_or_repeat(holder, wait)
        run.write(scope, payload)
        self.arrive(scope)


class StartEvent(Catching):
    """The start of a process, a subprocess, or an event subprocess, where it waits on the scope around that."""

    sub: EventSubProcess | None = None
    mark = {"s": 1}

    def instance_id(self, holder):
        return None

    def view(self, holder):
        return holder.workflow.names(holder)

    def caught(self, holder, wait, payload):
        run = holder.workflow
        if self.element.interrupting:
            for child in holder.children:
                child.cancel()
            run.stop_waiting(holder, lambda w: bool(w.get("s")))
        elif wait is not None:
            self.stop_or_repeat(holder, wait)
        run.write(holder, payload)
        token = holder._add_child(self.sub)
        token.internal_data["s"] = self.name
        self.sub._update(token)
