"""Diagrams damaged at random: each is refused with findings, or runs; nothing else happens."""

import random
import re
from pathlib import Path

import pytest
from lxml import etree

from bpmn import check, support
from bpmn.errors import TerbitError
from engine import spec, step
from engine.ids import source
from tests.engine.diagrams import Diagram
from tests.engine.drive import NOW

MODEL = Path(__file__).parents[2] / "bpmn/models/penerbitan-informasi"
RESOURCES = {p.name: p.read_bytes() for p in MODEL.iterdir()}
SOP = RESOURCES.pop("penerbitan-informasi.bpmn")
BPMN = "{http://www.omg.org/spec/BPMN/20100524/MODEL}"
TAGS = [*support.TRIGGERS, *support.KINDS, "task", "subProcess", "transaction", "exclusiveGateway", "inclusiveGateway", "parallelGateway",
        "sequenceFlow", "multiInstanceLoopCharacteristics", "standardLoopCharacteristics", "conditionExpression",
        *(f"{kind}EventDefinition" for kind in ("timer", "message", "signal", "error", "escalation", "terminate", "cancel", "link",
        "conditional"))]
VALUES = {"pick": 2, "kanal": ["a", "b"], "jenis": "berita", "klasifikasi": "x", "penulis": "p", "judul": "j", "ringkasan": "", "isi": "",
          "gambar": [], "lampiran": [], "keputusan": "sesuai", "terbit_pada": None, "segel": ""}


def damaged(rnd: random.Random) -> bytes:
    root = etree.fromstring(SOP if rnd.random() < 0.4 else Diagram(rnd, 3).build())
    elements = [e for e in root.iter() if isinstance(e.tag, str) and e.tag.startswith(BPMN) and e is not root]
    for _ in range(rnd.randint(1, 3)):
        damage(rnd, rnd.choice(elements), rnd.choice(elements))
    return etree.tostring(root)


def damage(rnd: random.Random, element, other) -> None:
    kind = rnd.random()
    if element.getparent() is None:
        return
    if kind < 0.2:
        element.getparent().remove(element)
    elif kind < 0.45:
        element.tag = BPMN + rnd.choice(TAGS)
    elif kind < 0.85 and element.attrib:
        name = rnd.choice(list(element.attrib))
        element.attrib[name] = rnd.choice([*other.attrib.values(), "", "${a.b}", "x"])
    elif kind < 0.93 and other is not element and other not in list(element.iterancestors()):
        element.append(other)
    else:
        element.text = rnd.choice(["", "x", "${", "1", "${a.b}", "P1D", "R/P1D"])


@pytest.mark.parametrize("first", range(0, 400, 50))
def test_a_damaged_diagram_is_refused_or_runs(first):
    for seed in range(first, first + 50):
        rnd = random.Random(seed)
        files = {**RESOURCES, "p.bpmn": damaged(rnd)}
        errors = [f for f in check.check(files, called=()) if f.severity == "error"]
        assert all(f.text for f in errors)
        if not errors:
            run(rnd, spec.compile(files, {}, next(iter(spec.processes(files)))), files["p.bpmn"].decode())


def run(rnd: random.Random, compiled, text: str) -> None:
    values = {**VALUES, **dict.fromkeys(re.findall(r"again_\w+", text), 0)}
    new_id = source(NOW)
    try:
        live = step.start(compiled, values, NOW, new_id).live
    except TerbitError:
        return
    for _ in range(15):
        waits = [w["i"] for t in live.state.get("t", ()) for w in t.get("w", ())]
        tasks = step.open_activities(live)
        if not tasks:
            return
        try:
            if waits and rnd.random() < 0.4:
                live = step.trigger(compiled, live, rnd.choice(waits), NOW, new_id, {"u": 1}).live
            elif rnd.random() < 0.1:
                outcome = step.throw_error(compiled, live, rnd.choice(tasks), "gagal", "", NOW, new_id)
                live = outcome.live if outcome else live
            else:
                live = step.complete(compiled, live, rnd.choice(tasks), values, NOW, new_id).live
        except TerbitError:
            continue
