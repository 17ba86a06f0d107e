"""Moving a case's tokens by hand, trying what that would do, and beginning an ended case once more from a step."""

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from bpmn.errors import N_, Conflict
from engine import access, apply, documents, ids, load, modification
from engine.commands.instances import Instance, run_unique, start_in, visible_instance
from engine.intents import Dropped, Entered, Left, Live, Outcome
from engine.load import Loaded
from engine.modification import Instruction
from engine.process_engine import Actor, ProcessEngine
from engine.spec import Spec
from engine.store import attempt, event_row, read, record, run
from engine.tables import activity, job, process_instance
from engine.values import checked, reason


@dataclass(frozen=True)
class Effect:
    """What a modification would do, as rows of {activity_id, name, groups}: what is cancelled, what is passed at once, and what
    then waits that did not wait before. `ended`: the case would end by it."""

    canceled: list[dict[str, Any]]
    passed: list[dict[str, Any]]
    started: list[dict[str, Any]]
    ended: bool


def modify(pe: ProcessEngine, actor: Actor, now: dt.datetime, instance_id: str, instructions: Sequence[Instruction], why: str) -> bool:
    """Cancel and start activities of a running case by hand; by an admin. Returns whether the case ended by it.

    A suspended case may be changed, too: what is started there waits for the case to go on. Conflict while a call is
    being made in what would be cancelled, for nobody could say whether it had its effect.
    """
    why = reason(why)
    instructions = _checked(instructions)

    def write(db: sa.Connection) -> tuple[bool, list[str]]:
        instance, spec = _running(db, actor, instance_id)
        instructions_now = [_bound(db, actor, now, instance, each) for each in instructions]
        outcome = modification.modify(spec, instance.live, instructions_now, now, ids.source(now))
        _require_idle(db, now, outcome)
        data = {"reason": why, "instructions": [_told(spec, instance.live, each) for each in instructions],
                "before": _standing(instance.live), "after": _standing(outcome.live), **apply.changes(outcome)}
        happened = event_row(actor, now, "instance.modified", instance.id, data=data)
        due = apply.write(db, actor, now, instance, outcome, title=load.title(spec, instance, outcome), events=[happened])
        return outcome.ended, due

    ended, due = attempt(pe, lambda: run(pe, write))
    pe.wake(due)
    return ended


def preview(pe: ProcessEngine, actor: Actor, now: dt.datetime, instance_id: str, instructions: Sequence[Instruction]) -> Effect:
    """Say what `modify` would do now, and raise what it would raise; nothing is written."""
    instructions = _checked(instructions)
    with read(pe) as db:
        instance, spec = _running(db, actor, instance_id)
        outcome = modification.modify(spec, instance.live, instructions, now, ids.source(now))
        _require_idle(db, now, outcome)
        names = {row.id: row for row in db.execute(sa.select(activity.c.id, activity.c.activity_id, activity.c.name).where(
            activity.c.instance_id == instance_id, activity.c.ended_at.is_(None)))}
    entered = {i.id: i for i in outcome.intents if isinstance(i, Entered)}
    left = {i.id: i for i in outcome.intents if isinstance(i, Left)}
    gone = [{"activity_id": names[id].activity_id, "name": names[id].name, "groups": ()} for id, i in left.items()
            if i.canceled and id in names]
    return Effect(gone, [_row(i) for i in entered.values() if i.id in left], [_row(i) for i in entered.values() if i.id not in left],
                  outcome.ended)


