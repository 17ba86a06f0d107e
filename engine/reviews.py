"""The review of a procedure that falls due twice a year (SOP, Pengesahan 2; PermenPAN-RB 35/2012, Tabel 7).

A review is a case of the shipped procedure `tinjauan-sop`, with the figures of the procedure's own cases in its variables, taken
once when it starts. Its business key, `TINJAUAN-<key>-<year>-<number>`, says of what it is, and is unique: of two workers that
find the same procedure due one starts it, and the other's start meets the key.
"""

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
import structlog

from bpmn.errors import N_, Conflict, NotFound
from engine import access, load, reports, settings, version_life
from engine.commands.instances import Instance, find_definition, run_unique, start_in
from engine.process_engine import Actor, ProcessEngine
from engine.store import attempt, read
from engine.tables import activity, incident, process_definition, process_instance, tenant, user
from engine.values import load as read_variables

KEY = "tinjauan-sop"
QUESTIONS = ("dilaksanakan", "waktu_sesuai", "output_sesuai", "pelaksana_sesuai", "aturan_sesuai")  # of its form, as Tabel 7 asks
MOST_STEPS = 60  # of a procedure, that a review holds figures of
MOST_SHOWN = 20

_d, _i = process_definition.c, process_instance.c
log = structlog.get_logger()


@dataclass(frozen=True)
class Due:
    """A procedure to be reviewed: its version in force, and since when it has not been."""

    definition_id: str
    key: str
    since: dt.datetime


# When -----------------------------------------------------------------------------------------------------------------

def start_due(pe: ProcessEngine, now: dt.datetime) -> int:
    """Start the reviews that are due in every office, each in a transaction of its own. Return how many."""
    with read(pe) as db:
        offices = list(db.scalars(sa.select(tenant.c.id).order_by(tenant.c.id)))
    count = 0
    for office in offices:
        actor = Actor.system(office)
        for each in due(pe, actor, now):
            try:
                start(pe, actor, now, each.key)
                count += 1
            except Conflict as problem:  # another worker was faster, or the review's own procedure is revoked
                log.info("review.not_started", key=each.key, problem=problem.message)
    return count


def due(pe: ProcessEngine, actor: Actor, now: dt.datetime) -> list[Due]:
    """Return the procedures in force whose last review, or coming into force, is too long ago, and that nobody reviews yet.

    None where the office has no procedure for reviews, or wants none by itself. Three statements at most.
    """
    months = settings.get(pe, actor.tenant)["review"]["months"]
    if not months:
        return []
    since = sa.func.coalesce(_d.in_force_from, _d.deployed_at)
    with read(pe) as db:
        rows = db.execute(sa.select(_d.id, _d.key, _d.in_force_from, _d.deployed_at).where(
            _d.tenant_id == actor.tenant, ~_d.suspended, version_life.may_run(now), version_life.is_current(now),
            sa.or_(_d.key == KEY, since <= before(now, months))).order_by(_d.key)).all()
        if len(rows) < 2 or all(row.key != KEY for row in rows):
            return []
        last = _last(db, actor, [row.key for row in rows])
    found = [Due(row.id, row.key, max(row.in_force_from or row.deployed_at, last.get(row.key, (row.deployed_at, False))[0]))
             for row in rows if row.key != KEY and not last.get(row.key, (None, False))[1]]
    return [each for each in found if each.since <= before(now, months)]


