"""What `terbit doctor` looks at. Each check says what it found and, where something is wrong, what to do."""

import datetime as dt
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from engine import installation, oidc
from engine.process_engine import ProcessEngine
from engine.store import read
from engine.tables import event, incident, job, membership, user

OUR_TOPICS = ("publikasi", "dokumentasikan")  # a job of another topic may wait long for a worker of somebody else's
LATE = dt.timedelta(minutes=2)  # a due job that nobody took for so long


@dataclass(frozen=True)
class Finding:
    ok: bool | None  # None: nothing wrong, but worth knowing
    what: str
    advice: str = ""


def examine(pe: ProcessEngine, now: dt.datetime) -> list[Finding]:
    """Make every check. A database that cannot be reached is a finding, and ends those that need it."""
    findings = [*_folder(pe), *_secret(pe), _assets(), _broker(pe), *_provider(pe)]
    try:
        findings += _database(pe, now)
    except sa.exc.OperationalError as error:
        findings.append(Finding(False, f"database: {str(error.orig).strip()}",
                                "see DATABASE_URL in config.toml, and that the server runs"))
    return findings


def _folder(pe: ProcessEngine) -> Iterator[Finding]:
    try:
        with tempfile.TemporaryFile(dir=pe.folder):
            yield Finding(True, f"folder {pe.folder} can be written")
    except OSError as error:
        yield Finding(False, f"folder {pe.folder}: {error.strerror}", "give it to the user that runs Terbit: chown -R")
    free = shutil.disk_usage(pe.folder).free
    yield Finding(free > 1 << 30, f"{free / 1e9:.1f} GB free on its disk",
                  "" if free > 1 << 30 else "make room: below 1 GB files may be refused")


def _provider(pe: ProcessEngine) -> Iterator[Finding]:
    wrong = oidc.problems(pe)
    yield from (Finding(False, f"sign-in: {each}", "see docs/operations.md, sign-in by the office's own accounts") for each in wrong)
    if not wrong and (provider := oidc.settings_of(pe)):
        yield Finding(True, f"sign-in by {provider.issuer}")


def _secret(pe: ProcessEngine) -> Iterator[Finding]:
    path = pe.folder / "secret.key"
    if not path.exists():
        yield Finding(None, "secret.key is not there yet; the first start makes it")
        return
    loose = stat.S_IMODE(path.stat().st_mode) & 0o077
    yield Finding(not loose, f"secret.key is {'open to others' if loose else 'its owner’s only'}",
                  f"chmod 600 {path}" if loose else "")
    if not os.access(path, os.R_OK):
        yield Finding(False, "secret.key cannot be read", "run this as the user that runs Terbit")


def _assets() -> Finding:
    there = (Path(__file__).parent / "static" / "dist" / "manifest.json").exists()
    return Finding(there, "styles and scripts are " + ("built" if there else "missing"),
                   "" if there else "make install, or install the wheel")


def _broker(pe: ProcessEngine) -> Finding:
    from kombu import Connection

    if pe.broker_url.startswith("filesystem"):
        return Finding(True, "broker: files in the instance folder")
    try:
        with Connection(pe.broker_url, connect_timeout=3) as connection:
            connection.ensure_connection(max_retries=1, timeout=3)
            return Finding(True, f"broker: {connection.as_uri()}")
    except Exception as error:  # noqa: BLE001 - each transport raises its own kinds, and all of them mean this
        return Finding(False, f"broker: {error}",
                       "see BROKER_URL in config.toml, and that the server runs; until then jobs start by the sweep only")


def _database(pe: ProcessEngine, now: dt.datetime) -> Iterator[Finding]:
    current = installation.is_current(pe)
    yield Finding(current, f"database: {pe.db.url.render_as_string()}"
                  + ("" if current else ", not at this version's tables"),
                  "" if current else f"terbit db upgrade --instance {pe.folder}")
    if not current:
        return
    with read(pe) as db:
        if db.dialect.name == "sqlite":
            sound = db.exec_driver_sql("PRAGMA quick_check").scalar()
            yield Finding(sound == "ok", f"SQLite's own check says: {sound}",
                          "" if sound == "ok" else "stop Terbit and restore the last backup")
        yield _clock(db, now)
        late = db.scalar(sa.select(sa.func.count()).select_from(job).where(
            job.c.state == "open", job.c.due_at < now - LATE, sa.or_(job.c.leased_until.is_(None), job.c.leased_until < now),
            sa.or_(job.c.type != "external", job.c.topic.in_(OUR_TOPICS))))
        yield Finding(not late, f"{late} job(s) are overdue" if late else "no job is overdue",
                      "is a worker running? terbit worker" if late else "")
        broken = db.scalar(sa.select(sa.func.count()).select_from(incident).where(incident.c.resolved_at.is_(None)))
        yield Finding(None if broken else True, f"{broken} open incident(s)" if broken else "no open incident",
                      "an admin finds them in the web under Insiden" if broken else "")
        admins = db.scalar(sa.select(sa.func.count()).select_from(membership).join(user, user.c.id == membership.c.user_id).where(
            membership.c.group_id == "admin", user.c.active))
        known = installation.demo_accounts(pe)
        yield Finding(None if known else True,
                      f"known demo passwords: {', '.join(known)}" if known else "no account has the demo's password",
                      "before anybody else can reach this installation, give them others or make them inactive" if known else "")
        yield Finding(True if admins else None, f"{admins} administrator(s)",
                      "" if admins else "terbit user add NAME --group admin makes the first")


def _clock(db: sa.Connection, now: dt.datetime) -> Finding:
    last = db.scalar(sa.select(event.c.at).order_by(event.c.id.desc()).limit(1))
    theirs = db.execute(sa.select(sa.func.now())).scalar_one() if db.dialect.name == "postgresql" else now
    if last is not None and last > now + dt.timedelta(minutes=1):
        return Finding(False, f"the clock says {now:%Y-%m-%d %H:%M} UTC, yet the history goes to {last:%Y-%m-%d %H:%M}",
                       "set the clock (NTP)")
    if abs((theirs - now).total_seconds()) > 5:
        return Finding(False, "this machine's clock and the database server's differ by more than 5 s", "set both clocks (NTP)")
    return Finding(True, f"clock: {now:%Y-%m-%d %H:%M:%S} UTC")
