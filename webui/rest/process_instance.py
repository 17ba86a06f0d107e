"""Running cases: finding, cancelling and suspending them, and their variables."""

from typing import BinaryIO, cast

from flask import Response, request, url_for

from engine import access, commands, documents, modification, queries
from engine.modification import Instruction
from engine.queries_rest import HISTORIC_ACTIVITIES, INCIDENTS, INSTANCES
from webui.rest.declare import ANY, BOOLEAN, MULTIPART, STRING, Call, Parameter, array, named, operation, optional
from webui.rest.errors import BadRequest
from webui.rest.lists import declare_list, row_of, rows_of
from webui.rest.variables import VALUE, VALUE_IN, VALUES, VALUES_IN, check_name, store_file, typed, typed_all, untyped, untyped_all

TAG = "Process Instance"
LINK = named("AtomLink", {"method": STRING, "href": STRING, "rel": STRING})
_COLUMNS = {"links": array(LINK), "id": STRING, "definitionId": STRING, "definitionKey": STRING, "businessKey": optional(STRING),
            "caseInstanceId": optional(STRING), "ended": BOOLEAN, "suspended": BOOLEAN, "tenantId": optional(STRING)}
INSTANCE = named("ProcessInstance", _COLUMNS)
INSTANCE_WITH_VARIABLES = named("ProcessInstanceWithVariables", {**_COLUMNS, "variables": VALUES}, required=tuple(_COLUMNS))
PATCH = named("PatchVariables", {"modifications": VALUES_IN, "deletions": optional(array(STRING))}, required=())
SUSPENSION = named("Suspension", {"suspended": BOOLEAN})
_INSTRUCTION = named("ModificationInstruction", {
    "type": {"type": "string", "enum": list(modification.KINDS)}, "activityId": optional(STRING), "transitionId": optional(STRING),
    "activityInstanceId": optional(STRING), "ancestorActivityInstanceId": optional(STRING), "variables": VALUES_IN,
}, required=("type",))
MODIFICATION = named("Modification", {
    "instructions": array(_INSTRUCTION), "annotation": optional(STRING), "skipCustomListeners": optional(BOOLEAN),
    "skipIoMappings": {"enum": [False, None]},
}, required=("instructions",))
FILE = {"type": "object", "required": ["data"], "properties": {
    "data": {"type": "string", "format": "binary"}, "valueType": {"type": "string", "enum": ["File", "Bytes"]}}}
DELETE = (Parameter("skipCustomListeners", "boolean"), Parameter("skipIoMappings", "boolean"), Parameter("skipSubprocesses", "boolean"),
          Parameter("failIfNotExists", "boolean", "false: 204 also where there is no such case"))
DESERIALIZE = (Parameter("deserializeValues", "boolean"), Parameter("deserializeValue", "boolean"))
_STEP = {"id": STRING, "parentActivityInstanceId": optional(STRING), "activityId": STRING, "activityName": optional(STRING),
         "name": optional(STRING), "activityType": STRING, "processInstanceId": STRING, "processDefinitionId": STRING,
         "childActivityInstances": array({"$ref": "#/components/schemas/ActivityInstance"}), "childTransitionInstances": array({}),
         "executionIds": array(STRING), "incidentIds": array(STRING), "incidents": array({})}
STEP = named("ActivityInstance", _STEP)


def show_instance(call: Call, row: dict) -> dict:
    link = url_for("rest.get_process_instance_id", id=row["id"], _external=True)
    return {"links": [{"method": "GET", "href": link, "rel": "self"}], "id": row["id"], "definitionId": row["definition_id"],
            "definitionKey": row["definition_key"], "businessKey": row["business_key"], "caseInstanceId": None,
            "ended": row.get("ended", False), "suspended": row["suspended"], "tenantId": row["tenant_id"]}


declare_list("/process-instance", TAG, INSTANCES, INSTANCE, show_instance, variables=("variables", "processInstanceIds"))


@operation("GET", "/process-instance/{id}", tag=TAG, summary="A running case", result=INSTANCE)
def get(call: Call, id: str) -> dict:
    return show_instance(call, _running(call, id))


@operation("DELETE", "/process-instance/{id}", tag=TAG, summary="Cancel a case", query=DELETE)
def delete(call: Call, id: str) -> None:
    if call.query.get("failIfNotExists") is False and not rows_of(call, INSTANCES, processInstanceIds=[id]):
        return
    _running(call, id)
    commands.cancel(call.pe, call.actor, call.now, id, "REST")


@operation("PUT", "/process-instance/{id}/suspended", tag=TAG, summary="Let nothing happen in a case, or let it go on", body=SUSPENSION)
def put_suspended(call: Call, id: str) -> None:
    _running(call, id)
    (commands.suspend_instance if call.body["suspended"] else commands.activate_instance)(call.pe, call.actor, call.now, id, "REST")


@operation("POST", "/process-instance/{id}/modification", tag=TAG,
           summary="Cancel and start activities by hand; all of it or nothing. The annotation is the reason that the history keeps",
           body=MODIFICATION)
def modify(call: Call, id: str) -> None:
    _running(call, id)
    told = [_instruction(call, id, each) for each in call.body["instructions"]]
    commands.modify(call.pe, call.actor, call.now, id, told, call.body.get("annotation") or "REST")


@operation("GET", "/process-instance/{id}/activity-instances", tag=TAG, summary="Where a case stands, as a tree", result=STEP)
def get_activity_instances(call: Call, id: str) -> dict:
    case = _running(call, id)
    steps = rows_of(call, HISTORIC_ACTIVITIES, processInstanceId=id, unfinished=True)
    incidents = rows_of(call, INCIDENTS, processInstanceId=id)
    return _tree(case, steps, incidents)


