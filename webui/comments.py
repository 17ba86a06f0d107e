"""Comments on a case, shown on its page and on those of its tasks."""

from typing import Any

from flask import Blueprint, jsonify, redirect, render_template, request, url_for
from markupsafe import Markup, escape

from engine import comments, queries
from webui import actor, names, now, pe

blueprint = Blueprint("comments", __name__, url_prefix="/cases/<id>")
FIRST = 10  # shown at once


@blueprint.post("/comments")
def add(id: str):
    """Write a comment, and stand where it was written."""
    task_id = request.form.get("task_id") or None
    comments.add(pe(), actor(), now(), id, request.form.get("text", ""), task_id)
    back = url_for("task.show", task_id=task_id) if task_id else url_for("cases.show", id=id)
    return redirect(f"{back}#comments", 303)


@blueprint.get("/comments")
def index(id: str):
    """A page of a case's comments, the last first; htmx takes the list out of it."""
    case = queries.instance(pe(), actor(), id)
    return render_template("comments_page.html", case=case, comments=of(id, request.args.get("after") or None))


@blueprint.get("/people")
def people(id: str):
    """Whom a comment on this case can name, as JSON [{id, name}]."""
    return jsonify(comments.people(pe(), actor(), id, search=request.args.get("q", "").strip()[:60]))


def of(instance_id: str, after: str | None = None) -> dict[str, Any]:
    """A case's comments for a template: rows with `html`, and the cursor of earlier ones. For who sees the case."""
    page = comments.comments(pe(), actor(), instance_id, after=after, limit=FIRST)
    known = names.people(id for row in page.rows for id in row["mentions"])
    return {"case": instance_id, "next": page.next, "rows": [{**row, "html": _named(row["text"], known)} for row in page.rows]}


def _named(text: str, known: dict[str, str]) -> Markup:
    """The text, escaped, with the people it names shown by their names."""
    parts, at = [], 0
    for found in comments.MENTION.finditer(text):
        if found[1] in known:
            name = Markup('<span class="mention" title="@{}">@{}</span>').format(found[1], known[found[1]])
            parts += [escape(text[at:found.start()]), name]
            at = found.end()
    return Markup("").join([*parts, escape(text[at:])])
