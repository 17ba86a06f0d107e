"""REST over a WSGI client, signed in by Basic as one of the demo's people."""

import base64
from pathlib import Path

import pytest
import sqlalchemy as sa

from engine import commands, demo
from tests.web_app import app_for

HERE = Path(__file__).parent
RESOURCES = {name: (HERE / name).read_bytes() for name in ("urusan.bpmn", "siapkan.form", "mulai.form")}


def basic(user, password=demo.PASSWORD):
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


class Rest:
    """`rest("POST", "/task/x/claim", "penulis", json={…})` gives the response, which is never a 5xx."""

    def __init__(self, app):
        self.app, self.client = app, app.test_client()

    def __call__(self, method, path, user="admin", **more):
        headers = (basic(user) if user else {}) | more.pop("headers", {})
        response = self.client.open("/engine-rest" + path, method=method, headers=headers, **more)
        assert response.status_code < 500, response.get_data(as_text=True)
        return response

    def get(self, path, user="admin", **asked):
        """The JSON of a GET that must succeed."""
        response = self("GET", path, user, query_string=asked)
        assert response.status_code == 200, response.get_data(as_text=True)
        return response.json

    def post(self, path, json=None, user="admin", status=204):
        """The JSON of a POST that must answer `status`."""
        response = self("POST", path, user, json=json or {})
        assert response.status_code == status, response.get_data(as_text=True)
        return response.json if response.data else None

    def refused(self, status, method, path, user="admin", **more):
        """The message of a call that must answer `status`, in Camunda's form."""
        response = self(method, path, user, **more)
        assert response.status_code == status, response.get_data(as_text=True)
        assert set(response.json) >= {"type", "message"} and response.json["message"]
        return response.json["message"]

    def start(self, user="admin", **variables):
        """The id of a new case of `urusan`."""
        given = {name: {"value": value} for name, value in ({"perihal": "uji"} | variables).items()}
        return self.post("/process-definition/key/urusan/start", {"variables": given}, user, 200)["id"]

    def task(self, case):
        """The id of the case's one open task."""
        return self.get("/task", processInstanceId=case)[0]["id"]


@pytest.fixture
def app(pe, people, tmp_path_factory):
    app = app_for(pe, tmp_path_factory.getbasetemp() / "app")
    app.testing = True
    return app


@pytest.fixture
def rest(app):
    return Rest(app)


@pytest.fixture
def urusan(pe, pemilik, now):
    """The deployment of `urusan`: siapkan (a loop with TIDAK), a message, a service task, a signal."""
    return commands.deploy(pe, pemilik, now, name="urusan", resources=RESOURCES)


@pytest.fixture
def statements(pe):
    """A function that gives the SQL that a function's run takes."""
    def run(fn):
        seen = []
        listen = lambda *args: seen.append(args[2])  # noqa: E731
        sa.event.listen(pe.db, "before_cursor_execute", listen)
        try:
            fn()
        finally:
            sa.event.remove(pe.db, "before_cursor_execute", listen)
        return seen
    return run
