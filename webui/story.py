"""What happened in a case so far, as a person on its next task needs it: what each step wrote, and why it came back.

Read through Flask-SQLAlchemy, for a case that the reader is known to see. Bounded: one row per activity, however often
the case went round.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from engine import tables
from webui import actor, db, deployed, forms


@dataclass(frozen=True)
class Step:
    """The last time that an activity was completed, and how often it was."""

    task_id: str
    activity_id: str
    name: str
    by: str | None
    at: dt.datetime
    times: int
    said: dict[str, Any]  # variables that it set
    entries: list[tuple[str, str, Any]]  # the same through its form, see `forms.readable`
    in_stead_of: dict[str, Any] | None = None


def steps(instance_id: str) -> list[Step]:
    """The steps done so far, in the order in which they were last done; one statement."""
    event, activity = tables.event, tables.activity
    last = sa.select(sa.func.max(event.c.id).label("id"), sa.func.count().label("times")).join(
        activity, activity.c.id == event.c.activity_instance_id).where(
        event.c.tenant_id == actor().tenant, event.c.instance_id == instance_id, event.c.type == "task.completed",
    ).group_by(activity.c.activity_id).order_by(sa.desc("id")).limit(100).subquery()
    query = sa.select(event.c.at, event.c.actor, event.c.data, last.c.times, activity.c.id, activity.c.activity_id,
                      activity.c.name, activity.c.form_key, activity.c.definition_id).join(last, last.c.id == event.c.id).join(
        activity, activity.c.id == event.c.activity_instance_id).order_by(event.c.id)
    found = []
    for row in db.session.execute(query):
        words = said(row.data)
        form = deployed.form(row.definition_id, row.form_key)  # of the version in which it was done
        entries = forms.readable(form, words) if form else []
        found.append(Step(row.id, row.activity_id, row.name, row.actor, row.at, row.times, words, entries, row.data.get("in_stead_of")))
    return found


def said(data: dict) -> dict[str, Any]:
    """The variables that an event 'task.completed' set, of whichever scope."""
    found: dict[str, Any] = {}
    for inner in (data.get("scopes") or {}).values():
        found |= inner
    return found | (data.get("variables") or {})


def returned(variables: dict[str, Any], done: list[Step]) -> Step | None:
    """The step that sent the case back with TIDAK and a note, where that is its last word."""
    if variables.get("keputusan") != "tidak" or not variables.get("catatan"):
        return None
    return next((step for step in reversed(done) if "keputusan" in step.said or "catatan" in step.said), None) or next(
        (step for step in reversed(done) if step.activity_id == "putuskan"), None)


def extensions(task: dict[str, Any]) -> list[dict[str, Any]]:
    """The times that a task was given more time: {to, reason, by, at}; a statement only where it was."""
    if not task["extensions"]:
        return []
    e = tables.event.c
    query = sa.select(e.data, e.actor, e.at).where(
        e.tenant_id == actor().tenant, e.instance_id == task["instance_id"], e.type == "task.extended",
        e.activity_instance_id == task["id"]).order_by(e.id)
    return [{"to": dt.datetime.fromisoformat(row.data["to"]), "reason": row.data["reason"], "by": row.actor, "at": row.at}
            for row in db.session.execute(query)]


def activities(instance_id: str) -> list[dict[str, Any]]:
    """The case's activity instances in the order in which they began, the newest 10,000: what a diagram shows; one statement."""
    a = tables.activity.c
    query = sa.select(a.id, a.scope_id, a.activity_id, a.type, a.is_task, a.started_at, a.ended_at, a.canceled).where(
        a.tenant_id == actor().tenant, a.instance_id == instance_id).order_by(a.started_at.desc(), a.id.desc()).limit(10_000)
    return [dict(row) for row in reversed(db.session.execute(query).mappings().all())]
