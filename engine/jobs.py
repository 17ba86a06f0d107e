"""Doing jobs: lease, call outside any transaction, finish. What the worker runs, and tests without a worker."""

import datetime as dt
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from bpmn.errors import Conflict, Invalid, NotFound
from connectors import Failure, NotByMachine, NotYet, masking, watching
from engine import attempts, commands, handlers, health, logs
from engine.commands.jobs import LEASE_SECONDS
from engine.handlers import BpmnError, Job
from engine.process_engine import ProcessEngine
from engine.store import run

Clock = Callable[[], dt.datetime]
LONGEST_CALL = 900.0  # seconds for which a lease is renewed: what hangs for longer is taken from its worker

log = structlog.get_logger()


def run_job(pe: ProcessEngine, job_id: str, clock: Clock) -> bool:
    """Do a job if it is due and nobody else is at it. False where there was nothing to do.

    Every way in which it can go wrong is written to the job: this raises only what the database raises.
    """
    lease = uuid.uuid4().hex
    logs.begin()
    job = commands.lease_job(pe, clock(), job_id, lease, lease_seconds(pe))
    if job is None:
        return False
    told = log.bind(job=job.id, instance=job.instance_id, tenant=job.tenant, activity=job.activity_id, type=job.type, topic=job.topic,
                    attempt=job.attempts)
    try:
        with attempts.recording(pe, lease, job.instance_id, clock) as watch:
            _do(pe, job, lease, clock, told, watch)
    except Conflict as error:  # the case was changed, ended or suspended under us: the job is not ours any more
        told.info("job.lost", reason=str(error))
        lost = str(error)
        run(pe, lambda db: attempts.end(db, clock(), lease, "lost", lost))
    return True


def run_due(pe: ProcessEngine, clock: Clock, *, limit: int = 100) -> int:
    """Do the jobs that are due now, one after the other. Return how many."""
    return sum(run_job(pe, job_id, clock) for job_id in commands.fetch_due(pe, clock(), limit=limit))


def lease_seconds(pe: ProcessEngine) -> float:
    """How long a job stays with a worker that says nothing more."""
    return float(pe.config.get("LEASE_SECONDS", LEASE_SECONDS))


def _do(pe: ProcessEngine, job: Job, lease: str, clock: Clock, told: structlog.BoundLogger, watch: watching.Watch) -> None:
    try:
        if job.type == "external":
            with health.noting(pe, job, watch, clock):
                variables = masking.hidden(_call(pe, job, lease, clock))
            if job.activity_instance_id:
                commands.finish_job(pe, clock(), job.id, lease, variables)
            else:
                commands.end_job(pe, clock(), job.id, lease)
        elif job.type == "message":
            commands.deliver_thrown(pe, clock(), job.id, lease)
        else:
            commands.fire_timer(pe, clock(), job.id, lease)
        told.info("job.done")
    except NotYet as error:
        told.info("job.postponed", seconds=error.retry_after)
        why = str(error.__cause__) if isinstance(error.__cause__, Failure) else ""
        commands.postpone_job(pe, clock(), job.id, lease, error.retry_after or 0, why)
    except Failure as error:
        told.warning("job.failed", kind=error.kind, error=str(error))
        commands.fail_job(pe, clock(), job.id, lease, str(error), error.kind, retry_after=error.retry_after, doubtful=error.doubtful,
                          outcome="by-hand" if isinstance(error, NotByMachine) else "")
    except BpmnError as error:
        told.info("job.bpmn_error", code=error.code)
        commands.throw_bpmn_error(pe, clock(), job.id, lease, error.code, error.message, error.variables)
    except Invalid as error:  # an expression of the diagram, on the way on from this job
        told.warning("job.failed", kind="expression", error=str(error))
        commands.fail_job(pe, clock(), job.id, lease, str(error), "expression")
    except (Conflict, NotFound) as error:
        if job.type != "message":
            raise
        told.warning("job.failed", kind="temporary", error=str(error))  # nobody, or more than one, waits for the message yet
        commands.fail_job(pe, clock(), job.id, lease, str(error), "temporary")
    except Exception as error:  # noqa: BLE001 - a handler's bug must become a retry and then an incident, never a job that is silently lost
        told.exception("job.crashed")
        commands.fail_job(pe, clock(), job.id, lease, masking.hidden(f"{type(error).__name__}: {error}"), "temporary")


def _call(pe: ProcessEngine, job: Job, lease: str, clock: Clock) -> dict:
    fn = handlers.find(job.topic)
    if fn is None:
        raise Failure(f"Tidak ada yang menangani topik {job.topic}.", kind="temporary")
    with _heartbeat(pe, job.id, lease, clock):
        return fn(pe, job, clock()) or {}


@contextmanager
def _heartbeat(pe: ProcessEngine, job_id: str, lease: str, clock: Clock) -> Iterator[None]:
    """Renew the lease while a call lasts, so that leases can be short and a dead worker's job is soon taken up."""
    stop, seconds = threading.Event(), lease_seconds(pe)

    def beat() -> None:
        for _ in range(int(LONGEST_CALL / seconds * 3)):
            if stop.wait(seconds / 3) or not commands.renew_lease(pe, clock(), job_id, lease, seconds):
                return

    thread = threading.Thread(target=beat, name=f"heartbeat-{job_id}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
