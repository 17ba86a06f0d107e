"""Moving the time at which an approved case appears, wherever it waits for it: at its timer, as a call, or kept by a platform."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from bpmn.errors import N_, Conflict, Invalid, NotFound, TerbitError
from connectors import Failure
from engine import access, apply, channels, deadlines, embargo, ids, load, planned, retiming, revisions, settings, step
from engine.commands.instances import visible_instance
from engine.commands.jobs import _resolve_incident
from engine.embargo import Embargo
from engine.load import Loaded
from engine.process_engine import Actor, ProcessEngine
from engine.store import Stale, attempt, event_row, read, record, run
from engine.tables import channel, publication, publication_progress
from engine.tables import job as job_table
from engine.values import reason

TOPIC = "publikasi"
UNSETTLED = ("attempted", "planned", "held", "failed")  # what a call that is still to be made may have left
_j, _p = job_table.c, publication.c
Row = Mapping[Any, Any]


@dataclass(frozen=True)
class Planned:
    """When a case is to appear: `at` (None: as soon as it may), on which channels (id, name) still, and why that cannot be moved."""

    instance_id: str
    business_key: str
    title: str
    at: dt.datetime | None
    channels: list[tuple[str, str]]
    problem: TerbitError | None


@dataclass(frozen=True)
class Moved:
    """To when it was moved, which channels are held longer then (id, until when and why), and whether that changed anything."""

    at: dt.datetime
    held: list[tuple[str, Embargo]]
    changed: bool


@dataclass(frozen=True)
class _Case:
    """What waits for the time of a case."""

    instance: Loaded
    timers: list[Row]
    calls: list[Row]  # of `publikasi`, not done
    told: list[Row]  # earlier calls of `jadwal`, not done
    sent: dict[tuple[str, int], Row]  # payloads of all calls of `publikasi`, by channel and revision
    rows: list[Row]  # publications
    scheduled: list[Row]  # of them, what platforms keep until its time

    @property
    def own(self) -> Mapping[str, Any]:
        return self.instance.live.variables.get("", {})

    @property
    def at(self) -> dt.datetime | None:
        return None if self.instance.ended else planned.moment(self.own)

    @property
    def shown(self) -> dt.datetime | None:
        """When it is to appear: an admin may have moved its timer alone."""
        times = [each for each in (self.at, *(timer["due_at"] for timer in self.timers)) if each]
        return max(times) if times else min(map(_target, self.scheduled), default=None)

    @property
    def channels(self) -> list[str]:
        """The ids of the channels on which it is still to appear."""
        ids = [row["channel_id"] for row in self.scheduled]
        if self.calls:
            return ids + [str(call["payload"].get("kanal")) for call in self.calls]
        done = {row["channel_id"] for row in self.rows}
        named = (planned.columns(self.own)["publish_on"] or "").split() if not self.instance.ended else []
        return ids + [id for id in named if id not in done]


def plan(pe: ProcessEngine, actor: Actor, now: dt.datetime, instance_id: str) -> Planned:
    """When a case is to appear, for who may move that (`access.may_reschedule`)."""
    with read(pe) as db:
        case = _case(db, actor, now, instance_id)
    names = channels.channel_names(pe, actor)
    of = case.instance
    return Planned(of.id, of.business_key, of.title, case.shown, [(id, names.get(id, id)) for id in case.channels], _problem(pe, case, now))


def reschedule(pe: ProcessEngine, actor: Actor, now: dt.datetime, instance_id: str, at: dt.datetime, why: str,
               was: dt.datetime | None = None) -> Moved:
    """Let an approved case appear at another time in the future on all channels where it has not yet, and say why.

    `was`: the time that the asker saw; Conflict where it is another by now. The same time again changes nothing. Conflict
    while it is being published, and where a platform keeps the post that only a person can move there; Invalid, with the
    field 'at', before its approval and for times that are past or that a platform does not take. Into an embargo it may go.
    """
    at, why = at.astimezone(dt.timezone.utc).replace(microsecond=0), reason(why)

    def command() -> tuple[Moved, list[str]]:
        with read(pe) as db:
            case = _case(db, actor, now, instance_id)
        if _stands(case, at):
            return Moved(at, [], False), []
        if problem := _problem(pe, case, now):
            raise problem
        if was is not None and was != case.shown:
            raise Conflict(N_("Waktunya baru saja dipindahkan. Muat ulang halaman ini."))
        held = _held(pe, case, now, at)
        return Moved(at, held, True), run(pe, _writer(pe, actor, now, case, at, why))

    if not now < at < now + deadlines.FORESEEN:
        raise Invalid(N_("Isikan waktu yang akan datang, paling lama empat tahun dari sekarang."), field="at")
    moved, due = attempt(pe, command)
    pe.wake(due)
    return moved


# Inside ---------------------------------------------------------------------------------------------------------------

def _case(db: sa.Connection, actor: Actor, now: dt.datetime, instance_id: str) -> _Case:
    instance = visible_instance(db, actor, instance_id, lambda _: True)
    access.require(access.may_reschedule(actor, load.definition(db, instance.definition_id).groups))
    its_channel = sa.and_(channel.c.tenant_id == _p.tenant_id, channel.c.id == _p.channel_id)
    rows = db.execute(
        sa.select(publication, sa.func.coalesce(channel.c.name, _p.channel_id).label("channel"),
                  publication_progress.c.notes.is_not(None).label("begun"))
        .outerjoin(channel, its_channel).outerjoin(publication_progress, publication_progress.c.publication_id == _p.id)
        .where(_p.instance_id == instance.id).order_by(_p.id)).mappings().all()
    jobs = db.execute(sa.select(job_table).where(_j.instance_id == instance.id, sa.or_(_j.state.in_(("open", "failed")), _j.topic == TOPIC))
                      .order_by(_j.id)).mappings().all()
    calls = [job for job in jobs if job["topic"] == TOPIC]
    open_timers = [job for job in jobs if job["type"] == "timer" and job["state"] == "open"]
    return _Case(
        instance, timers=_timers(db, instance, open_timers) if open_timers else [], rows=list(rows),
        calls=[job for job in calls if job["state"] == "open"], sent={_place(job["payload"]): job for job in calls},
        told=[job for job in jobs if job["topic"] == retiming.TOPIC],
        scheduled=[row for row in rows if row["state"] == "scheduled" and row["published_at"] > now])


def _timers(db: sa.Connection, instance: Loaded, open_timers: Sequence[Row]) -> list[Row]:
    """Those that wait for the case's time: their diagram says so, or they are due then."""
    at, elements = planned.moment(instance.live.variables.get("", {})), load.spec(db, instance.definition_id).process.elements

    def waits_for_it(timer: Row) -> bool:
        element = elements.get(timer["activity_id"])
        dates = [each.expression for each in element.triggers if each.timer == "date"] if element else []
        return any(planned.AT in each for each in dates) or timer["due_at"] == at

    return [timer for timer in open_timers if waits_for_it(timer)]


