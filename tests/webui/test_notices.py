"""A person's notices page, the admin's, and where a notice's link leads."""

import datetime as dt
import re
from urllib.parse import parse_qs, urlsplit

import pytest
import sqlalchemy as sa

from engine import notices, preferences, sending, tables, telegram
from engine.store import read, run
from tests.connectors.faulty_server import faulty
from tests.engine.test_notices import TOKEN, box, rows, says  # noqa: F401  the same mail server
from webui.notices import whatsapp

GOOD = {"address": "penulis@kpu.example", "email": "now", "telegram": "digest",
        "quiet_from": "20:00", "quiet_until": "06:00", "digest_at": "08:15", "password": "terbit-demo"}
PAGE = "/preferences/notices"


def test_a_choice_is_kept_and_shown_again(signed_in):
    penulis = signed_in("penulis")
    assert penulis.get(PAGE).status_code == 200
    assert penulis.post(PAGE, GOOD).status_code == 303
    page = penulis.get(PAGE + "?saved=1").text
    assert 'value="penulis@kpu.example"' in page and 'value="08:15"' in page and "Tersimpan" in page
    assert re.search(r'name="telegram" value="digest" checked', page)


def test_a_wrong_choice_comes_back_with_what_was_typed(signed_in):
    answer = signed_in("penulis").post(PAGE, GOOD | {"address": "x, y@z.example", "quiet_until": ""})
    assert answer.status_code == 400
    for part in ('value="x, y@z.example"', 'id="address-error"', 'id="quiet_until-error"', 'aria-describedby="address-help address-error"'):
        assert part in answer.text
    assert signed_in("penulis").post(PAGE, {}).status_code == 400


def test_another_address_asks_for_the_password_since_links_go_there(pe, signed_in, actor):
    penulis = signed_in("penulis")
    for wrong in ("", "salah-sekali"):
        assert penulis.post(PAGE, GOOD | {"password": wrong}).status_code == 403
    assert preferences.choice_of(pe, actor("penulis"))["address"] == ""
    assert penulis.post(PAGE, GOOD).status_code == 303
    assert penulis.post(PAGE, GOOD | {"password": "", "email": "digest"}).status_code == 303  # the same address


def test_strangers_see_nothing(stranger):
    assert "/sign-in" in stranger.get(PAGE).headers["Location"]
    assert "/sign-in" in stranger.get("/admin/notices").headers["Location"]


@pytest.mark.parametrize("user", ["ketua", "analis", "pemilik"])
def test_the_outbox_is_an_admins(signed_in, user):
    person = signed_in(user)
    assert person.get("/admin/notices").status_code == 403
    for path in ("/admin/notices/bot", "/admin/notices/test/email", "/admin/notices/x/again"):
        assert person.post(path).status_code == 403


def test_a_trial_goes_out_and_is_seen_to(pe, signed_in, box):  # noqa: F811
    penulis = signed_in("penulis")
    assert penulis.post(PAGE + "/test").status_code == 400  # by which way?
    penulis.post(PAGE, GOOD)
    assert penulis.post(PAGE + "/test").status_code == 303
    assert "hx-get" in penulis.get(PAGE + "/recent").text  # on its way
    sending.work(pe, lambda: dt.datetime.now(dt.timezone.utc))
    assert len(box.messages) == 1
    piece = penulis.get(PAGE + "/recent").text
    assert "Terkirim" in piece and "hx-get" not in piece


def test_the_link_in_the_message_opens_the_task_after_sign_in(pe, app, stranger, case_at, people, now, box):  # noqa: F811
    run(pe, lambda db: db.execute(sa.update(tables.user).where(tables.user.c.id == "kasubbag").values(email="kasubbag@kpu.example")))
    task_id = case_at("periksa")
    sending.work(pe, lambda: now)
    text = next(t for m in box.messages if task_id in (t := m.get_body(("plain",)).get_content()))
    link = urlsplit(re.search(rf"https://\S+/tasks/{task_id}", text)[0])
    asked = stranger.get(link.path)
    assert asked.status_code == 303
    where = asked.headers["Location"]
    assert parse_qs(urlsplit(where).query)["next"] == [link.path]
    page = stranger.get(where).text
    assert f'name="next" value="{link.path}"' in page
    answer = stranger.post("/sign-in", {"user_id": "kasubbag", "password": "terbit-demo", "next": link.path}, token_from=where)
    assert answer.headers["Location"] == link.path and stranger.get(link.path).status_code == 200


