"""Documenting: what stood where, by whose approval; twice run, once recorded."""

import concurrent.futures
import datetime as dt
import hashlib
import io
import json
import threading

import pypdf
import pytest
import sqlalchemy as sa

import connectors
from bpmn.expressions import canonical
from connectors import Failure, NotByMachine, Result
from engine import archive, channels, documentation, documents, files, sheet
from engine.documentation import document_case
from engine.publication import publish
from engine.store import read, run
from engine.tables import archive_entry, document, tenant
from tests.conftest import on_databases
from tests.engine.a_case import LATER, PDF, complete, content, make_case, make_definition, make_job, make_task, upload
from tests.engine.web_page import serve

TITLE = "Pengumuman Rapat Pleno"


@pytest.fixture
def site(pe):
    with serve() as site:
        pe.config["ALLOWED_PRIVATE_HOSTS"] = [site.host]
        yield site


@pytest.fixture
def case(pe, now, people, site, monkeypatch, ketua, penulis, webadmin):
    """A case up to `dokumentasikan`: approved by the ketua, on the website by machine, on Facebook by hand."""
    class Platform:
        name, title, fields = "site", "Site", ()

        def __init__(self, *args):
            pass

        def publish(self, request):
            return Result(site.url + "/post", "pengumuman-1", request.now)

    kinds = {"site": Platform, "manual": connectors.find("manual")}
    monkeypatch.setattr(connectors, "find", kinds.__getitem__)
    run(pe, lambda db: db.execute(sa.update(tenant).values(name="KPU Kab. Adm. Kepulauan Seribu")))
    make_definition(pe, now)
    channels.seed_channels(pe, now, "kpu")
    case = make_case(pe, now)
    letter = upload(pe, penulis, now, PDF, "nota-dinas.pdf", make_task(pe, now, case))
    run(pe, lambda db: documents.bind(db, penulis, now, case, {"lampiran": letter}))
    values = content(lampiran=[letter])
    early, approving = (make_task(pe, now, case, "putuskan", "ketua-divisi") for _ in range(2))
    complete(pe, ketua, now, case, early, "putuskan", {"keputusan": "tidak", "segel": None})
    complete(pe, ketua, now + LATER, case, approving, "putuskan", {"keputusan": "sesuai", "segel": values["segel"]})
    site.page("/post", f"<html><h1>{TITLE}</h1>")
    publish(pe, make_job(pe, now, case, "publikasi", values, "s1"), now + 2 * LATER)
    with pytest.raises(NotByMachine):
        publish(pe, make_job(pe, now, case, "publikasi", values | {"kanal": "facebook"}, "s2"), now)
    manual = make_task(pe, now, case, "terbitkan_manual", "web-admin", scope="s2")
    address = site.page("/fb", "<html>Masuk dahulu")
    complete(pe, webadmin, now + 3 * LATER, case, manual, "terbitkan_manual", {"tautan": address, "alasan_tanpa_periksa": "harus masuk"})
    return case


def job_of(pe, now, case, attempts=1, **changed):
    with read(pe) as db:
        letter = documents.variable_of(db.execute(sa.select(document).where(document.c.variable == "lampiran")).mappings().first())
    return make_job(pe, now, case, "dokumentasikan", content(lampiran=[letter], **changed), attempts=attempts)


def entries(pe, ketua, case):
    return archive.entries(pe, ketua, case)


def publications(pe, ketua, case):
    return {entry["content"]["channel_id"]: entry for entry in entries(pe, ketua, case) if entry["kind"] == "publication"}


@on_databases
def test_a_case_is_documented(pe, now, case, site, ketua):
    job, at = job_of(pe, now, case), now + 4 * LATER
    result = document_case(pe, job, at)
    found = entries(pe, ketua, case)
    assert [entry["kind"] for entry in found] == ["document", "document", "publication", "publication", "documentation"]
    letter, text, website, facebook, last = found
    assert letter["files"][0]["name"] == "nota-dinas.pdf" and letter["content"]["uploaded_by"] == "penulis"
    assert text["content"]["as_approved"] and text["files"][0]["sha256"] == job.payload["segel"]  # the seal is the text's own hash
    assert files.read(pe.folder, job.payload["segel"]).decode() == canonical(
        [job.payload[name] for name in ("judul", "ringkasan", "isi", "gambar", "lampiran", "teks_kanal")])
    body = f"<html><h1>{TITLE}</h1>".encode()
    assert website["content"] | {"page": None} == {
        "job": job.id, "publication": website["content"]["publication"],
        "channel_id": "website", "channel_name": "Website", "revision": 1, "connector": "site", "state": "published",
        "url": site.url + "/post", "platform_id": "pengumuman-1", "error": None, "by_hand": False, "unchecked": "",
        "published_at": (now + 2 * LATER).isoformat(), "published_by": None,
        "approved_by": {"user": "ketua", "name": "Ketua Demo", "title": "Ketua Divisi", "at": (now + LATER).isoformat(),
                        "activity_id": "putuskan"},
        "approved_sha256": job.payload["segel"], "page": None}
    assert website["content"]["page"] == {
        "url": site.url + "/post", "status": 200, "sha256": hashlib.sha256(body).hexdigest(), "size": len(body), "holds_title": True,
        "media_type": "text/html; charset=utf-8", "fetched_at": at.isoformat()}
    assert files.read(pe.folder, website["files"][0]["sha256"]) == body  # the page as it was
    assert facebook["content"]["by_hand"] and facebook["content"]["published_by"]["user"] == "webadmin"
    assert (facebook["content"]["page"]["holds_title"], facebook["content"]["unchecked"]) == (False, "harus masuk")
    assert last["content"]["document"] == result["lembar_dokumentasi"]
    assert archive.verify(pe) == []
    row, path = documents.open_document(pe, ketua, result["lembar_dokumentasi"]["document"])
    assert (row["name"], row["media_type"]) == ("lembar-dokumentasi-INF-2026-0001.pdf", "application/pdf")
    assert path.read_bytes().startswith(b"%PDF-")


