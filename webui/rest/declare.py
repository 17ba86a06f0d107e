"""How an operation of the REST API is declared: one declaration gives its route, the checks of what comes in, and its
place in the OpenAPI document.

    @operation("POST", "/task/{id}/claim", tag="Task", summary="Claim a task", body=USER_ID)
    def claim(call, id):
        ...

A handler gets a `Call` and the path's parameters; what it returns becomes JSON with status 200, `None` becomes 204, and
a `flask.Response` stays as it is. Its query parameters and body are checked before it runs: what is not declared, or is
of another type, is a 400.
"""

import datetime as dt
import functools
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jsonschema_rs
from flask import Response, request

from engine.process_engine import Actor, ProcessEngine
from webui.rest.errors import BadRequest

JSON = "application/json"
MULTIPART = "multipart/form-data"
MAX_JSON = 24 * 1024 * 1024  # bytes; file variables come as base64
MAX_DEPTH = 64  # of JSON that comes in
MAX_INT = 2 ** 31 - 1  # Camunda's Integer, and what every database takes as an offset


# Schemas --------------------------------------------------------------------------------------------------------------

ANY: dict = {}
STRING: dict = {"type": "string"}
INTEGER: dict = {"type": "integer", "minimum": -MAX_INT - 1, "maximum": MAX_INT}
BOOLEAN: dict = {"type": "boolean"}
DATE: dict = {"type": "string", "format": "date-time", "description": "yyyy-MM-dd'T'HH:mm:ss.SSSZ, e.g. 2026-01-23T14:42:45.000+0700"}
MOST_ITEMS = 1000  # of a list to filter by: every database has a limit
STRINGS: dict = {"type": "array", "items": STRING, "maxItems": MOST_ITEMS}
TYPES = {"string": STRING, "integer": INTEGER, "boolean": BOOLEAN, "date": DATE, "list": STRINGS}
SCHEMAS: dict[str, dict] = {}  # the document's components, by name


def optional(schema: dict) -> dict:
    """The same schema, or null."""
    if "$ref" in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    kinds = schema.get("type", [])
    return {**schema, "type": [*([kinds] if isinstance(kinds, str) else kinds), "null"]} if kinds else schema


def array(items: dict) -> dict:
    return {"type": "array", "items": items}


def mapping(values: dict) -> dict:
    return {"type": "object", "additionalProperties": values}


def named(name: str, properties: dict[str, dict], *, required: Sequence[str] | None = None, closed: bool = True) -> dict:
    """Put an object's schema among the document's components and return a reference to it.

    `required` is every property unless it is given. A closed object has no other properties.
    """
    SCHEMAS[name] = {"type": "object", "properties": properties,
                     "required": list(properties if required is None else required), "additionalProperties": not closed}
    return {"$ref": f"#/components/schemas/{name}"}


COUNT = named("Count", {"count": INTEGER})


# Operations -----------------------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Parameter:
    """One query parameter; `type` is a key of TYPES. A list is comma-separated, or the parameter is repeated."""

    name: str
    type: str = "string"
    description: str = ""


@dataclass(frozen=True)
class Operation:
    method: str
    path: str  # as Camunda writes it: '/task/{id}'
    tag: str
    summary: str
    handler: Callable
    query: tuple[Parameter, ...] = ()
    body: dict | None = None  # a JSON schema; None: no body is read
    body_type: str = JSON
    body_required: bool = True
    result: dict | None = None  # the schema of a 200; None: the operation answers 204
    media: tuple[str, ...] = (JSON,)  # of the result
    no_content: bool = False  # answers 204 beside its 200
    public: bool = False  # answers strangers, too

    @property
    def name(self) -> str:
        """The operation's id, and its endpoint in Flask: 'post_task_id_claim'."""
        return self.method.lower() + re.sub(r"\W+", "_", self.path).rstrip("_")

    @functools.cached_property
    def validator(self) -> Any:
        """The compiled check of a JSON body."""
        return jsonschema_rs.validator_for({"$schema": "https://json-schema.org/draft/2020-12/schema", **(self.body or {}),
                                            "components": {"schemas": SCHEMAS}})


@dataclass(frozen=True)
class Call:
    """A request whose parameters and body were checked."""

    pe: ProcessEngine
    actor: Actor
    now: dt.datetime
    query: Mapping[str, Any]
    body: Any


OPERATIONS: list[Operation] = []


def operation(method: str, path: str, **declared) -> Callable[[Callable], Callable]:
    """Declare the decorated function to be an operation; see `Operation` for what can be declared."""
    def declare(handler: Callable) -> Callable:
        OPERATIONS.append(Operation(method, path, handler=handler, **declared))
        return handler
    return declare


