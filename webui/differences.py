"""Two versions of a procedure side by side, in colours and in words, the memo of it; and an old version brought back."""

import io
from typing import Any

from flask import Blueprint, Response, redirect, render_template, request, send_file, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from bpmn.differences.changes import KINDS, TITLES, Item
from bpmn.errors import N_, Invalid, NotFound, Told, worded
from engine import access, amendment, comparing, model_drafts
from engine.comparing import Comparison, Side
from webui import actor, now, pe
from webui.errors import message_of, status_of

blueprint = Blueprint("differences", __name__, url_prefix="/definitions")

DRAFT = "draft"
SIGNS = {"added": "+", "removed": "−", "moved": "⇄", "changed": "≠", "layout": "⤢", "renumbered": "№"}  # beside the colours
LABELS = {"added": _l("Ditambahkan"), "removed": _l("Dihapus"), "moved": _l("Dipindahkan"), "changed": _l("Diubah"),
          "layout": _l("Hanya letaknya"), "renumbered": _l("Nomornya berubah")}
MAKERS = {"pdf": ("application/pdf", amendment.pdf),
          "docx": ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", amendment.as_docx)}


@blueprint.get("/<key>/compare")
def show(key: str):
    """Versions `from` and `to` (or the draft); as far as they are not named, the draft and what it began from, or the last two."""
    versions = comparing.versions(pe(), actor(), key)
    draft = model_drafts.find(pe(), actor(), key)
    before, after = _asked(versions, draft)
    page: dict[str, Any] = {"key": key, "versions": versions, "draft": draft, "before": before, "after": after, "found": None}
    try:
        found = comparing.compare(pe(), actor(), key, before, after)
    except Invalid as problem:  # a draft that is no diagram at this moment
        return render_template("differences/show.html", **page, problem=message_of(problem)), status_of(problem)
    page |= {"found": found, "sides": [(side, found.found.marks(which), _diagram(key, side)) for side, which in (
        (found.before, "before"), (found.after, "after"))]}
    return render_template("differences/show.html", **page, say=say, titles=TITLES, kinds=KINDS, signs=SIGNS, labels=LABELS,
                           sentence=_sentence, rows=_rows(found))


@blueprint.get("/<key>/compare/memo.<any(pdf, docx):kind>")
def memo(key: str, kind: str):
    """The amendment memo. The same versions give the same ETag, before anything is drawn."""
    versions = comparing.versions(pe(), actor(), key)
    before, after = _asked(versions, model_drafts.find(pe(), actor(), key))
    found = comparing.compare(pe(), actor(), key, before, after)
    said, logo = amendment.words(pe(), actor(), found), amendment.logo(pe(), actor())
    tag = f"{kind}-{amendment.digest(said, logo)[:32]}"
    media_type, make = MAKERS[kind]
    if request.if_none_match.contains(tag):
        response = Response(status=304)
    else:
        name = f"Memo perubahan {found.name}, {_file_part(found.before)}–{_file_part(found.after)}.{kind}"
        response = send_file(io.BytesIO(make(said, logo)), media_type, as_attachment=kind == "docx", download_name=name, etag=False)
    response.set_etag(tag)
    response.headers["Cache-Control"] = "private, no-cache"
    return response


@blueprint.post("/<id>/restore")
def restore(id: str):
    """Begin a draft with an old version's files, and show what it would change."""
    key = model_drafts.restore(pe(), actor(), now(), id)
    return redirect(url_for("differences.show", key=key), 303)


def say(words: Told | str) -> str:
    """In the reader's language; the memo itself is always Indonesian."""
    return worded(words.message, words.params, _) if isinstance(words, Told) else words


# Within ---------------------------------------------------------------------------------------------------------------

def _asked(versions: list[dict[str, Any]], draft: dict[str, Any] | None) -> tuple[int, int | None]:
    access.require(access.may_deploy(actor()))
    numbers = [row["version"] for row in versions]
    base = next((row["version"] for row in versions if draft and row["id"] == draft["base_id"]), numbers[0])
    to = request.args.get("to") or (DRAFT if draft and not request.args.get("from") else str(numbers[0]))
    after = None if to == DRAFT else _number(to)
    earlier = [number for number in numbers if after is not None and number < after]
    usual = base if after is None else earlier[0] if earlier else after
    return _number(request.args["from"]) if request.args.get("from") else usual, after


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 9):
        raise NotFound(N_("Versi %(version)s tidak ditemukan."), version=text[:20])
    return int(text)


def _diagram(key: str, side: Side) -> str:
    if side.number is not None:
        return url_for("definitions.diagram", id=side.id)
    return url_for("studio.content", key=key, name=side.diagram, state=side.state[:16])


def _sentence(item: Item) -> str:
    return f"{'; '.join(say(change.clause) for change in item.changes)}."


def _rows(found: Comparison) -> list[tuple[str, str, str, str]]:
    """The table: whose, what, before, after."""
    return [(say(item.subject), say(change.what), say(change.before), say(change.after))
            for item in found.found.items for change in item.changes if change.what]


def _file_part(side: Side) -> str:
    return f"versi {side.number}" if side.number is not None else "rancangan"
