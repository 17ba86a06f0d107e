"""What a person found on a channel, where Terbit does not know how its call ended: it stands there, or it does not.

With an incident's resolution by hand (`commands.resolve_incident`), in its transaction: the publication's row says what is true.
"""

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from bpmn.errors import N_, Invalid
from engine import news
from engine.ids import new_id
from engine.process_engine import Actor
from engine.store import record
from engine.tables import publication, publication_progress
from engine.values import text

PUBLISH, WITHDRAW = "publikasi", "turunkan"  # the topics of calls that change what stands on a channel
_URL = re.compile(r"https?://[^\s\\@<>\"]{3,1990}")


@dataclass(frozen=True)
class Found:
    """`done`: what was to be done is: it stands at `url`; of a withdrawal: it is gone."""

    done: bool
    url: str = ""


def required(job: Mapping[Any, Any], found: Found | None) -> Found | None:
    """What was found, as far as this job needs it; Invalid where it is not said, or where the address is none."""
    if job["topic"] not in (PUBLISH, WITHDRAW):
        return None
    if found is None:
        raise Invalid(N_("Katakan apa yang ada di kanal itu sekarang."), field="found")
    if job["topic"] == PUBLISH and found.done and not _URL.fullmatch(found.url):
        raise Invalid(N_("Isi dengan alamat lengkap, diawali http:// atau https://."), field="url")
    return found


def write(db: sa.Connection, actor: Actor, now: dt.datetime, job: Mapping[Any, Any], found: Found, why: str) -> dict[str, Any]:
    """Let the publication's row say so, and return the job's result: {url, id, published_at}, or {url} of a withdrawal."""
    of_case: tuple[Any, ...] = (publication.c.instance_id == job["instance_id"], publication.c.channel_id == job["payload"].get("kanal"))
    if job["topic"] == PUBLISH:
        of_case = (*of_case, publication.c.revision == (job["payload"].get("revisi") or 1))
    own_id = db.scalar(sa.select(sa.func.max(publication.c.id)).where(*of_case)) or _insert(db, now, job)
    state = ("published" if job["topic"] == PUBLISH else "withdrawn") if found.done else "failed"
    row: dict[str, Any] = {"state": state, "error": None if found.done else why, "updated_at": now}
    if found.done:
        row |= {"published_at": now} | ({"url": found.url} if job["topic"] == PUBLISH else {})
        db.execute(sa.delete(publication_progress).where(publication_progress.c.publication_id == own_id))
        news.tell(db, actor.tenant, now, job["instance_id"])
    db.execute(sa.update(publication).where(publication.c.id == own_id).values(row))
    record(db, actor, now, f"publication.{state}", instance_id=job["instance_id"], activity_instance_id=job["activity_instance_id"],
           data={"channel": job["payload"].get("kanal"), "url": found.url or None, "error": row["error"], "by": actor.id, "reason": why})
    if job["topic"] == WITHDRAW:
        return {"url": None}
    return {"url": found.url if found.done else None, "id": "", "published_at": now.isoformat() if found.done else None}


def _insert(db: sa.Connection, now: dt.datetime, job: Mapping[Any, Any]) -> str:
    """The row of what never came so far as to be tried."""
    payload, own_id = job["payload"], new_id(now)
    db.execute(sa.insert(publication), {
        "id": own_id, "tenant_id": job["tenant_id"], "instance_id": job["instance_id"], "channel_id": str(payload.get("kanal") or ""),
        "revision": payload.get("revisi") or 1, "connector": "manual", "kind": text(payload.get("jenis") or "", 255) or None,
        "state": "attempted", "content_sha256": str(payload.get("segel") or "")[:64], "updated_at": now})
    return own_id
