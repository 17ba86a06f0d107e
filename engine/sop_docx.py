"""A procedure's printed SOP as DOCX, laid out as the PDF is: a table for each page, its head marked as such, with the symbols and arrows
of a cell as one group of DrawingML shapes in it. An office program can go on with all of it."""

import io
from collections.abc import Iterator, Sequence
from copy import deepcopy
from functools import lru_cache
from itertools import count
from typing import Any

import docx
from docx.document import Document
from docx.enum.section import WD_ORIENT
from docx.enum.table import WD_CELL_VERTICAL_ALIGNMENT as VERTICAL
from docx.enum.table import WD_ROW_HEIGHT_RULE as RULE
from docx.enum.table import WD_TABLE_ALIGNMENT as TABLE_ALIGN
from docx.enum.text import WD_ALIGN_PARAGRAPH as ALIGN
from docx.enum.text import WD_LINE_SPACING, WD_TAB_ALIGNMENT
from docx.oxml import OxmlElement, parse_xml
from docx.oxml.ns import qn
from docx.shared import Mm, Pt
from lxml import etree

from bpmn.printed import drawing, form
from bpmn.printed.flowchart import BOX, CAPSULE, DIAMOND, PENTAGON
from engine import sop_paper, word
from engine.sop_paper import Paper

MARGIN, TOP, BOTTOM = 12, 11, 10  # mm; less at the foot than on the PDF, for fonts that are a little higher
GEOMETRY = {BOX: "flowChartProcess", CAPSULE: "flowChartTerminator", DIAMOND: "flowChartDecision", PENTAGON: "flowChartOffpageConnector"}
CALLED = {BOX: "Kegiatan", CAPSULE: "", DIAMOND: "Keputusan", PENTAGON: "Penghubung ke halaman lain"}
EMU = 36000  # a millimetre
SPACE = {
    "w": "http://schemas.openxmlformats.org/wordprocessingml/2006/main", "a": "http://schemas.openxmlformats.org/drawingml/2006/main",
    "wp": "http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing",
    "wpg": "http://schemas.microsoft.com/office/word/2010/wordprocessingGroup",
    "wps": "http://schemas.microsoft.com/office/word/2010/wordprocessingShape",
    "mc": "http://schemas.openxmlformats.org/markup-compatibility/2006",
}
BLACK = '<a:solidFill><a:srgbClr val="000000"/></a:solidFill>'
WHITE = '<a:solidFill><a:srgbClr val="FFFFFF"/></a:solidFill>'


@lru_cache(maxsize=16)
def docx_of(diagram: bytes, key: str, logo: bytes | None = None) -> bytes:
    """The SOP that process `key` of a diagram is, as DOCX (A4, landscape). Raises as `sop_paper.lay_out`."""
    return render(sop_paper.lay_out(sop_paper.process_in(diagram, key)), logo)


def render(paper: Paper, logo: bytes | None = None) -> bytes:
    out = _page(paper)
    if paper.form.cover:
        _cover(out, paper.form.cover, paper.form.foreign)
    if paper.form.approval:
        _approval(out, paper.form.approval, paper.form.foreign)
    _identity(out, paper.form, logo)
    shapes, head = count(1), None
    for at, page in enumerate(paper.pages):
        _break(out, paper.form.heading if at == 0 else "")
        head = _table(out, paper, page, shapes, head)
    _small(out.add_paragraph())  # a document cannot end in a table
    written = io.BytesIO()
    out.save(written)
    return written.getvalue()


