"""The web with a fresh engine under it: an application, and browsers that are signed in as one of the demo's people."""

import datetime as dt
import re
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from tests.web_app import app_for
from tests.webui.scenes import SOP, STEPS


@pytest.fixture
def app(pe, people, tmp_path_factory):
    app = app_for(pe, tmp_path_factory.getbasetemp() / "app")
    app.testing = True
    return app


class Browser:
    """A test client with a person's manners: before it sends a form it has read a page with the CSRF token of its session."""

    def __init__(self, app):
        self.app, self.client, self.read = app, app.test_client(), None

    def get(self, path, **kwargs):
        return self.client.get(path, **kwargs)

    def token(self, path="/sign-in"):
        found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', self.client.get(path, follow_redirects=True).text)
        assert found, f"no form on {path}"
        return found[1]

    def post(self, path, data=None, *, token_from=None, **kwargs):
        if token_from or not self.read:
            self.read = self.token(token_from or "/")
        answer = self.client.post(path, data={"csrf_token": self.read, **(data or {})}, **kwargs)
        if path.startswith(("/sign-", "/account")):
            self.read = None  # perhaps another session
        return answer

    def sign_in(self, user, password="terbit-demo", **kwargs):
        return self.post("/sign-in", {"user_id": user, "password": password, **kwargs}, token_from="/sign-in")


@pytest.fixture
def stranger(app):
    return Browser(app)


@pytest.fixture
def signed_in(app):
    """A function that gives a browser in which one of the demo's people is signed in: `signed_in("ketua")`."""
    def make(user):
        browser = Browser(app)
        assert browser.sign_in(user).status_code == 303
        return browser
    return make


@pytest.fixture
def statements(pe):
    """A context manager that collects the SQL statements run inside it."""
    @contextmanager
    def counting():
        found: list[str] = []

        def note(conn, cursor, statement, parameters, context, executemany):
            found.append(statement)

        sa.event.listen(pe.db, "before_cursor_execute", note)
        try:
            yield found
        finally:
            sa.event.remove(pe.db, "before_cursor_execute", note)
    return counting


@pytest.fixture
def sop(pe, people, now):
    """The shipped SOP, in force."""
    from engine import channels, installation

    channels.seed_channels(pe, now, "kpu")
    installation.deploy_shipped(pe, now, installation.MODELS / SOP)
    return SOP


@pytest.fixture
def case_at(pe, people, sop, now):
    """A function that starts a case and brings it to a step: `case_at("periksa")` gives the id of that open task."""
    from engine import commands, jobs, queries

    def open_task(instance_id):
        return queries.tasks(pe, people["admin"], instance_id=instance_id).rows[0]["id"]

    def make(step, **changed):
        instance_id = commands.start(pe, people["ketua"], now, key=sop).id
        for activity_id, who, values in STEPS:
            if activity_id == step:
                break
            commands.complete(pe, people[who], now, open_task(instance_id), values | {k: v for k, v in changed.items() if k in values})
        while step == "terbitkan_manual" and jobs.run_due(pe, lambda: now + dt.timedelta(hours=1)):
            pass
        return open_task(instance_id)

    return make


@pytest.fixture
def returned(pe, people, case_at, now):
    """A case that the Ketua Divisi sent back with TIDAK: the id of the open task `periksa`."""
    from engine import commands, queries

    task_id = case_at("putuskan")
    instance_id = queries.task(pe, people["ketua"], task_id)["instance_id"]
    commands.complete(pe, people["ketua"], now, task_id, {"keputusan": "tidak", "catatan": "Nama tempat <b>keliru</b>."})
    return queries.tasks(pe, people["admin"], instance_id=instance_id).rows[0]["id"]


@pytest.fixture
def manual(case_at):
    """The open task `terbitkan_manual` of a case that goes to Facebook, which no machine publishes to."""
    return case_at("terbitkan_manual", kanal=["facebook"])