@on_databases
def test_run_twice_it_is_recorded_once(pe, now, case, site, ketua):
    job = job_of(pe, now, case)
    first = document_case(pe, job, now)
    before, asked = entries(pe, ketua, case), list(site.requests)
    assert document_case(pe, job, now + LATER) == first
    assert entries(pe, ketua, case) == before and site.requests == asked
    assert len([row for row in documents.documents(pe, ketua, case) if row["variable"] == "lembar_dokumentasi"]) == 1


@on_databases
@pytest.mark.parametrize("place", ["_text", "_facts"])
def test_two_runs_at_once_make_one_record(pe, now, case, ketua, monkeypatch, place):
    """As when a worker hangs, loses its lease, and goes on after all."""
    job, barrier, real = job_of(pe, now, case), threading.Barrier(2, timeout=20), getattr(documentation, place)

    def together(*args):
        barrier.wait()
        return real(*args)

    monkeypatch.setattr(documentation, place, together)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: document_case(pe, job, now), range(2))
    assert first == second
    assert [entry["kind"] for entry in entries(pe, ketua, case)] == ["document", "document", "publication", "publication", "documentation"]
    assert archive.verify(pe) == []


@pytest.mark.parametrize("place", ["_collect", "_facts", "_file_sheet", "_entries_of"])
def test_a_crash_at_any_place_loses_and_doubles_nothing(pe, now, case, ketua, monkeypatch, place):
    job = job_of(pe, now, case)

    class Killed(BaseException):
        pass

    for when in ("before", "after"):
        with monkeypatch.context() as patched:
            real = getattr(documentation, place)

            def die(*args, real=real, when=when):
                if when == "after":
                    real(*args)
                raise Killed

            patched.setattr(documentation, place, die)
            with pytest.raises(Killed):
                document_case(pe, job, now)
    result = document_case(pe, job, now)
    assert [entry["kind"] for entry in entries(pe, ketua, case)] == ["document", "document", "publication", "publication", "documentation"]
    assert archive.verify(pe) == []
    assert document_case(pe, job, now) == result


def test_documented_again_by_another_job_documents_are_not_chained_twice(pe, now, case, ketua):
    for _ in range(2):
        document_case(pe, job_of(pe, now, case), now)
    chained = [entry["content"]["document"] for entry in entries(pe, ketua, case)
               if entry["kind"] == "document" and "document" in entry["content"]]
    assert len(chained) == len(set(chained)) == 2  # the letter, and the first sheet
    assert len([entry for entry in entries(pe, ketua, case) if entry["kind"] == "documentation"]) == 2


# Pages ----------------------------------------------------------------------------------------------------------------

def test_a_page_that_is_down_is_waited_for_and_then_recorded_as_such(pe, now, case, site, ketua):
    site.page("/post", "sedang gangguan", 503)
    job = job_of(pe, now, case)
    for attempts in (1, 2):
        with pytest.raises(Failure) as caught:
            document_case(pe, documentation.Job(**{**vars(job), "attempts": attempts}), now)
        assert caught.value.kind == "temporary"
        assert entries(pe, ketua, case) == []
    document_case(pe, documentation.Job(**{**vars(job), "attempts": 3}), now)
    page = publications(pe, ketua, case)["website"]
    assert "503" in page["content"]["page"]["error"] and page["files"] == []


@pytest.mark.parametrize("status", [403, 404])
def test_a_page_that_is_not_there_is_recorded_at_once(pe, now, case, site, ketua, status):
    site.page("/post", "", status)
    document_case(pe, job_of(pe, now, case), now)
    assert str(status) in publications(pe, ketua, case)["website"]["content"]["page"]["error"]


def test_a_page_inside_is_not_fetched(pe, now, case, site, ketua):
    pe.config["ALLOWED_PRIVATE_HOSTS"] = []
    document_case(pe, job_of(pe, now, case), now)
    assert "jaringan dalam" in publications(pe, ketua, case)["website"]["content"]["page"]["error"]
    assert site.requests == []


