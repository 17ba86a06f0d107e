"""One task on its page: shown, claimed, released, completed, refused."""

import html
import io
import json
import re
import threading

import pytest

from engine import commands, queries
from engine.people import create_user
from tests.webui.scenes import CHECKS, DRAFT, form_data


def errors(page):
    return dict(re.findall(r'class="field-error" id="v-(\w+)-error">([^<]*)<', page))


def test_the_page_shows_what_to_do_and_the_standard(signed_in, case_at):
    page = signed_in("kasubbag").get(f"/tasks/{case_at('periksa')}").text
    for words in ("Memeriksa bahan informasi", "Mutu baku", "Nota Dinas dan Konsep Informasi", "1 jam", "Langkah 4", "SOP 06 TAHUN 2022",
                  "Kebenaran bahan informasi sudah diperiksa", "Sosialisasi di Pulau Pramuka"):
        assert words in page
    assert "Mohon disiapkan." in page and "Ketua Demo" in page  # what the Ketua Divisi wrote before, and who that is


def test_a_wrong_form_says_so_at_its_fields_and_loses_nothing(signed_in, case_at):
    task, browser = case_at("siapkan"), signed_in("penulis")
    answer = browser.post(f"/tasks/{task}", form_data({"judul": "X", "isi": "Teks yang panjang", "jenis": "bukan-pilihan"}))
    assert answer.status_code == 400
    assert set(errors(answer.text)) == {"jenis", "klasifikasi", "judul"}
    assert 'aria-describedby="v-judul-error"' in answer.text and 'aria-invalid="true"' in answer.text
    assert 'href="#v-judul"' in answer.text and "Teks yang panjang" in answer.text


def test_completing_leads_to_the_inbox_with_word_of_it(pe, people, signed_in, case_at):
    task = case_at("siapkan")
    answer = signed_in("penulis").post(f"/tasks/{task}", form_data(DRAFT))
    assert (answer.status_code, answer.location) == (303, f"/?done={task}")
    done = queries.task(pe, people["penulis"], task)
    assert done["completed_by"] == "penulis"


def test_completing_leads_to_the_next_task_where_that_is_mine(pe, people, now, signed_in, case_at):
    create_user(pe, people["admin"], now, id="serbabisa", name="Serba Bisa", password="terbit-demo", groups=["pelaksana", "sub-bagian"])
    task = case_at("siapkan")
    answer = signed_in("serbabisa").post(f"/tasks/{task}", form_data(DRAFT))
    assert re.fullmatch(rf"/tasks/[0-9a-f-]+\?done={task}", answer.location)


def test_a_second_completion_is_told_plainly(signed_in, case_at):
    task, browser = case_at("siapkan"), signed_in("penulis")
    browser.post(f"/tasks/{task}", form_data(DRAFT))
    again = browser.post(f"/tasks/{task}", form_data(DRAFT))
    assert again.status_code == 409 and "Anda sudah menyelesaikan" in again.text
    other = signed_in("webadmin").post(f"/tasks/{task}", form_data(DRAFT))
    assert other.status_code == 409 and "sudah diselesaikan oleh Penulis Demo" in other.text and "Isian Anda tidak disimpan" in other.text
    assert signed_in("kasubbag").get(f"/tasks/{task}").status_code == 200


