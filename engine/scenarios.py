"""Scenarios: trial runs that are kept, and run again on every later version of a procedure.

A scenario's `steps` are those of `engine.trials`, each with `expect`: the elements that were open after it, and one last entry
{"do": "end", "ended": …, "ends": […], "variables": {…}} with what was chosen to hold in the end. What differs is told step by step.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from bpmn import model
from bpmn.check import DIAGRAMS
from bpmn.errors import N_, Conflict, Invalid, NotFound, Told
from engine import access, ids, load, settings, trials, values, version_life
from engine.process_engine import Actor, ProcessEngine
from engine.spec import Resources
from engine.store import read, record, run
from engine.tables import process_definition, scenario
from engine.trials import Trial
from engine.working_time import WorkingCalendar

MOST = 100  # scenarios of one procedure
LONGEST_NAME = 120
MOST_BYTES = 200_000  # of one scenario's steps
_s = scenario.c


class ScenariosFail(Conflict):
    """Scenarios that say otherwise: put in force only by who has seen that and wants it. `failing` are the `Result`s."""

    def __init__(self, failing: "list[Result]"):
        super().__init__(N_("%(count)d skenario tidak lagi berjalan seperti yang diharapkan: %(names)s"), count=len(failing),
                         names=", ".join(f"“{each.name}”" for each in failing[:5]))
        self.failing = failing


@dataclass(frozen=True)
class Difference:
    """Where a scenario goes another way: after which step, what was expected, what came."""

    step: int
    message: str  # an N_ template
    params: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    id: str
    name: str
    differences: list[Difference] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return not self.differences


# Making one -----------------------------------------------------------------------------------------------------------

def recorded(steps: Sequence[dict[str, Any]], trial: Trial, variables: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Return the steps of a trial with what was seen after each, and in the end of these variables. Conflict where it failed."""
    if trial.error or not steps:
        raise Conflict(N_("Hanya percobaan yang berjalan tanpa galat dapat disimpan sebagai skenario."))
    missing = [name for name in variables if name not in trial.variables]
    if missing:
        raise Invalid(N_("Variabel %(name)s tidak ada di akhir percobaan."), field="variables", name=missing[0])
    seen = [{**each, "expect": opened} for each, opened in zip(steps, trial.seen, strict=True)]
    return [*seen, {"do": "end", "ended": trial.ended, "ends": list(trial.ends), "variables": {n: trial.variables[n] for n in variables}}]


