"""Files as they should go out: photos upright, small enough for a phone and without what a camera notes in them;
attachments only of types that are read, not run."""

from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from pathlib import PurePosixPath
from typing import Any

from PIL import Image, ImageOps, UnidentifiedImageError

from connectors import N_, Attachment, Failure
from connectors.rules import Rules

EXTENSIONS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "GIF": "gif"}
# Nothing that a browser would run, for it would run in the name of the site that it is put on.
DOCUMENTS = set("pdf doc docx xls xlsx ppt pptx odt ods odp csv txt rtf zip jpg jpeg png webp gif mp3 mp4".split())  # noqa: SIM905
WIDEST = 1600
MOST_PIXELS = (40_000_000, 120_000_000)  # in memory, and of a JPEG, which is decoded no larger than needed
ORIENTATION = 0x0112


@dataclass(frozen=True)
class Picture:
    content: bytes
    extension: str
    media_type: str
    width: int
    height: int


def picture(image: Attachment) -> Picture:
    """The picture at most WIDEST wide, without EXIF (place, device). Animations stay as they are.
    Raises Failure (permanent) for what is not a JPEG, PNG, WebP or GIF."""
    try:
        return _prepare(image.content)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as e:
        # Pillow raises any of these for a file that is broken or not an image
        raise Failure(N_("Gambar %(name)s tidak dapat dibaca."), name=image.name) from e


def fitting(image: Attachment, rules: Rules) -> Picture:
    """As `picture`, and as that channel takes it: another format becomes a JPEG, what is too tall or too wide is cropped around its
    middle, and too many bytes become fewer. Raises Failure (permanent)."""
    made = picture(image)
    ratio, low_high = made.width / made.height, rules.ratio or (0.0, float("inf"))
    is_small = (not rules.size or len(made.content) <= rules.size) and (not rules.sides or made.width + made.height <= rules.sides)
    if made.media_type in rules.formats and low_high[0] <= ratio <= low_high[1] and is_small:
        return made
    with Image.open(BytesIO(made.content)) as opened:
        flat = Image.new("RGB", opened.size, "white")
        shown = opened.convert("RGBA")
        flat.paste(shown, mask=shown.getchannel("A"))
    flat = _cropped(flat, *low_high)
    for side, quality in ((WIDEST, 88), (WIDEST, 75), (1080, 75), (720, 70)):
        flat.thumbnail((side, min(4 * side, (rules.sides or 5 * side) - side)))
        out = BytesIO()
        flat.save(out, "JPEG", quality=quality)
        if not rules.size or out.tell() <= rules.size:
            return Picture(out.getvalue(), "jpg", "image/jpeg", *flat.size)
    raise Failure(N_("Gambar %(name)s terlalu besar."), name=image.name)


def fitted(images: Iterable[Attachment], rules: Rules) -> list[Attachment]:
    """Pictures as that channel takes them, ready to be sent. Raises Failure (permanent)."""
    made = [(fitting(image, rules), image.alt) for image in images]
    return [Attachment(f"gambar.{picture.extension}", picture.media_type, picture.content, alt) for picture, alt in made]


def is_animated(image: Attachment) -> bool:
    """It is a GIF that moves."""
    try:
        with Image.open(BytesIO(image.content), formats=["GIF"]) as opened:
            return bool(getattr(opened, "is_animated", False))
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return False


def _cropped(image: Image.Image, low: float, high: float) -> Image.Image:
    width, height = image.size
    if width / height < low:
        keep = max(1, int(width / low))
        return image.crop((0, (height - keep) // 2, width, (height - keep) // 2 + keep))
    if width / height > high:
        keep = max(1, int(height * high))
        return image.crop(((width - keep) // 2, 0, (width - keep) // 2 + keep, height))
    return image


def extension(attachment: Attachment) -> str:
    """The attachment's, in lower case without the dot. Raises Failure (permanent) for a type that is not passed on."""
    found = PurePosixPath(attachment.name).suffix.lower().lstrip(".")
    if found not in DOCUMENTS:
        raise Failure(N_("Dokumen %(name)s tidak dapat dipasang di situs: jenisnya tidak diterima."), name=attachment.name)
    return found


def _prepare(content: bytes) -> Picture:
    with Image.open(BytesIO(content), formats=list(EXTENSIONS)) as opened:
        kind = str(opened.format)
        if opened.width * opened.height > MOST_PIXELS[kind == "JPEG"]:
            raise ValueError("too many pixels")
        size = opened.size
        if kind == "GIF" or getattr(opened, "is_animated", False):
            opened.load()
        else:
            content, size = _smaller(opened, kind)
    return Picture(content, EXTENSIONS[kind], Image.MIME[kind], *size)


def _smaller(opened: Image.Image, kind: str) -> tuple[bytes, tuple[int, int]]:
    profile = opened.info.get("icc_profile")
    turned = opened.getexif().get(ORIENTATION, 1) >= 5
    if opened.mode in ("1", "P", "PA") and opened.width > WIDEST:  # their colours are numbers, which cannot be mixed
        opened = opened.convert("RGBA" if opened.has_transparency_data else "RGB")
    opened.thumbnail((WIDEST * 4, WIDEST) if turned else (WIDEST, WIDEST * 4), Image.Resampling.LANCZOS)
    upright = ImageOps.exif_transpose(opened)
    upright.info = {name: value for name, value in upright.info.items() if name == "transparency"}  # no comment, no XMP
    out = BytesIO()
    options: dict[str, Any] = {} if kind == "PNG" else {"quality": 85}
    upright.save(out, kind, icc_profile=profile, exif=b"", **options)
    return out.getvalue(), upright.size
