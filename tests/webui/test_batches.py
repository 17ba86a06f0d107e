"""Many at once, on pages: chosen, asked, shown, begun with a reason, followed, held, and what failed tried again."""

import re

import pytest

from engine import commands, queries
from engine.commands import batches
from tests.engine.small import END, START, chain, deploy, diagram, open_tasks, service_task, user_task

TASKS = diagram(chain(START, user_task("tulis"), user_task("periksa"), END), properties={"label": "${judul}"})
CALL = diagram(chain(START, service_task("kirim", "uji"), user_task("b"), END), "q", properties={"label": "${judul}"})


@pytest.fixture
def cases(pe, people, now):
    deploy(pe, people["pemilik"], now, TASKS)
    return [commands.start(pe, people["penulis"], now, key="p", variables={"judul": f"Rapat {n}"}).id for n in range(3)]


@pytest.fixture
def stuck(pe, people, now):
    deploy(pe, people["pemilik"], now, CALL)
    made = [commands.start(pe, people["admin"], now, key="q", variables={"judul": f"Siaran {n}"}).id for n in range(3)]
    for number, row in enumerate(queries.jobs(pe, people["admin"], state="open").rows):
        commands.lease_job(pe, now, row["id"], str(number))
        commands.fail_job(pe, now, row["id"], str(number), "mati", "permanent")
    return made


@pytest.fixture
def admin(signed_in):
    return signed_in("admin")


def follow(browser, response):
    assert response.status_code == 303, response.text
    return browser.get(response.location).text


def asked(page: str) -> dict:
    """The hidden fields of the form that asks what has to be asked."""
    form = re.search(r'<form[^>]*action="/batches".*?</form>', page, re.DOTALL)[0]
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form)
    return {name: [value for other, value in found if other == name] for name, _ in found if name != "csrf_token"}


def test_all_that_are_stuck_are_listed_begun_held_resumed_and_told(pe, people, admin, stuck, now):
    page = admin.get("/cases?state=stuck").text
    assert page.count('name="ids"') == 3 and 'value="retry" selected' in page and "Semua yang cocok dengan saringan" in page
    begun = admin.post("/batches/new", {"action": "retry", "all": "1", "state": "stuck"})
    page = follow(admin, begun)
    assert "3 akan dilakukan" in page and page.count("Akan dilakukan</span>") == 3 and "Siaran 2" in page and "every 2s" not in page
    assert admin.post(f"{begun.location}/start").status_code == 400, "without a reason"
    page = follow(admin, admin.post(f"{begun.location}/start", {"reason": "Kanal pulih"}))
    assert "Berjalan: 0 dari 3." in page and 'hx-trigger="every 2s"' in page and "Kanal pulih" in page
    assert admin.post(f"{begun.location}/start", {"reason": "lagi"}).status_code == 409
    page = follow(admin, admin.post(f"{begun.location}/suspend"))
    assert "Dihentikan sementara: 0 dari 3." in page and "every 2s" not in page and batches.work(pe, lambda: now) == 0
    admin.post(f"{begun.location}/activate")
    batches.work(pe, lambda: now)
    assert admin.get(begun.location, headers={"HX-Request": "true"}).headers["HX-Refresh"] == "true"
    page = admin.get(begun.location).text
    assert "Selesai: 3 dari 3 berhasil." in page and page.count("Sudah</span>") == 3
    assert "Tidak ada yang terhenti" in admin.get("/cases?state=stuck").text
    assert "Coba lagi yang terhenti" in admin.get("/batches").text
    assert "Kanal pulih" in admin.get(f"/cases/{stuck[0]}").text
    [row, *_] = queries.jobs(pe, people["admin"], state="open").rows
    commands.lease_job(pe, now, row["id"], "lagi")
    commands.fail_job(pe, now, row["id"], "lagi", "mati lagi", "permanent")
    assert "1 terhenti lagi." in admin.get(begun.location).text


