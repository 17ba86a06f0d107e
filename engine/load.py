"""What commands start from: an instance as it is now, and the definition that it runs on, which never changes."""

import datetime as dt
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, NamedTuple, TypeVar

import sqlalchemy as sa

from bpmn import model
from bpmn.errors import N_, Conflict, NotFound
from engine import logs, settings, step, values
from engine import spec as specs
from engine.intents import Live, Outcome
from engine.spec import Spec
from engine.tables import process_definition, process_instance, resource

T = TypeVar("T")


@dataclass(frozen=True)
class Definition:
    """A process definition. What can change of it (suspended) is not here, so it can be kept for ever; but for who sees and
    starts it, which is what the diagram says in memory, and what an admin made of it where `definition` gives it (`engine.reach`)."""

    id: str
    tenant: str
    key: str
    version: int
    name: str
    deployment_id: str
    resource_name: str
    content_hash: str
    calls: dict[str, str]
    groups: frozenset[str]
    starter_groups: frozenset[str]
    lanes: frozenset[str] = frozenset()  # the groups that the diagram names, whoever else may see it


@dataclass(frozen=True)
class Loaded:
    """A process instance as a command read it; `version` is what the write is guarded by."""

    id: str
    tenant: str
    definition_id: str
    definition_key: str
    business_key: str
    title: str
    version: int
    suspended: bool
    ended: bool
    live: Live
    started_at: dt.datetime
    search: str = ""

    def require_active(self) -> None:
        """Raise Conflict unless something may happen in it."""
        if self.ended:
            raise Conflict(N_("Berkas ini sudah berakhir."))
        if self.suspended:
            raise Conflict(N_("Berkas ini sedang ditangguhkan."))


class Title(NamedTuple):
    """The process's `label` and `cari`: what a list shows of an instance, and what else it is found by."""

    shown: str
    search: str = ""


class Cache(Generic[T]):
    """The least recently used values of an expensive function, by key."""

    def __init__(self, size: int):
        self._size, self._values, self._lock = size, OrderedDict[str, T](), threading.Lock()

    def get(self, key: str, make: Callable[[], T]) -> T:
        """Return the value, made once as a rule: two threads that ask at the same time may both make it."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        value = make()
        with self._lock:
            self._values[key] = value
            while len(self._values) > self._size:
                self._values.popitem(last=False)
        return value


class _Kept:
    """What one process keeps of one database."""

    def __init__(self) -> None:
        self.definitions: Cache[Definition] = Cache(5000)
        self.resources: Cache[dict[str, bytes]] = Cache(64)
        self.specs: Cache[Spec] = Cache(256)


_kept: weakref.WeakKeyDictionary[sa.Engine, _Kept] = weakref.WeakKeyDictionary()


def _of(db: sa.Connection) -> _Kept:
    return _kept.get(db.engine) or _kept.setdefault(db.engine, _Kept())


_of_instance = (process_instance.c.id, process_instance.c.tenant_id, process_instance.c.definition_id, process_instance.c.definition_key,
                process_instance.c.business_key, process_instance.c.title, process_instance.c.version, process_instance.c.suspended,
                process_instance.c.ended_at, process_instance.c.state, process_instance.c.variables, process_instance.c.started_at,
                process_instance.c.search)
INSTANCE_COLUMNS = tuple(column.label(f"i_{column.name}") for column in _of_instance)
_select_instance = sa.select(*INSTANCE_COLUMNS).where(
    process_instance.c.id == sa.bindparam("id"), process_instance.c.tenant_id == sa.bindparam("tenant"))
_select_definition = sa.select(process_definition).where(process_definition.c.id == sa.bindparam("id"))


def instance(db: sa.Connection, tenant: str, instance_id: str) -> Loaded:
    """Return the instance, NotFound where the tenant has none such."""
    row = db.execute(_select_instance, {"id": instance_id, "tenant": tenant}).first()
    if row is None:
        raise NotFound(N_("Berkas tidak ditemukan."))
    return loaded(row)


def loaded(row: sa.Row) -> Loaded:
    """Return the instance in a row that has INSTANCE_COLUMNS."""
    logs.bind(instance=row.i_id)
    live = Live(values.load(row.i_state) if row.i_state else {}, values.load(row.i_variables))
    return Loaded(row.i_id, row.i_tenant_id, row.i_definition_id, row.i_definition_key, row.i_business_key, row.i_title,
                  row.i_version, row.i_suspended, row.i_ended_at is not None, live, row.i_started_at, row.i_search)


def definition(db: sa.Connection, definition_id: str) -> Definition:
    """Return a definition, which is known to exist, from memory after the first time; NotFound otherwise."""
    found = _of(db).definitions.get(definition_id, lambda: _read_definition(db, definition_id))
    changed = settings.of(db, found.tenant)["access"]["procedures"].get(found.key)
    if not changed:
        return found
    sees, starts = reached(changed, found.groups, found.starter_groups)
    return replace(found, groups=sees, starter_groups=starts)


def reached(changed: Mapping[str, Any] | None, groups: frozenset[str],
            starter_groups: frozenset[str]) -> tuple[frozenset[str], frozenset[str]]:
    """Who sees and who starts a definition: what its diagram says, and what an admin changed of it."""
    starts = starter_groups or groups
    if not changed:
        return groups, starts
    return groups.union(changed["sees"]), starts if changed["starts"] is None else frozenset(changed["starts"])


def group_rows(definition_id: str, sees: frozenset[str], starts: frozenset[str]) -> list[dict[str, Any]]:
    """The rows of `definition_group`."""
    return [{"definition_id": definition_id, "group_id": id, "sees": id in sees, "starts": id in starts} for id in sorted(sees | starts)]


def resources(db: sa.Connection, deployment_id: str) -> dict[str, bytes]:
    """Return a deployment's resources by name, from memory after the first time."""
    return _of(db).resources.get(deployment_id, lambda: {
        row.name: row.content for row in db.execute(
            sa.select(resource.c.name, resource.c.content).where(resource.c.deployment_id == deployment_id))})


def process(db: sa.Connection, of: Definition) -> model.Process:
    """Return what stands in a definition's diagram."""
    found = model.read(resources(db, of.deployment_id)[of.resource_name], of.resource_name)
    return next(process for process in found if process.key == of.key)


def spec(db: sa.Connection, definition_id: str) -> Spec:
    """Return what the step runs on, from memory after the first time."""
    return _of(db).specs.get(definition_id, lambda: _compile(db, definition(db, definition_id)))


def _compile(db: sa.Connection, of: Definition) -> Spec:
    called = {key: resources(db, definition(db, id).deployment_id) for key, id in of.calls.items()}
    return specs.compile(resources(db, of.deployment_id), called, of.key)


def title(spec: Spec, of: Loaded, outcome: Outcome) -> Title:
    """Return what lists show of an instance after a step, and find it by; evaluated again when a variable changed."""
    if of.version > 0 and not outcome.changed:
        return Title(of.title, of.search)
    return Title(step.label(spec, outcome.live), step.label(spec, outcome.live, "cari"))


def _read_definition(db: sa.Connection, definition_id: str) -> Definition:
    row = db.execute(_select_definition, {"id": definition_id}).mappings().first()
    if row is None:
        raise NotFound(N_("Definisi proses tidak ditemukan."))
    return Definition(row["id"], row["tenant_id"], row["key"], row["version"], row["name"], row["deployment_id"], row["resource_name"],
                      row["content_hash"], row["calls"], frozenset(row["groups"]), frozenset(row["starter_groups"]),
                      frozenset(row["groups"]))
