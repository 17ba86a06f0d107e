"""A person's own account page: a new password, and API tokens."""

import datetime as dt
import re

import sqlalchemy as sa

from engine import api_tokens, credentials, password_links
from engine import people as accounts
from engine.store import read
from engine.tables import event
from tests.webui.conftest import Browser

NEW = {"old": "terbit-demo", "password": "sandi yang baru", "again": "sandi yang baru"}


def events(pe):
    with read(pe) as db:
        return db.execute(sa.select(event.c.type, event.c.actor, event.c.data)).all()


def basic(app, user, password):
    return app.test_client().get("/engine-rest/task/count", auth=(user, password)).status_code


def test_a_new_password_keeps_this_session_and_ends_all_others(pe, app, signed_in):
    here, elsewhere = signed_in("penulis"), signed_in("penulis")
    assert basic(app, "penulis", "terbit-demo") == 200  # and is remembered
    assert here.post("/account/password", NEW).location == "/account?saved=password"
    assert here.get("/account").status_code == 200
    assert elsewhere.get("/account").status_code == 303
    assert basic(app, "penulis", "terbit-demo") == 401
    assert basic(app, "penulis", NEW["password"]) == 200
    assert Browser(app).sign_in("penulis", NEW["password"]).status_code == 303
    assert ("user.password_changed", "penulis", {"user": "penulis"}) in events(pe)
    assert NEW["password"] not in str(events(pe))


def test_who_does_not_know_the_old_password_cannot_change_it_and_may_not_guess_for_long(pe, signed_in):
    browser = signed_in("penulis")
    answers = [browser.post("/account/password", NEW | {"old": f"tebakan {n}"}) for n in range(11)]
    assert [answer.status_code for answer in answers] == [403] * 10 + [429]
    assert "Kata sandi lama tidak cocok." in answers[0].text and 'id="old-error"' in answers[0].text
    assert browser.post("/account/password", NEW).status_code == 429
    assert signed_in("ketua").post("/account/password", NEW).status_code == 303  # another person is not slowed down
    assert credentials.authenticate(pe, "penulis", "terbit-demo")


def test_a_bad_new_password_is_refused_on_its_field(signed_in):
    browser = signed_in("penulis")
    for wrong, field in (({"again": "lain sama sekali"}, "again"), ({"password": "pendek", "again": "pendek"}, "password")):
        answer = browser.post("/account/password", NEW | wrong)
        assert answer.status_code == 400 and f'id="{field}-error"' in answer.text
        assert "terbit-demo" not in answer.text


def test_a_token_is_shown_once_and_is_nowhere_else(pe, app, signed_in):
    browser = signed_in("ketua")
    made = browser.post("/account/tokens", {"name": "skrip laporan", "days": "30", "scopes": ["read", "tasks"]})
    assert made.status_code == 200 and "no-store" in made.headers["Cache-Control"]
    [token] = re.findall(r"terbit_[\w-]{40,}", made.text)
    assert token not in made.headers.get("Set-Cookie", "")
    assert app.test_client().get("/engine-rest/task/count", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    again = browser.get("/account").text
    assert "skrip laporan" in again and token not in again and token[-4:] not in again and token[-6:] not in made.text.replace(token, "")
    assert token not in str(events(pe)) and "token.created" in str(events(pe))
    [kept] = api_tokens.of(pe, accounts.actor(pe, "ketua"))
    assert kept["expires_at"] - kept["created_at"] == dt.timedelta(days=30)


def test_a_token_is_revoked_by_its_person_and_by_an_admin_and_by_nobody_else(pe, app, signed_in, now):
    ketua = accounts.actor(pe, "ketua")
    first, second = (api_tokens.create(pe, ketua, now, name=name) for name in ("pertama", "kedua"))
    browser, admin = signed_in("ketua"), signed_in("admin")
    assert signed_in("kasubbag").post(f"/account/tokens/{first['id']}/revoke").status_code == 404
    assert browser.post(f"/account/tokens/{first['id']}/revoke").status_code == 303
    assert "pertama" not in browser.get("/account").text
    page = admin.get("/people/ketua").text
    assert "kedua" in page and second["token"] not in page
    assert signed_in("kasubbag").post(f"/people/ketua/tokens/{second['id']}/revoke").status_code == 403
    assert admin.post(f"/people/ketua/tokens/{second['id']}/revoke").status_code == 303
    assert api_tokens.of(pe, ketua) == []
    assert [data["user"] for kind, _, data in events(pe) if kind == "token.revoked"] == ["ketua", "ketua"]


def test_a_new_password_ends_tokens_too_where_that_is_ticked(pe, signed_in, stranger, admin, now):
    ketua, told = accounts.actor(pe, "ketua"), "Token tetap berlaku dengan kata sandi baru"
    browser, boss = signed_in("ketua"), signed_in("admin")
    assert told not in browser.get("/account").text and told not in boss.get("/people/ketua").text  # there is none
    for page, ask, form in ((browser, "/account", ("/account/password", NEW)), (boss, "/people/ketua", ("/people/ketua/password", NEW))):
        api_tokens.create(pe, ketua, now, name="skrip")
        assert told in page.get(ask).text
        assert page.post(*form).status_code == 303 and len(api_tokens.of(pe, ketua)) == 1
        again = NEW | {"old": NEW["password"], "password": "tiga gajah di kebun raya", "again": "tiga gajah di kebun raya", "tokens": "1"}
        assert page.post(form[0], again).status_code == 303 and api_tokens.of(pe, ketua) == []
    api_tokens.create(pe, ketua, now, name="skrip")
    link = password_links.path(password_links.create(pe, admin, dt.datetime.now(dt.UTC), "ketua"))
    assert told in stranger.get(link).text and told in boss.get(link).text  # whoever is signed in while they look
    assert stranger.post(link, NEW | {"tokens": "1"}).status_code == 303 and api_tokens.of(pe, ketua) == []


def test_a_wrong_token_is_refused_on_its_field(signed_in):
    browser = signed_in("ketua")
    for given, field in (({"name": " ", "days": "30"}, "name"), ({"name": "x", "days": "99999"}, "days")):
        answer = browser.post("/account/tokens", given)
        assert answer.status_code == 400 and f'id="{field}-error"' in answer.text


def test_an_admin_changes_their_own_password_here_too(pe, signed_in):
    admin = signed_in("admin")
    assert admin.post("/people/admin/password", NEW).status_code == 403
    assert "/account" in admin.get("/people/admin").text


def test_the_page_takes_few_statements(signed_in, statements):
    browser = signed_in("ketua")
    browser.get("/account")
    with statements() as seen:
        assert browser.get("/account").status_code == 200
    assert len(seen) <= 4
