"""Disposal (pemusnahan): ended cases whose time of keeping is over go, by a list that was frozen and shown before.

The worker takes a few cases in each transaction and looks at each again: what somebody holds, corrects or restarted meanwhile
stays. Of a case that went remain its line in the list (the berita acara), its entries in the archive's chain (hashes, not bytes), and
an event that names those that went with it, so that both chains are still verified. Bytes go last, where no other row names them.
"""

import datetime as dt
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.dialects import postgresql, sqlite

from bpmn.errors import N_, Conflict, NotFound
from engine import access, files, ids, keeping, settings, standings, values
from engine.audit_chain import DISPOSED
from engine.evidence import forgetting, rollup
from engine.process_engine import Actor, ProcessEngine
from engine.queries.paging import Page, fetch
from engine.store import read, record, run
from engine.tables import (
    activity,
    archive_entry,
    disposal,
    disposal_case,
    disposal_file,
    document,
    event,
    metadata,
    notice,
    process_instance,
    seen,
    tenant,
    upload,
)

MOST = 10_000  # cases of one list
CASES = 10  # that go in one transaction
FILES = 1000  # looked at together
FRESH = dt.timedelta(hours=1)  # bytes that somebody brought again so lately are theirs, whether a row names them yet or not
ARCHIVED = "archive.appended"
# What names a case and stays: its chain's entries, the lists that it stood in, and sums in which nobody reads it (`evidence.forgetting`).
STAYS = {"event", "archive_entry", "batch_item", "disposal_case", "legal_hold", "evidence_case", "evidence_return"}

_c, _f, _g, _i = disposal_case.c, disposal_file.c, disposal.c, process_instance.c
log = structlog.get_logger()


# Lists ----------------------------------------------------------------------------------------------------------------

def freeze(pe: ProcessEngine, actor: Actor, now: dt.datetime, keys: Sequence[str] | None = None) -> str:
    """Set down the cases that may go now, the oldest first, of these procedures or of all; return the list's id. Nothing goes by this.

    Conflict where there is none. At most MOST: what is left is in the next.
    """
    access.require(access.may_administer(actor))
    return run(pe, lambda db: _freeze(db, actor, now, keys))


def _freeze(db: sa.Connection, actor: Actor, now: dt.datetime, keys: Sequence[str] | None = None, automatic: bool = False) -> str:
    rules = keeping.rules(db, actor.tenant)
    disposal_id = ids.new_id(now)
    due = sa.select(sa.literal(disposal_id), _i.id, _i.tenant_id, _i.definition_key, _i.business_key, _i.title, _i.ended_at,
                    sa.literal("open")).where(
        keeping.past_their_time(now, rules), keeping.why_not(now, rules).is_(None)).order_by(_i.ended_at, _i.id).limit(MOST)
    if keys is not None:
        due = due.where(_i.definition_key.in_([key for key in keys if "\0" not in key]))
    db.execute(sa.insert(disposal), {"id": disposal_id, "tenant_id": actor.tenant, "state": "shown", "total": 0, "automatic": automatic,
                                     "created_at": now, "created_by": actor.id or None})
    columns = ["disposal_id", "instance_id", "tenant_id", "definition_key", "business_key", "title", "ended_at", "state"]
    db.execute(sa.insert(disposal_case).from_select(columns, due))
    total = db.scalar(sa.select(sa.func.count()).where(_c.disposal_id == disposal_id))
    if not total:
        raise Conflict(N_("Tidak ada berkas yang masa simpannya habis."))
    db.execute(sa.update(disposal).where(_g.id == disposal_id).values(total=total))
    record(db, actor, now, "disposal.shown", data={"disposal": disposal_id, "total": total})
    return disposal_id


def start(pe: ProcessEngine, actor: Actor, now: dt.datetime, disposal_id: str, reason: str) -> None:
    """Let the cases of a list go, or go on with one that was stopped; with a reason. The worker does it."""
    why = values.reason(reason)
    _set_state(pe, actor, now, disposal_id, ("shown", "stopped"), "running", "disposal.started", reason=why, started_at=now,
               started_by=actor.id or None)


