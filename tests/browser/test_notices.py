"""A notice's link in a real browser: from the message to the task, through sign-in; and the pages of notices."""

import datetime as dt
import re

import sqlalchemy as sa

from engine import notices, sending, tables
from engine.store import run
from tests.browser.conftest import DESK, PHONE
from tests.engine.test_notices import box  # noqa: F401  a mail server


def test_from_the_message_to_the_task(pe, people, open_page, case_at, now, box):  # noqa: F811
    run(pe, lambda db: db.execute(sa.update(tables.user).where(tables.user.c.id == "kasubbag").values(email="kasubbag@kpu.example")))
    task_id = case_at("periksa")
    sending.work(pe, lambda: now)
    [text] = [t for m in box.messages if task_id in (t := m.get_body(("html",)).get_content())]
    page = open_page(viewport=PHONE)
    page.goto(re.search(rf'href="https://[^/"]+(/tasks/{task_id})"', text)[1])
    page.fill("[name=user_id]", "kasubbag")
    page.fill("[name=password]", "terbit-demo")
    page.click("form[data-once] button[type=submit]")
    page.wait_for_url(f"**/tasks/{task_id}")
    assert page.locator("#task-form").count() == 1


def test_choosing_and_trying_out(pe, people, open_page, now, box, audit):  # noqa: F811
    page = open_page("penulis", viewport=PHONE)
    page.goto("/preferences/notices")
    page.fill("#address", "penulis@kpu.example")
    page.fill("#password", "terbit-demo")
    page.check("input[name=telegram][value=none]")
    page.click("text=Simpan")
    page.wait_for_url("**saved=1")
    page.click("text=Kirim percobaan")
    page.locator("#recent .tag", has_text="Menunggu").wait_for()
    sending.send_due(pe, lambda: dt.datetime.now(dt.timezone.utc))
    page.locator("#recent .tag", has_text="Terkirim").wait_for()  # by itself
    assert audit(page) == [] and len(box.messages) == 1


def test_the_admins_page_is_well_made(pe, people, open_page, now, audit):
    run(pe, lambda db: db.execute(sa.update(tables.user).where(tables.user.c.id == "ketua").values(email="ketua@kpu.example")))
    run(pe, lambda db: notices.tell(db, "kpu", now, user_ids=["ketua"], kind="mention", key="m"))
    run(pe, lambda db: db.execute(sa.update(tables.notice).values(state="failed", error="Tidak pasti")))
    for viewport, scheme in ((PHONE, "dark"), (DESK, "light")):
        page = open_page("admin", viewport=viewport, scheme=scheme)
        page.goto("/admin/notices")
        assert audit(page) == []
