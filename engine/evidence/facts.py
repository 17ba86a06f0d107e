"""What one ended case shows: its steps, the flows it took, its TIDAK, its way. Pure; everything it rests on never changes.

- A **decision** is a completed task that set `keputusan`; TIDAK is the value `tidak`, its reason the `catatan` beside it.
- The **writer** is who first completed a task that set `isi`; where nobody did, who started the case. The **kind** is `jenis`.
- A person's **group** is one that the procedure's lanes do not name (their sub-section), as the history says it was then; where
  they are in no such group, the group in whose stead or for which the task was.
- An **approval** is a decision that was not TIDAK. What went out without one (berita) has no time since.
- A piece of **information** (an entry of the Daftar Informasi Publik) is a case that put something out and is about no other; its class
  is `klasifikasi`.
- **Waiting** is working time from when a task came to be until it was claimed, **working** from then until it was completed.
"""

import datetime as dt
import hashlib
import json
import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from bpmn import model, sop
from engine.access import OVERSEERS
from engine.evidence.cells import ALL, Measures
from engine.working_time import WorkingCalendar

BODY = "#multiInstanceBody"
MOST_STEPS = 300  # of a way, kept to be shown
LONGEST_NOTE = 2000
NO_NOTE = ""
OUT = ("published", "scheduled")  # states of a publication that its readers see, or will
MOVED = ("instance.modified", "instance.restarted_from")  # a token stood where no flow had led it


@dataclass(frozen=True)
class Diagram:
    """What a version's diagram says of flows and groups."""

    flows: Mapping[tuple[str, str], str]  # (from, to) -> the flow's id
    incoming: Mapping[str, tuple[tuple[str, str], ...]]  # of parallel joins: (from, flow)
    lanes: frozenset[str]  # groups that its tasks name
    candidates: Mapping[str, tuple[str, ...]]  # activity -> groups that it names

    @classmethod
    def of(cls, processes: Iterable[model.Process], groups: Iterable[str]) -> "Diagram":
        flows: dict[tuple[str, str], str] = {}
        incoming: dict[str, tuple[tuple[str, str], ...]] = {}
        candidates: dict[str, tuple[str, ...]] = {}
        for process in processes:
            into = defaultdict(list)
            for flow in process.flows:
                flows.setdefault((flow.source, flow.target), flow.id)
                into[flow.target].append((flow.source, flow.id))
            for element in process.elements.values():
                if element.type == "parallelGateway" and len(into[element.id]) > 1:
                    incoming[element.id] = tuple(into[element.id])
                named = [each.strip() for each in element.candidate_groups.split(",")]
                candidates[element.id] = tuple(each for each in named if each and "${" not in each and "#{" not in each)
        return cls(flows, incoming, frozenset(groups), candidates)


@dataclass(frozen=True)
class Office:
    """What an office was when: its calendars, and its people's groups, each as (since, value) in order."""

    calendars: Sequence[tuple[dt.datetime, WorkingCalendar]]
    groups: Mapping[str, Sequence[tuple[dt.datetime, frozenset[str]]]]

    def calendar(self, at: dt.datetime) -> WorkingCalendar:
        return _at(self.calendars, at) or self.calendars[0][1]

    def groups_of(self, user: str | None, at: dt.datetime) -> frozenset[str]:
        return _at(self.groups.get(user or "", ()), at) or frozenset()


@dataclass(frozen=True)
class Return:
    """One TIDAK."""

    id: str
    activity_id: str
    note: str


@dataclass
class Facts:
    """What a case shows: a row of `evidence_case`, measures by (what, element, group), its way and its TIDAK."""

    row: dict[str, Any]
    path: list[str]
    returns: list[Return]
    measures: dict[tuple[str, str, str], Measures] = field(default_factory=dict)

    def of(self, what: str, element: str, unit: str) -> Measures:
        return self.measures.setdefault((what, element, unit), Measures())


