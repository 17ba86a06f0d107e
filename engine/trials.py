"""A trial run: a set of files on the real engine's step, in memory, with no row of any case, nothing sent, and a clock that is moved.

What is done is a list of `steps`, plain JSON, replayed from the first at each request: ids come from a counter and the time from the
steps, so the same steps always give the same. Places are named by element (and `number`, of several open there), so that a list made on
one version can be run on the next. `Trial` is all that is to be seen after the last step, or after the one that could not be done.

    {"do": "start", "at": ISO time, "variables": {…}, "event": a start event that waits for a message, signal or time}
    {"do": "complete", "task": element, "number": 0, "variables": {…}}
    {"do": "time", "to": ISO time} | {"do": "time", "next": true} (to the next timer) | {"do": "time", "working": minutes of work}
    {"do": "message", "element": what waits for a message or signal, "number": 0, "variables": {…}}
    {"do": "job", "element": …, "number": 0, "outcome": "success" | "temporary" | "permanent" | "unknown", "result": {…}, "error": text}
"""

import datetime as dt
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bpmn import expressions
from bpmn.errors import N_, Conflict, Invalid, TerbitError, Told
from engine import deadlines, spec, step, values
from engine.handlers import GAGAL
from engine.intents import Dropped, Entered, JobWanted, Left, Live, Outcome, SubscriptionWanted, Thrown
from engine.retry import GiveUp, Policy
from engine.spec import Resources, Spec
from engine.working_time import WorkingCalendar

MOST_STEPS = 500
MOST_TIMERS = 1_000  # fired by one step forward in time
MOST_EVALUATED = 3_000_000  # parts of expressions in one trial
LONGEST = dt.timedelta(days=20 * 366)  # that time is moved forward by one step
LONGEST_TEXT = 2_000
OUTCOMES = ("success", "temporary", "permanent", "unknown")


@dataclass(frozen=True)
class Task:
    """An open task as its people would find it."""

    element: str
    number: int  # among those open of this element
    name: str
    groups: tuple[str, ...]
    users: tuple[str, ...]
    assignee: str | None
    due_at: dt.datetime | None
    form_key: str | None
    description: str
    variables: dict[str, Any]  # as they are seen from there


@dataclass(frozen=True)
class Wait:
    """A timer, message or signal that is waited for."""

    element: str
    number: int
    kind: str
    name: str
    due_at: dt.datetime | None = None


@dataclass(frozen=True)
class Job:
    """A call that a worker would make: what it would be given, and how it went so far."""

    element: str
    number: int
    name: str
    topic: str
    payload: dict[str, Any]
    attempts: int
    error: str  # of the last attempt
    incident: bool  # nothing catches it: a person must look


@dataclass(frozen=True)
class Entry:
    """One thing that happened, in words: an N_ template and what fills it."""

    at: dt.datetime
    step: int
    element: str
    message: str
    params: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Refusal:
    """The step that could not be done, where in the diagram, and why. What is seen is as before it."""

    step: int
    element: str
    reason: Told


@dataclass
class Trial:
    now: dt.datetime
    started: bool = False
    ended: bool = False
    ends: list[str] = field(default_factory=list)  # end events of the process itself that were come to
    tasks: list[Task] = field(default_factory=list)
    timers: list[Wait] = field(default_factory=list)
    waits: list[Wait] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    variables: dict[str, Any] = field(default_factory=dict)
    tokens: list[dict[str, Any]] = field(default_factory=list)  # {activity_id, count}
    done: list[str] = field(default_factory=list)  # elements passed
    pairs: list[tuple[str, str]] = field(default_factory=list)  # (element left, element entered) in one instant
    log: list[Entry] = field(default_factory=list)
    seen: list[list[str]] = field(default_factory=list)  # after each step: the elements that were open, sorted
    error: Refusal | None = None


def run(resources: Resources, steps: Sequence[Any], now: dt.datetime, calendar: WorkingCalendar, *, key: str | None = None,
        called: Mapping[str, Resources] | None = None) -> Trial:
    """Play the steps. `now` is the time where the first step names none; `called` as `spec.compile` takes it.

    Invalid for a diagram that cannot be run (with problems), and for steps that are none.
    """
    check(steps)
    play = _Play(spec.compile(resources, called, key), now, calendar)
    for number, each in enumerate(steps):
        play.number = number
        try:
            play.do(each)
        except TerbitError as problem:
            play.trial.error = Refusal(number, str(problem.where.get("element", "")), problem)
            break
        play.trial.seen.append(sorted(play.open().values()))
    return play.look()


# The steps, as they come from a page ----------------------------------------------------------------------------------

