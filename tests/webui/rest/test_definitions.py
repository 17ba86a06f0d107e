"""Deployments, definitions and the starting of cases."""

import io
import re

import pytest
import sqlalchemy as sa

from engine import keeping
from tests.webui.rest.conftest import RESOURCES

WRONG_XML = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>'


def deploy(rest, files=RESOURCES, user="pemilik", **fields):
    named = {key.replace("_", "-"): value for key, value in ({"deployment_name": "urusan"} | fields).items()}
    data = {**named, **{f"part{number}": (io.BytesIO(content), name) for number, (name, content) in enumerate(files.items())}}
    return rest("POST", "/deployment/create", user, data=data, content_type="multipart/form-data")


def test_a_deployment_says_what_it_made(rest):
    made = deploy(rest, deployment_source="uji").json
    (definition,) = made["deployedProcessDefinitions"].values()
    assert made["name"] == "urusan" and made["source"] == "uji" and made["tenantId"] == "kpu" and made["deployedCaseDefinitions"] is None
    assert definition == rest.get("/process-definition/key/urusan") == rest.get(f"/process-definition/{definition['id']}")
    assert definition["version"] == 1 and definition["deploymentId"] == made["id"] and definition["resource"] == "urusan.bpmn"
    assert rest.get(f"/deployment/{made['id']}")["deploymentTime"] == made["deploymentTime"]
    assert rest.get("/deployment/count") == {"count": 1}


def test_the_same_again_is_a_new_version_unless_filtered(rest):
    first = deploy(rest).json
    for option in ("enable_duplicate_filtering", "deploy_changed_only"):
        again = deploy(rest, **{option: "true"}).json
        assert again["id"] == first["id"] and again["deployedProcessDefinitions"] is None
    deploy(rest)
    assert rest.get("/process-definition/key/urusan/tenant-id/kpu")["version"] == 2
    assert rest.get("/process-definition/count") == {"count": 2}
    assert rest.get("/process-definition/count", latestVersion="true") == {"count": 1}


def test_a_definition_says_how_long_its_cases_are_kept(rest, pe, admin, now):
    deploy(rest), deploy(rest)
    queries = []
    sa.event.listen(pe.db, "before_cursor_execute", lambda _c, _cursor, statement, *_: queries.append(statement))
    assert [row["historyTimeToLive"] for row in rest.get("/process-definition")] == [1, 1]  # the diagram's P1D
    rest.get("/process-definition")
    assert sum(bool(re.search("resource.content", each)) for each in queries) <= 1  # no diagram is read twice
    for days in (400, None):
        keeping.set_rule(pe, admin, now, "urusan", days=days, published=False, reason="JRA")
        assert rest.get("/process-definition/key/urusan")["historyTimeToLive"] == days


@pytest.mark.parametrize(("user", "status"), [("pemilik", 200), ("admin", 200), ("ketua", 403), ("analis", 403), ("penulis", 403)])
def test_who_deploys(rest, user, status):
    assert deploy(rest, user=user).status_code == status


@pytest.mark.parametrize("files", [
    {}, {"a.bpmn": b""}, {"a.bpmn": b"<x"}, {"a.bpmn": WRONG_XML}, {"a.form": b"{"}, {"a.txt": b"x"},
    {"../a.bpmn": RESOURCES["urusan.bpmn"]},
    {**RESOURCES, "siapkan.form": b'{"components": [{"type": "peta", "key": "x"}]}'},
    {**RESOURCES, "urusan.bpmn": RESOURCES["urusan.bpmn"].replace(b"${keputusan", b"${__import__('os').system('x') or keputusan")},
])
def test_what_cannot_run_is_refused(rest, files):
    response = deploy(rest, files)
    assert response.status_code == 400 and response.json["message"]
    assert rest.get("/deployment") == []


def test_a_broken_diagram_says_where(rest):
    broken = RESOURCES["urusan.bpmn"].replace(b'targetRef="selesai"', b'targetRef="tidak_ada"')
    said = deploy(rest, {**RESOURCES, "urusan.bpmn": broken}).json
    assert said["type"] == "ParseException"
    assert any(error["line"] > 0 or error["mainElementId"] for error in said["details"]["urusan.bpmn"]["errors"])


