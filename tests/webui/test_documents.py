"""Files in and out of the browser: what is kept, who may have it, and that nothing in it can run."""

import datetime as dt
import io
import re

import pytest
from PIL import Image

from engine import commands, documents, jobs, queries
from tests.engine.test_media import GPS, noted
from tests.webui.scenes import DRAFT, form_data

PDF = b"%PDF-1.4\n%isi\n"


def picture():
    out = io.BytesIO()
    Image.new("RGB", (20, 10), (10, 90, 100)).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def upload(signed_in):
    def send(user, task, content=PDF, name="surat.pdf", variable="lampiran"):
        return signed_in(user).post("/uploads", {"task_id": task, "variable": variable, "file": (io.BytesIO(content), name)})
    return send


def test_an_upload_comes_back_as_a_list_item(upload, case_at):
    answer = upload("penulis", case_at("siapkan"))
    assert answer.status_code == 200
    assert "surat.pdf" in answer.text and 'name="v-lampiran-kept"' in answer.text


@pytest.mark.parametrize("content, name, variable, status", [
    (b"MZ\x00program", "a.pdf", "lampiran", 400), (b"", "a.pdf", "lampiran", 400), (PDF, "a.pdf", "gambar", 400),
    (PDF, "a.pdf", "judul", 404), (PDF, "a.pdf", "tidak_ada", 404), (PDF, "", "lampiran", 404),
])
def test_a_wrong_upload_is_refused(upload, case_at, content, name, variable, status):
    answer = upload("penulis", case_at("siapkan"), content, name, variable)
    assert answer.status_code == status
    if status == 400:
        assert answer.json["message"]


def test_only_who_may_do_the_task_may_upload_for_it(upload, case_at):
    assert upload("ketua", case_at("siapkan")).status_code == 403
    assert upload("penulis", "tidak-ada").status_code == 404


def test_an_upload_is_its_makers_alone_until_the_form_is_sent(pe, people, now, signed_in, case_at):
    task = case_at("siapkan")
    kept = documents.store_upload(pe, people["penulis"], now, stream=io.BytesIO(PDF), name="surat.pdf", variable="lampiran", task_id=task)
    path = f"/documents/{kept['document']}"
    assert signed_in("penulis").get(path).data == PDF
    assert signed_in("ketua").get(path).status_code == 404
    commands.complete(pe, people["penulis"], now, task, {**DRAFT, "lampiran": [kept]})
    assert signed_in("ketua").get(path).data == PDF


def test_a_download_can_do_no_harm(pe, people, now, signed_in, case_at):
    task, browser = case_at("siapkan"), signed_in("penulis")

    def kept(content, name):
        value = documents.store_upload(pe, people["penulis"], now, stream=io.BytesIO(content), name=name, variable="lampiran", task_id=task)
        return browser.get(f"/documents/{value['document']}")

    pdf, image, text = kept(PDF, "Surat “resmi”.pdf"), kept(picture(), "foto.png"), kept(b"a,b\n1,2\n", "tabel.csv")
    for answer, media_type in ((pdf, "application/pdf"), (image, "image/png"), (text, "text/csv")):
        assert answer.content_type.split(";")[0] == media_type
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "script" not in answer.headers["Content-Security-Policy"]
        assert answer.headers["Cache-Control"].startswith("private")
    assert pdf.headers["Content-Disposition"].startswith("inline") and image.headers["Content-Disposition"].startswith("inline")
    assert text.headers["Content-Disposition"].startswith("attachment")


def test_a_part_of_a_file_can_be_asked_for(pe, people, now, signed_in, case_at):
    task = case_at("siapkan")
    kept = documents.store_upload(pe, people["penulis"], now, stream=io.BytesIO(PDF), name="a.pdf", variable="lampiran", task_id=task)
    answer = signed_in("penulis").get(f"/documents/{kept['document']}", headers={"Range": "bytes=0-3"})
    assert (answer.status_code, answer.data) == (206, b"%PDF")


