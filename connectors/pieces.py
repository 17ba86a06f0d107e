"""A file that is uploaded piece by piece, and goes on where it was when a connection breaks or a worker dies.

The platform makes the post when it has the last piece. That this was sent is noted before (`LAST`): from then on a refusal says nothing
of the post, and where the platform does not know the upload any more nobody can say what became of it.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from connectors import N_, Failure, NotYet, Progress, http

SIZE = 6 * 2**20  # bytes of a piece: minutes on a slow line, and a multiple of 256 KiB
SECONDS = 90.0  # for which one call goes on; the next one is another turn of the worker
LAST = "last"  # in the progress, {} as `Progress.forget_begun` wants it


class Gone(Failure):
    """The platform knows no such upload (any more). Where its last piece was not sent, nothing came of it: it is begun anew."""

    def __init__(self) -> None:
        super().__init__(N_("Unggahan yang belum selesai sudah kedaluwarsa; diulang dari awal."), "temporary")


def upload(progress: Progress, size: int, at: int, send: Callable[[int, int], int | str], end_of: Callable[[int], int]) -> int | str:
    """Send `size` bytes from `at` on by `send(first, end)`, which returns how many the platform has by now, or what came of the whole.
    Returns that, or `size`. Raises NotYet after SECONDS, and where a piece failed for now while others arrived: that is no failed try."""
    first, until = at, time.monotonic() + SECONDS
    while at < size:
        if time.monotonic() > until:
            raise NotYet(1)
        try:
            stands = _piece(progress, size, at, send, end_of)
        except Failure as failure:
            if at > first and failure.kind == "temporary" and not isinstance(failure, NotYet | Gone):
                raise NotYet(failure.retry_after or 5) from failure
            raise
        if isinstance(stands, str):
            return stands
        if stands <= at:
            raise Failure(N_("Unggahan tidak maju."), "temporary", 30)
        at = stands
    return at


def _piece(progress: Progress, size: int, at: int, send: Callable[[int, int], int | str], end_of: Callable[[int], int]) -> int | str:
    end = end_of(at)
    was_sent = LAST in progress
    if end == size and not was_sent:
        progress.note(**{LAST: {}})
    try:
        return send(at, end)
    except Failure as failure:
        if end == size and not was_sent and (failure.kind == "permanent" or isinstance(failure, Gone | NotYet | http.NotSent)):
            progress.forget(LAST)  # certainly not taken
        raise


@contextmanager
def begun(progress: Progress, *notes: str) -> Iterator[None]:
    """Inside of this an upload is begun or gone on with. Raises Failure, `unknown` where the last piece was sent and nobody can say any
    more what became of it; else, where the upload is gone, `notes` of it are forgotten so that the next try begins anew."""
    try:
        yield
    except NotYet:
        raise
    except Gone as gone:
        if LAST in progress:
            raise Failure(N_("Sudah dikirim, tetapi tidak diketahui apakah diterima."), "unknown") from gone
        progress.forget(*notes)
        raise
    except Failure as failure:
        if LAST not in progress:
            raise
        if failure.kind == "permanent":
            raise Failure(failure.message, "unknown", **failure.params) from failure
        failure.doubtful = True
        raise


def place(address: str, api: str, domain: str) -> str:
    """The address that a platform gave to upload to. Raises Failure (permanent) where it is neither the API's own server nor, by TLS, one
    of the platform's domain."""
    scheme, host, port = http.origin(address)
    if (scheme, host, port) == http.origin(api) or (scheme == "https" and host.endswith(f".{domain}")):
        return address
    raise http.Refused(N_("Alamat unggahan %(host)s bukan milik kanal ini."), host=host[:200])
