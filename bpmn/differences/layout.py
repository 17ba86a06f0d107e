"""What stands elsewhere on the diagram, or has another size."""

from bpmn import xml


def moved(before: bytes, after: bytes) -> list[str]:
    """The ids of what is drawn in both, but otherwise; in the order of the second."""
    old, new = _drawn(before), _drawn(after)
    return [id for id, shape in new.items() if id in old and old[id] != shape]


def _drawn(diagram: bytes) -> dict[str, tuple]:
    found: dict[str, tuple] = {}
    for each in xml.parse(diagram).iter():
        if not isinstance(each.tag, str) or xml.local(each) not in ("BPMNShape", "BPMNEdge"):
            continue
        corners = tuple(tuple(_number(e.get(name, "")) for name in ("x", "y", "width", "height"))
                        for e in each if isinstance(e.tag, str) and xml.local(e) in ("Bounds", "waypoint"))
        found[each.get("bpmnElement", "")] = corners
    return found


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text
