"""Uploads: kept whole or not at all, told by their bytes, seen by whom they concern."""

import hashlib
import io
import struct
import zipfile
import zlib

import pytest
import sqlalchemy as sa
from PIL import Image

from bpmn.errors import Conflict, Forbidden, Invalid, NotFound
from engine import archive, documents, media
from engine.process_engine import Actor
from engine.store import read, run
from engine.tables import activity, document
from tests.conftest import on_databases
from tests.engine.a_case import PDF, complete, make_case, make_definition, make_task, upload


@pytest.fixture
def case(pe, now, people):
    make_definition(pe, now)
    return make_case(pe, now)


@pytest.fixture
def task(pe, now, case):
    return make_task(pe, now, case)


def picture(format="PNG", size=(40, 30), **options):
    stream = io.BytesIO()
    Image.new("RGB", size, "red").save(stream, format, **options)
    return stream.getvalue()


def package(*names, content=b"x", **parts):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive_:
        for name in names:
            archive_.writestr(name, content)
        for name, part in parts.items():
            archive_.writestr({"types": "[Content_Types].xml"}.get(name, name), part)
    return stream.getvalue()


def docx(*more, types=b"<Types/>"):
    return package("word/document.xml", *more, types=types)


def png_of(width, height):
    """A PNG of any claimed size, in a few bytes: an image bomb where it is large."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


def rows(pe):
    with read(pe) as db:
        return db.execute(sa.select(document)).mappings().all()


def kept_files(pe):
    return [path for path in (pe.folder / "archive").rglob("*") if path.is_file()]


# What is taken --------------------------------------------------------------------------------------------------------

@on_databases
def test_an_upload_is_kept_as_it_came(pe, now, penulis, task):
    value = upload(pe, penulis, now, PDF, "Nota Dinas.pdf", task)
    assert value == {"document": value["document"], "name": "Nota Dinas.pdf", "media_type": "application/pdf", "size": len(PDF),
                     "sha256": hashlib.sha256(PDF).hexdigest()}
    row, path = documents.open_document(pe, penulis, value["document"])
    assert path.read_bytes() == PDF
    assert path == pe.folder / "archive" / value["sha256"][:2] / value["sha256"]
    assert (row["uploaded_by"], row["task_id"], row["instance_id"]) == ("penulis", task, None)
    assert kept_files(pe) == [path]  # no temporary file stays


def test_the_same_bytes_are_kept_once(pe, now, penulis, task):
    first, second = upload(pe, penulis, now, PDF, "a.pdf", task), upload(pe, penulis, now, PDF, "b.pdf", task)
    assert first["document"] != second["document"]
    assert len(kept_files(pe)) == 1


OFFICE = "application/vnd.openxmlformats-officedocument."


@pytest.mark.parametrize(("content", "name", "media_type"), [
    (picture("JPEG"), "foto.JPG", "image/jpeg"), (picture("PNG"), "foto.png", "image/png"), (picture("WEBP"), "f.webp", "image/webp"),
    (picture("GIF"), "f.gif", "image/gif"), (b"\0\0\0\x18ftypisom\0\0\0\0", "v.mp4", "video/mp4"),
    (docx(), "surat.docx", OFFICE + "wordprocessingml.document"),
    (package("xl/workbook.xml", types=b"<Types/>"), "t.xlsx", OFFICE + "spreadsheetml.sheet"),
    (package("ppt/presentation.xml", types=b"<Types/>"), "p.pptx", OFFICE + "presentationml.presentation"),
    (package("content.xml", mimetype=b"application/vnd.oasis.opendocument.text"), "o.odt", "application/vnd.oasis.opendocument.text"),
    ("Pengumuman – “rapat”".encode(), "catatan.txt", "text/plain"), (b"a;b\n1;2\n", "tabel.csv", "text/csv"),
    (package("a.pdf", "b/c.jpg", "b/"), "berkas.zip", "application/zip"),
])
def test_a_file_is_told_by_its_bytes(pe, now, penulis, task, content, name, media_type):
    value = upload(pe, penulis, now, content, name, task)
    assert value["media_type"] == media_type
    assert value["name"].lower() == name.lower()


@pytest.mark.parametrize(("content", "name"), [
    (b"<!DOCTYPE html><script>alert(1)</script>", "gambar.png"), (b"<html>", "a.txt"), (b"  \n<svg onload=alert(1)>", "a.txt"),
    (b"\xef\xbb\xbf<script>", "a.csv"), (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "logo.svg"), (b"<?php system('id');", "a.txt"),
    (b"MZ\x90\0\x03\0\0\0", "surat.pdf"), (b"\x7fELF\x02\x01\x01\0", "a.txt"), (b"#!/bin/sh\nrm -rf /", "a.txt"),
    (b"alert(1)", "a.js"), (b"teks", "a"), (b"\0\x01\x02", "a.txt"), (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "lama.doc"),
    (b"\0\0\0\x18ftypheic", "foto.mp4"), (b"%!PS-Adobe", "a.pdf"), (b"Rar!\x1a\x07", "a.zip"),
    (package("run.exe"), "a.zip"), (package("a.pdf", "index.html"), "a.zip"), (package("a.zip", "b.docm"), "a.zip"), (package(), "a.zip"),
    (package("META-INF/MANIFEST.MF", "A.class"), "a.jar"),
])
def test_what_can_run_or_is_not_known_is_refused(pe, now, penulis, task, content, name):
    with pytest.raises(Invalid) as caught:
        upload(pe, penulis, now, content, name, task)
    assert caught.value.where == {"field": "lampiran"}
    assert rows(pe) == [] and kept_files(pe) == []


@pytest.mark.parametrize("content", [
    docx("word/vbaProject.bin"), docx(types=b'<Types ContentType="application/vnd.ms-word.document.macroEnabled.main+xml"/>'),
    package("content.xml", "Basic/script-lc.xml", mimetype=b"application/vnd.oasis.opendocument.text"),
])
def test_macros_are_refused(pe, now, penulis, task, content):
    with pytest.raises(Invalid, match="makro"):
        upload(pe, penulis, now, content, "surat.docx", task)


def test_an_office_document_that_swells_is_refused(pe, now, penulis, task, monkeypatch):
    monkeypatch.setattr(media, "MAX_UNPACKED", 1 << 20)
    with pytest.raises(Invalid, match="terlalu besar"):
        upload(pe, penulis, now, package("word/document.xml", content=b"\0" * (2 << 20), types=b"<Types/>"), "bom.docx", task)


@pytest.mark.parametrize("content", [png_of(60_000, 60_000), png_of(10_000, 8_000)])
def test_an_image_bomb_is_refused_without_being_unpacked(pe, now, penulis, task, content):
    with pytest.raises(Invalid, match="megapiksel"):
        upload(pe, penulis, now, content, "bom.png", task)
    assert rows(pe) == []


@pytest.mark.parametrize("content", [
    picture("JPEG", (400, 300))[:-500], picture("PNG", (400, 300))[:60], png_of(2000, 2000), b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff\xe0" + b"\0" * 20,
    b"RIFF\0\0\0\0WEBPVP8 ", b"GIF89a", docx()[:-30], b"PK\x03\x04" + b"\0" * 50,
])
def test_a_torn_file_is_refused(pe, now, penulis, task, content):
    with pytest.raises(Invalid):
        upload(pe, penulis, now, content, "rusak.png", task)
    assert rows(pe) == [] and kept_files(pe) == []


def test_an_empty_file_is_refused(pe, now, penulis, task):
    with pytest.raises(Invalid, match="kosong"):
        upload(pe, penulis, now, b"", "a.pdf", task)
    assert kept_files(pe) == []


class Endless(io.RawIOBase):
    """A body that never ends, whatever its header said."""

    read_bytes = 0

    def read(self, size=-1):
        self.read_bytes += size
        return b"%PDF-" + b"x" * (size - 5)


def test_a_file_without_end_is_cut_off_at_the_limit(pe, now, penulis, task):
    pe.config["MAX_UPLOAD_BYTES"] = 3 << 20
    stream = Endless()
    with pytest.raises(Invalid, match="3 MB") as caught:
        documents.store_upload(pe, penulis, now, stream=stream, name="a.pdf", task_id=task, variable="gambar")
    assert caught.value.where == {"field": "gambar"}
    assert stream.read_bytes <= 5 << 20
    assert kept_files(pe) == []


def test_a_file_of_just_the_limit_is_taken(pe, now, penulis, task):
    pe.config["MAX_UPLOAD_BYTES"] = len(PDF)
    assert upload(pe, penulis, now, PDF, "a.pdf", task)
    with pytest.raises(Invalid):
        upload(pe, penulis, now, PDF + b"\n", "a.pdf", task)


class Broken(io.BytesIO):
    def read(self, size=-1):
        raise ConnectionResetError("the client went away")


def test_a_body_that_breaks_off_leaves_nothing(pe, now, penulis, task):
    with pytest.raises(ConnectionResetError):
        documents.store_upload(pe, penulis, now, stream=Broken(), name="a.pdf", task_id=task, variable="lampiran")
    assert kept_files(pe) == [] and rows(pe) == []


@pytest.mark.parametrize(("name", "clean"), [
    ("../../../etc/passwd", "passwd.pdf"), ("..\\..\\secret.key", "secret.key.pdf"), ("/abs/olut.pdf", "olut.pdf"),
    ("a\0b\r\nX: y.pdf", "a b X y.pdf"), ("gnp.\u202efdp", "gnp. fdp.pdf"), ("", "berkas.pdf"),
    ("..", "berkas.pdf"), (".htaccess", "htaccess.pdf"),
    ("foto.png", "foto.pdf"), ("<script>.pdf", "script.pdf"), ("x" * 300 + ".pdf", "x" * 150 + ".pdf"), ("surat.tar.PDF", "surat.tar.pdf"),
    ("a/..pdf", "pdf.pdf"), ("é".encode().decode() * 100 + ".pdf", "é" * 75 + ".pdf"),
])
def test_a_name_is_only_a_name(pe, now, penulis, task, name, clean):
    assert upload(pe, penulis, now, PDF, name, task)["name"] == clean


# Who ------------------------------------------------------------------------------------------------------------------

def test_only_who_may_do_the_task_may_upload_for_it(pe, now, penulis, kasubbag, ketua, webadmin, admin, case, task):
    for other in (kasubbag, ketua):  # see the case, may not do the task
        with pytest.raises(Forbidden):
            upload(pe, other, now, PDF, task_id=task)
    for stranger in (Actor("x", "kpu"), Actor("penulis", "lain", frozenset({"pelaksana"}))):
        with pytest.raises(NotFound):
            upload(pe, stranger, now, PDF, task_id=task)
    assert kept_files(pe) == []
    for allowed in (penulis, webadmin, admin):
        assert upload(pe, allowed, now, PDF, task_id=task)
    mine = make_task(pe, now, case, assignee="penulis")
    with pytest.raises(Forbidden):
        upload(pe, webadmin, now, PDF, task_id=mine)


def test_an_ended_task_takes_no_upload(pe, now, penulis, case, task):
    complete(pe, penulis, now, case, task, "siapkan", {})
    with pytest.raises(Conflict):
        upload(pe, penulis, now, PDF, task_id=task)


def test_a_task_that_ends_during_the_upload_takes_it_no_more(pe, now, penulis, case, task):
    class Slow(io.BytesIO):
        def read(self, size=-1):
            run(pe, lambda db: db.execute(sa.update(activity).where(activity.c.id == task).values(ended_at=now)))
            return super().read(size)

    with pytest.raises(Conflict):
        documents.store_upload(pe, penulis, now, stream=Slow(PDF), name="a.pdf", task_id=task, variable="lampiran")
    assert rows(pe) == []


def test_one_person_cannot_pile_up_uploads_without_end(pe, now, penulis, task, monkeypatch):
    monkeypatch.setattr(documents, "MAX_FILES", 2)
    upload(pe, penulis, now, PDF, task_id=task)
    upload(pe, penulis, now, PDF, task_id=task)
    with pytest.raises(Conflict):
        upload(pe, penulis, now, PDF, task_id=task)
    upload(pe, penulis, now, PDF)  # for a start form: counted apart


def bind(pe, actor, now, case, **variables):
    return run(pe, lambda db: documents.bind(db, actor, now, case, variables))


@on_databases
def test_a_document_is_the_cases_once_its_form_is_completed(pe, now, penulis, ketua, case, task):
    value = upload(pe, penulis, now, PDF, task_id=task)
    with pytest.raises(NotFound):
        documents.open_document(pe, ketua, value["document"])
    assert documents.documents(pe, ketua, case) == []
    bind(pe, penulis, now, case, lampiran=[value], judul="x")
    assert documents.open_document(pe, ketua, value["document"])[0]["name"] == "berkas.pdf"
    assert [row["id"] for row in documents.documents(pe, ketua, case)] == [value["document"]]
    for stranger in (Actor("x", "kpu", frozenset({"lain"})), Actor("ketua", "lain", frozenset({"ketua-divisi", "admin"}))):
        with pytest.raises(NotFound):
            documents.open_document(pe, stranger, value["document"])
        with pytest.raises(NotFound):
            documents.documents(pe, stranger, case)


def test_what_a_client_says_of_a_document_does_not_count(pe, now, penulis, case, task):
    value = upload(pe, penulis, now, PDF, task_id=task)
    forged = {**value, "sha256": "0" * 64, "name": "../x", "size": 1, "more": 1, "alt": "Rapat pleno"}
    bound = bind(pe, penulis, now, case, gambar={"a": [forged]}, judul="x", n=[1, None])
    assert bound == {"gambar": {"a": [{**value, "alt": "Rapat pleno"}]}, "judul": "x", "n": [1, None]}


def test_nobody_can_take_over_anothers_document(pe, now, penulis, webadmin, case, task):
    value = upload(pe, penulis, now, PDF, task_id=task)
    for id in (value["document"], "tidak-ada"):
        with pytest.raises(Invalid) as caught:
            bind(pe, webadmin, now, case, lampiran={"document": id})
        assert caught.value.where == {"field": "lampiran"}
    bind(pe, penulis, now, case, lampiran=value)
    bind(pe, webadmin, now, case, lampiran=value)  # now it is the case's: naming it again is no harm
    other = make_case(pe, now, "INF-2026-0002")
    with pytest.raises(Invalid):
        bind(pe, penulis, now, other, lampiran=value)


def test_gone_bytes_are_told_as_such(pe, now, penulis, task):
    value = upload(pe, penulis, now, PDF, task_id=task)
    documents.open_document(pe, penulis, value["document"])[1].unlink()
    with pytest.raises(NotFound, match="arsip"):
        documents.open_document(pe, penulis, value["document"])
    assert [problem.code for problem in archive.verify(pe)] == ["missing-file"]
