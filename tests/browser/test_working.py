"""Working with the pages as a person does: by mouse, by keyboard, twice too fast, and without scripts."""

import base64
import io

import pytest
from PIL import Image
from playwright.sync_api import expect

from engine import queries
from tests.webui.scenes import ASKED


def test_a_double_click_completes_once(open_page, pe, people, case_at):
    task = case_at("serahkan")
    page, sent = open_page("kasubbag"), []
    page.goto(f"/tasks/{task}")
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    page.dblclick("text=Selesaikan")
    page.locator(".just-done").wait_for()
    assert len(sent) == 1
    assert queries.task(pe, people["kasubbag"], task)["completed_by"] == "kasubbag"


def test_the_whole_of_a_decision_by_keyboard(open_page, case_at):
    task = case_at("putuskan")
    page = open_page()
    page.goto("/sign-in")
    page.keyboard.type("ketua")
    page.keyboard.press("Tab")
    page.keyboard.type("terbit-demo")
    page.keyboard.press("Enter")
    page.wait_for_url("**/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.className") == "row-title":
            break
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/tasks/{task}")
    page.focus("[name=v-keputusan][value=tidak]")
    page.keyboard.press("Enter")  # opens the note, and stands in it
    page.locator("[name=v-catatan]").wait_for(state="visible")
    page.keyboard.type(" ")
    page.focus("[name=v-keputusan][value=tidak]")
    page.keyboard.press("Enter")
    page.locator("#form-errors").wait_for()
    assert page.evaluate("document.activeElement.id") == "form-errors"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # the summary's link leads to the field
    page.keyboard.type("Perbaiki nama tempat.")
    page.focus("text=Periksa kembali angka dan tanggal.")
    page.keyboard.press("Enter")
    assert page.input_value("[name=v-catatan]").strip() == "Perbaiki nama tempat.\nPeriksa kembali angka dan tanggal."
    page.focus("[name=v-keputusan][value=tidak]")
    page.keyboard.press("Enter")
    page.locator(".just-done").wait_for()
    assert page.evaluate("document.activeElement.className").endswith("just-done")


def test_fields_come_and_go_with_what_is_chosen(open_page, case_at):
    page = open_page("penulis")
    page.goto(f"/tasks/{case_at('siapkan')}")
    assert page.locator("[data-field=isi]").is_visible() and not page.locator("[data-field=dasar_pengecualian]").is_visible()
    page.select_option("[name=v-klasifikasi]", "dikecualikan")
    page.locator("[data-field=dasar_pengecualian]").wait_for(state="visible")
    page.locator("[data-field=isi]").wait_for(state="hidden")


def test_a_file_that_is_chosen_before_the_script_has_come_goes_up_too(open_page, case_at):
    picture = io.BytesIO()
    Image.new("RGB", (30, 20), (200, 90, 40)).save(picture, "PNG")
    page = open_page("penulis")
    page.add_init_script("""new MutationObserver((_, observer) => {
        const field = document.querySelector("[name=v-gambar]"), chosen = new DataTransfer();
        if (!field) return;
        observer.disconnect();
        chosen.items.add(new File([Uint8Array.from(atob("PICTURE"), (each) => each.charCodeAt(0))], "foto.png", { type: "image/png" }));
        field.files = chosen.files;
    }).observe(document, { subtree: true, childList: true })""".replace("PICTURE", base64.b64encode(picture.getvalue()).decode()))
    page.goto(f"/tasks/{case_at('siapkan')}")
    page.locator("[data-field=gambar] .file-item").wait_for()


def test_files_go_up_at_once_and_stay_with_the_form(open_page, case_at, tmp_path):
    Image.new("RGB", (300, 200), (200, 90, 40)).save(tmp_path / "foto.png")
    (tmp_path / "virus.pdf").write_bytes(b"MZ\x00\x01")
    page = open_page("penulis")
    page.goto(f"/tasks/{case_at('siapkan')}")
    page.set_input_files("[name=v-gambar]", tmp_path / "foto.png")
    page.locator("[data-field=gambar] .file-item").wait_for()
    page.set_input_files("[name=v-lampiran]", tmp_path / "virus.pdf")
    page.locator("[data-field=lampiran] .field-error").wait_for()
    page.fill("[name=v-judul]", "Judul yang cukup")
    page.click("text=Selesaikan")
    page.locator("#form-errors").wait_for()
    assert page.locator("[data-field=gambar] .file-item").count() == 1


def test_the_preview_opens_over_the_form(open_page, case_at):
    page = open_page("penulis")
    page.goto(f"/tasks/{case_at('siapkan')}")
    page.fill("[name=v-judul]", "Lomba perahu")
    page.fill("[name=v-isi]", "Isi **tebal**.")
    page.click("text=Pratinjau")
    frame = page.frame_locator("iframe[name=preview-frame]")
    frame.get_by_role("heading", name="Lomba perahu").wait_for()
    assert frame.locator("strong", has_text="tebal").is_visible()
    assert frame.locator("h1").evaluate("e => getComputedStyle(e).fontFamily") != ""
    page.keyboard.press("Escape")
    assert page.input_value("[name=v-judul]") == "Lomba perahu"
    assert page.problems == []


