"""Decision tables (DMN 1.1 to 1.3): read, checked and decided.

Input entries are S-FEEL unary tests as the Camunda Modeler writes them (`"a","b"`, `>= 10`, `[1..5]`, `not("x")`, `-`),
or an expression with `?` for the input. Input and output expressions are those of `bpmn.expressions`.
"""

import datetime as dt
import re
from dataclasses import dataclass
from typing import Any

from bpmn import expressions, xml
from bpmn.errors import N_, Invalid

POLICIES = {"UNIQUE", "FIRST", "ANY", "COLLECT", "RULE ORDER"}
AGGREGATIONS: dict[str, Any] = {"": list, "SUM": sum, "MIN": min, "MAX": max, "COUNT": len}
INPUT = "masukan"  # the name under which an entry's test sees its input


@dataclass(frozen=True)
class Rule:
    tests: tuple[str, ...]  # an expression over INPUT each; "" for -
    outputs: tuple[str, ...]
    line: int


@dataclass(frozen=True)
class Decision:
    id: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    rules: tuple[Rule, ...]
    policy: str
    aggregation: str

    def decide(self, names, now: dt.datetime | None, mapping: str, element: str = "") -> Any:
        """Return the result, mapped as Camunda's mapDecisionResult says: singleEntry, singleResult, collectEntries, resultList."""
        given = [expressions.evaluate(i, names, now, element=element) for i in self.inputs]
        rows = []
        for rule in self.rules:
            if self._fits(rule, given, names, now, element):
                rows.append({o: expressions.evaluate(e, names, now, element=element) if e else None
                             for o, e in zip(self.outputs, rule.outputs, strict=True)})
                if self.policy == "FIRST":
                    break
        return self._mapped(self._checked(rows, element), mapping, element)

    def _fits(self, rule: Rule, given: list, names, now, element: str) -> bool:
        for value, test in zip(given, rule.tests, strict=True):
            if test and not expressions.evaluate(test, _With(value, names), now, element=element):
                return False
        return True

    def _checked(self, rows: list[dict], element: str) -> list[dict]:
        if self.policy == "UNIQUE" and len(rows) > 1:
            raise Invalid(N_("Tabel keputusan %(id)s: lebih dari satu aturan cocok"), element=element, id=self.id)
        if self.policy == "ANY":
            if any(r != rows[0] for r in rows):
                raise Invalid(N_("Tabel keputusan %(id)s: aturan yang cocok berbeda hasilnya"), element=element, id=self.id)
            return rows[:1]
        if self.aggregation and rows:
            name = self.outputs[0]
            return [{name: AGGREGATIONS[self.aggregation]([r[name] for r in rows])}]
        return rows

    def _mapped(self, rows: list[dict], mapping: str, element: str) -> Any:
        if mapping in ("singleEntry", "singleResult") and len(rows) > 1:
            raise Invalid(N_("Tabel keputusan %(id)s: lebih dari satu hasil"), element=element, id=self.id)
        if mapping == "singleEntry":
            return rows[0][self.outputs[0]] if rows else None
        if mapping == "singleResult":
            return rows[0] if rows else None
        return [r[self.outputs[0]] for r in rows] if mapping == "collectEntries" else rows


class _With:
    """Names, and the input of a test."""

    def __init__(self, value, names):
        self.value, self.names = value, names

    def __getitem__(self, name):
        return self.value if name == INPUT else self.names[name]


def read_all(resources) -> dict[str, Decision]:
    """Return the decisions of a deployment's .dmn files, by id. Raises Invalid for what cannot be decided."""
    found: dict[str, Decision] = {}
    for name, content in resources.items():
        if name.endswith(".dmn"):
            root = xml.parse(content, name)
            for node in root.iter():
                if isinstance(node.tag, str) and xml.local(node) == "decision":
                    found[node.get("id", "")] = _decision(node, name)
    return found


def _children(node, name: str) -> list:
    return [c for c in node if isinstance(c.tag, str) and xml.local(c) == name]


