"""Publishing: once per case, channel and revision, only what was approved, never what is excluded."""

import concurrent.futures
import datetime as dt

import pytest
import sqlalchemy as sa

import connectors
from bpmn.errors import NotFound
from bpmn.expressions import sha256
from connectors import Failure, NotByMachine, NotYet, Result
from engine import channels, files, publication
from engine.handlers import BpmnError
from engine.process_engine import Actor
from engine.publication import SEALED, publish, request_of
from engine.store import read, run
from engine.tables import event
from engine.tables import publication as table
from tests.conftest import on_databases
from tests.engine.a_case import LATER, PDF, complete, content, make_case, make_definition, make_job, make_task, upload

PNG = (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0:~\x9bU"
       b"\0\0\0\nIDATx\x9cc`\0\0\0\x02\0\x01H\xaf\xa4q\0\0\0\0IEND\xaeB`\x82")
FAILURES = [Failure("Server menjawab 503.", "temporary"), Failure("Ditolak.", "permanent"), Failure("Jawaban tidak sampai.", "unknown"),
            NotByMachine(), NotYet(1)]


class Platform:
    """A connector that keeps its promise: one post per key. `fail` is raised, `before` or after it has posted."""

    name, title, fields = "platform", "Platform", ()
    posts: dict = {}
    calls: list = []
    fail: Exception | None = None
    after = False

    def __init__(self, config, secrets, context):
        pass

    def publish(self, request):
        Platform.calls.append(request)
        if Platform.fail and not Platform.after:
            raise Platform.fail
        post = Platform.posts.setdefault(request.key, f"https://kantor.example/{len(Platform.posts) + 1}")
        if Platform.fail:
            raise Platform.fail
        return Result(post, post[-1], request.now, scheduled=request.publish_at is not None)


@pytest.fixture(autouse=True)
def platform(monkeypatch):
    for name, value in (("posts", {}), ("calls", []), ("fail", None), ("after", False)):
        monkeypatch.setattr(Platform, name, value)
    kinds = {"site": Platform, "manual": connectors.find("manual")}
    monkeypatch.setattr(connectors, "find", kinds.__getitem__)


@pytest.fixture
def case(pe, now, people):
    make_definition(pe, now)
    channels.seed_channels(pe, now, "kpu")
    return make_case(pe, now)


def job_of(pe, now, case, scope=None, attempts=1, **changed):
    return make_job(pe, now, case, "publikasi", content(**changed), scope, attempts)


def row(pe, channel="website"):
    with read(pe) as db:
        return db.execute(sa.select(table).where(table.c.channel_id == channel)).mappings().one()


def count(pe):
    with read(pe) as db:
        return db.scalar(sa.select(sa.func.count()).select_from(table))


# Once -----------------------------------------------------------------------------------------------------------------

@on_databases
def test_it_is_published_and_written_down(pe, now, case):
    job = job_of(pe, now, case)
    assert publish(pe, job, now) == {"url": "https://kantor.example/1", "id": "1", "published_at": now.isoformat()}
    written = row(pe)
    assert (written["state"], written["connector"], written["url"], written["platform_id"], written["content_sha256"]) == (
        "published", "site", "https://kantor.example/1", "1", job.payload["segel"])
    request = Platform.calls[0]
    assert (request.key, request.title, request.kind, request.business_key) == (
        f"{case}:website:1", "Pengumuman Rapat Pleno", "pengumuman", "INF-2026-0001")
    with read(pe) as db:
        assert db.scalar(sa.select(event.c.data).where(event.c.type == "publication.published")) == {
            "channel": "website", "url": "https://kantor.example/1", "error": None}


@on_databases
def test_what_a_platform_says_of_an_address_is_not_believed(pe, now, case, monkeypatch):
    monkeypatch.setattr(Platform, "publish", lambda self, request: Result("javascript:alert(1)", "1\0\ud800" + "9" * 9000, now))
    told = publish(pe, job_of(pe, now, case), now)
    assert (told["url"], told["id"], row(pe)["state"]) == ("", "1" + "9" * 1999, "published")


@on_databases
def test_what_a_platform_gives_as_its_reason_can_be_written_down(pe, now, case, monkeypatch):
    Platform.fail = Failure("Ditolak: %(said)s", said="a\0\ud800b")
    with pytest.raises(Failure):
        publish(pe, job_of(pe, now, case), now)
    assert (row(pe)["state"], row(pe)["error"]) == ("failed", "Ditolak: ab")


def test_the_row_is_there_before_the_call(pe, now, case, monkeypatch):
    seen = []
    monkeypatch.setattr(Platform, "publish", lambda self, request: seen.append(row(pe)["state"]) or Result("https://a.example", "1", now))
    publish(pe, job_of(pe, now, case), now)
    assert seen == ["attempted"]


