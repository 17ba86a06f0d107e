"""Uploads in pieces: nothing twice, nothing lost that was said to be there, and no piece from a stranger."""

import datetime as dt
import io
import os
import subprocess
import sys

import pytest
import sqlalchemy as sa

from bpmn.errors import Conflict, Forbidden, Invalid, NotFound
from engine import documents, uploads
from engine.process_engine import Actor
from engine.store import read, run
from engine.tables import document, upload
from tests.conftest import on_databases
from tests.engine.a_case import PDF, complete, make_case, make_definition, make_task
from tests.engine.a_case import upload as upload_whole

BODY = PDF + b"x" * 100


@pytest.fixture
def task(pe, now, people):
    make_definition(pe, now)
    return make_task(pe, now, make_case(pe, now))


def begin(pe, actor, now, task, size=None, **more):
    return uploads.create(pe, actor, now, task_id=task, variable="lampiran", name="surat.pdf",
                          size=len(BODY) if size is None else size, **more)


def on_disk(pe):
    return [path.name for path in (pe.folder / "uploads").glob("*")]


def count(pe, table):
    with read(pe) as db:
        return db.scalar(sa.select(sa.func.count()).select_from(table))


@on_databases
def test_pieces_become_a_document(pe, now, penulis, task):
    id = begin(pe, penulis, now, task)
    assert uploads.append(pe, penulis, now, task, id, 0, BODY[:50]) == 50
    with pytest.raises(uploads.Elsewhere) as caught:  # the answer to it was lost, and it comes again
        uploads.append(pe, penulis, now, task, id, 0, BODY[:50])
    assert caught.value.offset == 50
    with pytest.raises(Conflict):
        uploads.finish(pe, penulis, now, task, id)
    assert uploads.append(pe, penulis, now, task, id, 50, BODY[50:]) == len(BODY)
    first = uploads.finish(pe, penulis, now, task, id)
    assert uploads.finish(pe, penulis, now, task, id) == first
    assert documents.open_document(pe, penulis, first["document"])[1].read_bytes() == BODY
    assert (count(pe, document), count(pe, upload), on_disk(pe)) == (1, 0, [])
    assert uploads.state(pe, penulis, now, task, id)["offset"] == len(BODY)


def test_what_the_row_does_not_know_of_is_written_over(pe, now, penulis, task):
    id = begin(pe, penulis, now, task)
    uploads.append(pe, penulis, now, task, id, 0, BODY[:10])
    with (pe.folder / "uploads" / id).open("ab") as file:  # a crash after the disk and before the row
        file.write(b"garbage that was cut off")
    assert uploads.state(pe, penulis, now, task, id)["offset"] == 10
    uploads.append(pe, penulis, now, task, id, 10, BODY[10:])
    assert documents.open_document(pe, penulis, uploads.finish(pe, penulis, now, task, id)["document"])[1].read_bytes() == BODY


def test_bytes_that_the_disk_lost_are_asked_for_again(pe, now, penulis, task):
    id = begin(pe, penulis, now, task)
    uploads.append(pe, penulis, now, task, id, 0, BODY[:40])
    os.truncate(pe.folder / "uploads" / id, 25)
    assert uploads.state(pe, penulis, now, task, id)["offset"] == 25
    (pe.folder / "uploads" / id).unlink()
    assert uploads.state(pe, penulis, now, task, id)["offset"] == 0
    assert uploads.append(pe, penulis, now, task, id, 0, BODY) == len(BODY)
    assert uploads.finish(pe, penulis, now, task, id)["size"] == len(BODY)


KILLED = """
import os, signal, sys
from engine import uploads
from engine.process_engine import Actor, open_engine
import datetime as dt
folder, task, id, where = sys.argv[1:]
pe, penulis = open_engine(folder), Actor("penulis", "kpu", frozenset({"pelaksana"}))
now = dt.datetime(2026, 3, 2, 1, 0, tzinfo=dt.timezone.utc)
def die(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)
uploads.append(pe, penulis, now, task, id, 0, b"%PDF-1.4\\n" + b"a" * 41)
if where == "synced":  # the bytes are on the disk, the row does not know
    uploads.run = die
else:  # half of them are
    uploads._write = lambda file, piece, offset: (os.pwrite(file, piece[:20], offset), die())
uploads.append(pe, penulis, now, task, id, 50, b"b" * 50)
"""


