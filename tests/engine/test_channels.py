"""Channels: settings are checked, secrets go in and never come out."""

import logging
import re
import socket

import pytest
import sqlalchemy as sa

import connectors
from bpmn.errors import Forbidden, Invalid, NotFound
from connectors import Failure, Field
from engine import channels, health
from engine.process_engine import Actor, open_engine
from engine.store import read, run
from engine.tables import channel, event, metadata, tenant
from tests.conftest import on_databases

SECRET = "rahasia-sekali-0123456789"


class Cms:
    """A connector with a field of every type."""

    name, title = "cms", "CMS"
    fields = (
        Field("url", "Alamat", "url", True), Field("text", "Teks"), Field("number", "Angka", "number"),
        Field("draft", "Draf", "boolean"), Field("size", "Ukuran", "select", options=(("s", "S"), ("m", "M"))),
        Field("password", "Kata sandi", "secret", True), Field("token", "Token", "secret"),
    )
    calls: list = []
    fails: Failure | None = None

    def __init__(self, config, secrets, context):
        self.config, self.secrets, self.context = config, secrets, context

    def check(self, now):
        self.calls.append(self)
        if self.fails:
            raise self.fails
        return connectors.Health("Tersambung.")


@pytest.fixture(autouse=True)
def cms(monkeypatch):
    other = type("Other", (Cms,), {"name": "other"})
    kinds = {"cms": Cms, "other": other, "manual": connectors.find("manual"), "site": connectors.find("site")}

    def find(name):
        if name not in kinds:
            raise Failure("Konektor %(name)s tidak terpasang.", name=name)
        return kinds[name]

    monkeypatch.setattr(connectors, "find", find)
    monkeypatch.setattr(Cms, "calls", [])
    monkeypatch.setattr(Cms, "fails", None)


def save(pe, actor, now, **changed):
    values = {"id": "website", "name": "Website", "connector": "cms", "config": {"url": "https://kantor.example"},
              "secrets": {"password": SECRET}, **changed}
    return channels.save_channel(pe, actor, now, **values)


def events(pe):
    with read(pe) as db:
        return [(row.type, row.data) for row in db.execute(sa.select(event.c.type, event.c.data).order_by(event.c.id))]


def dump(pe):
    """Everything that is in the database, as text."""
    with read(pe) as db:
        return "".join(repr(tuple(row)) for table in metadata.sorted_tables for row in db.execute(sa.select(table)))


# A fresh office -------------------------------------------------------------------------------------------------------

@on_databases
def test_a_fresh_office_has_its_channels_once(pe, now, people, admin):
    channels.seed_channels(pe, now, "kpu")
    channels.seed_channels(pe, now, "kpu")
    assert [(row["id"], row["connector"]) for row in channels.channels(pe, admin)] == [
        ("website", "site"), ("facebook", "manual"), ("instagram", "manual"), ("x", "manual"), ("youtube", "manual"), ("tiktok", "manual"),
        ("telegram", "manual")]
    channels.disable_channel(pe, admin, now, "x")
    assert list(channels.channel_names(pe, people["penulis"])) == ["website", "facebook", "instagram", "youtube", "tiktok", "telegram"]
    assert channels.connector_for(pe, "kpu", "website").name == "site"


def test_an_office_that_has_a_channel_is_not_given_others(pe, now, people, admin):
    save(pe, admin, now)
    channels.seed_channels(pe, now, "kpu")
    assert [row["id"] for row in channels.channels(pe, admin)] == ["website"]


# Secrets --------------------------------------------------------------------------------------------------------------

@on_databases
def test_a_secret_goes_in_and_never_comes_out(pe, now, people, admin, caplog):
    caplog.set_level(logging.DEBUG)
    saved = save(pe, admin, now)
    assert saved == channels.channel_of(pe, admin, "website") == channels.channels(pe, admin)[0]
    assert saved["secrets_set"] == ["password"]
    for where in (repr(saved), dump(pe), caplog.text, repr(events(pe))):
        assert SECRET not in where
    assert channels.connector_for(pe, "kpu", "website").secrets == {"password": SECRET}
    assert events(pe)[-1] == ("channel.saved", {
        "channel": "website", "name": "Website", "connector": "cms", "config": {"url": "https://kantor.example"}, "enabled": True,
        "expires_on": None, "secrets_changed": ["password"]})


def test_the_database_and_its_file_do_not_hold_the_secret(pe, now, people, admin):
    save(pe, admin, now)
    pe.close()
    for path in pe.folder.rglob("*"):
        if path.is_file():
            assert SECRET.encode() not in path.read_bytes(), path


