"""Tasks over REST: claimed, completed, handed on, by those who may."""

import datetime as dt
import threading
from collections import Counter

import pytest

from engine import api_tokens, substitutions
from engine import people as accounts
from tests.webui.rest.conftest import Rest


@pytest.fixture
def case(rest, urusan):
    return rest.start("penulis")


@pytest.fixture
def task(rest, case):
    return rest.task(case)


def test_a_task_is_as_camunda_shows_it(rest, case, task):
    shown = rest.get(f"/task/{task}", "penulis")
    assert shown["id"] == task and shown["processInstanceId"] == case and shown["taskDefinitionKey"] == "siapkan"
    assert shown["name"] == "Siapkan" and shown["assignee"] is None and shown["formKey"] == "camunda-forms:deployment:siapkan"
    assert shown["tenantId"] == "kpu" and shown["suspended"] is False and shown["created"].endswith("+0000")
    assert rest.get("/task", "penulis") == [shown]


def test_it_is_claimed_and_given_back(rest, task):
    rest.post(f"/task/{task}/claim", {"userId": "penulis"}, "penulis")
    rest.post(f"/task/{task}/claim", {"userId": "penulis"}, "penulis")  # again: nothing happens
    assert rest.get(f"/task/{task}")["assignee"] == "penulis"
    rest.refused(409, "POST", f"/task/{task}/claim", "webadmin", json={"userId": "webadmin"})
    rest.refused(403, "POST", f"/task/{task}/unclaim", "webadmin")
    rest.post(f"/task/{task}/unclaim", user="penulis")
    assert rest.get(f"/task/{task}")["assignee"] is None


def test_nobody_claims_for_others_but_an_admin(rest, task):
    rest.refused(403, "POST", f"/task/{task}/claim", "penulis", json={"userId": "webadmin"})
    rest.refused(403, "POST", f"/task/{task}/assignee", "penulis", json={"userId": "webadmin"})
    rest.post(f"/task/{task}/claim", {"userId": "webadmin"}, "admin")
    assert rest.get(f"/task/{task}")["assignee"] == "webadmin"
    rest.refused(409, "POST", f"/task/{task}/claim", "admin", json={"userId": "penulis"})
    rest.post(f"/task/{task}/assignee", {"userId": "penulis"}, "admin")
    rest.post(f"/task/{task}/assignee", {"userId": None}, "admin")
    assert rest.get(f"/task/{task}")["assignee"] is None


def test_a_task_is_given_to_nobody_who_is_not_there(rest, task, pe, admin, now):
    for user in ("tidak-ada", "X", "a\0", "x" * 300):
        rest.refused(400, "POST", f"/task/{task}/assignee", json={"userId": user})
        rest.refused(400, "POST", f"/task/{task}/claim", json={"userId": user})
    accounts.deactivate(pe, admin, now, "penulis")
    rest.refused(400, "POST", f"/task/{task}/assignee", json={"userId": "penulis"})
    assert rest.get(f"/task/{task}")["assignee"] is None


def test_completing_goes_on_and_says_the_variables_when_asked(rest, case, task):
    values = {"variables": {"keputusan": {"value": "tidak", "type": "String"}}, "withVariablesInReturn": True}
    said = rest.post(f"/task/{task}/complete", values, "penulis", 200)
    assert said["keputusan"] == {"value": "tidak", "type": "String", "valueInfo": {}} and said["perihal"]["value"] == "uji"
    again = rest.task(case)
    assert again != task
    assert rest.post(f"/task/{again}/complete", {"variables": {"keputusan": {"value": "sesuai"}}}, "penulis") is None
    assert rest.get("/task") == []


def test_it_is_completed_once(rest, task):
    rest.post(f"/task/{task}/complete", {"variables": {"keputusan": {"value": "sesuai"}}}, "penulis")
    message = rest.refused(409, "POST", f"/task/{task}/complete", "penulis", json={"variables": {"keputusan": {"value": "sesuai"}}})
    assert "selesai" in message


