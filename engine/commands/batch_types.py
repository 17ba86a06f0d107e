"""What can be done to many cases at once: each an item's own command, and what is known to stand in its way before.

A type says which rows of a case it is about (the case itself, its incidents, its tasks, its timers), how to see that one has
changed since the list was frozen, and what bars one. The same statement that freezes a list looks again at an item's turn.
Names are Camunda's batch types as far as it has one.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from bpmn.errors import N_, Conflict, Invalid
from engine import deadlines, modification, people, values
from engine.batches import Choice, Row, problem_of
from engine.commands import instances, jobs, mending, modifying, tasks
from engine.modification import Instruction
from engine.process_engine import Actor, ProcessEngine
from engine.tables import activity, batch_item, incident, job, process_instance

RETRY, RESOLVE, CANCEL, SUSPENSION = "set-job-retries", "resolve-incidents", "instance-deletion", "instance-update-suspension-state"
VARIABLES, MODIFY, RESTART = "set-variables", "instance-modification", "instance-restart"
TIMERS, ASSIGN, DUE = "set-job-due", "set-assignee", "set-due-date"

ENDED = N_("Berkas ini sudah berakhir.")
SUSPENDED = N_("Berkas ini sedang ditangguhkan.")
RUNNING = N_("Berkas ini masih berjalan.")
NOT_SUSPENDED = N_("Berkas ini tidak sedang ditangguhkan.")
NOT_STUCK = N_("Tidak ada yang terhenti di berkas ini.")
UNSURE = N_("Mungkin sudah terbit: periksa dahulu di kanalnya, lalu coba lagi dari berkasnya.")
NOT_FAILED = N_("Sudah dicoba lagi.")
NO_CALL = N_("Ini bukan panggilan, jadi isiannya tidak dapat dibaca ulang.")
NO_TASK = N_("Tidak ada tugas terbuka seperti itu di berkas ini.")
THEIRS = N_("Tugas ini sudah ada di tangan orang itu.")
NO_TIMER = N_("Tidak ada pewaktu yang menunggu di berkas ini.")
BUSY = N_("Terbit sedang mengerjakannya.")
OTHER_VERSION = N_("Langkah yang dipilih tidak ada di prosedur atau versi berkas ini.")
NOT_THERE = N_("Berkas ini tidak sedang di langkah yang dihentikan.")
GONE = N_("Yang ada di daftar ini sudah tidak ada lagi.")
CHANGED = N_("Berubah sejak daftar ini dibuat. Lihat berkasnya dahulu.")

_i, _n, _j, _a = process_instance.c, incident.c, job.c, activity.c
Bars = list[tuple[sa.ColumnElement[bool], str]]
Data = dict[str, Any]


@dataclass(frozen=True)
class About:
    """The rows that items are about, beside their case's: `id` is NULL for a case that has none (or it is the case's)."""

    id: sa.ColumnElement
    source: Callable[[Data, bool], sa.FromClause]  # joined to process_instance; the flag: cases that have none, too


@dataclass(frozen=True)
class Type:
    """One thing that can be done to many."""

    about: About
    seen: sa.ColumnElement[str]
    bars: Callable[[Data, dt.datetime], Bars]
    do: Callable[[ProcessEngine, Actor, dt.datetime, str, Data, str], Any]  # …, subject id, data, why
    check: Callable[[ProcessEngine, Actor, dt.datetime, Data], None] = lambda pe, actor, now, data: None  # Invalid: cannot be meant

    def frozen(self, batch_id: str, tenant: str, choice: Choice, data: Data, now: dt.datetime) -> sa.Select:
        """Return the rows of the list as `batch_item` keeps them: batch_id, subject_id, instance_id, seen, state, problem."""
        bars = self.bars(data, now)
        return sa.select(
            sa.literal(batch_id), sa.func.coalesce(self.about.id, _i.id), _i.id, sa.func.coalesce(self.seen, ""),
            sa.case((sa.or_(sa.false(), *(each for each, _ in bars)), "refused"), else_="open"),
            sa.case(*((each, sa.literal(problem_of(Conflict(said)), batch_item.c.problem.type)) for each, said in bars), else_=sa.null()),
        ).select_from(self.about.source(data, True)).where(_i.tenant_id == tenant, *choice.where(now))

    def require_same(self, db: sa.Connection, tenant: str, item: Row, data: Data, now: dt.datetime) -> None:
        """Raise Conflict, saying why, unless an item's subject is as it was when the list was frozen; it is locked until the commit."""
        bars = self.bars(data, now)
        flags = [sa.case((each, 1), else_=0).label(f"b{n}") for n, (each, _) in enumerate(bars)]
        row = db.execute(sa.select(sa.func.coalesce(self.seen, "").label("seen"), *flags).select_from(self.about.source(data, False)).where(
            self.about.id == item["subject_id"], _i.id == item["instance_id"], _i.tenant_id == tenant).with_for_update()).mappings().first()
        if row is None:
            raise Conflict(GONE)
        for number, (_condition, said) in enumerate(bars):
            if row[f"b{number}"]:
                raise Conflict(said)
        if row["seen"] != item["seen"]:
            raise Conflict(CHANGED)


