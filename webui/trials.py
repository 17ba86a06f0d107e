"""Coba dulu: a trial run of a version or of a draft on the real engine, without a case, and the scenarios that are kept of such runs.

The page holds what was done (`steps`), and sends it with each request: the server plays it again from the beginning. Nothing of it is
believed: `engine.trials` checks the steps as it would a stranger's.
"""

import datetime as dt
import hashlib
import json
import mimetypes
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, jsonify, redirect, render_template, request, url_for
from flask_babel import gettext as _

from bpmn import forms as rules
from bpmn import model
from bpmn.check import DIAGRAMS
from bpmn.errors import N_, Conflict, Invalid, NotFound, worded
from engine import access, linting, model_drafts, queries, rehearsal, scenarios, settings, trials
from engine.documents import MAX_UPLOAD_BYTES
from engine.load import resources as deployed_resources
from engine.queries.definitions import find_form
from engine.scenarios import Result
from engine.store import read
from webui import actor, forms, model_files, names, now, pe, view
from webui.errors import message_of, status_of

blueprint = Blueprint("trials", __name__, url_prefix="/definitions")

MOST_SENT = 400_000  # characters of steps that a page may send


@dataclass(frozen=True)
class Source:
    """What is tried: the files of a draft or of a version, and where its pages are."""

    key: str
    name: str
    label: str
    files: dict[str, bytes]
    diagram: str  # the address of its diagram
    page: str
    scenarios: str
    back: str
    id: str  # of the definition, or the key of a draft
    is_draft: bool


@blueprint.before_request
def _only_owners():
    access.require(access.may_deploy(actor()))


@blueprint.route("/<id>/try", methods=["GET", "POST"])
def version(id: str):
    """Try a version that was in force (by its id), or the newest (by its key)."""
    return _page(_version(id))


@blueprint.route("/<key>/draft/try", methods=["GET", "POST"])
def draft(key: str):
    """Try the draft as it is saved now."""
    return _page(_draft(key))


@blueprint.route("/<id>/try/scenarios", methods=["GET", "POST"])
def of_version(id: str):
    """The procedure's scenarios, each run on this version."""
    return _scenarios(_version(id))


@blueprint.route("/<key>/draft/try/scenarios", methods=["GET", "POST"])
def of_draft(key: str):
    """The same on the draft."""
    return _scenarios(_draft(key))


@blueprint.post("/<key>/try/shown")
def shown(key: str):
    """Which fields a form shows as it is filled in now, by the rules that will check it: JSON. `version` in the query: of that, else the
    draft's."""
    source = _version(request.args["version"]) if "version" in request.args else _draft(key)
    desk = _opened(source, _played(source, _sent_steps()), request.form.get("open", ""))
    if desk.form is None:
        return jsonify([])
    values = {k: v if v != "" else None for k, v in forms.submitted(desk.form.schema, request.form).items()}
    return jsonify(sorted(desk.form.schema.shown(values, desk.chosen.variables if desk.chosen else {})))


# What is tried --------------------------------------------------------------------------------------------------------

def _version(id: str) -> Source:
    found = queries.definition(pe(), actor(), id)
    with read(pe()) as db:
        files = deployed_resources(db, found["deployment_id"])
    id = found["id"]
    return Source(found["key"], found["name"] or found["key"], _("Versi %(version)d", version=found["version"]), files,
                  url_for("definitions.diagram", id=id), url_for("trials.version", id=id), url_for("trials.of_version", id=id),
                  url_for("definitions.show", id=id), id, False)


def _draft(key: str) -> Source:
    found = model_drafts.get(pe(), actor(), key)
    files = model_drafts.contents(pe(), actor(), found["id"])
    name = next((n for n, content in files.items() if n.endswith(DIAGRAMS) and key in _keys(content, n)), "")
    return Source(key, found["name"], _("Rancangan"), files, url_for("studio.content", key=key, name=name) if name else "",
                  url_for("trials.draft", key=key), url_for("trials.of_draft", key=key), url_for("studio.show", key=key), key, True)


def _keys(content: bytes, name: str) -> list[str]:
    try:
        return [p.key for p in model.read(content, name)]
    except Invalid:  # the page says so when it is tried
        return []


# The page -------------------------------------------------------------------------------------------------------------

@dataclass
class _Desk:
    """What the page shows besides the trial."""

    steps: list[dict[str, Any]]
    trial: trials.Trial
    chosen: trials.Task | None = None  # the task whose form is open
    form: forms.Page | None = None
    problem: str = ""
    status: int = 200
    saved: str = ""  # the name of the scenario that was just kept


