"""Bytes that a library writes into a file, taken from it piece by piece."""

import io
from typing import Any


class Pieces(io.RawIOBase):
    """A file that is written from its beginning to its end and holds only what was not taken yet."""

    def __init__(self) -> None:
        self.held: list[bytes] = []
        self.written = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.written

    def write(self, data: Any) -> int:
        self.held.append(bytes(data))
        self.written += len(self.held[-1])
        return len(self.held[-1])

    def take(self) -> bytes:
        taken, self.held = b"".join(self.held), []
        return taken
