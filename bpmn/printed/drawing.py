"""Where everything of a flowchart stands on its pages: symbols, arrows, labels, off-page connectors. Pure; in millimetres.

Every symbol has a *track* of its own, a stripe over all pelaksana columns, so that what runs across a track meets lines only. An
arrow to the next track goes straight down, or across and down; any other runs in a *gutter*, beside the symbols of its target's
column, where each has its own lane. What crosses a page break ends in a connector (a symbol with its own track), with the same letter
where it goes on. Both renderers draw `Cell`s: each is the part of all this that lies in one cell, measured from its corner.
"""

import itertools
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from bpmn.errors import N_, Invalid
from bpmn.printed.flowchart import CAPSULE, DIAMOND, PENTAGON, Arrow, Chart, Symbol

TABLE = 273.0  # the table's width: A4 landscape less its margins
PAD = 3.0  # over and under a symbol in its track: an arrow's head, a label
HEIGHT, CONNECTOR = 8.0, 6.5  # of a symbol
PORT = 2.4  # from an arrow to the next at the same side of a symbol
MOST_WIDE = 15.0  # a symbol
LABEL = 2.8  # a label's height
POINT = 0.3  # of a connector's height, from its middle, its sides begin to close


@dataclass(frozen=True)
class Widths:
    number: float
    kegiatan: float
    pelaksana: float  # of each column
    kelengkapan: float
    waktu: float
    output: float
    keterangan: float


@dataclass(frozen=True)
class Shape:
    kind: str
    x: float  # its left upper corner
    y: float
    w: float
    h: float
    text: str = ""


@dataclass(frozen=True)
class Line:
    x1: float
    y1: float
    x2: float
    y2: float
    head: bool = False  # an arrow's head at its end


@dataclass(frozen=True)
class Label:
    x: float  # where it begins; with `left`, where it ends
    y: float  # its middle
    text: str
    left: bool = False


@dataclass
class Cell:
    shapes: list[Shape] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)


@dataclass(frozen=True)
class DrawnRow:
    row: int  # in the chart
    height: float
    cells: tuple[Cell, ...]  # one for each pelaksana column


@dataclass(frozen=True)
class Page:
    rows: tuple[DrawnRow, ...]
    symbols: tuple[Symbol, ...]  # with connectors, from top to bottom
    arrows: tuple[Arrow, ...]


def widths(columns: int) -> Widths:
    """The table's columns: with many pelaksana, the others give way."""
    each = max(min(26.0, 98 / columns), min(8.5, 140 / columns))
    share = (TABLE - columns * each) / 195
    return Widths(10 * share, 61 * share, each, 37 * share, 17 * share, 31 * share, 39 * share)


def pages(chart: Chart, texts: Sequence[float], first: float, other: float) -> tuple[Page, ...]:
    """Return the chart's pages. `texts` is the height that each row's words need; `first` and `other` the height that a page has for
    its rows. Raises Invalid where a row is higher than a page."""
    spans = list(_breaks(chart, texts, first, other))
    letters = _letters(chart, spans)
    return tuple(_page(chart, texts, span, letters) for span in spans)


# Pages -----------------------------------------------------------------------------------------------------------------

def _breaks(chart: Chart, texts: Sequence[float], first: float, other: float) -> Iterator[tuple[int, int]]:
    start, room = 0, first
    while start < len(chart.rows):
        end = None
        for upto in range(start + 1, len(chart.rows) + 1):
            if upto - 1 > start and chart.rows[upto - 1].new_page:
                break
            if end and sum(texts[start:upto]) > room:
                break
            if sum(_heights(_Plan(chart, (start, upto)), texts).values()) <= room:
                end = upto
            elif upto - start > 60:
                break
        if end is None:
            raise Invalid(N_("Langkah %(number)s tidak muat di satu halaman: uraiannya terlalu panjang, atau terlalu banyak panahnya."),
                          element=chart.rows[start].activity_id, number=chart.rows[start].number)
        yield start, end
        start, room = end, other


def _letters(chart: Chart, spans: Sequence[tuple[int, int]]) -> dict[str, str]:
    """A letter for each symbol that an arrow from another page leads to, in the order of those arrows: A … Z, AA …"""
    page = {row: at for at, span in enumerate(spans) for row in range(*span)}
    rank = {symbol.id: (page[symbol.row], at) for at, symbol in enumerate(chart.symbols)}
    crossing = sorted((a for a in chart.arrows if rank[a.source][0] != rank[a.target][0]), key=lambda a: (rank[a.source], rank[a.target]))
    return {target: _letter(at) for at, target in enumerate(dict.fromkeys(a.target for a in crossing))}


