"""The outbox: who is told what, by which way and when; once, whatever happens on the way."""

import contextlib
import datetime as dt
import email
import email.policy
import json
import socket
import threading
import time
import warnings
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from bpmn.errors import Forbidden, Invalid
from connectors import Failure
from connectors.messages import mail
from engine import commands, notices, outbox, preferences, sending, tables, telegram, worker
from engine import people as accounts
from engine.process_engine import Actor, open_engine
from engine.store import read, run
from tests.conftest import on_databases
from tests.connectors.faulty_server import faulty
from tests.engine.small import END, START, chain, deploy, diagram, do, open_tasks, user_task
from tests.engine.test_crash import clock, eventually, kill_group, start_worker

JAKARTA = ZoneInfo("Asia/Jakarta")
TWO = diagram(chain(START, user_task("a"), user_task("b", "sub-bagian"), END), properties={"label": "${judul}"})
TOKEN = "123456789:AAabcdefghijklmnopqrstuvwxyz0123456"


# A mail server and a Telegram of the tests' own -----------------------------------------------------------------------

class Mailbox:
    """What a real SMTP server took; `answer` is what it says to a message, before or after it keeps it."""

    def __init__(self):
        self.messages, self.recipients, self.answer, self.keeps = [], [], "250 OK", True
        self.refused: dict[str, str] = {}

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if self.keeps:
            self.messages.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
            self.recipients.append(envelope.rcpt_tos)
        if self.answer == "lost":
            server.transport.abort()
        return self.answer


@contextlib.contextmanager
def mail_server(box, port=0, **options):
    if not port:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port, **options)
    controller.start()
    try:
        yield f"smtp://127.0.0.1:{port}"
    finally:
        controller.stop()


@pytest.fixture
def box(pe):
    """The office's mailbox; `pe` is set to send to it."""
    box = Mailbox()
    with mail_server(box) as url:
        pe.config.update(SMTP_URL=url, BASE_URL="https://terbit.example", MAIL_FROM="Terbit KPU <terbit@kpu.example>")
        yield box


@pytest.fixture
def bot(pe, people, now):
    """A Telegram whose answers a test chooses; the office has a bot there, and kasubbag a chat."""
    with faulty() as server:
        pe.config.update(TELEGRAM_API=server.url, ALLOWED_PRIVATE_HOSTS=[server.host], BASE_URL="https://terbit.example")
        server.fault = says({"username": "terbit_bot"})
        telegram.set_token(pe, people["admin"], now, TOKEN)
        run(pe, lambda db: telegram.change_choice(db, "kasubbag", {"chat": 4711}))
        server.fault = says({"message_id": 1})
        server.seen.clear()
        yield server


def says(result, status=200, **more):
    body = json.dumps({"ok": status == 200, "result": result, **more}).encode()
    return lambda exchange: exchange.answer(status, body, "Content-Type: application/json")


@pytest.fixture
def two(pe, pemilik, now):
    return deploy(pe, pemilik, now, TWO)


@pytest.fixture
def mails(pe, people, now):
    """A function that gives people e-mail addresses, and their other choices."""
    def give(*names, **choice):
        for name in names:
            people_address(pe, people[name], now, f"{name}@kpu.example")
            run(pe, lambda db, n=name: telegram.change_choice(db, n, choice))
    return give


def people_address(pe, actor, now, address):
    accounts.update_user(pe, actor, now, actor.id, email=address)


def start(pe, ketua, now, title="Rapat pleno"):
    return commands.start(pe, Actor.system(), now, key="p", variables={"judul": title})


def rows(pe, **where):
    with read(pe) as db:
        return [dict(row) for row in db.execute(sa.select(tables.notice).order_by(tables.notice.c.id)).mappings()
                if all(row[key] == value for key, value in where.items())]


def work(pe, at):
    return sending.work(pe, lambda: at)


def later(now, **delta):
    return now + dt.timedelta(**delta)


# Who is told ----------------------------------------------------------------------------------------------------------

