"""When a case is to appear, and where: what of its variables the calendar finds it by.

`process_instance.publish_at` and `publish_on` follow the variables `terbit_pada` and `kanal` with every step of a case that is
approved (sealed), so that the calendar reads an index and no case's variables.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from bpmn import timers
from bpmn.errors import Invalid

AT, CHANNELS, SEAL = "terbit_pada", "kanal", "segel"
MOST_CHANNELS = 50
_ANY = dt.datetime(2000, 1, 1, tzinfo=dt.timezone.utc)  # a date is the same whenever it is read
NOTHING: dict[str, Any] = {"publish_at": None, "publish_on": None}


def moment(variables: Mapping[str, Any]) -> dt.datetime | None:
    """The time at which a case is to appear, read as its timer reads it; None where there is none."""
    value = variables.get(AT)
    if not isinstance(value, str) or not value:
        return None
    try:
        found = timers.schedule("date", value, _ANY).due
        return found if 2000 <= found.year <= 2999 else None
    except (Invalid, OverflowError):
        return None


def columns(variables: Mapping[str, Any]) -> dict[str, Any]:
    """`publish_at` and `publish_on` (ids of channels, with spaces between) of a case with these variables of its own."""
    at = moment(variables) if variables.get(SEAL) else None
    if at is None:
        return NOTHING
    named = variables.get(CHANNELS)
    ids = [each for each in named if isinstance(each, str) and 0 < len(each) <= 255 and not any(c.isspace() for c in each)] \
        if isinstance(named, list) else []
    return {"publish_at": at, "publish_on": " ".join(ids[:MOST_CHANNELS])}
