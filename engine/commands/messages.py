"""Messages and signals that come from outside."""

import datetime as dt
from typing import Any

from engine.process_engine import Actor, ProcessEngine


def correlate_message(pe: ProcessEngine, actor: Actor, now: dt.datetime, name: str, *, business_key: str | None = None,
                      correlation: dict[str, Any] | None = None, variables: dict[str, Any] | None = None,
                      instance_id: str | None = None, all: bool = False) -> list[str]:
    """Give a message to the one execution that waits for it (to each, with `all`), or start a case by it. Returns instance ids."""
    raise NotImplementedError


def broadcast_signal(pe: ProcessEngine, actor: Actor, now: dt.datetime, name: str, variables: dict[str, Any] | None = None) -> list[str]:
    """Give a signal to everything that waits for it, and start the cases that it starts. Returns instance ids."""
    raise NotImplementedError
