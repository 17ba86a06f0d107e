"""The analyst's evidence: heat on the diagram, mutu baku against reality, TIDAK, paths, and the cases behind every figure.

Each page asks `engine.evidence` and draws charts from the same numbers that stand in the tables beside them.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, g, redirect, render_template, request, url_for
from flask_babel import format_decimal, ngettext
from flask_babel import gettext as _

from bpmn import model
from bpmn.errors import Invalid, NotFound
from engine import access, channels, reports, settings
from engine.evidence import behind, cells, figures, reasons
from engine.evidence.cells import Measures
from webui import actor, deployed, evidence_charts, evidence_compare, hours, names, now, pe
from webui.view import zone

blueprint = Blueprint("evidence", __name__, url_prefix="/reports")
blueprint.add_app_template_filter(evidence_charts.month, "month_name")

LEVELS = 5  # of heat
MOST_FOLLOWS = 60  # of what followed what, the most frequent ones
NONE = "*"  # in an address: what has no kind, no group; nothing is called so
FILTERS = ("key", "since", "until", "version", "kind", "unit")


def heats() -> dict[str, str]:
    """What the diagram can show, by name."""
    return {"count": _("Berapa kali"), "wait": _("Menunggu (median)"), "work": _("Mengerjakan (median)"), "lead": _("Seluruhnya (median)"),
            "overdue": _("Bagian yang terlambat"), "cost": _("Biaya (menit kerja)")}


@dataclass
class Asked:
    """What the address asks for. `args` makes the same address again; `said` is the period and filters in words."""

    scope: figures.Scope
    choices: figures.Choices
    args: dict[str, Any]
    version: int | None


@blueprint.before_request
def _only_overseers():
    access.require(access.may_see_reports(actor()))


@blueprint.context_processor
def of_office():
    """What the evidence's pages need besides: words for numbers, the groups' names, whether the office is made up."""
    if "account_actor" not in g:  # an error's page, before anybody is known
        return {}
    return {"is_sample": "sample" in settings.get(pe(), actor().tenant), "minutes": minutes, "percent": percent, "NONE": NONE,
            "group_names": names.groups(), "decimal": format_decimal, "shown": shown, "shown_change": shown_change, "month_of": month_of}


# Pages ----------------------------------------------------------------------------------------------------------------

@blueprint.get("/mutu-baku")
def standards():
    """Each step's time beside its mutu baku: waiting apart from working, and month by month."""
    procedures = reports.keys(pe(), actor())
    if not procedures:
        return render_template("analyst/empty.html")
    asked = asked_for(procedures)
    steps = [s for s in figures.standards(pe(), actor(), now(), asked.scope) if s.standard or s.measures["count"]]
    at = next((s for s in steps if s.activity_id == request.args.get("step")), None) or max(
        (s for s in steps if s.standard), key=lambda s: s.measures["overdue"], default=None)
    other = _other(procedures)
    compared = evidence_compare.standards(
        steps, figures.standards(pe(), actor(), now(), other.scope), *_both(asked, other)) if other else None
    return render_template("evidence/standards.html", procedures=procedures, asked=asked, steps=steps, at=at, within=figures.within,
                           other=other, compared=compared,
                           any_done=any(s.measures["count"] for s in steps),
                           charts=evidence_charts.standards(steps, at, lambda **q: behind_url(asked, **q)))


@blueprint.get("/peta")
def heat():
    """The diagram with what each step and each flow is like; two periods or versions beside each other where they are asked for."""
    procedures = reports.keys(pe(), actor())
    if not procedures:
        return render_template("analyst/empty.html")
    asked = asked_for(procedures)
    measure = request.args.get("measure") if request.args.get("measure") in heats() else "count"
    sides = [asked, *filter(None, [_other(procedures)])]
    found = [_side(side, measure) for side in sides]
    most = {what: max((v for side in found for v in side["values"][what].values() if v), default=0) for what in ("activity", "flow")}
    rows = [_heat_row(what, id, name, measure, sides, found, most[what])
            for what in ("activity", "flow") for id, name in _named(found, what)]
    rows = [row for row in rows if any(cell["value"] is not None for cell in row["cells"])]
    return render_template("evidence/heat.html", procedures=procedures, asked=asked, other=sides[1] if len(sides) > 1 else None,
                           measure=measure, heats=heats(), rows=rows, sides=found)