def before(now: dt.datetime, months: int) -> dt.datetime:
    """Return the same day so many months earlier; the month's last, where it has no such day."""
    number = now.year * 12 + now.month - 1 - months
    for day in range(now.day, now.day - 4, -1):
        try:
            return now.replace(year=number // 12, month=number % 12 + 1, day=day)
        except ValueError:
            continue
    raise AssertionError("unreachable")


def _last(db: sa.Connection, actor: Actor, keys: Iterable[str]) -> dict[str, tuple[dt.datetime, bool]]:
    """By procedure: when its last review ended, or began while it runs, and whether it runs. One statement."""
    wanted, found = set(keys), {}
    query = sa.select(_i.business_key, _i.started_at, _i.ended_at).where(
        _i.tenant_id == actor.tenant, _i.definition_key == KEY).order_by(_i.started_at.desc()).limit(5_000)
    for row in db.execute(query):
        key = reviewed(row.business_key)
        if key in wanted and key not in found:
            found[key] = (row.ended_at or row.started_at, row.ended_at is None)
    return found


def reviewed(business_key: str) -> str | None:
    """Return the key of the procedure that a review with this business key is about."""
    match = re.fullmatch(r"TINJAUAN-(.+)-\d{4}-\d+", business_key)
    return match[1] if match else None


# Starting -------------------------------------------------------------------------------------------------------------

def start(pe: ProcessEngine, actor: Actor, now: dt.datetime, key: str) -> Instance:
    """Start the review of a procedure, whose version in force is the one that is looked at; by a process owner, or by itself.

    Conflict while another review of it runs, or where somebody was faster. NotFound where there is no such procedure, or none
    for reviews.
    """
    access.require(access.may_deploy(actor))
    with read(pe) as db:
        subject = find_definition(db, actor, now, key=key)
        reviewing = find_definition(db, Actor.system(actor.tenant), now, key=KEY)
        if subject.key == KEY:
            raise NotFound(N_("Tinjauan sendiri tidak ditinjau."))
        zone = ZoneInfo(db.execute(sa.select(tenant.c.timezone).where(tenant.c.id == actor.tenant)).scalar_one())
        last = _last(db, actor, [key]).get(key)
        row = db.execute(sa.select(_d.in_force_from, _d.deployed_at, version_life.may_run(now).label("runs")).where(
            _d.id == subject.id)).one()
        number = 1 + _count(db, actor, key, now.astimezone(zone).year)
    if not row.runs:
        raise Conflict(N_("Prosedur ini tidak berlaku, jadi tidak ditinjau."))
    if last and last[1]:
        raise Conflict(N_("Tinjauan prosedur ini masih berjalan."))
    since = max(row.in_force_from or row.deployed_at, last[0]) if last else row.in_force_from or row.deployed_at
    variables = figures(pe, actor, now, subject, since, zone)
    business_key = f"TINJAUAN-{key}-{now.astimezone(zone).year}-{number}"

    def write(db: sa.Connection) -> tuple[Instance, list[str]]:
        return start_in(db, actor, now, reviewing, business_key=business_key, variables=variables)

    instance, wake = attempt(pe, lambda: run_unique(pe, write))
    pe.wake(wake)
    return instance


def _count(db: sa.Connection, actor: Actor, key: str, year: int) -> int:
    starts = f"TINJAUAN-{key}-{year}-"
    return db.scalar(sa.select(sa.func.count()).where(
        _i.tenant_id == actor.tenant, _i.definition_key == KEY, _i.business_key.startswith(starts, autoescape=True))) or 0


def figures(pe: ProcessEngine, actor: Actor, now: dt.datetime, subject: load.Definition, since: dt.datetime,
            zone: ZoneInfo) -> dict[str, Any]:
    """Return what a review is given: the figures of the cases that were started since, in numbers and as lines of text."""
    seeing = Actor.system(actor.tenant)
    scope = reports.Scope(subject.key, since, now)
    cases, steps = reports.summary(pe, seeing, scope), reports.steps(pe, seeing, now, scope)[:MOST_STEPS]
    with read(pe) as db:
        stuck = db.scalar(sa.select(sa.func.count()).select_from(incident).join(process_instance, _i.id == incident.c.instance_id).where(
            *scope.cases(actor))) or 0
    rows = [{"langkah": s.langkah, "nama": s.name, **_whole_each(
        jumlah=s.count, tengah=s.median, total=s.mean and s.mean * s.count, baku=s.standard, tepat=s.within,
        terlambat=s.promised - s.within + s.overdue, diulang=s.repeats)} for s in steps]
    late = sum(s.promised - s.within + s.overdue for s in steps)
    period = f"{since.astimezone(zone):%d-%m-%Y} s.d. {now.astimezone(zone):%d-%m-%Y}"
    return {
        "prosedur": subject.key, "nama_prosedur": subject.name, "versi": subject.version, "definisi": subject.id,
        "dari": since.isoformat(), "sampai": now.isoformat(),
        "angka": _whole_each(
            berkas=cases.started, berjalan=cases.running, selesai=cases.completed, dibatalkan=cases.cancelled,
            dikembalikan=cases.returned, tidak=cases.loops, terlambat=late, terhenti=stuck, tengah=cases.median),
        "langkah": rows,
        "ringkasan": "\n".join((
            f"{subject.name}, versi {subject.version}", f"Masa: {period}",
            f"Berkas: {cases.started} dimulai, {cases.completed} selesai, {cases.running} berjalan, {cases.cancelled} dibatalkan",
            f"TIDAK (dikembalikan): {cases.loops} kali, dalam {cases.returned} berkas",
            f"Langkah yang melewati waktu baku: {late}", f"Terhenti karena gangguan: {stuck}")),
        "tabel_langkah": "\n".join(_line(number, row) for number, row in enumerate(rows, 1)) or "–",
    }


def _line(number: int, row: dict[str, Any]) -> str:
    said = [f"{row['jumlah']} kali"]
    if row["jumlah"]:
        said += [f"tengah {_time(row['tengah'])}", f"jumlah {_time(row['total'])}"]
    said += [f"mutu baku {_time(row['baku'])}"] if row["baku"] else []
    said += [f"terlambat {row['terlambat']}"] if row["terlambat"] else []
    said += [f"diulang {row['diulang']}"] if row["diulang"] else []
    return f"{row['langkah'] or number}. {row['nama']}: {', '.join(said)}"


def _whole_each(**numbers: Any) -> dict[str, int | None]:
    """PostgreSQL gives sums and means as Decimal, which JSON does not know."""
    return {name: None if number is None else round(number) for name, number in numbers.items()}


def _time(seconds: int | None) -> str:
    if seconds is None:
        return "–"
    hours, minutes = divmod(round(seconds / 60), 60)
    return " ".join(part for part in (f"{hours} jam" if hours else "", f"{minutes} menit" if minutes or not hours else "") if part)


# What came of it ------------------------------------------------------------------------------------------------------

def history(pe: ProcessEngine, actor: Actor, key: str) -> list[dict[str, Any]]:
    """The reviews of a procedure, the newest first, MOST_SHOWN at most; one statement.

    Rows: id, business_key, started_at, ended_at, end_reason, by (name of who judged), and of what the review holds: version,
    figures, steps, answers ({question: 'ya' | 'tidak'}), notes, action, outcome ('tetap', 'revisi' or None), reason.
    """
    access.require(access.may_deploy(actor))
    judge = sa.select(user.c.name).join(activity, activity.c.completed_by == user.c.id).where(
        activity.c.instance_id == _i.id, activity.c.is_task, activity.c.ended_at.is_not(None)).order_by(activity.c.id.desc()).limit(1)
    query = sa.select(_i.id, _i.business_key, _i.started_at, _i.ended_at, _i.end_reason, _i.variables,
                      judge.correlate(process_instance).scalar_subquery().label("by")).where(
        _i.tenant_id == actor.tenant, _i.definition_key == KEY, _i.business_key.startswith(f"TINJAUAN-{key}-", autoescape=True))
    with read(pe) as db:
        rows = db.execute(query.order_by(_i.started_at.desc(), _i.id.desc()).limit(2 * MOST_SHOWN)).mappings().all()
    return [_told(row) for row in rows if reviewed(row["business_key"]) == key][:MOST_SHOWN]


def _told(row: Any) -> dict[str, Any]:
    held = read_variables(row["variables"]).get("", {})
    return {**{name: row[name] for name in ("id", "business_key", "started_at", "ended_at", "end_reason", "by")},
            "version": held.get("versi"), "figures": _dict(held.get("angka")), "steps": _dicts(held.get("langkah")),
            "answers": {name: held.get(name) for name in QUESTIONS}, "notes": held.get("catatan_penilaian") or "",
            "action": held.get("tindakan") or "", "outcome": held.get("hasil"), "reason": held.get("alasan_hasil") or ""}


def _dict(value: Any) -> dict[str, Any]:  # an admin may set variables to anything
    return value if isinstance(value, dict) else {}


def _dicts(value: Any) -> Sequence[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
