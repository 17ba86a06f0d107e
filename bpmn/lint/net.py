"""One level of a process (itself, or a subprocess) as a net: tokens lie on flows, nodes move them.

What a node may do is a list of alternatives, each the flows that get a token. A choice is free here: conditions are not read, so
what the net can do, some case might. An event at a border that does not interrupt comes at most once.
"""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bpmn.model import GATEWAYS, Element, Process

CLEARS = {"terminate", "error", "cancel"}  # an end event with one of these ends all that goes on around it
MOST_SUBSETS = 4  # flows of which every combination is tried; of more: each, each two, all
Alternative = tuple[str, ...]


@dataclass(frozen=True)
class Edge:
    """A sequence flow, or what a link stands for."""

    id: str
    source: str
    target: str
    condition: str | None = None


class Level:
    def __init__(self, process: Process, parent: str):
        self.process, self.parent = process, parent
        self.nodes: dict[str, Element] = {e.id: e for e in process.inside(parent)}
        edges = [Edge(f.id, f.source, f.target, f.condition) for f in process.flows if f.parent == parent]
        self.edges: dict[str, Edge] = {e.id: e for e in [*edges, *self._links()]}
        self.out: dict[str, list[Edge]] = {n: [] for n in self.nodes}
        self.into: dict[str, list[Edge]] = {n: [] for n in self.nodes}
        for edge in self.edges.values():
            self.out[edge.source].append(edge)
            self.into[edge.target].append(edge)
        self.borders: dict[str, list[Element]] = {}
        for node in self.nodes.values():
            if node.type == "boundaryEvent":
                self.borders.setdefault(node.attributes.get("attachedToRef", ""), []).append(node)

    def _links(self) -> Iterator[Edge]:
        catches = {t.name: e.id for e in self.nodes.values() if e.type == "intermediateCatchEvent" for t in e.triggers if t.kind == "link"}
        for node in self.nodes.values():
            for trigger in node.triggers if node.type == "intermediateThrowEvent" else ():
                if trigger.kind == "link" and trigger.name in catches:
                    yield Edge(f"{node.id}→{trigger.name}", node.id, catches[trigger.name])

    @property
    def starts(self) -> list[Element]:
        return [e for e in self.nodes.values() if e.type == "startEvent"]

    def is_join(self, node: str) -> bool:
        return self.nodes[node].type in ("parallelGateway", "inclusiveGateway") and len(self.into[node]) > 1

    def clears(self, node: str) -> bool:
        element = self.nodes[node]
        return element.type == "endEvent" and any(t.kind in CLEARS for t in element.triggers)

    def alternatives(self, node: str) -> list[Alternative]:
        """Return what may follow when a token has come to a node: always at least one, of none where the token ends."""
        element, out = self.nodes[node], self.out[node]
        own = list(_choices(element, out))
        borders = self.borders.get(node, [])
        if not borders:
            return own
        leaving = own + [self._all(b) for b in borders if b.interrupting]
        beside = [self._all(b) for b in borders if not b.interrupting]
        return [tuple(itertools.chain(way, *others)) for way in leaving for others in _subsets(beside)]

    def _all(self, border: Element) -> Alternative:
        return tuple(e.id for e in self.out[border.id])

    def after(self, node: str) -> list[Edge]:
        """Return the flows on which a token that comes to a node may go on, those of its border included."""
        return [*self.out[node], *(e for b in self.borders.get(node, []) for e in self.out[b.id])]

    def order(self) -> dict[str, int]:
        """Number the flows that can be reached so that a branch comes whole before the next one."""
        found: dict[str, int] = {}
        stack = [e for s in reversed(self.starts) for e in reversed(self.out[s.id])]
        while stack:
            edge = stack.pop()
            if edge.id not in found:
                found[edge.id] = len(found)
                stack.extend(reversed(self.after(edge.target)))
        return found

    def back(self) -> set[str]:
        """Return the flows that close a loop: on the way from the start they lead to where one has been."""
        found: set[str] = set()
        done: set[str] = set()
        for start in [*self.starts, *(e for e in self.nodes.values() if e.is_event_subprocess)]:
            path = {start.id: iter(self.after(start.id))}  # in the order in which they were come to
            while path:
                here = next(reversed(path))
                edge = next(path[here], None)
                if edge is None:
                    del path[here]
                    done.add(here)
                elif edge.target in path:
                    found.add(edge.id)
                elif edge.target not in done:
                    path[edge.target] = iter(self.after(edge.target))
        return found

    def reachable(self) -> set[str]:
        """Return the nodes that a token, an event or an error can come to."""
        seen: set[str] = set()
        stack = [e.id for e in self.nodes.values() if e.type == "startEvent" or e.is_event_subprocess]
        while stack:
            node = stack.pop()
            if node not in seen:
                seen.add(node)
                stack.extend(e.target for e in self.out[node])
                stack.extend(b.id for b in self.borders.get(node, []))
        return seen

    def leads_to(self, node: str, flow: str) -> set[str]:
        """Return the nodes from which a token can come to `flow`, which goes into `node`, without visiting `node`."""
        seen: set[str] = set()
        stack = [self.edges[flow].source]
        while stack:
            here = stack.pop()
            if here == node or here in seen:
                continue
            seen.add(here)
            stack.extend(e.source for e in self.into[here])
            if self.nodes[here].type == "boundaryEvent":
                stack.append(self.nodes[here].attributes.get("attachedToRef", ""))
        return seen


def levels(process: Process) -> list[Level]:
    """Return the process's own level, and those of its subprocesses."""
    parents = [process.key, *(e.id for e in process.elements.values() if process.inside(e.id))]
    return [Level(process, parent) for parent in parents]


def _choices(element: Element, out: list[Edge]) -> Iterator[Alternative]:
    if not out:
        yield ()
    elif element.type in ("exclusiveGateway", "eventBasedGateway"):
        yield from ((edge.id,) for edge in out)
    elif element.type == "parallelGateway" or not any(e.condition for e in out):
        yield tuple(e.id for e in out)
    else:
        yield from _conditional(element, out)


def _conditional(element: Element, out: list[Edge]) -> Iterator[Alternative]:
    """An inclusive gateway, or an activity with conditions on its flows: those without are taken, of the others any, else the default."""
    default = element.attributes.get("default")
    always = [e.id for e in out if not e.condition and e.id != default]
    asked = [e.id for e in out if e.condition and e.id != default]
    for some in _subsets(asked):
        taken = [*always, *some]
        if not some and default and (element.type not in GATEWAYS or not always):
            taken.append(default)
        if taken:
            yield tuple(taken)


def _subsets(items: list) -> Iterable[tuple]:
    sizes = range(len(items) + 1) if len(items) <= MOST_SUBSETS else [0, 1, 2, len(items)]
    return (some for size in sizes for some in itertools.combinations(items, size))