def _page(paper: Paper) -> Document:
    out = docx.Document()
    word.base(out, 10.5)
    section = out.sections[0]
    section.orientation, section.page_width, section.page_height = WD_ORIENT.LANDSCAPE, Mm(297), Mm(210)
    section.left_margin = section.right_margin = Mm(MARGIN)
    section.top_margin, section.bottom_margin, section.footer_distance = Mm(TOP), Mm(BOTTOM), Mm(5)
    section.different_first_page_header_footer = paper.form.cover is not None
    about = out.core_properties
    about.title, about.author = word.clean(paper.form.name)[:255], word.clean(paper.form.unit)[:255]
    about.comments, about.language = "", "id"
    foot = section.footer.paragraphs[0]
    foot.style = out.styles["Normal"]  # without the style's own tab stops
    foot.paragraph_format.tab_stops.add_tab_stop(Mm(drawing.TABLE), WD_TAB_ALIGNMENT.RIGHT)
    word.run(foot, f"{paper.form.footer}\tHalaman ", size=7.5)
    word.field(foot, "PAGE", size=7.5)
    word.run(foot, " dari ", size=7.5)
    word.field(foot, "NUMPAGES", size=7.5)
    return out


# The pages before the table ---------------------------------------------------------------------------------------------

def _cover(out: Document, cover: form.Cover, foreign: tuple[str, ...]) -> None:
    word.line(out, "STANDAR OPERASIONAL PROSEDUR", bold=True, size=20, align=ALIGN.CENTER, before=130, after=22)
    for text in cover.title.splitlines():
        _rich(word.line(out, "", align=ALIGN.CENTER), form.runs(text, foreign), bold=True, size=16)
    word.line(out, f"NOMOR: {cover.number}", size=14, align=ALIGN.CENTER, before=28)
    if cover.date:
        word.line(out, f"TANGGAL {cover.date.upper()}", size=14, align=ALIGN.CENTER)
    word.line(out, cover.place.upper(), bold=True, size=14, align=ALIGN.CENTER, before=120)
    word.line(out, cover.year, bold=True, size=14, align=ALIGN.CENTER)


def _approval(out: Document, approval: form.Approval, foreign: tuple[str, ...]) -> None:
    title = word.line(out, "PENGESAHAN", bold=True, size=16, align=ALIGN.CENTER, before=20, after=20)
    title.paragraph_format.page_break_before = len(out.paragraphs) > 1
    for at, clause in enumerate(approval.clauses):
        made = _rich(word.line(out, f"{at + 1}.\t", size=12, left=36, indent=-6, after=3), form.runs(clause, foreign), size=12)
        made.paragraph_format.right_indent = Mm(30)
    said = [f"Disahkan di {approval.place}" if approval.place else "", f"Pada Tanggal {approval.date}" if approval.date else ""]
    for at, text in enumerate(part for part in said if part):
        word.line(out, text, size=12, align=ALIGN.CENTER, left=140, before=30 if at == 0 else 0)
    lines = approval.position.splitlines()
    for at, text in enumerate(lines):
        word.line(out, text + ("," if at == len(lines) - 1 else ""), size=12, align=ALIGN.CENTER, left=140, before=10 if at == 0 else 0)
    word.line(out, approval.name, bold=True, size=12, align=ALIGN.CENTER, left=140, before=60)


def _identity(out: Document, said: form.Form, logo: bytes | None) -> None:
    if out.paragraphs:
        _break(out)
    half = drawing.TABLE / 2
    fields, blocks = len(said.fields), max(len(said.left), len(said.right))
    table = word.table(out, fields + blocks, (half, 38, 5, half - 43), style="Table Grid")
    cells = [row.cells for row in table.rows]
    unit = cells[0][0].merge(cells[fields - 1][0])
    unit.vertical_alignment = VERTICAL.CENTER
    if logo:
        unit.paragraphs[0].add_run().add_picture(io.BytesIO(logo), height=Mm(20))
        unit.paragraphs[0].alignment = ALIGN.CENTER
    word.line(unit, said.unit, bold=True, size=14, align=ALIGN.CENTER, paragraph=None if logo else unit.paragraphs[0])
    for row, (name, value) in zip(cells, said.fields, strict=False):
        for cell, text, bold in ((row[1], name, False), (row[2], ":", False), (row[3], value, name == "Nama SOP")):
            _rich(word.line(cell, "", paragraph=cell.paragraphs[0], before=3, after=3), form.runs(text, said.foreign), bold=bold)
    under = cells[fields:]
    if len(said.left) == 1:
        _block(under[0][0].merge(under[-1][0]), said.left[0], said.foreign)
    else:
        for row, block in zip(under, said.left, strict=False):
            _block(row[0], block, said.foreign)
    for at, row in enumerate(under):
        merged = row[1].merge(row[3])
        if at < len(said.right):
            _block(merged, said.right[at], said.foreign)


