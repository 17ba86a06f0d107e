"""The site's own memory: records of posts, a lock between processes, and files that are whole or not there."""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class Store:
    """One JSON record and one Markdown text per post, named by the hash of the post's key."""

    def __init__(self, folder: Path):
        self.folder = folder

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One writer at a time, over all processes of the machine; freed by the system when a process dies."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def find(self, key: str) -> dict[str, Any] | None:
        path = self._path(key, "json")
        return json.loads(path.read_bytes()) if path.exists() else None

    def add(self, record: dict[str, Any], body: str) -> None:
        """The record last: where it is, the text is too."""
        write(self._path(record["key"], "md"), body.encode(), lasting=True)
        write(self._path(record["key"], "json"), json.dumps(record, ensure_ascii=False, indent=1).encode(), lasting=True)

    def body(self, record: dict[str, Any]) -> str:
        return self._path(record["key"], "md").read_text()

    def records(self) -> list[dict[str, Any]]:
        """All, the newest first."""
        found = [json.loads(path.read_bytes()) for path in self.folder.glob("*.json")]
        return sorted(found, key=lambda record: (record["published_at"], record["slug"]), reverse=True)

    def of_slug(self, slug: str) -> dict[str, Any] | None:
        return next((record for record in self.records() if record["slug"] == slug), None)

    def slugs(self) -> set[str]:
        return {record["slug"] for record in self.records()}

    def staging(self) -> Path:
        """An empty folder on the same file system, to be renamed into place."""
        folder = self.folder / "staging"
        shutil.rmtree(folder, ignore_errors=True)  # what a crash left; the lock is ours
        folder.mkdir()
        return folder

    def stamp(self) -> str:
        path = self.folder / "look"
        return path.read_text() if path.exists() else ""

    def set_stamp(self, stamp: str) -> None:
        write(self.folder / "look", stamp.encode())

    def _path(self, key: str, suffix: str) -> Path:
        return self.folder / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.{suffix}"


def write(path: Path, content: bytes, *, lasting: bool = False) -> None:
    """The file holds the old or the new content, never a part. Unchanged content is not written. Under the lock.
    `lasting`: it outlives a power cut, for what cannot be made again."""
    if path.exists() and path.stat().st_size == len(content) and path.read_bytes() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.new")  # what a crash leaves, the next write takes over
    with unfinished.open("wb") as file:
        file.write(content)
        file.flush()
        if lasting:
            os.fsync(file.fileno())
    os.replace(unfinished, path)
    if lasting:
        sync(path.parent)


def remove(paths: Iterable[Path]) -> None:
    """Files that should not be there; what is gone already is no matter."""
    for path in list(paths):
        path.unlink(missing_ok=True)


def sync(folder: Path) -> None:
    """The folder's own entries outlive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
