"""HTTP to strangers: an address that a person typed, or that a page redirects to, must not reach inside.

Every request resolves the name, refuses addresses that are not on the public internet, and connects to the very
address that was checked (no second look-up that a hostile name server could answer otherwise), while the name
stays in Host and in TLS' SNI and certificate check. Each request has its own connection: with none kept alive,
a failure tells whether the request can have been sent.
"""

import ipaddress
import json
import re
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urljoin

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util import Url, parse_url
from urllib3.util.connection import create_connection

from connectors import N_, Failure, Kind, Quota, Throttled, watching
from connectors.content import contains_title as contains_title  # the other half of "it stands there": fetch, then look

VERIFY: bool | str = True  # or the path of a CA bundle
USER_AGENT = "Terbit"
REDIRECTS = 5
RETRY_AFTER_MOST = 86_400.0

# Not told apart by `is_global`, or not in every Python 3.11: protocol assignments, 6to4 relays, Azure's metadata.
_REFUSED = [ipaddress.ip_network(net) for net in ("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32", "fec0::/10", "2001::/32")]
_WITH_IPV4_AT_THE_END = [ipaddress.ip_network(net) for net in ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96")]


class Refused(Failure):
    """The address is not one that may be called: it was not called."""


class NotSent(Failure):
    """No connection came about, so nothing was sent (temporary)."""


@dataclass(frozen=True)
class Response:
    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str  # after redirects
    encoding: str = "utf-8"

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def text(self) -> str:
        return self.body.decode(self.encoding, "replace")

    def json(self) -> Any:
        """The body as JSON, None when it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


@dataclass
class _Flight:
    """One connection: where to, and how far it came."""

    addresses: list[str]
    port: int
    deadline: float  # on time.monotonic()
    connected: bool = False
    handle: socket.socket | None = None
    expired: bool = False

    def abort(self) -> None:
        self.expired = True
        if self.handle:
            try:
                self.handle.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it is closed already, which is what was wanted


def get(url: str, **options: Any) -> Response:
    """See `request`."""
    return request("GET", url, **options)


def post(url: str, **options: Any) -> Response:
    """See `request`."""
    return request("POST", url, **options)


def request(
    method: str,
    url: str,
    *,
    allowed_private_hosts: frozenset[str] = frozenset(),
    headers: Mapping[str, str] | None = None,
    auth: tuple[str, str] | None = None,
    connect_timeout: float = 5,
    read_timeout: float = 20,
    deadline: float = 60,
    max_bytes: int = 10 * 2**20,
    stay: bool = False,
    **body: Any,  # params, data, json, files: as requests takes them
) -> Response:
    """The answer, whatever its status. Timeouts are in seconds: `deadline` bounds the whole, redirects included.

    GET and HEAD follow redirects, each checked again, and leave `auth` and `headers` behind when the origin changes;
    the others raise on one (permanent), for a browser's way of following would lose the body. `stay`: no redirect leaves the origin,
    so that only what the channel's settings name is called.
    Raises Refused; NotSent; and where it was sent but no whole answer came: temporary for GET and HEAD,
    `unknown` for the others.
    """
    until = watching.until(time.monotonic() + deadline)
    for _ in range(REDIRECTS + 1):
        target = _prepare(method, url, headers, auth, body)
        with watching.exchange(method, str(target.url), target.headers, target.body) as seen:
            flight = _Flight(*_checked(target.url or "", allowed_private_hosts, until), until)
            response = _send(target, flight, (connect_timeout, read_timeout), max_bytes)
            seen.answered(response, quotas(response))
        location = response.headers.get("Location")
        if response.status not in (301, 302, 303, 307, 308) or not location:
            return response
        following = _joined(response.url, location)
        if method not in ("GET", "HEAD"):
            raise Failure(N_("Alamat %(url)s dialihkan ke %(to)s; pakai alamat itu."), url=_shown(url), to=_shown(following))
        if origin(following) != origin(response.url):
            if stay:
                raise Refused(N_("Alamat %(url)s dialihkan ke server lain."), url=_shown(url))
            auth = headers = None
        url, body = following, {}
    raise Failure(N_("Alamat %(url)s terlalu banyak dialihkan."), url=_shown(url))


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port. Raises Refused for what is no http(s) address, or names a user."""
    parts = _parsed(url)
    scheme = (parts.scheme or "").lower()
    return scheme, _host(parts), parts.port or {"http": 80, "https": 443}[scheme]


def is_allowed_private(url: str, allowed_private_hosts: frozenset[str]) -> bool:
    """The installation's own list says that this host and port may be called though it is private."""
    _, host, port = origin(url)
    return f"[{host}]:{port}" in allowed_private_hosts if ":" in host else f"{host}:{port}" in allowed_private_hosts


def demand_tls(url: str, allowed_private_hosts: frozenset[str]) -> None:
    """A secret goes with every call: raises Refused where it could be read on the way."""
    if origin(url)[0] != "https" and not is_allowed_private(url, allowed_private_hosts):
        raise Refused(N_("Alamat %(url)s harus memakai https, supaya rahasia tidak terbaca di jalan."), url=_shown(url))


def is_public(address: str) -> bool:
    """It is a unicast address of the public internet, also when wrapped into an IPv6 one."""
    try:
        ip = ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        if any(ip in net for net in _WITH_IPV4_AT_THE_END):
            return is_public(str(ipaddress.IPv4Address(ip.packed[-4:])))
        if ip.sixtofour:
            return is_public(str(ip.sixtofour))
    refused = any(ip in net for net in _REFUSED if net.version == ip.version)
    return ip.is_global and not ip.is_multicast and not ip.is_reserved and not refused


def failure(response: Response, said: str = "", *, creates: bool = False) -> Failure:
    """What an answer that is not ok means for publishing: 408, 425, 429 and 5xx are temporary, the rest permanent; a 429 that says
    for how long is Throttled. `creates`: made again, the request would make something twice, so a 5xx other than 503 is `unknown`.
    `said` is what the platform itself gave as the reason."""
    temporary = response.status in (408, 425, 429) or response.status >= 500
    message = N_("Server menjawab %(status)s untuk %(url)s. %(said)s")
    wait = retry_after(response) if temporary else None
    if response.status == 429 and (told := told_to_wait(response)) is not None:
        return Throttled(told)
    kind: Kind = "unknown" if creates and response.status >= 500 and response.status != 503 else "temporary" if temporary else "permanent"
    return Failure(
        message, kind, wait, status=response.status, url=_shown(response.url), said=said[:300]
    )


def retry_after(response: Response) -> float | None:
    """Seconds from the header Retry-After (a number or a date), from 0 to a day; None when there is none."""
    value = response.headers.get("Retry-After", "").strip()
    if not value:
        return None
    if value.isascii() and value.isdigit():
        return min(float(value[:12]), RETRY_AFTER_MOST)
    try:
        when = parsedate_to_datetime(value)
    except (ValueError, OverflowError):  # a year or a zone that no calendar has
        return None
    seconds = (when if when.tzinfo else when.replace(tzinfo=UTC)) - datetime.now(UTC)
    return min(max(seconds.total_seconds(), 0.0), RETRY_AFTER_MOST)


def told_to_wait(response: Response) -> float | None:
    """Seconds for which the answer wants to be left alone, by `Retry-After` or its rate limit's reset; None where it does not say."""
    ends = [quota.resets_at for quota in quotas(response) if quota.remaining == 0 and quota.resets_at]
    wait = retry_after(response)
    if wait is None and ends:
        wait = (max(ends) - datetime.now(UTC)).total_seconds()
    return None if wait is None else min(max(wait, 1.0), RETRY_AFTER_MOST)


def quotas(response: Response) -> list[Quota]:
    """What the headers of an answer tell of its rate limit, as most platforms write them: `X-RateLimit-Limit`, `-Remaining` and `-Reset`
    (a moment, or seconds from now), with or without the X; the IETF's `RateLimit`; and a 429's `Retry-After`. At most one."""
    said = {name.lower().replace("rate-limit", "ratelimit").removeprefix("x-"): value for name, value in response.headers.items()}
    limit, remaining, reset = (said.get(f"ratelimit-{what}", "") for what in ("limit", "remaining", "reset"))
    if "ratelimit" in said:  # "default";r=50;t=30, or limit=100, remaining=50, reset=30
        found = dict(re.findall(r"\b(limit|remaining|reset|r|t)=(\d+)", said["ratelimit"]))
        limit = found.get("limit", "")
        remaining, reset = found.get("remaining") or found.get("r", ""), found.get("reset") or found.get("t", "")
    left, resets_at = _number(remaining), _moment(reset)
    if response.status == 429:
        wait = retry_after(response)
        left, resets_at = 0, resets_at or (None if wait is None else datetime.now(UTC) + timedelta(seconds=wait))
    return [] if left is None else [Quota(N_("Panggilan API"), _number(limit), left, resets_at)]


def _number(text: str) -> int | None:
    found = re.match(r"\d{1,12}", text.strip())
    return int(found[0]) if found else None


def _moment(text: str) -> datetime | None:
    """Of a header like `X-RateLimit-Reset`: seconds from now, seconds since 1970, or a date as ISO 8601 has it."""
    try:
        seconds = float(text)
    except ValueError:
        try:
            moment = datetime.fromisoformat(text.strip())
        except ValueError:
            return None
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if not 0 <= seconds < 4e9:
        return None
    return datetime.fromtimestamp(seconds, UTC) if seconds > 1e9 else datetime.now(UTC) + timedelta(seconds=seconds)


def _prepare(
    method: str, url: str, headers: Mapping[str, str] | None, auth: tuple[str, str] | None, body: dict[str, Any]
) -> requests.PreparedRequest:
    _parsed(url)
    ours = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity", "Connection": "close", **(headers or {})}
    try:
        return requests.Request(method, url, headers=ours, auth=_basic(auth), **body).prepare()
    except (requests.RequestException, UnicodeError) as e:
        raise _refused(url) from e


def _basic(auth: tuple[str, str] | None) -> requests.auth.HTTPBasicAuth | None:
    return requests.auth.HTTPBasicAuth(auth[0].encode(), auth[1].encode()) if auth else None


def _parsed(url: str) -> Url:
    if any(c <= " " or c in "\\\x7f" for c in url):
        raise _refused(url)
    try:
        parts = parse_url(url)
    except urllib3.exceptions.LocationParseError as e:
        raise _refused(url) from e
    if (parts.scheme or "").lower() not in ("http", "https") or not parts.host:
        raise _refused(url)
    if parts.port == 0:
        raise _refused(url)
    if parts.auth is not None:
        raise Refused(N_("Alamat tidak boleh memuat nama pengguna atau kata sandi."))
    return parts


def _joined(base: str, location: str) -> str:
    try:
        return urljoin(base, location)
    except ValueError as e:
        raise _refused(location) from e


def _refused(url: str) -> Refused:
    return Refused(N_("%(url)s bukan alamat http atau https yang sah."), url=_shown(url))


def _host(parts: Url) -> str:
    return (parts.host or "").strip("[]").rstrip(".").lower()


def _shown(url: str) -> str:
    """The address as it may be shown and logged: short, and without its query, which may hold a secret."""
    return url.split("?")[0].split("#")[0].rsplit("@", 1)[-1][:200]


def _checked(url: str, allowed: frozenset[str], until: float) -> tuple[list[str], int]:
    """The addresses that may be connected to, and the port."""
    _, host, port = origin(url)
    addresses = _resolve(host, port, until)
    if not is_allowed_private(url, allowed) and not all(map(is_public, addresses)):
        raise Refused(N_("Alamat %(url)s tidak boleh dihubungi: letaknya di jaringan dalam."), url=_shown(url))
    return addresses, port


def _resolve(host: str, port: int, until: float) -> list[str]:
    """In a thread, since the system's resolver knows no deadline."""
    found: list[str] = []

    def look_up() -> None:
        try:
            found.extend(str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, ValueError):
            pass  # nothing found, which is said below

    thread = threading.Thread(target=look_up, daemon=True)
    thread.start()
    thread.join(max(0.0, until - time.monotonic()))
    addresses = list(dict.fromkeys(found))
    if not addresses:
        raise NotSent(N_("Nama %(host)s tidak ditemukan."), "temporary", host=host[:200])
    return addresses


class _Pinned:
    """Connects to the checked addresses; the name stays what it was for Host, SNI and the certificate."""

    flight: _Flight
    timeout: float
    sock: socket.socket

    def _new_conn(self) -> socket.socket:
        error: OSError = TimeoutError("deadline")
        for address in self.flight.addresses:
            left = self.flight.deadline - time.monotonic()
            if left <= 0:
                break
            try:
                sock = create_connection((address, self.flight.port), min(float(self.timeout), left))
            except OSError as e:
                error = e
                continue
            self.flight.handle = sock.dup()  # stays valid when TLS takes the socket over
            return sock
        raise urllib3.exceptions.NewConnectionError(self, str(error))  # type: ignore[arg-type]

    def connect(self) -> None:
        super().connect()  # type: ignore[misc]
        self.flight.connected = True
        # For what is sent, urllib3 would go on with the time that was meant for connecting: little for a large body.
        self.timeout = max(0.1, self.flight.deadline - time.monotonic())
        self.sock.settimeout(self.timeout)


class _PinnedHTTP(_Pinned, HTTPConnection):  # type: ignore[misc]
    pass


class _PinnedHTTPS(_Pinned, HTTPSConnection):  # type: ignore[misc]
    pass


class _Adapter(HTTPAdapter):
    def __init__(self, flight: _Flight):
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)
        self.flight = flight

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        pool = super().get_connection_with_tls_context(*args, **kwargs)
        base = _PinnedHTTPS if isinstance(pool, urllib3.HTTPSConnectionPool) else _PinnedHTTP
        pool.ConnectionCls = type("Connection", (base,), {"flight": self.flight})  # type: ignore[attr-defined]
        return pool