def _block(cell: Any, block: form.Block, foreign: tuple[str, ...]) -> None:
    word.line(cell, block.title, bold=True, paragraph=cell.paragraphs[0], before=3, after=3)
    for at, item in enumerate(block.items):
        number = f"{at + 1}.\t" if len(block.items) > 1 else ""
        _rich(word.line(cell, number, left=5 if number else 0, indent=-5 if number else 0), form.runs(item, foreign))
    cell.paragraphs[-1].paragraph_format.space_after = Pt(5)


# The table ---------------------------------------------------------------------------------------------------------------

def _break(out: Document, heading: str = "") -> None:
    """Begin a page, with what stands over its table."""
    lines = heading.splitlines() or [""]
    for at, text in enumerate(lines):
        made = word.line(out, text, bold=True, size=12, align=ALIGN.CENTER, after=6 if heading and at == len(lines) - 1 else 0)
        made.paragraph_format.page_break_before = at == 0
        if not heading:
            _small(made)


def _small(paragraph: Any) -> None:
    shape = paragraph.paragraph_format
    shape.line_spacing_rule, shape.line_spacing, shape.space_before, shape.space_after = WD_LINE_SPACING.EXACTLY, Pt(1), Pt(0), Pt(0)


def _table(out: Document, paper: Paper, page: drawing.Page, shapes: Iterator[int], head: list[Any] | None) -> list[Any]:
    """Write a page's table and return the three rows of its head, which the next one repeats."""
    sizes = paper.widths
    columns = [sizes.number, sizes.kegiatan, *[sizes.pelaksana] * len(paper.chart.columns), sizes.kelengkapan, sizes.waktu, sizes.output,
               sizes.keterangan]
    table = word.table(out, len(page.rows) + (0 if head else 3), columns, style="Table Grid")
    table.alignment = TABLE_ALIGN.CENTER
    _margins(table._tbl.tblPr, "tblCellMar", 1.3, 0.4)
    rows = list(table.rows)
    if not head:
        _head(rows[:3], paper)
        head, rows = [row._tr for row in rows[:3]], rows[3:]
    else:
        for made in deepcopy(head):
            rows[0]._tr.addprevious(made)
    for row, drawn in zip(rows, page.rows, strict=True):
        row.height, row.height_rule = Mm(drawn.height), RULE.AT_LEAST
        row._tr.get_or_add_trPr().append(OxmlElement("w:cantSplit"))
        _row(row.cells, paper, drawn, shapes)
    return head


def _head(rows: Sequence[Any], paper: Paper) -> None:
    count_of = len(paper.chart.columns)
    cells = [row.cells for row in rows]
    last = count_of + 5
    titles = {0: "NO.", 1: "KEGIATAN", last: "KETERANGAN"}
    for at, title in titles.items():
        _title(cells[0][at].merge(cells[1][at]), title)
    _title(cells[0][2].merge(cells[0][1 + count_of]), "PELAKSANA")
    _title(cells[0][2 + count_of].merge(cells[0][4 + count_of]), "MUTU BAKU")
    for at, name in enumerate(paper.chart.columns):
        cell = cells[1][2 + at]
        _title(cell, name)
        if paper.upright:
            direction = OxmlElement("w:textDirection")
            direction.set(qn("w:val"), "btLr")
            cell._tc.get_or_add_tcPr().append(direction)
    for at, name in enumerate(("Kelengkapan", "Waktu", "Output")):
        _title(cells[1][2 + count_of + at], name)
    for at, cell in enumerate(cells[2]):
        _title(cell, str(at + 1), bold=False, size=7)
    for row, height in zip(rows, paper.head, strict=True):
        row.height, row.height_rule = Mm(height), RULE.AT_LEAST
        properties = row._tr.get_or_add_trPr()
        properties.append(OxmlElement("w:cantSplit"))
        properties.append(OxmlElement("w:tblHeader"))


