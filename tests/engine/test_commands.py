"""The commands on a real diagram: the SOP's own, and small ones."""

from pathlib import Path

import pytest

import bpmn
from bpmn.errors import Conflict, Forbidden, Invalid, NotFound
from engine import commands, queries

MODEL = Path(bpmn.__file__).parent / "models" / "penerbitan-informasi"
SOP = {path.name: path.read_bytes() for path in sorted(MODEL.iterdir())}
KEY = "penerbitan-informasi"


@pytest.fixture
def sop(pe, pemilik, now):
    return commands.deploy(pe, pemilik, now, name="SOP", resources=SOP)


def one_task(pe, actor):
    page = queries.tasks(pe, actor, candidate=True, mine=True)
    assert len(page.rows) == 1
    return page.rows[0]


def test_a_case_begins_with_its_first_task(pe, sop, ketua, kasubbag, now):
    case = commands.start(pe, ketua, now, key=KEY)
    assert case.business_key == "INF-2026-0001"
    task = one_task(pe, ketua)
    assert (task["activity_id"], task["instance_id"]) == ("tugaskan", case.id)
    done = commands.complete(pe, ketua, now, task["id"], {"perihal": "Rapat pleno", "kanal": ["website"]})
    assert done.tasks == [] and done.instance_id == case.id
    assert one_task(pe, kasubbag)["activity_id"] == "perintahkan"
    assert one_task(pe, kasubbag)["title"] == "Rapat pleno"
