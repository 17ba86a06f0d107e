"""Monitoring with retry, people, channels: for admins only."""

import datetime as dt

import pytest

import connectors
from engine import channels, commands, credentials, jobs, queries
from engine import people as accounts


@pytest.fixture
def admin(signed_in, sop):
    return signed_in("admin")


@pytest.fixture
def stuck(pe, people, case_at, now):
    """A function that brings a case to `publikasi` and lets the call fail: gives the incident."""
    def make(kind="permanent", message="401 Unauthorized"):
        task = queries.task(pe, people["admin"], case_at("terbitkan", kanal=["website"]))
        commands.complete(pe, people["webadmin"], now, task["id"], {"terbit_pada": None})
        jobs_open = queries.jobs(pe, people["admin"], instance_id=task["instance_id"], state="open").rows
        while jobs_open and jobs_open[0]["type"] == "timer":
            jobs.run_job(pe, jobs_open[0]["id"], lambda: now)
            jobs_open = queries.jobs(pe, people["admin"], instance_id=task["instance_id"], state="open").rows
        commands.lease_job(pe, now, jobs_open[0]["id"], jobs_open[0]["id"])
        commands.fail_job(pe, now, jobs_open[0]["id"], jobs_open[0]["id"], message, kind)
        return queries.incidents(pe, people["admin"], instance_id=task["instance_id"]).rows[0]
    return make


# Incidents ------------------------------------------------------------------------------------------------------------

def test_nothing_stuck_is_said_plainly(admin):
    assert "Tidak ada yang terhenti" in admin.get("/admin").text


def test_an_incident_is_told_in_plain_words_with_its_step_and_case(admin, stuck):
    incident = stuck("unknown", "ReadTimeout")
    page = admin.get("/admin").text
    assert "Terbit tidak tahu apakah langkah “Publikasi” berhasil" in page
    assert incident["business_key"] in page and "ReadTimeout" in page
    assert "Terbit tidak tahu" in admin.get(f"/cases/{incident['instance_id']}").text
    assert incident["business_key"] in admin.get("/cases?state=stuck").text


def test_an_unsure_job_is_not_repeated_before_somebody_looked(pe, people, admin, stuck):
    incident = stuck("unknown")
    path = f"/admin/jobs/{incident['job_id']}/retry"
    assert admin.post(path, {"reason": "Sudah diperiksa"}).status_code == 400
    assert admin.post(path, {"checked": "1"}).status_code == 400, "each says why"
    assert queries.job(pe, people["admin"], incident["job_id"])["state"] == "failed"
    assert admin.post(path, {"checked": "1", "reason": "Sudah diperiksa"}).status_code == 303
    assert queries.job(pe, people["admin"], incident["job_id"])["state"] == "open"


def test_one_click_retries_and_the_page_follows_it_to_its_outcome(pe, people, admin, stuck, now):
    incident = stuck("unknown")
    notice = admin.post(f"/admin/jobs/{incident['job_id']}/retry", {"checked": "1", "reason": "x"}, headers={"HX-Request": "true"}).text
    assert "Sedang dicoba lagi" in notice and "hx-get" in notice
    later = now + dt.timedelta(days=1000)
    jobs.run_job(pe, incident["job_id"], lambda: later)
    outcome = admin.get(f"/admin/jobs/{incident['job_id']}/outcome").text
    assert "Berhasil" in outcome and "hx-get" not in outcome
    assert "Tidak ada yang terhenti" in admin.get("/admin").text


def test_a_retry_that_fails_again_shows_why(pe, people, admin, stuck, now):
    incident = stuck("unknown")
    admin.post(f"/admin/jobs/{incident['job_id']}/retry", {"checked": "1", "reason": "x"})
    later = dt.datetime.now(dt.timezone.utc) + dt.timedelta(minutes=1)
    commands.lease_job(pe, later, incident["job_id"], "uji")
    commands.fail_job(pe, later, incident["job_id"], "uji", "masih terputus", "unknown")
    outcome = admin.get(f"/admin/jobs/{incident['job_id']}/outcome").text
    assert "masih terputus" in outcome and "Coba lagi" in outcome


def test_a_retry_of_no_job_is_not_found(admin):
    assert admin.post("/admin/jobs/tidak-ada/retry").status_code == 404


