"""Signing a channel in at a platform of its own process, which verifies PKCE and gives each code and refresh token once."""

import datetime as dt
import html
import json
import re
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests
import sqlalchemy as sa

import connectors
from bpmn.errors import Conflict, Forbidden, Invalid, NotFound
from engine import channel_sign_in, channels, handlers, health, jobs, publication, queries, tokens
from engine import people as accounts
from engine.store import read, run
from engine.tables import channel, event, notice, tenant, user
from engine.tables import channel_sign_in as table
from tests.connectors import fake_server
from tests.connectors.sosial import Sosial
from tests.engine.a_case import content, make_case, make_definition, make_job
from tests.webui.conftest import Browser

RETURN = "/admin/channels/sign-in/return"
SECRET = "rahasia-aplikasi-kpu"
ADMIN = channels.Actor("admin", "kpu", frozenset({"admin"}))


class Plain(Sosial):
    accounts = None
    auth = "basic"


class Platform:
    def __init__(self, url):
        self.url = url

    def set(self, **how):
        self._get(f"/_set?{urlencode(how)}")

    def state(self):
        return self._get("/_state")

    def agree(self, address):
        """Where the platform sends the browser back to, without this site's name."""
        assert address.startswith(f"{self.url}/authorize?")
        back = requests.get(address, allow_redirects=False, timeout=10).headers["Location"]
        return back[back.index(RETURN):]

    def expire(self):
        """No access token is good any more; with the refresh token another is got."""
        self._get("/_expire")

    def revoke(self):
        """Nothing that it gave is good any more: the office took it back there."""
        self._get("/_revoke")

    def _get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:
            return json.load(answer)


@pytest.fixture(scope="module")
def served():
    with fake_server.running("sign_in_server") as server:
        yield server


@pytest.fixture
def platform(served):
    platform = Platform(served.url)
    platform.set()
    return platform


def clock():
    return dt.datetime.now(dt.timezone.utc)


@pytest.fixture
def sosial(pe, people, platform, monkeypatch):
    """The channel `medsos`, its connector chosen by name."""
    kinds = {"sosial": Sosial, "polos": Plain}
    monkeypatch.setattr(connectors, "find", lambda name: kinds[name])
    monkeypatch.setattr(connectors, "all_connectors", lambda: kinds)
    pe.config["ALLOWED_PRIVATE_HOSTS"] = platform.url.removeprefix("http://")

    def save(connector="sosial", id="medsos", **config):
        channels.save_channel(pe, ADMIN, clock(), id=id, name="Media sosial", connector=connector, secrets={"client_secret": SECRET},
                              config={"url": platform.url, "client_id": "aplikasi-kpu", **config})
    save()
    return save


def leave(browser, id="medsos"):
    page = browser.post(f"/channels/{id}/sign-in", token_from=f"/channels/{id}")
    assert page.status_code == 200, page.text
    address = page.headers["Refresh"].removeprefix("0; url=")
    assert html.escape(address) in page.text
    return address


def row_of(pe, id="medsos"):
    with read(pe) as db:
        return dict(db.execute(sa.select(channel).where(channel.c.id == id)).mappings().one())


def events(pe):
    with read(pe) as db:
        return [(row.type, row.data) for row in db.execute(sa.select(event.c.type, event.c.data).where(event.c.type.like("channel.%")))]


def kept(pe):
    return tokens._open(pe, "kpu", "medsos", row_of(pe)["tokens"])


