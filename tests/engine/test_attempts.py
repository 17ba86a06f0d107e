"""Each attempt at a call is kept with what it sent and got: before it is made, and without a secret."""

import base64
import datetime as dt
import json
from urllib.parse import quote

import pytest
import sqlalchemy as sa

import connectors
from bpmn.errors import Conflict, Forbidden, NotFound
from connectors import Failure, NotYet, http
from connectors.testing import proxy as faults
from engine import channels, commands, handlers, jobs, queries
from engine.handlers import BpmnError
from engine.store import read
from engine.tables import metadata
from tests.conftest import actor_of, on_databases
from tests.engine.small import END, START, chain, deploy, diagram, open_tasks, service_task, user_task

SECRET = "kunci/rahasia 9&ü"
CALL = diagram(chain(START, service_task("s", "uji"), user_task("b"), END))


class Died(BaseException):
    """A worker that is killed says nothing more."""


class Cms:
    """Sends its password in every place where one may stand."""

    name, title = "cms", "CMS"
    fields = (connectors.Field("url", "Alamat", "url", True), connectors.Field("password", "Kata sandi", "secret", True))

    def __init__(self, config, secrets, context):
        self.url, self.password, self.allowed = config["url"], secrets["password"], context.allowed_private_hosts

    def call(self):
        answer = http.post(f"{self.url}/{quote(self.password, safe='')}/kirim?token={quote(self.password)}", auth=("web", self.password),
                           headers={"X-Kunci": self.password.encode()}, json={"judul": "Pleno", "isi": f"lihat {self.password}"},
                           allowed_private_hosts=self.allowed)
        if not answer.ok:
            raise http.failure(answer, answer.json()["message"])
        return {"jawab": answer.text()}


@pytest.fixture
def handler(pe, monkeypatch):
    """A function that sets what the topic `uji` does; without one it calls the CMS."""
    monkeypatch.setattr(handlers, "_handlers", dict(handlers._handlers))
    monkeypatch.setattr(connectors, "find", lambda name: Cms)
    make = handlers.handler("uji")
    make(lambda pe, job, now: channels.connector_for(pe, job.tenant, "website").call())
    return make


@pytest.fixture
def server(pe, admin, pemilik, now, people, handler):
    """A platform that says again whatever it is told, in its headers and its body."""
    def echo(exchange):
        said = {"message": f"menolak {SECRET}", "masuk": exchange.raw.decode("latin-1"), "password": SECRET,
                "basic": base64.b64encode(f"web:{SECRET}".encode()).decode()}
        exchange.answer(server.status, json.dumps(said).encode(), "Content-Type: application/json", f"X-Sandi: {quote(SECRET)}",
                        f"Server: {base64.b64encode(SECRET.encode()).decode()}", "X-RateLimit-Limit: 10", "X-RateLimit-Remaining: 0",
                        "X-RateLimit-Reset: 600")

    with faults.faulty() as server:
        server.fault, server.status = echo, 200
        pe.config["ALLOWED_PRIVATE_HOSTS"] = server.host
        channels.save_channel(pe, admin, now, id="website", name="Website", connector="cms", config={"url": server.url},
                              secrets={"password": SECRET})
        yield server


@pytest.fixture
def case(pe, pemilik, admin, now, handler):
    deploy(pe, pemilik, now, CALL)
    return commands.start(pe, admin, now, key="p", variables={"kanal": "website"})


def dump(pe):
    with read(pe) as db:
        return repr([db.execute(sa.select(table)).all() for table in metadata.sorted_tables])


def outcomes(pe, admin, case, now):
    return [each["outcome"] for job in queries.attempts(pe, admin, case.id, now) for each in job["attempts"]]