@pytest.mark.parametrize("where", ["synced", "torn"])
def test_killed_between_two_pieces_it_goes_on_where_both_agree(pe, now, penulis, task, where):
    id = begin(pe, penulis, now, task, size=100)
    died = subprocess.run([sys.executable, "-c", KILLED, str(pe.folder), task, id, where], check=False, capture_output=True, text=True)
    assert died.returncode == -9, died.stderr
    assert (pe.folder / "uploads" / id).stat().st_size == (100 if where == "synced" else 70)
    assert uploads.state(pe, penulis, now, task, id)["offset"] == 50
    uploads.append(pe, penulis, now, task, id, 50, b"c" * 50)
    kept = uploads.finish(pe, penulis, now, task, id)
    assert documents.open_document(pe, penulis, kept["document"])[1].read_bytes() == b"%PDF-1.4\n" + b"a" * 41 + b"c" * 50


def test_killed_while_it_is_kept_it_is_kept_once(pe, now, penulis, task, monkeypatch):
    id = begin(pe, penulis, now, task)
    uploads.append(pe, penulis, now, task, id, 0, BODY)
    with monkeypatch.context() as patch:
        patch.setattr(documents, "run", lambda pe, fn: (_ for _ in ()).throw(KeyboardInterrupt))  # after the archive has it
        with pytest.raises(KeyboardInterrupt):
            uploads.finish(pe, penulis, now, task, id)
    assert uploads.finish(pe, penulis, now, task, id)["document"] == id
    assert count(pe, document) == 1


def test_only_who_may_do_the_task_and_only_their_own(pe, now, penulis, webadmin, ketua, task):
    id = begin(pe, penulis, now, task)
    with pytest.raises(Forbidden):
        begin(pe, ketua, now, task)
    for stranger in (webadmin, Actor("penulis", "lain", frozenset({"pelaksana"}))):  # may do it, but it is not their upload
        for act in (lambda who: uploads.append(pe, who, now, task, id, 0, BODY), lambda who: uploads.state(pe, who, now, task, id),
                    lambda who: uploads.finish(pe, who, now, task, id), lambda who: uploads.cancel(pe, who, now, task, id)):
            with pytest.raises(NotFound):
                act(stranger)
    with pytest.raises(NotFound):
        uploads.append(pe, penulis, now, make_task(pe, now, make_case(pe, now, "INF-2026-0009")), id, 0, BODY)


def test_a_task_that_has_ended_takes_no_more(pe, now, penulis, task):
    id = begin(pe, penulis, now, task)
    with read(pe) as db:
        case = documents._task(db, penulis, task)["instance_id"]
    complete(pe, penulis, now, case, task, "siapkan", {})
    with pytest.raises(Conflict):
        uploads.append(pe, penulis, now, task, id, 0, BODY)


def test_too_much_is_refused_before_a_byte_comes(pe, now, penulis, task, monkeypatch):
    pe.config["MAX_UPLOAD_BYTES"] = 1 << 20
    with pytest.raises(uploads.TooLarge, match="1 MB"):
        begin(pe, penulis, now, task, size=(1 << 20) + 1)
    with pytest.raises(Invalid, match="kosong"):
        begin(pe, penulis, now, task, size=0)
    id = begin(pe, penulis, now, task, size=10)
    with pytest.raises(uploads.TooLarge):
        uploads.append(pe, penulis, now, task, id, 0, b"x" * 11)
    assert uploads.state(pe, penulis, now, task, id)["offset"] == 0
    monkeypatch.setattr(uploads, "MOST_OPEN", 2)
    begin(pe, penulis, now, task)
    with pytest.raises(Conflict, match="belum selesai"):
        begin(pe, penulis, now, task)


def test_a_file_that_is_not_taken_is_gone(pe, now, penulis, task):
    id = begin(pe, penulis, now, task, size=9)
    uploads.append(pe, penulis, now, task, id, 0, b"MZprogram")
    with pytest.raises(Invalid, match="tidak diterima"):
        uploads.finish(pe, penulis, now, task, id)
    assert (count(pe, upload), count(pe, document), on_disk(pe)) == (0, 0, [])


