"""Conditions against the forms that fill what they compare: options that nothing takes, comparisons that never hold."""

import ast
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from bpmn import expressions
from bpmn.errors import N_, Invalid
from bpmn.findings import Finding, warning
from bpmn.forms import Field, Form
from bpmn.lint import reading
from bpmn.model import Element, Flow
from bpmn.support import Context, Where

MOST_CASES = 500  # combinations of options that are tried on one gateway
ONE_OF = {"select", "radio"}
SEVERAL = {"checklist", "taglist", "filepicker"}
TEXTS = {"textfield", "textarea", "select", "radio", "datetime"}
Domains = Mapping[str, list[Any]]


class Filled:
    """Which fields fill a variable, where nothing but fields does."""

    def __init__(self, context: Context, forms: Mapping[str, Form]):
        self.fields: dict[str, list[Field]] = {}
        others: set[str] = set()
        for element in context.process.elements.values():
            asked = reading.fields(element, forms)
            for field in asked:
                self.fields.setdefault(field.key, []).append(field)
            use = reading.use(element, forms)
            others |= use.gives - {f.key for f in asked} | use.local
            others |= set().union(*reading.around(element)[1:])
            others |= {n for n, _ in element.outputs}
        self.open = reading.ANYTHING in others  # a message may change anything
        self.fields = {} if self.open else {k: v for k, v in self.fields.items() if k not in others}

    def domain(self, name: str) -> list[Any] | None:
        """Return the values that a variable can have, None among them where a field may be left out; None when that is not known."""
        found = self.fields.get(name)
        if not found or any(f.options_from or f.type not in ONE_OF | {"checkbox"} for f in found):
            return None
        values: dict[Any, None] = {}
        for field in found:
            values.update(dict.fromkeys([True, False] if field.type == "checkbox" else [o.value for o in field.options]))
        return list(values)


def check(context: Context, forms: Mapping[str, Form]) -> Iterator[Finding]:
    filled = Filled(context, forms)
    for element in context.process.elements.values():
        out = context.outgoing.get(element.id, [])
        if element.type not in ("parallelGateway", "eventBasedGateway") and any(f.condition for f in out):
            yield from _choice(context, element, out, filled)
    for ident, line, tree in _trees(context):
        for node in ast.walk(tree):
            if isinstance(node, ast.Compare) and len(node.ops) == 1:
                yield from _comparison(context, ident, line, node, filled)


def covered(context: Context, forms: Mapping[str, Form]) -> set[str]:
    """Return the gateways without default that need none: each combination of options is taken by some flow."""
    filled = Filled(context, forms)
    return {e.id for e in context.process.elements.values() if (out := context.outgoing.get(e.id)) and not e.attributes.get("default")
            and (domains := _domains(out, filled)) is not None and not _left_over(out, domains)}


def _trees(context: Context) -> Iterator[tuple[str, int, ast.expr]]:
    for flow in context.process.flows:
        for tree in reading.tree_of(flow.condition or ""):
            yield flow.id, flow.line, tree
    for element in context.process.elements.values():
        for read in reading.use(element, {}).reads:
            for tree in read.trees:
                yield element.id, element.line, tree


# Gateways -------------------------------------------------------------------------------------------------------------

def _choice(context: Context, element: Element, out: list[Flow], filled: Filled) -> Iterator[Finding]:
    where, default = (context.file, element.line, element.id), element.attributes.get("default")
    unconditional = any(not f.condition and f.id != default for f in out)
    domains = _domains(out, filled)
    if not default and not unconditional:
        left = _left_over(out, domains) if domains is not None else None
        if left:
            shown = "; ".join(", ".join(f"{k} = {_shown(v)}" for k, v in case.items()) for case in left[:3])
            yield warning(*where, "option-untaken", N_("Tidak ada alur untuk pilihan %(values)s"), values=shown)
        elif left is None and element.type != "exclusiveGateway":  # of those, `bpmn.check` says it
            yield warning(*where, "no-default", N_("Gerbang tanpa alur baku: berkas terhenti bila tidak ada syarat yang terpenuhi"))
    for flow in out:
        own = _domains([flow], filled) if flow.condition else None
        if own and not any(_holds(flow, case) for case in _cases(own)):
            yield warning(context.file, flow.line, flow.id, "never-taken",
                          N_("Syarat alur ini tidak pernah terpenuhi oleh pilihan yang ada"))


