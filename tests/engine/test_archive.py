"""The chain: whatever is done to it behind Terbit's back is found and named."""

import concurrent.futures
import hashlib
import io
import json
import subprocess
import zipfile

import pytest
import sqlalchemy as sa

from bpmn.errors import NotFound
from engine import archive, files
from engine.archive import Entry
from engine.process_engine import Actor
from engine.store import read, run
from engine.tables import archive_entry, event, tenant
from tests.conftest import on_databases
from tests.engine.a_case import make_case, make_definition


def keep(pe, content, name="berkas.txt"):
    kept = files.keep_bytes(pe.folder, content)
    return {"name": name, "sha256": kept.sha256, "size": kept.size}


def add(pe, now, text, case=None, tenant_id="kpu"):
    return run(pe, lambda db: archive.append(db, tenant_id, now, "document", case, {"text": text}, [keep(pe, text.encode())]))


@pytest.fixture
def chain(pe, now):
    """Five entries, the last three appended at once."""
    for text in ("satu", "dua"):
        add(pe, now, text)
    entries = [Entry("document", {"text": text}, [keep(pe, text.encode())]) for text in ("3", "4", "5")]
    run(pe, lambda db: archive.append_all(db, "kpu", now, None, entries))
    return pe


def found(pe, *tenants):
    return {(problem.code, problem.number) for problem in archive.verify(pe, *tenants)}


def where(number):
    return sa.and_(archive_entry.c.tenant_id == "kpu", archive_entry.c.number == number)


@on_databases
def test_an_untouched_archive_is_whole(pe, chain):
    assert archive.verify(pe) == []
    with read(pe) as db:
        rows = db.execute(sa.select(archive_entry).order_by(archive_entry.c.number)).mappings().all()
    assert [row["number"] for row in rows] == [1, 2, 3, 4, 5]
    assert [row["previous"] for row in rows] == [archive.START, *(row["hash"] for row in rows[:-1])]


@pytest.mark.parametrize(("column", "value"), [
    ("content", '{"text":"DUA"}'), ("kind", "page"), ("instance_id", "lain"), ("files", []), ("hash", "f" * 64), ("at", None),
])
def test_a_changed_entry_is_named(pe, now, chain, column, value):
    value = now.replace(year=2020) if column == "at" else value
    run(pe, lambda db: db.execute(sa.update(archive_entry).where(where(2)).values({column: value})))
    assert ("changed-entry", 2) in found(pe)


def test_an_entry_changed_together_with_its_hash_is_named(pe, chain):
    def forge(db):
        row = dict(db.execute(sa.select(archive_entry).where(where(3))).mappings().one(), content='{"text":"palsu"}')
        db.execute(sa.update(archive_entry).where(where(3)).values(content=row["content"], hash=archive.hash_of(row)))

    run(pe, forge)
    assert found(pe) == {("broken-chain", 4)}


def test_a_chain_written_anew_from_an_entry_on_is_named(pe, chain):
    def forge(db):
        previous = None
        for number in (4, 5):
            row = dict(db.execute(sa.select(archive_entry).where(where(number))).mappings().one())
            row |= {"content": '{"text":"palsu"}'} if number == 4 else {"previous": previous}
            previous = row["hash"] = archive.hash_of(row)
            db.execute(sa.update(archive_entry).where(where(number)).values({k: row[k] for k in ("content", "previous", "hash")}))

    run(pe, forge)
    assert found(pe) == {("changed-entry", 5)}  # the history knows the hash that it had


@pytest.mark.parametrize(("number", "expected"), [
    (1, {("missing-entry", 1)}), (3, {("missing-entry", 3)}), (5, {("cut", 5)}),
])
def test_a_removed_entry_is_named(pe, chain, number, expected):
    run(pe, lambda db: db.execute(sa.delete(archive_entry).where(where(number))))
    assert found(pe) == expected


def test_an_emptied_archive_is_named(pe, chain):
    run(pe, lambda db: db.execute(sa.delete(archive_entry)))
    assert found(pe) == {("cut", 1), ("cut", 2), ("cut", 5)}


def test_a_removed_entry_whose_number_was_closed_up_is_named(pe, chain):
    def close_up(db):
        db.execute(sa.delete(archive_entry).where(where(2)))
        for number in (3, 4, 5):
            db.execute(sa.update(archive_entry).where(where(number)).values(number=number - 1))

    run(pe, close_up)
    assert {("broken-chain", 2), ("changed-entry", 2), ("changed-entry", 3), ("changed-entry", 4), ("cut", 5)} <= found(pe)


def test_entries_in_another_order_are_named(pe, chain):
    def swap(db):
        for old, new in ((2, 99), (3, 2), (99, 3)):
            db.execute(sa.update(archive_entry).where(where(old)).values(number=new))

    run(pe, swap)
    assert {("changed-entry", 2), ("changed-entry", 3), ("broken-chain", 2)} <= found(pe)


