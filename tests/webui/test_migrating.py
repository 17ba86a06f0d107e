"""Bringing running cases to another version, on pages: what is proposed, tried, begun, followed and stopped."""

import re

import pytest

from engine import commands, queries
from engine.commands import batches
from tests.engine.small import END, START, chain, deploy, diagram, open_tasks, user_task

ONE = diagram(chain(START, user_task("tulis"), user_task("periksa"), END), properties={"label": "${judul}"})
TWO = diagram(chain(START, ("naskah", user_task("tulis")[1].replace('id="tulis"', 'id="naskah"')), user_task("periksa"), user_task("arsip"),
                    END), properties={"label": "${judul}"})
WITHOUT = diagram(chain(START, user_task("tulis"), END), properties={"label": "${judul}"})


@pytest.fixture
def office(pe, people, now):
    """Two versions of a procedure, with three cases on the first: two to be written, one to be checked."""
    def make(target=TWO, count=3):
        ids = [deploy(pe, people["pemilik"], now, content).definitions[0]["id"] for content in (ONE, target)]
        cases = [commands.start(pe, people["penulis"], now, definition_id=ids[0], variables={"judul": f"Rapat {n}"}).id for n in range(count)]
        if cases:
            commands.complete(pe, people["penulis"], now, open_tasks(pe, people["penulis"], cases[0])["tulis"])
        return (*ids, cases)
    return make


def fields(page: str) -> dict[str, str]:
    """The form's fields as a browser would send them."""
    form = re.search(r'<form[^>]*id="plan".*?</form>', page, re.DOTALL)[0]
    sent = {name: re.search(r'value="([^"]*)"', tag)[1] for tag, name in re.findall(r'(<input type="hidden" name="([^"]+)"[^>]*>)', form)}
    for name, options in re.findall(r'<select[^>]*name="([^"]+)".*?>(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'<option value="([^"]*)" selected', options)
        sent[name] = chosen[1] if chosen else ""
    return {name: value for name, value in sent.items() if name != "csrf_token"}


def tried(page: str) -> tuple[int, int]:
    """How many cases can go and how many cannot, as the page counts them."""
    return tuple(int(n) for n in re.search(r"(\d+) berkas dapat dipindahkan</strong>, (\d+) tidak", page).groups())


def test_the_plan_proposes_itself_says_what_is_a_guess_and_where_cases_stand(office, signed_in):
    one, two, _ = office()
    page = signed_in("pemilik").get(f"/migrations/plan?target={two}").text
    sent = fields(page)
    assert (sent["source"], sent["target"]) == (one, two), "from the version that has cases"
    assert sent["map-tulis"] == "naskah" and sent["map-periksa"] == "periksa"
    assert page.count("Tebakan: periksa") == 1 and sent["guess"] == "tulis"
    assert "2 berkas di sini" in page and "1 berkas di sini" in page
    assert f"/definitions/{one}/xml" in page and f"/definitions/{two}/xml" in page, "both diagrams"


def test_a_changed_mapping_is_checked_at_once(office, signed_in):
    _, two, _ = office()
    browser = signed_in("pemilik")
    sent = fields(browser.get(f"/migrations/plan?target={two}").text)
    page = browser.post("/migrations/plan", {**sent, "map-tulis": ""}).text
    assert "1 langkah yang ada berkasnya belum dipetakan" in page and "belum dipetakan: berkas yang berdiri di sini" in page
    page = browser.post("/migrations/plan", {**sent, "map-tulis": "zz"}).text
    assert "“zz” tidak ada di versi tujuan." in page and "1 pemetaan salah" in page
    assert browser.post("/migrations/plan", {**sent, "map-zz": "naskah"}).status_code == 404
    assert browser.post("/migrations/plan", {**sent, "map-tulis": "zz", "do": "start", "reason": "SOP baru"}).status_code == 400


