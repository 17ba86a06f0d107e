"""What a person has looked at already: a task without its mark is new to them."""

import datetime as dt
from collections.abc import Collection

import sqlalchemy as sa

from engine.process_engine import Actor, ProcessEngine
from engine.store import read, run
from engine.tables import seen

TASK = "task"
_s = seen.c


def seen_tasks(pe: ProcessEngine, actor: Actor, task_ids: Collection[str]) -> set[str]:
    """Those of these tasks that the actor has opened; one statement, none for no tasks."""
    if not task_ids:
        return set()
    with read(pe) as db:
        return set(db.scalars(sa.select(_s.subject_id).where(_s.user_id == actor.id, _s.kind == TASK, _s.subject_id.in_(task_ids))))


def see_task(pe: ProcessEngine, actor: Actor, now: dt.datetime, task_id: str) -> None:
    """Note that the actor has opened a task, which they are known to see. Writes the first time only."""
    if task_id in seen_tasks(pe, actor, [task_id]):
        return
    try:
        run(pe, lambda db: db.execute(sa.insert(seen).values(user_id=actor.id, kind=TASK, subject_id=task_id, at=now)))
    except sa.exc.IntegrityError:
        pass  # the same person in two windows at once: it stands there
