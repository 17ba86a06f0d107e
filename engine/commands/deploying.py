"""Putting process definitions in force."""

import datetime as dt
import hashlib
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from bpmn import check, model
from bpmn.errors import N_, Conflict, Invalid, NotFound
from bpmn.lint import lint
from engine import access, ids, load, scenarios, settings, spec, starts, version_life
from engine.commands.instances import find_definition, run_unique
from engine.load import Definition
from engine.process_engine import Actor, ProcessEngine
from engine.spec import Spec
from engine.store import attempt, read, record, run
from engine.tables import definition_group, deployment, job, process_definition, process_instance, resource, subscription
from engine.values import reason
from engine.version_life import AT_ONCE, KEEP, REVOKE, PutInForce, ScopeChanged

MAX_KEY = 150  # characters: the definition's id holds the key, and must fit its column


@dataclass(frozen=True)
class Deployment:
    """What `deploy` made. `definitions`: dicts with id, key, version, name; none where nothing was new. `failing`: the names of the
    kept scenarios that go another way now."""

    id: str
    name: str
    definitions: list[dict[str, Any]]
    failing: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Part:
    """One process of a deployment, compiled, with the definitions that it calls, bound by id."""

    process: model.Process
    file: str
    spec: Spec
    calls: dict[str, Definition]
    digest: str


def deploy(pe: ProcessEngine, actor: Actor, now: dt.datetime, *, name: str, resources: dict[str, bytes],
           source: str | None = None, changed_only: bool = True, based_on: str | None = None, accept_failing: bool = True,
           how: PutInForce = AT_ONCE) -> Deployment:
    """Make a new version of every executable process in the resources (file name → bytes), which keep together.

    Invalid, with `problems`, where a diagram cannot be run. What call activities call is bound now, to the version
    in force. With `changed_only`, resources that are in force as they are make nothing new: that deployment is returned.
    `based_on`: the definition id that was edited; Conflict where it is not the newest of its key any more.
    Kept scenarios that go another way now are in the history of the deployment; without `accept_failing` they are
    `ScenariosFail`, for a person to see first. `how`: from when it is in force and who approved it; `ScopeChanged` where it
    must be said what becomes of the versions before.
    """
    how = version_life.checked(how, now)
    access.require(access.may_deploy(actor))
    _check_names(resources)
    failing = _thought_through(pe, actor, now, resources)
    if failing and not accept_failing:
        raise scenarios.ScenariosFail(failing)

    def command() -> Deployment:
        with read(pe) as db:
            parts = [_part(db, actor, now, resources, process, file) for process, file in _processes(resources)]
        if not parts:
            raise Invalid(N_("Tidak ada proses yang dapat dijalankan (isExecutable) di dalam file."))
        title = name.strip() or parts[0].process.key
        return run_unique(pe, lambda db: _write(db, actor, now, title, resources, source, changed_only, parts, based_on,
                                                failing, how))

    return attempt(pe, command)


def _thought_through(pe: ProcessEngine, actor: Actor, now: dt.datetime, resources: dict[str, bytes]) -> list[scenarios.Result]:
    """Refuse what would get stuck, and return the scenarios that fail. What cannot be run at all, compiling says."""
    found = lint(resources)
    sound = not any(f.severity == "error" for f in check.check(resources))
    problems = [Invalid(f.message, file=f.file, line=f.line, element=f.element, **f.params) for f in found if f.severity == "error"]
    if problems and sound:
        raise Invalid(N_("Diagram tidak dapat dijalankan: %(count)d masalah"), problems=problems, count=len(problems))
    return scenarios.failing(pe, actor, now, resources) if sound else []


def _check_names(resources: dict[str, bytes]) -> None:
    for name, content in resources.items():
        if not name or len(name) > 255 or not name.isprintable() or "/" in name or "\\" in name:
            raise Invalid(N_("Nama file %(name)s tidak sah."), file=name[:80], name=name[:80])
        if not isinstance(content, bytes):
            raise TypeError("a resource is bytes")


