"""Posts on a WordPress site by its REST API (WordPress 5.6 and later), with an application password.

WordPress knows no idempotency key and silently makes `slug-2` of a slug that is taken. So a post's slug is made
from the request's key (and not from its title, which a person may change between two tries), and before every
creation the site is asked whether it has that slug already; so is it after an answer that did not come. Media and
categories are found again in the same way.
"""

import hashlib
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from html import escape, unescape
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlencode

import requests
from babel.dates import format_date

from connectors import (
    N_,
    Ability,
    Context,
    Correction,
    Denied,
    Failure,
    Field,
    Health,
    Request,
    Result,
    Standing,
    Throttled,
    content,
    http,
    media,
    repeatable,
    standing,
)
from connectors.kinds import kind_name
from connectors.slugs import slug

READ_BACK_AFTER = (0.0, 2.0, 5.0)  # seconds to wait before each look, when the answer to a creation did not come
UNREADABLE = N_("Jawaban WordPress tidak dapat dibaca.")
OURS = re.compile(r"-[0-9a-f]{12}$")
HIDDEN = ("trash", "private")
NEEDED = ("publish_posts", "upload_files")  # capabilities, without which nothing can be published
STATUSES = "publish,draft,future,pending,private"


class WordPress:
    name = "wordpress"
    can: frozenset[Ability] = frozenset({"text", "image", "images", "video", "file", "schedule", "edit", "delete", "find", "verify",
                                         "reschedule"})
    title = "WordPress"
    fields: tuple[Field, ...] = (
        Field("url", N_("Alamat situs"), "url", True, N_("Misalnya https://kantor.example.go.id")),
        Field("username", N_("Nama pengguna WordPress"), "text", True, N_("Berperan Penyunting (Editor) atau lebih tinggi.")),
        Field("application_password", N_("Kata sandi aplikasi"), "secret", True, N_("Dibuat di WordPress, pada halaman Profil.")),
    )

    def __init__(self, config: Mapping[str, Any], secrets: Mapping[str, str], context: Context):
        self.url = str(config.get("url") or "").strip()
        self.auth = (str(config.get("username") or ""), str(secrets.get("application_password") or ""))
        self.allowed = context.allowed_private_hosts

    def publish(self, request: Request) -> Result:
        """One post per key. In the future (`publish_at`) WordPress itself shows it: the result is `scheduled`.
        What an earlier try left there under another title gets today's words."""
        api = _Api(self.url, self.auth, self.allowed)
        name = post_slug(request)
        there = _find(api, "posts", name)
        post = there or _create(api, name, request)
        if post.get("status") not in ("publish", "future"):
            message = N_("Tulisan ini sudah ada di WordPress, tetapi berstatus %(status)s. Terbitkan di sana.")
            raise Failure(message, status=post.get("status"))
        if there and (there.get("title") or {}).get("raw") != _title(request):
            post = _rewrite(api, there, request)
        return _result(post)

    def update(self, request: Request, platform_id: str, url: str) -> Result:
        """The post with that id says what the request says; its address, time and status stay. Writing it twice is writing it once."""
        api = _Api(self.url, self.auth, self.allowed)
        post = _by_id(api, platform_id)
        if post is None or post.get("status") not in ("publish", "future"):
            raise Failure(N_("Tulisan nomor %(id)s tidak ada lagi di WordPress, atau tidak terbit."), id=platform_id)
        return _result(_rewrite(api, post, request))

    def withdraw(self, platform_id: str, url: str, key: str) -> None:
        """Into the trash, where WordPress has one, else private; what was uploaded with it is deleted. Gone already: nothing."""
        api = _Api(self.url, self.auth, self.allowed)
        post = _by_id(api, platform_id)
        if post is None:
            return
        if post.get("status") not in HIDDEN:
            _hide(api, int(post["id"]))
        left = _by_id(api, platform_id)
        if left is not None and left.get("status") not in HIDDEN:
            raise Failure(N_("Tulisan masih terbit di WordPress sesudah ditarik."), "temporary")
        for id in _uploads_of(api, post):
            repeatable(partial(api.delete, f"media/{id}"))

    def reschedule(self, request: Request, platform_id: str, at: datetime) -> Result:
        """As long as it is not shown: WordPress would take down a published post that gets a date in the future, until then
        (https://developer.wordpress.org/reference/functions/wp_insert_post/)."""
        api = _Api(self.url, self.auth, self.allowed)
        post = _by_id(api, platform_id)
        if post is None or post.get("status") != "future":
            raise Failure(N_("Tulisan nomor %(id)s tidak lagi menunggu waktunya di WordPress."), id=platform_id)
        return _result(repeatable(lambda: api.post(f"posts/{platform_id}", {"date_gmt": _gmt(at)})))

    def find(self, request: Request) -> Result | None:
        there = _find(_Api(self.url, self.auth, self.allowed), "posts", post_slug(request))
        return _result(there) if there and there.get("status") in ("publish", "future") else None

    def verify(self, request: Request, platform_id: str, url: str) -> Standing:
        """By its number: published, with the approved title, and a body of the approved words, corrections and attachments' names."""
        post = _by_id(_Api(self.url, self.auth, self.allowed), platform_id)
        if post is None:
            return standing.gone()
        if post.get("status") not in ("publish", "future"):
            return standing.gone(N_("Tulisan ini berstatus %(status)s di WordPress."), status=str(post.get("status")))
        title = standing.compared([content.clean(request.title)], unescape(_raw(post, "title")))
        if title.state != "stands":
            return title
        approved = _body(request, [{}] * len(request.images), [{}] * len(request.attachments))
        return standing.of_words([standing.words_of_html(approved)], standing.words_of_html(_raw(post, "content")))

    def check(self, now: datetime) -> Health:
        """The account and its capabilities, as WordPress says them. An application password never ends by itself."""
        api = _Api(self.url, self.auth, self.allowed)
        me = api.get("users/me", context="edit")
        if not _is_item(me):
            raise Failure(UNREADABLE, "temporary")
        rights = me.get("capabilities") or {}
        lacking = [right for right in NEEDED if not rights.get(right)]
        if lacking:
            raise Failure(N_("Akun %(user)s tidak berhak: %(lacking)s."), user=self.auth[0], lacking=", ".join(lacking))
        return Health(N_("Tersambung ke %(url)s sebagai %(user)s."), {"url": self.url, "user": str(me.get("name") or self.auth[0])})


