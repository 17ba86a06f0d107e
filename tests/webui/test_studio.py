"""The studio's pages: what an editor saves, checks and puts in force; who was faster is said; nothing hostile gets in."""

import io
import json
import zipfile

import pytest

import connectors
from bpmn import package, sop
from engine import commands, handlers, model_drafts, queries, retiming
from tests.webui.scenes import SOP
from webui import element_templates

DRAFT, DIAGRAM, FORM = f"/definitions/{SOP}/draft", "penerbitan-informasi.bpmn", "siapkan.form"


@pytest.fixture
def pemilik(signed_in, sop):
    return signed_in("pemilik")


@pytest.fixture
def draft(pe, people, sop, now):
    """A draft of the SOP: a function that gives it as it is."""
    model_drafts.begin(pe, people["pemilik"], now, queries.definition(pe, people["pemilik"], SOP)["id"])
    return lambda: model_drafts.get(pe, people["pemilik"], SOP)


@pytest.fixture
def file(pe, people, draft):
    return lambda name=DIAGRAM: model_drafts.file(pe, people["pemilik"], draft()["id"], name)


@pytest.fixture
def send(draft):
    def post(browser, path, content=None, **fields):
        fields = {"draft": draft()["id"], **fields}
        if content is not None:
            fields["content"] = (io.BytesIO(content), "x")
        return browser.post(f"{DRAFT}{path}", fields, content_type="multipart/form-data")
    return post


def renamed(diagram, name=b"Menulis bahan informasi"):
    assert b'name="Menyiapkan bahan informasi"' in diagram
    return diagram.replace(b'name="Menyiapkan bahan informasi"', b'name="%s"' % name)


# Drafts ---------------------------------------------------------------------------------------------------------------

def test_a_draft_begins_at_the_version_and_opens_its_diagram(pemilik):
    answer = pemilik.post(f"/definitions/{SOP}/draft")
    assert answer.status_code == 303
    page = pemilik.get(answer.headers["Location"], follow_redirects=True)
    assert "data-studio" in page.text and DIAGRAM in page.text
    assert "Lanjutkan rancangan" in pemilik.get(f"/definitions/{SOP}").text
    assert "Sedang diubah" in pemilik.get("/definitions").text


def test_a_new_procedure_has_its_lanes_and_wrong_ones_are_said(pemilik):
    wrong = pemilik.post("/definitions/new", {"key": "Cuti Pegawai", "name": "Cuti", "lanes": "pelaksana"})
    assert wrong.status_code == 400 and "huruf kecil" in wrong.text and 'value="Cuti"' in wrong.text
    answer = pemilik.post("/definitions/new", {"key": "cuti", "name": "Cuti <b>", "lanes": ["pelaksana", "sub-bagian"]})
    assert answer.status_code == 303
    page = pemilik.get("/definitions/cuti/draft").text
    assert "cuti.bpmn" in page and "<b>" not in page.split("<main")[1].split("</h1>")[0].replace("&lt;b&gt;", "")
    assert "dapat diberlakukan" in page
    assert "Rancangan prosedur baru" in pemilik.get("/definitions").text


def test_the_editors_loosen_style_attributes_only(pemilik, draft):
    for name in (DIAGRAM, FORM):
        policy = pemilik.get(f"{DRAFT}/files/{name}").headers["Content-Security-Policy"]
        assert "script-src 'self';" in policy and "style-src 'self';" in policy and "style-src-attr 'unsafe-inline'" in policy
    assert "unsafe" not in pemilik.get(DRAFT).headers["Content-Security-Policy"]


