"""A whole installation in one file, taken while it runs, and put back into an empty folder.

The file is a gzipped tar: `terbit.json` (what it is), the database as of one moment (`database.sqlite3`, by SQLite's
online backup, or `database.dump`, by pg_dump), and the instance folder's files under `instance/`. The database comes
first: a file of the archive is written before any row names it, never changes, and is not taken away while a backup is
made (`files.standing`), so whatever the copied rows name is there. Only the anchors of the audit chain come before the
database: they must not say more than it does. What was written is read back before it gets its name.
"""

import contextlib
import datetime as dt
import hashlib
import io
import json
import os
import re
import shutil
import sqlite3
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import sqlalchemy as sa

from bpmn.errors import N_, Conflict, Invalid
from engine import files
from engine.audit_chain import ANCHORS
from engine.process_engine import Actor, ProcessEngine, open_engine
from engine.store import read, record, run
from engine.tables import event, tenant

Progress = Callable[[int, int], None]

FORMAT = 1
NAMED = "terbit-backup-"  # what the files in a folder of backups are called, and then the time in UTC
MADE = "backup.made"
ALARM_DAYS = 7  # BACKUP_ALARM_DAYS: without a backup for so long, the overview says so
SHA256 = re.compile(r"[0-9a-f]{64}")
DUMPS = {"sqlite": "database.sqlite3", "postgresql": "database.dump"}
# Wake-ups, half-received files and what platforms fetch within a day: worth nothing later.
PASSING = (PurePosixPath("broker"), PurePosixPath("archive/incoming"), PurePosixPath("public"))
OWN = {"config.toml", "config.sample.toml", "README.md"}  # what a folder may hold and still count as empty


def backup(pe: ProcessEngine, target: Path, now: dt.datetime, *, by: str = "", keep: int | None = None,
           progress: Progress = lambda done, total: None) -> Path:
    """Write the installation to `target`, readable by its owner only, and return the file; that it was made is recorded, `by` whom.

    Where `target` is a folder, the file in it is named by the time, and with `keep` all but the newest so many of such
    files go. The file appears whole and checked or not at all; Conflict where it exists. It holds `secret.key`: keep it
    as safe as that. `progress` is told the bytes that are done and those there are.
    """
    into = target.is_dir()
    if into:
        target = target / f"{NAMED}{now.astimezone(dt.timezone.utc):%Y%m%d-%H%M%S}.tar.gz"
    elif keep is not None:
        raise Invalid(N_("Untuk menyimpan beberapa cadangan, sebutkan sebuah folder."))
    if target.exists():
        raise Conflict(N_("File %(name)s sudah ada."), name=str(target))
    with tempfile.TemporaryDirectory(dir=target.absolute().parent, prefix=".terbit-backup-") as scratch, files.standing(pe.folder):
        whole = Path(scratch, "whole")
        whole.touch(0o600)
        _write(pe, whole, Path(scratch), target, now, progress)
        _check(pe, whole, Path(scratch))
        _sync(whole)
        try:
            os.link(whole, target)
        except FileExistsError:
            raise Conflict(N_("File %(name)s sudah ada."), name=str(target)) from None
    _record(pe, now, by, target)
    if into and keep is not None:
        for old in sorted(target.parent.glob(f"{NAMED}*.tar.gz"))[:-max(keep, 1)]:
            old.unlink()
    return target


def _write(pe: ProcessEngine, whole: Path, scratch: Path, target: Path, now: dt.datetime, progress: Progress) -> None:
    anchors = pe.folder / ANCHORS
    with tarfile.open(whole, "w:gz", compresslevel=3) as tar:
        about = json.dumps({"format": FORMAT, "made_at": now.isoformat(), "database": pe.db.dialect.name}).encode()
        _add(tar, "terbit.json", about)
        if anchors.exists():
            _add(tar, f"instance/{ANCHORS}", anchors.read_bytes())
        dump = scratch / DUMPS[pe.db.dialect.name]
        _dump(pe, dump)
        total = dump.stat().st_size + sum(size for _path, _inside, size in _files(pe, target))
        tar.add(dump, arcname=dump.name)
        done = dump.stat().st_size
        progress(done, total)
        for path, inside, size in _files(pe, target):
            with contextlib.suppress(FileNotFoundError):  # a temporary file, gone before we came to it
                tar.add(path, arcname=f"instance/{inside}", recursive=False)
            done += size
            progress(done, max(done, total))


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), 0o600
    tar.addfile(entry, io.BytesIO(content))