def test_a_secret_left_empty_stays_and_none_removes_it(pe, now, people, admin):
    save(pe, admin, now, secrets={"password": SECRET, "token": "t"})
    save(pe, admin, now, secrets={"password": ""}, name="Situs")
    assert channels.connector_for(pe, "kpu", "website").secrets == {"password": SECRET, "token": "t"}
    save(pe, admin, now, secrets={"token": None})
    assert channels.connector_for(pe, "kpu", "website").secrets == {"password": SECRET}
    assert events(pe)[-1][1]["secrets_changed"] == ["token"]
    with pytest.raises(Invalid):
        save(pe, admin, now, secrets={"password": None})


def test_secrets_do_not_go_on_to_another_connector(pe, now, people, admin):
    save(pe, admin, now)
    with pytest.raises(Invalid):  # which has a secret of the same name
        save(pe, admin, now, connector="other", secrets={})
    save(pe, admin, now, connector="manual", config={}, secrets={})
    with pytest.raises(Invalid) as caught:
        save(pe, admin, now, secrets={})
    assert [problem.where["field"] for problem in caught.value.problems] == ["password"]


def test_a_secret_cannot_be_moved_to_another_channel(pe, now, people, admin):
    save(pe, admin, now)
    save(pe, admin, now, id="lain", secrets={"password": "x"})
    with read(pe) as db:
        sealed = db.scalar(sa.select(channel.c.secrets).where(channel.c.id == "website"))
    run(pe, lambda db: db.execute(sa.update(channel).where(channel.c.id == "lain").values(secrets=sealed)))
    with pytest.raises(Failure, match="Rahasia"):
        channels.connector_for(pe, "kpu", "lain")


def test_with_another_key_secrets_are_closed_and_can_be_entered_anew(pe, now, people, admin):
    save(pe, admin, now)
    (pe.folder / "secret.key").unlink()
    other = open_engine(pe.folder, **pe.config)
    with pytest.raises(Failure, match="Rahasia"):
        channels.connector_for(other, "kpu", "website")
    assert channels.channels(other, admin)[0]["secrets_set"] == []
    save(other, admin, now)
    assert channels.connector_for(other, "kpu", "website").secrets == {"password": SECRET}
    other.close()


# Settings -------------------------------------------------------------------------------------------------------------

def test_settings_are_kept_as_their_type(pe, now, people, admin):
    config = {"url": " https://k.example ", "text": "  a ", "number": "3", "draft": "on", "size": "m"}
    assert save(pe, admin, now, config=config)["config"] == {
        "url": "https://k.example", "text": "a", "number": 3, "draft": True, "size": "m"}
    assert save(pe, admin, now, config={"url": "https://k.example", "text": "", "number": None})["config"] == {"url": "https://k.example"}


@pytest.mark.parametrize(("changed", "fields"), [
    ({"config": {}}, ["url"]), ({"config": {"url": "ftp://x"}}, ["url"]), ({"config": {"url": "http://"}}, ["url"]),
    ({"config": {"url": "https://a:b@c"}}, ["url"]), ({"config": {"url": ["https://a"]}}, ["url"]),
    ({"config": {"url": "https://a", "text": "x" * 2001}}, ["text"]), ({"config": {"url": "https://a", "number": "tiga"}}, ["number"]),
    ({"config": {"url": "https://a", "number": "nan"}}, ["number"]), ({"config": {"url": "https://a", "number": [1]}}, ["number"]),
    ({"config": {"url": "https://a", "draft": "x"}}, ["draft"]), ({"config": {"url": "https://a", "draft": []}}, ["draft"]),
    ({"config": {"url": "https://a", "size": "xl"}}, ["size"]), ({"config": {"url": "https://a", "lain": 1}}, ["lain"]),
    ({"config": {"url": "https://a", "password": SECRET}}, ["password"]), ({"secrets": {"url": "https://a", "password": "p"}}, ["url"]),
    ({"secrets": {}}, ["password"]), ({"id": "Web Site"}, ["id"]), ({"id": ""}, ["id"]), ({"id": "x" * 41}, ["id"]),
    ({"name": " "}, ["name"]),
    ({"id": "../x", "config": {}, "secrets": {}}, ["id", "url", "password"]),
])
def test_each_wrong_setting_is_named(pe, now, people, admin, changed, fields):
    with pytest.raises(Invalid) as caught:
        save(pe, admin, now, **changed)
    assert [problem.where["field"] for problem in caught.value.problems] == fields
    assert SECRET not in str(caught.value) and SECRET not in str(caught.value.problems)
    assert channels.channels(pe, admin) == []


