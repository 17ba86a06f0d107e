"""Whether this installation can serve: what a load balancer asks every few seconds."""

import tempfile

import sqlalchemy as sa

from engine import migrations
from engine.process_engine import ProcessEngine

PARTS = ("database", "tables", "disk")


def failing(pe: ProcessEngine) -> list[str]:
    """Which of PARTS fail: the database cannot be reached, it has not this version's tables, the folder cannot be written."""
    found = []
    try:
        if migrations.current(pe) != migrations.head():
            found.append("tables")
    except sa.exc.SQLAlchemyError:
        found.append("database")
    try:
        with tempfile.TemporaryFile(dir=pe.folder) as file:
            file.write(b"1")
            file.flush()
    except OSError:
        found.append("disk")
    return found
