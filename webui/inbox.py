"""The inbox: what waits for the signed-in person, the most urgent first; what they put off, and what they did."""

import datetime as dt
import json
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import gettext as _

from bpmn.errors import Invalid, NotFound
from engine import commands, filters, letters, marks, news, queries
from engine.queries.paging import Page
from webui import actor, names, now, pe
from webui.view import zone

blueprint = Blueprint("inbox", __name__)
PER_PAGE = 25
TABS = ("mine", "group", "later", "done")
DUE = ("late", "today")


@dataclass(frozen=True)
class Filter:
    """What is asked for, as the page's address holds it; what is not known there is left out."""

    tab: str = ""
    q: str = ""
    due: str = ""
    group: str = ""

    @classmethod
    def of(cls, args) -> "Filter":
        tab, due, group = args.get("tab", ""), args.get("due", ""), args.get("group", "")
        tab, due = tab if tab in TABS else "", due if due in DUE and tab != "done" else ""
        return cls(tab, args.get("q", "").strip()[:100], due, group if group in actor().groups and tab == "group" else "")

    def query(self, **changed: str) -> dict[str, str]:
        """The arguments of the page's address with these changed, empty ones left out."""
        return {key: value for key, value in (asdict(self) | changed).items() if value}


@blueprint.get("/")
def inbox():
    """One tab; where none is asked for, my tasks, or those of my groups while I have none."""
    counts = queries.task_counts(pe(), actor(), now())
    wanted = Filter.of(request.args)
    tab = wanted.tab or ("group" if counts["group"] and not counts["mine"] else "mine")
    page = _rows(tab, wanted, request.args.get("after") or None)
    shown = [row["id"] for row in page.rows]
    is_open = tab in ("mine", "group")
    return render_template(
        "inbox.html", tab=tab, page=page, counts=counts, wanted=wanted, saved=filters.filters(pe(), actor()),
        seen=marks.seen_tasks(pe(), actor(), shown) if is_open else set(shown),
        groups=names.groups() if tab == "group" and shown else {}, candidates=names.candidates(shown) if tab == "group" else {},
        just_done=just_done(request.args.get("done")))


@blueprint.get("/inbox/counts")
def counts():
    """The menu's and the tabs' numbers, in a header, so that one poll can fill several places."""
    found = queries.task_counts(pe(), actor(), now())
    if "ketua-divisi" in actor().groups:
        found["news"] = news.unseen(pe(), actor())
    return "", 204, {"X-Terbit-Counts": json.dumps(found | {"open": found["mine"] + found["group"]})}


@blueprint.post("/tasks/<task_id>/defer")
def defer(task_id: str):
    """Put a task off until the local time in `until`; take it back where that is empty."""
    until = request.form.get("until", "").strip()
    commands.defer(pe(), actor(), now(), task_id, _local(until) if until else None)
    return redirect(url_for("inbox.inbox", tab="mine" if until else "later"), 303)


@blueprint.post("/inbox/filters")
def save_filter():
    """Keep what the inbox shows now under a name, and show it again."""
    kept = Filter.of(dict(parse_qsl(request.form.get("query", "")[:1000])))
    filters.save(pe(), actor(), now(), request.form.get("name", ""), urlencode(kept.query()))
    return redirect(url_for("inbox.inbox", **kept.query()), 303)


@blueprint.post("/inbox/filters/<filter_id>/delete")
def delete_filter(filter_id: str):
    filters.delete(pe(), actor(), now(), filter_id)
    return redirect(url_for("inbox.inbox"), 303)


def just_done(task_id: str | None) -> dict[str, Any] | None:
    """The task that the person has just completed, and with whom the case is now; None for anything else."""
    if not task_id or len(task_id) > 40:
        return None
    try:
        task = queries.task(pe(), actor(), task_id)
        if task["completed_by"] != actor().id:
            return None
        following = queries.tasks(pe(), actor(), instance_id=task["instance_id"], limit=10).rows
    except NotFound:
        return None
    who = names.candidates(row["id"] for row in following)
    people, groups = names.people(row["assignee"] for row in following), names.groups()
    return {"task": task, "paper": letters.offered(pe(), actor(), task_id), "next": [
        (row, people.get(row["assignee"]) if row["assignee"] else ", ".join(groups.get(n, n) for _, n in who.get(row["id"], [])))
        for row in following]}


# Inside ---------------------------------------------------------------------------------------------------------------

def _rows(tab: str, wanted: Filter, after: str | None) -> Page:
    if tab == "done":
        return queries.done_tasks(pe(), actor(), search=wanted.q, after=after, limit=PER_PAGE)
    tabs: dict[str, dict[str, Any]] = {
        "mine": {"mine": True, "deferred": False}, "later": {"mine": True, "deferred": True},
        "group": {"candidate": True, "group": wanted.group or None},
    }
    return queries.tasks(pe(), actor(), **tabs[tab], search=wanted.q, due_before=_due_before(wanted.due), now=now(), after=after,
                         limit=PER_PAGE)


def _due_before(due: str) -> dt.datetime | None:
    if due == "today":
        tomorrow = now().astimezone(zone()).date() + dt.timedelta(days=1)
        return dt.datetime.combine(tomorrow, dt.time(), zone())
    return now() if due == "late" else None


def _local(text: str) -> dt.datetime:
    try:
        return dt.datetime.fromisoformat(text[:40]).replace(tzinfo=zone()).astimezone(dt.timezone.utc)
    except (ValueError, OverflowError) as error:
        raise Invalid(_("Tanggal dan waktu tidak dikenali."), field="until") from error
