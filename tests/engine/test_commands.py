"""The commands on real diagrams: the SOP's own, and small ones."""

import datetime as dt
import io
from pathlib import Path

import pytest
import sqlalchemy as sa

import bpmn
from bpmn.errors import Conflict, Forbidden, Invalid, NotFound
from engine import commands, documents, jobs, queries, tables
from engine.process_engine import Actor
from engine.store import read, run
from tests.conftest import on_databases
from tests.engine.small import (
    END,
    START,
    catch,
    chain,
    deploy,
    diagram,
    do,
    flows,
    message,
    open_tasks,
    service_task,
    signal,
    timer,
    user_task,
)

MODEL = Path(bpmn.__file__).parent / "models" / "penerbitan-informasi"
SOP = {path.name: path.read_bytes() for path in sorted(MODEL.iterdir()) if path.is_file()}
KEY = "penerbitan-informasi"
TWO = diagram(chain(START, user_task("a"), user_task("b", "sub-bagian"), END), properties={"label": "${judul}"})
CHECKED = {"kebenaran_diperiksa": True, "narasumber_dikonfirmasi": True, "kalimat_diperbaiki": True}


@pytest.fixture
def sop(pe, pemilik, now):
    return commands.deploy(pe, pemilik, now, name="SOP", resources=SOP)


@pytest.fixture
def two(pe, pemilik, now):
    return deploy(pe, pemilik, now, TWO)


def events_of(pe, admin, case):
    return [row["type"] for row in queries.events(pe, admin, case.id).rows]


# The SOP --------------------------------------------------------------------------------------------------------------

@on_databases
def test_the_sop_runs_through_a_tidak_to_its_jobs(pe, sop, ketua, kasubbag, penulis, webadmin, admin, now):
    case = commands.start(pe, ketua, now, key=KEY)
    assert case.business_key == "INF-2026-0001"
    do(pe, ketua, now, "tugaskan", perihal="Rapat pleno", kanal=["website", "facebook"], sumber="nota dinas", nomor_surat="1",
       tanggal_surat="2026-03-01", disposisi="tolong")
    do(pe, kasubbag, now, "perintahkan", penulis="penulis", arahan="segera")
    assert queries.tasks(pe, penulis, mine=True).rows[0]["assignee"] == "penulis"
    do(pe, penulis, now, "siapkan", jenis="pengumuman", klasifikasi="berkala", judul="Rapat pleno terbuka", ringkasan="Ringkas",
       isi="Isi", gambar=[], lampiran=[])
    assert queries.instance(pe, ketua, case.id)["title"] == "Rapat pleno terbuka"
    do(pe, kasubbag, now, "periksa", **CHECKED)
    do(pe, ketua, now, "putuskan", keputusan="tidak", catatan="Perbaiki kalimat pertama")
    do(pe, kasubbag, now, "periksa", **CHECKED)
    do(pe, ketua, now, "putuskan", keputusan="sesuai", catatan="")
    do(pe, kasubbag, now, "serahkan", disposisi_web_admin="unggah")
    do(pe, webadmin, now, "terbitkan", terbit_pada=None)
    assert jobs.run_due(pe, lambda: now) == 1  # the timer of tunggu_jadwal
    waiting = queries.jobs(pe, admin, instance_id=case.id, state="open").rows
    assert [job["topic"] for job in waiting] == ["publikasi", "publikasi"]
    assert queries.open_activities(pe, ketua, case.id) == [
        {"activity_id": "penerbitan_kanal", "count": 2}, {"activity_id": "penerbitan_kanal#multiInstanceBody", "count": 1},
        {"activity_id": "publikasi", "count": 2}]


