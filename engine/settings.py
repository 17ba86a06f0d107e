"""An office's settings: its working calendar, letterhead, numbering, reminders and ready phrases.

They lie in `tenant.settings` by section; what is not set there is what this module says. Each process keeps them for
a few seconds, so that the hot path asks the database for them now and then only.
"""

import datetime as dt
import re
import time
import weakref
from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa

from bpmn.errors import N_, Invalid, NotFound
from engine import access, deadlines, embargo, numbering, working_time
from engine.process_engine import Actor, ProcessEngine
from engine.store import read, record, run
from engine.tables import tenant as office
from engine.working_time import WorkingCalendar

KEPT_SECONDS = 5.0
LONGEST = 500  # characters of one line of text
MOST = 50  # lines of one list
MOST_HEAD_LINES = 6  # of a letterhead: more leave no room for the letter

DEFAULTS: dict[str, dict[str, Any]] = {
    "calendar": {},  # as `working_time.from_json` reads it
    "letterhead": {"lines": ["KOMISI PEMILIHAN UMUM", "KABUPATEN ADMINISTRASI KEPULAUAN SERIBU"],
                   "address": "", "contact": "", "place": "", "logo": ""},  # logo: the SHA-256 of a PNG, see `letterhead`
    "numbering": {"lembar-disposisi": "{nomor}/LD/{bulan romawi}/{tahun}", "nota-dinas": "{nomor}/ND/{bulan romawi}/{tahun}"},
    "reminders": {"before_percent": 80, "at_due": True, "escalate_minutes": 60},  # 0: not before, None: not to the head
    "evidence": {"persons": False},  # whether the analyst's pages may compare persons
    "access": {"procedures": {}},  # who sees and starts what, beyond the diagrams: {key: {sees, starts}}, see `engine.reach`
    "embargo": {"windows": []},  # when nothing is published, see `engine.embargo`
    "review": {"months": 6},  # between two reviews of a procedure; 0: none by itself
    "housekeeping": {"automatic": False},  # whether what is due goes by itself, daily: see `engine.disposal`
    "phrases": {
        "approve": ["Setuju, lanjutkan.", "Sudah sesuai.", "Setuju; segera diterbitkan."],
        "return": ["Perbaiki bahasa dan ejaan.", "Periksa kembali angka dan tanggal.", "Konfirmasi lagi ke narasumber.",
                   "Ganti atau tambahkan foto.", "Lengkapi sumber dan lampiran."]},
}


_Known = tuple[float, dict[str, Any], WorkingCalendar]  # until when it is believed, the settings, the calendar


class _Kept:
    """What a process knows of the settings of one database's offices."""

    def __init__(self) -> None:
        self.settings: dict[str, _Known] = {}


_kept: weakref.WeakKeyDictionary[sa.Engine, _Kept] = weakref.WeakKeyDictionary()
_select = sa.select(office.c.settings, office.c.timezone).where(office.c.id == sa.bindparam("tenant"))


def get(pe: ProcessEngine, tenant: str) -> dict[str, Any]:
    """Return every section of an office's settings, defaults filled in; at most a few seconds old."""
    found = _fresh(pe.db, tenant)
    if found:
        return found[1]
    with read(pe) as db:
        return of(db, tenant)


def calendar_of(pe: ProcessEngine, tenant: str) -> WorkingCalendar:
    """Return when an office works; at most a few seconds old."""
    found = _fresh(pe.db, tenant)
    if found:
        return found[2]
    with read(pe) as db:
        return calendar(db, tenant)


def of(db: sa.Connection, tenant: str) -> dict[str, Any]:
    """`get`, within a transaction that is open; mostly without a statement."""
    return _known(db, tenant)[1]


def calendar(db: sa.Connection, tenant: str) -> WorkingCalendar:
    """Return when an office works; mostly without a statement."""
    return _known(db, tenant)[2]


def rules(db: sa.Connection, tenant: str) -> deadlines.Rules:
    """Return when an office's people are reminded; mostly without a statement."""
    return deadlines.Rules(**of(db, tenant)["reminders"])


def change(pe: ProcessEngine, actor: Actor, now: dt.datetime, section: str, value: dict[str, Any]) -> None:
    """Replace one section; an admin's. What was and what is goes into the history.

    Another calendar, or other reminders, hold for the open tasks too: their due times are computed again from when
    they began.
    """
    access.require(access.may_administer(actor))
    if section not in CHECKS:
        raise NotFound(N_("Pengaturan ini tidak ada."))
    checked = CHECKS[section](value)

    def write(db: sa.Connection) -> None:
        before, zone = db.execute(_select.with_for_update(), {"tenant": actor.tenant}).one()
        after = {**before, section: checked}
        db.execute(sa.update(office).where(office.c.id == actor.tenant).values(settings=after))
        record(db, actor, now, "settings.changed", data={"section": section, "from": before.get(section), "to": checked})
        if section in ("calendar", "reminders"):
            full = _full(after)
            deadlines.recompute(db, actor.tenant, _calendar(full, zone), deadlines.Rules(**full["reminders"]))
        if section == "embargo":
            embargo.wake(db, actor.tenant, now)

    run(pe, write)
    forget(pe, actor.tenant)


