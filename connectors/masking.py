"""Keep secrets out of what is written down of a call: of requests, answers, and what went wrong.

Whoever opens secrets says so by `hide`, inside `hiding`. From then on they leave as `HIDDEN`, in whatever way they come
back: literally, percent- or entity-encoded, escaped, in Base64 or hexadecimal. Headers are shown only where they are known
to be harmless, and fields that are called like a credential lose their value whether it is known or not.
"""

import base64
import binascii
import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit, urlunsplit

HIDDEN = "•••"
NOTHING_SHOWN = "••• (memuat rahasia)"  # what could not be cleaned with certainty is not shown at all
MOST = 16_000  # characters of a body that are kept
MOST_READ = 400_000  # bytes of a body that are looked at to find its fields
LEAST = 6  # characters of a secret that is found in a call rather than told: shorter ones would hide half of the text
SHOWN_HEADERS = frozenset("""
    accept accept-encoding accept-language accept-ranges age allow cache-control connection content-disposition content-encoding
    content-range content-language content-length content-type date etag expires host idempotency-key last-modified link location
    mastodon-version range retry-after server transfer-encoding user-agent vary via x-request-id x-wp-total x-wp-totalpages
    ratelimit ratelimit-policy
""".split())  # noqa: SIM905
_LIMITS = re.compile(r"x?-?(app-)?(rate-?limit)-[a-z0-9-]+")
_CREDENTIAL = re.compile(
    r"pass(wor[dt]|wd|phrase|code)?$|^pwd$|^pin$|^otp$|sandi|secret|rahasia|token|api[-_]?key|access[-_]?key|private[-_]?key|"
    r"credential|upload[-_]?id|signature|assertion|cookie|session|nonce|jwt|bearer|^auth$|authori[sz]ation|^auth[-_]", re.I)
_SAID = re.compile(
    r"""((?:pass(?:word|wd|phrase)|sandi|secret|rahasia|token|upload_id|api[-_]?key|access[-_]?key|authori[sz]ation)["']?\s*[:=]\s*["']?)"""
    r"""(?:(?:bearer|basic)\s+)?[^\s"'&,;}<>]+""", re.I)
_SCHEME = re.compile(r"\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}", re.I)
_USERINFO = re.compile(r"(?<=//)[^/\s@\"'<>]+@")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{8,}={0,2}")

_current: ContextVar["Mask | None"] = ContextVar("mask", default=None)


@contextmanager
def hiding() -> Iterator["Mask"]:
    """What is told by `hide` inside of this is hidden by `hidden`, and in every `connectors.Failure`."""
    mask = Mask()
    token = _current.set(mask)
    try:
        yield mask
    finally:
        _current.reset(token)


def hide(secrets: Iterable[str]) -> None:
    """Say that these are secrets."""
    mask = _current.get()
    if mask:
        mask.add(secrets)


def hidden(value: Any) -> Any:
    """The value (a string, or lists and dicts of them) without the secrets that were told."""
    mask = _current.get()
    return mask.value(value) if mask else value


def is_credential(name: str) -> bool:
    """A field of that name is taken to hold a credential."""
    return bool(_CREDENTIAL.search(name))


