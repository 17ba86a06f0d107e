"""Posts of an X account, by the X API v2 with the four OAuth 1.0a keys of the account's own app, which do not end.

https://docs.x.com/x-api/posts/create-post, …/delete-post, …/media/upload-media (pictures up to 5 MB in one call),
…/media/create-media-metadata (alt text), …/users/get-posts; limits: https://docs.x.com/x-api/fundamentals/rate-limits
(`x-rate-limit-*`); signing: https://docs.x.com/fundamentals/authentication/oauth-1-0a. It knows no idempotency key, but refuses
what the account has just said in the same words (403). What was sent without an answer is looked for among the latest posts.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

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
    http,
    media,
    repeatable,
    rules,
    standing,
)

API = "https://api.x.com"
ALT = 1_000  # characters
SLACK = timedelta(minutes=2)  # between our clock and theirs
LOOKED_AT = 50  # latest posts, when a post is looked for
WAIT = 900.0  # seconds of X's window, where it does not say when it ends
KEYS = ("consumer_key", "consumer_secret", "access_token", "access_secret")


class X:
    name = "x"
    title = "X"
    can: frozenset[Ability] = frozenset({"text", "link", "image", "images", "delete", "find", "verify"})
    fields: tuple[Field, ...] = (
        Field("consumer_key", N_("Kunci API (API key)"), "secret", True,
              N_("Dari console.x.com; aplikasinya berizin Read and write sebelum token dibuat.")),
        Field("consumer_secret", N_("Rahasia kunci API (API key secret)"), "secret", True),
        Field("access_token", N_("Token akses (access token)"), "secret", True),
        Field("access_secret", N_("Rahasia token akses (access token secret)"), "secret", True),
        Field("api", N_("Alamat API X"), "url", help=N_("Kosongkan untuk memakai server X.")),
    )

    def __init__(self, config: Mapping[str, Any], secrets: Mapping[str, str], context: Context):
        self.api = str(config.get("api") or API).rstrip("/")
        self.keys = {name: str(secrets.get(name) or "").strip() for name in KEYS}
        self.allowed = context.allowed_private_hosts

    def publish(self, request: Request) -> Result:
        """One post. Its pictures are uploaded first, each once."""
        text, images = self._prepared(request)
        if "since" not in request.progress:
            request.progress.note(since=int(request.now.timestamp()))  # `find` looks no further back
        ids = [self._uploaded(request, image) for image in images]
        body: dict[str, Any] = {"text": text} | ({"media": {"media_ids": ids}} if ids else {})
        sent = request.progress.once("sent", lambda: self._id(self._call("POST", "/2/tweets", creates=True, json=body)))
        return self._result(sent, request.now)

    def find(self, request: Request) -> Result | None:
        """Among the account's latest posts, the one with these words since this publication began."""
        sought = self._prepared(request)[0].split()
        since = int(request.progress.get("since", 0)) - SLACK.total_seconds()
        me = self._call("GET", "/2/users/me")["data"]["id"]
        asked = urlencode({"max_results": LOOKED_AT, "tweet.fields": "created_at,entities,text"})
        for post in self._call("GET", f"/2/users/{me}/tweets?{asked}").get("data") or []:
            made = datetime.fromisoformat(str(post["created_at"]))
            if _words(post) == sought and made.timestamp() >= since:
                return self._result(str(post["id"]), made)
        return None

    def withdraw(self, platform_id: str, url: str, key: str) -> None:
        """The post; what is gone already is."""
        if not platform_id.isdigit():
            raise NotByMachine(N_("Tulisan ini tidak dikenal X menurut nomornya."))
        try:
            repeatable(lambda: self._call("DELETE", f"/2/tweets/{platform_id}"))
        except Failure as failure:
            if failure.params.get("status") != 404:
                raise

    def verify(self, request: Request, platform_id: str, url: str) -> Standing:
        """By its id (…/posts/get-post-by-id): its words. Of one that is gone X says so in a good answer."""
        if not platform_id.isdigit():
            raise NotByMachine(N_("Tulisan ini tidak dikenal X menurut nomornya."))
        asked = urlencode({"tweet.fields": "created_at,entities,text"})
        try:
            said = self._call("GET", f"/2/tweets/{platform_id}?{asked}")
        except Failure as failure:
            if failure.params.get("status") == 404:
                return standing.gone()
            raise
        if "data" not in said:
            return standing.gone()
        return standing.compared(standing.texts("x", request), " ".join(_words(said["data"])))

    def check(self, now: datetime) -> Health:
        """Whose the keys are. Whether they may write, X says only when something is written."""
        me = self._call("GET", "/2/users/me").get("data") or {}
        return Health(N_("Tersambung ke X sebagai @%(user)s."), {"user": str(me.get("username") or "")})

    # Within -----------------------------------------------------------------------------------------------------------

    def _prepared(self, request: Request) -> tuple[str, list[Attachment]]:
        """The text as it was approved, and the pictures as X takes them."""
        text = rules.compose("x", rules.of_request(request, request.link))
        images = media.fitted(rules.taken("x", request.images), rules.of("x"))
        if not rules.fits("x", text, len(images)):
            raise Failure(N_("Teks terlalu panjang untuk X."))
        return text, images

    def _uploaded(self, request: Request, image: Attachment) -> str:
        """The id of this picture, which nobody sees before a post shows it: uploaded twice, one of the two is never seen."""
        name = f"picture-{hashlib.sha256(image.content).hexdigest()[:16]}"
        if name not in request.progress:
            body = {"data": {"media_category": "tweet_image", "media_type": image.media_type},
                    "files": {"media": (image.name, image.content, image.media_type)}}
            id = self._id(repeatable(lambda: self._call("POST", "/2/media/upload", creates=True, **body)))
            if image.alt:
                described = {"id": id, "metadata": {"alt_text": {"text": image.alt[:ALT]}}}
                repeatable(lambda: self._call("POST", "/2/media/metadata", json=described))
            request.progress.note(**{name: id})
        return request.progress[name]

    @staticmethod
    def _result(id: str, at: datetime) -> Result:
        return Result(f"https://x.com/i/status/{id}", id, at)

    @staticmethod
    def _id(answer: dict[str, Any]) -> str:
        data = answer.get("data")
        if not isinstance(data, dict) or not data.get("id"):
            raise Failure(N_("X menjawab tanpa nomor kiriman."), "unknown")
        return str(data["id"])

    def _call(self, method: str, path: str, *, creates: bool = False, **body: Any) -> dict[str, Any]:
        http.demand_tls(self.api, self.allowed)
        response = http.request(method, self.api + path, headers=self._signed(method, self.api + path), stay=True,
                                allowed_private_hosts=self.allowed, read_timeout=60, deadline=180, **body)
        said = response.json()
        if response.ok:
            if not isinstance(said, dict) or not said.keys() & {"data", "meta"} and not _is_of_no_post(said):
                raise Failure(N_("Jawaban X tidak dapat dibaca."), "temporary" if method == "GET" else "unknown")
            return said
        raise self._refusal(response, said if isinstance(said, dict) else {}, creates)

    def _signed(self, method: str, url: str) -> dict[str, str]:
        """OAuth 1.0a's header. JSON and multipart bodies are no part of what is signed (RFC 5849 §3.4.1.3.1)."""
        from authlib.oauth1 import ClientAuth  # here, since few offices publish to X

        auth = ClientAuth(self.keys["consumer_key"], client_secret=self.keys["consumer_secret"],
                          token=self.keys["access_token"], token_secret=self.keys["access_secret"])
        return {"Authorization": auth.sign(method, url, {}, None)[1]["Authorization"]}

    @staticmethod
    def _refusal(response: http.Response, said: dict[str, Any], creates: bool) -> Failure:
        words = str(said.get("detail") or said.get("title") or "")[:300]
        if response.status == 429:
            return Throttled(http.told_to_wait(response) or WAIT)
        if response.status == 401:
            return Denied(N_("X menolak kunci: %(said)s"), said=words)
        if response.status == 403 and "duplicate" in words.lower():
            return Failure(N_("Menurut X kiriman yang sama sudah ada: %(said)s"), "unknown", said=words)
        if response.status == 403:
            return Denied(N_("X tidak mengizinkannya dengan kunci ini: %(said)s"), said=words)
        return http.failure(response, words, creates=creates)


def _is_of_no_post(said: Mapping[str, Any]) -> bool:
    errors = said.get("errors")
    return isinstance(errors, list) and any(
        isinstance(each, dict) and str(each.get("type", "")).endswith("/resource-not-found") and each.get("resource_type") == "tweet"
        for each in errors)


def _words(post: Mapping[str, Any]) -> list[str]:
    """What was written: X shows each address as one of its own, and adds one for the pictures."""
    text = str(post.get("text", ""))
    for link in (post.get("entities") or {}).get("urls") or []:
        text = text.replace(str(link.get("url")), "" if link.get("media_key") else str(link.get("expanded_url", "")))
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").split()
