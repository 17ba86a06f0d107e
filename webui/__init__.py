"""Terbit in the browser and over REST: thin Flask pages over engine's commands and queries.

`create_app(folder)` makes the WSGI application of one instance folder. Each part is a module with a `blueprint`;
pages reach the engine by `webui.pe()`, the signed-in person by `webui.actor()`, the time by `webui.now()`.
"""

import importlib
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

from flask import Flask, current_app, g
from flask_babel import Babel
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect

from engine import tables

MAX_BODY = 64 * 1024 * 1024  # bytes of one request; MAX_CONTENT_LENGTH in config.toml changes it
PARTS = ("auth", "oidc", "inbox", "bulk", "news", "task", "drafts", "start", "documents", "uploads", "preferences", "account",
         "notices", "preview", "readiness", "situs", "cases", "attempts", "mending", "batches", "papers", "comments", "owner",
         "life", "differences", "migrating", "printed", "studio", "trials", "admin", "channels", "channel_sign_in", "people",
         "people_groups", "people_import", "substitutions", "lane", "calendar", "office", "extending", "analyst", "evidence",
         "evidence_out", "evidence_output", "evidence_schedule", "audit",
         "housekeeping", "publications", "embargo", "schedule", "public_files", "rest", "watch")


class Database(SQLAlchemy):
    """Flask-SQLAlchemy over the engine's own SQLAlchemy engine: one pool, one set of connection events."""

    def _make_engine(self, bind_key, options, app):
        return app.extensions["terbit"].db


db = Database(metadata=tables.metadata)
csrf = CSRFProtect()
babel = Babel()


def pe():
    """The process engine of this application."""
    return current_app.extensions["terbit"]


def actor():
    """Who is signed in, as an `engine.Actor`; only behind `login_required`, which every page but the public ones is."""
    return g.account_actor


def now() -> datetime:
    """The time of this request, aware, in UTC: the same for all that the request does."""
    if "now" not in g:
        g.now = datetime.fromtimestamp(time.time(), timezone.utc)
    return g.now


def create_app(folder: str | Path | None = None, *, process_engine=None, **config) -> Flask:
    """Make the application of the instance folder (default `./instance`); `config` overrides its config.toml."""
    from engine.process_engine import open_engine
    from webui import auth, errors, security, view, watch

    engine = process_engine or open_engine(Path(folder or "instance"), **config)
    app = Flask(__name__, instance_path=str(Path(engine.folder).resolve()))
    app.config.from_mapping(_settings(engine), **{k: v for k, v in config.items() if k.isupper()})
    app.extensions["terbit"] = engine
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    db.init_app(app)
    csrf.init_app(app)
    babel.init_app(app, locale_selector=view.locale, timezone_selector=view.timezone)
    security.init_app(app)
    auth.init_app(app)
    view.init_app(app)
    errors.init_app(app)
    watch.init_app(app)
    _register_parts(app)
    return app


def _settings(engine) -> dict:
    base_url = engine.config.get("BASE_URL", "")
    https = base_url.startswith("https://")
    hosts = engine.config.get("ALLOWED_HOSTS") or None
    return {
        "SECRET_KEY": engine.secret("flask"),
        "BASE_URL": base_url,
        "HTTPS": https,
        "TRUSTED_HOSTS": hosts.split(",") if isinstance(hosts, str) else hosts,  # from the environment it is one string
        "MAX_CONTENT_LENGTH": int(engine.config.get("MAX_CONTENT_LENGTH", MAX_BODY)),
        "MAX_FORM_MEMORY_SIZE": 4 * 1024 * 1024,
        "MAX_FORM_PARTS": 1000,
        "SESSION_COOKIE_NAME": "__Host-terbit" if https else "terbit",
        "SESSION_COOKIE_SECURE": https,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "PERMANENT_SESSION_LIFETIME": timedelta(hours=float(engine.config.get("SESSION_HOURS", 24))),  # of the cookie: `engine.sessions`
        "WTF_CSRF_TIME_LIMIT": None,  # a form may stand open all day; the token ends with the session
        "BABEL_DEFAULT_LOCALE": "id",
        "BABEL_DEFAULT_TIMEZONE": engine.config.get("TIMEZONE", "Asia/Jakarta"),
        "SQLALCHEMY_DATABASE_URI": str(engine.db.url),
    }


def _register_parts(app: Flask) -> None:
    for name in PARTS:
        part = importlib.import_module(f"webui.{name}")
        app.register_blueprint(part.blueprint)
        if name == "rest":  # clients sign every call by Basic or bearer; no cookie counts there
            csrf.exempt(part.blueprint)
