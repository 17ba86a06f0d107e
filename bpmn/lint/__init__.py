"""Lint that thinks: all that `bpmn.check` says, and what a diagram says only to who follows it.

`bpmn.check` finds what cannot be run; what is in force already must stay readable by it, so it does not get stricter. This here is asked
before something is put in force. Errors block that, warnings do not. Each finding's `why` and `mend` are in `bpmn.advice`.
"""

from collections.abc import Collection, Mapping

from bpmn import check as structure
from bpmn import decisions, forms, model, support
from bpmn.check import DIAGRAMS, set_of
from bpmn.findings import Finding
from bpmn.forms import Form
from bpmn.lint import choices, data, flow, people, sop
from bpmn.model import Process

__all__ = ["lint"]


def lint(resources: Mapping[str, bytes], called: Collection[str] | None = None, *, groups: Collection[str] | None = None,
         topics: Collection[str] | None = None) -> list[Finding]:
    """Return all findings, the errors first; as `bpmn.check.check`, whose errors come alone.

    `groups` are the office's candidate groups, `topics` those that some worker answers; None: not known, not checked.
    """
    found = structure.check(resources, called)
    if any(f.severity == "error" for f in found):
        return found
    asked = _forms(resources)
    read = {name: model.read(content, name) for name, content in resources.items() if name.endswith(DIAGRAMS)}
    processes = [(name, p) for name, several in read.items() for p in several if p.executable]
    tables = decisions.read_all(resources)
    more: list[Finding] = []
    for name, process in processes:
        context = support.Context(name, process, frozenset(), called, frozenset(tables), frozenset(asked))
        covered = choices.covered(context, asked)
        found = [f for f in found if not (f.code == "no-default" and f.element in covered)]
        more += [*flow.check(context), *choices.check(context, asked), *data.check(context, asked, tables, _given(process, processes)),
                 *people.check(context, groups, topics), *sop.check(context)]
    untaken = {f.element for f in more if f.code == "option-untaken"}  # says more than that there is no default
    found = [f for f in found if not (f.code == "no-default" and f.element in untaken)]
    return sorted(set_of([*found, *more]), key=lambda f: (f.severity != "error", f.file, f.line))


def _forms(resources: Mapping[str, bytes]) -> dict[str, Form]:
    found: dict[str, Form] = {}
    for name, content in resources.items():
        if name.endswith(".form"):
            form = forms.read(content, name)
            found |= dict.fromkeys(filter(None, (name, name.removesuffix(".form"), form.id)), form)
    return found


def _given(process: Process, processes: list[tuple[str, Process]]) -> set[str]:
    """Return what the deployment's other processes call this one with."""
    calls = [e for _, p in processes for e in p.elements.values() if e.attributes.get("calledElement") == process.key]
    return {data.ANYTHING if m.get("variables") == "all" else m.get("target", "") for e in calls for m in e.mappings
            if m["direction"] == "in"} - {""}


