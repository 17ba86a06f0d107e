"""The admin's overview: figures that update themselves, the cases behind them, and what is wrong with what to do about it."""

import datetime as dt
import re

import pytest

from engine import backup, commands, installation, queries, tallies, worker, workers
from tests.webui.test_admin import stuck  # noqa: F401 - a fixture


@pytest.fixture
def admin(signed_in, sop):
    return signed_in("admin")


@pytest.fixture
def alive(pe):
    """A worker that just said that it lives."""
    now = dt.datetime.now(dt.timezone.utc)
    workers.begin(pe, now, workers.Worker("terbit-i-1@mesin-1", "mesin-1", 1, 2))
    workers.swept(pe, now, "terbit-i-1@mesin-1")
    installation.tell(pe, "os:sari", now, backup.MADE, {"file": "b.tar.gz", "size": 1})


def test_where_all_is_well_it_says_so(admin, alive):
    page = admin.get("/admin").text
    assert "Pekerja, broker, database, dan kanal berjalan." in page and "mesin-1" in page
    assert 'hx-get="/admin/live' in page and "every 5s" in page


def test_a_number_leads_to_the_cases_behind_it(pe, people, admin, case_at, stuck):  # noqa: F811
    instance = queries.task(pe, people["admin"], case_at("periksa"))["instance_id"]
    incident = stuck("unknown")
    page = admin.get("/admin").text
    definition = queries.instance(pe, people["admin"], instance)["definition_id"]
    assert 'data-place="periksa"' in page and "kind=overdue" in page
    def ask(**query):
        answer = admin.get("/admin/at", query_string={"definition": definition, **query})
        assert answer.status_code == 200
        return answer.text
    of_first, of_stuck = (f'href="/cases/{id}"' for id in (instance, incident["instance_id"]))
    assert of_first in ask(activity="periksa") and of_stuck not in ask(activity="periksa")
    assert of_stuck in ask(kind="incidents") and of_first not in ask(kind="incidents")
    assert of_first in ask(activity="periksa", kind="overdue")
    assert admin.get("/admin/at?definition=tidak-ada").status_code == 404


def test_the_piece_that_is_asked_for_again_brings_the_diagrams_numbers_along(admin, case_at):
    case_at("periksa")
    piece = admin.get("/admin/live").text
    assert "<html" not in piece and 'id="standing" hx-swap-oob="true"' in piece and 'data-place="periksa"' in piece
    assert admin.get("/admin/live?definition=tidak-ada").status_code == 200  # the version may have ended meanwhile


def test_a_dead_worker_is_seen(pe, admin):
    now = dt.datetime.now(dt.timezone.utc)
    workers.begin(pe, now - dt.timedelta(minutes=9), workers.Worker("terbit-i-1@mesin-1", "mesin-1", 1, 2))
    assert "Tidak ada pekerja yang hidup" in admin.get("/admin/live").text
    workers.begin(pe, now, workers.Worker("terbit-i-2@mesin-2", "mesin-2", 2, 2))
    page = admin.get("/admin/live").text
    assert "Pekerja di mesin-1 tidak terdengar lagi" in page and "Tidak ada pekerja yang hidup" not in page


def test_a_worker_that_hears_nothing_is_seen(pe, admin):
    now = dt.datetime.now(dt.timezone.utc)
    workers.begin(pe, now - dt.timedelta(minutes=9), workers.Worker("terbit-i-1@mesin-1", "mesin-1", 1, 2))
    workers.say(pe, now, "terbit-i-1@mesin-1")
    assert "tidak menerima pesan" in admin.get("/admin/live").text


def test_a_stopped_broker_is_seen(pe, admin, alive):
    pe.config["BROKER_URL"] = "redis://127.0.0.1:1/0"
    page = admin.get("/admin/live").text
    assert "Broker tidak menjawab" in page and "BROKER_URL" in page


def test_a_full_queue_is_seen(pe, people, admin, alive, case_at, now):
    task = case_at("terbitkan", kanal=["website"])
    commands.complete(pe, people["webadmin"], now, task, {"terbit_pada": None})  # `now` is long ago
    page = admin.get("/admin/live").text
    assert "pekerjaan menunggu terlalu lama" in page and "WORKER_CONCURRENCY" in page


def test_many_stuck_steps_are_said_on_top_with_the_way_to_retry_them(admin, alive, stuck, monkeypatch):  # noqa: F811
    stuck("unknown")
    assert "Perbaiki dahulu sebabnya" not in admin.get("/admin/live").text
    monkeypatch.setattr("webui.overview.MANY_STUCK", 1)
    page = admin.get("/admin/live").text
    assert "1 langkah terhenti" in page and "Perbaiki dahulu sebabnya" in page
    link = re.search(r'href="(/batches/new[^"]*)"', page)[1].replace("&amp;", "&")
    assert "1 berkas dipilih" in admin.get(link).text


def test_a_full_folder_broker_is_seen(pe, admin, alive, monkeypatch):
    monkeypatch.setattr(worker, "MOST_WAITING", 2)
    (pe.folder / "broker").mkdir(exist_ok=True)
    for n in range(3):
        (pe.folder / "broker" / f"{n}.terbit.msg").touch()
    assert "Antrean penuh" in admin.get("/admin/live").text


def test_guessed_passwords_are_seen(pe, people, admin, alive):
    now = dt.datetime.now(dt.timezone.utc)
    for _ in range(20):
        tallies.sign_in_failed(pe, now, "ketua")
    page = admin.get("/admin/live").text
    assert "20 kali gagal masuk sebagai ketua" in page and 'href="/people/ketua"' in page


def test_the_overview_costs_a_bounded_number_of_statements(admin, case_at, stuck, alive, statements):  # noqa: F811
    case_at("periksa")
    admin.get("/admin/live")  # what is read once for ever
    with statements() as few:
        admin.get("/admin/live")
    for _ in range(2):
        stuck("unknown")
        case_at("putuskan")
    with statements() as many:
        admin.get("/admin/live")
    assert len(many) == len(few) <= 16, few


@pytest.mark.parametrize("path", ["/admin/live", "/admin/at?definition=x"])
def test_all_of_it_is_for_admins_only(signed_in, sop, path):
    for who in ("ketua", "analis", "pemilik"):
        assert signed_in(who).get(path).status_code == 403


def test_an_office_that_was_never_backed_up_is_told(admin):
    page = admin.get("/admin").text
    assert "Belum pernah dibuat cadangan" in page and "terbit backup --keep 14" in page
