"""Where a piece of information stands: over the case that published it first, and all that corrected or withdrew it since.

Such a later case names the first by `process_instance.about_id`; its publications have higher revisions.
"""

import datetime as dt
from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa

from bpmn.errors import N_
from connectors import Connector, Correction, NotByMachine, Request, Result, abilities
from engine.handlers import Job
from engine.tables import channel, process_instance, publication

STANDS = ("published", "scheduled")
SETTLED = (*STANDS, "withdrawn")
_p, _i = publication.c, process_instance.c


def about(db: sa.Connection, instance_id: str) -> str | None:
    """The id of the case that this one is about."""
    return db.scalar(sa.select(_i.about_id).where(_i.id == instance_id))


def last(db: sa.Connection, first_ids: Collection[str]) -> dict[str, dict[str, sa.RowMapping]]:
    """{case: {channel: its last settled publication}}, channels in their order: one statement.

    Rows: the table's columns, `first_id`, `channel` (its name) and `position`.
    """
    first_id = sa.func.coalesce(_i.about_id, _i.id).label("first_id")
    its_channel = sa.and_(channel.c.tenant_id == _p.tenant_id, channel.c.id == _p.channel_id)
    rows = db.execute(
        sa.select(publication, first_id, channel.c.name.label("channel"), channel.c.position)
        .join(process_instance, _i.id == _p.instance_id).outerjoin(channel, its_channel)
        .where(_p.instance_id.in_(_families(first_ids)), _p.state.in_(SETTLED))
        .order_by(channel.c.position, _p.channel_id, _p.revision)).mappings()
    found: dict[str, dict[str, sa.RowMapping]] = {id: {} for id in first_ids}
    for row in rows:
        if row["first_id"] in found:
            found[row["first_id"]][row["channel_id"]] = row
    return found


def standing(db: sa.Connection, first_id: str) -> dict[str, sa.RowMapping]:
    """{channel: its last publication} of the channels on which the information stands, in the channels' order."""
    return {id: row for id, row in last(db, [first_id])[first_id].items() if row["state"] in STANDS}


def following(db: sa.Connection, first_id: str) -> int:
    """The number that the next revision of the information has."""
    return 1 + (db.scalar(sa.select(sa.func.max(_p.revision)).where(_p.instance_id.in_(_families([first_id])))) or 1)


def _families(first_ids: Collection[str]) -> sa.CompoundSelect:
    """The ids of these cases and of those that are about them; two parts rather than OR: each is read from its own index."""
    return sa.union_all(sa.select(_i.id).where(_i.id.in_(first_ids)), sa.select(_i.id).where(_i.about_id.in_(first_ids)))


def earlier(db: sa.Connection, job: Job) -> sa.RowMapping | None:
    """What stands on the job's channel and is to be changed; None where the case is about no other, or nothing stands there."""
    first_id = about(db, job.instance_id)
    found = standing(db, first_id).get(job.payload["kanal"]) if first_id else None
    return found if found and found["instance_id"] != job.instance_id else None


def update(connector: Connector, before: sa.RowMapping, request: Request) -> Result:
    """Let the connector change what stands; Failure as it does, NotByMachine where no machine can."""
    method, platform_id = _method(connector, before, "edit", "update")
    return method(request, platform_id, before["url"] or "")


def withdraw(connector: Connector, before: sa.RowMapping, key: str) -> None:
    """Let the connector take away what stands; Failure as it does, NotByMachine where no machine can."""
    method, platform_id = _method(connector, before, "delete", "withdraw")
    method(platform_id, before["url"] or "", key)


def reschedule(connector: Connector, before: Mapping[Any, Any], request: Request, at: dt.datetime) -> Result | None:
    """Let the connector have its platform show at another time what that keeps; Failure as it does, NotByMachine where no machine can."""
    method, platform_id = _method(connector, before, "reschedule", "reschedule")
    return method(request, platform_id, at)


def can_reschedule(connector: Connector, before: Mapping[Any, Any]) -> bool:
    """Whether `reschedule` would ask the platform at all."""
    return "reschedule" in abilities(connector) and before["connector"] == connector.name and bool(before["platform_id"])


def _method(connector: Connector, before: Mapping[Any, Any], ability: str, name: str) -> tuple[Any, str]:
    if ability not in abilities(connector):
        raise NotByMachine(N_("Kanal ini tidak dapat diubah oleh mesin."))
    if before["connector"] != connector.name or not before["platform_id"]:
        raise NotByMachine(N_("Tulisan ini tidak diterbitkan oleh mesin, atau dahulu lewat konektor lain."))
    return getattr(connector, name), before["platform_id"]


def corrections(payload: Mapping[str, Any], zone: dt.tzinfo, now: dt.datetime) -> tuple[Correction, ...]:
    """The public notes that a payload brings: of the revisions before (`ralat_sebelumnya`), and its own (`catatan_ralat`)."""
    said = [*(payload.get("ralat_sebelumnya") or []), {"pada": payload.get("diralat_pada"), "catatan": payload.get("catatan_ralat")}]
    return tuple(Correction((dt.datetime.fromisoformat(each["pada"]) if each.get("pada") else now).astimezone(zone), each["catatan"])
                 for each in said if each.get("catatan"))
