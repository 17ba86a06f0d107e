"""What Terbit's service tasks sent and got, attempt by attempt: for an admin who must find out what happened."""

from typing import Any

from flask import Blueprint, render_template
from flask_babel import gettext as _

from bpmn.errors import NotFound
from engine import access, queries
from webui import actor, deployed, now, pe

blueprint = Blueprint("attempts", __name__, url_prefix="/cases/<id>/attempts")


@blueprint.before_request
def _only_admins():
    access.require(access.may_administer(actor()))


@blueprint.get("/<attempt_id>")
def show(id: str, attempt_id: str):
    """One attempt, with each request and answer."""
    case = queries.instance(pe(), actor(), id)
    found = [(job, each) for job in of_case(id, deployed.element_names(case["definition_id"]))
             for each in job["attempts"] if each["id"] == attempt_id]
    if not found:
        raise NotFound(_("Upaya ini tidak ditemukan."))
    job, attempt = found[0]
    return render_template("cases/attempt.html", case=case, job=job, attempt=attempt,
                           exchanges=queries.exchanges(pe(), actor(), id, attempt_id))


def of_case(id: str, names: dict[str, str]) -> list[dict[str, Any]]:
    """The case's jobs with their attempts (`queries.attempts`), each job with its step's `name`, each attempt with `badge`
    (text, colour, icon)."""
    return [{**job, "name": names.get(job["activity_id"]) or job["activity_id"],
             "attempts": [{**each, "badge": _badge(each["outcome"])} for each in job["attempts"]]}
            for job in queries.attempts(pe(), actor(), id, now())]


def _badge(outcome: str) -> tuple[str, str, str]:
    return {
        "done": (_("berhasil"), "success", "circle-check"), "running": (_("sedang dikerjakan"), "primary", "progress"),
        "died": (_("terputus: pekerjanya mati"), "danger", "alert-triangle"),
        "temporary": (_("gagal untuk sementara"), "warning", "refresh"),
        "permanent": (_("gagal"), "danger", "alert-triangle"), "unknown": (_("tidak pasti"), "danger", "help-circle"),
        "expression": (_("ungkapan gagal"), "danger", "alert-triangle"), "bpmn-error": (_("ditolak"), "warning", "ban"),
        "by-hand": (_("dengan tangan"), "neutral", "hand-stop"),
        "postponed": (_("ditunda"), "neutral", "clock"), "lost": (_("diambil alih"), "neutral", "arrows-right-left"),
    }.get(outcome, (outcome, "neutral", "info-circle"))
