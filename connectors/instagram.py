"""Posts of an Instagram professional account: a picture, several, a reel; by the Instagram API with Instagram Login.

Pages below https://developers.facebook.com/documentation/instagram-platform: …/content-publishing and
…/instagram-graph-api/reference/ig-user/media (containers; alt_text for pictures, also a carousel's; REELS; 400 containers a day),
…/reference/ig-container (status_code), …/reference/ig-user/media_publish, …/reference/ig-user/content_publishing_limit,
…/instagram-api-with-instagram-login/business-login and …/reference/access_token, …/reference/refresh_access_token (tokens). Pictures and
videos are fetched by Meta from an address of ours. A post is neither changed nor, with this way to sign in, deleted by an app: both are a
person's work.
"""

from connectors import N_, Ability, Attachment, SignIn
from connectors.containers import ALT, Containers


class Instagram(Containers):
    name = "instagram"
    rules = "instagram"  # of `connectors.rules`
    title = "Instagram"
    can: frozenset[Ability] = frozenset({"text", "image", "images", "video", "find", "verify"})
    host, version = "https://graph.instagram.com", "v25.0"
    home = "https://www.instagram.com/"
    grant, id_field = "ig", "user_id"
    creates, publishes, limits = "media", "media_publish", "content_publishing_limit"
    status, reason, text = "status_code", "status", "caption"

    def sign_in(self) -> SignIn:
        """Business Login for Instagram."""
        return SignIn(f"{self.api or 'https://www.instagram.com'}/oauth/authorize",
                      f"{self.api or 'https://api.instagram.com'}/oauth/access_token",
                      ("instagram_business_basic", "instagram_business_content_publish"), separator=",", pkce=False,
                      renewed_by="access_token",
                      where=N_("Di developers.facebook.com → aplikasi Anda → Instagram → API setup with Instagram login → "
                               "Set up Instagram business login → OAuth redirect URIs."))

    def _fields(self, file: Attachment, alone: bool) -> dict[str, str]:
        if file.media_type.startswith("video/"):
            return {"media_type": "REELS" if alone else "VIDEO", "video_url": self._address(file)}
        return {"image_url": self._address(file)} | ({"alt_text": file.alt[:ALT]} if file.alt else {})
