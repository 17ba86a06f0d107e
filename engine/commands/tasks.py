"""What people do with their tasks."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from engine.process_engine import Actor, ProcessEngine


@dataclass(frozen=True)
class Completed:
    """What `complete` led to: `tasks` are the ids of the case's tasks now open that the actor may do."""

    instance_id: str
    tasks: list[str]
    ended: bool = False


def claim(pe: ProcessEngine, actor: Actor, now: dt.datetime, task_id: str) -> None:
    """Make the actor the assignee of a task that has none. Again by the same person: nothing happens."""
    raise NotImplementedError


def unclaim(pe: ProcessEngine, actor: Actor, now: dt.datetime, task_id: str) -> None:
    """Give a task back to its candidates."""
    raise NotImplementedError


def assign(pe: ProcessEngine, actor: Actor, now: dt.datetime, task_id: str, user_id: str | None) -> None:
    """Make `user_id` the assignee, or nobody."""
    raise NotImplementedError


def complete(pe: ProcessEngine, actor: Actor, now: dt.datetime, task_id: str, variables: dict[str, Any] | None = None) -> Completed:
    """Complete a task with these variables. Completed already: Conflict."""
    raise NotImplementedError