def stop(pe: ProcessEngine, actor: Actor, now: dt.datetime, disposal_id: str) -> None:
    """Let no further case of a list go; what has gone has gone."""
    _set_state(pe, actor, now, disposal_id, ("running",), "stopped", "disposal.stopped")


def drop(pe: ProcessEngine, actor: Actor, now: dt.datetime, disposal_id: str) -> None:
    """Give a list up of which nothing has gone."""
    _set_state(pe, actor, now, disposal_id, ("shown",), "dropped", "disposal.dropped", ended_at=now)


def _set_state(pe: ProcessEngine, actor: Actor, now: dt.datetime, disposal_id: str, before: Sequence[str], after: str, event: str,
               **also: Any) -> None:
    access.require(access.may_administer(actor))

    def write(db: sa.Connection) -> None:
        _found(db, actor, disposal_id)
        done = db.execute(sa.update(disposal).where(_g.id == disposal_id, _g.state.in_(before)).values(state=after, **also))
        if done.rowcount != 1:
            raise Conflict(N_("Daftar ini sudah berubah. Muat ulang halamannya."))
        record(db, actor, now, event, data={"disposal": disposal_id, **({"reason": also["reason"]} if "reason" in also else {})})

    run(pe, write)


def start_by_itself(pe: ProcessEngine, now: dt.datetime) -> int:
    """Once a day, where an office has switched it on: freeze and begin a list of what is due. Return how many were begun."""
    begun = 0
    with read(pe) as db:
        offices = list(db.scalars(sa.select(tenant.c.id).order_by(tenant.c.id)))
    for office in offices:
        if settings.get(pe, office)["housekeeping"]["automatic"]:
            begun += run(pe, functools.partial(_begin_daily, actor=Actor.system(office), now=now))
    return begun


def _begin_daily(db: sa.Connection, actor: Actor, now: dt.datetime) -> int:
    db.execute(sa.select(tenant.c.id).where(tenant.c.id == actor.tenant).with_for_update(key_share=True))  # of two workers one is first
    if db.scalar(sa.select(_g.id).where(_g.tenant_id == actor.tenant, _g.automatic, _g.created_at > now - dt.timedelta(days=1)).limit(1)):
        return 0
    rules = keeping.rules(db, actor.tenant)
    due = keeping.past_their_time(now, rules), keeping.why_not(now, rules).is_(None)
    if not db.scalar(sa.select(_i.id).where(*due).limit(1)):
        return 0
    disposal_id = _freeze(db, actor, now, automatic=True)
    db.execute(sa.update(disposal).where(_g.id == disposal_id).values(state="running", started_at=now))
    record(db, actor, now, "disposal.started", data={"disposal": disposal_id})
    return 1


# Working --------------------------------------------------------------------------------------------------------------

def work(pe: ProcessEngine, clock: Callable[[], dt.datetime], *, seconds: float = 1.5) -> int:
    """Go on with the lists that run, for about so long; return how many cases went. What stops it leaves whole cases, here or gone."""
    until, gone = clock() + dt.timedelta(seconds=seconds), 0
    while clock() < until:
        with read(pe) as db:
            row = db.execute(sa.select(_g.id, _g.tenant_id).where(_g.state == "running").order_by(_g.created_at, _g.id).limit(1)).first()
        if row is None:
            break
        try:
            left, went = run(pe, functools.partial(_some_cases, now=clock(), disposal_id=row.id, tenant_id=row.tenant_id))
        except sa.exc.IntegrityError:  # somebody wrote a word to a case in the same moment: at the next turn it is seen again
            log.warning("disposal.postponed", disposal=row.id)
            break
        gone += went
        if left:
            continue
        with files.standing(pe.folder, alone=True) as alone:
            if not alone:  # a backup is being made: its rows name these bytes
                break
            more = _some_files(pe, clock(), row.id)
        if not more:
            run(pe, functools.partial(_finish, now=clock(), disposal_id=row.id, tenant_id=row.tenant_id))
    return gone


