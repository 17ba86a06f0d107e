"""The topic `turunkan`: what stands on one channel is taken away there, once.

As with publishing, the row (case, channel, revision) is written before the call, and connectors withdraw any number of
times as once; so a crash at any moment ends with the post gone and that written down.
"""

import datetime as dt
from typing import Any

import sqlalchemy as sa

from bpmn.errors import N_
from connectors import Failure, NotByMachine, NotYet
from engine import calls, revisions
from engine.handlers import BpmnError, Job, handler
from engine.ids import new_id
from engine.process_engine import Actor, ProcessEngine
from engine.store import read, record, run
from engine.tables import publication

TOPIC = "turunkan"


@handler(TOPIC)
def withdraw(pe: ProcessEngine, job: Job, now: dt.datetime) -> dict[str, Any]:
    """Withdraw what stands on the channel `job.payload["kanal"]` and return {url}; run again, it returns the same.

    Where nothing stands there any more, {url: None}. Raises Failure as the connector does (permanent: a person takes over).
    """
    own = sa.and_(publication.c.instance_id == job.instance_id, publication.c.channel_id == _channel(job))
    with read(pe) as db:
        done = db.execute(sa.select(publication.c.url).where(own, publication.c.state == "withdrawn")).first()
        before = revisions.earlier(db, job)
    if done or before is None:
        return {"url": done.url if done else None}
    run(pe, lambda db: _reserve(db, job, before, now))
    try:
        calls.call(pe, job, now, lambda connector: revisions.withdraw(connector, before, f"{job.instance_id}:{job.payload['kanal']}"))
    except NotYet:  # nothing was tried
        raise
    except Failure as failure:
        state = "manual" if isinstance(failure, NotByMachine) else "unknown" if failure.kind == "unknown" else "failed"
        _settle(pe, job, own, now, {"state": state, "error": str(failure)})
        raise
    _settle(pe, job, own, now, {"state": "withdrawn", "error": None, "published_at": now})
    return {"url": before["url"]}


def _channel(job: Job) -> str:
    channel = job.payload.get("kanal")
    if not isinstance(channel, str) or not channel:
        raise BpmnError("ditolak", N_("Kanal tidak disebutkan."), {"kegagalan": N_("Kanal tidak disebutkan.")})
    return channel


def _reserve(db: sa.Connection, job: Job, before: Any, now: dt.datetime) -> None:
    """Write that it is tried, before it is."""
    kept = {name: before[name] for name in ("connector", "kind", "content_sha256", "url", "platform_id")}
    row = {**kept, "state": "attempted", "error": None, "updated_at": now}
    own = (publication.c.instance_id == job.instance_id, publication.c.channel_id == job.payload["kanal"])
    if db.execute(sa.update(publication).where(*own, publication.c.state != "withdrawn").values(row)).rowcount:
        return
    if db.execute(sa.select(publication.c.id).where(*own)).first() is None:
        first_id = revisions.about(db, job.instance_id) or job.instance_id
        db.execute(sa.insert(publication), {
            "id": new_id(now), "tenant_id": job.tenant, "instance_id": job.instance_id, "channel_id": job.payload["kanal"],
            "revision": job.payload.get("revisi") or revisions.following(db, first_id), **row})


def _settle(pe: ProcessEngine, job: Job, own: Any, now: dt.datetime, row: dict[str, Any]) -> None:
    def write(db: sa.Connection) -> None:
        # A run that lost its lease and failed late does not undo what the next one did.
        if db.execute(sa.update(publication).where(own, publication.c.state != "withdrawn").values(**row, updated_at=now)).rowcount:
            record(db, Actor.system(job.tenant), now, f"publication.{row['state']}", instance_id=job.instance_id,
                   activity_instance_id=job.activity_instance_id or None,
                   data={"channel": job.payload["kanal"], "error": row["error"]})

    run(pe, write)
