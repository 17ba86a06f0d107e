"""Events, gateways, and the flows between: where work goes on, and on what condition."""

from typing import Any

from bpmn import model
from bpmn.differences.changes import ADDED, CHANGED, MOVED, REMOVED, Change, Item, altered, brief
from bpmn.differences.side import Side
from bpmn.differences.steps import pelaksana
from bpmn.differences.technical import plain, table
from bpmn.errors import N_, Told
from bpmn.printed import flowchart

CAUSES = {
    "message": N_("pesan “%(name)s”"), "signal": N_("isyarat “%(name)s”"), "error": N_("kegagalan “%(name)s”"),
    "escalation": N_("eskalasi “%(name)s”"), "conditional": N_("syarat %(name)s"), "timer": N_("waktu %(name)s"),
    "link": N_("sambungan “%(name)s”"), "terminate": N_("penghentian"), "cancel": N_("pembatalan"), "compensate": N_("pemulihan"),
}
Placed = list[tuple[Any, Item]]


def node(before: Side, after: Side, old: model.Element, new: model.Element) -> list[Change]:
    """What changed about an event or gateway that is in both."""
    said = []
    if old.type != new.type:
        words = Told(N_("jenisnya berubah: tadinya %(before)s"), before=before.subject(old.id))
        said.append(Change(CHANGED, words))
    if old.name != new.name:
        said.append(altered(Told(N_("nama")), old.name, new.name))
    said += pelaksana(old, new)
    if (one := old.attributes.get("attachedToRef", "")) != (two := new.attributes.get("attachedToRef", "")):
        said.append(altered(Told(N_("tempat")), before.name(one) if one else "", after.name(two) if two else "", kind=MOVED))
    if plain(old.triggers) != plain(new.triggers):
        said.append(_trigger(old, new))
    if (one := _default(before, old)) != (two := _default(after, new)):
        said.append(altered(Told(N_("tujuan bila tidak ada syarat yang terpenuhi")), one, two))
    if old.documentation != new.documentation:
        said.append(altered(Told(N_("uraian")), old.documentation, new.documentation))
    return said


def _trigger(old: model.Element, new: model.Element) -> Change:
    one, two = (next((t for t in e.triggers if t.kind == "timer"), None) for e in (old, new))
    if one and two and len(old.triggers) == len(new.triggers) == 1:
        return altered(Told(N_("waktu tunggu")), flowchart.duration(one.expression).lower(), flowchart.duration(two.expression).lower(),
                       quoted=False)
    return altered(Told(N_("kejadiannya")), _cause(old), _cause(new), quoted=False)


def _cause(element: model.Element) -> str | Told:
    if len(element.triggers) != 1:
        return plain(element.triggers)
    trigger = element.triggers[0]
    words = CAUSES.get(trigger.kind, "")
    name = trigger.name or trigger.code or trigger.expression
    if not words or ("%" in words and not name):
        return trigger.kind
    return Told(words, name=brief(name))


def _default(side: Side, element: model.Element) -> str:
    flow = next((f for f in side.process.flows if f.id == element.attributes.get("default")), None)
    return side.name(flow.target) if flow else ""


# Flows ----------------------------------------------------------------------------------------------------------------

def compare(before: Side, after: Side, at: dict[str, Any]) -> tuple[dict[str, list[str]], Placed, Placed]:
    """Flows of elements that came or went, without words of their own, by that element; items of the part flow; technical ones."""
    pairs, gone, come = _paired(before.process.flows, after.process.flows)
    folded: dict[str, list[str]] = {}
    items: Placed = []
    technical: Placed = []
    for side, other, flows, kind in ((before, after, gone, REMOVED), (after, before, come, ADDED)):
        for flow in flows:
            own = next((end for end in (flow.target, flow.source) if end not in other.process.elements), None)
            if own and not flow.condition and not flow.name:
                folded.setdefault(own, []).append(flow.id)
            else:
                items.append(_come_or_gone(side, flow, kind, at))
    for old, new in pairs:
        place = (*at.get(new.source, (0, 0)), 1)
        about = _subject(before, old)
        if said := _flow(before, after, old, new):
            items.append((place, Item(about, tuple(said), tuple(dict.fromkeys((new.id, old.id))))))
        if more := table(old.properties, new.properties):
            technical.append((place, Item(about, tuple(more), (new.id,))))
    return folded, items, technical


def _paired(before: tuple[model.Flow, ...], after: tuple[model.Flow, ...],
            ) -> tuple[list[tuple[model.Flow, model.Flow]], list[model.Flow], list[model.Flow]]:
    """Flows that are the same, by what they join, else by id; those that are gone; those that are new."""
    old, new = list(before), list(after)
    pairs: list[tuple[model.Flow, model.Flow]] = []
    for same in (lambda f: (f.id, f.source, f.target), lambda f: (f.source, f.target), lambda f: f.id):
        waiting: dict[Any, list[model.Flow]] = {}
        for flow in new:
            waiting.setdefault(same(flow), []).append(flow)
        found = [(flow, waiting[same(flow)].pop(0)) for flow in old if waiting.get(same(flow))]
        pairs += found
        known = {id(flow) for pair in found for flow in pair}
        old, new = ([f for f in flows if id(f) not in known] for flows in (old, new))
    return pairs, old, new


def _subject(side: Side, flow: model.Flow) -> Told:
    ends = {"source": brief(side.name(flow.source)), "target": brief(side.name(flow.target))}
    if flow.name.strip():
        return Told(N_("Alur “%(name)s” dari “%(source)s” ke “%(target)s”"), name=brief(flow.name), **ends)
    return Told(N_("Alur dari “%(source)s” ke “%(target)s”"), **ends)


def _come_or_gone(side: Side, flow: model.Flow, kind: str, at: dict[str, Any]) -> tuple[Any, Item]:
    words = N_("ditambahkan") if kind == ADDED else N_("dihapus")
    what, condition = None, flow.condition or ""
    said = Told(words)
    if condition:
        what = Told(N_("syarat"))
        said = Told(N_("ditambahkan, dengan syarat %(condition)s") if kind == ADDED else N_("dihapus, tadinya dengan syarat %(condition)s"),
                    condition=brief(condition))
    change = Change(kind, said, what, condition if kind == REMOVED else "", condition if kind == ADDED else "")
    return (*at.get(flow.source, (0, 0)), 1), Item(_subject(side, flow), (change,), (flow.id,))


def _flow(before: Side, after: Side, old: model.Flow, new: model.Flow) -> list[Change]:
    said = []
    for words, what, one, two in ((N_("kini dari “%(name)s”"), N_("asal"), old.source, new.source),
                                  (N_("kini menuju “%(name)s”"), N_("tujuan"), old.target, new.target)):
        if one != two:
            said.append(Change(CHANGED, Told(words, name=brief(after.name(two))), Told(what), before.name(one), after.name(two)))
    if old.name.strip() != new.name.strip():
        said.append(altered(Told(N_("tulisan")), old.name.strip(), new.name.strip()))
    if (old.condition or "") != (new.condition or ""):
        said.append(altered(Told(N_("syarat")), old.condition or "", new.condition or ""))
    elif old.language != new.language:
        said.append(altered(Told(N_("bahasa syarat")), old.language, new.language))
    return said
