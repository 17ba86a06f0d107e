"""Bringing running cases to another version: the plan on both diagrams, and the dry run.

The plan lives in the page's form (`map-PLACE`, `renew-PLACE`): nothing is kept until it is begun.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from bpmn.errors import Conflict, NotFound, TerbitError, worded
from engine import access, commands, queries
from engine.migration_plan import Place, Plan
from engine.queries.migrating import Between
from webui import actor, now, pe
from webui.errors import message_of, status_of

blueprint = Blueprint("migrating", __name__, url_prefix="/migrations")

COLOURS = 6  # of the numbers on the diagrams, one after the other
MOST_SHOWN = 500  # refused cases listed by a dry run; all are counted
PART = 200  # cases tried at a time
KINDS = {
    "userTask": _l("Tugas"), "externalTask": _l("Layanan otomatis"), "parallelGateway": _l("Gerbang penggabung"),
    "inclusiveGateway": _l("Gerbang penggabung"), "eventBasedGateway": _l("Gerbang peristiwa"), "subProcess": _l("Subproses"),
    "transaction": _l("Subproses"), "eventSubProcess": _l("Subproses peristiwa"), "callActivity": _l("Panggilan proses"),
    "receiveTask": _l("Menunggu pesan"),
}


@dataclass
class Row:
    """A place of the source, what it becomes, and what is to be said of that."""

    place: Place
    number: int
    target: str
    options: list[Place]
    guessed: bool = False
    renew: bool = False
    cases: int = 0
    findings: list[tuple[str, str]] = field(default_factory=list)  # (severity, words)

    @property
    def has_time(self) -> bool:
        return self.place.kind == "userTask" or "Timer" in self.place.kind

    @property
    def colour(self) -> int:
        return (self.number - 1) % COLOURS + 1


@dataclass(frozen=True)
class Sum:
    """How many cases a dry run has looked at so far."""

    good: int = 0
    bad: int = 0


@blueprint.get("/plan")
def plan():
    """The plan that the diagrams suggest, from the version with most running cases as far as none is named."""
    access.require(access.may_migrate(actor()))
    target = queries.definition(pe(), actor(), request.args.get("target", ""))
    versions = queries.standing(pe(), actor(), target["key"])
    others = [v for v in versions if v["id"] != target["id"]]
    source_id = request.args.get("source", "")
    if source_id in ("", target["id"]):
        source_id = max(others, key=lambda v: v["running"], default={"id": ""})["id"]
    earlier = queries.migrations(pe(), actor(), target["key"], limit=10).rows
    if not source_id:
        return render_template("migrating/none.html", target=target, versions=versions, earlier=earlier)
    found = queries.between(pe(), actor(), source_id, target["id"])
    proposed = found.propose()
    return _page(found, proposed.plan, versions, proposed.guesses, earlier=earlier)


@blueprint.post("/plan")
def change():
    """The plan as it stands in the form: checked, tried, or begun."""
    found, sent = _sent()
    versions = queries.standing(pe(), actor(), found.source.key)
    if request.form.get("do") == "start":
        try:
            id = commands.start_migration(pe(), actor(), now(), found.source.id, found.target.id, sent, why=request.form.get("reason", ""))
            return redirect(url_for("batches.show", id=id), 303)
        except TerbitError as problem:
            unsaid = problem.where.get("field") == "reason"  # all else is right: what was tried stands
            page = _page(found, sent, versions, problem=message_of(problem), tried=_tried(found, sent) if unsaid else None)
            return page, status_of(problem)
    wanted = request.form.get("do") == "try" or request.form.get("after")
    return _page(found, sent, versions, tried=_tried(found, sent) if wanted else None)


@blueprint.post("/try")
def more():
    """The next part of a dry run, as rows for its list."""
    found, sent = _sent()
    return render_template("migrating/tried.html", tried=_tried(found, sent), part=True)


@blueprint.get("/<id>")
def show(id: str):
    """Where a migration was followed before it was a batch among others."""
    return redirect(url_for("batches.show", id=queries.batch(pe(), actor(), id)["id"]), 301)


# Within ---------------------------------------------------------------------------------------------------------------

def _sent() -> tuple[Between, Plan]:
    form = request.form
    found = queries.between(pe(), actor(), form.get("source", ""), form.get("target", ""))
    activities = {name.removeprefix("map-"): value for name, value in form.items() if name.startswith("map-") and value}
    if strange := sorted(activities.keys() - found.before.keys()):
        raise NotFound(_("Langkah “%(name)s” tidak ada di versi asal.", name=strange[0][:80]))
    return found, Plan(activities, frozenset(name.removeprefix("renew-") for name in form if name.startswith("renew-")))


def _page(found: Between, plan: Plan, versions: list[dict], guesses: frozenset[str] = frozenset(), *, tried: dict | None = None,
          problem: str = "", earlier: list[dict] | None = None) -> str:
    rows = _rows(found, plan, guesses or frozenset(request.form.getlist("guess")))
    by_id = {v["id"]: v for v in versions}
    return render_template(
        "migrating/plan.html", found=found, rows=[r for r in rows if not r.place.listens], events=[r for r in rows if r.place.listens],
        versions=versions, running=by_id[found.source.id]["running"], name=found.target.name or found.target.key, kind=kind_words,
        errors=sum(1 for row in rows for severity, _words in row.findings if severity == "error"),
        left=sum(1 for row in rows if not row.target and not row.place.listens and not row.place.may_vanish and row.cases),
        tried=tried, problem=problem, earlier=earlier or [])


def _rows(found: Between, plan: Plan, guesses: frozenset[str]) -> list[Row]:
    said: dict[str, list[tuple[str, str]]] = {}
    for each in found.check(plan):
        said.setdefault(each.element, []).append((each.severity, worded(each.message, each.params, _)))
    standing = queries.standing_at(pe(), actor(), found.source.id)
    waiting = [place for place in found.before.values() if place.waits]
    after = [place for place in found.after.values() if place.waits]
    rows = []
    for number, place in enumerate(waiting, 1):
        target = plan.activities.get(place.ref, "")
        options = [p for p in after if p.kind == place.kind and p.loop == place.loop or p.ref == target]
        cases = standing.get(place.element.id, 0)
        findings = [each for each in said.get(place.ref, []) if target or cases or place.listens]  # nobody stands on it: nothing to say
        rows.append(Row(place, number, target, options, bool(target) and place.ref in guesses, place.ref in plan.renew, cases, findings))
    return rows


def _tried(found: Between, plan: Plan) -> dict[str, Any]:
    """A part of the dry run, with what was counted before it: `after` is 'cursor:good:bad'."""
    cursor, good, bad, *_rest = [*request.form.get("after", "").split(":"), "", "", ""]
    before = Sum(_number(good), _number(bad))
    part = queries.dry_run(pe(), actor(), now(), found.source.id, found.target.id, plan, after=cursor[:36], limit=PART)
    refused = [row for row in part.rows if row["problem"]]
    so_far = Sum(before.good + len(part.rows) - len(refused), before.bad + len(refused))
    shown = refused + ([row for row in part.rows if not row["problem"]] if not cursor else [])  # of those that go, only the first
    return {"rows": [{**row, "why": said(row["problem"], found)} for row in shown[:max(MOST_SHOWN - before.bad, 0)]],
            "good": so_far.good, "bad": so_far.bad, "first": not cursor,
            "next": f"{part.next}:{so_far.good}:{so_far.bad}" if part.next else None}


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 8 else 0


def between_of(batch: Mapping[str, Any]) -> Between | None:
    """The two versions of a migration; None where its target was revoked since."""
    try:
        return queries.between(pe(), actor(), batch["source_id"], batch["target_id"])
    except Conflict:
        return None


def versions_of(batch: Mapping[str, Any]) -> str:
    source, target = (queries.definition(pe(), actor(), batch[name]) for name in ("source_id", "target_id"))
    return f"{target['name'] or target['key']}: " + _("Versi %(a)d → versi %(b)d", a=source["version"], b=target["version"])


def said(problem: dict | None, found: Between | None) -> str:
    """Why a case cannot go, in the reader's words, with the step where the message does not name it."""
    if problem is None:
        return ""
    text = worded(problem["message"], problem["params"], _)
    place = found.before.get(problem["element"]) or found.after.get(problem["element"]) if found else None
    return text if place is None or place.label in text else f"{place.label}: {text}"


def kind_words(place: Place) -> str:
    """What kind of thing a place is, in office words."""
    if place.kind in KINDS:
        words = str(KINDS[place.kind])
    elif place.kind.startswith("boundary"):
        words = _("Peristiwa di tepi")
    else:
        words = _("Awal subproses peristiwa") if place.listens else _("Menunggu peristiwa")
    return words + (" · " + _("berulang") if place.loop else "")
