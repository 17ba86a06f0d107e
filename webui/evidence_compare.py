"""Two periods or versions beside each other: the same figure twice, and by how much the second differs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _

from engine.evidence import figures
from webui.evidence_charts import Chart


@dataclass(frozen=True)
class Figure:
    """One number of both sides: as minutes ('lead'), a share ('overdue', as the heat calls it) or a count; `urls` lead to the cases."""

    values: tuple[float | None, float | None]
    measure: str
    urls: tuple[str, str] = ("", "")

    @property
    def change(self) -> float | None:
        first, second = self.values
        return None if first is None or second is None else second - first


@dataclass(frozen=True)
class Compared:
    """Rows of (name, figures), and the chart of the first figure of each."""

    rows: Sequence[tuple[str, Sequence[Figure]]]
    chart: Chart


Behind = tuple[Callable[..., str], Callable[..., str]]  # the address of the cases behind a figure of each side


def standards(first: Sequence[figures.Step], second: Sequence[figures.Step], behind: Behind, names: tuple[str, str]) -> Compared:
    """Each step's median, 90th percentile, share within its mutu baku, and how often it was done."""
    other = {step.activity_id: step for step in second}
    mine = {step.activity_id: step for step in first}
    rows = []
    for id, step in {**other, **mine}.items():
        pair = (mine.get(id, figures.Step(id, step.name)), other.get(id, figures.Step(id, step.name)))
        if not any(each.measures["count"] for each in pair):
            continue

        def urls(of: str = id, **which: Any) -> tuple[str, str]:
            return behind[0](what="activity", element=of, **which), behind[1](what="activity", element=of, **which)

        rows.append((step.name, (
            Figure((pair[0].measures.quantile("lead", 0.5), pair[1].measures.quantile("lead", 0.5)), "lead"),
            Figure((pair[0].measures.quantile("lead", 0.9), pair[1].measures.quantile("lead", 0.9)), "lead"),
            Figure((pair[0].share, pair[1].share), "overdue", urls(measure="within")),
            Figure((pair[0].measures["count"], pair[1].measures["count"]), "count", urls()))))
    return Compared(rows, _chart("minutes", [(name, figures_[0]) for name, figures_ in rows], names))


def returned(first: figures.Cases, second: figures.Cases, behind: Behind, names: tuple[str, str]) -> Compared:
    """First-pass yield, TIDAK for each decided case, what repeating cost for each of them, and how many there were: in all and by kind."""
    kinds = sorted(kind for kind in first.kinds.keys() | second.kinds.keys() if kind)
    rows = []
    for name, pair, which in [(_("Semua"), (first.total, second.total), {}), *(
            (kind, (first.kinds.get(kind, figures.Measures()), second.kinds.get(kind, figures.Measures())), {"kind": kind})
            for kind in kinds)]:
        if not any(m["decided"] for m in pair):
            continue

        def urls(named: str, more: dict[str, str] = which) -> tuple[str, str]:
            return behind[0](which=named, **more), behind[1](which=named, **more)

        rows.append((name, (
            Figure((figures.clean(pair[0]), figures.clean(pair[1])), "overdue", urls("clean")),
            Figure((pair[0]["returned"], pair[1]["returned"]), "count", urls("returned")),
            Figure((_each(pair[0]), _each(pair[1])), "lead", urls("repeats")),
            Figure((pair[0]["decided"], pair[1]["decided"]), "count", urls("decided")))))
    return Compared(rows, _chart("percent", [(name, figures_[0]) for name, figures_ in rows], names))


def _each(m: figures.Measures) -> float | None:
    """Minutes of repeating for each decided case."""
    return m["again_seconds"] / 60 / m["decided"] if m["decided"] else None


def _chart(unit: str, rows: Sequence[tuple[str, Figure]], names: tuple[str, str]) -> Chart:
    scale = 100 if unit == "percent" else 1
    return {"type": "bar", "unit": unit, "labels": [name for name, _figure in rows], "series": [
        {"name": named, "values": [None if (value := figure.values[side]) is None else round(value * scale, 2) for _name, figure in rows]}
        for side, named in enumerate(names)]} | ({"most": 100} if unit == "percent" else {})
