"""pycamunda, a client made for Camunda 7, drives Terbit unchanged, over HTTP."""

import datetime as dt
import io
import threading
from pathlib import Path

import pycamunda
import pycamunda.deployment
import pycamunda.incident
import pycamunda.message
import pycamunda.processdef
import pycamunda.processinst
import pycamunda.signal
import pycamunda.task
import pycamunda.version
import pytest
import sqlalchemy as sa
from werkzeug.serving import make_server

from engine import channels, handlers, jobs
from engine.tables import job

MODEL = Path(__file__).parents[3] / "bpmn/models/penerbitan-informasi"
ARTICLE = {"jenis": "pengumuman", "klasifikasi": "berkala", "judul": "Jadwal pendaftaran PPK", "ringkasan": "Jadwal dan syarat.",
           "isi": "Pendaftaran dibuka **1 April**.", "gambar": [], "lampiran": []}


@pytest.fixture
def url(app, pe):
    server = make_server("127.0.0.1", 0, app, threaded=True)
    pe.config["BASE_URL"] = f"http://127.0.0.1:{server.server_port}"  # where the documentation fetches the post back
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/engine-rest"
    server.shutdown()
    thread.join()


@pytest.fixture
def by(url):
    """A function that makes a request signed in as somebody: `by("ketua", pycamunda.task.Claim, id_=…)`."""
    def make(user, request, **arguments):
        made = request(url, **arguments)
        made.auth = (user, "terbit-demo")
        return made
    return make


@pytest.fixture
def complete(by):
    """Complete the case's one open task as somebody, by the id of its activity."""
    def run(user, instance, activity, **values):
        (task,) = by("admin", pycamunda.task.GetList, process_instance_id=instance)()
        assert task.task_definition_key == activity
        by(user, pycamunda.task.Claim, id_=task.id_, user_id=user)()
        request = by(user, pycamunda.task.Complete, id_=task.id_)
        for name, value in values.items():
            request.add_variable(name=name, value=value)
        request()
    return run


def deploy(by, name, files, user="pemilik", **options):
    request = by(user, pycamunda.deployment.Create, name=name, **options)
    for file in files:
        request.add_resource(file)
    return request()


def open_files():
    return [path.open("rb") for path in sorted(MODEL.iterdir())]


def test_it_drives_the_sop_from_mulai_to_selesai(by, complete, pe, now):
    assert by("penulis", pycamunda.version.Get)().startswith("7.")
    handlers.load()
    channels.seed_channels(pe, now, "kpu")
    deployed = deploy(by, "SOP 06/2022", open_files(), source="pycamunda")
    (definition,) = deployed.deployed_process_definitions.values()
    assert (definition.key, definition.version) == ("penerbitan-informasi", 1)
    assert b"tugaskan" in by("pemilik", pycamunda.processdef.GetXML, key="penerbitan-informasi")().encode()

    start = by("ketua", pycamunda.processdef.StartInstance, key="penerbitan-informasi", business_key="PYC-1")
    start.add_variable(name="asal", value="pycamunda", type_="String")
    instance = start().id_
    running = by("kasubbag", pycamunda.processinst.GetList, business_key="PYC-1")()
    assert [each.id_ for each in running] == [instance]

    complete("ketua", instance, "tugaskan", sumber="nota-dinas", perihal="Jadwal PPK", kanal=["website"], disposisi="Terbitkan")
    complete("kasubbag", instance, "perintahkan", penulis="penulis", arahan="Singkat saja")
    complete("penulis", instance, "siapkan", **ARTICLE)
    for keputusan in ("tidak", "sesuai"):
        complete("kasubbag", instance, "periksa", kebenaran_diperiksa=True, narasumber_dikonfirmasi=True, kalimat_diperbaiki=True)
        complete("ketua", instance, "putuskan", keputusan=keputusan, catatan="Perbaiki tanggal")
    complete("kasubbag", instance, "serahkan", disposisi_web_admin="Unggah")
    complete("webadmin", instance, "terbitkan", terbit_pada=None)

    clock = lambda: dt.datetime.now(dt.timezone.utc)  # noqa: E731
    while jobs.run_due(pe, clock):
        pass
    with pe.db.connect() as db:
        assert db.execute(sa.select(job.c.activity_id, job.c.error).where(job.c.error.is_not(None))).all() == []
    assert by("admin", pycamunda.incident.GetList)() == ()
    with pytest.raises(pycamunda.NotFound):
        by("admin", pycamunda.processinst.Get, id_=instance)()
    (page,) = (pe.folder / "situs").rglob("*jadwal*/index.html")
    assert "Jadwal pendaftaran PPK" in page.read_text()


