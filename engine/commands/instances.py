"""Starting, stopping and changing process instances."""

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from engine.process_engine import Actor, ProcessEngine


@dataclass(frozen=True)
class Instance:
    """A case that was started."""

    id: str
    business_key: str
    definition_id: str
    ended: bool = False


def start(pe: ProcessEngine, actor: Actor, now: dt.datetime, *, key: str | None = None, definition_id: str | None = None,
          business_key: str | None = None, variables: dict[str, Any] | None = None) -> Instance:
    """Start a case of the newest version of `key`, or of one definition. Without a business key the next number is taken."""
    raise NotImplementedError


def cancel(pe: ProcessEngine, actor: Actor, now: dt.datetime, instance_id: str, reason: str = "") -> None:
    """End a case where it stands."""
    raise NotImplementedError


def suspend_instance(pe: ProcessEngine, actor: Actor, now: dt.datetime, instance_id: str) -> None:
    """Let nothing happen in a case until it is activated."""
    raise NotImplementedError


def activate_instance(pe: ProcessEngine, actor: Actor, now: dt.datetime, instance_id: str) -> None:
    """Undo `suspend_instance`."""
    raise NotImplementedError


def set_variables(pe: ProcessEngine, actor: Actor, now: dt.datetime, instance_id: str, values: dict[str, Any],
                  deletions: Collection[str] = ()) -> None:
    """Set and delete variables of the case's own scope."""
    raise NotImplementedError
