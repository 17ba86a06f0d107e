"""An office's letterhead: its words are settings, its logo a PNG in the archive.

A logo is never kept as it came: it is read as a picture, scaled, and written anew, so that nothing but a picture is left.
"""

import datetime as dt
import io
from typing import Any, BinaryIO

from PIL import Image

from bpmn.errors import N_, Invalid
from engine import access, files, media, settings
from engine.process_engine import Actor, ProcessEngine

MAX_BYTES = 5 << 20  # of a logo as it comes
SIDE = 480  # pixels that a logo has at most: 400 a inch on paper
PICTURES = ("image/png", "image/jpeg", "image/webp")


def change(pe: ProcessEngine, actor: Actor, now: dt.datetime, words: dict[str, Any], *, logo: BinaryIO | None = None,
           without_logo: bool = False) -> None:
    """Replace the letterhead; the logo stays unless a new one comes or it is taken away. An admin's.

    Papers that were issued keep the letterhead that they were issued with.
    """
    access.require(access.may_administer(actor))
    kept = "" if without_logo else settings.get(pe, actor.tenant)["letterhead"]["logo"]
    settings.change(pe, actor, now, "letterhead", {**words, "logo": _kept(pe, logo) if logo else kept})


def logo_of(pe: ProcessEngine, letterhead: dict[str, Any]) -> bytes | None:
    """The logo as PNG; None where there is none, or its file is gone: a paper can do without."""
    try:
        return files.read(pe.folder, letterhead["logo"]) if letterhead.get("logo") else None
    except (OSError, ValueError):
        return None


def _kept(pe: ProcessEngine, stream: BinaryIO) -> str:
    """Keep a logo and return the SHA-256 that it has as a PNG; Invalid (`logo`) for what is no picture."""
    content = stream.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise Invalid(N_("Logo terlalu besar: paling banyak %(megabytes)d MB."), field="logo", megabytes=MAX_BYTES >> 20)
    with files.received(pe.folder, [content]) as file:
        try:
            media_type = media.sniff(file.path, "logo")
        except Invalid as error:
            raise Invalid(error.message, field="logo", **error.params) from error
    if media_type not in PICTURES:
        raise Invalid(N_("Logo harus berupa gambar PNG, JPEG, atau WebP."), field="logo")
    with Image.open(io.BytesIO(content)) as picture:
        small = picture.convert("RGBA")
    small.thumbnail((SIDE, SIDE))
    written = io.BytesIO()
    small.save(written, "PNG", optimize=True)
    return files.keep_bytes(pe.folder, written.getvalue()).sha256