def read(case: Mapping[str, Any], activities: Sequence[Mapping[str, Any]], events: Sequence[Mapping[str, Any]], diagram: Diagram,
         office: Office, publications: Sequence[Mapping[str, Any]] = ()) -> Facts:
    """Read a case: its row, its activity instances, its events and its publications, each in any order."""
    steps = sorted(activities, key=lambda a: (a["started_at"], a["ended_at"] or case["ended_at"], a["id"]))
    said = {e["activity_instance_id"]: e for e in sorted(events, key=lambda e: e["id"]) if e["type"] == "task.completed"}
    units = {a["id"]: unit_of(a, diagram, office) for a in steps if a["is_task"]}
    writer, unit = _writer(case, steps, said, units, diagram, office)
    done = [a for a in steps if a["type"] in sop.ACTIVITIES]
    completed = [a for a in done if a["ended_at"] and not a["canceled"]]
    path = [a["activity_id"] for a in sorted(completed, key=lambda a: (a["ended_at"], a["id"]))]
    returns, decisions = _decisions(steps, said)
    calendar = office.calendar(case["ended_at"])
    cancelled = case["end_reason"] != "completed"
    whole = case["working_seconds"]
    if whole is None:
        whole = max(0, round(calendar.between(case["started_at"], case["ended_at"]).total_seconds()))
    facts = Facts({
        "instance_id": case["id"], "tenant_id": case["tenant_id"], "key": case["definition_key"], "definition_id": case["definition_id"],
        "ended_at": case["ended_at"], "day": case["ended_at"].astimezone(ZoneInfo(calendar.zone)).date(), "kind": _kind(case["variables"]),
        "unit": unit, "writer": writer, "variant": digest(case["definition_key"], *path), "working_seconds": whole, "decisions": decisions,
        "returned": len(returns), "again_seconds": 0, "cancelled": cancelled, "moved": any(e["type"] in MOVED for e in events),
        "manual": any(values_said(e["data"]).get("tautan") for e in said.values()),
        "extended": any(a["extensions"] for a in steps)}, path, returns)
    _steps(facts, done, said, units, office)
    _flows(facts, steps, diagram, units, office)
    for one, two in pairwise(path):
        facts.of("follows", f"{one}\n{two}", unit).count(count=1)
    _case(facts)
    _output(facts, case, publications, steps, said, office)
    return facts


def digest(*parts: str) -> str:
    """Return what names these texts: 32 hexadecimal digits."""
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()


def wording(note: str) -> str:
    """Return what names a note, whatever its spaces, case and last full stop."""
    return digest(re.sub(r"\s+", " ", note).strip().rstrip(".").casefold())


# Who ------------------------------------------------------------------------------------------------------------------

def _at(values: Sequence[tuple[dt.datetime, Any]], at: dt.datetime) -> Any:
    number = bisect_right(values, at, key=lambda each: each[0])
    return values[number - 1][1] if number else None


def _group(user: str | None, at: dt.datetime, named: Sequence[str], diagram: Diagram, office: Office) -> str:
    groups = office.groups_of(user, at) - OVERSEERS
    own = sorted(groups - diagram.lanes)
    if own:
        return own[0]
    return next((each for each in named if each in groups), "") or (named[0] if named else min(groups, default=""))


def unit_of(a: Mapping[str, Any], diagram: Diagram, office: Office) -> str:
    """Return the group of who did a task."""
    at = a["ended_at"] or a["started_at"]
    instead = (a["in_stead_of"] or {}).get("group")
    named = (instead,) if instead else diagram.candidates.get(a["activity_id"], ())
    return _group(a["completed_by"] or a["assignee"], at, named, diagram, office)


def _writer(case, steps, said, units, diagram, office) -> tuple[str | None, str]:
    for a in sorted((a for a in steps if a["is_task"] and a["ended_at"] and not a["canceled"]), key=lambda a: (a["ended_at"], a["id"])):
        if a["id"] in said and "isi" in values_said(said[a["id"]]["data"]):
            return a["completed_by"], units[a["id"]]
    return case["started_by"], _group(case["started_by"], case["started_at"], (), diagram, office)


def values_said(data: Mapping[str, Any]) -> dict[str, Any]:
    """The variables that an event set, of whichever scope."""
    found: dict[str, Any] = {}
    for inner in (data.get("scopes") or {}).values():
        found |= inner if isinstance(inner, dict) else {}
    own = data.get("variables")
    return found | (own if isinstance(own, dict) else {})


def _kind(variables: str) -> str:
    return named(variables, "jenis")


def named(variables: str, name: str) -> str:
    """A word that a case's own variable holds; '' where it holds none."""
    try:
        word = (json.loads(variables or "{}").get("") or {}).get(name)
    except (ValueError, AttributeError):
        return ""
    return word[:255] if isinstance(word, str) and word != ALL else ""


# What -----------------------------------------------------------------------------------------------------------------

def _decisions(steps, said) -> tuple[list[Return], int]:
    found, number = [], 0
    for a in steps:
        words = values_said(said[a["id"]]["data"]) if a["id"] in said else {}
        choice = words.get("keputusan")
        if isinstance(choice, str) and choice:
            number += 1
            if choice.casefold() == "tidak":
                note = words.get("catatan")
                found.append(Return(a["id"], a["activity_id"], note.strip()[:LONGEST_NOTE] if isinstance(note, str) else NO_NOTE))
    return found, number


def _steps(facts: Facts, done, said, units, office: Office) -> None:
    seen = set()
    for a in done:
        m = facts.of("activity", a["activity_id"], units.get(a["id"], facts.row["unit"]))
        turn = (a["activity_id"], a["scope_id"], a["loop_counter"])
        facts.row["again_seconds"] += _measure(m, a, office, again=turn in seen)
        if a["ended_at"] and not a["canceled"]:
            seen.add(turn)
        choice = values_said(said[a["id"]]["data"]).get("keputusan") if a["id"] in said else None
        if isinstance(choice, str) and choice:
            m.count(decided=1, returned=choice.casefold() == "tidak")


