"""A procedure's printed SOP as PDF: laid out by `bpmn.printed`, drawn by typst.

typst is asked twice: how high the words of each row are, then, when the pages are laid out, for the paper. What a diagram says reaches
it only as JSON strings (`sys.inputs`), never as its source, so that nothing in it is obeyed.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import typst

from bpmn import model
from bpmn.errors import N_, Invalid, NotFound
from bpmn.printed import drawing, flowchart, form

TEMPLATE = Path(__file__).parent / "templates" / "sop.typ"
SIZES = (10.0, 9.0, 8.0, 7.0, 6.0)  # points, of the table's words: the largest with which every row fits a page
BODY = 184.0  # mm: a page's height, less its margins and footer
HEAD, COUNT = 7.0, 4.6  # mm: the table head's first and last row
SMALLEST_HEAD = 7.0  # mm: its second row, where the lanes' names are short
UPRIGHT = 15.0  # mm: in a narrower column the lane's name is set upwards
GAP = 4.0  # mm: under the heading

Lines = list[list[form.Run]]


@dataclass(frozen=True)
class Paper:
    """An SOP laid out, for any renderer."""

    form: form.Form
    chart: flowchart.Chart
    widths: drawing.Widths
    pages: tuple[drawing.Page, ...]
    size: float  # points
    head: tuple[float, float, float]  # mm: the heights of the table head's rows

    @property
    def upright(self) -> bool:
        return self.widths.pelaksana < UPRIGHT


def process_in(diagram: bytes, key: str = "", file: str = "") -> model.Process:
    """The process of a diagram with this key; without one, its only executable process, else its first."""
    processes = model.read(diagram, file)
    if key:
        processes = tuple(p for p in processes if p.key == key)
    if not processes:
        raise NotFound(N_("Proses %(key)s tidak ada dalam diagram ini."), key=key)
    return next((p for p in processes if p.executable), processes[0])


def lay_out(process: model.Process) -> Paper:
    """Raises Invalid where the diagram cannot be an SOP on paper: no lanes, no activities, a row higher than a page."""
    chart, words = flowchart.read(process), form.read(process)
    widths = drawing.widths(len(chart.columns))
    problem: Invalid | None = None
    for size in SIZES:
        measured = _measure(words, chart, widths, size)
        head = (HEAD, max(SMALLEST_HEAD, measured["head"]), COUNT)
        room = BODY - sum(head)
        try:
            pages = drawing.pages(chart, measured["rows"], room - measured["heading"] - GAP, room)
        except Invalid as error:
            problem = error
            continue
        return Paper(words, chart, widths, pages, size, head)
    assert problem is not None
    raise problem


@lru_cache(maxsize=16)
def pdf(diagram: bytes, key: str, logo: bytes | None = None) -> bytes:
    """The SOP that process `key` of a diagram is, as PDF (A4, landscape). Raises as `lay_out`."""
    paper = lay_out(process_in(diagram, key))
    return _typst(typst.compile, {**paper_words(paper), "logo": list(logo) if logo else None}, format="pdf", timestamp=0)


def paper_words(paper: Paper) -> dict[str, Any]:
    """Everything on the paper as plain values."""
    return {**_table_words(paper.form, paper.chart, paper.widths, paper.size), "do": "print", "head": paper.head,
            "pages": [asdict(page) for page in paper.pages], **_form_words(paper.form)}


def lines(text: str, foreign: Sequence[str]) -> Lines:
    return [form.runs(line, tuple(foreign)) for line in text.splitlines()]


# Within ----------------------------------------------------------------------------------------------------------------

def _measure(words: form.Form, chart: flowchart.Chart, widths: drawing.Widths, size: float) -> dict[str, Any]:
    """Heights in mm: of the heading, of the lanes' names in the head, and of each row."""
    asked = {**_table_words(words, chart, widths, size), "do": "measure"}
    return json.loads(_typst(typst.query, asked, selector="<sizes>", field="value", one=True))


def _typst(verb, words: dict[str, Any], **more: Any):
    return verb(str(TEMPLATE), root=str(TEMPLATE.parent), ignore_system_fonts=True,
                sys_inputs={"words": json.dumps(words, ensure_ascii=False)}, **more)


def _table_words(words: form.Form, chart: flowchart.Chart, widths: drawing.Widths, size: float) -> dict[str, Any]:
    foreign = words.foreign
    rows = [{"number": f"{row.number}.", **{name: lines(getattr(row, name), foreign) for name in
            ("kegiatan", "kelengkapan", "waktu", "output", "keterangan")}} for row in chart.rows]
    return {"title": words.name, "unit": words.unit, "heading": words.heading.splitlines(), "columns": chart.columns, "rows": rows,
            "widths": asdict(widths), "size": size, "upright": widths.pelaksana < UPRIGHT, "footer": words.footer}


def _form_words(words: form.Form) -> dict[str, Any]:
    def said(text: str) -> Lines:
        return lines(text, words.foreign)

    def blocks(side: tuple[form.Block, ...]) -> list[dict[str, Any]]:
        return [{"title": block.title, "items": [form.runs(item, words.foreign) for item in block.items]} for block in side]

    cover, approval = words.cover, words.approval
    return {
        "fields": [(name, said(value)) for name, value in words.fields], "left": blocks(words.left), "right": blocks(words.right),
        "cover": cover and {**asdict(cover), "title": said(cover.title)},
        "approval": approval and {**asdict(approval), "clauses": [form.runs(c, words.foreign) for c in approval.clauses],
                                  "position": approval.position.splitlines()},
    }
