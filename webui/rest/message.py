"""Messages: given to the case that waits for them, or starting one."""

from flask import Response

from bpmn.errors import Conflict, NotFound
from engine import commands
from engine.queries_rest import HISTORIC_INSTANCES, scopes
from webui.errors import message_of
from webui.rest.declare import BOOLEAN, STRING, Call, answer, array, named, operation, optional
from webui.rest.errors import BadRequest
from webui.rest.lists import rows_of
from webui.rest.process_instance import INSTANCE, show_instance
from webui.rest.variables import VALUES, VALUES_IN, typed_all, untyped_all

EXECUTION = named("Execution", {"id": STRING, "processInstanceId": STRING, "ended": BOOLEAN, "tenantId": optional(STRING)})
RESULT = named("MessageCorrelationResult", {
    "resultType": STRING, "execution": optional(EXECUTION), "processInstance": optional(INSTANCE), "variables": optional(VALUES)},
    required=("resultType", "execution", "processInstance"))
MESSAGE = named("CorrelationMessage", {
    "messageName": {"type": "string", "minLength": 1}, "businessKey": optional(STRING), "tenantId": optional(STRING),
    "withoutTenantId": optional(BOOLEAN), "processInstanceId": optional(STRING), "correlationKeys": VALUES_IN,
    "localCorrelationKeys": VALUES_IN, "processVariables": VALUES_IN, "processVariablesLocal": VALUES_IN, "all": optional(BOOLEAN),
    "resultEnabled": optional(BOOLEAN), "variablesInResultEnabled": optional(BOOLEAN)}, required=("messageName",))


@operation("POST", "/message", tag="Message", summary="Correlate a message", body=MESSAGE, result=array(RESULT), no_content=True)
def correlate(call: Call) -> Response:
    body = call.body
    check_tenant(call, body)
    for name in ("localCorrelationKeys", "processVariablesLocal"):
        if body.get(name):
            raise BadRequest(f"'{name}' is not supported")
    if body.get("variablesInResultEnabled") and not body.get("resultEnabled"):
        raise BadRequest("'variablesInResultEnabled' needs 'resultEnabled'")
    correlation, variables = untyped_all(call, body.get("correlationKeys")), untyped_all(call, body.get("processVariables"))
    try:
        ids = commands.correlate_message(
            call.pe, call.actor, call.now, body["messageName"], business_key=body.get("businessKey"), correlation=correlation,
            variables=variables, instance_id=body.get("processInstanceId"), all=bool(body.get("all")))
    except (NotFound, Conflict) as problem:
        if isinstance(problem, Conflict) and "count" not in problem.params:  # a race that was lost, not a choice of several
            raise
        raise BadRequest(message_of(problem), type="MismatchingMessageCorrelationException") from problem
    return answer(_results(call, ids) if body.get("resultEnabled") else None)


def check_tenant(call: Call, body: dict) -> None:
    """Everything here belongs to the caller's own tenant."""
    if body.get("withoutTenantId") or body.get("tenantId") not in (None, call.actor.tenant):
        raise BadRequest("There is no such tenant")


def _results(call: Call, ids: list[str]) -> list[dict]:
    rows = rows_of(call, HISTORIC_INSTANCES, processInstanceIds=ids)
    values = scopes(call.pe, [row["id"] for row in rows]) if call.body.get("variablesInResultEnabled") else {}
    return [_result(call, row) | ({"variables": typed_all(values[row["id"]].get("", {}))} if values else {}) for row in rows]


def _result(call: Call, row: dict) -> dict:
    ended = row["ended_at"] is not None
    if row["started_at"] == call.now:  # to the microsecond: this very call started it
        return {"resultType": "ProcessDefinition", "execution": None, "processInstance": show_instance(call, row | {"ended": ended})}
    execution = {"id": row["id"], "processInstanceId": row["id"], "ended": ended, "tenantId": row["tenant_id"]}
    return {"resultType": "Execution", "execution": execution, "processInstance": None}
