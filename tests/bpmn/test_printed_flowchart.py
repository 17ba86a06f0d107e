"""What of a diagram is printed as an SOP's flowchart, and how it is drawn on pages."""

import random
import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpmn import model
from bpmn.errors import Invalid
from bpmn.printed import drawing, flowchart, form
from bpmn.printed.flowchart import BOX, CAPSULE, DIAMOND, PENTAGON
from tests.bpmn.lanes import diagram, end, gateway, properties, start, task
from tests.engine.diagrams import Diagram, Tangle

LANES = ("Pemohon", "Kasubbag", "Sekretaris")
TIMER = "<timerEventDefinition><timeDuration>P1D</timeDuration></timerEventDefinition>"


def chart_of(nodes, flows, lanes=LANES):
    (process,) = model.read(diagram(nodes, flows, lanes))
    return flowchart.read(process)


def arrows(chart):
    return {(a.source, a.target): a.label for a in chart.arrows}


def kinds(chart):
    return {s.id: s.kind for s in chart.symbols}


def notes(chart):
    return {row.activity_id: row.keterangan for row in chart.rows}


# What is printed -------------------------------------------------------------------------------------------------------

def test_the_first_activity_is_mulai_and_the_last_selesai():
    chart = chart_of([start(), task("a", 0), task("b", 1), task("c", 1), end(1)],
                     [("start", "a"), ("a", "b"), ("b", "c"), ("c", "end")])
    assert [(s.id, s.kind, s.text, s.column) for s in chart.symbols] == [("a", CAPSULE, "MULAI", 0), ("b", BOX, "", 1), ("c", CAPSULE, "SELESAI", 1)]
    assert [row.number for row in chart.rows] == ["1", "2", "3"] and chart.columns == ("Pemohon", "Kasubbag")


def test_a_start_in_another_lane_is_a_capsule_of_its_own():
    chart = chart_of([start(2), task("a", 0), end(1)], [("start", "a"), ("a", "end")])
    assert [(s.id, s.kind, s.row, s.column) for s in chart.symbols] == [("start", CAPSULE, 0, 2), ("a", BOX, 0, 0), ("end", CAPSULE, 0, 1)]


def test_the_activity_before_a_gateway_is_the_diamond():
    chart = chart_of([start(), task("a", 0), task("b", 1), gateway("g", 2), task("c", 0), end()],
                     [("start", "a"), ("a", "b"), ("b", "g"), ("g", "c", "Ya"), ("g", "a", "TIDAK"), ("c", "end")])
    assert kinds(chart)["b"] == DIAMOND and "g" not in kinds(chart)
    assert arrows(chart) == {("a", "b"): "", ("b", "c"): "Ya", ("b", "a"): "TIDAK"}


def test_a_gateway_that_two_activities_lead_to_is_a_diamond_on_the_later_row():
    chart = chart_of([start(), task("a", 0), gateway("p", 0, "parallel"), task("b", 1), task("c", 2), gateway("g", 2), task("d", 0), end()],
                     [("start", "a"), ("a", "p"), ("p", "b"), ("p", "c"), ("b", "g"), ("c", "g"), ("g", "d", "Ya"), ("g", "end", "Tidak"),
                      ("d", "end")])
    (diamond,) = [s for s in chart.symbols if s.kind == DIAMOND]
    assert (diamond.id, diamond.row, diamond.column) == ("g", 2, 2)
    assert {("b", "g"), ("c", "g"), ("g", "d"), ("g", "end"), ("d", "end")} <= set(arrows(chart))