def test_the_call_is_in_no_transaction(pe, now, case, monkeypatch):
    monkeypatch.setattr(Platform, "publish", lambda self, request: run(pe, lambda db: Result("https://a.example", "1", now)))
    assert publish(pe, job_of(pe, now, case), now)["id"] == "1"


def test_run_again_it_returns_the_same_without_calling(pe, now, case):
    job = job_of(pe, now, case)
    first = publish(pe, job, now)
    assert publish(pe, job, now + LATER) == first
    assert len(Platform.calls) == 1 and count(pe) == 1


def test_a_crash_between_call_and_row_makes_one_post(pe, now, case, monkeypatch):
    job = job_of(pe, now, case)

    class Killed(BaseException):
        pass

    def die(*args, **kwargs):
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(publication, "_settle", die)
        with pytest.raises(Killed):
            publish(pe, job, now)
    assert (row(pe)["state"], len(Platform.posts)) == ("attempted", 1)
    assert publish(pe, job, now + LATER)["url"] == "https://kantor.example/1"
    assert [request.key for request in Platform.calls] == [f"{case}:website:1"] * 2
    assert len(Platform.posts) == 1 and row(pe)["state"] == "published"


def test_channels_and_revisions_are_apart(pe, now, case):
    for changed in ({}, {"revisi": 2}):
        publish(pe, job_of(pe, now, case, **changed), now)
    assert sorted(Platform.posts) == [f"{case}:website:1", f"{case}:website:2"]
    with pytest.raises(NotByMachine):
        publish(pe, job_of(pe, now, case, kanal="facebook"), now)
    assert count(pe) == 3


@on_databases
def test_many_channels_at_once(pe, now, case, monkeypatch, admin):
    names = [f"kanal-{n}" for n in range(8)]
    for name in names:
        channels.save_channel(pe, admin, now, id=name, name=name, connector="site", config={})
    jobs = [job_of(pe, now, case, kanal=name) for name in names]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda job: publish(pe, job, now), jobs))
    assert sorted(Platform.posts) == [f"{case}:{name}:1" for name in names]
    assert {row(pe, name)["state"] for name in names} == {"published"}


def test_a_scheduled_post_is_written_as_such(pe, now, case):
    at = now + dt.timedelta(days=1)
    in_a_form = at.astimezone(pe.timezone).replace(tzinfo=None).isoformat()  # Jakarta's time, without saying so
    job = job_of(pe, now, case, terbit_pada=in_a_form)
    publish(pe, job, now)
    assert Platform.calls[0].publish_at == at
    assert row(pe)["state"] == "scheduled"
    publish(pe, job, now)
    assert len(Platform.calls) == 1


def test_a_time_that_is_past_means_now(pe, now, case):
    publish(pe, job_of(pe, now, case, terbit_pada=(now - LATER).isoformat()), now)
    assert Platform.calls[0].publish_at is None


# Failures -------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("failure", "state"), [
    (Failure("Server menjawab %(status)s.", "temporary", status=503), "failed"), (Failure("Ditolak.", "permanent"), "failed"),
    (Failure("Jawaban tidak sampai.", "unknown"), "unknown"), (NotByMachine(), "manual"), (NotYet(60), "attempted"),
])
def test_a_failure_is_passed_on_and_written_down(pe, now, case, failure, state):
    Platform.fail = failure
    with pytest.raises(Failure) as caught:
        publish(pe, job_of(pe, now, case), now)
    assert caught.value is failure
    assert row(pe)["state"] == state
    assert row(pe)["error"] == (None if state == "attempted" else str(failure))


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("after", [False, True])
def test_what_failed_can_be_tried_again_and_is_one_post(pe, now, case, failure, after):
    job = job_of(pe, now, case)
    Platform.fail, Platform.after = failure, after
    with pytest.raises(Failure):
        publish(pe, job, now)
    Platform.fail = None
    publish(pe, job, now + LATER)
    assert len(Platform.posts) == 1 and count(pe) == 1
    assert (row(pe)["state"], row(pe)["error"]) == ("published", None)


def test_a_run_that_fails_late_does_not_undo_what_another_published(pe, now, case, monkeypatch):
    job = job_of(pe, now, case)

    def slow(self, request):  # loses its lease meanwhile; another worker does the job
        with monkeypatch.context() as patched:
            patched.setattr(Platform, "publish", lambda self, request: Result("https://a.example", "1", now))
            publish(pe, job, now)
        raise Failure("Jawaban tidak sampai.", "unknown")

    monkeypatch.setattr(Platform, "publish", slow)
    with pytest.raises(Failure):
        publish(pe, job, now)
    assert (row(pe)["state"], row(pe)["error"]) == ("published", None)


