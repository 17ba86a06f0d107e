"""The amendment memo: how two versions of an SOP differ, as an office writes it, on PDF and DOCX from one set of words.

It is an official record, so Indonesian always. The same versions give the same bytes. What people wrote reaches typst only as JSON.
"""

import datetime as dt
import hashlib
import io
import json
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import docx
import sqlalchemy as sa
import typst
from docx.enum.text import WD_ALIGN_PARAGRAPH as ALIGN
from docx.shared import Mm

from bpmn.differences.changes import TITLES
from engine import letter_docx, settings, word
from engine.comparing import Comparison, Side
from engine.letterhead import logo_of
from engine.process_engine import Actor, ProcessEngine
from engine.sheet import TEMPLATES, moment
from engine.store import read
from engine.tables import tenant

LONGEST = 1500  # characters of a value in the table
Words = dict[str, Any]


def words(pe: ProcessEngine, actor: Actor, found: Comparison) -> Words:
    """Everything that the memo says, as texts. One statement beside the office's settings."""
    with read(pe) as db:
        office, timezone = db.execute(sa.select(tenant.c.name, tenant.c.timezone).where(tenant.c.id == actor.tenant)).one()
    head = settings.get(pe, actor.tenant)["letterhead"]
    zone = ZoneInfo(timezone)
    parts = [{"title": TITLES[part.name], "items": [
        {"subject": str(item.subject), "said": f"{'; '.join(str(c.clause) for c in item.changes)}."} for item in part.items]}
        for part in found.found.parts]
    table = [[str(item.subject), str(change.what), _value(change.before), _value(change.after)]
             for item in found.found.items for change in item.changes if change.what]
    return {
        "title": "MEMO PERUBAHAN SOP", "office": office, "lines": head["lines"] or [office], "head_address": head["address"],
        "contact": head["contact"], "name": found.name, "versions": f"{_name(found.before)} → {_name(found.after)}",
        "before": _facts(found.before, zone), "after": _facts(found.after, zone), "before_name": _name(found.before),
        "after_name": _name(found.after), "parts": parts, "table": table, "at": int(found.after.since.timestamp()),
        "none": "" if parts else "Tidak ada perubahan di antara kedua versi ini.",
    }


def logo(pe: ProcessEngine, actor: Actor) -> bytes | None:
    return logo_of(pe, settings.get(pe, actor.tenant)["letterhead"])


def digest(said: Words, picture: bytes | None) -> str:
    """The same for the same memo."""
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode() + (picture or b"")).hexdigest()


def pdf(said: Words, picture: bytes | None) -> bytes:
    return _pdf(json.dumps({**said, "logo": list(picture) if picture else None}, ensure_ascii=False), said["at"])


@lru_cache(maxsize=16)
def _pdf(said: str, at: int) -> bytes:
    return typst.compile(str(TEMPLATES / "memo-perubahan.typ"), root=str(TEMPLATES), format="pdf", ignore_system_fonts=True,
                         sys_inputs={"words": said}, timestamp=at)


def as_docx(said: Words, picture: bytes | None) -> bytes:
    paper = _page(said)
    letter_docx.letterhead(paper, said, picture)
    word.line(paper, said["title"], bold=True, size=13, align=ALIGN.CENTER, before=8)
    word.line(paper, said["name"], bold=True, align=ALIGN.CENTER)
    word.line(paper, said["versions"], align=ALIGN.CENTER, after=8)
    rows = [["", said["before_name"], said["after_name"]]]
    rows += [[name, one, two] for (name, one), (_name, two) in zip(said["before"], said["after"], strict=True)]
    _grid(paper, rows, (35, 65, 65))
    if said["none"]:
        word.line(paper, said["none"], before=8)
    number = 0
    for part in said["parts"]:
        word.line(paper, part["title"], bold=True, before=10, after=3)
        for item in part["items"]:
            number += 1
            made = word.line(paper, f"{number}.\t", left=8, indent=-8, after=3)
            word.run(made, f"{item['subject']}: ", bold=True)
            word.run(made, item["said"])
    if said["table"]:
        word.line(paper, "Sebelum dan sesudah", bold=True, before=12, after=4)
        _grid(paper, [["Bagian", "Sebelum", "Sesudah"], *([f"{subject}: {what}", one or "–", two or "–"]
                                                         for subject, what, one, two in said["table"])], (45, 60, 60))
    written = io.BytesIO()
    paper.save(written)
    return written.getvalue()


# Within ---------------------------------------------------------------------------------------------------------------

def _name(side: Side) -> str:
    return f"Versi {side.number}" if side.number is not None else "Rancangan"


def _facts(side: Side, zone: ZoneInfo) -> list[tuple[str, str]]:
    """The same rows of either side: who put it in force, and when."""
    if side.number is None:
        return [("Berlaku sejak", f"belum berlaku; terakhir diubah {moment(side.since, zone)}"), ("Disahkan oleh", "–"),
                ("Diberlakukan oleh", "–"), ("Catatan", "–")]
    since = moment(side.since, zone)
    if side.revoked_at:
        since += f"; dicabut {moment(side.revoked_at, zone)}"
    return [("Berlaku sejak", since), ("Disahkan oleh", side.approved_as or "–"), ("Diberlakukan oleh", side.person),
            ("Catatan", side.note or "–")]


def _value(value: object) -> str:
    text = str(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _page(said: Words) -> Any:
    paper = docx.Document()
    word.base(paper, 11)
    letter_docx.without_thumbnail(paper)
    section = paper.sections[0]
    section.page_width, section.page_height = Mm(210), Mm(297)
    section.left_margin, section.right_margin = Mm(25), Mm(20)
    section.top_margin, section.bottom_margin = Mm(15), Mm(20)
    about = paper.core_properties
    about.title, about.author, about.comments = word.clean(f"{said['title']}: {said['name']}")[:255], word.clean(said["office"])[:255], ""
    about.created = about.modified = dt.datetime.fromtimestamp(said["at"], dt.timezone.utc).replace(tzinfo=None)
    about.language = "id"
    foot = section.footer.paragraphs[0]
    word.run(foot, f"{said['name']}, {said['versions']}. Halaman ", size=7.5)
    word.field(foot, "PAGE", size=7.5)
    return paper


def _grid(paper: Any, rows: list[list[str]], widths: tuple[float, ...]) -> None:
    table = word.table(paper, len(rows), widths, style="Table Grid")
    for number, (row, texts) in enumerate(zip(table.rows, rows, strict=True)):
        for column, (cell, text) in enumerate(zip(row.cells, texts, strict=True)):
            word.line(cell, text, size=9.5, paragraph=cell.paragraphs[0], bold=number == 0 or column == 0)
