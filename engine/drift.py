"""Drift: whether what was published still stands as it was approved. The worker looks; people are told, and say what it means.

What is approved is what the case's publication job was given under its seal: the text is composed of that anew, so nothing is kept
besides. A connector that can read back by the post's id does (`verify`); of any other post the public page is looked at. A look changes
nothing outside. What two looks an hour or more apart show alike is believed; that it stands is believed at once, and that nobody can
tell says nothing about a post of which it is known that it changed or went.
"""

import datetime as dt
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

import connectors
from bpmn.errors import N_, Conflict, NotFound
from connectors import Attachment, Connector, Failure, NotByMachine, NotYet, Request, Standing, abilities, rules, standing, watching
from engine import access, calls, channels, notices, publication, revisions, standings, values
from engine.archive import case_of
from engine.handlers import Job
from engine.process_engine import Actor, ProcessEngine
from engine.store import read, record, run
from engine.tables import channel, job, membership, process_instance, publication_standing
from engine.tables import publication as table

Clock = Callable[[], dt.datetime]
DAY = dt.timedelta(days=1)
EVERY = ((30 * DAY, DAY), (365 * DAY, 7 * DAY))  # (until it is so old, how often); then LATER
LATER = 30 * DAY
AGAIN = dt.timedelta(hours=1)  # until a look that shows something else is made once more
MOST, ROUND = 20, 10.0  # looks and seconds of a turn
SECONDS = 45.0  # for all calls of a look
LEASE = dt.timedelta(minutes=2)
_i, _j, _p, _s = process_instance.c, job.c, table.c, publication_standing.c


# Looking --------------------------------------------------------------------------------------------------------------

def work(pe: ProcessEngine, clock: Clock) -> int:
    """Look at posts that are due, a bounded number for some seconds: the worker's turn. Return how many were looked at."""
    looked, until = 0, time.monotonic() + ROUND
    while looked < MOST and time.monotonic() < until:
        row = _take(pe, clock())
        if row is None:
            break
        if row:
            _look(pe, row, clock())
            looked += 1
    return looked


def _take(pe: ProcessEngine, now: dt.datetime) -> Mapping[str, Any] | None:
    """Lease the next post that is due; None where there is none, {} where somebody else was quicker."""
    free = (_s.check_at <= now, sa.or_(_s.leased_until.is_(None), _s.leased_until <= now))
    with read(pe) as db:
        row = db.execute(sa.select(publication_standing).where(*free).order_by(_s.check_at, _s.publication_id).limit(1)).mappings().first()
    if row is None:
        return None
    lease = {"leased_until": now + LEASE}
    taken = sa.update(publication_standing).where(_s.publication_id == row["publication_id"], *free).values(lease)
    return {**row, **lease} if run(pe, lambda db: db.execute(taken)).rowcount else {}


def _look(pe: ProcessEngine, row: Mapping[str, Any], now: dt.datetime) -> None:
    with read(pe) as db:
        post = _post(db, row["publication_id"])
    if post is None or not post.stands:
        run(pe, lambda db: _save(db, row, {"state": "over", "since": now, "check_at": None}))
        return
    found = post.published_at - now + standings.FIRST if post.published_at > now else _ask(pe, post, now)
    if isinstance(found, Standing):
        run(pe, lambda db: _note(db, pe, row, post, found, now))
    else:
        run(pe, lambda db: _save(db, row, {"check_at": now + max(found, dt.timedelta(minutes=1))}))


@dataclass(frozen=True)
class _Post:
    """One publication, and what is known of its approval."""

    row: Mapping[Any, Any]  # the table's
    stands: bool  # nothing came after it on its channel
    title: str
    payload: Mapping[str, Any]
    business_key: str
    link: str

    @property
    def published_at(self) -> dt.datetime:
        return self.row["published_at"]

    def request(self, zone: dt.tzinfo, now: dt.datetime) -> Request:
        """As it was published, but for the files' bytes."""
        said, key = self.payload, f"{self.row['instance_id']}:{self.row['channel_id']}:{self.row['revision']}"
        images, others = _files(said.get("gambar")), _files(said.get("lampiran"))
        return Request(
            key, said.get("judul") or self.title, said.get("ringkasan") or "", said.get("isi") or "", said.get("jenis") or "", now,
            text=publication.own_text({**said, "kanal": self.row["channel_id"]}),
            images=[file for file in images if file.media_type.startswith("image/")],
            attachments=[file for file in images if not file.media_type.startswith("image/")] + others,
            business_key=self.business_key, corrections=revisions.corrections(said, zone, now), link=self.link)


