"""The admin's overview: what runs, what is stuck, whether the machinery lives; with retry, and the cases behind each number."""

from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import gettext as _

from bpmn.errors import Invalid
from engine import access, commands, control, queries, values
from webui import actor, deployed, names, now, overview, pe
from webui.auth import _safe
from webui.incidents import explained

blueprint = Blueprint("admin", __name__, url_prefix="/admin")

RETRIES = 3  # attempts that a retry gives: a passing fault is ridden out, a lasting one comes back within minutes


@blueprint.get("")
def index():
    """The figures, which update by themselves; one version's diagram; open incidents, oldest first to be seen to."""
    access.require(access.may_administer(actor()))
    found = queries.incidents(pe(), actor(), after=request.args.get("after") or None, limit=25)
    page = queries.Page([_explained(i) for i in found.rows], found.next)
    return render_template("admin/index.html", page=page, **_figures())


@blueprint.get("/live")
def live():
    """The figures again: a piece of the overview, which asks for it every few seconds."""
    access.require(access.may_administer(actor()))
    return render_template("admin/live.html", again=True, **_figures())


@blueprint.get("/at")
def at():
    """The cases behind a number of the diagram, or of a whole version."""
    access.require(access.may_administer(actor()))
    definition = queries.definition(pe(), actor(), request.args.get("definition", ""))
    kind = request.args.get("kind") if request.args.get("kind") in control.KINDS else "running"
    activity = request.args.get("activity") or None
    page = control.cases_at(pe(), actor(), now(), definition["id"], kind, activity_id=activity, after=request.args.get("after") or None)
    return render_template("admin/at.html", page=page, definition=definition, kind=kind, activity=activity,
                           places=deployed.element_names(definition["id"]),
                           people=names.people({row["assignee"] for row in page.rows if row["assignee"]}))


def _figures() -> dict[str, Any]:
    found = overview.machinery(pe(), actor(), now())
    shown = _shown(found["versions"])
    return {"m": found, "days": overview.days(pe(), actor(), now()), "shown": shown,
            "places": overview.places(pe(), actor(), now(), shown["id"]) if shown else []}


def _shown(versions: list[dict]) -> dict | None:
    """The version whose diagram is shown: the one that is asked for, else that with most to see to."""
    asked = next((each for each in versions if each["id"] == request.args.get("definition")), None)
    return asked or max(versions, key=lambda each: (each["incidents"], each["running"]), default=None)


@blueprint.get("/jobs")
def jobs():
    """What Terbit itself still has to do: calls and timers, and those that failed."""
    access.require(access.may_administer(actor()))
    state = request.args.get("state", "open")
    state = state if state in ("open", "failed") else "open"
    page = queries.jobs(pe(), actor(), state=state, after=request.args.get("after") or None)
    return render_template("admin/jobs.html", page=page, state=state)


@blueprint.post("/jobs/<job_id>/retry")
def retry(job_id: str):
    """Have a failed job tried again at once; htmx gets a notice that follows it until it is known how it went."""
    access.require(access.may_administer(actor()))
    if is_unsure(job_id) and request.form.get("checked") != "1":
        raise Invalid(_("Periksa dahulu di kanalnya, lalu centang bahwa itu belum terbit."), field="checked")
    commands.set_job_retries(pe(), actor(), now(), job_id, RETRIES, values.reason(request.form.get("reason")))
    if request.headers.get("HX-Request"):
        return _outcome(job_id)
    return redirect(_safe(request.form.get("back")) if request.form.get("back") else url_for("admin.index"), 303)


@blueprint.get("/jobs/<job_id>/outcome")
def outcome(job_id: str):
    """How a retried job stands: a piece of page, which asks again while it is not known."""
    access.require(access.may_administer(actor()))
    return _outcome(job_id)


def _explained(incident: dict) -> dict:
    steps = deployed.standard(incident["definition_id"]).steps if incident["definition_id"] else {}
    return explained(incident, steps.get(incident["activity_id"]))


def _outcome(job_id: str):
    job = queries.job(pe(), actor(), job_id)
    asked = min(request.args.get("asked", 0, type=int), 1000)
    failed = job["state"] == "failed"
    incident = next((_explained(i) for i in queries.incidents(pe(), actor(), instance_id=job["instance_id"], limit=200).rows
                     if i["job_id"] == job_id), None) if failed and job["instance_id"] else None
    return render_template("admin/outcome.html", job=job, incident=incident, asked=asked)


def is_unsure(job_id: str) -> bool:
    job = queries.job(pe(), actor(), job_id)
    open_ = queries.incidents(pe(), actor(), instance_id=job["instance_id"], limit=200).rows if job["instance_id"] else []
    return any(i["job_id"] == job_id and i["type"] == "unknownOutcome" for i in open_)
