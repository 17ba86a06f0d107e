"""Fixtures that every test may use: a fresh engine, its people, a clock that stands."""

import datetime as dt
import os
import shutil
import tempfile
import uuid

import argon2
import pytest
import sqlalchemy as sa
from sqlalchemy.util import LRUCache

from engine import demo, migrations, passwords, tables
from engine.process_engine import DEFAULT_TENANT, Actor, open_engine
from tests import recorded

recorded.watch()  # every change of every test is looked for in the history

POSTGRES = os.environ.get("TEST_POSTGRES_URL", "postgresql+psycopg://postgres@127.0.0.1:5432/{}")

PEOPLE = {
    "ketua": ("ketua-divisi",), "kasubbag": ("sub-bagian",), "penulis": ("pelaksana",), "webadmin": ("pelaksana", "web-admin"),
    "pemilik": ("process-owner",), "admin": ("admin",), "analis": ("analyst",),
}


def actor_of(name: str, tenant: str = DEFAULT_TENANT) -> Actor:
    """Return one of the demo's people as an actor."""
    return Actor(name, tenant, frozenset(PEOPLE[name]), name.capitalize())


def pytest_collection_modifyitems(items):
    """What takes longest goes first, so that no process is left with it at the end: whole programs, a large office, the browser."""
    first = ("journeys", "test_packaging.py", "test_docs.py", "test_cli.py", "test_large_office.py", "browser")
    items.sort(key=lambda item: min((first.index(part) for part in item.path.parts if part in first), default=len(first)))


@pytest.fixture
def now() -> dt.datetime:
    """A Monday morning in Jakarta."""
    return dt.datetime(2026, 3, 2, 1, 0, tzinfo=dt.timezone.utc)


@pytest.fixture(scope="session")
def postgres():
    """This process's one PostgreSQL database, which each test leaves as it found it; dropped in the end."""
    database = Postgres()
    yield database
    database.drop()


class Compiled(LRUCache):
    """Statements as one kind of database reads them, compiled once for all engines of the process; each would do it anew."""

    def get(self, key, default=None):
        return super().get((key[0].name, *key[1:]), default)  # key[0] is the engine's own dialect

    def __setitem__(self, key, compiled):
        super().__setitem__((key[0].name, *key[1:]), compiled)


COMPILED = Compiled(2000)


class Postgres:
    """A database with the schema. To empty it takes a hundredth of the time that a new one takes."""

    def __init__(self):
        self.name = f"terbit_test_{uuid.uuid4().hex[:12]}"
        self.url = POSTGRES.format(self.name)
        self.server = sa.create_engine(POSTGRES.format("postgres"), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        self.db = sa.create_engine(self.url, poolclass=sa.NullPool)
        self.make()

    def make(self):
        with self.server.connect() as db:
            db.exec_driver_sql(f'CREATE DATABASE "{self.name}"')
            db.exec_driver_sql(f'ALTER DATABASE "{self.name}" SET synchronous_commit = off')
        with tempfile.TemporaryDirectory() as folder:
            pe = open_engine(folder, send=lambda job_ids: None, DATABASE_URL=self.url)
            migrations.upgrade(pe)
            pe.close()
        with self.db.begin() as db:
            self.schema = self.schema_of(db)
            self.rows = {table: db.execute(sa.select(table)).mappings().all() for table in self.filled(db)}
            self.numbers = self.numbers_of(db)

    def drop(self):
        with self.server.connect() as db:
            db.exec_driver_sql(f'DROP DATABASE IF EXISTS "{self.name}" WITH (FORCE)')

    def clean(self):
        """Put back the rows that a fresh database has; where a test changed the schema or made it large, make it anew."""
        with self.db.begin() as db:
            db.exec_driver_sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
                               "AND pid <> pg_backend_pid()")
            size = db.exec_driver_sql("SELECT pg_database_size(current_database())").scalar()
            is_whole = size < 100_000_000 and self.schema_of(db) == self.schema
            if is_whole:
                db.exec_driver_sql("SET LOCAL session_replication_role = replica")  # no triggers, no foreign keys
                for table in self.filled(db):
                    db.execute(sa.delete(table))
                for table, rows in self.rows.items():
                    db.execute(sa.insert(table), [dict(row) for row in rows])
                for name, last in self.numbers_of(db).items():
                    if last != self.numbers[name]:
                        db.execute(sa.text("SELECT setval(:name, :last, :used)"),
                                   {"name": name, "last": self.numbers[name] or 1, "used": self.numbers[name] is not None})
        if not is_whole:
            self.drop()
            self.make()

    @staticmethod
    def filled(db) -> list[sa.Table]:
        """The tables that have rows."""
        known = tables.metadata.tables
        found = db.exec_driver_sql(" UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT FROM \"{name}\")" for name in known))
        return [known[name] for name in found.scalars()]

    @staticmethod
    def schema_of(db) -> str:
        """All columns, indexes and triggers as one text."""
        return db.exec_driver_sql(
            "SELECT md5((SELECT string_agg(concat_ws(' ', attrelid::regclass, attname, atttypid, attnotnull), ',' ORDER BY attrelid, attnum)"
            " FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid WHERE relnamespace = 'public'::regnamespace AND attnum > 0)"
            " || (SELECT coalesce(string_agg(concat_ws(' ', tgname, tgenabled), ',' ORDER BY oid), '') FROM pg_trigger))").scalar()

    @staticmethod
    def numbers_of(db) -> dict[str, int | None]:
        """The last number that each sequence gave."""
        return dict(db.exec_driver_sql("SELECT quote_ident(sequencename), last_value FROM pg_sequences").all())


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory):
    """A SQLite file with the schema, which tests copy."""
    folder = tmp_path_factory.mktemp("template")
    pe = open_engine(folder, send=lambda job_ids: None)
    migrations.upgrade(pe)
    pe.close()  # the last connection's close folds the write-ahead log into the file
    return folder / "terbit.sqlite3"


