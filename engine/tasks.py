"""What each kind of task does: waits for a person, for a worker, or computes at once."""

import datetime as dt
from typing import Any

from bpmn import expressions, timers
from bpmn.decisions import Decision
from bpmn.model import names
from engine.intents import JobWanted, TaskDetails
from engine.nodes import Node, read_parameters
from engine.run import Run, Token


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
            **self.due(when(camunda.get("dueDate")), run.now), follow_up_at=when(camunda.get("followUpDate")),
            priority=int(priority) if str(priority).lstrip("-").isdigit() else 50, form_key=text(element.form_key),
            description=text(element.documentation) or None)

    def due(self, named: dt.datetime | None, now: dt.datetime) -> dict[str, Any]:
        """Return the moment that the diagram names, else the working time that the mutu baku allows: whose calendar, others know."""
        standard = self.element.properties.get("waktu")
        if named or not standard:
            return {"due_at": named}
        allowed = timers.working(standard)
        return {"allowed": allowed} if allowed else {"due_at": timers.schedule("duration", standard, now, self.bpmn_id).due}


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
        if element.inputs and element.outputs:  # read already: read again, they would see themselves
            payload = {name: run.store.variables[my_task.id][name] for name, _ in element.inputs}
        else:
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
