"""What the servers of Instagram and Threads have in common: containers that fetch what they show, looked at, published, listed; tokens.

It fetches each address over HTTP, as Meta does (https://developers.facebook.com/documentation/instagram-platform/content-publishing, "Media
on a public server"). A container is published again as often as it is asked to, so that nothing but its caller's care keeps posts single.
Errors: https://developers.facebook.com/docs/graph-api/guides/error-handling. `/_set?name=value` changes how it behaves, `/_reset` forgets that and all posts.
"""

import io
import urllib.error
import urllib.request
from datetime import UTC, datetime

from fake_server import Platform
from PIL import Image

ME, SECRET, DAYS_60 = "17841405822304914", "rahasia-aplikasi-meta", 5_184_000


class Meta(Platform):
    grant = made = publishes = limits = status = reason = text = permalink = ""
    formats = ("JPEG",)
    me: dict
    short: dict  # what it gives for a code

    def __init__(self):
        self.valid, self.granted, self.next = {"EAA-panjang-0"}, 0, 18_000_000_000_000_000
        self.reset()

    def reset(self):
        self.containers, self.shown = {}, {}
        self.looks, self.outcome, self.why, self.total, self.refuses, self.rewrites = 0, "FINISHED", "", 1_000_000, 0, ""

    def posts(self):
        return {id: post[self.text] for id, post in self.shown.items()}

    def answer(self, call):
        if call.path.startswith("/_"):
            return self.told(call)
        if call.path == "/oauth/access_token":
            if {"code": "kode", "client_secret": SECRET, "grant_type": "authorization_code"}.items() - call.fields.items():
                return 400, {"error_type": "OAuthException", "code": 400, "error_message": "Matching code was not found or was already used"}
            return 200, self.short
        if call.path in ("/access_token", "/refresh_access_token"):
            return self.token(call.path[1:], call.query)
        if call.headers.get("Authorization", "").removeprefix("Bearer ") not in self.valid:
            return self.refuse(190, "Error validating access token: the session has been invalidated.")
        version, _, path = call.path.strip("/").partition("/")
        assert version.startswith("v"), call.path
        id, _, edge = path.partition("/")
        if id == "me":
            return 200, self.me, {"X-App-Usage": '{"call_count": 28, "total_time": 25, "total_cputime": 25}'}
        if id == ME:
            return self.of_account(call, edge)
        return self.of_one(call, id)

    def told(self, call):
        for name, value in call.query.items():
            setattr(self, name, type(getattr(self, name))(value))
        if call.path == "/_reset":
            self.reset()
        if call.path == "/_hide":
            self.shown.clear()
        if call.path == "/_revoke":
            self.valid = {f"EAA-panjang-{self.granted}-baru"}
        return 200, {"access_token": max(self.valid), "renewals": self.granted, "shown": self.shown, "containers": self.containers}

    def token(self, path, said):
        exchange = path == "access_token"
        if said.get("grant_type") != f"{self.grant}_{'exchange' if exchange else 'refresh'}_token" or (exchange and said["client_secret"] != SECRET):
            return self.refuse(100, "Invalid parameter")
        if said["access_token"] != "pendek" if exchange else said["access_token"] not in self.valid:
            return self.refuse(190, "Cannot parse access token")
        self.granted += not exchange
        new = f"EAA-panjang-{self.granted}"
        self.valid.add(new)
        return 200, {"access_token": new, "token_type": "bearer", "expires_in": DAYS_60}

    def refuse(self, code, message, subcode=None, status=400):
        return status, {"error": {"message": message, "type": "OAuthException", "code": code, "error_subcode": subcode, "fbtrace_id": "A6"}}

    def of_account(self, call, edge):
        if call.method == "GET" and edge == self.limits:
            return self.limit(call)
        if call.method == "GET" and edge in (self.made, "replies"):
            found = [post for post in reversed(self.shown.values()) if bool(post["parent"]) == (edge == "replies")]
            return 200, {"data": found[: int(call.query.get("limit", 25))]}
        if call.method == "POST" and edge == self.made:
            return self.make(call.fields)
        if call.method == "POST" and edge == self.publishes:
            return self.publish(call.fields)
        return self.refuse(100, "Unsupported request", 33)

    def limit(self, call):
        return 200, {"data": [{"quota_usage": len(self.shown), "config": {"quota_total": self.total, "quota_duration": 86400}}]}

    def make(self, said):
        kind = said.get("media_type", "IMAGE")
        if kind == "CAROUSEL":
            children = said["children"].split(",")
            if len(children) < 2 or any(self.containers.get(child, {}).get("state") != "FINISHED" for child in children):
                return self.refuse(100, "Carousel children are not there, or not ready", 2207028)
            return self.contained({**said, "children": children})
        if wrong := self.unfetched(said, kind) or self.wrong(said):
            return wrong
        return self.contained({**said, "media_type": kind})

    def wrong(self, said):
        return None

    def unfetched(self, said, kind):
        """The error of a file that cannot be fetched, or is none that is taken."""
        url = said.get("video_url") if kind in ("VIDEO", "REELS") else said.get("image_url")
        if kind == "TEXT":
            return None
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                content = answer.read()
        except (urllib.error.URLError, ValueError, AttributeError):
            return self.refuse(9004, f"The media could not be fetched from this URI: {url}", 2207052)
        if kind in ("VIDEO", "REELS"):
            return None if content[4:8] == b"ftyp" else self.refuse(352, "The video file you selected is in a format that we don't support.", 2207026)
        with Image.open(io.BytesIO(content)) as image:
            if image.format not in self.formats or len(content) > 8 * 2**20:
                return self.refuse(36001, "The image format is not supported.", 2207005)
            if "JPEG" in self.formats[:1] and len(self.formats) == 1 and not 0.8 <= image.width / image.height <= 1.91:
                return self.refuse(36003, "The aspect ratio is not supported.", 2207009)
        return None

    def contained(self, said):
        self.next += 1
        self.containers[str(self.next)] = {**said, "state": "FINISHED" if not self.looks else "IN_PROGRESS", "looks": self.looks}
        return 200, {"id": str(self.next)}

    def publish(self, said):
        container = self.containers.get(said["creation_id"])
        if self.refuses:
            subcode, self.refuses = self.refuses, 0
            return self.refuse({2207051: 4, 2207042: 9}.get(subcode, -1), "not now", subcode)
        if container is None or container.get("is_carousel_item"):
            return self.refuse(24, "The requested resource does not exist", 2207006)
        if container["state"] not in ("FINISHED", "PUBLISHED"):
            return self.refuse(9007, "Media ID is not available", 2207027)
        container["state"] = "PUBLISHED"
        self.next += 1
        id = str(self.next)
        shown = [self.containers[child] for child in container.get("children", [])] or [container]
        self.shown[id] = {"id": id, self.text: self.rewrites or container.get(self.text, ""), "permalink": self.permalink + id,
                          "timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S+0000"), "kind": container["media_type"],
                          "parts": [[part["media_type"], part.get("alt_text", "")] for part in shown],
                          "link": container.get("link_attachment", ""), "parent": container.get("reply_to_id")}
        return 200, {"id": id}

    def of_one(self, call, id):
        if id in self.shown:
            if call.method == "DELETE" and self.grant == "th":
                del self.shown[id]
                return 200, {"success": True, "deleted_id": id}
            return (200, self.shown[id]) if call.method == "GET" else self.refuse(100, "Unsupported delete request.")
        container = self.containers.get(id)
        if container is None or call.method != "GET":
            return self.refuse(100, "Unsupported request. Object does not exist.", 33)
        if container["state"] == "IN_PROGRESS":
            container["looks"] -= 1
            if container["looks"] < 0:
                container["state"] = self.outcome
        said = {"id": id, self.status: container["state"]}
        return 200, said | ({self.reason: self.why} if container["state"] == "ERROR" else {})
