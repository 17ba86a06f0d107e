"""Posts on a Mastodon server (4.0 and later, and what speaks its language), with an access token.

https://docs.joinmastodon.org/methods/statuses/ (#create with Idempotency-Key, which is remembered for an hour; #edit, #delete),
…/methods/media/ (#v2: 202 while a file is still processed, then #get with 206 until it is ready), …/methods/instance/#v2 (limits),
…/api/rate-limits/; signing in: …/methods/apps/#create (an app for each sign-in), …/methods/oauth/, PKCE: …/spec/oauth/. Within the hour
a post whose answer did not come is sent again under its key; later it is looked for by its words.

`scheduled_at` is not used: the id that it gives is not the post's, so that what appears later could be neither linked, corrected nor
withdrawn. A post for later waits in Terbit.
"""

import hashlib
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

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
    Request,
    Result,
    SignIn,
    Standing,
    Throttled,
    content,
    http,
    media,
    repeatable,
    rules,
    series,
    signing_in,
    standing,
)

KEY_HOLDS = timedelta(minutes=50)  # of the hour for which a server remembers a key
LOOKS = (1.0, 2.0, 3.0, 5.0, 5.0)  # seconds before each look at a file that is being processed
SCOPES = ("read:accounts", "read:statuses", "write:statuses", "write:media")
ALT = 1_500  # characters of a picture's description
UNREADABLE = N_("Jawaban Mastodon tidak dapat dibaca.")


