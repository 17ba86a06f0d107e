"""Passwords, second factors, sessions and links: what lets somebody in, and what ends it. On a real database."""

import datetime as dt

import pyotp
import pytest
import sqlalchemy as sa

from bpmn.errors import Conflict, Forbidden, Invalid, NotFound
from engine import (
    credentials,
    demo,
    groups,
    notices,
    oidc,
    oidc_accounts,
    password_links,
    passwords,
    people_import,
    second_factor,
    sending,
    sessions,
)
from engine import people as accounts
from engine.tables import event, notice, password_link, recovery_code, user, web_session
from tests.conftest import on_databases

GOOD = "kuda baterai jepit tepat"


def types(pe):
    with pe.db.connect() as db:
        return list(db.scalars(sa.select(event.c.type).order_by(event.c.id)))


# Passwords ------------------------------------------------------------------------------------------------------------

GUESSED = ("passwordpassword", "aaaaaaaaaaaaaaaa", "123456789012345", "Siti Aminah 2026!!", "bismillahbismillah", "Indonesia12345678",
           "KPU Kepulauan Seribu", "qwertyuiopasdfgh", "sunshine2026sunshine", "TerbitTerbit2026")
TAKEN = (GOOD, "hurufkecilsemuanya", "   kuda   jepit   ", "ひらがなのながいあいことばです", "🦀🐙🐳🐬🐟🐠🐡🦈🐊🐅🐆🦓🦍🦧🐘", "9471 0283 6551 9372")


def test_what_is_guessed_first_is_refused_and_any_other_is_taken_whatever_it_is_made_of(pe, people, admin, now):
    del pe.config["PASSWORD_LENGTH"]
    for password in GUESSED:
        with pytest.raises(Invalid) as refused:
            accounts.create_user(pe, admin, now, id="siti", name="Siti Aminah", password=password)
        assert refused.value.where == {"field": "password"}, password
    for number, password in enumerate(TAKEN):
        accounts.create_user(pe, admin, now, id=f"siti{number}", name="Siti Aminah", password=password)
        assert credentials.authenticate(pe, f"siti{number}", password)


def test_how_long_it_must_be_depends_on_the_second_factor(pe, people):
    del pe.config["PASSWORD_LENGTH"]
    assert (passwords.shortest(pe, False), passwords.shortest(pe, True)) == (15, 8)
    with pytest.raises(Invalid):
        passwords.check(pe, "jepit tepat 14", second_factor=False)
    assert passwords.check(pe, "jepit 8k", second_factor=True)
    pe.config["PASSWORD_LENGTH"] = 4
    assert passwords.shortest(pe, False) == 8  # no office may go below


# Second factor --------------------------------------------------------------------------------------------------------

@pytest.fixture
def enrolled(pe, people, now):
    """Penulis with a second factor: what makes codes, and the recovery codes."""
    penulis = people["penulis"]
    offered = second_factor.offer(pe, penulis)
    codes = second_factor.enrol(pe, penulis, now, offered.sealed, pyotp.TOTP(offered.secret).at(now))
    return pyotp.TOTP(offered.secret), codes


def check(pe, code, now):
    return second_factor.check(pe, accounts.account(pe, "penulis"), code, now)


def test_a_code_counts_once_and_in_its_time(pe, enrolled, now):
    totp, _ = enrolled
    later = now + dt.timedelta(minutes=5)
    assert not check(pe, totp.at(now), now)  # it was used to set it up
    assert check(pe, totp.at(later), later) and not check(pe, totp.at(later), later)
    assert not check(pe, totp.at(later - dt.timedelta(seconds=30)), later)  # older than the last that was used
    assert check(pe, f" {totp.at(later + dt.timedelta(seconds=30))[:3]} {totp.at(later + dt.timedelta(seconds=30))[3:]}", later)
    assert not check(pe, totp.at(later + dt.timedelta(minutes=3)), later)
    for nonsense in ("", "000000 ", "x" * 500, "\0", "\ud800", "１２３４５６", "-" * 99):
        assert not check(pe, nonsense, later + dt.timedelta(hours=1))


