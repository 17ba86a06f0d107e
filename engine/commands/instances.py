"""Starting, stopping and changing process instances."""

import datetime as dt
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from bpmn.errors import N_, Conflict, Forbidden, Invalid, NotFound
from bpmn.model import names
from engine import access, apply, documents, ids, load, modification, step, version_life
from engine.intents import Live
from engine.load import Definition, Loaded
from engine.modification import Instruction
from engine.process_engine import Actor, ProcessEngine
from engine.store import Stale, attempt, event_row, read, record, run
from engine.tables import process_definition, process_instance, tenant
from engine.values import checked, text

T = TypeVar("T")


@dataclass(frozen=True)
class Instance:
    """A case that was started."""

    id: str
    business_key: str
    definition_id: str
    ended: bool = False


# Starting -------------------------------------------------------------------------------------------------------------

def start(pe: ProcessEngine, actor: Actor, now: dt.datetime, *, key: str | None = None, definition_id: str | None = None,
          business_key: str | None = None, variables: dict[str, Any] | None = None, about_id: str | None = None,
          request_id: str | None = None) -> Instance:
    """Start a case of the version of `key` that is in force, or of one definition.

    The same actor's start with the same `request_id` again starts nothing, and returns the case that it started.

    A process with the property `tentang` starts only about a case of the process named there (`about_id`), one at a
    time: Conflict while another is open. Nothing is taken over from that case; see `engine.corrections`.

    Without a business key the next number of its prefix and year is taken, without gaps; a given one that is taken
    is a Conflict. NotFound for a definition that the actor may neither see nor start; Conflict for one that is
    suspended, revoked or not yet in force.
    """
    variables = checked(variables)
    with read(pe) as db:
        definition = find_definition(db, actor, now, key=key, definition_id=definition_id)
    if not access.may_start(actor, definition.groups, definition.starter_groups):
        raise Forbidden(N_("Anda tidak berhak memulai proses ini."))

    def write(db: sa.Connection) -> tuple[Instance, list[str]]:
        return start_in(db, actor, now, definition, business_key=business_key, variables=variables, about_id=about_id,
                        request_id=request_id)

    instance, due = attempt(pe, lambda: run_unique(pe, write))
    pe.wake(due)
    return instance


def run_unique(pe: ProcessEngine, write: Callable[[sa.Connection], T]) -> T:
    """As `run`, for a transaction that starts a case: Stale where somebody took its business key in between."""
    try:
        return run(pe, write)
    except sa.exc.IntegrityError as error:
        raise Stale from error


def start_in(db: sa.Connection, actor: Actor, now: dt.datetime, definition: Definition, *, business_key: str | None,
             variables: dict[str, Any] | Callable[[], dict[str, Any]], start_event: str | None = None, about_id: str | None = None,
             request_id: str | None = None, instructions: Sequence[Instruction] = ()) -> tuple[Instance, list[str]]:
    """Start a case in a transaction that is open, with no look at rights. Return it, and the ids of jobs that are due.

    `variables` may be a function: it is called once it is sure that the case may start. With `instructions` it begins
    where those say, see `engine.modification`.

    The step is computed inside the transaction, for the label may show the number, and numbers have no gaps
    only if nobody else takes one before this one is committed.
    """
    new_id = ids.source(now)
    instance_id = ids.named(actor.tenant, actor.id, definition.key, request_id) if request_id else new_id()
    if request_id and (before := _started(db, instance_id)):
        return before, []
    version_life.check_start(db, now, definition.id, definition.calls.values())
    check_about(db, actor, definition, about_id)
    spec = load.spec(db, definition.id)
    business_key = _checked_key(business_key)
    business_key = _free_key(db, actor, business_key) if business_key else _next_key(db, actor, now, definition)
    variables = documents.bind(db, actor, now, instance_id, variables() if callable(variables) else variables)
    if instructions:
        outcome = modification.begin(spec, variables, instructions, now, new_id, business_key)
    else:
        outcome = step.start(spec, variables, now, new_id, start_event=start_event, business_key=business_key)
    instance = Loaded(instance_id, actor.tenant, definition.id, definition.key, business_key, "", 0, False, False, Live({}, {}), now)
    stead = access.starts_in_stead(actor, definition.groups, definition.starter_groups)
    due = apply.create(db, actor, now, instance, outcome, load.title(spec, instance, outcome), about_id, stead)
    return Instance(instance_id, business_key, definition.id, outcome.ended), due


