"""Tasks: the inbox, one task, its form."""

from typing import Any

from engine.process_engine import Actor, ProcessEngine
from engine.queries.paging import Page


def tasks(pe: ProcessEngine, actor: Actor, *, mine: bool | None = None, candidate: bool | None = None, assignee: str | None = None,
          unassigned: bool | None = None, group: str | None = None, instance_id: str | None = None, definition_key: str | None = None,
          task_definition_key: str | None = None, business_key: str | None = None, search: str = "",
          after: str | None = None, limit: int = 50) -> Page:
    """Open tasks, overdue first, then due soonest, then oldest.

    Rows: id, instance_id, definition_id, definition_key, activity_id, name, assignee, claimed_at, started_at, due_at, follow_up_at,
    priority, form_key, description, suspended, title, business_key.
    """
    raise NotImplementedError


def task(pe: ProcessEngine, actor: Actor, task_id: str) -> dict[str, Any]:
    """One task, open or ended: the columns of `tasks` with ended_at, completed_by, canceled, candidate_groups, candidate_users, instance (dict)."""
    raise NotImplementedError


def task_counts(pe: ProcessEngine, actor: Actor) -> dict[str, int]:
    """How many open tasks: `mine`, `group` (unassigned, for a group of mine or me), `overdue` (of both; needs `now`)."""
    raise NotImplementedError


def task_form(pe: ProcessEngine, actor: Actor, task_id: str) -> bytes | None:
    """The form-js schema of a task; None where it has no form."""
    raise NotImplementedError


def task_variables(pe: ProcessEngine, actor: Actor, task_id: str) -> dict[str, Any]:
    """The variables that can be seen from an open task."""
    raise NotImplementedError