class _Api:
    """The REST API of one site, wherever it stands (`/wp-json/`, or `?rest_route=/` without pretty permalinks)."""

    def __init__(self, url: str, auth: tuple[str, str], allowed: frozenset[str]):
        self.auth = auth
        self.allowed = allowed
        self.demand_tls(url)
        self.root = self._discover(url)

    def demand_tls(self, url: str) -> None:
        """The password goes with every call."""
        if http.origin(url)[0] != "https" and not http.is_allowed_private(url, self.allowed):
            raise http.Refused(N_("Alamat WordPress harus memakai https, supaya kata sandi tidak terbaca di jalan."))

    def get(self, path: str, **params: Any) -> Any:
        return self._call("GET", path, params, {}, {})

    def post(self, path: str, json: dict[str, Any]) -> Any:
        return self._call("POST", path, {}, {}, {"json": json})

    def upload(self, file: bytes, name: str, media_type: str, **params: Any) -> Any:
        headers = {"Content-Type": media_type, "Content-Disposition": f'attachment; filename="{name}"'}
        return self._call("POST", "media", params, headers, {"data": file})

    def delete(self, path: str, *, force: bool = True) -> Any:
        return self._call("DELETE", path, {"force": "true"} if force else {}, {}, {})

    def _call(self, method: str, path: str, params: dict[str, Any], headers: dict[str, str], body: dict[str, Any]) -> Any:
        query = urlencode(params)
        url = f"{self.root}wp/v2/{path}" + (("&" if "?" in self.root else "?") + query if query else "")
        answer = http.request(
            method, url, auth=self.auth, headers=headers, allowed_private_hosts=self.allowed, read_timeout=60, deadline=180, **body
        )
        said = answer.json()
        if not answer.ok:
            raise _failure(answer, said if isinstance(said, dict) else {}, self.auth[0])
        if method == "POST" and not _is_item(said):
            raise Failure(UNREADABLE, "unknown")
        return said

    def _discover(self, url: str) -> str:
        """As its front page says; else where every WordPress answers, whatever its permalinks."""
        front = http.get(url, allowed_private_hosts=self.allowed)
        if front.status == 429:
            raise http.failure(front)
        links = requests.utils.parse_header_links(front.headers.get("Link", ""))
        for link in links:
            there = str(link.get("url", ""))
            if link.get("rel") == "https://api.w.org/" and there.startswith("http") and http.origin(there) == http.origin(front.url):
                self.demand_tls(there)
                return there
        root = f"{url.split('?')[0].rstrip('/')}/?rest_route=/"
        answer = http.get(root, allowed_private_hosts=self.allowed)
        said = answer.json()
        if answer.ok and isinstance(said, dict) and "wp/v2" in (said.get("namespaces") or ()):
            return root
        if http.failure(answer).kind == "temporary":
            raise http.failure(answer)
        raise Failure(N_("Di %(url)s tidak ditemukan WordPress dengan REST API."), url=url.split('?')[0][:200])


def post_slug(request: Request) -> str:
    """The same for the same key, whatever the title is by now, and no other key's: the case's number and the key's digest."""
    return f"{slug(request.business_key, 80) or 'tulisan'}-{_digest(request.key.encode())}"


