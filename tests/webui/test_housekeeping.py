"""The page of what is kept how long: rules, holds, and a list from its freezing to its record."""

import csv
import datetime as dt
import io
import re

import pytest
import sqlalchemy as sa

from engine import disposal
from engine.store import run
from engine.tables import process_instance
from tests.engine.a_case import make_case, make_definition

KEY = "penerbitan-informasi"


@pytest.fixture
def old(pe, people, now):
    """Five cases that ended long ago, and one that runs."""
    make_definition(pe, now)
    cases = [make_case(pe, now, business_key=f"INF-{number}") for number in range(5)]
    make_case(pe, now, business_key="INF-JALAN")
    run(pe, lambda db: db.execute(sa.update(process_instance).where(process_instance.c.id.in_(cases)).values(
        ended_at=now, state=None, counted=True)))
    return cases


def test_a_list_is_shown_confirmed_and_becomes_a_record(signed_in, pe, old, statements):
    browser = signed_in("admin")
    page = browser.get("/housekeeping").text
    assert "menurut diagram" in page and "Tidak ada berkas yang masa simpannya habis" in page
    set_rule = browser.post(f"/housekeeping/rules/{KEY}", {"kind": "days", "days": "1", "reason": "JRA <2026>"}, token_from="/housekeeping")
    assert set_rule.status_code == 303
    browser.post("/housekeeping/holds", {"case": "INF-3", "reason": "sengketa"}, token_from="/housekeeping")
    with statements() as asked:
        page = browser.get("/housekeeping").text
    assert len(asked) <= 16
    assert "JRA &lt;2026&gt;" in page and "1 ditahan" in page
    made = browser.post("/housekeeping/lists", {"key": KEY}, token_from="/housekeeping").location
    page = browser.get(made).text
    assert "4 berkas dimusnahkan" in page and "Belum ada yang dihapus" in page and "INF-3" not in page
    assert browser.post(f"{made}/start", {"reason": " "}, token_from=made).status_code == 400
    browser.post(f"{made}/start", {"reason": "surat 12/2026"}, token_from=made)
    assert "Berjalan: 0 dari 4" in browser.get(made).text
    browser.post(f"{made}/stop", token_from=made)
    assert "Dihentikan: 0 dari 4" in browser.get(made).text
    browser.post(f"{made}/start", {"reason": "surat 12/2026"}, token_from=made)
    disposal.work(pe, lambda: dt.datetime.now(dt.timezone.utc), seconds=5)
    page = browser.get(made).text
    assert "Selesai: 4 musnah, 0 tetap disimpan" in page and "Berita acara pemusnahan" in page
    table = list(csv.reader(io.StringIO(browser.get(f"{made}.csv").data.decode())))
    assert sorted(row[0] for row in table[1:]) == ["INF-0", "INF-1", "INF-2", "INF-4"] and {row[4] for row in table[1:]} == {"musnah"}
    hold = re.search(r"/housekeeping/holds/([^/]+)/lift", browser.get("/housekeeping").text)[1]
    assert browser.post(f"/housekeeping/holds/{hold}/lift", {"reason": "selesai"}, token_from="/housekeeping").status_code == 303
    assert "dicabut Admin" in browser.get("/housekeeping").text
    audit = browser.get("/audit").text
    for words in ("Masa simpan ditetapkan", "Penahanan dicabut", "Daftar musnah dibekukan", "Pemusnahan selesai", "Berkas dimusnahkan"):
        assert words in audit


def test_nonsense_and_strangers_are_refused(signed_in, old):
    browser = signed_in("admin")
    for path, data, code in (
            (f"/housekeeping/rules/{KEY}", {"kind": "days", "days": "banyak", "reason": "x"}, 400),
            (f"/housekeeping/rules/{KEY}", {"kind": "days", "days": "²", "reason": "x"}, 400),
            (f"/housekeeping/rules/{KEY}", {"kind": "diagram", "reason": "x"}, 404),
            ("/housekeeping/rules/lain", {"kind": "ever", "reason": "x"}, 404), ("/housekeeping/lists", {}, 400),
            ("/housekeeping/lists", {"key": KEY}, 409), ("/housekeeping/holds", {"case": "INF-0"}, 400),
            ("/housekeeping/holds/x/lift", {"reason": "x"}, 404), ("/housekeeping/lists/x/start", {"reason": "x"}, 404)):
        assert browser.post(path, data, token_from="/housekeeping").status_code == code, (path, data)
    for path in ("/housekeeping/rules/lain", "/housekeeping/lists/x", "/housekeeping/lists/x.csv"):
        assert browser.get(path).status_code == 404, path
    assert signed_in("analis").get("/housekeeping").status_code == 403
