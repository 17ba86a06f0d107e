"""Signing in and out. A session carries the account's id and stamp; when the stamp changes, the session is over.

Closed by default: every page asks for a signed-in person unless its view is marked `@public`.
"""

from urllib.parse import urlsplit

from flask import Blueprint, Flask, current_app, g, redirect, render_template, request, session, url_for
from flask_babel import lazy_gettext as _l
from flask_limiter.util import get_remote_address
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user
from flask_wtf import FlaskForm
from wtforms import PasswordField, StringField
from wtforms.validators import DataRequired, Length

from engine import people, tallies
from webui import now
from webui.security import limiter

blueprint = Blueprint("auth", __name__)
login = LoginManager()
OPEN_BLUEPRINTS = {"situs", "rest"}  # the public site; REST, which has its own sign-in
FAILURES_BY_NAME, FAILURES_BY_ADDRESS = "10 per minute", "100 per hour"


class Person(UserMixin):
    """The signed-in account, as Flask-Login holds it."""

    def __init__(self, account: dict):
        self.account = account
        self.actor = people.actor_of(account)
        self.name, self.title, self.groups, self.locale = account["name"], account["title"], self.actor.groups, account["locale"]

    def get_id(self) -> str:
        return f"{self.account['stamp']}|{self.account['id']}"


class SignIn(FlaskForm):
    user_id = StringField(_l("Nama pengguna"), [DataRequired(_l("Isi nama pengguna.")), Length(max=64)])
    password = PasswordField(_l("Kata sandi"), [DataRequired(_l("Isi kata sandi.")), Length(max=256)])


def public(view):
    """Mark a view as open to strangers."""
    view.is_public = True
    return view


def init_app(app: Flask) -> None:
    login.init_app(app)
    app.before_request(_closed_by_default)


@login.user_loader
def _load(session_id: str) -> Person | None:
    stamp, _, user_id = session_id.partition("|")
    account = people.account(current_app.extensions["terbit"], user_id, now())
    return Person(account) if account and account["active"] and account["stamp"] == stamp else None


def _closed_by_default():
    view = current_app.view_functions.get(request.endpoint or "")
    if view is None or request.endpoint == "static" or request.blueprint in OPEN_BLUEPRINTS:
        return None
    if current_user.is_authenticated:
        g.account_actor = current_user.actor
        return None
    return None if getattr(view, "is_public", False) else _ask_to_sign_in()


def _ask_to_sign_in():
    target = request.full_path.rstrip("?") if request.method == "GET" and not request.headers.get("HX-Request") else None
    address = url_for("auth.sign_in", next=None if target == "/" else target)
    if request.headers.get("HX-Request"):  # a redirect would be followed by htmx and land inside the page
        # a poll in the background must not take a page away on which somebody writes
        return "", 401, {} if request.endpoint == "inbox.counts" else {"HX-Redirect": url_for("auth.sign_in")}
    return redirect(address, 303)


def is_over() -> bool:
    """Whether this request needs a person, and its session has none any more."""
    view = current_app.view_functions.get(request.endpoint or "")
    return not current_user.is_authenticated and not getattr(view, "is_public", False) and request.blueprint not in OPEN_BLUEPRINTS


def sign_in_again():
    """Send a person whose session ended while they wrote to sign in, and then back to the page that they wrote on."""
    page = urlsplit(request.referrer or "")
    if request.headers.get("HX-Request") or page.netloc != request.host:
        return _ask_to_sign_in()
    return redirect(url_for("auth.sign_in", next=page.path + (f"?{page.query}" if page.query else "")), 303)


@blueprint.route("/sign-in", methods=["GET", "POST"])
@public
@limiter.limit(FAILURES_BY_ADDRESS, methods=["POST"], deduct_when=lambda response: response.status_code == 401)
@limiter.limit(FAILURES_BY_NAME, methods=["POST"], deduct_when=lambda response: response.status_code == 401,
               key_func=lambda: f"{get_remote_address()}|{request.form.get('user_id', '').strip().lower()[:64]}")
def sign_in():
    """Ask for name and password. A wrong pair answers 401 and never says which of the two was wrong."""
    if current_user.is_authenticated:
        return redirect(_safe(request.values.get("next")), 303)
    form = SignIn()
    if not form.is_submitted():
        return render_template("sign_in.html", form=form, wrong=False)
    account = None
    if form.validate():
        account = people.authenticate(current_app.extensions["terbit"], form.user_id.data or "", form.password.data or "", now())
    if account is None:
        if not form.errors:
            tallies.sign_in_failed(current_app.extensions["terbit"], now(), form.user_id.data or "")
        return render_template("sign_in.html", form=form, wrong=not form.errors), 401 if not form.errors else 400
    session.clear()  # nothing that a stranger put into the session stays
    session.permanent = True
    login_user(Person(account))
    return redirect(_safe(request.values.get("next")), 303)


@blueprint.post("/sign-out")
def sign_out():
    logout_user()
    session.clear()
    return redirect(url_for("auth.sign_in"), 303)


def _safe(target: str | None) -> str:
    """The target if it is a path of this very site, else the inbox: no open redirect."""
    parts = urlsplit(target or "")
    inside = target and target.startswith("/") and not target.startswith("//") and not parts.scheme and not parts.netloc
    return target if inside and target and "\\" not in target and target.isprintable() else url_for("inbox.inbox")
