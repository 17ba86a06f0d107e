"""The review that falls due: who is reviewed when, once, with which figures, and what came of it."""

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from bpmn.errors import Conflict, Forbidden, Invalid, NotFound
from engine import commands, installation, queries, reviews, settings
from engine.process_engine import Actor
from engine.store import read
from engine.tables import process_instance
from engine.values import load
from tests.conftest import on_databases
from tests.engine.test_version_life import DAY, put, simple

ANSWERS = dict.fromkeys(reviews.QUESTIONS, "ya")


def later(now, months, days=0):
    n = now.month - 1 + months
    return now.replace(year=now.year + n // 12, month=n % 12 + 1) + days * DAY


@pytest.fixture
def office(pe, people, now):
    """The shipped procedure of reviews, and one that may be reviewed."""
    installation.deploy_shipped(pe, now, Path(installation.MODELS) / reviews.KEY)
    put(pe, people["pemilik"], now, simple())
    return people


def running(pe):
    with read(pe) as db:
        return db.scalars(sa.select(process_instance.c.business_key).where(
            process_instance.c.business_key.startswith("TINJAUAN")).order_by(process_instance.c.business_key)).all()


def judge(pe, actor, now, outcome="tetap", **more):
    [task] = queries.tasks(pe, actor, mine=True, candidate=True).rows
    commands.complete(pe, actor, now, task["id"], {**ANSWERS, "hasil": outcome, "alasan_hasil": "Sudah sesuai", **more})


@on_databases
def test_after_six_months_one_review_starts_however_many_workers_look(pe, office, now):
    assert reviews.start_due(pe, later(now, 6) - DAY) == 0 and running(pe) == []
    with ThreadPoolExecutor(4) as pool:
        counts = list(pool.map(lambda _: reviews.start_due(pe, later(now, 6)), range(4)))
    assert sum(counts) == 1 and running(pe) == ["TINJAUAN-p-2026-1"]
    assert reviews.start_due(pe, later(now, 13)) == 0  # while it runs nothing else falls due
    judge(pe, office["pemilik"], later(now, 7))
    assert reviews.start_due(pe, later(now, 13) - DAY) == 0
    assert reviews.start_due(pe, later(now, 13)) == 1 and running(pe) == ["TINJAUAN-p-2026-1", "TINJAUAN-p-2027-1"]


def test_it_is_a_task_of_the_process_owner_due_in_ten_working_days(pe, office, now):
    reviews.start_due(pe, later(now, 6))
    [task] = queries.tasks(pe, office["pemilik"], mine=True, candidate=True).rows
    assert task["title"] == "Tinjauan SOP: p"
    assert dt.timedelta(days=13) < task["due_at"] - later(now, 6) < dt.timedelta(days=16)
    assert queries.tasks(pe, office["ketua"], mine=True, candidate=True).rows == []


def test_a_new_version_a_date_to_come_and_a_revocation_move_it(pe, office, now):
    pemilik = office["pemilik"]
    put(pe, pemilik, later(now, 3), simple("b"), from_=later(now, 5))
    assert reviews.start_due(pe, later(now, 6)) == 0 and reviews.start_due(pe, later(now, 11) - DAY) == 0
    [due] = reviews.due(pe, pemilik, later(now, 11))
    assert (due.key, due.since) == ("p", later(now, 5))
    commands.revoke(pe, pemilik, later(now, 6), due.definition_id, reason="Tidak dipakai", running="finish", whole=True)
    assert reviews.due(pe, pemilik, later(now, 12)) == []
    with pytest.raises(Conflict, match="tidak berlaku"):
        reviews.start(pe, pemilik, later(now, 12), "p")


def test_how_often_is_the_offices_to_say(pe, office, now, admin):
    settings.change(pe, admin, now, "review", {"months": 3})
    assert len(reviews.due(pe, admin, later(now, 3))) == 1
    settings.change(pe, admin, now, "review", {"months": 0})
    assert reviews.due(pe, admin, later(now, 60)) == []
    for wrong in (-1, 25, True, "6"):
        with pytest.raises(Invalid):
            settings.change(pe, admin, now, "review", {"months": wrong})


def test_the_figures_are_those_of_the_procedures_own_cases(pe, office, now):
    penulis = office["penulis"]
    for hours in (1, 2, 3):
        case = commands.start(pe, penulis, now + DAY, key="p").id
        [task] = queries.tasks(pe, penulis, instance_id=case).rows
        commands.complete(pe, penulis, now + DAY + dt.timedelta(hours=hours), task["id"], {})
    commands.start(pe, penulis, now + DAY, key="p")
    instance = reviews.start(pe, office["pemilik"], now + 5 * DAY, "p")
    with read(pe) as db:
        held = load(db.scalar(sa.select(process_instance.c.variables).where(process_instance.c.id == instance.id)))[""]
    assert (held["angka"]["berkas"], held["angka"]["selesai"], held["angka"]["berjalan"], held["angka"]["tidak"]) == (4, 3, 1, 0)
    [step] = held["langkah"]
    assert (step["nama"], step["jumlah"], step["tengah"], step["total"]) == ("a", 3, 7200, 21600)
    assert "4 dimulai, 3 selesai, 1 berjalan" in held["ringkasan"] and "tengah 2 jam, jumlah 6 jam" in held["tabel_langkah"]


def test_the_outcome_is_kept_with_who_judged(pe, office, now):
    pemilik = office["pemilik"]
    reviews.start(pe, pemilik, now + DAY, "p")
    with pytest.raises(Conflict, match="masih berjalan"):
        reviews.start(pe, pemilik, now + DAY, "p")
    assert reviews.history(pe, pemilik, "p")[0]["outcome"] is None
    judge(pe, pemilik, now + 2 * DAY, "revisi", waktu_sesuai="tidak", catatan_penilaian="Langkah 1 terlalu lama")
    [row] = reviews.history(pe, pemilik, "p")
    assert (row["outcome"], row["reason"], row["version"], row["notes"]) == ("revisi", "Sudah sesuai", 1, "Langkah 1 terlalu lama")
    assert row["by"] and row["answers"]["waktu_sesuai"] == "tidak" and row["ended_at"] == now + 2 * DAY
    assert reviews.start(pe, pemilik, now + 3 * DAY, "p").business_key == "TINJAUAN-p-2026-2"


def test_a_procedure_whose_name_begins_alike_is_another(pe, office, now):
    pemilik = office["pemilik"]
    put(pe, pemilik, now, simple(key="p-2026-1"))
    reviews.start(pe, pemilik, now + DAY, "p-2026-1")
    assert reviews.history(pe, pemilik, "p") == [] and len(reviews.history(pe, pemilik, "p-2026-1")) == 1
    assert {each.key for each in reviews.due(pe, pemilik, later(now, 6))} == {"p"}


def test_only_owners_start_and_read_them_and_reviews_are_not_reviewed(pe, office, now):
    with pytest.raises(Forbidden):
        reviews.start(pe, office["penulis"], now, "p")
    with pytest.raises(Forbidden):
        reviews.history(pe, office["penulis"], "p")
    with pytest.raises(NotFound):
        reviews.start(pe, office["pemilik"], now, reviews.KEY)
    with pytest.raises(NotFound):
        reviews.start(pe, Actor("x", "lain", frozenset({"process-owner"})), now, "p")


def test_months_earlier_is_the_same_day_or_the_months_last():
    at = dt.datetime(2026, 8, 31, 5, tzinfo=dt.timezone.utc)
    assert [reviews.before(at, n).date().isoformat() for n in (1, 6, 20)] == ["2026-07-31", "2026-02-28", "2024-12-31"]
