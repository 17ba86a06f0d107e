"""What an actor may see, as SQL: the conditions behind `engine.access`."""

import sqlalchemy as sa

from bpmn.errors import N_, NotFound
from engine import access, load
from engine.load import Definition
from engine.process_engine import Actor
from engine.tables import activity, candidate, definition_group, process_instance


def candidate_tasks(actor: Actor) -> sa.CompoundSelect:
    """The ids of the open tasks of which the actor, or a group of theirs, is a candidate."""
    c = candidate.c
    # Two parts rather than OR: each is read straight from the index.
    return sa.union_all(
        sa.select(c.task_id).where(c.tenant_id == actor.tenant, c.kind == "group", c.name.in_(sorted(actor.groups))),
        sa.select(c.task_id).where(c.tenant_id == actor.tenant, c.kind == "user", c.name == actor.id))


def definitions_seen(actor: Actor) -> sa.Select:
    """The ids of the definitions whose cases the actor sees through a group."""
    return sa.select(definition_group.c.definition_id).where(
        definition_group.c.sees, definition_group.c.group_id.in_(sorted(actor.groups)))


def held_by(actor: Actor) -> sa.ColumnElement[bool]:
    """An activity row that is a task which the actor holds: `access.holds` in SQL."""
    a = activity.c
    return sa.and_(a.assignee == actor.id, sa.or_(
        a.in_stead_of.is_(sa.null()), a.delegation == access.PENDING, a.id.in_(candidate_tasks(actor))))


def tasks_seen(actor: Actor) -> sa.ColumnElement[bool]:
    """An activity row that is a task which the actor may see."""
    if access.sees_every_case(actor):
        return sa.true()
    a = activity.c
    own = sa.and_(a.owner == actor.id, a.in_stead_of.is_(sa.null()))
    return sa.or_(held_by(actor), own, a.definition_id.in_(definitions_seen(actor)), a.id.in_(candidate_tasks(actor)))


def instances_seen(actor: Actor) -> sa.ColumnElement[bool]:
    """A process instance row that the actor may see."""
    if access.sees_every_case(actor):
        return sa.true()
    return process_instance.c.definition_id.in_(definitions_seen(actor))


def instance_definition(db: sa.Connection, actor: Actor, instance_id: str) -> Definition:
    """Return the definition of an instance that the actor may see; NotFound otherwise."""
    i = process_instance.c
    definition_id = db.execute(sa.select(i.definition_id).where(i.id == instance_id, i.tenant_id == actor.tenant)).scalar()
    if definition_id is not None:
        definition = load.definition(db, definition_id)
        if access.may_see_case(actor, definition.groups):
            return definition
    raise NotFound(N_("Berkas tidak ditemukan."))
