"""What a platform fetches at /media/…: that one file, for a day, and nothing else whatever is asked."""

import base64
import datetime as dt
import os

import pytest

from connectors import Attachment, Failure
from engine import backup, channels, files, public_files
from engine.process_engine import open_engine

BASE = "https://terbit.example"
PHOTO = Attachment("foto.jpg", "image/jpeg", b"\xff\xd8\xff" + b"j" * 5_000)
VIDEO = Attachment("video.mp4", "video/mp4", bytes(range(256)) * 40)


def ago(**how):
    return lambda: dt.datetime.now(dt.timezone.utc) - dt.timedelta(**how)


@pytest.fixture
def put(pe):
    """The path of a new address of a file."""
    return lambda file=PHOTO, **more: public_files.put(pe, BASE, file, **more).removeprefix(BASE)


def test_a_stranger_fetches_the_very_bytes_without_a_cookie(stranger, put):
    path = put()
    assert path.startswith("/media/") and path.endswith(".jpg")
    answer = stranger.get(path)
    assert (answer.status_code, answer.mimetype, answer.data) == (200, "image/jpeg", PHOTO.content)
    assert answer.headers["Content-Length"] == str(len(PHOTO.content)) and answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff" and "sandbox" in answer.headers["Content-Security-Policy"]
    assert "Set-Cookie" not in answer.headers
    head = stranger.client.head(path)
    assert (head.status_code, head.headers["Content-Length"], head.data) == (200, str(len(PHOTO.content)), b"")
    assert stranger.client.post(path).status_code == 405


def test_a_video_is_fetched_in_ranges(stranger, put):
    path = put(VIDEO)
    answer = stranger.get(path, headers={"Range": "bytes=100-199"})
    assert (answer.status_code, answer.mimetype, answer.data) == (206, "video/mp4", VIDEO.content[100:200])
    assert answer.headers["Content-Range"] == f"bytes 100-199/{len(VIDEO.content)}"
    assert stranger.get(path, headers={"Range": "bytes=999999-"}).status_code == 416


def hostile(path, pe):
    """Addresses made of a good one that are none."""
    token, _, extension = path.removeprefix("/media/").partition(".")
    other = files.keep_bytes(pe.folder, b"rahasia")  # of the archive: not even its own hash, well signed by another key, shows it
    raw = base64.urlsafe_b64decode(token)
    forged = base64.urlsafe_b64encode(bytes.fromhex(other.sha256) + raw[32:]).decode()
    later = base64.urlsafe_b64encode(raw[:32] + (2**62).to_bytes(8) + raw[40:]).decode()
    yield from (f"{forged}.{extension}", f"{later}.{extension}", f"{token}.png", f"{token}.html", token, f"{token}.", f"{token}.jpg.jpg",
                f"{token}x.jpg", f"{token[:-4]}.jpg", f"{token[:-1]}é.jpg", f"{token[:50]}%00{token[53:]}.jpg", "x" * 60_000 + ".jpg",
                f"{other.sha256}.jpg", "..%2f..%2fsecret.key", "../secret.key", "%2e%2e/secret.key", "..\\secret.key", ".", "..", "")
    for at in (0, 40, 60, 95):
        yield f"{token[:at]}{'A' if token[at] != 'A' else 'B'}{token[at + 1:]}.jpg"


def test_nothing_else_is_reached(stranger, put, pe, monkeypatch):
    monkeypatch.setattr("webui.security.limiter.enabled", False)
    for name in hostile(put(), pe):
        answer = stranger.get(f"/media/{name}")
        assert answer.status_code in (404, 308, 303), name
        assert b"rahasia" not in answer.data and (pe.folder / "secret.key").read_bytes() not in answer.data


def test_another_installation_signs_for_itself(stranger, put, pe, tmp_path):
    other = open_engine(tmp_path / "lain")
    try:
        path = public_files.put(other, BASE, PHOTO).removeprefix(BASE)
        assert stranger.get(put()).status_code == 200 and stranger.get(path).status_code == 404
    finally:
        other.close()


def test_an_address_names_its_own_file_and_ends_after_a_day(stranger, put):
    """Whichever office put it there: an address shows the file that it was made for, and no other."""
    first, second = put(), put(Attachment("b.png", "image/png", b"kantor lain"))
    assert stranger.get(first).data == PHOTO.content and stranger.get(second).data == b"kantor lain"
    assert stranger.get(put(clock=ago(hours=23))).status_code == 200
    assert stranger.get(put(clock=ago(hours=24, seconds=1))).status_code == 404


def test_strangers_are_slowed_down(stranger, put):
    path = put()
    assert 429 in {stranger.client.head(path).status_code for _ in range(301)}


def test_what_is_shown_no_more_is_swept_and_never_backed_up(pe, put, stranger):
    old, new = put(), put(VIDEO)
    half = pe.folder / "public/archive/incoming/half"
    half.write_bytes(b"x")
    now = dt.datetime.now(dt.timezone.utc)
    for path in (half, *(pe.folder / "public/archive").glob("*/*")):
        if path.name not in new and path.read_bytes() != VIDEO.content:
            os.utime(path, (now.timestamp() - 26 * 3600,) * 2)
    assert public_files.sweep(pe, now) == 2 and public_files.sweep(pe, now) == 0
    assert stranger.get(old).status_code == 404 and stranger.get(new).status_code == 200 and not half.exists()
    assert stranger.get(put()).status_code == 200  # put anew, it lies there anew
    assert not [name for _, name, _ in backup._files(pe, pe.folder.parent / "cadangan") if name.parts[0] == "public"]


def test_a_type_that_nobody_fetches_is_not_put_there(pe):
    with pytest.raises(Failure) as caught:
        public_files.put(pe, BASE, Attachment("surat.pdf", "application/pdf", b"%PDF"))
    assert caught.value.kind == "permanent"


@pytest.mark.parametrize("address, reachable", [
    ("https://terbit.kpu.go.id", True), ("https://terbit.example/jalan", True), ("https://terbit.example:8443", True),
    ("http://terbit.kpu.go.id", False), ("https://localhost", False), ("https://terbit", False), ("https://terbit.local", False),
    ("https://server.lan", False), ("https://10.0.0.5", False), ("https://[::1]", False), ("https://127.0.0.1:8000", False),
    ("https://8.8.8.8", True), ("https://999.1.1.1", False)])
def test_only_what_is_on_the_internet_gives_addresses(pe, address, reachable):
    pe.config["BASE_URL"] = address
    public = channels.context(pe).public
    assert (public is not None) == reachable
    if public:
        assert public(PHOTO).startswith(f"{address}/media/")