def test_it_is_tried_on_every_case_and_then_done(office, signed_in, pe, people, now):
    one, two, cases = office(WITHOUT)
    browser = signed_in("pemilik")
    sent = fields(browser.get(f"/migrations/plan?target={two}").text)
    page = browser.post("/migrations/plan", {**sent, "do": "try"}).text
    assert "2 berkas dapat dipindahkan" in page and "1 tidak" in page
    assert page.count("Dapat</span>") == 2 and "“periksa” belum dipetakan" in page
    assert queries.migrations(pe, people["pemilik"], "p").rows == [], "nothing was begun"
    unsaid = browser.post("/migrations/plan", {**sent, "do": "start", "reason": " "})
    assert unsaid.status_code == 400 and "Sebutkan alasannya." in unsaid.text and 'name="reason"' in unsaid.text
    begun = browser.post("/migrations/plan", {**sent, "do": "start", "reason": "SOP baru"})
    assert begun.status_code == 303
    page = browser.get(begun.location).text
    assert "Berjalan: 0 dari 3." in page and 'hx-trigger="every 2s"' in page and page.count("Menunggu giliran</span>") == 3
    batches.work(pe, lambda: now)
    polled = browser.get(begun.location, headers={"HX-Request": "true"})
    assert polled.headers["HX-Refresh"] == "true", "what looked again and again sees the end whole"
    page = browser.get(begun.location).text
    assert "Selesai: 2 dari 3 berhasil." in page and "1 gagal." in page and "every 2s" not in page
    assert "“periksa” belum dipetakan" in page, "those that could not go are shown first, with the reason"
    moved = browser.get(f"{begun.location}?state=done").text
    assert moved.count("Sudah</span>") == 2 and "Rapat 1" in moved
    case = browser.get(f"/cases/{cases[1]}").text
    assert "Dipindahkan dari versi 1 ke versi 2" in case and "Pemilik" in case and "SOP baru" in case
    assert "Pemindahan sebelumnya" in browser.get(f"/migrations/plan?target={two}").text


def test_it_can_be_stopped(office, signed_in, pe, people, now):
    one, two, _ = office()
    browser = signed_in("admin")
    begun = browser.post("/migrations/plan", {**fields(browser.get(f"/migrations/plan?target={two}").text), "do": "start", "reason": "SOP baru"})
    assert browser.post(f"{begun.location}/suspend").status_code == 303
    assert "Dihentikan sementara: 0 dari 3." in browser.get(begun.location).text and batches.work(pe, lambda: now) == 0
    assert browser.post(f"{begun.location}/delete").status_code == 303
    page = browser.get(begun.location).text
    assert "Diakhiri setelah 0 dari 3." in page and "Tidak dilakukan</span>" in page
    assert batches.work(pe, lambda: now) == 0


def test_a_long_dry_run_goes_on_part_by_part(office, signed_in, monkeypatch):
    monkeypatch.setattr("webui.migrating.PART", 2)
    _, two, _ = office(WITHOUT, 5)
    browser = signed_in("pemilik")
    sent = fields(browser.get(f"/migrations/plan?target={two}").text)
    page = browser.post("/migrations/plan", {**sent, "do": "try"}).text
    assert sum(tried(page)) == 2 and "Sedang memeriksa yang lain" in page
    after = re.search(r'name="after" value="([^"]+)"', page)[1]
    part = browser.post("/migrations/try", {**sent, "after": after}).text
    assert "<html" not in part and sum(tried(part)) == 4 and 'hx-swap-oob="true"' in part
    after = re.search(r'name="after" value="([^"]+)"', part)[1]
    last = browser.post("/migrations/try", {**sent, "after": after}).text
    assert tried(last) == (4, 1) and "Sedang memeriksa" not in last


def test_where_nothing_runs_or_there_is_only_one_version_it_says_so(office, signed_in, pe, people, now):
    one, two, _ = office(count=0)
    browser = signed_in("pemilik")
    assert "Tidak ada berkas berjalan pada versi 1" in browser.get(f"/migrations/plan?target={two}").text
    deploy(pe, people["pemilik"], now, diagram(chain(START, user_task("a"), END), "lain"))
    assert "Hanya ada satu versi" in browser.get("/migrations/plan?target=lain").text
    assert "Pindahkan berkas berjalan" not in browser.get("/definitions/lain").text
    for version in (one, two):  # from an old version to the newest; from the newest page, whatever runs on an older one
        link = re.search(r'href="(/migrations/plan[^"]*)"', browser.get(f"/definitions/{version}").text)[1].replace("&amp;", "&")
        assert "Tidak ada berkas berjalan pada versi 1" in browser.get(link).text


def test_who_may_not_sees_none_of_it(office, signed_in):
    one, two, _ = office()
    sent = fields(signed_in("pemilik").get(f"/migrations/plan?target={two}").text)
    for user in ("penulis", "analis"):
        browser = signed_in(user)
        assert browser.get(f"/migrations/plan?target={two}").status_code == 403
        for path, data in (("/migrations/plan", {**sent, "do": "start", "reason": "SOP baru"}), ("/migrations/try", sent)):
            assert browser.post(path, data).status_code == 403
        assert browser.get("/migrations/0").status_code == 403
    assert signed_in("pemilik").get("/migrations/0").status_code == 404


def test_the_plan_page_asks_the_database_little(office, signed_in, statements):
    _, two, _ = office()
    browser = signed_in("pemilik")
    browser.get(f"/migrations/plan?target={two}")
    with statements() as said:
        browser.get(f"/migrations/plan?target={two}")
    assert len(said) <= 12, said