def test_what_has_no_symbol_is_said_in_keterangan():
    chart = chart_of(
        [start(0, "Surat masuk"), task("a", 0), gateway("fork", 0, "parallel"), task("b", 1), task("c", 2), gateway("join", 1, "parallel"),
         ("w", "intermediateCatchEvent", 1, "tanggal 25", TIMER),
         ("sub", "subProcess", 1, "Bayar", "<userTask id='x' name='Cek rekening'/><userTask id='y' name='Transfer'/>"),
         ("late", "boundaryEvent:b", 1, "Terlambat", TIMER), task("remind", 2), end(1, "Dibayar")],
        [("start", "a"), ("a", "fork"), ("fork", "b"), ("fork", "c"), ("b", "join"), ("c", "join"), ("join", "w"), ("w", "sub"),
         ("late", "remind"), ("remind", "join"), ("sub", "end")])
    said = notes(chart)
    assert said["a"] == "Mulai: Surat masuk.\nLangkah 2 dan 4 dikerjakan bersamaan."
    assert "Menunggu waktu: tanggal 25." in said["c"] and "Setelah langkah 2, 3 dan 4 selesai." in said["sub"]
    assert "Meliputi: Cek rekening; Transfer." in said["sub"] and "Selesai: Dibayar." in said["sub"]
    assert arrows(chart)["b", "remind"] == "Terlambat" and [r.activity_id for r in chart.rows] == ["a", "b", "remind", "c", "sub"]


def test_the_diagram_says_what_is_not_printed():
    hidden = properties(cetak="tidak")
    chart = chart_of([start(), task("a", 0), gateway("g", 0), task("b", 1), ("robot", "serviceTask", 1, "Robot", hidden), end(1),
                      ("other", "endEvent", 0, "Ditolak", hidden)],
                     [("start", "a"), ("a", "g"), ("g", "b", "Lanjut"), ("g", "other", "Tolak"), ("g", "robot", "Langsung", hidden),
                      ("b", "robot"), ("robot", "end")])
    assert kinds(chart) == {"a": CAPSULE, "b": CAPSULE} and arrows(chart) == {("a", "b"): ""}


def test_a_flow_may_have_other_words_on_paper():
    chart = chart_of([start(), task("a", 0), gateway("g"), task("b", 1), end(1)],
                     [("start", "a"), ("a", "g"), ("g", "b", "Sesuai", properties(cetak_label="")), ("g", "a", "x", properties(cetak_label="TIDAK")),
                      ("b", "end")])
    assert arrows(chart) == {("start", "a"): "", ("a", "b"): "", ("a", "a"): "TIDAK"}


def test_rows_follow_their_numbers_where_every_row_has_one():
    nodes = [start(), task("a", 0, langkah="10"), task("b", 1, langkah="2"), task("c", 1, langkah="1a."), end(1)]
    flows = [("start", "a"), ("a", "b"), ("b", "c"), ("c", "end")]
    assert [r.number for r in chart_of(nodes, flows).rows] == ["1a", "2", "10"]
    nodes[2] = task("b", 1)
    assert [(r.activity_id, r.number) for r in chart_of(nodes, flows).rows] == [("a", "1"), ("b", "2"), ("c", "3")]


def test_long_words_at_an_arrow_go_to_keterangan():
    words = "Tidak memenuhi syarat sejak awal permohonan"
    chart = chart_of([start(), task("a", 0), gateway("g"), task("b", 1), task("c", 1), end(1)],
                     [("start", "a"), ("a", "g"), ("g", "b", "Ya"), ("g", "c", words), ("b", "c"), ("c", "end")])
    assert arrows(chart)["a", "c"] == "ke 3" and f"Ke langkah 3: {words}." in notes(chart)["a"]


@pytest.mark.parametrize("nodes, flows, lanes, says", [
    ([start(None), task("a", None)], [("start", "a")], (), "tidak mempunyai lajur"),
    ([start()], [], LANES, "tidak mempunyai kegiatan"),
    ([start(), task("a", None)], [("start", "a")], LANES, "tidak terletak di lajur"),
])
def test_what_cannot_be_printed_is_said(nodes, flows, lanes, says):
    with pytest.raises(Invalid, match=says):
        chart_of(nodes, flows, lanes)


