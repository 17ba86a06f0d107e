"""Papers: numbers without gaps, one for a task, what they say, who may issue and verify them, and what hostile words do."""

import datetime as dt
import io
import threading

import docx
import pypdf
import pytest
import segno
import sqlalchemy as sa

from bpmn.errors import Conflict, Forbidden, Invalid, NotFound
from engine import (
    archive,
    commands,
    documents,
    files,
    installation,
    letter_content,
    letter_docx,
    letter_pdf,
    letterhead,
    letters,
    numbering,
    queries,
    settings,
)
from engine import people as accounts
from engine.process_engine import Actor
from engine.store import read, run
from engine.tables import activity, business_key_counter, letter
from engine.tables import tenant as office
from tests.conftest import on_databases
from tests.webui.scenes import ASKED, CHECKS, DRAFT, STEPS

KIND = "lembar-disposisi"
HOSTILE = '#import "/etc/passwd" #sys.inputs $x$ *b* <tag> \\ "q" `c` // @ref = h\n#set page(width: 1pt)\n]]) {{7*7}} \x00\x0b\u202e\ufffe end'


@pytest.fixture
def sop(pe, people, now):
    installation.deploy_shipped(pe, now, installation.MODELS / "penerbitan-informasi")


@pytest.fixture
def to(pe, people, sop, now):
    """A function that starts a case and completes it up to and including a step; gives the id of that task."""
    def make(step="tugaskan", **changed):
        case = commands.start(pe, people["ketua"], now, key="penerbitan-informasi").id
        for activity_id, who, values in STEPS:
            task = queries.tasks(pe, people["admin"], instance_id=case).rows[0]["id"]
            commands.complete(pe, people[who], now, task, values | changed.get(activity_id, {}))
            if activity_id == step:
                return task
        raise AssertionError(step)
    return make


def content_of(pe, row):
    with read(pe) as db:
        return db.scalar(sa.select(letter.c.content).where(letter.c.id == row["id"]))


def pdf_text(pe, actor, row):
    path = documents.open_document(pe, actor, row["pdf"])[1]
    return " ".join("\n".join(page.extract_text() for page in pypdf.PdfReader(path).pages).split())


def docx_text(pe, actor, row):
    return word_text(documents.open_document(pe, actor, row["docx"])[1].read_bytes())


def word_text(content):
    paper = docx.Document(io.BytesIO(content))
    tables = [cell.text for table in paper.tables for line in table.rows for cell in line.cells]
    return "\n".join([p.text for p in paper.paragraphs] + tables + [p.text for p in paper.sections[0].footer.paragraphs])


# Numbers --------------------------------------------------------------------------------------------------------------

