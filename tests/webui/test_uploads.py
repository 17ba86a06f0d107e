"""Uploads in pieces over HTTP, by tus's own names; and newer versions of documents, with and without scripts."""

import base64
import datetime as dt
import io
import json

import pytest
import sqlalchemy as sa
import time_machine
from flask_babel import force_locale, gettext

from bpmn.expressions import sha256
from connectors import Failure
from engine import commands, documents, publication, queries, uploads
from engine.handlers import BpmnError, Job
from engine.ids import new_id
from engine.store import read
from engine.tables import process_instance
from engine.values import load
from tests.webui.scenes import CHECKS, DRAFT, form_data
from tests.webui.test_documents import PDF, picture

PDF_SIZE = len(PDF)
TUS = {"Tus-Resumable": "1.0.0"}


class Sender:
    """A client of the protocol, signed in as somebody."""

    def __init__(self, browser, task):
        self.browser, self.task = browser, task
        self.headers = TUS | {"X-CSRFToken": browser.token()}

    def create(self, size=PDF_SIZE, variable="lampiran", name="surat.pdf", **headers):
        said = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in (("filename", name), ("variable", variable)))
        return self.browser.client.post(f"/tasks/{self.task}/uploads", headers=self.headers | {
            "Upload-Length": str(size), "Upload-Metadata": said} | headers)

    def send(self, url, offset, piece, **headers):
        return self.browser.client.patch(url, data=piece, headers=self.headers | {
            "Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"} | headers)

    def finish(self, url):
        return self.browser.client.post(f"{url}/finish", headers=self.headers)


@pytest.fixture
def sender(signed_in, case_at):
    return Sender(signed_in("penulis"), case_at("siapkan"))


def test_a_file_comes_in_pieces(sender):
    made = sender.create()
    assert (made.status_code, made.headers["Upload-Offset"], made.headers["Tus-Resumable"]) == (201, "0", "1.0.0")
    url = made.location
    assert sender.send(url, 0, PDF[:5]).headers["Upload-Offset"] == "5"
    again = sender.send(url, 0, PDF[:5])
    assert (again.status_code, again.headers["Upload-Offset"]) == (409, "5")
    where = sender.browser.client.head(url, headers=TUS)
    assert (where.status_code, where.headers["Upload-Offset"], where.headers["Upload-Length"]) == (200, "5", str(len(PDF)))
    assert where.headers["Cache-Control"] == "no-store" and where.headers["Upload-Expires"].endswith("GMT")
    assert sender.finish(url).status_code == 409
    assert sender.send(url, 5, PDF[5:]).status_code == 204
    first, second = sender.finish(url), sender.finish(url)
    assert first.status_code == 200 and first.text == second.text
    assert "surat.pdf" in first.text and 'name="v-lampiran-kept"' in first.text


def test_what_the_protocol_asks_for(sender, pe):
    options = sender.browser.client.options(f"/tasks/{sender.task}/uploads")
    assert options.headers["Tus-Extension"] == "creation,expiration,termination" and options.headers["Tus-Version"] == "1.0.0"
    url = sender.create().location
    old = sender.browser.client.head(url, headers={"Tus-Resumable": "0.2.0"})
    assert (old.status_code, old.headers["Tus-Version"]) == (412, "1.0.0")
    assert sender.send(url, 0, PDF, **{"Content-Type": "text/plain"}).status_code == 415
    assert sender.send(url, "x", PDF).status_code == 400
    assert sender.create(**{"Upload-Metadata": "filename !"}).status_code == 400
    pe.config["MAX_UPLOAD_BYTES"] = 1 << 20
    too_large = sender.create(size=(1 << 20) + 1)
    assert too_large.status_code == 413 and "1 MB" in too_large.json["message"]
    assert sender.send(url, 0, PDF + b"x").status_code == 413
    assert sender.browser.client.delete(url, headers=sender.headers).status_code == 204
    assert sender.browser.client.head(url, headers=TUS).status_code == 404


def test_without_a_token_nothing_is_taken(sender):
    url = sender.create().location
    del sender.headers["X-CSRFToken"]
    assert sender.create().status_code == sender.send(url, 0, PDF).status_code == sender.finish(url).status_code == 400
    assert sender.browser.client.head(url, headers=TUS).headers["Upload-Offset"] == "0"


