"""Batches, as Camunda 7.24 has them: what the worker does to many, how far it is, and how it is stopped; and what begins one.

A batch that ended is in the history alone. Each operation that begins one is for an admin, and its list is frozen when it is called.
"""

from collections.abc import Mapping
from typing import Any

from bpmn.errors import Conflict
from engine import commands, listing, modification, queries
from engine.batches import Choice
from engine.commands import batch_types
from engine.queries_rest import BATCHES, HISTORIC_BATCHES, HISTORIC_INSTANCES, INSTANCES, JOBS
from engine.tables import job
from webui.rest.declare import BOOLEAN, INTEGER, STRING, Call, Parameter, array, named, operation, optional, write_date
from webui.rest.errors import BadRequest
from webui.rest.lists import criteria_of, declare_list, row_of
from webui.rest.variables import VALUES_IN, untyped_all

TAG = "Batch"
_BATCH = {
    "id": STRING, "type": STRING, "totalJobs": INTEGER, "jobsCreated": INTEGER, "batchJobsPerSeed": INTEGER,
    "invocationsPerBatchJob": INTEGER, "seedJobDefinitionId": optional(STRING), "monitorJobDefinitionId": optional(STRING),
    "batchJobDefinitionId": optional(STRING), "suspended": BOOLEAN, "tenantId": optional(STRING), "createUserId": optional(STRING),
    "startTime": STRING, "executionStartTime": optional(STRING)}
BATCH = named("Batch", _BATCH)
STATISTICS = named("BatchStatistics", {**_BATCH, "remainingJobs": INTEGER, "completedJobs": INTEGER, "failedJobs": INTEGER})
HISTORIC = named("HistoricBatch", {
    **{name: each for name, each in _BATCH.items() if name not in ("jobsCreated", "suspended")}, "endTime": optional(STRING),
    "removalTime": optional(STRING)})
SUSPENDED = named("BatchSuspension", {"suspended": BOOLEAN})
IDS = optional({"type": "array", "items": STRING, "maxItems": 10_000})
_QUERY = optional({"$ref": "#/components/schemas/ProcessInstanceQuery"})
_HISTORIC_QUERY = optional({"$ref": "#/components/schemas/HistoricProcessInstanceQuery"})
_CASES = {"processInstanceIds": IDS, "processInstanceQuery": _QUERY, "historicProcessInstanceQuery": _HISTORIC_QUERY}
_SKIP = {"skipCustomListeners": optional(BOOLEAN), "skipIoMappings": optional(BOOLEAN)}
_RETRIES: dict[str, dict] = {"retries": {"type": "integer", "minimum": 0, "maximum": 1000}, "dueDate": {"type": "null"}}
DELETION = named("DeleteProcessInstances", {
    **_CASES, **_SKIP, "deleteReason": optional(STRING), "skipSubprocesses": optional(BOOLEAN)}, required=())
SUSPENSION = named("SuspendProcessInstances", {**_CASES, "suspended": BOOLEAN}, required=("suspended",))
VARIABLES = named("SetVariablesAsync", {**_CASES, "variables": VALUES_IN}, required=("variables",))
RETRIES_OF_CASES = named("SetJobRetriesByProcess", {
    "processInstances": IDS, "processInstanceQuery": _QUERY, "historicProcessInstanceQuery": _HISTORIC_QUERY, **_RETRIES},
    required=("retries",))
RETRIES_OF_JOBS = named("SetJobRetries", {
    "jobIds": IDS, "jobQuery": optional({"$ref": "#/components/schemas/JobQuery"}), **_RETRIES}, required=("retries",))
_INSTRUCTION = named("ModificationAsyncInstruction", {
    "type": {"type": "string", "enum": list(modification.KINDS)}, "activityId": optional(STRING), "transitionId": optional(STRING),
    "cancelCurrentActiveActivityInstances": {"enum": [True, None]}}, required=("type",))
MODIFICATION = named("ModificationAsync", {
    **_CASES, **_SKIP, "processDefinitionId": STRING, "annotation": optional(STRING), "instructions": array(_INSTRUCTION)},
    required=("instructions", "processDefinitionId"))


# What there is --------------------------------------------------------------------------------------------------------

def _shown(row: dict) -> dict:
    return {"id": row["id"], "type": row["type"], "totalJobs": row["total"], "jobsCreated": row["total"], "batchJobsPerSeed": 100,
            "invocationsPerBatchJob": 1, "seedJobDefinitionId": None, "monitorJobDefinitionId": None, "batchJobDefinitionId": None,
            "suspended": row["state"] == "suspended", "tenantId": row["tenant_id"], "createUserId": row["created_by"],
            "startTime": write_date(row["created_at"]), "executionStartTime": write_date(row["started_at"])}


def _with_counts(call: Call, row: dict) -> dict:
    return {**_shown(row), "remainingJobs": row["left"], "completedJobs": row["total"] - row["left"] - row["failed"],
            "failedJobs": row["failed"]}


def _ended(call: Call, row: dict) -> dict:
    shown = {name: value for name, value in _shown(row).items() if name not in ("jobsCreated", "suspended")}
    return {**shown, "endTime": write_date(row["ended_at"]), "removalTime": None}


declare_list("/batch", TAG, BATCHES, BATCH, lambda call, row: _shown(row), post=False)
declare_list("/batch/statistics", TAG + " statistic", BATCHES, STATISTICS, _with_counts, post=False)
declare_list("/history/batch", "History", HISTORIC_BATCHES, HISTORIC, _ended, post=False)


