"""Write a new revision: what `engine.tables` has and the newest revision has not."""

import sys
import tempfile

from alembic import command

from engine.migrations import config, head, upgrade
from engine.process_engine import open_engine


def main(message: str, revision: str | None = None) -> None:
    """Compare a fresh database at the newest revision with `engine.tables`, and write the difference."""
    with tempfile.TemporaryDirectory() as folder:
        pe = open_engine(folder)
        if head():
            upgrade(pe)
        with pe.db.connect() as db:
            command.revision(config(db), message, autogenerate=True, rev_id=revision)
        pe.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
