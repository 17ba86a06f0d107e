"""An admin retries sixty stuck cases at once: picks the filter, looks at the list, begins, stops half way, resumes."""

import pytest
from playwright.sync_api import expect

from engine import commands, queries
from engine.commands import batches
from tests.browser.conftest import DESK, PHONE
from tests.engine.small import END, START, chain, deploy, diagram, service_task, user_task

CALL = diagram(chain(START, service_task("kirim", "uji"), user_task("b"), END), "q", properties={"label": "${judul}"})


@pytest.fixture
def stuck(pe, people, now):
    deploy(pe, people["pemilik"], now, CALL)
    for n in range(60):
        commands.start(pe, people["admin"], now, key="q", variables={"judul": f"Siaran {n}"})
    for number, row in enumerate(queries.jobs(pe, people["admin"], state="open", limit=200).rows):
        commands.lease_job(pe, now, row["id"], str(number))
        commands.fail_job(pe, now, row["id"], str(number), "mati", "unknown" if number == 0 else "permanent")


def test_sixty_incidents_are_retried_stopped_half_way_and_resumed(open_page, audit, pe, people, now, stuck):
    page = open_page("admin", viewport=PHONE)
    page.goto("/cases?state=stuck")
    page.get_by_label("Pilih: Siaran").first.check()
    assert audit(page) == []
    page.set_viewport_size(DESK)
    page.get_by_label("Pilih yang tampil").check()
    expect(page.locator("[name=ids]:checked")).to_have_count(50)
    page.get_by_label("Semua yang cocok").check()
    page.get_by_role("button", name="Lanjut").click()
    expect(page.get_by_role("heading", name="59 akan dilakukan")).to_be_visible()
    assert audit(page) == []
    page.get_by_role("link", name="1 tidak dapat").click()
    expect(page.get_by_text("Mungkin sudah terbit")).to_be_visible()
    page.get_by_label("Alasan").fill("Kanal sudah pulih")
    page.get_by_role("button", name="Mulai 59").click()
    expect(page.locator("#progress")).to_contain_text("0 dari 59")
    ticking = iter(range(1000))
    half = batches.work(pe, lambda: now.replace(microsecond=next(ticking) * 100), seconds=0.006)
    assert 20 < half < 40
    expect(page.locator("#progress")).to_contain_text(f"{half} dari 59")  # the page looks by itself
    page.set_viewport_size(PHONE)
    assert audit(page) == []
    page.get_by_role("button", name="Hentikan").click()
    expect(page.locator("#progress")).to_contain_text(f"Dihentikan sementara: {half} dari 59")
    assert batches.work(pe, lambda: now) == 0
    page.get_by_role("button", name="Lanjutkan").click()
    batches.work(pe, lambda: now)
    expect(page.locator("#progress")).to_contain_text("Selesai: 59 dari 59 berhasil.")
    page.goto("/batches")
    expect(page.get_by_text("59 dari 59")).to_be_visible()
    assert audit(page) == []
    assert len(queries.jobs(pe, people["admin"], state="open", limit=200).rows) == 59


def test_what_is_asked_before_many_are_moved(open_page, audit, case_at):
    for _ in range(2):
        case_at("periksa")
    page = open_page("admin", viewport=PHONE)
    page.goto("/cases")
    page.get_by_label("Semua yang cocok").check()
    page.get_by_label("Yang akan dilakukan").select_option(label="Pindahkan langkah")
    page.get_by_role("button", name="Lanjut").click()
    page.get_by_label("Hentikan di sini").wait_for()
    assert audit(page) == []
    page.get_by_role("button", name="Lihat daftarnya").click()
    expect(page.get_by_role("alert")).to_contain_text("Pilih langkahnya")
    page.problems.clear()  # the console tells of the 400
    page.get_by_label("Hentikan di sini").select_option(value="periksa")
    page.get_by_label("Mulai di sini").select_option(value="siapkan")
    page.get_by_role("button", name="Lihat daftarnya").click()
    expect(page.get_by_role("heading", name="2 akan dilakukan")).to_be_visible()
    assert audit(page) == []
