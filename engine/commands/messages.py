"""Messages and signals: from outside, and those that a case throws to others."""

import datetime as dt
from collections.abc import Callable, Iterable
from typing import Any

import sqlalchemy as sa

from bpmn.errors import N_, Conflict, NotFound
from engine import access, apply, documents, ids, load, step, version_life
from engine.commands.instances import run_unique, start_in
from engine.intents import Dropped, Outcome
from engine.load import Loaded
from engine.process_engine import Actor, ProcessEngine
from engine.store import attempt, event_row
from engine.tables import process_definition, process_instance, subscription
from engine.values import checked

_waiting = sa.select(subscription.c.id.label("subscription_id"), subscription.c.correlation, *load.INSTANCE_COLUMNS).join(
    process_instance, process_instance.c.id == subscription.c.instance_id).where(
    subscription.c.tenant_id == sa.bindparam("tenant"), subscription.c.kind == sa.bindparam("kind"),
    subscription.c.name == sa.bindparam("name"), process_instance.c.ended_at.is_(None),
).order_by(subscription.c.instance_id, subscription.c.id)
_starting = sa.select(subscription.c.definition_id, subscription.c.activity_id).join(  # of an announced version, too, they wait
    process_definition, process_definition.c.id == subscription.c.definition_id).where(
    version_life.may_run(version_life.NOW), version_life.is_current(version_life.NOW),
    subscription.c.tenant_id == sa.bindparam("tenant"), subscription.c.kind == sa.bindparam("kind"),
    subscription.c.name == sa.bindparam("name"), subscription.c.instance_id.is_(None)).order_by(subscription.c.definition_id)


def correlate_message(pe: ProcessEngine, actor: Actor, now: dt.datetime, name: str, *, business_key: str | None = None,
                      correlation: dict[str, Any] | None = None, variables: dict[str, Any] | None = None,
                      instance_id: str | None = None, all: bool = False) -> list[str]:
    """Give a message to the one execution that waits for it, or else start a case by it. Return the instance's id.

    With `all`, give it to each that waits, and start the cases that it starts. A wait matches when its case has the
    business key or id (where given), each value of `correlation` is what the wait asks for, else the case's variable
    of that name, and all that the wait asks for is brought. None: NotFound; more than one without `all`: Conflict.
    """
    variables, correlation = checked(variables), checked(correlation)

    def write(db: sa.Connection) -> tuple[list[str], list[str]]:
        return deliver_message(db, actor, now, name, business_key=business_key, correlation=correlation, variables=variables,
                               instance_id=instance_id, all=all)

    instance_ids, due = attempt(pe, lambda: run_unique(pe, write))
    pe.wake(due)
    return instance_ids


def broadcast_signal(pe: ProcessEngine, actor: Actor, now: dt.datetime, name: str, variables: dict[str, Any] | None = None) -> list[str]:
    """Give a signal to everything in the tenant that waits for it, and start the cases that it starts. By an admin.

    Return the ids of the instances; all of it happens in one transaction. Nobody waiting is no error.
    """
    access.require(access.may_administer(actor))
    variables = checked(variables)
    instance_ids, due = attempt(pe, lambda: run_unique(pe, lambda db: deliver_signal(db, actor, now, name, variables)))
    pe.wake(due)
    return instance_ids


def deliver_message(db: sa.Connection, actor: Actor, now: dt.datetime, name: str, *, variables: dict[str, Any],
                    correlation: dict[str, Any] | None = None, business_key: str | None = None, instance_id: str | None = None,
                    all: bool = False) -> tuple[list[str], list[str]]:
    """Do `correlate_message` in a transaction that is open. Return the instances' ids, and those of jobs that are due."""
    correlation = correlation or {}
    of_case = [] if business_key is None else [process_instance.c.business_key == business_key]
    of_case += [] if instance_id is None else [process_instance.c.id == instance_id]
    found = [(row.subscription_id, instance) for row, instance in _waits(db, actor, "message", name, *of_case)
             if _correlates(row.correlation, instance, correlation, variables)]
    if len(found) > 1 and not all:
        raise Conflict(N_("%(count)s berkas menunggu pesan %(name)s ini; sebutkan yang mana."), count=len(found), name=name)
    given = _give(db, actor, now, found, variables, "message.received", name)
    if found and not all or instance_id is not None:
        started: tuple[list[str], list[str]] = ([], [])
    else:
        started = _start(db, actor, now, "message", name, variables, business_key)
    if not found and not started[0]:
        raise NotFound(N_("Tidak ada yang menunggu pesan %(name)s."), name=name)
    if len(started[0]) > 1 and not all:
        raise Conflict(N_("%(count)s proses dimulai oleh pesan %(name)s; sebutkan yang mana."), count=len(started[0]), name=name)
    return given[0] + started[0], given[1] + started[1]