def test_a_wrong_form_is_a_4xx(rest):
    assert rest("POST", "/deployment/create", json={}).status_code == 415
    assert deploy(rest, enable_duplicate_filtering="mungkin").status_code == 400
    assert deploy(rest, tenant_id="lain").status_code == 403
    assert deploy(rest, tenant_id="kpu").status_code == 200
    assert deploy(rest, deployment_name="a\0b").status_code == 400
    two = {"a": (io.BytesIO(b"x"), "a.bpmn"), "b": (io.BytesIO(b"x"), "a.bpmn")}
    assert rest("POST", "/deployment/create", data=two, content_type="multipart/form-data").status_code == 400
    assert deploy(rest, {"besar.bpmn": b" " * (33 * 1024 * 1024)}).status_code == 413


def test_a_deployments_resources(rest):
    id = deploy(rest).json["id"]
    resources = rest.get(f"/deployment/{id}/resources")
    assert {each["name"] for each in resources} == set(RESOURCES)
    for each in resources:
        assert rest.get(f"/deployment/{id}/resources/{each['id']}") == each
        response = rest("GET", f"/deployment/{id}/resources/{each['id']}/data")
        assert response.data == RESOURCES[each["name"]] and response.headers["Content-Disposition"].startswith("attachment")
    rest.refused(404, "GET", f"/deployment/{id}/resources/tidak-ada/data")
    rest.refused(404, "GET", "/deployment/tidak-ada/resources")
    rest.refused(404, "GET", f"/deployment/{id}/resources", "penulis")


def test_the_diagram(rest, urusan):
    (id,) = [each["id"] for each in urusan.definitions]
    assert rest.get("/process-definition/key/urusan/xml", "penulis") == {"id": id, "bpmn20Xml": RESOURCES["urusan.bpmn"].decode()}


def test_the_start_form(rest, urusan):
    assert rest.get("/process-definition/key/urusan/startForm")["key"] == "camunda-forms:deployment:mulai"
    assert rest.get("/process-definition/key/urusan/deployed-start-form", "penulis")["id"] == "mulai"
    assert rest.get("/process-definition/key/urusan/form-variables") == {"perihal": {"value": None, "type": "Null", "valueInfo": {}}}
    path = "/process-definition/key/urusan/submit-form"
    assert "perihal" in rest.refused(400, "POST", path, "penulis", json={"variables": {}})
    case = rest.post(path, {"variables": {"perihal": {"value": " undangan "}}, "businessKey": "B-1"}, "penulis", 200)
    assert case["businessKey"] == "B-1" and rest.get(f"/process-instance/{case['id']}/variables")["perihal"]["value"] == "undangan"


def test_a_case_is_started(rest, urusan):
    (id,) = [each["id"] for each in urusan.definitions]
    body = {"businessKey": "B-7", "variables": {"perihal": {"value": "x"}, "n": {"value": "3", "type": "Integer"}},
    "withVariablesInReturn": True}
    case = rest.post(f"/process-definition/{id}/start", body, "admin", 200)
    assert case["variables"]["n"] == {"value": 3, "type": "Integer", "valueInfo": {}} and case["ended"] is False
    assert case["links"][0]["href"].endswith(f"/engine-rest/process-instance/{case['id']}")
    assert {name: value for name, value in case.items() if name != "variables"} == rest.get(f"/process-instance/{case['id']}")
    rest.refused(409, "POST", f"/process-definition/{id}/start", json=body)  # the business key is taken
    numbered = rest.post("/process-definition/key/urusan/start", {"variables": {"perihal": {"value": "x"}}}, "penulis", 200)
    assert numbered["businessKey"]