def forget(pe: ProcessEngine, tenant: str) -> None:
    """Ask the database again at the next question: something was changed by this process."""
    _of(pe.db).settings.pop(tenant, None)


# Inside ---------------------------------------------------------------------------------------------------------------

def _of(engine: sa.Engine) -> _Kept:
    return _kept.get(engine) or _kept.setdefault(engine, _Kept())


def _fresh(engine: sa.Engine, tenant: str) -> _Known | None:
    found = _of(engine).settings.get(tenant)
    return found if found and found[0] >= time.monotonic() else None


def _known(db: sa.Connection, tenant: str) -> _Known:
    found = _fresh(db.engine, tenant)
    if found is None:
        row = db.execute(_select, {"tenant": tenant}).first()
        full = _full(row.settings if row else {})
        old = _of(db.engine).settings.get(tenant)
        same = old is not None and old[1]["calendar"] == full["calendar"]  # then its years are worked out already
        calendar = old[2] if old and same else _calendar(full, row.timezone if row else "Asia/Jakarta")
        found = _of(db.engine).settings[tenant] = (time.monotonic() + KEPT_SECONDS, full, calendar)
    return found


def _full(stored: Mapping[str, Any]) -> dict[str, Any]:
    full = {section: {**default, **(stored.get(section) or {})} for section, default in DEFAULTS.items()}
    return full | ({"sample": stored["sample"]} if stored.get("sample") else {})  # that the office is made up: `evidence.sample`


def _calendar(full: Mapping[str, Any], zone: str) -> WorkingCalendar:
    return working_time.from_json({"zone": zone, **full["calendar"]})


# What may be set ------------------------------------------------------------------------------------------------------

def _line(value: Any, field: str) -> str:
    if not isinstance(value, str) or len(value) > LONGEST or any(ord(c) < 32 for c in value):
        raise Invalid(N_("Isikan satu baris teks, paling banyak %(most)s karakter."), field=field, most=LONGEST)
    return value.strip()


def _lines(value: Any, field: str) -> list[str]:
    if not isinstance(value, list) or len(value) > MOST:
        raise Invalid(N_("Isikan paling banyak %(most)s baris."), field=field, most=MOST)
    return [line for line in (_line(each, field) for each in value) if line]


def _known_keys(section: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict) or not value.keys() <= DEFAULTS[section].keys():
        raise Invalid(N_("Pengaturan ini tidak dikenal."), field=section)
    return value


def _letterhead(value: Any) -> dict[str, Any]:
    known = _known_keys("letterhead", value)
    found: dict[str, Any] = {key: _lines(each, key) if key == "lines" else _line(each, key) for key, each in known.items()}
    if found.get("logo") and not re.fullmatch(r"[0-9a-f]{64}", found["logo"]):
        raise Invalid(N_("Logo tidak dikenal. Unggah sekali lagi."), field="logo")
    if len(found.get("lines", ())) > MOST_HEAD_LINES:
        raise Invalid(N_("Isikan paling banyak %(most)s baris."), field="lines", most=MOST_HEAD_LINES)
    return found


def _review(value: Any) -> dict[str, int]:
    months = _known_keys("review", value).get("months")
    if not isinstance(months, int) or isinstance(months, bool) or not 0 <= months <= 24:
        raise Invalid(N_("Isikan bilangan bulan, 0 sampai 24."), field="months")
    return {"months": months}


def _evidence(value: Any) -> dict[str, bool]:
    persons = _known_keys("evidence", value).get("persons")
    if not isinstance(persons, bool):
        raise Invalid(N_("Isikan ya atau tidak."), field="persons")
    return {"persons": persons}


def _numbering(value: Any) -> dict[str, str]:
    patterns = {key: _line(each, key) for key, each in _known_keys("numbering", value).items()}
    numbering.check({**DEFAULTS["numbering"], **patterns})
    return patterns


def _phrases(value: Any) -> dict[str, list[str]]:
    return {key: _lines(each, key) for key, each in _known_keys("phrases", value).items()}


CHECKS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "calendar": working_time.checked, "letterhead": _letterhead, "numbering": _numbering,
    "reminders": lambda value: deadlines.checked(_known_keys("reminders", value)), "phrases": _phrases, "review": _review,
    "evidence": _evidence, "embargo": lambda value: embargo.checked(_known_keys("embargo", value)),
    "housekeeping": lambda value: {"automatic": _known_keys("housekeeping", value).get("automatic") is True},
}
