"""When an approved case is to appear, and moving that: Camunda has no such thing, so the path is Terbit's own."""

import datetime as dt
from typing import Any

from bpmn.errors import N_, Invalid
from engine import commands
from webui.errors import message_of
from webui.rest.declare import BOOLEAN, DATE, STRING, Call, array, named, operation, optional, read_date, write_date
from webui.rest.errors import BadRequest

TAG = "Publication"
PATH = "/process-instance/{id}/publication-time"
_CHANNEL = named("PublicationChannel", {"id": STRING, "name": STRING})
_HELD = named("PublicationHeld", {"channelId": STRING, "until": DATE, "reason": STRING})
TIME = named("PublicationTime", {"at": optional(DATE), "channels": array(_CHANNEL), "problem": optional(STRING)})
MOVE = named("MovePublicationTime", {"at": DATE, "reason": STRING, "was": optional(DATE)}, required=("at", "reason"))
MOVED = named("MovedPublicationTime", {"at": DATE, "changed": BOOLEAN, "held": array(_HELD)})


@operation("GET", PATH, tag=TAG, result=TIME,
           summary="When an approved case is to appear (null: as soon as it may), where it has not yet, and why that cannot be moved")
def get_time(call: Call, id: str) -> dict[str, Any]:
    planned = commands.plan(call.pe, call.actor, call.now, id)
    return {"at": write_date(planned.at), "channels": [{"id": channel, "name": name} for channel, name in planned.channels],
            "problem": message_of(planned.problem) if planned.problem else None}


@operation("PUT", PATH, tag=TAG, body=MOVE, result=MOVED,
           summary="Let it appear at another time on every channel where it has not yet. `was`: the time that the caller saw; a 409 where "
                   "it is another by now, and while it is being published. `held`: what an embargo holds longer")
def put_time(call: Call, id: str) -> dict[str, Any]:
    at, was = _moment(call.body["at"], "at"), call.body.get("was")
    moved = commands.reschedule(call.pe, call.actor, call.now, id, at, call.body["reason"], _moment(was, "was") if was else None)
    held = [{"channelId": channel, "until": write_date(each.until), "reason": each.reason} for channel, each in moved.held]
    return {"at": write_date(moved.at), "changed": moved.changed, "held": held}


def _moment(text: str, field: str) -> dt.datetime:
    try:
        return read_date(text, field)
    except BadRequest:
        raise Invalid(N_("Tanggal atau waktu tidak dapat dibaca."), field=field) from None
