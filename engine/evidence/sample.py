"""An office's history that never was: years of cases of the shipped SOP, made from a seed, whose every figure is known beforehand.

It writes what the engine would have left behind (ended cases: instances, activity instances, events, publications), and nothing else. Its
people cannot sign in, its cases are called CONTOH, and the office is marked, so that the pages say "data contoh".
"""

import datetime as dt
import json
import random
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import sqlalchemy as sa

from bpmn.errors import N_, Conflict
from engine import channels, installation, people, settings
from engine.commands import deploy
from engine.deadlines import END_OF_TIME
from engine.process_engine import Actor, ProcessEngine
from engine.store import read, record, run
from engine.tables import activity, event, group, membership, process_definition, process_instance, publication, tenant, user
from engine.working_time import WorkingCalendar

KEY = "penerbitan-informasi"
MARK = "CONTOH"  # begins every business key
CHUNK = 500  # cases written in one transaction
KINDS = {"pengumuman": 30, "peraturan": 10, "surat-edaran": 10, "laporan-keuangan": 8, "juknis-juklak": 12, "berita": 30}
RETURNED = {"pengumuman": 0.2, "peraturan": 0.35, "surat-edaran": 0.15, "laporan-keuangan": 0.5, "juknis-juklak": 0.3}  # chance of a TIDAK
CLASSES = {"pengumuman": "serta-merta", "peraturan": "setiap-saat"}  # by kind; of the others "berkala"
UNITS = {"teknis": 50, "hukum": 30, "sdm": 20}  # the writers' groups
NOTES = {"Perbaiki bahasa dan ejaan.": 40, "Periksa kembali angka dan tanggal.": 30, "Konfirmasi lagi ke narasumber.": 20,
         "Ganti atau tambahkan foto.": 10}
STANDARD = {"tugaskan": 10, "perintahkan": 5, "siapkan": 300, "periksa": 60, "putuskan": 60, "serahkan": 5, "terbitkan": 30,
            "terbitkan_manual": 30}  # minutes, of the first version
SHORTER = 30  # of `periksa`, in the second version
OVERDUE = {"tugaskan": 0.1, "perintahkan": 0.15, "siapkan": 0.25, "periksa": 0.3, "putuskan": 0.4, "serahkan": 0.2, "terbitkan": 0.1,
           "terbitkan_manual": 0.2}  # share that takes longer than its standard
WAITED = {"tugaskan": 0.5, "perintahkan": 0.5, "siapkan": 0.2, "periksa": 0.6, "putuskan": 0.8, "serahkan": 0.5, "terbitkan": 0.4,
          "terbitkan_manual": 0.4}  # of the time, what passes until somebody takes the task
EXCLUDED, CANCELLED, MOVED, EXTENDED, FACEBOOK, SLOW, UNCLAIMED = 0.03, 0.02, 0.02, 0.05, 0.4, 0.01, 0.1
SLOWER, MOST_RETURNS = 4, 6
_NAMES = {"tugaskan": "Menugaskan Kasubbag", "perintahkan": "Memerintahkan penyiapan bahan", "siapkan": "Menyiapkan bahan informasi",
          "periksa": "Memeriksa bahan informasi", "putuskan": "Memutuskan penerbitan", "serahkan": "Menyerahkan ke Web Admin",
          "terbitkan": "Menerbitkan informasi", "terbitkan_manual": "Menerbitkan dengan tangan", "publikasi": "Publikasi",
          "dokumentasikan": "Dokumentasi"}
_BY = {"tugaskan": "contoh-ketua", "putuskan": "contoh-ketua", "perintahkan": "contoh-kasubbag", "periksa": "contoh-kasubbag",
       "serahkan": "contoh-kasubbag", "terbitkan": "contoh-webadmin", "terbitkan_manual": "contoh-webadmin"}
_LANE = {"contoh-ketua": "ketua-divisi", "contoh-kasubbag": "sub-bagian", "contoh-webadmin": "web-admin"}


