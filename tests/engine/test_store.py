"""The store: one commit site, nothing half done."""

import pytest
import sqlalchemy as sa

from engine import migrations, tables
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
