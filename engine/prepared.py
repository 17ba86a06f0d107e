"""Statements of the hot path, compiled once.

SQLAlchemy finds a statement's SQL in its cache, but still binds each value through layers that cost several times what the
database then does. What `complete` writes goes around them: the same SQL, the same types, the same events and errors.
"""

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa


class Prepared:
    """An INSERT, UPDATE or DELETE, called with a connection and rows that all have the same keys."""

    def __init__(self, statement: sa.Insert | sa.Update | sa.Delete):
        self._statement = statement.inline() if isinstance(statement, sa.Insert) else statement  # no generated key is asked for
        self._compiled: dict[tuple[str, ...], Callable[[Sequence[dict[str, Any]]], tuple[str, Any]]] = {}

    def __call__(self, db: sa.Connection, rows: Sequence[dict[str, Any]]) -> sa.CursorResult[Any] | None:
        """Execute it for each row. Nothing is done where there is none."""
        if not rows:
            return None
        key = (db.dialect.name, *rows[0])
        bind = self._compiled.get(key)
        if bind is None:
            bind = self._compiled[key] = _compile(self._statement, db.dialect, list(rows[0]))
        return db.exec_driver_sql(*bind(rows))


def _compile(statement: Any, dialect: sa.Dialect, keys: list[str]) -> Callable[[Sequence[dict[str, Any]]], tuple[str, Any]]:
    """Return what makes of rows the SQL and the parameters that the driver takes."""
    compiled = statement.compile(dialect=dialect, column_keys=keys)
    binds = {name: bind for bind, name in compiled.bind_names.items()}
    names = compiled.positiontup if compiled.positional else list(binds)
    own = {name: compiled.params[name] for name in names if name not in keys}  # the statement's: of `version + 1`, the 1
    convert = [(name, binds[name].type.dialect_impl(dialect).bind_processor(dialect)) for name in names]
    text = str(compiled)

    def bind(rows: Sequence[dict[str, Any]]) -> tuple[str, Any]:
        if own:
            rows = [own | row for row in rows]
        values = [[row[name] if process is None else process(row[name]) for name, process in convert] for row in rows]
        bound = [tuple(each) for each in values] if compiled.positional else [dict(zip(names, each, strict=True)) for each in values]
        return text, bound if len(bound) > 1 else bound[0]

    return bind