def check(steps: Any) -> None:
    """Raise Invalid unless these are steps."""
    if not isinstance(steps, list | tuple) or len(steps) > MOST_STEPS:
        raise Invalid(N_("Langkah percobaan tidak dapat dibaca, atau lebih dari %(most)d."), most=MOST_STEPS)
    for each in steps:
        kind = each.get("do") if isinstance(each, dict) else None
        if not isinstance(kind, str) or kind not in KINDS or each.keys() - {"do", *KINDS[kind]}:
            raise _unreadable()
        for name, value in each.items():
            if name != "do" and not KINDS[kind][name](value):
                raise _unreadable()
        for name in ("variables", "result"):
            values.checked(each.get(name))


def _unreadable() -> Invalid:
    return Invalid(N_("Langkah percobaan tidak dapat dibaca."))


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST_TEXT and value.isprintable()


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 1_000_000


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _is_time(value: Any) -> bool:
    return isinstance(value, str) and _time(value) is not None


def _time(text: str) -> dt.datetime | None:
    try:
        value = dt.datetime.fromisoformat(text[:40])
        return value.astimezone(dt.timezone.utc) if value.tzinfo and 1970 <= value.year <= 9000 else None
    except (ValueError, OverflowError):
        return None


KINDS: dict[str, dict[str, Callable[[Any], bool]]] = {
    "start": {"at": _is_time, "variables": _is_object, "event": _is_text},
    "complete": {"task": _is_text, "number": _is_number, "variables": _is_object},
    "time": {"to": _is_time, "next": lambda v: v is True, "working": _is_number},
    "message": {"element": _is_text, "number": _is_number, "variables": _is_object},
    "job": {"element": _is_text, "number": _is_number, "outcome": lambda v: v in OUTCOMES, "result": _is_object, "error": _is_text},
}


# Playing --------------------------------------------------------------------------------------------------------------

