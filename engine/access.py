"""Who may see and do what. Everybody asks here; nobody invents a rule elsewhere.

What may not be seen does not exist for the asker (NotFound); what may be seen but not done is Forbidden.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bpmn.errors import N_, Forbidden
from engine.process_engine import Actor

ADMIN, OWNER, ANALYST = "admin", "process-owner", "analyst"
WEB_ADMIN = "web-admin"  # who publishes
OVERSEERS = frozenset({ADMIN, OWNER, ANALYST})  # see every case of their tenant; nobody stands in for them
PENDING, RESOLVED = "pending", "resolved"  # Camunda's delegation states
SCHEDULERS = frozenset({"ketua-divisi", "sub-bagian", "web-admin"})  # who decides (step 5), hands over (6), publishes (7)


@dataclass(frozen=True)
class Held:
    """Whose a task is: its assignee, its candidates as (kind, name), and how the assignee came to it."""

    assignee: str | None
    candidates: Collection[tuple[str, str]]
    owner: str | None = None
    delegation: str | None = None
    in_stead_of: Mapping[str, Any] | None = None  # in whose stead its assignee (while it is delegated: its owner) took it


def _is_any(actor: Actor, *groups: str) -> bool:
    return actor.is_system or not actor.groups.isdisjoint(groups)


def may_administer(actor: Actor) -> bool:
    """Cancel, retry, suspend, set variables; manage channels and people."""
    return _is_any(actor, ADMIN)


def may_deploy(actor: Actor) -> bool:
    """Put a process definition in force."""
    return _is_any(actor, ADMIN, OWNER)


def may_migrate(actor: Actor) -> bool:
    """Bring running cases to another version of their procedure: who answers for the procedure, and admin."""
    return may_deploy(actor)


def may_do_batch(actor: Actor, is_migration: bool) -> bool:
    """Look at a batch, stop and resume it: who may begin one like it."""
    return may_migrate(actor) if is_migration else may_administer(actor)


def may_see_reports(actor: Actor) -> bool:
    """See durations and counts over all cases."""
    return _is_any(actor, *OVERSEERS)


def may_see_variables(actor: Actor) -> bool:
    """See a case's raw variables."""
    return _is_any(actor, ADMIN, OWNER)


def sees_every_case(actor: Actor) -> bool:
    """See all cases of the tenant, whatever their definition."""
    return _is_any(actor, *OVERSEERS)


def may_see_case(actor: Actor, groups: Collection[str]) -> bool:
    """See a case whose definition names these groups."""
    return sees_every_case(actor) or not actor.groups.isdisjoint(groups)


def may_start(actor: Actor, groups: Collection[str], starter_groups: Collection[str]) -> bool:
    """Start a case of a definition: its starter groups, or any of its groups where it names no starters; admin always."""
    return may_administer(actor) or not actor.groups.isdisjoint(starter_groups or groups)


def starts_in_stead(actor: Actor, groups: Collection[str], starter_groups: Collection[str]) -> dict[str, str] | None:
    """In whose stead the actor starts a case (`StandIn.record`); None where it is in their own right."""
    return None if may_administer(actor) else in_stead(actor, [("group", group) for group in starter_groups or groups])


def may_reschedule(actor: Actor, groups: Collection[str]) -> bool:
    """Move the time at which a case appears: of the groups of its definition those that decide on it, hand it over or publish it; admin.
    Not who writes it, and not who only oversees."""
    return may_administer(actor) or not SCHEDULERS.isdisjoint(actor.groups.intersection(groups))


def may_settle_drift(actor: Actor) -> bool:
    """Say that a post which differs from what was approved is right so, or have it looked at: who publishes, and admin."""
    return _is_any(actor, ADMIN, WEB_ADMIN)


def is_candidate(actor: Actor, candidates: Iterable[tuple[str, str]]) -> bool:
    """Whether one of a task's candidates, as (kind, name), is the actor or a group of theirs."""
    return any(name == actor.id if kind == "user" else name in actor.groups for kind, name in candidates)


def holds(actor: Actor, task: Held) -> bool:
    """Whether the actor is a task's assignee. Who took it in somebody's stead is so only while that lasts."""
    lasts = not task.in_stead_of or task.delegation == PENDING or is_candidate(actor, task.candidates)
    return task.assignee == actor.id and lasts


def in_stead(actor: Actor, candidates: Iterable[tuple[str, str]]) -> dict[str, str] | None:
    """In whose stead the actor does a task (`StandIn.record`); None for a candidate in their own right, and for who is none."""
    names = {name for kind, name in candidates if kind == "group"}
    borrowed = {each.group: each for each in actor.stands_in}
    own = Actor(actor.id, actor.tenant, actor.groups - borrowed.keys())
    if not borrowed or is_candidate(own, candidates):
        return None
    return next((borrowed[name].record for name in sorted(names & borrowed.keys())), None)


def may_see_task(actor: Actor, task: Held, groups: Collection[str]) -> bool:
    """See a task: its assignee, its owner, its candidates, and whoever sees its case."""
    return may_see_case(actor, groups) or holds(actor, task) or _owns(actor, task) or is_candidate(actor, task.candidates)


def _owns(actor: Actor, task: Held) -> bool:
    return task.owner == actor.id and (not task.in_stead_of or is_candidate(actor, task.candidates))


def may_claim(actor: Actor, candidates: Iterable[tuple[str, str]]) -> bool:
    """Claim an unassigned task: its candidates; admin."""
    return may_administer(actor) or is_candidate(actor, candidates)


def may_assign(actor: Actor, candidates: Iterable[tuple[str, str]]) -> bool:
    """Hand a task to somebody: the head of a group that it is for; admin."""
    return may_administer(actor) or any(kind == "group" and name in actor.heads for kind, name in candidates)


def leads(actor: Actor, group: str) -> bool:
    """See who does a lane's tasks, and hand them on: its head; admin."""
    return may_administer(actor) or group in actor.heads


def may_appoint(actor: Actor, group: str) -> bool:
    """Say who stands in for a group: admin; its head, but not who only stands in for one."""
    return may_administer(actor) or (group in actor.heads and all(group != each.group for each in actor.stands_in))


def may_work(actor: Actor, task: Held) -> bool:
    """Work on a task: its assignee, or, while it has none, a candidate; admin. Completing a delegated one is for its owner."""
    return may_administer(actor) or (holds(actor, task) if task.assignee else is_candidate(actor, task.candidates))


def may_resolve(actor: Actor, task: Held) -> bool:
    """Give a delegated task back to its owner: its assignee; the owner, who takes it back; admin."""
    return task.delegation == PENDING and (may_administer(actor) or holds(actor, task) or _owns(actor, task))


def may_delegate(actor: Actor, task: Held) -> bool:
    """Have somebody else work on a task for one: its assignee, unless it was delegated to them; admin."""
    return task.delegation != PENDING and bool(task.assignee) and (may_administer(actor) or holds(actor, task))


def require(allowed: bool) -> None:
    """Raise Forbidden unless `allowed`."""
    if not allowed:
        raise Forbidden(N_("Anda tidak berhak melakukan ini."))
