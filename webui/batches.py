"""Many at once: what is to be done is asked, the exact list is shown, and then followed until the worker has done it.

A selection comes from the list of cases (`ids`), or is all that match a filter (`all`, with the filter's own fields).
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from bpmn.errors import Invalid, TerbitError
from engine import access, commands, control, modification, queries
from engine.batches import MIGRATION, Choice
from engine.commands import batch_types as types
from engine.migration_plan import places
from webui import actor, deployed, mending, migrating, names, now, pe, view
from webui.errors import message_of, status_of

blueprint = Blueprint("batches", __name__, url_prefix="/batches")

MOST_PICKED = 1000  # cases named one by one
FILTER = ("all", "state", "q", "key", "definition", "kind", "activity")  # fields that say which cases, beside `ids`
STATES = ("failed", "open", "refused", "ended", "done")  # of items, in the order in which one looks at them


@dataclass(frozen=True)
class Action:
    """One thing that can be chosen in a list."""

    label: Any
    icon: str
    type: str
    data: Mapping[str, Any]
    asks: tuple[str, ...] = ()  # what its form asks: see templates/batches/new.html


ACTIONS: dict[str, Action] = {
    "retry": Action(_l("Coba lagi yang terhenti"), "refresh", types.RETRY, {"retries": 3}),
    "renew": Action(_l("Coba lagi dengan isian yang sekarang"), "refresh", types.RETRY, {"retries": 3, "renew": True}),
    "resolve": Action(_l("Anggap selesai yang terhenti"), "check", types.RESOLVE, {}),
    "suspend": Action(_l("Tangguhkan berkas"), "player-pause", types.SUSPENSION, {"suspended": True}),
    "activate": Action(_l("Lanjutkan berkas"), "player-play", types.SUSPENSION, {"suspended": False}),
    "move": Action(_l("Pindahkan langkah"), "arrow-move-right", types.MODIFY, {}, ("move",)),
    "variable": Action(_l("Ubah variabel"), "braces", types.VARIABLES, {}, ("variable",)),
    "assign": Action(_l("Alihkan tugas"), "user-share", types.ASSIGN, {}, ("step", "user")),
    "due": Action(_l("Ubah batas waktu tugas"), "clock", types.DUE, {}, ("step", "due")),
    "fire": Action(_l("Jalankan pewaktu sekarang"), "player-play", types.TIMERS, {}, ("step",)),
    "postpone": Action(_l("Pindahkan pewaktu"), "clock", types.TIMERS, {}, ("step", "due")),
    "cancel": Action(_l("Batalkan berkas"), "ban", types.CANCEL, {}),
    "restart": Action(_l("Mulai sekali lagi"), "refresh", types.RESTART, {}, ("start",)),
}
OF_ENDED = ("restart",)


@blueprint.before_request
def _only_admins():
    """A migration is followed by process owners, too: `queries.batch` and the commands look at that."""
    access.require(access.may_do_batch(actor(), is_migration=request.endpoint in ("batches.show", "batches.index", *DOES)))


DOES = ("batches.suspend", "batches.activate", "batches.delete")


@blueprint.app_template_global()
def batch_actions(ended: bool = False) -> list[tuple[str, Any]]:
    """What can be done to many, as (key, label)."""
    return [(key, each.label) for key, each in ACTIONS.items() if (key in OF_ENDED) == ended]


@blueprint.get("")
def index():
    """What is under way, then what was, newest first."""
    after = request.args.get("after") or None
    under_way = [] if after else queries.batches(pe(), actor(), open=True, limit=200).rows
    page = queries.batches(pe(), actor(), open=False, after=after)
    return render_template("batches/index.html", under_way=under_way, page=page, title=title)


# Choosing -------------------------------------------------------------------------------------------------------------

@blueprint.route("/new", methods=["GET", "POST"])
def new():
    """Ask what has to be asked; where there is nothing to ask, freeze the list at once. A GET is a link from elsewhere: it asks first."""
    action = _action()
    if request.method == "POST" and not action.asks:
        return _freeze(action, dict(action.data))
    return _form(action)


@blueprint.post("")
def create():
    """Freeze the list, with what was asked."""
    action = _action()
    try:
        return _freeze(action, _data(action))
    except TerbitError as problem:
        return _form(action, problem), status_of(problem)


def _action() -> Action:
    key = request.values.get("action", "")
    if key not in ACTIONS:
        raise Invalid(_("Pilih dahulu apa yang akan dilakukan."), field="action")
    return ACTIONS[key]


def _freeze(action: Action, data: dict[str, Any]):
    id = commands.create_batch(pe(), actor(), now(), action.type, _choice(), data)
    return redirect(url_for("batches.show", id=id), 303)


def _choice() -> Choice:
    given = request.values
    if given.get("all") != "1":
        ids = tuple(dict.fromkeys(given.getlist("ids")))
        if not ids:
            raise Invalid(_("Pilih dahulu berkasnya."), field="ids")
        if len(ids) > MOST_PICKED or any(len(id) > 36 or not id.isprintable() for id in ids):
            raise Invalid(_("Paling banyak %(most)d berkas dipilih satu per satu. Pilih semua yang cocok dengan saringan.",
                            most=MOST_PICKED), field="ids")
        return Choice(ids=ids)
    kind, state = given.get("kind", ""), given.get("state", "")
    definition = queries.definition(pe(), actor(), given["definition"])["id"] if given.get("definition") else ""
    return Choice(
        state="running" if state in ("running", "stuck") or definition else "ended" if state == "ended" else "",
        with_incident=state == "stuck", search=given.get("q", "").strip()[:100], definition_key=given.get("key", "")[:255],
        definition_id=definition, standing=kind if kind in control.KINDS else "running", activity_id=given.get("activity", "")[:255])


def _data(action: Action) -> dict[str, Any]:
    """What the form says, as the batch keeps it."""
    form, data = request.form, dict(action.data)
    if "step" in action.asks and form.get("step"):
        data["activity"] = form["step"][:255]
    if "user" in action.asks:
        data["user"] = form.get("user", "")
    if "due" in action.asks:
        needed = action.type == types.TIMERS
        data["due"] = mending.moment_sent().isoformat() if form.get("due") or needed else None
    if "variable" in action.asks:
        name = form.get("name", "").strip()
        data["variables"] = {name: mending.value_sent(name)}
    if "move" in action.asks:
        kind = form.get("kind") if form.get("kind") in (modification.BEFORE, modification.AFTER) else modification.BEFORE
        told = [(kind, form.get("element", "")), (modification.CANCEL, form.get("cancel", ""))]
        data["instructions"] = [{"kind": kind, "element": element[:255]} for kind, element in told if element]
        data["definitions"] = _versions_with({element for _kind, element in told if element})
    if "start" in action.asks:
        data["activities"] = [form.get("element", "")[:255]]
        data["definitions"] = _versions_with(set(data["activities"]))
    return data


def _versions_with(elements: set[str]) -> list[str]:
    """The versions among the chosen cases' that have all these places: in others they mean nothing."""
    found = [each["id"] for each in queries.chosen_versions(pe(), actor(), now(), _choice())
             if elements and elements <= places(deployed.spec(each["id"])).keys()]
    if not found:
        raise Invalid(_("Pilih langkahnya."), field="element")
    return found


