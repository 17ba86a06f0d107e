"""Posts of a Facebook Page, by the Graph API with a Page access token.

The Pages API (https://developers.facebook.com/docs/pages-api/posts: /{page}/feed, scheduled_publish_time from 10 minutes to 30 days,
changing and deleting; https://developers.facebook.com/docs/graph-api/reference/page/photos: unpublished pictures, put into one post
by attached_media, and their alt_text_custom; https://developers.facebook.com/docs/graph-api/reference/page/videos: a video in phases,
start, transfer and finish, which is the post itself) knows no idempotency key. What was sent without an answer is looked for among the
Page's latest posts, by its words (`find`). Errors and limits: `connectors.meta`. Signing in:
https://developers.facebook.com/docs/facebook-login/guides/advanced/manual-flow, …/guides/access-tokens/get-long-lived and
https://developers.facebook.com/docs/graph-api/reference/user/accounts.
"""

import hashlib
import json
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
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
    NotYet,
    Quota,
    Request,
    Result,
    SignIn,
    Standing,
    http,
    media,
    meta,
    repeatable,
    rules,
    signing_in,
    standing,
)

API = "https://graph.facebook.com/v25.0"
DIALOG = "https://www.facebook.com/v25.0/dialog/oauth"
SCOPES = ("pages_show_list", "pages_manage_posts", "pages_read_engagement")
MOST_PAGES = 500  # of one person, to choose from
SOONEST, LATEST = timedelta(minutes=10), timedelta(days=30)  # between which Facebook keeps a post until its time
SLACK = timedelta(minutes=2)  # between our clock and theirs
LOOKED_AT = 50  # latest posts, when a post is looked for
LONGEST_UPLOAD = 300.0  # seconds of one try; the next goes on
AGAIN = 10.0  # seconds before a broken upload goes on