def _letter(at: int) -> str:
    return (_letter(at // 26 - 1) if at >= 26 else "") + chr(ord("A") + at % 26)


class _Plan:
    """The symbols of a page with its connectors, in their tracks, and how each arrow between them runs."""

    def __init__(self, chart: Chart, span: tuple[int, int], letters: dict[str, str] | None = None) -> None:
        self.columns, self.span = len(chart.columns), span
        self.symbols, self.arrows = _with_connectors(chart, span, letters or {})
        self.track = {symbol.id: at for at, symbol in enumerate(self.symbols)}
        self.ports: dict[tuple[str, int], list[tuple[int, int, int]]] = defaultdict(list)  # by (symbol, side): (other track, arrow, end)
        self.gutters: dict[tuple[int, int], list[tuple[int, int, int]]] = defaultdict(list)  # by (column, side): (from, to, arrow)
        for at, arrow in enumerate(self.arrows):
            self._route(at, self.track[arrow.source], self.track[arrow.target])
        for ports in self.ports.values():
            ports.sort()
        self.lanes = {key: _lanes(runs) for key, runs in self.gutters.items()}

    def _route(self, at: int, source: int, target: int) -> None:
        first, then = self.symbols[source], self.symbols[target]
        side = _sign(then.column - first.column)
        if target == source + 1:
            if side:
                self.ports[first.id, side].append((target, at, 0))
            return
        leaves = side or (1 if target <= source else -1)
        enters = -side or leaves
        self.ports[first.id, leaves].append((target, at, 0))
        self.ports[then.id, enters].append((source, at, 1))
        self.gutters[then.column, enters].append((min(source, target), max(source, target), at))

    def height(self, symbol: Symbol) -> float:
        most = max(len(self.ports.get((symbol.id, side), ())) for side in (-1, 1))
        return max(CONNECTOR if symbol.kind == PENTAGON else HEIGHT, PORT * (most + 1))

    def port(self, symbol: Symbol, side: int, arrow: int, end: int) -> float:
        """How far under the symbol's middle an arrow leaves (end 0) or enters (end 1) its side."""
        ports = [(at, which) for _other, at, which in self.ports[symbol.id, side]]
        return self.height(symbol) * ((ports.index((arrow, end)) + 1) / (len(ports) + 1) - 0.5)


def _with_connectors(chart: Chart, span: tuple[int, int], letters: dict[str, str]) -> tuple[list[Symbol], list[Arrow]]:
    start, end = span
    at = {symbol.id: symbol for symbol in chart.symbols}
    here = [symbol for symbol in chart.symbols if start <= symbol.row < end]
    top: dict[str, Symbol] = {}
    bottom: dict[str, Symbol] = {}
    arrows = []
    for arrow in chart.arrows:
        source, target = at[arrow.source], at[arrow.target]
        leaves, enters = start <= source.row < end, start <= target.row < end
        if leaves and enters:
            arrows.append(arrow)
        elif leaves:
            mark = f"out:{target.id}"
            band, row = (top, start) if target.row < start else (bottom, end - 1)
            band.setdefault(mark, Symbol(mark, PENTAGON, row, source.column, letters.get(target.id, "")))
            arrows.append(Arrow(source.id, mark, arrow.label))
        elif enters:
            mark = f"in:{target.id}"
            if mark not in top | bottom:
                arrows.append(Arrow(mark, target.id))
            if source.row < start:
                bottom.pop(mark, None)
            band, row = (top, start) if source.row < start or mark in top else (bottom, end - 1)
            band.setdefault(mark, Symbol(mark, PENTAGON, row, target.column, letters.get(target.id, "")))
    return [*_band(top, here, arrows)[::-1], *here, *_band(bottom, here[::-1], arrows)], arrows


def _band(band: dict[str, Symbol], near: list[Symbol], arrows: list[Arrow]) -> list[Symbol]:
    """Connectors, those of the nearest symbols first."""
    rank = {symbol.id: at for at, symbol in enumerate(near)}
    nearest = {mark: min(rank[a.source if a.target == mark else a.target] for a in arrows if mark in (a.source, a.target)) for mark in band}
    return sorted(band.values(), key=lambda symbol: nearest[symbol.id])


def _lanes(runs: list[tuple[int, int, int]]) -> dict[int, int]:
    """A lane for each arrow in a gutter, so that no two share one at the same height; short ones nearest to the symbols."""
    lanes: dict[int, int] = {}
    taken: list[list[tuple[int, int]]] = []
    for low, high, arrow in sorted(runs, key=lambda run: (run[1] - run[0], run)):
        lane = next((k for k, held in enumerate(taken) if all(high < a or low > b for a, b in held)), len(taken))
        if lane == len(taken):
            taken.append([])
        taken[lane].append((low, high))
        lanes[arrow] = lane
    return lanes


def _heights(plan: _Plan, texts: Sequence[float]) -> dict[int, float]:
    """The height of each row of the page, by its place in the chart."""
    drawn = dict.fromkeys(range(*plan.span), 0.0)
    for symbol in plan.symbols:
        drawn[symbol.row] += plan.height(symbol) + 2 * PAD
    return {row: max(height, texts[row]) for row, height in drawn.items()}


# On a page -------------------------------------------------------------------------------------------------------------

def _page(chart: Chart, texts: Sequence[float], span: tuple[int, int], letters: dict[str, str]) -> Page:
    plan = _Plan(chart, span, letters)
    return _Canvas(plan, _heights(plan, texts), widths(len(chart.columns)).pelaksana).page()


class _Canvas:
    """Draws a plan: first on the whole page, then cut at the cells' borders."""

    def __init__(self, plan: _Plan, heights: dict[int, float], width: float) -> None:
        self.plan, self.heights, self.width = plan, heights, width
        self.symbol_width = min(MOST_WIDE, 0.56 * width)
        self.tops: dict[int, float] = {}
        top = 0.0
        for row, height in heights.items():
            self.tops[row] = top
            top += height
        self.cells = {(row, column): Cell() for row in heights for column in range(plan.columns)}
        self.middles = self._middles()

    def page(self) -> Page:
        for symbol in self.plan.symbols:
            width, height = self._width(symbol), self.plan.height(symbol)
            x, y = self.width / 2 - width / 2, self.middles[symbol.id] - height / 2 - self.tops[symbol.row]
            self.cells[symbol.row, symbol.column].shapes.append(Shape(symbol.kind, x, y, width, height, symbol.text))
        for at, arrow in enumerate(self.plan.arrows):
            self._arrow(at, arrow)
        columns = range(self.plan.columns)
        rows = tuple(DrawnRow(row, height, tuple(self.cells[row, c] for c in columns)) for row, height in self.heights.items())
        return Page(rows, tuple(self.plan.symbols), tuple(self.plan.arrows))

    def _middles(self) -> dict[str, float]:
        """The middle of each symbol, from the page's top: the tracks of a row share what height it has to spare."""
        middles: dict[str, float] = {}
        for row, height in self.heights.items():
            symbols = [s for s in self.plan.symbols if s.row == row]
            spare = (height - sum(self.plan.height(s) + 2 * PAD for s in symbols)) / max(1, len(symbols))
            top = self.tops[row]
            for symbol in symbols:
                track = self.plan.height(symbol) + 2 * PAD + spare
                middles[symbol.id] = top + track / 2
                top += track
        return middles

    def _width(self, symbol: Symbol) -> float:
        return min(self.symbol_width, 7.5) if symbol.kind == PENTAGON else self.symbol_width

    def _centre(self, symbol: Symbol) -> float:
        return (symbol.column + 0.5) * self.width

    def _side(self, symbol: Symbol, side: int, arrow: int, end: int) -> tuple[float, float]:
        """Where an arrow touches a symbol's left (-1) or right (1) side."""
        below = self.plan.port(symbol, side, arrow, end)
        half = _half_width(symbol.kind, self._width(symbol), self.plan.height(symbol), below)
        return self._centre(symbol) + side * half, self.middles[symbol.id] + below

    def _arrow(self, at: int, arrow: Arrow) -> None:
        plan = self.plan
        source, target = plan.symbols[plan.track[arrow.source]], plan.symbols[plan.track[arrow.target]]
        side = _sign(target.column - source.column)
        into = (self._centre(target), self.middles[target.id] - plan.height(target) / 2)
        if plan.track[target.id] == plan.track[source.id] + 1 and not side:
            out = (self._centre(source), self.middles[source.id] + plan.height(source) / 2)
            path, label = [out, into], (out[0] + 1, out[1] + 1.5, False)
        elif plan.track[target.id] == plan.track[source.id] + 1:
            out = self._side(source, side, at, 0)
            path, label = [out, (into[0], out[1]), into], (into[0] + side, out[1], side < 0)
        else:
            leaves = side or (1 if plan.track[target.id] <= plan.track[source.id] else -1)
            enters = -side or leaves
            out, into = self._side(source, leaves, at, 0), self._side(target, enters, at, 1)
            x = self._lane(target.column, enters, at)
            path = [out, (x, out[1]), (x, into[1]), into]
            label = (x + side, out[1], side < 0) if side else (x, self._beside(source, out[1]), leaves > 0)
        pieces = [piece for a, b in itertools.pairwise(path) for piece in self._cut(a, b)]
        for k, (cell, line) in enumerate(pieces):
            self.cells[cell].lines.append(Line(*line, head=k == len(pieces) - 1))
        if arrow.label:
            self._label(source.row, label, arrow.label)

    def _beside(self, symbol: Symbol, y: float) -> float:
        """Where the words stand of an arrow that leaves a symbol's side at y and stays in its column: over the symbol, or under it."""
        half = self.plan.height(symbol) / 2 + (0 if symbol.kind == DIAMOND else LABEL / 2)
        middle = self.middles[symbol.id]
        return middle - half if y <= middle else middle + half

    def _lane(self, column: int, side: int, arrow: int) -> float:
        lanes = self.plan.lanes[column, side]
        gutter = (self.width - self.symbol_width) / 2
        return (column + 0.5) * self.width + side * (self.symbol_width / 2 + gutter * (lanes[arrow] + 1) / (max(lanes.values()) + 2))

    def _label(self, row: int, where: tuple[float, float, bool], text: str) -> None:
        x, y, left = where
        column = min(self.plan.columns - 1, max(0, math.floor(x / self.width)))
        self.cells[row, column].labels.append(Label(x - column * self.width, y - self.tops[row], text, left))

    def _cut(self, a: tuple[float, float], b: tuple[float, float]) -> Iterator[tuple[tuple[int, int], tuple[float, float, float, float]]]:
        """The parts of a horizontal or vertical line, each in its cell, in its direction."""
        if a[1] == b[1]:
            row, y = self._row(a[1]), a[1]
            borders = [c * self.width for c in range(1, self.plan.columns)]
            for x1, x2 in _parts(a[0], b[0], borders):
                column = int((x1 + x2) / 2 / self.width)
                yield (row, column), (x1 - column * self.width, y - self.tops[row], x2 - column * self.width, y - self.tops[row])
        else:
            column, x = int(a[0] / self.width), a[0]
            for y1, y2 in _parts(a[1], b[1], list(self.tops.values())):
                row = self._row((y1 + y2) / 2)
                x_in = x - column * self.width
                yield (row, column), (x_in, y1 - self.tops[row], x_in, y2 - self.tops[row])

    def _row(self, y: float) -> int:
        return max((row for row, top in self.tops.items() if top <= y), default=min(self.tops))


def _parts(a: float, b: float, borders: Sequence[float]) -> Iterator[tuple[float, float]]:
    """The stretch from a to b, cut at the borders between them."""
    stops = sorted({border for border in borders if min(a, b) < border < max(a, b)}, reverse=a > b)
    yield from zip([a, *stops], [*stops, b], strict=True)


def _half_width(kind: str, width: float, height: float, below: float) -> float:
    """From a symbol's middle axis to its side, at some height under its middle."""
    half, off = width / 2, abs(below)
    if kind == DIAMOND:
        return half * (1 - 2 * off / height)
    if kind == CAPSULE:
        radius = min(half, height / 2)
        over = max(0.0, off - (height / 2 - radius))
        return half - radius + math.sqrt(max(0.0, radius**2 - over**2))
    if kind == PENTAGON and below > POINT * height:
        return half * (0.5 * height - below) / ((0.5 - POINT) * height)
    return half


def _sign(value: int) -> int:
    return (value > 0) - (value < 0)