@pytest.mark.parametrize("iso, words", [("PT10M", "10 Menit"), ("PT5H", "5 Jam"), ("PT90M", "1 Jam 30 Menit"), ("P2D", "2 Hari"),
                                        ("P1DT4H", "1 Hari 4 Jam"), ("secepatnya", "secepatnya"), ("", "")])
def test_a_duration_is_written_as_the_office_writes_it(iso, words):
    assert flowchart.duration(iso) == words


def test_words_of_another_language_are_set_in_italics():
    foreign = ("Web Admin", "website")
    assert form.runs("Kepada Web Admin website, dan webadmin.", foreign) == [
        ("Kepada ", False), ("Web Admin website", True), (", dan webadmin.", False)]
    assert form.runs("", foreign) == [] and form.runs("a (b", ("(",)) == [("a (b", False)]


# Where it is drawn -----------------------------------------------------------------------------------------------------

@st.composite
def charts(draw):
    """Diagrams of activities in lanes, with any flows between them: forward, back, to itself, several."""
    count, lanes = draw(st.integers(1, 14)), draw(st.integers(1, 6))
    tasks = [task(f"t{at}", draw(st.integers(0, lanes - 1))) for at in range(count)]
    ends = st.integers(0, count - 1)
    pairs = draw(st.lists(st.tuples(ends, ends), max_size=24, unique=True))
    flows = [("start", "t0"), *((f"t{a}", f"t{b}", draw(st.sampled_from(["", "Ya", "TIDAK"]))) for a, b in pairs), (f"t{count - 1}", "end")]
    nodes = [start(draw(st.integers(0, lanes - 1))), *tasks, end(draw(st.integers(0, lanes - 1)))]
    breaks = draw(st.sets(ends))
    nodes = [task(n[0], n[2], halaman_baru="ya") if n[0] in {f"t{b}" for b in breaks} else n for n in nodes]
    return chart_of(nodes, flows, [f"Lajur {at}" for at in range(lanes)]), {(s, t) for s, t, *_ in flows}


@settings(max_examples=120, deadline=None)
@given(charts(), st.data())
def test_every_flow_has_one_arrow_and_crosses_pages_by_a_pair_of_connectors(drawn, data):
    chart, flows = drawn
    texts = data.draw(st.lists(st.floats(5, 60), min_size=len(chart.rows), max_size=len(chart.rows)))
    sheets = drawing.pages(chart, texts, 400, 500)
    merged = {"start": "start" in kinds(chart), "end": "end" in kinds(chart)}
    wanted = {(s, t) for s, t in flows if merged.get(s, True) and merged.get(t, True)}
    assert set(arrows(chart)) == wanted
    there = {symbol.id: at for at, sheet in enumerate(sheets) for symbol in sheet.symbols if symbol.kind != PENTAGON}
    letters: dict[str, str] = {}
    for (source, target), label in arrows(chart).items():
        on = sheets[there[source]]
        if there[source] == there[target]:
            assert [a.label for a in on.arrows if (a.source, a.target) == (source, target)] == [label]
            continue
        (out,) = [a for a in on.arrows if (a.source, a.target) == (source, f"out:{target}")]
        (into,) = [a for a in sheets[there[target]].arrows if a.target == target and a.source.startswith("in:")]
        (left,) = [s for s in on.symbols if s.id == out.target]
        (entered,) = [s for s in sheets[there[target]].symbols if s.id == into.source]
        assert left.text == entered.text != "" and out.label == label
        letters[target] = left.text
    assert len(set(letters.values())) == len(letters)
    assert sum(len(sheet.arrows) for sheet in sheets) == len(wanted) + len(letters)