def test_telegram_is_linked_by_a_code(pe, signed_in, people, now):
    with faulty() as server:
        pe.config.update(TELEGRAM_API=server.url, ALLOWED_PRIVATE_HOSTS=[server.host])
        server.fault = says({"username": "terbit_bot"})
        penulis, admin = signed_in("penulis"), signed_in("admin")
        assert penulis.post(PAGE + "/telegram").status_code == 409  # there is no bot yet
        assert admin.post("/admin/notices/bot", {"token": "x"}).status_code == 400
        assert admin.post("/admin/notices/bot", {"token": ""}).status_code == 400
        assert admin.post("/admin/notices/bot", {"token": TOKEN}).status_code == 303
        overview = admin.get("/admin/notices").text
        assert "@terbit_bot" in overview and TOKEN not in overview
        assert "notice-success" in admin.post("/admin/notices/test/telegram", headers={"HX-Request": "true"}).text
        penulis.post(PAGE + "/telegram")
        page = penulis.get(PAGE).text
        code = re.search(r"/start ([A-Z0-9]{10})", page)[1]
        assert f"https://t.me/terbit_bot?start={code}" in page and "hx-get" in penulis.get(PAGE + "/telegram").text
        server.fault = says([{"update_id": 1, "message": {"chat": {"id": 9, "type": "private"}, "text": f"/start {code}"}}])
        assert telegram.link_chats(pe, dt.datetime.now(dt.timezone.utc)) == 1
        piece = penulis.get(PAGE + "/telegram").text
        assert "sudah terhubung" in piece and "hx-get" not in piece and code not in piece
        assert penulis.post(PAGE + "/telegram/unlink").status_code == 303
        assert preferences.choice_of(pe, people["penulis"])["chat"] is None
        assert admin.post("/admin/notices/bot", {"remove": "1"}).status_code == 303 and telegram.bots(pe) == {}


def test_an_admin_sees_what_failed_and_sends_it_again(pe, signed_in, people, now, box):  # noqa: F811
    run(pe, lambda db: db.execute(sa.update(tables.user).where(tables.user.c.id == "ketua").values(email="ketua@kpu.example")))
    box.refused["ketua@kpu.example"] = "550 mailbox full <b>"
    preferences.try_out(pe, people["ketua"], now)
    sending.work(pe, lambda: now)
    admin = signed_in("admin")
    assert "pemberitahuan gagal" in admin.get("/admin").text
    page = admin.get("/admin/notices").text
    assert "550" in page and "&lt;b&gt;" in page and "Ketua Demo" in page
    [row] = rows(pe)
    assert admin.post(f"/admin/notices/{row['id']}/again").status_code == 303
    assert admin.post(f"/admin/notices/{row['id']}/again").status_code == 404
    assert "notice-success" in admin.post("/admin/notices/test/email").text
    box.refused.clear()
    assert sending.work(pe, lambda: dt.datetime.now(dt.timezone.utc)) == 1


def test_the_pages_ask_few_statements(pe, signed_in, people, now, statements):
    run(pe, lambda db: db.execute(sa.update(tables.user).where(tables.user.c.id == "ketua").values(email="ketua@kpu.example")))
    ketua, admin = signed_in("ketua"), signed_in("admin")
    counts = []
    for number in (1, 30):
        run(pe, lambda db, n=number: [notices.tell(db, "kpu", now, user_ids=["ketua"], kind="mention", key=f"{n}-{k}") for k in range(n)])
        run(pe, lambda db: db.execute(sa.update(tables.notice).values(state="failed")))
        for browser, path in ((ketua, PAGE), (admin, "/admin/notices")):
            browser.get(path)
            with statements() as found:
                assert browser.get(path).status_code == 200
            counts.append(len(found))
    assert counts[:2] == counts[2:] and max(counts) <= 6


def test_whatsapp_gets_the_whole_title_and_the_link():
    link = urlsplit(whatsapp("Rapat & pleno #1?\n“ya”", "https://kpu.example/a?b=c&d"))
    assert link.netloc == "wa.me" and parse_qs(link.query)["text"] == ["Rapat & pleno #1?\n“ya”\nhttps://kpu.example/a?b=c&d"]


def test_a_published_case_and_the_package_are_shared(pe, signed_in, people, manual, now):
    with read(pe) as db:
        instance_id = db.scalar(sa.select(tables.activity.c.instance_id).where(tables.activity.c.id == manual))
    webadmin = signed_in("webadmin")
    assert "https://wa.me/?text=" in webadmin.get(f"/tasks/{manual}").text
    assert "https://wa.me/" not in webadmin.get(f"/cases/{instance_id}").text  # nothing stands anywhere yet
    run(pe, lambda db: db.execute(sa.update(tables.publication).values(state="published", url="https://kpu.example/x", published_at=now)))
    page = webadmin.get(f"/cases/{instance_id}").text
    assert "https://wa.me/?text=" in page and "https%3A%2F%2Fkpu.example%2Fx" in page
