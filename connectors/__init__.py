"""How the outside world is reached: one file or folder per channel, found through entry points.

A connector is a small class with a declared configuration (`fields`), `publish(request) -> Result` and
`check(now) -> Health`. It knows nothing of the engine: it gets what is to be published, and either returns where it
now stands or raises a `Failure` that says whether trying again may help. How to write one: `docs/connectors.md`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Literal, Protocol

from connectors import masking

GROUP = "terbit.connectors"
MOST_WAIT = 86_400.0  # seconds for which a platform can ask to be left alone
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

    `doubtful`: it may have been taken, but making the same call again doubles nothing (`repeatable`): it is tried again like any
    temporary failure, and once the tries are used up a person is asked, as for `unknown`.

    `message` is an Indonesian template (a gettext msgid) with %(name)s places, filled from `params`.
    It never holds a secret.
    """

    doubtful = False

    def __init__(self, message: str, kind: Kind = "permanent", retry_after: float | None = None, **params: Any):
        self.message = message
        self.kind = kind
        self.retry_after = retry_after
        self.params = masking.hidden(params)  # what a platform says may quote what it was sent
        super().__init__(masking.hidden(message % self.params if params else message))


def repeatable(call: Callable[[], Any]) -> Any:
    """The result of a call that may be made twice as once: not knowing whether it was taken is no more than having failed for now."""
    try:
        return call()
    except Failure as failure:
        if failure.kind != "unknown":
            raise
        again = Failure(failure.message, "temporary", failure.retry_after, **failure.params)
        again.doubtful = True
        raise again from failure


class NotYet(Failure):
    """Its time (`publish_at`) has not come: ask again after `retry_after` seconds. Waiting is no failed attempt."""

    def __init__(self, retry_after: float):
        super().__init__(N_("Belum waktunya terbit."), "temporary", retry_after)


class Throttled(NotYet):
    """The platform takes nothing more for now: nobody is to call this channel before `retry_after` seconds, as the platform
    itself has said. Certainly not published. Other channels are not held up."""

    def __init__(self, retry_after: float):
        super().__init__(retry_after if 0 <= retry_after <= MOST_WAIT else MOST_WAIT)  # platforms may say anything, infinity too
        self.message = N_("Kanal ini meminta Terbit menunggu.")
        self.args = (self.message,)


class Unfinished(Failure):
    """Raised by `find`: of several posts that belong together only the first stand there, and what the connector had begun is found and
    noted in its progress. Nothing is in doubt: `publish` goes on with the next."""

    def __init__(self) -> None:
        super().__init__(N_("Baru sebagian terkirim."), "temporary")


class NotByMachine(Failure):
    """This channel is published to by a person's hand; the web shows them the copy-ready package."""

    def __init__(self, message: str = N_("Kanal ini diterbitkan dengan tangan.")):
        super().__init__(message, "permanent")


class Denied(Failure):
    """The platform does not take the credentials, or not any more: an admin must enter others (permanent)."""

    def __init__(self, message: str, **params: Any):
        super().__init__(message, "permanent", **params)


@dataclass(frozen=True)
class Field:
    """One setting of a connector, as an admin fills it in. A `secret` is kept encrypted and given in `secrets`."""

    name: str
    label: str
    type: Literal["text", "lines", "url", "secret", "number", "boolean", "select"] = "text"
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


class Progress(dict[str, Any]):
    """What a connector notes between the steps of one publication: a try after a crash goes on from there.

    Small and JSON: an upload's address, a container's id, the ids of uploaded pictures. Each note is kept before the next step
    is taken. Kept encrypted, and until the publication is settled.
    """

    def __init__(self, noted: Mapping[str, Any] | None = None, save: Callable[[dict[str, Any]], None] | None = None):
        super().__init__(noted or {})
        self._save = save

    def note(self, **values: Any) -> None:
        """Keep these values, for good."""
        self.update(values)
        self._kept()

    def forget(self, *names: str) -> None:
        """Keep them no more: the step may be taken anew."""
        for name in names:
            self.pop(name, None)
        self._kept()

    def once(self, name: str, call: Callable[[], Any]) -> Any:
        """The (JSON) result of a call that must not be made twice and that the platform cannot recognise. It is noted before
        the call and after: where it was begun and its end is not known, this raises Failure (unknown) instead of calling."""
        if name in self:
            if "result" in self[name]:
                return self[name]["result"]
            raise Failure(N_("Sudah dikirim, tetapi tidak diketahui apakah diterima."), "unknown")
        self.note(**{name: {}})
        try:
            result = call()
        except Failure as failure:
            if failure.kind != "unknown":  # certainly not taken
                self.forget(name)
            raise
        self.note(**{name: {"result": result}})
        return result

    def kept(self, name: str, call: Callable[[], Any]) -> Any:
        """The (JSON) result of a call that may be made twice (nobody sees an upload that no post shows): made once it is not made again."""
        if name not in self:
            self.note(**{name: call()})
        return self[name]

    def forget_begun(self) -> None:
        """A person has looked and says that what was begun was not taken: `once` may call again."""
        self.forget(*[name for name, value in self.items() if value == {}])

    def _kept(self) -> None:
        if self._save:
            self._save(dict(self))


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
    link: str = ""  # where the whole can be read: the same information on the office's website, if it stands there already
    progress: Progress = field(default_factory=Progress, compare=False)

    @property
    def videos(self) -> list[Attachment]:
        return [file for file in self.attachments if file.media_type.startswith("video/")]