def test_the_history_says_who_did_what(pe, two, penulis, kasubbag, admin, now):
    case = commands.start(pe, penulis, now, key="p", variables={"judul": "Satu"})
    commands.claim(pe, penulis, now, open_tasks(pe, penulis)["a"])
    do(pe, penulis, now + dt.timedelta(hours=1), "a", judul="Dua", isi="…")
    do(pe, kasubbag, now + dt.timedelta(hours=2), "b")
    rows = queries.events(pe, admin, case.id).rows
    assert [(row["type"], row["actor"]) for row in rows] == [
        ("instance.started", "penulis"), ("task.claimed", "penulis"), ("task.completed", "penulis"), ("task.completed", "kasubbag"),
        ("instance.ended", "kasubbag")]
    assert rows[2]["data"]["variables"] == {"judul": "Dua", "isi": "…"}
    names = [(row["activity_id"], row["type"], row["completed_by"]) for row in queries.activities(pe, admin, case.id)]
    assert names == [("start", "startEvent", None), ("a", "userTask", "penulis"), ("b", "userTask", "kasubbag"),
                     ("end", "noneEndEvent", None)]
    assert all(row["ended_at"] for row in queries.activities(pe, admin, case.id))


def test_what_has_ended_keeps_its_variables_and_no_state(pe, two, penulis, kasubbag, admin, now):
    case = commands.start(pe, penulis, now, key="p", variables={"judul": "Satu"})
    do(pe, penulis, now, "a")
    assert do(pe, kasubbag, now, "b").ended
    assert queries.instance(pe, admin, case.id)["end_reason"] == "completed"
    assert queries.instance_variables(pe, admin, case.id) == {"judul": "Satu"}
    with read(pe) as db:
        assert db.execute(sa.select(tables.process_instance.c.state)).scalar_one() is None
        assert db.execute(sa.select(sa.func.count()).select_from(tables.candidate)).scalar_one() == 0


# Tasks ----------------------------------------------------------------------------------------------------------------

def test_a_double_click_completes_once(pe, two, penulis, now):
    commands.start(pe, penulis, now, key="p")
    task = open_tasks(pe, penulis)["a"]
    commands.complete(pe, penulis, now, task, {})
    with pytest.raises(Conflict):
        commands.complete(pe, penulis, now, task, {})


def test_completing_an_unassigned_task_makes_it_mine(pe, two, penulis, now):
    commands.start(pe, penulis, now, key="p")
    task = open_tasks(pe, penulis)["a"]
    commands.complete(pe, penulis, now, task, {})
    row = queries.task(pe, penulis, task)
    assert (row["assignee"], row["completed_by"]) == ("penulis", "penulis")


def test_what_is_claimed_by_one_is_not_for_another(pe, two, penulis, webadmin, now):
    commands.start(pe, penulis, now, key="p")
    task = open_tasks(pe, penulis)["a"]
    commands.claim(pe, penulis, now, task)
    commands.claim(pe, penulis, now, task)  # again: nothing
    with pytest.raises(Conflict):
        commands.claim(pe, webadmin, now, task)
    with pytest.raises(Forbidden):
        commands.complete(pe, webadmin, now, task, {})
    with pytest.raises(Forbidden):
        commands.unclaim(pe, webadmin, now, task)
    commands.unclaim(pe, penulis, now, task)
    commands.claim(pe, webadmin, now, task)


def test_who_may_see_a_task_but_not_do_it_is_forbidden_and_a_stranger_finds_none(pe, two, penulis, kasubbag, ketua, analis, now):
    commands.start(pe, penulis, now, key="p")
    task = open_tasks(pe, penulis)["a"]
    for actor, error in ((kasubbag, Forbidden), (analis, Forbidden), (ketua, NotFound), (Actor("x", "lain", penulis.groups), NotFound)):
        for act in (lambda a: commands.complete(pe, a, now, task, {}), lambda a: commands.claim(pe, a, now, task)):
            with pytest.raises(error):
                act(actor)
    assert queries.tasks(pe, ketua).rows == [] and queries.tasks(pe, Actor("x", "lain", frozenset({"admin"}))).rows == []


def test_only_an_admin_gives_a_task_to_somebody_else(pe, people, two, penulis, webadmin, admin, now):
    commands.start(pe, penulis, now, key="p")
    task = open_tasks(pe, penulis)["a"]
    with pytest.raises(Forbidden):
        commands.assign(pe, penulis, now, task, "webadmin")
    commands.assign(pe, admin, now, task, "webadmin")
    assert queries.tasks(pe, webadmin, mine=True).rows[0]["id"] == task
    commands.assign(pe, webadmin, now, task, None)
    commands.assign(pe, penulis, now, task, "penulis")


