"""The store: one commit site, nothing half done."""

import datetime as dt
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from alembic import command

from engine import ids, migrations, tables
from engine.process_engine import open_engine
from engine.store import read, record, run
from tests.conftest import on_databases


def _events(pe):
    with read(pe) as db:
        return db.execute(sa.select(tables.event.c.type).order_by(tables.event.c.id)).scalars().all()


@on_databases
def test_what_raises_leaves_nothing(pe, admin, now):
    def fail(db):
        record(db, admin, now, "first")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(pe, fail)
    run(pe, lambda db: record(db, admin, now, "second"))
    assert _events(pe) == ["second"]


@on_databases
def test_upgrading_again_changes_nothing(pe):
    migrations.upgrade(pe)
    assert migrations.current(pe) == migrations.head()
    with read(pe) as db:
        assert db.execute(sa.select(tables.tenant.c.id)).scalars().all() == ["kpu"]


@on_databases
def test_the_migrations_make_what_the_tables_say(pe):
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    with pe.db.connect() as db:
        assert compare_metadata(MigrationContext.configure(db), tables.metadata) == []


@on_databases
def test_times_come_back_as_they_went_in(pe, admin, now):
    moment = now.replace(microsecond=123456)
    run(pe, lambda db: record(db, admin, moment, "x"))
    with read(pe) as db:
        assert db.execute(sa.select(tables.event.c.at)).scalar_one() == moment


def test_a_transaction_inside_a_transaction_is_a_mistake_that_shows_at_once(pe, admin, now):
    with pytest.raises(RuntimeError):
        run(pe, lambda db: run(pe, lambda db: None))
    run(pe, lambda db: record(db, admin, now, "after"))  # and nothing stays locked


def test_writers_wait_in_line(pe, admin, now):
    """Of eight that write all the time, none is left behind, while each commit waits for the disk as it does outside the tests."""
    sa.event.listen(pe.db, "connect", lambda connection, _: connection.execute("PRAGMA synchronous = FULL"))
    pe.db.dispose()
    written, gate = dict.fromkeys(range(8), 0), threading.Barrier(8)
    stop = threading.Event()

    def write(n):
        gate.wait()
        while not stop.is_set():
            run(pe, lambda db: record(db, admin, now, f"writer {n}"))
            written[n] += 1
            if sum(written.values()) >= 400:
                stop.set()

    threads = [threading.Thread(target=write, args=(n,)) for n in written]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert min(written.values()) >= 10, written  # of 50 on average; the machine may have other work


def test_the_key_is_made_once_and_for_its_owner_only(tmp_path):
    folder = tmp_path / "new"
    engines = [open_engine(folder) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        secrets = list(pool.map(lambda pe: pe.secret("flask"), engines))
    assert len(set(secrets)) == 1 and len(secrets[0]) == 32
    assert engines[0].secret("flask") != engines[0].secret("channels")
    assert (folder / "secret.key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in folder.iterdir()] == ["secret.key"]


def test_config_comes_from_file_environment_and_arguments(tmp_path, monkeypatch):
    (tmp_path / "config.toml").write_text('A = "file"\nB = "file"\nC = "file"\n')
    monkeypatch.setenv("TERBIT_B", "environment")
    monkeypatch.setenv("TERBIT_C", "environment")
    config = open_engine(tmp_path, C="argument").config
    assert (config["A"], config["B"], config["C"]) == ("file", "environment", "argument")


def test_ids_sort_in_the_order_in_which_they_were_made(now):
    new_id = ids.source(now)
    made = [new_id() for _ in range(10_000)]
    assert made == sorted(made) and len(set(made)) == len(made)
    assert all(uuid.UUID(id).version == 7 and uuid.UUID(id).variant == uuid.RFC_4122 for id in made[:100])
    assert ids.new_id(now + dt.timedelta(milliseconds=5)) > made[-1]


def test_an_upgrade_keeps_the_rows_that_are_there(tmp_path, now):
    pe = open_engine(tmp_path)
    with pe.db.connect() as db:
        db = db.execution_options(write=True)
        command.upgrade(migrations.config(db), "0001")
        for table, row in [("tenant", "('kpu', 'KPU', 'Asia/Jakarta')"), ("deployment", "('d', 'kpu', 'd', NULL, '2026-01-01', NULL)")]:
            db.exec_driver_sql(f"INSERT INTO {table} VALUES {row}")
        db.exec_driver_sql("INSERT INTO process_definition (id, tenant_id, key, version, deployment_id, resource_name, content_hash, calls, groups, "
                           "starter_groups, deployed_at) VALUES ('p:1:d', 'kpu', 'p', 1, 'd', 'p.bpmn', 'h', '{}', '[]', '[]', '2026-01-01')")
        db.exec_driver_sql("INSERT INTO process_instance (id, tenant_id, definition_id, definition_key, business_key, version, variables, started_at) "
                           "VALUES ('i', 'kpu', 'p:1:d', 'p', 'P-1', 1, '{}', '2026-01-01')")
        db.exec_driver_sql("INSERT INTO activity_instance (id, tenant_id, instance_id, definition_id, activity_id, type, started_at) "
                           "VALUES ('a', 'kpu', 'i', 'p:1:d', 'a', 'userTask', '2026-01-01')")
        db.exec_driver_sql("INSERT INTO candidate VALUES ('a', 'group', 'pelaksana', 'kpu')")
        db.commit()
    migrations.upgrade(pe)
    with read(pe) as db:
        assert migrations.current(pe) == migrations.head()
        assert db.exec_driver_sql("SELECT count(*) FROM candidate JOIN activity_instance ON id = task_id").scalar() == 1
        assert db.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    pe.close()
