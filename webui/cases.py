"""The cases: the list of all that a person may see, and one case with its diagram, history, documents and publications."""

import datetime as dt
import json
import tempfile
from collections import Counter
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, render_template, request, send_file

from bpmn import sop
from bpmn.errors import NotFound
from engine import access, archive, corrections, documents, letters, publication, queries, tables, versions
from webui import actor, attempts, comments, db, deployed, forms, hours, mended, names, now, pe, story
from webui.incidents import explained

blueprint = Blueprint("cases", __name__, url_prefix="/cases")

STATES = ("running", "ended", "stuck")
PASSED = ("startevent", "endevent")  # of events ('noneEndEvent', …), what a history shows: where it began and how it ended
CONTAINERS = ("subProcess", "transaction", "adHocSubProcess", "multiInstanceBody")  # a token in one stands on something inside it
CALLED = 20  # calls of other processes that are listed
HISTORY = 60  # steps shown at once; a case may have thousands


@blueprint.get("")
def index():
    """Cases, newest first, by state, procedure and words."""
    state = request.args.get("state", "running")
    state = state if state in STATES else ""
    search, key = request.args.get("q", "").strip()[:100], request.args.get("key") or None
    page = queries.instances(pe(), actor(), state="running" if state == "stuck" else state or None, search=search, definition_key=key,
                             with_incident=True if state == "stuck" else None, after=request.args.get("after") or None)
    procedures = queries.definitions(pe(), actor(), at=now(), limit=200).rows
    return render_template("cases/index.html", page=page, state=state, q=search, key=key or "", procedures=procedures)


@blueprint.get("/<id>")
def show(id: str):
    """One case, for whoever may see it. Its variables only for who may see those."""
    case = queries.instance(pe(), actor(), id)
    definition = queries.definition(pe(), actor(), case["definition_id"])
    passed = queries.activities(pe(), actor(), id)
    steps = deployed.standard(case["definition_id"]).steps
    stuck = queries.incidents(pe(), actor(), instance_id=id, limit=200).rows
    history = _history(passed, steps)
    part = history if "all" in request.args else history[-HISTORY:]
    shown, restarts = _with_words(part, {each["activity_id"]: each["name"] for each in passed if each["name"]})
    variables = queries.scoped_variables(pe(), actor(), id) if access.may_see_variables(actor()) else None
    published = publication.publications(pe(), actor(), id)
    family = corrections.family(pe(), actor(), now(), id)
    kept = [each for each in documents.documents(pe(), actor(), id) if each["variable"] != letters.VARIABLE]  # papers are listed apart
    return render_template(
        "cases/show.html", case=case, comments=comments.of(id),
        definition=definition, history=shown, movable=_movable(published, definition["groups"]),
        hidden=len(history) - len(part), loops=_loops(passed), diagram=marks(_outside(passed), stuck),
        waiting=[a for a in passed if a["is_task"] and a["ended_at"] is None],
        incidents=[explained(i, steps.get(i["activity_id"])) for i in stuck],
        documents=documents.versions(kept),
        replaceable=versions.replaceable_by(pe(), actor(), id) if kept and not case["ended_at"] else set(),
        papers=letters.papers(pe(), actor(), id), scans=[each for each in kept if each["variable"] == "surat"],
        publications=published, may_settle=access.may_settle_drift(actor()), may_mend=access.may_administer(actor()),
        variables=_readable(variables, passed), restarts=restarts,
        called=_called(case["definition_id"], passed, stuck),
        attempts=attempts.of_case(id, deployed.element_names(case["definition_id"])) if access.may_administer(actor()) else [],
        family=family,
        candidates=names.candidates(a["id"] for a in passed if a["is_task"] and a["ended_at"] is None), groups=names.groups(),
        names=names.people(_people(case, passed, published) | {order["started_by"] for order in family.orders}
                           | {each["uploaded_by"] for each in kept if each["uploaded_by"]}
                           | {more["by"] for each in shown for more in each["extended"]}
                           | {each["by"] for each in shown if "migrated" in each or "mended" in each}))


def _movable(published: list[dict[str, Any]], groups: list[str]) -> set[str]:
    """The ids of the publications that are still to come and whose time the reader may move."""
    if not access.may_reschedule(actor(), groups):
        return set()
    return {each["id"] for each in published if each["state"] in ("planned", "held")
            or each["state"] == "scheduled" and each["published_at"] > now()}


