"""A platform that is signed in to: access tokens end, and each refresh token is good once (RFC 6749 §6, with rotation as RFC 9700 §4.14.2
wants it). Posts are made by a call each, and can be listed."""

from fake_server import Platform, serve


class SignedIn(Platform):
    def __init__(self):
        self.made, self.access, self.refresh, self.granted = {}, "akses-0", "segar-0", 0

    def posts(self):
        return {id: post["title"] for id, post in self.made.items()}

    def answer(self, call):
        if call.path == "/_expire":
            self.access = "habis"
            return 200, {}
        if call.path == "/_state":
            return 200, {"access_token": self.access, "refresh_token": self.refresh, "renewals": self.granted}
        if call.path == "/token":
            if call.fields.get("refresh_token") != self.refresh:
                return 400, {"error": "invalid_grant"}
            self.granted += 1
            self.access, self.refresh = f"akses-{self.granted}", f"segar-{self.granted}"
            return 200, {"access_token": self.access, "refresh_token": self.refresh, "expires_in": 7200, "token_type": "Bearer"}
        if call.headers.get("Authorization") != f"Bearer {self.access}":
            return 401, {"error": "invalid_token"}
        if call.method == "POST":
            id = str(len(self.made) + 1)
            self.made[id] = {"id": id, **call.fields}
            return 201, self.made[id]
        return 200, list(self.made.values())


if __name__ == "__main__":
    serve(SignedIn)
