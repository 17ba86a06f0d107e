"""One's own account in a real browser: a token made, copied, revoked; a password changed."""

from tests.browser.conftest import DESK, PHONE


def test_a_token_is_made_copied_and_revoked(open_page, audit):
    page = open_page("penulis", viewport=PHONE, scheme="dark", permissions=["clipboard-read", "clipboard-write"])
    page.goto("/account")
    assert audit(page) == []
    page.set_viewport_size(DESK)
    page.fill("#name", "skrip laporan mingguan")
    page.click("text=Buat token")
    token = page.locator("#made-token").input_value()
    page.click("[data-copy]")
    assert page.evaluate("navigator.clipboard.readText()") == token and token.startswith("terbit_")
    assert audit(page) == []
    page.get_by_role("button", name="Cabut skrip").click()
    page.locator("text=Token dicabut").wait_for()
    assert page.locator("#made-token").count() == 0 and page.locator("text=skrip laporan").count() == 0


def test_a_password_is_changed_in_english(open_page, audit):
    page = open_page("ketua", viewport=PHONE)
    page.goto("/account")
    page.locator("summary").first.click()
    page.locator(".menu-panel button[value=en]").click()
    page.locator("html[lang=en]").wait_for()
    for field, value in (("old", "bukan ini"), ("password", "sandi yang baru"), ("again", "sandi yang baru")):
        page.fill(f"#{field}", value)
    page.click("#main form[action='/account/password'] .btn-primary")
    page.locator("#old-error").wait_for()
    page.problems.clear()  # the console says that it was a 403
    assert audit(page) == []
    for field, value in (("old", "terbit-demo"), ("password", "sandi yang baru"), ("again", "sandi yang baru")):
        page.fill(f"#{field}", value)
    page.click("#main form[action='/account/password'] .btn-primary")
    page.wait_for_url("**/account?saved=password")
    assert audit(page) == []
