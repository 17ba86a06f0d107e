"""Basic and bearer: who gets in, what it costs, and whom the limits slow down."""

import base64
import datetime as dt

import pytest

from engine import api_tokens, credentials
from engine import people as accounts
from tests.webui.rest.conftest import basic
from webui.rest import auth, declare


@pytest.fixture
def hashes(monkeypatch):
    """How many passwords were verified, as a list that grows."""
    seen = []
    real = credentials.authenticate
    monkeypatch.setattr(credentials, "authenticate", lambda pe, user_id, *rest: seen.append(user_id) or real(pe, user_id, *rest))
    return seen


@pytest.mark.parametrize("operation", declare.OPERATIONS, ids=lambda each: each.name)
def test_every_operation_asks_strangers_to_sign_in(rest, operation):
    path = operation.path.replace("{", "").replace("}", "")
    response = rest(operation.method, path, user=None)
    if operation.public:
        assert response.status_code == 200
        return
    assert response.status_code == 401 and response.json["type"] == "RestException"
    assert response.headers["WWW-Authenticate"].startswith("Basic ")


@pytest.mark.parametrize("header", [
    "", "Basic", "Basic x", "Basic " + base64.b64encode(b"admin").decode(), "Basic " + base64.b64encode(b"\xff\xfe:x").decode(),
    "Basic " + base64.b64encode(b"admin\0:terbit-demo").decode(), "Bearer", "Bearer ", "Bearer x", "Bearer " + "x" * 10_000,
    "Digest username=admin", "admin:terbit-demo", "Basic " + base64.b64encode(b":terbit-demo").decode(),
])
def test_a_broken_header_is_a_401(rest, header):
    rest.refused(401, "GET", "/task", user=None, headers={"Authorization": header})


def test_a_session_of_the_pages_does_not_count(rest, app):
    browser = app.test_client()
    with browser.session_transaction() as session:
        account = accounts.account(app.extensions["terbit"], "admin")
        session["_user_id"] = f"{account['stamp']}|admin"
    assert browser.get("/engine-rest/task").status_code == 401
    assert "Set-Cookie" not in rest("GET", "/task").headers


def test_a_password_is_hashed_once(rest, hashes):
    for _ in range(5):
        assert rest("GET", "/version").status_code == 200
    assert hashes == ["admin"]
    rest.refused(401, "GET", "/version", headers=basic("admin", "salah-sekali"))
    assert hashes == ["admin", "admin"]


def test_signing_in_again_takes_one_statement(rest, statements):
    rest.get("/version")
    assert len(statements(lambda: rest.get("/version"))) == 1


def test_what_is_remembered_ends_with_the_password(rest, pe, admin, now):
    assert rest("GET", "/version", "ketua").status_code == 200
    credentials.set_password(pe, admin, now, "ketua", "kata-sandi-baru")
    rest.refused(401, "GET", "/version", "ketua")
    assert rest("GET", "/version", user=None, headers=basic("ketua", "kata-sandi-baru")).status_code == 200


def test_what_is_remembered_ends_with_the_account(rest, pe, admin, now):
    assert rest("GET", "/version", "ketua").status_code == 200
    accounts.deactivate(pe, admin, now, "ketua")
    rest.refused(401, "GET", "/version", "ketua")


def test_new_groups_count_at_once(rest, urusan, pe, admin, now):
    assert rest.get("/task", "ketua") == [] and rest.get("/process-definition", "ketua") == []
    accounts.set_groups(pe, admin, now, "ketua", ["pelaksana"])
    assert [row["key"] for row in rest.get("/process-definition", "ketua")] == ["urusan"]


def test_remembering_is_bounded_in_time_and_number():
    remembered = auth.Remembered(seconds=10, most=3)
    for number in range(5):
        remembered.add(f"u{number}", "p", "stamp", at=100.0)
    assert [remembered.stamp(f"u{number}", "p", at=105.0) for number in range(5)] == [None, None, "stamp", "stamp", "stamp"]
    assert remembered.stamp("u4", "p", at=110.0) is None and remembered.stamp("u4", "q", at=105.0) is None
    assert remembered.stamp("u", "4p", at=105.0) is None  # where the name ends is part of what is remembered


def test_a_token_speaks_for_its_account(rest, pe, admin, now, hashes):
    made = api_tokens.create(pe, admin, dt.datetime.now(dt.timezone.utc), name="skrip", user_id="analis")
    bearer = {"Authorization": f"Bearer {made['token']}"}
    assert rest("GET", "/deployment", user=None, headers=bearer).status_code == 200
    api_tokens.revoke(pe, admin, now, made["id"])
    rest.refused(401, "GET", "/deployment", user=None, headers=bearer)
    assert hashes == []


def test_guessing_is_slowed_down_and_people_at_work_are_not(rest, hashes):
    assert rest("GET", "/version").status_code == 200
    for _ in range(10):
        rest.refused(401, "GET", "/version", headers=basic("ketua", "salah-sekali"))
    response = rest("GET", "/version", headers=basic("ketua", "salah-sekali"))
    assert response.status_code == 429 and 1 <= int(response.headers["Retry-After"]) <= 61
    rest.refused(429, "GET", "/version", "ketua")  # the right password does not help while it lasts: nothing is learnt
    assert len(hashes) == 11
    for _ in range(50):
        assert rest("GET", "/version").status_code == 200  # the same address, signed in


def test_one_address_does_not_try_one_password_on_everybody(rest, hashes):
    assert rest("GET", "/version").status_code == 200
    statuses = [rest("GET", "/version", headers=basic(f"orang{number}", "terbit-demo")).status_code for number in range(61)]
    assert set(statuses[:60]) == {401} and statuses[60] == 429 and len(hashes) == 61
    assert rest("GET", "/version").status_code == 200


def test_many_calls_of_one_person_meet_no_limit(rest):
    for _ in range(350):
        assert rest("GET", "/version").status_code == 200


def test_strangers_meet_one(rest):
    statuses = [rest("GET", "/version", user=None).status_code for _ in range(301)]
    assert set(statuses[:300]) == {401} and statuses[300] == 429


def test_the_named_engine_is_the_same_one(rest):
    assert rest.get("/engine") == [{"name": "default"}]
    assert rest.get("/engine/default/version") == rest.get("/version") == {"version": "7.24.0"}
    rest.refused(404, "GET", "/engine/lain/version")