def test_of_many_at_once_one_completes(signed_in, case_at):
    task, answers = case_at("siapkan"), []
    browsers = [signed_in("penulis") for _ in range(6)]
    sent = [{"csrf_token": b.token("/"), **form_data(DRAFT)} for b in browsers]
    threads = [threading.Thread(target=lambda b=b, d=d: answers.append(b.client.post(f"/tasks/{task}", data=d).status_code))
               for b, d in zip(browsers, sent, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [303, 409, 409, 409, 409, 409]


def test_who_sees_the_case_but_may_not_do_the_task_can_only_look(signed_in, case_at):
    task, browser = case_at("putuskan"), signed_in("penulis")
    page = browser.get(f"/tasks/{task}")
    assert page.status_code == 200 and "bukan untuk Anda" in page.text and 'name="v-keputusan"' not in page.text
    assert browser.post(f"/tasks/{task}", form_data({"keputusan": "sesuai"})).status_code == 403
    assert browser.post(f"/tasks/{task}/claim").status_code == 403


@pytest.mark.parametrize("action", ["", "/claim", "/release", "/shown"])
def test_a_task_that_may_not_be_seen_does_not_exist(pe, people, now, signed_in, case_at, action):
    create_user(pe, people["admin"], now, id="tamu", name="Tamu", password="terbit-demo")
    task, browser = case_at("putuskan"), signed_in("tamu")
    assert browser.get(f"/tasks/{task}").status_code == 404
    assert browser.get(f"/tasks/{task}/diagram").status_code == 404
    assert browser.get(f"/preview/tasks/{task}/").status_code == 404
    assert browser.post(f"/tasks/{task}{action}").status_code == 404


def test_claim_and_release(pe, people, now, signed_in, case_at):
    task, browser = case_at("periksa"), signed_in("kasubbag")
    assert browser.post(f"/tasks/{task}/claim").location == f"/tasks/{task}"
    assert browser.post(f"/tasks/{task}/claim").status_code == 303  # again: nothing happens
    assert queries.task(pe, people["kasubbag"], task)["assignee"] == "kasubbag"
    create_user(pe, people["admin"], now, id="wakil", name="Wakil", password="terbit-demo", groups=["sub-bagian"])
    other = signed_in("wakil").post(f"/tasks/{task}/claim")
    assert other.status_code == 409 and "sudah diambil oleh kasubbag" in other.text
    assert browser.post(f"/tasks/{task}/release").location == "/"
    assert browser.post(f"/tasks/{task}/release").status_code == 303
    assert queries.task(pe, people["kasubbag"], task)["assignee"] is None


def test_the_tidak_stands_in_front_of_the_kasubbag(signed_in, returned):
    page = signed_in("kasubbag").get(f"/tasks/{returned}").text
    assert "TIDAK: dikembalikan oleh Ketua Demo" in page
    assert "Nama tempat &lt;b&gt;keliru&lt;/b&gt;." in page and "<b>keliru</b>" not in page


def test_a_check_of_an_earlier_round_is_made_again(signed_in, returned):
    page = signed_in("kasubbag").get(f"/tasks/{returned}").text
    for name in CHECKS:
        box = re.search(rf'<input[^>]*name="v-{name}"[^>]*>', page)[0]
        assert "checked" not in box
    assert re.search(r'name="v-judul"[^>]*value="Sosialisasi di Pulau Pramuka"', page)


def test_a_decision_of_an_earlier_round_is_made_again(pe, people, now, signed_in, returned):
    instance = queries.task(pe, people["ketua"], returned)["instance_id"]
    commands.complete(pe, people["kasubbag"], now, returned, {**CHECKS, **DRAFT})
    task = queries.tasks(pe, people["admin"], instance_id=instance).rows[0]["id"]
    page = signed_in("ketua").get(f"/tasks/{task}").text
    assert "TIDAK: catatan Anda sebelumnya" in page and "checked" not in page
    assert re.search(r'<textarea[^>]*name="v-catatan"[^>]*>\s*</textarea>', page)


def test_tidak_needs_a_note(signed_in, case_at):
    task, browser = case_at("putuskan"), signed_in("ketua")
    refused = browser.post(f"/tasks/{task}", {"v-keputusan": "tidak", "v-catatan": "  "})
    assert refused.status_code == 400 and "Tuliskan apa yang perlu diperbaiki" in errors(refused.text)["catatan"]
    assert browser.post(f"/tasks/{task}", {"v-keputusan": "tidak", "v-catatan": "Perbaiki."}).status_code == 303


def test_the_server_says_which_fields_are_shown(signed_in, case_at):
    task, browser = case_at("siapkan"), signed_in("penulis")
    assert "dasar_pengecualian" not in browser.post(f"/tasks/{task}/shown", {"v-klasifikasi": "berkala"}).json
    shown = browser.post(f"/tasks/{task}/shown", {"v-klasifikasi": "dikecualikan"}).json
    assert "dasar_pengecualian" in shown and "isi" not in shown
    assert browser.post(f"/tasks/{task}/shown", {"v-klasifikasi": "<script>"}).status_code == 200


def test_what_people_write_never_becomes_markup(signed_in, case_at):
    nasty = '<script>alert(1)</script><img src=x onerror=alert(1)>"\'>'
    task = case_at("periksa", judul=nasty, isi=nasty + "\n\n[klik](javascript:alert(1))", disposisi=nasty)
    for user in ("kasubbag", "ketua"):
        browser = signed_in(user)
        for path in ("/", f"/tasks/{task}", f"/preview/tasks/{task}/"):
            page = browser.get(path).text
            assert "<script>alert" not in page and "<img src=x" not in page and 'href="javascript:' not in page, path


def test_a_file_comes_with_the_form_where_there_is_no_script(pe, people, signed_in, case_at):
    task, browser = case_at("siapkan"), signed_in("penulis")
    refused = browser.post(f"/tasks/{task}", {"v-lampiran": (io.BytesIO(b"%PDF-1.4\n"), "../undangan.pdf")})
    assert refused.status_code == 400
    kept = html.unescape(re.search(r'name="v-lampiran-kept" value="([^"]*)"', refused.text)[1])  # not lost with what was refused
    assert browser.post(f"/tasks/{task}", {**form_data(DRAFT), "v-lampiran-kept": kept}).status_code == 303
    case = queries.task(pe, people["penulis"], task)["instance_id"]
    after = queries.tasks(pe, people["admin"], instance_id=case).rows[0]["id"]
    assert [f["name"] for f in queries.task_variables(pe, people["kasubbag"], after)["lampiran"]] == ["undangan.pdf"]


@pytest.mark.parametrize("content, name, said", [
    (b"MZ\x00\x01program", "virus.pdf", "tidak diterima"), (b"<html><script>", "a.html", "tidak diterima"), (b"", "kosong.pdf", "kosong"),
    (b"PK\x03\x04broken", "a.docx", ""), (b"\x89PNG\r\n\x1a\n", "x.png", ""),
])
def test_a_wrong_file_is_refused_at_its_field(signed_in, case_at, content, name, said):
    task, browser = case_at("siapkan"), signed_in("penulis")
    answer = browser.post(f"/tasks/{task}", {**form_data(DRAFT), "v-lampiran": (io.BytesIO(content), name)})
    assert answer.status_code == 400
    assert said in errors(answer.text)["lampiran"]


def test_a_file_of_a_kind_that_the_field_does_not_take_is_refused(signed_in, case_at):
    sent = {**form_data(DRAFT), "v-gambar": (io.BytesIO(b"%PDF-1.4\n"), "a.pdf")}
    answer = signed_in("penulis").post(f"/tasks/{case_at('siapkan')}", sent)
    assert answer.status_code == 400 and "di sini hanya" in errors(answer.text)["gambar"]


@pytest.mark.parametrize("kept", [
    "x", "[]", "{}", '{"document": 1}', "[" * 50_000, '{"document": "x", "name": "", "media_type": "", "size": "NaN", "sha256": ""}',
])
def test_nonsense_for_a_kept_file_is_ignored(signed_in, case_at, kept):
    answer = signed_in("penulis").post(f"/tasks/{case_at('siapkan')}", {**form_data(DRAFT), "v-lampiran-kept": kept})
    assert answer.status_code == 303


def test_somebody_elses_file_cannot_be_named(pe, people, now, signed_in, case_at):
    from engine.documents import store_upload

    other = case_at("periksa")
    foreign = store_upload(pe, people["kasubbag"], now, stream=io.BytesIO(b"%PDF-1.4\n"), name="rahasia.pdf", variable="lampiran",
                           task_id=other)
    answer = signed_in("penulis").post(f"/tasks/{case_at('siapkan')}", {
        **form_data(DRAFT), "v-lampiran-kept": json.dumps(foreign)})
    assert answer.status_code == 400 and "lampiran" in errors(answer.text)


def test_a_suspended_case_takes_no_completion(pe, people, now, signed_in, case_at):
    task = case_at("siapkan")
    commands.suspend_instance(pe, people["admin"], now, queries.task(pe, people["admin"], task)["instance_id"])
    browser = signed_in("penulis")
    assert "sedang ditangguhkan" in browser.get(f"/tasks/{task}").text
    assert browser.post(f"/tasks/{task}", form_data(DRAFT)).status_code == 409


def test_the_task_page_costs_no_more_after_many_rounds(pe, people, now, signed_in, returned, statements):
    browser = signed_in("kasubbag")
    browser.get(f"/tasks/{returned}")
    with statements() as few:
        browser.get(f"/tasks/{returned}")
    instance, task = queries.task(pe, people["ketua"], returned)["instance_id"], returned
    for _ in range(10):
        for who, values in (("kasubbag", {**CHECKS, **DRAFT}), ("ketua", {"keputusan": "tidak", "catatan": "Lagi."})):
            commands.complete(pe, people[who], now, task, values)
            task = queries.tasks(pe, people["admin"], instance_id=instance).rows[0]["id"]
    browser.get(f"/tasks/{task}")  # seen for the first time, it is marked so
    with statements() as many:
        page = browser.get(f"/tasks/{task}").text
    assert len(few) == len(many) <= 18, many  # a draft costs one, comments two
    assert "11×" in page


def test_completing_costs_few_statements(signed_in, case_at, statements):
    task, browser = case_at("putuskan"), signed_in("ketua")
    token = browser.token("/")
    with statements() as found:
        assert browser.client.post(f"/tasks/{task}", data={"csrf_token": token, "v-keputusan": "sesuai"}).status_code == 303
    assert len(found) <= 20, found


def test_the_copy_ready_package_checks_the_link(pe, people, now, signed_in, manual):
    browser = signed_in("webadmin")
    page = browser.get(f"/tasks/{manual}").text
    assert "Bahan siap salin" in page and "Facebook" in page and "pemilih pemula" in page and "data-copy" in page
    inside = browser.post(f"/tasks/{manual}", {"v-tautan": "http://127.0.0.1:1/rahasia"})
    assert inside.status_code == 400 and errors(inside.text)["tautan"]
    assert browser.post(f"/tasks/{manual}", {"v-tautan": "ftp://x"}).status_code == 400
    reason = browser.post(f"/tasks/{manual}", {"v-tautan": "https://facebook.example/1", "v-alasan_tanpa_periksa": "Harus masuk dahulu."})
    assert reason.status_code == 303
