"""The admin's page to mend one case: its tokens, variables, jobs and due times, and the case as it was at any moment."""

import datetime as dt
import json
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import format_datetime
from flask_babel import gettext as _

from bpmn.errors import Conflict, Invalid
from engine import access, commands, jobs, modification, past, queries
from engine.found import PUBLISH, WITHDRAW, Found
from engine.migration_plan import Place, places
from engine.modification import AFTER, BEFORE, CANCEL, Instruction
from webui import actor, cases, mended, names, now, pe
from webui.admin import is_unsure
from webui.errors import message_of
from webui.incidents import explained
from webui.rest.errors import BadRequest
from webui.rest.variables import type_of, untyped
from webui.view import zone

blueprint = Blueprint("mending", __name__, url_prefix="/cases/<id>/mend")

TYPES = ("String", "Integer", "Double", "Boolean", "Date", "Json", "Null")
MOMENTS = 200  # offered, the newest
SHOWN_CHANGES = 20  # of one variable
LONGEST_VALUE = 5_000  # characters of a value shown


@blueprint.before_request
def _only_admins():
    access.require(access.may_administer(actor()))


@blueprint.get("")
def show(id: str):
    return _page(id)


@blueprint.get("/past")
def was(id: str):
    """The case as it was at one of its moments."""
    case = queries.instance(pe(), actor(), id)
    history = past.history(pe(), actor(), id)
    moment = _iso(request.args.get("at", "")) or history.moments[-1]
    found = history.at(moment)
    tasks = [row for row in found.open if row["type"] not in cases.CONTAINERS]
    counts: dict[str, int] = {}
    for row in tasks:
        counts[row["activity_id"]] = counts.get(row["activity_id"], 0) + 1
    done = {row["activity_id"] for row in history.activities if row["ended_at"] and row["ended_at"] <= moment and not row["canceled"]}
    return render_template(
        "mending/past.html", case=case, at=moment, moments=_told(history.moments[-MOMENTS:]), open=tasks, done=sorted(done),
        tokens=[{"activity_id": key, "count": n} for key, n in counts.items()],
        variables=[(name, type_of(value), shown(value)) for name, value in sorted(found.variables[""].items())])


# Doing ----------------------------------------------------------------------------------------------------------------

@blueprint.post("/move")
def move(id: str):
    """Say what the changes would do; with `confirm`, do them."""
    form = request.form
    told = [Instruction(CANCEL, token=token) for token in form.getlist("cancel")]
    if form.get("element"):
        told.insert(0, Instruction(AFTER if form.get("kind") == AFTER else BEFORE, form["element"], within=form.get("within", "")))
    try:
        if form.get("confirm") == "1":
            commands.modify(pe(), actor(), now(), id, told, form.get("reason", ""))
            return _back(id)
        effect = commands.preview(pe(), actor(), now(), id, told)
    except (Invalid, Conflict) as problem:
        return _page(id, problem=problem), 409 if isinstance(problem, Conflict) else 400
    return _page(id, effect=effect)


@blueprint.post("/variable")
def variable(id: str):
    form = request.form
    name = form.get("name", "").strip()
    if form.get("delete") == "1":
        return _do(id, lambda: commands.set_variables(pe(), actor(), now(), id, {}, [name], scope_id=form.get("scope", ""),
                                                      reason=_why()))
    return _do(id, lambda: commands.set_variables(pe(), actor(), now(), id, {name: value_sent(name)}, scope_id=form.get("scope", ""),
                                                  reason=_why()))


@blueprint.post("/incidents/<incident_id>/resolve")
def resolve(id: str, incident_id: str):
    said = request.form.get("found")
    found = Found(said == "yes", request.form.get("url", "").strip() if said == "yes" else "") if said in ("yes", "no") else None
    return _do(id, lambda: commands.resolve_incident(pe(), actor(), now(), incident_id, _why(), found=found))


@blueprint.post("/incidents/<incident_id>/note")
def note(id: str, incident_id: str):
    return _do(id, lambda: commands.annotate_incident(pe(), actor(), now(), incident_id, request.form.get("note", "")))


@blueprint.post("/jobs/<job_id>/now")
def job_now(id: str, job_id: str):
    """Fire a timer, or have a call made, at once; one that failed with the variables as they are now."""
    def act() -> None:
        if is_unsure(job_id) and request.form.get("checked") != "1":
            raise Invalid(_("Periksa dahulu di kanalnya, lalu centang bahwa itu belum terbit."), field="checked")
        job = queries.job(pe(), actor(), job_id)
        if job["state"] == "failed" and job["type"] == "external":
            commands.renew_job(pe(), actor(), now(), job_id, _why())
        elif commands.execute_job(pe(), actor(), now(), job_id, _why()) != "external":
            jobs.run_job(pe(), job_id, now)
    return _do(id, act)


@blueprint.post("/jobs/<job_id>/due")
def job_due(id: str, job_id: str):
    return _do(id, lambda: commands.set_job_due(pe(), actor(), now(), job_id, moment_sent(), _why()))


@blueprint.post("/tasks/<task_id>")
def task(id: str, task_id: str):
    """Give a task to somebody else, or set when it falls due; whichever its button says."""
    if request.form.get("do") == "due":
        return _do(id, lambda: commands.set_due(pe(), actor(), now(), task_id, moment_sent() if request.form.get("due") else None, _why()))
    return _do(id, lambda: commands.assign(pe(), actor(), now(), task_id, request.form.get("user") or None, _why()))


@blueprint.post("/suspend")
def suspend(id: str):
    return _do(id, lambda: commands.suspend_instance(pe(), actor(), now(), id, _why()))


@blueprint.post("/activate")
def activate(id: str):
    return _do(id, lambda: commands.activate_instance(pe(), actor(), now(), id, _why()))