class _Play:
    """The case as it is after some steps."""

    def __init__(self, compiled: Spec, now: dt.datetime, calendar: WorkingCalendar):
        self.spec, self.calendar = compiled, calendar
        self.trial = Trial(now)
        self.number = 0
        counter = itertools.count(1)
        self.new_id = lambda: f"{next(counter):06d}"
        self.live = Live({}, {})
        self.entered: dict[str, Entered] = {}
        self.began: dict[str, dt.datetime] = {}
        self.jobs: dict[str, JobWanted] = {}
        self.waits: dict[str, SubscriptionWanted] = {}
        self.failed: dict[str, tuple[int, str, bool]] = {}  # job id -> attempts, error, incident
        self.budget = expressions.spent() + MOST_EVALUATED

    def do(self, each: dict[str, Any]) -> None:
        if each["do"] != "start" and not self.trial.started:
            raise Conflict(N_("Percobaan belum dimulai."))
        if self.trial.ended:
            raise Conflict(N_("Berkas percobaan ini sudah berakhir."))
        getattr(self, f"_do_{each['do']}")(each)
        if expressions.spent() > self.budget:
            raise Invalid(N_("Percobaan ini terlalu banyak menghitung."))

    def take(self, outcome: Outcome) -> None:
        """Note all that a step of the engine changed, then deliver what it threw to whoever waits for it here."""
        thrown = []
        left_before: list[str] = []
        for intent in outcome.intents:
            if isinstance(intent, Entered):
                self._enter(intent, left_before)
            elif isinstance(intent, Left):
                self._leave(intent, left_before)
            elif isinstance(intent, JobWanted):
                self.jobs[intent.id] = intent
            elif isinstance(intent, SubscriptionWanted):
                self.waits[intent.id] = intent
            elif isinstance(intent, Dropped):
                self.jobs.pop(intent.id, None)
                self.waits.pop(intent.id, None)
                self.failed.pop(intent.id, None)
            elif isinstance(intent, Thrown):
                thrown.append(intent)
        self.live, self.trial.ended = outcome.live, outcome.ended
        if outcome.ended:
            self.say("", N_("Berkas selesai."))
        for each in thrown:
            self._deliver(each)

    def _enter(self, intent: Entered, left: list[str]) -> None:
        self.entered[intent.id] = intent
        self.began[intent.id] = self.trial.now
        element = _plain(intent.activity_id)
        self.trial.pairs += [(before, element) for before in left[-1:]]
        name = intent.name or element
        if intent.task:
            self.say(element, N_("Tugas “%(name)s” terbuka untuk %(whom)s."), name=name,
                     whom=intent.task.assignee or ", ".join((*intent.task.candidate_groups, *intent.task.candidate_users)) or "-")
        elif intent.type.endswith(("EndEvent", "endEvent")):
            if self._is_outermost(element):
                self.trial.ends.append(element)
            self.say(element, N_("Sampai di “%(name)s”."), name=name)

    def _leave(self, intent: Left, left: list[str]) -> None:
        gone = self.entered.pop(intent.id, None)
        if gone is None:
            return
        element = _plain(gone.activity_id)
        if intent.canceled:
            self.say(element, N_("“%(name)s” dibatalkan."), name=gone.name or element)
            return
        left.append(element)
        if element not in self.trial.done:
            self.trial.done.append(element)
        if gone.type.endswith("Gateway"):
            self.say(element, N_("Melewati gerbang “%(name)s”."), name=gone.name or element)

    def _deliver(self, thrown: Thrown) -> None:
        kind = N_("Pesan “%(name)s” dikirim.") if thrown.kind == "message" else N_("Sinyal “%(name)s” dikirim.")
        self.say("", kind, name=thrown.name)
        if thrown.kind != "message":  # a signal was heard within the step
            return
        for wait in [w for w in self.waits.values() if w.kind == "message" and w.name == thrown.name]:
            if wait.id in self.waits and not self.trial.ended:
                self.take(step.trigger(self.spec, self.live, wait.id, self.trial.now, self.new_id, thrown.payload))
                return

    def say(self, element: str, message: str, **params: Any) -> None:
        self.trial.log.append(Entry(self.trial.now, self.number, element, message, params))

    # What is done ---------------------------------------------------------------------------------------------------

    def _do_start(self, each: dict[str, Any]) -> None:
        if self.trial.started:
            raise Conflict(N_("Percobaan ini sudah dimulai."))
        self.trial.now = _time(each.get("at", "")) or self.trial.now
        outcome = step.start(self.spec, dict(each.get("variables") or {}), self.trial.now, self.new_id,
                             start_event=each.get("event") or None, business_key="COBA-1")
        self.trial.started = True
        self.say("", N_("Berkas dimulai."))
        self.take(outcome)

    def _do_complete(self, each: dict[str, Any]) -> None:
        task_id = self._place(each.get("task", ""), each.get("number", 0), [i for i, e in self.open().items() if self._is_task(i)],
                              N_("Tugas “%(name)s” tidak sedang terbuka."))
        outcome = step.complete(self.spec, self.live, task_id, dict(each.get("variables") or {}), self.trial.now, self.new_id)
        self.say(each["task"], N_("Tugas “%(name)s” diselesaikan."), name=self.entered[task_id].name or each["task"])
        self.take(outcome)

    def _do_message(self, each: dict[str, Any]) -> None:
        wait_id = self._wait(each.get("element", ""), each.get("number", 0), self.waits)
        wait = self.waits[wait_id]
        outcome = step.trigger(self.spec, self.live, wait_id, self.trial.now, self.new_id, dict(each.get("variables") or {}))
        came = N_("Pesan “%(name)s” datang.") if wait.kind == "message" else N_("Sinyal “%(name)s” datang.")
        self.say(wait.activity_id, came, name=wait.name)
        self.take(outcome)

    def _do_time(self, each: dict[str, Any]) -> None:
        if len(each) != 2:
            raise _unreadable()
        timers = [j for j in self.jobs.values() if j.type == "timer"]
        if "next" in each:
            if not timers:
                raise Conflict(N_("Tidak ada pewaktu yang ditunggu."))
            until: dt.datetime | None = max(self.trial.now, min(j.due_at for j in timers))
        elif "working" in each:
            until = deadlines.due_at(self.calendar, self.trial.now, dt.timedelta(minutes=each["working"]))
        else:
            until = _time(each["to"])
        if until is None or not self.trial.now <= until <= self.trial.now + LONGEST:
            raise Invalid(N_("Waktu hanya dapat dimajukan, dan tidak terlalu jauh."))
        for _ in range(MOST_TIMERS):
            waiting = [j for j in self.jobs.values() if j.type == "timer" and j.due_at <= until]
            due = min(waiting, key=lambda j: (j.due_at, j.id), default=None)
            if due is None or self.trial.ended:
                break
            self.trial.now = max(self.trial.now, due.due_at)
            self._fire(due)
        else:
            raise Invalid(N_("Terlalu banyak pewaktu berbunyi sampai saat itu."))
        self.trial.now = until

    def _fire(self, due: JobWanted) -> None:
        outcome = step.trigger(self.spec, self.live, due.id, self.trial.now, self.new_id)
        self.jobs.pop(due.id, None)  # a cycle has asked for a new one
        self.say(due.activity_id, N_("Waktu “%(name)s” tiba."), name=self._name(due.activity_id))
        self.take(outcome)

    def _do_job(self, each: dict[str, Any]) -> None:
        calls = {id: job for id, job in self.jobs.items() if job.type == "external"}
        job_id = self._wait(each.get("element", ""), each.get("number", 0), calls)
        job, outcome = calls[job_id], each.get("outcome", "success")
        name, error = self._name(job.activity_id), each.get("error") or outcome
        if outcome == "success":
            result = dict(each.get("result") or {})
            done = step.complete(self.spec, self.live, job.activity_instance_id, result, self.trial.now, self.new_id)
            self.say(job.activity_id, N_("“%(name)s” berhasil."), name=name)
            self.take(done)
            return
        attempts = self.failed.get(job_id, (0, "", False))[0] + 1
        decided = Policy().decide(kind=outcome, failures=attempts, retries=job.retries - attempts)
        self.say(job.activity_id, N_("“%(name)s” gagal: %(error)s"), name=name, error=error)
        if not isinstance(decided, GiveUp):
            self.failed[job_id] = attempts, error, False
            self.say(job.activity_id, N_("Akan dicoba lagi sesudah %(seconds)d detik."), seconds=round(decided.after.total_seconds()))
            return
        caught = None if decided.unknown else step.throw_error(
            self.spec, self.live, job.activity_instance_id, GAGAL, error, self.trial.now, self.new_id, {"kegagalan": error})
        if caught is None:
            self.failed[job_id] = attempts, error, True
            self.say(job.activity_id, N_("Tidak ada yang menangkapnya: berkas terhenti dan menunggu admin."))
            return
        self.say(job.activity_id, N_("Diagram menangkap kegagalan itu."))
        self.take(caught)

    # Finding --------------------------------------------------------------------------------------------------------

    def open(self) -> dict[str, str]:
        """{activity instance id: element} of what waits."""
        return {i: _plain(e) for i, e in step.open_elements(self.live).items()} if self.trial.started else {}

    def _is_outermost(self, element: str) -> bool:
        found = self.spec.process.elements.get(element)
        return found is not None and found.parent == self.spec.process.key

    def _is_task(self, id: str) -> bool:
        entered = self.entered.get(id)
        return entered is not None and entered.task is not None

    def _place(self, element: str, number: int, ids: list[str], message: str) -> str:
        found = sorted(i for i in ids if _plain(self.entered[i].activity_id) == element)
        if number >= len(found):
            raise Conflict(message, element=element, name=self._name(element))
        return found[number]

    def _wait(self, element: str, number: int, waits: Mapping[str, Any]) -> str:
        found = sorted(i for i, w in waits.items() if w.activity_id == element)
        if number >= len(found):
            raise Conflict(N_("“%(name)s” tidak sedang menunggu."), element=element, name=self._name(element))
        return found[number]

    def _name(self, element: str) -> str:
        found = self.spec.process.elements.get(element)
        return " ".join(found.name.split()) if found is not None and found.name else element

    # Looking --------------------------------------------------------------------------------------------------------

    def look(self) -> Trial:
        trial, numbers = self.trial, _Numbers()
        for id in sorted(self.open()):
            if self._is_task(id):
                trial.tasks.append(self._task(id, numbers))
        for wait in sorted(self.waits.values(), key=lambda w: w.id):
            trial.waits.append(Wait(wait.activity_id, numbers.of("wait", wait.activity_id), wait.kind, wait.name))
        for job in sorted(self.jobs.values(), key=lambda j: j.id):
            if job.type == "timer":
                number = numbers.of("timer", job.activity_id)
                trial.timers.append(Wait(job.activity_id, number, "timer", self._name(job.activity_id), job.due_at))
            else:
                attempts, error, incident = self.failed.get(job.id, (0, "", False))
                trial.jobs.append(Job(job.activity_id, numbers.of("job", job.activity_id), self._name(job.activity_id), job.topic,
                                      dict(job.payload), attempts, error, incident))
        trial.timers.sort(key=lambda t: t.due_at or trial.now)
        trial.variables = dict(self.live.variables.get("", {}))
        counted: dict[str, int] = {}
        for element in self.open().values():
            counted[element] = counted.get(element, 0) + 1
        trial.tokens = [{"activity_id": element, "count": count} for element, count in counted.items()]
        return trial

    def _task(self, id: str, numbers: "_Numbers") -> Task:
        entered = self.entered[id]
        details, element = entered.task, _plain(entered.activity_id)
        assert details is not None
        due = deadlines.columns(self.calendar, deadlines.Rules(), self.began[id], details)["due_at"]
        return Task(element, numbers.of("task", element), entered.name or element, details.candidate_groups, details.candidate_users,
                    details.assignee, due, details.form_key, details.description or "", step.visible(self.live, id))


class _Numbers:
    """Counts what stands at the same element."""

    def __init__(self) -> None:
        self.counted: dict[tuple[str, str], int] = {}

    def of(self, kind: str, element: str) -> int:
        number = self.counted.get((kind, element), 0)
        self.counted[kind, element] = number + 1
        return number


def _plain(activity_id: str) -> str:
    return activity_id.partition("#")[0]  # a loop's body stands for its activity


def start_events(resources: Resources, key: str | None = None, called: Mapping[str, Resources] | None = None) -> list[spec.Start]:
    """Return the start events that something outside must trigger."""
    return spec.start_events(spec.compile(resources, called, key))
