"""A Mastodon server as https://docs.joinmastodon.org/methods/ describes it (statuses, media, instance, accounts), for one account:
files are processed for a while (202, then 206), and keys are remembered. It keeps every status that it is told to post."""

import time
from datetime import UTC, datetime
from html import escape

from fake_server import Platform, serve, threaded

TOKEN = "ZA-Yj3aBD8U8Cm7lKUp-lm9O9BmDgdhHzDeqsY8tlL0"
ME = {"id": "23634", "username": "kpu_seribu", "acct": "kpu_seribu", "url": "https://mastodon.example/@kpu_seribu"}


class Mastodon(Platform):
    def __init__(self):
        self.statuses = {}
        self.media = {}  # id: looks until it is ready
        self.keys = {}
        self.next = 100

    def posts(self):
        return threaded({id: (status["parent"], status["text"]) for id, status in self.statuses.items()})

    def id(self):
        self.next += 1
        return str(self.next)

    def answer(self, call):
        if call.path == "/api/v2/instance":
            return 200, {"domain": "mastodon.example", "version": "4.5.0", "configuration": {
                "statuses": {"max_characters": 500, "max_media_attachments": 4, "characters_reserved_per_url": 23}}}
        if call.headers.get("Authorization") != f"Bearer {TOKEN}":
            return 401, {"error": "The access token is invalid"}
        parts = call.path.removeprefix("/api/").split("/")[1:]
        match [call.method, *parts]:
            case ["GET", "accounts", "verify_credentials"]:
                return 200, ME
            case ["GET", "apps", "verify_credentials"]:
                return 200, {"name": "Terbit", "scopes": ["read", "write:statuses", "write:media"]}
            case ["GET", "statuses", id] if id in self.statuses:
                return 200, self.shown(id)
            case ["GET", "accounts", "23634", "statuses"]:
                return 200, [self.shown(id) for id in reversed(self.statuses)][:40]
            case ["POST", "media"]:
                if "file" not in call.files or not call.files["file"][2]:
                    return 422, {"error": "Validation failed: File can't be blank"}
                id = self.id()
                self.media[id] = 1
                return 202, {"id": id, "type": "image", "url": None, "description": call.fields.get("description")}
            case ["GET", "media", id] if id in self.media:
                self.media[id] -= 1
                return (206, None) if self.media[id] >= 0 else (200, {"id": id, "type": "image", "url": f"https://files.example/{id}.jpg"})
            case ["POST", "statuses"]:
                key = call.headers.get("Idempotency-Key")
                return self.keys.get(key) and (200, self.shown(self.keys[key])) or self.write(self.id(), call, key)
            case ["PUT", "statuses", id] if id in self.statuses:
                return self.write(id, call, None)
            case ["DELETE", "statuses", id] if id in self.statuses:
                said = self.shown(id)
                del self.statuses[id]
                return 200, said
        return 404, {"error": "Record not found"}

    def write(self, id, call, key):
        text, media = call.fields.get("status") or "", call.fields.get("media_ids") or []
        if not text and not media:
            return 422, {"error": "Validation failed: Text can't be blank"}
        if any(self.media.get(each, 1) >= 0 for each in media):
            return 422, {"error": "Cannot attach files that have not finished processing. Try again in a moment!"}
        parent = call.fields.get("in_reply_to_id") or self.statuses.get(id, {}).get("parent")
        if parent and parent not in self.statuses:
            return 404, {"error": "Record not found"}
        made = self.statuses.get(id, {}).get("created_at") or datetime.fromtimestamp(time.time(), UTC).isoformat()
        self.statuses[id] = {"text": text, "media": media, "created_at": made, "parent": parent}
        if key:
            self.keys[key] = id
        return 200, self.shown(id)

    def shown(self, id):
        status = self.statuses.get(id) or {"text": "", "media": [], "created_at": "2026-01-01T00:00:00.000Z"}
        paragraphs = "".join(f"<p>{escape(p)}</p>" for p in status["text"].split("\n\n")).replace("\n", "<br />")
        return {"id": id, "created_at": status["created_at"], "uri": f"https://mastodon.example/users/kpu_seribu/statuses/{id}",
                "url": f"https://mastodon.example/@kpu_seribu/{id}", "content": paragraphs, "account": ME, "visibility": "public",
                "media_attachments": [{"id": each} for each in status["media"]]}


if __name__ == "__main__":
    serve(Mastodon)
