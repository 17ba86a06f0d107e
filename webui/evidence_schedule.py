"""Reports sent by e-mail whenever a period is over: who gets which, a new one, and getting it no more."""

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import gettext as _

from bpmn.errors import Invalid
from engine import access, reports
from engine.evidence import paper_files, subscriptions
from webui import actor, names, now, pe
from webui.errors import message_of
from webui.evidence import of_office

blueprint = Blueprint("evidence_schedule", __name__, url_prefix="/reports/jadwal")
blueprint.context_processor(of_office)


@blueprint.before_request
def _only_overseers():
    access.require(access.may_see_reports(actor()))


def words() -> dict[str, dict[str, str]]:
    """What can be chosen, in words."""
    return {"report": {"rekap": _("Rekapitulasi menurut jenis dan kanal"), "tinjauan": _("Tinjauan penerapan SOP dengan Tabel 7"),
                       "mutu-baku": _("Pemenuhan mutu baku")},
            "every": {"week": _("Setiap minggu"), "month": _("Setiap bulan"),
                      "quarter": _("Setiap triwulan"), "semester": _("Setiap semester")},
            "form": {form: form.upper() for form in paper_files.MAKE}}


@blueprint.get("")
def index():
    """The subscriptions, and a form for a new one."""
    return _page()


@blueprint.post("")
def subscribe():
    """A new one; wrong answers are said at their fields."""
    given = {name: request.form.get(name, "")[:255] for name in ("report", "key", "every", "form")}
    try:
        subscriptions.subscribe(pe(), actor(), now(), **given, recipients=request.form.getlist("recipients"))
    except Invalid as problem:
        return _page(problem, {**given, "recipients": request.form.getlist("recipients")}), 400
    return redirect(url_for("evidence_schedule.index"), 303)


@blueprint.post("/<id>/end")
def end(id: str):
    """Send it to nobody any more."""
    subscriptions.end(pe(), actor(), now(), id)
    return redirect(url_for("evidence_schedule.index"), 303)


@blueprint.post("/<id>/leave")
def leave(id: str):
    """Get it no more oneself."""
    subscriptions.leave(pe(), actor(), now(), id)
    return redirect(url_for("evidence_schedule.index"), 303)


def _page(problem: Invalid | None = None, given: dict | None = None):
    procedures = {each["key"]: each["name"] or each["key"] for each in reports.keys(pe(), actor())}
    rows = subscriptions.subscriptions(pe(), actor())
    people = names.people({id for row in rows for id in row["recipients"]})
    rows = [{**row, "names": ", ".join(people.get(id) or id for id in row["recipients"])} for row in rows]
    return render_template("evidence/schedule.html", rows=rows, words=words(), procedures=procedures,
                           problem=message_of(problem) if problem else "",
                           readers=subscriptions.readers(pe(), actor()), me=actor().id,
                           given=given or {"report": "rekap", "every": "quarter", "form": "pdf", "recipients": [actor().id]},
                           by_mail=bool(pe().config.get("SMTP_URL")))