class Mastodon:
    name = "mastodon"
    rules = "mastodon"  # of `connectors.rules`
    title = "Mastodon"
    can: frozenset[Ability] = frozenset({"text", "link", "image", "images", "video", "edit", "delete", "find", "verify"})
    fields: tuple[Field, ...] = (
        Field("url", N_("Alamat server"), "url", True, N_("Misalnya https://mastodon.example")),
        Field("token", N_("Token akses"), "secret",
              help=N_("Dari Preferensi → Pengembangan, dengan izin read dan write. Tidak perlu bila Anda masuk lewat peramban.")),
        Field("visibility", N_("Terlihat oleh"), "select",
              options=(("public", N_("semua orang")), ("unlisted", N_("semua orang, tanpa linimasa publik")))),
        series.FIELD,
    )

    def __init__(self, config: Mapping[str, Any], secrets: Mapping[str, str], context: Context):
        self.url = str(config.get("url") or "").strip().rstrip("/")
        self.thread = bool(config.get("thread"))
        self.visibility = str(config.get("visibility") or "public")
        self.token = str(secrets.get("token") or "")
        self.allowed, self.tokens = context.allowed_private_hosts, context.tokens

    def sign_in(self) -> SignIn:
        return SignIn(f"{self.url}/oauth/authorize", f"{self.url}/oauth/token", SCOPES, revocation_endpoint=f"{self.url}/oauth/revoke",
                      where=N_("Tidak perlu didaftarkan: Terbit mendaftarkan dirinya sendiri di server itu."))

    def register(self, redirect_uri: str) -> Mapping[str, str]:
        """An app at this server, for one sign-in: it forgets those that nobody signed in with."""
        app = {"client_name": "Terbit", "redirect_uris": redirect_uri, "scopes": " ".join(SCOPES)}
        return self._call("POST", "/api/v1/apps", token="", json=app)

    def accounts(self, tokens: Mapping[str, Any]) -> tuple[Account, ...]:
        """The one that signed in."""
        me = self._call("GET", "/api/v1/accounts/verify_credentials", token=tokens["access_token"])
        return (Account(f"@{me['username']}", {}),)

    def publish(self, request: Request) -> Result:
        """One post, or a thread: each part once per key."""
        texts = series.texts("mastodon", request, self.thread)
        most = self._keep_to_limit(texts)
        progress = request.progress
        sent: list[list[str]] = []
        for number, text in enumerate(texts):
            place = series.name(number)
            if progress.get(place) == {} and request.now - datetime.fromisoformat(progress["began"]) > KEY_HOLDS:
                if found := self.find(request):
                    return found
                raise Failure(N_("Sudah dikirim ke Mastodon, tetapi tidak ditemukan di sana."), "unknown")
            if not progress.get(place):
                try:
                    progress[place] = {"result": self._sent(request, number, text, sent[-1][0] if sent else "", most)}
                except Failure as failure:
                    if failure.kind != "permanent" or not sent:
                        raise
                    raise series.taken_back(request, failure, lambda: self.withdraw(_ids(sent), "", request.key)) from failure
                progress.note()
            sent.append(progress[place]["result"])
        return _whole(sent)

    def _sent(self, request: Request, number: int, text: str, before: str, most: int) -> list[str]:
        """What `_noted` tells of the post that is made now, an answer to the one before."""
        place, progress = series.name(number), request.progress
        fields: dict[str, Any] = {"status": text, "media_ids": [] if number else self._media(request, most), "visibility": self.visibility,
                                  "language": "id"} | ({"in_reply_to_id": before} if before else {})
        begun = place in progress
        if not begun:
            series.begin(request, self.thread)
            progress.note(**{place: {}}, began=request.now.isoformat())
        key = hashlib.sha256((f"{request.key} {number + 1}" if number else request.key).encode()).hexdigest()
        try:
            said = repeatable(lambda: self._call("POST", "/api/v1/statuses", json=fields, headers={"Idempotency-Key": key}))
            return _noted(_result(said))
        except Failure as failure:
            if not begun and (isinstance(failure, (http.NotSent, Throttled)) or failure.kind == "permanent" or
                              failure.params.get("status") in (429, 503)):
                progress.forget(place)  # certainly not taken: its hour has not begun
            raise

    def update(self, request: Request, platform_id: str, url: str) -> Result:
        """The posts with these ids; those who have seen them are told that they were changed."""
        ids = _parsed(platform_id)
        texts = rules.parts("mastodon", rules.of_request(request, request.link), thread=len(ids) > 1)
        if len(texts) != len(ids):
            raise NotByMachine(N_("Banyaknya kiriman dalam utas akan berbeda dari yang terbit."))
        most = self._keep_to_limit(texts)
        for number, (id, text) in enumerate(zip(ids, texts, strict=True)):
            fields = {"status": text, "language": "id", "media_ids": [] if number else self._media(request, most)}
            result = _result(repeatable(partial(self._call, "PUT", f"/api/v1/statuses/{id}", json=fields)))
            url = url if number else result.url
        return Result(url, platform_id, request.now)

    def withdraw(self, platform_id: str, url: str, key: str) -> None:
        """The posts, the last first, and their files, here; copies on other servers are asked to go."""
        for id in reversed(_parsed(platform_id)):
            try:
                repeatable(partial(self._call, "DELETE", f"/api/v1/statuses/{id}", params={"delete_media": "true"}))
            except Failure as failure:
                if failure.params.get("status") != 404:
                    raise

    def find(self, request: Request) -> Result | None:
        """By its words, among the account's last forty."""
        me = self._call("GET", "/api/v1/accounts/verify_credentials")
        posts = self._call("GET", f"/api/v1/accounts/{me.get('id')}/statuses", params={"limit": 40, "exclude_reblogs": "true"})
        since = datetime.fromtimestamp(request.progress["since"], UTC) if "since" in request.progress else request.now - timedelta(days=2)
        results = [(_result(post), _words(content.of_html(str(post.get("content") or "")))) for post in posts]
        recent = sorted(((result, words) for result, words in results if result.published_at >= since - timedelta(minutes=5)),
                        key=lambda each: each[0].published_at)
        sought = [_words(text) for text in series.texts("mastodon", request, self.thread)]
        found = series.results(request, [next((_noted(result) for result, words in recent if words == part), None) for part in sought])
        return _whole(found) if found else None

    def verify(self, request: Request, platform_id: str, url: str) -> Standing:
        """By its ids (#get): its words. Of a mention only the name is shown."""
        ids, shown = _parsed(platform_id), []
        for id in ids:
            try:
                post = self._call("GET", f"/api/v1/statuses/{id}")
            except Failure as failure:
                if failure.params.get("status") == 404:
                    return standing.gone()
                raise
            shown += standing.words_of_html(str(post.get("content") or ""))
        texts = standing.texts("mastodon", request, thread=len(ids) > 1)
        return standing.of_words([standing.words(re.sub(r"@(\w+)@[\w.-]+\w", r"@\1", text)) for text in texts], shown)

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

    def _keep_to_limit(self, texts: list[str]) -> int:
        """How many files one post may show here. Raises Failure where this server takes shorter texts."""
        most = self._limits()
        for used in map(rules.mastodon_length, texts):
            if used > most["characters"]:
                raise Failure(N_("Paling banyak %(limit)d huruf di server Mastodon ini; sekarang %(count)d."), limit=most["characters"],
                              count=used)
        return most["files"]

    def _media(self, request: Request, most: int) -> list[str]:
        """The ids of its files (at most `most`), uploaded and ready."""
        files = rules.videos_taken("mastodon", request.videos) or media.fitted(request.images[:most], rules.of("mastodon"))
        ids: list[str] = list(request.progress.get("media") or [])
        for file in files[len(ids):]:
            ids.append(self._upload(file))
            request.progress.note(media=ids)
        for id in ids:
            self._wait_for(request, id)
        return ids

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

    def _call(self, method: str, path: str, statuses: tuple[int, ...] = (), headers: Mapping[str, str] | None = None,
              token: str | None = None, **body: Any) -> Any:
        http.demand_tls(self.url, self.allowed)
        token = signing_in.token(self.tokens, self.token) if token is None else token
        bearer = {"Authorization": f"Bearer {token}"} if token else {}
        answer = http.request(method, self.url + path, headers={**bearer, **(headers or {})},
                              allowed_private_hosts=self.allowed, stay=True, read_timeout=60, deadline=180, **body)
        said = answer.json()
        reason = str(said.get("error") or "")[:300] if isinstance(said, dict) else ""
        if answer.status == 401:
            raise Denied(N_("Mastodon tidak menerima lagi izin kanal ini (%(said)s). Admin perlu masuk lagi, atau mengisi token baru, "
                            "di halaman Kanal."), said=reason)
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


def _noted(result: Result) -> list[str]:
    return [result.platform_id, result.url, result.published_at.isoformat()]


def _whole(sent: list[list[str]]) -> Result:
    """Of what `_noted` tells of every part: where the first stands."""
    return Result(sent[0][1], _ids(sent), datetime.fromisoformat(sent[0][2]))


def _ids(sent: list[list[str]]) -> str:
    return ",".join(id for id, *_ in sent)


def _parsed(platform_id: str) -> list[str]:
    """The ids of the parts."""
    ids = platform_id.split(",")
    if not all(id.isalnum() for id in ids):
        raise NotByMachine(N_("Tulisan ini tidak dikenal Mastodon menurut nomornya."))
    return ids


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text)
