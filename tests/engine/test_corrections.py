"""Ralat and penurunan from order to SELESAI, with the real site connector, the manual channels and the archive."""

import concurrent.futures
import io

import pypdf
import pytest
import sqlalchemy as sa

from bpmn.errors import Conflict, Forbidden, Invalid, NotFound
from connectors import Failure
from connectors.site import Site
from engine import archive, channels, commands, corrections, documents, installation, news, publication, queries, withdrawal
from engine.process_engine import Actor
from engine.store import read, run
from engine.tables import job, process_instance, tenant
from tests.conftest import on_databases
from tests.engine.a_case import PDF
from tests.engine.test_documents import picture
from tests.engine.test_publishing_a_case import TEXT, Office
from tests.engine.web_page import serve

NOTE = "Semula tertulis Senin, seharusnya Selasa."


class Bureau(Office):
    """The office with its three procedures; what the site holds is served as the web does."""

    def news(self, kanal=("website",), **changed):
        case = self.start(kanal)
        self.do("penulis", "siapkan", **TEXT | {"jenis": "berita", "teks_kanal": None} | {"gambar": None, "lampiran": None} | changed)
        self.publish()
        return case

    def order(self, case, key="ralat", who="ketua", **values):
        values = values or ({"alasan_ralat": "Harinya keliru."} if key == "ralat" else
                            {"dasar_penurunan": "tidak-benar", "alasan_penurunan": "Tidak pernah diputuskan."})
        self.first, self.case = case, corrections.order(self.pe, self.people[who], self.now, case, key=key, variables=values).id
        return self.case

    def correct(self, **changed):
        self.do("penulis", "siapkan", yang_keliru="Hari", catatan_ralat=NOTE, **changed)
        self.do("kasubbag", "periksa", kebenaran_diperiksa=True, catatan_ralat_diperiksa=True)

    def approve_correction(self):
        self.do("ketua", "putuskan", keputusan="sesuai")
        self.work()

    def variables(self):
        return queries.instance_variables(self.pe, self.people["admin"], self.case)

    def pages(self):
        """{path: text} of the site's pages that are posts."""
        folder = self.pe.folder / "situs"
        return {path.parent.name: path.read_text() for path in folder.glob("*/index.html") if path.parent.name not in ("jenis", "halaman")}


@pytest.fixture
def site(pe):
    with serve() as site:
        pe.config["BASE_URL"] = site.url
        yield site


@pytest.fixture
def served(pe, site, monkeypatch):
    """After each change the site's pages are served, a withdrawn one with 410."""
    def after(method):
        def call(self, *args):
            result = method(self, *args)
            for path in (pe.folder / "situs").glob("*/index.html"):
                status = 410 if (path.parent / ".ditarik").exists() else 200
                site.page(f"/situs/{path.parent.name}/", path.read_text(), status)
            return result
        return call

    for name in ("publish", "update", "withdraw"):
        monkeypatch.setattr(Site, name, after(getattr(Site, name)))
    return site


@pytest.fixture
def office(pe, now, people, served):
    run(pe, lambda db: db.execute(sa.update(tenant).values(name="KPU Kab. Adm. Kepulauan Seribu")))
    channels.seed_channels(pe, now, "kpu")
    for key in ("penerbitan-informasi", "ralat", "penurunan"):
        installation.deploy_shipped(pe, now, installation.MODELS / key)
    return Bureau(pe, now, people)


# Ralat ----------------------------------------------------------------------------------------------------------------

