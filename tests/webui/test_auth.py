"""Signing in and out, sessions, and what is closed to strangers."""

import re
import time

import pytest

from engine import credentials
from engine import people as accounts
from tests.conftest import on_databases


def test_a_stranger_is_sent_to_the_sign_in_page_and_back(stranger):
    asked = stranger.get("/start")
    assert asked.status_code == 303
    assert asked.location == "/sign-in?next=/start"
    back = stranger.post("/sign-in", {"user_id": "ketua", "password": "terbit-demo", "next": "/start"}, token_from="/sign-in?next=/start")
    assert (back.status_code, back.location) == (303, "/start")


def test_every_page_but_the_public_ones_is_closed_to_strangers(app, stranger):
    open_to_all = {"static", "auth.sign_in", "auth.code", "auth.forgotten", "auth.set_password", "oidc.leave", "oidc.back", "oidc.sign_out",
                   "preferences.change", "papers.verify", "public_files.show", "watch.alive", "watch.ready", "watch.metrics"}
    for rule in app.url_map.iter_rules():
        if rule.endpoint in open_to_all or rule.endpoint.split(".")[0] in ("situs", "rest") or "GET" not in rule.methods:
            continue
        known = {"name": "gaya.css", "kind": "pdf" if "docx" in str(rule) else "ralat", "channel": "email"}
        values = {name: next(iter(getattr(rule._converters[name], "items", ())), known.get(name, "x" * 36)) for name in rule.arguments}
        path = app.url_map.bind("localhost").build(rule.endpoint, values, "GET")
        assert stranger.get(path).status_code == 303, rule
        assert stranger.get(path).location.startswith("/sign-in"), rule


def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(stranger):
    wrong = stranger.sign_in("ketua", "salah-sekali")
    unknown = stranger.sign_in("tidak-ada", "salah-sekali")
    assert wrong.status_code == unknown.status_code == 401
    assert "Nama pengguna atau kata sandi tidak cocok." in wrong.text
    same = [re.sub(r'value="[^"]*"', "", page.text) for page in (wrong, unknown)]
    assert same[0] == same[1]


def test_an_unknown_name_takes_as_long_as_a_known_one(stranger):
    stranger.sign_in("warmup", "salah-sekali")

    def took(name):
        began = time.perf_counter()
        stranger.sign_in(name, "salah-sekali")
        return time.perf_counter() - began

    def ratio(name):
        return min(took(name) for _ in range(3)) / min(took(f"bukan-{name}") for _ in range(3))

    assert any(0.3 < ratio(name) < 3 for name in ("ketua", "kasubbag", "penulis"))  # a busy machine may hold one of them up


@pytest.mark.parametrize("user, password", [("", "x"), ("x", ""), ("", ""), ("x" * 300, "y"), ("ketua", "y" * 5000), ("ke\x00tua", "y")])
def test_nonsense_credentials_are_refused_clearly(stranger, user, password):
    assert stranger.sign_in(user, password).status_code in (400, 401)


@pytest.mark.parametrize("target", [
    "https://jahat.example/", "//jahat.example", "///jahat.example", "/\\jahat.example", "\\\\jahat.example", "javascript:alert(1)",
    "http:jahat", "/\t/jahat.example", "/\n//jahat.example", " //jahat.example", "jahat", "//[", "http://[",
])
def test_next_never_leads_outside(stranger, target):
    answer = stranger.sign_in("ketua", next=target)
    assert (answer.status_code, answer.location) == (303, "/")


def test_signing_out_ends_the_session(signed_in):
    browser = signed_in("ketua")
    assert browser.get("/").status_code == 200
    assert browser.post("/sign-out").location == "/sign-in"
    assert browser.get("/").status_code == 303


def test_a_changed_password_ends_every_session(pe, signed_in, people, now):
    browser = signed_in("penulis")
    credentials.set_password(pe, people["admin"], now, "penulis", "kata-sandi-baru")
    assert browser.get("/").status_code == 303


def test_a_deactivated_person_is_out_at_once(pe, signed_in, people, now):
    browser = signed_in("penulis")
    accounts.deactivate(pe, people["admin"], now, "penulis")
    assert browser.get("/").status_code == 303
    assert browser.sign_in("penulis").status_code == 401


def test_failed_sign_ins_are_slowed_down_but_not_the_right_one_of_others(stranger, signed_in):
    at_work = signed_in("kasubbag")
    answers = [stranger.sign_in("ketua", f"tebakan-{n}").status_code for n in range(12)]
    assert answers[:10] == [401] * 10
    assert answers[10:] == [429] * 2
    assert at_work.get("/").status_code == 200
    assert stranger.sign_in("kasubbag").status_code == 303  # another name from the same address


def test_people_at_work_are_not_slowed_down(signed_in):
    browser = signed_in("ketua")
    assert {browser.get("/inbox/counts").status_code for _ in range(320)} == {204}


def test_strangers_are_slowed_down(stranger):
    answers = [stranger.get("/sign-in").status_code for _ in range(305)]
    assert answers[0] == 200 and answers[-1] == 429


def test_an_htmx_request_without_session_leads_the_whole_page_to_sign_in(stranger):
    answer = stranger.get("/tasks/x/diagram", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (401, "/sign-in")


def test_a_poll_without_session_leaves_the_page_alone(stranger):
    answer = stranger.get("/inbox/counts", headers={"HX-Request": "true"})
    assert answer.status_code == 401 and "HX-Redirect" not in answer.headers


def test_whoever_sends_a_form_after_their_session_ended_signs_in_and_is_back_at_it(signed_in):
    browser = signed_in("ketua")
    token = browser.token("/")
    browser.client.delete_cookie("terbit")
    answer = browser.client.post("/tasks/x", data={"csrf_token": token}, headers={"Referer": "http://localhost/tasks/x?done=1"})
    assert (answer.status_code, answer.location) == (303, "/sign-in?next=/tasks/x?done%3D1")


@on_databases
def test_nothing_is_called_by_what_no_database_takes(signed_in):
    browser = signed_in("penulis")
    assert {browser.get(path).status_code for path in ("/tasks/%00", "/cases/a%00", "/static/%00")} == {404}
    assert browser.post("/account/sessions/%00/end").status_code == 404
    assert browser.get("/cases?definition=%00").status_code == 400


def test_a_form_from_elsewhere_leads_back_to_nowhere(signed_in):
    browser = signed_in("ketua")
    browser.client.delete_cookie("terbit")
    for elsewhere in ("http://evil.example/tasks/x", "http://["):
        assert browser.client.post("/tasks/x", headers={"Referer": elsewhere}).location == "/sign-in"