@settings(max_examples=120, deadline=None)
@given(charts(), st.data())
def test_each_arrow_runs_from_its_symbol_to_its_symbol_and_through_no_other(drawn, data):
    chart, _flows = drawn
    texts = data.draw(st.lists(st.floats(5, 60), min_size=len(chart.rows), max_size=len(chart.rows)))
    width = drawing.widths(len(chart.columns)).pelaksana
    for sheet in drawing.pages(chart, texts, 400, 500):
        shapes, lines = on_page(sheet, width)
        named = dict(zip(_by_place(sheet, shapes), sheet.symbols, strict=True))
        assert Counter(traced(lines, named)) == Counter((a.source, a.target) for a in sheet.arrows)
        for line in lines:
            assert not any(_inside(line, shape) for shape in shapes)
        assert not any(_overlap(a, b) for at, a in enumerate(lines) for b in lines[at + 1:])


@settings(max_examples=60, deadline=None)
@given(charts(), st.data())
def test_no_page_is_higher_than_it_may_be_and_every_row_is_on_one(drawn, data):
    chart, _flows = drawn
    texts = data.draw(st.lists(st.floats(5, 60), min_size=len(chart.rows), max_size=len(chart.rows)))
    try:
        sheets = drawing.pages(chart, texts, 120, 150)
    except Invalid:
        return
    assert [row.row for sheet in sheets for row in sheet.rows] == list(range(len(chart.rows)))
    assert all(sum(row.height for row in sheet.rows) <= (120 if at == 0 else 150) for at, sheet in enumerate(sheets))
    assert all(row.height >= texts[row.row] for sheet in sheets for row in sheet.rows)
    assert all(row.row == sheet.rows[0].row for sheet in sheets for row in sheet.rows if chart.rows[row.row].new_page)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32), st.booleans(), st.data())
def test_any_diagram_with_lanes_is_printed_with_all_that_leads_from_activity_to_activity(seed, tangled, data):
    rnd = random.Random(seed)
    content = in_lanes((Tangle if tangled else Diagram)(rnd).build(), rnd)
    (process,) = model.read(content)
    chart = flowchart.read(process)
    activities = {e.id for e in process.inside("p") if e.type in model.ACTIVITIES}
    leads = {}
    for flow in process.flows:
        leads.setdefault(flow.source, set()).add(flow.target)
    for element in process.inside("p"):
        if element.type == "boundaryEvent":
            leads.setdefault(element.attributes["attachedToRef"], set()).add(element.id)
    on_paper = {}
    for arrow in chart.arrows:
        on_paper.setdefault(arrow.source, set()).add(arrow.target)
    assert {row.activity_id for row in chart.rows} == activities
    for activity in activities:
        assert beyond(activity, on_paper, activities) == beyond(activity, leads, activities)
    texts = data.draw(st.lists(st.floats(5, 60), min_size=len(chart.rows), max_size=len(chart.rows)))
    assert [row.row for sheet in drawing.pages(chart, texts, 900, 900) for row in sheet.rows] == list(range(len(chart.rows)))


def in_lanes(content, rnd):
    """The diagram with its nodes in lanes, at random."""
    (process,) = model.read(content)
    lanes = [[] for _ in range(rnd.randint(1, 5))]
    for element in process.inside("p"):
        rnd.choice(lanes).append(f"<flowNodeRef>{element.id}</flowNodeRef>")
    sets = "".join(f'<lane id="lane{at}">{"".join(refs)}</lane>' for at, refs in enumerate(lanes))
    return re.sub(rb"<process [^>]*>", lambda found: found[0] + f'<laneSet id="set">{sets}</laneSet>'.encode(), content, count=1)


def beyond(activity, leads, activities):
    """The activities that one leads to without another between."""
    found, seen, todo = set(), set(), [*leads.get(activity, ())]
    while todo:
        node = todo.pop()
        if node in activities:
            found.add(node)
        elif node not in seen:
            seen.add(node)
            todo += leads.get(node, ())
    return found


def test_a_row_higher_than_a_page_is_refused_by_its_number():
    chart = chart_of([start(), task("a", 0), task("b", 0), end()], [("start", "a"), ("a", "b"), ("b", "end")])
    with pytest.raises(Invalid) as refused:
        drawing.pages(chart, [20, 500], 100, 100)
    assert refused.value.params["number"] == "2"


