"""The audit page, and a disposal from the frozen list to its record, at both widths and in the dark."""

import datetime as dt
import os
import re

import pytest
import sqlalchemy as sa
from playwright.sync_api import expect

from engine import audit_chain, channels, disposal, keeping, settings
from engine.store import run
from engine.tables import process_instance
from tests.browser.conftest import DESK, PHONE
from tests.engine.a_case import make_case, make_definition

SHOTS = os.environ.get("SHOTS")


@pytest.fixture
def old(pe, people, now):
    make_definition(pe, now)
    cases = [make_case(pe, now, business_key=f"INF-2026-{number:04}") for number in range(1, 31)]
    run(pe, lambda db: db.execute(sa.update(process_instance).where(process_instance.c.id.in_(cases)).values(
        ended_at=now, state=None, counted=True)))
    admin = people["admin"]
    channels.seed_channels(pe, now, "kpu")
    channels.pause_channel(pe, admin, now, "website", "Server dipindahkan ke ruang mesin yang baru")
    settings.change(pe, admin, now, "review", {"months": 3})
    settings.change(pe, admin, now, "review", {"months": 9})
    keeping.set_rule(pe, admin, now, "penerbitan-informasi", days=30, published=False, reason="JRA KPU 2026")
    keeping.hold(pe, admin, now, case="INF-2026-0007", reason="Sengketa informasi di Komisi Informasi")
    audit_chain.seal(pe, now)


def looked_at(page, audit, name):
    for size in (DESK, PHONE):
        page.set_viewport_size(size)
        assert audit(page) == []
        if SHOTS:
            page.screenshot(path=f"{SHOTS}/{name}-{size['width']}.png", full_page=True)
    page.set_viewport_size(DESK)


def test_who_did_what_is_found_and_old_cases_go(open_page, audit, pe, old):
    page = open_page("admin")
    page.goto("/audit")
    expect(page.get_by_role("cell", name="Server dipindahkan")).to_be_visible()
    looked_at(page, audit, "audit")
    page.locator("[name=kind]").select_option("settings.changed")
    page.get_by_role("button", name="Cari").click()
    expect(page.get_by_role("row")).to_have_count(3)  # the head, and two changes
    page.locator("[name=who]").fill("tidak-ada")
    page.get_by_role("button", name="Cari").click()
    expect(page.get_by_text("Tidak ada peristiwa yang cocok")).to_be_visible()

    page.get_by_role("link", name="Masa simpan").first.click()
    expect(page.get_by_role("row", name=re.compile("29.*1 ditahan"))).to_be_visible()
    looked_at(page, audit, "housekeeping")
    page.get_by_role("link", name=re.compile("Ubah")).first.click()
    looked_at(page, audit, "rule")
    page.go_back()
    page.get_by_role("button", name="Perlihatkan daftarnya").click()
    expect(page.get_by_role("heading", name="29 berkas dimusnahkan")).to_be_visible()
    looked_at(page, audit, "list")
    page.get_by_label("Alasan").fill("Persetujuan ANRI 12/2026")
    page.get_by_role("button", name="Musnahkan").click()
    expect(page.get_by_role("status")).to_contain_text("Berjalan: 0 dari 29")
    disposal.work(pe, lambda: dt.datetime.now(dt.timezone.utc), seconds=20)
    expect(page.get_by_role("status")).to_contain_text("Selesai: 29 musnah, 0 tetap disimpan")
    page.reload()
    expect(page.get_by_role("heading", name="Berita acara pemusnahan")).to_be_visible()
    looked_at(page, audit, "record")