def _page(source: Source):
    try:
        desk = _desk(source)
    except Invalid as problem:
        if not problem.problems:
            raise
        return render_template("trials/broken.html", source=source, findings=_errors(source)), model_files.UNPROCESSABLE
    known = rehearsal.channels_of(pe(), actor()) if desk.trial.jobs else {}
    sent = [(job, _said(rehearsal.would_send(job.topic, job.payload, known))) for job in desk.trial.jobs]
    people, groups = names.people([t.assignee for t in desk.trial.tasks]), names.groups()
    return render_template(
        "trials/show.html", source=source, desk=desk, trial=desk.trial, steps=json.dumps(desk.steps, ensure_ascii=False), sent=sent,
        log=[(entry, worded(entry.message, _whom(entry.params, groups), _)) for entry in reversed(desk.trial.log[-200:])], people=people,
        ends=_named(source, desk.trial.ends),
        starts=[] if desk.trial.started else _start_events(source), variables=_shown_variables(desk.trial.variables),
        last=_last(desk.steps), groups=groups), desk.status


def _errors(source: Source) -> list[dict[str, Any]]:
    return [each for each in model_files.shown(linting.findings(pe(), actor(), source.files)) if each["severity"] == "error"]


def _said(sent: rehearsal.Sent) -> dict[str, Any]:
    """What a call would send, in the reader's words."""
    known = not sent.params.get("topic")  # the labels of others are their variables' names
    return {"what": worded(sent.what, sent.params, _),
            "facts": [(_(label) if known else label, _shown(value)) for label, value in sent.facts],
            "text": sent.text, "problems": [message_of(p) for p in sent.problems],
            "refused": message_of(sent.refused) if sent.refused else "", "by_hand": sent.by_hand,
            "result": json.dumps(sent.result, ensure_ascii=False)}


def _shown(value: str) -> str:
    """A fact as it is read: a moment in the office's zone, a connector's title in the reader's language."""
    try:
        moment = dt.datetime.fromisoformat(value) if "T" in value else None
    except ValueError:
        moment = None
    return view.moment(moment) if moment and moment.tzinfo else _(value) if value else "–"


def _whom(params: dict[str, Any], groups: dict[str, str]) -> dict[str, Any]:
    """What fills an entry, with groups by their names."""
    return {**params, "whom": ", ".join(groups.get(each, each) for each in params["whom"].split(", "))} if "whom" in params else params


def _named(source: Source, elements: list[str]) -> list[str]:
    found = {e.id: e.name for p in _processes(source) for e in p.elements.values()}
    return list(dict.fromkeys(found.get(each) or each for each in elements))


def _desk(source: Source) -> _Desk:
    """Play what the page sent, and then what it asks for."""
    if request.method == "GET":
        wanted = request.args.get("scenario")
        steps = scenarios.plain(scenarios.get(pe(), actor(), source.key, wanted)["steps"]) if wanted else []
        return _opened(source, _played(source, steps), "")
    desk, asked = _played(source, _sent_steps()), request.form.get("do", "")
    if desk.problem:  # what the page holds cannot be played to its end on what is there now
        return _opened(source, desk, "")
    if asked in ("undo", "reset"):
        return _opened(source, _played(source, desk.steps[:-1] if asked == "undo" else []), "")
    if asked.startswith("open:"):
        return _opened(source, desk, asked.removeprefix("open:"))
    if asked == "save":
        return _kept(source, desk)
    try:
        return _opened(source, _further(source, desk, _asked(source, desk, asked)), "")
    except _Refused as refused:
        return refused.desk
    except (Conflict, Invalid) as problem:
        desk.problem, desk.status = message_of(problem), status_of(problem)
        return _opened(source, desk, request.form.get("open", ""))


class _Refused(Exception):
    """The form as it was filled in, to be shown again."""

    def __init__(self, desk: _Desk):
        self.desk = desk


def _played(source: Source, steps: list[dict[str, Any]]) -> _Desk:
    calendar = settings.calendar_of(pe(), actor().tenant)
    with read(pe()) as db:
        called = scenarios.called_by(db, actor(), now(), source.files)
    trial = trials.run(source.files, steps, now(), calendar, key=source.key, called=called)
    if trial.error:
        return _Desk(steps[:trial.error.step], trial, problem=_refusal(trial.error))
    return _Desk(steps, trial)


def _refusal(error: trials.Refusal) -> str:
    text = message_of(error.reason)
    return _("%(reason)s (elemen %(element)s)", reason=text, element=error.element) if error.element else text


def _further(source: Source, before: _Desk, step: dict[str, Any]) -> _Desk:
    """One step on; where it cannot be done the page stays where it was, and says why."""
    after = _played(source, [*before.steps, step])
    if after.trial.error:
        before.problem, before.status = after.problem, 409
        return before
    return after


