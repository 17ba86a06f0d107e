"""The part of the YouTube Data API v3 that https://developers.google.com/youtube/v3/docs describes under videos (insert, update, delete,
list), thumbnails/set, channels/list and playlistItems/list, for one channel. Uploads follow
https://developers.google.com/youtube/v3/guides/using_resumable_upload_protocol: a session takes pieces of a multiple of 256 KiB in order,
says by 308 and Range how far it came, makes one video when it has the whole, and says that again when it is asked. Errors have the form
of https://developers.google.com/youtube/v3/docs/errors, tokens that of
https://developers.google.com/identity/protocols/oauth2/web-server#offline (a refresh token stays the same).

For the tests: `/_expire` ends the access token, `/_lose` the sessions, `/_keep?bytes=N` lets the next piece break off there.
"""

import hashlib
import re
from datetime import UTC, datetime
from urllib.parse import urlencode

from fake_server import Platform, serve

UNIT = 256 * 1024
CLIENT, SECRET, REFRESH = "kpu.apps.googleusercontent.com", "GOCSPX-rahasia-kantor", "1//segar-kantor"


def error(status, reason, message="No."):
    return status, {"error": {"code": status, "message": message, "errors": [{"domain": "youtube", "reason": reason, "message": message}]}}


class YouTube(Platform):
    def __init__(self):
        self.access, self.granted, self.ended, self.kept = "ya29.akses-0", 0, 0, None
        self.videos, self.sessions, self.thumbnails = {}, {}, {}

    def posts(self):
        return {f"{id}:{video['sha256'][:12]}": f"{video['snippet']['title']}\n{video['snippet']['description']}"
                for id, video in self.videos.items()}

    def answer(self, call):
        if call.path.startswith("/_"):
            return getattr(self, f"test{call.path[1:]}")(call)
        if call.path == "/token":
            return self.token(call.fields)
        if call.headers.get("Authorization") != f"Bearer {self.access}":
            return error(401, "authError", "Invalid Credentials")
        name = f"{call.method} {call.path.removeprefix('/upload').removeprefix('/youtube/v3/')}"
        by_name = {"POST videos": self.begin, "PUT videos": self.put, "DELETE videos": self.delete, "GET videos": self.list,
                   "POST thumbnails/set": self.thumbnail, "GET channels": self.channels, "GET playlistItems": self.playlist}
        return by_name[name](call) if name in by_name else error(404, "notFound")

    def test_expire(self, call):
        self.ended += 1
        self.access = f"habis-{self.ended}"
        return 200, {}

    def test_lose(self, call):
        self.sessions = {}
        return 200, {}

    def test_keep(self, call):
        self.kept = int(call.query["bytes"])
        return 200, {}

    def test_state(self, call):
        return 200, {"access_token": self.access, "refresh_token": REFRESH, "renewals": self.granted, "thumbnails": self.thumbnails,
                     "sessions": len(self.sessions), "videos": self.videos}

    def token(self, said):
        if (said.get("client_id"), said.get("client_secret")) != (CLIENT, SECRET):
            return 401, {"error": "invalid_client", "error_description": "Unauthorized"}
        if said.get("grant_type") != "refresh_token" or said.get("refresh_token") != REFRESH:
            return 400, {"error": "invalid_grant", "error_description": "Token has been expired or revoked."}
        self.granted += 1
        self.access = f"ya29.akses-{self.granted}"
        return 200, {"access_token": self.access, "expires_in": 3599, "scope": "https://www.googleapis.com/auth/youtube.force-ssl",
                     "token_type": "Bearer"}

    def wrong(self, snippet):
        title, description = snippet.get("title") or "", snippet.get("description") or ""
        if not title or len(title) > 100 or set("<>") & set(title):
            return "invalidTitle"
        if len(description.encode()) > 5000 or set("<>") & set(description):
            return "invalidDescription"
        return "invalidTags" if len(",".join(snippet.get("tags") or [])) > 500 else ""

    def begin(self, call):
        said, status = call.fields, call.fields.get("status") or {}
        if call.query.get("uploadType") != "resumable" or not call.headers.get("X-Upload-Content-Type", "").startswith("video/"):
            return error(400, "mediaBodyRequired")
        if reason := self.wrong(said.get("snippet") or {}):
            return error(400, reason)
        if status.get("privacyStatus") not in ("public", "unlisted", "private") or "publishAt" in status and status["privacyStatus"] != "private":
            return error(400, "invalidPublishAt")
        id = f"sesi-{len(self.sessions)}-{len(self.videos)}"
        self.sessions[id] = {"size": int(call.headers["X-Upload-Content-Length"]), "bytes": b"", "said": said, "video": None}
        query = urlencode({"uploadType": "resumable", "part": call.query["part"], "upload_id": id})
        return 200, None, {"Location": f"http://{call.headers['Host']}/upload/youtube/v3/videos?{query}"}

    def put(self, call):
        if "upload_id" not in call.query:
            return self.change(call.fields)
        session = self.sessions.get(call.query["upload_id"])
        if session is None:
            return error(404, "notFound")
        part = re.fullmatch(r"bytes (?:\*|(\d+)-(\d+))/(\d+)", call.headers.get("Content-Range", ""))
        if part is None or int(part[3]) != session["size"]:
            return error(400, "badRequest", "Failed to parse Content-Range header.")
        if session["video"]:
            return 200, self.resource(session["video"])
        if part[1] is not None:
            first, end = int(part[1]), int(part[2]) + 1
            if first > len(session["bytes"]) or end - first != len(call.body) or end < session["size"] and (end - first) % UNIT:
                return error(400, "badRequest", "Invalid piece.")
            session["bytes"] = session["bytes"][:first] + call.body[: self.kept]
            if self.kept is not None:
                self.kept = None
                return error(503, "backendError")
        if part[1] is None or len(session["bytes"]) < session["size"]:
            return 308, None, {"Range": f"bytes=0-{len(session['bytes']) - 1}"} if session["bytes"] else {}
        return self.make(session)

    def make(self, session):
        session["video"] = id = f"v{len(self.videos):010}"
        self.videos[id] = {**session["said"], "id": id, "sha256": hashlib.sha256(session["bytes"]).hexdigest(), "size": session["size"]}
        self.videos[id]["snippet"]["publishedAt"] = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return 201, self.resource(id)

    def resource(self, id):
        return {"kind": "youtube#video", "id": id, "snippet": self.videos[id]["snippet"], "status": self.videos[id]["status"]}

    def change(self, said):
        video = self.videos.get(said.get("id"))
        if video is None:
            return error(404, "videoNotFound")
        if "snippet" in said:
            if reason := self.wrong(said["snippet"]) or ("" if said["snippet"].get("categoryId") else "invalidCategoryId"):
                return error(400, reason)
            video["snippet"] |= said["snippet"]
        video["status"] = said.get("status", video["status"])
        return 200, self.resource(said["id"])

    def delete(self, call):
        return (204, None) if self.videos.pop(call.query["id"], None) else error(404, "videoNotFound")

    def list(self, call):
        return 200, {"items": [self.resource(id) for id in call.query["id"].split(",") if id in self.videos]}

    def thumbnail(self, call):
        if call.query.get("videoId") not in self.videos:
            return error(404, "videoNotFound")
        if call.headers.get("Content-Type") not in ("image/jpeg", "image/png") or not 0 < len(call.body) <= 2 * 2**20:
            return error(400, "invalidImage")
        self.thumbnails[call.query["videoId"]] = self.thumbnails.get(call.query["videoId"], 0) + 1
        return 200, {"kind": "youtube#thumbnailSetResponse", "items": [{"default": {"url": "https://i.ytimg.com/vi/x/default.jpg"}}]}

    def channels(self, call):
        return 200, {"items": [{"id": "UCkpu", "snippet": {"title": "KPU Kepulauan Seribu"},
                                "contentDetails": {"relatedPlaylists": {"uploads": "UUkpu"}}}]}

    def playlist(self, call):
        if call.query.get("playlistId") != "UUkpu":
            return error(404, "playlistNotFound")
        latest = list(reversed(self.videos))[: int(call.query["maxResults"])]
        return 200, {"items": [{"contentDetails": {"videoId": id}} for id in latest]}


if __name__ == "__main__":
    serve(YouTube)
