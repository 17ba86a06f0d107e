"""Deployments, process definitions and what is in them."""

from typing import Any

from engine.process_engine import Actor, ProcessEngine
from engine.queries.paging import Page


def definitions(pe: ProcessEngine, actor: Actor, *, key: str | None = None, latest: bool = False, startable: bool = False,
                after: str | None = None, limit: int = 50) -> Page:
    """Process definitions by key, newest version first. Rows: id, key, version, name, deployment_id, resource_name, groups,
    starter_groups, suspended, deployed_at."""
    raise NotImplementedError


def definition(pe: ProcessEngine, actor: Actor, id_or_key: str) -> dict[str, Any]:
    """One process definition; by its key, the newest version."""
    raise NotImplementedError


def definition_xml(pe: ProcessEngine, actor: Actor, definition_id: str) -> bytes:
    """Its diagram."""
    raise NotImplementedError


def definition_resource(pe: ProcessEngine, actor: Actor, definition_id: str, name: str) -> bytes:
    """A resource of its deployment."""
    raise NotImplementedError


def start_form(pe: ProcessEngine, actor: Actor, definition_id: str) -> bytes | None:
    """The form of its start event; None where it has none."""
    raise NotImplementedError


def deployments(pe: ProcessEngine, actor: Actor, *, name: str | None = None, after: str | None = None, limit: int = 50) -> Page:
    """Deployments, newest first. Rows: id, name, source, deployed_at, deployed_by."""
    raise NotImplementedError


def deployment(pe: ProcessEngine, actor: Actor, deployment_id: str) -> dict[str, Any]:
    """One deployment."""
    raise NotImplementedError


def deployment_resources(pe: ProcessEngine, actor: Actor, deployment_id: str) -> list[dict[str, Any]]:
    """Its resources: dicts of id, name, sha256."""
    raise NotImplementedError