def _place(payload: Mapping[str, Any]) -> tuple[str, int]:
    return str(payload.get("kanal")), payload.get("revisi") or 1


def _target(row: Row) -> dt.datetime:
    """When a post that a platform keeps is to appear, as it was wanted last."""
    return row["waits_until"] or row["published_at"]


def _stands(case: _Case, at: dt.datetime) -> bool:
    """Whether all that waits waits for this time already."""
    times = [timer["due_at"] for timer in case.timers] + [_target(row) for row in case.scheduled]
    return all(each == at for each in times) and (case.at == at or case.instance.ended and bool(times))


def _problem(pe: ProcessEngine, case: _Case, now: dt.datetime) -> TerbitError | None:
    """Why the case cannot be moved now, whereto ever."""
    if case.instance.suspended:
        return Conflict(N_("Berkas ini sedang ditangguhkan."))
    if not case.instance.ended and not case.own.get(planned.SEAL):
        return Invalid(N_("Berkas ini belum disetujui. Waktu terbitnya ditentukan sesudah itu."), field="at")
    if busy := _busy(case):
        return Conflict(N_("Sedang diterbitkan (%(channel)s): waktunya tidak dapat dipindahkan sekarang."), channel=busy)
    coming = case.at is not None and case.at > now and bool(case.channels)
    if not (case.timers or case.calls or case.scheduled or coming):
        return Conflict(N_("Tidak ada lagi di berkas ini yang menunggu waktu terbitnya."))
    for row in case.scheduled:
        connector = _connector(pe, case, row)
        if connector is None or not revisions.can_reschedule(connector, row):
            return Conflict(N_("%(channel)s sudah memegang kiriman ini, dan hanya di sana waktunya dapat dipindahkan."),
                            channel=row["channel"])
    return None


def _busy(case: _Case) -> str:
    """What is being published just now, or may have been: nobody moves it under its worker's hands."""
    if any(timer["leased_by"] for timer in case.timers):
        return case.instance.business_key
    rows = {(row["channel_id"], row["revision"]): row for row in case.rows}
    for call in case.calls:
        row = rows.get(_place(call["payload"]))
        begun = row is not None and (row["state"] == "unknown" or row["state"] == "attempted" and row["begun"])
        if call["leased_by"] or begun:
            return row["channel"] if row is not None else _place(call["payload"])[0]
    return next((str(told["payload"].get("kanal")) for told in case.told if told["leased_by"]), "")


def _connector(pe: ProcessEngine, case: _Case, row: Row) -> Any:
    try:
        return channels.connector_for(pe, case.instance.tenant, row["channel_id"], disabled_too=True)
    except (NotFound, Failure):
        return None


