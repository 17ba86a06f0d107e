"""Bringing running cases from one version of their process to another, by a plan (`engine.migration_plan`).

A migration of many is a batch (`engine.batches`): its items are cases, each of which goes in a transaction of its own.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy import bindparam

from bpmn.errors import N_, Conflict, Invalid, NotFound
from engine import access, apply, batches, deadlines, ids, load, settings, step, values
from engine.batches import Ended, Later, Row
from engine.load import Definition, Loaded
from engine.migrating import Migrated, Moved, migrate
from engine.migration_plan import Plan, check
from engine.process_engine import Actor, ProcessEngine
from engine.store import attempt, event_row, read, record, run
from engine.tables import activity, batch, batch_item, candidate, incident, job, process_definition, process_instance, subscription

MOST_AT_ONCE = 100  # cases of `migrate_now`

log = structlog.get_logger()
_i = process_instance.c


# Beginning ------------------------------------------------------------------------------------------------------------

def start_migration(pe: ProcessEngine, actor: Actor, now: dt.datetime, source_id: str, target_id: str, plan: Plan, *,
                    why: str, instance_ids: Sequence[str] | None = None) -> str:
    """Set all running cases of a definition, or these of them, down to be brought to another, with a reason; return the migration's id.

    By a process owner or an admin. Invalid where the plan has errors, with each as a problem; Conflict where no case runs.
    """
    with read(pe) as db:
        source, target = checked(db, actor, source_id, target_id, plan)
    why = values.reason(why)

    def write(db: sa.Connection) -> str:
        migration_id = _new(db, actor, now, source, target, plan, state="running", reason=why)
        cases = sa.select(sa.literal(migration_id), _i.id, _i.id, sa.literal("open")).where(
            _i.definition_id == source.id, _i.tenant_id == actor.tenant, _i.ended_at.is_(None))
        if instance_ids is not None:
            cases = cases.where(_i.id.in_(instance_ids))
        db.execute(sa.insert(batch_item).from_select(["batch_id", "subject_id", "instance_id", "state"], cases))
        total = db.scalar(sa.select(sa.func.count()).where(batch_item.c.batch_id == migration_id))  # PostgreSQL tells no rowcount of it
        if not total:
            raise Conflict(N_("Tidak ada berkas yang berjalan pada versi ini."))
        db.execute(sa.update(batch).where(batch.c.id == migration_id).values(total=total))
        record(db, actor, now, "batch.started", data={
            "batch": migration_id, "type": batches.MIGRATION, "from": source.id, "to": target.id, "total": total, "reason": why})
        return migration_id

    return run(pe, write)


def _new(db: sa.Connection, actor: Actor, now: dt.datetime, source: Definition, target: Definition, plan: Plan, **rest: Any) -> str:
    return batches.insert(db, actor, now, batches.MIGRATION, plan.dump(), key=source.key, source_id=source.id, target_id=target.id,
                          started_at=now, **rest)


def checked(db: sa.Connection, actor: Actor, source_id: str, target_id: str, plan: Plan) -> tuple[Definition, Definition]:
    """Return the two versions that a plan is between; Invalid where it cannot be used for them."""
    source, target = versions(db, actor, source_id, target_id)
    specs = load.spec(db, source.id), load.spec(db, target.id)
    problems = [Invalid(f.message, element=f.element, **f.params) for f in check(plan, *specs) if f.severity == "error"]
    if problems:
        raise Invalid(N_("Pemetaan ini belum dapat dipakai: %(count)d kesalahan."), problems=problems, count=len(problems))
    return source, target


def versions(db: sa.Connection, actor: Actor, source_id: str, target_id: str) -> tuple[Definition, Definition]:
    """Return two versions of a procedure between which the actor may bring cases; one that is revoked takes none."""
    access.require(access.may_migrate(actor))
    found = []
    for definition_id in (source_id, target_id):
        definition = load.definition(db, definition_id)
        if definition.tenant != actor.tenant:
            raise NotFound(N_("Definisi proses tidak ditemukan."))
        found.append(definition)
    source, target = found
    if source.key != target.key or source.id == target.id:
        raise Invalid(N_("Pilih dua versi yang berbeda dari prosedur yang sama."), field="target")
    if db.execute(sa.select(process_definition.c.revoked_at).where(process_definition.c.id == target.id)).scalar():
        raise Conflict(N_("Versi %(version)d sudah dicabut."), version=target.version)
    return source, target


# Working --------------------------------------------------------------------------------------------------------------

_leased = sa.select(job.c.instance_id).where(job.c.state == "open", job.c.leased_until > bindparam("now"))


def move(pe: ProcessEngine, now: dt.datetime, row: Row, item: Row) -> None:
    """Bring one case of a batch over; Invalid where it cannot go, Later where somebody is at it, Ended where it has."""
    actor, plan = Actor(row["created_by"] or "", row["tenant_id"]), Plan.load(row["data"])

    def command() -> list[str]:
        with read(pe) as db:
            instance = load.instance(db, actor.tenant, item["instance_id"])
            if instance.ended:
                raise Ended
            if db.execute(_leased.where(job.c.instance_id == instance.id), {"now": now}).first() is not None:
                raise Later
            target = load.definition(db, row["target_id"])
            done = decide(db, now, plan, row["source_id"], target, instance)
        return run(pe, lambda db: put(db, actor, now, target, instance, done, row["id"], row["reason"]))

    try:
        pe.wake(attempt(pe, command))
    except Conflict as error:  # changed by others again and again
        raise Later from error


def decide(db: sa.Connection, now: dt.datetime, plan: Plan, source_id: str, target: Definition, instance: Loaded) -> Migrated:
    """Return what becomes of a case that runs; Invalid where it cannot go."""
    if instance.definition_id != source_id:
        raise Invalid(N_("Berkas ini sudah tidak berjalan pada versi asal."))
    source_spec, target_spec = load.spec(db, source_id), load.spec(db, target.id)
    try:
        done = migrate(source_spec, target_spec, instance.live, plan, now, ids.source(now))
    except Invalid:
        raise
    except Exception as error:  # a bug of Terbit's, or a state that somebody damaged: this case stays, the others go on
        log.exception("migration.crashed", instance=instance.id)
        raise Invalid(N_("Terbit tidak dapat membaca keadaan berkas ini (%(error)s)."), error=type(error).__name__) from error
    if instance.suspended and done.goes_on:
        raise Invalid(N_("Berkas ini ditangguhkan, dan di versi tujuan akan langsung berlanjut. Aktifkan dahulu."))
    return done


def migrate_now(pe: ProcessEngine, actor: Actor, now: dt.datetime, source_id: str, target_id: str, plan: Plan,
                instance_ids: Sequence[str], *, why: str) -> None:
    """Bring these cases over at once, all of them or none, with a reason. Invalid, with each refusal as a problem, where one cannot go.

    NotFound for one that does not run on the source; Conflict where somebody works on one of them at this moment.
    """
    wanted, why = sorted(set(instance_ids)), values.reason(why)
    if not 0 < len(wanted) <= MOST_AT_ONCE:
        raise Invalid(N_("Sebutkan 1 sampai %(most)d berkas."), field="processInstanceIds", most=MOST_AT_ONCE)

    def command() -> list[str]:
        with read(pe) as db:
            source, target = checked(db, actor, source_id, target_id, plan)

        def write(db: sa.Connection) -> list[str]:
            problems, due = [], []
            migration_id = _new(db, actor, now, source, target, plan, state="done", total=len(wanted), ended_at=now, reason=why)
            if db.execute(_leased.where(job.c.instance_id.in_(wanted)), {"now": now}).first() is not None:
                raise Conflict(N_("Sebuah pekerjaan berkas ini sedang dikerjakan. Coba lagi sebentar."))
            for instance_id in wanted:
                instance = load.instance(db, actor.tenant, instance_id)
                if instance.ended:
                    raise NotFound(N_("Berkas tidak ditemukan."))
                try:
                    done = decide(db, now, plan, source_id, target, instance)
                    due += put(db, actor, now, target, instance, done, migration_id, why)
                except Invalid as error:
                    problems.append(Invalid(error.message, element=error.where.get("element", ""), field=instance_id, **error.params))
            if problems:
                raise Invalid(N_("%(count)d berkas tidak dapat dipindahkan."), problems=problems, count=len(problems))
            db.execute(sa.insert(batch_item), [
                {"batch_id": migration_id, "subject_id": id, "instance_id": id, "state": "done", "at": now} for id in wanted])
            return due

        return run(pe, write)

    pe.wake(attempt(pe, command))


# Writing --------------------------------------------------------------------------------------------------------------

_open_activity = (activity.c.instance_id == bindparam("_instance"), activity.c.ended_at.is_(None))
_rebind: Sequence[sa.Update] = [
    sa.update(process_instance).where(_i.id == bindparam("_instance")).values(definition_id=bindparam("_definition")),
    sa.update(activity).where(*_open_activity).values(definition_id=bindparam("_definition")),
    sa.update(job).where(job.c.instance_id == bindparam("_instance"), job.c.ended_at.is_(None)).values(
        definition_id=bindparam("_definition")),
    sa.update(subscription).where(subscription.c.instance_id == bindparam("_instance")).values(definition_id=bindparam("_definition")),
    sa.update(incident).where(incident.c.instance_id == bindparam("_instance"), incident.c.resolved_at.is_(None)).values(
        definition_id=bindparam("_definition")),
]
_move = sa.update(activity).where(activity.c.id == bindparam("_id")).values(
    activity_id=bindparam("_activity"), name=bindparam("_name"), type=bindparam("_type"), scope_id=bindparam("_scope"))
_keep: Sequence[sa.Update] = [
    sa.update(table).where(column == bindparam("_id")).values(activity_id=bindparam("_activity"))
    for table, column in ((job, job.c.id), (subscription, subscription.c.id), (incident, incident.c.job_id))]
_rename = sa.update(subscription).where(subscription.c.id == bindparam("_id")).values(
    name=bindparam("_name"), correlation=bindparam("_correlation"))
_tasks = sa.select(activity.c.id, activity.c.assignee, activity.c.started_at, activity.c.extensions).where(
    *_open_activity, activity.c.is_task)
_task = sa.update(activity).where(activity.c.id == bindparam("_id")).values(
    form_key=bindparam("_form"), description=bindparam("_description"), priority=bindparam("_priority"))
_due = sa.update(activity).where(activity.c.id == bindparam("_id")).values(
    due_at=bindparam("_due_at"), due_order=bindparam("_due_order"), allowed_seconds=bindparam("_allowed_seconds"),
    remind_at=bindparam("_remind_at"))
_give = sa.update(activity).where(activity.c.id == bindparam("_id")).values(assignee=bindparam("_assignee"), to_tell=True)


def put(db: sa.Connection, actor: Actor, now: dt.datetime, target: Definition, instance: Loaded, done: Migrated,
        migration_id: str, why: str) -> list[str]:
    """Write what `decide` said of a case, in a transaction that is open. Stale if somebody changed it since."""
    there = replace(instance, definition_id=target.id)
    spec = load.spec(db, target.id)
    title = load.Title(step.label(spec, done.outcome.live), step.label(spec, done.outcome.live, "cari"))
    stood = {m.was: m.activity_id for m in done.moved}
    happened = event_row(actor, now, "instance.migrated", instance.id, data={
        "from": instance.definition_id, "to": target.id, "from_version": load.definition(db, instance.definition_id).version,
        "to_version": target.version, "mapping": stood, "migration": migration_id, **({"reason": why} if why else {}),
        **{key: changed for key, changed in apply.changes(done.outcome).items() if changed}})
    due = apply.write(db, actor, now, there, done.outcome, title=title, events=[happened])
    for statement in _rebind:
        db.execute(statement, {"_instance": instance.id, "_definition": target.id})
    _many(db, _move, [{"_id": m.id, "_activity": m.activity_id, "_name": values.text(m.name), "_type": m.type, "_scope": m.scope_id}
                      for m in done.moved])
    for statement in _keep:
        _many(db, statement, [{"_id": k.id, "_activity": k.activity_id} for k in done.kept])
    _many(db, _rename, [{"_id": k.id, "_name": values.text(k.name, 255), "_correlation": k.correlation}
                        for k in done.kept if k.name is not None])
    _put_tasks(db, now, there, [m for m in done.moved if m.task])
    return due


def _many(db: sa.Connection, statement: sa.Update, rows: list[dict[str, Any]]) -> None:
    if rows:
        db.execute(statement, rows)


def _put_tasks(db: sa.Connection, now: dt.datetime, instance: Loaded, moved: list[Moved]) -> None:
    """Give open tasks the new version's form and words; whoever has one keeps it, else it is for whom the new version says."""
    if not moved:
        return
    rows = {row.id: row for row in db.execute(_tasks, {"_instance": instance.id})}
    details = {m.id: m for m in moved if m.id in rows and m.task}
    told = [(id, m.task) for id, m in details.items() if m.task]
    _many(db, _task, [{"_id": id, "_form": task.form_key, "_priority": task.priority,
                       "_description": values.text(task.description) if task.description else None} for id, task in told])
    calendar, rules = settings.calendar(db, instance.tenant), settings.rules(db, instance.tenant)
    _many(db, _due, [{f"_{name}": value for name, value in {
        "id": id, **deadlines.columns(calendar, rules, rows[id].started_at, task)}.items()}
        for id, task in told if details[id].renew and not rows[id].extensions])
    free = {id: task for id, task in told if rows[id].assignee is None}
    before = _candidates(db, free)
    after = {id: {("group", n) for n in _names(task.candidate_groups)} | {("user", n) for n in _names(task.candidate_users)}
             for id, task in free.items()}
    others = [id for id in free if after[id] != before[id] or free[id].assignee]
    if not others:
        return
    db.execute(sa.delete(candidate).where(candidate.c.task_id.in_(others)))
    for_whom = [{"task_id": id, "kind": kind, "name": name, "tenant_id": instance.tenant} for id in others for kind, name in after[id]]
    if for_whom:
        db.execute(sa.insert(candidate), for_whom)
    _many(db, _give, [{"_id": id, "_assignee": values.text(free[id].assignee, 255) if free[id].assignee else None} for id in others])


def _candidates(db: sa.Connection, tasks: Any) -> dict[str, set[tuple[str, str]]]:
    found: dict[str, set[tuple[str, str]]] = {id: set() for id in tasks}
    for row in db.execute(sa.select(candidate.c.task_id, candidate.c.kind, candidate.c.name).where(candidate.c.task_id.in_(list(tasks)))):
        found[row.task_id].add((row.kind, row.name))
    return found


def _names(given: Sequence[str]) -> list[str]:
    return [" ".join(values.text(name, 255).split()) for name in given]