def _form(action: Action, problem: TerbitError | None = None):
    choice = _choice()
    versions = queries.chosen_versions(pe(), actor(), now(), choice)
    steps: list[dict] = []
    startable: list[tuple[str, str]] = []
    if {"move", "start"} & set(action.asks) and versions:
        startable = mending.options(modification.startable(deployed.spec(versions[0]["id"])))
    if {"step", "move"} & set(action.asks):
        of = "places" if "move" in action.asks else "timers" if action.type == types.TIMERS else "tasks"
        steps = queries.chosen_steps(pe(), actor(), now(), choice, of)
    labels = deployed.element_names(versions[0]["id"]) if versions else {}
    return render_template(
        "batches/new.html", action=request.values["action"], it=action, number=sum(each["number"] for each in versions),
        startable=startable, steps=steps, labels=labels, mixed=len({each["key"] for each in versions}) > 1,
        people=names.everybody() if "user" in action.asks else {},
        chosen=[(name, value) for name in ("ids", *FILTER) for value in request.values.getlist(name)], types=mending.TYPES,
        typed=request.form, problem=message_of(problem) if problem else "")


# One ------------------------------------------------------------------------------------------------------------------

@blueprint.get("/<id>")
def show(id: str):
    """The frozen list before it begins; how far it is; what became of each item."""
    batch = queries.batch(pe(), actor(), id)
    state = request.args.get("state", "")
    order = ("open", "refused") if batch["state"] == "draft" else STATES
    if state not in STATES:
        state = next((each for each in order if batch["counts"][each]), "done")
    items = queries.batch_items(pe(), actor(), id, state=state, after=request.args.get("after") or None)
    polls = batch["state"] == "running"
    before = request.args.get("before", "") if batch["state"] == "draft" else ""
    between = migrating.between_of(batch) if batch["type"] == MIGRATION else None
    response = make_response(render_template(
        "batches/show.html", batch=batch, items=items, state=state, polls=polls,
        states=[each for each in STATES if batch["counts"][each] or each == state], title=title(batch), facts=_facts(batch),
        said=lambda problem: migrating.said(problem, between),
        why=queries.batch(pe(), actor(), before)["reason"] if before else "",
        again=queries.stuck_again(pe(), actor(), id) if batch["type"] == types.RETRY and not polls else 0,
        steps=_step_names(batch), settled=batch["total"] - batch["counts"]["open"]))
    if "HX-Request" in request.headers and not polls:
        response.headers["HX-Refresh"] = "true"
    return response


