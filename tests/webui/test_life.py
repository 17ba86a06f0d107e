"""The life of a version on the web: announced, in force, revoked; a change of scope asked about; reviews and their outcome."""

import datetime as dt
import io
from zoneinfo import ZoneInfo

import pytest

from engine import commands, installation, model_drafts, queries, reviews
from engine.version_life import PutInForce
from tests.engine.small import END, START, chain, diagram, user_task

JAKARTA = ZoneInfo("Asia/Jakarta")
NAME = "Urusan"


def content(name="a", **properties):
    body = chain(START, user_task(name), END)
    return diagram(body, "urusan", attributes='camunda:candidateStarterGroups="pelaksana"', properties=properties).replace(
        b'name="urusan"', b'name="Urusan"')


@pytest.fixture
def today():
    return dt.datetime.now(dt.timezone.utc)


@pytest.fixture
def put(pe, people, today):
    def make(file, at=today, **how):
        return commands.deploy(pe, people["pemilik"], at, name="x", resources={"u.bpmn": file}, how=PutInForce(**how)).definitions[0]["id"]
    return make


@pytest.fixture
def pemilik(signed_in, put):
    put(content(ruang_lingkup="Kabupaten"))
    return signed_in("pemilik")


def upload(browser, file, **fields):
    return browser.post("/definitions/upload", {"files": (io.BytesIO(file), "u.bpmn"), "name": "Baru", **fields},
                        content_type="multipart/form-data")


def day(today, days):
    return (today.astimezone(JAKARTA) + dt.timedelta(days=days)).date().isoformat()


def test_a_version_is_announced_for_a_day_and_both_pages_say_so(pemilik, pe, people, today):
    sent = upload(pemilik, content("b", ruang_lingkup="Kabupaten"), **{"from": day(today, 3), "approved_as": "Ani, Sekretaris"})
    assert sent.status_code == 303
    now = pemilik.get("/definitions/urusan").text
    assert "Versi 1 · berlaku" in now and "Mulai berlaku" in now and "Diumumkan" in now
    second = next(row["id"] for row in queries.definitions(pe, people["pemilik"], key="urusan").rows if row["version"] == 2)
    page = pemilik.get(f"/definitions/{second}").text
    assert "diumumkan" in page and "Disahkan oleh Ani, Sekretaris" in page and "berjalan menurut versi 1" in page
    assert "versi 1" in pemilik.get("/definitions").text
    midnight = dt.datetime.fromisoformat(day(today, 3)).replace(tzinfo=JAKARTA)
    before = commands.start(pe, people["penulis"], midnight - dt.timedelta(seconds=1), key="urusan").definition_id
    assert before != second == commands.start(pe, people["penulis"], midnight, key="urusan").definition_id


@pytest.mark.parametrize("days, words", [(-1, "sudah lewat"), (3000, "terlalu jauh")])
def test_a_day_that_cannot_be_is_refused_with_what_was_typed(pemilik, today, days, words):
    sent = upload(pemilik, content("b", ruang_lingkup="Kabupaten"), **{"from": day(today, days), "approved_as": "Ani"})
    assert sent.status_code == 400 and words in sent.text and 'value="Ani"' in sent.text
    assert upload(pemilik, content("b"), **{"from": "kapan-kapan"}).status_code == 400


def test_another_scope_is_asked_about_and_decided(pemilik):
    file = content("a", ruang_lingkup="Provinsi")
    asked = upload(pemilik, file)
    assert asked.status_code == 409 and "Kabupaten → Provinsi" in asked.text and 'name="essential" value="revoke"' in asked.text
    assert upload(pemilik, file, essential="revoke").status_code == 303
    page = pemilik.get("/definitions/urusan").text
    assert "Versi 2 · berlaku" in page and "Dicabut" in page


def test_the_studio_asks_by_json(pemilik, pe, people):
    first = queries.definition(pe, people["pemilik"], "urusan")["id"]
    pemilik.post(f"/definitions/{first}/draft")
    draft = model_drafts.get(pe, people["pemilik"], "urusan")
    file = draft["files"][0]
    pemilik.post("/definitions/urusan/draft/files/" + file["name"], {
        "draft": draft["id"], "version": file["version"], "content": content("a", ruang_lingkup="Provinsi").decode()})
    state = pemilik.post("/definitions/urusan/draft/check", {"draft": draft["id"]}).json["state"]
    asked = pemilik.post("/definitions/urusan/draft/force", {"draft": draft["id"], "state": state, "note": "x"})
    assert asked.status_code == 409
    assert asked.json["essential"] == [{"what": "Ruang lingkup", "before": "Kabupaten", "after": "Provinsi"}]
    done = pemilik.post("/definitions/urusan/draft/force", {"draft": draft["id"], "state": state, "note": "x", "essential": "keep"})
    assert done.status_code == 201


