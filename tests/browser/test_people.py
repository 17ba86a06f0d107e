"""Accounts in a real browser: a second factor set up and asked for, people from a file, who sees what."""

import re
import time

import pyotp

from engine import groups
from engine import people as accounts
from tests.browser.conftest import DESK, PHONE
from tests.conftest import actor_of


def test_a_second_factor_is_set_up_and_asked_for(open_page, audit, pe, people, now):
    groups.change(pe, actor_of("admin"), now, "pelaksana", name="Pelaksana", second_factor=True)
    page = open_page(viewport=PHONE)
    page.goto("/sign-in")
    page.fill("#user_id", "penulis")
    page.fill("#password", "terbit-demo")
    page.click("[data-reveal]")
    assert page.locator("#password").get_attribute("type") == "text" and audit(page) == []
    page.click("form[data-once] button.btn-primary")
    page.wait_for_url("**/account/second-factor")
    assert audit(page) == []
    totp = pyotp.TOTP(page.locator("#key").input_value())
    page.fill("#code", totp.now())
    page.click("text=Aktifkan")
    page.locator("#codes li").first.wait_for()
    assert page.locator("#codes li").count() == 10 and audit(page) == []
    page.click("text=Sudah saya simpan")
    page.set_viewport_size(DESK)
    page.locator("text=Perangkat ini").wait_for()
    assert audit(page) == []
    page.locator(".sidebar-foot button:has-text('Keluar')").click()
    page.fill("#user_id", "penulis")
    page.fill("#password", "terbit-demo")
    page.click("form[data-once] button.btn-primary")
    page.wait_for_url("**/sign-in/code**")
    page.fill("#code", "000000")
    page.click("text=Lanjutkan")
    page.locator("#wrong").wait_for()
    page.problems.clear()  # the console says that it was a 401
    assert audit(page) == []
    page.fill("#code", totp.at(time.time() + 30))
    page.click("text=Lanjutkan")
    page.wait_for_url(re.compile(r"/$"))


def test_an_admin_brings_people_in_from_a_file_and_looks_after_them(open_page, audit, pe, people, now, sop, tmp_path):
    page = open_page("admin")
    file = tmp_path / "pegawai.csv"
    page.goto("/people/-/import")
    page.set_viewport_size(PHONE)
    assert audit(page) == []
    file.write_text("nama_pengguna;nama;grup\nsiti;;raja\nketua;Ketua Baru;ketua-divisi\n", "utf-8-sig")
    page.set_input_files("#file", file)
    page.click("text=Periksa >> nth=-1")
    page.locator("text=Nama wajib diisi").wait_for()
    file.write_text("nama_pengguna;nama;grup\r\nsiti;Siti Aminah;pelaksana, web-admin\r\nketua;Ketua Baru;ketua-divisi\r\n", "utf-8-sig")
    page.goto("/people/-/import")
    page.set_input_files("#file", file)
    page.click("text=Periksa >> nth=-1")
    page.locator("text=Ketua Demo → Ketua Baru").wait_for()
    assert audit(page) == []
    page.click("button:has-text('Lakukan')")
    page.locator("#links").wait_for()
    link = page.locator("#links").inner_text().split("\t")[1].strip()
    assert audit(page) == [] and accounts.account(pe, "siti")["groups"] == {"pelaksana", "web-admin"}
    stranger = open_page()
    stranger.goto(link)
    assert audit(stranger) == []
    for field in ("password", "again"):
        stranger.fill(f"#{field}", "kuda baterai jepit tepat")
    stranger.click("form[data-once] button.btn-primary")
    stranger.locator("text=Kata sandi ditetapkan").wait_for()
    for address, size in (("/people", PHONE), ("/people/siti", PHONE), ("/people/-/groups", DESK), ("/people/-/access", PHONE)):
        page.set_viewport_size(size)
        page.goto(address)
        assert audit(page) == [], address
