"""What a file is, told from its bytes: never from its name, never from what the browser claims.

A picture goes out of the office without what a camera noted in it (`without_notes`); videos and documents go out byte for byte.

Closed by default: what is not recognised as one of `TYPES` is refused, and so is everything that can run
(HTML, SVG, programs, documents with macros), whatever it is called.
"""

import io
import re
import struct
import unicodedata
import zipfile
from pathlib import Path

from PIL import Image

from bpmn.errors import N_, Invalid

MAX_IMAGE_PIXELS = 50_000_000  # a 50-megapixel photograph; 200 MB once decoded
MAX_FRAMES = 1000  # of an animation
MAX_UNPACKED = 1 << 30  # bytes that an office document may hold when unpacked
MAX_CONTENT_TYPES = 1 << 20  # bytes of its table of contents, the one part that is read

TYPES = {  # media type -> the extensions that belong to it, the usual one first
    "application/pdf": (".pdf",),
    "image/jpeg": (".jpg", ".jpeg"),
    "image/png": (".png",),
    "image/webp": (".webp",),
    "image/gif": (".gif",),
    "video/mp4": (".mp4", ".m4v"),
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": (".docx",),
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": (".xlsx",),
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": (".pptx",),
    "application/vnd.oasis.opendocument.text": (".odt",),
    "text/plain": (".txt",),
    "text/csv": (".csv",),
    "application/zip": (".zip",),
}
ACCEPT = ",".join(extension for extensions in TYPES.values() for extension in extensions)  # for <input accept>

_IMAGES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "GIF": "image/gif"}
_MP4_BRANDS = {b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1", b"M4V ", b"MSNV", b"dash", b"mmp4"}
_OFFICE = {"word/document.xml": ".docx", "xl/workbook.xml": ".xlsx", "ppt/presentation.xml": ".pptx"}
_ACTIVE_TEXT = re.compile(
    rb"<\s*(!doctype|!--|html|head|body|script|iframe|svg|\?xml|\?php|meta|style|object|embed|img|a\s)|^#!", re.IGNORECASE)
_UNKNOWN = N_("Jenis dokumen ini tidak diterima. Yang diterima: PDF, JPEG, PNG, WebP, GIF, MP4, DOCX, XLSX, PPTX, ODT, TXT, CSV, ZIP.")


def sniff(path: Path, name: str) -> str:
    """The media type of the file at `path`, one of `TYPES`; Invalid, with the reason, for anything else.

    The name decides only what bytes cannot: plain text from a table in text.
    """
    with path.open("rb") as file:
        head = file.read(4096)
    if head.startswith(b"%PDF-"):
        return "application/pdf"
    if head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a")) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP"):
        return _image(path)
    if head[4:8] == b"ftyp" and head[8:12] in _MP4_BRANDS:
        return "video/mp4"
    if head.startswith(b"PK\x03\x04"):
        return _office(path)
    return _text(path, head, name)


def clean_name(name: str, media_type: str) -> str:
    """A file name that is only a name: no folder, no control or direction characters, the extension that belongs to its type."""
    name = unicodedata.normalize("NFC", name).replace("\\", "/").rsplit("/", 1)[-1]
    name = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in name)
    name = re.sub(r'[<>:"|?*\s]+', " ", name).strip(" .")
    stem, dot, extension = name.rpartition(".")
    extensions = TYPES[media_type]
    if dot and f".{extension.lower()}" in extensions:
        return f"{_stem(stem)}.{extension.lower()}"
    known = dot and any(f".{extension.lower()}" in group for group in TYPES.values())
    return _stem(stem if known else name) + extensions[0]


def _stem(stem: str) -> str:
    stem = stem.strip(" .").encode()[:150].decode(errors="ignore").strip(" .")  # file systems count bytes
    return stem or "berkas"


def _image(path: Path) -> str:
    try:
        with Image.open(path, formats=list(_IMAGES)) as image:  # reads the header only
            if image.width * image.height > MAX_IMAGE_PIXELS or getattr(image, "n_frames", 1) > MAX_FRAMES:
                raise Image.DecompressionBombError
            image.load()  # the whole picture, so that a torn upload is seen now and not by the readers
            return _IMAGES[image.format or ""]
    except Image.DecompressionBombError as error:
        most = MAX_IMAGE_PIXELS // 1_000_000
        raise Invalid(N_("Gambar terlalu besar: paling banyak %(megapixels)d megapiksel."), megapixels=most) from error
    except Exception as error:  # Pillow's decoders raise whatever a broken file makes them: SyntaxError, struct.error, zlib.error, …
        raise Invalid(N_("Gambar rusak atau tidak lengkap.")) from error


