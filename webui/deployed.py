"""What a process definition was deployed with, kept in memory: it never changes, and its id is unique over all databases.

Rights are asked at the case or task that leads here, and again when something is first read.
"""

from functools import lru_cache
from threading import Lock

from bpmn import forms, sop
from bpmn.errors import NotFound

from engine import queries
from webui import actor, pe

_kept: dict[tuple[str, str], bytes] = {}
_lock = Lock()
MOST = 512  # resources kept; the oldest goes first


def _resource(definition_id: str, name: str) -> bytes:
    key = (definition_id, name)
    if key not in _kept:
        content = (queries.definition_resource(pe(), actor(), definition_id, name) if name
                   else queries.definition_xml(pe(), actor(), definition_id))
        with _lock:
            while len(_kept) >= MOST:
                _kept.pop(next(iter(_kept)))
            _kept[key] = content
    return _kept[key]


def diagram(definition_id: str) -> bytes:
    """The definition's diagram, BPMN XML."""
    return _resource(definition_id, "")


def form(definition_id: str, name: str | None) -> forms.Form | None:
    """One of its forms by the resource's name; None where it has none."""
    if not name:
        return None
    try:
        return forms.read(_resource(definition_id, name))
    except NotFound:
        return None


def standard(definition_id: str) -> sop.Sop:
    """The SOP that the definition is: identity and mutu baku by activity."""
    return _sop(diagram(definition_id), definition_id.split(":", 1)[0])


@lru_cache(maxsize=64)
def _sop(content: bytes, key: str) -> sop.Sop:
    return sop.read(content, key)