def _digest(*parts: bytes) -> str:
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:12]


def _failure(answer: http.Response, said: dict[str, Any], user: str) -> Failure:
    reason = str(said.get("message") or "")[:300]
    stranger = said.get("code") == "rest_invalid_param" and "status" in str(said.get("data"))  # who may not see drafts gets a 400
    if answer.status == 401 or stranger:
        return Denied(N_("WordPress menolak nama pengguna atau kata sandi aplikasi %(user)s."), user=user)
    if answer.status == 403:
        return Failure(N_("Akun WordPress %(user)s tidak berhak: %(said)s"), user=user, said=reason)
    if said.get("code") == "rest_upload_sideload_error":
        return Failure(N_("WordPress menolak dokumen: %(said)s"), said=reason)  # its status is 500, yet it will not change
    return http.failure(answer, reason)


def _find(api: _Api, collection: str, name: str) -> dict[str, Any] | None:
    """The oldest with that slug."""
    states = {"status": STATUSES, "context": "edit"} if collection == "posts" else {}
    found = _listed(api, collection, slug=name, orderby="id", order="asc", **states)
    return next((item for item in found if item.get("slug") == name), None)


def _listed(api: _Api, collection: str, **params: Any) -> list[dict[str, Any]]:
    found = api.get(collection, **params)
    if not isinstance(found, list) or not all(map(_is_item, found)):
        raise Failure(UNREADABLE, "temporary")
    return found


def _is_item(said: Any) -> bool:
    return isinstance(said, dict) and isinstance(said.get("id"), int)


def _by_id(api: _Api, id: str) -> dict[str, Any] | None:
    """The post with that number, whatever its status; None where it is gone for good."""
    if not id.isdecimal():
        raise Failure(N_("Tulisan ini tidak dikenal WordPress menurut nomornya."))
    try:
        found = api.get(f"posts/{id}", context="edit")
    except Failure as failure:
        if failure.params.get("status") in (404, 410):
            return None
        raise
    if not _is_item(found):
        raise Failure(UNREADABLE, "temporary")
    return found


def _raw(post: dict[str, Any], name: str) -> str:
    """As it is edited, before plugins and typography have their way with it."""
    return str((post.get(name) or {}).get("raw") or "")


def _hide(api: _Api, id: int) -> None:
    try:
        repeatable(lambda: api.delete(f"posts/{id}", force=False))
    except Failure as failure:
        if failure.params.get("status") != 501:  # this site keeps no trash
            raise
        repeatable(lambda: api.post(f"posts/{id}", {"status": "private"}))


def _uploads_of(api: _Api, post: dict[str, Any]) -> set[int]:
    """The ids of the media that the post shows or links to, as far as they are ours: their names end in our digest."""
    body = str((post.get("content") or {}).get("raw") or "")
    stems = {PurePosixPath(path).stem.removesuffix("-scaled") for path in re.findall(r"/[^\"'<>\s]+", body)}
    found = [_find(api, "media", stem) for stem in sorted(stems) if OURS.search(stem)]
    if post.get("featured_media"):
        found += [item for item in _listed(api, "media", include=post["featured_media"]) if OURS.search(str(item.get("slug")))]
    return {int(item["id"]) for item in found if item}


def _create(api: _Api, name: str, request: Request) -> dict[str, Any]:
    fields = {"slug": name, "status": "publish", **_content(api, request)}
    if request.publish_at and request.publish_at > request.now:
        fields |= {"status": "future", "date_gmt": _gmt(request.publish_at)}
    return _only_one(api, name, _post(api, name, fields))