def test_cancelled_and_forgotten_ones_are_swept(pe, now, penulis, task):
    given_up, old, new = (begin(pe, penulis, at, task) for at in (now, now - uploads.KEPT, now))
    for id, at in ((given_up, now), (old, now - uploads.KEPT), (new, now)):
        uploads.append(pe, penulis, at, task, id, 0, BODY[:5])
    uploads.cancel(pe, penulis, now, task, given_up)
    stray = pe.folder / "uploads" / "left-by-a-crash"
    stray.write_bytes(b"x")
    for path in (stray, pe.folder / "uploads" / new):
        os.utime(path, times=((now - dt.timedelta(days=2)).timestamp(),) * 2)
    assert uploads.sweep(pe, now) == 2
    assert on_disk(pe) == [new]  # old as its file looks, its row is there
    assert uploads.state(pe, penulis, now, task, new)["offset"] == 5
    assert uploads.sweep(pe, now) == 0


# Versions -------------------------------------------------------------------------------------------------------------

def bind(pe, actor, now, case, **variables):
    return run(pe, lambda db: documents.bind(db, actor, now, case, variables))


@on_databases
def test_a_newer_version_takes_the_place_and_the_older_stays(pe, now, penulis, ketua):
    make_definition(pe, now)
    case = make_case(pe, now)
    task = make_task(pe, now, case)

    def version(after=None, minutes=0):
        return documents.store_upload(pe, penulis, now + dt.timedelta(minutes=minutes), stream=io.BytesIO(PDF + bytes([minutes + 65])),
                                      name="surat.pdf", task_id=task, variable="lampiran", replaces=after and after["document"])

    first = version()
    second = version(first, 1)
    third = version(second, 2)  # made before anything was handed on: all three are the case's then
    other = upload_whole(pe, penulis, now, PDF, "lain.pdf", task)
    bind(pe, penulis, now, case, lampiran=[third, other])
    found = {each.row["id"]: each for each in documents.versions(documents.documents(pe, ketua, case))}
    assert found.keys() == {third["document"], other["document"]}
    newest = found[third["document"]]
    assert (newest.row["version"], newest.row["of"]) == (3, 3)
    assert [(old["id"], old["version"]) for old in newest.older] == [(second["document"], 2), (first["document"], 1)]
    assert documents.open_document(pe, ketua, first["document"])[1].read_bytes() == PDF + b"A"


def test_what_can_be_replaced(pe, now, penulis, webadmin):
    make_definition(pe, now)
    case, elsewhere = make_case(pe, now), make_case(pe, now, "INF-2026-0002")
    task, other_task = make_task(pe, now, case), make_task(pe, now, elsewhere)
    own, his = upload_whole(pe, penulis, now, PDF, "a.pdf", task), upload_whole(pe, webadmin, now, PDF, "b.pdf", task)
    foreign = upload_whole(pe, penulis, now, PDF, "c.pdf", other_task)
    bind(pe, penulis, now, elsewhere, lampiran=[foreign])

    def replace(id, actor=penulis, task=task, variable="lampiran"):
        return documents.store_upload(pe, actor, now, stream=io.BytesIO(PDF), name="d.pdf", task_id=task, variable=variable, replaces=id)

    for wrong in (lambda: replace(foreign["document"]), lambda: replace(his["document"]), lambda: replace("tidak-ada"),
                  lambda: replace(own["document"], variable="gambar"), lambda: replace(own["document"], task=other_task),
                  lambda: uploads.create(pe, penulis, now, task_id=task, variable="lampiran", name="d", size=9, replaces=foreign["document"])):
        with pytest.raises(Invalid, match="yang diganti"):
            wrong()
    newer = replace(own["document"])
    with pytest.raises(Invalid):  # taken to another case, it would be a version of what is not there
        bind(pe, penulis, now, case, lampiran=own) and bind(pe, penulis, now, elsewhere, lampiran=newer)
    bind(pe, penulis, now, case, lampiran=newer)
