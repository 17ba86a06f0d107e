"""The part of Facebook's Graph API that https://developers.facebook.com/docs/pages-api/posts and
https://developers.facebook.com/docs/graph-api/reference/page/photos and …/page/videos describe, for one Page. Errors have the form of
https://developers.facebook.com/docs/graph-api/guides/error-handling."""

import hashlib  # as a person's eye tells one picture from another
import json
import time
from datetime import UTC, datetime

from fake_server import Platform, serve

PAGE, TOKEN = "546349135390552", "EAAGm0PX4ZCpsBApageTokenOfTheOffice"


class Facebook(Platform):
    def __init__(self):
        self.shown = {}  # id: {message, pictures, created_time, at}
        self.pictures = {}
        self.sessions = {}  # id: {video, size, came}
        self.next = 1

    def posts(self):
        return {f"{id}:{post['digest']}": post["message"] for id, post in self.shown.items()}

    def answer(self, call):
        if call.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self.refuse(401, 190, "Invalid OAuth access token.")
        path = call.path.strip("/")
        if path == "me":
            return 200, {"id": PAGE, "name": "KPU Kepulauan Seribu"}, {"X-App-Usage": '{"call_count": 28, "total_time": 25}'}
        edge = path.partition("/")[2]
        if call.method == "POST" and edge in ("feed", "photos", "videos"):
            return getattr(self, edge)(call)
        if call.method == "GET" and edge in ("feed", "scheduled_posts"):
            found = [{"id": id, "message": post["message"], "created_time": post["created_time"]}
                     for id, post in reversed(self.shown.items()) if bool(post["at"]) == (edge != "feed")]
            return 200, {"data": found[: int(call.query.get("limit", 25))]}
        if path not in self.shown:
            return self.refuse(400, 100, "Unsupported request. Object does not exist.", 33)
        post = self.shown[path]
        if call.method == "GET":
            shown = {"message": post["message"], "description": post["message"], "is_published": not post["at"], "published": not post["at"]}
            return 200, {"id": path} | {name: shown.get(name, post["created_time"]) for name in call.query["fields"].split(",")[1:]}
        if call.method == "DELETE":
            del self.shown[path]
        elif "scheduled_publish_time" in call.fields:
            at = int(call.fields["scheduled_publish_time"])
            if not post["at"] or not self.takes(at):
                return self.refuse(400, 100, "(#100) The specified scheduled publish time is invalid.")
            post["at"] = at
        else:
            post["message"] = call.fields["message" if "_" in path else "description"]
        return 200, {"success": True}

    def refuse(self, status, code, message, subcode=None):
        return status, {"error": {"message": message, "type": "OAuthException", "code": code, "error_subcode": subcode, "fbtrace_id": "A1"}}

    @staticmethod
    def takes(at):
        return 600 <= at - time.time() <= 30 * 86400

    def videos(self, call):
        said, session = call.fields, self.sessions.get(call.fields.get("upload_session_id"))
        if said["upload_phase"] == "start":
            self.next += 2
            self.sessions[str(self.next)] = {"video": str(self.next - 1), "size": int(said["file_size"]), "came": b""}
            return 200, {"upload_session_id": str(self.next), "video_id": str(self.next - 1), "start_offset": "0", "end_offset": "1000"}
        if session is None:
            return self.refuse(400, 6000, "There was a problem uploading your video file.", 1363019)
        if said["upload_phase"] == "transfer":  # what comes again is taken again
            session["came"] = session["came"][: int(said["start_offset"])] + call.files["video_file_chunk"][2]
            return 200, {"start_offset": str(len(session["came"])), "end_offset": str(session["size"])}
        at = int(said.get("scheduled_publish_time") or 0)
        if len(session["came"]) != session["size"] or at and not self.takes(at):
            return self.refuse(400, 6000, "There was a problem uploading your video file.", 1363019)
        digest = hashlib.sha256(hashlib.sha256(session["came"]).digest()).hexdigest()[:12]
        self.shown[session["video"]] = {"message": said["description"], "digest": digest, "at": at,
                                        "created_time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")}
        return 200, {"success": True}

    def photos(self, call):
        if "source" not in call.files or call.fields.get("published") != "false":
            return self.refuse(400, 324, "Requires upload file")
        self.next += 1
        self.pictures[str(self.next)] = call.files["source"][2]
        return 200, {"id": str(self.next)}

    def feed(self, call):
        said = call.fields
        if not said.get("message") and not said.get("link"):
            return self.refuse(400, 100, "Missing message or attachment")
        ids = [json.loads(said[f"attached_media[{n}]"])["media_fbid"] for n in range(20) if f"attached_media[{n}]" in said]
        at = int(said.get("scheduled_publish_time") or 0)
        if at and not (said.get("published") == "false" and self.takes(at)):
            return self.refuse(400, 100, "(#100) The specified scheduled publish time is invalid.")
        digest = hashlib.sha256(b"".join(hashlib.sha256(self.pictures[id]).digest() for id in ids)).hexdigest()[:12] if ids else ""
        self.next += 1
        id = f"{PAGE}_{self.next}"
        self.shown[id] = {"message": said.get("message", ""), "digest": digest, "at": at,
                          "created_time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")}
        return 200, {"id": id}


if __name__ == "__main__":
    serve(Facebook)
