"""Coba dulu in the browser's terms: each request sends all steps, the server plays them again; scenarios are kept and run."""

import html
import io
import json
import re

import pytest
import sqlalchemy as sa

from engine.store import read
from engine.tables import document
from tests.engine import small
from tests.engine.test_trials import APPROVED, TO_DECIDE

PAGE = "/definitions/penerbitan-informasi/try"


@pytest.fixture
def owner(sop, signed_in):
    return signed_in("pemilik")


def steps_of(answer):
    return json.loads(html.unescape(re.search(r'name="steps" value="([^"]*)"', answer.text)[1]))


def do(browser, what, steps, page=PAGE, **fields):
    return browser.post(page, {"do": what, "steps": json.dumps(steps), **fields}, token_from="/definitions")


def test_only_owners_try(sop, signed_in):
    for page in (PAGE, f"{PAGE}/scenarios"):
        assert signed_in("ketua").get(page).status_code == 403


def test_a_trial_begins_and_its_first_task_shows_its_form(owner):
    answer = do(owner, "start", [])
    assert answer.status_code == 200
    assert [s["do"] for s in steps_of(answer)] == ["start"]
    assert 'name="v-perihal"' in answer.text and "Menugaskan Kasubbag" in answer.text


def test_a_form_is_checked_as_at_the_real_task(owner):
    (start,) = steps_of(do(owner, "start", []))
    task = {"element": "tugaskan", "number": "0"}
    refused = do(owner, "complete", [start], **task, **{"v-perihal": "ab"})
    assert refused.status_code == 400
    assert steps_of(refused) == [start] and "Paling sedikit 3 huruf." in refused.text and 'value="ab"' in refused.text
    good = do(owner, "complete", [start], **task, **{"v-sumber": "nota-dinas", "v-perihal": "Rapat pleno", "v-kanal": ["website"]})
    assert good.status_code == 200
    assert steps_of(good)[-1]["variables"]["kanal"] == ["website"]
    assert "Memerintahkan penyiapan bahan" in good.text


def test_a_file_is_known_by_its_name_and_hash_and_kept_nowhere(owner, pe):
    (start,) = steps_of(do(owner, "start", []))
    answer = do(owner, "complete", [start], element="tugaskan", number="0", **{
        "v-sumber": "nota-dinas", "v-perihal": "Rapat pleno", "v-kanal": ["website"], "v-surat": (io.BytesIO(b"isi surat"), "surat.pdf")})
    (value,) = steps_of(answer)[-1]["variables"]["surat"]
    assert (value["name"], value["size"], value["media_type"]) == ("surat.pdf", 9, "application/pdf")
    with read(pe) as db:
        assert db.scalar(sa.select(sa.func.count()).select_from(document)) == 0


def test_back_one_step_and_all_the_way(owner):
    back = do(owner, "undo", TO_DECIDE)
    assert steps_of(back) == TO_DECIDE[:-1] and "Memeriksa bahan informasi" in back.text
    assert steps_of(do(owner, "reset", TO_DECIDE)) == []


def test_what_each_channel_would_get_is_shown_and_a_call_can_fail(owner):
    steps = [*APPROVED, {"do": "time", "next": True}]
    page = do(owner, "open:x:0", steps)
    assert "Yang akan dikirim" in page.text and "Isi lengkap." in page.text and "dikerjakan dengan tangan" in page.text
    failed = do(owner, "job", steps, element="publikasi", number="1", outcome="permanent", error="Tidak ada token.")
    assert steps_of(failed)[-1] == {"do": "job", "element": "publikasi", "number": 1, "outcome": "permanent", "error": "Tidak ada token."}
    assert "Menerbitkan dengan tangan" in failed.text


def test_time_is_moved(owner):
    page = do(owner, "time-working", APPROVED, hours="0,5")
    assert steps_of(page)[-1] == {"do": "time", "working": 30}
    assert steps_of(do(owner, "time-next", APPROVED))[-1] == {"do": "time", "next": True}
    assert steps_of(do(owner, "time-to", APPROVED, to="2026-03-02T16:00"))[-1]["to"] == "2026-03-02T09:00:00+00:00"
    assert do(owner, "time-working", APPROVED, hours="banyak").status_code == 400


@pytest.mark.parametrize("steps", ["x", "{}", "[1]", '[{"do": "x"}]', '[{"do": "start", "variables": 5}]', "[" * 5000, '[{"do": "time"}]',
                                   json.dumps([{"do": "start"}] * 600)])
def test_steps_that_mean_harm_are_answered_and_nothing_else_happens(owner, steps):
    answer = owner.post(PAGE, {"do": "undo", "steps": steps}, token_from="/definitions")
    assert answer.status_code == 400 or "Percobaan belum dimulai." in answer.text


@pytest.mark.parametrize("fields", [
    {"do": "x"}, {"do": "complete", "element": "tak-ada"}, {"do": "job", "element": "a", "outcome": "x"}, {"do": "message", "element": "a"},
    {"do": "job", "element": "a", "outcome": "success", "result": "[1]"}, {"do": "time-to", "to": "kapan"},
    {"do": "start"}, {"do": "complete", "element": "tugaskan", "number": "99999999"},
])
def test_requests_that_cannot_be_done_are_told_on_the_page(owner, fields):
    answer = owner.post(PAGE, {"steps": json.dumps(TO_DECIDE), **fields}, token_from="/definitions")
    assert answer.status_code in (400, 409) and steps_of(answer) == TO_DECIDE and 'id="trial-problem"' in answer.text