def _files(value: Any) -> list[Attachment]:
    wanted = [value] if isinstance(value, dict) else value or []
    return [Attachment(str(file.get("name") or ""), str(file.get("media_type") or ""), b"", str(file.get("alt") or "")) for file in wanted]


def _post(db: sa.Connection, publication_id: str) -> _Post | None:
    row = db.execute(sa.select(table, _i.title, _i.business_key, _i.about_id).join(process_instance, _i.id == _p.instance_id).where(
        _p.id == publication_id)).mappings().first()
    if row is None or row["published_at"] is None:
        return None
    first_id = row["about_id"] or row["instance_id"]
    last = revisions.last(db, [first_id])[first_id].get(row["channel_id"])
    asked = db.scalars(sa.select(_j.payload).where(_j.instance_id == row["instance_id"], _j.topic == publication.TOPIC).order_by(_j.id))
    payload = [each for each in asked if each.get("kanal") == row["channel_id"] and (each.get("revisi") or 1) == row["revision"]]
    link = db.scalar(sa.select(_p.url).where(_p.instance_id == row["instance_id"], _p.channel_id == publication.WEBSITE,
                                             _p.state.in_(publication.DONE)))
    stands = row["state"] in publication.DONE and last is not None and last["id"] == row["id"]
    return _Post(row, stands, row["title"], payload[-1] if payload else {}, row["business_key"], link or "")


def _ask(pe: ProcessEngine, post: _Post, now: dt.datetime) -> Standing | dt.timedelta:
    """What a look shows; or for how long it must wait, since the channel is to be left alone."""
    row, request = post.row, post.request(pe.timezone, now)
    asking = Job(row["id"], row["tenant_id"], row["instance_id"], "", {"kanal": row["channel_id"]}, 1)

    def use(connector: Connector) -> Standing:
        if connector.name != row["connector"] or "verify" not in abilities(connector):
            raise NotByMachine
        return connector.verify(request, row["platform_id"], row["url"] or "")  # type: ignore[attr-defined]

    with watching.watching(seconds=SECONDS):
        if row["platform_id"] and post.payload:
            try:
                return calls.call(pe, asking, now, use)
            except NotYet as failure:
                return dt.timedelta(seconds=failure.retry_after or 0)
            except NotByMachine:
                pass  # a person published it, or the channel is another's now
            except Failure as failure:
                return standing.unreachable(failure)
        if not row["url"]:
            return standing.unreachable(Failure(N_("Alamat kiriman ini tidak diketahui.")))
        return standing.page(row["url"], request.title, _texts(row, request), channels.context(pe).allowed_private_hosts)


def _texts(row: Mapping[str, Any], request: Request) -> list[str]:
    kind = connectors.all_connectors().get(row["connector"])
    name = getattr(kind, "rules", "") or row["channel_id"]
    return standing.texts(name, request) if name in rules.CHANNELS and name != publication.WEBSITE else []


# What it means --------------------------------------------------------------------------------------------------------

def decide(row: Mapping[str, Any], found: Standing, now: dt.datetime, published_at: dt.datetime) -> dict[str, Any]:
    """What to write of a look (the standing's columns). Pure."""
    state: str = found.state
    if state == "changed" and not found.certain and row["stood_at"] is None:
        state, found = "unreachable", Standing("unreachable", N_("Halaman itu tidak memperlihatkan isinya kepada Terbit."))
    if state in standings.DRIFTED and found.found == row["accepted"]:
        state = "accepted"
    kept: dict[str, Any] = {"checked_at": now, "check_at": now + interval(now - published_at)}
    if state == "stands":
        new: dict[str, Any] = {"seen": None, "seen_at": None, "message": "", "params": {}, "found": None, "stood_at": now}
        return kept | new | ({"state": state, "since": now} if row["state"] != state else {})
    if state == "unreachable" and row["state"] in (*standings.DRIFTED, "accepted"):
        return kept
    says = {"message": found.message, "params": _plain(found.params), "found": found.found or None}
    if state in standings.DRIFTED:
        kept["check_at"] = now + DAY
    if state == row["state"]:
        return kept | says | {"seen": None, "seen_at": None}
    seen_at = row["seen_at"] if row["seen"] == state else now
    if state == "accepted" or now - seen_at >= AGAIN:
        return kept | says | {"state": state, "since": now, "seen": None, "seen_at": None}
    return kept | {"seen": state, "seen_at": seen_at, "check_at": seen_at + AGAIN}


def interval(age: dt.timedelta) -> dt.timedelta:
    """How long until the next look at a post of that age."""
    return next((often for until, often in EVERY if age < until), LATER)


