"""Videos on a YouTube channel, by the YouTube Data API v3, signed in to with Google.

https://developers.google.com/youtube/v3/docs/videos/insert (the properties; a project that Google has not audited publishes privately),
…/videos/update, …/videos/delete, …/thumbnails/set (2 MB), …/channels/list, …/playlistItems/list, …/videos/list; errors: …/docs/errors;
the quota is per day and begins anew at midnight Pacific time: https://developers.google.com/youtube/v3/getting-started#quota; tokens:
https://developers.google.com/identity/protocols/oauth2/web-server (a refresh token stays the same).

Uploading: https://developers.google.com/youtube/v3/guides/using_resumable_upload_protocol. A session, whose address is kept, makes one
video at most: it is asked how far it came and goes on there, and answers with the video when it has the whole. One that is gone (404;
410 in practice, https://github.com/googleapis/gcs-resumable-upload/pull/16) after its last piece was sent may have made one: that is
looked for by a tag made of the key, which only the channel's owner sees.
"""

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

from connectors import (
    N_,
    Ability,
    Account,
    Attachment,
    Context,
    Denied,
    Failure,
    Field,
    Health,
    NotByMachine,
    NotYet,
    Request,
    Result,
    SignIn,
    Throttled,
    content,
    http,
    masking,
    media,
    pieces,
    repeatable,
    rules,
    signing_in,
)

API = "https://www.googleapis.com"
TOKENS = "https://oauth2.googleapis.com"
SCOPE = "https://www.googleapis.com/auth/youtube.force-ssl"  # uploading, changing, deleting and reading: all that is done here
PACIFIC = "America/Los_Angeles"
LOOKED_AT = 50  # latest videos, when one is looked for; the most that one call gives
MOST_TAGS = 400  # of the 500 characters that all tags may have
UNREADABLE = N_("Jawaban YouTube tidak dapat dibaca.")

# Reasons of errors, as the pages above list them.
SPENT = {"quotaExceeded", "dailyLimitExceeded"}
TOO_FAST = {"rateLimitExceeded", "userRateLimitExceeded", "uploadRateLimitExceeded"}
TOO_MANY = "uploadLimitExceeded"  # of the channel's uploads in 24 hours, of which the first becomes free again
WAIT, LOOK_AGAIN = 60.0, 3 * 3600.0  # seconds, where YouTube does not say for how long


