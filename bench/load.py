"""A load client that costs little itself: one process, one selector, keep-alive connections, requests made beforehand.

Every connection sends its next request when the answer to the last one is whole (a closed loop), so `clients`
connections are `clients` people who never think. It ends when all requests are answered, or at the time limit.
"""

import collections
import selectors
import socket
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Measured:
    """What a run showed: seconds of each answer, and of the whole."""

    latencies: list[float]
    seconds: float

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds

    @property
    def median(self) -> float:
        return statistics.median(self.latencies)

    @property
    def p99(self) -> float:
        return sorted(self.latencies)[min(len(self.latencies) - 1, int(len(self.latencies) * 0.99))]

    def __add__(self, other: "Measured") -> "Measured":
        return Measured(self.latencies + other.latencies, self.seconds + other.seconds)


def post(path: str, body: bytes, token: str = "") -> bytes:
    """One request as it goes over the wire."""
    head = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json", f"Content-Length: {len(body)}"]
    head += [f"Authorization: Bearer {token}"] if token else []
    return "\r\n".join([*head, "", ""]).encode() + body


def send(port: int, requests: Sequence[bytes], clients: int, limit: float = 120.0) -> Measured:
    """Send all requests over `clients` connections to this machine; any answer but 200 or 204 is an error."""
    waiting = collections.deque(requests)
    selector = selectors.DefaultSelector()
    latencies: list[float] = []
    began = time.perf_counter()
    for _ in range(min(clients, len(requests))):
        connection = socket.create_connection(("127.0.0.1", port), timeout=limit)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _next(connection, selector, waiting)
    while selector.get_map():
        for key, _ in selector.select(timeout=limit):
            buffered, sent_at = key.data
            received = key.fileobj.recv(65536)
            if not received:
                raise RuntimeError(f"the server closed the connection after {buffered[:500]!r}")
            buffered += received
            if _whole(buffered):
                latencies.append(time.perf_counter() - sent_at)
                selector.unregister(key.fileobj)
                _next(key.fileobj, selector, waiting)
        if time.perf_counter() - began > limit:
            raise TimeoutError(f"{len(latencies)} of {len(requests)} answered in {limit} s")
    return Measured(latencies, time.perf_counter() - began)


def _next(connection: socket.socket, selector: selectors.BaseSelector, waiting: collections.deque) -> None:
    if waiting:
        selector.register(connection, selectors.EVENT_READ, (bytearray(), time.perf_counter()))
        connection.sendall(waiting.popleft())
    else:
        connection.close()


def _whole(buffered: bytearray) -> bool:
    """Whether the answer is complete; RuntimeError when it is not a success."""
    end = buffered.find(b"\r\n\r\n")
    if end < 0:
        return False
    if buffered[9:12] not in (b"200", b"204"):
        raise RuntimeError(buffered.decode(errors="replace")[:2000])
    head = bytes(buffered[:end]).lower()
    at = head.find(b"content-length:")
    length = int(head[at + 15:].split(b"\r\n", 1)[0]) if at >= 0 else 0
    return len(buffered) >= end + 4 + length
