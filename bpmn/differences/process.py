"""The process itself, element by element: identity, pelaksana, steps, flow, and what only the machine reads."""

from bpmn import model
from bpmn.differences import flows, identity, steps, technical
from bpmn.differences.changes import ADDED, REMOVED, Item, out_of_order, places
from bpmn.differences.side import Side


def compare(before: Side, after: Side) -> dict[str, list[Item]]:
    """The items of the parts identity, lanes, steps, flow and technical."""
    at = places(before.order, after.order)
    told: flows.Placed = []
    flow: flows.Placed = []
    moved = out_of_order(list(before.numbers), list(after.numbers))
    folded, flow_items, flow_technical = flows.compare(before, after, at)
    machine: flows.Placed = [*flow_technical]
    for id in sorted(at, key=at.__getitem__):
        old, new = before.process.elements.get(id), after.process.elements.get(id)
        if old and new:
            is_step = old.type in model.ACTIVITIES and new.type in model.ACTIVITIES
            said = steps.step(before, after, old, new, id in moved) if is_step else flows.node(before, after, old, new)
            if said:
                (told if is_step else flow).append((at[id], Item(after.subject(id), tuple(said), (id,))))
            if more := technical.of_element(old, new):
                machine.append((at[id], Item(after.subject(id), tuple(more), (id,))))
        else:
            side, here = (after, new) if new else (before, old)
            assert here is not None
            item = Item(side.subject(id), (steps.come_or_gone(side, here, ADDED if new else REMOVED),), (id, *folded.get(id, ())))
            (told if here.type in model.ACTIVITIES else flow).append((at[id], item))

    def sort(items: flows.Placed) -> list[Item]:
        return [item for _place, item in sorted(items, key=lambda pair: pair[0])]

    return {
        "identity": identity.compare(before.process, after.process), "lanes": identity.lanes(before.process, after.process),
        "steps": sort(told) + steps.renumbered(before, after, moved), "flow": sort([*flow, *flow_items]),
        "technical": technical.of_process(before.process, after.process) + sort(machine),
    }