def test_a_discarded_draft_is_gone_unless_somebody_saved_since(pemilik, send, draft, file, pe, people, now):
    seen = model_drafts.state_of(model_drafts.contents(pe, people["pemilik"], draft()["id"]))
    model_drafts.save(pe, people["admin"], now, draft()["id"], DIAGRAM, renamed(file()["content"]), file()["version"])
    refused = send(pemilik, "/discard", state=seen)
    assert refused.status_code == 409 and "Admin" in refused.text
    seen = model_drafts.state_of(model_drafts.contents(pe, people["pemilik"], draft()["id"]))
    assert send(pemilik, "/discard", state=seen).status_code == 303
    assert pemilik.get(DRAFT).status_code == 404


# Saving ---------------------------------------------------------------------------------------------------------------

def test_a_save_gives_the_new_version_and_its_time(pemilik, send, file):
    before = file()
    answer = send(pemilik, f"/files/{DIAGRAM}", renamed(before["content"]), version=before["version"])
    assert answer.status_code == 200
    assert answer.json["version"] == file()["version"] > before["version"]
    assert len(answer.json["at"]) == 5 and answer.json["at"][2] == "."
    assert pemilik.get(f"{DRAFT}/files/{DIAGRAM}/content").data == renamed(before["content"])


def test_who_was_faster_is_said_and_nothing_is_overwritten(signed_in, pemilik, send, file):
    before, admin = file(), signed_in("admin")
    assert send(admin, f"/files/{DIAGRAM}", renamed(before["content"], b"Rekan"), version=before["version"]).status_code == 200
    answer = send(pemilik, f"/files/{DIAGRAM}", renamed(before["content"], b"Saya"), version=before["version"])
    assert answer.status_code == 409
    assert answer.json["conflict"]["person"] == "Admin Demo" and answer.json["conflict"]["at"] and not answer.json["conflict"]["mine"]
    assert b"Rekan" in file()["content"]
    copied = send(pemilik, f"/files/{DIAGRAM}/copy", renamed(before["content"], b"Saya"))
    assert copied.status_code == 201
    assert b"Saya" in file(copied.json["name"])["content"] and b"Rekan" in file()["content"]


def test_a_save_into_a_draft_that_is_gone_is_told_so(pemilik, send, draft, file, pe, people, now):
    content, gone = file()["content"], draft()["id"]
    model_drafts.discard(pe, people["admin"], now, gone, model_drafts.state_of(model_drafts.contents(pe, people["admin"], gone)))
    model_drafts.begin(pe, people["admin"], now, queries.definition(pe, people["admin"], SOP)["id"])
    answer = send(pemilik, f"/files/{DIAGRAM}", renamed(content), draft=gone, version=1)
    assert answer.status_code == 404 and "diberlakukan atau dibuang" in answer.json["message"]
    assert file()["content"] == content


@pytest.mark.parametrize("content", [b"", b"bukan xml", b"<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>", b"\x00\xff" * 100])
def test_what_is_no_diagram_is_a_clear_4xx(pemilik, send, file, content):
    before = file()
    for path in (f"/files/{DIAGRAM}", "/check", f"/files/{DIAGRAM}/copy"):
        answer = send(pemilik, path, content, version=before["version"], name=DIAGRAM)
        assert answer.status_code == 200 and answer.json["findings"] if path == "/check" else answer.status_code == 400, path
    assert file() == before


# Checking and putting in force ----------------------------------------------------------------------------------------

def test_a_check_names_element_line_and_reason_and_saves_nothing(pemilik, send, file):
    wrong = file()["content"].replace(b'camunda:formRef="siapkan"', b'camunda:formRef="hilang"')
    findings = send(pemilik, "/check", wrong, name=DIAGRAM).json["findings"]
    (finding,) = [f for f in findings if f["severity"] == "error"]
    assert finding["element"] == "siapkan" and finding["line"] > 0 and "hilang" in finding["message"] and finding["file"] == DIAGRAM
    saved = send(pemilik, "/check").json
    assert not [f for f in saved["findings"] if f["severity"] == "error"]
    assert saved["files"][DIAGRAM]["version"] == file()["version"] and saved["files"][DIAGRAM]["person"] == "Pemilik Demo"


