"""Where a case's variables come from: followed along the flows, what is set on every way to an element, and what on some.

A variable that is read for certain where not every way sets it may be missing there; one that nothing in the diagram sets comes from
outside or is a slip of the pen. Both are warnings: whoever starts a case by REST may bring more than a diagram tells. A field that a
form shows only on a condition counts as set. What waits for a message gets what nobody knows; behind it nothing is doubted. The
process's property `masukan` names what it is started with.
"""

import difflib
from collections.abc import Collection, Iterator, Mapping

from bpmn.decisions import Decision
from bpmn.errors import N_
from bpmn.findings import Finding, warning
from bpmn.forms import Form
from bpmn.lint import reading
from bpmn.lint.net import CLEARS, Level, levels
from bpmn.lint.reading import ANYTHING, Read, Use
from bpmn.model import SCOPES, Element, names
from bpmn.support import Context, Where

Names = frozenset[str]
Known = tuple[Names, Names]  # set on every way, set on some


def check(context: Context, forms: Mapping[str, Form], tables: Mapping[str, Decision], given: Collection[str] = ()) -> Iterator[Finding]:
    """`tables` are the deployment's decisions, `given` what its other processes call this one with."""
    yield from Flow(context, forms, tables, given).findings()


class Flow:
    def __init__(self, context: Context, forms: Mapping[str, Form], tables: Mapping[str, Decision], given: Collection[str]):
        self.context, self.process, self.forms = context, context.process, forms
        self.uses: dict[str, Use] = {e.id: reading.use(e, forms) for e in self.process.elements.values()}
        for element in self.process.elements.values():
            if element.decision_ref in tables:
                inputs = [tree for text in tables[element.decision_ref].inputs for tree in reading.tree_of(text)]
                self.uses[element.id].reads.append(Read(inputs))
        self.around = {e.id: reading.around(e) for e in self.process.elements.values()}
        self.given = frozenset(given) | frozenset(names(self.process.properties.get("masukan", "")))
        if self.process.properties.get("tentang"):  # it begins with what the case that it is about holds
            self.given |= {ANYTHING}
        self.levels: list[Level] = levels(self.process)
        self.level_of = {n: level for level in self.levels for n in level.nodes}
        self.before: dict[str, Known] = {}  # what is known when a token comes
        self.after: dict[str, Known] = {}  # and when it goes on
        self.everything = self.given.union(*(u.gives | u.local for u in self.uses.values()), *(a[1] | a[2] for a in self.around.values()))
        self._follow()

    # Following ------------------------------------------------------------------------------------------------------

    def _follow(self) -> None:
        """Go round until nothing changes: what is set on every way only becomes less, what on some only more."""
        changed = True
        while changed:
            changed = False
            for level in self.levels:
                for node in level.nodes.values():
                    before = self._coming(level, node)
                    if before is None:
                        continue
                    after = self._going(node, before)
                    if self.before.get(node.id) != before or self.after.get(node.id) != after:
                        self.before[node.id] = before
                        if after is not None:
                            self.after[node.id] = after
                        changed = True

    def _coming(self, level: Level, node: Element) -> Known | None:
        if node.type == "startEvent" or node.is_event_subprocess:
            return self._scope_begin(level.parent)
        if node.type == "boundaryEvent":
            return self.before.get(node.attributes.get("attachedToRef", ""))
        coming = [self.after[e.source] for e in level.into[node.id] if e.source in self.after]
        if not coming:
            return None
        together = node.type == "parallelGateway"
        must = frozenset.union(*(c[0] for c in coming)) if together else frozenset.intersection(*(c[0] for c in coming))
        return must, frozenset.union(*(c[1] for c in coming))

    def _scope_begin(self, parent: str) -> Known | None:
        if parent == self.process.key:
            return self.given, self.given
        known = self.before.get(parent)
        if known is None:
            return None
        inside = frozenset(self.uses[parent].local | self.around[parent][1])
        return known[0] | inside, known[1] | inside

    def _going(self, node: Element, before: Known) -> Known | None:
        use, gives = self.uses[node.id], frozenset(self.uses[node.id].gives)
        back = frozenset(self.around[node.id][2])
        if node.type in SCOPES:
            ends = self._scope_ends(node)
            if ends is None:
                return None
            own = frozenset(use.local | self.around[node.id][1])
            if node.loop and node.loop.kind != "standard":  # each turn has variables of its own
                return before[0] | back, before[1] | back
            return before[0] | (ends[0] - own) | gives, before[1] | (ends[1] - own) | gives
        return before[0] | gives | back, before[1] | gives | back

    def _scope_ends(self, scope: Element) -> Known | None:
        level = next((one for one in self.levels if one.parent == scope.id), None)
        ends = [self.after[n.id] for n in level.nodes.values() if not level.out[n.id] and n.id in self.after and not n.is_event_subprocess
                and not any(t.kind in CLEARS - {"terminate"} for t in n.triggers)] if level else []
        if not ends:
            return None
        return frozenset.intersection(*(e[0] for e in ends)), frozenset.union(*(e[1] for e in ends))

    # Telling --------------------------------------------------------------------------------------------------------

    def findings(self) -> Iterator[Finding]:
        for node in self.process.elements.values():
            if node.id not in self.before:
                continue
            told: set[str] = set()
            for read, known in self._readings(node):
                yield from self._missing(node.id, node.line, read, known, told)
            yield from self._shown_by(node, told)
        for flow in self.process.flows:
            if flow.condition and flow.source in self.after:
                yield from self._missing(flow.id, flow.line, Read(reading.tree_of(flow.condition)), self.after[flow.source], set())

    def _shown_by(self, node: Element, told: set[str]) -> Iterator[Finding]:
        """What decides whether a field is shown is null where it is not set; where nothing ever sets it, it is a slip of the pen."""
        form = self.forms.get((node.form_key or "").rpartition(":")[2])
        if form is not None and ANYTHING not in self.before[node.id][1]:
            for name in sorted(form.outside - self.everything - told):
                yield self._never_set((self.context.file, node.line, node.id), name)

    def _readings(self, node: Element) -> Iterator[tuple[Read, Known]]:
        """Give each expression with what is known where it is evaluated, the parameters before it included."""
        use, (loop_reads, turn, _) = self.uses[node.id], self.around[node.id]
        known = self.before[node.id]
        for read in loop_reads:
            yield read, known
        known = known[0] | turn, known[1] | turn
        for read in [r for r in use.reads if not r.after]:
            yield read, known
            known = known[0] | {read.defines}, known[1] | {read.defines}
        inner = self._scope_ends(node) if node.type in SCOPES else None
        brought = frozenset(use.gives - {n for n, _ in node.outputs} | use.local)
        known = (known[0] | brought | (inner[0] if inner else set()), known[1] | brought | (inner[1] if inner else set()))
        if node.type == "scriptTask":  # each of its assignments sees those before it only
            before, inputs = self.before[node.id], {n for n, _ in node.inputs}
            known = before[0] | turn | inputs, before[1] | turn | inputs
        for read in [r for r in use.reads if r.after]:
            yield read, known
            known = known[0] | {read.defines}, known[1] | {read.defines}
        for read in reading.within(node):
            yield read, known

    def _missing(self, ident: str, line: int, read: Read, known: Known, told: set[str]) -> Iterator[Finding]:
        must, may = known
        if ANYTHING in may:
            return
        sure, maybe = read.names()
        where = (self.context.file, line, ident)
        for name in sorted((sure | maybe) - must - told):
            if name in may and name in sure:
                told.add(name)
                yield warning(*where, "maybe-unset", N_("“%(variable)s” dibaca di sini, tetapi belum tentu sudah diisi"), variable=name)
            elif name not in may and name in self.everything and name in sure:
                told.add(name)
                yield warning(*where, "unset-yet", N_("“%(variable)s” dibaca di sini, padahal baru diisi sesudahnya atau di jalur lain"),
                              variable=name)
            elif name not in self.everything:
                told.add(name)
                yield self._never_set(where, name)

    def _never_set(self, where: Where, name: str) -> Finding:
        near = difflib.get_close_matches(name, sorted(self.everything - {ANYTHING}), 1, 0.75)
        if near:
            return warning(*where, "never-set", variable=name, near=near[0],
                           message=N_("“%(variable)s” tidak pernah diisi di prosedur ini; mungkin maksudnya “%(near)s”"))
        return warning(*where, "never-set", N_("“%(variable)s” tidak pernah diisi di prosedur ini"), variable=name)
