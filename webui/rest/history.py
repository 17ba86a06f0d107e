"""History: cases, activities, and tasks, running and ended."""

import datetime as dt

from engine.queries_rest import HISTORIC_ACTIVITIES, HISTORIC_INSTANCES, HISTORIC_TASKS
from webui.rest.declare import BOOLEAN, INTEGER, STRING, Call, named, operation, optional, write_date
from webui.rest.lists import declare_list, row_of

_TEXT, _MILLISECONDS = optional(STRING), optional({"type": "integer"})
INSTANCE = named("HistoricProcessInstance", {
    "id": STRING, "rootProcessInstanceId": STRING, "superProcessInstanceId": _TEXT, "superCaseInstanceId": _TEXT, "caseInstanceId": _TEXT,
    "processDefinitionName": _TEXT, "processDefinitionKey": STRING, "processDefinitionVersion": INTEGER, "processDefinitionId": STRING,
    "businessKey": _TEXT, "startTime": STRING, "endTime": _TEXT, "removalTime": _TEXT, "durationInMillis": _MILLISECONDS,
    "startUserId": _TEXT, "startActivityId": _TEXT, "deleteReason": _TEXT, "tenantId": _TEXT, "state": STRING,
    "restartedProcessInstanceId": _TEXT})
ACTIVITY = named("HistoricActivityInstance", {
    "id": STRING, "parentActivityInstanceId": _TEXT, "activityId": STRING, "activityName": _TEXT, "activityType": STRING,
    "processDefinitionKey": STRING, "processDefinitionId": STRING, "processInstanceId": STRING, "executionId": STRING, "taskId": _TEXT,
    "assignee": _TEXT, "calledProcessInstanceId": _TEXT, "calledCaseInstanceId": _TEXT, "startTime": STRING, "endTime": _TEXT,
    "durationInMillis": _MILLISECONDS, "canceled": BOOLEAN, "completeScope": BOOLEAN, "tenantId": _TEXT, "removalTime": _TEXT,
    "rootProcessInstanceId": STRING})
TASK = named("HistoricTaskInstance", {
    "id": STRING, "processDefinitionKey": STRING, "processDefinitionId": STRING, "processInstanceId": STRING, "executionId": STRING,
    "caseDefinitionKey": _TEXT, "caseDefinitionId": _TEXT, "caseInstanceId": _TEXT, "caseExecutionId": _TEXT, "activityInstanceId": STRING,
    "name": _TEXT, "description": _TEXT, "deleteReason": _TEXT, "owner": _TEXT, "assignee": _TEXT, "startTime": STRING, "endTime": _TEXT,
    "duration": _MILLISECONDS, "taskDefinitionKey": STRING, "priority": INTEGER, "due": _TEXT, "parentTaskId": _TEXT, "followUp": _TEXT,
    "tenantId": _TEXT, "removalTime": _TEXT, "rootProcessInstanceId": STRING, "taskState": STRING})


def show_instance(call: Call, row: dict) -> dict:
    return {"id": row["id"], "rootProcessInstanceId": row["id"], "superProcessInstanceId": None, "superCaseInstanceId": None,
            "caseInstanceId": None, "processDefinitionName": row["definition_name"] or None, "processDefinitionKey": row["definition_key"],
            "processDefinitionVersion": row["definition_version"], "processDefinitionId": row["definition_id"],
            "businessKey": row["business_key"], "startTime": write_date(row["started_at"]), "endTime": write_date(row["ended_at"]),
            "removalTime": None, "durationInMillis": _milliseconds(row), "startUserId": row["started_by"], "startActivityId": None,
            "deleteReason": None if row["end_reason"] in (None, "completed") else row["end_reason"], "tenantId": row["tenant_id"],
            "state": _state(row), "restartedProcessInstanceId": None}


def show_activity(call: Call, row: dict) -> dict:
    return {"id": row["id"], "parentActivityInstanceId": row["scope_id"] or row["instance_id"], "activityId": row["activity_id"],
            "activityName": row["name"] or None, "activityType": row["type"], "processDefinitionKey": row["definition_key"],
            "processDefinitionId": row["definition_id"], "processInstanceId": row["instance_id"], "executionId": row["instance_id"],
            "taskId": row["id"] if row["is_task"] else None, "assignee": row["assignee"], "calledProcessInstanceId": None,
            "calledCaseInstanceId": None, "startTime": write_date(row["started_at"]), "endTime": write_date(row["ended_at"]),
            "durationInMillis": _milliseconds(row), "canceled": row["canceled"], "completeScope": row["type"].endswith("EndEvent"),
            "tenantId": row["tenant_id"], "removalTime": None, "rootProcessInstanceId": row["instance_id"]}


def show_task(call: Call, row: dict) -> dict:
    return {"id": row["id"], "processDefinitionKey": row["definition_key"], "processDefinitionId": row["definition_id"],
            "processInstanceId": row["instance_id"], "executionId": row["instance_id"], "caseDefinitionKey": None, "caseDefinitionId": None,
            "caseInstanceId": None, "caseExecutionId": None, "activityInstanceId": row["id"], "name": row["name"] or None,
            "description": row["description"], "deleteReason": _ended_how(row), "owner": row["owner"], "assignee": row["assignee"],
            "startTime": write_date(row["started_at"]), "endTime": write_date(row["ended_at"]), "duration": _milliseconds(row),
            "taskDefinitionKey": row["activity_id"], "priority": row["priority"], "due": write_date(row["due_at"]), "parentTaskId": None,
            "followUp": write_date(row["follow_up_at"]), "tenantId": row["tenant_id"], "removalTime": None,
            "rootProcessInstanceId": row["instance_id"], "taskState": {None: "Created", "completed": "Completed"}.get(
                _ended_how(row), "Deleted")}


declare_list("/history/process-instance", "Historic Process Instance", HISTORIC_INSTANCES, INSTANCE, show_instance)
declare_list("/history/activity-instance", "Historic Activity Instance", HISTORIC_ACTIVITIES, ACTIVITY, show_activity)
declare_list("/history/task", "Historic Task Instance", HISTORIC_TASKS, TASK, show_task)


@operation("GET", "/history/process-instance/{id}", tag="Historic Process Instance", summary="A case, running or ended", result=INSTANCE)
def get_instance(call: Call, id: str) -> dict:
    return show_instance(call, row_of(call, HISTORIC_INSTANCES, id, "historic process instance"))


@operation("GET", "/history/activity-instance/{id}", tag="Historic Activity Instance", summary="An activity", result=ACTIVITY)
def get_activity(call: Call, id: str) -> dict:
    return show_activity(call, row_of(call, HISTORIC_ACTIVITIES, id, "historic activity instance"))


def _milliseconds(row: dict) -> int | None:
    return None if row["ended_at"] is None else (row["ended_at"] - row["started_at"]) // dt.timedelta(milliseconds=1)


def _state(row: dict) -> str:
    if row["ended_at"] is None:
        return "SUSPENDED" if row["suspended"] else "ACTIVE"
    return "COMPLETED" if row["end_reason"] == "completed" else "EXTERNALLY_TERMINATED"


def _ended_how(row: dict) -> str | None:
    return None if row["ended_at"] is None else "deleted" if row["canceled"] else "completed"