def test_a_form_is_checked_with_the_rest_of_the_draft(pemilik, send):
    wrong = json.dumps({"components": [{"type": "iframe", "key": "x"}], "id": "siapkan"}).encode()
    found = send(pemilik, "/check", wrong, name=FORM).json["findings"]
    assert next(f["file"] for f in found if f["severity"] == "error") == FORM


def test_a_field_that_a_gateway_reads_is_missed_when_the_form_loses_it(pemilik, send, file):
    schema = json.loads(file("putuskan.form")["content"])
    schema["components"] = [c for c in schema["components"] if c.get("key") != "keputusan"]
    before = {(f["element"], f["message"]) for f in send(pemilik, "/check").json["findings"]}
    found = send(pemilik, "/check", json.dumps(schema).encode(), name="putuskan.form").json["findings"]
    new = [f for f in found if (f["element"], f["message"]) not in before]
    assert new and "keputusan" in " ".join(f["message"] for f in new) and all(f["why"] and f["mend"] for f in new)


def test_put_in_force_new_cases_take_it_and_running_ones_stay(pe, people, pemilik, send, file, now):
    old = commands.start(pe, people["ketua"], now, key=SOP)
    send(pemilik, f"/files/{DIAGRAM}", renamed(file()["content"]), version=file()["version"])
    state = send(pemilik, "/check").json["state"]
    answer = send(pemilik, "/force", note="Nama langkah 3", state=state)
    assert answer.status_code == 201 and answer.json["version"] == 2
    page = pemilik.get(answer.json["location"]).text
    assert "Nama langkah 3" in page and "Pemilik Demo" in page and "Ubah di studio" in page
    new = commands.start(pe, people["ketua"], now, key=SOP)
    versions = [queries.instance(pe, people["ketua"], each.id)["definition_id"].split(":")[1] for each in (old, new)]
    assert versions == ["1", "2"]


def test_with_errors_or_unchanged_or_unseen_nothing_comes_into_force(pe, people, pemilik, send, file):
    unchanged = send(pemilik, "/force", note="x", state=send(pemilik, "/check").json["state"])
    assert unchanged.status_code == 409 and "sama dengan" in unchanged.json["message"]
    broken = file()["content"].replace(b'targetRef="perintahkan"', b'targetRef="tidak_ada"')
    send(pemilik, f"/files/{DIAGRAM}", broken, version=file()["version"])
    unseen = send(pemilik, "/force", note="x", state="lama")
    assert unseen.status_code == 409 and unseen.json["conflict"]["mine"]
    checked = send(pemilik, "/check").json
    refused = send(pemilik, "/force", note="x", state=checked["state"])
    assert refused.status_code == 422
    said = {(f["element"], f["line"], f["message"]) for f in checked["findings"] if f["severity"] == "error"}
    assert said and {(f["element"], f["line"], f["message"]) for f in refused.json["findings"]} == said
    assert queries.definition(pe, people["pemilik"], SOP)["version"] == 1


def test_a_version_in_force_meanwhile_is_shown_and_can_be_gone_on_from(pe, people, pemilik, send, draft, file, now):
    resources = model_drafts.contents(pe, people["admin"], draft()["id"])
    commands.deploy(pe, people["admin"], now, name="x", resources=resources | {DIAGRAM: renamed(file()["content"], b"Rekan")})
    send(pemilik, f"/files/{DIAGRAM}", renamed(file()["content"]), version=file()["version"])
    state = send(pemilik, "/check").json["state"]
    assert send(pemilik, "/force", note="x", state=state).status_code == 409
    assert "versi 2 telah diberlakukan" in pemilik.get(DRAFT).text
    newest = queries.definition(pe, people["pemilik"], SOP)["id"]
    assert send(pemilik, "/rebase", definition=newest).status_code == 303
    assert send(pemilik, "/force", note="x", state=state).json["version"] == 3


