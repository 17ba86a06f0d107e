"""Logs: one JSON object a line on standard error, ids and errors, never variables or secrets.

What is bound to the context (`request`, and `instance`, the case) stands in every line that is written while it holds, those of
libraries too.
"""

import logging
import sys
from typing import Any

import structlog

_SHARED: list[Any] = [structlog.contextvars.merge_contextvars, structlog.processors.add_log_level,
                      structlog.processors.TimeStamper(fmt="iso", utc=True)]


def configure() -> None:
    """Write Terbit's own lines from INFO on, and those of libraries from WARNING on, all in the same form."""
    last: list[Any] = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
    structlog.configure(
        processors=[*_SHARED, *last], wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr))
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*_SHARED, structlog.stdlib.add_logger_name],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last]))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


def bind(**ids: str) -> None:
    """Name these ids in every line from here on, until `begin`."""
    structlog.contextvars.bind_contextvars(**ids)


def begin(**ids: str) -> None:
    """Begin a request or a job: what was bound before does not belong to it."""
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(**ids)
