"""Which variables an element of a diagram reads, and which it gives: what `bpmn.lint.data` follows along the flows."""

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from bpmn import expressions, syntax
from bpmn.evaluation import CONSTANTS, Problem
from bpmn.forms import Field, Form
from bpmn.model import Element, Value

ANYTHING = "*"  # given by what a diagram does not say: a message's content, a worker's answer
RESULTS = {  # what Terbit's own topics give back
    "publikasi": ("url", "id", "published_at"), "turunkan": ("url",), "dokumentasikan": ("lembar_dokumentasi",),
}
FAILURE = "kegagalan"  # what the error `gagal` brings of itself
COUNTERS = ("loopCounter", "nrOfInstances", "nrOfActiveInstances", "nrOfCompletedInstances")
TEXTS = ("assignee", "candidateUsers", "candidateGroups", "dueDate", "followUpDate", "priority", "topic", "formKey", "formRef")


@dataclass
class Read:
    """One expression: the names that it reads for certain, and those that it reads only on some condition or asks for by get()."""

    trees: list[ast.expr]
    after: bool = False  # when the activity is done rather than when it begins
    defines: str = ""  # the parameter or variable that it gives a value

    def names(self) -> tuple[set[str], set[str]]:
        sure: set[str] = set()
        maybe: set[str] = set()
        for tree in self.trees:
            _walk(tree, sure, maybe, frozenset(), certain=True)
            guarded = {n.args[0].value for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)
                       and n.func.id == "get" and n.args and isinstance(n.args[0], ast.Constant)}
            maybe -= guarded
        return sure, maybe - sure


@dataclass
class Use:
    """What an element reads, in its order, and what it gives to those after it."""

    reads: list[Read] = field(default_factory=list)
    local: set[str] = field(default_factory=set)  # known only inside
    gives: set[str] = field(default_factory=set)


def trees(text: str) -> list[ast.expr]:
    """Return the expressions of a text as Camunda reads an attribute; of one that cannot be read, none."""
    return [tree for place in expressions.places(text) for tree in tree_of(place)]


def tree_of(expression: str) -> list[ast.expr]:
    try:
        return [syntax.parse(expressions.unwrap(expression))] if expression else []
    except Problem:
        return []  # `bpmn.check` says what is wrong with it


def _walk(node: ast.AST, sure: set[str], maybe: set[str], own: frozenset[str], certain: bool) -> None:
    """Collect the names below a node; `own` are those that a comprehension binds."""
    def go(part: ast.AST, still: bool = True) -> None:
        _walk(part, sure, maybe, own, certain and still)

    if isinstance(node, ast.Name):
        if node.id not in own and node.id not in CONSTANTS:
            (sure if certain else maybe).add(node.id)
    elif isinstance(node, ast.BoolOp):
        for number, value in enumerate(node.values):
            go(value, number == 0)
    elif isinstance(node, ast.IfExp):
        go(node.test)
        go(node.body, False)
        go(node.orelse, False)
    elif isinstance(node, ast.Call):
        for part in [*([node.func.value] if isinstance(node.func, ast.Attribute) else []), *node.args, *(k.value for k in node.keywords)]:
            go(part)
    elif isinstance(node, ast.ListComp | ast.GeneratorExp | ast.DictComp):
        go(node.generators[0].iter)
        bound = own | {n.id for g in node.generators for n in ast.walk(g.target) if isinstance(n, ast.Name)}
        for part in [*(g.iter for g in node.generators[1:]), *(i for g in node.generators for i in g.ifs),
                     *([node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt])]:
            _walk(part, sure, maybe, bound, False)
    else:
        for child in ast.iter_child_nodes(node):
            go(child)


# Of an element --------------------------------------------------------------------------------------------------------