def test_unknown_tasks_are_not_found(pe, admin, now):
    for act in (commands.claim, commands.unclaim, commands.complete):
        with pytest.raises(NotFound):
            act(pe, admin, now, "0190-nothing")


@pytest.mark.parametrize("bad", [
    {"x": float("nan")}, {"x": float("inf")}, {"x": "a\0b"}, {"x": "\ud800"}, {"": 1}, {"x" * 256: 1}, {"x": {1, 2}}, {"x": {"y\0": 1}},
    {"x": "é" * (5 << 20)}, [1], {"x": dt.datetime(2026, 1, 1)},
], ids=lambda value: str(value)[:20])
def test_what_cannot_be_kept_is_invalid_and_nothing_happens(pe, two, penulis, now, bad):
    commands.start(pe, penulis, now, key="p")
    with pytest.raises(Invalid):
        commands.complete(pe, penulis, now, open_tasks(pe, penulis)["a"], bad)
    assert "a" in open_tasks(pe, penulis)


def test_deeply_nested_values_are_invalid(pe, two, penulis, now):
    value: list = []
    for _ in range(10_000):
        value = [value]
    commands.start(pe, penulis, now, key="p")
    with pytest.raises(Invalid):
        commands.complete(pe, penulis, now, open_tasks(pe, penulis)["a"], {"x": value})


@on_databases
def test_any_text_comes_back_as_it_went_in(pe, two, penulis, admin, now):
    text = "“Kutip” 😀 \u2028 \x1b %s ${x} '; DROP TABLE --"
    case = commands.start(pe, penulis, now, key="p", variables={"judul": text})
    do(pe, penulis, now, "a", x={"dalam": [text, None, True, 1.5, 10**30]})
    assert queries.instance_variables(pe, admin, case.id) == {"judul": text, "x": {"dalam": [text, None, True, 1.5, 10**30]}}
    assert queries.instance(pe, admin, case.id)["title"] == text


@on_databases
def test_an_expression_that_gives_what_no_database_keeps_does_no_harm(pe, pemilik, penulis, admin, now):
    deploy(pe, pemilik, now, diagram(chain(START, user_task("a"), END), properties={"label": "${'x\\u0000y' + judul}"}))
    case = commands.start(pe, penulis, now, key="p", variables={"judul": "z"})
    assert "\0" not in queries.instance(pe, admin, case.id)["title"]


def test_a_failing_expression_rolls_the_whole_back(pe, pemilik, penulis, now):
    gate = '<exclusiveGateway id="g" default="f_g_end"/>'
    body = chain(START, user_task("a")) + gate + END[1] + user_task("b")[1] + flows("a g", "g end", "g b 1/nol &gt; 1", "b end")
    deploy(pe, pemilik, now, diagram(body))
    commands.start(pe, penulis, now, key="p")
    with pytest.raises(Invalid):
        do(pe, penulis, now, "a", nol=0)
    assert list(open_tasks(pe, penulis)) == ["a"]
    do(pe, penulis, now, "a", nol=10)


def test_complete_names_the_tasks_that_i_may_do_next(pe, pemilik, penulis, kasubbag, now):
    body = chain(START, user_task("a"), ("fork", '<parallelGateway id="fork"/>')) + "".join(
        user_task(name, groups)[1] for name, groups in (("b", "pelaksana"), ("c", "sub-bagian"), ("d", "pelaksana,sub-bagian"))
    ) + '<parallelGateway id="join"/><endEvent id="end"/>' + flows("fork b", "fork c", "fork d", "b join", "c join", "d join", "join end")
    deploy(pe, pemilik, now, diagram(body))
    commands.start(pe, penulis, now, key="p")
    tasks = do(pe, penulis, now, "a").tasks
    assert sorted(queries.task(pe, penulis, id)["activity_id"] for id in tasks) == ["b", "d"]
    assert do(pe, penulis, now, "b").tasks == [open_tasks(pe, penulis)["d"]]
    assert do(pe, kasubbag, now, "d").tasks == [open_tasks(pe, kasubbag)["c"]]


