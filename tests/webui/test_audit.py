"""The audit page: what it shows, and what it gives away."""

import ast
import csv
import io
import json
from pathlib import Path

import sqlalchemy as sa

from engine import channels, settings
from engine.store import run
from engine.tables import event
from webui.audit_words import WORDS


def test_an_admin_finds_what_changed_before_and_after(signed_in, pe, now, admin, people, statements):
    settings.change(pe, admin, now, "review", {"months": 3})
    settings.change(pe, admin, now, "review", {"months": 9})
    channels.seed_channels(pe, now, "kpu")
    channels.pause_channel(pe, admin, now, "website", "Server dipindah =1+1")
    browser = signed_in("admin")
    browser.get("/audit")
    with statements() as asked:
        page = browser.get("/audit").text
    assert len([each for each in asked if "FROM event" in each]) == 1 and len(asked) <= 9
    assert "Pengaturan diubah" in page and "<del>3</del> → <ins>9</ins>" in page
    assert "Kanal dijeda" in page and "Server dipindah" in page
    only = browser.get("/audit?kind=channel.paused&who=admin&q=DIPINDAH&since=2026-01-01").text
    assert "Kanal dijeda</th>" in only and "Pengaturan diubah</th>" not in only
    assert "Tidak ada peristiwa yang cocok" in browser.get("/audit?who=siapa").text
    for hostile in ("/audit?since=kemarin", "/audit?until=9999-12-31", "/audit?after=x"):
        assert browser.get(hostile).status_code == 400
    assert signed_in("pemilik").get("/audit").status_code == 403


def test_exports_are_whole_harmless_flat_and_recorded(signed_in, pe, now, admin, people):
    channels.seed_channels(pe, now, "kpu")
    channels.pause_channel(pe, admin, now, "website", "=HYPERLINK(1)")
    browser = signed_in("admin")
    table = list(csv.reader(io.StringIO(browser.get("/audit/export.csv?kind=channel.paused").data.decode("utf-8-sig"))))
    assert table[1][2:5] == ["admin", "Kanal dijeda", "channel.paused"] and table[1][6] == "'=HYPERLINK(1)"
    answer = browser.get("/audit/export.jsonl")
    rows = [json.loads(line) for line in answer.text.splitlines()]
    assert rows[0]["type"] == "audit.exported" and {"channel.paused", "session.begun"} <= {row["type"] for row in rows}
    with pe.db.connect() as db:
        told = db.scalars(sa.select(event.c.data).where(event.c.type == "audit.exported").order_by(event.c.id)).all()
    assert told == [{"form": "csv", "kind": "channel.paused"}, {"form": "jsonl"}]
    assert signed_in("analis").get("/audit/export.csv").status_code == 403


def test_a_long_export_takes_no_more_memory_than_a_page(signed_in, pe, now, admin, people):
    run(pe, lambda db: db.execute(sa.insert(event), [
        {"tenant_id": "kpu", "type": "channel.tested", "at": now, "actor": "admin", "data": {"channel": "x" * 200}} for _ in range(900)]))
    with signed_in("admin").get("/audit/export.jsonl?kind=channel.tested", buffered=False) as answer:
        parts = [len(part) for part in answer.response]
    assert len(parts) >= 9 and max(parts) < 60_000


def test_every_kind_of_event_has_words():
    said = set()
    for path in [*Path("engine").rglob("*.py"), *Path("webui").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("record", "event_row"):
                said |= {each.value for argument in node.args for each in ast.walk(argument)
                         if isinstance(each, ast.Constant) and isinstance(each.value, str) and "." in each.value}
    assert len(said) > 60
    assert said - WORDS.keys() - {"publication."} == set()