def _check(pe: ProcessEngine, whole: Path, scratch: Path) -> None:
    """Read back what was written: the archive's files by the hashes that are their names, the database as its program reads it."""
    (scratch / "read").mkdir()
    with tarfile.open(whole, "r:gz") as tar:
        for entry in tar:
            content = tar.extractfile(entry)
            if content is None:
                continue
            name = PurePosixPath(entry.name)
            if name.parts[:2] == ("instance", "archive") and SHA256.fullmatch(name.name):
                if hashlib.file_digest(content, "sha256").hexdigest() != name.name:  # type: ignore[arg-type]
                    raise Invalid(N_("Dokumen %(name)s di arsip rusak; cadangan tidak dibuat. Jalankan terbit archive verify."),
                                  name=name.name)
            elif entry.name in DUMPS.values():
                with Path(scratch, "read", entry.name).open("wb") as copy:
                    shutil.copyfileobj(content, copy)
    _check_dump(pe, Path(scratch, "read", DUMPS[pe.db.dialect.name]))


def _check_dump(pe: ProcessEngine, dump: Path) -> None:
    if pe.db.dialect.name == "sqlite":
        with contextlib.closing(sqlite3.connect(dump)) as db:
            found = db.execute("PRAGMA quick_check").fetchone()[0]
    else:
        done = subprocess.run(["pg_restore", "--list", str(dump)], capture_output=True, text=True)
        found = "ok" if done.returncode == 0 else done.stderr.strip()[-500:]
    if found != "ok":
        raise Invalid(N_("Salinan basis data tidak utuh: %(reason)s"), reason=found)


def _record(pe: ProcessEngine, now: dt.datetime, by: str, target: Path) -> None:
    def write(db: sa.Connection) -> None:
        for office in db.scalars(sa.select(tenant.c.id)).all():
            record(db, Actor(by, office, is_system=True), now, MADE, data={"file": target.name, "size": target.stat().st_size})

    run(pe, write)


def last(pe: ProcessEngine, actor: Actor, now: dt.datetime) -> dict[str, Any]:
    """The office's last backup: {at, file, size (None, '' and 0 while there is none), days (after which one is missed), late}."""
    with read(pe) as db:
        return last_in(pe, db, actor, now)


def last_in(pe: ProcessEngine, db: sa.Connection, actor: Actor, now: dt.datetime) -> dict[str, Any]:
    """As `last`, in an open connection; one statement. An office that is younger than that misses none yet."""
    mine = sa.select(event.c.id).where(event.c.tenant_id == actor.tenant)
    first = mine.order_by(event.c.at, event.c.id).limit(1).scalar_subquery()
    newest = mine.where(event.c.type == MADE).order_by(event.c.at.desc(), event.c.id.desc()).limit(1).scalar_subquery()
    rows = db.execute(sa.select(event.c.at, event.c.data, event.c.type).where(event.c.id.in_([first, newest])).order_by(event.c.at)).all()
    found = next((row for row in reversed(rows) if row.type == MADE), None)
    days = int(pe.config.get("BACKUP_ALARM_DAYS", ALARM_DAYS))
    return {"at": found.at if found else None, "file": found.data["file"] if found else "", "size": found.data["size"] if found else 0,
            "days": days, "late": bool(rows) and now - (found or rows[0]).at > dt.timedelta(days=days)}


def restore(source: Path, folder: Path) -> ProcessEngine:
    """Put a backup into an empty `folder` (a `config.toml` may be there, and then wins) and return its engine.

    The database goes where the config says, and must be empty there too; Conflict where something is in the way.
    A file that is no backup, or a broken one, is Invalid, and then nothing was put anywhere.
    """
    if folder.exists() and {path.name for path in folder.iterdir()} - OWN:
        raise Conflict(N_("Folder %(name)s tidak kosong."), name=str(folder))
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.absolute().parent, prefix=".terbit-restore-") as scratch:
        about = _extract(source, Path(scratch))
        (Path(scratch) / "instance").mkdir(exist_ok=True)
        for path in folder.iterdir():
            shutil.copy2(path, Path(scratch, "instance", path.name))
        pe = open_engine(Path(scratch, "instance"))
        own_file = not pe.config.get("DATABASE_URL")
        pe.close()
        if own_file and about["database"] == "sqlite":
            shutil.move(Path(scratch, DUMPS["sqlite"]), Path(scratch, "instance", "terbit.sqlite3"))
        else:
            _load(pe, about["database"], Path(scratch, DUMPS[about["database"]]))
        for path in Path(scratch, "instance").iterdir():
            if not (folder / path.name).exists():
                shutil.move(path, folder / path.name)
    return open_engine(folder)


