"""REST at /engine-rest: the paths, parameters, JSON names and status codes of Camunda 7.24's, so that its clients work.

One module per resource declares its operations (`webui.rest.declare`); this one turns the declarations into routes.
Each call is signed in by itself; no cookie counts. The document at /engine-rest/openapi.json is made from the same
declarations.
"""

import re

from flask import Blueprint, Response, g

import webui
from webui.rest import (  # noqa: F401 - importing a resource declares its operations
    auth,
    batch,
    declare,
    deployment,
    errors,
    history,
    history_variable,
    incident,
    job,
    message,
    migration,
    openapi,
    process_definition,
    process_instance,
    publication,
    scopes,
    signal,
    task,
    version,
)
from webui.security import limiter

blueprint = Blueprint("rest", __name__, url_prefix="/engine-rest")
errors.register(blueprint)
limiter.exempt(blueprint)  # it counts strangers and failures by itself, and nobody at work
blueprint.register_error_handler(auth.Refused, lambda refused: refused.response)


def _view(operation: declare.Operation):
    scope = scopes.of(operation)

    def view(**path: str) -> Response:
        pe, now = webui.pe(), webui.now()
        if operation.public:
            auth.limit_strangers()
            return declare.answer(operation.handler())
        g.account_actor = actor = auth.identify(pe, now, scope)
        for value in path.values():
            declare.check_text(value)
        call = declare.Call(pe, actor, now, declare.read_query(operation.query), declare.read_body(operation))
        return declare.answer(operation.handler(call, **path))
    return view


for each in declare.OPERATIONS:
    # Camunda's '{tenant-id}' is no Python name
    rule = re.sub(r"\{([\w-]+)\}", lambda match: f"<{declare.argument(match[1])}>", each.path)
    for prefix in ("", "/engine/default"):
        blueprint.add_url_rule(prefix + rule, each.name + prefix.replace("/", "_"), _view(each), methods=[each.method])
