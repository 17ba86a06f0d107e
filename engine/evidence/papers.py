"""Reports as papers: the recap by kind and channel, the review of a semester with Tabel 7, and how the mutu baku was kept.

What a report says is gathered here, always in Indonesian, as an official paper is; `evidence.paper_files` makes PDF, DOCX and XLSX of it.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from bpmn.errors import N_, Invalid
from bpmn.printed.form import MONTHS
from engine import access, channels, reviews, settings
from engine.evidence import figures
from engine.evidence.figures import Scope
from engine.process_engine import Actor, ProcessEngine
from engine.sheet import KINDS, moment
from engine.store import read, record, run
from engine.tables import publication, tenant

REPORTS = {"rekap": "Rekapitulasi penerbitan informasi", "tinjauan": "Tinjauan penerapan SOP", "mutu-baku": "Laporan pemenuhan mutu baku"}
TABLE_7 = {  # as the form of `tinjauan-sop` asks
    "dilaksanakan": "Prosedur dilaksanakan sebagaimana tertulis", "waktu_sesuai": "Waktu mutu baku dapat dipenuhi",
    "output_sesuai": "Kelengkapan dan output setiap langkah sesuai mutu baku", "pelaksana_sesuai": "Pembagian pelaksana masih tepat",
    "aturan_sesuai": "Dasar hukum dan keterkaitan masih berlaku"}
ANSWERS = {"ya": "Berjalan baik", "tidak": "Tidak"}
ROMAN = ("I", "II", "III", "IV")
_p = publication.c
Cell = str | int | None


@dataclass(frozen=True)
class Table:
    """A table of a report: its columns' names, its rows, what is said under it. Times in minutes of working time, shares in per cent."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    note: str = ""


@dataclass(frozen=True)
class Paper:
    """A report before it has a form."""

    title: str
    office: str
    about: str  # the procedure
    period: str
    made: str
    made_at: dt.datetime
    facts: Sequence[tuple[str, str]]
    tables: Sequence[Table] = field(default_factory=list)


def report(pe: ProcessEngine, actor: Actor, now: dt.datetime, name: str, scope: Scope, form: str) -> Paper:
    """Gather a report; that it was made is recorded."""
    access.require(access.may_see_reports(actor))
    if name not in REPORTS:
        raise Invalid(N_("Laporan ini tidak dikenal."), field="name")
    with read(pe) as db:
        here = db.execute(sa.select(tenant.c.name, tenant.c.timezone).where(tenant.c.id == actor.tenant)).one()
        is_sample = bool(settings.of(db, actor.tenant).get("sample"))
    zone = ZoneInfo(here.timezone)
    versions = figures.choices(pe, actor, scope.key).versions
    gather = {"rekap": _recap, "tinjauan": _review, "mutu-baku": _standards}[name]
    facts, tables = gather(pe, actor, now, scope, zone)
    run(pe, lambda db: record(db, actor, now, "report.exported", data={"key": scope.key, "report": name, "form": form}))
    about = next((v["name"] for v in versions if not scope.versions or v["id"] in scope.versions), "") or scope.key
    return Paper(REPORTS[name] + (" (data contoh)" if is_sample else ""), here.name, about, period(scope.since, scope.until),
                 moment(now, zone), now, [*facts, *_narrowed(scope, versions)], tables)


def period(since: dt.date | None, until: dt.date | None) -> str:
    """'Triwulan III 2026', 'Semester I 2026', '2 Maret 2026 s.d. 9 Maret 2026'."""
    for months, word in ((3, "Triwulan"), (6, "Semester")):
        if since and until and since.day == 1 and (since.month - 1) % months == 0 and until == end(since, months):
            return f"{word} {ROMAN[(since.month - 1) // months]} {since.year}"
    first, last = (f"{day.day} {MONTHS[day.month - 1]} {day.year}" if day else "" for day in (since, until))
    if first and last:
        return f"{first} s.d. {last}"
    return f"sejak {first}" if first else f"sampai {last}" if last else "seluruh masa"