@dataclass(frozen=True)
class Result:
    """Where it stands. `scheduled`: the platform has taken it and will show it at `published_at`, not before."""

    url: str
    platform_id: str
    published_at: datetime
    scheduled: bool = False
    details: dict[str, Any] = field(default_factory=dict)  # JSON


class Tokens(Protocol):
    """The OAuth tokens that an admin signed the channel in with, as the installation keeps them."""

    def access(self, renew: Callable[[Mapping[str, Any]], Mapping[str, Any]], refused: str = "", margin: float = 300) -> str:
        """An access token that is good for `margin` seconds yet. `refused`: one that the platform has just refused, so that another is got.

        Where a new one is needed, `renew` is called with what is kept (access_token, refresh_token, expires_at, …), by one worker at a
        time, and returns what the platform gave (access_token, and where given refresh_token, expires_in). Raises Denied where the
        channel is not signed in (any more), and what `renew` raises.
        """
        ...

    def expires_at(self) -> datetime | None:
        """When the access token ends, which one that is renewed does all the time."""
        ...

    def signed_in(self) -> bool:
        """Whether the channel is, for a connector that an admin may give credentials by hand instead."""
        ...


@dataclass(frozen=True)
class SignIn:
    """How an admin signs a channel in from the browser: OAuth 2.0's authorization code (RFC 6749, 4.1) with PKCE (RFC 7636)."""

    authorization_endpoint: str
    token_endpoint: str
    scopes: tuple[str, ...]
    separator: str = " "  # between scopes
    client_id_name: str = "client_id"  # what the platform calls that parameter
    params: Mapping[str, str] = field(default_factory=dict)  # further ones of the authorization request
    client_auth: Literal["basic", "body"] = "body"  # how the client says who it is at the token endpoint (RFC 6749, 2.3.1)
    pkce: bool = True  # False: for a platform that takes no code_challenge
    revocation_endpoint: str = ""  # RFC 7009, told when an admin signs the channel out
    renewed_by: Literal["refresh_token", "access_token"] = "refresh_token"  # the latter: a token is renewed by itself, while it is good
    where: str = ""  # where at the platform Terbit's address is entered, as a msgid: "Di console.x.com → …"