def test_an_unknown_connector_is_refused(pe, now, people, admin):
    with pytest.raises(Invalid) as caught:
        save(pe, admin, now, connector="os")
    assert caught.value.where == {"field": "connector"}


def test_only_an_admin_of_the_office_manages_its_channels(pe, now, people, admin, ketua, pemilik):
    save(pe, admin, now)
    for actor in (ketua, pemilik):
        for forbidden in (lambda actor=actor: save(pe, actor, now), lambda actor=actor: channels.channels(pe, actor),
                          lambda actor=actor: channels.channel_of(pe, actor, "website"),
                          lambda actor=actor: health.test_channel(pe, actor, now, "website"),
                          lambda actor=actor: channels.disable_channel(pe, actor, now, "website")):
            with pytest.raises(Forbidden):
                forbidden()
    run(pe, lambda db: db.execute(sa.insert(tenant), {"id": "lain", "name": "Lain"}))
    stranger = Actor("admin", "lain", frozenset({"admin"}))
    assert channels.channels(pe, stranger) == []
    with pytest.raises(NotFound):
        channels.channel_of(pe, stranger, "website")
    with pytest.raises(NotFound):
        channels.disable_channel(pe, stranger, now, "website")


# Use ------------------------------------------------------------------------------------------------------------------

def test_a_channel_is_tried_outside_any_transaction(pe, now, people, admin, monkeypatch):
    save(pe, admin, now)
    monkeypatch.setattr(Cms, "check", lambda self, now: run(pe, lambda db: connectors.Health("Tersambung.")))  # would wait for the lock for ever
    assert health.test_channel(pe, admin, now, "website") == {"ok": True, "message": "Tersambung.", "params": {}}
    assert events(pe)[-1] == ("channel.tested", {"channel": "website", "ok": True})


def test_a_channel_that_does_not_work_says_why(pe, now, people, admin, monkeypatch):
    save(pe, admin, now, enabled=False)
    monkeypatch.setattr(Cms, "fails", Failure("Server menjawab %(status)s.", status=401))
    assert health.test_channel(pe, admin, now, "website") == {
        "ok": False, "message": "Server menjawab %(status)s.", "params": {"status": 401}}
    assert SECRET not in dump(pe)


def test_a_disabled_channel_goes_to_a_persons_hand(pe, now, people, admin):
    save(pe, admin, now)
    channels.disable_channel(pe, admin, now, "website")
    with pytest.raises(connectors.NotByMachine):
        channels.connector_for(pe, "kpu", "website")
    channels.enable_channel(pe, admin, now, "website")
    channels.enable_channel(pe, admin, now, "website")
    assert channels.connector_for(pe, "kpu", "website")
    assert [type for type, _ in events(pe)][-3:] == ["channel.saved", "channel.disabled", "channel.enabled"]
    with pytest.raises(NotFound):
        channels.connector_for(pe, "kpu", "tidak-ada")


def test_the_installations_own_address_and_its_listed_hosts_may_be_called(pe):
    assert channels.context(pe).allowed_private_hosts == {"127.0.0.1:8000"}
    pe.config.update({"BASE_URL": "https://terbit.example/", "ALLOWED_PRIVATE_HOSTS": "10.0.0.1:80, cms:8080"})
    assert channels.context(pe).allowed_private_hosts == {"terbit.example:443", "10.0.0.1:80", "cms:8080"}
    assert channels.context(pe).base_url == "https://terbit.example"
    assert socket.gethostname() not in channels.context(pe).allowed_private_hosts


@pytest.mark.parametrize(("id", "place"), [("kpu-jakarta", "kantor/kpu-jakarta/"), ("../kpu", None), ("KPU", None), ("kpu", "")])
def test_each_office_has_a_place_of_its_own(pe, id, place):
    found = channels.context(pe, id).place
    assert found == place if place is not None else re.fullmatch(r"kantor/kpu-[0-9a-f]{12}/", found)
    assert len({channels.context(pe, each).place for each in ("kpu", "KPU", "k p u", "k-p-u", "../kpu", "")}) == 6


def test_a_channels_rules_are_its_platforms_whatever_it_is_called(pe, now, people, admin):
    channels.seed_channels(pe, now, "kpu")
    channels.save_channel(pe, admin, now, id="berita-singkat", name="Berita singkat", connector="cms", config={"url": "https://a.example"},
                          secrets={"password": SECRET})
    run(pe, lambda db: db.execute(sa.update(channel).where(channel.c.id == "berita-singkat").values(connector="mastodon")))
    found = channels.rules_names(pe, people["penulis"])
    assert (found["berita-singkat"], found["facebook"]) == (("Berita singkat", "mastodon", False), ("Facebook", "facebook", False))