def test_it_reads_and_writes_variables(by, urusan):
    instance = _start(by)
    modify = by("admin", pycamunda.processinst.VariablesModify, process_instance_id=instance)
    modify.add_variable(name="jumlah", value=7, type_="Integer")
    modify.add_variable(name="kapan", value="2026-03-02T08:00:00.000+0700", type_="Date")
    modify()
    by("admin", pycamunda.processinst.VariablesUpdate, process_instance_id=instance, var_name="benar", value=True, type_="Boolean")()
    by("admin", pycamunda.processinst.VariablesUpdate, process_instance_id=instance, var_name="surat",
       value=_named("surat.txt", b"isi surat"), type_="File")()
    values = by("admin", pycamunda.processinst.VariablesGetList, process_instance_id=instance)()
    assert (values["jumlah"].value, values["jumlah"].type_) == (7, "Integer")
    assert values["kapan"].value == "2026-03-02T08:00:00.000+07:00"
    assert by("admin", pycamunda.processinst.VariablesGet, process_instance_id=instance, var_name="benar")().value is True
    assert by("admin", pycamunda.processinst.VariablesGet, process_instance_id=instance, var_name="surat", binary=True)() == b"isi surat"
    by("admin", pycamunda.processinst.VariablesDelete, process_instance_id=instance, var_name="benar")()
    with pytest.raises(pycamunda.NotFound):
        by("admin", pycamunda.processinst.VariablesGet, process_instance_id=instance, var_name="benar")()


def test_it_sees_where_a_case_stands_and_ends_it(by, urusan):
    instance = _start(by)
    tree = by("admin", pycamunda.processinst.GetActivityInstance, id_=instance)()
    assert [each.activity_id for each in tree.child_activity_instances] == ["siapkan"]
    by("admin", pycamunda.processinst.Suspend, id_=instance)()
    assert by("admin", pycamunda.processinst.Get, id_=instance)().suspended
    by("admin", pycamunda.processinst.Activate, id_=instance)()
    by("admin", pycamunda.processinst.Delete, id_=instance)()
    assert by("admin", pycamunda.processinst.GetList)() == ()


def test_it_hands_tasks_around(by, urusan):
    instance = _start(by)
    (task,) = by("penulis", pycamunda.task.GetList, candidate_group="pelaksana", process_instance_id_in=[instance])()
    by("penulis", pycamunda.task.Claim, id_=task.id_, user_id="penulis")()
    assert by("penulis", pycamunda.task.Get, id_=task.id_)().assignee == "penulis"
    by("penulis", pycamunda.task.Unclaim, id_=task.id_)()
    by("admin", pycamunda.task.SetAssignee, id_=task.id_, user_id="webadmin")()
    links = by("admin", pycamunda.task.IdentityLinksGetList, task_id=task.id_)()
    assert {(link.user_id, link.group_id, link.type_) for link in links} == {
        ("webadmin", None, "assignee"), (None, "pelaksana", "candidate")}
    with pytest.raises(pycamunda.Forbidden):
        by("penulis", pycamunda.task.Complete, id_=task.id_)()
    with pytest.raises(pycamunda.Unauthorized):
        stranger = by("penulis", pycamunda.task.Get, id_=task.id_)
        stranger.auth = ("penulis", "salah")
        stranger()


def test_it_correlates_messages_and_throws_signals(by, urusan, complete, pe):
    instance = _start(by)
    complete("penulis", instance, "siapkan", keputusan="sesuai")
    message = by("admin", pycamunda.message.CorrelateSingle, message_name="balasan", process_instance_id=instance, result_enabled=True)
    message.add_process_variable(name="jawaban", value="ya", type_="String")
    (result,) = message()
    assert result.execution.process_instance_id == instance
    started = by("admin", pycamunda.message.CorrelateSingle, message_name="surat masuk", result_enabled=True)
    started.add_process_variable(name="perihal", value="undangan")
    (result,) = started()
    assert result.process_instance.id_ != instance and not result.process_instance.suspended
    by("admin", pycamunda.signal.EventAll, name="libur")()


def test_it_filters_definitions_and_deployments(by, urusan):
    again = deploy(by, "urusan", _urusan_files(), enable_duplicate_filtering=True)
    assert again.deployed_process_definitions is None
    newer = deploy(by, "urusan", _urusan_files())
    assert [each.version for each in newer.deployed_process_definitions.values()] == [2]
    found = by("analis", pycamunda.processdef.GetList, key_in=["urusan", "lain"], latest_version=True, sort_by="version")()
    assert [(each.key, each.version) for each in found] == [("urusan", 2)]
    assert by("analis", pycamunda.processdef.Count, key_like="urus%")() == 2
    assert len(by("analis", pycamunda.deployment.GetList, name_like="urus%", sort_by="name")()) == 2
    resources = {each.name: each.id_ for each in by("pemilik", pycamunda.deployment.GetResources, id_=newer.id_)()}
    assert set(resources) == {"urusan.bpmn", "siapkan.form", "mulai.form"}
    data = by("pemilik", pycamunda.deployment.GetResource, id_=newer.id_, resource_id=resources["siapkan.form"], binary=True)()
    assert b'"keputusan"' in data
    with pytest.raises(pycamunda.Forbidden):
        deploy(by, "urusan", _urusan_files(), user="ketua")
    with pytest.raises(pycamunda.BadRequest):
        deploy(by, "rusak", [_named("rusak.bpmn", b"<bpmn")])


def _start(by):
    start = by("penulis", pycamunda.processdef.StartInstance, key="urusan")
    start.add_variable(name="perihal", value="undangan")
    return start().id_


def _urusan_files():
    return [(Path(__file__).parent / name).open("rb") for name in ("urusan.bpmn", "siapkan.form", "mulai.form")]


def _named(name, content):
    file = io.BytesIO(content)
    file.name = name
    return file
