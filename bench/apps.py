"""What Terbit is measured against. All are Flask, served by the same gunicorn settings, durable on the same SQLite settings.

bare   answers, and does nothing.
rows   the rows that Terbit writes for a completion, by the same statements in plain sqlite3, with the SOP's order of
       tasks written into it: no engine, no rights, no expressions. The ceiling for anything that keeps the same records.
spiff  SpiffWorkflow with its whole state serialized into one column at each step, as its documentation shows.
"""

import json
import sqlite3
import threading
from datetime import datetime, timezone
from pathlib import Path

from flask import Flask, request
from lxml import etree
from SpiffWorkflow.bpmn.serializer import BpmnWorkflowSerializer
from SpiffWorkflow.bpmn.workflow import BpmnWorkflow
from SpiffWorkflow.camunda.parser import CamundaParser
from SpiffWorkflow.camunda.serializer import DEFAULT_CONFIG
from SpiffWorkflow.util.task import TaskState

from engine.ids import new_id

SOP = Path(__file__).parent.parent / "bpmn" / "models" / "penerbitan-informasi" / "penerbitan-informasi.bpmn"
NEXT = {  # activity -> (activities passed at once, next task, its group)
    "tugaskan": ([], "perintahkan", "sub-bagian"),
    "perintahkan": ([], "siapkan", "pelaksana"),
    "siapkan": (["jenis_berita"], "periksa", "sub-bagian"),
    "periksa": ([], "putuskan", "ketua-divisi"),
    "putuskan": (["sesuai"], "serahkan", "sub-bagian"),
    "tidak": (["sesuai"], "periksa", "sub-bagian"),
    "serahkan": ([], "terbitkan", "web-admin"),
}


def bare(folder: Path) -> Flask:
    app = Flask(__name__)

    @app.post("/engine-rest/task/<id>/complete")
    def complete(id: str):
        request.get_json()
        return "", 204

    return app


def rows(folder: Path) -> Flask:
    app = Flask(__name__)
    connection = _connections(folder / "terbit.sqlite3")

    @app.post("/engine-rest/task/<id>/complete")
    def complete(id: str):
        sent = {name: typed["value"] for name, typed in request.get_json()["variables"].items()}
        now = datetime.now(timezone.utc)
        db = connection()
        task = db.execute(SELECT, (id, "kpu")).fetchone()
        variables = {**json.loads(task["variables"])[""], **sent}
        state = json.dumps(json.loads(task["state"]))
        passed, then, group = NEXT["tidak" if sent.get("keputusan") == "tidak" else task["activity_id"]]
        at = now.strftime("%Y-%m-%d %H:%M:%S.%f")
        db.execute("BEGIN IMMEDIATE")
        done = db.execute(UPDATE, (state, json.dumps({"": variables}), "Judul", "judul", task["instance_id"], task["version"])).rowcount
        if not done:
            db.execute("ROLLBACK")
            return "", 409
        db.execute(LEAVE, (at, "admin", "admin", id))
        db.execute("DELETE FROM candidate WHERE task_id = ?", (id,))
        entered = [(new_id(now), name, "exclusiveGateway", at, False) for name in passed] + [(new_id(now), then, "userTask", None, True)]
        db.executemany(ENTER, [(new, "kpu", task["instance_id"], task["definition_id"], name, name, kind, at, ended, is_task,
                                *((DUE, DUE, 3600, True, DUE, f"{name}.form") if is_task else (None, None, None, False, None, None)))
                               for new, name, kind, ended, is_task in entered])
        db.execute("INSERT INTO candidate (task_id, kind, name, tenant_id) VALUES (?, 'group', ?, 'kpu')", (entered[-1][0], group))
        db.execute(EVENT, ("kpu", task["instance_id"], id, at, json.dumps({"activity_id": task["activity_id"], "variables": sent})))
        db.execute("COMMIT")
        return "", 204

    return app


DUE = "2026-12-31 09:00:00.000000"
SELECT = """SELECT a.activity_id, a.assignee, a.ended_at, i.id AS instance_id, i.definition_id, i.version, i.state, i.variables,
 (SELECT group_concat(c.kind || ':' || c.name) FROM candidate c WHERE c.task_id = a.id) AS candidates
 FROM activity_instance a JOIN process_instance i ON i.id = a.instance_id WHERE a.id = ? AND a.tenant_id = ? AND a.is_task"""
UPDATE = """UPDATE process_instance SET version = version + 1, state = ?, variables = ?, title = ?, search = ?, ended_at = NULL,
 end_reason = NULL, working_seconds = NULL WHERE id = ? AND version = ? AND ended_at IS NULL"""
