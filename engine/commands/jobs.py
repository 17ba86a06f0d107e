"""Jobs: taking them, finishing them, failing them.

A job is done once: it is finished only by who holds its lease, in the transaction that writes what it led to.
It may be *attempted* more than once: a worker that dies leaves a lease that expires.
"""

import datetime as dt
import random
from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam

from bpmn.errors import N_, Conflict, Invalid, NotFound
from engine import access, apply, attempts, handlers, ids, load, starts, step, version_life
from engine.commands.instances import run_unique, start_in, visible_instance
from engine.commands.messages import deliver_message, deliver_signal
from engine.handlers import GAGAL, Job
from engine.intents import Outcome
from engine.load import Loaded
from engine.process_engine import Actor, ProcessEngine
from engine.retry import GiveUp, Policy
from engine.spec import Spec
from engine.store import attempt, event_row, read, record, run
from engine.tables import incident, job, process_definition, process_instance
from engine.values import checked, text

LEASE_SECONDS = 60.0  # renewed by whoever works on the job; a dead worker's job is taken up after so long
MOST_ATTEMPTS = 25  # after so many, a worker that died without a word is the last one: a person must look
MOST_RETRIES = 100
FINISHING_ATTEMPTS = 30  # of writing what a call led to, while others change the case: else the call would be made again

_is_free = sa.or_(job.c.leased_until.is_(None), job.c.leased_until <= bindparam("_now"))
_is_suspended = sa.or_(
    sa.exists().where(process_instance.c.id == job.c.instance_id, process_instance.c.suspended),
    sa.and_(job.c.type == "timer-start", sa.exists().where(
        process_definition.c.id == job.c.definition_id, process_definition.c.suspended)))
_due = sa.select(job.c.id).where(
    job.c.state == "open", job.c.due_at <= bindparam("_now"), _is_free, ~_is_suspended,
    sa.or_(job.c.type != "external", job.c.topic.in_(bindparam("_topics", expanding=True))),
).order_by(job.c.due_at, job.c.id).limit(bindparam("_limit"))
_lease = sa.update(job).where(
    job.c.id == bindparam("_id"), job.c.state == "open", job.c.due_at <= bindparam("_now"), _is_free, ~_is_suspended,
).values(leased_by=bindparam("_lease"), leased_until=bindparam("_until"), attempts=job.c.attempts + 1)
_renew = sa.update(job).where(job.c.id == bindparam("_id"), job.c.state == "open", job.c.leased_by == bindparam("_lease")).values(
    leased_until=bindparam("_until"))
_end = sa.update(job).where(job.c.id == bindparam("_id"), job.c.state == "open", job.c.leased_by == bindparam("_lease")).values(
    state="done", ended_at=bindparam("_now"), leased_by=None, leased_until=None)
_select = sa.select(job).where(job.c.id == bindparam("_id"))


Row = Mapping[Any, Any]  # of the table `job`
Decide = Callable[[Row, Loaded, Spec], Outcome | None]


# Taking ---------------------------------------------------------------------------------------------------------------

def fetch_due(pe: ProcessEngine, now: dt.datetime, *, limit: int = 100) -> list[str]:
    """Return the ids of jobs that are due, not leased, and that this process has a handler for; the longest due first."""
    with read(pe) as db:
        return list(db.execute(_due, {"_now": now, "_topics": handlers.topics(), "_limit": limit}).scalars())


def lease_job(pe: ProcessEngine, now: dt.datetime, job_id: str, lease: str, seconds: float = LEASE_SECONDS) -> Job | None:
    """Take a due job for so long under the name `lease` (unique per attempt); None if it is not to be had."""
    until = now + dt.timedelta(seconds=seconds)

    def write(db: sa.Connection) -> Job | None:
        before = db.execute(_select, {"_id": job_id}).mappings().first()
        if before is None or db.execute(_lease, {"_id": job_id, "_now": now, "_lease": lease, "_until": until}).rowcount != 1:
            return None
        row = {**before, "leased_by": lease, "attempts": before["attempts"] + 1}
        if before["leased_by"] and row["attempts"] > MOST_ATTEMPTS:
            _open_incident(db, now, row, "failedJob", N_("Pekerjaan ini berulang kali terputus tanpa hasil."))
            return None
        if row["type"] == "external":
            attempts.begin(db, now, row, lease)
        return Job(row["id"], row["tenant_id"], row["instance_id"] or "", row["activity_id"], row["payload"], row["attempts"],
                   row["topic"], row["definition_id"] or "", row["activity_instance_id"] or "", row["type"])

    return run(pe, write)


