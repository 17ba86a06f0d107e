"""When a failed job is tried again: a pure value. Nothing here waits, and chance is an argument."""

import datetime as dt
from dataclasses import dataclass


@dataclass(frozen=True)
class Retry:
    """Try again so much later."""

    after: dt.timedelta


@dataclass(frozen=True)
class GiveUp:
    """Try no more. `unknown`: nobody knows whether the call had its effect, so a person must look."""

    unknown: bool = False


@dataclass(frozen=True)
class Policy:
    """Exponential backoff: `base` seconds after the first failure, then `factor` times as long each time, `cap` at most.

    Jitter takes away up to a quarter, so that jobs that failed together do not come back together.
    """

    base: float = 10
    factor: float = 3
    cap: float = 3600
    longest_wait: float = 86_400  # that a server's Retry-After is believed

    def decide(self, *, kind: str, failures: int, retries: int, retry_after: float | None = None, jitter: float = 0) -> Retry | GiveUp:
        """Return what follows a failure.

        `kind`: 'temporary', 'permanent' or 'unknown'. `failures`: how many there were, this one included; `retries`:
        attempts left after it. `retry_after`: seconds that the server asked for. `jitter`: a number from 0 up to 1.
        """
        if kind != "temporary" or retries <= 0:
            return GiveUp(unknown=kind == "unknown")
        exponent = min(max(failures, 1) - 1, 64)  # no overflow, however often
        delay = min(self.base * self.factor ** exponent, self.cap) * (1 - 0.25 * jitter)
        return Retry(dt.timedelta(seconds=max(delay, min(retry_after or 0, self.longest_wait))))