@blueprint.get("/tidak")
def returned():
    """How often work is sent back, why, and what it costs."""
    procedures = reports.keys(pe(), actor())
    if not procedures:
        return render_template("analyst/empty.html")
    asked = asked_for(procedures)
    found = figures.cases(pe(), actor(), asked.scope)
    why = figures.reasons(pe(), actor(), asked.scope)
    category = request.args.get("category", "") if request.args.get("category", "") in why else ""
    page = reasons.wordings(pe(), actor(), asked.scope.key, category, after=request.args.get("after") or None)
    other = _other(procedures)
    compared = evidence_compare.returned(found, figures.cases(pe(), actor(), other.scope), *_both(asked, other)) if other else None
    return render_template("evidence/returned.html", procedures=procedures, asked=asked, found=found, why=why, category=category, page=page,
                           other=other, compared=compared, clean=figures.clean, may_compare=access.may_administer(actor()),
                           people=names.people(id for id in found.writers or () if id),
                           charts=evidence_charts.returned(found, why, lambda **q: behind_url(asked, **q)))


@blueprint.post("/tidak/<key>/sort")
def sort(key: str):
    """Put notes into a category: one that is there, or a new one."""
    given = request.form
    category = given.get("category", "")
    if given.get("new", "").strip():
        category = reasons.create(pe(), actor(), now(), key, given["new"])
    number = reasons.put(pe(), actor(), now(), key, category, given.getlist("wording"))
    return redirect(url_for("evidence.returned", **_kept(given, key), sorted=number, _anchor="catatan"), 303)


@blueprint.post("/tidak/<key>/category/<id>/delete")
def delete_category(key: str, id: str):
    """Take a category away."""
    reasons.delete(pe(), actor(), now(), key, id)
    return redirect(url_for("evidence.returned", **_kept(request.form, key), _anchor="catatan"), 303)


@blueprint.post("/persons")
def persons():
    """Let persons be compared, or no more; an admin's."""
    settings.change(pe(), actor(), now(), "evidence", {"persons": request.form.get("persons") == "y"})
    return redirect(url_for("evidence.returned", **_kept(request.form, request.form.get("key", ""))), 303)


@blueprint.get("/jalur")
def paths():
    """Which ways cases took, what followed what, which left the SOP, and which took unusually long."""
    procedures = reports.keys(pe(), actor())
    if not procedures:
        return render_template("analyst/empty.html")
    asked = asked_for(procedures)
    found = figures.paths(pe(), actor(), asked.scope)
    diagram, bound, other = _diagram(asked), _bound(found.total), _other(procedures)
    compared = None
    if other:
        second = figures.paths(pe(), actor(), other.scope)
        named = {**_diagram(other)["names"], **diagram["names"]}
        bound = _bound(second.total) if bound is None else bound
        compared = evidence_compare.paths(found, second, named, bound, *_both(asked, other))
    return render_template("evidence/paths.html", procedures=procedures, asked=asked, found=found, names=diagram["names"],
                           other=other, compared=compared,
                           follows=sorted(found.follows.items(), key=lambda each: -each[1])[:MOST_FOLLOWS],
                           most=max(found.follows.values(), default=1),
                           bound=bound, long=_long(found.total, bound), diagram=diagram,
                           charts=evidence_charts.paths(found, lambda **q: behind_url(asked, **q)))


