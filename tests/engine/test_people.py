"""Accounts, groups, passwords and tokens, on a real database."""

import datetime as dt
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import argon2
import pytest
import sqlalchemy as sa

from bpmn.errors import Conflict, Forbidden, Invalid, NotFound
from engine import api_tokens, credentials, demo, passwords
from engine import people as accounts
from engine.process_engine import Actor
from engine.store import run
from engine.tables import api_token, event, tenant, user
from tests.conftest import on_databases

PASSWORD = "rahasia-sekali"


@pytest.fixture
def siti(pe, people, admin, now):
    return accounts.create_user(pe, admin, now, id=" Siti ", name="Siti Aminah", password=PASSWORD, groups=["pelaksana"], title="Staf")


@pytest.fixture
def elsewhere(pe, now):
    """An admin of another office."""
    def make(db):
        db.execute(sa.insert(tenant).values(id="lain", name="Kantor Lain"))
        accounts.put_standard_groups(db, "lain")
    run(pe, make)
    return Actor("adminlain", "lain", frozenset({"admin"}))


def events(pe):
    with pe.db.connect() as db:
        return [(row.type, row.actor, row.data) for row in db.execute(sa.select(event).order_by(event.c.id))]


def statements(pe, fn):
    seen = []
    listen = lambda *args: seen.append(args[2])  # noqa: E731
    sa.event.listen(pe.db, "before_cursor_execute", listen)
    try:
        fn()
    finally:
        sa.event.remove(pe.db, "before_cursor_execute", listen)
    return seen


def test_the_right_password_signs_in(pe, siti):
    assert credentials.authenticate(pe, "siti", PASSWORD) == siti
    assert credentials.authenticate(pe, " SITI ", PASSWORD) == siti
    assert siti["groups"] == {"pelaksana"} and "password_hash" not in siti


@pytest.mark.parametrize(("user_id", "password"), [
    ("siti", "salah-sekali"), ("siti", ""), ("siti", PASSWORD + "x"), ("tidak-ada", PASSWORD), ("", ""), ("siti", "x" * 10_000_000),
    ("s%", PASSWORD), ("siti\0", PASSWORD), ("\ud800", PASSWORD), ("siti", "\ud800\0"),
])
def test_any_other_password_does_not(pe, siti, user_id, password):
    assert credentials.authenticate(pe, user_id, password) is None


def test_an_unknown_account_costs_as_much_as_a_known_one(pe, siti, monkeypatch):
    work = []

    class Counting(argon2.PasswordHasher):
        def hash(self, *args, **kwargs):
            work.append(1)
            return super().hash(*args, **kwargs)

        def verify(self, *args, **kwargs):
            work.append(1)
            return super().verify(*args, **kwargs)

    monkeypatch.setattr(passwords, "_hasher", Counting(time_cost=1, memory_cost=8, parallelism=1))
    for user_id in ("siti", "tidak-ada", "", "a b", "\0"):
        credentials.authenticate(pe, user_id, "salah-sekali")
    assert len(work) == 5  # one each, not timed: a busy machine would decide


def test_an_old_hash_is_renewed_at_sign_in(pe, siti, monkeypatch):
    def hash_of_siti():
        with pe.db.connect() as db:
            return db.execute(sa.select(user.c.password_hash).where(user.c.id == "siti")).scalar()

    before = hash_of_siti()
    monkeypatch.setattr(passwords, "_hasher", argon2.PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))
    assert credentials.authenticate(pe, "siti", PASSWORD, dt.datetime(2026, 3, 2, tzinfo=dt.UTC))["stamp"] == siti["stamp"]
    renewed = hash_of_siti()
    assert renewed != before and "m=16,t=2" in renewed
    assert credentials.authenticate(pe, "siti", PASSWORD) and hash_of_siti() == renewed


def test_an_actor_takes_one_statement(pe, people):
    seen = statements(pe, lambda: accounts.actor(pe, "webadmin"))
    assert len(seen) == 1
    assert accounts.actor(pe, "webadmin") == Actor("webadmin", "kpu", frozenset({"pelaksana", "web-admin"}), "Web Admin Demo")


def test_a_new_password_ends_sessions_and_the_old_password(pe, siti, admin, now):
    assert accounts.actor(pe, "siti", siti["stamp"])
    credentials.set_password(pe, admin, now, "siti", "kata-sandi-baru")
    assert accounts.actor(pe, "siti", siti["stamp"]) is None
    assert accounts.actor(pe, "siti")
    assert credentials.authenticate(pe, "siti", PASSWORD) is None
    assert credentials.authenticate(pe, "siti", "kata-sandi-baru")


def test_a_deactivated_account_can_do_nothing_at_once(pe, siti, admin, now):
    token = api_tokens.create(pe, admin, now, name="skrip", user_id="siti")["token"]
    accounts.deactivate(pe, admin, now, "siti")
    assert credentials.authenticate(pe, "siti", PASSWORD) is None
    assert accounts.actor(pe, "siti") is None and accounts.actor(pe, "siti", siti["stamp"]) is None
    assert api_tokens.authenticate(pe, token, now) is None
    accounts.activate(pe, admin, now, "siti")
    assert credentials.authenticate(pe, "siti", PASSWORD)
    assert api_tokens.authenticate(pe, token, now) is None and api_tokens.of(pe, admin, "siti") == []  # who has it does not come back


