"""Element templates for the modeler, in Camunda's format (JSON Schema of `@camunda/element-templates-json-schema`).

One for an activity of the SOP with its mutu baku, one for each topic that Terbit does itself, and one for each installed connector,
with the office's channels that it serves. They also work in the desktop modeler (`resources/element-templates`).
"""

from collections.abc import Callable, Mapping
from typing import Any

import connectors

Template = dict[str, Any]


def N_(message: str) -> str:
    return message


ACTIVITY = "terbit.kegiatan-sop"
DURATION = r"^P(?!$)(\d+D)?(T(?=\d)(\d+H)?(\d+M)?)?$"
# (camunda:property, label, what to write): the same that `bpmn.sop` reads of an activity.
MUTU_BAKU = (
    ("langkah", N_("Nomor langkah"), N_("Nomor kegiatan pada tabel SOP.")),
    ("kelengkapan", N_("Kelengkapan"), N_("Yang harus ada sebelum kegiatan ini dimulai.")),
    ("waktu", N_("Waktu"), N_("Waktu kerja baku, sebagai durasi ISO 8601: PT30M, PT5H, P1D.")),
    ("output", N_("Output"), N_("Yang dihasilkan kegiatan ini.")),
    ("keterangan", N_("Keterangan"), N_("Kolom terakhir tabel SOP.")),
)
# The variables that each topic's handler reads, as the shipped diagrams give them: (input parameter, label, expression).
CONTENT = (
    ("judul", N_("Judul"), "${judul}"), ("ringkasan", N_("Ringkasan"), "${ringkasan}"), ("isi", N_("Isi"), "${isi}"),
    ("gambar", N_("Gambar"), "${gambar}"), ("lampiran", N_("Lampiran"), "${lampiran}"),
    ("teks_kanal", N_("Teks tiap kanal"), "${teks_kanal}"), ("jenis", N_("Jenis informasi"), "${jenis}"),
    ("klasifikasi", N_("Klasifikasi"), "${klasifikasi}"), ("segel", N_("Segel persetujuan"), "${segel}"),
    ("terbit_pada", N_("Terbit pada"), "${terbit_pada}"),
)
CHANNEL = ("kanal", N_("Kanal"), "${saluran}")
TOPICS = {
    "publikasi": (N_("Publikasi"), N_("Menerbitkan bahan yang disetujui ke satu kanal, satu kali."), (CHANNEL, *CONTENT)),
    "turunkan": (N_("Penurunan"), N_("Menurunkan yang telah terbit dari satu kanal."), (
        CHANNEL, ("judul", N_("Judul"), "${judul}"), ("jenis", N_("Jenis informasi"), "${jenis}"), ("revisi", N_("Revisi"), "${revisi}"))),
    "dokumentasikan": (N_("Dokumentasi"), N_("Mencatat yang terbit di arsip kantor, dan memeriksa halamannya."), ()),
}


def templates(channels: Mapping[str, list[tuple[str, str]]], translate: Callable[[str], str]) -> list[Template]:
    """All templates; `channels`: (id, name) of the office's channels by their connector."""
    made = [_activity(translate)]
    made += [_topic(topic, translate) for topic in TOPICS]
    made += [_connector(name, kind, channels.get(name, []), translate) for name, kind in connectors.all_connectors().items()]
    return made


def _activity(translate: Callable[[str], str]) -> Template:
    fields = [{"label": translate(label), "description": translate(help), "type": "String",
               "binding": {"type": "camunda:property", "name": name},
               **({"constraints": {"pattern": {"value": DURATION, "message": translate(help)}}} if name == "waktu" else {})}
              for name, label, help in MUTU_BAKU]
    longer = {"label": translate(N_("Dapat diperpanjang, dengan alasan")), "type": "Dropdown", "value": "false",
              "choices": [{"name": translate(N_("Tidak")), "value": "false"}, {"name": translate(N_("Ya")), "value": "true"}],
              "binding": {"type": "camunda:property", "name": "dapat_diperpanjang"}}
    return {"name": translate(N_("Kegiatan SOP")), "id": ACTIVITY, "version": 1,
            "description": translate(N_("Tugas orang dengan mutu bakunya: kelengkapan, waktu, output, keterangan.")),
            "appliesTo": ["bpmn:Task", "bpmn:UserTask", "bpmn:ManualTask"], "elementType": {"value": "bpmn:UserTask"},
            "entriesVisible": True, "properties": [*fields, longer]}


def _topic(topic: str, translate: Callable[[str], str]) -> Template:
    name, description, inputs = TOPICS[topic]
    return _service(f"terbit.{topic}", translate(name), translate(description), topic, [_input(each, translate) for each in inputs])


def _connector(name: str, kind: type[connectors.Connector], channels: list[tuple[str, str]], translate: Callable[[str], str]) -> Template:
    title = translate(kind.title)
    asked = ", ".join(translate(field.label) for field in kind.fields)
    said = translate(N_("Menerbitkan lewat %(connector)s.")) % {"connector": title}
    said += " " + translate(N_("Diatur admin di halaman Kanal: %(settings)s.")) % {"settings": asked} if asked else ""
    channel = {"label": translate(N_("Kanal")), "type": "Dropdown", "value": channels[0][0],
               "choices": [{"name": f"{label} ({id})", "value": id} for id, label in channels]} if channels else {
        "label": translate(N_("Kanal")), "type": "String",
        "description": translate(N_("Belum ada kanal yang memakai konektor ini; admin membuatnya di halaman Kanal."))}
    return _service(f"terbit.kanal.{name}", translate(N_("Publikasi: %(connector)s")) % {"connector": title}, said, "publikasi", [
        {**channel, "constraints": {"notEmpty": True}, "binding": {"type": "camunda:inputParameter", "name": "kanal"}},
        *(_input(each, translate) for each in CONTENT)])


def _input(each: tuple[str, str, str], translate: Callable[[str], str]) -> Template:
    name, label, expression = each
    return {"label": translate(label), "type": "String", "value": expression, "binding": {"type": "camunda:inputParameter", "name": name}}


def _service(id: str, name: str, description: str, topic: str, inputs: list[Template]) -> Template:
    fixed = [{"type": "Hidden", "value": value, "binding": {"type": "property", "name": attribute}}
             for attribute, value in (("camunda:type", "external"), ("camunda:topic", topic))]
    return {"name": name, "id": id, "version": 1, "description": description, "appliesTo": ["bpmn:Task", "bpmn:ServiceTask"],
            "elementType": {"value": "bpmn:ServiceTask"}, "entriesVisible": True, "properties": [*fixed, *inputs]}