def test_an_uploaded_file_becomes_the_cases_when_its_task_is_completed(pe, two, penulis, kasubbag, admin, now):
    case = commands.start(pe, penulis, now, key="p")
    task = open_tasks(pe, penulis)["a"]
    pdf = io.BytesIO(b"%PDF-1.4\n%%EOF\n")
    file = documents.store_upload(pe, penulis, now, stream=pdf, name="naskah.pdf", task_id=task, variable="lampiran")
    forged = {**file, "sha256": "0" * 64, "name": "lain.exe"}
    commands.complete(pe, penulis, now, task, {"lampiran": [forged]})
    assert queries.instance_variables(pe, admin, case.id)["lampiran"] == [file]
    assert [row["name"] for row in documents.documents(pe, kasubbag, case.id)] == ["naskah.pdf"]
    with pytest.raises(Invalid):  # somebody else's file cannot be named
        commands.start(pe, penulis, now, key="p", variables={"lampiran": file})
    assert len(queries.instances(pe, admin).rows) == 1


# Starting -------------------------------------------------------------------------------------------------------------

@on_databases
def test_numbers_have_no_gap_after_a_failed_start(pe, pemilik, penulis, now):
    deploy(pe, pemilik, now, diagram(chain(START, ("s", '<scriptTask id="s" scriptFormat="python" camunda:resultVariable="x"><script>1/nol'
                                                        "</script></scriptTask>"), user_task("a"), END)))
    keys = []
    for nol in (1, 0, 1, 0, 1):
        try:
            keys.append(commands.start(pe, penulis, now, key="p", variables={"nol": nol}).business_key)
        except Invalid:
            pass
    assert keys == ["P-2026-0001", "P-2026-0002", "P-2026-0003"]


def test_a_new_year_in_the_tenants_zone_begins_at_one(pe, two, penulis, now):
    eve = dt.datetime(2026, 12, 31, 16, 59, tzinfo=dt.timezone.utc)  # 23:59 in Jakarta
    assert commands.start(pe, penulis, eve, key="p").business_key == "P-2026-0001"
    assert commands.start(pe, penulis, eve + dt.timedelta(minutes=1), key="p").business_key == "P-2027-0001"


@on_databases
def test_a_given_key_is_taken_once_and_numbering_goes_round_it(pe, two, penulis, now):
    assert commands.start(pe, penulis, now, key="p", business_key="P-2026-0002").business_key == "P-2026-0002"
    with pytest.raises(Conflict):
        commands.start(pe, penulis, now, key="p", business_key="P-2026-0002")
    assert [commands.start(pe, penulis, now, key="p").business_key for _ in range(2)] == ["P-2026-0001", "P-2026-0003"]


@pytest.mark.parametrize("bad", ["x" * 256, "a\nb", "\0", " ", 7])
def test_bad_business_keys_are_invalid(pe, two, penulis, now, bad):
    with pytest.raises(Invalid):
        commands.start(pe, penulis, now, key="p", business_key=bad)


def test_who_starts_is_said_by_the_diagram(pe, sop, ketua, kasubbag, analis, admin, now):
    with pytest.raises(Forbidden):
        commands.start(pe, kasubbag, now, key=KEY)
    with pytest.raises(Forbidden):
        commands.start(pe, analis, now, key=KEY)
    with pytest.raises(NotFound):
        commands.start(pe, Actor("x", "kpu", frozenset({"tamu"})), now, key=KEY)
    with pytest.raises(NotFound):
        commands.start(pe, ketua, now, key="tidak-ada")
    commands.start(pe, admin, now, definition_id=sop.definitions[0]["id"])


def test_of_a_suspended_definition_nothing_starts_and_of_a_suspended_case_nothing_goes_on(pe, two, penulis, admin, now):
    case = commands.start(pe, penulis, now, key="p")
    definition = two.definitions[0]["id"]
    with pytest.raises(Forbidden):
        commands.suspend_definition(pe, penulis, now, definition, "uji")
    commands.suspend_definition(pe, admin, now, definition, "uji")
    with pytest.raises(Conflict):
        commands.start(pe, penulis, now, key="p")
    commands.suspend_instance(pe, admin, now, case.id)
    with pytest.raises(Conflict):
        do(pe, penulis, now, "a")
    commands.activate_definition(pe, admin, now, definition, "uji", include_instances=True)
    do(pe, penulis, now, "a")
    commands.start(pe, penulis, now, key="p")


