"""One step in memory: SpiffWorkflow's tasks and their life cycle, as a tree of scopes instead of a tree of the past.

SpiffWorkflow keeps every task there ever was, with the tasks it predicts, each under the one before it. Here a task (a
`Token`) is the child of the scope that it stands in, nothing is predicted, and what is finished is taken out at once. So
the tree is no larger than what is going on, and needs no clean-up between two steps.
"""

import datetime as dt
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from SpiffWorkflow.task import Task
from SpiffWorkflow.util.task import TaskState
from SpiffWorkflow.workflow import Workflow

from bpmn import expressions
from bpmn.errors import N_, Conflict, Invalid
from engine.intents import Dropped, Entered, Intent, JobWanted, Left, Live, Outcome, SubscriptionWanted
from engine.scopes import Names, Store

MAX_NODES = 10_000  # passed in one step: a loop without a wait in it must end some time
MAX_TOKENS = 10_000  # in an instance at a time
MAX_EVALUATION = 1_000_000  # parts of expressions evaluated in one step; a second or two


class Token(Task):
    """A live activity instance, event or gateway, or a token that waits at a join.

    `flow` is the sequence flow that it came by. `waits` are the timers, messages, signals and jobs that it waits for,
    JSON-able: {"i": id, "k": kind, "e": element id, …}.
    """

    def __init__(self, run: "Run", spec, parent: "Token | None", state: int, id: str):
        self.id = id
        self.workflow = run
        self.task_spec = spec
        self._parent: Any = parent.id if parent is not None else None
        self._children: list[str] = []
        self._state = state
        self.internal_data: dict[str, Any] = {}
        self.data = run.store  # what SpiffWorkflow's decision tables and conditions would look at; never copied
        self.triggered = False
        self.flow: str | None = None
        self.waits: list[dict[str, Any]] = []
        self.entered = False
        run.tasks[id] = self
        if parent is not None:
            parent._children.append(id)

    def _set_state(self, value: int) -> None:
        """Set the state, without SpiffWorkflow's clock and log record for each change."""
        self._state = value

    def _add_child(self, task_spec, state: int = TaskState.FUTURE) -> "Token":
        if len(self.workflow.tasks) > MAX_TOKENS:
            raise Invalid(N_("Terlalu banyak yang berjalan sekaligus"), element=task_spec.bpmn_id)
        return Token(self.workflow, task_spec, self, state, self.workflow.new_id())

    @property
    def is_live(self) -> bool:
        return self.id in self.workflow.tasks

    def cancel(self) -> None:
        """End this and all that goes on in it, the innermost first."""
        for child in self.children:
            child.cancel()
        self._set_state(TaskState.CANCELLED)
        self.workflow.leave(self, canceled=True)

    def chain(self) -> list[str]:
        """Return the ids of the scopes that are seen from inside this, the innermost first."""
        found, token = [self.id], self
        while token._parent is not None and not token.task_spec.isolates:
            token = token.parent
            found.append(token.id)
        return found


