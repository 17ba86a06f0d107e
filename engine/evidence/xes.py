"""An event log in XES (IEEE 1849-2016), which process mining tools open; written as it is read."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

from lxml import etree

from engine.evidence.out import CASE, Export
from engine.evidence.pieces import Pieces
from engine.word import clean

EXTENSIONS = {"concept": "Concept", "time": "Time", "lifecycle": "Lifecycle", "org": "Organizational"}  # of the standard
XES = "http://www.xes-standard.org/"


def xes_of(out: Export) -> Iterator[bytes]:
    """An event log: a trace for each case, in it an event when an activity came to be (schedule), was claimed (start), and was completed
    (complete) or taken away (ate_abort), in order of time. Source: IEEE 1849-2016 and its standard extensions."""
    pieces = Pieces()
    with etree.xmlfile(pieces, encoding="utf-8") as xml:
        xml.write_declaration()
        with xml.element("log", {"xes.version": "1849.2016", "xes.features": "", "xmlns": XES}):
            for each in _preamble(out):
                xml.write(each)
            for number, (case, steps) in enumerate(out.cases, 1):
                xml.write(_trace(case, steps, out.zone))
                if number % 50 == 0:
                    xml.flush()
                    yield pieces.take()
    yield pieces.take()


def _preamble(out: Export) -> Iterator[Any]:
    for prefix, name in EXTENSIONS.items():
        yield etree.Element("extension", name=name, prefix=prefix, uri=f"{XES}{prefix}.xesext")
    trace, event = etree.Element("global", scope="trace"), etree.Element("global", scope="event")
    _add(trace, "concept:name", "-")
    for key, value in (("concept:name", "-"), ("time:timestamp", dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)),
                       ("lifecycle:transition", "complete")):
        _add(event, key, value, dt.timezone.utc)
    yield from (trace, event)
    for name, keys in (("Langkah", "concept:name"), ("Id langkah", "id_langkah"),
                       ("Langkah dan tahap", "concept:name lifecycle:transition")):
        yield etree.Element("classifier", name=name, keys=keys)
    log = etree.Element("log")
    _add(log, "concept:name", f"{out.office}: {out.scope.key}" + (" (data contoh)" if out.is_sample else ""))
    _add(log, "lifecycle:model", "standard")
    yield from log


def _trace(case: dict[str, Any], steps: list[dict[str, Any]], zone: dt.tzinfo) -> Any:
    trace = etree.Element("trace")
    _add(trace, "concept:name", case["nomor"])
    for name in CASE[1:]:
        _add(trace, name, case[name], zone)
    moments = [each for step in steps for each in _moments(step)]
    for at, _, number, transition, step in sorted(moments, key=lambda each: each[:3]):
        event = etree.SubElement(trace, "event")
        _add(event, "concept:name", step["langkah"])
        _add(event, "concept:instance", step["id"])
        _add(event, "time:timestamp", at, zone)
        _add(event, "lifecycle:transition", transition)
        _add(event, "org:resource", step["petugas"] if number else "")
        _add(event, "org:group", step["kelompok"])
        _add(event, "id_langkah", step["id_langkah"])
        if number == 2:
            for name in ("jatuh_tempo", "detik_kerja", "detik_menunggu", "detik_mengerjakan", "dalam_mutu_baku", "perpanjangan"):
                _add(event, name, step[name], zone)
    return trace


def _moments(step: dict[str, Any]) -> Iterator[tuple[dt.datetime, str, int, str, dict[str, Any]]]:
    yield step["mulai"], step["id"], 0, "schedule", step
    if step["diambil"]:
        yield step["diambil"], step["id"], 1, "start", step
    yield step["selesai"], step["id"], 2, "complete" if step["keadaan"] == "selesai" else "ate_abort", step


def _add(to: Any, key: str, value: Any, zone: dt.tzinfo | None = None) -> None:
    """Add an attribute of the type that its value has; none for what is not there."""
    if value is None or value == "":
        return
    if isinstance(value, dt.datetime):
        kind, text = "date", value.astimezone(zone).isoformat(timespec="milliseconds")
    elif isinstance(value, bool):
        kind, text = "boolean", "true" if value else "false"
    elif isinstance(value, int):
        kind, text = "int", str(value)
    else:
        kind, text = "string", clean(value)
    etree.SubElement(to, kind, key=key, value=text)
