"""Webhook out: what is published, changed or withdrawn is told to an address of the office's own, signed.

Standard Webhooks (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md): the headers
`webhook-id`, which stays the same for the same publication, so that a receiver takes it once however often it comes;
`webhook-timestamp`; and `webhook-signature`, HMAC-SHA256 of `id.timestamp.body` with the shared secret. Any 2xx means taken.
"""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from connectors import N_, Ability, Attachment, Context, Denied, Field, Health, Request, Result, content, http, repeatable, rules

UNREADY = (401, 403)


class Webhook:
    name = "webhook"
    title = N_("Webhook (ditandatangani)")
    can: frozenset[Ability] = frozenset({"text", "link", "image", "images", "video", "file", "edit", "delete"})
    fields: tuple[Field, ...] = (
        Field("url", N_("Alamat penerima"), "url", True),
        Field("secret", N_("Rahasia penanda tangan"), "secret", True, N_("Diawali whsec_, lalu 24 sampai 64 bita dalam Base64.")),
        Field("old_secret", N_("Rahasia lama"), "secret", help=N_("Selama rahasia diganti: penerima boleh memakai yang mana saja.")),
    )

    def __init__(self, config: Mapping[str, Any], secrets: Mapping[str, str], context: Context):
        self.url = str(config.get("url") or "").strip()
        self.secrets = [secrets[name] for name in ("secret", "old_secret") if secrets.get(name)]
        self.allowed = context.allowed_private_hosts

    def publish(self, request: Request) -> Result:
        """Told once per key: the receiver knows it by its `webhook-id`. It may answer {"url": where it now stands}."""
        return self._tell("publication.published", request)

    def update(self, request: Request, platform_id: str, url: str) -> Result:
        result = self._tell("publication.updated", request, {"replaces": platform_id, "url": url})
        return Result(result.url or url, platform_id, request.now)

    def withdraw(self, platform_id: str, url: str, key: str) -> None:
        message = {"type": "publication.withdrawn", "data": {"id": platform_id, "url": url}}
        self._send(_id(f"withdraw {key} {platform_id}"), message, datetime.now().astimezone())

    def check(self, now: datetime) -> Health:
        """The secret is one, and somebody answers at the address. Nothing is told."""
        self._keys()
        answer = http.request("HEAD", self.url, allowed_private_hosts=self.allowed, stay=True)
        if answer.status >= 500:
            raise http.failure(answer)
        return Health(N_("Penerima di %(url)s menjawab."), {"url": self.url.split("?")[0]})

    def _tell(self, kind: str, request: Request, more: Mapping[str, Any] | None = None) -> Result:
        id = _id(request.key)
        message = {"type": kind, "timestamp": request.now.isoformat(), "data": _data(id, request) | dict(more or {})}
        said = self._send(id, message, request.now)
        url = said.get("url") if isinstance(said, dict) else None
        return Result(url if isinstance(url, str) and url.startswith(("https://", "http://")) else request.link, id, request.now)

    def _send(self, id: str, message: dict[str, Any], now: datetime) -> Any:
        body = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
        at = str(int(now.timestamp()))
        headers = {"Content-Type": "application/json", "webhook-id": id, "webhook-timestamp": at,
                   "webhook-signature": " ".join(sign(key, id, at, body) for key in self._keys())}
        return repeatable(lambda: self._post(body, headers))  # the receiver knows it again by its id

    def _post(self, body: bytes, headers: Mapping[str, str]) -> Any:
        answer = http.post(self.url, data=body, headers=headers, allowed_private_hosts=self.allowed, read_timeout=30)
        if answer.status in UNREADY:
            raise Denied(N_("Penerima webhook menolak tanda tangan (%(status)s)."), status=answer.status)
        if not answer.ok:
            raise http.failure(answer, creates=True)
        return answer.json()

    def _keys(self) -> list[bytes]:
        """Raises Denied for a secret that is none."""
        try:
            keys = [base64.b64decode(secret.strip().removeprefix("whsec_"), validate=True) for secret in self.secrets]
        except binascii.Error:
            keys = []
        if not keys or not all(24 <= len(key) <= 64 for key in keys):
            raise Denied(N_("Rahasia webhook bukan 24 sampai 64 bita dalam Base64."))
        return keys


def sign(key: bytes, id: str, at: str, body: bytes) -> str:
    """One entry of `webhook-signature`."""
    return "v1," + base64.b64encode(hmac.new(key, f"{id}.{at}.".encode() + body, hashlib.sha256).digest()).decode()


def _id(key: str) -> str:
    return "msg_" + hashlib.sha256(key.encode()).hexdigest()[:32]


def _data(id: str, request: Request) -> dict[str, Any]:
    return {
        "id": id, "key": request.key, "business_key": request.business_key, "kind": request.kind, "title": content.clean(request.title),
        "summary": content.clean(request.summary), "markdown": content.clean(request.body), "html": content.html(request.body),
        "text": rules.compose("", rules.of_request(request, request.link)), "link": request.link,
        "corrections": [{"at": note.at.isoformat(), "note": content.clean(note.note)} for note in request.corrections],
        "images": [_file(image) for image in request.images], "attachments": [_file(file) for file in request.attachments],
    }


def _file(file: Attachment) -> dict[str, Any]:
    return {"name": content.clean(file.name), "media_type": file.media_type, "size": len(file.content),
            "sha256": hashlib.sha256(file.content).hexdigest(), "alt": content.clean(file.alt)}