@on_databases
def test_a_task_that_opens_is_told_to_its_candidates_once_with_a_link_to_it(pe, people, two, mails, box, ketua, admin, now):
    mails("penulis", "webadmin", "kasubbag")
    case = start(pe, ketua, now)
    assert work(pe, now) == 2
    assert [work(pe, later(now, seconds=n)) for n in range(3)] == [0, 0, 0]
    assert sorted(box.recipients) == [["penulis@kpu.example"], ["webadmin@kpu.example"]]
    [task_id] = open_tasks(pe, admin, case.id).values()
    for message in box.messages:
        assert message["Subject"] == f"Tugas untuk Anda: a ({case.business_key})"
        assert message["From"] == "Terbit KPU <terbit@kpu.example>" and message["Auto-Submitted"] == "auto-generated"
        assert message["List-Unsubscribe"] == "<https://terbit.example/preferences/notices>"
        for part in ("plain", "html"):
            text = message.get_body((part,)).get_content()
            assert f"https://terbit.example/tasks/{task_id}" in text and "Rapat pleno" in text
    assert {row["state"] for row in rows(pe)} == {"sent"}


def test_the_one_who_opened_it_is_not_told_and_the_next_lane_is(pe, people, two, mails, box, ketua, penulis, admin, now):
    mails("penulis", "kasubbag")
    case = start(pe, ketua, now)
    work(pe, now)
    box.recipients.clear()
    do(pe, penulis, now, "a", case.id)
    work(pe, now)
    assert box.recipients == [["kasubbag@kpu.example"]]
    again = commands.start(pe, penulis, now, key="p", variables={"judul": "x"})  # penulis is led to it
    work(pe, now)
    assert box.recipients == [["kasubbag@kpu.example"]] and open_tasks(pe, admin, again.id)


def test_who_is_given_a_task_by_another_is_told_who_takes_it_is_not(pe, people, two, mails, box, ketua, penulis, admin, now):
    mails("penulis", "webadmin")
    case = start(pe, ketua, now)
    work(pe, now)
    box.recipients.clear()
    [task_id] = open_tasks(pe, admin, case.id).values()
    commands.claim(pe, penulis, now, task_id)
    work(pe, now)
    assert box.recipients == []
    commands.assign(pe, admin, later(now, minutes=1), task_id, "webadmin")
    work(pe, later(now, minutes=1))
    assert box.recipients == [["webadmin@kpu.example"]]


def test_completing_costs_no_statement_more(pe, two, ketua, penulis, now):
    case = start(pe, ketua, now)
    with read(pe) as db:
        assert db.scalar(sa.select(tables.activity.c.to_tell).where(tables.activity.c.activity_id == "a"))
        assert not db.scalar(sa.select(tables.activity.c.to_tell).where(tables.activity.c.activity_id == "start"))
        assert db.scalar(sa.select(sa.func.count()).select_from(tables.notice)) == 0
    do(pe, penulis, now, "a", case.id)
    notices.tell_of_tasks(pe, now)
    with read(pe) as db:
        assert not db.scalar(sa.select(sa.func.count()).select_from(tables.activity).where(tables.activity.c.to_tell))


def test_what_was_done_or_taken_meanwhile_is_not_told_any_more(pe, people, two, mails, box, ketua, penulis, admin, now):
    mails("penulis", "webadmin")
    case = start(pe, ketua, now)
    notices.tell_of_tasks(pe, now)
    commands.claim(pe, penulis, now, open_tasks(pe, admin, case.id)["a"])
    assert work(pe, now) == 1
    assert box.recipients == [["penulis@kpu.example"]]
    assert [row["state"] for row in rows(pe, user_id="webadmin")] == ["dropped"]


@pytest.mark.parametrize("gone", ["inactive", "none", "no address"])
def test_who_cannot_or_will_not_be_told_is_left_alone(pe, people, two, mails, box, ketua, penulis, admin, now, gone):
    mails("penulis", **({"email": "none"} if gone == "none" else {}))
    if gone == "none":
        start(pe, ketua, now)
        assert work(pe, now) == 0 and rows(pe) == []
        return
    start(pe, ketua, now)
    notices.tell_of_tasks(pe, now)
    if gone == "inactive":
        accounts.deactivate(pe, admin, now, "penulis")
    else:
        people_address(pe, penulis, now, "")
    assert work(pe, now) == 0 and box.messages == []
    assert [row["state"] for row in rows(pe)] == ["dropped"]


