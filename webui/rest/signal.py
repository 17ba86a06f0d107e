"""Signals: given to everything that waits for them."""

from engine import commands
from webui.rest.declare import BOOLEAN, STRING, Call, named, operation, optional
from webui.rest.message import check_tenant
from webui.rest.variables import VALUES_IN, untyped_all

SIGNAL = named("Signal", {
    "name": {"type": "string", "minLength": 1}, "executionId": {"type": "null"}, "variables": VALUES_IN, "tenantId": optional(STRING),
    "withoutTenantId": optional(BOOLEAN)}, required=("name",))


@operation("POST", "/signal", tag="Signal", summary="Throw a signal", body=SIGNAL)
def throw(call: Call) -> None:
    check_tenant(call, call.body)
    commands.broadcast_signal(call.pe, call.actor, call.now, call.body["name"], untyped_all(call, call.body.get("variables")))
