"""Open incidents."""

from engine import commands
from engine.queries_rest import INCIDENTS
from webui.rest.declare import STRING, Call, named, operation, optional, write_date
from webui.rest.lists import declare_list, row_of

TAG = "Incident"
_TEXT = optional(STRING)
INCIDENT = named("Incident", {
    "id": STRING, "processDefinitionId": _TEXT, "processInstanceId": _TEXT, "executionId": _TEXT, "incidentTimestamp": STRING,
    "incidentType": STRING, "activityId": _TEXT, "failedActivityId": _TEXT, "causeIncidentId": STRING, "rootCauseIncidentId": STRING,
    "configuration": _TEXT, "incidentMessage": STRING, "tenantId": _TEXT, "jobDefinitionId": _TEXT, "annotation": _TEXT})

ANNOTATION = named("Annotation", {"annotation": _TEXT}, required=())


def show_incident(call: Call, row: dict) -> dict:
    activity = row["activity_id"] or None
    return {"id": row["id"], "processDefinitionId": row["definition_id"], "processInstanceId": row["instance_id"],
            "executionId": row["instance_id"], "incidentTimestamp": write_date(row["opened_at"]), "incidentType": row["type"],
            "activityId": activity, "failedActivityId": activity, "causeIncidentId": row["id"], "rootCauseIncidentId": row["id"],
            "configuration": row["job_id"], "incidentMessage": row["message"], "tenantId": row["tenant_id"], "jobDefinitionId": activity,
            "annotation": row["annotation"]}


declare_list("/incident", TAG, INCIDENTS, INCIDENT, show_incident, post=False)


@operation("GET", "/incident/{id}", tag=TAG, summary="An open incident", result=INCIDENT)
def get(call: Call, id: str) -> dict:
    return show_incident(call, row_of(call, INCIDENTS, id, "incident"))


@operation("PUT", "/incident/{id}/annotation", tag=TAG, summary="Note something about an incident", body=ANNOTATION)
def put_annotation(call: Call, id: str) -> None:
    commands.annotate_incident(call.pe, call.actor, call.now, id, call.body.get("annotation"))


@operation("DELETE", "/incident/{id}/annotation", tag=TAG, summary="Take the note away")
def delete_annotation(call: Call, id: str) -> None:
    commands.annotate_incident(call.pe, call.actor, call.now, id, None)