# What they are about --------------------------------------------------------------------------------------------------

def _at(column: sa.ColumnElement, data: Data) -> list[sa.ColumnElement[bool]]:
    """Only what stands at one activity, where the batch says so."""
    return [column == data["activity"]] if data.get("activity") else []


def _incidents(data: Data, outer: bool) -> sa.FromClause:
    some = [_n.job_id.in_(data["jobs"])] if data.get("jobs") else []
    of = process_instance.join(incident, sa.and_(
        _n.instance_id == _i.id, _n.resolved_at.is_(None), *_at(_n.activity_id, data), *some), isouter=outer)
    return of.join(job, _j.id == _n.job_id, isouter=outer)


def _tasks(data: Data, outer: bool) -> sa.FromClause:
    return process_instance.join(activity, sa.and_(
        _a.instance_id == _i.id, _a.is_task, _a.ended_at.is_(None), *_at(_a.activity_id, data)), isouter=outer)


def _timers(data: Data, outer: bool) -> sa.FromClause:
    return process_instance.join(job, sa.and_(
        _j.instance_id == _i.id, _j.type == "timer", _j.state == "open", *_at(_j.activity_id, data)), isouter=outer)


CASES = About(_i.id, lambda data, outer: process_instance)
INCIDENTS, FAILED_JOBS, TASKS, TIMERS_OF = About(_n.id, _incidents), About(_j.id, _incidents), About(_a.id, _tasks), About(_j.id, _timers)
_text = lambda column: sa.cast(column, sa.Text)  # noqa: E731
_ended, _suspended = (_i.ended_at.is_not(None), ENDED), (_i.suspended, SUSPENDED)


# What is done ---------------------------------------------------------------------------------------------------------

def _retry(pe: ProcessEngine, actor: Actor, now: dt.datetime, job_id: str, data: Data, why: str) -> None:
    if data.get("renew"):
        mending.renew_job(pe, actor, now, job_id, why, data["retries"])
    else:
        jobs.set_job_retries(pe, actor, now, job_id, data["retries"], why)


def _retry_bars(data: Data, now: dt.datetime) -> Bars:
    bars: Bars = [_ended, (_n.id.is_(None), NOT_STUCK), (_n.type == "unknownOutcome", UNSURE), (_j.state != "failed", NOT_FAILED)]
    return [*bars, _suspended, (_j.type != "external", NO_CALL)] if data.get("renew") else bars


def _check_retries(pe: ProcessEngine, actor: Actor, now: dt.datetime, data: Data) -> None:
    jobs.checked_retries(data.setdefault("retries", 3))


def _set_suspended(pe: ProcessEngine, actor: Actor, now: dt.datetime, id: str, data: Data, why: str) -> None:
    (instances.suspend_instance if data["suspended"] else instances.activate_instance)(pe, actor, now, id, why)


def _check_variables(pe: ProcessEngine, actor: Actor, now: dt.datetime, data: Data) -> None:
    if not data.get("variables"):
        raise Invalid(N_("Sebutkan variabelnya."), field="variables")
    values.checked(data["variables"])


def _instructions(data: Data) -> list[Instruction]:
    return [Instruction(each["kind"], each["element"]) for each in data["instructions"]]


def _check_instructions(pe: ProcessEngine, actor: Actor, now: dt.datetime, data: Data) -> None:
    told = _instructions(data)
    if not 0 < len(told) <= modification.MOST or any(each.kind not in modification.KINDS or not each.element for each in told):
        raise Invalid(N_("Sebutkan 1 sampai %(most)s perubahan."), field="instructions", most=modification.MOST)


def _check_activities(pe: ProcessEngine, actor: Actor, now: dt.datetime, data: Data) -> None:
    if not 0 < len(data.get("activities") or ()) <= modification.MOST:
        raise Invalid(N_("Sebutkan 1 sampai %(most)s perubahan."), field="activities", most=modification.MOST)


def _other_version(data: Data) -> Bars:
    return [(_i.definition_id.not_in(data["definitions"]), OTHER_VERSION)] if data.get("definitions") else []


def _modify_bars(data: Data, now: dt.datetime) -> Bars:
    stopped = [each.element for each in _instructions(data) if each.kind == modification.CANCEL and ":" not in each.element]
    stands = [sa.exists().where(_a.instance_id == _i.id, _a.ended_at.is_(None), _a.activity_id == each.removesuffix(modification.BODY))
              for each in stopped]
    return [_ended, *_other_version(data), *((~each, NOT_THERE) for each in stands)]


