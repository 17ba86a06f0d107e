"""Perbaiki: an admin mends a case by its page, sees first what will happen, and says why."""

import re

import pytest

from engine import commands, jobs, queries
from tests.engine.small import END, START, catch, chain, deploy, diagram, do, open_tasks, timer, user_task

THREE = diagram(chain(START, user_task("a"), user_task("b", "sub-bagian"), catch("t", timer("timeDuration", "PT2H")), user_task("c"), END))


@pytest.fixture
def case(pe, people, now):
    deploy(pe, people["pemilik"], now, THREE)
    made = commands.start(pe, people["penulis"], now, key="p", variables={"judul": "Satu", "banyak": 3})
    do(pe, people["penulis"], now, "a", judul="Dua")
    return made


def open_of(pe, people, case):
    return {row["activity_id"]: row["id"] for row in queries.activities(pe, people["admin"], case.id) if row["ended_at"] is None}


def types(pe, people, case):
    return [(row["type"], row["data"].get("reason")) for row in queries.events(pe, people["admin"], case.id, limit=200).rows]


def test_a_token_is_moved_in_two_steps_and_the_case_tells_it(pe, people, signed_in, case):
    admin, path = signed_in("admin"), f"/cases/{case.id}/mend"
    assert "Perbaiki" in admin.get(path).text
    told = {"cancel": open_of(pe, people, case)["b"], "element": "a", "kind": "startBeforeActivity"}
    seen = admin.post(f"{path}/move", told)
    assert "“b” dihentikan." in seen.text and "“a” dimulai; tugasnya untuk Pelaksana." in seen.text
    assert set(open_of(pe, people, case)) == {"b"}, "looking changes nothing"
    assert admin.post(f"{path}/move", {**told, "confirm": "1", "reason": " "}).status_code == 400
    assert admin.post(f"{path}/move", {**told, "confirm": "1", "reason": "Salah kirim"}).status_code == 303
    assert set(open_of(pe, people, case)) == {"a"}
    assert "Salah kirim" in admin.get(f"/cases/{case.id}").text
    assert admin.post(f"{path}/move", {**told, "confirm": "1", "reason": "Lagi"}).status_code == 409


def test_what_cannot_be_is_said_on_the_page(pe, people, signed_in, case):
    answer = signed_in("admin").post(f"/cases/{case.id}/mend/move", {"cancel": open_of(pe, people, case)["b"]})
    assert answer.status_code == 400 and "Sesudah perubahan ini tidak ada lagi yang berjalan" in answer.text
    assert "Tidak ada yang diubah" in answer.text


@pytest.mark.parametrize("kind, text, value", [
    ("Integer", "12", 12), ("Double", "1.5", 1.5), ("Boolean", "true", True), ("Json", '{"a": [1]}', {"a": [1]}), ("Null", "", None),
    ("String", "satu\r\ndua", "satu\ndua"), ("Date", "2026-03-02T08:00", "2026-03-02T08:00:00.000+07:00")])
def test_a_variable_is_set_by_its_type(pe, people, signed_in, case, kind, text, value):
    sent = {"name": "banyak", "type": kind, "value": text, "reason": "Salah ketik"}
    assert signed_in("admin").post(f"/cases/{case.id}/mend/variable", sent).status_code == 303
    assert queries.instance_variables(pe, people["admin"], case.id)["banyak"] == value
    assert ("variables.set", "Salah ketik") in types(pe, people, case)


@pytest.mark.parametrize("sent", [
    {"name": "banyak", "type": "Integer", "value": "dua", "reason": "x"}, {"name": "banyak", "type": "Boolean", "value": "ya", "reason": "x"},
    {"name": "banyak", "type": "Json", "value": "{", "reason": "x"}, {"name": "", "type": "String", "value": "x", "reason": "x"},
    {"name": "banyak", "type": "Date", "value": "kemarin", "reason": "x"}, {"name": "banyak", "type": "Integer", "value": "2", "reason": ""}])
def test_a_wrong_value_is_refused(pe, people, signed_in, case, sent):
    assert signed_in("admin").post(f"/cases/{case.id}/mend/variable", sent).status_code == 400
    assert queries.instance_variables(pe, people["admin"], case.id)["banyak"] == 3


def test_a_variable_is_deleted_and_its_history_stays(pe, people, signed_in, case):
    admin = signed_in("admin")
    admin.post(f"/cases/{case.id}/mend/variable", {"name": "judul", "delete": "1", "reason": "Tidak perlu"})
    assert "judul" not in queries.instance_variables(pe, people["admin"], case.id)
    page = admin.get(f"/cases/{case.id}/mend").text
    assert "banyak" in page


def test_a_timer_is_put_off_and_fired(pe, people, signed_in, case, now):
    do(pe, people["kasubbag"], now, "b")
    admin = signed_in("admin")
    [job] = queries.jobs(pe, people["admin"], instance_id=case.id).rows
    path = f"/cases/{case.id}/mend/jobs/{job['id']}"
    assert admin.post(f"{path}/due", {"due": "2027-03-02T08:00", "reason": "Ditunda rapat"}).status_code == 303
    assert queries.job(pe, people["admin"], job["id"])["due_at"].year == 2027
    assert admin.post(f"{path}/now", {"reason": "Sudah boleh"}).status_code == 303
    assert set(open_of(pe, people, case)) == {"c"}
    assert "Sudah boleh" in admin.get(f"/cases/{case.id}").text


