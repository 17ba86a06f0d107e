"""Calling a channel's connector for a publication: in the channel's turn, going on from what was noted, and with one meaning
for whatever goes wrong.

A call whose outcome is not known is never repeated here. Where the connector can read back (`find`), the channel is looked at
again after each of LOOKS; then, or where it cannot, the failure is `unknown` and a person is asked.
"""

import datetime as dt
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import sqlalchemy as sa
from cryptography.fernet import Fernet, InvalidToken

from bpmn.errors import N_, Conflict, NotFound
from connectors import (
    Connector,
    Failure,
    NotByMachine,
    NotYet,
    Progress,
    Quota,
    Request,
    Result,
    Throttled,
    Unfinished,
    abilities,
    watching,
)
from engine import channels
from engine.handlers import Job
from engine.process_engine import Actor, ProcessEngine
from engine.store import read, record, run
from engine.tables import channel
from engine.tables import job as job_table
from engine.tables import publication_progress as table

LOOKS = (60, 300, 1800, 7200)  # seconds before each look at what is not known
LONGEST_HOLD = dt.timedelta(days=1)  # whatever a platform says
MOST_NOTES = 65_536  # bytes of JSON
NOT_FOUND = N_("Tidak pasti: kanal sudah dilihat %(count)s kali dan kiriman tidak ditemukan. Periksalah sendiri.")
T = TypeVar("T")


def call(pe: ProcessEngine, job: Job, now: dt.datetime, use: Callable[[Connector], T]) -> T:
    """What `use` makes of the connector of the job's channel, called in its turn; whatever goes wrong comes as Failure.

    NotYet where the channel is paused, has just been called, or asked to be left alone: that waits, and is no failed attempt.
    """
    id = job.payload["kanal"]
    try:
        connector = channels.connector_for(pe, job.tenant, id)
        _take_turn(pe, job.tenant, id, float(getattr(connector, "pace", 0) or 0), now)
        with watching.quotas() as quotas:
            try:
                return use(connector)
            finally:
                _keep_to(pe, job, id, now, quotas.values())
    except Throttled as throttled:
        _hold(pe, job, id, now, now + dt.timedelta(seconds=throttled.retry_after or 0))
        raise
    except Failure:
        raise
    except NotFound as error:
        raise NotByMachine(error.message) from error
    except Exception as error:  # a connector is foreign code: how far it came before it broke, nobody knows
        # Only its kind is said: its words may hold a secret, such as a token in an address.
        raise Failure(N_("Konektor berhenti karena galat %(error)s."), "unknown", error=type(error).__name__) from error


def wait_for_its_time(connector: Connector, request: Request) -> None:
    """NotYet where it is for later, and the platform cannot wait itself."""
    if request.publish_at and "schedule" not in abilities(connector):
        raise NotYet((request.publish_at - request.now).total_seconds())


# Not known ------------------------------------------------------------------------------------------------------------

def look(pe: ProcessEngine, job: Job, now: dt.datetime, publication_id: str, request: Request, looks: int) -> Result | None:
    """Look at the channel for what may stand there. None: not seen, and a person has said that it is to be sent again; or it stands there
    in part, and is to be gone on with.

    `looks`: how many were begun; 0 after a person's order. Raises NotYet until the next look, and Failure (unknown) after the last.
    """
    try:
        found = call(pe, job, now, lambda connector: connector.find(request) if "find" in abilities(connector) else None)  # type: ignore[attr-defined]
    except NotYet:
        raise
    except Unfinished:
        return None
    except Failure as failure:
        if not looks and failure.kind != "unknown":
            raise
        found = None
    if found or not looks:
        return found
    if looks < len(LOOKS):
        run(pe, lambda db: set_looks(db, publication_id, looks + 1, now))
        raise NotYet(LOOKS[looks])
    run(pe, lambda db: set_looks(db, publication_id, 0, now))
    raise Failure(NOT_FOUND, "unknown", count=looks)


def reads_back(pe: ProcessEngine, job: Job) -> bool:
    try:
        return "find" in abilities(channels.connector_for(pe, job.tenant, job.payload["kanal"], disabled_too=True))
    except (Failure, NotFound):
        return False


# Progress -------------------------------------------------------------------------------------------------------------

