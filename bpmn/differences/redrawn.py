"""Elements that were drawn anew: another id, but the same name and kind as one that is gone, and no other like them."""

from collections import Counter
from dataclasses import replace

from bpmn import model


def pairs(old: model.Process, new: model.Process) -> dict[str, str]:
    """Return for the id that an element had the id that it has now."""
    gone = _unique([e for id, e in old.elements.items() if id not in new.elements])
    come = _unique([e for id, e in new.elements.items() if id not in old.elements])
    return {gone[key].id: come[key].id for key in gone if key in come}


def _unique(elements: list[model.Element]) -> dict[tuple[str, str], model.Element]:
    counts = Counter(_key(e) for e in elements)
    return {_key(e): e for e in elements if e.name.strip() and counts[_key(e)] == 1}


def _key(element: model.Element) -> tuple[str, str]:
    for kind in (model.ACTIVITIES, model.GATEWAYS):
        if element.type in kind:
            return "|".join(sorted(kind)), element.name.strip()
    return element.type, element.name.strip()


def renamed(process: model.Process, ids: dict[str, str]) -> model.Process:
    """Return the process with these ids exchanged wherever they stand."""
    if not ids:
        return process

    def now(id: str) -> str:
        return ids.get(id, id)

    elements = {now(id): replace(e, id=now(id), parent=now(e.parent), attributes={
        name: now(value) if name in ("id", "attachedToRef") else value for name, value in e.attributes.items()})
        for id, e in process.elements.items()}
    flows = tuple(replace(f, source=now(f.source), target=now(f.target), parent=now(f.parent)) for f in process.flows)
    return replace(process, elements=elements, flows=flows)
