"""Safe expressions: Python's, as far as they are harmless, also as Camunda users write them (`${…}`, `&&`, `empty x`).

A diagram comes from a person in a browser. Nothing in it may read a file, the environment or the network, import, or run
without bound. The evaluator is simpleeval, narrowed: names are JSON values, `a.b` is only an item of a mapping (or a part
of a date), methods are those of a short list, and every operator, text, list and loop is bounded.
"""

import ast
import datetime as dt
import json
import re
from typing import Any

from bpmn import syntax
from bpmn.errors import N_, Invalid
from bpmn.evaluation import CONSTANTS, METHODS, Names, Problem, canonical, run, sha256, spent, to_json

__all__ = ["METHODS", "Names", "Problem", "canonical", "check", "check_interpolated", "check_script", "evaluate", "interpolate",
           "run_script", "sha256", "spent", "unwrap"]


def evaluate(expression: str, names: Names, now: dt.datetime | None = None, *, element: str = "") -> Any:
    """Return the JSON value of `expression` (with or without `${…}` around it) where `names` are known.

    `now` is what `now()` gives. Raises Invalid, with `element`, for whatever goes wrong.
    """
    try:
        return to_json(run(syntax.parse(unwrap(expression)), names, now))
    except Problem as problem:
        raise Invalid(N_("Ekspresi %(expression)s: %(problem)s"), element=element,
                      expression=expression[:200], problem=problem) from problem


def check(expression: str, *, file: str = "", line: int = 0, element: str = "") -> frozenset[str]:
    """Return the names that `expression` reads; raises Invalid for all that can be seen to be wrong without values."""
    try:
        tree = syntax.parse(unwrap(expression))
    except Problem as problem:
        raise Invalid(N_("Ekspresi %(expression)s: %(problem)s"), file=file, line=line, element=element,
                      expression=expression[:200], problem=problem) from problem
    own = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    called = {id(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call)}
    return frozenset(n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and id(n) not in called) - own - CONSTANTS.keys()


_PLACES = re.compile(r"[$#]\{((?:[^{}'\"]|'[^']*'|\"[^\"]*\"|\{[^{}]*\})*)\}")


def unwrap(text: str) -> str:
    """Return what stands in `${…}` when the whole text is one such place, else the text itself."""
    match = _PLACES.fullmatch(text.strip())
    return match.group(1) if match else text


def is_wrapped(text: str) -> bool:
    return _PLACES.fullmatch(text.strip()) is not None


def places(text: str) -> list[str]:
    """Return the expressions in a text that `interpolate` will read."""
    return [match.group(1) for match in _PLACES.finditer(text)]


def interpolate(text: str, names: Names, now: dt.datetime | None = None, *, element: str = "") -> Any:
    """Return `text` as Camunda reads an attribute: one `${…}` gives its value, several are set into the text, none: the text."""
    if "{" not in text:
        return text
    if is_wrapped(text):
        return evaluate(text, names, now, element=element)

    def place(match):
        value = evaluate(match.group(1), names, now, element=element)
        return "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return _PLACES.sub(place, text)


def check_interpolated(text: str, **where) -> None:
    """As `check`, for a text that `interpolate` will read."""
    if len(text) > syntax.MAX_LENGTH and re.search(r"[$#]\{", text):
        raise Invalid(N_("Ekspresi %(expression)s: %(problem)s"), expression=text[:200], problem=Problem(N_("terlalu panjang")), **where)
    for match in _PLACES.finditer(text):
        check(match.group(1), **where)
    if re.search(r"[$#]\{", _PLACES.sub("", text)):
        raise Invalid(N_("Ekspresi %(expression)s: kurung kurawal tidak ditutup"), expression=text[:200], **where)


def run_script(script: str, names: Names, now: dt.datetime | None = None, *, element: str = "") -> dict[str, Any]:
    """Return {name: value} of a script's assignments; each sees those before it. Raises Invalid."""
    values: dict[str, Any] = {}
    try:
        for name, tree in syntax.assignments(script):
            values[name] = to_json(run(tree, _Over(values, names), now))
    except Problem as problem:
        raise Invalid(N_("Skrip: %(problem)s"), element=element, problem=problem) from problem
    return values


def check_script(script: str, **where) -> None:
    try:
        syntax.assignments(script)
    except Problem as problem:
        raise Invalid(N_("Skrip: %(problem)s"), problem=problem, **where) from problem


class _Over:
    """Names of which the first mapping hides the second."""

    def __init__(self, first, second):
        self.first, self.second = first, second

    def __getitem__(self, name):
        return self.first[name] if name in self.first else self.second[name]
