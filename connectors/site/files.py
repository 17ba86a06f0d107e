"""Pictures and attachments as the site keeps them: what is in the file, and the name that it has in its post's folder."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from connectors import Attachment, media
from connectors.content import clean
from connectors.slugs import slug


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
    taken: set[str] = set()
    return Kept(
        [_picture(image, number) for number, image in enumerate(images, 1)],
        [_document(attachment, taken) for attachment in attachments],
    )


def _picture(image: Attachment, number: int) -> File:
    picture = media.picture(image)
    described = {"file": f"gambar-{number}.{picture.extension}", "name": clean(image.name), "alt": clean(image.alt)}
    return File({**described, "width": picture.width, "height": picture.height}, picture.content)


def _document(attachment: Attachment, taken: set[str]) -> File:
    extension = media.extension(attachment)
    name = clean(attachment.name)
    stem = slug(PurePosixPath(name).stem, 80) or "lampiran"
    if stem.startswith("gambar-"):  # the pictures' names
        stem = f"lampiran-{stem}"
    file, n = f"{stem}.{extension}", 1
    while file in taken:
        n += 1
        file = f"{stem}-{n}.{extension}"
    taken.add(file)
    return File({"file": file, "name": name, "size": len(attachment.content), "type": extension.upper()}, attachment.content)
