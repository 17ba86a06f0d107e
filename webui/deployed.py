"""What a process definition was deployed with. Rights were asked at the task or case that led here; the engine keeps it in memory."""

from functools import lru_cache

from bpmn import forms, model, sop
from engine import load
from engine.migration_plan import places
from engine.queries.definitions import find_form
from engine.spec import Spec
from engine.store import read
from engine.subprocesses import CallActivity
from webui import pe


def definition(definition_id: str) -> load.Definition:
    with read(pe()) as db:
        return load.definition(db, definition_id)


def spec(definition_id: str) -> Spec:
    """What the step runs on."""
    with read(pe()) as db:
        return load.spec(db, definition_id)


def diagram(definition_id: str) -> bytes:
    """The definition's diagram, BPMN XML."""
    with read(pe()) as db:
        found = load.definition(db, definition_id)
        return load.resources(db, found.deployment_id)[found.resource_name]


def called(definition_id: str) -> dict[str, str]:
    """Which version each call activity calls, also inside what is called: its element's id -> the id of a definition."""
    versions = definition(definition_id).calls
    found = {place.element.id: place.inner.called.bpmn_id for place in places(spec(definition_id)).values()
             if isinstance(place.inner, CallActivity)}
    return {element: versions[key] for element, key in found.items() if key in versions}


def form(definition_id: str, form_key: str | None) -> forms.Form | None:
    """The form that a task's form key names; None where it has none."""
    with read(pe()) as db:
        content = find_form(load.resources(db, load.definition(db, definition_id).deployment_id), form_key)
    return forms.read(content) if content else None


def standard(definition_id: str) -> sop.Sop:
    """The SOP that the definition is: identity, and mutu baku by activity."""
    return _sop(diagram(definition_id), definition(definition_id).key)


def element_names(definition_id: str) -> dict[str, str]:
    """The names of what stands in the definition's diagram, by id, in its order; '' of what has none."""
    return _names(diagram(definition_id), definition(definition_id).key)


@lru_cache(maxsize=64)
def _names(content: bytes, key: str) -> dict[str, str]:
    process = next(each for each in model.read(content, key) if each.key == key)
    return {id: element.name for id, element in process.elements.items()}


@lru_cache(maxsize=64)
def _sop(content: bytes, key: str) -> sop.Sop:
    return sop.read(content, key)
