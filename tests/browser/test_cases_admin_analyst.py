"""Cases, monitoring and reports, at a phone's and a desk's width, light and dark; and what a click does on them."""

import datetime as dt

import pytest
from playwright.sync_api import expect

from engine import commands, jobs, queries
from tests.browser.conftest import PHONE


@pytest.fixture
def stuck(pe, people, case_at, now):
    """An incident at `publikasi` whose outcome nobody knows."""
    task = queries.task(pe, people["admin"], case_at("terbitkan", kanal=["website"]))
    commands.complete(pe, people["webadmin"], now, task["id"], {"terbit_pada": None})
    while (job := queries.jobs(pe, people["admin"], instance_id=task["instance_id"], state="open").rows[0])["type"] == "timer":
        jobs.run_job(pe, job["id"], lambda: now)
    commands.lease_job(pe, now, job["id"], "uji")
    commands.fail_job(pe, now, job["id"], "uji", "ReadTimeout", "unknown")
    return queries.incidents(pe, people["admin"], instance_id=task["instance_id"]).rows[0]


def until(page, condition):
    """Wait for a condition; Playwright's own waiting evaluates text in the page, which its policy forbids."""
    for _ in range(50):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(100)
    raise AssertionError(condition)


def instance_of(pe, people, task_id):
    return queries.task(pe, people["admin"], task_id)["instance_id"]


def test_the_pages_of_a_case(open_page, audit_both, pe, people, returned):
    page = open_page("kasubbag")
    page.goto("/cases")
    assert audit_both(page) == []
    page.get_by_role("link", name="Sosialisasi di Pulau Pramuka").click()
    page.locator(".diagram[data-ready]").scroll_into_view_if_needed()
    assert page.locator(".diagram .bjs-powered-by").is_visible()
    assert page.locator(".diagram .djs-shape.terbit-here").get_attribute("data-element-id") == "periksa"
    assert page.locator(".history-returned").get_by_text("Nama tempat <b>keliru</b>.").is_visible()
    page.get_by_text("Isian").first.click()
    assert audit_both(page) == []


def test_the_way_taken_is_drawn_and_no_other(open_page, pe, people, returned):
    page = open_page("kasubbag")
    page.goto(f"/cases/{instance_of(pe, people, returned)}")
    page.locator(".diagram[data-ready]").wait_for()
    marked = ".diagram .djs-connection.terbit-done"
    taken = page.locator(marked).evaluate_all("(elements) => elements.map((element) => element.dataset.elementId)")
    flows = page.evaluate("""(ids) => { const registry = document.querySelector('.diagram').viewer.get('elementRegistry');
        return ids.map((id) => registry.get(id)).map((f) => [f.source.id, f.target.id].join(' ')) }""", taken)
    assert {"mulai tugaskan", "jenis_berita periksa", "putuskan sesuai", "sesuai periksa"} <= set(flows)
    assert not {"jenis_berita terbitkan", "sesuai serahkan", "serahkan terbitkan"} & set(flows)


def test_a_diagram_lets_the_page_scroll_past_and_zooms_by_its_buttons(open_page, pe, people, returned):
    page = open_page("kasubbag", viewport=PHONE)
    page.goto(f"/cases/{instance_of(pe, people, returned)}")
    page.locator(".diagram[data-ready]").wait_for()
    width = "document.querySelector('.diagram-stage').clientWidth"
    until(page, f"{width} > 1000")
    page.get_by_role("button", name="Tampilkan seluruhnya").click()
    until(page, f"{width} < 400")  # the whole of it on a phone's width
    page.get_by_role("button", name="Perbesar").click()
    until(page, f"{width} > 400")
    page.locator(".diagram").hover()
    page.mouse.wheel(0, 5000)
    until(page, "window.scrollY > 500")  # the wheel goes past it


def test_the_pages_of_the_admin(open_page, audit_both, stuck):
    page = open_page("admin")
    for path in ("/admin", "/admin/jobs?state=failed", f"/cases/{stuck['instance_id']}", "/cases?state=stuck", "/people", "/people/penulis",
                 "/people/new", "/channels", "/channels/website?connector=wordpress", "/channels/new"):
        page.goto(path)
        assert audit_both(page) == [], path


def test_one_click_retries_a_stuck_step_and_its_outcome_appears(open_page, audit, pe, stuck):
    page = open_page("admin")
    page.goto("/admin")
    page.get_by_label("Alasan").first.fill("Sudah diperiksa")
    page.get_by_role("button", name="Coba lagi").first.click()
    assert page.get_by_text("Sedang dicoba lagi").count() == 0  # the box was not ticked: nothing is sent
    page.get_by_label("Sudah saya periksa").check()
    page.get_by_label("Alasan").first.fill("Sudah diperiksa")
    page.get_by_role("button", name="Coba lagi").first.click()
    page.get_by_text("Sedang dicoba lagi").wait_for()
    assert audit(page) == []
    jobs.run_job(pe, stuck["job_id"], lambda: dt.datetime.now(dt.timezone.utc) + dt.timedelta(minutes=1))
    page.get_by_text("Berhasil.").wait_for()
    assert audit(page) == []
    page.reload()
    assert page.get_by_text("Tidak ada yang terhenti").is_visible()


def test_a_channel_is_tested_where_it_stands(open_page, audit, sop):
    page = open_page("admin")
    page.goto("/channels")
    page.get_by_role("button", name="Uji kanal Website").click()
    page.locator("#test-website .notice-success").wait_for()
    assert audit(page) == []


def test_the_list_narrows_while_one_types(open_page, pe, people, returned, case_at):
    case_at("periksa", judul="Hasil rapat pleno")
    page = open_page("ketua")
    page.goto("/cases")
    page.get_by_label("Cari nomor atau judul").fill("pleno")
    expect(page.get_by_role("link", name="Sosialisasi di Pulau Pramuka")).to_have_count(0)
    assert page.get_by_role("link", name="Hasil rapat pleno").is_visible()
    assert "q=pleno" in page.url


def test_the_pages_of_the_analyst(open_page, audit_both, returned):
    page = open_page("analis")
    for path in ("/reports/cases?since=", "/reports/cases?since=2001-01-01&until=2001-01-02"):
        page.goto(path)
        assert audit_both(page) == [], path


def test_in_english_the_pages_hold_too(open_page, audit, returned):
    page = open_page("analis")
    page.click(".sidebar [name=locale][value=en]")
    page.wait_for_load_state()
    for path in ("/reports/cases?since=", "/cases"):
        page.goto(path)
        assert page.locator("html").get_attribute("lang") == "en"
        assert audit(page) == [], path