@dataclass
class Step:
    """One task that was done, as it was planned. Minutes of working time; `flow`: by which flow it was reached."""

    activity_id: str
    by: str
    unit: str
    wait: int | None  # None: completed without having been claimed
    work: int  # of an unclaimed one: the whole
    standard: int
    again: bool
    flow: str
    extended: int = 0  # minutes more
    returned: str | None = None  # the note, of a TIDAK
    decided: bool = False

    @property
    def lead(self) -> int:
        return (self.wait or 0) + self.work

    @property
    def overdue(self) -> bool:
        return self.lead > self.standard + self.extended


@dataclass
class Plan:
    """One case, as it was planned: what is known of it before any of it is written."""

    number: int
    start: dt.datetime
    version: int
    kind: str
    unit: str
    steps: list[Step] = field(default_factory=list)
    path: list[str] = field(default_factory=list)  # completed activities, in order
    flows: list[tuple[str, str]] = field(default_factory=list)  # taken, in order, each with the group of who worked on it last
    channels: tuple[str, ...] = ()
    cancelled: bool = False
    moved: bool = False  # from `serahkan`, before it was done
    stood: int = 0  # minutes that a task stood open and was never done
    end: dt.datetime | None = None  # set when it is written

    @property
    def lead(self) -> int:
        """Minutes from its start to its end."""
        return sum(step.lead for step in self.steps) + self.stood

    @property
    def writer(self) -> str:
        return "contoh-ketua" if self.cancelled else f"contoh-{self.unit}"

    def took(self, *flows: str) -> None:
        self.flows += [(flow, self.steps[-1].unit if self.steps else self.unit) for flow in flows]

    @property
    def key(self) -> str:
        return f"{MARK}-{self.start:%Y}-{self.number:06}"

    @property
    def since_approval(self) -> dict[str, int]:
        """Minutes of working time from the approval until it went out, by channel; of what nobody decided on there is none."""
        last = max((n for n, step in enumerate(self.steps) if step.decided), default=None)
        if last is None:
            return {}
        minutes, found = self.stood, {}
        for step in self.steps[last + 1:]:
            minutes += step.lead
            found["facebook" if step.activity_id == "terbitkan_manual" else "website"] = minutes
        return {channel: found[channel] for channel in self.channels}

    @property
    def manual(self) -> bool:
        return "terbitkan_manual" in self.path


def make(pe: ProcessEngine, now: dt.datetime, tenant_id: str, *, cases: int, years: float = 5, seed: int = 1, among_real: bool = False,
         told: Callable[[Sequence[Plan]], object] = lambda written: None) -> None:
    """Write so many ended cases of the last `years` into an office, which is made where there is none; `told` hears what was planned of
    those that are written, some at a time: a million are more than memory should hold.

    The same seed, number and time give the same history. Conflict where the office has cases of its own, unless `among_real`.
    """
    if not among_real:
        _refuse_real(pe, tenant_id)
    began = now - dt.timedelta(days=365.25 * years)
    definitions = _prepare(pe, now, began, tenant_id, seed)
    calendar = settings.calendar_of(pe, tenant_id)
    for number, made in enumerate(_batched(plans(random.Random(seed), began, now, cases))):
        _write(pe, tenant_id, made, definitions, calendar, random.Random(f"{seed}-{number * CHUNK}"))
        told(made)


def _batched(made: Iterator[Plan]) -> Iterator[list[Plan]]:
    while chunk := list(islice(made, CHUNK)):
        yield chunk


# The plan -------------------------------------------------------------------------------------------------------------

