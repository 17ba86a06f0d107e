"""Telegram's Bot API: one message to one chat, and what people wrote to the bot.

The token is part of every address, so no failure's words hold an address.
"""

import re
from typing import Any

from connectors import N_, Failure, http
from connectors.messages import Unreachable

API = "https://api.telegram.org"
TOKEN = re.compile(r"[0-9]{5,20}:[A-Za-z0-9_-]{20,80}")


def send(token: str, chat_id: int, text: str, *, api: str = API, allowed: frozenset[str] = frozenset()) -> None:
    """Hand one message (Telegram's HTML) over. It has no idempotency key: of an `unknown` outcome nobody knows."""
    _call(token, "sendMessage", api, allowed, chat_id=chat_id, text=text, parse_mode="HTML", link_preview_options={"is_disabled": True})


def started(token: str, *, api: str = API, allowed: frozenset[str] = frozenset()) -> dict[str, int]:
    """{code: chat id} of the `/start CODE` among the last hundred messages to the bot, in private chats."""
    found = {}
    for update in _call(token, "getUpdates", api, allowed, offset=-100, timeout=0, allowed_updates=["message"]) or []:
        message = update.get("message") or {}
        chat, text = message.get("chat") or {}, str(message.get("text") or "")
        if chat.get("type") == "private" and isinstance(chat.get("id"), int) and text.startswith("/start "):
            found[text.removeprefix("/start ").strip().upper()] = chat["id"]
    return found


def name(token: str, *, api: str = API, allowed: frozenset[str] = frozenset()) -> str:
    """The bot's user name: it also shows that the token is good."""
    return str((_call(token, "getMe", api, allowed) or {}).get("username") or "")


def _call(token: str, method: str, api: str, allowed: frozenset[str], **parameters: Any) -> Any:
    try:
        response = http.post(f"{api}/bot{token}/{method}", json=parameters, allowed_private_hosts=allowed,
                             connect_timeout=5, read_timeout=15, deadline=20)
    except Failure as failure:
        raise _without_address(failure) from None  # whose words, and whose cause's, hold the address
    answer = response.json()
    answer = answer if isinstance(answer, dict) else {}
    if response.ok and answer.get("ok"):
        return answer.get("result")
    said = str(answer.get("description") or "")[:300].replace(token, "…")
    if response.status == 429:
        wait = (answer.get("parameters") or {}).get("retry_after")
        raise Unreachable(N_("Telegram meminta Terbit menunggu."), float(wait) if isinstance(wait, (int, float)) else None)
    if response.status in (401, 404):
        raise Unreachable(N_("Telegram menolak token bot: %(said)s"), said=said)
    if response.ok or response.status == 504:
        raise Failure(N_("Telegram menjawab tanpa mengatakan apakah pesan diterima."), "unknown")
    if response.status >= 500:
        raise Unreachable(N_("Telegram sedang terganggu (%(status)s)."), status=response.status)
    raise Failure(N_("Telegram menolak pesan: %(said)s"), "permanent", said=said)


def _without_address(failure: Failure) -> Failure:
    if failure.kind == "unknown":
        return Failure(N_("Sudah dikirim ke Telegram, tetapi jawabannya tidak sampai."), "unknown")
    return Unreachable(N_("Telegram tidak dapat dihubungi."))
