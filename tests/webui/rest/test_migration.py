"""Migration over REST: Camunda's shapes, and what becomes of the cases."""

import pytest

from engine.commands import batches
from tests.engine.small import END, START, chain, deploy, diagram, user_task

LOOP = '<multiInstanceLoopCharacteristics><loopCardinality>2</loopCardinality></multiInstanceLoopCharacteristics>'
SEVERAL = ("b", f'<userTask id="b" camunda:candidateGroups="pelaksana">{LOOP}</userTask>')


@pytest.fixture
def versions(rest, app, people, now):
    pe = app.extensions["terbit"]
    return [deploy(pe, people["pemilik"], now, content).definitions[0]["id"] for content in (
        diagram(chain(START, user_task("a"), SEVERAL, END)), diagram(chain(START, user_task("a"), SEVERAL, user_task("c"), END)))]


@pytest.fixture
def cases(rest, versions):
    return [rest.post(f"/process-definition/{versions[0]}/start", {}, "penulis", 200)["id"] for _ in range(2)]


def plan_of(rest, versions, **more):
    return rest.post("/migration/generate", {"sourceProcessDefinitionId": versions[0], "targetProcessDefinitionId": versions[1], **more},
                     "pemilik", 200)


def test_a_plan_is_generated_as_camunda_writes_it(rest, versions):
    plan = plan_of(rest, versions, updateEventTriggers=True)
    assert plan == {
        "sourceProcessDefinitionId": versions[0], "targetProcessDefinitionId": versions[1], "variables": None,
        "instructions": [{"sourceActivityIds": [a], "targetActivityIds": [a], "updateEventTrigger": False}
                         for a in ("a", "b", "b#multiInstanceBody")]}
    assert rest.post("/migration/validate", plan, "pemilik", 200) == {"instructionReports": [], "variableReports": {}}


def test_what_is_wrong_with_a_plan_is_reported_by_instruction(rest, versions, cases):
    wrong = {"sourceActivityIds": ["a"], "targetActivityIds": ["zz"]}
    plan = {**plan_of(rest, versions), "instructions": [wrong]}
    [report] = rest.post("/migration/validate", plan, "pemilik", 200)["instructionReports"]
    assert report["instruction"] == wrong and "“zz” tidak ada" in report["failures"][0]
    for path in ("execute", "executeAsync"):
        answer = rest("POST", f"/migration/{path}", "pemilik", json={"migrationPlan": plan, "processInstanceIds": cases})
        assert answer.status_code == 400 and answer.json["type"] == "MigrationPlanValidationException"
        assert answer.json["validationReport"]["instructionReports"] == [report]


def test_it_is_executed_at_once(rest, versions, cases):
    body = {"migrationPlan": plan_of(rest, versions), "processInstanceIds": cases[:1], "skipCustomListeners": True}
    assert rest.post("/migration/execute", body, "pemilik") is None
    assert [rest.get(f"/process-instance/{case}")["definitionId"] for case in cases] == versions[::-1]
    task = rest.get("/task", processInstanceId=cases[0])[0]
    assert (task["processDefinitionId"], task["taskDefinitionKey"]) == (versions[1], "a")


def test_a_case_that_cannot_go_is_a_400_and_none_goes(rest, versions, cases):
    rest.post(f"/task/{rest.task(cases[1])}/complete", {}, "penulis")
    plan = {**plan_of(rest, versions), "instructions": [{"sourceActivityIds": ["a"], "targetActivityIds": ["a"]}]}
    answer = rest("POST", "/migration/execute", "pemilik", json={"migrationPlan": plan, "processInstanceIds": cases})
    assert answer.status_code == 400 and answer.json["type"] == "MigratingProcessInstanceValidationException"
    assert answer.json["validationReport"]["processInstanceId"] == cases[1]
    assert answer.json["validationReport"]["activityInstanceValidationReports"][0]["sourceScopeId"] == "b"
    assert {rest.get(f"/process-instance/{case}")["definitionId"] for case in cases} == {versions[0]}


def test_it_is_executed_by_the_worker_as_a_batch(rest, app, versions, cases, now):
    body = {"migrationPlan": plan_of(rest, versions), "processInstanceQuery": {"processDefinitionId": versions[0]}}
    batch = rest.post("/migration/executeAsync", body, "pemilik", 200)
    assert (batch["type"], batch["totalJobs"], batch["createUserId"]) == ("instance-migration", 2, "pemilik")
    assert {rest.get(f"/process-instance/{case}")["definitionId"] for case in cases} == {versions[0]}
    assert rest.get(f"/batch/{batch['id']}", "pemilik") == batch
    [row] = rest.get("/batch/statistics", "pemilik", batchId=batch["id"])
    assert (row["remainingJobs"], row["completedJobs"], row["failedJobs"]) == (2, 0, 0)
    rest.refused(403, "GET", f"/batch/{batch['id']}", "penulis")
    batches.work(app.extensions["terbit"], lambda: now)
    rest.refused(404, "GET", f"/batch/{batch['id']}", "pemilik")
    assert rest.get("/batch/statistics", "pemilik", batchId=batch["id"]) == []
    assert {rest.get(f"/process-instance/{case}")["definitionId"] for case in cases} == {versions[1]}


def test_a_batch_is_stopped_by_deleting_it(rest, app, versions, cases, now):
    batch = rest.post("/migration/executeAsync", {"migrationPlan": plan_of(rest, versions), "processInstanceIds": cases}, "pemilik", 200)
    rest.refused(403, "DELETE", f"/batch/{batch['id']}", "penulis")
    assert rest("DELETE", f"/batch/{batch['id']}", "pemilik").status_code == 204
    assert batches.work(app.extensions["terbit"], lambda: now) == 0
    assert {rest.get(f"/process-instance/{case}")["definitionId"] for case in cases} == {versions[0]}
    rest.refused(404, "DELETE", f"/batch/{batch['id']}", "pemilik")


def test_what_is_refused(rest, versions, cases):
    plan = plan_of(rest, versions)
    assert rest.refused(400, "POST", "/migration/execute", json={"migrationPlan": plan}) == "processInstanceIds is empty"
    assert "not supported" in rest.refused(400, "POST", "/migration/execute", json={
        "migrationPlan": plan, "processInstanceQuery": {"variables": [{"name": "x", "operator": "eq", "value": 1}]}})
    rest.refused(404, "POST", "/migration/execute", json={"migrationPlan": plan, "processInstanceIds": ["0"]})
    rest.refused(400, "POST", "/migration/execute", json={"migrationPlan": plan, "processInstanceIds": [str(n) for n in range(101)]})
    twice = {**plan, "instructions": [*plan["instructions"], {"sourceActivityIds": ["a"], "targetActivityIds": ["b"]}]}
    assert "multiple mappings" in rest.refused(400, "POST", "/migration/validate", json=twice)
    rest.refused(400, "POST", "/migration/validate", json={**plan, "variables": {"x": {"value": 1}}})
    for user, status in (("penulis", 403), ("analis", 403)):
        rest.refused(status, "POST", "/migration/validate", user, json=plan)
        rest.refused(status, "POST", "/migration/executeAsync", user, json={"migrationPlan": plan, "processInstanceIds": cases})
