"""What is asked before running cases go to another version: the plan, a dry run, what went before."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from bpmn.errors import N_, Invalid
from bpmn.findings import Finding
from engine import access, load, step
from engine.batches import MIGRATION, problem_of
from engine.commands.migrating import decide, versions
from engine.load import Definition
from engine.migration_plan import Place, Plan, Proposal, check, places, propose
from engine.process_engine import Actor, ProcessEngine
from engine.queries.paging import Page, fetch
from engine.spec import Spec
from engine.store import read
from engine.tables import activity, batch, job, process_definition, process_instance, user

_i, _b, _d = process_instance.c, batch.c, process_definition.c
BUSY = N_("Sebuah pekerjaan berkas ini sedang dikerjakan; gilirannya diulang sebentar lagi.")


@dataclass(frozen=True)
class Between:
    """Two versions of a procedure, and what is in them."""

    source: Definition
    target: Definition
    source_spec: Spec
    target_spec: Spec

    @property
    def before(self) -> dict[str, Place]:
        return places(self.source_spec)

    @property
    def after(self) -> dict[str, Place]:
        return places(self.target_spec)

    def propose(self, *, guess: bool = True) -> Proposal:
        return propose(self.source_spec, self.target_spec, guess=guess)

    def check(self, plan: Plan) -> list[Finding]:
        return check(plan, self.source_spec, self.target_spec)


def between(pe: ProcessEngine, actor: Actor, source_id: str, target_id: str) -> Between:
    """Return two versions between which the actor may bring cases. Forbidden, NotFound, Invalid or Conflict as the command says."""
    with read(pe) as db:
        source, target = versions(db, actor, source_id, target_id)
        return Between(source, target, load.spec(db, source.id), load.spec(db, target.id))


def standing(pe: ProcessEngine, actor: Actor, key: str) -> list[dict[str, Any]]:
    """The versions of a procedure, newest first, each with how many cases run on it: {id, version, running, revoked}; one statement."""
    access.require(access.may_migrate(actor))
    running = sa.select(sa.func.count()).where(_i.definition_id == _d.id, _i.ended_at.is_(None)).correlate(process_definition)
    query = sa.select(_d.id, _d.version, _d.name, _d.deployed_at, running.scalar_subquery().label("running"),
                      _d.revoked_at.is_not(None).label("revoked")).where(_d.tenant_id == actor.tenant, _d.key == key)
    with read(pe) as db:
        return [dict(row) for row in db.execute(query.order_by(_d.version.desc()).limit(500)).mappings()]


def standing_at(pe: ProcessEngine, actor: Actor, source_id: str) -> dict[str, int]:
    """How many running cases of a version stand on each activity, by its id; one statement."""
    access.require(access.may_migrate(actor))
    query = sa.select(activity.c.activity_id, sa.func.count(activity.c.instance_id.distinct()).label("number")).where(
        activity.c.tenant_id == actor.tenant, activity.c.definition_id == source_id, activity.c.ended_at.is_(None))
    with read(pe) as db:
        return {row.activity_id: row.number for row in db.execute(query.group_by(activity.c.activity_id))}


# Trying ---------------------------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Tried:
    """A part of a dry run. `rows`: {id, business_key, title, at (names of where it stands), problem (None: it would go)}."""

    rows: list[dict[str, Any]]
    next: str | None


def dry_run(pe: ProcessEngine, actor: Actor, now: dt.datetime, source_id: str, target_id: str, plan: Plan, *,
            after: str = "", limit: int = 200) -> Tried:
    """Say of the running cases of a version, by id after a cursor, what a plan would do with each; nothing is written.

    Three statements, and no more cases in memory than `limit`.
    """
    limit = max(1, min(limit, 500))
    with read(pe) as db:
        source, target = versions(db, actor, source_id, target_id)
        rows = db.execute(sa.select(*load.INSTANCE_COLUMNS).where(
            _i.definition_id == source.id, _i.tenant_id == actor.tenant, _i.ended_at.is_(None), _i.id > after,
        ).order_by(_i.id).limit(limit + 1)).all()
        busy = set(db.execute(sa.select(job.c.instance_id).where(
            job.c.state == "open", job.c.leased_until > now, job.c.instance_id.in_([row.i_id for row in rows]))).scalars())
        names = {place.element.id: place.label for place in places(load.spec(db, source.id)).values()}
        tried = []
        for row in rows[:limit]:
            instance, problem = load.loaded(row), None
            stands = [names.get(e.partition("#")[0], e) for e in dict.fromkeys(step.open_elements(instance.live).values())]
            try:
                decide(db, now, plan, source.id, target, instance)
                if row.i_id in busy:
                    problem = {"message": BUSY, "params": {}, "element": "", "passing": True}
            except Invalid as error:
                problem = problem_of(error)
            tried.append({"id": row.i_id, "business_key": row.i_business_key, "title": row.i_title, "at": stands, "problem": problem})
    return Tried(tried, rows[limit - 1].i_id if len(rows) > limit else None)


# Before this one ------------------------------------------------------------------------------------------------------

def migrations(pe: ProcessEngine, actor: Actor, key: str, *, after: str | None = None, limit: int = 20) -> Page:
    """The migrations of a procedure, newest first: the batch's columns, source_version, target_version, person; one statement."""
    access.require(access.may_migrate(actor))
    source, target = process_definition.alias(), process_definition.alias()
    query = sa.select(
        batch, source.c.version.label("source_version"), target.c.version.label("target_version"), user.c.name.label("person"),
    ).join(source, source.c.id == _b.source_id).join(target, target.c.id == _b.target_id).outerjoin(
        user, user.c.id == _b.created_by).where(_b.tenant_id == actor.tenant, _b.type == MIGRATION, _b.key == key)
    with read(pe) as db:
        return fetch(db, query, (_b.created_at, _b.id), after=after, limit=limit, descending=True)