def _send(target: requests.PreparedRequest, flight: _Flight, timeouts: tuple[float, float], max_bytes: int) -> Response:
    """By the adapter alone: a session would read a redirect's body without bound, and follow the environment."""
    adapter = _Adapter(flight)
    try:
        with _bounded_in_time(flight), adapter.send(target, stream=True, timeout=timeouts, verify=VERIFY) as raw:
            body = _bounded(raw, max_bytes)
            if flight.expired:
                raise requests.Timeout()
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as e:
        raise _broken(target, flight, e) from e
    finally:
        adapter.close()
    return Response(raw.status_code, CaseInsensitiveDict(raw.headers), body, str(target.url), _encoding(raw))


@contextmanager
def _bounded_in_time(flight: _Flight) -> Iterator[None]:
    timer = threading.Timer(max(0.0, flight.deadline - time.monotonic()), flight.abort)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        if flight.handle:
            flight.handle.close()


class _TooLarge(requests.RequestException):
    pass


def _bounded(raw: requests.Response, max_bytes: int) -> bytes:
    """Counts what came out of decompression, so that a small body cannot swell."""
    body = bytearray()
    for chunk in raw.iter_content(65_536):
        body += chunk
        if len(body) > max_bytes:
            raise _TooLarge()
    return bytes(body)


def _encoding(raw: requests.Response) -> str:
    """From the header only; HTML without one is read as UTF-8, which nearly all is."""
    named = requests.utils.get_encoding_from_headers(raw.headers) if "charset" in raw.headers.get("Content-Type", "") else None
    try:
        return named if named and "".encode(named) is not None else "utf-8"
    except LookupError:
        return "utf-8"


def _broken(target: requests.PreparedRequest, flight: _Flight, error: Exception) -> Failure:
    shown = _shown(str(target.url))
    if not flight.connected:
        if isinstance(error, requests.exceptions.SSLError):
            return Failure(N_("Sertifikat TLS dari %(url)s tidak dapat dipercaya."), "permanent", url=shown)
        return NotSent(N_("%(url)s tidak dapat dihubungi."), "temporary", url=shown)
    if target.method not in ("GET", "HEAD"):
        return Failure(N_("Sudah dikirim ke %(url)s, tetapi jawabannya tidak sampai."), "unknown", url=shown)
    if isinstance(error, _TooLarge):
        return Failure(N_("Jawaban dari %(url)s terlalu besar."), "permanent", url=shown)
    return Failure(N_("Jawaban dari %(url)s terputus atau terlalu lama."), "temporary", url=shown)