# Files ----------------------------------------------------------------------------------------------------------------

def test_files_are_added_renamed_and_removed(pemilik, send, file):
    answer = send(pemilik, "/files", kind="form", name="Surat jalan")
    assert answer.status_code == 303
    assert json.loads(file("Surat jalan.form")["content"])["id"] == "Surat_jalan"
    assert send(pemilik, "/files", kind="form", name="surat jalan").status_code == 409
    assert send(pemilik, "/files/Surat jalan.form/rename", name="jalan", version=file("Surat jalan.form")["version"]).status_code == 303
    assert {"id": "Surat_jalan", "name": "jalan.form", "url": f"{DRAFT}/files/jalan.form"} in pemilik.get(f"{DRAFT}/forms.json").json
    assert send(pemilik, "/files/jalan.form/delete", version=0).status_code == 409
    assert send(pemilik, "/files/jalan.form/delete", version=file("jalan.form")["version"]).status_code == 303
    assert pemilik.get(f"{DRAFT}/files/jalan.form").status_code == 404


@pytest.mark.parametrize("name", ["../x", "a/b", "", "<script>", "a\0b", "x" * 200])
def test_hostile_names_are_a_clear_4xx(pemilik, send, draft, name):
    before = draft()["files"]
    for kind in ("form", "dmn"):
        assert send(pemilik, "/files", kind=kind, name=name).status_code == 400
    assert draft()["files"] == before


def test_a_new_decision_table_has_nothing_wrong(pemilik, send):
    assert send(pemilik, "/files", kind="dmn", name="2 tabel").status_code == 303
    assert not [f for f in send(pemilik, "/check").json["findings"] if f["severity"] == "error"]


def test_out_as_a_zip_and_in_again_nothing_changes(pemilik, send, draft):
    before = draft()["files"]
    content = pemilik.get(f"{DRAFT}/export").data
    assert set(zipfile.ZipFile(io.BytesIO(content)).namelist()) == {f["name"] for f in before}
    answer = send(pemilik, "/import", files=(io.BytesIO(content), "model.zip"), versions="{}")
    assert answer.status_code == 303 and "sama seperti" in pemilik.get(answer.headers["Location"]).text
    assert draft()["files"] == before


def test_what_comes_in_replaces_only_what_the_page_knew(pemilik, send, draft, file):
    old = json.dumps({f["name"]: f["version"] for f in draft()["files"]})
    changed = package.pack({DIAGRAM: renamed(file()["content"], b"Impor"), "baru.form": b'{"components": []}'})
    send(pemilik, f"/files/{DIAGRAM}", renamed(file()["content"], b"Lain"), version=file()["version"])
    assert send(pemilik, "/import", files=(io.BytesIO(changed), "m.zip"), versions=old).status_code == 409
    assert b"Lain" in file()["content"]
    new = json.dumps({f["name"]: f["version"] for f in draft()["files"]})
    assert send(pemilik, "/import", files=(io.BytesIO(changed), "m.zip"), versions=new).status_code == 303
    assert b"Impor" in file()["content"] and "baru.form" in {f["name"] for f in draft()["files"]}


def hostile(*entries):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return out.getvalue()


@pytest.mark.parametrize("content", [
    b"", b"bukan zip", hostile(("../a.form", b"{}")), hostile(("a.form", b"{}"), ("A.form", b"{}")), hostile(("a.form", b" " * (64 << 20))),
    hostile(("a.bpmn", b"<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>")), hostile(("README.md", b"x"))])
def test_a_hostile_zip_is_a_clear_4xx(pemilik, send, draft, content):
    before = draft()["files"]
    answer = send(pemilik, "/import", files=(io.BytesIO(content), "m.zip"), versions="{}")
    assert answer.status_code == 400
    assert draft()["files"] == before


# What the editors ask for ---------------------------------------------------------------------------------------------

