"""A paper as DOCX, for who must go on with it in an office program. The words are those of the PDF; only the PDF is the record."""

import datetime as dt
import io
from collections.abc import Mapping, Sequence
from typing import Any

import docx
import segno
from docx.document import Document
from docx.enum.text import WD_ALIGN_PARAGRAPH as ALIGN
from docx.shared import Mm, Pt

from engine import word
from engine.letter_content import words

SIZE = 11.5  # points
WIDTH = 165  # mm between the margins of an A4 page


def render(kind: str, content: Mapping[str, Any], issued_at: dt.datetime, logo: bytes | None) -> bytes:
    """The paper, with letterhead and QR code."""
    said = words(kind, content)
    paper = _page(said, issued_at)
    letterhead(paper, said, logo)
    word.line(paper, said["title"], bold=True, size=13, align=ALIGN.CENTER, before=8)
    word.line(paper, f"Nomor: {said['number']}", align=ALIGN.CENTER, after=8)
    (_nota_dinas if kind == "nota-dinas" else _lembar_disposisi)(paper, said)
    _signature(paper, said, content["address"])
    written = io.BytesIO()
    paper.save(written)
    return written.getvalue()


def _page(said: Mapping[str, Any], issued_at: dt.datetime) -> Document:
    paper = docx.Document()
    word.base(paper, SIZE)
    without_thumbnail(paper)
    section = paper.sections[0]
    section.page_width, section.page_height = Mm(210), Mm(297)
    section.left_margin, section.right_margin = Mm(25), Mm(20)
    section.top_margin, section.bottom_margin = Mm(15), Mm(20)
    about = paper.core_properties
    about.title, about.author, about.comments = f"{said['title']} {said['number']}"[:255], said["office"][:255], ""
    about.created = about.modified = issued_at.astimezone(dt.timezone.utc).replace(tzinfo=None)
    about.language = "id"
    foot = f"Keaslian naskah ini dapat diperiksa dengan memindai kode QR, atau di {said['address']}. Berkas {said['business_key']}."
    word.run(section.footer.paragraphs[0], foot, size=7.5)
    return paper


def without_thumbnail(paper: Document) -> None:
    """Take out the picture of python-docx's own page."""
    parts = paper.part.package.rels
    for id in [id for id, each in parts.items() if each.reltype.endswith("/thumbnail")]:
        del parts[id]


def letterhead(paper: Document, said: Mapping[str, Any], logo: bytes | None) -> None:
    if logo:
        table = word.table(paper, 1, (22, WIDTH - 44, 22))
        picture = table.cell(0, 0).paragraphs[0].add_run().add_picture(io.BytesIO(logo), width=Mm(20))
        if picture.height > Mm(24):
            picture.width, picture.height = int(picture.width * Mm(24) / picture.height), Mm(24)
        holder: Any = table.cell(0, 1)
    else:
        holder = paper
    lines = [*((line, 13, True) for line in said["lines"]), *((line, 9, False) for line in (said["head_address"], said["contact"]) if line)]
    for number, (line, size, bold) in enumerate(lines):
        first = logo is not None and number == 0
        word.line(holder, line, bold=bold, size=size, align=ALIGN.CENTER, paragraph=holder.paragraphs[0] if first else None)
    word.ruled(word.line(paper, "", size=4), "double")


def _nota_dinas(paper: Document, said: Mapping[str, Any]) -> None:
    rows = [("Yth.", said["to"]), ("Dari", said["from"]), ("Tanggal", said["date"]), ("Sifat", said["nature"]),
            ("Lampiran", said["attached"]), ("Hal", said["subject"])]
    _pairs(paper, rows, (24, 5, WIDTH - 29), bold="Hal")
    word.ruled(word.line(paper, "", size=4), "single")
    for part in said["text"]:
        word.line(paper, part, indent=10, align=ALIGN.JUSTIFY, before=6)
    if said["facts"]:
        word.line(paper, "", size=4)
        _pairs(paper, said["facts"], (45, 5, WIDTH - 50))
    if said["checks"]:
        word.line(paper, "Bahan informasi tersebut telah kami periksa, dengan hasil:", indent=10, before=6)
        for check in said["checks"]:
            word.line(paper, check, left=10)
    if said["attachments"]:
        word.line(paper, "Terlampir:", indent=10, before=6)
        for name in said["attachments"]:
            word.line(paper, f"– {name}", left=10)
    word.line(paper, "Demikian disampaikan, atas perhatiannya diucapkan terima kasih.", indent=10, before=6, after=10)


def _lembar_disposisi(paper: Document, said: Mapping[str, Any]) -> None:
    source = said["source"]
    natures = "     ".join(f"{'☒' if on else '☐'} {name}" for name, on in said["natures"])
    rows: list[list[tuple[str, list[str]]]] = [
        [("Surat dari/jenis", [source["kind"]]), ("Nomor berkas", [said["business_key"]])],
        [("Nomor surat", [source["number"]]), ("Tanggal surat", [source["date"]])],
        [("Nomor SRIKANDI", [source["srikandi"]]), ("Tanggal disposisi", [said["date"]])],
        [("Sifat", [natures])], [("Hal", [said["subject"]])],
        [("Dari", [said["from"]]), ("Diteruskan kepada", [said["to"]])],
        [("Isi disposisi", [*said["text"], "", ""])],
        *([[("Lampiran", said["attachments"])]] if said["attachments"] else []),
    ]
    table = word.table(paper, len(rows), (WIDTH / 2, WIDTH / 2), style="Table Grid")
    for number, row in enumerate(rows):
        cells = table.rows[number].cells
        if len(row) == 1:
            cells[0].merge(cells[1])
        for cell, (name, texts) in zip(cells, row, strict=False):
            word.line(cell, name, size=9, paragraph=cell.paragraphs[0], before=2)
            for text in texts if any(texts) else ["–"]:
                word.line(cell, text, bold=name == "Hal")
            cell.paragraphs[-1].paragraph_format.space_after = Pt(3)
    word.line(paper, "", after=4)


def _signature(paper: Document, said: Mapping[str, Any], address: str) -> None:
    code = io.BytesIO()
    segno.make_qr(address, error="m").save(code, kind="png", scale=8, border=1)
    code.seek(0)
    cell = word.table(paper, 1, (WIDTH - 78, 78)).cell(0, 1)
    place = f"{said['place']}, {said['date']}" if said["place"] else ""
    for line in (place, f"{said['post']}," if said["post"] else ""):
        if line:
            word.line(cell, line)
    cell.add_paragraph().add_run().add_picture(code, width=Mm(24))
    word.line(cell, said["name"], bold=True)
    if said["decree"]:
        word.line(cell, said["decree"], size=9)
    word.line(cell, said["signed"], size=8)
    cell._element.remove(cell.paragraphs[0]._element)  # the empty one that a cell begins with


def _pairs(paper: Document, rows: Sequence[Sequence[str]], widths: Sequence[float], bold: str = "") -> None:
    table = word.table(paper, len(rows), widths)
    for row, (name, value) in zip(table.rows, rows, strict=True):
        for cell, text in zip(row.cells, (name, ":", value or "–"), strict=True):
            word.line(cell, text, paragraph=cell.paragraphs[0], bold=bool(bold) and name == bold and text == value, after=2)