def test_what_terbit_still_owes_is_listed(admin, case_at, pe, people, now):
    task_id = case_at("terbitkan", kanal=["website"])
    commands.complete(pe, people["webadmin"], now, task_id, {"terbit_pada": (now + dt.timedelta(days=1)).isoformat()})
    assert "tunggu_jadwal" in admin.get("/admin/jobs").text
    assert "tunggu_jadwal" not in admin.get("/admin/jobs?state=failed").text


@pytest.mark.parametrize("path", ["/admin", "/admin/jobs", "/people", "/people/new", "/people/ketua", "/channels", "/channels/website",
                                  "/channels/new"])
def test_all_of_it_is_for_admins_only(signed_in, sop, stranger, path):
    for user in ("ketua", "pemilik", "analis"):
        assert signed_in(user).get(path).status_code == 403, user
    assert stranger.get(path).status_code == 303


def test_nobody_else_retries(pe, people, signed_in, stuck):
    incident = stuck("unknown")
    assert signed_in("pemilik").post(f"/admin/jobs/{incident['job_id']}/retry", {"checked": "1"}).status_code == 403
    assert queries.job(pe, people["admin"], incident["job_id"])["state"] == "failed"


# People ---------------------------------------------------------------------------------------------------------------

NEW = {"id": "baru", "name": "Orang Baru", "title": "Staf", "email": "baru@example.com", "groups": ["pelaksana"],
       "password": "kata sandi panjang", "again": "kata sandi panjang"}


def test_a_new_person_can_sign_in_at_once(pe, admin, signed_in):
    assert admin.post("/people/new", NEW).status_code == 303
    assert credentials.authenticate(pe, "baru", "kata sandi panjang")["groups"] == {"pelaksana"}
    assert "Orang Baru" in admin.get("/people?q=orang").text


@pytest.mark.parametrize("wrong, said", [
    ({"id": "Ada Spasi"}, "huruf kecil"), ({"id": "ketua"}, "sudah dipakai"), ({"name": " "}, "Nama wajib diisi"),
    ({"password": "pendek", "again": "pendek"}, "10"), ({"again": "lain sekali panjang"}, "tidak sama"),
    ({"groups": ["raja"]}, "tidak ada")])
def test_a_wrong_new_person_is_refused_at_the_field_and_keeps_what_was_typed(pe, admin, wrong, said):
    answer = admin.post("/people/new", NEW | wrong)
    assert answer.status_code in (400, 409)
    assert said in answer.text and "baru@example.com" in answer.text
    assert accounts.account(pe, "baru") is None


def test_groups_name_and_title_are_changed(pe, admin):
    answer = admin.post("/people/penulis", {"name": "Penulis Lain", "title": "Penata", "email": "", "groups": ["pelaksana", "analyst"]})
    assert answer.status_code == 303
    changed = accounts.account(pe, "penulis")
    assert (changed["name"], changed["title"], changed["groups"]) == ("Penulis Lain", "Penata", {"pelaksana", "analyst"})


def test_the_last_admin_stays_one(pe, admin):
    assert admin.post("/people/admin", {"name": "Admin Demo", "groups": []}).status_code == 409
    assert admin.post("/people/admin/deactivate").status_code == 409
    assert "admin" in accounts.account(pe, "admin")["groups"] and accounts.account(pe, "admin")["active"]


def test_a_deactivated_person_is_out_at_once(admin, signed_in):
    penulis = signed_in("penulis")
    assert penulis.get("/cases").status_code == 200
    assert admin.post("/people/penulis/deactivate").status_code == 303
    assert penulis.get("/cases").status_code == 303
    assert "Penulis Demo" not in admin.get("/people").text
    assert "Penulis Demo" in admin.get("/people?state=inactive").text
    admin.post("/people/penulis/activate")
    assert "Penulis Demo" in admin.get("/people").text


def test_a_new_password_ends_the_old_sessions(pe, admin, signed_in):
    penulis = signed_in("penulis")
    assert admin.post("/people/penulis/password", {"password": "sandi yang baru", "again": "berbeda sekali"}).status_code == 400
    assert admin.post("/people/penulis/password", {"password": "sandi yang baru", "again": "sandi yang baru"}).status_code == 303
    assert penulis.get("/cases").status_code == 303
    assert credentials.authenticate(pe, "penulis", "sandi yang baru")


