"""The publication board, what holds it up, and what the analyst takes away: at both widths, light and dark, in both languages."""

from engine.evidence import rollup, sample
from tests.engine.test_publication_board import MINUTE, case, publication, stuck  # noqa: F401 - a fixture

HELD = {"from": "2030-01-02T08:00", "to": "2030-01-05T08:00", "reason": "Masa tenang Pemilihan"}


def test_what_is_put_out_where_is_looked_at(pe, now, case, open_page, audit_both):  # noqa: F811
    publication(pe, now, case, url="https://kpu.example/" + "jadwal-" * 30, published_at=now)
    publication(pe, now, case, "facebook", "unknown", error="Server menjawab tanpa mengatakan apakah diterima. " * 4)
    publication(pe, now, case, "x", "planned", waits_until=now + MINUTE)
    stuck(pe, now, case)
    page = open_page("admin")
    for language in ("id", "en"):
        page.goto("/")
        page.locator(f"button[value={language}]:visible").first.click()
        for path in ("/publications", "/publications?state=unknown", "/publications?channel=tiktok", "/publications/embargo"):
            page.goto(path)
            for more in page.locator("main details:not([open]) > summary").all():
                more.click()
            assert audit_both(page) == [], path
    page.locator("[name=reason]").fill(HELD["reason"])
    page.locator("[name=from]").fill(HELD["from"])
    page.locator("[name=to]").fill(HELD["to"])
    page.locator("main form button.btn-primary").last.click()
    page.get_by_text(HELD["reason"]).first.wait_for()
    assert audit_both(page) == []


def test_what_the_analyst_takes_away_is_looked_at(pe, people, now, open_page, audit_both):
    sample.make(pe, now, "kpu", cases=20, years=0.2, seed=5)
    rollup.work(pe, seconds=30)
    page = open_page("analis")
    for path in ("/reports/terbitan?since=", "/reports/unduh?since=", "/reports/terbitan?since=2001-01-01&until=2001-01-02"):
        page.goto(path)
        assert audit_both(page) == [], path