def make_postgres(request, folder):
    """Return an engine on an empty PostgreSQL database."""
    database = request.getfixturevalue("postgres")
    pe = open_engine(folder, send=lambda job_ids: None, DATABASE_URL=database.url, PASSWORD_LENGTH=10)
    pe.db.update_execution_options(compiled_cache=COMPILED)

    def clean():
        pe.close()
        database.clean()

    request.addfinalizer(clean)
    return pe


def make_sqlite(request, folder):
    """Return an engine on a fresh SQLite file."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "terbit.sqlite3").write_bytes(request.getfixturevalue("sqlite_template").read_bytes())
    pe = open_engine(folder, send=lambda job_ids: None, PASSWORD_LENGTH=10)  # tests' passwords are short
    pe.db.update_execution_options(compiled_cache=COMPILED)
    sa.event.listen(pe.db, "connect", lambda connection, _: connection.execute("PRAGMA synchronous = OFF"))  # no test cuts the power
    request.addfinalizer(pe.close)
    return pe


@pytest.fixture
def pe(request, tmp_path):
    """A fresh engine with schema and tenant `kpu`, which wakes nobody. On SQLite, or as `on_databases` says."""
    make = {"sqlite": make_sqlite, "postgres": make_postgres}[getattr(request, "param", "sqlite")]
    return make(request, tmp_path / "instance")


# Put on a test that must hold on both databases.
on_databases = pytest.mark.parametrize("pe", ["sqlite", pytest.param("postgres", marks=pytest.mark.service)], indirect=True)


@pytest.fixture(scope="session", autouse=True)
def cheap_hashes():
    """Passwords are hashed at a thousandth of the cost; processes that a test starts hash as they do at an office."""
    passwords._hasher = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture
def people(pe, now):
    """The demo's accounts, in the database too."""
    demo.seed_people(pe, now)
    return {name: actor_of(name) for name in PEOPLE}


@pytest.fixture
def actor():
    """A function that gives one of the demo's people: `actor("ketua")`."""
    return actor_of


@pytest.fixture
def ketua():
    return actor_of("ketua")


@pytest.fixture
def kasubbag():
    return actor_of("kasubbag")


@pytest.fixture
def penulis():
    return actor_of("penulis")


@pytest.fixture
def webadmin():
    return actor_of("webadmin")


@pytest.fixture
def pemilik():
    return actor_of("pemilik")


@pytest.fixture
def admin():
    return actor_of("admin")


@pytest.fixture
def analis():
    return actor_of("analis")


@pytest.fixture(scope="session")
def playwright():
    """The one Playwright of this process: two do not go together."""
    from playwright.sync_api import expect, sync_playwright  # here, since most processes need none

    expect.set_options(timeout=15_000)  # a machine with two cores, both at work, is slow now and then
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def chromium(playwright):
    """The one browser of this process. The headless shell takes a third less work than the whole browser."""
    with launch(playwright, "chromium-headless-shell", "chromium") as browser:
        yield browser


def launch(playwright, *names: str):
    """The first of these Chromiums that the machine has."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    assert found, "no Chromium on this machine: install it, or name it in CHROMIUM"
    return playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-quic"])
