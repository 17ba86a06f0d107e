"""One of the two versions, and what its elements are called in words."""

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property

from bpmn import model
from bpmn.differences.changes import brief
from bpmn.errors import N_, Invalid, Told
from bpmn.printed import flowchart

KINDS = {
    "exclusiveGateway": N_("Keputusan “%(name)s”"), "inclusiveGateway": N_("Percabangan pilihan “%(name)s”"),
    "parallelGateway": N_("Percabangan bersamaan “%(name)s”"), "eventBasedGateway": N_("Percabangan kejadian “%(name)s”"),
    "complexGateway": N_("Percabangan “%(name)s”"), "startEvent": N_("Mulai “%(name)s”"), "endEvent": N_("Akhir “%(name)s”"),
    "intermediateCatchEvent": N_("Penantian “%(name)s”"), "intermediateThrowEvent": N_("Pemberitahuan “%(name)s”"),
}


class Side:
    """One of the two versions."""

    def __init__(self, process: model.Process, files: Mapping[str, bytes]):
        self.process, self.files = process, files

    @cached_property
    def numbers(self) -> dict[str, str]:
        """The SOP's number of each step, as it is printed; of a diagram that cannot be printed, as it is written."""
        try:
            return {row.activity_id: row.number for row in flowchart.read(self.process).rows}
        except Invalid:
            return {e.id: n for e in self.process.elements.values() if (n := e.properties.get("langkah", "").strip().rstrip("."))}

    @cached_property
    def order(self) -> list[str]:
        """Every element: the steps as the paper has them, the rest as the flow comes to it."""
        following: dict[str, list[str]] = {}
        for flow in self.process.flows:
            following.setdefault(flow.source, []).append(flow.target)
        for element in self.process.elements.values():
            if host := element.attributes.get("attachedToRef"):
                following.setdefault(host, []).append(element.id)
            if element.parent != self.process.key:
                following.setdefault(element.parent, []).append(element.id)
        starts = [e.id for e in self.process.inside(self.process.key) if e.type == "startEvent"]
        found: dict[str, None] = {}
        todo = [*self.process.elements][::-1] + starts[::-1]
        while todo:
            id = todo.pop()
            if id not in found and id in self.process.elements:
                found[id] = None
                todo += following.get(id, [])[::-1]
        steps = [id for id in self.numbers if id in found]
        return steps + [id for id in found if id not in self.numbers]

    def name(self, id: str) -> str:
        element = self.process.elements.get(id)
        return (element.name.strip() if element else "") or id

    def subject(self, id: str) -> Told:
        element = self.process.elements[id]
        if id in self.numbers:
            return Told(N_("Langkah %(number)s, “%(name)s”"), number=self.numbers[id], name=brief(self.name(id)))
        if element.type in model.ACTIVITIES:
            return Told(N_("Kegiatan “%(name)s”"), name=brief(self.name(id)))
        return _other(element, self.name)

    def users(self, names: Iterable[str], ref: Callable[[model.Element], str | None]) -> list[str]:
        """The elements that refer to a form or table by one of these names, in the order of the steps."""
        wanted = set(names)
        return [id for id in self.order if (key := ref(self.process.elements[id])) and key.rpartition(":")[2] in wanted]


def _other(element: model.Element, name: Callable[[str], str]) -> Told:
    if element.type == "boundaryEvent":
        return Told(N_("Kejadian “%(name)s” pada “%(host)s”"), name=brief(name(element.id)),
                    host=brief(name(element.attributes.get("attachedToRef", ""))))
    return Told(KINDS.get(element.type, N_("Unsur “%(name)s”")), name=brief(name(element.id)))