def test_a_recovery_code_counts_once_for_its_own_account(pe, enrolled, people, now):
    _, codes = enrolled
    assert len(set(codes)) == 10 and check(pe, codes[0].lower(), now) and not check(pe, codes[0], now)
    assert not second_factor.check(pe, accounts.account(pe, "ketua"), codes[1], now)
    fresh = second_factor.renew_recovery_codes(pe, people["penulis"], now)
    assert not check(pe, codes[1], now) and check(pe, fresh[0], now)
    assert second_factor.recovery_codes_left(pe, people["penulis"]) == 9


def test_neither_secret_nor_codes_stand_in_the_database_or_the_history(pe, enrolled):
    totp, codes = enrolled
    with pe.db.connect() as db:
        kept = [str(db.execute(sa.select(table)).all()) for table in (user, recovery_code, event)]
    assert all(totp.secret not in text and all(code.replace("-", "") not in text.replace("-", "") for code in codes) for text in kept)


def test_an_offer_is_its_persons_and_wants_the_right_code(pe, people, now, monkeypatch):
    offered = second_factor.offer(pe, people["penulis"])
    code = pyotp.TOTP(offered.secret).at(now)
    for who, sealed, given in (("ketua", offered.sealed, code), ("penulis", offered.sealed[:-4] + "AAAA", code), ("penulis", "", code),
                               ("penulis", offered.sealed, "000000")):
        with pytest.raises(Invalid):
            second_factor.enrol(pe, people[who], now, sealed, given)
    second_factor.enrol(pe, people["penulis"], now, offered.sealed, code)
    with pytest.raises(Conflict):  # a second window cannot replace it
        second_factor.enrol(pe, people["penulis"], now, offered.sealed, code)


def test_a_group_asks_for_it_and_whoever_has_none_signs_in_again(pe, people, admin, now):
    secret = sessions.begin(pe, accounts.account(pe, "penulis"), now, method="password")
    stamp = accounts.account(pe, "penulis")["stamp"]
    groups.change(pe, admin, now, "pelaksana", name="Pelaksana", second_factor=True)
    account = accounts.account(pe, "penulis")
    assert sessions.find(pe, secret, now) is None and account["stamp"] != stamp
    assert second_factor.is_required(pe, account) and not second_factor.may_use_password_alone(pe, account)
    assert not second_factor.is_required(pe, accounts.account(pe, "ketua"))
    secret = sessions.begin(pe, accounts.account(pe, "ketua"), now, method="password")
    accounts.set_groups(pe, admin, now, "ketua", ["ketua-divisi", "pelaksana"])  # and whoever comes into it
    assert sessions.find(pe, secret, now) is None


def test_an_admin_resets_it_with_a_reason_and_it_is_set_up_anew(pe, enrolled, people, admin, now):
    for who, reason, error in ((people["ketua"], "hilang", Forbidden), (admin, " ", Invalid), (people["penulis"], "saya", Forbidden)):
        with pytest.raises(error):
            second_factor.reset(pe, who, now, "penulis", reason)
    second_factor.reset(pe, admin, now, "penulis", "Ponsel hilang")
    account = accounts.account(pe, "penulis")
    assert not account["second_factor"] and second_factor.is_required(pe, account)
    with pe.db.connect() as db:
        last = db.execute(sa.select(event).order_by(event.c.id.desc())).mappings().first()
    assert (last["type"], last["actor"], last["data"]["reason"]) == ("second_factor.reset", "admin", "Ponsel hilang")


def test_it_goes_only_with_the_password_where_that_is_long_enough_alone(pe, enrolled, people, admin, now):
    me = people["penulis"]
    with pytest.raises(Invalid):
        second_factor.remove(pe, me, now, "salah-sekali")
    pe.config["PASSWORD_LENGTH"] = 15
    with pytest.raises(Conflict):
        second_factor.remove(pe, me, now, demo.PASSWORD)
    pe.config["PASSWORD_LENGTH"] = 10
    second_factor.remove(pe, me, now, demo.PASSWORD)
    assert not accounts.account(pe, "penulis")["second_factor"] and second_factor.recovery_codes_left(pe, me) == 0