@on_databases
def test_the_same_is_told_once_however_often_it_is_written(pe, people, mails, now):
    mails("ketua")
    for _ in range(3):
        run(pe, lambda db: notices.tell(db, "kpu", now, user_ids=["ketua", "nobody"], kind="mention", key="m1", data={"by": "X"}))
    run(pe, lambda db: notices.tell(db, "kpu", now, user_ids=["ketua"], kind="mention", key="m" * 400))
    run(pe, lambda db: notices.tell(db, "other", now, user_ids=["ketua"], kind="mention", key="m2"))
    assert len(rows(pe)) == 2


def test_what_is_rolled_back_is_not_told(pe, people, mails, now):
    mails("ketua")
    with pytest.raises(ZeroDivisionError):
        run(pe, lambda db: (notices.tell(db, "kpu", now, user_ids=["ketua"], kind="mention", key="m"), 1 / 0))
    assert rows(pe) == []


# When -----------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("clock", "choice", "expected"), [
    ("12:00", {}, "12:00"),
    ("21:30", {"quiet_from": "20:00", "quiet_until": "06:30"}, "next 06:30"),
    ("05:00", {"quiet_from": "20:00", "quiet_until": "06:30"}, "06:30"),
    ("06:30", {"quiet_from": "20:00", "quiet_until": "06:30"}, "06:30"),
    ("12:10", {"quiet_from": "12:00", "quiet_until": "13:00"}, "13:00"),
    ("12:10", {"quiet_from": "12:00", "quiet_until": "12:00"}, "12:10"),
    ("07:00", {"email": "digest", "digest_at": "07:30"}, "07:30"),
    ("07:30", {"email": "digest", "digest_at": "07:30"}, "next 07:30"),
    ("12:00", {"email": "none"}, None),
])
def test_when_a_person_is_told(clock, choice, expected):
    at = dt.datetime.combine(dt.date(2026, 3, 2), dt.time.fromisoformat(clock), JAKARTA)
    choice = {**notices.DEFAULTS, **choice}
    found = notices.when(choice, choice["email"], at, JAKARTA)
    if expected is None:
        assert found is None
    else:
        day = dt.date(2026, 3, 3 if "next" in expected else 2)
        assert found == dt.datetime.combine(day, dt.time.fromisoformat(expected.removeprefix("next ")), JAKARTA)


def test_a_digest_is_one_message_of_all_that_is_still_true(pe, people, two, mails, box, ketua, webadmin, admin, now):
    mails("penulis", email="digest", digest_at="15:00")
    cases = [start(pe, ketua, later(now, minutes=n), f"Berita {n}") for n in range(4)]
    for n in range(4):
        work(pe, later(now, minutes=n))
    do(pe, webadmin, later(now, minutes=5), "a", cases[1].id)
    assert box.messages == []
    at = dt.datetime(2026, 3, 2, 15, 0, 1, tzinfo=JAKARTA)
    assert work(pe, at) == 1
    [message] = box.messages
    text = message.get_body(("plain",)).get_content()
    assert message["Subject"] == "3 pemberitahuan dari Terbit"
    assert [f"Berita {n}" in text for n in range(4)] == [True, False, True, True]
    assert work(pe, later(at, days=1)) == 0


# What it says ---------------------------------------------------------------------------------------------------------

def test_a_title_cannot_write_headers_or_markup(pe, people, two, mails, box, bot, ketua, now):
    mails("penulis", chat=5)
    start(pe, ketua, now, "Halo\r\nBcc: semua@kpu.example\n\n<script>x</script> & \u202e")
    run(pe, lambda db: notices.tell(db, "kpu", now, user_ids=["penulis"], kind="published", key="k",
                                    instance_id=rows_of_instances(db)[0], data={}))
    assert work(pe, now) == 2
    [message] = box.messages
    assert message["Bcc"] is None and box.recipients == [["penulis@kpu.example"]]
    assert "<script>" not in message.get_body(("html",)).get_content()
    sent = json.loads(bot.raw[-1].partition(b"\r\n\r\n")[2])
    assert sent["chat_id"] == 5 and "<script>" not in sent["text"] and "&lt;script&gt;" in sent["text"]