def test_content_changed_after_the_approval_is_told(pe, now, case, ketua):
    job = job_of(pe, now, case)
    document_case(pe, documentation.Job(**{**vars(job), "payload": job.payload | {"isi": "diubah"}}), now)
    text = next(entry for entry in entries(pe, ketua, case) if entry["content"].get("variable") == "segel")
    assert text["content"]["as_approved"] is False


def test_a_case_without_publications_is_documented_too(pe, now, people, ketua):
    make_definition(pe, now)
    case = make_case(pe, now)
    document_case(pe, make_job(pe, now, case, "dokumentasikan", {}), now)
    assert [entry["kind"] for entry in entries(pe, ketua, case)] == ["document", "documentation"]


def test_a_lost_database_row_of_the_chain_is_found_after_documenting(pe, now, case):
    document_case(pe, job_of(pe, now, case), now)
    run(pe, lambda db: db.execute(sa.delete(archive_entry).where(archive_entry.c.kind == "publication")))
    assert {problem.code for problem in archive.verify(pe)} == {"missing-entry"}


# The sheet ------------------------------------------------------------------------------------------------------------

def text_of(pdf):
    """Its words, wherever its lines break."""
    return " ".join(" ".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages).split())


def test_the_sheet_says_it_all_on_one_page(pe, now, case, site):
    value = document_case(pe, job_of(pe, now, case), now + 4 * LATER)["lembar_dokumentasi"]
    text = text_of(files.read(pe.folder, value["sha256"]))
    for said in ("KPU Kab. Adm. Kepulauan Seribu", "LEMBAR DOKUMENTASI", "INF-2026-0001", "SOP Nomor 06 TAHUN 2022", TITLE, "Website",
                 site.url + "/post", "Facebook", "Ketua Demo, Ketua Divisi", "2 Maret 2026, 08.05 WIB", "Web Admin Demo", "judul ditemukan",
                 "harus masuk", "nota-dinas.pdf", hashlib.sha256(PDF).hexdigest(), "Halaman 1 / 1"):
        assert said in text, said
    with read(pe) as db:
        assert db.scalar(sa.select(archive_entry.c.hash).where(archive_entry.c.number == 4)) in text


EVIL = '#read("/etc/passwd") #import "@preview/x:1.0.0" $x^2$ *b* `r` <l> @r \\ " ] ) } // /* \u0000\u202e 😀 &amp; %s %(x)s'


def facts(**changed):
    at = dt.datetime(2026, 3, 2, 1, 0, tzinfo=dt.timezone.utc)
    return {"office": "KPU", "timezone": "Asia/Jayapura", "business_key": "INF-2026-0001", "title": "T", "kind": "berita", "letter": "",
            "procedure": "P", "unit": "", "number": "", "version": 1, "started_at": at, "made_at": at, "approval": {},
            "approved_sha256": "", "as_approved": True, "publications": [], "documents": [], "first": 1, "last": 1,
            "hash": "0" * 64, **changed}


def test_what_people_wrote_is_never_read_as_typst():
    page = {"error": EVIL}
    row = {"channel_name": EVIL, "state": "failed", "url": EVIL, "platform_id": EVIL, "published_at": None, "by_hand": True,
           "published_by": {"name": EVIL, "title": EVIL}, "unchecked": EVIL, "error": EVIL, "page": page}
    everywhere = dict.fromkeys(("office", "business_key", "title", "kind", "letter", "procedure", "unit", "number"), EVIL)
    pdf = sheet.render(facts(**everywhere, approval={"name": EVIL}, publications=[row],
                             documents=[{"name": EVIL, "sha256": "0" * 64, "size": 5}]))
    text = text_of(pdf)
    assert "root:" not in text and '#read("/etc/passwd")' in text and "javascript" not in text


def test_only_web_addresses_are_links():
    row = {"channel_name": "X", "state": "published", "url": "javascript:alert(1)", "platform_id": None, "published_at": None,
           "by_hand": False, "published_by": None, "unchecked": "", "error": None, "page": {"error": ""}}
    assert b"/URI" not in sheet.render(facts(publications=[row]))
    assert json.loads(json.dumps(sheet._words(facts(publications=[row]))))["publications"][0]["link"] == ""


def test_a_sheet_with_very_much_on_it_is_still_made():
    row = {"channel_name": "Saluran " * 20, "state": "published", "url": "https://a.example/" + "x" * 2000, "platform_id": "9" * 300,
           "published_at": "2026-03-02T01:00:00+00:00", "by_hand": False, "published_by": None, "unchecked": "u" * 400, "error": None,
           "page": {"sha256": "0" * 64, "fetched_at": "2026-03-02T01:00:00+00:00", "holds_title": True}}
    files_ = [{"name": "n" * 150 + ".pdf", "sha256": "0" * 64, "size": 10 ** 8}] * 40
    text = text_of(sheet.render(facts(title="J" * 400, publications=[row] * 12, documents=files_)))
    assert "dan 28 dokumen lain" in text and "WIT" in text
