"""Signing in by a real OpenID provider, which runs as a process of its own: through its pages, as a browser does."""

import html
import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
import requests

from engine import credentials
from engine import people as accounts
from tests.webui.conftest import Browser
from webui import create_app
from webui.security import limiter

HERE = Path(__file__).parent
NODE = shutil.which("node") or str(HERE.parents[2] / ".cache/node/bin/node")
BASE = "http://terbit.test"
pytestmark = pytest.mark.service


@pytest.fixture(scope="module")
def issuer():
    process = subprocess.Popen([NODE, HERE / "provider.mjs", f"{BASE}/sign-in/oidc/back", f"{BASE}/sign-in"],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def app(pe, people, issuer):
    pe.config.update(BASE_URL=BASE, OIDC_ISSUER=issuer, OIDC_CLIENT_ID="terbit", OIDC_CLIENT_SECRET="rahasia-klien", OIDC_NAME="Akun KPU",
                     OIDC_SCOPE="openid profile email groups", OIDC_FIRST_SIGN_IN="create",
                     OIDC_GROUPS={"pegawai": "pelaksana", "humas": ["web-admin"], "pimpinan": "ketua-divisi"})
    app = create_app(process_engine=pe)
    app.testing = True
    yield app
    limiter.reset()


def at_provider(address, who):
    """Sign in on the provider's own pages and agree; return where it sends the browser back to."""
    with requests.Session() as session:
        answer = session.get(address)
        for fields in ({"prompt": "login", "login": who, "password": "x"}, {"prompt": "consent"}):
            form = html.unescape(re.search(r'action="([^"]+)"', answer.text)[1])
            answer = session.post(form, data=fields, allow_redirects=False)
            while answer.is_redirect and not answer.headers["Location"].startswith(BASE):
                answer = session.get(urljoin(answer.url, answer.headers["Location"]), allow_redirects=False)
        return answer.headers["Location"].removeprefix(BASE)


def sign_in(app, who, target=""):
    browser = Browser(app)
    left = browser.get("/sign-in/oidc" + (f"?next={target}" if target else ""))
    assert left.status_code == 303, left.text
    return browser, browser.get(at_provider(left.location, who))


def test_whoever_the_provider_knows_gets_in_with_the_groups_that_it_names(app, pe, issuer, people, admin, now):
    assert "Masuk lewat Akun KPU" in Browser(app).get("/sign-in").text
    browser, back = sign_in(app, "budi", "/account")
    assert (back.status_code, back.location) == (303, "/account")
    account = accounts.account(pe, "budi")
    assert account["groups"] == {"pelaksana", "web-admin"} and account["email"] == "budi@kpu.example" and not account["has_password"]
    page = browser.get("/account").text
    assert issuer in page and "tidak masuk dengan kata sandi" in page
    assert credentials.authenticate(pe, "budi", "") is None
    out = browser.post("/sign-out")
    assert out.location == "/sign-in?left=1" and browser.get("/account").status_code == 303
    leaving = Browser(app).get("/sign-out/oidc")
    assert leaving.location.startswith(f"{issuer}/session/end?") and requests.get(leaving.location).status_code == 200
    accounts.set_groups(pe, admin, now, "budi", ["analyst"])  # what the mapping does not name stays; what it names comes back
    sign_in(app, "budi")
    assert accounts.account(pe, "budi")["groups"] == {"pelaksana", "web-admin", "analyst"}
    assert sign_in(app, "siti")[1].status_code == 303 and accounts.account(pe, "siti")["email"] == ""  # not verified there
    accounts.deactivate(pe, admin, now, "budi")
    assert "nonaktif" in sign_in(app, "budi")[1].text


def test_who_may_come_in_for_the_first_time_is_said(app, pe):
    assert sign_in(app, "ketua")[1].status_code == 303  # the account is there, so it is theirs from now on
    assert "belum boleh masuk" in sign_in(app, "admin")[1].text  # a name that somebody may have chosen makes no administrator
    assert "belum terdaftar" in sign_in(app, "tamu")[1].text and accounts.account(pe, "tamu") is None  # in no group that counts
    pe.config["OIDC_FIRST_SIGN_IN"] = "refuse"
    assert sign_in(app, "ketua")[1].status_code == 303
    assert "belum boleh masuk" in sign_in(app, "penulis")[1].text


def test_a_second_factor_here_is_asked_for_and_passwords_can_be_closed(app, pe, admin, now):
    from engine import groups

    groups.change(pe, admin, now, "pelaksana", name="Pelaksana", second_factor=True)
    browser, back = sign_in(app, "budi")
    assert back.status_code == 303 and browser.get("/cases").location == "/account/second-factor"
    pe.config["LOCAL_PASSWORDS"] = "nobody"
    assert 'name="password"' not in Browser(app).get("/sign-in").text
    assert Browser(app).get("/forgotten").status_code == 200


def test_an_answer_that_was_not_asked_for_or_comes_twice_is_refused(app):
    browser = Browser(app)
    answer = at_provider(browser.get("/sign-in/oidc").location, "budi")
    for stranger, path in ((Browser(app), answer), (browser, answer.replace("state=", "state=x")), (browser, answer)):
        assert "tidak dikenal atau sudah lewat" in stranger.get(path).text  # a wrong state ends it, too
    browser = Browser(app)
    answer = at_provider(browser.get("/sign-in/oidc").location, "budi")
    assert "issuer" in browser.get(re.sub(r"iss=[^&]+", "iss=http%3A%2F%2Fjahat.example", answer)).text
    browser = Browser(app)
    answer = at_provider(browser.get("/sign-in/oidc").location, "budi")
    other = Browser(app)
    state = parse_qs(urlsplit(other.get("/sign-in/oidc").location).query)["state"][0]
    assert "token" in other.get(re.sub(r"state=[^&]+", f"state={state}", answer)).text  # somebody else's code: PKCE
