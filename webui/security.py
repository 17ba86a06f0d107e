"""What every response carries, and who is slowed down: headers, limits on failed sign-ins and on strangers."""

from flask import Flask, request
from flask.sessions import SecureCookieSessionInterface
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_login import current_user
from werkzeug.middleware.proxy_fix import ProxyFix

POLICY = ("default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; "
          "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; frame-src 'self'")
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}
STRANGER_LIMIT = "300 per minute"  # of whoever is not signed in, per address


class Limits(Limiter):
    """Flask-Limiter, but for REST, which counts strangers and failures by itself: looking up what is not there costs every call."""

    def _check_request_limit(self, callable_name: str | None = None, in_middleware: bool = True) -> None:
        if request.blueprint != "rest":
            super()._check_request_limit(callable_name, in_middleware)


limiter = Limits(get_remote_address, strategy="fixed-window", default_limits=[STRANGER_LIMIT],
                 default_limits_exempt_when=lambda: current_user.is_authenticated)


class Sessions(SecureCookieSessionInterface):
    """Sessions in a signed cookie. REST has none, whatever cookie comes: its callers sign in by header."""

    def open_session(self, app, request):
        is_rest = request.path.startswith("/engine-rest/")  # the route is not known yet
        return self.make_null_session(app) if is_rest else super().open_session(app, request)

    def save_session(self, app, session, response):
        if not self.is_null_session(session):
            super().save_session(app, session, response)


def init_app(app: Flask) -> None:
    engine = app.extensions["terbit"]
    app.config.setdefault("RATELIMIT_STORAGE_URI", engine.config.get("RATELIMIT_STORAGE_URI", "memory://"))
    limiter.init_app(app)
    app.session_interface = Sessions()
    app.after_request(_headers)
    hops = int(engine.config.get("PROXIES", 0))  # how many proxies of our own stand in front
    if hops:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]

    @app.after_request
    def _hsts(response):
        if app.config["HTTPS"]:
            response.headers.setdefault("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
        return response


def _headers(response):
    given = {name.lower() for name, _ in response.headers}
    for name, value in HEADERS.items():
        if name.lower() not in given:
            response.headers.add(name, value)
    if request.endpoint != "static":
        response.headers.setdefault("Cache-Control", "private, no-store")
    elif request.path.startswith("/static/dist/") and response.status_code in (200, 304):  # each name holds its content's hash
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return response
