"""Data out: ended cases and what was done in them, as CSV, XLSX and XES (IEEE 1849), read and written in parts so that a million take no
more memory than a hundred.

Columns are a contract with programs: they do not follow the reader's language. Persons are pseudonyms, the same in every export of an
office, unless its admin lets persons be compared. Cases are those that the figures are made of (`evidence_case`), so what is counted from
an export is what the pages show.
"""

import csv
import datetime as dt
import hashlib
import hmac
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo

import sqlalchemy as sa
import xlsxwriter
from lxml import etree

from bpmn import sop
from bpmn.errors import N_, Invalid, NotFound
from engine import access, settings
from engine.evidence import behind, facts, rollup
from engine.evidence.figures import Scope
from engine.people_import import RISKY
from engine.process_engine import Actor, ProcessEngine
from engine.store import read, record, run
from engine.tables import activity, evidence_case, process_definition, process_instance, tenant
from engine.word import clean

BATCH = 200  # cases read at once
LINES = 500  # of CSV, given at once
MOST_LINES = 1_048_575  # of an Excel sheet, under its header
FORMS = ("csv", "xlsx", "xes")
WHAT = ("cases", "activities")
CASE = ("nomor", "judul", "prosedur", "versi", "jenis", "kelompok", "penulis", "mulai", "selesai", "berakhir", "detik_kerja", "keputusan",
        "tidak", "detik_ulang", "jalur", "dipindahkan", "dengan_tangan", "diperpanjang")
ACTIVITY = ("nomor", "prosedur", "versi", "jenis", "id_langkah", "langkah", "tipe", "giliran", "kelompok", "petugas", "mulai", "diambil",
            "selesai", "jatuh_tempo", "keadaan", "detik_kerja", "detik_menunggu", "detik_mengerjakan", "dalam_mutu_baku", "perpanjangan")
EXTENSIONS = {"concept": "Concept", "time": "Time", "lifecycle": "Lifecycle", "org": "Organizational"}  # of the standard
XES = "http://www.xes-standard.org/"
_a, _e, _i, _d = activity.c, evidence_case.c, process_instance.c, process_definition.c
_STEP = (_a.id, _a.instance_id, _a.activity_id, _a.name, _a.type, _a.loop_counter, _a.started_at, _a.ended_at, _a.canceled, _a.is_task,
         _a.assignee, _a.completed_by, _a.claimed_at, _a.due_at, _a.extensions, _a.working_seconds, _a.in_stead_of)
Case = tuple[dict[str, Any], list[dict[str, Any]]]  # columns of CASE and of ACTIVITY, by name
Told = Callable[[int], None]


@dataclass(frozen=True)
class Export:
    """What is given away: cases with what was done in them, as they are read; what the log says of itself; the office's zone."""

    cases: Iterator[Case]
    scope: Scope
    office: str
    zone: ZoneInfo
    is_sample: bool


def export(pe: ProcessEngine, actor: Actor, now: dt.datetime, scope: Scope, form: str, what: str = "activities",
           told: Told = lambda read: None) -> Export:
    """Begin an export; that it was taken away is recorded. `told` hears how many cases were read. Two statements for each 200 cases."""
    access.require(access.may_see_reports(actor))
    if form not in FORMS or what not in WHAT:
        raise Invalid(N_("Bentuk ekspor ini tidak dikenal."), field="form")
    with read(pe) as db:
        here = db.execute(sa.select(tenant.c.name, tenant.c.timezone).where(tenant.c.id == actor.tenant)).one()
        said = settings.of(db, actor.tenant)
        versions = {row.id: row.version for row in db.execute(sa.select(_d.id, _d.version).where(
            _d.tenant_id == actor.tenant, _d.key == scope.key))}
    if not versions:
        raise NotFound(N_("Prosedur %(key)s tidak ditemukan."), key=scope.key)
    persons = said["evidence"]["persons"]
    asked = {name: value.isoformat() if isinstance(value, dt.date) else value for name, value in asdict(scope).items() if value}
    run(pe, lambda db: record(db, actor, now, "evidence.exported", data={"form": form, "what": what, "persons": persons, **asked}))
    named = str if persons else pseudonyms(pe, actor.tenant)
    return Export(_cases(pe, actor, scope, versions, named, told), scope, here.name, ZoneInfo(here.timezone), bool(said.get("sample")))