def test_many_people_are_paged(pe, people, admin, now, statements):
    for n in range(60):
        accounts.create_user(pe, people["admin"], now, id=f"orang{n:02}", name=f"Orang {n:02}", password="panjang sekali")
    page = admin.get("/people").text
    assert "Tampilkan lebih banyak" in page
    with statements() as found:
        following = admin.get("/people?after=orang42").text
    assert "orang43" in following and "orang42<" not in following
    assert len(found) <= 5


# Channels -------------------------------------------------------------------------------------------------------------

WORDPRESS = {"connector": "wordpress", "name": "Website"}


@pytest.fixture
def wordpress():
    return connectors.find("wordpress").fields


def filled(fields, secret="s3cr3t-rahasia"):
    values = {"url": "https://situs.example.go.id", "text": "penyunting", "number": "1", "boolean": "1"}
    return {f"s-{f.name}": secret for f in fields if f.type == "secret"} | {
        f"c-{f.name}": values.get(f.type, f.options and f.options[0][0]) for f in fields if f.type != "secret"}


def test_a_channel_is_set_up_by_its_connectors_own_fields(pe, people, admin, wordpress):
    page = admin.get("/channels/website?connector=wordpress").text
    assert all(f.label in page for f in wordpress)
    assert admin.post("/channels/website", WORDPRESS | filled(wordpress)).status_code == 303
    channel = channels.channel_of(pe, people["admin"], "website")
    assert channel["connector"] == "wordpress" and channel["secrets_set"]


def test_a_secret_never_comes_out_and_stays_when_left_empty(pe, people, admin, wordpress):
    admin.post("/channels/website", WORDPRESS | filled(wordpress))
    before = channels.connector_for(pe, "kpu", "website")
    assert "s3cr3t" not in admin.get("/channels/website").text
    admin.post("/channels/website", WORDPRESS | filled(wordpress, secret="") | {"name": "Situs"})
    assert channels.channel_of(pe, people["admin"], "website")["name"] == "Situs"
    assert vars(channels.connector_for(pe, "kpu", "website")).keys() == vars(before).keys()
    assert channels.channel_of(pe, people["admin"], "website")["secrets_set"]


def test_wrong_settings_are_told_at_their_field_and_a_typed_secret_is_not_echoed(admin, wordpress):
    answer = admin.post("/channels/website", WORDPRESS | {"name": ""} | filled(wordpress) | {"c-url": "bukan alamat"})
    assert answer.status_code == 400
    assert "field-error" in answer.text and "s3cr3t" not in answer.text


def test_a_channel_is_tested_with_one_click(admin):
    answer = admin.post("/channels/website/test", headers={"HX-Request": "true"})
    assert answer.status_code == 200 and "notice-success" in answer.text
    assert "notice-success" in admin.post("/channels/website/test").text  # without JavaScript: the channel's page


def test_a_channel_that_does_not_work_says_why(admin, wordpress):
    admin.post("/channels/website", WORDPRESS | filled(wordpress) | {"c-url": "http://127.0.0.1:9"})
    answer = admin.post("/channels/website/test", headers={"HX-Request": "true"})
    assert answer.status_code == 200 and "notice-danger" in answer.text and "s3cr3t" not in answer.text


def test_a_channel_is_added_switched_off_and_on(pe, people, admin):
    assert admin.post("/channels/new", {"connector": "manual", "id": "mading", "name": "Majalah dinding"}).status_code == 303
    assert admin.post("/channels/new", {"connector": "manual", "id": "mading", "name": "Lain"}).status_code == 400
    assert admin.post("/channels/new", {"connector": "manual", "id": "Tidak Sah", "name": "Lain"}).status_code == 400
    assert "mading" in admin.get("/channels?q=majalah").text
    admin.post("/channels/mading/disable")
    assert not channels.channel_of(pe, people["admin"], "mading")["enabled"]
    admin.post("/channels/mading/enable")
    assert channels.channel_of(pe, people["admin"], "mading")["enabled"]


def test_an_unknown_channel_or_connector_is_not_found(admin):
    assert admin.get("/channels/tidak-ada").status_code == 404
    assert admin.get("/channels/website?connector=tidak-ada").status_code == 404
    assert admin.post("/channels/tidak-ada/test").status_code == 404
