"""Drafts over HTTP: saved by the page itself while somebody types, offered again, used or thrown away; see `engine.drafts`."""

from typing import Any

from flask import Blueprint, Response, jsonify, redirect, request, url_for
from werkzeug.datastructures import MultiDict

from bpmn import forms as rules
from bpmn.errors import N_, Conflict, Invalid, TerbitError
from engine import drafts
from webui import actor, errors, forms, now, pe, view

blueprint = Blueprint("drafts", __name__)


@blueprint.post("/tasks/<task_id>/draft")
def save(task_id: str):
    """Keep `{version, fields: [[name, value]]}`: `{version, at}`; 409 with what is kept where another device is newer."""
    sent = request.get_json(silent=True) if (request.content_length or 0) <= drafts.MOST_BYTES * 2 else None
    version = sent.get("version") if isinstance(sent, dict) else None
    if not isinstance(sent, dict) or not isinstance(version, int) or not 0 <= version < 1 << 31:
        return _refused(Invalid(N_("Isian tidak dapat disimpan.")))
    try:
        saved = drafts.save(pe(), actor(), now(), task_id, sent.get("fields"), version)
    except drafts.Newer as newer:
        return jsonify(_told(newer.saved) | {"message": errors.message_of(newer)}), 409
    except (Conflict, Invalid) as problem:
        return _refused(problem)
    return jsonify({"version": saved, "at": view.clock(now())})


@blueprint.post("/tasks/<task_id>/draft/discard")
def discard(task_id: str):
    """Throw one's draft away, and stand at the task as it is."""
    drafts.discard(pe(), actor(), task_id)
    return redirect(url_for("task.show", task_id=task_id), 303)


def offered(task: dict[str, Any]) -> dict[str, Any] | None:
    """The draft that the task page offers: version, at, fields; None where there is none, or the task is not the person's to do."""
    saved = drafts.get(pe(), actor(), task["id"]) if task["may_work"] and actor().id else None
    return _told(saved) if saved else None


def keep(task: dict[str, Any], form: MultiDict) -> None:
    """Save what a form holds as the person's draft, whatever was kept before: it is the last that they typed."""
    fields = [(name, value) for name, value in form.items(multi=True) if name.startswith("v-")]
    if fields:
        saved = drafts.get(pe(), actor(), task["id"])
        drafts.save(pe(), actor(), now(), task["id"], fields, saved["version"] if saved else 0)


def values(schema: rules.Form, draft: dict[str, Any]) -> dict[str, Any]:
    """A draft as the values of a form."""
    return forms.submitted(schema, MultiDict((name, value) for name, value in draft["fields"]))


def _told(saved: dict[str, Any] | None) -> dict[str, Any]:
    if saved is None:
        return {"version": 0, "at": "", "fields": []}
    at, zone = saved["saved_at"], view.zone()
    is_today = at.astimezone(zone).date() == now().astimezone(zone).date()
    return {"version": saved["version"], "at": view.clock(at) if is_today else view.moment(at), "fields": saved["fields"]}


def _refused(problem: TerbitError) -> tuple[Response, int]:
    return jsonify({"message": errors.message_of(problem)}), errors.status_of(problem)