def _office(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as package:
            names = {info.filename for info in package.infolist()}
            if sum(info.file_size for info in package.infolist()) > MAX_UNPACKED or len(names) > 20_000:
                raise Invalid(N_("Dokumen terlalu besar setelah dibuka."))
            if any(info.flag_bits & 1 for info in package.infolist()):
                raise Invalid(N_("Dokumen dikunci kata sandi. Buka kuncinya lalu unggah lagi."))
            if "mimetype" in names and package.getinfo("mimetype").file_size < 200:
                media_type = package.read("mimetype").decode("ascii", "replace").strip()
                has_macros = any(name.startswith(("Basic/", "Scripts/")) for name in names)
                return _unless(has_macros, media_type if media_type == "application/vnd.oasis.opendocument.text" else None)
            extension = next((_OFFICE[name] for name in _OFFICE if name in names), None)
            has_macros = any(name.lower().endswith((".bin", ".vbs", ".js")) and "vba" in name.lower() for name in names)
            if "[Content_Types].xml" in names and package.getinfo("[Content_Types].xml").file_size < MAX_CONTENT_TYPES:
                has_macros = has_macros or b"macroenabled" in package.read("[Content_Types].xml").lower()
                return _unless(has_macros, _type_of(extension))
            if names and all(_type_of(Path(name).suffix.lower()) for name in names if not name.endswith("/")):
                return "application/zip"  # a plain one, and nothing in it that would not be taken by itself, going by the names
    except Invalid:
        raise
    except Exception as error:  # zipfile raises whatever a broken or encrypted file makes it: BadZipFile, RuntimeError, zlib.error, …
        raise Invalid(N_("Dokumen rusak atau tidak lengkap.")) from error
    raise Invalid(_UNKNOWN)


def _unless(has_macros: bool, media_type: str | None) -> str:
    if has_macros:
        raise Invalid(N_("Dokumen berisi makro. Simpan sebagai dokumen tanpa makro lalu unggah lagi."))
    if media_type is None:
        raise Invalid(_UNKNOWN)
    return media_type


def _type_of(extension: str | None) -> str | None:
    return next((media_type for media_type, extensions in TYPES.items() if extension in extensions), None)


def _text(path: Path, head: bytes, name: str) -> str:
    """Text only where the name says so and nothing in it would run in a browser or a shell."""
    media_type = _type_of(Path(name.replace("\\", "/")).suffix.lower())
    if media_type not in ("text/plain", "text/csv") or _ACTIVE_TEXT.search(head.removeprefix(b"\xef\xbb\xbf")):
        raise Invalid(_UNKNOWN)
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            if re.search(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]", chunk):  # no text in UTF-8 or an older 8-bit code has these
                raise Invalid(_UNKNOWN)
    return media_type


# Going out ------------------------------------------------------------------------------------------------------------

_JPEG_NOTES = {0xE1, 0xED, 0xFE, *range(0xE3, 0xED), 0xEF}  # Exif and XMP, Photoshop's (IPTC), comments, makers' own; not JFIF, ICC, Adobe
_PNG_NOTES = {b"eXIf", b"tEXt", b"zTXt", b"iTXt", b"tIME"}
_WEBP_NOTES = {b"EXIF", b"XMP "}
_UPRIGHT = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0%c\0\0\0\0\0\0"  # only which way is up


def without_notes(content: bytes, media_type: str) -> bytes:
    """A picture without what a camera or a program noted in it (place, device, author), its picture data untouched.

    Which way is up stays noted where it matters. What is no JPEG, PNG or WebP comes back as it is; one that cannot be
    followed from part to part is drawn anew.
    """
    take = {"image/jpeg": _jpeg, "image/png": _png, "image/webp": _webp}.get(media_type)
    try:
        return take(content) if take else content
    except (struct.error, IndexError, ValueError, SyntaxError, OSError):  # the last two: Pillow's, of a broken Exif
        return _redrawn(content)


def _redrawn(content: bytes) -> bytes:
    with Image.open(io.BytesIO(content), formats=list(_IMAGES)) as image:
        kind, out = str(image.format), io.BytesIO()
        plain = Image.new(image.mode, image.size)
        plain.paste(image)
        plain.save(out, kind, **({"quality": 90} if kind != "PNG" else {}))
    return out.getvalue()


def _jpeg(content: bytes) -> bytes:
    with Image.open(io.BytesIO(content)) as image:
        turned = image.getexif().get(0x0112, 1)
    out = bytearray(content[:2])
    at = 2
    if turned in range(2, 9):
        note = _UPRIGHT % turned
        out += b"\xff\xe1" + struct.pack(">H", len(note) + 2) + note
    while content[at + 1] != 0xDA:  # the picture itself begins; whatever is behind its end stays out
        if content[at] != 0xFF:
            raise ValueError("no marker")
        if content[at + 1] == 0xFF:  # a filler
            at += 1
            continue
        length = 2 + struct.unpack(">H", content[at + 2:at + 4])[0]
        is_flashpix = content[at + 1] == 0xE2 and not content[at + 4:].startswith(b"ICC_PROFILE")  # also other pictures in this one
        if content[at + 1] not in _JPEG_NOTES and not is_flashpix:
            out += content[at:at + length]
        at += length
    return bytes(out) + content[at:_jpeg_end(content, at)]


def _jpeg_end(content: bytes, at: int) -> int:
    """Where the first picture ends: phones put others, and a film, behind it."""
    while True:
        at = content.find(b"\xff", at) + 1
        if not at or at == len(content):  # cut off there, which readers forgive
            return len(content)
        marker = content[at]
        if marker == 0xD9:
            return at + 1
        if marker not in (0x00, 0xFF, *range(0xD0, 0xD8)):  # of a progressive one: more tables, the next scan
            at += 1 + struct.unpack(">H", content[at + 1:at + 3])[0]


def _png(content: bytes) -> bytes:
    out, at = bytearray(content[:8]), 8
    while at < len(content):
        length, kind = struct.unpack(">I4s", content[at:at + 8])
        if kind not in _PNG_NOTES:
            out += content[at:at + 12 + length]
        at += 12 + length
        if kind == b"IEND":
            break
    return bytes(out)


def _webp(content: bytes) -> bytes:
    body, at = bytearray(), 12
    while at < len(content):
        kind, length = struct.unpack("<4sI", content[at:at + 8])
        chunk = bytearray(content[at:at + 8 + length + length % 2])
        if kind == b"VP8X":
            chunk[8] &= ~0x0C & 0xFF  # it says which chunks there are
        if kind not in _WEBP_NOTES:
            body += chunk
        at += 8 + length + length % 2
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + bytes(body)
