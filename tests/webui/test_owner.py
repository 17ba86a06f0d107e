"""The process owner's pages: versions, checking, putting in force; nothing half done."""

import io
import json
from concurrent.futures import ThreadPoolExecutor

import pytest

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


def send(browser, path, content, **fields):
    return browser.post(path, {"diagram": (io.BytesIO(content), "diagram.bpmn"), **fields}, content_type="multipart/form-data")


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


def test_a_changed_diagram_becomes_the_next_version_with_its_forms(pe, people, pemilik, diagram, newest):
    before = newest()
    answer = send(pemilik, f"/definitions/{SOP}/versions", renamed(diagram), base=before["id"], name="Nama langkah 3")
    assert answer.status_code == 201
    assert answer.json["version"] == 2
    after = newest()
    names = {r["name"] for r in queries.deployment_resources(pe, people["pemilik"], after["deployment_id"])}
    assert names == {r["name"] for r in queries.deployment_resources(pe, people["pemilik"], before["deployment_id"])}
    assert queries.definition_xml(pe, people["pemilik"], after["id"]) == renamed(diagram)
    page = pemilik.get(answer.json["location"]).text
    assert "Nama langkah 3" in page and "Pemilik Demo" in page


def test_running_cases_stay_on_their_version_and_new_ones_take_the_new(pe, people, pemilik, diagram, newest, now):
    old = commands.start(pe, people["ketua"], now, key=SOP)
    send(pemilik, f"/definitions/{SOP}/versions", renamed(diagram), base=newest()["id"], name="x")
    new = commands.start(pe, people["ketua"], now, key=SOP)
    assert queries.instance(pe, people["ketua"], old.id)["definition_id"].split(":")[1] == "1"
    assert queries.instance(pe, people["ketua"], new.id)["definition_id"].split(":")[1] == "2"


def test_an_unchanged_diagram_makes_no_version(pemilik, diagram, newest):
    answer = send(pemilik, f"/definitions/{SOP}/versions", diagram, base=newest()["id"], name="x")
    assert answer.status_code == 409
    assert newest()["version"] == 1


def test_who_began_from_an_older_version_is_told_so_and_overwrites_nothing(pemilik, diagram, newest):
    base = newest()["id"]
    assert send(pemilik, f"/definitions/{SOP}/versions", renamed(diagram), base=base, name="x").status_code == 201
    other = diagram.replace(b"Menugaskan Kasubbag", b"Menugasi Kasubbag")
    answer = send(pemilik, f"/definitions/{SOP}/versions", other, base=base, name="y")
    assert answer.status_code == 409
    assert "versi 2" in answer.json["message"]
    assert newest()["version"] == 2


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


def test_a_diagram_with_errors_is_refused_with_findings_and_nothing_is_done(pemilik, diagram, newest):
    broken = diagram.replace(b'targetRef="perintahkan"', b'targetRef="tidak_ada"')
    assert broken != diagram
    answer = send(pemilik, f"/definitions/{SOP}/versions", broken, base=newest()["id"], name="x")
    assert 400 <= answer.status_code < 500
    assert any(f["severity"] == "error" and f["message"] for f in answer.json["findings"])
    assert newest()["version"] == 1


def test_a_check_names_element_line_and_reason(pemilik, diagram):
    wrong = diagram.replace(b"camunda:formRef=\"siapkan\"", b"camunda:formRef=\"hilang\"")
    assert wrong != diagram
    findings = send(pemilik, f"/definitions/{SOP}/check", wrong).json["findings"]
    (finding,) = [f for f in findings if f["element"] == "siapkan"]
    assert finding["line"] > 0 and "hilang" in finding["message"]
    assert send(pemilik, f"/definitions/{SOP}/check", diagram).json["findings"] == []


@pytest.mark.parametrize("content", [b"", b"bukan xml", b"<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>", b"<x/>", b"\x00\xff" * 100])
def test_what_is_no_diagram_is_a_clear_4xx(pemilik, newest, content):
    for path in ("check", "versions"):
        answer = send(pemilik, f"/definitions/{SOP}/{path}", content, base=newest()["id"], name="x")
        assert 400 <= answer.status_code < 500, path
        assert answer.json["message"]


def test_another_process_id_is_another_procedure(pemilik, diagram, newest):
    other = diagram.replace(b'id="penerbitan-informasi"', b'id="lain"').replace(b'processRef="penerbitan-informasi"', b'processRef="lain"')
    answer = send(pemilik, f"/definitions/{SOP}/versions", other, base=newest()["id"], name="x")
    assert answer.status_code == 400
    assert "penerbitan-informasi" in answer.json["message"]


def test_an_uploaded_diagram_keeps_the_forms_in_force(pe, people, pemilik, diagram, newest):
    answer = upload(pemilik, renamed(diagram), "penerbitan-informasi.bpmn")
    assert answer.status_code == 303
    names = {r["name"] for r in queries.deployment_resources(pe, people["pemilik"], newest()["deployment_id"])}
    assert newest()["version"] == 2 and "siapkan.form" in names


def test_an_uploaded_diagram_with_errors_is_shown_with_its_findings(pemilik, diagram, newest):
    broken = diagram.replace(b'targetRef="perintahkan"', b'targetRef="tidak_ada"')
    answer = upload(pemilik, broken, "penerbitan-informasi.bpmn")
    assert answer.status_code == 422
    assert "Kesalahan" in answer.text
    assert newest()["version"] == 1
    assert upload(pemilik, b"{}", "a.form").status_code == 400


def test_the_modeler_page_loosens_style_attributes_only(pemilik):
    policy = pemilik.get(f"/definitions/{SOP}/modeler").headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy and "style-src 'self';" in policy and "style-src-attr 'unsafe-inline'" in policy
    assert "unsafe" not in pemilik.get(f"/definitions/{SOP}").headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["", f"/{SOP}", f"/{SOP}/modeler", "/upload"])
def test_staff_and_analysts_do_not_get_at_procedures(signed_in, sop, path):
    for user in ("ketua", "analis"):
        assert signed_in(user).get(f"/definitions{path}").status_code in (403, 404)


def test_staff_cannot_put_in_force(signed_in, diagram, newest):
    answer = send(signed_in("ketua"), f"/definitions/{SOP}/versions", renamed(diagram), base=newest()["id"], name="x")
    assert answer.status_code in (403, 404)
    assert newest()["version"] == 1


def test_only_an_admin_suspends_a_procedure(signed_in, pemilik, newest):
    definition_id = newest()["id"]
    assert pemilik.post(f"/definitions/{definition_id}/suspend").status_code == 403
    admin = signed_in("admin")
    assert admin.post(f"/definitions/{definition_id}/suspend").status_code == 303
    assert newest()["suspended"]
    assert admin.post(f"/definitions/{definition_id}/activate").status_code == 303
    assert not newest()["suspended"]


def test_pages_ask_few_statements(pemilik, statements):
    pemilik.get(f"/definitions/{SOP}")
    with statements() as list_page:
        pemilik.get("/definitions")
    with statements() as page:
        pemilik.get(f"/definitions/{SOP}")
    assert len(list_page) <= 3  # who asks, the list
    assert len(page) <= 8


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
