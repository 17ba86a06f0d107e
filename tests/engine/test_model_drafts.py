"""Drafts of procedures: no edit is ever lost, what is put in force is what was seen, and offices do not meet."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from bpmn import package
from bpmn.errors import Conflict, Forbidden, Invalid, NotFound
from engine import commands, installation, model_drafts, queries
from engine.process_engine import Actor
from tests.conftest import on_databases

KEY, DIAGRAM = "penurunan", "penurunan.bpmn"


@pytest.fixture
def pemilik(pe, people, now):
    installation.deploy_shipped(pe, now, installation.MODELS / KEY)
    return people["pemilik"]


@pytest.fixture
def rekan(people):
    return people["admin"]


@pytest.fixture
def draft(pe, pemilik, now):
    """A draft of the shipped procedure."""
    model_drafts.begin(pe, pemilik, now, queries.definition(pe, pemilik, KEY)["id"])
    return model_drafts.get(pe, pemilik, KEY)


@pytest.fixture
def diagram(pe, pemilik, draft):
    return model_drafts.file(pe, pemilik, draft["id"], DIAGRAM)


def named(content, words):
    return content.replace(b'name="Penurunan"', b'name="%s"' % words)


@on_databases
def test_a_draft_begins_with_every_file_of_its_version(pe, pemilik, draft):
    definition = queries.definition(pe, pemilik, KEY)
    deployed = {r["name"] for r in queries.deployment_resources(pe, pemilik, definition["deployment_id"])}
    assert {f["name"] for f in draft["files"]} == deployed
    assert (draft["base_id"], draft["base_version"], draft["newest_id"]) == (definition["id"], 1, definition["id"])
    assert model_drafts.file(pe, pemilik, draft["id"], DIAGRAM)["content"] == queries.definition_xml(pe, pemilik, definition["id"])
    assert [d["key"] for d in model_drafts.drafts(pe, pemilik)] == [KEY]


def test_begun_again_it_is_the_same_draft(pe, pemilik, rekan, draft, diagram, now):
    model_drafts.save(pe, pemilik, now, draft["id"], DIAGRAM, named(diagram["content"], b"A"), diagram["version"])
    assert model_drafts.begin(pe, rekan, now, draft["base_id"]) == KEY
    assert b'name="A"' in model_drafts.file(pe, rekan, draft["id"], DIAGRAM)["content"]


@on_databases
def test_a_save_that_knows_an_older_version_is_refused_with_who_and_when_and_writes_nothing(pe, pemilik, rekan, draft, diagram, now):
    mine, theirs = named(diagram["content"], b"Punya saya"), named(diagram["content"], b"Punya rekan")
    model_drafts.save(pe, rekan, now, draft["id"], DIAGRAM, theirs, diagram["version"])
    with pytest.raises(model_drafts.Newer) as refused:
        model_drafts.save(pe, pemilik, now, draft["id"], DIAGRAM, mine, diagram["version"])
    assert (refused.value.saved["by"], refused.value.saved["at"]) == ("admin", now)
    assert "content" not in refused.value.saved
    assert model_drafts.file(pe, pemilik, draft["id"], DIAGRAM)["content"] == theirs


@on_databases
def test_of_many_saves_at_once_that_know_the_same_version_one_is_kept(pe, pemilik, draft, diagram, now):
    def save(number):
        try:
            return model_drafts.save(pe, pemilik, now, draft["id"], DIAGRAM, named(diagram["content"], b"N%d" % number), diagram["version"])
        except model_drafts.Newer:
            return None

    with ThreadPoolExecutor(6) as pool:
        kept = [version for version in pool.map(save, range(6)) if version]
    assert len(kept) == 1 and model_drafts.file(pe, pemilik, draft["id"], DIAGRAM)["version"] == kept[0]


def test_the_same_content_again_is_no_conflict_and_no_new_version(pe, pemilik, draft, diagram, now):
    changed = named(diagram["content"], b"A")
    version = model_drafts.save(pe, pemilik, now, draft["id"], DIAGRAM, changed, diagram["version"])
    assert model_drafts.save(pe, pemilik, now, draft["id"], DIAGRAM, changed, diagram["version"]) == version > diagram["version"]


def test_a_file_removed_and_made_anew_has_a_version_that_no_page_knows(pe, pemilik, rekan, draft, now):
    version = next(f["version"] for f in draft["files"] if f["name"] == "turunkan_manual.form")
    model_drafts.delete(pe, rekan, now, draft["id"], "turunkan_manual.form", version)
    with pytest.raises(model_drafts.Newer) as refused:
        model_drafts.save(pe, pemilik, now, draft["id"], "turunkan_manual.form", b'{"components": []}', version)
    assert refused.value.saved is None
    model_drafts.add(pe, rekan, now, draft["id"], "turunkan_manual.form", b'{"components": [], "id": "x"}')
    with pytest.raises(model_drafts.Newer):
        model_drafts.save(pe, pemilik, now, draft["id"], "turunkan_manual.form", b'{"components": []}', version)


def test_a_file_is_renamed_but_not_onto_another_nor_into_another_kind(pe, pemilik, draft, diagram, now):
    model_drafts.rename(pe, pemilik, now, draft["id"], DIAGRAM, "turun.bpmn", diagram["version"])
    assert "turun.bpmn" in {f["name"] for f in model_drafts.get(pe, pemilik, KEY)["files"]}
    version = model_drafts.file(pe, pemilik, draft["id"], "turun.bpmn")["version"]
    with pytest.raises(Invalid):
        model_drafts.rename(pe, pemilik, now, draft["id"], "turun.bpmn", "turun.form", version)
    other = model_drafts.file(pe, pemilik, draft["id"], "turunkan_manual.form")["version"]
    with pytest.raises(Conflict):
        model_drafts.rename(pe, pemilik, now, draft["id"], "turunkan_manual.form", "PERINTAH_PENURUNAN.form", other)
    with pytest.raises(model_drafts.Newer):
        model_drafts.delete(pe, pemilik, now, draft["id"], "turun.bpmn", diagram["version"])


@on_databases
def test_put_in_force_it_is_the_next_version_and_the_draft_is_gone(pe, pemilik, draft, diagram, now):
    model_drafts.save(pe, pemilik, now, draft["id"], DIAGRAM, named(diagram["content"], b"Menurunkan"), diagram["version"])
    checked = model_drafts.check_draft(pe, pemilik, draft["id"])
    assert not [f for f in checked.findings if f.severity == "error"]
    made = model_drafts.put_in_force(pe, pemilik, now, draft["id"], note="Nama", seen=checked.state)
    assert made.definitions[0]["version"] == 2
    assert b'name="Menurunkan"' in queries.definition_xml(pe, pemilik, made.definitions[0]["id"])
    assert model_drafts.find(pe, pemilik, KEY) is None
    with pytest.raises(NotFound):
        model_drafts.save(pe, pemilik, now, draft["id"], DIAGRAM, b"<x/>", 1)


def test_what_a_colleague_saved_since_it_was_checked_is_not_put_in_force_unseen(pe, pemilik, rekan, draft, diagram, now):
    seen = model_drafts.check_draft(pe, pemilik, draft["id"]).state
    model_drafts.save(pe, rekan, now, draft["id"], DIAGRAM, named(diagram["content"], b"Rekan"), diagram["version"])
    for command in (lambda: model_drafts.put_in_force(pe, pemilik, now, draft["id"], note="", seen=seen),
                    lambda: model_drafts.discard(pe, pemilik, now, draft["id"], seen)):
        with pytest.raises(model_drafts.Newer) as refused:
            command()
        assert refused.value.saved["by"] == "admin"
    assert queries.definition(pe, pemilik, KEY)["version"] == 1


def test_a_version_in_force_meanwhile_must_be_looked_at_first(pe, pemilik, rekan, draft, diagram, now):
    resources = model_drafts.contents(pe, pemilik, draft["id"])
    commands.deploy(pe, rekan, now, name="x", resources=resources | {DIAGRAM: named(diagram["content"], b"Rekan")})
    model_drafts.save(pe, pemilik, now, draft["id"], DIAGRAM, named(diagram["content"], b"Saya"), diagram["version"])
    seen = model_drafts.check_draft(pe, pemilik, draft["id"]).state
    with pytest.raises(Conflict):
        model_drafts.put_in_force(pe, pemilik, now, draft["id"], note="", seen=seen)
    newest = queries.definition(pe, pemilik, KEY)["id"]
    with pytest.raises(Conflict):
        model_drafts.begin(pe, pemilik, now, newest)
    model_drafts.rebase(pe, pemilik, now, draft["id"], newest)
    assert model_drafts.put_in_force(pe, pemilik, now, draft["id"], note="", seen=seen).definitions[0]["version"] == 3


def test_the_same_as_what_is_in_force_is_not_put_in_force(pe, pemilik, draft, now):
    with pytest.raises(Conflict):
        model_drafts.put_in_force(pe, pemilik, now, draft["id"], note="", seen=model_drafts.check_draft(pe, pemilik, draft["id"]).state)
    assert queries.definition(pe, pemilik, KEY)["version"] == 1


def test_a_diagram_with_errors_is_not_put_in_force_and_stays_a_draft(pe, pemilik, draft, diagram, now):
    broken = diagram["content"].replace(b'camunda:topic="turunkan"', b"")
    model_drafts.save(pe, pemilik, now, draft["id"], DIAGRAM, broken, diagram["version"])
    checked = model_drafts.check_draft(pe, pemilik, draft["id"])
    assert "no-topic" in {f.code for f in checked.findings}
    with pytest.raises(Invalid) as refused:
        model_drafts.put_in_force(pe, pemilik, now, draft["id"], note="", seen=checked.state)
    said = {(f.element, f.message) for f in checked.findings if f.severity == "error"}
    assert {(p.where["element"], p.message) for p in refused.value.problems} == said  # the check says what deployment says
    assert model_drafts.get(pe, pemilik, KEY)


def test_the_check_takes_what_is_not_saved_yet_and_saves_nothing(pe, pemilik, draft, diagram):
    broken = diagram["content"].replace(b'camunda:topic="turunkan"', b"")
    assert "no-topic" in {f.code for f in model_drafts.check_draft(pe, pemilik, draft["id"], {DIAGRAM: broken}).findings}
    assert model_drafts.file(pe, pemilik, draft["id"], DIAGRAM)["content"] == diagram["content"]


def test_a_group_that_the_office_has_not_is_said_and_another_process_id_refused(pe, pemilik, draft, diagram, now):
    stranger = diagram["content"].replace(b'camunda:candidateGroups="web-admin"', b'camunda:candidateGroups="tak-ada"')
    (found,) = [f for f in model_drafts.check_draft(pe, pemilik, draft["id"], {DIAGRAM: stranger}).findings if f.code == "unknown-group"]
    assert (found.severity, found.element) == ("warning", "turunkan_manual")
    other = diagram["content"].replace(b'id="penurunan"', b'id="lain"').replace(b'processRef="penurunan"', b'processRef="lain"')
    model_drafts.save(pe, pemilik, now, draft["id"], DIAGRAM, other, diagram["version"])
    checked = model_drafts.check_draft(pe, pemilik, draft["id"])
    assert [f.code for f in checked.findings if f.severity == "error"] == ["key"]
    with pytest.raises(Invalid):
        model_drafts.put_in_force(pe, pemilik, now, draft["id"], note="", seen=checked.state)


@on_databases
def test_a_new_procedure_begins_with_lanes_and_can_be_put_in_force_and_run(pe, people, now):
    pemilik = people["pemilik"]
    assert model_drafts.create(pe, pemilik, now, key="cuti", name="Cuti & izin", lanes=["pelaksana", "sub-bagian"]) == "cuti"
    draft = model_drafts.get(pe, pemilik, "cuti")
    assert (draft["base_id"], draft["newest_id"]) == (None, None)
    checked = model_drafts.check_draft(pe, pemilik, draft["id"])
    assert checked.findings == [] or {f.severity for f in checked.findings} == {"warning"}
    assert model_drafts.put_in_force(pe, pemilik, now, draft["id"], note="Baru", seen=checked.state).definitions[0]["version"] == 1
    started = commands.start(pe, people["penulis"], now, key="cuti")
    assert queries.tasks(pe, people["penulis"], instance_id=started.id).rows[0]["name"] == "Langkah 1"


@pytest.mark.parametrize("key", ["", "a", "Besar", "dua kata", "../x", "a/b", "a:b", "1a", "x" * 99, "é"])
def test_a_key_that_is_none_is_refused(pe, people, now, key):
    with pytest.raises(Invalid):
        model_drafts.create(pe, people["pemilik"], now, key=key, name="Nama", lanes=["pelaksana"])


def test_a_key_that_is_taken_and_groups_that_are_not_there_are_refused(pe, pemilik, now):
    with pytest.raises(Conflict):
        model_drafts.create(pe, pemilik, now, key=KEY, name="x", lanes=["pelaksana"])
    for lanes in ([], ["tak-ada"]):
        with pytest.raises(Invalid):
            model_drafts.create(pe, pemilik, now, key="baru", name="x", lanes=lanes)
    model_drafts.create(pe, pemilik, now, key="baru", name="x", lanes=["pelaksana"])
    with pytest.raises(Conflict):
        model_drafts.create(pe, pemilik, now, key="baru", name="x", lanes=["pelaksana"])


@pytest.mark.parametrize("name", ["", ".form", "x.exe", "../x.form", "a/b.form", "a\\b.form", "a\0.form", "x\n.form", ".x.form", "a:b.form",
                                  "<b>.form", "x" * 300 + ".form"])
def test_hostile_names_are_refused(pe, pemilik, draft, now, name):
    with pytest.raises(Invalid):
        model_drafts.add(pe, pemilik, now, draft["id"], name, b'{"components": []}')


@pytest.mark.parametrize("name, content", [
    ("a.bpmn", b"bukan xml"), ("a.bpmn", b"<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>"), ("a.dmn", b""), ("a.form", b"[]"), ("a.form", b"{"),
    ("a.form", b"[" * 100_000), ("a.bpmn", b"<x>" + b"a" * (5 << 20) + b"</x>"), ("a.form", b'{"x": "' + b"a" * (5 << 20) + b'"}')])
def test_what_no_editor_could_open_is_not_kept(pe, pemilik, draft, now, name, content):
    with pytest.raises(Invalid):
        model_drafts.add(pe, pemilik, now, draft["id"], name, content)
    assert name not in {f["name"] for f in model_drafts.get(pe, pemilik, KEY)["files"]}


def test_a_draft_has_bounds(pe, pemilik, draft, now, monkeypatch):
    monkeypatch.setattr(package, "MOST_FILES", len(draft["files"]) + 1)
    model_drafts.add(pe, pemilik, now, draft["id"], "satu.form", b"{}")
    with pytest.raises(Invalid):
        model_drafts.add(pe, pemilik, now, draft["id"], "dua.form", b"{}")
    monkeypatch.setattr(package, "MOST_BYTES", 100)
    with pytest.raises(Invalid):
        model_drafts.bring_in(pe, pemilik, now, draft["id"], {"a.form": b"{}" + b" " * 200}, {})


def test_files_come_in_all_or_none(pe, pemilik, rekan, draft, diagram, now):
    versions = {f["name"]: f["version"] for f in draft["files"]}
    form = model_drafts.file(pe, pemilik, draft["id"], "turunkan_manual.form")["content"]
    new = {"baru.form": b'{"components": []}', DIAGRAM: named(diagram["content"], b"Impor"), "turunkan_manual.form": form}
    model_drafts.save(pe, rekan, now, draft["id"], DIAGRAM, named(diagram["content"], b"Rekan"), diagram["version"])
    with pytest.raises(model_drafts.Newer):
        model_drafts.bring_in(pe, pemilik, now, draft["id"], new, versions)
    assert "baru.form" not in {f["name"] for f in model_drafts.get(pe, pemilik, KEY)["files"]}
    versions = {f["name"]: f["version"] for f in model_drafts.get(pe, pemilik, KEY)["files"]}
    assert model_drafts.bring_in(pe, pemilik, now, draft["id"], new, versions) == {
        "added": ["baru.form"], "replaced": [DIAGRAM], "same": ["turunkan_manual.form"]}


def test_only_who_may_deploy_and_only_of_their_office(pe, people, pemilik, draft, diagram, now):
    staff, elsewhere = people["penulis"], Actor("lain", "kantor-lain", frozenset({"admin"}), "Lain")
    calls = [
        lambda a: model_drafts.get(pe, a, KEY), lambda a: model_drafts.file(pe, a, draft["id"], DIAGRAM),
        lambda a: model_drafts.contents(pe, a, draft["id"]), lambda a: model_drafts.check_draft(pe, a, draft["id"]),
        lambda a: model_drafts.begin(pe, a, now, draft["base_id"]), lambda a: model_drafts.discard(pe, a, now, draft["id"], ""),
        lambda a: model_drafts.put_in_force(pe, a, now, draft["id"], note="", seen=""),
        lambda a: model_drafts.rebase(pe, a, now, draft["id"], draft["base_id"]),
        lambda a: model_drafts.save(pe, a, now, draft["id"], DIAGRAM, b"<x/>", diagram["version"]),
        lambda a: model_drafts.add(pe, a, now, draft["id"], "a.form", b"{}"),
        lambda a: model_drafts.rename(pe, a, now, draft["id"], DIAGRAM, "a.bpmn", diagram["version"]),
        lambda a: model_drafts.delete(pe, a, now, draft["id"], DIAGRAM, diagram["version"]),
        lambda a: model_drafts.bring_in(pe, a, now, draft["id"], {"a.form": b"{}"}, {})]
    for call in calls:
        with pytest.raises(Forbidden):
            call(staff)
        with pytest.raises(NotFound):
            call(elsewhere)
    with pytest.raises(Forbidden):
        model_drafts.create(pe, staff, now, key="baru", name="x", lanes=["pelaksana"])
    assert model_drafts.drafts(pe, elsewhere) == []
    assert model_drafts.get(pe, pemilik, KEY) == draft


def test_a_discarded_draft_is_gone_and_its_end_recorded(pe, pemilik, draft, now):
    model_drafts.discard(pe, pemilik, now, draft["id"], model_drafts.state_of(model_drafts.contents(pe, pemilik, draft["id"])))
    assert model_drafts.find(pe, pemilik, KEY) is None
    with pe.db.connect() as db:
        types = db.execute(sa.text("SELECT type FROM event WHERE type LIKE 'model_draft.%' ORDER BY id")).scalars().all()
    assert types == ["model_draft.created", "model_draft.discarded"]