@blueprint.get("/di-balik")
def cases():
    """The cases behind a figure."""
    procedures = reports.keys(pe(), actor())
    if not procedures:
        return render_template("analyst/empty.html")
    asked = asked_for(procedures)
    given = {name: request.args.get(name) or None for name in ("variant", "writer", "what")}
    which = behind.Which(
        which=request.args.get("which") or "all", rounds=_number("rounds"), category=request.args.get("category"),
        minutes=_number("minutes"), least=_number("least"), most=_number("most"),
        element=request.args.get("element", ""), measure=request.args.get("measure") or "count", **given)
    page = behind.cases(pe(), actor(), asked.scope, which, after=request.args.get("after") or None)
    again = {name: value for name, value in request.args.items() if name != "after"}
    return render_template("evidence/cases.html", procedures=procedures, asked=asked, page=page, which=which, again=again,
                           said=_said(asked, which))


# What is asked for ----------------------------------------------------------------------------------------------------

def asked_for(procedures: list[dict], suffix: str = "") -> Asked:
    """What the address names; without a period, the last twelve months and this one. With a suffix: what it is compared with, the rest
    being the same."""
    given = {name: request.args.get(name, "")[:300] for name in FILTERS}
    mine = {name: request.args.get(f"{name}{suffix}", "") for name in ("since", "until", "version")}
    given |= mine if suffix else {}
    if any("\0" in value for value in given.values()):
        raise Invalid(_("Angka ini tidak dikenal."), field="kind")
    key = given["key"] or procedures[0]["key"]
    choices = figures.choices(pe(), actor(), key)
    since, until = _day(given["since"], f"since{suffix}"), _day(given["until"], f"until{suffix}")
    if not request.args.keys() & {"since", "until", f"since{suffix}", f"until{suffix}"}:
        today = now().astimezone(zone()).date()
        since = dt.date(today.year - 1, today.month, 1)
    wanted = given["version"]
    version = next((v for v in choices.versions if str(v["version"]) == wanted), None) if wanted else None
    if wanted and version is None:
        raise NotFound(_("Versi ini tidak ditemukan."))
    scope = figures.Scope(key, since, until, (version["id"],) if version else (), *(
        "" if given[name] == NONE else given[name] or None for name in ("kind", "unit")))
    args = {"key": key, "since": since.isoformat() if since else "", "until": until.isoformat() if until else "",
            **{name: given[name] for name in ("version", "kind", "unit") if given[name]}}
    return Asked(scope, choices, args, version["version"] if version else None)


def _other(procedures: list[dict]) -> Asked | None:
    """What the address compares with, where it does."""
    return asked_for(procedures, "2") if request.args.get("compare") else None


def _both(asked: Asked, other: Asked) -> tuple[evidence_compare.Behind, tuple[str, str]]:
    """The addresses behind figures of both sides, and what the sides are called."""
    def called(side: Asked, number: str) -> str:
        return f"{number}: {period(side.scope)}" + (", " + _("versi %(version)s", version=side.version) if side.version else "")

    addresses = (lambda **q: behind_url(asked, **q), lambda **q: behind_url(other, **q))
    return addresses, (called(asked, _("Pertama")), called(other, _("Kedua")))


def _day(text: str, field: str) -> dt.date | None:
    try:
        day = dt.date.fromisoformat(text) if text else None
        if day and not 1900 < day.year < 9000:
            raise ValueError(text)
    except ValueError as problem:
        raise Invalid(_("Tanggal “%(value)s” tidak dapat dibaca.", value=text[:30]), field=field) from problem
    return day


def _number(name: str) -> int | None:
    text = request.args.get(name, "")
    if text and not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise Invalid(_("Isikan bilangan."), field=name)
    return int(text) if text else None


def _kept(form: Any, key: str) -> dict[str, Any]:
    return {"key": key, **{name: form[f"f-{name}"] for name in FILTERS[1:] if f"f-{name}" in form}}


def behind_url(asked: Asked, month: dt.date | None = None, **which: Any) -> str:
    """Where the cases behind a figure are listed; of one kind, one group ('': of what has none) where one is named."""
    which |= {name: which[name] or NONE for name in ("kind", "unit") if name in which}
    span = month_of(asked, month) if month else {}
    return url_for("evidence.cases", **{**asked.args, **span, **which})


