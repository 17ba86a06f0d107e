"""The assisted publication: a person pastes a prepared package, and says where it then stands.

For channels without an interface for machines: many offices' websites stand on a central CMS that has none.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from connectors import N_, Ability, Attachment, Context, Field, Health, NotByMachine, Request, Result, content


class Manual:
    name = "manual"
    can: frozenset[Ability] = frozenset({"text", "image", "images", "video", "file", "schedule"})  # whatever a person can
    title = N_("Dengan tangan (paket siap salin)")
    fields: tuple[Field, ...] = (
        Field("address", N_("Alamat tempat menerbitkan"), "url", help=N_("Halaman masuk CMS atau akun media sosial.")),
    )

    def __init__(self, config: Mapping[str, Any], secrets: Mapping[str, str], context: Context):
        self.config = config

    def publish(self, request: Request) -> Result:
        raise NotByMachine()

    def update(self, request: Request, platform_id: str, url: str) -> Result:
        raise NotByMachine()

    def withdraw(self, platform_id: str, url: str, key: str) -> None:
        raise NotByMachine()

    def check(self, now: datetime) -> Health:
        return Health(N_("Kanal ini diterbitkan dengan tangan; tidak ada yang perlu disambungkan."))


def package(request: Request) -> dict[str, Any]:
    """What the Web Admin copies: title, summary, text and html of the body, and what files go with it (JSON)."""
    return {
        "title": content.clean(request.title).strip(),
        "summary": content.clean(request.summary).strip() or content.excerpt(request.body),
        "text": content.text(request.body),
        "html": content.html(request.body),
        "images": [_file(image) for image in request.images],
        "attachments": [_file(attachment) for attachment in request.attachments],
    }


def _file(file: Attachment) -> dict[str, Any]:
    return {"name": file.name, "media_type": file.media_type, "size": len(file.content), "alt": file.alt}
