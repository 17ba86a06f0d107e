"""The part of the Instagram API with Instagram Login that https://developers.facebook.com/documentation/instagram-platform describes in
…/instagram-graph-api/reference/ig-user/media, …/ig-user/media_publish, …/ig-container, …/ig-user/content_publishing_limit,
…/reference/access_token and …/reference/refresh_access_token, for one account; error codes as in …/reference/error-codes."""

import re

from fake_server import serve
from meta_server import ME, Meta


class Instagram(Meta):
    grant, made, publishes, limits = "ig", "media", "media_publish", "content_publishing_limit"
    status, reason, text = "status_code", "status", "caption"
    permalink = "https://www.instagram.com/p/"
    me = {"user_id": ME, "username": "kpuseribu", "account_type": "BUSINESS", "id": "24000000000000000"}
    short = {"data": [{"access_token": "pendek", "user_id": ME, "permissions": "instagram_business_basic,instagram_business_content_publish"}]}

    def wrong(self, said):
        if len(said.get("caption", "")) > 2200:
            return self.refuse(36004, "The caption was too long.", 2207010)
        if len(re.findall(r"#\w", said.get("caption", ""))) > 30:
            return self.refuse(100, "Too many tags.", 2207040)
        return None


if __name__ == "__main__":
    serve(Instagram)