def deliver_signal(db: sa.Connection, actor: Actor, now: dt.datetime, name: str, variables: dict[str, Any],
                   thrower: str | None = None) -> tuple[list[str], list[str]]:
    """Do `broadcast_signal` in a transaction that is open. Cases that are suspended do not hear it.

    Nor does the case that threw it: its step gave it to who waited there then.
    """
    found = [(row.subscription_id, instance) for row, instance in _waits(db, actor, "signal", name)
             if not instance.suspended and instance.id != thrower]
    given = _give(db, actor, now, found, variables, "signal.received", name)
    started = _start(db, actor, now, "signal", name, variables, None)
    return given[0] + started[0], given[1] + started[1]


def _waits(db: sa.Connection, actor: Actor, kind: str, name: str, *of_case: sa.ColumnElement[bool]) -> Iterable[tuple[sa.Row, Loaded]]:
    """Who waits for it in cases that the actor may see."""
    for row in db.execute(_waiting.where(*of_case), {"tenant": actor.tenant, "kind": kind, "name": name}).all():
        if access.may_see_case(actor, load.definition(db, row.i_definition_id).groups):
            yield row, load.loaded(row)


def _correlates(asked: dict[str, Any], instance: Loaded, correlation: dict[str, Any], variables: dict[str, Any]) -> bool:
    missing = object()
    brought = {**variables, **correlation}
    own = {**instance.live.variables.get("", {}), **asked}
    return (all(brought.get(key, missing) == value for key, value in asked.items())
            and all(own.get(key, missing) == value for key, value in correlation.items()))


def _give(db: sa.Connection, actor: Actor, now: dt.datetime, found: list[tuple[str, Loaded]], variables: dict[str, Any],
          event: str, name: str) -> tuple[list[str], list[str]]:
    """Trigger these subscriptions; several of one instance in one step."""
    by_instance: dict[str, tuple[Loaded, list[str]]] = {}
    for subscription_id, instance in found:
        by_instance.setdefault(instance.id, (instance, []))[1].append(subscription_id)
    due: list[str] = []
    for instance, subscription_ids in by_instance.values():
        instance.require_active()
        spec = load.spec(db, instance.definition_id)
        bound = documents.bind(db, actor, now, instance.id, variables)
        outcome = _trigger_each(spec, instance, subscription_ids, bound, now)
        received = event_row(actor, now, event, instance.id, data={"name": name, **apply.changes(outcome)})
        due += apply.write(db, actor, now, instance, outcome, title=load.title(spec, instance, outcome), events=[received])
    return list(by_instance), due


def _trigger_each(spec: Any, instance: Loaded, subscription_ids: list[str], variables: dict[str, Any], now: dt.datetime) -> Outcome:
    new_id: Callable[[], str] = ids.source(now)
    total = Outcome(instance.live, ())
    for subscription_id in subscription_ids:
        if total.ended or any(isinstance(intent, Dropped) and intent.id == subscription_id for intent in total.intents):
            continue  # an earlier one interrupted it
        outcome = step.trigger(spec, total.live, subscription_id, now, new_id, payload=variables)
        changed = {scope: {**total.changed.get(scope, {}), **outcome.changed.get(scope, {})} for scope in total.changed | outcome.changed}
        total = Outcome(outcome.live, total.intents + outcome.intents, changed, outcome.ended)
    return total


def _start(db: sa.Connection, actor: Actor, now: dt.datetime, kind: str, name: str, variables: dict[str, Any],
           business_key: str | None) -> tuple[list[str], list[str]]:
    """Start a case of each definition whose start event waits for it, and that the actor may start."""
    instance_ids, due = [], []
    for row in db.execute(_starting, {"tenant": actor.tenant, "kind": kind, "name": name, "_now": now}).all():
        definition = load.definition(db, row.definition_id)
        if access.may_start(actor, definition.groups, definition.starter_groups):
            instance, jobs = start_in(db, actor, now, definition, business_key=business_key, variables=variables,
                                      start_event=row.activity_id)
            instance_ids.append(instance.id)
            due += jobs
    return instance_ids, due
