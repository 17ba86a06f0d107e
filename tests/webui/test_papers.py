"""Papers in the browser: made by a click, verified by a stranger, and how the office writes."""

import io
import re

import pytest
from PIL import Image

from engine import commands, documents, files, letters, queries, settings
from tests.webui.scenes import ASKED


@pytest.fixture
def done(pe, people, case_at, now):
    """The task `tugaskan`, completed by the Ketua Divisi."""
    task = case_at("tugaskan")
    commands.complete(pe, people["ketua"], now, task, ASKED | {"nomor_surat": "12/SP/2026", "nomor_srikandi": "SRK-99"})
    return task


@pytest.fixture
def case(pe, people, done):
    return queries.task(pe, people["ketua"], done)["instance_id"]


@pytest.fixture
def issued(pe, people, done, now):
    return letters.issue(pe, people["ketua"], now, done, "lembar-disposisi", base_url="https://terbit.example")


def pdf_of(pe, people, row):
    return documents.open_document(pe, people["ketua"], row["pdf"])[1].read_bytes()


def picture(kind="PNG", size=(600, 300)):
    content = io.BytesIO()
    Image.new("RGB", size, "navy").save(content, kind)
    return content.getvalue()


# A case's papers ------------------------------------------------------------------------------------------------------

def test_a_paper_is_offered_after_the_task_and_made_by_a_click(signed_in, done, case):
    ketua = signed_in("ketua")
    assert "Buat Lembar disposisi" in ketua.get(f"/?done={done}").text
    page = ketua.get(f"/cases/{case}").text
    assert f'action="/tasks/{done}/papers/lembar-disposisi"' in page
    first, second = (ketua.post(f"/tasks/{done}/papers/lembar-disposisi") for _ in range(2))
    assert first.status_code == 303 and first.headers["Location"] == second.headers["Location"] == f"/cases/{case}#papers"
    page = ketua.get(f"/cases/{case}").text
    assert page.count("1/LD/") >= 1 and "2/LD/" not in page and "papers/lembar-disposisi" not in page
    assert "Buat Lembar disposisi" not in ketua.get(f"/?done={done}").text
    pdf, word = re.findall(r'href="(/documents/[^"]+)">(?:PDF|DOCX)', page)
    assert ketua.get(pdf).data.startswith(b"%PDF-") and "attachment" in ketua.get(word).headers["Content-Disposition"]


def test_the_code_leads_to_where_the_page_was_asked_for(pe, people, signed_in, done, case):
    signed_in("ketua").post(f"/tasks/{done}/papers/lembar-disposisi")
    token = letters.papers(pe, people["ketua"], case).issued[0]["token"]
    with pe.db.connect() as db:
        address = db.exec_driver_sql("SELECT content FROM letter").scalar()
    assert f"http://localhost/surat/{token}" in address


def test_whose_task_it_was_not_makes_no_paper_of_it(signed_in, done, case):
    penulis = signed_in("penulis")
    assert "papers/lembar-disposisi" not in penulis.get(f"/cases/{case}").text
    assert penulis.post(f"/tasks/{done}/papers/lembar-disposisi").status_code == 403
    assert signed_in("ketua").post(f"/tasks/{done}/papers/nota-dinas").status_code == 404


def test_the_letter_stands_with_the_case_and_finds_it(signed_in, case):
    ketua = signed_in("ketua")
    page = ketua.get(f"/cases/{case}").text
    assert "Surat permohonan" in page and "12/SP/2026" in page and "SRK-99" in page
    assert case in ketua.get("/cases?q=SRK-99").text and case in ketua.get("/cases?q=12/SP").text


# Whether it is genuine ------------------------------------------------------------------------------------------------

def test_a_stranger_learns_what_a_genuine_paper_says(stranger, issued, pe, people):
    answer = stranger.get(f"/surat/{issued['token']}")
    sha256 = files.hashlib.sha256(pdf_of(pe, people, issued)).hexdigest()
    assert answer.status_code == 200 and "Set-Cookie" not in answer.headers
    for said in ("Naskah ini asli", issued["number"], ASKED["perihal"], "Ketua Demo", "KPU Kab. Adm. Kepulauan Seribu", sha256):
        assert said in answer.text
    assert "INF-2026" not in answer.text and ASKED["disposisi"] not in answer.text


@pytest.mark.parametrize("token", ["x", "A" * 22, "..%2f", "%00", "a" * 5000, "' OR 1=1 --"])
def test_an_unknown_code_is_no_paper(stranger, issued, token):
    answer = stranger.get(f"/surat/{token}")
    assert answer.status_code == 404 and "asli" not in answer.text.replace("keaslian", "")


def test_what_is_excepted_shows_no_subject(stranger, pe, people, now, issued, case):
    commands.set_variables(pe, people["admin"], now, case, {"klasifikasi": "dikecualikan"})
    page = stranger.get(f"/surat/{issued['token']}").text
    assert ASKED["perihal"] not in page and "tidak ditampilkan" in page and issued["number"] in page