def _text(node) -> str:
    return next(("".join(t.itertext()).strip() for t in _children(node, "text")), "")


def _decision(node, file: str) -> Decision:
    where = {"file": file, "line": node.sourceline or 0, "element": node.get("id", "")}
    tables = _children(node, "decisionTable")
    if not tables:
        raise Invalid(N_("Keputusan tanpa tabel tidak didukung"), **where)
    table = tables[0]
    policy, aggregation = table.get("hitPolicy", "UNIQUE"), table.get("aggregation", "")
    if policy not in POLICIES or aggregation not in AGGREGATIONS:
        raise Invalid(N_("Hit policy %(policy)s tidak didukung"), policy=f"{policy} {aggregation}".strip(), **where)
    inputs = []
    for item in _children(table, "input"):
        expression = next((_text(e) for e in _children(item, "inputExpression")), "") or item.get("label", "")
        expressions.check(expression, file=file, line=item.sourceline or 0, element=item.get("id", ""))
        inputs.append(expression)
    outputs = tuple(o.get("name") or o.get("label") or o.get("id", "") for o in _children(table, "output"))
    rules = tuple(_rule(r, len(inputs), len(outputs), file) for r in _children(table, "rule"))
    return Decision(node.get("id", ""), tuple(inputs), outputs, rules, policy, aggregation)


def _rule(node, inputs: int, outputs: int, file: str) -> Rule:
    where = {"file": file, "line": node.sourceline or 0, "element": node.get("id", "")}
    tests = tuple(unary_tests(_text(e), where) for e in _children(node, "inputEntry"))
    results = tuple(_text(e) for e in _children(node, "outputEntry"))
    if len(tests) != inputs or len(results) != outputs:
        raise Invalid(N_("Aturan tidak lengkap"), **where)
    for expression in results:
        if expression:
            expressions.check(expression, **where)
    return Rule(tests, results, node.sourceline or 0)


_INTERVAL = re.compile(r"([\[\](])\s*(.+?)\s*\.\.\s*(.+?)\s*([\[\])])")
_COMPARISON = re.compile(r"(<=|>=|<|>|!=|=)\s*(.+)", re.DOTALL)


def unary_tests(text: str, where: dict) -> str:
    """Return S-FEEL unary tests as one expression over INPUT; '' for what fits anything."""
    text = text.strip()
    if text in ("", "-"):
        return ""
    negated = re.fullmatch(r"not\s*\((.*)\)", text, re.DOTALL)
    if negated:
        found = f"not ({unary_tests(negated[1], where) or 'true'})"
    else:
        found = " or ".join(f"({_test(part)})" for part in _parts(text))
    expressions.check(found, **where)
    return found


def _test(text: str) -> str:
    if _outside_quotes(text, "?"):
        return "".join(p if i % 2 else p.replace("?", INPUT) for i, p in enumerate(re.split(r"(\"[^\"]*\"|'[^']*')", text)))
    interval = _INTERVAL.fullmatch(text)
    if interval:
        low = "<=" if interval[1] == "[" else "<"
        high = "<=" if interval[4] == "]" else "<"
        return f"({interval[2]}) {low} {INPUT} {high} ({interval[3]})"
    comparison = _COMPARISON.fullmatch(text)
    if comparison:
        return f"{INPUT} {'==' if comparison[1] == '=' else comparison[1]} ({comparison[2]})"
    return f"{INPUT} == ({text})"


def _outside_quotes(text: str, sign: str) -> bool:
    return sign in re.sub(r"\"[^\"]*\"|'[^']*'", "", text)


def _parts(text: str) -> list[str]:
    """Split at commas that stand in no quotes and no brackets."""
    parts, depth, quote, current = [], 0, "", ""
    for sign in text:
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "\"'":
            quote = sign
        elif sign == "," and depth == 0:
            parts.append(current.strip())
            current = ""
            continue
        elif sign in "([{":
            depth += 1
        elif sign in ")]}":
            depth -= 1
        current += sign
    return [*parts, current.strip()]