def renew_lease(pe: ProcessEngine, now: dt.datetime, job_id: str, lease: str, seconds: float = LEASE_SECONDS) -> bool:
    """Hold a job for so long from now; False where it is no longer ours."""
    until = now + dt.timedelta(seconds=seconds)
    return run(pe, lambda db: db.execute(_renew, {"_id": job_id, "_lease": lease, "_until": until})).rowcount == 1


# Finishing ------------------------------------------------------------------------------------------------------------

def finish_job(pe: ProcessEngine, now: dt.datetime, job_id: str, lease: str, variables: dict[str, Any] | None = None) -> None:
    """Complete a leased job with its result. Conflict where the job is somebody else's by now, or its case is gone.

    Invalid where an output expression fails: nothing has happened then.
    """
    variables = checked(variables)
    _advance(pe, now, job_id, lease, lambda row, instance, spec: step.complete(
        spec, instance.live, row["activity_instance_id"], variables, now, ids.source(now)), "job.done", "done")


def end_job(pe: ProcessEngine, now: dt.datetime, job_id: str, lease: str) -> None:
    """End a leased call that no activity waits for. Conflict where the job is somebody else's by now."""
    def write(db: sa.Connection) -> None:
        _end_job(db, now, job_id, lease)
        attempts.end(db, now, lease, "done")

    run(pe, write)


def throw_bpmn_error(pe: ProcessEngine, now: dt.datetime, job_id: str, lease: str, code: str, message: str = "",
                     variables: dict[str, Any] | None = None) -> None:
    """End a leased job with a BPMN error, which the diagram may catch; an incident opens where it does not."""
    try:
        caught = _throw(pe, now, job_id, lease, code, message, checked(variables), "bpmn-error")
    except Invalid as error:  # what the diagram does with it fails in turn: nothing has happened, a person must look
        return _give_up(pe, now, job_id, lease, "expression", f"{code}: {error}", "expression")
    if not caught:
        _give_up(pe, now, job_id, lease, "failedJob", f"{code}: {message}" if message else code, "bpmn-error")


def fire_timer(pe: ProcessEngine, now: dt.datetime, job_id: str, lease: str) -> None:
    """Fire a leased timer: of a waiting event, or of a start event."""
    with read(pe) as db:
        row = _held(db, job_id, lease)
    if row["type"] == "timer":
        _advance(pe, now, job_id, lease, lambda row, instance, spec: step.trigger(
            spec, instance.live, job_id, now, ids.source(now)), "timer.fired")
    else:
        _deliver(pe, now, job_id, lease, _start_by_timer)


def deliver_thrown(pe: ProcessEngine, now: dt.datetime, job_id: str, lease: str) -> None:
    """Deliver a message or signal that a case threw. NotFound or Conflict where no one, or more than one, waits for the message."""
    _deliver(pe, now, job_id, lease, _deliver_thrown)