def _plain(params: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value if isinstance(value, int | float) else values.text(str(value), 300) for name, value in params.items()}


def _note(db: sa.Connection, pe: ProcessEngine, row: Mapping[str, Any], post: _Post, found: Standing, now: dt.datetime) -> None:
    new = decide(row, found, now, post.published_at)
    state = new.get("state", row["state"])
    if not _save(db, row, new) or state == row["state"]:
        return
    about = {"channel": row["channel_id"], "url": post.row["url"], "from": row["state"]}
    actor, of = Actor.system(row["tenant_id"]), post.row["instance_id"]
    if state in standings.DRIFTED:
        said = {"to": state, "message": new["message"], "params": new["params"]}
        record(db, actor, now, "publication.drifted", instance_id=of, data=about | said)
        _tell(db, row, post, new, now)
    elif state == "stands" and row["state"] in (*standings.DRIFTED, "accepted"):
        record(db, actor, now, "publication.stands_again", instance_id=of, data=about)


def _save(db: sa.Connection, row: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Write it where the lease is still ours, and count it."""
    mine = sa.update(publication_standing).where(_s.publication_id == row["publication_id"], _s.leased_until == row["leased_until"],
                                                 _s.state == row["state"])
    if not db.execute(mine.values(**new, leased_until=None)).rowcount:
        return False
    standings.move(db, row["tenant_id"], row["channel_id"], row["state"], new.get("state", row["state"]))
    return True


def _tell(db: sa.Connection, row: Mapping[str, Any], post: _Post, new: Mapping[str, Any], now: dt.datetime) -> None:
    """Tell the admins and the Web Admins, once for each spell."""
    m, its = membership.c, (channel.c.tenant_id == row["tenant_id"], channel.c.id == row["channel_id"])
    people = db.scalars(sa.select(m.user_id).where(m.tenant_id == row["tenant_id"], m.group_id.in_((access.ADMIN, access.WEB_ADMIN))))
    text = new["message"] % new["params"] if new["params"] else new["message"]
    notices.tell(db, row["tenant_id"], now, user_ids=set(people), kind="drifted", instance_id=post.row["instance_id"],
                 key=f"drifted:{row['publication_id']}:{new['state']}:{now.isoformat()}",
                 data={"channel": db.scalar(sa.select(channel.c.name).where(*its)) or row["channel_id"], "text": text})


# Commands -------------------------------------------------------------------------------------------------------------

def accept(pe: ProcessEngine, actor: Actor, now: dt.datetime, publication_id: str, reason: str) -> str:
    """Say that what stands there instead is right so, and why: it is no drift any more until it changes again. Return the case's id."""
    why = values.reason(reason)

    def write(db: sa.Connection) -> str:
        row, of = _mine(db, actor, publication_id)
        if row["state"] not in standings.DRIFTED:
            raise Conflict(N_("Kiriman ini tidak (lagi) berbeda dari yang disetujui."))
        same = sa.update(publication_standing).where(
            _s.publication_id == publication_id, _s.state == row["state"], _s.found == row["found"])
        if db.execute(same.values(state="accepted", since=now, accepted=row["found"])).rowcount != 1:
            raise Conflict(N_("Kiriman ini baru saja dilihat lagi. Muat ulang halaman ini."))
        standings.move(db, row["tenant_id"], row["channel_id"], row["state"], "accepted")
        record(db, actor, now, "publication.drift_accepted", instance_id=of,
               data={"channel": row["channel_id"], "from": row["state"], "reason": why})
        return of

    return run(pe, write)


def ask(pe: ProcessEngine, actor: Actor, now: dt.datetime, publication_id: str) -> str:
    """Have the worker look at a post soon. Return the case's id."""
    def write(db: sa.Connection) -> str:
        _row, of = _mine(db, actor, publication_id)
        db.execute(sa.update(publication_standing).where(_s.publication_id == publication_id, _s.check_at > now).values(check_at=now))
        return of

    return run(pe, write)


def _mine(db: sa.Connection, actor: Actor, publication_id: str) -> tuple[Mapping[Any, Any], str]:
    row = db.execute(sa.select(publication_standing, _p.instance_id).join(table, _p.id == _s.publication_id).where(
        _s.publication_id == publication_id, _s.tenant_id == actor.tenant)).mappings().first()
    if row is None:
        raise NotFound(N_("Kiriman ini tidak ditemukan."))
    case_of(db, actor, row["instance_id"])
    access.require(access.may_settle_drift(actor))
    return row, row["instance_id"]
