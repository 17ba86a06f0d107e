"""Let somebody look on while a connector calls out: each request before it is sent, each answer after it, without secrets."""

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Protocol

from connectors import Failure, Quota, masking


class Onlooker(Protocol):
    """What it is given is masked already, and holds no secret that is known."""

    def sending(self, number: int, request: dict[str, Any]) -> None:
        """The `number`-th request is about to be sent: {method, url, headers, body: {type, size, text}}."""
        ...

    def answered(self, number: int, answer: dict[str, Any]) -> None:
        """What became of it: {status, headers, body, seconds}, or {error, kind, seconds} where no whole answer came."""
        ...


@dataclass
class Watch:
    """A connector's work that is looked on at, from its first call to its last."""

    mask: masking.Mask
    onlooker: Onlooker | None = None
    until: float | None = None  # on time.monotonic(): no call goes on for longer
    quotas: dict[str, Quota] = field(default_factory=dict)  # the last of each name that an answer told
    numbers: Iterator[int] = field(default_factory=lambda: count(1))


_current: ContextVar[Watch | None] = ContextVar("watch", default=None)


@contextmanager
def watching(onlooker: Onlooker | None = None, seconds: float | None = None) -> Iterator[Watch]:
    """Look on at all calls inside of this (in this thread), and let none go on for longer than so many seconds in all. Inside of another
    one both look on: secrets, requests and quotas are told to that too."""
    outer = _current.get()
    end = until(time.monotonic() + (math.inf if seconds is None else seconds))
    with nullcontext(outer.mask) if outer else masking.hiding() as mask:
        watch = Watch(mask, onlooker or (outer.onlooker if outer else None), None if end == math.inf else end)
        if outer and not onlooker:
            watch.numbers = outer.numbers
        token = _current.set(watch)
        try:
            yield watch
        finally:
            _current.reset(token)
            if outer:
                outer.quotas |= watch.quotas


@contextmanager
def quotas() -> Iterator[dict[str, Quota]]:
    """What the answers inside of this tell of their rate limits; whoever looks on already goes on looking on."""
    watch = _current.get()
    if watch is None:
        with watching() as watch:
            yield watch.quotas
    else:
        yield watch.quotas


def until(deadline: float) -> float:
    """The moment on time.monotonic() at which a call must be over."""
    watch = _current.get()
    return min(deadline, watch.until) if watch and watch.until is not None else deadline


class Exchange:
    """One request, and what became of it."""

    def __init__(self, watch: Watch | None):
        self.watch = watch
        self.answer: Any = None  # a `http.Response`

    def answered(self, response: Any, quotas: list[Quota]) -> None:
        self.answer = response
        if self.watch:
            self.watch.quotas |= {quota.name: quota for quota in quotas}


@contextmanager
def exchange(method: str, url: str, headers: Mapping[str, str], body: Any) -> Iterator[Exchange]:
    """Tell of a request before it is sent, and after it."""
    watch = _current.get()
    seen = Exchange(watch)
    if watch is None or watch.onlooker is None:
        yield seen
        return
    mask, began = watch.mask, time.monotonic()
    number = next(watch.numbers)
    watch.onlooker.sending(number, {"method": method, **_masked(mask, headers, body, url)})
    try:
        yield seen
    except Failure as failure:
        watch.onlooker.answered(number, {"error": mask.text(str(failure), 500), "kind": failure.kind, "seconds": time.monotonic() - began})
        raise
    seconds, answer = time.monotonic() - began, seen.answer
    watch.onlooker.answered(number, {"status": answer.status, "seconds": seconds, **_masked(mask, answer.headers, answer.body)})


def _masked(mask: masking.Mask, headers: Mapping[str, str], body: Any, url: str = "") -> dict[str, Any]:
    try:
        mask.learn_from(headers, body, _type(headers), url)
        return {**({"url": mask.url(url)} if url else {}), "headers": mask.headers(headers), "body": mask.body(body, _type(headers))}
    except Exception as error:  # noqa: BLE001 - looking on must not change what happens, whatever strangers send
        return {"unreadable": type(error).__name__}


def _type(headers: Mapping[str, str]) -> str:
    return next((str(value) for name, value in headers.items() if name.lower() == "content-type"), "")
