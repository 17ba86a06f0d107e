"""Who does it: tasks that nobody is given, groups that the office does not have, topics that nothing answers."""

from collections.abc import Collection, Iterator

from bpmn.errors import N_
from bpmn.findings import Finding, warning
from bpmn.model import names
from bpmn.support import Context, Where


def check(context: Context, groups: Collection[str] | None, topics: Collection[str] | None) -> Iterator[Finding]:
    """`groups` are the office's, `topics` those that this installation answers; None: not known."""
    process = context.process
    for element in process.elements.values():
        where = (context.file, element.line, element.id)
        if element.type in ("userTask", "manualTask"):
            if not element.candidate_groups and not element.camunda.get("candidateUsers") and not element.camunda.get("assignee"):
                yield warning(*where, "nobody", N_("“%(name)s” tidak diberikan kepada siapa pun: tidak ada lajur atau grup"),
                              name=element.name or element.id)
            yield from _unknown(where, element.candidate_groups, groups)
        if topics is not None and element.topic and "{" not in element.topic and element.topic not in topics:
            yield warning(*where, "topic-unknown", N_("Tidak ada yang menangani topik “%(topic)s” di sini"), topic=element.topic)
    named = ",".join([*process.starter_groups, process.properties.get("pembaca", "")])
    yield from _unknown((context.file, process.line, process.key), named, groups)


def _unknown(where: Where, text: str, groups: Collection[str] | None) -> Iterator[Finding]:
    if groups is None:
        return
    for group in names(text):
        if "{" not in group and "}" not in group and group not in groups:
            yield warning(*where, "unknown-group", N_("Grup “%(group)s” tidak ada di kantor ini"), group=group)
