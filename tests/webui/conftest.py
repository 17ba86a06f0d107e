"""The web with a fresh engine under it: an application, and browsers that are signed in as one of the demo's people."""

import re
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from webui import create_app
from webui.security import limiter


@pytest.fixture
def app(pe, people):
    app = create_app(process_engine=pe)
    app.testing = True
    app.config["TESTING"] = True
    yield app
    limiter.reset()


class Browser:
    """A test client with a person's manners: it reads the CSRF token from the page before it sends a form."""

    def __init__(self, app):
        self.app, self.client = app, app.test_client()

    def get(self, path, **kwargs):
        return self.client.get(path, **kwargs)

    def token(self, path="/sign-in"):
        found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', self.client.get(path, follow_redirects=True).text)
        assert found, f"no form on {path}"
        return found[1]

    def post(self, path, data=None, *, token_from=None, **kwargs):
        return self.client.post(path, data={"csrf_token": self.token(token_from or "/"), **(data or {})}, **kwargs)

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
