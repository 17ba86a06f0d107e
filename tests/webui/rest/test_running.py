"""Running cases: messages, signals, jobs, incidents, cancelling, and what history says of it."""

import datetime as dt

import pytest

from connectors import Failure
from engine import commands, handlers, jobs


@pytest.fixture
def kirim(monkeypatch):
    """The handler of `kirim-uji`: fails for good unless `works` is set."""
    state = {"works": True}

    def handler(pe, job, now):
        if not state["works"]:
            raise Failure("server menolak", kind="permanent")
        return {"terkirim": True}

    monkeypatch.setitem(handlers._handlers, "kirim-uji", handler)
    return state


@pytest.fixture
def case(rest, urusan):
    """A case that waits for the message `balasan`."""
    case = rest.start("penulis")
    rest.post(f"/task/{rest.task(case)}/complete", {"variables": {"keputusan": {"value": "sesuai"}}}, "penulis")
    return case


def work(rest):
    return jobs.run_due(rest.app.extensions["terbit"], lambda: dt.datetime.now(dt.timezone.utc))


def test_a_message_reaches_the_case_that_waits(rest, case):
    body = {"messageName": "balasan", "processInstanceId": case, "processVariables": {"jawaban": {"value": "ya"}}, "resultEnabled": True,
            "variablesInResultEnabled": True}
    (result,) = rest.post("/message", body, status=200)
    assert result["resultType"] == "Execution" and result["execution"]["processInstanceId"] == case
    assert result["variables"]["jawaban"] == {"value": "ya", "type": "String", "valueInfo": {}}
    assert rest.refused(400, "POST", "/message", json=body)  # nobody waits any more


def test_without_a_result_it_is_a_204(rest, case):
    assert rest.post("/message", {"messageName": "balasan", "businessKey": rest.get(f"/process-instance/{case}")["businessKey"]}) is None


def test_one_message_for_two_cases_is_a_400_unless_it_is_for_all(rest, case):
    other = rest.start("penulis")
    rest.post(f"/task/{rest.task(other)}/complete", {"variables": {"keputusan": {"value": "sesuai"}}}, "penulis")
    rest.refused(400, "POST", "/message", json={"messageName": "balasan"})
    done = rest.post("/message", {"messageName": "balasan", "all": True, "resultEnabled": True}, status=200)
    assert {each["execution"]["id"] for each in done} == {case, other}


def test_a_message_starts_a_case(rest, urusan):
    body = {"messageName": "surat masuk", "businessKey": "S-1", "processVariables": {"perihal": {"value": "x"}}, "resultEnabled": True}
    (result,) = rest.post("/message", body, status=200)
    assert result["resultType"] == "ProcessDefinition" and result["processInstance"]["businessKey"] == "S-1"


@pytest.mark.parametrize("body", [
    {}, {"messageName": ""}, {"messageName": "tidak ada"}, {"messageName": "balasan", "tenantId": "lain"},
    {"messageName": "balasan", "withoutTenantId": True}, {"messageName": "balasan", "localCorrelationKeys": {"a": {"value": 1}}},
    {"messageName": "balasan", "variablesInResultEnabled": True}, {"messageName": "balasan", "correlationKeys": {"a": 1}},
    {"messageName": "balasan", "processVariables": {"a": {"value": "x", "type": "Integer"}}},
])
def test_a_wrong_message_is_a_400(rest, case, body):
    rest.refused(400, "POST", "/message", json=body)
    assert rest.get("/job") == []


def test_strangers_to_the_case_correlate_nothing(rest, case):
    assert rest("POST", "/message", "ketua", json={"messageName": "balasan", "processInstanceId": case}).status_code in (400, 403, 404)
    assert [each["activityId"] for each in rest.get(f"/process-instance/{case}/activity-instances")["childActivityInstances"]] == ["tunggu"]


