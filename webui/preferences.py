"""The reader's language and light or dark: chosen at any page, kept in the account and in a cookie."""

from flask import Blueprint, abort, redirect, request
from flask_login import current_user

from engine import people
from webui import actor, now, pe
from webui.auth import _safe, public
from webui.view import LOCALES, THEMES

blueprint = Blueprint("preferences", __name__)
YEAR = 365 * 24 * 3600  # seconds


@blueprint.post("/preferences")
@public
def change():
    """Keep `locale` or `theme` and go back to the page it was asked from."""
    response = redirect(_safe(request.form.get("next")), 303)
    locale, theme = request.form.get("locale"), request.form.get("theme")
    if locale not in (*LOCALES, None) or theme not in (*THEMES, None):
        abort(400)
    if locale and current_user.is_authenticated and locale != current_user.locale:
        people.update_user(pe(), actor(), now(), actor().id, locale=locale)
    for name, value in (("terbit_locale", locale), ("terbit_theme", theme)):
        if value:
            response.set_cookie(name, value, max_age=YEAR, secure=request.is_secure, httponly=True, samesite="Lax")
    return response
