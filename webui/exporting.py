"""How far a long export came: a small file in the instance folder that its request writes and the page reads.

Whatever process answers the page's question finds it there. It is named by what the page made up and by who asks, so nobody reads of
another's; an export that was broken off says so.
"""

import hashlib
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bpmn.errors import N_, NotFound
from engine.process_engine import Actor

FOLDER = "exports"
NAME = re.compile(r"[0-9a-f]{32}")
KEPT = 24 * 3600  # seconds that such a file stays
OFTEN = 0.5  # seconds between two writings


class Progress:
    """What an export tells of itself. Where it has no file (`path` is None), nobody asked to be told."""

    def __init__(self, path: Path | None) -> None:
        self.path, self.count, self.total, self.at = path, 0, 0, 0.0

    @classmethod
    def of(cls, folder: Path, actor: Actor, name: str) -> "Progress":
        """The progress that a page calls so; of anything that is no name, one that is written nowhere."""
        if not NAME.fullmatch(name):
            return cls(None)
        whose = hashlib.sha256(f"{actor.tenant}\0{actor.id}\0{name}".encode()).hexdigest()
        return cls(Path(folder) / FOLDER / f"{whose}.json")

    def told(self, count: int, total: int) -> None:
        """Hear how many of how many cases were read."""
        self.count, self.total = count, total
        if time.monotonic() - self.at >= OFTEN:
            self._write("running")

    def read(self) -> dict[str, Any]:
        """{state: 'running' | 'done' | 'broken', count, total}; NotFound before it began."""
        try:
            return json.loads(self.path.read_text()) if self.path else self._none()
        except (FileNotFoundError, ValueError):
            return self._none()

    def around(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """Give what is being sent, and say in the end how it ended."""
        with self:
            yield from pieces

    def __enter__(self) -> "Progress":
        if self.path:
            self.path.parent.mkdir(exist_ok=True)
            for old in self.path.parent.glob("*.json"):
                if time.time() - old.stat().st_mtime > KEPT:
                    old.unlink(missing_ok=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: Any) -> None:
        self._write("broken" if kind else "done")

    def _write(self, state: str) -> None:
        if self.path is None:
            return
        self.at = time.monotonic()
        new = self.path.with_suffix(f".{id(self)}")
        new.write_text(json.dumps({"state": state, "count": self.count, "total": self.total}))
        new.replace(self.path)

    @staticmethod
    def _none() -> dict[str, Any]:
        raise NotFound(N_("Ekspor ini tidak ditemukan."))