def test_connectors_are_lettered_on_after_z():
    count = 30
    nodes = [start(), *(task(f"t{at}", at % 3, halaman_baru="ya") for at in range(count)), end()]
    chart = chart_of(nodes, [("start", "t0"), *((f"t{at}", f"t{at + 1}") for at in range(count - 1)), (f"t{count - 1}", "end")])
    sheets = drawing.pages(chart, [10] * count, 100, 100)
    assert Counter(s.text for sheet in sheets for s in sheet.symbols if s.kind == PENTAGON) == Counter(
        {**{chr(65 + at): 2 for at in range(26)}, "AA": 2, "AB": 2, "AC": 2})


def test_fifteen_columns_leave_room_for_words():
    for columns in range(1, 31):
        sizes = drawing.widths(columns)
        others = (sizes.number, sizes.kegiatan, sizes.kelengkapan, sizes.waktu, sizes.output, sizes.keterangan)
        assert sum(others) + columns * sizes.pelaksana == pytest.approx(drawing.TABLE)
        assert sizes.kegiatan > 38 and sizes.waktu > 10


# Reading a drawing -----------------------------------------------------------------------------------------------------

def on_page(sheet, width):
    """Shapes as (x1, y1, x2, y2) and lines as (start, end, head), measured from the page's corner."""
    shapes, lines, top = [], [], 0.0
    for row in sheet.rows:
        for column, cell in enumerate(row.cells):
            left = column * width
            shapes += [(left + s.x, top + s.y, left + s.x + s.w, top + s.y + s.h) for s in cell.shapes]
            for line in cell.lines:
                assert min(line.x1, line.x2) >= -1e-9 and max(line.x1, line.x2) <= width + 1e-9
                assert min(line.y1, line.y2) >= -1e-9 and max(line.y1, line.y2) <= row.height + 1e-9
                lines.append((_point(left + line.x1, top + line.y1), _point(left + line.x2, top + line.y2), line.head))
        top += row.height
    return shapes, lines


def traced(lines, named):
    """(source, target) of each arrow, followed back from its head."""
    ends = {tip: (begin, head) for begin, tip, head in lines if begin != tip}
    for begin, tip, head in lines:
        if head:
            at = begin
            while at in ends and not ends[at][1]:
                at = ends[at][0]
            yield _touched(at, named), _touched(tip, named)


def _touched(point, named):
    (found,) = [s.id for (x1, y1, x2, y2), s in named.items() if x1 - 0.01 <= point[0] <= x2 + 0.01 and y1 - 0.01 <= point[1] <= y2 + 0.01]
    return found


def _by_place(sheet, shapes):
    """The shapes in the order of the page's symbols: each has its own height on the page."""
    assert len({shape[1] for shape in shapes}) == len(shapes) == len(sheet.symbols)
    return sorted(shapes, key=lambda shape: shape[1])


def _point(x, y):
    return (round(x, 4), round(y, 4))


def _inside(line, shape):
    """Whether a line runs through the inner part of a shape. Diamonds and capsules are met within their corners."""
    x1, y1, x2, y2 = shape
    a, b, _head = line
    low, high = (min(a[0], b[0]), min(a[1], b[1])), (max(a[0], b[0]), max(a[1], b[1]))
    third = (x2 - x1) * 0.4
    return low[0] < x2 - third and high[0] > x1 + third and low[1] < y2 - 0.05 and high[1] > y1 + 0.05


def _overlap(a, b):
    """Whether two lines run along one another."""
    for axis, other in ((0, 1), (1, 0)):
        if abs(a[0][axis] - a[1][axis]) < 1e-3 and abs(b[0][axis] - b[1][axis]) < 1e-3 and abs(a[0][axis] - b[0][axis]) < 1e-3:
            low = max(min(a[0][other], a[1][other]), min(b[0][other], b[1][other]))
            high = min(max(a[0][other], a[1][other]), max(b[0][other], b[1][other]))
            if high - low > 1e-3:
                return True
    return False
