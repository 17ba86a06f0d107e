"""The step: pure functions from an instance's old state and a stimulus to what changed. No clock, no database, no network.

`spec` is from `engine.spec.compile`, `new_id` gives a fresh id at each call. A failing expression raises Invalid with
its element: then nothing happened. A stimulus for what is over raises Conflict.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from bpmn import expressions
from bpmn.errors import N_, Invalid, NotFound
from engine import state, throwing
from engine.intents import Live, Outcome
from engine.run import Run, Token
from engine.scopes import Names
from engine.spec import Spec

NewId = Callable[[], str]
Variables = Mapping[str, Any]


def start(spec: Spec, variables: Variables, now: dt.datetime, new_id: NewId, *, start_event: str | None = None,
          business_key: str = "") -> Outcome:
    """Begin an instance at its none start event, or at `start_event` (a message, signal or timer came)."""
    run = Run(spec, Live({"k": business_key}, {}), now, new_id)
    root = Token(run, spec.root, None, state.TaskState.STARTED, "")
    run.set_local(root, dict(variables))
    event = spec.root.start
    if start_event is not None:
        event = spec.root.inner.task_specs.get(start_event)
        if event is None or event not in spec.starts:
            raise NotFound(N_("Peristiwa mulai %(name)s tidak ada"), name=start_event)
    if event is None:
        raise Invalid(N_("Proses ini tidak dapat dimulai tanpa pesan, sinyal, atau pewaktu"))
    spec.root.open(root, event)
    return _end(run)


def complete(spec: Spec, live: Live, activity_instance_id: str, variables: Variables, now: dt.datetime, new_id: NewId) -> Outcome:
    """Complete a user, manual or receive task, or a service task whose job is done; `variables` are what it brings."""
    run = state.load(spec, live, now, new_id)
    token = run.find(activity_instance_id)
    token.task_spec.finish(token, dict(variables))
    return _end(run)


def trigger(spec: Spec, live: Live, id: str, now: dt.datetime, new_id: NewId, payload: Variables | None = None) -> Outcome:
    """Let the timer fire, or the message or signal come, whose JobWanted or SubscriptionWanted had this id."""
    run = state.load(spec, live, now, new_id)
    token, wait = run.find_wait(id)
    token.task_spec.catch(token, wait, dict(payload or {}))
    return _end(run)


def throw_error(spec: Spec, live: Live, activity_instance_id: str, code: str, message: str, now: dt.datetime, new_id: NewId,
                variables: Variables | None = None) -> Outcome | None:
    """Throw a BPMN error from a waiting activity. None, when nothing in the instance catches it."""
    run = state.load(spec, live, now, new_id)
    if not throwing.throw_error(run, run.find(activity_instance_id), code, message, dict(variables or {})):
        return None
    return _end(run)


def throw_escalation(spec: Spec, live: Live, activity_instance_id: str, code: str, now: dt.datetime, new_id: NewId,
                     variables: Variables | None = None) -> Outcome | None:
    """Throw an escalation from a waiting activity, which goes on unless that interrupts it. None when nothing catches it."""
    run = state.load(spec, live, now, new_id)
    if not throwing.throw_escalation(run, run.find(activity_instance_id), code, dict(variables or {})):
        return None
    return _end(run)


def set_variables(spec: Spec, live: Live, scope_id: str, variables: Variables, now: dt.datetime, new_id: NewId,
                  deletions: tuple[str, ...] = ()) -> Outcome:
    """Set variables in this very scope ("": the instance), and let conditional events that became true fire."""
    run = state.load(spec, live, now, new_id)
    if scope_id not in run.tasks:
        raise NotFound(N_("Lingkup ini tidak ada"))
    run.set_local(run.tasks[scope_id], dict(variables))
    run.store.remove(scope_id, deletions)
    return _end(run)


def _end(run: Run) -> Outcome:
    run.settle()
    return run.outcome(state.dump(run))


# Looking at it --------------------------------------------------------------------------------------------------------

def open_activities(live: Live) -> list[str]:
    """Return the ids of the activity instances that wait; not of the scopes around them."""
    tokens = live.state.get("t", ())
    parents = {t.get("p") for t in tokens}
    return [t["i"] for t in tokens if t["i"] and t["i"] not in parents]


def open_elements(live: Live) -> dict[str, str]:
    """Return {activity instance id: element id} of what `open_activities` names."""
    element = {t["i"]: t["e"] for t in live.state.get("t", ())}
    return {i: element[i] for i in open_activities(live)}


def visible(live: Live, scope_or_activity_instance_id: str) -> dict[str, Any]:
    """Return the variables as seen from a scope or an activity instance; of an unknown one, the instance's own."""
    tokens = {t["i"]: t for t in live.state.get("t", ())}
    chain: list[Mapping[str, Any]] = []
    here = tokens.get(scope_or_activity_instance_id)
    while here is not None:
        chain.append(live.variables.get(here["i"], {}))
        here = None if "x" in here else tokens.get(here.get("p"))
    return Names(chain or [live.variables.get("", {})]).merged()


def label(spec: Spec, live: Live, name: str = "label") -> str:
    """Return what a list shows for the instance: the process property of this name, where names not set yet are null."""
    text = spec.process.properties.get(name, "")
    if not text:
        return ""
    names = _Lenient(live.variables.get("", {}))
    try:
        value = expressions.interpolate(text, names) if "{" in text else expressions.evaluate(text, names)
    except Invalid:
        return ""
    return "" if value is None else str(value)


class _Lenient(dict):
    def __missing__(self, name):
        return None