class Mask:
    """Knows secrets, and takes them out of text."""

    def __init__(self, secrets: Iterable[str] = ()):
        self.secrets: set[str] = set()
        self.found: set[str] = set()  # in calls: a token that was got by another
        self._pattern: re.Pattern[str] | None = None
        self.add(secrets)

    def add(self, secrets: Iterable[str]) -> None:
        self._extend(self.secrets, {_writable(secret) for secret in secrets if secret.strip()})

    def learn(self, values: Iterable[Any]) -> None:
        """Hide these too: what was sent or came as a credential."""
        self._extend(self.found, {_writable(value) for value in values if isinstance(value, str) and len(value.strip()) >= LEAST})

    def value(self, value: Any) -> Any:
        """A JSON value with what was told taken out, and nothing else changed."""
        if isinstance(value, str):
            clean = self._literally(value) if self.secrets else value
            return NOTHING_SHOWN if clean and self.secrets and self._is_there(clean) else clean
        if isinstance(value, dict):
            return {key: self.value(each) for key, each in value.items()}
        return [self.value(each) for each in value] if isinstance(value, list | tuple) else value

    def text(self, text: str, most: int = MOST) -> str:
        """The text as it may be kept, at most so long. What is left of a secret that the end cuts in two goes too."""
        margin = 4 * max(map(len, self._all()), default=0)
        is_whole = len(text) <= most + margin
        clean = self._literally(text if is_whole else text[: most + margin])
        clean = _USERINFO.sub(f"{HIDDEN}@", clean)
        clean = _SCHEME.sub(rf"\1 {HIDDEN}", _SAID.sub(rf"\1{HIDDEN}", clean))
        clean = _BASE64.sub(self._base64, clean)
        if self._is_there(clean):
            return NOTHING_SHOWN
        return clean if is_whole and len(clean) <= most else clean[: max(min(len(clean) - (0 if is_whole else margin), most), 0)] + "…"

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Each header; the value only of those that are known to be harmless."""
        shown = lambda name: name.lower() in SHOWN_HEADERS or _LIMITS.fullmatch(name.lower())  # noqa: E731
        return {str(name)[:100]: self.text(str(value), 500) if shown(str(name)) else HIDDEN for name, value in list(headers.items())[:60]}

    def url(self, url: str) -> str:
        parts = urlsplit(url)
        query = "&".join(f"{name}={HIDDEN if is_credential(name) or name == 'key' else value}" for name, value in _pairs(parts.query))
        return self.text(urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], unquote(parts.path), query, "")), 2000)

    def body(self, content: Any, media_type: str) -> dict[str, Any]:
        """{type, size (bytes), text (None of what is no text)}."""
        if content is None or content in (b"", ""):
            return {"type": "", "size": 0, "text": None}
        if not isinstance(content, bytes | str):
            return {"type": media_type[:100], "size": None, "text": None}
        data = content.encode() if isinstance(content, str) else content
        kind = media_type.partition(";")[0].strip().lower()
        return {"type": kind[:100], "size": len(data), "text": self._body(data, kind, media_type)}

    def learn_from(self, headers: Mapping[str, str], content: Any, media_type: str, url: str = "") -> None:
        """Find the credentials that go with a call, or come back with it, and hide them from now on wherever they stand."""
        for name, value in headers.items():
            if is_credential(name):
                scheme, _, rest = str(value).partition(" ")
                self.learn([rest or scheme, *(_password(rest) if scheme.lower() == "basic" else ())])
        self.learn(value for name, value in _pairs(urlsplit(url).query) if is_credential(name))
        if isinstance(content, bytes | str) and len(content) <= MOST_READ:
            kind = media_type.partition(";")[0].strip().lower()
            if kind == "application/x-www-form-urlencoded":
                self.learn(value for name, value in _pairs(_decoded(content)) if is_credential(name))
            elif "json" in kind:
                self.learn(_credentials(_json(content)))

    def _body(self, data: bytes, kind: str, media_type: str) -> str | None:
        if kind.startswith("multipart/"):
            return self._parts(data, media_type)
        is_text = kind.startswith("text/") or any(word in kind for word in ("json", "xml", "javascript", "urlencoded")) or not kind
        if not is_text or b"\0" in data[:4096]:
            return None
        if len(data) > MOST_READ:
            return self.text(data[: MOST_READ].decode("utf-8", "replace"))
        if "urlencoded" in kind:
            return self.text("\n".join(f"{name}={HIDDEN if is_credential(name) else value}" for name, value in _pairs(_decoded(data))))
        said = _json(data) if "json" in kind else None
        return self.text(_decoded(data) if said is None else json.dumps(self._leaves(_without(said)), ensure_ascii=False,
                                                                                indent=1))

    def _parts(self, data: bytes, media_type: str) -> str:
        """A line for each part: its name, and what it says or what file it is."""
        boundary = re.search(r'boundary="?([^";]+)', media_type)
        lines = []
        for part in data.split(b"--" + boundary[1].encode())[1:-1][:50] if boundary else ():
            head, _, content = part.partition(b"\r\n\r\n")
            said = head.decode("utf-8", "replace")
            name, file = (re.search(rf'\b{word}="([^"]*)"', said) for word in ("name", "filename"))
            if file:
                kind = re.search(r"content-type:\s*([^\r\n;]+)", said, re.I)
                lines.append(f"{name[1] if name else ''}: {file[1]} ({kind[1] if kind else ''}, {len(content) - 2} B)")
            elif name:
                value = HIDDEN if is_credential(name[1]) else content[: MOST].decode("utf-8", "replace").removesuffix("\r\n")
                lines.append(f"{name[1]}={value}")
        return self.text("\n".join(lines))

    def _leaves(self, said: Any) -> Any:
        """Its texts cleaned before they are escaped again."""
        if isinstance(said, str):
            return self._literally(said)
        if isinstance(said, dict):
            return {self._literally(key): self._leaves(each) for key, each in said.items()}
        return [self._leaves(each) for each in said] if isinstance(said, list) else said

    def _all(self) -> set[str]:
        return self.secrets | self.found

    def _extend(self, known: set[str], more: set[str]) -> None:
        if not more <= known:
            known |= more
            ways = sorted({way for secret in self._all() for way in _ways(secret)}, key=len, reverse=True)
            self._pattern = re.compile("|".join(map(re.escape, ways)), re.I)

    def _literally(self, text: str) -> str:
        return self._pattern.sub(HIDDEN, text) if self._pattern else text

    def _base64(self, match: re.Match[str]) -> str:
        decoded = _unbase64(match[0])
        return HIDDEN if any(secret.encode() in decoded for secret in self._all()) else match[0]

    def _is_there(self, text: str) -> bool:
        """Some way of writing that nobody thought of: compared by letters and digits only."""
        said = [_letters(way) for way in (text, unquote(text), html.unescape(text))]
        return any(len(letters) >= LEAST and letters in one for letters in map(_letters, self._all()) for one in said)


def _ways(secret: str) -> set[str]:
    """How a secret may be written."""
    data, joined = secret.encode(), "".join(secret.split())
    plain = {secret, secret.strip(), joined, data.decode("latin-1"), *(line for line in secret.splitlines() if len(line) >= 12)}
    ways = {*plain, data.hex(), html.escape(secret), json.dumps(secret, ensure_ascii=False)[1:-1]}
    once = {json.dumps(each)[1:-1] for each in plain}
    ways |= once | {json.dumps(each)[1:-1] for each in once}  # JSON that quotes JSON
    ways |= {encode(each) for each in plain for encode in (quote, quote_plus, lambda each: quote(each, safe=""))}
    for shift in range(3 if len(data) >= LEAST else 0):  # as it stands inside the Base64 of something longer
        coded = base64.b64encode(bytes(shift) + data).decode().rstrip("=")
        inner = coded[(0, 2, 3)[shift] : len(coded) - (1 if (shift + len(data)) % 3 else 0)]
        ways |= {inner, inner.replace("+", "-").replace("/", "_")}
    return {way for way in ways if way}


def _writable(secret: str) -> str:
    return secret.encode("utf-8", "replace").decode()


def _letters(text: str) -> str:
    return "".join(c for c in text.lower() if c.isascii() and c.isalnum())


def _unbase64(text: str) -> bytes:
    text = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(text[: len(text) - (len(text) % 4 == 1)] + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return b""


def _password(basic: str) -> list[str]:
    return [_unbase64(basic).decode("utf-8", "replace").partition(":")[2]]


def _pairs(query: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query, keep_blank_values=True, max_num_fields=500)
    except ValueError:
        return [("", NOTHING_SHOWN)]


def _decoded(content: bytes | str) -> str:
    return content if isinstance(content, str) else content.decode("utf-8", "replace")


def _json(content: bytes | str) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _without(said: Any, depth: int = 0) -> Any:
    """A JSON value whose fields that are called like credentials have lost theirs."""
    if depth > 40:
        return HIDDEN
    if isinstance(said, dict):
        return {key: HIDDEN if is_credential(key) and each not in (None, "", True, False) else _without(each, depth + 1)
                for key, each in said.items()}
    return [_without(each, depth + 1) for each in said] if isinstance(said, list) else said


def _credentials(said: Any, depth: int = 0) -> Iterator[str]:
    if depth > 40:
        return
    if isinstance(said, dict):
        for key, each in said.items():
            if isinstance(each, str) and is_credential(key):
                yield each
            else:
                yield from _credentials(each, depth + 1)
    elif isinstance(said, list):
        for each in said:
            yield from _credentials(each, depth + 1)
