"""Videos and photos on a TikTok account, by the Content Posting API (Direct Post), signed in to with Login Kit.

https://developers.tiktok.com/doc/content-posting-api-reference-direct-post (a video's caption, its chunks, an upload's address that is
good for an hour, errors), …-query-creator-info, …-photo-post, …-get-video-status (FAILED and its reasons; the post's number comes when
moderation is over), …/content-posting-api-media-transfer-guide (chunks of 5 to 64 MB in order, the last one longer; 206, 201, 403, 404,
416; addresses of photos that are verified as the app's URL properties), …/oauth-user-access-token-management (a refresh token may be
replaced by each renewal). Where TikTok has not audited the office's app, it posts to a private account and for that account only.

A `publish_id` makes one post at most: a video's makes none before TikTok has all of it, so it is asked how far it came and goes on there.
Photos are fetched by TikTok at once: an answer to that call that does not come is a person's question. There is no call that changes or
deletes a post.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
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
    Request,
    Result,
    SignIn,
    Throttled,
    http,
    media,
    pieces,
    repeatable,
    rules,
    signing_in,
)

API = "https://open.tiktokapis.com"
SCOPES = ("user.info.basic", "video.publish")
NOTES = ("publish", "upload", "sent", "size", "since", "user", "complete")  # of one publication; what the last piece was is `pieces.LAST`
PUBLIC, SELF = "PUBLIC_TO_EVERYONE", "SELF_ONLY"
PROCESSING, MODERATING = 15.0, 60.0  # seconds between looks
MODERATED = timedelta(hours=3)  # "in some cases, moderation may take a few hours"; without a number the post stands all the same
STUCK = timedelta(hours=24)
WAIT, LOOK_AGAIN = 60.0, 3 * 3600.0  # seconds, where TikTok does not say for how long
UNREADABLE = N_("Jawaban TikTok tidak dapat dibaca.")

# Codes of errors and reasons of a failed post, as the pages above list them.
SIGNED_OUT = {"access_token_invalid", "scope_not_authorized", "scope_permission_missed", "auth_removed"}
FULL = {"spam_risk_too_many_posts", "reached_active_user_cap"}  # for today
PASSING = {"internal", "video_pull_failed", "photo_pull_failed"}
MEANING = {
    "file_format_check_failed": N_("TikTok tidak menerima jenis video ini; pakai MP4 dengan H.264."),
    "duration_check_failed": N_("Video ini terlalu panjang untuk akun TikTok itu."),
    "frame_rate_check_failed": N_("TikTok menerima video dengan 23 sampai 60 gambar per detik."),
    "picture_size_check_failed": N_("Ukuran gambar atau video ini tidak diterima TikTok (sisi 360 sampai 4096 piksel)."),
    "spam_risk_user_banned_from_posting": N_("TikTok melarang akun ini mengirim."),
    "spam_risk_text": N_("TikTok menganggap teksnya spam."),
    "unaudited_client_can_only_post_to_private_accounts": N_(
        "Aplikasi TikTok kantor belum diaudit: sampai itu, akunnya harus privat dan kiriman hanya terlihat oleh akun sendiri."),
    "url_ownership_unverified": N_("Alamat Terbit belum didaftarkan sebagai URL property pada aplikasi TikTok kantor."),
}
SIGN_IN_AGAIN = N_("TikTok tidak menerima lagi izin kanal ini (%(said)s). Admin perlu masuk lagi di halaman Kanal.")
FULL_TODAY = N_("Akun TikTok ini sudah mencapai batas kiriman sehari.")


class TikTok:
    name = "tiktok"
    title = "TikTok"
    rules = "tiktok"  # of `connectors.rules`
    pace = 10.0  # six posts a minute
    can: frozenset[Ability] = frozenset({"text", "link", "image", "images", "video", "find"})
    fields: tuple[Field, ...] = (
        Field("client_id", N_("Client key"), "text", True,
              N_("Dari developers.tiktok.com: aplikasi dengan Login Kit dan Content Posting API (Direct Post).")),
        Field("client_secret", N_("Client secret"), "secret", True),
        Field("privacy", N_("Terlihat oleh"), "select", options=(
            (PUBLIC, N_("semua orang")), ("FOLLOWER_OF_CREATOR", N_("pengikut akun")), ("MUTUAL_FOLLOW_FRIENDS", N_("teman")),
            (SELF, N_("akun itu sendiri (aplikasi yang belum diaudit)")))),
        Field("api", N_("Alamat API TikTok"), "url", help=N_("Kosongkan untuk memakai server TikTok.")),
    )

    def __init__(self, config: Mapping[str, Any], secrets: Mapping[str, str], context: Context):
        self.client = signing_in.Client(str(config.get("client_id") or "").strip(), str(secrets.get("client_secret") or "").strip())
        self.privacy = str(config.get("privacy") or PUBLIC)
        self.api = str(config.get("api") or API).rstrip("/")
        self.allowed, self.tokens, self.public = context.allowed_private_hosts, context.tokens, context.public

    def publish(self, request: Request) -> Result:
        """One post: the first video, else the pictures. NotYet while TikTok works on it."""
        text, progress = _text(request), request.progress
        video = next(iter(rules.videos_taken("tiktok", request.videos)), None)
        images = [] if video else self._images(request)
        with pieces.begun(progress, *NOTES):
            if "publish" not in progress:
                about = self._about(self._creator())
                if video:
                    self._begin_video(request, text, about, video)
                else:
                    self._begin_photos(request, text, about, images)
            elif video and "sent" not in progress and (at := self._lacks(progress)) is not None:
                self._upload(request, video, at)
            return self._outcome(request, self._status(progress))

    def find(self, request: Request) -> Result | None:
        """What is known by the number of what was begun; TikTok lists no posts to an app that may only post."""
        if "publish" not in request.progress:
            return None
        said = self._status(request.progress)
        return self._shown(request, said) if said["status"] == "PUBLISH_COMPLETE" else None

    def check(self, now: datetime) -> Health:
        """Whose the account is, and that it lets posts be seen by whom they are meant for."""
        message = N_("Tersambung ke TikTok sebagai @%(user)s.")
        if self.privacy == SELF:
            message = N_("Tersambung ke TikTok sebagai @%(user)s; kiriman hanya terlihat oleh akun itu sendiri.")
        return Health(message, {"user": self._about(self._creator())["user"]})

    # Signing in -------------------------------------------------------------------------------------------------------

    def sign_in(self) -> SignIn:
        return SignIn("https://www.tiktok.com/v2/auth/authorize/", f"{self.api}/v2/oauth/token/", SCOPES, separator=",",
                      client_id_name="client_key", pkce=False,  # "required for mobile and desktop app only", in a form of its own
                      revocation_endpoint=f"{self.api}/v2/oauth/revoke/",
                      where=N_("Di developers.tiktok.com → Manage apps → aplikasi → Login Kit → Redirect URI."))

    def complete_sign_in(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """All of it. Who signs in may leave a permission out."""
        if set(SCOPES) - set(str(given.get("scope") or ",".join(SCOPES)).replace(" ", ",").split(",")):
            raise Failure(N_("TikTok tidak memberi semua izin yang diperlukan. Masuk sekali lagi dan setujui semua izin."))
        return given

    def accounts(self, tokens: Mapping[str, Any]) -> tuple[Account, ...]:
        """The one account that was signed in for."""
        creator = repeatable(lambda: _read(self._send("/v2/post/publish/creator_info/query/", {}, str(tokens.get("access_token")))))
        return (Account(f"@{creator.get('creator_username')}", {}),)

    def renew(self, kept: Mapping[str, Any]) -> Mapping[str, Any]:
        return signing_in.renewed(self.sign_in(), self.client, self.allowed, kept)

    # Posting ----------------------------------------------------------------------------------------------------------

    def _creator(self) -> dict[str, Any]:
        return repeatable(lambda: self._call("/v2/post/publish/creator_info/query/", {}))

    def _about(self, creator: Mapping[str, Any]) -> dict[str, Any]:
        """What goes with every post of that account, and its `user`. Raises Failure where it may not be seen by whom it is meant for."""
        user = str(creator.get("creator_username") or "")
        if self.privacy not in (creator.get("privacy_level_options") or []):
            raise Failure(N_("Akun TikTok @%(user)s tidak menawarkan kiriman yang terlihat seperti pada pengaturan kanal ini."), user=user)
        return {"privacy_level": self.privacy, "disable_comment": bool(creator.get("comment_disabled")), "brand_content_toggle": False,
                "brand_organic_toggle": False, "user": user}

    def _images(self, request: Request) -> list[Attachment]:
        images = media.fitted(rules.taken("tiktok", request.images), rules.of("tiktok"))
        if not images:
            raise NotByMachine(N_("TikTok hanya memuat video dan gambar, dan berkas ini tidak mempunyainya."))
        if self.public is None:
            raise NotByMachine(N_("TikTok mengambil gambar dari alamat umum, dan Terbit di sini belum dapat dijangkau dari luar."))
        return images

    def _begin_video(self, request: Request, text: str, about: dict[str, Any], video: Attachment) -> None:
        """Nothing is posted before TikTok has all of it, so that this may be done twice."""
        size = len(video.content)
        chunk, count = (pieces.SIZE, size // pieces.SIZE) if _last(size) else (size, 1)
        user, info = about.pop("user"), {"title": text, **about}
        source = {"source": "FILE_UPLOAD", "video_size": size, "chunk_size": chunk, "total_chunk_count": count}
        said = repeatable(lambda: self._call("/v2/post/publish/video/init/", {"post_info": info, "source_info": source}, "upload_url"))
        request.progress.note(publish=_id(said), upload=pieces.place(str(said["upload_url"]), self.api, "tiktokapis.com"),
                              size=size, since=request.now.isoformat(), user=user)
        self._upload(request, video, 0)

    def _lacks(self, progress: Mapping[str, Any]) -> int | None:
        """From which byte on TikTok lacks the video; None where it has all of it."""
        said = self._status(progress)
        arrived = said.get("uploaded_bytes")
        if said["status"] != "PROCESSING_UPLOAD" or (isinstance(arrived, int) and arrived >= progress["size"]):
            return None
        return min(arrived // pieces.SIZE * pieces.SIZE, _last(progress["size"])) if isinstance(arrived, int) else 0

    def _upload(self, request: Request, video: Attachment, at: int) -> None:
        size, bytes_, upload = len(video.content), memoryview(video.content), str(request.progress["upload"])

        def send(first: int, end: int) -> int:
            headers = {"Content-Type": video.media_type, "Content-Range": f"bytes {first}-{end - 1}/{size}"}
            http.demand_tls(upload, self.allowed)
            response = repeatable(lambda: http.request("PUT", upload, headers=headers, data=bytes_[first:end], stay=True, read_timeout=60,
                                                       allowed_private_hosts=self.allowed, deadline=300))
            if response.status in (403, 404):
                raise pieces.Gone
            if response.status == 416:
                raise Failure(N_("TikTok menunggu bagian video yang lain."), "temporary", 5)  # which its status tells
            if not response.ok:
                raise http.failure(response)
            return end

        pieces.upload(request.progress, size, at, send, lambda first: size if first >= _last(size) else first + pieces.SIZE)
        request.progress.note(sent=True)

    def _begin_photos(self, request: Request, text: str, about: dict[str, Any], images: list[Attachment]) -> None:
        """TikTok fetches them and posts: never twice."""
        user, addresses = about.pop("user"), [self.public(image) for image in images if self.public]
        body = {"media_type": "PHOTO", "post_mode": "DIRECT_POST",
                "post_info": {"description": text, "auto_add_music": False, **about},
                "source_info": {"source": "PULL_FROM_URL", "photo_cover_index": 0, "photo_images": addresses}}
        begun = request.progress.once(pieces.LAST, lambda: _id(self._call("/v2/post/publish/content/init/", body)))
        # As of a video whose last piece was sent: whether it is posted, its status says.
        request.progress.note(**{"publish": begun, pieces.LAST: {}, "size": 0, "since": request.now.isoformat(), "user": user})

    # What came of it --------------------------------------------------------------------------------------------------

    def _status(self, progress: Mapping[str, Any]) -> dict[str, Any]:
        try:
            said = repeatable(lambda: self._call("/v2/post/publish/status/fetch/", {"publish_id": progress["publish"]}, "status"))
        except Failure as failure:
            if failure.params.get("code") == "invalid_publish_id":
                raise pieces.Gone from failure
            raise
        return said

    def _outcome(self, request: Request, said: dict[str, Any]) -> Result:
        """What a status means. NotYet as long as it is not shown to whom it is meant for."""
        progress = request.progress
        if said["status"] == "FAILED":
            progress.forget(*NOTES, pieces.LAST)  # certainly not posted
            raise _failed(str(said.get("fail_reason") or ""))
        if said["status"] != "PUBLISH_COMPLETE":
            if request.now - datetime.fromisoformat(progress["since"]) > STUCK:
                raise pieces.Gone
            raise NotYet(PROCESSING)
        if self.privacy == PUBLIC and not _numbers(said):
            if "complete" not in progress:
                progress.note(complete=request.now.isoformat())
            if request.now - datetime.fromisoformat(progress["complete"]) < MODERATED:
                raise NotYet(MODERATING)
        return self._shown(request, said)

    def _shown(self, request: Request, said: Mapping[str, Any]) -> Result:
        """A post that not everybody sees has no number of its own."""
        profile, kind = f"https://www.tiktok.com/@{request.progress.get('user')}", "video" if request.progress.get("upload") else "photo"
        for number in _numbers(said):
            return Result(f"{profile}/{kind}/{number}", number, request.now)
        return Result(profile, str(request.progress["publish"]), request.now)

    # Calling ----------------------------------------------------------------------------------------------------------

    def _call(self, path: str, body: Mapping[str, Any], needed: str = "") -> dict[str, Any]:
        said = _read(signing_in.call(self.tokens, self.renew, lambda token: self._send(path, body, token)))
        if needed and not said.get(needed):
            raise Failure(UNREADABLE, "unknown")
        return said

    def _send(self, path: str, body: Mapping[str, Any], token: str) -> http.Response:
        http.demand_tls(self.api, self.allowed)
        return http.post(self.api + path, json=body, headers={"Authorization": f"Bearer {token}"}, stay=True,
                         allowed_private_hosts=self.allowed, read_timeout=60, deadline=120)


def _read(response: http.Response) -> dict[str, Any]:
    """The answer's data. Of what it refuses, nothing was begun."""
    said = response.json()
    said = said if isinstance(said, dict) else {}
    found = said.get("error")
    error = found if isinstance(found, dict) else {}
    code, words = str(error.get("code") or ""), str(error.get("message") or "")[:300]
    if response.ok and code == "ok" and isinstance(said.get("data"), dict):
        return said["data"]
    if response.status == 429 or code == "rate_limit_exceeded":
        raise Throttled(http.told_to_wait(response) or WAIT)
    if response.status == 401 or code in SIGNED_OUT:
        raise Denied(SIGN_IN_AGAIN, said=words or code)
    if code in FULL:
        raise NotYet(LOOK_AGAIN) from Failure(FULL_TODAY)
    if code in MEANING:
        raise Failure(MEANING[code], code=code)
    if response.ok and code in ("", "ok"):
        raise Failure(UNREADABLE, "unknown")
    if response.ok:
        raise Failure(N_("TikTok menolak: %(said)s"), said=words or code, code=code)
    failure = http.failure(response, words or code, creates=True)
    failure.params["code"] = code
    raise failure


