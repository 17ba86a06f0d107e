"""What people say to each other about a case, beside its form: no part of the process, but kept with the case."""

import datetime as dt
import re
from typing import Any

import sqlalchemy as sa

from bpmn.errors import N_, Invalid, NotFound
from engine import access, notices
from engine.ids import new_id
from engine.process_engine import Actor, ProcessEngine
from engine.queries.paging import Page, fetch
from engine.queries.sight import instance_definition
from engine.store import read, record, run
from engine.tables import activity, comment, membership, process_instance, user

LONGEST = 4000  # characters
MOST_MENTIONED = 20
MENTION = re.compile(r"(?<![\w@.])@([a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?)")
TWICE = dt.timedelta(minutes=1)  # within which the same words by the same person are one comment, sent twice


def add(pe: ProcessEngine, actor: Actor, now: dt.datetime, instance_id: str, text: str, task_id: str | None = None) -> str:
    """Write a comment, by whoever sees the case; return its id. People named by `@id` who see the case too are told.

    The same words again within a minute (a double click) are the comment that is there.
    """
    text = text.replace("\0", "").replace("\r\n", "\n").strip()
    if not text or len(text) > LONGEST:
        raise Invalid(N_("Tulis komentar, paling banyak %(most)s karakter."), field="text", most=LONGEST)

    def write(db: sa.Connection) -> str:
        groups = instance_definition(db, actor, instance_id).groups
        db.execute(sa.select(process_instance.c.id).where(process_instance.c.id == instance_id).with_for_update())  # one after the other
        same = db.execute(sa.select(comment.c.id).where(
            comment.c.instance_id == instance_id, comment.c.author == actor.id, comment.c.text == text,
            comment.c.created_at > now - TWICE).limit(1)).scalar()
        if same:
            return same
        if task_id and not db.execute(sa.select(activity.c.id).where(
                activity.c.id == task_id, activity.c.instance_id == instance_id, activity.c.is_task)).scalar():
            raise NotFound(N_("Tugas tidak ditemukan."))
        return _insert(db, actor, now, instance_id, text, task_id, groups)

    return run(pe, write)


def _insert(db: sa.Connection, actor: Actor, now: dt.datetime, instance_id: str, text: str, task_id: str | None, groups: Any) -> str:
    named = list(dict.fromkeys(MENTION.findall(text)))[:MOST_MENTIONED]
    mentions = sorted(row.id for row in db.execute(_who_see(actor, groups).where(user.c.id.in_(named)))) if named else []
    id = new_id(now)
    db.execute(sa.insert(comment), {"id": id, "tenant_id": actor.tenant, "instance_id": instance_id, "task_id": task_id, "author": actor.id,
                                    "text": text, "mentions": mentions, "created_at": now})
    record(db, actor, now, "comment.created", instance_id=instance_id, activity_instance_id=task_id,
           data={"comment": id, "mentions": mentions})
    notices.tell(db, actor.tenant, now, user_ids=[m for m in mentions if m != actor.id], kind="mention", key=f"mention:{id}",
                 task_id=task_id, instance_id=instance_id, data={"by": actor.name or actor.id, "text": text[:500]})
    return id


def comments(pe: ProcessEngine, actor: Actor, instance_id: str, *, after: str | None = None, limit: int = 20) -> Page:
    """A case's comments, the last first, for whoever sees the case. Rows: id, author, name, text, mentions, created_at, task_id."""
    with read(pe) as db:
        instance_definition(db, actor, instance_id)
        query = sa.select(comment.c.id, comment.c.author, user.c.name, comment.c.text, comment.c.mentions, comment.c.created_at,
                          comment.c.task_id).outerjoin(user, user.c.id == comment.c.author).where(comment.c.instance_id == instance_id)
        return fetch(db, query, (comment.c.id,), after=after, limit=limit, descending=True)


def people(pe: ProcessEngine, actor: Actor, instance_id: str, *, search: str = "", limit: int = 8) -> list[dict[str, str]]:
    """Active people of the office who see the case, by name: whom a comment can name. Rows: id, name."""
    with read(pe) as db:
        query = _who_see(actor, instance_definition(db, actor, instance_id).groups).order_by(user.c.name, user.c.id).limit(min(limit, 50))
        if search:
            query = query.where(user.c.id.icontains(search, autoescape=True) | user.c.name.icontains(search, autoescape=True))
        return [dict(row) for row in db.execute(query).mappings()]


def _who_see(actor: Actor, groups: Any) -> sa.Select:
    seeing = sa.select(membership.c.user_id).where(
        membership.c.tenant_id == actor.tenant, membership.c.group_id.in_(sorted(set(groups) | access.OVERSEERS)))
    return sa.select(user.c.id, user.c.name).where(user.c.tenant_id == actor.tenant, user.c.active, user.c.id.in_(seeing))
