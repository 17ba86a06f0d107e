"""A text as a series of posts, each an answer to the one before (a thread): what platforms that take such have in common.

How it is cut says `rules.parts`. Each part has its place in the progress ("sent", "sent-2", …), with {} as soon as it is begun and
{"result": …} when it is known to stand, so that a series goes on with the first part that is not begun, and none is posted twice.
"""

from collections.abc import Callable, Sequence
from typing import Any

from connectors import N_, Failure, Field, Request, Unfinished, rules

FIELD = Field("thread", N_("Pecah teks panjang menjadi utas"), "boolean",
              help=N_("Teks yang melebihi batas dikirim sebagai beberapa kiriman bersambung, paling banyak 25."))


def begin(request: Request, thread: bool) -> None:
    """Note once, for good, by what the text is cut: a setting or a page that changes meanwhile changes no series that has begun."""
    request.progress.pop("stuck", None)
    if "since" not in request.progress:
        request.progress.note(since=int(request.now.timestamp()), link=request.link, thread=thread)


def texts(channel: str, request: Request, thread: bool) -> list[str]:
    """The parts' texts, in order."""
    noted = request.progress
    return rules.parts(channel, rules.of_request(request, noted.get("link", request.link)), bool(noted.get("thread", thread)))


def name(number: int) -> str:
    """Of a part (from 0) in the progress."""
    return f"sent-{number + 1}" if number else "sent"


def taken_back(request: Request, failure: Failure, withdraw: Callable[[], None]) -> Failure:
    """What to raise where a part is refused for good. The parts before it are withdrawn, so that nothing stands and nobody reads half of
    it; where they cannot be, a person is asked, who sees them there."""
    try:
        withdraw()
    except Failure as left:
        if left.kind == "temporary":
            return left
        request.progress.note(stuck=True)
        return Failure(N_("Utas baru sebagian terkirim, dan yang sudah terkirim tidak dapat ditarik. %(said)s"), "unknown",
                       said=str(failure))
    request.progress.forget(*[name for name in request.progress if name.startswith("sent")])
    return failure


def results(request: Request, seen: Sequence[Any]) -> list[Any] | None:
    """What is known of every part (JSON, as `seen` has it), by what is noted and what is seen on the platform (None: it is not).

    None where a part that was begun is not seen, or nothing is, or a person is to decide. Raises Unfinished where the next part may be
    posted.
    """
    places = [request.progress.get(name(number)) for number in range(len(seen))]
    if any(place == {} and there is None for place, there in zip(places, seen, strict=True)):
        return None
    found = [place["result"] if place else there for place, there in zip(places, seen, strict=True)]
    if all(part is not None for part in found):
        return found
    if begun := {name(number): {"result": found[number]} for number, place in enumerate(places) if place == {}}:
        request.progress.note(**begun)
    if (begun or any(places)) and "stuck" not in request.progress:
        raise Unfinished()
    return None