def _processes(resources: dict[str, bytes]) -> list[tuple[model.Process, str]]:
    files = [name for name in sorted(resources) if name.endswith((".bpmn", ".bpmn20.xml"))]
    found = [(process, name) for name in files for process in model.read(resources[name], name) if process.executable]
    for process, name in found:
        if not process.key or len(process.key) > MAX_KEY or ":" in process.key:
            raise Invalid(N_("Id proses tidak sah."), file=name, line=process.line, element=process.key[:80])
    return found


def _part(db: sa.Connection, actor: Actor, now: dt.datetime, resources: dict[str, bytes], process: model.Process, file: str) -> _Part:
    calls: dict[str, Definition] = {}
    own = spec.processes(resources)
    for key in sorted({key for one in own.values() for key in _called(one)} - own.keys()):
        _bind(db, actor, now, key, calls)
    called = {key: load.resources(db, definition.deployment_id) for key, definition in calls.items()}
    compiled = spec.compile(resources, called, process.key)
    parts = [f"{name}\0{hashlib.sha256(content).hexdigest()}" for name, content in sorted(resources.items())]
    parts += [f"{key}\0{definition.id}" for key, definition in sorted(calls.items())]
    return _Part(process, file, compiled, calls, hashlib.sha256("\0\0".join([process.key, *parts]).encode()).hexdigest())


def _called(process: model.Process) -> set[str]:
    return {element.attributes.get("calledElement", "") for element in process.elements.values() if element.type == "callActivity"} - {""}


def _bind(db: sa.Connection, actor: Actor, now: dt.datetime, key: str, calls: dict[str, Definition]) -> None:
    """Note the version of a called process that is in force, and what that was bound to in its turn. What is not there, the
    check reports; what is revoked is Invalid."""
    if key in calls:
        return
    try:
        found = version_life.current_id(db, actor.tenant, key, now)
    except NotFound:
        return
    if not db.scalar(sa.select(sa.true()).where(process_definition.c.id == found, version_life.may_run(now))):
        raise Invalid(N_("Prosedur “%(key)s” yang dipanggil sudah dicabut, atau belum berlaku."), key=key)
    calls[key] = load.definition(db, found)
    for inner, definition_id in calls[key].calls.items():
        calls.setdefault(inner, load.definition(db, definition_id))


def _write(db: sa.Connection, actor: Actor, now: dt.datetime, name: str, resources: dict[str, bytes], source: str | None,
           changed_only: bool, parts: list[_Part], based_on: str | None, failing: list[scenarios.Result],
           how: PutInForce) -> Deployment:
    newest = {part.process.key: _newest(db, actor, part.process.key) for part in parts}
    if based_on is not None and based_on not in {f"{key}:{row.version}:{row.deployment_id}" for key, row in newest.items() if row}:
        raise Conflict(N_("Sementara itu versi %(version)d telah diberlakukan. Unduh diagram Anda, lalu buka versi terbaru."),
                       version=max((row.version for row in newest.values() if row), default=0))
    same = [row for part in parts if (row := newest[part.process.key]) and row.content_hash == part.digest
            and row.revoked_at is None and (row.in_force_from is None or row.in_force_from <= (how.from_ or now))]
    if changed_only and len(same) == len(parts):
        in_force = db.execute(sa.select(deployment.c.id, deployment.c.name).where(deployment.c.id == same[0].deployment_id)).one()
        return Deployment(in_force.id, in_force.name, [])
    changes = {part.process.key: _essentials(db, part, resources, row) for part in parts if (row := newest[part.process.key])}
    if how.essential is None and any(changes.values()):
        raise ScopeChanged([each for found in changes.values() for each in found])
    new_id = ids.source(now)
    deployment_id = new_id()
    db.execute(sa.insert(deployment), {"id": deployment_id, "tenant_id": actor.tenant, "name": name, "source": source, "deployed_at": now,
                                       "deployed_by": actor.id or None})
    db.execute(sa.insert(resource), [
        {"id": new_id(), "deployment_id": deployment_id, "name": file, "sha256": hashlib.sha256(content).hexdigest(), "content": content}
        for file, content in sorted(resources.items())])
    made = []
    for part in parts:
        row = newest[part.process.key]
        definition = _definition(actor, part, deployment_id, row.version + 1 if row else 1)
        _insert_definition(db, now, definition, how, resources[part.file])
        if how.essential == REVOKE and changes.get(definition.key):
            _void(db, actor, definition, how.from_ or now, changes[definition.key])
        if how.from_:
            starts.wait(db, now, definition, part.spec, how.from_)
        else:
            starts.renew(db, now, definition, part.spec)
        made.append({"id": definition.id, "key": definition.key, "version": definition.version, "name": definition.name})
    told: dict[str, Any] = {"failing_scenarios": [each.name for each in failing]} if failing else {}
    if how.from_:
        told["in_force_from"] = how.from_.isoformat()
    if any(changes.values()):
        told |= {"essential": how.essential or KEEP,
                 "essential_changes": {key: version_life.written(each) for key, each in changes.items() if each}}
    record(db, actor, now, "deployment.created", data={"deployment": deployment_id, "name": name, "definitions": [d["id"] for d in made],
                                                       **told})
    return Deployment(deployment_id, name, made, tuple(each.name for each in failing))


