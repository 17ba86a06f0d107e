"""What the analyst's charts draw, as plain values: `src/evidence.js` makes ECharts' options of them.

A chart is {type: 'bar' | 'line', unit: 'minutes' | 'percent' | 'count', labels, series: [{name, values, stack?, urls?}], line?, mark?,
urls?}: `line` is a standard and `mark` what it is called; `urls[n]` leads to the cases behind the n-th label, or, of a series, behind its
own n-th value. Every number in it also stands in the table beside it.
"""

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

from flask_babel import format_date
from flask_babel import gettext as _

from engine.evidence import figures

Chart = dict[str, Any]
MOST_BARS = 12


def month(day: dt.date) -> str:
    return format_date(day, "MMM yyyy")


def _round(number: float | None) -> float | None:
    return None if number is None else round(number, 2)


def _percent(share: float | None) -> float | None:
    return None if share is None else round(share * 100, 1)


def standards(steps: Sequence[figures.Step], at: figures.Step | None, behind: Callable[..., str]) -> dict[str, Chart]:
    """Each step in per cent of its mutu baku, waiting apart from working, and one step month by month."""
    def of(step: figures.Step, **which: Any) -> str:
        return behind(what="activity", element=step.activity_id, **which)

    held = [s for s in steps if s.standard and s.measures["count"]]
    people = [s for s in steps if s.measures["claimed"]]
    charts: dict[str, Chart] = {
        "share": {"type": "bar", "unit": "percent", "labels": [s.name for s in held], "urls": [of(s) for s in held], "line": 100,
                  "mark": _("mutu baku"), "series": [
            {"name": _("Median"), "values": [_of(s, 0.5) for s in held]},
            {"name": _("Persentil 90"), "values": [_of(s, 0.9) for s in held]}]},
        "parts": {"type": "bar", "unit": "minutes", "labels": [s.name for s in people], "series": [
            {"name": _("Menunggu (rata-rata)"), "stack": "a", "values": [_round(s.measures.mean("wait")) for s in people]},
            {"name": _("Mengerjakan (rata-rata)"), "stack": "a", "values": [_round(s.measures.mean("work")) for s in people]}],
                  "urls": [of(s, measure="claimed") for s in people]},
    }
    if at and at.months:
        months = sorted(at.months)
        charts["trend"] = {"type": "line", "unit": "minutes", "labels": [month(m) for m in months], "line": at.standard,
                           "urls": [of(at, month=m) for m in months], "mark": _("mutu baku"), "series": [
            {"name": _("Median"), "values": [_round(at.months[m].quantile("lead", 0.5)) for m in months]},
            {"name": _("Persentil 90"), "values": [_round(at.months[m].quantile("lead", 0.9)) for m in months]}]}
        charts["kept"] = {"type": "line", "unit": "percent", "most": 100, "labels": [month(m) for m in months],
                          "urls": [of(at, month=m, measure="promised") for m in months], "series": [
            {"name": _("Dalam mutu baku"), "values": [_percent(figures.within(at.months[m])) for m in months]}]}
    return charts


def _of(step: figures.Step, share: float) -> float | None:
    number = step.measures.quantile("lead", share)
    return None if number is None or not step.standard else round(100 * number / step.standard, 1)


def returned(found: figures.Cases, why: dict[str, dict[str, Any]], behind: Callable[..., str]) -> dict[str, Chart]:
    """First-pass yield by month and by kind, rounds, and reasons."""
    months = list(found.months)
    kinds = sorted(kind for kind, m in found.kinds.items() if m["decided"])
    rounds = list(found.rounds)
    named = {id: each for id, each in why.items() if each["count"]}
    return {
        "months": {"type": "line", "unit": "percent", "most": 100, "labels": [month(m) for m in months],
                   "urls": [behind(month=m, which="decided") for m in months], "series": [
            {"name": _("Diterima pada putaran pertama"), "values": [_percent(figures.clean(found.months[m])) for m in months]}]},
        "kinds": {"type": "bar", "unit": "percent", "most": 100, "labels": [kind or _("tanpa jenis") for kind in kinds],
                  "urls": [behind(kind=kind, which="decided") for kind in kinds], "series": [
            {"name": _("Diterima pada putaran pertama"), "values": [_percent(figures.clean(found.kinds[kind])) for kind in kinds]}]},
        "rounds": {"type": "bar", "unit": "count", "labels": [_("%(number)d TIDAK", number=number) for number in rounds],
                   "urls": [behind(rounds=number) for number in rounds],
                   "series": [{"name": _("Berkas"), "values": [found.rounds[number] for number in rounds]}]},
        "reasons": {"type": "bar", "unit": "count", "labels": [each["name"] or _("belum dikelompokkan") for each in named.values()],
                    "urls": [behind(category=id) for id in named],
                    "series": [{"name": _("TIDAK"), "values": [each["count"] for each in named.values()]}]},
    }


def paths(found: figures.Paths, behind: Callable[..., str]) -> dict[str, Chart]:
    """How frequent the most frequent ways are."""
    shown = found.variants[:MOST_BARS]
    return {"variants": {
        "type": "bar", "unit": "count", "labels": [_("Jalur %(number)d", number=number) for number, _each in enumerate(shown, 1)],
        "urls": [behind(variant=v["id"]) for v in shown],
        "series": [{"name": _("Berkas"), "values": [v["measures"]["count"] for v in shown]}]}}
