"""The life of a version in a real browser: announced for a day, revoked by keyboard with a decision, reviewed with Tabel 7."""

import datetime as dt
import os
from pathlib import Path

import sqlalchemy as sa

from engine import commands, installation, model_drafts, queries, reviews
from engine.store import run
from engine.tables import user
from tests.browser.conftest import LOOKS
from tests.webui.scenes import SOP

SHOTS = os.environ.get("TERBIT_SHOTS")  # a folder, for who wants to look at the pages


def seen(page, name):
    if SHOTS:
        width = page.viewport_size["width"]
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.screenshot(path=Path(SHOTS) / f"{name}-{width}-{scheme}.png", full_page=True)
        page.emulate_media(color_scheme="light")


def in_english(pe):
    run(pe, lambda db: db.execute(sa.update(user).where(user.c.id == "pemilik").values(locale="en")))


@LOOKS
def test_from_the_studio_for_a_day_to_come_then_revoked_by_keyboard(open_page, audit, pe, people, sop, viewport):
    definition = queries.definition(pe, people["pemilik"], SOP)["id"]
    today = dt.datetime.now(dt.timezone.utc)
    case = commands.start(pe, people["ketua"], today, key=SOP).id
    model_drafts.begin(pe, people["pemilik"], today, definition)
    draft = model_drafts.get(pe, people["pemilik"], SOP)
    file = model_drafts.file(pe, people["pemilik"], draft["id"], "penerbitan-informasi.bpmn")
    changed = file["content"].replace(b'name="disahkan_nama" value="', b'name="disahkan_nama" value="Pj. ')
    assert changed != file["content"]
    model_drafts.save(pe, people["pemilik"], today, draft["id"], file["name"], changed, file["version"])
    page = open_page("pemilik", viewport=viewport)
    page.goto(f"/definitions/{SOP}/draft/files/penerbitan-informasi.bpmn")
    page.locator("[data-studio][data-ready]").wait_for()
    page.get_by_role("button", name="Berlakukan…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Apa yang berubah?").fill("Pejabat baru")
    dialog.get_by_label("Mulai berlaku pada").fill((today + dt.timedelta(days=7)).date().isoformat())
    dialog.get_by_label("Disahkan oleh").fill("Ani, Sekretaris")
    seen(page, "force")
    dialog.get_by_role("button", name="Berlakukan").click()
    dialog.get_by_text("membatalkan SOP ini").wait_for()
    seen(page, "essential")
    page.problems.clear()  # the conflict's 409
    dialog.get_by_label("Tidak, ini tetap SOP yang sama").check()
    dialog.get_by_role("button", name="Berlakukan").click()
    page.wait_for_url(f"**/definitions/{SOP}")
    page.get_by_text("Diumumkan").first.wait_for()
    assert audit(page) == []
    seen(page, "version")
    page.get_by_role("link", name="Cabut…").press("Enter")
    page.get_by_label("Seluruh prosedur").wait_for()
    assert audit(page) == []
    seen(page, "revoke")
    page.get_by_label("Tetap diselesaikan").press("Space")
    page.get_by_role("textbox", name="Alasan").fill("Diganti peraturan baru.")
    page.get_by_role("button", name="Cabut").press("Enter")
    page.get_by_text("Dicabut pada").wait_for()
    assert audit(page) == []
    seen(page, "revoked")
    page.goto("/start")
    assert page.get_by_text("Penerbitan/Pengunggahan").count() == 0
    assert queries.instance(pe, people["pemilik"], case)["ended_at"] is None
    in_english(pe)
    page.goto(f"/definitions/{definition}")
    assert audit(page) == []
    page.goto(f"/definitions/{definition}/revoke")
    assert audit(page) == []


@LOOKS
def test_a_review_is_judged_and_leads_to_a_draft(open_page, audit, pe, people, sop, viewport):
    installation.deploy_shipped(pe, dt.datetime.now(dt.timezone.utc), installation.MODELS / reviews.KEY)
    page = open_page("pemilik", viewport=viewport)
    page.goto(f"/definitions/{SOP}")
    page.get_by_role("button", name="Tinjau sekarang").click()
    page.wait_for_url("**/tasks/**")
    assert audit(page) == []
    seen(page, "review")
    for name in reviews.QUESTIONS:
        page.locator(f"[name=v-{name}][value=ya]").check()
    page.locator("[name=v-waktu_sesuai][value=tidak]").check()
    page.get_by_label("Catatan hasil penilaian").fill("Langkah 3 terlalu lama.")
    page.locator("[name=v-hasil][value=revisi]").check()
    page.get_by_label("Alasan").fill("Waktu langkah 3 perlu ditambah.")
    page.get_by_role("button", name="Selesai").first.click()
    page.wait_for_url(lambda url: "/tasks/" not in url)
    page.goto(f"/definitions/{SOP}")
    page.locator("#reviews summary").click()
    page.get_by_text("Langkah 3 terlalu lama.").wait_for()
    assert audit(page) == []
    seen(page, "reviewed")
    page.get_by_role("button", name="Buka rancangan revisi").click()
    page.wait_for_url("**/draft/**")