def _measure(m: Measures, a: Mapping[str, Any], office: Office, again: bool = False) -> int:
    """Add one activity instance to the measures of its activity, or of the flow by which it was reached; return what repeating it cost."""
    if a["canceled"] or not a["ended_at"]:
        m.count(canceled=1)
        return 0
    lead, wait, work = times(a, office)
    m.count(count=1, repeats=again, extended=bool(a["extensions"]))
    m.time("lead", lead)
    if a["due_at"]:
        m.count(promised=1, overdue=a["ended_at"] > a["due_at"])
    if wait is not None:
        m.count(claimed=1)
        m.time("wait", wait)
        m.time("work", work)
    cost = 0 if not a["is_task"] else lead if wait is None else work
    m.count(cost_seconds=cost, again_seconds=cost if again else 0)
    return cost if again else 0


def times(a: Mapping[str, Any], office: Office) -> tuple[int, int | None, int]:
    """(lead, waiting, working) in seconds of a completed activity; waiting is None where nobody claimed it."""
    lead = a["working_seconds"]
    if lead is None:
        lead = max(0, round((a["ended_at"] - a["started_at"]).total_seconds()))
    if not a["is_task"] or not a["claimed_at"]:
        return lead, None, 0
    calendar = office.calendar(a["ended_at"])
    wait = min(lead, max(0, round(calendar.between(a["started_at"], a["claimed_at"]).total_seconds())))
    return lead, wait, lead - wait


# Flows ----------------------------------------------------------------------------------------------------------------

def _flows(facts: Facts, steps, diagram: Diagram, units, office: Office) -> None:
    """Count each flow that was taken, with what became of the activity to which it led.

    The history holds no flows. One was taken when its target began in the instant in which its source ended, in the same scope. Into a
    parallel join that holds for the last token only; all its flows were taken each time that it was passed.
    """
    ended = defaultdict(list)
    for a in steps:
        if a["ended_at"] and not a["canceled"]:
            ended[(a["scope_id"], a["ended_at"])].append(a)
    used: set = set()  # each source sends one token into a flow
    people = sorted((a["ended_at"], units[a["id"]]) for a in steps if a["id"] in units and a["ended_at"] and not a["canceled"])
    for a in steps:
        element = a["activity_id"].removesuffix(BODY)
        unit = _at(people, a["started_at"]) or facts.row["unit"]
        if element in diagram.incoming:
            taken = [flow for _, flow in diagram.incoming[element]]
        else:
            ways = [(each["id"], diagram.flows.get((each["activity_id"].removesuffix(BODY), element), ""))
                    for each in ended[(a["scope_id"], a["started_at"])] if each is not a]
            way = next((way for way in ways if way[1] and way not in used), ("", ""))
            used.add(way)
            taken = [way[1]] if way[1] else []
        for flow in taken:
            m = facts.of("flow", flow, unit)
            m.count(count=1)
            if a["type"] in sop.ACTIVITIES:
                led = Measures()
                _measure(led, a, office)
                led.sums.pop("count", None)
                m.add(led)


# What was put out -----------------------------------------------------------------------------------------------------

def _output(facts: Facts, case: Mapping[str, Any], publications: Sequence[Mapping[str, Any]], steps, said, office: Office) -> None:
    unit, posts = facts.row["unit"], 0
    approved = sorted(a["ended_at"] for a in steps if a["id"] in said and a["ended_at"] and approves(said[a["id"]]["data"]))
    for each in publications:
        m, out = facts.of("channel", each["channel_id"], unit), each["state"] in OUT
        m.count(count=1, out=out, manual=out and each["connector"] == "manual",
                **({each["state"]: 1} if each["state"] in ("failed", "unknown", "withdrawn") else {}))
        posts += out
        before = bisect_right(approved, each["published_at"]) if out and each["published_at"] else 0
        if before:
            since = approved[before - 1]
            m.time("lead", round(office.calendar(since).between(since, each["published_at"]).total_seconds()))
    if posts and not case["about_id"]:
        facts.of("class", named(case["variables"], "klasifikasi"), unit).count(count=1, posts=posts)


def approves(data: Mapping[str, Any]) -> bool:
    """Whether what a completed task said is a decision that is not TIDAK."""
    choice = values_said(data).get("keputusan")
    return isinstance(choice, str) and bool(choice) and choice.casefold() != "tidak"


# The case -------------------------------------------------------------------------------------------------------------

def _case(facts: Facts) -> None:
    row = facts.row
    for what, element in (("case", ""), ("variant", row["variant"]), ("writer", row["writer"] or "")):
        m = facts.of(what, element, row["unit"])
        m.count(count=1, canceled=row["cancelled"], repeats=row["again_seconds"] > 0, decided=row["decisions"] > 0,
                returned=row["returned"], clean=row["decisions"] > 0 and not row["returned"], manual=row["manual"], moved=row["moved"],
                extended=row["extended"], again_seconds=row["again_seconds"])
        m.time("lead", row["working_seconds"])
    facts.of("rounds", str(min(row["returned"], 99)), row["unit"]).count(count=1)