class Run(Workflow):
    """An instance during one step. Its root token has the id ''."""

    def __init__(self, spec, live: Live, now: dt.datetime, new_id: Callable[[], str]):
        # Not Workflow.__init__: that starts at once, and predicts.
        self.definition, self.spec = spec, spec.root.inner
        self.now, self.new_id = now, new_id
        self.tasks: dict[str, Token] = {}
        self.completed, self.success, self.last_task = False, True, None
        self.store = Store(live.variables)
        self.business_key = live.state.get("k", "")
        self.agenda: deque[Token] = deque()
        self.intents: list[Intent] = []
        self.passed, self.spent = 0, expressions.spent()
        self.unsettled = True  # variables changed since conditions were looked at

    # Life ---------------------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Move tokens until every one of them waits."""
        while True:
            while self.agenda:
                token = self.agenda.popleft()
                if token._state == TaskState.READY and token.is_live:
                    self._pass(token)
            if not (self._fire_join() or self._fire_condition()):
                return

    def _pass(self, token: Token) -> None:
        self.passed += 1
        if self.passed > MAX_NODES or expressions.spent() - self.spent > MAX_EVALUATION:
            raise Invalid(N_("Proses berputar tanpa henti"), element=token.task_spec.bpmn_id)
        token.run()

    def _fire_join(self) -> bool:
        """Let one inclusive join go on if it may, now that nothing else moves."""
        for token in list(self.tasks.values()):
            if token._state == TaskState.WAITING and token.task_spec.waits_for_others and token.task_spec.try_to_join(token):
                return True
        return False

    def _fire_condition(self) -> bool:
        """Let one conditional event fire if its condition became true."""
        if not (self.unsettled and self.definition.has_conditions):
            return False
        for token in list(self.tasks.values()):
            for wait in token.waits:
                if wait["k"] == "conditional" and token.task_spec.became_true(token, wait):
                    token.task_spec.catch(token, wait, {})
                    return True
        self.unsettled = False
        return False

    def leave(self, token: Token, canceled: bool = False) -> None:
        """Take a token out, with its waits and its variables."""
        self.stop_waiting(token)
        if token.entered:
            self.intents.append(Left(token.id, canceled))
        parent = self.tasks.get(token._parent)
        if parent is not None:
            parent._children.remove(token.id)
        if token._parent is not None:
            self.tasks.pop(token.id, None)
            self.store.drop(token.id)

    def _task_completed_notify(self, task: Token) -> None:
        """SpiffWorkflow's hook after a task's completion: here its scope may be done as well."""
        parent = self.tasks.get(task._parent)
        if parent is not None:
            parent.task_spec.child_left(parent)

    def _mark_complete(self, task: Token) -> None:
        self.completed = True

    # Waiting ------------------------------------------------------------------------------------------------------

    def wait(self, token: Token, wait: dict[str, Any], intent: Callable[..., JobWanted | SubscriptionWanted] | None = None, **rest) -> None:
        """Keep `wait` with the token, and ask for the job or subscription that will end it."""
        wait["i"] = self.new_id()
        token.waits.append(wait)
        if intent is not None:
            self.intents.append(intent(id=wait["i"], activity_instance_id=rest.pop("activity_instance_id", token.id), **rest))

    def stop_waiting(self, token: Token, which: Callable[[dict], bool] = lambda wait: True) -> None:
        gone = [w for w in token.waits if which(w)]
        if gone:
            token.waits = [w for w in token.waits if not which(w)]
            self.intents.extend(Dropped(w["i"]) for w in gone if w["k"] != "conditional")

    def find(self, id: str) -> Token:
        """Return the live token with this id; Conflict when it has ended."""
        token = self.tasks.get(id)
        if token is None or id == "":
            raise Conflict(N_("Kegiatan ini sudah berakhir"))
        return token

    def find_wait(self, id: str) -> tuple[Token, dict[str, Any]]:
        """Return what waits for the timer, message or signal with this id, and the wait; Conflict when nothing does any more."""
        for token in self.tasks.values():
            for wait in token.waits:
                if wait["i"] == id and wait["k"] in ("timer", "message", "signal"):
                    return token, wait
        raise Conflict(N_("Yang ditunggu sudah tidak ditunggu lagi"))

    # Variables ----------------------------------------------------------------------------------------------------

    def names(self, token: Token) -> Names:
        """Return the variables as seen from inside a token."""
        return self.store.names(token.chain())

    def names_around(self, token: Token) -> Names:
        """Return the variables as seen at a token's border, which differs only for a call: its inside is another process."""
        return self.names(token.parent if token.task_spec.isolates else token)

    def set_local(self, token: Token, values: Mapping[str, Any]) -> None:
        self.unsettled = True
        self.store.put(token.id, values)

    def write(self, token: Token, values: Mapping[str, Any]) -> None:
        """Set variables from where `token` stands: where they exist, else in the nearest owner."""
        if not values:
            return
        self.unsettled = True
        chain = token.chain()
        for name, value in values.items():
            scope = next((s for s in chain if name in self.store.variables.get(s, ())), None)
            self.store.put(self._owner(chain) if scope is None else scope, {name: value})

    def _owner(self, chain: list[str]) -> str:
        return next(s for s in chain if self.tasks[s].task_spec.owns_variables(self.tasks[s]))

    def evaluate(self, expression: str, names: Names, element: str) -> Any:
        return expressions.evaluate(expression, names, self.now, element=element)

    def interpolate(self, text: str, names: Names, element: str) -> Any:
        return expressions.interpolate(text, names, self.now, element=element)

    # The end ------------------------------------------------------------------------------------------------------

    def enter(self, token: Token, details=None) -> None:
        """Record that an activity instance begins."""
        spec = token.task_spec
        token.entered = True
        name = spec.bpmn_name or ""
        if "{" in name:
            name = str(self.interpolate(name, self.names_around(token), spec.bpmn_id))
        self.intents.append(Entered(token.id, spec.name, name, spec.type, token._parent or None, token.internal_data.get("c"), details))

    def outcome(self, state: dict) -> Outcome:
        variables = {"": self.store.variables[""]} if self.completed else self.store.variables
        return Outcome(Live(state, variables), tuple(self.intents), self.store.changed, self.completed)