def test_a_task_changes_hands_and_time(pe, people, signed_in, case):
    admin, task = signed_in("admin"), open_of(pe, people, case)["b"]
    path = f"/cases/{case.id}/mend/tasks/{task}"
    assert admin.post(path, {"do": "assign", "user": "kasubbag", "reason": "Cuti"}).status_code == 303
    assert admin.post(path, {"do": "due", "due": "2027-03-02T08:00", "reason": "Mundur"}).status_code == 303
    row = queries.task(pe, people["admin"], task)
    assert row["assignee"] == "kasubbag" and row["due_at"].year == 2027
    assert ("task.assigned", "Cuti") in types(pe, people, case) and ("task.due_set", "Mundur") in types(pe, people, case)


def test_a_case_is_suspended_goes_on_is_cancelled_and_begins_once_more(pe, people, signed_in, case):
    admin, path = signed_in("admin"), f"/cases/{case.id}/mend"
    for what in ("suspend", "activate", "cancel"):
        assert admin.post(f"{path}/{what}", {"reason": ""}).status_code == 400
        assert admin.post(f"{path}/{what}", {"reason": f"Alasan {what}"}).status_code == 303
    assert [
        each for each in types(pe, people, case) if each[0].startswith("instance.") and each[1]] == [("instance.suspended", "Alasan suspend"), ("instance.activated", "Alasan activate"), ("instance.cancelled", "Alasan cancel")]
    assert "Mulai sekali lagi" in admin.get(path).text
    answer = admin.post(f"{path}/restart", {"element": "b", "reason": "Dibuka lagi"})
    assert answer.status_code == 303
    new = answer.location.rsplit("/", 1)[1]
    assert set(open_tasks(pe, people["kasubbag"], new)) == {"b"}
    assert case.business_key in admin.get(f"/cases/{new}").text


def test_as_it_was(pe, people, signed_in, case):
    admin = signed_in("admin")
    commands.set_variables(pe, people["admin"], queries.events(pe, people["admin"], case.id).rows[0]["at"].replace(year=2027), case.id,
                           {"judul": "Tiga"}, reason="x")
    page = admin.get(f"/cases/{case.id}/mend/past").text
    assert "Tiga" in page and "Dua" not in page
    first = re.findall(r'<option value="([^"]+)"', page)[-1]
    before = admin.get(f"/cases/{case.id}/mend/past", query_string={"at": first}).text
    assert "Dua" in before and "Tiga" not in before
    assert admin.get(f"/cases/{case.id}/mend/past", query_string={"at": "2020-01-01T00:00:00+00:00"}).status_code == 404
    assert admin.get(f"/cases/{case.id}/mend/past", query_string={"at": "kemarin"}).status_code == 200


def test_nobody_else_comes_here(pe, people, signed_in, case):
    for name in ("penulis", "pemilik", "analis"):
        browser = signed_in(name)
        assert browser.get(f"/cases/{case.id}/mend").status_code == 403
        assert browser.get(f"/cases/{case.id}/mend/past").status_code == 403
        assert browser.post(f"/cases/{case.id}/mend/cancel", {"reason": "x"}).status_code == 403
        assert f"/cases/{case.id}/mend" not in browser.get(f"/cases/{case.id}").text
    assert signed_in("admin").get("/cases/tidak-ada/mend").status_code == 404


def test_the_page_asks_few_statements_however_much_there_is(pe, people, signed_in, case, now, statements):
    admin, path = signed_in("admin"), f"/cases/{case.id}/mend"
    admin.get(path)
    with statements() as few:
        admin.get(path)
    for number in range(20):
        commands.set_variables(pe, people["admin"], now, case.id, {f"v{number}": number}, reason="x")
    with statements() as many:
        admin.get(path)
    assert len(many) == len(few) <= 30


def test_what_may_have_happened_is_not_done_again_unseen(pe, people, signed_in, case_at, now):
    task = queries.task(pe, people["admin"], case_at("terbitkan", kanal=["website"]))
    commands.complete(pe, people["webadmin"], now, task["id"], {"terbit_pada": None})
    while (job := queries.jobs(pe, people["admin"], instance_id=task["instance_id"], state="open").rows[0])["type"] == "timer":
        jobs.run_job(pe, job["id"], lambda: now)
    commands.lease_job(pe, now, job["id"], "uji")
    commands.fail_job(pe, now, job["id"], "uji", "ReadTimeout", "unknown")
    admin, path = signed_in("admin"), f"/cases/{task['instance_id']}/mend"
    assert admin.post(f"{path}/jobs/{job['id']}/now", {"reason": "Coba"}).status_code == 400
    assert queries.job(pe, people["admin"], job["id"])["state"] == "failed"
    [incident] = queries.incidents(pe, people["admin"]).rows
    assert admin.post(f"{path}/incidents/{incident['id']}/resolve", {"reason": ""}).status_code == 400
    assert admin.post(f"{path}/jobs/{job['id']}/now", {"reason": "Coba", "checked": "1"}).status_code == 303
    assert queries.job(pe, people["admin"], job["id"])["state"] == "open"


def test_a_channel_is_paused_with_a_reason_and_goes_on(pe, people, signed_in, sop):
    admin = signed_in("admin")
    assert admin.post("/channels/website/pause", {"reason": " "}).status_code == 400
    assert admin.post("/channels/website/pause", {"reason": "Server diganti"}).status_code == 303
    assert "Server diganti" in admin.get("/channels/website").text and "dijeda" in admin.get("/channels").text
    assert admin.post("/channels/website/resume").status_code == 303
    assert "Server diganti" not in admin.get("/channels/website").text
    assert signed_in("penulis").post("/channels/website/pause", {"reason": "x"}).status_code == 403
