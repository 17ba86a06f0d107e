"""How the outside world is reached: one file or folder per channel, found through entry points.

A connector is a small class with a declared configuration (`fields`), `publish(request) -> Result` and
`test() -> str`. It knows nothing of the engine: it gets what is to be published, and either returns where it
now stands or raises a `Failure` that says whether trying again may help. How to write one: `docs/connectors.md`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Literal, Protocol

GROUP = "terbit.connectors"
Kind = Literal["temporary", "permanent", "unknown"]


def N_(message: str) -> str:
    """Mark a string for translation where it is written; it is translated where it is shown."""
    return message


class Failure(Exception):
    """It was not published, or nobody knows whether it was. `kind` says what may be done about it:

    - `temporary`: it was certainly not published, or publishing again cannot double it; try again later
      (not before `retry_after` seconds, where given);
    - `permanent`: trying the same again gives the same answer; a person must change something;
    - `unknown`: it was sent and the outcome is not known; never repeat it blindly, ask a person.

    `message` is an Indonesian template (a gettext msgid) with %(name)s places, filled from `params`.
    It never holds a secret.
    """

    def __init__(self, message: str, kind: Kind = "permanent", retry_after: float | None = None, **params: Any):
        self.message = message
        self.kind = kind
        self.retry_after = retry_after
        self.params = params
        super().__init__(message % params if params else message)


class NotYet(Failure):
    """Its time (`publish_at`) has not come: ask again after `retry_after` seconds. Waiting is no failed attempt."""

    def __init__(self, retry_after: float):
        super().__init__(N_("Belum waktunya terbit."), "temporary", retry_after)


class NotByMachine(Failure):
    """This channel is published to by a person's hand; the web shows them the copy-ready package."""

    def __init__(self, message: str = N_("Kanal ini diterbitkan dengan tangan.")):
        super().__init__(message, "permanent")


@dataclass(frozen=True)
class Field:
    """One setting of a connector, as an admin fills it in. A `secret` is kept encrypted and given in `secrets`."""

    name: str
    label: str
    type: Literal["text", "url", "secret", "number", "boolean", "select"] = "text"
    required: bool = False
    help: str = ""
    options: tuple[tuple[str, str], ...] = ()  # (value, label), for a select


@dataclass(frozen=True)
class Attachment:
    name: str
    media_type: str
    content: bytes
    alt: str = ""  # what an image shows, for who does not see it


@dataclass(frozen=True)
class Correction:
    """A public note: what was wrong, and since when it is right."""

    at: datetime  # in the office's zone
    note: str


@dataclass(frozen=True)
class Request:
    """One publication to one channel. `key` is stable per case, channel and revision: the same key publishes once,
    and the content of a key never changes."""

    key: str
    title: str
    summary: str
    body: str  # Markdown
    kind: str  # jenis: peraturan, surat-edaran, laporan-keuangan, juknis-juklak, pengumuman, berita
    now: datetime
    text: str = ""  # what somebody wrote for this channel alone; "": `rules.compose` makes it of the rest
    images: tuple[Attachment, ...] | list[Attachment] = ()
    attachments: tuple[Attachment, ...] | list[Attachment] = ()
    publish_at: datetime | None = None
    business_key: str = ""
    corrections: tuple[Correction, ...] = ()  # shown with the post, oldest first


@dataclass(frozen=True)
class Result:
    """Where it stands. `scheduled`: the platform has taken it and will show it at `published_at`, not before."""

    url: str
    platform_id: str
    published_at: datetime
    scheduled: bool = False
    details: dict[str, Any] = field(default_factory=dict)  # JSON


@dataclass(frozen=True)
class Context:
    """What the installation gives to every connector."""

    folder: Path  # the instance folder
    base_url: str  # where the installation is reached from outside, without a slash at the end
    allowed_private_hosts: frozenset[str] = frozenset()  # "host:port" that may be called though private
    office: str = ""  # the name of the office whose channel it is
    place: str = ""  # where what belongs to that office lies within a folder or address: "", or "kantor/<id>/" of a further one


class Connector(Protocol):
    name: str
    title: str
    fields: tuple[Field, ...]

    def __init__(self, config: Mapping[str, Any], secrets: Mapping[str, str], context: Context): ...

    def publish(self, request: Request) -> Result:
        """Publish once per `request.key`, however often it is called. Raises Failure."""
        ...

    def test(self) -> str:
        """Say in a sentence that it would work, having changed nothing. Raises Failure."""
        ...


class Updates(Protocol):
    """What a connector may do besides. One that lacks a method leaves that to a person (NotByMachine)."""

    def update(self, request: Request, platform_id: str, url: str) -> Result:
        """Let the post that stands at `url` say what the request says, at the same address. Again with the same key:
        the same. Raises Failure."""
        ...

    def withdraw(self, platform_id: str, url: str, key: str) -> None:
        """Take the post away; again, or where it is gone already: nothing happens. Raises Failure."""
        ...


@cache
def all_connectors() -> dict[str, type[Connector]]:
    """Every installed connector by its name."""
    return {point.name: point.load() for point in sorted(entry_points(group=GROUP), key=lambda point: point.name)}


def find(name: str) -> type[Connector]:
    """The connector of that name. Raises Failure (permanent) when none is installed."""
    try:
        return all_connectors()[name]
    except KeyError:
        raise Failure(N_("Konektor %(name)s tidak terpasang."), "permanent", name=name) from None
