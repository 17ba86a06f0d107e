"""The flowchart of a printed SOP (PermenPAN-RB 35/2012): its rows, pelaksana columns, symbols, and the arrows between them. Pure.

Every activity directly in the process is a row, in the column of its lane. The diagram itself says, in `camunda:properties`, where
the paper differs from what the machine runs:

| property | of | what it says |
|---|---|---|
| `cetak` = `tidak` | anything, also a sequence flow | it is not printed: a flow or end vanishes, anything else is passed through |
| `cetak_label` | a sequence flow | the words at its arrow, instead of its name; may be empty |
| `langkah` | an activity | its number; rows follow it where every row has one, else the flow |
| `halaman_baru` = `ya` | an activity | its row begins a page |

The form knows five symbols. What BPMN has beyond them is said in words, in the column Keterangan.
"""

import datetime as dt
import re
from dataclasses import dataclass, replace

from bpmn import model, timers
from bpmn.errors import N_, Invalid
from bpmn.printed import words
from bpmn.printed.links import DECISIONS, Links

BOX, CAPSULE, DIAMOND, PENTAGON = "box", "capsule", "diamond", "pentagon"
YES = {"ya", "true", "yes"}
MAX_LABEL = 24  # characters at an arrow; what is longer is said in Keterangan
UNITS = ((3600, "Jam"), (60, "Menit"), (1, "Detik"))


@dataclass(frozen=True)
class Row:
    """One activity, as the table prints it."""

    activity_id: str
    number: str
    column: int
    kegiatan: str
    kelengkapan: str
    waktu: str  # '5 Menit'
    output: str
    keterangan: str
    new_page: bool = False


@dataclass(frozen=True)
class Symbol:
    """What is drawn in a row's column. `text` stands in a capsule or a connector; boxes and diamonds are empty."""

    id: str
    kind: str
    row: int
    column: int
    text: str = ""


@dataclass(frozen=True)
class Arrow:
    source: str  # ids of symbols
    target: str
    label: str = ""


@dataclass(frozen=True)
class Chart:
    columns: tuple[str, ...]  # names of the lanes, as the diagram has them
    rows: tuple[Row, ...]
    symbols: tuple[Symbol, ...]  # from top to bottom
    arrows: tuple[Arrow, ...]  # at most one from a symbol to another


def read(process: model.Process) -> Chart:
    """Return the flowchart of a process. Raises Invalid where it has no lanes, or nothing to print in them."""
    if not process.lanes:
        raise Invalid(N_("Diagram ini tidak mempunyai lajur (lane). SOP tercetak memerlukan satu kolom untuk setiap pelaksana."),
                      element=process.key)
    links = Links(process)
    links.fold_decisions()
    activities = _in_order(links)
    if not activities:
        raise Invalid(N_("Diagram ini tidak mempunyai kegiatan yang dapat dicetak."), element=process.key)
    for element in activities:
        if element.lane is None:
            raise Invalid(N_("Kegiatan “%(name)s” tidak terletak di lajur mana pun."), element=element.id, name=element.name or element.id)
    rows = {element.id: at for at, element in enumerate(activities)}
    placed = _placed(links, rows)
    lanes = [lane.id for lane in process.lanes if any(links.nodes[i].lane == lane for i in placed)]
    symbols, arrows = _merged_capsules(links, *_drawn(links, placed, lanes, activities))
    numbers = [_number(activities, at) for at in range(len(activities))]
    said = words.by_row(links, placed, numbers)
    arrows, moved = _short_labels(arrows, symbols, rows, numbers)
    for at, more in moved:
        said[at].append(more)
    printed = tuple(_row(e, numbers[at], _column(e, lanes), said[at]) for at, e in enumerate(activities))
    return Chart(tuple(lane.name or lane.id for lane in process.lanes if lane.id in lanes), printed, tuple(symbols), tuple(arrows))


def duration(text: str) -> str:
    """A mutu baku's `waktu` as an office writes it: 'PT1H30M' is '1 Jam 30 Menit'; what is no duration, as it stands."""
    days, rest = timers.working(text) or (0, dt.timedelta())
    parts = [f"{days} Hari"] if days else []
    seconds = round(rest.total_seconds())
    for size, unit in UNITS:
        if seconds >= size:
            parts.append(f"{seconds // size} {unit}")
            seconds %= size
    return " ".join(parts) or text.strip()


# Rows and symbols ------------------------------------------------------------------------------------------------------

def _in_order(links: Links) -> list[model.Element]:
    """The rows: by their numbers where each has one, else as the flow has them."""
    rows = [links.nodes[i] for i in links.order() if links.nodes[i].type in model.ACTIVITIES]
    if all(_langkah(e) for e in rows):
        rows.sort(key=lambda e: [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.findall(r"\d+|\D+", _langkah(e))])
    return rows


