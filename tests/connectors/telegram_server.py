"""Telegram's Bot API as https://core.telegram.org/bots/api describes it (#making-requests, #sendmessage, #sendmediagroup,
#editmessagemedia, #deletemessage, #getchatmember), for one bot in one channel. It keeps every message that it is told to post."""

import json
import time

from fake_server import Platform, serve

TOKEN = "123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0"
BOT, CHAT = {"id": 123456789, "is_bot": True, "first_name": "Terbit", "username": "terbit_bot"}, -1001234567890


class Telegram(Platform):
    def __init__(self):
        self.messages = {}  # id: text
        self.albums = {}  # first id: ids
        self.next = 1

    def posts(self):
        return {f"{CHAT}:{','.join(map(str, ids))}": self.messages[ids[0]] for ids in self.albums.values() if ids[0] in self.messages}

    def answer(self, call):
        bot, _, method = call.path.removeprefix("/bot").partition("/")
        if bot != TOKEN:
            return 401, {"ok": False, "error_code": 401, "description": "Unauthorized"}
        said = {name: value for name, value in call.fields.items() if value not in (None, "")}
        if method != "getMe" and str(said.get("chat_id")) not in ("@kpu_seribu", str(CHAT)):
            return self.refuse("chat not found")
        return getattr(self, method)(said, call.files) if hasattr(self, method) else (404, {"ok": False, "error_code": 404, "description": "Not Found"})

    def refuse(self, why):
        return 400, {"ok": False, "error_code": 400, "description": f"Bad Request: {why}"}

    def ok(self, result):
        return 200, {"ok": True, "result": result}

    def message(self, id):
        return {"message_id": id, "date": int(time.time()), "chat": {"id": CHAT, "type": "channel", "title": "KPU", "username": "kpu_seribu"}}

    def add(self, texts):
        ids = list(range(self.next, self.next + len(texts)))
        self.next += len(texts)
        self.albums[ids[0]] = ids
        self.messages |= dict(zip(ids, texts, strict=True))
        return [self.message(id) for id in ids]

    def getMe(self, said, files):
        return self.ok(BOT)

    def getChat(self, said, files):
        return self.ok({"id": CHAT, "type": "channel", "title": "KPU Kepulauan Seribu", "username": "kpu_seribu"})

    def getChatMember(self, said, files):
        return self.ok({"status": "administrator", "user": BOT, "can_post_messages": True, "can_delete_messages": True})

    def sendMessage(self, said, files):
        if not said.get("text") or len(said["text"].encode("utf-16-le")) // 2 > 4096:
            return self.refuse("message text is empty" if not said.get("text") else "message is too long")
        return self.ok(self.add([said["text"]])[0])

    def sendPhoto(self, said, files, name="photo"):
        if name not in files or not files[name][2]:
            return self.refuse(f"there is no {name} in the request")
        if len(said.get("caption", "").encode("utf-16-le")) // 2 > 1024:
            return self.refuse("message caption is too long")
        return self.ok(self.add([said.get("caption", "")])[0])

    def sendVideo(self, said, files):
        return self.sendPhoto(said, files, "video")

    def sendMediaGroup(self, said, files):
        items = json.loads(said["media"])
        if not 2 <= len(items) <= 10 or any(item["media"].removeprefix("attach://") not in files for item in items):
            return self.refuse("wrong media group")
        return self.ok(self.add([item.get("caption", "") for item in items]))

    def editMessageText(self, said, files, text=None):
        id, text = int(said["message_id"]), said.get("text") if text is None else text
        if id not in self.messages:
            return self.refuse("message to edit not found")
        if self.messages[id] == text and not files:
            return self.refuse("message is not modified: specified new message content and reply markup are exactly the same")
        self.messages[id] = text
        return self.ok(self.message(id))

    def editMessageMedia(self, said, files):
        return self.editMessageText(said, files, json.loads(said["media"]).get("caption", ""))

    def deleteMessage(self, said, files):
        if int(said["message_id"]) not in self.messages:
            return self.refuse("message to delete not found")
        del self.messages[int(said["message_id"])]
        return self.ok(True)


if __name__ == "__main__":
    serve(Telegram)
