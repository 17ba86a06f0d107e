"""How Instagram and Threads publish: a container is made of addresses that Meta fetches, looked at until it is ready, and published.

Containers are seen by nobody and end by themselves after 24 hours, so making one twice is harmless; publishing one is not, and is begun
once (`Progress.once`). Where its answer does not come, the container says whether it was published, and the account's latest posts
which post that is. A text that becomes a thread (`connectors.series`) has a container for each part, made when the one before stands:
it names the post that it answers. Access tokens last 60 days and renew themselves while they last, so they are renewed well before.
"""

import re
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
    Quota,
    Request,
    Result,
    Standing,
    Throttled,
    http,
    media,
    meta,
    rules,
    series,
    standing,
)
from connectors.rules import Post

LOOK = 30.0  # seconds before each look at a container; Meta advises no more than one a minute, and that an image takes less
LONGEST = timedelta(hours=1)  # that one may be in the making
SLACK = timedelta(minutes=2)  # between our clock and theirs
LOOKED_AT = 50  # latest posts, when a post is looked for
ALT = 1_000  # characters
MARGIN = timedelta(days=10).total_seconds()  # before its end a token is renewed: one that has ended never is
NOT_THERE = 24  # the code of what does not exist
PASSING = {"FAILED_DOWNLOADING_VIDEO", "UNKNOWN"}  # of Threads' error messages: made anew, it may go

APP_FIELDS = (
    Field("client_id", N_("Nomor aplikasi (App ID)"), "text", True,
          N_("Yang khusus untuk kanal ini (Instagram app ID, Threads app ID), bukan nomor aplikasi Meta-nya.")),
    Field("client_secret", N_("Rahasia aplikasi (App secret)"), "secret", True),
    Field("account", N_("Nomor akun"), help=N_("Terisi sendiri sesudah masuk.")),
    Field("api", N_("Alamat API"), "url", help=N_("Kosongkan untuk memakai server Meta.")),
)


