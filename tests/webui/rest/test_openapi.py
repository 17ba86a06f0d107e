"""The OpenAPI document is true: schemathesis finds no 5xx, and no answer that is not documented."""

import hypothesis
import jsonschema_rs
import pytest
import schemathesis
from hypothesis import strategies
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

from tests.webui.rest.conftest import basic
from webui.rest import declare, openapi

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
BUDGET = hypothesis.settings(max_examples=8, deadline=None, derandomize=True, database=None,
                             suppress_health_check=list(hypothesis.HealthCheck))


def test_every_operation_is_documented_once(rest):
    document = rest.get("/openapi.json", user=None)
    assert document["openapi"] == "3.1.0" and document["servers"] == [{"url": "/engine-rest"}]
    ids = [each["operationId"] for path in document["paths"].values() for each in path.values()]
    assert len(ids) == len(set(ids)) == len(declare.OPERATIONS) > 100


def test_every_schema_is_one():
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "components": {"schemas": declare.SCHEMAS}}
    for each in declare.OPERATIONS:
        for one in (each.body, each.result):
            assert jsonschema_rs.validator_for(schema | (one or {}))
    assert openapi.document()["components"]["schemas"] is declare.SCHEMAS


@pytest.mark.parametrize("tag", list(dict.fromkeys(each.tag for each in declare.OPERATIONS)))
def test_schemathesis_finds_nothing(app, rest, urusan, tag):
    schema = schemathesis.openapi.from_wsgi("/engine-rest/openapi.json", app)
    for result in schema.include(tag=tag).get_all_operations():
        _examine(rest, result.ok())


def _examine(rest, operation):
    @hypothesis.settings(BUDGET)
    @hypothesis.given(case=operation.as_strategy(generation_mode=schemathesis.GenerationMode.POSITIVE)
                      | operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE), real=strategies.booleans())
    def run(case, real):
        if real and case.path_parameters:
            case.path_parameters.update(_real_ids(rest, operation.path, case.path_parameters))
        response = case.call(headers=basic("admin"))
        case.validate_response(response, checks=CHECKS)
    run()


def _real_ids(rest, path, names):
    """Ids of what exists, so that more than the 404s is seen. What an earlier call ended is made anew."""
    cases = rest.get("/process-instance") or [{"id": rest.start()}]
    kind = path.split("/")[-2 if path.endswith("}") else 1] if path.startswith("/history") else path.split("/")[1]
    found = {"process-instance": cases[0]["id"], "activity-instance": None, "variable-instance": f"{cases[0]['id']}::perihal"}
    deployment = rest.get("/deployment")[0]["id"]
    if kind == "task":
        tasks = rest.get("/task")
        found["task"] = tasks[0]["id"] if tasks else rest.task(rest.start())
    if kind == "deployment":
        found["deployment"] = deployment
    if kind == "process-definition":
        found["process-definition"] = rest.get("/process-definition")[0]["id"]
    if kind == "activity-instance":
        found["activity-instance"] = rest.get("/history/activity-instance")[0]["id"]
    known = {"id": found.get(kind), "key": "urusan", "tenant-id": "kpu", "varName": "perihal",
             "resourceId": rest.get(f"/deployment/{deployment}/resources")[0]["id"]}
    return {name: known[name] for name in names if known[name]}
