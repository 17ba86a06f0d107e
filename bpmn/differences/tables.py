"""Decision tables: inputs, outputs, and rules that came, went or say something else."""

import difflib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from bpmn import xml
from bpmn.differences.changes import ADDED, CHANGED, REMOVED, Change, Item, altered, brief
from bpmn.differences.forms import _lower, _place
from bpmn.differences.side import Side
from bpmn.errors import N_, Invalid, Told


@dataclass(frozen=True)
class _Table:
    name: str
    policy: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    rules: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]
    rest: tuple  # everything, in no order

    def rule(self, at: int) -> str:
        """A rule in words: 'jumlah: > 5 → hasil: "besar"'."""
        tests, results = self.rules[at]
        if_, then = ([f"{name}: {entry or '-'}" for name, entry in zip(names, entries, strict=False)]
                     for names, entries in ((self.inputs, tests), (self.outputs, results)))
        return f"{', '.join(if_)} → {', '.join(then)}"


def compare(before: Side, after: Side) -> list[Item]:
    old, new = _tables(before.files), _tables(after.files)
    items = []
    for key in sorted({*old, *new}):
        side, table = (after, new[key]) if key in new else (before, old[key])
        users = side.users([key], lambda element: element.decision_ref)
        if key not in old or key not in new:
            said, users = [Change(ADDED, Told(N_("ditambahkan"))) if key in new else Change(REMOVED, Told(N_("dihapus")))], []
        else:
            said = _table(old[key], new[key])
        if said:
            subject = Told(N_("Tabel keputusan “%(name)s”"), name=brief(table.name))
            if users:
                subject = Told(N_("Tabel keputusan “%(name)s” pada %(step)s"), name=brief(table.name), step=_lower(side, users[0]))
            items.append((_place(side, users), Item(subject, tuple(said), tuple(users), CHANGED if users else "")))
    return [item for _at, item in sorted(items, key=lambda pair: pair[0])]


def _table(old: _Table, new: _Table) -> list[Change]:
    said = []
    for what, one, two in ((N_("nama"), old.name, new.name), (N_("cara memilih aturan"), old.policy, new.policy),
                           (N_("masukan"), ", ".join(old.inputs), ", ".join(new.inputs)),
                           (N_("hasil"), ", ".join(old.outputs), ", ".join(new.outputs))):
        if one != two:
            said.append(altered(Told(what), one, two))
    for tag, first, last, start, end in difflib.SequenceMatcher(None, old.rules, new.rules, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        both = min(last - first, end - start)
        for step in range(both):
            said.append(altered(Told(N_("aturan %(number)d"), number=start + step + 1), old.rule(first + step), new.rule(start + step)))
        for at in range(first + both, last):
            said.append(_rule(REMOVED, N_("aturan %(number)d dihapus (%(rule)s)"), at, old.rule(at)))
        for at in range(start + both, end):
            said.append(_rule(ADDED, N_("aturan %(number)d ditambahkan (%(rule)s)"), at, new.rule(at)))
    if not said and old.rest != new.rest:
        said.append(Change(CHANGED, Told(N_("rincian teknisnya berubah"))))
    return said


def _rule(kind: str, words: str, at: int, rule: str) -> Change:
    return Change(kind, Told(words, number=at + 1, rule=brief(rule)), Told(N_("aturan %(number)d"), number=at + 1),
                  rule if kind == REMOVED else "", rule if kind == ADDED else "")


def _tables(files: Mapping[str, bytes]) -> dict[str, _Table]:
    found = {}
    for name in sorted(files):
        if not name.endswith(".dmn"):
            continue
        try:
            root = xml.parse(files[name], name)
        except Invalid:
            found[name] = _Table(name, "", (), (), (), (files[name],))
            continue
        for node in root.iter():
            if isinstance(node.tag, str) and xml.local(node) == "decision":
                found[node.get("id", "")] = _read(node)
    return found


def _read(node) -> _Table:
    tables = _children(node, "decisionTable")
    table = tables[0] if tables else None
    inputs = tuple(i.get("label") or next((_text(e) for e in _children(i, "inputExpression")), "") for i in _children(table, "input"))
    outputs = tuple(o.get("label") or o.get("name") or o.get("id", "") for o in _children(table, "output"))
    rules = tuple((tuple(_text(e) for e in _children(r, "inputEntry")), tuple(_text(e) for e in _children(r, "outputEntry")))
                  for r in _children(table, "rule"))
    policy = "" if table is None else f"{table.get('hitPolicy', 'UNIQUE')} {table.get('aggregation', '')}".strip()
    rest = Counter((xml.local(e), tuple(sorted(e.attrib.items())), (e.text or "").strip()) for e in node.iter() if isinstance(e.tag, str))
    return _Table(node.get("name") or node.get("id", ""), policy, inputs, outputs, rules, tuple(sorted(rest.items())))


def _children(node, name: str) -> list:
    return [] if node is None else [c for c in node if isinstance(c.tag, str) and xml.local(c) == name]


def _text(node) -> str:
    return next(("".join(t.itertext()).strip() for t in _children(node, "text")), "")
