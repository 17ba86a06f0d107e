"""The admin's page of what runs and what is stuck, with retry."""

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import gettext as _

from bpmn.errors import Invalid
from engine import access, commands, outbox, overviews, queries
from webui import actor, deployed, now, pe
from webui.auth import _safe
from webui.incidents import explained

blueprint = Blueprint("admin", __name__, url_prefix="/admin")

RETRIES = 3  # attempts that a retry gives: a passing fault is ridden out, a lasting one comes back within minutes


@blueprint.get("")
def index():
    """Open incidents, oldest first to be seen to, and how much runs."""
    access.require(access.may_administer(actor()))
    found = queries.incidents(pe(), actor(), after=request.args.get("after") or None, limit=25)
    page = queries.Page([_explained(i) for i in found.rows], found.next)
    return render_template("admin/index.html", page=page, load=overviews.load(pe(), actor(), now()),
                           notices=outbox.health(pe(), actor(), now()))


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
    if _is_unsure(job_id) and request.form.get("checked") != "1":
        raise Invalid(_("Periksa dahulu di kanalnya, lalu centang bahwa itu belum terbit."), field="checked")
    commands.set_job_retries(pe(), actor(), now(), job_id, RETRIES)
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


def _is_unsure(job_id: str) -> bool:
    job = queries.job(pe(), actor(), job_id)
    open_ = queries.incidents(pe(), actor(), instance_id=job["instance_id"], limit=200).rows if job["instance_id"] else []
    return any(i["job_id"] == job_id and i["type"] == "unknownOutcome" for i in open_)
