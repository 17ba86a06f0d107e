"""What a camera notes in a picture (place, device) does not leave the office; the picture does, bit by bit."""

import io

import pytest
from PIL import Image, TiffImagePlugin
from PIL.PngImagePlugin import PngInfo

from engine import media

ORIENTATION, MODEL, GPS = 0x0112, 0x0110, 0x8825
TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}


def noted(kind, orientation=6, **more):
    """A picture as a phone makes it: which way is up, which phone, where."""
    exif = Image.Exif()
    exif[ORIENTATION], exif[MODEL] = orientation, "Telepon Rahasia"
    exif[GPS] = {1: "S", 2: tuple(TiffImagePlugin.IFDRational(n) for n in (5, 44, 30)), 3: "E", 4: (106, 36, 0)}
    picture = Image.new("RGB", (64, 48), "white")
    picture.paste("red", (0, 0, 20, 48))
    out = io.BytesIO()
    picture.save(out, kind, exif=exif, **more)
    return out.getvalue()


def pixels(content):
    with Image.open(io.BytesIO(content)) as image:
        return image.convert("RGB").tobytes()


def exif(content):
    with Image.open(io.BytesIO(content)) as image:
        found = image.getexif()
        return {**found, "gps": dict(found.get_ifd(GPS))}


@pytest.mark.parametrize(("kind", "more"), [
    ("JPEG", {}), ("JPEG", {"progressive": True, "comment": b"Telepon Rahasia", "icc_profile": b"profil" * 99}),
    ("JPEG", {"xmp": b"http://ns.adobe.com/xap/1.0/\0 Telepon Rahasia"}), ("PNG", {}), ("WEBP", {"lossless": True}),
    ("WEBP", {"xmp": b"Telepon Rahasia"}),
])
def test_the_picture_stays_and_what_was_noted_goes(kind, more):
    if kind == "PNG":
        more = {"pnginfo": PngInfo()}
        more["pnginfo"].add_text("Comment", "Telepon Rahasia")
    before = noted(kind, **more)
    assert b"Telepon Rahasia" in before and exif(before)["gps"]
    after = media.without_notes(before, TYPES[kind])
    assert b"Telepon" not in after and exif(after)["gps"] == {}
    assert pixels(after) == pixels(before)
    if kind == "JPEG":
        assert exif(after)[ORIENTATION] == 6  # or it would lie on its side
        assert (b"profil" in after) == (b"profil" in before)
    assert media.without_notes(after, TYPES[kind]) == after


def test_other_pictures_behind_the_first_stay_here():
    before = noted("JPEG", orientation=1)
    assert media.without_notes(before + noted("JPEG") + b"film", "image/jpeg") == media.without_notes(before, "image/jpeg")


@pytest.mark.parametrize("torn", [lambda c: c[:2] + b"\xff\xff" + c[2:], lambda c: c.replace(b"\xff\xdb", b"\x00\x00\xff\xdb", 1)])
def test_a_jpeg_that_is_not_as_it_should_be_tells_nothing_either(torn):
    after = media.without_notes(torn(noted("JPEG")), "image/jpeg")
    assert b"Telepon" not in after and exif(after)["gps"] == {} and len(pixels(after)) == 64 * 48 * 3


def test_an_animation_is_no_exception():
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    out, tags = io.BytesIO(), Image.Exif()
    tags[MODEL] = "Telepon Rahasia"
    frames[0].save(out, "WEBP", save_all=True, append_images=frames[1:], exif=tags)
    after = media.without_notes(out.getvalue(), "image/webp")
    assert b"Telepon" not in after
    with Image.open(io.BytesIO(after)) as image:
        assert image.n_frames == 2


def test_what_is_no_picture_is_left_alone():
    assert media.without_notes(b"%PDF-1.4", "application/pdf") == b"%PDF-1.4"
