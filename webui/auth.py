"""Signing in and out. The cookie holds a session's secret (`engine.sessions`): when its row is gone, the session is over.

Closed by default: every page asks for a signed-in person unless its view is marked `@public`. Whoever is to set up a
second factor first gets to that page only.
"""

import time
from urllib.parse import SplitResult, urlsplit

from flask import Blueprint, Flask, abort, current_app, g, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_limiter.util import get_remote_address
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user
from flask_wtf import FlaskForm
from wtforms import PasswordField, StringField
from wtforms.validators import DataRequired, Length

from bpmn.errors import Conflict, Invalid
from engine import api_tokens, credentials, oidc, password_links, passwords, people, second_factor, sessions, tallies
from engine.process_engine import Actor
from webui import now, pe
from webui.security import limiter

blueprint = Blueprint("auth", __name__)
login = LoginManager()
OPEN_BLUEPRINTS = {"situs", "rest"}  # the public site; REST, which has its own sign-in
FAILURES_BY_NAME, FAILURES_BY_ADDRESS = "10 per minute", "100 per hour"
CODES_BY_NAME = "5 per minute; 30 per hour"  # wrong ones of a second factor, from wherever
ASKED_BY_ADDRESS = "5 per minute; 30 per hour"  # links for a forgotten password
ASKED_SECONDS = 0.3  # how long that takes at least: so the time does not tell whether there is an account
CODE_SECONDS = 300  # between password and code
POLLS = {"inbox.counts", "admin.live", "notices.recent", "notices.linking"}  # an open page that asks by itself is nobody's activity
UNFINISHED = {"account.ask_second_factor", "account.set_second_factor", "auth.sign_out", "preferences.change", "static"}


class Person(UserMixin):
    """The signed-in account, as Flask-Login holds it."""

    def __init__(self, account: dict):
        self.account = account
        self.actor = people.actor_of(account)
        self.name, self.title, self.groups, self.locale = account["name"], account["title"], self.actor.groups, account["locale"]
        self.session, self.is_limited = account["session"], account["limited"]

    def get_id(self) -> str:
        return self.account["secret"]


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
def _load(secret: str) -> Person | None:
    account = sessions.find(pe(), secret, now())
    if account is None:
        return None
    if request.endpoint not in POLLS:
        sessions.seen(pe(), account, now())
    return Person({**account, "secret": secret})


def _closed_by_default():
    if request.blueprint != "rest":  # nothing is called so, and PostgreSQL does not take the question
        if "\0" in request.path:
            abort(404)
        if b"%00" in request.query_string:
            abort(400)
    view = current_app.view_functions.get(request.endpoint or "")
    if view is None or request.endpoint == "static" or request.blueprint in OPEN_BLUEPRINTS:
        return None
    if current_user.is_authenticated:
        g.account_actor = current_user.actor
        if current_user.is_limited and request.endpoint not in UNFINISHED and not getattr(view, "is_public", False):
            return redirect(url_for("account.ask_second_factor"), 303)
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
    page = parts_of(request.referrer)
    if request.headers.get("HX-Request") or page.netloc != request.host:
        return _ask_to_sign_in()
    return redirect(url_for("auth.sign_in", next=page.path + (f"?{page.query}" if page.query else "")), 303)


def begin(account: dict, method: str, *, has_second: bool = False):
    """Sign an account in: a new session, and nothing that was in the old one. Where to go: `after`."""
    limited = not has_second and second_factor.is_required(pe(), account)
    secret = sessions.begin(pe(), account, now(), method=method, limited=limited, browser=request.user_agent.string,
                            address=get_remote_address())
    session.clear()
    session.permanent = True
    login_user(Person({**account, "secret": secret, "session": passwords.digest(secret), "limited": limited, "method": method}))


def after(target: str | None):
    """Lead on to a page of this site."""
    return redirect(_safe(target), 303)


@blueprint.route("/sign-in", methods=["GET", "POST"])
@public
@limiter.limit(FAILURES_BY_ADDRESS, methods=["POST"], deduct_when=lambda response: response.status_code == 401)
@limiter.limit(FAILURES_BY_NAME, methods=["POST"], deduct_when=lambda response: response.status_code == 401,
               key_func=lambda: f"{get_remote_address()}|{request.form.get('user_id', '').strip().lower()[:64]}")
def sign_in():
    """Ask for name and password. A wrong pair answers 401 and never says which of the two was wrong."""
    if current_user.is_authenticated:
        return after(request.values.get("next"))
    form = SignIn()
    if not form.is_submitted():
        return _sign_in_page(form)
    account = None
    if form.validate():
        account = credentials.authenticate(pe(), form.user_id.data or "", form.password.data or "", now())
    if account is None:
        if not form.errors:
            tallies.sign_in_failed(pe(), now(), form.user_id.data or "")
        return _sign_in_page(form, wrong=not form.errors), 401 if not form.errors else 400
    return first_step_done(account, "password", request.values.get("next"))