@operation("GET", "/batch/{id}", tag=TAG, summary="A batch", result=BATCH)
def get_batch(call: Call, id: str) -> dict:
    return _shown(_under_way(call, id))


@operation("PUT", "/batch/{id}/suspended", tag=TAG, summary="Let a batch wait, or go on", body=SUSPENDED)
def put_suspended(call: Call, id: str) -> None:
    _under_way(call, id)
    (commands.suspend_batch if call.body["suspended"] else commands.activate_batch)(call.pe, call.actor, call.now, id)


@operation("DELETE", "/batch/{id}", tag=TAG, summary="End a batch; what it did stays", query=(Parameter("cascade", "boolean"),))
def delete_batch(call: Call, id: str) -> None:
    _under_way(call, id)
    commands.delete_batch(call.pe, call.actor, call.now, id)


@operation("GET", "/history/batch/{id}", tag="History", summary="A batch, under way or ended", result=HISTORIC)
def get_historic_batch(call: Call, id: str) -> dict:
    return _ended(call, row_of(call, HISTORIC_BATCHES, id, "historic batch"))


def _under_way(call: Call, id: str) -> dict:
    queries.batches(call.pe, call.actor, open=True, limit=1)  # Forbidden for who may see none
    try:
        return row_of(call, BATCHES, id, "batch")
    except BadRequest:
        raise BadRequest(f"Batch with id '{id[:80]}' does not exist", status=404) from None


def show_batch(call: Call, id: str) -> dict:
    return _shown(queries.batch(call.pe, call.actor, id))


# What begins one ------------------------------------------------------------------------------------------------------

@operation("POST", "/process-instance/delete", tag="Process Instance", summary="Cancel many", body=DELETION, result=BATCH)
def delete_async(call: Call) -> dict:
    return _begin(call, batch_types.CANCEL, {}, why=call.body.get("deleteReason"))


@operation("POST", "/process-instance/suspended-async", tag="Process Instance", summary="Suspend or activate many", body=SUSPENSION,
           result=BATCH)
def suspended_async(call: Call) -> dict:
    return _begin(call, batch_types.SUSPENSION, {"suspended": call.body["suspended"]})


@operation("POST", "/process-instance/variables-async", tag="Process Instance", summary="Set variables of many", body=VARIABLES,
           result=BATCH)
def variables_async(call: Call) -> dict:
    return _begin(call, batch_types.VARIABLES, {"variables": untyped_all(call, call.body["variables"])})


@operation("POST", "/process-instance/job-retries", tag="Process Instance", summary="Give the failed jobs of many attempts",
           body=RETRIES_OF_CASES, result=BATCH)
def job_retries_async(call: Call) -> dict:
    return _begin(call, batch_types.RETRY, {"retries": call.body["retries"]}, ids="processInstances")


@operation("POST", "/job/retries", tag="Job", summary="Give failed jobs attempts", body=RETRIES_OF_JOBS, result=BATCH)
def retries_async(call: Call) -> dict:
    found = _named(call, "jobIds", {"jobQuery": JOBS})
    jobs = listing.matching(call.pe, call.actor, JOBS, {"jobIds": found}, [job.c.instance_id], len(found))
    cases = {row.instance_id for row in jobs if row.instance_id}
    return _create(call, batch_types.RETRY, Choice(ids=tuple(cases)), {"retries": call.body["retries"], "jobs": found}, "REST")


@operation("POST", "/modification/executeAsync", tag="Modification", summary="Cancel and start activities of many", body=MODIFICATION,
           result=BATCH)
def modify_async(call: Call) -> dict:
    told = [{"kind": each["type"], "element": each.get("transitionId" if each["type"] == modification.ALONG else "activityId") or ""}
            for each in call.body["instructions"]]
    return _begin(call, batch_types.MODIFY, {"instructions": told, "definitions": [call.body["processDefinitionId"]]},
                  why=call.body.get("annotation"))


def _begin(call: Call, type: str, data: dict[str, Any], *, why: str | None = None, ids: str = "processInstanceIds") -> dict:
    return _create(call, type, Choice(ids=tuple(cases_named(call, ids))), data, why or "REST")


def _create(call: Call, type: str, choice: Choice, data: dict[str, Any], why: str) -> dict:
    try:
        return show_batch(call, commands.create_batch(call.pe, call.actor, call.now, type, choice, data, why=why))
    except Conflict as problem:
        raise BadRequest(str(problem), type="BadUserRequestException") from problem


def cases_named(call: Call, ids: str = "processInstanceIds") -> list[str]:
    """The ids of cases that a request names, and of those that its queries find: no more of these are read than one batch may have."""
    return _named(call, ids, {"processInstanceQuery": INSTANCES, "historicProcessInstanceQuery": HISTORIC_INSTANCES})


def _named(call: Call, ids: str, queries: Mapping[str, listing.Listing]) -> list[str]:
    found = list(call.body.get(ids) or ())
    for name, what in queries.items():
        asked = call.body.get(name)
        if asked is None:
            continue
        if unknown := sorted(asked.keys() - what.filters.keys() - {"sorting"}):
            raise BadRequest(f"'{unknown[0]}' is not supported in {name}")
        found += [row.id for row in listing.matching(call.pe, call.actor, what, criteria_of(what, asked), [what.id],
                                                    listing.MOST_ROWS + 1)]
    if not found:
        raise BadRequest(f"{ids} is empty", type="BadUserRequestException")
    found = list(dict.fromkeys(found))
    if len(found) > listing.MOST_ROWS:
        raise BadRequest(f"At most {listing.MOST_ROWS} at once", type="BadUserRequestException")
    return found
