"""Identifiers: UUID version 7 (RFC 9562, section 5.7), so that ids sort by the time they were made."""

import datetime as dt
import itertools
import secrets
import uuid
from collections.abc import Callable


def new_id(now: dt.datetime) -> str:
    """Return a UUIDv7 whose 48 bits of milliseconds are those of `now`; the other 74 free bits are random."""
    milliseconds = int(now.timestamp() * 1000)
    bits = milliseconds << 80 | 0x7 << 76 | secrets.randbits(12) << 64 | 0b10 << 62 | secrets.randbits(62)
    return str(uuid.UUID(int=bits))


def source(now: dt.datetime) -> Callable[[], str]:
    """Return a function that gives ids of `now` which sort in the order in which they were made (RFC 9562, section 6.2, method 1).

    The 12 bits after the milliseconds count; past 4,096 they carry over into the milliseconds, as the RFC allows.
    """
    counter = itertools.count(int(now.timestamp() * 1000) << 12)

    def next_id() -> str:
        milliseconds, count = divmod(next(counter), 1 << 12)
        bits = milliseconds << 80 | 0x7 << 76 | count << 64 | 0b10 << 62 | secrets.randbits(62)
        return str(uuid.UUID(int=bits))

    return next_id


def named(*parts: str) -> str:
    """Return the one id of what these parts name (UUIDv5): asked again, the same."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, "\0".join(parts)))
