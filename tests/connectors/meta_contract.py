"""What the tests of Instagram and Threads share: the server as they use it, and a signed-in channel's contract as Meta's tokens have it."""

import json
import urllib.request
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest
from meta_server import ME, SECRET

from connectors import Context, signing_in
from connectors.testing import KeptTokens, SignedInContract, proxy, public

LIMIT = json.dumps({"error": {"message": "(#4) Application request limit reached", "type": "OAuthException", "code": 4}}).encode()


class Served:
    def __init__(self, server):
        self.url, self.host, self.posts, self.forget = server.url, server.host, server.posts, server.forget

    def get(self, path, **query):
        with urllib.request.urlopen(f"{self.url}{path}?{urlencode(query)}", timeout=10) as answer:
            return json.load(answer)

    def set(self, **how):
        self.get("/_set", **how)

    def shown(self, result):
        return self.get("/_state")["shown"][result.platform_id]

    def renewals(self):
        return self.get("/_state")["renewals"]


def connect(kind, url, context, **more):
    return kind({"client_id": "1", "account": ME, "api": url, **more}, {"client_secret": SECRET}, context)


def context_of(server, folder, **more):
    tokens = KeptTokens({"access_token": server.get("/_state")["access_token"]})
    return Context(folder, "https://terbit.example", frozenset({server.host}), **{"tokens": tokens, "public": public, **more})


def signed_in(connector):
    """What is kept, and the accounts, after a person came back from the platform with a code."""
    client = signing_in.Client("1", SECRET)
    given = signing_in.granted(connector.sign_in(), client, connector.allowed, grant_type="authorization_code", code="kode",
                               redirect_uri="https://terbit.example/kembali")
    kept = connector.complete_sign_in(given)
    return kept, connector.accounts(kept)


class MetaContract(SignedInContract):
    """Its tokens have no other that renews them: one that is good yet gives the next, and one that is taken back gives nothing."""

    secrets = ("EAA-panjang", SECRET)

    @pytest.fixture
    def platform(self, server):
        return server

    def tokens(self, platform):
        return platform.get("/_state")

    def end(self, scene):
        scene.context.tokens.kept["expires_at"] = (datetime.now(UTC) + timedelta(days=5)).isoformat()

    def take_back(self, scene):
        scene.platform.get("/_revoke")

    def throttles(self):
        usage = '{"17841": [{"type": "instagram", "call_count": 100, "estimated_time_to_regain_access": 3}]}'
        return [(proxy.status(400, f"X-Business-Use-Case-Usage: {usage}", body=LIMIT), 180), (proxy.status(400, body=LIMIT), 300)]