class YouTube:
    name = "youtube"
    title = "YouTube"
    rules = "youtube"  # of `connectors.rules`
    can: frozenset[Ability] = frozenset({"text", "link", "image", "video", "schedule", "reschedule", "edit", "delete", "find"})
    fields: tuple[Field, ...] = (
        Field("client_id", N_("Client ID"), "text", True,
              N_("Dari Google Cloud Console: OAuth client berjenis Web application, di proyek yang memakai YouTube Data API v3.")),
        Field("client_secret", N_("Client secret"), "secret", True),
        Field("privacy", N_("Terlihat oleh"), "select",
              options=(("public", N_("semua orang")), ("unlisted", N_("siapa saja yang mempunyai tautannya")))),
        Field("category", N_("Kategori video"), "select", options=(
            ("25", N_("Berita & politik")), ("27", N_("Pendidikan")), ("29", N_("Nirlaba & aktivisme")), ("22", N_("Orang & blog")))),
        Field("api", N_("Alamat API YouTube"), "url", help=N_("Kosongkan untuk memakai server YouTube.")),
    )

    def __init__(self, config: Mapping[str, Any], secrets: Mapping[str, str], context: Context):
        self.client_id = str(config.get("client_id") or "").strip()
        self.client_secret = str(secrets.get("client_secret") or "").strip()
        self.privacy = str(config.get("privacy") or "public")
        self.category = str(config.get("category") or "25")
        own = str(config.get("api") or "").rstrip("/")
        self.api, self.token_api = own or API, own or TOKENS
        self.allowed, self.tokens = context.allowed_private_hosts, context.tokens
        if self.privacy != "public":  # YouTube makes public what it has kept until its time
            self.can = self.can - {"schedule", "reschedule"}

    def publish(self, request: Request) -> Result:
        """One video, with the first picture as its thumbnail where YouTube takes that."""
        video, snippet = _video(request), self._snippet(request)
        if "video" not in request.progress:
            with pieces.begun(request.progress, "session"):
                request.progress.note(video=self._uploaded(request, video, snippet))
        id = request.progress["video"]
        self._set_thumbnail(request, id)
        at = self._kept_until(request)
        return _result(id, video, at or request.now, scheduled=bool(at))

    def find(self, request: Request) -> Result | None:
        """Among the channel's latest videos, the private ones too, the one that bears the key's tag."""
        channel = self._own("contentDetails")
        playlist = ((channel.get("contentDetails") or {}).get("relatedPlaylists") or {}).get("uploads")
        listed = self._get("playlistItems", part="contentDetails", playlistId=str(playlist), maxResults=LOOKED_AT)
        ids = [str((item.get("contentDetails") or {}).get("videoId")) for item in _items(listed)]
        for found in _items(self._get("videos", part="snippet,status", id=",".join(ids))) if ids else ():
            if _tag(request.key) in ((found.get("snippet") or {}).get("tags") or []):
                appears = _moment((found.get("status") or {}).get("publishAt"))
                at = appears or _moment((found.get("snippet") or {}).get("publishedAt")) or request.now
                return _result(str(found["id"]), _video(request), at, scheduled=bool(appears and appears > request.now))
        return None

    def update(self, request: Request, platform_id: str, url: str) -> Result:
        """Its title, description and thumbnail. The video itself can be changed by a new one only, at another address."""
        id, digest = _parsed(platform_id)
        if digest != _digest(_video(request)):
            raise NotByMachine(N_("YouTube tidak dapat mengganti video yang sudah diunggah."))
        repeatable(lambda: self._call("PUT", "videos", {"part": "snippet"}, json={"id": id, "snippet": self._snippet(request)}))
        self._set_thumbnail(request, id)
        return Result(url, platform_id, request.now)

    def withdraw(self, platform_id: str, url: str, key: str) -> None:
        """The video; what is gone already is."""
        try:
            repeatable(lambda: self._call("DELETE", "videos", {"id": _parsed(platform_id)[0]}))
        except Failure as failure:
            if failure.params.get("status") != 404:
                raise

    def reschedule(self, request: Request, platform_id: str, at: datetime) -> None:
        """As long as it is private: one that was shown is not hidden again until then."""
        id = _parsed(platform_id)[0]
        found = next(iter(_items(self._get("videos", part="status", id=id))), {})
        if not (found.get("status") or {}).get("publishAt"):
            raise Failure(N_("Video ini tidak lagi menunggu waktunya di YouTube."))
        repeatable(lambda: self._call("PUT", "videos", {"part": "status"}, json={"id": id, "status": self._status(at)}))

    def check(self, now: datetime) -> Health:
        """Whose the tokens are."""
        return Health(N_("Tersambung ke kanal YouTube %(name)s."), {"name": str((self._own("snippet").get("snippet") or {}).get("title"))})

    # Signing in -------------------------------------------------------------------------------------------------------

    def sign_in(self) -> SignIn:
        return SignIn("https://accounts.google.com/o/oauth2/v2/auth", f"{self.token_api}/token", (SCOPE,),
                      params={"access_type": "offline", "prompt": "consent"},  # else Google gives a refresh token once only
                      revocation_endpoint=f"{self.token_api}/revoke",
                      where=N_("Di Google Cloud Console → APIs & Services → Credentials → OAuth client → Authorized redirect URIs."))

    def complete_sign_in(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """All of it. Who signs in may leave a permission out, or have signed in before."""
        if SCOPE not in str(given.get("scope") or SCOPE).split() or not given.get("refresh_token"):
            raise Failure(N_("Google tidak memberi semua izin yang diperlukan. Masuk sekali lagi dan centang semua izin."))
        return given

    def accounts(self, tokens: Mapping[str, Any]) -> tuple[Account, ...]:
        """The channel that was chosen at Google."""
        response = self._send("GET", f"{self.api}/youtube/v3/channels", str(tokens.get("access_token")),
                              params={"part": "snippet", "mine": "true"})
        return tuple(Account(str((item.get("snippet") or {}).get("title")), {}) for item in _items(_read(response)))

    def renew(self, kept: Mapping[str, Any]) -> Mapping[str, Any]:
        return signing_in.renewed(self.sign_in(), signing_in.Client(self.client_id, self.client_secret), self.allowed, kept)

    # Uploading --------------------------------------------------------------------------------------------------------

    def _uploaded(self, request: Request, video: Attachment, snippet: dict[str, Any]) -> str:
        """The id of the video, uploaded from where its session stands."""
        size, bytes_ = len(video.content), memoryview(video.content)

        def send(first: int, end: int) -> int | str:
            return self._put(session, size, f"bytes {first}-{end - 1}/{size}", bytes_[first:end], video.media_type)

        session = request.progress.get("session") or ""
        at: int | str = 0
        if session:
            at = self._put(session, size, f"bytes */{size}")
        else:
            session = self._session(request, video, snippet)
            request.progress.note(session=session)
        if not isinstance(at, str):
            at = pieces.upload(request.progress, size, at, send, lambda first: min(first + pieces.SIZE, size))
        if not isinstance(at, str):
            raise NotYet(10)  # it has the whole, and does not say yet what it made of it
        return at

    def _session(self, request: Request, video: Attachment, snippet: dict[str, Any]) -> str:
        """The address of a new session, which makes nothing before it has the whole video."""
        headers = {"X-Upload-Content-Length": str(len(video.content)), "X-Upload-Content-Type": video.media_type}
        response = repeatable(lambda: self._authorized(
            "POST", f"{self.api}/upload/youtube/v3/videos", headers=headers, params={"uploadType": "resumable", "part": "snippet,status"},
            json={"snippet": snippet, "status": self._status(self._kept_until(request))}))
        if not response.ok:
            raise _refusal(response)
        if not response.headers.get("Location"):
            raise Failure(UNREADABLE, "temporary")
        return pieces.place(response.headers["Location"], self.api, "googleapis.com")

    def _put(self, session: str, size: int, part: str, data: memoryview | bytes = b"", media_type: str = "") -> int | str:
        """How many bytes the session has, or the id of the video that it has made."""
        masking.hide(parse_qs(urlsplit(session).query).get("upload_id", []))  # who knows it may upload
        headers = {"Content-Range": part} | ({"Content-Type": media_type} if media_type else {})
        response = repeatable(lambda: self._authorized("PUT", session, headers=headers, data=data))
        if response.status == 308:
            found = re.fullmatch(r"(?:bytes[ =])?0-(\d+)", response.headers.get("Range", "").strip())
            return min(int(found[1]) + 1, size) if found else 0
        if response.status in (404, 410):
            raise pieces.Gone
        said = _read(response)
        if not _is_id(said.get("id")):
            raise Failure(UNREADABLE, "temporary")  # the session says it again when it is asked
        return str(said["id"])

    def _set_thumbnail(self, request: Request, id: str) -> None:
        """The video stands: what goes wrong here is tried once more, then left, and so is what would have to wait for long."""
        tried = request.progress.get("thumbnail", 0)
        if not request.images or tried > 1:
            return
        request.progress.note(thumbnail=tried + 1)
        try:
            image, = media.fitted(rules.taken("youtube", request.images), rules.of("youtube"))
            _read(repeatable(lambda: self._authorized(
                "POST", f"{self.api}/upload/youtube/v3/thumbnails/set", headers={"Content-Type": image.media_type}, data=image.content,
                params={"videoId": id, "uploadType": "media"})))
        except Failure as failure:
            if failure.kind == "temporary" and not tried and (failure.retry_after or 0) <= 300:
                raise
        request.progress.note(thumbnail=2)

    # What it says -----------------------------------------------------------------------------------------------------

    def _snippet(self, request: Request) -> dict[str, Any]:
        post = rules.of_request(request, request.link)
        if problem := next((each for each in rules.check("youtube", post) if each.blocks), None):
            raise Failure(problem.message, **problem.params)
        text = rules.compose("youtube", post)
        tags = [_tag(request.key)]
        for tag in dict.fromkeys(rules.hashtags(text)):
            if len(",".join([*tags, tag])) <= MOST_TAGS:
                tags.append(tag)
        return {"title": content.clean(request.title).strip(), "description": text, "tags": tags, "categoryId": self.category}

    def _kept_until(self, request: Request) -> datetime | None:
        later = request.publish_at and request.publish_at > request.now and "schedule" in self.can
        return request.publish_at if later else None

    def _status(self, at: datetime | None) -> dict[str, Any]:
        """Shown at once, or at a time: a time that is over when the upload ends is at once."""
        said: dict[str, Any] = {"selfDeclaredMadeForKids": False, "privacyStatus": "private" if at else self.privacy}
        return said | ({"publishAt": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")} if at else {})

    # Calling ----------------------------------------------------------------------------------------------------------

    def _own(self, part: str) -> dict[str, Any]:
        """The channel that is signed in to."""
        found = _items(self._get("channels", part=part, mine="true"))
        if not found:
            raise Denied(N_("Akun Google ini tidak mempunyai kanal YouTube; admin perlu masuk dengan akun lain."))
        return found[0]

    def _get(self, what: str, **params: Any) -> dict[str, Any]:
        return self._call("GET", what, params)

    def _call(self, method: str, what: str, params: Mapping[str, Any], **body: Any) -> dict[str, Any]:
        response = self._authorized(method, f"{self.api}/youtube/v3/{what}", params=params, **body)
        return _read(response, "temporary" if method == "GET" else "unknown")

    def _authorized(self, method: str, url: str, **options: Any) -> http.Response:
        return signing_in.call(self.tokens, self.renew, lambda token: self._send(method, url, token, **options))

    def _send(self, method: str, url: str, token: str, headers: Mapping[str, str] | None = None, **options: Any) -> http.Response:
        http.demand_tls(url, self.allowed)
        return http.request(method, url, headers={"Authorization": f"Bearer {token}", **(headers or {})}, stay=True,
                            allowed_private_hosts=self.allowed, read_timeout=60, deadline=300, **options)


def _read(response: http.Response, unreadable: Any = "temporary") -> dict[str, Any]:
    if not response.ok:
        raise _refusal(response)
    said = response.json()
    if response.status == 204:
        return {}
    if not isinstance(said, dict) or not said:
        raise Failure(UNREADABLE, unreadable)
    return said


def _refusal(response: http.Response) -> Failure:
    """None of these calls makes something twice: a session makes one video, and the others say what is to be."""
    said = response.json()
    error = said.get("error") if isinstance(said, dict) else None
    if not isinstance(error, dict):
        error = {}
    errors = [each for each in error.get("errors") or [] if isinstance(each, dict)]
    reason = str(errors[0].get("reason")) if errors else ""
    words = str(error.get("message") or "")[:300]
    if reason in SPENT:
        return Throttled(_until_midnight(datetime.now(UTC)))
    if reason in TOO_FAST:
        return Throttled(http.told_to_wait(response) or WAIT)
    if reason == TOO_MANY:
        waits = NotYet(LOOK_AGAIN)
        waits.__cause__ = Failure(N_("Kanal YouTube ini sudah mencapai batas unggahan sehari."))
        return waits
    if response.status == 401:
        return Denied(N_("YouTube tidak menerima lagi izin kanal ini (%(said)s). Admin perlu masuk lagi di halaman Kanal."), said=words)
    if response.status == 403:
        return Denied(N_("YouTube tidak mengizinkannya: %(said)s"), said=words or reason, reason=reason)
    return http.failure(response, words or reason)


def _until_midnight(now: datetime) -> float:
    """Seconds until the day's quota begins anew."""
    there = now.astimezone(ZoneInfo(PACIFIC))
    midnight = datetime.combine(there.date() + timedelta(days=1), time(), ZoneInfo(PACIFIC))
    return (midnight - now).total_seconds() + 60


def _video(request: Request) -> Attachment:
    if not request.videos:
        raise NotByMachine(N_("YouTube hanya memuat video, dan berkas ini tidak mempunyainya."))
    return request.videos[0]


def _result(id: str, video: Attachment, at: datetime, scheduled: bool) -> Result:
    return Result(f"https://www.youtube.com/watch?v={id}", f"{id}:{_digest(video)}", at, scheduled)


def _digest(video: Attachment) -> str:
    return hashlib.sha256(video.content).hexdigest()[:12]


def _parsed(platform_id: str) -> tuple[str, str]:
    id, _, digest = platform_id.partition(":")
    if not _is_id(id):
        raise NotByMachine(N_("Video ini tidak dikenal YouTube menurut nomornya."))
    return id, digest


def _is_id(said: Any) -> bool:
    return isinstance(said, str) and re.fullmatch(r"[\w-]{5,40}", said, re.ASCII) is not None


def _tag(key: str) -> str:
    return f"terbit-{hashlib.sha256(key.encode()).hexdigest()[:20]}"


def _items(said: Mapping[str, Any]) -> list[dict[str, Any]]:
    items = said.get("items")
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _moment(said: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(said))
    except ValueError:
        return None
    return found if found.tzinfo else None
