"""The part of TikTok's Content Posting API that https://developers.tiktok.com/doc/content-posting-api-reference-direct-post,
…-query-creator-info, …-photo-post and …-get-video-status describe, for one account. Chunks follow
https://developers.tiktok.com/doc/content-posting-api-media-transfer-guide, tokens
https://developers.tiktok.com/doc/oauth-user-access-token-management (here each refresh token is good once). Photos are taken to have been
fetched.

For the tests: `/_expire` ends the access token, `/_lose` the addresses of uploads; `/_say?…` decides what the statuses say (`fail`),
whether posts are without a number (`numbers=0`) and what the account offers (`offers`).
"""

import hashlib
import re

from fake_server import Platform, serve

KEY, SECRET = "awkpu1234567890", "rahasia-aplikasi-tiktok"
MB = 1_000_000
OFFERS = ["PUBLIC_TO_EVERYONE", "MUTUAL_FOLLOW_FRIENDS", "SELF_ONLY"]


def error(status, code, message="No."):
    return status, {"data": {}, "error": {"code": code, "message": message, "log_id": "2026112402300000"}}


def ok(data):
    return 200, {"data": data, "error": {"code": "ok", "message": "", "log_id": "2026112402300000"}}


class TikTok(Platform):
    def __init__(self):
        self.access, self.refresh, self.granted, self.ended = "act.akses-0", "rft.segar-0", 0, 0
        self.said, self.publishes, self.shown = {}, {}, {}

    def posts(self):
        return {id: post["text"] for id, post in self.shown.items()}

    def answer(self, call):
        if call.path.startswith("/_"):
            return getattr(self, f"test{call.path[1:]}")(call)
        if call.path == "/v2/oauth/token/":
            return self.token(call.fields)
        if call.path == "/video/":
            return self.chunk(call)
        if call.headers.get("Authorization") != f"Bearer {self.access}":
            return error(401, "access_token_invalid", "The access token is invalid or not found in the request.")
        calls = {"creator_info/query": self.creator, "video/init": self.video, "content/init": self.photos, "status/fetch": self.status}
        name = call.path.removeprefix("/v2/post/publish/").strip("/")
        return calls[name](call) if call.method == "POST" and name in calls else error(404, "not_found")

    def test_expire(self, call):
        self.ended += 1
        self.access = f"habis-{self.ended}"
        return 200, {}

    def test_lose(self, call):
        for each in self.publishes.values():
            each["expired"] = True
        return 200, {}

    def test_say(self, call):
        self.said = call.query
        return 200, {}

    def test_state(self, call):
        return 200, {"access_token": self.access, "refresh_token": self.refresh, "renewals": self.granted, "shown": self.shown,
                     "publishes": len(self.publishes)}

    def token(self, said):
        if (said.get("client_key"), said.get("client_secret")) != (KEY, SECRET):
            return 400, {"error": "invalid_client", "error_description": "Client key or secret is incorrect.", "log_id": "1"}
        if said.get("grant_type") != "refresh_token" or said.get("refresh_token") != self.refresh:
            return 400, {"error": "invalid_grant", "error_description": "Refresh token is invalid or expired.", "log_id": "1"}
        self.granted += 1
        self.access, self.refresh = f"act.akses-{self.granted}", f"rft.segar-{self.granted}"
        return 200, {"access_token": self.access, "expires_in": 86400, "refresh_token": self.refresh, "refresh_expires_in": 31536000,
                     "open_id": "afd97af1-b87b-48b9-ac98-410aghda5344", "scope": "user.info.basic,video.publish", "token_type": "Bearer"}

    def creator(self, call):
        return ok({"creator_username": "kpuseribu", "creator_nickname": "KPU Kepulauan Seribu", "comment_disabled": False,
                   "duet_disabled": False, "stitch_disabled": True, "max_video_post_duration_sec": 300,
                   "privacy_level_options": self.said.get("offers", ",".join(OFFERS)).split(",")})

    def wrong(self, info, text, most):
        if info.get("privacy_level") not in self.said.get("offers", ",".join(OFFERS)).split(","):
            return error(403, "privacy_level_option_mismatch")
        return error(400, "invalid_param") if len(info.get(text, "").encode("utf-16-le")) // 2 > most else None

    def begun(self, kind, info, text, size=0, chunk=0):
        id = f"v_pub_file~v2-1.{len(self.publishes)}"
        self.publishes[id] = {"kind": kind, "info": info, "text": text, "size": size, "chunk": chunk, "bytes": b"", "post": None, "looks": 0}
        return id

    def video(self, call):
        info, source = call.fields.get("post_info") or {}, call.fields.get("source_info") or {}
        size, chunk, count = (source.get(name) or 0 for name in ("video_size", "chunk_size", "total_chunk_count"))
        if refused := self.wrong(info, "title", 2_200):
            return refused
        fits = chunk == size <= 64 * MB if count == 1 else 5 * MB <= chunk <= 64 * MB and size - chunk * (count - 1) <= 128 * MB
        if source.get("source") != "FILE_UPLOAD" or not chunk or count != size // chunk or not fits:
            return error(400, "invalid_params", "The chunk size is invalid")
        id = self.begun("video", info, info.get("title", ""), size, chunk)
        return ok({"publish_id": id, "upload_url": f"http://{call.headers['Host']}/video/?upload_id={id.rpartition('.')[2]}&upload_token=Xza123"})

    def chunk(self, call):
        one = self.publishes.get(f"v_pub_file~v2-1.{call.query.get('upload_id')}")
        if one is None or call.query.get("upload_token") != "Xza123":
            return 404, None
        if one.get("expired"):
            return 403, None
        part = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", call.headers.get("Content-Range", ""))
        if part is None or int(part[2]) + 1 - int(part[1]) != len(call.body) or int(part[3]) != one["size"]:
            return 400, None
        first, end, last = int(part[1]), int(part[2]) + 1, one["chunk"] * (one["size"] // one["chunk"] - 1)
        if first != len(one["bytes"]) or end != (one["size"] if first == last else first + one["chunk"]):
            return 416, None
        one["bytes"] += call.body
        if end == one["size"]:
            self.post(one, sha256=hashlib.sha256(one["bytes"]).hexdigest())
        return 201 if end == one["size"] else 206, None, {"Content-Range": f"bytes 0-{len(one['bytes'])}/{one['size']}"}

    def photos(self, call):
        info, source = call.fields.get("post_info") or {}, call.fields.get("source_info") or {}
        if refused := self.wrong(info, "description", 4_000):
            return refused
        addresses = source.get("photo_images") or []
        if source.get("source") != "PULL_FROM_URL" or call.fields.get("media_type") != "PHOTO" or not 0 < len(addresses) <= 35:
            return error(400, "invalid_param")
        if not all(address.startswith("https://kantor.example/") for address in addresses):
            return error(403, "url_ownership_unverified")
        id = self.begun("photo", info, info.get("description", ""))
        self.post(self.publishes[id], addresses=addresses)
        return ok({"publish_id": id})

    def post(self, one, **how):
        if "fail" not in self.said:
            one["post"] = str(7_400_000_000_000_000_000 + len(self.shown))
            self.shown[one["post"]] = {"text": one["text"], "info": one["info"], **how}

    def status(self, call):
        one = self.publishes.get(call.fields.get("publish_id"))
        if one is None:
            return error(400, "invalid_publish_id")
        if one["bytes"] or one["kind"] == "photo":
            one["looks"] += 1
        arrived = {"uploaded_bytes": len(one["bytes"])} if one["kind"] == "video" else {}
        is_whole = one["kind"] == "photo" or len(one["bytes"]) == one["size"]
        if is_whole and "fail" in self.said:
            return ok({"status": "FAILED", "fail_reason": self.said["fail"], "publicaly_available_post_id": [], **arrived})
        if not is_whole or one["looks"] < 2:
            return ok({"status": "PROCESSING_UPLOAD" if one["kind"] == "video" else "PROCESSING_DOWNLOAD", **arrived})
        numbers = [int(one["post"])] if self.said.get("numbers") != "0" and one["info"]["privacy_level"] == OFFERS[0] else []
        return ok({"status": "PUBLISH_COMPLETE", "publicaly_available_post_id": numbers, **arrived})


if __name__ == "__main__":
    serve(TikTok)
