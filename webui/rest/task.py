"""Tasks: finding, claiming and completing them, their forms and variables."""

from flask import Response

from bpmn import forms
from engine import access, commands, queries
from engine.queries_rest import TASKS, candidates, scopes
from webui.rest.declare import (
    ANY,
    BOOLEAN,
    DATE,
    INTEGER,
    JSON,
    MULTIPART,
    STRING,
    Call,
    Parameter,
    array,
    named,
    operation,
    optional,
    write_date,
)
from webui.rest.errors import BadRequest
from webui.rest.form import submitted
from webui.rest.lists import declare_list, row_of
from webui.rest.process_definition import FORM_KEY, FORM_VARIABLES
from webui.rest.process_instance import DESERIALIZE, FILE, PATCH, file_of, file_sent, pick
from webui.rest.variables import VALUE, VALUE_IN, VALUES, VALUES_IN, check_name, typed, typed_all, untyped, untyped_all

TAG = "Task"
_TEXT, _WHEN = optional(STRING), optional(DATE)
TASK = named("Task", {
    "id": STRING, "name": _TEXT, "assignee": _TEXT, "created": STRING, "due": _TEXT, "followUp": _TEXT, "lastUpdated": _TEXT,
    "delegationState": _TEXT, "description": _TEXT, "executionId": STRING, "owner": _TEXT, "parentTaskId": _TEXT, "priority": INTEGER,
    "processDefinitionId": STRING, "processInstanceId": STRING, "taskDefinitionKey": STRING, "caseExecutionId": _TEXT,
    "caseInstanceId": _TEXT, "caseDefinitionId": _TEXT, "suspended": BOOLEAN, "formKey": _TEXT, "camundaFormRef": {}, "tenantId": _TEXT,
    "taskState": STRING})
USER = named("UserId", {"userId": optional(STRING)}, required=())
DELEGATE = named("DelegateTask", {"userId": STRING})
RESOLVE = named("ResolveTask", {"variables": VALUES_IN}, required=())
COMPLETE = named("CompleteTask", {"variables": VALUES_IN, "withVariablesInReturn": optional(BOOLEAN)}, required=())
LINK = named("IdentityLink", {"userId": _TEXT, "groupId": _TEXT, "type": STRING})


def show_task(call: Call, row: dict) -> dict:
    return {"id": row["id"], "name": row["name"] or None, "assignee": row["assignee"], "created": write_date(row["started_at"]),
            "due": write_date(row["due_at"]), "followUp": write_date(row["follow_up_at"]), "lastUpdated": write_date(row["claimed_at"]),
            "delegationState": row["delegation"].upper() if row["delegation"] else None, "description": row["description"],
            "executionId": row["instance_id"], "owner": row["owner"],
            "parentTaskId": None, "priority": row["priority"], "processDefinitionId": row["definition_id"],
            "processInstanceId": row["instance_id"], "taskDefinitionKey": row["activity_id"], "caseExecutionId": None,
            "caseInstanceId": None, "caseDefinitionId": None, "suspended": row["suspended"], "formKey": _form_key(row),
            "camundaFormRef": None, "tenantId": row["tenant_id"], "taskState": "Updated" if row["assignee"] else "Created"}


declare_list("/task", TAG, TASKS, TASK, show_task, variables=("processVariables", "processInstanceIdIn"))


@operation("GET", "/task/{id}", tag=TAG, summary="An open task", result=TASK)
def get(call: Call, id: str) -> dict:
    return show_task(call, _task(call, id))


# Doing it -------------------------------------------------------------------------------------------------------------

@operation("POST", "/task/{id}/claim", tag=TAG, summary="Claim a task that nobody has", body=USER)
def claim(call: Call, id: str) -> None:
    user_id = call.body.get("userId")
    if user_id in (None, call.actor.id):
        return commands.claim(call.pe, call.actor, call.now, id)
    row = _task(call, id)
    if row["assignee"] not in (None, user_id):
        raise BadRequest(f"Task '{id}' is already claimed by someone else.", status=409, type="TaskAlreadyClaimedException")
    return commands.assign(call.pe, call.actor, call.now, id, user_id)