@on_databases
def test_a_cancelled_case_leaves_nothing_open(pe, pemilik, penulis, admin, now):
    boundary = catch("late", timer("timeDuration", "PT1H"), "boundaryEvent", 'attachedToRef="a" cancelActivity="false"')[1]
    deploy(pe, pemilik, now, diagram(chain(START, user_task("a"), END) + boundary + user_task("b")[1] + flows("late b", "b end")))
    case = commands.start(pe, penulis, now, key="p")
    task = open_tasks(pe, penulis)["a"]
    with pytest.raises(Forbidden):
        commands.cancel(pe, penulis, now, case.id, "salah")
    commands.cancel(pe, admin, now, case.id, "salah")
    with pytest.raises(Conflict):
        commands.cancel(pe, admin, now, case.id, "lagi")
    with pytest.raises(Conflict):
        commands.complete(pe, penulis, now, task, {})
    assert queries.instance(pe, admin, case.id)["end_reason"] == "cancelled"
    assert open_tasks(pe, admin) == {} and queries.open_activities(pe, admin, case.id) == []
    assert [job["state"] for job in queries.jobs(pe, admin, instance_id=case.id).rows] == ["cancelled"]
    assert [row["canceled"] for row in queries.activities(pe, admin, case.id)] == [False, True]
    assert events_of(pe, admin, case)[-1] == "instance.cancelled"


def test_an_admin_sets_and_deletes_variables(pe, two, penulis, admin, now):
    case = commands.start(pe, penulis, now, key="p", variables={"judul": "a", "x": 1})
    with pytest.raises(Forbidden):
        commands.set_variables(pe, penulis, now, case.id, {"judul": "b"})
    commands.set_variables(pe, admin, now, case.id, {"judul": "b"}, deletions=["x", "tidak ada"])
    assert queries.instance_variables(pe, admin, case.id) == {"judul": "b"}
    assert queries.instance(pe, admin, case.id)["title"] == "b"


# Deploying ------------------------------------------------------------------------------------------------------------

def test_the_same_again_is_no_new_version(pe, two, pemilik, now):
    again = deploy(pe, pemilik, now, TWO)
    assert (again.id, again.definitions) == (two.id, [])
    changed = deploy(pe, pemilik, now, TWO.replace(b'name="b"', b'name="B"'))
    assert [d["version"] for d in changed.definitions] == [2]
    assert [d["version"] for d in deploy(pe, pemilik, now, TWO, changed_only=False).definitions] == [3]


def test_running_cases_stay_on_their_version(pe, two, pemilik, penulis, kasubbag, now):
    old = commands.start(pe, penulis, now, key="p")
    deploy(pe, pemilik, now, diagram(chain(START, user_task("a"), user_task("c"), END)))
    new = commands.start(pe, penulis, now, key="p")
    do(pe, penulis, now, "a", old.id)
    do(pe, penulis, now, "a", new.id)
    assert list(open_tasks(pe, kasubbag, old.id)) == ["b"] and list(open_tasks(pe, penulis, new.id)) == ["c"]


@pytest.mark.parametrize("resources", [
    {}, {"a.form": b"{}"}, {"x.bpmn": b"<x/>"}, {"x.bpmn": b"no xml"}, {"../x.bpmn": TWO},
    {"x.bpmn": TWO.replace(b'isExecutable="true"', b"")},
    {"x.bpmn": TWO.replace(b'targetRef="b"', b'targetRef="nowhere"')}, {"x.bpmn": TWO, "y.bpmn": TWO},
    {"x.bpmn": diagram(chain(START, ("c", '<callActivity id="c" calledElement="tidak-ada"/>'), END))},
], ids=["nothing", "no diagram", "no bpmn", "no xml", "path", "not executable", "dangling flow", "twice", "unknown call"])
def test_what_cannot_run_is_refused(pe, pemilik, now, resources):
    with pytest.raises(Invalid):
        commands.deploy(pe, pemilik, now, name="x", resources=resources)
    assert queries.deployments(pe, pemilik).rows == []