def plans(rng: random.Random, began: dt.datetime, until: dt.datetime, cases: int) -> Iterator[Plan]:
    """Plan cases that start evenly over the time, and end before it is over; those of its second half run on version 2."""
    last = until - min(dt.timedelta(days=45), (until - began) / 3)  # the slowest has ended by then
    for number in range(1, cases + 1):
        at = began + (last - began) * ((number + rng.random()) / (cases + 1))  # in this order: so many days are more than a timedelta holds
        yield _plan(rng, number, at, 1 if number <= cases // 2 else 2)


def _plan(rng: random.Random, number: int, start: dt.datetime, version: int) -> Plan:
    plan = Plan(number, start, version, _choose(rng, KINDS), _choose(rng, UNITS))
    slow = SLOWER if rng.random() < SLOW else 1
    if rng.random() < CANCELLED:  # before anybody wrote
        plan.cancelled, plan.kind, plan.unit, plan.stood = True, "", "ketua-divisi", 5

    def do(activity_id: str, flow: str, **rest: Any) -> Step:
        if flow:
            plan.took(flow)
        plan.steps.append(_step(rng, plan, activity_id, flow, slow, **rest))
        plan.path.append(activity_id)
        return plan.steps[-1]

    do("tugaskan", "f_mulai")
    do("perintahkan", "f_perintahkan")
    if plan.cancelled:
        plan.took("f_siapkan")
        return plan
    do("siapkan", "f_siapkan", extended=120 if rng.random() < EXTENDED else 0)
    plan.took("f_jenis")
    if rng.random() < EXCLUDED:
        plan.took("f_dikecualikan")
        return plan
    if plan.kind == "berita":
        do("terbitkan", "f_berita")
    else:
        _decide(rng, plan, do)
    plan.channels = ("website", "facebook") if rng.random() < FACEBOOK else ("website",)
    plan.took("f_jadwal", "f_kanal", *("f_publikasi" for _ in plan.channels), "f_terbit")
    plan.path.append("publikasi")
    if "facebook" in plan.channels:
        do("terbitkan_manual", "f_gagal")
        plan.took("f_manual")
    plan.path.append("dokumentasikan")
    plan.took("f_dokumentasi", "f_selesai")
    return plan


def _decide(rng: random.Random, plan: Plan, do: Callable[..., Step]) -> None:
    into, times = "f_periksa", 0
    while True:
        do("periksa", into)
        step = do("putuskan", "f_putuskan")
        step.decided = True
        plan.took("f_sesuai")
        if times == MOST_RETURNS or rng.random() >= RETURNED[plan.kind]:
            break
        step.returned, into, times = _choose(rng, NOTES), "f_tidak", times + 1
    if rng.random() < MOVED:  # an admin took the token from `serahkan` to `terbitkan`: no flow led there
        plan.took("f_ya")
        plan.moved, plan.stood = True, 3
        do("terbitkan", "")
    else:
        do("serahkan", "f_ya")
        do("terbitkan", "f_terbitkan")


def _step(rng: random.Random, plan: Plan, activity_id: str, flow: str, slow: int, extended: int = 0) -> Step:
    standard = SHORTER if plan.version == 2 and activity_id == "periksa" else STANDARD[activity_id]
    allowed = standard + extended
    lead = rng.randint(allowed + 1, 4 * allowed) if rng.random() < OVERDUE[activity_id] else rng.randint(1, allowed)
    lead *= slow
    wait = None if rng.random() < UNCLAIMED else round(lead * WAITED[activity_id] * rng.random())
    by = _BY.get(activity_id, f"contoh-{plan.unit}")
    return Step(activity_id, by, _LANE.get(by, plan.unit), wait, lead - (wait or 0), standard, activity_id in plan.path, flow, extended)


def _choose(rng: random.Random, weighted: dict[str, int]) -> str:
    return rng.choices(list(weighted), weights=list(weighted.values()))[0]


# The office -----------------------------------------------------------------------------------------------------------

def _refuse_real(pe: ProcessEngine, tenant_id: str) -> None:
    i = process_instance.c
    with read(pe) as db:
        real = db.scalar(sa.select(i.business_key).where(i.tenant_id == tenant_id, ~i.business_key.startswith(f"{MARK}-")).limit(1))
    if real:
        raise Conflict(N_("Satker %(tenant)s punya berkas sungguhan (%(key)s), jadi data contoh tidak dicampurkan."),
                       tenant=tenant_id, key=real)


def _prepare(pe: ProcessEngine, now: dt.datetime, began: dt.datetime, tenant_id: str, seed: int) -> dict[int, str]:
    """Make the office, its sample people and two versions of the SOP; return the versions' ids."""
    def write(db: sa.Connection) -> None:
        if db.scalar(sa.select(tenant.c.id).where(tenant.c.id == tenant_id)) is None:
            db.execute(sa.insert(tenant), {"id": tenant_id, "name": "Kantor contoh (data buatan)", "settings": {}})
        kept = db.execute(sa.select(tenant.c.settings).where(tenant.c.id == tenant_id).with_for_update()).scalar_one()
        db.execute(sa.update(tenant).where(tenant.c.id == tenant_id).values(settings={**kept, "sample": {"seed": seed}}))
        record(db, Actor.system(tenant_id), now, "sample.made", data={"seed": seed})

    run(pe, write)
    people.seed_groups(pe, tenant_id)
    run(pe, lambda db: _people(db, tenant_id, began))
    channels.seed_channels(pe, now, tenant_id)
    installation.deploy_shipped(pe, now, installation.MODELS / KEY, tenant_id)
    return _versions(pe, now, tenant_id)


def _versions(pe: ProcessEngine, now: dt.datetime, tenant_id: str) -> dict[int, str]:
    files = {path.name: path.read_bytes() for path in sorted((installation.MODELS / KEY).iterdir())}
    before, mark, after = files[f"{KEY}.bpmn"].partition(b'<bpmn:userTask id="periksa"')
    files[f"{KEY}.bpmn"] = before + mark + after.replace(b'value="PT1H"', b'value="PT30M"', 1)
    deploy(pe, Actor.system(tenant_id), now, name="Contoh: pemeriksaan 30 menit", resources=files, source="terbit sample-data")
    d = process_definition.c
    with read(pe) as db:
        found = list(db.scalars(sa.select(d.id).where(d.tenant_id == tenant_id, d.key == KEY).order_by(d.version.desc()).limit(2)))
    return {2: found[0], 1: found[-1]}


def _people(db: sa.Connection, tenant_id: str, began: dt.datetime) -> None:
    known = set(db.scalars(sa.select(group.c.id).where(group.c.tenant_id == tenant_id)))
    new = [{"tenant_id": tenant_id, "id": each, "name": f"Subbag {each.title()} (contoh)"} for each in UNITS if each not in known]
    if new:
        db.execute(sa.insert(group), new)
    there = set(db.scalars(sa.select(user.c.id).where(user.c.id.like("contoh-%"))))
    for id, groups in {**{id: {lane} for id, lane in _LANE.items()}, **{f"contoh-{unit}": {"pelaksana", unit} for unit in UNITS}}.items():
        if id not in there:
            db.execute(sa.insert(user), {"id": id, "tenant_id": tenant_id, "name": f"{id.removeprefix('contoh-').title()} (contoh)",
                                         "password_hash": "", "stamp": uuid.uuid4().hex, "active": False, "created_at": began})
            db.execute(sa.insert(membership), [{"tenant_id": tenant_id, "group_id": each, "user_id": id} for each in sorted(groups)])
            record(db, Actor.system(tenant_id), began, "user.created", data={"user": id, "groups": sorted(groups), "heads": []})


# The rows -------------------------------------------------------------------------------------------------------------

def _write(pe: ProcessEngine, tenant_id: str, made: Sequence[Plan], definitions: dict[int, str], calendar: WorkingCalendar,
           rng: random.Random) -> None:
    rows: dict[sa.Table, list[dict]] = {process_instance: [], activity: [], event: [], publication: []}
    for plan in made:
        for table, row in _Case(plan, tenant_id, definitions[plan.version], calendar, rng).rows():
            rows[table].append(row)
    run(pe, lambda db: [db.execute(sa.insert(table), each) for table, each in rows.items() if each])


class _Case:
    """One case being written: its rows come in the order in which things happened."""

    def __init__(self, plan: Plan, tenant_id: str, definition_id: str, calendar: WorkingCalendar, rng: random.Random):
        self.plan, self.tenant_id, self.definition_id, self.calendar, self.rng = plan, tenant_id, definition_id, calendar, rng
        self.at, self.count = plan.start, 0
        self.id = self._id()
        self.data = {"judul": f"[Contoh] {plan.kind.replace('-', ' ').capitalize() or 'Berkas'} nomor {plan.number}", "isi": "Isi contoh.",
                     "jenis": plan.kind, "klasifikasi": CLASSES.get(plan.kind, "berkala")}

    def rows(self) -> Iterator[tuple[sa.Table, dict[str, Any]]]:
        plan = self.plan
        yield event, self._event("instance.started", "contoh-ketua", None, {"variables": {}})
        yield self._passed("mulai", "startEvent")
        ways = {"f_periksa": "jenis_berita", "f_berita": "jenis_berita", "f_tidak": "sesuai", "f_ya": "sesuai"}
        for step in plan.steps:
            if step.activity_id == "terbitkan_manual":
                continue  # within its channel's turn
            if step.flow in ways:
                yield self._passed(ways[step.flow], "exclusiveGateway")
            if not step.flow:
                yield self._passed("sesuai", "exclusiveGateway")
                yield activity, self._stood("serahkan")
                yield event, self._event("instance.modified", "admin", None, {"reason": "Contoh: dipindahkan", "variables": {}})
            yield from self._task(step)
        if plan.cancelled:
            yield activity, self._stood("siapkan")
            yield event, self._event("instance.cancelled", "admin", None, {"reason": "Contoh: dibatalkan"})
        elif plan.channels:
            yield from self._publish()
            yield activity, self._activity("dokumentasikan", "serviceTask", self.at, self.at)
            yield self._passed("selesai", "noneEndEvent")
        else:
            yield self._passed("jenis_berita", "exclusiveGateway")
            yield self._passed("tidak_diterbitkan", "noneEndEvent")
        if not plan.cancelled:
            yield event, self._event("instance.ended", None, None, {"reason": "completed"})
        plan.end = self.at
        variables = {**self.data, "kanal": list(plan.channels)} if not plan.cancelled else {}
        yield process_instance, {
            "id": self.id, "tenant_id": self.tenant_id, "definition_id": self.definition_id, "definition_key": KEY,
            "business_key": plan.key, "title": self.data["judul"], "version": len(plan.steps) + 1, "state": None,
            "variables": json.dumps({"": variables}), "started_at": plan.start, "started_by": "contoh-ketua", "ended_at": self.at,
            "end_reason": "cancelled" if plan.cancelled else "completed", "working_seconds": None if plan.cancelled else plan.lead * 60}

    def _task(self, step: Step, scope: str | None = None) -> Iterator[tuple[sa.Table, dict[str, Any]]]:
        began, claimed = self.at, None if step.wait is None else self._later(step.wait)
        due = self._later(step.standard + step.extended)
        ended = self._later(step.lead)
        row = self._activity(step.activity_id, "userTask", began, ended, scope)
        row |= {"is_task": True, "assignee": step.by, "completed_by": step.by, "claimed_at": claimed, "due_at": due, "due_order": due,
                "allowed_seconds": (step.standard + step.extended) * 60, "working_seconds": step.lead * 60,
                "extensions": int(step.extended > 0)}
        if claimed:
            self.at = claimed
            yield event, self._event("task.claimed", step.by, row["id"], {"activity_id": step.activity_id, "from": None, "to": step.by})
        if step.extended:
            yield event, self._event("task.extended", step.by, row["id"], {
                "activity_id": step.activity_id, "from": due.isoformat(), "to": due.isoformat(), "reason": "Contoh: menunggu narasumber"})
        self.at = ended
        yield activity, row
        yield event, self._event("task.completed", step.by, row["id"], {"activity_id": step.activity_id, **self._said(step, scope)})

    def _said(self, step: Step, scope: str | None) -> dict[str, Any]:
        if step.activity_id == "siapkan":
            return {"variables": self.data}
        if step.decided:
            return {"variables": {"keputusan": "tidak" if step.returned else "sesuai", "catatan": step.returned}}
        if scope:
            return {"variables": {}, "scopes": {scope: {"tautan": f"https://contoh.invalid/{self.plan.number}"}}}
        return {"variables": {}}

    def _publish(self) -> Iterator[tuple[sa.Table, dict[str, Any]]]:
        """The multi-instance subprocess: the website by machine at once, Facebook by hand."""
        opened = self.at
        yield self._passed("tunggu_jadwal", "intermediateTimer")
        body = self._activity("penerbitan_kanal#multiInstanceBody", "multiInstanceBody", opened, None)
        turns = [self._activity("penerbitan_kanal", "subProcess", opened, None, body["id"], number)
                 for number, _ in enumerate(self.plan.channels)]
        for turn, channel in zip(turns, self.plan.channels, strict=True):
            by_hand = channel == "facebook"
            yield self._passed("mulai_kanal", "startEvent", turn["id"])
            yield activity, {**self._activity("publikasi", "serviceTask", opened, opened, turn["id"]), "canceled": by_hand}
            if by_hand:
                yield self._passed("gagal", "boundaryError", turn["id"])
                yield from self._task(next(s for s in self.plan.steps if s.activity_id == "terbitkan_manual"), turn["id"])
            yield self._passed("kanal_selesai", "noneEndEvent", turn["id"])
            turn["ended_at"] = self.at
            yield activity, turn
            yield publication, {
                "id": self._id(), "tenant_id": self.tenant_id, "instance_id": self.id, "channel_id": channel, "revision": 1,
                "connector": "manual" if by_hand else "site", "kind": self.plan.kind, "state": "published", "content_sha256": "0" * 64,
                "url": f"https://contoh.invalid/{channel}/{self.plan.number}", "published_at": self.at, "updated_at": self.at}
        body["ended_at"] = self.at
        yield activity, body

    def _passed(self, activity_id: str, type: str, scope: str | None = None) -> tuple[sa.Table, dict[str, Any]]:
        return activity, self._activity(activity_id, type, self.at, self.at, scope)

    def _activity(self, activity_id: str, type: str, began: dt.datetime, ended: dt.datetime | None, scope: str | None = None,
                  turn: int | None = None) -> dict[str, Any]:
        return {"id": self._id(), "tenant_id": self.tenant_id, "instance_id": self.id, "definition_id": self.definition_id,
                "activity_id": activity_id, "name": _NAMES.get(activity_id, ""), "type": type, "scope_id": scope, "loop_counter": turn,
                "started_at": began, "ended_at": ended, "canceled": False, "is_task": False, "assignee": None, "completed_by": None,
                "claimed_at": None, "due_at": None, "due_order": END_OF_TIME, "allowed_seconds": None, "working_seconds": None,
                "extensions": 0}

    def _stood(self, activity_id: str) -> dict[str, Any]:
        """A task that nobody did, until the case or its token was taken away from it."""
        row = self._activity(activity_id, "userTask", self.at, self._later(self.plan.stood))
        self.at = row["ended_at"]
        return {**row, "is_task": True, "canceled": True}

    def _event(self, type: str, actor: str | None, activity_instance_id: str | None, data: dict[str, Any]) -> dict[str, Any]:
        return {"tenant_id": self.tenant_id, "instance_id": self.id, "activity_instance_id": activity_instance_id, "type": type,
                "at": self.at, "actor": actor, "data": data}

    def _later(self, minutes: int) -> dt.datetime:
        return self.calendar.add(self.at, dt.timedelta(minutes=minutes))

    def _id(self) -> str:
        """A UUIDv7 of the time that it stands at, its other bits from the seed."""
        self.count += 1
        bits = int(self.at.timestamp() * 1000) << 80 | 0x7 << 76 | self.count << 64 | 0b10 << 62 | self.rng.getrandbits(62)
        return str(uuid.UUID(int=bits))
