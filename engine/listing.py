"""Lists as Camunda's REST API asks for them: any of its filters, any of its orders, offset paging.

A `Listing` (declared in `engine.queries_rest`) says once what can be asked of one kind of row: the REST API makes its
checks and its documentation from the same declaration. Each list is one statement, each count too.
"""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, false, func, or_, true

from bpmn.errors import N_, Invalid
from engine.process_engine import Actor, ProcessEngine
from engine.store import read

MOST_ROWS = 10_000  # in one answer; Camunda's queryMaxResultsLimit


@dataclass(frozen=True)
class Filter:
    """One thing to filter by: the type of its value, and the condition that a value makes."""

    type: str  # 'string', 'integer', 'boolean', 'date', 'list'
    condition: Callable[[Any], ColumnElement[bool]]


@dataclass(frozen=True)
class Listing:
    """What can be asked of one kind of row."""

    rows: Select
    id: ColumnElement
    visible: Callable[[Actor], ColumnElement[bool]]  # what the actor may see, within the tenant
    filters: Mapping[str, Filter]
    sorts: Mapping[str, ColumnElement | None]  # None: Camunda can sort by it, and here it is the same for every row
    order: Sequence[ColumnElement]  # where nothing is asked for; ends with what makes it total
    alternatives: bool = False  # whether Camunda knows `orQueries` for it
    by_default: Callable[[Mapping], ColumnElement[bool]] = field(default=lambda criteria: true())


def find(pe: ProcessEngine, actor: Actor, listing: Listing, criteria: Mapping[str, Any], *, now: dt.datetime,
         sorting: Sequence[tuple[str, bool]] = (), first: int = 0, limit: int | None = None) -> list[dict[str, Any]]:
    """The rows that meet the criteria and that the actor may see.

    `sorting` holds names of `listing.sorts`, each with whether it descends. Invalid when more than MOST_ROWS are asked
    for, or would be given where no limit is asked for: nothing is cut off silently.
    """
    if limit is not None and limit > MOST_ROWS:
        raise Invalid(N_("Paling banyak %(most)d baris sekali minta."), field="maxResults", most=MOST_ROWS)
    columns = [(listing.sorts[name], down) for name, down in sorting]
    orders = [column.desc() if down else column.asc() for column, down in columns if column is not None]
    with read(pe) as db:
        query = listing.rows.where(_condition(listing, actor, criteria)).order_by(*orders, *listing.order)
        rows = db.execute(query.offset(first).limit(MOST_ROWS + 1 if limit is None else limit), {"_now": now}).mappings().all()
    if len(rows) > MOST_ROWS:
        raise Invalid(N_("Paling banyak %(most)d baris sekali minta."), field="maxResults", most=MOST_ROWS)
    return [dict(row) for row in rows]


def count(pe: ProcessEngine, actor: Actor, listing: Listing, criteria: Mapping[str, Any], *, now: dt.datetime) -> int:
    """How many rows meet the criteria."""
    with read(pe) as db:
        query = listing.rows.where(_condition(listing, actor, criteria))
        return db.execute(query.with_only_columns(func.count(), maintain_column_froms=True), {"_now": now}).scalar_one()


def matching(pe: ProcessEngine, actor: Actor, listing: Listing, criteria: Mapping[str, Any], columns: Sequence[ColumnElement],
             limit: int) -> Sequence[Any]:
    """So many rows, in no order, of what meets the criteria: these columns only, of tables that the listing is made of."""
    with read(pe) as db:
        query = listing.rows.where(_condition(listing, actor, criteria))
        return db.execute(query.with_only_columns(*columns, maintain_column_froms=True).limit(limit)).all()


def get(pe: ProcessEngine, actor: Actor, listing: Listing, row_id: str) -> dict[str, Any] | None:
    """The one row with this id, if the actor may see it."""
    with read(pe) as db:
        row = db.execute(listing.rows.where(listing.id == row_id, listing.visible(actor))).mappings().first()
    return dict(row) if row else None


def _condition(listing: Listing, actor: Actor, criteria: Mapping[str, Any]) -> ColumnElement[bool]:
    alternatives = [_each(listing, each) for each in criteria.get("orQueries") or ()]
    return and_(listing.visible(actor), listing.by_default(criteria), *_each(listing, criteria),
                *(or_(*each) for each in alternatives if each))


def _each(listing: Listing, criteria: Mapping[str, Any]) -> list[ColumnElement[bool]]:
    return [listing.filters[name].condition(value) for name, value in criteria.items() if name != "orQueries" and value is not None]


# Filters --------------------------------------------------------------------------------------------------------------

def is_(column: ColumnElement) -> Filter:
    return Filter("string", lambda value: column == value)


def is_number(column: ColumnElement) -> Filter:
    return Filter("integer", lambda value: column == value)


def is_not(column: ColumnElement) -> Filter:
    return Filter("string", lambda value: or_(column.is_(None), column != value))


def like(column: ColumnElement) -> Filter:
    """Camunda's `…Like`: the client's own `%` and `_` count, with `\\` to escape them."""
    return Filter("string", lambda value: column.like(value, escape="\\") if not _dangling(value) else false())


def not_like(column: ColumnElement) -> Filter:
    return Filter("string", lambda value: or_(column.is_(None), ~like(column).condition(value)))


def within(column: ColumnElement) -> Filter:
    return Filter("list", lambda value: column.in_(value))


def not_within(column: ColumnElement) -> Filter:
    return Filter("list", lambda value: or_(column.is_(None), column.not_in(value)))


def before(column: ColumnElement) -> Filter:
    return Filter("date", lambda value: column < value)


def after(column: ColumnElement) -> Filter:
    return Filter("date", lambda value: column > value)


def on(column: ColumnElement) -> Filter:
    """To the millisecond, which is all that Camunda's dates hold."""
    return Filter("date", lambda value: and_(column >= value, column < value + dt.timedelta(milliseconds=1)))


def at_least(column: ColumnElement) -> Filter:
    return Filter("integer", lambda value: column >= value)


def at_most(column: ColumnElement) -> Filter:
    return Filter("integer", lambda value: column <= value)


def flag(condition: ColumnElement[bool]) -> Filter:
    """Restricts where it is true; false is as if it were not given, as Camunda has it."""
    return Filter("boolean", lambda value: condition if value else true())


def either(condition: ColumnElement[bool]) -> Filter:
    """Restricts to the condition, or to its opposite."""
    return Filter("boolean", lambda value: condition if value else ~condition)


def never() -> Filter:
    """What nothing here can have (a case of CMMN, say): whoever filters by it finds nothing."""
    return Filter("string", lambda value: false())


def _dangling(pattern: str) -> bool:
    return (len(pattern) - len(pattern.rstrip("\\"))) % 2 == 1  # PostgreSQL refuses a pattern that ends with the escape


def of_tenant(column: ColumnElement) -> dict[str, Filter]:
    return {"tenantIdIn": within(column), "withoutTenantId": flag(false())}