def _fire(pe: ProcessEngine, actor: Actor, now: dt.datetime, job_id: str, data: Data, why: str) -> None:
    if data.get("due"):
        mending.set_job_due(pe, actor, now, job_id, _moment(data), why)
    else:
        jobs.execute_job(pe, actor, now, job_id, why)
        pe.wake([job_id])


def _timer_bars(data: Data, now: dt.datetime) -> Bars:
    bars: Bars = [_ended, (_j.id.is_(None), NO_TIMER), (_j.leased_until > now, BUSY)]
    return bars if data.get("due") else [*bars, _suspended]


def _check_due(pe: ProcessEngine, actor: Actor, now: dt.datetime, data: Data) -> None:
    if data.get("due") and not now - deadlines.FORESEEN < _moment(data) < now + deadlines.FORESEEN:
        raise Invalid(N_("Waktunya paling jauh empat tahun dari sekarang."), field="due")


def _moment(data: Data) -> dt.datetime:
    try:
        return dt.datetime.fromisoformat(data["due"]).astimezone(dt.timezone.utc)
    except (TypeError, ValueError, OverflowError) as error:
        raise Invalid(N_("Tanggal atau waktu tidak dapat dibaca."), field="due") from error


def _task_bars(data: Data, now: dt.datetime) -> Bars:
    bars: Bars = [_ended, _suspended, (_a.id.is_(None), NO_TASK)]
    return [*bars, (sa.func.coalesce(_a.assignee, "") == (data.get("user") or ""), THEIRS)] if "user" in data else bars


def _check_user(pe: ProcessEngine, actor: Actor, now: dt.datetime, data: Data) -> None:
    if data.setdefault("user", ""):
        people.require_active(pe, actor, data["user"])


TYPES: Mapping[str, Type] = {
    RETRY: Type(FAILED_JOBS, _n.id, _retry_bars, _retry, _check_retries),
    RESOLVE: Type(
        INCIDENTS, sa.literal(""),
        lambda data, now: [_ended, _suspended, (_n.id.is_(None), NOT_STUCK), (_j.state != "failed", NOT_FAILED)],
        lambda pe, actor, now, id, data, why: mending.resolve_incident(pe, actor, now, id, why)),
    CANCEL: Type(
        CASES, _text(_i.version), lambda data, now: [_ended],
        lambda pe, actor, now, id, data, why: instances.cancel(pe, actor, now, id, why)),
    SUSPENSION: Type(
        CASES, sa.literal(""),
        lambda data, now: [_ended, (_i.suspended, SUSPENDED) if data["suspended"] else (~_i.suspended, NOT_SUSPENDED)],
        _set_suspended),
    VARIABLES: Type(
        CASES, _text(_i.version), lambda data, now: [_ended, _suspended],
        lambda pe, actor, now, id, data, why: instances.set_variables(pe, actor, now, id, data["variables"], reason=why), _check_variables),
    MODIFY: Type(
        CASES, _text(_i.version), _modify_bars,
        lambda pe, actor, now, id, data, why: modifying.modify(pe, actor, now, id, _instructions(data), why), _check_instructions),
    RESTART: Type(
        CASES, sa.literal(""), lambda data, now: [(_i.ended_at.is_(None), RUNNING), *_other_version(data)],
        lambda pe, actor, now, id, data, why: modifying.restart(pe, actor, now, id, data["activities"], why), _check_activities),
    TIMERS: Type(TIMERS_OF, _text(_j.due_at), _timer_bars, _fire, _check_due),
    ASSIGN: Type(
        TASKS, _a.assignee, _task_bars,
        lambda pe, actor, now, id, data, why: tasks.assign(pe, actor, now, id, data["user"] or None, why), _check_user),
    DUE: Type(
        TASKS, _text(_a.due_at), _task_bars,
        lambda pe, actor, now, id, data, why: mending.set_due(pe, actor, now, id, _moment(data) if data.get("due") else None, why),
        _check_due),
}


def do(pe: ProcessEngine, now: dt.datetime, batch: Row, item: Row) -> None:
    """Do to one item what its batch says, in the name of who began it; Conflict where it is not as it was when the list was frozen."""
    kind, data = TYPES[batch["type"]], dict(batch["data"])
    # With the worker's rights: they were asked for when it began.
    actor, mark = Actor(batch["created_by"] or "", batch["tenant_id"], is_system=True), pe.along

    def first(db: sa.Connection) -> None:
        if mark:
            mark(db)
        kind.require_same(db, actor.tenant, item, data, now)

    kind.do(replace(pe, along=first), actor, now, item["subject_id"], data, batch["reason"])
