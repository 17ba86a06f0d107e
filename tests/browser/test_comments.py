"""Comments with people named by @: found by a few letters, chosen by the keyboard or a tap, told once."""

import pytest
import sqlalchemy as sa
from playwright.sync_api import expect

from engine import comments, queries, tables
from engine.store import read, run
from tests.browser.conftest import DESK, PHONE


@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
@pytest.mark.parametrize("language", ["id", "en"])
def test_a_comment_names_somebody_and_they_are_told(open_page, audit, pe, people, case_at, viewport, language):
    run(pe, lambda db: db.execute(sa.update(tables.user).values(email=tables.user.c.id + "@kpu.example", locale=language)))
    task = case_at("periksa")
    case = queries.task(pe, people["admin"], task)["instance_id"]
    page = open_page("kasubbag", viewport=viewport)
    page.goto(f"/tasks/{task}")
    box = page.locator("#comment-text")
    box.press_sequentially("Tolong lihat @ket")
    choice = page.get_by_role("button", name="Ketua Demo @ketua")
    choice.wait_for()
    assert audit(page) == []
    if viewport == PHONE:
        choice.click()
    else:
        box.press("ArrowDown")
        page.keyboard.press("Enter")
    expect(box).to_have_value("Tolong lihat @ketua ")
    box.press_sequentially("hari ini")
    page.locator(".comment-form button[type=submit], .comment-form .btn-secondary").click()
    shown = page.locator(".comment").first
    expect(shown.locator(".mention")).to_have_text("@Ketua Demo")
    expect(shown).to_contain_text("hari ini")
    assert audit(page) == []
    assert comments.comments(pe, people["ketua"], case).rows[0]["mentions"] == ["ketua"]
    with read(pe) as db:
        told = db.execute(sa.select(tables.notice.c.user_id).where(tables.notice.c.kind == "mention")).scalars().all()
    assert told == ["ketua"]