LEAVE = """UPDATE activity_instance SET ended_at = ?, canceled = false, completed_by = ?, working_seconds = 60,
 assignee = coalesce(assignee, ?)
 WHERE id = ? AND ended_at IS NULL"""
ENTER = """INSERT INTO activity_instance (id, tenant_id, instance_id, definition_id, activity_id, name, type, scope_id, loop_counter,
 started_at, ended_at, canceled, is_task, assignee, due_at, due_order, allowed_seconds, to_tell, remind_at, follow_up_at, priority,
 form_key, description) VALUES (?, ?, ?, ?, ?, ?, ?, NULL, NULL, ?, ?, false, ?, NULL, ?, ?, ?, ?, ?, NULL, 50, ?, NULL)"""
EVENT = """INSERT INTO event (tenant_id, instance_id, activity_instance_id, type, at, actor, data)
 VALUES (?, ?, ?, 'task.completed', ?, 'admin', ?)"""


def spiff(folder: Path) -> Flask:
    app = Flask(__name__)
    connection = _connections(folder / "spiff.sqlite3")
    serializer = BpmnWorkflowSerializer(BpmnWorkflowSerializer.configure(DEFAULT_CONFIG))

    @app.post("/engine-rest/task/<id>/complete")
    def complete(id: str):
        sent = {name: typed["value"] for name, typed in request.get_json()["variables"].items()}
        db = connection()
        row = db.execute("SELECT version, state FROM instance WHERE id = ?", (id,)).fetchone()
        workflow = serializer.deserialize_json(row["state"])
        task = workflow.get_next_task(state=TaskState.READY, manual=True)
        task.data.update(sent)
        task.run()
        workflow.do_engine_steps()
        state = serializer.serialize_json(workflow)
        db.execute("BEGIN IMMEDIATE")
        done = db.execute("UPDATE instance SET version = version + 1, state = ? WHERE id = ? AND version = ?",
                          (state, id, row["version"])).rowcount
        db.execute("COMMIT")
        return "", 204 if done else 409

    return app


def start_spiff(folder: Path, ids: list[str]) -> None:
    """Make these instances, each waiting at the first task."""
    db = _connections(folder / "spiff.sqlite3")()
    db.execute("CREATE TABLE IF NOT EXISTS instance (id TEXT PRIMARY KEY, version INTEGER NOT NULL, state TEXT NOT NULL)")
    serializer = BpmnWorkflowSerializer(BpmnWorkflowSerializer.configure(DEFAULT_CONFIG))
    workflow = BpmnWorkflow(_spiff_spec())
    workflow.do_engine_steps()
    state = serializer.serialize_json(workflow)
    db.execute("BEGIN IMMEDIATE")
    db.executemany("INSERT INTO instance VALUES (?, 1, ?)", [(id, state) for id in ids])
    db.execute("COMMIT")


def _spiff_spec():
    """The same SOP up to `terbitkan`, in what SpiffWorkflow's own parser reads: no `${…}`, no part after it."""
    root = etree.parse(SOP).getroot()
    bpmn = "{http://www.omg.org/spec/BPMN/20100524/MODEL}"
    process = root.find(f"{bpmn}process")
    gone = {"tunggu_jadwal", "penerbitan_kanal", "dokumentasikan", "selesai"}
    for element in [*process.iterchildren(), *process.iter(f"{bpmn}flowNodeRef")]:
        named = {element.get("id"), element.get("sourceRef"), element.get("targetRef"), element.text}
        if named & gone:
            element.getparent().remove(element)
    terbitkan = process.find(f"{bpmn}userTask[@id='terbitkan']")
    for outgoing in terbitkan.findall(f"{bpmn}outgoing"):
        terbitkan.remove(outgoing)
    for element in [*root.iter(f"{bpmn}extensionElements"), root.find("{*}BPMNDiagram")]:
        element.getparent().remove(element)
    for condition in root.iter(f"{bpmn}conditionExpression"):
        condition.text = condition.text.strip().removeprefix("${").removesuffix("}")
    parser = CamundaParser()
    parser.add_bpmn_xml(root, filename=SOP.name)
    return parser.get_spec("penerbitan-informasi")


def _connections(path: Path):
    """One connection a thread, as durable as Terbit's: write-ahead log, synced at every commit."""
    local = threading.local()

    def connection() -> sqlite3.Connection:
        if not hasattr(local, "db"):
            local.db = sqlite3.connect(path, isolation_level=None, timeout=15)
            local.db.row_factory = sqlite3.Row
            for pragma in ("busy_timeout=15000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "temp_store=MEMORY"):
                local.db.execute(f"PRAGMA {pragma}")
        return local.db

    return connection
