"""A provider that lies: each lie is told plainly on the sign-in page, and lets nobody in."""

import datetime as dt
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from joserfc.jws import JWSRegistry

from engine import oidc
from tests.webui.conftest import Browser

KEY, OTHER = (RSAKey.generate_key(2048, {"kid": "1"}) for _ in range(2))


class Liar(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(self.server.pages[self.path])

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(self.server.tokens)

    def answer(self, what):
        self.send_response(*((302,) if isinstance(what, str) else (200,)))
        if isinstance(what, str):
            self.send_header("Location", what)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(what).encode())

    def log_message(self, *args):
        pass


@pytest.fixture
def liar(pe, app):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Liar)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    issuer = server.issuer = f"http://127.0.0.1:{server.server_port}"
    server.pages = {"/.well-known/openid-configuration": {
        "issuer": issuer, "authorization_endpoint": f"{issuer}/auth", "token_endpoint": f"{issuer}/token", "jwks_uri": f"{issuer}/keys",
        "id_token_signing_alg_values_supported": ["none", "HS256", "RS256"]}, "/keys": {"keys": [KEY.as_dict(private=False)]}}
    pe.config.update(OIDC_ISSUER=issuer, OIDC_CLIENT_ID="terbit", OIDC_CLIENT_SECRET="rahasia-klien")
    yield server
    server.shutdown()
    server.server_close()
    thread.join()
    oidc._known.clear()


def token(liar, nonce, key=KEY, alg="RS256", **changed):
    at = int(time.time())
    claims = {"iss": liar.issuer, "sub": "1", "aud": "terbit", "iat": at, "exp": at + 60, "nonce": nonce, "preferred_username": "ketua"}
    claims = {name: value for name, value in (claims | changed).items() if value is not None}
    return jwt.encode({"alg": alg, "kid": "1"}, claims, key, registry=JWSRegistry(algorithms=["none", "HS256", "RS256"]))


def come_back(app, liar, make):
    browser = Browser(app)
    asked = parse_qs(urlsplit(browser.get("/sign-in/oidc?next=//jahat.example").location).query)
    assert asked["code_challenge_method"] == ["S256"] and asked["response_type"] == ["code"]
    liar.tokens = {"access_token": "x", "token_type": "Bearer", "id_token": make(asked["nonce"][0])}
    return browser.get(f"/sign-in/oidc/back?code=x&state={asked['state'][0]}")


PAST = int(dt.datetime(2020, 1, 1, tzinfo=dt.UTC).timestamp())
LIES = {
    "another nonce": lambda liar, nonce: token(liar, "another"),
    "no nonce": lambda liar, nonce: token(liar, None),
    "expired": lambda liar, nonce: token(liar, nonce, exp=PAST),
    "for somebody else": lambda liar, nonce: token(liar, nonce, aud="another"),
    "for several, not by us": lambda liar, nonce: token(liar, nonce, aud=["terbit", "another"], azp="another"),
    "of another issuer": lambda liar, nonce: token(liar, nonce, iss="https://jahat.example"),
    "about nobody": lambda liar, nonce: token(liar, nonce, sub=None),
    "with another key": lambda liar, nonce: token(liar, nonce, OTHER),
    "with no signature": lambda liar, nonce: token(liar, nonce, alg="none"),
    "signed with the client's secret": lambda liar, nonce: token(liar, nonce, OctKey.import_key("rahasia-klien"), "HS256"),
    "no token": lambda liar, nonce: None,
    "nonsense": lambda liar, nonce: "a.b.c",
}


def test_the_truth_lets_in_and_leads_to_no_other_site(app, liar):
    answer = come_back(app, liar, lambda nonce: token(liar, nonce))
    assert (answer.status_code, answer.location) == (303, "/")


def test_no_lie_lets_anybody_in(app, liar):
    for name, lie in LIES.items():  # one application for all of them
        answer = come_back(app, liar, lambda nonce, lie=lie: lie(liar, nonce))
        assert answer.status_code == 400 and "tidak dapat dipercaya" in answer.text and "Traceback" not in answer.text, name


def test_metadata_lead_to_no_other_host(app, liar):
    page = "/.well-known/openid-configuration"
    kept = dict(liar.pages[page])
    for changed in ({"issuer": "https://jahat.example"}, {"authorization_endpoint": "https://jahat.example/auth"},
                    {"authorization_endpoint": "http://169.254.169.254/latest"}, {"authorization_endpoint": None}):
        oidc._known.clear()
        liar.pages[page] = kept | changed
        assert Browser(app).get("/sign-in/oidc").status_code == 503, changed


def test_neither_do_its_other_addresses_or_a_redirect(app, liar):
    for name, address in (("token_endpoint", "http://127.0.0.1:1/token"), ("jwks_uri", "http://127.0.0.1:1/keys")):
        oidc._known.clear()
        kept = liar.pages["/.well-known/openid-configuration"][name]
        liar.pages["/.well-known/openid-configuration"][name] = address
        assert come_back(app, liar, lambda nonce: token(liar, nonce)).status_code == 400
        liar.pages["/.well-known/openid-configuration"][name] = kept
    oidc._known.clear()
    liar.pages["/keys"] = "http://127.0.0.1:1/keys"
    assert come_back(app, liar, lambda nonce: token(liar, nonce)).status_code == 400


def test_a_provider_that_is_away_or_says_no_is_told_plainly(app, liar, pe, monkeypatch):
    browser = Browser(app)
    state = parse_qs(urlsplit(browser.get("/sign-in/oidc").location).query)["state"][0]
    assert "dibatalkan" in browser.get(f"/sign-in/oidc/back?error=access_denied&state={state}").text
    assert browser.get("/sign-in/oidc/back?code=x&state=" + "%ff" * 50).status_code == 400
    pe.config["OIDC_ISSUER"] = "http://127.0.0.1:1"
    assert "tidak dapat dihubungi" in browser.get("/sign-in/oidc").text
    with monkeypatch.context() as patched:  # strangers cannot have it asked again and again
        patched.setattr(oidc, "_get", lambda *given, **more: pytest.fail("it was asked again"))
        assert "tidak dapat dihubungi" in browser.get("/sign-in/oidc").text
    pe.config["OIDC_ISSUER"] = "http://jahat.example"  # not by TLS, and not on this machine
    assert browser.get("/sign-in/oidc").status_code == 503
    del pe.config["OIDC_ISSUER"]
    assert browser.get("/sign-in/oidc").status_code == 404


@pytest.mark.parametrize("page", ["/.well-known/openid-configuration", "/keys"])
def test_an_answer_without_end_is_not_read_to_the_end(app, liar, page):
    oidc._known.clear()
    liar.pages[page] = liar.pages[page] | {"more": "x" * (2 * oidc.LONGEST_ANSWER)}  # no Content-Length tells of it
    browser = Browser(app)
    if page == "/keys":
        assert come_back(app, liar, lambda nonce: token(liar, nonce)).status_code in (400, 503)
    else:
        assert "tidak dapat dihubungi" in browser.get("/sign-in/oidc").text