@operation("GET", "/process-instance/{id}/variables", tag=TAG, summary="Its variables", query=DESERIALIZE, result=VALUES)
def get_variables(call: Call, id: str) -> dict:
    _running(call, id)
    return typed_all(queries.instance_variables(call.pe, call.actor, id))


@operation("POST", "/process-instance/{id}/variables", tag=TAG, summary="Set and delete variables", body=PATCH)
def modify_variables(call: Call, id: str) -> None:
    _running(call, id)
    commands.set_variables(call.pe, call.actor, call.now, id, untyped_all(call, call.body.get("modifications")),
                           call.body.get("deletions") or (), reason="REST")


@operation("GET", "/process-instance/{id}/variables/{varName}", tag=TAG, summary="One variable", query=DESERIALIZE, result=VALUE)
def get_variable(call: Call, id: str, varName: str) -> dict:
    _running(call, id)
    return typed(pick(queries.instance_variables(call.pe, call.actor, id), varName))


@operation("GET", "/process-instance/{id}/variables/{varName}/data", tag=TAG, summary="The bytes of a file variable", query=DESERIALIZE,
           result=ANY, media=("application/octet-stream",))
def get_variable_data(call: Call, id: str, varName: str) -> Response:
    _running(call, id)
    return file_of(call, pick(queries.instance_variables(call.pe, call.actor, id), varName))


@operation("POST", "/process-instance/{id}/variables/{varName}/data", tag=TAG, summary="Set a file variable", body=FILE,
           body_type=MULTIPART)
def post_variable_data(call: Call, id: str, varName: str) -> None:
    _running(call, id)
    access.require(access.may_administer(call.actor))  # before the archive takes the file
    commands.set_variables(call.pe, call.actor, call.now, id, {check_name(varName): file_sent(call, varName)}, reason="REST")


@operation("PUT", "/process-instance/{id}/variables/{varName}", tag=TAG, summary="Set a variable", body=VALUE_IN)
def put_variable(call: Call, id: str, varName: str) -> None:
    _running(call, id)
    commands.set_variables(call.pe, call.actor, call.now, id, {check_name(varName): untyped(call, varName, call.body)}, reason="REST")


@operation("DELETE", "/process-instance/{id}/variables/{varName}", tag=TAG, summary="Delete a variable")
def delete_variable(call: Call, id: str, varName: str) -> None:
    _running(call, id)
    commands.set_variables(call.pe, call.actor, call.now, id, {}, [varName], reason="REST")


def _instruction(call: Call, id: str, given: dict) -> Instruction:
    kind, token = given["type"], given.get("activityInstanceId") or ""
    element = given.get("transitionId" if kind == modification.ALONG else "activityId") or ""
    if bool(element) == bool(token) or (token and kind != modification.CANCEL):
        raise BadRequest(f"For instruction type '{kind}': exactly one of activityId, transitionId and activityInstanceId is needed",
                         type="InvalidRequestException")
    if kind == modification.CANCEL and given.get("variables"):
        raise BadRequest("For instruction type 'cancel': variables cannot be set", type="InvalidRequestException")
    within = given.get("ancestorActivityInstanceId") or ""
    return Instruction(kind, element, token, "" if within == id else within, untyped_all(call, given.get("variables")))


def pick(values: dict, name: str):
    """The value with this name, or a 404 in Camunda's words."""
    if name not in values:
        raise BadRequest(f"variable with name {name[:80]} does not exist or is not visible", status=404)
    return values[name]


def file_of(call: Call, value) -> Response:
    """The bytes of a file variable, never to be opened in the browser's own page."""
    if typed(value)["type"] != "File":
        raise BadRequest("Value of variable is not a binary value")
    row, path = documents.open_document(call.pe, call.actor, value["document"])
    response = Response(path.read_bytes(), mimetype="application/octet-stream")
    response.headers.set("Content-Disposition", "attachment", filename=row["name"])
    return response


def file_sent(call: Call, name: str, task_id: str | None = None) -> dict:
    """What the request's form has under `data`, taken into the archive."""
    if request.mimetype != MULTIPART:
        raise BadRequest(f"The request's body must be {MULTIPART}", status=415)
    file = request.files.get("data")
    if file is None:
        raise BadRequest("No 'data' contained in the form upload.")
    return store_file(call, name, cast(BinaryIO, file.stream), file.filename or name, file.mimetype, task_id)


def _running(call: Call, id: str) -> dict:
    return row_of(call, INSTANCES, id, "process instance")


def _tree(case: dict, steps: list[dict], incidents: list[dict]) -> dict:
    known = {step["id"] for step in steps}

    def children(parent: str | None) -> list[dict]:
        return [node(step["id"], parent or case["id"], step["activity_id"], step["name"], step["type"], children(step["id"]))
                for step in steps if (step["scope_id"] if step["scope_id"] in known else None) == parent]

    def node(id: str, parent: str | None, activity_id: str, name: str, type: str, below: list[dict]) -> dict:
        own = [each for each in incidents if each["activity_id"] == activity_id]
        return {"id": id, "parentActivityInstanceId": parent, "activityId": activity_id, "activityName": name or None, "name": name or None,
                "activityType": type, "processInstanceId": case["id"], "processDefinitionId": case["definition_id"],
                "childActivityInstances": below, "childTransitionInstances": [], "executionIds": [case["id"]],
                "incidentIds": [each["id"] for each in own],
                "incidents": [{"id": each["id"], "activityId": activity_id} for each in own]}

    return node(case["id"], None, case["definition_id"], case["definition_name"], "processDefinition", children(None))
