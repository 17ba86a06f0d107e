"""What a comparison says: clauses about a subject, gathered in parts. Words are `Told`, so that a page can show them in its reader's
language; `str` of one is the Indonesian that an official paper has."""

import bisect
from collections.abc import Sequence
from dataclasses import dataclass

from bpmn.errors import N_, Told

ADDED, REMOVED, MOVED, CHANGED, LAYOUT = "added", "removed", "moved", "changed", "layout"
KINDS = (ADDED, REMOVED, MOVED, CHANGED, LAYOUT)  # what an element is marked with, the strongest first
RENUMBERED = "renumbered"  # said, but no mark: the diagram shows no numbers
LONGEST = 240  # characters of a value in a sentence; the table before/after has more


@dataclass(frozen=True)
class Change:
    """One thing that is different. `what`, `before` and `after` are its row in the table; without `what` it has none."""

    kind: str
    clause: Told
    what: Told | None = None
    before: str | Told = ""
    after: str | Told = ""


@dataclass(frozen=True)
class Item:
    """Everything that changed about one subject. `elements`: the ids on the diagram that it is about, the first one shown first;
    `mark`: what they are marked with, where that is not what is said (a field added is a step changed)."""

    subject: Told
    changes: tuple[Change, ...]
    elements: tuple[str, ...] = ()
    mark: str = ""

    @property
    def kind(self) -> str:
        """The strongest kind among its changes, or what it is marked with."""
        return self.mark or min((c.kind for c in self.changes), key=lambda k: KINDS.index(k) if k in KINDS else len(KINDS))


@dataclass(frozen=True)
class Part:
    name: str  # one of TITLES
    items: tuple[Item, ...]


TITLES = {
    "identity": N_("Identitas SOP"), "lanes": N_("Pelaksana"), "steps": N_("Langkah dan mutu baku"), "flow": N_("Alur dan keputusan"),
    "forms": N_("Formulir"), "tables": N_("Tabel keputusan"), "technical": N_("Bagian teknis"), "layout": N_("Letak pada gambar"),
}


@dataclass(frozen=True)
class Differences:
    """`parts` in the order of TITLES, none of them empty."""

    parts: tuple[Part, ...]

    @property
    def items(self) -> list[Item]:
        return [item for part in self.parts for item in part.items]

    def marks(self, side: str) -> dict[str, str]:
        """What each element of a diagram is marked with, on side 'before' or 'after': the strongest of all that is said about it."""
        unseen = ADDED if side == "before" else REMOVED
        found: dict[str, str] = {}
        for item in self.items:
            if item.kind not in KINDS or item.kind == unseen:
                continue
            for id in item.elements:
                found[id] = min(found.get(id, LAYOUT), item.kind, key=KINDS.index)
        return found


def altered(what: Told, before: str | Told, after: str | Told, *, kind: str = CHANGED, quoted: bool = True) -> Change:
    """A value that became another, was given, or was taken away."""
    old, new = (brief(v) if isinstance(v, str) else v for v in (before, after))
    if not before:
        message = N_("%(what)s diisi “%(after)s”") if quoted else N_("%(what)s diisi %(after)s")
    elif not after:
        message = N_("%(what)s “%(before)s” dihapus") if quoted else N_("%(what)s %(before)s dihapus")
    else:
        message = N_("%(what)s “%(before)s” menjadi “%(after)s”") if quoted else N_("%(what)s %(before)s menjadi %(after)s")
    return Change(kind, Told(message, what=what, before=old, after=new), what, before, after)


def brief(text: str) -> str:
    """A value on one line, not too long for a sentence."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[:LONGEST - 1].rstrip()}…"


def listed(names: Sequence[str]) -> str:
    return ", ".join(f"“{brief(name)}”" for name in names)


def out_of_order(before: Sequence[str], after: Sequence[str]) -> set[str]:
    """Of what stands in both, the fewest that must have been moved for the rest to keep their order."""
    common = set(before) & set(after)
    old, new = [i for i in before if i in common], [i for i in after if i in common]
    at = {id: place for place, id in enumerate(new)}
    ends: list[int] = []  # the last place of the best rising chain of each length
    chains: list[str] = []  # and whose place that is
    earlier: dict[str, str | None] = {}
    for id in old:
        length = bisect.bisect_left(ends, at[id])
        earlier[id] = chains[length - 1] if length else None
        ends[length:length + 1], chains[length:length + 1] = [at[id]], [id]
    kept, last = set(), chains[-1] if chains else None
    while last is not None:
        kept.add(last)
        last = earlier[last]
    return common - kept


def places(before: Sequence[str], after: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Where each is told of: in the order after; what is gone, behind what stood before it."""
    found = {id: (at, 0) for at, id in enumerate(after)}
    last = -1
    for at, id in enumerate(before):
        if id in found and found[id][1] == 0:
            last = found[id][0]
        else:
            found[id] = (last, at + 1)
    return found
