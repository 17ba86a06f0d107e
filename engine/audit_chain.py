"""The history's seals: a chain for the whole installation, each of whose links covers so many events and the link before.

Writing an event costs nothing more for it: the worker seals what is committed, in batches, a few seconds later. A seal keeps
one digest for each event, so that a case whose time of keeping is over can go (`engine.disposal`) and all else is still checked.
The last hash also goes to the log, to the audit page and, hourly, into a file beside the database (`ANCHORS`): a chain that was
cut short or written anew as a whole does not end in what these say.
"""

import contextlib
import datetime as dt
import functools
import hashlib
import json
import struct
import time
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import structlog

from bpmn.errors import N_
from bpmn.expressions import canonical
from engine.process_engine import ProcessEngine
from engine.store import read, run
from engine.tables import audit_seal, event

START = "0" * 64  # what the first seal has before it
BATCH = 1000  # events of one seal: with their digests 40 kB
PATIENCE = 1.0  # seconds to wait for those who are writing events
ANCHORS = "audit-anchors.txt"  # 'number hash time' a line
ANCHOR_EVERY = dt.timedelta(hours=1)
DISPOSED = "instance.disposed"  # its data names the events that went with a case: see `engine.disposal`

TEXT = "%Y-%m-%d %H:%M:%S.%f"  # a time as text, in UTC

_e, _s = event.c, audit_seal.c
_item = struct.Struct(">q32s")
log = structlog.get_logger()


@dataclass(frozen=True)
class Head:
    """The last seal: its number (0: none yet), its hash, the last event that it covers, and when it was made."""

    number: int = 0
    hash: str = START
    last_id: int = 0
    at: dt.datetime | None = None

    def __str__(self) -> str:
        return f"{self.number}:{self.hash}"


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with the history: `code` for machines, `message` (a msgid with `params`) for people."""

    code: str  # '{missing,changed}-seal', 'broken-chain', 'cut', 'rewritten', '{changed,removed,inserted,moved}-event'
    number: int  # of the seal or the event
    message: str
    params: dict[str, Any]

    def __str__(self) -> str:
        return self.message % self.params


def work(pe: ProcessEngine, now: dt.datetime) -> None:
    """Seal what there is, as the worker does: the chain's end goes to the log, which lies elsewhere than the database."""
    if count := seal(pe, now):
        last = last_seal(pe)
        log.info("audit.sealed", number=last.number, hash=last.hash, events=count)


# Sealing --------------------------------------------------------------------------------------------------------------

def head(db: sa.Connection) -> Head:
    """The last seal."""
    row = db.execute(sa.select(_s.number, _s.hash, _s.last_id, _s.at).order_by(_s.number.desc()).limit(1)).first()
    return Head(*row) if row else Head()


def last_seal(pe: ProcessEngine) -> Head:
    """As `head`, in a connection of its own."""
    with read(pe) as db:
        return head(db)


def unsealed(db: sa.Connection, last: Head) -> int:
    """How many events are not sealed yet, up to BATCH."""
    found = sa.select(_e.id).where(_e.id > last.last_id).limit(BATCH).subquery()
    return db.scalar(sa.select(sa.func.count()).select_from(found)) or 0


def seal(pe: ProcessEngine, now: dt.datetime, *, seconds: float = 1.5) -> int:
    """Seal what is committed and not sealed yet, for about so long; return how many events. Two at once do no harm: one goes on."""
    until, count = time.monotonic() + seconds, 0
    with read(pe) as db:
        if not unsealed(db, head(db)):
            return 0
        settled = _settled(db)
    while settled is not None:
        with read(pe) as db:
            last = head(db)
            rows = _events(db, last.last_id, settled, BATCH)
        if not rows:
            break
        made = _seal_row(now, last, rows)
        try:
            run(pe, functools.partial(_insert, row=made))
        except sa.exc.IntegrityError:  # another worker sealed the same
            break
        count += len(rows)
        _anchor(pe.folder, now, made)
        if len(rows) < BATCH or time.monotonic() > until:
            break
    return count


def _insert(db: sa.Connection, row: dict[str, Any]) -> None:
    db.execute(sa.insert(audit_seal), row)


