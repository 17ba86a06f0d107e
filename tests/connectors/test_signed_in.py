"""The contract of connectors that are signed in to, tried with the smallest one: who writes another may begin with it."""

import fake_server
import pytest

from connectors import Denied, Failure, Result, http
from connectors.testing import NOW, SignedInContract


class Smallest:
    name, title, fields = "smallest", "Terkecil", ()
    can = frozenset({"text", "find"})

    def __init__(self, url, context):
        self.url, self.allowed, self.tokens = url, context.allowed_private_hosts, context.tokens

    def publish(self, request):
        made = request.progress.once("made", lambda: self.call("POST", {"title": request.title, "key": request.key}))
        return self.result(made)

    def find(self, request):
        return next((self.result(post) for post in self.call("GET") if post["key"] == request.key), None)

    def result(self, post):
        return Result(f"https://sosial.example/{post['id']}", post["id"], NOW)

    def call(self, method, body=None):
        token = self.tokens.access(self.renew)
        answer = self.send(method, "/posts", token, json=body)
        if answer.status == 401:  # ended before its time: once more, with another
            answer = self.send(method, "/posts", self.tokens.access(self.renew, refused=token), json=body)
        if answer.status == 401:
            raise Denied("Token ditolak.")
        if not answer.ok:
            raise http.failure(answer, creates=method != "GET")
        said = answer.json()
        if not (isinstance(said, dict) and "id" in said if method == "POST" else isinstance(said, list)):
            raise Failure("Tidak terbaca.", "unknown" if method == "POST" else "temporary")
        return said

    def send(self, method, path, token, **body):
        headers = {"Authorization": f"Bearer {token}"}
        return http.request(method, self.url + path, headers=headers, allowed_private_hosts=self.allowed, stay=True, **body)

    def renew(self, kept):
        answer = http.post(f"{self.url}/token", data={"grant_type": "refresh_token", "refresh_token": kept["refresh_token"]},
                           allowed_private_hosts=self.allowed)
        if answer.status == 400:
            raise Denied("Izin sudah dicabut.")
        said = answer.json()
        if not answer.ok or not isinstance(said, dict) or "access_token" not in said:
            raise http.failure(answer) if not answer.ok else Failure("Tidak terbaca.", "temporary")
        return said


@pytest.fixture(scope="module")
def server():
    with fake_server.running("signed_server") as server:
        yield server


class TestSmallest(SignedInContract):
    secrets = ("akses-", "segar-")
    images = 0
    samples = 4

    @pytest.fixture
    def platform(self, server):
        return server

    def tokens(self, platform):
        return platform.get("/_state")

    def connect(self, url, context):
        return Smallest(url, context)