def test_a_connector_that_breaks_leaves_the_outcome_unknown(pe, now, case):
    Platform.fail = ZeroDivisionError("https://api.example/bot-rahasia/send")
    with pytest.raises(Failure) as caught:
        publish(pe, job_of(pe, now, case), now)
    assert caught.value.kind == "unknown"
    assert row(pe)["state"] == "unknown"
    for said in (str(caught.value), row(pe)["error"]):
        assert "ZeroDivisionError" in said and "rahasia" not in said


def test_a_channel_that_is_not_there_or_off_goes_to_a_persons_hand(pe, now, case, admin):
    channels.disable_channel(pe, admin, now, "website")
    for kanal in ("website", "radio"):
        with pytest.raises(NotByMachine):
            publish(pe, job_of(pe, now, case, kanal=kanal), now)
        assert row(pe, kanal)["state"] == "manual"
    assert Platform.calls == []


# What may not be published --------------------------------------------------------------------------------------------

def refused(pe, now, case, **changed):
    with pytest.raises(BpmnError) as caught:
        publish(pe, job_of(pe, now, case, **changed), now)
    assert caught.value.code == publication.REFUSED != "gagal"  # nor by hand: `gagal` would ask a person to
    assert Platform.calls == [] and count(pe) == 0
    return str(caught.value)


def test_excluded_information_is_refused_with_the_laws_ground(pe, now, case):
    assert "Pasal 17 Undang-Undang Nomor 14 Tahun 2008" in refused(pe, now, case, klasifikasi="dikecualikan")


@pytest.mark.parametrize("changed", [
    {"segel": None}, {"segel": ""}, {"segel": "0" * 64}, {"segel": content(isi="Lain")["segel"]},
    {"judul": "", "segel": None}, {"judul": " "}, {"judul": None}, {"kanal": None}, {"kanal": ["website"]}, {"kanal": ""},
    {"terbit_pada": "besok"}, {"terbit_pada": 5}, {"revisi": -1}, {"revisi": "dua"},
])
def test_what_was_not_approved_or_is_malformed_is_refused(pe, now, case, changed):
    refused(pe, now, case, **changed)


@pytest.mark.parametrize("name", ["judul", "ringkasan", "isi", "gambar", "lampiran", "teks_kanal"])
def test_every_part_of_the_content_is_under_the_seal(pe, now, case, name):
    seal = content()["segel"]
    assert "disetujui" in refused(pe, now, case, segel=seal, **{name: "diubah setelah disetujui"})


def test_a_channel_gets_the_text_that_was_written_for_it(pe, now, case):
    assert request_of(pe, case, content(kanal="x"), now).text == "Teks untuk X."
    assert request_of(pe, case, content(kanal="facebook"), now).text == ""
    assert request_of(pe, case, content(kanal="x", teks_kanal=None), now).text == ""


def test_a_process_of_before_the_texts_per_channel_still_publishes(pe, now, case):
    payload = content()
    del payload["teks_kanal"]
    payload["segel"] = sha256([payload[name] for name in SEALED[:-1]])
    job = make_job(pe, now, case, "publikasi", payload)
    assert publish(pe, job, now)["url"]
    smuggled = make_job(pe, now, case, "publikasi", {**payload, "teks_kanal": {"website": "Tidak disetujui."}})
    with pytest.raises(BpmnError, match="disetujui"):
        publish(pe, smuggled, now)


def test_a_published_revision_is_not_silently_kept_for_other_content(pe, now, case):
    publish(pe, job_of(pe, now, case), now)
    with pytest.raises(BpmnError, match="isi lain"):
        publish(pe, job_of(pe, now, case, isi="Ralat"), now)
    assert publish(pe, job_of(pe, now, case, isi="Ralat", revisi=2), now)["url"] == "https://kantor.example/2"


# Files ----------------------------------------------------------------------------------------------------------------

def bound(pe, actor, now, case, data, name):
    from engine import documents

    value = upload(pe, actor, now, data, name)
    return run(pe, lambda db: documents.bind(db, actor, now, case, {"x": value}))["x"]


def test_files_go_along_as_they_are(pe, now, case, penulis):
    image, letter = bound(pe, penulis, now, case, PNG, "foto.png"), bound(pe, penulis, now, case, PDF, "surat.pdf")
    publish(pe, job_of(pe, now, case, gambar=[{**image, "alt": "Rapat"}], lampiran=letter), now)  # many, and one
    request = Platform.calls[0]
    assert [(file.name, file.media_type, file.content, file.alt) for file in request.images] == [("foto.png", "image/png", PNG, "Rapat")]
    assert [(file.name, file.content) for file in request.attachments] == [("surat.pdf", PDF)]


