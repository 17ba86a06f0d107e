"""The pages by which people get in and out: second factor, forgotten passwords, sessions; and the admin's side of it."""

import re
import time

import pyotp
import pytest
import sqlalchemy as sa

from engine import credentials, groups, password_links, sessions
from engine import people as accounts
from engine.tables import event

GOOD = "kuda baterai jepit tepat"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr("webui.auth.ASKED_SECONDS", 0)


def enrol(browser, **more):
    """Set up a second factor on the page; return what makes codes, and the recovery codes."""
    page = browser.get("/account/second-factor").text
    secret, sealed = (re.search(rf'{name}" value="([^"]+)"', page)[1] for name in ('id="key', 'name="sealed'))
    totp = pyotp.TOTP(secret)
    done = browser.post("/account/second-factor", {"sealed": sealed, "code": totp.now(), **more}, token_from="/account/second-factor")
    return totp, done, re.findall(r"<li>([A-Z0-9-]{14})</li>", done.text)


def test_a_second_factor_is_set_up_asked_for_and_counts_once(app, stranger, signed_in):
    browser, other = signed_in("penulis"), signed_in("penulis")
    assert enrol(browser, password="salah-sekali")[1].status_code == 403
    totp, done, codes = enrol(browser, password="terbit-demo")
    assert done.status_code == 200 and len(codes) == 10 and totp.secret not in done.text
    assert browser.get("/account").status_code == 200 and other.get("/account").status_code == 303  # the others are out
    asked = stranger.sign_in("penulis", next="/account")
    assert asked.location == "/sign-in/code?next=/account" and stranger.get("/account").status_code == 303
    for wrong in (totp.now(), "", "000000", "x" * 99):  # the first was used to set it up
        assert stranger.post("/sign-in/code", {"code": wrong}, token_from="/sign-in/code").status_code == 401
    fresh = totp.at(time.time() + 30)
    back = stranger.post("/sign-in/code", {"code": fresh, "next": "//jahat.example"}, token_from="/sign-in/code")
    assert (back.status_code, back.location) == (303, "/") and stranger.get("/account").status_code == 200
    stranger.post("/sign-out")
    stranger.sign_in("penulis")
    assert stranger.post("/sign-in/code", {"code": fresh}, token_from="/sign-in/code").status_code == 401  # it was seen over a shoulder
    assert stranger.post("/sign-in/code", {"code": "1"}, token_from="/sign-in/code").status_code == 429


def test_a_recovery_code_gets_in_and_the_wait_for_a_code_ends(stranger, signed_in, pe, people, admin, now, monkeypatch):
    _, _, codes = enrol(signed_in("penulis"), password="terbit-demo")
    stranger.sign_in("penulis")
    assert stranger.post("/sign-in/code", {"code": codes[0]}, token_from="/sign-in/code").status_code == 303
    assert "Kode pemulihan yang belum dipakai: 9" in stranger.get("/account/second-factor").text
    stranger.post("/sign-out")
    stranger.sign_in("penulis")
    credentials.set_password(pe, admin, now, "penulis", GOOD)  # what was half done under the old password is over
    assert stranger.get("/sign-in/code").location == "/sign-in"
    stranger.sign_in("penulis", GOOD)
    at = time.time()
    monkeypatch.setattr("webui.auth.time.time", lambda: at + 400)
    assert stranger.get("/sign-in/code").location == "/sign-in"


def test_whose_group_asks_for_it_gets_to_nothing_else_first(pe, stranger, people, admin, now):
    groups.change(pe, admin, now, "pelaksana", name="Pelaksana", second_factor=True)
    stranger.sign_in("penulis")
    for path in ("/", "/cases", "/account", "/start"):
        assert stranger.get(path).location == "/account/second-factor", path
    page = stranger.get("/account/second-factor").text
    assert "mewajibkannya" in page and 'name="password"' not in page
    _, done, _ = enrol(stranger)
    assert done.status_code == 200 and stranger.get("/cases").status_code == 200
    assert "tidak dapat dimatikan" in stranger.get("/account/second-factor").text


