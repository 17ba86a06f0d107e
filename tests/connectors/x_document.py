"""X's published OpenAPI document (https://api.x.com/2/openapi.json), as X's own `xdk` carries it: a method of its clients for each
operation (path, HTTP method, query parameters, body, answer) and pydantic models of the document's schemas. `xdk` leaves the document's
patterns, minima and maxima out, and lets unknown fields pass; here they do not."""

import inspect
import re
import typing
from dataclasses import dataclass
from functools import cache
from typing import Any, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError
from xdk import schemas
from xdk.media import models as media
from xdk.media.client import MediaClient
from xdk.posts import models as posts
from xdk.posts.client import PostsClient
from xdk.users import models as users
from xdk.users.client import UsersClient

UNTYPED = "about:blank"  # the type of a problem that the document does not list (RFC 7807)


class Violation(Exception):
    """What the document does not allow."""


@dataclass(frozen=True)
class Operation:
    path: re.Pattern
    places: int
    method: str
    query: dict[str, Any]  # {parameter: its type}
    body: Any
    answer: Any


def _operations():
    for client, models in ((PostsClient, posts), (UsersClient, users), (MediaClient, media)):
        for _, function in inspect.getmembers(client, inspect.isfunction):
            source = inspect.getsource(function)
            path = re.search(r'base_url \+ "(/2/[^"]+)"', source)
            if path is None:
                continue
            types = inspect.get_annotations(function, globals={**function.__globals__, **vars(models)}, eval_str=True)
            query = {name: types[name.replace(".", "_")] for name in re.findall(r'params\["([a-z_.]+)"\] = ', source)}
            answer = get_args(types["return"])[0] if get_args(types["return"]) else types["return"]  # of pages: an iterator
            yield Operation(re.compile(re.sub(r"\{\w+\}", "[^/]+", path[1])), path[1].count("{"),
                            re.search(r"session\.(\w+)\(", source)[1].upper(), query, types.get("body"), answer)


OPERATIONS = sorted(_operations(), key=lambda operation: operation.places)


def operation(method: str, path: str) -> Operation:
    found = [each for each in OPERATIONS if each.method == method and each.path.fullmatch(path)]
    if not found:
        raise Violation(f"{method} {path} is no operation")
    return found[0]


def check_request(method: str, path: str, query: dict[str, str], fields: dict[str, Any], files: dict[str, Any]) -> None:
    """Raises Violation."""
    wanted = operation(method, path)
    for name, value in query.items():
        if name not in wanted.query:
            raise Violation(f"{method} {path} has no parameter {name}")
        is_list = any(get_origin(each) is list for each in (wanted.query[name], *get_args(wanted.query[name])))
        _check(wanted.query[name], value.split(",") if is_list else value)
    if wanted.body is None and (fields or files):
        raise Violation(f"{method} {path} has no body")
    if wanted.body is not None:  # a form's values are text, and its files bytes
        _check(wanted.body, fields | dict.fromkeys(files, "bytes"), strict=not files)


def check_answer(method: str, path: str, status: int, said: Any) -> None:
    """Raises Violation."""
    if status < 300:
        _check(operation(method, path).answer, said, strict=True)
    elif said.get("type") != UNTYPED:
        _check(schemas.Problem, said, strict=True)


def _check(kind: Any, value: Any, strict: bool = False) -> None:
    try:
        unknown = _unknown(_adapter(kind).validate_python(value, strict=strict))
    except ValidationError as error:
        raise Violation(str(error)) from error
    if unknown:
        raise Violation(f"{kind.__name__ if hasattr(kind, '__name__') else kind} has no {', '.join(unknown)}")


_adapter = cache(TypeAdapter)  # made once for each kind: it takes longer than what it checks


def _unknown(value: Any) -> typing.Iterable[str]:
    """The names of the fields that no model knows, however deep."""
    if isinstance(value, BaseModel):
        return [*(value.model_extra or {}), *(name for each in value.__dict__.values() for name in _unknown(each))]
    return [name for each in value for name in _unknown(each)] if isinstance(value, list) else []
