"""A phone on a weak line: the network is cut in the middle of a form, and nothing typed is lost."""

from playwright.sync_api import expect

from engine import drafts, queries
from tests.browser.conftest import PHONE


def test_typed_on_a_phone_without_a_line_and_finished_at_a_desk(open_page, audit, pe, people, case_at):
    task = case_at("putuskan")
    phone = open_page("ketua", viewport=PHONE)
    phone.goto(f"/tasks/{task}")
    phone.context.set_offline(True)
    phone.click("[data-decision] [value=tidak]")
    phone.fill("[name=v-catatan]", "Perbaiki nama tempat.")
    phone.get_by_text("Belum tersambung: isian disimpan di perangkat ini.").wait_for()
    phone.click("[data-decision] [value=tidak]")
    phone.get_by_text("kirim lagi setelah tersambung").wait_for()
    assert drafts.get(pe, people["ketua"], task) is None
    phone.context.set_offline(False)
    phone.get_by_text("Isian tersimpan pukul").wait_for()

    desk = open_page("ketua")
    desk.goto(f"/tasks/{task}")
    desk.get_by_text("Anda punya isian yang belum dikirim").wait_for()
    assert audit(desk) == []
    desk.click("text=Pakai")
    expect(desk.locator("[name=v-catatan]")).to_be_visible()
    assert desk.input_value("[name=v-catatan]") == "Perbaiki nama tempat."
    desk.fill("[name=v-catatan]", "Perbaiki nama pulau.")
    desk.get_by_text("Isian tersimpan pukul").wait_for()

    phone.fill("[name=v-catatan]", "Dari ponsel.")  # older than what the desk has saved
    phone.get_by_text("Isian ini lebih baru di perangkat lain").wait_for()
    assert drafts.get(pe, people["ketua"], task)["version"] == 2
    desk.click("[data-decision] [value=tidak]")
    desk.locator(".just-done").wait_for()
    assert queries.task(pe, people["ketua"], task)["completed_by"] == "ketua"
    assert drafts.get(pe, people["ketua"], task) is None
