"""Lists for those who look after the whole: procedures with how much runs on them, the versions of one of them."""

import datetime as dt
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from bpmn.errors import N_, NotFound
from engine import access, version_life
from engine.process_engine import Actor, ProcessEngine
from engine.queries.paging import Page, fetch
from engine.store import read
from engine.tables import deployment, incident, process_definition, process_instance, user

MOST_COUNTED = 1_000  # cases of one version, for a list of them
d, i = process_definition.c, process_instance.c


def catalogue(pe: ProcessEngine, actor: Actor, now: dt.datetime, *, search: str = "", after: str | None = None, limit: int = 50) -> Page:
    """The version of every process definition key (in force; where none is, the newest), by key; one statement.

    Rows: id, key, version, name, suspended, deployed_at, deployed_by, in_force_from, revoked_at, running (cases on any version),
    stuck (open incidents).
    """
    access.require(access.may_deploy(actor))
    any_version = process_definition.alias()  # by definition_id there is an index
    running = sa.select(sa.func.count()).select_from(process_instance).join(any_version, any_version.c.id == i.definition_id).where(
        any_version.c.tenant_id == actor.tenant, any_version.c.key == d.key, i.ended_at.is_(None))
    stuck = sa.select(sa.func.count()).select_from(incident).join(any_version, any_version.c.id == incident.c.definition_id).where(
        incident.c.tenant_id == actor.tenant, incident.c.resolved_at.is_(None), any_version.c.key == d.key)
    query = sa.select(
        d.id, d.key, d.version, d.name, d.suspended, d.deployed_at, d.in_force_from, d.revoked_at, deployment.c.deployed_by,
        running.correlate(process_definition).scalar_subquery().label("running"),
        stuck.correlate(process_definition).scalar_subquery().label("stuck"),
    ).join(deployment, deployment.c.id == d.deployment_id).where(d.tenant_id == actor.tenant, version_life.is_current(now))
    if search:
        query = query.where(sa.or_(d.key.icontains(search, autoescape=True), d.name.icontains(search, autoescape=True)))
    with read(pe) as db:
        return fetch(db, query, (d.key,), after=after, limit=limit)


def versions(pe: ProcessEngine, actor: Actor, key: str, *, after: str | None = None, limit: int = 20) -> Page:
    """The versions of a process definition, newest first; one statement. NotFound where there is none at all.

    Rows: id, version, name, deployed_at, deployed_by, person (the name of who put it in force), note (the deployment's
    name), source, suspended, running and total (cases; no more than MOST_COUNTED + 1 are counted).
    """
    access.require(access.may_deploy(actor))
    of = sa.select(sa.func.count()).where(i.definition_id == d.id).correlate(process_definition)
    counted = sa.select(sa.literal(1)).select_from(process_instance).where(i.definition_id == d.id).correlate(process_definition).order_by(
        i.ended_at).limit(MOST_COUNTED + 1).subquery()  # in an index's order
    query = sa.select(
        d.id, d.version, d.name, d.deployed_at, d.suspended, deployment.c.deployed_by, user.c.name.label("person"),
        deployment.c.name.label("note"), deployment.c.source, of.where(i.ended_at.is_(None)).scalar_subquery().label("running"),
        sa.select(sa.func.count()).select_from(counted).scalar_subquery().label("total"),
    ).join(deployment, deployment.c.id == d.deployment_id).outerjoin(user, user.c.id == deployment.c.deployed_by).where(
        d.tenant_id == actor.tenant, d.key == key)
    with read(pe) as db:
        found = fetch(db, query, (d.version,), after=after, limit=limit, descending=True)
    if not found.rows and not after:
        raise NotFound(N_("Prosedur %(key)s tidak ditemukan."), key=key)
    return found


def lives(pe: ProcessEngine, actor: Actor, now: dt.datetime, key: str) -> list[dict[str, Any]]:
    """The lives of a procedure's versions, newest first (500 at most): the fields of `version_life.Life`, deployed_at, approved_as,
    note, running (what becomes of a revoked one's cases), person and revoker (names). One statement."""
    access.require(access.may_deploy(actor))
    revoker = user.alias()
    query = sa.select(process_definition, deployment.c.name.label("note"), deployment.c.source, user.c.name.label("person"),
                      revoker.c.name.label("revoker")).join(deployment, deployment.c.id == d.deployment_id).outerjoin(
        user, user.c.id == deployment.c.deployed_by).outerjoin(revoker, revoker.c.id == d.revoked_by).where(
        d.tenant_id == actor.tenant, d.key == key)
    with read(pe) as db:
        rows = db.execute(query.order_by(d.version.desc()).limit(500)).mappings().all()
    of = {row["id"]: row for row in rows}
    return [{**asdict(life), "running": of[life.id]["revoke_running"], **{
        name: of[life.id][name] for name in ("deployed_at", "approved_as", "note", "source", "person", "revoker", "suspended")}}
        for life in version_life.lives(rows, now)]
