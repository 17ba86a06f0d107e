"""A report as PDF, DOCX and XLSX, from the same words and numbers.

What people wrote reaches typst only as JSON (`sys.inputs`), Word as text, and Excel as strings that are no formulas.
"""

import datetime as dt
import io
import json
from collections.abc import Sequence

import docx
import typst
import xlsxwriter
from docx.enum.section import WD_ORIENT
from docx.enum.text import WD_ALIGN_PARAGRAPH as ALIGN
from docx.shared import Mm

from engine import word
from engine.evidence.papers import Cell, Paper, Table
from engine.letter_docx import without_thumbnail
from engine.sheet import TEMPLATES

WIDTH = 257  # mm between the margins of A4 on its side


def shown(value: Cell) -> str:
    """A cell as it is read: 1.234, or a dash where there is no number."""
    return "–" if value is None else f"{value:,}".replace(",", ".") if isinstance(value, int) else value


def widths(table: Table) -> list[int]:
    """How wide its columns are in parts of each other: texts by their longest, numbers narrow, what is to be filled in by hand wide."""
    texts = [[len(row[n]) for row in table.rows if isinstance(row[n], str)] for n in range(len(table.head))]  # type: ignore[arg-type]
    return [60 if found and not any(found) else min(60, max([8, *found, len(head) // 2]))
            for head, found in zip(table.head, texts, strict=True)]


def pdf(paper: Paper) -> bytes:
    """A4 on its side; the same report gives the same bytes."""
    given = {
        "title": paper.title, "office": paper.office, "about": paper.about, "period": paper.period, "made": paper.made,
        "facts": [list(each) for each in paper.facts],
        "tables": [{"title": t.title, "note": t.note, "head": list(t.head), "widths": widths(t),
                    "numeric": [bool(t.rows) and all(not isinstance(row[n], str) for row in t.rows) for n in range(len(t.head))],
                    "rows": [[shown(cell) for cell in row] for row in t.rows]} for t in paper.tables]}
    return typst.compile(str(TEMPLATES / "laporan.typ"), root=str(TEMPLATES), format="pdf", ignore_system_fonts=True,
                         sys_inputs={"words": json.dumps(given, ensure_ascii=False)}, timestamp=int(paper.made_at.timestamp()))


def docx_of(paper: Paper) -> bytes:
    """A4 on its side, for who must go on with it in an office program."""
    made = docx.Document()
    word.base(made, 10)
    without_thumbnail(made)
    section = made.sections[0]
    section.orientation, section.page_width, section.page_height = WD_ORIENT.LANDSCAPE, Mm(297), Mm(210)
    section.left_margin = section.right_margin = Mm(20)
    section.top_margin = section.bottom_margin = Mm(15)
    about = made.core_properties
    about.title, about.author, about.comments, about.language = word.clean(paper.title)[:255], word.clean(paper.office)[:255], "", "id"
    about.created = about.modified = paper.made_at.astimezone(dt.timezone.utc).replace(tzinfo=None)
    word.line(made, paper.office, bold=True, size=12, align=ALIGN.CENTER)
    word.line(made, paper.title.upper(), bold=True, size=13, align=ALIGN.CENTER, before=8)
    word.line(made, paper.about, align=ALIGN.CENTER)
    word.line(made, paper.period, bold=True, align=ALIGN.CENTER, after=8)
    for name, value in paper.facts:
        word.line(made, f"{name}: {value}")
    for table in paper.tables:
        _docx_table(made, table)
    word.line(made, f"Dibuat oleh Terbit, {paper.made}.", size=8, before=10)
    written = io.BytesIO()
    made.save(written)
    return written.getvalue()


def _docx_table(made: docx.document.Document, table: Table) -> None:
    word.line(made, table.title, bold=True, size=11, before=12, after=4).paragraph_format.keep_with_next = True
    parts = widths(table)
    drawn = word.table(made, 1 + len(table.rows), [WIDTH * part / sum(parts) for part in parts], "Table Grid")
    for n, head in enumerate(table.head):
        word.run(drawn.rows[0].cells[n].paragraphs[0], head, bold=True, size=9)
    for row, cells in zip(table.rows, drawn.rows[1:], strict=True):
        _docx_row(row, cells.cells)
    if table.note:
        word.line(made, table.note, size=8, before=2)


def _docx_row(row: Sequence[Cell], cells: Sequence) -> None:
    for value, cell in zip(row, cells, strict=True):
        paragraph = cell.paragraphs[0]
        word.run(paragraph, shown(value), size=9)
        paragraph.alignment = None if isinstance(value, str) else ALIGN.RIGHT


def xlsx(paper: Paper) -> bytes:
    """A sheet for each table, its numbers such that Excel counts with them."""
    written = io.BytesIO()
    book = xlsxwriter.Workbook(written, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    book.set_properties({"title": paper.title, "author": paper.office,
                         "created": paper.made_at.astimezone(dt.timezone.utc).replace(tzinfo=None)})
    bold, wrapped = book.add_format({"bold": True, "text_wrap": True}), book.add_format({"text_wrap": True, "valign": "top"})
    first = book.add_worksheet("Laporan")
    first.set_column(0, 1, 40)
    said = [("Laporan", paper.title), ("Kantor", paper.office), ("Prosedur", paper.about), ("Masa", paper.period), *paper.facts,
            ("Dibuat oleh Terbit", paper.made)]
    for number, (name, words) in enumerate(said):
        first.write_string(number, 0, name, bold)
        first.write_string(number, 1, word.clean(words), wrapped)
    for number, table in enumerate(paper.tables, 1):
        sheet = book.add_worksheet(f"Tabel {number}")
        sheet.write_string(0, 0, word.clean(table.title), book.add_format({"bold": True}))
        sheet.freeze_panes(2, 1)
        for column, (head, width) in enumerate(zip(table.head, widths(table), strict=True)):
            sheet.set_column(column, column, max(10, width))
            sheet.write_string(1, column, word.clean(head), bold)
        for n, row in enumerate(table.rows, 2):
            for column, value in enumerate(row):
                if isinstance(value, int):
                    sheet.write_number(n, column, value)
                elif value:
                    sheet.write_string(n, column, word.clean(value)[:32_767], wrapped)
        sheet.write_string(len(table.rows) + 3, 0, word.clean(table.note))
    book.close()
    return written.getvalue()


MAKE = {"pdf": pdf, "docx": docx_of, "xlsx": xlsx}