def end(first: dt.date, months: int) -> dt.date:
    """The last day of so many months from the first of one."""
    number = first.year * 12 + first.month - 1 + months
    return dt.date(number // 12, number % 12 + 1, 1) - dt.timedelta(1)


def _narrowed(scope: Scope, versions: list[dict[str, Any]]) -> list[tuple[str, str]]:
    named = [str(v["version"]) for v in versions if v["id"] in scope.versions]
    said = [("Versi", ", ".join(named)), ("Jenis", "" if scope.kind is None else _kind(scope.kind)),
            ("Kelompok", "" if scope.unit is None else scope.unit or "(tanpa kelompok)")]
    return [(name, value) for name, value in said if value]


# The recap ------------------------------------------------------------------------------------------------------------

def published(pe: ProcessEngine, actor: Actor, scope: Scope, zone: dt.tzinfo) -> dict[tuple[str, str], int]:
    """How many publications went out in the scope's days and stand, of all procedures, by (kind, channel); one statement."""
    where = [_p.tenant_id == actor.tenant, _p.state == "published"]
    where += [_p.published_at >= dt.datetime.combine(scope.since, dt.time(), zone)] if scope.since else []
    where += [_p.published_at < dt.datetime.combine(scope.until + dt.timedelta(1), dt.time(), zone)] if scope.until else []
    where += [_p.kind == (scope.kind or None)] if scope.kind is not None else []
    with read(pe) as db:
        return {(row.kind or "", row.channel_id): row.n for row in db.execute(
            sa.select(_p.kind, _p.channel_id, sa.func.count().label("n")).where(*where).group_by(_p.kind, _p.channel_id))}


def _recap(pe, actor, now, scope, zone):
    counts = published(pe, actor, scope, zone)
    known = channels.channel_names(pe, actor)
    used = {channel for _, channel in counts}
    columns = [id for id in known if id in used] + sorted(used - known.keys())
    kinds = sorted({kind for kind, _ in counts})
    each = {kind: [counts.get((kind, id), 0) for id in columns] for kind in kinds}
    rows: list[list[Cell]] = [[_kind(kind), *numbers, sum(numbers)] for kind, numbers in each.items()]
    rows.append(["Jumlah", *(sum(counts.get((kind, id), 0) for kind in kinds) for id in columns), sum(counts.values())])
    found = figures.cases(pe, actor, scope)
    with read(pe) as db:
        leads: dict[str, figures.Measures] = defaultdict(figures.Measures)
        for row in figures.rows(db, actor, scope, "case", "lead", by="kind"):
            leads[row.kind].add(row.measures)
    worked: list[list[Cell]] = [[_kind(kind), *_case(leads[kind])] for kind in sorted(leads)]
    total = figures.Measures()
    for measures in leads.values():
        total.add(measures)
    worked.append(["Jumlah", *_case(total)])
    facts = [("Penerbitan yang tampil", str(sum(counts.values()))), ("Berkas yang berakhir", str(found.total["count"]))]
    return facts, [
        Table("Penerbitan menurut jenis dan kanal", ["Jenis", *(known.get(id, id) for id in columns), "Jumlah"], rows,
              "Yang terbit dalam masa ini dan masih tampil, dari semua prosedur; ralat terhitung tersendiri. "
              "Yang diturunkan tidak terhitung."),
        Table("Berkas yang berakhir menurut jenis", [
            "Jenis", "Berkas", "Dibatalkan", "TIDAK (kali)", "Putaran pertama (%)", "Median (menit kerja)",
            "Persentil 90 (menit kerja)"], worked,
              "Putaran pertama: dari berkas yang diputuskan, yang tidak pernah TIDAK.")]


def _kind(kind: str) -> str:
    return KINDS.get(kind, kind) or "(tanpa jenis)"


def _case(m: figures.Measures) -> list[Cell]:
    return [m["count"], m["canceled"], m["returned"], _percent(figures.clean(m)), _whole(m.quantile("lead", 0.5)),
            _whole(m.quantile("lead", 0.9))]


def _percent(share: float | None) -> int | None:
    return None if share is None else round(100 * share)


def _whole(number: float | None) -> int | None:
    return None if number is None else round(number)


# The mutu baku --------------------------------------------------------------------------------------------------------

def _standards(pe, actor, now, scope, zone):
    steps = [s for s in figures.standards(pe, actor, now, scope) if s.standard or s.measures["count"]]
    rows: list[list[Cell]] = [[
        f"{s.langkah}. {s.name}" if s.langkah else s.name, s.pelaksana or "", _whole(s.standard), s.measures["count"],
        _whole(s.measures.quantile("lead", 0.5)), _whole(s.measures.quantile("lead", 0.9)), _whole(s.measures.quantile("wait", 0.5)),
        _whole(s.measures.quantile("work", 0.5)), s.measures["overdue"], _percent(s.share)] for s in steps]
    promised, late = (sum(s.measures[name] for s in steps) for name in ("promised", "overdue"))
    facts = [("Langkah yang berbatas waktu", str(promised)), ("Terlambat", str(late)),
             ("Dalam mutu baku", f"{round(100 * (1 - late / promised))}%" if promised else "–")]
    months: list[list[Cell]] = []
    for month in sorted({month for s in steps for month in s.months}):
        of = [s.months[month] for s in steps if month in s.months]
        owed, over = (sum(m[name] for m in of) for name in ("promised", "overdue"))
        months.append([f"{MONTHS[month.month - 1]} {month.year}", owed, over, _percent(1 - over / owed) if owed else None])
    return facts, [
        Table("Setiap langkah di samping mutu bakunya", [
            "Langkah", "Pelaksana", "Mutu baku", "Selesai", "Median", "Persentil 90", "Menunggu (median)", "Mengerjakan (median)",
            "Terlambat", "Dalam mutu baku (%)"], rows,
            "Waktu dalam menit kerja menurut kalender kantor. Mutu baku ialah milik versi yang berlaku; setiap tugas dinilai dengan batas "
            "waktunya sendiri, termasuk perpanjangan."),
        Table("Dari bulan ke bulan", ["Bulan", "Berbatas waktu", "Terlambat", "Dalam mutu baku (%)"], months)]


# The review -----------------------------------------------------------------------------------------------------------

def _review(pe, actor, now, scope, zone):
    """The figures of a semester, and Tabel 7 as the reviews in it answered; what they hold are a case's variables, so to who may see
    those, and a blank one to fill in by hand to others."""
    facts, tables = _standards(pe, actor, now, scope, zone)
    total = figures.cases(pe, actor, scope).total
    facts = [("Berkas yang berakhir", str(total["count"])), ("Dibatalkan", str(total["canceled"])),
             ("TIDAK (dikembalikan)", f"{total['returned']} kali"), *facts]
    held = reviews.history(pe, actor, scope.key) if access.may_deploy(actor) and access.may_see_variables(actor) else []
    mine = [each for each in held if each["ended_at"] and _in(each["ended_at"].astimezone(zone).date(), scope)]
    for each in mine:
        title = f"Tabel 7: {each['business_key']}, dinilai oleh {each['by'] or '–'}, {moment(each['ended_at'], zone)}"
        outcome = {"tetap": "Tetap", "revisi": "Revisi"}.get(str(each["outcome"]), "")
        tables.append(_table_7(each["answers"], title, str(each["notes"]), str(each["action"]), outcome))
    if not mine:
        tables.append(_table_7({}, "Tabel 7: penilaian penerapan (diisi oleh penilai)", "", "", ""))
    return facts, tables[:1] + tables[2:]


def _table_7(answers: dict[str, Any], title: str, notes: str, action: str, outcome: str) -> Table:
    said = [ANSWERS.get(str(answers.get(name)), "") for name in TABLE_7]
    rows: list[list[Cell]] = [[number, words, answer] for number, (words, answer) in enumerate(zip(TABLE_7.values(), said, strict=True), 1)]
    rows += [["", "Catatan hasil penilaian", notes], ["", "Tindakan yang harus diambil", action], ["", "Hasil tinjauan", outcome]]
    return Table(title, ["No.", "Penilaian terhadap penerapan", "Jawaban"], rows, "Tabel 7 PermenPAN-RB 35/2012.")


def _in(day: dt.date, scope: Scope) -> bool:
    return (scope.since is None or scope.since <= day) and (scope.until is None or day <= scope.until)