def test_a_session_is_not_what_a_stranger_put_there_and_is_listed_and_ended(app, stranger, signed_in, pe, people):
    stranger.get("/sign-in")
    before = stranger.client.get_cookie("terbit").value
    first = signed_in("ketua")
    second = signed_in("ketua")
    assert first.client.get_cookie("terbit").value != before
    page = first.get("/account").text
    assert page.count("Perangkat ini") == 1 and "Keluarkan semua yang lain" in page
    [other] = re.findall(r'action="/account/sessions/([0-9a-f]{64})/end"', page)
    assert signed_in("penulis").post(f"/account/sessions/{other}/end").status_code == 404
    assert first.post(f"/account/sessions/{other}/end").status_code == 303 and second.get("/account").status_code == 303
    third = signed_in("ketua")
    first.post("/account/sessions/end")
    assert third.get("/account").status_code == 303 and first.get("/account").status_code == 200
    stolen = first.client.get_cookie("terbit").value
    first.post("/sign-out")
    first.client.set_cookie("terbit", stolen)
    assert first.get("/account").status_code == 303  # a cookie that was kept is worth nothing any more


def test_an_open_page_that_asks_by_itself_keeps_no_session_alive(signed_in, pe, people, monkeypatch):
    noted = []
    monkeypatch.setattr(sessions, "seen", lambda *given: noted.append(1))
    browser = signed_in("ketua")
    browser.get("/inbox/counts")
    assert not noted
    browser.get("/account")
    assert noted


def test_a_page_costs_no_more_statements_for_it(signed_in, statements):
    browser = signed_in("ketua")
    browser.get("/preferences/notices")
    with statements() as seen:
        browser.get("/account/second-factor")
    assert sum("web_session" in each for each in seen) == 1


# Forgotten ------------------------------------------------------------------------------------------------------------

def test_a_forgotten_password_is_answered_the_same_for_everybody(pe, stranger, people, admin, now):
    assert "Hubungi administrator" in stranger.get("/forgotten").text
    pe.config["SMTP_URL"] = "smtp://127.0.0.1:9"
    accounts.update_user(pe, admin, now, "penulis", email="penulis@kpu.example")
    answers = [stranger.post("/forgotten", {"who": who}, token_from="/forgotten") for who in ("penulis", "tidak-ada")]
    assert len({(answer.status_code, answer.location) for answer in answers}) == 1
    again = [stranger.post("/forgotten", {"who": who}, token_from="/forgotten").status_code for who in ("\0", "x" * 999, "a@b", "c")]
    assert again == [303, 303, 303, 429]


def test_a_link_sets_the_password_and_then_one_signs_in(pe, stranger, people, admin, now):
    import datetime as dt

    path = password_links.path(password_links.create(pe, admin, dt.datetime.now(dt.UTC), "penulis"))
    assert stranger.get(path).status_code == stranger.get(path).status_code == 200  # looking uses nothing up
    for given in ({"password": GOOD, "again": "lain"}, {"password": "pendek", "again": "pendek"}, {}):
        assert stranger.post(path, given, token_from=path).status_code == 400
    assert stranger.client.post(path, data={"password": GOOD, "again": GOOD}).status_code == 400  # from another site
    done = stranger.post(path, {"password": GOOD, "again": GOOD}, token_from=path)
    assert done.location == "/sign-in?set=1" and stranger.get("/account").status_code == 303  # nobody is in by it alone
    assert stranger.get(path).status_code == 404 and stranger.sign_in("penulis", GOOD).status_code == 303


# The admin's side -----------------------------------------------------------------------------------------------------

@pytest.fixture
def admin_(signed_in):
    return signed_in("admin")