def rows_of_instances(db):
    return list(db.scalars(sa.select(tables.process_instance.c.id)))


@pytest.mark.parametrize("address", [
    "a@b.example, c@d.example", "a b@c.example", "a@b.example\r\nBcc: x@y.example", "<a@b.example>", "ä@b.example",
])
def test_an_address_that_is_none_is_not_tried(pe, people, mails, box, now, address):
    mails("ketua")
    run(pe, lambda db: db.execute(sa.update(tables.user).where(tables.user.c.id == "ketua").values(email=address)))
    preferences.try_out(pe, people["ketua"], now)
    assert work(pe, now) == 0 and box.messages == []
    assert [row["state"] for row in rows(pe)] == ["failed"]


# What goes wrong with mail --------------------------------------------------------------------------------------------

@on_databases
def test_a_mail_server_that_is_away_delays_and_nothing_is_lost_or_doubled(pe, people, two, mails, box, ketua, now):
    mails("penulis", "webadmin", "kasubbag")
    there = pe.config["SMTP_URL"]
    with socket.create_server(("127.0.0.1", 0)) as free:
        pe.config["SMTP_URL"] = f"smtp://127.0.0.1:{free.getsockname()[1]}"
    for n in range(3):
        start(pe, ketua, later(now, seconds=n))
    moment = later(now, seconds=5)
    for _ in range(40):  # for hours
        assert work(pe, moment) == 0
        moment = later(moment, minutes=5)
    waiting = rows(pe)
    assert {row["state"] for row in waiting} == {"open"} and len(waiting) == 6
    assert max(row["due_at"] for row in waiting) <= moment  # soon asked again, however long it was away
    assert outbox.health(pe, people["admin"], moment)["error"]
    pe.config["SMTP_URL"] = there
    assert work(pe, moment) == 2  # what waited goes as one message a person
    assert sorted(box.recipients) == [["penulis@kpu.example"], ["webadmin@kpu.example"]]
    assert work(pe, later(moment, days=1)) == 0 and {row["state"] for row in rows(pe)} == {"sent"}


def test_a_refusal_after_a_long_absence_is_not_the_end(pe, people, mails, box, now):
    mails("ketua")
    there, pe.config["SMTP_URL"] = pe.config["SMTP_URL"], "smtp://127.0.0.1:1"
    preferences.try_out(pe, people["ketua"], now)
    for n in range(30):
        assert work(pe, later(now, hours=n)) == 0
    pe.config["SMTP_URL"] = there
    box.refused["ketua@kpu.example"] = "450 greylisted"
    assert work(pe, later(now, hours=30)) == 0
    box.refused.clear()
    assert work(pe, later(now, hours=40)) == 1 and len(box.messages) == 1


def test_an_email_that_may_have_arrived_is_sent_again_as_the_same(pe, people, mails, box, admin, now):
    mails("ketua")
    preferences.try_out(pe, people["ketua"], now)
    box.answer = "lost"
    for n in range(sending.ATTEMPTS):
        assert work(pe, later(now, hours=3 * n)) == 0
    [row] = outbox.failed(pe, admin).rows
    box.answer = "250 OK"
    outbox.send_again(pe, admin, later(now, days=5), row["id"])
    assert work(pe, later(now, days=5)) == 1
    assert len(box.messages) == sending.ATTEMPTS + 1 and len({message["Message-ID"] for message in box.messages}) == 1


def test_one_look_at_a_dead_server_is_enough_for_all(pe, people, mails, monkeypatch, now):
    mails(*people)
    pe.config["SMTP_URL"] = "smtp://127.0.0.1:1"
    calls = []
    monkeypatch.setattr(mail, "send", lambda *a, **k: calls.append(a) or mail._expect((421, b"later"), about_everyone=True))
    for name in people:
        preferences.try_out(pe, people[name], now)
    assert work(pe, now) == 0 and len(calls) == 1
    assert all(row["due_at"] > now for row in rows(pe))


