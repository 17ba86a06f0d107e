"""Platforms of the tests' own: each a script that serves one platform's documented interface in a process of its own.

    with running("telegram_server") as server:    # runs telegram_server.py beside this file
        server.url, server.posts()                # what visitors see: {platform id: text}

A script subclasses `Platform` and ends with `serve(ItsPlatform)`. It answers `/_posts` with that, for the tests.
Faults are the contract suite's (`connectors.testing.proxy`), between the two.
"""

import email
import json
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass
class Call:
    """One request, its body read: `fields` of JSON or a form, `files` {name: (file name, type, bytes)}."""

    method: str
    path: str
    query: dict[str, str]
    headers: Any
    body: bytes
    fields: dict[str, Any]
    files: dict[str, tuple[str, str, bytes]]


class Platform:
    """What a fake serves. `answer` returns (status, JSON or bytes) or (status, JSON or bytes, headers)."""

    def answer(self, call: Call) -> tuple:
        raise NotImplementedError

    def posts(self) -> dict[str, str]:
        raise NotImplementedError

    def forget(self) -> None:
        """All that it keeps by numbers; tokens and counters go on."""
        for kept in vars(self).values():
            if isinstance(kept, dict):
                kept.clear()


class _Lines:
    """A request as it comes; `line` is the last that was read: the empty one where its head came whole."""

    def __init__(self, file: Any):
        self.file, self.line, self.read, self.close = file, b"", file.read, file.close

    def readline(self, size: int) -> bytes:
        self.line = self.file.readline(size) or b"broken off"
        return b"" if self.line == b"broken off" else self.line


def serve(platform: Callable[[], Platform]) -> None:
    """Serve until killed; the port is said on the first line."""
    at = platform()
    lock = Lock()

    class Handler(BaseHTTPRequestHandler):
        def setup(self) -> None:
            super().setup()
            self.rfile = _Lines(self.rfile)

        def handle_one(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            if len(body) < length or self.rfile.line.strip():
                return  # it never came whole, so it is not taken
            parts = urlsplit(self.path)
            call = Call(self.command, parts.path, dict(parse_qsl(parts.query)), self.headers, body, *_parsed(self.headers, body))
            with lock:
                own = {"/_posts": at.posts, "/_forget": at.forget}.get(parts.path)
                status, said, *more = (200, own()) if own else at.answer(call)
            content = said if isinstance(said, bytes) else json.dumps(said).encode() if said is not None else b""
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", "Content-Length": len(content), **(more[0] if more else {})}.items():
                self.send_header(name, str(value))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = handle_one

        def log_message(self, *_args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()


def threaded(posts: dict[str, tuple[str | None, str]]) -> dict[str, str]:
    """`posts()` of {id: (what it answers, its text)}: a thread is one, under all its numbers; what answers a post that has an answer
    already is one more."""
    answers: dict[str | None, list[str]] = {}
    for id, (parent, _) in posts.items():
        answers.setdefault(parent, []).append(id)

    def thread(id: str) -> list[str]:
        return [id, *thread(answers[id][0])] if id in answers else [id]

    begun = [id for id, (parent, _) in posts.items() if parent not in posts or answers[parent][0] != id]
    return {",".join(thread(id)): posts[id][1] for id in begun}


def _parsed(headers: Any, body: bytes) -> tuple[dict[str, Any], dict[str, tuple[str, str, bytes]]]:
    kind = headers.get("Content-Type") or ""
    if kind.startswith("application/json"):
        said = json.loads(body or b"{}")
        return (said if isinstance(said, dict) else {"": said}), {}
    if kind.startswith("application/x-www-form-urlencoded"):
        return _gathered(parse_qsl(body.decode(), keep_blank_values=True)), {}
    if not kind.startswith("multipart/"):
        return {}, {}
    message: Any = email.message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body, policy=policy.HTTP)
    fields, files = [], {}
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        if part.get_filename():
            files[name] = (part.get_filename(), part.get_content_type(), part.get_payload(decode=True))
        else:
            fields.append((name, part.get_payload(decode=True).decode()))
    return _gathered(fields), files


def _gathered(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """`name[]` several times is a list."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name.endswith("[]"):
            found.setdefault(name[:-2], []).append(value)
        else:
            found[name] = value
    return found


@dataclass
class Running:
    url: str

    @property
    def host(self) -> str:
        return self.url.removeprefix("http://")

    def posts(self) -> dict[str, str]:
        return self.get("/_posts")

    def forget(self) -> None:
        urllib.request.urlopen(f"{self.url}/_forget", timeout=10).close()

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:
            return json.load(answer)

    # Of one that is signed in to (`connectors.testing.SignedInContract`):

    def expire(self) -> None:
        self.get("/_expire")

    def renewals(self) -> int:
        return self.get("/_state")["renewals"]


@contextmanager
def running(script: str) -> Iterator[Running]:
    process = subprocess.Popen([sys.executable, str(Path(__file__).with_name(f"{script}.py"))], stdout=subprocess.PIPE, text=True)
    try:
        yield Running(f"http://127.0.0.1:{int(process.stdout.readline())}")
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
