"""The SOP's own process from `siapkan` to SELESAI, with the real site connector, files, manual channels and the archive."""

import datetime as dt
import io

import pytest
import sqlalchemy as sa

from bpmn.errors import Invalid
from engine import archive, channels, commands, documents, handlers, installation, jobs, publication, queries
from engine.process_engine import Actor
from engine.store import read, run
from engine.tables import incident, notice, tenant, user
from tests.conftest import on_databases
from tests.engine.a_case import PDF
from tests.engine.test_documents import picture
from tests.engine.test_media import exif, noted
from tests.engine.web_page import serve

TEXT = {"jenis": "pengumuman", "klasifikasi": "berkala", "judul": "Pengumuman Rapat Pleno", "ringkasan": "Terbuka untuk umum.",
        "isi": "Rapat pleno **terbuka**."}


class Office:
    """The people at work: each step completes the one open task of that name."""

    def __init__(self, pe, now, people):
        self.pe, self.now, self.people = pe, now, people
        handlers.load()

    def start(self, kanal=("website",)):
        self.case = commands.start(self.pe, self.people["ketua"], self.now, key="penerbitan-informasi").id
        self.do("ketua", "tugaskan", perihal="Rapat pleno", kanal=list(kanal), sumber="nota-dinas")
        self.do("kasubbag", "perintahkan", penulis="penulis")
        return self.case

    def tasks(self, name):
        return queries.tasks(self.pe, Actor.system(), instance_id=self.case, task_definition_key=name).rows

    def do(self, who, task, **variables):
        self.now += dt.timedelta(minutes=1)
        return commands.complete(self.pe, self.people[who], self.now, self.tasks(task)[0]["id"], variables)

    def upload(self, who, task, content, name, variable):
        id = self.tasks(task)[0]["id"]
        return documents.store_upload(
            self.pe, self.people[who], self.now, stream=io.BytesIO(content), name=name, task_id=id, variable=variable)

    def approve(self):
        self.do("kasubbag", "periksa", kebenaran_diperiksa=True)
        self.do("ketua", "putuskan", keputusan="sesuai")
        self.do("kasubbag", "serahkan")

    def publish(self):
        self.do("webadmin", "terbitkan", terbit_pada=None)
        self.work()

    def work(self):
        for _ in range(20):
            self.now += dt.timedelta(hours=1)
            if not jobs.run_due(self.pe, lambda: self.now):
                return

    def publications(self):
        return {row["channel_id"]: row for row in publication.publications(self.pe, self.people["ketua"], self.case)}

    def incidents(self):
        with read(self.pe) as db:
            return [row.message for row in db.execute(sa.select(incident).order_by(incident.c.id))]

    def ended(self):
        return queries.instance(self.pe, self.people["ketua"], self.case)["ended_at"] is not None


@pytest.fixture
def site(pe):
    with serve() as site:
        pe.config["BASE_URL"] = site.url
        yield site


@pytest.fixture
def office(pe, now, people, site):
    run(pe, lambda db: db.execute(sa.update(tenant).values(name="KPU Kab. Adm. Kepulauan Seribu")))
    channels.seed_channels(pe, now, "kpu")
    installation.deploy_shipped(pe, now, installation.MODELS / "penerbitan-informasi")
    return Office(pe, now, people)


def serve_situs(pe, site):
    """Serve what the site connector wrote, as the web does."""
    for path in (pe.folder / "situs").rglob("*.html"):
        at = "/situs/" + path.relative_to(pe.folder / "situs").as_posix()
        for alias in (at, at.removesuffix("index.html"), at.removesuffix(".html")):
            site.page(alias, path.read_text())


@on_databases
def test_a_case_with_files_ends_published_and_documented(pe, office, site, ketua, monkeypatch):
    case = office.start(["website", "instagram", "x"])
    image = office.upload("penulis", "siapkan", picture(), "foto.png", "gambar")
    letter = office.upload("penulis", "siapkan", PDF, "surat.pdf", "lampiran")
    forged = {**letter, "sha256": "0" * 64}  # what a client says of its file does not count
    office.do("penulis", "siapkan", **TEXT, gambar=[image], lampiran=[forged])
    office.approve()
    page = publication.publish

    def publish_and_serve(*args):
        result = page(*args)
        serve_situs(pe, site)
        return result

    monkeypatch.setitem(handlers._handlers, "publikasi", publish_and_serve)
    office.publish()
    assert len(office.tasks("terbitkan_manual")) == 2 and not office.ended()
    states = {name: row["state"] for name, row in office.publications().items()}
    assert states == {"website": "published", "instagram": "manual", "x": "manual"}
    for task in office.tasks("terbitkan_manual"):
        name = queries.task_variables(pe, Actor.system(), task["id"])["saluran"]
        commands.complete(pe, office.people["webadmin"], office.now, task["id"], {
            "tautan": site.page(f"/{name}", "Masuk"), "alasan_tanpa_periksa": "harus masuk"})
    assert {name: row["url"] for name, row in office.publications().items()} | {"website": ""} == {
        "website": "", "instagram": site.url + "/instagram", "x": site.url + "/x"}  # each address at its own channel, at once
    office.work()
    assert office.incidents() == [] and office.ended()
    entries = archive.entries(pe, ketua, case)
    assert [entry["kind"] for entry in entries] == ["document"] * 3 + ["publication"] * 3 + ["documentation"]
    found = {entry["content"]["channel_id"]: entry["content"] for entry in entries if entry["kind"] == "publication"}
    assert found["website"]["page"]["holds_title"] and found["website"]["approved_by"]["user"] == "ketua"
    assert found["x"]["by_hand"] and found["x"]["published_by"]["user"] == "webadmin" and found["x"]["unchecked"] == "harus masuk"
    assert {row["variable"] for row in documents.documents(pe, ketua, case)} == {"gambar", "lampiran", "lembar_dokumentasi"}
    assert archive.verify(pe) == []


