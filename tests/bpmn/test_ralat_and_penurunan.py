"""The shipped processes about a published case: deployable, whole, and drawn."""

import datetime as dt
from pathlib import Path

import pytest

from bpmn import check, forms, model, sop, xml
from bpmn.expressions import sha256

MODELS = Path(__file__).parents[2] / "bpmn/models"
KEYS = ("ralat", "penurunan")
RESOURCES = {key: {f.name: f.read_bytes() for f in (MODELS / key).iterdir()} for key in KEYS}


def process(key):
    (found,) = model.read(RESOURCES[key][f"{key}.bpmn"], f"{key}.bpmn")
    return found


@pytest.mark.parametrize("key", KEYS)
def test_it_is_deployable_without_a_finding(key):
    assert check.check(RESOURCES[key]) == []


@pytest.mark.parametrize("key, prefix", [("ralat", "RLT"), ("penurunan", "TRN")])
def test_only_the_ketua_starts_it_about_a_published_case_and_everybody_of_the_sop_sees_it(key, prefix):
    found = process(key)
    assert found.starter_groups == ("ketua-divisi",) and found.properties["tentang"] == "penerbitan-informasi"
    assert found.properties["business_key_prefix"] == prefix
    assert {"ketua-divisi", "sub-bagian", "pelaksana", "web-admin"} == set(found.groups)


@pytest.mark.parametrize("name", [(key, name) for key in KEYS for name in sorted(RESOURCES[key]) if name.endswith(".form")], ids="/".join)
def test_every_form_can_be_read(name):
    assert forms.read(RESOURCES[name[0]][name[1]], name[1]).fields()


@pytest.mark.parametrize("key, activity, pelaksana, waktu", [
    ("ralat", "siapkan", "Pelaksana", dt.timedelta(hours=2)), ("ralat", "periksa", "Sub Bagian", dt.timedelta(hours=1)),
    ("ralat", "putuskan", "Ketua Divisi", dt.timedelta(hours=1)), ("ralat", "terbitkan_manual", "Pelaksana", dt.timedelta(minutes=30)),
    ("penurunan", "turunkan_manual", "Pelaksana", dt.timedelta(minutes=30)),
])
def test_each_persons_step_carries_its_mutu_baku(key, activity, pelaksana, waktu):
    step = sop.read(RESOURCES[key][f"{key}.bpmn"], key).steps[activity]
    assert (step.pelaksana, step.waktu) == (pelaksana, waktu) and step.kelengkapan and step.output and step.kegiatan


@pytest.mark.parametrize("key", KEYS)
def test_every_element_is_drawn(key):
    root = xml.parse(RESOURCES[key][f"{key}.bpmn"])
    drawn = {e.get("bpmnElement") for e in root.iter() if isinstance(e.tag, str) and e.get("bpmnElement")}
    flows = {e.get("id") for e in root.iter("{http://www.omg.org/spec/BPMN/20100524/MODEL}sequenceFlow")}
    assert set(process(key).elements) <= drawn and flows <= drawn


def test_the_seal_covers_the_public_note_as_publication_checks_it():
    from engine.publication import sealed

    names = sealed({"teks_kanal": None, "catatan_ralat": "x"})
    text = RESOURCES["ralat"]["ralat.bpmn"].decode()
    assert f"sha256([{', '.join(names)}])" in text and sha256([None]) != sha256([""])
