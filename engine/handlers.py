"""Which function does a service task's work: a registry by topic.

A handler runs outside any transaction while its job is leased. It may run again for the same job after a
crash: `job.id` never changes, so it is the idempotency key of whatever the handler calls.
"""

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

GAGAL = "gagal"  # the code of the BPMN error that a call's final failure is, for the diagram to catch

# Modules that register handlers when they are imported. A module of a later issue is added here.
MODULES = ("engine.publication", "engine.withdrawal", "engine.documentation", "engine.retiming")


@dataclass(frozen=True)
class Job:
    """What a handler gets to know of its job. `payload` is the evaluated camunda:inputParameters, nothing else."""

    id: str
    tenant: str
    instance_id: str
    activity_id: str
    payload: dict[str, Any]
    attempts: int  # this one included
    topic: str = ""
    definition_id: str = ""
    activity_instance_id: str = ""
    type: str = "external"  # 'external', 'timer', 'timer-start', 'message': handlers only get external ones


class BpmnError(Exception):
    """A failure that the diagram itself may catch, by an error boundary event with the same code."""

    def __init__(self, code: str, message: str = "", variables: dict[str, Any] | None = None):
        super().__init__(message or code)
        self.code, self.message, self.variables = code, message, variables or {}


Handler = Callable[..., dict[str, Any] | None]
_handlers: dict[str, Handler] = {}


def handler(topic: str) -> Callable[[Handler], Handler]:
    """Register a function `fn(pe, job, now) -> result variables` for a topic. A second one for a topic replaces the first."""
    def register(fn: Handler) -> Handler:
        _handlers[topic] = fn
        return fn
    return register


def find(topic: str) -> Handler | None:
    """Return the topic's handler; None where nobody registered one: its jobs wait."""
    return _handlers.get(topic)


def topics() -> list[str]:
    """Return every topic that has a handler in this process."""
    return sorted(_handlers)


def load() -> None:
    """Import the modules that register Terbit's own handlers."""
    for module in MODULES:
        if importlib.util.find_spec(module):
            importlib.import_module(module)
