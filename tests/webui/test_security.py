"""Headers, forged requests, hostile hosts and sizes, and that no traceback ever shows."""

import io

import pytest

from webui import create_app
from webui.security import limiter


@pytest.mark.parametrize("path", ["/sign-in", "/nowhere", "/static/icon.svg"])
def test_every_response_carries_the_headers(stranger, path):
    headers = stranger.get(path).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy and "script-src 'self'" in policy and "style-src 'self'" in policy
    assert "unsafe" not in policy
    assert "object-src 'none'" in policy and "frame-ancestors 'none'" in policy and "base-uri 'none'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"


def test_private_pages_are_not_kept_by_caches(signed_in):
    assert signed_in("ketua").get("/").headers["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize("path", ["/sign-in", "/sign-out", "/preferences", "/start/penerbitan-informasi", "/uploads", "/tasks/x",
                                  "/tasks/x/claim", "/tasks/x/release", "/tasks/x/shown", "/preview/form/"])
def test_a_post_without_csrf_token_is_refused(signed_in, path):
    browser = signed_in("ketua")
    answer = browser.client.post(path, data={"user_id": "ketua", "password": "terbit-demo"})
    assert answer.status_code == 400
    assert "Muat ulang halaman" in answer.text


def test_the_token_may_come_as_a_header(signed_in):
    browser = signed_in("ketua")
    answer = browser.client.post("/preferences", data={"theme": "dark"}, headers={"X-CSRFToken": browser.token("/")})
    assert answer.status_code == 303


def test_a_token_of_another_session_is_refused(signed_in):
    token = signed_in("ketua").token("/")
    assert signed_in("penulis").client.post("/preferences", data={"theme": "dark", "csrf_token": token}).status_code == 400


def test_cookies_are_strict_behind_https(pe, people):
    pe.config["BASE_URL"] = "https://terbit.example"
    app = create_app(process_engine=pe)
    answer = app.test_client().get("/sign-in", base_url="https://terbit.example")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-terbit=") and "Secure" in cookie and "HttpOnly" in cookie and "SameSite=Lax" in cookie
    assert answer.headers["Strict-Transport-Security"]
    limiter.reset()


def test_an_unknown_host_is_refused(pe, people):
    pe.config["ALLOWED_HOSTS"] = ["terbit.example"]
    app = create_app(process_engine=pe)
    assert app.test_client().get("/sign-in", headers={"Host": "jahat.example"}).status_code == 400
    assert app.test_client().get("/sign-in", headers={"Host": "terbit.example"}).status_code == 200
    limiter.reset()


def test_too_large_a_request_is_a_413_page(app, signed_in):
    app.config["MAX_CONTENT_LENGTH"] = 2_000
    browser = signed_in("ketua")
    answer = browser.client.post("/uploads", data={"csrf_token": browser.token("/"), "file": (io.BytesIO(b"x" * 10_000), "a.pdf")})
    assert answer.status_code == 413
    assert "MB" in answer.text


@pytest.mark.parametrize("path", [
    "/tasks/%00", "/tasks/" + "x" * 5000, "/tasks/../../etc/passwd", "/documents/%2e%2e%2fsecret.key", "/static/../__init__.py",
    "/static/dist/..%2f..%2fauth.py", "/?mine=%ff%fe", "/?ours=AAAA", "/?mine=W10", "/?q=" + "%27%22%3E%3Cscript%3E", "/?done=" + "9" * 900,
    "/diagrams/x:1:y.bpmn", "/start/%3Cb%3E", "/preview/tasks/x/", "/?q=%00",
])
def test_hostile_addresses_get_a_plain_answer(signed_in, path):
    answer = signed_in("ketua").get(path)
    assert answer.status_code in (200, 400, 404), path
    assert "Traceback" not in answer.text and "<script>" not in answer.text


def test_what_was_not_foreseen_shows_a_number_and_no_traceback(app, signed_in, monkeypatch):
    from engine import queries

    def broken(*args, **kwargs):
        raise ZeroDivisionError("rahasia")

    browser = signed_in("ketua")
    monkeypatch.setattr(queries, "tasks", broken)
    app.testing = False
    answer = browser.get("/")
    assert answer.status_code == 500
    assert "rahasia" not in answer.text and "Traceback" not in answer.text and "Sebutkan nomor" in answer.text


def test_language_and_theme_are_kept(pe, signed_in):
    browser = signed_in("ketua")
    assert '<html lang="id"' in browser.get("/").text
    browser.post("/preferences", {"locale": "en", "next": "/start"})
    browser.post("/preferences", {"theme": "dark"})
    page = browser.get("/").text
    assert '<html lang="en" data-bs-theme="dark"' in page


@pytest.mark.parametrize("data", [{"locale": "xx"}, {"theme": "merah"}])
def test_an_unknown_language_or_theme_is_refused(signed_in, data):
    assert signed_in("ketua").post("/preferences", data).status_code == 400
