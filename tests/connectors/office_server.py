"""An office system as one finds them: notes are made by POST (one more with each call), changed by PUT, taken away by DELETE and looked
up by their key; and a receiver of webhooks after the Standard Webhooks specification, which takes each `webhook-id` once."""

import base64
import hashlib
import hmac
import json

from fake_server import Platform, serve

TOKEN = "s3cr3t/token+0123456789"
KEY = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Office(Platform):
    def __init__(self):
        self.notes = {}
        self.heard = {}

    def posts(self):
        told = {id: message["data"] for id, message in self.heard.items() if message["type"] == "publication.published"}
        gone = {message["data"]["id"] for message in self.heard.values() if message["type"] == "publication.withdrawn"}
        changed = {message["data"]["replaces"]: message["data"] for message in self.heard.values() if message["type"] == "publication.updated"}
        return {**{id: note["title"] for id, note in self.notes.items()},
                **{id: changed.get(id, data)["title"] for id, data in told.items() if id not in gone}}

    def answer(self, call):
        if call.path == "/hook":
            return self.hear(call)
        if call.headers.get("Authorization") != f"Bearer {TOKEN}":
            return 401, {"error": f"bad token {call.headers.get('Authorization')}"}
        _, _, id = call.path.partition("/notes/")
        if call.method == "GET":
            found = next((self.shown(each) for each, note in self.notes.items() if note["key"] == call.query.get("key")), None)
            return (200, found) if found else (404, {"error": "none"})
        if call.method == "POST":
            id = str(len(self.notes) + 1001)
        elif id not in self.notes:
            return 404, {"error": "none"}
        elif call.method == "DELETE":
            del self.notes[id]
            return 200, {}
        self.notes[id] = {"key": self.notes.get(id, call.fields).get("key"), "title": call.fields["title"]}
        return 201, self.shown(id)

    def shown(self, id):
        return {"data": {"id": id, "links": [{"href": f"https://kantor.example/n/{id}"}]}}

    def hear(self, call):
        id, at = call.headers.get("webhook-id", ""), call.headers.get("webhook-timestamp", "")
        if call.method == "HEAD":
            return 405, None
        right = base64.b64encode(hmac.new(base64.b64decode(KEY), f"{id}.{at}.".encode() + call.body, hashlib.sha256).digest()).decode()
        if f"v1,{right}" not in call.headers.get("webhook-signature", "").split():
            return 401, {"error": "signature"}
        self.heard.setdefault(id, json.loads(call.body))
        return 200, {"url": f"https://kantor.example/w/{id}"}


if __name__ == "__main__":
    serve(Office)
