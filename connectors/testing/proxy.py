"""A server with faults that can be switched on; in front of another server, it passes on what is not at fault.

    with faulty() as server:                  # answers 200 "ok" itself
        server.fault = status(429, "Retry-After: 7")
    with faulty(upstream="http://127.0.0.1:80") as server:
        server.fault = lost_after; server.when = lambda method, path: method == "POST"
        server.begin(step=2, fault=lost_after)        # the third request from now, once
        server.begin(cut=("answers", 170))            # break off when so many bytes have gone that way, once
"""

import socket
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

Fault = Callable[["Exchange"], None]


@dataclass
class Exchange:
    """One connection: the request as it came, and what a fault does with it."""

    connection: socket.socket
    raw: bytes
    host: str
    upstream: str

    @property
    def method(self) -> str:
        return self.raw.split(b" ", 1)[0].decode()

    @property
    def path(self) -> str:
        return self.raw.split(b" ", 2)[1].decode()

    def answer(self, status: int, body: bytes = b"", *headers: str) -> None:
        lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
        self.connection.sendall("\r\n".join(lines).encode() + body)

    def pass_on(self) -> bytes:
        """The upstream's whole answer, which is not yet given to the client. Each side knows the other under the name
        that it has itself; the two are of one length, so that no Content-Length changes."""
        ours, theirs = self.host.encode(), self.upstream.removeprefix("http://").encode()
        assert len(ours) == len(theirs)
        name, port = theirs.decode().split(":")
        with socket.create_connection((name, int(port)), 30) as upstream:
            forwarded = b"\r\nX-Forwarded-Host: " + ours + b"\r\n"  # of a signed request it is part of what was signed
            upstream.sendall(self.raw.replace(ours, theirs).replace(b"\r\n", forwarded, 1))
            return b"".join(iter(lambda: upstream.recv(65_536), b"")).replace(theirs, ours)


@dataclass
class FaultyServer:
    url: str
    host: str
    fault: Fault | None = None
    when: Callable[[str, str], bool] = lambda method, path: True
    seen: list[str] = field(default_factory=list)  # "METHOD path" of each request
    raw: list[bytes] = field(default_factory=list)
    step: int | None = None  # which request is at fault, from 0; None: each
    count: int = 0  # requests since `begin`
    cut: tuple[str, int] | None = None  # ("requests" or "answers", after how many bytes)
    passed: dict[str, int] = field(default_factory=lambda: {"requests": 0, "answers": 0})  # bytes since `begin`
    bodies: dict[str, list[range]] = field(default_factory=lambda: {"requests": [], "answers": []})  # where among them each body was

    def begin(self, fault: Fault | None = None, step: int | None = None, cut: tuple[str, int] | None = None) -> None:
        """From now on this goes wrong, and requests and bytes are counted anew."""
        self.fault, self.step, self.cut = fault, step, cut
        self.count, self.passed, self.bodies = 0, {"requests": 0, "answers": 0}, {"requests": [], "answers": []}

    def note(self, way: str, message: bytes) -> None:
        """One that went that way, head and body."""
        end = self.passed[way] + len(message)
        self.bodies[way].append(range(end - len(message.partition(b"\r\n\r\n")[2]), end))
        self.passed[way] = end

    def left(self, way: str) -> int | None:
        """How many bytes may still go that way before the connection is cut; None: as many as there are."""
        return self.cut[1] - self.passed[way] if self.cut and self.cut[0] == way else None


def status(code: int, *headers: str, body: bytes = b"{}") -> Fault:
    return lambda exchange: exchange.answer(code, body, *headers)


def redirect(to: str, code: int = 302) -> Fault:
    return status(code, f"Location: {to}")


def silent(exchange: Exchange) -> None:
    """Takes the request, does nothing with it, and answers nothing for long."""
    time.sleep(3)


def reset(exchange: Exchange) -> None:
    """Breaks the connection off the hard way, having read the request."""
    exchange.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def lost_after(exchange: Exchange) -> None:
    """Accepts the request, and the answer never comes."""
    exchange.pass_on()


def gateway_timeout_after(exchange: Exchange) -> None:
    """Accepts the request, and a proxy in between gives up before the answer."""
    exchange.pass_on()
    exchange.answer(504, b"<h1>Gateway Timeout</h1>")


def error_after(exchange: Exchange) -> None:
    """Accepts the request, and breaks before it can say so."""
    exchange.pass_on()
    exchange.answer(500, b"<h1>Internal Server Error</h1>")


def silent_after(exchange: Exchange) -> None:
    """Accepts the request, and answers nothing for long."""
    exchange.pass_on()
    time.sleep(3)


def unreadable_after(exchange: Exchange) -> None:
    """Accepts the request; what comes back is another's page."""
    exchange.pass_on()
    exchange.answer(200, b"<!doctype html><title>Selamat datang</title>", "Content-Type: text/html")


