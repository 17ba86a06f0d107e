"""A backup that is taken while people work, put back elsewhere, and compared row by row and byte by byte."""

import datetime as dt
import hashlib
import itertools
import threading
import time
import uuid

import pytest
import sqlalchemy as sa

from bpmn.errors import Conflict, Invalid
from engine import archive, audit_chain, backup, files
from engine.process_engine import Actor
from engine.store import record, run
from engine.tables import metadata
from tests.conftest import POSTGRES, on_databases
from tests.engine.a_case import make_case, make_definition, make_task


@pytest.fixture
def empty(pe, tmp_path):
    """A function that makes an empty folder (and database, on PostgreSQL) to restore into."""
    server = sa.create_engine(POSTGRES.format("postgres"), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    names = []

    def make():
        folder = tmp_path / uuid.uuid4().hex[:8]
        folder.mkdir()
        if pe.db.dialect.name == "postgresql":
            names.append(f"terbit_backup_{uuid.uuid4().hex[:12]}")
            with server.connect() as db:
                db.exec_driver_sql(f'CREATE DATABASE "{names[-1]}"')
            (folder / "config.toml").write_text(f'DATABASE_URL = "{POSTGRES.format(names[-1])}"')
        return folder

    yield make
    for name in names:
        with server.connect() as db:
            db.exec_driver_sql(f'DROP DATABASE "{name}" WITH (FORCE)')


def rows(pe):
    """{table: {primary key: row}} of everything."""
    with pe.db.connect() as db:
        return {table.name: {tuple(row[c.name] for c in table.primary_key): dict(row) for row in db.execute(sa.select(table)).mappings()}
                for table in metadata.sorted_tables}


def bytes_in(folder):
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.rglob("*"))
            if path.is_file() and not path.name.startswith("terbit.sqlite3") and path.name not in (files.LOCK, "config.toml")}


def work(pe, now, done):
    for number in itertools.count(2):
        if done.is_set():
            return
        case = make_case(pe, now, business_key=f"INF-{number}")
        make_task(pe, now, case)
        kept = files.keep_bytes(pe.folder, f"isi {number}".encode())
        named = {"name": "a.txt", "sha256": kept.sha256, "size": kept.size}
        run(pe, lambda db, case=case, named=named: (archive.append(db, "kpu", now, "document", case, {"n": 1}, [named]),
                                                    record(db, Actor.system(), now, "instance.started", instance_id=case)))
        audit_chain.seal(pe, now)


@on_databases
def test_what_is_restored_is_one_moment_of_what_was(pe, now, people, empty, tmp_path):
    pe.secret("flask")
    make_definition(pe, now)
    make_case(pe, now)
    done = threading.Event()
    worker = threading.Thread(target=work, args=(pe, now, done))
    worker.start()
    try:
        time.sleep(0.3)
        while_working = backup.backup(pe, tmp_path / "b1", now)
    finally:
        done.set()
        worker.join()
    first = backup.restore(while_working, empty())
    here, there = rows(pe), rows(first)
    for table, found in there.items():  # nobody changes a row here, so each is as it is now
        assert found == {key: here[table][key] for key in found}, table
    assert len(there["archive_entry"]) >= 1
    assert archive.verify(first) == [] and list(audit_chain.verify(first)) == []  # every file that a row names came along
    first.close()

    audit_chain.seal(pe, now)
    before = rows(pe)
    at_rest = backup.backup(pe, tmp_path / "b2", now, by="os:sari")
    second = backup.restore(at_rest, empty())
    assert rows(second) == before
    assert bytes_in(second.folder) == bytes_in(pe.folder)
    assert audit_chain.last_seal(second) == audit_chain.last_seal(pe)
    with second.db.connect() as db, pytest.raises(sa.exc.DBAPIError, match="append-only"):
        db.exec_driver_sql("DELETE FROM event")
    second.close()
    with pytest.raises(Conflict):
        backup.backup(pe, at_rest, now)


def test_the_newest_so_many_are_kept_and_the_last_is_known(pe, now, people, admin, tmp_path):
    folder = tmp_path / "cadangan"
    folder.mkdir()
    (folder / "lain.tar.gz").write_bytes(b"not ours")
    assert backup.last(pe, admin, now)["at"] is None
    told = []
    for day in range(4):
        made = backup.backup(pe, folder, now + dt.timedelta(days=day), by="os:sari", keep=2, progress=lambda *step: told.append(step))
    assert sorted(path.name for path in folder.iterdir()) == [
        "lain.tar.gz", "terbit-backup-20260304-010000.tar.gz", "terbit-backup-20260305-010000.tar.gz"]
    assert told and all(0 < step <= total for step, total in told) and told[-1][0] == told[-1][1]
    last = backup.last(pe, admin, now + dt.timedelta(days=4))
    assert (last["file"], last["at"], last["late"]) == (made.name, now + dt.timedelta(days=3), False)
    assert backup.last(pe, admin, now + dt.timedelta(days=11))["late"]
    with pytest.raises(Invalid):
        backup.backup(pe, folder / "x", now, keep=2)


def test_a_backup_of_a_damaged_archive_is_refused(pe, now, people, tmp_path):
    kept = files.keep_bytes(pe.folder, b"isi")
    path = files.path(pe.folder, kept.sha256)
    path.chmod(0o600)
    path.write_bytes(b"lain")
    with pytest.raises(Invalid):
        backup.backup(pe, tmp_path / "b", now)
    assert not (tmp_path / "b").exists() and not list(tmp_path.glob(".terbit-backup-*"))


def test_no_bytes_go_while_a_backup_is_made(pe):
    with files.standing(pe.folder) as first, files.standing(pe.folder) as second, files.standing(pe.folder, alone=True) as alone:
        assert (first, second, alone) == (True, True, False)
    with files.standing(pe.folder, alone=True) as alone:
        assert alone
