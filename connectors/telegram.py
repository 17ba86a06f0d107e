"""Posts in a Telegram channel, by a bot that is its administrator.

The Bot API (https://core.telegram.org/bots/api: #sendmessage, #sendphoto, #sendvideo, #sendmediagroup, #editmessagetext,
#editmessagemedia, #deletemessage, #responseparameters; one message a second to a chat:
https://core.telegram.org/bots/faq#my-bot-is-hitting-limits) knows no idempotency key, and lets a bot read back nothing of what it
posted: where an answer does not come, nobody knows, and a person looks. The token is part of every address, so no failure's words
hold an address.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
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
    Throttled,
    http,
    media,
    repeatable,
    rules,
)

API = "https://api.telegram.org"
RIGHTS = {"can_post_messages": N_("memasang pesan"), "can_delete_messages": N_("menghapus pesan")}  # that: after 48 hours too
UNCLEAR = N_("Telegram menjawab tanpa mengatakan apakah pesan diterima.")


class Telegram:
    name = "telegram"
    rules = "telegram"  # of `connectors.rules`
    title = N_("Kanal Telegram")
    can: frozenset[Ability] = frozenset({"text", "link", "image", "images", "video", "edit", "delete"})
    pace = 1.0
    fields: tuple[Field, ...] = (
        Field("chat", N_("Nama kanal"), "text", True, N_("Misalnya @kpukepulauanseribu, atau nomornya (-100…) bila kanalnya tertutup.")),
        Field("token", N_("Token bot"), "secret", True, N_("Dari @BotFather; botnya dijadikan admin kanal.")),
        Field("api", N_("Server Bot API sendiri"), "url", help=N_("Kosongkan untuk memakai server Telegram.")),
    )

    def __init__(self, config: Mapping[str, Any], secrets: Mapping[str, str], context: Context):
        self.chat = str(config.get("chat") or "").strip()
        self.token = str(secrets.get("token") or "")
        self.api = str(config.get("api") or API).rstrip("/")
        self.allowed = context.allowed_private_hosts

    def publish(self, request: Request) -> Result:
        """One message, or one album. What was sent without an answer is never sent again."""
        text, files = self._prepared(request)
        sent = request.progress.once("sent", lambda: self._send(text, files))
        url = f"https://t.me/{sent['username']}/{sent['ids'][0]}" if sent["username"] else (
            f"https://t.me/c/{str(sent['chat']).removeprefix('-100')}/{sent['ids'][0]}")
        return Result(url, f"{sent['chat']}:{','.join(map(str, sent['ids']))}", datetime.fromtimestamp(sent["date"], UTC))

    def update(self, request: Request, platform_id: str, url: str) -> Result:
        """The message at its place: its words, and its pictures where there are as many as before."""
        chat, ids = _parsed(platform_id)
        text, files = self._prepared(request)
        if len(files) != (len(ids) if files or len(ids) > 1 else 0):
            raise NotByMachine(N_("Banyaknya gambar berbeda dari yang terbit; Telegram tidak dapat mengubahnya."))
        if not files:
            self._edit("editMessageText", {"chat_id": chat, "message_id": ids[0], "text": text}, {})
        for number, (id, file) in enumerate(zip(ids, files, strict=False)):
            item = _item(0, file) | ({"caption": text} if number == 0 else {})
            self._edit("editMessageMedia", {"chat_id": chat, "message_id": id, "media": json.dumps(item)}, {"file0": file})
        return Result(url, platform_id, request.now)

    def withdraw(self, platform_id: str, url: str, key: str) -> None:
        """Every message of it; what is gone already is."""
        chat, ids = _parsed(platform_id)
        for id in ids:
            self._again_harmless("deleteMessage", {"chat_id": chat, "message_id": id}, done="message to delete not found")

    def check(self, now: datetime) -> Health:
        """The bot, the channel, and its rights there."""
        me = self._call("getMe", {})
        chat = self._call("getChat", {"chat_id": self.chat})
        member = self._call("getChatMember", {"chat_id": self.chat, "user_id": me.get("id")})
        lacking = [words for right, words in RIGHTS.items() if not member.get(right)]
        if member.get("status") != "creator" and lacking:
            raise Failure(N_("Bot @%(bot)s belum berhak di kanal ini: %(lacking)s."), bot=me.get("username"), lacking=", ".join(lacking))
        return Health(N_("Tersambung ke %(chat)s sebagai @%(bot)s."),
                      {"chat": str(chat.get("title") or self.chat), "bot": str(me.get("username"))})

    # Within -----------------------------------------------------------------------------------------------------------

    def _prepared(self, request: Request) -> tuple[str, list[Attachment]]:
        """The text as it was approved, and the files, pictures first, that one message shows."""
        channel = rules.of("telegram")
        text = rules.compose("telegram", rules.of_request(request, request.link))
        files = media.fitted(rules.taken("telegram", request.images), channel)
        files += rules.videos_taken("telegram", request.videos)
        files = files[: channel.images]
        if not rules.fits("telegram", text, len(files)):
            raise Failure(N_("Teks terlalu panjang untuk Telegram."))
        return text, files

    def _send(self, text: str, files: list[Attachment]) -> dict[str, Any]:
        """{chat, username, ids, date} of what stands there now."""
        if not files:
            answer = self._call("sendMessage", {"chat_id": self.chat, "text": text})
        elif len(files) == 1:
            kind = _kind(files[0])
            answer = self._call(f"send{kind.capitalize()}", {"chat_id": self.chat, "caption": text}, {kind: files[0]})
        else:
            items = [_item(number, file) for number, file in enumerate(files)]
            items[0]["caption"] = text
            answer = self._call("sendMediaGroup", {"chat_id": self.chat, "media": json.dumps(items)},
                                {f"file{number}": file for number, file in enumerate(files)})
        messages = answer if isinstance(answer, list) else [answer]
        try:
            chat = messages[0]["chat"]
            return {"chat": int(chat["id"]), "username": str(chat.get("username") or ""), "date": int(messages[0]["date"]),
                    "ids": [int(message["message_id"]) for message in messages]}
        except (KeyError, IndexError, TypeError, ValueError) as e:
            raise Failure(UNCLEAR, "unknown") from e

    def _edit(self, method: str, parameters: dict[str, Any], files: dict[str, Attachment]) -> None:
        self._again_harmless(method, parameters, files, done="message is not modified")

    def _again_harmless(self, method: str, parameters: dict[str, Any], files: dict[str, Attachment] | None = None, *, done: str) -> None:
        """What may be done twice as once."""
        try:
            repeatable(lambda: self._call(method, parameters, files))
        except Failure as failure:
            if done not in str(failure.params.get("said", "")).lower():
                raise

    def _call(self, method: str, parameters: dict[str, Any], files: dict[str, Attachment] | None = None) -> Any:
        named = {name: (file.name, file.content, file.media_type) for name, file in (files or {}).items()}
        body = {"data": parameters, "files": named} if named else {"json": parameters}
        http.demand_tls(self.api, self.allowed)
        address = f"{self.api}/bot{self.token}/{method}"
        try:
            response = http.post(address, allowed_private_hosts=self.allowed, read_timeout=60, deadline=180, **body)
        except http.Refused:
            raise http.Refused(N_("Alamat server Bot API tidak boleh dihubungi.")) from None
        except Failure as failure:  # whose words, and whose cause's, hold the address
            if failure.kind == "unknown":
                raise Failure(N_("Sudah dikirim ke Telegram, tetapi jawabannya tidak sampai."), "unknown") from None
            raise Failure(N_("Telegram tidak dapat dihubungi."), failure.kind, failure.retry_after) from None
        said = response.json()
        said = said if isinstance(said, dict) else {}
        if response.ok and said.get("ok") and said.get("result") is not None:
            return said["result"]
        raise self._refusal(response, said)

    def _refusal(self, response: http.Response, said: dict[str, Any]) -> Failure:
        words = str(said.get("description") or "")[:300].replace(self.token or "\0", "…")
        if response.status == 429:
            wait = (said.get("parameters") or {}).get("retry_after")
            wait = wait if isinstance(wait, (int, float)) else http.told_to_wait(response)
            return Failure(N_("Telegram meminta Terbit menunggu."), "temporary") if wait is None else Throttled(wait)
        if response.status in (401, 404):
            return Denied(N_("Telegram menolak token bot: %(said)s"), said=words)
        if response.status == 503:
            return Failure(N_("Telegram sedang terganggu (%(status)s)."), "temporary", http.retry_after(response), status=503)
        if response.ok or response.status >= 500:
            return Failure(UNCLEAR, "unknown")
        return Failure(N_("Telegram menolak pesan: %(said)s"), said=words)


def _kind(file: Attachment) -> str:
    return "video" if file.media_type.startswith("video/") else "photo"


def _item(number: int, file: Attachment) -> dict[str, Any]:
    return {"type": _kind(file), "media": f"attach://file{number}"}


def _parsed(platform_id: str) -> tuple[int, list[int]]:
    chat, _, ids = platform_id.partition(":")
    try:
        return int(chat), [int(id) for id in ids.split(",")]
    except ValueError:
        raise NotByMachine(N_("Tulisan ini tidak dikenal Telegram menurut nomornya.")) from None