def test_tokens_end_with_a_password_where_it_is_asked_for(pe, siti, admin, now):
    tokens = [api_tokens.create(pe, admin, now, name=name, user_id=id)["token"] for name, id in (("satu", "siti"), ("dua", "siti"), ("x", "admin"))]

    def good():
        return [api_tokens.authenticate(pe, each, now) is not None for each in tokens]

    credentials.set_password(pe, admin, now, "siti", "kata-sandi-baru")
    credentials.change_password(pe, Actor("siti", "kpu"), now, "kata-sandi-baru", "kata-sandi-lain-lagi")
    assert good() == [True, True, True]
    credentials.set_password(pe, admin, now, "siti", "kata-sandi-baru", and_tokens=True)
    assert good() == [False, False, True]
    with pe.db.connect() as db:
        last = db.execute(sa.select(event.c.data).where(event.c.type == "user.password_set").order_by(event.c.id.desc())).scalars().first()
    assert last == {"user": "siti", "tokens": 2}


def test_only_an_admin_manages_people(pe, siti, people, now):
    ketua = people["ketua"]
    for attempt in (
        lambda: accounts.create_user(pe, ketua, now, id="baru", name="Baru", password=PASSWORD),
        lambda: accounts.set_groups(pe, ketua, now, "siti", ["admin"]),
        lambda: accounts.set_groups(pe, ketua, now, "ketua", ["admin"]),
        lambda: credentials.set_password(pe, ketua, now, "siti", PASSWORD),
        lambda: accounts.deactivate(pe, ketua, now, "siti"),
        lambda: accounts.update_user(pe, ketua, now, "siti", name="Lain"),
        lambda: api_tokens.create(pe, ketua, now, name="x", user_id="siti"),
        lambda: api_tokens.of(pe, ketua, "siti"),
    ):
        with pytest.raises(Forbidden):
            attempt()
    assert accounts.account(pe, "siti") == siti


def test_another_office_does_not_exist(pe, siti, elsewhere, now):
    for attempt in (
        lambda: accounts.get_user(pe, elsewhere, "siti"),
        lambda: accounts.set_groups(pe, elsewhere, now, "siti", []),
        lambda: credentials.set_password(pe, elsewhere, now, "siti", PASSWORD),
        lambda: accounts.deactivate(pe, elsewhere, now, "siti"),
        lambda: api_tokens.create(pe, elsewhere, now, name="x", user_id="siti"),
    ):
        with pytest.raises(NotFound):
            attempt()
    assert accounts.users(pe, elsewhere) == [] and len(accounts.groups(pe, elsewhere)) == 7


@pytest.mark.parametrize(("wrong", "field"), [
    ({"id": ""}, "id"), ({"id": "dengan spasi"}, "id"), ({"id": "titik:dua"}, "id"), ({"id": "x" * 65}, "id"), ({"id": "../x"}, "id"),
    ({"name": " "}, "name"), ({"name": "x" * 201}, "name"), ({"password": "pendek"}, "password"), ({"password": "x" * 257}, "password"),
    ({"groups": ["tidak-ada"]}, "groups"), ({"name": "a\0"}, "name"), ({"title": "\ud800"}, "title"), ({"email": "x" * 201}, "email"),
])
def test_a_bad_account_is_refused_on_its_field(pe, people, admin, now, wrong, field):
    with pytest.raises(Invalid) as refused:
        accounts.create_user(pe, admin, now, **({"id": "baru", "name": "Baru", "password": PASSWORD} | wrong))
    assert refused.value.where == {"field": field}
    assert accounts.account(pe, "baru") is None


def test_a_taken_name_is_a_conflict(pe, siti, admin, now):
    with pytest.raises(Conflict):
        accounts.create_user(pe, admin, now, id="siti", name="Siti Lain", password=PASSWORD)


@on_databases
def test_of_two_who_take_a_name_at_once_one_is_told_that_it_is_taken(pe, admin, now, monkeypatch):
    together, put = threading.Barrier(2), accounts.put_groups
    monkeypatch.setattr(accounts, "put_groups", lambda *given: time.sleep(0.2) or put(*given))  # both have looked by then

    def take(name):
        together.wait()
        try:
            return accounts.create_user(pe, admin, now, id="budi", name=name, password=None)["name"]
        except Conflict as taken:
            return taken.where["field"]

    with ThreadPoolExecutor(2) as both:
        assert "id" in (said := list(both.map(take, ("Budi", "Budi Lain")))) and len({*said}) == 2



@on_databases
def test_the_last_admin_stays(pe, siti, admin, now):
    with pytest.raises(Conflict):
        accounts.set_groups(pe, admin, now, "admin", ["analyst"])
    with pytest.raises(Conflict):
        accounts.deactivate(pe, admin, now, "admin")
    assert accounts.actor(pe, "admin").groups == {"admin"}
    accounts.set_groups(pe, admin, now, "siti", ["admin"])
    accounts.deactivate(pe, admin, now, "admin")
    with pytest.raises(Conflict):
        accounts.deactivate(pe, Actor("siti", "kpu", frozenset({"admin"})), now, "siti")


