"""Deployments: putting diagrams and forms in force, and seeing what was put in force."""

from flask import Response, request, url_for

from bpmn.errors import Invalid
from engine import commands, queries
from engine.queries_rest import DEFINITIONS, DEPLOYMENTS, resource_content
from webui.errors import message_of
from webui.rest.declare import (
    ANY,
    BOOLEAN,
    MULTIPART,
    STRING,
    Call,
    Parameter,
    array,
    check_text,
    mapping,
    named,
    operation,
    optional,
    write_date,
)
from webui.rest.errors import BadRequest, reply
from webui.rest.lists import declare_list, row_of, rows_of
from webui.rest.process_definition import DEFINITION, show_definition, with_days
from webui.rest.process_instance import LINK

TAG = "Deployment"
MAX_BYTES, MAX_PARTS = 32 * 1024 * 1024, 200

_COLUMNS = {"links": array(LINK), "id": STRING, "name": optional(STRING), "source": optional(STRING), "deploymentTime": STRING,
            "tenantId": optional(STRING)}
DEPLOYMENT = named("Deployment", _COLUMNS)
RESOURCE = named("DeploymentResource", {"id": STRING, "name": STRING, "deploymentId": STRING})
_NONE = {"type": "null"}
MADE = named("DeploymentWithDefinitions", {
    **_COLUMNS, "deployedProcessDefinitions": optional(mapping(DEFINITION)), "deployedCaseDefinitions": _NONE,
    "deployedDecisionDefinitions": _NONE, "deployedDecisionRequirementsDefinitions": _NONE})
FORM = {
    "type": "object", "additionalProperties": {"type": "string", "format": "binary", "description": "A resource, with its file name"},
    "properties": {"deployment-name": STRING, "deployment-source": STRING, "enable-duplicate-filtering": BOOLEAN,
                   "deploy-changed-only": BOOLEAN, "tenant-id": STRING, "deployment-activation-time": STRING},
}


def show_deployment(call: Call, row: dict) -> dict:
    return {"links": [{"method": "GET", "href": url_for("rest.get_deployment_id", id=row["id"], _external=True), "rel": "self"}],
            "id": row["id"], "name": row["name"], "source": row["source"], "deploymentTime": write_date(row["deployed_at"]),
            "tenantId": row["tenant_id"]}


declare_list("/deployment", TAG, DEPLOYMENTS, DEPLOYMENT, show_deployment, post=False)


@operation("GET", "/deployment/{id}", tag=TAG, summary="A deployment", result=DEPLOYMENT)
def get(call: Call, id: str) -> dict:
    return show_deployment(call, row_of(call, DEPLOYMENTS, id, "deployment"))


@operation("DELETE", "/deployment/{id}", tag=TAG, summary="Delete a deployment on which no case ever ran",
           query=(Parameter("cascade", "boolean", "A deployment that a case ran on stays, cascade or not"),
                  Parameter("skipCustomListeners", "boolean"), Parameter("skipIoMappings", "boolean")))
def delete(call: Call, id: str) -> None:
    row_of(call, DEPLOYMENTS, id, "deployment")
    commands.delete_deployment(call.pe, call.actor, call.now, id)


@operation("POST", "/deployment/create", tag=TAG, summary="Deploy diagrams and forms", body=FORM, body_type=MULTIPART, result=MADE)
def create(call: Call) -> dict | Response:
    fields, resources = _read_form()
    tenant = fields.get("tenant-id") or call.actor.tenant
    if tenant != call.actor.tenant:
        return reply(403, "AuthorizationException", f"Cannot create a deployment for the tenant '{tenant[:80]}'")
    changed_only = _flag(fields, "enable-duplicate-filtering") | _flag(fields, "deploy-changed-only")
    try:
        made = commands.deploy(call.pe, call.actor, call.now, name=fields.get("deployment-name") or ", ".join(resources)[:200],
                               resources=resources, source=fields.get("deployment-source"), changed_only=changed_only)
    except Invalid as problem:
        return _parse_problem(problem)
    ids = [each["id"] for each in made.definitions]
    definitions = rows_of(call, DEFINITIONS, processDefinitionIdIn=ids) if ids else []
    return show_deployment(call, row_of(call, DEPLOYMENTS, made.id, "deployment")) | {
        "deployedProcessDefinitions": {row["id"]: show_definition(call, row) for row in with_days(call, definitions)} or None,
        "deployedCaseDefinitions": None, "deployedDecisionDefinitions": None, "deployedDecisionRequirementsDefinitions": None}


@operation("GET", "/deployment/{id}/resources", tag=TAG, summary="What was deployed", result=array(RESOURCE))
def get_resources(call: Call, id: str) -> list:
    row_of(call, DEPLOYMENTS, id, "deployment")
    rows = queries.deployment_resources(call.pe, call.actor, id)
    return [{"id": row["id"], "name": row["name"], "deploymentId": id} for row in rows]


@operation("GET", "/deployment/{id}/resources/{resourceId}", tag=TAG, summary="One of the deployed resources", result=RESOURCE)
def get_resource(call: Call, id: str, resourceId: str) -> dict:
    found = next((each for each in get_resources(call, id) if each["id"] == resourceId), None)
    if found is None:
        raise BadRequest(f"Deployment resource with resource id '{resourceId[:80]}' does not exist", status=404)
    return found


@operation("GET", "/deployment/{id}/resources/{resourceId}/data", tag=TAG, summary="The bytes of a deployed resource", result=ANY,
           media=("application/octet-stream",))
def get_resource_data(call: Call, id: str, resourceId: str) -> Response:
    name = get_resource(call, id, resourceId)["name"]
    response = Response(resource_content(call.pe, id, resourceId), mimetype="application/octet-stream")
    response.headers.set("Content-Disposition", "attachment", filename=name)
    return response


def _read_form() -> tuple[dict[str, str], dict[str, bytes]]:
    """The form's fields, and its files by their file names."""
    request.max_content_length, request.max_form_parts = MAX_BYTES, MAX_PARTS
    if request.mimetype != MULTIPART:
        raise BadRequest(f"The request's body must be {MULTIPART}", status=415)
    fields = request.form.to_dict()
    for value in fields.values():
        check_text(value)
    resources: dict[str, bytes] = {}
    for part, file in request.files.items(multi=True):
        name = file.filename or part
        check_text(name)
        if name in resources:
            raise BadRequest(f"Two of the files are named '{name[:80]}'")
        resources[name] = file.read()
    if not resources:
        raise BadRequest("No deployment resources contained in the form upload.")
    return fields, resources


def _flag(fields: dict[str, str], name: str) -> bool:
    value = fields.get(name, "false").strip().lower()
    if value not in ("true", "false", ""):
        raise BadRequest(f"'{name}' must be true or false")
    return value == "true"


def _parse_problem(problem: Invalid) -> Response:
    """Camunda's ParseException: each finding under its file."""
    details: dict[str, dict] = {}
    for each in problem.problems or [problem]:
        found = details.setdefault(str(each.where.get("file", "")), {"errors": [], "warnings": []})
        element = each.where.get("element")
        found["errors"].append({"message": message_of(each), "line": each.where.get("line", 0), "column": 0,
                                "mainElementId": element, "elementIds": [element] if element else []})
    message = "; ".join(error["message"] for found in details.values() for error in found["errors"])
    return reply(400, "ParseException", message or message_of(problem), details=details)
