"""What a diagram says as an SOP: its identity, and each activity's mutu baku.

The form is PermenPAN-RB 35/2012's; what BPMN has no element for lives in `camunda:properties`, of the process the
identity (`nomor`, `tanggal_pengesahan`, `dasar_hukum`, …), of each activity its mutu baku (`langkah`, `kelengkapan`,
`waktu`, `output`, `keterangan`). The activity's own words (the SOP's column Kegiatan) are its documentation.

A task whose outcome is also a paper says so beside that: `naskah` is its kind, one of `PAPERS`, `naskah_kepada` to whom it goes and
`naskah_isi` what it says, both as `camunda:dueDate` is read (words with `${…}` in them); `engine.letters` issues it.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import isodate

from bpmn import timers, xml
from bpmn.errors import N_

BPMN = "{http://www.omg.org/spec/BPMN/20100524/MODEL}"
CAMUNDA = "{http://camunda.org/schema/1.0/bpmn}"
ACTIVITIES = {"userTask", "manualTask", "task", "serviceTask", "sendTask", "receiveTask", "businessRuleTask", "scriptTask", "callActivity"}

PAPERS = {"lembar-disposisi": N_("Lembar disposisi"), "nota-dinas": N_("Nota dinas")}  # kind -> what it is called


@dataclass(frozen=True)
class Step:
    """One activity and the standard it is held to."""

    activity_id: str
    name: str
    kegiatan: str
    pelaksana: str  # the lane's name
    langkah: str  # the SOP's own number, '' where it has none
    kelengkapan: str
    waktu: dt.timedelta | None  # working time, as it is written: 'P1D' is 24 hours here
    output: str
    keterangan: str
    allowed: tuple[int, dt.timedelta] | None = None  # the same as working days and the rest, see `timers.working`
    dapat_diperpanjang: bool = False  # whoever does it may take more time, with a reason


@dataclass(frozen=True)
class Sop:
    """The SOP that a diagram is. `identity` holds the process's properties as they are written."""

    name: str
    identity: Mapping[str, str]
    steps: Mapping[str, Step]  # by activity id, in the diagram's order


@lru_cache(maxsize=128)
def read(diagram: bytes, key: str) -> Sop:
    """Read the SOP out of process `key` of a diagram. What is not said is '' or None; a wrong `waktu` is None."""
    process = next((p for p in xml.parse(diagram).iter(BPMN + "process") if p.get("id") == key), None)
    if process is None:
        return Sop(key, {}, {})
    lanes = {ref.text.strip(): lane.get("name") or lane.get("id")
             for lane in process.iter(BPMN + "lane") for ref in lane.iterfind(BPMN + "flowNodeRef") if ref.text}
    steps = [_step(e, lanes) for e in process.iter() if isinstance(e.tag, str) and e.tag.removeprefix(BPMN) in ACTIVITIES]
    return Sop(process.get("name") or key, _properties(process), {s.activity_id: s for s in steps})


def duration(text: str) -> dt.timedelta | None:
    """Return an ISO 8601 duration as a timedelta; None for what is not one, or counts in months or years."""
    try:
        value = isodate.parse_duration(text)
    except (isodate.ISO8601Error, ValueError, OverflowError):
        return None
    return value if isinstance(value, dt.timedelta) else None


def _step(element, lanes: Mapping[str, str]) -> Step:
    said = _properties(element)
    return Step(
        activity_id=element.get("id"), name=element.get("name") or element.get("id"),
        kegiatan=(element.findtext(BPMN + "documentation") or "").strip(), pelaksana=_lane(element, lanes),
        langkah=said.get("langkah", ""), kelengkapan=said.get("kelengkapan", ""), waktu=duration(said.get("waktu", "")),
        output=said.get("output", ""), keterangan=said.get("keterangan", ""),
        allowed=timers.working(said.get("waktu", "")), dapat_diperpanjang=said.get("dapat_diperpanjang", "").strip().lower() == "true",
    )


def _lane(element, lanes: Mapping[str, str]) -> str:
    """Return the lane an element lies in; inside a subprocess, that of the nearest enclosing element with one."""
    while element is not None:
        if element.get("id") in lanes:
            return lanes[element.get("id")]
        element = element.getparent()
    return ""


def _properties(element) -> dict[str, str]:
    path = f"{BPMN}extensionElements/{CAMUNDA}properties/{CAMUNDA}property"
    return {p.get("name", ""): p.get("value", "") for p in element.iterfind(path)}