def _advance(pe: ProcessEngine, now: dt.datetime, job_id: str, lease: str, decide: Decide, event: str, outcome: str = "",
             error: str = "") -> bool:
    """Do the step that a leased job leads to, and end the job, in one transaction. False where there is no such step.

    `outcome` and `error`: of the attempt; "" of a timer, which is none.
    """
    def command() -> list[str] | None:
        with read(pe) as db:
            row = _held(db, job_id, lease)
            instance = load.instance(db, row["tenant_id"], row["instance_id"])
            instance.require_active()
            spec = load.spec(db, instance.definition_id)  # not the row's: the case may have been migrated since that was read
        step_taken = decide(row, instance, spec)
        if step_taken is None:
            return None
        actor = Actor.system(row["tenant_id"])
        happened = event_row(actor, now, event, instance.id, row["activity_instance_id"], {
            "job": job_id, "activity_id": row["activity_id"], "topic": row["topic"], **apply.changes(step_taken)})

        def write(db: sa.Connection) -> list[str]:
            _end_job(db, now, job_id, lease)
            if outcome:
                attempts.end(db, now, lease, outcome, error)
            return apply.write(db, actor, now, instance, step_taken, title=load.title(spec, instance, step_taken), events=[happened])

        return run(pe, write)

    due = attempt(pe, command, FINISHING_ATTEMPTS)
    pe.wake(due or [])
    return due is not None


def _throw(pe: ProcessEngine, now: dt.datetime, job_id: str, lease: str, code: str, message: str, variables: dict[str, Any],
           outcome: str) -> bool:
    return _advance(pe, now, job_id, lease, lambda row, instance, spec: step.throw_error(
        spec, instance.live, row["activity_instance_id"], code, message, now, ids.source(now), variables), "job.error_thrown",
        outcome, message)


def _deliver(pe: ProcessEngine, now: dt.datetime, job_id: str, lease: str,
             deliver: Callable[[sa.Connection, Row, dt.datetime], list[str]]) -> None:
    """Do what a leased job stands for, and end it, in one transaction."""
    def write(db: sa.Connection) -> list[str]:
        row = _held(db, job_id, lease)
        _end_job(db, now, job_id, lease)
        return deliver(db, row, now)

    pe.wake(attempt(pe, lambda: run_unique(pe, write), FINISHING_ATTEMPTS))


def _deliver_thrown(db: sa.Connection, row: Row, now: dt.datetime) -> list[str]:
    """A message is delivered even when its thrower has ended: it is not the thrower that waits for it."""
    actor, thrown = Actor.system(row["tenant_id"]), row["payload"]
    if thrown["kind"] == "signal":
        return deliver_signal(db, actor, now, thrown["name"], thrown["variables"])[1]
    return deliver_message(db, actor, now, thrown["name"], variables=thrown["variables"], correlation=thrown["correlation"])[1]


def _start_by_timer(db: sa.Connection, row: Row, now: dt.datetime) -> list[str]:
    definition = load.definition(db, row["definition_id"])
    if version_life.current_id(db, definition.tenant, definition.key, now) != definition.id:
        return []  # another version took its place since this timer was set; that one has timers of its own
    following = starts.following(row["payload"], row["due_at"])
    if following:
        db.execute(sa.insert(job), starts.job_row(definition, row["activity_id"], following, ids.new_id(now), now))
    actor = Actor.system(row["tenant_id"])
    return start_in(db, actor, now, definition, business_key=None, variables={}, start_event=row["activity_id"])[1]


def _end_job(db: sa.Connection, now: dt.datetime, job_id: str, lease: str) -> None:
    if db.execute(_end, {"_id": job_id, "_now": now, "_lease": lease}).rowcount != 1:
        raise _lost()


def _held(db: sa.Connection, job_id: str, lease: str) -> Row:
    """Return the row of a job whose lease is ours; Conflict where it is not, or not any more."""
    row = db.execute(_select, {"_id": job_id}).mappings().first()
    if row is None or row["state"] != "open" or row["leased_by"] != lease:
        raise _lost()
    return row


def _lost() -> Conflict:
    return Conflict(N_("Pekerjaan ini sudah diambil atau diselesaikan oleh yang lain."))


# Failing --------------------------------------------------------------------------------------------------------------

