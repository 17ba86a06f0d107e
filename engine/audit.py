"""Searching and exporting the history: who did what when, in the whole office. For admins.

That nothing of it was changed is `engine.audit_chain`'s to say.
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from engine import access
from engine.process_engine import Actor, ProcessEngine
from engine.queries.paging import Page, fetch
from engine.store import read, record, run
from engine.tables import event, process_instance

TERBIT = "-"  # as `who`: what Terbit did by itself
BATCH = 200  # rows read at once: an export takes no more memory than that, however long it is

_e, _i = event.c, process_instance.c


@dataclass(frozen=True)
class Wanted:
    """What is looked for; what is None or '' is not asked about. `until` is not in it any more."""

    who: str = ""  # a person's id, TERBIT, or 'os:…' of a command
    kind: str = ""  # an event's type, 'task.completed'
    case: str = ""  # a business key
    key: str = ""  # a process definition's
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    words: str = ""  # in the reason


def search(pe: ProcessEngine, actor: Actor, wanted: Wanted, *, after: str | None = None, limit: int = 50) -> Page:
    """What happened in the office, newest first; one statement. Rows: id, at, actor, type, data, instance_id, business_key, title.

    By period, person, kind or case it reads an index; by procedure and words it looks through the period, so give one.
    """
    access.require(access.may_administer(actor))
    with read(pe) as db:
        return fetch(db, _query(actor, wanted), (_e.at, _e.id), after=after, limit=limit, descending=True)


def export(pe: ProcessEngine, actor: Actor, now: dt.datetime, wanted: Wanted, form: str) -> Iterator[dict[str, Any]]:
    """All that `search` finds, row by row; that it was taken away stands in the history itself. `form`: 'csv', 'jsonl'."""
    access.require(access.may_administer(actor))
    asked = {name: value.isoformat() if isinstance(value, dt.datetime) else value for name, value in asdict(wanted).items() if value}
    run(pe, lambda db: record(db, actor, now, "audit.exported", data={"form": form, **asked}))
    return _all(pe, actor, wanted)


def _all(pe: ProcessEngine, actor: Actor, wanted: Wanted) -> Iterator[dict[str, Any]]:
    after = None
    while True:
        page = search(pe, actor, wanted, after=after, limit=BATCH)
        yield from page.rows
        if page.next is None:
            return
        after = page.next


def _query(actor: Actor, wanted: Wanted) -> sa.Select:
    query = sa.select(_e.id, _e.at, _e.actor, _e.type, _e.data, _e.instance_id, _i.business_key, _i.title).outerjoin(
        process_instance, _i.id == _e.instance_id).where(_e.tenant_id == actor.tenant)
    if "\0" in "".join((wanted.who, wanted.kind, wanted.case, wanted.key, wanted.words)):
        return query.where(sa.false())  # nothing holds it, and not every database takes the question
    if wanted.who:
        query = query.where(_e.actor.is_(None) if wanted.who == TERBIT else _e.actor == wanted.who)
    if wanted.kind:
        query = query.where(_e.type == wanted.kind)
    if wanted.case:
        query = query.where(_e.instance_id == sa.select(_i.id).where(
            _i.tenant_id == actor.tenant, _i.business_key == wanted.case).scalar_subquery())
    if wanted.key:
        query = query.where(_i.definition_key == wanted.key)
    if wanted.since:
        query = query.where(_e.at >= wanted.since)
    if wanted.until:
        query = query.where(_e.at < wanted.until)
    if wanted.words:
        query = query.where(_e.data["reason"].as_string().icontains(wanted.words, autoescape=True))
    return query
