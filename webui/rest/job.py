"""Jobs: the calls and timers that Terbit owes."""

from flask import Response

from engine import commands, jobs
from engine.queries_rest import JOBS
from webui.rest.declare import ANY, BOOLEAN, DATE, INTEGER, STRING, Call, named, operation, optional, read_date, write_date
from webui.rest.errors import BadRequest
from webui.rest.lists import declare_list, row_of, rows_of

TAG = "Job"
_TEXT = optional(STRING)
JOB = named("Job", {
    "id": STRING, "jobDefinitionId": _TEXT, "processInstanceId": _TEXT, "processDefinitionId": _TEXT, "processDefinitionKey": _TEXT,
    "executionId": _TEXT, "exceptionMessage": _TEXT, "failedActivityId": _TEXT, "retries": INTEGER, "dueDate": _TEXT, "suspended": BOOLEAN,
    "priority": INTEGER, "tenantId": _TEXT, "createTime": STRING, "batchId": _TEXT})
RETRIES = named("JobRetries", {"retries": {"type": "integer", "minimum": 0, "maximum": 1000}, "dueDate": {"type": "null"}},
                required=("retries",))

DUE = named("JobDuedate", {"duedate": optional(DATE), "cascade": {"enum": [False, None]}}, required=())


def show_job(call: Call, row: dict) -> dict:
    return {"id": row["id"], "jobDefinitionId": row["activity_id"] or None, "processInstanceId": row["instance_id"],
            "processDefinitionId": row["definition_id"], "processDefinitionKey": row["definition_key"], "executionId": row["instance_id"],
            "exceptionMessage": row["error"], "failedActivityId": row["activity_id"] if row["error"] else None, "retries": row["retries"],
            "dueDate": write_date(row["due_at"]), "suspended": row["suspended"], "priority": 0, "tenantId": row["tenant_id"],
            "createTime": write_date(row["created_at"]), "batchId": None}


declare_list("/job", TAG, JOBS, JOB, show_job)


@operation("GET", "/job/{id}", tag=TAG, summary="A job", result=JOB)
def get(call: Call, id: str) -> dict:
    return show_job(call, row_of(call, JOBS, id, "job"))


@operation("GET", "/job/{id}/stacktrace", tag=TAG, summary="Why it failed", result=ANY, media=("text/plain",))
def get_stacktrace(call: Call, id: str) -> Response:
    error = row_of(call, JOBS, id, "job")["error"]
    if error is None:
        raise BadRequest(f"Job {id} has not failed", status=404)
    return Response(error, mimetype="text/plain")


@operation("PUT", "/job/{id}/retries", tag=TAG, summary="Give a job attempts; a failed one is due at once", body=RETRIES)
def put_retries(call: Call, id: str) -> None:
    row_of(call, JOBS, id, "job")
    commands.set_job_retries(call.pe, call.actor, call.now, id, call.body["retries"], "REST")


@operation("PUT", "/job/{id}/duedate", tag=TAG, summary="Put a job off, or bring it forward; without a date it is due now", body=DUE)
def put_duedate(call: Call, id: str) -> None:
    row_of(call, JOBS, id, "job")
    due = call.body.get("duedate")
    commands.set_job_due(call.pe, call.actor, call.now, id, read_date(due, "duedate") if due else call.now, "REST")


@operation("POST", "/job/{id}/execute", tag=TAG, summary="Do a job now, whatever its time; a call to outside is left to a worker",
           body=named("Nothing", {}, closed=False), body_required=False)
def execute(call: Call, id: str) -> None:
    row_of(call, JOBS, id, "job")
    if commands.execute_job(call.pe, call.actor, call.now, id, "REST") == "external":
        return
    jobs.run_job(call.pe, id, lambda: call.now)
    left = rows_of(call, JOBS, jobId=id)
    if left and left[0]["error"]:
        raise BadRequest(left[0]["error"], status=409, type="ProcessEngineException")
