"""Deployments, process definitions and what is in them."""

import datetime as dt
import json
from typing import Any

import sqlalchemy as sa

from bpmn.errors import N_, NotFound
from engine import access, load, version_life
from engine.commands.instances import find_definition
from engine.process_engine import Actor, ProcessEngine
from engine.queries.paging import Page, fetch
from engine.store import read
from engine.tables import definition_group, process_definition, resource
from engine.tables import deployment as deployment_table

_d, _g = process_definition.c, definition_group.c
_COLUMNS = (_d.id, _d.key, _d.version, _d.name, _d.deployment_id, _d.resource_name, _d.groups, _d.starter_groups, _d.suspended,
            _d.deployed_at)


def definitions(pe: ProcessEngine, actor: Actor, *, key: str | None = None, at: dt.datetime | None = None,
                startable: bool = False, after: str | None = None, limit: int = 50) -> Page:
    """Process definitions that the actor may see or start, by key, oldest version first. `at`: of each key only the version at that
    moment (in force; where none is, the newest). `startable`: those that they may start, with `at` at that moment.

    Rows: id, key, version, name, deployment_id, resource_name, groups, starter_groups, suspended, deployed_at. One statement.
    """
    query = sa.select(*_COLUMNS).where(_d.tenant_id == actor.tenant)
    if key is not None:
        query = query.where(_d.key == key)
    if at:
        query = query.where(version_life.is_current(at))
    mine = sa.select(_g.definition_id).where(_g.group_id.in_(sorted(actor.groups)))
    if startable:
        query = query.where(~_d.suspended, version_life.may_run(at) if at else _d.revoked_at.is_(None))
        if not access.may_administer(actor):
            query = query.where(_d.id.in_(mine.where(_g.starts)))
    elif not access.sees_every_case(actor):
        query = query.where(_d.id.in_(mine))
    with read(pe) as db:
        return fetch(db, query, (_d.key, _d.version), after=after, limit=limit)


def definition(pe: ProcessEngine, actor: Actor, id_or_key: str, at: dt.datetime | None = None) -> dict[str, Any]:
    """One process definition; by its key, the version at a moment, or the newest. The columns of `definitions`, and `may_start`."""
    with read(pe) as db:
        found = _find(db, actor, id_or_key, at)
        row = db.execute(sa.select(*_COLUMNS).where(_d.id == found.id)).mappings().one()
    return {**row, "may_start": not row["suspended"] and access.may_start(actor, found.groups, found.starter_groups)}


def definition_xml(pe: ProcessEngine, actor: Actor, id_or_key: str, at: dt.datetime | None = None) -> bytes:
    """Its diagram; of a key as `definition` has it."""
    with read(pe) as db:
        found = _find(db, actor, id_or_key, at)
        return load.resources(db, found.deployment_id)[found.resource_name]


def definition_resource(pe: ProcessEngine, actor: Actor, definition_id: str, name: str) -> bytes:
    """A resource of its deployment."""
    with read(pe) as db:
        content = load.resources(db, _find(db, actor, definition_id).deployment_id).get(name)
    if content is None:
        raise NotFound(N_("File %(name)s tidak ditemukan."), name=name)
    return content


def start_form(pe: ProcessEngine, actor: Actor, definition_id: str) -> bytes | None:
    """The form of its plain start event; None where it has none."""
    with read(pe) as db:
        found = _find(db, actor, definition_id)
        starts = [element for element in load.process(db, found).inside(found.key) if element.type == "startEvent" and not element.triggers]
        return find_form(load.resources(db, found.deployment_id), starts[0].form_key if starts else None)


def find_form(resources: dict[str, bytes], form_key: str | None) -> bytes | None:
    """Return the form that a key names among a deployment's resources: by file name, or by the form's own id (camunda:formRef)."""
    if not form_key:
        return None
    name = form_key.rpartition(":")[2]  # 'camunda-forms:deployment:tugaskan.form'
    for candidate in (name, name + ".form"):
        if candidate in resources:
            return resources[candidate]
    return next((content for file, content in sorted(resources.items()) if file.endswith(".form") and _form_id(content) == name), None)


def _form_id(content: bytes) -> str | None:
    try:
        form = json.loads(content)
    except ValueError:
        return None
    return form.get("id") if isinstance(form, dict) else None


def _find(db: sa.Connection, actor: Actor, id_or_key: str, at: dt.datetime | None = None) -> load.Definition:
    return find_definition(db, actor, at, **{"definition_id" if ":" in id_or_key else "key": id_or_key})


# Deployments ----------------------------------------------------------------------------------------------------------

_dep = deployment_table.c


def deployments(pe: ProcessEngine, actor: Actor, *, name: str | None = None, after: str | None = None, limit: int = 50) -> Page:
    """Deployments, newest first, for who oversees. Rows: id, name, source, deployed_at, deployed_by."""
    access.require(access.may_see_reports(actor))
    query = sa.select(_dep.id, _dep.name, _dep.source, _dep.deployed_at, _dep.deployed_by).where(_dep.tenant_id == actor.tenant)
    if name is not None:
        query = query.where(_dep.name == name)
    with read(pe) as db:
        return fetch(db, query, (_dep.id,), after=after, limit=limit, descending=True)


def deployment(pe: ProcessEngine, actor: Actor, deployment_id: str) -> dict[str, Any]:
    """One deployment: the columns of `deployments`."""
    access.require(access.may_see_reports(actor))
    query = sa.select(_dep.id, _dep.name, _dep.source, _dep.deployed_at, _dep.deployed_by)
    with read(pe) as db:
        row = db.execute(query.where(_dep.id == deployment_id, _dep.tenant_id == actor.tenant)).mappings().first()
    if row is None:
        raise NotFound(N_("Penempatan tidak ditemukan."))
    return dict(row)


def deployment_resources(pe: ProcessEngine, actor: Actor, deployment_id: str) -> list[dict[str, Any]]:
    """Its resources: dicts of id, name, sha256. Their content is `definition_resource`'s."""
    deployment(pe, actor, deployment_id)
    query = sa.select(resource.c.id, resource.c.name, resource.c.sha256).where(resource.c.deployment_id == deployment_id)
    with read(pe) as db:
        return [dict(row) for row in db.execute(query.order_by(resource.c.name)).mappings()]