@on_databases
def test_a_ralat_ends_with_every_channel_changed_and_documented(pe, office, site, ketua):
    case = office.news(["website", "instagram"])
    office.do("webadmin", "terbitkan_manual", tautan=site.page("/instagram", f"<h1>{TEXT['judul']}</h1>"))
    office.work()
    first = office.publications()
    ralat = office.order(case)
    assert office.variables()["kanal"] == ["website", "instagram"] and office.variables()["isi"] == TEXT["isi"]
    office.correct(isi="Rapat pleno **Selasa**.")
    office.approve_correction()
    (task,) = office.tasks("terbitkan_manual")
    prefilled = queries.task_variables(pe, office.people["webadmin"], task["id"])
    assert prefilled["tautan"] == site.url + "/instagram" and prefilled["catatan_ralat"] == NOTE
    office.do("webadmin", "terbitkan_manual", tautan=prefilled["tautan"])
    office.work()
    assert office.incidents() == [] and office.ended()
    changed = office.publications()
    assert {id: (row["state"], row["revision"], row["url"]) for id, row in changed.items()} == {
        "website": ("published", 2, first["website"]["url"]), "instagram": ("published", 2, site.url + "/instagram")}
    (page,) = office.pages().values()
    assert "<strong>Selasa</strong>" in page and "Ralat" in page and NOTE in page
    assert queries.instance(pe, ketua, ralat)["business_key"] == "RLT-2026-0001"
    family = corrections.family(pe, ketua, office.now, case)
    assert [(o["business_key"], o["end_reason"]) for o in family.orders] == [("RLT-2026-0001", "completed")]
    assert corrections.family(pe, ketua, office.now, ralat).about["id"] == case
    assert archive.verify(pe) == []


def test_the_documentation_of_a_ralat_names_the_case_and_what_was_documented_before(pe, office, ketua):
    case = office.news()
    earlier = archive.entries(pe, ketua, case)[-1]
    ralat = office.order(case)
    office.correct(isi="Selasa.")
    office.approve_correction()
    entries = archive.entries(pe, ketua, ralat)
    about = next(entry for entry in entries if entry["kind"] == "publication")["content"]["about"]
    assert (about["instance"], about["hash"], about["alasan_ralat"]) == (case, earlier["hash"], "Harinya keliru.")
    assert about["ordered_by"]["user"] == "ketua" and about["catatan_ralat"] == NOTE
    (sheet,) = [d for d in documents.documents(pe, ketua, ralat) if d["variable"] == "lembar_dokumentasi"]
    text = pypdf.PdfReader(documents.open_document(pe, ketua, sheet["id"])[1]).pages[0].extract_text()
    assert "INF-2026-0001" in text and "Harinya keliru." in text and earlier["hash"][:20] in text.replace("\n", "")


def test_after_tidak_the_kasubbag_has_it_and_the_second_text_is_published(pe, office):
    case = office.news()
    office.order(case)
    office.correct(isi="Rabu.")
    office.do("ketua", "putuskan", keputusan="tidak", catatan="Bukan Rabu.")
    assert [t["activity_id"] for t in queries.tasks(pe, Actor.system(), instance_id=office.case).rows] == ["periksa"]
    assert all(TEXT["isi"].replace("**", "")[:10] in page for page in office.pages().values())  # nothing has changed outside
    office.do("kasubbag", "periksa", kebenaran_diperiksa=True, catatan_ralat_diperiksa=True, isi="Kamis.")
    office.approve_correction()
    (page,) = office.pages().values()
    assert "Kamis." in page and "Rabu." not in page and office.ended()


def test_files_of_the_case_go_along_and_can_be_replaced(pe, office, ketua):
    case = office.start()
    image = office.upload("penulis", "siapkan", picture(), "foto.png", "gambar")
    letter = office.upload("penulis", "siapkan", PDF, "surat.pdf", "lampiran")
    office.do("penulis", "siapkan", **TEXT | {"jenis": "berita"}, gambar=[{**image, "alt": "Dermaga"}], lampiran=[letter])
    office.publish()
    ralat = office.order(case)
    taken = office.variables()
    assert taken["gambar"][0]["alt"] == "Dermaga" and taken["gambar"][0]["sha256"] == image["sha256"]
    assert {d["name"] for d in documents.documents(pe, ketua, ralat)} == {"foto.png", "surat.pdf"}
    office.correct(gambar=taken["gambar"], lampiran=[])
    office.approve_correction()
    assert office.incidents() == [] and office.ended()
    (folder,) = office.pages()
    assert {path.name for path in (pe.folder / "situs" / folder).iterdir()} == {"index.html", "gambar-1.png"}
    kept = documents.documents(pe, ketua, case)
    assert {d["variable"] for d in kept} == {"gambar", "lampiran", "lembar_dokumentasi"}  # the archive lets nothing go


