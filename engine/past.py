"""A case as it was at any moment, from its history: its variables, what stood open, and how each variable came to its value.

Events hold what each step changed, so that the past is what comes of them up to a moment. For who may see variables.
"""

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from bpmn.errors import N_, NotFound
from engine import access
from engine.process_engine import Actor, ProcessEngine
from engine.queries.sight import instance_definition
from engine.store import read
from engine.tables import activity, event

MOST = 20_000  # events looked at: the newest
_e, _a = event.c, activity.c


@dataclass(frozen=True)
class Change:
    """One variable set (or `deleted`) in a scope ('': the case) by an event."""

    name: str
    scope: str
    value: Any
    deleted: bool
    event: dict[str, Any]  # id, type, at, actor, activity_instance_id, reason


@dataclass
class Past:
    """What was at a moment. `variables`: by scope, '' the case's own; `open`: rows of activities that had begun and not ended."""

    at: dt.datetime
    variables: dict[str, dict[str, Any]] = field(default_factory=dict)
    open: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class History:
    """All of it: `changes` and `events` oldest first, `activities` as the table has them."""

    changes: list[Change]
    events: list[dict[str, Any]]
    activities: list[dict[str, Any]]

    @property
    def moments(self) -> list[dt.datetime]:
        """The moments at which something happened, oldest first."""
        return sorted({each["at"] for each in self.events})

    def at(self, moment: dt.datetime) -> Past:
        """Return the case as it was once all of a moment had happened; NotFound before it began."""
        if not self.events or moment < self.events[0]["at"]:
            raise NotFound(N_("Berkas ini belum ada pada saat itu."))
        past = Past(moment, {"": {}})
        past.open = [a for a in self.activities if a["started_at"] <= moment and (a["ended_at"] is None or a["ended_at"] > moment)]
        for change in self.changes:
            if change.event["at"] <= moment:
                scope = past.variables.setdefault(change.scope, {})
                if change.deleted:
                    scope.pop(change.name, None)
                else:
                    scope[change.name] = change.value
        there = {a["id"] for a in past.open} | {""}
        past.variables = {scope: values for scope, values in past.variables.items() if scope in there}
        return past

    def of(self, name: str, scope: str = "") -> list[Change]:
        """Return how a variable came to its value, newest first."""
        return [c for c in reversed(self.changes) if c.name == name and c.scope == scope]


def history(pe: ProcessEngine, actor: Actor, instance_id: str) -> History:
    """Return what happened in a case, in three statements at most; Forbidden for who may not see variables."""
    newest = sa.select(_e.id, _e.type, _e.at, _e.actor, _e.activity_instance_id, _e.data).where(
        _e.instance_id == instance_id).order_by(_e.id.desc()).limit(MOST)
    known = sa.select(_a.id, _a.activity_id, _a.name, _a.type, _a.scope_id, _a.loop_counter, _a.started_at, _a.ended_at, _a.canceled,
                      _a.is_task).where(_a.instance_id == instance_id).order_by(_a.started_at, _a.id)
    with read(pe) as db:
        instance_definition(db, actor, instance_id)
        access.require(access.may_see_variables(actor))
        rows = [dict(row) for row in reversed(db.execute(newest).mappings().all())]
        activities = [dict(row) for row in db.execute(known).mappings()]
    changes = [change for row in rows for change in _changes(row)]
    return History(changes, rows, activities)


def _changes(row: dict[str, Any]) -> list[Change]:
    data = row["data"]
    told = {**{key: row[key] for key in ("id", "type", "at", "actor", "activity_instance_id")}, "reason": data.get("reason", "")}
    deleted = set(data.get("deleted", ())) if row["type"] == "variables.set" else set()
    found = []
    for scope, values in {"": data.get("variables"), **(data.get("scopes") or {})}.items():
        if isinstance(values, dict):
            gone = deleted if scope == data.get("scope", "") else set()
            found += [Change(name, scope, value, name in gone, told) for name, value in values.items()]
    return found
