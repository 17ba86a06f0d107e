"""How what cases show is added up: sums, and histograms of minutes from which a median can be read. Pure.

A histogram is exact to the minute below EXACT minutes (more than a working day). Above, a bucket is at most 1/256 of its value
wide, so that a median or percentile read from it is within 0.2 per cent.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

EXACT = 512
_HALF = EXACT // 2
ALL = "*"  # every kind, every group
SUMS = (
    "count",  # of activities: completed; of flows: taken; of cases: ended
    "canceled",  # activities that were interrupted, cases that were cancelled
    "repeats",  # done again in the same case (and turn)
    "promised", "overdue",  # had a due time; of these, completed after it
    "extended",  # were given more time
    "claimed",  # somebody took it before completing it: only then waiting and working are known apart
    "decided", "returned",  # decisions, and how many of them were TIDAK
    "clean",  # cases with a decision and without TIDAK
    "manual", "moved",  # cases published by hand; in which a token was moved
    "out", "failed", "unknown", "withdrawn",  # of a channel's publications: what went out, did not, perhaps did, was taken away
    "posts",  # of what went out as one piece of information: on so many channels
    "lead_seconds", "wait_seconds", "work_seconds",  # working time: whole, until it was claimed, from then on
    "cost_seconds",  # people's working time: from claimed, or from created where nobody claimed it
    "again_seconds",  # of it, what repeats cost
)
TIMES = ("lead", "wait", "work")


@dataclass
class Measures:
    """What was added up: SUMS by name, and a histogram (bucket -> count) for each of TIMES; what is nought is not there."""

    sums: dict[str, int] = field(default_factory=dict)
    times: dict[str, dict[int, int]] = field(default_factory=dict)

    def __getitem__(self, name: str) -> int:
        return self.sums.get(name, 0)

    def count(self, **more: int) -> None:
        """Add to sums."""
        for name, value in more.items():
            if value:
                self.sums[name] = self.sums.get(name, 0) + int(value)

    def time(self, name: str, seconds: int) -> None:
        """Note one duration."""
        self.count(**{f"{name}_seconds": seconds})
        histogram = self.times.setdefault(name, {})
        number = bucket(minutes(seconds))
        histogram[number] = histogram.get(number, 0) + 1

    def add(self, other: "Measures") -> None:
        sums = self.sums
        for name, value in other.sums.items():
            sums[name] = sums.get(name, 0) + value
        for name, histogram in other.times.items():
            mine = self.times.get(name)
            if mine is None:
                self.times[name] = dict(histogram)
            else:
                for number, value in histogram.items():
                    mine[number] = mine.get(number, 0) + value

    def negated(self) -> "Measures":
        """Return what takes this away when it is added."""
        return Measures({name: -value for name, value in self.sums.items()},
                        {name: {number: -count for number, count in histogram.items()} for name, histogram in self.times.items()})

    def row(self) -> dict[str, Any]:
        """Return it as columns: `count` and `measures` (JSON of SUMS), and of each of TIMES a JSON list bucket, count, bucket, count …"""
        sums = {name: value for name, value in self.sums.items() if value}
        return {"count": self["count"], "measures": json.dumps(sums, separators=(",", ":")),
                **{name: _packed(self.times.get(name)) for name in TIMES}}

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Measures":
        """Read it from columns; of TIMES those that were read."""
        return cls(json.loads(row["measures"]), {name: _unpacked(row[name]) for name in TIMES if row.get(name)})

    def quantile(self, name: str, share: float) -> float | None:
        """Return the minutes that `share` of the durations do not exceed, see `quantile`."""
        return quantile(self.times.get(name, {}), share)

    def mean(self, name: str) -> float | None:
        """Return the mean in minutes."""
        number = sum(self.times.get(name, {}).values())
        return self[f"{name}_seconds"] / number / 60 if number else None


def minutes(seconds: float) -> int:
    """Return whole minutes, the half rounded up."""
    return int((seconds + 30) // 60)


def bucket(value: int) -> int:
    """Return the bucket of so many minutes."""
    if value < EXACT:
        return max(0, value)
    shift = value.bit_length() - EXACT.bit_length() + 1  # how often it is halved until it is below EXACT
    return (shift << 16) | (value >> shift)


def middle(number: int) -> float:
    """Return the minutes in the middle of a bucket."""
    shift, top = number >> 16, number & 0xFFFF
    return float(top) if not shift else ((top << shift) + ((top + 1) << shift) - 1) / 2


def quantile(histogram: Mapping[int, int], share: float) -> float | None:
    """Return the value at this share of the ordered ones; the mean of the two neighbours where it falls between them.

    So 0.5 gives the median, and 0.9 of ten values the mean of the ninth and the tenth. None of nothing.
    """
    number = sum(histogram.values())
    if not number:
        return None
    at = share * number
    whole = round(at)
    between = abs(at - whole) < 1e-9
    wanted = [whole, whole + 1] if between and 0 < whole < number else [min(number, max(1, whole if between else int(at) + 1))]
    found: list[float] = []
    passed = 0
    for each in sorted(histogram):
        passed += histogram[each]
        while len(found) < len(wanted) and passed >= wanted[len(found)]:
            found.append(middle(each))
    return sum(found) / len(found)


def edge(value: float) -> int:
    """The most whole minutes that fall into the same bucket as these: only what is above such a one is known from a histogram."""
    value = max(0, int(value))
    shift = max(0, value.bit_length() - EXACT.bit_length() + 1)
    return ((value >> shift) + 1 << shift) - 1


def above(histogram: Mapping[int, int], bound: int) -> int:
    """How many are longer than so many minutes, which are an `edge`."""
    return sum(count for number, count in histogram.items() if number > bucket(bound))


def _packed(histogram: Mapping[int, int] | None) -> str:
    pairs = [n for number, count in sorted((histogram or {}).items()) if count for n in (number, count)]
    return json.dumps(pairs, separators=(",", ":")) if pairs else ""


def _unpacked(text: str) -> dict[int, int]:
    pairs = json.loads(text)
    return dict(zip(pairs[::2], pairs[1::2], strict=True))
