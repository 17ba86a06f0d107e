"""How long what is kept: rules, holds, what is due to go, the frozen lists and their record (berita acara), backups."""

from typing import Any

from flask import Blueprint, Response, redirect, render_template, request, stream_with_context, url_for
from flask_babel import gettext as _

from bpmn.errors import Invalid
from engine import access, backup, disposal, keeping, queries, settings
from webui import actor, names, now, pe
from webui.audit import csv_line, joined
from webui.view import zone

blueprint = Blueprint("housekeeping", __name__, url_prefix="/housekeeping")

CASES = ("open", "gone", "kept")


@blueprint.before_request
def _only_admins():
    access.require(access.may_administer(actor()))


@blueprint.get("")
def index():
    """What is due to go now, by procedure; holds; lists; what needs no rule."""
    due = keeping.due(pe(), actor(), now())
    holds = keeping.holds(pe(), actor(), after=request.args.get("holds") or None, limit=20)
    lists = disposal.lists(pe(), actor(), after=request.args.get("lists") or None)
    return render_template(
        "housekeeping/index.html", due=due, total=sum(each["due"] for each in due), holds=holds, lists=lists, why=keeping.WHY,
        automatic=settings.get(pe(), actor().tenant)["housekeeping"]["automatic"], notices=keeping.NOTICES.days,
        backup=backup.last(pe(), actor(), now()),
        names=names.people({each["set_by"] for each in due} | {each[who] for each in holds.rows for who in ("set_by", "lifted_by")}
                           | {each["created_by"] for each in lists.rows}))


@blueprint.get("/rules/<key>")
def rule(key: str):
    """One procedure's rule, to be changed."""
    return render_template("housekeeping/rule.html", rule=_rule(key))


@blueprint.post("/rules/<key>")
def set_rule(key: str):
    form, reason = request.form, request.form.get("reason", "")
    if form.get("kind") == "diagram":
        keeping.remove_rule(pe(), actor(), now(), key, reason)
    else:
        keeping.set_rule(pe(), actor(), now(), key, days=None if form.get("kind") == "ever" else _days(form.get("days", "")),
                         published=form.get("published") == "1", reason=reason)
    return redirect(url_for("housekeeping.index"), 303)


@blueprint.post("/holds")
def hold():
    form = request.form
    case, key = form.get("case", "").strip()[:200], form.get("key", "")[:200]
    keeping.hold(pe(), actor(), now(), case=case, key=key, reason=form.get("reason", ""))
    return redirect(url_for("housekeeping.index") + "#holds", 303)


@blueprint.post("/holds/<id>/lift")
def lift(id: str):
    keeping.lift(pe(), actor(), now(), id, request.form.get("reason", ""))
    return redirect(url_for("housekeeping.index") + "#holds", 303)


@blueprint.post("/automatic")
def automatic():
    settings.change(pe(), actor(), now(), "housekeeping", {"automatic": request.form.get("automatic") == "1"})
    return redirect(url_for("housekeeping.index"), 303)


@blueprint.post("/lists")
def freeze():
    """Freeze the list of what may go, of the procedures that were ticked."""
    keys = request.form.getlist("key")
    if not keys:
        raise Invalid(_("Pilih sedikitnya satu prosedur."), field="key")
    made = disposal.freeze(pe(), actor(), now(), keys)
    return redirect(url_for("housekeeping.show", id=made), 303)


@blueprint.get("/lists/<id>")
def show(id: str):
    """One list: before it begins, while it runs (it is looked at again every two seconds), and as the record of what went."""
    found = disposal.get(pe(), actor(), id)
    state = request.args.get("state")
    state = state if state in CASES else next((each for each in CASES if found[each]), "open")
    page = disposal.cases(pe(), actor(), id, state=state, after=request.args.get("after") or None)
    procedures = {each["key"]: each["name"] for each in queries.definitions(pe(), actor(), at=now(), limit=200).rows}
    return render_template("housekeeping/show.html", found=found, page=page, state=state, states=CASES, why=keeping.WHY,
                           procedures=procedures, settled=found["gone"] + found["kept"], polls=found["state"] == "running",
                           names=names.people({found["created_by"], found["started_by"]}))


@blueprint.post("/lists/<id>/start")
def start(id: str):
    disposal.start(pe(), actor(), now(), id, request.form.get("reason", ""))
    return redirect(url_for("housekeeping.show", id=id), 303)


@blueprint.post("/lists/<id>/stop")
def stop(id: str):
    disposal.stop(pe(), actor(), now(), id)
    return redirect(url_for("housekeeping.show", id=id), 303)


@blueprint.post("/lists/<id>/drop")
def drop(id: str):
    disposal.drop(pe(), actor(), now(), id)
    return redirect(url_for("housekeeping.index"), 303)


@blueprint.get("/lists/<id>.csv")
def record(id: str):
    """The berita acara's list as CSV, streamed."""
    rows = disposal.export(pe(), actor(), now(), id)
    words = {"open": _("menunggu"), "gone": _("musnah"), "kept": _("tetap disimpan")}
    head = [_("nomor"), _("judul"), _("prosedur"), _("selesai"), _("keadaan"), _("sebab"), _("waktu"), _("dokumen"), _("bita")]
    reasons = {code: _(text) for code, text in keeping.WHY.items()}
    lines = ([row["business_key"], row["title"], row["definition_key"], _local(row["ended_at"]), words.get(row["state"], row["state"]),
              reasons.get(row["why"], ""), _local(row["at"]), row["files"], row["bytes"]] for row in rows)
    response = Response(stream_with_context(joined(csv_line(line) for line in _with_head(head, lines))), mimetype="text/csv")
    response.headers.set("Content-Disposition", "attachment", filename=f"berita-acara-pemusnahan-{id}.csv")
    return response


# Within ---------------------------------------------------------------------------------------------------------------

def _with_head(head: list[str], lines):
    yield head
    yield from lines


def _local(value) -> str:
    return value.astimezone(zone()).strftime("%Y-%m-%d %H:%M:%S") if value else ""


def _rule(key: str) -> dict[str, Any]:
    found = next((each for each in keeping.due(pe(), actor(), now()) if each["key"] == key), None)
    if found is None:
        keeping.require_key(pe(), actor(), key)
    return found or {}


def _days(given: str) -> int:
    if not given.strip().isdecimal() or len(given) > 6:
        raise Invalid(_("Tuliskan jumlah hari sebagai angka."), field="days")
    return int(given)
