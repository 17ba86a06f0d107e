"""When a task falls due, and when its people are reminded of that: all of it in working time.

Due times come from a duration (`allowed_seconds`: the mutu baku's `waktu`, and what extensions added) counted on the
office's calendar from when the task began; a `camunda:dueDate` is a moment, and stays. The row of an open task
says when the next reminder is due (`remind_at`), so the sweep looks only at tasks that have something to tell.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam

from bpmn.errors import N_, Invalid
from engine.intents import TaskDetails
from engine.tables import activity
from engine.working_time import NEVER, WorkingCalendar

END_OF_TIME = dt.datetime(9999, 12, 31, tzinfo=dt.timezone.utc)  # what a task without due time is sorted by
FORESEEN = dt.timedelta(days=NEVER)  # who is given longer needs no word before
LONGEST_WAIT = 60 * 24 * 30  # minutes after due, of an escalation


@dataclass(frozen=True)
class Rules:
    """When an office reminds: before due at so many per cent of the time (0: not), at due, and after it the head (None: not)."""

    before_percent: int = 80
    at_due: bool = True
    escalate_minutes: int | None = 60


def checked(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return reminders as they may be kept; Invalid, by field, where they may not."""
    rules = {**Rules().__dict__, **value}
    before, after = rules["before_percent"], rules["escalate_minutes"]
    problems = []
    if not _is_whole(before) or not 0 <= before <= 99:
        problems.append(Invalid(N_("Isikan 0 sampai 99."), field="before_percent"))
    if not isinstance(rules["at_due"], bool):
        problems.append(Invalid(N_("Isikan ya atau tidak."), field="at_due"))
    if after is not None and not (_is_whole(after) and 0 <= after <= LONGEST_WAIT):
        problems.append(Invalid(N_("Isikan 0 sampai %(most)s menit, atau kosongkan."), field="escalate_minutes", most=LONGEST_WAIT))
    if problems:
        raise Invalid(N_("Pengingat belum benar."), problems=problems)
    return rules


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def due_at(calendar: WorkingCalendar, start: dt.datetime, allowed: dt.timedelta) -> dt.datetime | None:
    """Return when so much working time has passed; None where the office does not work that long in years."""
    try:
        return calendar.add(start, allowed)
    except OverflowError:
        return None


def columns(calendar: WorkingCalendar, rules: Rules, now: dt.datetime, task: TaskDetails) -> dict[str, Any]:
    """Return what the row of a task that begins says of when it is due and of what is told before."""
    allowed = calendar.length(*task.allowed) if task.allowed else None
    due = due_at(calendar, now, allowed) if allowed else task.due_at
    return {"due_at": due, "due_order": due or END_OF_TIME, "allowed_seconds": _seconds(allowed) if allowed and due else None,
            "remind_at": next_reminder(calendar, rules, now, due)}


NO_COLUMNS: dict[str, Any] = {"due_at": None, "due_order": None, "allowed_seconds": None, "remind_at": None}


def _seconds(amount: dt.timedelta) -> int:
    return round(amount.total_seconds())


def moments(calendar: WorkingCalendar, rules: Rules, start: dt.datetime, due: dt.datetime) -> list[tuple[str, dt.datetime]]:
    """Return what is told of a task when, in order: 'due-soon' (to whoever does it), 'overdue' (too), 'escalation' (to the head)."""
    found: list[tuple[str, dt.datetime | None]] = []
    if rules.before_percent and start < due < start + FORESEEN:
        found.append(("due-soon", due_at(calendar, start, calendar.between(start, due) * rules.before_percent / 100)))
    if rules.at_due:
        found.append(("overdue", due))
    if rules.escalate_minutes is not None:
        found.append(("escalation", due_at(calendar, due, dt.timedelta(minutes=rules.escalate_minutes))))
    return [(kind, at) for kind, at in found if at]


def next_reminder(calendar: WorkingCalendar, rules: Rules, start: dt.datetime, due: dt.datetime | None,
                  after: dt.datetime | None = None) -> dt.datetime | None:
    """Return when the first thing is told of a task, or the first that comes later than `after`; None where nothing is."""
    found = moments(calendar, rules, start, due) if due else []
    return min((at for _, at in found if after is None or at > after), default=None)


_open = sa.select(activity.c.id, activity.c.started_at, activity.c.allowed_seconds, activity.c.due_at, activity.c.remind_at).where(
    activity.c.tenant_id == bindparam("tenant"), activity.c.is_task, activity.c.ended_at.is_(None),
    sa.or_(activity.c.due_at.is_not(None), activity.c.allowed_seconds.is_not(None)))
_move = sa.update(activity).where(activity.c.id == bindparam("_id"), activity.c.ended_at.is_(None)).values(
    due_at=bindparam("_due"), due_order=bindparam("_order"), remind_at=bindparam("_remind"))


def recompute(db: sa.Connection, tenant: str, calendar: WorkingCalendar, rules: Rules) -> None:
    """Give every open task of an office the due time and reminders that this calendar and these rules mean; two statements.

    What was told is not told again for the same due time: a notice's key says which (see `engine.reminders`).
    """
    moved = []
    for row in db.execute(_open, {"tenant": tenant}):
        due = row.due_at if row.allowed_seconds is None else due_at(calendar, row.started_at, dt.timedelta(seconds=row.allowed_seconds))
        remind = next_reminder(calendar, rules, row.started_at, due)
        if (due, remind) != (row.due_at, row.remind_at):
            moved.append({"_id": row.id, "_due": due, "_order": due or END_OF_TIME, "_remind": remind})
    if moved:
        db.execute(_move, moved)
