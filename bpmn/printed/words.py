"""What the form has no symbol for, said in words for the column Keterangan. In Indonesian always: the SOP is an official record."""

from collections import defaultdict
from collections.abc import Iterator

from bpmn import model
from bpmn.printed.links import Links, event, printed

DECIDED = {"inclusiveGateway": "Satu jalur atau lebih dapat ditempuh.", "complexGateway": "Satu jalur atau lebih dapat ditempuh.",
           "eventBasedGateway": "Jalurnya ditentukan oleh kejadian yang lebih dahulu."}
CAUGHT = {"timer": "Menunggu waktu", "message": "Menunggu pesan", "signal": "Menunggu isyarat", "conditional": "Menunggu syarat"}
THROWN = {"message": "Mengirim pesan", "signal": "Mengirim isyarat", "escalation": "Eskalasi"}


def by_row(links: Links, placed: dict[str, int], numbers: list[str]) -> defaultdict[int, list[str]]:
    """What Keterangan says, by row: of what is printed in the row, and of what stands between it and the next."""
    said: defaultdict[int, list[str]] = defaultdict(list)
    for node, row in sorted(placed.items(), key=lambda item: links.nodes[item[0]].type != "startEvent"):
        said[row].extend(_of_printed(links, links.nodes[node]))
    for element in links.nodes.values():
        if element.id in placed or element.id in links.diamonds.values() or not printed(element.properties):
            continue
        before = sorted({placed[i] for i in placed if element.id in links.passed[i]})
        after = sorted({placed[i] for i in links.reach(element.id) if i in placed})
        for row, words in _of_passed(element, before, after, numbers):
            if words not in said[row]:
                said[row].append(words)
    return said


def _of_printed(links: Links, element: model.Element) -> Iterator[str]:
    name = element.name.strip()
    if element.type in ("startEvent", "endEvent"):
        capsule = "Mulai" if element.type == "startEvent" else "Selesai"
        name = name or event(element)
        if name and name.lower() != capsule.lower():
            yield f"{capsule}: {name}."
    yield from (DECIDED[e.type] for e in (element, links.nodes.get(links.diamonds.get(element.id, ""))) if e and e.type in DECIDED)
    if element.loop:
        each = element.loop.collection or element.loop.cardinality
        yield "Diulang." if element.loop.kind == "standard" or not each else f"Dikerjakan untuk setiap {element.loop.element or each}."
    inside = links.process.inside(element.id)
    if parts := [e.name.strip() for e in inside if e.type in model.ACTIVITIES and e.name.strip()]:
        yield f"Meliputi: {'; '.join(parts)}."
    if element.is_event_subprocess:
        starts = [e for e in inside if e.type == "startEvent"]
        yield from (f"Dimulai bila: {e.name.strip() or event(e)}." for e in starts if e.name.strip() or event(e))
    if element.type == "callActivity" and element.attributes.get("calledElement"):
        yield f"Menurut prosedur {element.attributes['calledElement']}."


def _of_passed(element: model.Element, before: list[int], after: list[int], numbers: list[str]) -> Iterator[tuple[int, str]]:
    """(row, words) of what is passed through without being printed."""
    if element.type == "parallelGateway" and len(after) > 1:
        yield from ((row, f"Langkah {_list(numbers, after)} dikerjakan bersamaan.") for row in before or after[:1])
    if element.type in ("parallelGateway", "inclusiveGateway") and len(before) > 1:
        chosen = " yang ditempuh" if element.type == "inclusiveGateway" else ""
        yield from ((row, f"Setelah langkah {_list(numbers, before)}{chosen} selesai.") for row in after)
    if element.type == "boundaryEvent" and not element.interrupting:
        name = element.name.strip() or event(element)
        yield from ((row, f"“{name}” tidak menghentikan langkah ini.") for row in before if name)
    if element.type.startswith("intermediate"):
        kind = next((t.kind for t in element.triggers), "")
        words = (CAUGHT if element.type == "intermediateCatchEvent" else THROWN).get(kind, "")
        name = element.name.strip() or next((t.name for t in element.triggers if t.name), "")
        if kind != "link" and (words or name):
            yield from ((row, f"{': '.join(part for part in (words, name) if part)}.") for row in before or after[:1])


def _list(numbers: list[str], rows: list[int]) -> str:
    *some, last = [numbers[row] for row in rows]
    return f"{', '.join(some)} dan {last}" if some else last