def test_only_ones_own_and_only_for_ones_own_task(sender, signed_in):
    url = sender.create().location
    other = Sender(signed_in("webadmin"), sender.task)
    assert other.browser.client.head(url, headers=TUS).status_code == other.send(url, 0, PDF).status_code == 404
    assert other.finish(url).status_code == other.browser.client.delete(url, headers=other.headers).status_code == 404
    assert Sender(signed_in("ketua"), sender.task).create().status_code == 403
    assert sender.create(variable="judul").status_code == sender.create(variable="tidak_ada").status_code == 404


def test_a_kind_that_the_field_does_not_take_is_refused_with_the_reason(sender):
    url = sender.create(variable="gambar").location
    sender.send(url, 0, PDF)
    answer = sender.finish(url)
    assert answer.status_code == 400 and ".jpg" in answer.json["message"]


# Versions -------------------------------------------------------------------------------------------------------------

@pytest.fixture
def with_file(pe, people, now, case_at):
    """A case at `periksa` whose writer attached a PDF: (case, task, what the variable holds)."""
    task = case_at("siapkan")
    kept = documents.store_upload(pe, people["penulis"], now, stream=io.BytesIO(PDF), name="surat.pdf", variable="lampiran", task_id=task)
    case = queries.task(pe, people["penulis"], task)["instance_id"]
    commands.complete(pe, people["penulis"], now, task, {**DRAFT, "lampiran": [kept]})
    return case, open_task(pe, people, case), kept


def open_task(pe, people, case):
    return queries.tasks(pe, people["admin"], instance_id=case).rows[0]["id"]


def held(pe, case):
    with read(pe) as db:
        return load(db.scalar(sa.select(process_instance.c.variables).where(process_instance.c.id == case)))[""]


def test_a_newer_version_sent_with_the_form_takes_the_place(pe, people, signed_in, with_file):
    case, task, old = with_file
    page = signed_in("kasubbag").get(f"/tasks/{task}").text
    assert "Ganti dengan versi baru" in page and f'name="v-lampiran-replace-{old["document"]}"' in page
    sent = {**form_data({**DRAFT, **CHECKS}), "v-lampiran-kept": json.dumps(old),
            f"v-lampiran-replace-{old['document']}": (io.BytesIO(PDF + b"baru"), "surat-2.pdf")}
    assert signed_in("kasubbag").post(f"/tasks/{task}", sent).status_code == 303
    new = held(pe, case)["lampiran"]
    assert [file["name"] for file in new] == ["surat-2.pdf"]
    for page in (signed_in("ketua").get(f"/cases/{case}").text, signed_in("ketua").get(f"/tasks/{open_task(pe, people, case)}").text):
        assert "versi 2 dari 2" in page and "versi 1 dari 2" in page and "Penulis Demo" in page and "Kasubbag Demo" in page
    assert signed_in("ketua").get(f"/documents/{old['document']}?download=1").data == PDF
    assert signed_in("ketua").get(f"/documents/{old['document']}/view").status_code == 200


def test_a_version_sent_by_the_script_names_what_it_replaces(signed_in, pe, people, with_file):
    _, task, old = with_file
    browser = signed_in("kasubbag")
    answer = browser.post("/uploads", {"task_id": task, "variable": "lampiran", "replaces": old["document"], "file": (io.BytesIO(PDF), "b.pdf")})
    assert answer.status_code == 200
    wrong = browser.post("/uploads", {"task_id": task, "variable": "gambar", "replaces": old["document"], "file": (io.BytesIO(picture()), "b.png")})
    assert wrong.status_code == 400 and "yang diganti" in wrong.json["message"]


def replace(browser, id, content=PDF + b"baru", name="surat-2.pdf", **kwargs):
    return browser.post(f"/documents/{id}/versions", {"file": (io.BytesIO(content), name)}, **kwargs)


