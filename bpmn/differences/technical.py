"""What only the machine reads: attributes, parameters, scripts. Said as it is written."""

from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from bpmn import model
from bpmn.differences.changes import Change, Item, altered
from bpmn.differences.identity import IDENTITY
from bpmn.errors import N_, Told

ATTRIBUTES = {"assignee": N_("penerima tugas"), "candidateGroups": N_("kelompok yang dapat mengerjakan"), "dueDate": N_("tenggat"),
              "candidateUsers": N_("orang yang dapat mengerjakan"), "candidateStarterGroups": N_("kelompok yang dapat memulai"),
              "topic": N_("layanan"), "decisionRef": N_("tabel keputusan")}
SAID = {"id", "name", "default", "attachedToRef", "messageRef"}  # attributes that other words tell of
MUTU_BAKU = {"kelengkapan", "output", "keterangan", "waktu", "langkah", "dapat_diperpanjang"}


def of_process(old: model.Process, new: model.Process) -> list[Item]:
    said = [*table(old.camunda, new.camunda), *table(old.properties, new.properties, {*IDENTITY})]
    return [Item(Told(N_("Prosedur")), tuple(said))] if said else []


def of_element(old: model.Element, new: model.Element) -> list[Change]:
    said = table(old.camunda, new.camunda, {"formRef", "formKey"})
    said += table(old.attributes, new.attributes, SAID)
    said += table(old.properties, new.properties, MUTU_BAKU)
    for title, one, two in ((N_("masukan %(name)s"), old.inputs, new.inputs), (N_("keluaran %(name)s"), old.outputs, new.outputs)):
        before, after = ({name: plain(value) for name, value in pairs} for pairs in (one, two))
        said += [altered(Told(title, name=name), before.get(name, ""), after.get(name, ""))
                 for name in dict.fromkeys([*before, *after]) if before.get(name) != after.get(name)]
    for what, a, b in ((N_("skrip"), old.script, new.script), (N_("pengulangan"), plain(old.loop), plain(new.loop)),
                       (N_("data yang dikirim dan diterima"), plain(old.mappings), plain(new.mappings)),
                       (N_("unsur tambahan"), plain(sorted(old.extensions)), plain(sorted(new.extensions)))):
        if a != b:
            said.append(altered(Told(what), a, b))
    if old.type in model.ACTIVITIES and plain(old.triggers) != plain(new.triggers):
        said.append(altered(Told(N_("pesan")), plain(old.triggers), plain(new.triggers)))
    return said


def table(old: Mapping[str, str], new: Mapping[str, str], leave: Iterable[str] = ()) -> list[Change]:
    def what(key: str) -> Told:
        return Told(ATTRIBUTES[key]) if key in ATTRIBUTES else Told(N_("atribut %(name)s"), name=key)

    return [altered(what(key), old.get(key, ""), new.get(key, ""))
            for key in sorted({*old, *new} - {*leave}) if old.get(key, "").strip() != new.get(key, "").strip()]


def plain(value: Any) -> str:
    """Any value of `bpmn.model` in one line, without its place in the file."""
    if value is None:
        return ""
    if isinstance(value, model.Value):
        return plain(value.content)
    if is_dataclass(value):
        parts = ((f.name, plain(getattr(value, f.name))) for f in fields(value) if f.name != "line")
        return ", ".join(f"{name}: {text}" for name, text in parts if text)
    if isinstance(value, dict):
        return ", ".join(f"{name}: {plain(each)}" for name, each in value.items())
    if isinstance(value, list | tuple):
        return "; ".join(plain(each) for each in value)
    return str(value)