class Containers:
    """What both have; each says of itself what its interface calls things."""

    title: str
    rules: str
    can: frozenset[Ability]
    fields: tuple[Field, ...] = APP_FIELDS
    host: str  # of the API
    version: str
    home: str  # where a post is found whose own address is not told
    grant: str  # how the names of its grants begin
    id_field: str  # of `me`
    creates: str  # the edges that make and publish a container, list posts, and tell how many may go out
    publishes: str
    limits: str
    status: str  # the fields of a container
    reason: str
    text: str  # the field of a post
    thread = False  # long texts become several posts

    def __init__(self, config: Mapping[str, Any], secrets: Mapping[str, str], context: Context):
        self.account = str(config.get("account") or "").strip()
        self.api = str(config.get("api") or "").rstrip("/")
        self.client_secret = str(secrets.get("client_secret") or "")
        self.tokens, self.public, self.base_url = context.tokens, context.public, context.base_url
        self.allowed = context.allowed_private_hosts
        self._quotas: tuple[Quota, ...] = ()

    def _fields(self, file: Attachment, alone: bool) -> dict[str, str]:
        """What a container shows of one file; `alone`: it is no part of a carousel."""
        raise NotImplementedError

    def publish(self, request: Request) -> Result:
        """One post, or a thread. Its container, and those of a carousel's parts, are made first; while Meta is at them this is NotYet."""
        series.begin(request, self.thread)  # `find` looks no further back, and for that link
        texts, sent = self._texts(request), list[str]()
        for number in range(len(texts)):
            try:
                sent.append(self._part(request, number, texts, sent[-1] if sent else ""))
            except Failure as failure:
                if failure.kind != "permanent" or not sent:
                    raise
                told = series.taken_back(request, failure, lambda: self.withdraw(",".join(sent), "", request.key))
                if series.name(0) not in request.progress:  # ordered again, it begins with containers that were not published
                    request.progress.forget(*map(_place, range(len(texts))), "items", "made")
                raise told from failure
        return self._shown(sent, request.now)

    def withdraw(self, platform_id: str, url: str, key: str) -> None:
        """Only where posts can be deleted by an app."""
        raise NotImplementedError

    def find(self, request: Request) -> Result | None:
        """The posts whose numbers are known; else among the account's latest those with these words, if their containers were published."""
        texts = self._texts(request)
        found = series.results(request, [self._known(request, number, text) for number, text in enumerate(texts)])
        return self._shown(found, request.now) if found else None

    def verify(self, request: Request, platform_id: str, url: str) -> Standing:
        """By its numbers: its words."""
        ids, shown = numbers(platform_id), []
        for id in ids:
            try:
                shown.append(str(self._get(id, fields=f"id,{self.text}").get(self.text) or ""))
            except Failure as failure:
                if is_gone(failure):
                    return standing.gone()
                raise
        return standing.compared(standing.texts(self.rules, request, thread=len(ids) > 1), " ".join(shown))

    def check(self, now: datetime) -> Health:
        """Whose the channel is, that it may publish, and whether Meta can fetch pictures from here, without which some take nothing."""
        me = self._me(self._get("me", fields=f"{self.id_field},username"))
        if me[0] != self.account:
            raise Denied(N_("Kanal ini masuk sebagai @%(user)s, bukan akun nomor %(account)s; admin perlu masuk lagi."), user=me[1],
                         account=self.account)
        posts = self._limit(now, self.thread)
        message = N_("Tersambung ke %(platform)s sebagai @%(user)s.")
        if self.public is None:
            if rules.of(self.rules).needs:
                raise self._unreachable()
            message = N_("Tersambung ke %(platform)s sebagai @%(user)s, tetapi hanya untuk teks: gambar dan video diambilnya dari alamat "
                         "Terbit (%(url)s), yang bukan alamat https yang terbuka di internet.")
        return Health(message, {"platform": self.title, "user": me[1], "url": self.base_url}, quotas=(*posts, *self._quotas))

    # Signing in -------------------------------------------------------------------------------------------------------

    def complete_sign_in(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """A token of 60 days in place of that of an hour, which cannot be renewed."""
        short = str(_first(given).get("access_token") or "")
        return self._token("access_token", grant_type=f"{self.grant}_exchange_token", client_secret=self.client_secret, access_token=short)

    def accounts(self, tokens: Mapping[str, Any]) -> tuple[Account, ...]:
        """The one account that was signed in for."""
        response = self._send("GET", "me", str(tokens.get("access_token") or ""), params={"fields": f"{self.id_field},username"})
        id, user = self._me(self._read(response))
        return (Account(f"@{user}", {"account": id}),)

    def renew(self, kept: Mapping[str, Any]) -> Mapping[str, Any]:
        """Another token of 60 days for the one that is kept, which must not have ended."""
        old = str(kept.get("access_token") or "")
        return self._token("refresh_access_token", grant_type=f"{self.grant}_refresh_token", access_token=old)

    def _token(self, path: str, **params: str) -> dict[str, Any]:
        http.demand_tls(self._host, self.allowed)
        response = http.get(f"{self._host}/{path}", params=params, stay=True, allowed_private_hosts=self.allowed, deadline=30)
        said = meta.answer(response)
        if not response.ok or "error" in said:
            failure = meta.refusal(self.title, response)
            if isinstance(failure, Denied) or failure.kind != "permanent":
                raise failure
            # Nothing is wrong with the old one, which is good for a while yet.
            raise Failure(failure.message, "temporary", **failure.params) from failure
        if not said.get("access_token"):
            raise self._unreadable("temporary")
        return said

    @property
    def _host(self) -> str:
        return self.api or self.host

    # Making -----------------------------------------------------------------------------------------------------------

    def _files(self, request: Request) -> list[Attachment]:
        """The files, pictures first, that one post shows. Raises Failure where the post is not as the channel takes it."""
        channel = rules.of(self.rules)
        if problem := next((each for each in rules.check(self.rules, self._post(request), self._is_thread(request)) if each.blocks), None):
            raise Failure(problem.message, **problem.params)
        files = media.fitted(rules.taken(self.rules, request.images), channel) + rules.videos_taken(self.rules, request.videos)
        return files[: channel.images]

    def _post(self, request: Request) -> Post:
        return rules.of_request(request, request.progress.get("link", request.link) if "link" in self.can else "")

    def _texts(self, request: Request) -> list[str]:
        """Of each part, as they were approved."""
        return rules.parts(self.rules, self._post(request), self._is_thread(request))

    def _is_thread(self, request: Request) -> bool:
        return bool(request.progress.get("thread", self.thread))

    def _part(self, request: Request, number: int, texts: list[str], before: str) -> str:
        """The number of the post that this part is, an answer to `before`; posted now where it is not yet."""
        progress, name, place = request.progress, series.name(number), _place(number)
        if name in progress:
            return str(progress.once(name, self._lost))
        try:
            container = progress.get(place) or self._container(request, number, texts[number], before)
            if self._looked_at(request, container) == "PUBLISHED":  # begun before, and a person did not see it
                progress.note(**{name: {"result": self._seen(request, number, texts[number]) or self._lost()}})
            else:
                self._spare(request.now, number, len(texts))
                self._publish(request, name, container)
        except meta.UsedUp:
            progress.forget(place, "items", "made")
            raise
        return str(progress[name]["result"])

    def _container(self, request: Request, number: int, text: str, before: str) -> str:
        files = [] if number else self._files(request)
        if len(files) > 1:
            shown = {"media_type": "CAROUSEL", "children": ",".join(self._items(request, files))}
        else:
            shown = self._fields(files[0], True) if files else self._words_alone("" if number else request.progress["link"])
        made = self._made({**shown, self.text: text} | ({"reply_to_id": before} if before else {}))
        request.progress.note(**{_place(number): made, "made": request.now.isoformat()})
        return made

    def _items(self, request: Request, files: list[Attachment]) -> list[str]:
        """The containers of a carousel's parts, each ready."""
        ids: list[str] = list(request.progress.get("items") or [])
        for file in files[len(ids):]:
            ids.append(self._made({**self._fields(file, False), "is_carousel_item": "true"}))
            request.progress.note(items=ids, made=request.now.isoformat())
        for id in ids:
            self._looked_at(request, id)
        return ids

    def _words_alone(self, link: str) -> dict[str, str]:
        return {"media_type": "TEXT"} | ({"link_attachment": link} if link else {})

    def _made(self, fields: dict[str, str]) -> str:
        """A container's number. One whose number did not come is seen by nobody: it is made again."""
        try:
            return self._id(self._call("POST", f"{self._account}/{self.creates}", data=fields))
        except Failure as failure:
            if failure.kind != "unknown" and not ("reply_to_id" in fields and is_gone(failure)):
                raise
            # Of an answer: what it answers was published a moment ago, and not every server of theirs knows it yet.
            raise Failure(failure.message, "temporary", failure.retry_after, **failure.params) from failure

    def _address(self, file: Attachment) -> str:
        if self.public is None:
            raise self._unreachable()
        return self.public(file)

    def _unreachable(self) -> Failure:
        return Failure(N_("%(platform)s mengambil sendiri gambar dan video dari Terbit, tetapi alamat Terbit (%(url)s) bukan alamat https "
                          "yang terbuka di internet. Pengelola server perlu mengisi BASE_URL."), platform=self.title, url=self.base_url)

    # Looking and publishing -------------------------------------------------------------------------------------------

    def _looked_at(self, request: Request, id: str) -> str:
        """FINISHED or PUBLISHED. NotYet while it is in the making; one of which nothing comes is forgotten."""
        try:
            said = self._get(id, fields=f"{self.status},{self.reason}")
        except Failure as failure:
            if is_gone(failure):
                raise self._expired() from failure
            raise
        state, reason = str(said.get(self.status) or ""), str(said.get(self.reason) or "")[:300]
        if state in ("FINISHED", "PUBLISHED"):
            return state
        if state == "IN_PROGRESS":
            raise self._in_the_making(request)
        if state == "EXPIRED":
            raise self._expired()
        if state != "ERROR":
            raise self._unreadable("temporary")
        codes = {int(code) for code in re.findall(r"\b22\d{5}\b", reason)}
        passes = codes & {*meta.PASSING, meta.UNFETCHED} or reason in PASSING
        raise meta.UsedUp(N_("%(platform)s gagal mengolah gambar atau video: %(said)s"), "temporary" if passes else "permanent",
                          platform=self.title, said=reason)

    def _expired(self) -> Failure:
        return meta.UsedUp(N_("Kiriman yang disiapkan di %(platform)s sudah kedaluwarsa."), "temporary", platform=self.title)

    def _in_the_making(self, request: Request) -> Failure:
        if request.now - datetime.fromisoformat(request.progress["made"]) < LONGEST:
            return NotYet(LOOK)
        return meta.UsedUp(N_("%(platform)s terlalu lama mengolah gambar atau video."), "temporary", platform=self.title)

    def _limit(self, now: datetime, answers: bool) -> tuple[Quota, ...]:
        """How many posts, and `answers`, the account may still publish, of 24 hours that pass with each moment."""
        counted = {"": N_("Kiriman")} | ({"reply_": N_("Kiriman sambungan")} if answers else {})
        said = _first(self._get(f"{self._account}/{self.limits}", fields=",".join(f"{each}config,{each}quota_usage" for each in counted)))
        found = []
        for each, what in counted.items():
            config, used = said.get(f"{each}config"), said.get(f"{each}quota_usage")
            total = config.get("quota_total") if isinstance(config, dict) else None
            if isinstance(total, int) and isinstance(used, int):
                left = max(total - used, 0)
                found.append(Quota(what, total, left, None if left else now + timedelta(seconds=meta.QUOTA_WAIT)))
        return tuple(found)

    def _spare(self, now: datetime, number: int, count: int) -> None:
        """Throttled where the account may not publish this part and those after it. Asked before the first, this also says whether the
        channel was signed in with the permission to answer."""
        wanted = {N_("Kiriman"): number == 0, N_("Kiriman sambungan"): count - max(number, 1)}
        if any((quota.remaining or 0) < wanted[quota.name] for quota in self._limit(now, count > 1)):
            raise Throttled(meta.QUOTA_WAIT)

    def _publish(self, request: Request, name: str, container: str) -> None:
        edge = f"{self._account}/{self.publishes}"
        try:
            request.progress.once(name, lambda: self._id(self._call("POST", edge, creates=True, data={"creation_id": container})))
        except Throttled:
            raise
        except NotYet as not_yet:  # whatever the container said of itself
            raise self._in_the_making(request) from not_yet

    # Reading back -----------------------------------------------------------------------------------------------------

    def _shown(self, ids: list[str], now: datetime) -> Result:
        """Where the first of these posts stands. They are published: that its address is refused makes nothing undone."""
        try:
            post = self._get(ids[0], fields="id,permalink,timestamp")
            return Result(str(post.get("permalink") or self.home), ",".join(ids), meta.moment(post.get("timestamp")) or now)
        except Failure as failure:
            if failure.kind != "permanent":
                raise
            raise Failure(N_("Sudah terbit di %(platform)s, tetapi alamatnya tidak diberikan: %(said)s"), "unknown", platform=self.title,
                          said=str(failure)) from failure

    def _known(self, request: Request, number: int, text: str) -> str | None:
        """The number of a part's post: noted, or looked for where it may have been posted."""
        place = request.progress.get(series.name(number))
        if number and place is None:
            return None
        return str(place["result"]) if place else self._seen(request, number, text)

    def _seen(self, request: Request, number: int, text: str) -> str | None:
        """Of the account's latest posts, or answers, the one with these words; None where its container was not published."""
        state = self._state(request.progress.get(_place(number)))
        if state not in ("", "PUBLISHED"):
            return None
        sought = text.split()
        began = request.progress.get("since", int(request.now.timestamp()) - 2 * 86_400)
        edge = "replies" if number else self.creates  # which lists what was made by it
        said = self._get(f"{self._account}/{edge}", fields=f"id,{self.text},timestamp", limit=str(LOOKED_AT))
        others = {str(place["result"]) for name, place in request.progress.items() if name.startswith("sent") and place}
        since = [post for post in said.get("data") or [] if (at := meta.moment(post.get("timestamp")))
                 and at.timestamp() >= began - SLACK.total_seconds() and str(post.get("id")) not in others]
        same = [post for post in since if str(post.get(self.text) or "").split() == sought]
        if not same and state and len(since) == 1 and _is_alike(sought, str(since[0].get(self.text) or "").split()):
            same = since  # it was published, and Meta may have changed its words
        return str(same[-1]["id"]) if same else None

    def _state(self, container: str | None) -> str:
        """What a container says of itself; "" where there is none (any more)."""
        try:
            return str(self._get(container, fields=self.status).get(self.status) or "") if container else ""
        except Failure as failure:
            if failure.kind != "permanent" or isinstance(failure, Denied):
                raise
            return ""

    def _lost(self) -> Any:
        raise Failure(N_("Sudah dikirim ke %(platform)s, tetapi tidak ditemukan di sana."), "unknown", platform=self.title)

    # Calling ----------------------------------------------------------------------------------------------------------

    @property
    def _account(self) -> str:
        if not self.account.isdigit():
            raise Denied(N_("Nomor akun belum ada; admin perlu masuk di halaman Kanal."))
        return self.account

    def _get(self, path: str, **params: str) -> dict[str, Any]:
        return self._call("GET", path, params=params)

    def _call(self, method: str, path: str, *, creates: bool = False, **body: Any) -> dict[str, Any]:
        if self.tokens is None:
            raise Denied(N_("Kanal ini belum masuk; admin perlu masuk di halaman Kanal."))
        token = self.tokens.access(self.renew, margin=MARGIN)
        response = self._send(method, path, token, **body)
        if meta.is_signed_out(response):  # another worker has renewed it meanwhile, or an admin has signed in anew, or it has ended
            response = self._send(method, path, self.tokens.access(self.renew, refused=token, margin=MARGIN), **body)
        return self._read(response, "temporary" if method == "GET" else "unknown", creates)

    def _send(self, method: str, path: str, token: str, **body: Any) -> http.Response:
        http.demand_tls(self._host, self.allowed)
        response = http.request(method, f"{self._host}/{self.version}/{path}", headers={"Authorization": f"Bearer {token}"}, stay=True,
                                allowed_private_hosts=self.allowed, read_timeout=60, deadline=120, **body)
        self._quotas = meta.quotas(response) or self._quotas
        return response

    def _read(self, response: http.Response, unreadable: Any = "temporary", creates: bool = False) -> dict[str, Any]:
        said = meta.answer(response)
        if not response.ok or "error" in said:
            raise meta.refusal(self.title, response, creates=creates)
        if not said:
            raise self._unreadable(unreadable)
        return said

    def _unreadable(self, kind: Any) -> Failure:
        return Failure(N_("Jawaban %(platform)s tidak dapat dibaca."), kind, platform=self.title)

    def _id(self, said: Mapping[str, Any]) -> str:
        if not str(said.get("id") or "").isdigit():
            raise self._unreadable("unknown")
        return str(said["id"])

    def _me(self, said: Mapping[str, Any]) -> tuple[str, str]:
        """(number, name) of the account."""
        me = _first(said)
        id = str(me.get(self.id_field) or "")
        if not id.isdigit():
            raise self._unreadable("temporary")
        return id, str(me.get("username") or "")


def _is_alike(sought: list[str], shown: list[str]) -> bool:
    """At least half of the words are the same: a person's own post of that moment is none of ours."""
    return 2 * len({*sought} & {*shown}) >= len({*sought})


def is_gone(failure: Failure) -> bool:
    """What was asked for by its number is not there (any more), as far as this account is told."""
    said = (failure.params.get("code"), failure.params.get("subcode"))
    return said == (meta.GONE, 33) or said[0] == NOT_THERE


def numbers(platform_id: str) -> list[str]:
    """Of the parts."""
    ids = platform_id.split(",")
    if not all(id.isdigit() for id in ids):
        raise NotByMachine(N_("Tulisan ini tidak dikenal di sana menurut nomornya."))
    return ids


def _place(number: int) -> str:
    """Of a part's container in the progress."""
    return f"container-{number + 1}" if number else "container"


def _first(said: Mapping[str, Any]) -> Mapping[str, Any]:
    """Of an answer that is, or may be, a list of one in `data`."""
    data = said.get("data")
    return data[0] if isinstance(data, list) and data and isinstance(data[0], dict) else said
