"""The OpenAPI 3.1 document, made of the operations' declarations."""

import functools
import re

from flask import url_for

from webui.rest import scopes
from webui.rest.declare import JSON, OPERATIONS, SCHEMAS, STRING, TYPES, Operation, named, operation

ERROR = named("Exception", {"type": STRING, "message": STRING}, closed=False)
TOO_MANY = "Too many failed sign-ins, or too many calls by strangers; Retry-After says when to come again"


@operation("GET", "/openapi.json", tag="OpenAPI", summary="This document", result={"type": "object"}, public=True)
def get_document() -> dict:
    return document() | {"servers": [{"url": url_for("rest.get_version").removesuffix("/version")}]}


@functools.cache
def document() -> dict:
    """The document without its servers, which depend on where the application is mounted."""
    paths: dict[str, dict] = {}
    for each in OPERATIONS:
        paths.setdefault(each.path, {})[each.method.lower()] = _operation(each)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Terbit REST API", "version": "7.24.0", "description":
                 "Paths, parameters, JSON names and status codes of Camunda 7.24's REST API. Where Camunda answers a client's "
                 "mistake with 500 (a task that is gone, a lost race), Terbit answers 404 or 409."},
        "security": [{"basic": []}, {"bearer": []}],
        "tags": [{"name": tag} for tag in dict.fromkeys(each.tag for each in OPERATIONS)],
        "paths": paths,
        "components": {"schemas": SCHEMAS, "securitySchemes": {
            "basic": {"type": "http", "scheme": "basic"}, "bearer": {"type": "http", "scheme": "bearer"}}},
    }


def _operation(each: Operation) -> dict:
    names = re.findall(r"\{([\w-]+)\}", each.path)
    declared: dict = {
        "operationId": each.name, "tags": [each.tag], "summary": each.summary,
        "parameters": [{"name": name, "in": "path", "required": True, "schema": STRING | {"minLength": 1}} for name in names]
        + [_parameter(parameter) for parameter in each.query],
        "responses": _responses(each, bool(names)),
    }
    if each.body is not None:
        declared["requestBody"] = {"required": each.body_required, "content": {each.body_type: {"schema": each.body}}}
    declared["security"] = [] if each.public else [{"basic": []}, {"bearer": [scopes.of(each)]}]
    return declared


def _parameter(parameter) -> dict:
    described = {"description": parameter.description} if parameter.description else {}
    style = {"style": "form", "explode": False} if parameter.type == "list" else {}
    return {"name": parameter.name, "in": "query", "schema": TYPES[parameter.type], **style, **described}


def _responses(each: Operation, has_id: bool) -> dict:
    responses: dict[str, dict] = {}
    if each.result is not None:
        content = {media: {"schema": each.result if media == JSON else {}} for media in each.media}
        responses["200"] = {"description": "Done", "content": content}
    if each.result is None and each.media == (JSON,) or each.no_content:
        responses["204"] = {"description": "Done; there is nothing to say"}
    errors = {"429": TOO_MANY}
    if not each.public:
        errors |= {"400": "A parameter or the body is wrong; `message` says which, and `field` where it is one", "401": "Not signed in",
                   "403": "Not allowed"}
    if has_id or each.method != "GET":
        errors["404"] = "There is no such thing, or the caller may not know of it"
    if each.method != "GET":
        errors |= {"409": "It was done already, or somebody else was faster", "413": "The body is too large"}
    if each.body is not None:
        errors["415"] = "The body is of another media type"
    for status, description in sorted(errors.items()):
        responses[status] = {"description": description, "content": {JSON: {"schema": ERROR}}}
    if "401" in responses:
        responses["401"]["headers"] = {"WWW-Authenticate": {"schema": STRING}}
    return responses