def test_the_preview_is_what_the_server_shows_in_a_frame_without_scripts(pemilik, send, file):
    answer = send(pemilik, "/preview", file(FORM)["content"])
    assert answer.status_code == 200
    assert 'name="v-judul"' in answer.text and "<script" not in answer.text
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "script-src" not in policy and answer.headers["X-Frame-Options"] == "SAMEORIGIN"
    refused = send(pemilik, "/preview", json.dumps({"components": [{"type": "iframe", "label": "<b>"}]}).encode())
    assert refused.status_code == 422 and "iframe" in refused.text and "<b>" not in refused.text


def test_conditional_fields_are_shown_when_asked_for(pemilik, send):
    schema = json.dumps({"components": [{"type": "textfield", "key": "a", "label": "A"},
                                        {"type": "textfield", "key": "b", "label": "B", "conditional": {"hide": '=a != "x"'}}]}).encode()
    hidden, shown = (send(pemilik, "/preview", schema, **more).text for more in ({}, {"all": "1"}))
    assert 'data-field="b" hidden' in hidden and 'data-field="b" hidden' not in shown and 'data-field="b"' in shown


def test_there_is_a_template_for_every_connector_topic_and_for_an_activity(pemilik, draft):
    made = pemilik.get(f"{DRAFT}/templates.json").json
    ids = {t["id"] for t in made}
    assert {f"terbit.kanal.{name}" for name in connectors.all_connectors()} <= ids
    handlers.load()
    assert {f"terbit.{topic}" for topic in handlers.topics() if topic != retiming.TOPIC} <= ids  # no diagram asks for that one
    (site,) = [t for t in made if t["id"] == "terbit.kanal.site"]
    (channel,) = [p for p in site["properties"] if p["binding"]["name"] == "kanal"]
    assert channel["type"] == "Dropdown" and {c["value"] for c in channel["choices"]} >= {"website"}
    assert "Nama kantor" in site["description"]  # the connector's declared settings
    (activity,) = [t for t in made if t["id"] == element_templates.ACTIVITY]
    names = {p["binding"]["name"] for p in activity["properties"]}
    assert {"kelengkapan", "waktu", "output", "keterangan"} <= names <= set(sop.Step.__dataclass_fields__)


def test_a_topics_template_gives_the_inputs_that_the_shipped_diagram_gives(file):
    from bpmn import model

    process = next(p for p in model.read(file()["content"], DIAGRAM) if p.key == SOP)
    given = {name for name, _ in process.elements["publikasi"].inputs}
    assert given == {name for name, *_ in element_templates.TOPICS["publikasi"][2]}


# Who may --------------------------------------------------------------------------------------------------------------

def test_staff_and_analysts_do_not_get_at_drafts(signed_in, sop, draft, send, file):
    for user in ("ketua", "analis"):
        browser = signed_in(user)
        for path in ("", "/diagram", f"/files/{DIAGRAM}", f"/files/{DIAGRAM}/content", "/export", "/templates.json", "/forms.json"):
            assert browser.get(DRAFT + path).status_code in (403, 404), path
        assert browser.get("/definitions/new").status_code in (403, 404)
        for path in ("/check", "/force", "/discard", "/rebase", "/files", "/import", "/preview", f"/files/{DIAGRAM}"):
            assert send(browser, path, renamed(file()["content"]), version=file()["version"]).status_code in (403, 404), path
    assert b"Menulis" not in file()["content"]


def test_pages_ask_few_statements(pemilik, statements, send, file):
    pemilik.get(DRAFT)
    with statements() as page:
        pemilik.get(f"{DRAFT}/files/{DIAGRAM}")
    with statements() as saving:
        send(pemilik, f"/files/{DIAGRAM}", renamed(file()["content"]), version=file()["version"])
    assert len(page) <= 6  # who asks, the draft, the newest version, its files, the groups, the office
    assert len([s for s in saving if s.startswith(("UPDATE", "INSERT", "DELETE"))]) == 2
