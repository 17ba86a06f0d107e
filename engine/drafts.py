"""What a person has typed into a task's form and not yet handed on: kept for them alone, offered again on any device.

A draft is never checked and never seen by a process; it is over when its task is. Each save names the version that
its page knows, so that a page that was left open on another device cannot write over what is newer.
"""

import datetime as dt
import json
from typing import Any

import sqlalchemy as sa

from bpmn.errors import N_, Conflict, Invalid
from engine import access, queries
from engine.process_engine import Actor, ProcessEngine
from engine.store import read, run
from engine.tables import activity, draft

MOST_BYTES = 512 * 1024  # of one draft; the longest text of a form is 100,000 characters
MOST_FIELDS = 500
MOST_SWEPT = 500  # ended tasks' drafts that one sweep removes

Fields = list[tuple[str, str]]  # as a browser sends a form: (name, value), names may come again

_of = (draft.c.task_id == sa.bindparam("_task"), draft.c.user_id == sa.bindparam("_user"))
_select = sa.select(draft.c.fields, draft.c.version, draft.c.saved_at).join(activity, activity.c.id == draft.c.task_id).where(
    *_of, activity.c.tenant_id == sa.bindparam("_tenant"), activity.c.ended_at.is_(None))
_update = sa.update(draft).where(*_of, draft.c.version == sa.bindparam("_version")).values(
    fields=sa.bindparam("_fields", type_=sa.JSON), version=sa.bindparam("_version") + 1, saved_at=sa.bindparam("_at"))
_ended = sa.select(draft.c.task_id).join(activity, activity.c.id == draft.c.task_id).where(activity.c.ended_at.is_not(None))


class Newer(Conflict):
    """Another device has saved since; `saved` is what it saved (None: it threw the draft away)."""

    def __init__(self, saved: dict[str, Any] | None):
        super().__init__(N_("Isian ini lebih baru di perangkat lain."))
        self.saved = saved


def get(pe: ProcessEngine, actor: Actor, task_id: str) -> dict[str, Any] | None:
    """The actor's own draft of an open task: fields, version, saved_at; None where there is none. One statement."""
    with read(pe) as db:
        return _get(db, actor, task_id)


def save(pe: ProcessEngine, actor: Actor, now: dt.datetime, task_id: str, fields: Any, version: int) -> int:
    """Keep what the actor has typed, and return its version. `version`: the one the page knows, 0 for none.

    For who may complete the task. `Newer` (a Conflict) where another device saved since; Conflict where the task has ended.
    """
    kept = checked(fields)
    task = queries.task(pe, actor, task_id)
    if task["ended_at"]:
        raise Conflict(N_("Tugas ini sudah selesai."))
    access.require(task["may_work"])
    names = {"_task": task_id, "_user": actor.id, "_tenant": actor.tenant}

    def write(db: sa.Connection) -> int:
        if version > 0 and db.execute(_update, {**names, "_version": version, "_fields": kept, "_at": now}).rowcount:
            return version + 1
        saved = _get(db, actor, task_id)
        if saved or version:
            raise Newer(saved)
        db.execute(sa.insert(draft), {"task_id": task_id, "user_id": actor.id, "fields": kept, "version": 1, "saved_at": now})
        return 1

    try:
        return run(pe, write)
    except sa.exc.IntegrityError as error:  # two first saves at once
        raise Newer(get(pe, actor, task_id)) from error


def discard(pe: ProcessEngine, actor: Actor, task_id: str) -> None:
    """Throw the actor's draft of a task away; where there is none, nothing happens."""
    run(pe, lambda db: db.execute(sa.delete(draft).where(*_of), {"_task": task_id, "_user": actor.id}))


def sweep(pe: ProcessEngine) -> int:
    """Remove drafts whose task has ended, a bounded number; return how many. They are offered to nobody even before."""
    with read(pe) as db:
        ids = db.execute(_ended.limit(MOST_SWEPT)).scalars().all()
    if not ids:
        return 0
    return run(pe, lambda db: db.execute(sa.delete(draft).where(draft.c.task_id.in_(ids))).rowcount)


def checked(fields: Any) -> Fields:
    """Return the fields as they are kept: pairs of texts, few and short enough; Invalid otherwise."""
    if not isinstance(fields, list) or len(fields) > MOST_FIELDS:
        raise Invalid(N_("Isian tidak dapat disimpan."))
    for pair in fields:
        if not (isinstance(pair, list | tuple) and len(pair) == 2 and all(isinstance(each, str) for each in pair)):
            raise Invalid(N_("Isian tidak dapat disimpan."))
    if len(json.dumps(fields)) > MOST_BYTES:
        raise Invalid(N_("Isian terlalu panjang untuk disimpan."))
    return [(name.replace("\0", ""), value.replace("\0", "")) for name, value in fields]


def _get(db: sa.Connection, actor: Actor, task_id: str) -> dict[str, Any] | None:
    row = db.execute(_select, {"_task": task_id, "_user": actor.id, "_tenant": actor.tenant}).mappings().first()
    return dict(row) if row else None
