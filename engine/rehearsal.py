"""What a worker's call would send, for a trial run: made by the code that would send it, without the network and without a row.

No secret is asked for: of a channel only its name and its connector are told.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from bpmn.errors import N_, TerbitError, Told
from connectors import all_connectors, rules
from engine import publication, withdrawal
from engine.handlers import BpmnError
from engine.process_engine import Actor, ProcessEngine
from engine.store import read
from engine.tables import channel

MANUAL = "manual"


@dataclass(frozen=True)
class Sent:
    """One call as it would be made: `facts` are (an N_ label, value) to show, `text` the very words that go out."""

    what: str  # an N_ template, filled by `params`
    params: dict[str, str] = field(default_factory=dict)
    facts: list[tuple[str, str]] = field(default_factory=list)
    text: str = ""
    problems: list[Told] = field(default_factory=list)  # what the channel would refuse or shorten
    refused: Told | None = None  # why Terbit itself would not send it
    by_hand: bool = False  # a person does it: the call fails for good, and the diagram goes on from there
    result: dict[str, Any] = field(default_factory=dict)  # what a good answer would bring


def channels_of(pe: ProcessEngine, actor: Actor) -> dict[str, tuple[str, str]]:
    """{channel id: (name, connector)} of the office; a disabled channel is one by hand. One statement."""
    c = channel.c
    with read(pe) as db:
        rows = db.execute(sa.select(c.id, c.name, c.connector, c.enabled).where(c.tenant_id == actor.tenant)).all()
    return {row.id: (row.name, row.connector if row.enabled else MANUAL) for row in rows}


def would_send(topic: str, payload: Mapping[str, Any], known: Mapping[str, tuple[str, str]]) -> Sent:
    """Return what a job of this topic would send; `known` from `channels_of`."""
    if topic == publication.TOPIC:
        return _publication(payload, known)
    if topic == withdrawal.TOPIC:
        name, connector = _channel(payload, known)
        return Sent(N_("Menurunkan dari %(channel)s"), {"channel": name}, [(N_("Konektor"), _title(connector))],
                    by_hand=connector == MANUAL, result={"url": "https://contoh.go.id/tulisan"})
    if topic == "dokumentasikan":
        return Sent(N_("Membuat lembar dokumentasi dan menyimpannya di arsip"), result={"lembar_dokumentasi": None})
    return Sent(N_("Dikerjakan pekerja luar dengan topik “%(topic)s”"), {"topic": topic},
                [(str(name), _short(value)) for name, value in list(payload.items())[:50]])


def _publication(payload: Mapping[str, Any], known: Mapping[str, tuple[str, str]]) -> Sent:
    name, connector = _channel(payload, known)
    id = str(payload.get("kanal") or "")
    post = rules.Post(_text(payload, "judul"), _text(payload, "ringkasan"), _text(payload, "isi"), "", publication.own_text(payload), [])
    files = [str(f.get("name", "")) for key in ("gambar", "lampiran") for f in _list(payload.get(key)) if isinstance(f, dict)]
    facts = [(N_("Konektor"), _title(connector)), (N_("Judul"), post.title), (N_("Dokumen yang ikut"), ", ".join(files) or "–")]
    if payload.get("terbit_pada"):
        facts.append((N_("Terbit pada"), str(payload["terbit_pada"])))
    refused: Told | None = None
    try:
        publication.check_payload(payload)
    except BpmnError as error:
        refused = Told(N_("Terbit menolak menerbitkannya: %(reason)s"), reason=error.message)
    except TerbitError as error:
        refused = error
    return Sent(N_("Menerbitkan di %(channel)s"), {"channel": name}, facts, rules.compose(id, post) if id != "website" else post.body,
                [Told(p.message, **p.params) for p in rules.check(id, post) if p.about != "images"], refused, connector == MANUAL,
                {"url": "https://contoh.go.id/tulisan", "id": "coba"})


def _channel(payload: Mapping[str, Any], known: Mapping[str, tuple[str, str]]) -> tuple[str, str]:
    id = str(payload.get("kanal") or "")
    return known.get(id, (id or "?", MANUAL))


def _title(connector: str) -> str:
    found = all_connectors().get(connector)
    return found.title if found else connector


def _text(payload: Mapping[str, Any], name: str) -> str:
    value = payload.get(name)
    return value if isinstance(value, str) else ""


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value] if value else []


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 300 else text[:299] + "…"