def test_a_changed_and_a_missing_file_are_named(pe, chain):
    changed, missing = (files.path(pe.folder, hashlib.sha256(text).hexdigest()) for text in (b"satu", b"dua"))
    changed.chmod(0o600)
    changed.write_bytes(b"SATU")
    missing.unlink()
    problems = archive.verify(pe)
    assert {(p.code, p.number) for p in problems} == {("changed-file", 1), ("missing-file", 2)}
    assert "berkas.txt" in str(problems[0]) and changed.name in str(problems[0])


def test_a_hash_that_is_a_path_is_never_opened(pe, chain):
    run(pe, lambda db: db.execute(sa.update(archive_entry).where(where(1)).values(
        files=[{"name": "x", "sha256": "../../secret.key", "size": 1}])))
    assert found(pe) == {("changed-entry", 1), ("changed-file", 1)}
    with pytest.raises(ValueError):
        files.path(pe.folder, "../../secret.key")


def test_every_tenant_has_a_chain_of_its_own(pe, now, chain):
    run(pe, lambda db: db.execute(sa.insert(tenant), {"id": "lain", "name": "KPU Lain"}))
    assert add(pe, now, "satu", tenant_id="lain")["number"] == 1
    run(pe, lambda db: db.execute(sa.update(archive_entry).where(archive_entry.c.tenant_id == "lain").values(kind="x")))
    assert [(p.tenant, p.code) for p in archive.verify(pe)] == [("lain", "changed-entry")]
    assert archive.verify(pe, "kpu") == []


@on_databases
def test_forty_appends_at_once_make_one_chain(pe, now):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(lambda n: add(pe, now, str(n))["number"], range(40)))
    assert sorted(numbers) == list(range(1, 41))
    assert archive.verify(pe) == []


def test_what_is_rolled_back_leaves_no_trace_in_the_chain(pe, now, chain):
    def fail(db):
        archive.append(db, "kpu", now, "document", None, {})
        raise RuntimeError

    with pytest.raises(RuntimeError):
        run(pe, fail)
    assert add(pe, now, "enam")["number"] == 6
    assert archive.verify(pe) == []


def test_the_history_keeps_the_last_hash_of_each_append(pe, chain):
    with read(pe) as db:
        anchors = list(db.scalars(sa.select(event.c.data).where(event.c.type == "archive.appended")))
    assert [anchor["number"] for anchor in anchors] == [1, 2, 5]


@on_databases
def test_verifying_reads_only_the_anchors_of_the_history(pe, chain):
    with read(pe) as db:
        names = {index["name"] for index in sa.inspect(db).get_indexes("event")}
    assert "ix_event_archive" in names


@pytest.fixture
def case(pe, now, people):
    make_definition(pe, now)
    case = make_case(pe, now)
    one, two = keep(pe, b"satu", "a.txt"), keep(pe, b"dua", "a.txt")
    run(pe, lambda db: archive.append_all(db, "kpu", now, case, [Entry("document", {"a": 1}, [one]), Entry("page", {"b": 2}, [two, one])]))
    return case


def test_only_who_may_see_the_case_sees_and_exports_its_entries(pe, now, ketua, case):
    assert [entry["content"] for entry in archive.entries(pe, ketua, case)] == [{"a": 1}, {"b": 2}]
    for stranger in (Actor("x", "kpu", frozenset({"lain"})), Actor("admin", "lain", frozenset({"admin"}))):
        with pytest.raises(NotFound):
            archive.entries(pe, stranger, case)
        with pytest.raises(NotFound):
            archive.export(pe, stranger, now, case, io.BytesIO())


def test_a_file_of_the_archive_is_opened_by_its_hash_within_its_case(pe, now, ketua, case):
    name, path = archive.open_file(pe, ketua, case, hashlib.sha256(b"dua").hexdigest())
    assert (name, path.read_bytes()) == ("a.txt", b"dua")
    kept = files.keep_bytes(pe.folder, b"tiga").sha256
    for sha256 in (kept, "../secret.key", ""):  # kept, but not this case's; no hash at all
        with pytest.raises(NotFound):
            archive.open_file(pe, ketua, case, sha256)
    with pytest.raises(NotFound):
        archive.open_file(pe, Actor("x", "kpu"), case, hashlib.sha256(b"dua").hexdigest())


def test_the_export_is_checked_by_sha256sum_alone(pe, now, ketua, case, tmp_path):
    with (tmp_path / "arsip.zip").open("wb") as stream:
        archive.export(pe, ketua, now, case, stream)
    with zipfile.ZipFile(tmp_path / "arsip.zip") as package:
        package.extractall(tmp_path)
        assert sorted(package.namelist()) == ["SHA256SUMS", "arsip.json", "berkas/001-a.txt", "berkas/002-a.txt"]
    subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
    entries = json.loads((tmp_path / "arsip.json").read_text())["entries"]
    assert [entry["number"] for entry in entries] == [1, 2]


def test_a_damaged_file_is_not_exported_as_if_it_were_whole(pe, now, ketua, case):
    files.path(pe.folder, hashlib.sha256(b"dua").hexdigest()).unlink()
    stream = io.BytesIO()
    with pytest.raises(NotFound):
        archive.export(pe, ketua, now, case, stream)
    assert stream.getvalue() == b""
