"""Jobs: taking them, finishing them, failing them."""

import datetime as dt
from typing import Any

from engine.handlers import Job
from engine.process_engine import Actor, ProcessEngine


def fetch_due(pe: ProcessEngine, now: dt.datetime, *, limit: int = 100) -> list[str]:
    """Return the ids of jobs that are due, not leased, and that this process has a handler for."""
    raise NotImplementedError


def lease_job(pe: ProcessEngine, now: dt.datetime, job_id: str, lease: str, seconds: float = 300) -> Job | None:
    """Take a due job for so long under the name `lease` (unique per attempt); None if it is not to be had."""
    raise NotImplementedError


def finish_job(pe: ProcessEngine, now: dt.datetime, job_id: str, lease: str, variables: dict[str, Any] | None = None) -> None:
    """Complete a leased job with its result. Conflict where the lease is somebody else's by now."""
    raise NotImplementedError


def fail_job(pe: ProcessEngine, now: dt.datetime, job_id: str, lease: str, error: str, kind: str = "temporary", *,
             retry_after: float | None = None) -> None:
    """Note a leased job's failure: try again later, throw the BPMN error `gagal`, or open an incident."""
    raise NotImplementedError


def throw_bpmn_error(pe: ProcessEngine, now: dt.datetime, job_id: str, lease: str, code: str, message: str = "",
                     variables: dict[str, Any] | None = None) -> None:
    """End a leased job with a BPMN error, which the diagram may catch; an incident where it does not."""
    raise NotImplementedError


def fire_timer(pe: ProcessEngine, now: dt.datetime, job_id: str) -> None:
    """Fire a due timer."""
    raise NotImplementedError


def set_job_retries(pe: ProcessEngine, actor: Actor, now: dt.datetime, job_id: str, retries: int) -> None:
    """Give a job so many attempts; one that had failed is due now, and its incident resolved."""
    raise NotImplementedError
