"""Jobs and incidents."""

from typing import Any

from engine.process_engine import Actor, ProcessEngine
from engine.queries.paging import Page


def jobs(pe: ProcessEngine, actor: Actor, *, instance_id: str | None = None, state: str | None = None, after: str | None = None,
         limit: int = 50) -> Page:
    """Jobs, oldest first."""
    raise NotImplementedError


def job(pe: ProcessEngine, actor: Actor, job_id: str) -> dict[str, Any]:
    """One job."""
    raise NotImplementedError


def incidents(pe: ProcessEngine, actor: Actor, *, open: bool | None = True, instance_id: str | None = None, after: str | None = None,
              limit: int = 50) -> Page:
    """Incidents, newest first, with the case's title and business_key."""
    raise NotImplementedError