@on_databases
@pytest.mark.parametrize("status", [200, 403, 503])
def test_what_was_sent_and_answered_is_kept_and_no_secret_reaches_the_database(pe, server, case, admin, now, status):
    server.status = status
    assert jobs.run_due(pe, lambda: now) == 1
    [job] = queries.attempts(pe, admin, case.id, now)
    [attempt] = job["attempts"]
    assert (job["activity_id"], attempt["channel_id"], attempt["exchanges"]) == ("s", "website", 1)
    assert attempt["outcome"] == {200: "done", 403: "permanent", 503: "temporary"}[status] and attempt["ended_at"] == now
    [kept] = queries.exchanges(pe, admin, case.id, attempt["id"])
    assert (kept["method"], kept["status"], kept["url"]) == ("POST", status, f"{server.url}/•••/kirim?token=•••")
    assert json.loads(kept["request"]["body"]["text"]) == {"judul": "Pleno", "isi": "lihat •••"}
    assert "Pleno" in kept["answer"]["body"]["text"] and kept["milliseconds"] >= 0
    told = dump(pe)
    for written in (SECRET, quote(SECRET), quote(SECRET, safe=""), json.dumps(SECRET)[1:-1], SECRET.encode().hex(),
                    base64.b64encode(SECRET.encode()).decode(), base64.b64encode(f"web:{SECRET}".encode()).decode(), "rahasia 9"):
        assert written not in told
    assert status == 200 or "menolak •••" in attempt["error"]


@on_databases
def test_a_worker_that_dies_leaves_its_attempt_and_what_it_had_sent(pe, server, case, admin, now, monkeypatch):
    with monkeypatch.context() as patch, pytest.raises(Died):
        patch.setattr(http, "_send", lambda *_: (_ for _ in ()).throw(Died()))
        jobs.run_due(pe, lambda: now)
    assert outcomes(pe, admin, case, now) == ["running"]
    later = now + dt.timedelta(minutes=5)
    [job] = queries.attempts(pe, admin, case.id, later)
    [attempt] = job["attempts"]
    [sent] = queries.exchanges(pe, admin, case.id, attempt["id"])
    assert attempt["outcome"] == "died" and sent["answer"] is None and "Pleno" in sent["request"]["body"]["text"]
    assert jobs.run_due(pe, lambda: later) == 1
    assert outcomes(pe, admin, case, later) == ["done", "died"]


@pytest.mark.parametrize("error, outcome", [
    (Failure("x", "temporary"), "temporary"), (Failure("x", "unknown"), "unknown"), (BpmnError("e", "x"), "bpmn-error"),
    (ValueError("x"), "temporary"), (Conflict("x"), "lost")])
def test_how_an_attempt_ended_is_told_with_its_error(pe, case, handler, admin, now, error, outcome):
    def fail(*_):
        raise error

    handler(fail)
    jobs.run_due(pe, lambda: now)
    [job] = queries.attempts(pe, admin, case.id, now)
    assert [(each["outcome"], each["error"][-1]) for each in job["attempts"]] == [(outcome, "x")]


def test_a_job_that_waits_leaves_no_attempt_unless_something_went_wrong(pe, case, handler, admin, now):
    def wait(*_):
        raise NotYet(60)

    handler(wait)
    for minute in range(3):
        jobs.run_due(pe, lambda minute=minute: now + dt.timedelta(minutes=2 * minute))
    assert queries.attempts(pe, admin, case.id, now) == []

    def look_again(*_):
        raise NotYet(60) from Failure("Jawaban tidak sampai.", "unknown")

    handler(look_again)
    jobs.run_due(pe, lambda: now + dt.timedelta(hours=1))
    [job] = queries.attempts(pe, admin, case.id, now)
    assert [(each["outcome"], each["error"]) for each in job["attempts"]] == [("postponed", "Jawaban tidak sampai.")]


def test_only_an_admin_of_the_office_sees_them(pe, case, server, admin, ketua, pemilik, now):
    jobs.run_due(pe, lambda: now)
    [job] = queries.attempts(pe, admin, case.id, now)
    for actor, error in ((ketua, Forbidden), (pemilik, Forbidden), (actor_of("admin", "lain"), NotFound)):
        for ask in (lambda actor=actor: queries.attempts(pe, actor, case.id, now),
                    lambda actor=actor: queries.exchanges(pe, actor, case.id, job["attempts"][0]["id"])):
            with pytest.raises(error):
                ask()
    other = commands.start(pe, admin, now, key="p")
    assert queries.exchanges(pe, admin, other.id, job["attempts"][0]["id"]) == []
    assert list(open_tasks(pe, admin, case.id)) == ["b"]
