"""Data out: ended cases and what was done in them, read in parts so that a million take no more memory than a hundred.

`evidence.out_files` makes CSV, XLSX and Parquet of it, `evidence.xes` an event log.

Columns are a contract with programs: they do not follow the reader's language. Persons are pseudonyms, the same in every export of an
office, unless its admin lets persons be compared. Cases are those that the figures are made of (`evidence_case`), so what is counted from
an export is what the pages show.
"""

import datetime as dt
import hashlib
import hmac
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from bpmn import sop
from bpmn.errors import N_, Invalid, NotFound
from engine import access, settings
from engine.evidence import behind, facts, rollup
from engine.evidence.figures import Scope
from engine.process_engine import Actor, ProcessEngine
from engine.store import read, record, run
from engine.tables import activity, evidence_case, process_definition, process_instance, tenant

BATCH = 200  # cases read at once
FORMS = ("csv", "xlsx", "parquet", "xes")
WHAT = ("cases", "activities")
CASE = ("nomor", "judul", "prosedur", "versi", "jenis", "kelompok", "penulis", "mulai", "selesai", "berakhir", "detik_kerja", "keputusan",
        "tidak", "detik_ulang", "jalur", "dipindahkan", "dengan_tangan", "diperpanjang")
ACTIVITY = ("nomor", "prosedur", "versi", "jenis", "id_langkah", "langkah", "tipe", "giliran", "kelompok", "petugas", "mulai", "diambil",
            "selesai", "jatuh_tempo", "keadaan", "detik_kerja", "detik_menunggu", "detik_mengerjakan", "dalam_mutu_baku", "perpanjangan")
_a, _e, _i, _d = activity.c, evidence_case.c, process_instance.c, process_definition.c
_STEP = (_a.id, _a.instance_id, _a.activity_id, _a.name, _a.type, _a.loop_counter, _a.started_at, _a.ended_at, _a.canceled, _a.is_task,
         _a.assignee, _a.completed_by, _a.claimed_at, _a.due_at, _a.extensions, _a.working_seconds, _a.in_stead_of)
Case = tuple[dict[str, Any], list[dict[str, Any]]]  # columns of CASE and of ACTIVITY, by name
Told = Callable[[int, int], None]


@dataclass(frozen=True)
class Export:
    """What is given away: cases with what was done in them, as they are read; what the log says of itself; the office's zone."""

    cases: Iterator[Case]
    scope: Scope
    office: str
    zone: ZoneInfo
    is_sample: bool
    total: int  # cases that there were when it began


def export(pe: ProcessEngine, actor: Actor, now: dt.datetime, scope: Scope, form: str, what: str = "activities",
           told: Told = lambda read, total: None) -> Export:
    """Begin an export; that it was taken away is recorded. `told` hears how many cases of how many were read. Two statements for each 200
    cases."""
    access.require(access.may_see_reports(actor))
    if form not in FORMS or what not in WHAT:
        raise Invalid(N_("Bentuk ekspor ini tidak dikenal."), field="form")
    with read(pe) as db:
        here = db.execute(sa.select(tenant.c.name, tenant.c.timezone).where(tenant.c.id == actor.tenant)).one()
        said = settings.of(db, actor.tenant)
        versions = {row.id: row.version for row in db.execute(sa.select(_d.id, _d.version).where(
            _d.tenant_id == actor.tenant, _d.key == scope.key))}
        total = db.scalar(_joined(sa.func.count(), actor=actor, scope=scope)) or 0
    if not versions:
        raise NotFound(N_("Prosedur %(key)s tidak ditemukan."), key=scope.key)
    persons = said["evidence"]["persons"]
    asked = {name: value.isoformat() if isinstance(value, dt.date) else value for name, value in asdict(scope).items()
             if value not in (None, ())}
    run(pe, lambda db: record(db, actor, now, "evidence.exported", data={"form": form, "what": what, "persons": persons, **asked}))
    named = str if persons else pseudonyms(pe, actor.tenant)
    read_cases = _cases(pe, actor, scope, versions, named, lambda count: told(count, total))
    return Export(read_cases, scope, here.name, ZoneInfo(here.timezone), bool(said.get("sample")), total)


def pseudonyms(pe: ProcessEngine, tenant_id: str) -> Callable[[str], str]:
    """Return what gives a person's pseudonym: always the same, and only with the installation's secret could be found whose it is."""
    key = pe.secret(f"evidence-persons-{tenant_id}")
    return lambda id: "petugas-" + hmac.new(key, id.encode(), hashlib.sha256).hexdigest()[:12]


# Reading --------------------------------------------------------------------------------------------------------------

