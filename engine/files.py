"""Bytes kept for ever under their SHA-256: `<folder>/archive/ab/abcdef…`.

A file appears under its name whole or not at all, and is on the disk before any row speaks of it.
Bytes without a row (after a crash in between) are harmless; a row without bytes is what must not be.
"""

import contextlib
import datetime as dt
import fcntl
import hashlib
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

CHUNK = 1 << 20  # bytes
LOCK = "archive.lock"
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Received:
    """A file on its way in: its bytes lie at `path`, under no name of their own yet."""

    path: Path
    sha256: str
    size: int  # bytes


def chunks(stream: BinaryIO) -> Iterator[bytes]:
    while chunk := stream.read(CHUNK):
        yield chunk


def path(folder: Path, sha256: str) -> Path:
    """Where the bytes with this hash lie (or would lie). Whatever is not a SHA-256 in hex is a ValueError, never a path."""
    if not _SHA256.fullmatch(sha256):
        raise ValueError("not a SHA-256")
    return folder / "archive" / sha256[:2] / sha256


@contextlib.contextmanager
def received(folder: Path, parts: Iterable[bytes]) -> Iterator[Received]:
    """Write `parts` to a temporary file while hashing it; the file is gone afterwards unless `keep` was called."""
    incoming = folder / "archive" / "incoming"
    incoming.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=incoming)
    try:
        digest, size = hashlib.sha256(), 0
        with os.fdopen(handle, "wb") as file:
            for part in parts:
                digest.update(part)
                size += file.write(part)
            file.flush()
            os.fsync(file.fileno())
        yield Received(Path(name), digest.hexdigest(), size)
    finally:
        Path(name).unlink(missing_ok=True)


def keep(folder: Path, file: Received) -> None:
    """Give the received bytes their name. Where it exists already it is replaced: by the same bytes, or by the right ones."""
    target = path(folder, file.sha256)
    target.parent.mkdir(parents=True, exist_ok=True)
    file.path.chmod(0o440)
    os.replace(file.path, target)
    for directory in (target.parent, target.parent.parent):
        _sync(directory)


def keep_bytes(folder: Path, content: bytes) -> Received:
    """Keep these bytes and say what they are called."""
    with received(folder, [content]) as file:
        keep(folder, file)
        return file


def read(folder: Path, sha256: str) -> bytes:
    """The bytes with this hash; FileNotFoundError where they are gone, ValueError where they are not those bytes any more."""
    content = path(folder, sha256).read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ValueError(f"the archive's file {sha256} was changed")
    return content


def fault(folder: Path, sha256: str) -> str | None:
    """None where the bytes are there and right; else 'missing' or 'changed'."""
    try:
        with path(folder, sha256).open("rb") as file:
            return None if hashlib.file_digest(file, "sha256").hexdigest() == sha256 else "changed"
    except FileNotFoundError:
        return "missing"
    except ValueError:  # what should be a hash is none
        return "changed"


def remove(folder: Path, sha256: str, before: dt.datetime) -> bool:
    """Take these bytes away for ever, unless they were kept (again) since `before`; whether they are gone.

    They lose their name first and are looked at then: who brings the same bytes in this very moment gives them a new one.
    """
    kept = path(folder, sha256)
    aside = kept.with_name(f"{sha256}.gone")
    try:
        os.replace(kept, aside)
    except FileNotFoundError:
        return not kept.exists()
    if aside.stat().st_mtime >= before.timestamp():
        with contextlib.suppress(FileExistsError):
            os.link(aside, kept)
        aside.unlink()
        return False
    aside.unlink()
    _sync(kept.parent)
    return True


@contextlib.contextmanager
def standing(folder: Path, *, alone: bool = False) -> Iterator[bool]:
    """Let no bytes be taken away while they are copied: held by every backup, and `alone` by who takes away.

    Who would be alone gets False at once where a copy is made. The lock goes with its process.
    """
    with (folder / LOCK).open("wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB if alone else fcntl.LOCK_SH)
        except BlockingIOError:
            yield False
            return
        yield True


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
