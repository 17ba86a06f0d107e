"""The words of a DOCX file, for looking at it in place. It is a stranger's upload: read within bounds, nothing in it is followed."""

import zipfile
import zlib
from pathlib import Path

from bpmn import xml
from bpmn.errors import N_, Invalid

BODY = "word/document.xml"
MOST_PARAGRAPHS = 2000  # shown; the file itself has them all


def paragraphs(path: Path) -> list[str]:
    """The text of its paragraphs in order, those of tables too; Invalid where it cannot be read, or is too large to be shown."""
    try:
        with zipfile.ZipFile(path) as package, package.open(BODY) as body:
            content = body.read(xml.MAX_BYTES + 1)  # never more, whatever the archive promises
    except (zipfile.BadZipFile, KeyError, OSError, NotImplementedError, RuntimeError, EOFError, ValueError, zlib.error) as error:
        raise Invalid(N_("Dokumen ini tidak dapat dibaca di sini. Unduh untuk membukanya.")) from error
    found: list[str] = []
    for element in xml.parse(content, BODY).iter("{*}p"):
        text = "".join(_piece(each) for each in element.iter("{*}t", "{*}tab", "{*}br"))
        if text.strip():
            found.append(text)
        if len(found) >= MOST_PARAGRAPHS:
            break
    return found


def _piece(element) -> str:
    return {"tab": "\t", "br": "\n"}.get(xml.local(element), element.text or "")