def test_news_is_approved_by_who_handed_it_over(pe, office, ketua):
    case = office.start()
    office.do("penulis", "siapkan", **TEXT | {"jenis": "berita"}, gambar=None, lampiran=None)
    office.publish()
    assert office.ended()
    entry = next(entry for entry in archive.entries(pe, ketua, case) if entry["kind"] == "publication")
    assert (entry["content"]["approved_by"]["user"], entry["content"]["approved_by"]["activity_id"]) == ("penulis", "siapkan")


def test_after_a_refusal_the_last_approval_counts(pe, office, ketua):
    case = office.start()
    office.do("penulis", "siapkan", **TEXT, gambar=None, lampiran=None)
    office.do("kasubbag", "periksa")
    office.do("ketua", "putuskan", keputusan="tidak", catatan="Perbaiki")
    office.do("kasubbag", "periksa", isi="Sudah diperbaiki.")
    office.do("ketua", "putuskan", keputusan="sesuai")
    office.do("kasubbag", "serahkan")
    approved_at = office.now - dt.timedelta(minutes=1)
    office.publish()
    entry = next(entry for entry in archive.entries(pe, ketua, case) if entry["kind"] == "publication")
    assert entry["content"]["approved_by"]["at"] == approved_at.isoformat()
    assert any("Sudah diperbaiki." in page.read_text() for page in (pe.folder / "situs").rglob("*.html"))


def test_content_changed_after_the_approval_is_not_published_but_an_incident(pe, office, admin):
    office.start()
    office.do("penulis", "siapkan", **TEXT, gambar=None, lampiran=None)
    office.approve()
    commands.set_variables(pe, admin, office.now, office.case, {"isi": "Diselundupkan"})
    office.publish()
    assert "disetujui" in office.incidents()[0]
    assert office.tasks("terbitkan_manual") == [] and office.publications() == {} and not office.ended()


def test_information_made_excluded_after_the_approval_is_not_published_by_hand_either(pe, office, admin):
    office.start(["instagram"])
    office.do("penulis", "siapkan", **TEXT, gambar=None, lampiran=None)
    office.approve()
    commands.set_variables(pe, admin, office.now, office.case, {"klasifikasi": "dikecualikan"})
    office.publish()
    assert "Pasal 17" in office.incidents()[0] and office.tasks("terbitkan_manual") == []


def test_anothers_file_cannot_be_named_in_a_form(pe, office):
    office.start()
    theirs = documents.store_upload(pe, office.people["webadmin"], office.now, stream=io.BytesIO(PDF), name="a.pdf", variable="x")
    with pytest.raises(Invalid) as caught:
        office.do("penulis", "siapkan", **TEXT, gambar=None, lampiran=[theirs])
    assert caught.value.where == {"field": "lampiran"}


def told_of_news(pe):
    with read(pe) as db:
        rows = db.execute(sa.select(notice.c.user_id, notice.c.channel, notice.c.instance_id).where(notice.c.kind == "published"))
        return [tuple(row) for row in rows]


@pytest.mark.parametrize(("kind", "is_told"), [("berita", True), ("pengumuman", False)])
def test_the_ketua_is_told_once_of_news_that_came_out(pe, office, kind, is_told):
    run(pe, lambda db: db.execute(sa.update(user).values(email=user.c.id + "@kpu.example")))
    case = office.start(["website", "facebook"])
    office.do("penulis", "siapkan", **{**TEXT, "jenis": kind}, gambar=[], lampiran=[])
    if kind != "berita":
        office.approve()
    assert told_of_news(pe) == []  # it is not out yet
    office.publish()
    by_hand = office.tasks("terbitkan_manual")[0]["id"]
    commands.complete(pe, office.people["webadmin"], office.now, by_hand, {"tautan": "https://x.example/1", "alasan_tanpa_periksa": "harus masuk"})
    office.work()
    assert office.ended()
    assert told_of_news(pe) == ([("ketua", "email", case)] if is_told else [])


def test_news_is_told_of_in_the_transaction_that_says_it_is_out(pe, office, monkeypatch):
    office.start(["website"])
    office.do("penulis", "siapkan", **{**TEXT, "jenis": "berita"}, gambar=[], lampiran=[])
    monkeypatch.setattr("engine.news.notices.tell", lambda *args, **kwargs: (_ for _ in ()).throw(RuntimeError("the outbox")))
    office.publish()
    assert office.publications()["website"]["state"] == "attempted" and told_of_news(pe) == []


def test_what_a_camera_noted_does_not_go_out_with_an_attachment_either(pe, office):
    case = office.start()
    photo = office.upload("penulis", "siapkan", noted("JPEG"), "foto.jpg", "gambar")
    office.do("penulis", "siapkan", **TEXT, gambar=[photo], lampiran=[])
    asked = publication.request_of(pe, case, {"kanal": "website", "gambar": [photo], "lampiran": [photo]}, office.now)
    for file in (*asked.images, *asked.attachments):
        assert b"Telepon Rahasia" not in file.content and exif(file.content)["gps"] == {}
    assert documents.open_document(pe, office.people["ketua"], photo["document"])[1].read_bytes() == noted("JPEG")  # the archive's own stays
