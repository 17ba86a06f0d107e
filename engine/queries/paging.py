"""Keyset paging: a cursor holds the last row's sort key, so that page 1,000 costs what page 1 does."""

import base64
import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from bpmn.errors import N_, Invalid
from engine.tables import UtcDateTime

LIMIT = 200


@dataclass(frozen=True)
class Page:
    """One page of a list, and the cursor of the next."""

    rows: list[dict[str, Any]]
    next: str | None = None


def fetch(db: sa.Connection, query: sa.Select, key: Sequence[sa.ColumnElement], *, after: str | None, limit: int,
          descending: bool = False) -> Page:
    """Return up to `limit` (at most 200) rows of `query` in the order of `key`, which is unique, starting after the cursor.

    Invalid, with the field 'after', for a cursor that is not one of this list's.
    """
    limit = max(1, min(int(limit), LIMIT))
    if after:
        values = zip(decode(after, key), key, strict=True)
        row, last = sa.tuple_(*key), sa.tuple_(*(sa.bindparam(None, value, column.type) for value, column in values))
        query = query.where(row < last if descending else row > last)
    query = query.add_columns(*(column.label(f"_key{n}") for n, column in enumerate(key)))
    rows = db.execute(query.order_by(*(column.desc() if descending else column for column in key)).limit(limit + 1)).mappings().all()
    keys = [f"_key{n}" for n in range(len(key))]
    following = encode([rows[limit - 1][name] for name in keys]) if len(rows) > limit else None
    return Page([{name: value for name, value in row.items() if name not in keys} for row in rows[:limit]], following)


def encode(key: Sequence[Any]) -> str:
    """Return an opaque, URL-safe cursor."""
    plain = [value.isoformat() if isinstance(value, dt.datetime) else value for value in key]
    return base64.urlsafe_b64encode(json.dumps(plain).encode()).decode().rstrip("=")


def decode(cursor: str, key: Sequence[sa.ColumnElement]) -> list[Any]:
    """Return the values in a cursor, each of its column's type; Invalid where it is not one of ours."""
    try:
        plain = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(plain, list):
            raise ValueError(cursor)
        return [_typed(value, column) for value, column in zip(plain, key, strict=True)]
    except (ValueError, TypeError, RecursionError, OverflowError) as error:
        raise Invalid(N_("Penanda halaman tidak sah."), field="after") from error


def _typed(value: Any, column: sa.ColumnElement) -> Any:
    if isinstance(column.type, UtcDateTime):
        moment = dt.datetime.fromisoformat(value)
        moment.astimezone(dt.timezone.utc)  # OverflowError at the ends of time
        if moment.tzinfo is None:
            raise ValueError(value)
        return moment
    if type(value) is not column.type.python_type or (isinstance(value, int) and abs(value) >= 1 << 63) or "\0" in str(value):
        raise ValueError(value)
    return value
