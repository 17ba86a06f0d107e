"""The inbox: what waits for the signed-in person, the most urgent first."""

import json

from flask import Blueprint, render_template

from engine import queries
from webui import actor, pe

blueprint = Blueprint("inbox", __name__)


@blueprint.get("/")
def inbox():
    return render_template("inbox.html", page=queries.tasks(pe(), actor()))


@blueprint.get("/inbox/counts")
def counts():
    """The menu's numbers, in a header, so that one poll can fill several places."""
    found = queries.task_counts(pe(), actor())
    return "", 204, {"X-Terbit-Counts": json.dumps(found | {"open": found["mine"] + found["group"]})}
