"""Process instances and their history."""

import datetime as dt
from typing import Any

from engine.process_engine import Actor, ProcessEngine
from engine.queries.paging import Page


def instances(pe: ProcessEngine, actor: Actor, *, state: str | None = None, search: str = "", definition_key: str | None = None,
              definition_id: str | None = None, business_key: str | None = None, with_incident: bool | None = None,
              started_after: dt.datetime | None = None, started_before: dt.datetime | None = None,
              after: str | None = None, limit: int = 50) -> Page:
    """Cases, newest first. `state`: 'running', 'ended' or None.

    Rows: id, definition_id, definition_key, business_key, title, suspended, started_at, started_by, ended_at, end_reason, incidents.
    """
    raise NotImplementedError


def instance(pe: ProcessEngine, actor: Actor, instance_id: str) -> dict[str, Any]:
    """One case: the columns of `instances`."""
    raise NotImplementedError


def instance_variables(pe: ProcessEngine, actor: Actor, instance_id: str) -> dict[str, Any]:
    """The variables of a case's own scope."""
    raise NotImplementedError


def activities(pe: ProcessEngine, actor: Actor, instance_id: str) -> list[dict[str, Any]]:
    """Every activity instance of a case in the order in which they began."""
    raise NotImplementedError


def events(pe: ProcessEngine, actor: Actor, instance_id: str, after: str | None = None, limit: int = 50) -> Page:
    """The history of a case, oldest first."""
    raise NotImplementedError


def open_activities(pe: ProcessEngine, actor: Actor, instance_id: str) -> list[dict[str, Any]]:
    """Where the tokens are: dicts of activity_id and count."""
    raise NotImplementedError