@on_databases
def test_lists_find_by_name_group_and_state(pe, siti, admin, now):
    def ids(**asked):
        return [row["id"] for row in accounts.users(pe, admin, **asked)]

    assert ids(search="aminah") == ["siti"] and ids(search="%") == [] and ids(group="pelaksana") == ["penulis", "siti", "webadmin"]
    accounts.deactivate(pe, admin, now, "siti")
    assert ids(active=False) == ["siti"] and ids(after="admin", limit=2) == ["analis", "kasubbag"]
    assert ids(search="\0") == ids(group="\ud800") == []
    assert len(statements(pe, lambda: accounts.users(pe, admin))) == 2


@on_databases
def test_a_token_speaks_for_its_account_and_is_not_kept(pe, siti, admin, now):
    made = api_tokens.create(pe, admin, now, name="skrip", user_id="siti", expires_at=now + dt.timedelta(days=1))
    with pe.db.connect() as db:
        kept = db.execute(sa.select(api_token)).mappings().one()
    assert made["token"] not in str(dict(kept)) and len(kept["digest"]) == 64
    assert api_tokens.authenticate(pe, made["token"], now) == siti
    assert len(statements(pe, lambda: api_tokens.authenticate(pe, made["token"], now))) == 1  # the first use was noted
    assert [row["used_at"] for row in api_tokens.of(pe, Actor("siti", "kpu"))] == [now]
    assert api_tokens.authenticate(pe, made["token"] + "x", now) is None
    assert api_tokens.authenticate(pe, kept["digest"], now) is None
    assert api_tokens.authenticate(pe, made["token"], now + dt.timedelta(days=2)) is None
    assert [row["name"] for row in api_tokens.of(pe, Actor("siti", "kpu"))] == ["skrip"]


def test_a_revoked_token_is_over(pe, siti, admin, people, now):
    made = api_tokens.create(pe, admin, now, name="skrip", user_id="siti")
    with pytest.raises(NotFound):
        api_tokens.revoke(pe, people["ketua"], now, made["id"])
    api_tokens.revoke(pe, Actor("siti", "kpu"), now, made["id"])
    assert api_tokens.authenticate(pe, made["token"], now) is None
    with pytest.raises(NotFound):
        api_tokens.revoke(pe, admin, now, made["id"])


def test_a_token_must_end_in_the_future_and_have_a_name(pe, siti, admin, now):
    with pytest.raises(Invalid):
        api_tokens.create(pe, admin, now, name="x", expires_at=now)
    with pytest.raises(Invalid):
        api_tokens.create(pe, admin, now, name=" ")


def test_the_history_says_who_did_what_without_secrets(pe, siti, admin, now):
    credentials.set_password(pe, admin, now, "siti", "kata-sandi-baru")
    token = api_tokens.create(pe, admin, now, name="skrip", user_id="siti")
    accounts.set_groups(pe, admin, now, "siti", ["analyst"])
    accounts.deactivate(pe, admin, now, "siti")
    seen = events(pe)
    assert [(type, who) for type, who, _ in seen] == [(type, "admin") for type in (
        "user.created", "user.password_set", "token.created", "user.groups_set", "user.deactivated")]
    assert "kata-sandi-baru" not in str(seen) and token["token"] not in str(seen)


@on_databases
def test_the_demo_is_made_once_and_changes_nobody(pe, people, admin, now):
    credentials.set_password(pe, admin, now, "ketua", PASSWORD)
    accounts.set_groups(pe, admin, now, "penulis", [])
    demo.seed_people(pe, now)
    assert credentials.authenticate(pe, "ketua", PASSWORD) and accounts.actor(pe, "penulis").groups == frozenset()
    assert credentials.authenticate(pe, "analis", demo.PASSWORD)["groups"] == {"analyst"}


def test_ones_own_password_needs_the_old_one(pe, siti, admin, now):
    me = Actor("siti", "kpu", frozenset())
    with pytest.raises(Invalid) as wrong:
        credentials.change_password(pe, me, now, "salah-sekali", "punya-saya-sendiri")
    assert wrong.value.where["field"] == "old"
    with pytest.raises(Forbidden):
        credentials.set_password(pe, admin, now, admin.id, "punya-saya-sendiri")
    changed = credentials.change_password(pe, me, now, PASSWORD, "punya-saya-sendiri")
    assert credentials.authenticate(pe, "siti", "punya-saya-sendiri") == changed and changed["stamp"] != siti["stamp"]


def test_an_account_holds_so_many_tokens(pe, siti, now, monkeypatch):
    monkeypatch.setattr(api_tokens, "MOST", 1)
    me = Actor("siti", "kpu", frozenset())
    api_tokens.create(pe, me, now, name="satu")
    with pytest.raises(Conflict):
        api_tokens.create(pe, me, now, name="dua")