def test_only_owners_and_admins_deploy(pe, ketua, analis, now):
    for actor in (ketua, analis):
        with pytest.raises(Forbidden):
            deploy(pe, actor, now, TWO)


def test_a_call_is_bound_to_the_version_at_deployment(pe, pemilik, penulis, now):
    inner = diagram(chain(START, user_task("satu"), END), "dalam")
    outer = diagram(chain(START, ("c", '<callActivity id="c" calledElement="dalam"/>'), END), "luar")
    deploy(pe, pemilik, now, inner)
    deploy(pe, pemilik, now, outer)
    deploy(pe, pemilik, now, inner.replace(b"satu", b"dua"))
    assert commands.start(pe, penulis, now, key="luar")
    assert list(open_tasks(pe, penulis)) == ["satu"]
    again = deploy(pe, pemilik, now, outer)
    assert [d["version"] for d in again.definitions] == [2]  # what it calls has changed
    case = commands.start(pe, penulis, now, key="luar")
    assert list(open_tasks(pe, penulis, case.id)) == ["dua"]
    assert do(pe, penulis, now, "dua", case.id).ended


# Messages, signals, timers --------------------------------------------------------------------------------------------

WAITING = diagram(chain(START, user_task("a"), catch("w", message("tiba")), user_task("b"), END), messages=["tiba"])


@on_databases
def test_a_message_reaches_the_one_that_waits(pe, pemilik, penulis, admin, now):
    deploy(pe, pemilik, now, WAITING)
    one, two = (commands.start(pe, penulis, now, key="p", variables={"nomor": n}) for n in (1, 2))
    with pytest.raises(NotFound):
        commands.correlate_message(pe, admin, now, "tiba")
    for case in (one, two):
        do(pe, penulis, now, "a", case.id)
    with pytest.raises(Conflict):
        commands.correlate_message(pe, admin, now, "tiba")
    with pytest.raises(NotFound):
        commands.correlate_message(pe, admin, now, "tiba", correlation={"nomor": 3})
    with pytest.raises(NotFound):
        commands.correlate_message(pe, admin, now, "tiba", business_key="lain")
    assert commands.correlate_message(pe, admin, now, "tiba", correlation={"nomor": 2}, variables={"isi": "x"}) == [two.id]
    with pytest.raises(NotFound):  # it waits no more
        commands.correlate_message(pe, admin, now, "tiba", instance_id=two.id)
    assert queries.instance_variables(pe, admin, two.id) == {"nomor": 2, "isi": "x"}
    assert commands.correlate_message(pe, penulis, now, "tiba", business_key=one.business_key) == [one.id]
    assert list(open_tasks(pe, penulis)) == ["b"]


def test_who_does_not_see_a_case_cannot_give_it_a_message(pe, pemilik, penulis, ketua, now):
    deploy(pe, pemilik, now, WAITING)
    commands.start(pe, penulis, now, key="p")
    do(pe, penulis, now, "a")
    with pytest.raises(NotFound):
        commands.correlate_message(pe, ketua, now, "tiba")


def test_a_message_to_all_reaches_each(pe, pemilik, penulis, admin, now):
    deploy(pe, pemilik, now, WAITING)
    cases = [commands.start(pe, penulis, now, key="p") for _ in range(3)]
    for case in cases:
        do(pe, penulis, now, "a", case.id)
    assert sorted(commands.correlate_message(pe, admin, now, "tiba", all=True)) == sorted(case.id for case in cases)


def test_a_message_starts_a_case_of_the_newest_version_only(pe, pemilik, penulis, admin, now):
    body = chain(catch("m", message("permohonan"), "startEvent"), user_task("a"), END)
    deploy(pe, pemilik, now, diagram(body, messages=["permohonan"]))
    deploy(pe, pemilik, now, diagram(body.replace('name="a"', 'name="A"'), messages=["permohonan"]))
    [id] = commands.correlate_message(pe, penulis, now, "permohonan", business_key="K-1", variables={"dari": "warga"})
    case = queries.instance(pe, admin, id)
    assert (case["business_key"], case["definition_version"]) == ("K-1", 2)
    with pytest.raises(Conflict):
        commands.correlate_message(pe, penulis, now, "permohonan", business_key="K-1")


