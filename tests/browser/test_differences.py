"""Two versions side by side in a real browser: marks, sentences that show their element, and both diagrams moving together."""

import pytest
import sqlalchemy as sa

from engine import commands, model_drafts, queries, tables
from engine.store import run
from tests.browser.conftest import DESK, PHONE
from tests.engine.test_amendment import DIAGRAM, KEY, changed

PAGE = f"/definitions/{KEY}/compare"


@pytest.fixture
def two(pe, people, sop, now):
    files = changed()
    files[DIAGRAM] = files[DIAGRAM].replace(b'name="Sesuai?"', b'name="Layak terbit?"')
    commands.deploy(pe, people["pemilik"], now, name="Percepatan", resources=files)


def in_both(page, what):
    return page.evaluate(f"[...document.querySelectorAll('[data-diff] .diagram-scroll')].map((scroller) => {what})")


@pytest.mark.parametrize(("viewport", "language"), [(PHONE, "en"), (DESK, "id")], ids=["phone-en", "desk-id"])
def test_two_versions(open_page, audit, pe, two, viewport, language):
    run(pe, lambda db: db.execute(sa.update(tables.user).values(locale=language)))
    page = open_page("pemilik", viewport=viewport)
    page.goto(PAGE)
    page.locator("[data-diff] [data-diagram]").last.scroll_into_view_if_needed()
    page.locator("[data-diff] [data-diagram][data-ready]").nth(1).wait_for()
    assert page.locator("[data-diff] .djs-shape.diff-moved").count() == 2
    assert page.locator("[data-diff] .djs-shape.diff-changed").count() == 4  # step 3 and the decision, in both
    assert page.locator("[data-diff] .djs-overlay .diff-sign-moved").all_inner_texts() == ["⇄", "⇄"]

    page.locator("button.diff-item", has_text="Memutuskan").click()
    assert page.locator("[data-diff] .djs-shape.diff-at[data-element-id=putuskan]").count() == 2
    assert page.locator("button.diff-item[aria-pressed=true]").count() == 1
    one, other = in_both(page, "[scroller.scrollLeft, scroller.scrollTop]")
    assert one == other and one[0] > 0

    page.locator(".diagram-scroll").first.evaluate("(scroller) => scroller.scrollTo(40, 0)")
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert in_both(page, "scroller.scrollLeft") == [40, 40]
    wide = in_both(page, "scroller.scrollWidth")
    page.locator("[data-diff] .diagram-tools button").nth(1).click()
    assert all(after > before for before, after in zip(wide, in_both(page, "scroller.scrollWidth"), strict=True))
    assert audit(page) == []


def test_an_old_version_is_restored_by_a_click(open_page, pe, people, two):
    page = open_page("pemilik")
    first = next(row["id"] for row in queries.definitions(pe, people["pemilik"], key=KEY).rows if row["version"] == 1)
    page.goto(f"/definitions/{first}")
    page.get_by_role("button", name="Pulihkan versi ini").click()
    page.wait_for_url(f"**{PAGE}")
    page.locator("[data-diff] [data-diagram][data-ready]").nth(1).wait_for()
    assert "waktu 7 jam menjadi 5 jam" in page.inner_text("main")
    assert model_drafts.find(pe, people["pemilik"], KEY)
    assert page.problems == []
