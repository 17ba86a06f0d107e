"""The smallest connector that is signed in to in the browser, with accounts to choose from, for `sign_in_server`."""

from connectors import Account, Denied, Field, Health, Result, SignIn, http, signing_in
from connectors.testing import NOW


class Sosial:
    name, title = "sosial", "Sosial"
    can = frozenset({"text"})
    fields = (Field("client_id", "ID aplikasi"), Field("client_secret", "Rahasia aplikasi", "secret"), Field("page", "Halaman"),
              Field("token", "Token", "secret", help="Bila tidak masuk lewat peramban."), Field("url", "Alamat", "url", True))
    auth = "body"

    def __init__(self, config, secrets, context):
        self.url, self.page, self.allowed, self.tokens = config["url"], config.get("page"), context.allowed_private_hosts, context.tokens
        self.client = signing_in.Client(config.get("client_id", ""), secrets.get("client_secret", ""))

    def sign_in(self):
        return SignIn(f"{self.url}/authorize", f"{self.url}/token", ("read", "write"), client_auth=self.auth,
                      revocation_endpoint=f"{self.url}/revoke", where="Di sosial.example → Aplikasi → Redirect URI.")

    def accounts(self, tokens):
        found = self.send("GET", "/accounts", tokens["access_token"]).json()
        return tuple(Account(each["name"], {"page": each["id"]}, {"access_token": each["token"]}) for each in found)

    def renew(self, kept):
        return signing_in.renewed(self.sign_in(), self.client, self.allowed, kept)

    def publish(self, request):
        made = self.call("POST", "/posts", {"title": request.title})
        return Result(f"https://sosial.example/{made['id']}", made["id"], NOW)

    def check(self, now):
        return Health("Tersambung sebagai %(name)s.", {"name": self.call("GET", "/me")["me"]})

    def call(self, method, path, body=None):
        answer = signing_in.call(self.tokens, self.renew, lambda token: self.send(method, path, token, json=body))
        if answer.status == 401:
            raise Denied("Token ditolak.")
        return answer.json()

    def send(self, method, path, token, **body):
        return http.request(method, self.url + path, headers={"Authorization": f"Bearer {token}"}, allowed_private_hosts=self.allowed, **body)