def test_it_goes_to_its_end(rest, case, kirim):
    rest.post("/message", {"messageName": "balasan", "processInstanceId": case})
    (job,) = rest.get("/job", processInstanceId=case)
    assert job["retries"] == 5 and job["exceptionMessage"] is None and rest.get(f"/job/{job['id']}") == job
    rest.refused(404, "GET", f"/job/{job['id']}/stacktrace")
    work(rest)
    assert rest.get("/job") == []
    assert rest.post("/signal", {"name": "libur"}) is None
    rest.refused(404, "GET", f"/process-instance/{case}")
    shown = rest.get(f"/history/process-instance/{case}")
    assert shown["state"] == "COMPLETED" and shown["durationInMillis"] >= 0 and shown["endTime"] and shown["startUserId"] == "penulis"
    assert rest.get("/history/process-instance/count", finished="true", completed="true") == {"count": 1}
    steps = rest.get("/history/activity-instance", processInstanceId=case, sortBy="startTime", sortOrder="asc")
    assert [step["activityId"] for step in steps] == ["mulai", "siapkan", "sesuai", "tunggu", "kirim", "hari_libur", "selesai"]
    assert rest.get(f"/history/activity-instance/{steps[1]['id']}")["assignee"] == "penulis" and steps[-1]["endTime"]
    (task,) = rest.get("/history/task", processInstanceId=case)
    assert (task["assignee"], task["deleteReason"], task["taskState"]) == ("penulis", "completed", "Completed")
    values = rest.get("/history/variable-instance", processInstanceId=case, sortBy="variableName", sortOrder="desc")
    assert values[0]["name"] == "terkirim" and values[0]["value"] is True


def test_an_incident_is_seen_and_repaired(rest, case, kirim):
    kirim["works"] = False
    rest.post("/message", {"messageName": "balasan", "processInstanceId": case})
    work(rest)
    (incident,) = rest.get("/incident", processInstanceId=case)
    assert incident["incidentType"] == "failedJob" and incident["activityId"] == "kirim" and "menolak" in incident["incidentMessage"]
    assert rest.get(f"/incident/{incident['id']}") == incident
    (job,) = rest.get("/job", noRetriesLeft="true", withException="true")
    assert job["id"] == incident["configuration"] and rest("GET", f"/job/{job['id']}/stacktrace").data == b"server menolak"
    assert rest.get("/process-instance/count", withIncident="true", incidentType="failedJob") == {"count": 1}
    rest.refused(403, "PUT", f"/job/{job['id']}/retries", "penulis", json={"retries": 1})
    rest.refused(400, "PUT", f"/job/{job['id']}/retries", json={"retries": -1})
    rest.refused(404, "PUT", "/job/tidak-ada/retries", json={"retries": 1})
    kirim["works"] = True
    assert rest("PUT", f"/job/{job['id']}/retries", json={"retries": 2}).status_code == 204
    assert rest.get("/incident") == []
    work(rest)
    assert rest.get("/job") == [] and rest.get("/history/process-instance/count", withIncidents="true") == {"count": 1}


def test_a_case_is_modified_and_its_reason_kept(rest, case):
    path = f"/process-instance/{case}/modification"
    told = {"instructions": [{"type": "cancel", "activityId": "balasan"}, {"type": "startBeforeActivity", "activityId": "siapkan",
            "variables": {"perihal": {"value": "diulang", "type": "String"}}}], "annotation": "Salah"}
    (event,) = (each["activityId"] for each in rest.get(f"/process-instance/{case}/activity-instances")["childActivityInstances"])
    told["instructions"][0]["activityId"] = event
    rest.refused(403, "POST", path, "penulis", json=told)
    rest.refused(404, "POST", "/process-instance/tidak-ada/modification", json=told)
    for wrong in ({"type": "sing", "activityId": "siapkan"}, {"type": "cancel"}, {"type": "cancel", "activityId": event},
                  {"type": "startBeforeActivity", "activityId": "tidak-ada"}, {"type": "startTransition", "activityId": "siapkan"},
                  {"type": "cancel", "activityId": event, "variables": {"x": {"value": 1}}}):
        rest.refused(400, "POST", path, json={"instructions": [wrong]})
    rest.refused(400, "POST", path, json={**told, "skipIoMappings": True})
    assert rest.post(path, told) is None
    assert rest.get("/task", processInstanceId=case)[0]["taskDefinitionKey"] == "siapkan"
    assert rest.get(f"/process-instance/{case}/variables/perihal")["value"] == "diulang"
    rest.refused(409, "POST", path, json=told)