class SignedIn(Protocol):
    """What a connector has besides whose channel is signed in to in the browser. Its `fields` hold `client_id` and `client_secret`
    of the office's app at the platform; the tokens come to it by `context.tokens`. See docs/connectors.md, *Signing in*."""

    def sign_in(self) -> SignIn: ...

    def register(self, redirect_uri: str) -> Mapping[str, str]:
        """Optional, instead of those two fields: an app (`client_id`, `client_secret`) that the platform makes for this one sign-in.
        Raises Failure."""
        ...

    def complete_sign_in(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """Optional. What to keep of the token endpoint's answer (access_token, refresh_token, expires_in, …), after whatever further calls
        the platform wants. Raises Failure."""
        ...

    def accounts(self, tokens: Mapping[str, Any]) -> tuple["Account", ...]:
        """Optional. The accounts, pages or channels that were signed in for, of which the admin chooses one where there are several: the
        chosen one's `config` is put into the channel's settings, and its `tokens` are kept in place of the others. Raises Failure."""
        ...


@dataclass(frozen=True)
class Account:
    """One of those that an admin may choose from after signing in."""

    name: str  # as the platform shows it
    config: Mapping[str, str]  # settings, by the fields' names
    tokens: Mapping[str, Any] = field(default_factory=dict)  # its own, where it has such


@dataclass(frozen=True)
class Context:
    """What the installation gives to every connector."""

    folder: Path  # the instance folder
    base_url: str  # where the installation is reached from outside, without a slash at the end
    allowed_private_hosts: frozenset[str] = frozenset()  # "host:port" that may be called though private
    office: str = ""  # the name of the office whose channel it is
    place: str = ""  # where what belongs to that office lies within a folder or address: "", or "kantor/<id>/" of a further one
    tokens: Tokens | None = None  # of the channel, where it is signed in to
    public: Callable[[Attachment], str] | None = None  # an address where a platform can fetch these bytes for a day; None: there is none


@dataclass(frozen=True)
class Quota:
    """How much a platform still lets us do, as it says itself."""

    name: str  # what is counted, Indonesian (a msgid): "Kiriman", "Panggilan API"
    limit: int | None = None  # in the whole period
    remaining: int | None = None  # 0: nothing more goes until `resets_at`
    resets_at: datetime | None = None


@dataclass(frozen=True)
class Health:
    """It would work now. `message` is an Indonesian template (a msgid) with %(name)s places, filled from `params`."""

    message: str
    params: Mapping[str, Any] = field(default_factory=dict)
    expires_at: datetime | None = None  # when the credentials end, where the platform says so
    quotas: tuple[Quota, ...] = ()  # beyond those of its rate-limit headers, which `connectors.http` reads by itself


@dataclass(frozen=True)
class Standing:
    """What a look at a post showed: 'stands' as approved, 'changed', 'gone', or 'unreachable' (nobody can tell).

    `message` (a msgid, filled from `params`) says what differs, or why nobody can tell. `found` names what was found instead: the same
    as long as that stays so. `certain` is False where it may never have been to be seen there: then it counts only where it was once.
    """

    state: Literal["stands", "changed", "gone", "unreachable"]
    message: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    found: str = ""
    certain: bool = True


class Connector(Protocol):
    name: str
    title: str
    fields: tuple[Field, ...]

    def __init__(self, config: Mapping[str, Any], secrets: Mapping[str, str], context: Context): ...

    def publish(self, request: Request) -> Result:
        """Publish once per `request.key`, however often it is called. Raises Failure."""
        ...

    def check(self, now: datetime) -> Health:
        """Say that it would work, having changed nothing outside: the platform is there, takes the credentials (else Denied),
        and they suffice for all that `publish` does. Done before each approval and daily, within 20 seconds. Raises Failure."""
        ...


Ability = Literal["text", "link", "image", "images", "video", "file", "schedule", "edit", "delete", "find", "reschedule", "verify"]
# What a connector without a `can` of its own is taken to be able to, by the methods that it has.
BY_METHOD: dict[str, Ability] = {"update": "edit", "withdraw": "delete", "find": "find", "reschedule": "reschedule", "verify": "verify"}


def abilities(connector: Any) -> frozenset[str]:
    """What a connector can do, as it declares in `can`; without one, texts, what it has a method for, and waiting. Of one that
    declares no `schedule`, a post for later is asked only when its time has come."""
    declared = getattr(connector, "can", None)
    if declared is not None:
        return frozenset(declared)
    return frozenset({"text", "schedule", *(ability for method, ability in BY_METHOD.items() if hasattr(connector, method))})


class Updates(Protocol):
    """What a connector may do besides, and names in its `can`. One that lacks a method leaves that to a person (NotByMachine).

    `pace`, where it has one, is how many seconds apart the platform wants its calls: two workers keep to it together. `rules`
    names the platform's limits in `connectors.rules`, by which a text is shown and checked before it is approved.
    """

    can: frozenset[Ability]
    pace: float
    rules: str

    def update(self, request: Request, platform_id: str, url: str) -> Result:
        """Let the post that stands at `url` say what the request says, at the same address. Again with the same key:
        the same. Raises Failure."""
        ...

    def withdraw(self, platform_id: str, url: str, key: str) -> None:
        """Take the post away; again, or where it is gone already: nothing happens. Raises Failure."""
        ...

    def find(self, request: Request) -> Result | None:
        """Read back: the post of this key where it stands on the platform, None where it is not to be seen (which is no proof
        that it will not be). Asked on a schedule after an `unknown` outcome, with the progress that was made. Changes nothing. Raises
        Failure; Unfinished where only a part of it stands there and `publish` may go on."""
        ...

    schedule_window: tuple[timedelta, timedelta]
    """Optional. How far ahead, at least and at most, the platform lets a post of its schedule be."""

    def reschedule(self, request: Request, platform_id: str, at: datetime) -> Result | None:
        """Let a post that the platform keeps until its time (`Result.scheduled`) appear `at` another, and say where, if elsewhere;
        `request` has its words and no files. Again with the same time: the same. One that has appeared already is left as it is: a
        permanent Failure. Raises Failure."""
        ...

    def verify(self, request: Request, platform_id: str, url: str) -> Standing:
        """Read back by its id: does the post still say what the request says? `connectors.standing` compares. Asked daily and
        later more seldom, with `request.link` where the whole may have been linked to; pictures and attachments have no bytes.
        Changes nothing. Raises Failure, which is as good as 'unreachable'."""
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