def _settled(db: sa.Connection) -> int | None:
    """An id up to which no event can appear any more; None where somebody takes long to write.

    PostgreSQL hands ids out before the commit. Who has one at or below the highest that is visible holds a lock on the table by
    then (it is taken before the id), so once everybody who held one has ended, all of those ids are there or never will be.
    SQLite has one writer at a time.
    """
    highest = db.scalar(sa.select(sa.func.max(_e.id))) or 0
    if db.dialect.name != "postgresql":
        return highest
    until, writing = time.monotonic() + PATIENCE, _writing(db)
    while writing and time.monotonic() < until:
        time.sleep(0.01)
        writing &= _writing(db)
    return None if writing else highest


def _writing(db: sa.Connection) -> set[str]:
    return set(db.scalars(sa.text(
        "SELECT virtualtransaction FROM pg_locks WHERE locktype = 'relation' AND relation = 'event'::regclass AND mode = 'RowExclusiveLock'"
        " AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())")))


def _seal_row(now: dt.datetime, last: Head, rows: Sequence[tuple[int, bytes]]) -> dict[str, Any]:
    made = {"number": last.number + 1, "first_id": rows[0][0], "last_id": rows[-1][0],
            "events": b"".join(_item.pack(*row) for row in rows), "previous": last.hash}
    return {**made, "at": now, "hash": hash_of({**made, "at": now.astimezone(dt.timezone.utc).strftime(TEXT)})}


def _events(db: sa.Connection, after: int, until: int, limit: int | None = None) -> list[tuple[int, bytes]]:
    """(id, digest) of these events. Text is read as it lies there, so that no damage to it is an error here.

    A digest is the SHA-256 over all that an event says. Its id is not in it, but beside it: so a moved event is known again.
    """
    said = (_e.tenant_id, _e.instance_id, _e.activity_instance_id, _e.type, _text(db, _e.at), _e.actor, sa.cast(_e.data, sa.Text))
    rows = db.execute(sa.select(_e.id, *said).where(_e.id > after, _e.id <= until).order_by(_e.id).limit(limit))
    return [(id, hashlib.sha256(_bytes(rest)).digest()) for id, *rest in rows]


def hash_of(row: Mapping[str, Any]) -> str:
    """The SHA-256 that a seal must have: over its place, its events with their digests, and the hash of the seal before it."""
    said = [row["number"], row["at"], row["first_id"], row["last_id"], hashlib.sha256(row["events"]).hexdigest(), row["previous"]]
    return hashlib.sha256(_bytes(said)).hexdigest()


def _bytes(said: list[Any]) -> bytes:
    return canonical(said).encode("utf-8", "surrogatepass")


def _text(db: sa.Connection, at: sa.ColumnElement) -> sa.ColumnElement:
    """A time as TEXT says it, which is how SQLite keeps it."""
    return sa.type_coerce(at, sa.String) if db.dialect.name == "sqlite" else sa.func.to_char(at, "YYYY-MM-DD HH24:MI:SS.US")


# Anchors --------------------------------------------------------------------------------------------------------------

def _anchor(folder: Path, now: dt.datetime, made: Mapping[str, Any]) -> None:
    """Note the chain's end in a file of its own, once an hour."""
    known = list(_anchors(folder))
    if not known or now - known[-1][2] >= ANCHOR_EVERY:
        with (folder / ANCHORS).open("a", encoding="ascii") as file:
            file.write(f"{made['number']} {made['hash']} {now.isoformat()}\n")


def _anchors(folder: Path) -> Iterator[tuple[int, str, dt.datetime]]:
    path = folder / ANCHORS
    for line in path.read_text("ascii").splitlines() if path.exists() else ():
        number, hash, at = line.split()
        yield int(number), hash, dt.datetime.fromisoformat(at)


# Checking -------------------------------------------------------------------------------------------------------------