def _started(db: sa.Connection, instance_id: str) -> Instance | None:
    of = process_instance.c
    row = db.execute(sa.select(of.business_key, of.definition_id, of.ended_at).where(of.id == instance_id)).first()
    return Instance(instance_id, row.business_key, row.definition_id, row.ended_at is not None) if row else None


def check_about(db: sa.Connection, actor: Actor, definition: Definition, about_id: str | None) -> None:
    """Let a case start about another, or about none, as its process says. Locks the other, so that of two at once one is first."""
    subjects = names(load.process(db, definition).properties.get("tentang", ""))
    if not subjects and about_id is None:
        return
    if about_id is None:
        raise Invalid(N_("Proses ini dimulai dari berkas yang menjadi pokoknya."), field="about_id")
    of = process_instance.c
    about = db.execute(sa.select(of.definition_id, of.definition_key).where(
        of.id == about_id, of.tenant_id == actor.tenant).with_for_update(key_share=True)).first()
    if about is None or not access.may_see_case(actor, load.definition(db, about.definition_id).groups):
        raise NotFound(N_("Berkas tidak ditemukan."))
    if about.definition_key not in subjects:
        raise Invalid(N_("Proses ini bukan tentang berkas seperti itu."), field="about_id")
    still_open = db.scalar(sa.select(of.business_key).where(of.about_id == about_id, of.ended_at.is_(None)).limit(1))
    if still_open is not None:
        raise Conflict(N_("%(business_key)s tentang berkas ini masih berjalan."), business_key=still_open)


def find_definition(db: sa.Connection, actor: Actor, now: dt.datetime | None = None, *, key: str | None = None,
                    definition_id: str | None = None) -> Definition:
    """Return the definition, or that of a key: in force `now`, without a time the newest; as far as the actor may see or start it."""
    if (key is None) == (definition_id is None):
        raise Invalid(N_("Sebutkan kunci atau id definisi proses."))
    if definition_id is None:
        definition_id = version_life.current_id(db, actor.tenant, key, now) if now else newest_id(db, actor.tenant, key)
    definition = load.definition(db, definition_id)
    if definition.tenant != actor.tenant or not (
            access.may_see_case(actor, definition.groups) or access.may_start(actor, definition.groups, definition.starter_groups)):
        raise NotFound(N_("Definisi proses tidak ditemukan."))
    return definition


def newest_id(db: sa.Connection, tenant_id: str, key: str | None) -> str:
    """Return the id of the newest version of a key; NotFound where there is none."""
    of_key = sa.select(process_definition.c.id).where(process_definition.c.tenant_id == tenant_id, process_definition.c.key == key)
    definition_id = db.execute(of_key.order_by(process_definition.c.version.desc()).limit(1)).scalar()
    if definition_id is None:
        raise NotFound(N_("Definisi proses tidak ditemukan."))
    return definition_id


# Business keys --------------------------------------------------------------------------------------------------------

_next_number = sa.text(
    "INSERT INTO business_key_counter (tenant_id, prefix, last) VALUES (:tenant, :prefix, 1) "
    "ON CONFLICT (tenant_id, prefix) DO UPDATE SET last = business_key_counter.last + 1 RETURNING last")


def _next_key(db: sa.Connection, actor: Actor, now: dt.datetime, definition: Definition) -> str:
    """Take the next number of the prefix and the tenant's year; the counter's row is locked until the commit."""
    zone = db.execute(sa.select(tenant.c.timezone).where(tenant.c.id == actor.tenant)).scalar_one()
    prefix = load.process(db, definition).properties.get("business_key_prefix") or definition.key.upper()
    prefix = f"{text(prefix, 200)}-{now.astimezone(ZoneInfo(zone)).year}-"
    while True:  # past the keys that somebody gave by hand; ends, for each turn takes a higher number
        number = db.execute(_next_number, {"tenant": actor.tenant, "prefix": prefix}).scalar_one()
        business_key = f"{prefix}{number:04}"
        if not _is_taken(db, actor, business_key):
            return business_key


def _free_key(db: sa.Connection, actor: Actor, business_key: str) -> str:
    # Asked first for a plain answer; what comes in between meets the unique constraint, see `run_unique`.
    if _is_taken(db, actor, business_key):
        raise Conflict(N_("Nomor berkas %(business_key)s sudah dipakai."), business_key=business_key)
    return business_key


def _is_taken(db: sa.Connection, actor: Actor, business_key: str) -> bool:
    return db.execute(sa.select(process_instance.c.id).where(
        process_instance.c.tenant_id == actor.tenant, process_instance.c.business_key == business_key)).first() is not None


