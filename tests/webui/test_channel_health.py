"""How channels are, seen by who must mend them and by who is about to approve; what calls sent and got; what a person found."""

import datetime as dt
import json

import pytest

import connectors
from connectors import Denied, Failure, Health, Quota, http
from connectors.testing import proxy as faults
from engine import channels, commands, handlers, health, jobs, publication, queries
from tests.webui.test_admin import stuck  # noqa: F401 - a fixture
from tests.webui.test_overview import alive  # noqa: F401 - a fixture

SECRET = "s3cr3t-kata-sandi"


class Cms:
    """What a test says becomes of it."""

    name, title = "site", "CMS"
    fields = (connectors.Field("password", "Kata sandi", "secret", True),)
    looks = 0
    answer: object = Health("Tersambung.")
    url = ""

    def __init__(self, config, secrets, context):
        self.password, self.allowed = secrets.get("password", ""), context.allowed_private_hosts

    def check(self, now):
        Cms.looks += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def publish(self, request):
        http.post(f"{self.url}/kirim", json={"judul": request.title}, auth=("web", self.password), allowed_private_hosts=self.allowed)
        raise Failure("Jawaban tidak sampai.", "unknown")


@pytest.fixture
def cms(pe, people, sop, monkeypatch):
    handlers.load()
    monkeypatch.setattr(connectors, "find", lambda name: Cms)
    monkeypatch.setattr(connectors, "all_connectors", lambda: {"site": Cms})
    monkeypatch.setattr(Cms, "looks", 0)
    monkeypatch.setattr(Cms, "answer", Health("Tersambung."))
    with faults.faulty() as server:
        monkeypatch.setattr(Cms, "url", server.url)
        pe.config["ALLOWED_PRIVATE_HOSTS"] = server.host
        channels.save_channel(pe, people["admin"], clock(), id="website", name="Situs web", connector="site", config={},
                              secrets={"password": SECRET})
        yield Cms


def clock():
    return dt.datetime.now(dt.timezone.utc)


def publish(pe, people, task, now):
    case = queries.task(pe, people["webadmin"], task)["instance_id"]
    commands.complete(pe, people["webadmin"], now, task, {"terbit_pada": None})
    while jobs.run_due(pe, clock):
        pass
    return case


def test_a_broken_connector_is_seen_on_the_overview_and_mended_from_it(pe, people, cms, alive, signed_in, case_at, now):  # noqa: F811
    admin = signed_in("admin")
    health.work(pe, clock)
    assert "Situs web" not in admin.get("/admin/live").text
    publish(pe, people, case_at("terbitkan", kanal=["website"]), now)
    cms.answer = Denied("Kata sandi ditolak.")
    health.work(pe, clock)  # a call failed, so the worker looks
    page = admin.get("/admin/live").text
    assert "Kanal Situs web: 1 berkas tidak dapat terbit" in page and "Kanal Situs web: sandi ditolak sejak" in page
    assert "Kata sandi ditolak." in page and 'href="/channels/website"' in page
    cms.answer = Health("Tersambung.")
    assert "Tersambung." in admin.post("/channels/website/test", token_from="/channels/website").text
    assert "sandi ditolak" not in admin.get("/admin/live").text


def test_who_is_about_to_approve_sees_how_the_channels_are_and_no_page_calls_out(pe, cms, signed_in, case_at, statements):
    task, ketua = case_at("putuskan", kanal=["website", "facebook"]), signed_in("ketua")
    health.work(pe, clock)
    assert f'hx-get="/tasks/{task}/channels"' in ketua.get(f"/tasks/{task}").text
    looks = cms.looks
    with statements() as seen:
        piece = ketua.get(f"/tasks/{task}/channels").text
    assert cms.looks == looks and len(seen) <= 8
    assert "Situs web" in piece and "siap" in piece and "dengan tangan" in piece and "hx-trigger" not in piece
    cms.answer = Denied("Kata sandi ditolak.")
    channels.save_channel(pe, ADMIN, clock(), id="website", name="Situs web", connector="site", config={}, secrets={"password": "lain-9"})
    piece = ketua.get(f"/tasks/{task}/channels").text  # a look is due: the page asks again until the worker has made it
    assert "belum diperiksa" in piece and f"/tasks/{task}/channels?again=1" in piece and "load delay:2s" in piece
    health.work(pe, clock)
    piece = ketua.get(f"/tasks/{task}/channels?again=1").text
    assert "sandi ditolak sejak" in piece and "Administrator sudah diberi tahu" in piece and "/channels/website" not in piece
    cms.answer = Health("Tersambung.", quotas=(Quota("Kiriman", 25, 0, clock() + dt.timedelta(hours=1)),))
    health.test_channel(pe, ADMIN, clock(), "website")
    assert "kuota habis sampai" in ketua.get(f"/tasks/{task}/channels").text
    assert ketua.get("/tasks/tidak-ada/channels").status_code == 404


