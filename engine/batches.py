"""Batches, as rows: one thing that is done to many cases, whose exact list is frozen before it begins.

The worker takes the items one by one (`engine.commands.batches`), each in a transaction of its own that marks it, too: what
stops a batch leaves items that are wholly done and items whose turn has not come, and no item is done twice.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from bpmn.errors import TerbitError
from engine import ids
from engine.process_engine import Actor
from engine.tables import activity, batch, batch_item, incident, process_instance

MOST = 50_000  # items of a batch
MIGRATION = "instance-migration"
UNDER_WAY = ("running", "suspended")
CONTAINERS = ("subProcess", "transaction", "adHocSubProcess", "multiInstanceBody")  # a token in one stands on something inside it

Row = Mapping[Any, Any]
_i, _item = process_instance.c, batch_item.c
_incidents, _steps = incident.alias("i_of"), activity.alias("a_of")  # of their own, since a list may be made of those tables itself


class Later(Exception):
    """The item's turn comes again: somebody is at its case at this moment."""


class Ended(Exception):
    """The item's case ended before its turn came, and nothing is to be done."""


def insert(db: sa.Connection, actor: Actor, now: dt.datetime, type: str, data: Mapping[str, Any], **columns: Any) -> str:
    """Write a batch without its items; return its id."""
    batch_id = ids.new_id(now)
    db.execute(sa.insert(batch), {"id": batch_id, "tenant_id": actor.tenant, "type": type, "data": dict(data), "total": 0,
                                  "created_at": now, "created_by": actor.id or None, **columns})
    return batch_id


def problem_of(error: TerbitError) -> dict[str, Any]:
    """Return a refusal as JSON: {message, params, element}."""
    return {"message": error.message, "params": {name: str(value) for name, value in error.params.items()},
            "element": error.where.get("element", "")}


# Which cases ----------------------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Choice:
    """Which cases of an office: those that `ids` names, and where it is None all that match the rest."""

    ids: tuple[str, ...] | None = None
    state: str = ""  # 'running', 'ended'
    search: str = ""  # in title, business key and letter number
    definition_key: str = ""
    with_incident: bool = False
    definition_id: str = ""  # where `standing` is looked for: on this version, in this way (`control.KINDS`), at this activity
    standing: str = ""
    activity_id: str = ""
    failed_in: str = ""  # those that failed in this batch

    def where(self, now: dt.datetime | None = None) -> list[sa.ColumnElement[bool]]:
        """Return conditions on `process_instance`, the tenant not among them. What is overdue needs the time."""
        if self.ids is not None:
            return [_i.id.in_(self.ids)]
        if "\0" in f"{self.search}{self.definition_key}{self.activity_id}":
            return [sa.false()]  # nothing holds it, and not every database takes the question
        found: list[sa.ColumnElement[bool]] = []
        if self.failed_in:
            found.append(_i.id.in_(sa.select(_item.instance_id).where(_item.batch_id == self.failed_in, _item.state == "failed")))
        if self.state:
            found.append(_i.ended_at.is_(None) if self.state == "running" else _i.ended_at.is_not(None))
        if self.definition_key:
            found.append(_i.definition_key == self.definition_key)
        if self.with_incident:
            found.append(has_incident())
        if self.search:
            found.append(sa.or_(*(column.icontains(self.search, autoescape=True) for column in (_i.title, _i.business_key, _i.search))))
        if self.definition_id:
            found.append(_i.id.in_(self._standing(now)))
        return found

    def _standing(self, now: dt.datetime | None) -> sa.Select:
        of = (_incidents if self.standing == "incidents" else _steps).c
        query = sa.select(of.instance_id).where(of.definition_id == self.definition_id)
        if self.activity_id:
            query = query.where(of.activity_id == self.activity_id)
        if self.standing == "incidents":
            return query.where(of.resolved_at.is_(None))
        query = query.where(of.ended_at.is_(None), of.type.not_in(CONTAINERS))
        return query.where(of.due_order < now) if self.standing == "overdue" else query


def has_incident() -> sa.ColumnElement[bool]:
    return sa.exists().where(_incidents.c.instance_id == _i.id, _incidents.c.resolved_at.is_(None))