def test_a_second_ralat_is_about_the_same_case_and_keeps_the_first_note(pe, office, ketua):
    case = office.news()
    for n in (1, 2):
        office.order(case)
        assert office.variables()["isi"] == (TEXT["isi"] if n == 1 else "Versi 1.")
        office.do("penulis", "siapkan", yang_keliru="x", catatan_ralat=f"Catatan ke-{n} untuk publik.", isi=f"Versi {n}.")
        office.do("kasubbag", "periksa", kebenaran_diperiksa=True)
        office.approve_correction()
        assert office.ended() and office.publications()["website"]["revision"] == n + 1
    (page,) = office.pages().values()
    assert page.index("Catatan ke-1") < page.index("Catatan ke-2") and "Versi 2." in page


def test_a_note_changed_after_the_approval_is_not_published(pe, office, admin, monkeypatch):
    office.order(office.news())
    office.correct(isi="Selasa.")
    office.do("ketua", "putuskan", keputusan="sesuai")
    with read(pe) as db:
        payload = db.scalar(sa.select(job.c.payload).where(job.c.instance_id == office.case, job.c.topic == "publikasi"))
    run(pe, lambda db: db.execute(sa.update(job).where(job.c.instance_id == office.case).values(payload=payload | {"catatan_ralat": "x"})))
    office.work()
    assert "disetujui" in office.incidents()[0] and "Selasa." not in "".join(office.pages().values())


def test_a_crash_between_changing_the_page_and_writing_it_down_changes_it_once(pe, office, monkeypatch):
    case = office.news()
    office.order(case)
    office.correct(isi="Selasa.")
    settle, calls = publication._settle, []

    def die_once(*args, **kwargs):
        calls.append(1)
        if len(calls) == 1:
            raise Failure("Mesin mati.", "temporary")
        return settle(*args, **kwargs)

    monkeypatch.setattr(publication, "_settle", die_once)
    office.approve_correction()
    assert len(calls) >= 2 and office.ended()
    (page,) = office.pages().values()
    assert page.count(NOTE) == 1 and office.publications()["website"]["state"] == "published"


def test_a_page_that_its_own_connector_did_not_make_is_corrected_by_hand(pe, office, admin, now):
    case = office.news()
    channels.save_channel(pe, admin, now, id="website", name="Website", connector="manual", config={})
    office.order(case)
    office.correct(isi="Selasa.")
    office.approve_correction()
    assert len(office.tasks("terbitkan_manual")) == 1 and not office.ended()


# Ordering -------------------------------------------------------------------------------------------------------------

def test_only_the_ketua_orders_and_only_of_what_they_may_see(pe, office, ketua):
    case = office.news()
    for who in ("penulis", "kasubbag", "webadmin"):
        with pytest.raises(Forbidden):
            corrections.order(pe, office.people[who], office.now, case, key="ralat", variables={})
        assert corrections.family(pe, office.people[who], office.now, case).may_order == ()
    assert corrections.family(pe, ketua, office.now, case).may_order == ("ralat", "penurunan")
    with pytest.raises(NotFound):
        corrections.order(pe, ketua, office.now, "0" * 36, key="ralat", variables={})


def test_a_second_order_about_the_same_case_is_refused_while_one_is_open(pe, office, ketua):
    case = office.news()
    office.order(case)
    for key in corrections.KINDS:
        with pytest.raises(Conflict, match="RLT-2026-0001"):
            corrections.order(pe, ketua, office.now, case, key=key, variables={})
    assert corrections.family(pe, ketua, office.now, case).may_order == ()


