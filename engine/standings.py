"""What is known of whether each post still stands as approved (`publication_standing`), and how many of a channel do.

A post is put on the list in the transaction that notes it as published. Looking is `engine.drift`'s.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from engine import access
from engine.process_engine import Actor, ProcessEngine
from engine.store import read
from engine.tables import publication, publication_standing, standing_tally

FIRST = dt.timedelta(hours=1)  # after it went out
DRIFTED = ("changed", "gone")
COUNTED = ("stands", *DRIFTED, "unreachable", "accepted")
_p, _s, _t = publication.c, publication_standing.c, standing_tally.c
# Of a publication, beside its own columns; NULL of what was never looked at.
COLUMNS = (_s.state.label("standing"), _s.since.label("standing_since"), _s.message.label("standing_message"),
           _s.params.label("standing_params"), _s.checked_at.label("standing_checked_at"), _s.stood_at)
IS_DRIFTED = sa.text("publication_standing.state IN ('changed', 'gone', 'unreachable')")  # as the index has it


def watch(db: sa.Connection, tenant: str, publication_id: str, channel_id: str, published_at: dt.datetime) -> None:
    """Have a post looked at from an hour after it went out (or will)."""
    row = {"publication_id": publication_id, "tenant_id": tenant, "channel_id": channel_id, "state": "new", "since": published_at,
           "check_at": published_at + FIRST}
    db.execute(_insert(db, publication_standing).on_conflict_do_nothing(index_elements=["publication_id"]), row)


def move(db: sa.Connection, tenant: str, channel_id: str, before: str, after: str) -> None:
    """Count one post of a channel in another state than before."""
    for state, by in ((before, -1), (after, 1)):
        if state in COUNTED and before != after:
            row = {"tenant_id": tenant, "channel_id": channel_id, "state": state, "count": max(by, 0)}
            db.execute(_insert(db, standing_tally).on_conflict_do_update(
                index_elements=["tenant_id", "channel_id", "state"], set_={"count": _t["count"] + by}), row)


def forget(db: sa.Connection, instance_ids: Sequence[str]) -> None:
    """Count these cases' posts no more: they are let go."""
    for row in db.execute(sa.select(publication_standing).join(publication, _p.id == _s.publication_id).where(
            _p.instance_id.in_(instance_ids))).mappings().all():
        move(db, row["tenant_id"], row["channel_id"], row["state"], "")


def recount(db: sa.Connection, tenant: str) -> None:
    """Count an office's posts anew: it gives the same numbers."""
    db.execute(sa.delete(standing_tally).where(_t.tenant_id == tenant))
    found = db.execute(sa.select(_s.tenant_id, _s.channel_id, _s.state, sa.func.count().label("count")).where(
        _s.tenant_id == tenant, _s.state.in_(COUNTED)).group_by(_s.tenant_id, _s.channel_id, _s.state)).mappings().all()
    if found:
        db.execute(sa.insert(standing_tally), [dict(row) for row in found])


def tally(pe: ProcessEngine, actor: Actor) -> dict[str, dict[str, int]]:
    """{channel: {state of COUNTED: how many posts are in it now}}; one statement, over as many rows as there are channels and states."""
    access.require(access.may_see_reports(actor))
    found: dict[str, dict[str, int]] = defaultdict(dict)
    with read(pe) as db:
        for row in db.execute(sa.select(standing_tally).where(
                _t.tenant_id == actor.tenant, _t["count"] > 0).order_by(_t.channel_id)).mappings():
            found[row["channel_id"]][row["state"]] = row["count"]
    return dict(found)


def _insert(db: sa.Connection, table: sa.Table) -> Any:
    return (postgresql if db.dialect.name == "postgresql" else sqlite).insert(table)