def test_a_version_from_the_list_of_documents_is_what_the_variable_holds_then(pe, people, signed_in, with_file):
    case, task, old = with_file
    assert f'action="/documents/{old["document"]}/versions"' in signed_in("kasubbag").get(f"/cases/{case}").text
    assert "/versions" not in signed_in("kasubbag").get(f"/tasks/{task}").text  # its form has the field itself
    for other in ("ketua", "penulis", "analis"):  # see the case, have no task in it
        assert "/versions" not in signed_in(other).get(f"/cases/{case}").text
        assert replace(signed_in(other), old["document"]).status_code == 403
    answer = replace(signed_in("kasubbag"), old["document"])
    assert answer.status_code == 303 and answer.location == f"/cases/{case}"
    assert [file["name"] for file in held(pe, case)["lampiran"]] == ["surat-2.pdf"]
    assert replace(signed_in("kasubbag"), old["document"]).status_code == 409  # it is not what the case holds any more
    assert replace(signed_in("kasubbag"), held(pe, case)["lampiran"][0]["document"], picture(), "a.png").status_code == 400
    assert replace(signed_in("kasubbag"), "tidak-ada").status_code == 404


def test_what_was_approved_is_not_replaced_and_were_it_nothing_is_published(pe, people, now, signed_in, with_file):
    case, task, old = with_file
    commands.complete(pe, people["kasubbag"], now, task, {**CHECKS, **DRAFT, "lampiran": [old]})
    commands.complete(pe, people["ketua"], now, open_task(pe, people, case), {"keputusan": "sesuai"})
    approved = held(pe, case)
    assert approved["segel"] and "/versions" not in signed_in("kasubbag").get(f"/cases/{case}").text
    assert replace(signed_in("kasubbag"), old["document"]).status_code == 409

    new = documents.store_upload(pe, people["admin"], now, stream=io.BytesIO(PDF + b"baru"), name="surat-2.pdf", variable="lampiran",
                                 task_id=open_task(pe, people, case), replaces=old["document"])
    commands.set_variables(pe, people["admin"], now, case, {"lampiran": [new]})  # by an admin's hand, past every page
    payload = {name: held(pe, case).get(name) for name in (*publication.SEALED, "segel", "jenis", "klasifikasi")} | {"kanal": "website"}
    assert payload["segel"] == sha256([approved.get(name) for name in publication.SEALED])
    with pytest.raises(BpmnError, match="berbeda dari yang disetujui"):
        publication.publish(pe, Job(new_id(now), "kpu", case, "publikasikan", payload, 1, publication.TOPIC), now)


def test_ones_place_is_kept_after_a_version_was_put_in(signed_in, with_file):
    case, _, old = with_file
    answer = replace(signed_in("kasubbag"), old["document"], headers={"Referer": f"http://localhost/cases/{case}?all=1"})
    assert answer.location == f"/cases/{case}#documents"


def test_uploads_are_limited_for_a_person(sender, monkeypatch):
    monkeypatch.setattr(uploads, "MOST_OPEN", 1)
    assert sender.create().status_code == 201
    assert sender.create().status_code == 409


def test_why_a_notice_failed_is_said_in_the_readers_language(app):
    from engine import sending
    from webui import view

    kept = sending.reason(Failure("Alamat e-mail ini tidak dapat dipakai."))
    for language in ("id", "en"):
        with app.test_request_context(headers={"Accept-Language": language}), force_locale(language):
            assert view.reason(kept) == gettext("Alamat e-mail ini tidak dapat dipakai.")
            assert view.reason(sending.reason(Failure("Ditolak: %(answer)s", answer="550 %s"))) == "Ditolak: 550 %s"
            assert view.reason("Tidak pasti") == "Tidak pasti"  # of before
            assert view.reason(None) == ""


@pytest.mark.parametrize(("today", "until"), [("2026-03-06T03:00", "2026-03-09T08:00"), ("2026-11-24T03:00", "2026-11-25T07:30")])
def test_put_off_until_the_office_opens_again(pe, people, signed_in, case_at, today, until):
    task = case_at("siapkan")
    browser = signed_in("penulis")
    browser.post(f"/tasks/{task}/claim")
    with time_machine.travel(dt.datetime.fromisoformat(today).replace(tzinfo=dt.timezone.utc), tick=False):
        page = signed_in("penulis").get(f"/tasks/{task}").text
    assert f'name="until" value="{until}"' in page