@on_databases
def test_a_signal_reaches_all_and_starts(pe, pemilik, penulis, admin, now):
    listener = chain(START, ("g", '<parallelGateway id="g"/>')) + "".join(
        catch(f"w{n}", signal("darurat"))[1] + user_task(f"t{n}")[1] for n in (1, 2)) + '<endEvent id="end"/>' + flows(
        "g w1", "g w2", "w1 t1", "w2 t2", "t1 end", "t2 end")
    deploy(pe, pemilik, now, diagram(listener, "dengar", signals=["darurat"]),
           diagram(chain(catch("s", signal("darurat"), "startEvent"), user_task("a"), END), "mulai", signals=["darurat"]))
    cases = [commands.start(pe, penulis, now, key="dengar") for _ in range(2)]
    commands.suspend_instance(pe, admin, now, cases[1].id)
    with pytest.raises(Forbidden):
        commands.broadcast_signal(pe, penulis, now, "darurat")
    assert len(commands.broadcast_signal(pe, admin, now, "darurat", {"x": 1})) == 2
    assert sorted(open_tasks(pe, penulis)) == ["a", "t1", "t2"]
    commands.activate_instance(pe, admin, now, cases[1].id)
    assert len(commands.broadcast_signal(pe, admin, now, "darurat")) == 2
    assert commands.broadcast_signal(pe, admin, now, "tak didengar") == []


@on_databases
def test_a_thrown_message_starts_another_case_once(pe, pemilik, penulis, admin, now):
    throw = ("t", f'<intermediateThrowEvent id="t">{message("kabar")}</intermediateThrowEvent>')
    deploy(pe, pemilik, now, diagram(chain(START, user_task("a"), throw, END), "kirim", messages=["kabar"]),
           diagram(chain(catch("m", message("kabar"), "startEvent"), user_task("b"), END), "terima", messages=["kabar"]))
    sender = commands.start(pe, penulis, now, key="kirim")
    assert do(pe, penulis, now, "a", sender.id).ended
    assert jobs.run_due(pe, lambda: now) == 1 and jobs.run_due(pe, lambda: now) == 0
    assert list(open_tasks(pe, penulis)) == ["b"]


def test_a_message_that_nobody_waits_for_becomes_an_incident_in_the_end(pe, pemilik, penulis, admin, now):
    throw = ("t", f'<intermediateThrowEvent id="t">{message("kabar")}</intermediateThrowEvent>')
    deploy(pe, pemilik, now, diagram(chain(START, user_task("a"), throw, END), messages=["kabar"]))
    commands.start(pe, penulis, now, key="p")
    do(pe, penulis, now, "a")
    for hour in range(5):
        assert jobs.run_due(pe, lambda hour=hour: now + dt.timedelta(hours=hour)) == 1
    assert [row["type"] for row in queries.incidents(pe, admin).rows] == ["failedJob"]


@on_databases
def test_timers_fire_when_they_are_due_and_once(pe, pemilik, penulis, now):
    boundary = catch("late", timer("timeDuration", "PT1H"), "boundaryEvent", 'attachedToRef="a"')[1]
    deploy(pe, pemilik, now, diagram(chain(START, user_task("a"), END) + boundary + user_task("b")[1] + flows("late b", "b end")))
    commands.start(pe, penulis, now, key="p")
    assert jobs.run_due(pe, lambda: now + dt.timedelta(minutes=59)) == 0
    later = now + dt.timedelta(minutes=60)
    assert jobs.run_due(pe, lambda: later) == 1 and jobs.run_due(pe, lambda: later) == 0
    assert list(open_tasks(pe, penulis)) == ["b"]


def test_a_completed_task_cancels_its_timer(pe, pemilik, penulis, admin, now):
    boundary = catch("late", timer("timeDuration", "PT1H"), "boundaryEvent", 'attachedToRef="a"')[1]
    deploy(pe, pemilik, now, diagram(chain(START, user_task("a"), END) + boundary + user_task("b")[1] + flows("late b", "b end")))
    commands.start(pe, penulis, now, key="p")
    do(pe, penulis, now, "a")
    assert [job["state"] for job in queries.jobs(pe, admin).rows] == ["cancelled"]


