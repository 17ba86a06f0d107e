"""The inbox: what waits for the signed-in person, the most urgent first."""

import json
from typing import Any

from flask import Blueprint, render_template, request

from bpmn.errors import NotFound
from engine import news, queries
from webui import actor, names, now, pe

blueprint = Blueprint("inbox", __name__)
PER_SECTION = 25


@blueprint.get("/")
def inbox():
    """Two lists: what I have taken or was given, and what anyone of my groups may take."""
    search = request.args.get("q", "").strip()[:100]
    mine = queries.tasks(pe(), actor(), mine=True, search=search, after=request.args.get("mine") or None, limit=PER_SECTION)
    ours = queries.tasks(pe(), actor(), candidate=True, search=search, after=request.args.get("ours") or None, limit=PER_SECTION)
    shown = [row["id"] for row in ours.rows]
    return render_template("inbox.html", mine=mine, ours=ours, search=search, groups=names.groups() if shown else {},
                           candidates=names.candidates(shown), just_done=just_done(request.args.get("done")),
                           late=sum(1 for row in (*mine.rows, *ours.rows) if row["due_at"] and row["due_at"] < now()))


@blueprint.get("/inbox/counts")
def counts():
    """The menu's numbers, in a header, so that one poll can fill several places."""
    found = queries.task_counts(pe(), actor(), now())
    if "ketua-divisi" in actor().groups:
        found["news"] = news.unseen(pe(), actor())
    return "", 204, {"X-Terbit-Counts": json.dumps(found | {"open": found["mine"] + found["group"]})}


def just_done(task_id: str | None) -> dict[str, Any] | None:
    """The task that the person has just completed, and with whom the case is now; None for anything else."""
    if not task_id or len(task_id) > 40:
        return None
    try:
        task = queries.task(pe(), actor(), task_id)
        if task["completed_by"] != actor().id:
            return None
        following = queries.tasks(pe(), actor(), instance_id=task["instance_id"], limit=10).rows
    except NotFound:
        return None
    who = names.candidates(row["id"] for row in following)
    people, groups = names.people(row["assignee"] for row in following), names.groups()
    return {"task": task, "next": [
        (row, people.get(row["assignee"]) if row["assignee"] else ", ".join(groups.get(n, n) for _, n in who.get(row["id"], [])))
        for row in following]}