# Sessions -------------------------------------------------------------------------------------------------------------

def test_a_session_ends_unused_in_the_end_by_hand_and_with_the_account(pe, people, admin, now):
    account, hours = accounts.account(pe, "penulis"), lambda number: now + dt.timedelta(hours=number)

    def begin():
        return sessions.begin(pe, account, now, method="password", browser="Firefox\0\n" * 99, address="10.0.0.7")

    secret = begin()
    assert sessions.find(pe, secret, hours(7))["id"] == "penulis" and sessions.find(pe, secret, hours(8)) is None
    for hour in (7, 14, 21):
        sessions.seen(pe, sessions.find(pe, secret, hours(hour)), hours(hour))
    assert sessions.find(pe, secret, hours(23)) and sessions.find(pe, secret, hours(24)) is None
    with pe.db.connect() as db:
        [row] = db.execute(sa.select(web_session)).all()
    assert secret not in str(row) and sessions.find(pe, row.id, now) is None
    for ends in (lambda: credentials.set_password(pe, admin, now, "penulis", GOOD), lambda: accounts.deactivate(pe, admin, now, "penulis")):
        secret = begin()
        assert sessions.find(pe, secret, now)
        ends()
        assert sessions.find(pe, secret, now) is None


def test_sessions_are_ended_by_their_person_and_by_an_admin(pe, people, admin, now):
    account = accounts.account(pe, "penulis")
    first, second, third = (sessions.begin(pe, account, now, method="password") for _ in range(3))
    listed = sessions.of(pe, people["penulis"], now)
    assert {row["id"] for row in listed} == {passwords.digest(each) for each in (first, second, third)}
    with pytest.raises(NotFound):
        sessions.end(pe, people["ketua"], now, passwords.digest(first))
    with pytest.raises(Forbidden):
        sessions.of(pe, people["ketua"], now, "penulis")
    sessions.end(pe, admin, now, passwords.digest(first))
    assert sessions.end_all(pe, people["penulis"], now, but=passwords.digest(second)) == 1
    assert [bool(sessions.find(pe, each, now)) for each in (first, second, third)] == [False, True, False]


# Links ----------------------------------------------------------------------------------------------------------------

@on_databases
def test_a_link_sets_a_password_once_and_ends_everything_else(pe, people, admin, now):
    made = [password_links.create(pe, admin, now, "penulis") for _ in range(2)]
    session = sessions.begin(pe, accounts.account(pe, "penulis"), now, method="password")
    with pytest.raises(Invalid):
        password_links.use(pe, made[0], now, "pendek")
    assert password_links.find(pe, made[0], now)["id"] == "penulis"  # a bad password uses nothing up
    password_links.use(pe, made[0], now, GOOD)
    assert credentials.authenticate(pe, "penulis", GOOD) and sessions.find(pe, session, now) is None
    for dead in (*made, "", "x", "\0", "\ud800"):
        with pytest.raises(NotFound):
            password_links.use(pe, dead, now, GOOD)
    late = password_links.create(pe, admin, now, "penulis")
    with pytest.raises(NotFound):
        password_links.find(pe, late, now + dt.timedelta(days=8))
    with pe.db.connect() as db:
        assert late not in str(db.execute(sa.select(password_link)).all()) and late not in str(db.execute(sa.select(event)).all())


def test_links_are_made_by_admins_for_active_people(pe, people, admin, now):
    with pytest.raises(Forbidden):
        password_links.create(pe, people["ketua"], now, "penulis")
    accounts.deactivate(pe, admin, now, "penulis")
    with pytest.raises(Conflict):
        password_links.create(pe, admin, now, "penulis")


