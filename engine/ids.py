"""Identifiers: UUID version 7 (RFC 9562, section 5.7), so that ids sort by the time they were made."""

import datetime as dt
import secrets
import uuid


def new_id(now: dt.datetime) -> str:
    """Return a UUIDv7 whose 48 bits of milliseconds are those of `now`; the other 74 free bits are random."""
    milliseconds = int(now.timestamp() * 1000)
    bits = milliseconds << 80 | 0x7 << 76 | secrets.randbits(12) << 64 | 0b10 << 62 | secrets.randbits(62)
    return str(uuid.UUID(int=bits))
