"""The one table from the error tree to HTTP, shown as a page, or as JSON where a program asked.

No traceback ever reaches a person: what is not foreseen is logged with an id, and the page shows the id.
"""

import datetime as dt
import secrets
from collections.abc import Sequence

import sqlalchemy as sa
from flask import Flask, current_app, jsonify, render_template, request
from flask_babel import gettext as _
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, InternalServerError, SecurityError

from bpmn.errors import N_, Conflict, Forbidden, Invalid, NotFound, TerbitError, Told, worded
from webui import auth, view

STATUS = {NotFound: 404, Forbidden: 403, Conflict: 409, Invalid: 400}
JSON_BLUEPRINTS = {"rest"}


def status_of(problem: TerbitError) -> int:
    """The HTTP status of an error of the tree; a subclass has its parent's."""
    return next((STATUS[kind] for kind in type(problem).__mro__ if kind in STATUS), 400)


def message_of(problem: Told) -> str:
    """The error's message in the reader's language, and so the reasons within it."""
    params = {name: view.day_or_moment(value) if isinstance(value, dt.datetime) else value for name, value in problem.params.items()}
    return worded(problem.message, params, _)


def init_app(app: Flask) -> None:
    app.register_error_handler(TerbitError, terbit_error)
    app.register_error_handler(CSRFError, csrf_error)
    app.register_error_handler(HTTPException, http_error)
    app.register_error_handler(sa.exc.DataError, unstorable)
    app.register_error_handler(Exception, unforeseen)


def terbit_error(problem: TerbitError):
    if _wants_json():
        return _json(type(problem).__name__, message_of(problem), status_of(problem))
    return page(status_of(problem), message_of(problem), [message_of(p) for p in getattr(problem, "problems", [])])


def csrf_error(problem: CSRFError):
    if auth.is_over():  # the token went with the session
        return auth.sign_in_again()
    return page(400, _("Halaman ini sudah terlalu lama terbuka, atau dikirim dari tempat lain. Muat ulang halaman, lalu coba lagi."))


def http_error(problem: HTTPException):
    if isinstance(problem, SecurityError):  # the host is none of ours: no page can be made that links anywhere
        return problem.get_response()
    if problem.response is not None or (problem.code or 500) < 400:
        return problem
    if _wants_json():
        response = _json(type(problem).__name__, problem.description or problem.name, problem.code or 500)
    else:
        response = page(problem.code or 500, _explained(problem))
    for name, value in problem.get_headers():
        if name.lower() not in ("content-type", "content-length"):
            response.headers[name] = value
    return response


def unstorable(problem: sa.exc.DataError):
    """What the database does not take, such as NUL in PostgreSQL's texts: nothing of it was kept."""
    current_app.logger.warning("a value that cannot be kept at %s %s: %s", request.method, request.path, problem.orig)
    return terbit_error(Invalid(N_("Isian memuat huruf atau angka yang tidak dapat disimpan.")))


def unforeseen(problem: Exception):
    reference = secrets.token_hex(4)
    current_app.logger.error("unforeseen error %s at %s %s", reference, request.method, request.path, exc_info=problem)
    if current_app.config.get("PROPAGATE_EXCEPTIONS") or current_app.testing:
        raise problem
    message = _("Terjadi kesalahan di pihak Terbit, dan sudah dicatat. Sebutkan nomor %(reference)s bila melapor.", reference=reference)
    return _json("InternalServerError", message, 500) if _wants_json() else page(InternalServerError.code, message)


def page(status: int, message: str, details: Sequence[str] = ()):
    """An error page, or, for htmx, the same page in whole: htmx is told to show it in place of the body."""
    title = _titles().get(status) or _("Tidak dapat dilakukan")
    shown = render_template("error.html", status=status, title=title, message=message, details=details)
    response = current_app.make_response((shown, status))
    if request.headers.get("HX-Request"):
        response.headers["HX-Retarget"] = "body"
        response.headers["HX-Reswap"] = "innerHTML"
    return response


def _titles() -> dict[int, str]:
    return {400: _("Permintaan tidak dapat dibaca"), 403: _("Tidak berwenang"), 404: _("Tidak ditemukan"),
            405: _("Cara ini tidak berlaku"), 409: _("Sudah berubah"), 413: _("Terlalu besar"),
            429: _("Terlalu sering"), 500: _("Kesalahan pada Terbit"), 503: _("Sedang tidak dapat melayani")}


def _explained(problem: HTTPException) -> str:
    size = (current_app.config["MAX_CONTENT_LENGTH"] or 0) // (1024 * 1024)
    return {
        400: _("Isi permintaan tidak lengkap atau rusak."),
        403: _("Anda tidak berwenang membuka atau melakukan ini."),
        404: _("Halaman ini tidak ada, sudah dipindahkan, atau bukan untuk Anda."),
        405: _("Alamat ini tidak menerima permintaan seperti itu."),
        413: _("Dokumen dan isian paling besar %(size)d MB sekali kirim.", size=size),
        429: _("Terlalu banyak percobaan. Tunggu sebentar, lalu coba lagi."),
    }.get(problem.code or 500, problem.name)


def _json(kind: str, message: str, status: int):
    response = jsonify({"type": kind, "message": message})
    response.status_code = status
    return response


def _wants_json() -> bool:
    return (request.blueprint or "").split(".")[0] in JSON_BLUEPRINTS or request.path.startswith(("/engine-rest", "/api/"))
