"""Published news (berita), which nobody decided on before: for the Ketua Divisi to look at afterwards."""

import datetime as dt
from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from engine import notices, revisions, values
from engine.process_engine import Actor, ProcessEngine
from engine.queries.paging import Page, fetch
from engine.queries.sight import instances_seen
from engine.store import read, run
from engine.tables import membership, process_instance, publication, seen

KIND, SEEN = "berita", "news"
CHIEFS = "ketua-divisi"  # the group that news is shown to
MOST_COUNTED = 200  # what is older, and still not looked at, is in the list and no longer in the number
_i, _p = process_instance.c, publication.c


def news(pe: ProcessEngine, actor: Actor, *, after: str | None = None, limit: int = 20) -> Page:
    """Cases of news that the actor may see, published last first; three statements.

    Rows: id, business_key, title, definition_key, at (first published), seen (by the actor), `last` (see
    `revisions.last`) and `content` (the variables that say what now stands there).
    """
    looked = sa.exists().where(seen.c.user_id == actor.id, seen.c.kind == SEEN, seen.c.subject_id == _p.instance_id)
    query = _first_of_each(actor, _i.id, _i.business_key, _i.title, _i.definition_key, _p.published_at.label("at"), looked.label("seen"))
    with read(pe) as db:
        page = fetch(db, query, (_p.published_at, _p.instance_id), after=after, limit=limit, descending=True)
        last = revisions.last(db, [row["id"] for row in page.rows]) if page.rows else {}
        content = _content(db, {id: _newest(rows, id) for id, rows in last.items()})
    return Page([{**row, "last": last[row["id"]], "content": content.get(row["id"], {})} for row in page.rows], page.next)


def unseen(pe: ProcessEngine, actor: Actor) -> int:
    """How many of the newest MOST_COUNTED the actor has not yet looked at; one statement."""
    newest = _first_of_each(actor, _p.instance_id).order_by(_p.published_at.desc(), _p.instance_id.desc()).limit(MOST_COUNTED).subquery()
    looked = sa.exists().where(seen.c.user_id == actor.id, seen.c.kind == SEEN, seen.c.subject_id == newest.c.instance_id)
    query = sa.select(sa.func.count()).select_from(newest).where(~looked)
    with read(pe) as db:
        return db.scalar(query) or 0


def look_at(pe: ProcessEngine, actor: Actor, now: dt.datetime, instance_ids: Collection[str]) -> None:
    """Note that the actor has looked at these; those that they may not see are left out, and what was noted stays."""
    wanted = sorted(set(instance_ids))[:200]
    looked = sa.select(seen.c.subject_id).where(seen.c.user_id == actor.id, seen.c.kind == SEEN)
    query = sa.select(_i.id).where(_i.tenant_id == actor.tenant, instances_seen(actor), _i.id.in_(wanted), _i.id.not_in(looked))

    def write(db: sa.Connection) -> None:
        rows = [{"user_id": actor.id, "kind": SEEN, "subject_id": id, "at": now} for id in db.scalars(query)]
        if rows:
            db.execute(sa.insert(seen), rows)

    try:
        run(pe, write)
    except sa.exc.IntegrityError:
        run(pe, write)  # the same person, twice at once: now it stands there


def tell(db: sa.Connection, tenant: str, now: dt.datetime, instance_id: str) -> None:
    """Tell the Ketua Divisi that news has come out, once for each case, however many channels it goes to.

    In the transaction that notes it as published.
    """
    kinds = sa.select(_p.kind).where(_p.instance_id == instance_id, _p.kind == KIND, _p.revision == 1).limit(1)
    about = db.scalar(sa.select(_i.about_id).where(_i.id == instance_id))
    if about is None and db.scalar(kinds):
        chiefs = db.scalars(sa.select(membership.c.user_id).where(membership.c.tenant_id == tenant, membership.c.group_id == CHIEFS))
        notices.tell(db, tenant, now, user_ids=chiefs, kind="published", key=f"published:{instance_id}", instance_id=instance_id)


def _first_of_each(actor: Actor, *columns: sa.ColumnElement) -> sa.Select:
    """Of each case of news that the actor may see, the publication that came first; an index gives them by their time."""
    earlier = publication.alias("earlier")
    has_earlier = sa.exists().where(
        earlier.c.instance_id == _p.instance_id, earlier.c.kind == KIND, earlier.c.state.in_(revisions.SETTLED),
        sa.tuple_(earlier.c.published_at, earlier.c.id) < sa.tuple_(_p.published_at, _p.id))
    return sa.select(*columns).select_from(publication).join(process_instance, _i.id == _p.instance_id).where(
        _p.tenant_id == actor.tenant, _p.kind == KIND, _p.state.in_(revisions.SETTLED), _p.published_at.is_not(None),
        instances_seen(actor), _i.about_id.is_(None), ~has_earlier)


def _newest(rows: dict[str, Any], first_id: str) -> str:
    """Which case's words stand there now: the newest that published."""
    stands = [row for row in rows.values() if row["state"] in revisions.STANDS]
    return max(stands, key=lambda row: row["revision"])["instance_id"] if stands else first_id


def _content(db: sa.Connection, source: dict[str, str]) -> dict[str, dict[str, Any]]:
    if not source:
        return {}
    rows = db.execute(sa.select(_i.id, _i.variables).where(_i.id.in_(set(source.values()))))
    variables = {row.id: values.load(row.variables).get("", {}) for row in rows}
    return {first_id: variables.get(id, {}) for first_id, id in source.items()}