def fail_job(pe: ProcessEngine, now: dt.datetime, job_id: str, lease: str, error: str, kind: str = "temporary", *,
             retry_after: float | None = None, doubtful: bool = False, outcome: str = "") -> None:
    """Note a leased job's failure: try again later, throw the BPMN error `gagal` with `kegagalan`, or open an incident.

    `kind`: 'temporary', 'permanent', 'unknown' (nobody knows whether it had its effect: always an incident), or
    'expression' (what a diagram computes from the result failed: an incident, since doing it again would not help).
    `doubtful`: a temporary failure that may have had its effect: when it is tried no more, that is not known either.
    `outcome`: of the attempt, where that is not its kind ('by-hand').
    """
    with read(pe) as db:
        row = _held(db, job_id, lease)
    if kind == "expression":
        return _give_up(pe, now, job_id, lease, "expression", error, kind)
    policy = Policy(base=float(pe.config.get("RETRY_BASE_SECONDS", Policy.base)))
    decided = policy.decide(kind=kind, failures=row["attempts"], retries=row["retries"] - 1, retry_after=retry_after,
                            jitter=random.random())
    if not isinstance(decided, GiveUp):
        return _try_later(pe, now, job_id, lease, error, now + decided.after)
    unknown = decided.unknown or doubtful
    waited_for = row["type"] == "external" and row["activity_instance_id"]
    caught = not unknown and waited_for and _throw_gagal(pe, now, job_id, lease, error, outcome or kind)
    if not caught:
        _give_up(pe, now, job_id, lease, "unknownOutcome" if unknown else "failedJob", error, outcome or kind)


def postpone_job(pe: ProcessEngine, now: dt.datetime, job_id: str, lease: str, seconds: float, error: str = "") -> None:
    """Give a leased job back, to be looked at again so many seconds from now, after an `error` or without one. Waiting is no
    failed attempt."""
    held = sa.update(job).where(job.c.id == job_id, job.c.state == "open", job.c.leased_by == lease)
    later = held.values(due_at=now + dt.timedelta(seconds=max(seconds, 1)), attempts=job.c.attempts - 1, leased_by=None, leased_until=None)

    def write(db: sa.Connection) -> None:
        if db.execute(later).rowcount != 1:
            raise _lost()
        attempts.put_off(db, now, lease, error)

    run(pe, write)


def _throw_gagal(pe: ProcessEngine, now: dt.datetime, job_id: str, lease: str, error: str, kind: str) -> bool:
    try:
        return _throw(pe, now, job_id, lease, GAGAL, error, {"kegagalan": text(error, 2000)}, kind)
    except Invalid:  # what the diagram does with the error fails in turn: nothing has happened, a person must look
        return False


def _try_later(pe: ProcessEngine, now: dt.datetime, job_id: str, lease: str, error: str, due_at: dt.datetime) -> None:
    def write(db: sa.Connection) -> None:
        held = sa.update(job).where(job.c.id == job_id, job.c.state == "open", job.c.leased_by == lease)
        if db.execute(held.values(retries=job.c.retries - 1, due_at=due_at, error=text(error, 4000), leased_by=None,
                                  leased_until=None)).rowcount != 1:
            raise _lost()
        attempts.end(db, now, lease, "temporary", error)

    run(pe, write)


def _give_up(pe: ProcessEngine, now: dt.datetime, job_id: str, lease: str, type: str, error: str, kind: str) -> None:
    def write(db: sa.Connection) -> None:
        _open_incident(db, now, _held(db, job_id, lease), type, error)
        attempts.end(db, now, lease, kind, error)

    run(pe, write)


def _open_incident(db: sa.Connection, now: dt.datetime, row: Row, type: str, error: str) -> None:
    """Set a job aside until a person has looked. Guarded by the lease that the row shows."""
    held = sa.update(job).where(job.c.id == row["id"], job.c.state == "open", job.c.leased_by == row["leased_by"])
    message = text(error, 4000)
    if db.execute(held.values(state="failed", retries=0, error=message, leased_by=None, leased_until=None)).rowcount != 1:
        raise _lost()
    db.execute(sa.insert(incident), {
        "id": ids.new_id(now), "tenant_id": row["tenant_id"], "instance_id": row["instance_id"], "definition_id": row["definition_id"],
        "activity_id": row["activity_id"], "job_id": row["id"], "type": type, "message": message, "opened_at": now})
    record(db, Actor.system(row["tenant_id"]), now, "incident.opened", instance_id=row["instance_id"],
           activity_instance_id=row["activity_instance_id"], data={"job": row["id"], "type": type, "message": message})


