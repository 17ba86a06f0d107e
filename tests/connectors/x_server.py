"""The part of the X API v2 that https://docs.x.com/x-api/posts/create-post, …/media/upload-media, …/media/create-media-metadata and
…/users/get-posts describe, for one account. Signatures are checked after RFC 5849."""

import base64
import hmac
import re
from datetime import UTC, datetime
from urllib.parse import quote, unquote

from fake_server import Platform, serve

KEYS = {"consumer_key": "kunci-aplikasi-kpu", "consumer_secret": "rahasia-aplikasi-kpu",
        "access_token": "1234-token-akun-kpu", "access_secret": "rahasia-akun-kpu"}
ME = "1234567890"
ADDRESS = re.compile(r"https?://\S+")


class X(Platform):
    def __init__(self):
        self.shown, self.media, self.alts, self.next = {}, {}, {}, 1_860_000_000_000_000_000

    def posts(self):
        return {id: post["written"] for id, post in self.shown.items()}

    def is_signed(self, call):
        said = dict(re.findall(r'(\w+)="([^"]*)"', call.headers.get("Authorization", "")))
        signed = [*call.query.items(), *((name, unquote(value)) for name, value in said.items() if name != "oauth_signature")]
        base = "&".join(quote(part, safe="") for part in (
            call.method, f"http://{call.headers.get('X-Forwarded-Host') or call.headers['Host']}{call.path}",
            "&".join(sorted(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in signed))))
        key = f"{KEYS['consumer_secret']}&{KEYS['access_secret']}"
        made = base64.b64encode(hmac.digest(key.encode(), base.encode(), "sha1")).decode()
        return said.get("oauth_consumer_key") == KEYS["consumer_key"] and made == unquote(said.get("oauth_signature", ""))

    def answer(self, call):
        if not self.is_signed(call):
            return 401, {"title": "Unauthorized", "type": "about:blank", "status": 401, "detail": "Unauthorized"}
        if call.path == "/2/users/me":
            return 200, {"data": {"id": ME, "name": "KPU Kepulauan Seribu", "username": "kpuseribu"}}
        if call.path == f"/2/users/{ME}/tweets":
            found = list(reversed(self.shown.values()))[: int(call.query["max_results"])]
            return 200, {"data": [{k: v for k, v in post.items() if k != "written"} for post in found], "meta": {"result_count": len(found)}}
        if call.path == "/2/media/upload" and "media" in call.files and call.fields.get("media_category") == "tweet_image":
            self.next += 1
            self.media[str(self.next)] = call.files["media"][2]
            return 200, {"data": {"id": str(self.next), "media_key": f"3_{self.next}", "expires_after_secs": 86400}}
        if call.path == "/2/media/metadata" and call.fields.get("id") in self.media:
            self.alts[call.fields["id"]] = call.fields["metadata"]["alt_text"]["text"]
            return 200, {"data": {"id": call.fields["id"], "associated_metadata": call.fields["metadata"]}}
        if call.path == "/2/tweets" and call.method == "POST":
            return self.tweet(call.fields)
        id = call.path.removeprefix("/2/tweets/")
        if call.method == "DELETE" and id in self.shown:
            del self.shown[id]
            return 200, {"data": {"deleted": True}}
        return 404, {"title": "Not Found Error", "status": 404, "detail": f"Could not find tweet with id: [{id}]."}

    def tweet(self, said):
        ids = (said.get("media") or {}).get("media_ids") or []
        if any(id not in self.media for id in ids):
            return 400, {"title": "Invalid Request", "status": 400, "detail": "One or more media IDs are invalid."}
        if any(post["written"] == said["text"] for post in self.shown.values()):
            return 403, {"title": "Forbidden", "status": 403, "detail": "You are not allowed to create a Tweet with duplicate content."}
        urls = [{"url": f"https://t.co/{n:06}", "expanded_url": url} for n, url in enumerate(ADDRESS.findall(said["text"]))]
        text = said["text"].replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        for link in urls:
            text = text.replace(link["expanded_url"], link["url"])
        if ids:
            urls.append({"url": "https://t.co/gambar", "expanded_url": "https://x.com/kpuseribu/status/1/photo/1", "media_key": f"3_{ids[0]}"})
            text += " https://t.co/gambar"
        self.next += 1
        id = str(self.next)
        self.shown[id] = {"id": id, "text": text, "written": said["text"], "entities": {"urls": urls},
                          "created_at": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")}
        return 201, {"data": {"id": id, "text": text}}


if __name__ == "__main__":
    serve(X)