def sign_in_refused(why: str, status: int):
    """The page to sign in, with why that failed elsewhere."""
    return _sign_in_page(SignIn(), problem=why), status


def first_step_done(account: dict, method: str, target: str | None):
    """Whoever has a second factor is asked for it; the others are in."""
    target = _safe(target)
    if not account["second_factor"]:
        begin(account, method)
        return after(target)
    session.clear()  # nothing that a stranger put into the session stays
    session["second"] = {"id": account["id"], "stamp": account["stamp"], "until": int(time.time()) + CODE_SECONDS, "method": method}
    return redirect(url_for("auth.code", next=None if target == url_for("inbox.inbox") else target), 303)


@blueprint.route("/sign-in/code", methods=["GET", "POST"])
@public
@limiter.limit(CODES_BY_NAME, methods=["POST"], deduct_when=lambda response: response.status_code == 401,
               key_func=lambda: f"code|{session.get('second', {}).get('id', get_remote_address())}")
def code():
    """Ask for the code of the second factor, of who gave the right password a moment ago."""
    waiting = session.get("second") or {}
    account = people.account(pe(), waiting["id"], now()) if waiting.get("until", 0) > time.time() else None
    if account is None or not account["active"] or account["stamp"] != waiting["stamp"]:
        session.pop("second", None)
        return redirect(url_for("auth.sign_in", next=request.values.get("next")), 303)
    if request.method == "GET":
        return render_template("sign_in_code.html", wrong=False)
    if not second_factor.check(pe(), account, request.form.get("code", ""), now()):
        tallies.sign_in_failed(pe(), now(), account["id"])
        return render_template("sign_in_code.html", wrong=True), 401
    begin(account, "totp" if waiting["method"] == "password" else waiting["method"], has_second=True)
    return after(request.values.get("next"))


@blueprint.post("/sign-out")
def sign_out():
    sessions.end(pe(), current_user.actor, now(), current_user.session)
    by_provider = current_user.account.get("method") == "oidc"
    logout_user()
    session.clear()
    return redirect(url_for("auth.sign_in", left=1 if by_provider else None), 303)


# A password that was forgotten, or is the first -----------------------------------------------------------------------

@blueprint.route("/forgotten", methods=["GET", "POST"])
@public
@limiter.limit(ASKED_BY_ADDRESS, methods=["POST"])
def forgotten():
    """Have a link sent. The answer is the same whether or not there is such an account, and takes as long."""
    if request.method == "GET" or not password_links.can_be_sent(pe()):
        return render_template("forgotten.html", can_be_sent=password_links.can_be_sent(pe()), sent="sent" in request.args)
    began = time.monotonic()
    password_links.ask(pe(), now(), request.form.get("who", ""))
    time.sleep(max(0.0, ASKED_SECONDS - (time.monotonic() - began)))
    return redirect(url_for("auth.forgotten", sent=1), 303)


@blueprint.route("/set-password/<secret>", methods=["GET", "POST"])
@public
def set_password(secret: str):
    """Set a password by a link. Looking at it uses nothing up: mail programs look, too."""
    account = password_links.find(pe(), secret, now())
    about = {"account": account, "least": passwords.shortest(pe(), account["second_factor"]),
             "tokens": api_tokens.of(pe(), Actor(account["id"], account["tenant"]))}
    if request.method == "GET":
        return render_template("set_password.html", **about, error="", field="")
    try:
        if request.form.get("password", "") != request.form.get("again", ""):
            raise Invalid(_("Kedua kata sandi tidak sama."), field="again")
        password_links.use(pe(), secret, now(), request.form.get("password", ""), and_tokens="tokens" in request.form)
    except (Invalid, Conflict) as problem:
        from webui.errors import message_of

        return render_template("set_password.html", **about, error=message_of(problem), field=problem.where.get("field", "")), 400
    return redirect(url_for("auth.sign_in", set=1), 303)


def _sign_in_page(form: SignIn, wrong: bool = False, problem: str = ""):
    provider = oidc.settings_of(pe())
    local = pe().config.get("LOCAL_PASSWORDS", "everyone")
    return render_template("sign_in.html", form=form, wrong=wrong, problem=problem, provider=provider, local=local,
                           left="left" in request.args and bool(provider), set="set" in request.args)


def parts_of(address: str | None) -> SplitResult:
    """The parts of an address that somebody sent; those of none where it cannot be one ('//[')."""
    try:
        return urlsplit(address or "")
    except ValueError:
        return SplitResult("", "", "", "", "")


def _safe(target: str | None) -> str:
    """The target if it is a path of this very site, else the inbox: no open redirect."""
    parts = parts_of(target)
    inside = target and target.startswith("/") and not target.startswith("//") and not parts.scheme and not parts.netloc
    return target if inside and target and "\\" not in target and target.isprintable() else url_for("inbox.inbox")
