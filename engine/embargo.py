"""When nothing is published: an embargo, the quiet days before a vote (masa tenang).

An office's windows lie in its settings, section `embargo`: {windows: [{from, to, reason, channels}]}, moments as ISO 8601 in UTC,
`channels` empty for all. What is due in one waits for its end. What stands already stays, and a takedown is not held.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from bpmn.errors import N_, Invalid
from engine.tables import job, publication

MOST = 50  # windows
LONGEST = dt.timedelta(days=400)
LONGEST_REASON = 200  # characters
SOON = dt.timedelta(seconds=10)  # after a change: longer than a worker believes old settings (`settings.KEPT_SECONDS`)
TOPIC = "publikasi"


@dataclass(frozen=True)
class Embargo:
    """Until when a channel is held, and why."""

    until: dt.datetime
    reason: str


def of(windows: Iterable[Mapping[str, Any]], channel_id: str, at: dt.datetime) -> Embargo | None:
    """What holds a channel at a moment; windows that touch or overlap hold until the last one ends, with the first one's reason."""
    spans = sorted((*span(each), each["reason"]) for each in windows if not each["channels"] or channel_id in each["channels"])
    found = None
    for start, end, reason in spans:
        if start <= (found.until if found else at) < end:
            found = Embargo(end, found.reason if found else reason)
    return found


def span(window: Mapping[str, Any]) -> tuple[dt.datetime, dt.datetime]:
    """From when (included) to when (not included)."""
    return dt.datetime.fromisoformat(window["from"]), dt.datetime.fromisoformat(window["to"])


def checked(value: Mapping[str, Any]) -> dict[str, Any]:
    """The section as it may be kept, by the windows' begin; Invalid, by field, where it may not."""
    windows = value.get("windows", [])
    if not isinstance(windows, list) or len(windows) > MOST:
        raise Invalid(N_("Paling banyak %(most)s masa. Hapus yang sudah lewat."), field="from", most=MOST)
    return {"windows": sorted((_window(each) for each in windows), key=lambda each: each["from"])}


def _window(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict) or value.keys() != {"from", "to", "reason", "channels"}:
        raise Invalid(N_("Pengaturan ini tidak dikenal."), field="from")
    start, end = _moment(value["from"], "from"), _moment(value["to"], "to")
    if not start < end <= start + LONGEST:
        raise Invalid(N_("Akhirnya harus sesudah awalnya, paling lama %(days)s hari."), field="to", days=LONGEST.days)
    reason, channels = value["reason"], value["channels"]
    if not isinstance(reason, str) or not reason.strip() or len(reason) > LONGEST_REASON or any(ord(c) < 32 for c in reason):
        raise Invalid(N_("Sebutkan alasannya dalam satu baris, paling banyak %(most)s karakter."), field="reason", most=LONGEST_REASON)
    if not isinstance(channels, list) or len(channels) > MOST or not all(isinstance(c, str) and 0 < len(c) <= 40 for c in channels):
        raise Invalid(N_("Kanal tidak dikenal."), field="channels")
    return {"from": start.isoformat(), "to": end.isoformat(), "reason": reason.strip(), "channels": sorted(set(channels))}


def _moment(value: Any, field: str) -> dt.datetime:
    try:
        moment = dt.datetime.fromisoformat(value)
        if moment.tzinfo is None or not 2000 <= moment.year <= 2999:
            raise ValueError(value)
        return moment.astimezone(dt.timezone.utc)
    except (ValueError, TypeError, OverflowError):
        raise Invalid(N_("Tanggal atau waktu tidak dapat dibaca."), field=field) from None


def wake(db: sa.Connection, tenant: str, now: dt.datetime) -> None:
    """The windows have changed: let what is held look again soon, in the change's transaction."""
    held = sa.exists().where(publication.c.tenant_id == tenant, publication.c.state == "held",
                             publication.c.instance_id == job.c.instance_id, publication.c.channel_id == job.c.payload["kanal"].as_string())
    cases = sa.select(publication.c.instance_id).where(publication.c.tenant_id == tenant, publication.c.state == "held")
    db.execute(sa.update(job).where(job.c.tenant_id == tenant, job.c.state == sa.literal_column("'open'"), job.c.topic == TOPIC,
                                    job.c.instance_id.in_(cases), job.c.due_at > now + SOON, held).values(due_at=now + SOON))
