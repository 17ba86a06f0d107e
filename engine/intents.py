"""What a step decided: plain values, which `engine.apply` writes and which have no BPMN left in them.

The step (`engine.step`) is pure: old state, a stimulus, `now` and a source of ids in; one `Outcome` out.
"""

import datetime as dt
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Live:
    """What an instance is between two steps."""

    state: dict  # the live tokens, JSON-able, bounded: what is finished is not in it
    variables: dict[str, dict[str, Any]]  # scope id -> {name: JSON value}; "" is the instance's own scope


@dataclass(frozen=True)
class TaskDetails:
    """What a user (or manual) task shows and asks, its expressions evaluated."""

    assignee: str | None = None
    candidate_groups: tuple[str, ...] = ()
    candidate_users: tuple[str, ...] = ()
    due_at: dt.datetime | None = None  # a moment that the diagram names
    allowed: tuple[int, dt.timedelta] | None = None  # or: so many working days and so much working time, from now
    follow_up_at: dt.datetime | None = None
    priority: int = 50
    form_key: str | None = None
    description: str | None = None


@dataclass(frozen=True)
class Entered:
    """A token entered an activity, event or gateway: an activity instance begins."""

    id: str
    activity_id: str
    name: str
    type: str  # Camunda's: 'userTask', 'serviceTask', 'exclusiveGateway', 'startEvent', 'subProcess', 'multiInstanceBody', …
    scope_id: str | None = None
    loop_counter: int | None = None
    task: TaskDetails | None = None


@dataclass(frozen=True)
class Left:
    """An activity instance ended; `canceled` when it was interrupted rather than completed."""

    id: str
    canceled: bool = False


@dataclass(frozen=True)
class JobWanted:
    """Terbit owes a call (`external`) or a wake-up (`timer`) for a waiting activity instance."""

    id: str
    activity_instance_id: str
    activity_id: str
    type: str  # 'external', 'timer'
    due_at: dt.datetime
    topic: str = ""
    payload: dict = field(default_factory=dict)  # the evaluated camunda:inputParameters
    retries: int = 5


@dataclass(frozen=True)
class SubscriptionWanted:
    """A waiting catch event, receive task or event subprocess."""

    id: str
    activity_instance_id: str | None  # None: an event subprocess's start event, which is not entered yet
    activity_id: str
    kind: str  # 'message', 'signal'
    name: str
    correlation: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Dropped:
    """A job or subscription, by its id, that the step no longer wants (fired, cancelled, interrupted)."""

    id: str


@dataclass(frozen=True)
class Thrown:
    """A message or signal thrown out of the instance; delivered by a job of its own, after the commit."""

    kind: str  # 'message', 'signal'
    name: str
    payload: dict = field(default_factory=dict)
    correlation: dict = field(default_factory=dict)


Intent = Entered | Left | JobWanted | SubscriptionWanted | Dropped | Thrown


@dataclass(frozen=True)
class Outcome:
    """All that one step changed. An id is in at most one `Entered` and one `Left`; both when it was instantaneous."""

    live: Live
    intents: tuple[Intent, ...]  # in the order in which they happened
    changed: dict[str, dict[str, Any]] = field(default_factory=dict)  # scope id -> {name: new value}, for the history
    ended: bool = False
