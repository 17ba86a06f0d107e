"""The shipped model says what SOP 06/2022 says."""

import datetime as dt
from pathlib import Path

import pytest

from bpmn import check, forms, sop
from bpmn.errors import Invalid

MODEL = Path(__file__).parents[2] / "bpmn/models/penerbitan-informasi"
RESOURCES = {f.name: f.read_bytes() for f in MODEL.iterdir()}
SOP = sop.read(RESOURCES["penerbitan-informasi.bpmn"], "penerbitan-informasi")


def test_it_is_deployable_without_a_finding():
    assert list(check.check(RESOURCES)) == []


@pytest.mark.parametrize("activity, pelaksana, kelengkapan, waktu, output", [
    ("tugaskan", "Ketua Divisi", "Nota Dinas/Surat Tembusan/Surat Permohonan/Disposisi", dt.timedelta(minutes=10), "Disposisi dan Bahan Informasi"),
    ("perintahkan", "Sub Bagian", "Disposisi dan Bahan Informasi", dt.timedelta(minutes=5), "Disposisi dan Bahan Informasi"),
    ("siapkan", "Pelaksana", "Bahan Informasi", dt.timedelta(hours=5), "Konsep Informasi"),
    ("periksa", "Sub Bagian", "Konsep Informasi", dt.timedelta(hours=1), "Nota Dinas dan Konsep Informasi"),
    ("putuskan", "Ketua Divisi", "Konsep Informasi", dt.timedelta(hours=1), "Informasi"),
    ("serahkan", "Sub Bagian", "Informasi", dt.timedelta(minutes=5), "Disposisi dan Informasi"),
    ("terbitkan", "Pelaksana", "Disposisi dan Informasi", dt.timedelta(minutes=30), "Informasi, dokumentasi"),
])
def test_each_step_carries_the_sops_mutu_baku(activity, pelaksana, kelengkapan, waktu, output):
    step = SOP.steps[activity]
    assert (step.pelaksana, step.kelengkapan, step.waktu, step.output) == (pelaksana, kelengkapan, waktu, output)


def test_the_steps_stand_in_the_sops_order():
    numbered = [s for s in SOP.steps.values() if s.langkah and s.activity_id != "terbitkan_manual"]
    assert [s.langkah for s in numbered] == [str(n) for n in range(1, 8)]


def test_the_standard_times_add_up_to_what_the_sop_says():
    total = sum((SOP.steps[a].waktu for a in ("tugaskan", "perintahkan", "siapkan", "periksa", "putuskan", "serahkan", "terbitkan")), dt.timedelta())
    assert total == dt.timedelta(hours=7, minutes=50)


@pytest.mark.parametrize("name", sorted(n for n in RESOURCES if n.endswith(".form")))
def test_every_form_can_be_read(name):
    assert forms.read(RESOURCES[name], name).fields()


@pytest.mark.parametrize("name", ["siapkan.form", "periksa.form"])
def test_exempt_information_is_refused_with_the_laws_ground(name):
    with pytest.raises(Invalid) as caught:
        forms.validate(forms.read(RESOURCES[name], name), {"jenis": "pengumuman", "klasifikasi": "dikecualikan", "judul": "Daftar pemilih"})
    problems = {p.where["field"]: str(p) for p in caught.value.problems}
    assert "Pasal 17 UU 14/2008" in problems["dasar_pengecualian"]


def test_a_broken_duration_is_none_and_a_month_is_not_working_time():
    assert sop.duration("PT90M") == dt.timedelta(minutes=90)
    assert sop.duration("P1M") is None and sop.duration("lima menit") is None and sop.duration("") is None