def pseudonyms(pe: ProcessEngine, tenant_id: str) -> Callable[[str], str]:
    """Return what gives a person's pseudonym: always the same, and only with the installation's secret could be found whose it is."""
    key = pe.secret(f"evidence-persons-{tenant_id}")
    return lambda id: "petugas-" + hmac.new(key, id.encode(), hashlib.sha256).hexdigest()[:12]


# Reading --------------------------------------------------------------------------------------------------------------

def _cases(pe: ProcessEngine, actor: Actor, scope: Scope, versions: dict[str, int], named: Callable[[str], str],
           told: Told) -> Iterator[Case]:
    with read(pe) as db:
        office = rollup.office(db, actor.tenant)
    diagrams: dict[str, facts.Diagram] = {}
    query = sa.select(evidence_case, _i.business_key, _i.title, _i.started_at).join(process_instance, _i.id == _e.instance_id).where(
        *behind.within(actor, scope, unit=True)).order_by(_e.ended_at, _e.instance_id).limit(BATCH)
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


def _rows(out: Export, what: str) -> Iterator[list[Any]]:
    if what == "cases":
        return ([case[name] for name in CASE] for case, _ in out.cases)
    return ([step[name] for name in ACTIVITY] for _, steps in out.cases for step in steps)


def _head(what: str) -> tuple[str, ...]:
    return CASE if what == "cases" else ACTIVITY


# CSV ------------------------------------------------------------------------------------------------------------------

def csv_of(out: Export, what: str) -> Iterator[bytes]:
    """UTF-8 with a header line, times in ISO 8601 in the office's zone; no cell is a formula."""
    buffer = io.StringIO()
    buffer.write("\ufeff")  # by which Excel knows UTF-8
    writer = csv.writer(buffer)
    writer.writerow(_head(what))
    for number, row in enumerate(_rows(out, what), 1):
        writer.writerow([_text(value, out.zone) for value in row])
        if number % LINES == 0:
            yield buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode()


def _text(value: Any, zone: ZoneInfo) -> Any:
    if isinstance(value, dt.datetime):
        return value.astimezone(zone).isoformat(timespec="seconds")
    if isinstance(value, bool):
        return "ya" if value else "tidak"
    return f"'{value}" if isinstance(value, str) and value.startswith(RISKY) else value


# XLSX -----------------------------------------------------------------------------------------------------------------

