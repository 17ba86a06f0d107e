"""The lint that thinks, asked with what this office knows: its groups, its procedures, the topics that its workers answer."""

from collections.abc import Mapping

import sqlalchemy as sa

from bpmn.findings import Finding
from bpmn.lint import lint
from engine import access, handlers, retiming
from engine.process_engine import Actor, ProcessEngine
from engine.store import read
from engine.tables import group, process_definition


def findings(pe: ProcessEngine, actor: Actor, files: Mapping[str, bytes]) -> list[Finding]:
    """Return all that is to be said of these files before they are put in force, the errors first. Two statements."""
    access.require(access.may_deploy(actor))
    handlers.load()
    with read(pe) as db:
        groups = set(db.execute(sa.select(group.c.id).where(group.c.tenant_id == actor.tenant)).scalars())
        known = set(db.execute(sa.select(process_definition.c.key).distinct().where(
            process_definition.c.tenant_id == actor.tenant, process_definition.c.revoked_at.is_(None))).scalars())
    topics = [topic for topic in handlers.topics() if topic != retiming.TOPIC]  # which no diagram asks for
    return lint(files, known, groups=groups, topics=topics)
