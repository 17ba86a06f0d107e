"""The admin's page of how the office writes (letterhead, the numbers of its papers, ready phrases) and how often it reviews its SOPs."""

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, redirect, render_template, request, url_for

from bpmn.errors import N_, Invalid, NotFound
from bpmn.sop import PAPERS
from engine import access, letterhead, letters, numbering, settings
from webui import actor, hours, now, pe
from webui.errors import message_of

blueprint = Blueprint("office", __name__, url_prefix="/office")

WORDS = ("address", "contact", "place")  # of a letterhead, beside its lines


@blueprint.before_request
def _only_admins():
    access.require(access.may_administer(actor()))


@blueprint.get("")
def index():
    return _page()


@blueprint.post("/letterhead")
def set_letterhead():
    form = request.form
    words: dict[str, Any] = {name: form.get(name, "") for name in WORDS} | {"lines": form.get("lines", "").splitlines()}
    file = request.files.get("logo")
    return _change("letterhead", lambda: letterhead.change(
        pe(), actor(), now(), words, logo=file.stream if file and file.filename else None, without_logo=form.get("without_logo") == "1"))


@blueprint.post("/numbering")
def set_numbering():
    value = {kind: request.form.get(kind, "") for kind in PAPERS}
    return _change("numbering", lambda: settings.change(pe(), actor(), now(), "numbering", value))


@blueprint.post("/phrases")
def set_phrases():
    value = {name: request.form.get(name, "").splitlines() for name in settings.DEFAULTS["phrases"]}
    return _change("phrases", lambda: settings.change(pe(), actor(), now(), "phrases", value))


@blueprint.post("/review")
def set_review():
    months = request.form.get("months", "")
    value = {"months": int(months) if months.isascii() and months.isdigit() and len(months) < 4 else -1}
    return _change("review", lambda: settings.change(pe(), actor(), now(), "review", value))


@blueprint.post("/numbering/example")
def example():
    """What the pattern of one kind gives today, or what is wrong with it: a piece of the page, while somebody types."""
    kind = request.args.get("kind", "")
    if kind not in PAPERS:
        raise NotFound(N_("Naskah ini tidak ada."))
    return _example(kind, request.form.get(kind, "").strip())


@blueprint.get("/preview/<kind>.pdf")
def preview(kind: str) -> Response:
    """A paper of invented content under the letterhead as it is kept."""
    if kind not in PAPERS:
        raise NotFound(N_("Naskah ini tidak ada."))
    response = Response(letters.sample(pe(), actor(), now(), kind, base_url=request.url_root), mimetype="application/pdf")
    response.headers["Content-Disposition"] = f'inline; filename="contoh-{kind}.pdf"'
    response.headers["Content-Security-Policy"] = "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'self'"
    return response


@blueprint.get("/logo.png")
def logo() -> Response:
    content = letterhead.logo_of(pe(), settings.get(pe(), actor().tenant)["letterhead"])
    if content is None:
        raise NotFound(N_("Logo tidak ada."))
    return Response(content, mimetype="image/png")


# Inside ---------------------------------------------------------------------------------------------------------------

def _example(kind: str, pattern: str) -> str:
    try:
        numbering.check({kind: pattern})
    except Invalid as problem:
        return render_template("office/example.html", kind=kind, problem=message_of(problem))
    return render_template("office/example.html", kind=kind, number=numbering.written(pattern, 7, _today()))


def _today() -> dt.date:
    return now().astimezone(ZoneInfo(hours.calendar().zone)).date()


def _change(section: str, change):
    try:
        change()
    except Invalid as problem:
        fields = {str(p.where.get("field", "")): message_of(p) for p in problem.problems or [problem]}
        return _page(section, fields), 400
    return redirect(url_for("office.index", saved=section, _anchor=section), 303)


def _page(section: str = "", errors: dict[str, str] | None = None):
    """The page; after a mistake (`errors`) in one section, that section as it was typed."""
    kept = settings.get(pe(), actor().tenant)
    shown = {
        "letterhead": {**kept["letterhead"], "lines": "\n".join(kept["letterhead"]["lines"])}, "numbering": kept["numbering"],
        "review": kept["review"],
        "phrases": {name: "\n".join(lines) for name, lines in kept["phrases"].items()}}
    if section:
        shown[section] = {**shown[section], **{name: request.form[name] for name in request.form if name in shown[section]}}
    examples = {kind: _example(kind, shown["numbering"][kind]) for kind in PAPERS}
    return render_template("office/index.html", shown=shown, errors=errors or {}, saved=request.args.get("saved", ""), names=PAPERS,
                           examples=examples, places=numbering.PLACES, has_logo=bool(kept["letterhead"]["logo"]))