def test_a_job_is_put_off(rest, case, kirim):
    rest.post("/message", {"messageName": "balasan", "processInstanceId": case})
    (job,) = rest.get("/job", processInstanceId=case)
    path = f"/job/{job['id']}/duedate"
    rest.refused(403, "PUT", path, "penulis", json={"duedate": None})
    for wrong in ({"duedate": "besok"}, {"duedate": "2999-01-01T00:00:00.000+0000"}, {"cascade": True}):
        rest.refused(400, "PUT", path, json=wrong)
    later = (dt.datetime.now(dt.timezone.utc) + dt.timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%S.000+0000")
    assert rest("PUT", path, json={"duedate": later}).status_code == 204
    assert rest.get(f"/job/{job['id']}")["dueDate"] == later and work(rest) == 0
    assert rest("PUT", path, json={}).status_code == 204
    assert work(rest) == 1


def test_signals_are_for_who_may(rest, case):
    rest.refused(400, "POST", "/signal", json={})
    rest.refused(400, "POST", "/signal", json={"name": "libur", "tenantId": "lain"})
    assert rest("POST", "/signal", json={"name": "tidak ada"}).status_code == 204  # nobody waits: nothing happens


def test_a_case_is_cancelled_by_an_admin(rest, case):
    for user, status in (("ketua", 404), ("penulis", 403), ("pemilik", 403), ("admin", 204), ("admin", 404)):
        assert rest("DELETE", f"/process-instance/{case}?skipCustomListeners=true", user).status_code == status
    assert rest("DELETE", f"/process-instance/{case}?failIfNotExists=false").status_code == 204
    shown = rest.get(f"/history/process-instance/{case}")
    assert shown["state"] == "EXTERNALLY_TERMINATED" and shown["deleteReason"]
    assert rest.get("/history/activity-instance/count", processInstanceId=case, canceled="true") == {"count": 1}


def test_where_a_case_stands(rest, case):
    tree = rest.get(f"/process-instance/{case}/activity-instances", "penulis")
    (step,) = tree["childActivityInstances"]
    assert tree["id"] == case and step["activityId"] == "tunggu" and step["parentActivityInstanceId"] == case
    assert rest.get("/process-instance/count", activityIdIn="tunggu,kirim") == {"count": 1}
    assert rest.get("/process-instance/count", activityIdIn="siapkan") == {"count": 0}


def test_history_of_variables(rest, case):
    path = "/history/variable-instance"
    rest.refused(400, "GET", path)
    rest.refused(403, "GET", f"{path}?processInstanceId={case}", "penulis")
    names = lambda **asked: [each["name"] for each in rest.get(path, processInstanceId=case, **asked)]  # noqa: E731
    assert sorted(names()) == ["keputusan", "perihal"] and names(variableName="perihal") == ["perihal"]
    assert names(variableNameLike="ke%an") == ["keputusan"] and names(variableNameLike="%") == names()
    assert names(variableNameLike="ke") == []
    assert names(variableNameIn="perihal,x") == ["perihal"] and names(variableTypeIn="Integer") == [] and len(names(maxResults=1)) == 1
    assert rest.get(f"{path}/count", processInstanceIdIn=f"{case},x") == {"count": 2}
    assert rest.post(f"{path}/count", {"processInstanceIdIn": [case], "variableName": "perihal"}, status=200) == {"count": 1}
    (one,) = rest.post(path, {"processInstanceId": case, "variableName": "perihal", "sorting": [
        {"sortBy": "variableName", "sortOrder": "asc"}]}, status=200)
    assert rest.get(f"{path}/{one['id']}") == one and one["value"] == "uji"
    rest.refused(404, "GET", f"{path}/{case}::tidak_ada")
    rest.refused(404, "GET", f"{path}/tidak-ada")
    rest.refused(400, "GET", f"{path}?processInstanceId={case}&sortBy=x&sortOrder=asc")


TIMED = b"""<?xml version="1.0"?><definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" targetNamespace="x">
<process id="nanti" isExecutable="true"><startEvent id="a"/><sequenceFlow id="f" sourceRef="a" targetRef="t"/>
<intermediateCatchEvent id="t"><timerEventDefinition><timeDuration>P30D</timeDuration></timerEventDefinition></intermediateCatchEvent>
<sequenceFlow id="g" sourceRef="t" targetRef="z"/><endEvent id="z"/></process></definitions>"""


def test_a_timer_is_fired_before_its_time(pe, rest, pemilik, now):
    commands.deploy(pe, pemilik, now, name="nanti", resources={"nanti.bpmn": TIMED})
    case = rest.post("/process-definition/key/nanti/start", {}, status=200)["id"]
    (job,) = rest.get("/job", processInstanceId=case)
    assert work(rest) == 0
    rest.refused(404, "POST", f"/job/{job['id']}/execute", "penulis")
    rest.refused(403, "POST", f"/job/{job['id']}/execute", "pemilik")
    rest("PUT", f"/process-instance/{case}/suspended", json={"suspended": True})
    rest.refused(409, "POST", f"/job/{job['id']}/execute")
    rest("PUT", f"/process-instance/{case}/suspended", json={"suspended": False})
    assert rest("POST", f"/job/{job['id']}/execute").status_code == 204
    assert rest.get(f"/history/process-instance/{case}")["state"] == "COMPLETED"
    rest.refused(404, "POST", f"/job/{job['id']}/execute")


def test_a_failed_call_is_left_to_the_worker_once_more(pe, rest, case, kirim):
    kirim["works"] = False
    rest.post("/message", {"messageName": "balasan", "processInstanceId": case})
    work(rest)
    (job,) = rest.get("/job", processInstanceId=case)
    assert job["retries"] == 0 and rest.get("/incident/count", processInstanceId=case) == {"count": 1}
    kirim["works"] = True
    assert rest("POST", f"/job/{job['id']}/execute", json={}).status_code == 204
    assert rest.get("/incident/count", processInstanceId=case) == {"count": 0} and rest.get(f"/job/{job['id']}")["retries"] == 1
    assert work(rest) == 1
    assert rest.get("/process-instance/count", activityIdIn="hari_libur") == {"count": 1}


def test_an_incident_is_annotated_and_the_note_taken_away(rest, case, kirim):
    kirim["works"] = False
    rest.post("/message", {"messageName": "balasan", "processInstanceId": case}, status=204)
    work(rest)
    (incident,) = rest.get("/incident", processInstanceId=case)
    assert incident["annotation"] is None
    path = f"/incident/{incident['id']}/annotation"
    assert rest("PUT", path, "admin", json={"annotation": "Penyedia sudah ditelepon."}).status_code == 204
    assert rest.get(f"/incident/{incident['id']}")["annotation"] == "Penyedia sudah ditelepon."
    assert rest("PUT", path, "penulis", json={"annotation": "x"}).status_code == 403
    assert rest("PUT", "/incident/tidak-ada/annotation", "admin", json={"annotation": "x"}).status_code == 404
    assert rest("DELETE", path, "admin").status_code == 204
    assert rest.get(f"/incident/{incident['id']}")["annotation"] is None


def test_an_ended_case_is_restarted_before_a_step(rest, case):
    definition = rest.get(f"/process-instance/{case}")["definitionId"]
    body = {"processInstanceIds": [case], "instructions": [{"type": "startBeforeActivity", "activityId": "siapkan"}], "annotation": "Keliru"}
    rest.post(f"/process-definition/{definition}/restart", body, status=409)  # it still runs
    assert rest("DELETE", f"/process-instance/{case}", "admin").status_code == 204
    rest.post(f"/process-definition/{definition}/restart", body, "penulis", status=403)
    rest.post("/process-definition/tidak-ada/restart", body, status=404)
    rest.post(f"/process-definition/{definition}/restart", body, status=204)
    (again,) = rest.get("/process-instance", processDefinitionId=definition)
    assert again["id"] != case and rest.task(again["id"])