def test_a_script_in_a_variable_stays_text(owner):
    bad = "<script>alert(1)</script>"
    page = do(owner, "open:x:0", [{"do": "start", "variables": {bad: bad}}])
    assert bad not in page.text and html.escape(bad) in page.text


def test_a_trial_is_kept_run_renamed_and_deleted(owner, pe, people):
    kept = do(owner, "save", TO_DECIDE, name="Sampai diputuskan", variable=["judul"])
    assert kept.status_code == 200 and "Sampai diputuskan" in kept.text
    assert do(owner, "save", TO_DECIDE, name="Sampai diputuskan").status_code == 409
    page = owner.get(f"{PAGE}/scenarios")
    assert "Sampai diputuskan" in page.text and "Semua skenario berjalan" in page.text
    scenario = re.search(r"\?scenario=([\w-]+)", page.text)[1]
    assert steps_of(owner.get(f"{PAGE}?scenario={scenario}")) == TO_DECIDE
    posted = owner.post(f"{PAGE}/scenarios", {"do": "rename", "scenario": scenario, "name": "Lain"}, token_from="/definitions")
    assert posted.status_code == 303 and "Lain" in owner.get(f"{PAGE}/scenarios").text
    owner.post(f"{PAGE}/scenarios", {"do": "delete", "scenario": scenario}, token_from="/definitions")
    assert "Belum ada skenario" in owner.get(f"{PAGE}/scenarios").text
    assert owner.get(f"{PAGE}?scenario={scenario}").status_code == 404


def test_a_draft_that_goes_another_way_is_put_in_force_only_when_that_is_said(owner, pe, people, now):
    from engine import model_drafts, scenarios

    do(owner, "save", TO_DECIDE, name="Sampai diputuskan")
    pemilik = people["pemilik"]
    key = model_drafts.begin(pe, pemilik, now, small.queries.definition(pe, pemilik, "penerbitan-informasi")["id"])
    draft = model_drafts.get(pe, pemilik, key)
    file = model_drafts.file(pe, pemilik, draft["id"], "penerbitan-informasi.bpmn")
    changed = file["content"].replace(b'sourceRef="perintahkan" targetRef="siapkan"', b'sourceRef="perintahkan" targetRef="periksa"')
    assert changed != file["content"]
    model_drafts.save(pe, pemilik, now, draft["id"], file["name"], changed, file["version"])
    page = owner.get(f"/definitions/{key}/draft/try/scenarios")
    assert "Langkah 3: Yang terbuka seharusnya siapkan; sekarang periksa" in html.unescape(page.text)
    state = model_drafts.check_draft(pe, pemilik, draft["id"]).state
    sent = {"draft": draft["id"], "state": state, "note": "Lompat"}
    refused = owner.post(f"/definitions/{key}/draft/force", sent, token_from="/definitions")
    assert refused.status_code == 409
    assert [each["name"] for each in refused.json["failing"]] == ["Sampai diputuskan"] and refused.json["failing"][0]["differences"]
    assert owner.post(f"/definitions/{key}/draft/force", {**sent, "accept_failing": "yes"}, token_from="/definitions").status_code == 201
    assert scenarios.scenarios(pe, pemilik, key)


def test_an_upload_that_goes_another_way_is_put_in_force_only_when_that_is_said(owner):
    do(owner, "save", TO_DECIDE, name="Sampai diputuskan")
    diagram = owner.get("/definitions/penerbitan-informasi/xml").data.replace(
        b'sourceRef="perintahkan" targetRef="siapkan"', b'sourceRef="perintahkan" targetRef="periksa"')
    assert b'targetRef="siapkan"' not in diagram

    def send(**fields):
        return owner.post("/definitions/upload", {"files": (io.BytesIO(diagram), "penerbitan-informasi.bpmn"), **fields},
                          token_from="/definitions/upload")
    refused = send()
    assert refused.status_code == 409 and "Sampai diputuskan" in refused.text and "seharusnya siapkan; sekarang periksa" in refused.text
    assert send(accept_failing="yes").status_code == 303


def test_a_diagram_that_cannot_run_shows_why(owner, pe, people, now):
    from engine import model_drafts

    pemilik = people["pemilik"]
    key = model_drafts.begin(pe, pemilik, now, small.queries.definition(pe, pemilik, "penerbitan-informasi")["id"])
    draft = model_drafts.get(pe, pemilik, key)
    file = model_drafts.file(pe, pemilik, draft["id"], f"{key}.bpmn")
    broken = file["content"].replace(b'camunda:topic="publikasi"', b"")
    model_drafts.save(pe, pemilik, now, draft["id"], file["name"], broken, file["version"])
    page = owner.get(f"/definitions/{key}/draft/try")
    assert page.status_code == 422 and "topic" in page.text and "Tanpa topik tidak ada yang mengerjakannya" in page.text


def test_the_server_says_which_fields_are_shown(owner):
    steps = json.dumps(TO_DECIDE)
    asked = {"steps": steps, "open": "putuskan:0"}
    address = f"{PAGE}/shown?version=penerbitan-informasi"
    assert owner.post(address, {**asked, "v-keputusan": "sesuai"}, token_from="/definitions").json == ["keputusan"]
    assert owner.post(address, {**asked, "v-keputusan": "tidak"}, token_from="/definitions").json == ["catatan", "keputusan"]


def test_a_trial_costs_few_statements(owner, statements):
    token = owner.token("/definitions")
    with statements() as found:
        owner.client.post(PAGE, data={"csrf_token": token, "do": "open:x:0", "steps": json.dumps(TO_DECIDE)})
    assert len(found) <= 16, found
