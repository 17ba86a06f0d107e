"""Fixtures that every test may use: a fresh engine, its people, a clock that stands."""

import datetime as dt
import os
import uuid

import argon2
import pytest
import sqlalchemy as sa

from engine import migrations
from engine import people as accounts
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
    """What takes longest goes first, so that no process is left with it at the end: journeys, whole programs, the browser."""
    first = ("journeys", "test_packaging.py", "test_docs.py", "test_cli.py", "browser")
    items.sort(key=lambda item: min((first.index(part) for part in item.path.parts if part in first), default=len(first)))


@pytest.fixture
def now() -> dt.datetime:
    """A Monday morning in Jakarta."""
    return dt.datetime(2026, 3, 2, 1, 0, tzinfo=dt.timezone.utc)


@pytest.fixture(scope="session")
def postgres_template():
    """A PostgreSQL database with the schema, which tests copy; dropped in the end."""
    name = f"terbit_test_{uuid.uuid4().hex[:12]}"
    server = sa.create_engine(POSTGRES.format("postgres"), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with server.connect() as db:
        db.exec_driver_sql(f'CREATE DATABASE "{name}"')
    try:
        yield server, name
    finally:
        with server.connect() as db:
            db.exec_driver_sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory):
    """A SQLite file with the schema, which tests copy."""
    folder = tmp_path_factory.mktemp("template")
    pe = open_engine(folder, send=lambda job_ids: None)
    migrations.upgrade(pe)
    pe.close()  # the last connection's close folds the write-ahead log into the file
    return folder / "terbit.sqlite3"


def make_postgres(request, folder):
    """Return an engine on a PostgreSQL database of its own."""
    server, template = request.getfixturevalue("postgres_template")
    name = f"{template}_{uuid.uuid4().hex[:8]}"
    with server.connect() as db:
        db.exec_driver_sql(f'CREATE DATABASE "{name}"')
    pe = open_engine(folder, send=lambda job_ids: None, DATABASE_URL=POSTGRES.format(name), PASSWORD_LENGTH=10)
    migrations.upgrade(pe)

    def drop():
        pe.close()
        with server.connect() as db:
            db.exec_driver_sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    request.addfinalizer(drop)
    return pe


def make_sqlite(request, folder):
    """Return an engine on a fresh SQLite file."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "terbit.sqlite3").write_bytes(request.getfixturevalue("sqlite_template").read_bytes())
    pe = open_engine(folder, send=lambda job_ids: None, PASSWORD_LENGTH=10)  # tests' passwords are short
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
    accounts._hasher = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture
def people(pe, now):
    """The demo's accounts, in the database too."""
    accounts.create_demo_people(pe, now)
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
    from playwright.sync_api import sync_playwright  # here, since most processes need none

    with sync_playwright() as playwright:
        yield playwright