def test_a_forgotten_password_is_one_mail_whose_link_is_made_when_it_goes(pe, people, admin, now, monkeypatch):
    accounts.update_user(pe, admin, now, "penulis", email="Penulis@kpu.example")
    sent = []
    monkeypatch.setattr(sending.mail, "send", lambda url, sender, to, message: sent.append((to, message)))
    pe.config["SMTP_URL"] = "smtp://127.0.0.1:9"
    with pe.db.connect() as db:
        kept = db.scalar(sa.select(user.c.notices).where(user.c.id == "penulis")) or {}
    assert notices.ways("a@b", kept | {"email": "none"}, now, None, "password") == {"email": now}  # whatever they chose
    for asked in ("penulis", "penulis@kpu.EXAMPLE", "tidak-ada", "", "\0", "x" * 999):
        password_links.ask(pe, now, asked)
    with pe.db.connect() as db:
        [row] = db.execute(sa.select(notice.c.kind, notice.c.data)).all()
    assert row == ("password", {})
    assert sending.send_due(pe, lambda: now) == 1
    [(to, message)] = sent
    text = message.get_body(("plain",)).get_content()
    secret = text.split("/set-password/")[1].split()[0]
    assert to == "Penulis@kpu.example" and password_links.use(pe, secret, now, GOOD)["id"] == "penulis"
    assert "user.password_forgotten" in types(pe)


def test_where_only_a_provider_lets_in_no_password_does(pe, people, admin, now):
    link = password_links.create(pe, admin, now, "penulis")
    pe.config["LOCAL_PASSWORDS"] = "admin"
    assert credentials.authenticate(pe, "penulis", demo.PASSWORD) is None
    assert credentials.authenticate(pe, "admin", demo.PASSWORD)
    with pytest.raises(NotFound):
        password_links.find(pe, link, now)


def test_an_account_without_a_password_lets_nobody_in_and_takes_as_long(pe, people, admin, now, monkeypatch):
    accounts.create_user(pe, admin, now, id="baru", name="Baru", password=None)
    work = []
    monkeypatch.setattr(passwords, "hashed", lambda password: work.append(password) or "x")
    assert credentials.authenticate(pe, "baru", "") is None and credentials.authenticate(pe, "baru", "apa saja") is None
    assert len(work) == 2


def test_a_link_that_was_sent_ends_with_the_address_that_it_went_to(pe, now, people, admin):
    def sent():
        return password_links.for_message(pe, "penulis", password_links.FORGOTTEN, now).rpartition("/")[2]

    handed, first = password_links.create(pe, admin, now, "penulis"), sent()
    accounts.update_user(pe, admin, now, "penulis", name="Penulis Lain")
    assert password_links.find(pe, first, now)["id"] == "penulis", "its address is the same"
    accounts.update_user(pe, admin, now, "penulis", email="baru@kpu.example")
    second, text = sent(), "nama_pengguna;surel\npenulis;lain@kpu.example\n"
    people_import.do(pe, admin, now, text, people_import.plan(pe, admin, text).mark, send_links=False)
    for secret in (first, second):
        with pytest.raises(NotFound):
            password_links.find(pe, secret, now)
    assert password_links.find(pe, handed, now)["id"] == "penulis", "no mailbox ever had that one"


def test_whom_a_provider_puts_into_a_group_with_a_second_factor_is_asked_for_one_everywhere(pe, now, people, admin):
    provider = oidc.Provider("https://idp.example", "c", "s", "IdP", "openid", "preferred_username", "groups", {"sek": ("sub-bagian",)},
                             "link", frozenset(), "kpu")
    groups.change(pe, admin, now, "sub-bagian", name="Sub Bagian", second_factor=True)
    before = sessions.begin(pe, accounts.account(pe, "penulis"), now, method="password")
    oidc_accounts.sign_in(pe, provider, {"sub": "1", "preferred_username": "penulis"}, now)
    assert sessions.find(pe, before, now)
    oidc_accounts.sign_in(pe, provider, {"sub": "1", "preferred_username": "penulis", "groups": ["sek"]}, now)
    assert sessions.find(pe, before, now) is None
    assert [oidc_accounts.has_second_factor({"amr": amr}) for amr in (["pwd", "mfa"], ["pwd"], "xmfax", 5, None)] == [True, *[False] * 4]