def restart(pe: ProcessEngine, actor: Actor, now: dt.datetime, instance_id: str, activity_ids: Sequence[str], why: str) -> Instance:
    """Begin an ended case once more as a new one, before these steps, with the variables that it ended with; by an admin.

    It runs on the same version, has the next number, is about the same case where it was about one, and its documents
    are entered anew. Both histories name the other. Conflict while the case still runs.
    """
    why = reason(why)

    def write(db: sa.Connection) -> tuple[Instance, list[str]]:
        mine = process_instance.c.id == instance_id, process_instance.c.tenant_id == actor.tenant
        db.execute(sa.select(process_instance.c.id).where(*mine).with_for_update(key_share=True))  # it is not disposed of meanwhile
        old = visible_instance(db, actor, instance_id, access.may_administer)
        if not old.ended:
            raise Conflict(N_("Berkas ini masih berjalan. Pindahkan langkahnya di halaman Perbaiki."))
        about = db.scalar(sa.select(process_instance.c.about_id).where(process_instance.c.id == old.id))
        told = [Instruction(modification.BEFORE, id) for id in activity_ids]
        variables = documents.entered_anew(db, actor, now, old.live.variables.get("", {}))
        new, due = start_in(db, actor, now, load.definition(db, old.definition_id), business_key=None, variables=variables,
                            about_id=about, instructions=told)
        data = {"reason": why, "activities": list(activity_ids)}
        record(db, actor, now, "instance.restarted", instance_id=old.id, data={**data, "as": new.id, "business_key": new.business_key})
        record(db, actor, now, "instance.restarted_from", instance_id=new.id,
               data={**data, "from": old.id, "business_key": old.business_key})
        return new, due

    new, due = attempt(pe, lambda: run_unique(pe, write))
    pe.wake(due)
    return new


def standing(pe: ProcessEngine, actor: Actor, instance_id: str) -> tuple[Spec, list[dict[str, Any]]]:
    """Return what a running case runs on, and its open activity instances, outermost first: {id, activity_id, element, scope_id}."""
    with read(pe) as db:
        instance, spec = _running(db, actor, instance_id)
    tokens = instance.live.state.get("t", ())
    return spec, [{"id": t["i"], "element": t["e"], "scope_id": t.get("p") or None, "loop_counter": t.get("d", {}).get("c")}
                  for t in tokens if t["i"]]


# Within ---------------------------------------------------------------------------------------------------------------

def _running(db: sa.Connection, actor: Actor, instance_id: str) -> tuple[Loaded, Spec]:
    instance = visible_instance(db, actor, instance_id, access.may_administer)
    if instance.ended:
        raise Conflict(N_("Berkas ini sudah berakhir."))
    return instance, load.spec(db, instance.definition_id)


def _checked(instructions: Sequence[Instruction]) -> list[Instruction]:
    for each in instructions:
        checked(dict(each.variables))
    return list(instructions)


def _bound(db: sa.Connection, actor: Actor, now: dt.datetime, instance: Loaded, of: Instruction) -> Instruction:
    return Instruction(of.kind, of.element, of.token, of.within, documents.bind(db, actor, now, instance.id, dict(of.variables)))


def _require_idle(db: sa.Connection, now: dt.datetime, outcome: Outcome) -> None:
    """Refuse to cancel a call that somebody is making."""
    dropped = [i.id for i in outcome.intents if isinstance(i, Dropped)]
    busy = sa.select(job.c.activity_id).where(job.c.id.in_(dropped), job.c.state == "open", job.c.leased_until > now).limit(1)
    at = db.scalar(busy) if dropped else None
    if at is not None:
        raise Conflict(N_("Terbit sedang mengerjakan langkah ini. Tunggu sampai selesai, lalu coba lagi."), element=at)


def _told(spec: Spec, live: Live, of: Instruction) -> dict[str, Any]:
    element = of.element or next((t["e"] for t in live.state["t"] if t["i"] == of.token), "")
    return {"type": of.kind, "activity_id": element} | ({"activity_instance_id": of.token} if of.token else {}) | (
        {"within": of.within} if of.within else {})


def _standing(live: Live) -> dict[str, int]:
    """Where the tokens are: how many by element."""
    tokens = live.state.get("t", ())
    parents = {t.get("p") for t in tokens}
    return dict(Counter(t["e"] for t in tokens if t["i"] and t["i"] not in parents))


def _row(entered: Entered) -> dict[str, Any]:
    return {"activity_id": entered.activity_id, "name": entered.name, "groups": entered.task.candidate_groups if entered.task else ()}
