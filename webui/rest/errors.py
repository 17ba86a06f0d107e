"""What goes wrong, as Camunda says it: `{"type", "message"}` and a status; never a 5xx for what a client did.

Where Camunda answers 500 for a client's mistake (a task that is gone, a lost race), Terbit answers 404 or 409.
"""

from flask import Blueprint, Response, jsonify
from werkzeug.exceptions import HTTPException

from bpmn.errors import Conflict, Forbidden, Invalid, NotFound, TerbitError
from webui.errors import message_of, status_of


class BadRequest(Exception):
    """The request itself is wrong; the message is English, as Camunda's are."""

    def __init__(self, message: str, *, status: int = 400, type: str = "InvalidRequestException"):
        self.message, self.status, self.type = message, status, type
        super().__init__(message)


TYPES = {NotFound: "InvalidRequestException", Forbidden: "AuthorizationException", Conflict: "OptimisticLockingException",
         Invalid: "RestException"}


def register(blueprint: Blueprint) -> None:
    """Answer with these bodies whatever is raised under the blueprint."""
    blueprint.register_error_handler(BadRequest, lambda problem: reply(problem.status, problem.type, problem.message))
    blueprint.register_error_handler(TerbitError, _terbit_error)
    blueprint.register_error_handler(HTTPException, _http_error)


def reply(status: int, type: str, message: str, **more) -> Response:
    """An error's response in Camunda's form."""
    response = jsonify({"type": type, "message": message, **more})
    response.status_code = status
    return response


def _terbit_error(problem: TerbitError) -> Response:
    kind = next((TYPES[cls] for cls in type(problem).__mro__ if cls in TYPES), "RestException")
    problems = getattr(problem, "problems", [])
    message = "; ".join(dict.fromkeys([message_of(problem), *map(_placed, problems)]))
    field = problem.where.get("field")
    return reply(status_of(problem), kind, message, **({"field": field} if field else {}))


def _placed(problem: TerbitError) -> str:
    where = ", ".join(f"{value}" for value in problem.where.values())
    return f"{where}: {message_of(problem)}" if where else message_of(problem)


def _http_error(problem: HTTPException):
    if problem.response is not None:
        return problem.response
    response = reply(problem.code or 500, "RestException", problem.description or problem.name)
    for name, value in problem.get_headers():
        if name.lower() not in ("content-type", "content-length"):
            response.headers[name] = value
    return response