def _failed(reason: str) -> Failure:
    if reason in PASSING:
        return Failure(N_("TikTok gagal mengolah kiriman ini: %(said)s"), "temporary", 60, said=reason)
    if reason in FULL:
        waits = NotYet(LOOK_AGAIN)
        waits.__cause__ = Failure(FULL_TODAY)
        return waits
    if reason in SIGNED_OUT:
        return Denied(SIGN_IN_AGAIN, said=reason)
    return Failure(MEANING.get(reason, N_("TikTok menolak kiriman ini: %(said)s")), said=reason)


def _text(request: Request) -> str:
    post = rules.of_request(request, request.link)
    if problem := next((each for each in rules.check("tiktok", post) if each.blocks and each.about == "text"), None):
        raise Failure(problem.message, **problem.params)
    return rules.compose("tiktok", post)


def _id(said: Mapping[str, Any]) -> str:
    if not isinstance(said.get("publish_id"), str) or not 0 < len(said["publish_id"]) <= 100:
        raise Failure(UNREADABLE, "unknown")
    return said["publish_id"]


def _numbers(said: Mapping[str, Any]) -> list[str]:
    found = said.get("publicaly_available_post_id")  # as TikTok writes it
    return [str(each) for each in found if str(each).isdigit()] if isinstance(found, list) else []


def _last(size: int) -> int:
    """Where the last piece begins, which takes what is left over."""
    return max(size // pieces.SIZE - 1, 0) * pieces.SIZE
