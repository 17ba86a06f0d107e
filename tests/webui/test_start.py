"""Starting a case: who may, and that a form sent twice starts one."""

from engine import commands, queries
from engine.commands import deploy


def test_who_may_start_sees_the_procedure_and_others_do_not(signed_in, sop):
    page = signed_in("ketua").get("/start").text
    assert "Penerbitan/Pengunggahan Informasi" in page and "SOP 06 TAHUN 2022" in page
    other = signed_in("penulis")
    assert "Tidak ada prosedur yang dapat Anda mulai" in other.get("/start").text
    assert 'href="/start"' not in other.get("/").text and 'href="/start"' in signed_in("ketua").get("/").text
    assert other.post(f"/start/{sop}").status_code == 404


def test_starting_leads_to_the_first_task(pe, people, signed_in, sop):
    answer = signed_in("ketua").post(f"/start/{sop}")
    assert answer.status_code == 303
    [task] = queries.tasks(pe, people["ketua"]).rows
    assert (answer.location, task["activity_id"]) == (f"/tasks/{task['id']}", "tugaskan")


def test_a_start_sent_again_leads_to_the_same_case(pe, people, signed_in, sop):
    browser = signed_in("ketua")
    first, again = (browser.post(f"/start/{sop}", {"once": "abc"}) for _ in range(2))
    assert first.location == again.location
    assert len(queries.instances(pe, people["ketua"]).rows) == 1
    assert browser.post(f"/start/{sop}", {"once": "def"}).location != first.location


def test_a_start_form_is_asked_first(pe, people, now, signed_in):
    form = b'{"type":"default","id":"mulai","components":[{"type":"textfield","key":"topik","label":"Topik","validate":{"required":true}}]}'
    diagram = b"""<?xml version="1.0"?><definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"
      xmlns:camunda="http://camunda.org/schema/1.0/bpmn" targetNamespace="x">
      <process id="usul" name="Usulan" isExecutable="true" camunda:historyTimeToLive="P1D">
      <startEvent id="m" camunda:formRef="mulai" camunda:formRefBinding="deployment"/><sequenceFlow id="f" sourceRef="m" targetRef="t"/>
      <userTask id="t" name="Baca usulan" camunda:candidateGroups="pelaksana"/><sequenceFlow id="g" sourceRef="t" targetRef="e"/>
      <endEvent id="e"/></process></definitions>"""
    deploy(pe, people["pemilik"], now, name="usul", resources={"usul.bpmn": diagram, "mulai.form": form})
    browser = signed_in("penulis")
    assert 'href="/start/usul"' in browser.get("/start").text
    assert 'name="v-topik"' in browser.get("/start/usul").text
    refused = browser.post("/start/usul", {"v-topik": ""})
    assert refused.status_code == 400 and "Wajib diisi." in refused.text
    started = browser.post("/start/usul", {"v-topik": "Perahu"})
    task = started.location.rsplit("/", 1)[1]
    assert queries.task_variables(pe, people["penulis"], task)["topik"] == "Perahu"
    page = browser.get(started.location)
    assert page.status_code == 200 and "Selesaikan" in page.text  # a task without a form is completed by one click
    assert browser.post(started.location).location == f"/?done={task}"


def test_a_suspended_procedure_cannot_be_started(pe, people, now, signed_in, sop):
    definition = queries.definition(pe, people["admin"], sop)["id"]
    commands.suspend_definition(pe, people["admin"], now, definition, "uji")
    browser = signed_in("ketua")
    assert "Tidak ada prosedur" in browser.get("/start").text
    assert browser.post(f"/start/{sop}").status_code == 404