def test_what_cannot_be_done_is_said_and_what_failed_is_listed_anew(pe, people, admin, cases, now):
    commands.cancel(pe, people["admin"], now, cases[0])
    begun = admin.post("/batches/new", {"action": "cancel", "ids": cases})
    page = follow(admin, begun)
    assert "2 akan dilakukan" in page and "1 tidak dapat, dan tidak akan dicoba." in page
    assert "Berkas ini sudah berakhir." in admin.get(f"{begun.location}?state=refused").text
    admin.post(f"{begun.location}/start", {"reason": "Ganda"})
    commands.complete(pe, people["penulis"], now, open_tasks(pe, people["penulis"], cases[1])["tulis"])
    batches.work(pe, lambda: now)
    page = admin.get(begun.location).text
    assert "1 gagal." in page and "Berubah sejak daftar ini dibuat." in page and "Rapat 1" in page and "Coba lagi yang gagal" in page
    again = admin.post(f"{begun.location}/again")
    page, listed = follow(admin, again), again.location.partition("?")[0]
    assert "1 akan dilakukan" in page and 'value="Ganda"' in page and listed != begun.location
    assert follow(admin, admin.post(f"{listed}/delete")) and admin.get(listed).status_code == 404
    english = admin.get(f"{begun.location}?state=refused", headers={"Accept-Language": "en"})
    assert english.status_code == 200


@pytest.mark.parametrize(("action", "given", "check"), [
    ("assign", {"step": "tulis", "user": "penulis"}, lambda row: row["assignee"] == "penulis"),
    ("due", {"due": "2026-03-09T15:00"}, lambda row: row["due_at"].isoformat() == "2026-03-09T08:00:00+00:00"),
    ("move", {"cancel": "tulis", "element": "periksa", "kind": "startBeforeActivity"}, lambda row: row["activity_id"] == "periksa"),
    ("variable", {"name": "judul", "type": "String", "value": "Lain"}, lambda row: row["title"] == "Lain"),
])
def test_what_has_to_be_asked_is_asked(pe, people, admin, cases, now, action, given, check):
    page = admin.post("/batches/new", {"action": action, "all": "1", "state": "running", "key": "p"}).text
    assert "3 berkas dipilih" in page
    begun = admin.post("/batches", {**asked(page), **given})
    assert "3 akan dilakukan" in follow(admin, begun)
    admin.post(f"{begun.location}/start", {"reason": "Uji"})
    batches.work(pe, lambda: now)
    assert "Selesai: 3 dari 3 berhasil." in admin.get(begun.location).text
    assert all(check(row) for row in queries.tasks(pe, people["admin"]).rows)


def test_the_cases_behind_a_number_of_the_overview(pe, people, admin, stuck, now):
    definition = queries.definition(pe, people["admin"], "q")["id"]
    page = admin.get(f"/admin/at?definition={definition}&kind=incidents&activity=kirim").text
    assert "Semua berkas di daftar ini:" in page and 'value="retry" selected' in page
    begun = admin.post("/batches/new", {"action": "retry", "all": "1", "definition": definition, "kind": "incidents", "activity": "kirim"})
    assert "3 akan dilakukan" in follow(admin, begun)
    assert "Coba lagi semuanya…" in admin.get("/admin").text


def test_hostile_and_empty_choices(admin, cases):
    for data in ({}, {"action": "retry"}, {"action": "hapus", "all": "1"}, {"action": "cancel", "ids": ["x" * 40]},
                 {"action": "cancel", "ids": [str(n) for n in range(1001)]}):
        assert admin.post("/batches/new", data).status_code == 400, data
    assert admin.post("/batches/new", {"action": "cancel", "ids": ["tidak-ada"]}).status_code == 409
    assert admin.post("/batches/new", {"action": "cancel", "all": "1", "definition": "tidak:ada:1"}).status_code == 404
    for given in ({"action": "move"}, {"action": "move", "element": "tidak-ada"}, {"action": "variable", "name": ""},
                  {"action": "postpone", "due": "kemarin"}, {"action": "assign", "user": "tidak-ada"}, {"action": "due", "due": "9999-01-01T00:00"}):
        assert admin.post("/batches", {"all": "1", "state": "running", **given}).status_code == 400, given
    assert "Belum pernah ada" in admin.get("/batches").text


def test_for_admins_only_and_with_few_statements(admin, signed_in, cases, statements):
    begun = admin.post("/batches/new", {"action": "suspend", "all": "1"})
    for user, status in (("penulis", 403), ("pemilik", 404)):
        browser = signed_in(user)
        assert browser.get(begun.location).status_code == status
        for path in ("/batches/new", "/batches", f"{begun.location}/start"):
            assert browser.post(path, {"action": "suspend", "all": "1", "reason": "x"}).status_code == 403
        assert 'name="ids"' not in browser.get("/cases").text
    admin.get(begun.location)
    for path, most in ((begun.location, 7), ("/batches", 6), ("/cases", 7)):
        with statements() as said:
            admin.get(path)
        assert len(said) <= most, (path, said)