def test_only_admins_see_these_pages_and_every_form_wants_its_token(signed_in, admin_):
    pages = ["/people/-/groups", "/people/-/groups/pelaksana", "/people/-/access", "/people/-/import", "/people/-/export.csv",
             "/people/-/import/template.csv"]
    forms = ["/people/penulis/link", "/people/penulis/second-factor/reset", "/people/penulis/tasks/return", "/people/penulis/sessions/x/end",
             "/people/-/groups", "/people/-/groups/pelaksana", "/people/-/access/x", "/people/-/import", "/people/-/import/do"]
    pemilik = signed_in("pemilik")
    assert {pemilik.get(path).status_code for path in pages} == {403}
    assert {pemilik.post(path).status_code for path in forms} == {403}
    assert {admin_.get(path).status_code for path in pages} == {200}
    assert {admin_.client.post(path).status_code for path in forms} == {400}


def test_a_person_without_a_password_gets_a_link_that_is_shown_once(pe, admin_, stranger):
    made = admin_.post("/people/new", {"id": "baru", "name": "Baru", "groups": ["pelaksana"]})
    link = re.search(r'id="made-link" value="http://localhost(/set-password/[^"]+)"', made.text)[1]
    assert link not in admin_.get("/people/baru").text
    again = re.search(r'id="made-link" value="http://localhost([^"]+)"', admin_.post("/people/baru/link").text)[1]
    assert stranger.get(again).status_code == 200
    assert admin_.post("/people/admin/link").status_code == 403  # one's own is changed knowing the old one


def test_who_leaves_gives_their_tasks_back(pe, admin_, people, case_at, now):
    from engine import commands, queries

    task = case_at("periksa")
    commands.claim(pe, people["kasubbag"], now, task)
    holder = "kasubbag"
    admin_.post(f"/people/{holder}/deactivate", {"reason": "Pindah tugas"})
    with pe.db.connect() as db:
        assert db.scalar(sa.select(event.c.data).where(event.c.type == "user.deactivated")) == {"user": holder, "reason": "Pindah tugas"}
    assert "masih memegang tugas" in admin_.get(f"/people/{holder}").text
    back = admin_.post(f"/people/{holder}/tasks/return")
    assert "1 tugas dikembalikan" in admin_.get(back.location).text and queries.task(pe, people["admin"], task)["assignee"] is None


def test_an_import_is_shown_and_then_done(pe, admin_, people):
    import io

    def look(content):
        return admin_.post("/people/-/import", {"file": (io.BytesIO(content), "a.csv")}, token_from="/people/-/import")

    assert "Nama ini sudah ada di baris 2" in look(b"id;name\nsiti;<b>S</b>\nsiti;T\n").text
    page = look(b"id;name;grup\nsiti;<b>Siti</b> & co;pelaksana\n").text
    assert "<b>Siti" not in page and accounts.account(pe, "siti") is None
    import html

    text = html.unescape(re.search(r"<textarea[^>]*>\n?(.*?)</textarea>", page, re.DOTALL)[1])
    mark = re.search(r'name="mark" value="([0-9a-f]+)"', page)[1]
    assert admin_.post("/people/-/import/do", {"text": text, "mark": "x"}).status_code == 409
    done = admin_.post("/people/-/import/do", {"text": text.replace("\n", "\r\n"), "mark": mark})  # as browsers send it
    assert done.status_code == 200 and "siti\thttp://localhost/set-password/" in done.text, done.text
    for nothing in (b"", b"\xff\xfe\0", b"PK\x03\x04"):
        assert look(nothing).status_code == 400
    assert admin_.post("/people/-/import", {}).status_code == 400


def test_access_to_a_procedure_is_said_on_its_page(pe, admin_, sop):
    assert "penerbitan-informasi" in admin_.get("/people/-/access").text
    groups_ = {"sees": ["web-admin"], "who": "groups", "starts": ["sub-bagian"]}
    assert admin_.post("/people/-/access/penerbitan-informasi", groups_).status_code == 303
    assert "diubah dari diagram" in admin_.get("/people/-/access").text
    assert admin_.post("/people/-/access/penerbitan-informasi", {"who": "groups"}).status_code == 400
    assert admin_.get("/people/-/access/tidak-ada").status_code == 404
