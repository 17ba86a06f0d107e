"""Camunda's filters by variables: a name, an operator, a value; and how many cases they may look through.

Variables lie with their case as one text, of which no database has an index. So these filters come last: the others must
narrow the list down first, and a list that is still longer than MOST_SEARCHED is refused rather than read through.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bpmn.errors import N_, Invalid
from engine import access, values
from engine.listing import Listing, matching
from engine.process_engine import Actor, ProcessEngine
from engine.tables import process_instance

MOST_SEARCHED = 1_000  # cases, or tasks, whose variables one question may read


@dataclass(frozen=True)
class Condition:
    """`operator` is one of OPERATORS. Met only by a variable of the case itself that there is, and that has a value of the same kind."""

    name: str
    operator: str
    value: Any

    def is_met(self, variables: Mapping[str, Any]) -> bool:
        if self.name not in variables:
            return False
        found = variables[self.name]
        if self.operator in ("eq", "neq"):
            return (_kind(found) == _kind(self.value) and found == self.value) == (self.operator == "eq")
        return _kind(found) == _kind(self.value) and _kind(found) in ("text", "number") and OPERATORS[self.operator](found, self.value)


def like(text: str, pattern: str) -> bool:
    """SQL's LIKE with `%` only, by which Camunda's clients ask for a part of a text; linear in the text."""
    parts = pattern.split("%")
    if len(parts) == 1:
        return text == pattern
    if not (text.startswith(parts[0]) and text.endswith(parts[-1]) and len(text) >= len(parts[0]) + len(parts[-1])):
        return False
    at, end = len(parts[0]), len(text) - len(parts[-1])
    for part in parts[1:-1]:
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda a, b: a == b, "neq": lambda a, b: a != b, "gt": lambda a, b: a > b, "gteq": lambda a, b: a >= b,
    "lt": lambda a, b: a < b, "lteq": lambda a, b: a <= b, "like": lambda a, b: isinstance(a, str) and like(a, b),
}


def cases_that_meet(pe: ProcessEngine, actor: Actor, listing: Listing, criteria: Mapping[str, Any],
                    conditions: Sequence[Condition]) -> list[str]:
    """The ids of the cases, among those that the listing's criteria leave, whose variables meet every condition.

    For who may see every variable. Invalid where more than MOST_SEARCHED rows are left to be looked through.
    """
    access.require(access.may_see_variables(actor))
    rows = matching(pe, actor, listing, criteria, (process_instance.c.id, process_instance.c.variables), MOST_SEARCHED + 1)
    if len(rows) > MOST_SEARCHED:
        raise Invalid(N_("Variabel hanya dapat dicari di antara %(most)d baris. Persempit dengan saringan lain."),
                      field="variables", most=MOST_SEARCHED)
    own = dict(map(tuple, rows))
    return [id for id, text in own.items() if _meets(values.load(text).get("", {}), conditions)]


def _meets(variables: Mapping[str, Any], conditions: Sequence[Condition]) -> bool:
    return all(condition.is_met(variables) for condition in conditions)


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, int | float) else "text" if isinstance(value, str) else type(value).__name__