def empty_after(exchange: Exchange) -> None:
    """Accepts the request, and says nothing of it."""
    exchange.pass_on()
    exchange.answer(200, b"{}", "Content-Type: application/json")


def endless(exchange: Exchange) -> None:
    exchange.connection.sendall(b"HTTP/1.1 200 X\r\nConnection: close\r\n\r\n")
    while True:  # until the client goes away
        exchange.connection.sendall(b"x" * 65_536)


def dripping_headers(exchange: Exchange) -> None:
    exchange.connection.sendall(b"HTTP/1.1 200 X\r\n")
    for n in range(200):
        exchange.connection.sendall(f"X-{n}: y\r\n".encode())
        time.sleep(0.05)


def dripping_body(exchange: Exchange) -> None:
    exchange.connection.sendall(b"HTTP/1.1 200 X\r\nContent-Length: 500\r\n\r\n")
    for _ in range(200):
        exchange.connection.sendall(b"x")
        time.sleep(0.05)


def truncated(exchange: Exchange) -> None:
    exchange.connection.sendall(b"HTTP/1.1 200 X\r\nContent-Length: 500\r\n\r\nonly this")


def gzip_bomb(exchange: Exchange) -> None:
    exchange.answer(200, _bomb(), "Content-Encoding: gzip")


@cache
def _bomb() -> bytes:
    """50 MiB of zeros, small as they travel."""
    packer = zlib.compressobj(1, wbits=31)
    return b"".join(packer.compress(bytes(2**20)) for _ in range(50)) + packer.flush()


def not_http(exchange: Exchange) -> None:
    exchange.connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")


@contextmanager
def faulty(upstream: str = "", wrap: Callable[[socket.socket], Any] = lambda sock: sock) -> Iterator[FaultyServer]:
    """`wrap` may put TLS around each accepted connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        server = FaultyServer(f"http://127.0.0.1:{port}", f"127.0.0.1:{port}")
        threading.Thread(target=_accept, args=(listener, server, upstream, wrap), daemon=True).start()
        try:
            yield server
        finally:
            listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, server: FaultyServer, upstream: str, wrap: Callable[[socket.socket], Any]) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return  # closed: the test is over
        threading.Thread(target=_serve, args=(connection, server, upstream, wrap), daemon=True).start()


def _serve(connection: socket.socket, server: FaultyServer, upstream: str, wrap: Callable[[socket.socket], Any]) -> None:
    try:
        with wrap(connection) as connection:
            left = server.left("requests")
            raw, whole = _read(connection, left)
            exchange = Exchange(connection, raw, server.host, upstream)
            if not whole:
                server.passed["requests"] += len(raw)
                return _cut_request(exchange, server) if left is not None and len(raw) >= left else None
            server.note("requests", raw)
            server.seen.append(f"{exchange.method} {exchange.path}")
            server.raw.append(raw)
            number, server.count = server.count, server.count + 1
            if server.fault and server.step in (None, number) and server.when(exchange.method, exchange.path):
                server.fault(exchange)
            elif upstream:
                _answer(exchange, server)
            else:
                exchange.answer(200, b"ok", "Content-Type: text/plain; charset=utf-8")
    except OSError:
        pass  # the client went away


def _answer(exchange: Exchange, server: FaultyServer) -> None:
    answer, left = exchange.pass_on(), server.left("answers")
    if left is not None and left < len(answer):
        server.cut = None
        exchange.connection.sendall(answer[: max(left, 0)])
        return reset(exchange)
    server.note("answers", answer)
    exchange.connection.sendall(answer)


def _cut_request(exchange: Exchange, server: FaultyServer) -> None:
    """Its first bytes arrive; then both sides see the connection broken."""
    server.cut = None
    ours, theirs = exchange.host.encode(), exchange.upstream.removeprefix("http://").encode()
    if theirs:
        name, port = theirs.decode().split(":")
        with socket.create_connection((name, int(port)), 30) as upstream:
            upstream.sendall(exchange.raw.replace(ours, theirs))
    reset(exchange)


def _read(connection: socket.socket, most: int | None) -> tuple[bytes, bool]:
    """One request, and whether it is whole: not where the client went away, or after `most` bytes."""
    raw = b""
    while (length := _length(raw)) is None or len(raw) < length:
        if most is not None and len(raw) >= most:
            return raw, False
        piece = connection.recv(65_536 if most is None else min(65_536, most - len(raw)))
        if not piece:
            return b"", False
        raw += piece
    return raw, True


def _length(raw: bytes) -> int | None:
    """Of a request, head and body; None while its head is not whole."""
    head, end, _ = raw.partition(b"\r\n\r\n")
    if not end:
        return None
    body = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
    return len(head) + 4 + body