def use(element: Element, forms: Mapping[str, Form]) -> Use:
    """Return what an element reads and gives, all but its loop, which stands around it (`around`)."""
    found = Use()
    for name, value in element.inputs:
        found.reads.append(Read(list(_value_trees(value)), defines=name))
        found.local.add(name)
    texts = [element.name, *(element.camunda.get(n, "") for n in TEXTS)]
    texts += [element.documentation] if element.type in ("userTask", "manualTask") else []
    texts += [t for trigger in element.triggers for t in (trigger.name, trigger.expression if "{" in trigger.expression else "")]
    found.reads.append(Read([tree for text in texts for tree in trees(text)]))
    found.reads += [Read(tree_of(t.expression)) for t in element.triggers if t.kind == "conditional"]
    brought = _brought(element, forms, found)
    outputs = {name for name, _ in element.outputs}
    if element.outputs and element.type not in ("userTask", "manualTask", "callActivity"):
        found.local |= brought  # an activity with output parameters hands over nothing else
    else:
        found.gives |= brought
    found.reads += [Read(list(_value_trees(value)), after=True, defines=name) for name, value in element.outputs]
    found.gives |= outputs
    return found


def _brought(element: Element, forms: Mapping[str, Form], found: Use) -> set[str]:
    """Return what an element's own work gives; what that reads goes into `found`."""
    result = element.camunda.get("resultVariable")
    throws = element.type in ("intermediateThrowEvent", "endEvent", "sendTask")
    waits = not throws and any(t.kind in ("message", "signal") for t in element.triggers)
    codes = {n for t in element.triggers for n in (t.code_variable, t.message_variable) if n}
    if element.type in ("boundaryEvent", "startEvent") and any(t.kind == "error" for t in element.triggers):
        codes.add(FAILURE)
    if element.type in ("userTask", "manualTask") or element.type == "startEvent" and element.form_key:
        return codes | {f.key for f in fields(element, forms)}
    if element.type == "scriptTask":
        return _script(element, result, found)
    if element.topic:
        return set(RESULTS.get(element.topic, (ANYTHING,)))
    if element.type == "callActivity":
        return _call(element, found)
    return codes | ({result} if result else set()) | ({ANYTHING} if waits else set())


def fields(element: Element, forms: Mapping[str, Form]) -> list[Field]:
    """Return the inputs of the form that an element asks with."""
    form = forms.get((element.form_key or "").rpartition(":")[2])
    return [f for f in form.fields() if not f.readonly] if form else []


def _script(element: Element, result: str | None, found: Use) -> set[str]:
    if result:
        found.reads.append(Read(tree_of(element.script), after=True, defines=result))
        return {result}
    try:
        pairs = syntax.assignments(element.script)
    except Problem:
        return set()
    found.reads += [Read([tree], after=True, defines=name) for name, tree in pairs]
    return {name for name, _ in pairs}


def _call(element: Element, found: Use) -> set[str]:
    given: set[str] = set()
    for mapping in element.mappings:
        if mapping["direction"] == "in":
            found.reads.append(Read(trees(mapping.get("sourceExpression", ""))))  # a plain source may be missing: then it is null
        elif mapping.get("variables") == "all":
            given.add(ANYTHING)
        elif mapping.get("target"):
            given.add(mapping["target"])
    return given


def around(element: Element) -> tuple[list[Read], set[str], set[str]]:
    """Return what an element's loop reads before its turns, what it sets for each of them, and what it gives in the end."""
    loop = element.loop
    if loop is None:
        return [], set(), set()
    reads = [Read(tree_of(text)) for text in (loop.collection, loop.cardinality) if text]
    return reads, {*COUNTERS, loop.element} - {""}, {loop.output} - {""}


def within(element: Element) -> Iterable[Read]:
    """Return what a loop reads after each turn."""
    loop = element.loop
    return [Read(tree_of(loop.condition), after=True)] if loop and loop.condition else []


def _value_trees(value: Value) -> Iterator[ast.expr]:
    if value.kind == "script":
        yield from tree_of(value.content)
    elif value.kind == "text":
        yield from trees(value.content)
    else:
        for part in value.content:
            yield from _value_trees(part[1] if value.kind == "map" else part)
