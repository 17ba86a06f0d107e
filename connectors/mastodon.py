"""Posts on a Mastodon server (4.0 and later, and what speaks its language), with an access token.

https://docs.joinmastodon.org/methods/statuses/ (#create with Idempotency-Key, which is remembered for an hour; #edit, #delete),
…/methods/media/ (#v2: 202 while a file is still processed, then #get with 206 until it is ready), …/methods/instance/#v2 (limits),
…/api/rate-limits/. Within the hour a post whose answer did not come is sent again under its key; later it is looked for by its words.

`scheduled_at` is not used: the id that it gives is not the post's, so that what appears later could be neither linked, corrected nor
withdrawn. A post for later waits in Terbit.
"""

import hashlib
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors import (
    N_,
    Ability,
    Attachment,
    Context,
    Denied,
    Failure,
    Field,
    Health,
    NotByMachine,
    Request,
    Result,
    Standing,
    Throttled,
    content,
    http,
    media,
    repeatable,
    rules,
    standing,
)

KEY_HOLDS = timedelta(minutes=50)  # of the hour for which a server remembers a key
LOOKS = (1.0, 2.0, 3.0, 5.0, 5.0)  # seconds before each look at a file that is being processed
ALT = 1_500  # characters of a picture's description
UNREADABLE = N_("Jawaban Mastodon tidak dapat dibaca.")


