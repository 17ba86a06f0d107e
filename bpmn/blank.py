"""What a new file of a model begins as: a process with a lane for each group, a form, a decision table."""

import json
import re
from xml.sax.saxutils import quoteattr

LANE, LEFT, HEAD, WIDTH = 140, 160, 30, 860  # pixels: a lane's height, the pool's left edge, its name's strip, its width
_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:bpmndi="http://www.omg.org/spec/BPMN/20100524/DI" \
xmlns:dc="http://www.omg.org/spec/DD/20100524/DC" xmlns:di="http://www.omg.org/spec/DD/20100524/DI" \
xmlns:camunda="http://camunda.org/schema/1.0/bpmn" xmlns:modeler="http://camunda.org/schema/modeler/1.0" id="definitions" \
targetNamespace="http://bpmn.io/schema/bpmn" modeler:executionPlatform="Camunda Platform" modeler:executionPlatformVersion="7.24.0">
"""


def diagram(key: str, name: str, lanes: list[tuple[str, str]]) -> bytes:
    """Return a diagram that can be put in force as it is: a pool with a lane for each (group, name), and in the first
    lane a start, one user task, an end. `lanes` is not empty."""
    height = LANE * len(lanes)
    lane_ids = [f"lajur_{re.sub(r'[^A-Za-z0-9_]', '_', group)}" for group, _ in lanes]
    nodes = "".join(f"        <bpmn:flowNodeRef>{n}</bpmn:flowNodeRef>\n" for n in ("mulai", "langkah_1", "selesai"))
    lane_set = "".join(
        f'      <bpmn:lane id="{ident}" name={quoteattr(title)}>\n        <bpmn:extensionElements>\n          <camunda:properties>\n'
        f'            <camunda:property name="group" value={quoteattr(group)} />\n          </camunda:properties>\n'
        f'        </bpmn:extensionElements>\n{nodes if number == 0 else ""}      </bpmn:lane>\n'
        for number, (ident, (group, title)) in enumerate(zip(lane_ids, lanes, strict=True)))
    shapes = "".join(_shape(ident, LEFT + HEAD, 80 + LANE * number, WIDTH - HEAD, LANE, ' isHorizontal="true"')
                     for number, ident in enumerate(lane_ids))
    middle = 80 + LANE // 2
    return (_HEAD + f"""  <bpmn:collaboration id="kolaborasi">
    <bpmn:participant id="kantor" name={quoteattr(name)} processRef={quoteattr(key)} />
  </bpmn:collaboration>
  <bpmn:process id={quoteattr(key)} name={quoteattr(name)} isExecutable="true" camunda:historyTimeToLive="P3650D">
    <bpmn:laneSet id="lanes">
{lane_set}    </bpmn:laneSet>
    <bpmn:startEvent id="mulai" name="MULAI">
      <bpmn:outgoing>f_mulai</bpmn:outgoing>
    </bpmn:startEvent>
    <bpmn:userTask id="langkah_1" name="Langkah 1">
      <bpmn:incoming>f_mulai</bpmn:incoming>
      <bpmn:outgoing>f_selesai</bpmn:outgoing>
    </bpmn:userTask>
    <bpmn:endEvent id="selesai" name="SELESAI">
      <bpmn:incoming>f_selesai</bpmn:incoming>
    </bpmn:endEvent>
    <bpmn:sequenceFlow id="f_mulai" sourceRef="mulai" targetRef="langkah_1" />
    <bpmn:sequenceFlow id="f_selesai" sourceRef="langkah_1" targetRef="selesai" />
  </bpmn:process>
  <bpmndi:BPMNDiagram id="gambar">
    <bpmndi:BPMNPlane id="bidang" bpmnElement="kolaborasi">
{_shape("kantor", LEFT, 80, WIDTH, height, ' isHorizontal="true"')}{shapes}\
{_shape("mulai", 242, middle - 18, 36, 36)}{_shape("langkah_1", 340, middle - 40, 120, 80)}{_shape("selesai", 532, middle - 18, 36, 36)}\
{_edge("f_mulai", 278, 340, middle)}{_edge("f_selesai", 460, 532, middle)}    </bpmndi:BPMNPlane>
  </bpmndi:BPMNDiagram>
</bpmn:definitions>
""").encode()


def form(ident: str) -> bytes:
    """Return an empty form."""
    return (json.dumps({"components": [], "type": "default", "id": ident, "schemaVersion": 18, "executionPlatform": "Camunda Platform",
                        "executionPlatformVersion": "7.24.0"}, indent=2) + "\n").encode()


def decision(ident: str, name: str) -> bytes:
    """Return a decision table with one input and one output, and no rule."""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" xmlns:dmndi="https://www.omg.org/spec/DMN/20191111/DMNDI/" \
xmlns:dc="http://www.omg.org/spec/DMN/20180521/DC/" id="definisi_{ident}" name={quoteattr(name)} namespace="http://camunda.org/schema/1.0/dmn">
  <decision id="{ident}" name={quoteattr(name)}>
    <decisionTable id="tabel_{ident}" hitPolicy="FIRST">
      <input id="masukan_1" label="masukan"><inputExpression id="ungkapan_1" typeRef="string"><text>masukan</text></inputExpression></input>
      <output id="keluaran_1" label="hasil" name="hasil" typeRef="string" />
    </decisionTable>
  </decision>
  <dmndi:DMNDI>
    <dmndi:DMNDiagram>
      <dmndi:DMNShape dmnElementRef="{ident}"><dc:Bounds height="80" width="180" x="160" y="100" /></dmndi:DMNShape>
    </dmndi:DMNDiagram>
  </dmndi:DMNDI>
</definitions>
""".encode()


def _shape(element: str, x: int, y: int, width: int, height: int, more: str = "") -> str:
    return (f'      <bpmndi:BPMNShape id={quoteattr("gambar_" + element)} bpmnElement={quoteattr(element)}{more}>\n'
            f'        <dc:Bounds x="{x}" y="{y}" width="{width}" height="{height}" />\n      </bpmndi:BPMNShape>\n')


def _edge(element: str, x1: int, x2: int, y: int) -> str:
    return (f'      <bpmndi:BPMNEdge id="gambar_{element}" bpmnElement="{element}">\n        <di:waypoint x="{x1}" y="{y}" />\n'
            f'        <di:waypoint x="{x2}" y="{y}" />\n      </bpmndi:BPMNEdge>\n')