def progress(pe: ProcessEngine, job: Job, publication_id: str, now: dt.datetime) -> tuple[Progress, int]:
    """What was noted of this publication, to go on from, and how many looks at it were begun. Noting more raises Conflict once another
    worker has taken the job: one that stood still for longer than its lease begins nothing any more."""
    with read(pe) as db:
        row = db.execute(sa.select(table).where(table.c.publication_id == publication_id)).mappings().first()
        lease = db.scalar(_lease(job))
    return Progress(_opened(pe, row), lambda values: _save(pe, job, lease, publication_id, values, now)), row["looks"] if row else 0


def set_looks(db: sa.Connection, publication_id: str, looks: int, now: dt.datetime) -> None:
    _upsert(db, publication_id, {"looks": looks, "updated_at": now})


def forget(db: sa.Connection, publication_id: str) -> None:
    db.execute(sa.delete(table).where(table.c.publication_id == publication_id))


def _opened(pe: ProcessEngine, row: Mapping[Any, Any] | None) -> dict[str, Any]:
    if row is None or not row["notes"]:
        return {}
    try:
        return json.loads(Fernet(pe.fernet_key("progress")).decrypt(row["notes"]))
    except InvalidToken:
        raise Failure(N_("Catatan pengiriman tidak dapat dibuka; tidak diketahui sejauh mana terkirim."), "unknown") from None


def _lease(job: Job) -> Any:
    return sa.select(job_table.c.leased_by).where(job_table.c.id == job.id)


def _save(pe: ProcessEngine, job: Job, lease: str | None, publication_id: str, values: dict[str, Any], now: dt.datetime) -> None:
    notes = json.dumps(values).encode()
    if len(notes) > MOST_NOTES:
        raise ValueError("a connector's progress is too large")
    sealed = Fernet(pe.fernet_key("progress")).encrypt(notes)

    def write(db: sa.Connection) -> None:
        if db.scalar(_lease(job).with_for_update()) != lease:
            raise Conflict(N_("Pekerjaan ini sudah diambil atau diselesaikan oleh yang lain."))
        _upsert(db, publication_id, {"notes": sealed, "updated_at": now})

    run(pe, write)


def _upsert(db: sa.Connection, publication_id: str, values: dict[str, Any]) -> None:
    if not db.execute(sa.update(table).where(table.c.publication_id == publication_id).values(values)).rowcount:
        db.execute(sa.insert(table), {"publication_id": publication_id, **values})


# The channel's turn ---------------------------------------------------------------------------------------------------

def _take_turn(pe: ProcessEngine, tenant: str, id: str, pace: float, now: dt.datetime) -> None:
    """NotYet where the channel may not be called before a later moment. Of a channel with a pace, one worker has each turn."""
    one = (channel.c.tenant_id == tenant, channel.c.id == id)
    with read(pe) as db:
        not_before = db.scalar(sa.select(channel.c.not_before).where(*one))
    if not_before is not None and not_before > now:
        raise NotYet((not_before - now).total_seconds())
    if pace:
        same = channel.c.not_before.is_(None) if not_before is None else channel.c.not_before == not_before
        taken = sa.update(channel).where(*one, same).values(not_before=now + dt.timedelta(seconds=pace))
        if not run(pe, lambda db: db.execute(taken)).rowcount:
            raise NotYet(pace)


def _keep_to(pe: ProcessEngine, job: Job, id: str, now: dt.datetime, quotas: Iterable[Quota]) -> None:
    """Of what the platform allows, nothing is left: nobody calls before there is something again."""
    ends = [quota.resets_at for quota in quotas if quota.remaining == 0 and quota.resets_at and quota.resets_at > now]
    if ends:
        _hold(pe, job, id, now, min(max(ends), now + LONGEST_HOLD))


def _hold(pe: ProcessEngine, job: Job, id: str, now: dt.datetime, until: dt.datetime) -> None:
    """Leave the channel alone until then, whichever worker has something for it."""
    later = sa.update(channel).where(channel.c.tenant_id == job.tenant, channel.c.id == id,
                                     sa.or_(channel.c.not_before.is_(None), channel.c.not_before < until)).values(not_before=until)

    def write(db: sa.Connection) -> None:
        if db.execute(later).rowcount:
            record(db, Actor.system(job.tenant), now, "channel.held", instance_id=job.instance_id,
                   activity_instance_id=job.activity_instance_id or None, data={"channel": id, "until": until.isoformat()})

    run(pe, write)
