"""Plh. and Plt., a lane's page, and a task that is delegated and given back, in a real browser."""

import datetime as dt

import pytest

from engine import commands, substitutions
from engine import people as accounts
from tests.browser.conftest import DESK, PHONE

DAY = dt.timedelta(days=1)


@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
def test_a_head_appoints_and_hands_tasks_on(pe, people, now, open_page, audit, case_at, sop, viewport):
    accounts.set_groups(pe, people["admin"], now, "ketua", ["ketua-divisi"], ["ketua-divisi"])
    commands.start(pe, people["ketua"], now, key=sop)
    today = dt.date.today()
    head = open_page("ketua", viewport=viewport)
    head.goto("/substitutions/new")
    assert audit(head) == []
    head.select_option("[name=absent_id]", "ketua")
    head.select_option("[name=substitute_id]", "kasubbag")
    head.fill("[name=decree]", "SP 12/2026")
    head.fill("[name=starts_on]", f"{today - DAY}")
    head.fill("[name=ends_on]", f"{today - DAY - DAY}")
    head.get_by_role("button", name="Tunjuk", exact=True).click()
    head.get_by_text("Akhir harus sesudah awal.").wait_for()
    head.problems.clear()  # the console tells of the 400
    assert audit(head) == []
    head.fill("[name=ends_on]", f"{today + DAY}")
    head.get_by_role("button", name="Tunjuk", exact=True).click()
    head.get_by_text("Kasubbag Demo – Plh. Ketua Divisi").wait_for()
    assert audit(head) == []

    head.goto("/lane")
    assert audit(head) == []
    head.get_by_label("Pilih: ").first.check()
    head.get_by_role("button", name="Serahkan yang dipilih…").click()
    head.get_by_text("Belum ada yang berubah.").wait_for()
    head.select_option("[name=user_id]", "kasubbag")
    head.get_by_role("button", name="Ya, serahkan semuanya").click()
    head.get_by_text("1 dari 1 tugas diserahkan kepada Kasubbag Demo.").wait_for()

    substitute = open_page("kasubbag", viewport=viewport)
    substitute.goto("/?tab=mine")
    substitute.get_by_text("Anda Plh. Ketua Divisi s.d.").wait_for()
    assert audit(substitute) == []
    substitute.locator(".row-title").first.click()
    substitute.get_by_text("Tercatat sebagai Kasubbag Demo (Plh. Ketua Divisi, menggantikan Ketua Demo, SP 12/2026).").wait_for()
    assert audit(substitute) == []


@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
def test_a_task_goes_to_somebody_else_and_comes_back(pe, people, now, open_page, audit, case_at, viewport):
    task = case_at("siapkan")
    commands.claim(pe, people["penulis"], now, task)
    owner = open_page("penulis", viewport=viewport)
    owner.goto(f"/tasks/{task}")
    owner.get_by_text("Delegasikan…").click()
    assert audit(owner) == []
    owner.select_option("[name=user_id]", "webadmin")
    owner.get_by_role("button", name="Delegasikan", exact=True).click()
    owner.wait_for_url("**/")

    other = open_page("webadmin", viewport=viewport)
    other.goto(f"/tasks/{task}")
    other.get_by_text("Penulis Demo mendelegasikan tugas ini kepada Anda.").wait_for()
    other.fill("[name=v-judul]", "Judul dari Web Admin")
    assert audit(other) == []
    other.get_by_role("button", name="Serahkan kembali").click()
    other.wait_for_url("**/")

    owner.goto(f"/tasks/{task}")
    owner.get_by_text("Tugas ini sudah dikerjakan orang yang Anda delegasikan.").wait_for()
    owner.get_by_role("link", name="Pakai", exact=True).click()
    owner.wait_for_url("**draft=1")
    assert owner.input_value("[name=v-judul]") == "Judul dari Web Admin"
    assert audit(owner) == []


def test_the_pages_in_english_and_at_night(pe, people, now, open_page, audit):
    accounts.update_user(pe, people["admin"], now, "admin", locale="en")
    today = dt.datetime.now(dt.timezone.utc)
    substitutions.appoint(pe, people["admin"], today, kind="plt", group_id="ketua-divisi", substitute_id="kasubbag", decree="SP 9/2026",
                          starts_at=today, ends_at=today + DAY)
    page = open_page("admin", viewport=PHONE, scheme="dark")
    for path in ("/substitutions", "/substitutions?state=past", "/substitutions/new", "/lane?group=ketua-divisi"):
        page.goto(path)
        assert audit(page) == [], path