def xlsx_to(file: BinaryIO, out: Export, what: str) -> None:
    """A sheet with a header line; times in the office's zone, as dates that Excel counts with. Invalid beyond what a sheet holds."""
    book = xlsxwriter.Workbook(file, {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
    sheet = book.add_worksheet("berkas" if what == "cases" else "langkah")
    sheet.freeze_panes(1, 1)
    sheet.set_column(0, len(_head(what)) - 1, 18)
    sheet.write_row(0, 0, _head(what), book.add_format({"bold": True}))
    try:
        for number, row in enumerate(_rows(out, what), 1):
            if number > MOST_LINES:
                raise Invalid(N_("Selembar Excel memuat paling banyak %(most)d baris. Persempit masanya, atau ambil sebagai CSV."),
                              most=MOST_LINES, field="form")
            for column, value in enumerate(row):
                _cell(sheet, number, column, value, out.zone, moment)
    finally:
        book.close()


def _cell(sheet: Any, row: int, column: int, value: Any, zone: ZoneInfo, moment: Any) -> None:
    if isinstance(value, dt.datetime):
        sheet.write_datetime(row, column, value.astimezone(zone).replace(tzinfo=None, microsecond=0), moment)
    elif isinstance(value, bool):
        sheet.write_string(row, column, "ya" if value else "tidak")
    elif isinstance(value, int):
        sheet.write_number(row, column, value)
    elif value:
        sheet.write_string(row, column, clean(value)[:32_767])  # the longest text that a cell holds


# XES ------------------------------------------------------------------------------------------------------------------

class _Pieces(io.RawIOBase):
    """Where lxml writes to, and from where it is taken piece by piece."""

    def __init__(self) -> None:
        self.held: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.held.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        taken, self.held = b"".join(self.held), []
        return taken


def xes_of(out: Export) -> Iterator[bytes]:
    """An event log: a trace for each case, in it an event when an activity came to be (schedule), was claimed (start), and was completed
    (complete) or taken away (ate_abort), in order of time. Source: IEEE 1849-2016 and its standard extensions."""
    pieces = _Pieces()
    with etree.xmlfile(pieces, encoding="utf-8") as xml:
        xml.write_declaration()
        with xml.element("log", {"xes.version": "1849.2016", "xes.features": "", "xmlns": XES}):
            for each in _preamble(out):
                xml.write(each)
            for number, (case, steps) in enumerate(out.cases, 1):
                xml.write(_trace(case, steps, out.zone))
                if number % 50 == 0:
                    xml.flush()
                    yield pieces.take()
    yield pieces.take()


def _preamble(out: Export) -> Iterator[Any]:
    for prefix, name in EXTENSIONS.items():
        yield etree.Element("extension", name=name, prefix=prefix, uri=f"{XES}{prefix}.xesext")
    trace, event = etree.Element("global", scope="trace"), etree.Element("global", scope="event")
    _add(trace, "concept:name", "-")
    for key, value in (("concept:name", "-"), ("time:timestamp", dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)),
                       ("lifecycle:transition", "complete")):
        _add(event, key, value, dt.timezone.utc)
    yield from (trace, event)
    for name, keys in (("Langkah", "concept:name"), ("Id langkah", "id_langkah"),
                       ("Langkah dan tahap", "concept:name lifecycle:transition")):
        yield etree.Element("classifier", name=name, keys=keys)
    log = etree.Element("log")
    _add(log, "concept:name", f"{out.office}: {out.scope.key}" + (" (data contoh)" if out.is_sample else ""))
    _add(log, "lifecycle:model", "standard")
    yield from log


def _trace(case: dict[str, Any], steps: list[dict[str, Any]], zone: dt.tzinfo) -> Any:
    trace = etree.Element("trace")
    _add(trace, "concept:name", case["nomor"])
    for name in CASE[1:]:
        _add(trace, name, case[name], zone)
    moments = [each for step in steps for each in _moments(step)]
    for at, _, number, transition, step in sorted(moments, key=lambda each: each[:3]):
        event = etree.SubElement(trace, "event")
        _add(event, "concept:name", step["langkah"])
        _add(event, "concept:instance", step["id"])
        _add(event, "time:timestamp", at, zone)
        _add(event, "lifecycle:transition", transition)
        _add(event, "org:resource", step["petugas"] if number else "")
        _add(event, "org:group", step["kelompok"])
        _add(event, "id_langkah", step["id_langkah"])
        if number == 2:
            for name in ("jatuh_tempo", "detik_kerja", "detik_menunggu", "detik_mengerjakan", "dalam_mutu_baku", "perpanjangan"):
                _add(event, name, step[name], zone)
    return trace


def _moments(step: dict[str, Any]) -> Iterator[tuple[dt.datetime, str, int, str, dict[str, Any]]]:
    yield step["mulai"], step["id"], 0, "schedule", step
    if step["diambil"]:
        yield step["diambil"], step["id"], 1, "start", step
    yield step["selesai"], step["id"], 2, "complete" if step["keadaan"] == "selesai" else "ate_abort", step


def _add(to: Any, key: str, value: Any, zone: dt.tzinfo | None = None) -> None:
    """Add an attribute of the type that its value has; none for what is not there."""
    if value is None or value == "":
        return
    if isinstance(value, dt.datetime):
        kind, text = "date", value.astimezone(zone).isoformat(timespec="milliseconds")
    elif isinstance(value, bool):
        kind, text = "boolean", "true" if value else "false"
    elif isinstance(value, int):
        kind, text = "int", str(value)
    else:
        kind, text = "string", clean(value)
    etree.SubElement(to, kind, key=key, value=text)


# Either ---------------------------------------------------------------------------------------------------------------

def pieces(out: Export, form: str, what: str) -> Iterator[bytes]:
    """A CSV or an XES, as it is read."""
    return xes_of(out) if form == "xes" else csv_of(out, what)


def write(file: BinaryIO, out: Export, form: str, what: str) -> None:
    """Write an export into a file."""
    if form == "xlsx":
        xlsx_to(file, out, what)
    else:
        file.writelines(pieces(out, form, what))