def test_alternative_text_is_kept_with_its_picture(pe, people, signed_in, case_at, now):
    import json

    from engine import queries

    task = case_at("siapkan")
    kept = documents.store_upload(pe, people["penulis"], now, stream=io.BytesIO(picture()), name="a.png", variable="gambar", task_id=task)
    sent = {**form_data(DRAFT), "v-gambar-kept": json.dumps(kept), f"v-gambar-alt-{kept['document']}": "Perahu di dermaga"}
    assert signed_in("penulis").post(f"/tasks/{task}", sent).status_code == 303
    case = queries.task(pe, people["penulis"], task)["instance_id"]
    after = queries.tasks(pe, people["admin"], instance_id=case).rows[0]["id"]
    assert queries.task_variables(pe, people["kasubbag"], after)["gambar"][0]["alt"] == "Perahu di dermaga"
    assert 'alt="Perahu di dermaga"' in signed_in("kasubbag").get(f"/preview/tasks/{after}/").text


def test_a_file_taken_off_the_form_is_not_sent(pe, people, signed_in, case_at, now):
    import json

    from engine import queries

    task = case_at("siapkan")
    kept = documents.store_upload(pe, people["penulis"], now, stream=io.BytesIO(PDF), name="a.pdf", variable="lampiran", task_id=task)
    sent = {**form_data(DRAFT), "v-lampiran-kept": json.dumps(kept), "v-lampiran-drop": kept["document"]}
    assert signed_in("penulis").post(f"/tasks/{task}", sent).status_code == 303
    case = queries.task(pe, people["penulis"], task)["instance_id"]
    after = queries.tasks(pe, people["admin"], instance_id=case).rows[0]["id"]
    assert queries.task_variables(pe, people["kasubbag"], after)["lampiran"] == []


def test_the_preview_is_the_sites_own_page(signed_in, case_at):
    task = case_at("putuskan", isi="Kami mengundang **pemilih pemula**.\n\n<iframe src=x></iframe>")
    answer = signed_in("ketua").get(f"/preview/tasks/{task}/")
    assert "<h1>Sosialisasi di Pulau Pramuka</h1>" in answer.text and "<strong>pemilih pemula</strong>" in answer.text
    assert "<iframe" not in answer.text and "INF-" in answer.text
    policy = answer.headers["Content-Security-Policy"]
    assert "frame-ancestors 'self'" in policy and "sandbox allow-same-origin" in policy and "script-src" not in policy
    assert signed_in("ketua").get("/preview/tasks/gaya.css").content_type.startswith("text/css")


def test_a_form_is_previewed_before_it_is_sent(signed_in, case_at):
    case_at("siapkan")
    answer = signed_in("penulis").post("/preview/form/", {"v-judul": "Judul <b>baru</b>", "v-isi": "# Isi", "v-gambar-kept": "rusak"})
    assert answer.status_code == 200 and "Judul &lt;b&gt;baru&lt;/b&gt;" in answer.text and "<h2>Isi</h2>" in answer.text


def test_who_posts_by_hand_takes_pictures_without_their_place(pe, people, now, signed_in, case_at):
    photo = noted("JPEG")
    task = case_at("siapkan")
    kept = documents.store_upload(pe, people["penulis"], now, stream=io.BytesIO(photo), name="foto.jpg", variable="gambar", task_id=task)
    browser = signed_in("penulis")
    clean = browser.get(f"/documents/{kept['document']}?download=1&clean=1")
    assert Image.open(io.BytesIO(clean.data)).getexif().get_ifd(GPS) == {}
    assert browser.get(f"/documents/{kept['document']}").data == photo  # the archive's own stays as it came
    assert clean.headers["ETag"] != browser.get(f"/documents/{kept['document']}").headers["ETag"]


def test_the_package_offers_clean_files(pe, people, now, signed_in, case_at):
    task = case_at("siapkan", kanal=["facebook"])
    kept = documents.store_upload(pe, people["penulis"], now, stream=io.BytesIO(noted("JPEG")), name="foto.jpg", variable="gambar",
                                  task_id=task)
    commands.complete(pe, people["penulis"], now, task, {**DRAFT, "jenis": "berita", "gambar": [{**kept, "alt": "Foto"}]})
    instance_id = queries.task(pe, people["penulis"], task)["instance_id"]
    [publish] = queries.tasks(pe, people["admin"], instance_id=instance_id).rows
    commands.complete(pe, people["webadmin"], now, publish["id"], {"terbit_pada": None})
    while jobs.run_due(pe, lambda: now + dt.timedelta(hours=1)):
        pass
    [by_hand] = queries.tasks(pe, people["admin"], instance_id=instance_id).rows
    [link] = re.findall(r'href="(/documents/[^"]+download=1[^"]*)"', signed_in("webadmin").get(f"/tasks/{by_hand['id']}").text)
    assert "clean=1" in link
