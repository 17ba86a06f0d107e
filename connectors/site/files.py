"""Pictures and attachments as the site keeps them: safe names, known types, photos small enough for a phone."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from pathlib import PurePosixPath
from typing import Any

from PIL import Image, ImageOps, UnidentifiedImageError

from connectors import N_, Attachment, Failure
from connectors.content import clean

PICTURES = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "GIF": "gif"}
# Nothing that a browser would run: the site stands at the same origin as Terbit itself.
DOCUMENTS = frozenset(
    "pdf doc docx xls xlsx ppt pptx odt ods odp csv txt rtf zip jpg jpeg png webp gif mp3 mp4".split()
)  # fmt: skip
WIDEST = 1600
MOST_PIXELS = 100_000_000


@dataclass(frozen=True)
class File:
    described: dict[str, Any]  # goes into the record: file, name, and what the page says of it
    content: bytes


@dataclass(frozen=True)
class Kept:
    images: list[File]
    attachments: list[File]


def prepare(images: Iterable[Attachment], attachments: Iterable[Attachment]) -> Kept:
    """Raises Failure (permanent) for a picture that is none, or an attachment of a type that is not for a website."""
    taken = {"index.html"}
    return Kept(
        [_picture(image, number) for number, image in enumerate(images, 1)],
        [_document(attachment, taken) for attachment in attachments],
    )


def slug(text: str, limit: int = 150) -> str:
    """Lower-case words of ASCII letters and digits, joined by hyphens, whole words up to `limit`; may be empty."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    if len(words) <= limit:
        return words
    head, _, cut = words[: limit + 1].rpartition("-")
    return head or cut[:limit]


def _picture(image: Attachment, number: int) -> File:
    try:
        content, kind, size = _for_the_web(image.content)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as e:
        # Pillow raises any of these for a file that is broken or not an image
        raise Failure(N_("Gambar %(name)s tidak dapat dibaca."), name=image.name) from e
    described = {"file": f"gambar-{number}.{PICTURES[kind]}", "name": clean(image.name), "alt": clean(image.alt)}
    return File({**described, "width": size[0], "height": size[1]}, content)


def _for_the_web(content: bytes) -> tuple[bytes, str, tuple[int, int]]:
    """Photos upright, at most WIDEST wide, without what a camera notes in them (the place, the device)."""
    with Image.open(BytesIO(content), formats=list(PICTURES)) as picture:
        kind = str(picture.format)
        if picture.width * picture.height > MOST_PIXELS:
            raise ValueError("too large")
        if kind == "GIF" or getattr(picture, "is_animated", False):
            picture.load()
            return content, kind, picture.size
        upright = ImageOps.exif_transpose(picture)
        upright.thumbnail((WIDEST, WIDEST * 4), Image.Resampling.LANCZOS)
        out = BytesIO()
        options: dict[str, Any] = {} if kind == "PNG" else {"quality": 85}
        upright.save(out, kind, optimize=True, icc_profile=picture.info.get("icc_profile"), exif=b"", **options)
        return out.getvalue(), kind, upright.size


def _document(attachment: Attachment, taken: set[str]) -> File:
    name = clean(attachment.name)
    extension = PurePosixPath(name).suffix.lower().lstrip(".")
    if extension not in DOCUMENTS:
        raise Failure(N_("Jenis berkas %(name)s tidak dapat dipasang di situs."), name=attachment.name)
    stem = slug(PurePosixPath(name).stem, 80) or "lampiran"
    file, n = f"{stem}.{extension}", 1
    while file in taken or file.startswith("gambar-"):
        n += 1
        file = f"{'lampiran-' if stem.startswith('gambar-') else ''}{stem}-{n}.{extension}"
    taken.add(file)
    return File({"file": file, "name": name, "size": len(attachment.content), "type": extension.upper()}, attachment.content)
