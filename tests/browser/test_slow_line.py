"""A phone on a line that is slow and breaks: what goes up goes on, what was typed stays, and every click is answered at once."""

import io
import re

import pytest
from PIL import Image, TiffImagePlugin
from playwright.sync_api import expect

from engine import documents, queries, uploads
from tests.browser.conftest import PHONE

GPS, ORIENTATION = 0x8825, 0x0112
SLOW = {"offline": False, "latency": 20, "downloadThroughput": 4_000_000, "uploadThroughput": 1_500_000}  # bytes a second


def photo(width=3000, height=2000, kind="JPEG"):
    """A noisy picture of some megabytes, lying on its side, that says where it was taken."""
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    exif[GPS] = {1: "S", 2: tuple(TiffImagePlugin.IFDRational(n) for n in (5, 44, 30)), 3: "E", 4: (106, 36, 0)}
    picture = Image.effect_noise((width, height), 60).convert("RGB")
    picture.paste("red", (0, 0, 200, height))
    out = io.BytesIO()
    picture.save(out, kind, exif=exif, **({"quality": 78} if kind == "JPEG" else {}))
    return out.getvalue()


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    path = tmp_path_factory.mktemp("kamera") / "perahu.jpg"  # a file of its own: chosen again, it is the same
    path.write_bytes(photo())
    assert path.stat().st_size > 3_000_000
    return path


@pytest.fixture
def phone(open_page):
    """A page on a phone, and a function that sets how its line is."""
    page = open_page("penulis", viewport=PHONE)
    line = page.context.new_cdp_session(page)
    line.send("Network.enable")
    page.line = lambda **how: line.send("Network.emulateNetworkConditions", SLOW | how)
    return page


def choose(page, file, variable="gambar"):
    page.locator(f"[data-files].files-live[data-variable={variable}] > input[type=file]").set_input_files(file)


def kept(pe, people, task):
    """The pictures that the case's next task holds."""
    case = queries.task(pe, people["admin"], task)["instance_id"]
    following = queries.tasks(pe, people["admin"], instance_id=case).rows[0]["id"]
    return queries.task_variables(pe, people["admin"], following)["gambar"]


def fill(page):
    page.select_option("[name=v-jenis]", "pengumuman")
    page.select_option("[name=v-klasifikasi]", "berkala")
    for name, text in (("judul", "Sosialisasi di Pulau Pramuka"), ("ringkasan", "Undangan."), ("isi", "Kami mengundang.")):
        page.fill(f"[name=v-{name}]", text)


def test_a_photo_survives_a_cut_line_and_a_reload_and_leaves_its_place_behind(phone, audit, pe, people, case_at, large):
    task, page = case_at("siapkan"), phone
    page.goto(f"/tasks/{task}")
    fill(page)
    page.get_by_text("Isian tersimpan pukul").wait_for()
    sent = []
    page.on("response", lambda answer: sent.append(answer) if answer.request.method == "PATCH" and answer.status == 204 else None)
    page.line()
    choose(page, large)
    bar = page.get_by_role("progressbar", name="perahu.jpg")
    bar.wait_for()
    expect(page.locator("[data-decision] button, .form-end button").first).to_be_disabled()  # not before it is there
    with page.expect_response(lambda answer: answer.request.method == "PATCH"):
        pass
    page.line(offline=True)
    page.get_by_text("Sambungan terputus").wait_for()
    before = len(sent)
    assert before and audit_quietly(audit, page) == []

    with page.expect_response(lambda answer: answer.request.method == "PATCH" and answer.status == 204) as more:
        page.line(uploadThroughput=400_000)  # it goes on by itself, where it was
    assert int(more.value.headers["upload-offset"]) > int(sent[before - 1].headers["upload-offset"])
    assert page.locator(".field-error").count() == 0
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()  # in the middle of it
    page.get_by_text("perahu.jpg belum selesai terkirim").wait_for()
    first = page.evaluate("Object.keys(localStorage).filter((key) => key.startsWith('terbit-upload:')).map((key) => JSON.parse(localStorage[key]).url)")
    page.line()
    with page.expect_request(lambda request: request.method == "HEAD") as asked:
        choose(page, large)  # the same file, once more
    assert asked.value.url.endswith(first[0])
    page.get_by_text("tanpa data tempat").wait_for()
    assert re.search(r"perahu\.jpg: terkirim, [\d,]+ MB → [\d,]+ (kB|MB)", page.locator(".upload-note").inner_text())
    assert audit(page) == [] if not page.problems else audit_quietly(audit, page) == []

    page.locator("input[name*='-alt-']").fill("Perahu di dermaga")
    page.line(latency=0, uploadThroughput=-1, downloadThroughput=-1)
    if page.locator("[name=v-judul]").input_value() == "":  # the draft is offered again
        page.get_by_role("link", name="Pakai").click()
    page.get_by_role("button", name="Selesaikan").click()
    page.locator(".just-done").wait_for()
    (picture,) = kept(pe, people, task)
    assert picture["alt"] == "Perahu di dermaga"
    _, path = documents.open_document(pe, people["admin"], picture["document"])
    with Image.open(path) as image:
        assert image.size == (1707, 2560)  # upright, and smaller
        assert not image.getexif()
        red, green, blue = image.getpixel((800, 40))
        assert red > 200 > 100 > green  # what was left is up now
    assert not list((pe.folder / "uploads").iterdir())


