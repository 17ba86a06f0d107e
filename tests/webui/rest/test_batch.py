"""Batches over REST: Camunda's shapes, what begins one, and what is told of it."""

import re

import pytest
import sqlalchemy as sa

from engine import commands, listing
from engine.commands import batches
from tests.engine.small import END, START, chain, deploy, diagram, service_task, user_task


@pytest.fixture
def cases(rest, pe, people, now):
    deploy(pe, people["pemilik"], now, diagram(chain(START, user_task("a"), user_task("b"), END)))
    return [commands.start(pe, people["penulis"], now, key="p").id for _ in range(3)]


def test_many_are_suspended_and_the_batch_is_watched_held_and_ended(rest, pe, cases, now):
    begun = rest.post("/process-instance/suspended-async", {"processInstanceIds": cases, "suspended": True}, status=200)
    assert (begun["type"], begun["totalJobs"], begun["suspended"], begun["createUserId"]) == (
        "instance-update-suspension-state", 3, False, "admin")
    assert rest.get("/batch") == [begun] == rest.get("/batch", batchId=begun["id"], suspended="false", type=begun["type"])
    assert rest.get("/batch/count") == {"count": 1} and rest.get("/batch", suspended="true") == []
    assert rest("PUT", f"/batch/{begun['id']}/suspended", json={"suspended": True}).status_code == 204
    assert rest.get(f"/batch/{begun['id']}")["suspended"] and batches.work(pe, lambda: now) == 0
    rest("PUT", f"/batch/{begun['id']}/suspended", json={"suspended": False})
    [row] = rest.get("/batch/statistics", batchId=begun["id"])
    assert (row["remainingJobs"], row["completedJobs"], row["failedJobs"]) == (3, 0, 0)
    batches.work(pe, lambda: now)
    assert rest.get("/batch") == [] and rest.get("/process-instance/count", suspended="true") == {"count": 3}
    [kept] = rest.get("/history/batch", completed="true")
    assert kept == rest.get(f"/history/batch/{begun['id']}") and kept["endTime"] and "suspended" not in kept
    assert rest.get("/history/batch/count", completed="false") == {"count": 0}


def test_many_are_changed_and_cancelled(rest, pe, cases, now):
    of_all = {"processInstanceQuery": {"processDefinitionKey": "p"}}
    rest.post("/process-instance/variables-async", {**of_all, "variables": {"n": {"value": 7, "type": "Integer"}}}, status=200)
    batches.work(pe, lambda: now)
    assert [rest.get(f"/process-instance/{case}/variables/n")["value"] for case in cases] == [7] * 3
    definition = rest.get(f"/process-instance/{cases[0]}")["definitionId"]
    told = [{"type": "startBeforeActivity", "activityId": "b"},
            {"type": "cancel", "activityId": "a", "cancelCurrentActiveActivityInstances": True}]
    rest.post("/modification/executeAsync", {"processDefinitionId": definition, "processInstanceIds": cases[:2], "annotation": "salah",
                                             "instructions": told}, status=200)
    batches.work(pe, lambda: now)
    assert sorted(task["taskDefinitionKey"] for task in rest.get("/task")) == ["a", "b", "b"]
    body = {"historicProcessInstanceQuery": {"unfinished": True}, "deleteReason": "ganda"}
    begun = rest.post("/process-instance/delete", body, status=200)
    assert begun["type"] == "instance-deletion"
    batches.work(pe, lambda: now)
    assert rest.get("/process-instance/count") == {"count": 0}


def test_failed_jobs_of_many_are_given_attempts(rest, pe, people, now):
    deploy(pe, people["pemilik"], now, diagram(chain(START, service_task("kirim", "uji"), END)))
    made = [commands.start(pe, people["admin"], now, key="p").id for _ in range(3)]
    for number, job in enumerate(rest.get("/job")):
        commands.lease_job(pe, now, job["id"], str(number))
        commands.fail_job(pe, now, job["id"], str(number), "mati", "permanent")
    begun = rest.post("/process-instance/job-retries", {"processInstances": made[:1], "retries": 4}, status=200)
    assert (begun["type"], begun["totalJobs"]) == ("set-job-retries", 1)
    left = [job["id"] for job in rest.get("/job", noRetriesLeft="true") if job["processInstanceId"] != made[0]]
    begun = rest.post("/job/retries", {"jobIds": left[:1], "jobQuery": {"processInstanceIds": made[1:]}, "retries": 2}, status=200)
    assert begun["totalJobs"] == 2
    batches.work(pe, lambda: now)
    assert rest.get("/incident/count") == {"count": 0} and sorted(job["retries"] for job in rest.get("/job")) == [2, 2, 4]


def test_of_a_query_that_finds_too_many_no_more_is_read_than_shows_it(rest, pe, cases, monkeypatch):
    monkeypatch.setattr(listing, "MOST_ROWS", 2)
    seen = []
    sa.event.listen(pe.db, "before_cursor_execute", lambda _c, _cursor, statement, parameters, *_: seen.append((statement, parameters)))
    for path, body in (("/process-instance/delete", {"processInstanceQuery": {}}), ("/job/retries", {"jobQuery": {}, "retries": 1})):
        seen.clear()
        rest.refused(400, "POST", path, json=body)
        [(statement, parameters)] = [each for each in seen if "LIMIT" in each[0] and re.search(r"FROM (job|process_instance) ", each[0])]
        assert 3 in parameters and "variables" not in statement  # one more than may be, and of each its id alone


def test_what_is_refused(rest, cases):
    for path, body in (("/process-instance/delete", {}), ("/process-instance/suspended-async", {"suspended": True, "processInstanceIds": []}),
                       ("/process-instance/delete", {"processInstanceIds": ["tidak-ada"]}),
                       ("/process-instance/job-retries", {"processInstances": cases, "retries": 0}),
                       ("/process-instance/variables-async", {"processInstanceIds": cases, "variables": {}}),
                       ("/process-instance/delete", {"processInstanceQuery": {"orQueries": []}})):
        rest.refused(400, "POST", path, json=body)
    for user in ("penulis", "pemilik"):
        rest.refused(403, "POST", "/process-instance/delete", user, json={"processInstanceIds": cases})
    rest.refused(404, "GET", "/batch/tidak-ada")
    assert rest.get("/batch", "penulis") == []
