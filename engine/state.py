"""An instance's state between two steps: its live tokens, as JSON. Nothing that is finished or predicted, no spec.

{"k": business key, "t": [{"i": id, "e": node, "p": parent's id, "f": flow, "w": waits, "d": a loop's counters,
"j": 1 for a token that waits at a join, "x": 1 for a call, behind which other variables begin}]}; the root is the
first, and parents come before their children.
"""

import copy
import datetime as dt
from collections.abc import Callable

from SpiffWorkflow.util.task import TaskState

from engine.intents import Live
from engine.run import Run, Token


def dump(run: Run) -> dict:
    if run.completed:
        return {}
    tokens: list[dict] = []
    stack = [run.tasks[""]]
    while stack:
        token = stack.pop()
        tokens.append(_dump(token))
        stack.extend(reversed(token.children))
    return {"k": run.business_key, "t": tokens}


def _dump(token: Token) -> dict:
    entry = {"i": token.id, "e": token.task_spec.name}
    if token._parent is not None:
        entry["p"] = token._parent
    if token.flow:
        entry["f"] = token.flow
    if token.waits:
        entry["w"] = token.waits
    if token.internal_data:
        entry["d"] = token.internal_data
    if token._state == TaskState.WAITING:
        entry["j"] = 1
    if token.task_spec.isolates:
        entry["x"] = 1
    return entry


def load(spec, live: Live, now: dt.datetime, new_id: Callable[[], str]) -> Run:
    """Return the run that goes on from `live`, which is not changed."""
    run = Run(spec, live, now, new_id)
    for entry in live.state["t"]:
        parent = run.tasks[entry["p"]] if "p" in entry else None
        node = parent.task_spec.child_spec(entry["e"]) if parent else spec.root
        token = Token(run, node, parent, TaskState.WAITING if "j" in entry else TaskState.STARTED, entry["i"])
        token.flow, token.entered = entry.get("f"), parent is not None
        if "w" in entry:
            token.waits = [dict(w) for w in entry["w"]]
        if "d" in entry:
            token.internal_data = copy.deepcopy(entry["d"])
    return run
