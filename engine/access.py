"""Who may see and do what. Everybody asks here; nobody invents a rule elsewhere.

What may not be seen does not exist for the asker (NotFound); what may be seen but not done is Forbidden.
"""

from collections.abc import Collection, Iterable

from bpmn.errors import N_, Forbidden
from engine.process_engine import Actor

ADMIN, OWNER, ANALYST = "admin", "process-owner", "analyst"
OVERSEERS = frozenset({ADMIN, OWNER, ANALYST})  # see every case of their tenant


def _is_any(actor: Actor, *groups: str) -> bool:
    return actor.is_system or not actor.groups.isdisjoint(groups)


def may_administer(actor: Actor) -> bool:
    """Cancel, retry, suspend, set variables; manage channels and people."""
    return _is_any(actor, ADMIN)


def may_deploy(actor: Actor) -> bool:
    """Put a process definition in force."""
    return _is_any(actor, ADMIN, OWNER)


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


def is_candidate(actor: Actor, candidates: Iterable[tuple[str, str]]) -> bool:
    """Whether one of a task's candidates, as (kind, name), is the actor or a group of theirs."""
    return any(name == actor.id if kind == "user" else name in actor.groups for kind, name in candidates)


def may_see_task(actor: Actor, assignee: str | None, candidates: Iterable[tuple[str, str]], groups: Collection[str]) -> bool:
    """See a task: its assignee, its candidates, and whoever sees its case."""
    return may_see_case(actor, groups) or assignee == actor.id or is_candidate(actor, candidates)


def may_claim(actor: Actor, candidates: Iterable[tuple[str, str]]) -> bool:
    """Claim an unassigned task: its candidates; admin."""
    return may_administer(actor) or is_candidate(actor, candidates)


def may_assign(actor: Actor, candidates: Iterable[tuple[str, str]]) -> bool:
    """Hand a task to somebody: the head of a group that it is for; admin."""
    return may_administer(actor) or any(kind == "group" and name in actor.heads for kind, name in candidates)


def may_work(actor: Actor, assignee: str | None, candidates: Iterable[tuple[str, str]]) -> bool:
    """Complete a task: its assignee, or, while it has none, a candidate; admin."""
    if may_administer(actor):
        return True
    return assignee == actor.id if assignee else is_candidate(actor, candidates)


def require(allowed: bool) -> None:
    """Raise Forbidden unless `allowed`."""
    if not allowed:
        raise Forbidden(N_("Anda tidak berhak melakukan ini."))
