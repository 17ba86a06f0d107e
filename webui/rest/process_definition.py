"""Process definitions: finding them by id or key, their diagram and start form, and starting cases of them."""

from collections.abc import Callable

from flask import Response

from bpmn import forms
from engine import commands, keeping, queries
from engine.queries_rest import DEFINITIONS
from engine.store import read
from webui.rest.declare import (
    ANY,
    BOOLEAN,
    INTEGER,
    JSON,
    STRING,
    Call,
    Parameter,
    named,
    operation,
    optional,
)
from webui.rest.errors import BadRequest
from webui.rest.form import submitted
from webui.rest.lists import declare_list, row_of, rows_of
from webui.rest.process_instance import INSTANCE, INSTANCE_WITH_VARIABLES, show_instance
from webui.rest.variables import VALUES, VALUES_IN, typed_all, untyped_all

TAG = "Process Definition"
DEFINITION = named("ProcessDefinition", {
    "id": STRING, "key": STRING, "category": optional(STRING), "description": optional(STRING), "name": optional(STRING),
    "version": INTEGER, "resource": STRING, "deploymentId": STRING, "diagram": optional(STRING), "suspended": BOOLEAN,
    "tenantId": optional(STRING), "versionTag": optional(STRING), "historyTimeToLive": optional(INTEGER), "startableInTasklist": BOOLEAN})
DIAGRAM = named("ProcessDefinitionDiagram", {"id": STRING, "bpmn20Xml": STRING})
FORM_KEY = named("Form", {"key": optional(STRING), "camundaFormRef": {}, "contextPath": optional(STRING)}, required=("key",))
START = named("StartProcessInstance", {
    "variables": VALUES_IN, "businessKey": optional(STRING), "caseInstanceId": optional(STRING), "withVariablesInReturn": optional(BOOLEAN),
    "skipCustomListeners": optional(BOOLEAN), "skipIoMappings": optional(BOOLEAN),
    "startInstructions": optional({"type": "array", "maxItems": 0})}, required=())
SUBMIT = named("SubmitStartForm", {"variables": VALUES_IN, "businessKey": optional(STRING)}, required=())
SUSPENSION = named("ProcessDefinitionSuspension", {
    "suspended": BOOLEAN, "includeProcessInstances": optional(BOOLEAN), "executionDate": {"type": "null"}}, required=("suspended",))
RESTART = named("RestartProcessInstances", {
    "processInstanceIds": {"type": "array", "items": STRING, "minItems": 1, "maxItems": 1},
    "instructions": {"type": "array", "minItems": 1, "items": named("RestartInstruction", {
        "type": {"type": "string", "enum": ["startBeforeActivity"]}, "activityId": STRING})},
    "annotation": optional(STRING), "initialVariables": {"enum": [False, None]}, "skipCustomListeners": optional(BOOLEAN),
    "skipIoMappings": {"enum": [False, None]}, "withoutBusinessKey": optional(BOOLEAN)}, required=("processInstanceIds", "instructions"))
FORM_VARIABLES = (Parameter("variableNames", "list", "Only these variables"), Parameter("deserializeValues", "boolean"))


def show_definition(call: Call, row: dict) -> dict:
    return {"id": row["id"], "key": row["key"], "category": None, "description": None, "name": row["name"] or None,
            "version": row["version"], "resource": row["resource_name"], "deploymentId": row["deployment_id"], "diagram": None,
            "suspended": row["suspended"], "tenantId": row["tenant_id"], "versionTag": None, "historyTimeToLive": row["days"],
            "startableInTasklist": True}


def with_days(call: Call, rows: list[dict]) -> list[dict]:
    """Rows of definitions with `days`, for how long ended cases are kept: by an admin's rule, else by the diagram."""
    with read(call.pe) as db:
        in_diagrams = keeping.diagram_days(db, [row for row in rows if not row["has_rule"]])
    return [{**row, "days": row["days"] if row["has_rule"] else in_diagrams[row["id"]]} for row in rows]


declare_list("/process-definition", TAG, DEFINITIONS, DEFINITION, show_definition, post=False, beside=with_days)


def by_id_or_key(method: str, suffix: str, **declared) -> Callable[[Callable], Callable]:
    """Declare a handler `fn(call, row)` under the three addresses that Camunda gives a definition."""
    def declare(handler: Callable) -> Callable:
        def by_id(call: Call, id: str):
            return handler(call, row_of(call, DEFINITIONS, id, "process definition"))

        def by_key(call: Call, key: str):
            return handler(call, _latest(call, key))

        def by_key_and_tenant(call: Call, key: str, tenant_id: str):
            return handler(call, _latest(call, key, tenant_id))

        for function, path in ((by_id, "/{id}"), (by_key, "/key/{key}"), (by_key_and_tenant, "/key/{key}/tenant-id/{tenant-id}")):
            operation(method, f"/process-definition{path}{suffix}", tag=TAG, **declared)(function)
        return handler
    return declare


