"""One task: what to do and why, the form, what others wrote before; claimed, released and completed by one click each."""

from typing import Any

from flask import Blueprint, Response, jsonify, redirect, render_template, request, url_for

from bpmn import forms as rules
from bpmn.errors import Conflict, Invalid
from engine import access, channels, commands, documents, letters, links, marks, queries, versions
from webui import actor, cases, changes, comments, deployed, drafts, errors, forms, inbox, names, now, pe, posts, story

blueprint = Blueprint("task", __name__)


@blueprint.get("/tasks/<task_id>")
def show(task_id: str):
    task = queries.task(pe(), actor(), task_id)
    if task["ended_at"]:
        return _already_done(task, 200)
    marks.see_task(pe(), actor(), now(), task_id)
    return _page(task)


@blueprint.post("/tasks/<task_id>")
def complete(task_id: str):
    """Complete the task with the form's values; with a wrong one, the same page again, each problem at its field (400)."""
    task = queries.task(pe(), actor(), task_id)
    if task["ended_at"]:
        return _already_done(task, 409)
    schema = deployed.form(task["definition_id"], task["form_key"])
    values: dict[str, Any] = {}
    if schema:
        values = forms.submitted(schema, request.form)
        try:
            case = queries.task_variables(pe(), actor(), task_id) if posts.needs_case(schema) else {}
            refused = forms.take_files(schema, request.files, values, task_id)
            checked = forms.checked(schema, values, refused, case)
            check_links(schema, checked, task)
            posts.check(schema, checked, case)
        except Invalid as problem:
            return _page(task, values, problem), 400
    try:
        done = commands.complete(pe(), actor(), now(), task_id, checked if schema else {})
    except Invalid as problem:
        if schema is None or not any(p.where.get("field") for p in (problem.problems or [problem])):
            raise
        return _page(task, values, problem), 400
    except Conflict:
        task = queries.task(pe(), actor(), task_id)
        if task["ended_at"]:
            return _already_done(task, 409)
        raise
    if done.tasks:
        return redirect(url_for("task.show", task_id=done.tasks[0], done=task_id), 303)
    return redirect(url_for("inbox.inbox", done=task_id), 303)


@blueprint.post("/tasks/<task_id>/claim")
def claim(task_id: str):
    """Take the task; taken by oneself already, nothing happens."""
    commands.claim(pe(), actor(), now(), task_id)
    return redirect(url_for("task.show", task_id=task_id), 303)


@blueprint.post("/tasks/<task_id>/release")
def release(task_id: str):
    """Give the task back to its group, and stand at the inbox."""
    commands.unclaim(pe(), actor(), now(), task_id)
    return redirect(url_for("inbox.inbox"), 303)


@blueprint.post("/tasks/<task_id>/delegate")
def delegate(task_id: str):
    """Have somebody else work on the task; it comes back by `resolve`."""
    commands.delegate(pe(), actor(), now(), task_id, request.form.get("user_id", ""))
    return redirect(url_for("inbox.inbox"), 303)


@blueprint.post("/tasks/<task_id>/resolve")
def resolve(task_id: str):
    """Give a delegated task back to its owner, or take it back; what was typed is offered to the owner as a draft."""
    task = queries.task(pe(), actor(), task_id)
    if task["assignee"] == actor().id:
        drafts.keep(task, request.form)
    commands.resolve(pe(), actor(), now(), task_id)
    return redirect(url_for("inbox.inbox") if task["assignee"] == actor().id else url_for("task.show", task_id=task_id), 303)


@blueprint.post("/tasks/<task_id>/shown")
def shown(task_id: str):
    """Which fields are shown with what the form holds now, as a JSON list of keys: the page hides the others."""
    task = queries.task(pe(), actor(), task_id)
    schema = deployed.form(task["definition_id"], task["form_key"])
    case = queries.task_variables(pe(), actor(), task_id) if schema and schema.outside else {}
    return jsonify(sorted(schema.shown(_entered(schema), case)) if schema else [])


@blueprint.get("/tasks/<task_id>/diagram")
def diagram(task_id: str):
    """The diagram with the case's tokens, a piece of the task page; loaded when it is looked at."""
    task = queries.task(pe(), actor(), task_id)
    return render_template("task_diagram.html", task=task, diagram=cases.marks(story.activities(task["instance_id"]), []))


@blueprint.get("/tasks/<task_id>/diagram.bpmn")
def diagram_xml(task_id: str) -> Response:
    """The diagram of the task's definition, which never changes."""
    response = Response(deployed.diagram(queries.task(pe(), actor(), task_id)["definition_id"]), mimetype="application/xml")
    response.headers["Cache-Control"] = "private, max-age=86400"
    return response


# Inside ---------------------------------------------------------------------------------------------------------------

def _entered(schema: rules.Form) -> dict[str, Any]:
    """What the form holds, each value as far as it can be read: a wrong one elsewhere does not matter here."""
    raw = forms.submitted(schema, request.form)
    return {key: value if value != "" else None for key, value in raw.items()}


