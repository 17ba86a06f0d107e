"""The database schema's versions (Alembic). The first is made from `engine.tables`, for SQLite and PostgreSQL alike.

A new revision: `python -m engine.migrations.new "what changes"` in a checkout, then read what it wrote.
"""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from engine.process_engine import DEFAULT_TENANT, ProcessEngine
from engine.store import run
from engine.tables import tenant

_ADVISORY_LOCK = 0x7E2B17  # any number of ours: PostgreSQL's upgrades wait for each other on it


def config(connection: sa.Connection | None = None) -> Config:
    """Return Alembic's config, working on this connection."""
    alembic = Config()
    alembic.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    alembic.attributes["connection"] = connection
    return alembic


def head() -> str | None:
    """Return the newest revision's id."""
    return ScriptDirectory.from_config(config()).get_current_head()


def current(pe: ProcessEngine) -> str | None:
    """Return the revision that the database is at; None where it is empty."""
    with pe.db.connect() as db:
        return MigrationContext.configure(db).get_current_revision()


def upgrade(pe: ProcessEngine) -> None:
    """Bring the database to the newest revision, in one transaction; a new one gets its default tenant. Safe to run twice at once."""
    def _upgrade(db: sa.Connection) -> None:
        db = db.execution_options(schema=True)
        if db.dialect.name == "postgresql":
            db.execute(sa.select(sa.func.pg_advisory_xact_lock(_ADVISORY_LOCK)))
        command.upgrade(config(db), "head")
        if not db.execute(sa.select(tenant.c.id).limit(1)).first():
            name = pe.config.get("OFFICE", "KPU Kab. Adm. Kepulauan Seribu")
            db.execute(sa.insert(tenant).values(id=DEFAULT_TENANT, name=name, timezone=pe.timezone.key))

        if db.dialect.name == "sqlite" and (broken := db.exec_driver_sql("PRAGMA foreign_key_check").first()):
            raise RuntimeError(f"the upgrade left a row without the one that it refers to: {broken}")

    run(pe, _upgrade)
    if pe.db.dialect.name == "sqlite":
        pe.db.dispose()  # the connection that upgraded looks at no foreign key: see `_begin_sqlite`