def month_of(asked: Asked, month: dt.date) -> dict[str, str]:
    """The part of the period that lies in a month, as an address says it."""
    last = (month.replace(day=28) + dt.timedelta(4)).replace(day=1) - dt.timedelta(1)
    since, until = max(month, asked.scope.since or month), min(last, asked.scope.until or last)
    return {"since": since.isoformat(), "until": until.isoformat()}


def _said(asked: Asked, which: behind.Which) -> str:
    """What the listed cases have in common, in words."""
    named = deployed.element_names(figures.diagram(pe(), actor(), now(), asked.scope))
    name = " → ".join(named.get(each) or each for each in which.element.split("\n"))
    measures = {
        "count": _("dengan"), "overdue": _("yang terlambat pada"), "within": _("yang tepat waktu pada"), "repeats": _("yang mengulang"),
        "canceled": _("yang dibatalkan pada"), "extended": _("yang diperpanjang pada"), "returned": _("yang TIDAK pada"),
        "decided": _("yang diputuskan pada"), "claimed": _("yang diambil pada"), "promised": _("yang berbatas waktu pada"),
        "out": _("yang terbit di"), "failed": _("yang gagal terbit di"), "unknown": _("yang tidak pasti terbit di"),
        "manual": _("yang diterbitkan dengan tangan di"), "withdrawn": _("yang diturunkan dari"), "posts": _("dengan informasi")}
    if which.what == "channel":
        name = channels.channel_names(pe(), actor()).get(which.element, which.element)
    if which.what == "class":
        name = _("klasifikasi %(name)s", name=which.element or "–")
    cases = {
        "decided": _("yang diputuskan"), "clean": _("yang diterima pada putaran pertama"), "returned": _("yang pernah TIDAK"),
        "repeats": _("yang mengulang langkah"), "cancelled": _("yang dibatalkan"), "moved": _("yang langkahnya dipindahkan"),
        "manual": _("yang diterbitkan dengan tangan"), "extended": _("yang batas waktunya diperpanjang"),
        "left": _("yang menyimpang dari SOP")}
    parts = [f"{measures[which.measure]} {name}"] if which.what else [cases[which.which]] if which.which in cases else []
    if which.rounds is not None:
        parts.append(ngettext("dengan %(num)d kali TIDAK", "dengan %(num)d kali TIDAK", which.rounds))
    if which.least is not None:
        until = _("atau lebih") if which.most is None else _("sampai %(time)s", time=minutes(which.most))
        parts.append(_("%(time)s %(until)s sejak disetujui", time=minutes(which.least), until=until))
    if which.minutes is not None:
        parts.append(_("yang lebih lama dari %(time)s", time=minutes(which.minutes)))
    if which.variant:
        parts.append(_("dengan jalur yang sama"))
    if which.category is not None:
        known = {each["id"]: each["name"] for each in reasons.categories(pe(), actor(), asked.scope.key)}
        parts.append(_("yang TIDAK karena %(why)s", why=known.get(which.category) or _("alasan yang belum dikelompokkan")))
    return " ".join([_("Berkas"), *parts])


# Heat -----------------------------------------------------------------------------------------------------------------

def _side(asked: Asked, measure: str) -> dict[str, Any]:
    activities, flows = figures.heat(pe(), actor(), asked.scope, *((measure,) if measure in cells.TIMES else ()))
    diagram = _diagram(asked)
    measures = {"activity": activities, "flow": flows}
    return {"diagram": diagram, "measures": measures, "period": period(asked.scope),
            "values": {what: {id: value(m, measure) for id, m in of.items()} for what, of in measures.items()}}


def _diagram(asked: Asked) -> dict[str, Any]:
    id = figures.diagram(pe(), actor(), now(), asked.scope)
    version = next((v["version"] for v in asked.choices.versions if v["id"] == id), None)
    named = deployed.element_names(id)
    flows = {flow.id: f"{named.get(flow.source) or flow.source} → {named.get(flow.target) or flow.target}"
             + (f" ({flow.name})" if flow.name else "") for flow in _flows(deployed.diagram(id), asked.scope.key)}
    return {"id": id, "version": version, "flows": flows, "names": {key: name or key for key, name in named.items()}}


