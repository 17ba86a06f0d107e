"""The demo's office and its people, whose password everybody knows."""

import datetime as dt

from sqlalchemy import Connection, insert, select

from engine import passwords, people
from engine.process_engine import DEFAULT_TENANT, ProcessEngine
from engine.store import run
from engine.tables import tenant, user

TENANT = (DEFAULT_TENANT, "KPU Kab. Adm. Kepulauan Seribu")
PASSWORD = "terbit-demo"
PEOPLE = (  # id, name, title, groups
    ("ketua", "Ketua Demo", "Ketua Divisi", ("ketua-divisi",)),
    ("kasubbag", "Kasubbag Demo", "Kepala Sub Bagian", ("sub-bagian",)),
    ("penulis", "Penulis Demo", "Fungsional umum", ("pelaksana",)),
    ("webadmin", "Web Admin Demo", "Web Admin", ("pelaksana", "web-admin")),
    ("pemilik", "Pemilik Demo", "Pemilik proses", ("process-owner",)),
    ("admin", "Admin Demo", "Administrator", ("admin",)),
    ("analis", "Analis Demo", "Analis", ("analyst",)),
)


def seed_people(pe: ProcessEngine, now: dt.datetime) -> None:
    """Make the demo office's accounts where they are missing; an account that exists is left as it is."""
    tenant_id, tenant_name = TENANT
    hashed = passwords.hashed(PASSWORD)  # one hash for all: the password is known to everyone anyway

    def write(db: Connection) -> None:
        if db.execute(select(tenant.c.id).where(tenant.c.id == tenant_id)).scalar() is None:
            db.execute(insert(tenant).values(id=tenant_id, name=tenant_name))
        people.put_standard_groups(db, tenant_id)
        there = set(db.execute(select(user.c.id).where(user.c.id.in_([p[0] for p in PEOPLE]))).scalars())
        for user_id, name, title, member_of in PEOPLE:
            if user_id not in there:
                db.execute(insert(user).values(id=user_id, tenant_id=tenant_id, name=name, title=title, created_at=now,
                                               password_hash=hashed, stamp=people.new_stamp(), active=True))
                people.put_groups(db, tenant_id, user_id, frozenset(member_of))

    run(pe, write)
