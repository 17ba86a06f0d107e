"""History's variables: the last value that each had, of cases running and ended.

They lie with their case, so they are asked for by case: without a process instance there is no list of them.
"""

from engine import access, conditions
from engine.queries_rest import HISTORIC_INSTANCES, scopes
from webui.rest.declare import COUNT, STRING, STRINGS, Call, Parameter, array, named, operation, optional
from webui.rest.errors import BadRequest
from webui.rest.lists import PAGING, row_of, rows_of
from webui.rest.process_instance import DESERIALIZE
from webui.rest.variables import typed

TAG = "Historic Variable Instance"
_TEXT = optional(STRING)
VARIABLE = named("HistoricVariableInstance", {
    "id": STRING, "name": STRING, "type": STRING, "value": {}, "valueInfo": {"type": "object"}, "processDefinitionKey": STRING,
    "processDefinitionId": STRING, "processInstanceId": STRING, "executionId": STRING, "activityInstanceId": STRING,
    "caseDefinitionKey": _TEXT, "caseDefinitionId": _TEXT, "caseInstanceId": _TEXT, "caseExecutionId": _TEXT, "taskId": _TEXT,
    "tenantId": _TEXT, "errorMessage": _TEXT, "state": STRING, "createTime": _TEXT, "removalTime": _TEXT,
    "rootProcessInstanceId": STRING})
FILTERS = {"processInstanceId": "string", "processInstanceIdIn": "list", "variableName": "string", "variableNameIn": "list",
           "variableNameLike": "string", "variableTypeIn": "list", "activityInstanceIdIn": "list", "taskIdIn": "list"}
SORTS = {"instanceId": "processInstanceId", "variableName": "name", "tenantId": "tenantId"}
_QUERY = (*(Parameter(name, kind) for name, kind in FILTERS.items()), Parameter("sortBy"), Parameter("sortOrder"))
_SORTING = {"type": "object", "required": ["sortBy", "sortOrder"], "properties": {"sortBy": STRING, "sortOrder": STRING}}
BODY = named("HistoricVariableInstanceQuery", {
    **{name: optional(STRINGS if kind == "list" else STRING) for name, kind in FILTERS.items()},
    "sorting": optional({"type": "array", "maxItems": 10, "items": _SORTING})}, required=())


@operation("GET", "/history/variable-instance", tag=TAG, summary="Variables of cases", query=(*_QUERY, *PAGING, *DESERIALIZE),
           result=array(VARIABLE))
def get_list(call: Call) -> list:
    return _page(call, _sorted(_found(call, call.query), _sorting(call.query)))


@operation("GET", "/history/variable-instance/count", tag=TAG, summary="How many variables", query=_QUERY, result=COUNT)
def get_count(call: Call) -> dict:
    return {"count": len(_found(call, call.query))}


@operation("POST", "/history/variable-instance", tag=TAG, summary="Variables of cases (POST)", query=(*PAGING, *DESERIALIZE), body=BODY,
           body_required=False, result=array(VARIABLE))
def post_list(call: Call) -> list:
    sorting = [(each["sortBy"], each["sortOrder"]) for each in call.body.get("sorting") or ()]
    return _page(call, _sorted(_found(call, call.body), sorting))


@operation("POST", "/history/variable-instance/count", tag=TAG, summary="How many variables (POST)", body=BODY, body_required=False,
           result=COUNT)
def post_count(call: Call) -> dict:
    return {"count": len(_found(call, call.body))}


@operation("GET", "/history/variable-instance/{id}", tag=TAG, summary="A variable", query=DESERIALIZE, result=VARIABLE)
def get(call: Call, id: str) -> dict:
    instance_id = id.partition(":")[0]
    row_of(call, HISTORIC_INSTANCES, instance_id, "historic variable instance")
    found = next((each for each in _found(call, {"processInstanceId": instance_id}) if each["id"] == id), None)
    if found is None:
        raise BadRequest(f"Variable instance with Id '{id[:80]}' does not exist.", status=404)
    return found


def _found(call: Call, asked) -> list[dict]:
    access.require(access.may_see_variables(call.actor))
    wanted = [id for id in (asked.get("processInstanceId"), *(asked.get("processInstanceIdIn") or ())) if id]
    if not wanted:
        raise BadRequest("processInstanceId or processInstanceIdIn is required")
    if asked.get("processInstanceId") and asked.get("processInstanceIdIn") is not None:
        wanted = [id for id in wanted[1:] if id == wanted[0]]
    cases = rows_of(call, HISTORIC_INSTANCES, processInstanceIds=wanted)
    values = scopes(call.pe, [case["id"] for case in cases])
    each = [_show(case, scope, name, value) for case in cases for scope, named_values in values[case["id"]].items()
            for name, value in named_values.items()]
    return [one for one in each if _meets(one, asked)]


def _show(case: dict, scope: str, name: str, value) -> dict:
    return {"id": f"{case['id']}:{scope}:{name}", "name": name, **typed(value), "processDefinitionKey": case["definition_key"],
            "processDefinitionId": case["definition_id"], "processInstanceId": case["id"], "executionId": case["id"],
            "activityInstanceId": scope or case["id"], "caseDefinitionKey": None, "caseDefinitionId": None, "caseInstanceId": None,
            "caseExecutionId": None, "taskId": None, "tenantId": case["tenant_id"], "errorMessage": None, "state": "CREATED",
            "createTime": None, "removalTime": None, "rootProcessInstanceId": case["id"]}


def _meets(one: dict, asked) -> bool:
    like = asked.get("variableNameLike")
    return (asked.get("variableName") in (None, one["name"]) and _among(one["name"], asked.get("variableNameIn"))
            and _among(one["type"], asked.get("variableTypeIn")) and _among(one["activityInstanceId"], asked.get("activityInstanceIdIn"))
            and _among(one["activityInstanceId"], asked.get("taskIdIn")) and (like is None or conditions.like(one["name"], like)))


def _among(value: str, given: list[str] | None) -> bool:
    return given is None or value in given


def _sorting(query) -> list[tuple[str, str]]:
    by, order = query.get("sortBy"), query.get("sortOrder")
    if (by is None) != (order is None):
        raise BadRequest("Only a single sorting parameter specified. sortBy and sortOrder required")
    return [] if by is None else [(by, order)]


def _sorted(rows: list[dict], sorting: list[tuple[str, str]]) -> list[dict]:
    for by, order in reversed(sorting):
        if by not in SORTS or order not in ("asc", "desc"):
            raise BadRequest(f"sortBy or sortOrder parameter has invalid value: {by[:80]} {order[:80]}")
        rows = sorted(rows, key=lambda row: row[SORTS[by]], reverse=order == "desc")
    return rows


def _page(call: Call, rows: list[dict]) -> list[dict]:
    first, most = call.query.get("firstResult") or 0, call.query.get("maxResults")
    if first < 0 or most is not None and most < 0:
        raise BadRequest("firstResult and maxResults must not be negative")
    return rows[first:None if most is None else first + most]
