"""Each time that a job was taken up, and what was sent and answered then: for who must find out what happened.

The attempt's row is written with its lease, and each request's row before it is sent, so a worker that dies leaves both. What
is written is masked where it is made (`connectors.masking`): the channel's secrets, as they are opened, and whatever goes as
a credential.
"""

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import SQLAlchemyError

from connectors import watching
from engine.process_engine import ProcessEngine
from engine.store import run
from engine.tables import job_attempt, job_exchange
from engine.values import text

MOST = 200  # requests that are kept of an attempt
_a, _x = job_attempt.c, job_exchange.c

log = structlog.get_logger()


def begin(db: sa.Connection, now: dt.datetime, row: Any, lease: str) -> None:
    """Write that a job (its row) is taken up under a lease."""
    db.execute(sa.insert(job_attempt), {"id": lease, "tenant_id": row["tenant_id"], "job_id": row["id"], "instance_id": row["instance_id"],
                                        "channel_id": _channel(row["payload"]), "started_at": now})


def end(db: sa.Connection, now: dt.datetime, lease: str, outcome: str, error: str = "") -> None:
    """Write how it ended."""
    db.execute(sa.update(job_attempt).where(_a.id == lease, _a.ended_at.is_(None)).values(
        ended_at=now, outcome=outcome, error=text(error, 4000) or None))


def put_off(db: sa.Connection, now: dt.datetime, lease: str, error: str = "") -> None:
    """Nothing was tried, or it is looked at again after an `error`. Without one nothing is to be told, unless something was asked."""
    asked = sa.exists().where(_x.attempt_id == _a.id)
    if error or not db.execute(sa.delete(job_attempt).where(_a.id == lease, ~asked)).rowcount:
        end(db, now, lease, "postponed", error)


def _channel(payload: Any) -> str | None:
    channel = payload.get("kanal") if isinstance(payload, dict) else None
    return text(channel, 255) if isinstance(channel, str) else None


@contextmanager
def recording(pe: ProcessEngine, attempt: str, instance_id: str, clock: Callable[[], dt.datetime]) -> Iterator[watching.Watch]:
    """Write down what is called inside of this."""
    with watching.watching(_Recorder(pe, attempt, instance_id, clock)) as watch:
        yield watch


class _Recorder:
    def __init__(self, pe: ProcessEngine, attempt: str, instance_id: str, clock: Callable[[], dt.datetime]):
        self.pe, self.attempt, self.instance_id, self.clock = pe, attempt, instance_id, clock

    def sending(self, number: int, request: dict[str, Any]) -> None:
        if number <= MOST:
            self._write(sa.insert(job_exchange).values(
                attempt_id=self.attempt, number=number, instance_id=self.instance_id, at=self.clock(), method=request["method"],
                url=request.get("url", ""), request={"headers": request.get("headers", {}), "body": request.get("body", {})}))

    def answered(self, number: int, answer: dict[str, Any]) -> None:
        if number <= MOST:
            told = {key: value for key, value in answer.items() if key not in ("status", "seconds")}
            self._write(sa.update(job_exchange).where(_x.attempt_id == self.attempt, _x.number == number).values(
                status=answer.get("status"), answer=told, milliseconds=round(answer["seconds"] * 1000)))

    def _write(self, statement: Any) -> None:
        try:
            run(self.pe, lambda db: db.execute(statement))
        except SQLAlchemyError as error:  # what is called goes on: not having noted it changes nothing of what it did
            log.warning("attempt.not_noted", attempt=self.attempt, error=type(error).__name__)