def verify(pe: ProcessEngine, known: Mapping[int, str] | None = None) -> Iterator[Problem]:
    """Recompute every seal, and every event's digest: nothing is given where all is as it was sealed.

    `known`: {number: hash} that somebody wrote down, beside those of the file of anchors. Memory stays bounded, whatever is found.
    """
    expected = {number: hash for number, hash, _at in _anchors(pe.folder)} | dict(known or {})
    last, disposed = Head(last_id=-1 << 62), _disposed(pe)  # no event of ours has a number below 1
    while True:
        with read(pe) as db:
            row = _next_seal(db, last)
            if row is None:
                break
            after = last.last_id if row["number"] == last.number + 1 else row["first_id"] - 1
            found = dict(_events(db, after, row["last_id"]))
        sealed = dict(_item.iter_unpack(row["events"][:len(row["events"]) // _item.size * _item.size]))
        yield from _seal_problems(row, last, expected)
        yield from _event_problems(sealed, found, disposed)
        last = Head(row["number"], row["hash"], row["last_id"])
    for number in sorted(number for number in expected if number > last.number):
        yield Problem("cut", number, N_("rantai terpotong: segel %(number)d pernah dicatat, kini tidak ada"), {"number": number})


def _next_seal(db: sa.Connection, last: Head) -> dict[str, Any] | None:
    columns = (_s.number, _text(db, _s.at).label("at"), _s.first_id, _s.last_id, sa.cast(_s.events, sa.LargeBinary).label("events"),
               _s.previous, _s.hash)
    row = db.execute(sa.select(*columns).where(_s.number > last.number).order_by(_s.number).limit(1)).mappings().first()
    return {str(name): value for name, value in row.items()} if row else None


def _seal_problems(row: Mapping[str, Any], last: Head, expected: Mapping[int, str]) -> Iterator[Problem]:
    number, params = row["number"], {"number": row["number"]}
    if number > last.number + 1:
        yield Problem("missing-seal", last.number + 1, N_("segel %(first)d sampai %(last)d hilang"),
                      {"first": last.number + 1, "last": number - 1})
    elif row["previous"] != last.hash:
        yield Problem("broken-chain", number, N_("segel %(number)d tidak menyambung ke segel sebelumnya"), params)
    if row["hash"] != hash_of(row):
        yield Problem("changed-seal", number, N_("segel %(number)d diubah"), params)
    elif expected.get(number, row["hash"]) != row["hash"]:
        yield Problem("rewritten", number, N_("segel %(number)d bukan yang pernah dicatat: rantai ditulis ulang"), params)


def _event_problems(sealed: Mapping[int, bytes], found: Mapping[int, bytes], disposed: array) -> Iterator[Problem]:
    place = {digest: id for id, digest in sealed.items()}
    moved_from = set()
    for id, now_there in found.items():
        if sealed.get(id) == now_there:
            continue
        was = place.get(now_there)
        if was is not None and found.get(was) != now_there:
            moved_from.add(was)
            yield Problem("moved-event", id, N_("peristiwa %(number)d dipindah: ia disegel sebagai nomor %(was)d"),
                          {"number": id, "was": was})
        elif id in sealed:
            yield Problem("changed-event", id, N_("peristiwa %(number)d diubah"), {"number": id})
        else:
            yield Problem("inserted-event", id, N_("peristiwa %(number)d disisipkan"), {"number": id})
    for id in sealed:
        if id not in found and id not in moved_from and not _contains(disposed, id):
            yield Problem("removed-event", id, N_("peristiwa %(number)d hilang"), {"number": id})


def _disposed(pe: ProcessEngine) -> array:
    """The ids of events that went with cases whose time of keeping was over, as the history says; 8 bytes each."""
    found, last = array("q"), 0
    query = sa.select(_e.id, sa.cast(_e.data, sa.Text)).where(_e.type == DISPOSED).order_by(_e.id).limit(BATCH)
    with read(pe) as db:
        while rows := db.execute(query.where(_e.id > last)).all():
            for last, text in rows:  # noqa: B007 - the last one is where the next page begins
                with contextlib.suppress(ValueError, TypeError, KeyError):  # a damaged one is named where it is sealed
                    found.extend(json.loads(text)["events"])
    return array("q", sorted(found))


def _contains(ids: array, id: int) -> bool:
    at = bisect_left(ids, id)
    return at < len(ids) and ids[at] == id
