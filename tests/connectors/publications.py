"""Things to publish."""

import io
from datetime import UTC, datetime
from typing import Any

from PIL import Image

from connectors import Attachment

NOW = datetime(2026, 11, 24, 2, 30, tzinfo=UTC)


def picture(size: tuple[int, int] = (320, 180), kind: str = "JPEG", colour: str = "teal", **options: Any) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, kind, **options)
    return out.getvalue()


PHOTO = Attachment("Dermaga Pulau Pramuka.JPG", "image/jpeg", picture(), "Dermaga di waktu pagi")
LETTER = Attachment("Surat Édaran No. 12.pdf", "application/pdf", b"%PDF-1.4\n%%EOF\n", "")
