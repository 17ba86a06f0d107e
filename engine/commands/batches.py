"""Batches: freezing a list, beginning, stopping and resuming it, and the worker's turn at what is under way."""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy import bindparam

from bpmn.errors import N_, Conflict, Invalid, NotFound, TerbitError
from engine import access, batches
from engine.batches import MIGRATION, MOST, Choice, Ended, Later, Row, problem_of
from engine.commands import batch_types, migrating
from engine.process_engine import Actor, ProcessEngine
from engine.store import read, record, run
from engine.tables import batch, batch_item
from engine.values import reason

PAGE = 100  # items read at a time
DRAFT_KEPT = dt.timedelta(days=1)

log = structlog.get_logger()
_b, _item = batch.c, batch_item.c


# Beginning ------------------------------------------------------------------------------------------------------------

def create_batch(pe: ProcessEngine, actor: Actor, now: dt.datetime, type: str, choice: Choice, data: Mapping[str, Any] | None = None, *,
                 why: str | None = None) -> str:
    """Freeze the list of what something would be done to, and return the batch's id; with `why` it begins at once. By an admin.

    What is in the list and can be seen to be impossible is marked as refused, with the reason, and will not be tried. Conflict where
    no case was chosen (with `why`: or nothing can be done), Invalid for data that cannot be meant, and for more than MOST.
    """
    access.require(access.may_administer(actor))
    if type not in batch_types.TYPES:
        raise Invalid(N_("Tindakan ini tidak dikenal."), field="type")
    kind, meant = batch_types.TYPES[type], dict(data or {})
    if len(choice.ids or ()) + len(meant.get("jobs") or ()) > MOST:
        raise Invalid(N_("Paling banyak %(most)d sekaligus. Persempit saringannya."), most=MOST)
    if "\0" in str(meant.get("activity") or ""):
        raise Invalid(batch_types.NO_TASK, field="activity")
    kind.check(pe, actor, now, meant)
    columns = {"state": "draft"} if why is None else {"state": "running", "reason": reason(why), "started_at": now}

    def write(db: sa.Connection) -> str:
        batch_id = batches.insert(db, actor, now, type, meant, **columns)
        rows = kind.frozen(batch_id, actor.tenant, choice, meant, now).limit(MOST + 1)
        db.execute(sa.insert(batch_item).from_select(["batch_id", "subject_id", "instance_id", "seen", "state", "problem"], rows))
        counts = sa.func.count(), sa.func.count(sa.case((_item.state == "open", 1)))  # PostgreSQL tells no rowcount of such an insert
        count, total = db.execute(sa.select(*counts).where(_item.batch_id == batch_id)).one()
        if count > MOST:
            raise Invalid(N_("Paling banyak %(most)d sekaligus. Persempit saringannya."), most=MOST)
        if not count or (why is not None and not total):
            raise Conflict(N_("Tidak ada berkas seperti itu, atau tidak ada yang dapat dilakukan."))
        db.execute(sa.update(batch).where(_b.id == batch_id).values(total=total))
        record(db, actor, now, "batch.created" if why is None else "batch.started", data={
            "batch": batch_id, "type": type, "total": total, "data": meant, **({"reason": why} if why else {})})
        return batch_id

    return run(pe, write)


def start_batch(pe: ProcessEngine, actor: Actor, now: dt.datetime, batch_id: str, why: str) -> None:
    """Begin what `create_batch` has frozen. Conflict where it was begun already, or nothing in it can be done."""
    why = reason(why)

    def write(db: sa.Connection) -> None:
        row = _mine(db, actor, batch_id)
        if row["state"] != "draft" or not row["total"]:
            raise Conflict(N_("Ini sudah dimulai, atau tidak ada yang dapat dilakukan."))
        db.execute(sa.update(batch).where(_b.id == batch_id).values(state="running", reason=why, started_at=now))
        record(db, actor, now, "batch.started", data={
            "batch": batch_id, "type": row["type"], "total": row["total"], "data": row["data"], "reason": why})

    run(pe, write)


def suspend_batch(pe: ProcessEngine, actor: Actor, now: dt.datetime, batch_id: str) -> None:
    """Let no further item have its turn until `activate_batch`. Where it does not run: nothing happens."""
    _set_state(pe, actor, now, batch_id, ("running",), "batch.suspended", state="suspended")


def activate_batch(pe: ProcessEngine, actor: Actor, now: dt.datetime, batch_id: str) -> None:
    """Undo `suspend_batch`."""
    _set_state(pe, actor, now, batch_id, ("suspended",), "batch.activated", state="running")


def delete_batch(pe: ProcessEngine, actor: Actor, now: dt.datetime, batch_id: str) -> None:
    """End a batch for good: what it did stays, and what it did not do is not done. Of one that was not begun nothing is kept."""
    def write(db: sa.Connection) -> bool:
        return _mine(db, actor, batch_id)["state"] == "draft" and _drop(db, actor, now, batch_id)

    if not run(pe, write):
        _set_state(pe, actor, now, batch_id, batches.UNDER_WAY, "batch.stopped", state="stopped", ended_at=now)


def _set_state(pe: ProcessEngine, actor: Actor, now: dt.datetime, batch_id: str, before: tuple[str, ...], event: str,
               **values: Any) -> None:
    def write(db: sa.Connection) -> None:
        row = _mine(db, actor, batch_id)
        if row["state"] in before:
            db.execute(sa.update(batch).where(_b.id == batch_id).values(**values))
            record(db, actor, now, event, data={"batch": batch_id, "type": row["type"]})

    run(pe, write)


