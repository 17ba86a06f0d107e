"""How long a process's cases are kept after their end: camunda:historyTimeToLive, as Camunda 7 reads it. Pure."""

import re

from bpmn import xml
from bpmn.model import BPMN, CAMUNDA

_DAYS = re.compile(r"P?(\d{1,6})D?")  # '180' or 'P180D': Camunda knows whole days only


def days(diagram: bytes, key: str) -> int | None:
    """The days that a process's diagram says; None where it says none, or nothing that Camunda would understand: for ever."""
    for process in xml.parse(diagram).iter(f"{{{BPMN}}}process"):
        if process.get("id") == key:
            found = _DAYS.fullmatch((process.get(f"{{{CAMUNDA}}}historyTimeToLive") or "").strip())
            return int(found[1]) if found else None
    return None