def _checked_key(business_key: str | None) -> str | None:
    if business_key is None or business_key == "":
        return None
    if not isinstance(business_key, str) or len(business_key) > 255 or not business_key.isprintable() or not business_key.strip():
        raise Invalid(N_("Nomor berkas tidak sah."), field="business_key")
    return business_key


# Changing and stopping ------------------------------------------------------------------------------------------------

def cancel(pe: ProcessEngine, actor: Actor, now: dt.datetime, instance_id: str, reason: str = "") -> None:
    """End a case where it stands: what is open in it is cancelled. Ended already: Conflict."""
    def write(db: sa.Connection, instance: Loaded) -> None:
        if instance.ended:
            raise Conflict(N_("Berkas ini sudah berakhir."))
        apply.touch(db, instance)
        apply.close(db, now, instance.id)
        db.execute(sa.update(process_instance).where(process_instance.c.id == instance.id).values(
            state=None, ended_at=now, end_reason="cancelled"))
        record(db, actor, now, "instance.cancelled", instance_id=instance.id, data={"reason": text(reason, 2000)})

    _administer(pe, actor, instance_id, write)


def suspend_instance(pe: ProcessEngine, actor: Actor, now: dt.datetime, instance_id: str, reason: str = "") -> None:
    """Let nothing happen in a case until it is activated."""
    _set_suspended(pe, actor, now, instance_id, True, reason)


def activate_instance(pe: ProcessEngine, actor: Actor, now: dt.datetime, instance_id: str, reason: str = "") -> None:
    """Undo `suspend_instance`."""
    _set_suspended(pe, actor, now, instance_id, False, reason)


def _set_suspended(pe: ProcessEngine, actor: Actor, now: dt.datetime, instance_id: str, suspended: bool, reason: str) -> None:
    def write(db: sa.Connection, instance: Loaded) -> None:
        if instance.ended:
            raise Conflict(N_("Berkas ini sudah berakhir."))
        if instance.suspended != suspended:
            apply.touch(db, instance)
            db.execute(sa.update(process_instance).where(process_instance.c.id == instance.id).values(suspended=suspended))
            record(db, actor, now, "instance.suspended" if suspended else "instance.activated", instance_id=instance.id,
                   data={"reason": text(reason, 2000)})

    _administer(pe, actor, instance_id, write)


def _administer(pe: ProcessEngine, actor: Actor, instance_id: str, write: Callable[[sa.Connection, Loaded], None]) -> None:
    """Do what only an admin may, to an instance as it is inside the transaction."""
    def command() -> None:
        run(pe, lambda db: write(db, visible_instance(db, actor, instance_id, access.may_administer)))

    attempt(pe, command)


def visible_instance(db: sa.Connection, actor: Actor, instance_id: str, may: Callable[[Actor], bool]) -> Loaded:
    """Return an instance to one who may do something to it: NotFound where they may not even see it, else Forbidden."""
    instance = load.instance(db, actor.tenant, instance_id)
    if not access.may_see_case(actor, load.definition(db, instance.definition_id).groups):
        raise NotFound(N_("Berkas tidak ditemukan."))
    access.require(may(actor))
    return instance


def set_variables(pe: ProcessEngine, actor: Actor, now: dt.datetime, instance_id: str, values: dict[str, Any],
                  deletions: Collection[str] = (), *, scope_id: str = "", reason: str = "") -> None:
    """Set and delete variables of the case's own scope, or of the activity instance `scope_id` and there only. By an admin.

    The history keeps what they were before.
    """
    variables = checked(values)
    if not all(isinstance(name, str) for name in deletions):
        raise Invalid(N_("Nama variabel tidak sah."))

    def write(db: sa.Connection) -> list[str]:
        instance = visible_instance(db, actor, instance_id, access.may_administer)
        instance.require_active()
        spec = load.spec(db, instance.definition_id)
        bound = documents.bind(db, actor, now, instance.id, variables)
        outcome = step.set_variables(spec, instance.live, scope_id, bound, now, ids.source(now), tuple(deletions))
        was = instance.live.variables.get(scope_id, {})
        data = {**apply.changes(outcome), "deleted": sorted(set(deletions)), "scope": scope_id, "reason": text(reason, 2000),
                "before": {name: was[name] for name in sorted({*bound, *deletions}) if name in was}}
        changed = event_row(actor, now, "variables.set", instance.id, data=data)
        return apply.write(db, actor, now, instance, outcome, title=load.title(spec, instance, outcome), events=[changed])

    pe.wake(attempt(pe, lambda: run(pe, write)))
