"""A whole installation in one file, taken while it runs, and put back into an empty folder.

The file is a gzipped tar: `terbit.json` (what it is), the database as of one moment (`database.sqlite3`, by SQLite's
online backup, or `database.dump`, by pg_dump), and the instance folder's files under `instance/`. The database comes
first: a file of the archive is written before any row names it and never changes, so whatever the copied rows name is there.
"""

import contextlib
import datetime as dt
import io
import json
import os
import shutil
import sqlite3
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import sqlalchemy as sa

from bpmn.errors import N_, Conflict, Invalid
from engine.process_engine import ProcessEngine, open_engine

FORMAT = 1
DUMPS = {"sqlite": "database.sqlite3", "postgresql": "database.dump"}
PASSING = (PurePosixPath("broker"), PurePosixPath("archive/incoming"))  # wake-ups and half-received files: worth nothing later
OWN = {"config.toml", "config.sample.toml", "README.md"}  # what a folder may hold and still count as empty


def backup(pe: ProcessEngine, target: Path, now: dt.datetime) -> int:
    """Write the installation to `target`, readable by its owner only, and return the file's size in bytes.

    `target` appears whole or not at all; Conflict where it exists. It holds `secret.key`: keep it as safe as that.
    """
    if target.exists():
        raise Conflict(N_("File %(name)s sudah ada."), name=str(target))
    with tempfile.TemporaryDirectory(dir=target.absolute().parent, prefix=".terbit-backup-") as scratch:
        whole = Path(scratch, "whole")
        whole.touch(0o600)
        with tarfile.open(whole, "w:gz", compresslevel=3) as tar:
            about = json.dumps({"format": FORMAT, "made_at": now.isoformat(), "database": pe.db.dialect.name}).encode()
            entry = tarfile.TarInfo("terbit.json")
            entry.size = len(about)
            tar.addfile(entry, io.BytesIO(about))
            name = DUMPS[pe.db.dialect.name]
            _dump(pe, Path(scratch, name))
            tar.add(Path(scratch, name), arcname=name)
            for path, inside in _files(pe, target):
                with contextlib.suppress(FileNotFoundError):  # a temporary file, gone before we came to it
                    tar.add(path, arcname=f"instance/{inside}", recursive=False)
        _sync(whole)
        try:
            os.link(whole, target)
        except FileExistsError:
            raise Conflict(N_("File %(name)s sudah ada."), name=str(target)) from None
    return target.stat().st_size


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


def _files(pe: ProcessEngine, target: Path) -> Iterator[tuple[Path, PurePosixPath]]:
    """Every file that belongs to the installation, with its name inside the folder; not the database, which is dumped."""
    database = _sqlite_file(pe).resolve() if pe.db.dialect.name == "sqlite" else None
    for path in sorted(pe.folder.rglob("*")):
        inside = PurePosixPath(path.relative_to(pe.folder).as_posix())
        passing = any(inside == each or each in inside.parents for each in PASSING)
        is_database = database is not None and path.name.startswith(database.name) and path.parent == database.parent
        if path.is_file() and not path.is_symlink() and not passing and not is_database and path != target.absolute():
            yield path, inside


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