def _title(cell: Any, text: str, *, bold: bool = True, size: float = 8) -> None:
    word.line(cell, text, bold=bold, size=size, align=ALIGN.CENTER, paragraph=cell.paragraphs[0])
    cell.vertical_alignment = VERTICAL.CENTER
    _margins(cell._tc.get_or_add_tcPr(), "tcMar", 0.3, 0.4)


def _row(cells: Sequence[Any], paper: Paper, drawn: drawing.DrawnRow, shapes: Iterator[int]) -> None:
    row, after = paper.chart.rows[drawn.row], 2 + len(drawn.cells)
    words = {0: f"{row.number}.", 1: row.kegiatan, after: row.kelengkapan, after + 1: row.waktu, after + 2: row.output,
             after + 3: row.keterangan}
    for at, text in words.items():
        cells[at].vertical_alignment = VERTICAL.CENTER
        for number, part in enumerate(text.splitlines() or [""]):
            made = cells[at].paragraphs[0] if number == 0 else cells[at].add_paragraph()
            made.alignment = ALIGN.CENTER if at in (0, after + 1) else None
            made.paragraph_format.line_spacing_rule, made.paragraph_format.line_spacing = WD_LINE_SPACING.EXACTLY, Pt(paper.size * 1.12)
            _rich(made, form.runs(part, paper.form.foreign), size=paper.size - 0.5)
    for cell, parts in zip(cells[2:after], drawn.cells, strict=True):
        _margins(cell._tc.get_or_add_tcPr(), "tcMar", 0, 0)
        _small(cell.paragraphs[0])
        if parts.shapes or parts.lines:
            cell.paragraphs[0].add_run()._r.append(_drawing(parts, paper.widths.pelaksana, drawn.height, shapes))


def _margins(properties: Any, name: str, beside: float, over: float) -> None:
    margins = OxmlElement(f"w:{name}")
    for side, width in (("top", over), ("left", beside), ("bottom", over), ("right", beside)):
        edge = OxmlElement(f"w:{side}")
        edge.set(qn("w:w"), str(round(width * 56.7)))
        edge.set(qn("w:type"), "dxa")
        margins.append(edge)
    properties.append(margins)


def _rich(paragraph: Any, runs: Sequence[form.Run], *, bold: bool = False, size: float | None = None) -> Any:
    for text, italic in runs:
        word.run(paragraph, text, bold=bold, italic=italic, size=size)
    return paragraph


# Shapes ------------------------------------------------------------------------------------------------------------------

def _drawing(cell: drawing.Cell, width: float, height: float, shapes: Iterator[int]) -> Any:
    """The cell's drawing as one group, anchored at the cell's corner. A frame that is not seen keeps the group at the cell's size."""
    parts = [_shape(drawing.Shape("frame", 0, 0, width, height), shapes, look="<a:noFill/><a:ln><a:noFill/></a:ln>")]
    parts += [_line(line, shapes) for line in cell.lines]
    parts += [_shape(shape, shapes) for shape in cell.shapes]
    parts += [_label(label, width, shapes) for label in cell.labels]
    said = "; ".join(filter(None, (CALLED[s.kind] + (" " if CALLED[s.kind] and s.text else "") + s.text for s in cell.shapes)))
    said = "; ".join(filter(None, (said, *(label.text for label in cell.labels)))) or "Panah"
    number = next(shapes)
    size = f'cx="{_emu(width)}" cy="{_emu(height)}"'
    space = " ".join(f'xmlns:{name}="{uri}"' for name, uri in SPACE.items())
    made = parse_xml(f"""<mc:AlternateContent {space}><mc:Choice Requires="wpg"><w:drawing>
<wp:anchor distT="0" distB="0" distL="0" distR="0" simplePos="0" relativeHeight="{number}" behindDoc="0" locked="0"
 layoutInCell="1" allowOverlap="1">
<wp:simplePos x="0" y="0"/><wp:positionH relativeFrom="column"><wp:posOffset>0</wp:posOffset></wp:positionH>
<wp:positionV relativeFrom="paragraph"><wp:posOffset>0</wp:posOffset></wp:positionV>
<wp:extent {size}/><wp:effectExtent l="0" t="0" r="0" b="0"/><wp:wrapNone/><wp:docPr id="{number}" name="Bagan {number}"/>
<wp:cNvGraphicFramePr/><a:graphic><a:graphicData uri="{SPACE['wpg']}"><wpg:wgp><wpg:cNvGrpSpPr/>
<wpg:grpSpPr><a:xfrm><a:off x="0" y="0"/><a:ext {size}/><a:chOff x="0" y="0"/><a:chExt {size}/></a:xfrm></wpg:grpSpPr>
{"".join(parts)}</wpg:wgp></a:graphicData></a:graphic></wp:anchor></w:drawing></mc:Choice></mc:AlternateContent>""")
    made.find(".//wp:docPr", SPACE).set("descr", word.clean(said))
    etree.cleanup_namespaces(made, keep_ns_prefixes=list(SPACE))
    return made


