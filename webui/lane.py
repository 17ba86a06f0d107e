"""A lane as its head looks at it: who holds which of its tasks, how much each has; tasks are handed on from here."""

from flask import Blueprint, render_template, request

from bpmn.errors import N_, Forbidden
from engine import access, queries
from webui import actor, names, now, pe

blueprint = Blueprint("lane", __name__, url_prefix="/lane")
PER_PAGE = 25


@blueprint.get("")
def index():
    """The open tasks of a lane (`group`), or those that one person or nobody (`holder`) has."""
    groups = names.groups()
    led = [id for id in groups if access.leads(actor(), id) and id not in access.OVERSEERS]
    if not led:
        raise Forbidden(N_("Anda tidak memimpin satu bagian pun."))
    group = request.args.get("group") or led[0]
    holder = request.args.get("holder")
    page = queries.lane_tasks(pe(), actor(), group, holder=holder, after=request.args.get("after") or None, limit=PER_PAGE)
    return render_template("lane.html", page=page, group=group, led=led, groups=groups, holder=holder,
                           load=queries.lane_load(pe(), actor(), now(), group))
