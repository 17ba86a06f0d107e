"""The publication board in the browser: states in words, chosen from, mended by an admin without leaving it."""

import datetime as dt

import sqlalchemy as sa

from engine import commands, queries
from engine.store import read
from engine.tables import event, job
from tests.engine.test_publication_board import MINUTE, case, publication, stuck  # noqa: F401 - a fixture
from tests.webui.scenes import ASKED, DRAFT

HOSTILE = "https://kpu.example/<script>alert(1)</script>"


def test_the_board_says_what_became_of_each_and_is_chosen_from(pe, now, case, signed_in, statements):  # noqa: F811
    publication(pe, now, case, url=HOSTILE, published_at=now)
    publication(pe, now, case, "facebook", "failed", error="Ditolak.")
    publication(pe, now, case, "x", "planned", waits_until=now + MINUTE)
    admin = signed_in("admin")
    with statements() as found:
        page = admin.get("/publications").text
    assert len(found) < 12
    for words in ("Terbit", "Gagal", "Ditolak.", "Terjadwal", "akan terbit", "INF-2026-0001", f"/cases/{case}"):
        assert words in page
    assert "<script>alert" not in page and "<details" not in page.split('id="publications"')[1].split("</ul>")[0]
    page = admin.get("/publications?state=planned").text
    assert "akan terbit" in page and "Ditolak." not in page
    assert "Tidak ada yang cocok" in admin.get("/publications?channel=tiktok&since=2020-01-01&until=2020-01-02").text
    assert admin.get("/publications?since=kemarin").status_code == 400
    assert admin.get("/publications?after=palsu").status_code == 400
    assert admin.get("/publications?state=apa-saja&channel=tidak-ada").status_code == 200


def test_an_admin_retries_one_channel_from_the_board_with_a_reason(pe, now, case, signed_in):  # noqa: F811
    publication(pe, now, case, "facebook", "unknown")
    publication(pe, now, case, "x", "unknown")
    one, other = stuck(pe, now, case), stuck(pe, now, case, "x")
    admin = signed_in("admin")
    page = admin.get("/publications?state=unknown").text
    assert "2 upaya" in page and f"/admin/jobs/{one}/retry" in page and "/resolve" in page
    sent = {"reason": "Belum terbit di sana.", "checked": "1", "back": "/publications?state=unknown"}
    answer = admin.post(f"/admin/jobs/{one}/retry", sent, token_from="/publications?state=unknown")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/publications?state=unknown")
    with read(pe) as db:
        assert db.scalar(sa.select(job.c.state).where(job.c.id == one)) == "open"
        assert db.scalar(sa.select(job.c.state).where(job.c.id == other)) == "failed"
        assert db.scalar(sa.select(event.c.data).where(event.c.type == "job.retries_set"))["reason"] == "Belum terbit di sana."
    assert "/retry" not in signed_in("analis").get("/publications").text


def test_the_menu_has_it_for_who_publishes_and_oversees(pe, people, signed_in):
    for who, has in (("webadmin", True), ("admin", True), ("pemilik", True), ("analis", True), ("penulis", False)):
        assert ('href="/publications"' in signed_in(who).get("/").text) is has


def test_a_case_that_waits_for_its_time_stands_among_the_scheduled(pe, people, sop, now, signed_in):
    id = commands.start(pe, people["ketua"], now, key="penerbitan-informasi").id
    later = dt.datetime.now(dt.timezone.utc) + dt.timedelta(days=2)
    for who, values in (("ketua", ASKED | {"kanal": ["website"]}), ("kasubbag", {"penulis": None, "arahan": ""}),
                        ("penulis", DRAFT | {"jenis": "berita"}), ("webadmin", {"terbit_pada": later.isoformat()})):
        task = queries.tasks(pe, people["admin"], instance_id=id).rows[0]["id"]
        commands.complete(pe, people[who], now, task, values)
    for who in ("webadmin", "analis"):
        page = signed_in(who).get("/publications?state=planned").text
        assert "Menunggu jadwal terbit" in page and f"/cases/{id}" in page
    assert "Menunggu jadwal terbit" not in signed_in("webadmin").get("/publications").text
