"""Posts of a Threads account, by the Threads API.

Pages below https://developers.facebook.com/documentation/threads: …/posts (containers of text, a picture, a video or a carousel;
link_attachment; alt_text), …/reference/publishing, …/troubleshooting (a container's status and error_message; threads_publishing_limit),
…/overview (250 posts in 24 hours), …/posts/delete-posts (threads_delete, 100 a day), …/retrieve-and-discover-posts/retrieve-posts,
…/get-started/get-access-tokens-and-permissions and …/get-started/long-lived-tokens; for the parts of a thread
…/retrieve-and-manage-replies/create-replies (reply_to_id, for answers to one's own) and …/retrieve-and-manage-replies (1,000 answers in
24 hours; threads_manage_replies to write them, threads_read_replies to list them). Pictures and videos are fetched by Meta from an
address of ours. A post is not changed by an app: that is a person's work.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from connectors import N_, Ability, Attachment, Context, Failure, Field, SignIn, repeatable, series
from connectors.containers import ALT, APP_FIELDS, Containers, is_gone, numbers

FOR_A_THREAD = ("threads_manage_replies", "threads_read_replies")


class Threads(Containers):
    name = "threads"
    rules = "threads"  # of `connectors.rules`
    title = "Threads"
    can: frozenset[Ability] = frozenset({"text", "link", "image", "images", "video", "delete", "find", "verify"})
    host, version = "https://graph.threads.net", "v1.0"
    home = "https://www.threads.com/"
    grant, id_field = "th", "id"
    creates, publishes, limits = "threads", "threads_publish", "threads_publishing_limit"
    status, reason, text = "status", "error_message", "text"
    fields: tuple[Field, ...] = (*APP_FIELDS[:-1], replace(series.FIELD, help=N_(
        "Teks yang melebihi batas dikirim sebagai beberapa kiriman bersambung, paling banyak 25. Masuklah lagi sesudah menyalakannya: "
        "perlu izin threads_manage_replies dan threads_read_replies pada aplikasi Anda.")), APP_FIELDS[-1])

    def __init__(self, config: Mapping[str, Any], secrets: Mapping[str, str], context: Context):
        super().__init__(config, secrets, context)
        self.thread = bool(config.get("thread"))

    def sign_in(self) -> SignIn:
        """The Authorization Window."""
        return SignIn(f"{self.api or 'https://threads.com'}/oauth/authorize", f"{self._host}/oauth/access_token",
                      ("threads_basic", "threads_content_publish", "threads_delete", *(FOR_A_THREAD if self.thread else ())),
                      separator=",", pkce=False, renewed_by="access_token",
                      where=N_("Di developers.facebook.com → aplikasi Anda → Use cases → Access the Threads API → Settings → "
                               "Redirect Callback URLs."))

    def withdraw(self, platform_id: str, url: str, key: str) -> None:
        """The post, or every part of the thread, the last first; what is gone already is."""
        for id in reversed(numbers(platform_id)):
            try:
                repeatable(partial(self._call, "DELETE", id))
            except Failure as failure:
                if not is_gone(failure):
                    raise

    def _fields(self, file: Attachment, alone: bool) -> dict[str, str]:
        kind = "video" if file.media_type.startswith("video/") else "image"
        alt = {"alt_text": file.alt[:ALT]} if file.alt else {}
        return {"media_type": kind.upper(), f"{kind}_url": self._address(file)} | alt