def plain(kept: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the steps of a scenario as a trial takes them."""
    return [{k: v for k, v in each.items() if k != "expect"} for each in kept if each.get("do") != "end"]


def save(pe: ProcessEngine, actor: Actor, now: dt.datetime, key: str, name: str, steps: list[dict[str, Any]]) -> str:
    """Keep what `recorded` made under a name of its own, and return its id. Conflict where the name is taken."""
    access.require(access.may_deploy(actor))
    name = _checked_name(name)
    trials.check(plain(steps))
    if len(values.dump(steps)) > MOST_BYTES:
        raise Invalid(N_("Skenario ini terlalu besar."))
    scenario_id = ids.new_id(now)

    def write(db: sa.Connection) -> None:
        if db.execute(sa.select(sa.func.count()).where(_s.tenant_id == actor.tenant, _s.key == key)).scalar_one() >= MOST:
            raise Conflict(N_("Paling banyak %(most)d skenario untuk satu prosedur."), most=MOST)
        db.execute(sa.insert(scenario), {"id": scenario_id, "tenant_id": actor.tenant, "key": key, "name": name, "steps": steps,
                                         "created_at": now, "created_by": actor.id or None})
        record(db, actor, now, "scenario.saved", data={"scenario": scenario_id, "key": key, "name": name})

    _unique(pe, write)
    return scenario_id


def rename(pe: ProcessEngine, actor: Actor, now: dt.datetime, scenario_id: str, name: str) -> None:
    access.require(access.may_deploy(actor))
    name = _checked_name(name)

    def write(db: sa.Connection) -> None:
        changed = db.execute(sa.update(scenario).where(_s.id == scenario_id, _s.tenant_id == actor.tenant).values(name=name))
        if changed.rowcount != 1:
            raise _gone()
        record(db, actor, now, "scenario.renamed", data={"scenario": scenario_id, "name": name})

    _unique(pe, write)


def delete(pe: ProcessEngine, actor: Actor, now: dt.datetime, scenario_id: str) -> None:
    access.require(access.may_deploy(actor))

    def write(db: sa.Connection) -> None:
        row = db.execute(sa.select(_s.key, _s.name).where(_s.id == scenario_id, _s.tenant_id == actor.tenant)).first()
        if row is None or db.execute(sa.delete(scenario).where(_s.id == scenario_id, _s.tenant_id == actor.tenant)).rowcount != 1:
            raise _gone()
        record(db, actor, now, "scenario.deleted", data={"scenario": scenario_id, "key": row.key, "name": row.name})

    run(pe, write)


def scenarios(pe: ProcessEngine, actor: Actor, key: str) -> list[dict[str, Any]]:
    """A procedure's scenarios by name: id, name, steps, created_at, created_by. One statement."""
    access.require(access.may_deploy(actor))
    with read(pe) as db:
        return _of(db, actor, key)


def get(pe: ProcessEngine, actor: Actor, key: str, scenario_id: str) -> dict[str, Any]:
    found = next((row for row in scenarios(pe, actor, key) if row["id"] == scenario_id), None)
    if found is None:
        raise _gone()
    return found


def _of(db: sa.Connection, actor: Actor, key: str) -> list[dict[str, Any]]:
    rows = db.execute(sa.select(_s.id, _s.name, _s.steps, _s.created_at, _s.created_by).where(
        _s.tenant_id == actor.tenant, _s.key == key).order_by(_s.name, _s.id)).mappings()
    return [dict(row) for row in rows]


# Running them ---------------------------------------------------------------------------------------------------------

def check_scenarios(kept: Sequence[Mapping[str, Any]], resources: Resources, key: str, now: dt.datetime, calendar: WorkingCalendar,
                    called: Mapping[str, Resources] | None = None) -> list[Result]:
    """Run scenarios (rows of `scenarios`) on these files; each with what differs."""
    return [Result(row["id"], row["name"], list(_differences(row["steps"], resources, key, now, calendar, called))) for row in kept]


def _differences(kept: Sequence[Mapping[str, Any]], resources: Resources, key: str, now: dt.datetime, calendar: WorkingCalendar,
                 called: Mapping[str, Resources] | None) -> Iterator[Difference]:
    try:
        trial = trials.run(resources, plain(kept), now, calendar, key=key, called=called)
    except Invalid as problem:
        yield Difference(0, N_("Tidak dapat dijalankan: %(reason)s"), {"reason": Told(problem.message, **problem.params)})
        return
    done = [each for each in kept if each.get("do") != "end"]
    for number, (each, opened) in enumerate(zip(done, trial.seen, strict=False)):
        if sorted(each.get("expect", [])) != opened:
            yield Difference(number, N_("Yang terbuka seharusnya %(expected)s; sekarang %(found)s"),
                             {"expected": ", ".join(each.get("expect", [])) or "–", "found": ", ".join(opened) or "–"})
            break  # what follows differs for this reason
    if trial.error:
        yield Difference(trial.error.step, N_("Langkah ini tidak dapat dilakukan: %(reason)s"), {"reason": trial.error.reason})
        return
    end = next((each for each in kept if each.get("do") == "end"), None)
    if end:
        yield from _end(end, trial, len(done) - 1)


def _end(end: Mapping[str, Any], trial: Trial, number: int) -> Iterator[Difference]:
    if end.get("ended") and not trial.ended:
        yield Difference(number, N_("Berkas seharusnya selesai, tetapi masih berjalan"))
    elif trial.ended and not end.get("ended"):
        yield Difference(number, N_("Berkas seharusnya masih berjalan, tetapi selesai"))
    elif sorted(end.get("ends", [])) != sorted(trial.ends):
        yield Difference(number, N_("Selesai seharusnya di %(expected)s; sekarang di %(found)s"),
                         {"expected": ", ".join(sorted(end.get("ends", []))) or "–", "found": ", ".join(sorted(trial.ends)) or "–"})
    for name, value in (end.get("variables") or {}).items():
        found = trial.variables.get(name)
        if found != value:
            yield Difference(number, N_("“%(variable)s” seharusnya %(expected)s; sekarang %(found)s"),
                             {"variable": name, "expected": _short(value), "found": _short(found)})


def results(pe: ProcessEngine, actor: Actor, now: dt.datetime, key: str, resources: Resources) -> list[Result]:
    """Run a procedure's kept scenarios on these files, and return how each went."""
    with read(pe) as db:
        kept = _of(db, actor, key)
        if not kept:
            return []
        called, calendar = called_by(db, actor, now, resources), settings.calendar(db, actor.tenant)
    return check_scenarios(kept, resources, key, now, calendar, called)


def failing(pe: ProcessEngine, actor: Actor, now: dt.datetime, resources: Resources) -> list[Result]:
    """Return the kept scenarios of all processes in these files that do not go as they should."""
    keys = [p.key for name in sorted(resources) if name.endswith(DIAGRAMS) for p in model.read(resources[name], name) if p.executable]
    return [each for key in keys for each in results(pe, actor, now, key, resources) if not each.passed]


def called_by(db: sa.Connection, actor: Actor, now: dt.datetime, resources: Resources) -> dict[str, Resources]:
    """Return the files of the processes that these call and that are in force, with those that they call in turn."""
    found: dict[str, Resources] = {}
    p = process_definition.c
    todo: list[Resources] = [resources]
    while todo:
        here = todo.pop()
        processes = [each for name, content in here.items() if name.endswith(DIAGRAMS) for each in model.read(content, name)]
        own = {each.key for each in processes}
        for wanted in sorted({e.attributes.get("calledElement", "") for each in processes for e in each.elements.values()} - own - {""}):
            in_force = db.scalar(sa.select(p.id).where(p.tenant_id == actor.tenant, p.key == wanted).order_by(
                *version_life.best_first(now)).limit(1))
            if in_force and wanted not in found:
                found[wanted] = load.resources(db, load.definition(db, in_force).deployment_id)
                todo.append(found[wanted])
    return found


# Within ---------------------------------------------------------------------------------------------------------------

def _checked_name(name: str) -> str:
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise Invalid(N_("Beri skenario nama, paling banyak %(most)d huruf."), field="name", most=LONGEST_NAME)
    return name


def _unique(pe: ProcessEngine, write: Callable[[sa.Connection], None]) -> None:
    try:
        run(pe, write)
    except sa.exc.IntegrityError as error:
        raise Conflict(N_("Sudah ada skenario dengan nama itu."), field="name") from error


def _gone() -> NotFound:
    return NotFound(N_("Skenario ini tidak ada lagi."))


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 120 else text[:119] + "…"
