"""How three platforms are signed in to in the browser: what they are asked, what is kept, and by hand it goes on as before."""

from datetime import UTC, datetime

import fake_server
import pytest

from connectors import Context, Denied
from connectors.facebook import Facebook
from connectors.mastodon import Mastodon
from connectors.testing import KeptTokens
from connectors.x import X

NOW = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture(scope="module")
def server():
    with fake_server.running("grants_server") as server:
        yield server


class Nothing(KeptTokens):
    def signed_in(self):
        return False


@pytest.fixture
def context(server, tmp_path):
    return lambda kept=None: Context(tmp_path, "", frozenset({server.host}), tokens=KeptTokens(kept) if kept else Nothing({}))


def test_mastodon_is_told_of_terbit_by_terbit(server, context):
    mastodon = Mastodon({"url": server.url}, {}, context())
    app = mastodon.register("https://kantor.example/kembali")
    assert (app["client_id"], app["client_secret"]) == ("aplikasi-m", "rahasia-m") and app["scopes"] == list(mastodon.sign_in().scopes)
    assert mastodon.sign_in().authorization_endpoint == f"{server.url}/oauth/authorize"
    assert [account.name for account in mastodon.accounts({"access_token": "akses-m"})] == ["@kpu_seribu"]
    with pytest.raises(Denied, match="belum masuk"):
        mastodon.check(NOW)
    with pytest.raises(Denied, match="belum masuk"):
        X({"api": server.url}, {"consumer_key": "a"}, context()).check(NOW)
    assert Mastodon({"url": server.url}, {"token": "akses-m"}, context()).check(NOW).params["user"] == "kpu_seribu"
    assert Mastodon({"url": server.url}, {}, context({"access_token": "akses-m"})).check(NOW).params["user"] == "kpu_seribu"


def test_x_renews_with_refresh_tokens_that_are_good_once(server, context):
    given = context({"access_token": "habis", "refresh_token": "segar-x-0"})
    x = X({"api": server.url, "client_id": "aplikasi-x"}, {"client_secret": "rahasia-x"}, given)
    assert x.check(NOW).params == {"user": "kpuseribu"} and given.tokens.kept["refresh_token"] == "segar-x-1"
    assert [account.name for account in x.accounts(given.tokens.kept)] == ["@kpuseribu"]
    with pytest.raises(Denied):
        x.renew({"refresh_token": "segar-x-0"})
    with pytest.raises(Denied, match="berakhir"):
        x.renew({"access_token": "tanpa-penyegar"})
    assert x.sign_in().client_auth == "basic" and "offline.access" in x.sign_in().scopes


def test_of_facebook_a_page_with_its_own_token_is_chosen(server, context):
    settings = {"api": server.url, "client_id": "aplikasi-f"}
    facebook = Facebook(settings, {"client_secret": "rahasia-f"}, context())
    tokens = facebook.complete_sign_in({"access_token": "akses-f", "token_type": "bearer", "expires_in": 5000})
    pages = facebook.accounts(tokens)
    assert len(pages) == 130 and pages[129].config == {"page": "129"} and dict(pages[129].tokens) == {"access_token": "token-halaman-129"}
    signed_in = Facebook({**settings, **pages[129].config}, {}, context(dict(pages[129].tokens)))
    assert signed_in.check(NOW).params == {"name": "Halaman 129"}
    with pytest.raises(Denied):
        Facebook({**settings, "page": "128"}, {}, context(dict(pages[129].tokens))).check(NOW)