def test_a_picture_that_is_none_goes_as_an_attachment(pe, now, case, penulis):
    publish(pe, job_of(pe, now, case, gambar=[bound(pe, penulis, now, case, PDF, "surat.pdf")]), now)
    assert (Platform.calls[0].images, [file.name for file in Platform.calls[0].attachments]) == ([], ["surat.pdf"])


def test_only_the_cases_own_files_are_published(pe, now, case, penulis):
    other = make_case(pe, now, "INF-2026-0002")
    foreign, loose = bound(pe, penulis, now, other, PDF, "rahasia.pdf"), upload(pe, penulis, now, PDF, "belum.pdf")
    own = bound(pe, penulis, now, case, PDF, "surat.pdf")
    for lampiran in ([foreign], [loose], [{**own, "sha256": "0" * 64}], [{"document": "tidak-ada"}], ["teks"], [{}]):
        refused(pe, now, case, lampiran=lampiran)


@pytest.mark.parametrize("damage", ["change", "remove"])
def test_a_file_that_is_not_what_was_kept_is_not_published(pe, now, case, penulis, damage):
    own = bound(pe, penulis, now, case, PDF, "surat.pdf")
    path = files.path(pe.folder, own["sha256"])
    path.chmod(0o600)
    path.write_bytes(b"%PDF-lain") if damage == "change" else path.unlink()
    assert "tidak utuh" in refused(pe, now, case, lampiran=[own])


# By hand --------------------------------------------------------------------------------------------------------------

@pytest.fixture
def by_hand(pe, now, case, webadmin):
    """Three channels, each in a scope of its own, all to be done by hand; two have been."""
    tasks = {}
    for scope, kanal in (("s1", "facebook"), ("s2", "instagram"), ("s3", "x")):
        with pytest.raises(NotByMachine):
            publish(pe, job_of(pe, now, case, scope=scope, kanal=kanal), now)
        tasks[kanal] = make_task(pe, now, case, "terbitkan_manual", "web-admin", scope=scope)
    for kanal in ("instagram", "facebook"):
        complete(pe, webadmin, now + LATER, case, tasks[kanal], "terbitkan_manual", {"tautan": f"https://{kanal}.example/1"})
    return tasks


@on_databases
def test_what_was_published_by_hand_is_shown_at_its_channel(pe, now, case, by_hand, ketua):
    shown = {line["channel_id"]: (line["state"], line["url"], line["by_hand"]) for line in publication.publications(pe, ketua, case)}
    assert shown == {
        "facebook": ("published", "https://facebook.example/1", True), "instagram": ("published", "https://instagram.example/1", True),
        "x": ("manual", None, False)}
    assert row(pe, "facebook")["state"] == "manual"  # a query writes nothing


@on_databases
def test_and_written_down_once(pe, now, case, by_hand):
    for _ in range(2):
        run(pe, lambda db: publication.record_manual(db, "kpu", now, case))
    assert (row(pe, "facebook")["state"], row(pe, "facebook")["url"], row(pe, "facebook")["published_at"]) == (
        "published", "https://facebook.example/1", now + LATER)
    assert row(pe, "x")["state"] == "manual"
    with read(pe) as db:
        assert sorted(data["channel"] for data in db.scalars(sa.select(event.c.data).where(event.c.type == "publication.published"))) == [
            "facebook", "instagram"]


def test_the_address_may_stand_in_an_inner_scope(pe, now, case, webadmin):
    with pytest.raises(NotByMachine):
        publish(pe, job_of(pe, now, case, scope="s1", kanal="x"), now)
    task = make_task(pe, now, case, "terbitkan_manual", "web-admin", scope="s1")
    complete(pe, webadmin, now, case, task, "terbitkan_manual", {})
    with read(pe) as db:
        event_id = db.scalar(sa.select(event.c.id).where(event.c.type == "task.completed"))
    said = {"variables": {}, "scopes": {task: {"tautan": "https://x.example/1", "alasan_tanpa_periksa": "masuk"}}}
    run(pe, lambda db: db.exec_driver_sql("DROP TRIGGER event_is_never_changed"))
    run(pe, lambda db: db.execute(sa.update(event).where(event.c.id == event_id).values(data=said)))
    run(pe, lambda db: publication.record_manual(db, "kpu", now, case))
    assert row(pe, "x")["url"] == "https://x.example/1"


def test_who_may_not_see_the_case_sees_no_publication(pe, now, case, by_hand):
    for stranger in (Actor("x", "kpu", frozenset({"lain"})), Actor("admin", "lain", frozenset({"admin"}))):
        with pytest.raises(NotFound):
            publication.publications(pe, stranger, case)