def _mine(db: sa.Connection, actor: Actor, batch_id: str) -> Row:
    """Return a batch that the actor may stop and resume, locked until the commit."""
    row = db.execute(sa.select(batch).where(_b.id == batch_id, _b.tenant_id == actor.tenant).with_for_update()).mappings().first()
    access.require(access.may_do_batch(actor, row is None or row["type"] == MIGRATION))
    if row is None:
        raise NotFound(N_("Daftar pekerjaan ini tidak ditemukan."))
    return row


def sweep(pe: ProcessEngine, now: dt.datetime) -> None:
    """Forget the lists that were frozen a day ago and never begun."""
    with read(pe) as db:
        found = db.execute(sa.select(_b.id, _b.tenant_id).where(
            _b.state == "draft", _b.ended_at.is_(None), _b.created_at < now - DRAFT_KEPT).limit(20)).all()
    for row in found:
        run(pe, partial(_drop, actor=Actor.system(row.tenant_id), now=now, batch_id=row.id))


def _drop(db: sa.Connection, actor: Actor, now: dt.datetime, batch_id: str) -> bool:
    """Forget a batch if it was not begun."""
    draft = sa.and_(_b.id == batch_id, _b.state == "draft")
    db.execute(sa.delete(batch_item).where(_item.batch_id.in_(sa.select(_b.id).where(draft))))
    gone = db.execute(sa.delete(batch).where(draft)).rowcount == 1
    if gone:
        record(db, actor, now, "batch.discarded", data={"batch": batch_id})
    return gone


# Working --------------------------------------------------------------------------------------------------------------

_running = sa.select(batch).where(_b.state == "running", _b.ended_at.is_(None)).order_by(_b.created_at, _b.id).limit(50)
_is_running = sa.exists().where(_b.id == bindparam("_batch"), _b.state == "running")
_open_items = sa.select(_item.subject_id, _item.instance_id, _item.seen).where(
    _item.batch_id == bindparam("id"), _item.state == "open", _item.subject_id > bindparam("after"),
).order_by(_item.subject_id).limit(PAGE)
_close_item = sa.update(batch_item).where(
    _item.batch_id == bindparam("_batch"), _item.subject_id == bindparam("_subject"), _item.state == "open", _is_running,
).values(state=bindparam("_state"), problem=bindparam("_problem", type_=_item.problem.type), at=bindparam("_now"))
_is_over = ~sa.exists().where(_item.batch_id == bindparam("_batch"), _item.state == "open")


class _NotOurs(Exception):
    """Another worker has done the item, or the batch was stopped."""


def work(pe: ProcessEngine, clock: Callable[[], dt.datetime], *, seconds: float = 1.5) -> int:
    """Do items of the batches under way, for about so long, and wake workers for what is due by it. Return how many were settled."""
    until, count = clock() + dt.timedelta(seconds=seconds), 0
    with read(pe) as db:
        under_way = db.execute(_running).mappings().all()
    for row in under_way:
        after = ""
        while found := _page(pe, row["id"], after):
            due: list[str] = []
            try:
                for item in found:
                    if _one(pe, clock(), row, item, due):
                        count += 1
                    elif not _runs(pe, row["id"]):
                        break
                    if clock() > until:
                        return count
            finally:
                pe.wake(due)
            after = found[-1]["subject_id"]
        _end(pe, clock(), row)
    return count


def _end(pe: ProcessEngine, now: dt.datetime, row: Row) -> None:
    """Call a batch done if no item is left."""
    with read(pe) as db:
        if not db.scalar(sa.select(sa.and_(_is_running, _is_over)), {"_batch": row["id"]}):
            return

    def write(db: sa.Connection) -> None:
        if db.scalar(sa.select(_b.state).where(_b.id == row["id"]).with_for_update()) == "running":  # another worker may be here, too
            db.execute(sa.update(batch).where(_b.id == row["id"]).values(state="done", ended_at=now))
            record(db, Actor.system(row["tenant_id"]), now, "batch.done", data={"batch": row["id"], "type": row["type"]})

    run(pe, write)


def _page(pe: ProcessEngine, batch_id: str, after: str) -> list[Row]:
    with read(pe) as db:
        return list(db.execute(_open_items, {"id": batch_id, "after": after}).mappings())


def _runs(pe: ProcessEngine, batch_id: str) -> bool:
    with read(pe) as db:
        return bool(db.scalar(sa.select(_is_running), {"_batch": batch_id}))


def _one(pe: ProcessEngine, now: dt.datetime, row: Row, item: Row, due: list[str]) -> bool:
    """Do one item, or note why not. False where that is not ours to do, or not now. What is due by it is added to `due`."""
    def mark(db: sa.Connection, state: str, problem: dict[str, Any] | None = None) -> None:
        if db.execute(_close_item, {"_batch": row["id"], "_subject": item["subject_id"], "_state": state, "_problem": problem,
                                    "_now": now}).rowcount != 1:
            raise _NotOurs

    do = migrating.move if row["type"] == MIGRATION else batch_types.do
    try:
        try:
            # The mark is the first thing in the transaction of the item's own command: both are written, or neither.
            do(replace(pe, along=lambda db: mark(db, "done"), send=due.extend), now, row, item)
        except Ended:
            run(pe, lambda db: mark(db, "ended"))
        except TerbitError as error:
            problem = problem_of(error)
            run(pe, lambda db: mark(db, "failed", problem))
        except (Later, _NotOurs, sa.exc.OperationalError, sa.exc.InterfaceError):
            raise
        except Exception as error:  # a bug of Terbit's, or a state that somebody damaged: the others go on
            log.exception("batch.crashed", batch=row["id"], instance=item["instance_id"])
            problem = problem_of(Invalid(N_("Terbit tidak dapat membaca keadaan berkas ini (%(error)s)."), error=type(error).__name__))
            run(pe, lambda db: mark(db, "failed", problem))
    except (Later, _NotOurs):
        return False
    return True