def check_links(schema: rules.Form, values: dict[str, Any], task: dict) -> None:
    """A link that must hold the title (`periksa_judul`) is opened and looked at, unless its field of reasons is filled;
    so is one that must not hold it any more (`periksa_hilang`: the address is the variable `alamat`)."""
    for each in schema.fields():
        if each.properties.get("periksa_hilang") and not values.get(each.properties.get("kecuali", "")):
            known = queries.task_variables(pe(), actor(), task["id"])
            url, title = known.get(each.properties.get("alamat", "")), known.get(each.properties["periksa_hilang"])
            links.check_gone(pe(), str(url or ""), str(title or ""), field=each.key)
        variable, url = each.properties.get("periksa_judul"), values.get(each.key)
        if variable and url and not values.get(each.properties.get("kecuali", "")):
            title = queries.task_variables(pe(), actor(), task["id"]).get(variable)
            links.check(pe(), str(url), str(title or ""), field=each.key)


def _page(task: dict, values: dict[str, Any] | None = None, problem: Invalid | None = None):
    variables = queries.task_variables(pe(), actor(), task["id"])
    schema = deployed.form(task["definition_id"], task["form_key"])
    done = story.steps(task["instance_id"])
    standard = deployed.standard(task["definition_id"])
    draft = drafts.offered(task) if schema else None
    draft_used = schema is not None and draft is not None and values is None and "draft" in request.args
    if schema and draft and draft_used:
        values = drafts.values(schema, draft)
    held = _beginning(schema, variables) if schema and values is None else values or {}
    changed = changes.since_return(task, variables)
    sees_case = access.may_see_case(actor(), deployed.definition(task["definition_id"]).groups)
    kept = documents.documents(pe(), actor(), task["instance_id"]) if sees_case else []
    return render_template(
        "task.html", task=task, comments=comments.of(task["instance_id"]) if sees_case else None,
        draft=draft, draft_used=draft_used, step=standard.steps.get(task["activity_id"]), sop=standard,
        variables=variables, form=forms.page(schema, held, problem=problem, variables=variables, by_buttons=True) if schema else None,
        steps=done, extended=story.extensions(task), returned=story.returned(variables, done),
        content=_content(variables, schema, task), changes=changed,
        preview=_preview(task, schema, held, variables), package=posts.package(task, variables, sees_case) if _is_manual(schema) else None,
        documents=documents.versions(kept), replaceable=_replaceable(task, schema, variables) if sees_case else set(),
        people=names.people([task["assignee"], task["owner"], *(s.by for s in done), *(r.by for r in (changed.rounds if changed else [])),
                             *(d["uploaded_by"] for d in kept)]), groups=names.groups(),
        sees_case=sees_case, mine=task["assignee"] == actor().id,
        colleagues=names.everybody() if task["may_delegate"] else {},
        channels=channels.channel_names(pe(), actor()) if _is_manual(schema) or "tautan_kanal" in variables else {},
        embargo=posts.embargo_of({**variables, **held}),
        just_done=inbox.just_done(request.args.get("done")), problem=errors.message_of(problem) if problem else "")


def _beginning(schema: rules.Form, variables: dict[str, Any]) -> dict[str, Any]:
    """What the form shows first. A decision or a confirmation of an earlier round is not taken over: it must be made again."""
    again = {f.key for f in schema.fields() if f.type == "radio" or f.type == "checkbox" and f.required}
    again |= {f.key for f in schema.fields() if any(key in f.hide for key in again)}
    return rules.initial(schema, {key: value for key, value in variables.items() if key not in again})


def _replaceable(task: dict, schema: rules.Form | None, variables: dict[str, Any]) -> set[str]:
    """The documents that a newer version may be given beside the form: those that the form holds are replaced there."""
    if not task["may_complete"] or task["suspended"]:
        return set()
    in_form = {f.key for f in schema.fields() if f.type == "filepicker" and not f.readonly} if schema else set()
    held = {id for key in in_form for id in documents.named(variables.get(key))}
    return versions.replaceable(variables) - held


def _is_manual(schema: rules.Form | None) -> bool:
    return schema is not None and any("periksa_judul" in f.properties for f in schema.fields())


def _preview(task: dict, schema: rules.Form | None, held: dict[str, Any], variables: dict[str, Any]) -> posts.Preview:
    """The posts of the case's channels, once there is something to post."""
    if _is_manual(schema) or not (variables.get("isi") or posts.writes(schema)):
        return posts.Preview()
    return posts.preview(held if posts.writes(schema) else {}, variables, task["business_key"], schema)


def _content(variables: dict[str, Any], schema: rules.Form | None, task: dict) -> str:
    """The address of the content as the website will show it, where there is some and the form does not edit it itself."""
    return "" if posts.writes(schema) or not variables.get("isi") else url_for("preview.of_task", task_id=task["id"])


def _already_done(task: dict, status: int):
    """A task that is over, told plainly: who did it and when."""
    people = names.people([task["completed_by"]])
    return render_template("task_done.html", task=task, people=people, by_me=task["completed_by"] == actor().id,
                           paper=letters.offered(pe(), actor(), task["id"]),
                           tried=status == 409), status