def audit_quietly(audit, page):
    """Axe's findings, without what the browser says of a line that was cut, and which is never idle."""
    found = [each for each in audit(page, idle=False) if "ERR_" not in each and "Failed to load resource" not in each]
    page.problems.clear()
    return found


def test_an_upload_can_be_cancelled_and_refused(phone, pe, case_at, large):
    task, page = case_at("siapkan"), phone
    page.goto(f"/tasks/{task}")
    page.line(uploadThroughput=200_000)
    choose(page, large)
    page.get_by_role("progressbar", name="perahu.jpg").wait_for()
    with page.expect_response(lambda answer: answer.request.method == "DELETE") as gone:
        with page.expect_response(lambda answer: answer.request.method == "HEAD"):
            pass
        page.locator(".upload").get_by_role("button", name="Batal").click()
    assert gone.value.status == 204
    expect(page.locator(".upload")).to_have_count(0)
    assert page.evaluate("Object.keys(localStorage).length") == 0
    page.line()
    choose(page, {"name": "surat.jpg", "mimeType": "image/jpeg", "buffer": b"%PDF-1.4\n%isi\n"})
    page.get_by_text("surat.jpg: ").filter(has_text="di sini hanya").wait_for()
    expect(page.get_by_role("button", name="Selesaikan")).to_be_enabled()


def test_a_picture_with_clear_parts_stays_png_and_a_newer_version_takes_the_place(phone, pe, people, case_at):
    task, page = case_at("siapkan"), phone
    out = io.BytesIO()
    Image.new("RGBA", (3000, 10), (255, 0, 0, 90)).save(out, "PNG")
    page.goto(f"/tasks/{task}")
    fill(page)
    choose(page, {"name": "logo.png", "mimeType": "image/png", "buffer": out.getvalue()})
    page.get_by_text("logo.png: terkirim").wait_for()
    page.locator("input[name*='-alt-']").fill("Lambang")
    page.locator(".file-replace summary").click()
    opaque = io.BytesIO()
    Image.new("RGB", (50, 40), "blue").save(opaque, "PNG")
    page.locator("[data-replaces]").set_input_files({"name": "logo-2.png", "mimeType": "image/png", "buffer": opaque.getvalue()})
    page.get_by_text("logo-2.png: terkirim").wait_for()
    expect(page.locator("[data-variable=gambar] .file-item")).to_have_count(1)
    assert page.locator("input[name*='-alt-']").input_value() == "Lambang"  # its words stay
    page.get_by_role("button", name="Selesaikan").click()
    page.locator(".just-done").wait_for()
    (picture,) = kept(pe, people, task)
    case = queries.task(pe, people["admin"], task)["instance_id"]
    (family,) = documents.versions(documents.documents(pe, people["ketua"], case))
    assert (family.row["id"], family.row["of"]) == (picture["document"], 2)
    with Image.open(documents.open_document(pe, people["ketua"], family.older[0]["id"])[1]) as image:
        assert (image.format, image.mode, image.size) == ("PNG", "RGBA", (2560, 9))


def test_a_click_is_answered_at_once_and_counts_once(phone, pe, people, case_at):
    task, page = case_at("siapkan"), phone
    page.goto("/?tab=group")
    page.goto(f"/tasks/{task}")
    fill(page)
    page.get_by_text("Isian tersimpan pukul").wait_for()
    sent = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" and request.url.endswith(task) else None)
    page.line(latency=700)
    shown = page.evaluate("""async () => {
        const button = document.querySelector(".form-end button");
        button.click();
        button.click();
        await new Promise((go) => requestAnimationFrame(() => setTimeout(go)));
        return [button.getAttribute("aria-busy"), button.textContent];
    }""")
    assert shown == ["true", "Mengirim…"]  # in the next frame, long before any answer
    page.locator(".just-done").wait_for()
    assert len(sent) == 1
    assert queries.task(pe, people["admin"], task)["completed_by"] == "penulis"


def test_a_form_that_was_cut_off_is_offered_again(phone, pe, people, case_at):
    task, page = case_at("siapkan"), phone
    page.goto(f"/tasks/{task}")
    fill(page)
    page.get_by_text("Isian tersimpan pukul").wait_for()
    page.line(offline=True)
    page.fill("[name=v-judul]", "Sosialisasi di Pulau Panggang")
    page.get_by_text("Belum tersambung: isian disimpan di perangkat ini.").wait_for()
    page.get_by_role("button", name="Selesaikan").click()
    page.get_by_text("kirim lagi setelah tersambung").wait_for()
    page.line()
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()
    expect(page.locator("[name=v-judul]")).to_have_value("Sosialisasi di Pulau Panggang")
    page.get_by_role("button", name="Selesaikan").click()
    page.locator(".just-done").wait_for()
    assert queries.task(pe, people["admin"], task)["title"] == "Sosialisasi di Pulau Panggang"
    assert uploads.sweep(pe, queries.task(pe, people["admin"], task)["ended_at"]) == 0
