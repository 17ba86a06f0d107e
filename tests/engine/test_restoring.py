"""An old version brought back: as a draft, upon the newest, never over somebody's work, and the history says from which."""

import pytest
import sqlalchemy as sa

from bpmn.errors import Conflict, Forbidden, NotFound
from engine import installation, model_drafts, overviews, queries
from engine.commands import deploy
from engine.process_engine import Actor
from engine.store import read
from engine.tables import event
from tests.conftest import on_databases

KEY, DIAGRAM = "penurunan", "penurunan.bpmn"


@pytest.fixture
def first(pe, people, now):
    """The id of version 1, of two."""
    folder = installation.MODELS / KEY
    installation.deploy_shipped(pe, now, folder)
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    files[DIAGRAM] = files[DIAGRAM].replace(b"isExecutable", b'camunda:versionTag="2" isExecutable')
    id = queries.definition(pe, people["pemilik"], KEY)["id"]
    deploy(pe, people["pemilik"], now, name="Tanda versi", resources=files)
    return id


def put_in_force(pe, actor, now, note=""):
    draft = model_drafts.get(pe, actor, KEY)
    seen = model_drafts.check_draft(pe, actor, draft["id"]).state
    return model_drafts.put_in_force(pe, actor, now, draft["id"], note=note, seen=seen)


def notes(pe, actor):
    return [row["note"] for row in overviews.versions(pe, actor, KEY).rows]


@on_databases
def test_an_old_version_becomes_a_draft_upon_the_newest_and_then_a_new_version(pe, people, first, now):
    pemilik = people["pemilik"]
    assert model_drafts.restore(pe, pemilik, now, first) == KEY
    draft = model_drafts.get(pe, pemilik, KEY)
    assert (draft["base_version"], draft["newest_version"], draft["restored_version"]) == (2, 2, 1)
    old = queries.definition_xml(pe, pemilik, first)
    assert model_drafts.file(pe, pemilik, draft["id"], DIAGRAM)["content"] == old
    assert notes(pe, pemilik) == ["Tanda versi", KEY]  # nothing is in force by it
    (made,) = put_in_force(pe, pemilik, now).definitions
    assert made["version"] == 3 and queries.definition_xml(pe, pemilik, made["id"]) == old
    assert notes(pe, pemilik) == ["Dipulihkan dari versi 1", "Tanda versi", KEY]
    with read(pe) as db:
        told = db.execute(sa.select(event.c.data, event.c.actor).where(event.c.type == "model_draft.restored")).all()
    assert [(t.data["version"], t.actor) for t in told] == [(1, "pemilik")]


def test_its_own_note_stays_and_a_change_since_is_not_called_restored(pe, people, first, now):
    pemilik = people["pemilik"]
    model_drafts.restore(pe, pemilik, now, first)
    file = model_drafts.file(pe, pemilik, model_drafts.get(pe, pemilik, KEY)["id"], DIAGRAM)
    changed = file["content"].replace(b"isExecutable", b'camunda:versionTag="3" isExecutable')
    model_drafts.save(pe, pemilik, now, model_drafts.get(pe, pemilik, KEY)["id"], DIAGRAM, changed, file["version"])
    put_in_force(pe, pemilik, now, "Kembali ke cara lama")
    assert notes(pe, pemilik)[0] == "Kembali ke cara lama (diubah dari versi 1)"


def test_a_draft_is_never_overwritten(pe, people, first, now):
    pemilik = people["pemilik"]
    model_drafts.begin(pe, pemilik, now, queries.definition(pe, pemilik, KEY)["id"])
    before = model_drafts.get(pe, pemilik, KEY)
    with pytest.raises(Conflict):
        model_drafts.restore(pe, pemilik, now, first)
    assert model_drafts.get(pe, pemilik, KEY) == before


def test_the_newest_is_not_restored_nor_by_whom_it_does_not_concern(pe, people, first, now):
    with pytest.raises(Conflict):
        model_drafts.restore(pe, people["pemilik"], now, queries.definition(pe, people["pemilik"], KEY)["id"])
    with pytest.raises(Forbidden):
        model_drafts.restore(pe, people["ketua"], now, first)
    with pytest.raises(NotFound):
        model_drafts.restore(pe, Actor("x", "lain", frozenset({"process-owner"}), "X"), now, first)
    assert model_drafts.find(pe, people["pemilik"], KEY) is None
