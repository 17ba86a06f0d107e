"""Figures over many cases."""

import datetime as dt
from typing import Any

from engine.process_engine import Actor, ProcessEngine


def report(pe: ProcessEngine, actor: Actor, *, definition_key: str, since: dt.datetime, until: dt.datetime) -> list[dict[str, Any]]:
    """Per activity: activity_id, name, count, median and mean seconds, loops."""
    raise NotImplementedError
