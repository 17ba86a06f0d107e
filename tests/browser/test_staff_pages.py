"""Every page of the staff, at a phone's and a desk's width, light and dark: accessible, nothing cut off, a silent console."""


from engine import commands
from tests.browser.conftest import LOOKS, PHONE


def test_a_strangers_pages(open_page, audit_both):
    page = open_page()
    page.goto("/sign-in")
    assert audit_both(page) == []
    page.fill("[name=user_id]", "ketua")
    page.fill("[name=password]", "salah")
    page.click("form[data-once] button[type=submit]")
    page.get_by_role("alert").wait_for()
    assert [p for p in audit_both(page) if "401" not in p] == []


def test_the_pages_of_a_task(open_page, audit_both, returned):
    page = open_page("kasubbag")
    assert audit_both(page) == []
    page.goto(f"/tasks/{returned}")
    assert page.locator("#returned").is_visible()
    assert audit_both(page) == []
    page.click("text=Selesaikan")  # three checks are missing
    page.locator("#form-errors").wait_for()
    assert [p for p in audit_both(page) if "400" not in p] == []
    page.locator(".diagram-card").scroll_into_view_if_needed()
    page.locator(".diagram .djs-container").wait_for()
    assert [p for p in audit_both(page) if "400" not in p] == []


def test_the_pages_of_a_decision(open_page, audit_both, case_at):
    task = case_at("putuskan")
    page = open_page("ketua")
    page.goto(f"/tasks/{task}")
    page.frame_locator("iframe.preview").get_by_role("heading", name="Sosialisasi di Pulau Pramuka").wait_for()
    assert audit_both(page) == []
    page.click("[data-decision] [value=tidak]")  # asks for a note, and sends nothing yet
    page.locator("[name=v-catatan]").wait_for(state="visible")
    assert audit_both(page) == []
    page.dblclick("[data-decision] [value=sesuai]")
    page.locator(".just-done").wait_for()
    assert audit_both(page) == []
    page.goto(f"/tasks/{task}")
    assert page.get_by_text("Tugas ini sudah selesai").is_visible()
    assert audit_both(page) == []


def test_the_copy_ready_package(open_page, audit_both, manual):
    page = open_page("webadmin")
    page.goto(f"/tasks/{manual}")
    assert page.get_by_text("Bahan siap salin: Facebook").is_visible()
    assert audit_both(page) == []


def test_starting_and_the_empty_inbox(open_page, audit_both, sop):
    page = open_page("ketua")
    assert page.get_by_text("Tidak ada tugas untuk Anda").is_visible()
    assert audit_both(page) == []
    page.goto("/start")
    assert audit_both(page) == []
    page.click("main button:has-text('Mulai')")
    page.wait_for_url("**/tasks/*")
    assert audit_both(page) == []


@LOOKS
def test_the_menu_and_error_pages(open_page, audit, viewport):
    page = open_page("ketua", viewport=viewport)
    if viewport == PHONE:
        page.click(".menu-phone summary")
        assert page.get_by_role("button", name="Keluar").last.is_visible() or page.locator(".menu-panel").is_visible()
        assert audit(page) == []
    page.goto("/tidak-ada")
    assert page.get_by_role("heading", name="Tidak ditemukan").is_visible()
    assert [p for p in audit(page) if "404" not in p] == []


def test_the_pages_are_light_before_the_diagram(open_page, returned):
    page, scripts = open_page("kasubbag"), {}

    def note(response):
        if response.request.resource_type == "script":
            scripts[response.url] = len(response.body())

    page.on("response", note)
    page.goto(f"/tasks/{returned}")
    page.wait_for_load_state("networkidle")
    assert 0 < sum(scripts.values()) < 100_000, scripts


def test_what_is_chosen_for_light_and_dark_wins_over_the_device(open_page, audit):
    page = open_page("ketua", scheme="light")
    page.click(".sidebar [name=theme][value=dark]")
    page.wait_for_load_state()
    assert page.evaluate("getComputedStyle(document.body).colorScheme") == "dark"
    assert audit(page) == []
    page.click(".sidebar [name=locale][value=en]")
    page.wait_for_load_state()
    assert page.locator("html").get_attribute("lang") == "en"
    assert audit(page) == []


def test_an_overdue_task_is_said_to_be(open_page, pe, people, now, sop):
    commands.start(pe, people["ketua"], now, key=sop)  # months ago, and due ten minutes later
    page = open_page("ketua")
    assert page.locator(".tag-danger").inner_text().startswith("Lewat")
