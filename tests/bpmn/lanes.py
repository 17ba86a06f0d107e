"""Small diagrams with lanes, for the printed SOP."""

from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape, quoteattr

TAGS = 'xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:camunda="http://camunda.org/schema/1.0/bpmn"'
Node = tuple[str, str, int | None, str, str]  # id, BPMN tag ('boundaryEvent:host' for a border), lane, name, what stands in it


def diagram(nodes: Sequence[Node], flows: Sequence[tuple[str, ...]], lanes: Sequence[str], said: Mapping[str, str] | None = None) -> bytes:
    """A process `p`. A flow is (source, target, name, what stands in it), the last two as needed."""
    sets = "".join(f"<lane id='lane{at}' name={quoteattr(name)}>" + "".join(
        f"<flowNodeRef>{node[0]}</flowNodeRef>" for node in nodes if node[2] == at) + "</lane>" for at, name in enumerate(lanes))
    parts = [f"<laneSet id='set'>{sets}</laneSet>"] if lanes else []
    for ident, tag, _lane, name, inside in nodes:
        tag, _colon, host = tag.partition(":")
        at = f" attachedToRef='{host}'" if host else ""
        parts.append(f"<{tag} id='{ident}' name={quoteattr(name)}{at}>{inside}</{tag}>")
    for at, (source, target, *more) in enumerate(flows):
        name, inside = [*more, "", ""][:2]
        parts.append(f"<sequenceFlow id='flow{at}' sourceRef='{source}' targetRef='{target}' name={quoteattr(name)}>{inside}</sequenceFlow>")
    return (f"<definitions {TAGS} id='d' targetNamespace='t'><process id='p' name='Contoh' isExecutable='true'>"
            f"{properties(**said or {})}{''.join(parts)}</process></definitions>").encode()


def properties(**said: str) -> str:
    inside = "".join(f"<camunda:property name='{name}' value={quoteattr(value, {chr(10): '&#10;'})}/>" for name, value in said.items())
    return f"<extensionElements><camunda:properties>{inside}</camunda:properties></extensionElements>"


def task(ident: str, lane: int | None, kegiatan: str = "", **said: str) -> Node:
    standard = {"kelengkapan": "Berkas", "waktu": "PT1H", "output": "Hasil", **said}
    return (ident, "userTask", lane, ident, f"<documentation>{escape(kegiatan)}</documentation>{properties(**standard)}")


def start(lane: int | None = 0, name: str = "", ident: str = "start") -> Node:
    return (ident, "startEvent", lane, name, "")


def end(lane: int | None = 0, name: str = "", ident: str = "end") -> Node:
    return (ident, "endEvent", lane, name, "")


def gateway(ident: str, lane: int = 0, kind: str = "exclusive") -> Node:
    return (ident, f"{kind}Gateway", lane, "", "")
