"""A real browser before a real server: Chromium, headless, and the application in threads of this process."""

import threading
from pathlib import Path

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from werkzeug.serving import make_server

import webui
from tests.web_app import app_for
from tests.webui.conftest import Browser, case_at, manual, returned, sop  # noqa: F401  the scenes are the same
from webui.security import limiter

PHONE, DESK = {"width": 390, "height": 844}, {"width": 1360, "height": 860}
LOOKS = pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])  # `audit` looks at light and dark


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture
def app(pe, people, tmp_path_factory):
    assert (Path(webui.__file__).parent / "static/dist/manifest.json").exists(), "the assets are not built: make assets"
    return app_for(pe, tmp_path_factory.getbasetemp() / "app")


@pytest.fixture
def server(app):
    """The application's address while it is served."""
    limiter.enabled = False  # a test's pages come faster than a person's
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    limiter.enabled = True


@pytest.fixture
def open_page(chromium, app, server):
    """A function that opens a browser window, signed in as `user` if one is named; its `problems` are what the console said."""
    windows = []

    def make(user=None, *, viewport=DESK, scheme="light", **options):
        context = chromium.new_context(base_url=server, viewport=viewport, color_scheme=scheme, locale="id-ID",
                                       reduced_motion="reduce", **options)
        windows.append(context)
        page = context.new_page()
        page.problems = []
        page.on("console", lambda message: page.problems.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        page.set_default_timeout(30_000)
        if user:
            person = Browser(app)  # whether the page for it works, test_working and test_staff_pages see
            assert person.sign_in(user).status_code == 303
            cookie = person.client.get_cookie(app.config["SESSION_COOKIE_NAME"])
            context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": server, "httpOnly": True}])
            page.goto("/")
        return page

    yield make
    for window in windows:
        window.close()


@pytest.fixture
def audit():
    """A function that says what is wrong with a page as it stands, light and dark: axe's findings, sideways scrolling, the console's words."""
    def check(page, idle=True):
        if idle:
            page.wait_for_load_state("networkidle")
        found = _axe(page)
        is_dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
        page.emulate_media(color_scheme="light" if is_dark else "dark")
        page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")  # drawn anew
        found += _axe(page, runOnly=["color-contrast"])  # nothing else changes with the scheme
        page.emulate_media(color_scheme="dark" if is_dark else "light")
        width, wanted = page.viewport_size["width"], page.evaluate("document.documentElement.scrollWidth")
        return found + ([f"scrolls sideways: {wanted} > {width}"] if wanted > width else []) + page.problems
    return check


@pytest.fixture
def audit_both(audit):
    """`audit` at a phone's and at a desk's width, where the way to the page is the same."""
    def check(page):
        before, found = page.viewport_size, []
        for size in (PHONE, DESK):
            page.set_viewport_size(size)
            found += audit(page)
        page.set_viewport_size(before)
        return found
    return check


def _axe(page, **options):
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    # of what axe may fetch before, only media are for a rule of these; style sheets are a third of its work and for none
    return page.evaluate("""options => axe.run(document, options).then(found => found.violations.map(each =>
        `${each.id}: ${each.help} ${each.nodes.slice(0, 3).map(node => node.html.slice(0, 160))}`))""",
                         {"resultTypes": ["violations"], "iframes": False, "preload": {"assets": ["media"]}, **options})