def _some_cases(db: sa.Connection, now: dt.datetime, disposal_id: str, tenant_id: str) -> tuple[bool, int]:
    """Let the next few cases go that may. Return whether there were any, and how many went."""
    if db.scalar(sa.select(_g.state).where(_g.id == disposal_id).with_for_update()) != "running":
        return True, 0  # stopped meanwhile: nothing further, and no end either
    listed = db.scalars(sa.select(_c.instance_id).where(_c.disposal_id == disposal_id, _c.state == "open").order_by(
        _c.instance_id).limit(CASES)).all()
    if not listed:
        return False, 0
    rollup.lock(db)  # before rows are locked, as who adds to the sums does
    # Locked first and looked at after: who restarts, corrects or holds one of them locks it, too, and who holds a whole procedure
    # or says anew how long it is kept waits for the office's row.
    db.execute(sa.select(tenant.c.id).where(tenant.c.id == tenant_id).with_for_update(read=True))
    db.execute(sa.select(_i.id).where(_i.id.in_(listed)).order_by(_i.id).with_for_update()).all()
    rows = db.execute(sa.select(_i.id, _i.business_key, _i.title, _i.definition_key, _i.ended_at, keeping.why_not(
        now, keeping.rules(db, tenant_id)).label("why")).where(_i.id.in_(listed))).mappings().all()
    stays = dict.fromkeys(listed, "vanished") | {row["id"]: row["why"] for row in rows}
    for id, why in stays.items():
        if why:
            db.execute(sa.update(disposal_case).where(_c.disposal_id == disposal_id, _c.instance_id == id).values(
                state="kept", why=why, at=now))
    goes = [row for row in rows if not row["why"]]
    if goes:
        _let_go(db, now, disposal_id, tenant_id, goes)
    return True, len(goes)


def _let_go(db: sa.Connection, now: dt.datetime, disposal_id: str, tenant_id: str, rows: Sequence[sa.RowMapping]) -> None:
    of = [row["id"] for row in rows]
    mine = (_c.disposal_id == disposal_id, _c.instance_id.in_(of))
    named = {id: _files(db, id) for id in of}
    events: dict[str, list[int]] = {id: [] for id in of}
    its_own = sa.select(event.c.instance_id, event.c.id).where(event.c.instance_id.in_(of), event.c.type != ARCHIVED)
    for instance_id, event_id in db.execute(its_own.order_by(event.c.id)):
        events[instance_id].append(event_id)
    for row in rows:  # before anything goes, so that no id of an event is ever given twice
        sizes = [file["size"] for file in named[row["id"]]]
        record(db, Actor.system(tenant_id), now, DISPOSED, data={
            "disposal": disposal_id, "case": row["business_key"], "instance": row["id"], "key": row["definition_key"],
            "ended_at": row["ended_at"].isoformat(), "files": len(sizes), "bytes": sum(sizes), "events": events[row["id"]]})
        db.execute(sa.update(disposal_case).where(*mine, _c.instance_id == row["id"]).values(
            state="going", at=now, files=len(sizes), bytes=sum(sizes)))
    _note_files(db, disposal_id, [file for found in named.values() for file in found])
    forgetting.forget(db, of)
    _delete(db, of, [id for each in events.values() for id in each])
    db.execute(sa.update(disposal_case).where(*mine).values(state="gone"))


def _files(db: sa.Connection, instance_id: str) -> list[dict[str, Any]]:
    """{sha256, name, size} of every file that the case names, each once."""
    found = [dict(row) for row in db.execute(sa.select(document.c.sha256, document.c.name, document.c.size).where(
        document.c.instance_id == instance_id)).mappings()]
    for kept in db.scalars(sa.select(archive_entry.c.files).where(archive_entry.c.instance_id == instance_id)):
        found += [{"sha256": file["sha256"], "name": file["name"], "size": file["size"]} for file in kept]
    return list({file["sha256"]: file for file in found}.values())


def _note_files(db: sa.Connection, disposal_id: str, found: Sequence[dict[str, Any]]) -> None:
    insert = (postgresql if db.dialect.name == "postgresql" else sqlite).insert(disposal_file)
    if rows := [{"disposal_id": disposal_id, **file, "state": "open"} for file in found]:
        db.execute(insert.on_conflict_do_nothing(), rows)