def test_a_channel_is_signed_in_and_its_tokens_are_renewed_and_forgotten(pe, sosial, platform, signed_in):
    sosial("polos")  # no accounts; says who it is by Basic
    admin = signed_in("admin")
    page = admin.get("/channels/medsos").text
    assert "Masuk ke Sosial" in page and f">http://localhost{RETURN}</textarea>" in page and "Redirect URI." in page
    asked = parse_qs(urlsplit(address := leave(admin)).query)
    assert asked["scope"] == ["read write"] and asked["code_challenge_method"] == ["S256"] and len(asked["state"][0]) >= 43
    answer = admin.get(platform.agree(address))
    assert (answer.status_code, answer.location) == (303, "/channels/medsos?signed=in")
    page = admin.get("/channels/medsos?signed=in").text
    assert "Sudah masuk." in page and "Masuk lagi ke Sosial" in page and "izinnya dicabut" in page
    first = kept(pe)
    assert channels.connector_for(pe, "kpu", "medsos").check(clock()).params == {"name": "induk"}
    later = tokens.ChannelTokens(pe, "kpu", "medsos", clock=lambda: clock() + dt.timedelta(hours=3))
    connector = channels.connector_for(pe, "kpu", "medsos")
    assert later.access(connector.renew) != first["access_token"] and kept(pe)["refresh_token"] != first["refresh_token"]
    now_kept = kept(pe)
    out = admin.post("/channels/medsos/sign-out", token_from="/channels/medsos")
    assert out.location == "/channels/medsos?signed=out" and row_of(pe)["tokens"] is None and row_of(pe)["signed_in_at"] is None
    assert platform.state()["revoked"][-2:] == [now_kept["refresh_token"], now_kept["access_token"]]
    assert "dicabut di platformnya" in admin.get("/channels/medsos?signed=out").text
    assert admin.post("/channels/medsos/sign-out", token_from="/channels/medsos").status_code == 409
    with pytest.raises(connectors.Denied, match="masuk"):
        connector.check(clock())


def test_one_of_several_accounts_is_chosen_and_no_token_leaves_the_server(pe, sosial, platform, signed_in):
    admin = signed_in("admin")
    back = admin.get(platform.agree(leave(admin)))
    assert back.location == "/channels/medsos/sign-in/accounts" and row_of(pe)["tokens"] is None
    page = admin.get(back.location).text
    assert "KPU Kepulauan Seribu &lt;Humas&gt;" in page and "akun-" not in page and "akses-" not in page
    assert "akun-" not in str(admin.client.get_cookie("terbit"))
    for wrong in ({}, {"account": "7"}, {"account": "-1"}, {"account": "x"}):
        assert admin.post(back.location, wrong, token_from=back.location).status_code == 400 and row_of(pe)["tokens"] is None
    other = signed_in("admin")  # the same person in another browser
    assert other.get(back.location).status_code == 409
    done = admin.post(back.location, {"account": "1"}, token_from=back.location)
    assert done.location == "/channels/medsos?signed=in"
    row = row_of(pe)
    assert row["config"]["page"] == "12" and row["signed_in_as"] == "KPU Kepulauan Seribu <Humas>" and row["sign_in_ends_at"] is None
    assert channels.connector_for(pe, "kpu", "medsos").check(clock()).params == {"name": "12"}
    again = admin.get(back.location)
    assert again.status_code == 409 and "sudah dipilih" in again.text
    with read(pe) as db:
        rows = [*db.execute(sa.select(channel)), *db.execute(sa.select(table)), *db.execute(sa.select(event.c.data))]
    assert not re.search("akun-1|akses-|segar-|kode-|rahasia-apl", repr(rows))
    platform.set(accounts=1)  # nothing to choose
    assert admin.get(platform.agree(leave(admin))).location == "/channels/medsos?signed=in" and row_of(pe)["config"]["page"] == "11"


