"""Posts of a Threads account, by the Threads API.

Pages below https://developers.facebook.com/documentation/threads: …/posts (containers of text, a picture, a video or a carousel;
link_attachment; alt_text), …/reference/publishing, …/troubleshooting (a container's status and error_message; threads_publishing_limit),
…/overview (250 posts in 24 hours), …/posts/delete-posts (threads_delete, 100 a day), …/retrieve-and-discover-posts/retrieve-posts,
…/get-started/get-access-tokens-and-permissions and …/get-started/long-lived-tokens. Pictures and videos are fetched by Meta from an
address of ours. A post is not changed by an app: that is a person's work.
"""

from connectors import N_, Ability, Attachment, Failure, SignIn, repeatable
from connectors.containers import ALT, Containers, is_gone, number


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

    def sign_in(self) -> SignIn:
        """The Authorization Window."""
        return SignIn(f"{self.api or 'https://threads.com'}/oauth/authorize", f"{self._host}/oauth/access_token",
                      ("threads_basic", "threads_content_publish", "threads_delete"), separator=",", pkce=False, renewed_by="access_token",
                      where=N_("Di developers.facebook.com → aplikasi Anda → Use cases → Access the Threads API → Settings → "
                               "Redirect Callback URLs."))

    def withdraw(self, platform_id: str, url: str, key: str) -> None:
        """The post; what is gone already is."""
        try:
            repeatable(lambda: self._call("DELETE", number(platform_id)))
        except Failure as failure:
            if not is_gone(failure):
                raise

    def _fields(self, file: Attachment, alone: bool) -> dict[str, str]:
        kind = "video" if file.media_type.startswith("video/") else "image"
        alt = {"alt_text": file.alt[:ALT]} if file.alt else {}
        return {"media_type": kind.upper(), f"{kind}_url": self._address(file)} | alt
