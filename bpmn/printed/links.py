"""What of a process is printed, and what leads to what on paper. Pure."""

from collections.abc import Iterable, Iterator

from bpmn import model

DECISIONS = {"exclusiveGateway", "inclusiveGateway", "eventBasedGateway", "complexGateway"}
NO = {"tidak", "false", "no"}
EVENTS = {"timer": "lewat waktu", "error": "gagal", "message": "pesan diterima", "signal": "isyarat diterima", "escalation": "eskalasi",
          "conditional": "syarat terpenuhi", "cancel": "dibatalkan"}


def printed(properties: dict[str, str]) -> bool:
    return properties.get("cetak", "").strip().lower() not in NO


class Links:
    """The printed nodes of a process, and for each the printed nodes that it leads to, with the words on the way."""

    def __init__(self, process: model.Process) -> None:
        self.process = process
        self.nodes = {e.id: e for e in process.inside(process.key)}
        self.edges: dict[str, list[tuple[str, str]]] = {i: [] for i in self.nodes}
        for source, target, label in self._edges(process):
            if source in self.nodes and target in self.nodes and self._leads(self.nodes[target]):
                self.edges[source].append((target, label))
        self.shown = dict.fromkeys(e.id for e in self.nodes.values() if self._may_show(e))
        self._drop_single_exits()
        self.next = {i: self.reach(i) for i in self.shown}
        self.passed = {i: {n for n, _said in self._walk(i)} - set(self.shown) for i in self.shown}  # what is not printed, up to what is
        self.diamonds: dict[str, str] = {}  # a decision's gateway by the activity that it is drawn as

    def _edges(self, process: model.Process) -> Iterator[tuple[str, str, str]]:
        for flow in process.flows:
            if flow.parent == process.key and printed(flow.properties):
                yield flow.source, flow.target, flow.properties.get("cetak_label", flow.name).strip()
        throws = [e for e in self.nodes.values() if e.type == "intermediateThrowEvent"]
        for element in self.nodes.values():
            if element.type == "boundaryEvent":
                yield element.attributes.get("attachedToRef", ""), element.id, element.name.strip() or event(element)
            if element.type == "intermediateCatchEvent" and (name := _link(element)):
                yield from ((e.id, element.id, "") for e in throws if _link(e) == name)

    @staticmethod
    def _leads(element: model.Element) -> bool:
        """Nothing comes out of an end or a boundary event that is not printed."""
        return printed(element.properties) or element.type not in ("endEvent", "boundaryEvent")

    @staticmethod
    def _may_show(element: model.Element) -> bool:
        return printed(element.properties) and element.type in model.ACTIVITIES | DECISIONS | {"startEvent", "endEvent"}

    def _drop_single_exits(self) -> None:
        """A gateway that leads, on paper, to one place only decides nothing there."""
        while single := [i for i in self.shown if self.nodes[i].type in DECISIONS and len(self.reach(i)) < 2]:
            self.shown = dict.fromkeys(i for i in self.shown if i not in single)

    def reach(self, start: str) -> dict[str, str]:
        """The printed nodes that come next, in the diagram's order, each with the first words on each way to it."""
        found: dict[str, list[str]] = {}
        for node, said in self._walk(start):
            if node in self.shown:
                found.setdefault(node, []).append(said)
        return {node: _either(words) for node, words in found.items()}

    def _walk(self, start: str) -> Iterator[tuple[str, str]]:
        """(node, first words) of what comes next, up to what is printed and including it."""
        seen: set[tuple[str, str]] = set()
        todo = self._steps(start, "")
        while todo:
            node, said = todo.pop()
            if (node, said) not in seen:
                seen.add((node, said))
                yield node, said
                todo += [] if node in self.shown else self._steps(node, said)

    def _steps(self, node: str, said: str) -> list[tuple[str, str]]:
        """The edges out of a node, the first one last; the words at the only way on from what is not printed say nothing."""
        edges, speaks = self.edges[node], node in self.shown or len(self.edges[node]) > 1
        first = self.nodes[node].type == "eventBasedGateway"
        named = [(t, label or (self.nodes[t].name.strip() or event(self.nodes[t]) if first else "")) for t, label in edges]
        return [(target, said or (label if speaks else "")) for target, label in reversed(named)]

    def before(self, node: str) -> list[str]:
        return [i for i in self.shown if node in self.next[i]]

    def fold_decisions(self) -> None:
        """Draw a gateway as the activity that decides, where one activity alone leads to it, and without words."""
        for gateway in [i for i in self.shown if self.nodes[i].type in DECISIONS]:
            before = self.before(gateway)
            if len(before) != 1 or self.nodes[before[0]].type not in model.ACTIVITIES or before[0] in self.diamonds:
                continue
            activity = before[0]
            if self.next[activity][gateway]:
                continue
            self.diamonds[activity] = gateway
            own = {t: label for t, label in self.next[activity].items() if t != gateway}
            for target, label in self.next.pop(gateway).items():
                own[target] = _either([own.get(target, ""), label])
            self.next[activity] = own
            del self.shown[gateway]

    def order(self) -> list[str]:
        """The printed nodes as the flow has them: what leads to another before it, save for ways back; branch after branch."""
        entries = [i for i in self.shown if self.nodes[i].type == "startEvent" or not self.before(i)]
        seen: set[str] = set()
        front = [node for root in reversed(entries) for node in self._finished(root, seen)][::-1]
        return front + [node for root in self.shown for node in reversed(self._finished(root, seen))]

    def _finished(self, root: str, seen: set[str]) -> list[str]:
        """What can be reached from a node and was not seen, in the order in which a depth-first walk is done with it."""
        if root in seen:
            return []
        seen.add(root)
        done: list[str] = []
        stack = [(root, reversed(list(self.next[root])))]
        while stack:
            node, following = stack[-1]
            child = next((c for c in following if c not in seen), None)
            if child is None:
                done.append(node)
                stack.pop()
            else:
                seen.add(child)
                stack.append((child, reversed(list(self.next[child]))))
        return done


def _either(labels: Iterable[str]) -> str:
    return " / ".join(dict.fromkeys(label for label in labels if label))


def _link(element: model.Element) -> str:
    return next((t.name for t in element.triggers if t.kind == "link"), "")


def event(element: model.Element) -> str:
    """What an event without a name is called."""
    return EVENTS.get(next((t.kind for t in element.triggers), ""), "")
