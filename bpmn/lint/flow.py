"""What the drawing alone tells: what is never reached, what never ends, where tokens get stuck or double."""

from collections.abc import Iterator

from bpmn.errors import N_
from bpmn.findings import Finding, error, warning
from bpmn.lint import tokens
from bpmn.lint.net import Level, levels
from bpmn.model import ACTIVITIES, Element
from bpmn.support import Context

AT_ONCE = {"task", "scriptTask", "businessRuleTask", "exclusiveGateway", "inclusiveGateway", "parallelGateway", "intermediateThrowEvent",
           "sendTask"}  # where a token does not rest, unless a worker does it
LEADS_ON = ACTIVITIES | {"intermediateCatchEvent", "intermediateThrowEvent"}


def check(context: Context) -> Iterator[Finding]:
    for level in levels(context.process):
        yield from _structure(context, level)
        yield from _rounds(context, level)
        yield from _tokens(context, level)


def _structure(context: Context, level: Level) -> Iterator[Finding]:
    reached = level.reachable()
    for node in level.nodes.values():
        where = (context.file, node.line, node.id)
        if node.id not in reached:
            if level.into[node.id]:  # without any, `bpmn.check` says so
                yield warning(*where, "unreachable", N_("“%(name)s” tidak akan pernah dicapai dari peristiwa mulai"), name=_name(node))
        elif not level.out[node.id] and node.type in LEADS_ON and not node.is_event_subprocess:
            yield warning(*where, "dead-end", N_("Sesudah “%(name)s” tidak ada apa-apa lagi, dan tidak ada peristiwa selesai"),
                          name=_name(node))
    yield from _without_end(context, level, reached)


def _without_end(context: Context, level: Level, reached: set[str]) -> Iterator[Finding]:
    """Name the first node from which no end is to be reached."""
    ending = {n for n in reached if not level.after(n)}
    stack = list(ending)
    while stack:
        here = stack.pop()
        sources = [e.source for e in level.into[here]]
        if level.nodes[here].type == "boundaryEvent":
            sources.append(level.nodes[here].attributes.get("attachedToRef", ""))
        for source in sources:
            if source not in ending:
                ending.add(source)
                stack.append(source)
    order = level.order()
    lost = [n for n in level.nodes if n in reached and n not in ending and level.nodes[n].type != "startEvent"]
    if lost:
        node = level.nodes[min(lost, key=lambda n: min((order.get(e.id, 0) for e in level.into[n]), default=0))]
        yield warning(context.file, node.line, node.id, "never-ends", N_("Dari “%(name)s” tidak ada jalan menuju selesai"),
                      name=_name(node))


def _rounds(context: Context, level: Level) -> Iterator[Finding]:
    """Name rounds on which nothing ever rests: the engine turns them until it gives up."""
    at_once = {n.id for n in level.nodes.values() if n.type in AT_ONCE and not n.topic and not n.loop}
    for members in _components({n: [e.target for e in level.out[n] if e.target in at_once] for n in at_once}):
        here = {members[0]} | set(members)
        if len(members) == 1 and not any(e.target == members[0] for e in level.out[members[0]]):
            continue
        node = level.nodes[min(members, key=list(level.nodes).index)]
        leaves = any(e.target not in here for n in members for e in level.out[n])
        make = warning if leaves else error
        yield make(context.file, node.line, node.id, "endless",
                   N_("Putaran melalui “%(name)s” tidak pernah berhenti pada sebuah tugas"), name=_name(node))


def _components(graph: dict[str, list[str]]) -> list[list[str]]:
    """Return the strongly connected components (Tarjan), without recursion."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    on: set[str] = set()
    path: list[str] = []
    found: list[list[str]] = []
    for root in graph:
        if root in index:
            continue
        work = [(root, iter(graph[root]))]
        index[root] = low[root] = len(index)
        path.append(root)
        on.add(root)
        while work:
            node, targets = work[-1]
            for target in targets:
                if target not in index:
                    index[target] = low[target] = len(index)
                    path.append(target)
                    on.add(target)
                    work.append((target, iter(graph[target])))
                    break
                if target in on:
                    low[node] = min(low[node], index[target])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    members = []
                    while True:
                        members.append(path.pop())
                        on.discard(members[-1])
                        if members[-1] == node:
                            break
                    found.append(members)
    return found


def _tokens(context: Context, level: Level) -> Iterator[Finding]:
    if not any(level.is_join(n) for n in level.nodes) and not _splits(level):
        return  # one token only: nothing to wait for, and nothing to double
    explored = tokens.explore(level)
    for stuck in explored.stuck:
        node = level.nodes[stuck.join]
        missing = ", ".join(dict.fromkeys(_name(level.nodes[level.edges[f].source]) for f in stuck.missing))
        choices = ", ".join(dict.fromkeys(_flow_name(context, level, f) for f in stuck.choices[-3:]))
        where = context.file, node.line, node.id, "deadlock"
        if not stuck.missing:
            yield error(*where, N_("Berkas dapat macet di “%(name)s”: gerbang-gerbang saling menunggu"), name=_name(node))
        elif choices:
            yield error(*where, name=_name(node), missing=missing, choices=choices, message=N_(
                "Berkas dapat macet di “%(name)s”: yang ditunggu dari “%(missing)s” tidak datang bila yang dipilih “%(choices)s”"))
        else:
            yield error(*where, N_("Berkas pasti macet di “%(name)s”: yang ditunggu dari “%(missing)s” tidak pernah datang"),
                        name=_name(node), missing=missing)
    doubled = tokens.unsynchronised(level)
    if not explored.complete or not explored.bounded and not doubled:
        scope = context.process.elements.get(level.parent)
        yield warning(context.file, scope.line if scope else context.process.line, level.parent, "uncertain",
                      N_("Tidak dapat dipastikan apakah berkas dapat macet: terlalu banyak kemungkinan untuk diperiksa semuanya"))
    for node_id in doubled:
        node = level.nodes[node_id]
        yield warning(context.file, node.line, node.id, "twice",
                      N_("“%(name)s” dan yang sesudahnya dapat berjalan lebih dari sekali"), name=_name(node))


def _splits(level: Level) -> bool:
    return any(len(way) > 1 for n in level.nodes for way in level.alternatives(n))


def _flow_name(context: Context, level: Level, flow: str) -> str:
    named = next((f.name for f in context.process.flows if f.id == flow), "")
    if named:
        return named
    edge = level.edges[flow]
    return f"{_name(level.nodes[edge.source])} → {_name(level.nodes[edge.target])}"


def _name(element: Element) -> str:
    return " ".join(element.name.split()) or element.id