def _gmt(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _rewrite(api: _Api, post: dict[str, Any], request: Request) -> dict[str, Any]:
    """Let a post say what the request says; files of ours that it names no more go."""
    before, fields = _uploads_of(api, post), _content(api, request)
    changed = repeatable(lambda: api.post(f"posts/{post['id']}", fields))
    for id in before - _uploads_of(api, changed):  # what was wrong may have stood in a file
        repeatable(partial(api.delete, f"media/{id}"))
    return changed


def _title(request: Request) -> str:
    return escape(content.clean(request.title), quote=False)


def _content(api: _Api, request: Request) -> dict[str, Any]:
    """A post's fields, its pictures and attachments uploaded."""
    pictures = [media.picture(image) for image in request.images]
    for attachment in request.attachments:
        media.extension(attachment)  # before anything is sent
    images = [
        _upload(api, request, picture.content, f"{PurePosixPath(image.name).stem}.{picture.extension}", picture.media_type, image.alt)
        for picture, image in zip(pictures, request.images, strict=True)
    ]
    files = [_upload(api, request, file.content, file.name, file.media_type) for file in request.attachments]
    return {
        "title": _title(request),
        "content": _body(request, images, files),
        "excerpt": escape(content.clean(request.summary), quote=False),
        "categories": _categories(api, request.kind),
        "featured_media": images[0]["id"] if images else 0,
    }


def _post(api: _Api, name: str, fields: dict[str, Any]) -> dict[str, Any]:
    try:
        return api.post("posts", fields)
    except Failure as failure:
        if failure.kind == "permanent":
            raise
        # It may be there all the same: the answer was lost, or a proxy gave up before WordPress did.
        for wait in READ_BACK_AFTER if failure.kind == "unknown" else READ_BACK_AFTER[:1]:
            time.sleep(wait)
            if found := _find_quietly(api, name):
                return found
        raise


def _find_quietly(api: _Api, name: str) -> dict[str, Any] | None:
    try:
        return _find(api, "posts", name)
    except Failure:
        return None  # the first failure says more than that looking failed too


def _only_one(api: _Api, name: str, post: dict[str, Any]) -> dict[str, Any]:
    """Another run of the same request may have created its post meanwhile, with our slug or we with `slug-2`:
    the older one stays, as both runs see it."""
    try:
        first = _find(api, "posts", name)
        if first is None or first["id"] == post["id"]:
            return post
        repeatable(lambda: api.delete(f"posts/{post['id']}"))
        return first
    except Throttled:
        raise
    except Failure as failure:  # whatever it says: the post is there, and is found again by its slug
        raise Failure(failure.message, "unknown", failure.retry_after, **failure.params) from failure


def _upload(api: _Api, request: Request, file: bytes, name: str, media_type: str, alt: str = "") -> dict[str, Any]:
    """Uploaded once per request and content: a try that broke off later finds what it had uploaded."""
    path = PurePosixPath(content.clean(name))
    unique = f"{slug(path.stem, 60) or 'berkas'}-{_digest(request.key.encode(), file)}"
    try:
        return _find(api, "media", unique) or api.upload(
            file, f"{unique}{path.suffix.lower()}", media_type, slug=unique, title=path.stem, alt_text=content.clean(alt)
        )
    except Failure as failure:
        if failure.kind == "unknown":  # looking for it comes first next time, so trying again doubles nothing
            raise Failure(failure.message, "temporary", failure.retry_after, **failure.params) from failure
        raise


def _categories(api: _Api, kind: str) -> list[int]:
    """The category of that kind, made where it is missing; none where the account may not make it."""
    name, wanted = kind_name(content.clean(kind)), slug(kind)
    if not wanted:
        return []
    found = _find(api, "categories", wanted)
    if found is None:
        alike = _listed(api, "categories", search=name, per_page=100)
        found = next((item for item in alike if str(item.get("name", "")).casefold() == escape(name).casefold()), None)
    try:
        return [int((found or api.post("categories", {"name": name, "slug": wanted}))["id"])]
    except Failure as failure:
        if failure.kind == "permanent":
            return []
        raise Failure(failure.message, "temporary", failure.retry_after, **failure.params) from failure


def _body(request: Request, images: list[dict[str, Any]], files: list[dict[str, Any]]) -> str:
    parts = [*map(_note, request.corrections), content.html(request.body)]
    for uploaded, image in list(zip(images, request.images, strict=True))[1:]:  # the first is the featured one
        parts.append(f'<figure><img src="{_source(uploaded)}" alt="{escape(content.clean(image.alt))}"></figure>')
    if files:
        named = zip(files, request.attachments, strict=True)
        items = "".join(f'<li><a href="{_source(uploaded)}">{escape(content.clean(file.name))}</a></li>' for uploaded, file in named)
        parts.append(f"<h2>Lampiran</h2>\n<ul>{items}</ul>")
    return "\n".join(parts).replace("[", "&#91;")  # a [word] is text, not one of WordPress' shortcodes


def _note(correction: Correction) -> str:
    at = format_date(correction.at, "d MMMM y", locale="id")
    return f"<p><strong>Ralat, {at}:</strong> {escape(content.clean(correction.note))}</p>"


def _source(uploaded: dict[str, Any]) -> str:
    return escape(str(uploaded.get("source_url", "")))


def _result(post: dict[str, Any]) -> Result:
    try:
        scheduled = post["status"] == "future"
        url = str(post["link"])
        if scheduled and post.get("permalink_template"):  # the address that it will have; `link` is a preview's
            url = str(post["permalink_template"]).replace("%postname%", str(post["slug"]))
        when = datetime.fromisoformat(str(post["date_gmt"])).replace(tzinfo=UTC)
        return Result(url, str(post["id"]), when, scheduled, {"slug": post["slug"], "status": post["status"]})
    except (KeyError, ValueError) as e:  # some plugin rewrites answers: it stands there, but we cannot say where
        raise Failure(UNREADABLE, "unknown") from e
