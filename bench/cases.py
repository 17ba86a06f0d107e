"""Cases of the shipped SOP, made by Terbit itself, and the requests that take them from `tugaskan` to `terbitkan`."""

import json
from datetime import datetime, timezone
from pathlib import Path

import sqlalchemy as sa

from bench import load
from engine import api_tokens, commands, installation
from engine.process_engine import Actor, ProcessEngine
from engine.store import read
from engine.tables import activity

TEXT = "Pleno rekapitulasi daftar pemilih berkelanjutan dilaksanakan di kantor KPU. " * 26  # 2 kB, as a short announcement
CONTENT = {"jenis": "pengumuman", "klasifikasi": "publik", "judul": "Pengumuman pleno", "ringkasan": TEXT[:200], "isi": TEXT,
           "gambar": [], "lampiran": []}
STEPS = (  # one completion of each case a round: the SOP with one TIDAK
    ("tugaskan", {"sumber": "nota-dinas", "perihal": "Pleno", "kanal": ["website"], "disposisi": "Terbitkan"}),
    ("perintahkan", {"penulis": None, "arahan": "Siapkan"}),
    ("siapkan", CONTENT),
    ("periksa", {"kebenaran_diperiksa": True, "narasumber_dikonfirmasi": True, "kalimat_diperbaiki": True}),
    ("putuskan", {"keputusan": "tidak", "catatan": "Lengkapi tanggal"}),
    ("periksa", {"kebenaran_diperiksa": True}),
    ("putuskan", {"keputusan": "sesuai", "catatan": None}),
    ("serahkan", {"disposisi_web_admin": "Unggah"}),
)
LOOP = (STEPS[3], STEPS[4])


def now() -> datetime:
    return datetime.now(timezone.utc)


def prepare(folder: Path) -> tuple[ProcessEngine, str]:
    """A fresh demo installation in `folder`, and a bearer token of its admin."""
    pe = installation.prepare(folder, now(), demo=True)
    token = api_tokens.create(pe, Actor.system(), now(), name="bench", user_id="admin")
    return pe, token["token"]


def start(pe: ProcessEngine, count: int) -> list[str]:
    """Start cases, and return their ids; each waits at `tugaskan`."""
    return [commands.start(pe, Actor.system(), now(), key="penerbitan-informasi").id for _ in range(count)]


def open_tasks(pe: ProcessEngine, instances: list[str]) -> dict[str, str]:
    """{instance id: the id of its open task}; each of these cases has exactly one."""
    with read(pe) as db:
        found = db.execute(sa.select(activity.c.instance_id, activity.c.id).where(
            activity.c.instance_id.in_(instances), activity.c.is_task, activity.c.ended_at.is_(None)))
        return {row.instance_id: row.id for row in found}


def body(variables: dict) -> bytes:
    return json.dumps({"variables": {name: {"value": value} for name, value in variables.items()}}).encode()


def request(id: str, variables: dict, token: str = "") -> bytes:
    return load.post(f"/engine-rest/task/{id}/complete", body(variables), token)
