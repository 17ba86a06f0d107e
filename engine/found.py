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
from engine.process_engine import Actor
from engine.store import record
from engine.tables import publication, publication_progress

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
    own = sa.and_(publication.c.instance_id == job["instance_id"], publication.c.channel_id == job["payload"].get("kanal"))
    if job["topic"] == PUBLISH:
        own = sa.and_(own, publication.c.revision == (job["payload"].get("revisi") or 1))
    else:  # the newest of the case's rows on that channel: that which its withdrawal wrote
        own = publication.c.id == sa.select(sa.func.max(publication.c.id)).where(own).scalar_subquery()
    state = ("published" if job["topic"] == PUBLISH else "withdrawn") if found.done else "failed"
    row: dict[str, Any] = {"state": state, "error": None if found.done else why, "updated_at": now}
    if found.done:
        row |= {"published_at": now} | ({"url": found.url} if job["topic"] == PUBLISH else {})
    if db.execute(sa.update(publication).where(own).values(row)).rowcount:
        record(db, actor, now, f"publication.{state}", instance_id=job["instance_id"], activity_instance_id=job["activity_instance_id"],
               data={"channel": job["payload"].get("kanal"), "url": found.url or None, "error": row["error"], "by": actor.id,
                     "reason": why})
        if found.done:
            db.execute(sa.delete(publication_progress).where(
                publication_progress.c.publication_id.in_(sa.select(publication.c.id).where(own))))
            news.tell(db, actor.tenant, now, job["instance_id"])
    if job["topic"] == WITHDRAW:
        return {"url": None}
    return {"url": found.url if found.done else None, "id": "", "published_at": now.isoformat() if found.done else None}
