"""The token game over one level: does every token get to an end, and does nothing happen twice that should happen once?

Deadlocks are looked for in all markings that can be told apart, of which only those are visited that matter: what a token does that
waits for nobody is no business of the others, so one of them is moved at a time (a persistent set; no deadlock is missed by it).
Past MOST_STATES the search gives up, and says so. What runs side by side is computed without visiting markings at all.
"""

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from bpmn.lint.net import Level

MOST_STATES = 5_000  # markings visited of one level; an office's diagram has some hundred
MOST_TOKENS = 4  # on one flow at a time: more is a diagram that makes ever more of them
State = tuple[str, ...]  # the flows with a token, each as often as it has one


@dataclass
class Stuck:
    """A join that can wait for ever: with tokens on some flows, without on others, after these choices."""

    join: str
    missing: list[str]
    choices: list[str]  # ids of the flows chosen on the way


@dataclass
class Explored:
    stuck: list[Stuck] = field(default_factory=list)
    complete: bool = True  # False: there were more markings than are visited
    bounded: bool = True  # False: it makes ever more tokens, and only the first were followed


def explore(level: Level) -> Explored:
    """Play the level to its ends in every way that makes a difference."""
    game, found = _Game(level), Explored()
    first = {game.state(way) for start in level.starts for way in level.alternatives(start.id)}
    before: dict[State, tuple[State, str] | None] = dict.fromkeys(sorted(first))
    todo, known = deque(before), set()
    while todo:
        here = todo.popleft()
        following = list(game.moves(here))
        if here and not following:
            for stuck in game.stuck(here):
                if stuck.join not in known:
                    known.add(stuck.join)
                    stuck.choices = _path(before, here)
                    found.stuck.append(stuck)
        for state, choice in following:
            if state in before:
                continue
            if max(Counter(state).values(), default=0) > MOST_TOKENS:
                found.bounded = False
                continue
            if len(before) >= MOST_STATES:
                found.complete = False
                break
            before[state] = here, choice
            todo.append(state)
    return found


def _path(before: dict[State, tuple[State, str] | None], here: State) -> list[str]:
    choices, step = [], before[here]
    while step is not None:
        here, choice = step
        if choice:
            choices.append(choice)
        step = before[here]
    return choices[::-1]


class _Game:
    def __init__(self, level: Level):
        self.level, self.order = level, level.order()
        self.ways = {n: level.alternatives(n) for n in level.nodes}
        self.target = {id: edge.target for id, edge in level.edges.items()}
        self.joins = {n for n in level.nodes if level.is_join(n)}
        self.leads = {n: {e.id: level.leads_to(n, e.id) for e in level.into[n]}
                      for n in self.joins if level.nodes[n].type == "inclusiveGateway"}

    def state(self, flows) -> State:
        return tuple(sorted(flows, key=lambda f: self.order.get(f, -1)))

    def moves(self, state: State) -> Iterator[tuple[State, str]]:
        """Give the markings that may follow, each with the flow that was chosen ('': nothing was).

        A join that may go on goes first, then of several tokens on one flow one: what a loop sends out beside itself comes to its end
        before the loop turns again.
        """
        waiting: dict[str, dict[str, None]] = {}
        for flow in state:
            if self.target[flow] in self.joins:
                waiting.setdefault(self.target[flow], {})[flow] = None
        for node, full in waiting.items():
            if self._may_join(state, node, set(full)) if node in self.leads else len(full) == len(self.level.into[node]):
                yield from self._go(state, list(full), node)
                return
        free = max((f for f in state if self.target[f] not in self.joins), key=state.count, default=None)
        if free is not None:
            yield from self._go(state, [free], self.target[free])

    def _go(self, state: State, taken: list[str], node: str) -> Iterator[tuple[State, str]]:
        if self.level.clears(node):
            yield (), ""
            return
        rest = list(state)
        for flow in taken:
            rest.remove(flow)
        ways = self.ways[node]
        for way in ways:
            yield self.state([*rest, *way]), way[0] if len(ways) > 1 and way else ""

    def _may_join(self, state: State, node: str, full: set[str]) -> bool:
        """Whether nothing more can come to an inclusive join (13.4.3), as `engine.gateways` decides it."""
        for flow in state:
            here = self.target[flow]
            if here == node:
                continue
            flows = {f for f, nodes in self.leads[node].items() if here in nodes}
            if flows - full and not flows & full:
                return False
        return True

    def stuck(self, state: State) -> list[Stuck]:
        joins = dict.fromkeys(self.target[f] for f in state)
        return [Stuck(j, [e.id for e in self.level.into[j] if e.id not in state], []) for j in joins]