@on_databases
def test_ten_at_once_get_ten_numbers_without_a_gap(pe, people, now, to):
    tasks = [to() for _ in range(10)]
    found, problems = [], []

    def one(task):
        try:
            found.append(letters.issue(pe, people["ketua"], now, task, KIND)["number"])
        except Exception as problem:
            problems.append(problem)

    threads = [threading.Thread(target=one, args=(task,)) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == [] and sorted(found, key=lambda n: int(n.split("/")[0])) == [f"{n}/LD/III/2026" for n in range(1, 11)]
    assert archive.verify(pe) == []


@on_databases
def test_a_double_click_gives_one_paper(pe, people, now, to):
    task, found = to(), []
    threads = [threading.Thread(target=lambda: found.append(letters.issue(pe, people["ketua"], now, task, KIND)["id"])) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4 and len(set(found)) == 1
    with read(pe) as db:
        assert db.scalar(sa.select(sa.func.count()).select_from(letter)) == 1
        assert db.scalar(sa.select(business_key_counter.c.last).where(business_key_counter.c.prefix == f"{KIND}/2026")) == 1
    case = queries.task(pe, people["ketua"], task)["instance_id"]
    assert len([d for d in documents.documents(pe, people["ketua"], case) if d["variable"] == letters.VARIABLE]) == 2


def test_where_the_files_could_not_be_made_the_number_is_kept(pe, people, now, to, monkeypatch):
    task = to()

    def broken(*args):
        raise MemoryError
    with monkeypatch.context() as patch:
        patch.setattr(letter_docx, "render", broken)
        with pytest.raises(MemoryError):
            letters.issue(pe, people["ketua"], now, task, KIND)
    with read(pe) as db:
        token = db.scalar(sa.select(letter.c.token))
    with pytest.raises(NotFound):  # nobody has such a paper yet
        letters.verify(pe, token)
    case = queries.task(pe, people["ketua"], task)["instance_id"]
    assert letters.papers(pe, people["ketua"], case).issued == [] and letters.offered(pe, people["ketua"], task) == KIND
    assert letters.issue(pe, people["ketua"], now, task, KIND)["number"] == "1/LD/III/2026"
    assert letters.issue(pe, people["ketua"], now, to(), KIND)["number"] == "2/LD/III/2026"


def test_numbers_begin_anew_each_year_and_for_each_kind_in_the_offices_zone(pe, people, now, to):
    last = dt.datetime(2026, 12, 31, 16, 59, tzinfo=dt.timezone.utc)
    tasks = [to() for _ in range(3)]
    numbers = [letters.issue(pe, people["ketua"], at, task, KIND)["number"]
               for at, task in zip((last, last + dt.timedelta(minutes=1), last + dt.timedelta(days=40)), tasks, strict=True)]
    assert numbers == ["1/LD/XII/2026", "1/LD/I/2027", "2/LD/II/2027"]
    assert letters.issue(pe, people["kasubbag"], last, to("periksa"), "nota-dinas")["number"] == "1/ND/XII/2026"


@pytest.mark.parametrize("pattern, written", [
    ("{nomor}/ND/{bulan romawi}/{tahun}", "7/ND/III/2026"), ("{nomor:3}/{tanggal}.{bulan}/{tahun}", "007/02.03/2026"),
    ("ND-{nomor:5}/3101/{tahun}", "ND-00007/3101/2026")])
def test_a_pattern_is_filled(pattern, written):
    numbering.check({"nota-dinas": pattern})
    assert numbering.written(pattern, 7, dt.date(2026, 3, 2)) == written


@pytest.mark.parametrize("pattern", ["", "ND/{tahun}", "{nomor}", "{nomor}/{kode}/{tahun}", "{nomor}/{tahun", "{nomor}}/{tahun}",
                                     "{nomor:0}/{tahun}", "{0.__class__}{nomor}{tahun}", "x" * 121 + "{nomor}{tahun}"])
def test_a_pattern_that_would_not_do_is_refused(pe, people, now, pattern):
    with pytest.raises(Invalid) as refused:
        settings.change(pe, people["admin"], now, "numbering", {"nota-dinas": pattern})
    assert refused.value.where["field"] == "nota-dinas"


def test_two_kinds_have_not_the_same_pattern(pe, people, now):
    with pytest.raises(Invalid):
        settings.change(pe, people["admin"], now, "numbering", {"nota-dinas": "{nomor}/{tahun}", KIND: "{nomor}/{tahun}"})


# Who may --------------------------------------------------------------------------------------------------------------

def test_who_completed_it_its_group_and_admins_issue_a_paper(pe, people, now, to):
    task = to()
    for name in ("penulis", "kasubbag", "webadmin", "analis", "pemilik"):
        with pytest.raises(Forbidden):
            letters.issue(pe, people[name], now, task, KIND)
        assert letters.offered(pe, people[name], task) is None
    other = Actor("ketua2", "kpu", frozenset({"ketua-divisi"}))
    assert letters.offered(pe, other, task) == KIND
    assert letters.issue(pe, other, now, task, KIND)["id"] == letters.issue(pe, people["admin"], now, task, KIND)["id"]


@on_databases
def test_another_office_sees_and_issues_nothing_and_counts_for_itself(pe, people, now, to):
    task = to()
    case = queries.task(pe, people["ketua"], task)["instance_id"]
    run(pe, lambda db: db.execute(sa.insert(office), {"id": "lain", "name": "Kantor lain"}))
    stranger = Actor("ketua", "lain", frozenset({"ketua-divisi", "admin"}))
    for ask in (lambda: letters.issue(pe, stranger, now, task, KIND), lambda: letters.papers(pe, stranger, case)):
        with pytest.raises(NotFound):
            ask()
    assert letters.offered(pe, stranger, task) is None
    row = letters.issue(pe, people["ketua"], now, task, KIND)
    with pytest.raises(NotFound):
        documents.open_document(pe, stranger, row["pdf"])
    assert run(pe, lambda db: numbering.take(db, "lain", KIND, 2026)) == 1


def test_only_a_completed_task_that_leads_to_a_paper_has_one(pe, people, now, to):
    done = to("tugaskan")
    case = queries.task(pe, people["ketua"], done)["instance_id"]
    still_open = queries.tasks(pe, people["admin"], instance_id=case).rows[0]["id"]
    with pytest.raises(Conflict):
        letters.issue(pe, people["kasubbag"], now, still_open, KIND)
    for kind in ("nota-dinas", "", "surat"):
        with pytest.raises(NotFound):
            letters.issue(pe, people["ketua"], now, done, kind)
    commands.cancel(pe, people["admin"], now, case, "batal")
    with pytest.raises(Conflict):
        letters.issue(pe, people["admin"], now, still_open, KIND)
    with pytest.raises(NotFound):
        letters.issue(pe, people["penulis"], now, to("siapkan"), KIND)


# What they say --------------------------------------------------------------------------------------------------------

def test_a_lembar_disposisi_says_what_was_asked_in_both_files(pe, people, now, to):
    letterhead.change(pe, people["admin"], now, {"lines": ["KPU KOTA CONTOH"], "address": "Jalan Merdeka 1", "place": "Jakarta"})
    task = to(tugaskan={"nomor_surat": "12/SP/2026", "nomor_srikandi": "SRK-9", "tanggal_surat": "2026-02-27", "sifat": "segera"})
    row = letters.issue(pe, people["ketua"], now, task, KIND, base_url="https://terbit.example/")
    address = f"https://terbit.example/surat/{row['token']}"
    for text in (pdf_text(pe, people["ketua"], row), docx_text(pe, people["ketua"], row)):
        for said in ("KPU KOTA CONTOH", "Jalan Merdeka 1", "LEMBAR DISPOSISI", "1/LD/III/2026", "Nota dinas", "12/SP/2026", "SRK-9",
                     "27 Februari 2026", ASKED["perihal"], "Kepala Sub Bagian", ASKED["disposisi"], "Ketua Demo", "Jakarta, 2 Maret 2026"):
            assert said in text, said
    assert address in docx_text(pe, people["ketua"], row) and content_of(pe, row)["address"] == address


def test_the_order_to_the_writer_names_the_writer(pe, people, now, to):
    row = letters.issue(pe, people["kasubbag"], now, to("perintahkan", perintahkan={"penulis": "penulis"}), KIND)
    assert content_of(pe, row)["to"] == "Penulis Demo, Fungsional umum" and content_of(pe, row)["text"] == "Singkat saja."
    assert content_of(pe, letters.issue(pe, people["kasubbag"], now, to("perintahkan"), KIND))["to"] == "Tim Penulis"


def test_a_nota_dinas_says_what_was_checked_in_its_own_round(pe, people, now, to):
    first = to("putuskan", putuskan={"keputusan": "tidak", "catatan": "Ulangi."})
    case = queries.task(pe, people["ketua"], first)["instance_id"]
    again = queries.tasks(pe, people["admin"], instance_id=case).rows[0]["id"]
    commands.complete(pe, people["kasubbag"], now, again, {**CHECKS, **DRAFT, "judul": "Judul kedua"})
    before = next(a["id"] for a in queries.activities(pe, people["ketua"], case) if a["activity_id"] == "periksa" and a["id"] != again)
    earlier, later = (letters.issue(pe, people["kasubbag"], now, task, "nota-dinas") for task in (before, again))
    assert DRAFT["judul"] in pdf_text(pe, people["ketua"], earlier) and "Judul kedua" not in pdf_text(pe, people["ketua"], earlier)
    text = pdf_text(pe, people["ketua"], later)
    for said in ("NOTA DINAS", "2/ND/III/2026", "Judul kedua", "Pengumuman", "Berkala", "a. Kebenaran", "b. Hal", "c. Kalimat", "Kasubbag Demo"):
        assert said in text, said
    assert len(letters.papers(pe, people["kasubbag"], case).issued) == 2


def test_who_stood_in_says_so(pe, people, now, to):
    task = to()
    stead = {"kind": "plh", "group": "ketua-divisi", "name": "Ibu Ketua", "title": "Ketua Divisi Teknis", "decree": "11/SP/2026"}
    run(pe, lambda db: db.execute(sa.update(activity).where(activity.c.id == task).values(in_stead_of=stead)))
    row = letters.issue(pe, people["ketua"], now, task, KIND)
    text = pdf_text(pe, people["ketua"], row)
    assert "Plh. Ketua Divisi Teknis" in text and "11/SP/2026" in text
    assert letters.verify(pe, row["token"])["decree"] == "11/SP/2026" and letters.verify(pe, row["token"])["post"] == "Plh. Ketua Divisi Teknis"


def test_a_paper_stays_as_it_was_issued(pe, people, now, to):
    task = to()
    row = letters.issue(pe, people["ketua"], now, task, KIND)
    before = letters.verify(pe, row["token"])
    settings.change(pe, people["admin"], now, "letterhead", {"lines": ["LAIN"]})
    accounts.update_user(pe, people["admin"], now, "ketua", name="Nama baru")
    assert letters.issue(pe, people["ketua"], now + dt.timedelta(days=1), task, KIND)["number"] == row["number"]
    assert letters.verify(pe, row["token"]) == before and before["name"] == "Ketua Demo"


def test_both_files_are_in_the_archive_and_its_chain(pe, people, now, to):
    task = to()
    row = letters.issue(pe, people["ketua"], now, task, KIND)
    case = row["instance_id"]
    entry = archive.entries(pe, people["ketua"], case)[-1]
    assert entry["kind"] == "letter" and entry["content"]["number"] == row["number"] and len(entry["files"]) == 2
    assert {file["name"] for file in entry["files"]} == {"Lembar disposisi 1-LD-III-2026.pdf", "Lembar disposisi 1-LD-III-2026.docx"}
    assert archive.verify(pe) == []
    path = files.path(pe.folder, letters.verify(pe, row["token"])["sha256"])
    path.chmod(0o600)
    path.write_bytes(b"%PDF-1.7 forged")
    assert "changed-file" in {problem.code for problem in archive.verify(pe)}


def test_the_code_holds_the_address(pe, people, now, to, monkeypatch):
    coded = []
    monkeypatch.setattr(segno, "make_qr", lambda content, make=segno.make_qr, **more: coded.append(content) or make(content, **more))
    pe.config["BASE_URL"] = "https://terbit.kpu.example"
    row = letters.issue(pe, people["ketua"], now, to(), KIND, base_url="http://elsewhere")
    assert coded == [f"https://terbit.kpu.example/surat/{row['token']}"] * 2  # the PDF's, and the DOCX's
    paper = docx.Document(documents.open_document(pe, people["ketua"], row["docx"])[1])
    assert [part.content_type for part in paper.part.package.iter_parts() if part.content_type.startswith("image/")] == ["image/png"]


# Verifying ------------------------------------------------------------------------------------------------------------

def test_what_is_secret_is_verified_without_its_subject(pe, people, now, to):
    open_, secret = (letters.issue(pe, people["ketua"], now, to(tugaskan=values), KIND) for values in ({}, {"sifat": "rahasia"}))
    assert letters.verify(pe, open_["token"])["subject"] == ASKED["perihal"]
    assert letters.verify(pe, secret["token"])["subject"] is None
    commands.set_variables(pe, people["admin"], now, open_["instance_id"], {"klasifikasi": "dikecualikan"})
    assert letters.verify(pe, open_["token"])["subject"] is None


@on_databases
@pytest.mark.parametrize("token", ["", "x", "x" * 5000, "%", "\u0000", "' OR ''='"])
def test_an_unknown_token_is_not_found(pe, people, token):
    with pytest.raises(NotFound):
        letters.verify(pe, token)


# Hostile words --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("kind", ["lembar-disposisi", "nota-dinas"])
def test_hostile_words_are_only_words(kind):
    content = letter_content.cleaned({
        **dict.fromkeys(("number", "office", "to", "from", "subject", "business_key"), HOSTILE), "nature": "Biasa", "zone": "Asia/Jakarta",
        "letterhead": {"lines": [HOSTILE] * 6, "address": HOSTILE, "contact": HOSTILE, "place": HOSTILE, "logo": ""},
        "source": dict.fromkeys(("kind", "number", "date", "srikandi"), HOSTILE), "text": HOSTILE * 20, "date": "2026-03-02",
        "facts": [[HOSTILE, "W" * 400]], "checks": [HOSTILE], "attachments": [HOSTILE] * 40, "address": "https://terbit.example/surat/x",
        "signer": {"name": HOSTILE, "post": HOSTILE, "decree": HOSTILE, "at": "2026-03-02T01:00:00+00:00"}})
    at = dt.datetime(2026, 3, 2, tzinfo=dt.timezone.utc)
    pdf = pypdf.PdfReader(io.BytesIO(letter_pdf.render(kind, content, at, None)))
    text = "".join(page.extract_text() for page in pdf.pages)
    assert "#import" in text and "root:" not in text and "49" not in text
    assert all(abs(float(page.mediabox.width) - 595.28) < 1 for page in pdf.pages)
    word = word_text(letter_docx.render(kind, content, at, None))
    assert "#import" in word and "\x0b" not in word and "\u202e" not in word


def test_the_same_paper_gives_the_same_pdf(pe, people, now, to):
    row = letters.issue(pe, people["ketua"], now, to(), KIND)
    content = content_of(pe, row)
    assert letter_pdf.render(KIND, content, now, None) == letter_pdf.render(KIND, content, now, None)


def test_a_huge_or_gone_logo_does_not_hold_a_paper_up(pe, people, now, to):
    settings.change(pe, people["admin"], now, "letterhead", {"logo": "0" * 64})
    assert letters.issue(pe, people["ketua"], now, to(), KIND)["number"]
    with pytest.raises(Invalid):
        letterhead.change(pe, people["admin"], now, {"lines": ["X"]}, logo=io.BytesIO(b"x" * (6 << 20)))
    with pytest.raises(Invalid):
        settings.change(pe, people["admin"], now, "letterhead", {"logo": "../../secret.key"})