def argument(name: str) -> str:
    """The Python name of a path parameter: Camunda's 'tenant-id' is `tenant_id`."""
    return name.replace("-", "_")


def answer(result: Any) -> Response:
    """Make a response of what a handler returned."""
    if result is None:
        return Response(status=204)
    if isinstance(result, Response):
        return result
    return Response(json.dumps(result, ensure_ascii=False), mimetype=JSON)


# What comes in --------------------------------------------------------------------------------------------------------

def read_query(declared: Sequence[Parameter]) -> dict[str, Any]:
    """The request's query parameters by name, each in its declared type."""
    types = {p.name: p.type for p in declared}
    values = {}
    for name, given in request.args.lists():
        if name not in types:
            raise BadRequest(f"Unknown query parameter '{name[:80]}'")
        _check_text("".join(given))
        values[name] = _CONVERT[types[name]](name, given)
    return values


def read_body(declared: Operation) -> Any:
    """The request's JSON body, checked against the operation's schema; {} when it may be left out and is."""
    if declared.body is None or declared.body_type != JSON:
        return None
    request.max_content_length = MAX_JSON
    raw = request.get_data(cache=False)
    if not raw.strip() and not declared.body_required:
        return {}
    if request.mimetype and request.mimetype != JSON and not request.mimetype.endswith("+json"):
        raise BadRequest(f"The request's body must be {JSON}", status=415)
    body = _read_json(raw)
    for problem in declared.validator.iter_errors(body):
        where = ".".join(str(step) for step in problem.instance_path)
        raise BadRequest(f"{where or 'The body'}: {problem.message[:300]}")
    return body


def read_date(text: Any, name: str) -> dt.datetime:
    """A moment in Camunda's format (or any other of ISO 8601's, with an offset), in UTC."""
    try:
        # A '+' that a client forgot to escape arrives as a space.
        moment = dt.datetime.fromisoformat(re.sub(r" (\d\d:?\d\d)$", r"+\1", str(text)))
        if moment.tzinfo is None:
            raise ValueError("no offset")
        return moment.astimezone(dt.timezone.utc)
    except (ValueError, OverflowError):
        raise BadRequest(f"Cannot set query parameter '{name}' to value '{str(text)[:80]}': Cannot convert value "
                         "to java type java.util.Date, expected format yyyy-MM-dd'T'HH:mm:ss.SSSZ") from None


def write_date(moment: dt.datetime | None) -> str | None:
    """A moment in Camunda's format, in UTC."""
    return None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}+0000"


def _read_json(raw: bytes) -> Any:
    try:
        value = json.loads(raw, parse_constant=_refuse_constant)
    except RecursionError:
        raise BadRequest(f"The body is nested deeper than {MAX_DEPTH} levels") from None
    except ValueError as problem:  # not JSON, not UTF-8, or a number of thousands of digits
        raise BadRequest(f"The body is not JSON: {str(problem)[:200]}") from None
    _check_json(value, 0)
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _check_json(value: Any, depth: int) -> None:
    """Refuse what Python's parser takes and a database does not: NUL, half characters, infinite numbers, bottomless nesting."""
    if depth > MAX_DEPTH:
        raise BadRequest(f"The body is nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise BadRequest("The body holds a number that is too large")
    elif isinstance(value, list):
        for item in value:
            _check_json(item, depth + 1)
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_text(key)
            _check_json(item, depth + 1)


def _check_text(text: str) -> None:
    if "\0" in text:
        raise BadRequest("Text must not hold the character NUL")
    if not text.isascii() and re.search(r"[\ud800-\udfff]", text):
        raise BadRequest("Text must not hold half a surrogate pair")


check_text = _check_text


def _one(name: str, given: list[str], kind: str, convert: Callable[[str], Any]) -> Any:
    try:
        return convert(given[-1])
    except (KeyError, ValueError):
        raise BadRequest(f"Cannot set query parameter '{name}' to value '{given[-1][:80]}': "
                         f"Cannot convert value to java type java.lang.{kind}") from None


def _list(name: str, items: list[str]) -> list[str]:
    if len(items) > MOST_ITEMS:
        raise BadRequest(f"Query parameter '{name}' takes at most {MOST_ITEMS} values")
    return items


def _integer(text: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]{1,10}", text) or abs(int(text)) > MAX_INT:
        raise ValueError(text)
    return int(text)


_CONVERT: dict[str, Callable[[str, list[str]], Any]] = {
    "string": lambda name, given: given[-1],
    "integer": lambda name, given: _one(name, given, "Integer", _integer),
    "boolean": lambda name, given: _one(name, given, "Boolean", {"true": True, "false": False}.__getitem__),
    "date": lambda name, given: read_date(given[-1], name),
    "list": lambda name, given: _list(name, [item for text in given for item in text.split(",")]),
}