def set_job_retries(pe: ProcessEngine, actor: Actor, now: dt.datetime, job_id: str, retries: int, reason: str = "") -> None:
    """Give a job so many attempts; one that had failed is due now, and its incident resolved. By an admin."""
    checked_retries(retries)

    def write(db: sa.Connection) -> list[str]:
        row = _for_admin(db, actor, job_id)
        again = {"state": "open", "due_at": now, "attempts": 0} if row["state"] == "failed" else {}
        same = sa.update(job).where(job.c.id == job_id, job.c.state == row["state"])
        if db.execute(same.values(retries=retries, **again)).rowcount != 1:
            raise _lost()
        _resolve_incident(db, actor, now, job_id)
        record(db, actor, now, "job.retries_set", instance_id=row["instance_id"], activity_instance_id=row["activity_instance_id"],
               data={"job": job_id, "activity_id": row["activity_id"], "retries": retries, "failed": row["state"] == "failed",
                     "error": row["error"], "reason": text(reason, 2000)})
        return [job_id] if again else []

    pe.wake(run(pe, write))


def checked_retries(retries: Any) -> int:
    """Return a number of attempts that a job may be given; Invalid for any other."""
    if not isinstance(retries, int) or isinstance(retries, bool) or not 0 < retries <= MOST_RETRIES:
        raise Invalid(N_("Banyaknya percobaan harus antara 1 dan %(most)s."), field="retries", most=MOST_RETRIES)
    return retries


def execute_job(pe: ProcessEngine, actor: Actor, now: dt.datetime, job_id: str, reason: str = "") -> str:
    """Make a job due now, before its time or after its last attempt, and return its type. By an admin.

    It is for a worker to take, or for the caller by `engine.jobs.run_job`. Conflict where somebody is at it or its case is suspended.
    """
    def write(db: sa.Connection) -> tuple[str, list[str]]:
        row = _for_admin(db, actor, job_id)
        again = {"retries": 1, "attempts": 0} if row["state"] == "failed" else {}
        free = sa.update(job).where(job.c.id == job_id, job.c.state == row["state"], _is_free, ~_is_suspended)
        if db.execute(free.values(state="open", due_at=now, leased_by=None, leased_until=None, **again), {"_now": now}).rowcount != 1:
            raise Conflict(N_("Pekerjaan ini sedang dikerjakan, atau berkasnya ditangguhkan."))
        _resolve_incident(db, actor, now, job_id)
        record(db, actor, now, "job.executed", instance_id=row["instance_id"], activity_instance_id=row["activity_instance_id"],
               data={"job": job_id, "activity_id": row["activity_id"], "type": row["type"], "due_at": row["due_at"].isoformat(),
                     "failed": row["state"] == "failed", "error": row["error"], "reason": text(reason, 2000)})
        return row["type"], [job_id]

    type, due = run(pe, write)
    if type == "external":
        pe.wake(due)
    return type


def _for_admin(db: sa.Connection, actor: Actor, job_id: str) -> Row:
    row = db.execute(_select, {"_id": job_id}).mappings().first()
    if row is None or row["tenant_id"] != actor.tenant:
        raise NotFound(N_("Pekerjaan tidak ditemukan."))
    if row["instance_id"]:
        visible_instance(db, actor, row["instance_id"], access.may_administer)
    access.require(access.may_administer(actor))
    if row["state"] not in ("open", "failed"):
        raise Conflict(N_("Pekerjaan ini sudah berakhir."))
    return row


def _resolve_incident(db: sa.Connection, actor: Actor, now: dt.datetime, job_id: str) -> None:
    db.execute(sa.update(incident).where(incident.c.job_id == job_id, incident.c.resolved_at.is_(None)).values(
        resolved_at=now, resolved_by=actor.id or None))