def test_of_many_clients_at_once_one_wins(rest, case, task):
    statuses = []

    def work():
        client = Rest(rest.app)
        statuses.append(client("POST", f"/task/{task}/complete", "penulis",
        json={"variables": {"keputusan": {"value": "tidak"}}}).status_code)

    threads = [threading.Thread(target=work) for _ in range(12)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert Counter(statuses) == {204: 1, 409: 11}
    assert len(rest.get("/task")) == 1


@pytest.mark.parametrize(("user", "seen", "completed"), [
    ("penulis", 200, 204), ("webadmin", 200, 204), ("admin", 200, 204), ("pemilik", 200, 403), ("analis", 200, 403), ("ketua", 404, 404),
    ("kasubbag", 404, 404),
])
def test_who_sees_it_and_who_completes_it(rest, task, user, seen, completed):
    assert rest("GET", f"/task/{task}", user).status_code == seen
    assert len(rest.get("/task", user)) == (1 if seen == 200 else 0)
    values = {"variables": {"keputusan": {"value": "tidak"}}}
    assert rest("POST", f"/task/{task}/complete", user, json=values).status_code == completed


def test_a_task_that_never_was_is_a_404_everywhere(rest, urusan):
    for method, path, json in (
        ("GET", "", None), ("POST", "/claim", {"userId": "admin"}), ("POST", "/unclaim", {}), ("POST", "/complete", {}),
        ("POST", "/submit-form", {}), ("POST", "/assignee", {"userId": "admin"}), ("GET", "/form", None), ("GET", "/deployed-form", None),
        ("GET", "/form-variables", None), ("GET", "/variables", None), ("GET", "/localVariables", None), ("GET", "/identity-links", None),
        ("GET", "/variables/x", None), ("PUT", "/variables/x", {"value": 1}), ("POST", "/variables", {"modifications": {}}),
    ):
        rest.refused(404, method, f"/task/tidak-ada{path}", json=json)


def test_its_form_is_to_be_had(rest, task):
    assert rest.get(f"/task/{task}/form", "penulis") == {"key": "camunda-forms:deployment:siapkan", "contextPath": None}
    assert rest.get(f"/task/{task}/deployed-form", "penulis")["id"] == "siapkan"
    shown = rest.get(f"/task/{task}/form-variables", "penulis")
    assert shown["catatan"]["value"] == "-" and shown["perihal"]["value"] == "uji" and shown["keputusan"]["value"] is None
    assert set(rest.get(f"/task/{task}/form-variables", "penulis", variableNames="catatan,tidak_ada")) == {"catatan"}


def test_a_submitted_form_is_checked(rest, task):
    wrong = {"variables": {"keputusan": {"value": "mungkin"}}}
    assert "keputusan" in rest.refused(400, "POST", f"/task/{task}/submit-form", "penulis", json=wrong)
    assert "keputusan" in rest.refused(400, "POST", f"/task/{task}/submit-form", "penulis", json={})
    good = {"variables": {"keputusan": {"value": "sesuai"}, "lain": {"value": 1}}, "withVariablesInReturn": True}
    said = rest.post(f"/task/{task}/submit-form", good, "penulis", 200)
    assert said["keputusan"]["value"] == "sesuai" and said["lain"]["value"] == 1


def test_its_variables(rest, task):
    assert rest.get(f"/task/{task}/variables", "penulis")["petunjuk"]["value"] == "kerjakan uji"
    assert rest.get(f"/task/{task}/localVariables", "penulis") == {
        "petunjuk": {"value": "kerjakan uji", "type": "String", "valueInfo": {}}}
    assert rest.get(f"/task/{task}/localVariables/petunjuk", "penulis")["type"] == "String"
    rest.refused(404, "GET", f"/task/{task}/localVariables/perihal", "penulis")
    rest.refused(403, "PUT", f"/task/{task}/variables/perihal", "penulis", json={"value": "lain"})
    rest.post(f"/task/{task}/variables", {"modifications": {"a": {"value": 1}, "perihal": {"value": "lain"}}, "deletions": ["tidak_ada"]})
    assert rest("PUT", f"/task/{task}/variables/b", json={"value": "2", "type": "Long"}).status_code == 204
    assert rest("DELETE", f"/task/{task}/variables/a").status_code == 204
    values = rest.get(f"/task/{task}/variables", "penulis")
    assert values["b"] == {"value": 2, "type": "Integer", "valueInfo": {}} and values["perihal"]["value"] == "lain" and "a" not in values


def test_its_identity_links(rest, task):
    assert rest.get(f"/task/{task}/identity-links") == [{"userId": None, "groupId": "pelaksana", "type": "candidate"}]
    rest.post(f"/task/{task}/claim", {"userId": "penulis"}, "penulis")
    assert rest.get(f"/task/{task}/identity-links", type="assignee") == [{"userId": "penulis", "groupId": None, "type": "assignee"}]


def test_nothing_is_done_in_a_suspended_case(rest, case, task):
    assert rest("PUT", f"/process-instance/{case}/suspended", json={"suspended": True}).status_code == 204
    assert rest.get(f"/task/{task}")["suspended"] is True
    rest.refused(409, "POST", f"/task/{task}/complete", "penulis", json={"variables": {"keputusan": {"value": "tidak"}}})
    rest("PUT", f"/process-instance/{case}/suspended", json={"suspended": False})
    rest.post(f"/task/{task}/complete", {"variables": {"keputusan": {"value": "tidak"}}}, "penulis")


def test_completing_takes_few_statements(rest, task, statements):
    rest.get("/version", "penulis")
    taken = statements(lambda: rest.post(f"/task/{task}/complete", {"variables": {"keputusan": {"value": "tidak"}}}, "penulis"))
    assert len(taken) <= 12, taken


def test_a_task_is_delegated_and_resolved(rest, task):
    rest.refused(409, "POST", f"/task/{task}/delegate", "penulis", json={"userId": "webadmin"})  # nobody has it yet
    rest.post(f"/task/{task}/claim", {"userId": "penulis"}, "penulis")
    rest.refused(400, "POST", f"/task/{task}/delegate", "penulis", json={})
    rest.refused(403, "POST", f"/task/{task}/delegate", "webadmin", json={"userId": "analis"})
    rest.post(f"/task/{task}/delegate", {"userId": "webadmin"}, "penulis")
    shown = rest.get(f"/task/{task}")
    assert (shown["assignee"], shown["owner"], shown["delegationState"]) == ("webadmin", "penulis", "PENDING")
    assert [each["id"] for each in rest.get("/task", delegationState="PENDING", owner="penulis")] == [task]
    assert {"userId": "penulis", "groupId": None, "type": "owner"} in rest.get(f"/task/{task}/identity-links")
    rest.refused(409, "POST", f"/task/{task}/complete", "webadmin", json={})
    rest.refused(409, "POST", f"/task/{task}/delegate", "penulis", json={"userId": "analis"})
    rest.post(f"/task/{task}/resolve", {"variables": {"konsep": {"value": "jadi"}}}, "webadmin")
    shown = rest.get(f"/task/{task}")
    assert (shown["assignee"], shown["owner"], shown["delegationState"]) == ("penulis", "penulis", "RESOLVED")
    assert rest.get(f"/task/{task}/variables/konsep")["value"] == "jadi"
    rest.refused(409, "POST", f"/task/{task}/resolve", "penulis", json={})


def test_a_substitute_signs_in_by_basic_and_by_token(rest, task, pe, people, admin):
    now = dt.datetime.now(dt.timezone.utc)
    rest.refused(403, "POST", f"/task/{task}/claim", "pemilik", json={"userId": "pemilik"})
    id = substitutions.appoint(pe, admin, now, kind="plh", group_id="pelaksana", substitute_id="pemilik", absent_id="penulis", decree="SP 1",
                               starts_at=now, ends_at=now + dt.timedelta(hours=1))
    secret = api_tokens.create(pe, people["pemilik"], now, name="skrip")["token"]
    by_token = {"Authorization": f"Bearer {secret}"}
    assert rest("POST", f"/task/{task}/claim", None, json={"userId": "pemilik"}, headers=by_token).status_code == 204
    rest.post(f"/task/{task}/unclaim", user="pemilik")
    substitutions.revoke(pe, admin, dt.datetime.now(dt.timezone.utc), id)
    rest.refused(403, "POST", f"/task/{task}/claim", "pemilik", json={"userId": "pemilik"})
    assert rest("POST", f"/task/{task}/claim", None, json={"userId": "pemilik"}, headers=by_token).status_code == 403