def test_the_channel_s_page_shows_its_state_its_quotas_and_when_its_password_ends(pe, cms, signed_in):
    admin, tomorrow = signed_in("admin"), (clock() + dt.timedelta(days=2)).date()
    cms.answer = Health("Tersambung.", quotas=(Quota("Kiriman", 25, 7),))
    assert admin.post("/channels/website", {"connector": "site", "name": "Situs web", "expires_on": "kemarin"}).status_code == 400
    assert admin.post("/channels/website", {"connector": "site", "name": "Situs web", "expires_on": tomorrow.isoformat()}).status_code == 303
    health.work(pe, clock)
    page = admin.get("/channels/website").text
    assert "siap; sandi berakhir" in page and f'value="{tomorrow.isoformat()}"' in page and "Kiriman" in page
    assert "sisa 7 dari 25" in admin.get("/channels").text


def test_an_admin_sees_what_a_call_sent_and_got_and_resolves_it_by_what_they_found(pe, people, cms, signed_in, case_at, now):
    case, admin = publish(pe, people, case_at("terbitkan", kanal=["website"]), now), signed_in("admin")
    [job] = queries.attempts(pe, people["admin"], case, clock())
    path = f"/cases/{case}/attempts/{job['attempts'][0]['id']}"
    assert path in admin.get(f"/cases/{case}").text and path not in signed_in("pemilik").get(f"/cases/{case}").text
    page = admin.get(path).text
    assert "POST" in page and "/kirim" in page and "Sosialisasi di Pulau Pramuka" in page and "•••" in page and SECRET not in page
    assert signed_in("pemilik").get(path).status_code == 403 and admin.get(f"/cases/{case}/attempts/x").status_code == 404
    [incident] = queries.incidents(pe, people["admin"], instance_id=case).rows
    resolve = f"/cases/{case}/mend/incidents/{incident['id']}/resolve"
    for wrong in ({}, {"found": "yes"}, {"found": "yes", "url": "javascript:alert(1)"}, {"found": "mungkin"}):
        assert admin.post(resolve, {"reason": "Saya lihat", **wrong}, token_from=f"/cases/{case}/mend").status_code == 400
    assert admin.post(resolve, {"reason": "Saya lihat", "found": "yes", "url": "https://kantor.example/1"},
                      token_from=f"/cases/{case}/mend").status_code == 303
    [row] = publication.publications(pe, people["admin"], case)
    assert (row["state"], row["url"], row["error"]) == ("published", "https://kantor.example/1", None)
    assert "https://kantor.example/1" in admin.get(f"/cases/{case}").text


def test_what_is_found_not_to_be_published_goes_to_a_persons_hand(pe, people, signed_in, stuck):  # noqa: F811
    handlers.load()
    incident, admin = stuck("unknown"), signed_in("admin")
    case = incident["instance_id"]
    admin.post(f"/cases/{case}/mend/incidents/{incident['id']}/resolve", {"reason": "Tidak ada di sana", "found": "no"},
               token_from=f"/cases/{case}/mend")
    assert [row["activity_id"] for row in queries.tasks(pe, people["admin"], instance_id=case).rows] == ["terbitkan_manual"]
    assert publication.publications(pe, people["admin"], case)[0]["state"] == "failed"


def test_a_variable_leads_to_its_history_and_its_edit(pe, people, signed_in, case_at):
    case = queries.task(pe, people["admin"], case_at("putuskan"))["instance_id"]
    admin = signed_in("admin")
    page = admin.get(f"/cases/{case}").text
    assert f'href="/cases/{case}/mend#var-judul"' in page and "Teks" in page
    assert 'id="var-judul"' in admin.get(f"/cases/{case}/mend").text
    assert json.dumps(["website", "facebook"], indent=1).replace('"', "&#34;") in page


ADMIN = channels.Actor("admin", "kpu", frozenset({"admin"}))
