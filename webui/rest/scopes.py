"""What an API token must be good for, by operation: the first rule that holds; what no rule names needs `admin`.

A scope narrows what the token's account may; it never widens it. A password (HTTP Basic) has all scopes.
"""

import re

from webui.rest.declare import Operation

READ, TASKS, DEPLOY, ADMIN = "read", "tasks", "deploy", "admin"
RULES = (
    (READ, r"GET .*"),
    (READ, r"POST /(task|process-instance|job|history/[\w-]+)(/count)?"),  # a query in a body
    (READ, r"POST /migration/(generate|validate)"),
    (TASKS, r"\w+ /task/\{id\}/.*"),
    (TASKS, r"POST /process-definition/.*/(start|submit-form)"),
    (TASKS, r"POST /(message|signal)"),
    (TASKS, r"PUT /process-instance/\{id\}/publication-time"),
    (DEPLOY, r"\w+ /deployment/.*"),
    (DEPLOY, r"POST /migration/.*"),
    (DEPLOY, r"PUT /process-definition/.*suspended"),
)


def of(operation: Operation) -> str:
    """The scope that an operation needs; of a public one nobody asks."""
    asked = f"{operation.method} {operation.path}"
    return next((scope for scope, rule in RULES if re.fullmatch(rule, asked)), ADMIN)