@on_databases
def test_a_start_timer_starts_as_often_as_it_says_and_only_of_the_newest_version(pe, pemilik, penulis, admin, now):
    body = chain(catch("t", timer("timeCycle", "R2/PT1H"), "startEvent"), user_task("a"), END)
    deploy(pe, pemilik, now, diagram(body))
    deploy(pe, pemilik, now, diagram(body.replace('name="a"', 'name="A"')))
    for hour in range(1, 6):
        jobs.run_due(pe, lambda hour=hour: now + dt.timedelta(hours=hour))
    assert [row["definition_id"][:4] for row in queries.instances(pe, admin).rows] == ["p:2:", "p:2:"]
    assert len(queries.jobs(pe, admin, state="open").rows) == 0


def test_a_repeating_boundary_timer_fires_each_time(pe, pemilik, penulis, admin, now):
    boundary = catch("ingat", timer("timeCycle", "R3/PT1H"), "boundaryEvent", 'attachedToRef="a" cancelActivity="false"')[1]
    deploy(pe, pemilik, now, diagram(chain(START, user_task("a"), END) + boundary + user_task("b")[1] + flows("ingat b", "b end")))
    commands.start(pe, penulis, now, key="p")
    for hour in range(1, 6):
        jobs.run_due(pe, lambda hour=hour: now + dt.timedelta(hours=hour))
    assert sorted(row["activity_id"] for row in queries.tasks(pe, admin).rows) == ["a", "b", "b", "b"]


def test_tenants_do_not_meet(pe, two, pemilik, penulis, now):
    run(pe, lambda db: db.execute(sa.insert(tables.tenant), {"id": "lain", "name": "Lain"}))
    other = Actor("orang", "lain", frozenset({"process-owner", "pelaksana", "admin"}))
    deploy(pe, other, now, TWO)
    mine, theirs = commands.start(pe, penulis, now, key="p"), commands.start(pe, other, now, key="p")
    assert mine.business_key == theirs.business_key == "P-2026-0001"
    assert [row["id"] for row in queries.instances(pe, other).rows] == [theirs.id]
    for act in (lambda: queries.instance(pe, other, mine.id), lambda: commands.cancel(pe, other, now, mine.id),
                lambda: queries.definition_xml(pe, other, two.definitions[0]["id"]),
                lambda: commands.start(pe, other, now, definition_id=two.definitions[0]["id"]),
                lambda: queries.deployment(pe, other, two.id)):
        with pytest.raises(NotFound):
            act()


def test_a_service_task_waits_for_its_job(pe, pemilik, penulis, admin, now):
    deploy(pe, pemilik, now, diagram(chain(START, service_task("s", "tak-ditangani"), END)))
    commands.start(pe, admin, now, key="p")
    assert jobs.run_due(pe, lambda: now) == 0  # nobody handles its topic here: it waits
    assert [job["state"] for job in queries.jobs(pe, admin).rows] == ["open"]


def test_a_hundred_turns_of_tidak_leave_the_state_as_small_as_two(pe, sop, ketua, kasubbag, penulis, admin, now):
    def size():
        with read(pe) as db:
            row = db.execute(sa.select(tables.process_instance.c.state, tables.process_instance.c.variables)).one()
        return len(row.state) + len(row.variables)

    commands.start(pe, ketua, now, key=KEY)
    do(pe, ketua, now, "tugaskan", perihal="x", kanal=["website"])
    do(pe, kasubbag, now, "perintahkan", penulis="penulis")
    do(pe, penulis, now, "siapkan", jenis="pengumuman", klasifikasi="berkala", judul="J", ringkasan="R", isi="I", gambar=[], lampiran=[])
    sizes = []
    for turn in range(100):
        do(pe, kasubbag, now + dt.timedelta(minutes=turn), "periksa", **CHECKED)
        do(pe, ketua, now + dt.timedelta(minutes=turn), "putuskan", keputusan="tidak", catatan="lagi")
        sizes.append(size())
    assert sizes[-1] == sizes[1]
    assert len(queries.activities(pe, admin, queries.instances(pe, admin).rows[0]["id"])) > 300  # what happened is in the history