def test_copying_from_the_package(open_page, manual):
    page = open_page("webadmin", permissions=["clipboard-read", "clipboard-write"])
    page.goto(f"/tasks/{manual}")
    page.click("[data-copy='#package-title-text']")
    page.get_by_text("Tersalin").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == "Sosialisasi di Pulau Pramuka"


def test_the_search_needs_no_button(open_page, case_at):
    case_at("periksa", judul="Pemutakhiran data pemilih")
    case_at("periksa", judul="Lomba jurnalistik")
    page = open_page("kasubbag")
    page.locator("[name=q]").press_sequentially("lomba")
    page.wait_for_url("**q=lomba**")
    assert page.locator(".row-title").count() == 1
    assert page.input_value("[name=q]") == "lomba"


@pytest.mark.parametrize("klasifikasi", ["berkala", "dikecualikan"])
def test_everything_works_without_scripts(open_page, pe, people, case_at, tmp_path, klasifikasi):
    task = case_at("siapkan")
    (tmp_path / "undangan.pdf").write_bytes(b"%PDF-1.4\n")
    page = open_page("penulis", java_script_enabled=False)
    page.click("text=Menyiapkan bahan informasi")
    page.click("text=Ambil")
    page.click("text=Selesaikan")
    page.locator("#form-errors").wait_for()
    page.select_option("[name=v-jenis]", "pengumuman")
    page.select_option("[name=v-klasifikasi]", klasifikasi)
    page.fill("[name=v-judul]", "Undangan sosialisasi")
    page.fill("[name=v-isi]", "Kami mengundang.")
    page.fill("[name=v-dasar_pengecualian]", "Pasal 17 huruf h.")  # shown to who has no script, taken only where it counts
    page.set_input_files("[name=v-lampiran]", tmp_path / "undangan.pdf")
    page.click("text=Selesaikan")
    page.locator(".just-done").wait_for()
    done = queries.task(pe, people["admin"], task)
    assert (done["completed_by"], done["instance"]["ended_at"] is not None) == ("penulis", klasifikasi == "dikecualikan")


def test_the_first_step_from_start_to_the_next_person(open_page, sop):
    page = open_page("ketua")
    page.click(".sidebar a:has-text('Mulai')")
    page.click("main button:has-text('Mulai')")
    page.wait_for_url("**/tasks/*")
    page.select_option("[name=v-sumber]", ASKED["sumber"])
    page.fill("[name=v-perihal]", ASKED["perihal"])
    page.check("[name=v-kanal][value=website]")
    page.fill("[name=v-tanggal_surat]", "2026-11-20")
    page.click("text=Selesaikan")
    page.locator(".just-done").wait_for()
    assert "Memerintahkan penyiapan bahan – Sub Bagian" in page.locator(".just-done").inner_text()
    other = open_page("kasubbag")
    other.locator(".sidebar [data-count=open]", has_text="1").wait_for()


def test_what_was_typed_survives_a_reload_until_it_is_sent(open_page, case_at):
    task = case_at("siapkan")
    page = open_page("penulis")
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(f"/tasks/{task}")
    page.fill("[name=v-isi]", "Setengah jadi")
    page.select_option("[name=v-klasifikasi]", "berkala")
    page.reload()
    page.get_by_text("Isian yang belum dikirim dipulihkan.").wait_for()
    assert (page.input_value("[name=v-isi]"), page.input_value("[name=v-klasifikasi]")) == ("Setengah jadi", "berkala")
    page.click("text=Buang")
    expect(page.locator("[name=v-isi]")).to_have_value("")
    page.fill("[name=v-isi]", "Rahasia")
    page.click(".sidebar button:has-text('Keluar')")
    page.wait_for_url("**/sign-in")
    assert page.evaluate("Object.keys(sessionStorage).filter((key) => key.startsWith('terbit'))") == []


def test_too_large_a_file_is_refused_before_it_is_sent(open_page, pe, case_at, tmp_path):
    pe.config["MAX_UPLOAD_BYTES"] = 1 << 20
    (tmp_path / "besar.pdf").write_bytes(b"%PDF-1.4\n" + b"x" * (2 << 20))
    page, sent = open_page("penulis"), []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    page.goto(f"/tasks/{case_at('siapkan')}")
    page.set_input_files("[name=v-lampiran]", tmp_path / "besar.pdf")
    page.get_by_text("besar.pdf: terlalu besar, paling banyak 1 MB.").wait_for()
    assert sent == []


def test_a_new_task_appears_by_itself(open_page, pe, people, now, case_at):
    page = open_page("kasubbag")
    page.get_by_text("Tidak ada tugas untuk Anda").wait_for()
    page.locator("body[data-counts]").wait_for()
    case_at("periksa")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # one comes back to the tab
    page.locator(".row-title").wait_for()
