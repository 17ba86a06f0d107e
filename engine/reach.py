"""Who may see and start which procedure, beyond what its diagram says: an admin may let more groups see its cases, and say
which groups start them.

Kept by key in the office's settings (section `access`), so it holds for every version; the rows of `definition_group`,
by which lists are asked for, are written anew with it. Whoever's lane has a step always sees the case.
"""

import datetime as dt
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from bpmn.errors import N_, Invalid, NotFound
from engine import load, settings, version_life
from engine.access import OVERSEERS, may_administer, require
from engine.process_engine import Actor, ProcessEngine
from engine.store import read, record, run
from engine.tables import definition_group, group, process_definition, tenant

_d = process_definition.c
MOST = 500  # procedures of an office


def overview(pe: ProcessEngine, actor: Actor, now: dt.datetime) -> list[dict[str, Any]]:
    """Each procedure, by its current version: key, name, version, `lanes` (who has a step), `sees` (who else sees it), `named` and
    `starts` (who starts it by the diagram, and by what an admin said; None: nothing); two statements."""
    require(may_administer(actor))
    query = sa.select(_d.id, _d.key, _d.name, _d.version, _d.groups, _d.starter_groups).where(
        _d.tenant_id == actor.tenant, version_life.is_current(now)).order_by(_d.key).limit(MOST)
    with read(pe) as db:
        rows = db.execute(query).mappings().all()
        changed = settings.of(db, actor.tenant)["access"]["procedures"]
    return [_shown(row, changed.get(row["key"])) for row in rows]


def _shown(row: sa.RowMapping, changed: dict[str, Any] | None) -> dict[str, Any]:
    changed = changed or {}
    return {"key": row["key"], "name": row["name"], "version": row["version"], "lanes": sorted(row["groups"]),
            "sees": changed.get("sees", []), "named": sorted(row["starter_groups"] or row["groups"]), "starts": changed.get("starts")}


def change(pe: ProcessEngine, actor: Actor, now: dt.datetime, key: str, *, sees: Iterable[str], starts: Iterable[str] | None) -> None:
    """Let these groups see a procedure's cases beside its lanes, and these start them (None: as the diagram says).

    It holds for all versions, also those to come; at once in lists, within seconds in every process.
    """
    require(may_administer(actor))
    sees, starts = sorted(set(sees)), None if starts is None else sorted(set(starts))
    if starts == []:
        raise Invalid(N_("Pilih paling sedikit satu grup yang boleh memulai."), field="starts")

    def write(db: sa.Connection) -> None:
        kept = db.execute(sa.select(tenant.c.settings).where(tenant.c.id == actor.tenant).with_for_update()).scalar_one()
        versions = db.execute(sa.select(_d.id, _d.groups, _d.starter_groups).where(_d.tenant_id == actor.tenant, _d.key == key)).all()
        if not versions:
            raise NotFound(N_("Definisi proses tidak ditemukan."))
        known = set(db.scalars(sa.select(group.c.id).where(group.c.tenant_id == actor.tenant)))
        for unknown in sorted({*sees, *(starts or ())} - known):
            raise Invalid(N_("Grup %(group)s tidak ada."), field="sees", group=unknown[:80])
        lanes = frozenset().union(*(row.groups for row in versions))
        after = {"sees": [each for each in sees if each not in OVERSEERS | lanes], "starts": starts}
        procedures = dict((kept.get("access") or {}).get("procedures") or {})
        before = procedures.pop(key, None)
        if after["sees"] or starts is not None:
            procedures[key] = after
        db.execute(sa.update(tenant).where(tenant.c.id == actor.tenant).values(settings={**kept, "access": {"procedures": procedures}}))
        db.execute(sa.delete(definition_group).where(definition_group.c.definition_id.in_([row.id for row in versions])))
        rows = [line for row in versions for line in load.group_rows(
            row.id, *load.reached(procedures.get(key), frozenset(row.groups), frozenset(row.starter_groups)))]
        if rows:
            db.execute(sa.insert(definition_group), rows)
        record(db, actor, now, "process.access_changed", data={"key": key, "from": before, "to": procedures.get(key)})

    run(pe, write)
    settings.forget(pe, actor.tenant)