def _shape(shape: drawing.Shape, shapes: Iterator[int], look: str = f'{WHITE}<a:ln w="10160">{BLACK}</a:ln>') -> str:
    geometry = GEOMETRY.get(shape.kind, "rect")
    size = min(7.0, shape.w / max(1, len(shape.text)) * 3.6)
    return _wsp(next(shapes), (shape.x, shape.y, shape.w, shape.h), geometry, look, shape.text, size)


def _line(line: drawing.Line, shapes: Iterator[int]) -> str:
    box = (min(line.x1, line.x2), min(line.y1, line.y2), abs(line.x2 - line.x1), abs(line.y2 - line.y1))
    flips = (' flipH="1"' if line.x2 < line.x1 else "") + (' flipV="1"' if line.y2 < line.y1 else "")
    head = '<a:tailEnd type="triangle" w="med" len="med"/>' if line.head else ""
    return _wsp(next(shapes), box, "line", f'<a:ln w="8890" cap="rnd">{BLACK}{head}</a:ln>', flips=flips)


def _label(label: drawing.Label, width: float, shapes: Iterator[int]) -> str:
    wide = min(width, len(label.text) * 1.75 + 1)
    x = min(max(0.0, label.x - wide if label.left else label.x), width - wide)
    align = "right" if label.left else "left"
    return _wsp(next(shapes), (x, label.y - 1.6, wide, 3.2), "rect", "<a:noFill/><a:ln><a:noFill/></a:ln>", label.text, 6.5, align)


def _wsp(number: int, box: tuple[float, float, float, float], geometry: str, look: str, text: str = "", size: float = 7.0,
         align: str = "center", flips: str = "") -> str:
    x, y, w, h = (_emu(value) for value in box)
    half = round(size * 2)
    words = "" if not text else (
        f'<wps:txbx><w:txbxContent><w:p><w:pPr><w:spacing w:before="0" w:after="0"/><w:jc w:val="{align}"/></w:pPr>'
        f'<w:r><w:rPr><w:b/><w:sz w:val="{half}"/><w:szCs w:val="{half}"/></w:rPr><w:t>{_escaped(text)}</w:t></w:r></w:p>'
        '</w:txbxContent></wps:txbx>')
    return (
        f'<wps:wsp><wps:cNvPr id="{number}" name="Bentuk {number}"/><wps:cNvSpPr/><wps:spPr><a:xfrm{flips}><a:off x="{x}" y="{y}"/>'
        f'<a:ext cx="{w}" cy="{h}"/></a:xfrm><a:prstGeom prst="{geometry}"><a:avLst/></a:prstGeom>{look}</wps:spPr>{words}'
        '<wps:bodyPr wrap="square" lIns="0" tIns="0" rIns="0" bIns="0" anchor="ctr" anchorCtr="0"><a:noAutofit/></wps:bodyPr></wps:wsp>')


def _escaped(text: str) -> str:
    return word.clean(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _emu(millimetres: float) -> int:
    return round(millimetres * EMU)