@on_databases
def test_of_two_orders_at_once_one_is_taken(pe, office, ketua):
    case = office.news()

    def order(key):
        try:
            return corrections.order(pe, ketua, office.now, case, key=key, variables={"alasan_ralat": "x"}).business_key
        except Conflict as conflict:
            return conflict

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(order, ["ralat", "penurunan"] * 2))
    assert sum(isinstance(answer, str) for answer in answers) == 1
    with read(pe) as db:
        assert db.scalar(sa.select(sa.func.count()).where(process_instance.c.about_id == case)) == 1


def test_without_a_case_to_be_about_neither_starts_not_even_for_an_admin(pe, office, ketua, admin):
    for who in (ketua, admin):
        for key in corrections.KINDS:
            with pytest.raises(Invalid):
                commands.start(pe, who, office.now, key=key, variables={"judul": "x"})
    case = office.news()
    with pytest.raises(Invalid):
        commands.start(pe, ketua, office.now, key="penerbitan-informasi", about_id=case)
    ralat = office.order(case)
    with pytest.raises(Invalid):
        commands.start(pe, ketua, office.now, key="ralat", about_id=ralat)


def test_what_is_still_being_published_or_stands_nowhere_cannot_be_corrected(pe, office, ketua, admin):
    case = office.start()
    with pytest.raises(Conflict):
        corrections.order(pe, ketua, office.now, case, key="ralat", variables={})
    commands.cancel(pe, admin, office.now, case, "batal")
    with pytest.raises(Conflict):
        corrections.order(pe, ketua, office.now, case, key="ralat", variables={})


# Penurunan ------------------------------------------------------------------------------------------------------------

@on_databases
def test_a_takedown_ends_with_every_channel_empty_and_documented(pe, office, site, ketua):
    case = office.news(["website", "instagram"])
    office.do("webadmin", "terbitkan_manual", tautan=site.page("/instagram", f"<h1>{TEXT['judul']}</h1>"))
    office.work()
    earlier = archive.entries(pe, ketua, case)[-1]
    takedown = office.order(case, "penurunan")
    office.work()
    (task,) = office.tasks("turunkan_manual")
    assert queries.task_variables(pe, office.people["webadmin"], task["id"])["tautan"] == site.url + "/instagram"
    site.page("/instagram", "<p>Tidak ada.</p>")
    office.do("webadmin", "turunkan_manual", halaman_kini="Halaman kosong.")
    office.work()
    assert office.incidents() == [] and office.ended()
    assert {id: (row["state"], row["by_hand"]) for id, row in office.publications().items()} == {
        "website": ("withdrawn", False), "instagram": ("withdrawn", True)}
    (page,) = office.pages().values()
    assert "Informasi ini telah ditarik" in page and TEXT["judul"] not in page
    assert TEXT["judul"] not in (pe.folder / "situs/index.html").read_text() + (pe.folder / "situs/feed.xml").read_text()
    found = {e["content"]["channel_id"]: e["content"] for e in archive.entries(pe, ketua, takedown) if e["kind"] == "publication"}
    assert (found["website"]["page"]["status"], found["website"]["page"]["holds_title"]) == (410, False)
    assert found["instagram"]["gone"] == "Halaman kosong." and found["website"]["about"]["hash"] == earlier["hash"]
    assert queries.instance(pe, office.people["kasubbag"], takedown)["title"] == "Penurunan: " + TEXT["judul"]
    assert corrections.family(pe, ketua, office.now, case).may_order == () and archive.verify(pe) == []
    with pytest.raises(Conflict):
        corrections.order(pe, ketua, office.now, case, key="ralat", variables={})


