"""Two periods or versions beside each other: the same figure twice, and by how much the second differs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flask_babel import gettext as _

from engine.evidence import cells, figures
from webui import hours
from webui.evidence_charts import Chart

MOST_WAYS = 10  # of each side
MOST_CHANGES = 12  # in what followed what


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
    """Rows of (name, figures), the chart of the first figure of each, and the steps of a row that is a way."""

    rows: Sequence[tuple[str, Sequence[Figure]]]
    chart: Chart
    steps: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Ways:
    """How cases went, of two sides: the ways they took, what left the SOP, what followed what; how many ways were taken in both, in the
    first only, in the second only, and how many different things followed each other."""

    ways: Compared
    left: Compared
    follows: Compared
    shared: tuple[int, int, int]
    pairs: int


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
            Figure((pair[0].measures.quantile("lead", 0.5), pair[1].measures.quantile("lead", 0.5)), "lead", urls()),
            Figure((pair[0].measures.quantile("lead", 0.9), pair[1].measures.quantile("lead", 0.9)), "lead", urls()),
            Figure((pair[0].share, pair[1].share), "overdue", urls(measure="within")),
            Figure((pair[0].measures["count"], pair[1].measures["count"]), "count", urls()))))
    return Compared(rows, _chart("minutes", [(name, figures_[0]) for name, figures_ in rows], names))


def returned(first: figures.Cases, second: figures.Cases, behind: Behind, names: tuple[str, str]) -> Compared:
    """First-pass yield, TIDAK for each decided case, what repeating cost for each of them, and how many there were: in all and by kind."""
    kinds, none = sorted(first.kinds.keys() | second.kinds.keys()), figures.Measures()
    rows = []
    for name, pair, which in [(_("Semua"), (first.total, second.total), {}), *(
            (kind or _("tanpa jenis"), (first.kinds.get(kind, none), second.kinds.get(kind, none)), {"kind": kind}) for kind in kinds)]:
        if not any(m["decided"] for m in pair):
            continue

        def urls(named: str, more: dict[str, str] = which) -> tuple[str, str]:
            return behind[0](which=named, **more), behind[1](which=named, **more)

        rows.append((name, (
            Figure((figures.clean(pair[0]), figures.clean(pair[1])), "overdue", urls("clean")),
            Figure((pair[0]["returned"], pair[1]["returned"]), "count", urls("returned")),
            Figure((_each(pair[0]), _each(pair[1])), "lead", urls("repeats")),
            Figure((pair[0]["decided"], pair[1]["decided"]), "count", urls("decided")))))
    return Compared(rows, _chart("percent", [(name, figures_[0]) for name, figures_ in rows], names, most=100))


def paths(first: figures.Paths, second: figures.Paths, named: Mapping[str, str], bound: int | None, behind: Behind,
          names: tuple[str, str]) -> Ways:
    """The most frequent ways of both, what left the SOP or took more than `bound` minutes, and what followed what, the greatest change
    first. `named`: what the steps are called."""
    return Ways(_ways(first, second, named, behind, names), _left(first.total, second.total, bound, behind, names),
                _follows(first, second, named, behind, names),
                (len(first.sums.keys() & second.sums.keys()), len(first.sums.keys() - second.sums.keys()),
                 len(second.sums.keys() - first.sums.keys())), len(first.follows.keys() | second.follows.keys()))


def _ways(first: figures.Paths, second: figures.Paths, named: Mapping[str, str], behind: Behind, names: tuple[str, str]) -> Compared:
    number = {v["id"]: _("Jalur %(number)d", number=n) for n, v in enumerate(first.variants, 1)}  # as the first's own table has it
    rows, steps = [], {}
    for v in {each["id"]: each for each in [*first.variants[:MOST_WAYS], *second.variants[:MOST_WAYS]]}.values():
        name = number.setdefault(v["id"], _("Jalur %(number)d", number=len(number) + 1))
        pair = [side.sums.get(v["id"], figures.Measures()) for side in (first, second)]
        urls = _urls(behind, variant=v["id"])
        steps[name] = [named.get(step, step) for step in v["path"]] + (["…"] if v["length"] > len(v["path"]) else [])
        rows.append((name, (
            Figure((_part(pair[0], first.total), _part(pair[1], second.total)), "overdue", urls),
            Figure((pair[0]["count"], pair[1]["count"]), "count", urls),
            Figure((pair[0].quantile("lead", 0.5), pair[1].quantile("lead", 0.5)), "lead", urls))))
    return Compared(rows, _chart("percent", [(name, figures_[0]) for name, figures_ in rows], names), steps)


def _left(first: figures.Measures, second: figures.Measures, bound: int | None, behind: Behind, names: tuple[str, str]) -> Compared:
    found: list[tuple[str, tuple[int, int], dict[str, Any]]] = [
        (label, (first[measure], second[measure]), {"which": which}) for label, measure, which in (
            (_("Dipindahkan langkahnya"), "moved", "moved"), (_("Diterbitkan dengan tangan"), "manual", "manual"),
            (_("Diperpanjang batas waktunya"), "extended", "extended"), (_("Dibatalkan"), "canceled", "cancelled"))]
    if bound is not None:
        one, two = (cells.above(m.times.get("lead", {}), bound) for m in (first, second))
        found.append((_("Lebih lama dari %(time)s kerja", time=hours.work(bound * 60)), (one, two), {"minutes": bound}))
    rows = [(label, (Figure((_share(pair[0], first["count"]), _share(pair[1], second["count"])), "overdue", _urls(behind, **which)),
                     Figure(pair, "count", _urls(behind, **which)))) for label, pair, which in found]
    return Compared(rows, _chart("percent", [(name, figures_[0]) for name, figures_ in rows], names))


def _follows(first: figures.Paths, second: figures.Paths, named: Mapping[str, str], behind: Behind, names: tuple[str, str]) -> Compared:
    after = [_after(side.follows) for side in (first, second)]
    rows = []
    for one, two in first.follows.keys() | second.follows.keys():
        pair = first.follows.get((one, two), 0), second.follows.get((one, two), 0)
        urls = _urls(behind, what="follows", element=f"{one}\n{two}")
        rows.append((f"{named.get(one, one)} → {named.get(two, two)}", (
            Figure((_share(pair[0] * 100, first.total["count"]), _share(pair[1] * 100, second.total["count"])), "count", urls),
            Figure((_share(pair[0], after[0].get(one, 0)), _share(pair[1], after[1].get(one, 0))), "overdue", urls),
            Figure(pair, "count", urls))))
    rows.sort(key=lambda row: (-abs(row[1][0].change or 0), row[0]))
    rows = rows[:MOST_CHANGES]
    return Compared(rows, _chart("count", [(name, figures_[0]) for name, figures_ in rows], names))


def _after(follows: Mapping[tuple[str, str], int]) -> dict[str, int]:
    """How often anything followed a step."""
    found: dict[str, int] = {}
    for (one, _two), count in follows.items():
        found[one] = found.get(one, 0) + count
    return found


def _urls(behind: Behind, **which: Any) -> tuple[str, str]:
    return behind[0](**which), behind[1](**which)


def _part(m: figures.Measures, of: figures.Measures) -> float | None:
    return _share(m["count"], of["count"])


def _share(number: float, of: int) -> float | None:
    return number / of if of else None


def _each(m: figures.Measures) -> float | None:
    """Minutes of repeating for each decided case."""
    return m["again_seconds"] / 60 / m["decided"] if m["decided"] else None


def _chart(unit: str, rows: Sequence[tuple[str, Figure]], names: tuple[str, str], most: int | None = None) -> Chart:
    scale = 100 if unit == "percent" else 1
    return {"type": "bar", "unit": unit, "labels": [name for name, _figure in rows], "series": [
        {"name": named, "values": [None if (value := figure.values[side]) is None else round(value * scale, 2) for _name, figure in rows],
         "urls": [figure.urls[side] for _name, figure in rows]}
        for side, named in enumerate(names)]} | ({"most": most} if most else {})