def test_a_file_is_compared_and_not_kept(stranger, issued, pe, people):
    pdf = pdf_of(pe, people, issued)

    def send(content, name="naskah.pdf"):
        return stranger.client.post(f"/surat/{issued['token']}", data={"file": (io.BytesIO(content), name)})

    before = sum(1 for _ in (pe.folder / "archive").rglob("*"))
    assert "sama persis dengan yang dikeluarkan" in send(pdf).text
    assert "bukan dokumen yang dikeluarkan" in send(pdf + b" ").text
    assert "Pilih dokumennya" in stranger.client.post(f"/surat/{issued['token']}").text
    assert send(b"x" * (11 << 20)).status_code == 413
    assert sum(1 for _ in (pe.folder / "archive").rglob("*")) == before


def test_files_are_compared_only_so_often(stranger, issued):
    answers = [stranger.client.post(f"/surat/{issued['token']}").status_code for _ in range(25)]
    assert answers[0] == 200 and answers[-1] == 429


# How the office writes ------------------------------------------------------------------------------------------------

@pytest.fixture
def admin(signed_in, sop):
    return signed_in("admin")


def test_only_an_admin_sees_how_the_office_writes(signed_in, sop):
    ketua = signed_in("ketua")
    assert ketua.get("/office").status_code == 403 and "/office" not in ketua.get("/").text
    assert ketua.post("/office/phrases", {"approve": "Ya"}).status_code == 403
    assert ketua.get("/office/preview/nota-dinas.pdf").status_code == 403


def test_the_letterhead_is_kept_with_its_logo_as_a_clean_picture(admin, pe):
    words = {"lines": "KPU KOTA X\n\n  SEKRETARIAT ", "address": "Jalan A", "contact": "", "place": "Jakarta"}
    answer = admin.post("/office/letterhead", {**words, "logo": (io.BytesIO(picture("JPEG") + b"<script>"), "x.jpg")})
    assert answer.status_code == 303
    kept = settings.get(pe, "kpu")["letterhead"]
    assert kept["lines"] == ["KPU KOTA X", "SEKRETARIAT"] and kept["place"] == "Jakarta"
    logo = admin.get("/office/logo.png").data
    assert Image.open(io.BytesIO(logo)).size == (480, 240) and b"<script>" not in logo
    admin.post("/office/letterhead", words)
    assert settings.get(pe, "kpu")["letterhead"]["logo"] == kept["logo"], "the logo stays where none is sent"
    admin.post("/office/letterhead", {**words, "without_logo": "1"})
    assert settings.get(pe, "kpu")["letterhead"]["logo"] == "" and admin.get("/office/logo.png").status_code == 404


@pytest.mark.parametrize("content, name", [(b"<svg onload=alert(1)>", "x.svg"), (b"%PDF-1.7", "x.png"), (picture()[:200], "x.png"),
                                           (b"", "x.png"), (b"GIF89a", "x.gif")])
def test_what_is_no_picture_is_no_logo(admin, pe, content, name):
    answer = admin.post("/office/letterhead", {"lines": "X", "logo": (io.BytesIO(content), name)})
    assert answer.status_code == 400 and 'id="logo-error"' in answer.text
    assert settings.get(pe, "kpu")["letterhead"]["logo"] == ""


def test_a_pattern_is_shown_by_example_and_checked(admin, pe):
    page = admin.get("/office").text
    assert "Contoh: 7/ND/" in page
    example = admin.post("/office/numbering/example?kind=nota-dinas", {"nota-dinas": "{nomor:3}/HM.02-ND/3101/{tahun}"})
    assert re.search(r"Contoh: 007/HM\.02-ND/3101/20\d\d", example.text)
    assert "tidak dikenal" in admin.post("/office/numbering/example?kind=nota-dinas", {"nota-dinas": "{nomer}/{tahun}"}).text
    wrong = admin.post("/office/numbering", {"nota-dinas": "<b>{nomor}", "lembar-disposisi": "{nomor}/D/{tahun}"})
    assert wrong.status_code == 400 and "&lt;b&gt;{nomor}" in wrong.text and 'id="nota-dinas-error"' in wrong.text
    assert admin.post("/office/numbering", {"nota-dinas": "{nomor}/N/{tahun}", "lembar-disposisi": "{nomor}/D/{tahun}"}).status_code == 303
    assert settings.get(pe, "kpu")["numbering"] == {"nota-dinas": "{nomor}/N/{tahun}", "lembar-disposisi": "{nomor}/D/{tahun}"}


def test_ready_phrases_are_the_offices_own(admin, pe, signed_in, case_at):
    task = case_at("putuskan")
    assert admin.post("/office/phrases", {"approve": "Lanjutkan.\r\n", "return": "Ulangi <dari> awal."}).status_code == 303
    page = signed_in("ketua").get(f"/tasks/{task}").text
    assert "Ulangi &lt;dari&gt; awal." in page and "Perbaiki bahasa dan ejaan." not in page


def test_a_sample_is_a_pdf_and_takes_no_number(admin, pe):
    for kind in ("nota-dinas", "lembar-disposisi"):
        answer = admin.get(f"/office/preview/{kind}.pdf")
        assert answer.mimetype == "application/pdf" and answer.data.startswith(b"%PDF-")
    assert admin.get("/office/preview/rahasia.pdf").status_code == 404
    with pe.db.connect() as db:
        assert db.exec_driver_sql("SELECT count(*) FROM letter").scalar() == 0