def _newest(db: sa.Connection, actor: Actor, key: str) -> sa.Row | None:
    d = process_definition.c
    return db.execute(sa.select(d.version, d.content_hash, d.deployment_id, d.resource_name, d.in_force_from, d.revoked_at).where(
        d.tenant_id == actor.tenant, d.key == key).order_by(d.version.desc()).limit(1)).first()


def _essentials(db: sa.Connection, part: _Part, resources: dict[str, bytes], before: sa.Row) -> list[version_life.Change]:
    """In what of scope and person in charge a process differs from its newest version; nothing where that is revoked anyway."""
    if before.revoked_at is not None:
        return []
    was = load.resources(db, before.deployment_id)[before.resource_name]
    return version_life.essentials(was, resources[part.file], part.process.key)


def _void(db: sa.Connection, actor: Actor, new: Definition, at: dt.datetime, changes: list[version_life.Change]) -> None:
    """Revoke all versions before a new one from the moment on that it is in force; what runs is finished, until somebody says otherwise."""
    d = process_definition.c
    reason = "Pengesahan, 4: " + "; ".join(f"{c.what}: {c.before or '–'} → {c.after or '–'}" for c in changes)
    db.execute(sa.update(process_definition).where(
        d.tenant_id == new.tenant, d.key == new.key, d.version < new.version, d.revoked_at.is_(None)).values(
        revoked_at=at, revoked_by=actor.id or None, revoke_reason=reason[:2000], revoke_running="finish"))


def _definition(actor: Actor, part: _Part, deployment_id: str, version: int) -> Definition:
    process = part.process
    groups = frozenset(process.groups).union(*(definition.lanes for definition in part.calls.values()))
    return Definition(f"{process.key}:{version}:{deployment_id}", actor.tenant, process.key, version, process.name or process.key,
                      deployment_id, part.file, part.digest, {key: definition.id for key, definition in part.calls.items()}, groups,
                      frozenset(process.starter_groups), groups)


def _insert_definition(db: sa.Connection, now: dt.datetime, definition: Definition, how: PutInForce, diagram: bytes) -> None:
    db.execute(sa.insert(process_definition), {
        "id": definition.id, "tenant_id": definition.tenant, "key": definition.key, "version": definition.version, "name": definition.name,
        "deployment_id": definition.deployment_id, "resource_name": definition.resource_name, "content_hash": definition.content_hash,
        "calls": definition.calls, "groups": sorted(definition.groups), "starter_groups": sorted(definition.starter_groups),
        "deployed_at": now, "in_force_from": how.from_,
        "approved_as": how.approved_as or version_life.approver(diagram, definition.key) or None})
    changed = settings.of(db, definition.tenant)["access"]["procedures"].get(definition.key)
    rows = load.group_rows(definition.id, *load.reached(changed, definition.groups, definition.starter_groups))
    if rows:
        db.execute(sa.insert(definition_group), rows)


# Deleting -------------------------------------------------------------------------------------------------------------