@blueprint.get("/<id>/archive.zip")
def download_archive(id: str):
    """The case's documents and evidence as one ZIP, with hashes that can be checked anywhere."""
    case = queries.instance(pe(), actor(), id)
    package = tempfile.TemporaryFile()  # noqa: SIM115 - send_file closes it when it is sent
    archive.export(pe(), actor(), now(), id, package)
    package.seek(0)
    return send_file(package, mimetype="application/zip", as_attachment=True, download_name=f"{_file_name(case['business_key'])}.zip")


# Within ---------------------------------------------------------------------------------------------------------------

def marks(passed: list[dict], stuck: list[dict]) -> dict[str, Any]:
    """What the diagram shows: tokens, what was passed, and the way taken.

    A flow was taken when its target began in the very instant in which its source ended: both are one step of the engine.
    """
    passed, began = _outside(passed), dict[Any, set[str]]()
    for each in passed:
        began.setdefault(each["started_at"], set()).add(each["activity_id"])
    pairs = {(a["activity_id"], b) for a in passed if a["ended_at"] and not a["canceled"] for b in began.get(a["ended_at"], ())}
    open_ = Counter(a["activity_id"] for a in passed if a["ended_at"] is None and a["type"] not in CONTAINERS)
    here = {a["activity_id"] for a in passed}
    return {"tokens": [{"activity_id": id, "count": n} for id, n in open_.items()],
            "done": list(dict.fromkeys(a["activity_id"] for a in passed if a["ended_at"] and not a["canceled"])),
            "pairs": sorted(pair for pair in pairs if pair[0] != pair[1]),
            "incidents": sorted({i["activity_id"] for i in stuck if i["activity_id"] in here})}


def _called(definition_id: str, passed: list[dict], stuck: list[dict]) -> list[dict]:
    """The last calls of other processes inside the case; of each step's last one the process (`shown`) and what stands in it, for who
    may see that process."""
    calls = [each for each in passed if each["type"] == "callActivity"][-CALLED:]
    versions = deployed.called(definition_id) if calls else {}
    last = {each["activity_id"]: each["id"] for each in calls}
    return [{**each, **(_shown(versions.get(each["activity_id"], ""), each, passed, stuck) if each["id"] in last.values() else {})}
            for each in calls]


def _shown(definition_id: str, call: dict, passed: list[dict], stuck: list[dict]) -> dict[str, Any]:
    try:
        return {"shown": queries.definition(pe(), actor(), definition_id), "marks": marks(_within(passed, {call["id"]}), stuck)}
    except NotFound:
        return {}


def _within(passed: list[dict], scopes: set[str]) -> list[dict]:
    """What was passed within these activity instances, however deep."""
    scopes, inside = set(scopes), []
    for each in passed:  # what holds others began before them
        if each["scope_id"] in scopes:
            scopes.add(each["id"])
            inside.append(each)
    return inside


def _outside(passed: list[dict]) -> list[dict]:
    """What was passed on this diagram: a process that is called there has one of its own, whose elements may have the same ids."""
    inside = {each["id"] for each in _within(passed, {each["id"] for each in passed if each["type"] == "callActivity"})}
    return [each for each in passed if each["id"] not in inside]


def _history(passed: list[dict], steps: Mapping[str, sop.Step]) -> list[dict]:
    """What a reader wants of the activity instances: tasks, calls, beginning and end, each with its standard time."""
    entries = []
    for each in passed:
        step = steps.get(each["activity_id"])
        is_mark = each["type"].lower().endswith(PASSED) and each["scope_id"] is None
        if not (step or each["is_task"] or is_mark):
            continue
        until = each["ended_at"] or now()
        worked = each["working_seconds"]  # of what a person did; Terbit's own steps took the time that they took
        if each["is_task"] and worked is None:
            worked = hours.between(each["started_at"], until).total_seconds()
        entries.append({**each, "seconds": (until - each["started_at"]).total_seconds() if worked is None else worked, "step": step,
                        "standard": hours.standard(step),
                        "late": bool(each["due_at"] and until > each["due_at"])})  # the due time knows the office's hours
    return entries


