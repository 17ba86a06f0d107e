"""A case made of rows alone, for tests of what hangs on a case without running one."""

import datetime as dt
import io
from pathlib import Path

import sqlalchemy as sa

from bpmn.expressions import sha256
from engine import documents
from engine.handlers import Job
from engine.ids import new_id
from engine.store import record, run
from engine.tables import activity, candidate, deployment, job, process_definition, process_instance, resource

MODEL = Path(__file__).parents[2] / "bpmn/models/penerbitan-informasi/penerbitan-informasi.bpmn"
DEFINITION = "penerbitan-informasi:1:d"
GROUPS = ["pelaksana", "sub-bagian", "ketua-divisi", "web-admin"]


def make_definition(pe, now, tenant="kpu"):
    def insert(db):
        db.execute(sa.insert(deployment), {"id": "d", "tenant_id": tenant, "name": "d", "deployed_at": now})
        db.execute(sa.insert(resource), {
            "id": "r", "deployment_id": "d", "name": MODEL.name, "sha256": "0" * 64, "content": MODEL.read_bytes()})
        db.execute(sa.insert(process_definition), {
            "id": DEFINITION, "tenant_id": tenant, "key": "penerbitan-informasi", "version": 1, "deployment_id": "d",
            "resource_name": MODEL.name, "content_hash": "0" * 64, "calls": {}, "groups": GROUPS, "starter_groups": [], "deployed_at": now})

    run(pe, insert)


def make_case(pe, now, business_key="INF-2026-0001", tenant="kpu"):
    """Insert a running case and return its id."""
    id = new_id(now)
    run(pe, lambda db: db.execute(sa.insert(process_instance), {
        "id": id, "tenant_id": tenant, "definition_id": DEFINITION, "definition_key": "penerbitan-informasi", "business_key": business_key,
        "title": "Pengumuman", "version": 1, "state": "{}", "variables": "{}", "started_at": now}))
    return id


def make_task(pe, now, case, activity_id="siapkan", group="pelaksana", assignee=None, scope=None, tenant="kpu"):
    """Insert an open task of the case and return its id."""
    id = new_id(now)

    def insert(db):
        row = {"id": id, "tenant_id": tenant, "instance_id": case, "definition_id": DEFINITION, "activity_id": activity_id,
               "type": "userTask", "is_task": True, "assignee": assignee, "started_at": now, "scope_id": scope}
        if "due_order" in activity.c:
            row["due_order"] = now
        db.execute(sa.insert(activity), row)
        db.execute(sa.insert(candidate), {"task_id": id, "kind": "group", "name": group, "tenant_id": tenant})

    run(pe, insert)
    return id


def complete(pe, actor, now, case, task, activity_id, variables):
    """Write what completing a task leaves behind."""
    def write(db):
        db.execute(sa.update(activity).where(activity.c.id == task).values(ended_at=now, completed_by=actor.id))
        record(db, actor, now, "task.completed", instance_id=case, activity_instance_id=task,
               data={"activity_id": activity_id, "variables": variables})

    run(pe, write)


def make_job(pe, now, case, topic, payload, scope=None, attempts=1, tenant="kpu"):
    """Insert a service task's job and return it as a handler gets it."""
    id, at = new_id(now), new_id(now)

    def insert(db):
        db.execute(sa.insert(activity), {
            "id": at, "tenant_id": tenant, "instance_id": case, "definition_id": DEFINITION, "activity_id": topic, "type": "serviceTask",
            "scope_id": scope, "started_at": now})
        db.execute(sa.insert(job), {
            "id": id, "tenant_id": tenant, "instance_id": case, "activity_instance_id": at, "activity_id": topic, "type": "external",
            "topic": topic, "payload": payload, "state": "open", "due_at": now, "retries": 5, "created_at": now})

    run(pe, insert)
    return Job(id=id, tenant=tenant, instance_id=case, activity_id=topic, payload=payload, attempts=attempts, topic=topic,
               definition_id=DEFINITION, activity_instance_id=at)


def upload(pe, actor, now, content, name="berkas.pdf", task_id=None, variable="lampiran"):
    return documents.store_upload(pe, actor, now, stream=io.BytesIO(content), name=name, task_id=task_id, variable=variable)


def content(**changed):
    """What is published: the payload of `publikasi`, sealed, unless `segel` says otherwise."""
    values = {"kanal": "website", "judul": "Pengumuman Rapat Pleno", "ringkasan": "Rapat pleno terbuka.", "isi": "Isi **rapat**.",
              "gambar": None, "lampiran": None, "jenis": "pengumuman", "klasifikasi": "berkala", "terbit_pada": None,
              "teks_kanal": {"x": "Teks untuk X."}, **changed}
    seal = sha256([values[name] for name in ("judul", "ringkasan", "isi", "gambar", "lampiran", "teks_kanal") if name in values])
    return {"segel": seal, **values}


PDF = b"%PDF-1.7\n1 0 obj\n<< >>\nendobj\n%%EOF\n"
LATER = dt.timedelta(minutes=5)