@operation("POST", "/task/{id}/unclaim", tag=TAG, summary="Give a task back", body=named("Empty", {}, closed=False), body_required=False)
def unclaim(call: Call, id: str) -> None:
    commands.unclaim(call.pe, call.actor, call.now, id)


@operation("POST", "/task/{id}/assignee", tag=TAG, summary="Give a task to somebody, or to nobody", body=USER)
def assignee(call: Call, id: str) -> None:
    commands.assign(call.pe, call.actor, call.now, id, call.body.get("userId") or None)


@operation("POST", "/task/{id}/delegate", tag=TAG, summary="Have somebody else work on a task for its assignee", body=DELEGATE)
def delegate(call: Call, id: str) -> None:
    commands.delegate(call.pe, call.actor, call.now, id, call.body["userId"])


@operation("POST", "/task/{id}/resolve", tag=TAG, summary="Give a delegated task back to its owner", body=RESOLVE, body_required=False)
def resolve(call: Call, id: str) -> None:
    commands.resolve(call.pe, call.actor, call.now, id, untyped_all(call, call.body.get("variables"), id))


@operation("POST", "/task/{id}/complete", tag=TAG, summary="Complete a task", body=COMPLETE, body_required=False, result=VALUES,
           no_content=True)
def complete(call: Call, id: str) -> dict | None:
    return _complete(call, id, untyped_all(call, call.body.get("variables"), id))


@operation("POST", "/task/{id}/submit-form", tag=TAG, summary="Complete a task by its form, which is checked", body=COMPLETE,
           body_required=False, result=VALUES, no_content=True)
def submit_form(call: Call, id: str) -> dict | None:
    values = untyped_all(call, call.body.get("variables"), id)
    return _complete(call, id, submitted(queries.task_form(call.pe, call.actor, id), values, id))


# Its form -------------------------------------------------------------------------------------------------------------

@operation("GET", "/task/{id}/form", tag=TAG, summary="The key of its form", result=FORM_KEY)
def get_form(call: Call, id: str) -> dict:
    return {"key": _form_key(_task(call, id)), "contextPath": None}


@operation("GET", "/task/{id}/deployed-form", tag=TAG, summary="Its form", result=ANY, media=(JSON,))
def get_deployed_form(call: Call, id: str) -> Response:
    _task(call, id)
    form = queries.task_form(call.pe, call.actor, id)
    if form is None:
        raise BadRequest(f"No deployed form for task {id}", status=404)
    return Response(form, mimetype=JSON)


@operation("GET", "/task/{id}/form-variables", tag=TAG, summary="What its form shows at first", query=FORM_VARIABLES, result=VALUES)
def get_form_variables(call: Call, id: str) -> dict:
    _task(call, id)
    values = queries.task_variables(call.pe, call.actor, id)
    form = queries.task_form(call.pe, call.actor, id)
    initial = forms.initial(forms.read(form), values) if form else {}
    return typed_all(values | initial, call.query.get("variableNames"))


# Its variables --------------------------------------------------------------------------------------------------------

@operation("GET", "/task/{id}/variables", tag=TAG, summary="The variables that it sees", query=DESERIALIZE, result=VALUES)
def get_variables(call: Call, id: str) -> dict:
    _task(call, id)
    return typed_all(queries.task_variables(call.pe, call.actor, id))


@operation("POST", "/task/{id}/variables", tag=TAG, summary="Set and delete variables of its case", body=PATCH)
def modify_variables(call: Call, id: str) -> None:
    commands.set_variables(call.pe, call.actor, call.now, _task(call, id)["instance_id"],
                           untyped_all(call, call.body.get("modifications"), id), call.body.get("deletions") or ())