def _opened(source: Source, desk: _Desk, place: str) -> _Desk:
    """Open a task's form: the one that was asked for, else the first; before the start, the start form."""
    if not desk.trial.started:
        schema = _start_form(source)
        desk.form = desk.form or (forms.page(schema, rules.initial(schema, {})) if schema else None)
        return desk
    element, _sep, number = place.rpartition(":")
    desk.chosen = next((t for t in desk.trial.tasks if t.element == element and str(t.number) == number),
                       desk.trial.tasks[0] if desk.trial.tasks else None)
    schema = _form(source, desk.chosen.form_key) if desk.chosen else None
    if desk.chosen and schema:
        desk.form = forms.page(schema, rules.initial(schema, desk.chosen.variables), variables=desk.chosen.variables)
    return desk


# What a page asks for -------------------------------------------------------------------------------------------------

def _sent_steps() -> list[dict[str, Any]]:
    text = request.form.get("steps", "[]")
    if len(text) > MOST_SENT:
        raise Invalid(N_("Percobaan ini terlalu panjang. Mulailah dari awal."))
    try:
        steps = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Invalid(N_("Langkah percobaan tidak dapat dibaca.")) from error
    trials.check(steps)
    return steps


def _asked(source: Source, desk: _Desk, asked: str) -> dict[str, Any]:
    """The next step; Invalid where what was sent is none."""
    place = {"element": request.form.get("element", "")[:300], "number": _number("number")}
    match asked:
        case "start":
            schema, event = _start_form(source), request.form.get("event", "")[:300]
            variables = _filled(source, desk, schema, {}) if schema and not event else _json("variables")
            return {"do": "start", "at": now().isoformat(timespec="seconds"), "variables": variables, **({"event": event} if event else {})}
        case "complete":
            task = next((t for t in desk.trial.tasks if t.element == place["element"] and t.number == place["number"]), None)
            if task is None:
                raise Conflict(N_("Tugas “%(name)s” tidak sedang terbuka."), name=str(place["element"]))
            desk.chosen, schema = task, _form(source, task.form_key)
            variables = _filled(source, desk, schema, task.variables) if schema else _json("variables")
            return {"do": "complete", "task": task.element, "number": task.number, "variables": variables}
        case "time-next":
            return {"do": "time", "next": True}
        case "time-working":
            return {"do": "time", "working": _minutes()}
        case "time-to":
            return {"do": "time", "to": _local("to")}
        case "message":
            return {"do": "message", **place, "variables": _json("variables")}
        case "job":
            outcome = request.form.get("outcome", "")
            error = " ".join(request.form.get("error", "").split())[:trials.LONGEST_TEXT]
            return {"do": "job", **place, "outcome": outcome, **({"result": _json("result")} if outcome == "success" else {"error": error})}
    raise Invalid(N_("Langkah percobaan tidak dapat dibaca."))


def _filled(source: Source, desk: _Desk, schema: rules.Form, variables: dict[str, Any]) -> dict[str, Any]:
    """The values of a form as the process takes them; shows it again where they are refused."""
    values = forms.submitted(schema, request.form)
    try:
        refused = _take_files(schema, values)
        return forms.checked(schema, values, refused, variables)
    except Invalid as problem:
        desk.form = forms.page(schema, values, problem=problem, variables=variables)
        desk.problem, desk.status = message_of(problem), 400
        raise _Refused(desk) from problem


def _take_files(schema: rules.Form, values: dict[str, Any]) -> list[Invalid]:
    """Put what a file is (its name, kind, size and hash) among the values; its content is kept nowhere."""
    problems = []
    for each in schema.fields():
        if each.type != "filepicker" or each.readonly:
            continue
        for file in request.files.getlist(forms.PREFIX + each.key):
            if not file.filename:
                continue
            content = file.stream.read(MAX_UPLOAD_BYTES + 1)
            name = file.filename.replace("\\", "/").rsplit("/", 1)[-1][:255]
            accepted = [part.strip().lower() for part in each.accept.split(",") if part.strip().startswith(".")]
            if accepted and not name.lower().endswith(tuple(accepted)):
                problems.append(Invalid(N_("%(name)s: di sini hanya %(accept)s."), field=each.key, name=name, accept=", ".join(accepted)))
                continue
            sha256 = hashlib.sha256(content).hexdigest()
            value = {"document": f"coba-{sha256[:12]}", "name": name, "size": len(content), "sha256": sha256,
                     "media_type": mimetypes.guess_type(name)[0] or "application/octet-stream"}
            values[each.key] = [*values[each.key], value] if each.multiple else [value]
    return problems


