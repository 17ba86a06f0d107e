"""Small diagrams for tests, and what one does with them."""

import itertools

from engine import commands, queries

NS = ('xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
      'xmlns:camunda="http://camunda.org/schema/1.0/bpmn" targetNamespace="t"')


def diagram(body: str, key: str = "p", *, messages=(), signals=(), attributes: str = "", properties: dict | None = None) -> bytes:
    """Return a .bpmn file with one executable process. `messages` and `signals` are names, and m_NAME, s_NAME their ids."""
    extension = "".join(f'<camunda:property name="{k}" value="{v}"/>' for k, v in (properties or {}).items())
    if extension:
        body = f"<extensionElements><camunda:properties>{extension}</camunda:properties></extensionElements>{body}"
    events = "".join(f'<message id="m_{m}" name="{m}"/>' for m in messages) + "".join(f'<signal id="s_{s}" name="{s}"/>' for s in signals)
    process = f'<process id="{key}" name="{key}" isExecutable="true" {attributes}>{body}</process>'
    return f'<definitions {NS} id="d">{events}{process}</definitions>'.encode()


def flows(*pairs: str) -> str:
    """Return sequence flows, each written 'a b', or 'a b condition'."""
    parts = [pair.split(" ", 2) for pair in pairs]
    return "".join(
        f'<sequenceFlow id="f_{a}_{b}" sourceRef="{a}" targetRef="{b}">'
        + (f'<conditionExpression xsi:type="tFormalExpression">${{{rest[0]}}}</conditionExpression>' if rest else "") + "</sequenceFlow>"
        for a, b, *rest in parts)


def chain(*elements: tuple[str, str]) -> str:
    """Return elements (id, xml), joined by flows in this order."""
    names = [name for name, _ in elements]
    return "".join(xml for _, xml in elements) + flows(*(f"{a} {b}" for a, b in itertools.pairwise(names)))


START, END = ("start", '<startEvent id="start"/>'), ("end", '<endEvent id="end"/>')


def user_task(name: str, groups: str = "pelaksana") -> tuple[str, str]:
    return name, f'<userTask id="{name}" name="{name}" camunda:candidateGroups="{groups}"/>'


def service_task(name: str, topic: str, inside: str = "") -> tuple[str, str]:
    return name, f'<serviceTask id="{name}" camunda:type="external" camunda:topic="{topic}">{inside}</serviceTask>'


def catch(name: str, inside: str, tag: str = "intermediateCatchEvent", attributes: str = "") -> tuple[str, str]:
    return name, f'<{tag} id="{name}" {attributes}>{inside}</{tag}>'


def message(name: str) -> str:
    return f'<messageEventDefinition messageRef="m_{name}"/>'


def signal(name: str) -> str:
    return f'<signalEventDefinition signalRef="s_{name}"/>'


def timer(kind: str, text: str) -> str:
    return f'<timerEventDefinition><{kind} xsi:type="tFormalExpression">{text}</{kind}></timerEventDefinition>'


def deploy(pe, actor, now, *files: bytes, **rest):
    """Deploy diagrams as 0.bpmn, 1.bpmn, …"""
    return commands.deploy(pe, actor, now, name="test", resources={f"{n}.bpmn": content for n, content in enumerate(files)}, **rest)


def open_tasks(pe, actor, instance_id=None) -> dict[str, str]:
    """Return {activity id: task id} of the open tasks that an actor sees."""
    return {row["activity_id"]: row["id"] for row in queries.tasks(pe, actor, instance_id=instance_id, limit=200).rows}


def do(pe, actor, now, activity_id, instance_id=None, **variables):
    """Complete the open task of an activity."""
    return commands.complete(pe, actor, now, open_tasks(pe, actor, instance_id)[activity_id], variables)
