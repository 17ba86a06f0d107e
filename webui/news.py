"""Published news, which the Ketua Divisi sees afterwards; and from there or from any published case: a ralat or a penurunan."""

import secrets

from flask import Blueprint, redirect, render_template, request, url_for

from bpmn import forms as rules
from bpmn.errors import N_, Invalid, NotFound
from engine import corrections, news, queries
from webui import actor, deployed, errors, forms, now, pe
from webui.start import in_stead

blueprint = Blueprint("news", __name__)


@blueprint.get("/news")
def index():
    """News as it stands on its channels, published last first."""
    page = news.news(pe(), actor(), after=request.args.get("after") or None)
    return render_template("news.html", page=page, may_order=corrections.may_order(pe(), actor(), now()), unseen=news.unseen(pe(), actor()))


@blueprint.post("/news/seen")
def look_at():
    """The named ones were looked at. Back to where the reader was."""
    news.look_at(pe(), actor(), now(), request.form.getlist("id"))
    return redirect(url_for("news.index", after=request.form.get("after") or None), 303)


@blueprint.route("/cases/<string(length=36):id>/order/<any('ralat', 'penurunan'):kind>", methods=["GET", "POST"])
def order(id: str, kind: str):
    """Order a correction or a takedown with its reason, and stand at its case. Sent twice, it is ordered once."""
    case = queries.instance(pe(), actor(), id)
    definition = _orderable(kind)
    schema = forms.start_form(definition["id"])
    if schema is None:
        raise NotFound(N_("Prosedur ini tidak memiliki formulir perintah."))
    if request.method == "GET":
        if kind not in corrections.family(pe(), actor(), now(), id).may_order:
            return redirect(url_for("cases.show", id=id), 303)  # somebody was first: the case's page says who
        return _page(case, definition, schema, rules.initial(schema, {}))
    values = forms.submitted(schema, request.form)
    try:
        checked = forms.checked(schema, values, [])
    except Invalid as problem:
        return _page(case, definition, schema, values, problem), 400
    once = request.form.get("once", "")[:32]
    started = corrections.order(pe(), actor(), now(), id, key=kind, variables=checked, request_id=once or None)
    news.look_at(pe(), actor(), now(), [id])
    return redirect(url_for("cases.show", id=started.id), 303)


def _orderable(kind: str) -> dict:
    for row in queries.definitions(pe(), actor(), key=kind, at=now(), startable=True, limit=1).rows:
        return row
    raise NotFound(N_("Prosedur ini tidak ada, atau tidak dapat Anda mulai."))


def _page(case: dict, definition: dict, schema: rules.Form, values: dict, problem: Invalid | None = None):
    return render_template("order.html", case=case, definition=definition, once=secrets.token_hex(8), kind=definition["key"],
                           in_stead=in_stead(definition),
                           family=corrections.family(pe(), actor(), now(), case["id"]), form=forms.page(schema, values, problem=problem),
                           sop=deployed.standard(definition["id"]), problem=errors.message_of(problem) if problem else "")