def test_what_comes_back_wrong_is_told_and_changes_nothing(pe, sosial, platform, signed_in, people):
    sosial("polos")
    admin = signed_in("admin")
    good = platform.agree(leave(admin))
    exchanges, before = platform.state()["exchanges"], row_of(pe)
    state = parse_qs(urlsplit(good).query)["state"][0]
    for path in (RETURN, f"{RETURN}?code=x&state=bukan", f"{RETURN}?code=x&state=%ff{state}", f"{RETURN}?error=access_denied"):
        answer = admin.get(path)
        assert answer.status_code == 400 and "tidak dikenal atau sudah lewat" in answer.text, path
    assert signed_in("admin").get(good).status_code == 400  # another session of the same person
    accounts.create_user(pe, ADMIN, clock(), id="admin2", name="Admin Dua", password="kata-sandi-dua", groups=["admin"])
    second = Browser(admin.app)
    assert second.sign_in("admin2", "kata-sandi-dua").status_code == 303 and second.get(good).status_code == 400
    assert signed_in("penulis").get(good).status_code == 403
    asked = Browser(admin.app).get(good)
    assert asked.status_code == 303 and "kode-" not in asked.location and state not in asked.location
    assert platform.state()["exchanges"] == exchanges
    for how, words in (({"deny": "access_denied"}, "Izin tidak diberikan"), ({"deny": "server_error"}, "&lt;b&gt;tidak&lt;/b&gt;"),
                       ({"iss": "https://jahat.example"}, "(iss)")):
        platform.set(**how)
        answer = admin.get(platform.agree(leave(admin)))
        assert answer.status_code == 400 and words in answer.text and "/channels/medsos" in answer.text, how
    platform.set()
    answer = admin.get(re.sub("code=[^&]+&?", "", platform.agree(leave(admin))))
    assert answer.status_code == 400 and "(code)" in answer.text
    assert platform.state()["exchanges"] == exchanges and row_of(pe) == before
    assert {data["why"] for type, data in events(pe) if type == "channel.sign_in_refused"} >= {
        "Izin tidak diberikan di platform itu. Tidak ada yang berubah."}


def test_a_platform_that_lies_or_is_away_is_told_and_changes_nothing(pe, sosial, platform, signed_in):
    sosial("polos")
    admin, before = signed_in("admin"), row_of(pe)
    for lie, status in {"html": 409, "huge": 409, "list": 409, "broken": 409, "down": 409, "no_token": 400, "mac": 400, "number": 400,
                        "control": 400, "moved": 400, "error": 400}.items():
        address = leave(admin)
        platform.set(lie=lie)
        answer = admin.get(platform.agree(address))
        assert answer.status_code == status and "Belum masuk" in answer.text and "Traceback" not in answer.text, (lie, answer.text)
        assert row_of(pe) | {"secrets": None} == before | {"secrets": None}, lie
    assert "kode lama" in answer.text
    platform.set()
    good = platform.agree(leave(admin))
    sosial("polos")  # somebody changes the settings meanwhile: the code goes nowhere
    count = platform.state()["exchanges"]
    assert "baru saja diubah" in admin.get(good).text and platform.state()["exchanges"] == count
    good = platform.agree(leave(admin))
    pe.config["ALLOWED_PRIVATE_HOSTS"] = ""  # the platform's host resolves to the inside now
    assert admin.get(good).status_code == 400 and platform.state()["exchanges"] == count
    assert admin.post("/channels/medsos/sign-in", token_from="/channels/medsos").status_code == 400  # and by TLS only
    assert row_of(pe)["tokens"] is None and not re.search("kode-|rahasia-apl", repr(events(pe)))


def test_an_answer_is_good_for_ten_minutes_and_for_one_channel_of_one_office(pe, sosial, platform, people, now):
    sosial("polos")
    session, there = "s" * 64, "http://localhost" + RETURN
    begin = lambda: channel_sign_in.begin(pe, ADMIN, now, session, "medsos", there)  # noqa: E731
    answer = lambda address: {  # noqa: E731
        name: values[0] for name, values in parse_qs(urlsplit(platform.agree(address)).query).items()}
    run(pe, lambda db: db.execute(sa.insert(tenant), {"id": "lain", "name": "Lain"}))
    late, other = now + channel_sign_in.WITHIN, channels.Actor("admin", "lain", frozenset({"admin"}))
    for actor, moment, given in ((ADMIN, late, answer(begin())), (other, now, answer(begin())), (ADMIN, now, answer(first := begin()) | {})):
        if actor is ADMIN and moment == now:  # begun anew since: the older one is over
            begin()
        with pytest.raises(Invalid, match="tidak dikenal"):
            channel_sign_in.finish(pe, actor, moment, session, given)
    assert first and channel_sign_in.finish(pe, ADMIN, now, session, answer(begin())) == channel_sign_in.Step("medsos", False)
    sosial()
    assert channel_sign_in.finish(pe, ADMIN, now, session, answer(begin())).choose
    with pytest.raises(Conflict, match="sudah lewat"):
        channel_sign_in.choices(pe, ADMIN, late, session, "medsos")
    with pytest.raises(Conflict):
        channel_sign_in.choose(pe, ADMIN, now, session, "facebook", 0)
    with pytest.raises(NotFound):
        channel_sign_in.begin(pe, other, now, session, "medsos", there)
    with pytest.raises(Forbidden):
        channel_sign_in.begin(pe, people["penulis"], now, session, "medsos", there)


