"""Two versions of a procedure compared: what was added, removed, changed, moved, on the diagram and in words. Pure.

The words and the diagram's colours come from the same `Differences`, so they cannot disagree. Elements, fields and rules are known again
by their ids, elements also by a name that no other has, flows by what they join. What has no words of its own (an attribute of another
tool, say) is still said to be different.
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from bpmn import model, xml
from bpmn.differences import forms, layout, process, redrawn, tables
from bpmn.differences.changes import CHANGED, LAYOUT, TITLES, Change, Differences, Item, Part, altered
from bpmn.differences.side import Side
from bpmn.errors import N_, Invalid, Told

__all__ = ["Differences", "compare"]

DIAGRAMS = (".bpmn", ".bpmn20.xml")


def compare(before: Mapping[str, bytes], after: Mapping[str, bytes], key: str) -> Differences:
    """Compare two versions of procedure `key`, each all its files by name. Invalid where one has no diagram of it that can be read."""
    old, new = _diagram(before, key), _diagram(after, key)
    anew = redrawn.pairs(old[1], new[1])
    sides = Side(redrawn.renamed(old[1], anew), before), Side(new[1], after)
    found: dict[str, list[Item]] = {name: [] for name in TITLES}
    for part, items in process.compare(*sides).items():
        found[part] += items
    found["forms"] += forms.compare(*sides)
    found["tables"] += tables.compare(*sides)
    found["technical"] += [Item(sides[1].subject(now), (altered(Told(N_("pengenal")), id, now),), (now,)) for id, now in anew.items()]
    found["technical"] += _rest(before, after, old[0], new[0], any(found.values()))
    if ids := layout.moved(before[old[0]], after[new[0]]):
        words = Told(N_("letak atau ukurannya pada gambar berubah, tanpa mengubah prosedurnya"))
        subject = Told(N_("%(count)d unsur gambar"), count=len(ids))
        found["layout"].append(Item(subject, (Change(LAYOUT, words),), tuple(ids)))
    had = {now: id for id, now in anew.items()}
    return Differences(tuple(Part(name, tuple(_in_both(item, had) for item in items)) for name, items in found.items() if items))


def _in_both(item: Item, had: Mapping[str, str]) -> Item:
    """With the ids that its elements have on the first diagram, where these are others."""
    more = tuple(had[id] for id in item.elements if id in had)
    return replace(item, elements=item.elements + more) if more else item


def _diagram(files: Mapping[str, bytes], key: str) -> tuple[str, model.Process]:
    for name in sorted(files):
        if name.endswith(DIAGRAMS):
            for each in model.read(files[name], name):
                if each.key == key:
                    return name, each
    raise Invalid(N_("Proses %(key)s tidak ada dalam diagram ini."), key=key)


def _rest(before: Mapping[str, bytes], after: Mapping[str, bytes], old: str, new: str, is_said: bool) -> list[Item]:
    """Files that nothing above reads, and what of the diagram has no words."""
    items = []
    known = (".form", ".dmn")
    others = {n for n in {*before, *after} - {old, new} if not n.endswith(known)}
    for name in sorted(others):
        subject = Told(N_("File %(name)s"), name=name)
        if name not in before:
            items.append(Item(subject, (Change("added", Told(N_("ditambahkan"))),)))
        elif name not in after:
            items.append(Item(subject, (Change("removed", Told(N_("dihapus"))),)))
        elif before[name] != after[name]:
            items.append(Item(subject, (Change(CHANGED, Told(N_("isinya berubah"))),)))
    if not is_said and _content(before[old]) != _content(after[new]):
        items.append(Item(Told(N_("File %(name)s"), name=new), (Change(CHANGED, Told(N_("rincian teknis lain berubah"))),)))
    return items


def _content(diagram: bytes) -> Counter:
    """All that a diagram says apart from how it is drawn and by which program, in no order."""
    root = xml.parse(diagram)
    for drawn in [e for e in root if isinstance(e.tag, str) and xml.local(e) == "BPMNDiagram"]:
        root.remove(drawn)
    return Counter(json.dumps([e.tag, sorted(e.attrib.items()), (e.text or "").strip()]) for e in root.iterdescendants()
                   if isinstance(e.tag, str))
