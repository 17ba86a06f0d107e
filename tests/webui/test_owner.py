"""The process owner's pages: versions, checking, putting in force; nothing half done."""

import io
import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from bpmn import package
from bpmn.errors import Conflict
from engine import commands, queries
from tests.webui.scenes import SOP


@pytest.fixture
def pemilik(signed_in, sop):
    return signed_in("pemilik")


@pytest.fixture
def newest(pe, people, sop):
    return lambda: queries.definition(pe, people["pemilik"], SOP)


@pytest.fixture
def diagram(pe, people, newest):
    return queries.definition_xml(pe, people["pemilik"], newest()["id"])


def upload(browser, content, name):
    fields = {"files": (io.BytesIO(content), name), "name": "Dari meja"}
    return browser.post("/definitions/upload", fields, content_type="multipart/form-data")


def renamed(diagram):
    assert b'name="Menyiapkan bahan informasi"' in diagram
    return diagram.replace(b'name="Menyiapkan bahan informasi"', b'name="Menulis bahan informasi"')


def test_the_list_finds_a_procedure_by_its_name(pemilik):
    assert "Penerbitan/Pengunggahan Informasi" in pemilik.get("/definitions?q=pengunggahan").text
    assert "Tidak ada prosedur yang cocok" in pemilik.get("/definitions?q=cuti").text


def test_a_definition_shows_its_steps_with_their_mutu_baku_forms_and_versions(pemilik):
    page = pemilik.get(f"/definitions/{SOP}").text
    for words in ("Menyiapkan bahan informasi", "5 jam", "Konsep Informasi", "06 TAHUN 2022", "siapkan.form", "Versi 1"):
        assert words in page


def test_the_diagram_is_given_byte_for_byte(pemilik, diagram, newest):
    answer = pemilik.get(f"/definitions/{SOP}/xml?download=1")
    assert answer.data == diagram
    assert answer.mimetype == "application/xml"
    assert "penerbitan-informasi.bpmn" in answer.headers["Content-Disposition"]
    assert "immutable" in pemilik.get(f"/definitions/{newest()['id']}/xml").headers["Cache-Control"]


def test_a_form_is_given_as_it_was_deployed(pemilik, newest):
    answer = pemilik.get(f"/definitions/{newest()['id']}/resources/siapkan.form")
    assert json.loads(answer.data)["components"]
    assert pemilik.get(f"/definitions/{newest()['id']}/resources/tidak-ada.form").status_code == 404


def test_of_two_at_once_one_wins_and_the_other_is_told(pe, people, diagram, newest, now):
    base, names = newest()["id"], [r["name"] for r in queries.deployment_resources(pe, people["pemilik"], newest()["deployment_id"])]
    resources = {name: queries.definition_resource(pe, people["pemilik"], base, name) for name in names}

    def deploy(number):
        changed = resources | {"penerbitan-informasi.bpmn": diagram.replace(b"Menugaskan Kasubbag", b"Menugasi Kasubbag %d" % number)}
        try:
            return commands.deploy(pe, people["pemilik"], now, name="x", resources=changed, based_on=base)
        except Conflict:
            return None

    with ThreadPoolExecutor(6) as pool:
        made = [each for each in pool.map(deploy, range(6)) if each]
    assert len(made) == 1 and newest()["version"] == 2


def test_an_uploaded_diagram_keeps_the_forms_in_force(pe, people, pemilik, diagram, newest):
    answer = upload(pemilik, renamed(diagram), "penerbitan-informasi.bpmn")
    assert answer.status_code == 303
    names = {r["name"] for r in queries.deployment_resources(pe, people["pemilik"], newest()["deployment_id"])}
    assert newest()["version"] == 2 and "siapkan.form" in names


def test_a_zip_is_taken_apart_and_a_hostile_one_refused(pemilik, diagram, newest):
    assert upload(pemilik, package.pack({"penerbitan-informasi.bpmn": renamed(diagram)}), "model.zip").status_code == 303
    assert newest()["version"] == 2
    assert upload(pemilik, b"PK bukan zip", "model.zip").status_code == 400
    assert upload(pemilik, diagram, "..\\..\\x.exe").status_code == 400


def test_an_uploaded_diagram_with_errors_is_shown_with_its_findings(pemilik, diagram, newest):
    broken = diagram.replace(b'targetRef="perintahkan"', b'targetRef="tidak_ada"')
    answer = upload(pemilik, broken, "penerbitan-informasi.bpmn")
    assert answer.status_code == 422
    assert "Kesalahan" in answer.text
    assert newest()["version"] == 1
    assert upload(pemilik, b"{}", "a.form").status_code == 400


@pytest.mark.parametrize("path", ["", f"/{SOP}", "/upload"])
def test_staff_and_analysts_do_not_get_at_procedures(signed_in, sop, path):
    for user in ("ketua", "analis"):
        assert signed_in(user).get(f"/definitions{path}").status_code in (403, 404)


def test_only_an_admin_suspends_a_procedure(signed_in, pemilik, newest):
    definition_id = newest()["id"]
    assert pemilik.post(f"/definitions/{definition_id}/suspend").status_code == 403
    admin = signed_in("admin")
    assert admin.post(f"/definitions/{definition_id}/suspend").status_code == 400, "without a reason"
    assert admin.post(f"/definitions/{definition_id}/suspend", {"reason": "Menunggu perbaikan"}).status_code == 303
    assert newest()["suspended"]
    assert admin.post(f"/definitions/{definition_id}/activate", {"reason": "Sudah"}).status_code == 303
    assert not newest()["suspended"]


def test_pages_ask_few_statements(pemilik, statements):
    pemilik.get(f"/definitions/{SOP}")
    with statements() as list_page:
        pemilik.get("/definitions")
    with statements() as page:
        pemilik.get(f"/definitions/{SOP}")
    assert len(list_page) <= 3  # who asks, the list
    assert len(page) <= 9  # its draft among them


@pytest.mark.parametrize(("written", "english", "indonesian"), [
    ("keputusan.__class__", "names that begin with an underscore are not accepted: __class__", "nama yang diawali garis bawah"),
    ("buka('/etc/passwd')", "unknown function buka", "fungsi buka tidak dikenal"),
])
def test_the_reason_within_an_expression_error_is_in_the_readers_language(pemilik, diagram, written, english, indonesian):
    wrong = diagram.replace(b"keputusan == 'sesuai'", written.encode(), 1)
    assert wrong != diagram
    assert indonesian in upload(pemilik, wrong, "salah.bpmn").text
    pemilik.post("/preferences", {"locale": "en"})
    page = upload(pemilik, wrong, "salah.bpmn").text
    assert indonesian not in page and english in page
