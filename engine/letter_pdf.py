"""A paper as PDF (A4).

What people wrote reaches typst only as JSON (`sys.inputs`), never as its source, so that nothing in it is obeyed.
"""

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

import segno
import typst

from engine.letter_content import words
from engine.sheet import TEMPLATES


def render(kind: str, content: Mapping[str, Any], issued_at: dt.datetime, logo: bytes | None) -> bytes:
    """The paper; the same content gives the same bytes."""
    given = {**words(kind, content), "qr": segno.make_qr(content["address"], error="m").svg_inline(border=0),
             "logo": list(logo) if logo else None}
    return typst.compile(
        str(TEMPLATES / f"{kind}.typ"), root=str(TEMPLATES), format="pdf", ignore_system_fonts=True,
        sys_inputs={"words": json.dumps(given, ensure_ascii=False)}, timestamp=int(issued_at.timestamp()))