class Mastodon:
    name = "mastodon"
    rules = "mastodon"  # of `connectors.rules`
    title = "Mastodon"
    can: frozenset[Ability] = frozenset({"text", "link", "image", "images", "video", "edit", "delete", "find", "verify"})
    fields: tuple[Field, ...] = (
        Field("url", N_("Alamat server"), "url", True, N_("Misalnya https://mastodon.example")),
        Field("token", N_("Token akses"), "secret", True, N_("Dari Preferensi → Pengembangan, dengan izin read dan write.")),
        Field("visibility", N_("Terlihat oleh"), "select",
              options=(("public", N_("semua orang")), ("unlisted", N_("semua orang, tanpa linimasa publik")))),
    )

    def __init__(self, config: Mapping[str, Any], secrets: Mapping[str, str], context: Context):
        self.url = str(config.get("url") or "").strip().rstrip("/")
        self.visibility = str(config.get("visibility") or "public")
        self.token = str(secrets.get("token") or "")
        self.allowed = context.allowed_private_hosts

    def publish(self, request: Request) -> Result:
        """One post per key."""
        began = request.progress.get("began")
        if began and request.now - datetime.fromisoformat(began) > KEY_HOLDS:
            if found := self.find(request):
                return found
            raise Failure(N_("Sudah dikirim ke Mastodon, tetapi tidak ditemukan di sana."), "unknown")
        fields = self._fields(request)
        if not began:
            request.progress.note(began=request.now.isoformat())
        key = hashlib.sha256(request.key.encode()).hexdigest()
        try:
            return _result(repeatable(lambda: self._call("POST", "/api/v1/statuses", json=fields, headers={"Idempotency-Key": key})))
        except Failure as failure:
            if not began and (isinstance(failure, (http.NotSent, Throttled)) or failure.kind == "permanent" or
                              failure.params.get("status") in (429, 503)):
                request.progress.forget("began")  # certainly not taken: its hour has not begun
            raise

    def update(self, request: Request, platform_id: str, url: str) -> Result:
        """The post with that id; those who have seen it are told that it was changed."""
        fields = {name: value for name, value in self._fields(request).items() if name != "visibility"}
        result = _result(repeatable(lambda: self._call("PUT", f"/api/v1/statuses/{_id(platform_id)}", json=fields)))
        return Result(result.url, result.platform_id, request.now)

    def withdraw(self, platform_id: str, url: str, key: str) -> None:
        """The post and its files, here; copies on other servers are asked to go."""
        try:
            repeatable(lambda: self._call("DELETE", f"/api/v1/statuses/{_id(platform_id)}", params={"delete_media": "true"}))
        except Failure as failure:
            if failure.params.get("status") != 404:
                raise

    def find(self, request: Request) -> Result | None:
        """By its words, among the account's last forty."""
        me = self._call("GET", "/api/v1/accounts/verify_credentials")
        posts = self._call("GET", f"/api/v1/accounts/{me.get('id')}/statuses", params={"limit": 40, "exclude_reblogs": "true"})
        sought = _words(self._text(request))
        began = request.progress.get("began")
        since = datetime.fromisoformat(began) - timedelta(minutes=5) if began else request.now - timedelta(days=2)
        found = [_result(post) for post in posts if _words(content.of_html(str(post.get("content") or ""))) == sought]
        results = [result for result in found if result.published_at >= since]
        return min(results, key=lambda result: result.published_at) if results else None

    def verify(self, request: Request, platform_id: str, url: str) -> Standing:
        """By its id (#get): its words. Of a mention only the name is shown."""
        try:
            post = self._call("GET", f"/api/v1/statuses/{_id(platform_id)}")
        except Failure as failure:
            if failure.params.get("status") == 404:
                return standing.gone()
            raise
        approved = [re.sub(r"@(\w+)@[\w.-]+\w", r"@\1", text) for text in standing.texts("mastodon", request)]
        return standing.of_words([standing.words(text) for text in approved], standing.words_of_html(str(post.get("content") or "")))

    def check(self, now: datetime) -> Health:
        """The account, and what the token may do as far as the server says it."""
        me = self._call("GET", "/api/v1/accounts/verify_credentials")
        try:
            app = self._call("GET", "/api/v1/apps/verify_credentials")
        except Failure:  # not every server says it, and the account is known by now
            app = {}
        scopes = app.get("scopes") if isinstance(app, dict) else None
        lacking = [need for need in ("write:statuses", "write:media") if isinstance(scopes, list) and not {need, "write"} & set(scopes)]
        if lacking:
            raise Failure(N_("Token Mastodon tidak berizin: %(lacking)s."), lacking=", ".join(lacking))
        return Health(N_("Tersambung ke %(url)s sebagai @%(user)s."), {"url": self.url, "user": str(me.get("username") or "")})

    # Within -----------------------------------------------------------------------------------------------------------

    def _text(self, request: Request) -> str:
        return rules.compose("mastodon", rules.of_request(request, request.link))

    def _fields(self, request: Request) -> dict[str, Any]:
        """A status, its files uploaded and ready."""
        limits, text = self._limits(), self._text(request)
        most, used = limits["characters"], rules.mastodon_length(text)
        if used > most:
            raise Failure(N_("Paling banyak %(limit)d huruf di server Mastodon ini; sekarang %(count)d."), limit=most, count=used)
        files = request.videos[:1] or media.fitted(request.images[: limits["files"]], rules.of("mastodon"))  # a video stands alone
        ids: list[str] = list(request.progress.get("media") or [])
        for file in files[len(ids):]:
            ids.append(self._upload(file))
            request.progress.note(media=ids)
        for id in ids:
            self._wait_for(request, id)
        return {"status": text, "media_ids": ids, "visibility": self.visibility, "language": "id"}

    def _limits(self) -> dict[str, int]:
        """As the server says; a server that does not say has the usual ones."""
        try:
            said = self._call("GET", "/api/v2/instance")
        except Failure as failure:
            if failure.params.get("status") != 404:
                raise
            said = {}
        configuration = said.get("configuration") if isinstance(said, dict) else None
        statuses = (configuration or {}).get("statuses") or {}
        usual = rules.of("mastodon")
        return {"characters": int(statuses.get("max_characters") or usual.limit or 0),
                "files": int(statuses.get("max_media_attachments") or usual.images or 0)}

    def _upload(self, file: Attachment) -> str:
        """Its id. What is uploaded and not used, the server removes by itself."""
        form: dict[str, Any] = {"files": {"file": (file.name, file.content, file.media_type)},
                                "data": {"description": content.clean(file.alt)[:ALT]}}
        return _named(repeatable(lambda: self._call("POST", "/api/v2/media", **form)))

    def _wait_for(self, request: Request, id: str) -> None:
        for wait in (0.0, *LOOKS):
            time.sleep(wait)
            try:
                said = self._call("GET", f"/api/v1/media/{id}", statuses=(206,))
            except Failure as failure:
                if failure.params.get("status") == 404:  # kept for too long, and removed: uploaded anew next time
                    request.progress.forget("media")
                    raise Failure(N_("Gambar yang diunggah sudah dihapus oleh server."), "temporary") from failure
                raise
            if said.get("url"):
                return
        raise Failure(N_("Mastodon masih mengolah gambar atau video."), "temporary", 30)

    def _call(self, method: str, path: str, statuses: tuple[int, ...] = (), headers: Mapping[str, str] | None = None, **body: Any) -> Any:
        http.demand_tls(self.url, self.allowed)
        answer = http.request(method, self.url + path, headers={"Authorization": f"Bearer {self.token}", **(headers or {})},
                              allowed_private_hosts=self.allowed, stay=True, read_timeout=60, deadline=180, **body)
        said = answer.json()
        reason = str(said.get("error") or "")[:300] if isinstance(said, dict) else ""
        if answer.status == 401:
            raise Denied(N_("Mastodon menolak token: %(said)s"), said=reason)
        if not answer.ok:
            raise http.failure(answer, reason, creates=method != "GET")
        if answer.status in statuses:
            return said if isinstance(said, dict) else {}
        if not isinstance(said, (dict, list)):
            raise Failure(UNREADABLE, "temporary" if method == "GET" else "unknown")
        return said


def _unreadable() -> Failure:
    """What was sent is perhaps taken, and may be sent again."""
    failure = Failure(UNREADABLE, "temporary")
    failure.doubtful = True
    return failure


def _named(said: Any) -> str:
    if not isinstance(said, dict) or not isinstance(said.get("id"), (str, int)) or not str(said["id"]).isalnum():
        raise _unreadable()
    return str(said["id"])


def _result(said: Any) -> Result:
    id = _named(said)
    try:
        return Result(str(said["url"] or said["uri"]), id, datetime.fromisoformat(str(said["created_at"])).astimezone(UTC))
    except (KeyError, ValueError, OverflowError) as e:
        raise _unreadable() from e


def _id(platform_id: str) -> str:
    if not platform_id.isalnum():
        raise NotByMachine(N_("Tulisan ini tidak dikenal Mastodon menurut nomornya."))
    return platform_id


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text)