def test_what_is_revoked_is_started_neither_from_the_page_nor_by_rest(pemilik, signed_in, pe, people, put, today):
    penulis = signed_in("penulis")
    id = queries.definition(pe, people["pemilik"], "urusan")["id"]
    case = commands.start(pe, people["penulis"], today, key="urusan").id
    assert "Urusan" in penulis.get("/start").text
    page = pemilik.get(f"/definitions/{id}/revoke").text
    assert "1 berkas masih berjalan" in page and case in page
    path = f"/definitions/{id}/revoke"
    for missing in ({"running": "finish", "reason": ""}, {"reason": "Aturan diganti"}):
        assert pemilik.post(path, {"whole": "yes", **missing}).status_code == 400
    assert pemilik.post(path, {"whole": "yes", "running": "finish", "reason": "Aturan <b>diganti</b>"}).status_code == 303
    shown = pemilik.get("/definitions/urusan").text
    assert "Dicabut pada" in shown and "Aturan &lt;b&gt;diganti" in shown and "Dicabut" in pemilik.get("/definitions").text
    assert "Urusan" not in penulis.get("/start").text and penulis.get("/start/urusan").status_code == 404
    answer = penulis.client.post("/engine-rest/process-definition/key/urusan/start", json={}, auth=("penulis", "terbit-demo"))
    assert answer.status_code >= 400 and "dicabut pada" in answer.json["message"] and "diganti" in answer.json["message"]
    assert penulis.get(f"/cases/{case}").status_code == 200


def test_only_owners_revoke_and_review(signed_in, pemilik, pe, people):
    id = queries.definition(pe, people["pemilik"], "urusan")["id"]
    for who in ("penulis", "analis"):
        browser = signed_in(who)
        assert browser.get(f"/definitions/{id}/revoke").status_code == 403
        assert browser.post(f"/definitions/{id}/revoke", {"reason": "x" * 9, "running": "finish"}).status_code == 403
        assert browser.post("/definitions/urusan/review").status_code == 403


def test_a_review_is_filled_in_judged_and_its_outcome_kept(pemilik, pe, people, today):
    installation.deploy_shipped(pe, today, installation.MODELS / reviews.KEY)
    begun = pemilik.post("/definitions/urusan/review")
    assert begun.status_code == 303 and "/tasks/" in begun.location
    task = pemilik.get(begun.location).text
    assert "Angka dari berkas" in task and "0 dimulai" in task and "Waktu mutu baku dapat dipenuhi" in task
    assert "Sedang ditinjau" in pemilik.get("/definitions/urusan").text and "Tinjau sekarang" not in pemilik.get("/definitions/urusan").text
    answers = {f"v-{name}": "ya" for name in reviews.QUESTIONS} | {"v-waktu_sesuai": "tidak", "v-hasil": "revisi"}
    assert pemilik.post(begun.location, answers).status_code == 400  # a note and a reason are asked for
    told = {**answers, "v-catatan_penilaian": "Langkah a terlalu lama", "v-alasan_hasil": "Perlu waktu lebih"}
    assert pemilik.post(begun.location, told).status_code == 303
    page = pemilik.get("/definitions/urusan").text
    for words in ("Revisi", "Perlu waktu lebih", "Langkah a terlalu lama", "Buka rancangan revisi", "Tabel 7"):
        assert words in page
    assert "Tinjauan Berkala SOP" not in pemilik.get("/start").text


def test_an_admin_says_how_often_sops_are_reviewed(signed_in, pe):
    admin = signed_in("admin")
    assert admin.post("/office/review", {"months": "4"}).status_code == 303
    assert 'name="months" inputmode="numeric" required maxlength="2" value="4"' in admin.get("/office").text
    for wrong in ("", "enam", "25"):
        assert admin.post("/office/review", {"months": wrong}).status_code == 400
    assert signed_in("pemilik").post("/office/review", {"months": "4"}).status_code == 403