@blueprint.post("/cancel")
def cancel(id: str):
    return _do(id, lambda: commands.cancel(pe(), actor(), now(), id, _why()))


@blueprint.post("/restart")
def restart(id: str):
    try:
        new = commands.restart(pe(), actor(), now(), id, request.form.getlist("element"), _why())
    except (Invalid, Conflict) as problem:
        return _page(id, problem=problem), 409 if isinstance(problem, Conflict) else 400
    return redirect(url_for("cases.show", id=new.id), 303)


# Within ---------------------------------------------------------------------------------------------------------------

def _do(id: str, act):
    queries.instance(pe(), actor(), id)  # a 404 where it is none of theirs
    try:
        act()
    except (Invalid, Conflict) as problem:
        return _page(id, problem=problem), 409 if isinstance(problem, Conflict) else 400
    return _back(id)


def _back(id: str):
    return redirect(url_for("mending.show", id=id, saved=1), 303)


def _why() -> str:
    said = request.form.get("reason", "").strip()
    if not said:
        raise Invalid(_("Sebutkan alasannya."), field="reason")
    return said[:1000]


def value_sent(name: str) -> Any:
    """The variable's value, read as the REST API reads one of this type."""
    kind, text = request.form.get("type", "String"), request.form.get("value", "").replace("\r\n", "\n")
    if kind == "Date":
        text = moment_sent("value").isoformat() if text else ""
    try:
        return untyped(None, name, {"type": kind if kind in TYPES else "String", "value": text})  # type: ignore[arg-type]  # no file
    except BadRequest as problem:
        raise Invalid(_("Nilai “%(value)s” bukan %(type)s.", value=text[:80], type=kind), field="value") from problem


def moment_sent(field: str = "due") -> dt.datetime:
    """The moment in a field of the form, in the office's zone."""
    try:
        return dt.datetime.fromisoformat(request.form.get(field, "")[:16]).replace(tzinfo=zone())
    except ValueError as error:
        raise Invalid(_("Tanggal atau waktu tidak dapat dibaca."), field=field) from error


def _iso(text: str) -> dt.datetime | None:
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def _told(moments: list[dt.datetime]) -> list[tuple[dt.datetime, str]]:
    return [(moment, format_datetime(moment, "d MMM y, HH.mm.ss")) for moment in moments]


def _page(id: str, *, effect: Any = None, problem: Any = None):
    case = queries.instance(pe(), actor(), id)
    passed = queries.activities(pe(), actor(), id)
    stuck = queries.incidents(pe(), actor(), instance_id=id, limit=200).rows
    history = past.history(pe(), actor(), id)
    open_ = [row for row in passed if row["ended_at"] is None]
    spec = None if case["ended_at"] else commands.standing(pe(), actor(), id)[0]
    groups = names.groups()
    label = labels(spec, passed)
    owed = queries.jobs(pe(), actor(), instance_id=id, limit=200).rows
    return render_template(
        "mending/show.html", case=case, diagram=cases.marks(passed, stuck), open=open_, containers=cases.CONTAINERS,
        startable=options(modification.startable(spec)) if spec else _steps(passed), label=label,
        incidents=[explained(i) for i in stuck], topics={job["id"]: job["topic"] for job in owed},
        publish=PUBLISH, withdraw=WITHDRAW,
        said=mended.effect(effect, groups) if effect else None, problem=message_of(problem) if problem else "",
        saved="saved" in request.args, typed=request.form, types=TYPES, tasks=[row for row in open_ if row["is_task"]],
        everybody=names.everybody() if any(row["is_task"] for row in open_) else {},
        jobs=[{**job, "unsure": any(i["job_id"] == job["id"] and i["type"] == "unknownOutcome" for i in stuck)}
              for job in owed if job["state"] in ("open", "failed")],
        variables=_variables(history), scopes=[row for row in open_ if row["type"] != "multiInstanceBody"])


def labels(spec: Any, passed: list[dict]):
    """A function that names an activity: as the diagram does, else as it was called when it ran."""
    known = {row["activity_id"]: row["name"] for row in passed if row["name"]}
    if spec is not None:
        known |= {ref: place.label for ref, place in places(spec).items()}
    return lambda activity_id: known.get(activity_id) or activity_id


def options(found: list[Place]) -> list[tuple[str, str]]:
    """(ref, label) of the places that have a name first: those that somebody would look for."""
    named = sorted((p for p in found if p.element.name.strip()), key=lambda p: p.label.casefold())
    return [(p.ref, p.label) for p in named] + [(p.ref, p.ref) for p in found if not p.element.name.strip()]


def _steps(passed: list[dict]) -> list[tuple[str, str]]:
    """Of an ended case, the tasks that it had."""
    return list({row["activity_id"]: (row["activity_id"], row["name"] or row["activity_id"]) for row in passed if row["is_task"]}.values())


def _variables(history: past.History) -> list[dict]:
    """Each variable that there is now, the case's own first, with its scope and how it came to its value."""
    if not history.events:
        return []
    rows = {row["id"]: row for row in history.activities}
    return [{"name": name, "scope": scope, "place": cases.place(rows.get(scope)) if scope else "", "anchor": cases.anchor(scope, name),
             "type": type_of(value), "value": shown(value), "text": _text(value),
             "changes": [(c, shown(c.value)) for c in history.of(name, scope)[:SHOWN_CHANGES]]}
            for scope, values in sorted(history.at(history.moments[-1]).variables.items()) for name, value in sorted(values.items())]


def shown(value: Any) -> str:
    """A variable's value as JSON, cut where nobody would read on."""
    return json.dumps(value, ensure_ascii=False, indent=1)[:LONGEST_VALUE]


def _text(value: Any) -> str:
    """The value as its field has it."""
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)
