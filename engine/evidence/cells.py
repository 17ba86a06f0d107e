"""How what cases show is added up: sums, and histograms of minutes from which a median can be read. Pure.

A histogram is exact to the minute below EXACT minutes (more than a working day). Above, a bucket is at most 1/256 of its value
wide, so that a median or percentile read from it is within 0.2 per cent. It is kept as pairs of unsigned 32-bit numbers, little
endian: bucket, count, ordered by bucket.
"""

import struct
from collections import Counter
from collections.abc import Iterable, Mapping
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
    "lead_seconds", "wait_seconds", "work_seconds",  # working time: whole, until it was claimed, from then on
    "cost_seconds",  # people's working time: from claimed, or from created where nobody claimed it
    "again_seconds",  # of it, what repeats cost
)
TIMES = ("lead", "wait", "work")


@dataclass
class Measures:
    """What was added up: SUMS by name, and a histogram (bucket -> count) for each of TIMES."""

    sums: Counter[str] = field(default_factory=Counter)
    times: dict[str, Counter[int]] = field(default_factory=lambda: {name: Counter() for name in TIMES})

    def add(self, other: "Measures") -> None:
        for name, value in other.sums.items():
            self.sums[name] += value
        for name, histogram in other.times.items():
            if histogram:
                self.times[name].update(histogram)

    def time(self, name: str, seconds: int) -> None:
        """Note one duration."""
        self.sums[f"{name}_seconds"] += seconds
        self.times[name][bucket(minutes(seconds))] += 1

    def row(self) -> dict[str, Any]:
        """Return it as columns."""
        return {name: self.sums[name] for name in SUMS} | {name: packed(self.times[name]) for name in TIMES}

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Measures":
        """Read it from columns."""
        return cls(Counter({name: row[name] for name in SUMS if row[name]}), {name: unpacked(row[name]) for name in TIMES})

    def quantile(self, name: str, share: float) -> float | None:
        """Return the minutes that `share` of the durations do not exceed, see `quantile`."""
        return quantile(self.times[name], share)

    def mean(self, name: str) -> float | None:
        """Return the mean in minutes."""
        number = self.times[name].total()
        return self.sums[f"{name}_seconds"] / number / 60 if number else None


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


def above(histogram: Mapping[int, int], bound: float) -> int:
    """How many are longer than so many minutes."""
    return sum(count for number, count in histogram.items() if middle(number) > bound)


def packed(histogram: Mapping[int, int]) -> bytes:
    pairs = [number for each in sorted(histogram) for number in (each, histogram[each])]
    return struct.pack(f"<{len(pairs)}I", *pairs)


def unpacked(content: bytes) -> Counter[int]:
    numbers = struct.unpack(f"<{len(content) // 4}I", content)
    return Counter(dict(zip(numbers[::2], numbers[1::2], strict=True)))


def total(rows: Iterable[Mapping[str, Any]]) -> Measures:
    """Add up rows."""
    found = Measures()
    for row in rows:
        found.add(Measures.of(row))
    return found