@operation("GET", "/task/{id}/variables/{varName}", tag=TAG, summary="One variable that it sees", query=DESERIALIZE, result=VALUE)
def get_variable(call: Call, id: str, varName: str) -> dict:
    _task(call, id)
    return typed(pick(queries.task_variables(call.pe, call.actor, id), varName))


@operation("GET", "/task/{id}/variables/{varName}/data", tag=TAG, summary="The bytes of a file variable", query=DESERIALIZE,
           result=ANY, media=("application/octet-stream",))
def get_variable_data(call: Call, id: str, varName: str) -> Response:
    _task(call, id)
    return file_of(call, pick(queries.task_variables(call.pe, call.actor, id), varName))


@operation("POST", "/task/{id}/variables/{varName}/data", tag=TAG, summary="Set a file variable of its case", body=FILE,
           body_type=MULTIPART)
def post_variable_data(call: Call, id: str, varName: str) -> None:
    row = _task(call, id)
    access.require(access.may_administer(call.actor))  # before the archive takes the file
    commands.set_variables(call.pe, call.actor, call.now, row["instance_id"], {check_name(varName): file_sent(call, varName, id)})


@operation("PUT", "/task/{id}/variables/{varName}", tag=TAG, summary="Set a variable of its case", body=VALUE_IN)
def put_variable(call: Call, id: str, varName: str) -> None:
    commands.set_variables(call.pe, call.actor, call.now, _task(call, id)["instance_id"],
                           {check_name(varName): untyped(call, varName, call.body, id)})


@operation("DELETE", "/task/{id}/variables/{varName}", tag=TAG, summary="Delete a variable of its case")
def delete_variable(call: Call, id: str, varName: str) -> None:
    commands.set_variables(call.pe, call.actor, call.now, _task(call, id)["instance_id"], {}, [varName])


@operation("GET", "/task/{id}/localVariables", tag=TAG, summary="Its own variables, by input parameters", query=DESERIALIZE, result=VALUES)
def get_local_variables(call: Call, id: str) -> dict:
    return typed_all(_local(call, id))


@operation("GET", "/task/{id}/localVariables/{varName}", tag=TAG, summary="One of its own variables", query=DESERIALIZE, result=VALUE)
def get_local_variable(call: Call, id: str, varName: str) -> dict:
    return typed(pick(_local(call, id), varName))


# Whose it is ----------------------------------------------------------------------------------------------------------

@operation("GET", "/task/{id}/identity-links", tag=TAG, summary="Its assignee, owner and candidates",
           query=(Parameter("type", "string", "assignee, owner or candidate"),), result=array(LINK))
def get_identity_links(call: Call, id: str) -> list:
    row = _task(call, id)
    links = [{"userId": row["assignee"], "groupId": None, "type": "assignee"}] if row["assignee"] else []
    links += [{"userId": row["owner"], "groupId": None, "type": "owner"}] if row["owner"] else []
    links += [{"userId": name if kind == "user" else None, "groupId": name if kind == "group" else None, "type": "candidate"}
              for kind, name in candidates(call.pe, id)]
    return [link for link in links if call.query.get("type") in (None, link["type"])]


def _task(call: Call, id: str) -> dict:
    return row_of(call, TASKS, id, "task")


def _form_key(row: dict) -> str | None:
    return f"camunda-forms:deployment:{row['form_key']}" if row["form_key"] else None


def _local(call: Call, id: str) -> dict:
    row = _task(call, id)
    queries.task_variables(call.pe, call.actor, id)  # asks whether the caller may see them
    return scopes(call.pe, [row["instance_id"]])[row["instance_id"]].get(id, {})


def _complete(call: Call, id: str, values: dict) -> dict | None:
    done = commands.complete(call.pe, call.actor, call.now, id, values)
    if not call.body.get("withVariablesInReturn"):
        return None
    return typed_all(scopes(call.pe, [done.instance_id])[done.instance_id].get("", {}))