def test_a_takedown_that_breaks_off_is_done_once_more_and_is_done_once(pe, office, monkeypatch):
    case = office.news()
    settle, calls = withdrawal._settle, []

    def die_once(*args):
        calls.append(1)
        if len(calls) == 1:
            raise Failure("Mesin mati.", "temporary")
        settle(*args)

    monkeypatch.setattr(withdrawal, "_settle", die_once)
    office.order(case, "penurunan")
    office.work()
    assert len(calls) >= 2 and office.ended() and office.publications()["website"]["state"] == "withdrawn"


def test_a_takedown_after_a_ralat_takes_away_what_stands_now(pe, office):
    case = office.news()
    office.order(case)
    office.correct(isi="Selasa.", judul="Pengumuman Rapat Pleno Selasa")
    office.approve_correction()
    office.order(case, "penurunan")
    assert office.variables()["judul"] == "Pengumuman Rapat Pleno Selasa" and office.variables()["revisi"] == 3
    office.work()
    assert office.ended() and "Selasa" not in "".join(office.pages().values())


def test_a_connector_of_no_known_kind_of_failure_opens_an_incident(pe, office, monkeypatch):
    case = office.news()
    monkeypatch.setattr(Site, "withdraw", lambda *args: 1 / 0)
    office.order(case, "penurunan")
    office.work()
    assert "ZeroDivisionError" in office.incidents()[0] and not office.ended()
    assert office.publications()["website"]["state"] == "unknown"


# News -----------------------------------------------------------------------------------------------------------------

@on_databases
def test_news_is_listed_for_the_ketua_until_looked_at(pe, office, ketua, penulis):
    cases = [office.news(), office.news(judul="Berita kedua hari ini")]
    notice = office.start()
    office.do("penulis", "siapkan", **TEXT, gambar=None, lampiran=None)
    office.approve()
    office.publish()
    page = news.news(pe, ketua)
    assert [row["id"] for row in page.rows] == cases[::-1] and notice not in cases
    assert [row["seen"] for row in page.rows] == [False, False] and news.unseen(pe, ketua) == 2
    assert page.rows[0]["content"]["judul"] == "Berita kedua hari ini" and page.rows[0]["last"]["website"]["url"]
    for _ in range(2):
        news.look_at(pe, ketua, office.now, [cases[0], notice, "0" * 36])
    assert news.unseen(pe, ketua) == 1 and news.unseen(pe, penulis) == 2
    assert [row["seen"] for row in news.news(pe, ketua).rows] == [False, True]
    first = news.news(pe, ketua, limit=1)
    assert [row["id"] for row in news.news(pe, ketua, after=first.next, limit=1).rows] == [cases[0]]


def test_corrected_news_is_listed_once_with_what_it_says_now(pe, office, ketua):
    case = office.news()
    office.order(case)
    office.correct(isi="Selasa.")
    office.approve_correction()
    (row,) = news.news(pe, ketua).rows
    assert (row["id"], row["content"]["isi"], row["last"]["website"]["revision"]) == (case, "Selasa.", 2)


def test_another_office_sees_and_orders_nothing(pe, office, now):
    case = office.news()
    run(pe, lambda db: db.execute(sa.insert(tenant), {"id": "lain", "name": "Lain"}))
    stranger = Actor("ketua", "lain", frozenset({"ketua-divisi", "admin"}))
    assert news.news(pe, stranger).rows == [] and news.unseen(pe, stranger) == 0
    with pytest.raises(NotFound):
        corrections.family(pe, stranger, now, case)
    with pytest.raises(NotFound):
        corrections.order(pe, stranger, now, case, key="ralat", variables={})


def test_an_upload_for_another_case_does_not_come_along(pe, office, ketua):
    theirs = documents.store_upload(pe, office.people["webadmin"], office.now, stream=io.BytesIO(PDF), name="a.pdf", variable="x")
    case = office.news()
    with pytest.raises(Invalid):
        corrections.order(pe, ketua, office.now, case, key="ralat", variables={"alasan_ralat": [theirs]})
