"""What a token may: asked for before any operation, in one place. Every operation that there is, over HTTP."""

import datetime as dt
import re

import pytest

from engine import api_tokens
from webui.rest import scopes
from webui.rest.declare import OPERATIONS

NOW = dt.datetime.now(dt.UTC)


@pytest.fixture
def bearer(pe, people, admin):
    """A function that gives the header of an admin's token with these scopes."""
    def make(*wanted):
        made = api_tokens.create(pe, admin, NOW, name="skrip", scopes=wanted)
        return {"Authorization": f"Bearer {made['token']}"}
    return make


def test_every_operation_is_closed_to_a_token_of_another_scope_and_open_to_one_of_its_own(rest, bearer):
    headers = {scope: bearer(scope) for scope in api_tokens.SCOPES}
    others = {scope: bearer(*(each for each in api_tokens.SCOPES if each != scope)) for scope in api_tokens.SCOPES}
    asked = dict.fromkeys(api_tokens.SCOPES, 0)
    for each in OPERATIONS:
        if each.public:
            continue
        scope, path = scopes.of(each), re.sub(r"\{[^}]+\}", "x", each.path)
        asked[scope] += 1
        refused = rest(each.method, path, user=None, headers=others[scope])
        assert refused.status_code == 403 and f"'{scope}'" in refused.json["message"], (each.method, each.path)
        if each.method == "GET":
            assert rest(each.method, path, user=None, headers=headers[scope]).status_code != 403, each.path
    assert all(asked.values())


def test_no_operation_that_changes_something_is_for_reading(rest):
    harmless = {"/task", "/process-instance", "/job", "/migration/generate", "/migration/validate"}
    for each in OPERATIONS:
        if each.method != "GET" and scopes.of(each) == scopes.READ:
            assert each.path.removesuffix("/count") in harmless or each.path.startswith("/history/"), each.path
    needs = {f"{each.method} {each.path}": scopes.of(each) for each in OPERATIONS}
    assert needs["POST /task/{id}/complete"] == needs["POST /message"] == "tasks"
    assert needs["POST /deployment/create"] == "deploy" and needs["POST /process-instance/{id}/modification"] == "admin"


def test_a_scope_widens_nothing(rest, pe, people):
    made = api_tokens.create(pe, people["penulis"], NOW, name="skrip")  # all scopes
    answer = rest("POST", "/deployment/create", user=None, headers={"Authorization": f"Bearer {made['token']}"},
                  data={"deployment-name": "x"}, content_type="multipart/form-data")
    assert answer.status_code in (400, 403)


def test_a_password_is_not_enough_where_a_second_factor_is_asked_for(rest, pe, people, admin, now):
    from engine import groups

    assert rest("GET", "/version", "ketua").status_code == 200
    groups.change(pe, admin, now, "ketua-divisi", name="Ketua Divisi", second_factor=True)
    wrong, right = (rest("GET", "/version", "ketua"), rest("GET", "/version", "ketua", headers={}))
    assert (wrong.status_code, right.status_code) == (401, 401) and wrong.json == right.json
    made = api_tokens.create(pe, people["ketua"], NOW, name="skrip", scopes=["read"])
    assert rest("GET", "/version", user=None, headers={"Authorization": f"Bearer {made['token']}"}).status_code == 200
