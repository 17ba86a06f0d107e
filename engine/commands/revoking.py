"""Revoking (mencabut): no new cases of a version or of a whole procedure, and a decision about those that run."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
import structlog

from bpmn.errors import N_, Conflict, Invalid, NotFound
from engine import access, load, starts, version_life
from engine.commands.instances import cancel
from engine.process_engine import Actor, ProcessEngine
from engine.store import read, record, run
from engine.tables import process_definition, process_instance

FINISH, CANCEL = "finish", "cancel"  # what becomes of the cases that run
LONGEST_REASON = 2000
BATCH = 50

_d, _i = process_definition.c, process_instance.c
log = structlog.get_logger()


def revoke(pe: ProcessEngine, actor: Actor, now: dt.datetime, definition_id: str, *, reason: str, running: str, whole: bool) -> None:
    """Let no case be started any more of a version, or with `whole` of every version of its procedure that is not revoked yet.

    `running` says what becomes of their cases: FINISH, or CANCEL, which the worker does. Of a version alone: the one before, if it
    is not revoked, is in force again. Only a new version that is put in force brings a procedure back. Conflict where it is revoked.
    """
    access.require(access.may_deploy(actor))
    reason = reason.strip()
    if len(reason) < 5 or len(reason) > LONGEST_REASON:
        raise Invalid(N_("Tuliskan alasannya, 5 sampai %(most)d huruf."), field="reason", most=LONGEST_REASON)
    if running not in (FINISH, CANCEL):
        raise Invalid(N_("Tentukan nasib berkas yang masih berjalan."), field="running")

    def write(db: sa.Connection) -> None:
        of_key = _versions(db, actor, definition_id)
        chosen = [row for row in of_key if (whole or row.id == definition_id) and (row.revoked_at is None or row.revoked_at > now)]
        if not chosen:
            raise Conflict(N_("Versi ini sudah dicabut."))
        ids = [row.id for row in chosen]
        db.execute(sa.update(process_definition).where(_d.id.in_(ids)).values(
            revoked_at=now, revoked_by=actor.id or None, revoke_reason=reason, revoke_running=running))
        coming = [row.in_force_from for row in chosen if row.in_force_from and row.in_force_from > now]
        if coming and not whole:  # what it would have revoked by its coming stays
            db.execute(sa.update(process_definition).where(
                _d.tenant_id == actor.tenant, _d.key == of_key[0].key, _d.revoked_at.in_(coming)).values(
                revoked_at=None, revoked_by=None, revoke_reason=None, revoke_running=None))
        _let_wait(db, actor, now, of_key[0].key, ids)
        count = db.scalar(sa.select(sa.func.count()).where(_i.definition_id.in_(ids), _i.ended_at.is_(None)))
        record(db, actor, now, "definition.revoked", data={
            "key": of_key[0].key, "definitions": ids, "reason": reason, "running": running, "cases": count})

    run(pe, write)


def _versions(db: sa.Connection, actor: Actor, definition_id: str) -> list[Any]:
    """All versions of the procedure that a definition is one of, locked against two at once."""
    definition = load.definition(db, definition_id)
    if definition.tenant != actor.tenant:
        raise NotFound(N_("Definisi proses tidak ditemukan."))
    return list(db.execute(sa.select(_d.id, _d.key, _d.in_force_from, _d.revoked_at).where(
        _d.tenant_id == actor.tenant, _d.key == definition.key).order_by(_d.version).with_for_update()))


def _let_wait(db: sa.Connection, actor: Actor, now: dt.datetime, key: str, revoked: list[str]) -> None:
    """No start event of what is revoked waits any more; that of the version that is in force again does."""
    starts.retire(db, now, sa.select(_d.id).where(_d.id.in_(revoked)))
    here = load.definition(db, version_life.current_id(db, actor.tenant, key, now))
    if here.id not in revoked and db.scalar(sa.select(version_life.may_run(now)).where(_d.id == here.id)):
        starts.renew(db, now, here, load.spec(db, here.id))


# What runs ------------------------------------------------------------------------------------------------------------

_to_cancel = sa.select(_i.id, _d.tenant_id, _d.revoked_by, _d.revoke_reason).join(process_definition, _d.id == _i.definition_id).where(
    _d.revoke_running == CANCEL, _d.revoked_at <= version_life.NOW, _i.ended_at.is_(None), _i.id > sa.bindparam("after"),
).order_by(_i.id).limit(BATCH)


def work(pe: ProcessEngine, clock: Callable[[], dt.datetime], *, seconds: float = 1.5) -> int:
    """Cancel cases of what was revoked with that decision, for about so long; each by itself. Return how many.

    Nothing but the cases says what is left to do: a worker that dies, and a second one, do no harm. What somebody else is
    at again and again has its turn at the next call.
    """
    until, count, after = clock() + dt.timedelta(seconds=seconds), 0, ""
    while clock() < until:
        with read(pe) as db:
            found = db.execute(_to_cancel, {"_now": clock(), "after": after}).all()
        for row in found:
            # In the name of who decided, with the worker's rights: a process owner may revoke, but cancels no single case.
            actor = Actor(row.revoked_by or "", row.tenant_id, is_system=True)
            try:
                cancel(pe, actor, clock(), row.id, row.revoke_reason or "")
                count += 1
            except Conflict:  # ended, or changed by somebody else meanwhile
                log.info("revocation.passed_over", instance=row.id)
        if len(found) < BATCH:
            break
        after = found[-1].id
    return count