def _delete(db: sa.Connection, of: Sequence[str], events: Sequence[int]) -> None:
    """Delete all that these cases have, the children first. Tables that come later are found by their foreign keys and columns."""
    tasks = db.scalars(sa.select(activity.c.id).where(activity.c.instance_id.in_(of))).all()
    for part in _parts([*tasks, *of]):  # by lists: with a subquery SQLite would rather read the whole of these tables
        db.execute(sa.delete(upload).where(upload.c.task_id.in_(part)))
        db.execute(sa.delete(seen).where(seen.c.subject_id.in_(part)))
        db.execute(sa.delete(notice).where(notice.c.task_id.in_(part)))
    for part in _parts(events):
        db.execute(sa.delete(event).where(event.c.id.in_(part)))
    standings.forget(db, of)
    for table in reversed(metadata.sorted_tables):
        if (condition := of_cases(table, of)) is not None:
            db.execute(sa.delete(table).where(condition))


def _parts(of: Sequence[Any], most: int = 500) -> Iterator[Sequence[Any]]:
    return (of[n:n + most] for n in range(0, len(of), most))


def of_cases(table: sa.Table, of: Sequence[str]) -> sa.ColumnElement[bool] | None:
    """Which rows of a table are these cases', by its `instance_id` or the foreign keys that lead there; None where none are or may go."""
    if table is process_instance:
        return _i.id.in_(of)
    if table.name in STAYS:
        return None
    if "instance_id" in table.c:
        return table.c.instance_id.in_(of)
    for key in sorted(table.foreign_keys, key=lambda key: key.target_fullname):
        if key.column.table is not table and (above := of_cases(key.column.table, of)) is not None:
            return key.parent.in_(sa.select(key.column).where(above))
    return None


# Bytes ----------------------------------------------------------------------------------------------------------------

def _some_files(pe: ProcessEngine, now: dt.datetime, disposal_id: str) -> bool:
    """Take the bytes of the next files away that nothing names any more; whether there were any to look at."""
    with read(pe) as db:
        listed = set(db.scalars(sa.select(_f.sha256).where(_f.disposal_id == disposal_id, _f.state == "open").order_by(
            _f.sha256).limit(FILES)))
        named = _named(db, listed) if listed else set()
    if not listed:
        return False
    gone = {sha256 for sha256 in listed - named if files.remove(pe.folder, sha256, now - FRESH)}

    def write(db: sa.Connection) -> None:
        for state, of in (("gone", gone), ("kept", listed - gone)):
            db.execute(sa.update(disposal_file).where(_f.disposal_id == disposal_id, _f.sha256.in_(sorted(of)), _f.state == "open").values(
                state=state, at=now))
        office = db.scalar(sa.select(_g.tenant_id).where(_g.id == disposal_id))
        record(db, Actor.system(office or ""), now, "files.disposed", data={"disposal": disposal_id, "files": len(gone)})

    run(pe, write)
    return True


def _named(db: sa.Connection, wanted: set[str]) -> set[str]:
    """Which of these files something still names: a document, an entry of the archive whose case is there, an office's letterhead."""
    found: set[str] = set()
    for part in _parts(sorted(wanted)):
        found |= set(db.scalars(sa.select(document.c.sha256).where(document.c.sha256.in_(part))))
    for kept in db.scalars(sa.select(tenant.c.settings)):
        found |= wanted & {(kept.get("letterhead") or {}).get("logo")}
    for files_of in _archived(db):
        found |= wanted & {file["sha256"] for file in files_of}
    return found


def _archived(db: sa.Connection) -> Iterator[list[dict[str, Any]]]:
    """The files of every entry whose case has not gone."""
    a, last = archive_entry.c, ("", -1)
    query = sa.select(a.tenant_id, a.number, a.files).outerjoin(process_instance, _i.id == a.instance_id).where(
        a.instance_id.is_(None) | _i.id.is_not(None)).order_by(a.tenant_id, a.number).limit(500)
    while rows := db.execute(query.where(sa.tuple_(a.tenant_id, a.number) > sa.tuple_(*last))).all():
        for *_last, files_of in rows:
            yield files_of
        last = (rows[-1].tenant_id, rows[-1].number)


