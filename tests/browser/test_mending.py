"""Perbaiki in a browser: a token moved by the diagram and by the keyboard, an incident, and the case as it was; at both widths."""

import os

import pytest
import sqlalchemy as sa
from playwright.sync_api import expect

from engine import commands, jobs, queries, tables
from engine.store import run
from tests.browser.conftest import DESK, LOOKS, PHONE


@pytest.fixture
def stuck(pe, people, case_at, now):
    """A case with a call whose outcome nobody knows."""
    task = queries.task(pe, people["admin"], case_at("terbitkan", kanal=["website"]))
    commands.complete(pe, people["webadmin"], now, task["id"], {"terbit_pada": None})
    while (job := queries.jobs(pe, people["admin"], instance_id=task["instance_id"], state="open").rows[0])["type"] == "timer":
        jobs.run_job(pe, job["id"], lambda: now)
    commands.lease_job(pe, now, job["id"], "uji")
    commands.fail_job(pe, now, job["id"], "uji", "ReadTimeout", "unknown")
    return task["instance_id"]


@pytest.mark.parametrize(("viewport", "language"), [(PHONE, "en"), (DESK, "id"), (PHONE, "id")], ids=["phone-en", "desk-id", "phone-id"])
def test_the_pages(open_page, audit, pe, stuck, viewport, language):
    set_locale(pe, language)
    page = open_page("admin", viewport=viewport)
    for path in (f"/cases/{stuck}/mend", f"/cases/{stuck}/mend/past"):
        page.goto(path)
        page.locator(".diagram[data-ready]").wait_for()
        for each in page.locator("main details > summary").all():
            each.click()
        assert audit(page) == [], path
        shot(page, f"{path.rsplit('/', 1)[1]}-{viewport['width']}-{language}")


@LOOKS
def test_a_token_is_moved(open_page, audit, pe, people, case_at, viewport):
    case = queries.task(pe, people["admin"], case_at("putuskan"))["instance_id"]
    page = open_page("admin", viewport=viewport)
    page.goto(f"/cases/{case}")
    page.get_by_role("link", name="Perbaiki").click()
    page.locator(".diagram[data-ready]").wait_for()
    page.get_by_role("checkbox", name="Memutuskan").check()
    if viewport == DESK:  # the list follows the diagram, and the diagram the list
        page.locator("[data-mend-element][data-ready]").wait_for()
        page.locator(".diagram [data-element-id=siapkan].djs-shape").click()
        expect(page.get_by_label("Mulai di sini")).to_have_value("siapkan")
    page.get_by_label("Mulai di sini").focus()
    page.keyboard.type("Memeriksa")
    assert page.get_by_label("Mulai di sini").input_value() == "periksa"
    page.locator(".diagram .mend-chosen[data-element-id=periksa]").wait_for(state="attached")
    page.get_by_role("button", name="Lihat akibatnya").click()
    effect = page.locator("#effect")
    assert "tugasnya untuk" in effect.inner_text()
    assert audit(page) == []
    shot(page, f"effect-{viewport['width']}")
    page.locator("#move").get_by_label("Alasan").fill("Salah dikirim ke Ketua Divisi")
    page.get_by_role("button", name="Lakukan").click()
    page.get_by_text("Sudah dilakukan.").wait_for()
    assert [t["activity_id"] for t in queries.tasks(pe, people["admin"], instance_id=case).rows] == ["periksa"]
    page.goto(f"/cases/{case}")
    assert page.get_by_text("Salah dikirim ke Ketua Divisi").is_visible()
    assert audit(page) == []
    assert page.problems == []


def set_locale(pe, language):
    run(pe, lambda db: db.execute(sa.update(tables.user).where(tables.user.c.id == "admin").values(locale=language)))


def shot(page, name):
    """A picture for who works on the page, where MEND_SHOTS names a folder."""
    if os.environ.get("MEND_SHOTS"):
        page.screenshot(path=f"{os.environ['MEND_SHOTS']}/{name}.png", full_page=True)