def test_a_lost_answer_leads_to_the_same_message_id(pe, people, mails, box, now):
    mails("ketua")
    preferences.try_out(pe, people["ketua"], now)
    box.answer = "lost"
    assert work(pe, now) == 0
    box.answer = "250 OK"
    preferences.try_out(pe, people["ketua"], later(now, minutes=1))  # does not join the message that may have arrived
    assert work(pe, later(now, hours=1)) == 2
    ids = [message["Message-ID"] for message in box.messages]
    assert len(ids) == 3 and len(set(ids)) == 2 and ids[0] in ids[1:]


@pytest.mark.parametrize(("answer", "state"), [("550 no such user", "failed"), ("451 later", "open"), ("450 greylisted", "open")])
def test_a_refused_recipient_holds_nobody_else_up(pe, people, mails, box, now, answer, state):
    mails("ketua", "kasubbag")
    box.refused["ketua@kpu.example"] = answer
    for name in ("ketua", "kasubbag"):
        preferences.try_out(pe, people[name], now)
    assert work(pe, now) == 1 and box.recipients == [["kasubbag@kpu.example"]]
    [row] = rows(pe, user_id="ketua")
    assert row["state"] == state and answer.split()[1] in row["error"]
    box.refused.clear()
    assert work(pe, later(now, hours=3)) == (state == "open")


def test_what_failed_can_be_sent_again_by_an_admin_only(pe, people, mails, box, admin, now):
    mails("ketua")
    box.answer = "554 spam"
    box.keeps = False
    preferences.try_out(pe, people["ketua"], now)
    work(pe, now)
    [row] = outbox.failed(pe, admin).rows
    assert outbox.health(pe, admin, now)["failed"] == 1 and "spam" in row["error"]
    for fn in (lambda a: outbox.failed(pe, a), lambda a: outbox.health(pe, a, now), lambda a: outbox.send_again(pe, a, now, row["id"]),
               lambda a: outbox.test_server(pe, a, "email"), lambda a: telegram.set_token(pe, a, now, "")):
        with pytest.raises(Forbidden):
            fn(people["ketua"])
    box.answer, box.keeps = "250 OK", True
    outbox.send_again(pe, admin, now, row["id"])
    assert work(pe, now) == 1 and len(box.messages) == 1


@on_databases
def test_two_workers_at_once_send_once(pe, people, mails, box, now):
    mails(*people)
    for name in people:
        for n in range(3):
            preferences.try_out(pe, people[name], later(now, milliseconds=n))
    gate, sent, errors = threading.Barrier(4), [], []

    def worker():
        gate.wait()
        try:
            sent.append(work(pe, later(now, seconds=1)))
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=worker) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors and sum(sent) == len(box.messages)
    told = [part for message in box.messages for part in [message["To"]]]
    assert set(told) and {row["state"] for row in rows(pe)} == {"sent"}
    assert len({message["Message-ID"] for message in box.messages}) == len(box.messages)
    assert sum(message.get_body(("plain",)).get_content().count("Percobaan pemberitahuan") for message in box.messages) == 3 * len(people)