def _files(pe: ProcessEngine, target: Path) -> Iterator[tuple[Path, PurePosixPath, int]]:
    """Every file that belongs to the installation, with its name inside the folder and its size; not the database, which is dumped,
    nor other backups."""
    database = _sqlite_file(pe).resolve() if pe.db.dialect.name == "sqlite" else None
    for path in sorted(pe.folder.rglob("*")):
        inside = PurePosixPath(path.relative_to(pe.folder).as_posix())
        passing = any(inside == each or each in inside.parents for each in PASSING)
        is_database = database is not None and path.name.startswith(database.name) and path.parent == database.parent
        other = path == target.absolute() or path.name.startswith((NAMED, ".terbit-backup-")) or inside.name in (ANCHORS, files.LOCK)
        within_other = any(part.startswith(".terbit-backup-") for part in inside.parts)
        if not (passing or is_database or other or within_other) and path.is_file() and not path.is_symlink():
            with contextlib.suppress(FileNotFoundError):
                yield path, inside, path.stat().st_size


# Databases ------------------------------------------------------------------------------------------------------------

def _sqlite_file(pe: ProcessEngine) -> Path:
    return Path(pe.db.url.database or "")


def _dump(pe: ProcessEngine, to: Path) -> None:
    if pe.db.dialect.name == "sqlite":
        with contextlib.closing(sqlite3.connect(_sqlite_file(pe))) as source, contextlib.closing(sqlite3.connect(to)) as copy:
            source.backup(copy)
    else:
        _postgres("pg_dump", pe, "--format=custom", "--no-owner", "--no-privileges", f"--file={to}")


def _load(pe: ProcessEngine, dialect: str, dump: Path) -> None:
    if pe.db.dialect.name != dialect:
        raise Conflict(N_("Cadangan ini dari %(theirs)s, sedangkan DATABASE_URL menunjuk ke %(ours)s."),
                       theirs=dialect, ours=pe.db.dialect.name)
    if dialect == "sqlite":
        target = _sqlite_file(pe)
        if target.exists():
            raise Conflict(N_("File %(name)s sudah ada."), name=str(target))
        shutil.move(dump, target)
        return
    if sa.inspect(pe.db).get_table_names():
        raise Conflict(N_("Basis data tujuan tidak kosong."))
    pe.close()
    _postgres("pg_restore", pe, "--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error", str(dump))


def _postgres(program: str, pe: ProcessEngine, *arguments: str) -> None:
    """Run pg_dump or pg_restore on the engine's database; the password goes by the environment, which `ps` does not show."""
    if shutil.which(program) is None:
        raise Invalid(N_("Program %(program)s tidak ada; pasang perangkat klien PostgreSQL."), program=program)
    url = pe.db.url
    address = url.set(drivername="postgresql", password=None).render_as_string()
    environment = {**os.environ, **({"PGPASSWORD": str(url.password)} if url.password else {})}
    done = subprocess.run([program, f"--dbname={address}", *arguments], env=environment, capture_output=True, text=True)
    if done.returncode:
        raise Invalid(N_("%(program)s gagal: %(reason)s"), program=program, reason=done.stderr.strip()[-2000:])


# Files ----------------------------------------------------------------------------------------------------------------

def _extract(source: Path, scratch: Path) -> dict:
    """Unpack a backup and return what its `terbit.json` says. Only plain files inside it come out, whatever it claims."""
    try:
        with tarfile.open(source, "r:gz") as tar:
            for entry in tar:
                target = (scratch / entry.name).resolve()
                if not entry.isfile() or not target.is_relative_to(scratch.resolve()):
                    raise Invalid(N_("File %(name)s bukan cadangan Terbit."), name=str(source))
                target.parent.mkdir(parents=True, exist_ok=True)
                with tar.extractfile(entry) as content, target.open("wb") as copy:  # type: ignore[union-attr]
                    shutil.copyfileobj(content, copy)
                target.chmod(entry.mode & 0o700 | entry.mode & 0o040)
        about = json.loads((scratch / "terbit.json").read_bytes())
        if about["format"] != FORMAT or not (scratch / DUMPS[about["database"]]).is_file():
            raise ValueError("unknown format")
    except (tarfile.TarError, EOFError, OSError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, FileNotFoundError) and not source.exists():
            raise
        raise Invalid(N_("File %(name)s bukan cadangan Terbit, atau rusak."), name=str(source)) from error
    return about


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