def _domains(out: list[Flow], filled: Filled) -> Domains | None:
    read = sorted({name for f in out if f.condition for tree in reading.tree_of(f.condition) for part in _names(tree) for name in part})
    found = {name: filled.domain(name) for name in read}
    if not found or any(v is None for v in found.values()):
        return None
    domains = {k: v for k, v in found.items() if v is not None}
    size = 1
    for values in domains.values():
        size *= len(values)
    return domains if 0 < size <= MOST_CASES else None


def _names(tree: ast.expr) -> tuple[set[str], set[str]]:
    return reading.Read([tree]).names()


def _cases(domains: Domains) -> Iterator[dict[str, Any]]:
    for values in itertools.product(*domains.values()):
        yield dict(zip(domains, values, strict=True))


def _left_over(out: list[Flow], domains: Domains) -> list[dict[str, Any]]:
    return [case for case in _cases(domains) if not any(_holds(f, case) for f in out)]


def _holds(flow: Flow, case: dict[str, Any]) -> bool:
    try:
        return not flow.condition or bool(expressions.evaluate(flow.condition, case))
    except Invalid:
        return True  # what it depends on besides is not known


def _shown(value: Any) -> str:
    return "ya" if value is True else "tidak" if value is False else f"“{value}”"


# Comparisons ----------------------------------------------------------------------------------------------------------

def _comparison(context: Context, ident: str, line: int, node: ast.Compare, filled: Filled) -> Iterator[Finding]:
    left, right, operator = node.left, node.comparators[0], node.ops[0]
    where = (context.file, line, ident)
    if isinstance(operator, ast.In | ast.NotIn):
        if isinstance(left, ast.Constant) and isinstance(right, ast.Name):
            yield from _option(where, right.id, [left.value], filled, SEVERAL)
        elif isinstance(left, ast.Name) and isinstance(right, ast.List | ast.Tuple | ast.Set):
            constants = [e.value for e in right.elts if isinstance(e, ast.Constant)]
            yield from _option(where, left.id, constants, filled, ONE_OF)
        return
    if isinstance(right, ast.Name) and isinstance(left, ast.Constant):
        left, right = right, left
    if not (isinstance(left, ast.Name) and isinstance(right, ast.Constant)) or right.value is None:
        return
    kinds = {f.type for f in filled.fields.get(left.id, [])}
    if kinds and (wrong := _never_equal(kinds, right.value)):
        yield warning(*where, "compare-type", wrong, variable=left.id, value=_shown(right.value))
    elif isinstance(operator, ast.Eq | ast.NotEq):
        yield from _option(where, left.id, [right.value], filled, ONE_OF)


def _never_equal(kinds: set[str], value: Any) -> str:
    if kinds <= SEVERAL:
        return N_("“%(variable)s” berisi daftar, dan dibandingkan dengan satu nilai, %(value)s")
    if kinds == {"number"} and (isinstance(value, str | bool)):
        return N_("“%(variable)s” berisi angka, dan dibandingkan dengan %(value)s")
    if kinds == {"checkbox"} and not isinstance(value, bool):
        return N_("“%(variable)s” hanya ya atau tidak, dan dibandingkan dengan %(value)s")
    if kinds <= TEXTS and not isinstance(value, str):
        return N_("“%(variable)s” berisi teks, dan dibandingkan dengan %(value)s")
    return ""


def _option(where: Where, name: str, values: list[Any], filled: Filled, kinds: set[str]) -> Iterator[Finding]:
    fields = filled.fields.get(name, [])
    if not fields or any(f.type not in kinds or f.options_from or f.type == "filepicker" for f in fields):
        return
    known = {o.value for f in fields for o in f.options}
    for value in values:
        if value is not None and value not in known:
            yield warning(*where, "no-such-option", N_("%(value)s bukan pilihan dari “%(variable)s”"), variable=name, value=_shown(value))
