import io
import time
import tracemalloc
import zlib
from dataclasses import replace

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from publications import picture

from connectors import Attachment, Failure, media, rules


def prepared(content):
    made = media.picture(Attachment("foto.jpg", "image/jpeg", content, ""))
    opened = Image.open(io.BytesIO(made.content))
    assert opened.size == (made.width, made.height) and Image.MIME[opened.format] == made.media_type
    return opened


@pytest.mark.parametrize("content", [b"", b"<svg/>", b"\xff\xd8\xff", picture()[:300], b"GIF89a", b"%PDF-1.4", b"BM" + bytes(100)])
def test_a_picture_that_is_none_is_refused(content):
    with pytest.raises(Failure, match="tidak dapat dibaca") as failure:
        prepared(content)
    assert failure.value.kind == "permanent"


def test_a_photo_goes_out_upright_small_and_without_its_place():
    exif = Image.Exif()
    exif[media.ORIENTATION] = 6  # turned by a quarter
    exif.get_ifd(0x8825)[2] = (5.0, 44.0, 0.0)
    sent = prepared(picture((3000, 2000), exif=exif, comment=b"kamera Budi"))
    assert sent.size == (1600, 2400) and not sent.getexif() and not {"comment", "xmp", "exif"} & set(sent.info)


def test_a_drawing_goes_out_without_the_notes_in_it():
    notes = PngInfo()
    notes.add_itxt("XML:com.adobe.xmp", "<x>Budi</x>")
    notes.add_text("Author", "Budi")
    assert b"Budi" not in media.picture(Attachment("a", "", picture(kind="PNG", pnginfo=notes), "")).content


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_each_kind_of_picture_keeps_its_kind(kind):
    assert prepared(picture((30, 20), kind)).format == kind


@pytest.mark.parametrize("width", [30, 2000])
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "CMYK"])
def test_colours_of_every_kind_are_taken(mode, width):
    out = io.BytesIO()
    Image.new("RGB" if mode in ("P", "CMYK") else mode, (width, 20)).convert(mode).save(out, "JPEG" if mode == "CMYK" else "PNG")
    assert prepared(out.getvalue()).width == min(width, 1600)


def test_an_animation_stays_one():
    out = io.BytesIO()
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue")]
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    assert prepared(out.getvalue()).n_frames == 2


def test_a_small_file_of_many_pixels_is_refused_quickly():
    bomb = _bomb()
    tracemalloc.start()
    start = time.monotonic()
    with pytest.raises(Failure):
        prepared(bomb)
    assert time.monotonic() - start < 1 and tracemalloc.get_traced_memory()[1] < 5 * 2**20
    tracemalloc.stop()


def _bomb():
    """A PNG whose head promises 20,000 by 20,000 pixels."""
    small = bytearray(picture((10, 10), "PNG"))
    small[16:24] = (20_000).to_bytes(4) * 2
    small[29:33] = zlib.crc32(small[12:29]).to_bytes(4)
    return bytes(small)


@pytest.mark.parametrize("name", ["a.PDF", "a.b.docx", "x/y.zip"])
def test_a_document_is_taken_by_its_extension(name):
    assert media.extension(Attachment(name, "", b"", "")) == name.rsplit(".", 1)[1].lower()


RUN = ["a.html", "a.svg", "a.exe", "a.js", "a.pdf.htm", "a", "", ".pdf/..", "a.xhtml", "a.php", "a.pdf ", ".htaccess"]


@pytest.mark.parametrize("name", RUN)
def test_what_is_run_rather_than_read_is_not_taken(name):
    with pytest.raises(Failure) as failure:
        media.extension(Attachment(name, "application/pdf", b"", ""))
    assert failure.value.kind == "permanent"


@pytest.mark.parametrize(("channel", "size", "kind", "expected"), [
    ("instagram", (400, 1600), "PNG", (400, 500)), ("instagram", (1600, 400), "JPEG", (764, 400)), ("instagram", (800, 800), "WEBP", (800, 800)),
    ("telegram", (300, 200), "GIF", (300, 200)), ("mastodon", (300, 200), "GIF", (300, 200)),
])
def test_a_picture_is_made_to_fit_its_channel(channel, size, kind, expected):
    made = media.fitting(Attachment("foto", "image/x", picture(size, kind)), rules.of(channel))
    assert (made.width, made.height) == expected and made.media_type in rules.of(channel).formats
    with Image.open(io.BytesIO(made.content)) as opened:
        assert opened.size == expected


def test_a_picture_of_too_many_bytes_is_made_smaller_or_refused():
    noise = Image.effect_noise((1600, 1200), 120).convert("RGB")
    out = io.BytesIO()
    noise.save(out, "PNG")
    strict = replace(rules.of("x"), size=400_000)
    assert len(media.fitting(Attachment("foto.png", "image/png", out.getvalue()), strict).content) <= 400_000
    with pytest.raises(Failure, match="terlalu besar"):
        media.fitting(Attachment("foto.png", "image/png", out.getvalue()), replace(strict, size=2_000))


def test_what_is_transparent_becomes_white():
    out = io.BytesIO()
    Image.new("RGBA", (40, 40), (0, 0, 0, 0)).save(out, "PNG")
    made = media.fitting(Attachment("logo.png", "image/png", out.getvalue()), rules.of("instagram"))
    assert Image.open(io.BytesIO(made.content)).getpixel((5, 5)) == (255, 255, 255)