def _langkah(element: model.Element) -> str:
    return element.properties.get("langkah", "").strip().rstrip(".")


def _number(rows: list[model.Element], at: int) -> str:
    return _langkah(rows[at]) if all(_langkah(e) for e in rows) else str(at + 1)


def _row(element: model.Element, number: str, column: int, more: list[str]) -> Row:
    said = element.properties
    return Row(element.id, number, column, element.documentation.strip() or element.name or element.id, said.get("kelengkapan", "").strip(),
               duration(said.get("waktu", "")), said.get("output", "").strip(),
               "\n".join(part for part in (said.get("keterangan", "").strip(), *more) if part),
               said.get("halaman_baru", "").strip().lower() in YES)


def _placed(links: Links, rows: dict[str, int]) -> dict[str, int]:
    """The row of each printed node: a start's is where it leads to, a gateway's and an end's where it comes from."""
    placed = dict(rows)
    order = links.order()
    for node in reversed(order):
        if links.nodes[node].type == "startEvent":
            placed[node] = min((placed[i] for i in links.next[node] if i in placed), default=0)
    for node in order:
        if node not in placed:
            before = [placed[i] for i in links.before(node) if i in placed]
            earlier = [placed[i] for i in links.before(node) if i in placed and order.index(i) < order.index(node)]
            placed[node] = max(earlier or before, default=len(rows) - 1)
    return placed


def _drawn(links: Links, placed: dict[str, int], lanes: list[str], activities: list[model.Element],
           ) -> tuple[list[Symbol], list[Arrow]]:
    """Every printed node as a symbol, in the order of the rows, and within a row start, activity, gateway, end."""
    symbols = []
    for node, row in placed.items():
        element = links.nodes[node]
        kind = DIAMOND if element.type in DECISIONS or node in links.diamonds else BOX if element.type in model.ACTIVITIES else CAPSULE
        text = {"startEvent": "MULAI", "endEvent": "SELESAI"}.get(element.type, "")
        symbols.append(Symbol(node, kind, row, _column(element if element.lane else activities[row], lanes), text))
    depth = {node: at for at, node in enumerate(links.order())}
    symbols.sort(key=lambda s: (s.row, _within(links, s.id), depth[s.id]))
    return symbols, [Arrow(source, target, label) for source in placed for target, label in links.next[source].items()]


def _column(element: model.Element, lanes: list[str]) -> int:
    assert element.lane is not None, element.id
    return lanes.index(element.lane.id)


def _within(links: Links, node: str) -> int:
    kind = links.nodes[node].type
    if kind in DECISIONS:  # one that no activity leads to is decided before the first
        return 3 if any(links.nodes[i].type in model.ACTIVITIES for i in links.before(node)) else 1
    return {"startEvent": 0, "endEvent": 4}.get(kind, 2)


def _merged_capsules(links: Links, symbols: list[Symbol], arrows: list[Arrow]) -> tuple[list[Symbol], list[Arrow]]:
    """MULAI stands for the first activity and SELESAI for the last, as the form has it, where nothing else is between them."""
    at = {s.id: s for s in symbols}
    for arrow in arrows[:]:
        first, then = at[arrow.source], at[arrow.target]
        if (first.row, first.column) != (then.row, then.column) or {first.kind, then.kind} != {BOX, CAPSULE} or arrow.label:
            continue
        capsule, box = (first, then) if first.kind == CAPSULE else (then, first)
        is_start = capsule is first
        others = [a for a in arrows if a is not arrow and (capsule.id in (a.source, a.target) or (a.source == box.id and not is_start)
                                                           or (is_start and a.target == box.id and at[a.source].text == "MULAI"))]
        if others:
            continue
        arrows.remove(arrow)
        del at[capsule.id]
        at[box.id] = replace(box, kind=CAPSULE, text=capsule.text)
    return list(at.values()), arrows


def _short_labels(arrows: list[Arrow], symbols: list[Symbol], rows: dict[str, int], numbers: list[str],
                  ) -> tuple[list[Arrow], list[tuple[int, str]]]:
    """The arrows with the labels that fit beside them, and (row, words) for those that do not."""
    at, short, moved = {s.id: s for s in symbols}, [], []
    for arrow in arrows:
        if len(arrow.label) > MAX_LABEL:
            target = at[arrow.target]
            to_end = target.text == "SELESAI" and target.id not in rows
            moved.append((at[arrow.source].row, f"Ke {'SELESAI' if to_end else 'langkah ' + numbers[target.row]}: {arrow.label}."))
            arrow = replace(arrow, label="ke SELESAI" if to_end else f"ke {numbers[target.row]}")
        short.append(arrow)
    return short, moved