def delete_deployment(pe: ProcessEngine, actor: Actor, now: dt.datetime, deployment_id: str) -> None:
    """Take a deployment away that nothing rests on: no case, running or ended, and no other definition that calls it.

    Conflict otherwise (history is kept for ever, and so is what it ran on), and for the one in force of several versions:
    what is in force is replaced by a deployment or suspended, never silently by an older version.
    """
    access.require(access.may_deploy(actor))
    d = process_definition.c

    def write(db: sa.Connection) -> None:
        kept = db.execute(sa.select(deployment.c.name).where(
            deployment.c.id == deployment_id, deployment.c.tenant_id == actor.tenant).with_for_update()).first()
        if kept is None:
            raise NotFound(N_("Pemberlakuan tidak ditemukan."))
        own = {row.id: row for row in db.execute(sa.select(d.id, d.key, version_life.may_run(now).label("runs")).where(
            d.deployment_id == deployment_id))}
        others = db.execute(sa.select(d.key, d.calls, d.revoked_at).where(
            d.tenant_id == actor.tenant, d.deployment_id != deployment_id)).all()
        if db.execute(sa.select(process_instance.c.id).where(process_instance.c.definition_id.in_(own)).limit(1)).first() or any(
                called in own for other in others for called in other.calls.values()):
            raise Conflict(N_("Versi ini sudah dipakai, dan tetap disimpan."))
        remaining = {other.key for other in others if other.revoked_at is None}
        if any(row.runs and row.key in remaining and version_life.current_id(db, actor.tenant, row.key, now) == row.id
               for row in own.values()):
            raise Conflict(N_("Versi ini sedang berlaku. Berlakukan versi lain dahulu, atau tangguhkan."))
        _delete(db, now, deployment_id, list(own))
        record(db, actor, now, "deployment.deleted", data={"deployment": deployment_id, "name": kept.name, "definitions": sorted(own)})

    try:
        run(pe, write)
    except sa.exc.IntegrityError:  # a case was started meanwhile, or something else holds on to it
        raise Conflict(N_("Versi ini sudah dipakai, dan tetap disimpan.")) from None


def _delete(db: sa.Connection, now: dt.datetime, deployment_id: str, definition_ids: list[str]) -> None:
    db.execute(sa.update(job).where(job.c.definition_id.in_(definition_ids), job.c.state.in_(("open", "failed"))).values(
        state="cancelled", ended_at=now))
    db.execute(sa.delete(subscription).where(subscription.c.definition_id.in_(definition_ids)))
    db.execute(sa.delete(definition_group).where(definition_group.c.definition_id.in_(definition_ids)))
    db.execute(sa.delete(process_definition).where(process_definition.c.id.in_(definition_ids)))
    db.execute(sa.delete(resource).where(resource.c.deployment_id == deployment_id))
    db.execute(sa.delete(deployment).where(deployment.c.id == deployment_id))


# Suspending -----------------------------------------------------------------------------------------------------------

def suspend_definition(pe: ProcessEngine, actor: Actor, now: dt.datetime, definition_id: str, why: str, *,
                       include_instances: bool = False) -> None:
    """Let nobody start cases of it until it is activated; with `include_instances`, let nothing happen in its running ones. By an admin."""
    _set_suspended(pe, actor, now, definition_id, True, include_instances, why)


def activate_definition(pe: ProcessEngine, actor: Actor, now: dt.datetime, definition_id: str, why: str, *,
                        include_instances: bool = False) -> None:
    """Undo `suspend_definition`."""
    _set_suspended(pe, actor, now, definition_id, False, include_instances, why)


def _set_suspended(pe: ProcessEngine, actor: Actor, now: dt.datetime, definition_id: str, suspended: bool, include_instances: bool,
                   why: str) -> None:
    def write(db: sa.Connection) -> None:
        definition = find_definition(db, actor, definition_id=definition_id)
        access.require(access.may_administer(actor))
        said = reason(why)
        db.execute(sa.update(process_definition).where(process_definition.c.id == definition.id).values(suspended=suspended))
        if include_instances:  # raising each version, so that a command under way sees it
            i = process_instance.c
            db.execute(sa.update(process_instance).where(i.definition_id == definition.id, i.ended_at.is_(None)).values(
                suspended=suspended, version=i.version + 1))
        record(db, actor, now, "definition.suspended" if suspended else "definition.activated",
               data={"definition": definition.id, "include_instances": include_instances, "reason": said})

    run(pe, write)
