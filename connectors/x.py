"""Posts of an X account, by the X API v2 with the four OAuth 1.0a keys of the account's own app, which do not end, or by OAuth 2.0.

https://docs.x.com/x-api/posts/create-post (with reply.in_reply_to_tweet_id for a thread), …/delete-post, …/media/upload-media (pictures
up to 5 MB in one call), …/media/initialize-media-upload, …/append-media-upload, …/finalize-media-upload and …/get-media-upload-status
(videos and moving GIFs, in segments of at most 5 MB), …/media/create-media-metadata (alt text), …/users/get-posts; what goes together:
https://docs.x.com/x-api/media/quickstart/best-practices; limits: https://docs.x.com/x-api/fundamentals/rate-limits
(`x-rate-limit-*`); signing: https://docs.x.com/fundamentals/authentication/oauth-1-0a; or signed in, with refresh tokens that are good
once: https://docs.x.com/fundamentals/authentication/oauth-2-0/authorization-code. It knows no idempotency key, but refuses
what the account has just said in the same words (403). What was sent without an answer is looked for among the latest posts.
"""

import hashlib
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlencode

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
    Standing,
    Throttled,
    http,
    media,
    repeatable,
    rules,
    series,
    signing_in,
    standing,
)

API = "https://api.x.com"
AUTHORIZE = "https://x.com/i/oauth2/authorize"
SCOPES = ("tweet.read", "tweet.write", "users.read", "media.write", "offline.access")
ALT = 1_000  # characters
SLACK = timedelta(minutes=2)  # between our clock and theirs
LOOKED_AT = 50  # latest posts, when a post is looked for
WAIT = 900.0  # seconds of X's window, where it does not say when it ends
SHOWN = "created_at,entities,text"  # of a post that is looked at
GIF_SIZE = 15 * rules.MB
PROCESSING = 10.0  # seconds before a look at a video that is being processed, where X does not say when
LONGEST_UPLOAD = 600.0  # seconds of one try; the next goes on
KEYS = ("consumer_key", "consumer_secret", "access_token", "access_secret")


