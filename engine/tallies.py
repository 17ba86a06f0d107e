"""Small counts by the hour, kept for a month: failed sign-ins, and how large the archive is."""

import datetime as dt
import os
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from engine.process_engine import Actor, ProcessEngine
from engine.store import read, record, run
from engine.tables import tally, user

FAILED = "sign-in.failed"
ARCHIVE, FILES = "archive.bytes", "archive.files"
KEPT = dt.timedelta(days=31)
_t = tally.c


def hour_of(now: dt.datetime) -> dt.datetime:
    return now.astimezone(dt.timezone.utc).replace(minute=0, second=0, microsecond=0)


def sign_in_failed(pe: ProcessEngine, now: dt.datetime, user_id: str) -> None:
    """Count and record one for the account of that name; all names that nobody has count as one, so that strangers make no rows."""
    user_id = user_id.strip().lower()

    def write(db: sa.Connection) -> None:
        office = db.scalar(sa.select(user.c.tenant_id).where(user.c.id == user_id)) if "\0" not in user_id else None
        _put(db, {"name": FAILED, "hour": hour_of(now), "subject": user_id if office else "", "tenant_id": office, "value": 1}, add=True)
        if office:
            record(db, Actor.system(office), now, "session.refused", data={"user": user_id})

    run(pe, write)


def measure_archive(pe: ProcessEngine, now: dt.datetime) -> bool:
    """Note once an hour how large the archive is, and forget what is older than a month. False where it was done already."""
    hour = hour_of(now)
    with read(pe) as db:
        if db.scalar(sa.select(_t.value).where(_t.name == ARCHIVE, _t.hour == hour, _t.subject == "")) is not None:
            return False
    size, files = _sum(pe.folder / "archive")

    def write(db: sa.Connection) -> None:
        for name, value in ((ARCHIVE, size), (FILES, files)):
            _put(db, {"name": name, "hour": hour, "subject": "", "tenant_id": None, "value": value}, add=False)
        db.execute(sa.delete(tally).where(_t.name.in_((FAILED, ARCHIVE, FILES)), _t.hour < hour - KEPT))

    run(pe, write)
    return True


def _put(db: sa.Connection, row: dict[str, Any], *, add: bool) -> None:
    insert = (postgresql if db.dialect.name == "postgresql" else sqlite).insert(tally).values(row)
    value = _t.value + insert.excluded.value if add else insert.excluded.value
    db.execute(insert.on_conflict_do_update(index_elements=["name", "hour", "subject"], set_={"value": value}))


def _sum(folder: Path) -> tuple[int, int]:
    """(bytes, files) below a folder; what goes away meanwhile does not count."""
    size = files = 0
    for place, _folders, names in os.walk(folder):
        for name in names:
            try:
                size += os.stat(os.path.join(place, name)).st_size
                files += 1
            except FileNotFoundError:
                continue
    return size, files