@blueprint.post("/<id>/start")
def start(id: str):
    commands.start_batch(pe(), actor(), now(), id, request.form.get("reason", ""))
    return redirect(url_for("batches.show", id=id), 303)


@blueprint.post("/<id>/suspend")
def suspend(id: str):
    commands.suspend_batch(pe(), actor(), now(), id)
    return redirect(url_for("batches.show", id=id), 303)


@blueprint.post("/<id>/activate")
def activate(id: str):
    commands.activate_batch(pe(), actor(), now(), id)
    return redirect(url_for("batches.show", id=id), 303)


@blueprint.post("/<id>/delete")
def delete(id: str):
    """End it for good; of a list that was not begun nothing is left."""
    draft = queries.batch(pe(), actor(), id)["state"] == "draft"
    commands.delete_batch(pe(), actor(), now(), id)
    return redirect(url_for("cases.index") if draft else url_for("batches.show", id=id), 303)


@blueprint.post("/<id>/again")
def again(id: str):
    """A new list of the cases in which it failed, for the same to be done: to be looked at before it begins."""
    batch = queries.batch(pe(), actor(), id)
    if batch["type"] == MIGRATION:
        return redirect(url_for("migrating.plan", source=batch["source_id"], target=batch["target_id"]), 303)
    new_id = commands.create_batch(pe(), actor(), now(), batch["type"], Choice(failed_in=id), batch["data"])
    return redirect(url_for("batches.show", id=new_id, before=id), 303)


# Words ----------------------------------------------------------------------------------------------------------------

def title(batch: Mapping[str, Any]) -> str:
    """What a batch does, in words."""
    if batch["type"] == MIGRATION:
        return _("Pemindahan berkas")
    data = batch["data"]
    for each in ACTIONS.values():
        if each.type == batch["type"] and bool(each.data.get("renew")) == bool(data.get("renew")) and (
                each.type != types.SUSPENSION or each.data["suspended"] == data.get("suspended")) and (
                each.type != types.TIMERS or ("due" in each.asks) == bool(data.get("due"))):
            return str(each.label)
    return batch["type"]


def _facts(batch: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What it does with what, and who began it when and why."""
    data, found = batch["data"], []
    if batch["type"] == MIGRATION:
        found.append((_("Versi"), migrating.versions_of(batch)))
    if data.get("activity"):
        found.append((_("Hanya di langkah"), data["activity"]))
    if "user" in data:
        found.append((_("Kepada"), names.people([data["user"]]).get(data["user"], data["user"]) or _("siapa pun yang berhak")))
    if "due" in data:
        found.append((_("Menjadi"), view.moment(dt.datetime.fromisoformat(data["due"])) if data["due"] else _("tanpa batas")))
    found += [(name, mending.shown(value)[:200]) for name, value in (data.get("variables") or {}).items()]
    found += [({modification.CANCEL: _("Dihentikan"), modification.AFTER: _("Dilanjutkan sesudah")}.get(each["kind"], _("Dimulai")),
               _step_names(batch).get(each["element"]) or each["element"]) for each in data.get("instructions", ())]
    if batch["type"] == types.RESTART:
        found += [(_("Dimulai dari"), _step_names(batch).get(each) or each) for each in data["activities"]]
    found += [(_("Alasan"), batch["reason"])] if batch["reason"] else []
    found.append((_("Oleh"), batch["person"] or batch["created_by"] or "Terbit"))
    found += [(label, view.moment(batch[column])) for label, column in (
        (_("Dimulai"), "started_at"), (_("Berakhir"), "ended_at")) if batch[column]]
    return found


def _step_names(batch: Mapping[str, Any]) -> dict[str, str]:
    """What its diagram calls the steps that it names, where it keeps to known versions."""
    versions = batch["data"].get("definitions") if batch["type"] != MIGRATION else None
    return deployed.element_names(versions[0]) if versions else {}
