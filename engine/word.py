"""Building blocks of DOCX files: lines, tables, rules, page numbers. What cannot stand in XML is left out of a text."""

import re
from collections.abc import Sequence
from typing import Any

from docx.document import Document
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Mm, Pt
from docx.text.paragraph import Paragraph
from docx.text.run import Run

FONT = "Times New Roman"
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def base(paper: Document, size: float) -> None:
    """Set the font of everything that names no other."""
    style = paper.styles["Normal"]
    style.font.name, style.font.size = FONT, Pt(size)
    style.element.rPr.rFonts.set(qn("w:eastAsia"), FONT)
    style.paragraph_format.space_after = Pt(0)


def line(holder: Any, text: str, *, bold: bool = False, size: float | None = None, align: Any = None, before: float = 0, after: float = 0,
         indent: float = 0, left: float = 0, paragraph: Paragraph | None = None) -> Paragraph:
    """A paragraph at the end of the page or cell, or the text of the given one. Sizes and spaces in points, indents in millimetres."""
    made = paragraph if paragraph is not None else holder.add_paragraph()
    run(made, text, bold=bold, size=size)
    shape = made.paragraph_format
    shape.space_before, shape.space_after, made.alignment = Pt(before), Pt(after), align
    shape.first_line_indent, shape.left_indent = Mm(indent), Mm(left)
    return made


def run(paragraph: Paragraph, text: str, *, bold: bool = False, italic: bool = False, size: float | None = None) -> Run:
    made = paragraph.add_run(clean(text))
    made.bold, made.italic, made.font.size = bold or None, italic or None, Pt(size) if size else None
    return made


def clean(text: str) -> str:
    return NOT_XML.sub("", text)


def table(holder: Any, rows: int, widths: Sequence[float], style: str | None = None) -> Any:
    """A table with fixed column widths in millimetres."""
    made = holder.add_table(rows, len(widths))
    made.autofit = False
    if style:
        made.style = style
    for column, width in zip(made.columns, widths, strict=True):
        column.width = Mm(width)
    for row in made.rows:
        for cell, width in zip(row.cells, widths, strict=True):
            cell.width = Mm(width)
    return made


def ruled(paragraph: Paragraph, kind: str) -> None:
    """A rule under a paragraph: 'single' or 'double'."""
    border, bottom = OxmlElement("w:pBdr"), OxmlElement("w:bottom")
    for name, value in (("val", kind), ("sz", "8"), ("space", "1"), ("color", "000000")):
        bottom.set(qn(f"w:{name}"), value)
    border.append(bottom)
    properties = paragraph._p.get_or_add_pPr()
    properties.insert_element_before(border, "w:shd", "w:tabs", "w:spacing", "w:ind", "w:jc", "w:rPr")


def field(paragraph: Paragraph, code: str, *, size: float | None = None) -> None:
    """What the office program fills in: PAGE, NUMPAGES."""
    for kind in ("begin", None, "separate", "1", "end"):
        made = run(paragraph, "1" if kind == "1" else "", size=size)._r
        if kind is None:
            instruction = OxmlElement("w:instrText")
            instruction.text = f" {code} "
            made.append(instruction)
        elif kind != "1":
            mark = OxmlElement("w:fldChar")
            mark.set(qn("w:fldCharType"), kind)
            made.append(mark)