def _json(field: str) -> dict[str, Any]:
    text = request.form.get(field, "").strip()
    if not text:
        return {}
    try:
        value = json.loads(text[:MOST_SENT])
    except (ValueError, RecursionError) as error:
        raise Invalid(N_("Tulis variabel sebagai objek JSON, misalnya {\"nomor\": 5}."), field=field) from error
    if not isinstance(value, dict):
        raise Invalid(N_("Tulis variabel sebagai objek JSON, misalnya {\"nomor\": 5}."), field=field)
    return value


def _number(field: str) -> int:
    text = request.form.get(field, "0")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 5 else 0


def _minutes() -> int:
    text = request.form.get("hours", "").replace(",", ".")
    try:
        minutes = round(float(text) * 60)
    except (ValueError, OverflowError):
        minutes = 0
    if not 0 < minutes <= 60 * 24 * 366:
        raise Invalid(N_("Isi berapa jam kerja, misalnya 2 atau 0,5."), field="hours")
    return minutes


def _local(field: str) -> str:
    try:
        moment = dt.datetime.fromisoformat(request.form.get(field, ""))
    except ValueError as error:
        raise Invalid(N_("Tanggal atau waktu tidak dapat dibaca."), field=field) from error
    moment = moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(str(pe().timezone)))
    return moment.astimezone(dt.timezone.utc).isoformat()


def _form(source: Source, form_key: str | None) -> rules.Form | None:
    content = find_form(source.files, form_key)
    return rules.read(content) if content else None


def _start_form(source: Source) -> rules.Form | None:
    for process in _processes(source):
        plain = [e for e in process.inside(process.key) if e.type == "startEvent" and not e.triggers and e.form_key]
        return _form(source, plain[0].form_key) if plain else None
    return None


def _processes(source: Source) -> list[model.Process]:
    return [p for name, content in source.files.items() if name.endswith(DIAGRAMS) for p in model.read(content, name)
            if p.key == source.key]


def _start_events(source: Source) -> list[tuple[str, str]]:
    """(id, name) of the ways to start: '' stands for the plain one."""
    found = [e for p in _processes(source) for e in p.inside(p.key) if e.type == "startEvent"]
    return [(e.id if e.triggers else "", e.name or e.id) for e in sorted(found, key=lambda e: bool(e.triggers))]


def _last(steps: list[dict[str, Any]]) -> str:
    """What going one step back would undo, in words."""
    if not steps:
        return ""
    step = steps[-1]
    return {"start": _("mulai"), "complete": step.get("task", ""), "time": _("waktu"), "message": step.get("element", ""),
            "job": step.get("element", "")}[step["do"]]


def _shown_variables(variables: dict[str, Any]) -> list[tuple[str, str]]:
    return [(name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)) for name, value in sorted(variables.items())]


# Scenarios ------------------------------------------------------------------------------------------------------------

def _kept(source: Source, desk: _Desk):
    """Keep the trial as a scenario, and go on with it."""
    try:
        steps = scenarios.recorded(desk.steps, desk.trial, request.form.getlist("variable")[:100])
        scenarios.save(pe(), actor(), now(), source.key, request.form.get("name", ""), steps)
        desk.problem = ""
        desk.saved = " ".join(request.form.get("name", "").split())
    except (Conflict, Invalid) as problem:
        desk.problem, desk.status = message_of(problem), status_of(problem)
    return _opened(source, desk, "")


def _scenarios(source: Source):
    if request.method == "POST":
        scenario_id, do = request.form.get("scenario", "")[:40], request.form.get("do", "")
        if do == "delete":
            scenarios.delete(pe(), actor(), now(), scenario_id)
        elif do == "rename":
            scenarios.rename(pe(), actor(), now(), scenario_id, request.form.get("name", ""))
        else:
            raise NotFound(N_("Skenario ini tidak ada lagi."))
        return redirect(source.scenarios, 303)
    kept = scenarios.scenarios(pe(), actor(), source.key)
    by_id = {each.id: each for each in scenarios.results(pe(), actor(), now(), source.key, source.files)}
    shown = shown_results([by_id[row["id"]] for row in kept])
    return render_template("trials/scenarios.html", source=source, rows=list(zip(kept, shown, strict=True)),
                           people=names.people([row["created_by"] for row in kept]))


def shown_results(found: list[Result]) -> list[dict[str, Any]]:
    """How scenarios went, for a page or an editor: id, name, passed, and each difference in words."""
    return [{"id": each.id, "name": each.name, "passed": each.passed,
             "differences": [_("Langkah %(number)d: %(text)s", number=d.step + 1, text=worded(d.message, d.params, _))
                             for d in each.differences]} for each in found]