def _finish(db: sa.Connection, now: dt.datetime, disposal_id: str, tenant_id: str) -> None:
    done = db.execute(sa.update(disposal).where(_g.id == disposal_id, _g.state == "running").values(state="done", ended_at=now))
    if done.rowcount:
        record(db, Actor.system(tenant_id), now, "disposal.done", data={"disposal": disposal_id, **_sums(db, disposal_id)})


# Reading --------------------------------------------------------------------------------------------------------------

def lists(pe: ProcessEngine, actor: Actor, *, after: str | None = None, limit: int = 20) -> Page:
    """The office's lists, the newest first; one statement. Rows: the table's columns, `gone` and `kept` (how many cases)."""
    access.require(access.may_administer(actor))
    counts = [sa.select(sa.func.count()).where(_c.disposal_id == _g.id, _c.state == state).scalar_subquery().label(state)
              for state in ("gone", "kept")]
    with read(pe) as db:
        return fetch(db, sa.select(disposal, *counts).where(_g.tenant_id == actor.tenant), (_g.created_at, _g.id), after=after, limit=limit,
                     descending=True)


def get(pe: ProcessEngine, actor: Actor, disposal_id: str) -> dict[str, Any]:
    """One list with its sums: {…, open, gone, kept (cases), files, bytes, files_gone, files_kept}; three statements."""
    access.require(access.may_administer(actor))
    with read(pe) as db:
        return {**_found(db, actor, disposal_id), **_sums(db, disposal_id)}


def cases(pe: ProcessEngine, actor: Actor, disposal_id: str, *, state: str | None = None, after: str | None = None,
          limit: int = 50) -> Page:
    """The cases of a list, the oldest first; rows are the table's; two statements."""
    access.require(access.may_administer(actor))
    query = sa.select(disposal_case).where(_c.disposal_id == disposal_id)
    with read(pe) as db:
        _found(db, actor, disposal_id)
        return fetch(db, query if state is None else query.where(_c.state == state), (_c.instance_id,), after=after, limit=limit)


def export(pe: ProcessEngine, actor: Actor, now: dt.datetime, disposal_id: str) -> Iterator[dict[str, Any]]:
    """Every case of a list, for its berita acara; that it was taken away is recorded."""
    get(pe, actor, disposal_id)
    run(pe, lambda db: record(db, actor, now, "disposal.exported", data={"disposal": disposal_id}))
    return _all(pe, actor, disposal_id)


def _all(pe: ProcessEngine, actor: Actor, disposal_id: str) -> Iterator[dict[str, Any]]:
    page = cases(pe, actor, disposal_id, limit=200)
    yield from page.rows
    while page.next:
        page = cases(pe, actor, disposal_id, after=page.next, limit=200)
        yield from page.rows


def _found(db: sa.Connection, actor: Actor, disposal_id: str) -> dict[str, Any]:
    row = db.execute(sa.select(disposal).where(_g.id == disposal_id, _g.tenant_id == actor.tenant)).mappings().first()
    if row is None:
        raise NotFound(N_("Daftar pemusnahan tidak ditemukan."))
    return dict(row)


def _sums(db: sa.Connection, disposal_id: str) -> dict[str, int]:
    states = {row.state: row for row in db.execute(sa.select(
        _c.state, sa.func.count().label("number"), sa.func.sum(_c.files).label("files"), sa.func.sum(_c.bytes).label("bytes")).where(
        _c.disposal_id == disposal_id).group_by(_c.state))}
    kept = {row.state: row.number for row in db.execute(sa.select(_f.state, sa.func.count().label("number")).where(
        _f.disposal_id == disposal_id).group_by(_f.state))}
    went = states.get("gone")
    return {**{state: states[state].number if state in states else 0 for state in ("open", "gone", "kept")},
            "files": int(went.files) if went else 0, "bytes": int(went.bytes) if went else 0,
            "files_gone": kept.get("gone", 0), "files_kept": kept.get("kept", 0)}
