"""A platform that is signed in to in the browser: RFC 6749 (4.1, 5, 6), with PKCE verified (RFC 7636), codes and refresh tokens that are
good once (a code that comes twice takes back what it gave, 4.1.2), and revocation (RFC 7009). Where `/_set` says so, it refuses or lies."""

import base64
import hashlib
import secrets
from urllib.parse import urlencode

from fake_server import Platform, serve

CLIENT, SECRET = "aplikasi-kpu", "rahasia-aplikasi-kpu"
ACCOUNTS = [{"id": "11", "name": "KPU Kepulauan Seribu"}, {"id": "12", "name": "KPU Kepulauan Seribu <Humas>"}]


class SignedIn(Platform):
    def __init__(self):
        self.codes, self.used, self.good, self.refresh, self.made = {}, {}, {}, {}, {}
        self.set, self.count, self.revoked, self.number, self.posted_with = {}, 0, [], 0, {}

    def posts(self):
        return {id: post["title"] for id, post in self.made.items()}

    def answer(self, call):
        if call.path == "/_set":
            self.set = dict(call.query)
            return 200, {}
        if call.path in ("/_expire", "/_revoke"):
            self.good.clear()
            if call.path == "/_revoke":
                self.refresh.clear()
            return 200, {}
        if call.path == "/_state":
            return 200, {"exchanges": self.count, "posted_with": self.posted_with, "good": self.good, "revoked": self.revoked, "posts": list(self.made.values())}
        return {"/authorize": self.authorize, "/token": self.token, "/revoke": self.revoke}.get(call.path, self.api)(call)

    def authorize(self, call):
        asked = call.query
        if asked["client_id"] != CLIENT or asked["response_type"] != "code" or asked["code_challenge_method"] != "S256":
            return 400, b"<h1>Bad request</h1>", {"Content-Type": "text/html"}
        back = {"state": asked["state"]}
        if self.set.get("deny"):
            back |= {"error": self.set["deny"], "error_description": "<b>tidak</b>"}
        else:
            code = f"kode-{secrets.token_hex(8)}"
            self.codes[code] = asked
            back |= {"code": code}
        if "iss" in self.set:
            back["iss"] = self.set["iss"]
        return 302, None, {"Location": f"{asked['redirect_uri']}?{urlencode(back)}"}

    def is_client(self, call):
        given = call.headers.get("Authorization", "")
        if given.startswith("Basic "):
            return base64.b64decode(given[6:]).decode() == f"{CLIENT}:{SECRET}"
        return (call.fields.get("client_id"), call.fields.get("client_secret")) == (CLIENT, SECRET)

    def token(self, call):
        self.count += 1
        lie = {"html": (200, b"<html>Selamat datang</html>", {"Content-Type": "text/html"}), "huge": (200, b"[" + b"1," * 2_000_000),
               "list": (200, ["akses"]), "no_token": (200, {"token_type": "bearer"}), "mac": (200, {"access_token": "a", "token_type": "mac"}),
               "number": (200, {"access_token": 12}), "down": (503, {}), "broken": (200, b"{"), "moved": (302, None, {"Location": "/lain"}),
               "control": (200, {"access_token": "a\nb"}), "error": (200, {"error": "invalid_grant", "error_description": "kode lama"})}
        if self.set.get("lie") in lie:
            return lie[self.set["lie"]]
        if not self.is_client(call):
            return 401, {"error": "invalid_client"}
        if call.fields.get("grant_type") == "refresh_token":
            whose = self.refresh.pop(call.fields.get("refresh_token"), None)
            return self.give() if whose else (400, {"error": "invalid_grant"})
        code = call.fields.get("code")
        if code in self.used:  # RFC 6749, 4.1.2
            self.good.pop(self.used[code], None)
        asked = self.codes.pop(code, None)
        made = base64.urlsafe_b64encode(hashlib.sha256(call.fields.get("code_verifier", "").encode()).digest()).rstrip(b"=").decode()
        if not asked or asked["redirect_uri"] != call.fields.get("redirect_uri") or asked["code_challenge"] != made:
            return 400, {"error": "invalid_grant"}
        return self.give(code)

    def give(self, code=None):
        self.number += 1
        access, refresh = f"akses-{self.number}-{secrets.token_hex(6)}", f"segar-{self.number}-{secrets.token_hex(6)}"
        self.good[access], self.refresh[refresh] = "induk", "induk"
        if code:
            self.used[code] = access
        more = {} if self.set.get("refresh") == "none" else {"refresh_token": refresh}
        if "refresh_expires_in" in self.set:
            more["refresh_expires_in"] = int(self.set["refresh_expires_in"])
        return 200, {"access_token": access, "token_type": "Bearer", "expires_in": int(self.set.get("expires_in", 7200)), **more}

    def revoke(self, call):
        if self.set.get("lie") == "down" or not self.is_client(call):
            return 503, {}
        self.revoked.append(call.fields["token"])
        self.good.pop(call.fields["token"], None)
        self.refresh.pop(call.fields["token"], None)
        return 200, None

    def api(self, call):
        whose = self.good.get(call.headers.get("Authorization", "").removeprefix("Bearer "))
        if whose is None:
            return 401, {"error": "invalid_token"}
        if call.path == "/accounts":
            found = ACCOUNTS[: int(self.set.get("accounts", 2))]
            tokens = {each["id"]: f"akun-{each['id']}-{secrets.token_hex(6)}" for each in found}
            self.good |= {token: id for id, token in tokens.items()}
            return 200, [{**each, "token": tokens[each["id"]]} for each in found]
        if call.path == "/posts" and call.method == "POST":
            id = str(len(self.made) + 1)
            self.made[id] = {"id": id, "by": whose, **call.fields}
            self.posted_with[id] = call.headers["Authorization"].removeprefix("Bearer ")
            return 201, self.made[id]
        return 200, {"me": whose}


if __name__ == "__main__":
    serve(SignedIn)
