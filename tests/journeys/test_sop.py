"""The SOP from MULAI to SELESAI as its people live it: in a browser, on a served installation, with a worker."""

import re
import subprocess
import sys
import time

import pytest
from playwright.sync_api import expect

from tests.server import ROOT

pytestmark = [pytest.mark.browser, pytest.mark.service]

TITLE = "Pleno rekapitulasi daftar pemilih berkelanjutan"
NOTE = "Sebutkan jam pelaksanaan pleno."
CONTENT = {"jenis": "pengumuman", "klasifikasi": "berkala", "judul": TITLE, "ringkasan": "Pleno terbuka untuk umum.",
           "isi": "KPU mengundang masyarakat ke **pleno terbuka** di Pulau Pramuka."}
CHECKS = {"kebenaran_diperiksa": True, "narasumber_dikonfirmasi": True, "kalimat_diperbaiki": True}
WAY = (
    ("ketua", "Menugaskan Kasubbag", {"sumber": "nota-dinas", "perihal": "Pleno terbuka", "kanal": ["website", "facebook"],
                                      "disposisi": "Terbitkan minggu ini."}),
    ("kasubbag", "Memerintahkan penyiapan bahan", {"arahan": "Ringkas dan jelas."}),
    ("penulis", "Menyiapkan bahan informasi", CONTENT),
    ("kasubbag", "Memeriksa bahan informasi", CHECKS),
    ("ketua", "Memutuskan penerbitan", {"keputusan": "tidak", "catatan": NOTE}),
    ("kasubbag", "Memeriksa bahan informasi", {"isi": CONTENT["isi"] + " Pukul 09.00 WIB.", **CHECKS}),
    ("ketua", "Memutuskan penerbitan", {"keputusan": "sesuai"}),
    ("kasubbag", "Menyerahkan ke Web Admin", {"disposisi_web_admin": "Unggah hari ini."}),
    ("webadmin", "Menerbitkan informasi", {}),
)


@pytest.fixture
def person(chromium, served):
    """A function that gives the page of somebody who is signed in; each keeps a browser of their own."""
    server, pages = served(), {}

    def at_work(name):
        if name not in pages:
            page = pages[name] = chromium.new_context(base_url=server.address, locale="id-ID").new_page()
            page.goto("/sign-in")
            page.get_by_label("Nama pengguna").fill(name)
            page.get_by_label("Kata sandi").fill("terbit-demo")
            page.get_by_role("button", name="Masuk").click()
            expect(page.get_by_role("heading", name="Tugas", exact=True)).to_be_visible()
        return pages[name]

    at_work.server = server
    return at_work


def fill(page, values):
    """Fill the form in, and send it: by its button, or by that of the decision among the values."""
    decision = page.locator("[data-decision] button")
    button = page.get_by_role("button", name="Selesaikan")
    for key, value in values.items():
        if decision.and_(page.locator(f'[name="v-{key}"]')).count():
            button = decision.and_(page.locator(f'[value="{value}"]'))
            if button.get_attribute("data-asks"):
                button.click()
            continue
        field = page.locator(f'[data-field="{key}"]')
        expect(field).to_be_visible()
        if isinstance(value, list) or field.locator("input[type=radio]").count():
            for each in value if isinstance(value, list) else [value]:
                field.locator(f'input[value="{each}"]').check()
        elif isinstance(value, bool):
            field.locator("input[type=checkbox]").set_checked(value)
        elif field.locator("select").count():
            field.locator("select").select_option(value)
        else:
            field.locator("input, textarea").first.fill(value)
    button.click()


def do(page, task, values, seconds=20):
    """Find the task among one's own and the group's, fill it in, and complete it."""
    deadline = time.monotonic() + seconds
    page.goto("/")
    while not page.get_by_role("link", name=task).count():
        assert time.monotonic() < deadline, page.content()
        time.sleep(0.5)
        page.goto("/")
    page.get_by_role("link", name=task).first.click()
    expect(page.get_by_role("heading", name=task, exact=True).first).to_be_visible()
    fill(page, values)
    expect(page.locator("#form-errors")).to_have_count(0)
    expect(page.get_by_role("heading", name=task, exact=True)).to_have_count(0)


def test_the_sop_runs_from_mulai_to_selesai(person):
    server = person.server
    ketua = person("ketua")
    ketua.goto("/start")
    ketua.get_by_role("button", name="Mulai").click()
    expect(ketua.get_by_role("heading", name="Menugaskan Kasubbag", exact=True).first).to_be_visible()
    returned = 0
    for who, task, values in WAY:
        if task == "Memeriksa bahan informasi" and "isi" in values:
            kasubbag = person("kasubbag")
            kasubbag.goto("/")
            kasubbag.get_by_role("link", name=task).first.click()
            expect(kasubbag.get_by_text(NOTE).first).to_be_visible()
            returned += 1
        do(person(who), task, values)
    assert returned == 1

    page = the_post(server)
    post = server.get(page).decode()
    assert TITLE in post
    assert "<strong>pleno terbuka</strong>" in post
    assert "Pukul 09.00 WIB." in post
    assert TITLE in server.get("/situs/feed.xml").decode()
    do(person("webadmin"), "Menerbitkan dengan tangan", {"tautan": server.address + page})

    admin = person("admin")
    admin.goto("/cases?state=ended")
    ended = time.monotonic() + 30
    while not admin.get_by_role("link", name=TITLE).count():
        assert time.monotonic() < ended, admin.content()
        time.sleep(0.5)
        admin.goto("/cases?state=ended")
    admin.get_by_role("link", name=TITLE).first.click()
    expect(admin.get_by_role("link", name="lembar-dokumentasi").first).to_be_visible()
    verified = subprocess.run([sys.executable, "-m", "webui.cli", "archive", "verify", "--instance", str(server.folder)], cwd=ROOT,
                              capture_output=True, text=True)
    assert verified.stdout == "the archive is whole\n", verified.stderr


def the_post(server, seconds=30):
    """The path of the only post, once the worker has published it."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            found = re.search(r"<entry>.*?<link[^>]*?href=\"[^\"]*?(/situs/[^\"]+)\"", server.get("/situs/feed.xml").decode(), re.S)
        except OSError:  # no feed before the first post
            found = None
        if found:
            return found[1]
        assert time.monotonic() < deadline, server.log.read_text()
        time.sleep(0.5)