def _flows(content: bytes, key: str) -> tuple[model.Flow, ...]:
    return next((process.flows for process in model.read(content) if process.key == key), ())


def value(m: Measures, measure: str) -> float | None:
    """One number of an activity or a flow, as the diagram shows it; None where there is none. Minutes, a share, or a count."""
    if measure == "count":
        return m["count"] or None
    if measure == "overdue":
        return m["overdue"] / m["promised"] if m["promised"] else None
    if measure == "cost":
        return m["cost_seconds"] / 60 if m["cost_seconds"] else None
    return m.quantile(measure, 0.5)


def _named(found: list[dict], what: str) -> list[tuple[str, str]]:
    ids = dict.fromkeys(id for side in found for id in side["measures"][what])
    known: dict[str, str] = {}
    for side in reversed(found):
        known |= side["diagram"]["names"] if what == "activity" else side["diagram"]["flows"]
    order = {id: number for number, id in enumerate(known)}
    return [(id, known.get(id) or id) for id in sorted(ids, key=lambda id: order.get(id, len(order)))]


def _heat_row(what: str, id: str, name: str, measure: str, sides: list[Asked], found: list[dict], most: float) -> dict[str, Any]:
    counted = {"overdue": "overdue", "wait": "claimed", "work": "claimed"}.get(measure, "count")
    cells_ = []
    for asked, side in zip(sides, found, strict=True):
        number = side["values"][what].get(id)
        cells_.append({"value": number, "text": shown(number, measure), "count": side["measures"][what].get(id, Measures())["count"],
                       "level": 0 if number is None or not most else max(1, min(LEVELS, -int(-LEVELS * number // most))) if number else 1,
                       "url": behind_url(asked, what=what, element=id, measure=counted),
                       "count_url": behind_url(asked, what=what, element=id)})
    change = None
    if len(cells_) == 2 and cells_[0]["value"] is not None and cells_[1]["value"] is not None:
        change = shown_change(cells_[1]["value"] - cells_[0]["value"], measure)
    return {"what": what, "id": id, "name": name, "cells": cells_, "change": change}


def shown(number: float | None, measure: str) -> str:
    """A number of `value` as it is read."""
    if number is None:
        return "–"
    return f"{number:,.0f}".replace(",", ".") if measure == "count" else percent(number) if measure == "overdue" else minutes(number)


def shown_change(number: float, measure: str) -> str:
    """By how much a second number differs from the first; less than a whole minute, case or point is the same."""
    if abs(number) < {"overdue": 0.005, "count": 0.5}.get(measure, 1):
        return _("sama")
    sign = "+" if number > 0 else "−"
    return sign + (f"{abs(number) * 100:.0f} " + _("poin") if measure == "overdue" else shown(abs(number), measure))


# Words ----------------------------------------------------------------------------------------------------------------

def minutes(number: float | None) -> str:
    """Minutes of working time in words."""
    if number is None:
        return "–"
    return hours.work(number * 60) if number >= 1 else _("< 1 menit") if number else ngettext("%(num)d menit", "%(num)d menit", 0)


def percent(share: float | None) -> str:
    return "–" if share is None else f"{share * 100:.0f}%"


def period(scope: figures.Scope) -> str:
    first, last = (each.strftime("%d-%m-%Y") if each else "" for each in (scope.since, scope.until))
    if first and last:
        return f"{first} – {last}"
    return _("sejak %(day)s", day=first) if first else _("sampai %(day)s", day=last) if last else _("seluruh masa")


def _bound(total: Measures) -> int | None:
    """How many minutes are unusually long: more than the third quartile by one and a half times what lies between the quartiles (Tukey)."""
    low, high = total.quantile("lead", 0.25), total.quantile("lead", 0.75)
    return None if low is None or high is None else cells.edge(high + 1.5 * (high - low))


def _long(total: Measures, bound: int | None) -> int:
    return 0 if bound is None else cells.above(total.times.get("lead", {}), bound)