@by_id_or_key("GET", "", summary="A process definition", result=DEFINITION)
def get(call: Call, row: dict) -> dict:
    return show_definition(call, *with_days(call, [row]))


@by_id_or_key("GET", "/xml", summary="Its diagram", result=DIAGRAM)
def get_xml(call: Call, row: dict) -> dict:
    return {"id": row["id"], "bpmn20Xml": queries.definition_xml(call.pe, call.actor, row["id"]).decode()}


@by_id_or_key("POST", "/start", summary="Start a case", body=START, body_required=False, result=INSTANCE_WITH_VARIABLES)
def start(call: Call, row: dict) -> dict:
    case = _start(call, row, untyped_all(call, call.body.get("variables")))
    if call.body.get("withVariablesInReturn"):
        case["variables"] = typed_all(queries.instance_variables(call.pe, call.actor, case["id"]))
    return case


@operation("POST", "/process-definition/{id}/restart", tag=TAG, body=RESTART,
           summary="Begin an ended case once more, before these steps; one at a time. The annotation is the reason that the history keeps")
def restart(call: Call, id: str) -> None:
    row = row_of(call, DEFINITIONS, id, "process definition")
    case = queries.instance(call.pe, call.actor, call.body["processInstanceIds"][0])
    if case["definition_id"] != row["id"]:
        raise BadRequest(f"Process instance {case['id']} is not of process definition {row['id']}")
    steps = [each["activityId"] for each in call.body["instructions"]]
    commands.restart(call.pe, call.actor, call.now, case["id"], steps, call.body.get("annotation") or "REST")


@by_id_or_key("POST", "/submit-form", summary="Start a case by its start form, which is checked", body=SUBMIT, body_required=False,
              result=INSTANCE)
def submit_form(call: Call, row: dict) -> dict:
    values = untyped_all(call, call.body.get("variables"))
    return _start(call, row, submitted(queries.start_form(call.pe, call.actor, row["id"]), values))


@by_id_or_key("GET", "/startForm", summary="The key of its start form", result=FORM_KEY)
def get_start_form(call: Call, row: dict) -> dict:
    form = queries.start_form(call.pe, call.actor, row["id"])
    return {"key": f"camunda-forms:deployment:{forms.read(form).id}" if form else None, "contextPath": None}


@by_id_or_key("GET", "/deployed-start-form", summary="Its start form", result=ANY, media=(JSON,))
def get_deployed_start_form(call: Call, row: dict) -> Response:
    form = queries.start_form(call.pe, call.actor, row["id"])
    if form is None:
        raise BadRequest(f"No deployed start form for process definition {row['id']}", status=404)
    return Response(form, mimetype=JSON)


@by_id_or_key("GET", "/form-variables", summary="What its start form shows at first", query=FORM_VARIABLES, result=VALUES)
def get_form_variables(call: Call, row: dict) -> dict:
    form = queries.start_form(call.pe, call.actor, row["id"])
    return typed_all(forms.initial(forms.read(form), {}) if form else {}, call.query.get("variableNames"))


@by_id_or_key("PUT", "/suspended", summary="Let nobody start cases of it, or let them again", body=SUSPENSION)
def put_suspended(call: Call, row: dict) -> None:
    change = commands.suspend_definition if call.body["suspended"] else commands.activate_definition
    change(call.pe, call.actor, call.now, row["id"], "REST", include_instances=bool(call.body.get("includeProcessInstances")))


def _latest(call: Call, key: str, tenant_id: str | None = None) -> dict:
    rows = rows_of(call, DEFINITIONS, key=key, latestVersion=True)
    if not rows or tenant_id not in (None, call.actor.tenant):
        raise BadRequest(f"No matching process definition with key: {key[:80]}", status=404, type="RestException")
    return rows[0]


def _start(call: Call, row: dict, values: dict) -> dict:
    started = commands.start(call.pe, call.actor, call.now, definition_id=row["id"], variables=values,
                             business_key=call.body.get("businessKey") or None)
    return show_instance(call, {"id": started.id, "definition_id": started.definition_id, "definition_key": row["key"],
                                "business_key": started.business_key, "tenant_id": call.actor.tenant, "suspended": False,
                                "ended": started.ended})
