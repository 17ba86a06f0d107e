"""Whether a post still stands as it was approved: what connectors' `verify` share, and a look at the public page for all others.

Words are compared, in their order and with their case, apart from what platforms change by themselves: white space, punctuation,
entities, and every address (which they shorten, wrap or hide).
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import zip_longest

from connectors import N_, Failure, Request, Standing, content, http, rules

AROUND = 8  # words that are quoted of what differs
OPENING = 12  # words of a text by which it is known on a page
GONE = (404, 410)  # what a page that was taken away answers
STANDS = Standing("stands")
_BLOCK = re.compile(r"<(?=/?(?:blockquote|br|div|figure|figcaption|h\d|hr|li|ol|p|pre|table|tbody|td|th|thead|tr|ul)\b)", re.IGNORECASE)
_LOGIN = re.compile(r"/(?:accounts/login|checkpoint|log-?in|masuk|sign-?in)\b", re.IGNORECASE)
_PASSWORD = re.compile(r"<input[^<>]+type=[\"']?password", re.IGNORECASE)


def texts(channel: str, request: Request, thread: bool = False) -> list[str]:
    """What the channel may have been given: its text (`thread`: those of all parts) with the address of the whole where there is one,
    and without."""
    return list(dict.fromkeys(" ".join(rules.parts(channel, rules.of_request(request, link), thread)) for link in (request.link, "")))


def words(text: str) -> list[str]:
    """The words of a text, without addresses and what is not seen."""
    visible = re.sub("[\u00ad\u200b-\u200f\u2060\ufeff]", "", unicodedata.normalize("NFKC", text))
    return re.findall(r"\w+", rules.without_addresses(visible))


def words_of_html(html: str) -> list[str]:
    """The words of a piece of a page as they are read."""
    return words(content.of_html(_BLOCK.sub(" <", html)))


def compared(approved: Sequence[str], shown: str) -> Standing:
    """Whether a text says what one of the approved ones does."""
    return of_words([words(text) for text in approved], words(shown))


def of_words(approved: Sequence[list[str]], shown: list[str]) -> Standing:
    """As `compared`, of words."""
    if shown in approved:
        return STANDS
    at, wanted = max(((_first_difference(each, shown), each) for each in approved), key=lambda found: found[0])
    first = max(0, at - 2)
    return changed(N_("Disetujui: “%(approved)s”. Sekarang: “%(now)s”."), shown, approved=_quoted(wanted, first), now=_quoted(shown, first))


def changed(message: str, shown: Iterable[str], **params: str) -> Standing:
    """It says something else; `shown` is what names that."""
    return Standing("changed", message, params, hashlib.sha256(" ".join(shown).encode()).hexdigest())


def gone(message: str = N_("Kiriman ini tidak ada lagi di kanalnya."), **params: object) -> Standing:
    return Standing("gone", message, params, "gone")


def unreachable(failure: Failure) -> Standing:
    """Nobody can tell: the platform is away, refuses us, or shows it to others only."""
    return Standing("unreachable", failure.message, failure.params)


def page(url: str, title: str, approved: Sequence[str], allowed_private_hosts: frozenset[str], deadline: float = 20) -> Standing:
    """Look at the public address: the title or a text's first words stand there, or not. A page that cannot be opened, or asks who we
    are, tells nothing; one that shows neither proves something only where it showed them before (`certain` is False)."""
    try:
        response = http.get(url, allowed_private_hosts=allowed_private_hosts, deadline=deadline)
    except Failure as failure:
        return unreachable(failure)
    if response.status in GONE:
        return gone(N_("Alamatnya menjawab %(status)s: halaman itu tidak ada."), status=response.status)
    if not response.ok:
        return unreachable(Failure(N_("Tidak dapat dilihat: server menjawab %(status)s."), status=response.status))
    html = response.text()
    sought = [title, *(" ".join(words(text)[:OPENING]) for text in approved)]
    if any(each.strip() and content.contains_title(html, each) for each in sought):
        return STANDS
    if _LOGIN.search(response.url) or _PASSWORD.search(html):
        return unreachable(Failure(N_("Tidak dapat dilihat tanpa masuk ke kanal itu.")))
    return Standing("changed", N_("Judul dan teksnya tidak ada lagi di halaman itu."), {}, "not on its page", certain=False)


def _first_difference(one: list[str], two: list[str]) -> int:
    return next((number for number, (a, b) in enumerate(zip_longest(one, two)) if a != b), 0)


def _quoted(text: list[str], first: int) -> str:
    part = " ".join(text[first:first + AROUND])[:200]
    return ("…" if first else "") + part + ("…" if len(text) > first + AROUND else "")