class X:
    name = "x"
    rules = "x"  # of `connectors.rules`
    title = "X"
    can: frozenset[Ability] = frozenset({"text", "link", "image", "images", "video", "delete", "find", "verify"})
    segment = 4 * 2**20  # bytes of a video that one call carries
    fields: tuple[Field, ...] = (
        Field("client_id", N_("ID aplikasi (OAuth 2.0 Client ID)"), help=N_("Dari console.x.com; untuk masuk lewat peramban.")),
        Field("client_secret", N_("Rahasia aplikasi (Client Secret)"), "secret"),
        Field("consumer_key", N_("Kunci API (API key)"), "secret",
              help=N_("Keempat kunci ini hanya bila tidak masuk lewat peramban; aplikasinya berizin Read and write sebelum token dibuat.")),
        Field("consumer_secret", N_("Rahasia kunci API (API key secret)"), "secret"),
        Field("access_token", N_("Token akses (access token)"), "secret"),
        Field("access_secret", N_("Rahasia token akses (access token secret)"), "secret"),
        series.FIELD,
        Field("api", N_("Alamat API X"), "url", help=N_("Kosongkan untuk memakai server X.")),
    )

    def __init__(self, config: Mapping[str, Any], secrets: Mapping[str, str], context: Context):
        self.api = str(config.get("api") or API).rstrip("/")
        self.keys = {name: str(secrets.get(name) or "").strip() for name in KEYS}
        self.thread = bool(config.get("thread"))
        self.allowed, self.tokens = context.allowed_private_hosts, context.tokens
        self.client = signing_in.Client(str(config.get("client_id") or ""), str(secrets.get("client_secret") or ""))

    def sign_in(self) -> SignIn:
        return SignIn(AUTHORIZE, f"{self.api}/2/oauth2/token", SCOPES, client_auth="basic",
                      revocation_endpoint=f"{self.api}/2/oauth2/revoke",
                      where=N_("Di console.x.com → aplikasi → User authentication settings → Callback URI."))

    def accounts(self, tokens: Mapping[str, Any]) -> tuple[Account, ...]:
        """The one that signed in."""
        response = self._answer("GET", f"{self.api}/2/users/me", tokens["access_token"])
        if not response.ok:
            raise self._refusal(response, response.json() or {}, creates=False)
        return (Account(f"@{response.json()['data']['username']}", {}),)

    def renew(self, kept: Mapping[str, Any]) -> Mapping[str, Any]:
        return signing_in.renewed(self.sign_in(), self.client, self.allowed, kept)

    def publish(self, request: Request) -> Result:
        """One post, or a thread. Its pictures or its video are uploaded first, each once, and stand with the first part."""
        texts = self._texts(request)
        series.begin(request, self.thread)
        ids = [] if series.name(0) in request.progress else self._uploads(request)
        sent: list[str] = []
        for number, text in enumerate(texts):
            body: dict[str, Any] = {"text": text}
            if ids and not sent:
                body["media"] = {"media_ids": ids}
            if sent:
                body["reply"] = {"in_reply_to_tweet_id": sent[-1]}
            try:
                sent.append(request.progress.once(series.name(number), partial(self._posted, body)))
            except Failure as failure:
                if failure.kind == "permanent" and not sent:  # what was uploaded may have ended, which X keeps for a day
                    request.progress.forget(*[name for name in request.progress if name.startswith("picture-") or name == "upload"])
                if failure.kind != "permanent" or not sent:
                    raise
                raise series.taken_back(request, failure, lambda: self.withdraw(",".join(sent), "", request.key)) from failure
        return self._result(sent, request.now)

    def find(self, request: Request) -> Result | None:
        """Among the account's latest posts, those with these words since this publication began."""
        since = int(request.progress.get("since", 0)) - SLACK.total_seconds()
        me = self._call("GET", "/2/users/me")["data"]["id"]
        asked = urlencode({"max_results": LOOKED_AT, "post.fields": SHOWN})
        latest = self._call("GET", f"/2/users/{me}/tweets?{asked}").get("data") or []
        made = {str(post["id"]): datetime.fromisoformat(str(post["created_at"])) for post in latest}
        words = {str(post["id"]): _words(post) for post in latest if made[str(post["id"])].timestamp() >= since}
        sought = [text.split() for text in self._texts(request)]
        found = series.results(request, [next((id for id, said in words.items() if said == part), None) for part in sought])
        return self._result(found, made.get(found[0], request.now)) if found else None

    def withdraw(self, platform_id: str, url: str, key: str) -> None:
        """The post, or every part of the thread, the last first; what is gone already is."""
        for id in reversed(_parsed(platform_id)):
            try:
                repeatable(partial(self._call, "DELETE", f"/2/tweets/{id}"))
            except Failure as failure:
                if failure.params.get("status") != 404:
                    raise

    def verify(self, request: Request, platform_id: str, url: str) -> Standing:
        """By its ids (…/posts/get-post-by-id): its words. Of one that is gone X says so in a good answer."""
        ids, shown = _parsed(platform_id), []
        for id in ids:
            try:
                said = self._call("GET", f"/2/tweets/{id}?{urlencode({'post.fields': SHOWN})}")
            except Failure as failure:
                if failure.params.get("status") == 404:
                    return standing.gone()
                raise
            if "data" not in said:
                return standing.gone()
            shown += _words(said["data"])
        return standing.compared(standing.texts("x", request, thread=len(ids) > 1), " ".join(shown))

    def check(self, now: datetime) -> Health:
        """Whose the keys are. Whether they may write, X says only when something is written."""
        me = self._call("GET", "/2/users/me").get("data") or {}
        return Health(N_("Tersambung ke X sebagai @%(user)s."), {"user": str(me.get("username") or "")})

    # Within -----------------------------------------------------------------------------------------------------------

    def _texts(self, request: Request) -> list[str]:
        """As they were approved."""
        texts = series.texts("x", request, self.thread)
        if not all(rules.fits("x", text) for text in texts):
            raise Failure(N_("Teks terlalu panjang untuk X."))
        return texts

    def _uploads(self, request: Request) -> list[str]:
        """The ids of what the post shows: a video or a moving GIF alone, else pictures, which move no more."""
        images = rules.taken("x", request.images)
        if videos := rules.videos_taken("x", request.videos):
            return [self._in_segments(request, videos[0], "tweet_video")]
        if len(images) == 1 and len(images[0].content) <= GIF_SIZE and media.is_animated(images[0]):
            return [self._in_segments(request, replace(images[0], media_type=rules.GIF), "tweet_gif")]
        channel = replace(rules.of("x"), formats=(rules.JPEG, rules.PNG, rules.WEBP))
        return [self._uploaded(request, image) for image in media.fitted(images, channel)]

    def _uploaded(self, request: Request, image: Attachment) -> str:
        """The id of this picture, which nobody sees before a post shows it: uploaded twice, one of the two is never seen."""
        def upload() -> str:
            body = {"data": {"media_category": "tweet_image"}, "files": {"media": (image.name, image.content, image.media_type)}}
            id = self._id(repeatable(lambda: self._call("POST", "/2/media/upload", creates=True, **body)))
            self._describe(id, image.alt)
            return id

        return request.progress.kept(f"picture-{hashlib.sha256(image.content).hexdigest()[:16]}", upload)

    def _describe(self, id: str, alt: str) -> None:
        if alt:
            described = {"id": id, "metadata": {"alt_text": {"text": alt[:ALT]}}}
            repeatable(lambda: self._call("POST", "/2/media/metadata", json=described))

    def _in_segments(self, request: Request, file: Attachment, category: str) -> str:
        """Its id, once X has processed it; NotYet before. `upload` in the progress: {id, next: segment, whole: it was put together}.

        An upload that was broken off, and that X does not know any more, is begun anew.
        """
        resumed = "upload" in request.progress
        try:
            if not resumed:
                said = {"media_category": category, "media_type": file.media_type, "total_bytes": len(file.content)}
                begun = repeatable(lambda: self._call("POST", "/2/media/upload/initialize", creates=True, json=said))
                request.progress.note(upload={"id": self._id(begun), "next": 0})
            self._send_segments(request, file)
            upload = request.progress["upload"]
            if not upload.get("whole"):
                repeatable(lambda: self._call("POST", f"/2/media/upload/{upload['id']}/finalize", creates=True))
                if category == "tweet_gif":
                    self._describe(upload["id"], file.alt)
                request.progress.note(upload={**upload, "whole": True})
            self._processed(upload["id"])
            return upload["id"]
        except Failure as failure:
            if failure.kind == "permanent":
                request.progress.forget("upload")
                if resumed and not isinstance(failure, Denied):
                    raise Failure(failure.message, "temporary", **failure.params) from failure
            raise

    def _send_segments(self, request: Request, file: Attachment) -> None:
        began, upload = time.monotonic(), request.progress["upload"]
        for number in range(upload["next"], -(-len(file.content) // self.segment)):
            if time.monotonic() - began > LONGEST_UPLOAD:
                raise NotYet(1)
            piece = file.content[number * self.segment: (number + 1) * self.segment]
            body = {"data": {"segment_index": number}, "files": {"media": (file.name, piece, "application/octet-stream")}}
            try:
                repeatable(partial(self._call, "POST", f"/2/media/upload/{upload['id']}/append", creates=True, **body))
            except Failure as failure:
                if failure.kind == "temporary" and number > upload["next"] and not isinstance(failure, NotYet):
                    # others arrived: that is no failed try
                    raise NotYet(failure.retry_after or PROCESSING) from failure
                raise
            request.progress.note(upload={**upload, "next": number + 1})

    def _processed(self, id: str) -> None:
        """NotYet while X is at it."""
        data = self._call("GET", f"/2/media/upload?{urlencode({'command': 'STATUS', 'media_id': id})}").get("data")
        info = data.get("processing_info") if isinstance(data, dict) else None
        if not isinstance(info, dict) or info.get("state") == "succeeded":
            return
        if info.get("state") == "failed":
            raise Failure(N_("X tidak dapat mengolah video ini: %(said)s"), said=str(info.get("error") or "")[:300])
        wait = info.get("check_after_secs")
        raise NotYet(float(wait) if isinstance(wait, int) and 0 < wait <= WAIT else PROCESSING)

    def _posted(self, body: dict[str, Any]) -> str:
        return self._id(self._call("POST", "/2/tweets", creates=True, json=body))

    @staticmethod
    def _result(ids: list[str], at: datetime) -> Result:
        return Result(f"https://x.com/i/status/{ids[0]}", ",".join(ids), at)

    @staticmethod
    def _id(answer: dict[str, Any]) -> str:
        data = answer.get("data")
        if not isinstance(data, dict) or not data.get("id"):
            raise Failure(N_("X menjawab tanpa nomor kiriman."), "unknown")
        return str(data["id"])

    def _call(self, method: str, path: str, *, creates: bool = False, **body: Any) -> dict[str, Any]:
        response = self._answer(method, self.api + path, **body)
        said = response.json()
        if response.ok:
            if not isinstance(said, dict) or not said.keys() & {"data", "meta"} and not _is_of_no_post(said):
                raise Failure(N_("Jawaban X tidak dapat dibaca."), "temporary" if method == "GET" else "unknown")
            return said
        raise self._refusal(response, said if isinstance(said, dict) else {}, creates)

    def _answer(self, method: str, url: str, token: str = "", **body: Any) -> http.Response:
        """By this token, by the account that is signed in, else by the four keys."""
        def send(bearer: str) -> http.Response:
            headers = {"Authorization": f"Bearer {bearer}"} if bearer else self._signed(method, url)
            return http.request(method, url, headers=headers, stay=True, allowed_private_hosts=self.allowed, read_timeout=60,
                                deadline=180, **body)

        http.demand_tls(self.api, self.allowed)
        if not token and self.tokens and self.tokens.signed_in():
            return signing_in.call(self.tokens, self.renew, send)
        if not token and not all(self.keys.values()):
            raise Denied(N_("Kanal ini belum masuk; admin perlu masuk di halaman Kanal, atau mengisi keempat kunci di sana."))
        return send(token)

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
            return Denied(N_("X tidak menerima lagi izin kanal ini (%(said)s). Admin perlu masuk lagi, atau mengisi kunci baru, "
                             "di halaman Kanal."), said=words)
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


def _parsed(platform_id: str) -> list[str]:
    """The ids of the parts."""
    ids = platform_id.split(",")
    if not all(id.isdigit() for id in ids):
        raise NotByMachine(N_("Tulisan ini tidak dikenal X menurut nomornya."))
    return ids