def _with_words(history: list[dict], named: Mapping[str, str]) -> tuple[list[dict], list[dict]]:
    """The history with what each completed task wrote (`entries`, see `forms.readable`), the note of a TIDAK, how the case
    came to another version (`migrated`) and what an admin mended (`mended`); and the cases that it goes on from, or that go on from it
    ({id, business_key, is_origin}); one statement."""
    if not history:
        return [], []
    e = tables.event.c
    tasks = [each["id"] for each in history if each["is_task"] and (each["ended_at"] or each["extensions"])]
    extended: dict[str, list[dict]] = {}
    query = sa.select(e.activity_instance_id, e.type, e.data, e.at, e.actor).where(
        e.tenant_id == actor().tenant, e.instance_id == history[0]["instance_id"],
        sa.or_(e.activity_instance_id.in_(tasks) & e.type.in_(("task.completed", "task.extended")),
               e.type.in_(("instance.migrated", *mended.TYPES))),
    ).order_by(e.id)
    said: dict[str, dict] = {}
    moves: list[dict] = []
    restarts: list[dict] = []
    for row in db.session.execute(query):
        if row.type.startswith("instance.restarted"):
            restarts.append({"id": row.data.get("as") or row.data.get("from"), "business_key": row.data["business_key"],
                             "is_origin": row.type == "instance.restarted_from"})
        if row.type == "task.completed":
            said[row.activity_instance_id] = story.said(row.data)
        elif row.type == "task.extended":
            extended.setdefault(row.activity_instance_id, []).append({
                **row.data, "to": dt.datetime.fromisoformat(row.data["to"]), "by": row.actor})
        elif row.at < history[0]["started_at"] or (row.type == "variables.set" and not row.data.get("reason")):
            continue  # before what is shown, or what a delegate handed back
        elif row.type == "instance.migrated":
            moves.append({"migrated": row.data, "started_at": row.at, "by": row.actor, "extended": []})
        else:
            moves.append({"mended": mended.sentence(row.type, row.data, lambda id: named.get(id) or id), "why": row.data.get("reason"),
                          "to_case": row.data.get("as") or row.data.get("from") if row.type.startswith("instance.restarted") else None,
                          "started_at": row.at, "by": row.actor, "extended": []})
    for each in history:
        form, words = deployed.form(each["definition_id"], each["form_key"]), said.get(each["id"], {})
        each |= {"extended": extended.get(each["id"], []), "entries": forms.readable(form, words) if form and words else [],
                 "returned": words.get("catatan") or "" if words.get("keputusan") == "tidak" else None}
    return (sorted(history + moves, key=lambda each: each["started_at"]) if moves else history), restarts


def _loops(passed: list[dict]) -> int:
    """How often work was sent back: how much more often than once the most repeated task was begun."""
    turns = Counter((a["activity_id"], a["scope_id"], a["loop_counter"]) for a in passed if a["is_task"])
    return max(turns.values(), default=1) - 1


def _people(case: dict, passed: list[dict], published: list[dict]) -> set[str]:
    ids = {case["started_by"]} | {a[column] for a in passed for column in ("assignee", "completed_by")} | {p.get("by") for p in published}
    return {id for id in ids if id}


def _readable(variables: dict[str, dict] | None, passed: list[dict]) -> list[dict] | None:
    """Each variable with its name, scope ('': the case), type and value as JSON, shortened where nobody would read it."""
    from webui.rest.variables import type_of  # its package knows the pages

    if variables is None:
        return None
    places = {each["id"]: each for each in passed}
    return [{"name": name, "scope": place(places.get(scope)) if scope else "", "type": type_of(value),
             "value": json.dumps(value, ensure_ascii=False, indent=1)[:5000], "anchor": anchor(scope, name)}
            for scope, values in sorted(variables.items()) for name, value in sorted(values.items())]


def place(row: dict | None) -> str:
    """The activity instance that a variable belongs to, in words."""
    if row is None:
        return "–"
    return (row["name"] or row["activity_id"]) + (f" #{row['loop_counter'] + 1}" if row["loop_counter"] is not None else "")


def anchor(scope: str, name: str) -> str:
    """Where the mending page has a variable."""
    return f"var-{scope}-{name}" if scope else f"var-{name}"


def _file_name(text: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in text)[:80] or "arsip"
