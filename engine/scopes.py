"""Variables, which live once per scope, as Camunda's do, and are read through the chain of scopes.

Scopes are the instance (""), a multi-instance body and each of its turns, a call activity (where the chain ends: the
called process has variables of its own), and any activity with local variables (camunda:inputParameter).
A name that exists is written where it is; a new one goes to the nearest *owner*: the turn of a multi-instance
subprocess (so that turns in parallel do not overwrite each other), the call activity, or the instance.
"""

from collections.abc import Iterable, Mapping
from typing import Any

Variables = dict[str, dict[str, Any]]


class Names:
    """A chain of scopes to read names from, the innermost first."""

    __slots__ = ("scopes",)

    def __init__(self, scopes: list[Mapping[str, Any]]):
        self.scopes = scopes

    def __getitem__(self, name: str) -> Any:
        for scope in self.scopes:
            if name in scope:
                return scope[name]
        raise KeyError(name)

    def inner(self, scope: Mapping[str, Any]) -> "Names":
        """Return the chain with one more scope inside."""
        return Names([scope, *self.scopes])

    def merged(self) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for scope in reversed(self.scopes):
            values.update(scope)
        return values


class Store:
    """The variables of one run: copied when they are written, so that what the run began with is untouched."""

    def __init__(self, variables: Variables):
        self.variables = dict(variables)
        self.variables.setdefault("", {})
        self.changed: Variables = {}
        self._own: set[str] = set()

    def names(self, chain: Iterable[str]) -> Names:
        return Names([self.variables[s] for s in chain if s in self.variables])

    def put(self, scope: str, values: Mapping[str, Any]) -> None:
        """Set `values` in this very scope."""
        if not values:
            return
        if scope not in self._own:
            self.variables[scope] = dict(self.variables.get(scope, ()))
            self._own.add(scope)
        self.variables[scope].update(values)
        self.changed.setdefault(scope, {}).update(values)

    def remove(self, scope: str, names: Iterable[str]) -> None:
        """Take variables out of this very scope."""
        self.put(scope, {name: None for name in names if name in self.variables.get(scope, ())})
        for name in names:
            self.variables.get(scope, {}).pop(name, None)

    def drop(self, scope: str) -> None:
        self.variables.pop(scope, None)
        self._own.discard(scope)
