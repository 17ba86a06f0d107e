"""The web application for a test: made once in a process, and given to each test as a copy with the test's own engine."""

import copy
import functools
from pathlib import Path

import webui
from webui.security import limiter


@functools.cache
def _made_once(folder: Path):
    """The application on an engine that nothing is asked of: its routes and templates are compiled, which takes most of the time."""
    from engine.process_engine import open_engine

    app = webui.create_app(process_engine=open_engine(folder))
    assert app.jinja_env  # made when it is first asked for, and shared by the copies
    return app


def app_for(pe, shared: Path):
    """What `create_app(process_engine=pe)` gives, without the work: routes and compiled templates are shared, settings and caches are not.

    What is wrapped around the application when it is made (PROXIES, tracing) needs `create_app` itself.
    """
    made = _made_once(shared)
    app = copy.copy(made)
    app.config = copy.copy(made.config)
    app.config.from_mapping(webui._settings(pe))
    app.extensions = made.extensions | {"terbit": pe}
    webui.db._app_engines[app] = {None: pe.db}
    limiter.reset()
    return app