def _held(pe: ProcessEngine, case: _Case, now: dt.datetime, at: dt.datetime) -> list[tuple[str, Embargo]]:
    """The channels that an embargo holds at that time. Invalid where a platform that keeps a post would not: it knows of no embargo,
    and takes times of its schedule only."""
    windows = settings.get(pe, case.instance.tenant)["embargo"]["windows"]
    for row in case.scheduled:
        if embargo.of(windows, row["channel_id"], at):
            raise Invalid(N_("Waktu itu dalam masa embargo, dan kiriman yang sudah dipegang %(channel)s tidak dapat ditahan."), field="at",
                          channel=row["channel"])
        soonest, latest = getattr(_connector(pe, case, row), "schedule_window", None) or (dt.timedelta(), deadlines.FORESEEN)
        if not soonest <= at - now <= latest:
            raise Invalid(N_("%(channel)s hanya menjadwalkan antara %(soonest)s dan %(latest)s."), field="at", channel=row["channel"],
                          soonest=now + soonest, latest=now + latest)
    found = [(id, embargo.of(windows, id, at)) for id in case.channels]
    return [(id, each) for id, each in found if each]


# Writing --------------------------------------------------------------------------------------------------------------

def _writer(pe: ProcessEngine, actor: Actor, now: dt.datetime, case: _Case, at: dt.datetime, why: str) -> Any:
    """Compute the step, and return what writes it all, with the ids of jobs that are due. Stale where anything was changed since."""
    of, text = case.instance, at.astimezone(pe.timezone).isoformat()
    said = {"from": case.shown.isoformat() if case.shown else None, "to": at.isoformat(), "channels": case.channels, "reason": why}
    outcome = spec = None
    if not of.ended:
        with read(pe) as db:
            spec = load.spec(db, of.definition_id)
        outcome = step.set_variables(spec, of.live, "", {planned.AT: text}, now, ids.source(now))

    def write(db: sa.Connection) -> list[str]:
        for job in (*case.timers, *case.calls):
            _put_off(db, job, at, {**job["payload"], planned.AT: text} if job["topic"] == TOPIC else job["payload"])
        for row in case.rows:
            if row["state"] in UNSETTLED and (row["channel_id"], row["revision"]) in {_place(call["payload"]) for call in case.calls}:
                _mark(db, row, {"state": "planned", "waits_until": at, "error": None, "updated_at": now})
        told = [_tell(db, actor, now, case, row, text) for row in case.scheduled]
        if outcome is None or spec is None:
            record(db, actor, now, "publication.rescheduled", instance_id=of.id, data=said)
            return told
        happened = event_row(actor, now, "publication.rescheduled", of.id, data={**said, **apply.changes(outcome)})
        return told + apply.write(db, actor, now, of, outcome, title=load.title(spec, of, outcome), events=[happened])

    return write


def _put_off(db: sa.Connection, job: Row, at: dt.datetime, payload: Any) -> None:
    """Guarded against the worker that takes it at this moment: of the two one has it."""
    free = sa.update(job_table).where(_j.id == job["id"], _j.state == "open", _j.leased_by.is_(None))
    if db.execute(free.values(due_at=at, payload=payload)).rowcount != 1:
        raise Stale


def _mark(db: sa.Connection, row: Row, values: dict[str, Any]) -> None:
    same = sa.update(publication).where(_p.id == row["id"], _p.state == row["state"], _p.updated_at == row["updated_at"])
    if db.execute(same.values(values)).rowcount != 1:
        raise Stale


def _tell(db: sa.Connection, actor: Actor, now: dt.datetime, case: _Case, row: Row, text: str) -> str:
    """Let the platform be told by a call of its own, whose id is returned, in place of an earlier one that was not made."""
    _mark(db, row, {"waits_until": dt.datetime.fromisoformat(text), "error": None, "updated_at": now})
    for told in case.told:
        if told["payload"].get("publikasi") == row["id"]:
            gone = sa.update(job_table).where(_j.id == told["id"], _j.state == told["state"], _j.leased_by.is_(None))
            if db.execute(gone.values(state="cancelled", ended_at=now)).rowcount != 1:
                raise Stale
            _resolve_incident(db, actor, now, told["id"])
    call = case.sent.get((row["channel_id"], row["revision"]))
    payload = retiming.payload(call["payload"] if call else {"kanal": row["channel_id"], "revisi": row["revision"]}, row, text)
    id = ids.new_id(now)
    db.execute(sa.insert(job_table), {
        "id": id, "tenant_id": case.instance.tenant, "instance_id": case.instance.id, "definition_id": case.instance.definition_id,
        "activity_instance_id": None, "activity_id": call["activity_id"] if call else "", "type": "external", "topic": retiming.TOPIC,
        "payload": payload, "state": "open", "due_at": now, "retries": retiming.RETRIES, "created_at": now})
    return id
