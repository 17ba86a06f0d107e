"""Many tasks at once: first the exact list, then each by its own command, then what became of each."""

from typing import Any

from flask import Blueprint, render_template, request, url_for
from flask_babel import gettext as _

from bpmn.errors import Invalid, TerbitError
from engine import access, commands, queries
from webui import actor, names, now, pe
from webui.errors import message_of

blueprint = Blueprint("bulk", __name__)
MOST = 100
ACTIONS = ("claim", "assign")


@blueprint.post("/inbox/bulk")
def confirm():
    """The list of what was chosen, and the question whether to do it."""
    action, ids = _given()
    rows = _tasks(ids)
    candidates = names.candidates(row["id"] for row in rows)
    return render_template("bulk.html", action=action, rows=rows, gone=len(ids) - len(rows), candidates=candidates,
                           groups=names.groups(), people=_people(candidates) if action == "assign" else {},
                           holders=names.people(row["assignee"] for row in rows), back=_back())


@blueprint.post("/inbox/bulk/do")
def do():
    """Do it, task by task: one that is refused keeps none of the others."""
    action, ids = _given()
    user_id = request.form.get("user_id", "")
    if action == "assign" and not user_id:
        raise Invalid(_("Pilih orangnya dahulu."), field="user_id")
    titles = {row["id"]: row for row in _tasks(ids)}
    results = [(titles.get(id), _one(action, id, user_id)) for id in ids]
    return render_template("bulk_done.html", action=action, results=results, who=names.people([user_id]).get(user_id, user_id),
                           done=sum(1 for _, problem in results if not problem), back=_back())


def _back() -> tuple[str, str]:
    """Where the tasks were picked: (address, its name), the inbox or the page of a lane."""
    lane = request.form.get("lane", "")[:255]
    return (url_for("lane.index", group=lane), _("Bagian saya")) if lane else (url_for("inbox.inbox", tab="group"), _("Tugas bagian"))


def _one(action: str, task_id: str, user_id: str) -> str:
    """Do one; return why not, or nothing."""
    try:
        if action == "claim":
            commands.claim(pe(), actor(), now(), task_id)
        else:
            commands.assign(pe(), actor(), now(), task_id, user_id)
    except TerbitError as problem:
        return message_of(problem)
    return ""


def _given() -> tuple[str, list[str]]:
    action, ids = request.form.get("action", ""), list(dict.fromkeys(request.form.getlist("ids")))
    if action not in ACTIONS:
        raise Invalid(_("Tindakan ini tidak dikenal."), field="action")
    if not ids:
        raise Invalid(_("Pilih dahulu tugasnya."), field="ids")
    if len(ids) > MOST or any(len(id) > 36 or not id.isprintable() for id in ids):
        raise Invalid(_("Paling banyak %(most)d tugas sekaligus.", most=MOST), field="ids")
    return action, ids


def _tasks(ids: list[str]) -> list[dict[str, Any]]:
    return queries.tasks(pe(), actor(), ids=ids, limit=MOST).rows


def _people(candidates: dict[str, list[tuple[str, str]]]) -> dict[str, str]:
    """Whom the tasks can be given to: of the groups that they are for, those whose head the actor is; an admin any of them."""
    named = {name for found in candidates.values() for kind, name in found if kind == "group"}
    return names.members(*(named if access.may_administer(actor()) else named & actor().heads))