def unsynchronised(level: Level) -> list[str]:
    """Return the nodes at which tokens come one after the other that run side by side: what follows happens as often as they come.

    Two flows run side by side when one node sends a token along both, or when one of them follows on a flow that runs beside the other
    (for a parallel join: beside all that it waits for). One turn of a loop is looked at: that the next may begin before all of this one is
    over, is meant. Of nodes behind one another the first is named.
    """
    beside = _side_by_side(level)
    place = {id: number for number, id in enumerate(level.edges)}
    found = [n for n in level.nodes if not level.is_join(n) and level.nodes[n].type != "endEvent" and any(
        beside[a.id] >> place[b.id] & 1 for a in level.into[n] for b in level.into[n] if a.id < b.id)]
    order = level.order()
    found.sort(key=lambda n: min((order.get(e.id, 0) for e in level.into[n]), default=0))
    first: list[str] = []
    for node in found:
        if not any(_comes_after(level, node, earlier) for earlier in first):
            first.append(node)
    return first


def _side_by_side(level: Level) -> dict[str, int]:
    """Return, for each flow, the flows that may have a token while it has one, as bits in the order of `level.edges`."""
    place = {id: number for number, id in enumerate(level.edges)}
    ids = list(level.edges)
    beside = dict.fromkeys(ids, 0)

    def add(flow: str, bits: int) -> None:
        new = bits & ~beside[flow]
        beside[flow] |= new
        while new:  # it holds both ways
            low = new & -new
            beside[ids[low.bit_length() - 1]] |= 1 << place[flow]
            new ^= low

    live, back = level.reachable(), level.back()
    for node in live:
        for way in level.alternatives(node):
            bits = sum(1 << place[f] for f in set(way))
            for flow in way:
                add(flow, bits & ~(1 << place[flow]))
    reach = {n: {e.id: level.leads_to(n, e.id) for e in level.into[n]} for n in live
             if level.is_join(n) and level.nodes[n].type == "inclusiveGateway"}
    before: dict[str, int] | None = None
    while before != beside:
        before = dict(beside)
        for node in live:
            bits = _beside_node(level, node, [beside[e.id] for e in level.into[node] if e.id not in back], reach, ids)
            if bits:
                for edge in level.after(node):
                    add(edge.id, bits)
    return beside


def _beside_node(level: Level, node: str, into: list[int], reach: dict[str, dict[str, set[str]]], ids: list[str]) -> int:
    if not into:
        return 0
    if not level.is_join(node):
        return _any(into)
    if level.nodes[node].type == "parallelGateway":
        bits = into[0]
        for more in into[1:]:
            bits &= more
        return bits
    coming = set().union(*reach[node].values()) | {node}  # what may still come, an inclusive join waits for
    return sum(1 << number for number, id in enumerate(ids) if _any(into) >> number & 1 and level.edges[id].target not in coming)


def _any(masks: list[int]) -> int:
    bits = 0
    for mask in masks:
        bits |= mask
    return bits


def _comes_after(level: Level, node: str, earlier: str) -> bool:
    seen, stack = set(), [earlier]
    while stack:
        here = stack.pop()
        for edge in level.after(here):
            if edge.target == node:
                return True
            if edge.target not in seen:
                seen.add(edge.target)
                stack.append(edge.target)
    return False