def test_a_worker_killed_before_it_wrote_down_that_it_sent(pe, people, mails, box, monkeypatch, now):
    mails("ketua")
    preferences.try_out(pe, people["ketua"], now)

    def killed(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(sending, "_settle", killed)
        with pytest.raises(KeyboardInterrupt):
            sending.send_due(pe, lambda: now)  # `_settle` of what is dropped: nothing was sent yet
    assert box.messages == [] and work(pe, later(now, minutes=1)) == 0  # the lease holds
    settle = sending._settle
    with monkeypatch.context() as patch:
        patch.setattr(sending, "_settle", lambda pe, bundle, **v: killed() if v.get("state") == "sent" else settle(pe, bundle, **v))
        with pytest.raises(KeyboardInterrupt):
            sending.send_due(pe, lambda: later(now, minutes=4))
    assert len(box.messages) == 1
    assert work(pe, later(now, minutes=8)) == 1
    first, second = box.messages  # at least once, and known to be the same
    assert first["Message-ID"] == second["Message-ID"]
    assert work(pe, later(now, minutes=12)) == 0


def test_a_password_is_not_sent_in_the_clear_to_another_machine():
    with pytest.raises(mail.Failure, match="enkripsi"):
        mail.test("smtp://user:secret@mail.example:25")
    for url in ("http://x", "smtp://", "x"):
        with pytest.raises(mail.Failure, match="SMTP_URL"):
            mail.test(url)


def test_signing_in_to_the_mail_server(pe, people, admin, now):
    def check(server, session, envelope, mechanism, auth_data):
        return AuthResult(success=auth_data.password == b"s3:cr@t", handled=False)

    box = Mailbox()
    with warnings.catch_warnings(action="ignore"), mail_server(box, authenticator=check, auth_require_tls=False, auth_required=True) as url:
        pe.config["SMTP_URL"] = url.replace("//", "//terbit:s3%3Acr%40t@")
        assert outbox.test_server(pe, admin, "email")["ok"]
        pe.config["SMTP_URL"] = url.replace("//", "//terbit:wrong-one@")
        found = outbox.test_server(pe, admin, "email")
        assert not found["ok"] and "wrong-one" not in str(found)


def test_without_a_mail_server_what_is_to_be_told_waits(pe, people, mails, admin, now):
    mails("ketua")
    preferences.try_out(pe, people["ketua"], now)
    assert work(pe, now) == 0
    assert outbox.health(pe, admin, later(now, hours=1)) | {"error": None} == {
        "waiting": 1, "late": 1, "failed": 0, "error": None, "email": False, "bot": ""}
    assert not outbox.test_server(pe, admin, "email")["ok"]


# Telegram -------------------------------------------------------------------------------------------------------------

def posted(bot):
    return [json.loads(raw.partition(b"\r\n\r\n")[2]) for raw in bot.raw if b"sendMessage" in raw.split(b"\r\n")[0]]


def test_telegram_gets_a_message_with_a_link(pe, people, two, bot, ketua, penulis, admin, now):
    case = start(pe, ketua, now, "Rapat & <pleno>")
    do(pe, penulis, now, "a", case.id)
    assert work(pe, now) == 1
    [message] = posted(bot)
    assert message["chat_id"] == 4711 and message["parse_mode"] == "HTML"
    assert "Rapat &amp; &lt;pleno&gt;" in message["text"] and f"/tasks/{open_tasks(pe, admin, case.id)['b']}" in message["text"]
    assert work(pe, later(now, hours=1)) == 0


def tried(pe, people, now, bot, fault):
    bot.fault = fault
    preferences.try_out(pe, people["kasubbag"], now)
    assert work(pe, now) == 0
    bot.fault = says({"message_id": 2})
    return rows(pe)[-1]


def test_telegram_asks_to_wait_and_is_waited_for(pe, people, bot, now):
    row = tried(pe, people, now, bot, says(None, 429, parameters={"retry_after": 77}))
    assert row["state"] == "open" and row["due_at"] == later(now, seconds=77)
    assert work(pe, later(now, seconds=76)) == 0 and work(pe, later(now, seconds=78)) == 1 and len(posted(bot)) == 2


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_telegram_in_trouble_delays(pe, people, bot, now, status):
    assert tried(pe, people, now, bot, says(None, status))["state"] == "open"
    assert work(pe, later(now, minutes=1)) == 1


def test_a_telegram_that_took_it_and_said_nothing_is_not_asked_again(pe, people, bot, admin, now):
    row = tried(pe, people, now, bot, lambda exchange: None)  # read, then hung up on
    assert row["state"] == "failed" and TOKEN not in row["error"]
    assert work(pe, later(now, days=1)) == 0 and len(posted(bot)) == 1
    outbox.send_again(pe, admin, now, row["id"])  # a person looked
    assert work(pe, now) == 1 and len(posted(bot)) == 2


def test_a_worker_killed_while_telegram_was_asked(pe, people, bot, monkeypatch, now):
    preferences.try_out(pe, people["kasubbag"], now)
    settle = sending._settle

    def killed(pe, bundle, **values):
        if values.get("state") == "sent":
            raise KeyboardInterrupt
        settle(pe, bundle, **values)

    with monkeypatch.context() as patch:
        patch.setattr(sending, "_settle", killed)
        with pytest.raises(KeyboardInterrupt):
            sending.send_due(pe, lambda: now)
    assert work(pe, later(now, minutes=10)) == 0 and len(posted(bot)) == 1
    [row] = rows(pe)
    assert row["state"] == "failed" and "Tidak pasti" in row["error"]


def test_a_chat_that_refuses_is_a_failure(pe, people, bot, now):
    row = tried(pe, people, now, bot, says(None, 403, description="Forbidden: bot was blocked by the user"))
    assert row["state"] == "failed" and "blocked" in row["error"]


def test_the_token_lies_encrypted_and_is_in_no_word(pe, people, bot, admin, now):
    with read(pe) as db:
        sealed = db.scalar(sa.select(tables.tenant.c.secrets))
        events = str([tuple(row) for row in db.execute(sa.select(tables.event.c.data))])
    assert TOKEN.encode() not in sealed and TOKEN not in events
    assert outbox.test_server(pe, admin, "telegram") == {
        "ok": True, "message": "Telegram mengenal bot @%(name)s.", "params": {"name": ""}}  # this bot has no name now
    for fault in (lambda exchange: None, says(None, 401, description=f"bad {TOKEN}"), says(None, 500)):
        bot.fault = fault
        assert TOKEN not in str(outbox.test_server(pe, admin, "telegram"))
    with pytest.raises(Invalid):
        telegram.set_token(pe, admin, now, "not a token")
    telegram.set_token(pe, admin, now, "")
    assert telegram.bots(pe) == {}


def test_a_chat_is_linked_by_the_code_that_the_person_was_shown(pe, people, bot, ketua, now):
    assert telegram.link_chats(pe, now) == 0 and bot.seen == []  # nobody waits: Telegram is not asked
    code = telegram.start_linking(pe, ketua, now)

    def updates(*texts, kind="private"):
        return says([{"update_id": n, "message": {"chat": {"id": 100 + n, "type": kind}, "text": text}} for n, text in enumerate(texts)])

    for fault in (updates("hi", f"/start {code[:-1]}", code), updates(f"/start {code}", kind="group"), says(None, 500), says(None)):
        bot.fault = fault
        assert telegram.link_chats(pe, now) == 0
    bot.fault = updates("/start X", f"/start {code.lower()}")
    assert telegram.link_chats(pe, now) == 1
    assert preferences.choice_of(pe, ketua)["chat"] == 101
    assert telegram.link_chats(pe, now) == 0
    telegram.unlink(pe, ketua, now)
    assert preferences.choice_of(pe, ketua)["chat"] is None


def test_a_code_ends_after_a_quarter_of_an_hour(pe, people, bot, ketua, now):
    code = telegram.start_linking(pe, ketua, now)
    bot.fault = says([{"update_id": 1, "message": {"chat": {"id": 1, "type": "private"}, "text": f"/start {code}"}}])
    assert telegram.link_chats(pe, later(now, minutes=16)) == 0


# Choosing -------------------------------------------------------------------------------------------------------------

def test_a_choice_is_checked_and_kept(pe, people, ketua, now):
    good = {"address": "ketua@kpu.example", "email": "digest", "telegram": "none", "quiet_from": "20:00", "quiet_until": "06:00",
            "digest_at": "08:00"}
    preferences.choose(pe, ketua, now, **good)
    assert preferences.choice_of(pe, ketua) == {**good, "chat": None}
    for field, bad in (("email", "sometimes"), ("address", "a@b, c@d"), ("quiet_from", "25:00"), ("quiet_until", ""), ("digest_at", "")):
        with pytest.raises(Invalid) as refused:
            preferences.choose(pe, ketua, now, **good | {field: bad})
        assert field in {problem.where["field"] for problem in refused.value.problems}


def test_a_trial_needs_a_way(pe, people, ketua, now):
    with pytest.raises(Invalid):
        preferences.try_out(pe, ketua, now)


def test_a_trial_goes_out_in_quiet_hours_too(pe, people, mails, box, ketua, now):
    mails("ketua", email="none", quiet_from="00:00", quiet_until="23:59")
    assert preferences.try_out(pe, ketua, now) == 1 and work(pe, now) == 1
    assert [row["state"] for row in preferences.recent(pe, ketua)] == ["sent"]


# The worker -----------------------------------------------------------------------------------------------------------

@pytest.mark.service
def test_a_real_worker_tells_of_a_task_that_opened(pe, people, pemilik, now):
    box = Mailbox()
    with mail_server(box) as url:
        (pe.folder / "config.toml").write_text(f'SMTP_URL = "{url}"\n')
        pe = open_engine(pe.folder)
        run(pe, lambda db: db.execute(sa.update(tables.user).where(tables.user.c.id == "penulis").values(email="penulis@kpu.example")))
        deploy(pe, pemilik, now, diagram(chain(START, user_task("a"), END)))
        process = start_worker(pe)
        try:
            commands.start(pe, Actor.system(), clock(), key="p")
            eventually(lambda: box.messages)
            time.sleep(worker.TELL_SECONDS + 1)  # another look
            assert box.recipients == [["penulis@kpu.example"]]
        finally:
            kill_group(process)
    pe.close()


# What came out, what came back ----------------------------------------------------------------------------------------

@pytest.fixture
def reachable(pe, people, now):
    """Everybody has an address."""
    run(pe, lambda db: db.execute(sa.update(tables.user).values(email=tables.user.c.id + "@kpu.example")))


def told(pe, kind):
    with read(pe) as db:
        return db.execute(sa.select(tables.notice).where(tables.notice.c.kind == kind).order_by(tables.notice.c.user_id)).mappings().all()


SENT_BACK = diagram(chain(START, user_task("siapkan"), user_task("putuskan", "sub-bagian"), END), properties={"label": "${judul}"})


def begin(pe, people, now):
    deploy(pe, people["admin"], now, SENT_BACK)
    commands.start(pe, people["penulis"], now, key="p")
    do(pe, people["penulis"], now, "siapkan", isi="Kami mengundang.", judul="Undangan")


@on_databases
def test_who_wrote_it_is_told_of_its_return_in_the_same_transaction(pe, people, now, reachable, monkeypatch):
    begin(pe, people, now)
    with monkeypatch.context() as patch:
        patch.setattr(notices, "tell", lambda *args, **kwargs: (_ for _ in ()).throw(RuntimeError("the outbox")))
        with pytest.raises(RuntimeError):  # neither happened
            do(pe, people["kasubbag"], now, "putuskan", keputusan="tidak", catatan="Nama keliru.")
    assert told(pe, "returned") == [] and "putuskan" in open_tasks(pe, people["kasubbag"])
    do(pe, people["kasubbag"], now, "putuskan", keputusan="tidak", catatan="Nama keliru.")
    (row,) = told(pe, "returned")
    assert (row["user_id"], row["channel"], row["data"]) == ("penulis", "email", {"by": people["kasubbag"].name, "text": "Nama keliru."})


@pytest.mark.parametrize("said", [{"keputusan": "sesuai"}, {}])
def test_nobody_is_told_where_nothing_was_sent_back(pe, people, now, reachable, said):
    begin(pe, people, now)
    do(pe, people["kasubbag"], now, "putuskan", **said)
    assert told(pe, "returned") == []


def test_why_it_was_not_sent_is_kept_to_be_said_in_any_language():
    kept = json.loads(sending.reason(Failure("Surel ditolak: %(answer)s", answer="550 spam")))
    assert kept == {"message": "Surel ditolak: %(answer)s", "params": {"answer": "550 spam"}}