def _cases(pe: ProcessEngine, actor: Actor, scope: Scope, versions: dict[str, int], named: Callable[[str], str],
           told: Callable[[int], None]) -> Iterator[Case]:
    with read(pe) as db:
        office = rollup.office(db, actor.tenant)
    diagrams: dict[str, facts.Diagram] = {}
    query = _joined(evidence_case, _i.business_key, _i.title, _i.started_at, actor=actor, scope=scope).order_by(
        _e.ended_at, _e.instance_id).limit(BATCH)
    last, count = None, 0
    while True:
        with read(pe) as db:
            after = sa.true() if last is None else sa.tuple_(_e.ended_at, _e.instance_id) > sa.tuple_(
                sa.bindparam(None, last["ended_at"], type_=_e.ended_at.type), last["instance_id"])
            batch = db.execute(query.where(after)).mappings().all()
            steps = _steps(db, [row["instance_id"] for row in batch])
            for row in batch:
                if row["definition_id"] not in diagrams:
                    diagrams[row["definition_id"]] = rollup.diagram(db, row["definition_id"])
        for row in batch:
            case = _case(row, versions, named)
            yield case, [_activity(step, case, row, diagrams[row["definition_id"]], office, named) for step in steps[row["instance_id"]]]
        count += len(batch)
        told(count)
        if len(batch) < BATCH:
            return
        last = batch[-1]


def _joined(*columns: Any, actor: Actor, scope: Scope) -> sa.Select:
    """The cases of a scope that are still there: what has been disposed of stays in the sums, and is given to nobody."""
    return sa.select(*columns).select_from(evidence_case).join(process_instance, _i.id == _e.instance_id).where(
        *behind.within(actor, scope, unit=True))


def _steps(db: sa.Connection, ids: Sequence[str]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {id: [] for id in ids}
    if ids:
        for row in db.execute(sa.select(*_STEP).where(_a.instance_id.in_(ids), _a.type.in_(sorted(sop.ACTIVITIES)))).mappings():
            found[row["instance_id"]].append(row)
    return {id: sorted(rows, key=lambda row: (row["started_at"], row["id"])) for id, rows in found.items()}


def _case(row: Any, versions: dict[str, int], named: Callable[[str], str]) -> dict[str, Any]:
    return {
        "nomor": row["business_key"], "judul": row["title"], "prosedur": row["key"], "versi": versions.get(row["definition_id"]),
        "jenis": row["kind"], "kelompok": row["unit"], "penulis": named(row["writer"]) if row["writer"] else "",
        "mulai": row["started_at"], "selesai": row["ended_at"], "berakhir": "dibatalkan" if row["cancelled"] else "selesai",
        "detik_kerja": row["working_seconds"], "keputusan": row["decisions"], "tidak": row["returned"], "detik_ulang": row["again_seconds"],
        "jalur": row["variant"], "dipindahkan": row["moved"], "dengan_tangan": row["manual"], "diperpanjang": row["extended"]}


def _activity(a: Any, case: dict[str, Any], row: Any, diagram: facts.Diagram, office: facts.Office,
              named: Callable[[str], str]) -> dict[str, Any]:
    done = bool(a["ended_at"]) and not a["canceled"]
    lead, wait, work = facts.times(a, office) if done else (None, None, None)
    who = a["completed_by"] or a["assignee"]
    return {
        "id": a["id"], **{name: case[name] for name in ("nomor", "prosedur", "versi", "jenis")}, "id_langkah": a["activity_id"],
        "langkah": a["name"] or a["activity_id"], "tipe": a["type"], "giliran": a["loop_counter"],
        "kelompok": facts.unit_of(a, diagram, office) if a["is_task"] else row["unit"], "petugas": named(who) if who else "",
        "mulai": a["started_at"], "diambil": a["claimed_at"], "selesai": a["ended_at"] or row["ended_at"], "jatuh_tempo": a["due_at"],
        "keadaan": "selesai" if done else "dibatalkan", "detik_kerja": lead, "detik_menunggu": wait,
        "detik_mengerjakan": work if wait is not None else None,
        "dalam_mutu_baku": a["ended_at"] <= a["due_at"] if done and a["due_at"] else None, "perpanjangan": a["extensions"]}


def rows(out: Export, what: str) -> Iterator[list[Any]]:
    """Give an export line by line, each with the values of `head`."""
    if what == "cases":
        return ([case[name] for name in CASE] for case, _ in out.cases)
    return ([step[name] for name in ACTIVITY] for _, steps in out.cases for step in steps)


def head(what: str) -> tuple[str, ...]:
    """Return the columns' names."""
    return CASE if what == "cases" else ACTIVITY
