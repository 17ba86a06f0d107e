"""Putting process definitions in force."""

import datetime as dt
from dataclasses import dataclass

from engine.process_engine import Actor, ProcessEngine


@dataclass(frozen=True)
class Deployment:
    """What `deploy` made. `definitions`: dicts with id, key, version, name; none where nothing was new."""

    id: str
    name: str
    definitions: list[dict]


def deploy(pe: ProcessEngine, actor: Actor, now: dt.datetime, *, name: str, resources: dict[str, bytes],
           source: str | None = None, changed_only: bool = True) -> Deployment:
    """Check the resources (file name → bytes), and make a new version of every process in them."""
    raise NotImplementedError


def suspend_definition(pe: ProcessEngine, actor: Actor, now: dt.datetime, definition_id: str, *, include_instances: bool = False) -> None:
    """Let nobody start cases of it until it is activated."""
    raise NotImplementedError


def activate_definition(pe: ProcessEngine, actor: Actor, now: dt.datetime, definition_id: str, *, include_instances: bool = False) -> None:
    """Undo `suspend_definition`."""
    raise NotImplementedError
