"""Whether a page that a person names really holds what they say it holds."""

import connectors
from bpmn.errors import N_, Invalid
from connectors import http
from engine.channels import context
from engine.process_engine import ProcessEngine

GONE = (404, 410)  # what a page that was taken away answers


def check(pe: ProcessEngine, url: str, title: str, *, field: str = "tautan") -> None:
    """Fetch `url` and look for `title` on it; Invalid, with `field`, where it cannot be fetched or the title is not there.

    Addresses inside the office's network are refused (see `connectors.http`). Takes up to 20 seconds: never in a transaction.
    """
    try:
        response = http.get(url, allowed_private_hosts=context(pe).allowed_private_hosts, deadline=20)
    except connectors.Failure as failure:
        raise Invalid(failure.message, field=field, **failure.params) from failure
    if not response.ok:
        raise Invalid(N_("Halaman itu tidak dapat dibuka: server menjawab %(status)s."), field=field, status=response.status)
    if not http.contains_title(response.text(), title):
        raise Invalid(N_("Halaman itu terbuka, tetapi judul “%(title)s” tidak ada di situ."), field=field, title=title[:200])


def check_gone(pe: ProcessEngine, url: str, title: str, *, field: str = "halaman_kini") -> None:
    """Fetch `url` and see that `title` is not there any more: Invalid, with `field`, where it is, or where nobody can tell.

    Otherwise as `check`.
    """
    try:
        response = http.get(url, allowed_private_hosts=context(pe).allowed_private_hosts, deadline=20)
    except connectors.Failure as failure:
        raise Invalid(failure.message, field=field, **failure.params) from failure
    if response.status in GONE:
        return
    if not response.ok:
        raise Invalid(N_("Halaman itu tidak dapat dibuka: server menjawab %(status)s."), field=field, status=response.status)
    if http.contains_title(response.text(), title):
        raise Invalid(N_("Judul “%(title)s” masih ada di halaman itu."), field=field, title=title[:200])