def test_of_two_returns_at_once_one_asks_the_platform(pe, sosial, platform, signed_in, app):
    """A double click: the platform would take back what it gave if it saw the code twice."""
    sosial("polos")
    admin = signed_in("admin")
    good, count = platform.agree(leave(admin)), platform.state()["exchanges"]
    cookie = admin.client.get_cookie("terbit").value

    def come_back(_):
        client = app.test_client()
        client.set_cookie("terbit", cookie)
        return client.get(good)

    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(come_back, range(3)))
    assert sorted(answer.status_code for answer in answers) == [303, 409, 409]
    assert "sudah dipakai" in next(answer for answer in answers if answer.status_code == 409).text
    assert platform.state()["exchanges"] == count + 1 and kept(pe)["access_token"] in platform.state()["good"]


def test_a_sign_in_while_a_worker_renews_stays(pe, sosial, platform, signed_in):
    sosial("polos")
    admin = signed_in("admin")
    admin.get(platform.agree(leave(admin)))
    connector, old = channels.connector_for(pe, "kpu", "medsos"), kept(pe)

    def renew(kept_then):
        new = connector.renew(kept_then)
        assert admin.get(platform.agree(leave(admin))).status_code == 303  # the admin is back before the renewal is written
        return new

    tokens.ChannelTokens(pe, "kpu", "medsos").access(renew, refused=old["access_token"])
    mine = kept(pe)
    assert mine["access_token"] in platform.state()["good"] and connector.check(clock()).params == {"name": "induk"}
    assert ("channel.token_not_renewed", {"channel": "medsos", "kind": "replaced"}) in events(pe)
    assert tokens.ChannelTokens(pe, "kpu", "medsos").access(connector.renew, refused=mine["access_token"]) in platform.state()["good"]


def test_what_one_signed_in_for_publishes_is_renewed_and_asks_for_another_sign_in_when_it_is_taken_back(
        pe, sosial, platform, signed_in, now):
    """By the worker's path, through all that an office goes through."""
    sosial("polos")
    make_definition(pe, now)
    handlers.load()
    admin = signed_in("admin")
    assert admin.get(platform.agree(leave(admin))).status_code == 303

    def publishes(number):
        case = make_case(pe, now, f"INF-2026-000{number}")
        make_job(pe, now, case, "publikasi", content(kanal="medsos", judul=f"Pengumuman {number}"))
        jobs.run_due(pe, clock)
        [found] = publication.publications(pe, ADMIN, case)
        return found

    first = kept(pe)
    assert publishes(1)["state"] == "published"
    platform.expire()
    assert publishes(2)["state"] == "published"
    second = kept(pe)
    assert second["access_token"] != first["access_token"] and second["refresh_token"] != first["refresh_token"]
    posts = platform.state()
    assert [posts["posted_with"][post["id"]] for post in posts["posts"]] == [first["access_token"], second["access_token"]]
    assert [post["title"] for post in posts["posts"]] == ["Pengumuman 1", "Pengumuman 2"]
    platform.revoke()
    failed = publishes(3)
    assert failed["state"] == "failed" and len(platform.state()["posts"]) == 2
    [incident] = queries.incidents(pe, ADMIN, instance_id=failed["instance_id"]).rows
    assert "tidak memperbarui izin kanal ini lagi (invalid_grant). Admin perlu masuk lagi di halaman Kanal." in incident["message"]
    page = admin.get(f"/cases/{failed['instance_id']}").text
    assert "Admin perlu masuk lagi di halaman Kanal." in page and "segar-" not in page and "akses-" not in page
    assert health.statuses(pe, "kpu", clock(), ["medsos"])[0].state == "denied"
    assert admin.get(platform.agree(leave(admin))).status_code == 303  # and that mends it
    assert publishes(4)["state"] == "published"


