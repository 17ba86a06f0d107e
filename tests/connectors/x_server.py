"""The part of the X API v2 that https://docs.x.com/x-api/posts/create-post, …/media/upload-media, …/media/initialize-media-upload,
…/media/create-media-metadata and …/users/get-posts describe, for one account. Every request and every answer is held against X's
OpenAPI document. Signatures are checked after RFC 5849."""

import base64
import hashlib
import hmac
import re
from datetime import UTC, datetime
from urllib.parse import quote, unquote

import x_document
from fake_server import Platform, serve, threaded

KEYS = {"consumer_key": "kunci-aplikasi-kpu", "consumer_secret": "rahasia-aplikasi-kpu",
        "access_token": "1234-token-akun-kpu", "access_secret": "rahasia-akun-kpu"}
ME = "1234567890"
ADDRESS = re.compile(r"https?://\S+")


class X(Platform):
    def __init__(self):
        self.shown, self.media, self.alts, self.next = {}, {}, {}, 1_860_000_000_000_000_000
        self.uploads = {}  # id: {total, segments, looks}
        self.violations = []  # of the document

    def posts(self):
        assert not self.violations, self.violations
        return threaded({id: (post["parent"], post["written"]) for id, post in self.shown.items()})

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
        try:
            x_document.check_request(call.method, call.path, call.query, call.fields, call.files)
            status, said = self.answered(call)
            x_document.check_answer(call.method, call.path, status, said)
            return status, said
        except x_document.Violation as violation:
            self.violations.append(str(violation))
            raise

    def answered(self, call):
        if not self.is_signed(call):
            return 401, {"title": "Unauthorized", "type": "about:blank", "status": 401, "detail": "Unauthorized"}
        if call.path == "/2/users/me":
            return 200, {"data": {"id": ME, "name": "KPU Kepulauan Seribu", "username": "kpuseribu"}}
        if call.path == f"/2/users/{ME}/tweets":
            found = list(reversed(self.shown.values()))[: int(call.query["max_results"])]
            return 200, {"data": [{name: post[name] for name in ("id", *call.query["post.fields"].split(","))} for post in found], "meta": {"result_count": len(found)}}
        if call.path.startswith("/2/media/upload"):
            return self.upload(call, *call.path.removeprefix("/2/media/upload").strip("/").split("/"))
        if call.path == "/2/media/metadata" and call.fields.get("id") in self.media:
            self.alts[call.fields["id"]] = call.fields["metadata"]["alt_text"]["text"]
            return 200, {"data": {"id": call.fields["id"], "associated_metadata": call.fields["metadata"]}}
        if call.path == "/2/tweets" and call.method == "POST":
            return self.tweet(call.fields)
        id = call.path.removeprefix("/2/tweets/")
        if id not in self.shown:
            problem = {"title": "Not Found Error", "type": "https://api.x.com/2/problems/resource-not-found", "resource_type": "tweet",
                       "parameter": "id", "resource_id": id, "value": id, "detail": f"Could not find tweet with id: [{id}]."}
            return (200, {"errors": [problem]}) if call.method == "GET" else (404, problem)
        if call.method == "DELETE":
            del self.shown[id]
            return 200, {"data": {"deleted": True}}
        return 200, {"data": {name: self.shown[id][name] for name in ("id", *call.query["post.fields"].split(","))}}

    def upload(self, call, id, step=""):
        if call.method == "GET":
            upload = self.uploads[call.query["media_id"]]
            upload["looks"] -= 1
            state = {"state": "in_progress", "check_after_secs": 3, "progress_percent": 50} if upload["looks"] >= 0 else {"state": "succeeded"}
            return 200, {"data": {"id": call.query["media_id"], "processing_info": state}}
        if step and (id not in self.uploads or id in self.media):
            return self.invalid("The media upload is not known.")
        if step == "append":
            self.uploads[id]["segments"][int(call.fields["segment_index"])] = call.files["media"][2]
            return 200, {"data": {"expires_at": 1_790_000_000}}
        if step == "finalize":
            whole = b"".join(part for _, part in sorted(self.uploads[id]["segments"].items()))
            if len(whole) != self.uploads[id]["total"]:
                return self.invalid("Segments do not add up to provided total file size.")
            self.media[id] = whole
            return 200, {"data": {"id": id, "media_key": f"13_{id}", "size": len(whole),
                                  "processing_info": {"state": "pending", "check_after_secs": 1}}}
        self.next += 1
        said = {"id": str(self.next), "media_key": f"3_{self.next}", "expires_after_secs": 86400}
        if id == "initialize":
            self.uploads[said["id"]] = {"total": call.fields["total_bytes"], "segments": {}, "looks": 1}
        else:
            self.media[said["id"]] = call.files["media"][2]
        return 200, {"data": said}

    @staticmethod
    def invalid(detail):
        return 400, {"title": "Invalid Request", "type": "https://api.x.com/2/problems/invalid-request", "status": 400, "detail": detail}

    def tweet(self, said):
        ids, parent = (said.get("media") or {}).get("media_ids") or [], (said.get("reply") or {}).get("in_reply_to_tweet_id", "")
        if any(id not in self.media or self.uploads.get(id, {"looks": -1})["looks"] >= 0 for id in ids):
            return self.invalid("One or more media IDs are invalid.")
        if parent and parent not in self.shown:
            return self.invalid("You attempted to reply to a Tweet that is deleted or not visible to you.")
        if any(post["written"].split("\n#")[0] == said["text"] for post in self.shown.values()):
            return 403, {"title": "Forbidden", "type": "about:blank", "status": 403,
                         "detail": "You are not allowed to create a Tweet with duplicate content."}
        urls = [{"url": f"https://t.co/{n:06}", "expanded_url": url} for n, url in enumerate(ADDRESS.findall(said["text"]))]
        text = said["text"].replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        for link in urls:
            text = text.replace(link["expanded_url"], link["url"])
        if ids:
            urls.append({"url": "https://t.co/gambar", "expanded_url": "https://x.com/kpuseribu/status/1/photo/1", "media_key": f"3_{ids[0]}"})
            text += " https://t.co/gambar"
        for link in urls:
            link["start"] = text.index(link["url"])
            link["end"] = link["start"] + len(link["url"])
        self.next += 1
        id = str(self.next)
        files = "".join(f"\n#{hashlib.sha256(self.media[each]).hexdigest()} {self.alts.get(each, '')}" for each in ids)  # as an eye sees them
        self.shown[id] = {"id": id, "text": text, "written": said["text"] + files, "parent": parent, "entities": {"urls": urls},
                          "created_at": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")}
        return 201, {"data": {"id": id, "text": text}}


if __name__ == "__main__":
    serve(X)