class Facebook:
    name = "facebook"
    title = N_("Halaman Facebook")
    can: frozenset[Ability] = frozenset({"text", "link", "image", "images", "video", "schedule", "edit", "delete", "find", "verify",
                                         "reschedule"})
    rules = "facebook"  # of `connectors.rules`
    segment = 4 * 2**20  # bytes of a video that one call carries, where Facebook wants no fewer
    schedule_window = (SOONEST + SLACK, LATEST - SLACK)
    fields: tuple[Field, ...] = (
        Field("client_id", N_("ID aplikasi"), help=N_("Dari developers.facebook.com; untuk masuk lewat peramban.")),
        Field("client_secret", N_("Rahasia aplikasi (App secret)"), "secret"),
        Field("page", N_("Nomor halaman"), help=N_("Angka, dari Tentang → Transparansi Halaman; terisi sendiri bila Anda masuk lewat "
                                                   "peramban.")),
        Field("token", N_("Token akses halaman"), "secret",
              help=N_("Bila tidak masuk lewat peramban: token halaman (bukan token pengguna), dengan izin pages_manage_posts dan "
                      "pages_read_engagement.")),
        Field("api", N_("Alamat Graph API"), "url", help=N_("Kosongkan untuk memakai server Facebook.")),
    )

    def __init__(self, config: Mapping[str, Any], secrets: Mapping[str, str], context: Context):
        self.page = str(config.get("page") or "").strip()
        self.token = str(secrets.get("token") or "")
        self.api = str(config.get("api") or API).rstrip("/")
        self.allowed, self.tokens = context.allowed_private_hosts, context.tokens
        self.client = signing_in.Client(str(config.get("client_id") or ""), str(secrets.get("client_secret") or ""))

    def sign_in(self) -> SignIn:
        return SignIn(DIALOG, f"{self.api}/oauth/access_token", SCOPES, separator=",", pkce=False,
                      where=N_("Di developers.facebook.com → aplikasi Anda → Facebook Login → Settings → Valid OAuth Redirect URIs."))

    def complete_sign_in(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """A token of sixty days in place of that of an hour: the Pages' tokens that are got with it have no end."""
        return signing_in.granted(self.sign_in(), self.client, self.allowed, grant_type="fb_exchange_token",
                                  fb_exchange_token=str(given["access_token"]))

    def accounts(self, tokens: Mapping[str, Any]) -> tuple[Account, ...]:
        """The Pages that the person manages, each with a token of its own."""
        found: list[Account] = []
        asked = {"fields": "id,name,access_token", "limit": "100"}
        while len(found) < MOST_PAGES:
            answer = self._call("GET", "me/accounts", token=tokens["access_token"], params=asked)
            found += [Account(page["name"], {"page": page["id"]}, {"access_token": page["access_token"]})
                      for page in answer["data"] if page.get("access_token")]
            paging = answer.get("paging") or {}
            if not paging.get("next"):
                break
            asked = {**asked, "after": paging["cursors"]["after"]}
        return tuple(found)

    def publish(self, request: Request) -> Result:
        """One post. The pictures are uploaded unseen first, each once; then the post that shows them. A video is a post of its own."""
        at = self._scheduled(request)
        if "sent" not in request.progress and "since" not in request.progress:
            request.progress.note(since=int(request.now.timestamp()), link=request.link)  # `find` looks no further back, and for that link
        text, files = self._prepared(request)
        if files and _is_film(files[0]):
            return self._filmed(request, files[0], text, at)
        body: dict[str, Any] = {"message": text}
        for number, image in enumerate(files):
            body[f"attached_media[{number}]"] = json.dumps({"media_fbid": self._uploaded(request, image, at)})
        if (link := _link(request)) and not files:
            body["link"] = link
        if at:
            body |= {"published": "false", "scheduled_publish_time": int(at.timestamp())}
        sent = request.progress.once("sent", lambda: {"id": self._id(self._call("POST", f"{self.page}/feed", creates=True, data=body))})
        return self._result(sent["id"], files, at or request.now, scheduled=bool(at))

    def find(self, request: Request) -> Result | None:
        """Among the Page's latest posts, the scheduled ones too, the one with these words since this publication began."""
        text, files = self._prepared(request)
        if film := request.progress.get("film"):
            return self._found_film(request, film["video"], text, files)
        since = int(request.progress.get("since", 0)) - int(SLACK.total_seconds())
        for edge, scheduled in (("feed", False), ("scheduled_posts", True)):
            answer = self._call("GET", f"{self.page}/{edge}", params={"fields": "id,message,created_time", "limit": LOOKED_AT})
            for post in answer.get("data") or []:
                made = meta.moment(post.get("created_time"))
                if str(post.get("message", "")).strip() == text.strip() and made and made.timestamp() >= since:
                    return self._result(str(post["id"]), files, request.publish_at or made, scheduled=scheduled)
        return None

    def _found_film(self, request: Request, id: str, text: str, files: list[Attachment]) -> Result | None:
        """By its number: it has its words since it was finished."""
        try:
            video = self._call("GET", id, params={"fields": "id,description,created_time,published"})
        except Failure as failure:
            if failure.params.get("code") == meta.GONE:
                return None
            raise
        if str(video.get("description", "")).strip() != text.strip():
            return None
        at = request.publish_at or meta.moment(video.get("created_time")) or request.now
        return self._result(id, files, at, scheduled=bool(request.publish_at) and video.get("published") is False)

    def update(self, request: Request, platform_id: str, url: str) -> Result:
        """Its words. Facebook does not change a post's pictures: where they differ, a person takes over."""
        id, pictures = _parsed(platform_id)
        text, files = self._prepared(request)
        if pictures != _digest(files):
            raise NotByMachine(N_("Facebook tidak dapat mengganti gambar sebuah kiriman."))
        repeatable(lambda: self._call("POST", id, data={_words_of(id): text}))
        return Result(url, platform_id, request.now)

    def withdraw(self, platform_id: str, url: str, key: str) -> None:
        """The post and its pictures; what is gone already is."""
        try:
            repeatable(lambda: self._call("DELETE", _parsed(platform_id)[0]))
        except Failure as failure:
            if (failure.params.get("code"), failure.params.get("subcode")) != (meta.GONE, 33):
                raise

    def reschedule(self, request: Request, platform_id: str, at: datetime) -> Result:
        """As long as it is not shown (https://developers.facebook.com/docs/graph-api/reference/page-post: is_published, and
        scheduled_publish_time among what can be changed)."""
        id = _parsed(platform_id)[0]
        shown = "is_published" if "_" in id else "published"
        if self._call("GET", id, params={"fields": f"id,{shown}"}).get(shown) is not False:
            raise Failure(N_("Kiriman ini sudah terbit di Facebook; waktunya tidak dapat dipindahkan lagi."))
        repeatable(lambda: self._call("POST", id, data={"scheduled_publish_time": int(at.timestamp())}))
        return Result(f"https://www.facebook.com/{id}", platform_id, at, scheduled=True)

    def verify(self, request: Request, platform_id: str, url: str) -> Standing:
        """By its id: its words."""
        try:
            id = _parsed(platform_id)[0]
            post = self._call("GET", id, params={"fields": f"id,{_words_of(id)}"})
        except Failure as failure:
            if (failure.params.get("code"), failure.params.get("subcode")) == (meta.GONE, 33):
                return standing.gone()
            raise
        return standing.compared(standing.texts("facebook", request), str(post.get(_words_of(id)) or ""))

    def check(self, now: datetime) -> Health:
        """Whose the token is: it must be the Page's own."""
        me = self._call("GET", "me", params={"fields": "id,name"})
        if str(me.get("id")) != self.page:
            raise Denied(N_("Token ini milik %(name)s, bukan milik halaman nomor %(page)s."), name=str(me.get("name")), page=self.page)
        return Health(N_("Tersambung ke halaman %(name)s."), {"name": str(me.get("name"))}, quotas=self._quotas)

    # Within -----------------------------------------------------------------------------------------------------------

    _quotas: tuple[Quota, ...] = ()

    def _prepared(self, request: Request) -> tuple[str, list[Attachment]]:
        """The text as it was approved, and the video or the pictures as Facebook takes them."""
        text = rules.compose("facebook", rules.of_request(request, _link(request)))
        files = rules.videos_taken("facebook", request.videos) or media.fitted(  # a video stands alone
            rules.taken("facebook", request.images), rules.of("facebook"))
        if not rules.fits("facebook", text, len(files)):
            raise Failure(N_("Teks terlalu panjang untuk Facebook."))
        return text, files

    def _scheduled(self, request: Request) -> datetime | None:
        """The time until which Facebook is to keep the post; NotYet where it would not keep it that long, or not for so short a time."""
        if not request.publish_at or request.publish_at <= request.now:
            return None
        if "sent" in request.progress:  # it was begun, in the way that it was
            return request.publish_at
        ahead = request.publish_at - request.now
        if ahead < SOONEST + SLACK:
            raise NotYet(ahead.total_seconds())
        if ahead > LATEST - SLACK:
            raise NotYet((ahead - LATEST + 2 * SLACK).total_seconds())
        return request.publish_at

    def _filmed(self, request: Request, video: Attachment, text: str, at: datetime | None) -> Result:
        """The post that is a video. `film` in the progress: {session, video, at: the first byte that Facebook has not}."""
        if "sent" not in request.progress:
            self._transfer(request, video)
        film = request.progress["film"]
        body: dict[str, Any] = {"upload_phase": "finish", "upload_session_id": film["session"], "description": text}
        if at:
            body |= {"published": "false", "scheduled_publish_time": int(at.timestamp())}
        request.progress.once("sent", lambda: self._call("POST", f"{self.page}/videos", creates=True, data=body))
        return self._result(film["video"], [video], at or request.now, scheduled=bool(at))

    def _transfer(self, request: Request, video: Attachment) -> None:
        """The whole of it, from where it was. A session that Facebook does not go on with is begun anew; nobody sees the old one."""
        began, resumed, first = time.monotonic(), "film" in request.progress, -1
        try:
            if not resumed:
                asked = {"upload_phase": "start", "file_size": len(video.content)}
                said = repeatable(lambda: self._call("POST", f"{self.page}/videos", creates=True, data=asked))
                request.progress.note(film={"session": str(said["upload_session_id"]), "video": str(said["video_id"]), "at": 0})
            first = request.progress["film"]["at"]
            while (film := request.progress["film"])["at"] < len(video.content):
                if time.monotonic() - began > LONGEST_UPLOAD:
                    raise NotYet(1)
                piece = video.content[film["at"]: film["at"] + self.segment]
                asked = {"upload_phase": "transfer", "upload_session_id": film["session"], "start_offset": film["at"]}
                files = {"video_file_chunk": (video.name, piece, "application/octet-stream")}
                said = repeatable(partial(self._call, "POST", f"{self.page}/videos", creates=True, data=asked, files=files))
                request.progress.note(film={**film, "at": int(said["start_offset"])})
        except (KeyError, TypeError, ValueError) as e:
            raise Failure(N_("Jawaban Facebook tidak dapat dibaca."), "temporary") from e
        except Failure as failure:
            if failure.kind == "permanent" and not isinstance(failure, Denied):
                request.progress.forget("film")
                if resumed:
                    raise Failure(failure.message, "temporary", **failure.params) from failure
            elif failure.kind == "temporary" and not isinstance(failure, NotYet) and 0 <= first < request.progress["film"]["at"]:
                raise NotYet(failure.retry_after or AGAIN) from failure  # others arrived: that is no failed try
            raise

    def _uploaded(self, request: Request, image: Attachment, at: datetime | None) -> str:
        """The id of this picture, which nobody sees before a post shows it: uploaded twice, one of the two is never seen."""
        def upload() -> str:
            body = {"published": "false", "alt_text_custom": image.alt} | ({"temporary": "true"} if at else {})
            files = {"source": (image.name, image.content, image.media_type)}
            return self._id(repeatable(lambda: self._call("POST", f"{self.page}/photos", creates=True, data=body, files=files)))

        return request.progress.kept(f"picture-{hashlib.sha256(image.content).hexdigest()[:16]}", upload)

    def _result(self, id: str, files: list[Attachment], at: datetime, scheduled: bool) -> Result:
        return Result(f"https://www.facebook.com/{id}", f"{id}:{_digest(files)}", at, scheduled)

    @staticmethod
    def _id(answer: dict[str, Any]) -> str:
        if not answer.get("id"):
            raise Failure(N_("Facebook menjawab tanpa nomor kiriman."), "unknown")
        return str(answer["id"])

    def _call(self, method: str, path: str, *, creates: bool = False, token: str = "", **body: Any) -> dict[str, Any]:
        http.demand_tls(self.api, self.allowed)
        bearer = token or signing_in.token(self.tokens, self.token)
        api = self.api.replace("//graph.", "//graph-video.") if path.endswith("/videos") else self.api
        response = http.request(method, f"{api}/{path}", headers={"Authorization": f"Bearer {bearer}"}, stay=True,
                                allowed_private_hosts=self.allowed, read_timeout=60, deadline=180, **body)
        self._quotas = meta.quotas(response) or self._quotas
        said = meta.answer(response)
        if response.ok and "error" not in said:
            if not said:
                raise Failure(N_("Jawaban Facebook tidak dapat dibaca."), "temporary" if method == "GET" else "unknown")
            return said
        raise meta.refusal("Facebook", response, creates=creates)


def _link(request: Request) -> str:
    """The address that the post was begun with: one that is there since changes no words."""
    return str(request.progress.get("link", request.link))


def _is_film(file: Attachment) -> bool:
    return file.media_type.startswith("video/")


def _words_of(id: str) -> str:
    """The field that holds them: a video has a number of its own, a post that of its Page before it."""
    return "message" if "_" in id else "description"


def _digest(files: list[Attachment]) -> str:
    return hashlib.sha256(b"".join(hashlib.sha256(file.content).digest() for file in files)).hexdigest()[:12] if files else ""


def _parsed(platform_id: str) -> tuple[str, str]:
    id, _, pictures = platform_id.partition(":")
    if not id.replace("_", "").isdigit():
        raise NotByMachine(N_("Tulisan ini tidak dikenal Facebook menurut nomornya."))
    return id, pictures
