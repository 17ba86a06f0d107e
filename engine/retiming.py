"""The topic `jadwal`: a post that its platform keeps until its time is to appear at another time.

Asked for by `commands.reschedule`; no activity waits for it, for the case has gone on, or ended, when the platform took the post.
Telling a platform the same time twice is telling it once, so what was not answered is said again. Until the platform has taken
it, the publication keeps its time (`published_at`), and says which is wanted (`waits_until`).
"""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from bpmn.errors import N_
from connectors import Failure, NotYet, repeatable
from engine import calls, publication, revisions
from engine.handlers import Job, handler
from engine.process_engine import Actor, ProcessEngine
from engine.store import read, record, run
from engine.tables import publication as table

TOPIC = "jadwal"
RETRIES = 5


def payload(call: Mapping[str, Any], row: Mapping[Any, Any], at: str) -> dict[str, Any]:
    """Of the job: what was published (the payload of `publikasi`), its publication, and the time at which it is to appear."""
    return {**call, "gambar": None, "lampiran": None, "terbit_pada": at, "publikasi": row["id"], "dari": row["published_at"].isoformat()}


@handler(TOPIC)
def retime(pe: ProcessEngine, job: Job, now: dt.datetime) -> dict[str, Any]:
    """Tell the platform; nothing where it is wanted no more. Raises Failure as the connector does."""
    with read(pe) as db:
        row = db.execute(sa.select(table).where(_wanted(job.payload))).mappings().first()
    if row is None:  # moved once more, withdrawn, or done by a run that lost its lease
        return {}
    at = _at(job.payload)
    try:
        if at <= now:
            raise Failure(N_("Waktu yang baru sudah lewat sebelum kanal ini dapat diberi tahu."))
        request = publication.request_of(pe, job.instance_id, job.payload, now)
        result = calls.call(pe, job, now, lambda connector: repeatable(lambda: revisions.reschedule(connector, row, request, at)))
    except NotYet:
        raise
    except Failure as failure:
        said = {"error": str(failure), "updated_at": now}
        run(pe, lambda db: db.execute(sa.update(table).where(_wanted(job.payload)).values(said)))
        raise
    run(pe, lambda db: settle(db, Actor.system(job.tenant), now, job.payload, publication.address(result.url) if result else ""))
    return {}


def settle(db: sa.Connection, actor: Actor, now: dt.datetime, payload: Mapping[str, Any], url: str = "") -> None:
    """It is to appear at its new time now, maybe at a new address: the platform has taken it, or a person has seen to that."""
    values = {"published_at": _at(payload), "waits_until": None, "error": None, "updated_at": now} | ({"url": url} if url else {})
    instance_id = db.scalar(sa.select(table.c.instance_id).where(table.c.id == payload["publikasi"]))
    if db.execute(sa.update(table).where(_wanted(payload)).values(values)).rowcount:
        record(db, actor, now, "publication.scheduled", instance_id=instance_id,
               data={"channel": payload["kanal"], "from": payload["dari"], "to": _at(payload).isoformat()})


def _at(payload: Mapping[str, Any]) -> dt.datetime:
    return dt.datetime.fromisoformat(payload["terbit_pada"]).astimezone(dt.timezone.utc)


def _wanted(payload: Mapping[str, Any]) -> sa.ColumnElement[bool]:
    return sa.and_(table.c.id == payload["publikasi"], table.c.state == "scheduled", table.c.waits_until == _at(payload))
