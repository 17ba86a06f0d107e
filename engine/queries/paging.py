"""Keyset paging: a cursor holds the last row's sort key, so that page 1,000 costs what page 1 does."""

import base64
import datetime as dt
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bpmn.errors import Invalid, N_

LIMIT = 200


@dataclass(frozen=True)
class Page:
    """One page of a list, and the cursor of the next."""

    rows: list[dict[str, Any]]
    next: str | None = None


def bounded(limit: int) -> int:
    """Return a limit between 1 and 200."""
    return max(1, min(int(limit), LIMIT))


def page(rows: Sequence[Any], limit: int, key: Callable[[dict], tuple]) -> Page:
    """Make a page of up to `limit` of these rows (one more was asked for, to know whether a next page exists)."""
    dicts = [dict(row) for row in rows[:limit]]
    return Page(dicts, encode(key(dicts[-1])) if len(rows) > limit else None)


def encode(key: tuple) -> str:
    """Return an opaque, URL-safe cursor."""
    plain = [["t", value.isoformat()] if isinstance(value, dt.datetime) else ["v", value] for value in key]
    return base64.urlsafe_b64encode(json.dumps(plain).encode()).decode().rstrip("=")


def decode(cursor: str, length: int) -> tuple:
    """Return the sort key in a cursor; Invalid where it is not one of ours."""
    try:
        plain = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        key = tuple(dt.datetime.fromisoformat(value) if kind == "t" else value for kind, value in plain)
        if len(key) != length or not all(isinstance(value, str | int | dt.datetime) for value in key):
            raise ValueError(cursor)
        if any(isinstance(value, dt.datetime) and value.tzinfo is None for value in key):
            raise ValueError(cursor)
    except (ValueError, TypeError, RecursionError) as error:
        raise Invalid(N_("Penanda halaman tidak sah."), field="after") from error
    return key
