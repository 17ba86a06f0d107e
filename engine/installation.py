"""A fresh installation: its folder, key, tables, first office, channels, and the procedures that Terbit ships."""

import datetime as dt
from pathlib import Path
from typing import Any

import sqlalchemy as sa

import bpmn
from engine import channels, credentials, migrations, people
from engine import demo as demo_office
from engine.commands import deploy
from engine.process_engine import DEFAULT_TENANT, Actor, ProcessEngine, open_engine
from engine.store import read, record, run
from engine.tables import process_definition, tenant

MODELS = Path(bpmn.__file__).parent / "models"  # one folder a procedure


def prepare(folder: Path, now: dt.datetime, *, demo: bool = False, by: str = "") -> ProcessEngine:
    """Make the installation in `folder` whole, whatever of it is there already, and return its engine. Twice is harmless.

    What people have changed stays: a shipped procedure is deployed only where no version of it is.
    """
    pe = open_engine(folder)
    pe.secret("flask")  # makes secret.key
    before = migrations.current(pe)
    migrations.upgrade(pe)
    if (after := migrations.current(pe)) != before:
        tell(pe, by, now, "database.upgraded", {"before": before, "after": after})
    people.seed_groups(pe, DEFAULT_TENANT)
    if demo:
        demo_office.seed_people(pe, now)
    channels.seed_channels(pe, now, DEFAULT_TENANT)
    for model in sorted(path for path in MODELS.iterdir() if path.is_dir()):
        deploy_shipped(pe, now, model)
    return pe


def deploy_shipped(pe: ProcessEngine, now: dt.datetime, model: Path, tenant_id: str = DEFAULT_TENANT) -> None:
    """Deploy one of the shipped procedures (its folder is named by the process's key), unless the office has it."""
    with read(pe) as db:
        known = db.execute(sa.select(process_definition.c.id).where(
            process_definition.c.tenant_id == tenant_id, process_definition.c.key == model.name).limit(1)).first()
    if known is None:
        resources = {path.name: path.read_bytes() for path in sorted(model.iterdir()) if path.is_file()}
        deploy(pe, Actor.system(tenant_id), now, name=model.name, resources=resources, source="terbit")


def tell(pe: ProcessEngine, by: str, now: dt.datetime, type: str, data: dict[str, Any]) -> None:
    """Record in every office's history what was done to the whole installation."""
    found = offices(pe)

    def write(db: sa.Connection) -> None:
        for office in found:
            record(db, Actor(by, office, is_system=True), now, type, data=data)

    run(pe, write)


def offices(pe: ProcessEngine) -> list[str]:
    """The ids of the offices (tenants)."""
    with read(pe) as db:
        return list(db.scalars(sa.select(tenant.c.id).order_by(tenant.c.id)))


def is_current(pe: ProcessEngine) -> bool:
    """Whether the database has the tables of this version of Terbit."""
    return migrations.current(pe) == migrations.head()


def demo_accounts(pe: ProcessEngine) -> list[str]:
    """The accounts that may sign in with the demo's password, which everybody knows."""
    return [person[0] for person in demo_office.PEOPLE if credentials.authenticate(pe, person[0], demo_office.PASSWORD)]