def test_a_platform_that_does_not_renew_is_left_alone_for_a_while(pe, sosial, platform, signed_in):
    sosial("polos")
    admin = signed_in("admin")
    platform.set(expires_in=200)
    assert admin.get(platform.agree(leave(admin))).status_code == 303
    connector, first, before = channels.connector_for(pe, "kpu", "medsos"), kept(pe), platform.state()["exchanges"]
    platform.set(lie="down")
    for _ in range(5):
        assert connector.check(clock()).params == {"name": "induk"}
    assert platform.state()["exchanges"] == before + 1 and kept(pe)["access_token"] == first["access_token"]
    platform.set()
    later = tokens.ChannelTokens(pe, "kpu", "medsos", clock=lambda: clock() + tokens.PAUSE)
    assert later.access(connector.renew) != first["access_token"] and "renewals_failed" not in kept(pe)


def test_an_end_that_no_renewal_puts_off_is_seen_and_told_some_days_before(pe, sosial, platform, signed_in):
    sosial("polos")
    run(pe, lambda db: db.execute(sa.update(user).where(user.c.id == "admin").values(email="admin@kantor.example")))
    admin, days = signed_in("admin"), 86_400

    def state_after(**how):
        platform.set(**how)
        assert admin.get(platform.agree(leave(admin))).status_code == 303
        health.test_channel(pe, ADMIN, clock(), "medsos")
        [status] = health.statuses(pe, "kpu", clock(), ["medsos"])
        return status

    assert state_after(expires_in=3600).state == "ready"  # renewed every hour, and no alarm
    assert state_after(refresh_expires_in=365 * days).state == "ready"
    assert state_after(expires_in=60 * days, refresh="none").state == "ready"
    for how in ({"refresh_expires_in": 5 * days}, {"expires_in": 5 * days, "refresh": "none"}):
        status = state_after(**how)
        assert (status.state, status.by_sign_in) == ("expiring", True)
    page = admin.get("/channels/medsos").text
    assert "siap; izin berakhir" in page and "siap; izin berakhir" in admin.get("/channels").text
    assert "Masuklah sekali lagi di halaman kanal itu." in admin.get("/admin/live").text
    with read(pe) as db:
        assert set(db.scalars(sa.select(notice.c.kind))) == {"sign-in-expiring"}
    later = clock() + dt.timedelta(days=6)
    assert health.statuses(pe, "kpu", later, ["medsos"])[0].state == "expired"
    channels.save_channel(pe, ADMIN, clock(), id="medsos", name="Media sosial", connector="polos", config={"url": "https://lain.example"})
    assert row_of(pe)["tokens"] is None and health.statuses(pe, "kpu", later, ["medsos"])[0].expires_at is None  # they go to no other server


def test_without_an_app_at_the_platform_one_cannot_begin(pe, sosial, signed_in):
    sosial(client_id="")
    admin = signed_in("admin")
    assert "isi ID dan rahasia aplikasi" in admin.get("/channels/medsos").text
    answer = admin.post("/channels/medsos/sign-in", token_from="/channels/medsos")
    assert answer.status_code == 400 and "client ID" in answer.text
    assert admin.client.post("/channels/medsos/sign-in").status_code == 400  # no CSRF token
    assert admin.get("/channels/medsos/sign-in").status_code == 405
    assert signed_in("penulis").post("/channels/medsos/sign-in").status_code == 403
    assert admin.post("/channels/tidak-ada/sign-in", token_from="/channels/medsos").status_code == 404