def test_who_starts_and_what_is_not_there(rest, urusan):
    body = {"variables": {"perihal": {"value": "x"}}}
    for user, status in (("webadmin", 200), ("pemilik", 403), ("analis", 403), ("ketua", 404)):
        assert rest("POST", "/process-definition/key/urusan/start", user, json=body).status_code == status, user
    for path in ("/process-definition/key/tidak-ada", "/process-definition/urusan:9:x", "/process-definition/key/urusan/tenant-id/lain"):
        rest.refused(404, "GET", path)
        rest.refused(404, "POST", f"{path}/start", json=body)
    rest.refused(400, "POST", "/process-definition/key/urusan/start", json={"startInstructions": [{"type": "startBeforeActivity"}]})
    rest.refused(400, "POST", "/process-definition/key/urusan/start", json={"variables": {"x": 1}})


def test_a_suspended_definition_starts_nothing(rest, urusan):
    case = rest.start()
    body = {"suspended": True, "includeProcessInstances": True}
    rest.refused(403, "PUT", "/process-definition/key/urusan/suspended", "pemilik", json=body)
    assert rest("PUT", "/process-definition/key/urusan/suspended", json=body).status_code == 204
    assert rest.get("/process-definition/key/urusan")["suspended"] and rest.get(f"/process-instance/{case}")["suspended"]
    rest.refused(409, "POST", "/process-definition/key/urusan/start", json={"variables": {"perihal": {"value": "x"}}})
    rest("PUT", "/process-definition/key/urusan/suspended", json={"suspended": False})
    rest.start()


def test_another_office_sees_nothing(rest, urusan, pe, now):
    import sqlalchemy as sa

    from engine import people as accounts
    from engine.process_engine import Actor
    from engine.store import run
    from engine.tables import tenant
    case, task = (started := rest.start("penulis")), rest.task(started)
    run(pe, lambda db: db.execute(sa.insert(tenant).values(id="lain", name="Lain")))
    accounts.seed_groups(pe, "lain")
    accounts.create_user(pe, Actor.system("lain"), now, id="asing", name="Asing", password="terbit-demo", groups=accounts.GROUPS)
    for path in ("/task", "/process-instance", "/process-definition", "/deployment", "/job", "/incident", "/history/process-instance",
                 "/history/task", "/history/activity-instance"):
        assert rest.get(path, "asing") == [], path
    for path in (f"/task/{task}", f"/process-instance/{case}", f"/history/process-instance/{case}", f"/task/{task}/variables",
                 "/process-definition/key/urusan", f"/process-definition/{urusan.definitions[0]['id']}/xml", f"/deployment/{urusan.id}"):
        rest.refused(404, "GET", path, "asing")
    rest.refused(404, "POST", f"/task/{task}/complete", "asing", json={})
    rest.refused(404, "DELETE", f"/process-instance/{case}", "asing")
    assert rest.get("/history/variable-instance", "asing", processInstanceId=case) == []


def test_a_deployment_is_deleted_where_nothing_rests_on_it(rest):
    first, second = deploy(rest).json, deploy(rest).json
    rest.refused(409, "DELETE", f"/deployment/{second['id']}?cascade=true", "pemilik")  # it is in force
    rest.refused(403, "DELETE", f"/deployment/{first['id']}", "analis")
    rest.refused(404, "DELETE", f"/deployment/{first['id']}", "penulis")
    assert rest("DELETE", f"/deployment/{first['id']}", "pemilik").status_code == 204
    rest.refused(404, "GET", f"/deployment/{first['id']}")
    rest.refused(404, "DELETE", f"/deployment/{first['id']}")
    assert [each["version"] for each in rest.get("/process-definition")] == [2]
    case = rest.start()
    deploy(rest)
    for again in range(2):  # what ran on it is kept, running and ended
        rest.refused(409, "DELETE", f"/deployment/{second['id']}?cascade=true")
        if not again:
            rest("DELETE", f"/process-instance/{case}")
    assert rest.get(f"/history/process-instance/{case}")["processDefinitionVersion"] == 2


def test_the_only_version_is_deleted_with_what_it_waits_for(rest):
    only = deploy(rest).json
    assert rest("DELETE", f"/deployment/{only['id']}?skipCustomListeners=true").status_code == 204
    rest.refused(400, "POST", "/message", json={"messageName": "surat masuk"})
    assert deploy(rest).json["deployedProcessDefinitions"]
    assert rest.get("/process-definition/key/urusan")["version"] == 1
